"""A record in a file of SQLite: how it is opened, who may write, and what its faults are called."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError

from pushdsl.errors import PushdslError
from pushdsl.store import lock

BUSY_SECONDS = "10"
"""How long a write waits for another process's; `?timeout=` in the address says otherwise."""


@dataclass(frozen=True, slots=True)
class SqliteFile:
    url: URL
    newcomer = "move it away, or name another file under `[record]` in `pushdsl.toml`"

    @classmethod
    def at(cls, url: URL) -> SqliteFile:
        """Raises PushdslError."""
        if url.database in (None, "", ":memory:") or "uri" in url.query:
            raise PushdslError("the record's address names no file", "write it as `sqlite:///.pushdsl/record.db`")
        return cls(url if "timeout" in url.query else url.update_query_dict({"timeout": BUSY_SECONDS}))

    @property
    def path(self) -> Path:
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def name(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """An empty file is what a creation leaves that was killed."""
        try:
            return self.path.is_dir() or self.path.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unusable(self.path, error) from None

    def engine(self, *, create: bool) -> Engine:
        if create:
            _make_folder(self.path.parent)
        engine = create_engine(self.url, hide_parameters=True, paramstyle="named")
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "savepoint", self._still_open)
        event.listen(engine, "commit", self._still_open)
        return engine

    def _still_open(self, connection: Connection, *_: object) -> None:
        """SQLite itself undoes a whole transaction for a full disk, and the driver's commit then says nothing."""
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            raise PushdslError(
                f"a fault of the disk of `{self.name}` undid what was to be kept",
                "make room on it and check it, then try again",
            )

    def opened(self, engine: Engine) -> None:
        """Keeps writes beside the file until nobody reads the old state; the file remembers."""
        with engine.connect() as connection:
            driver: Any = connection.connection  # not through SQLAlchemy, which would begin a transaction
            try:
                driver.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                # someone else is in the file just now: it works as it is, and the next to open it asks again
            with suppress(sqlite3.OperationalError):  # the same, or the file is read-only: only speed is lost
                _estimate(driver)

    def lock(self, *, shared: bool = False) -> AbstractContextManager[None]:  # one process, in any case
        return lock.held(self.path.with_name(self.path.name + ".lock"), daemon=shared)

    @contextmanager
    def telling(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise
        except (DatabaseError, sqlite3.DatabaseError) as error:
            cause = error.orig if isinstance(error, DatabaseError) else error
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the higher bits say where exactly
            if code == sqlite3.SQLITE_NOTADB:
                raise PushdslError(f"`{self.name}` is no record of pushdsl", self.newcomer) from None
            if code not in _SAYINGS:
                raise
            message, help = _SAYINGS[code]
            raise PushdslError(message.format(self.name), help) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(path: Path, error: OSError) -> PushdslError:
    return PushdslError(
        f"cannot use `{path}` for the record: {(error.strerror or 'unknown fault').lower()}",
        "make it readable and writable, or name another file under `[record]` in `pushdsl.toml`",
    )


ESTIMATES = {
    ("event", "event"): "1000000 1000000 1",
    ("event", "event_of_id"): "1000000 1000000 1",
    ("event", "event_of_stock"): "1000000 1000000 50 25 1",
    ("balance", "balance"): "100000 100000 50000 1",
    ("balance", "balance_of_sku"): "100000 100000 2",
    ("record", "record"): "1000000 1000000 1",
    ("record", "record_of_cell"): "1000000 1000000 10000 100 100 1",
    ("record", "record_of_sku"): "1000000 1000000 200",
    ("record", "record_by_time"): "1000000 1000000 10",
    ("record", "record_pending"): "10000 10000 10000",
    ("record", "record_failed"): "10000 10000 10",
    ("record", "record_of_batch"): "1000 1000 50",
}
"""By table and index: its rows, and how many of them share the first column, the first two and so on.

Without them SQLite takes it that ten rows share a tenant, and reads all that the tenant has.
"""


def _estimate(connection: Any) -> None:  # Any: sqlite3's, as the pool wraps it
    """Has SQLite plan as for a large record from its first row on; a plan then never changes with what is in it."""
    exists = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetchone()
    if exists is None:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'app'").fetchone() is None:
            return  # a record that an older version made: it is changed by those who may
        connection.execute("ANALYZE app")  # makes the table of estimates
    found = {(t, i): e for t, i, e in connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1")}
    wrong = {key: estimate for key, estimate in ESTIMATES.items() if found.get(key) != estimate}
    if not wrong:
        return
    for (table, index), estimate in wrong.items():
        connection.execute("DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx = ?", (table, index))
        connection.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, estimate))
    connection.execute("ANALYZE sqlite_schema")  # reads them


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, and not by the driver


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('pushdsl_durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("pushdsl_write") else "BEGIN")


_SAYINGS = {
    sqlite3.SQLITE_BUSY: ("`{}` is locked by another process", "wait until it ends, then try again"),
    sqlite3.SQLITE_LOCKED: ("`{}` is locked by another process", "wait until it ends, then try again"),
    sqlite3.SQLITE_READONLY: ("`{}` cannot be written", "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: ("`{}` cannot be written", "make the file and its folder writable"),
    sqlite3.SQLITE_CANTOPEN: ("`{}` cannot be opened", "make the file and its folder readable and writable"),
    sqlite3.SQLITE_FULL: ("the disk of `{}` is full", "make room on it, then try again"),
    sqlite3.SQLITE_IOERR: ("the disk of `{}` gave an error", "check the disk, then try again"),
    sqlite3.SQLITE_CORRUPT: (
        "`{}` is damaged", "put back a copy of it, or move it away and read the stores again with `pushdsl reconcile`"
    ),
}  # fmt: skip
