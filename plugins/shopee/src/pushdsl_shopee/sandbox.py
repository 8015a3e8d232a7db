"""A local Shopee: the addresses that pushdsl uses, in Shopee's own words, with stock that can be looked at.

The signature is checked over what arrived, then the token, then the time. Shopee publishes no rate, so none is kept.
Where nobody has written down what Shopee says (a quantity beyond the limit, the HTTP status of a refusal), the words
and numbers are ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from urllib.parse import urlsplit

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_shopee.authorization import with_parameters
from pushdsl_shopee.sandbox_shop import PROMOTION, Access, Category, Shop
from pushdsl_shopee.sandbox_words import (
    REQUEST_ID,
    RefusedError,
    body_of,
    check_sign,
    expired_token,
    ids_of,
    reply,
    sellers_page,
)
from pushdsl_shopee.signing import public_sign, shop_sign, webhook_sign
from pushdsl_shopee.wire import Fields, whole_number

_API = "/api/v2"
_WINDOW_SECONDS = 300
_ACCESS_SECONDS = 14_400
_REFRESH_DAYS = 30
_CODE_MINUTES = 10
_ID_MAX = 4_294_967_295
_SINGAPORE = timezone(timedelta(hours=8))

_OF_STOCK: tuple[Fault | None, ...] = ("drop_after", "slow", "refuse_row", "promotion_lock", "promotion_begins")
"""Faults that need stock to be written; every other call leaves them for the write that comes after it."""

_Write = Callable[[Shop, Fields, Fault | None], Fields]


def utc_now() -> datetime:
    return datetime.now(UTC)


class ShopeeSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    partner_id = 2_001_887
    partner_key = "sandbox-partner-key-0123456789"
    category = Category()

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self._shops: dict[str, Shop] = {}
        self._serial = count(1)
        self._no_calls_until: datetime | None = None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", f"{_API}/{{path:.*}}", self._answer)]

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        access = Access(*self._code(), *self._tokens())
        shop = Shop(store, 14_701_710 + next(self._serial), access, self.category)
        for listing in listings:
            shop.add(listing, quantity)
        self._shops[store.name] = shop
        return {
            "partner_id": self.partner_id,
            "partner_key": self.partner_key,
            "shop_id": shop.shop_id,
            "access_token": access.access_token,
            "refresh_token": access.refresh_token,
            "base_url": self.base_url,
        }

    def shown(self, store: str) -> list[Shown]:
        return list(self._shops[store].shown())

    def show(self, store: str, shown: Shown) -> None:
        self._shops[store].show(shown)

    def set_status(self, store: str, item_id: int, status: str) -> None:
        """`NORMAL`, `BANNED`, `UNLIST`, `REVIEWING`, `SELLER_DELETE` or `SHOPEE_DELETE`."""
        self._shops[store].items[item_id].status = status

    def keep_stock(self, store: str, item_id: int) -> None:
        """Moves an item's stock to Shopee's own warehouse: it is shown as Shopee's, and the seller cannot set it."""
        self._shops[store].items[item_id].kept_by_shopee = True

    def set_holiday(self, store: str, location: str, state: int) -> None:
        """0 none, 1 on, 2 being turned off, 3 being turned on."""
        self._shops[store].holidays[location] = state

    def use_up_calls(self) -> None:
        """The app has made all its calls of the day: nothing is answered until midnight in Singapore."""
        there = self.now().astimezone(_SINGAPORE)
        self._no_calls_until = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def auth_code(self, store: str) -> str:
        """What the seller's consent brought last: good for one `token/get` within ten minutes."""
        return self._shops[store].access.code

    def refresh_token(self, store: str) -> str:
        return self._shops[store].access.refresh_token

    def expire_tokens(self, store: str) -> None:
        self._shops[store].access.access_until = self.now()

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The order, and where a promotion reserved the listing, that it took from what is reserved."""
        shop = self._shops[store]
        item_id, model_id = shop.ids_of(sold.store_sku)
        at, reserved = int(self.now().timestamp()), max(0, sold.reserved - pieces)
        ordersn = f"{self.now():%y%m%d}PUSH{next(self._serial):06}"
        items = [{"item_id": item_id, "model_id": model_id}]
        order = {"ordersn": ordersn, "status": "READY_TO_SHIP", "update_time": at, "items": items}
        sent = [self._message(shop, 3, order, url)]
        if sold.reserved:
            shop.show(replace(sold, reserved=reserved))
            change = {
                "action": "place_order",
                "item_id": item_id,
                "variation_id": model_id,
                "ordersn": ordersn,
                **PROMOTION,
                "update_time": at,
                "changed_values": [{"name": "reserved_stock", "old": sold.reserved, "new": reserved}],
            }
            sent.append(self._message(shop, 8, change, url))
        return sent

    def _message(self, shop: Shop, code: int, data: Fields, url: str) -> WebhookRequest:
        message = {
            "msg_id": f"sandbox-message-{next(self._serial):06}",
            "shop_id": shop.shop_id,
            "code": code,
            "timestamp": int(self.now().timestamp()),
            "data": data,
        }
        body = json.dumps(message, separators=(",", ":")).encode()
        sign = webhook_sign(self.partner_key, url, body)
        return WebhookRequest(url, {"Authorization": sign, "Content-Type": "application/json"}, body)

    # Every call

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return await self._routed(request)
        except RefusedError as refused:
            return reply({}, refused.error, refused.message, refused.status)

    async def _routed(self, request: web.Request) -> web.Response:
        match request.method, request.match_info["path"]:
            case "GET", "shop/auth_partner":
                return self._consent(request)
            case "POST", "auth/token/get":
                return self._first_tokens(await self._public(request))
            case "POST", "auth/access_token/get":
                return self._next_tokens(await self._public(request))
            case "POST", "product/update_stock":
                return await self._written(request, Shop.update_stock)
            case "POST", "product/update_item":
                return await self._written(request, Shop.update_item)
            case "GET", "product/get_item_base_info":
                return self._read(request, lambda shop: shop.base_info(ids_of(request)))
            case "GET", "product/get_model_list":
                return self._read(request, lambda shop: shop.model_list(whole_number(request.query.get("item_id"))))
            case "GET", "product/get_item_promotion":
                return reply(self._shop(request).promotions(ids_of(request), self.now()))
            case "GET", "product/get_item_limit":
                return reply(self._shop(request).category.limits(named=bool(request.query.get("category_id"))))
            case "GET", "shop/get_warehouse_detail":
                return reply(self._shop(request).warehouses())
            case _:
                words = "Permission denied. This API is currently offline or the request path is incorrect."
                raise RefusedError("error_param", words, 404)

    # Who is calling

    def _shop(self, request: web.Request) -> Shop:
        """The shop of a call with a shop signature; the token is known before its time is looked at."""
        query = request.query
        self._check_common(request)
        if not query.get("access_token"):
            raise RefusedError("error_param", "There is no access_token in query.", 403)
        if not query.get("shop_id"):
            raise RefusedError("error_param", "There is no shop_id in query.", 403)
        signed = (query["partner_id"], request.path, query["timestamp"], query["access_token"], query["shop_id"])
        check_sign(query["sign"], shop_sign(self.partner_key, *signed))
        shop = next((shop for shop in self._shops.values() if str(shop.shop_id) == query["shop_id"]), None)
        if shop is None:
            raise RefusedError("partner_shop_no_link", "Invalid partner_id or shop_id, please have a check.", 403)
        if shop.access.access_token != query["access_token"] or shop.access.access_until <= self.now():
            raise expired_token()
        self._check_time(request)
        return shop

    async def _public(self, request: web.Request) -> Fields:
        """The body of a call without a token."""
        self._check_public(request)
        return await body_of(request)

    def _check_public(self, request: web.Request) -> None:
        query = request.query
        self._check_common(request)
        sign = public_sign(self.partner_key, query["partner_id"], request.path, query["timestamp"])
        check_sign(query["sign"], sign)
        self._check_time(request)

    def _check_common(self, request: web.Request) -> None:
        query = request.query
        if not query.get("partner_id"):
            raise RefusedError("error_param", "There is no partner_id in query.", 403)
        if query["partner_id"] != str(self.partner_id):
            raise RefusedError("invalid_partner_id", "Invalid partner_id, please have a check.", 403)
        if not query.get("timestamp"):
            raise RefusedError("error_param", "no timestamp.", 403)
        if not query.get("sign"):
            raise RefusedError("error_param", "There is no sign in query.", 403)
        if self._no_calls_until is not None and self.now() < self._no_calls_until:
            words = "The total API call number made by your APP has reached the daily API call limit, "
            raise RefusedError("error_limit", f"{words}please try again after 00: 00 (UTC+08:00)", 429)

    def _check_time(self, request: web.Request) -> None:
        sent = whole_number(request.query["timestamp"])
        if sent is None or sent > _ID_MAX:
            words = f"Timestamp is invalid, should be an integer between 0 and {_ID_MAX}."
            raise RefusedError("error_param", words, 403)
        if abs(sent - self.now().timestamp()) > _WINDOW_SECONDS:
            raise RefusedError("error_param", "Timestamp is expired.", 403)

    # Calls that faults may meet

    async def _written(self, request: web.Request, work: _Write) -> web.Response:
        shop, body = self._shop(request), await body_of(request)
        fault = self._fault_of(stock=work is Shop.update_stock)
        if fault is not None and fault not in _OF_STOCK:
            return self._failed(request, fault)
        response = work(shop, body, fault)
        if fault == "slow":
            await self.dawdle()
        return self.drop(request) if fault == "drop_after" else reply(response)

    def _read(self, request: web.Request, work: Callable[[Shop], Fields]) -> web.Response:
        shop = self._shop(request)
        fault = self._fault_of(stock=False)
        return reply(work(shop)) if fault is None else self._failed(request, fault)

    def _fault_of(self, *, stock: bool) -> Fault | None:
        if not stock and self._faults and self._faults[0] in _OF_STOCK:
            self.calls += 1
            return None
        return self.next_fault()

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        match fault:
            case "throttle":
                words = "Too many requests. You have reached the rate limit. Please try again later."
                return reply({}, "error_rate_limit", words, 429)
            case "server_error":
                return web.Response(status=500, text="Internal Server Error")
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                raise expired_token()
            case _:
                return self.drop(request)

    # Consent and tokens

    def _consent(self, request: web.Request) -> web.Response:
        """Every seller agrees at once. Where several shops are open, a page asks whose seller it is."""
        self._check_public(request)
        redirect, chosen = request.query.get("redirect", ""), request.query.get("shop_id")
        if urlsplit(redirect).scheme not in ("http", "https"):
            raise RefusedError("error_param", "Wrong parameters, detail: redirect.", 403)
        shops = [shop for shop in self._shops.values() if chosen in (None, str(shop.shop_id))]
        if len(shops) != 1:
            return sellers_page(request.path_qs, [(shop.shop_id, shop.store.name) for shop in shops])
        [shop] = shops
        shop.access.code, shop.access.code_until = self._code()
        back = with_parameters(redirect, {"code": shop.access.code, "shop_id": str(shop.shop_id)})
        return web.Response(status=302, headers={"Location": back})

    def _first_tokens(self, body: Fields) -> web.Response:
        shop = self._shop_of_body(body)
        if not shop.access.code or body.get("code") != shop.access.code or shop.access.code_until <= self.now():
            raise RefusedError("error_auth", "Invalid code", 403)
        shop.access.code = ""
        return self._new_tokens(shop, {})

    def _next_tokens(self, body: Fields) -> web.Response:
        shop = self._shop_of_body(body)
        if body.get("refresh_token") != shop.access.refresh_token:
            raise RefusedError("error_auth", "Invalid refresh_token.", 403)
        if shop.access.refresh_until <= self.now():
            raise RefusedError("refresh_token_expired", "Your refresh_token expired.", 403)
        self.refreshes += 1
        return self._new_tokens(shop, {"partner_id": self.partner_id, "shop_id": shop.shop_id})

    def _shop_of_body(self, body: Fields) -> Shop:
        for name, value in (("partner_id", body.get("partner_id")), ("shop_id", body.get("shop_id"))):
            if type(value) is not int:
                raise RefusedError("error_param", f"{name} is invalid, should be an integer between 0 and {_ID_MAX}.")
        shop = next((shop for shop in self._shops.values() if shop.shop_id == body["shop_id"]), None)
        if shop is None or body["partner_id"] != self.partner_id:
            raise RefusedError("error_auth", "Invalid partner_id or shopid.", 403)
        return shop

    def _new_tokens(self, shop: Shop, named: Fields) -> web.Response:
        """Beside the envelope's fields, and not under `response` as everywhere else."""
        shop.access = Access(shop.access.code, shop.access.code_until, *self._tokens())
        return web.json_response(
            {
                "access_token": shop.access.access_token,
                "refresh_token": shop.access.refresh_token,
                "expire_in": _ACCESS_SECONDS,
                **named,
                "request_id": REQUEST_ID,
                "error": "",
                "message": "",
            }
        )

    def _code(self) -> tuple[str, datetime]:
        return f"sandbox-code-{next(self._serial):06}", self.now() + timedelta(minutes=_CODE_MINUTES)

    def _tokens(self) -> tuple[str, datetime, str, datetime]:
        number, now = next(self._serial), self.now()
        access_until, refresh_until = now + timedelta(seconds=_ACCESS_SECONDS), now + timedelta(days=_REFRESH_DAYS)
        return f"sandbox-access-{number:06}", access_until, f"sandbox-refresh-{number:06}", refresh_until
