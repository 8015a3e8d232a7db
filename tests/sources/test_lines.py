"""Lines go in in their order; one that is wrong is put aside with its number and stops no other."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import pytest

from pushdsl.errors import PushdslError
from pushdsl.ledger import StockEvent
from pushdsl.plugins import Taken
from pushdsl.sources.lines import LINE_MAX, READ_AHEAD, Heard, lines_of, read_lines


def line(number: int, **changes: object) -> bytes:
    said = {
        "id": f"e{number}", "source": "pos", "sequence": number, "at": "2026-05-04T11:00:00Z", "reason": 2,
        "warehouse": "kl", "sku": "A", "add": 1, **changes,
    }  # fmt: skip
    return json.dumps(said).encode() + b"\n"


async def given(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    for one in lines:
        yield one


def test_every_line_is_taken_and_again_is_a_repetition(run: Any) -> None:
    heard: list[Heard] = []

    async def work(desk: Any) -> None:
        for _ in range(2):
            heard.append(await read_lines(given([line(1), b"\n", line(2)]), desk.intake))

    assert run(work).on_hand("A") == 2
    assert heard == [Heard(lines=3, taken=2), Heard(lines=3, repeated=2)]


def test_a_wrong_line_is_put_aside_with_its_number_and_stops_no_other(run: Any) -> None:
    reported: list[tuple[int, str]] = []
    wrong = [b"{\n", line(3, sku=5), b"\xff\x00\n", line(1, add=9), b"x" * (LINE_MAX + 1)]

    async def work(desk: Any) -> None:
        lines = given([line(1), *wrong, line(2)])
        heard = await read_lines(lines, desk.intake, "till", lambda number, why: reported.append((number, why)))
        assert (heard.lines, heard.taken, heard.put_aside) == (7, 2, 5)

    desk = run(work)

    assert desk.on_hand("A") == 2
    assert sorted(number for number, _ in reported) == [2, 3, 4, 5, 6]
    aside = {why.split(":")[0]: (source, body) for source, _, _, body, why in desk.ledger.put_aside()}
    assert {"line 2", "line 3", "line 4", "line 6"} < set(aside)
    assert aside["line 2"] == ("till", "{")
    assert len(aside["line 6"][1]) <= 10_000


def test_the_same_wrong_line_at_another_place_is_another(run: Any) -> None:
    async def work(desk: Any) -> None:
        for _ in range(2):
            await read_lines(given([b"{\n", b"{\n", b"[\n"]), desk.intake)

    assert len(run(work).ledger.put_aside()) == 3


class Slow:
    """An intake that answers only when it is told to; what was handed in is seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.free = asyncio.Event()

    async def events(self, events: Sequence[StockEvent]) -> Taken:
        self.seen += [event.id for event in events]
        await self.free.wait()
        return Taken(len(events))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(100 * READ_AHEAD):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


def test_no_more_lines_are_read_than_may_wait_for_the_disk() -> None:
    read: list[int] = []

    def endless() -> Iterable[bytes]:
        for number in range(READ_AHEAD * 2):
            read.append(number)
            yield line(number)

    async def work() -> None:
        intake = Slow()
        reading = asyncio.ensure_future(read_lines(given(endless()), intake))
        await until(lambda: len(intake.seen) == READ_AHEAD)
        assert len(read) == READ_AHEAD + 1
        intake.free.set()
        assert (await reading).taken == READ_AHEAD * 2
        assert intake.seen == [f"e{number}" for number in range(READ_AHEAD * 2)]

    asyncio.run(work())


def test_a_record_that_cannot_be_written_ends_the_reading() -> None:
    class Broken(Slow):
        async def events(self, events: Sequence[StockEvent]) -> Taken:
            raise PushdslError("the disk is full")

    async def work() -> None:
        with pytest.raises(PushdslError, match="the disk is full"):
            await read_lines(given(line(number) for number in range(READ_AHEAD * 3)), Broken())

    asyncio.run(work())


def test_lines_of_a_stream_come_whole_and_of_a_long_one_the_beginning() -> None:
    long = b"x" * (LINE_MAX * 2 + 5) + b"\n"

    async def work() -> list[bytes]:
        return [one async for one in lines_of(io.BytesIO(b"a\n\n" + long + b"b"))]

    a, blank, cut, b = asyncio.run(work())

    assert (a, blank, b) == (b"a\n", b"\n", b"b")
    assert cut == b"x" * (LINE_MAX + 1)


def test_an_end_of_the_reading_does_not_wait_for_the_stream() -> None:
    class Stuck(io.RawIOBase):
        """A console at which nobody types."""

        def readline(self, size: int | None = -1, /) -> bytes:
            import threading

            threading.Event().wait()
            raise AssertionError

    async def work() -> None:
        reading = asyncio.ensure_future(anext(lines_of(Stuck())))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(work())


def test_no_line_is_lost_while_the_record_cannot_be_written(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[None] = []

    async def work(desk: Any) -> None:
        take = desk.ledger.together

        def full(*_: object, **__: object) -> None:
            raise PushdslError("the disk is full", "make room on it")

        async def again() -> None:
            waits.append(None)
            if len(waits) == 3:
                monkeypatch.setattr(desk.intake._ledger, "together", take)

        monkeypatch.setattr(desk.intake._ledger, "together", full)
        heard = await read_lines(given([line(1), line(2)]), desk.intake, again=again)
        assert heard == Heard(lines=2, taken=2)

    assert run(work).on_hand("A") == 2
