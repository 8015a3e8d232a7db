"""A scripted Lazada, which says what a test tells it to; and a started sandbox with a shop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import CellPush, Connection, Location, Store
from pushdsl_lazada.sandbox import LazadaSandbox
from pushdsl_lazada.settings import LazadaSettings

NOW = datetime(2018, 2, 5, 8, 46, 32, tzinfo=UTC)
"""The time of Lazada's own signature sample: 1517820392 seconds."""

Talk = Callable[[Connection], Awaitable[object]]


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

    def run(self, talk: Talk, replies: Sequence[Reply], store: Store = Store("lazada_my", "lazada", "main")) -> object:
        return asyncio.run(self._run(talk, list(replies), store))

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
                url = f"http://127.0.0.1:{runner.addresses[0][1]}/rest"
                result = await talk(Connection(store, settings(url), http, lambda: NOW))
        finally:
            await runner.cleanup()
        assert replies == [], "calls that were expected and not made"
        return result


def settings(base_url: str | None = None) -> LazadaSettings:
    given = {"app_key": "123456", "app_secret": "helloworld", "access_token": "test", "base_url": base_url}
    return LazadaSettings.model_validate(given)


@dataclass(frozen=True)
class InSandbox:
    """Runs a talk against a started sandbox; the clock of both sides stands still."""

    def run(
        self, talk: Callable[[Connection, LazadaSandbox], Awaitable[object]], cells: Sequence[CellPush], store: Store
    ) -> object:
        """`cells` are the listings of the shop, and what it shows before the talk."""

        async def talked() -> object:
            sandbox = LazadaSandbox()
            sandbox.now = lambda: NOW
            await sandbox.start()
            try:
                refs = [listing_of(cell) for cell in cells]
                given = LazadaSettings.model_validate(sandbox.open_shop(store, refs))
                for cell in cells:
                    sandbox.show(store.name, shown_of(cell))
                async with aiohttp.ClientSession() as http:
                    return await talk(Connection(store, given, http, lambda: NOW), sandbox)
            finally:
                await sandbox.stop()

        return asyncio.run(talked())


def listing_of(cell: CellPush):  # type: ignore[no-untyped-def]
    from pushdsl.plugins import ListingRef

    return ListingRef(cell.store_sku, cell.item_id, cell.variant_id)


def shown_of(cell: CellPush):  # type: ignore[no-untyped-def]
    from pushdsl.plugins import Shown

    return Shown(cell.store_sku, cell.location, cell.quantity)
