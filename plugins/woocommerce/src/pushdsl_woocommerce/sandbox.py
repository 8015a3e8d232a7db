"""A local WordPress with WooCommerce's REST v3: products, variations and their batches, in its own words.

It looks up the key, then checks the signature over what arrived, then the time and the nonce, as WooCommerce does.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from urllib.parse import parse_qsl

from aiohttp import web

from pushdsl.plugins import Fault, ListingRef, Shown, Store, WebhookRequest
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl_woocommerce.signing import HASHES, call_signature, message_signature

_ROWS_MAX = 100
_WINDOW_SECONDS = 15 * 60
_OAUTH = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_OF_WRITES: tuple[Fault, ...] = ("drop_before", "drop_after", "refuse_row", "promotion_lock", "promotion_begins")
"""Faults about work done or left undone; a read leaves them for the write that comes after it."""


@dataclass
class _Product:
    """A product (`parent` is 0) or a variation; what of it shows depends on whether its stock is counted."""

    id: int
    parent: int
    store_sku: str
    stock: int | None
    manage_stock: bool = True
    variable: bool = False

    def shown(self) -> dict[str, object]:
        kind = "variation" if self.parent else "variable" if self.variable else "simple"
        in_stock = not self.manage_stock or (self.stock or 0) > 0
        return {
            "id": self.id,
            "name": self.store_sku,
            "type": kind,
            "sku": self.store_sku,
            "parent_id": self.parent,
            "manage_stock": self.manage_stock,
            "stock_quantity": self.stock if self.manage_stock else None,
            "stock_status": "instock" if in_stock else "outofstock",
            "backorders": "no",
        }


@dataclass
class _Shop:
    key: str
    secret: str
    webhook_secret: str
    products: dict[int, _Product] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    """When each was used."""
    may_write: bool = True


@dataclass(frozen=True)
class _Error:
    status: int
    code: str
    message: str

    def body(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, "data": {"status": self.status}}


Work = Callable[[_Shop, web.Request, Mapping[str, object], Fault | None], object]
"""What a call does in the shop; it returns the body of the answer."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class WooCommerceSandbox(SandboxServer):
    """Each store is a shop by a key of its own. `now` is the server's clock; set it before a call to move the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = utc_now
        self._shops: dict[str, _Shop] = {}
        self._serial = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        products, variations = "/wp-json/wc/v3/products", "/wp-json/wc/v3/products/{product:\\d+}/variations"
        return (
            *(web.post(f"{path}/batch", self._writes(_batch)) for path in (products, variations)),
            *(web.get(path, self._reads(_list)) for path in (products, variations)),
            *(web.get(path + "/{id:\\d+}", self._reads(_one)) for path in (products, variations)),
            *(web.put(path + "/{id:\\d+}", self._writes(_put)) for path in (products, variations)),
            *(web.post(path + "/{id:\\d+}", self._writes(_put)) for path in (products, variations)),
            web.route("*", "/wp-json/{path:.*}", self._no_route),
        )

    # What the tests do to a shop

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        number = next(self._serial)
        shop = _Shop(f"ck_sandbox{number:06}", f"cs_sandbox{number:06}", f"woo-webhook-secret-{number}")
        for at in listings:
            product = int(at.item_id)
            if at.variant_id:
                shop.products.setdefault(product, _Product(product, 0, "", None, manage_stock=False, variable=True))
                shop.products[int(at.variant_id)] = _Product(int(at.variant_id), product, at.store_sku, quantity)
            else:
                shop.products[product] = _Product(product, 0, at.store_sku, quantity)
        self._shops[store.name] = shop
        return {
            "base_url": self.base_url,
            "consumer_key": shop.key,
            "consumer_secret": shop.secret,
            "webhook_secret": shop.webhook_secret,
        }

    def shown(self, store: str) -> list[Shown]:
        products = self._shops[store].products.values()
        return [Shown(at.store_sku, "", at.stock) for at in products if at.manage_stock and at.stock is not None]

    def show(self, store: str, shown: Shown) -> None:
        """WooCommerce knows no stock that is reserved for promotions; `reserved` says nothing here."""
        self._product(store, shown.store_sku).stock = shown.quantity

    def stop_counting(self, store: str, store_sku: str) -> None:
        """The seller switches "Track stock quantity" off."""
        self._product(store, store_sku).manage_stock = False

    def only_read(self, store: str) -> None:
        """The seller takes the permission to write from the key."""
        self._shops[store].may_write = False

    def messages(self, store: str, sold: Shown, pieces: int, url: str) -> Sequence[WebhookRequest]:
        shop, at, order = self._shops[store], self._product(store, sold.store_sku), 700 + next(self._serial)
        line = {"product_id": at.parent or at.id, "variation_id": at.id if at.parent else 0, "quantity": pieces}
        body = json.dumps({"id": order, "status": "processing", "line_items": [line]}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self.base_url}/",
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Resource": "order",
            "X-WC-Webhook-Event": "created",
            "X-WC-Webhook-Signature": message_signature(shop.webhook_secret, body),
            "X-WC-Webhook-ID": "1",
            "X-WC-Webhook-Delivery-ID": f"{order:032x}",
        }
        return [WebhookRequest(url, headers, body)]

    def _product(self, store: str, store_sku: str) -> _Product:
        return next(at for at in self._shops[store].products.values() if at.store_sku == store_sku)

    # Calls

    def _writes(self, work: Work) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await self._answer(request, work, self.next_fault)

        return handle

    def _reads(self, work: Work) -> Callable[[web.Request], Awaitable[web.Response]]:
        def fault_of_read() -> Fault | None:
            if self._faults and self._faults[0] in _OF_WRITES:
                self.calls += 1
                return None
            return self.next_fault()

        async def handle(request: web.Request) -> web.Response:
            return await self._answer(request, work, fault_of_read)

        return handle

    async def _answer(self, request: web.Request, work: Work, next_fault: Callable[[], Fault | None]) -> web.Response:
        sent = await request.read()
        shop = self._shop_of(request)
        if isinstance(shop, _Error):
            return _reply(shop)
        fault = next_fault()
        if (failed := self._failed(request, fault)) is not None:
            return failed
        done = work(shop, request, _object(sent), fault)
        if fault == "drop_after":
            return self.drop(request)
        if fault == "slow":
            await self.dawdle()
        return _reply(done)

    async def _no_route(self, request: web.Request) -> web.Response:
        words = "No route was found matching the URL and request method."
        return _reply(_Error(404, "rest_no_route", words))

    def _failed(self, request: web.Request, fault: Fault | None) -> web.Response | None:
        """The answer to a call that fails before the work."""
        match fault:
            case "throttle":  # WooCommerce has no rate; what its hosts put in front of it has
                page = "<html><h1>429 Too Many Requests</h1></html>"
                return web.Response(text=page, content_type="text/html", status=429, headers={"Retry-After": "2"})
            case "server_error":
                words = "There has been a critical error on this website."
                return _reply(_Error(500, "internal_server_error", words))
            case "malformed":
                page = "<br />\n<b>Warning</b>: Undefined variable in functions.php on line 7<br />\n{}"
                return web.Response(text=page, content_type="text/html")
            case "expired_token":  # a key does not run out, but a seller may revoke it
                return _reply(_unauthorized("Consumer key is invalid."))
            case "drop_before":
                return self.drop(request)
            case _:
                return None

    def _shop_of(self, request: web.Request) -> _Shop | _Error:
        """Whose key it is: sent over https, over http it signs."""
        shop = self._by_basic(request) if request.secure else self._by_oauth(request)
        if isinstance(shop, _Shop) and request.method != "GET" and not shop.may_write:
            return _unauthorized("The API key provided does not have write permissions.")
        return shop

    def _by_basic(self, request: web.Request) -> _Shop | _Error:
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        try:
            key, _, secret = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            key, secret = "", ""
        if not key:
            key, secret = request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")
        shop = self._by_key(key)
        if shop is None:
            return _unauthorized("Consumer key is invalid.")
        matches = hmac.compare_digest(shop.secret.encode(), secret.encode(errors="replace"))
        return shop if matches else _unauthorized("Consumer secret is invalid.")

    def _by_oauth(self, request: web.Request) -> _Shop | _Error:
        # As in PHP the last of several parameters of one name counts: some clients send each twice, and sign it once.
        query = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        if missing := [name for name in _OAUTH if not query.get(name)]:
            words = f"Missing OAuth parameters {', '.join(missing)}"
            return _Error(401, "woocommerce_rest_authentication_missing_parameter", words)
        shop = self._by_key(query["oauth_consumer_key"])
        if shop is None:
            return _unauthorized("Consumer key is invalid.")
        if query["oauth_signature_method"] not in HASHES:
            return _unauthorized("Invalid signature - signature method is invalid.")
        url = f"{request.scheme}://{request.host}{request.rel_url.raw_path}"
        expected = call_signature(shop.secret, request.method, url, query)
        if not hmac.compare_digest(expected.encode(), query["oauth_signature"].encode(errors="replace")):
            return _unauthorized("Invalid signature - provided signature does not match.")
        return self._first_use(shop, query["oauth_timestamp"], query["oauth_nonce"])

    def _first_use(self, shop: _Shop, timestamp: str, nonce: str) -> _Shop | _Error:
        now = int(self.now().timestamp())
        if not timestamp.isascii() or not timestamp.isdecimal() or abs(now - int(timestamp)) > _WINDOW_SECONDS:
            return _unauthorized("Invalid timestamp.")
        if nonce in shop.nonces:
            return _unauthorized("Invalid nonce - nonce has already been used.")
        shop.nonces = {used: at for used, at in shop.nonces.items() if at > now - 2 * _WINDOW_SECONDS} | {nonce: now}
        return shop

    def _by_key(self, key: str) -> _Shop | None:
        return next((shop for shop in self._shops.values() if shop.key == key), None)


def _batch(shop: _Shop, request: web.Request, body: Mapping[str, object], fault: Fault | None) -> object:
    rows = {name: body.get(name, []) for name in ("create", "update", "delete")}
    lists = {name: given for name, given in rows.items() if isinstance(given, list)}
    if sum(map(len, lists.values())) > _ROWS_MAX:
        words = f"Unable to accept more than {_ROWS_MAX} items for this request."
        return _Error(413, "woocommerce_rest_request_entity_too_large", words)
    first = next(iter(lists.get("update", [])), None)
    return {"update": [_row(shop, request, row, row is first, fault) for row in lists.get("update", [])]}


def _row(shop: _Shop, request: web.Request, row: object, first: bool, fault: Fault | None) -> dict[str, object]:
    given = row if isinstance(row, dict) else {}
    number = given.get("id")
    id = int(number) if isinstance(number, int | str) and str(number).isdecimal() else 0
    error = _fault_of_row(fault) if first else None
    done = error or _update(shop, request, id, given, in_batch=True)
    return {"id": id, "error": done.body()} if isinstance(done, _Error) else done.shown()


def _fault_of_row(fault: Fault | None) -> _Error | None:
    match fault:
        case "refuse_row":
            return _Error(403, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.")
        case "promotion_lock":  # no part of WooCommerce: the answer of an extension that holds a product
            return _Error(423, "extension_promotion_lock", "This product is locked by a promotion.")
        case _:
            return None


def _put(shop: _Shop, request: web.Request, body: Mapping[str, object], fault: Fault | None) -> object:
    id = int(request.match_info["id"])
    done = _fault_of_row(fault) or _update(shop, request, id, body)
    return done if isinstance(done, _Error) else done.shown()


def _update(
    shop: _Shop, request: web.Request, id: int, given: Mapping[str, object], in_batch: bool = False
) -> _Product | _Error:
    at = _found(shop, request, id, 400)
    if isinstance(at, _Error):
        return at
    managed, quantity = given.get("manage_stock", at.manage_stock), given.get("stock_quantity")
    if not isinstance(managed, bool) or not isinstance(quantity, int | None):
        return _Error(400, "rest_invalid_param", "Invalid parameter(s): manage_stock, stock_quantity")
    at.manage_stock = managed
    if not managed:
        at.stock = None  # WooCommerce takes the number and drops it
    elif quantity is not None:
        at.stock = quantity
    return at


def _list(shop: _Shop, request: web.Request, body: Mapping[str, object], fault: Fault | None) -> object:
    per_page, page = request.query.get("per_page", "10"), request.query.get("page", "1")
    if not (per_page.isdecimal() and page.isdecimal() and 1 <= int(per_page) <= 100 and int(page) >= 1):
        return _Error(400, "rest_invalid_param", "Invalid parameter(s): per_page")
    parent = int(request.match_info.get("product", 0))
    found = [at for at in shop.products.values() if at.parent == parent]
    if "include" in request.query:
        found = [at for at in found if str(at.id) in request.query["include"].split(",")]
    if "sku" in request.query:
        found = [at for at in found if at.store_sku in request.query["sku"].split(",")]
    start = (int(page) - 1) * int(per_page)
    pages = -(-len(found) // int(per_page))
    headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
    return web.json_response([at.shown() for at in found[start : start + int(per_page)]], headers=headers)


def _one(shop: _Shop, request: web.Request, body: Mapping[str, object], fault: Fault | None) -> object:
    at = _found(shop, request, int(request.match_info["id"]), 404)
    return at if isinstance(at, _Error) else at.shown()


def _found(shop: _Shop, request: web.Request, id: int, status: int) -> _Product | _Error:
    """The product or variation that the path is for; `status` is what an unknown product is answered with."""
    at = shop.products.get(id)
    if "product" in request.match_info:
        if at is None or at.parent != int(request.match_info["product"]):
            return _Error(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
        return at
    if at is None:
        return _Error(status, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    if at.parent and status != 404:
        words = "To manipulate product variations you should use the /products/<product_id>/variations/<id> endpoint."
        return _Error(404, "woocommerce_rest_invalid_product_id", words)
    return at


def _unauthorized(words: str) -> _Error:
    return _Error(401, "woocommerce_rest_authentication_error", words)


def _reply(done: object) -> web.Response:
    if isinstance(done, web.Response):
        return done
    if isinstance(done, _Error):
        return web.json_response(done.body(), status=done.status)
    return web.json_response(done)


def _object(body: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
