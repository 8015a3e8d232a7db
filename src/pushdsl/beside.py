"""What goes on beside the pushing of one seller: events come in, facts are watched, stores are read, history is cut.

Each part goes on by itself: what goes wrong in one is told, and it begins again after a pause.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from pushdsl.correcting import Corrector, Drifted, told
from pushdsl.errors import FactsError, PushdslError, RefusedPlan, RuleError
from pushdsl.facts.tables import FORMATS
from pushdsl.intake import Intake
from pushdsl.model import Reason
from pushdsl.plugins.platform import ListingRef
from pushdsl.run_settings import RunSettings
from pushdsl.settings import source_settings
from pushdsl.sources.folder import FolderSource, Watch
from pushdsl.sources.http import Shop, event_routes, webhook_routes
from pushdsl.sources.lines import lines_of, read_lines
from pushdsl.working import Tenant

if TYPE_CHECKING:
    from aiohttp import web
    from pydantic import BaseModel

    from pushdsl.calling import Reach
    from pushdsl.cycle import Project
    from pushdsl.plugins.sources import EventSource

log = logging.getLogger("pushdsl.run")

PAUSE_SECONDS = 5.0
PRUNE_SECONDS = 3600.0
LOOK_SECONDS = 1.0
SWITCHED_OFF = "pushing is switched off"
CATALOGUE = ("listings", "skus", "bundles")
"""Tables that are read as a whole when one of them changes; `stock` comes as events."""


class Alarm(Protocol):
    """Hears what a person should know; no message where it is over. Must not fail."""

    def __call__(self, tenant: str, kind: str, store: str, message: str) -> None: ...


@dataclass(slots=True)
class Beside:
    """One seller's part of a daemon besides the work itself. `reload` takes rules and catalogue anew."""

    project: Project
    tenant: Tenant
    intake: Intake
    settings: RunSettings
    wake: Callable[[], None]
    reload: Callable[[], Awaitable[None]]
    alarm: Alarm
    watch: Watch = field(init=False)
    shops: dict[str, Shop] = field(default_factory=dict)
    """Stores that may send webhooks."""
    _sources: list[tuple[str, EventSource, BaseModel]] = field(default_factory=list)
    _catalogue: str = ""
    _problem: str = ""

    def __post_init__(self) -> None:
        self.watch = Watch(self.project.facts, self.intake, pace=self.tenant.pace)
        self._catalogue = catalogue_digest(self.project.facts)
        self.work_for(self.tenant)

    def work_for(self, tenant: Tenant) -> None:
        """With these rules and facts from now on."""
        self.tenant = tenant
        self.shops.clear()
        self.shops |= {name: Shop(reach.platform, partial(_settings, reach)) for name, reach in tenant.reaching.items()}

    async def begin(self) -> None:
        """Takes in what the folder says now; raises PushdslError where that or a source cannot be used."""
        self._sources = list(self._sources_of_settings())
        await self.watch.look()
        await self.watch.look()
        if self.watch.problem:
            raise PushdslError(self.watch.problem, "mend the table; `pushdsl plan` shows every problem of it")
        self._mind_age()

    def parts(self, *, lines: bool) -> Iterator[Awaitable[None]]:
        """All that goes on, to be run until it is cancelled."""
        yield self._often("facts", self.settings.facts_every, self._look_at_facts)
        yield self._often("looks", LOOK_SECONDS, self._look_at_stores)
        yield self._often("history", PRUNE_SECONDS, self._prune)
        if self.settings.reconcile_every is not None:
            corrector = Corrector(self.tenant, self.settings.corrections_max)
            yield self._often("reconcile", self.settings.reconcile_every, lambda: self._reconcile(corrector))
        if lines:
            yield self._once("lines", self._read_lines)
        for source in self._sources:
            yield self._source(*source)

    def routes(self) -> list[web.RouteDef]:
        """What the seller is asked and told over HTTP; without a token no events are taken."""
        routes = webhook_routes(self.intake, self.shops, self._heard)
        if self.settings.events_token:
            routes += event_routes(self.intake, SecretStr(self.settings.events_token))
        return routes

    # ---- parts --------------------------------------------------------------------------------------

    async def _heard(self, store: str, listings: Sequence[ListingRef]) -> None:
        """A platform said that something happened to these listings: they are read, and pushed if they should be."""
        for listing in listings:
            for sku in self.tenant.listings_of(store, listing):
                self.tenant.looks[store, sku] = int(Reason.REFRESH_INVENTORY)

    async def _look_at_facts(self) -> None:
        await self.watch.look()
        if self.watch.problem != self._problem:
            self._problem = self.watch.problem
            if self._problem:
                self._tell("facts", "", self._problem)
            else:
                self.alarm(self.tenant.name, "facts", "", "")
        self._mind_age()
        digest = await asyncio.to_thread(catalogue_digest, self.project.facts)
        if digest != self._catalogue:
            before, self._catalogue = self._catalogue, digest
            try:
                await self.reload()
            except (RuleError, FactsError, RefusedPlan):
                raise  # not before it changes again
            except Exception:  # the record could not be written, say
                self._catalogue = before
                raise

    def _mind_age(self) -> None:
        """A snapshot older than its limit pushes nothing, and says so."""
        limit, age = self.settings.facts_max_age, self.watch.age()
        before = self.tenant.held_up
        if limit is None or age is None or before == SWITCHED_OFF:
            return
        late = age > timedelta(seconds=limit)
        why = f"the facts are {_hours(age)} old, more than {_hours(timedelta(seconds=limit))}"
        self.tenant.held_up = why if late else ""
        if late and not before:
            self._tell("held up", "", f"nothing is pushed: {self.tenant.held_up}")
        elif before and not late:
            self._tell("held up", "", "pushing goes on: the facts are new again")
            self.wake()

    async def _look_at_stores(self) -> None:
        if self.tenant.looks and not self.tenant.held_up:
            await self.tenant.look_all()

    async def _prune(self) -> None:
        await asyncio.to_thread(self.tenant.store.prune, self.tenant.pace.now())

    async def _reconcile(self, corrector: Corrector) -> None:
        corrector.tenant = self.tenant  # another since rules and facts were taken anew
        for store in sorted(self.tenant.reaching):
            self._tell_drift(await corrector.reconcile(store))

    def _tell_drift(self, drifted: Drifted) -> None:
        if drifted.drifts:
            log.warning("%s", told(drifted), extra=self._fields("drift", drifted.store))
        self.alarm(self.tenant.name, "drift", drifted.store, told(drifted) if drifted.capped else "")

    async def _read_lines(self) -> None:
        def report(number: int, why: str) -> None:
            log.warning("line %s was put aside: %s", number, why, extra=self._fields("put aside", ""))

        pause = partial(self.tenant.pace.sleep, PAUSE_SECONDS)
        await read_lines(lines_of(sys.stdin.buffer), self.intake, report=report, again=pause)

    def _sources_of_settings(self) -> Iterator[tuple[str, EventSource, BaseModel]]:
        for name, raw in self.project.settings.sources.items():
            kind, brought = str(raw["kind"]), self.project.platforms.source
            source = FolderSource(self.tenant.pace) if kind == FolderSource.name else brought(kind)
            yield name, source, source_settings(name, raw, source.settings)

    def _source(self, name: str, source: EventSource, settings: BaseModel) -> Awaitable[None]:
        return self._once(f"sources.{name}", lambda: source.run(settings, self.intake))

    # ---- below --------------------------------------------------------------------------------------

    async def _often(self, name: str, seconds: float, part: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._attempt(name, part)
            await self.tenant.pace.sleep(seconds)

    async def _once(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Until it ends by itself; what failed begins again."""
        while not await self._attempt(name, part):
            await self.tenant.pace.sleep(PAUSE_SECONDS)

    async def _attempt(self, name: str, part: Callable[[], Awaitable[None]]) -> bool:
        try:
            await part()
        except PushdslError as error:
            log.error("%s", error.message, extra=self._fields(name, "") | {"help": error.help})
        except Exception as error:  # told without its text, which may be a plugin's and hold secrets
            log.error("%s failed with %s", name, type(error).__name__, extra=self._fields("mistake", ""))
        else:
            return True
        return False

    def _tell(self, kind: str, store: str, message: str) -> None:
        log.warning("%s", message, extra=self._fields(kind, store))
        self.alarm(self.tenant.name, kind, store, message)

    def _fields(self, event: str, store: str) -> dict[str, str]:
        return {"event": event, "tenant": self.tenant.name, "store": store}


def _settings(reach: Reach) -> BaseModel:
    """What holds now, tokens included."""
    return reach.settings if reach.tokens is None else reach.tokens.settings


def catalogue_digest(folder: Path) -> str:
    """Changes when one of the tables does that are read as a whole."""
    digest = hashlib.sha256()
    for path in sorted(folder / f"{name}{format}" for name in CATALOGUE for format in FORMATS):
        with suppress(OSError):
            stat = path.stat()
            digest.update(f"{path.name} {stat.st_mtime_ns} {stat.st_size};".encode())
    return digest.hexdigest()


def catalogue_contents(folder: Path) -> str:
    """As `catalogue_digest`, but the same on every machine that has the same tables."""
    digest = hashlib.sha256()
    for path in sorted(folder / f"{name}{format}" for name in CATALOGUE for format in FORMATS):
        with suppress(OSError), path.open("rb") as table:
            digest.update(f"{path.name} {hashlib.file_digest(table, 'sha256').hexdigest()};".encode())
    return digest.hexdigest()


def _hours(age: timedelta) -> str:
    hours, minutes = divmod(int(age.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
