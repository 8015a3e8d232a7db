"""What happens where a record in PostgreSQL cannot be reached, is not ours, or not free; and all commands with one."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from tests.conftest import with_options
from tests.shop import SIMULATED, make_project

from pushdsl.cli import main
from pushdsl.errors import PushdslError
from pushdsl.model import CellKey, Live, PlannedCell, Reason
from pushdsl.settings import read_settings
from pushdsl.store import (
    PLANNER,
    Lease,
    Push,
    Rate,
    RecordStore,
    Trigger,
    Want,
    open_existing,
    open_store,
    open_work,
)  # fmt: skip

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMANDS = ("status", "plan --summary", "apply", "plan --summary", "apply", "status", "records --limit 99",
            "reconcile shopee_my")  # fmt: skip
TIMES = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?|\d+(\.\d+)? m?s\b")
READ = [(CellKey("shopee_my", "MUG", ""), Live(12))]


@pytest.fixture
def url(on_postgresql: Callable[[], str]) -> str:
    return on_postgresql()


def run(url: str, *statements: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def fault(url: str, *, create: bool = True) -> tuple[str, str]:
    """Message and help of opening; neither the password nor the user's name may stand in it."""
    with pytest.raises(PushdslError) as raised:
        open_store(url, create=create)
    told = raised.value.message + raised.value.help
    assert "hunter2" not in told
    assert "anna" not in told
    return raised.value.message, raised.value.help


def test_looking_for_a_record_makes_none(url: str) -> None:
    assert open_existing(url) is None
    assert open_existing(url) is None

    message, help = fault(url, create=False)

    assert message.startswith("there is no record at `postgresql://")
    assert help == "`pushdsl apply` makes it with the first push"


def test_text_is_ordered_by_its_bytes_whatever_the_language_of_the_database(url: str) -> None:
    keys = [CellKey("shopee_my", sku, "") for sku in ("a", "B", "Ä", "_", "b", "A")]

    with open_store(url) as record:
        record.observe([(key, Live(1)) for key in keys], at=NOON)

        assert record.live().store_sku == ["A", "B", "_", "a", "b", "Ä"]


def test_a_quantity_may_have_64_bits(url: str) -> None:
    with open_store(url) as record:
        record.observe([(CellKey("x", "MUG", ""), Live(2**40))], at=NOON)

        assert record.live().quantity == [2**40]


def test_a_text_of_a_store_may_have_what_postgresql_cannot_keep(url: str) -> None:
    cell = PlannedCell("x", "MUG", "", "M-1", None, 9, 9, "normal", None, None, "push", "")

    with open_store(url) as record:
        record.skip([(cell, "odd \x00 answer")], reason=1, at=NOON)

        assert record.records()[0].detail == "odd \ufffd answer"


def test_a_database_of_another_program_is_named_and_left_alone(url: str) -> None:
    run(url, "CREATE TABLE customers (name TEXT)")

    message, help = fault(url)

    assert message.endswith("is no record of pushdsl")
    assert help.startswith("name an empty database, or a schema of your own")


def test_a_record_that_another_process_writes_to_is_locked(url: str) -> None:
    open_store(url).close()
    quick = make_url(url).update_query_dict({"timeout": "0.01"}).render_as_string(hide_password=False)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('pushdsl write ' || current_schema(), 0))"))

        message, help = fault(quick)
        with open_store(quick, create=False) as record:
            assert record.records() == []
    engine.dispose()

    assert message.endswith("is locked by another process")
    assert help == "wait until it ends, then try again"


def test_a_connection_that_was_cut_is_told_and_the_next_one_works(url: str) -> None:
    def cut(record: RecordStore, *, within: bool) -> None:
        with record._transaction() as connection:
            number = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            if within:
                run(url, f"SELECT pg_terminate_backend({number})")
                connection.execute(text("SELECT 1"))
        run(url, f"SELECT pg_terminate_backend({number})")

    with open_store(url) as record:
        with pytest.raises(PushdslError, match=r"the connection to `postgresql://.*` was lost"):
            cut(record, within=True)
        cut(record, within=False)  # an idle one, of which nobody hears

        assert record.records() == []


