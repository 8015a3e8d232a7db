"""Stock events and orders in, once each; what they come to, and which SKUs are to be planned anew, out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, assert_never

from sqlalchemy import Connection, Row, inspect

from pushdsl.errors import PushdslError
from pushdsl.ledger import (
    NOTHING,
    Balance,
    Difference,
    Kind,
    LedgerError,
    Mark,
    StockEvent,
    StockKey,
    after,
    balance_before,
    balance_of,
    is_repeat,
    verify,
)  # fmt: skip
from pushdsl.model import Reason
from pushdsl.order_text import order_of, order_text
from pushdsl.orders import ChangeMapping, ChangeWarehouse, Message, Order, Step, advance
from pushdsl.snapshots import Snapshot, differences, vanished
from pushdsl.store import opening, work_statements
from pushdsl.store.marking import Marking, Trigger
from pushdsl.store.session import milliseconds
from pushdsl.store.tables import balance
from pushdsl.told import OrderTold, RefreshTold, StockTold, Told, event_text, order_told_text

SOME = 500
"""Names in one question."""
LAST_EVENT = "last event"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of events: `refused` are those that cannot be true, each with why. The others are on the disk."""

    new: int = 0
    repeated: int = 0
    refused: tuple[tuple[StockEvent, LedgerError], ...] = ()
    skus: frozenset[str] = frozenset()
    """Those that are planned anew for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a message about an order: the order as it stands, and how many stock events came of it."""

    order: Order
    events: int = 0
    repeated: bool = False
    skus: frozenset[str] = frozenset()
    """Those that are planned anew for it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of a snapshot: its differences as events, and what its source no longer tells of."""

    intake: Intake
    vanished: tuple[StockKey, ...] = ()


Answer = Intake | Asked | Compared | PushdslError
"""What became of one thing that was told; an error where it is put aside."""


@dataclass(slots=True)
class _Taking:
    """Balances while events are taken in; `rows` are the events to write, `outcomes` say of each whether it is new."""

    balances: dict[StockKey, Balance]
    known: dict[str, StockEvent]
    rows: list[tuple[StockEvent, Balance]] = field(default_factory=list)
    outcomes: list[tuple[StockEvent, bool | LedgerError]] = field(default_factory=list)

    @property
    def intake(self) -> Intake:
        return _intake(self.outcomes)


