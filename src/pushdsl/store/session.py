"""What all that is kept in a record shares: transactions, statements for many rows, numbers, times."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, Delete, Engine, Executable

from pushdsl.store import opening, statements
from pushdsl.store.tables import LAST_RECORD

ROWS = 10_000
"""Rows in memory at once on their way in or out."""
FIRST_ROWS = 100
"""Rows of a long statement that go first, then 4 times as many: PostgreSQL plans each part for what is there then."""

LAST_SYNC = "last sync"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Session:
    """One tenant's part of an open record."""

    def __init__(self, database: opening.Database, engine: Engine, tenant: str) -> None:
        self._database = database
        self._engine = engine
        self._tenant = tenant
        self._texts: dict[Executable, str] = {}

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """What this thread does meanwhile with this record is one transaction; each part of it may fail alone.

        It begins with the first of them. In PostgreSQL it is for one tenant, whose part nobody else writes meanwhile.
        """
        group = _Group(self._engine)
        with ExitStack() as all_of_it:
            group.begin = lambda: all_of_it.enter_context(self._begun(opening.WRITE))
            token = _group.set(group)
            all_of_it.callback(_group.reset, token)
            yield
        if group.durable and not group.waits:  # a commit that waits for the disk has all before it there too
            with self._begun(opening.DURABLE) as connection:
                self._numbers(connection, 1, LAST_SYNC)
        for told in group.after:
            told()

    @contextmanager
    def _transaction(self, options: Mapping[str, bool] = opening.READ) -> Iterator[Connection]:
        group = _group.get()
        if group is None or group.engine is not self._engine:
            with self._begun(options) as connection:
                yield connection
            return
        if group.connection is None:
            group.connection = group.begin()
        if options.get("pushdsl_durable") and not group.durable and self._engine.dialect.name == "postgresql":
            with self._database.telling():
                group.connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            group.waits = True
        with self._database.telling(), group.connection.begin_nested():
            yield group.connection
        group.durable = group.durable or bool(options.get("pushdsl_durable"))

    def _when_kept(self, told: Callable[[], None]) -> None:
        """Tells when the last transaction is kept: now, or with all those that go together."""
        group = _group.get()
        if group is None or group.engine is not self._engine:
            told()
        else:
            group.after.append(told)

    @contextmanager
    def _begun(self, options: Mapping[str, bool]) -> Iterator[Connection]:
        with (
            _collector_paused(),
            self._database.telling(),
            self._engine.connect().execution_options(**options, pushdsl_tenant=self._tenant) as connection,
            connection.begin(),
        ):
            yield connection

    def _many(self, connection: Connection, statement: Executable, rows: Iterable[dict[str, object]]) -> int:
        """Carries out a statement for every row; returns how many rows of the table it changed."""
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = statements.text_of(statement, self._engine.dialect)
        changed, rest, size = 0, iter(rows), FIRST_ROWS
        while some := list(islice(rest, size)):
            changed += connection.exec_driver_sql(text, some).rowcount
            size = min(4 * size, ROWS)
        return changed

    def _delete(self, statement: Delete, steps: list[dict[str, object]]) -> int:
        with self._transaction(opening.WRITE) as connection:
            return connection.execute(statement, steps).rowcount

    def _numbers(self, connection: Connection, count: int, kind: str = LAST_RECORD) -> range:
        """The next numbers of records, or of another kind; none is given twice, even when its record was deleted."""
        name = {"p_tenant": self._tenant, "p_name": kind}
        if not count:
            return range(0)
        last = connection.execute(statements.ADD_TO_META, name | {"p_more": count}).scalar()
        if last is None:
            connection.execute(statements.WRITE_META, name | {"p_value": count})
            last = count
        return range(last - count + 1, last + 1)

    def number(self, name: str) -> int | None:
        """A number that was kept by this name."""
        with self._transaction() as connection:
            return connection.execute(statements.READ_META, self._ours() | {"p_name": name}).scalar()

    def keep_number(self, name: str, value: int) -> None:
        """Keeps a number of 64 bits by a name."""
        row = self._ours() | {"p_name": name, "p_value": value}
        with self._transaction(opening.WRITE) as connection:
            if not connection.execute(statements.CHANGE_META, row).rowcount:
                connection.execute(statements.WRITE_META, row)

    def _ours(self) -> dict[str, object]:
        return {"p_tenant": self._tenant}


@dataclass(slots=True)
class _Group:
    """Transactions that go together; `after` is told when they are kept. `waits`: its own commit waits for the disk."""

    engine: Engine
    begin: Callable[[], Connection] = field(init=False)
    connection: Connection | None = None
    durable: bool = False
    waits: bool = False
    after: list[Callable[[], None]] = field(default_factory=list)


_group: ContextVar[_Group | None] = ContextVar("_group", default=None)
"""In this thread just now."""


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Python's collector off for a while: rows make no cycles, and it would walk all of a million of them for some."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 UTC; `at` has a zone."""
    return (at - _EPOCH) // _MILLISECOND


def time_of(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND
