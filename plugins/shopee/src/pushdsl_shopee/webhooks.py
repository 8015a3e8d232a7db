"""A signed push message of Shopee in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_shopee.settings import ShopeeSettings
from pushdsl_shopee.signing import webhook_sign
from pushdsl_shopee.wire import Fields, inner, rows, whole_number

_KINDS: Mapping[int, str] = {
    1: "authorized",
    2: "deauthorized",
    3: "order_status",
    6: "item_banned",
    7: "promotion",
    8: "reserved_stock",
    9: "promotion",
    12: "authorization_ends_soon",
    16: "item_banned",
    22: "price",
    27: "scheduled_publish_failed",
    28: "shop_penalty",
}


def events(settings: ShopeeSettings, request: WebhookRequest) -> tuple[Event, ...] | None:
    """None where the signature over address and raw body is wrong.

    No events where a signed body is no message, or is about another shop: all shops of an app are told at one address.
    """
    expected = webhook_sign(settings.partner_key.get_secret_value(), request.url, request.body)
    given = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
    if not hmac.compare_digest(expected.encode(), given.lower().encode(errors="replace")):
        return None
    try:
        message = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(message, dict) or whole_number(message.get("shop_id", settings.shop_id)) != settings.shop_id:
        return ()
    return (_event(message, request.body),)


def _event(message: Fields, body: bytes) -> Event:
    code = whole_number(message.get("code"))
    given_id = message.get("msg_id")
    # Only newer messages have an id; of the others a redelivery repeats the body.
    event_id = str(given_id) if isinstance(given_id, str | int) and given_id else sha256(body).hexdigest()
    kind = _KINDS.get(code) if code is not None else None
    return Event(event_id, kind or f"shopee_{code}", _listings(inner(message, "data")))


def _listings(data: Fields) -> tuple[ListingRef, ...]:
    """The listings a message names, as far as it names any; Shopee's ids alone, for it sends no SKU of ours."""
    named = (_listing(fields) for fields in (data, *(rows(data, "items") or [])))
    return tuple(dict.fromkeys(listing for listing in named if listing is not None))


def _listing(fields: Fields) -> ListingRef | None:
    item_id = whole_number(fields.get("item_id"))
    model_id = whole_number(fields.get("variation_id")) or whole_number(fields.get("model_id"))
    return ListingRef("", str(item_id), str(model_id or "")) if item_id else None
