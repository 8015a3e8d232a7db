"""What is to be planned and pushed is planned and pushed, once, in turn and whoever dies, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select

from pushdsl.model import CellKey, Live, Mode, PlannedCell, Reason, Record, Status
from pushdsl.store import (
    PLANNER,
    Dirty,
    Ended,
    Execute,
    Lease,
    Push,
    Rate,
    Rest,
    Round,
    Trigger,
    Want,
    WorkStore,
    open_work,
    work_statements,
)  # fmt: skip

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=1)
SEND, ANSWER, LEASE = 2.0, 3.0, 10.0
FAST = Rate(1_000_000)
MUG, CUP = CellKey("shop", "MUG", ""), CellKey("shop", "CUP", "")


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def milliseconds(self) -> int:
        return int(self.now.timestamp() * 1000)


@dataclass
class Heard:
    """A waker that remembers."""

    inside: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    after: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        execute("UPDATE lane SET owner = :name WHERE store = 'nowhere'", {"name": "x"})
        self.inside.append((tenant, dict(lanes)))

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        self.after.append((tenant, dict(lanes)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[WorkStore]:
    with open_work(url, clock, database_time=False) as opened:
        assert isinstance(opened, WorkStore)
        yield opened


def wanted(quantity: int | None, key: CellKey = MUG, *, action: str = "push", why: str = "", mode: Mode = "normal",
           days: int | None = None, live: int | None = None) -> PlannedCell:  # fmt: skip
    return PlannedCell(
        key.store, key.store_sku, key.location, f"M-{key.store_sku}", "Beauty", 99, quantity, mode, days, live,
        action, why,  # type: ignore[arg-type]
    )  # fmt: skip


def trigger(store: WorkStore, *keys: CellKey, reason: int = Reason.STOCK_IN_MANUAL, count: int = 1,
            forced: bool = False) -> None:  # fmt: skip
    store.mark([Trigger(f"M-{key.store_sku}", reason, count=count, forced=forced) for key in keys or (MUG,)])


@dataclass(frozen=True)
class Planning:
    """A plan that was begun: what it looked at."""

    lease: Lease
    dirty: Sequence[Dirty]
    versions: Mapping[tuple[str, str, str], tuple[int, int]]

    def wants(self, cell: PlannedCell, recheck_at: datetime | None = None) -> Want:
        mine = [one for one in self.dirty if one.sku == cell.sku]
        newest = max(mine, key=lambda one: one.generation)
        return Want(
            cell, self.versions.get((cell.store, cell.store_sku, cell.location), (0, 0)),
            sum(one.count for one in mine), newest.reason, min(one.first_at for one in mine),
            any(one.forced for one in mine), recheck_at,
        )  # fmt: skip


def look(store: WorkStore, *keys: CellKey) -> Planning:
    lease = store.lease(PLANNER, "planner", seconds=60)
    assert isinstance(lease, Lease)
    dirty = store.due(1000)
    return Planning(lease, dirty, store.state([(k.store, k.store_sku) for k in keys]).versions)


def decide(store: WorkStore, begun: Planning, *cells: PlannedCell, recheck_at: datetime | None = None,
           window: timedelta = WINDOW) -> bool:  # fmt: skip
    asked = {one.sku for one in begun.dirty}
    kept = store.desire(
        begun.lease, begun.dirty, [begun.wants(c, recheck_at) for c in cells if c.sku in asked], window=window
    )
    store.leave(begun.lease)
    return kept


def plan(store: WorkStore, *cells: PlannedCell, recheck_at: datetime | None = None) -> None:
    """Plans all that is to be planned; these are what it comes to."""
    assert decide(store, look(store, *(cell.key for cell in cells)), *cells, recheck_at=recheck_at)


def take(store: WorkStore, name: str = "shop", owner: str = "worker") -> Lease:
    lease = store.lease(name, owner, seconds=LEASE)
    assert isinstance(lease, Lease)
    return lease


def intend(store: WorkStore, lease: Lease, *, limit: int = 50, rate: Rate = FAST,
           calls: Callable[[Sequence[Push]], int] = len) -> Round | Rest:  # fmt: skip
    return store.intend(
        lease, limit=limit, send_seconds=SEND, answer_seconds=ANSWER, lease_seconds=LEASE, rate=rate, calls=calls
    )


def begin(store: WorkStore, name: str = "shop", limit: int = 50) -> Round:
    """A round is on the disk as intended."""
    done = intend(store, take(store, name), limit=limit)
    assert isinstance(done, Round)
    return done


def confirm(store: WorkStore, done: Round) -> bool:
    return store.finish_round(done, [Ended(push, "confirmed", "confirmed") for push in done.pushes])


def push_all(store: WorkStore, name: str = "shop") -> list[tuple[str, int]]:
    """Pushes what is due; returns what was sent, in order."""
    done = intend(store, take(store, name))
    if isinstance(done, Rest):
        return []
    assert confirm(store, done)
    store.leave(done.lease)
    return [(push.key.store_sku, push.quantity) for push in done.pushes]


def shows(store: WorkStore, clock: Clock, quantity: int, key: CellKey = MUG) -> None:
    """The shop shows this quantity, and the record knows it."""
    trigger(store, key)
    plan(store, wanted(quantity, key))
    clock.passes(1)
    assert push_all(store, key.store) == [(key.store_sku, quantity)]


def ends(store: WorkStore, key: CellKey = MUG) -> list[tuple[Status, int, int, str]]:
    """Status, quantity, count and detail of the cell's records, oldest first."""
    mine = [r for r in store.records(limit=None) if r.key == key]
    return [(r.status, r.quantity, r.count, r.detail) for r in sorted(mine, key=lambda r: r.id)]


