"""The tables of the store of record: every cell and its history, stock and its events, the work that is under way.

State and history are apart, so that deleting history never loses what a store shows. Times are milliseconds since
1970 UTC, except where an event tells its own, which are microseconds. Every key begins with a tenant, empty where one
shop owner has the file alone. A change here is a new step in `migrations` too.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, Table, Text, literal_column

from pushdsl.model import Status

SCHEMA = 3
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


def _balance() -> list[Column[int] | Column[str]]:
    """What a SKU in a warehouse comes to; `marks` is the newest event of each source, as JSON."""
    return [
        Column("on_hand", BigInteger, nullable=False),
        Column("allocated", BigInteger, nullable=False),
        Column("safety", BigInteger, nullable=False),
        Column("tracked", NUMBER, nullable=False),
        Column("marks", TEXT, nullable=False),
    ]


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
# `generation` counts what was sent, `settled` is the newest one that ended: below it, a push is under way.
# `waiting` is the Pending record of a push that has not begun, due at `due_at`, `since` its first trigger; `fails`
# counts its tries, `forced` sends it even if it is shown already. `again` triggers, the last for `again_reason`, came
# while a push was under way: when it ends, all is planned anew, for `sku`. `overtaken`: and then nobody knows what is
# shown, because a late push may have arrived after it. `recheck_at`: a slow lane holds the cell until then.
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
    Column("waiting", BigInteger),
    Column("due_at", BigInteger),
    Column("since", BigInteger),
    Column("fails", NUMBER, nullable=False, server_default="0"),
    Column("forced", NUMBER, nullable=False, server_default="0"),
    Column("again", NUMBER, nullable=False, server_default="0"),
    Column("again_reason", NUMBER),
    Column("again_forced", NUMBER, nullable=False, server_default="0"),
    Column("overtaken", NUMBER, nullable=False, server_default="0"),
    Column("recheck_at", BigInteger),
    Column("sku", TEXT, nullable=False, server_default=""),
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
    Column("batch", BigInteger),
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

# What happened to stock, in the order of its arrival (`number`), each with what its SKU and warehouse came to after it.
event = Table(
    "event",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", TEXT, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("reason", NUMBER, nullable=False),
    Column("warehouse", TEXT, nullable=False),
    Column("sku", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("quantity", NUMBER, nullable=False),
    Column("phantom", NUMBER, nullable=False),
    *_balance(),
    sqlite_with_rowid=False,
)

# What the events come to.
balance = Table(
    "balance",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("warehouse", TEXT, primary_key=True),
    Column("sku", TEXT, primary_key=True),
    *_balance(),
    sqlite_with_rowid=False,
)

# Orders that hold or held stock; `body` is the order with every message that it has had, as JSON.
sale = Table(
    "sale",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("store", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Messages that were taken in or put aside; `why` is empty unless a person has to look at one.
message = Table(
    "message",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("source", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("why", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# SKUs to be planned anew, for all their listings (`store` and `store_sku` empty) or for one; `generation` is never
# given twice, so that what came while a plan was made is not cleared with it; `forced` is that of the newest trigger
# that is sent even if it is shown already, or 0.
dirty = Table(
    "dirty",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("sku", TEXT, primary_key=True),
    Column("store", TEXT, primary_key=True),
    Column("store_sku", TEXT, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("reason", NUMBER, nullable=False),
    Column("count", NUMBER, nullable=False),
    Column("forced", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

# One worker at a time pushes to a store, and one plans (the lane without a store's name). `token` grows with every
# holder, so that a late one is told apart. `free_at`: the store's rate lets the next call begin.
lane = Table(
    "lane",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("store", TEXT, primary_key=True),
    Column("wake_at", BigInteger),
    Column("token", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("free_at", BigInteger, nullable=False),
    Column("paused_until", BigInteger),
    Column("paused_for", TEXT, nullable=False),
    Column("tried_at", BigInteger),
    sqlite_with_rowid=False,
)

# The rate that all stores of an app share.
app = Table(
    "app",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("free_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Pushes that are about to be sent or were; after `deadline` nothing of it can still arrive.
batch = Table(
    "batch",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("store", TEXT, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

Index("event_of_id", event.c.tenant, event.c.id, unique=True)
Index("event_of_stock", event.c.tenant, event.c.sku, event.c.warehouse, event.c.number)
Index("balance_of_sku", balance.c.tenant, balance.c.sku)
Index("dirty_by_time", dirty.c.tenant, dirty.c.first_at)
Index("batch_of_store", batch.c.tenant, batch.c.store)
_is_due = cell.c.due_at.is_not(None)
Index("cell_due", cell.c.tenant, cell.c.store, cell.c.due_at, sqlite_where=_is_due, postgresql_where=_is_due)
_is_held = cell.c.recheck_at.is_not(None)
Index("cell_held", cell.c.tenant, cell.c.recheck_at, sqlite_where=_is_held, postgresql_where=_is_held)
_is_left = cell.c.again > literal_column("0")
Index("cell_again", cell.c.tenant, cell.c.again, sqlite_where=_is_left, postgresql_where=_is_left)
_in_batch = record.c.batch.is_not(None)
Index("record_of_batch", record.c.tenant, record.c.batch, sqlite_where=_in_batch, postgresql_where=_in_batch)

Index("record_of_cell", record.c.tenant, record.c.store, record.c.store_sku, record.c.location, record.c.id)
Index("record_of_sku", record.c.tenant, record.c.sku)
Index("record_by_time", record.c.tenant, record.c.created_at)

# Few records are pending or failed, so an index of these alone costs the others little.
_is_pending = record.c.status == literal_column(f"'{Status.PENDING.value}'")
_is_failed = record.c.status == literal_column(f"'{Status.FAILED.value}'")
Index("record_pending", record.c.tenant, record.c.status, sqlite_where=_is_pending, postgresql_where=_is_pending)
Index("record_failed", record.c.tenant, record.c.created_at, sqlite_where=_is_failed, postgresql_where=_is_failed)