class LedgerStore(Marking):
    """The events of an open record; every method is one transaction, and raises PushdslError."""

    def __init__(self, database: opening.Database, engine: Any, tenant: str) -> None:  # Any: as the record has it
        super().__init__(database, engine, tenant)
        self._keep_balance = work_statements.keep_balance(engine.dialect.name)
        self._keep_sale = work_statements.keep_sale(engine.dialect.name)
        self._note = work_statements.note_message(engine.dialect.name)

    def take(self, events: Sequence[StockEvent], *, at: datetime) -> Intake:
        """Takes events in; what they touch is planned anew. An event that is here already changes nothing.

        It is on the disk before this returns. Call it with a hundred and more where there are as many.
        """
        if not events:
            return Intake()
        with self._transaction(opening.DURABLE) as connection:
            return self._take(connection, events, at)

    def advance(self, message: Message, *, store: str, id: str, new: Order | None = None, at: datetime) -> Asked:
        """Carries out a message about an order, and its stock events with it. `new` is the order if it is not known.

        Raises OrderError where the order cannot do it, and PushdslError where there is no such order.
        """
        with self._transaction(opening.DURABLE) as connection:
            return self._advance(connection, OrderTold(store, id, message, new), at)

    def together(self, told: Sequence[Told | Snapshot], *, at: datetime) -> list[Answer]:
        """Takes in, one after the other and in one transaction, what many tell; an answer for each, in order.

        What cannot be true is put aside, and hinders nothing else. All is on the disk before this returns.
        """
        answers: list[Answer] = []
        with self._transaction(opening.DURABLE) as connection:
            for kind, some in groupby(told, key=type):
                if kind is StockTold:  # most of what is told, and one question serves many
                    answers += self._take_each(connection, [one for one in some if isinstance(one, StockTold)], at)
                else:
                    answers += [self._answer(connection, one, at) for one in some]
        return answers

    def mark(self, triggers: Sequence[Trigger], *, at: datetime) -> None:
        """Has SKUs planned anew."""
        with self._transaction(opening.WRITE) as connection:
            self._mark_all(connection, triggers, milliseconds(at))

    def note(self, source: str, id: str, body: str, why: str = "", *, at: datetime) -> bool:
        """Keeps a message, put aside for a person where `why` says so; False where it is here already."""
        row = {"tenant": self._tenant, "source": source, "id": id, "received_at": milliseconds(at), "body": body}
        with self._transaction(opening.DURABLE) as connection:
            # SQLAlchemy counts the rows of an insert only where it is asked to
            counting = {"preserve_rowcount": True}
            return connection.execute(self._note, row | {"why": why}, execution_options=counting).rowcount == 1

    def noted(self, source: str, ids: Iterable[str]) -> set[str]:
        """Which of these messages are here."""
        with self._transaction() as connection:
            found: set[str] = set()
            for some in _parts(sorted(set(ids))):
                asked = self._ours() | {"p_source": source, "p_ids": some}
                found.update(connection.execute(work_statements.NOTED_MESSAGES, asked).scalars())
        return found

    def put_aside(self) -> list[tuple[str, str, datetime, str, str]]:
        """Source, id, time, text of every message that a person has to look at, and why."""
        with self._transaction() as connection:
            rows = connection.execute(work_statements.PUT_ASIDE, self._ours()).fetchall()
        return [(r.source, r.id, _EPOCH + timedelta(milliseconds=r.received_at), r.body, r.why) for r in rows]

    def count_put_aside(self) -> int:
        with self._transaction() as connection:
            count: int = connection.execute(work_statements.COUNT_PUT_ASIDE, self._ours()).scalar_one()
            return count

    def balances(self, skus: Iterable[str]) -> dict[StockKey, Balance]:
        """What is on hand and allocated of these SKUs, in every warehouse that an event told of."""
        with self._transaction() as connection:
            return self._of_skus(connection, skus)

    def all_balances(self) -> dict[StockKey, Balance]:
        with self._transaction() as connection:
            if not inspect(connection).has_table(balance.name):  # an older record that nothing was written to since
                return {}
            rows = connection.execute(work_statements.ALL_BALANCES, self._ours())
            return {StockKey(row.warehouse, row.sku): _balance(row) for row in rows}

    def order(self, store: str, id: str) -> Order | None:
        with self._transaction() as connection:
            return self._order(connection, store, id)

    def verify(self) -> Difference | None:
        """Recomputes all stock from all events; the first event that the record differs from, or the first balance."""
        with self._transaction() as connection:
            rows = connection.execute(work_statements.ALL_EVENTS, self._ours()).fetchall()
            recorded = {row.id: _balance(row) for row in rows}
            events = [_event(row) for row in rows]
            if (gone := next((n for n, row in enumerate(rows, 1) if row.number != n), None)) is not None:
                return Difference(f"number {gone}", None, None)
            if (difference := verify(events, recorded)) is not None:
                return difference
            last = {StockKey(row.warehouse, row.sku): row for row in rows}
            kept = connection.execute(work_statements.ALL_BALANCES, self._ours()).fetchall()
        balances = {StockKey(row.warehouse, row.sku): _balance(row) for row in kept}
        for key in sorted(last.keys() | balances.keys()):
            expected = _balance(last[key]) if key in last else None
            if balances.get(key) != expected:
                name = last[key].id if key in last else f"{key.warehouse} {key.sku}"
                return Difference(name, expected, balances.get(key))
        return None

    def events(self, sku: str, limit: int = 100) -> list[tuple[int, StockEvent, Balance]]:
        """The newest events of a SKU, newest first: number, event, and what its stock came to."""
        with self._transaction() as connection:
            asked = self._ours() | {"p_sku": sku, "p_step": limit}
            rows = connection.execute(work_statements.EVENTS_OF_SKU, asked).fetchall()
        return [(row.number, _event(row), _balance(row)) for row in rows]

    # ---- below --------------------------------------------------------------------------------------

    def _answer(self, connection: Connection, told: Told | Snapshot, at: datetime) -> Answer:
        match told:
            case StockTold():
                return self._take_each(connection, [told], at)[0]
            case OrderTold():
                try:
                    return self._advance(connection, told, at)
                except PushdslError as error:  # raised before anything was written
                    id = f"{told.store}/{told.order}/{told.message.id}"
                    self._put_aside(connection, told.message.source, id, order_told_text(told), error, at)
                    return error
            case RefreshTold(skus):
                reason = int(Reason.REFRESH_INVENTORY)
                self._mark_all(connection, [Trigger(sku, reason) for sku in dict.fromkeys(skus)], milliseconds(at))
                return Intake(skus=frozenset(skus))
            case Snapshot():
                return self._compare(connection, told, at)
            case _:
                assert_never(told)

    def _take_each(self, connection: Connection, told: Sequence[StockTold], at: datetime) -> list[Answer]:
        """One answer for each, its own events counted."""
        taking = self._judge(connection, [event for one in told for event in one.events])
        self._write(connection, taking, at)
        self._mark_new(connection, taking, at)
        self._put_refused_aside(connection, taking, at)
        outcomes = iter(taking.outcomes)
        return [_intake(list(islice(outcomes, len(one.events)))) for one in told]

    def _compare(self, connection: Connection, snapshot: Snapshot, at: datetime) -> Compared:
        """A snapshot is what its source sees now: one with a smaller sequence, or an earlier time, comes just after."""
        rows = connection.execute(work_statements.ALL_BALANCES, self._ours())
        balances = {StockKey(row.warehouse, row.sku): _balance(row) for row in rows}
        told = [mark for balance in balances.values() for mark in balance.marks if mark.source == snapshot.source]
        snapshot = _newest(snapshot, told)
        done = {key for key, b in balances.items() if b.last_sequence(snapshot.source) == snapshot.sequence}
        fresh = replace(snapshot, lines=tuple(line for line in snapshot.lines if line.key not in done))
        then = {line.key: self._before(connection, line.key, balances, snapshot) for line in fresh.lines}
        taking = self._judge(connection, list(differences(fresh, then)))
        self._write(connection, taking, at)
        self._mark_new(connection, taking, at)
        self._put_refused_aside(connection, taking, at)
        return Compared(taking.intake, vanished(snapshot, balances))

    def _before(
        self, connection: Connection, key: StockKey, balances: Mapping[StockKey, Balance], snapshot: Snapshot
    ) -> Balance:
        balance = balances.get(key, NOTHING)
        if any(mark > snapshot.mark for mark in balance.marks):  # something happened after the snapshot was taken
            return balance_before([_event(row) for row in self._history(connection, key)], snapshot.mark)
        return balance

    def _advance(self, connection: Connection, told: OrderTold, at: datetime) -> Asked:
        """Raises PushdslError before it writes anything."""
        order = self._order(connection, told.store, told.order) or told.new
        if order is None:
            raise PushdslError(
                f"order `{told.order}` of `{told.store}` is not known", "tell of it with its lines first"
            )
        stock = self._balances(connection, order.needed.keys() | _moved(order, told.message).keys())
        step = advance(order, told.message, {key: balance.available for key, balance in stock.items()})
        taking = self._judge(connection, step.events)
        if taking.intake.refused:
            raise taking.intake.refused[0][1]
        self._write(connection, taking, at)
        self._keep_step(connection, step, at)
        skus = frozenset(key.sku for key in step.touched) if step.reason is not None else frozenset()
        return Asked(step.order, len(taking.rows), repeated=step.order == order, skus=skus)

    def _take(self, connection: Connection, events: Sequence[StockEvent], at: datetime) -> Intake:
        taking = self._judge(connection, events)
        self._write(connection, taking, at)
        self._mark_new(connection, taking, at)
        return taking.intake

    def _judge(self, connection: Connection, events: Sequence[StockEvent]) -> _Taking:
        """What would become of events; nothing is written."""
        taking = _Taking(self._balances(connection, {event.key for event in events}), self._known(connection, events))
        for event in events:
            taking.outcomes.append((event, self._judge_one(connection, event, taking)))
        return taking

    def _judge_one(self, connection: Connection, event: StockEvent, taking: _Taking) -> bool | LedgerError:
        try:
            if is_repeat(event, taking.known.get(event.id)):
                return False
        except LedgerError as error:
            return error
        before = taking.balances.get(event.key, NOTHING)
        balance = after(before, event)
        if balance is None:  # late: where it belongs, all that is known of this stock decides
            history = [_event(row) for row in self._history(connection, event.key)]
            history += [e for e, _ in taking.rows if e.key == event.key]
            balance = balance_of([*history, event])
        taking.balances[event.key] = balance
        taking.known[event.id] = event
        taking.rows.append((event, balance))
        return True

    def _write(self, connection: Connection, taking: _Taking, at: datetime) -> None:
        if not taking.rows:
            return
        numbers = self._numbers(connection, len(taking.rows), LAST_EVENT)
        rows = zip(numbers, taking.rows, strict=True)
        self._many(connection, work_statements.ADD_EVENT, (self._event_row(n, *row, at) for n, row in rows))
        changed = {event.key: balance for event, balance in taking.rows}
        self._many(
            connection,
            self._keep_balance,
            (
                {"p_tenant": self._tenant, "p_warehouse": key.warehouse, "p_sku": key.sku} | _columns(balance)
                for key, balance in changed.items()
            ),
        )

    def _mark_new(self, connection: Connection, taking: _Taking, at: datetime) -> None:
        newest = {event.sku: int(event.reason) for event, _ in taking.rows}
        counts = Counter(event.sku for event, _ in taking.rows)
        self._mark_all(connection, [Trigger(s, r, count=counts[s]) for s, r in newest.items()], milliseconds(at))

    def _put_refused_aside(self, connection: Connection, taking: _Taking, at: datetime) -> None:
        for event, error in taking.intake.refused:
            self._put_aside(connection, event.source, event.id, event_text(event), error, at)

    def _put_aside(
        self, connection: Connection, source: str, id: str, body: str, error: PushdslError, at: datetime
    ) -> None:
        """Once for each text: the same id with something else again is another message to look at."""
        digest = hashlib.sha256(body.encode()).hexdigest()[:8]
        row = {
            "tenant": self._tenant, "source": source, "id": f"{id}#{digest}", "received_at": milliseconds(at),
            "body": body, "why": error.message,
        }  # fmt: skip
        connection.execute(self._note, row)

    def _known(self, connection: Connection, events: Sequence[StockEvent]) -> dict[str, StockEvent]:
        ids = sorted({event.id for event in events})
        found: dict[str, StockEvent] = {}
        for some in _parts(ids):
            rows = connection.execute(work_statements.EVENTS_OF_IDS, self._ours() | {"p_ids": some})
            found.update((row.id, _event(row)) for row in rows)
        return found

    def _balances(self, connection: Connection, keys: Iterable[StockKey]) -> dict[StockKey, Balance]:
        wanted = set(keys)
        found = self._of_skus(connection, {key.sku for key in wanted})
        return {key: balance for key, balance in found.items() if key in wanted}

    def _of_skus(self, connection: Connection, skus: Iterable[str]) -> dict[StockKey, Balance]:
        found: dict[StockKey, Balance] = {}
        for some in _parts(sorted(set(skus))):
            rows = connection.execute(work_statements.BALANCES_OF_SKUS, self._ours() | {"p_skus": some})
            found.update((StockKey(row.warehouse, row.sku), _balance(row)) for row in rows)
        return found

    def _history(self, connection: Connection, key: StockKey) -> Sequence[Row[Any]]:
        asked = self._ours() | {"p_warehouse": key.warehouse, "p_sku": key.sku}
        return connection.execute(work_statements.HISTORY, asked).fetchall()

    def _order(self, connection: Connection, store: str, id: str) -> Order | None:
        asked = self._ours() | {"p_store": store, "p_id": id}
        body = connection.execute(work_statements.READ_SALE, asked).scalar()
        return None if body is None else order_of(body)

    def _keep_step(self, connection: Connection, step: Step, at: datetime) -> None:
        row = {
            "tenant": self._tenant, "store": step.order.store, "id": step.order.id, "state": step.order.state.value,
            "body": order_text(step.order), "changed_at": milliseconds(at),
        }  # fmt: skip
        connection.execute(self._keep_sale, row)
        if step.reason is not None:
            skus = sorted({key.sku for key in step.touched})
            self._mark_all(connection, [Trigger(sku, int(step.reason)) for sku in skus], milliseconds(at))

    def _event_row(self, number: int, event: StockEvent, balance: Balance, at: datetime) -> dict[str, object]:
        return {
            "p_tenant": self._tenant, "p_number": number, "p_id": event.id, "p_source": event.source,
            "p_sequence": event.sequence, "p_occurred_at": _microseconds(event.occurred_at),
            "p_received_at": milliseconds(at), "p_reason": int(event.reason), "p_warehouse": event.warehouse,
            "p_sku": event.sku, "p_kind": event.kind.value, "p_quantity": event.quantity,
            "p_phantom": int(event.phantom), **_columns(balance),
        }  # fmt: skip


