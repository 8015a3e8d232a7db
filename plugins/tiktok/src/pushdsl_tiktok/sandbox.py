"""A local TikTok Shop: the addresses that pushdsl uses, in TikTok's own words, with stock that can be looked at.

Signatures are checked over the bytes that arrived, then the token, then the time. A partial failure keeps code 0.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_tiktok.signing import request_signature

_DEFAULT_WAREHOUSE = "7068517275539719942"
_QUANTITY_MAX = 999_999
_SKUS_MAX = 100
_SEARCH_PRODUCTS_MAX = 100
_SEARCH_SKUS_MAX = 600
_ACCESS_DAYS = 7
_REFRESH_DAYS = 365

_OF_WRITES: tuple[Fault, ...] = ("drop_before", "drop_after", "refuse_row", "promotion_lock")
"""Faults about work done or left undone; a read leaves them for the write that comes after it."""


@dataclass
class _Sku:
    store_sku: str
    product_id: str
    available: dict[str, int]
    campaign: dict[str, int] = field(default_factory=dict)


@dataclass
class _Shop:
    store: str
    number: int
    warehouses: tuple[str, ...]
    named: bool
    access_token: str
    refresh_token: str
    auth_code: str
    expired: set[str] = field(default_factory=set)
    skus: dict[str, _Sku] = field(default_factory=dict)

    @property
    def cipher(self) -> str:
        return f"ROW_sandbox{self.number}"


def utc_now() -> datetime:
    return datetime.now(UTC)


class TikTokSandbox(SandboxServer):
    """All shops share one app. `now` is the server's clock; set it before a call to move the time."""

    app_key = "29a39d"
    app_secret = "sandbox-app-secret-e59af819cc"

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self._shops: dict[str, _Shop] = {}
        self._serial = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (
            web.post("/product/202309/products/{product_id}/inventory/update", self._update),
            web.post("/product/202309/inventory/search", self._search),
            web.get("/logistics/202309/warehouses", self._warehouses),
            web.get("/authorization/202309/shops", self._authorized_shops),
            web.get("/api/v2/token/get", self._token_get),
            web.get("/api/v2/token/refresh", self._token_refresh),
            web.route("*", "/{path:.*}", self._no_such_path),
        )

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        named = tuple(location.name for location in store.locations if location.name)
        number = next(self._serial)
        warehouses = named or (_DEFAULT_WAREHOUSE,)
        shop = _Shop(store.name, number, warehouses, bool(named), *self._new_tokens(), f"sandbox-auth-code-{number}")
        for ref in listings:
            shop.skus[ref.variant_id] = _Sku(ref.store_sku, ref.item_id, dict.fromkeys(warehouses, quantity))
        self._shops[store.name] = shop
        return {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "access_token": shop.access_token,
            "shop_cipher": shop.cipher,
            "base_url": self.base_url,
        }

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
        sku = next(sku for sku in shop.skus.values() if sku.store_sku == shown.store_sku)
        warehouse = shown.location or _DEFAULT_WAREHOUSE
        if warehouse not in shop.warehouses:
            shop.warehouses += (warehouse,)
        sku.available[warehouse] = shown.quantity
        sku.campaign[warehouse] = shown.reserved

    def auth_code(self, store: str) -> str:
        """What the seller's consent would bring: good for one `token/get`."""
        return self._shops[store].auth_code

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.read()
        shop = self._shop_of(request, body)
        if isinstance(shop, web.Response):
            return shop
        fault = self.next_fault()
        if fault in ("throttle", "server_error", "malformed", "drop_before", "expired_token"):
            return self._failed(request, fault)
        product_id = request.match_info["product_id"]
        rows = _parsed(body).get("skus")
        wrong = _wrong_request(shop, product_id, rows)
        if wrong is not None or not isinstance(rows, list):
            return wrong or _error(101000, "Invalid parameter `skus`.")
        errors = _set_rows(shop, product_id, rows, _first_row_fault(fault))
        if fault == "drop_after":
            return self.drop(request)
        return _success({"errors": errors} if errors else {})

    async def _search(self, request: web.Request) -> web.Response:
        body = await request.read()
        shop = self._shop_of(request, body)
        if isinstance(shop, web.Response):
            return shop
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
        products = dict.fromkeys(sku.product_id for sku in found.values())
        return _success(
            {
                "inventory": [
                    {"product_id": p, "skus": [_sku_inventory(i, s) for i, s in found.items() if s.product_id == p]}
                    for p in products
                ]
            }
        )

    async def _warehouses(self, request: web.Request) -> web.Response:
        shop = self._shop_of(request, await request.read())
        if isinstance(shop, web.Response):
            return shop
        warehouses = [
            {
                "id": warehouse,
                "name": f"Warehouse {warehouse}",
                "type": "SALES_WAREHOUSE",
                "effect_status": "ENABLED",
                "is_default": warehouse == shop.warehouses[0],
            }
            for warehouse in shop.warehouses
        ]
        return _success({"warehouses": warehouses})

    async def _authorized_shops(self, request: web.Request) -> web.Response:
        shop = self._shop_of(request, await request.read(), of_shop=False)
        if isinstance(shop, web.Response):
            return shop
        return _success({"shops": [{"id": f"{7000 + shop.number}", "cipher": shop.cipher, "name": shop.store}]})

    async def _token_get(self, request: web.Request) -> web.Response:
        return self._token(request, "authorized_code", "auth_code")

    async def _token_refresh(self, request: web.Request) -> web.Response:
        return self._token(request, "refresh_token", "refresh_token")

    async def _no_such_path(self, request: web.Request) -> web.Response:
        return _error(36009009, "Invalid path. The requested path does not exist.", status=404)

    def _shop_of(self, request: web.Request, body: bytes, *, of_shop: bool = True) -> _Shop | web.Response:
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
            return _error(106001, "Invalid credentials. The signature is invalid.", status=401)
        return self._refused_token(request) or self._refused_time(query) or self._shop_meant(request, query, of_shop)

    def _refused_token(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("x-tts-access-token", "")
        if any(token in shop.expired for shop in self._shops.values()):
            return _expired_token()
        if not any(token == shop.access_token for shop in self._shops.values()):
            words = "Invalid credentials. The `x-tts-access-token` header is invalid."
            return _error(36009004, words, status=400)
        return None

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

    def _shop_meant(self, request: web.Request, query: Mapping[str, str], of_shop: bool) -> _Shop | web.Response:
        token = request.headers["x-tts-access-token"]
        shop = next(shop for shop in self._shops.values() if shop.access_token == token)
        cipher = query.get("shop_cipher")
        if not of_shop and cipher is not None:
            words = "Unexpected identifier. The `shop_cipher` query parameter is not required for this request."
            return _error(36009004, words, status=400)
        if of_shop and cipher is None:
            return _error(106013, "Missing identifier. The `shop_cipher` query parameter is required.", status=400)
        if of_shop and cipher != shop.cipher:
            words = "Invalid identifier. The `shop_cipher` query parameter is invalid."
            return _error(36009004, words, status=400)
        return shop

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        """A fault that comes before the work."""
        match fault:
            case "throttle":
                return _error(36009002, "Too many requests. Request rate limit exceeded.", status=429)
            case "server_error":
                return _error(36009003, "Internal error. Please try again later.", status=500)
            case "malformed":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "expired_token":
                return _expired_token()
            case _:
                return self.drop(request)

    def _token(self, request: web.Request, grant_type: str, name: str) -> web.Response:
        query = request.query
        if (query.get("app_key"), query.get("app_secret")) != (self.app_key, self.app_secret):
            return _error(36004003, "Invalid app_key or app_secret.")
        given = query.get(name)
        shop = next((s for s in self._shops.values() if given and given == getattr(s, name)), None)
        if query.get("grant_type") != grant_type or shop is None:
            return _error(36004004, f"Invalid {name}.")
        shop.expired.add(shop.access_token)
        shop.access_token, shop.refresh_token = self._new_tokens()
        shop.auth_code = ""
        return _success(
            {
                "access_token": shop.access_token,
                "access_token_expire_in": int((self.now() + timedelta(days=_ACCESS_DAYS)).timestamp()),
                "refresh_token": shop.refresh_token,
                "refresh_token_expire_in": int((self.now() + timedelta(days=_REFRESH_DAYS)).timestamp()),
                "open_id": f"sandbox-{shop.number}",
                "seller_name": shop.store,
                "seller_base_region": "MY",
                "user_type": 0,
                "granted_scopes": ["seller.product.basic", "seller.product.write", "seller.logistics"],
            }
        )

    def _new_tokens(self) -> tuple[str, str]:
        number = next(self._serial)
        return f"ROW_sandbox-access-{number:06}", f"ROW_sandbox-refresh-{number:06}"


def _wrong_request(shop: _Shop, product_id: str, rows: object) -> web.Response | None:
    """The refusal of the whole call, None where its rows can be looked at one by one."""
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        return _error(101000, "Invalid parameter `skus`.")
    if not rows:
        return _error(
            12052902, "The SKU list is empty. Either omit the list entirely, or provide all required details."
        )
    if len(rows) > _SKUS_MAX:
        return _error(12052050, "The product has more than 100 SKUs.")
    if not all(row.get("id") for row in rows):
        return _error(12052036, "SKU ID is necessary.")
    if not any(sku.product_id == product_id for sku in shop.skus.values()):
        return _error(12052032, "The product does not exist")
    if max(Counter(row["id"] for row in rows).values()) > 1:
        return _error(12052553, "The SKU id is duplicated.")
    return None


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("id", ""), str):
        return False
    inventory = row.get("inventory")
    return isinstance(inventory, list) and all(
        isinstance(w, dict) and type(w.get("quantity")) is int and isinstance(w.get("warehouse_id", ""), str)
        for w in inventory
    )


