"""A signed message of Lazada in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_lazada.settings import LazadaSettings
from pushdsl_lazada.signing import webhook_signature

_KINDS: Mapping[object, str] = {
    0: "order_status",
    1: "product_quality_control",
    3: "product_created",
    4: "product_edited",
    5: "product_deleted",
    6: "shallow_stock",
    8: "authorization_ends_soon",
    10: "reverse_order",
    11: "promotion",
    13: "seller_status",
}


def events(settings: LazadaSettings, request: WebhookRequest) -> tuple[Event, ...] | None:
    """None where the signature over the raw body is wrong; a signed body that is no message has no events."""
    expected = webhook_signature(settings.app_secret.get_secret_value(), settings.app_key, request.body)
    given = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
    if not hmac.compare_digest(expected.encode(), given.lower().encode(errors="replace")):
        return None
    try:
        message = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    return (_event(message, request.body),) if isinstance(message, dict) else ()


def _event(message: Mapping[str, object], body: bytes) -> Event:
    # Lazada gives a message no id; a redelivery repeats the body.
    number = message.get("message_type")
    kind = _KINDS.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    data = message.get("data")
    listings = _listings(data) if isinstance(data, dict) else ()
    return Event(sha256(body).hexdigest(), kind or f"lazada_{number}", listings)


def _listings(data: Mapping[str, object]) -> tuple[ListingRef, ...]:
    """The listing a message names, as far as it names one; a trade order names only its own numbers."""
    store_sku, item_id, sku_id = (str(data.get(name) or "") for name in ("seller_sku", "item_id", "sku_id"))
    return (ListingRef(store_sku, item_id, sku_id),) if store_sku or item_id or sku_id else ()
