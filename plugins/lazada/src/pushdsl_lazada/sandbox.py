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
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal
from xml.etree import ElementTree

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_lazada.signing import request_signature

_DEFAULT_WAREHOUSE = "dropshipping"
_QUANTITY_MAX = 999_999
_SKUS_MAX = 50
_WINDOW_SECONDS = 7200
_ACCESS_DAYS = 7
_REFRESH_DAYS = 30
_AUTH_PATH = "/auth/token/"

_OF_WRITES: tuple[Fault | None, ...] = ("drop_after", "refuse_row", "promotion_lock")
"""Faults that need work to be done or rows to be refused; a read leaves them for the write that comes after it."""

Row = Mapping[str, object]
"""One object of `detail`, or one `Sku` of a payload."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Sku:
    store_sku: str
    item_id: str
    sellable: dict[str, int]
    campaign: dict[str, int] = field(default_factory=dict)


@dataclass
class _Shop:
    store: Store
    number: int
    warehouses: tuple[str, ...]
    access_token: str
    refresh_token: str
    refresh_until: datetime
    code: str
    expired: set[str] = field(default_factory=set)
    skus: dict[str, _Sku] = field(default_factory=dict)

    @property
    def named(self) -> bool:
        return any(location.name for location in self.store.locations)

    @property
    def site(self) -> str:
        return self.store.region.upper() or "SG"

    def has_item(self, item_id: str) -> bool:
        return any(sku.item_id == item_id for sku in self.skus.values())


class LazadaSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    app_key = "123456"
    app_secret = "sandbox-app-secret-helloworld"

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self.warehouse_quantity: Literal["Quantity", "SellableQuantity", ""] = "Quantity"
        """The element that sets a warehouse's quantity: as a live seller found it, or as documented, or neither."""
        self.failed_call_sets_nothing = False
        self._shops: dict[str, _Shop] = {}
        self._serial = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", "/rest{path:/.*}", self._answer)]

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        number = next(self._serial)
        until = self.now() + timedelta(days=_REFRESH_DAYS)
        named = tuple(location.name for location in store.locations if location.name)
        warehouses = named or (f"AChoice-{store.region.upper()}-V-JIT" if store.choice else _DEFAULT_WAREHOUSE,)
        shop = _Shop(store, number, warehouses, *self._new_tokens(), until, f"0_sandbox-code-{number}")
        for ref in listings:
            shop.skus[ref.variant_id] = _Sku(ref.store_sku, ref.item_id, dict.fromkeys(warehouses, quantity))
        self._shops[store.name] = shop
        return {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "access_token": shop.access_token,
            "base_url": f"{self.base_url}/rest",
        }

    def shown(self, store: str) -> list[Shown]:
        shop = self._shops[store]
        return [
            Shown(sku.store_sku, warehouse if shop.named else "", quantity, sku.campaign.get(warehouse, 0))
            for sku in shop.skus.values()
            for warehouse, quantity in sku.sellable.items()
        ]

    def show(self, store: str, shown: Shown) -> None:
        shop = self._shops[store]
        sku = next(sku for sku in shop.skus.values() if sku.store_sku == shown.store_sku)
        warehouse = shown.location or shop.warehouses[0]
        sku.sellable[warehouse] = shown.quantity
        sku.campaign[warehouse] = shown.reserved

    def auth_code(self, store: str) -> str:
        """What the seller's consent would bring: good for one `/auth/token/create`."""
        return self._shops[store].code

    def refresh_token(self, store: str) -> str:
        return self._shops[store].refresh_token

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        params = {**await _form(request), **request.query}
        refused = (
            self._refused_signature(path, params) or self._refused_token(path, params) or self._refused_time(params)
        )
        if refused is not None:
            return refused
        match path:
            case "/auth/token/create":
                return self._token(params, "code")
            case "/auth/token/refresh":
                return self._token(params, "refresh_token")
        shop = next(shop for shop in self._shops.values() if shop.access_token == params["access_token"])
        match path:
            case "/product/stock/sellable/update" | "/choice/stock/edit" if request.method != "POST":
                return _error("ISV", "UnsupportedHTTPMethod", "The request was not made with a supported HTTP method")
            case "/product/stock/sellable/update":
                payload = params.get("payload") or await _unsigned_payload(request)
                return self._worked(request, lambda fault: self._update(shop, payload, fault))
            case "/choice/stock/edit":
                return self._worked(request, lambda fault: _edit_choice(shop, params, fault))
            case "/product/item/get" | "/choice/product/item/get":
                return self._read(request, shop, params, choice=path.startswith("/choice"))
            case _:
                return _error("ISV", "InvalidApiPath", "The specified API path is invalid")

    def _refused_signature(self, path: str, params: Mapping[str, str]) -> web.Response | None:
        missing = [name for name in ("app_key", "timestamp", "sign", "sign_method") if not params.get(name)]
        if missing:
            words = f"The input parameter {missing[0]} that is mandatory for processing this request is not supplied"
            return _error("ISV", "MissingParameter", words)
        if params["app_key"] != self.app_key:
            return _error("ISV", "InvalidAppKey", "The specified App Key is invalid")
        expected = request_signature(self.app_secret, path, params)
        if not hmac.compare_digest(expected.encode(), params["sign"].encode()):
            words = "The request signature does not conform to lazop standards"
            return _error("ISV", "IncompleteSignature", words)
        return None

    def _refused_token(self, path: str, params: Mapping[str, str]) -> web.Response | None:
        if path.startswith(_AUTH_PATH):
            return None
        token = params.get("access_token")
        return None if any(shop.access_token == token for shop in self._shops.values()) else _expired_token()

    def _refused_time(self, params: Mapping[str, str]) -> web.Response | None:
        sent, now = params["timestamp"], self.now().timestamp() * 1000
        if sent.isdecimal() and abs(int(sent) - now) <= _WINDOW_SECONDS * 1000:
            return None
        return _error("ISV", "InvalidTimestamp", "The timestamp differs by more than 7200 seconds from UTC")

    def _worked(self, request: web.Request, work: Callable[[Fault | None], web.Response]) -> web.Response:
        """The answer to a write; a fault may come instead of the work, in it, or after it."""
        fault = self.next_fault()
        if fault is not None and fault not in _OF_WRITES:
            return self._failed(request, fault)
        answer = work(fault)
        return self.drop(request) if fault == "drop_after" else answer

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        match fault:
            case "throttle":
                words = "The request frequency exceeds the limit. this ban will last 1 seconds"
                return _error("ISV", "ApiCallLimit", words)
            case "server_error":
                return web.Response(status=500, text="Internal Server Error")
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                return _expired_token()
            case _:
                return self.drop(request)

    def _update(self, shop: _Shop, payload: str, fault: Fault | None) -> web.Response:
        if shop.store.choice:
            return _error("ISV", "AUTH_TYPE_UNSUPPORTED", "The authorization does not allow this API")
        if not payload:
            return _error("ISP", "6", "E006: Unexpected internal error")
        skus = _parsed(payload)
        if (wrong := _wrong_request(skus)) is not None or skus is None:
            return wrong or _error("ISV", "5", "E005: Invalid Request Format")
        refusals = [self._refusal(shop, sku, fault if number == 0 else None) for number, sku in enumerate(skus)]
        if not (self.failed_call_sets_nothing and any(refusals)):
            for sku, refusal in zip(skus, refusals, strict=True):
                if refusal is None:
                    self._set(shop, sku)
        rows = [refusal for refusal in refusals if refusal is not None]
        return _error("ISP", "501", "E501: Update product failed", rows) if rows else _success({"data": {}})

    def _refusal(self, shop: _Shop, row: Row, fault: Fault | None) -> Row | None:
        """Why a SKU cannot be set, None where it can."""
        item_id, sku_id = _text(row, "ItemId"), _text(row, "SkuId")
        sku = shop.skus.get(sku_id)
        about: dict[str, object] = {"item_id": _number(item_id)}
        if not shop.has_item(item_id):
            return {"code": "E0501", "field": "ItemId", **about, "message": "ITEM_NOT_FOUND"}
        if sku is None or sku.item_id != item_id:
            return {"code": "E0207", "field": "SkuId", **about, "sku_id": _number(sku_id), "message": "SKU not exist"}
        named = {**about, "seller_sku": sku.store_sku, "sku_id": _number(sku_id)}
        if fault == "refuse_row":
            return {"code": "E4155", "field": "Product", **named, "message": "The product is locked"}
        wanted = self._wanted(shop, row)
        if _warehouses(row) and shop.warehouses == (_DEFAULT_WAREHOUSE,):
            words = "a seller with one warehouse must not use MultiWarehouseInventories"
            return {"code": "E0501", "field": "MultiWarehouseInventories", **named, "message": words}
        if unknown := [code for code in wanted if code not in shop.warehouses]:
            return {"code": "E0501", "field": "WarehouseCode", **named, "message": f"warehouse {unknown[0]} is invalid"}
        if any(quantity < 0 for quantity in wanted.values()):
            return {"code": "E4152", "field": "SellableQuantity", **named, "message": "The quantity is negative"}
        if any(quantity > _QUANTITY_MAX for quantity in wanted.values()):
            words = f"The quantity exceeds the maximum {_QUANTITY_MAX}"
            return {"code": "E0501", "field": "SellableQuantity", **named, "message": words}
        below = sum({**sku.sellable, **wanted}.values()) < sum(sku.campaign.values())
        # Such a row names the item alone.
        return (
            {"code": "E0501", "field": "bizCheck", **about, "message": _floor(sku_id)}
            if (below or fault == "promotion_lock")
            else None
        )

    def _wanted(self, shop: _Shop, row: Row) -> dict[str, int]:
        """What is understood of a row, by warehouse; all else in it is ignored, as Lazada does."""
        wanted = {
            _text(warehouse, "WarehouseCode"): int(_text(warehouse, self.warehouse_quantity))
            for warehouse in _warehouses(row)
            if _is_quantity(_text(warehouse, self.warehouse_quantity))
        }
        plain = _text(row, "SellableQuantity")
        return {shop.warehouses[0]: int(plain), **wanted} if _is_quantity(plain) else wanted

    def _set(self, shop: _Shop, row: Row) -> None:
        shop.skus[_text(row, "SkuId")].sellable.update(self._wanted(shop, row))

    def _read(self, request: web.Request, shop: _Shop, params: Mapping[str, str], *, choice: bool) -> web.Response:
        if self._faults and self._faults[0] in _OF_WRITES:
            self.calls += 1
        elif (fault := self.next_fault()) is not None:
            return self._failed(request, fault)
        if choice and not shop.store.choice:
            return _error("ISP", "E1001", "not jit seller")
        item_id = params.get("item_id", "")
        if not shop.has_item(item_id):
            return (
                _error("ISP", "E0208", "Product not exist") if choice else _error("ISP", "208", "E208: Item not exist")
            )
        skus = [_sku_body(shop, sku_id, sku) for sku_id, sku in shop.skus.items() if sku.item_id == item_id]
        item = {"item_id": int(item_id), "status": "Active", "skus": skus, "suspendedSkus": [], "attributes": {}}
        return _success({"data": item})

    def _token(self, params: Mapping[str, str], name: Literal["code", "refresh_token"]) -> web.Response:
        given = params.get(name)
        shop = next((shop for shop in self._shops.values() if given and given == getattr(shop, name)), None)
        left = int((shop.refresh_until - self.now()).total_seconds()) if shop else 0
        if shop is None or left <= 0:
            code = "InvalidCode" if name == "code" else "IllegalRefreshToken"
            return _error("ISV", code, f"The specified {name.replace('_', ' ')} is invalid or expired")
        shop.access_token, shop.refresh_token = self._new_tokens()
        shop.code = ""
        user = {"country": shop.site.lower(), "seller_id": str(1000 + shop.number), "user_id": str(2000 + shop.number)}
        return _success(
            {
                "access_token": shop.access_token,
                "refresh_token": shop.refresh_token,
                "expires_in": _ACCESS_DAYS * 86_400,
                "refresh_expires_in": left,
                "country": shop.site.lower(),
                "account": f"{shop.store.name}@example.test",
                "account_platform": "seller_center",
                "country_user_info" if name == "code" else "country_user_info_list": [
                    {**user, "short_code": f"{shop.site}{shop.number:04}"}
                ],
            }
        )

    def _new_tokens(self) -> tuple[str, str]:
        number = next(self._serial)
        return f"50000-sandbox-access-{number:06}", f"50001-sandbox-refresh-{number:06}"


