"""What is sent for a batch, and what each answer of TikTok means for each cell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, Outcome, Refused, Temporary, Unauthorized, Unknown
from pushdsl_tiktok.platform import TikTok

if TYPE_CHECKING:
    from conftest import Reply, Scripted

PRODUCT = "1729382561353664372"
UPDATE = f"/product/202309/products/{PRODUCT}/inventory/update"
SEARCH = "/product/202309/inventory/search"
A, B, C = "7068517275539719942", "7068517275539719943", "7068517275539719944"
FIRST = CellPush("MUG-RED", PRODUCT, "1729592969712207013", "", 999)
SECOND = CellPush("MUG-BLUE", PRODUCT, "1729592969712207014", "", 7)


@pytest.fixture
def push(scripted: Scripted) -> Any:
    def run(cells: Sequence[CellPush], *replies: Reply, locations: Sequence[str] = ()) -> Sequence[Outcome]:
        def talk(connection: Connection) -> Any:
            return TikTok().push(Batch(connection, tuple(cells)))

        return scripted.run(talk, replies, locations)  # type: ignore[return-value]

    return run


def done(*errors: object) -> dict[str, object]:
    return {"code": 0, "message": "Success", "request_id": "1", "data": {"errors": list(errors)} if errors else {}}


def row(sku_id: str, code: int, *extras: tuple[str, int]) -> dict[str, object]:
    extra_errors = [{"warehouse_id": w, "code": c, "message": f"extra {c}"} for w, c in extras]
    return {"code": code, "message": f"row {code}", "detail": {"sku_id": sku_id, "extra_errors": extra_errors}}


def shows(sku_id: str, **warehouses: int) -> dict[str, object]:
    stock = [{"warehouse_id": w[1:], "available_quantity": n, "committed_quantity": 1} for w, n in warehouses.items()]
    skus = [{"id": sku_id, "warehouse_inventory": stock}]
    return {"code": 0, "message": "Success", "data": {"inventory": [{"product_id": PRODUCT, "skus": skus}]}}


# What is sent


def test_the_skus_of_a_product_go_in_one_call_without_a_warehouse(push: Any, reply: type[Reply], scripted: Any) -> None:
    outcomes = push([FIRST, SECOND], reply(done()))

    assert [Confirmed(), Confirmed()] == outcomes
    skus = [
        {"id": FIRST.variant_id, "inventory": [{"quantity": 999}]},
        {"id": SECOND.variant_id, "inventory": [{"quantity": 7}]},
    ]
    assert [(UPDATE, {"skus": skus})] == scripted.requests


def test_a_warehouse_that_is_not_pushed_is_sent_back_as_it_is_shown(
    push: Any, reply: type[Reply], scripted: Any
) -> None:
    cell = replace(FIRST, location=A)

    push([cell], reply(shows(FIRST.variant_id, **{f"w{A}": 3, f"w{B}": 40})), reply(done()), locations=(A, B))

    inventory = [{"warehouse_id": A, "quantity": 999}, {"warehouse_id": B, "quantity": 40}]
    assert [
        (SEARCH, {"sku_ids": [FIRST.variant_id]}),
        (UPDATE, {"skus": [{"id": FIRST.variant_id, "inventory": inventory}]}),
    ] == scripted.requests


def test_a_warehouse_that_the_store_does_not_map_is_left_alone_too(
    push: Any, reply: type[Reply], scripted: Any
) -> None:
    cells = [replace(FIRST, location=A), replace(FIRST, location=B, quantity=0)]

    shown = shows(FIRST.variant_id, **{f"w{A}": 3, f"w{B}": 40, f"w{C}": 12})
    push(cells, reply(shown), reply(done()), locations=(A, B))

    sent = {w["warehouse_id"]: w["quantity"] for w in scripted.requests[1][1]["skus"][0]["inventory"]}
    assert sent == {A: 999, B: 0, C: 12}


def test_a_sku_that_the_shop_does_not_show_is_sent_so_that_tiktok_says_what_is_wrong(
    push: Any, reply: type[Reply], scripted: Any
) -> None:
    cell = replace(FIRST, location=A)
    nothing = {"code": 0, "message": "Success", "data": {"inventory": []}}

    outcomes = push([cell], reply(nothing), reply(done(row(FIRST.variant_id, 12052556))), locations=(A,))

    assert [Refused("12052556", "row 12052556", "not_found")] == outcomes
    assert scripted.requests[1][1]["skus"][0]["inventory"] == [{"warehouse_id": A, "quantity": 999}]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 500, "body": "oops"}, Temporary),
        ({"drop": True}, Temporary),
        ({"body": "<html>"}, Temporary),
        ({"body": {"code": 0, "data": {"inventory": [{"skus": "?"}]}}}, Temporary),
        ({"status": 429, "body": {"code": 36009002, "message": "slow down"}}, Temporary),
        ({"body": {"code": 105002, "message": "expired"}}, Unauthorized),
        ({"body": {"code": 12052094, "message": "No multiple warehouse permission"}}, Refused),
    ],
)
def test_nothing_is_written_while_the_other_warehouses_are_unknown(
    push: Any, reply: type[Reply], scripted: Any, answer: dict[str, Any], expected: type
) -> None:
    outcomes = push([replace(FIRST, location=A)], reply(**answer), locations=(A, B))

    assert [expected] == [type(outcome) for outcome in outcomes]
    assert [path for path, _ in scripted.requests] == [SEARCH]


def test_a_listing_without_ids_or_in_preorder_is_refused_before_anything_is_sent(push: Any) -> None:
    cells = [replace(FIRST, variant_id=""), replace(FIRST, item_id=""), replace(SECOND, mode="preorder", days=7)]

    assert [outcome.kind for outcome in push(cells)] == ["bad_request"] * 3


def test_the_others_go_on_without_a_listing_that_has_no_ids(push: Any, reply: type[Reply], scripted: Any) -> None:
    refused, confirmed = push([replace(FIRST, variant_id=""), SECOND], reply(done()))

    assert ("bad_request", Confirmed()) == (refused.kind, confirmed)
    assert [SECOND.variant_id] == [sku["id"] for sku in scripted.requests[0][1]["skus"]]


def test_a_product_id_cannot_lead_to_another_address(push: Any, reply: type[Reply], scripted: Any) -> None:
    push([replace(FIRST, item_id="../x?y=1")], reply(done()))

    assert [path for path, _ in scripted.requests] == ["/product/202309/products/../x?y=1/inventory/update"]


# What the error rows mean


def test_a_refused_sku_refuses_no_other(push: Any, reply: type[Reply]) -> None:
    outcomes = push([FIRST, SECOND], reply(done(row(FIRST.variant_id, 12052556))))

    assert [Refused("12052556", "row 12052556", "not_found"), Confirmed()] == outcomes


def test_the_wrapper_is_opened(push: Any, reply: type[Reply]) -> None:
    first, second = push([FIRST, SECOND], reply(done(row(FIRST.variant_id, 12052990, (A, 12019024)))))

    assert (first.code, first.kind) == ("12019024", "out_of_range")
    assert Confirmed() == second


def test_a_refused_warehouse_leaves_the_others_of_its_sku_unknown(push: Any, reply: type[Reply]) -> None:
    cells = [replace(FIRST, location=A), replace(FIRST, location=B), replace(SECOND, location=A)]
    shown = reply(shows(FIRST.variant_id, **{f"w{A}": 1, f"w{B}": 1}))

    outcomes = push(cells, shown, reply(done(row(FIRST.variant_id, 12052990, (B, 12052531)))), locations=(A, B))

    assert isinstance(outcomes[0], Unknown)
    assert (outcomes[1].code, outcomes[1].kind) == ("12052531", "bad_request")
    assert Confirmed() == outcomes[2]


def test_a_sku_refused_for_a_warehouse_that_was_not_pushed_is_refused(push: Any, reply: type[Reply]) -> None:
    shown = reply(shows(FIRST.variant_id, **{f"w{A}": 1, f"w{B}": 1}))
    refused = reply(done(row(FIRST.variant_id, 12052990, (B, 12052531))))

    [outcome] = push([replace(FIRST, location=A)], shown, refused, locations=(A, B))

    assert outcome.code == "12052531"


def test_a_row_that_names_no_sku_is_the_only_listings_own(push: Any, reply: type[Reply]) -> None:
    [outcome] = push([FIRST], reply(done({"code": 12019024, "message": "stock count is invalid"})))

    assert (outcome.kind, outcome.whole_call) == ("out_of_range", False)


def test_a_row_that_names_no_sku_of_several_is_looked_for_by_halving(push: Any, reply: type[Reply]) -> None:
    outcomes = push([FIRST, SECOND], reply(done({"code": 12019024, "message": "stock count is invalid"})))

    assert [outcome.whole_call for outcome in outcomes] == [True, True]


def test_a_busy_row_that_names_no_sku_leaves_several_unknown(push: Any, reply: type[Reply]) -> None:
    outcomes = push([FIRST, SECOND], reply(done({"code": 12001000, "message": "busy"})))

    assert [Unknown, Unknown] == [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize("errors", ["?", {"code": 1}, [1], [{}], [{"code": True}], [{"detail": {"sku_id": "1"}}]])
def test_error_rows_that_cannot_be_read_confirm_nothing(push: Any, reply: type[Reply], errors: object) -> None:
    outcomes = push([FIRST, SECOND], reply({"code": 0, "message": "Success", "data": {"errors": errors}}))

    assert [Unknown, Unknown] == [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize("data", [{}, None, {"errors": []}, {"errors": None}])
def test_no_error_rows_is_success(push: Any, reply: type[Reply], data: object) -> None:
    assert [Confirmed()] == push([FIRST], reply({"code": 0, "message": "Success", "data": data}))


# What the answer as a whole means


def test_a_refused_product_is_refused_for_every_sku(push: Any, reply: type[Reply]) -> None:
    outcomes = push([FIRST, SECOND], reply({"code": 12052032, "message": "The product does not exist"}))

    assert [Refused("12052032", "The product does not exist", "not_found")] * 2 == outcomes


def test_a_refused_call_that_names_no_sku_is_looked_for_by_halving(push: Any, reply: type[Reply]) -> None:
    outcomes = push([FIRST, SECOND], reply({"code": 12052556, "message": "The SKU id not exist."}))

    assert [Refused("12052556", "The SKU id not exist.", "not_found", whole_call=True)] * 2 == outcomes


def test_a_refused_call_with_rows_names_those_rows(push: Any, reply: type[Reply]) -> None:
    errors = {"errors": [row(FIRST.variant_id, 12019024)]}
    first, second = push([FIRST, SECOND], reply({"code": 12052990, "message": "The check failed.", "data": errors}))

    assert (first.kind, first.whole_call) == ("out_of_range", False)
    assert (second.code, second.whole_call) == ("12052990", True)


@pytest.mark.parametrize("status", [200, 400, 429])
def test_a_throttle_is_temporary_and_keeps_tiktoks_hint(push: Any, reply: type[Reply], status: int) -> None:
    body = {"code": 36009002, "message": "Too many requests"}

    outcomes = push([FIRST, SECOND], reply(body, status, {"Retry-After": "2.5"}))

    assert [Temporary("Too many requests", 2.5, "36009002")] * 2 == outcomes


@pytest.mark.parametrize("hint", ["soon", "-1", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_hint_that_is_no_number_of_seconds_is_none(push: Any, reply: type[Reply], hint: str) -> None:
    assert [Temporary("too many requests", None, "429")] == push([FIRST], reply("", 429, {"Retry-After": hint}))


def test_an_overloaded_service_is_temporary(push: Any, reply: type[Reply]) -> None:
    assert [Temporary("TikTok Shop is overloaded", None, "503")] == push([FIRST], reply("<html>", 503))


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": {"code": 36009003, "message": "Internal error"}},
        {"status": 502, "body": "<html>"},
        {"status": 504, "body": {"code": 0, "message": "Success", "data": {}}},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": ""},
        {"status": 200, "body": "[" * 100_000},
        {"status": 200, "body": [1]},
        {"status": 200, "body": {"message": "Success"}},
        {"status": 200, "body": {"code": False, "message": "Success"}},
        {"status": 200, "body": {"code": 0, "message": "Success", "data": "?"}},
        {"status": 302, "body": {"code": 0, "message": "Success", "data": {}}, "headers": {"Location": "/"}},
        {"status": 200, "body": {"code": 36009007, "message": "timeout"}},
        {"drop": True},
    ],
    ids=str,
)
def test_without_a_usable_answer_the_shop_is_unknown(push: Any, reply: type[Reply], answer: dict[str, Any]) -> None:
    outcomes = push([FIRST, SECOND], reply(**answer))

    assert [Unknown, Unknown] == [type(outcome) for outcome in outcomes]


def test_a_token_that_ran_out_asks_for_a_refresh(push: Any, reply: type[Reply]) -> None:
    body = {"code": 105002, "message": "access token is expired, please refresh it"}

    assert [Unauthorized("refresh", body["message"], "105002")] == push([FIRST], reply(body, 401))  # type: ignore[arg-type]


def test_a_secret_that_tiktok_repeats_is_not_passed_on(push: Any, reply: type[Reply]) -> None:
    body = {"code": 36009004, "message": "Invalid `ROW_access-token` of e59af819cc"}

    [outcome] = push([FIRST], reply(body))

    assert outcome.message == "Invalid `…` of …"


# Without a connection


class BrokenSession:
    """A session whose every call fails with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def request(self, *_: object, **__: object) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (aiohttp.ClientConnectorError(None, OSError(111, "refused")), Temporary),  # type: ignore[arg-type]
        (aiohttp.ConnectionTimeoutError("connecting"), Temporary),
        (aiohttp.SocketTimeoutError("reading"), Unknown),
        (TimeoutError(), Unknown),
        (aiohttp.ServerDisconnectedError(), Unknown),
        (aiohttp.ClientPayloadError("cut off"), Unknown),
        (ConnectionResetError(), Unknown),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_a_connection_that_never_stood_is_certainly_not_done(
    scripted: Any, error: Exception, expected: type[Outcome]
) -> None:
    def talk(connection: Connection) -> Any:
        broken = replace(connection, http=BrokenSession(error))  # type: ignore[arg-type]
        return TikTok().push(Batch(broken, (FIRST, SECOND)))

    outcomes = scripted.run(talk, [])

    assert [expected, expected] == [type(outcome) for outcome in outcomes]


def test_a_push_that_is_cancelled_stays_cancelled(scripted: Any) -> None:
    def talk(connection: Connection) -> Any:
        broken = replace(connection, http=BrokenSession(asyncio.CancelledError()))  # type: ignore[arg-type]
        return TikTok().push(Batch(broken, (FIRST,)))

    with pytest.raises(asyncio.CancelledError):
        scripted.run(talk, [])
