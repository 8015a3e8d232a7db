"""A scripted TikTok: says what a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import Connection, Location, Store
from pushdsl_tiktok.settings import TikTokSettings

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

Talk = Callable[[Connection], Awaitable[object]]


@dataclass(frozen=True)
class Reply:
    """An answer of the scripted server; `drop` closes the connection instead."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True)
class Scripted:
    """Answers calls in turn; one call too many fails the test."""

    requests: list[tuple[str, object]] = field(default_factory=list)

    def run(self, talk: Talk, replies: Sequence[Reply], locations: Sequence[str] = ()) -> object:
        return asyncio.run(self._run(talk, list(replies), locations))

    async def _run(self, talk: Talk, replies: list[Reply], locations: Sequence[str]) -> object:
        expected = len(replies)

        async def answer(request: web.Request) -> web.Response:
            self.requests.append((request.path, json.loads(await request.read() or b"null")))
            if not replies:
                return web.Response(status=599)
            reply = replies.pop(0)
            if reply.drop:
                assert request.transport is not None
                request.transport.abort()
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            return web.Response(text=text, status=reply.status, headers=reply.headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as http:
                result = await talk(connection(http, f"http://127.0.0.1:{runner.addresses[0][1]}", locations))
        finally:
            await runner.cleanup()
        assert expected == len(self.requests), "more or fewer calls than answers: nothing may be sent twice"
        return result


def connection(http: aiohttp.ClientSession, base_url: str, locations: Sequence[str] = ()) -> Connection:
    store = Store("tiktok_my", "tiktok", "main", locations=tuple(Location(name, ("kl",)) for name in locations))
    settings = TikTokSettings.model_validate(
        {
            "app_key": "29a39d",
            "app_secret": "e59af819cc",
            "access_token": "ROW_access-token",
            "shop_cipher": "ROW_xyz",
            "base_url": base_url,
        }
    )
    return Connection(store, settings, http, lambda: NOW)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