def _edit_choice(shop: _Shop, params: Mapping[str, str], fault: Fault | None) -> web.Response:
    item_id = params.get("item_id", "")
    wanted = re.findall(r"\"?(\d+)\"?\s*:\s*\"?(-?\d+)", params.get("sku_edit_stock", ""))  # the keys may be bare
    if not shop.store.choice:
        return _choice_error("E1001", "not jit seller")
    if params.get("site", "").upper() != shop.site or not wanted:
        return _choice_error("E305", "Parameter Invalid")
    if not shop.has_item(item_id):
        return _choice_error("E0208", "Product not exist")
    done: list[int] = []
    failed: list[Row] = []
    for number, (sku_id, quantity) in enumerate(wanted):
        reason = _choice_reason(shop, item_id, sku_id, int(quantity), fault if number == 0 else None)
        if reason:
            failed.append({"skuId": int(sku_id), "reason": reason})
        else:
            done.append(int(sku_id))
            shop.skus[sku_id].sellable[shop.warehouses[0]] = int(quantity)
    return _success({"data": {"success_sku": done, "failed_sku": failed}, "success": "true"})


def _choice_reason(shop: _Shop, item_id: str, sku_id: str, quantity: int, fault: Fault | None) -> str:
    """Why a SKU cannot be set, empty where it can."""
    sku = shop.skus.get(sku_id)
    if sku is None or sku.item_id != item_id:
        return "sku not exsits"
    if fault == "refuse_row":
        return "the product is locked"
    if fault == "promotion_lock":
        return _floor(sku_id)
    if not 0 <= quantity <= _QUANTITY_MAX:
        return f"quantity exceeds the range 0 to {_QUANTITY_MAX}"
    return "stock of an active product can only be increased" if quantity < sum(sku.sellable.values()) else ""


