"""Clients of Lazada that others wrote, against the local one: lazop-sdk (Python) and lazada-api (Node)."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from pushdsl.cli.local_shops import local_shops
from pushdsl.model import Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef, Shown

from .conftest import RunNode

STORE = Store("lazada_my", "lazada", "lazada_my", region="MY")
LISTINGS = [ListingRef("SKU-1", "1000", "2001"), ListingRef("SKU-2", "1000", "2002")]
STOCK = "/product/stock/sellable/update"
ITEM = "/product/item/get"
CONSENT = "/oauth/authorize"
CREATE = "/auth/token/create"
REFRESH = "/auth/token/refresh"


def payload(*rows: tuple[int, int]) -> str:
    """Quantities by SkuId, as the documentation writes them."""
    skus = "".join(
        f"<Sku><ItemId>1000</ItemId><SkuId>{sku_id}</SkuId><SellableQuantity>{quantity}</SellableQuantity></Sku>"
        for sku_id, quantity in rows
    )
    return f"<Request><Product><Skus>{skus}</Skus></Product></Request>"


@dataclass(frozen=True)
class Shop:
    sandbox: Any  # a Lazada sandbox, which has more than every sandbox has
    settings: dict[str, Any]

    @property
    def quantities(self) -> dict[str, int]:
        return {row.store_sku: row.quantity for row in self.sandbox.shown(STORE.name)}

    def consent(self) -> str:
        """The code that the seller is sent back with."""
        asked = {"response_type": "code", "force_auth": "true", "redirect_uri": "https://erp.example.test/back"}
        query = urlencode({**asked, "client_id": self.settings["app_key"], "state": "st"})
        handler = _Stay()
        build_opener(handler).open(f"{self.settings['auth_url']}{CONSENT}?{query}").close()
        back = parse_qs(urlsplit(handler.sent_to).query)
        assert back["state"] == ["st"]
        return back["code"][0]


class _Stay(HTTPRedirectHandler):
    """Remembers where it was sent instead of going there."""

    sent_to = ""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        self.sent_to = headers["Location"]
        return fp


@pytest.fixture
def shop() -> Iterator[Shop]:
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), "lazada")
        yield Shop(sandbox, sandbox.open_shop(STORE, LISTINGS, 5))


# Python: all parameters in the form of a POST and the query of a GET, with a signed `partner_id` of its own


class Lazop:
    """lazop-sdk as its documentation uses it."""

    def __init__(self, sdk: Any, settings: dict[str, Any]) -> None:
        self._sdk = sdk
        self._client = sdk.LazopClient(settings["base_url"], settings["app_key"], settings["app_secret"])

    def execute(self, path: str, method: str = "POST", token: object = None, **params: str) -> Any:
        request = self._sdk.LazopRequest(path, method)
        for name, value in params.items():
            request.add_api_param(name, value)
        return self._client.execute(request, token)


@pytest.fixture
def lazop(shop: Shop, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Lazop:
    """When it is imported, the SDK makes a folder for logs in the home directory."""
    if "lazop_sdk" not in sys.modules:
        monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    try:
        sdk = importlib.import_module("lazop_sdk.base")
    except ModuleNotFoundError:
        pytest.skip("lazop-sdk is not installed")
    return Lazop(sdk, shop.settings)


def test_lazop_sdk_takes_a_code_and_refreshes_the_token_once(shop: Shop, lazop: Lazop) -> None:
    created = lazop.execute(CREATE, code=shop.consent())
    refreshed = lazop.execute(REFRESH, refresh_token=created.body["refresh_token"])
    again = lazop.execute(REFRESH, refresh_token=created.body["refresh_token"])

    assert (created.code, created.body["country_user_info"][0]["country"]) == ("0", "my")
    assert (refreshed.code, refreshed.body["country_user_info_list"][0]["country"]) == ("0", "my")
    assert 0 < refreshed.body["refresh_expires_in"] <= created.body["refresh_expires_in"]
    assert (again.type, again.code) == ("ISV", "IllegalRefreshToken")
    assert shop.sandbox.refreshes == 1


def test_lazop_sdk_updates_stock_with_a_token_that_it_refreshed(shop: Shop, lazop: Lazop) -> None:
    shop.sandbox.expire_tokens(STORE.name)
    expired = lazop.execute(STOCK, token=shop.settings["access_token"], payload=payload((2001, 20)))
    token = lazop.execute(REFRESH, refresh_token=shop.settings["refresh_token"]).body["access_token"]
    done = lazop.execute(STOCK, token=token, payload=payload((2001, 20), (2002, 0)))

    assert (expired.code, done.code, done.body["data"]) == ("IllegalAccessToken", "0", {})
    assert shop.quantities == {"SKU-1": 20, "SKU-2": 0}


def test_lazop_sdk_updates_stock_by_json(shop: Shop, lazop: Lazop) -> None:
    sku = {"ItemId": 1000, "SkuId": 2001, "SellableQuantity": 20}
    body = json.dumps({"Request": {"Product": {"Skus": {"Sku": [sku]}}}})

    assert lazop.execute(STOCK, token=shop.settings["access_token"], payload=body).code == "0"
    assert shop.quantities == {"SKU-1": 20, "SKU-2": 5}


def test_lazop_sdk_reads_what_is_shown_and_what_a_campaign_locks(shop: Shop, lazop: Lazop) -> None:
    shop.sandbox.show(STORE.name, Shown("SKU-1", "", 9, reserved=4))
    answer = lazop.execute(ITEM, "GET", shop.settings["access_token"], item_id="1000")

    first = answer.body["data"]["skus"][0]
    [warehouse], [campaign] = first["multiWarehouseInventories"], first["channelInventories"]
    assert (answer.code, first["SkuId"], first["SellerSku"]) == ("0", 2001, "SKU-1")
    assert (warehouse["warehouseCode"], warehouse["sellableQuantity"]) == ("dropshipping", 9)
    assert campaign["sellableQuantity"] == 4


def test_lazop_sdk_is_told_which_sku_was_refused(shop: Shop, lazop: Lazop) -> None:
    shop.sandbox.show(STORE.name, Shown("SKU-1", "", 9, reserved=4))
    answer = lazop.execute(STOCK, token=shop.settings["access_token"], payload=payload((2001, 3), (2009, 1), (2002, 8)))

    floor, missing = answer.body["detail"]
    assert (answer.type, answer.code, answer.message) == ("ISP", "501", "E501: Update product failed")
    assert floor["message"].startswith("negative sellable on channel inventory,entityId=")
    assert (missing["message"], missing["sku_id"]) == ("SKU not exist", 2009)
    assert shop.quantities == {"SKU-1": 9, "SKU-2": 8}


def test_lazop_sdk_meets_a_throttle_in_lazadas_words(shop: Shop, lazop: Lazop) -> None:
    shop.sandbox.fail("throttle")
    answer = lazop.execute(STOCK, token=shop.settings["access_token"], payload=payload((2001, 20)))

    assert answer.code == "ApiCallLimit"
    assert "this ban will last 1 seconds" in answer.message


def test_lazop_sdk_lists_no_warehouse_but_the_only_one(shop: Shop, lazop: Lazop) -> None:
    answer = lazop.execute("/seller/warehouse/get", "GET", shop.settings["access_token"], addressTypes='["warehouse"]')

    assert [row["code"] for row in answer.body["result"]["module"]] == ["dropshipping"]


def test_lazop_sdk_with_a_wrong_secret_is_turned_away(shop: Shop, lazop: Lazop) -> None:
    lazop._client._app_secret = "wrong"

    answer = lazop.execute(STOCK, token=shop.settings["access_token"], payload=payload((2001, 20)))
    assert (answer.code, shop.quantities["SKU-1"]) == ("IncompleteSignature", 5)


# Node: all signed parameters in the query, of a POST too, beside a body in JSON that is not signed


@dataclass(frozen=True)
class LazadaApi:
    """Calls of lazada-api's own client, whose list of addresses is frozen: of the part of it that is given one."""

    run: RunNode
    settings: dict[str, Any]

    def answers(self, *calls: tuple[str, str, object, dict[str, str]]) -> list[dict[str, Any]]:
        """What each call, `(get or post, path, token, parameters)`, was answered, a refusal included."""
        given = [self.settings[name] for name in ("base_url", "app_key", "app_secret")]
        program = f"""
            const request = require("lazada-api/lib/LazadaRequest");
            const [base, key, secret] = {json.dumps(given)};
            (async () => {{
              const answers = [];
              for (const [method, path, token, params] of {json.dumps(calls)}) {{
                // the client rejects what Lazada refuses, with Lazada's answer
                await request[method](base, key, secret, path, token, params).then(
                  (answer) => answers.push(answer), (refusal) => answers.push(refusal));
              }}
              console.log(JSON.stringify(answers));
            }})();
        """
        answers: list[dict[str, Any]] = self.run(program)
        return answers


