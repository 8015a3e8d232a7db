"""What every sandbox has in common: a local HTTP server, a queue of faults, an admin address; not the wire format.

A platform's sandbox subclasses `SandboxServer`, adds its routes, and asks `next_fault` once a stock call.
`POST /sandbox/faults` with `{"fault": "throttle", "times": 2}` queues faults from another process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import get_args

from aiohttp import web

from pushdsl.plugins.platform import Fault


class SandboxServer:
    """Starts and stops the server, counts calls, keeps the queue of faults."""

    def __init__(self) -> None:
        self.calls = 0
        self.base_url = ""
        self._faults: deque[Fault] = deque()
        self._runner: web.AppRunner | None = None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The platform's own addresses."""
        raise NotImplementedError(f"{type(self).__name__} names no routes")

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens and returns the base URL; port 0 picks a free one."""
        app = web.Application(client_max_size=16 * 2**20)
        app.add_routes([web.post("/sandbox/faults", self._queue_faults), *self.routes()])
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

    @staticmethod
    def drop(request: web.Request) -> web.Response:
        """Closes the connection without an answer, as a lost network would."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _queue_faults(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("fault") not in get_args(Fault):
            return web.json_response({"error": f"fault is one of {', '.join(get_args(Fault))}"}, status=400)
        self.fail(body["fault"], int(body.get("times", 1)))
        return web.json_response({"queued": len(self._faults)})
