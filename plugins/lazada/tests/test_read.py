"""What is read of each listing, and why it could not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import Connection, ListingRef, Location, NotShown, Query, Refused, Shown, Store, Temporary, Unknown
from pushdsl_lazada.platform import Lazada

STORE = Store("lazada_my", "lazada", "main", region="MY")
CHOICE = replace(STORE, choice=True)
TWO = replace(STORE, locations=(Location("dropshipping", ("kl",)), Location("WH-02", ("penang",))))
A, B, C = ListingRef("A", "100", "1"), ListingRef("B", "100", "2"), ListingRef("C", "300", "3")


def sku(sku_id: int, **more: object) -> dict[str, object]:
    return {"SkuId": sku_id, "SellerSku": "any", "Status": "active", "quantity": 9, "Available": 8, **more}


def item(*skus: object, **more: object) -> dict[str, object]:
    return {"code": "0", "data": {"item_id": 100, "skus": list(skus), **more}}


def warehouse(code: str, sellable: object, total: int = 99) -> dict[str, object]:
    return {"warehouseCode": code, "sellableQuantity": sellable, "quantity": sellable, "totalQuantity": total}


@pytest.fixture
def seen(scripted: Any, reply: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """Reads listings against the answers of a scripted Lazada, one for each expected call."""

    def read(*bodies: object, listings: tuple[ListingRef, ...] = (A,), store: Store = STORE) -> object:
        async def talk(connection: Connection) -> object:
            return list(await Lazada().read(Query(connection, listings)))

        return scripted.run(talk, [reply(body) for body in bodies], store)

    return read


def test_the_sellable_quantity_is_shown_not_the_total(seen: Any) -> None:
    body = item(sku(1, multiWarehouseInventories=[warehouse("dropshipping", 7, total=30)]))

    assert [Shown("A", "", 7)] == seen(body)


def test_available_is_shown_where_no_warehouse_is_named(seen: Any) -> None:
    assert [Shown("A", "", 8)] == seen(item(sku(1)))


def test_skus_of_one_item_cost_one_call(seen: Any) -> None:
    answers = seen(item(sku(1), sku(2, Available=4)), item(sku(3, Available=0)), listings=(A, C, B))

    assert [Shown("A", "", 8), Shown("C", "", 0), Shown("B", "", 4)] == answers


def test_campaign_stock_is_told_as_reserved(seen: Any) -> None:
    body = item(sku(1, channelInventories=[{"sellableQuantity": 2}, {"sellableQuantity": "3"}]))

    assert [Shown("A", "", 8, reserved=5)] == seen(body)


@pytest.mark.parametrize(
    ("begins", "ends", "reserved"),
    [
        ("2018-02-01 00:00:00", "2018-02-04 23:59:59", 0),  # over
        ("2018-02-01 00:00:00", "2018-02-05 08:46:31", 0),  # over since a second, were it UTC
        ("2018-02-01 00:00:00", "2018-02-05 08:46:32", 3),
        ("2018-02-05 16:46:32", "2018-02-06 00:00:00", 3),  # begins now, were it UTC+8
        ("2018-02-05 16:46:33", "2018-02-06 00:00:00", 0),
        ("2018-03-01 00:00:00", "2018-03-02 00:00:00", 0),  # to come
        ("", "", 3),
        ("soon", "late", 3),
        (None, 1517820392, 3),
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59", 3),
    ],
)
def test_a_campaign_counts_while_it_may_run_in_any_of_lazadas_time_zones(
    seen: Any, begins: object, ends: object, reserved: int
) -> None:
    """It is 2018-02-05 08:46:32 UTC; Lazada names no zone."""
    campaign = {"channelName": "c", "startTime": begins, "endTime": ends, "sellableQuantity": 3}

    assert [Shown("A", "", 8, reserved=reserved)] == seen(item(sku(1, channelInventories=[campaign])))


def test_a_campaign_that_runs_counts_beside_one_that_is_over(seen: Any) -> None:
    campaigns = [
        {"startTime": "2018-01-01 00:00:00", "endTime": "2018-01-02 00:00:00", "sellableQuantity": 100},
        {"startTime": "2018-02-01 00:00:00", "endTime": "2018-02-28 00:00:00", "sellableQuantity": 2},
    ]

    assert [Shown("A", "", 8, reserved=2)] == seen(item(sku(1, channelInventories=campaigns)))


def test_campaign_stock_of_several_warehouses_is_told_once(seen: Any) -> None:
    inventories = [warehouse("dropshipping", 7), warehouse("WH-02", "3")]
    body = item(sku(1, multiWarehouseInventories=inventories, channelInventories=[{"sellableQuantity": 2}]))

    assert [Shown("A", "dropshipping", 7, reserved=2), Shown("A", "WH-02", 3)] == seen(body, store=TWO)


def test_a_mapped_warehouse_that_lazada_leaves_out_shows_0(seen: Any) -> None:
    """It lists no warehouse that has nothing of the SKU."""
    body = item(sku(1, multiWarehouseInventories=[warehouse("dropshipping", 7)]))

    assert [Shown("A", "dropshipping", 7), Shown("A", "WH-02", 0)] == seen(body, store=TWO)


def test_no_warehouse_at_all_shows_0_only_where_nothing_is_for_sale(seen: Any) -> None:
    empty = item(sku(1, Available=0, quantity=0, multiWarehouseInventories=[]))
    [odd] = seen(item(sku(1, Available=8, multiWarehouseInventories=[])), store=TWO)
    [missing] = seen(item(sku(1)), store=TWO)

    assert [Shown("A", "dropshipping", 0), Shown("A", "WH-02", 0)] == seen(empty, store=TWO)
    assert isinstance(odd, NotShown)
    assert isinstance(missing, NotShown)


def test_several_warehouses_cannot_be_one_number(seen: Any) -> None:
    [answer] = seen(item(sku(1, multiWarehouseInventories=[warehouse("dropshipping", 7), warehouse("WH-02", 3)])))

    assert isinstance(answer, NotShown)
    assert answer.outcome.kind == "bad_request"


def test_choice_stock_is_what_the_seller_keeps_just_in_time(seen: Any) -> None:
    stock = [warehouse("AChoice-MY-V-JIT", 7), warehouse("OMS-LAZADA-MY", 50)]
    body = item(sku(1, multiWarehouseInventories=[warehouse("dropshipping", 0)], fblWarehouseInventories=stock))

    assert [Shown("A", "", 7)] == seen(body, store=CHOICE)


@pytest.mark.parametrize(("kind", "is_ours"), [("1", False), (2, False), ("3", True), (4, True), (None, True)])
def test_choice_stock_that_lazada_keeps_itself_is_not_shown(seen: Any, kind: object, is_ours: bool) -> None:
    stock = sku(1, fblWarehouseInventories=[warehouse("AChoice-MY-V-JIT", 7)])
    [answer] = seen(item(stock, bizSupplement={"item_type": kind}), store=CHOICE)

    assert isinstance(answer, Shown) is is_ours
    assert is_ours or answer.outcome.kind == "blocked"


def test_a_choice_read_names_its_country(seen: Any, scripted: Any) -> None:
    seen(item(sku(1, fblWarehouseInventories=[warehouse("AChoice-MY-V-JIT", 7)])), store=CHOICE)

    [(_, path, sent)] = scripted.requests
    assert (path, sent["site"], sent["item_id"]) == ("/rest/choice/product/item/get", "MY", "100")


def test_a_sku_that_the_item_lacks_is_not_found(seen: Any) -> None:
    for body in (item(sku(2)), item(), item(sku(1, Status="Deleted"))):
        [answer] = seen(body)

        assert isinstance(answer, NotShown)
        assert answer.outcome.kind == "not_found"


def test_a_suspended_sku_keeps_its_mapping(seen: Any) -> None:
    [answer] = seen(item(suspendedSkus=[{"SkuId": 1}]))

    assert isinstance(answer, NotShown)
    assert answer.outcome.kind == "blocked"


def test_an_item_that_is_gone_hides_no_other(seen: Any) -> None:
    first, second = seen({"code": "208", "message": "E208: Item not exist"}, item(sku(3)), listings=(A, C))

    assert NotShown("A", Refused("208", "E208: Item not exist", "not_found")) == first
    assert Shown("C", "", 8) == second


def test_after_a_throttle_no_further_item_is_asked_for(seen: Any) -> None:
    throttle = {"code": "ApiCallLimit", "message": "this ban will last 3 seconds"}

    answers = seen(throttle, listings=(A, C))
    temporary = Temporary("this ban will last 3 seconds", 3.0, "ApiCallLimit")
    assert [NotShown("A", temporary), NotShown("C", temporary)] == answers


@pytest.mark.parametrize(
    "body",
    [
        {"code": "0"},
        {"code": "0", "data": []},
        {"code": "0", "data": {"skus": None}},
        item({"SkuId": 1}),
        item(sku(1, Available="many")),
        item(sku(1, Available=-1)),
        item(sku(1, Available=True)),
        item(sku(1, multiWarehouseInventories=[{"warehouseCode": "dropshipping"}])),
        "<html/>",
    ],
)
def test_stock_that_cannot_be_read_is_unknown_and_never_0(seen: Any, body: object) -> None:
    [answer] = seen(body)

    assert isinstance(answer, NotShown)
    assert isinstance(answer.outcome, Unknown)


def test_a_listing_without_numbers_is_not_asked_for(seen: Any) -> None:
    [answer] = seen(listings=(ListingRef("A", "100", ""),))

    assert isinstance(answer, NotShown)
    assert answer.outcome.kind == "bad_request"
