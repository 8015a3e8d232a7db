"""Every statement the store of record makes, in SQL that SQLite and PostgreSQL both understand.

Parameters begin with `p_`, except in plain inserts, where they are named like the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Delete,
    Executable,
    FromClause,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pushdsl.model import Status
from pushdsl.store.tables import cell, meta, missing, record, token

Dialect = Literal["sqlite", "postgresql"]
UPSERTS: Mapping[Dialect, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""Any: the two kinds of insert have the same methods and no common type."""

KEY = ("store", "store_sku", "location")

# Constants stand in the text, so that a statement for many rows needs no parameters but the rows' own.
_ZERO: ColumnElement[int] = literal_column("0", Integer)
_ONE: ColumnElement[int] = literal_column("1", Integer)
_EMPTY: ColumnElement[str] = literal_column("''", Text)


def _status(status: Status) -> ColumnElement[str]:
    return literal_column(f"'{status.value}'", Text)


def text_of(statement: Executable, dialect: Any) -> str:  # Any: SQLAlchemy has two types for a dialect
    """The statement as a driver takes it with a dictionary for each row.

    SQLAlchemy's own way with many rows takes as long as SQLite does to carry them out.
    """
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every executable here compiles
    assert all(name.startswith("p_") for name in compiled.params), "constants stand in the text"
    return str(compiled)


def _p(table: FromClause, column: str) -> BindParameter[Any]:  # Any: a column of either type
    return bindparam(f"p_{column}", type_=table.c[column].type)


def _values(table: FromClause, *columns: str) -> dict[str, Any]:  # Any: parameters, and what is added to them
    return {column: _p(table, column) for column in columns}


def _tenant(table: FromClause) -> ColumnElement[bool]:
    return table.c.tenant == _p(table, "tenant")


def _at_key(table: FromClause) -> ColumnElement[bool]:
    return and_(_tenant(table), *(table.c[name] == _p(table, name) for name in KEY))


# ---- meta -------------------------------------------------------------------------------------------

READ_META: Select[int] = select(meta.c.value).where(_tenant(meta), meta.c.name == _p(meta, "name"))
WRITE_META: Insert = insert(meta).values(_values(meta, "tenant", "name", "value"))
CHANGE_META: Update = update(meta).where(_tenant(meta), meta.c.name == _p(meta, "name")).values(value=_p(meta, "value"))
ADD_TO_META = (
    update(meta)
    .where(_tenant(meta), meta.c.name == _p(meta, "name"))
    .values(value=meta.c.value + bindparam("p_more", type_=meta.c.value.type))
    .returning(meta.c.value)
)

# ---- state ------------------------------------------------------------------------------------------

_under_way = cell.c.generation > cell.c.settled

LIVE = (
    select(
        cell.c.store,
        cell.c.store_sku,
        cell.c.location,
        case((_under_way, None), else_=cell.c.quantity),
        cell.c.reserved,
        cell.c.preorder,
        cell.c.days,
        cell.c.confirmed_at,
    )
    .where(_tenant(cell), or_(cell.c.known == _ONE, _under_way))
    .order_by(*(cell.c[name] for name in KEY))
)


def desire(dialect: Dialect) -> Executable:
    """Makes this the newest desired quantity of a cell, known or new."""
    wanted = ("desired_quantity", "desired_preorder", "desired_days")
    new = UPSERTS[dialect](cell).values(_values(cell, "tenant", *KEY, *wanted) | {"generation": _ONE})
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(cell.primary_key.columns),
        set_={"generation": cell.c.generation + _ONE} | {name: new.excluded[name] for name in wanted},
    )
    return upsert


def observe(dialect: Dialect) -> Executable:
    """Takes what was read for what is shown, unless a push was confirmed after it.

    The time of the last push stays only if the store shows what was pushed.
    """
    read = ("quantity", "reserved", "preorder", "days")
    new = UPSERTS[dialect](cell).values(_values(cell, "tenant", *KEY, *read) | {"known": _ONE})
    same = cell.c.confirmed_quantity == new.excluded.quantity
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(cell.primary_key.columns),
        set_={name: new.excluded[name] for name in ("known", *read)}
        | {"confirmed_at": case((same, cell.c.confirmed_at), else_=None)},
        where=or_(cell.c.succeeded_at.is_(None), cell.c.succeeded_at <= bindparam("p_read_at", type_=BigInteger)),
    )
    return upsert


