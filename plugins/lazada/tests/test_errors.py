"""What every code and every sentence of Lazada's means for a cell."""

from __future__ import annotations

import pytest

from pushdsl.plugins import Refused, RefusedKind, Temporary, Unauthorized, Unknown
from pushdsl_lazada.errors import Endpoint, row_trouble, trouble

FREQUENCY = "The request frequency exceeds the limit. this ban will last 1 seconds"
FLOOR = "negative sellable on channel inventory,entityId=123,id=456"


ENDPOINTS: tuple[Endpoint, ...] = ("stock", "choice", "read", "auth")

FLOOR_OF_212 = "The updated Sellable Inventory Quantity: Sellable inventory cannot be negative"
NOT_OURS = "You are not authorized to edit the item."
MEGA = "During the Bday Mega campaign: Sellers can increase stocks, but may not decrease stocks."
ROWS: list[tuple[str, Endpoint, str, str, str]] = [
    ("refresh", "stock", "IllegalAccessToken", "The specified access token is invalid or expired", "refresh"),
    ("refresh", "stock", "InvalidAccessToken", "", "refresh"),
    ("re-authorise", "auth", "IllegalRefreshToken", "The specified refresh token is invalid or expired", "reauthorize"),
    ("re-authorise", "auth", "InvalidCode", "Invalid authorization code", "reauthorize"),
    ("re-authorise", "choice", "E1001", "not jit seller", "reauthorize"),
    ("re-authorise", "stock", "SellerNotActive", "", "reauthorize"),
    ("re-authorise", "stock", "SellerNotVerified", "", "reauthorize"),
    ("re-authorise", "stock", "InsufficientPermission", "", "reauthorize"),
    ("re-authorise", "auth", "AUTH_TYPE_UNSUPPORTED", "can only be authorized by market", "reauthorize"),
    ("our bug", "stock", "IncompleteSignature", "does not conform to lazop standards", "bad_request"),
    ("our bug", "stock", "MissingParameter", "", "bad_request"),
    ("our bug", "stock", "UnsupportedHTTPMethod", "", "bad_request"),
    ("our bug", "stock", "5", "E005: Invalid Request Format", "bad_request"),
    ("our bug", "stock", "30", "E030: Empty Request", "bad_request"),
    ("our bug", "stock", "204", "E204: Too many SKU in one request", "bad_request"),
    ("our bug", "read", "200", "E200: Empty SellerSku", "bad_request"),
    ("our bug", "stock", "4132", "", "bad_request"),
    ("our bug", "stock", "4152", "", "out_of_range"),
    ("our bug", "stock", "4193", "The SellerSku parameter is no longer supported", "bad_request"),
    ("our bug", "stock", "4216", "", "bad_request"),
    ("retry", "stock", "901", "E901", "temporary"),
    ("retry", "stock", "ApiCallLimit", FREQUENCY, "temporary"),
    ("retry", "stock", "SellerCallLimit", FREQUENCY, "temporary"),
    ("retry", "stock", "AppCallLimit", "", "temporary"),
    ("retry", "stock", "AppApiCallLimit", "", "temporary"),
    ("retry", "stock", "4154", "SYS_REQUEST_TOO_FAST", "temporary"),
    ("retry", "stock", "HOT_KEY_BLOCK_EXCEPTION", "10 qps promised for each seller", "temporary"),
    ("retry", "stock", "4147", "", "temporary"),
    ("retry", "stock", "513", "Internal call exception", "temporary"),
    ("retry", "stock", "ServiceTimeout", "", "unknown"),
    ("retry", "stock", "6", "E006: Unexpected internal error", "unknown"),
    ("retry", "stock", "E006", "", "unknown"),
    ("retry", "stock", "1000", "Internal Application Error", "unknown"),
    ("retry", "stock", "506", "", "unknown"),
    ("retry", "stock", "501", "SYS_ERROR", "unknown"),
    ("retry", "stock", "501", "IC_EXCEPTION", "unknown"),
    ("retry", "stock", "4137", "SYSTEM_TIMEOUT", "unknown"),
    ("retry", "stock", "31337", "a code that nobody listed", "unknown"),
    ("unbind", "read", "207", "E207: SKU not exist", "not_found"),
    ("unbind", "read", "208", "E208: Item not exist", "not_found"),
    ("unbind", "stock", "4136", "SELLER_SKU_NOT_FOUND", "not_found"),
    ("unbind", "stock", "4137", "ITEM_NOT_FOUND", "not_found"),
    ("unbind", "read", "EDIT_ITEM_NOT_BELONG_SELLER", NOT_OURS, "not_found"),
    ("unbind", "choice", "E0208", "Product not exist", "not_found"),
    ("blocked", "stock", "4155", "", "blocked"),
    ("blocked", "stock", "4218", "", "blocked"),
    ("blocked", "stock", "4128", "", "blocked"),
    ("blocked", "stock", "998", "", "blocked"),
    ("blocked", "stock", "501", "SELLER_NOT_PERMITTED", "blocked"),
    ("blocked", "choice", "E1002", "not jit product", "blocked"),
    ("floor", "stock", "501", FLOOR, "locked"),
    ("floor", "stock", "501", "negative sellable on inventory", "locked"),
    ("floor", "stock", "212", "INV_NEGATIVE_SELLABLE", "locked"),
    ("floor", "stock", "212", FLOOR_OF_212, "locked"),
    ("floor", "stock", "4170", MEGA, "locked"),
    ("floor", "stock", "501", "THD_IC_ERR_F_IC_ABILITY_PG_003", "locked"),
    ("floor", "stock", "501", "THD_IC_ERR_F_IC_ABILITY_PG_004", "locked"),
]
"""Every code that Lazada's documentation or a live seller named, by what is to be done about it."""


