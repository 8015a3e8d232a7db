"""What a read makes of each answer of Shopee."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import (
    Connection,
    ListingRef,
    Location,
    NotShown,
    Query,
    Refused,
    Shown,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_shopee.platform import Shopee

STORE = Store("shopee_my", "shopee", "main", region="MY")
TWO = replace(STORE, locations=(Location("IDZ", ("kl",)), Location("IDX", ("penang",))))
A, B = ListingRef("SKU-1", "1000", "1"), ListingRef("SKU-2", "1000", "2")
PLAIN = ListingRef("SKU-0", "1000", "")
NOT_FOUND = Refused("", "Shopee shows no such item or model", "not_found")


def stock(*places: tuple[str, object], reserved: object = 0, shopee: object = None) -> dict[str, object]:
    return {
        "stock_info_v2": {
            "summary_info": {"total_reserved_stock": reserved, "total_available_stock": 0},
            "seller_stock": [{"location_id": name, "stock": pieces} for name, pieces in places],
            "shopee_stock": [] if shopee is None else [{"location_id": "SH", "stock": shopee}],
        }
    }


def item(has_model: bool = True, **fields: object) -> dict[str, object]:
    base = {"item_id": 1000, "item_status": "NORMAL", "has_model": has_model}
    return {"item_list": [{**base, "pre_order": {"is_pre_order": False, "days_to_ship": 2}, **fields}]}


def models(*stocks: dict[str, object]) -> dict[str, object]:
    return {"model": [{"model_id": number, **fields} for number, fields in enumerate(stocks, 1)]}


@pytest.fixture
def shown(scripted: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """What a read returns against the answers of a scripted Shopee."""

    def read(*replies: object, listings: object = (A,), store: Store = STORE) -> list[Any]:
        async def talk(connection: Connection) -> object:
            return list(await Shopee().read(Query(connection, tuple(listings))))  # type: ignore[call-overload]

        answers: list[Any] = scripted.run(talk, replies, store)
        return answers

    return read


def test_models_of_one_item_take_two_calls(shown: Any, reply: Any, scripted: Any) -> None:
    answer = reply(models(stock(("", 5), reserved=2), stock(("-", 0))))

    assert [Shown("SKU-1", "", 5, 2), Shown("SKU-2", "", 0)] == shown(reply(item()), answer, listings=[A, B])
    assert scripted.paths == ["get_item_base_info", "get_model_list"]
    assert ("item_id_list", "1000") in scripted.requests[0].query


def test_an_item_without_models_takes_one_call(shown: Any, reply: Any) -> None:
    assert [Shown("SKU-0", "", 7)] == shown(reply(item(False, **stock(("IDZ", 7)))), listings=[PLAIN])


def test_reserve_is_told_once_for_all_warehouses_at_one_that_is_mapped(shown: Any, reply: Any) -> None:
    answer = reply(models(stock(("IDY", 1), ("IDX", 8), ("IDZ", 5), reserved=4)))

    assert shown(reply(item()), answer, store=TWO) == [
        Shown("SKU-1", "IDY", 1),
        Shown("SKU-1", "IDX", 8),
        Shown("SKU-1", "IDZ", 5, 4),
    ]


@pytest.mark.parametrize(("in_shopees_warehouse", "reserved"), [(None, 4), ("1", 3), (9, 0)])
def test_stock_in_shopees_warehouses_counts_towards_the_reserve(
    shown: Any, reply: Any, in_shopees_warehouse: object, reserved: int
) -> None:
    answer = reply(models(stock(("", 5), reserved=4, shopee=in_shopees_warehouse)))

    assert [Shown("SKU-1", "", 5, reserved)] == shown(reply(item()), answer)


@pytest.mark.parametrize(
    ("of_item", "of_model", "mode", "days"),
    [
        ({"is_pre_order": True, "days_to_ship": 10}, {}, "preorder", 10),
        ({"is_pre_order": True, "days_to_ship": 10}, {"is_pre_order": False, "days_to_ship": 2}, "preorder", 10),
        ({"is_pre_order": False, "days_to_ship": 2}, {"is_pre_order": True, "days_to_ship": 12}, "preorder", 12),
        ({"is_pre_order": True}, {}, "preorder", None),
        ({}, {}, "normal", None),
    ],
)
def test_preorder_of_the_item_or_of_the_model(
    shown: Any, reply: Any, of_item: object, of_model: object, mode: str, days: int | None
) -> None:
    [answer] = shown(reply(item(pre_order=of_item)), reply(models({**stock(("", 5)), "pre_order": of_model})))

    assert (mode, days) == (answer.mode, answer.days)


@pytest.mark.parametrize("answer", [{"item_list": []}, item(item_status="SELLER_DELETE"), item(item_id=1001)])
def test_an_item_that_is_gone_is_not_found(shown: Any, reply: Any, answer: object) -> None:
    assert [NotShown("SKU-1", NOT_FOUND)] == shown(reply(answer))


def test_a_model_that_is_gone_is_not_found(shown: Any, reply: Any) -> None:
    answers = shown(reply(item()), reply(models(stock(("", 5)))), listings=[A, B])

    assert [Shown("SKU-1", "", 5), NotShown("SKU-2", NOT_FOUND)] == answers


@pytest.mark.parametrize("status", ["BANNED", "REVIEWING"])
def test_an_item_that_shopee_holds_is_blocked(shown: Any, reply: Any, status: str) -> None:
    blocked = Refused(status, f"the item has the status {status}", "blocked")

    assert [NotShown("SKU-1", blocked)] == shown(reply(item(item_status=status)))


def test_an_unlisted_item_is_shown(shown: Any, reply: Any) -> None:
    assert [Shown("SKU-1", "", 5)] == shown(reply(item(item_status="UNLIST")), reply(models(stock(("", 5)))))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (stock(("IDZ", 5), ("IDX", 8)), "bad_request"),
        (stock(shopee=9), "blocked"),
    ],
)
def test_stock_that_is_not_one_number_of_the_sellers(shown: Any, reply: Any, answer: Any, kind: str) -> None:
    [answered] = shown(reply(item()), reply(models(answer)))

    assert kind == answered.outcome.kind


@pytest.mark.parametrize(
    "answer",
    [{}, stock(), stock(("", "?")), stock(("", -1)), stock(("", True)), stock(("", 5), reserved=None)],
)
def test_missing_is_never_zero(shown: Any, reply: Any, answer: Any) -> None:
    [answered] = shown(reply(item()), reply(models(answer)))

    assert isinstance(answered.outcome, Unknown)


def test_a_listing_whose_item_has_models_needs_one_of_them(shown: Any, reply: Any) -> None:
    [answered] = shown(reply(item()), reply(models(stock(("", 5)))), listings=[PLAIN])

    assert answered.outcome.kind == "bad_request"


def test_an_id_that_is_no_number_is_not_asked_for(shown: Any) -> None:
    [answered] = shown(listings=[replace(A, item_id="mug")])

    assert answered.outcome.kind == "bad_request"


def test_a_failed_call_ends_the_read_and_a_refused_item_does_not(shown: Any, reply: Any) -> None:
    listings = [A, replace(B, item_id="1001"), replace(B, item_id="1002"), A]
    gone = reply(error="error_item_not_found", message="Item_id is not found.")
    expired = reply(error="invalid_acceess_token", message="Invalid access_token")

    answers = shown(gone, expired, listings=listings)
    assert [Refused, Unauthorized, Unauthorized, Refused] == [type(answer.outcome) for answer in answers]


@pytest.mark.parametrize("body", ["<html/>", '{"error": ""}', '{"error": "", "response": {"item_list": "none"}}'])
def test_a_read_without_an_answer_is_temporary(shown: Any, reply: Any, body: str) -> None:
    [answered] = shown(reply(body))

    assert isinstance(answered.outcome, Temporary)