def known(store: WorkStore, key: CellKey = MUG) -> int | None:
    live = store.state([(key.store, key.store_sku)]).live
    [quantity] = [q for q, place in zip(live.quantity, live.location, strict=True) if place == key.location]
    return quantity


def pending(store: WorkStore) -> list[Record]:
    return store.records(status=Status.PENDING, limit=None)


SKIPPED, PUSHED, FAILED, PENDING = Status.SKIPPED, Status.SUCCESSFULLY, Status.FAILED, Status.PENDING
SUPERSEDED = "superseded: a newer quantity was pushed"


# ---- triggers become pushes -------------------------------------------------------------------------


def test_of_a_hundred_triggers_only_the_last_is_pushed(store: WorkStore, clock: Clock) -> None:
    for number in range(100):
        trigger(store)
        plan(store, wanted(number))
        clock.passes(0.009)
    clock.passes(0.1)

    assert push_all(store) == [("MUG", 99)]
    assert ends(store) == [(SKIPPED, 99, 99, SUPERSEDED), (PUSHED, 99, 1, "")]
    assert known(store) == 99


def test_triggers_that_are_planned_together_count_as_many(store: WorkStore, clock: Clock) -> None:
    for _ in range(100):
        trigger(store)
    plan(store, wanted(28))
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]
    assert [end[:3] for end in ends(store)] == [(SKIPPED, 28, 99), (PUSHED, 28, 1)]


def test_nothing_is_sent_before_the_window_of_its_first_trigger_ends(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    clock.passes(0.3)
    plan(store, wanted(28))
    clock.passes(0.5)
    trigger(store)
    plan(store, wanted(27))

    assert intend(store, take(store)) == Rest(clock.milliseconds + 200)

    clock.passes(0.2)
    assert push_all(store) == [("MUG", 27)]


def test_steady_triggers_are_pushed_once_a_window_even_if_some_come_during_every_plan(
    store: WorkStore, clock: Clock
) -> None:
    sent = 0
    for number in range(150):
        begun = look(store, MUG)
        trigger(store)
        decide(store, begun, wanted(number + 1))
        clock.passes(0.02)
        sent += len(push_all(store))

    assert sent == 3


def test_a_window_does_not_wait_for_a_clock_that_goes_fast(store: WorkStore, clock: Clock) -> None:
    store.ledger().mark([Trigger("M-MUG", 2)], at=clock.now + timedelta(hours=1))
    plan(store, wanted(28))
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]


