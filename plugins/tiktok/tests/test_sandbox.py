"""The local shop refuses what TikTok would refuse, in TikTok's words, and keeps the stock of the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, ListingRef, Location, Query, Shown, Store
from pushdsl_tiktok.platform import TikTok
from pushdsl_tiktok.sandbox import TikTokSandbox
from pushdsl_tiktok.settings import TikTokSettings
from pushdsl_tiktok.signing import request_signature

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
A, B, C = "7068517275539719942", "7068517275539719943", "7068517275539719944"
UPDATE = "/product/202309/products/1729/inventory/update"
SEARCH = "/product/202309/inventory/search"
RED, BLUE = ListingRef("MUG-RED", "1729", "31"), ListingRef("MUG-BLUE", "1729", "32")
OTHER_PRODUCT = ListingRef("CUP", "1730", "41")


@dataclass
class Visit:
    """A shop with two SKUs of one product and one of another, five pieces of each, and a client to call it."""

    sandbox: TikTokSandbox
    connection: Connection
    http: aiohttp.ClientSession

    @property
    def settings(self) -> TikTokSettings:
        assert isinstance(self.connection.settings, TikTokSettings)
        return self.connection.settings

    def sign(self, path: str, query: dict[str, str], body: bytes) -> str:
        return request_signature(self.settings.app_secret.get_secret_value(), path, query, body)

    async def call(
        self,
        path: str,
        body: bytes = b"",
        *,
        method: str = "POST",
        query: dict[str, str | None] | None = None,
        token: str | None = None,
        signed_body: bytes | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """A call signed rightly, save for what the test changes; a query field of None is left out."""
        fields: dict[str, str | None] = {
            "app_key": self.settings.app_key,
            "shop_cipher": self.settings.shop_cipher,
            "timestamp": str(int(NOW.timestamp())),
            **(query or {}),
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        if "sign" not in fields:
            sent["sign"] = self.sign(path, sent, body if signed_body is None else signed_body)
        headers = {"x-tts-access-token": token or self.settings.access_token.get_secret_value()}
        url = self.settings.base_url + path
        async with self.http.request(method, url, params=sent, data=body, headers=headers) as response:
            return response.status, await response.json()

    async def update(self, *skus: object, path: str = UPDATE) -> dict[str, Any]:
        _, answer = await self.call(path, json.dumps({"skus": skus}).encode())
        return answer

    def shown(self) -> dict[tuple[str, str], int]:
        return {(row.store_sku, row.location): row.quantity for row in self.sandbox.shown("tiktok_my")}


def visit(test: Callable[[Visit], Awaitable[None]], *locations: str) -> None:
    async def run() -> None:
        sandbox = TikTokSandbox()
        sandbox.now = lambda: NOW
        await sandbox.start()
        store = Store("tiktok_my", "tiktok", "main", locations=tuple(Location(name, ("kl",)) for name in locations))
        settings = TikTokSettings.model_validate(sandbox.open_shop(store, [RED, BLUE, OTHER_PRODUCT], 5))
        try:
            async with aiohttp.ClientSession() as http:
                await test(Visit(sandbox, Connection(store, settings, http, lambda: NOW), http))
        finally:
            await sandbox.stop()

    asyncio.run(run())


def sku(sku_id: str, quantity: int, *warehouse_ids: str) -> dict[str, object]:
    if not warehouse_ids:
        return {"id": sku_id, "inventory": [{"quantity": quantity}]}
    return {"id": sku_id, "inventory": [{"warehouse_id": w, "quantity": quantity} for w in warehouse_ids]}


def codes(answer: dict[str, Any]) -> list[tuple[str, int]]:
    assert answer["code"] == 0
    return [(error["detail"]["sku_id"], error["code"]) for error in answer["data"].get("errors", [])]


# Who is let in


@pytest.mark.parametrize(
    ("changed", "status", "code", "words"),
    [
        ({"query": {"app_key": "other"}}, 400, 36009004, "`app_key`"),
        ({"query": {"sign": None}}, 400, 36009004, "required signature"),
        ({"query": {"sign": "0" * 64}}, 401, 106001, "sign"),
        ({"query": {"sign": "é"}}, 401, 106001, "sign"),
        ({"signed_body": b'{"skus": []}'}, 401, 106001, "sign"),
        ({"token": "ROW_other"}, 400, 36009004, "`x-tts-access-token`"),
        ({"query": {"shop_cipher": None}}, 400, 106013, "`shop_cipher`"),
        ({"query": {"shop_cipher": "ROW_other"}}, 400, 36009004, "`shop_cipher`"),
        ({"query": {"timestamp": None}}, 400, 36009004, "timestamp"),
        ({"query": {"timestamp": "-1"}}, 400, 36009004, "timestamp"),
        ({"path": "/product/202309/no-such-address"}, 404, 36009009, "path"),
        ({"method": "GET"}, 404, 36009009, "path"),
    ],
)
def test_a_call_that_is_not_right_is_refused_in_tiktoks_words(
    changed: dict[str, Any], status: int, code: int, words: str
) -> None:
    async def test(shop: Visit) -> None:
        answer = await shop.call(**{"path": UPDATE, "body": b'{"skus":[]}', **changed})

        assert (status, code) == (answer[0], answer[1]["code"])
        assert words in answer[1]["message"]
        assert shop.sandbox.calls == 0

    visit(test)


@pytest.mark.parametrize(("seconds", "code"), [(-301, 36009004), (-300, 0), (0, 0), (30, 0), (31, 36009004)])
def test_the_time_may_be_five_minutes_behind_and_half_a_minute_ahead(seconds: int, code: int) -> None:
    async def test(shop: Visit) -> None:
        timestamp = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
        _, answer = await shop.call(SEARCH, b'{"sku_ids":["31"]}', query={"timestamp": timestamp})

        assert code == answer["code"]

    visit(test)


def test_the_signature_is_over_the_bytes_that_arrived_and_not_over_their_meaning() -> None:
    async def test(shop: Visit) -> None:
        compact, spaced = b'{"skus":[]}', b'{"skus": [] }'

        assert (await shop.call(UPDATE, spaced))[1]["code"] == 12052902
        assert (await shop.call(UPDATE, spaced, signed_body=compact))[1]["code"] == 106001

    visit(test)


# What is set


def test_the_stock_that_was_sent_is_shown() -> None:
    async def test(shop: Visit) -> None:
        answer = await shop.update(sku("31", 0), sku("32", 999_999))

        assert (answer["code"], answer["message"], answer["data"]) == (0, "Success", {})
        assert shop.shown() == {("MUG-RED", ""): 0, ("MUG-BLUE", ""): 999_999, ("CUP", ""): 5}

    visit(test)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (sku("31", -1), 12019024),
        (sku("31", 1_000_000), 12019024),
        (sku("99", 7), 12052556),
        (sku("41", 7), 12052556),
        (sku("31", 7, C), 12052990),
        ({"id": "31", "inventory": []}, 12019028),
    ],
)
def test_a_sku_that_cannot_be_set_is_in_the_error_rows_and_the_others_are_set(row: dict[str, Any], code: int) -> None:
    async def test(shop: Visit) -> None:
        answer = await shop.update(row, sku("32", 8))

        assert [(row["id"], code)] == codes(answer)
        assert shop.shown() == {("MUG-RED", ""): 5, ("MUG-BLUE", ""): 8, ("CUP", ""): 5}

    visit(test)


def test_an_unknown_warehouse_is_named_inside_the_wrapper() -> None:
    async def test(shop: Visit) -> None:
        [error] = (await shop.update(sku("31", 7, C)))["data"]["errors"]

        assert (error["code"], error["message"]) == (12052990, "The check failed.")
        expected = {"warehouse_id": C, "code": 12052097, "message": "The warehouse does not exist"}
        assert [expected] == error["detail"]["extra_errors"]

    visit(test)


@pytest.mark.parametrize("rows", [[sku("31", 7, A)], [sku("31", 7)], [sku("31", 7, A, A)]])
def test_a_sku_without_all_of_its_warehouses_is_refused(rows: list[object]) -> None:
    async def test(shop: Visit) -> None:
        assert codes(await shop.update(*rows)) == [("31", 12019028)]
        assert {5} == set(shop.shown().values())

    visit(test, A, B)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"skus": []}, 12052902),
        ({"skus": [sku(str(n), 1) for n in range(101)]}, 12052050),
        ({"skus": [sku("31", 1), sku("31", 2)]}, 12052553),
        ({"skus": [{"inventory": [{"quantity": 1}]}]}, 12052036),
        ({"skus": [{"id": "31", "inventory": [{"quantity": "7"}]}]}, 101000),
        ({"skus": [{"id": "31", "inventory": [{"quantity": True}]}]}, 101000),
        ({"skus": [{"id": "31"}]}, 101000),
        ({"skus": "31"}, 101000),
        ({}, 101000),
        ([], 101000),
    ],
)
def test_a_body_that_is_not_right_is_refused_as_a_whole(body: object, code: int) -> None:
    async def test(shop: Visit) -> None:
        _, answer = await shop.call(UPDATE, json.dumps(body).encode())

        assert code == answer["code"]
        assert {5} == set(shop.shown().values())

    visit(test)


def test_an_unknown_product_is_refused_as_a_whole() -> None:
    async def test(shop: Visit) -> None:
        answer = await shop.update(sku("31", 7), path="/product/202309/products/1/inventory/update")

        assert (answer["code"], answer["message"]) == (12052032, "The product does not exist")

    visit(test)


def test_stock_cannot_fall_below_what_a_campaign_holds() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", "", 20, reserved=4))

        assert codes(await shop.update(sku("31", 3), sku("32", 1))) == [("31", 12052393)]
        assert codes(await shop.update(sku("31", 4))) == []
        assert Shown("MUG-RED", "", 4, reserved=4) in shop.sandbox.shown("tiktok_my")

    visit(test)


def test_stock_cannot_fall_below_what_creators_hold_either() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", "", 20, reserved=4))
        shop.sandbox.lock_for_creator("tiktok_my", "MUG-RED", 3)

        assert codes(await shop.update(sku("31", 6))) == [("31", 12052146)]
        assert codes(await shop.update(sku("31", 7))) == []
        _, answer = await shop.call(SEARCH, b'{"sku_ids":["31"]}')
        distribution = answer["data"]["inventory"][0]["skus"][0]["total_available_inventory_distribution"]
        assert distribution == {
            "in_shop_inventory": {"quantity": 0},
            "campaign_inventory": [{"quantity": 4, "campaign_name": "Sandbox campaign"}],
            "creator_inventory": [{"quantity": 3, "creator_name": "Sandbox creator"}],
        }

    visit(test)


def test_a_promotion_that_begins_holds_all_that_is_shown() -> None:
    async def test(shop: Visit) -> None:
        for quantity, refused in ((4, [("31", 12052393)]), (5, [])):
            shop.sandbox.fail("promotion_begins")
            assert codes(await shop.update(sku("31", quantity), sku("32", 1))) == refused
        assert Shown("MUG-RED", "", 5, reserved=5) in shop.sandbox.shown("tiktok_my")

    visit(test)


@pytest.mark.parametrize(
    ("code", "words"),
    [(12052144, "Platform warehouses cannot be edited."), (12052382, "Dilayani Tokopedia warehouse")],
)
def test_a_warehouse_that_the_platform_runs_is_not_the_sellers_to_change(code: int, words: str) -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.run_by_platform("tiktok_my", B, code)

        [error] = (await shop.update(sku("31", 7, A, B), sku("32", 8, A, B)))["data"]["errors"][:1]
        assert error["code"] == 12052990
        [extra] = error["detail"]["extra_errors"]
        assert (extra["warehouse_id"], extra["code"], words in extra["message"]) == (B, code, True)
        assert {5} == set(shop.shown().values())

    visit(test, A, B)


# What can be asked


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"sku_ids": ["31", "41", "99"]}, [("1729", ["31"]), ("1730", ["41"])]),
        ({"product_ids": ["1729"]}, [("1729", ["31", "32"])]),
        ({"product_ids": ["1729"], "sku_ids": ["41"]}, [("1730", ["41"])]),
    ],
)
def test_inventory_is_found_by_sku_or_by_product(body: object, found: list[object]) -> None:
    async def test(shop: Visit) -> None:
        _, answer = await shop.call(SEARCH, json.dumps(body).encode())

        products = answer["data"]["inventory"]
        assert found == [(p["product_id"], [s["id"] for s in p["skus"]]) for p in products]

    visit(test)


def test_inventory_says_what_campaigns_hold() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", B, 20, reserved=4))
        _, answer = await shop.call(SEARCH, b'{"sku_ids":["31"]}')

        [found] = answer["data"]["inventory"][0]["skus"]
        assert found["total_available_quantity"] == 25
        assert {w["warehouse_id"]: w["available_quantity"] for w in found["warehouse_inventory"]} == {A: 5, B: 20}
        distribution = found["total_available_inventory_distribution"]
        assert (
            distribution["in_shop_inventory"]["quantity"],
            [campaign["quantity"] for campaign in distribution["campaign_inventory"]],
        ) == (21, [4])

    visit(test, A, B)


@pytest.mark.parametrize(
    "body", [{}, {"sku_ids": []}, {"sku_ids": ["1"] * 601}, {"product_ids": ["1"] * 101}, {"sku_ids": "31"}]
)
def test_a_search_for_nothing_or_too_much_is_refused(body: object) -> None:
    async def test(shop: Visit) -> None:
        assert (await shop.call(SEARCH, json.dumps(body).encode()))[1]["code"] == 101000

    visit(test)


def test_warehouses_are_listed_with_the_first_as_default() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.close_warehouse("tiktok_my", B, "RESTRICTED")
        _, answer = await shop.call("/logistics/202309/warehouses", method="GET")

        *sales, returns = answer["data"]["warehouses"]
        told = [(w["id"], w["is_default"], w["effect_status"]) for w in sales]
        assert told == [(A, True, "ENABLED"), (B, False, "RESTRICTED")]
        assert {w["type"] for w in sales} == {"SALES_WAREHOUSE"}
        assert (returns["type"], returns["is_default"]) == ("RETURN_WAREHOUSE", False)

    visit(test, A, B)


def test_a_shop_of_the_same_seller_is_reached_with_the_same_token_and_another_cipher() -> None:
    async def test(shop: Visit) -> None:
        other = shop.sandbox.open_shop(Store("tiktok_sg", "tiktok", "sg", region="SG"), [RED], 9)
        search = b'{"sku_ids":["31"]}'
        with_cipher = {"shop_cipher": str(other["shop_cipher"])}

        assert (await shop.call(SEARCH, search, query={**with_cipher}))[1]["code"] == 36009004
        shop.sandbox.give_to_seller_of("tiktok_my", "tiktok_sg")
        _, answer = await shop.call(SEARCH, search, query={**with_cipher})
        assert answer["data"]["inventory"][0]["skus"][0]["total_available_quantity"] == 9
        _, answer = await shop.call("/authorization/202309/shops", method="GET", query={"shop_cipher": None})
        assert [(s["name"], s["region"]) for s in answer["data"]["shops"]] == [("tiktok_my", "MY"), ("tiktok_sg", "SG")]

    visit(test)


def test_the_shops_of_a_token_are_asked_for_without_a_shop() -> None:
    async def test(shop: Visit) -> None:
        shops = "/authorization/202309/shops"
        _, answer = await shop.call(shops, method="GET", query={"shop_cipher": None})

        assert [shop.settings.shop_cipher] == [s["cipher"] for s in answer["data"]["shops"]]
        assert (await shop.call(shops, method="GET"))[1]["code"] == 36009004

    visit(test)


# Tokens


def test_a_refreshed_token_replaces_the_old_one_and_both_refresh_only_once() -> None:
    async def test(shop: Visit) -> None:
        got = await token(shop, "get", grant_type="authorized_code", auth_code=shop.sandbox.auth_code("tiktok_my"))
        renewed = await token(shop, "refresh", grant_type="refresh_token", refresh_token=got["refresh_token"])

        assert got["access_token"] != renewed["access_token"]
        assert int((NOW + timedelta(days=7)).timestamp()) == renewed["access_token_expire_in"]
        search = b'{"sku_ids":["31"]}'
        assert (await shop.call(SEARCH, search, token=got["access_token"]))[1]["code"] == 105002
        assert (await shop.call(SEARCH, search, token=renewed["access_token"]))[1]["code"] == 0
        assert await token(shop, "refresh", grant_type="refresh_token", refresh_token=got["refresh_token"]) == {}
        assert await token(shop, "get", grant_type="authorized_code", auth_code="") == {}

    visit(test)


async def token(shop: Visit, address: str, **query: str) -> dict[str, Any]:
    app = {"app_key": shop.settings.app_key, "app_secret": shop.settings.app_secret.get_secret_value()}
    async with shop.http.get(f"{shop.settings.base_url}/api/v2/token/{address}", params={**app, **query}) as response:
        return (await response.json()).get("data", {})  # type: ignore[no-any-return]


# Limits


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", UPDATE, b'{"skus":[]}'),
        ("POST", SEARCH, b'{"sku_ids":["31"]}'),
        ("GET", "/logistics/202309/warehouses", b""),
    ],
)
def test_fifty_calls_a_second_of_one_kind_are_taken(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: bytes
) -> None:
    """Of each shop; the loop's clock stands still until the end."""

    async def test(shop: Visit) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        monkeypatch.setattr(loop, "time", lambda: began)
        told = [await shop.call(path, body, method=method) for _ in range(51)]
        assert [status for status, _ in told] == [200] * 50 + [429]
        assert told[50][1]["code"] == 36009002

        other_path, other_method = (SEARCH, "POST") if method == "GET" else ("/logistics/202309/warehouses", "GET")
        assert (await shop.call(other_path, method=other_method))[0] == 200
        other = shop.sandbox.open_shop(Store("tiktok_sg", "tiktok", "sg"), [RED])
        elsewhere = replace(shop.connection, settings=TikTokSettings.model_validate(other))
        assert (await replace(shop, connection=elsewhere).call(path, body, method=method))[0] == 200
        monkeypatch.setattr(loop, "time", lambda: began + 1)
        assert (await shop.call(path, body, method=method))[0] == 200

    visit(test)


