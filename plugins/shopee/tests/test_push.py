"""What each answer of Shopee makes of each cell, in which order calls go out, and what is never sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    Location,
    Outcome,
    Query,
    Refused,
    Shown,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.sandbox import ShopeeSandbox

STORE = Store("shopee_my", "shopee", "main", region="MY")
TWO = replace(STORE, locations=(Location("IDZ", ("kl",)), Location("IDX", ("penang",))))
A, B, C = (CellPush(f"SKU-{n}", "1000", str(n), "", 10 * n) for n in (1, 2, 3))
OPEN = [replace(cell, mode="preorder", days=10, set_mode=True) for cell in (A, B, C)]
CLOSE = [replace(cell, set_mode=True) for cell in (A, B, C)]
LISTINGS = [ListingRef(cell.store_sku, cell.item_id, cell.variant_id) for cell in (A, B, C)]
BASE = {"item_list": [{"item_id": 1000, "category_id": 7, "pre_order": {"is_pre_order": True, "days_to_ship": 10}}]}
LIMIT = {"dts_limit": {"days_to_ship_limit": {"min_limit": 7, "max_limit": 30}, "non_pre_order_days_to_ship": 2}}


def done(*cells: CellPush, failed: dict[int, str] | None = None) -> dict[str, object]:
    rows = [{"model_id": int(c.variant_id or 0), "location_id": c.location, "stock": c.quantity} for c in cells]
    failures = [{"model_id": model, "failed_reason": why} for model, why in (failed or {}).items()]
    return {"success_list": rows, "failure_list": failures}


@pytest.fixture
def pushed(scripted: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """Pushes cells against the answers of a scripted Shopee."""

    def push(*replies: object, cells: object = (A, B, C), store: Store = STORE) -> list[Any]:
        async def talk(connection: Connection) -> object:
            return list(await Shopee().push(Batch(connection, tuple(cells))))  # type: ignore[call-overload]

        outcomes: list[Any] = scripted.run(talk, replies, store)
        return outcomes

    return push


# One call of stock


def test_what_is_listed_as_set_is_confirmed(pushed: Any, reply: Any) -> None:
    assert [Confirmed()] * 3 == pushed(reply(done(A, B, C)))


def test_a_listed_failure_refuses_its_row_alone(pushed: Any, reply: Any) -> None:
    refused = Refused("", "model ID not exist in sku", "not_found")

    assert [Confirmed(), refused, Confirmed()] == pushed(reply(done(A, C, failed={2: "model ID not exist in sku"})))


@pytest.mark.parametrize("response", [{}, None, {"success_list": None}, {"success_list": [{"model_id": True}]}])
def test_what_is_in_neither_list_is_unknown(pushed: Any, reply: Any, response: object) -> None:
    assert [Unknown("Shopee did not say what became of this listing")] * 3 == pushed(reply(response))


def test_another_number_than_was_sent_is_unknown(pushed: Any, reply: Any) -> None:
    outcomes = pushed(reply(done(replace(A, quantity=9), B, C)))

    assert [Unknown("Shopee answered that it shows 9"), Confirmed(), Confirmed()] == outcomes


def test_an_item_without_models_is_model_0(pushed: Any, reply: Any, scripted: Any) -> None:
    plain = replace(A, variant_id="")

    assert [Confirmed()] == pushed(reply({"success_list": [{"stock": 10, "location_id": "-"}]}), cells=[plain])
    assert scripted.requests[0].body["stock_list"] == [{"model_id": 0, "seller_stock": [{"stock": 10}]}]


def test_a_failure_of_the_whole_call_is_told_for_every_cell(pushed: Any, reply: Any) -> None:
    message = "Invalid access_token, please have a check."

    expired = Unauthorized("refresh", message, "invalid_acceess_token")
    assert [expired] * 3 == pushed(reply(error="invalid_acceess_token", message=message, status=403))


@pytest.mark.parametrize(("cells", "whole_call"), [([A], False), ([A, B], True)])
def test_a_bad_row_without_a_name_halves_the_call(pushed: Any, reply: Any, cells: object, whole_call: bool) -> None:
    floor = reply(error="product.error_auth", message="Total stock must be more than reserved stock.")

    outcomes = pushed(floor, cells=cells)
    assert {("error_auth", "locked", whole_call)} == {(o.code, o.kind, o.whole_call) for o in outcomes}


def test_two_warehouses_of_one_listing_are_one_row(pushed: Any, reply: Any) -> None:
    cells = [replace(A, location="IDZ"), replace(A, location="IDX")]

    outcomes = pushed(reply(error="error_param", message="Wrong model_id."), cells=cells, store=TWO)
    assert [outcome.whole_call for outcome in outcomes] == [False, False]


def test_the_literal_error_param_is_no_module(pushed: Any, reply: Any) -> None:
    message = "Can not update item with stock less than reserved stock"

    [outcome] = pushed(reply(error="error.param", message=message), cells=[A])
    assert (outcome.code, outcome.kind) == ("error_param", "locked")


def test_an_error_with_lists_is_told_by_its_lists(pushed: Any, reply: Any) -> None:
    error = "error_busi_update_stock_failed"

    outcomes = pushed(reply(done(A, failed={2: "Wrong model_id."}), error=error, message="check failure_list"))
    assert [Confirmed, Refused, Unknown] == [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize(
    ("status", "kind"), [(429, Temporary), (503, Temporary), (500, Unknown), (502, Unknown), (504, Unknown)]
)
@pytest.mark.parametrize("body", ["<html/>", '{"error": "error_server", "message": "Something wrong."}'])
def test_a_status_that_may_come_after_the_work_is_unknown(
    pushed: Any, reply: Any, status: int, kind: type[Outcome], body: str
) -> None:
    [outcome] = pushed(reply(body, status=status, headers={"Retry-After": "7"}), cells=[A])

    assert isinstance(outcome, kind)
    assert getattr(outcome, "retry_after", 7.0) == 7.0


def test_the_daily_limit_waits_for_midnight_whatever_its_status(pushed: Any, reply: Any) -> None:
    [outcome] = pushed(reply(error="error_limit", message="daily API call limit", status=429), cells=[A])

    assert Temporary("daily API call limit", 7 * 3600 + 1169, "error_limit") == outcome


@pytest.mark.parametrize("body", ["", "<html/>", "[]", '{"response": {}}', '{"error": null}', "[" * 9999])
def test_an_answer_that_cannot_be_read_is_unknown(pushed: Any, reply: Any, body: str) -> None:
    assert [Unknown("the answer of Shopee, HTTP 200, cannot be read")] == pushed(reply(body), cells=[A])


@pytest.mark.parametrize("status", [201, 302, 403])
def test_success_with_another_status_is_unknown(pushed: Any, reply: Any, status: int) -> None:
    [outcome] = pushed(reply(done(A), status=status), cells=[A])

    assert isinstance(outcome, Unknown)


def test_a_secret_that_shopee_repeats_is_not_passed_on(pushed: Any, reply: Any, shopee_settings: Any) -> None:
    secrets = [shopee_settings().partner_key, shopee_settings().access_token]
    said = " and ".join(secret.get_secret_value() for secret in secrets)
    sign = "c3f8b0d1c80b4fc1d6c583380e970d5a8b90c80bdaa04cd64dd72edc451bfbab"

    [outcome] = pushed(reply(error="error_param", message=f"wrong {said} {sign}"), cells=[A])
    assert outcome.message == "wrong … and … …"


def test_no_answer_in_time_is_unknown(shopee_settings: Any, now: Any) -> None:
    async def silent() -> object:
        async def wait(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", wait)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        given = shopee_settings(f"http://127.0.0.1:{runner.addresses[0][1]}")
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as http:
                return await Shopee().push(Batch(Connection(STORE, given, http, lambda: now), (A,)))
        finally:
            await runner.cleanup()

    assert [Unknown("no answer from Shopee in time")] == asyncio.run(silent())


# What is never sent


@pytest.mark.parametrize(
    "cell",
    [
        replace(A, item_id="abc"),
        replace(A, item_id=""),
        replace(A, variant_id="1a"),
        replace(A, item_id="²"),
        replace(A, item_id="1" * 19),
    ],
)
def test_an_id_that_is_no_number_is_refused_without_a_call(pushed: Any, cell: CellPush) -> None:
    [outcome] = pushed(cells=[cell])

    assert (outcome.kind, outcome.whole_call) == ("bad_request", False)


def test_a_row_that_cannot_be_sent_keeps_no_other_back(pushed: Any, reply: Any, scripted: Any) -> None:
    twin = replace(C, variant_id="1")
    cells = [A, replace(B, quantity=-1), twin, C]

    outcomes = pushed(reply(done(A, C)), cells=cells)
    assert [Confirmed(), Confirmed()] == [outcomes[0], outcomes[3]]
    assert [outcome.kind for outcome in outcomes[1:3]] == ["out_of_range", "bad_request"]
    assert [row["model_id"] for row in scripted.requests[0].body["stock_list"]] == [1, 3]


# Warehouses


def stocked(**pieces: int) -> dict[str, object]:
    stock = [{"location_id": name, "stock": number} for name, number in pieces.items()]
    return {"summary_info": {"total_reserved_stock": 0}, "seller_stock": stock}


def test_all_warehouses_at_hand_need_no_read(pushed: Any, reply: Any, scripted: Any) -> None:
    cells = [replace(A, location="IDZ"), replace(A, location="IDX", quantity=0)]

    assert [Confirmed(), Confirmed()] == pushed(reply(done(*cells)), cells=cells, store=TWO)
    assert scripted.paths == ["update_stock"]


def test_warehouses_that_are_not_pushed_are_sent_as_they_are(pushed: Any, reply: Any, scripted: Any) -> None:
    models = {"model": [{"model_id": 1, "stock_info_v2": stocked(IDZ=5, IDX=8, IDY=1)}]}
    here = replace(A, location="IDZ")

    assert [Confirmed()] == pushed(reply(models), reply(done(here)), cells=[here], store=TWO)
    assert scripted.paths == ["get_model_list", "update_stock"]
    [row] = scripted.requests[1].body["stock_list"]
    assert {at["location_id"]: at["stock"] for at in row["seller_stock"]} == {"IDZ": 10, "IDX": 8, "IDY": 1}


def test_an_item_without_models_is_read_by_its_base_info(pushed: Any, reply: Any, scripted: Any) -> None:
    item = {"item_list": [{"item_id": 1000, "stock_info_v2": stocked(IDZ=5, IDX=8)}]}
    here = replace(A, variant_id="", location="IDZ")

    assert [Confirmed()] == pushed(reply(item), reply(done(here)), cells=[here], store=TWO)
    assert scripted.paths == ["get_item_base_info", "update_stock"]


def test_a_failed_read_of_warehouses_sends_nothing(pushed: Any, reply: Any, scripted: Any) -> None:
    [outcome] = pushed(reply("", status=500), cells=[replace(A, location="IDZ")], store=TWO)

    assert isinstance(outcome, Temporary)
    assert scripted.paths == ["get_model_list"]


def test_a_model_that_the_read_does_not_show_is_not_found(pushed: Any, reply: Any, scripted: Any) -> None:
    models = {"model": [{"model_id": 1, "stock_info_v2": stocked(IDZ=5, IDX=8)}]}
    cells = [replace(A, location="IDZ"), replace(B, location="IDZ")]

    first, second = pushed(reply(models), reply(done(cells[0])), cells=cells, store=TWO)
    assert (Confirmed(), "not_found") == (first, second.kind)
    assert [row["model_id"] for row in scripted.requests[1].body["stock_list"]] == [1]


def test_unreadable_warehouses_are_not_overwritten(pushed: Any, reply: Any) -> None:
    models = {"model": [{"model_id": 1, "stock_info_v2": {"seller_stock": [{"location_id": "IDX", "stock": "?"}]}}]}

    [outcome] = pushed(reply(models), cells=[replace(A, location="IDZ")], store=TWO)
    assert outcome.kind == "bad_request"


# Pre-order


def test_preorder_opens_before_the_stock_rises(pushed: Any, reply: Any, scripted: Any) -> None:
    assert [Confirmed()] * 3 == pushed(reply(), reply(done(A, B, C)), cells=OPEN)
    assert scripted.paths == ["update_item", "update_stock"]
    opened = {"item_id": 1000, "pre_order": {"is_pre_order": True, "days_to_ship": 10}}
    assert opened == scripted.requests[0].body


def test_preorder_closes_after_the_stock_has_fallen(pushed: Any, reply: Any, scripted: Any) -> None:
    replies = [reply(done(A, B, C)), reply(BASE), reply(LIMIT), reply()]

    assert [Confirmed()] * 3 == pushed(*replies, cells=CLOSE)
    assert scripted.paths == ["update_stock", "get_item_base_info", "get_item_limit", "update_item"]
    assert scripted.requests[3].body["pre_order"] == {"is_pre_order": False, "days_to_ship": 2}


def test_an_item_that_is_not_in_preorder_is_left_alone(pushed: Any, reply: Any, scripted: Any) -> None:
    normal = {"item_list": [{"item_id": 1000, "pre_order": {"is_pre_order": False, "days_to_ship": 2}}]}

    assert [Confirmed()] * 3 == pushed(reply(done(A, B, C)), reply(normal), cells=CLOSE)
    assert scripted.paths == ["update_stock", "get_item_base_info"]


def test_days_that_nobody_gave_are_the_longest_of_the_category(pushed: Any, reply: Any, scripted: Any) -> None:
    cell = replace(OPEN[0], days=None)

    assert [Confirmed()] == pushed(reply(BASE), reply(LIMIT), reply(), reply(done(A)), cells=[cell])
    assert scripted.requests[2].body["pre_order"] == {"is_pre_order": True, "days_to_ship": 30}
    assert ("category_id", "7") in scripted.requests[1].query


def test_a_category_without_days_refuses_preorder_that_names_none(pushed: Any, reply: Any) -> None:
    [outcome] = pushed(reply(BASE), reply({}), cells=[replace(OPEN[0], days=None)])

    assert outcome.kind == "bad_request"
    assert "`preorder_days_max`" in outcome.message


@pytest.mark.parametrize(
    ("error", "kind"), [("error_rate_limit", Temporary), ("invalid_acceess_token", Unauthorized), ("", Unknown)]
)
def test_a_preorder_that_does_not_open_sends_no_stock(
    pushed: Any, reply: Any, scripted: Any, error: str, kind: type[Outcome]
) -> None:
    failed = reply(error=error) if error else reply("", status=500)

    assert [kind] * 3 == [
        type(outcome) for outcome in pushed(failed, cells=[*OPEN[:2], replace(OPEN[2], set_mode=False)])
    ]
    assert scripted.paths == ["update_item"]


def test_a_preorder_that_is_refused_lets_cells_in_their_mode_fall(pushed: Any, reply: Any, scripted: Any) -> None:
    cells = [OPEN[0], replace(OPEN[1], set_mode=False)]
    locked = reply(error="error_cannt_edit_pre_order_in_promotion", message="Item cannot be changed to pre-order")

    first, second = pushed(locked, reply(done(B)), cells=cells)
    assert ("locked", Confirmed()) == (first.kind, second)
    assert [row["model_id"] for row in scripted.requests[1].body["stock_list"]] == [2]


@pytest.mark.parametrize(
    ("error", "kind"), [("error_rate_limit", Temporary), ("invalid_acceess_token", Unauthorized), ("", Unknown)]
)
def test_a_preorder_that_does_not_close_is_told_with_the_quantity(
    pushed: Any, reply: Any, error: str, kind: type[Outcome]
) -> None:
    failed = reply(error=error) if error else reply("", status=500)

    outcomes = pushed(reply(done(A, B, C)), reply(BASE), reply(LIMIT), failed, cells=CLOSE)
    assert [kind] * 3 == [type(outcome) for outcome in outcomes]
    assert outcomes[0].message.startswith("the quantity is set, but the item's pre-order is as it was: ")


def test_preorder_stays_open_while_a_row_may_show_what_was_added(pushed: Any, reply: Any, scripted: Any) -> None:
    rows = done(A, C, failed={2: "Total stock must be more than reserved stock."})

    outcomes = pushed(reply(rows), cells=CLOSE)
    assert [outcome.kind for outcome in outcomes] == ["locked"] * 3
    assert "`SKU-2` was not set" in outcomes[0].message
    assert scripted.paths == ["update_stock"]


def test_a_listing_that_is_gone_does_not_keep_preorder_open(pushed: Any, reply: Any, scripted: Any) -> None:
    replies = [reply(done(A, C, failed={2: "model ID not exist in sku"})), reply(BASE), reply(LIMIT), reply()]

    first, second, third = pushed(*replies, cells=CLOSE)
    assert (Confirmed(), "not_found", Confirmed()) == (first, second.kind, third)
    assert scripted.paths[-1] == "update_item"


def test_closing_is_not_halved_for_a_half_would_close_it_for_the_other(pushed: Any, reply: Any) -> None:
    floor = reply(error="error_auth", message="Total stock must be more than reserved stock.")

    assert [outcome.whole_call for outcome in pushed(floor, cells=CLOSE)] == [False] * 3


def test_listings_of_one_item_that_want_different_modes(pushed: Any, reply: Any, scripted: Any) -> None:
    """The quantity of the one that is to be normal is right in any mode and is sent; the other's is not."""
    opening, closing = pushed(reply(done(B)), cells=[OPEN[0], CLOSE[1]])

    assert [opening.kind, closing.kind] == ["bad_request"] * 2
    assert "`SKU-1` and `SKU-2` want different ones" in opening.message
    assert closing.message.startswith("the quantity is set, but ")
    assert [row["model_id"] for row in scripted.requests[0].body["stock_list"]] == [2]


