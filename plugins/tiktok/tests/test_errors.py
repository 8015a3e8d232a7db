"""Every code that an inventory call is known to answer with, and what it becomes."""

from __future__ import annotations

import pytest

from pushdsl.plugins import Refused, Temporary, Unauthorized, Unknown
from pushdsl_tiktok.errors import MEANINGS, trouble

REFUSED = {
    "not_found": [12052031, 12052032, 12052260, 12052048, 12052034, 12019150, 12052556, 12052557],
    "out_of_range": [12019024, 12052055],
    "locked": [12052393, 12052146],
    "blocked": [
        *(12052901, 12052308, 12052371, 12052141, 12052700, 12052704),
        *(12052144, 12052037, 12052382, 12052921, 12052850, 12052708),
        *(12019094, 12019095, 12019096, 12019097, 12019098, 12019099, 12019100),
        *(12052273, 12052315, 12052329, 12052702, 12052712),
    ],
    "bad_request": [
        *(106001, 106013, 36009009, 36009014, 101000, 36009033, 12052036, 12052553, 12052902, 12052050, 12052990),
        *(12019022, 12019028, 12052094, 12052097, 12052115, 12052364, 12052403, 12052516, 12052530, 12052531),
        *(12052532, 12052533),
    ],
}
ACTIONS = {"refresh": [105002], "reauthorize": [105001, 105005, 40100, 40102, 40103, 36004004, 36004005]}
TEMPORARY = [36009002, 12001000, 12052881, 33001002, 12052109]
UNKNOWN = [36009003, 36009007]


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in REFUSED.items() for code in codes])
def test_a_code_is_refused_as_its_kind(kind: str, code: int) -> None:
    outcome = trouble(code, "TikTok's words")

    assert isinstance(outcome, Refused)
    assert (str(code), kind, False) == (outcome.code, outcome.kind, outcome.whole_call)
    assert outcome.message.startswith("TikTok's words")


@pytest.mark.parametrize(("action", "code"), [(action, code) for action, codes in ACTIONS.items() for code in codes])
def test_a_code_asks_for_a_token(action: str, code: int) -> None:
    outcome = trouble(code, "TikTok's words")

    assert isinstance(outcome, Unauthorized)
    assert (action, str(code)) == (outcome.action, outcome.code)


@pytest.mark.parametrize("code", TEMPORARY)
def test_a_code_is_worth_another_try(code: int) -> None:
    assert Temporary("TikTok's words", 3.0, str(code)) == trouble(code, "TikTok's words", retry_after=3.0)


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_fault_inside_tiktok_may_have_come_after_the_work(code: int) -> None:
    assert isinstance(trouble(code, "TikTok's words"), Unknown)


def test_no_code_of_the_table_is_left_untested() -> None:
    tested = [*TEMPORARY, *UNKNOWN, *(c for codes in [*REFUSED.values(), *ACTIONS.values()] for c in codes)]

    assert set(MEANINGS) == set(tested)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Invalid credentials. The `x-tts-access-token` header is invalid.", "refresh"),
        ("Invalid credentials. The `access_token` header is invalid.", "refresh"),
        ("Invalid timestamp. The value must not be earlier than 5 minutes before the current time.", "bad_request"),
        ("Invalid credentials. Invalid `app_key` query parameter.", "bad_request"),
        ("Missing credentials. The request does not include a required signature in the query.", "bad_request"),
        ("Invalid identifier. The `shop_cipher` query parameter is invalid.", "bad_request"),
        ("Something new", "bad_request"),
    ],
)
def test_the_overloaded_code_is_told_apart_by_its_message(message: str, expected: str) -> None:
    outcome = trouble(36009004, message, alone=False)

    assert expected == (outcome.action if isinstance(outcome, Unauthorized) else getattr(outcome, "kind", outcome))
    assert not getattr(outcome, "whole_call", False)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Inventory is automatically allocated and cannot be modified manually", "blocked"),
        ("Include all warehouses; automatically allocated inventory cannot be modified", "blocked"),
        ("The warehouse is wrong or missing", "bad_request"),
        ("", "blocked"),
    ],
)
def test_stock_that_cannot_be_set_is_the_platforms_or_in_another_warehouse(message: str, kind: str) -> None:
    outcome = trouble(12052037, message)

    assert kind == getattr(outcome, "kind", outcome)
    assert "map `location` to the shop's warehouse ids" in getattr(outcome, "message", "")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("FBT products don't support update inventory in each warehouse", "blocked"),
        ("The SKU stock must be between [0,999999]", "out_of_range"),
        ("Your Authorization has Expired", "reauthorize"),
    ],
)
def test_a_new_code_is_known_by_words_that_sellers_have_met(message: str, expected: str) -> None:
    outcome = trouble(77777, message)

    assert expected == (outcome.action if isinstance(outcome, Unauthorized) else getattr(outcome, "kind", outcome))


@pytest.mark.parametrize("code", [12019096, 12052315])
def test_a_refusal_for_pre_sale_says_where_it_is_set(code: int) -> None:
    assert "pre-sale is set in Seller Center" in getattr(trouble(code, ""), "message", "")


def test_a_known_code_is_not_overruled_by_words() -> None:
    assert getattr(trouble(12052393, "The SKU stock must be between 4 and 9"), "kind", "") == "locked"


def test_a_wrong_clock_is_named() -> None:
    outcome = trouble(36009004, "Invalid timestamp.")

    assert "set the clock of this machine" in getattr(outcome, "message", "")


def test_a_warehouse_refusal_says_that_the_store_may_not_be_whitelisted() -> None:
    outcome = trouble(12052094, "No multiple warehouse permission")

    assert "may not be whitelisted for several warehouses" in getattr(outcome, "message", "")


@pytest.mark.parametrize("code", [12052556, 12019024, 12052393, 12019028, 12052553, 12052990, 77777])
def test_a_refusal_that_names_no_row_of_several_is_of_the_whole_call(code: int) -> None:
    outcome = trouble(code, "", alone=False)

    assert isinstance(outcome, Refused)
    assert outcome.whole_call


@pytest.mark.parametrize("code", [12052032, 12052901, 106001, 36009014])
def test_a_refusal_of_the_product_or_the_call_is_of_every_row(code: int) -> None:
    outcome = trouble(code, "", alone=False)

    assert isinstance(outcome, Refused)
    assert not outcome.whole_call


def test_a_code_nobody_has_heard_of_is_never_a_success() -> None:
    assert Refused("77777", "Something new", "bad_request") == trouble(77777, "Something new")
