"""The whole round, in order: read rules, read facts, ask for limits, plan, push, record. And nothing else.

The edges meet here: files, the store of record, installed platforms, the network. Everything that decides
anything is below and pure.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pushdsl.errors import Diagnostic, Problem, PushdslError, RefusedPlan
from pushdsl.model import CellKey, Live, Plan, PlannedCell, Reason, Status
from pushdsl.settings import Settings, account_settings, read_settings

if TYPE_CHECKING:
    from pushdsl.model import Facts
    from pushdsl.planner import Explanation
    from pushdsl.plugins.manager import InstalledPlatforms
    from pushdsl.plugins.platform import Capabilities
    from pushdsl.pusher import FinalOutcome, Pace, Result, StoreWork
    from pushdsl.rules import CheckedRules
    from pushdsl.store import RecordStore

GROUP = 200
"""Outcomes recorded in one transaction."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where everything is: rule files, facts folder, settings, installed platforms."""

    paths: tuple[Path, ...]
    facts: Path
    settings: Settings
    platforms: InstalledPlatforms


def open_project(paths: Sequence[Path], facts: Path | None = None) -> Project:
    """The project around these rule files or folders; `facts` defaults to the project's `facts` folder."""
    from pushdsl.loader import project_folder
    from pushdsl.plugins.manager import InstalledPlatforms

    folder = project_folder(paths)
    settings = read_settings(folder)
    return Project(tuple(paths), facts or folder / "facts", settings, InstalledPlatforms(settings.capabilities))


def check_rules(project: Project) -> tuple[CheckedRules | None, tuple[Diagnostic, ...]]:
    """Every diagnostic of every file; the rules where none of them is an error."""
    from pushdsl.checker import diagnose
    from pushdsl.loader import load

    return diagnose(load(project.paths), project.platforms)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a plan needs besides the time. `warnings` are about facts, `limits` are the stores' capabilities."""

    rules: CheckedRules
    facts: Facts
    limits: Mapping[str, Capabilities]
    warnings: tuple[Problem, ...]


def read_inputs(project: Project) -> Inputs:
    """Rules, facts (with what the store of record knows) and limits. Raises RuleError, FactsError, SettingsError."""
    from pushdsl.checker import check
    from pushdsl.facts import read_facts
    from pushdsl.loader import load
    from pushdsl.store import open_existing

    rules = check(load(project.paths), project.platforms)
    record = open_existing(project.settings.record_url)
    if record is None:
        facts, warnings = read_facts(project.facts)
    else:
        with record:
            facts, warnings = read_facts(project.facts, record.live())
    limits = {name: project.platforms.capabilities(store) for name, store in rules.stores.items()}
    return Inputs(rules, facts, limits, warnings)


def plan(inputs: Inputs, at: datetime) -> Plan:
    from pushdsl import planner

    return planner.plan(inputs.rules, inputs.facts, inputs.limits, at)


def explain(inputs: Inputs, at: datetime, store: str, store_sku: str) -> list[Explanation]:
    from pushdsl import planner

    return planner.explain(inputs.rules, inputs.facts, inputs.limits, at, store, store_sku)


# ---- apply ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply ended: cells by status, and the failures by what was said of them."""

    confirmed: int
    failed: int
    not_sent: int
    failures: tuple[tuple[PlannedCell, str], ...]

    @property
    def complete(self) -> bool:
        return not self.failed and not self.not_sent


OnProgress = Callable[[int], None]
"""Told how many cells have ended since it was last told."""


def refuse_unless_safe(project: Project, planned: Plan, allow_zeroing: bool) -> None:
    """The guards before the first call: the switch, and no mass zeroing. Raises RefusedPlan."""
    if not project.settings.push_enabled:
        raise RefusedPlan(
            "pushing is switched off", "set `enabled = true` under `[push]` in `pushdsl.toml` to push again"
        )
    shown = sum(cell.live or 0 for cell in planned.cells)
    gone = sum(cell.live or 0 for cell in _having(planned, "push") if cell.quantity == 0)
    limit = project.settings.zeroing_limit_percent
    if gone * 100 > shown * limit and not allow_zeroing:
        raise RefusedPlan(
            f"{gone} of the {shown} pieces shown would go to 0, more than {limit} %",
            "look at the plan; if it is right, apply it with `--allow-zeroing`",
        )