# Orders


def test_an_order_takes_stock_and_tells_of_it_twice() -> None:
    async def test(shop: Visit) -> None:
        sent = shop.sandbox.sell("tiktok_my", "MUG-RED", 2, "https://push.example.test/tiktok")

        assert shop.shown()["MUG-RED", ""] == 3
        ordered, changed = (json.loads(message.body) for message in sent)
        assert (ordered["type"], ordered["data"]["order_status"]) == (1, "AWAITING_SHIPMENT")
        assert changed["type"] == 71
        assert changed["data"]["quantity_snapshot_after_change"] == {
            "total_quantity": 5,
            "total_available_quantity": 3,
            "total_committed_quantity": 2,
            "in_shop_quantity": 3,
            "campaign_locked_quantity": 0,
            "creator_locked_quantity": 0,
        }
        events = [TikTok().verify_webhook(shop.settings, message) for message in sent]
        assert [[(e.kind, e.listings) for e in found or ()] for found in events] == [
            [("order_status", ())],
            [("inventory_changed", (ListingRef("", "1729", "31"),))],
        ]
        assert len({event.id for found in events for event in found or ()}) == 2
        again = TikTok().verify_webhook(shop.settings, sent[1])
        assert again == events[1]

    visit(test)


def test_an_order_of_what_a_campaign_holds_takes_from_the_campaign() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", "", 5, reserved=4))
        [_, message] = shop.sandbox.sell("tiktok_my", "MUG-RED", 3, "")

        assert Shown("MUG-RED", "", 2, reserved=2) in shop.sandbox.shown("tiktok_my")
        [detail] = json.loads(message.body)["data"]["change_detail"]
        assert (detail["in_shop_quantity_delta"], detail["campaign_locked_quantity_delta"]) == (-1, -2)

    visit(test)