_generation = (
    select(record.c.generation)
    .where(record.c.tenant == _p(record, "tenant"), record.c.id == _p(record, "id"))
    .scalar_subquery()
)

CONFIRM: Update = (
    update(cell)
    .where(_at_key(cell), cell.c.settled <= _generation)
    .values(
        known=_ONE,
        settled=_generation,
        quantity=_p(cell, "quantity"),
        preorder=_p(cell, "preorder"),
        days=_p(cell, "days"),
        confirmed_quantity=_p(cell, "quantity"),
        confirmed_at=_p(cell, "confirmed_at"),
        succeeded_at=_p(cell, "confirmed_at"),
    )
)
LOSE: Update = (
    update(cell)
    .where(_at_key(cell))
    .values(
        known=_ONE,
        quantity=null(),
        settled=case((cell.c.settled > _generation, cell.c.settled), else_=_generation),
    )
)
LEAVE: Update = update(cell).where(_at_key(cell), cell.c.settled < _generation).values(settled=_generation)
LOSE_OVERTAKEN: Update = (
    update(cell).where(_at_key(cell), cell.c.settled > _generation).values(known=_ONE, quantity=null())
)
"""A newer push of the cell has ended already, and nobody knows which of the two the store took last."""

_pending = and_(
    _tenant(record), record.c.status == _status(Status.PENDING), record.c.generation > _ZERO, record.c.batch.is_(None)
)
"""Sent by an apply, and not answered yet; what a daemon has to send or has sent is its own."""

COUNT_PENDING: Select[int] = select(func.count()).select_from(record).where(_pending)
LOSE_PENDING: Update = (
    update(cell)
    .where(
        _tenant(cell),
        tuple_(*(cell.c[name] for name in KEY)).in_(select(*(record.c[name] for name in KEY)).where(_pending)),
    )
    .values(known=_ONE, quantity=null(), settled=cell.c.generation)
)
FAIL_PENDING: Update = (
    update(record)
    .where(_pending)
    .values(
        status=_status(Status.FAILED),
        finished_at=_p(record, "finished_at"),
        kind=_p(record, "kind"),
        detail=_p(record, "detail"),
    )
)

# ---- history ----------------------------------------------------------------------------------------

_SENT = ("quantity", "preorder", "days")
_INTENT = ("sku", "rule", "reason", *_SENT)


def _begin() -> Insert:
    """A Pending record; `before` is what the cell shows, or the plan's own word where nothing was ever learned."""
    single = select(_ONE.label("one")).subquery("single")
    before = case((_under_way, None), (cell.c.known == _ONE, cell.c.quantity), else_=_p(record, "before"))
    values = _values(record, "tenant", "id", *KEY, *_INTENT, "created_at")
    values |= {"before": before, "generation": func.coalesce(cell.c.generation, _ZERO) + _ONE}
    values |= {"status": _status(Status.PENDING), "count": _ONE}
    values |= dict.fromkeys(("detail", "code", "kind"), _EMPTY)
    return insert(record).from_select(
        list(values), select(*values.values()).select_from(single.outerjoin(cell, _at_key(cell)))
    )


BEGIN: Insert = _begin()
FINISH: Update = (
    update(record)
    .where(_tenant(record), record.c.id == _p(record, "id"))
    .values(_values(record, *_SENT, "status", "finished_at", "code", "kind", "detail"))
)

_other = record.alias("other")


def skip(dialect: Dialect) -> Executable:
    """A Skipped record; where the newest of the cell is one with the same detail, that one counts for it too.

    Either way the record then says what was skipped last.
    """
    newest = record.alias("newest")
    same = (
        select(newest.c.id)
        .where(
            _tenant(newest),
            newest.c.id == select(func.max(_other.c.id)).where(_at_key(_other)).scalar_subquery(),
            newest.c.status == _status(Status.SKIPPED),
            newest.c.detail == _p(record, "detail"),
        )
        .scalar_subquery()
    )
    latest = (*_INTENT, "before", "created_at")
    values = _values(record, "tenant", *KEY, *latest, "detail")
    values |= {"id": func.coalesce(same, _p(record, "id")), "finished_at": _p(record, "created_at")}
    values |= {"generation": _ZERO, "status": _status(Status.SKIPPED), "code": _EMPTY, "kind": _EMPTY}
    values |= {"count": _p(record, "count")}
    rows = select(*values.values()).where(_ONE == _ONE)  # SQLite needs a `where` to tell this `on` from a join's
    new = UPSERTS[dialect](record).from_select(list(values), rows)
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(record.primary_key.columns),
        set_={name: new.excluded[name] for name in (*latest, "finished_at")}
        | {"count": record.c.count + new.excluded.count},
    )
    return upsert


