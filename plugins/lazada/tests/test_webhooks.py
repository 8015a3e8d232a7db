"""A signed message becomes an event; what is not signed becomes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.settings import LazadaSettings
from pushdsl_lazada.signing import webhook_signature

Settings = Callable[..., LazadaSettings]


def signed(body: bytes, header: str = "Authorization") -> WebhookRequest:
    sign = webhook_signature("helloworld", "123456", body)
    return WebhookRequest("https://push.example.test/hook", {header: sign}, body)


def message(number: object, **data: object) -> bytes:
    return json.dumps({"seller_id": "1", "message_type": number, "data": data}).encode()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0, "order_status"),
        (1, "product_quality_control"),
        (3, "product_created"),
        (4, "product_edited"),
        (5, "product_deleted"),
        (6, "shallow_stock"),
        (8, "authorization_ends_soon"),
        (10, "reverse_order"),
        (11, "promotion"),
        (13, "seller_status"),
        (99, "lazada_99"),
        (False, "lazada_False"),
        ([], "lazada_[]"),
    ],
)
def test_the_type_of_a_message_is_its_kind(lazada_settings: Settings, number: object, kind: str) -> None:
    events = Lazada().verify_webhook(lazada_settings(), signed(message(number)))

    assert events is not None
    assert [kind] == [event.kind for event in events]


def test_shallow_stock_names_its_listing(lazada_settings: Settings) -> None:
    body = message(6, sku_id=234, seller_sku="SKU-1", warehouse="dropshipping", real_quantity=4)

    [event] = Lazada().verify_webhook(lazada_settings(), signed(body)) or []
    assert (ListingRef("SKU-1", "", "234"),) == event.listings


def test_a_trade_order_names_no_listing(lazada_settings: Settings) -> None:
    [event] = Lazada().verify_webhook(lazada_settings(), signed(message(0, trade_order_id="26042"))) or []

    assert event.listings == ()


def test_a_redelivery_has_the_same_id_and_another_message_another(lazada_settings: Settings) -> None:
    def id_of(body: bytes) -> str:
        [event] = Lazada().verify_webhook(lazada_settings(), signed(body)) or [Event("", "")]
        return event.id

    assert id_of(message(0, a=1)) == id_of(message(0, a=1))
    assert id_of(message(0, a=1)) != id_of(message(0, a=2))


def test_the_name_of_the_header_may_be_in_any_case(lazada_settings: Settings) -> None:
    assert Lazada().verify_webhook(lazada_settings(), signed(message(0), "authorization")) is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"not json"])
def test_a_signed_body_that_is_no_message_has_no_events(lazada_settings: Settings, body: bytes) -> None:
    assert Lazada().verify_webhook(lazada_settings(), signed(body)) == ()


@pytest.mark.parametrize("sign", ["", "0" * 64, "ü"])
def test_a_wrong_signature_is_not_believed(lazada_settings: Settings, sign: str) -> None:
    request = WebhookRequest("https://push.example.test/hook", {"Authorization": sign}, message(0))

    assert Lazada().verify_webhook(lazada_settings(), request) is None
