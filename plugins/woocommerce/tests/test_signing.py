"""Signatures are those that others made of the same."""

from __future__ import annotations

from pushdsl_woocommerce.signing import call_signature, message_signature

QUERY = {
    "oauth_consumer_key": "ck_test",
    "oauth_timestamp": "1517820392",
    "oauth_nonce": "abcdef0123456789",
    "oauth_signature_method": "HMAC-SHA256",
}
URL = "http://127.0.0.1:18990/wp-json/wc/v3/products/799"


def test_a_call_is_signed_as_the_python_client_signs_it() -> None:
    assert call_signature("cs_test", "PUT", URL, QUERY) == "/z8W0lFu0XWsoa6MOThWKuVgNTOj75FSGTXhkPnKc2U="


def test_the_order_of_parameters_and_a_signature_among_them_do_not_matter() -> None:
    turned = {"oauth_signature": "anything", **dict(reversed(QUERY.items()))}

    assert call_signature("cs_test", "PUT", URL, turned) == call_signature("cs_test", "PUT", URL, QUERY)


def test_the_port_is_signed() -> None:
    without = URL.replace(":18990", "")

    assert call_signature("cs_test", "PUT", without, QUERY) != call_signature("cs_test", "PUT", URL, QUERY)


def test_a_message_is_signed_as_documented() -> None:
    signature = message_signature("woo-webhook-secret", b'{"id":727,"status":"processing"}')

    assert signature == "GStrN/7xMHXCkSpO+IdiecICbxMHdTeZCJfm0Avt7CY="
