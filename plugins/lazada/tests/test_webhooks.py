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


@pytest.mark.parametrize("number", [3, 4, 5])
def test_a_product_message_names_all_its_skus_once(lazada_settings: Settings, number: int) -> None:
    rows = [
        {"shop_sku": "1807508328_SGAMZ-9541954106", "seller_sku": "11111111", "sku_id": 9541954106},
        {"shop_sku": "1807508328_SGAMZ-9542176118", "seller_sku": "22222223", "sku_id": "9542176118"},
    ]
    body = message(number, item_id=1807508328, sku_list=[*rows, rows[0]], action="EDITED_DELETED")

    [event] = Lazada().verify_webhook(lazada_settings(), signed(body)) or []
    assert event.listings == (
        ListingRef("11111111", "1807508328", "9541954106"),
        ListingRef("22222223", "1807508328", "9542176118"),
    )


@pytest.mark.parametrize("skus", [[], None, "none", [None, "1"]])
def test_a_product_message_without_skus_names_the_item(lazada_settings: Settings, skus: object) -> None:
    [event] = Lazada().verify_webhook(lazada_settings(), signed(message(5, item_id=18, sku_list=skus))) or []

    assert event.listings == (ListingRef("", "18", ""),)


def test_quality_control_names_the_item(lazada_settings: Settings) -> None:
    body = message(1, itemId=2202832065, status="Lock", date=1627451616614)

    [event] = Lazada().verify_webhook(lazada_settings(), signed(body)) or []
    assert event.listings == (ListingRef("", "2202832065", ""),)


@pytest.mark.parametrize(
    ("seller", "data", "count"),
    [
        ("2001", {}, 1),
        (2001, {}, 1),
        ("9999", {}, 0),
        ("null", {"seller_id": "2001"}, 1),
        ("null", {"seller_id": "9999"}, 0),
        (None, {"sellerId": 9999}, 0),
        ("9999", {"seller_id": 2001}, 1),
        (None, {}, 1),
    ],
)
def test_a_message_about_another_seller_of_the_app_says_nothing_about_this_shop(
    lazada_settings: Settings, seller: object, data: dict[str, object], count: int
) -> None:
    body = json.dumps({"seller_id": seller, "message_type": 0, "data": data}).encode()

    events = Lazada().verify_webhook(lazada_settings(seller_id="2001"), signed(body))
    assert events is not None
    assert len(events) == count
    assert len(Lazada().verify_webhook(lazada_settings(), signed(body)) or ()) == 1


def sent_at(time: int, number: int, **data: object) -> bytes:
    return json.dumps({"seller_id": "1", "timestamp": time, "message_type": number, "data": data}).encode()


def test_an_order_sent_again_later_is_the_same_event(lazada_settings: Settings) -> None:
    """Its status has a time of its own; `timestamp` is the time of sending."""
    order = {"trade_order_id": "26", "trade_order_line_id": "27", "order_status": "unpaid", "status_update_time": 5}
    bodies = [sent_at(1, 0, **order), sent_at(2, 0, **order), sent_at(2, 0, **{**order, "trade_order_line_id": "28"})]

    ids = [Lazada().verify_webhook(lazada_settings(), signed(body))[0].id for body in bodies]  # type: ignore[index]
    assert ids[0] == ids[1] != ids[2]


def test_the_same_stock_level_at_another_time_is_another_event(lazada_settings: Settings) -> None:
    level = {"sku_id": 1, "seller_sku": "SKU-1", "real_quantity": 4}
    bodies = [sent_at(1, 6, **level), sent_at(1, 6, **level), sent_at(2, 6, **level)]

    ids = [Lazada().verify_webhook(lazada_settings(), signed(body))[0].id for body in bodies]  # type: ignore[index]
    assert ids[0] == ids[1] != ids[2]


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