@pytest.fixture
def without_rights(url: str) -> Iterator[str]:
    """The record's address for a user who was given nothing."""
    role = make_url(url).query["options"].split("=")[-1] + "_user"  # type: ignore[union-attr]  # one value
    run(url, f"CREATE ROLE {role}")
    yield with_options(url, f"-crole={role}")
    run(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_user_without_rights_is_told(url: str, without_rights: str) -> None:
    open_store(url).close()

    message, help = fault(without_rights)

    assert "this user may not do that in `postgresql://" in message or "has no such schema" in message
    assert "CREATE" in help


def test_a_user_who_may_not_write_can_look(url: str, without_rights: str) -> None:
    with open_store(url) as record:
        record.observe(READ, at=NOON)
    schema, role = without_rights.split("search_path%3D")[1].split("+-crole%3D")
    run(url, f"GRANT USAGE ON SCHEMA {schema} TO {role}", f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")

    with open_store(without_rights, create=False) as record:
        assert record.live().quantity == [12]
    message, _ = fault(without_rights)

    assert "this user may not do that in `postgresql://" in message
    assert "permission denied" in message


def test_a_copy_that_can_only_be_read_is_told(url: str) -> None:
    open_store(url).close()

    message, _ = fault(with_options(url, "-cdefault_transaction_read_only=on"))

    assert message.endswith("cannot be written")


def test_a_schema_that_does_not_exist_is_told(server: str) -> None:
    message, help = fault(with_options(server, "-csearch_path=nowhere"))

    assert message.endswith("has no such schema")
    assert "CREATE SCHEMA" in help


def test_a_database_that_does_not_exist_is_told(server: str) -> None:
    message, help = fault(make_url(server).set(database="nowhere").render_as_string(hide_password=False))

    assert message.endswith("/nowhere` does not exist")
    assert help == "make it with `createdb`, or correct the address"


@contextmanager
def refusing(words: str) -> Iterator[str]:
    """The address of a server that asks for the password and then says no in these words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_refuse, args=(listener, words))
        thread.start()
        yield f"postgresql://anna:hunter2@127.0.0.1:{listener.getsockname()[1]}/shop"
        thread.join()


def _refuse(listener: socket.socket, words: str) -> None:
    client, _ = listener.accept()
    with client, client.makefile("rb") as asked:
        while True:
            size, code = struct.unpack("!ii", asked.read(8))
            asked.read(size - 8)
            if code == 196608:  # a start, and no question about encryption
                break
            client.sendall(b"N")
        client.sendall(b"R" + struct.pack("!ii", 8, 3))
        asked.read(1)
        asked.read(struct.unpack("!i", asked.read(4))[0] - 4)
        fields = b"".join(f"{key}{value}\0".encode() for key, value in {"S": "FATAL", "C": "28P01", "M": words}.items())
        client.sendall(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('password authentication failed for user "anna"', "does not take this user and password"),
        ('role "anna" does not exist', "does not know this user"),
        ('database "shop" does not exist', "does not exist"),
        ('no pg_hba.conf entry for host "10.0.0.1", user "anna"', "lets nobody in from here"),
        ("sorry, too many clients already", "has no connection free"),
    ],
)
def test_a_refusal_is_said_in_plain_words_without_user_and_password(words: str, told: str) -> None:
    with refusing(words) as address:
        message, _ = fault(address)

    assert message.startswith("`postgresql://127.0.0.1:")
    assert message.endswith(f"/shop` {told}")


def test_a_refusal_that_nobody_foresaw_is_repeated_without_the_password() -> None:
    with refusing("hunter2 is no password here") as address:
        message, _ = fault(address)

    assert message.endswith("/shop`: … is no password here")


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    message, help = fault(f"postgresql://anna:hunter2@127.0.0.1:{port}/shop")

    assert message.startswith(f"cannot connect to `postgresql://127.0.0.1:{port}/shop`: ")
    assert "refused" in message
    assert help == "see that the server runs and that the address is right"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://anna:hunter2@db", "the record's address names no database"),
        ("postgresql://anna:hunter2@db/", "the record's address names no database"),
        ("postgresql://anna:hunter2@db/shop?timeout=soon", "the record's address has a timeout that is no number"),
        ("postgresql://anna:hunter2@db:port/shop", "the record's address cannot be read"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str, told: str) -> None:
    message, _ = fault(address)

    assert message == told


def test_without_the_driver_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    message, help = fault("postgresql://anna:hunter2@db/shop")

    assert message == "a record in PostgreSQL needs its driver"
    assert help == "install it with `pip install 'pushdsl[postgresql]'`"


def test_every_command_says_the_same_as_with_a_file(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(name: str, settings: str) -> list[tuple[int, str]]:
        folder = make_project(tmp_path / name, SIMULATED)
        (folder / "pushdsl.toml").write_text(settings, "utf-8")
        monkeypatch.chdir(folder)
        return [(main(command.split()), TIMES.sub("…", capsys.readouterr().out)) for command in COMMANDS]

    in_postgresql = told("postgresql", f'[record]\nurl = "{url}"\n')

    assert in_postgresql == told("sqlite", "")
    assert "Successfully" in in_postgresql[-2][1]
    assert not list(tmp_path.glob("postgresql/.pushdsl/record.db*"))


def test_no_command_repeats_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_project(tmp_path / "shop", SIMULATED)
    monkeypatch.chdir(folder)

    for command in ("status", "plan", "apply", "records"):
        with refusing('password authentication failed for user "anna"') as address:
            (folder / "pushdsl.toml").write_text(f'[record]\nurl = "{address}"\n', "utf-8")
            assert main([command]) != 0
        said = "".join(capsys.readouterr()) + repr(read_settings(folder))

        assert "does not take this user and password" in said
        assert "hunter2" not in said
        assert "anna" not in said


def test_a_process_that_stands_still_in_a_transaction_loses_it_and_hinders_no_other(url: str) -> None:
    impatient = make_url(url).update_query_dict({"timeout": "0.4"}).render_as_string(hide_password=False)
    trigger = Trigger("M", Reason.STOCK_IN_MANUAL)
    with open_work(impatient, lambda: NOON) as frozen, open_work(impatient, lambda: NOON) as other:
        planner = frozen.lease(PLANNER, "me", seconds=10)
        assert isinstance(planner, Lease)
        cell = PlannedCell("shop", "MUG", "", "M", "Mugs", 9, 7, "normal", None, None, "push", "")
        frozen.desire(planner, (), [Want(cell, (0, 0), 1, Reason.STOCK_IN_MANUAL, 0)], window=timedelta(0))
        lane = frozen.lease("shop", "me", seconds=10)
        assert isinstance(lane, Lease)

        def stand_still(pushes: Sequence[Push]) -> int:
            other.mark([trigger])  # waits for the transaction that this is called in
            return len(pushes)

        with pytest.raises(PushdslError, match="was lost"):
            frozen.intend(
                lane, limit=9, send_seconds=1, answer_seconds=1, lease_seconds=3, rate=Rate(9), calls=stand_still
            )

        work = other.work()
        assert (work.to_plan, work.in_flight, work.lanes[0].waiting) == (1, 0, 1), "the other's is there, its own not"
