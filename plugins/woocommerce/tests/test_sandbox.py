"""The local shop refuses what WooCommerce would refuse, in its words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pushdsl.plugins import Batch, CellPush, Confirmed, Event, ListingRef, Refused, Temporary, Unauthorized
from pushdsl.testing import FixedClock
from pushdsl_woocommerce.platform import WooCommercePlatform
from pushdsl_woocommerce.signing import call_signature

if TYPE_CHECKING:
    from conftest import InShop, Visit

PLATFORM = WooCommercePlatform()
STORE = "woo_my"
RED, BLUE = ListingRef("MUG-RED", "799", "801"), ListingRef("MUG-BLUE", "799", "802")
CUP = ListingRef("CUP", "900", "")
CELL = CellPush(RED.store_sku, RED.item_id, RED.variant_id, "", 7)
AUTHENTICATION = "woocommerce_rest_authentication_error"


async def call(
    visit: Visit,
    method: str,
    path: str,
    body: object = None,
    *,
    twice: bool = False,
    sign_with: str = "",
    **query: str,
) -> tuple[int, Any]:
    """A call that is signed rightly, save for what the test changes; `twice` sends each parameter two times."""
    settings = visit.settings
    url = f"{settings.base_url}/wp-json/wc/v3/{path}"
    signed = {
        "oauth_consumer_key": settings.consumer_key.get_secret_value(),
        "oauth_timestamp": str(int(visit.connection.now().timestamp())),
        "oauth_nonce": f"nonce-{id(query)}-{visit.sandbox.calls}",
        "oauth_signature_method": "HMAC-SHA256",
        **query,
    }
    signed["oauth_signature"] = call_signature(
        sign_with or settings.consumer_secret.get_secret_value(), method, url, signed
    )
    params = [(name, value) for name, value in signed.items() for _ in range(1 + twice) if value]
    async with visit.connection.http.request(method, url, params=params, json=body) as response:
        return response.status, await response.json()


def said(in_shop: InShop, *args: Any, **kwargs: Any) -> tuple[int, str, str]:
    """Status, code and message of the answer to one call."""

    async def test(visit: Visit) -> tuple[int, str, str]:
        status, answer = await call(visit, *args, **kwargs)
        return status, answer.get("code", ""), answer.get("message", "")

    found: tuple[int, str, str] = in_shop(test)
    return found


def test_a_parameter_that_comes_twice_is_signed_once(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        return await call(visit, "GET", "products", twice=True, include="900", per_page="100")

    status, products = in_shop(test)
    assert (status, [product["id"] for product in products]) == (200, [900])


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_both_hashes_are_taken(in_shop: InShop, method: str) -> None:
    assert said(in_shop, "GET", "products/900", oauth_signature_method=method)[0] == 200


def test_a_signature_with_another_secret_is_refused(in_shop: InShop) -> None:
    words = "Invalid signature - provided signature does not match."

    assert said(in_shop, "GET", "products/900", sign_with="cs_other") == (401, AUTHENTICATION, words)


def test_an_unknown_key_is_refused(in_shop: InShop) -> None:
    refused = said(in_shop, "GET", "products/900", oauth_consumer_key="ck_other")

    assert refused == (401, AUTHENTICATION, "Consumer key is invalid.")


def test_a_missing_parameter_is_named(in_shop: InShop) -> None:
    code = "woocommerce_rest_authentication_missing_parameter"

    assert said(in_shop, "GET", "products/900", oauth_nonce="") == (401, code, "Missing OAuth parameters oauth_nonce")


def test_a_nonce_is_good_for_one_call(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        return [(await call(visit, "GET", "products/900", oauth_nonce="the-same"))[0] for _ in range(2)]

    assert in_shop(test) == [200, 401]


@pytest.mark.parametrize(("seconds", "status"), [(900, 200), (901, 401), (-900, 200), (-901, 401)])
def test_a_quarter_of_an_hour_either_way_is_allowed(
    in_shop: InShop, clock: FixedClock, seconds: int, status: int
) -> None:
    clock.advance(seconds)

    assert said(in_shop, "GET", "products/900")[0] == status


def test_the_clock_is_named_where_it_is_wrong(in_shop: InShop, clock: FixedClock) -> None:
    clock.advance(1000)

    async def test(visit: Visit) -> object:
        return await PLATFORM.push(Batch(visit.connection, (CELL,)))

    words = "Invalid timestamp. (set the clock of this machine)"
    assert in_shop(test) == [Refused(AUTHENTICATION, words, "bad_request")]


@pytest.mark.parametrize("path", ["products/batch", "products/799/variations/batch"])
def test_more_than_a_hundred_rows_are_refused(in_shop: InShop, path: str) -> None:
    rows = {"update": [{"id": n} for n in range(60)], "delete": list(range(41))}

    words = "Unable to accept more than 100 items for this request."
    assert said(in_shop, "POST", path, rows) == (413, "woocommerce_rest_request_entity_too_large", words)


def test_a_key_that_may_only_read_reads(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        visit.sandbox.only_read(STORE)
        status, _ = await call(visit, "GET", "products/900")
        return status, await PLATFORM.push(Batch(visit.connection, (CELL,)))

    words = "The API key provided does not have write permissions."
    assert in_shop(test) == (200, [Unauthorized("reauthorize", words, AUTHENTICATION)])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "products/123", 400, "woocommerce_rest_product_invalid_id"),
        ("GET", "products/123", 404, "woocommerce_rest_product_invalid_id"),
        ("PUT", "products/801", 404, "woocommerce_rest_invalid_product_id"),
        ("PUT", "products/799/variations/123", 404, "woocommerce_rest_product_variation_invalid_id"),
        ("PUT", "products/900/variations/801", 404, "woocommerce_rest_product_variation_invalid_id"),
        ("GET", "products/799/variations/900", 404, "woocommerce_rest_product_variation_invalid_id"),
        ("GET", "no/such/path", 404, "rest_no_route"),
    ],
)
def test_a_wrong_id_is_refused(in_shop: InShop, method: str, path: str, status: int, code: str) -> None:
    body = {"stock_quantity": 1} if method == "PUT" else None

    assert said(in_shop, method, path, body)[:2] == (status, code)


def test_a_row_that_is_refused_keeps_none_of_the_others_back(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        rows = [{"id": 801, "manage_stock": True, "stock_quantity": 9}, {"id": 900, "stock_quantity": 9}]
        _, answer = await call(visit, "POST", "products/799/variations/batch", {"update": rows})
        return [row.get("error", {}).get("data") for row in answer["update"]], visit.quantities

    assert in_shop(test) == ([None, {"status": 404}], {"MUG-RED": 9, "MUG-BLUE": 5, "CUP": 5})


def test_a_quantity_without_stock_management_is_taken_and_dropped(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        visit.sandbox.stop_counting(STORE, "CUP")
        _, answer = await call(visit, "PUT", "products/900", {"stock_quantity": 9})
        return answer["manage_stock"], answer["stock_quantity"]

    assert in_shop(test) == (False, None)


def test_a_push_turns_stock_management_on(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        visit.sandbox.stop_counting(STORE, "CUP")
        outcomes = await PLATFORM.push(Batch(visit.connection, (CellPush("CUP", "900", "", "", 9),)))
        return outcomes, visit.quantities["CUP"]

    assert in_shop(test) == ([Confirmed()], 9)


def test_products_come_in_pages_with_their_number(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        first = await call(visit, "GET", "products/799/variations", per_page="1", page="2")
        wrong, _ = await call(visit, "GET", "products", per_page="101")
        by_sku = await call(visit, "GET", "products", sku="CUP")
        return [at["id"] for at in first[1]], wrong, [at["id"] for at in by_sku[1]]

    assert in_shop(test) == ([802], 400, [900])


def test_a_host_that_throttles_says_for_how_long(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        visit.sandbox.fail("throttle")
        return await PLATFORM.push(Batch(visit.connection, (CELL, replace(CELL, variant_id=BLUE.variant_id))))

    assert in_shop(test) == [Temporary("an answer that cannot be read", 2.0, "429")] * 2


def test_an_order_is_told_with_all_the_headers_of_a_shop(in_shop: InShop) -> None:
    async def test(visit: Visit) -> object:
        [message] = visit.sandbox.sell(STORE, "CUP", 2, "https://push.example.test/hook")
        assert {name.removeprefix("X-WC-Webhook-") for name in message.headers} == {
            *("Content-Type", "Source", "Topic", "Resource", "Event", "Signature", "ID", "Delivery-ID")
        }
        assert json.loads(message.body)["status"] == "processing"
        assert visit.quantities["CUP"] == 3
        return PLATFORM.verify_webhook(visit.connection.settings, message)

    [event] = in_shop(test)
    assert event == Event(event.id, "order_created", (replace(CUP, store_sku=""),))