COLUMNS = (
    "id", *KEY, "sku", "rule", "reason", "status", "before", *_SENT, "detail", "code", "kind", "created_at",
    "finished_at", "count",
)  # fmt: skip


def records(filters: Mapping[str, object], status: Status | None, limit: int | None, last: bool = False) -> Select[Any]:
    """The newest records whose columns have these values; with `last` only the newest of each cell."""
    wanted = [record.c[name] == value for name, value in filters.items()]
    if status is not None:  # in the text, or the index of this status is not used
        wanted.append(record.c.status == _status(status))
    if last:
        same_cell = and_(*(_other.c[name] == record.c[name] for name in ("tenant", *KEY)))
        wanted.append(~exists().where(same_cell, _other.c.id > record.c.id))
    return (
        select(*(record.c[name] for name in COLUMNS))
        .where(_tenant(record), *wanted)
        .order_by(*_newest_first(record, few="sku" in filters or "store_sku" in filters))
        .limit(limit)
    )


RECORDS_AFTER: Select[Any] = (
    select(*(record.c[name] for name in COLUMNS))
    .where(
        _tenant(record),
        record.c.id > _p(record, "id"),
        or_(record.c.created_at >= _p(record, "created_at"), record.c.finished_at >= _p(record, "created_at")),
    )
    .order_by(record.c.id)
    .limit(bindparam("p_step", type_=Integer))
)


def _newest_first(table: FromClause, *, few: bool) -> Sequence[ColumnElement[Any]]:
    """Where a SKU leaves few rows, they are to be found by it and then sorted, and not found by time."""
    time = table.c.created_at + _ZERO if few else table.c.created_at
    return time.desc(), table.c.id.desc()


# ---- summary ----------------------------------------------------------------------------------------

CELLS_BY_STORE = (
    select(
        cell.c.store,
        func.count(),
        func.sum(case((or_(_under_way, cell.c.quantity.is_(None)), 1), else_=0)),
        func.max(cell.c.succeeded_at),
    )
    .where(_tenant(cell), or_(cell.c.known == _ONE, _under_way))
    .group_by(cell.c.store)
)


def _telling() -> ColumnElement[int]:
    """One record a cell: the newest, or the success before it where nothing but skips came since."""
    ours = and_(_other.c.status == _status(Status.SKIPPED), _other.c.kind == _EMPTY)
    success = func.max(case((_other.c.status == _status(Status.SUCCESSFULLY), _other.c.id)))
    other = func.max(case((and_(_other.c.status != _status(Status.SUCCESSFULLY), not_(ours)), _other.c.id)))
    return case((success > func.coalesce(other, _ZERO), success), else_=func.max(_other.c.id))


NEWEST_BY_STORE = (
    select(record.c.store, record.c.status, record.c.kind, func.count())
    .where(
        _tenant(record),
        record.c.id.in_(select(_telling()).where(_tenant(_other)).group_by(*(_other.c[n] for n in KEY))),
    )
    .group_by(record.c.store, record.c.status, record.c.kind)
)

# ---- pruning ----------------------------------------------------------------------------------------

_LISTING = ("store", "store_sku")

DELETE_OLDER: Delete = delete(record).where(
    _tenant(record),
    record.c.id.in_(
        select(_other.c.id)
        .where(
            _tenant(_other), _other.c.created_at < _p(record, "created_at"), _other.c.status != _status(Status.PENDING)
        )
        .order_by(_other.c.created_at)
        .limit(bindparam("p_step", type_=Integer))
    ),
)

