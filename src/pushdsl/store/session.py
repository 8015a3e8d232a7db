"""What all that is kept in a record shares: transactions, statements for many rows, numbers, times."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, Delete, Engine, Executable

from pushdsl.store import opening, statements
from pushdsl.store.tables import LAST_RECORD

ROWS = 10_000
"""Rows in memory at once on their way in or out."""
FIRST_ROWS = 100
"""Rows of a long statement that go first, then 4 times as many: PostgreSQL plans each part for what is there then."""

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
    def _transaction(self, options: Mapping[str, bool] = opening.READ) -> Iterator[Connection]:
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
