"""Every statement is written so that both databases understand it."""

from __future__ import annotations

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite

from pushdsl.model import Status
from pushdsl.store import statements
from pushdsl.store.tables import metadata

DIALECTS = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}
FIXED = {name: value for name, value in vars(statements).items() if isinstance(value, Executable)}


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_can_be_said_to_both_databases(name: str, dialect: str) -> None:
    text = str(FIXED[name].compile(dialect=DIALECTS[dialect]))  # type: ignore[attr-defined]

    assert "tenant" in text


@pytest.mark.parametrize("make", [statements.desire, statements.observe, statements.skip])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_upsert_can_be_said_to_both_databases(make: object, dialect: str) -> None:
    text = statements.text_of(make(dialect), DIALECTS[dialect])  # type: ignore[operator]

    assert "ON CONFLICT (tenant, " in text


def test_every_key_and_index_begins_with_the_tenant() -> None:
    keys = [list(table.primary_key.columns) for table in metadata.sorted_tables]
    indexes = [list(index.columns) for table in metadata.sorted_tables for index in table.indexes]

    assert len(keys) > 10
    assert {columns[0].name for columns in keys + indexes} == {"tenant"}


def test_a_search_by_status_names_it_in_the_text_so_that_its_index_serves() -> None:
    text = str(statements.records({}, Status.FAILED, 10).compile(dialect=DIALECTS["sqlite"]))

    assert "record.status = 'Failed'" in text
