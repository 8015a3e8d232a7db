"""A local Shopee: the addresses that pushdsl uses, in Shopee's own words, with stock that can be looked at.

The signature is checked over what arrived, then the token, then the time. Shopee publishes no rate, so none is kept.
Where nobody has written down what Shopee says (a quantity beyond the limit, the HTTP status of a refusal), the words
and numbers are ours.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from itertools import count
from urllib.parse import urlsplit

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_shopee.authorization import with_parameters
from pushdsl_shopee.signing import public_sign, shop_sign, webhook_sign
from pushdsl_shopee.wire import Fields, whole_number

_API = "/api/v2"
_CATEGORY = 100_017
_MODELS_MAX = 50
_WINDOW_SECONDS = 300
_ACCESS_SECONDS = 14_400
_REFRESH_DAYS = 30
_CODE_MINUTES = 10
_ID_MAX = 4_294_967_295
_SINGAPORE = timezone(timedelta(hours=8))
_PROMOTION, _PROMOTION_TYPE = 649_305_216_139_969, "Discount Promotions"
_WAREHOUSE_OF_SHOPEE = "IDG"

_OF_STOCK: tuple[Fault | None, ...] = ("drop_after", "slow", "refuse_row", "promotion_lock", "promotion_begins")
"""Faults that need stock to be written; every other call leaves them for the write that comes after it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Model:
    store_sku: str
    stock: dict[str, int]
    reserved: dict[str, int] = field(default_factory=dict)


@dataclass
class _Item:
    models: dict[int, _Model] = field(default_factory=dict)
    status: str = "NORMAL"
    days: int | None = None
    """Days to ship in pre-order; None in normal mode."""
    kept_by_shopee: bool = False
    """Whether its stock lies in Shopee's own warehouse, where the seller cannot set it."""

    @property
    def has_models(self) -> bool:
        return 0 not in self.models

    @property
    def reserved(self) -> int:
        return sum(sum(model.reserved.values()) for model in self.models.values())


@dataclass
class _Shop:
    store: Store
    shop_id: int
    locations: tuple[str, ...]
    code: str
    code_until: datetime
    access_token: str
    access_until: datetime
    refresh_token: str
    refresh_until: datetime
    items: dict[int, _Item] = field(default_factory=dict)
    holidays: dict[str, int] = field(default_factory=dict)
    """The `holiday_mode_state` of warehouses, where it is not 0."""

    @property
    def names(self) -> tuple[str, ...]:
        return self.locations or ("",)


class _RefusedError(Exception):
    """A refusal in Shopee's words; never leaves this module."""

    def __init__(self, error: str, message: str, status: int = 200) -> None:
        super().__init__(error)
        self.error, self.message, self.status = error, message, status


_Write = Callable[[_Shop, Fields, Fault | None], Fields]


class ShopeeSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    partner_id = 2_001_887
    partner_key = "sandbox-partner-key-0123456789"
    stock_max = 10_000_000
    """The `stock_limit` of every category."""
    days_to_ship = (7, 30)
    """The pre-order range of every category."""
    normal_days_to_ship = 2

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self._shops: dict[str, _Shop] = {}
        self._serial = count(1)
        self._no_calls_until: datetime | None = None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", f"{_API}/{{path:.*}}", self._answer)]

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        number = next(self._serial)
        locations = tuple(location.name for location in store.locations if location.name)
        shop = _Shop(store, 14_701_710 + number, locations, *self._code(), *self._tokens())
        for ref in listings:
            item_id, model_id = whole_number(ref.item_id), whole_number(ref.variant_id or "0")
            # A listing whose ids are no numbers cannot exist at Shopee.
            if item_id is not None and model_id is not None:
                item = shop.items.setdefault(item_id, _Item())
                item.models[model_id] = _Model(ref.store_sku, dict.fromkeys(shop.names, quantity))
        self._shops[store.name] = shop
        return {
            "partner_id": self.partner_id,
            "partner_key": self.partner_key,
            "shop_id": shop.shop_id,
            "access_token": shop.access_token,
            "refresh_token": shop.refresh_token,
            "base_url": self.base_url,
        }

    def shown(self, store: str) -> list[Shown]:
        return [
            Shown(
                model.store_sku,
                location,
                pieces,
                model.reserved.get(location, 0),
                "normal" if item.days is None else "preorder",
                item.days,
            )
            for item in self._shops[store].items.values()
            for model in item.models.values()
            for location, pieces in model.stock.items()
        ]

    def show(self, store: str, shown: Shown) -> None:
        item, model = next(
            (item, model)
            for item in self._shops[store].items.values()
            for model in item.models.values()
            if model.store_sku == shown.store_sku
        )
        location = shown.location or self._shops[store].names[0]
        model.stock[location] = shown.quantity
        model.reserved[location] = shown.reserved
        item.days = (shown.days or self.days_to_ship[1]) if shown.mode == "preorder" else None

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
        return self._shops[store].code

    def refresh_token(self, store: str) -> str:
        return self._shops[store].refresh_token

    def expire_tokens(self, store: str) -> None:
        self._shops[store].access_until = self.now()

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """The order, and where a promotion reserved the listing, that it took from what is reserved."""
        shop, item_id, model_id = self._shops[store], *self._ids_of(store, sold.store_sku)
        at, reserved = int(self.now().timestamp()), max(0, sold.reserved - pieces)
        ordersn = f"{self.now():%y%m%d}PUSH{next(self._serial):06}"
        items = [{"item_id": item_id, "model_id": model_id}]
        order = {"ordersn": ordersn, "status": "READY_TO_SHIP", "update_time": at, "items": items}
        sent = [self._message(shop, 3, order, url)]
        if sold.reserved:
            self.show(store, replace(sold, reserved=reserved))
            change = {
                "action": "place_order",
                "item_id": item_id,
                "variation_id": model_id,
                "ordersn": ordersn,
                "promotion_id": _PROMOTION,
                "promotion_type": _PROMOTION_TYPE,
                "update_time": at,
                "changed_values": [{"name": "reserved_stock", "old": sold.reserved, "new": reserved}],
            }
            sent.append(self._message(shop, 8, change, url))
        return sent

    def _message(self, shop: _Shop, code: int, data: Fields, url: str) -> WebhookRequest:
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

    def _ids_of(self, store: str, store_sku: str) -> tuple[int, int]:
        return next(
            (item_id, model_id)
            for item_id, item in self._shops[store].items.items()
            for model_id, model in item.models.items()
            if model.store_sku == store_sku
        )

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return await self._routed(request)
        except _RefusedError as refused:
            return _reply({}, refused.error, refused.message, refused.status)

    async def _routed(self, request: web.Request) -> web.Response:
        match request.method, request.match_info["path"]:
            case "GET", "shop/auth_partner":
                return self._consent(request)
            case "POST", "auth/token/get":
                return self._first_tokens(await self._public(request))
            case "POST", "auth/access_token/get":
                return self._next_tokens(await self._public(request))
            case "POST", "product/update_stock":
                return await self._written(request, self._update_stock)
            case "POST", "product/update_item":
                return await self._written(request, self._update_item)
            case "GET", "product/get_item_base_info":
                return self._read(request, self._base_info)
            case "GET", "product/get_model_list":
                return self._read(request, self._model_list)
            case "GET", "product/get_item_promotion":
                return self._promotions(self._shop(request), request)
            case "GET", "product/get_item_limit":
                self._shop(request)
                return self._limits(request)
            case "GET", "shop/get_warehouse_detail":
                return self._warehouses(self._shop(request))
            case _:
                words = "Permission denied. This API is currently offline or the request path is incorrect."
                raise _RefusedError("error_param", words, 404)

    # Who is calling

    def _shop(self, request: web.Request) -> _Shop:
        """The shop of a call with a shop signature; the token is known before its time is looked at."""
        query = request.query
        self._check_common(request)
        if not query.get("access_token"):
            raise _RefusedError("error_param", "There is no access_token in query.", 403)
        if not query.get("shop_id"):
            raise _RefusedError("error_param", "There is no shop_id in query.", 403)
        signed = (query["partner_id"], request.path, query["timestamp"], query["access_token"], query["shop_id"])
        _check_sign(query["sign"], shop_sign(self.partner_key, *signed))
        shop = next((shop for shop in self._shops.values() if str(shop.shop_id) == query["shop_id"]), None)
        if shop is None:
            raise _RefusedError("partner_shop_no_link", "Invalid partner_id or shop_id, please have a check.", 403)
        if shop.access_token != query["access_token"] or shop.access_until <= self.now():
            raise _expired_token()
        self._check_time(request)
        return shop

    async def _public(self, request: web.Request) -> Fields:
        """The body of a call without a token."""
        self._check_public(request)
        return await _body(request)

    def _check_public(self, request: web.Request) -> None:
        query = request.query
        self._check_common(request)
        sign = public_sign(self.partner_key, query["partner_id"], request.path, query["timestamp"])
        _check_sign(query["sign"], sign)
        self._check_time(request)

    def _check_common(self, request: web.Request) -> None:
        query = request.query
        if not query.get("partner_id"):
            raise _RefusedError("error_param", "There is no partner_id in query.", 403)
        if query["partner_id"] != str(self.partner_id):
            raise _RefusedError("invalid_partner_id", "Invalid partner_id, please have a check.", 403)
        if not query.get("timestamp"):
            raise _RefusedError("error_param", "no timestamp.", 403)
        if not query.get("sign"):
            raise _RefusedError("error_param", "There is no sign in query.", 403)
        if self._no_calls_until is not None and self.now() < self._no_calls_until:
            words = "The total API call number made by your APP has reached the daily API call limit, "
            raise _RefusedError("error_limit", f"{words}please try again after 00: 00 (UTC+08:00)", 429)

    def _check_time(self, request: web.Request) -> None:
        sent = whole_number(request.query["timestamp"])
        if sent is None or sent > _ID_MAX:
            words = f"Timestamp is invalid, should be an integer between 0 and {_ID_MAX}."
            raise _RefusedError("error_param", words, 403)
        if abs(sent - self.now().timestamp()) > _WINDOW_SECONDS:
            raise _RefusedError("error_param", "Timestamp is expired.", 403)

    # Calls that faults may meet

    async def _written(
        self, request: web.Request, work: Callable[[_Shop, Fields, Fault | None], Fields]
    ) -> web.Response:
        shop, body = self._shop(request), await _body(request)
        fault = self._fault_of(stock=work == self._update_stock)
        if fault is not None and fault not in _OF_STOCK:
            return self._failed(request, fault)
        response = work(shop, body, fault)
        if fault == "slow":
            await self.dawdle()
        return self.drop(request) if fault == "drop_after" else _reply(response)

    def _read(self, request: web.Request, work: Callable[[_Shop, web.Request], Fields]) -> web.Response:
        shop = self._shop(request)
        fault = self._fault_of(stock=False)
        return _reply(work(shop, request)) if fault is None else self._failed(request, fault)

    def _fault_of(self, *, stock: bool) -> Fault | None:
        if not stock and self._faults and self._faults[0] in _OF_STOCK:
            self.calls += 1
            return None
        return self.next_fault()

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        match fault:
            case "throttle":
                words = "Too many requests. You have reached the rate limit. Please try again later."
                return _reply({}, "error_rate_limit", words, 429)
            case "server_error":
                return web.Response(status=500, text="Internal Server Error")
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                raise _expired_token()
            case _:
                return self.drop(request)

    # Stock and pre-order

    def _update_stock(self, shop: _Shop, body: Fields, fault: Fault | None) -> Fields:
        item = _editable(shop, body)
        wanted = _wanted(body)
        if item.kept_by_shopee:
            raise _RefusedError("error_wms_shop_block_upate_stock", "Warehouse shop can't update stock.")
        if fault == "promotion_begins" and (model := item.models.get(next(iter(wanted)))) is not None:
            model.reserved = dict(model.stock)
        if item.has_models and 0 in wanted:
            words = "Can't to edit item stock directly while item has models."
            raise _RefusedError("error_edit_item_stock_for_item_has_model", words)
        if fault == "promotion_lock":
            words = "Model stock cannot be editted when item/model is promotion."
            raise _RefusedError("error_model_update_stock_model_in_promotion", words)
        for model_id, stock in wanted.items():
            if (model := item.models.get(model_id)) is not None:
                self._check_stock(shop, model, stock)
        failed = {model_id: "model ID not exist in sku" for model_id in wanted if model_id not in item.models}
        if fault == "refuse_row":
            failed.setdefault(next(iter(wanted)), "this model can not be edited")
        done: list[Fields] = []
        for model_id, stock in wanted.items():
            if model_id not in failed:
                item.models[model_id].stock.update(stock)
                done += [{"model_id": model_id, "location_id": at, "stock": pieces} for at, pieces in stock.items()]
        failures = [{"model_id": model_id, "failed_reason": reason} for model_id, reason in failed.items()]
        return {"success_list": done, "failure_list": failures}

    def _check_stock(self, shop: _Shop, model: _Model, stock: Mapping[str, int]) -> None:
        """Raises for the whole call: of these refusals Shopee names no model."""
        _check_locations(shop, stock)
        if any(pieces < 0 for pieces in stock.values()):
            raise _RefusedError("error_stock_less_then_min_limit", "Stock is less than the min limit 0.")
        if any(pieces > self.stock_max for pieces in stock.values()):
            raise _RefusedError("error_stock_bigger_then_limit", f"Stock is bigger than the limit {self.stock_max}.")
        if sum({**model.stock, **stock}.values()) < sum(model.reserved.values()):
            raise _RefusedError("error_auth", "Total stock must be more than reserved stock.")

    def _update_item(self, shop: _Shop, body: Fields, _: Fault | None) -> Fields:
        item = _editable(shop, body)
        pre_order = body.get("pre_order")
        if pre_order is None:
            return {"item_id": body["item_id"]}
        if not isinstance(pre_order, dict) or not isinstance(pre_order.get("is_pre_order"), bool):
            raise _RefusedError("product.error_param", "Wrong parameters, detail: pre_order.")
        days = pre_order.get("days_to_ship")
        if type(days) is not int:
            raise _RefusedError("product.error_param", "Wrong parameters, detail: days_to_ship is required.")
        if not pre_order["is_pre_order"]:
            if days != self.normal_days_to_ship:
                raise _RefusedError("error_invalid_days_to_ship", "Invalid days_to_ship.")
            item.days = None
        elif not self.days_to_ship[0] <= days <= self.days_to_ship[1]:
            raise _RefusedError("error_invalid_days_to_ship", "Invalid days_to_ship.")
        elif days != item.days and item.reserved:
            words = "Item cannot be changed to pre-order when item is under promotion.."
            raise _RefusedError("error_cannt_edit_pre_order_in_promotion", words)
        else:
            item.days = days
        return {"item_id": body["item_id"], "pre_order": self._pre_order(item)}

    # What is shown

    def _base_info(self, shop: _Shop, request: web.Request) -> Fields:
        known = [(item_id, shop.items[item_id]) for item_id in _ids(request) if item_id in shop.items]
        return {"item_list": [self._item_body(item_id, item) for item_id, item in known]}

    def _item_body(self, item_id: int, item: _Item) -> Fields:
        return {
            "item_id": item_id,
            "category_id": _CATEGORY,
            "item_name": f"Item {item_id}",
            "item_status": item.status,
            "has_model": item.has_models,
            "pre_order": self._pre_order(item),
            **({} if item.has_models else {"stock_info_v2": _stock_info(item, item.models[0])}),
        }

    def _model_list(self, shop: _Shop, request: web.Request) -> Fields:
        item = _known(shop, whole_number(request.query.get("item_id")))
        return {
            "tier_variation": [],
            "model": [
                {
                    "model_id": model_id,
                    "model_sku": model.store_sku,
                    "model_status": "MODEL_NORMAL",
                    "has_promotion": sum(model.reserved.values()) > 0,
                    "stock_info_v2": _stock_info(item, model),
                }
                for model_id, model in item.models.items()
                if model_id
            ],
        }

    def _pre_order(self, item: _Item) -> Fields:
        days = self.normal_days_to_ship if item.days is None else item.days
        return {"is_pre_order": item.days is not None, "days_to_ship": days}

    def _promotions(self, shop: _Shop, request: web.Request) -> web.Response:
        wanted = _ids(request)
        known = [(item_id, shop.items[item_id]) for item_id in wanted if item_id in shop.items]
        return _reply(
            {
                "success_list": [{"item_id": i, "promotion": self._promotion_rows(item)} for i, item in known],
                "failure_list": [
                    {"item_id": item_id, "failed_reason": "Item_id is not found."}
                    for item_id in wanted
                    if item_id not in shop.items
                ],
            }
        )

    def _promotion_rows(self, item: _Item) -> list[Fields]:
        at = int(self.now().timestamp())
        return [
            {
                "promotion_type": _PROMOTION_TYPE,
                "promotion_id": _PROMOTION,
                "model_id": model_id,
                "start_time": at - 3600,
                "end_time": at + 3600,
                "promotion_staging": "ongoing",
                "promotion_stock_info_v2": {"summary_info": {"total_reserved_stock": reserved}},
            }
            for model_id, model in item.models.items()
            if (reserved := sum(model.reserved.values()))
        ]

    def _limits(self, request: web.Request) -> web.Response:
        fewest, most = self.days_to_ship
        dts = {
            "days_to_ship_limit": {"min_limit": fewest, "max_limit": most},
            "non_pre_order_days_to_ship": self.normal_days_to_ship,
        }
        by_category = {"dts_limit": dts} if request.query.get("category_id") else {}
        return _reply({"stock_limit": {"min_limit": 0, "max_limit": self.stock_max}, **by_category})

    def _warehouses(self, shop: _Shop) -> web.Response:
        if not shop.locations:
            words = "Your shop is not in multi-warehouse whitelist."
            raise _RefusedError("warehouse.error_not_in_whitelist", words)
        return _reply(
            [
                {
                    "warehouse_id": number,
                    "warehouse_name": f"Warehouse {number}",
                    "warehouse_type": 1,
                    "location_id": name,
                    "region": shop.store.region,
                    "holiday_mode_state": shop.holidays.get(name, 0),
                }
                for number, name in enumerate(shop.locations, 1)
            ]
        )

    # Consent and tokens

    def _consent(self, request: web.Request) -> web.Response:
        """Every seller agrees at once. Where several shops are open, a page asks whose seller it is."""
        self._check_public(request)
        redirect, chosen = request.query.get("redirect", ""), request.query.get("shop_id")
        if urlsplit(redirect).scheme not in ("http", "https"):
            raise _RefusedError("error_param", "Wrong parameters, detail: redirect.", 403)
        shops = [shop for shop in self._shops.values() if chosen in (None, str(shop.shop_id))]
        if len(shops) != 1:
            return web.Response(text=_sellers(shops, request.path_qs), content_type="text/html")
        [shop] = shops
        shop.code, shop.code_until = self._code()
        back = with_parameters(redirect, {"code": shop.code, "shop_id": str(shop.shop_id)})
        return web.Response(status=302, headers={"Location": back})

    def _first_tokens(self, body: Fields) -> web.Response:
        shop = self._shop_of_body(body)
        if not shop.code or body.get("code") != shop.code or shop.code_until <= self.now():
            raise _RefusedError("error_auth", "Invalid code", 403)
        shop.code = ""
        return self._new_tokens(shop, {})

    def _next_tokens(self, body: Fields) -> web.Response:
        shop = self._shop_of_body(body)
        if body.get("refresh_token") != shop.refresh_token:
            raise _RefusedError("error_auth", "Invalid refresh_token.", 403)
        if shop.refresh_until <= self.now():
            raise _RefusedError("refresh_token_expired", "Your refresh_token expired.", 403)
        self.refreshes += 1
        return self._new_tokens(shop, {"partner_id": self.partner_id, "shop_id": shop.shop_id})

    def _shop_of_body(self, body: Fields) -> _Shop:
        for name, value in (("partner_id", body.get("partner_id")), ("shop_id", body.get("shop_id"))):
            if type(value) is not int:
                raise _RefusedError("error_param", f"{name} is invalid, should be an integer between 0 and {_ID_MAX}.")
        shop = next((shop for shop in self._shops.values() if shop.shop_id == body["shop_id"]), None)
        if shop is None or body["partner_id"] != self.partner_id:
            raise _RefusedError("error_auth", "Invalid partner_id or shopid.", 403)
        return shop

    def _new_tokens(self, shop: _Shop, named: Fields) -> web.Response:
        """Beside the envelope's fields, and not under `response` as everywhere else."""
        shop.access_token, shop.access_until, shop.refresh_token, shop.refresh_until = self._tokens()
        return web.json_response(
            {
                "access_token": shop.access_token,
                "refresh_token": shop.refresh_token,
                "expire_in": _ACCESS_SECONDS,
                **named,
                "request_id": _REQUEST_ID,
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


def _check_sign(given: str, expected: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise _RefusedError("error_sign", "Wrong sign.", 403)


def _expired_token() -> _RefusedError:
    return _RefusedError("invalid_acceess_token", "Invalid access_token, please have a check.", 403)


def _known(shop: _Shop, item_id: object) -> _Item:
    item = shop.items.get(item_id) if isinstance(item_id, int) else None
    if item is None or item.status.endswith("_DELETE"):
        raise _RefusedError("error_item_not_found", "Item_id is not found.")
    return item


def _editable(shop: _Shop, body: Fields) -> _Item:
    """The item of a write; its id must be a JSON integer."""
    if type(body.get("item_id")) is not int:
        raise _RefusedError("product.error_param", "Wrong parameters, detail: item_id.")
    item = _known(shop, body["item_id"])
    if item.status in ("BANNED", "REVIEWING"):
        raise _RefusedError("error_item_uneditable", "Can't edit this item. item status can not support editing.")
    return item


def _wanted(body: Fields) -> dict[int, dict[str, int]]:
    """Pieces by model and location, of a request whose shape is right."""
    stock_list = body.get("stock_list")
    if not isinstance(stock_list, list) or not 1 <= len(stock_list) <= _MODELS_MAX:
        words = f"Parameter is not match the constraints, stock_list length should be between 1 and {_MODELS_MAX}."
        raise _RefusedError("error_param", words)
    wanted: dict[int, dict[str, int]] = {}
    for row in stock_list:
        model_id, stock = _wanted_row(row)
        if model_id in wanted:
            raise _RefusedError("error_param", "Repeat model_id.")
        wanted[model_id] = stock
    return wanted


def _wanted_row(row: object) -> tuple[int, dict[str, int]]:
    wrong = _RefusedError("product.error_param", "Wrong parameters, detail: stock_list.")
    if not isinstance(row, dict) or type(row.get("model_id", 0)) is not int:
        raise wrong
    places = row.get("seller_stock")
    if not isinstance(places, list) or not places:
        raise wrong
    stock: dict[str, int] = {}
    for place in places:
        if not isinstance(place, dict) or type(place.get("stock")) is not int:
            raise wrong
        location = place.get("location_id", "")
        if not isinstance(location, str) or location in stock:
            raise wrong
        stock["" if location == "-" else location] = place["stock"]
    return row.get("model_id", 0), stock


def _check_locations(shop: _Shop, stock: Mapping[str, int]) -> None:
    if not shop.locations:
        if any(stock.keys()):
            words = "You do not have right to use seller location_id, please only fill seller_stock filed."
            raise _RefusedError("error_auth", words)
        return
    if "" in stock:
        raise _RefusedError("error_busi", "The merchant/shop has multi warehouse, please input location id")
    if stock.keys() - set(shop.locations):
        words = "The location_id input is not matched the shop's location_id(more/wrong). Please double check."
        raise _RefusedError("error_auth", words)
    if set(shop.locations) - stock.keys():
        raise _RefusedError("error_auth", "Lack of location_id, please double check.")


def _stock_info(item: _Item, model: _Model) -> Fields:
    reserved, total = sum(model.reserved.values()), sum(model.stock.values())
    of_seller = [
        {**({"location_id": location} if location else {}), "stock": pieces, "if_saleable": True}
        for location, pieces in model.stock.items()
    ]
    return {
        "summary_info": {"total_reserved_stock": reserved, "total_available_stock": max(0, total - reserved)},
        "seller_stock": [] if item.kept_by_shopee else of_seller,
        "shopee_stock": [{"location_id": _WAREHOUSE_OF_SHOPEE, "stock": total}] if item.kept_by_shopee else [],
        "advance_stock": {"sellable_advance_stock": 0, "in_transit_advance_stock": 0},
    }


def _sellers(shops: Sequence[_Shop], address: str) -> str:
    links = (f'<a href="{escape(address)}&amp;shop_id={shop.shop_id}">{escape(shop.store.name)}</a>' for shop in shops)
    return f"<!doctype html><title>Log in</title><p>Whose seller are you?</p><p>{'<br>'.join(links)}</p>"


def _ids(request: web.Request) -> list[int]:
    """Of `item_id_list`: with commas as one client sends it, or the key repeated as another does."""
    written = [part for value in request.query.getall("item_id_list", []) for part in value.split(",")]
    numbers = [whole_number(part) for part in written]
    ids = [number for number in numbers if number is not None]
    if len(ids) != len(written) or not 1 <= len(ids) <= _MODELS_MAX:
        raise _RefusedError("product.error_param", "Wrong parameters, detail: item_id_list.")
    return ids


async def _body(request: web.Request) -> Fields:
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _RefusedError("error_data", "parse data failed")
    return body


_REQUEST_ID = "2069ce4ad9f2d91ffb1a3db40d2b6502"


def _reply(response: object, error: str = "", message: str = "", status: int = 200) -> web.Response:
    envelope = {"request_id": _REQUEST_ID, "error": error, "message": message, "warning": ""}
    return web.json_response(envelope if error else {**envelope, "response": response}, status=status)
