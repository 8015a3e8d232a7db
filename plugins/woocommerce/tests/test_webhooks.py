"""Messages of a shop: who is believed, which listings an order or a product names, and that a replay is known."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_woocommerce.signing import message_signature
from pushdsl_woocommerce.webhooks import TOPICS, events

SECRET = SecretStr("woo-webhook-secret")


def message(body: bytes, topic: str = "order.created", delivery: str = "1") -> WebhookRequest:
    headers = {
        "x-wc-webhook-topic": topic,
        "X-WC-Webhook-Signature": message_signature(SECRET.get_secret_value(), body),
        "X-WC-Webhook-Delivery-ID": delivery,
    }
    return WebhookRequest("https://push.example.test/hook", headers, body)


@pytest.mark.parametrize("topic", TOPICS[:3])
def test_an_order_names_the_listings_of_its_lines(topic: str) -> None:
    lines = [{"product_id": 799, "variation_id": 801}, {"product_id": 900, "variation_id": 0}]

    [event] = events(SECRET, message(json.dumps({"id": 727, "line_items": lines}).encode(), topic)) or ()
    assert event.kind == topic.replace(".", "_")
    assert event.listings == (ListingRef("", "799", "801"), ListingRef("", "900", ""))


@pytest.mark.parametrize(
    ("product", "listing"),
    [
        ({"id": 900, "parent_id": 0}, ListingRef("", "900", "")),
        ({"id": 801, "parent_id": 799}, ListingRef("", "799", "801")),
    ],
)
def test_a_product_or_a_variation_that_was_changed_is_named(product: dict[str, int], listing: ListingRef) -> None:
    [event] = events(SECRET, message(json.dumps(product).encode(), "product.updated")) or ()

    assert (event.kind, event.listings) == ("product_updated", (listing,))


def test_the_documented_message_is_believed_and_names_no_listing() -> None:
    body = b'{"id":727,"status":"processing"}'

    [event] = events(SECRET, message(body)) or ()
    assert event == Event(event.id, "order_created", ())


def test_a_replay_under_another_delivery_is_the_same_event() -> None:
    body = b'{"id":727,"status":"processing"}'

    assert events(SECRET, message(body, delivery="1")) == events(SECRET, message(body, delivery="2"))


@pytest.mark.parametrize(
    "body", [b"webhook_id=7", b"[]", b'{"line_items": 7}', b'{"line_items": [{"id": 1}]}', b"\xff"]
)
def test_a_signed_body_that_is_no_message_has_no_events(body: bytes) -> None:
    assert events(SECRET, message(body)) == []


def test_nothing_is_believed_without_a_secret_or_with_another() -> None:
    signed = message(b'{"id":727,"status":"processing"}')

    assert events(None, signed) is None
    assert events(SecretStr("another-secret"), signed) is None