def test_a_message_about_another_shop_says_nothing_to_this_one() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.open_shop(Store("tiktok_sg", "tiktok", "sg"), [RED], 9)

        for message in shop.sandbox.sell("tiktok_sg", "MUG-RED", 2, ""):
            assert TikTok().verify_webhook(shop.settings, message) == ()

    visit(test)


# Faults, and the plugin in front of a shop with more warehouses than its store maps


def test_a_read_leaves_a_fault_of_writes_to_the_write_after_it() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.fail("promotion_lock")

        assert (await shop.call(SEARCH, b'{"sku_ids":["31"]}'))[1]["code"] == 0
        assert codes(await shop.update(sku("31", 9), sku("32", 9))) == [("31", 12052393)]
        assert codes(await shop.update(sku("31", 9))) == []
        assert shop.sandbox.calls == 3

    visit(test)


def test_a_warehouse_that_the_store_does_not_map_keeps_its_stock() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", C, 77))
        cell = CellPush("MUG-RED", "1729", "31", A, 12)

        outcomes = await TikTok().push(Batch(shop.connection, (cell, replace(cell, location=B, quantity=0))))

        assert [Confirmed(), Confirmed()] == list(outcomes)
        red = {location: n for (store_sku, location), n in shop.shown().items() if store_sku == "MUG-RED"}
        assert red == {A: 12, B: 0, C: 77}

    visit(test, A, B)


