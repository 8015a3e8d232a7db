"""Any order of triggers, plans, pushes, deaths and delays ends with shops that show what is wanted.

The shop is a dictionary. A call lands in it at any moment while its worker waits for the answer, however long that
worker is frozen; the call of a worker that died lands before its round's deadline or never. That is all that the record
is promised: a worker that was frozen until after the deadline, whose call landed even later, and that died before it
could record it, can be found out by reading the shop alone, and does not happen here.

The law of counts. For each cell, at each step:

    counts of its records + `again` + counts of the dirty rows that are for it = triggers given to it

Triggers are given from outside, to all cells of a SKU or of a listing; and from inside, to all cells of a listing, one
for each held cell's time and one for each push that came late and may have landed (to its cell alone where a newer
push of it is under way). Triggers that came during a push, or to a plan that a push overtook, are planned again for the
whole listing: that takes nothing from the cell itself and gives as many to the listing's other cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)  # fmt: skip
from sqlalchemy import Connection, create_engine, make_url

from pushdsl.model import Action, CellKey, PlannedCell, Reason
from pushdsl.store import PLANNER, Dirty, Ended, Lease, Push, Rate, Rest, Round, Trigger, Want, WorkStore, open_work

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=1)
SEND, ANSWER, LEASE, PLAN = 2.0, 6.0, 6.0, 5.0
"""Seconds; a lease can end before its round's deadline."""
FAST = Rate(1_000_000)
CELLS: Mapping[CellKey, str] = {
    CellKey("x", "a", ""): "A",
    CellKey("y", "a", ""): "A",
    CellKey("x", "b", "north"): "B",
    CellKey("x", "b", "south"): "B",
}
LISTINGS = sorted({(key.store, key.store_sku) for key in CELLS})
STORES = sorted({key.store for key in CELLS})
_tenants = count(1)

Fate = Literal["lands", "flies", "is lost"]
End = tuple[Literal["confirmed", "failed", "again", "unsent"], Literal["confirmed", "unknown", "keep"]]
ARRIVED: Sequence[End] = [("confirmed", "confirmed"), ("again", "unknown"), ("failed", "unknown")]
LOST: Sequence[End] = [
    ("again", "keep"), ("again", "unknown"), ("failed", "keep"), ("failed", "unknown"), ("unsent", "keep")
]  # fmt: skip

workers = st.integers(0, 2)
skus = st.sampled_from(sorted(set(CELLS.values())))


@dataclass
class Worker:
    """What one process knows. `sent`: its calls were begun; `flying` are those that have not landed."""

    lease: Lease | None = None
    round: Round | None = None
    deadline: datetime = NOON
    send_by: datetime = NOON
    sent: bool = False
    flying: list[Push] = field(default_factory=list)
    landed: set[int] = field(default_factory=set)
    landed_late: bool = False

    @property
    def only_leased(self) -> bool:
        return self.lease is not None and self.round is None

    def may_send(self, now: datetime) -> bool:
        return self.round is not None and not self.sent and now < self.send_by

    @property
    def may_record(self) -> bool:
        return self.round is not None and not self.flying

    @property
    def may_die(self) -> bool:
        return self.lease is not None and not self.landed_late


@dataclass(frozen=True)
class Planned:
    lease: Lease
    dirty: Sequence[Dirty]
    wants: Sequence[Want]


