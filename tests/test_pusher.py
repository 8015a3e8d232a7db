"""Every cell ends with one outcome, whatever a platform does. The platform here is a script of answers."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from pushdsl.calling import Reach
from pushdsl.errors import PushdslError
from pushdsl.model import PlannedCell, Store
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import (
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Outcome,
    Query,
    Refused,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
)  # fmt: skip
from pushdsl.pusher import Job, NotSent, Result, StoreWork, arrange, push

NOW = datetime(2026, 5, 4, tzinfo=UTC)
Answer = Callable[[Batch], Sequence[Outcome]]


class NoSettings(BaseModel):
    pass


class Scripted:
    """A platform whose `answer` decides what each call does; it keeps what was confirmed."""

    name = "scripted"
    authorization = None

    def __init__(self, answer: Answer, shown: dict[str, int] | None = None) -> None:
        self.answer, self.shown = answer, shown or {}
        self.calls: list[tuple[CellPush, ...]] = []

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        self.calls.append(batch.cells)
        return self.answer(batch)

    async def read(self, query: Query) -> Sequence[Shown]:
        return [Shown(x.store_sku, "", self.shown.get(x.store_sku, 0)) for x in query.listings]


def job(number: int, sku: str, quantity: int = 10, live: int | None = None, item: str = "1", location: str = "") -> Job:
    cell = PlannedCell("shop", sku, location, sku, "Rule", 10, quantity, "normal", None, live, "push", "")
    return Job(number, cell, item, sku)


def jobs(count: int) -> list[Job]:
    return [job(k, f"S{k:02d}") for k in range(count)]


def confirm(batch: Batch) -> Sequence[Outcome]:
    return [Confirmed() for _ in batch.cells]


def run(
    platform: Scripted, work: Sequence[Job], *, batch_size: int = 50, stop_after: int | None = None
) -> tuple[dict[str, object], list[float]]:
    """Outcomes by store SKU, and the waits that were asked for. Nothing really waits."""
    waits: list[float] = []
    ended: list[Result] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def go() -> None:
        stop = asyncio.Event()

        def on_results(results: Sequence[Result]) -> None:
            ended.extend(results)
            if stop_after is not None and len(ended) >= stop_after:
                stop.set()

        capabilities = Capabilities(batch_size=batch_size, requests_per_second=100_000)
        store = StoreWork(Reach(Store("shop", "scripted", "shop"), platform, NoSettings(), capabilities), work)  # type: ignore[arg-type]
        await push([store], on_results, None, stop, Pace(lambda: NOW, sleep))  # type: ignore[arg-type]

    asyncio.run(go())
    assert sorted(r.job.record for r in ended) == sorted(j.record for j in work), "each cell ends exactly once"
    return {r.job.cell.store_sku: r.outcome for r in ended}, waits


def test_a_confirmed_batch_is_one_call() -> None:
    platform = Scripted(confirm)

    outcomes, waits = run(platform, jobs(20))

    assert set(outcomes.values()) == {Confirmed()}
    assert (len(platform.calls), waits) == (1, [])


def test_transient_failures_are_retried_with_growing_waits_and_given_up_after_five() -> None:
    platform = Scripted(lambda batch: [Temporary("busy") for _ in batch.cells])

    outcomes, waits = run(platform, jobs(1))

    assert outcomes == {"S00": Temporary("busy")}
    assert len(platform.calls) == 6
    assert [int(wait) for wait in waits] == [1, 2, 4, 8, 16]


def test_the_hint_of_the_platform_is_obeyed() -> None:
    answers = iter([[Temporary("throttled", retry_after=7.0)], [Confirmed()]])
    platform = Scripted(lambda _: next(answers))

    outcomes, waits = run(platform, jobs(1))

    assert (outcomes, waits) == ({"S00": Confirmed()}, [7.0])


def test_a_wait_of_hours_ends_the_apply_instead() -> None:
    platform = Scripted(lambda batch: [Temporary("daily limit", retry_after=36_000.0) for _ in batch.cells])

    outcomes, waits = run(platform, jobs(60), batch_size=10)

    assert waits == []
    assert len(platform.calls) <= 4
    assert {type(outcome) for outcome in outcomes.values()} == {Temporary, NotSent}


def test_only_the_cells_that_failed_are_sent_again() -> None:
    answers = iter([[Confirmed(), Temporary("busy"), Confirmed()], [Confirmed()]])
    platform = Scripted(lambda _: next(answers))

    outcomes, _ = run(platform, jobs(3))

    assert set(outcomes.values()) == {Confirmed()}
    assert [[cell.store_sku for cell in call] for call in platform.calls] == [["S00", "S01", "S02"], ["S01"]]


@pytest.mark.parametrize("bad", ["S00", "S07", "S15"])
def test_a_bad_row_is_isolated_and_does_not_stop_its_batch(bad: str) -> None:
    def answer(batch: Batch) -> Sequence[Outcome]:
        if any(cell.store_sku == bad for cell in batch.cells):
            return [Refused("501", "update failed", "bad_request", whole_call=True) for _ in batch.cells]
        return confirm(batch)

    platform = Scripted(answer)

    outcomes, waits = run(platform, jobs(16))

    assert {sku for sku, outcome in outcomes.items() if isinstance(outcome, Refused)} == {bad}
    assert len(platform.calls) <= 1 + 4 + 1, "a call for each halving of sixteen, and one for those that waited"
    assert waits == []


def test_several_bad_rows_are_all_found_and_nothing_else_is_refused() -> None:
    bad = {"S03", "S04", "S11"}

    def answer(batch: Batch) -> Sequence[Outcome]:
        named = sorted(cell.store_sku for cell in batch.cells if cell.store_sku in bad)
        if named:
            return [Refused("501", f"because of {named[0]}", "bad_request", whole_call=True) for _ in batch.cells]
        return confirm(batch)

    platform = Scripted(answer)

    outcomes, _ = run(platform, jobs(16))

    refused = {sku: outcome.message for sku, outcome in outcomes.items() if isinstance(outcome, Refused)}
    assert refused == {sku: f"because of {sku}" for sku in bad}
    assert {sku for call in platform.calls for sku in (c.store_sku for c in call)} == set(outcomes)


def test_where_the_platform_names_the_bad_row_of_a_refused_call_the_others_go_again_at_once() -> None:
    def answer(batch: Batch) -> Sequence[Outcome]:
        if all(cell.store_sku != "S05" for cell in batch.cells):
            return confirm(batch)
        named, others = Refused("1", "no such item", "not_found"), Refused("1", "nothing was set", "bad_request", True)
        return [named if cell.store_sku == "S05" else others for cell in batch.cells]

    platform = Scripted(answer)

    outcomes, waits = run(platform, jobs(16))

    assert {sku for sku, outcome in outcomes.items() if outcome != Confirmed()} == {"S05"}
    assert (len(platform.calls), waits) == (2, [])


def test_an_answer_that_is_lost_while_a_bad_row_is_sought_leaves_no_cell_without_an_outcome() -> None:
    calls = 0

    def answer(batch: Batch) -> Sequence[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 2:
            return [Unknown("no answer") for _ in batch.cells]
        if any(cell.store_sku == "S05" for cell in batch.cells):
            return [Refused("501", "update failed", "bad_request", whole_call=True) for _ in batch.cells]
        return confirm(batch)

    outcomes, _ = run(Scripted(answer), jobs(16))

    assert {sku for sku, outcome in outcomes.items() if outcome != Confirmed()} == {"S05"}


def test_final_refusals_are_not_retried() -> None:
    platform = Scripted(lambda batch: [Refused("207", "SKU not exist", "not_found") for _ in batch.cells])

    run(platform, jobs(3))

    assert len(platform.calls) == 1


def test_an_unanswered_push_is_confirmed_by_reading_it_back() -> None:
    platform = Scripted(lambda batch: [Unknown("no answer") for _ in batch.cells], shown={"S00": 10})

    outcomes, _ = run(platform, jobs(1))

    assert outcomes == {"S00": Confirmed()}
    assert len(platform.calls) == 1


def test_an_unanswered_push_that_the_store_does_not_show_is_sent_again() -> None:
    answers = iter([[Unknown("no answer")], [Confirmed()]])
    platform = Scripted(lambda _: next(answers), shown={"S00": 3})

    outcomes, _ = run(platform, jobs(1))

    assert outcomes == {"S00": Confirmed()}
    assert len(platform.calls) == 2


def test_an_expired_authorisation_stops_its_store() -> None:
    platform = Scripted(lambda batch: [Unauthorized("reauthorize", "shop access expired") for _ in batch.cells])

    outcomes, _ = run(platform, jobs(100), batch_size=10)

    kinds = [type(outcome) for outcome in outcomes.values()]
    assert len(platform.calls) <= 4
    assert kinds.count(Unauthorized) + kinds.count(NotSent) == 100


def test_a_plugin_that_raises_leaves_cells_unknown_and_tells_no_secret() -> None:
    def answer(_: Batch) -> Sequence[Outcome]:
        raise RuntimeError("token canary-1234")

    outcomes, _ = run(Scripted(answer), jobs(1))

    (outcome,) = outcomes.values()
    assert isinstance(outcome, Unknown)
    assert "canary" not in outcome.message


def test_a_plugin_that_forgets_a_cell_leaves_them_all_unknown() -> None:
    outcomes, _ = run(Scripted(lambda batch: confirm(batch)[:-1]), jobs(2))

    assert {type(outcome) for outcome in outcomes.values()} == {Unknown}


def test_a_stop_lets_calls_under_way_finish_and_sends_no_more() -> None:
    platform = Scripted(confirm)

    outcomes, _ = run(platform, jobs(40), batch_size=1, stop_after=1)

    kinds = [type(outcome) for outcome in outcomes.values()]
    assert kinds.count(Confirmed) == len(platform.calls)
    assert kinds.count(NotSent) == 40 - len(platform.calls)
    assert len(platform.calls) < 40


def test_a_stop_never_calls_an_unanswered_cell_not_sent() -> None:
    platform = Scripted(lambda batch: [Unknown("no answer") for _ in batch.cells], shown={"S00": 3})
    waits: list[float] = []
    ended: list[Result] = []

    async def go() -> None:
        stop = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            stop.set()

        capabilities = Capabilities(requests_per_second=1000)
        store = StoreWork(Reach(Store("shop", "scripted", "shop"), platform, NoSettings(), capabilities), jobs(1))  # type: ignore[arg-type]
        await push([store], ended.extend, None, stop, Pace(lambda: NOW, sleep))  # type: ignore[arg-type]

    asyncio.run(go())

    assert [type(result.outcome) for result in ended] == [Unknown]


def test_falls_go_before_rises_and_a_listing_stays_whole() -> None:
    work = [
        job(1, "RISE", 20, live=10), job(2, "FALL", 1, live=10, location="A"), job(3, "FALL", 5, live=5, location="B"),
        job(4, "NEW", 5),
    ]  # fmt: skip

    batches = list(arrange(work, Capabilities(batch_size=1)))

    assert [[j.record for j in batch] for batch in batches] == [[2, 3], [4], [1]]


def test_batches_by_item_hold_one_item_and_at_most_its_size() -> None:
    work = [job(k, f"S{k}", item=str(k % 2)) for k in range(7)]

    batches = list(arrange(work, Capabilities(batch_size=2, batch_by="item")))

    assert all(len({j.item_id for j in batch}) == 1 and len(batch) <= 2 for batch in batches)
    assert sorted(j.record for batch in batches for j in batch) == list(range(7))


def test_one_broken_store_does_not_slow_another() -> None:
    broken = Scripted(lambda batch: [Temporary("down") for _ in batch.cells])
    fine = Scripted(confirm)
    ended: list[Result] = []
    waits: list[float] = []

    async def go() -> None:
        stop = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(0)

        capabilities = Capabilities(batch_size=1, requests_per_second=1000)
        work = [
            StoreWork(Reach(Store(name, name, name), platform, NoSettings(), capabilities), jobs(5))  # type: ignore[arg-type]
            for name, platform in (("broken", broken), ("fine", fine))
        ]
        await push(work, ended.extend, None, stop, Pace(lambda: NOW, sleep))  # type: ignore[arg-type]

    asyncio.run(go())

    assert len(fine.calls) == 5
    assert sum(isinstance(result.outcome, Confirmed) for result in ended) == 5
    assert len(ended) == 10


def test_where_the_first_half_held_the_bad_row_the_other_half_is_not_blamed() -> None:
    """A platform that names the row as soon as it stands alone, and only then."""

    def answer(batch: Batch) -> Sequence[Outcome]:
        if all(cell.store_sku != "S00" for cell in batch.cells):
            return confirm(batch)
        if len(batch.cells) == 1:
            return [Refused("1", "no such item", "not_found")]
        return [Refused("1", "nothing was set", "bad_request", whole_call=True) for _ in batch.cells]

    outcomes, _ = run(Scripted(answer), jobs(2))

    assert outcomes == {"S00": Refused("1", "no such item", "not_found"), "S01": Confirmed()}


def test_a_half_that_was_lost_and_is_shown_does_not_prove_the_other_half_bad() -> None:
    """What a read shows may have been there before: of the half nothing is known."""
    calls = 0

    def answer(batch: Batch) -> Sequence[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 2:
            return [Unknown("no answer") for _ in batch.cells]
        if any(cell.store_sku == "S00" for cell in batch.cells):
            return [Refused("501", "update failed", "bad_request", whole_call=True) for _ in batch.cells]
        return confirm(batch)

    outcomes, _ = run(Scripted(answer, shown={"S00": 10, "S01": 10}), jobs(4))

    assert outcomes["S02"] == outcomes["S03"] == Confirmed()


def test_a_cell_whose_push_had_no_answer_is_never_called_not_sent() -> None:
    """The second call is refused as a whole and ends the store's work while the bad row is sought."""
    calls = 0

    def answer(batch: Batch) -> Sequence[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 1:
            return [Unknown("no answer") for _ in batch.cells]
        if calls == 2:
            return [Refused("501", "update failed", "bad_request", whole_call=True) for _ in batch.cells]
        return [Unauthorized("reauthorize", "shop access expired") for _ in batch.cells]

    outcomes, _ = run(Scripted(answer), jobs(4))

    assert not [sku for sku, outcome in outcomes.items() if isinstance(outcome, NotSent)]
    assert outcomes["S03"] == Unknown("no answer; the store shows 0")


def test_a_batch_of_nothing_but_bad_rows_ends_however_large_it_is() -> None:
    def answer(batch: Batch) -> Sequence[Outcome]:
        return [Refused("501", "update failed", "bad_request", whole_call=True) for _ in batch.cells]

    outcomes, _ = run(Scripted(answer), [job(k, f"S{k:04d}") for k in range(600)], batch_size=600)

    assert {type(outcome) for outcome in outcomes.values()} == {Refused}


@pytest.mark.parametrize("answers", [None, [None, None], [Confirmed(), "Confirmed"]])
def test_a_plugin_that_answers_with_what_is_no_outcome_leaves_them_all_unknown(answers: object) -> None:
    outcomes, _ = run(Scripted(lambda _: answers), jobs(2))  # type: ignore[arg-type, return-value]

    assert {type(outcome) for outcome in outcomes.values()} == {Unknown}


@pytest.mark.parametrize("answers", [None, [None], ["S00"]])
def test_a_plugin_that_reads_what_is_no_answer_leaves_cells_unknown(
    answers: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Scripted(lambda batch: [Unknown("no answer") for _ in batch.cells])

    async def read(query: Query) -> object:
        return answers

    monkeypatch.setattr(platform, "read", read)

    outcomes, _ = run(platform, jobs(2))

    assert {type(outcome) for outcome in outcomes.values()} == {Unknown}


def test_a_record_that_cannot_be_written_is_told_in_its_own_words() -> None:
    """And not as a group of errors, which nobody at the command line would read."""

    async def go() -> None:
        def on_results(_: Sequence[Result]) -> None:
            raise PushdslError("the disk is full")

        reach = Reach(Store("shop", "scripted", "shop"), Scripted(confirm), NoSettings(), Capabilities())  # type: ignore[arg-type]
        await push([StoreWork(reach, jobs(3))], on_results, None, asyncio.Event())

    with pytest.raises(PushdslError, match="disk is full"):
        asyncio.run(go())
