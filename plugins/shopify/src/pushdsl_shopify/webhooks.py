"""A signed message of Shopify in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_shopify.settings import ShopifySettings
from pushdsl_shopify.signing import webhook_signature
from pushdsl_shopify.wire import Fields, rows, text

KINDS: Mapping[str, str] = {
    "inventory_levels/update": "stock",
    "inventory_levels/connect": "stock",
    "inventory_levels/disconnect": "stock",
    "inventory_items/create": "listing",
    "inventory_items/update": "listing",
    "inventory_items/delete": "listing",
    "variants/in_stock": "stock",
    "variants/out_of_stock": "stock",
    "orders/create": "order_status",
    "orders/cancelled": "order_status",
    "orders/edited": "order_status",
    "orders/updated": "order_status",
    "orders/paid": "order_status",
    "orders/fulfilled": "order_status",
    "refunds/create": "order_status",
    "locations/create": "location",
    "locations/update": "location",
    "locations/activate": "location",
    "locations/deactivate": "location",
    "locations/delete": "location",
    "app/uninstalled": "deauthorized",
}


def events(settings: ShopifySettings, request: WebhookRequest) -> tuple[Event, ...] | None:
    """None where the signature over the raw body is wrong.

    No events where a signed body is no message, or is about another shop: all shops of an app may be told at one
    address. The headers are not signed, so they decide nothing but the names.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    expected = webhook_signature(settings.client_secret.get_secret_value(), request.body)
    given = headers.get("x-shopify-hmac-sha256", "")
    if not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        return None
    try:
        message = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(message, dict) or headers.get("x-shopify-shop-domain", settings.shop).lower() != settings.shop:
        return ()
    topic = headers.get("x-shopify-topic", "").lower()
    event_id = headers.get("x-shopify-webhook-id") or sha256(topic.encode() + b"\n" + request.body).hexdigest()
    return (Event(event_id, KINDS.get(topic) or _unknown_kind(topic), _listings(topic, message)),)


def _unknown_kind(topic: str) -> str:
    return "shopify_" + (topic.replace("/", "_") or "message")


def _listings(topic: str, message: Fields) -> tuple[ListingRef, ...]:
    """The listings that a message names: by inventory item where it is about stock, by SKU and product in an order."""
    group = topic.partition("/")[0]
    if group == "inventory_items":
        return _item(message.get("id"), text(message, "sku"))
    if group in ("inventory_levels", "variants"):
        return _item(message.get("inventory_item_id"), text(message, "sku"))
    lines = rows(message, "line_items") or [
        line for refund in rows(message, "refund_line_items") or () for line in [refund.get("line_item")]
        if isinstance(line, dict)
    ]  # fmt: skip
    named = (ListingRef(text(line, "sku"), _number(line.get("product_id")), "") for line in lines)
    return tuple(dict.fromkeys(ref for ref in named if ref.store_sku or ref.item_id))


def _item(item_id: object, sku: str) -> tuple[ListingRef, ...]:
    number = _number(item_id)
    return (ListingRef(sku, "", number),) if number else ()


def _number(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else ""
