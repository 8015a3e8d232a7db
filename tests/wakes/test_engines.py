"""What every engine does, whatever carries its wakes."""

from __future__ import annotations

import asyncio

import pytest
from tests.wakes.conftest import AT_ONCE, Bench, Procrastinate, milliseconds, working


class Seen:
    """A handler that counts, and that the test can hold back."""

    def __init__(self) -> None:
        self.lanes: list[str] = []
        self.tenants: set[str] = set()
        self.at_once: list[str] = []
        self.most = 0
        self.free = asyncio.Event()
        self.free.set()
        self._changed = asyncio.Condition()

    async def __call__(self, tenant: str, lane: str) -> None:
        assert lane not in self.at_once, "one lane twice at once"
        self.at_once.append(lane)
        self.most = max(self.most, len(self.at_once))
        self.lanes.append(lane)
        self.tenants.add(tenant)
        await self._tell()
        await self.free.wait()
        self.at_once.remove(lane)
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def begun(self, lane: str, times: int = 1) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.lanes.count(lane) >= times)

    async def idle(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self.at_once)


def test_a_lane_is_named_by_its_tenant_and_its_store_and_the_planner_by_nothing(tested: Bench) -> None:
    async def go() -> set[tuple[str, str]]:
        seen: set[tuple[str, str]] = set()
        all_of_them = asyncio.Event()

        async def handler(tenant: str, lane: str) -> None:
            seen.add((tenant, lane))
            if len(seen) == 4:
                all_of_them.set()

        wake = tested.another()
        async with working(wake, handler):
            for tenant in ("", "a.b > ü*%"):
                await asyncio.to_thread(tested.write, wake, "", "shopee.my/1:é", tenant=tenant)
            await all_of_them.wait()
        return seen

    assert asyncio.run(go()) == {
        ("", ""), ("", "shopee.my/1:é"), ("a.b > ü*%", ""), ("a.b > ü*%", "shopee.my/1:é")
    }  # fmt: skip


def test_a_thousand_wakes_of_a_lane_while_it_is_served_come_to_one_more_run(tested: Bench) -> None:
    async def go() -> Seen:
        seen, wake = Seen(), tested.another()
        async with working(wake, seen):
            seen.free.clear()
            await asyncio.to_thread(tested.write, wake, "busy")
            await seen.begun("busy")
            for _ in range(10):
                await asyncio.to_thread(lambda: [tested.write(wake, "busy") for _ in range(100)])
            await asyncio.to_thread(tested.settle, wake)
            await asyncio.to_thread(tested.write, wake, "other")  # comes after them
            await seen.begun("other")
            seen.free.set()
            await seen.begun("busy", 2)
            await asyncio.to_thread(tested.write, wake, "last")
            await seen.begun("last")
            await seen.idle()
        return seen

    assert asyncio.run(go()).lanes.count("busy") == 2


def test_no_wake_is_lost_that_comes_while_its_lane_is_served(tested: Bench) -> None:
    async def go() -> int:
        wake, runs, done = tested.another(), 0, asyncio.Event()

        async def handler(tenant: str, lane: str) -> None:
            nonlocal runs
            runs += 1
            if runs < 20:
                await asyncio.to_thread(tested.write, wake, "chain")
                await asyncio.to_thread(tested.settle, wake)
            else:
                done.set()

        async with working(wake, handler):
            await asyncio.to_thread(tested.write, wake, "chain")
            await done.wait()
        return runs

    assert asyncio.run(go()) == 20


def test_a_wake_of_later_comes_then_and_keeps_none_of_now_away(tested: Bench) -> None:
    async def go() -> tuple[int, int]:
        seen, wake = Seen(), tested.another()
        async with working(wake, seen):
            await asyncio.to_thread(tested.write, wake, "a", later=60_000)
            asked = milliseconds() + 250
            await asyncio.to_thread(tested.write, wake, "b", later=250)
            await asyncio.to_thread(tested.write, wake, "a")
            await seen.begun("a")
            assert seen.lanes == ["a"]
            await seen.begun("b")
            came = milliseconds()
        assert seen.lanes == ["a", "b"]
        return asked, came

    asked, came = asyncio.run(go())

    assert asked - 1 <= came < asked + 5000


