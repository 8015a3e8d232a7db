"""Wakes inside one process, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.wakes.conftest import working

from pushdsl.testing.time import ImpatientLoop
from pushdsl.wakes.own import STEP_MILLISECONDS, OwnWake

HOUR = 3_600_000


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs it in a loop that skips all waiting."""
    with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
        return runner.run(asyncio.wait_for(work, 1_000_000))


def loop_time() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def test_later_wakes_come_in_the_order_of_their_times() -> None:
    async def go() -> list[tuple[str, int]]:
        wake, came, done = OwnWake(clock=loop_time), [], asyncio.Event()
        began = loop_time()

        async def handler(tenant: str, lane: str) -> None:
            came.append((lane, (loop_time() - began) // HOUR))
            if len(came) == 3:
                done.set()

        wake.committed("", {"c": began + 12 * HOUR, "a": began + HOUR})
        async with working_long(wake, handler):
            wake.committed("", {"b": began + 2 * HOUR})
            await done.wait()
        return came

    assert at_once(go()) == [("a", 1), ("b", 2), ("c", 12)]


def test_a_lane_is_woken_at_each_of_its_times() -> None:
    async def go() -> list[int]:
        wake, came, done = OwnWake(clock=loop_time), [], asyncio.Event()
        began = loop_time()

        async def handler(tenant: str, lane: str) -> None:
            came.append((loop_time() - began) // HOUR)
            if len(came) == 3:
                done.set()

        for hours in (5, 1, 5, 3, 1):
            wake.committed("", {"a": began + hours * HOUR})
        async with working_long(wake, handler):
            await done.wait()
        return came

    assert at_once(go()) == [1, 3, 5]


@given(st.lists(st.integers(0, 50 * STEP_MILLISECONDS), max_size=60))
def test_later_wakes_of_a_lane_are_as_many_as_their_steps_and_none_is_early(times: list[int]) -> None:
    now = [0]
    wake = OwnWake(clock=lambda: now[0])
    for at in times:
        wake.committed("", {"a": at})

    runs = []
    while now[0] <= 51 * STEP_MILLISECONDS:
        if wake.take(1):
            runs.append(now[0])
        now[0] += 1

    assert all(any(at <= run < at + STEP_MILLISECONDS for run in runs) for at in times)
    assert len(runs) == len({-(-at // STEP_MILLISECONDS) for at in times})


def test_wakes_of_any_thread_are_seen_by_the_loop_that_sleeps() -> None:
    async def go() -> set[str]:
        wake, seen, all_of_them = OwnWake(), set[str](), asyncio.Event()
        lanes = {f"{thread}-{number}" for thread in range(8) for number in range(50)}

        async def handler(tenant: str, lane: str) -> None:
            seen.add(lane)
            if seen == lanes:
                all_of_them.set()

        def write(thread: int) -> Callable[[], None]:
            return lambda: [wake.committed("", {f"{thread}-{number}": 0}) for number in range(50)] and None

        async with working(wake, handler):
            threads = [threading.Thread(target=write(number)) for number in range(8)]
            for thread in threads:
                thread.start()
            await all_of_them.wait()
            for thread in threads:
                thread.join()
        return seen

    assert len(asyncio.run(go())) == 400


def test_wakes_from_before_it_runs_and_from_after_it_stopped_are_kept() -> None:
    async def go() -> list[str]:
        wake, seen, two = OwnWake(), list[str](), asyncio.Event()

        async def handler(tenant: str, lane: str) -> None:
            seen.append(lane)
            if len(seen) in (1, 2):
                two.set()

        wake.committed("", {"before": 0})
        async with working(wake, handler):
            await two.wait()
        wake.committed("", {"after": 0})
        two.clear()
        async with working(wake, handler):
            await two.wait()
        return seen

    assert asyncio.run(go()) == ["before", "after"]


def test_a_tenant_whose_stores_do_not_answer_leaves_room_for_the_others() -> None:
    async def go() -> list[str]:
        wake, came, answer, done = OwnWake(4, clock=loop_time), [], asyncio.Event(), asyncio.Event()

        async def handler(tenant: str, lane: str) -> None:
            if tenant == "anna":
                await answer.wait()
            came.append(tenant)
            if tenant == "ben":
                done.set()

        wake.found("ben", [""])
        wake.take(1)
        wake.found("anna", [f"store {number}" for number in range(10)])
        async with working_long(wake, handler):
            await asyncio.sleep(1)
            wake.found("ben", [""])
            await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=60)
            answer.set()
        return came

    assert at_once(go())[0] == "ben"


class working_long:  # reads as `working`, whose time limit the skipped hours would use up
    def __init__(self, wake: OwnWake, handler: Any) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.ensure_future(wake.run(handler, self._stop))

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        self._stop.set()
        await self._task
