"""What is sent to Shopify for quantities, and what each row's outcome is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    Location,
    Outcome,
    Refused,
    Store,
    Temporary,
    Unknown,
)
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.push import key_of
from pushdsl_shopify.sandbox import ShopifySandbox

STORE = Store("shopify_my", "shopify", "main", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
PLAIN = Store("shopify_my", "shopify", "main")
LISTINGS = [ListingRef(f"SKU-{number}", "1000", str(2000 + number)) for number in (1, 2, 3)]
ITEM, PLACE = "gid://shopify/InventoryItem/2001", "gid://shopify/Location/1001"


def cell(sku: int, quantity: int, location: str = "1001", **more: Any) -> CellPush:
    return CellPush(f"SKU-{sku}", "1000", str(2000 + sku), location, quantity, **more)


def level(available: int) -> dict[str, object]:
    return {"quantities": [{"name": "available", "quantity": available}, {"name": "reserved", "quantity": 0}]}


def shown(*items: tuple[int, int]) -> dict[str, object]:
    nodes = [
        {"id": f"gid://shopify/InventoryItem/{2000 + sku}", "tracked": True, "l0": level(available)}
        for sku, available in items
    ]
    return {"data": {"nodes": nodes}}


def taken(*changes: tuple[int, int | None]) -> dict[str, object]:
    rows = [
        {
            "name": "available",
            "quantityAfterChange": after,
            "item": {"id": f"gid://shopify/InventoryItem/{2000 + sku}"},
            "location": {"id": PLACE},
        }
        for sku, after in changes
    ]
    group = {"id": "gid://shopify/InventoryAdjustmentGroup/1", "changes": rows} if rows else None
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": []}}}


def refused(*errors: tuple[int | None, str]) -> dict[str, object]:
    rows = [
        {
            "field": ["input", "reason"] if row is None else ["input", "quantities", str(row), "quantity"],
            "message": f"about {row}",
            "code": code,
        }
        for row, code in errors
    ]
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": rows}}}


def pushing(*cells: CellPush):  # type: ignore[no-untyped-def]  # a function, typed by its use
    async def talk(connection: Connection) -> list[Outcome]:
        return list(await Shopify().push(Batch(connection, cells)))

    return talk


# What is sent


def test_stock_is_read_and_set_in_one_call_each(scripted: Any, reply: Any) -> None:
    answers = [reply(shown((1, 5), (2, -3))), reply(taken((1, 7), (2, 0)))]

    assert scripted.run(pushing(cell(1, 7), cell(2, 0)), answers, STORE) == [Confirmed(), Confirmed()]
    read, write = scripted.requests
    assert {(r.method, r.path) for r in scripted.requests} == {("POST", "/admin/api/2026-04/graphql.json")}
    assert read.headers["X-Shopify-Access-Token"] == "shpat_0123456789abcdef"
    assert read.body["variables"] == {"items": [ITEM, "gid://shopify/InventoryItem/2002"], "l0": PLACE}
    assert write.body["variables"]["input"] == {
        "name": "available",
        "reason": "correction",
        "quantities": [
            {"inventoryItemId": ITEM, "locationId": PLACE, "quantity": 7, "changeFromQuantity": 5},
            {
                "inventoryItemId": "gid://shopify/InventoryItem/2002",
                "locationId": PLACE,
                "quantity": 0,
                "changeFromQuantity": -3,
            },
        ],
    }


@pytest.mark.parametrize(
    ("version", "compare", "asked", "row", "keyed"),
    [
        ("2025-10", True, {"ignoreCompareQuantity": False}, {"compareQuantity": 5}, False),
        ("2025-10", False, {"ignoreCompareQuantity": True}, {"compareQuantity": None}, False),
        ("2026-01", True, {}, {"changeFromQuantity": 5}, True),
        ("2026-01", False, {}, {"changeFromQuantity": None}, True),
        ("2026-04", True, {}, {"changeFromQuantity": 5}, True),
        ("2026-04", False, {}, {"changeFromQuantity": None}, True),
        ("2026-10", True, {}, {"changeFromQuantity": 5}, True),
    ],
)
def test_each_version_is_spoken_as_it_is(
    scripted: Any, reply: Any, version: str, compare: bool, asked: Any, row: Any, keyed: bool
) -> None:
    answers = [reply(shown((1, 5))), reply(taken((1, 7)))]

    scripted.run(pushing(cell(1, 7)), answers, STORE, version=version, compare=compare)
    write = scripted.requests[1]
    assert write.path == f"/admin/api/{version}/graphql.json"
    assert ("@idempotent(key: $key)" in write.body["query"], "key" in write.body["variables"]) == (keyed, keyed)
    place = {"inventoryItemId": ITEM, "locationId": PLACE, "quantity": 7}
    expected = {"name": "available", "reason": "correction", "quantities": [{**place, **row}], **asked}
    assert write.body["variables"]["input"] == expected


def test_the_key_is_the_same_only_for_the_same_at_the_same_moment() -> None:
    now = datetime(2026, 10, 1, tzinfo=UTC)
    asked = {"quantities": [{"quantity": 7}]}
    keys = [
        key_of(asked, "demo.myshopify.com", now),
        key_of({"quantities": [{"quantity": 8}]}, "demo.myshopify.com", now),
        key_of(asked, "other.myshopify.com", now),
        key_of(asked, "demo.myshopify.com", now + timedelta(microseconds=1)),
    ]

    assert len(set(keys)) == 4
    assert keys[0] == key_of(dict(asked), "demo.myshopify.com", now)
    assert len(keys[0]) == 36


def test_ids_may_be_written_as_addresses(scripted: Any, reply: Any) -> None:
    written = CellPush("SKU-1", "", ITEM, PLACE, 7)

    assert scripted.run(pushing(written), [reply(shown((1, 5))), reply(taken((1, 7)))], STORE) == [Confirmed()]


# What is not sent


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (CellPush("A", "1000", "", "1001", 7), "bad_request", "inventory item"),
        (CellPush("A", "1000", "two", "1001", 7), "bad_request", "inventory item"),
        (CellPush("A", "1000", "gid://shopify/ProductVariant/2001", "1001", 7), "bad_request", "inventory item"),
        (CellPush("A", "1000", "٣", "1001", 7), "bad_request", "inventory item"),
        (CellPush("A", "1000", "2001", "kl", 7), "bad_request", "pushdsl locations"),
        (CellPush("A", "1000", "2001", "gid://shopify/Shop/1", 7), "bad_request", "pushdsl locations"),
        (cell(1, 7, mode="preorder"), "bad_request", "pre-order"),
    ],
)
def test_a_cell_that_cannot_be_sent_is_refused_and_the_others_go(
    scripted: Any, reply: Any, wrong: CellPush, kind: str, words: str
) -> None:
    [first] = scripted.run(pushing(wrong), [], STORE)
    both = scripted.run(pushing(wrong, cell(2, 7)), [reply(shown((2, 5))), reply(taken((2, 7)))], STORE)

    assert isinstance(first, Refused)
    assert (first.kind, first.whole_call) == (kind, False)
    assert words in first.message
    assert both == [first, Confirmed()]


@pytest.mark.parametrize(
    ("node", "kind", "words"),
    [
        (None, "not_found", "no such inventory item"),
        ({"id": ITEM, "tracked": False, "l0": level(0)}, "blocked", "track"),
        ({"id": ITEM, "tracked": True, "l0": None}, "bad_request", "inventoryActivate"),
    ],
)
def test_an_item_that_takes_no_stock_is_refused_and_the_others_go(
    scripted: Any, reply: Any, node: object, kind: str, words: str
) -> None:
    nodes = [node, {"id": "gid://shopify/InventoryItem/2002", "tracked": True, "l0": level(5)}]

    answers = [reply({"data": {"nodes": nodes}}), reply(taken((2, 7)))]
    first, second = scripted.run(pushing(cell(1, 7), cell(2, 7)), answers, STORE)
    assert isinstance(first, Refused)
    assert (first.kind, first.whole_call, second) == (kind, False, Confirmed())
    assert words in first.message
    assert len(scripted.requests[1].body["variables"]["input"]["quantities"]) == 1


def test_where_nothing_can_be_sent_nothing_is(scripted: Any, reply: Any) -> None:
    [outcome] = scripted.run(pushing(cell(1, 7)), [reply({"data": {"nodes": [None]}})], STORE)

    assert isinstance(outcome, Refused)


@pytest.mark.parametrize(
    "nodes",
    [
        "text",
        [{"id": ITEM, "tracked": "yes", "l0": level(5)}],
        [{"id": ITEM, "tracked": True, "l0": {"quantities": []}}],
        [{"id": ITEM, "tracked": True, "l0": {"quantities": [{"name": "available", "quantity": "5"}]}}],
        [{"id": ITEM, "tracked": True, "l0": {"quantities": [{"name": "available", "quantity": True}]}}],
    ],
)
def test_stock_that_cannot_be_read_is_not_written(scripted: Any, reply: Any, nodes: object) -> None:
    [outcome] = scripted.run(pushing(cell(1, 7)), [reply({"data": {"nodes": nodes}})], STORE)

    assert isinstance(outcome, Temporary)


def test_two_listings_of_one_item_are_sent_once_where_they_agree(scripted: Any, reply: Any) -> None:
    twin = CellPush("TWIN", "1000", "2001", "1001", 7)

    answers = [reply(shown((1, 5))), reply(taken((1, 7)))]
    assert scripted.run(pushing(cell(1, 7), twin), answers, STORE) == [Confirmed(), Confirmed()]
    assert len(scripted.requests[1].body["variables"]["input"]["quantities"]) == 1


def test_two_listings_of_one_item_that_disagree_are_refused(scripted: Any, reply: Any) -> None:
    twin = CellPush("TWIN", "1000", "2001", "1001", 8)

    answers = [reply(shown((2, 5))), reply(taken((2, 7)))]
    first, second, third = scripted.run(pushing(cell(1, 7), twin, cell(2, 7)), answers, STORE)
    assert {outcome.kind for outcome in (first, second)} == {"bad_request"}
    assert third == Confirmed()


# What the answer means


def test_a_named_row_spoils_the_call_until_it_stands_alone(scripted: Any, reply: Any) -> None:
    answers = [reply(shown((1, 5), (2, 5), (3, 5))), reply(refused((1, "NON_MUTABLE_INVENTORY_ITEM")))]

    outcomes = scripted.run(pushing(cell(1, 7), cell(2, 7), cell(3, 7)), answers, STORE)
    assert [(o.kind, o.whole_call) for o in outcomes] == [("blocked", True)] * 3
    assert outcomes[1].message.startswith("about 1")
    assert outcomes[0].message.startswith("nothing of this call was set: about 1")


def test_a_cell_that_was_not_sent_is_halved_with_the_call(scripted: Any, reply: Any) -> None:
    """Else the core would take the refusal of the others as final."""
    answers = [reply(shown((2, 5), (3, 5))), reply(refused((0, "INVALID_INVENTORY_ITEM")))]

    outcomes = scripted.run(pushing(cell(1, 7), cell(2, 7), cell(3, 7)), answers, STORE)
    assert [o.whole_call for o in outcomes] == [True] * 3
    assert [o.kind for o in outcomes] == ["not_found"] * 3


def test_each_row_has_its_own_error(scripted: Any, reply: Any) -> None:
    errors = ((0, "INVALID_QUANTITY_NEGATIVE"), (0, "INVALID_LOCATION"), (1, "NON_MUTABLE_INVENTORY_ITEM"))

    answers = [reply(shown((1, 5), (2, 5))), reply(refused(*errors))]
    outcomes = scripted.run(pushing(cell(1, -7), cell(2, 7)), answers, STORE)
    assert [(o.kind, o.code) for o in outcomes] == [
        ("out_of_range", "INVALID_QUANTITY_NEGATIVE"),
        ("blocked", "NON_MUTABLE_INVENTORY_ITEM"),
    ]


@pytest.mark.parametrize("row", [0, 1, None, 7])
def test_stale_rows_leave_the_whole_call_for_another_try(scripted: Any, reply: Any, row: int | None) -> None:
    answers = [reply(shown((1, 5), (2, 5))), reply(refused((row, "CHANGE_FROM_QUANTITY_STALE")))]

    outcomes = scripted.run(pushing(cell(1, 7), cell(2, 7)), answers, STORE)
    assert [type(outcome) for outcome in outcomes] == [Temporary, Temporary]


def test_a_refused_row_counts_before_a_stale_one(scripted: Any, reply: Any) -> None:
    errors = ((0, "CHANGE_FROM_QUANTITY_STALE"), (1, "NON_MUTABLE_INVENTORY_ITEM"))

    answers = [reply(shown((1, 5), (2, 5))), reply(refused(*errors))]
    outcomes = scripted.run(pushing(cell(1, 7), cell(2, 7)), answers, STORE)
    assert [(o.kind, o.whole_call) for o in outcomes] == [("blocked", True), ("blocked", True)]


def test_a_call_that_is_at_work_may_yet_succeed(scripted: Any, reply: Any) -> None:
    errors = ((None, "IDEMPOTENCY_CONCURRENT_REQUEST"), (1, "NON_MUTABLE_INVENTORY_ITEM"))

    answers = [reply(shown((1, 5), (2, 5))), reply(refused(*errors))]
    outcomes = scripted.run(pushing(cell(1, 7), cell(2, 7)), answers, STORE)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_only_what_shopify_says_that_it_changed_is_believed(scripted: Any, reply: Any) -> None:
    """Known to happen: no error, and no change of the row."""
    cells = [cell(number, 7) for number in (1, 2, 3)]

    answers = [reply(shown((1, 5), (2, 7), (3, 5))), reply(taken((3, None)))]
    outcomes = scripted.run(pushing(*cells), answers, STORE)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Confirmed, Confirmed]


def test_another_number_than_was_sent_is_not_confirmed(scripted: Any, reply: Any) -> None:
    [outcome] = scripted.run(pushing(cell(1, 7)), [reply(shown((1, 5))), reply(taken((1, 6)))], STORE)

    assert outcome == Unknown("Shopify says that it shows 6 now")


# A store without locations


def places(*found: tuple[int, bool, bool], more: bool = False) -> dict[str, object]:
    nodes = [
        {"id": f"gid://shopify/Location/{number}", "isActive": active, "fulfillsOnlineOrders": fulfils}
        for number, active, fulfils in found
    ]
    return {"data": {"locations": {"nodes": nodes, "pageInfo": {"hasNextPage": more}}}}


def test_a_store_without_locations_has_the_only_one_that_fulfils_online_orders(scripted: Any, reply: Any) -> None:
    answers = [reply(places((1000, True, False), (1001, True, True))), reply(shown((1, 5))), reply(taken((1, 7)))]

    assert scripted.run(pushing(cell(1, 7, "")), answers, PLAIN) == [Confirmed()]
    assert scripted.requests[1].body["variables"]["l0"] == PLACE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (places((1001, True, True), (1002, True, True)), "map each with `location`"),
        (places((1001, True, True), more=True), "map each with `location`"),
        (places((1001, True, False)), "no active location"),
        (places(), "no active location"),
    ],
)
def test_otherwise_the_locations_must_be_mapped(scripted: Any, reply: Any, answer: object, words: str) -> None:
    outcomes = scripted.run(pushing(cell(1, 7, ""), cell(2, 7, "")), [reply(answer)], PLAIN)

    assert {(outcome.kind, outcome.whole_call) for outcome in outcomes} == {("bad_request", False)}
    assert words in outcomes[0].message


def test_locations_that_cannot_be_read_leave_all_for_another_try(scripted: Any, reply: Any) -> None:
    for body in ({"data": {"locations": {"nodes": "text"}}}, ""):
        [outcome] = scripted.run(pushing(cell(1, 7, "")), [reply(body)], PLAIN)
        assert isinstance(outcome, Temporary)


# In the local Shopify


def pushed(in_sandbox: Any, prepare: Any, cells: list[CellPush], version: str = "2026-10", **more: object) -> Any:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        prepare(sandbox)
        outcomes = list(await Shopify().push(Batch(connection, tuple(cells))))
        return outcomes, {(row.store_sku, row.location): row.quantity for row in sandbox.shown(STORE.name)}

    return in_sandbox.run(talk, STORE, LISTINGS, version=version, **more)


def sold_in_between(sandbox: ShopifySandbox) -> None:
    sandbox.before_next_write = lambda: sandbox.sell(STORE.name, "SKU-1", 2, "")


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"])
def test_an_order_in_between_is_never_overwritten(in_sandbox: Any, version: str) -> None:
    outcomes, quantities = pushed(in_sandbox, sold_in_between, [cell(1, 9), cell(2, 9)], version)

    assert [type(outcome) for outcome in outcomes] == [Temporary, Temporary]
    assert (quantities["SKU-1", "1001"], quantities["SKU-2", "1001"]) == (3, 5)


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"])
def test_without_comparing_the_last_word_counts(in_sandbox: Any, version: str) -> None:
    outcomes, quantities = pushed(in_sandbox, sold_in_between, [cell(1, 9), cell(2, 9)], version, compare=False)

    assert outcomes == [Confirmed(), Confirmed()]
    assert (quantities["SKU-1", "1001"], quantities["SKU-2", "1001"]) == (9, 9)


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"])
def test_locations_that_no_rule_maps_are_never_written(in_sandbox: Any, version: str) -> None:
    def add_a_location(sandbox: ShopifySandbox) -> None:
        sandbox.add_location(STORE.name, 1003)
        for variant in sandbox.shop(STORE.name).variants:
            variant.levels[1003] = {**variant.levels[1001], "available": 77}

    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        add_a_location(sandbox)
        outcomes = await Shopify().push(Batch(connection, (cell(1, 9), cell(1, 8, "1002"))))
        return outcomes, {n: level["available"] for n, level in sandbox.shop(STORE.name).variants[0].levels.items()}

    outcomes, levels = in_sandbox.run(talk, STORE, LISTINGS, version=version)
    assert outcomes == [Confirmed(), Confirmed()]
    assert levels == {1001: 9, 1002: 8, 1003: 77}


def test_an_item_that_is_not_stocked_at_a_location_gets_no_stock_there(in_sandbox: Any) -> None:
    def unstock(sandbox: ShopifySandbox) -> None:
        sandbox.shop(STORE.name).variant("SKU-1").levels.pop(1002)

    outcomes, quantities = pushed(in_sandbox, unstock, [cell(1, 9), cell(1, 8, "1002"), cell(2, 7, "1002")])
    assert [getattr(outcome, "code", "") for outcome in outcomes] == ["", "ITEM_NOT_STOCKED_AT_LOCATION", ""]
    assert (quantities["SKU-1", "1001"], quantities["SKU-2", "1002"]) == (9, 7)
    assert ("SKU-1", "1002") not in quantities
