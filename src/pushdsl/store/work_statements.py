"""Every statement about stock events and about work that is due, in SQL that SQLite and PostgreSQL both understand.

Parameters begin with `p_`, except in plain inserts, where they are named like the columns.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Delete,
    Executable,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from pushdsl.model import Status
from pushdsl.store.statements import UPSERTS, Dialect
from pushdsl.store.tables import app, balance, batch, cell, dirty, event, lane, message, record, sale

_EMPTY: ColumnElement[str] = literal_column("''")


def _p(table: Table, column: str) -> BindParameter[Any]:  # Any: a column of any type
    return bindparam(f"p_{column}", type_=table.c[column].type)


def _all(table: Table) -> dict[str, Any]:
    return {column.name: _p(table, column.name) for column in table.c}


def _ours(table: Table) -> ColumnElement[bool]:
    return table.c.tenant == _p(table, "tenant")


def _step() -> BindParameter[int]:
    return bindparam("p_step", type_=Integer)


def _keep(table: Table, dialect: Dialect, values: dict[str, Any]) -> Any:  # Any: the two kinds of insert
    """An upsert that replaces the whole row."""
    new = UPSERTS[dialect](table)
    new = new.values(values) if values else new
    key = [column.name for column in table.primary_key.columns]
    return new.on_conflict_do_update(
        index_elements=key, set_={c.name: new.excluded[c.name] for c in table.c if c.name not in key}
    )


# ---- events -----------------------------------------------------------------------------------------

ADD_EVENT: Insert = insert(event).values(_all(event))
EVENTS_OF_IDS: Select[Any] = select(event).where(_ours(event), event.c.id.in_(bindparam("p_ids", expanding=True)))
HISTORY: Select[Any] = (
    select(event)
    .where(_ours(event), event.c.sku == _p(event, "sku"), event.c.warehouse == _p(event, "warehouse"))
    .order_by(event.c.number)
)
ALL_EVENTS: Select[Any] = select(event).where(_ours(event)).order_by(event.c.number)
EVENTS_OF_SKU: Select[Any] = (
    select(event).where(_ours(event), event.c.sku == _p(event, "sku")).order_by(event.c.number.desc()).limit(_step())
)
BALANCES_OF_SKUS: Select[Any] = select(balance).where(
    _ours(balance), balance.c.sku.in_(bindparam("p_skus", expanding=True))
)
ALL_BALANCES: Select[Any] = select(balance).where(_ours(balance))
READ_SALE: Select[Any] = select(sale.c.body).where(
    _ours(sale), sale.c.store == _p(sale, "store"), sale.c.id == _p(sale, "id")
)
NOTED_MESSAGES: Select[Any] = select(message.c.id).where(
    _ours(message),
    message.c.source == _p(message, "source"),
    message.c.id.in_(bindparam("p_ids", expanding=True)),
)
PUT_ASIDE: Select[Any] = (
    select(message).where(_ours(message), message.c.why != _EMPTY).order_by(message.c.received_at, message.c.id)
)

COUNT_PUT_ASIDE: Select[Any] = select(func.count()).select_from(message).where(_ours(message), message.c.why != _EMPTY)


FORGET_MESSAGES: Delete = delete(message).where(
    _ours(message), message.c.why == _EMPTY, message.c.received_at < _p(message, "received_at")
)
"""Those that nobody has to look at; nobody sends one again after so long."""


def keep_balance(dialect: Dialect) -> Executable:
    kept: Executable = _keep(balance, dialect, _all(balance))
    return kept


def keep_sale(dialect: Dialect) -> Executable:
    kept: Executable = _keep(sale, dialect, {})
    return kept


def note_message(dialect: Dialect) -> Any:
    """Changes nothing where the message is here already."""
    return UPSERTS[dialect](message).on_conflict_do_nothing(index_elements=["tenant", "source", "id"])


def mark(dialect: Dialect) -> Executable:
    """A SKU to be planned anew; again, its triggers are counted together and the newest says why."""
    forced = case((_p(dirty, "forced") > literal_column("0"), _p(dirty, "generation")), else_=literal_column("0"))
    new = UPSERTS[dialect](dirty).values(_all(dirty) | {"forced": forced})
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(dirty.primary_key.columns),
        set_={
            "generation": new.excluded.generation,
            "reason": new.excluded.reason,
            "count": dirty.c.count + new.excluded.count,
            "forced": case((new.excluded.forced > dirty.c.forced, new.excluded.forced), else_=dirty.c.forced),
        },
    )
    return upsert


# ---- what is to be planned --------------------------------------------------------------------------

DIRTY: Select[Any] = (
    select(dirty, dirty.c.count.label("triggers"))
    .where(_ours(dirty))
    .order_by(dirty.c.first_at, dirty.c.sku)
    .limit(_step())
)
ANY_DIRTY: Select[Any] = select(func.min(dirty.c.first_at)).where(_ours(dirty))
COUNT_DIRTY: Select[int, Any] = select(func.count(), func.min(dirty.c.first_at)).where(_ours(dirty))
_this_dirty = and_(_ours(dirty), *(dirty.c[name] == _p(dirty, name) for name in ("sku", "store", "store_sku")))
CLEAR_DIRTY: Delete = delete(dirty).where(_this_dirty, dirty.c.generation == _p(dirty, "generation"))
LESSEN_DIRTY: Update = (
    update(dirty)
    .where(_this_dirty, dirty.c.generation != _p(dirty, "generation"))
    .values(
        count=dirty.c.count - _p(dirty, "count"),
        first_at=_p(dirty, "first_at"),
        forced=case((dirty.c.forced > _p(dirty, "generation"), dirty.c.forced), else_=literal_column("0")),
    )
)
"""What came while a plan was made is left, with a window of its own."""

_KEY = ("store", "store_sku", "location")
_this_cell = and_(_ours(cell), *(cell.c[name] == _p(cell, name) for name in _KEY))

CELLS_OF: Select[Any] = select(cell).where(
    _ours(cell), cell.c.store == _p(cell, "store"), cell.c.store_sku.in_(bindparam("p_store_skus", expanding=True))
)
"""The cells of some listings of one store."""

HELD: Select[Any] = (
    select(*(cell.c[name] for name in (*_KEY, "sku")))
    .where(_ours(cell), cell.c.recheck_at <= bindparam("p_now", type_=BigInteger))
    .order_by(cell.c.recheck_at)
    .limit(_step())
)
NEXT_HELD: Select[Any] = select(func.min(cell.c.recheck_at)).where(_ours(cell), cell.c.recheck_at.is_not(None))
FORGET_HELD: Update = update(cell).where(_this_cell).values(recheck_at=null())


# ---- what is to be pushed ---------------------------------------------------------------------------


def want(dialect: Dialect) -> Executable:
    """A quantity to be pushed, and the Pending record that waits for it; nothing is sent yet."""
    names = ("sku", "desired_quantity", "desired_preorder", "desired_days", "waiting", "due_at", "since", "forced")
    values = {name: _p(cell, name) for name in ("tenant", *_KEY, *names)}
    new = UPSERTS[dialect](cell).values(values)
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(cell.primary_key.columns),
        set_={name: new.excluded[name] for name in names} | {"fails": literal_column("0"), "recheck_at": null()},
    )
    return upsert


WANT_OTHERWISE: Update = (
    update(cell)
    .where(_this_cell)
    .values(
        {name: _p(cell, name) for name in ("sku", "desired_quantity", "desired_preorder", "desired_days", "forced")}
        | {"due_at": case((_p(cell, "due_at") < cell.c.due_at, _p(cell, "due_at")), else_=cell.c.due_at)}
        | {"recheck_at": null()}
    )
)
"""Another quantity for a push that waits already; it may become due earlier."""

WANT_NOTHING: Update = (
    update(cell)
    .where(_this_cell)
    .values({name: null() for name in ("waiting", "due_at", "since")} | {"recheck_at": _p(cell, "recheck_at")})
    .values({name: literal_column("0") for name in ("fails", "forced")})
)


def hold(dialect: Dialect) -> Executable:
    """Notes when a held cell is to be planned again."""
    new = UPSERTS[dialect](cell).values({name: _p(cell, name) for name in ("tenant", *_KEY, "sku", "recheck_at")})
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(cell.primary_key.columns),
        set_={name: new.excluded[name] for name in ("sku", "recheck_at")},
    )
    return upsert


def _greater(column: str) -> ColumnElement[int]:
    """The cell's own or the row's: yes stays yes."""
    return case((_p(cell, column) > cell.c[column], _p(cell, column)), else_=cell.c[column])


PLAN_AGAIN: Update = (
    update(cell)
    .where(_this_cell)
    .values(
        again=cell.c.again + _p(cell, "again"),
        again_reason=_p(cell, "again_reason"),
        sku=_p(cell, "sku"),
        again_forced=_greater("again_forced"),
        overtaken=_greater("overtaken"),
    )
)
"""Triggers that came while a push was under way."""
NOT_AGAIN: Update = (
    update(cell)
    .where(_this_cell)
    .values({name: literal_column("0") for name in ("again", "again_forced", "overtaken")} | {"again_reason": null()})
)
LEFT: Select[Any] = select(cell).where(
    _ours(cell), cell.c.again > literal_column("0"), cell.c.generation <= cell.c.settled
)
"""Cells with such triggers whose push has ended."""
DOUBT: Update = update(cell).where(_this_cell).values(known=literal_column("1"), quantity=null())
"""A late push may have arrived last: nobody knows what is shown."""

_this_record = and_(_ours(record), record.c.id == _p(record, "id"))
_WAITING = ("tenant", "id", *_KEY, "sku", "rule", "reason", "quantity", "preorder", "days", "created_at", "count")
WAIT: Insert = insert(record).values(
    {name: _p(record, name) for name in (*_WAITING, "before", "generation", "batch", "detail")}
    | {"status": literal_column(f"'{Status.PENDING.value}'"), "code": _EMPTY, "kind": _EMPTY}
)
WAIT_OTHERWISE: Update = (
    update(record)
    .where(_this_record)
    .values(
        {name: _p(record, name) for name in ("sku", "rule", "reason", "quantity", "preorder", "days")}
        | {"count": record.c.count + _p(record, "count")}
    )
)
"""More triggers for a push that waits: the newest says why and what."""
SKIP_WAITING: Update = (
    update(record)
    .where(_this_record)
    .values(
        {name: _p(record, name) for name in ("reason", "quantity", "preorder", "days", "detail", "finished_at")}
        | {"count": record.c.count + _p(record, "count"), "status": literal_column(f"'{Status.SKIPPED.value}'")}
        | {"kind": _EMPTY, "code": _EMPTY}
    )
)
SEND: Update = (
    update(record)
    .where(_this_record)
    .values({name: _p(record, name) for name in ("batch", "generation", "before", "quantity", "preorder", "days")})
)
WAIT_AGAIN: Update = (
    update(record)
    .where(_this_record)
    .values(
        {name: _p(record, name) for name in ("detail", "code", "kind")}
        | {"batch": null(), "generation": literal_column("0")}
    )
)
SENT: Update = (
    update(cell)
    .where(_this_cell)
    .values(generation=cell.c.generation + literal_column("1"), waiting=null(), due_at=null())
)
TRY_AGAIN: Update = (
    update(cell)
    .where(_this_cell, cell.c.waiting.is_(None))
    .values({name: _p(cell, name) for name in ("waiting", "due_at", "fails")})
)
ENDED: Update = (
    update(cell)
    .where(_this_cell, cell.c.waiting.is_(None))
    .values({name: literal_column("0") for name in ("fails", "forced")} | {"since": null()})
)

_falls = case(
    (and_(cell.c.quantity.is_not(None), cell.c.desired_quantity < cell.c.quantity), literal_column("0")),
    (cell.c.quantity.is_(None), literal_column("1")),
    else_=literal_column("2"),
)
DUE: Select[Any] = (
    select(
        *(column for column in cell.c if column.name not in ("tenant", "sku")),
        record.c.sku.label("sku"),
        record.c.rule.label("rule"),
        record.c.reason.label("reason"),
        record.c.count.label("triggers"),
        record.c.created_at.label("created_at"),
        record.c.detail.label("detail"),
    )
    .select_from(cell.join(record, and_(record.c.tenant == cell.c.tenant, record.c.id == cell.c.waiting)))
    .where(_ours(cell), cell.c.store == _p(cell, "store"), cell.c.due_at <= bindparam("p_now", type_=BigInteger))
    .order_by(_falls, cell.c.due_at, cell.c.store_sku, cell.c.location)
    .limit(_step())
)
"""What is due to a store, falls before rises: a falling number is the one that prevents overselling."""
NEXT_DUE: Select[Any] = select(func.min(cell.c.due_at)).where(
    _ours(cell), cell.c.store == _p(cell, "store"), cell.c.due_at.is_not(None)
)

# ---- lanes ------------------------------------------------------------------------------------------

_this_lane = and_(_ours(lane), lane.c.store == _p(lane, "store"))
LANE: Select[Any] = select(lane).where(_this_lane)
LANES: Select[Any] = select(lane).where(_ours(lane)).order_by(lane.c.store)


def open_lane(dialect: Dialect) -> Any:
    """The lane to a store is there, and wakes no later than this."""
    new = UPSERTS[dialect](lane)
    return new.on_conflict_do_update(
        index_elements=["tenant", "store"],
        set_={"wake_at": case((lane.c.wake_at < new.excluded.wake_at, lane.c.wake_at), else_=new.excluded.wake_at)},
    )


TAKE_LANE: Update = (
    update(lane)
    .where(_this_lane)
    .values({name: _p(lane, name) for name in ("token", "lease_until", "wake_at", "owner")})
)
_held_by = and_(_this_lane, lane.c.token == _p(lane, "token"))
KEEP_LANE: Update = (
    update(lane).where(_held_by).values({n: _p(lane, n) for n in ("lease_until", "wake_at", "free_at", "tried_at")})
)
LEAVE_LANE: Update = update(lane).where(_held_by).values(lease_until=literal_column("0"), wake_at=_p(lane, "wake_at"))
PAUSE_LANE: Update = (
    update(lane).where(_this_lane).values({name: _p(lane, name) for name in ("paused_until", "paused_for", "wake_at")})
)
FREE_LANES: Update = (
    update(lane)
    .where(_ours(lane), lane.c.lease_until > literal_column("0"))
    .values(lease_until=literal_column("0"), wake_at=bindparam("p_now", type_=BigInteger))
)
"""What the only process of a record may do when it starts: whoever held a lane is dead."""
_now = bindparam("p_now", type_=BigInteger)
_far = bindparam("p_far", type_=BigInteger)


def _not_far(table: Table, *names: str) -> Update:
    """What lies beyond `p_far` is now."""
    far = [table.c[name] > _far for name in names]
    values = {name: case((table.c[name] > _far, _now), else_=table.c[name]) for name in names}
    return update(table).where(_ours(table), or_(*far)).values(values)


NOT_FAR: tuple[Update, ...] = (
    _not_far(cell, "due_at"),
    _not_far(lane, "wake_at", "lease_until", "free_at", "paused_until"),
    _not_far(app, "free_at"),
)
"""After a clock was set back."""
END_SOON: Update = update(batch).where(_ours(batch), batch.c.deadline > _far).values(deadline=_p(batch, "deadline"))
AWAKE: Select[Any] = (
    select(lane.c.store)
    .where(
        _ours(lane),
        lane.c.wake_at <= _now,
        lane.c.lease_until <= _now,
        or_(lane.c.paused_until.is_(None), lane.c.paused_until <= _now),
    )
    .order_by(lane.c.wake_at, lane.c.store)
)
_free_at = case((lane.c.lease_until > lane.c.wake_at, lane.c.lease_until), else_=lane.c.wake_at)
NEXT_WAKE: Select[Any] = select(
    func.min(case((lane.c.paused_until > _free_at, lane.c.paused_until), else_=_free_at))
).where(_ours(lane), lane.c.wake_at.is_not(None))
"""Of a lane that is leased, when its holder will have been dead for sure."""

ADD_BATCH: Insert = insert(batch).values(_all(batch))
BATCHES: Select[Any] = select(batch).where(_ours(batch), batch.c.store == _p(batch, "store"))
END_BATCH: Delete = delete(batch).where(_ours(batch), batch.c.id == _p(batch, "id"))
RECORDS_OF_BATCH: Select[Any] = (
    select(record, cell.c.fails)
    .select_from(record.join(cell, and_(*(record.c[name] == cell.c[name] for name in ("tenant", *_KEY)))))
    .where(
        _ours(record),
        record.c.batch == _p(record, "batch"),
        record.c.status == literal_column(f"'{Status.PENDING.value}'"),
    )
)
APP: Select[Any] = select(app.c.free_at).where(_ours(app), app.c.name == _p(app, "name"))


def keep_app(dialect: Dialect) -> Any:
    return _keep(app, dialect, {})


# ---- how it stands ----------------------------------------------------------------------------------

QUEUES: Select[Any] = (
    select(cell.c.store, func.count(), func.min(cell.c.since), func.min(cell.c.due_at))
    .where(_ours(cell), cell.c.due_at.is_not(None))
    .group_by(cell.c.store)
)
SUCCESSES: Select[Any] = select(cell.c.store, func.max(cell.c.succeeded_at)).where(_ours(cell)).group_by(cell.c.store)
COUNT_BATCHES: Select[Any] = select(func.count()).select_from(batch).where(_ours(batch))
