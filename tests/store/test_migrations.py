"""A record of any earlier schema is brought up to date without loss, on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, make_url, text

from pushdsl.errors import PushdslError
from pushdsl.model import CellKey, Live, Record, RecordedLive, Status
from pushdsl.store import SealedGrant, StoreSummary, open_existing, open_store
from pushdsl.store.migrations import TABLE, migrate
from pushdsl.store.tables import SCHEMA, metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORDS = Path(__file__).parent / "records"
"""What the pushdsl of each schema wrote; the indexes of schema 1 were changed once without a new number."""
EVERY = ["1-first-indexes", "1", "2"]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def write_old(url: str, name: str) -> None:
    """Makes the record that this earlier pushdsl left; on PostgreSQL, where it never was, with the same rows."""
    script = (RECORDS / f"{name}.sql").read_text("utf-8")
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            file.executescript(script)
        return
    with connected(url) as connection:
        migrate(connection, None, int(name[0]))
        connection.execute(text(f"DROP TABLE {TABLE}"))
        connection.execute(text("DELETE FROM meta"))
        for line in script.splitlines():
            if line.startswith("INSERT"):
                connection.exec_driver_sql(line)


def held(url: str) -> tuple[RecordedLive, list[Record], list[StoreSummary], SealedGrant | None]:
    record = open_existing(url)
    assert record is not None
    with record:
        return record.live(), record.records(), record.summary(), record.grant("anna")


@pytest.mark.parametrize("name", EVERY)
def test_an_earlier_record_keeps_all_that_it_held(url: str, name: str) -> None:
    write_old(url, name)
    before = held(url)

    open_store(url).close()

    assert held(url) == before
    live, records, *_ = before
    assert dict(zip(live.store_sku, live.quantity, strict=True)) | {"POT": None} == {
        "CUP": 7, "MUG": 28, "JUG": None, "BOWL": None, "POT": None
    }  # fmt: skip
    assert {r.key.store_sku: (r.status, r.detail) for r in records if r.key.store_sku == "JUG"} == {
        "JUG": (Status.FAILED, "it's locked")
    }


def test_tokens_and_unbound_listings_of_schema_2_stay(url: str) -> None:
    write_old(url, "2")
    open_store(url).close()

    live, _, _, grant = held(url)

    assert live.unbound == [("shopee_my", "POT")]
    assert grant == SealedGrant("sealed text", NOON, None, 3, "seed")


@pytest.mark.parametrize("name", EVERY)
def test_an_earlier_record_does_all_that_a_new_one_does(url: str, name: str) -> None:
    write_old(url, name)

    with open_store(url) as record, record.lock():
        assert record.interrupted(NOON) == 1
        record.keep_grant("ben", SealedGrant("new", None, None, 1, "seed"), at=NOON)
        record.observe([(CellKey("shopee_my", "POT", ""), Live(3))], at=NOON + timedelta(hours=1))

        assert record.grant("ben") is not None
        assert record.live().unbound == []


@pytest.mark.parametrize("name", [None, *EVERY])
def test_every_record_ends_with_the_same_tables(url: str, name: str | None) -> None:
    if name:
        write_old(url, name)
    open_store(url).close()

    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": TABLE, "compare_type": True})
        different = compare_metadata(context, metadata)
        marker = connection.execute(text("SELECT value FROM meta WHERE name = 'pushdsl.record'")).scalar()

    assert different == []
    assert marker == SCHEMA


def test_a_migrated_file_is_described_word_by_word_as_the_tables_are(on_sqlite: Callable[[], str]) -> None:
    old, plain = on_sqlite(), on_sqlite()
    write_old(old, "1-first-indexes")
    open_store(old).close()
    with connected(plain) as connection:
        metadata.create_all(connection)

    def described(url: str) -> set[str]:
        with connected(url) as connection:
            rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
            return {" ".join(row[0].split()) for row in rows if TABLE not in row[0]}

    assert described(old) == described(plain)


def test_looking_at_an_earlier_record_does_not_change_it(url: str) -> None:
    write_old(url, "1")
    held(url)

    with connected(url) as connection:
        assert connection.execute(text("SELECT value FROM meta WHERE name = 'pushdsl.record'")).scalar() == 1


def test_many_can_bring_a_record_up_to_date_at_once(url: str) -> None:
    write_old(url, "1")

    with ThreadPoolExecutor(4) as openers:
        list(openers.map(lambda _: open_store(url).close(), range(8)))

    assert held(url)[0].store_sku == ["CUP", "BOWL", "JUG", "MUG"]


def test_a_step_that_fails_leaves_the_record_as_it_was(url: str) -> None:
    write_old(url, "1")
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE missing (mine INTEGER)"))
    before = held_tables(url)

    with pytest.raises(Exception, match="already exists"):
        open_store(url)

    assert held_tables(url) == before


def held_tables(url: str) -> set[str]:
    with connected(url) as connection:
        indexes = inspect(connection).get_indexes("record")
        return {*inspect(connection).get_table_names(), *(index["name"] or "" for index in indexes)}


@pytest.mark.parametrize("create", [True, False])
def test_a_record_of_a_newer_version_asks_for_an_update(url: str, create: bool) -> None:
    open_store(url).close()
    with connected(url) as connection:
        connection.execute(text(f"UPDATE meta SET value = {SCHEMA + 1} WHERE name = 'pushdsl.record'"))

    with pytest.raises(PushdslError) as raised:
        open_store(url, create=create)

    assert raised.value.message.endswith(
        f"was written by a newer pushdsl (record {SCHEMA + 1}; this one knows {SCHEMA})"
    )
    assert raised.value.help.startswith("update pushdsl")
