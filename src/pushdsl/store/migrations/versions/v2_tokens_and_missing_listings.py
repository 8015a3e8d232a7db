"""Tokens that sellers granted, listings that stores do not have, and indexes of pending and failed records alone.

Records of schema 1 were made with either kind of index, so each is made or dropped as it is found.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "token",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("account", TEXT, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sealed", TEXT, nullable=False),
        sa.Column("seed", TEXT, nullable=False),
        sa.Column("access_until", sa.BigInteger),
        sa.Column("refresh_until", sa.BigInteger),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "missing",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("store", TEXT, primary_key=True),
        sa.Column("store_sku", TEXT, primary_key=True),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("unbound_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.drop_index("record_by_status", "record", if_exists=True)
    _index_of("Pending", "record_pending", "status")
    _index_of("Failed", "record_failed", "created_at")


def _index_of(status: str, name: str, column: str) -> None:
    where = sa.text(f"status = '{status}'")
    op.create_index(
        name, "record", ["tenant", column], sqlite_where=where, postgresql_where=where, if_not_exists=True
    )  # fmt: skip
