"""Signatures agree with those published by Lazada and made by its clients."""

from __future__ import annotations

from typing import Any

import pytest

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, ListingRef, Query
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.signing import request_signature, webhook_signature

PAYLOAD = (
    "<Request><Product><Skus><Sku><ItemId>234234234</ItemId><SkuId>234</SkuId>"
    "<SellableQuantity>20</SellableQuantity></Sku></Skus></Product></Request>"
)
STOCK = "/product/stock/sellable/update"
APP = {"app_key": "123456", "timestamp": "1517820392000", "sign_method": "sha256"}
SELLER = {**APP, "access_token": "test"}
PYTHON_CLIENT = {"partner_id": "lazop-sdk-python-20181207"}
VECTORS = [
    (
        "/order/get",
        {**SELLER, "order_id": "1234"},
        "4190D32361CFB9581350222F345CB77F3B19F0E31D162316848A2C1FFD5FAB4A",
    ),
    (STOCK, {**SELLER, "payload": PAYLOAD}, "0D7B6906784B9492ACFB5A3582775CDB854DF8C977038E452E05A5C233A86368"),
    (
        STOCK,
        {**SELLER, **PYTHON_CLIENT, "payload": PAYLOAD},
        "11380C2816C7225471F2823620B317BFE3AA45206CEA629DA435449DCA8617AB",
    ),
    (
        "/product/item/get",
        {**SELLER, **PYTHON_CLIENT, "item_id": "5758254690"},
        "8A90148C83E6E6CE9FBAACFF81CBCCE7871B08C920EB01BF391052C3686E368C",
    ),
    (
        "/auth/token/refresh",
        {**APP, **PYTHON_CLIENT, "refresh_token": "RT"},
        "21F374D2F7DCBFEA97C9A6ECE626E45DAF2436E26E0C9A1164F391FCC0AC43BA",
    ),
]


@pytest.mark.parametrize(("path", "params", "expected"), VECTORS)
def test_a_request_is_signed_as_published(path: str, params: dict[str, str], expected: str) -> None:
    assert expected == request_signature("helloworld", path, params)


def test_a_signature_that_is_among_the_parameters_is_not_signed() -> None:
    path, params, expected = VECTORS[0]

    assert expected == request_signature("helloworld", path, {**params, "sign": "anything"})


def test_a_push_sends_the_published_request_in_the_form(scripted: Any, reply: Any) -> None:
    cell = CellPush("SKU-1", "234234234", "234", "", 20)

    async def push(connection: Connection) -> object:
        return await Lazada().push(Batch(connection, (cell,)))

    assert [Confirmed()] == scripted.run(push, [reply()])
    sign = "0D7B6906784B9492ACFB5A3582775CDB854DF8C977038E452E05A5C233A86368"
    assert [("POST", f"/rest{STOCK}", {**SELLER, "payload": PAYLOAD, "sign": sign})] == scripted.requests


def test_a_read_sends_its_parameters_in_the_query(scripted: Any, reply: Any) -> None:
    async def read(connection: Connection) -> object:
        return await Lazada().read(Query(connection, (ListingRef("SKU-1", "5758254690", "1"),)))

    scripted.run(read, [reply()])
    [(method, path, sent)] = scripted.requests
    assert (method, path, sent["item_id"]) == ("GET", "/rest/product/item/get", "5758254690")
    assert request_signature("helloworld", "/product/item/get", sent) == sent["sign"]


def test_a_webhook_is_signed_as_documented() -> None:
    body = (
        b'{"seller_id":"1234567","message_type":0,"data":{"order_status":"unpaid","trade_order_id":"260422900198363",'
        b'"trade_order_line_id":"260422900298363","status_update_time":1603698638},"timestamp":1603766859530,'
        b'"site":"lazada_vn"}'
    )

    expected = "59e04e1b1f307b7180fd58126161907cd20d33ac17cbce90ec2ae19907e701e6"
    assert expected == webhook_signature("3412gyo124goi3124", "123456", body)