def _floor(sku_id: str) -> str:
    return f"negative sellable on channel inventory,entityId={sku_id},id=456"


def _sku_body(shop: _Shop, sku_id: str, sku: _Sku) -> dict[str, object]:
    inventories = [
        {
            "warehouseCode": warehouse,
            "sellableQuantity": quantity,
            "quantity": quantity,
            "totalQuantity": quantity,
            "occupyQuantity": 0,
            "withholdQuantity": 0,
        }
        for warehouse, quantity in sku.sellable.items()
    ]
    total = sum(sku.sellable.values())
    return {
        "Status": "active",
        "SkuId": int(sku_id),
        "SellerSku": sku.store_sku,
        "quantity": total,
        "Available": total,
        "multiWarehouseInventories": [] if shop.store.choice else inventories,
        "fblWarehouseInventories": inventories if shop.store.choice else [],
        "channelInventories": [
            {
                "channelName": "37ce3f43-f59b-4608-b8b1-773882bd7212",
                "startTime": "2026-01-01 12:00:00",
                "endTime": "2026-12-31 11:59:59",
                "sellableQuantity": campaign,
            }
            for campaign in sku.campaign.values()
            if campaign
        ],
    }


def _wrong_request(skus: Sequence[Row] | None) -> web.Response | None:
    """The refusal of the whole call, None where its rows can be looked at one by one."""
    if skus is None:
        return _error("ISV", "5", "E005: Invalid Request Format")
    if not skus:
        return _error("ISV", "30", "E030: Empty Request")
    if len(skus) > _SKUS_MAX:
        return _error("ISV", "204", "E204: Too many SKU in one request")
    for sku in skus:
        if not _text(sku, "SkuId"):
            if _text(sku, "SellerSku"):
                words = "E4193: The SellerSku parameter is no longer supported, please use SkuId"
                return _error("ISV", "4193", words)
            return _error("ISV", "4216", "E4216: SkuId is mandatory")
    return None


