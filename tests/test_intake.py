"""Many callers, one transaction; each hears what became of its own, and nothing is lost with another's fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.event import listen, remove

from pushdsl.errors import PushdslError
from pushdsl.intake import AHEAD, TOGETHER, Counts, Intake
from pushdsl.ledger import Kind, StockEvent, StockKey
from pushdsl.model import Reason
from pushdsl.orders import Line, Message, Order, Ship, Sync
from pushdsl.pacing import Pace
from pushdsl.plugins import EventIntake, Snapshot, StockLine, Taken
from pushdsl.store import Together, open_work
from pushdsl.store.ledgers import Answer, LedgerStore
from pushdsl.store.store import open_store
from pushdsl.told import OrderTold, StockTold, Told

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def event(number: int, **changes: Any) -> StockEvent:
    at = NOON - timedelta(days=1) + timedelta(seconds=number)
    said = StockEvent(str(number), "wms", number, at, Reason.STOCK_IN_MANUAL, "kl", f"S{number % 7}", Kind.ADD, 1)
    return replace(said, **changes)


def order(id: str, message: str = "m", at: datetime = NOON) -> OrderTold:
    new = Order("shop", id, "prepaid", "kl", (Line("a", "S1", 1),))
    return OrderTold("shop", id, Message(message, "erp", 1, at, Sync(paid=True)), new)


class Watched:
    """A ledger that notes how many calls came together, and can fail."""

    def __init__(self, ledger: LedgerStore) -> None:
        self._ledger = ledger
        self.sizes: list[int] = []
        self.fails: Callable[[Sequence[Told | Snapshot]], bool] = lambda told: False

    def together(self, told: Sequence[Told | Snapshot], *, at: datetime) -> list[Answer]:
        self.sizes.append(len(told))
        if self.fails(told):
            raise PushdslError("the disk is full")
        return self._ledger.together(told, at=at)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@dataclass
class Bench:
    """An intake on a new record; its one thread can be kept busy, so that calls wait."""

    intake: Intake
    ledger: Watched
    executor: ThreadPoolExecutor
    taken: list[set[str]] = field(default_factory=list)

    @contextmanager
    def busy(self) -> Iterator[None]:
        free = threading.Event()
        self.executor.submit(free.wait)
        try:
            yield
        finally:
            free.set()

    async def started(self, *calls: Awaitable[Taken]) -> list[asyncio.Future[Taken]]:
        """Calls that have all gone as far as they can while the thread is busy."""
        futures = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return futures


Work = Callable[[Bench], Awaitable[object]]
Run = Callable[[Work], Bench]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:

        def run(work: Work) -> Bench:
            async def worked() -> Bench:
                with ThreadPoolExecutor(1) as executor:
                    taken: list[set[str]] = []
                    ledger = Watched(record.ledger())
                    made = Intake(ledger, executor, taken.append, Pace(now=lambda: NOON))  # type: ignore[arg-type]
                    bench = Bench(made, ledger, executor, taken)
                    await work(bench)
                    await made.close()
                    return bench

            return asyncio.run(worked())

        yield run


def test_it_is_an_intake_for_sources(run: Run) -> None:
    async def work(bench: Bench) -> None:
        assert isinstance(bench.intake, EventIntake)

    run(work)


def test_what_waits_goes_together_and_each_caller_hears_of_its_own(run: Run) -> None:
    async def work(bench: Bench) -> None:
        with bench.busy():
            calls = await bench.started(
                bench.intake.events([event(1), event(2)]),
                bench.intake.events([event(2), event(1, quantity=9)]),
                bench.intake.order(order("1001")),
                bench.intake.order(replace(order("1002"), new=None)),
                bench.intake.refresh(["Z"]),
            )
            assert bench.intake.waiting == 5
        one, two, three, four, five = await asyncio.gather(*calls)

        assert one == Taken(2, 0)
        assert (two.taken, two.repeated, [turned.id for turned in two.refused]) == (0, 1, ["1"])
        assert three == Taken(1, 0)
        assert [(turned.id, turned.message, turned.help) for turned in four.refused] == [
            ("m", "order `1002` of `shop` is not known", "tell of it with its lines first")
        ]
        assert five == Taken(1)

    bench = run(work)

    assert bench.ledger.sizes == [5]
    assert bench.taken == [{"S1", "S2", "Z"}]
    assert bench.intake.counts == Counts(taken=4, repeated=1, refused=2)
    assert bench.intake.waiting == 0


def test_at_most_so_many_go_together_and_in_their_order(run: Run) -> None:
    async def work(bench: Bench) -> None:
        with bench.busy():
            calls = await bench.started(*(bench.intake.events([event(number)]) for number in range(TOGETHER + 3)))
        await asyncio.gather(*calls)

    bench = run(work)

    assert bench.ledger.sizes == [TOGETHER, 3]
    newest = bench.ledger.events("S0", 1000)
    assert [said.sequence for _, said, _ in reversed(newest)] == [*range(0, TOGETHER + 3, 7)]


def test_a_call_with_more_goes_alone(run: Run) -> None:
    async def work(bench: Bench) -> None:
        with bench.busy():
            many = [event(number) for number in range(1, TOGETHER + 2)]
            calls = await bench.started(bench.intake.events(many), bench.intake.events([event(0)]))
        assert [taken.taken for taken in await asyncio.gather(*calls)] == [TOGETHER + 1, 1]

    assert run(work).ledger.sizes == [1, 1]


def test_one_call_that_the_record_cannot_take_fails_alone(run: Run) -> None:
    bad = event(1, sku="\x00")  # no text for PostgreSQL; here the ledger is told to fail

    def fails(told: Sequence[Told | Snapshot]) -> bool:
        return any(isinstance(one, StockTold) and bad in one.events for one in told)

    async def work(bench: Bench) -> None:
        bench.ledger.fails = fails
        with bench.busy():
            calls = await bench.started(
                bench.intake.events([event(2)]), bench.intake.events([bad]), bench.intake.events([event(3)])
            )
        one, two, three = await asyncio.gather(*calls, return_exceptions=True)

        assert (one, three) == (Taken(1), Taken(1))
        assert isinstance(two, PushdslError)

    bench = run(work)

    assert bench.taken == [{"S2", "S3"}]
    assert bench.intake.counts == Counts(taken=2)


def test_a_caller_that_went_away_hinders_nobody(run: Run) -> None:
    async def work(bench: Bench) -> None:
        with bench.busy():
            gone, stays = await bench.started(bench.intake.events([event(1)]), bench.intake.events([event(2)]))
            gone.cancel()
        assert await stays == Taken(1)

    assert run(work).intake.waiting == 0


def test_nobody_waits_for_ever_when_the_thread_has_ended(run: Run) -> None:
    async def work(bench: Bench) -> None:
        bench.executor.shutdown()
        with pytest.raises(RuntimeError):
            await bench.intake.events([event(1)])

    run(work)


def test_nothing_is_asked_and_nobody_called_where_nothing_is_new(run: Run) -> None:
    async def work(bench: Bench) -> None:
        assert await bench.intake.events([]) == Taken()
        assert await bench.intake.refresh([]) == Taken()
        await bench.intake.events([event(1)])
        assert await bench.intake.events([event(1)]) == Taken(0, 1)

    bench = run(work)

    assert bench.ledger.sizes == [1, 1]
    assert bench.taken == [{"S1"}]


def test_a_time_that_is_still_to_come_is_put_aside_and_the_rest_is_taken(run: Run) -> None:
    async def work(bench: Bench) -> None:
        early = event(1, occurred_at=NOON + AHEAD + timedelta(seconds=1))
        just = event(2, occurred_at=NOON + AHEAD)

        taken = await bench.intake.events([early, just])
        asked = await bench.intake.order(order("1001", at=NOON + timedelta(days=1)))

        assert (taken.taken, [turned.id for turned in taken.refused]) == (1, ["1"])
        assert "still to come" in taken.refused[0].message
        assert [turned.id for turned in asked.refused] == ["m"]

    bench = run(work)

    assert len(bench.ledger.put_aside()) == 2
    assert bench.ledger.order("shop", "1001") is None


def test_what_an_order_cannot_do_is_told_and_put_aside(run: Run) -> None:
    async def work(bench: Bench) -> None:
        ship = replace(order("1001"), message=Message("m", "erp", 1, NOON, Ship()))
        taken = await bench.intake.order(ship)

        assert "cannot ship" in taken.refused[0].message

    bench = run(work)

    [(source, _, at, body, why)] = bench.ledger.put_aside()
    assert (source, at) == ("erp", NOON)
    assert '"ask":"ship"' in body
    assert "only an order with stock allocated can" in why


def test_a_snapshot_is_taken_with_its_age_and_what_vanished_is_put_aside_once(run: Run) -> None:
    def seen(sequence: int, *skus: str, at: datetime = NOON) -> Snapshot:
        return Snapshot("facts", sequence, at, tuple(StockLine("kl", sku, 5) for sku in skus))

    async def work(bench: Bench) -> None:
        first = await bench.intake.snapshot(seen(1, "A", "B", at=NOON - timedelta(hours=2)))
        age = NOON - bench.intake.snapshots["facts"]
        second = await bench.intake.snapshot(seen(2, "A", at=NOON + timedelta(hours=1)))
        third = await bench.intake.snapshot(seen(3, "A"))

        assert (first, age) == (Taken(2), timedelta(hours=2))
        assert (second, third) == (Taken(0, vanished=1), Taken(0, vanished=1))
        assert bench.intake.snapshots == {"facts": NOON}

    bench = run(work)

    assert [(id, body) for _, id, _, body, _ in bench.ledger.put_aside()] == [("vanished/2", '[["kl", "B"]]')]
    assert bench.ledger.balances(["B"])[StockKey("kl", "B")].on_hand == 5


def test_a_snapshot_of_tomorrow_is_taken_as_of_now(run: Run) -> None:
    async def work(bench: Bench) -> None:
        await bench.intake.snapshot(Snapshot("facts", 1, NOON + timedelta(days=1), (StockLine("kl", "A", 5),)))

    [(_, said, _)] = run(work).ledger.events("A")
    assert said.occurred_at == NOON


def test_messages_are_noted_and_put_aside_as_text_that_every_database_keeps(run: Run) -> None:
    async def work(bench: Bench) -> None:
        assert await bench.intake.note("webhooks/x", "1", "stock")
        assert not await bench.intake.note("webhooks/x", "1", "stock")
        assert await bench.intake.noted("webhooks/x", ["1", "2"]) == {"1"}
        assert await bench.intake.put_aside("lines", "1", "a\x00\ud800", "no JSON")

    assert [body for *_, body, _ in run(work).ledger.put_aside()] == ["a\ufffd?"]


def test_every_caller_is_told_where_the_transaction_they_went_in_cannot_be_kept(tmp_path: Path) -> None:
    def full(_: object) -> None:
        raise PushdslError("the disk is full", "make room on it")

    async def main() -> None:
        together = Together("test")
        with open_work(f"sqlite:///{tmp_path / 'record.db'}", lambda: NOON) as record:
            together.within = record.grouped
            intake = Intake(record.ledger(), together, lambda skus: None, Pace(lambda: NOON))
            listen(record._engine, "commit", full)
            async with asyncio.timeout(5):
                with pytest.raises(PushdslError, match="full"):
                    await intake.events([event(1)])
            remove(record._engine, "commit", full)

            assert (await intake.events([event(1)])).taken == 1
        together.shutdown()

    asyncio.run(main())
