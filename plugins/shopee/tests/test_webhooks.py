"""Signed push messages are believed, and say what happened to which listings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.settings import ShopeeSettings
from pushdsl_shopee.signing import webhook_sign

URL = "https://push.example.test/shopee"
RESERVED = (
    b'{"shop_id":14701711,"code":8,"timestamp":1655714431,"data":{"item_id":1000,"variation_id":1,'
    b'"action":"place_order","changed_values":[{"name":"reserved_stock","old":900,"new":899}]}}'
)
SIGNED = WebhookRequest(
    URL, {"Authorization": "a966d567df530c636194a94d7d64c6d020e35f63426053d7d2bb373c361e88a9"}, RESERVED
)


@pytest.fixture
def believed(shopee_settings: Callable[[], ShopeeSettings]) -> Callable[[WebhookRequest], Any]:
    return lambda request: Shopee().verify_webhook(shopee_settings(), request)


@pytest.fixture
def told(shopee_settings: Callable[[], ShopeeSettings], believed: Callable[[WebhookRequest], Any]):  # type: ignore[no-untyped-def]  # a function, typed by its use
    def events(message: object) -> list[Event]:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        sign = webhook_sign(shopee_settings().partner_key.get_secret_value(), URL, body)
        return list(believed(WebhookRequest(URL, {"authorization": sign.upper()}, body)))

    return events


def test_a_change_of_reserved_stock_names_its_listing(believed: Callable[[WebhookRequest], Any]) -> None:
    [event] = believed(SIGNED)

    assert ("reserved_stock", (ListingRef("", "1000", "1"),)) == (event.kind, event.listings)
    assert event.id == believed(SIGNED)[0].id


@pytest.mark.parametrize(
    "forged",
    [
        replace(SIGNED, url="https://push.example.test/other"),
        replace(SIGNED, body=RESERVED.replace(b"899", b"898")),
        replace(SIGNED, headers={}),
        replace(SIGNED, headers={"Authorization": "ÿ" * 64}),
    ],
)
def test_another_address_body_or_signature_is_not_believed(
    believed: Callable[[WebhookRequest], Any], forged: WebhookRequest
) -> None:
    assert believed(forged) is None


def test_a_message_with_an_id_keeps_it(told: Callable[[object], list[Event]]) -> None:
    assert [Event("m-1", "deauthorized")] == told({"code": 2, "msg_id": "m-1", "data": {}})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, "authorized"),
        (2, "deauthorized"),
        (3, "order_status"),
        (6, "item_banned"),
        (7, "promotion"),
        (8, "reserved_stock"),
        (9, "promotion"),
        (12, "authorization_ends_soon"),
        (16, "item_banned"),
        (22, "price"),
        (27, "scheduled_publish_failed"),
        (28, "shop_penalty"),
    ],
)
def test_every_kind_of_message_has_a_name_its_numbers_written_as_text_or_not(
    told: Callable[[object], list[Event]], code: int, kind: str
) -> None:
    message = {"shop_id": 14701711, "code": code, "timestamp": 1, "data": {"item_id": 5, "variation_id": 6}}
    as_text = {
        "shop_id": "14701711",
        "code": str(code),
        "timestamp": "1",
        "data": {"item_id": "5", "variation_id": "6"},
    }

    for said in (message, as_text):
        assert [(kind, (ListingRef("", "5", "6"),))] == [(event.kind, event.listings) for event in told(said)]


@pytest.mark.parametrize("shop_id", [7, "7", None, "mine"])
def test_a_message_about_another_shop_of_the_app_has_no_events(
    told: Callable[[object], list[Event]], shop_id: object
) -> None:
    assert told({"shop_id": shop_id, "code": 8, "data": {"item_id": 5}}) == []


def test_a_redelivery_has_the_same_id_and_another_message_has_another(told: Callable[[object], list[Event]]) -> None:
    order = {"code": 3, "timestamp": 1, "data": {"ordersn": "1"}}

    assert told(order) == told(order)
    assert told(order)[0].id != told({**order, "timestamp": 2})[0].id
    assert told({**order, "msg_id": "m-1"})[0].id == told({**order, "msg_id": "m-1", "timestamp": 2})[0].id


def test_an_order_of_several_listings_names_each_once(told: Callable[[object], list[Event]]) -> None:
    items = [
        {"item_id": 5, "model_id": 6},
        {"item_id": 5, "model_id": 6},
        {"item_id": "5", "variation_id": 0},
        {},
        None,
    ]

    [event] = told({"code": 3, "data": {"ordersn": "1", "items": items}})
    assert (ListingRef("", "5", "6"), ListingRef("", "5", "")) == event.listings


@pytest.mark.parametrize(
    ("code", "data", "kind", "listings"),
    [
        (3, {"ordersn": "1", "status": "READY_TO_SHIP"}, "order_status", []),
        (3, {"items": [{"item_id": 5, "model_id": 6}, {"item_id": 7}]}, "order_status", [("5", "6"), ("7", "")]),
        ("16", {"item_id": "9", "item_status": "BANNED"}, "item_banned", [("9", "")]),
        (8, {"item_id": 9, "variation_id": 0}, "reserved_stock", [("9", "")]),
        (12, None, "authorization_ends_soon", []),
        (99, {}, "shopee_99", []),
        (None, {}, "shopee_None", []),
    ],
)
def test_kinds_and_listings(
    told: Callable[[object], list[Event]], code: object, data: object, kind: str, listings: list[tuple[str, str]]
) -> None:
    [event] = told({"code": code, "data": data})

    assert (kind, tuple(ListingRef("", *ids) for ids in listings)) == (event.kind, event.listings)


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"\xff"])
def test_a_signed_body_that_is_no_message_has_no_events(told: Callable[[object], list[Event]], body: bytes) -> None:
    assert told(body) == []
