"""A project and order lines in; played against local stores while the daemon pushes, and how it went, out.

At speed 0 time stands still while anything works and then jumps to what comes next, so the figures are the same on any
computer. At any other speed it runs so many times as fast as the clock on the wall, work and calls included.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from pushdsl.cli.local_shops import LocalShops, local_shops, open_shops
from pushdsl.cli.replay_market import Market, Sales
from pushdsl.cli.replay_orders import OrderLine, by_invoice
from pushdsl.cycle import Inputs, Project, read_inputs
from pushdsl.daemon import Daemon, Quiet, Spec
from pushdsl.ledger import StockEvent
from pushdsl.model import CellKey, Live, Status
from pushdsl.pacing import Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.run_settings import RunSettings
from pushdsl.store import PLANNER, Ended
from pushdsl.wakes.own import OwnWake
from pushdsl.working import Tenant

T = TypeVar("T")

CALLS_A_SECOND = 2000.0
"""What the local stores bear; no wait for them is a part of any figure."""
BEFORE = timedelta(hours=1)
"""So long before the first order the stores are filled."""
AFTER = timedelta(minutes=2)
"""What is still on its way after the last order, or after a look at the stores, has arrived by then."""
LOOK_EVERY = timedelta(days=1)
"""How often the stores are read, so that what sold without our knowing is filled up."""
SWEEP_SECONDS = 0.02
"""On the wall: how often work is looked for at a speed above 1."""
SWEEP_SECONDS_MAX = 60.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Script:
    """What is played, and how. `delay`: from an order at its store to the seller's stock, in seconds of the shop.

    `record`: the address of an empty record, which is kept; empty for a file that goes when the play is over.
    """

    lines: Sequence[OrderLine]
    speed: float
    delay: float
    run: RunSettings
    record: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """At the end: cells that show what the plan says, of how many; and pieces that some show beyond it."""

    cells: int
    right: int
    held: int


@dataclass(frozen=True, slots=True)
class Played:
    """How it went. Latencies are seconds of the shop's time; `seconds` are those of the wall, without the beginning."""

    sales: Sales
    events: int
    triggers: int
    pushed: int
    skipped: int
    failed: int
    calls: int
    corrected: int
    latencies: Sequence[float]
    seconds: float
    shown: Shown

    def latency(self, share: float) -> float:
        """So many of all confirmed pushes were as fast as this; 0 where there were none."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Clock:
    """The shop's time: stands until somebody waits, or runs `speed` times as fast as the wall's."""

    at: datetime
    speed: float = 0.0
    _wall: float = 0.0

    def run(self, at: datetime, speed: float) -> None:
        self.at, self.speed, self._wall = at, speed, time.monotonic()

    def now(self) -> datetime:
        return self.at + timedelta(seconds=(time.monotonic() - self._wall) * self.speed) if self.speed else self.at

    def milliseconds(self) -> int:
        return round(self.now().timestamp() * 1000)

    async def sleep(self, seconds: float) -> None:
        if self.speed:
            await asyncio.sleep(seconds / self.speed)
        else:
            self.at += timedelta(seconds=seconds)

    def go_to(self, at: datetime) -> None:
        self.at = max(self.at, at)


class Latencies(Quiet):
    """How long each confirmed push was on its way, from the first event that it is for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def pushed(self, tenant: str, store: str, ended: Sequence[object], seconds: float, now: datetime) -> None:
        for one in ended:
            if isinstance(one, Ended) and one.end == "confirmed" and one.push.since:
                self.seconds.append(now.timestamp() - one.push.since / 1000)


