"""The first record: what holds for all of it, the state of every cell, and the history of pushes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

# A record is sorted and searched byte by byte everywhere, whatever language the database was set up in.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cell",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("store", TEXT, primary_key=True),
        sa.Column("store_sku", TEXT, primary_key=True),
        sa.Column("location", TEXT, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("settled", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("desired_quantity", NUMBER),
        sa.Column("desired_preorder", NUMBER),
        sa.Column("desired_days", NUMBER),
        sa.Column("known", NUMBER, nullable=False, server_default="0"),
        sa.Column("quantity", NUMBER),
        sa.Column("reserved", NUMBER),
        sa.Column("preorder", NUMBER, nullable=False, server_default="0"),
        sa.Column("days", NUMBER),
        sa.Column("confirmed_quantity", NUMBER),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("succeeded_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("store", TEXT, nullable=False),
        sa.Column("store_sku", TEXT, nullable=False),
        sa.Column("location", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("sku", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("reason", NUMBER, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("before", NUMBER),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("preorder", NUMBER, nullable=False),
        sa.Column("days", NUMBER),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("count", NUMBER, nullable=False),
        sa.CheckConstraint("status IN ('Successfully', 'Failed', 'Pending', 'Skipped')", name="four_statuses"),
        sqlite_with_rowid=False,
    )
    op.create_index("record_of_cell", "record", ["tenant", "store", "store_sku", "location", "id"])
    op.create_index("record_of_sku", "record", ["tenant", "sku"])
    op.create_index("record_by_time", "record", ["tenant", "created_at"])
    op.create_index("record_by_status", "record", ["tenant", "status"])