def meant(outcome: object) -> str:
    """One word for an outcome: what is refused or asked for, else its kind."""
    match outcome:
        case Refused():
            return outcome.kind
        case Unauthorized():
            return outcome.action
        case _:
            return type(outcome).__name__.lower()


@pytest.mark.parametrize(("_class", "endpoint", "code", "message", "expected"), ROWS)
def test_every_code_means_what_is_to_be_done(
    _class: str, endpoint: Endpoint, code: str, message: str, expected: str
) -> None:
    outcome = trouble(endpoint, code, message)

    assert expected == meant(outcome)
    assert (message or code) in outcome.message


@pytest.mark.parametrize(
    ("endpoint", "code", "message", "expected"),
    [
        ("stock", "4137", "ITEM_NOT_FOUND", "not_found"),
        ("stock", "4137", "SYSTEM_TIMEOUT", "unknown"),
        ("stock", "4170", "SYS_REQUEST_TOO_FAST", "temporary"),
        ("stock", "4218", "The specified access token is invalid or expired", "refresh"),
        ("stock", "4155", "ITEM_NOT_FOUND", "not_found"),
        ("stock", "207", "SYSTEM_TIMEOUT", "unknown"),
        ("stock", "901", FLOOR, "locked"),
        ("read", "208", FREQUENCY, "temporary"),
    ],
)
def test_words_go_before_a_number_that_is_used_for_several_things(
    endpoint: Endpoint, code: str, message: str, expected: str
) -> None:
    assert expected == meant(trouble(endpoint, code, message))


@pytest.mark.parametrize("code", ["IllegalAccessToken", "InvalidAccessToken"])
def test_a_token_that_ran_out_asks_for_a_refresh(code: str) -> None:
    message = "The specified access token is invalid or expired"

    assert Unauthorized("refresh", message, code) == trouble("stock", code, message)


