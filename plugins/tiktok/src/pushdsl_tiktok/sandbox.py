"""A local TikTok Shop: the addresses that pushdsl uses, in TikTok's own words, with stock that can be looked at.

Signatures are checked over the bytes that arrived, then the token, then the time. A partial failure keeps code 0.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import count
from urllib.parse import urlencode

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import Meter, SandboxServer
from pushdsl_tiktok.authorization import CONSENT_PATH
from pushdsl_tiktok.locations import WAREHOUSES_PATH
from pushdsl_tiktok.sandbox_shop import (
    DEFAULT_WAREHOUSE,
    PLATFORM_RUN,
    SandboxShop,
    Seller,
    Sku,
    inventory,
    refused_call,
    set_rows,
)
from pushdsl_tiktok.settings import TOKOPEDIA_REGION
from pushdsl_tiktok.signing import request_signature, webhook_signature
from pushdsl_tiktok.tokens import FIRST_TOKENS_PATH, NEXT_TOKENS_PATH, SHOPS_PATH

_SEARCH_PRODUCTS_MAX = 100
_SEARCH_SKUS_MAX = 600
_CALLS_PER_SECOND = 50
_CODE_MINUTES = 30
_ACCESS_DAYS = 7
_REFRESH_DAYS = 365

_OF_WRITES: tuple[Fault, ...] = (
    *("drop_before", "drop_after", "slow"),
    *("refuse_row", "promotion_lock", "promotion_begins"),
)
"""Faults about work done or left undone; a read leaves them for the write that comes after it."""
_BEFORE_THE_WORK: tuple[Fault, ...] = ("throttle", "server_error", "malformed", "drop_before", "expired_token")


def utc_now() -> datetime:
    return datetime.now(UTC)


class TikTokSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    app_key = "29a39d"
    app_secret = "sandbox-app-secret-e59af819cc"
    service_id = "7172122430166336261"
    region = "MY"
    """Of a shop whose store names none."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self.redirect_url = "http://127.0.0.1:8765/"
        """Where sellers are sent after the consent page. With TikTok it is registered with the app, not in the link."""
        self._shops: dict[str, SandboxShop] = {}
        self._serial = count(1)
        self._meter = Meter(_CALLS_PER_SECOND)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (
            web.post("/product/202309/products/{product_id}/inventory/update", self._update),
            web.post("/product/202309/inventory/search", self._search),
            web.get(WAREHOUSES_PATH, self._warehouses),
            web.get(SHOPS_PATH, self._authorized_shops),
            web.get(FIRST_TOKENS_PATH, self._first_tokens),
            web.get(NEXT_TOKENS_PATH, self._next_tokens),
            web.get(CONSENT_PATH, self._consent),
            web.route("*", "/{path:.*}", self._no_such_path),
        )

    # What a test does to the shops

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        named = tuple(location.name for location in store.locations if location.name)
        number = next(self._serial)
        warehouses = named or (DEFAULT_WAREHOUSE,)
        seller = Seller(number, *self._tokens())
        shop = SandboxShop(store.name, number, self._region_of(store), warehouses, bool(named), seller)
        for ref in listings:
            shop.skus[ref.variant_id] = Sku(ref.store_sku, ref.item_id, dict.fromkeys(warehouses, quantity))
        self._shops[store.name] = shop
        return {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "service_id": self.service_id,
            "access_token": seller.access_token,
            "refresh_token": seller.refresh_token,
            "shop_cipher": shop.cipher,
            "shop_id": shop.id,
            "base_url": self.base_url,
            "auth_url": self.base_url,
            "consent_url": self.base_url,
        }

    def _region_of(self, store: Store) -> str:
        return store.region or self.region

    def shown(self, store: str) -> list[Shown]:
        shop = self._shops[store]
        return [
            Shown(sku.store_sku, warehouse if shop.named else "", available, sku.campaign.get(warehouse, 0))
            for sku in shop.skus.values()
            for warehouse, available in sku.available.items()
        ]

    def show(self, store: str, shown: Shown) -> None:
        """Also opens a warehouse at a SKU that had none there: the shop may have more than the store maps."""
        shop = self._shops[store]
        sku = _sku(shop, shown.store_sku)[1]
        warehouse = shown.location or DEFAULT_WAREHOUSE
        if warehouse not in shop.warehouses:
            shop.warehouses += (warehouse,)
        sku.available[warehouse] = shown.quantity
        sku.campaign[warehouse] = shown.reserved

    def lock_for_creator(self, store: str, store_sku: str, pieces: int) -> None:
        _sku(self._shops[store], store_sku)[1].creator = pieces

    def run_by_platform(self, store: str, warehouse: str, code: int = 12052144) -> None:
        """The warehouse becomes one of TikTok's (12052144) or of Dilayani Tokopedia (12052382)."""
        assert code in PLATFORM_RUN
        self._shops[store].platform_run[warehouse] = code

    def close_warehouse(self, store: str, warehouse: str, effect_status: str = "DISABLED") -> None:
        self._shops[store].not_enabled[warehouse] = effect_status

    def give_to_seller_of(self, store: str, other: str) -> None:
        """The shop of `other` becomes one of this store's seller, as sellers across borders have them."""
        self._shops[other].seller = self._shops[store].seller

    def auth_code(self, store: str) -> str:
        """What the seller's consent brings: good for one `token/get` within half an hour."""
        return self._new_code(self._shops[store].seller)

    def expire_tokens(self, store: str) -> None:
        self._shops[store].seller.access_until = self.now()

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The order, and the change of stock that it is."""
        shop = self._shops[store]
        sku_id, sku = _sku(shop, sold.store_sku)
        warehouse = sold.location or DEFAULT_WAREHOUSE
        sku.committed[warehouse] = sku.committed.get(warehouse, 0) + pieces
        locked = sku.locked
        sku.campaign[warehouse] = min(sku.campaign.get(warehouse, 0), sku.available[warehouse])
        of_campaign = locked - sku.locked
        at, order = self.now(), f"{576_460_000_000_000_000 + next(self._serial)}"
        ordered = {
            "order_id": order,
            "order_status": "AWAITING_SHIPMENT",
            "is_on_hold_order": False,
            "update_time": int(at.timestamp()),
        }
        delta = {
            "total_quantity_delta": 0,
            "available_quantity_delta": -pieces,
            "committed_quantity_delta": pieces,
            "in_shop_quantity_delta": of_campaign - pieces,
            "campaign_locked_quantity_delta": -of_campaign,
            "creator_locked_quantity_delta": 0,
        }
        committed = sum(sku.committed.values())
        cause = {"idempotency_key": f"order-{order}", "trigger_source": "ORDER", "occurred_at": _iso(at)}
        changed = {
            "event_id": f"sandbox-change-{next(self._serial):06}",
            "occurred_at": _iso(at),
            "shop_id": int(shop.id),
            "product_id": _number(sku.product_id),
            "sku_id": _number(sku_id),
            "quantity_snapshot_after_change": {
                "total_quantity": sku.total + committed,
                "total_available_quantity": sku.total,
                "total_committed_quantity": committed,
                "in_shop_quantity": max(0, sku.total - sku.locked - sku.creator),
                "campaign_locked_quantity": sku.locked,
                "creator_locked_quantity": sku.creator,
            },
            "change_detail": [{**cause, **delta}],
        }
        return [self._message(shop, 1, ordered, url), self._message(shop, 71, changed, url)]

    def _message(self, shop: SandboxShop, number: int, data: Mapping[str, object], url: str) -> WebhookRequest:
        message = {
            "type": number,
            "tts_notification_id": f"{7_327_000_000_000_000_000 + next(self._serial)}",
            "shop_id": shop.id,
            "timestamp": int(self.now().timestamp()),
            "data": data,
        }
        body = json.dumps(message, separators=(",", ":")).encode()
        sign = webhook_signature(self.app_secret, self.app_key, body)
        return WebhookRequest(url, {"Authorization": sign, "Content-Type": "application/json"}, body)

    # Stock

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.read()
        shop = self._shop_of(request, body)
        if isinstance(shop, web.Response):
            return shop
        if self._meter.too_many(f"update {shop.cipher}"):
            return self._throttled()
        fault = self.next_fault()
        if fault in _BEFORE_THE_WORK:
            return self._failed(request, fault)
        product_id, rows = request.match_info["product_id"], _parsed(body).get("skus")
        refusal = refused_call(shop, product_id, rows)
        if refusal is not None or not isinstance(rows, list):
            return _error(refusal.code, refusal.message) if refusal else _error(101000, "Invalid parameter `skus`.")
        errors = set_rows(shop, product_id, rows, fault)
        if fault == "slow":
            await self.dawdle()
        return self.drop(request) if fault == "drop_after" else _success({"errors": errors} if errors else {})

    async def _search(self, request: web.Request) -> web.Response:
        body = await request.read()
        shop = self._shop_of(request, body)
        if isinstance(shop, web.Response):
            return shop
        if self._meter.too_many(f"search {shop.cipher}"):
            return self._throttled()
        if self._faults and self._faults[0] in _OF_WRITES:
            self.calls += 1
        elif (fault := self.next_fault()) is not None:
            return self._failed(request, fault)
        wanted = _parsed(body)
        sku_ids, product_ids = wanted.get("sku_ids") or [], wanted.get("product_ids") or []
        if not (isinstance(sku_ids, list) and isinstance(product_ids, list)) or not sku_ids + product_ids:
            return _error(101000, "Invalid parameter: `sku_ids` or `product_ids` is required.")
        if len(sku_ids) > _SEARCH_SKUS_MAX or len(product_ids) > _SEARCH_PRODUCTS_MAX:
            return _error(101000, "Invalid parameter: too many ids.")
        found = {i: s for i, s in shop.skus.items() if (i in sku_ids if sku_ids else s.product_id in product_ids)}
        return _success({"inventory": inventory(found)})

    def _throttled(self) -> web.Response:
        self.calls += 1
        return _too_many()

    def _failed(self, request: web.Request, fault: Fault | None) -> web.Response:
        """A fault that comes before the work."""
        match fault:
            case "throttle":
                return _too_many()
            case "server_error":
                return _error(36009003, "Internal error. Please try again later.", status=500)
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                return _expired_token()
            case _:
                return self.drop(request)

    # Shops and warehouses

    async def _warehouses(self, request: web.Request) -> web.Response:
        shop = self._shop_of(request, await request.read())
        if isinstance(shop, web.Response):
            return shop
        if self._meter.too_many(f"warehouses {shop.cipher}"):
            return _too_many()
        sales = [
            {
                "id": warehouse,
                "name": f"Warehouse {warehouse}",
                "type": "SALES_WAREHOUSE",
                "effect_status": shop.not_enabled.get(warehouse, "ENABLED"),
                "is_default": warehouse == shop.warehouses[0],
            }
            for warehouse in shop.warehouses
        ]
        returns = {"id": f"{shop.id}1", "name": "Returns", "type": "RETURN_WAREHOUSE", "effect_status": "ENABLED"}
        return _success({"warehouses": [*sales, {**returns, "is_default": False}]})

    async def _authorized_shops(self, request: web.Request) -> web.Response:
        shop = self._shop_of(request, await request.read(), of_shop=False)
        if isinstance(shop, web.Response):
            return shop
        return _success(
            {
                "shops": [
                    {
                        "id": one.id,
                        "cipher": one.cipher,
                        "name": one.store,
                        "region": one.region,
                        "seller_type": "LOCAL",
                        "code": f"{one.region}LC{one.number:06}",
                    }
                    for one in self._shops.values()
                    if one.seller is shop.seller
                ]
            }
        )

    async def _no_such_path(self, request: web.Request) -> web.Response:
        return _error(36009009, "Invalid path. The requested path does not exist.", status=404)

    # Who may call

    def _shop_of(self, request: web.Request, body: bytes, *, of_shop: bool = True) -> SandboxShop | web.Response:
        """The shop that the call is for, or TikTok's refusal: signature, then token, then time, then shop."""
        query = dict(request.query)
        if query.get("app_key") != self.app_key:
            return _error(36009004, "Invalid credentials. Invalid `app_key` query parameter.", status=400)
        given = query.get("sign")
        if not given:
            words = "Missing credentials. The request does not include a required signature in the query."
            return _error(36009004, words, status=400)
        # The path is signed as it was sent, still quoted.
        expected = request_signature(self.app_secret, request.rel_url.raw_path, query, body)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            return _error(106001, "Invalid credentials. The 'sign' query parameter is invalid.", status=401)
        return self._refused_token(request) or self._refused_time(query) or self._shop_meant(request, query, of_shop)

    def _refused_token(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("x-tts-access-token", "")
        sellers = [shop.seller for shop in self._shops.values()]
        if any(token in seller.replaced for seller in sellers):
            return _expired_token()
        holder = next((seller for seller in sellers if token == seller.access_token), None)
        if holder is None:
            words = "Invalid credentials. The `x-tts-access-token` header is invalid."
            return _error(36009004, words, status=400)
        return _expired_token() if holder.access_until <= self.now() else None

    def _refused_time(self, query: Mapping[str, str]) -> web.Response | None:
        timestamp = query.get("timestamp", "")
        now = int(self.now().timestamp())
        if not timestamp.isdecimal():
            words = "Invalid timestamp. The value of the `timestamp` query parameter must not be lesser than 0."
        elif int(timestamp) < now - 300:
            words = (
                "Invalid timestamp. The value of the `timestamp` query parameter must not be earlier than 5 minutes "
                "before the current time."
            )
        elif int(timestamp) > now + 30:
            words = (
                "Invalid timestamp. The value of the `timestamp` query parameter must not be later than 30 seconds "
                "after the current time."
            )
        else:
            return None
        return _error(36009004, words, status=400)

    def _shop_meant(self, request: web.Request, query: Mapping[str, str], of_shop: bool) -> SandboxShop | web.Response:
        token = request.headers["x-tts-access-token"]
        shops = [shop for shop in self._shops.values() if shop.seller.access_token == token]
        cipher = query.get("shop_cipher")
        if not of_shop and cipher is not None:
            words = "Unexpected identifier. The `shop_cipher` query parameter is not required for this request."
            return _error(36009004, words, status=400)
        if not of_shop:
            return shops[0]
        if cipher is None:
            return _error(106013, "Missing identifier. The `shop_cipher` query parameter is required.", status=400)
        meant = next((shop for shop in shops if shop.cipher == cipher), None)
        words = "Invalid identifier. The `shop_cipher` query parameter is invalid."
        return meant or _error(36009004, words, status=400)

    # Consent and tokens

    async def _consent(self, request: web.Request) -> web.Response:
        """Every seller agrees at once, unless the link says `refuse`. Where there are several, a page asks who."""
        query = request.query
        if query.get("service_id") != self.service_id:
            return web.Response(status=404, text="There is no such service.")
        state = {"state": query["state"]} if "state" in query else {}
        if "refuse" in query:
            return self._back({"code": "null", "error": "auth_denied", **state})
        sellers = {f"{shop.seller.number}": shop for shop in reversed(self._shops.values())}
        chosen = [shop for number, shop in sellers.items() if query.get("seller", number) == number]
        if len(chosen) != 1:
            return web.Response(text=_sellers(sellers, request.path_qs), content_type="text/html")
        shop, code = chosen[0], self._new_code(chosen[0].seller)
        return self._back({"app_key": self.app_key, "code": code, "shop_region": shop.region, **state})

    def _back(self, parameters: Mapping[str, str]) -> web.Response:
        joint = "&" if "?" in self.redirect_url else "?"
        return web.Response(status=302, headers={"Location": f"{self.redirect_url}{joint}{urlencode(parameters)}"})

    async def _first_tokens(self, request: web.Request) -> web.Response:
        return self._token(request, "authorized_code", self._seller_of_code, _NO_SUCH_CODE)

    async def _next_tokens(self, request: web.Request) -> web.Response:
        return self._token(request, "refresh_token", self._seller_of_refresh_token, _NO_SUCH_REFRESH_TOKEN)

    def _seller_of_code(self, query: Mapping[str, str]) -> Seller | None:
        code = query.get("auth_code")
        for seller in self._sellers():
            if code and code == seller.code and seller.code_until is not None and self.now() < seller.code_until:
                seller.code = ""
                return seller
        return None

    def _seller_of_refresh_token(self, query: Mapping[str, str]) -> Seller | None:
        token = query.get("refresh_token")
        for seller in self._sellers():
            if token and token == seller.refresh_token and self.now() < seller.refresh_until:
                self.refreshes += 1
                return seller
        return None

    def _sellers(self) -> list[Seller]:
        return [shop.seller for shop in self._shops.values()]

    def _token(
        self,
        request: web.Request,
        grant_type: str,
        seller_of: Callable[[Mapping[str, str]], Seller | None],
        refusal: tuple[int, str],
    ) -> web.Response:
        """Refusals have HTTP 200 here."""
        query = request.query
        if (query.get("app_key"), query.get("app_secret")) != (self.app_key, self.app_secret):
            return _error(98001004, "invalid params: app_key or app_secret")
        if query.get("grant_type") != grant_type:
            return _error(98001004, "invalid params: grant_type")
        seller = seller_of(query)
        return _error(*refusal) if seller is None else self._new_tokens(seller)

    def _new_tokens(self, seller: Seller) -> web.Response:
        seller.replaced.add(seller.access_token)
        seller.access_token, seller.access_until, seller.refresh_token, seller.refresh_until = self._tokens()
        shop = next(shop for shop in self._shops.values() if shop.seller is seller)
        return _success(
            {
                "access_token": seller.access_token,
                "access_token_expire_in": int(seller.access_until.timestamp()),
                "refresh_token": seller.refresh_token,
                "refresh_token_expire_in": int(seller.refresh_until.timestamp()),
                "open_id": f"sandbox-{seller.number}",
                "seller_name": shop.store,
                "seller_base_region": shop.region,
                "user_type": 0,
                "granted_scopes": ["seller.product.basic", "seller.product.write", "seller.logistics"],
            }
        )

    def _new_code(self, seller: Seller) -> str:
        seller.code = f"ROW_sandbox-code-{next(self._serial):06}"
        seller.code_until = self.now() + timedelta(minutes=_CODE_MINUTES)
        return seller.code

    def _tokens(self) -> tuple[str, datetime, str, datetime]:
        number, now = next(self._serial), self.now()
        access_until, refresh_until = now + timedelta(days=_ACCESS_DAYS), now + timedelta(days=_REFRESH_DAYS)
        return f"ROW_sandbox-access-{number:06}", access_until, f"ROW_sandbox-refresh-{number:06}", refresh_until


class TokopediaSandbox(TikTokSandbox):
    """The same server, whose shops are all Indonesian."""

    region = TOKOPEDIA_REGION

    def _region_of(self, store: Store) -> str:
        return TOKOPEDIA_REGION


_NO_SUCH_CODE = (36004004, "invalid auth code")
_NO_SUCH_REFRESH_TOKEN = (36004005, "can not find related auth record")


def _sku(shop: SandboxShop, store_sku: str) -> tuple[str, Sku]:
    return next((sku_id, sku) for sku_id, sku in shop.skus.items() if sku.store_sku == store_sku)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(written: str) -> int | str:
    return int(written) if written.isascii() and written.isdecimal() else written


def _sellers(sellers: Mapping[str, SandboxShop], link: str) -> str:
    rows = [
        f'<li><a href="{escape(f"{link}&seller={number}")}">{escape(shop.store)}</a></li>'
        for number, shop in sellers.items()
    ]
    return f"<!doctype html><title>TikTok Shop</title><p>Which seller agrees?</p><ul>{''.join(rows)}</ul>"


def _parsed(body: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _too_many() -> web.Response:
    return _error(36009002, "Too many requests. Request rate limit exceeded.", status=429)


def _expired_token() -> web.Response:
    return _error(105002, "access token is expired, please refresh it", status=401)


def _success(data: Mapping[str, object]) -> web.Response:
    return _reply(200, {"code": 0, "message": "Success", "data": data})


def _error(code: int, message: str, status: int = 200) -> web.Response:
    return _reply(status, {"code": code, "message": message})


def _reply(status: int, body: Mapping[str, object]) -> web.Response:
    return web.json_response({**body, "request_id": "20261121000000SANDBOX"}, status=status)
