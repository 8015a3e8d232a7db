"""A signed message of TikTok in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_tiktok.settings import TikTokSettings
from pushdsl_tiktok.signing import webhook_signature

_KINDS: Mapping[object, str] = {
    1: "order_status",
    5: "product_status",
    6: "deauthorized",
    7: "authorization_ends_soon",
    11: "cancellation",
    12: "return",
    24: "platform_inventory",
    27: "inventory_status",
    35: "tokopedia_order",
    39: "activity",
    50: "sku_status",
    63: "activity",
    71: "inventory_changed",
}


def events(settings: TikTokSettings, request: WebhookRequest) -> tuple[Event, ...] | None:
    """None where the signature over the raw body is wrong; a signed body that is no message has no events."""
    expected = webhook_signature(settings.app_secret.get_secret_value(), settings.app_key, request.body)
    given = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
    if not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        return None
    try:
        message = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    return (_event(message, request.body),) if isinstance(message, dict) else ()


def _event(message: Mapping[str, object], body: bytes) -> Event:
    # A redelivery repeats the body, so where TikTok gives no id its digest will do.
    identity = message.get("tts_notification_id") or sha256(body).hexdigest()
    number = message.get("type")
    data = message.get("data")
    listing = _listing(data) if isinstance(data, dict) else ()
    return Event(str(identity), _KINDS.get(number, f"tiktok_{number}"), listing)


def _listing(data: Mapping[str, object]) -> tuple[ListingRef, ...]:
    """TikTok knows no store SKU here; a product without a SKU stands for all of its listings."""
    product = data.get("product_id")
    return (ListingRef("", str(product), str(data.get("sku_id") or "")),) if product else ()
