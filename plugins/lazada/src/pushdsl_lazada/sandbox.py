"""A local Lazada: the addresses that pushdsl uses, in Lazada's own words, with stock that can be looked at.

Signatures are checked over the parameters that arrived, then the token, then the time. A refused row makes a failure
with HTTP 200; the other rows are set, or none where `failed_call_sets_nothing`. Where nobody has written down what
Lazada says (a Choice decrease, a quantity too large, a warehouse that does not fit), the words are ours.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import Meter, SandboxServer
from pushdsl_lazada.authorization import CONSENT_PATH, CREATE_PATH, REFRESH_PATH
from pushdsl_lazada.locations import WAREHOUSES_PATH
from pushdsl_lazada.push import CHOICE_PATH, STOCK_PATH
from pushdsl_lazada.read import CHOICE_ITEM_PATH, ITEM_PATH
from pushdsl_lazada.sandbox_shop import DEFAULT_WAREHOUSE, Shop, Sku
from pushdsl_lazada.sandbox_words import (
    Row,
    choice_error,
    error,
    expired_token,
    form,
    skus_of,
    success,
    text,
    throttled,
)
from pushdsl_lazada.signing import request_signature, webhook_signature

_SKUS_MAX = 50
_CALLS_PER_SECOND = 50
_WINDOW_SECONDS = 7200
_CODE_MINUTES = 30
_SHALLOW_STOCK = 5

_WAREHOUSES_PATHS = (WAREHOUSES_PATH, "/rc/warehouse/get")
_OF_WRITES: tuple[Fault | None, ...] = ("drop_after", "refuse_row", "promotion_lock")
"""Faults that need work to be done or rows to be refused; a read leaves them for the write that comes after it."""
_WITH_WORK: tuple[Fault | None, ...] = (None, *_OF_WRITES, "promotion_begins", "slow")
"""Faults that come in the work or after it; all others come instead of it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Code:
    """What a seller's consent brings, until it is used."""

    store: str
    until: datetime


class LazadaSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    app_key = "123456"
    app_secret = "sandbox-app-secret-helloworld"

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self.meter = Meter(_CALLS_PER_SECOND)
        """Of one seller's stock calls."""
        self.warehouse_quantity: Literal["Quantity", "SellableQuantity", ""] = "Quantity"
        """The element that sets a warehouse's quantity: as a live seller found it, or as documented, or neither."""
        self.failed_call_sets_nothing = False
        self.access_days = 7
        self.refresh_days = 30
        """Both of an app under test; an online one has 30 and 180. 0: tokens that cannot be refreshed."""
        self.consenting = ""
        """The store whose seller opens the consent page; empty: the one opened last."""
        self._shops: dict[str, Shop] = {}
        self._codes: dict[str, _Code] = {}
        self._serial = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.get(CONSENT_PATH, self._consent), web.route("*", "/rest{path:/.*}", self._answer)]

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        serial, now = next(self._serial), self.now()
        named = tuple(location.name for location in store.locations if location.name)
        warehouses = named or (f"AChoice-{store.region.upper()}-V-JIT" if store.choice else DEFAULT_WAREHOUSE,)
        until = now + timedelta(days=self.access_days), now + timedelta(days=self.refresh_days)
        shop = Shop(store, serial, warehouses, *self._new_tokens(), *until)
        for ref in listings:
            shop.skus[ref.variant_id] = Sku(ref.store_sku, ref.item_id, dict.fromkeys(warehouses, quantity))
        self._shops[store.name] = shop
        return {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "access_token": shop.access_token,
            "refresh_token": shop.refresh_token,
            "base_url": f"{self.base_url}/rest",
            "auth_url": self.base_url,
        }

    def shop(self, store: str) -> Shop:
        """Behind the counter: to make a shop particular, and to look at its tokens."""
        return self._shops[store]

    def shown(self, store: str) -> list[Shown]:
        shop, now = self._shops[store], self.now()
        return [
            Shown(sku.store_sku, place if shop.named else "", quantity, sku.reserved(place, now))
            for sku in shop.skus.values()
            for place, quantity in sku.sellable.items()
        ]

    def show(self, store: str, shown: Shown) -> None:
        shop, now = self._shops[store], self.now()
        sku = next(sku for sku in shop.skus.values() if sku.store_sku == shown.store_sku)
        place = shown.location or shop.warehouses[0]
        sku.sellable[place] = shown.quantity
        if shown.reserved != sku.reserved(place, now):
            sku.reserve(place, shown.reserved, now)

    def expire_tokens(self, store: str) -> None:
        self._shops[store].access_until = self.now()

    def auth_code(self, store: str) -> str:
        """What the seller's consent brings: good for 30 minutes and one `/auth/token/create`."""
        if store not in self._shops:
            raise KeyError(store)
        code = f"0_{next(self._serial):06}_sandbox_code"
        self._codes[code] = _Code(store, self.now() + timedelta(minutes=_CODE_MINUTES))
        return code

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The order, unpaid at first, and where little is left of the SKU a word about that."""
        shop = self._shops[store]
        sku_id, sku = next((sku_id, sku) for sku_id, sku in shop.skus.items() if sku.store_sku == sold.store_sku)
        place = sold.location or shop.warehouses[0]
        sku.withheld[place] = sku.withheld.get(place, 0) + pieces
        order = 260_422_900_000_000 + 1000 * next(self._serial)
        placed = {
            "order_status": "unpaid",
            "trade_order_id": str(order),
            "trade_order_line_id": str(order + 1),
            "status_update_time": int(self.now().timestamp()),
        }
        level = {
            "seller_sku": sku.store_sku,
            "withhold_quantity": sku.withheld[place],
            "sku_id": int(sku_id),
            "real_quantity": sold.quantity + sku.withheld[place],
            "warehouse": place,
            "occupy_quantity": 0,
            "pre_order_quantity": 0,
        }
        sent = [self._message(shop, 0, placed, url)]
        return [*sent, self._message(shop, 6, level, url)] if sold.quantity < _SHALLOW_STOCK else sent

    def _message(self, shop: Shop, number: int, data: Row, url: str) -> WebhookRequest:
        message = {
            "seller_id": shop.seller_id,
            "message_type": number,
            "data": data,
            "timestamp": int(self.now().timestamp() * 1000),
            "site": f"lazada_{shop.site.lower()}",
        }
        body = json.dumps(message, separators=(",", ":")).encode()
        sign = webhook_signature(self.app_secret, self.app_key, body)
        return WebhookRequest(url, {"Authorization": sign, "Content-Type": "application/json"}, body)

    # Who may call

    async def _consent(self, request: web.Request) -> web.Response:
        """The page that a seller sees. Here he agrees at once, and is sent back with a code."""
        asked = request.query
        if asked.get("response_type") != "code" or asked.get("client_id") != self.app_key or "uuid" in asked:
            return web.Response(status=400, text="Invalid authorization request")
        redirect, store = asked.get("redirect_uri", ""), self.consenting or next(reversed(self._shops), "")
        if urlsplit(redirect).scheme not in ("http", "https") or store not in self._shops:
            return web.Response(status=400, text="Invalid redirect_uri")
        given = {"code": self.auth_code(store), **({"state": asked["state"]} if "state" in asked else {})}
        joint = "&" if urlsplit(redirect).query else "?"
        return web.Response(status=302, headers={"Location": f"{redirect}{joint}{urlencode(given)}"})

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        params = {**await form(request), **request.query}
        if (refused := self._refused_signature(path, params)) is not None:
            return refused
        if path in (CREATE_PATH, REFRESH_PATH):
            return self._refused_time(params) or self._tokens(path, params)
        token = params.get("access_token")
        shop = next((shop for shop in self._shops.values() if shop.access_token == token), None)
        if shop is None or shop.access_until <= self.now():
            return expired_token()
        return self._refused_time(params) or await self._of_seller(request, path, shop, params)

    async def _of_seller(self, request: web.Request, path: str, shop: Shop, params: Mapping[str, str]) -> web.Response:
        match path:
            case _ if path in (STOCK_PATH, CHOICE_PATH) and request.method != "POST":
                return error("ISV", "UnsupportedHTTPMethod", "The request was not made with a supported HTTP method")
            case _ if path == STOCK_PATH:
                return await self._worked(request, shop, lambda fault: self._update(shop, params, fault))
            case _ if path == CHOICE_PATH:
                return await self._worked(request, shop, lambda fault: self._edit_choice(shop, params, fault))
            case _ if path in (ITEM_PATH, CHOICE_ITEM_PATH):
                return await self._read(request, shop, params, choice=path == CHOICE_ITEM_PATH)
            case _ if path in _WAREHOUSES_PATHS:
                # Without the kind of address the real list "may be inaccurate".
                complete = path != WAREHOUSES_PATH or params.get("addressTypes") == '["warehouse"]'
                listed = shop.warehouse_bodies() if complete else shop.warehouse_bodies()[:1]
                return success({"result": {"success": True, "module": listed, "error_code": {}}})
            case _:
                return error("ISV", "InvalidApiPath", "The specified API path is invalid")

    def _refused_signature(self, path: str, params: Mapping[str, str]) -> web.Response | None:
        missing = [name for name in ("app_key", "timestamp", "sign", "sign_method") if not params.get(name)]
        if missing:
            words = f"The input parameter {missing[0]} that is mandatory for processing this request is not supplied"
            return error("ISV", "MissingParameter", words)
        if params["app_key"] != self.app_key:
            return error("ISV", "InvalidAppKey", "The specified App Key is invalid")
        expected = request_signature(self.app_secret, path, params)
        if params["sign_method"] != "sha256" or not hmac.compare_digest(expected.encode(), params["sign"].encode()):
            words = "The request signature does not conform to lazop standards"
            return error("ISV", "IncompleteSignature", words)
        return None

    def _refused_time(self, params: Mapping[str, str]) -> web.Response | None:
        sent, now = params["timestamp"], self.now().timestamp() * 1000
        if sent.isdecimal() and abs(int(sent) - now) <= _WINDOW_SECONDS * 1000:
            return None
        return error("ISV", "InvalidTimestamp", "The timestamp differs by more than 7200 seconds from UTC")

    def _tokens(self, path: str, params: Mapping[str, str]) -> web.Response:
        """A code and a refresh token are good for one time. A refresh does not move the end of the authorisation."""
        now = self.now()
        if path == CREATE_PATH:
            code = self._codes.pop(params.get("code", ""), None)
            if code is None or code.until <= now:
                return error("ISV", "InvalidCode", "Invalid authorization code")
            shop = self._shops[code.store]
            shop.refresh_until = now + timedelta(days=self.refresh_days)
        else:
            given = params.get("refresh_token")
            found = next((shop for shop in self._shops.values() if given and shop.refresh_token == given), None)
            if found is None or found.refresh_until <= now:
                return error("ISV", "IllegalRefreshToken", "The specified refresh token is invalid or expired")
            shop = found
            self.refreshes += 1
        shop.access_token, shop.refresh_token = self._new_tokens()
        shop.access_until = now + timedelta(days=self.access_days)
        return success(self._token_body(shop, "country_user_info" + ("" if path == CREATE_PATH else "_list")))

    def _token_body(self, shop: Shop, users: str) -> Mapping[str, object]:
        country, number = shop.site.lower(), str(2000 + shop.number)
        user = {"country": country, "seller_id": shop.seller_id, "user_id": number}
        return {
            "access_token": shop.access_token,
            "refresh_token": shop.refresh_token,
            "expires_in": self.access_days * 86_400,
            "refresh_expires_in": max(0, int((shop.refresh_until - self.now()).total_seconds())),
            "country": country,
            "account": f"{shop.store.name}@example.test",
            "account_platform": "seller_center",
            users: [{**user, "short_code": f"{shop.site}{shop.number:04}"}],
        }

    def _new_tokens(self) -> tuple[str, str]:
        serial = next(self._serial)
        return f"50000-sandbox-access-{serial:06}", f"50001-sandbox-refresh-{serial:06}"

    # Stock

    async def _worked(
        self, request: web.Request, shop: Shop, work: Callable[[Fault | None], web.Response]
    ) -> web.Response:
        """The answer to a write; a fault may come instead of the work, in it, or after it."""
        if self.meter.too_many(shop.seller_id):
            self.calls += 1
            return throttled("SellerCallLimit")
        fault = self.next_fault()
        if fault not in _WITH_WORK:
            return self._failed(request, fault)
        answer = work(fault)
        return await self._sent(request, fault, answer)

    async def _sent(self, request: web.Request, fault: Fault | None, answer: web.Response) -> web.Response:
        if fault == "slow":
            await self.dawdle()
        return self.drop(request) if fault == "drop_after" else answer

    def _failed(self, request: web.Request, fault: Fault | None) -> web.Response:
        match fault:
            case "throttle":
                return throttled("ApiCallLimit")
            case "server_error":
                return web.Response(status=500, text="Internal Server Error")
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                return expired_token()
            case _:
                return self.drop(request)

    def _update(self, shop: Shop, params: Mapping[str, str], fault: Fault | None) -> web.Response:
        if shop.store.choice:
            return error("ISV", "AUTH_TYPE_UNSUPPORTED", "The authorization does not allow this API")
        if not params.get("payload"):
            return error("ISP", "6", "E006: Unexpected internal error")
        skus, understood, now = skus_of(params["payload"]), self.warehouse_quantity, self.now()
        if (wrong := _wrong_request(skus)) is not None or skus is None:
            return wrong or error("ISV", "5", "E005: Invalid Request Format")
        if fault == "promotion_begins":
            self._begin_promotion(shop, text(skus[0], "SkuId"))
        if shop.mega_campaign is not None and any(shop.falls(sku, understood) for sku in skus):
            return error("ISP", "4170", _mega_campaign(*shop.mega_campaign))
        first = skus[0]
        refusals = [shop.refusal(sku, understood, fault if sku is first else None, now) for sku in skus]
        if not (self.failed_call_sets_nothing and any(refusals)):
            for sku, refusal in zip(skus, refusals, strict=True):
                if refusal is None:
                    shop.skus[text(sku, "SkuId")].sellable.update(shop.wanted(sku, understood))
        rows = [refusal for refusal in refusals if refusal is not None]
        return error("ISP", "501", "E501: Update product failed", rows) if rows else success({"data": {}})

    def _edit_choice(self, shop: Shop, params: Mapping[str, str], fault: Fault | None) -> web.Response:
        item_id = params.get("item_id", "")
        wanted = re.findall(r"\"?(\d+)\"?\s*:\s*\"?(-?\d{1,18})", params.get("sku_edit_stock", ""))  # keys may be bare
        if not shop.store.choice:
            return choice_error("E1001", "not jit seller")
        if params.get("site", "").upper() != shop.site or not wanted:
            return choice_error("E305", "Parameter Invalid")
        if not shop.has_item(item_id):
            return choice_error("E0208", "Product not exist")
        if item_id in shop.kept_by_lazada:
            return choice_error("E1002", "not jit product")
        if fault == "promotion_begins":
            self._begin_promotion(shop, wanted[0][0])
        done: list[int] = []
        failed: list[Row] = []
        for place, (sku_id, quantity) in enumerate(wanted):
            of_row = fault if place == 0 else None
            if reason := shop.choice_reason(item_id, sku_id, int(quantity), of_row, self.now()):
                failed.append({"skuId": int(sku_id), "reason": reason})
            else:
                done.append(int(sku_id))
                shop.skus[sku_id].sellable[shop.warehouses[0]] = int(quantity)
        return success({"data": {"success_sku": done, "failed_sku": failed}, "success": "true"})

    async def _read(self, request: web.Request, shop: Shop, params: Mapping[str, str], *, choice: bool) -> web.Response:
        fault: Fault | None = None
        if self._faults and self._faults[0] in _OF_WRITES:
            self.calls += 1
        elif (fault := self.next_fault()) not in _WITH_WORK:
            return self._failed(request, fault)
        if choice and not shop.store.choice:
            return error("ISP", "E1001", "not jit seller")
        item_id = params.get("item_id", "")
        if not shop.has_item(item_id):
            return error("ISP", "E0208", "Product not exist") if choice else error("ISP", "208", "E208: Item not exist")
        if fault == "promotion_begins":
            self._begin_promotion(shop, next(name for name, sku in shop.skus.items() if sku.item_id == item_id))
        return await self._sent(request, fault, success({"data": shop.item_body(item_id)}))

    def _begin_promotion(self, shop: Shop, sku_id: str) -> None:
        """It locks all that the SKU shows."""
        if (sku := shop.skus.get(sku_id)) is not None:
            for place, quantity in sku.sellable.items():
                sku.reserve(place, quantity, self.now())


def _wrong_request(skus: Sequence[Row] | None) -> web.Response | None:
    """The refusal of the whole call, None where its rows can be looked at one by one."""
    if skus is None:
        return error("ISV", "5", "E005: Invalid Request Format")
    if not skus:
        return error("ISV", "30", "E030: Empty Request")
    if len(skus) > _SKUS_MAX:
        return error("ISV", "204", "E204: Too many SKU in one request")
    for sku in skus:
        if not text(sku, "SkuId"):
            if text(sku, "SellerSku"):
                words = "E4193: The SellerSku parameter is no longer supported, please use SkuId"
                return error("ISV", "4193", words)
            return error("ISV", "4216", "E4216: SkuId is mandatory")
    return None


def _mega_campaign(begins: str, ends: str) -> str:
    restricted = f"there are restrictions for stock adjustments in effect between {begins} - {ends}"
    return f"During the Mega campaign, {restricted}. Sellers can increase stocks, but may not decrease stocks."
