"""Cells to push in, one final outcome for each out: batches, order, rates, retries, and splitting around a bad row.

All stores at once on one event loop. Whatever a platform or the network does, every cell ends with an outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from pushdsl.model import PlannedCell, Store
from pushdsl.plugins.platform import (
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    Refused,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
)  # fmt: skip

if TYPE_CHECKING:
    import aiohttp
    from pydantic import BaseModel

TRIES = 6
"""A call and five repeats (BEHAVIOURS A33)."""
HINT_MAX_SECONDS = 60.0
"""A platform that asks for a longer wait is not waited for: the next apply sends the then current quantity."""
CALLS_AT_ONCE = 4
"""Calls under way to one store."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Never sent: the apply was stopped, or the store had already failed for good."""

    message: str


FinalOutcome = Outcome | NotSent


@dataclass(frozen=True, slots=True)
class Job:
    """One cell to push; `record` is the store of record's number for it."""

    record: int
    cell: PlannedCell
    item_id: str
    variant_id: str


@dataclass(frozen=True, slots=True)
class Result:
    job: Job
    outcome: FinalOutcome


@dataclass(frozen=True, slots=True)
class StoreWork:
    """All cells of one store, and how to reach it."""

    store: Store
    platform: Platform
    settings: BaseModel
    capabilities: Capabilities
    jobs: Sequence[Job]