def apply(
    project: Project,
    inputs: Inputs,
    planned: Plan,
    *,
    now: bool = False,
    reason: Reason | None = None,
    on_progress: OnProgress = lambda _: None,
    pace: Pace | None = None,
) -> Applied:
    """Carries out a plan and records every outcome. `now` sends held and unchanged cells too.

    Raises SettingsError before the first call where a store to push lacks its settings.
    """
    from pushdsl import pusher
    from pushdsl.store import open_store

    pace = pace or pusher.Pace()
    sending = list(_having(planned, "push", "held", "unchanged") if now else _having(planned, "push"))
    reaching = _reach(project, inputs, {cell.store for cell in sending})
    with open_store(project.settings.record_url) as record, record.lock():
        record.interrupted(pace.now())
        why = reason or (Reason.PUSH_NOW if now else Reason.RULE_CHANGE)
        if not now:
            skipped = [(cell, _skip_detail(cell)) for cell in _having(planned, "held", "unchanged")]
            record.skip(skipped, reason=why, at=pace.now())
        ids = record.begin(sending, reason=why, at=pace.now())
        work = _work(inputs, reaching, sending, ids)
        recorder = _Recorder(record, pace, on_progress)
        with recorder:
            asyncio.run(_push_all(work, recorder, pace))
    return recorder.summary()


def _having(planned: Plan, *actions: str) -> Iterator[PlannedCell]:
    from pushdsl.planner import PlannedCells

    if isinstance(planned.cells, PlannedCells):
        return iter(planned.cells.having(*actions))  # type: ignore[arg-type]  # the caller names actions
    return (cell for cell in planned.cells if cell.action in actions)


def _skip_detail(cell: PlannedCell) -> str:
    return "held" if cell.action == "held" else ("increase only" if "increase only" in cell.why else "unchanged")


def _reach(project: Project, inputs: Inputs, stores: set[str]) -> dict[str, StoreWork]:
    """How to reach each store, without jobs yet; all missing settings are found before the first call."""
    from pushdsl.pusher import StoreWork

    reaching = {}
    for name in sorted(stores):
        store = inputs.rules.stores[name]
        platform = project.platforms.get(store.platform).platform
        settings = account_settings(project.settings, store, platform)
        reaching[name] = StoreWork(store, platform, settings, inputs.limits[name], ())
    return reaching


def _work(
    inputs: Inputs, reaching: Mapping[str, StoreWork], cells: Sequence[PlannedCell], ids: Sequence[int]
) -> list[StoreWork]:
    from dataclasses import replace

    from pushdsl.pusher import Job

    rows = listing_rows(inputs.facts, {(cell.store, cell.store_sku) for cell in cells})
    jobs: dict[str, list[Job]] = {name: [] for name in reaching}
    listings = inputs.facts.listings
    for record, cell in zip(ids, cells, strict=True):
        row = rows[cell.store, cell.store_sku]
        jobs[cell.store].append(Job(record, cell, listings.item_id[row], listings.variant_id[row]))
    return [replace(reaching[name], jobs=tuple(found)) for name, found in jobs.items()]


