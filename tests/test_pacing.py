"""A request that is too late to be sent is not sent: another worker may have begun since."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushdsl.pacing import Gate


@pytest.mark.parametrize(("seconds", "arrived"), [(60.0, 1), (-0.001, 0)])
def test_nothing_leaves_after_its_time(seconds: float, arrived: int) -> None:
    requests: list[str] = []

    async def take(request: web.Request) -> web.Response:
        requests.append(await request.text())
        return web.Response(text="taken")

    async def main() -> str:
        app, gate = web.Application(), Gate(1000.0)
        app.router.add_post("/", take)
        until = asyncio.get_running_loop().time() + seconds
        async with TestServer(app) as server, aiohttp.ClientSession(middlewares=(gate.until(until),)) as session:
            try:
                async with session.post(server.make_url("/"), data="7") as answer:
                    return await answer.text()
            except aiohttp.ClientConnectorError as error:
                return str(error.os_error.strerror)

    said = asyncio.run(main())

    assert len(requests) == arrived
    assert said == ("taken" if arrived else "too late")