def test_many_lanes_are_served_at_once_up_to_the_bound_and_all_in_the_end(tested: Bench) -> None:
    lanes = {f"lane {number}" for number in range(40)}

    async def go() -> Seen:
        seen, wake = Seen(), tested.another()
        seen.free.clear()
        async with working(wake, seen):
            wake.found("", ["found 1", "found 2"])
            await asyncio.to_thread(tested.write, wake, *lanes)
            async with seen._changed:
                await seen._changed.wait_for(lambda: len(seen.at_once) == AT_ONCE)
            seen.free.set()
            for lane in lanes:
                await seen.begun(lane)
        return seen

    seen = asyncio.run(go())

    assert set(seen.lanes) == lanes | {"found 1", "found 2"}
    assert seen.most == AT_ONCE


def test_stopping_ends_what_runs_and_begins_nothing(tested: Bench) -> None:
    async def go() -> list[str]:
        seen, wake, stop = Seen(), tested.another(), asyncio.Event()
        seen.free.clear()
        working_on = asyncio.create_task(wake.run(seen, stop))
        async with asyncio.timeout(20):
            await asyncio.to_thread(tested.write, wake, "a")
            await seen.begun("a")
            await asyncio.to_thread(tested.write, wake, "a")
            await asyncio.to_thread(tested.settle, wake)
            await asyncio.to_thread(tested.write, wake, "c")  # comes after the second of `a`
            await seen.begun("c")
            stop.set()
            wake.found("", ["b"])
            await asyncio.wait({working_on}, timeout=0.02)
            assert not working_on.done()
            seen.free.set()
            await working_on
        return seen.lanes

    assert asyncio.run(go()) == ["a", "c"]


def test_what_a_handler_raises_ends_the_engine_after_the_others_ended(tested: Bench) -> None:
    async def go() -> list[str]:
        wake, ended, wrong = tested.another(), [], asyncio.Event()

        async def handler(tenant: str, lane: str) -> None:
            if lane == "wrong":
                wrong.set()
                raise ArithmeticError("a mistake")
            await wrong.wait()
            await asyncio.sleep(0.02)
            ended.append(lane)

        async with asyncio.timeout(20):
            running = asyncio.create_task(wake.run(handler, asyncio.Event()))
            await asyncio.to_thread(tested.write, wake, "right")
            await asyncio.to_thread(tested.settle, wake)
            await asyncio.to_thread(tested.write, wake, "wrong")
            with pytest.raises(ArithmeticError, match="a mistake"):
                await running
        return ended

    assert asyncio.run(go()) == ["right"]


def test_what_a_worker_found_is_served_here_and_once_more_where_it_runs(tested: Bench) -> None:
    async def go() -> list[str]:
        seen, wake = Seen(), tested.another()
        seen.free.clear()
        async with working(wake, seen):
            wake.found("", ["a"])
            await seen.begun("a")
            wake.found("", ["a", "b"])
            await seen.begun("b")
            seen.free.set()
            await seen.begun("a", 2)
        return seen.lanes

    assert asyncio.run(go()) == ["a", "b", "a"]


@pytest.mark.parametrize("engine", ["procrastinate", "nats"])
def test_of_two_workers_one_at_least_serves_each_lane(engine: str, request: pytest.FixtureRequest) -> None:
    tested: Bench = request.getfixturevalue(engine)
    lanes = {f"lane {number}" for number in range(30)}

    async def go() -> tuple[set[str], set[str]]:
        one, two, writer = Seen(), Seen(), tested.another()
        async with working(tested.another(), one), working(tested.another(), two):
            for lane in sorted(lanes):
                await asyncio.to_thread(tested.write, writer, lane)
            while set(one.lanes) | set(two.lanes) != lanes:
                await asyncio.sleep(0.01)
            one.free.clear()
            two.free.clear()
            await asyncio.to_thread(tested.write, writer, *lanes)  # more than one of them may serve at once
            async with asyncio.timeout(10):
                while len(one.at_once) + len(two.at_once) < 2 * AT_ONCE:
                    await asyncio.sleep(0.01)
            both = set(one.at_once), set(two.at_once)
            one.free.set()
            two.free.set()
        return both

    one, two = asyncio.run(go())

    assert len(one) == len(two) == AT_ONCE


def test_a_stopped_worker_leaves_its_wakes_to_the_next(procrastinate: Procrastinate) -> None:
    async def go() -> list[str]:
        seen, writer = Seen(), procrastinate.another()
        async with working(procrastinate.another(), seen):
            pass
        await asyncio.to_thread(procrastinate.write, writer, "a")
        async with working(procrastinate.another(), seen):
            await seen.begun("a")
        return seen.lanes

    assert asyncio.run(go()) == ["a"]