async def play(project: Project, script: Script, folder: Path) -> Played:
    """Plays the orders once; `folder` is for the record. Raises PushdslError."""
    clock, latencies = Clock(script.lines[0].at - BEFORE), Latencies()
    wake = OwnWake(script.run.stores_at_once, clock=clock.milliseconds)
    with local_shops() as shops:
        project, inputs = _opened(project, script, shops, clock, folder)
        pace = Pace(clock.now, clock.sleep)
        daemon = Daemon(project.settings.run, project.settings.record_url, wake, latencies, pace, database_time=False)
        async with daemon.opened():
            tenant = await daemon.add(Spec(project), allow_zeroing=True)
            market = Market(inputs.facts, inputs.rules.stores, shops)
            return await _Run(script, clock, market, daemon, tenant, wake).carry_out(latencies)


def _opened(project: Project, script: Script, shops: LocalShops, clock: Clock, folder: Path) -> tuple[Project, Inputs]:
    """The project with its stores at local shops that live in the same time, and a record of its own."""
    inputs = read_inputs(project, recorded=False)
    limits = project.settings.capabilities
    faster = {s.account: {**limits.get(s.account, {}), "requests_per_second": CALLS_A_SECOND}
              for s in inputs.rules.stores.values()}  # fmt: skip
    platforms = InstalledPlatforms(faster)
    for store in inputs.rules.stores.values():
        sandbox = shops.start(platforms, store.platform)
        if isinstance(sandbox, SandboxServer):
            sandbox.bear_any_rate()
            sandbox.now = clock.now
    sweep = min(max(script.run.sweep, script.speed * SWEEP_SECONDS), SWEEP_SECONDS_MAX)
    alone = replace(
        script.run, sweep=sweep, facts_every=DAY_SECONDS, facts_max_age=None, reconcile_every=None, listen=""
    )
    settings = replace(
        project.settings, accounts=open_shops(shops, platforms, inputs.rules.stores, inputs.facts),
        capabilities=faster, record=script.record or f"sqlite:///{folder / 'record.db'}", push_enabled=True,
        tokens_in_clear=True,
        token_key=None, run=alone, sources={},
    )  # fmt: skip
    return replace(project, settings=settings, platforms=platforms), inputs