def listing_rows(facts: Facts, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The row of each of these listings, by store and store SKU."""
    stores = facts.listings.store.tolist()
    keys = ((facts.stores[s], sku) for s, sku in zip(stores, facts.listings.store_sku, strict=True))
    return {key: row for row, key in enumerate(keys) if key in wanted}


async def _push_all(work: Sequence[StoreWork], recorder: _Recorder, pace: Pace) -> None:
    from pushdsl import pusher

    stop = asyncio.Event()
    async with http_session() as http:
        with _stopped_by_ctrl_c(stop):
            await pusher.push(work, recorder.add, http, stop, pace)


def http_session():  # type: ignore[no-untyped-def]  # aiohttp is imported only where something is sent
    """One session for all stores: bounded time for every call, few connections a host."""
    import aiohttp

    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=30, sock_connect=10),
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=8),
    )


@contextmanager
def _stopped_by_ctrl_c(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C ends the apply cleanly; where the loop takes no signals, the default stays."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)


class _Recorder:
    """Gathers outcomes and writes them to the store of record in groups; what is known is written even on a fault."""

    def __init__(self, record: RecordStore, pace: Pace, on_progress: OnProgress) -> None:
        self._record, self._pace, self._on_progress = record, pace, on_progress
        self._waiting: list[Result] = []
        self._counts = {Status.SUCCESSFULLY: 0, Status.FAILED: 0, Status.SKIPPED: 0}
        self._failures: list[tuple[PlannedCell, str]] = []

    def __enter__(self) -> _Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()

    def add(self, results: Sequence[Result]) -> None:
        self._waiting.extend(results)
        if len(self._waiting) >= GROUP:
            self._flush()
        self._on_progress(len(results))

    def _flush(self) -> None:
        from pushdsl.store import Finished

        at = self._pace.now()
        finished = []
        for result in self._waiting:
            cell, (status, live, code, kind, detail) = result.job.cell, _told(result.outcome)
            self._counts[status] += 1
            if status is Status.FAILED:
                self._failures.append((cell, detail))
            assert cell.quantity is not None
            finished.append(
                Finished(
                    record_id=result.job.record,
                    key=cell.key,
                    quantity=cell.quantity,
                    mode=cell.mode,
                    days=cell.days,
                    status=status,
                    at=at,
                    live=live,
                    code=code,
                    kind=kind,
                    detail=detail,
                )  # fmt: skip
            )
        self._record.finish(finished)
        self._waiting.clear()

    def summary(self) -> Applied:
        counts = self._counts
        return Applied(
            counts[Status.SUCCESSFULLY], counts[Status.FAILED], counts[Status.SKIPPED], tuple(self._failures)
        )


def _told(outcome: FinalOutcome) -> tuple[Status, str, str, str, str]:
    """How an outcome is kept: status, what is now known of the store, code, kind, detail."""
    from pushdsl.plugins.platform import Confirmed, Refused, Temporary, Unauthorized, Unknown
    from pushdsl.pusher import NotSent

    match outcome:
        case Confirmed():
            return Status.SUCCESSFULLY, "confirmed", "", "", ""
        case Refused():
            return Status.FAILED, "unknown", outcome.code, outcome.kind, outcome.message
        case Temporary():
            return Status.FAILED, "unknown", outcome.code, "temporary", outcome.message
        case Unauthorized():
            return Status.FAILED, "unknown", outcome.code, "unauthorized", outcome.message
        case Unknown():
            return Status.FAILED, "unknown", "", "unknown", outcome.message
        case NotSent():
            return Status.SKIPPED, "keep", "", "not_sent", outcome.message


# ---- reconcile --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drift:
    """A cell whose store shows something else than we knew; `unreadable` says why it could not be read."""

    key: CellKey
    known: int | None
    shown: int | None
    unreadable: str = ""


def reconcile(project: Project, inputs: Inputs, store_name: str, pace: Pace | None = None) -> list[Drift]:
    """Reads what a store shows for all its listings, keeps it in the store of record, and returns what differed."""
    from pushdsl import pusher
    from pushdsl.plugins.platform import NotShown
    from pushdsl.store import open_store

    pace = pace or pusher.Pace()
    if store_name not in inputs.rules.stores:
        raise PushdslError(f"the rules declare no store `{store_name}`", _stores_help(inputs))
    work = _reach(project, inputs, {store_name})[store_name]
    shown = asyncio.run(_read_all(inputs, work, pace))
    known = _known(inputs.facts, store_name)
    drifts, seen = [], []
    for item in shown:
        if isinstance(item, NotShown):
            drifts.append(Drift(CellKey(store_name, item.store_sku, ""), None, None, _told(item.outcome)[4]))
            continue
        key = CellKey(store_name, item.store_sku, item.location)
        seen.append((key, Live(item.quantity, item.mode, item.days, item.reserved)))
        if known.get(key) != item.quantity:
            drifts.append(Drift(key, known.get(key), item.quantity))
    with open_store(project.settings.record_url) as record:
        record.observe(seen, at=pace.now())
    return drifts


def _stores_help(inputs: Inputs) -> str:
    return f"stores: {', '.join(sorted(inputs.rules.stores))}"


def _known(facts: Facts, store: str) -> dict[CellKey, int]:
    listings, live = facts.listings, facts.live
    known = {}
    for row, location, quantity in zip(live.listing.tolist(), live.location, live.quantity.tolist(), strict=True):
        if facts.stores[int(listings.store[row])] == store and quantity >= 0:
            known[CellKey(store, listings.store_sku[row], location)] = quantity
    return known


async def _read_all(inputs: Inputs, work: StoreWork, pace: Pace) -> list[object]:
    from pushdsl.plugins.platform import Connection, ListingRef, Query

    listings, facts = inputs.facts.listings, inputs.facts
    refs = [
        ListingRef(listings.store_sku[row], listings.item_id[row], listings.variant_id[row])
        for row, store in enumerate(listings.store.tolist())
        if facts.stores[store] == work.store.name and listings.active[row]
    ]
    by_item = work.capabilities.batch_by == "item"
    groups: dict[str, list[ListingRef]] = {}
    for ref in refs:
        groups.setdefault(ref.item_id if by_item else "", []).append(ref)
    shown: list[object] = []
    async with http_session() as http:
        connection = Connection(work.store, work.settings, http, pace.now)
        for group in groups.values():
            for start in range(0, len(group), work.capabilities.batch_size):
                part = tuple(group[start : start + work.capabilities.batch_size])
                shown.extend(await work.platform.read(Query(connection, part)))
    return shown


def utc_now() -> datetime:
    return datetime.now(UTC)