def test_different_days_are_different_modes(pushed: Any) -> None:
    outcomes = pushed(cells=[OPEN[0], replace(OPEN[1], days=11)])

    assert [outcome.kind for outcome in outcomes] == ["bad_request"] * 2


def test_modes_that_nobody_changes_do_not_disagree(pushed: Any, reply: Any) -> None:
    cells = [replace(OPEN[0], set_mode=False), B]

    assert [Confirmed()] * 2 == pushed(reply(done(A, B)), cells=cells)


def test_preorder_through_opening_staying_and_closing(in_sandbox: Any) -> None:
    """The series of the trade: 5 opens at 5 + 30, 25 stays open at 25 + 30, 105 closes."""
    steps = [
        replace(A, quantity=35, mode="preorder", days=None, set_mode=True),
        replace(A, quantity=55, mode="preorder", days=None),
        replace(A, quantity=105, set_mode=True),
    ]

    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        shown = []
        for step in steps:
            assert [Confirmed()] == list(await Shopee().push(Batch(connection, (step,))))
            shown += await Shopee().read(Query(connection, (LISTINGS[0],)))
        return shown

    assert [
        Shown("SKU-1", "", 35, 0, "preorder", 30),
        Shown("SKU-1", "", 55, 0, "preorder", 30),
        Shown("SKU-1", "", 105),
    ] == in_sandbox.run(talk, STORE, LISTINGS)
