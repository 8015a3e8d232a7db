"""What is to be planned and pushed, who does it, and how it ended: work that survives whoever does it.

Four rules make it correct. Whoever writes is alone with its tenant's part, so a trigger is either seen by a worker's
last look or comes after it. A push is on the disk as an intent before its call; an intent that another worker finds is
waited for until its deadline, then its cells are unknown and the newest quantity is pushed. Each lease has a token, and
a worker whose token is old may have overwritten a newer quantity, so its cells are pushed again. What is wanted of a
cell is one row, so it does not matter how often it was wanted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Engine, inspect, text

from pushdsl.model import CellKey, Mode, PlannedCell, Reason, RecordedLive, Status
from pushdsl.store import opening, statements, tables, work_statements
from pushdsl.store.ledgers import SOME
from pushdsl.store.marking import Marking, Trigger
from pushdsl.store.session import milliseconds, time_of
from pushdsl.store.store import Finished, RecordStore

PLANNER = ""
"""The lane of whoever plans for a tenant; the others have the names of stores."""
TRIES_MAX = 6
"""A push and five repeats, after 1, 2, 4, 8 and 16 seconds (BEHAVIOURS A33)."""
TIRED_MILLISECONDS = 5 * 60 * 1000
"""After that many tries a push has failed; what is wanted then is pushed anew after this time, for reason 102."""
LAST_BATCH = "last batch"
RULES_SEEN = "rules and catalogue"
"""The name in the record of what is planned from."""
_WOKEN = "pushdsl_woken"
SUPERSEDED = "superseded: a newer quantity was pushed"

Execute = Callable[[str, Mapping[str, object]], object]
"""Carries out SQL of a wake's own inside the transaction; `:name` stands for a value."""


class Waker(Protocol):
    """Told which lanes have something to do, and from when on, in milliseconds of the record's clock."""

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        """Inside the transaction that gives them something to do; what is written with `execute` is a part of it."""

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        """After that transaction; in any thread. May be lost: whoever works looks for itself every second too."""


class NoWaker:
    """For those who look by themselves."""

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        pass

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one lane until then, in milliseconds of the record's clock."""

    store: str
    token: int
    until: int


@dataclass(frozen=True, slots=True)
class Dirty:
    """Triggers of one SKU, or of one listing of it, that are to be planned. `first_at` is in milliseconds."""

    sku: str
    store: str
    store_sku: str
    generation: int
    first_at: int
    reason: int
    count: int
    forced: bool


