"""The client of Shopify for Python, which Shopify itself wrote, against the local one: ShopifyAPI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from pushdsl.cli.local_shops import local_shops
from pushdsl.model import Location, Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef

STORE = Store("shopify_my", "shopify", "shopify_my", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
LISTINGS = [ListingRef("SKU-1", "1000", "2001"), ListingRef("SKU-2", "1000", "2002")]
REDIRECT = "https://erp.example.test/back"
SET = """
mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { reason changes(quantityNames: ["available"]) { delta quantityAfterChange } }
    userErrors { field message code }
  }
}
"""
READ = """
query Read($first: Int!) {
  productVariants(first: $first, query: "sku:SKU-2") {
    nodes {
      sku
      inventoryPolicy
      inventoryItem {
        id
        tracked
        inventoryLevels(first: 5) { nodes { location { id name } quantities(names: ["available", "on_hand"]) { name quantity } } }
      }
    }
  }
}
"""  # noqa: E501  # as a person would write it


class _Stay(HTTPRedirectHandler):
    """Remembers where it was sent instead of going there."""

    sent_to: str | None = None

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        self.sent_to = headers["Location"]
        return fp


@dataclass(frozen=True)
class Shop:
    sandbox: Any  # a Shopify sandbox, which has more than every sandbox has
    settings: dict[str, Any]
    shopify: Any

    @property
    def quantities(self) -> dict[tuple[str, str], int]:
        return {(row.store_sku, row.location): row.quantity for row in self.sandbox.shown(STORE.name)}

    def enter(self, version: str, token: str | None = None) -> None:
        """Activates a session as the client's manual says, and turns it to the local shop."""
        session = self.shopify.Session(self.settings["shop"], version, token or self.settings["access_token"])
        self.shopify.ShopifyResource.activate_session(session)
        self.shopify.ShopifyResource.site = f"{self.settings['base_url']}/admin/api/{version}"

    def execute(self, query: str, variables: dict[str, Any]) -> Any:
        return json.loads(self.shopify.GraphQL().execute(query, variables))


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shopify = pytest.importorskip("shopify", reason="ShopifyAPI is not installed")
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), "shopify")
        settings: dict[str, Any] = sandbox.open_shop(STORE, LISTINGS, 5)
        monkeypatch.setattr(shopify.Session, "api_key", settings["client_id"])
        monkeypatch.setattr(shopify.Session, "secret", settings["client_secret"])
        yield Shop(sandbox, settings, shopify)
        shopify.ShopifyResource.clear_session()