def test_a_sku_with_a_warehouse_of_the_platform_is_blocked_and_its_stock_stays() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", C, 77))
        shop.sandbox.run_by_platform("tiktok_my", C)
        cells = (CellPush("MUG-RED", "1729", "31", A, 12), CellPush("MUG-BLUE", "1729", "32", A, 13))

        red, blue = await TikTok().push(Batch(shop.connection, cells))
        assert (getattr(red, "code", ""), getattr(red, "kind", ""), blue) == ("12052144", "blocked", Confirmed())
        assert (shop.shown()["MUG-RED", A], shop.shown()["MUG-RED", C], shop.shown()["MUG-BLUE", A]) == (5, 77, 13)

    visit(test, A)


def test_what_is_read_is_the_reserve_too() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", "", 20, reserved=4))
        shop.sandbox.lock_for_creator("tiktok_my", "MUG-RED", 3)

        assert [Shown("MUG-RED", "", 20, reserved=7)] == list(await TikTok().read(Query(shop.connection, (RED,))))

    visit(test)


def test_one_warehouse_can_be_pushed_alone() -> None:
    async def test(shop: Visit) -> None:
        outcomes = await TikTok().push(Batch(shop.connection, (CellPush("MUG-RED", "1729", "31", B, 45),)))

        assert [Confirmed()] == list(outcomes)
        assert {k: n for k, n in shop.shown().items() if k[0] == "MUG-RED"} == {("MUG-RED", A): 5, ("MUG-RED", B): 45}

    visit(test, A, B)


def test_a_store_that_maps_no_warehouse_of_several_is_told_to() -> None:
    async def test(shop: Visit) -> None:
        shop.sandbox.show("tiktok_my", Shown("MUG-RED", C, 77))

        [outcome] = await TikTok().push(Batch(shop.connection, (CellPush("MUG-RED", "1729", "31", "", 45),)))

        assert (getattr(outcome, "code", ""), getattr(outcome, "kind", "")) == ("12019028", "bad_request")
        assert "map `location` to the shop's warehouse ids" in getattr(outcome, "message", "")

    visit(test)
