"""A signed message of a shop in, what happened to which listings out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from hashlib import sha256

from pydantic import SecretStr

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_woocommerce.signing import message_signature

TOPICS = ("order.created", "order.updated", "order.deleted", "product.updated")


def events(secret: SecretStr | None, request: WebhookRequest) -> Sequence[Event] | None:
    """None where the signature over the raw body is wrong; a signed body that is no message has no events."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = headers.get("x-wc-webhook-signature", "").encode(errors="replace")
    expected = message_signature(secret.get_secret_value(), request.body) if secret is not None else None
    if expected is None or not hmac.compare_digest(expected.encode(), given):
        return None
    topic = headers.get("x-wc-webhook-topic", "")
    # No header is signed, so the delivery's own id may be forged: the body alone says whether a message is a repeat.
    identity, kind = sha256(request.body).hexdigest(), topic if topic in TOPICS else "woocommerce"
    try:
        message = json.loads(request.body)
        rows = message.get("line_items", []) if not topic.startswith("product.") else [_as_line(message)]
        listings = [ListingRef("", str(row["product_id"]), str(row.get("variation_id") or "")) for row in rows]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
    return [Event(identity, kind.replace(".", "_"), tuple(listings))]


def _as_line(product: dict[str, object]) -> dict[str, object]:
    """A product or a variation, with its ids as an order's line has them."""
    parent = product.get("parent_id")
    return {"product_id": parent or product["id"], "variation_id": product["id"] if parent else 0}
