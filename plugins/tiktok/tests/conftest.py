"""A scripted TikTok, which says what a test tells it to and keeps what it was sent, and a shop in the local one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import Connection, ListingRef, Location, Store
from pushdsl_tiktok.platform import TikTok
from pushdsl_tiktok.sandbox import TikTokSandbox
from pushdsl_tiktok.settings import TikTokSettings

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

Talk = Callable[[Connection], Awaitable[object]]
Visit = Callable[[TikTokSandbox, Connection], Awaitable[object]]


@dataclass(frozen=True)
class Reply:
    """An answer of the scripted server; `drop` closes the connection instead."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Scripted:
    """Answers calls in turn; one call too many fails the test."""

    requests: list[tuple[str, object]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    """The same calls, with all that `requests` leaves out."""

    def run(self, talk: Talk, replies: Sequence[Reply], locations: Sequence[str] = ()) -> object:
        return asyncio.run(self._run(talk, list(replies), locations))

    async def _run(self, talk: Talk, replies: list[Reply], locations: Sequence[str]) -> object:
        expected = len(replies)

        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            self.requests.append((request.path, json.loads(body or b"null")))
            self.calls.append(Call(request.method, request.path, dict(request.query), dict(request.headers), body))
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
            "service_id": "7172122430166336261",
            "access_token": "ROW_access-token",
            "refresh_token": "ROW_refresh-token",
            "shop_cipher": "ROW_xyz",
            "base_url": base_url,
            "auth_url": base_url,
            "consent_url": base_url,
        }
    )
    return Connection(store, settings, http, lambda: NOW)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@dataclass(frozen=True)
class InSandbox:
    """Runs a test in a shop of the local TikTok, on a clock that the test may move."""

    def run(self, talk: Visit, store: Store, listings: Sequence[ListingRef], platform: TikTok | None = None) -> object:
        return asyncio.run(self._run(talk, store, listings, platform or TikTok()))

    async def _run(self, talk: Visit, store: Store, listings: Sequence[ListingRef], platform: TikTok) -> object:
        sandbox = platform.sandbox()
        assert isinstance(sandbox, TikTokSandbox)
        sandbox.now = lambda: NOW
        await sandbox.start()
        try:
            settings = platform.settings.model_validate(sandbox.open_shop(store, listings, 5))
            async with aiohttp.ClientSession() as http:
                return await talk(sandbox, Connection(store, settings, http, lambda: NOW))
        finally:
            await sandbox.stop()


@pytest.fixture
def in_sandbox() -> InSandbox:
    return InSandbox()
