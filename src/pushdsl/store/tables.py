"""The tables of the store of record: the whole file, the state of every cell, its history, tokens, missing listings.

State and history are apart, so that deleting history never loses what a store shows. Times are milliseconds since
1970 UTC. Every key begins with a tenant, empty where one shop owner has the file alone. A change here is a new step in
`migrations` too.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, Table, Text, literal_column

from pushdsl.model import Status

SCHEMA = 2
"""Grows with every change that an older pushdsl would not understand."""
MARKER = "pushdsl.record"
"""The name in `meta` whose value is the schema; a file without it is not ours."""
LAST_RECORD = "last record"
"""The name in `meta` whose value is the highest record number ever given; numbers are never given twice."""

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Sorted and searched byte by byte everywhere, whatever language a database was set up in."""
NUMBER = Integer().with_variant(BigInteger(), "postgresql")
"""SQLite's integers have 64 bits whatever they are called."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `known`: something was ever learned of what the store shows; without it the facts' `live` table is asked.
# `quantity` null is then unknown. `preorder` and `days` are the latch: they stay as last confirmed or read.
# `confirmed_at` is cleared when a read shows another quantity than `confirmed_quantity`; `succeeded_at` never is.
# `generation` counts what was desired, `settled` is the newest one that ended: below it, a push is under way.
cell = Table(
    "cell",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("store", TEXT, primary_key=True),
    Column("store_sku", TEXT, primary_key=True),
    Column("location", TEXT, primary_key=True),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("settled", BigInteger, nullable=False, server_default="0"),
    Column("desired_quantity", NUMBER),
    Column("desired_preorder", NUMBER),
    Column("desired_days", NUMBER),
    Column("known", NUMBER, nullable=False, server_default="0"),
    Column("quantity", NUMBER),
    Column("reserved", NUMBER),
    Column("preorder", NUMBER, nullable=False, server_default="0"),
    Column("days", NUMBER),
    Column("confirmed_quantity", NUMBER),
    Column("confirmed_at", BigInteger),
    Column("succeeded_at", BigInteger),
    sqlite_with_rowid=False,
)

record = Table(
    "record",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("store", TEXT, nullable=False),
    Column("store_sku", TEXT, nullable=False),
    Column("location", TEXT, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("sku", TEXT, nullable=False),
    Column("rule", TEXT, nullable=False),
    Column("reason", NUMBER, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("before", NUMBER),
    Column("quantity", NUMBER, nullable=False),
    Column("preorder", NUMBER, nullable=False),
    Column("days", NUMBER),
    Column("detail", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("count", NUMBER, nullable=False),
    CheckConstraint(f"status IN ({', '.join(repr(str(status)) for status in Status)})", name="four_statuses"),
    sqlite_with_rowid=False,
)

# `sealed` is the grant's settings, encrypted unless the project wants them in the clear. `claimed_until`: a process is
# about to renew this version; `version` 0 is such a claim before anything was granted.
token = Table(
    "token",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("account", TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", TEXT, nullable=False),
    Column("seed", TEXT, nullable=False),
    Column("access_until", BigInteger),
    Column("refresh_until", BigInteger),
    Column("claimed_until", BigInteger),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Listings that a store said it does not have. A second time, ten minutes and more after the first, ends the mapping.
missing = Table(
    "missing",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("store", TEXT, primary_key=True),
    Column("store_sku", TEXT, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("unbound_at", BigInteger),
    sqlite_with_rowid=False,
)

Index("record_of_cell", record.c.tenant, record.c.store, record.c.store_sku, record.c.location, record.c.id)
Index("record_of_sku", record.c.tenant, record.c.sku)
Index("record_by_time", record.c.tenant, record.c.created_at)

# Few records are pending or failed, so an index of these alone costs the others little.
_is_pending = record.c.status == literal_column(f"'{Status.PENDING.value}'")
_is_failed = record.c.status == literal_column(f"'{Status.FAILED.value}'")
Index("record_pending", record.c.tenant, record.c.status, sqlite_where=_is_pending, postgresql_where=_is_pending)
Index("record_failed", record.c.tenant, record.c.created_at, sqlite_where=_is_failed, postgresql_where=_is_failed)
