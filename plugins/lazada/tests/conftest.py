"""A scripted Lazada, which says what a test tells it to; and a started sandbox with a shop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import Connection, ListingRef, Store
from pushdsl_lazada.sandbox import LazadaSandbox
from pushdsl_lazada.settings import LazadaSettings

NOW = datetime(2018, 2, 5, 8, 46, 32, tzinfo=UTC)
"""The time of Lazada's own signature sample: 1517820392 seconds."""

Talk = Callable[[Connection], Awaitable[object]]
SandboxTalk = Callable[[LazadaSandbox, Connection], Awaitable[object]]


@dataclass(frozen=True)
class Reply:
    """An answer of the scripted server; a body that is no text is sent as JSON."""

    body: object = field(default_factory=lambda: {"code": "0", "data": {}})
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scripted:
    """Answers calls in turn; one call too many fails the test."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def run(self, talk: Talk, replies: Sequence[Reply], store: Store | None = None) -> object:
        return asyncio.run(self._run(talk, list(replies), store or Store("lazada_my", "lazada", "main")))

    async def _run(self, talk: Talk, replies: list[Reply], store: Store) -> object:
        async def answer(request: web.Request) -> web.Response:
            sent = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
            self.requests.append((request.method, request.path, sent))
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
                root = f"http://127.0.0.1:{runner.addresses[0][1]}"
                given = settings(f"{root}/rest", auth_url=root, refresh_token="RT-of-a-seller")
                result = await talk(Connection(store, given, http, lambda: NOW))
        finally:
            await runner.cleanup()
        assert replies == [], "calls that were expected and not made"
        return result


def settings(base_url: str | None = None, **more: str) -> LazadaSettings:
    given = {"app_key": "123456", "app_secret": "helloworld", "access_token": "test", "base_url": base_url}
    return LazadaSettings.model_validate({**given, **more})


@dataclass(frozen=True)
class InSandbox:
    """Runs a talk with a started sandbox that has one shop; the clock of both sides stands still."""

    def run(self, talk: SandboxTalk, store: Store, listings: Sequence[ListingRef], quantity: int = 5) -> object:
        async def talked() -> object:
            sandbox = LazadaSandbox()
            sandbox.now = lambda: NOW
            await sandbox.start()
            try:
                given = LazadaSettings.model_validate(sandbox.open_shop(store, listings, quantity))
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
def lazada_settings() -> Callable[..., LazadaSettings]:
    return settings


@pytest.fixture
def now() -> datetime:
    return NOW
