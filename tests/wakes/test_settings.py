"""The engine that `wake` under [run] names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pushdsl.errors import SettingsError
from pushdsl.wakes import wake_of

SQLITE, POSTGRESQL = "sqlite:///record.db", "postgresql://db.example.com/shop"


@pytest.mark.parametrize(
    ("text", "record", "name"),
    [
        ("own", SQLITE, "OwnWake"),
        ("own", POSTGRESQL, "OwnWake"),
        ("procrastinate", POSTGRESQL, "ProcrastinateWake"),
        ("nats://localhost:4222", SQLITE, "NatsWake"),
        ("tls://localhost:4222/shop", POSTGRESQL, "NatsWake"),
    ],
)
def test_an_engine_is_named_by_a_word_or_an_address(text: str, record: str, name: str) -> None:
    assert type(wake_of(text, record, 4)).__name__ == name


def fault(text: str, record: str = POSTGRESQL) -> tuple[str, str]:
    with pytest.raises(SettingsError) as raised:
        wake_of(text, record, 4)
    return raised.value.message, raised.value.help


def test_a_word_that_names_none_is_refused_without_being_repeated() -> None:
    message, help = fault("nat://anna:hunter2@localhost")

    assert message == "`wake` in [run] is no engine that pushdsl knows"
    assert "hunter2" not in help


def test_procrastinate_needs_a_record_in_postgresql() -> None:
    message, _ = fault("procrastinate", SQLITE)

    assert message == "`procrastinate` wakes workers through PostgreSQL, and the record is elsewhere"


@pytest.mark.parametrize(
    ("text", "package", "extra"), [("procrastinate", "procrastinate", "procrastinate"), ("nats://x", "nats", "nats")]
)
def test_what_is_not_installed_is_named(
    text: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.delitem(sys.modules, f"pushdsl.wakes.{package}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)

    assert fault(text)[1] == f"install it with `pip install 'pushdsl[{extra}]'`"


def test_the_default_engine_loads_no_other() -> None:
    code = (
        "import sys; from pushdsl.wakes import wake_of; wake_of('own', 'sqlite:///x', 1);"
        "assert not {'procrastinate', 'nats', 'psycopg'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
