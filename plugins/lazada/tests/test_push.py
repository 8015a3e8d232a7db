"""What each answer of Lazada makes of each cell, and what is never sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    Location,
    Outcome,
    Refused,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_lazada.platform import Lazada

STORE = Store("lazada_my", "lazada", "main", region="MY")
CHOICE = replace(STORE, choice=True)
TWO = replace(STORE, locations=(Location("dropshipping", ("kl",)), Location("WH-02", ("penang",))))
A, B, C = (CellPush(f"SKU-{n}", item, str(n), "", 10 * n) for n, item in ((1, "100"), (2, "100"), (3, "300")))
FLOOR = "negative sellable on channel inventory,entityId=123,id=456"


def failure(*rows: object, code: str = "501") -> dict[str, object]:
    return {"code": code, "type": "ISP", "message": "E501: Update product failed", "detail": list(rows)}


@pytest.fixture
def pushed(scripted: Any, reply: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """Pushes cells against one answer, or several, of a scripted Lazada."""

    def push(*bodies: object, cells: tuple[CellPush, ...] = (A, B, C), store: Store = STORE, **how: object) -> object:
        async def talk(connection: Connection) -> object:
            return list(await Lazada().push(Batch(connection, cells)))

        return scripted.run(talk, [reply(body, **how) for body in bodies], store)

    return push


def test_code_0_without_rows_is_success(pushed: Any) -> None:
    assert [Confirmed()] * 3 == pushed({"code": "0", "data": {}, "request_id": "x"})


@pytest.mark.parametrize(
    "row",
    [
        {"code": "E0501", "field": "bizCheck", "item_id": 300, "message": FLOOR},
        {"code": "E0501", "seller_sku": "another", "item_id": "300", "message": FLOOR},
        {"code": "E0501", "field": "Product", "message": FLOOR},
    ],
)
def test_one_listing_takes_the_row_however_it_is_named(pushed: Any, row: object) -> None:
    [outcome] = pushed(failure(row), cells=(C,))

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.kind, outcome.whole_call) == ("E0501", "locked", False)


@pytest.mark.parametrize("code", ["501", "0"])
def test_a_row_among_others_halves_the_call(pushed: Any, code: str) -> None:
    """Whether the others were done is nowhere said; code 0 with a row was seen at live sellers."""
    row = {"code": "E0501", "field": "SkuId", "sku_id": 3, "message": "SKU not exist"}

    refused = Refused("E0501", "SKU not exist", "not_found", whole_call=True)
    assert [refused] * 3 == pushed(failure(row, code=code))


@pytest.mark.parametrize(
    "rows",
    [
        [{"sku_id": 1, "message": FLOOR}, {"seller_sku": "SKU-2", "message": "SKU not exist"}, {"item_id": 300}],
        [{"sku": "1", "message": FLOOR}, {"sku": "SKU-2", "message": "SKU not exist"}, {"SkuId": "3"}],
    ],
)
def test_rows_that_name_every_listing_refuse_each_for_its_own_reason(pushed: Any, rows: list[object]) -> None:
    outcomes = pushed(failure(*rows))

    assert [(outcome.kind, outcome.whole_call) for outcome in outcomes] == [
        ("locked", False),
        ("not_found", False),
        ("bad_request", False),
    ]


def test_a_row_that_names_an_item_of_two_skus_names_neither(pushed: Any) -> None:
    outcomes = pushed(failure({"item_id": 100, "message": FLOOR}, {"item_id": 300, "message": FLOOR}))

    assert [outcome.whole_call for outcome in outcomes] == [True] * 3


@pytest.mark.parametrize("code", ["500", "501", "503", "E501"])
def test_a_wrapper_without_rows_is_a_failure_of_lazada(pushed: Any, code: str) -> None:
    for body in (failure(code=code), {"code": code, "message": "E501: Update product failed"}):
        assert [Unknown] * 3 == [type(outcome) for outcome in pushed(body)]


@pytest.mark.parametrize("code", ["500", "501", "503"])
def test_a_wrapper_with_a_row_is_a_refusal_of_its_listing(pushed: Any, code: str) -> None:
    [outcome] = pushed(failure({"item_id": 300, "message": "words that nobody listed"}, code=code), cells=(C,))

    assert Refused(code, "words that nobody listed", "bad_request") == outcome


@pytest.mark.parametrize(
    "row",
    [
        {"seller_sku": "INV_NEGATIVE_SELLABLE"},
        {"seller_sku": "INV_NEGATIVE_SELLABLE", "message": "Update product failed"},
        {"seller_sku": "SKU-3", "message": "INV_NEGATIVE_SELLABLE"},
    ],
)
def test_a_reason_in_the_place_of_the_sku_is_read(pushed: Any, row: object) -> None:
    [outcome] = pushed(failure(row), cells=(C,))

    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.message.count("INV_NEGATIVE_SELLABLE")) == ("locked", 1)


def test_a_mega_campaign_refuses_the_call_until_the_row_that_falls_stands_alone(pushed: Any) -> None:
    words = "Sellers can increase stocks, but may not decrease stocks."
    body = {"code": "4170", "type": "ISP", "message": f"During the Bday Mega campaign, there are restrictions. {words}"}
    several, [alone] = pushed(body), pushed(body, cells=(A,))

    assert [(outcome.kind, outcome.whole_call) for outcome in several] == [("locked", True)] * 3
    assert (alone.code, alone.kind, alone.whole_call) == ("4170", "locked", False)


def test_an_expired_token_is_told_for_every_cell(pushed: Any) -> None:
    message = "The specified access token is invalid or expired"

    expired = Unauthorized("refresh", message, "IllegalAccessToken")
    assert [expired] * 3 == pushed({"type": "ISV", "code": "IllegalAccessToken", "message": message})


@pytest.mark.parametrize("status", [429, 503])
def test_an_overload_is_temporary_and_keeps_its_hint(pushed: Any, status: int) -> None:
    waited = pushed("<html/>", cells=(A,), status=status, headers={"Retry-After": "7"})

    assert [Temporary(f"Lazada answered HTTP {status}", 7.0, str(status))] == waited


def test_http_429_waits_as_long_as_its_words_say(pushed: Any) -> None:
    words = "Api access frequency exceeds the limit. this ban will last 5 seconds"

    body = {"type": "ISV", "code": "ApiCallLimit", "message": words}
    assert [Temporary(words, 5.0, "ApiCallLimit")] == pushed(body, cells=(A,), status=429)


@pytest.mark.parametrize("hint", ["soon", "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_hint_that_is_no_number_of_seconds_is_none(pushed: Any, hint: str) -> None:
    [outcome] = pushed("", cells=(A,), status=503, headers={"Retry-After": hint})

    assert outcome.retry_after is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("Internal Server Error", 500),
        ({"code": "0", "data": {}}, 502),
        ({"code": "207", "message": "SKU not exist"}, 500),
        ({"code": "0", "data": {}}, 404),
        ("<html>Bad gateway</html>", 200),
        ("", 200),
        ("[" * 100_000, 200),
        (["0"], 200),
        ({"data": {}}, 200),
        ({"code": True}, 200),
        ({"code": "501", "detail": ["a row that is no object"]}, 200),
    ],
)
def test_an_answer_that_says_nothing_usable_is_unknown(pushed: Any, body: object, status: int) -> None:
    [outcome] = pushed(body, cells=(A,), status=status)

    assert isinstance(outcome, Unknown)


def test_a_secret_that_lazada_repeats_goes_no_further(pushed: Any) -> None:
    words = "secret helloworld, token test"
    said = pushed({"code": "IncompleteSignature", "message": words}) + pushed(failure({"message": words}), cells=(A,))

    assert not [outcome for outcome in said if "helloworld" in repr(outcome) or "test" in repr(outcome)]


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (replace(A, item_id=""), "bad_request"),
        (replace(A, variant_id=""), "bad_request"),
        (replace(A, variant_id="1</SkuId>"), "bad_request"),
        (replace(A, variant_id="²"), "bad_request"),
        (replace(A, location="a\x00b"), "bad_request"),
        (replace(A, quantity=-1), "out_of_range"),
        (replace(A, mode="preorder", days=7), "bad_request"),
    ],
)
def test_what_lazada_cannot_take_is_not_sent(pushed: Any, cell: CellPush, kind: str) -> None:
    [outcome] = pushed(cells=(cell,))

    assert isinstance(outcome, Refused)
    assert kind == outcome.kind


def test_a_cell_that_cannot_be_sent_keeps_no_other_from_going(pushed: Any) -> None:
    first, *others = pushed({"code": "0"}, cells=(replace(A, quantity=-1), B, C))

    assert isinstance(first, Refused)
    assert [Confirmed(), Confirmed()] == others


@pytest.mark.parametrize("store", [STORE, CHOICE])
def test_of_two_listings_of_one_sku_only_the_first_is_sent(pushed: Any, scripted: Any, store: Store) -> None:
    twin = replace(A, store_sku="TWIN", quantity=99)
    first, second = pushed(choice([1], []), cells=(A, twin), store=store)

    assert first == Confirmed()
    assert isinstance(second, Refused)
    [(_, _, sent)] = scripted.requests
    assert "99" not in sent.get("payload", "") + sent.get("sku_edit_stock", "")


# Several warehouses

PLACES = (replace(A, location="dropshipping", quantity=7), replace(A, location="WH-02", quantity=3))


def item(**quantities: int) -> dict[str, object]:
    """An item of one SKU with these quantities by warehouse."""
    warehouses = [{"warehouseCode": code, "sellableQuantity": n, "quantity": n} for code, n in quantities.items()]
    return {"code": "0", "data": {"item_id": 100, "skus": [{"SkuId": 1, "multiWarehouseInventories": warehouses}]}}


def test_several_warehouses_are_confirmed_by_what_is_shown(pushed: Any) -> None:
    shown = item(**{"dropshipping": 7, "WH-02": 3})

    assert [Confirmed(), Confirmed()] == pushed({"code": "0"}, shown, cells=PLACES, store=TWO)


def test_a_success_that_the_shop_does_not_show_is_unknown(pushed: Any) -> None:
    outcomes = pushed({"code": "0"}, item(**{"dropshipping": 7, "WH-02": 5}), cells=PLACES, store=TWO)

    words = "Lazada accepted 3 for warehouse `WH-02`, but the shop shows 5 there"
    assert [Confirmed(), Unknown(words)] == outcomes


def test_a_success_that_cannot_be_read_back_is_unknown(pushed: Any) -> None:
    outcomes: list[Outcome] = pushed({"code": "0"}, "<html/>", cells=PLACES, store=TWO)

    assert [Unknown, Unknown] == [type(outcome) for outcome in outcomes]


def test_nothing_in_a_warehouse_is_confirmed_where_lazada_leaves_it_out(pushed: Any) -> None:
    cells = (PLACES[0], replace(PLACES[1], quantity=0))

    assert [Confirmed(), Confirmed()] == pushed({"code": "0"}, item(dropshipping=7), cells=cells, store=TWO)


def test_a_refusal_is_not_read_back(pushed: Any) -> None:
    outcomes = pushed(failure({"item_id": 100, "message": FLOOR}), cells=PLACES, store=TWO)

    assert [outcome.kind for outcome in outcomes] == ["locked", "locked"]


# Choice


def choice(done: list[int], failed: list[object], **more: object) -> dict[str, object]:
    return {"code": "0", "data": {"success_sku": done, "failed_sku": failed}, "success": "true", **more}


def test_a_choice_push_names_item_country_and_skus(pushed: Any, scripted: Any) -> None:
    pushed(choice([1, 2], []), cells=(A, B), store=CHOICE)

    [(method, path, sent)] = scripted.requests
    assert (method, path) == ("POST", "/rest/choice/stock/edit")
    assert (sent["item_id"], sent["site"], sent["sku_edit_stock"]) == ("100", "MY", '{"1":10,"2":20}')


def test_choice_skus_end_as_they_are_listed(pushed: Any) -> None:
    third = replace(C, item_id="100")
    answer = choice([1], [{"skuId": 2, "reason": "sku not exsits"}], error_code="E305", error_msg="Parameter Invalid")

    done, failed, unnamed = pushed(answer, cells=(A, B, third), store=CHOICE)
    assert Confirmed() == done
    assert Refused("", "sku not exsits", "not_found") == failed
    assert isinstance(unnamed, Unknown)


def test_the_other_spelling_of_the_choice_lists_is_read(pushed: Any) -> None:
    answer = {"code": "0", "success": True, "data": {"successSku": ["1"], "failedSku": [{"skuId": "2", "reason": "x"}]}}

    done, failed = pushed(answer, cells=(A, B), store=CHOICE)
    assert (Confirmed(), Refused("", "x", "bad_request")) == (done, failed)


@pytest.mark.parametrize("success", ["false", False])
def test_a_failed_choice_call_is_told_for_every_cell(pushed: Any, success: object) -> None:
    answer = {"code": "0", "success": success, "error_code": "E1002", "error_msg": "not jit product", "data": {}}

    outcomes = pushed(answer, cells=(A, B), store=CHOICE)
    assert [(outcome.code, outcome.kind) for outcome in outcomes] == [("E1002", "blocked"), ("E1002", "blocked")]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("sku not exsits", "not_found"),
        ("stock of an active product can only be increased and can NOT be reduced", "locked"),
        (FLOOR, "locked"),
        ("not jit product", "blocked"),
        ("words that nobody listed", "bad_request"),
    ],
)
def test_a_choice_sku_is_refused_for_its_own_reason(pushed: Any, reason: str, kind: str) -> None:
    done, failed = pushed(choice([1], [{"skuId": 2, "reason": reason}]), cells=(A, B), store=CHOICE)

    assert (Confirmed(), kind, False) == (done, failed.kind, failed.whole_call)


def test_a_choice_store_without_a_country_is_refused_before_the_call(pushed: Any) -> None:
    [outcome] = pushed(cells=(A,), store=replace(CHOICE, region=""))

    assert isinstance(outcome, Refused)
    assert "region" in outcome.message