CROWDED: Select[Any] = (
    select(*(record.c[name] for name in _LISTING))
    .where(_tenant(record), tuple_(*(record.c[n] for n in _LISTING)) > tuple_(*(_p(record, n) for n in _LISTING)))
    .group_by(*(record.c[name] for name in _LISTING))
    .having(func.count() > bindparam("p_keep", type_=Integer))
    .order_by(*(record.c[name] for name in _LISTING))
    .limit(bindparam("p_step", type_=Integer))
)
"""The next listings after one that have more records than are kept."""


def _delete_crowd() -> Delete:
    """Deletes some of a listing's records beyond its newest; a Pending one counts but stays."""
    of_listing = and_(_tenant(_other), *(_other.c[name] == _p(record, name) for name in _LISTING))
    older = (
        select(_other.c.id, _other.c.status)
        .where(of_listing)
        .order_by(*_newest_first(_other, few=True))
        .offset(bindparam("p_keep", type_=Integer))
        .subquery("older")
    )
    ended = (
        select(older.c.id).where(older.c.status != _status(Status.PENDING)).limit(bindparam("p_step", type_=Integer))
    )
    return delete(record).where(_tenant(record), record.c.id.in_(ended))


DELETE_CROWD: Delete = _delete_crowd()


# ---- tokens -----------------------------------------------------------------------------------------

_THIS_TOKEN = and_(token.c.tenant == bindparam("p_tenant"), token.c.account == bindparam("p_account"))

READ_TOKEN: Select[Any] = select(
    token.c.sealed, token.c.access_until, token.c.refresh_until, token.c.version, token.c.seed
).where(_THIS_TOKEN, token.c.version > _ZERO)

CLAIM_TOKEN: Update = (
    update(token)
    .where(
        _THIS_TOKEN,
        token.c.version == bindparam("p_version"),
        or_(token.c.claimed_until.is_(None), token.c.claimed_until <= bindparam("p_now")),
    )
    .values(claimed_until=bindparam("p_until"))
)

RELEASE_TOKEN: Update = (
    update(token).where(_THIS_TOKEN, token.c.claimed_until == bindparam("p_until")).values(claimed_until=null())
)
"""No two claims end at the same time: each begins when the one before has ended, or is over."""


def first_claim(dialect: Dialect) -> Insert:
    """The claim of an account that nothing was granted to yet; inserts nothing where there is a row already."""
    made: Insert = UPSERTS[dialect](token).on_conflict_do_nothing(index_elements=["tenant", "account"])
    return made


def keep_token(dialect: Dialect) -> Executable:
    """Returns the version; no row where that one or a newer one stands, which is left as it is."""
    made = UPSERTS[dialect](token)
    new = {column.name: made.excluded[column.name] for column in token.c if not column.primary_key}
    kept: Executable = made.on_conflict_do_update(
        index_elements=["tenant", "account"], set_=new, where=token.c.version < made.excluded.version
    ).returning(token.c.version)
    return kept


# ---- listings that stores do not have ---------------------------------------------------------------

_THIS_LISTING = and_(
    missing.c.tenant == bindparam("p_tenant"),
    missing.c.store == bindparam("p_store"),
    missing.c.store_sku == bindparam("p_store_sku"),
)

UNBOUND: Select[Any] = (
    select(missing.c.store, missing.c.store_sku)
    .where(missing.c.tenant == bindparam("p_tenant"), missing.c.unbound_at.is_not(None))
    .order_by(missing.c.store, missing.c.store_sku)
)

MISSES: Select[Any] = select(func.count()).select_from(missing).where(missing.c.tenant == bindparam("p_tenant"))

FOUND: Delete = delete(missing).where(_THIS_LISTING)


def miss(dialect: Dialect, patience: int) -> Executable:
    """The store said that it does not have the listing; again `patience` milliseconds later, it is unbound."""
    new = UPSERTS[dialect](missing).values(
        tenant=bindparam("p_tenant"),
        store=bindparam("p_store"),
        store_sku=bindparam("p_store_sku"),
        first_at=bindparam("p_finished_at"),
    )
    late = new.excluded.first_at - missing.c.first_at >= literal_column(str(patience), Integer)
    unbound = case((and_(missing.c.unbound_at.is_(None), late), new.excluded.first_at), else_=missing.c.unbound_at)
    upsert: Executable = new.on_conflict_do_update(
        index_elements=list(missing.primary_key.columns), set_={"unbound_at": unbound}
    )
    return upsert