@pytest.mark.parametrize(
    ("endpoint", "code", "message"),
    [
        ("stock", "IllegalRefreshToken", ""),
        ("stock", "InvalidCode", ""),
        ("stock", "SellerNotActive", "Seller is not active"),
        ("stock", "SellerNotVerified", ""),
        ("stock", "InsufficientPermission", "You do not have permission to call this API"),
        ("read", "AUTH_TYPE_UNSUPPORTED", ""),
        ("choice", "E1001", "not jit seller"),
        ("choice", "E1001", "said in other words"),
    ],
)
def test_a_lost_authorisation_asks_for_a_new_one(endpoint: Endpoint, code: str, message: str) -> None:
    outcome = trouble(endpoint, code, message, alone=False)

    assert isinstance(outcome, Unauthorized)
    assert outcome.action == "reauthorize"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("IncompleteSignature", "The request signature does not conform to lazop standards"),
        ("MissingParameter", ""),
        ("UnsupportedHTTPMethod", ""),
        ("InvalidTimestamp", ""),
        ("5", "E005: Invalid Request Format"),
        ("30", "E030: Empty Request"),
    ],
)
def test_our_own_mistake_refuses_the_whole_call_for_good(code: str, message: str) -> None:
    outcome = trouble("stock", code, message, alone=False)

    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.whole_call) == ("bad_request", False)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("4132", "", "bad_request"),
        ("4193", "The SellerSku parameter is no longer supported", "bad_request"),
        ("4216", "SkuId is mandatory", "bad_request"),
        ("204", "E204: Too many SKU in one request", "bad_request"),
        ("4152", "", "out_of_range"),
        ("207", "E207: SKU not exist", "not_found"),
        ("E0207", "", "not_found"),
        ("208", "Item not exist", "not_found"),
        ("4136", "SELLER_SKU_NOT_FOUND", "not_found"),
        ("4137", "ITEM_NOT_FOUND", "not_found"),
        ("501", "EDIT_ITEM_NOT_BELONG_SELLER", "not_found"),
        ("4155", "", "blocked"),
        ("501", "SELLER_NOT_PERMITTED", "blocked"),
        ("212", "INV_NEGATIVE_SELLABLE", "locked"),
        ("212", "Sellable inventory cannot be negative", "locked"),
        ("501", FLOOR, "locked"),
        ("501", "negative sellable on inventory", "locked"),
        ("4170", "Sellers can increase stocks, but may not decrease stocks.", "locked"),
        ("501", "THD_IC_ERR_F_IC_ABILITY_PG_003", "locked"),
        ("501", "THD_IC_ERR_F_IC_ABILITY_PG_004", "locked"),
    ],
)
def test_a_fault_of_one_row_is_refused_alone_and_halves_a_call_of_several(
    code: str, message: str, kind: RefusedKind
) -> None:
    alone, among = trouble("stock", code, message), trouble("stock", code, message, alone=False)

    assert isinstance(alone, Refused)
    assert isinstance(among, Refused)
    assert [(kind, False), (kind, True)] == [(alone.kind, alone.whole_call), (among.kind, among.whole_call)]
    assert code == alone.code
    assert message in alone.message


@pytest.mark.parametrize(("code", "message"), [("4218", "penalised"), ("4128", "seller lock"), ("998", "API disabled")])
def test_a_blocked_seller_is_refused_without_halving(code: str, message: str) -> None:
    outcome = trouble("stock", code, message, alone=False)

    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.whole_call) == ("blocked", False)


@pytest.mark.parametrize("code", ["ApiCallLimit", "SellerCallLimit", "AppCallLimit", "AppApiCallLimit"])
def test_a_throttle_names_its_own_wait(code: str) -> None:
    assert Temporary(FREQUENCY, 1.0, code) == trouble("stock", code, FREQUENCY, alone=False)
    assert Temporary(FREQUENCY.replace("1", "45"), 45.0, code) == trouble("stock", code, FREQUENCY.replace("1", "45"))


def test_a_header_goes_before_the_words_of_a_throttle() -> None:
    assert Temporary(FREQUENCY, 9.0, "ApiCallLimit") == trouble("stock", "ApiCallLimit", FREQUENCY, retry_after=9.0)


@pytest.mark.parametrize(
    "words",
    [
        "Please retry in the next second",
        "E901: The request is too frequent, or the requested functionality is temporarily disabled.",
        "Limit service request speed in server side temporarily.",
    ],
)
def test_901_is_tried_again_in_the_next_second(words: str) -> None:
    for endpoint in ENDPOINTS:
        assert Temporary(words, 1.0, "901") == trouble(endpoint, "901", words, alone=False)


