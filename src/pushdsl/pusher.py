"""Cells to push in, one final outcome for each out: batches, order, rates, retries, and splitting around a bad row.

All stores at once on one event loop. Whatever a platform or the network does, every cell ends with an outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TYPE_CHECKING

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from pushdsl.calling import Caller, Reach
from pushdsl.errors import PushdslError
from pushdsl.model import PlannedCell
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import (
    Capabilities,
    CellPush,
    Confirmed,
    ListingRef,
    NotShown,
    Outcome,
    Refused,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
)  # fmt: skip

if TYPE_CHECKING:
    import aiohttp

TRIES = 6
"""A call and five repeats (BEHAVIOURS A33)."""
HINT_MAX_SECONDS = 60.0
"""A platform that asks for a longer wait is not waited for: the next apply sends the then current quantity."""
CALLS_AT_ONCE = 4
"""Calls under way to one store."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is made, its repeats included, and until when, by the event loop's time, one may be sent."""

    tries: int = TRIES
    until: float | None = None


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

    reach: Reach
    jobs: Sequence[Job]


OnResults = Callable[[Sequence[Result]], None]


async def push(
    work: Sequence[StoreWork],
    on_results: OnResults,
    http: aiohttp.BaseConnector | None,
    stop: asyncio.Event,
    pace: Pace = Pace(),  # noqa: B008  # frozen
    gates: Gates | None = None,
    patience: Patience = Patience(),  # frozen
) -> None:
    """Carries out all work; `on_results` is told of outcomes as they come, each cell once.

    When `stop` is set no further call begins: calls under way are waited for, the rest is NotSent. `http` holds the
    connections, `gates` the rates: both are shared by all who push in this process.
    """
    gates = gates or Gates()
    try:
        async with asyncio.TaskGroup() as stores:
            for one in work:
                stores.create_task(_push_store(one, on_results, http, stop, pace, gates, patience))
    except ExceptionGroup as errors:
        raise _first(errors) from None


def _first(errors: ExceptionGroup) -> Exception:
    """What is told of a record that cannot be written, out of all who met it; a mistake of ours stays whole."""
    ours, mistakes = errors.split(PushdslError)
    told: Exception | None = errors if mistakes is not None else ours
    while mistakes is None and isinstance(told, ExceptionGroup):
        told = told.exceptions[0]
    assert told is not None, "a group is not empty"
    return told


@dataclass(slots=True)
class _Run:
    """One store's push while it lasts. `given_up` says why nothing more is sent to it."""

    caller: Caller
    stop: asyncio.Event
    pace: Pace
    on_results: OnResults
    patience: Patience
    given_up: str = ""
    unanswered: dict[int, Unknown] = field(default_factory=dict)
    """What was said of calls that a later try did not settle, by record: such a cell was sent, whatever comes."""

    @property
    def may_send(self) -> bool:
        return not self.given_up and not self.stop.is_set()

    def end(self, jobs: Sequence[Job], outcome: FinalOutcome) -> None:
        self.on_results([Result(job, outcome) for job in jobs])

    def leave(self, jobs: Sequence[Job]) -> None:
        """Ends cells that may be sent no more."""
        not_sent = NotSent(self.given_up or "not sent: the apply was stopped")
        self.on_results([Result(job, self.unanswered.get(job.record, not_sent)) for job in jobs])


async def _push_store(
    work: StoreWork, on_results: OnResults, http: aiohttp.BaseConnector | None, stop: asyncio.Event, pace: Pace,
    gates: Gates, patience: Patience,
) -> None:  # fmt: skip
    async with work.reach.caller(http, gates, pace, patience.until) as caller:
        await _push_all(_Run(caller, stop, pace, on_results, patience), arrange(work.jobs, work.reach.capabilities))


async def _push_all(run: _Run, batches: Iterator[tuple[Job, ...]]) -> None:
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
    left = await _attempt(run, jobs)
    if left:
        await _retry(run, left)


async def _retry(run: _Run, left: _Left) -> None:
    """Tries again what is left of a first call, until it has ended or is given up."""
    tried = True

    async def attempt() -> None:
        nonlocal left, tried
        if not tried:
            if not run.may_send:
                raise _Again(None)
            left = await _attempt(run, [job for job, _ in left])
        tried = False
        if left:
            raise _Again(_hint(left))

    async def sleep(seconds: float) -> None:
        # a platform that says how long to wait means all calls, and not this one alone
        with run.caller.gate.closed() if _hint(left) is not None else nullcontext():
            await run.pace.rest(seconds, run.stop)

    try:
        await AsyncRetrying(
            sleep=sleep, stop=_enough(run), wait=_wait, retry=retry_if_exception_type(_Again), reraise=True
        )(attempt)
    except _Again:
        for job, outcome in left:
            run.end([job], outcome)
        if run.may_send and all(isinstance(outcome, Temporary) for _, outcome in left):
            run.given_up = f"not sent: the store did not recover ({left[0][1].message})"


def _hint(left: _Left) -> float | None:
    """The longest wait that the platform asked for, in seconds."""
    hints = [outcome.retry_after for _, outcome in left if isinstance(outcome, Temporary)]
    return max((hint for hint in hints if isinstance(hint, int | float) and hint >= 0), default=None)