def _set_rows(
    shop: _Shop, product_id: str, rows: Sequence[Mapping[str, object]], first: _RowError | None
) -> list[dict[str, object]]:
    """Sets what can be set; the error rows of the rest. `first` refuses the first row, right or wrong."""
    errors: list[dict[str, object]] = []
    for position, row in enumerate(rows):
        error = first if position == 0 and first is not None else _row_error(shop, product_id, row)
        if error is None:
            _set(shop.skus[str(row["id"])], row["inventory"])
        else:
            errors.append(error.row(str(row["id"])))
    return errors


@dataclass(frozen=True)
class _RowError:
    code: int
    message: str
    extras: tuple[Mapping[str, object], ...] = ()

    def row(self, sku_id: str) -> dict[str, object]:
        detail: dict[str, object] = {"sku_id": sku_id}
        if self.extras:
            detail["extra_errors"] = self.extras
        return {**_words(self.code, self.message), "detail": detail}


def _row_error(shop: _Shop, product_id: str, row: Mapping[str, object]) -> _RowError | None:
    """Why a SKU cannot be set, None where it can; it is set at all its warehouses or at none."""
    sku = shop.skus.get(str(row["id"]))
    if sku is None or sku.product_id != product_id:
        return _RowError(12052556, "The SKU id not exist.")
    inventory = row["inventory"]
    assert isinstance(inventory, list)
    sent = [w.get("warehouse_id") or _only(sku) for w in inventory]
    unknown = [w for w in sent if w and w not in shop.warehouses]
    if unknown:
        extras = tuple({"warehouse_id": w, **_words(12052097, "The warehouse does not exist")} for w in unknown)
        return _RowError(12052990, "The check failed.", extras)
    if sorted(sent) != sorted(sku.available):
        return _RowError(12019028, "Multiple warehouses detected. Include all warehouse IDs and their details.")
    if not all(0 <= w["quantity"] <= _QUANTITY_MAX for w in inventory):
        return _RowError(12019024, f"The SKU stock must be between [0,{_QUANTITY_MAX}]")
    return _LOCKED if sum(w["quantity"] for w in inventory) < sum(sku.campaign.values()) else None


