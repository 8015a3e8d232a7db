"""Each of Shopify's errors, and what becomes of the rows that it is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pushdsl.plugins import (
    Batch,
    CellPush,
    Connection,
    ListingRef,
    NotShown,
    Query,
    Refused,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_shopify.errors import USER_ERRORS
from pushdsl_shopify.platform import Shopify

ITEM, PLACE = "gid://shopify/InventoryItem/2001", "gid://shopify/Location/1001"
CELL = CellPush("SKU-1", "1000", "2001", "1001", 7)
LEVEL = {"quantities": [{"name": "available", "quantity": 5}, {"name": "reserved", "quantity": 0}]}
SHOWN = {"data": {"nodes": [{"id": ITEM, "tracked": True, "l0": LEVEL}]}}


async def push_one(connection: Connection) -> object:
    [outcome] = await Shopify().push(Batch(connection, (CELL,)))
    return outcome


async def read_one(connection: Connection) -> object:
    [answer] = await Shopify().read(Query(connection, (ListingRef("SKU-1", "", "2001"),)))
    assert isinstance(answer, NotShown)
    return answer.outcome


def user_errors(*errors: dict[str, object], group: object = None) -> dict[str, object]:
    return {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": list(errors)}}}


def user_error(code: str | None, message: str = "words of Shopify", row: int = 0) -> dict[str, object]:
    return {"field": ["input", "quantities", str(row), "quantity"], "message": message, "code": code}


MEANINGS = {
    "CHANGE_FROM_QUANTITY_STALE": "temporary",
    "COMPARE_QUANTITY_STALE": "temporary",
    "COMPARE_QUANTITY_REQUIRED": "bad_request",
    "IDEMPOTENCY_CONCURRENT_REQUEST": "unknown",
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": "bad_request",
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": "temporary",
    "INVALID_INVENTORY_ITEM": "not_found",
    "INVALID_LOCATION": "bad_request",
    "INVALID_NAME": "bad_request",
    "INVALID_QUANTITY_NEGATIVE": "out_of_range",
    "INVALID_QUANTITY_TOO_HIGH": "out_of_range",
    "INVALID_QUANTITY_TOO_LOW": "out_of_range",
    "INVALID_REASON": "bad_request",
    "INVALID_REFERENCE_DOCUMENT": "bad_request",
    "ITEM_NOT_STOCKED_AT_LOCATION": "bad_request",
    "NON_MUTABLE_INVENTORY_ITEM": "blocked",
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR": "bad_request",
    "A_CODE_OF_THE_FUTURE": "bad_request",
}


def meaning_of(outcome: object) -> str:
    match outcome:
        case Refused():
            return outcome.kind
        case Unauthorized():
            return outcome.action
        case _:
            return type(outcome).__name__.lower()


def test_every_code_is_tested() -> None:
    assert set(USER_ERRORS) == MEANINGS.keys() - {"A_CODE_OF_THE_FUTURE"}


@pytest.mark.parametrize(("code", "becomes"), MEANINGS.items())
def test_a_user_error_becomes(scripted: Any, reply: Any, code: str, becomes: str) -> None:
    outcome = scripted.run(push_one, [reply(SHOWN), reply(user_errors(user_error(code)))])

    assert becomes == meaning_of(outcome)
    assert "words of Shopify" in outcome.message
    assert not getattr(outcome, "whole_call", False)


@pytest.mark.parametrize(
    ("message", "becomes"),
    [
        # recorded without a code, and without a field
        ("The changeFromQuantity argument no longer matches the persisted quantity.", "temporary"),
        ("The compareQuantity value does not match persisted value.", "temporary"),
        ("The specified inventory item is not stocked at the location.", "bad_request"),
        ("Inventory item does not have inventory tracking enabled", "blocked"),
        (
            "An item cannot be active at more than one location if one of them is a fulfillment service location.",
            "blocked",
        ),
        ("something else", "bad_request"),
    ],
)
def test_words_count_where_the_code_is_missing(scripted: Any, reply: Any, message: str, becomes: str) -> None:
    error = {"field": None, "message": message, "code": None}

    assert becomes == meaning_of(scripted.run(push_one, [reply(SHOWN), reply(user_errors(error))]))


def beside(code: str | None, message: str = "words of Shopify", data: object = None) -> dict[str, object]:
    extensions = {} if code is None else {"extensions": {"code": code}}
    return {"errors": [{"message": message, **extensions}], **({} if data is None else {"data": data})}


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("THROTTLED", "temporary"),
        ("ACCESS_DENIED", "reauthorize"),
        ("UNAUTHORIZED", "reauthorize"),
        ("FORBIDDEN", "reauthorize"),
        ("SHOP_INACTIVE", "blocked"),
        ("INTERNAL_SERVER_ERROR", "unknown"),
        ("TIMEOUT", "unknown"),
        ("MAX_COST_EXCEEDED", "bad_request"),
        ("MAX_INPUT_SIZE_EXCEEDED", "bad_request"),
        ("INVALID_VARIABLE", "bad_request"),
        ("RESOURCE_NOT_FOUND", "bad_request"),
        ("BAD_REQUEST", "bad_request"),  # the directive is missing
        ("INVALID_FIELD_ARGUMENTS", "bad_request"),  # changeFromQuantity is missing
        ("undefinedField", "bad_request"),
        (None, "bad_request"),
    ],
)
def test_an_error_beside_the_data_becomes(scripted: Any, reply: Any, code: str | None, becomes: str) -> None:
    none = {"inventorySetQuantities": None}

    for data in (None, none):
        outcome = scripted.run(push_one, [reply(SHOWN), reply(beside(code, data=data))])
        assert becomes == meaning_of(outcome)
        assert "words of Shopify" in outcome.message


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (400, "bad_request"),
        (402, "blocked"),
        (403, "reauthorize"),
        (404, "bad_request"),
        (406, "bad_request"),
        (422, "bad_request"),
        (423, "blocked"),
        (429, "temporary"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unknown"),
        (504, "unknown"),
        (520, "unknown"),
        (301, "bad_request"),
    ],
)
@pytest.mark.parametrize("body", [{"errors": "words of Shopify"}, "<html>words of a proxy</html>"])
def test_an_http_status_becomes(scripted: Any, reply: Any, status: int, becomes: str, body: object) -> None:
    outcome = scripted.run(push_one, [reply(SHOWN), reply(body, status)])

    assert becomes == meaning_of(outcome)
    assert ("words of Shopify" in outcome.message) == isinstance(body, dict)
    assert "proxy" not in outcome.message


@pytest.mark.parametrize(
    ("changed", "action"),
    [
        ({}, "refresh"),
        ({"refresh_token": None}, "reauthorize"),
        ({"refresh_token": None, "client_credentials": True}, "refresh"),
    ],
)
def test_a_token_that_is_not_known_is_renewed_where_it_can_be(
    scripted: Any, reply: Any, changed: dict[str, object], action: str
) -> None:
    said = "[API] Invalid API key or access token (unrecognized login or wrong password)"

    outcome = scripted.run(push_one, [reply({"errors": said}, 401)], **changed)
    assert outcome == Unauthorized(action, said, "401")  # type: ignore[arg-type]  # one of the two


def throttled(requested: object, there: object, rate: object) -> dict[str, object]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": there, "restoreRate": rate}
    cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    return {"errors": [error], "extensions": {"cost": cost}}


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize(
    ("cost", "headers", "wait"),
    [
        ((752, 2.0, 100.0), {}, 7.5),
        ((10, 50, 100), {}, 0.0),
        ((752, 2.0, 0), {"Retry-After": "2.0"}, 2.0),
        ((752, None, 100.0), {}, None),
        ((True, 2.0, 100.0), {"Retry-After": "soon"}, None),
        (("752", 2.0, 100.0), {"Retry-After": "-1"}, None),
    ],
)
def test_a_throttle_is_waited_for_until_the_points_are_there_again(
    scripted: Any, reply: Any, status: int, cost: tuple[object, ...], headers: dict[str, str], wait: float | None
) -> None:
    answers = [reply(SHOWN), reply(throttled(*cost), status, headers)]

    assert scripted.run(push_one, answers) == Temporary("Throttled", wait, "THROTTLED")


def test_a_throttle_without_words_is_one_too(scripted: Any, reply: Any) -> None:
    answers = [reply(SHOWN), reply("slow down", 429, {"Retry-After": "2.0"})]

    assert scripted.run(push_one, answers) == Temporary("HTTP 429", 2.0, "429")


@pytest.mark.parametrize("status", [500, 503])
def test_a_read_that_fails_changed_nothing(scripted: Any, reply: Any, status: int) -> None:
    for talk in (push_one, read_one):
        assert isinstance(scripted.run(talk, [reply("", status)]), Temporary)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        '"text"',
        "\x00",
        "[" * 5000,
        {},
        {"data": None},
        {"data": []},
        {"data": {}},
        {"data": {"inventorySetQuantities": None}},
        {"data": {"inventorySetQuantities": {}}},
        {"data": {"inventorySetQuantities": {"userErrors": None}}},
        {"data": {"inventorySetQuantities": {"userErrors": ["text"]}}},
        {"data": {"inventorySetQuantities": {"userErrors": [], "inventoryAdjustmentGroup": "text"}}},
        {"data": {"inventorySetQuantities": {"userErrors": [], "inventoryAdjustmentGroup": {"changes": "text"}}}},
        {"data": {"inventorySetQuantities": {"userErrors": []}}, "errors": [{"message": "and an error"}]},
        user_errors(user_error("INVALID_REASON"), group={"id": "gid://shopify/InventoryAdjustmentGroup/1"}),
    ],
)
def test_what_cannot_be_read_is_unknown(scripted: Any, reply: Any, body: object) -> None:
    assert isinstance(scripted.run(push_one, [reply(SHOWN), reply(body)]), Unknown)


def test_secrets_that_shopify_repeats_are_not_passed_on(scripted: Any, reply: Any, shopify_settings: Any) -> None:
    settings = shopify_settings()
    secrets = [settings.access_token.get_secret_value(), settings.client_secret.get_secret_value()]
    said = f"wrong token {secrets[0]} of {secrets[1]}"

    for body, status in (
        (beside("BAD_REQUEST", said), 200),
        ({"errors": said}, 401),
        (user_errors(user_error(None, said)), 200),
    ):
        outcome = scripted.run(push_one, [reply(SHOWN), reply(body, status)])
        assert "wrong token …" in outcome.message
        assert not [secret for secret in secrets if secret in repr(outcome)]
        assert json.dumps(said) not in repr(outcome)
