"""A local Shopify: consent, tokens, GraphQL and the older stock addresses of REST, with stock that can be looked at.

Queries are executed by graphql-core on Shopify's own types. A shop stands under its domain, as the first part of the
path. Where nobody has written down what Shopify says (the words of a query that does not fit, the HTTP status of a
wrong app), the words and numbers are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_shopify.sandbox_cost import Bucket, spent
from pushdsl_shopify.sandbox_graph import Asked, answered, failed, understood
from pushdsl_shopify.sandbox_rest import Rest
from pushdsl_shopify.sandbox_schema import VERSIONS
from pushdsl_shopify.sandbox_shop import Place, Shop, Tokens
from pushdsl_shopify.settings import SCOPES
from pushdsl_shopify.signing import callback_signatures, webhook_signature
from pushdsl_shopify.wire import TOKEN_HEADER, Fields

_ACCESS_SECONDS = 3600
_REFRESH_SECONDS = 90 * 86_400
_OWN_SECONDS = 86_400
"""Of a token for the app's own credentials."""
_CODE_SECONDS = 60
_STANDARD_POINTS = 100.0

_OF_WRITES: tuple[Fault | None, ...] = (
    "drop_before", "drop_after", "slow", "refuse_row", "promotion_lock",
)  # fmt: skip
"""Faults that need stock to be written; a read leaves them for the write that comes after it."""
_UNKNOWN_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"


def utc_now() -> datetime:
    return datetime.now(UTC)


class ShopifySandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    client_id = "0123456789abcdef0123456789abcdef"
    client_secret = "shpss_sandbox_0123456789abcdef"
    points_a_second = _STANDARD_POINTS
    """Of the shop's plan: 100, 200, 1000 or 2000."""
    throttle_status = 200
    """HTTP status of a throttled query; Shopify is said to use 429 too."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self.before_next_write: Callable[[], object] | None = None
        """Called once just before the next write is worked on: for an order in between, say."""
        self._shops: dict[str, Shop] = {}
        self._buckets: dict[str, Bucket] = {}
        self._rest = Rest(self)
        self._serial = count(1)

    def bear_any_rate(self) -> None:
        """As many points as anybody may ask for, in every shop."""
        super().bear_any_rate()
        self.points_a_second = 1e9
        self._buckets = {domain: Bucket(self.points_a_second) for domain in self._buckets}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/{shop}/admin/oauth/authorize", self._consent),
            web.post("/{shop}/admin/oauth/access_token", self._tokens),
            web.post("/{shop}/admin/api/{version}/graphql.json", self._graphql),
            *self._rest.routes(),
        ]

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        domain = f"{re.sub('[^a-z0-9]+', '-', store.name.lower()).strip('-')}.myshopify.com"
        shop = Shop(store, domain, self._new_tokens(expiring=True), frozenset(SCOPES.split(",")))
        shop.open_places()
        for listing in listings:
            shop.add(listing, quantity)
        self._shops[store.name], self._buckets[domain] = shop, Bucket(self.points_a_second)
        return {
            "shop": domain,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "access_token": shop.tokens.access,
            "refresh_token": shop.tokens.refresh,
            "base_url": f"{self.base_url}/{domain}",
        }

    def shop(self, store: str) -> Shop:
        """Its locations and variants, to be changed as the seller would."""
        return self._shops[store]

    def add_location(self, store: str, number: int, name: str = "", **more: bool) -> None:
        """Where nothing is stocked yet; `is_active`, `fulfills_online_orders`."""
        self._shops[store].places[number] = Place(number, name or f"Location {number}", **more)

    def shown(self, store: str) -> list[Shown]:
        return list(self._shops[store].shown())

    def show(self, store: str, shown: Shown) -> None:
        self._shops[store].show(shown)

    def expire_tokens(self, store: str) -> None:
        self._shops[store].tokens.access_until = self.now()

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The stock of the item, and the order."""
        shop = self._shops[store]
        variant, number = shop.variant(sold.store_sku), shop.number_of(sold.location)
        variant.levels[number]["committed"] += pieces
        line = {"sku": variant.sku, "product_id": variant.product_id, "variant_id": variant.variant_id}
        order = next(self._serial)
        return [
            self._message(shop, url, "inventory_levels/update", self._rest.level(variant, number)),
            self._message(
                shop, url, "orders/create", {"id": 820_000_000 + order, "line_items": [{**line, "quantity": pieces}]}
            ),
        ]

    def _message(self, shop: Shop, url: str, topic: str, body: Fields) -> WebhookRequest:
        raw = json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": shop.domain,
            "X-Shopify-Webhook-Id": str(uuid5(NAMESPACE_URL, f"{shop.domain}/{next(self._serial)}")),
            "X-Shopify-Hmac-Sha256": webhook_signature(self.client_secret, raw),
        }
        return WebhookRequest(url, headers, raw)

    # Who is calling

    def known(self, request: web.Request) -> Shop | web.Response:
        """The shop of the address, if the token is its own and has not run out."""
        shop = self.addressed(request)
        given = request.headers.get(TOKEN_HEADER, "")
        if shop is None:
            return web.json_response({"errors": "Not Found"}, status=404)
        tokens, now = shop.tokens, self.now()
        if not given or given != tokens.access or (tokens.access_until is not None and tokens.access_until <= now):
            return web.json_response({"errors": _UNKNOWN_TOKEN}, status=401)
        tokens.before = ""
        return shop

    def addressed(self, request: web.Request) -> Shop | None:
        return next((shop for shop in self._shops.values() if shop.domain == request.match_info["shop"]), None)

    @staticmethod
    def version(request: web.Request) -> str | None:
        """The version that is spoken: a newer or older one than those there are becomes the nearest."""
        asked = request.match_info["version"]
        if not re.fullmatch(r"20\d\d-(01|04|07|10)", asked):
            return None
        return max((version for version in VERSIONS if version <= asked), default=VERSIONS[0])

    def fault_of(self, *, writes: bool) -> Fault | None:
        if not writes and self._faults and self._faults[0] in _OF_WRITES:
            self.calls += 1
            return None
        return self.next_fault()

    # GraphQL

    async def _graphql(self, request: web.Request) -> web.Response:
        shop, version = self.known(request), self.version(request)
        if isinstance(shop, web.Response):
            return shop
        if version is None:
            return web.json_response({"errors": "Not Found"}, status=404)
        body = await json_of(request)
        if body is None:
            return web.json_response({"errors": {"query": "Required parameter missing or invalid"}}, status=400)
        asked = understood(version, body)
        if not isinstance(asked, Asked):
            return _reply(asked, version)
        fault = self.fault_of(writes=asked.writes) if asked.is_about_stock else None
        return await self._worked(request, shop, asked, fault)

    async def _worked(self, request: web.Request, shop: Shop, asked: Asked, fault: Fault | None) -> web.Response:
        bucket = self._buckets[shop.domain]
        if fault == "throttle" or (fault is None and not bucket.take(asked.points)):
            throttled = _with_cost(failed("Throttled", "THROTTLED"), asked, bucket, None)
            return _reply(throttled, asked.version, self.throttle_status)
        failure = self.failure(request, fault)
        if failure is not None:
            return failure
        refused = self.prepared(shop, fault, writes=asked.writes)
        answer = answered(asked, shop, self.now(), refused)
        points = asked.points if asked.writes else min(asked.points, spent(answer.get("data") or {}))
        if fault is None:
            bucket.take(points - asked.points)
        if fault == "slow":
            await self.dawdle()
        if fault == "drop_after":
            return self.drop(request)
        return _reply(_with_cost(answer, asked, bucket, points), asked.version)

    def failure(self, request: web.Request, fault: Fault | None) -> web.Response | None:
        """The answer of a call on which no work is done."""
        match fault:
            case "server_error":
                return web.json_response({"errors": "Internal Server Error"}, status=500)
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                return web.json_response({"errors": _UNKNOWN_TOKEN}, status=401)
            case "drop_before":
                return self.drop(request)
            case _:
                return None

    def prepared(self, shop: Shop, fault: Fault | None, *, writes: bool) -> Mapping[int, str]:
        """What happens in the shop just before the work; codes for rows that will be refused.

        Shopify has no promotions that hold stock: its nearest to a lock is an item that cannot be changed by an app.
        """
        if fault == "promotion_begins" and shop.variants:
            first = shop.variants[0]
            for number in first.levels:
                shop.reserve(first, number)
        if writes and self.before_next_write is not None:
            happens, self.before_next_write = self.before_next_write, None
            happens()
        codes: Mapping[Fault | None, str] = {
            "refuse_row": "INVALID_INVENTORY_ITEM",
            "promotion_lock": "NON_MUTABLE_INVENTORY_ITEM",
        }
        return {0: codes[fault]} if fault in codes else {}

    # Consent and tokens

    async def _consent(self, request: web.Request) -> web.Response:
        """Every seller agrees at once."""
        shop, query = self.addressed(request), request.query
        if shop is None:
            return web.Response(status=404, text="Not Found")
        if query.get("client_id") != self.client_id:
            return web.Response(status=400, text="Oauth error invalid_request: Could not find Shopify API application")
        redirect, scopes = query.get("redirect_uri", ""), query.get("scope", "")
        if urlsplit(redirect).scheme not in ("http", "https"):
            said = "The redirect_uri is missing or not whitelisted"
            return web.Response(status=400, text=f"Oauth error invalid_request: {said}")
        code = f"sandbox-code-{next(self._serial):06}"
        allowed = frozenset(scope.strip() for scope in scopes.split(",") if scope.strip())
        shop.codes[code] = self.now() + timedelta(seconds=_CODE_SECONDS), allowed
        back = {
            "code": code,
            "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvc2FuZGJveA",
            "shop": shop.domain,
            **({"state": query["state"]} if "state" in query else {}),
            "timestamp": str(int(self.now().timestamp())),
        }
        back["hmac"] = callback_signatures(self.client_secret, back)[0]
        joined = "&" if urlsplit(redirect).query else "?"
        return web.Response(status=302, headers={"Location": f"{redirect}{joined}{urlencode(back)}"})

    async def _tokens(self, request: web.Request) -> web.Response:
        """Takes a form or JSON, as Shopify does."""
        shop = self.addressed(request)
        if shop is None:
            return web.json_response({"errors": "Not Found"}, status=404)
        form = await json_of(request) if request.content_type == "application/json" else await request.post()
        given: dict[str, Any] = dict(form or {})
        if given.get("client_id") != self.client_id or given.get("client_secret") != self.client_secret:
            return _refusal("application_cannot_be_found", "The application could not be found")
        match given.get("grant_type", "authorization_code"):
            case "authorization_code":
                return self._for_code(shop, given)
            case "refresh_token":
                return self._for_refresh_token(shop, given)
            case "client_credentials":
                return self._for_credentials(shop)
            case _:
                return _refusal("unsupported_grant_type", "The grant type is not supported")

    def _for_code(self, shop: Shop, given: Mapping[str, Any]) -> web.Response:
        until, allowed = shop.codes.pop(str(given.get("code")), (None, frozenset()))
        if until is None or until <= self.now():
            return _refusal("invalid_request", "The authorization code was not found or was already used")
        shop.scopes = frozenset(allowed)
        shop.tokens = self._new_tokens(expiring=str(given.get("expiring")) == "1")
        return self._granted(shop)

    def _for_refresh_token(self, shop: Shop, given: Mapping[str, Any]) -> web.Response:
        """The token that brought the present ones is good until one of them is used."""
        tokens, now = shop.tokens, self.now()
        is_good = tokens.refresh_until is not None and now < tokens.refresh_until
        used = str(given.get("refresh_token", ""))
        if not used or used not in (tokens.refresh, tokens.before) or not is_good:
            return _refusal("invalid_request", "This request requires an active refresh_token", 401)
        self.refreshes += 1
        shop.tokens = replace(self._new_tokens(expiring=True), before=used)
        return self._granted(shop)

    def _for_credentials(self, shop: Shop) -> web.Response:
        self.refreshes += 1
        shop.tokens = self._new_tokens(expiring=False)
        shop.tokens.access_until = self.now() + timedelta(seconds=_OWN_SECONDS)
        shop.scopes = frozenset(SCOPES.split(","))
        return self._granted(shop)

    def _new_tokens(self, *, expiring: bool) -> Tokens:
        number, now = next(self._serial), self.now()
        access, refresh = f"shpat_sandbox_{number:06}", f"shprt_sandbox_{number:06}"
        if not expiring:
            return Tokens(access)
        ends = now + timedelta(seconds=_ACCESS_SECONDS), now + timedelta(seconds=_REFRESH_SECONDS)
        return Tokens(access, refresh, "", *ends)

    def _granted(self, shop: Shop) -> web.Response:
        tokens, now = shop.tokens, self.now()
        given: dict[str, object] = {"access_token": tokens.access, "scope": ",".join(sorted(shop.scopes))}
        if tokens.access_until is not None:
            given["expires_in"] = int((tokens.access_until - now).total_seconds())
        if tokens.refresh_until is not None:
            given["refresh_token"] = tokens.refresh
            given["refresh_token_expires_in"] = int((tokens.refresh_until - now).total_seconds())
        return web.json_response(given)


async def json_of(request: web.Request) -> dict[str, Any] | None:
    """The object of the body; None where there is none."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _reply(answer: Fields, version: str, status: int = 200) -> web.Response:
    return web.json_response(answer, status=status, headers={"X-Shopify-API-Version": version})


def _with_cost(answer: Mapping[str, Any], asked: Asked, bucket: Bucket, points: int | None) -> Fields:
    cost = {
        "requestedQueryCost": asked.points,
        "actualQueryCost": points,
        "throttleStatus": bucket.status(),
    }
    return {**answer, "extensions": {"cost": cost}}


def _refusal(code: str, words: str, status: int = 400) -> web.Response:
    return web.json_response({"error": code, "error_description": words}, status=status)
