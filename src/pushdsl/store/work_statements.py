"""Every statement about stock events and about work that is due, in SQL that SQLite and PostgreSQL both understand.

Parameters begin with `p_`, except in plain inserts, where they are named like the columns.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Insert,
    Integer,
    Select,
    Table,
    bindparam,
    case,
    insert,
    literal_column,
    select,
)  # fmt: skip

from pushdsl.store.statements import UPSERTS, Dialect
from pushdsl.store.tables import balance, dirty, event, message, sale

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
PUT_ASIDE: Select[Any] = (
    select(message).where(_ours(message), message.c.why != _EMPTY).order_by(message.c.received_at, message.c.id)
)


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
    new = UPSERTS[dialect](dirty).values(_all(dirty))
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