def test_what_is_shown_already_ends_as_skipped(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    for _ in range(3):
        trigger(store, count=2)
        plan(store, wanted(28, action="unchanged", live=28))
    clock.passes(5)

    assert push_all(store) == []
    assert ends(store) == [(PUSHED, 28, 1, ""), (SKIPPED, 28, 6, "unchanged")]


def test_what_turns_back_before_it_is_sent_ends_as_skipped(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store)
    plan(store, wanted(27))
    trigger(store)
    plan(store, wanted(28, action="unchanged", live=28))
    clock.passes(5)

    assert push_all(store) == []
    assert ends(store)[1:] == [(SKIPPED, 28, 2, "unchanged")]


def test_a_push_that_waits_and_is_shown_by_then_ends_as_skipped(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    store.observe([(MUG, Live(28))], at=clock.now)
    clock.passes(1)

    assert push_all(store) == []
    assert ends(store) == [(SKIPPED, 28, 1, "unchanged")]
    assert pending(store) == []


def test_another_mode_or_other_days_are_not_shown_already(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    for mode, days in (("preorder", 7), ("preorder", 9), ("normal", None)):
        trigger(store)
        plan(store, wanted(28, mode=mode, days=days))  # type: ignore[arg-type]  # a tuple's strings are no literals
        clock.passes(1)
        done = begin(store)

        assert [(p.mode, p.days, p.differs) for p in done.pushes] == [(mode, days, True)]
        confirm(store, done)
        store.leave(done.lease)


@pytest.mark.parametrize(
    ("action", "quantity", "why", "detail"),
    [("blocked", None, "unknown stock", "blocked: unknown stock"), ("held", 28, "", "held"),
     ("unchanged", 28, "increase only", "increase only"), ("unchanged", 28, "", "unchanged")],
)  # fmt: skip
def test_why_nothing_was_sent_is_recorded(
    store: WorkStore, action: str, quantity: int | None, why: str, detail: str
) -> None:
    trigger(store)
    plan(store, wanted(quantity, action=action, why=why, live=3))

    assert ends(store) == [(SKIPPED, 3 if quantity is None else 28, 1, detail)]
    assert store.due(10) == ()


def test_a_plan_without_the_lane_changes_nothing(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    late = look(store, MUG)
    clock.passes(61)
    newer = look(store, MUG)

    assert not store.desire(late.lease, late.dirty, [late.wants(wanted(1))], window=WINDOW)
    assert ends(store) == []
    assert decide(store, newer, wanted(2))


def test_a_trigger_that_comes_while_a_plan_is_made_is_planned_after_it(store: WorkStore, clock: Clock) -> None:
    trigger(store, count=2)
    begun = look(store, MUG)
    trigger(store, reason=Reason.SYNC_ORDER)
    decide(store, begun, wanted(28))

    assert [(one.sku, one.count, one.reason) for one in store.due(10)] == [("M-MUG", 1, Reason.SYNC_ORDER)]

    plan(store, wanted(27))
    clock.passes(1)
    assert push_all(store) == [("MUG", 27)]
    assert [end[:3] for end in ends(store)] == [(SKIPPED, 27, 2), (PUSHED, 27, 1)]


# ---- while a push is under way ----------------------------------------------------------------------


def test_a_trigger_while_a_push_is_under_way_is_planned_again_when_it_has_ended(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    trigger(store, count=3, reason=Reason.SYNC_ORDER)
    plan(store, wanted(27))

    assert store.due(10) == ()

    confirm(store, done)

    assert [(o.sku, o.store, o.store_sku, o.count, o.reason, o.forced) for o in store.due(10)] == [
        ("M-MUG", "shop", "MUG", 3, Reason.SYNC_ORDER, False)
    ]
    store.leave(done.lease)
    plan(store, wanted(27, live=28))
    clock.passes(1)
    assert push_all(store) == [("MUG", 27)]
    assert [end[:3] for end in ends(store)] == [(PUSHED, 28, 1), (SKIPPED, 27, 2), (PUSHED, 27, 1)]


@pytest.mark.parametrize("cell", [
    wanted(None, action="blocked", why="live quantity unknown"),
    wanted(28, action="unchanged", why="increase only", live=28),
    wanted(28, action="held", live=28),
])  # fmt: skip
def test_a_plan_that_sends_nothing_is_made_again_too_after_a_push_that_was_under_way(
    store: WorkStore, clock: Clock, cell: PlannedCell
) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    trigger(store)
    plan(store, cell)

    assert [end[:3] for end in ends(store)] == [(PENDING, 28, 1)]

    confirm(store, done)
    assert [(one.store_sku, one.count) for one in store.due(10)] == [("MUG", 1)]


def test_a_plan_that_looked_before_a_push_that_has_ended_is_made_again(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store)
    plan(store, wanted(27))
    trigger(store, count=4)
    begun = look(store, MUG)
    clock.passes(1)
    assert push_all(store) == [("MUG", 27)]

    decide(store, begun, wanted(28, action="unchanged", live=28))

    assert [(one.store_sku, one.count) for one in store.due(10)] == [("MUG", 4)]
    assert known(store) == 27


def test_the_quantity_is_unknown_while_a_push_is_under_way(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store)
    plan(store, wanted(27))
    clock.passes(1)
    done = begin(store)

    assert known(store) is None

    confirm(store, done)
    assert known(store) == 27


def test_an_ordinary_trigger_does_not_become_forced_because_a_forced_push_was_under_way(
    store: WorkStore, clock: Clock
) -> None:
    trigger(store, forced=True)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    trigger(store)
    plan(store, wanted(28, action="unchanged", live=28))
    confirm(store, done)

    assert [one.forced for one in store.due(10)] == [False]


# ---- failures ---------------------------------------------------------------------------------------


def end_all(store: WorkStore, done: Round, end: str, live: str = "unknown") -> None:
    said = [Ended(p, end, live, "503", "temporary", "busy") for p in done.pushes]  # type: ignore[arg-type]
    assert store.finish_round(done, said)
    store.leave(done.lease)


def test_a_failure_is_tried_again_with_the_current_quantity_after_1_2_4_8_and_16_seconds_then_failed(
    store: WorkStore, clock: Clock
) -> None:
    trigger(store)
    plan(store, wanted(100))
    clock.passes(1)
    sent = []
    for number, seconds in enumerate((1, 2, 4, 8, 16)):
        done = begin(store)
        sent += [push.quantity for push in done.pushes]
        end_all(store, done, "again")

        assert [r.status for r in pending(store)] == [PENDING]
        trigger(store)
        plan(store, wanted(99 - number))
        clock.passes(seconds - 0.001)
        rest = intend(store, take(store))
        assert rest == Rest(clock.milliseconds + 1)
        clock.passes(0.001)
    done = begin(store)
    sent += [push.quantity for push in done.pushes]
    end_all(store, done, "again")

    assert sent == [100, 99, 98, 97, 96, 95]
    assert [end[:3] for end in ends(store)][-1] == (FAILED, 95, 1)
    assert sum(end[2] for end in ends(store)) == 6
    assert known(store) is None
    assert store.awake() == ((), 300.0)
    clock.passes(300)
    assert store.recheck() == 1
    assert [(one.store_sku, one.reason, one.forced) for one in store.due(10)] == [("MUG", Reason.SCHEDULE, False)]


def test_a_failure_for_good_waits_for_a_person_and_begins_again_with_the_first_try(
    store: WorkStore, clock: Clock
) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    for _ in range(2):
        end_all(store, begin(store), "again")
        clock.passes(3)
    end_all(store, begin(store), "failed")

    assert ends(store) == [(FAILED, 28, 1, "busy")]
    clock.passes(100)
    assert push_all(store) == []

    trigger(store, reason=Reason.PUSH_NOW, forced=True)
    plan(store, wanted(28))
    clock.passes(1)
    end_all(store, begin(store), "again")
    assert intend(store, take(store)) == Rest(clock.milliseconds + 1000)
    clock.passes(1)
    assert push_all(store) == [("MUG", 28)]
    assert [end[:3] for end in ends(store)[1:]] == [(PUSHED, 28, 1)]


def test_after_a_failure_the_same_quantity_is_sent_again(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store)
    plan(store, wanted(27))
    clock.passes(1)
    end_all(store, begin(store), "failed", "unknown")
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]


def test_what_was_not_sent_waits_and_is_no_failure(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store)
    plan(store, wanted(27))
    clock.passes(1)
    for _ in range(10):
        end_all(store, begin(store), "unsent", "keep")

    assert known(store) == 28
    assert push_all(store) == [("MUG", 27)]


def test_a_round_that_is_recorded_twice_is_recorded_once(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    first = begin(store)
    said = [Ended(push, "again", "unknown", "503", "temporary", "busy") for push in first.pushes]
    assert store.finish_round(first, said)
    clock.passes(1)
    second = intend(store, first.lease)
    assert isinstance(second, Round)

    assert store.finish_round(first, said)

    assert confirm(store, second)
    assert ends(store)[-1][0] == PUSHED
    assert pending(store) == []


def test_the_listing_a_store_does_not_have_is_noted_once_it_failed(store: WorkStore, clock: Clock) -> None:
    for _ in range(2):
        trigger(store, forced=True)
        plan(store, wanted(28))
        clock.passes(601)
        done = begin(store)
        store.finish_round(
            done, [Ended(p, "failed", "keep", "404", "not_found", "no such item", True) for p in done.pushes]
        )
        store.leave(done.lease)

    assert list(store.live().unbound) == [("shop", "MUG")]


# ---- whoever dies or comes late ---------------------------------------------------------------------


def test_a_lane_has_one_worker(store: WorkStore, clock: Clock) -> None:
    lease = take(store)

    assert store.lease("shop", "other", seconds=LEASE) == Rest(clock.milliseconds + 10_000)

    clock.passes(9)
    longer = store.keep(lease, seconds=LEASE)
    clock.passes(9)
    assert isinstance(store.lease("shop", "other", seconds=LEASE), Rest)
    clock.passes(1)
    assert isinstance(store.lease("shop", "other", seconds=LEASE), Lease)
    assert longer is not None
    assert store.keep(longer, seconds=LEASE) is None
    assert intend(store, longer) == Rest(None)


def test_a_lane_that_was_taken_over_is_not_given_back_by_the_one_who_lost_it(store: WorkStore, clock: Clock) -> None:
    late = take(store)
    clock.passes(11)
    take(store)
    store.leave(late)

    assert isinstance(store.lease("shop", "third", seconds=LEASE), Rest)


def test_a_clock_that_went_ahead_and_was_set_back_puts_nothing_off(store: WorkStore, clock: Clock) -> None:
    clock.passes(3600)
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    begin(store)
    trigger(store, CUP)
    plan(store, wanted(7, CUP))
    clock.passes(-3601)
    assert store.awake()[0] == ()

    store.set_right(longest=60, answer_seconds=5)

    assert store.awake()[0] == ("shop",)
    assert store.lease("shop", "next", seconds=LEASE) == Rest(clock.milliseconds + 5000), "its answer may still come"
    clock.passes(5)
    assert push_all(store) == [("CUP", 7), ("MUG", 28)]


def test_what_is_put_off_for_a_moment_stays_so_when_a_clock_is_set_right(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))

    store.set_right(longest=60, answer_seconds=5)

    assert store.awake() == ((), 1.0)


def test_an_intent_that_a_successor_finds_waits_for_its_deadline_and_then_the_newest_is_pushed(
    store: WorkStore, clock: Clock
) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    begin(store)
    deadline = clock.milliseconds + 5000
    store.free_all()

    assert store.lease("shop", "next", seconds=LEASE) == Rest(deadline)
    trigger(store)
    plan(store, wanted(27))
    clock.passes(5)
    assert store.awake()[0] == ("shop",)
    lease = take(store)

    assert known(store) is None
    assert [one.store_sku for one in store.due(10)] == ["MUG"]
    plan(store, wanted(27))
    done = intend(store, lease)
    assert isinstance(done, Round)
    assert [(p.quantity, p.unknown) for p in done.pushes] == [(27, True)]
    confirm(store, done)
    assert [end[:3] for end in ends(store)] == [(SKIPPED, 27, 1), (PUSHED, 27, 1)]


def test_a_lost_push_keeps_the_tries_that_failed_before(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    end_all(store, begin(store), "again")
    clock.passes(1)
    begin(store)
    clock.passes(11)
    done = begin(store)

    assert [push.fails for push in done.pushes] == [1]


def late_worker(store: WorkStore, clock: Clock, *, newer: str = "confirmed") -> Round:
    """A worker freezes with 28 in its hands; another takes the lane over and pushes 27."""
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    frozen = begin(store)
    trigger(store)
    clock.passes(11)
    lease = take(store, owner="next")
    plan(store, wanted(27))
    done = intend(store, lease)
    assert isinstance(done, Round)
    if newer == "confirmed":
        assert confirm(store, done)
        store.leave(done.lease)
    return frozen


def test_what_a_late_worker_may_have_overwritten_is_pushed_again(store: WorkStore, clock: Clock) -> None:
    frozen = late_worker(store, clock)

    assert not confirm(store, frozen)

    assert known(store) is None
    assert [(one.store_sku, one.reason, one.forced) for one in store.due(10)] == [("MUG", Reason.RECONCILE, True)]
    plan(store, wanted(27, action="unchanged", live=27))
    clock.passes(1)
    assert push_all(store) == [("MUG", 27)]


def test_what_a_late_worker_did_not_send_overwrites_nothing(store: WorkStore, clock: Clock) -> None:
    frozen = late_worker(store, clock)

    assert not store.finish_round(frozen, [Ended(push, "unsent", "keep") for push in frozen.pushes])

    assert store.due(10) == ()
    assert known(store) == 27


def test_a_late_worker_while_the_newer_push_is_under_way_has_it_pushed_again_after_that(
    store: WorkStore, clock: Clock
) -> None:
    frozen = late_worker(store, clock, newer="under way")
    [newer] = pending(store)
    assert not confirm(store, frozen)
    assert store.due(10) == ()
    assert pending(store) == [newer]

    store.free_all()
    clock.passes(20)
    lease = take(store)  # the newer one died too
    assert [(one.reason, one.forced) for one in store.due(10)] == [(Reason.RECONCILE, True)]
    assert known(store) is None
    store.leave(lease)


def test_a_push_that_a_late_one_may_have_overtaken_leaves_its_cell_unknown(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    frozen = begin(store)
    clock.passes(11)
    newer = begin(store)
    assert not confirm(store, frozen)
    assert confirm(store, newer)

    assert known(store) is None
    assert [one.forced for one in store.due(10)] == [True]


def test_without_repair_what_a_late_worker_overwrote_stays(url: str, clock: Clock) -> None:
    with open_work(url, clock, repair=False, database_time=False) as store:
        assert isinstance(store, WorkStore)
        frozen = late_worker(store, clock)

        assert not confirm(store, frozen)

        assert store.due(10) == ()
        assert known(store) == 27


def test_the_only_process_frees_the_lanes_of_the_dead_at_its_start(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    take(store)
    look(store)
    store.free_all()

    assert set(store.awake()[0]) == {PLANNER, "shop"}
    assert push_all(store) == [("MUG", 28)]


# ---- pauses and rates -------------------------------------------------------------------------------


def test_a_paused_lane_sends_nothing_until_its_time(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    said = [Ended(push, "unsent", "keep", "429", "throttled", "slow down") for push in done.pushes]
    store.finish_round(done, said, pause=(30, "slow down"))
    store.leave(done.lease)
    paused_until = clock.now + timedelta(seconds=30)

    assert store.awake() == ((), 30.0)
    assert store.lease("shop", "other", seconds=LEASE) == Rest(int(paused_until.timestamp() * 1000))
    [lane] = store.work().lanes
    assert (lane.paused_until, lane.paused_for, lane.waiting) == (paused_until, "slow down", 1)

    clock.passes(30)
    assert store.awake()[0] == ("shop",)
    assert push_all(store) == [("MUG", 28)]
    assert store.work().lanes[0].paused_until is None


def test_a_pause_ends_early_where_somebody_says_so(store: WorkStore, clock: Clock) -> None:
    for name in ("shop", "stall"):
        key = CellKey(name, "MUG", "")
        trigger(store)
        plan(store, wanted(28, key))
        clock.passes(1)
        done = begin(store, name)
        store.finish_round(done, [Ended(p, "unsent", "keep") for p in done.pushes], pause=(900, "no token"))
        store.leave(done.lease)
    store.resume("shop")

    assert store.awake()[0] == ("shop",)
    store.resume()
    assert set(store.awake()[0]) == {"shop", "stall"}


def test_a_store_is_called_no_faster_than_its_rate(store: WorkStore, clock: Clock) -> None:
    keys = [CellKey("shop", f"S{number}", "") for number in range(4)]
    trigger(store, *keys)
    plan(store, *(wanted(1, key) for key in keys))
    clock.passes(1)
    lease = take(store)
    done = intend(store, lease, limit=3, rate=Rate(2))
    assert isinstance(done, Round)
    confirm(store, done)

    assert intend(store, done.lease, rate=Rate(2)) == Rest(clock.milliseconds + 1500)
    assert store.awake() == ((), 1.5)
    clock.passes(1.5)
    assert len(push_all(store)) == 1


def test_calls_and_not_cells_use_up_the_rate(store: WorkStore, clock: Clock) -> None:
    trigger(store, MUG, CUP)
    plan(store, wanted(1, MUG), wanted(1, CUP))
    clock.passes(1)
    done = intend(store, take(store), rate=Rate(1), calls=lambda pushes: 1)
    assert isinstance(done, Round)
    confirm(store, done)

    assert intend(store, done.lease, rate=Rate(1)) == Rest(clock.milliseconds + 1000)


def test_stores_of_one_app_share_its_rate(store: WorkStore, clock: Clock) -> None:
    stall = CellKey("stall", "MUG", "")
    trigger(store)
    plan(store, wanted(1, MUG), wanted(1, stall))
    clock.passes(1)
    shared = Rate(0.5, "an app")
    done = intend(store, take(store, "shop"), rate=shared)
    assert isinstance(done, Round)
    confirm(store, done)

    assert intend(store, take(store, "stall"), rate=shared) == Rest(clock.milliseconds + 2000)
    assert isinstance(intend(store, take(store, "stall"), rate=Rate(0.5, "another app")), Round)


def test_falls_are_sent_before_what_is_unknown_and_before_rises(store: WorkStore, clock: Clock) -> None:
    keys = {name: CellKey("shop", name, "") for name in ("A-RISES", "B-UNKNOWN", "C-FALLS")}
    shows(store, clock, 10, keys["A-RISES"])
    shows(store, clock, 10, keys["C-FALLS"])
    for name, quantity in (("A-RISES", 11), ("B-UNKNOWN", 5), ("C-FALLS", 9)):
        trigger(store, keys[name])
        plan(store, wanted(quantity, keys[name]))
    clock.passes(1)

    assert [name for name, _ in push_all(store)] == ["C-FALLS", "B-UNKNOWN", "A-RISES"]


# ---- held cells, forced triggers --------------------------------------------------------------------


def test_a_held_cell_is_planned_again_at_its_time(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 1500)
    at = clock.now + timedelta(hours=12)
    trigger(store)
    plan(store, wanted(1499, action="held", live=1500), recheck_at=at)

    assert ends(store)[1:] == [(SKIPPED, 1499, 1, "held")]
    assert store.awake() == ((), 12 * 3600.0)
    clock.now = at - timedelta(milliseconds=1)
    assert store.recheck() == 0
    clock.now = at
    assert store.recheck() == 1
    assert [(o.sku, o.store, o.store_sku, o.reason, o.forced) for o in store.due(10)] == [
        ("M-MUG", "shop", "MUG", Reason.SCHEDULE, False)
    ]
    assert store.recheck() == 0


def test_a_held_cell_is_planned_again_even_if_its_history_is_deleted(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(1499, action="held", live=1500), recheck_at=clock.now + timedelta(days=60))
    clock.passes(61 * 86400)
    assert store.prune(clock.now) == 1
    assert store.recheck() == 1

    assert [one.sku for one in store.due(10)] == ["M-MUG"]


def test_a_cell_that_is_no_longer_held_is_not_planned_again(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 1500)
    for cell, at in (
        (wanted(1499, action="held", live=1500), clock.now + timedelta(hours=1)),
        (wanted(1500, action="unchanged", live=1500), None),
    ):
        trigger(store)
        plan(store, cell, recheck_at=at)
    clock.passes(7200)

    assert store.recheck() == 0


def test_a_waiting_push_that_turns_held_comes_back_at_its_time(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(999))
    trigger(store)
    plan(store, wanted(1001, action="held", live=5000), recheck_at=clock.now + timedelta(hours=1))
    clock.passes(3600)

    assert push_all(store) == []
    assert ends(store) == [(SKIPPED, 1001, 2, "held")]
    assert store.recheck() == 1


@pytest.mark.parametrize("action", ["unchanged", "held"])
def test_a_forced_trigger_is_sent_even_if_it_is_shown_or_held(store: WorkStore, clock: Clock, action: str) -> None:
    shows(store, clock, 28)
    trigger(store, reason=Reason.PUSH_NOW, forced=True)
    plan(store, wanted(28, action=action, live=28))
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]


def test_a_later_trigger_does_not_take_back_a_forced_one_that_waits(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store, reason=Reason.PUSH_NOW, forced=True)
    plan(store, wanted(28, action="unchanged", live=28))
    trigger(store)
    plan(store, wanted(28, action="unchanged", live=28))
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]
    trigger(store)
    plan(store, wanted(28, action="unchanged", live=28))
    clock.passes(1)
    assert push_all(store) == []


def test_a_forced_trigger_that_was_planned_leaves_what_came_meanwhile_ordinary(store: WorkStore) -> None:
    trigger(store, forced=True)
    begun = look(store, MUG)
    trigger(store)
    decide(store, begun, wanted(28))

    assert [(one.count, one.forced) for one in store.due(10)] == [(1, False)]


def test_a_forced_trigger_that_came_while_a_plan_was_made_stays_forced(store: WorkStore) -> None:
    trigger(store)
    begun = look(store, MUG)
    trigger(store, forced=True)
    trigger(store)
    decide(store, begun, wanted(28))

    assert [(one.count, one.forced) for one in store.due(10)] == [(2, True)]


def test_a_forced_trigger_does_not_wait_for_the_next_try(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    for seconds in (1, 2, 4):
        end_all(store, begin(store), "again")
        clock.passes(seconds)
    end_all(store, begin(store), "again")
    trigger(store, reason=Reason.PUSH_NOW, forced=True)
    plan(store, wanted(28))

    assert store.awake()[1] == 1.0
    clock.passes(1)
    assert push_all(store) == [("MUG", 28)]


def test_a_forced_push_that_must_be_tried_again_stays_forced(store: WorkStore, clock: Clock) -> None:
    shows(store, clock, 28)
    trigger(store, forced=True)
    plan(store, wanted(28, action="unchanged", live=28))
    clock.passes(1)
    end_all(store, begin(store), "again", "keep")
    clock.passes(1)

    assert push_all(store) == [("MUG", 28)]


# ---- who wakes, and what is told --------------------------------------------------------------------


def test_a_lane_that_is_given_back_without_a_time_wakes_for_what_waits(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    store.leave(take(store))

    assert store.awake() == ((), 1.0)
    clock.passes(1)
    assert store.awake()[0] == ("shop",)


def test_whoever_died_wakes_its_lane_when_the_lease_ends(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    begin(store)

    assert store.awake()[0] == ()
    clock.passes(10)
    assert store.awake()[0] == ("shop",)


def test_the_planner_is_awake_while_there_is_anything_to_plan(store: WorkStore, clock: Clock) -> None:
    assert store.awake() == ((), None)
    trigger(store)
    assert store.awake()[0] == (PLANNER,)
    begun = look(store, MUG)
    assert store.awake() == ((), 60.0)
    decide(store, begun, wanted(28))
    assert store.awake() == ((), 1.0)


def test_a_waker_is_told_inside_and_after_the_transaction(url: str, clock: Clock) -> None:
    heard = Heard()
    with open_work(url, clock, tenant="anna", waker=heard, database_time=False) as store:
        assert isinstance(store, WorkStore)
        trigger(store)
        plan(store, wanted(28))

    at = int(NOON.timestamp() * 1000)
    assert heard.inside == heard.after == [("anna", {PLANNER: at}), ("anna", {"shop": at + 1000})]


def test_what_fails_wakes_nobody(url: str, clock: Clock) -> None:
    heard = Heard()
    with open_work(url, clock, waker=heard, database_time=False) as store:
        assert isinstance(store, WorkStore)
        with pytest.raises(ValueError, match="no reason"):
            store.mark([Trigger("M-MUG", "no reason")])  # type: ignore[arg-type]

    assert heard.after == []


def test_how_the_work_stands(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    trigger(store, CUP)
    work = store.work()

    assert (work.to_plan, work.to_plan_since, work.in_flight) == (1, clock.now, 1)
    assert [(lane.store, lane.waiting, lane.last_success) for lane in work.lanes] == [("shop", 0, None)]

    confirm(store, done)
    plan(store, wanted(1, CUP))
    [lane] = store.work().lanes
    assert (lane.waiting, lane.since, lane.last_success, store.work().in_flight) == (1, clock.now, clock.now, 0)


def test_times_are_those_of_the_database_where_many_work_on_it(urls: Callable[[], str], clock: Clock) -> None:
    url = urls()
    with open_work(url, clock) as store:
        assert isinstance(store, WorkStore)
        trigger(store)
        [one] = store.due(1)

    ours = one.first_at == clock.milliseconds
    assert ours == url.startswith("sqlite")


# ---- history, apply, tenants ------------------------------------------------------------------------


def test_pruning_never_deletes_what_waits_or_is_under_way(store: WorkStore, clock: Clock) -> None:
    trigger(store, MUG, CUP)
    plan(store, wanted(28, MUG), wanted(5, CUP))
    clock.passes(1)
    done = begin(store, limit=1)
    clock.passes(60 * 86400)
    store.prune(clock.now)

    assert len(pending(store)) == 2
    confirm(store, done)
    assert [r.status for r in store.records(store_sku=done.pushes[0].key.store_sku)] == [PUSHED]


def test_an_apply_that_was_stopped_ends_only_what_it_began_itself(store: WorkStore, clock: Clock) -> None:
    third = CellKey("shop", "POT", "")
    trigger(store, MUG, CUP)
    plan(store, wanted(28, MUG), wanted(5, CUP))
    clock.passes(1)
    done = begin(store, limit=1)
    store.begin([wanted(3, third)], reason=Reason.RULE_CHANGE, at=clock.now)

    assert store.interrupted(clock.now) == 1

    assert sorted(r.key.store_sku for r in pending(store)) == ["CUP", "MUG"]
    assert confirm(store, done)
    store.leave(done.lease)
    assert len(push_all(store)) == 1


def test_what_came_while_an_apply_sent_is_planned_when_it_has_ended_or_died(store: WorkStore, clock: Clock) -> None:
    store.begin([wanted(3)], reason=Reason.RULE_CHANGE, at=clock.now)
    trigger(store, count=2)
    plan(store, wanted(4))
    assert store.recheck() == 0
    store.interrupted(clock.now)
    store.recheck()

    assert [(one.sku, one.count) for one in store.due(10)] == [("M-MUG", 2)]
    store.recheck()
    assert [(one.sku, one.count) for one in store.due(10)] == [("M-MUG", 2)]


def test_a_push_that_an_apply_overtook_ends_when_it_must_be_tried_again(store: WorkStore, clock: Clock) -> None:
    trigger(store)
    plan(store, wanted(28))
    clock.passes(1)
    done = begin(store)
    store.begin([wanted(3)], reason=Reason.RULE_CHANGE, at=clock.now)
    store.interrupted(clock.now)
    trigger(store)
    plan(store, wanted(27))
    end_all(store, done, "again")

    assert [end[:3] for end in ends(store)] == [(SKIPPED, 28, 1), (FAILED, 3, 1), (PENDING, 27, 1)]
    clock.passes(5)
    assert push_all(store) == [("MUG", 27)]
    assert pending(store) == []


def test_two_tenants_in_one_record_do_not_see_each_other(store: WorkStore, clock: Clock) -> None:
    other = store.of_tenant("other")
    trigger(store)

    assert other.due(10) == ()
    assert other.awake() == ((), None)

    trigger(other, count=7)
    plan(store, wanted(28))
    assert [one.count for one in other.due(10)] == [7]
    plan(other, wanted(5))
    clock.passes(1)
    mine, theirs = begin(store), begin(other)

    assert [p.quantity for p in mine.pushes] == [28]
    assert [p.quantity for p in theirs.pushes] == [5]
    confirm(store, mine)
    assert known(other) is None
    assert other.work().in_flight == 1
    other.free_all()
    assert isinstance(store.lease("shop", "next", seconds=LEASE), Rest)
    clock.passes(20)
    other.lease("shop", "next", seconds=LEASE)
    assert [end[:3] for end in ends(store)] == [(PUSHED, 28, 1)]
    assert [end[:3] for end in ends(other)] == [(SKIPPED, 5, 6), (PENDING, 5, 1)]
    assert known(store) == 28


def test_a_wish_names_each_cell_of_a_listing(store: WorkStore, clock: Clock) -> None:
    north, south = CellKey("shop", "MUG", "north"), CellKey("shop", "MUG", "south")
    trigger(store)
    plan(store, wanted(1, north), wanted(2, south))
    clock.passes(1)
    done = begin(store)

    assert [(p.key.location, p.quantity) for p in done.pushes] == [("north", 1), ("south", 2)]
    said = [Ended(done.pushes[0], "confirmed", "confirmed"), Ended(done.pushes[1], "again", "keep")]
    store.finish_round(done, said)
    clock.passes(1)
    again = intend(store, replace(done.lease))
    assert isinstance(again, Round)
    assert [p.key.location for p in again.pushes] == ["south"]


@pytest.mark.parametrize("statement", [work_statements.LEFT, work_statements.HELD, work_statements.NEXT_DUE])
def test_what_is_asked_all_the_time_does_not_read_every_cell(
    on_sqlite: Callable[[], str], clock: Clock, statement: Select[Any]
) -> None:
    with open_work(on_sqlite(), clock) as store, store._engine.connect() as connection:
        asked = str(statement.compile(dialect=store._engine.dialect))
        values = dict.fromkeys(("p_tenant", "p_store"), "") | {"p_now": 0, "p_step": 1, "param_1": 1}
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", values).fetchall()

    assert all("INDEX cell_" in step[3] for step in plan)
