"""A stream of lines in, each one JSON object; what they tell, handed in in their order, out."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from pushdsl.errors import PushdslError
from pushdsl.plugins.sources import EventIntake, hand_in
from pushdsl.told import read_one

LINE_MAX: Final = 1024 * 1024
"""Bytes in one line."""
READ_AHEAD: Final = 500
"""Lines that are read before the first of them is on the disk: these are lost with the process."""
_KEPT: Final = 10_000


@dataclass(slots=True)
class Heard:
    """What became of a stream's lines so far; `put_aside` are those that cannot be read or cannot be true."""

    lines: int = 0
    taken: int = 0
    repeated: int = 0
    put_aside: int = 0


async def read_lines(
    lines: AsyncIterator[bytes],
    intake: EventIntake,
    source: str = "lines",
    report: Callable[[int, str], None] = lambda number, why: None,
    again: Callable[[], Awaitable[None]] | None = None,
) -> Heard:
    """Hands in every line until there are no more; a wrong one is put aside with its number and stops no other.

    `report` hears number and fault of each wrong line. Where the record cannot be written, `again` is waited for and
    the line handed in once more, since no stream gives it twice; without it PushdslError is raised.
    """
    heard = Heard()
    free = asyncio.Semaphore(READ_AHEAD)

    async def one(number: int, line: bytes) -> None:
        try:
            for why in await taken(number, line):
                report(number, why)
        finally:
            free.release()

    async def taken(number: int, line: bytes) -> list[str]:
        while True:
            try:
                return await _one(number, line, intake, source, heard)
            except PushdslError:
                if again is None:
                    raise
                await again()

    try:
        async with asyncio.TaskGroup() as group:
            async for line in lines:
                heard.lines += 1
                if line.strip():
                    await free.acquire()
                    group.create_task(one(heard.lines, line))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return heard


async def _one(number: int, line: bytes, intake: EventIntake, source: str, heard: Heard) -> list[str]:
    """Why this line was put aside; empty where it was not."""
    why = f"the line is longer than {LINE_MAX:,} bytes" if len(line) > LINE_MAX else ""
    if not why:
        try:
            told = read_one(line)
        except PushdslError as error:
            why = error.message + (f"; {error.help}" if error.help else "")
    if why:
        body = line[:_KEPT].decode("utf-8", "replace").rstrip("\n")
        digest = hashlib.sha256(line).hexdigest()[:8]
        await intake.put_aside(source, f"line {number}#{digest}", body, f"line {number}: {why}")
        heard.put_aside += 1
        return [why]
    answer = await hand_in(intake, told)
    heard.taken += answer.taken
    heard.repeated += answer.repeated
    heard.put_aside += len(answer.refused)
    return [turned.message for turned in answer.refused]


async def lines_of(stream: BinaryIO) -> AsyncIterator[bytes]:
    """The lines of a file or a pipe, read in a thread of their own that no end of the process waits for.

    Of a line that is longer than LINE_MAX only its beginning comes, one byte more than that.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(READ_AHEAD)

    def read() -> None:
        try:
            while line := stream.readline(LINE_MAX + 1):
                rest = line
                while len(rest) > LINE_MAX and not rest.endswith(b"\n"):
                    rest = stream.readline(LINE_MAX + 1)
                asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(queue.put(b""), loop)

    threading.Thread(target=read, name="pushdsl-lines", daemon=True).start()
    while line := await queue.get():
        yield line