OnResults = Callable[[Sequence[Result]], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """Time as the pusher sees it; tests put in their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def push(
    work: Sequence[StoreWork],
    on_results: OnResults,
    http: aiohttp.ClientSession,
    stop: asyncio.Event,
    pace: Pace = Pace(),  # frozen
) -> None:
    """Carries out all work; `on_results` is told of outcomes as they come, each cell once.

    When `stop` is set no further call begins: calls under way are waited for, the rest is NotSent.
    """
    limiters: dict[str, AsyncLimiter] = {}
    async with asyncio.TaskGroup() as stores:
        for one in work:
            stores.create_task(_push_store(one, on_results, http, stop, pace, _limiter(one, limiters)))


def _limiter(work: StoreWork, limiters: dict[str, AsyncLimiter]) -> AsyncLimiter:
    """One limiter a store, or one for all stores of a platform where the platform counts by app."""
    scope = (
        work.platform.name if work.capabilities.requests_scope == "app" else f"{work.platform.name}/{work.store.name}"
    )
    rate = work.capabilities.requests_per_second
    return limiters.setdefault(scope, AsyncLimiter(max(1.0, rate), max(1.0, rate) / rate))


@dataclass(slots=True)
class _Run:
    """One store's push while it lasts. `given_up` says why nothing more is sent to it."""

    work: StoreWork
    connection: Connection
    limiter: AsyncLimiter
    stop: asyncio.Event
    pace: Pace
    on_results: OnResults
    given_up: str = ""

    @property
    def may_send(self) -> bool:
        return not self.given_up and not self.stop.is_set()

    def end(self, jobs: Sequence[Job], outcome: FinalOutcome) -> None:
        self.on_results([Result(job, outcome) for job in jobs])


async def _push_store(
    work: StoreWork, on_results: OnResults, http: aiohttp.ClientSession, stop: asyncio.Event, pace: Pace,
    limiter: AsyncLimiter,
) -> None:  # fmt: skip
    connection = Connection(work.store, work.settings, http, pace.now)
    run = _Run(work, connection, limiter, stop, pace, on_results)
    batches = iter(arrange(work.jobs, work.capabilities))

    async def worker() -> None:
        for jobs in batches:
            await _deliver(run, jobs)

    async with asyncio.TaskGroup() as workers:
        for _ in range(CALLS_AT_ONCE):
            workers.create_task(worker())


def arrange(jobs: Sequence[Job], capabilities: Capabilities) -> Iterator[tuple[Job, ...]]:
    """Jobs in batches of the platform's size, all cells of a listing together, falls before rises.

    A falling number is the one that prevents overselling, so it goes first.
    """
    by_listing = [tuple(cells) for _, cells in groupby(sorted(jobs, key=_place), key=lambda j: j.cell.store_sku)]
    if capabilities.batch_by == "item":
        listings = sorted(by_listing, key=lambda cells: cells[0].item_id)
        groups = [list(group) for _, group in groupby(listings, key=lambda cells: cells[0].item_id)]
        groups.sort(key=lambda group: min(map(_rise, group)))
    else:
        groups = [sorted(by_listing, key=_rise)]
    for group in groups:
        rest = iter(group)
        while chunk := tuple(islice(rest, capabilities.batch_size)):
            yield tuple(job for cells in chunk for job in cells)


def _place(job: Job) -> tuple[str, str]:
    return job.cell.store_sku, job.cell.location


def _rise(cells: Sequence[Job]) -> int:
    """0 where any cell of the listing falls, 1 where nothing is known, 2 where it rises."""
    if any(job.cell.live is not None and (job.cell.quantity or 0) < job.cell.live for job in cells):
        return 0
    return 1 if any(job.cell.live is None for job in cells) else 2


class _Again(Exception):
    """Some cells of a batch are worth another try, after the platform's own hint in seconds if it gave one."""

    def __init__(self, hint: float | None) -> None:
        self.hint = hint


async def _deliver(run: _Run, jobs: Sequence[Job]) -> None:
    """Sends a batch until every cell of it has its final outcome."""
    left: list[tuple[Job, Temporary | Unknown]] = []

    async def attempt() -> None:
        nonlocal left
        if left and not run.may_send:
            raise _Again(None)
        sending = [job for job, _ in left] if left else list(jobs)
        left = await _attempt(run, sending)
        if left:
            hints = [t.retry_after for _, t in left if isinstance(t, Temporary) and t.retry_after is not None]
            raise _Again(max(hints, default=None))

    try:
        await AsyncRetrying(
            sleep=_sleep(run), stop=_enough(run), wait=_wait, retry=retry_if_exception_type(_Again), reraise=True
        )(attempt)
    except _Again:
        for job, outcome in left:
            run.end([job], outcome)
        if run.may_send and all(isinstance(outcome, Temporary) for _, outcome in left):
            run.given_up = f"not sent: the store did not recover ({left[0][1].message})"


def _sleep(run: _Run) -> Callable[[float], Awaitable[None]]:
    """Waits, but no longer than until the apply is stopped."""

    async def sleep(seconds: float) -> None:
        waits = [asyncio.ensure_future(run.pace.sleep(seconds)), asyncio.ensure_future(run.stop.wait())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    return sleep


def _enough(run: _Run) -> Callable[[RetryCallState], bool]:
    def enough(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        too_long = isinstance(error, _Again) and (error.hint or 0) > HINT_MAX_SECONDS
        return state.attempt_number >= TRIES or too_long or not run.may_send

    return enough


def _wait(state: RetryCallState) -> float:
    """The platform's hint, else 1, 2, 4 … seconds, and a little by chance so that batches do not come back together."""
    error = state.outcome.exception() if state.outcome else None
    hint = error.hint if isinstance(error, _Again) else None
    return hint if hint is not None else wait_exponential_jitter(initial=1, max=30, jitter=0.5)(state)


async def _attempt(run: _Run, jobs: Sequence[Job]) -> list[tuple[Job, Temporary | Unknown]]:
    """One call, and further ones only to split around a bad row or to read back; returns what is worth another try."""
    if not run.may_send:
        run.end(jobs, NotSent(run.given_up or "not sent: the apply was stopped"))
        return []
    async with run.limiter:
        outcomes = await _call(run, jobs)
    refused_whole = [o for o in outcomes if isinstance(o, Refused) and o.whole_call]
    if refused_whole and len({job.cell.store_sku for job in jobs}) > 1:
        return await _split(run, jobs)
    again: list[tuple[Job, Temporary | Unknown]] = []
    unanswered: list[tuple[Job, Unknown]] = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        match outcome:
            case Temporary():
                again.append((job, outcome))
            case Unknown():
                unanswered.append((job, outcome))
            case Unauthorized():
                run.given_up = run.given_up or f"not sent: {outcome.message}"
                run.end([job], outcome)
            case Confirmed() | Refused():
                run.end([job], outcome)
    return again + await _read_back(run, unanswered) if unanswered else again


async def _call(run: _Run, jobs: Sequence[Job]) -> Sequence[Outcome]:
    """The platform's outcomes; a plugin that breaks its contract leaves the cells unknown, not the apply."""
    cells = tuple(_cell_push(job) for job in jobs)
    try:
        outcomes = await run.work.platform.push(Batch(run.connection, cells))
    except (
        Exception
    ) as error:  # a plugin is a guest: its faults end here, named without its text, which may hold secrets
        return [Unknown(f"the plugin of {run.work.platform.name} failed with {type(error).__name__}")] * len(jobs)
    if len(outcomes) != len(jobs):
        message = f"the plugin of {run.work.platform.name} gave {len(outcomes)} outcomes for {len(jobs)} cells"
        return [Unknown(message)] * len(jobs)
    return outcomes


def _cell_push(job: Job) -> CellPush:
    cell = job.cell
    assert cell.quantity is not None, "a blocked cell is never sent"
    return CellPush(
        cell.store_sku, job.item_id, job.variant_id, cell.location, cell.quantity, cell.mode, cell.days, cell.set_mode
    )


async def _split(run: _Run, jobs: Sequence[Job]) -> list[tuple[Job, Temporary | Unknown]]:
    """Sends the two halves of a refused batch apart, listings whole, until the bad row stands alone."""
    listings = [tuple(cells) for _, cells in groupby(jobs, key=lambda job: job.cell.store_sku)]
    middle = len(listings) // 2
    first = await _attempt(run, [job for cells in listings[:middle] for job in cells])
    return first + await _attempt(run, [job for cells in listings[middle:] for job in cells])


async def _read_back(run: _Run, unanswered: Sequence[tuple[Job, Unknown]]) -> list[tuple[Job, Temporary | Unknown]]:
    """Sent and not answered: what the store shows decides, never trust. Cells that do not show it are tried again."""
    jobs = [job for job, _ in unanswered]
    refs = {job.cell.store_sku: ListingRef(job.cell.store_sku, job.item_id, job.variant_id) for job in jobs}
    async with run.limiter:
        try:
            shown = await run.work.platform.read(Query(run.connection, tuple(refs.values())))
        except Exception:  # as in _call; the cells stay unknown
            return list(unanswered)
    by_cell = {(s.store_sku, s.location): s for s in shown if isinstance(s, Shown)}
    unreadable = {s.store_sku for s in shown if isinstance(s, NotShown)}
    again: list[tuple[Job, Temporary | Unknown]] = []
    for job, outcome in unanswered:
        there = by_cell.get((job.cell.store_sku, job.cell.location))
        if there is not None and _shows(there, job.cell):
            run.end([job], Confirmed())
        elif job.cell.store_sku in unreadable or there is None:
            again.append((job, outcome))
        else:
            again.append((job, Unknown(f"{outcome.message}; the store shows {there.quantity}")))
    return again


def _shows(shown: Shown, cell: PlannedCell) -> bool:
    same_days = cell.mode == "normal" or cell.days is None or shown.days == cell.days
    return shown.quantity == cell.quantity and shown.mode == cell.mode and same_days
