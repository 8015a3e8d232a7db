"""What a watched folder says becomes what the ledger says; a file that is half written or broken changes nothing."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pushdsl.errors import PushdslError
from pushdsl.facts import read_stock
from pushdsl.ledger import Kind, StockEvent, StockKey
from pushdsl.model import Reason
from pushdsl.pacing import Pace
from pushdsl.plugins import EventSource, StockLine, Taken
from pushdsl.sources import folder as module
from pushdsl.sources.folder import FolderSettings, FolderSource, Watch

HEAD = "warehouse,sku,on_hand,allocated,safety,tracked,sell_when_out\n"


class Facts:
    """A folder of facts that is written at times of the test's choice."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder, self.now = folder, now
        folder.mkdir()

    def write(self, text: str, minutes_ago: float = 60, name: str = "stock.csv") -> None:
        path = self.folder / name
        path.write_text(text, "utf-8")
        self.touch(path, minutes_ago)

    def touch(self, path: Path, minutes_ago: float) -> None:
        at = round((self.now - timedelta(minutes=minutes_ago)).timestamp() * 1000) * 1_000_000
        os.utime(path, ns=(at, at))

    def watch(self, desk: Any) -> Watch:
        return Watch(self.folder, desk.intake, pace=Pace(now=lambda: self.now))


@pytest.fixture
def facts(tmp_path: Path, now: datetime) -> Facts:
    return Facts(tmp_path / "facts", now)


async def looked(watch: Watch) -> Taken | None:
    """Two looks: the second finds the file at rest."""
    assert await watch.look() is None
    return await watch.look()


def figures(desk: Any, sku: str = "A") -> tuple[int, int, int, bool]:
    balance = desk.ledger.balances([sku])[StockKey("kl", sku)]
    return balance.on_hand, balance.allocated, balance.safety, balance.tracked


def test_the_table_is_read_with_what_it_says_and_what_it_does_not(facts: Facts) -> None:
    facts.write(HEAD + "kl,A,10,3,2,true,\nkl,B,0,,,,\nkl,C,5,0,0,,true\nkl,D,5,,,false,\n\n,,,,,,\n")
    blank = read_stock(facts.folder)
    facts.write("sku,on_hand,warehouse\nA,10,kl\n")

    assert blank == (
        StockLine("kl", "A", 10, 3, 2, True),
        StockLine("kl", "B", 0),
        StockLine("kl", "C", 5, 0, 0, False),
        StockLine("kl", "D", 5, None, None, False),
    )
    assert read_stock(facts.folder) == (StockLine("kl", "A", 10),)