def _newest(snapshot: Snapshot, told: Sequence[Mark]) -> Snapshot:
    """The snapshot with its place after all that its source told before; the same one again keeps its place."""
    if not told:
        return snapshot
    last = max(mark.sequence for mark in told)
    sequence = snapshot.sequence if snapshot.sequence >= last else last + 1
    return replace(snapshot, sequence=sequence, at=max(snapshot.at, *(mark.at for mark in told)))


def _intake(outcomes: Sequence[tuple[StockEvent, bool | LedgerError]]) -> Intake:
    refused = tuple((event, outcome) for event, outcome in outcomes if isinstance(outcome, LedgerError))
    new = [event for event, outcome in outcomes if outcome is True]
    return Intake(len(new), len(outcomes) - len(new) - len(refused), refused, frozenset(event.sku for event in new))


def _moved(order: Order, message: Message) -> Mapping[StockKey, int]:
    """What the order would need after a change of mapping or warehouse; as it needs now for all else."""
    match message.ask:
        case ChangeWarehouse(warehouse):
            return replace(order, warehouse=warehouse).needed
        case ChangeMapping(store_sku, sku):
            lines = tuple(replace(x, sku=sku) if x.store_sku == store_sku else x for x in order.lines)
            return replace(order, lines=lines).needed
        case _:
            return order.needed


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + SOME] for start in range(0, len(names), SOME))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _columns(balance: Balance) -> dict[str, object]:
    marks = [[_microseconds(m.at), m.source, m.sequence, m.id] for m in balance.marks]
    return {
        "p_on_hand": balance.on_hand, "p_allocated": balance.allocated, "p_safety": balance.safety,
        "p_tracked": int(balance.tracked), "p_marks": json.dumps(marks, ensure_ascii=False, separators=(",", ":")),
    }  # fmt: skip


def _balance(row: Any) -> Balance:  # Any: a row of either table
    marks = tuple(Mark(_EPOCH + at * _MICROSECOND, source, seq, id) for at, source, seq, id in json.loads(row.marks))
    return Balance(row.on_hand, row.allocated, row.safety, bool(row.tracked), marks)


def _event(row: Any) -> StockEvent:
    return StockEvent(
        id=row.id,
        source=row.source,
        sequence=row.sequence,
        occurred_at=_EPOCH + row.occurred_at * _MICROSECOND,
        reason=Reason(row.reason),
        warehouse=row.warehouse,
        sku=row.sku,
        kind=Kind(row.kind),
        quantity=row.quantity,
        phantom=bool(row.phantom),
    )
