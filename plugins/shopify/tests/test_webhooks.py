"""Messages of Shopify: which are believed, and what they say."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256
from typing import Any

import pytest

from pushdsl.plugins import Connection, Event, ListingRef, Store, WebhookRequest
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.sandbox import ShopifySandbox
from pushdsl_shopify.signing import webhook_signature
from pushdsl_shopify.webhooks import KINDS

URL = "https://push.example.test/shopify"
STOCK = {"inventory_item_id": 271878346596884015, "location_id": 24826418, "available": 7}
VECTOR_BODY = (
    b'{"inventory_item_id":271878346596884015,"location_id":24826418,"available":7,'
    b'"updated_at":"2026-10-01T00:00:00-04:00",'
    b'"admin_graphql_api_id":"gid://shopify/InventoryLevel/24826418?inventory_item_id=271878346596884015"}'
)
VECTOR = "+S0KKPptWq661CZxd6YRBsDyAyLQ5JSJjkWPnqa4keA="


@pytest.fixture
def verify(shopify_settings: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    settings = shopify_settings()

    def ask(body: object, topic: str = "inventory_levels/update", sign: str | None = None, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = webhook_signature(settings.client_secret.get_secret_value(), raw) if sign is None else sign
        given = {"x-shopify-topic": topic, "X-Shopify-Hmac-SHA256": signature, **headers}
        return Shopify().verify_webhook(settings, WebhookRequest(URL, given, raw))

    return ask


def test_the_signature_is_the_published_one() -> None:
    assert webhook_signature("shopify-client-secret", VECTOR_BODY) == VECTOR


def test_the_published_message_is_believed(shopify_settings: Any) -> None:
    settings = shopify_settings(client_secret="shopify-client-secret")
    headers = {
        "X-Shopify-Hmac-Sha256": VECTOR,
        "X-Shopify-Topic": "inventory_levels/update",
        "X-Shopify-Shop-Domain": "demo.myshopify.com",
        "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    }

    expected = Event("b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", "stock", (ListingRef("", "", "271878346596884015"),))
    request = WebhookRequest(URL, headers, VECTOR_BODY)
    assert Shopify().verify_webhook(settings, request) == (expected,)
    assert Shopify().verify_webhook(settings, request) == (expected,)


@pytest.mark.parametrize("wrong", ["", "0", VECTOR, "ä" * 44])
def test_a_wrong_signature_is_not_believed(verify: Any, wrong: str) -> None:
    assert verify(STOCK, sign=wrong) is None


def test_the_hexadecimal_form_is_not_believed(verify: Any, shopify_settings: Any) -> None:
    raw = json.dumps(STOCK).encode()
    key = shopify_settings().client_secret.get_secret_value().encode()

    assert verify(raw, sign=hmac.new(key, raw, sha256).hexdigest()) is None
    assert verify(raw, sign=base64.b64encode(hmac.digest(key, raw, sha256)).decode()) is not None


@pytest.mark.parametrize(("topic", "kind"), [*KINDS.items(), ("products/update", "shopify_products_update")])
def test_each_topic_has_a_kind(verify: Any, topic: str, kind: str) -> None:
    [event] = verify(STOCK, topic)

    assert event.kind == kind


@pytest.mark.parametrize(
    ("topic", "body", "listings"),
    [
        ("inventory_levels/connect", STOCK, (ListingRef("", "", "271878346596884015"),)),
        ("inventory_levels/update", {"inventory_item_id": "x"}, ()),
        ("inventory_items/update", {"id": 2001, "sku": "SKU-1", "tracked": True}, (ListingRef("SKU-1", "", "2001"),)),
        ("variants/out_of_stock", {"id": 4, "inventory_item_id": 2001}, (ListingRef("", "", "2001"),)),
        (
            "orders/create",
            {"id": 1, "line_items": [{"sku": "A", "product_id": 7}, {"sku": "A", "product_id": 7}, {"sku": None}]},
            (ListingRef("A", "7", ""),),
        ),
        (
            "refunds/create",
            {"id": 1, "refund_line_items": [{"line_item": {"sku": "A", "product_id": 7}}, {"line_item": None}]},
            (ListingRef("A", "7", ""),),
        ),
        ("locations/update", {"id": 1001, "name": "Main"}, ()),
        ("app/uninstalled", {"id": 1}, ()),
    ],
)
def test_a_message_names_its_listings(verify: Any, topic: str, body: object, listings: object) -> None:
    [event] = verify(body, topic)

    assert event.listings == listings


def test_a_repeated_message_is_known_and_another_is_not(verify: Any) -> None:
    [first] = verify(STOCK, **{"X-Shopify-Webhook-Id": "one"})
    [again] = verify(STOCK, **{"X-Shopify-Webhook-Id": "one"})
    [bare], [bare_again] = verify(STOCK), verify(STOCK)
    [other] = verify({**STOCK, "available": 8})

    assert (first.id, again.id) == ("one", "one")
    assert bare.id == bare_again.id
    assert bare.id not in (other.id, "one")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"[" * 5000])
def test_a_signed_body_that_is_no_message_says_nothing(verify: Any, body: bytes) -> None:
    assert verify(body) == ()


def test_a_message_about_another_shop_says_nothing(verify: Any) -> None:
    assert verify(STOCK, **{"X-Shopify-Shop-Domain": "other.myshopify.com"}) == ()
    assert len(verify(STOCK, **{"X-Shopify-Shop-Domain": "DEMO.myshopify.com"})) == 1


def test_an_order_in_the_local_shopify_tells_of_its_stock(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        messages = sandbox.sell("shopify_my", "SKU-1", 2, URL)
        level = sandbox.shop("shopify_my").variants[0].levels
        events = [Shopify().verify_webhook(connection.settings, message) for message in messages]
        return events, json.loads(messages[0].body)["available"], next(iter(level.values()))["committed"]

    store, listings = Store("shopify_my", "shopify", "main"), [ListingRef("SKU-1", "1000", "2001")]
    [[stock], [order]], available, committed = in_sandbox.run(talk, store, listings)
    assert (stock.kind, stock.listings) == ("stock", (ListingRef("", "", "2001"),))
    assert (order.kind, order.listings) == ("order_status", (ListingRef("SKU-1", "1000", ""),))
    assert (available, committed) == (3, 2)
