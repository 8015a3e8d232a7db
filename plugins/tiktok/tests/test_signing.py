"""Signatures that TikTok's documentation and four independent clients agree on."""

import pytest

from pushdsl_tiktok.signing import request_signature, webhook_signature

APP = {"app_key": "29a39d"}
SECRET = "e59af819cc"
SHOPS = "/authorization/202309/shops"
UPDATE = "/product/202309/products/1729382561353664372/inventory/update"
SEARCH = "/product/202309/inventory/search"
SHOP = {**APP, "shop_cipher": "ROW_xyz"}
B1 = b'{"skus":[{"id":"1729592969712207013","inventory":[{"warehouse_id":"7068517275539719942","quantity":999}]}]}'
B2 = b'{"skus":[{"id":"1729592969712207013","inventory":[{"quantity":999,"warehouse_id":"7068517275539719942"}]}]}'


@pytest.mark.parametrize(
    ("path", "query", "body", "expected"),
    [
        pytest.param(
            SHOPS,
            {**APP, "timestamp": "1623812664"},
            b"",
            "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
            id="the example of the documentation",
        ),
        pytest.param(
            UPDATE,
            {**SHOP, "timestamp": "1623812664"},
            B1,
            "82c60d33d2779486b552366e1ac7538815b209e0f063152ad2209d1ce75289ae",
            id="update",
        ),
        pytest.param(
            UPDATE,
            {**SHOP, "timestamp": "1795226945"},
            B1,
            "be4c7401033cd30eae1a4c489df338f4f97e6bce895e65bb9743b61d52a53418",
            id="update at another time",
        ),
        pytest.param(
            UPDATE,
            {**SHOP, "timestamp": "1623812664"},
            B2,
            "b3c087465aff2e9fe6542746331327d45b4513940ca3621ee4cba6e37a22e93e",
            id="update with its fields in another order",
        ),
        pytest.param(
            SEARCH,
            {**SHOP, "timestamp": "1623812664"},
            b'{"sku_ids":["1"]}',
            "b0584d56eaea53221b338d92be380a9024e5cdc0745a118578b6a7b5d491064b",
            id="search",
        ),
    ],
)
def test_a_request_is_signed_as_other_clients_sign_it(
    path: str, query: dict[str, str], body: bytes, expected: str
) -> None:
    assert expected == request_signature(SECRET, path, query, body)


def test_a_request_without_key_and_time_is_signed_too() -> None:
    expected = "d3cb7fe11ecae942802ceeca67e7cf10120cc12f1517d45fbc1c8cfe5413c80f"

    assert expected == request_signature("app_secret", "/test-api", {"foo": "bar"})


def test_sign_and_access_token_are_not_signed_and_order_does_not_matter() -> None:
    query = {**SHOP, "timestamp": "1623812664"}
    signed = {"sign": "0" * 64, "access_token": "ROW_token", **dict(reversed(query.items()))}

    assert request_signature(SECRET, UPDATE, query, B1) == request_signature(SECRET, UPDATE, signed, B1)


def test_a_message_is_signed_as_other_clients_verify_it() -> None:
    expected = "72be2b2d87ad7ba394f304cbc5b2c2b9a8982dc91867ec4174f9703b53e41f49"

    assert expected == webhook_signature(SECRET, "29a39d", b'{"type":1}')
