"""Calls in, at the platform's own rate out: a gate for each store, or for all stores of an app."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse
    from pydantic import BaseModel

    from pushdsl.model import Store
    from pushdsl.plugins.platform import Capabilities, Platform

ANSWER_SECONDS = 30.0
"""How long a store may take for its whole answer."""


HEADROOM = 0.9
"""The part of a rate that is used: requests that left evenly arrive in bunches, and are counted where they arrive."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Time as the pusher sees it; tests put in their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def rest(self, seconds: float, stop: asyncio.Event) -> None:
        """Waits, but no longer than until `stop` is set."""
        waits = [asyncio.ensure_future(self.sleep(seconds)), asyncio.ensure_future(stop.wait())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


class LostConnectionError(aiohttp.ClientConnectionError):
    """The connection ended before the answer. Its text holds no address, and so no secret."""


class Gate:
    """Lets requests through evenly, and none while the platform asked for quiet."""

    def __init__(self, per_second: float, at_once: int = 1, answer_seconds: float | None = None) -> None:
        self._answer_seconds = ANSWER_SECONDS if answer_seconds is None else answer_seconds
        # a bucket that is full at first would let through twice the rate in the first second
        burst = max(float(at_once), per_second // 20)
        self._limiter = AsyncLimiter(burst, burst / (per_second * HEADROOM))
        self._open = asyncio.Event()
        self._open.set()
        self._closers = 0

    async def passed(self) -> None:
        """Returns when the next request may be sent."""
        await self._open.wait()
        await self._limiter.acquire()
        await self._open.wait()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nobody passes while this lasts."""
        self._closers += 1
        self._open.clear()
        try:
            yield
        finally:
            self._closers -= 1
            if not self._closers:
                self._open.set()

    def until(self, end: float) -> ClientMiddlewareType:
        """As `middleware`; a request that would leave after this time of the event loop is not sent."""

        async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            async def in_time(request: ClientRequest) -> ClientResponse:
                if asyncio.get_running_loop().time() > end:
                    raise aiohttp.ClientConnectorError(request.connection_key, OSError(errno.ETIMEDOUT, "too late"))
                return await handler(request)

            return await self.middleware(request, in_time)

        return middleware

    async def middleware(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """For an HTTP session: every request waits at the gate, its time begins when it is through, and it goes once.

        aiohttp by itself sends a GET or PUT again when the connection was lost; a token that is good for one time
        would then be spent. So a lost connection goes by another name; one that was never made keeps its own.
        """
        await self.passed()
        async with asyncio.timeout(self._answer_seconds):
            try:
                response = await handler(request)
                await response.read()  # kept for the plugin; its time is a part of the answer's
                return response
            except aiohttp.ClientConnectorError:
                raise
            except aiohttp.ConnectionTimeoutError:
                # nothing was sent; and its own text has the whole address
                raise aiohttp.ClientConnectorError(
                    request.connection_key, OSError(errno.ETIMEDOUT, "no connection in time")
                ) from None
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                raise LostConnectionError(type(error).__name__) from None


class Gates:
    """The gates of one process: whoever pushes to a store goes through the same one."""

    def __init__(self, answer_seconds: float | None = None) -> None:
        """`answer_seconds`: how long a store may take for a whole answer, if not ANSWER_SECONDS."""
        self._answer_seconds = answer_seconds
        self._accounts: dict[tuple[str, ...], Gate] = {}
        self._apps: dict[tuple[str, ...], Gate] = {}

    def of_another_seller(self) -> Gates:
        """Gates of their own for its accounts, which may be named alike; those of apps are one for all who use them."""
        others = Gates(self._answer_seconds)
        others._apps = self._apps
        return others

    def of(self, store: Store, platform: Platform, settings: BaseModel, capabilities: Capabilities) -> Gate:
        """One gate an account, or one an app."""
        key = gate_key(store, platform, settings, capabilities)
        gates = self._apps if capabilities.requests_scope == "app" else self._accounts
        if key not in gates:
            gates[key] = Gate(capabilities.requests_per_second, capabilities.requests_burst, self._answer_seconds)
        return gates[key]


def gate_key(store: Store, platform: Platform, settings: BaseModel, capabilities: Capabilities) -> tuple[str, ...]:
    """Whose rate it is: an account's, or an app's, which its credentials that are no secrets tell apart."""
    if capabilities.requests_scope != "app":
        return platform.name, store.account
    fields = platform.authorization.app.model_fields if platform.authorization is not None else ()
    return (platform.name, *(repr(getattr(settings, name, "")) for name in fields))