def _enough(run: _Run) -> Callable[[RetryCallState], bool]:
    def enough(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        too_long = isinstance(error, _Again) and (error.hint or 0) > HINT_MAX_SECONDS
        return state.attempt_number >= run.patience.tries or too_long or not run.may_send

    return enough


def _wait(state: RetryCallState) -> float:
    """The platform's hint, else 1, 2, 4 … seconds, and a little by chance so that batches do not come back together."""
    error = state.outcome.exception() if state.outcome else None
    hint = error.hint if isinstance(error, _Again) else None
    return hint if hint is not None else wait_exponential_jitter(initial=1, max=30, jitter=0.5)(state)


_Left = list[tuple[Job, Temporary | Unknown]]
"""What is worth another try."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """How a call went: what is worth another try, and the `rest`, which is to be sent again at once.

    `refusals`, by record: it was refused as a whole, and no cell has ended yet. `taken`: the platform took every cell.
    """

    left: _Left = field(default_factory=list)
    rest: Sequence[Job] = ()
    refusals: Mapping[int, Refused] = field(default_factory=dict)
    taken: bool = False


async def _attempt(run: _Run, jobs: Sequence[Job]) -> _Left:
    """One call, and further ones only to find a bad row or to read back; returns what is worth another try."""
    left: _Left = []
    while jobs:
        sent = await _send(run, jobs)
        if sent.refusals and len({job.cell.store_sku for job in jobs}) > 1:
            sent = await _isolate(run, jobs, sent.refusals)
        else:
            _refuse(run, jobs, sent.refusals)
        left += sent.left
        jobs = sent.rest
    return left


def _refuse(run: _Run, jobs: Sequence[Job], refusals: Mapping[int, Refused]) -> None:
    for job in jobs:
        if job.record in refusals:
            run.end([job], refusals[job.record])


async def _send(run: _Run, jobs: Sequence[Job]) -> _Sent:
    """One call, and a read where there was no answer."""
    if not run.may_send:
        run.leave(jobs)
        return _Sent()
    outcomes = await run.caller.push(tuple(_cell_push(job) for job in jobs))
    refusals = {job.record: o for job, o in zip(jobs, outcomes, strict=True) if isinstance(o, Refused) and o.whole_call}
    if len(refusals) == len(jobs):
        return _Sent(refusals=refusals)
    again: _Left = []
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
            case Refused() if job.record in refusals:
                pass  # the platform named another row: without that one it is sent again
            case Confirmed() | Refused():
                run.end([job], outcome)
    if unanswered:
        again += await _read_back(run, unanswered)
    others = [job for job in jobs if job.record in refusals]
    return _Sent(again, others, taken=all(isinstance(outcome, Confirmed) for outcome in outcomes))


async def _isolate(run: _Run, jobs: Sequence[Job], refusals: Mapping[int, Refused]) -> _Sent:
    """Halves a refused batch, listings whole, until one bad listing stands alone: a call for each halving.

    Where the first half is taken, the bad one must be in the second. Where it is refused, nothing is known of the
    second, which waits until the bad one is found and is then sent with all others that waited.
    """
    suspects = [tuple(cells) for _, cells in groupby(jobs, key=lambda job: job.cell.store_sku)]
    waiting: list[Job] = []
    while len(suspects) > 1:
        first, second = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
        sent = await _send(run, [job for cells in first for job in cells])
        if sent.refusals:
            refusals = {**refusals, **sent.refusals}
            suspects, waiting = first, [*(job for cells in second for job in cells), *waiting]
        elif sent.taken:
            suspects = second
        else:
            # the bad one may have been in this half, so nothing is known of the other
            return _Sent(sent.left, [*sent.rest, *(job for cells in second for job in cells), *waiting])
    _refuse(run, suspects[0], refusals)
    return _Sent(rest=waiting)


def _cell_push(job: Job) -> CellPush:
    cell = job.cell
    assert cell.quantity is not None, "a blocked cell is never sent"
    return CellPush(
        cell.store_sku, job.item_id, job.variant_id, cell.location, cell.quantity, cell.mode, cell.days, cell.set_mode
    )


async def _read_back(run: _Run, unanswered: Sequence[tuple[Job, Unknown]]) -> list[tuple[Job, Unknown]]:
    """Sent and not answered: what the store shows decides, never trust. Cells that do not show it are tried again."""
    jobs = [job for job, _ in unanswered]
    refs = {job.cell.store_sku: ListingRef(job.cell.store_sku, job.item_id, job.variant_id) for job in jobs}
    shown = await run.caller.read(tuple(refs.values()))
    by_cell = {(s.store_sku, s.location): s for s in shown if isinstance(s, Shown)}
    unreadable = {s.store_sku for s in shown if isinstance(s, NotShown)}
    again: list[tuple[Job, Unknown]] = []
    for job, outcome in unanswered:
        there = by_cell.get((job.cell.store_sku, job.cell.location))
        if there is not None and _shows(there, job.cell):
            run.end([job], Confirmed())
        elif job.cell.store_sku in unreadable or there is None:
            again.append((job, outcome))
        else:
            again.append((job, Unknown(f"{outcome.message}; the store shows {there.quantity}")))
    run.unanswered.update((job.record, outcome) for job, outcome in again)
    return again


def _shows(shown: Shown, cell: PlannedCell) -> bool:
    same_days = cell.mode == "normal" or cell.days is None or shown.days == cell.days
    return shown.quantity == cell.quantity and shown.mode == cell.mode and same_days
