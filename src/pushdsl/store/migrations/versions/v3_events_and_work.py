"""Stock as a ledger of events, and the work of a daemon: what is to be planned, what is due, who pushes where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    for name in ("waiting", "due_at", "since"):
        op.add_column("cell", sa.Column(name, sa.BigInteger))
    for name in ("fails", "forced", "again"):
        op.add_column("cell", sa.Column(name, NUMBER, nullable=False, server_default="0"))
    op.add_column("cell", sa.Column("again_reason", NUMBER))
    for name in ("again_forced", "overtaken"):
        op.add_column("cell", sa.Column(name, NUMBER, nullable=False, server_default="0"))
    op.add_column("cell", sa.Column("recheck_at", sa.BigInteger))
    op.add_column("cell", sa.Column("sku", TEXT, nullable=False, server_default=""))
    op.add_column("record", sa.Column("batch", sa.BigInteger))
    _ledger()
    _work()
    _index_where("cell_due", "cell", ["tenant", "store", "due_at"], "due_at IS NOT NULL")
    _index_where("cell_held", "cell", ["tenant", "recheck_at"], "recheck_at IS NOT NULL")
    _index_where("cell_again", "cell", ["tenant", "again"], "again > 0")
    _index_where("record_of_batch", "record", ["tenant", "batch"], "batch IS NOT NULL")


def _ledger() -> None:
    """What happened to stock, what it comes to, the orders behind it, and messages from outside."""
    op.create_table(
        "event",
        *_keys("tenant"),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        *_texts("id", "source"),
        *_times("sequence", "occurred_at", "received_at"),
        sa.Column("reason", NUMBER, nullable=False),
        *_texts("warehouse", "sku", "kind"),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("phantom", NUMBER, nullable=False),
        *_balance(),
        sqlite_with_rowid=False,
    )
    op.create_table("balance", *_keys("tenant", "warehouse", "sku"), *_balance(), sqlite_with_rowid=False)
    op.create_table(
        "sale",
        *_keys("tenant", "store", "id"),
        *_texts("state", "body"),
        *_times("changed_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message",
        *_keys("tenant", "source", "id"),
        *_times("received_at"),
        *_texts("body", "why"),
        sqlite_with_rowid=False,
    )
    op.create_index("event_of_id", "event", ["tenant", "id"], unique=True)
    op.create_index("event_of_stock", "event", ["tenant", "sku", "warehouse", "number"])
    op.create_index("balance_of_sku", "balance", ["tenant", "sku"])


def _work() -> None:
    """What is to be planned, the lanes to the stores, and what is being sent."""
    op.create_table(
        "dirty",
        *_keys("tenant", "sku", "store", "store_sku"),
        *_times("generation", "first_at"),
        *(sa.Column(name, NUMBER, nullable=False) for name in ("reason", "count", "forced")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lane",
        *_keys("tenant", "store"),
        sa.Column("wake_at", sa.BigInteger),
        *_times("token", "lease_until"),
        *_texts("owner"),
        *_times("free_at"),
        sa.Column("paused_until", sa.BigInteger),
        *_texts("paused_for"),
        sa.Column("tried_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table("app", *_keys("tenant", "name"), *_times("free_at"), sqlite_with_rowid=False)
    op.create_table(
        "batch",
        *_keys("tenant"),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        *_texts("store"),
        *_times("token", "created_at", "deadline"),
        sqlite_with_rowid=False,
    )
    op.create_index("dirty_by_time", "dirty", ["tenant", "first_at"])
    op.create_index("batch_of_store", "batch", ["tenant", "store"])


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, primary_key=True) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _balance() -> list[sa.Column[int] | sa.Column[str]]:
    return [
        *_times("on_hand", "allocated", "safety"), sa.Column("tracked", NUMBER, nullable=False), *_texts("marks")
    ]  # fmt: skip


def _index_where(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