@dataclass(slots=True)
class _Run:
    """One play while it lasts. `_coming` is what will happen: when, in which order, and what to do."""

    script: Script
    clock: Clock
    market: Market
    daemon: Daemon
    tenant: Tenant
    wake: OwnWake
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _coming: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    _number: int = 0
    _events: int = 0
    _corrected: int = 0
    _on_their_way: int = 0

    async def carry_out(self, latencies: Latencies) -> Played:
        await self._fill()
        await self.daemon.run_once(self.stop)
        self._events, calls = 0, self._calls()
        latencies.seconds.clear()
        self._plan_ahead()
        began = time.monotonic()
        [last] = self.tenant.store.records(limit=1)
        if self.script.speed:
            self.clock.run(self.script.lines[0].at, self.script.speed)
            working = asyncio.ensure_future(self.daemon.run(self.stop))
            await self._play()
            self.stop.set()
            await working
        else:
            await self._play()
        seconds = time.monotonic() - began
        counts = await self._db(lambda: _counts(self.tenant, last.id))
        return Played(
            self.market.sales, self._events, sum(counts.values()), counts[Status.SUCCESSFULLY], counts[Status.SKIPPED],
            counts[Status.FAILED], self._calls() - calls, self._corrected, latencies.seconds, seconds,
            await self._db(self._shown),
        )  # fmt: skip

    async def _fill(self) -> None:
        """The stores begin with what the plan says."""
        planned = await self._db(lambda: list(self.tenant.planned(self.market.facts.skus, self.clock.now())))
        shown = await asyncio.to_thread(self.market.fill, planned)
        news = [(key, Live(one.quantity, one.mode, one.days, one.reserved)) for key, one in shown.items()]
        await self._db(partial(self.tenant.store.observe, news, at=self.clock.now()))

    def _plan_ahead(self) -> None:
        for invoice in by_invoice(self.script.lines):
            self._at(invoice[0].at, partial(self._order, invoice))
        first, last = self.script.lines[0].at, self.script.lines[-1].at
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0) + LOOK_EVERY
        while midnight < last:
            self._at(midnight, self._look)
            midnight += LOOK_EVERY

    def _at(self, at: datetime, work: Callable[[], Awaitable[None]]) -> None:
        self._number += 1
        heapq.heappush(self._coming, (at, self._number, work))

    async def _play(self) -> None:
        while self._coming:
            at, _, work = heapq.heappop(self._coming)
            await self._until(at)
            await work()
        await self._end()
        await self._look()
        await self._end()

    async def _end(self) -> None:
        """Until all has arrived that is on its way."""
        await self._until(self.clock.now() + AFTER)
        while self.script.speed and await self.daemon.left(self.tenant):
            await asyncio.sleep(SWEEP_SECONDS)

    async def _order(self, lines: Sequence[OrderLine]) -> None:
        events = await asyncio.to_thread(self.market.play, lines)
        if events:
            self._on_their_way += 1
            self._at(lines[0].at + timedelta(seconds=self.script.delay), partial(self._hear, events))

    async def _hear(self, events: Sequence[StockEvent]) -> None:
        self._on_their_way -= 1
        await self._take(events)

    async def _take(self, events: Sequence[StockEvent]) -> None:
        """The seller's stock hears of something."""
        taken = await self._db(partial(self.tenant.ledger.take, events, at=self.clock.now()))
        assert not taken.refused, "what the market tells is true"
        self._events += taken.new
        self.wake.found(self.tenant.name, [PLANNER])

    async def _look(self) -> None:
        """Reads the stores, and pushes again what they show otherwise; not while our stock is to hear of an order."""
        if self._on_their_way:
            self._at(self.clock.now() + timedelta(seconds=self.script.delay), self._look)
            return
        at, shown = self.clock.now(), await asyncio.to_thread(self.market.shown)
        live = (await self._db(partial(self.tenant.store.state, self.tenant.ids))).live
        cells = zip(live.store, live.store_sku, live.location, live.quantity, strict=True)
        news = [
            (key, Live(there.quantity, there.mode, there.days, there.reserved))
            for store, store_sku, location, quantity in cells
            if (there := shown.get(key := CellKey(store, store_sku, location))) and there.quantity != quantity
        ]
        if news:
            await self.tenant.correct(news, at=at)
            self.wake.found(self.tenant.name, [PLANNER])
        self._corrected += len(news)

    async def _until(self, at: datetime) -> None:
        if self.script.speed:
            await self.clock.sleep(max(0.0, (at - self.clock.now()).total_seconds()))
            return
        while True:
            soon = await self.daemon.run_due(self.stop)
            due = at if soon is None else self.clock.now() + timedelta(seconds=max(soon, 0.001))
            self.clock.go_to(min(due, at))
            if due >= at:
                return

    async def _db(self, work: Callable[[], T]) -> T:
        return await self.tenant.in_thread(work)  # type: ignore[return-value]  # what `work` gives

    def _calls(self) -> int:
        return sum(sandbox.calls for sandbox in self.market.shops.sandboxes.values())

    def _shown(self) -> Shown:
        """What the stores show, held against the plan of now."""
        facts = self.market.facts
        cells = list(self.tenant.planned(facts.skus, self.clock.now()))
        shown = self.market.shown()
        asked = [cell for cell in cells if cell.action in ("push", "unchanged")]
        right = sum(1 for cell in asked if (there := shown.get(cell.key)) and there.quantity == cell.quantity)
        return Shown(len(asked), right, sum(cell.action == "held" for cell in cells))


def _counts(tenant: Tenant, after: int) -> Counter[Status]:
    """Triggers of listings, by how they ended, of all records after this one."""
    counts: Counter[Status] = Counter()
    for one in tenant.store.records(limit=None):
        if one.id > after:
            counts[one.status] += one.count
    return counts
