"""Each engine by the same three acts: `another` is the engine of one more process on the same record, `write` is a
transaction that has lanes do something, and `settle` ends when its wakes are on their way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from typing import Any, Protocol

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from pushdsl.wakes import Handler, Wake
from pushdsl.wakes.own import OwnWake

NATS = "PUSHDSL_TEST_NATS"
AT_ONCE = 4
_numbers = count(1)


class Bench(Protocol):
    def another(self) -> Wake: ...
    def write(self, wake: Wake, *lanes: str, tenant: str = "", later: int = 0) -> None: ...
    def settle(self, wake: Wake) -> None: ...


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


class Own:
    """Several workers are several calls of one process's."""

    def another(self) -> Wake:
        return OwnWake(AT_ONCE)

    def write(self, wake: Wake, *lanes: str, tenant: str = "", later: int = 0) -> None:
        wake.committed(tenant, dict.fromkeys(lanes, milliseconds() + later))

    def settle(self, wake: Wake) -> None:
        pass


class Nats(Own):
    def __init__(self, url: str) -> None:
        self.url = url
        self.made: list[Any] = []

    def another(self) -> Wake:
        from pushdsl.wakes.nats import NatsWake

        self.made.append(NatsWake(self.url, AT_ONCE))
        return self.made[-1]

    def settle(self, wake: Wake) -> None:
        wake.close()  # type: ignore[attr-defined]  # only this engine has something under way


class Procrastinate:
    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))

    def another(self) -> Wake:
        from pushdsl.wakes.procrastinate import ProcrastinateWake

        return ProcrastinateWake(self.url, AT_ONCE)

    def write(self, wake: Wake, *lanes: str, tenant: str = "", later: int = 0) -> None:
        asked: Mapping[str, int] = dict.fromkeys(lanes, milliseconds() + later)
        with self.engine.begin() as connection:
            wake.in_transaction(tenant, lambda sql, values: connection.execute(text(sql), dict(values)), asked)
        wake.committed(tenant, asked)

    def settle(self, wake: Wake) -> None:
        pass

    def ask(self, sql: str) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(sql))
            return list(result) if result.returns_rows else []


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def procrastinate(on_postgresql: Callable[[], str]) -> Iterator[Procrastinate]:
    """With its tables, as the first worker makes them."""
    tested = Procrastinate(on_postgresql())
    asyncio.run(make_tables(tested))
    yield tested
    tested.engine.dispose()


async def make_tables(tested: Procrastinate) -> None:
    from pushdsl.wakes import procrastinate

    wake = tested.another()
    async with wake.app().open_async() as app:  # type: ignore[attr-defined]
        await procrastinate.make_tables(app)


@pytest.fixture
def nats() -> Iterator[Nats]:
    """Needs a server with JetStream at `PUSHDSL_TEST_NATS`, or on this machine."""
    server = os.environ.get(NATS, "nats://127.0.0.1:4222")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    if not _is_there(server):
        pytest.skip(f"no NATS with JetStream: set {NATS}, or run `nats-server -js`")
    tested = Nats(f"{server}/{name}")
    yield tested
    for wake in tested.made:
        wake.close()
    asyncio.run(delete_stream(server, name))


@cache
def _is_there(server: str) -> bool:
    return asyncio.run(_answers(server))


async def _answers(server: str) -> bool:
    import nats as client

    try:
        async with asyncio.timeout(2):  # the client tries for minutes
            connection = await client.connect(server, allow_reconnect=False, connect_timeout=1, error_cb=_silent)
    except (client.errors.Error, OSError, TimeoutError):
        return False
    try:
        await connection.jetstream().account_info()
    except client.errors.Error:
        return False
    finally:
        await connection.close()
    return True


async def delete_stream(server: str, name: str) -> bool:
    import nats as client

    connection = await client.connect(server)
    try:
        return bool(await connection.jetstream().delete_stream(f"{name}-wakes"))
    except client.js.errors.NotFoundError:
        return False
    finally:
        await connection.close()


async def _silent(error: Exception) -> None:
    pass


@pytest.fixture(params=["own", "procrastinate", "nats"])
def tested(request: pytest.FixtureRequest) -> Bench:
    found: Bench = request.getfixturevalue(request.param)
    return found


@asynccontextmanager
async def working(wake: Wake, handler: Handler) -> AsyncIterator[asyncio.Event]:
    """A worker; it is stopped at the end, or before that by what is given."""
    stop = asyncio.Event()
    task = asyncio.create_task(wake.run(handler, stop))
    try:
        async with asyncio.timeout(20):
            yield stop
            stop.set()
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
