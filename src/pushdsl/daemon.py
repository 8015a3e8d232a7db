"""`pushdsl run`: stock changes, stores follow. Tenants, what wakes their work, and what goes on beside it.

Whatever goes wrong with one tenant or one store ends there: it is told, and tried again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aiohttp import web

from pushdsl import cycle
from pushdsl.applying import live_of, refuse_mass_zeroing
from pushdsl.beside import SWITCHED_OFF, Alarm, Beside, catalogue_contents
from pushdsl.calling import connections
from pushdsl.errors import PushdslError
from pushdsl.intake import Intake
from pushdsl.model import Reason
from pushdsl.pacing import Gates, Pace
from pushdsl.portion import Catalogue
from pushdsl.reaching import reach
from pushdsl.run_settings import RunSettings
from pushdsl.store import PLANNER, RULES_SEEN, Together, Trigger, WorkStore, open_work
from pushdsl.wakes import Wake
from pushdsl.wakes.own import OwnWake
from pushdsl.working import Observer, Tenant

if TYPE_CHECKING:
    import aiohttp

    from pushdsl.cycle import Project

T = TypeVar("T")
P = ParamSpec("P")
log = logging.getLogger("pushdsl.run")

DATABASE_THREADS = 8
"""On PostgreSQL, where sellers are taken on; their work is done in a line of each. SQLite has one thread for all."""
LONGEST_SECONDS = 60.0
"""What is to be done is never put off for longer, but for a lease. INVARIANT: no less than a window, the pause before a
repeat, and `PLAN_SECONDS`."""
PAUSE_SECONDS = 1.0
"""After something went wrong that no lane is to blame for."""
FAILURES_MAX = 5
"""So often something may fail where the work is to come to an end."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One seller to work for; `name` is empty where a record has one seller only."""

    project: Project
    name: str = ""


class Quiet:
    """An observer that keeps nothing."""

    def planned(self, tenant: str, skus: int, cells: int, seconds: float) -> None: ...
    def pushed(self, tenant: str, store: str, ended: Sequence[object], seconds: float, now: datetime) -> None: ...
    def paused(self, tenant: str, store: str, seconds: float, why: str) -> None: ...
    def overtaken(self, tenant: str, store: str, cells: int) -> None: ...
    def swept(self, tenant: str, at: datetime) -> None: ...


@dataclass(slots=True)
class Threads:
    """Where the database is waited for."""

    executor: Executor

    async def __call__(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, partial(work, *args, **named))


