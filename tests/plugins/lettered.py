"""A platform with tokens that run out, as small as one can be: the simulated one behind a consent page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, SecretStr

from pushdsl.model import Store
from pushdsl.plugins import (
    Authorization,
    Batch,
    Connection,
    Event,
    Failure,
    Fault,
    Grant,
    ListingRef,
    NotShown,
    Outcome,
    Query,
    ReadResult,
    Sandbox,
    ShopLocation,
    Shown,
    Temporary,
    Unauthorized,
    WebhookRequest,
)
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.plugins.simulated import SimulatedPlatform, SimulatedSandbox, SimulatedSettings

EXPIRED = Unauthorized("refresh", "the token has run out")


class LetteredApp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    base_url: str


class LetteredSettings(LetteredApp):
    shop: str
    access_token: SecretStr
    refresh_token: SecretStr


class Lettered(SimulatedPlatform):
    name = "simulated"
    settings = LetteredSettings

    def __init__(self) -> None:
        super().__init__()
        self.authorization: Authorization | None = LetteredAuthorization()

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        inner, failure = await let_in(batch.connection)
        if failure is not None:
            return [failure for _ in batch.cells]
        return await super().push(replace(batch, connection=inner))

    async def read(self, query: Query) -> ReadResult:
        inner, failure = await let_in(query.connection)
        if failure is not None:
            return [NotShown(listing.store_sku, failure) for listing in query.listings]
        return await super().read(replace(query, connection=inner))

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        inner, failure = await let_in(connection)
        return failure or await super().locations(inner)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return None

    def sandbox(self) -> Sandbox:
        return LetteredSandbox(super().sandbox())


class LetteredAuthorization:
    app: type[BaseModel] = LetteredApp
    refresh_ahead = timedelta(minutes=5)

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        assert isinstance(app, LetteredApp)
        return f"{app.base_url}/consent?redirect={redirect}&state={state}"

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        assert isinstance(app, LetteredApp)
        return await granted(http, app.base_url, {"code": answer.get("code", "")})

    async def refresh(self, connection: Connection) -> Grant | Failure:
        settings = connection.settings
        assert isinstance(settings, LetteredSettings)
        sent = {"refresh_token": settings.refresh_token.get_secret_value()}
        return await granted(connection.http, settings.base_url, sent)


async def granted(http: aiohttp.ClientSession, base_url: str, sent: Mapping[str, str]) -> Grant | Failure:
    try:
        async with http.post(f"{base_url}/token", json=sent) as response:
            if response.status != 200:
                return Unauthorized("reauthorize", "not known")
            return Grant(await response.json())
    except aiohttp.ClientError:
        return Temporary("cannot be reached")


async def let_in(connection: Connection) -> tuple[Connection, Failure | None]:
    """The connection as the simulated platform takes it, and why there is none."""
    settings = connection.settings
    assert isinstance(settings, LetteredSettings)
    inner = SimulatedSettings(shop=settings.shop, token=SecretStr(f"token of {settings.shop}"))
    try:
        headers = {"Token": settings.access_token.get_secret_value()}
        async with connection.http.get(f"{settings.base_url}/let-in", headers=headers) as response:
            failure = EXPIRED if response.status != 200 else None
    except aiohttp.ClientError:
        failure = Temporary("cannot be reached")  # type: ignore[assignment]
    return replace(connection, settings=inner), failure


class LetteredSandbox(SandboxServer):
    """One shop; a code and a refresh token are good for one time."""

    def __init__(self, inner: Sandbox) -> None:
        assert isinstance(inner, SimulatedSandbox)
        self._inner = inner
        super().__init__()
        self._numbers = count(1)
        self._access: dict[str, str] = {}
        self._refresh: dict[str, str] = {}
        self._codes: dict[str, str] = {}

    @property
    def calls(self) -> int:
        return self._inner.calls

    @calls.setter
    def calls(self, calls: int) -> None:
        """Counted inside."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/consent", self._consent),
            web.post("/token", self._token),
            web.get("/let-in", self._let_in),
        ]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        await self._inner.start()
        return await super().start(host, port)

    async def stop(self) -> None:
        await self._inner.stop()
        await super().stop()

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        shop = str(self._inner.open_shop(store, listings, quantity)["shop"])
        return {"base_url": self.base_url, "shop": shop, **self._new_tokens(shop)}

    def shown(self, store: str) -> list[Shown]:
        return self._inner.shown(store)

    def show(self, store: str, shown: Shown) -> None:
        self._inner.show(store, shown)

    def fail(self, fault: Fault, times: int = 1) -> None:
        self._inner.fail(fault, times)

    def sell(self, store: str, store_sku: str, pieces: int, url: str) -> Sequence[WebhookRequest]:
        self._inner.sell(store, store_sku, pieces, url)
        return ()

    def expire_tokens(self, store: str) -> None:
        del self._access[next(shop for shop in self._access if shop.endswith(f"/{store}"))]

    def _new_tokens(self, shop: str) -> dict[str, object]:
        number = next(self._numbers)
        self._access[shop], refresh = f"access-token-{number}", f"refresh-token-{number}"
        self._refresh[refresh] = shop
        return {"access_token": self._access[shop], "refresh_token": refresh}

    async def _consent(self, request: web.Request) -> web.Response:
        code = f"consent-code-{next(self._numbers)}"
        self._codes[code] = next(iter(self._refresh.values()))
        back = f"{request.query.get('redirect', '')}?code={code}&state={request.query.get('state', '')}"
        return web.Response(status=302, headers={"Location": back})

    async def _token(self, request: web.Request) -> web.Response:
        sent = await request.json()
        if sent.get("refresh_token") in self._refresh:
            self.refreshes += 1
            return web.json_response(self._new_tokens(self._refresh.pop(sent["refresh_token"])))
        if sent.get("code") in self._codes:
            shop = self._codes.pop(sent["code"])
            return web.json_response({**self._new_tokens(shop), "shop": shop})
        return web.Response(status=403)

    async def _let_in(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("Token") in self._access.values() else 401)