def test_shopifyapi_sets_stock_by_graphql_and_is_told_what_changed(shop: Shop) -> None:
    shop.enter("2026-04")
    row = {"inventoryItemId": "gid://shopify/InventoryItem/2001", "locationId": "gid://shopify/Location/1001"}
    given = {
        "name": "available",
        "reason": "correction",
        "quantities": [{**row, "quantity": 9, "changeFromQuantity": 5}],
    }

    first = shop.execute(SET, {"input": given, "key": "first"})
    again = shop.execute(SET, {"input": given, "key": "first"})
    stale = shop.execute(SET, {"input": given, "key": "second"})
    done = {"reason": "correction", "changes": [{"delta": 4, "quantityAfterChange": 9}]}
    assert first["data"]["inventorySetQuantities"] == {"inventoryAdjustmentGroup": done, "userErrors": []}
    assert again["data"] == first["data"]
    [error] = stale["data"]["inventorySetQuantities"]["userErrors"]
    assert (error["code"], error["field"]) == (
        "CHANGE_FROM_QUANTITY_STALE",
        ["input", "quantities", "0", "changeFromQuantity"],
    )
    assert shop.quantities["SKU-1", "1001"] == 9
    assert first["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 100


def test_shopifyapi_reads_variants_and_their_levels_by_graphql(shop: Shop) -> None:
    shop.enter("2026-10")

    [variant] = shop.execute(READ, {"first": 3})["data"]["productVariants"]["nodes"]
    assert (variant["sku"], variant["inventoryPolicy"]) == ("SKU-2", "DENY")
    levels = variant["inventoryItem"]["inventoryLevels"]["nodes"]
    assert [level["location"]["id"] for level in levels] == [
        "gid://shopify/Location/1001",
        "gid://shopify/Location/1002",
    ]
    assert {q["name"]: q["quantity"] for q in levels[0]["quantities"]} == {"available": 5, "on_hand": 5}


def test_shopifyapi_reads_and_sets_levels_by_the_older_addresses(shop: Shop) -> None:
    shop.enter("2025-10")
    level = shop.shopify.InventoryLevel

    was = level.find(inventory_item_ids="2001,2002", location_ids="1002")
    set_to = level.set(1002, 2002, 11)
    [now] = level.find(inventory_item_ids="2002", location_ids="1002")
    assert [(row.inventory_item_id, row.available) for row in was] == [(2001, 5), (2002, 5)]
    assert (set_to.available, now.available, shop.quantities["SKU-2", "1002"]) == (11, 11, 11)
    assert [place.id for place in shop.shopify.Location.find()] == [1001, 1002]


def test_shopifyapi_sees_that_an_item_is_not_tracked(shop: Shop) -> None:
    shop.enter("2025-10")
    shop.sandbox.shop(STORE.name).variant("SKU-1").tracked = False

    [row] = shop.shopify.InventoryLevel.find(inventory_item_ids="2001", location_ids="1001")
    assert row.available is None
    with pytest.raises(Exception, match=r"422|Unprocessable"):
        shop.shopify.InventoryLevel.set(1001, 2001, 3)


def test_shopifyapi_is_refused_with_a_token_that_has_run_out(shop: Shop) -> None:
    shop.sandbox.expire_tokens(STORE.name)
    shop.enter("2026-04")

    with pytest.raises(Exception, match="401"):
        shop.shopify.GraphQL().execute("{ shop { name } }")
    with pytest.raises(Exception, match=r"401|Unauthorized"):
        shop.shopify.Location.find()


def test_shopifyapi_is_let_in_by_its_own_link(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link, the check of the call back and the exchange are the client's; only the host is put right."""
    session = shop.shopify.Session(shop.settings["shop"], "2026-04")
    link = session.create_permission_url(["read_inventory", "write_inventory"], REDIRECT, "a-state")
    local = link.replace(f"https://{shop.settings['shop']}", shop.settings["base_url"])
    handler = _Stay()
    build_opener(handler).open(local).close()
    back = dict(parse_qsl(urlsplit(handler.sent_to or "").query))

    assert (back["state"], back["shop"]) == ("a-state", shop.settings["shop"])
    assert not session.validate_params({**back, "shop": "another.myshopify.com"})
    _turn_to_the_local_shop(monkeypatch, shop)
    token = session.request_token(back)
    assert token not in ("", shop.settings["access_token"])
    assert set(session.access_scopes) == {"write_inventory"}  # which implies reading
    shop.enter("2026-04", token)
    assert shop.execute("{ shop { myshopifyDomain } }", {})["data"]["shop"]["myshopifyDomain"] == shop.settings["shop"]


def test_our_signature_of_a_call_back_is_the_clients(shop: Shop) -> None:
    from pushdsl_shopify.signing import callback_signatures

    for value in ("plain", "with space", "a%b", "a&b=c", "YWRtaW4="):
        called = {"code": "a-code", "host": value, "shop": "demo.myshopify.com", "timestamp": "1337178173"}
        assert shop.shopify.Session.calculate_hmac(called) in callback_signatures(
            shop.settings["client_secret"], called
        )


def _turn_to_the_local_shop(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    """The client writes https:// and the shop's domain itself: its requests go to the local shop instead."""
    from six.moves import urllib

    def to_local(address: str, *more: Any) -> Request:
        return Request(address.replace(f"https://{shop.settings['shop']}", shop.settings["base_url"]), *more)

    monkeypatch.setattr(urllib.request, "Request", to_local)