@dataclass(slots=True)
class Daemon:
    """Work for some tenants on one record, until it is stopped. `wake` absent: this process wakes itself."""

    settings: RunSettings
    record_url: str
    wake: Wake | None = None
    observer: Observer = field(default_factory=Quiet)
    pace: Pace = field(default_factory=Pace)
    repair: bool = True
    database_time: bool = True
    """Whether times are those of the database, where it has a clock; else all are those of `pace`."""
    at_step: Callable[[str], None] = lambda step: None
    alarm: Alarm = lambda tenant, kind, store, message: None  # a default
    routes: Sequence[web.RouteDef] = ()
    """What is answered over HTTP besides what sellers and stores say."""
    tenants: dict[str, Tenant] = field(default_factory=dict)
    besides: dict[str, Beside] = field(default_factory=dict)
    _wake: Wake = field(init=False)
    _record: WorkStore = field(init=False)
    _threads: Threads = field(init=False)
    _lines: dict[str, Threads] = field(default_factory=dict)
    _gates: Gates = field(init=False)
    _http: aiohttp.BaseConnector | None = None

    @property
    def alone(self) -> bool:
        """Whether no other process can work on the record."""
        return self.record_url.startswith("sqlite")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Daemon]:
        """The record, open and held against every `apply`; raises PushdslError."""
        self._wake = self.wake or OwnWake(concurrency=self.settings.stores_at_once)
        self._gates = Gates(self.settings.answer)
        alone = Together("pushdsl-record") if self.alone else None
        executor = alone or ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="pushdsl-record")
        self._threads = Threads(executor)
        try:
            self._record = await self._threads(
                lambda: open_work(
                    self.record_url,
                    self.pace.now,
                    repair=self.repair,
                    waker=self._wake,
                    database_time=self.database_time,
                )
            )
            if alone is not None:
                alone.within = self._record.grouped
            with self._record, self._record.lock(shared=True):
                async with connections() as http:
                    self._http = http
                    yield self
        finally:
            for line in self._lines.values():
                line.executor.shutdown()
            executor.shutdown()

    async def add(self, spec: Spec, *, allow_zeroing: bool = False) -> Tenant:
        """Takes a seller on: rules and facts are read and checked, what they change is planned. Raises PushdslError."""
        tenant = await self._threads(self._load, spec)
        intake = Intake(tenant.ledger, self._line(spec.name).executor, partial(self._told, spec.name), self.pace)
        if not spec.project.settings.push_enabled:
            tenant.held_up = SWITCHED_OFF
        beside = Beside(
            spec.project, tenant, intake, spec.project.settings.run, partial(self._rouse, tenant),
            partial(self.reload, spec), self.alarm,
        )  # fmt: skip
        await beside.begin()
        if tenant.held_up != SWITCHED_OFF:
            await self._threads(self._begin, spec, tenant, allow_zeroing)
        self.tenants[spec.name], self.besides[spec.name] = tenant, beside
        return tenant

    async def reload(self, spec: Spec) -> None:
        """Takes rules and catalogue anew; where they are wrong, or would empty the stores, the old ones stay.

        Raises PushdslError in that case.
        """
        old = self.tenants[spec.name]
        try:
            tenant = await self._threads(self._load, spec)
            tenant.held_up, tenant.looks = old.held_up, old.looks
            if tenant.held_up != SWITCHED_OFF:
                await self._threads(self._begin, spec, tenant, False)
        except PushdslError as error:
            self.alarm(spec.name, "reload", "", f"new rules or facts are not taken: {error.message}")
            raise
        for kind in ("reload", "outdated"):
            self.alarm(spec.name, kind, "", "")
        self.tenants[spec.name] = tenant
        self.besides[spec.name].work_for(tenant)
        old.held_up = "rules and facts were taken anew"  # whoever works for it still ends its round, and no more
        self._rouse(tenant)
        log.info("rules and facts were taken anew", extra={"tenant": spec.name, "event": "reload"})

    def _told(self, name: str, skus: Collection[str]) -> None:
        """Stock changed: it is planned."""
        self._wake.found(name, [PLANNER])

    def _rouse(self, tenant: Tenant) -> None:
        self._wake.found(tenant.name, [PLANNER, *tenant.reaching])

    def _load(self, spec: Spec) -> Tenant:
        tables = catalogue_contents(spec.project.facts)  # before they are read: what changes meanwhile is taken next
        inputs = cycle.read_inputs(spec.project, recorded=False)
        store = self._record.of_tenant(spec.name)
        reaching = reach(
            spec.project.settings, spec.project.platforms, inputs.rules.stores.values(), inputs.limits, store
        )
        return Tenant(
            name=spec.name,
            inputs=inputs,
            catalogue=Catalogue(inputs.rules, inputs.facts, inputs.limits),
            store=store,
            ledger=store.ledger(),
            reaching=reaching,
            settings=self.settings,
            in_thread=self._line(spec.name),
            owner=f"process {os.getpid()} on {socket.gethostname()}",
            gates=known.gates if (known := self.tenants.get(spec.name)) else self._gates.of_another_seller(),
            pace=self.pace,
            observer=self.observer,
            http=self._http,
            at_step=self.at_step,
            rules=int(inputs.rules.sha256[:15], 16) ^ int(tables[:15], 16),
        )

    def _line(self, name: str) -> Threads:
        """Where a seller's part of the record is worked on: what waits for it goes together."""
        if self.alone:
            return self._threads
        if name not in self._lines:
            line = Together(f"pushdsl-record-{name}")
            line.within = self._record.of_tenant(name).grouped
            self._lines[name] = Threads(line)
        return self._lines[name]

    def _begin(self, spec: Spec, tenant: Tenant, allow_zeroing: bool) -> None:
        """What the record does not know yet it learns from the facts; if rules or facts changed, all is planned."""
        facts, store = tenant.inputs.facts, tenant.store
        if self.alone and spec.name not in self.tenants:  # whoever held a lane before this process is dead
            store.free_all()
            self._set_right(tenant)
        known = store.live()
        there = set(zip(known.store, known.store_sku, known.location, strict=True))
        news = [
            (key, live)
            for key, live in live_of(facts)
            if (key.store, key.store_sku, key.location) not in there and live.quantity is not None
        ]
        store.observe(news, at=self.pace.now())
        tenant.begin_windows()
        assert tenant.rules is not None, "loaded here"
        if store.number(RULES_SEEN) != tenant.rules:
            skus = sorted({facts.skus[sku] for sku in facts.listings.sku.tolist() if sku >= 0})
            refuse_mass_zeroing(spec.project, tenant.planned(skus, self.pace.now()), allow_zeroing)
            store.plan_from(tenant.rules, [Trigger(sku, Reason.RULE_CHANGE) for sku in skus])

    # ---- the work -----------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, *, lines: bool = False) -> None:
        """Works until `stop` is set; then nothing new begins, and what is under way is ended and recorded.

        `lines` takes events from standard input too.
        """
        others = [asyncio.ensure_future(part) for beside in self.besides.values() for part in beside.parts(lines=lines)]
        others.append(asyncio.ensure_future(self._sweep_often(stop)))
        for name in self.tenants:  # a wake that knows them all keeps room for each
            self._wake.found(name, [PLANNER])
        try:
            async with self._listening():
                await self._wake.run(self.serve_in(stop), stop)
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for beside in self.besides.values():
                await beside.intake.close()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """The HTTP endpoint, if one is wanted: each seller under its name, or at the root where there is one alone."""
        if not self.settings.listen:
            yield
            return
        app = web.Application()
        app.add_routes(self.routes)
        for name, beside in self.besides.items():
            if name:
                part = web.Application()
                part.add_routes(beside.routes())
                app.add_subapp(f"/{name}", part)
            else:
                app.add_routes(beside.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, port = _address(self.settings.listen)
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                help = "choose another `--listen`, or end what listens there"
                raise PushdslError(f"cannot listen on {self.settings.listen}: {error.strerror}", help) from None
            log.info("listening on %s:%s", *runner.addresses[0][:2], extra={"event": "listening"})
            yield
        finally:
            await runner.cleanup()

    async def run_once(self, stop: asyncio.Event) -> bool:
        """Works until nothing is left that can be done without waiting for a store; whether nothing is left at all."""
        while not stop.is_set():
            soon = await self.run_due(stop)
            if soon is None or soon > max(self.settings.window, 1.0) * 2:
                break
            await self.pace.sleep(max(soon, 0.01))
        return not any([await self.left(tenant) for tenant in self.tenants.values()])

    async def run_due(self, stop: asyncio.Event) -> float | None:
        """Works until nothing can be done just now; in how many seconds something can, if that is known.

        What fails again and again is given up.
        """
        failed: list[str] = []
        handler = self.serve_in(stop, failed)
        while not stop.is_set():
            later: list[float] = []
            worked = False
            for name, tenant in self.tenants.items():
                if tenant.held_up:
                    continue
                await tenant.windows_moved(self.pace.now())
                await tenant.db(tenant.store.recheck)
                await tenant.look_all()
                lanes, seconds = await tenant.db(tenant.store.awake)
                if tenant.outdated:
                    lanes = ()
                worked = worked or bool(lanes)
                await asyncio.gather(*(handler(name, lane) for lane in lanes))
                if seconds is not None:
                    later.append(seconds)
            if not worked:
                return min(later, default=None)
            if len(failed) >= FAILURES_MAX:
                return None
        return None

    async def left(self, tenant: Tenant) -> int:
        """Cells that wait to be pushed, and SKUs that wait to be planned."""
        work = await tenant.db(tenant.store.work)
        return sum(lane.waiting for lane in work.lanes) + work.to_plan

    def serve_in(self, stop: asyncio.Event, failed: list[str] | None = None) -> Callable[[str, str], Awaitable[None]]:
        """What a wake of a tenant's lane does; what goes wrong in it ends there, and is added to `failed`."""

        def note(lane: str) -> None:
            if failed is not None:
                failed.append(lane)

        async def serve(name: str, lane: str) -> None:
            tenant = self.tenants.get(name)
            if tenant is None:
                return
            try:
                if lane == PLANNER:
                    await self._plan(tenant, stop)
                else:
                    await tenant.serve(lane, stop)
            except PushdslError as error:
                note(lane)
                log.error(
                    "%s", error.message, extra={"tenant": name, "store": lane, "help": error.help, "event": "failed"}
                )
                await self.pace.rest(PAUSE_SECONDS, stop)
            except Exception:
                note(lane)
                log.exception("a mistake of pushdsl", extra={"tenant": name, "store": lane, "event": "mistake"})
                await self.pace.rest(PAUSE_SECONDS, stop)

        return serve

    async def _plan(self, tenant: Tenant, stop: asyncio.Event) -> None:
        before = tenant.outdated
        await tenant.plan(stop)
        if tenant.outdated != before and self.tenants.get(tenant.name) is tenant:
            why = "another process plans by newer rules or facts; give this one the same, and start it again"
            self.alarm(tenant.name, "outdated", "", why if tenant.outdated else "")

    async def _sweep_often(self, stop: asyncio.Event) -> None:
        """Every second each tenant's lanes are looked at, so that a wake that was lost is lost for a second only."""
        seen = self.pace.now()
        while not stop.is_set():
            before, seen = seen, self.pace.now()
            for tenant in list(self.tenants.values()):
                try:
                    if self.alone and seen < before:
                        await self._threads(self._set_right, tenant)
                    await self._sweep(tenant)
                    self.observer.swept(tenant.name, self.pace.now())
                except PushdslError as error:
                    log.error("%s", error.message, extra={"tenant": tenant.name, "help": error.help, "event": "failed"})
                except Exception:  # whoever does not look again never finds a wake that was lost
                    log.exception("a mistake of pushdsl", extra={"tenant": tenant.name, "event": "mistake"})
            await self.pace.rest(self.settings.sweep, stop)

    def _set_right(self, tenant: Tenant) -> None:
        """The clock of a record in a file is this machine's, which may have been ahead."""
        settings = self.settings
        tenant.store.set_right(
            longest=settings.lease + LONGEST_SECONDS, answer_seconds=settings.send + settings.answer
        )  # fmt: skip

    async def _sweep(self, tenant: Tenant) -> None:
        if tenant.held_up:
            return
        await tenant.windows_moved(self.pace.now())
        await tenant.db(tenant.store.recheck)
        lanes, _ = await tenant.db(tenant.store.awake)
        self._wake.found(tenant.name, lanes)


def _address(text: str) -> tuple[str, int]:
    """Raises PushdslError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise PushdslError(f"`{text}` is no address to listen on", "write it as `127.0.0.1:8710`")
    return host.strip("[]"), int(port)
