"""A signed message of Lazada in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
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
    if not isinstance(message, dict) or _is_of_another(message, settings.seller_id):
        return ()
    return (_event(message, request.body),)


def _is_of_another(message: Mapping[str, object], seller_id: str) -> bool:
    """Whether it is about another seller of the same app; one that names nobody may be about ours."""
    data = _data(message)
    named = [_written(at, field) for at in (message, data) for field in ("seller_id", "sellerId")]
    named = [name for name in named if name not in ("", "null")]
    return bool(seller_id and named) and seller_id not in named


def _event(message: Mapping[str, object], body: bytes) -> Event:
    number = message.get("message_type")
    kind = _KINDS.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    return Event(_id(message, body), kind or f"lazada_{number}", _listings(_data(message)))


def _id(message: Mapping[str, object], body: bytes) -> str:
    """Lazada gives a message no id. What it says stands for it, and when, but not when it was sent again.

    Where only the time of sending tells two messages apart, it counts: of two equal stock levels the later is news.
    """
    if not any(_written(at, field) for at in (message, _data(message)) for field in _TIMES):
        return sha256(body).hexdigest()
    said = {name: value for name, value in message.items() if name != "timestamp"}
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_TIMES = ("status_update_time", "date", "auth_expiry_time", "notifyTime")


def _listings(data: Mapping[str, object]) -> tuple[ListingRef, ...]:
    """The listings a message names, as far as it names them; a trade order names only its own numbers."""
    item_id = _written(data, "item_id", "itemId")
    skus = data.get("sku_list")
    rows = [row for row in skus if isinstance(row, dict)] if isinstance(skus, list) else []
    named: Sequence[Mapping[str, object]] = rows or [data]
    refs = [ListingRef(_written(row, "seller_sku"), item_id, _written(row, "sku_id")) for row in named]
    return tuple(dict.fromkeys(ref for ref in refs if ref.store_sku or ref.item_id or ref.variant_id))


def _data(message: Mapping[str, object]) -> Mapping[str, object]:
    data = message.get("data")
    return data if isinstance(data, dict) else {}


def _written(row: Mapping[str, object], *names: str) -> str:
    """The first of these fields that has a text or a number."""
    values = (row.get(name) for name in names)
    return next((str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool)), "")