def _only(sku: _Sku) -> str:
    """The warehouse that may stay unnamed: the SKU's only one."""
    return next(iter(sku.available)) if len(sku.available) == 1 else ""


_LOCKED = _RowError(12052393, "Product locked for Promotion and stock can't be updated below current stock")


def _first_row_fault(fault: Fault | None) -> _RowError | None:
    match fault:
        case "refuse_row":
            return _RowError(12052037, "Inventory is automatically allocated and cannot be modified manually")
        case "promotion_lock":
            return _LOCKED
        case _:
            return None


def _set(sku: _Sku, inventory: object) -> None:
    assert isinstance(inventory, list)
    for warehouse in inventory:
        sku.available[warehouse.get("warehouse_id") or _only(sku)] = warehouse["quantity"]


def _sku_inventory(sku_id: str, sku: _Sku) -> dict[str, object]:
    total, campaign = sum(sku.available.values()), sum(sku.campaign.values())
    distribution: dict[str, object] = {"in_shop_inventory": {"quantity": max(0, total - campaign)}}
    if campaign:
        distribution["campaign_inventory"] = [{"quantity": campaign, "campaign_name": "Sandbox campaign"}]
    return {
        "id": sku_id,
        "seller_sku": sku.store_sku,
        "total_available_quantity": total,
        "total_committed_quantity": 0,
        "warehouse_inventory": [
            {"warehouse_id": warehouse, "available_quantity": available, "committed_quantity": 0}
            for warehouse, available in sku.available.items()
        ],
        "total_available_inventory_distribution": distribution,
    }


def _parsed(body: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _words(code: int, message: str) -> dict[str, object]:
    return {"code": code, "message": message}


def _expired_token() -> web.Response:
    return _error(105002, "access token is expired, please refresh it", status=401)


def _success(data: Mapping[str, object]) -> web.Response:
    return _reply(200, {"code": 0, "message": "Success", "data": data})


def _error(code: int, message: str, status: int = 200) -> web.Response:
    return _reply(status, _words(code, message))


def _reply(status: int, body: Mapping[str, object]) -> web.Response:
    return web.json_response({**body, "request_id": "20261121000000SANDBOX"}, status=status)
