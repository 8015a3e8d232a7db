"""An address in, a checked connection pool out; whatever the file or the disk does wrong is said in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError

from pushdsl.errors import PushdslError
from pushdsl.store.statements import READ_META, WRITE_META
from pushdsl.store.tables import MARKER, SCHEMA, meta, metadata

BUSY_SECONDS = "10"
"""How long a write waits for another process's; `?timeout=` in the address says otherwise."""

READ: Mapping[str, bool] = {}
WRITE = {"pushdsl_write": True}
"""Takes the right to write at once, so that a transaction cannot fail between its reading and its writing."""
DURABLE = {"pushdsl_write": True, "pushdsl_durable": True}
"""On the disk when it ends. Other writes survive a kill at once, and a power cut only after a moment."""


def parse(url: str) -> URL:
    """The address of a record, and no other; never repeats a password that stands in it. Raises PushdslError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise PushdslError(
            "the record's address cannot be read", "write it as `sqlite:///.pushdsl/record.db`"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise PushdslError(
            f"records cannot be kept in `{parsed.get_backend_name()}` yet", "use `sqlite:///` and the path of a file"
        )
    if parsed.database in (None, "", ":memory:") or "uri" in parsed.query:
        raise PushdslError("the record's address names no file", "write it as `sqlite:///.pushdsl/record.db`")
    return parsed if "timeout" in parsed.query else parsed.update_query_dict({"timeout": BUSY_SECONDS})


def path_of(url: URL) -> Path:
    assert url.database is not None
    return Path(url.database)


def exists(url: URL) -> bool:
    """Whether there is anything at the address; an empty file is what a creation leaves that was killed."""
    path = path_of(url)
    try:
        return path.is_dir() or path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unusable(path, error) from None


def connect(url: URL, *, create: bool) -> Engine:
    """A pool whose file is a record of ours, made if `create` says so, and then also proved to be writable.

    Raises PushdslError.
    """
    path = path_of(url)
    if create:
        _make_folder(path.parent)
    engine = create_engine(url, hide_parameters=True, paramstyle="named")
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with telling(path):
            _check(engine, path, create)
    except BaseException:
        engine.dispose()
        raise
    return engine


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


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, and not by the driver


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('pushdsl_durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("pushdsl_write") else "BEGIN")


def _check(engine: Engine, path: Path, create: bool) -> None:
    with engine.connect().execution_options(**(WRITE if create else READ)) as connection, connection.begin():
        if create and not inspect(connection).get_table_names():
            metadata.create_all(connection)
            connection.execute(WRITE_META, {"p_tenant": "", "p_name": MARKER, "p_value": SCHEMA})
        schema = _schema(connection)
        _check_schema(path, schema)
        if create and schema != SCHEMA:  # so far every newer schema only has tables more
            metadata.create_all(connection)
            connection.execute(WRITE_META, {"p_tenant": "", "p_name": MARKER, "p_value": SCHEMA})
        if create:  # a file that cannot be written is found now, and not after the first push
            connection.execute(meta.update().values(value=meta.c.value))
    if create:
        _let_readers_read_on(engine)


def _let_readers_read_on(engine: Engine) -> None:
    """Keeps writes beside the file until nobody reads the old state; the file remembers."""
    with engine.connect() as connection:
        driver: Any = connection.connection  # not through SQLAlchemy, which would begin a transaction
        try:
            driver.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            # someone else is in the file just now: it works as it is, and the next to open it asks again


def _schema(connection: Connection) -> int | None:
    """The schema that a record names; None where this is no record, even if it has a table of that name."""
    tables = inspect(connection)
    if not tables.has_table(meta.name) or {c["name"] for c in tables.get_columns(meta.name)} != set(meta.c.keys()):
        return None
    return connection.execute(READ_META, {"p_tenant": "", "p_name": MARKER}).scalar()


def _check_schema(path: Path, schema: int | None) -> None:
    if schema is None:
        raise _foreign(path)
    if schema > SCHEMA:
        raise PushdslError(
            f"`{path}` was written by a newer pushdsl (record {schema}; this one knows {SCHEMA})",
            "update pushdsl, or name another file under `[record]` in `pushdsl.toml`",
        )


def _foreign(path: Path) -> PushdslError:
    return PushdslError(
        f"`{path}` is no record of pushdsl", "move it away, or name another file under `[record]` in `pushdsl.toml`"
    )


# ---- faults -----------------------------------------------------------------------------------------

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


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turns what a database says about its file into PushdslError; our own mistakes in SQL pass as they are."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the higher bits say where exactly
        if code == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from None
        if code not in _SAYINGS:
            raise
        message, help = _SAYINGS[code]
        raise PushdslError(message.format(path), help) from error
