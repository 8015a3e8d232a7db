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
    3: "recipient_address",
    4: "package",
    5: "product_status",
    6: "deauthorized",
    7: "authorization_ends_soon",
    11: "cancellation",
    12: "return",
    15: "product_information",
    16: "product_created",
    18: "product_category",
    24: "platform_inventory",
    27: "inventory_status",
    35: "tokopedia_mirror",
    37: "product_audit",
    39: "activity",
    50: "sku_status",
    63: "activity",
    71: "inventory_changed",
}


_INVENTORY_CHANGED = 71
_KIND_MAX = 40


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
    if not isinstance(message, dict) or _of_another_shop(settings, message):
        return ()
    return (_event(message, request.body),)


def _of_another_shop(settings: TikTokSettings, message: Mapping[str, object]) -> bool:
    """TikTok sends the messages about all shops of an app to one address."""
    return bool(settings.shop_id and message.get("shop_id")) and str(message["shop_id"]) != settings.shop_id


def _event(message: Mapping[str, object], body: bytes) -> Event:
    number, data = message.get("type"), message.get("data")
    data = data if isinstance(data, dict) else {}
    # One change of stock has one id in however many messages. A redelivery repeats the body, so where TikTok gives no
    # id its digest will do.
    own = data.get("event_id") if number == _INVENTORY_CHANGED else None
    identity = own or message.get("tts_notification_id") or sha256(body).hexdigest()
    kind = _KINDS.get(number) if isinstance(number, int) else None
    return Event(str(identity), kind or f"tiktok_{number}"[:_KIND_MAX], _listing(data))


def _listing(data: Mapping[str, object]) -> tuple[ListingRef, ...]:
    """TikTok knows no store SKU here; a product without a SKU stands for all of its listings."""
    product, sku = _id(data.get("product_id")), _id(data.get("sku_id"))
    return (ListingRef("", product, sku),) if product else ()


def _id(value: object) -> str:
    """Some messages have ids as numbers, others as text."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
