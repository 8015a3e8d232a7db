"""Clients of Shopee that others wrote, against the local one: pyshopee (Python) and @congminh1254/shopee-sdk (Node)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from pushdsl.cli.local_shops import local_shops
from pushdsl.model import Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef, Shown

from .conftest import RunNode

STORE = Store("shopee_my", "shopee", "shopee_my", region="MY")
LISTINGS = [ListingRef("SKU-1", "1000", "1"), ListingRef("SKU-2", "1000", "2"), ListingRef("SKU-0", "3000", "")]
TWO_ROWS = [{"model_id": 1, "seller_stock": [{"stock": 7}]}, {"model_id": 8, "seller_stock": [{"stock": 3}]}]
"""One model that the shop has and one that it has not."""
PARTLY = {
    "success_list": [{"model_id": 1, "location_id": "", "stock": 7}],
    "failure_list": [{"model_id": 8, "failed_reason": "model ID not exist in sku"}],
}


@dataclass(frozen=True)
class Shop:
    sandbox: Any  # a Shopee sandbox, which has more than every sandbox has
    settings: dict[str, Any]

    @property
    def quantities(self) -> dict[str, int]:
        return {row.store_sku: row.quantity for row in self.sandbox.shown(STORE.name)}

    def consent(self, link: str) -> str:
        """The address that the seller is sent back to after the link."""
        handler = _Stay()
        build_opener(handler).open(link).close()
        assert handler.sent_to is not None, "the seller was not sent back"
        return handler.sent_to


class _Stay(HTTPRedirectHandler):
    """Remembers where it was sent instead of going there."""

    sent_to: str | None = None

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        self.sent_to = headers["Location"]
        return fp


@pytest.fixture
def shop() -> Iterator[Shop]:
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), "shopee")
        yield Shop(sandbox, sandbox.open_shop(STORE, LISTINGS, 5))


# Python


@pytest.fixture
def client(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """pyshopee imports a browser for one of its calls; it need not be there for the others."""
    browser = ModuleType("selenium")
    browser.webdriver = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "selenium", browser)
    pyshopee = pytest.importorskip("pyshopee2", reason="pyshopee is not installed")
    given = shop.settings
    made = pyshopee.Client(given["shop_id"], given["partner_id"], given["partner_key"], "http://127.0.0.1:8000/")
    made.host = given["base_url"]
    made.access_token = given["access_token"]
    return made


def test_pyshopee_is_let_in_by_its_own_link(shop: Shop, client: Any) -> None:
    back = parse_qs(urlsplit(shop.consent(client.shop_authorization("http://127.0.0.1:8000/?state=s"))).query)
    client.code, client.access_token = back["code"][0], "none"

    access, seconds, _ = client.get_token()
    assert (back["state"], back["shop_id"], seconds) == (["s"], [str(shop.settings["shop_id"])], 14400)
    assert access not in ("none", shop.settings["access_token"])
    assert client.product.update_stock(item_id=3000, stock_list=[{"seller_stock": [{"stock": 8}]}])["error"] == ""
    assert shop.quantities == {"SKU-1": 5, "SKU-2": 5, "SKU-0": 8}


def test_pyshopee_refreshes_a_token_once(shop: Shop, client: Any) -> None:
    given = shop.settings
    shop.sandbox.expire_tokens(STORE.name)
    expired = client.product.get_model_list(item_id=1000)
    used = (given["shop_id"], given["partner_id"], given["partner_key"], given["refresh_token"])

    access, _, renewed = client.get_access_token(*used)
    assert expired["error"] == 403
    assert (access, renewed) != (given["access_token"], given["refresh_token"])
    assert client.product.get_model_list(item_id=1000)["error"] == ""
    with pytest.raises(KeyError):  # the client looks for a token in what is a refusal
        client.get_access_token(*used)
    assert shop.sandbox.refreshes == 1


def test_pyshopee_sees_which_row_was_refused_in_an_answer_without_an_error(shop: Shop, client: Any) -> None:
    answer = client.product.update_stock(item_id=1000, stock_list=TWO_ROWS)

    assert (answer["error"], answer["response"]) == ("", PARTLY)
    assert shop.quantities == {"SKU-1": 7, "SKU-2": 5, "SKU-0": 5}


def test_pyshopee_reads_items_models_and_what_promotions_reserve(shop: Shop, client: Any) -> None:
    shop.sandbox.show(STORE.name, Shown("SKU-0", "", 9, reserved=4))

    items = client.product.get_item_base_info(item_id_list="1000,3000")["response"]["item_list"]
    assert [(item["item_id"], item["has_model"]) for item in items] == [(1000, True), (3000, False)]
    assert items[1]["stock_info_v2"]["seller_stock"] == [{"stock": 9, "if_saleable": True}]
    assert items[1]["stock_info_v2"]["summary_info"] == {"total_reserved_stock": 4, "total_available_stock": 5}
    models = client.product.get_model_list(item_id=1000)["response"]["model"]
    assert [model["model_id"] for model in models] == [1, 2]
    [promoted] = client.product.get_item_promotion(item_id_list="3000")["response"]["success_list"]
    assert promoted["promotion"][0]["promotion_staging"] == "ongoing"


def test_pyshopee_sees_the_floor_of_a_promotion(shop: Shop, client: Any) -> None:
    shop.sandbox.show(STORE.name, Shown("SKU-0", "", 9, reserved=4))

    answer = client.product.update_stock(item_id=3000, stock_list=[{"model_id": 0, "seller_stock": [{"stock": 3}]}])
    assert (answer["error"], answer["message"]) == ("error_auth", "Total stock must be more than reserved stock.")
    assert shop.quantities["SKU-0"] == 9


# Node


@pytest.fixture
def sdk(shop: Shop, node: RunNode):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """Runs lines of a program that has the client as `sdk`; what they give to `tell` comes back."""
    given = shop.settings
    token = {key: given[key] for key in ("access_token", "refresh_token", "shop_id")}
    config = {key: given[key] for key in ("partner_id", "partner_key", "shop_id")}
    config |= {"base_url": f"{given['base_url']}/api/v2", "base_auth_url": f"{given['base_url']}/auth"}

    def run(lines: str) -> Any:
        return node(
            f"""
            import("@congminh1254/shopee-sdk").then(async ({{ ShopeeSDK }}) => {{
              let token = {json.dumps(token)};
              const sdk = new ShopeeSDK({json.dumps(config)}, {{
                get: async () => token,
                store: async (next) => {{ token = next; }},
              }});
              const tell = (said) => console.log(JSON.stringify(said));
              {lines}
            }});
            """
        )

    return run


def test_shopee_sdk_exchanges_a_code(shop: Shop, sdk: Any) -> None:
    code, shop_id = shop.sandbox.auth_code(STORE.name), shop.settings["shop_id"]

    said = sdk(f"""
      await sdk.authenticateWithCode({json.dumps(code)}, {shop_id});
      const read = await sdk.product.getModelList({{ item_id: 1000 }});
      const again = await sdk.authenticateWithCode({json.dumps(code)}, {shop_id}).catch((error) => error.data);
      tell({{ expire_in: token.expire_in, token: token.access_token, read: read.error, again: again.message }});
    """)
    assert said["token"] != shop.settings["access_token"]
    assert (said["expire_in"], said["read"], said["again"]) == (14400, "", "Invalid code")


def test_shopee_sdk_refreshes_by_itself_where_a_token_has_ended(shop: Shop, sdk: Any) -> None:
    """It asks for new tokens when it is told so, and sends the call once more with them."""
    shop.sandbox.expire_tokens(STORE.name)

    said = sdk("""
      const row = { model_id: 2, seller_stock: [{ stock: 6 }] };
      const answer = await sdk.product.updateStock({ item_id: 1000, stock_list: [row] });
      tell({ error: answer.error, token: token.access_token });
    """)
    assert said["error"] == ""
    assert said["token"] != shop.settings["access_token"]
    assert (shop.sandbox.refreshes, shop.quantities["SKU-2"]) == (1, 6)


def test_shopee_sdk_sees_which_row_was_refused_in_an_answer_without_an_error(shop: Shop, sdk: Any) -> None:
    said = sdk(f"tell(await sdk.product.updateStock({{ item_id: 1000, stock_list: {json.dumps(TWO_ROWS)} }}));")

    assert (said["error"], said["response"]) == ("", PARTLY)
    assert shop.quantities == {"SKU-1": 7, "SKU-2": 5, "SKU-0": 5}


def test_shopee_sdk_reads_items_models_promotions_and_warehouses(shop: Shop, sdk: Any) -> None:
    """It repeats the key of a list where pyshopee writes commas."""
    shop.sandbox.show(STORE.name, Shown("SKU-1", "", 9, reserved=4))

    said = sdk("""
      const items = await sdk.product.getItemBaseInfo({ item_id_list: [1000, 3000] });
      const models = await sdk.product.getModelList({ item_id: 1000 });
      const promotions = await sdk.product.getItemPromotion({ item_id_list: [1000, 3000] });
      const warehouses = await sdk.shop.getWarehouseDetail({}).catch((error) => error.data);
      tell({ items, models, promotions, warehouses });
    """)
    assert [item["item_id"] for item in said["items"]["response"]["item_list"]] == [1000, 3000]
    stock = said["models"]["response"]["model"][0]["stock_info_v2"]
    assert (stock["seller_stock"][0]["stock"], stock["summary_info"]["total_reserved_stock"]) == (9, 4)
    listed = said["promotions"]["response"]["success_list"]
    assert [len(item["promotion"]) for item in listed] == [1, 0]
    assert said["warehouses"]["error"] == "warehouse.error_not_in_whitelist"


def test_shopee_sdk_gives_up_where_its_key_is_wrong(shop: Shop, sdk: Any) -> None:
    said = sdk("""
      sdk.getConfig().partner_key = "another-key";
      tell(await sdk.product.getModelList({ item_id: 1000 }).catch((error) => [error.status, error.data.error]));
    """)
    assert said == [403, "error_sign"]