class Work(RuleBasedStateMachine):
    def __init__(self, shared: WorkStore, reader: Connection) -> None:
        super().__init__()
        self.reader = reader
        self.now = NOON
        self.tenant = f"tenant {next(_tenants)}"
        self.store = WorkStore(
            shared._database, shared._engine, self.tenant, lambda: self.now,
            repair=shared._repair, database_time=False,
        )  # fmt: skip
        self.shop: dict[CellKey, int] = {}
        self.stock: dict[str, int | None] = dict.fromkeys(CELLS.values(), 1)
        self.open_at: dict[str, datetime] = {}
        self.workers = [Worker() for _ in range(3)]
        self.plans: list[Planned] = []
        self.orphans: list[tuple[datetime, Push]] = []
        self.given: Counter[CellKey] = Counter()
        self.ended: dict[int, Mapping[str, Any]] = {}

    # ---- what is looked at --------------------------------------------------------------------------

    def rows(self, table: str) -> list[Mapping[str, Any]]:
        found = self.reader.exec_driver_sql(f"SELECT * FROM {table} WHERE tenant = '{self.tenant}'").cursor
        assert found is not None
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def cells(self) -> dict[CellKey, Mapping[str, Any]]:
        return {CellKey(row["store"], row["store_sku"], row["location"]): row for row in self.rows("cell")}

    def wanted(self, key: CellKey) -> int | None:
        stock = self.stock[CELLS[key]]
        return None if stock is None else stock + (key.location == "south")

    def cell(self, key: CellKey, live: int | None) -> tuple[PlannedCell, datetime | None]:
        """What a plan wants of the cell, and until when it is held."""
        quantity, until = self.wanted(key), self.open_at.get(CELLS[key])
        action: Action = "push"
        if quantity is None:
            action = "blocked"
        elif live == quantity:
            action = "unchanged"
        elif live is not None and until is not None and self.now < until:
            action = "held"
        planned = PlannedCell(
            key.store, key.store_sku, key.location, CELLS[key], "rule", None, quantity, "normal", None, live, action, ""
        )  # fmt: skip
        return planned, until if action == "held" else None

    @contextmanager
    def replanning(self) -> Iterator[None]:
        """Counts what is planned again for a whole listing because a push of one of its cells has ended."""
        before = {key: row["again"] for key, row in self.cells().items()}
        yield
        for key, row in self.cells().items():
            if before.get(key) and not row["again"]:
                self.to_siblings(key, before[key])

    def one_who(self, number: int, does: Callable[[Worker], bool]) -> int:
        """One of the workers of whom that is true; one is."""
        able = [at for at, worker in enumerate(self.workers) if does(worker)]
        return able[number % len(able)]

    def to_siblings(self, key: CellKey, number: int) -> None:
        self.to_listing(key.store, key.store_sku, number)
        self.given[key] -= number

    def to_listing(self, store: str, store_sku: str, number: int = 1) -> None:
        for key in CELLS:
            if (key.store, key.store_sku) == (store, store_sku):
                self.given[key] += number

    # ---- triggers -----------------------------------------------------------------------------------

    @rule(sku=skus, quantity=st.none() | st.integers(0, 3), number=st.integers(1, 3), forced=st.booleans())
    def stock_changes(self, sku: str, quantity: int | None, number: int, forced: bool) -> None:
        self.stock[sku] = quantity
        self.store.mark([Trigger(sku, Reason.SYNC_ORDER, count=number, forced=forced)])
        for key in CELLS:
            self.given[key] += number if CELLS[key] == sku else 0

    @rule(listing=st.sampled_from(LISTINGS), forced=st.booleans())
    def somebody_asks_for_a_listing(self, listing: tuple[str, str], forced: bool) -> None:
        [sku] = {CELLS[key] for key in CELLS if (key.store, key.store_sku) == listing}
        self.store.mark([Trigger(sku, Reason.PUSH_NOW, *listing, forced=forced)])
        self.to_listing(*listing)

    @rule(sku=skus, seconds=st.sampled_from([2, 30]))
    def a_slow_lane_closes(self, sku: str, seconds: int) -> None:
        self.open_at[sku] = self.now + timedelta(seconds=seconds)

    # ---- plans --------------------------------------------------------------------------------------

    @rule(limit=st.sampled_from([1, 100]))
    def look(self, limit: int) -> None:
        lease = self.store.lease(PLANNER, "planner", seconds=PLAN)
        if isinstance(lease, Rest):
            return
        dirty = self.store.due(limit)
        state = self.store.state(LISTINGS)
        live = state.live
        shown = {
            CellKey(*place): quantity
            for *place, quantity in zip(live.store, live.store_sku, live.location, live.quantity, strict=True)
        }
        wants = []
        for key, sku in CELLS.items():
            ours = (sku, "", ""), (sku, key.store, key.store_sku)
            mine = [one for one in dirty if (one.sku, one.store, one.store_sku) in ours]
            if not mine:
                continue
            newest = max(mine, key=lambda one: one.generation)
            cell, until = self.cell(key, shown.get(key))
            version = state.versions.get((key.store, key.store_sku, key.location), (0, 0))
            number, first_at = sum(one.count for one in mine), min(one.first_at for one in mine)
            forced = any(one.forced for one in mine)
            wants.append(Want(cell, version, number, newest.reason, first_at, forced, until))
        self.plans.append(Planned(lease, dirty, wants))

    @precondition(lambda self: self.plans)
    @rule(newest=st.booleans())
    def desire(self, newest: bool) -> None:
        plan = self.plans.pop(-1 if newest else 0)
        before = self.cells()
        if self.store.desire(plan.lease, plan.dirty, plan.wants, window=WINDOW):
            for want in plan.wants:
                row = before.get(want.cell.key, {"generation": 0, "settled": 0})
                at_rest = row["generation"] == row["settled"]
                if at_rest and (row["generation"], row["settled"]) != want.version:
                    self.to_siblings(want.cell.key, want.count)
            self.store.leave(plan.lease)

    @rule()
    def plan(self) -> None:
        self.look(100)
        if self.plans:
            self.desire(True)

    @precondition(lambda self: self.plans)
    @rule()
    def planner_dies(self) -> None:
        self.plans.pop()

    # ---- pushes -------------------------------------------------------------------------------------

    @precondition(lambda self: any(worker.lease is None for worker in self.workers))
    @rule(number=workers, store=st.sampled_from(STORES))
    def take_lane(self, number: int, store: str) -> None:
        number = self.one_who(number, lambda worker: worker.lease is None)
        worker = self.workers[number]
        with self.replanning():
            lease = self.store.lease(store, f"worker {number}", seconds=LEASE)
        if isinstance(lease, Lease):
            worker.lease = lease

    @precondition(lambda self: any(worker.only_leased for worker in self.workers))
    @rule(number=workers, limit=st.sampled_from([1, 50]))
    def intend(self, number: int, limit: int) -> None:
        number = self.one_who(number, lambda worker: worker.only_leased)
        worker = self.workers[number]
        assert worker.lease is not None
        done = self.store.intend(
            worker.lease, limit=limit, send_seconds=SEND, answer_seconds=ANSWER, lease_seconds=LEASE, rate=FAST
        )
        if isinstance(done, Rest):
            self.workers[number] = Worker()
        else:
            times = [self.now + timedelta(seconds=seconds) for seconds in (SEND + ANSWER, SEND)]
            self.workers[number] = Worker(done.lease, done, *times)

    @precondition(lambda self: any(worker.may_send(self.now) for worker in self.workers))
    @rule(number=workers, fates=st.lists(st.sampled_from(["lands", "flies", "is lost"]), min_size=4, max_size=4))
    def send(self, number: int, fates: list[Fate]) -> None:
        worker = self.workers[self.one_who(number, lambda worker: worker.may_send(self.now))]
        assert worker.round is not None
        worker.sent = True
        for push, fate in zip(worker.round.pushes, fates, strict=False):
            if fate == "lands":
                self.land(worker, push)
            elif fate == "flies":
                worker.flying.append(push)

    @rule(sku=skus, quantity=st.integers(0, 3), store=st.sampled_from(STORES), fate=st.sampled_from(["flies", "lands"]))
    def all_goes_well_until_it_is_sent(self, sku: str, quantity: int, store: str, fate: Fate) -> None:
        """What takes many rules one by one, so that more happens afterwards."""
        self.stock_changes(sku, quantity, 1, False)
        self.plan()
        self.time_passes(1)
        if all(worker.lease is None for worker in self.workers):
            self.take_lane(0, store)
            if self.workers[0].only_leased:
                self.intend(0, 50)
            if self.workers[0].may_send(self.now):
                self.send(0, [fate] * 4)

    @precondition(lambda self: all(worker.lease is None for worker in self.workers))
    @rule(sku=skus, first=st.integers(0, 2), then=st.integers(0, 2))
    def a_plan_takes_longer_than_a_push(self, sku: str, first: int, then: int) -> None:
        self.stock_changes(sku, first, 1, False)
        self.plan()
        self.time_passes(1)
        self.stock_changes(sku, then, 1, False)
        self.look(100)
        for store in STORES:
            self.serve(store)
        if self.plans:
            self.desire(True)

    @precondition(lambda self: any(worker.flying for worker in self.workers))
    @rule(sku=skus, quantity=st.integers(0, 3))
    def others_go_on_while_a_worker_is_frozen(self, sku: str, quantity: int) -> None:
        self.stock_changes(sku, quantity, 1, False)
        self.time_passes(20)
        self.plan()
        self.time_passes(1)
        for store in STORES:
            if any(worker.lease is None for worker in self.workers):
                self.serve(store)

    @precondition(lambda self: any(worker.flying for worker in self.workers))
    @rule(number=workers, arrives=st.booleans())
    def a_call_comes_down(self, number: int, arrives: bool) -> None:
        worker = self.workers[self.one_who(number, lambda worker: bool(worker.flying))]
        push = worker.flying.pop()
        if arrives:
            self.land(worker, push)

    def land(self, worker: Worker, push: Push) -> None:
        self.shop[push.key] = push.quantity
        worker.landed.add(push.record_id)
        worker.landed_late = worker.landed_late or self.now >= worker.deadline

    @precondition(lambda self: any(worker.may_record for worker in self.workers))
    @rule(number=workers, choice=st.lists(st.integers(0, 59), min_size=4, max_size=4), pause=st.booleans())
    def record(self, number: int, choice: list[int], pause: bool) -> None:
        number = self.one_who(number, lambda worker: worker.may_record)
        worker = self.workers[number]
        assert worker.round is not None
        ended = []
        for push, chosen in zip(worker.round.pushes, choice, strict=False):
            ends = ARRIVED if push.record_id in worker.landed else LOST
            end, live = ends[chosen % len(ends)] if worker.sent else ("unsent", "keep")
            ended.append(Ended(push, end, live))
        before = self.cells()
        with self.replanning():
            kept = self.store.finish_round(worker.round, ended, pause=(3, "slow down") if pause else None)
        if kept:
            self.workers[number] = Worker(worker.lease)
            return
        self.workers[number] = Worker()
        for one in ended:
            key = one.push.key
            if one.live != "keep" and self.store._repair:
                if before[key]["generation"] > before[key]["settled"]:
                    self.given[key] += 1
                else:
                    self.to_listing(key.store, key.store_sku)

    @precondition(lambda self: any(worker.only_leased for worker in self.workers))
    @rule(number=workers)
    def leave(self, number: int) -> None:
        number = self.one_who(number, lambda worker: worker.only_leased)
        lease = self.workers[number].lease
        assert lease is not None
        self.store.leave(lease)
        self.workers[number] = Worker()

    # ---- deaths and time ----------------------------------------------------------------------------

    @precondition(lambda self: any(worker.may_die for worker in self.workers))
    @rule(number=workers)
    def worker_dies(self, number: int) -> None:
        number = self.one_who(number, lambda worker: worker.may_die)
        worker = self.workers[number]
        self.orphans += [(worker.deadline, push) for push in worker.flying]
        self.workers[number] = Worker()

    @precondition(lambda self: not any(worker.landed_late for worker in self.workers))
    @rule()
    def the_only_process_dies(self) -> None:
        while any(worker.may_die for worker in self.workers):
            self.worker_dies(0)
        self.plans.clear()
        self.store.free_all()

    @precondition(lambda self: self.orphans)
    @rule()
    def a_call_of_the_dead_lands(self) -> None:
        deadline, push = self.orphans.pop()
        if self.now < deadline:
            self.shop[push.key] = push.quantity

    def land_those_that_can_wait_no_longer(self, until: datetime) -> None:
        for deadline, push in self.orphans:
            if self.now < deadline <= until:
                self.shop[push.key] = push.quantity
        self.orphans = [one for one in self.orphans if one[0] > until]

    @rule(seconds=st.sampled_from([0.1, 1, 3, 7, 20]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        now = int(self.now.timestamp() * 1000)
        held = {key for key, row in self.cells().items() if row["recheck_at"] is not None and row["recheck_at"] <= now}
        with self.replanning():
            assert self.store.recheck() == len(held)
        for store, store_sku in {(key.store, key.store_sku) for key in held}:
            self.to_listing(store, store_sku)
        assert self.store.interrupted(self.now) == 0

    # ---- what always holds --------------------------------------------------------------------------

    @invariant()
    def every_trigger_is_somewhere(self) -> None:
        cells, dirty, records = self.cells(), self.rows("dirty"), self.rows("record")
        found: Counter[CellKey] = Counter()
        for row in records:
            found[CellKey(row["store"], row["store_sku"], row["location"])] += row["count"]
        for key, sku in CELLS.items():
            found[key] += cells[key]["again"] if key in cells else 0
            for one in dirty:
                if (one["sku"], one["store"], one["store_sku"]) in ((sku, "", ""), (sku, key.store, key.store_sku)):
                    found[key] += one["count"]

        assert found == self.given
        assert all(row["count"] > 0 for row in (*records, *dirty))
        self.one_push_waits_or_is_under_way(cells, records)
        self.what_has_ended_stays(records)

    def one_push_waits_or_is_under_way(
        self, cells: Mapping[CellKey, Mapping[str, Any]], records: Sequence[Mapping[str, Any]]
    ) -> None:
        batches = {row["id"] for row in self.rows("batch")}
        pending = {row["id"]: row for row in records if row["status"] == "Pending"}
        places = Counter((row["store"], row["store_sku"], row["location"]) for row in pending.values())
        waiting = {row["waiting"] for row in cells.values() if row["waiting"] is not None}

        assert all(number == 1 for number in places.values())
        assert waiting == {number for number, row in pending.items() if row["batch"] is None}
        assert batches >= {row["batch"] for row in pending.values() if row["batch"] is not None}
        assert all((row["waiting"] is None) == (row["due_at"] is None) for row in cells.values())

    def what_has_ended_stays(self, records: Sequence[Mapping[str, Any]]) -> None:
        """But for a Skipped record that is the newest of its cell: the same again is counted in it."""
        now = {row["id"]: row for row in records if row["status"] != "Pending"}

        assert self.ended.keys() <= now.keys()
        for number, row in self.ended.items():
            if row["status"] == "Skipped" and now[number]["count"] > row["count"]:
                assert (now[number]["status"], now[number]["detail"]) == ("Skipped", row["detail"])
            else:
                assert now[number] == row
        self.ended = now

    # ---- how it ends --------------------------------------------------------------------------------

    def teardown(self) -> None:
        self.end_what_is_under_way()
        for sku, stock in self.stock.items():
            if stock is None:
                self.stock_changes(sku, 2, 1, False)
        self.drain()
        records = self.store.records(limit=None, last=True)
        failed = {(record.key.store, record.key.store_sku) for record in records if record.status == "Failed"}
        for listing in sorted(failed):
            self.somebody_asks_for_a_listing(listing, False)
        self.drain()
        self.every_trigger_is_somewhere()
        self.all_is_as_wanted()

    def end_what_is_under_way(self) -> None:
        """Frozen workers wake: their calls land, and they record it. Whoever only holds a lane is dead."""
        while any(worker.flying for worker in self.workers):
            self.a_call_comes_down(0, True)
        while any(worker.may_record for worker in self.workers):
            self.record(0, [0, 0, 0, 0], False)
        self.workers = [Worker() for _ in self.workers]
        self.plans.clear()

    def drain(self) -> None:
        """One worker does what the record says is to be done, at the time that it says."""
        for _ in range(200):
            self.sweep()
            awake, seconds = self.store.awake()
            if not awake and seconds is None:
                self.land_those_that_can_wait_no_longer(self.now + timedelta(days=1))
                return
            for name in awake:
                if name == PLANNER:
                    self.plan()
                else:
                    self.serve(name)
            if not awake:
                assert seconds is not None
                self.land_those_that_can_wait_no_longer(self.now + timedelta(seconds=seconds))
                self.now += timedelta(seconds=seconds)
        raise AssertionError("there is always something to do")

    def serve(self, store: str) -> None:
        self.take_lane(0, store)
        while any(worker.only_leased for worker in self.workers):
            self.intend(0, 50)
            if any(worker.may_send(self.now) for worker in self.workers):
                self.send(0, ["lands"] * 4)
                self.record(0, [0, 0, 0, 0], False)

    def all_is_as_wanted(self) -> None:
        live = self.store.state(LISTINGS).live
        places = zip(live.store, live.store_sku, live.location, strict=True)
        shown = {CellKey(*place): quantity for place, quantity in zip(places, live.quantity, strict=True)}
        expected = {key: self.wanted(key) for key in CELLS if self.given[key]}

        assert {key: self.shop.get(key) for key in expected} == expected
        assert shown == expected
        assert (self.rows("dirty"), self.rows("batch")) == ([], [])
        assert all(row["lease_until"] == 0 for row in self.rows("lane"))
        assert all(row["status"] != "Pending" for row in self.rows("record"))
        found = self.cells().values()
        assert all((row["again"], row["waiting"], row["forced"], row["overtaken"]) == (0, None, 0, 0) for row in found)
        assert all((row["fails"], row["since"], row["generation"] - row["settled"]) == (0, None, 0) for row in found)


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 100), ("postgresql", 4)])
def test_any_order_of_events_ends_with_what_is_wanted(
    request: pytest.FixtureRequest, database: str, examples: int
) -> None:
    new_url: Callable[[], str] = request.getfixturevalue(f"on_{database}")
    with opened(new_url()) as (shared, reader):
        run_state_machine_as_test(
            lambda: Work(shared, reader),
            settings=settings(
                max_examples=examples, stateful_step_count=40, deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )  # fmt: skip


@pytest.mark.parametrize("repair", [True, False])
def test_without_repair_a_frozen_workers_call_leaves_a_wrong_shop(on_sqlite: Callable[[], str], repair: bool) -> None:
    key = CellKey("y", "a", "")
    with opened(on_sqlite(), repair=repair) as (shared, reader):
        work = Work(shared, reader)
        work.stock_changes("A", 3, 1, False)
        work.plan()
        work.time_passes(1)
        work.take_lane(0, "y")
        work.intend(0, 50)
        work.send(0, ["flies"] * 4)
        work.stock_changes("A", 0, 1, False)
        work.time_passes(20)
        work.drain()
        assert work.shop[key] == 0
        work.a_call_comes_down(0, True)
        work.record(0, [0] * 4, False)
        work.drain()

        assert work.shop[key] == (0 if repair else 3)
        assert work.store.state([("y", "a")]).live.quantity == [0]


@contextmanager
def opened(url: str, *, repair: bool = True) -> Iterator[tuple[WorkStore, Connection]]:
    """A record, and a look at its tables past everything else."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, isolation_level="AUTOCOMMIT")
    with open_work(url, lambda: NOON, repair=repair, database_time=False) as shared, engine.connect() as reader:
        assert isinstance(shared, WorkStore)
        yield shared, reader
    engine.dispose()