@pytest.mark.parametrize("words", ["this ban will last 1 seconds", "This Ban will last 1 second."])
def test_a_ban_is_read_however_it_is_written(words: str) -> None:
    assert trouble("read", "AppCallLimit", words) == Temporary(words, 1.0, "AppCallLimit")


@pytest.mark.parametrize(
    ("code", "message"),
    [("4154", "SYS_REQUEST_TOO_FAST"), ("4147", "concurrent edit"), ("HOT_KEY_BLOCK_EXCEPTION", "")],
)
def test_what_certainly_came_before_the_work_is_temporary(code: str, message: str) -> None:
    assert Temporary(message or code, None, code) == trouble("stock", code, message, alone=False)


def test_a_call_too_large_for_lazada_is_halved_and_at_last_tried_again() -> None:
    among, alone = trouble("stock", "513", "too large", alone=False), trouble("stock", "513", "too large")

    assert Refused("513", "too large", "bad_request", whole_call=True) == among
    assert Temporary("too large", None, "513") == alone


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ServiceTimeout", ""),
        ("4137", "SYSTEM_TIMEOUT"),
        ("4137", "neither of its two meanings"),
        ("6", "E006: Unexpected internal error"),
        ("E006", ""),
        ("1000", "Internal Application Error"),
        ("506", ""),
        ("501", "SYS_ERROR"),
        ("501", "IC_EXCEPTION"),
        ("500", "E500: Create product failed"),
        ("501", "E501: Update product failed"),
        ("503", "E503: Update price quantity failed"),
        ("31337", "a code that nobody listed"),
    ],
)
def test_a_failure_of_lazada_may_come_after_the_work(code: str, message: str) -> None:
    assert isinstance(trouble("stock", code, message, alone=False), Unknown)


@pytest.mark.parametrize(
    ("endpoint", "code"), [("read", "4170"), ("read", "4218"), ("choice", "4193"), ("stock", "1001"), ("stock", "1002")]
)
def test_a_number_means_nothing_at_another_address(endpoint: Endpoint, code: str) -> None:
    assert isinstance(trouble(endpoint, code, ""), Unknown)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("E0208", "Product not exist", "not_found"),
        ("E1002", "not jit product", "blocked"),
        ("E305", "Parameter Invalid", "bad_request"),
    ],
)
def test_a_choice_item_is_refused_by_its_own_codes(code: str, message: str, kind: RefusedKind) -> None:
    outcome = trouble("choice", code, message)

    assert isinstance(outcome, Refused)
    assert kind == outcome.kind


@pytest.mark.parametrize(
    ("row_code", "row_message", "kind"),
    [
        ("E0501", FLOOR, "locked"),
        ("E0501", "ITEM_NOT_FOUND", "not_found"),
        ("E4155", "", "blocked"),
        ("E0501", "words that nobody listed", "bad_request"),
        ("E0501", "warehouse not found", "bad_request"),
    ],
)
def test_a_row_is_a_refusal_whatever_the_envelope_says(row_code: str, row_message: str, kind: RefusedKind) -> None:
    for envelope in ("500", "501", "503", "0"):
        outcome = row_trouble("stock", envelope, "E501: Update product failed", row_code, row_message, alone=True)

        assert isinstance(outcome, Refused)
        assert (kind, row_code, False) == (outcome.kind, outcome.code, outcome.whole_call)


def test_a_row_without_words_of_its_own_means_what_the_envelope_means() -> None:
    outcome = row_trouble("stock", "207", "E207: SKU not exist", "", "", alone=True)

    assert Refused("207", "E207: SKU not exist", "not_found") == outcome


def test_rows_that_failed_inside_lazada_leave_a_call_of_several_unknown() -> None:
    for words in ("SYSTEM_TIMEOUT", "SYS_REQUEST_TOO_FAST"):
        outcome = row_trouble("stock", "501", "", "E0501", words, alone=False)

        assert Unknown(f"Lazada answered E0501: {words}") == outcome
