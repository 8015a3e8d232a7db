"""What goes over the wire: the bytes and signatures that TikTok's documentation and other clients have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, ListingRef, Query
from pushdsl_tiktok.platform import TikTok
from pushdsl_tiktok.settings import TikTokSettings
from pushdsl_tiktok.tokens import SHOPS_PATH
from pushdsl_tiktok.wire import get_for_token

if TYPE_CHECKING:
    from conftest import Reply, Scripted

PRODUCT, SKU, WAREHOUSE = "1729382561353664372", "1729592969712207013", "7068517275539719942"
UPDATE = f"/product/202309/products/{PRODUCT}/inventory/update"
B1 = b'{"skus":[{"id":"1729592969712207013","inventory":[{"warehouse_id":"7068517275539719942","quantity":999}]}]}'


def at(seconds: int, connection: Connection) -> Connection:
    return replace(connection, now=lambda: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("seconds", "sign"),
    [
        (1623812664, "82c60d33d2779486b552366e1ac7538815b209e0f063152ad2209d1ce75289ae"),
        (1795226945, "be4c7401033cd30eae1a4c489df338f4f97e6bce895e65bb9743b61d52a53418"),
    ],
)
def test_an_update_is_sent_and_signed_as_other_clients_do(
    scripted: Scripted, reply: type[Reply], seconds: int, sign: str
) -> None:
    shown = {"id": SKU, "warehouse_inventory": [{"warehouse_id": WAREHOUSE, "available_quantity": 1}]}
    found = {"code": 0, "data": {"inventory": [{"product_id": PRODUCT, "skus": [shown]}]}}

    def talk(connection: Connection) -> Any:
        return TikTok().push(Batch(at(seconds, connection), (CellPush("MUG", PRODUCT, SKU, WAREHOUSE, 999),)))

    replies = [reply(found), reply({"code": 0, "message": "Success", "data": {}})]
    assert [Confirmed()] == scripted.run(talk, replies, [WAREHOUSE])
    call = scripted.calls[1]
    assert (call.method, call.path, call.body) == ("POST", UPDATE, B1)
    assert call.query == {"app_key": "29a39d", "shop_cipher": "ROW_xyz", "timestamp": str(seconds), "sign": sign}
    assert (call.headers["x-tts-access-token"], call.headers["Content-Type"]) == (
        "ROW_access-token",
        "application/json",
    )


def test_a_search_is_sent_and_signed_as_other_clients_do(scripted: Scripted, reply: type[Reply]) -> None:
    def talk(connection: Connection) -> Any:
        return TikTok().read(Query(at(1623812664, connection), (ListingRef("MUG", PRODUCT, "1"),)))

    scripted.run(talk, [reply({"code": 0, "data": {}})])
    [call] = scripted.calls
    assert (call.method, call.path, call.body) == ("POST", "/product/202309/inventory/search", b'{"sku_ids":["1"]}')
    assert call.query["sign"] == "b0584d56eaea53221b338d92be380a9024e5cdc0745a118578b6a7b5d491064b"


def test_shops_are_asked_for_as_in_the_documentation(scripted: Scripted, reply: type[Reply]) -> None:
    def talk(connection: Connection) -> Any:
        settings, there = connection.settings, at(1623812664, connection)
        assert isinstance(settings, TikTokSettings)
        return get_for_token(settings, connection.http, there.now, SecretStr("ROW_token"), SHOPS_PATH)

    scripted.run(talk, [reply({"code": 0, "data": {}})])
    [call] = scripted.calls
    assert call.query == {
        "app_key": "29a39d",
        "timestamp": "1623812664",
        "sign": "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
    }
