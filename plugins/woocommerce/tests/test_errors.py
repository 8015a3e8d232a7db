"""Every error that WooCommerce and its hosts are known to answer with, and what it becomes."""

from __future__ import annotations

import pytest

from pushdsl.plugins import Failure, Refused, Temporary, Unauthorized, Unknown
from pushdsl_woocommerce.errors import KINDS, failure, of_row

AUTHENTICATION = "woocommerce_rest_authentication_error"
MISSING = "woocommerce_rest_authentication_missing_parameter"
TOO_LARGE = "woocommerce_rest_request_entity_too_large"
NO_PRODUCT, NO_VARIATION = "woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id"
IS_VARIATION = "woocommerce_rest_invalid_product_id"


@pytest.mark.parametrize(
    ("status", "code", "message", "becomes"),
    [
        (401, AUTHENTICATION, "Consumer key is invalid.", "reauthorize"),
        (401, AUTHENTICATION, "Consumer secret is invalid.", "reauthorize"),
        (401, AUTHENTICATION, "Invalid signature - provided signature does not match.", "reauthorize"),
        (401, AUTHENTICATION, "The API key provided does not have write permissions.", "reauthorize"),
        (401, AUTHENTICATION, "Invalid timestamp.", "bad_request"),
        (401, AUTHENTICATION, "Invalid nonce - nonce has already been used.", "temporary"),
        (401, MISSING, "Missing OAuth parameters oauth_nonce", "bad_request"),
        (401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", "reauthorize"),
        (404, "rest_no_route", "No route was found matching the URL and request method.", "bad_request"),
        (400, NO_PRODUCT, "Invalid ID.", "not_found"),
        (404, NO_PRODUCT, "Invalid ID.", "not_found"),
        (404, NO_VARIATION, "Invalid ID.", "not_found"),
        (404, IS_VARIATION, "To manipulate product variations you should use the …", "bad_request"),
        (413, TOO_LARGE, "Unable to accept more than 100 items for this request.", "bad_request"),
        (400, "rest_invalid_param", "Invalid parameter(s): stock_quantity", "bad_request"),
        (403, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.", "blocked"),
        (423, "extension_lock", "This product is locked.", "locked"),
        (418, "of_an_extension", "never heard of", "bad_request"),
        (429, "", "an answer that cannot be read", "temporary"),
        (301, "", "an answer that cannot be read", "bad_request"),
        (500, "internal_server_error", "There has been a critical error on this website.", "unknown"),
        (503, "", "an answer that cannot be read", "unknown"),
        (200, "", "an answer that cannot be read", "unknown"),
    ],
)
def test_an_error_is(status: int, code: str, message: str, becomes: str) -> None:
    assert becomes == kind_of(failure(status, code, message))


def kind_of(outcome: Failure) -> str:
    match outcome:
        case Refused():
            return outcome.kind
        case Unauthorized():
            return outcome.action
        case Temporary():
            return "temporary"
        case Unknown():
            return "unknown"


@pytest.mark.parametrize("code", KINDS)
def test_an_error_of_a_row_is_read_by_the_status_of_the_row(code: str) -> None:
    error = {"code": code, "message": "its words", "data": {"status": 404}}

    assert of_row(error) == Refused(code, "its words", KINDS[code])


@pytest.mark.parametrize("error", [None, "broken", {}, {"data": "broken"}, {"code": 7, "data": {"status": "404"}}])
def test_an_error_of_a_row_that_cannot_be_read_is_never_a_success(error: object) -> None:
    assert kind_of(of_row(error)) == "bad_request"


@pytest.mark.parametrize("status", [429, 503])
def test_a_shop_that_names_a_time_is_worth_another_try_then(status: int) -> None:
    assert failure(status, "", "maintenance", 600.0) == Temporary("maintenance", 600.0, str(status))


def test_who_is_sent_elsewhere_is_told_what_to_set() -> None:
    assert "`base_url`" in getattr(failure(301, "", "moved"), "message", "")
