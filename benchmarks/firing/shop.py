"""A shop that keeps every quantity that ever landed, and a platform that speaks with it.

    python -m benchmarks.firing.shop FILE

It listens on a free port, says its address, and stays alive through all that befalls those who push to it. A call is
`POST /push/STORE` with `{"cells": [[store_sku, quantity], …]}`; the answer has `ok` or `later` for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Literal

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from pushdsl.model import QUANTITY_MAX, Store
from pushdsl.plugins.hookspecs import hookimpl
from pushdsl.plugins.platform import (
    Authorization,
    Batch,
    Capabilities,
    Confirmed,
    Connection,
    Event,
    Failure,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    ReadResult,
    Refused,
    Sandbox,
    ShopLocation,
    Shown,
    Temporary,
    Unknown,
    WebhookRequest,
)

PLATFORM = "kiln"
Step = Literal["calling", "answered"]


@dataclass
class Faults:
    """How likely each befalls a call; `slow` is the longest time in seconds that an answer takes."""

    slow: float = 0.02
    drop_before: float = 0.0
    drop_after: float = 0.0
    throttle: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    later: float = 0.0
    """For each row of a call: not now."""

    @classmethod
    def at(cls, share: float, slow: float = 0.02) -> Faults:
        return cls(slow, share, share, share, share, share, share)


@dataclass
class Landings:
    """What landed, by store and store SKU: time in seconds, and quantity."""

    faults: Faults
    random: random.Random
    landed: dict[str, dict[str, list[tuple[float, int]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    calls: int = 0
    met: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def push(self, request: web.Request) -> web.StreamResponse:
        store, cells = request.match_info["store"], (await request.json())["cells"]
        self.calls += 1
        fault = self._drawn()
        await asyncio.sleep(self.random.random() * self.faults.slow / 2)
        if fault == "throttle":
            return web.Response(status=429, headers={"Retry-After": "0.2"})
        if fault == "error_before":
            return web.Response(status=500)
        if fault == "drop_before":
            return _dropped(request)
        answers = [self._take(store, name, quantity) for name, quantity in cells]
        await asyncio.sleep(self.random.random() * self.faults.slow / 2)
        if fault == "error_after":
            return web.Response(status=500)
        if fault == "drop_after":
            return _dropped(request)
        return web.json_response(answers)

    def _drawn(self) -> str:
        drawn = self.random.random()
        for name in ("throttle", "error_before", "drop_before", "error_after", "drop_after"):
            drawn -= getattr(self.faults, name)
            if drawn < 0:
                self.met[name] += 1
                return name
        return ""

    def _take(self, store: str, name: str, quantity: int) -> str:
        if self.random.random() < self.faults.later:
            self.met["later"] += 1
            return "later"
        self.landed[store][name].append((time.time(), quantity))
        return "ok"

    async def read(self, request: web.Request) -> web.Response:
        rows = self.landed[request.match_info["store"]]
        return web.json_response([[name, rows[name][-1][1]] for name in await request.json() if name in rows])

    async def history(self, request: web.Request) -> web.Response:
        return web.json_response({"landed": self.landed, "calls": self.calls, "met": self.met})

    async def change_faults(self, request: web.Request) -> web.Response:
        self.faults = Faults(**await request.json())
        return web.Response()

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([
            web.post("/push/{store}", self.push), web.post("/read/{store}", self.read),
            web.get("/history", self.history), web.post("/faults", self.change_faults),
        ])  # fmt: skip
        return app


def _dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def serve(seed: int) -> None:
    """Says the address in a line, and serves until its input ends."""
    runner = web.AppRunner(Landings(Faults(), random.Random(seed)).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


# ---- the platform -----------------------------------------------------------------------------------


class KilnSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str


class KilnPlatform:
    """`at_step` is called just before the last byte of a push leaves, and when its answer is there."""

    name = PLATFORM
    contract = (1, 0)
    settings: type[BaseModel] = KilnSettings
    authorization: Authorization | None = None

    def __init__(self, at_step: Callable[[Step], None] = lambda step: None) -> None:
        self._at_step = at_step

    def capabilities(self, store: Store) -> Capabilities:
        return Capabilities(max_quantity=QUANTITY_MAX, batch_size=25, requests_per_second=200.0)

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        body = json.dumps({"cells": [[cell.store_sku, cell.quantity] for cell in batch.cells]}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        connection = batch.connection
        address = f"{_url(connection)}/push/{connection.store.name}"
        try:
            async with connection.http.post(address, data=self._slowly(body), headers=headers) as response:
                if response.status == 429:
                    retry_after = float(response.headers["Retry-After"])
                    return [Temporary("too many calls", retry_after=retry_after)] * len(batch.cells)
                if response.status != 200:
                    return [Unknown("the shop failed")] * len(batch.cells)
                answers = await response.json()
        except aiohttp.ClientConnectorError:
            return [Temporary("the shop cannot be reached")] * len(batch.cells)
        except (aiohttp.ClientError, TimeoutError):
            return [Unknown("no answer")] * len(batch.cells)
        self._at_step("answered")
        return [Confirmed() if answer == "ok" else Temporary("not now") for answer in answers]

    async def _slowly(self, body: bytes) -> AsyncIterator[bytes]:
        self._at_step("calling")
        yield body

    async def read(self, query: Query) -> ReadResult:
        connection = query.connection
        names = [listing.store_sku for listing in query.listings]
        try:
            async with connection.http.post(f"{_url(connection)}/read/{connection.store.name}", json=names) as response:
                shown = dict(await response.json())
        except (aiohttp.ClientError, TimeoutError):
            return [NotShown(name, Unknown("no answer")) for name in names]
        return [_answer(listing, shown) for listing in query.listings]

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        return []

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return None

    def sandbox(self) -> Sandbox:
        raise NotImplementedError("the shop is a process of its own")


def _answer(listing: ListingRef, shown: dict[str, int]) -> Shown | NotShown:
    if listing.store_sku in shown:
        return Shown(listing.store_sku, "", shown[listing.store_sku])
    return NotShown(listing.store_sku, Refused("never", "nothing landed", "not_found"))


def _url(connection: Connection) -> str:
    assert isinstance(connection.settings, KilnSettings)
    return connection.settings.url


@dataclass(frozen=True)
class EntryPoint:
    """As an installed plugin has one."""

    platform: KilnPlatform
    name: str = PLATFORM
    value: str = "benchmarks.firing.shop"
    group: str = "pushdsl"
    dist: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="pushdsl-kiln", version="1.0.0"))

    def load(self) -> object:
        def pushdsl_platforms() -> list[Platform]:
            return [self.platform]

        return SimpleNamespace(pushdsl_platforms=hookimpl(pushdsl_platforms))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
