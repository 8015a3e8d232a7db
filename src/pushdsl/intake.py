"""What sources hand in, from all sides at once, in; the same in the record, many together, and what became of each out.

A database makes one change durable in the time of a hundred. So what comes while it is busy waits, and goes together.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar, assert_never

from pushdsl.errors import PushdslError
from pushdsl.ledger import StockEvent, StockKey
from pushdsl.pacing import Pace
from pushdsl.plugins.sources import Taken, Turned
from pushdsl.snapshots import Snapshot, vanished_text
from pushdsl.told import OrderTold, RefreshTold, StockTold, Told, event_text, order_told_text

if TYPE_CHECKING:  # importing the store imports SQLAlchemy
    from pushdsl.store.ledgers import Answer, LedgerStore

TOGETHER: Final = 500
"""Events and messages in one transaction; more only where one call brings more."""
AHEAD: Final = timedelta(minutes=10)
"""How far the clock of a source may be ahead. An event of tomorrow would hide every count until then."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """Events and messages since the start."""

    taken: int = 0
    repeated: int = 0
    refused: int = 0

    def with_more(self, taken: Taken) -> Counts:
        return Counts(self.taken + taken.taken, self.repeated + taken.repeated, self.refused + len(taken.refused))


@dataclass(frozen=True, slots=True)
class _Call:
    told: Told | Snapshot
    answer: asyncio.Future[Answer] = field(compare=False)

    @property
    def size(self) -> int:
        match self.told:
            case StockTold(events):
                return len(events)
            case Snapshot(lines=lines):
                return len(lines)
            case _:
                return 1


class Intake:
    """One tenant's intake: an `EventIntake` for all its sources. For the event loop in which it is made.

    `executor` does the record's work: one thread for SQLite. `on_taken` is called in the loop after each commit with
    the SKUs that are to be planned anew. `close` ends it.
    """

    def __init__(
        self, ledger: LedgerStore, executor: Executor, on_taken: Callable[[set[str]], None], pace: Pace | None = None
    ) -> None:
        self._ledger, self._executor, self._on_taken = ledger, executor, on_taken
        self._now = (pace or Pace()).now
        self._waiting: deque[_Call] = deque()
        self._taken: list[_Call] = []
        self._working: asyncio.Task[None] | None = None
        self._vanished: dict[str, tuple[StockKey, ...]] = {}
        self._snapshots: dict[str, datetime] = {}
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        return self._counts

    @property
    def waiting(self) -> int:
        """Calls that are not in a transaction yet."""
        return len(self._waiting)

    @property
    def snapshots(self) -> Mapping[str, datetime]:
        """When each source took the newest snapshot that is in the record; those since the start only."""
        return dict(self._snapshots)

    async def events(self, events: Sequence[StockEvent]) -> Taken:
        late = self._now() + AHEAD
        early = [event for event in events if event.occurred_at > late]
        now = tuple(event for event in events if event.occurred_at <= late)
        taken = _taken(await self._told(StockTold(now)), "") if now else Taken()
        turned = [await self._turn_away(e.source, e.id, f"stock event `{e.id}`", event_text(e)) for e in early]
        return self._counted(replace(taken, refused=(*taken.refused, *turned)))

    async def order(self, told: OrderTold) -> Taken:
        message = told.message
        if message.at > self._now() + AHEAD:
            what = f"message `{message.id}` of order `{told.order}`"
            turned = await self._turn_away(message.source, message.id, what, order_told_text(told))
            return self._counted(Taken(refused=(turned,)))
        return self._counted(_taken(await self._told(told), message.id))

    async def refresh(self, skus: Iterable[str]) -> Taken:
        names = tuple(skus)
        if names:
            await self._told(RefreshTold(names))
        return self._counted(Taken(taken=len(names)))

    async def snapshot(self, snapshot: Snapshot) -> Taken:
        """A time that is still to come is taken as now. What vanished is put aside once."""
        answer = await self._told(replace(snapshot, at=min(snapshot.at, self._now())))
        taken = _taken(answer, snapshot.source)
        self._snapshots[snapshot.source] = min(snapshot.at, self._now())
        gone: tuple[StockKey, ...] = getattr(answer, "vanished", ())
        if gone and gone != self._vanished.get(snapshot.source):
            body = json.dumps(gone, ensure_ascii=False)
            await self.put_aside(snapshot.source, f"vanished/{snapshot.sequence}", body, vanished_text(snapshot, gone))
        self._vanished[snapshot.source] = gone
        return self._counted(replace(taken, vanished=len(gone)))

    async def put_aside(self, source: str, id: str, body: str, why: str) -> bool:
        return await self._in_thread(lambda: self._ledger.note(source, id, _storable(body), why, at=self._now()))

    async def noted(self, source: str, ids: Sequence[str]) -> set[str]:
        """Which messages of a source are known already."""
        return await self._in_thread(lambda: self._ledger.noted(source, ids))

    async def note(self, source: str, id: str, body: str) -> bool:
        """Keeps that a message was heard; False where it is kept already."""
        return await self._in_thread(lambda: self._ledger.note(source, id, _storable(body), at=self._now()))

    async def close(self) -> None:
        """Returns when nothing waits any more; sources are ended before."""
        while self._working is not None:
            await self._working

    # ---- below --------------------------------------------------------------------------------------

    async def _turn_away(self, source: str, id: str, what: str, body: str) -> Turned:
        digest = hashlib.sha256(body.encode()).hexdigest()[:8]
        message = f"{what} is of a time that is still to come"
        await self.put_aside(source, f"{id}#{digest}", body, message)
        return Turned(id, message, "set the clock of its source, or give the time its right zone")

    def _counted(self, taken: Taken) -> Taken:
        self._counts = self._counts.with_more(taken)
        return taken

    async def _told(self, told: Told | Snapshot) -> Answer:
        call = _Call(told, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await call.answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                self._taken = []
                try:
                    answered = await self._in_thread(self._take_together)
                except PushdslError as error:  # they went with others whose transaction could not be kept
                    if not self._taken:
                        raise
                    answered = [(call, _Lost(error)) for call in self._taken]
                for call, answer in answered:
                    _settle(call, answer)
                if skus := set().union(*(_skus(answer) for _, answer in answered)):
                    self._on_taken(skus)
        except Exception as error:  # the executor was ended: nobody shall wait for ever
            for call in (*self._taken, *self._waiting):
                _settle(call, _Lost(error))
            self._waiting.clear()
        finally:
            self._working = None

    def _take_together(self) -> list[tuple[_Call, Answer | _Lost]]:
        """In the thread: what waits now goes together."""
        calls = self._taken = [self._waiting.popleft()]
        size = calls[0].size
        while self._waiting and size + self._waiting[0].size <= TOGETHER:
            calls.append(self._waiting.popleft())
            size += calls[-1].size
        answers = self._attempt(calls)
        if isinstance(answers, _Lost):  # one of them spoilt it for the others
            answers = [self._alone(call) for call in calls] if len(calls) > 1 else [answers]
        return list(zip(calls, answers, strict=True))

    def _attempt(self, calls: Sequence[_Call]) -> Sequence[Answer | _Lost] | _Lost:
        try:
            return self._ledger.together([call.told for call in calls], at=self._now())
        except Exception as error:  # told to the callers
            return _Lost(error)

    def _alone(self, call: _Call) -> Answer | _Lost:
        answers = self._attempt([call])
        return answers if isinstance(answers, _Lost) else answers[0]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


@dataclass(frozen=True, slots=True)
class _Lost:
    """Nothing was taken, and why."""

    error: Exception


def _settle(call: _Call, answer: Answer | _Lost) -> None:
    if call.answer.done():  # its caller went away
        return
    if isinstance(answer, _Lost):
        call.answer.set_exception(answer.error)
    else:
        call.answer.set_result(answer)


def _skus(answer: Answer | _Lost) -> frozenset[str]:
    from pushdsl.store.ledgers import Asked, Compared
    from pushdsl.store.ledgers import Intake as Counted

    match answer:
        case Compared(intake):
            return intake.skus
        case Counted() | Asked():
            return answer.skus
        case _:
            return frozenset()


def _taken(answer: Answer, id: str) -> Taken:
    """`id` is that of what was handed in, where the answer has none."""
    from pushdsl.store.ledgers import Asked, Compared
    from pushdsl.store.ledgers import Intake as Counted

    match answer:
        case Counted(new, repeated, refused):
            turned = tuple(Turned(event.id, error.message, error.help) for event, error in refused)
            return Taken(new, repeated, turned)
        case Asked(repeated=repeated):
            return Taken(int(not repeated), int(repeated))
        case Compared(intake):
            return _taken(intake, id)
        case PushdslError():
            return Taken(refused=(Turned(id, answer.message, answer.help),))
        case _:
            assert_never(answer)


def _storable(text: str) -> str:
    """As both databases can keep it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
