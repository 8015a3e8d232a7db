"""Which warehouses a shop has, as Shopee lists them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import Connection, ListingRef, Location, ShopLocation, Store, Temporary, Unauthorized
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.sandbox import ShopeeSandbox

STORE = Store("shopee_id", "shopee", "main", region="ID")
TWO = replace(STORE, locations=(Location("IDZ", ("jakarta",)), Location("IDX", ("surabaya",))))
LISTINGS = [ListingRef("SKU-1", "1000", "1")]


def warehouse(location: object = "IDZ", name: object = "Jakarta", state: object = 0, kind: object = 1) -> object:
    said = {"location_id": location, "warehouse_name": name, "holiday_mode_state": state, "warehouse_type": kind}
    return {"warehouse_id": 6, "region": "ID", **said}


@pytest.fixture
def listed(scripted: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    return lambda *replies: scripted.run(Shopee().locations, replies)


def test_warehouses_have_shopees_location_id_and_the_sellers_name(listed: Any, reply: Any, scripted: Any) -> None:
    answer = reply([warehouse(), warehouse("IDX", "Surabaya")])

    assert [ShopLocation("IDZ", "Jakarta"), ShopLocation("IDX", "Surabaya")] == listed(answer)
    [request] = scripted.requests
    assert (request.method, request.path) == ("GET", "/api/v2/shop/get_warehouse_detail")
    assert ("sign", "5bdf77d768c57f21eafd9c4fc8c5f5ce6f45314e5e19d3461a61b2922491426a") in request.query


@pytest.mark.parametrize("error", ["warehouse.error_not_in_whitelist", "warehouse.error_can_not_find_warehouse"])
def test_an_ordinary_shop_has_one_without_a_name(listed: Any, reply: Any, error: str) -> None:
    assert listed(reply(None, error=error, message="Your shop is not in multi-warehouse whitelist.")) == []


@pytest.mark.parametrize(
    ("state", "active"), [(0, True), (1, False), (2, True), (3, False), ("1", False), (None, True)]
)
def test_a_warehouse_on_holiday_sells_nothing(listed: Any, reply: Any, state: object, active: bool) -> None:
    [location] = listed(reply([warehouse(state=state)]))

    assert active is location.active


def test_addresses_with_one_stock_are_one_location(listed: Any, reply: Any) -> None:
    answer = reply([warehouse(), warehouse(name="Bekasi", state=1), warehouse()])

    assert [ShopLocation("IDZ", "Jakarta, Bekasi")] == listed(answer)


def test_places_for_returns_and_without_stock_are_no_locations(listed: Any, reply: Any) -> None:
    assert listed(reply([warehouse(kind=2), warehouse(""), warehouse(None), warehouse(7)])) == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": "invalid_acceess_token", "message": "Invalid access_token, please have a check."}, Unauthorized),
        ({"error": "error_rate_limit", "message": "Too many requests."}, Temporary),
        ({"response": {}}, Temporary),
        ({"response": "<html/>"}, Temporary),
        ({"response": "", "status": 500}, Temporary),
    ],
)
def test_a_failed_call_is_no_empty_list(listed: Any, reply: Any, said: dict[str, Any], kind: type) -> None:
    assert isinstance(listed(reply(**said)), kind)


@pytest.mark.parametrize(
    ("store", "expected"),
    [(STORE, []), (TWO, [ShopLocation("IDZ", "Warehouse 1", active=False), ShopLocation("IDX", "Warehouse 2")])],
)
def test_the_local_shopee_lists_what_was_declared(in_sandbox: Any, store: Store, expected: object) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.set_holiday(store.name, "IDZ", 1)
        return await Shopee().locations(connection)

    assert expected == in_sandbox.run(talk, store, LISTINGS)
