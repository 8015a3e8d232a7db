"""An address in, a checked connection pool out; whatever the database does wrong is said in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, inspect, make_url
from sqlalchemy.exc import ArgumentError

from pushdsl.errors import PushdslError
from pushdsl.store.postgresql import PostgresqlDatabase
from pushdsl.store.sqlite import SqliteFile
from pushdsl.store.statements import READ_META
from pushdsl.store.tables import MARKER, SCHEMA, meta

READ: Mapping[str, bool] = {}
WRITE = {"pushdsl_write": True}
"""Takes the right to write at once, so that a transaction cannot fail between its reading and its writing."""
DURABLE = {"pushdsl_write": True, "pushdsl_durable": True}
"""On the disk when it ends. Other writes survive a kill at once, and a power cut only after a moment."""


class Database(Protocol):
    """Where a record is kept; every method raises PushdslError."""

    @property
    def name(self) -> str:
        """As messages call it; without user and password."""

    @property
    def newcomer(self) -> str:
        """What helps where another program's data is found."""

    def exists(self) -> bool:
        """Whether there is anything at the address."""

    def engine(self, *, create: bool) -> Engine:
        """A pool whose transactions heed READ, WRITE and DURABLE."""

    def opened(self, engine: Engine) -> None:
        """What is to be done once the record is made or known to be ours."""

    def lock(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Keeps every other apply off the record; raises PushdslError that says who has it.

        `shared` lets others in that share it too, where a record may have several workers.
        """

    def telling(self) -> AbstractContextManager[None]:
        """Turns what the database says into PushdslError; our own mistakes in SQL pass as they are."""


def database_at(url: str) -> Database:
    """The database of this address; never repeats a password that stands in it. Raises PushdslError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number, as where a password has a `/`
        raise PushdslError(
            "the record's address cannot be read",
            "write it as `sqlite:///.pushdsl/record.db` or `postgresql://USER@HOST/DATABASE`",
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteFile.at(parsed)
        case "postgresql" | "postgres":
            return PostgresqlDatabase.at(parsed)
        case other:
            raise PushdslError(
                f"records cannot be kept in `{other}`", "use `sqlite:///` and the path of a file, or `postgresql://`"
            )


def libpq_words(url: str) -> dict[str, Any]:  # Any: libpq takes text and numbers
    """An address of PostgreSQL in the words of its driver; may hold a password. Raises PushdslError."""
    database = database_at(url)
    assert isinstance(database, PostgresqlDatabase)
    return database.libpq_words


def connect(database: Database, *, create: bool) -> Engine:
    """A pool on a record of ours, made or brought up to date if `create` says so, and then also proved to be writable.

    Raises PushdslError.
    """
    engine = database.engine(create=create)
    try:
        with database.telling():
            _check(engine, database, create)
            if create:
                database.opened(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check(engine: Engine, database: Database, create: bool) -> None:
    with engine.connect().execution_options(**(DURABLE if create else READ)) as connection, connection.begin():
        new = create and not inspect(connection).get_table_names()
        schema = None if new else _known_schema(database, _schema(connection))
        if create and schema != SCHEMA:
            from pushdsl.store.migrations import migrate  # imports Alembic, which an up-to-date record does not need

            migrate(connection, schema, SCHEMA)
        if create:  # a record that cannot be written is found now, and not after the first push
            connection.execute(meta.update().values(value=meta.c.value))


def _schema(connection: Connection) -> int | None:
    """The schema that a record names; None where this is no record, even if it has a table of that name."""
    tables = inspect(connection)
    if not tables.has_table(meta.name) or {c["name"] for c in tables.get_columns(meta.name)} != set(meta.c.keys()):
        return None
    return connection.execute(READ_META, {"p_tenant": "", "p_name": MARKER}).scalar()


def _known_schema(database: Database, schema: int | None) -> int:
    if schema is None:
        raise PushdslError(f"`{database.name}` is no record of pushdsl", database.newcomer)
    if schema > SCHEMA:
        raise PushdslError(
            f"`{database.name}` was written by a newer pushdsl (record {schema}; this one knows {SCHEMA})",
            "update pushdsl, or name another record under `[record]` in `pushdsl.toml`",
        )
    return schema
