"""A new record on PostgreSQL in; the same in parts by tenant out, for thousands of sellers and a billion listings.

    python -m pushdsl.store.partitions postgresql://USER@HOST/DATABASE 64

Every key begins with the tenant, so PostgreSQL looks at one part for each question, and each part is cleaned, indexed
and backed up by itself. A tenant is in one part as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sqlalchemy import Connection, text

from pushdsl.errors import PushdslError
from pushdsl.store import opening
from pushdsl.store.tables import meta, metadata

PARTS_MAX = 1024


def divide(url: str, parts: int) -> None:
    """Makes the record at `url`, or takes one in which nothing was kept yet, and divides its tables.

    Raises PushdslError where it is not on PostgreSQL, is divided already, or holds something.
    """
    if not 1 < parts <= PARTS_MAX:
        raise PushdslError(f"a record is not divided into {parts} parts", f"give a number from 2 to {PARTS_MAX}")
    database = opening.database_at(url)
    engine = opening.connect(database, create=True)
    try:
        if engine.dialect.name != "postgresql":
            raise PushdslError("only a record in PostgreSQL can be divided", "write its address as `postgresql://…`")
        with (
            database.telling(),
            engine.connect().execution_options(**opening.DURABLE) as connection,
            connection.begin(),
        ):
            _divide(connection, parts)
    finally:
        engine.dispose()


def _divide(connection: Connection, parts: int) -> None:
    for table in metadata.sorted_tables:
        if table is meta:  # one row for each tenant, and read before anything else is known
            continue
        name = table.name
        kind = connection.execute(
            text("SELECT relkind FROM pg_class WHERE oid = to_regclass(:name)"), {"name": name}
        ).scalar()
        if kind == "p":
            raise PushdslError("the record is divided already", "name an empty database to divide it otherwise")
        if connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {name})")).scalar():
            raise PushdslError(f"the record holds something in `{name}`", "divide it before the first push")
        for statement in _statements(name, parts):
            connection.exec_driver_sql(statement)


def _statements(name: str, parts: int) -> Sequence[str]:
    whole = f"CREATE TABLE {name}_divided (LIKE {name} INCLUDING ALL) PARTITION BY HASH (tenant)"
    some = [
        f"CREATE TABLE {name}_{part} PARTITION OF {name} FOR VALUES WITH (MODULUS {parts}, REMAINDER {part})"
        for part in range(parts)
    ]
    return [whole, f"DROP TABLE {name}", f"ALTER TABLE {name}_divided RENAME TO {name}", *some]


def main(arguments: Sequence[str]) -> None:
    """The command; what is wrong ends it with a sentence."""
    if len(arguments) != 2 or not arguments[1].isdecimal():
        raise SystemExit("usage: python -m pushdsl.store.partitions URL PARTS")
    try:
        divide(arguments[0], int(arguments[1]))
    except PushdslError as error:
        raise SystemExit(f"error: {error.message}\nhelp: {error.help}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
