"""Clients of WooCommerce that others wrote, against the local one: woocommerce (Python), …-rest-api (Node)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pushdsl.cli.local_shops import local_shops
from pushdsl.model import Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef

from .conftest import RunNode

STORE = Store("woo_my", "woocommerce", "woo_my")
LISTINGS = [ListingRef("MUG-RED", "799", "801"), ListingRef("MUG-BLUE", "799", "802"), ListingRef("CUP", "900", "")]
ROWS = {"update": [{"id": 801, "manage_stock": True, "stock_quantity": 7}, {"id": 900, "stock_quantity": 3}]}
"""One variation that the product has and one that it has not."""


@dataclass(frozen=True)
class Shop:
    sandbox: Any  # a WooCommerce sandbox, which has more than every sandbox has
    settings: dict[str, Any]

    @property
    def quantities(self) -> dict[str, int]:
        return {row.store_sku: row.quantity for row in self.sandbox.shown(STORE.name)}

    def javascript(self, program: str, **changed: str) -> str:
        """A program in which `shop` is the client, and whose `answered` prints what came and what went wrong."""
        settings = {**self.settings, **changed}
        options = {
            "url": settings["base_url"],
            "consumerKey": settings["consumer_key"],
            "consumerSecret": settings["consumer_secret"],
            "version": "wc/v3",
        }
        return f"""
            const Client = require("@woocommerce/woocommerce-rest-api").default;
            const shop = new Client({json.dumps(options)});
            const rows = {json.dumps(ROWS)};
            const answered = async (call) => {{
                try {{ const r = await call; return [r.status, r.data]; }}
                catch (error) {{ return [error.response.status, error.response.data]; }}
            }};
            (async () => {{ console.log(JSON.stringify(await (async () => {{ {program} }})())); }})();
        """

    def python(self, **changed: str) -> Any:
        """The client, which has no types."""
        woocommerce = pytest.importorskip("woocommerce", reason="the Python client is not installed")
        settings = {**self.settings, **changed}
        return woocommerce.API(
            url=settings["base_url"],
            consumer_key=settings["consumer_key"],
            consumer_secret=settings["consumer_secret"],
            version="wc/v3",
        )


@pytest.fixture
def shop() -> Iterator[Shop]:
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), "woocommerce")
        yield Shop(sandbox, sandbox.open_shop(STORE, LISTINGS, 5))


def test_the_python_client_reads_one_product_and_a_list(shop: Shop) -> None:
    client = shop.python()

    assert client.get("products/900").json()["stock_quantity"] == 5
    listed = client.get("products/799/variations", params={"include": "801,802", "per_page": 100})
    assert [(at["id"], at["stock_quantity"]) for at in listed.json()] == [(801, 5), (802, 5)]
    assert listed.headers["X-WP-Total"] == "2"


def test_the_python_client_sets_one_quantity_and_a_batch(shop: Shop) -> None:
    client = shop.python()

    assert client.put("products/900", {"manage_stock": True, "stock_quantity": 4}).status_code == 200
    answer = client.post("products/799/variations/batch", ROWS)
    assert answer.status_code == 200
    assert [row.get("error", {}).get("code") for row in answer.json()["update"]] == [
        None,
        "woocommerce_rest_product_variation_invalid_id",
    ]
    assert shop.quantities == {"MUG-RED": 7, "MUG-BLUE": 5, "CUP": 4}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"consumer_key": "ck_other"}, "Consumer key is invalid."),
        ({"consumer_secret": "cs_other"}, "Invalid signature - provided signature does not match."),
    ],
)
def test_the_python_client_is_turned_away_with_another_key(shop: Shop, changed: dict[str, str], words: str) -> None:
    answer = shop.python(**changed).put("products/900", {"stock_quantity": 4})

    assert (answer.status_code, answer.json()["message"]) == (401, words)
    assert shop.quantities["CUP"] == 5


def test_the_python_client_is_throttled_by_the_host(shop: Shop) -> None:
    shop.sandbox.fail("throttle")

    answer = shop.python().put("products/900", {"stock_quantity": 4})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


def test_the_node_client_reads_one_product_and_a_list(shop: Shop, node: RunNode) -> None:
    program = """
        const one = await shop.get("products/900");
        const many = await shop.get("products/799/variations", {include: "801,802", per_page: 100});
        return [one.data.stock_quantity, many.data.map((at) => [at.id, at.stock_quantity])];
    """

    assert node(shop.javascript(program)) == [5, [[801, 5], [802, 5]]]


def test_the_node_client_sets_one_quantity_and_a_batch(shop: Shop, node: RunNode) -> None:
    program = """
        const one = await answered(shop.put("products/900", {manage_stock: true, stock_quantity: 4}));
        const many = await answered(shop.post("products/799/variations/batch", rows));
        return [one[0], many[0], many[1].update.map((row) => row.error && row.error.data.status)];
    """

    assert node(shop.javascript(program)) == [200, 200, [None, 404]]
    assert shop.quantities == {"MUG-RED": 7, "MUG-BLUE": 5, "CUP": 4}


def test_the_node_client_is_turned_away_with_another_secret(shop: Shop, node: RunNode) -> None:
    program = 'return await answered(shop.put("products/900", {stock_quantity: 4}));'

    status, answer = node(shop.javascript(program, consumer_secret="cs_other"))
    assert (status, answer["code"]) == (401, "woocommerce_rest_authentication_error")
    assert shop.quantities["CUP"] == 5


def test_a_key_that_may_only_read_is_told_so(shop: Shop, node: RunNode) -> None:
    shop.sandbox.only_read(STORE.name)

    words = "The API key provided does not have write permissions."
    assert shop.python().put("products/900", {"stock_quantity": 4}).json()["message"] == words
    program = 'return await answered(shop.put("products/900", {stock_quantity: 4}));'
    assert node(shop.javascript(program))[1]["message"] == words
