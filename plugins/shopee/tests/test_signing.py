"""Signatures recorded from other clients, and one made by the recipe alone."""

from __future__ import annotations

from typing import Any

import pytest

from pushdsl.plugins import Batch, CellPush, Connection
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.signing import merchant_sign, public_sign, shop_sign, webhook_sign

KEY = "partnerkey-0123456789abcdef"
PARTNER, AT, TOKEN, SHOP = "2001887", "1655714431", "59777174636562737266615546704c6d", "14701711"


@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("/api/v2/product/update_stock", "c3f8b0d1c80b4fc1d6c583380e970d5a8b90c80bdaa04cd64dd72edc451bfbab"),
        ("/api/v2/product/get_item_base_info", "fd6095109d506ef7e621eace3a2eb4586ebbcfed1274cbf267ce61cf5dddbc12"),
        ("/api/v2/product/get_item_promotion", "b04dac88749ff1fb317ea8d6cf3fee34fe37cff558a74a3c3866da2661ca7f72"),
        ("/api/v2/product/get_model_list", "d7b3ef72aefb00fab217ce2c1b16621ba0c5f23aeb2c0f900f804f79425601b4"),
        ("/api/v2/shop/get_warehouse_detail", "5bdf77d768c57f21eafd9c4fc8c5f5ce6f45314e5e19d3461a61b2922491426a"),
    ],
)
def test_a_shop_call_is_signed_as_other_clients_sign_it(path: str, sign: str) -> None:
    assert sign == shop_sign(KEY, PARTNER, path, AT, TOKEN, SHOP)


@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("/api/v2/shop/auth_partner", "d5e4b4ba69502d0038557b1bbd5533d8712a07cc59140e1e834829cd150b617c"),
        ("/api/v2/auth/token/get", "e2628072e2f410554690e339db0f257247d3816b6f3b814ac901d0e5afdb47b3"),
        ("/api/v2/auth/access_token/get", "6c8c4fd39fe317dc0b99725a41d88afc3b00b01976056e1c8e4ec464132475e9"),
    ],
)
def test_a_public_call_is_signed_as_other_clients_sign_it(path: str, sign: str) -> None:
    assert sign == public_sign(KEY, PARTNER, path, AT)


def test_a_merchant_call_is_signed_over_the_merchant_instead_of_the_shop() -> None:
    sign = merchant_sign(KEY, PARTNER, "/api/v2/global_product/update_stock", AT, TOKEN, "1500001")

    assert sign == "d60365d31f086d7dda603e8e093bd9860bd252f67ebae956065fb34eda1de7f5"


def test_a_push_message_is_signed_over_its_address_and_its_raw_body() -> None:
    body = (
        b'{"shop_id":14701711,"code":8,"timestamp":1655714431,"data":{"item_id":1000,"variation_id":1,'
        b'"action":"place_order","changed_values":[{"name":"reserved_stock","old":900,"new":899}]}}'
    )

    sign = webhook_sign(KEY, "https://push.example.test/shopee", body)
    assert sign == "a966d567df530c636194a94d7d64c6d020e35f63426053d7d2bb373c361e88a9"


def test_a_push_sends_what_was_recorded_from_another_client(scripted: Any, reply: Any) -> None:
    cells = (CellPush("A", "1000", "1", "", 7), CellPush("B", "1000", "2", "IDZ", 3))

    async def talk(connection: Connection) -> object:
        return await Shopee().push(Batch(connection, cells))

    scripted.run(talk, [reply({"success_list": [], "failure_list": []})])
    [request] = scripted.requests
    assert (request.method, request.path) == ("POST", "/api/v2/product/update_stock")
    assert request.query == [
        ("partner_id", PARTNER),
        ("timestamp", AT),
        ("access_token", TOKEN),
        ("shop_id", SHOP),
        ("sign", "c3f8b0d1c80b4fc1d6c583380e970d5a8b90c80bdaa04cd64dd72edc451bfbab"),
    ]
    assert request.body == {
        "item_id": 1000,
        "stock_list": [
            {"model_id": 1, "seller_stock": [{"stock": 7}]},
            {"model_id": 2, "seller_stock": [{"location_id": "IDZ", "stock": 3}]},
        ],
    }
