"""The warehouses of a shop: those that goods are sold from, and whether they are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pushdsl.plugins import Connection, ListingRef, Location, Refused, ShopLocation, Store, Temporary, Unauthorized
from pushdsl_tiktok.platform import TikTok, Tokopedia
from pushdsl_tiktok.signing import request_signature

if TYPE_CHECKING:
    from conftest import Reply, Scripted

    from pushdsl_tiktok.sandbox import TikTokSandbox

A, B, C = "7068517275539719942", "7068517275539719943", "7068517275539719944"


def talk(connection: Connection) -> Any:
    return TikTok().locations(connection)


def warehouses(*listed: object) -> dict[str, object]:
    return {"code": 0, "message": "Success", "data": {"warehouses": list(listed)}}


def warehouse(warehouse_id: object, **changed: object) -> dict[str, object]:
    usual = {"name": "Kuala Lumpur", "type": "SALES_WAREHOUSE", "effect_status": "ENABLED", "is_default": False}
    return {"id": warehouse_id, **usual, **changed}


def test_warehouses_are_asked_for_with_a_signed_get(scripted: Scripted, reply: type[Reply]) -> None:
    scripted.run(talk, [reply(warehouses())])

    [call] = scripted.calls
    assert (call.method, call.path, call.body) == ("GET", "/logistics/202309/warehouses", b"")
    sign = call.query.pop("sign")
    assert call.query == {"app_key": "29a39d", "shop_cipher": "ROW_xyz", "timestamp": "1767614400"}
    assert sign == request_signature("e59af819cc", call.path, call.query)
    assert call.headers["x-tts-access-token"] == "ROW_access-token"


def test_those_that_sell_are_listed_and_say_whether_they_do(scripted: Scripted, reply: type[Reply]) -> None:
    listed = warehouses(
        warehouse(A, is_default=True),
        warehouse("9", type="RETURN_WAREHOUSE"),
        warehouse(B, name="Johor", effect_status="DISABLED"),
        warehouse(C, name=None, effect_status="RESTRICTED"),
    )

    assert [
        ShopLocation(A, "Kuala Lumpur (default)"),
        ShopLocation(B, "Johor", active=False),
        ShopLocation(C, "", active=False),
    ] == scripted.run(talk, [reply(listed)])


@pytest.mark.parametrize("data", [{}, {"warehouses": []}, {"warehouses": None}, None])
def test_a_shop_may_list_none(scripted: Scripted, reply: type[Reply], data: object) -> None:
    assert scripted.run(talk, [reply({"code": 0, "message": "Success", "data": data})]) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 500, "body": ""}, Temporary),
        ({"status": 429, "body": {"code": 36009002, "message": "slow down"}}, Temporary),
        ({"body": "<html>"}, Temporary),
        ({"body": {"code": 0, "data": {"warehouses": "?"}}}, Temporary),
        ({"body": warehouses("?")}, Temporary),
        ({"body": warehouses(warehouse(7))}, Temporary),
        ({"body": warehouses(warehouse(""))}, Temporary),
        ({"body": {"code": 105002, "message": "expired"}}, Unauthorized),
        ({"body": {"code": 106013, "message": "no cipher"}}, Refused),
    ],
    ids=str,
)
def test_an_answer_that_cannot_be_used_is_a_failure(
    scripted: Scripted, reply: type[Reply], answer: dict[str, Any], expected: type
) -> None:
    assert type(scripted.run(talk, [reply(**answer)])) is expected


def test_a_lost_answer_leaves_nothing_undone(scripted: Scripted, reply: type[Reply]) -> None:
    """The HTTP client itself asks a second time, which changes nothing in a shop."""
    outcome = scripted.run(talk, [reply(drop=True), reply(drop=True)])

    assert Temporary("the connection to TikTok Shop broke before its answer") == outcome


@pytest.mark.parametrize("platform", [TikTok(), Tokopedia()], ids=lambda platform: platform.name)
def test_the_local_shop_lists_what_it_has(in_sandbox: Any, platform: TikTok) -> None:
    store = Store("shop", platform.name, "shop", locations=(Location(A, ("kl",)), Location(B, ("jb",))))

    async def visit(sandbox: TikTokSandbox, connection: Connection) -> object:
        sandbox.close_warehouse("shop", B)
        return await platform.locations(connection)

    found = in_sandbox.run(visit, store, [ListingRef("MUG-RED", "1729", "31")], platform)
    assert [(location.name, location.active) for location in found] == [(A, True), (B, False)]