@pytest.fixture
def lazada_api(shop: Shop, node: RunNode) -> LazadaApi:
    return LazadaApi(node, shop.settings)


def test_lazada_api_takes_a_code_and_refreshes_the_token_once(shop: Shop, lazada_api: LazadaApi) -> None:
    given = {"refresh_token": shop.settings["refresh_token"]}
    refreshed, again, created = lazada_api.answers(
        ("post", REFRESH, None, given), ("get", REFRESH, None, given), ("get", CREATE, None, {"code": shop.consent()})
    )

    assert (refreshed["code"], refreshed["country_user_info_list"][0]["country"]) == ("0", "my")
    assert (again["code"], again["type"]) == ("IllegalRefreshToken", "ISV")
    assert (created["code"], created["country_user_info"][0]["country"]) == ("0", "my")
    assert shop.sandbox.refreshes == 1


def test_lazada_api_updates_and_reads_stock(shop: Shop, lazada_api: LazadaApi) -> None:
    token = shop.settings["access_token"]
    done, read = lazada_api.answers(
        ("post", STOCK, token, {"payload": payload((2001, 20), (2002, 0))}), ("get", ITEM, token, {"item_id": "1000"})
    )

    assert (done["code"], done["data"]) == ("0", {})
    assert [sku["multiWarehouseInventories"][0]["sellableQuantity"] for sku in read["data"]["skus"]] == [20, 0]
    assert shop.quantities == {"SKU-1": 20, "SKU-2": 0}


def test_lazada_api_is_told_which_sku_was_refused(shop: Shop, lazada_api: LazadaApi) -> None:
    rows = {"payload": payload((2009, 1), (2002, 8))}
    [answer] = lazada_api.answers(("post", STOCK, shop.settings["access_token"], rows))

    assert (answer["code"], answer["message"]) == ("501", "E501: Update product failed")
    assert [(row["message"], row["sku_id"]) for row in answer["detail"]] == [("SKU not exist", 2009)]
    assert shop.quantities == {"SKU-1": 5, "SKU-2": 8}


def test_lazada_api_with_a_token_that_has_run_out_is_turned_away(shop: Shop, lazada_api: LazadaApi) -> None:
    shop.sandbox.expire_tokens(STORE.name)
    [answer] = lazada_api.answers(("post", STOCK, shop.settings["access_token"], {"payload": payload((2001, 20))}))

    assert (answer["code"], shop.quantities["SKU-1"]) == ("IllegalAccessToken", 5)
