"""What every sandbox has in common: a local HTTP server, a queue of faults, an admin address; not the wire format.

A platform's sandbox subclasses `SandboxServer`, adds its routes, and asks `next_fault` once a stock call. From another
process, with JSON:

    POST /sandbox/faults  {"fault": "throttle", "times": 2}   queues faults
    POST /sandbox/orders  {"store", "store_sku", "pieces", "url"}   sells, and sends the platform's messages to `url`
    POST /sandbox/expire  {"store"}   ends the shop's access token
    GET  /sandbox/shown?store=…   what the shop shows
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import get_args

import aiohttp
from aiohttp import web

from pushdsl.plugins.platform import SLOW_SECONDS, Fault, Shown, WebhookRequest


class SandboxServer:
    """Starts and stops the server, counts calls, keeps the queue of faults."""

    def __init__(self) -> None:
        self.calls = 0
        self.refreshes = 0
        self.base_url = ""
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        """Its clock; whoever plays another day puts in that day's."""
        self._faults: deque[Fault] = deque()
        self._runner: web.AppRunner | None = None

    # What a subclass gives

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The platform's own addresses."""
        raise NotImplementedError(f"{type(self).__name__} names no routes")

    def shown(self, store: str) -> list[Shown]:
        raise NotImplementedError(f"{type(self).__name__} shows nothing")

    def show(self, store: str, shown: Shown) -> None:
        raise NotImplementedError(f"{type(self).__name__} takes nothing")

    def expire_tokens(self, store: str) -> None:
        """Nothing: the credentials do not run out, unless a subclass says how."""

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The signed messages about an order of `pieces`; `sold` is what is shown after it. None unless overridden."""
        return ()

    # What a subclass has

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens and returns the base URL; port 0 picks a free one."""
        app = web.Application(client_max_size=16 * 2**20)
        admin = [
            web.post("/sandbox/faults", self._queue_faults),
            web.post("/sandbox/orders", self._order),
            web.post("/sandbox/expire", self._expire),
            web.get("/sandbox/shown", self._show),
        ]
        app.add_routes([*admin, *self.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        address = self._runner.addresses[0]
        self.base_url = f"http://{address[0]}:{address[1]}"
        return self.base_url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def fail(self, fault: Fault, times: int = 1) -> None:
        """Lets the next `times` stock calls fail this way, after those already queued."""
        self._faults.extend([fault] * times)

    def next_fault(self) -> Fault | None:
        """The fault of the stock call that has just arrived, if one is due; counts the call."""
        self.calls += 1
        return self._faults.popleft() if self._faults else None

    def sell(self, store: str, store_sku: str, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """Takes the pieces from the first location that has them; raises ValueError where none has."""
        rows = [row for row in self.shown(store) if row.store_sku == store_sku and row.quantity >= pieces]
        if not rows:
            raise ValueError(f"`{store}` does not show {pieces} of `{store_sku}`")
        sold = replace(rows[0], quantity=rows[0].quantity - pieces)
        self.show(store, sold)
        return self.messages(store, sold, pieces, url)

    def bear_any_rate(self) -> None:
        """From now on no `Meter` of this server counts: for a demonstration that shall take seconds."""
        for value in vars(self).values():
            if isinstance(value, Meter):
                value.per_second = sys.maxsize

    @staticmethod
    def drop(request: web.Request) -> web.Response:
        """Closes the connection without an answer, as a lost network would."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    @staticmethod
    async def dawdle() -> None:
        """Waits for longer than any caller does: for the fault `slow`, after the work."""
        await asyncio.sleep(SLOW_SECONDS)

    # The admin address

    async def _queue_faults(self, request: web.Request) -> web.Response:
        body = await _object(request)
        times = body.get("times", 1)
        if body.get("fault") not in get_args(Fault) or type(times) is not int:
            return web.json_response({"error": f"fault is one of {', '.join(get_args(Fault))}"}, status=400)
        self.fail(body["fault"], times)  # type: ignore[arg-type]  # checked above
        return web.json_response({"queued": len(self._faults)})

    async def _order(self, request: web.Request) -> web.Response:
        body = await _object(request)
        store, store_sku, pieces, url = (body.get(key) for key in ("store", "store_sku", "pieces", "url"))
        if type(pieces) is not int or pieces < 1:
            return web.json_response({"error": "`pieces` is not a whole number from 1"}, status=400)
        try:
            sent = self.sell(str(store), str(store_sku), pieces, str(url or ""))
        except (KeyError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        answers = await _deliver(sent) if url else []
        return web.json_response({"messages": len(sent), "answers": answers})

    async def _expire(self, request: web.Request) -> web.Response:
        try:
            self.expire_tokens(str((await _object(request)).get("store")))
        except KeyError as error:
            return web.json_response({"error": f"there is no store {error}"}, status=400)
        return web.json_response({})

    async def _show(self, request: web.Request) -> web.Response:
        try:
            return web.json_response([asdict(row) for row in self.shown(request.query.get("store", ""))])
        except KeyError as error:
            return web.json_response({"error": f"there is no store {error}"}, status=400)


class Meter:
    """Counts calls in the last second, by whatever they are counted by; the time is the event loop's."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._calls: dict[str, deque[float]] = {}

    def too_many(self, key: str) -> bool:
        """Whether this call is one too many; it is counted if it is not."""
        now, calls = asyncio.get_running_loop().time(), self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= self.per_second:
            return True
        calls.append(now)
        return False


async def _object(request: web.Request) -> Mapping[str, object]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


async def _deliver(messages: Sequence[WebhookRequest]) -> list[int]:
    """HTTP statuses, 0 where nobody answered."""
    statuses = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        for message in messages:
            try:
                async with http.post(message.url, data=message.body, headers=dict(message.headers)) as response:
                    statuses.append(response.status)
            except (aiohttp.ClientError, TimeoutError):
                statuses.append(0)
    return statuses
