"""What a shop shows, as it is told to the core; and which locations it has."""

from __future__ import annotations

from typing import Any

import pytest

from pushdsl.plugins import (
    Connection,
    ListingRef,
    Location,
    NotShown,
    Query,
    ReadResult,
    Refused,
    ShopLocation,
    Shown,
    Store,
    Temporary,
    Unauthorized,
)
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.sandbox import ShopifySandbox

STORE = Store("shopify_my", "shopify", "main", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
PLAIN = Store("shopify_my", "shopify", "main")
LISTINGS = [ListingRef(f"SKU-{number}", "1000", str(2000 + number)) for number in (1, 2)]


def read(in_sandbox: Any, prepare: Any, store: Store = STORE, refs: list[ListingRef] = LISTINGS) -> ReadResult:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> ReadResult:
        prepare(sandbox)
        return await Shopify().read(Query(connection, tuple(refs)))

    found: ReadResult = in_sandbox.run(talk, store, LISTINGS)
    return found


def test_each_location_has_its_quantity_and_what_is_reserved(in_sandbox: Any) -> None:
    found = read(in_sandbox, lambda sandbox: sandbox.show("shopify_my", Shown("SKU-1", "1002", 8, reserved=3)))

    assert list(found) == [
        Shown("SKU-1", "1001", 5),
        Shown("SKU-1", "1002", 8, reserved=3),
        Shown("SKU-2", "1001", 5),
        Shown("SKU-2", "1002", 5),
    ]


def test_oversold_stock_is_shown_as_none(in_sandbox: Any) -> None:
    def oversell(sandbox: ShopifySandbox) -> None:
        sandbox.shop("shopify_my").variant("SKU-1").levels[1001]["available"] = -4

    assert Shown("SKU-1", "1001", 0) in read(in_sandbox, oversell)


def test_a_location_where_the_item_is_not_stocked_has_no_quantity(in_sandbox: Any) -> None:
    def unstock(sandbox: ShopifySandbox) -> None:
        sandbox.shop("shopify_my").variant("SKU-1").levels.pop(1002)
        sandbox.shop("shopify_my").variant("SKU-2").levels.clear()

    first, second = read(in_sandbox, unstock)
    assert first == Shown("SKU-1", "1001", 5)
    assert isinstance(second, NotShown)
    assert isinstance(second.outcome, Refused)
    assert second.outcome.code == "ITEM_NOT_STOCKED_AT_LOCATION"


def test_an_item_that_is_not_tracked_has_no_quantity(in_sandbox: Any) -> None:
    def untrack(sandbox: ShopifySandbox) -> None:
        sandbox.shop("shopify_my").variant("SKU-1").tracked = False

    first, *_ = read(in_sandbox, untrack)
    assert isinstance(first, NotShown)
    assert isinstance(first.outcome, Refused)
    assert first.outcome.kind == "blocked"


def test_a_wrong_id_spoils_no_other(in_sandbox: Any) -> None:
    wrong = ListingRef("WRONG", "1000", "gid://shopify/ProductVariant/2001")

    first, *others = read(in_sandbox, lambda sandbox: None, refs=[wrong, LISTINGS[0]])
    assert isinstance(first, NotShown)
    assert isinstance(first.outcome, Refused)
    assert first.outcome.kind == "bad_request"
    assert others == [Shown("SKU-1", "1001", 5), Shown("SKU-1", "1002", 5)]


def test_a_store_without_locations_shows_the_only_one(in_sandbox: Any) -> None:
    assert read(in_sandbox, lambda sandbox: None, PLAIN) == [Shown("SKU-1", "", 5), Shown("SKU-2", "", 5)]


def test_a_store_without_locations_whose_shop_has_several_is_refused(in_sandbox: Any) -> None:
    found = read(in_sandbox, lambda sandbox: sandbox.add_location("shopify_my", 1003), PLAIN)

    assert [isinstance(answer, NotShown) and isinstance(answer.outcome, Refused) for answer in found] == [True, True]


def test_a_location_that_does_not_fulfil_online_orders_is_none_of_several(in_sandbox: Any) -> None:
    def add(sandbox: ShopifySandbox) -> None:
        sandbox.add_location("shopify_my", 1003, fulfills_online_orders=False)
        sandbox.add_location("shopify_my", 1004, is_active=False)

    assert read(in_sandbox, add, PLAIN) == [Shown("SKU-1", "", 5), Shown("SKU-2", "", 5)]


# Locations


async def ask(connection: Connection) -> object:
    return await Shopify().locations(connection)


def test_locations_are_listed_with_their_names(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        sandbox.add_location("shopify_my", 1003, "Old shed", is_active=False)
        return await ask(connection)

    assert in_sandbox.run(talk, STORE, LISTINGS) == [
        ShopLocation("1001", "Location 1001"),
        ShopLocation("1002", "Location 1002"),
        ShopLocation("1003", "Old shed", active=False),
    ]


def test_many_locations_come_page_by_page(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        for number in range(3000, 3120):
            sandbox.add_location("shopify_my", number)
        found: Any = await ask(connection)
        return [location.name for location in found]

    assert in_sandbox.run(talk, STORE, LISTINGS) == ["1001", "1002", *map(str, range(3000, 3120))]


@pytest.mark.parametrize(
    "listed", [None, {}, {"nodes": [{"id": 1001}]}, {"nodes": [{"id": "gid://shopify/Shop/1"}]}, {"nodes": "text"}]
)
def test_locations_that_cannot_be_read_are_temporary(scripted: Any, reply: Any, listed: object) -> None:
    assert isinstance(scripted.run(ask, [reply({"data": {"locations": listed, "shop": {}}})]), Temporary)


def test_a_failure_is_told(scripted: Any, reply: Any) -> None:
    assert isinstance(scripted.run(ask, [reply({"errors": "no"}, 401)]), Unauthorized)