@dataclass(frozen=True, slots=True)
class State:
    """What is known of some cells; `versions` tell by cell whether a push of it began or ended since."""

    live: RecordedLive
    versions: Mapping[tuple[str, str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Want:
    """What a plan wants of a cell, for so many triggers. `recheck_at`: a slow lane holds it until then."""

    cell: PlannedCell
    version: tuple[int, int]
    count: int
    reason: int
    first_at: int
    forced: bool = False
    recheck_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """One cell to send now. `differs`: it shows another mode or other days; `unknown`: nobody knows what it shows."""

    record_id: int
    key: CellKey
    sku: str
    rule: str
    reason: int
    quantity: int
    mode: Mode
    days: int | None
    before: int | None
    differs: bool
    unknown: bool
    fails: int
    generation: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """Pushes that are on the disk as intended: to be sent `seconds` from now at the latest, or never."""

    lease: Lease
    batch: int
    pushes: tuple[Push, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to send now; the lane is free again, and wakes at that time, in milliseconds, if there is one."""

    wake_at: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How one push ended: in its record for good, or `again` after so many seconds, or not sent at all."""

    push: Push
    end: Literal["confirmed", "failed", "again", "unsent"]
    live: Literal["confirmed", "unknown", "keep"]
    code: str = ""
    kind: str = ""
    detail: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """What a store bears; `app` names the app whose stores share it, empty where each has its own."""

    per_second: float
    app: str = ""


@dataclass(frozen=True, slots=True)
class LaneSummary:
    """How the work of one store stands; `since` is its oldest trigger that is not pushed yet."""

    store: str
    waiting: int = 0
    since: datetime | None = None
    paused_until: datetime | None = None
    paused_for: str = ""
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkSummary:
    lanes: tuple[LaneSummary, ...]
    to_plan: int
    to_plan_since: datetime | None
    in_flight: int


def open_work(
    url: str, clock: Callable[[], datetime], *, tenant: str = "", repair: bool = True, waker: Waker = NoWaker(),  # noqa: B008
    database_time: bool = True,
) -> WorkStore:  # fmt: skip
    """The work of the record at `url`, which is made if it is absent. Raises PushdslError as `open_store`."""
    database = opening.database_at(url)
    engine = opening.connect(database, create=True)
    return WorkStore(database, engine, tenant, clock, repair=repair, waker=waker, database_time=database_time)


def open_existing_work(url: str, clock: Callable[[], datetime], *, tenant: str = "") -> WorkStore | None:
    """As `open_work`, to look at and not to make: None where no work was ever kept."""
    database = opening.database_at(url)
    if not database.exists():
        return None
    engine = opening.connect(database, create=False)
    with database.telling():
        if inspect(engine).has_table(tables.lane.name):
            return WorkStore(database, engine, tenant, clock)
    engine.dispose()
    return None


class WorkStore(Marking, RecordStore):
    """The work of an open record; every method is one transaction, and raises PushdslError.

    Times are those of the database's clock on PostgreSQL, where many work on one record, unless `database_time` is
    false; else those of `clock`.
    """

    def __init__(
        self, database: opening.Database, engine: Engine, tenant: str, clock: Callable[[], datetime], *,
        repair: bool = True, waker: Waker = NoWaker(),  # noqa: B008  # has no state
        database_time: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(database, engine, tenant)
        dialect: Any = engine.dialect.name
        self._clock, self._repair, self._waker = clock, repair, waker
        self._database_time = database_time
        self._asks_time = database_time and dialect == "postgresql"
        self._want = work_statements.want(dialect)
        self._hold = work_statements.hold(dialect)
        self._open_lane = work_statements.open_lane(dialect)
        self._keep_app = work_statements.keep_app(dialect)

    def of_tenant(self, tenant: str) -> WorkStore:
        """Another tenant's part of the same open record."""
        return WorkStore(
            self._database, self._engine, tenant, self._clock, repair=self._repair, waker=self._waker,
            database_time=self._database_time,
        )  # fmt: skip

    @contextmanager
    def _transaction(self, options: Mapping[str, bool] = opening.READ) -> Iterator[Connection]:
        woken: dict[str, int] = {}
        with super()._transaction(options) as connection:
            connection.info[_WOKEN] = woken
            yield connection
        if woken:
            self._when_kept(lambda: self._waker.committed(self._tenant, woken))

    # ---- what is to be planned ----------------------------------------------------------------------

    def mark(self, triggers: Sequence[Trigger]) -> None:
        """Has SKUs planned anew."""
        with self._transaction(opening.WRITE) as connection:
            self._mark_all(connection, triggers, self._now(connection))

    def plan_from(self, rules: int, triggers: Sequence[Trigger]) -> None:
        """Has SKUs planned anew from other rules or another catalogue; of what went before no plan is kept any more."""
        row = self._ours() | {"p_name": RULES_SEEN, "p_value": rules}
        with self._transaction(opening.WRITE) as connection:
            if not connection.execute(statements.CHANGE_META, row).rowcount:
                connection.execute(statements.WRITE_META, row)
            self._mark_all(connection, triggers, self._now(connection))

    def due(self, limit: int) -> tuple[Dirty, ...]:
        """The oldest triggers that are to be planned."""
        with self._transaction() as connection:
            rows = connection.execute(work_statements.DIRTY, self._ours() | {"p_step": limit}).fetchall()
        return tuple(
            Dirty(r.sku, r.store, r.store_sku, r.generation, r.first_at, r.reason, r.triggers, bool(r.forced))
            for r in rows
        )

    def state(self, listings: Iterable[tuple[str, str]]) -> State:
        """What is known of these listings, by store and store SKU."""
        with self._transaction() as connection:
            rows = self._cells(connection, listings)
            unbound = [(row[0], row[1]) for row in self._unbound(connection)]
        shown = [row for row in rows if row.known or row.generation > row.settled]
        live = RecordedLive(
            [row.store for row in shown],
            [row.store_sku for row in shown],
            [row.location for row in shown],
            [None if row.generation > row.settled else row.quantity for row in shown],
            [row.reserved for row in shown],
            [bool(row.preorder) for row in shown],
            [row.days for row in shown],
            [row.confirmed_at for row in shown],
            unbound,
        )
        return State(live, {_place(row): (row.generation, row.settled) for row in rows})

    def desire(
        self, lease: Lease, planned: Sequence[Dirty], wants: Sequence[Want], *, window: timedelta,
        rules: int | None = None,
    ) -> bool:  # fmt: skip
        """Keeps what a plan wants and ends the triggers that it was made for; False where the lease was lost.

        False too where it was made from other `rules` than are to be planned from by now.

        What is to be pushed is due `window` after its first trigger. A cell whose push is under way is planned again
        when that has ended, because what it shows is not known until then.
        """
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            if not self._holds(connection, lease, now):
                return False
            seen = self._ours() | {"p_name": RULES_SEEN}
            if rules is not None and connection.execute(statements.READ_META, seen).scalar() != rules:
                return False
            rows = self._cells(connection, {(want.cell.store, want.cell.store_sku) for want in wants})
            known = {_place(row): row for row in rows}
            changes = _Changes(now, window // timedelta(milliseconds=1))
            for want in wants:
                changes.add(want, known.get((want.cell.store, want.cell.store_sku, want.cell.location)))
            self._carry_out(connection, changes)
            cleared = [self._dirty_row(one, now) for one in planned]
            gone = self._many(
                connection, work_statements.CLEAR_DIRTY, [_without(row, "p_count", "p_first_at") for row in cleared]
            )
            if gone < len(cleared):
                self._many(connection, work_statements.LESSEN_DIRTY, cleared)
            self._mark_all(connection, changes.marks, now)
            self._wake_at(connection, changes.due)
        return True

    def recheck(self, limit: int = 1000) -> int:
        """Has held cells planned again whose time has come; returns how many.

        Also cells that triggers were for while an apply sent them, once that has ended.
        """
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            rows = connection.execute(work_statements.HELD, self._ours() | {"p_now": now, "p_step": limit}).fetchall()
            self._many(connection, work_statements.FORGET_HELD, (self._key(_key(row)) for row in rows))
            skus = {(row.store, row.store_sku): row.sku for row in rows}
            self._mark_all(connection, [Trigger(sku, Reason.SCHEDULE, *where) for where, sku in skus.items()], now)
            self._plan_what_changed(connection, now)
        return len(rows)

    # ---- lanes --------------------------------------------------------------------------------------

    def lease(self, store: str, owner: str, *, seconds: float) -> Lease | Rest:
        """The lane to a store, if it is free and nothing that was sent can still arrive."""
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            row = connection.execute(work_statements.LANE, self._of_store(store)).first()
            if row is None:
                connection.execute(self._open_lane, self._new_lane(store, now))
                row = connection.execute(work_statements.LANE, self._of_store(store)).one()
            if row.lease_until > now:
                return Rest(row.lease_until)
            if (row.paused_until or 0) > now:
                return Rest(row.paused_until)
            batches = connection.execute(work_statements.BATCHES, self._of_store(store)).fetchall()
            if (deadline := max((b.deadline for b in batches), default=0)) > now:
                self._set_lane(connection, store, row.token, lease_until=0, wake_at=deadline, owner="")
                return Rest(deadline)
            for batch in batches:
                self._lose_batch(connection, batch.id, now)
            until = now + round(seconds * 1000)
            self._set_lane(connection, store, row.token + 1, lease_until=until, wake_at=until, owner=owner)
        return Lease(store, row.token + 1, until)

    def keep(self, lease: Lease, *, seconds: float) -> Lease | None:
        """The same right for longer; None where another has it."""
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            row = connection.execute(work_statements.LANE, self._of_store(lease.store)).first()
            if row is None or row.token != lease.token:
                return None
            until = now + round(seconds * 1000)
            self._set_lane(connection, lease.store, lease.token, lease_until=until, wake_at=until, owner=row.owner)
        return replace(lease, until=until)

    def leave(self, lease: Lease, *, wake_at: int | None = None) -> None:
        """Gives a lane back; it wakes at that time, in milliseconds, or before that when something is due."""
        with self._transaction(opening.WRITE) as connection:
            due_at = connection.execute(work_statements.NEXT_DUE, self._of_store(lease.store)).scalar()
            times = [at for at in (wake_at, due_at) if at is not None]
            self._leave(connection, lease, min(times, default=None))

    def intend(
        self, lease: Lease, *, limit: int, send_seconds: float, answer_seconds: float, lease_seconds: float, rate: Rate,
        calls: Callable[[Sequence[Push]], int] = len,
    ) -> Round | Rest:  # fmt: skip
        """What is due, falls before rises, on the disk as about to be sent.

        The sending must begin within `send_seconds`, and be answered within `answer_seconds` after that. Rest: nothing
        is due, or the rate is used up, or the lease was lost; the lane is then left.
        """
        with self._transaction(opening.DURABLE) as connection:
            now = self._now(connection)
            row = connection.execute(work_statements.LANE, self._of_store(lease.store)).first()
            if row is None or row.token != lease.token:
                return Rest(None)
            free_at = max(row.free_at, self._app_free_at(connection, rate))
            if free_at > now:
                self._leave(connection, lease, free_at)
                return Rest(free_at)
            pushes = self._due(connection, lease.store, limit, now)
            if not pushes:
                wake_at = connection.execute(work_statements.NEXT_DUE, self._of_store(lease.store)).scalar()
                self._leave(connection, lease, wake_at)
                return Rest(wake_at)
            [batch] = self._numbers(connection, 1, LAST_BATCH)
            deadline = now + round((send_seconds + answer_seconds) * 1000)
            connection.execute(
                work_statements.ADD_BATCH,
                {
                    "p_tenant": self._tenant, "p_id": batch, "p_store": lease.store, "p_token": lease.token,
                    "p_created_at": now, "p_deadline": deadline,
                },
            )  # fmt: skip
            self._send(connection, batch, pushes)
            taken = round(calls(pushes) / rate.per_second * 1000)
            self._spend(connection, rate, now + taken)
            until = now + round(lease_seconds * 1000)
            free = 0 if rate.app else now + taken
            self._keep_lane(connection, lease, until, free, now)
        return Round(replace(lease, until=until), batch, pushes)

    def finish_round(self, done: Round, ended: Sequence[Ended], *, pause: tuple[float, str] | None = None) -> bool:
        """Keeps how a round ended; False where the lease was lost meanwhile, and its cells are pushed again.

        A second time changes nothing: a worker that lost the connection cannot tell whether the first was kept.
        `pause`: for so many seconds nothing more is sent to the store, and why.
        """
        assert len(ended) == len(done.pushes), "every push ends"
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            if not self._holds(connection, done.lease, now, late=True):
                self._repair_late(connection, [one.push for one in ended if one.live != "keep"], now)
                return False
            if not connection.execute(work_statements.END_BATCH, self._ours() | {"p_id": done.batch}).rowcount:
                return True
            self._end(connection, ended, now)
            if pause is not None:
                seconds, why = pause
                until = now + round(seconds * 1000)
                paused = {"p_paused_until": until, "p_paused_for": why, "p_wake_at": until}
                connection.execute(work_statements.PAUSE_LANE, self._of_store(done.lease.store) | paused)
        return True

    def resume(self, store: str | None = None) -> None:
        """Ends the pause of a store, or of all."""
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            for row in connection.execute(work_statements.LANES, self._ours()).fetchall():
                if row.paused_until is not None and store in (None, row.store):
                    free = {"p_paused_until": None, "p_paused_for": "", "p_wake_at": now}
                    connection.execute(work_statements.PAUSE_LANE, self._of_store(row.store) | free)
                    self._wake(connection, {row.store: now})

    def free_all(self) -> None:
        """Ends every lease, as the only process of a record may do when it starts: whoever had one is dead."""
        with self._transaction(opening.WRITE) as connection:
            connection.execute(work_statements.FREE_LANES, self._ours() | {"p_now": self._now(connection)})

    def set_right(self, *, longest: float, answer_seconds: float) -> None:
        """Has done now what was put off by a clock that went ahead and has since been set back.

        That is all that lies more than `longest` seconds ahead; what was sent may be answered for `answer_seconds`.
        """
        with self._transaction(opening.WRITE) as connection:
            now = self._now(connection)
            far = self._ours() | {"p_now": now, "p_far": now + round(longest * 1000)}
            for statement in work_statements.NOT_FAR:
                connection.execute(statement, far)
            deadline = {"p_deadline": now + round(answer_seconds * 1000)}
            connection.execute(work_statements.END_SOON, self._ours() | deadline | {"p_far": far["p_far"]})

    def awake(self) -> tuple[tuple[str, ...], float | None]:
        """The lanes that have something to do now, and in how many seconds the next will have, if any is known."""
        with self._transaction() as connection:
            now = self._now(connection)
            asked = self._ours() | {"p_now": now}
            stores = [row.store for row in connection.execute(work_statements.AWAKE, asked)]
            nexts = [
                connection.execute(work_statements.NEXT_WAKE, self._ours()).scalar(),
                connection.execute(work_statements.NEXT_HELD, self._ours()).scalar(),
            ]
            if connection.execute(work_statements.ANY_DIRTY, self._ours()).scalar() is not None:
                row = connection.execute(work_statements.LANE, self._of_store(PLANNER)).first()
                if row is None or row.lease_until <= now:
                    stores.append(PLANNER)
        later = [at for at in nexts if at is not None]
        return tuple(dict.fromkeys(stores)), max(0.0, (min(later) - now) / 1000) if later else None

    # ---- how it stands ------------------------------------------------------------------------------

    def work(self) -> WorkSummary:
        with self._transaction() as connection:
            lanes = {row.store: row for row in connection.execute(work_statements.LANES, self._ours())}
            queues = {row[0]: row for row in connection.execute(work_statements.QUEUES, self._ours())}
            successes = {row[0]: row[1] for row in connection.execute(work_statements.SUCCESSES, self._ours())}
            to_plan, since = connection.execute(work_statements.COUNT_DIRTY, self._ours()).one()
            in_flight = connection.execute(work_statements.COUNT_BATCHES, self._ours()).scalar_one()
            now = self._now(connection)
        summaries = []
        for store in sorted((lanes.keys() | queues.keys() | successes.keys()) - {PLANNER}):
            lane, queue = lanes.get(store), queues.get(store)
            paused = lane is not None and (lane.paused_until or 0) > now
            summaries.append(
                LaneSummary(
                    store,
                    queue[1] if queue else 0,
                    time_of(queue[2]) if queue else None,
                    time_of(lane.paused_until) if lane is not None and paused else None,
                    lane.paused_for if lane is not None and paused else "",
                    time_of(successes.get(store)),
                )
            )
        return WorkSummary(tuple(summaries), to_plan, time_of(since), in_flight)

    # ---- below: planning ----------------------------------------------------------------------------

    def _unbound(self, connection: Connection) -> Sequence[Any]:
        """As the record has it, whose tables are all there once work was done on it."""
        return connection.execute(statements.UNBOUND, self._ours()).fetchall()

    def _now(self, connection: Connection) -> int:
        if self._asks_time:
            now: int = connection.exec_driver_sql(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
            ).scalar_one()
            return now
        return milliseconds(self._clock())

    def _cells(self, connection: Connection, listings: Iterable[tuple[str, str]]) -> list[Any]:
        """The cells of these listings; Any: SQLAlchemy's rows are untyped."""
        by_store: dict[str, list[str]] = defaultdict(list)
        for store, store_sku in sorted(set(listings)):
            by_store[store].append(store_sku)
        rows: list[Any] = []
        for store, names in by_store.items():
            for start in range(0, len(names), SOME):
                asked = self._of_store(store) | {"p_store_skus": names[start : start + SOME]}
                rows.extend(connection.execute(work_statements.CELLS_OF, asked))
        return rows

    def _carry_out(self, connection: Connection, changes: _Changes) -> None:
        numbers = iter(self._numbers(connection, len(changes.new) + len(changes.skipped)))
        if changes.new:
            ids = [next(numbers) for _ in changes.new]
            rows = list(zip(ids, changes.new, strict=True))
            self._many(connection, work_statements.WAIT, (self._waiting_record(n, w, changes.now) for n, w in rows))
            wanted = (
                self._wanted(w.cell)
                | {"p_sku": w.cell.sku, "p_waiting": n, "p_due_at": changes.due_at(w), "p_since": w.first_at}
                | {"p_forced": int(w.forced)}
                for n, w in rows
            )
            self._many(connection, self._want, wanted)
        more = [(row, want) for row, want in changes.more]
        self._many(connection, work_statements.WAIT_OTHERWISE, (self._more_record(row, w) for row, w in more))
        self._many(
            connection,
            work_statements.WANT_OTHERWISE,
            (
                self._wanted(w.cell)
                | {"p_sku": w.cell.sku, "p_forced": max(int(w.forced), row.forced)}
                | {"p_due_at": changes.due_at(w) if w.forced else row.due_at}
                for row, w in more
            ),
        )
        self._many(
            connection, work_statements.SKIP_WAITING,
            (self._skip_waiting(row.waiting, w.cell, w.count, w.reason, detail, changes.now)
             for row, w, detail in changes.obsolete),
        )  # fmt: skip
        self._many(
            connection, work_statements.WANT_NOTHING,
            (self._key(w.cell) | {"p_recheck_at": _or_none(w.recheck_at)} for _, w, _ in changes.obsolete),
        )  # fmt: skip
        skipped = (self._skipped_record(next(numbers), w, detail, changes.now) for w, detail in changes.skipped)
        self._many(connection, self._skip, skipped)
        held = ((w.cell, w.recheck_at) for w, _ in changes.skipped if w.recheck_at is not None)
        self._many(
            connection, self._hold,
            (self._key(cell) | {"p_sku": cell.sku, "p_recheck_at": milliseconds(at)} for cell, at in held),
        )  # fmt: skip
        self._many(connection, work_statements.FORGET_HELD, (self._key(key) for key in changes.released))
        self._many(
            connection, work_statements.PLAN_AGAIN,
            (self._key(w.cell) | _again(w.cell.sku, w.count, w.reason, forced=w.forced) for w in changes.again),
        )  # fmt: skip

    def _waiting_record(self, number: int, want: Want, now: int) -> dict[str, object]:
        return self._intent(number, want.cell, want.reason, now) | {
            "p_count": want.count, "p_before": None, "p_generation": 0, "p_batch": None, "p_detail": "",
        }  # fmt: skip

    def _more_record(self, row: Any, want: Want) -> dict[str, object]:
        cell = want.cell
        return {
            "p_tenant": self._tenant, "p_id": row.waiting, "p_sku": cell.sku, "p_rule": cell.rule or "",
            "p_reason": want.reason, "p_quantity": cell.quantity, "p_preorder": int(cell.mode == "preorder"),
            "p_days": cell.days, "p_count": want.count,
        }  # fmt: skip

    def _skip_waiting(
        self, number: int, cell: PlannedCell, count: int, reason: int, detail: str, now: int
    ) -> dict[str, object]:
        return {
            "p_tenant": self._tenant, "p_id": number, "p_reason": reason, "p_quantity": _quantity(cell),
            "p_preorder": int(cell.mode == "preorder"), "p_days": cell.days, "p_detail": detail, "p_finished_at": now,
            "p_count": count,
        }  # fmt: skip

    def _skipped_record(self, number: int, want: Want, detail: str, now: int) -> dict[str, object]:
        cell = want.cell if want.cell.quantity is not None else want.cell._replace(quantity=_quantity(want.cell))
        return self._intent(number, cell, want.reason, now) | {
            "p_before": cell.live, "p_detail": detail, "p_count": want.count,
        }  # fmt: skip

    def _dirty_row(self, one: Dirty, now: int) -> dict[str, object]:
        return {
            "p_tenant": self._tenant, "p_sku": one.sku, "p_store": one.store, "p_store_sku": one.store_sku,
            "p_generation": one.generation, "p_count": one.count, "p_first_at": now,
        }  # fmt: skip

    def _mark_all(self, connection: Connection, triggers: Sequence[Trigger], first_at: int) -> None:
        """As for all of a record; and whoever plans is woken."""
        super()._mark_all(connection, triggers, first_at)
        if triggers:
            self._wake(connection, {PLANNER: first_at})

    # ---- below: pushing -----------------------------------------------------------------------------

    def _due(self, connection: Connection, store: str, limit: int, now: int) -> tuple[Push, ...]:
        """What is due and not shown already; triggers that a newer one made needless end here."""
        rows = connection.execute(
            work_statements.DUE, self._of_store(store) | {"p_now": now, "p_step": limit}
        ).fetchall()
        shown = [row for row in rows if _is_shown(row) and not row.forced]
        self._many(
            connection, work_statements.SKIP_WAITING,
            (self._skip_waiting(row.waiting, _cell(row), 0, row.reason, "unchanged", now) for row in shown),
        )  # fmt: skip
        self._many(
            connection, work_statements.WANT_NOTHING, (self._key(_key(row)) | {"p_recheck_at": None} for row in shown)
        )
        sending = [row for row in rows if not _is_shown(row) or row.forced]
        several = [row for row in sending if row.triggers > 1]
        numbers = dict(zip([_place(row) for row in several], self._numbers(connection, len(several)), strict=True))
        self._many(
            connection, work_statements.SKIP_WAITING,
            (self._skip_waiting(row.waiting, _cell(row), -1, row.reason, SUPERSEDED, now) for row in several),
        )  # fmt: skip
        self._many(
            connection, work_statements.WAIT,
            (
                self._intent(numbers[_place(row)], _cell(row), row.reason, row.created_at)
                | {"p_count": 1, "p_before": None, "p_generation": 0, "p_batch": None, "p_detail": row.detail}
                for row in several
            ),
        )  # fmt: skip
        return tuple(_push(row, numbers.get(_place(row), row.waiting)) for row in sending)

    def _send(self, connection: Connection, batch: int, pushes: Sequence[Push]) -> None:
        self._many(
            connection, work_statements.SEND,
            (
                {
                    "p_tenant": self._tenant, "p_id": push.record_id, "p_batch": batch, "p_generation": push.generation,
                    "p_before": push.before, "p_quantity": push.quantity, "p_preorder": int(push.mode == "preorder"),
                    "p_days": push.days,
                }
                for push in pushes
            ),
        )  # fmt: skip
        self._many(connection, work_statements.SENT, (self._key(push.key) for push in pushes))

    def _end(self, connection: Connection, ended: Sequence[Ended], now: int) -> None:
        tired = [one for one in ended if one.end == "again" and one.push.fails + 1 >= TRIES_MAX]
        done = [one for one in ended if one.end in ("confirmed", "failed")] + tired
        more = [one for one in ended if one.end in ("again", "unsent") and one not in tired]
        finished = [_finished(one, now) for one in done]
        answers = [self._answer(result) for result in finished]
        self._many(connection, statements.FINISH, answers)
        self._many(connection, work_statements.ENDED, [self._key(one.push.key) for one in done])
        settling = [*zip(answers, done, strict=True), *((self._answer(_finished(one, now)), one) for one in more)]
        for live in ("confirmed", "unknown", "keep"):
            self._settle(connection, live, [answer for answer, one in settling if one.live == live])
        self._note_missing(connection, finished, answers)
        later = {"p_recheck_at": now + TIRED_MILLISECONDS}
        self._many(connection, self._hold, (self._key(x.push.key) | {"p_sku": x.push.sku} | later for x in tired))
        self._put_back(connection, more, now)
        self._plan_what_changed(connection, now)
        store = ended[0].push.key.store if ended else ""
        if more:
            self._wake_at(connection, {store: min(_due_again(one, now) for one in more)})

    def _put_back(self, connection: Connection, more: Sequence[Ended], now: int) -> None:
        """What is to be tried again waits again, as the same push; where a newer one waits already, it ends."""
        places = {(one.push.key.store, one.push.key.store_sku) for one in more}
        newer = {_key(row) for row in self._cells(connection, places) if row.waiting is not None}
        self._many(
            connection, work_statements.SKIP_WAITING,
            (
                {"p_tenant": self._tenant, "p_id": one.push.record_id, "p_reason": one.push.reason, "p_count": 0,
                 "p_quantity": one.push.quantity, "p_preorder": int(one.push.mode == "preorder"),
                 "p_days": one.push.days, "p_detail": SUPERSEDED, "p_finished_at": now}
                for one in more if one.push.key in newer
            ),
        )  # fmt: skip
        more = [one for one in more if one.push.key not in newer]
        self._many(
            connection, work_statements.WAIT_AGAIN,
            (
                {"p_tenant": self._tenant, "p_id": one.push.record_id, "p_detail": one.detail, "p_code": one.code,
                 "p_kind": one.kind}
                for one in more
            ),
        )  # fmt: skip
        self._many(
            connection, work_statements.TRY_AGAIN,
            (
                self._key(one.push.key)
                | {"p_waiting": one.push.record_id, "p_due_at": _due_again(one, now)}
                | {"p_fails": one.push.fails + (one.end == "again")}
                for one in more
            ),
        )  # fmt: skip

    def _plan_what_changed(self, connection: Connection, now: int) -> None:
        """Plans what triggers asked for while it was being pushed, of all cells whose push has ended."""
        rows = connection.execute(work_statements.LEFT, self._ours()).fetchall()
        triggers = [
            Trigger(row.sku, row.again_reason, row.store, row.store_sku, row.again, bool(row.again_forced))
            for row in rows
        ]
        self._mark_all(connection, triggers, now)
        self._many(connection, work_statements.DOUBT, (self._key(_key(row)) for row in rows if row.overtaken))
        self._many(connection, work_statements.NOT_AGAIN, (self._key(_key(row)) for row in rows))

    def _lose_batch(self, connection: Connection, batch: int, now: int) -> None:
        """Nobody will tell how this batch ended: its cells are unknown, and what is wanted of them now is pushed."""
        rows = connection.execute(work_statements.RECORDS_OF_BATCH, self._ours() | {"p_batch": batch}).fetchall()
        pushes = [
            Push(
                row.id, CellKey(row.store, row.store_sku, row.location), row.sku, row.rule, row.reason, row.quantity,
                _mode(row.preorder), row.days, row.before, differs=False, unknown=True, fails=row.fails,
            )
            for row in rows
        ]  # fmt: skip
        connection.execute(work_statements.END_BATCH, self._ours() | {"p_id": batch})
        lost = "sent without an answer; sent again"
        self._end(connection, [Ended(push, "unsent", "unknown", "", "unknown", lost) for push in pushes], now)

    def _repair_late(self, connection: Connection, pushes: Sequence[Push], now: int) -> None:
        """The lease was lost while these were sent: they may stand on top of something newer, so all is sent again.

        Until then nobody knows what is shown; of a cell whose newer push is under way, when that has ended.
        """
        if not self._repair or not pushes:
            return
        rows = {_key(row): row for row in self._cells(connection, {(p.key.store, p.key.store_sku) for p in pushes})}
        under_way = [p for p in pushes if rows[p.key].generation > rows[p.key].settled]
        self._many(
            connection, work_statements.PLAN_AGAIN,
            (self._key(p.key) | _again(p.sku, 1, Reason.RECONCILE, forced=True, overtaken=True) for p in under_way),
        )  # fmt: skip
        others = [p for p in pushes if rows[p.key].generation == rows[p.key].settled]
        self._many(connection, work_statements.DOUBT, (self._key(p.key) for p in others))
        self._mark_all(
            connection,
            [Trigger(p.sku, Reason.RECONCILE, p.key.store, p.key.store_sku, forced=True) for p in others],
            now,
        )

    # ---- below: lanes -------------------------------------------------------------------------------

    def _of_store(self, store: str) -> dict[str, object]:
        return {"p_tenant": self._tenant, "p_store": store}

    def _new_lane(self, store: str, wake_at: int | None) -> dict[str, object]:
        return {
            "tenant": self._tenant, "store": store, "wake_at": wake_at, "token": 0, "lease_until": 0, "owner": "",
            "free_at": 0, "paused_until": None, "paused_for": "", "tried_at": None,
        }  # fmt: skip

    def _set_lane(
        self, connection: Connection, store: str, token: int, *, lease_until: int, wake_at: int | None, owner: str
    ) -> None:
        new = {"p_token": token, "p_lease_until": lease_until, "p_wake_at": wake_at, "p_owner": owner}
        connection.execute(work_statements.TAKE_LANE, self._of_store(store) | new)

    def _holds(self, connection: Connection, lease: Lease, now: int, *, late: bool = False) -> bool:
        """Whether nobody else took the lane since; `late`: also if it has run out meanwhile."""
        row = connection.execute(work_statements.LANE, self._of_store(lease.store)).first()
        return row is not None and row.token == lease.token and (late or row.lease_until > now)

    def _keep_lane(self, connection: Connection, lease: Lease, until: int, free_at: int, now: int) -> None:
        new = {"p_lease_until": until, "p_wake_at": until, "p_free_at": free_at, "p_tried_at": now}
        connection.execute(work_statements.KEEP_LANE, self._of_store(lease.store) | {"p_token": lease.token} | new)

    def _leave(self, connection: Connection, lease: Lease, wake_at: int | None) -> None:
        connection.execute(
            work_statements.LEAVE_LANE, self._of_store(lease.store) | {"p_token": lease.token, "p_wake_at": wake_at}
        )

    def _wake_at(self, connection: Connection, due: Mapping[str, int]) -> None:
        """Each store's lane wakes when something of it is due, or earlier."""
        for store in sorted(due):
            connection.execute(self._open_lane, self._new_lane(store, due[store]))
        self._wake(connection, due)

    def _wake(self, connection: Connection, lanes: Mapping[str, int]) -> None:
        if lanes:
            self._waker.in_transaction(
                self._tenant, lambda sql, values: connection.execute(text(sql), dict(values)), lanes
            )
            connection.info[_WOKEN].update(lanes)

    def _app_free_at(self, connection: Connection, rate: Rate) -> int:
        if not rate.app:
            return 0
        found = connection.execute(work_statements.APP, self._ours() | {"p_name": rate.app}).scalar()
        return found or 0

    def _spend(self, connection: Connection, rate: Rate, free_at: int) -> None:
        if rate.app:
            connection.execute(self._keep_app, {"tenant": self._tenant, "name": rate.app, "free_at": free_at})


@dataclass(slots=True)
class _Changes:
    """What the wants of a plan come to, cell by cell; `window` in milliseconds."""

    now: int
    window: int
    new: list[Want] = field(default_factory=list)
    more: list[tuple[Any, Want]] = field(default_factory=list)
    obsolete: list[tuple[Any, Want, str]] = field(default_factory=list)
    skipped: list[tuple[Want, str]] = field(default_factory=list)
    again: list[Want] = field(default_factory=list)
    marks: list[Trigger] = field(default_factory=list)
    released: list[CellKey] = field(default_factory=list)
    due: dict[str, int] = field(default_factory=dict)

    def due_at(self, want: Want) -> int:
        """No later than a window from now, if the clocks of those who trigger go fast."""
        return min(want.first_at, self.now) + self.window

    def add(self, want: Want, row: Any) -> None:  # Any: the cell's row, or None where it has none yet
        cell = want.cell
        if row is not None and row.generation > row.settled:
            self.again.append(want)
        elif (row.generation, row.settled) != want.version if row is not None else want.version != (0, 0):
            # a push of it ended since the plan looked
            self.marks.append(Trigger(cell.sku, want.reason, cell.store, cell.store_sku, want.count, want.forced))
        elif cell.quantity is not None and (want.forced or cell.action == "push" or _waits_forced(row)):
            if row is not None and row.waiting is not None:
                self.more.append((row, want))
            else:
                self.new.append(want)
            if row is None or row.waiting is None or want.forced:
                self.due[cell.store] = min(self.due_at(want), self.due.get(cell.store, self.due_at(want)))
        elif row is not None and row.waiting is not None:
            self.obsolete.append((row, want, _why_not(cell)))
        else:
            self.skipped.append((want, _why_not(cell)))
            if row is not None and row.recheck_at is not None and want.recheck_at is None:
                self.released.append(cell.key)


def _waits_forced(row: Any) -> bool:
    """Whether a push waits that somebody asked for even if it is shown: what comes later does not take it back."""
    return row is not None and row.waiting is not None and bool(row.forced)


def _again(sku: str, count: int, reason: int, *, forced: bool, overtaken: bool = False) -> dict[str, object]:
    return {
        "p_sku": sku, "p_again": count, "p_again_reason": int(reason), "p_again_forced": int(forced),
        "p_overtaken": int(overtaken),
    }  # fmt: skip


def _why_not(cell: PlannedCell) -> str:
    match cell.action:
        case "blocked":
            return f"blocked: {cell.why}"
        case "held":
            return "held"
        case _:
            return "increase only" if "increase only" in cell.why else "unchanged"


def _quantity(cell: PlannedCell) -> int:
    """What would be sent; what is shown where a blocked cell has nothing to send."""
    return cell.quantity if cell.quantity is not None else (cell.live or 0)


def _place(row: Any) -> tuple[str, str, str]:
    return row.store, row.store_sku, row.location


def _key(row: Any) -> CellKey:
    return CellKey(row.store, row.store_sku, row.location)


def _mode(preorder: object) -> Mode:
    return "preorder" if preorder else "normal"


def _is_shown(row: Any) -> bool:
    """Whether the store shows what is wanted, as far as anybody knows."""
    same_mode = bool(row.preorder) == bool(row.desired_preorder)
    same_days = not row.desired_preorder or row.days == row.desired_days
    return bool(row.known) and row.quantity == row.desired_quantity and same_mode and same_days


def _cell(row: Any) -> PlannedCell:
    """What is wanted of the cell, as far as its row says."""
    return PlannedCell(
        row.store, row.store_sku, row.location, row.sku, row.rule, None, row.desired_quantity,
        _mode(row.desired_preorder), row.desired_days, row.quantity, "push", "",
    )  # fmt: skip


def _push(row: Any, record_id: int) -> Push:
    unknown = not row.known or row.quantity is None
    other_days = bool(row.desired_preorder) and row.days != row.desired_days
    return Push(
        record_id, _key(row), row.sku, row.rule, row.reason, row.desired_quantity, _mode(row.desired_preorder),
        row.desired_days, row.quantity if row.known else None,
        differs=bool(row.preorder) != bool(row.desired_preorder) or other_days, unknown=unknown, fails=row.fails,
        generation=row.generation + 1, since=row.since or 0,
    )  # fmt: skip


def _finished(one: Ended, now: int) -> Finished:
    push, at = one.push, time_of(now)
    assert at is not None
    status = Status.SUCCESSFULLY if one.end == "confirmed" else Status.FAILED
    return Finished(
        push.record_id, push.key, push.quantity, push.mode, push.days, status, at, one.live, one.code, one.kind,
        one.detail, one.missing,
    )  # fmt: skip


def _due_again(one: Ended, now: int) -> int:
    """1, 2, 4, 8 and 16 seconds after each try; at once where nothing was sent."""
    return now + (1000 * 2**one.push.fails if one.end == "again" else 0)


def _without(row: dict[str, object], *names: str) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in names}


def _or_none(at: datetime | None) -> int | None:
    return None if at is None else milliseconds(at)