def _parsed(payload: str) -> list[Row] | None:
    """The `Sku` objects of an XML or a JSON payload; None where it cannot be read."""
    try:
        if payload.lstrip().startswith("<"):
            root = ElementTree.fromstring(payload)
            return [_of_xml(sku) for sku in root.findall("./Product/Skus/Sku")]
        request = json.loads(payload)["Request"]
        return [sku for sku in _listed(request["Product"]["Skus"]["Sku"]) if isinstance(sku, dict)]
    except (ElementTree.ParseError, ValueError, KeyError, TypeError):
        return None


def _of_xml(element: ElementTree.Element) -> dict[str, object]:
    """Children by name, those of one name as a list where they have children of their own."""
    row: dict[str, object] = {}
    for child in element:
        if len(child):
            listed = row.setdefault(child.tag, [])
            assert isinstance(listed, list)
            listed.append(_of_xml(child))
        else:
            row[child.tag] = child.text or ""
    return row


def _warehouses(sku: Row) -> list[Row]:
    return [
        warehouse
        for group in _listed(sku.get("MultiWarehouseInventories"))
        if isinstance(group, dict)
        for warehouse in _listed(group.get("MultiWarehouseInventory"))
        if isinstance(warehouse, dict)
    ]


def _listed(value: object) -> list[object]:
    """JSON and XML may give one object where there could be several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return str(value) if isinstance(value, str | int) else ""


def _number(digits: str) -> int | str:
    return int(digits) if digits.isdecimal() else digits


def _is_quantity(words: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}", words) is not None


async def _form(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


async def _unsigned_payload(request: web.Request) -> str:
    """One client also sends the payload as JSON, which its signature does not cover."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        return ""
    return _text(body, "payload") if isinstance(body, dict) else ""


def _expired_token() -> web.Response:
    return _error("ISV", "IllegalAccessToken", "The specified access token is invalid or expired")


def _choice_error(code: str, message: str) -> web.Response:
    return _success({"data": {}, "success": "false", "error_code": code, "error_msg": message})


def _success(body: Mapping[str, object]) -> web.Response:
    return _reply({"code": "0", **body})


def _error(kind: str, code: str, message: str, detail: Sequence[Row] = ()) -> web.Response:
    return _reply({"type": kind, "code": code, "message": message, **({"detail": detail} if detail else {})})


def _reply(body: Mapping[str, object]) -> web.Response:
    return web.json_response({**body, "request_id": "0be6e79215428302067761952"})
