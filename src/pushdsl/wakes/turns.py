"""Wakes in, calls of the handler out: so many at once, and each lane's one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from pushdsl.wakes import Handler
from pushdsl.wakes.own import OwnWake, set_after

_Result = TypeVar("_Result")


class Turns:
    """For one run of an engine that hands over wakes one by one, each in a task of its own."""

    def __init__(self, handler: Handler, concurrency: int) -> None:
        self._handler = handler
        self._slots = asyncio.Semaphore(concurrency)
        self._once_more: dict[tuple[str, str], bool] = {}
        self.ended = asyncio.Event()
        """Set when no handler begins any more: told to stop, or one has failed."""
        self.failure: Exception | None = None

    async def take(self, tenant: str, lane: str) -> None:
        """Runs the lane's handler; where it runs already, has that run followed by one more, and returns at once."""
        key = tenant, lane
        running = key in self._once_more
        self._once_more[key] = True
        if running:
            return
        try:
            async with self._slots:
                while self._once_more[key] and not self.ended.is_set():
                    self._once_more[key] = False
                    await self._handler(tenant, lane)
        except Exception as error:
            self.failure = self.failure or error
            self.ended.set()
        finally:
            del self._once_more[key]


@asynccontextmanager
async def turns_of(
    handler: Handler, stop: asyncio.Event, concurrency: int, found: OwnWake
) -> AsyncIterator[Turns]:  # fmt: skip
    """Runs handlers until `stop` is set: for what the engine hands over within, and for what was `found` here.

    Raises what a handler raised.
    """
    turns = Turns(handler, concurrency)
    stopping = asyncio.create_task(set_after(stop, turns.ended))
    looking = asyncio.create_task(found.run(turns.take, turns.ended))
    try:
        yield turns
        turns.ended.set()
        await looking
    finally:
        stopping.cancel()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    if turns.failure is not None:
        raise turns.failure


async def unless(event: asyncio.Event, work: Awaitable[_Result]) -> _Result | None:
    """What the work gives; None where the event comes first, and the work is then cancelled and has ended."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
