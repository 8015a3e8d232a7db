"""A record in a database of PostgreSQL: how it is opened, who may write, and what its faults are called.

No message names the user or the password of the address.
"""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pushdsl.errors import HeldRecord, PushdslError

BUSY_SECONDS = "10"
"""How long a write waits for another process's; `?timeout=` in the address says otherwise."""
DYING_MILLISECONDS = 500
"""How long an apply waits for the lock of another that has just ended or was killed."""
_ADDRESS = "write it as `postgresql://USER@HOST/DATABASE`"
_WAIT = "wait until it ends, then try again"


@dataclass(frozen=True, slots=True)
class PostgresqlDatabase:
    url: URL
    timeout_milliseconds: int
    newcomer = "name an empty database, or a schema of your own with `?options=-csearch_path%3Dpushdsl` behind it"

    @classmethod
    def at(cls, url: URL) -> PostgresqlDatabase:
        """Raises PushdslError."""
        if not url.database:
            raise PushdslError("the record's address names no database", _ADDRESS)
        seconds = str(url.query.get("timeout", BUSY_SECONDS))
        if not re.fullmatch(r"\d{1,5}(\.\d+)?", seconds):
            raise PushdslError("the record's address has a timeout that is no number", "write it as `?timeout=10`")
        ours = {"connect_timeout": BUSY_SECONDS} | dict(url.query)
        ours.pop("timeout", None)
        return cls(url.set(drivername="postgresql+psycopg", query=ours), max(int(float(seconds) * 1000), 1))

    @property
    def name(self) -> str:
        port = f":{self.url.port}" if self.url.port else ""
        return f"postgresql://{self.url.host or self.url.query.get('host', '')}{port}/{self.url.database}"

    @property
    def libpq_words(self) -> dict[str, Any]:  # Any: libpq takes text and numbers
        """The address in the words of its driver, for those who connect by themselves; may hold a password."""
        return dict(self.url.get_dialect()().create_connect_args(self.url)[1])

    def exists(self) -> bool:
        engine = self._engine("pushdsl")
        try:
            with self.telling(), engine.connect() as connection:
                return bool(inspect(connection).get_table_names())
        finally:
            engine.dispose()

    def engine(self, *, create: bool) -> Engine:
        engine = self._engine("pushdsl", pool_pre_ping=True)

        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(self._beginning(connection))

        event.listen(engine, "begin", begin)
        event.listen(engine, "connect", _plan_for_each)
        event.listen(engine, "before_cursor_execute", _plan_once_for_all)
        return engine

    def _engine(self, application: str, **options: Any) -> Engine:  # Any: SQLAlchemy's options are of many types
        try:
            return create_engine(
                self.url, hide_parameters=True, connect_args={"application_name": application}, **options
            )
        except ImportError:
            raise PushdslError(
                "a record in PostgreSQL needs its driver", "install it with `pip install 'pushdsl[postgresql]'`"
            ) from None

    def _beginning(self, connection: Connection) -> str:
        """A reader sees one state throughout; a writer is alone with its tenant's part from its first statement on."""
        options = connection.get_execution_options()
        if not options.get("pushdsl_write"):
            return "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        durable = "" if options.get("pushdsl_durable") else "SET LOCAL synchronous_commit = off; "
        alone = f"SELECT pg_advisory_xact_lock({_key('write', options.get('pushdsl_tenant', ''))})"
        # a process that stands still with a lock would have all others stand still too; so its transaction is ended
        idle = f"SET LOCAL idle_in_transaction_session_timeout = {max(self.timeout_milliseconds // 2, 1)}"
        return f"{durable}SET LOCAL lock_timeout = {self.timeout_milliseconds}; {idle}; {alone}"

    def opened(self, engine: Engine) -> None:
        pass

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Held by a connection of its own, so the server takes it back however its holder dies."""
        does = "pushdsl run" if shared else "pushdsl"
        me = f"{does}: process {os.getpid()} on {socket.gethostname()}"[:63]  # PostgreSQL cuts names there
        engine = self._engine(me, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with self.telling():
            connection = engine.connect()
        try:
            with self.telling():
                self._take(connection, shared)
            yield
        finally:
            with suppress(DBAPIError):  # a connection that was lost holds nothing
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock{'_shared' if shared else ''}({_key('apply')})")
            with suppress(DBAPIError):
                connection.close()
            engine.dispose()

    def _take(self, connection: Connection, shared: bool) -> None:
        # A machine that lost its power does not say goodbye: the server asks now and then whether it is there.
        for setting, value in {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3,
                               "lock_timeout": DYING_MILLISECONDS}.items():  # fmt: skip
            connection.exec_driver_sql(f"SET {setting} = {value}")
        try:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock{'_shared' if shared else ''}({_key('apply')})")
        except DBAPIError as error:
            if _state(error) != "55P03":
                raise
            raise _taken(connection) from None

    @contextmanager
    def telling(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            told = self._told(error)
            if told is None:
                raise
            raise told from None

    def _told(self, error: DBAPIError) -> PushdslError | None:
        """The fault in plain words; None for our own mistakes in SQL, which pass as they are."""
        state, reason = _state(error), self._reason(error)
        if error.statement is None and not error.connection_invalidated and state is None:
            return self._unreachable(reason)
        if error.connection_invalidated or (state or "")[:2] == "08" or state in ("57P01", "57P02", "57P03"):
            return PushdslError(f"the connection to `{self.name}` was lost", "see that the server runs, then try again")
        saying = _SAYINGS.get(state or "") or _SAYINGS.get((state or "")[:2])
        if saying is None:
            return None
        message, help = saying
        return PushdslError(message.format(self.name, reason), help)

    def _unreachable(self, reason: str) -> PushdslError:
        for words, (message, help) in _REFUSALS.items():
            if re.search(words, reason):
                return PushdslError(message.format(self.name), help)
        return PushdslError(
            f"cannot connect to `{self.name}`: {reason}", "see that the server runs and that the address is right"
        )

    def _reason(self, error: DBAPIError) -> str:
        """The last thing that was said, without what leads up to it."""
        lines = str(error.orig).strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if "FATAL:" in line), lines[0])
        reason = re.sub(r"^.*FATAL: *|^connection failed: ", "", reason).strip()
        password = self.url.password
        return reason.replace(str(password), "…") if password else reason


def _key(purpose: str, tenant: str = "") -> str:
    """The number of a lock, in SQL; a record in another schema of the same database has others, as has each tenant."""
    of_tenant = zlib.crc32(tenant.encode()) if tenant else 0
    return f"hashtextextended('pushdsl {purpose} ' || coalesce(current_schema(), ''), {of_tenant})"


MANY_ROWS = 100
"""From so many on, one plan for all of them costs less than one for each."""


def _plan_for_each(connection: Any, _: object) -> None:  # Any: psycopg's connection
    """A plan that is kept from when the tables were empty reads a whole history for every row."""
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _plan_once_for_all(  # Any: psycopg's cursor behind SQLAlchemy
    connection: Connection, cursor: Any, text: str, rows: Sequence[object], context: object, many: bool
) -> None:
    """Before many rows: a plan for what is in the tables now."""
    if many and len(rows) >= MANY_ROWS:
        cursor.execute("DISCARD PLANS; SET LOCAL plan_cache_mode = auto")


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


_HOLDER = text(
    "SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    f" AND (classid::bigint << 32) | objid::bigint = {_key('apply')}"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _taken(connection: Connection) -> HeldRecord:
    who, daemon = "another process", False
    holder = connection.execute(_HOLDER).first()
    if holder is not None and (named := re.fullmatch(r"pushdsl( run)?: process (\d+) on (.+)", holder[0] or "")):
        since: datetime | None = holder[1]  # known to the same user and to superusers
        when = f" (since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)" if since else ""
        who, daemon = f"process {named[2]} on `{named[3]}`{when}", named[1] is not None
    return HeldRecord(who, by_daemon=daemon)


_REFUSALS = {
    r"password authentication failed|no password supplied": (
        "`{}` does not take this user and password", "correct them in the address, or in PGUSER and PGPASSWORD"
    ),
    r"database .* does not exist": ("`{}` does not exist", "make it with `createdb`, or correct the address"),
    r"role .* does not exist": (
        "`{}` does not know this user", "make it with `createuser`, or correct the address"
    ),
    r"no pg_hba.conf entry": (
        "`{}` lets nobody in from here", "ask who runs the server, or add `?sslmode=require` to the address"
    ),
    r"too many (clients|connections)|connection slots": (
        "`{}` has no connection free", "wait until others end, then try again"
    ),
    r"timeout expired": (
        "`{}` does not answer", "see that the server runs and that the address is right"
    ),
}  # fmt: skip

_SAYINGS = {
    "55P03": ("`{}` is locked by another process", _WAIT),
    "40": ("`{}` is locked by another process", _WAIT),
    "57014": ("`{}` took too long and gave up", "try again, or raise its `statement_timeout`"),
    "42501": ("this user may not do that in `{}`: {}", "grant it CREATE on the schema and all on its tables"),
    "3F000": ("`{}` has no such schema", "make it with CREATE SCHEMA, or correct `search_path` in the address"),
    "25006": ("`{}` cannot be written", "name the main server, not a copy of it that can only be read"),
    "53100": ("the disk of `{}` is full", "make room on it, then try again"),
    "53": ("`{}` has no room left: {}", "free some, then try again"),
    "58": ("the disk of `{}` gave an error", "check the disk, then try again"),
    "XX": ("`{}` is damaged: {}", "put back a copy of it, or name an empty database"),
}  # fmt: skip
