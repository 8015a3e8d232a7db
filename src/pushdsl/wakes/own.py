"""Wakes inside one process: told in any thread, run in one event loop."""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from pushdsl.store import Execute
from pushdsl.wakes import Handler

CONCURRENCY = 16
STEP_MILLISECONDS = 20
"""Later wakes of a lane that are nearer to one another than this become one, at the end of the step."""

Key = tuple[str, str]
"""Tenant and lane."""


def milliseconds() -> int:
    """Now, as a record's clock has it."""
    return time.time_ns() // 1_000_000


class OwnWake:
    """The engine that needs nothing. Wakes wait here, also before `run` and after it; at most one `run` at a time."""

    def __init__(self, concurrency: int = CONCURRENCY, *, clock: Callable[[], int] = milliseconds) -> None:
        self._concurrency, self._clock = concurrency, clock
        self._guard = threading.Lock()
        self._due: dict[Key, None] = {}  # a set that keeps the order of coming
        self._later: list[tuple[int, Key]] = []
        self._known: set[tuple[int, Key]] = set()
        self._tenants: set[str] = set()
        self._tell: Callable[[], object] | None = None

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        pass

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        now = self._clock()
        with self._guard:
            self._tenants.add(tenant)
            for lane, at in lanes.items():
                self._add((tenant, lane), at, now)
            if self._tell is not None:
                self._tell()

    def found(self, tenant: str, lanes: Iterable[str]) -> None:
        now = self._clock()
        self.committed(tenant, dict.fromkeys(lanes, now))

    def _add(self, key: Key, at: int, now: int) -> None:
        if at <= now:
            self._due[key] = None
            return
        wake = step_after(at, STEP_MILLISECONDS), key
        if wake not in self._known:
            self._known.add(wake)
            heapq.heappush(self._later, wake)

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        running: dict[asyncio.Task[None], Key] = {}
        failures: list[BaseException] = []
        changed = asyncio.Event()

        def ended(task: asyncio.Task[None]) -> None:
            del running[task]
            if not task.cancelled() and (error := task.exception()) is not None:
                failures.append(error)
            changed.set()

        stopping = asyncio.create_task(set_after(stop, changed))
        try:
            with self._telling(changed):
                while not stop.is_set() and not failures:
                    changed.clear()
                    for key in self.take(self._concurrency - len(running), running.values()):
                        task = asyncio.create_task(_call(handler, key))
                        running[task] = key
                        task.add_done_callback(ended)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._seconds()):
                            await changed.wait()
            await _all(running)
        finally:
            stopping.cancel()
            for task in running:
                task.cancel()
            await _all(running)
        if failures:
            raise failures[0]

    def take(self, limit: int, without: Collection[Key] = ()) -> list[Key]:
        """So many lanes that are to be woken now, in the order of their wakes; they are then no longer here.

        Of several tenants none gets more than half of what may run at once, `without` included: one whose stores do
        not answer must not hold up the others.
        """
        now = self._clock()
        running = Counter(tenant for tenant, _ in without)
        with self._guard:
            while self._later and self._later[0][0] <= now:
                wake = heapq.heappop(self._later)
                self._known.remove(wake)
                self._due[wake[1]] = None
            most = max(1, self._concurrency // 2) if len(self._tenants) > 1 else self._concurrency
            taken: list[Key] = []
            for key in self._due:
                if len(taken) >= limit:
                    break
                if key not in without and running[key[0]] < most:
                    taken.append(key)
                    running[key[0]] += 1
            for key in taken:
                del self._due[key]
        return taken

    def _seconds(self) -> float | None:
        """Until the next later wake."""
        with self._guard:
            return max(0, self._later[0][0] - self._clock()) / 1000 if self._later else None

    @contextmanager
    def _telling(self, changed: asyncio.Event) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        with self._guard:
            assert self._tell is None, "runs once at a time"
            self._tell = lambda: loop.call_soon_threadsafe(changed.set)
        try:
            yield
        finally:
            with self._guard:
                self._tell = None


def step_after(at: int, step: int) -> int:
    """The end of the step that `at` is in."""
    return -(-at // step) * step


async def _call(handler: Handler, key: Key) -> None:
    await handler(*key)


async def set_after(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


async def _all(tasks: Collection[asyncio.Task[None]]) -> None:
    """Ends when all of them have, and their callbacks."""
    while tasks:
        await asyncio.wait(list(tasks))
        await asyncio.sleep(0)
