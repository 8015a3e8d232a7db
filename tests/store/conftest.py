"""What a store of record promises holds on both databases: `url` is an empty record's address, first on one, then on
the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

_numbers = count(1)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Callable[[], str]:
    return lambda: f"sqlite:///{tmp_path}/{next(_numbers)}.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes addresses of empty records."""
    make: Callable[[], str] = request.getfixturevalue(f"on_{request.param}")
    return make


@pytest.fixture
def url(urls: Callable[[], str]) -> str:
    return urls()
