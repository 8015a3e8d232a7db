"""Clients of TikTok Shop that others wrote, against the local one: tiktok-shop-api (Python) and tiktok-shop-sdk (Node).

Each is let in, renews its tokens, sets stock, some of it refused, and reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from pushdsl.cli.local_shops import local_shops
from pushdsl.model import Location, Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef, Shown

from .conftest import RunNode

A, B = "7068517275539719942", "7068517275539719943"
PRODUCT, RED, BLUE = "1729382561353664372", "1729592969712207013", "1729592969712207014"
STORE = Store("shop", "tiktok", "shop", region="MY", locations=(Location(A, ("kl",)), Location(B, ("jb",))))
LISTINGS = [ListingRef("MUG-RED", PRODUCT, RED), ListingRef("MUG-BLUE", PRODUCT, BLUE)]

BOTH_WAREHOUSES = {"id": RED, "inventory": [{"warehouse_id": A, "quantity": 7}, {"warehouse_id": B, "quantity": 0}]}
TOO_MUCH = {
    "id": BLUE,
    "inventory": [{"warehouse_id": A, "quantity": 1_000_000}, {"warehouse_id": B, "quantity": 0}],
}
UNKNOWN_WAREHOUSE = {"id": BLUE, "inventory": [{"warehouse_id": "1", "quantity": 3}]}


@dataclass(frozen=True)
class Shop:
    sandbox: Any  # TikTok's, which has more than every sandbox has
    settings: dict[str, Any]

    @property
    def quantities(self) -> dict[tuple[str, str], int]:
        return {(row.store_sku, row.location): row.quantity for row in self.sandbox.shown(STORE.name)}

    def consent(self, link: str) -> dict[str, list[str]]:
        """What the seller is sent back with; a client's link leads to TikTok's own host, which cannot be changed."""
        parts = urlsplit(link)
        handler = _Stay()
        build_opener(handler).open(f"{self.settings['consent_url']}{parts.path}?{parts.query}", timeout=10).close()
        assert handler.sent_to is not None, "the seller was not sent back"
        return parse_qs(urlsplit(handler.sent_to).query)


class _Stay(HTTPRedirectHandler):
    """Remembers where it was sent instead of going there."""

    sent_to: str | None = None

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        self.sent_to = headers["Location"]
        return fp


@pytest.fixture
def shop(platform: str) -> Iterator[Shop]:
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), platform)
        yield Shop(sandbox, sandbox.open_shop(STORE, LISTINGS, 5))


@pytest.fixture
def platform() -> str:
    """A shop on TikTok, unless a test asks for one on Tokopedia too, which the same clients reach."""
    return "tiktok"


on_both = pytest.mark.parametrize("platform", ["tiktok", "tokopedia"])


# Python


@pytest.fixture
def api() -> Any:
    return pytest.importorskip("tiktok_shop_api", reason="tiktok-shop-api is not installed")


@pytest.fixture
def auth(shop: Shop, api: Any) -> Any:
    given = shop.settings
    return api.TikTokShopAuth(given["app_key"], given["app_secret"], given["service_id"], base_url=given["auth_url"])


@pytest.fixture
def client(shop: Shop, api: Any) -> Iterator[Any]:
    given = shop.settings
    with api.TikTokShop(
        given["app_key"],
        given["app_secret"],
        access_token=given["access_token"],
        shop_cipher=given["shop_cipher"],
        base_url=given["base_url"],
    ) as made:
        yield made


def update(client: Any, *skus: dict[str, object]) -> Any:
    from tiktok_shop_api.generated.models import UpdateInventoryRequest

    return client.products.update_inventory(PRODUCT, body=UpdateInventoryRequest.from_dict({"skus": list(skus)}))


def search(client: Any, **body: object) -> dict[str, Any]:
    from tiktok_shop_api.generated.models import InventorySearchRequest

    answer = client.products.inventory_search(body=InventorySearchRequest.from_dict(body))
    return {sku["id"]: sku for product in answer.to_dict()["data"]["inventory"] for sku in product["skus"]}


@on_both
def test_tiktok_shop_api_is_let_in_by_its_own_link(shop: Shop, auth: Any, api: Any) -> None:
    back = shop.consent(auth.authorization_url(type="seller", region="row", state="the state"))

    tokens = auth.exchange_code(back["code"][0])
    assert back["state"] == ["the state"]
    until = datetime.fromtimestamp(tokens.access_token_expire_in, UTC)
    assert timedelta(days=6) < until - datetime.now(UTC) <= timedelta(days=7)
    with pytest.raises(api.TikTokShopError) as again:
        auth.exchange_code(back["code"][0])
    assert again.value.code == 36004004
    assert "invalid auth code" in str(again.value)
    given = shop.settings
    with api.TikTokShop(
        given["app_key"], given["app_secret"], tokens.access_token, base_url=given["base_url"]
    ) as let_in:
        shops = let_in.authorization.get_authorized_shops().to_dict()["data"]["shops"]
    assert [(one["cipher"], one["region"]) for one in shops] == [(given["shop_cipher"], back["shop_region"][0])]


def test_tiktok_shop_api_is_told_that_the_seller_refused(shop: Shop, auth: Any) -> None:
    link = auth.authorization_url(type="seller", region="us", state="s")

    assert shop.consent(f"{link}&refuse=1") == {"code": ["null"], "error": ["auth_denied"], "state": ["s"]}


def test_tiktok_shop_api_renews_its_tokens_once(shop: Shop, auth: Any, client: Any, api: Any) -> None:
    shop.sandbox.expire_tokens(STORE.name)
    with pytest.raises(api.TikTokShopError) as expired:
        search(client, sku_ids=[RED])
    assert expired.value.code == 105002

    tokens = auth.refresh(shop.settings["refresh_token"])
    with pytest.raises(api.TikTokShopError) as used:
        auth.refresh(shop.settings["refresh_token"])
    assert used.value.code == 36004005
    given = shop.settings
    with api.TikTokShop(
        given["app_key"], given["app_secret"], tokens.access_token, given["shop_cipher"], base_url=given["base_url"]
    ) as renewed:
        assert search(renewed, sku_ids=[RED])[RED]["total_available_quantity"] == 10
    assert shop.sandbox.refreshes == 1


@on_both
def test_tiktok_shop_api_sets_stock_and_reads_it(shop: Shop, client: Any) -> None:
    answer = update(client, BOTH_WAREHOUSES)

    assert (answer.code, answer.data.to_dict()) == (0, {})
    assert shop.quantities == {("MUG-RED", A): 7, ("MUG-RED", B): 0, ("MUG-BLUE", A): 5, ("MUG-BLUE", B): 5}
    found = search(client, product_ids=[PRODUCT])[RED]
    assert {w["warehouse_id"]: w["available_quantity"] for w in found["warehouse_inventory"]} == {A: 7, B: 0}
    assert found["seller_sku"] == "MUG-RED"


def test_tiktok_shop_api_sees_what_was_refused_and_what_was_not(shop: Shop, client: Any) -> None:
    answer = update(client, BOTH_WAREHOUSES, TOO_MUCH)

    assert answer.code == 0
    [error] = answer.data.errors
    assert (error.code, error.detail.sku_id) == (12019024, BLUE)
    assert shop.quantities["MUG-RED", A] == 7
    assert shop.quantities["MUG-BLUE", A] == 5


def test_tiktok_shop_api_sees_inside_the_wrapper(client: Any) -> None:
    [error] = update(client, UNKNOWN_WAREHOUSE).data.errors

    assert (error.code, error.message) == (12052990, "The check failed.")
    [extra] = error.detail.extra_errors
    assert (extra.warehouse_id, extra.code) == ("1", 12052097)


def test_tiktok_shop_api_reads_what_campaigns_hold(shop: Shop, client: Any) -> None:
    shop.sandbox.show(STORE.name, Shown("MUG-RED", A, 20, reserved=4))

    distribution = search(client, sku_ids=[RED])[RED]["total_available_inventory_distribution"]
    assert [campaign["quantity"] for campaign in distribution["campaign_inventory"]] == [4]


def test_tiktok_shop_api_lists_warehouses(client: Any) -> None:
    listed = client.logistics.get_warehouse_list().to_dict()["data"]["warehouses"]

    assert [w["id"] for w in listed if w["type"] == "SALES_WAREHOUSE"] == [A, B]


@pytest.mark.parametrize(("fault", "status", "code"), [("throttle", 429, 36009002), ("server_error", 500, 36009003)])
def test_tiktok_shop_api_meets_a_fault(shop: Shop, client: Any, api: Any, fault: Any, status: int, code: int) -> None:
    shop.sandbox.fail(fault)

    with pytest.raises(api.TikTokShopError) as failed:
        update(client, BOTH_WAREHOUSES)
    assert (failed.value.http_status, failed.value.code) == (status, code)
    assert shop.quantities["MUG-RED", A] == 5


def test_tiktok_shop_api_with_a_wrong_secret_is_refused(shop: Shop, api: Any) -> None:
    given = shop.settings
    tokens = {"access_token": given["access_token"], "shop_cipher": given["shop_cipher"]}
    with (
        api.TikTokShop(given["app_key"], "another-secret", **tokens, base_url=given["base_url"]) as wrong,
        pytest.raises(api.TikTokShopError) as refused,
    ):
        update(wrong, BOTH_WAREHOUSES)
    assert (refused.value.http_status, refused.value.code) == (401, 106001)


def test_tiktok_shop_api_believes_the_messages_about_an_order(shop: Shop, api: Any) -> None:
    given = shop.settings
    sent = shop.sandbox.sell(STORE.name, "MUG-RED", 2, "https://push.example.test/tiktok")

    for message in sent:
        signed = {"app_key": given["app_key"], "app_secret": given["app_secret"]}
        signature = message.headers["Authorization"]
        assert api.Webhooks.verify(**signed, raw_body=message.body, signature=signature)
        assert not api.Webhooks.verify(**signed, raw_body=message.body + b" ", signature=signature)
    ordered, changed = (api.Webhooks.parse(message.body) for message in sent)
    assert (type(ordered).__name__, ordered.data.order_status) == ("OrderStatusChangeWebhook", "AWAITING_SHIPMENT")
    assert type(changed).__name__ == "InventoryChangedByShopWebhook"
    assert (changed.data.product_id, changed.data.sku_id) == (int(PRODUCT), int(RED))
    assert changed.data.quantity_snapshot_after_change.total_available_quantity == 8


# Node


SDK = """
const { TikTokShopSDK } = require("tiktok-shop-sdk");
const given = %s;
const real = globalThis.fetch;
globalThis.fetch = (address, options) => {
  const asked = new URL(address);
  const local = asked.host === "auth.tiktok-shops.com" ? given.auth_url : given.base_url;
  return real(local + asked.pathname + asked.search, options);
};
const sdk = new TikTokShopSDK({ appKey: given.app_key, appSecret: given.app_secret });
const failure = (error) => ({ failed: error.code ?? error.message });
(async () => {
%s
})().then((answer) => console.log(JSON.stringify(answer)));
"""
WITH_TOKEN = "sdk.setAccessToken(given.access_token); sdk.setShopCipher(given.shop_cipher);"


def program(shop: Shop, lines: str, **more: object) -> str:
    return SDK % (json.dumps({**shop.settings, **more}), lines)


@on_both
def test_tiktok_shop_sdk_is_let_in_and_renews_its_tokens(shop: Shop, node: RunNode) -> None:
    lines = """
      const first = await sdk.auth.getAccessToken({ auth_code: given.code });
      const again = await sdk.auth.getAccessToken({ auth_code: given.code }).catch(failure);
      const next = await sdk.auth.refreshAccessToken({ refresh_token: first.data.refresh_token });
      const used = await sdk.auth.refreshAccessToken({ refresh_token: first.data.refresh_token }).catch(failure);
      sdk.setAccessToken(next.data.access_token);
      sdk.setShopCipher(given.shop_cipher);
      const found = await sdk.product.searchInventory({ sku_ids: [given.sku] });
      return { again, used, until: next.data.access_token_expire_in, found: found.data.inventory[0].skus[0] };
    """

    said = node(program(shop, lines, code=shop.sandbox.auth_code(STORE.name), sku=RED))
    assert (said["again"], said["used"]) == ({"failed": 36004004}, {"failed": 36004005})
    until = datetime.fromtimestamp(said["until"], UTC)
    assert timedelta(days=6) < until - datetime.now(UTC) <= timedelta(days=7)
    assert said["found"]["total_available_quantity"] == 10
    assert shop.sandbox.refreshes == 1


def test_tiktok_shop_sdk_sets_stock_sees_what_was_refused_and_reads_it(shop: Shop, node: RunNode) -> None:
    lines = f"""
      {WITH_TOKEN}
      const body = {{ skus: given.skus }};
      const answer = await sdk.product.updateProductInventory({{ product_id: given.product, body }});
      const found = await sdk.product.searchInventory({{ product_ids: [given.product] }});
      return {{ answer, found: found.data.inventory[0].skus }};
    """

    said = node(program(shop, lines, product=PRODUCT, skus=[BOTH_WAREHOUSES, TOO_MUCH]))
    assert said["answer"]["code"] == 0
    [error] = said["answer"]["data"]["errors"]
    assert (error["code"], error["detail"]["sku_id"]) == (12019024, BLUE)
    totals = {sku["id"]: sku["total_available_quantity"] for sku in said["found"]}
    assert totals == {RED: 7, BLUE: 10}
    assert shop.quantities["MUG-RED", A] == 7


def test_tiktok_shop_sdk_meets_an_expired_token(shop: Shop, node: RunNode) -> None:
    shop.sandbox.expire_tokens(STORE.name)
    lines = f"""
      {WITH_TOKEN}
      return sdk.product.searchInventory({{ sku_ids: [given.sku] }}).catch(failure);
    """

    assert node(program(shop, lines, sku=RED)) == {"failed": 105002}
