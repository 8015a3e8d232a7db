"""What a read makes of the shop's inventory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pushdsl.plugins import Connection, ListingRef, NotShown, Query, Refused, Shown, Temporary, Unknown
from pushdsl_tiktok.platform import TikTok

if TYPE_CHECKING:
    from conftest import Reply, Scripted

A, B, C = "7068517275539719942", "7068517275539719943", "7068517275539719944"
RED = ListingRef("MUG-RED", "1729", "31")
BLUE = ListingRef("MUG-BLUE", "1730", "32")


@pytest.fixture
def read(scripted: Scripted) -> Any:
    def run(listings: Sequence[ListingRef], *replies: Reply, locations: Sequence[str] = ()) -> Any:
        def talk(connection: Connection) -> Any:
            return TikTok().read(Query(connection, tuple(listings)))

        return scripted.run(talk, replies, locations)

    return run


def shop(*products: tuple[str, str, dict[str, object]]) -> dict[str, object]:
    inventory = [{"product_id": product, "skus": [{"id": sku, **rest}]} for product, sku, rest in products]
    return {"code": 0, "message": "Success", "data": {"inventory": inventory}}


def at(**warehouses: int) -> dict[str, object]:
    stock = [{"warehouse_id": w[1:], "available_quantity": n, "committed_quantity": 9} for w, n in warehouses.items()]
    return {"warehouse_inventory": stock}


def kept(*campaigns: int, creators: tuple[int, ...] = ()) -> dict[str, object]:
    for_campaigns = [{"quantity": n, "campaign_name": "Flash"} for n in campaigns]
    for_creators = [{"quantity": n, "creator_name": "Ana"} for n in creators]
    distribution = {"campaign_inventory": for_campaigns, "creator_inventory": for_creators}
    return {"total_available_inventory_distribution": {"in_shop_inventory": {"quantity": 2}, **distribution}}


def test_listings_are_asked_for_by_sku_in_one_call(read: Any, reply: type[Reply], scripted: Any) -> None:
    shown = read([RED, BLUE], reply(shop(("1729", "31", at(**{f"w{A}": 5})), ("1730", "32", at(**{f"w{A}": 0})))))

    assert [Shown("MUG-RED", "", 5), Shown("MUG-BLUE", "", 0)] == shown
    assert scripted.requests == [("/product/202309/inventory/search", {"sku_ids": ["31", "32"]})]


def test_every_warehouse_is_shown_where_the_store_maps_warehouses(read: Any, reply: type[Reply]) -> None:
    shown = read([RED], reply(shop(("1729", "31", at(**{f"w{A}": 5, f"w{B}": 6})))), locations=(A,))

    assert [Shown("MUG-RED", A, 5), Shown("MUG-RED", B, 6)] == shown


def test_several_warehouses_are_not_added_up_where_the_store_maps_none(read: Any, reply: type[Reply]) -> None:
    [answer] = read([RED], reply(shop(("1729", "31", at(**{f"w{A}": 5, f"w{B}": 6})))))

    assert isinstance(answer, NotShown)
    assert "map each with `location`" in answer.outcome.message


def test_a_shop_without_warehouse_rows_shows_its_total(read: Any, reply: type[Reply]) -> None:
    assert [Shown("MUG-RED", "", 8)] == read([RED], reply(shop(("1729", "31", {"total_available_quantity": 8}))))


def test_stock_for_campaigns_and_creators_is_reserved(read: Any, reply: type[Reply]) -> None:
    body = shop(("1729", "31", {**at(**{f"w{A}": 9}), **kept(2, 1, creators=(4,))}))

    assert [Shown("MUG-RED", "", 9, reserved=7)] == read([RED], reply(body))


@pytest.mark.parametrize(("mapped", "teller"), [((A, B), A), ((B, A), B), ((B,), B), ((C, B), B), ((C,), A)])
def test_the_reserve_of_a_sku_is_told_once_where_the_store_pushes(
    read: Any, reply: type[Reply], mapped: tuple[str, ...], teller: str
) -> None:
    body = shop(("1729", "31", {**at(**{f"w{B}": 6, f"w{A}": 5}), **kept(2, 1)}))

    shown = read([RED], reply(body), locations=mapped)
    assert {row.location: row.quantity for row in shown} == {A: 5, B: 6}
    assert {teller: 3} == {row.location: row.reserved for row in shown if row.reserved}


def test_a_sku_that_the_shop_does_not_show_is_not_found(read: Any, reply: type[Reply]) -> None:
    shown, missing = read([RED, BLUE], reply(shop(("1729", "31", at(**{f"w{A}": 5})))))

    assert Shown("MUG-RED", "", 5) == shown
    assert NotShown("MUG-BLUE", Refused("", "TikTok Shop shows no SKU `32`", "not_found")) == missing


def test_a_sku_of_another_product_is_not_the_listings(read: Any, reply: type[Reply]) -> None:
    [answer] = read([RED], reply(shop(("9999", "31", at(**{f"w{A}": 5})))))

    assert answer.outcome.kind == "not_found"


def test_a_listing_without_ids_cannot_be_read_and_is_not_asked_for(read: Any) -> None:
    [answer] = read([ListingRef("MUG-RED", "1729", "")])

    assert (answer.store_sku, answer.outcome.kind) == ("MUG-RED", "bad_request")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"body": "<html>"}, Unknown),
        ({"status": 503, "body": ""}, Temporary),
        ({"body": {"code": 0, "data": {"inventory": "?"}}}, Unknown),
        ({"body": shop(("1729", "31", {"warehouse_inventory": [{"available_quantity": "?"}]}))}, Unknown),
        ({"body": shop(("1729", "31", {"warehouse_inventory": [{"available_quantity": -1}]}))}, Unknown),
        ({"body": shop(("1729", "31", {**at(w1=5), "total_available_inventory_distribution": "?"}))}, Unknown),
        ({"body": shop(("1729", "31", {**at(w1=5), **kept(-1)}))}, Unknown),
        ({"body": shop(("1729", "31", {**at(w1=5), **kept(creators=(-1,))}))}, Unknown),
        ({"body": {"code": 12052556, "message": "The SKU id not exist."}}, Refused),
    ],
)
def test_a_read_that_fails_says_so_of_every_listing(
    read: Any, reply: type[Reply], answer: dict[str, Any], expected: type
) -> None:
    answers = read([RED, BLUE], reply(**answer))

    assert [("MUG-RED", expected), ("MUG-BLUE", expected)] == [(a.store_sku, type(a.outcome)) for a in answers]
