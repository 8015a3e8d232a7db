"""A scripted Shopee, which says what a test tells it to; and a started sandbox with a shop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import Connection, ListingRef, Store
from pushdsl_shopee.sandbox import ShopeeSandbox
from pushdsl_shopee.settings import ShopeeSettings

NOW = datetime(2022, 6, 20, 8, 40, 31, tzinfo=UTC)
"""The time of the recorded calls: 1655714431 seconds."""

Talk = Callable[[Connection], Awaitable[object]]
SandboxTalk = Callable[[ShopeeSandbox, Connection], Awaitable[object]]


def settings(base_url: str = "sg") -> ShopeeSettings:
    return ShopeeSettings.model_validate(
        {
            "partner_id": 2001887,
            "partner_key": "partnerkey-0123456789abcdef",
            "shop_id": 14701711,
            "access_token": "59777174636562737266615546704c6d",
            "base_url": base_url,
        }
    )


@dataclass(frozen=True)
class Reply:
    """An answer of the scripted server; text is sent as it is, else an envelope with this as its `response`."""

    response: object = field(default_factory=dict)
    error: str = ""
    message: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What the scripted server got."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any


@dataclass(frozen=True)
class Scripted:
    """Answers calls in turn; one call too many, or too few, fails the test."""

    requests: list[Request] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [request.path.rpartition("/")[2] for request in self.requests]

    def run(self, talk: Talk, replies: Sequence[Reply], store: Store | None = None) -> object:
        return asyncio.run(self._run(talk, list(replies), store or Store("shopee_my", "shopee", "main")))

    async def _run(self, talk: Talk, replies: list[Reply], store: Store) -> object:
        async def answer(request: web.Request) -> web.Response:
            sent = await request.read()
            query = list(request.query.items())
            self.requests.append(Request(request.method, request.path, query, json.loads(sent or b"null")))
            reply = replies.pop(0)
            if isinstance(reply.response, str):
                return web.Response(text=reply.response, status=reply.status, headers=reply.headers)
            body = {"request_id": "x", "error": reply.error, "message": reply.message, "response": reply.response}
            return web.json_response(body, status=reply.status, headers=reply.headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as http:
                url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                result = await talk(Connection(store, settings(url), http, lambda: NOW))
        finally:
            await runner.cleanup()
        assert replies == [], "calls that were expected and not made"
        return result


@dataclass(frozen=True)
class InSandbox:
    """Runs a talk with a started sandbox that has one shop; the clock of both sides stands still."""

    def run(self, talk: SandboxTalk, store: Store, listings: Sequence[ListingRef], quantity: int = 5) -> object:
        async def talked() -> object:
            sandbox = ShopeeSandbox()
            sandbox.now = lambda: NOW
            await sandbox.start()
            try:
                given = ShopeeSettings.model_validate(sandbox.open_shop(store, listings, quantity))
                async with aiohttp.ClientSession() as http:
                    return await talk(sandbox, Connection(store, given, http, lambda: NOW))
            finally:
                await sandbox.stop()

        return asyncio.run(talked())


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def in_sandbox() -> InSandbox:
    return InSandbox()


@pytest.fixture
def shopee_settings() -> Callable[..., ShopeeSettings]:
    return settings


@pytest.fixture
def now() -> datetime:
    return NOW
