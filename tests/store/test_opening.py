"""What happens where the file of a record is not there, not ours, not writable or not free."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushdsl.errors import PushdslError
from pushdsl.model import CellKey, Live
from pushdsl.store import open_existing, open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
READ = [(CellKey("shopee_my", "MUG", ""), Live(12))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.db"


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def fault(url: str, *, create: bool = True) -> tuple[str, str]:
    """Message and help of opening."""
    with pytest.raises(PushdslError) as raised:
        open_store(url, create=create)
    return raised.value.message, raised.value.help


def test_a_record_is_made_with_the_folders_on_its_way(tmp_path: Path) -> None:
    with open_store(url(tmp_path / "shop" / ".pushdsl" / "record.db")) as record:
        record.observe(READ, at=NOON)

    assert (tmp_path / "shop" / ".pushdsl" / "record.db").is_file()


def test_what_was_kept_is_there_when_opened_again(path: Path) -> None:
    with open_store(url(path)) as record:
        record.observe(READ, at=NOON)
        kept = record.live()

    with open_store(url(path)) as record:
        assert record.live() == kept


def test_looking_for_a_record_makes_none(path: Path) -> None:
    found = open_existing(url(path))

    assert found is None
    assert not path.exists()


def test_an_empty_file_is_no_record_yet_and_becomes_one(path: Path) -> None:
    path.touch()

    assert open_existing(url(path)) is None
    with open_store(url(path)) as record:
        assert record.records() == []


def test_opening_an_absent_record_without_leave_to_make_it_says_how_it_is_made(path: Path) -> None:
    message, help = fault(url(path), create=False)

    assert message == f"there is no record at `{path}`"
    assert help == "`pushdsl apply` makes it with the first push"


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_named_and_left_alone(path: Path, create: bool) -> None:
    path.write_text("sku,quantity\n" * 100)

    message, help = fault(url(path), create=create)

    assert message == f"`{path}` is no record of pushdsl"
    assert help == "move it away, or name another file under `[record]` in `pushdsl.toml`"
    assert path.read_text() == "sku,quantity\n" * 100


@pytest.mark.parametrize("table", ["meta (tenant, name, value)", "meta (key, value)", "customers (name)"])
def test_a_database_of_another_program_is_named_and_left_alone(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"CREATE TABLE {table}")
    before = path.read_bytes()

    message, _ = fault(url(path))

    assert message == f"`{path}` is no record of pushdsl"
    assert path.read_bytes() == before


def test_a_folder_is_no_record(tmp_path: Path) -> None:
    message, _ = fault(url(tmp_path))

    assert message == f"`{tmp_path}` cannot be opened"


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    message, help = fault(url(tmp_path / "file" / "record.db"))

    assert f"cannot use `{tmp_path / 'file'}` for the record" in message
    assert "make it readable and writable" in help


def test_a_damaged_record_is_told(path: Path) -> None:
    with open_store(url(path)) as record:
        record.observe([(CellKey("shopee_my", f"SKU-{n}", ""), Live(n)) for n in range(2000)], at=NOON)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    with pytest.raises(PushdslError, match="is damaged"), open_store(url(path), create=False) as record:
        record.live()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:record.db?uri=true"])
def test_an_address_without_a_file_is_refused(address: str) -> None:
    message, help = fault(address)

    assert message == "the record's address names no file"
    assert help == "write it as `sqlite:///.pushdsl/record.db`"


def test_an_address_that_is_none_is_refused_without_repeating_it() -> None:
    message, _ = fault("hunter2")

    assert message == "the record's address cannot be read"


def test_another_kind_of_database_is_refused_without_repeating_its_password() -> None:
    message, help = fault("mysql://anna:hunter2@db/record")

    assert message == "records cannot be kept in `mysql`"
    assert "hunter2" not in message + help


def test_a_record_that_another_process_writes_to_is_locked(path: Path) -> None:
    open_store(url(path)).close()

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        message, help = fault(url(path) + "?timeout=0.01")

    assert message == f"`{path}` is locked by another process"
    assert help == "wait until it ends, then try again"


def test_a_write_that_finds_the_record_locked_says_so_and_keeps_nothing(path: Path) -> None:
    with open_store(url(path) + "?timeout=0.01") as record:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(PushdslError, match="is locked by another process"):
                record.observe(READ, at=NOON)

        assert record.live().quantity == []


def test_reading_goes_on_while_another_process_writes(path: Path) -> None:
    with open_store(url(path)) as record:
        record.observe(READ, at=NOON)

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with open_store(url(path) + "?timeout=0.01", create=False) as record:
            assert record.live().quantity == [12]


def test_only_what_is_needed_is_loaded(path: Path) -> None:
    open_store(url(path)).close()
    program = "import sys; from pushdsl.store import open_store; open_store(sys.argv[1]).close(); print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program, url(path)], capture_output=True, text=True, check=True)

    assert {"alembic", "psycopg"} & set(loaded.stdout.split()) == set()


def test_many_can_make_the_same_record_at_once(tmp_path: Path) -> None:
    def make(number: int) -> list[str]:
        with open_store(url(tmp_path / f"{number // 8}.db")) as record:
            record.observe([(CellKey("shopee_my", f"SKU-{number}", ""), Live(number))], at=NOON)
            return record.live().store_sku

    with ThreadPoolExecutor(8) as makers:
        seen = list(makers.map(make, range(80)))

    assert all(f"SKU-{number}" in skus for number, skus in enumerate(seen))
    for file in range(10):
        with open_store(url(tmp_path / f"{file}.db"), create=False) as record:
            assert len(record.live().store_sku) == 8


def test_two_threads_can_write_through_one_record(path: Path) -> None:
    with open_store(url(path)) as record, ThreadPoolExecutor(2) as writers:
        list(writers.map(lambda n: record.observe([(CellKey("x", f"{n:03}", ""), Live(n))], at=NOON), range(100)))

        assert record.live().quantity == list(range(100))


class TestWithoutPermission:
    """Root may write everywhere, so these run as nobody where the tests run as root."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp())
        open_store(url(folder / "warm up.db")).close()  # all modules are loaded before rights are given up
        root = os.geteuid() == 0
        if root:
            shutil.chown(folder, 65534)
            for file in folder.iterdir():
                shutil.chown(file, 65534)
            os.seteuid(65534)
        yield folder
        folder.chmod(0o755)
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)

    def test_a_record_cannot_be_made_in_a_folder_that_is_read_only(self, folder: Path) -> None:
        folder.chmod(0o555)

        message, help = fault(url(folder / "record.db"))

        assert message == f"`{folder / 'record.db'}` cannot be opened"
        assert help == "make the file and its folder readable and writable"

    def test_a_folder_cannot_be_made_in_a_folder_that_is_read_only(self, folder: Path) -> None:
        folder.chmod(0o555)

        message, _ = fault(url(folder / "shop" / "record.db"))

        assert message == f"cannot use `{folder / 'shop'}` for the record: permission denied"

    def test_a_read_only_record_is_found_before_the_first_push(self, folder: Path) -> None:
        open_store(url(folder / "record.db")).close()
        (folder / "record.db").chmod(0o444)

        message, _ = fault(url(folder / "record.db"))

        assert message == f"`{folder / 'record.db'}` cannot be written"

    def test_a_read_only_record_can_be_looked_at(self, folder: Path) -> None:
        with open_store(url(folder / "record.db")) as record:
            record.observe(READ, at=NOON)
        (folder / "record.db").chmod(0o444)

        with open_store(url(folder / "record.db"), create=False) as record:
            assert record.live().quantity == [12]

    def test_a_lock_that_cannot_be_written_says_so(self, folder: Path) -> None:
        with open_store(url(folder / "record.db")) as record:
            folder.chmod(0o555)

            with pytest.raises(PushdslError, match=r"cannot write the lock `.*record\.db\.lock`: permission denied"):
                record.lock().__enter__()