def test_row_71_a_blank_cell_keeps_what_is_known_and_a_zero_is_a_zero(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,10,3,2,false,\nkl,B,10,3,2,false,\n", 60)
        await looked(watch)
        facts.write(HEAD + "kl,A,10,,,,\nkl,B,10,0,0,true,\n", 30)
        await looked(watch)

    desk = run(work)

    assert figures(desk, "A") == (10, 3, 2, False)
    assert figures(desk, "B") == (10, 0, 0, True)


def test_a_file_is_taken_when_it_rests_and_once(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,1,,,,\n", 60)
        first = await watch.look()
        facts.write(HEAD + "kl,A,10,,,,\n", 59)
        still_growing = await watch.look()
        taken = await watch.look()
        again = await watch.look()

        assert (first, still_growing, taken, again) == (None, None, Taken(1), None)
        assert watch.taken_at == facts.now - timedelta(minutes=59)
        assert watch.age() == timedelta(minutes=59)

    assert run(work).on_hand("A") == 10


def test_a_file_that_changes_while_it_is_read_is_read_again(
    facts: Facts, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written_meanwhile(folder: Path) -> tuple[StockLine, ...]:
        lines = read_stock(folder)
        facts.write(HEAD + "kl,A,7,,,,\n", 30)
        monkeypatch.setattr(module, "read_stock", read_stock)
        return lines

    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        monkeypatch.setattr(module, "read_stock", written_meanwhile)
        half = await looked(watch)
        whole = await looked(watch)

        assert (half, whole) == (None, Taken(1))

    desk = run(work)

    assert [said.quantity for _, said, _ in desk.ledger.events("A")] == [7]


def test_what_happened_after_the_file_was_written_stays_on_top(facts: Facts, run: Any) -> None:
    sold = StockEvent("1", "pos", 1, facts.now - timedelta(minutes=10), Reason.STOCK_OUT_SALE, "kl", "A", Kind.ADD, -4)

    async def work(desk: Any) -> None:
        await desk.intake.events([sold])
        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        await looked(facts.watch(desk))

    desk = run(work)

    assert figures(desk)[0] == 6
    [count] = [said for _, said, _ in desk.ledger.events("A") if said.kind is Kind.COUNT]
    assert (count.source, count.reason, count.occurred_at) == ("facts", 15, facts.now - timedelta(minutes=60))
    assert count.id == f"facts/kl/A/count/{count.sequence}"


def test_a_restart_takes_the_same_file_as_the_same(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        facts.write(HEAD + "kl,A,10,3,,,\n", 60)
        await looked(facts.watch(desk))
        after = facts.watch(desk)

        assert await looked(after) == Taken()
        assert after.age() == timedelta(minutes=60)

    assert figures(run(work)) == (10, 3, 0, True)


def test_a_file_of_tomorrow_is_taken_as_of_now(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,10,,,,\n", -24 * 60)
        assert await looked(watch) == Taken(1)
        assert (watch.taken_at, watch.age()) == (facts.now, timedelta())

    desk = run(work)

    assert desk.ledger.events("A")[0][1].occurred_at == facts.now


def test_an_older_file_that_is_put_back_is_the_newest_word(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        for quantity, minutes in ((10, 60), (20, 30), (10, 60)):
            facts.write(HEAD + f"kl,A,{quantity},,,,\n", minutes)
            assert await looked(watch) == Taken(1)

        facts.write(HEAD + "kl,A,15,,,,\n", 90)  # and while nobody watched
        assert await looked(facts.watch(desk)) == Taken(1)

    assert run(work).on_hand("A") == 15


def test_a_file_that_is_written_twice_at_the_same_time_is_taken_twice(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        for quantity in ("9", "10"):
            facts.write(HEAD + f"kl,A,{quantity},,,,\n", 60)
            assert await looked(watch) == Taken(1)

    assert run(work).on_hand("A") == 10


def test_a_row_that_vanished_stays_as_it_was_and_is_put_aside(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,10,,,,\nkl,B,7,,,,\n", 60)
        await looked(watch)
        for minutes in (50, 40):
            facts.write(HEAD + "kl,A,10,,,,\n", minutes)
            assert await looked(watch) == Taken(vanished=1)

    desk = run(work)

    assert desk.on_hand("B") == 7
    [why] = [why for *_, why in desk.ledger.put_aside()]
    assert "no longer tells of `B` in `kl`" in why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "kl,A,ten,,,,\n", "stock.csv:2"),
        (HEAD + "kl,A,1,,,,\nkl,A,2,,,,\n", "stands on line 2 already"),
        ("warehouse,sku\nkl,A\n", "column `on_hand` is missing"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(facts: Facts, run: Any, text: str, said: str) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        await looked(watch)
        facts.write(text, 30)

        assert await looked(watch) is None
        assert await watch.look() is None
        assert said in watch.problem
        assert watch.age() == timedelta(minutes=60)

        facts.write(HEAD + "kl,A,11,,,,\n", 20)
        assert await looked(watch) == Taken(1)
        assert watch.problem == ""

    desk = run(work)

    assert desk.on_hand("A") == 11
    assert len(desk.ledger.put_aside()) == 1


def test_a_table_that_is_gone_or_stands_twice_is_told(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        watch = facts.watch(desk)
        await looked(watch)
        missing = watch.problem
        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        facts.write('{"warehouse": "kl", "sku": "A", "on_hand": 1}\n', 60, "stock.jsonl")
        await looked(watch)

        assert "the table `stock` is missing" in missing
        assert "stands in `stock.csv` and `stock.jsonl`" in watch.problem

    assert run(work).ledger.all_balances() == {}


def test_a_record_that_cannot_be_written_is_tried_again_at_the_next_look(facts: Facts, run: Any) -> None:
    async def work(desk: Any) -> None:
        class Full:
            async def snapshot(self, snapshot: object) -> Taken:
                raise PushdslError("the disk is full")

        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        watch = facts.watch(desk)
        working, watch.intake = watch.intake, Full()  # type: ignore[assignment]
        await watch.look()
        with pytest.raises(PushdslError):
            await watch.look()
        watch.intake = working
        assert await watch.look() == Taken(1)

    run(work)


def test_the_source_looks_again_and_again_until_it_is_cancelled(facts: Facts, run: Any) -> None:
    slept: list[float] = []

    async def work(desk: Any) -> None:
        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 4:
                raise asyncio.CancelledError
            facts.write(HEAD + f"kl,A,{10 + len(slept) // 2},,,,\n", 60 - len(slept) // 2)

        source = FolderSource(Pace(now=lambda: facts.now, sleep=sleep))
        assert isinstance(source, EventSource)
        facts.write(HEAD + "kl,A,10,,,,\n", 60)
        with pytest.raises(asyncio.CancelledError):
            await source.run(FolderSettings(folder=facts.folder, seconds=3), desk.intake)

    assert run(work).on_hand("A") == 11
    assert slept == [3.0] * 4
