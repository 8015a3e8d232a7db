"""A scripted Shopify, which says what a test tells it to; and a started sandbox with a shop."""

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
from pushdsl.testing import ImpatientLoop
from pushdsl_shopify.sandbox import ShopifySandbox
from pushdsl_shopify.settings import ShopifySettings

NOW = datetime(2026, 10, 1, 8, 40, 31, tzinfo=UTC)
SECRET = "shpss_client-secret-0123"
TOKEN = "shpat_0123456789abcdef"
REFRESH = "shprt_0123456789abcdef"

Talk = Callable[[Connection], Awaitable[object]]
SandboxTalk = Callable[[ShopifySandbox, Connection], Awaitable[object]]


def settings(**changed: object) -> ShopifySettings:
    given = {
        "shop": "demo",
        "client_id": "an-id",
        "client_secret": SECRET,
        "access_token": TOKEN,
        "refresh_token": REFRESH,
        "version": "2026-04",
    }
    return ShopifySettings.model_validate({**given, **changed})


@dataclass(frozen=True)
class Reply:
    """An answer of the scripted server; text is sent as it is, else as JSON."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What the scripted server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Scripted:
    """Answers calls in turn; one call too many, or too few, fails the test."""

    requests: list[Request] = field(default_factory=list)

    def run(self, talk: Talk, replies: Sequence[Reply], store: Store | None = None, **changed: object) -> Any:
        return asyncio.run(self._run(talk, list(replies), store or Store("shopify_my", "shopify", "main"), changed))

    async def _run(self, talk: Talk, replies: list[Reply], store: Store, changed: dict[str, object]) -> object:
        async def answer(request: web.Request) -> web.Response:
            sent = await request.read()
            if request.content_type == "application/json":
                body: Any = json.loads(sent)
            else:
                body = dict(await request.post())
            self.requests.append(Request(request.method, request.path, dict(request.headers), body))
            reply = replies.pop(0)
            if isinstance(reply.body, str):
                return web.Response(text=reply.body, status=reply.status, headers=reply.headers)
            return web.json_response(reply.body, status=reply.status, headers=reply.headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as http:
                url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                result = await talk(Connection(store, settings(base_url=url, **changed), http, lambda: NOW))
        finally:
            await runner.cleanup()
        assert replies == [], "calls that were expected and not made"
        return result


@dataclass(frozen=True)
class InSandbox:
    """Runs a talk with a started sandbox that has one shop; the clock of both sides stands still."""

    def run(
        self, talk: SandboxTalk, store: Store, listings: Sequence[ListingRef], quantity: int = 5, **changed: object
    ) -> Any:
        async def talked() -> object:
            sandbox = ShopifySandbox()
            sandbox.now = lambda: NOW
            await sandbox.start()
            try:
                given = ShopifySettings.model_validate({**sandbox.open_shop(store, listings, quantity), **changed})
                async with aiohttp.ClientSession() as http:
                    return await talk(sandbox, Connection(store, given, http, lambda: NOW))
            finally:
                await sandbox.stop()

        with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
            return runner.run(talked())


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
def shopify_settings() -> Callable[..., ShopifySettings]:
    return settings


@pytest.fixture
def now() -> datetime:
    return NOW
