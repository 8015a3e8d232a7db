"""The local Shopee answers as the real one is documented or was seen to, to clients of several kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    Location,
    Outcome,
    Query,
    Refused,
    Shown,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.sandbox import ShopeeSandbox
from pushdsl_shopee.signing import public_sign, shop_sign

STORE = Store("shopee_my", "shopee", "main", region="MY")
TWO = replace(STORE, locations=(Location("IDZ", ("kl",)), Location("IDX", ("penang",))))
LISTINGS = [ListingRef("SKU-1", "1000", "1"), ListingRef("SKU-2", "1000", "2"), ListingRef("SKU-0", "3000", "")]
API = "/api/v2/"

Answer = Mapping[str, Any]


def query(sandbox: ShopeeSandbox, connection: Connection, path: str, **own: str) -> dict[str, str]:
    """The signed fields of a shop call; those given go before the usual ones, a `sign` before the right one."""
    settings: Any = connection.settings
    at = {
        "partner_id": str(sandbox.partner_id),
        "timestamp": str(int(connection.now().timestamp())),
        "access_token": settings.access_token.get_secret_value(),
        "shop_id": str(settings.shop_id),
        **own,
    }
    fields = (at["partner_id"], API + path, at["timestamp"], at["access_token"], at["shop_id"])
    return {"sign": shop_sign(sandbox.partner_key, *fields), **at}


async def get(
    sandbox: ShopeeSandbox, connection: Connection, path: str, extra: str = "", method: str = "GET", **own: str
) -> Answer:
    signed = "&".join(f"{name}={value}" for name, value in query(sandbox, connection, path, **own).items())
    async with connection.http.request(method, f"{sandbox.base_url}{API}{path}?{signed}{extra}") as response:
        answer: Answer = await response.json()
    return answer


async def post(sandbox: ShopeeSandbox, connection: Connection, path: str, body: object, **own: str) -> Answer:
    signed = query(sandbox, connection, path, **own)
    async with connection.http.post(f"{sandbox.base_url}{API}{path}", params=signed, json=body) as response:
        answer: Answer = await response.json()
    return answer


def row(model: int | None, *places: tuple[str, object]) -> dict[str, object]:
    stock = [{**({"location_id": name} if name else {}), "stock": pieces} for name, pieces in places]
    return {**({} if model is None else {"model_id": model}), "seller_stock": stock}


@pytest.fixture
def updated(in_sandbox: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """The answer to one `update_stock`, and what the shop shows after it."""

    def update(
        *rows: object, item_id: object = 1000, store: Store = STORE, **own: str
    ) -> tuple[Answer, dict[str, int]]:
        async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
            body = {"item_id": item_id, "stock_list": list(rows)}
            answer = await post(sandbox, connection, "product/update_stock", body, **own)
            return answer, {f"{s.store_sku}@{s.location}": s.quantity for s in sandbox.shown(store.name)}

        result: tuple[Answer, dict[str, int]] = in_sandbox.run(talk, store, LISTINGS)
        return result

    return update


BEFORE = {"SKU-1@": 5, "SKU-2@": 5, "SKU-0@": 5}


def test_known_models_are_set_and_unknown_ones_listed_in_one_answer(updated: Any) -> None:
    answer, shown = updated(row(1, ("", 9)), row(8, ("", 9)))

    assert (answer["error"], answer["response"]) == (
        "",
        {
            "success_list": [{"model_id": 1, "location_id": "", "stock": 9}],
            "failure_list": [{"model_id": 8, "failed_reason": "model ID not exist in sku"}],
        },
    )
    assert shown == {**BEFORE, "SKU-1@": 9}


def test_an_item_without_models_is_model_0_or_none(updated: Any) -> None:
    for written in (row(0, ("", 0)), row(None, ("-", 0))):
        assert updated(written, item_id=3000)[1] == {**BEFORE, "SKU-0@": 0}


@pytest.mark.parametrize(
    ("rows", "item_id", "error", "message"),
    [
        ([row(1, ("", 1))], "1000", "product.error_param", "Wrong parameters"),
        ([row(1, ("", 1))], True, "product.error_param", "Wrong parameters"),
        ([row(1, ("", 1))], 999, "error_item_not_found", "Item_id is not found."),
        ([{"model_id": "1", "seller_stock": [{"stock": 1}]}], 1000, "product.error_param", "Wrong parameters"),
        ([row(1, ("", "1"))], 1000, "product.error_param", "Wrong parameters"),
        ([row(1)], 1000, "product.error_param", "Wrong parameters"),
        ([], 1000, "error_param", "Parameter is not match the constraints"),
        ([row(n, ("", 1)) for n in range(51)], 1000, "error_param", "Parameter is not match the constraints"),
        ([row(1, ("", 1)), row(1, ("", 2))], 1000, "error_param", "Repeat model_id."),
        ([row(0, ("", 1))], 1000, "error_edit_item_stock_for_item_has_model", "Can't to edit item stock directly"),
        ([row(1, ("", -1))], 1000, "error_stock_less_then_min_limit", "Stock"),
        ([row(1, ("", 10_000_001))], 1000, "error_stock_bigger_then_limit", "Stock"),
        ([row(1, ("IDZ", 1))], 1000, "error_auth", "You do not have right to use seller location_id"),
    ],
)
def test_a_request_that_is_wrong_sets_nothing(
    updated: Any, rows: list[object], item_id: object, error: str, message: str
) -> None:
    answer, shown = updated(*rows, item_id=item_id)

    assert (error, True) == (answer["error"], answer["message"].startswith(message))
    assert shown == BEFORE


@pytest.mark.parametrize(
    ("places", "error", "message"),
    [
        ([("", 1)], "error_busi", "The merchant/shop has multi warehouse, please input location id"),
        ([("IDZ", 1)], "error_auth", "Lack of location_id"),
        ([("IDZ", 1), ("IDX", 1), ("IDY", 1)], "error_auth", "The location_id input is not matched"),
        ([("IDZ", 1), ("IDX", 2)], "", ""),
    ],
)
def test_several_warehouses_are_written_all_together(
    updated: Any, places: list[tuple[str, int]], error: str, message: str
) -> None:
    answer, shown = updated(row(1, *places), store=TWO)

    assert (error, True) == (answer["error"], answer["message"].startswith(message))
    assert (shown["SKU-2@IDZ"], shown["SKU-2@IDX"]) == (5, 5)
    assert ((1, 2) if not error else (5, 5)) == (shown["SKU-1@IDZ"], shown["SKU-1@IDX"])


@pytest.mark.parametrize(("pieces", "error"), [(3, "error_auth"), (4, "")])
def test_stock_does_not_fall_below_what_promotions_reserve(in_sandbox: Any, pieces: int, error: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-1", "", 9, reserved=4))
        body = {"item_id": 1000, "stock_list": [row(1, ("", pieces))]}
        return (await post(sandbox, connection, "product/update_stock", body))["error"]

    assert error == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize(
    ("own", "error", "message"),
    [
        ({"sign": "0" * 64}, "error_sign", "Wrong sign."),
        ({"sign": "ä"}, "error_sign", "Wrong sign."),
        ({"sign": ""}, "error_param", "There is no sign in query."),
        ({"partner_id": ""}, "error_param", "There is no partner_id in query."),
        ({"partner_id": "7"}, "invalid_partner_id", "Invalid partner_id, please have a check."),
        ({"timestamp": ""}, "error_param", "no timestamp."),
        ({"timestamp": "soon"}, "error_param", "Timestamp is invalid, should be an integer between 0 and 4294967295."),
        ({"timestamp": str(1655714431 - 301)}, "error_param", "Timestamp is expired."),
        ({"timestamp": str(1655714431 - 300)}, "", ""),
        ({"access_token": ""}, "error_param", "There is no access_token in query."),
        ({"access_token": "another"}, "invalid_acceess_token", "Invalid access_token, please have a check."),
        ({"shop_id": ""}, "error_param", "There is no shop_id in query."),
        ({"shop_id": "7"}, "partner_shop_no_link", "Invalid partner_id or shop_id, please have a check."),
    ],
)
def test_a_caller_is_known_by_sign_then_token_then_time(
    updated: Any, own: dict[str, str], error: str, message: str
) -> None:
    answer, shown = updated(row(1, ("", 9)), **own)

    assert (error, message) == (answer["error"], answer["message"])
    assert (9 if not error else 5) == shown["SKU-1@"]


def test_a_token_runs_out_and_is_refreshed_once(in_sandbox: Any) -> None:
    path, refresh = "product/get_model_list", "auth/access_token/get"

    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        settings: Any = connection.settings
        later = connection.now() + timedelta(hours=4)
        sandbox.now = lambda: later
        at = str(int(later.timestamp()))
        signed = {"partner_id": str(sandbox.partner_id), "timestamp": at}
        signed["sign"] = public_sign(sandbox.partner_key, signed["partner_id"], API + refresh, at)
        body = {
            "partner_id": sandbox.partner_id,
            "shop_id": settings.shop_id,
            "refresh_token": sandbox.refresh_token(STORE.name),
        }
        said = [(await get(sandbox, connection, path, "&item_id=1000", timestamp=at))["error"]]
        answers = []
        for _ in range(2):
            url = f"{sandbox.base_url}{API}{refresh}"
            async with connection.http.post(url, params=signed, json=body) as response:
                answers.append(await response.json())
        token = answers[0]["access_token"]
        said.append((await get(sandbox, connection, path, "&item_id=1000", timestamp=at, access_token=token))["error"])
        return said, answers[0]["expire_in"], answers[1]["message"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == (["invalid_acceess_token", ""], 14400, "Invalid refresh_token.")


@pytest.mark.parametrize(("minutes", "uses", "error"), [(0, 1, ""), (0, 2, "error_auth"), (11, 1, "error_auth")])
def test_a_code_brings_tokens_once_within_ten_minutes(in_sandbox: Any, minutes: int, uses: int, error: str) -> None:
    path = "auth/token/get"

    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        settings: Any = connection.settings
        now = connection.now() + timedelta(minutes=minutes)
        sandbox.now = lambda: now
        at = str(int(now.timestamp()))
        signed = {"partner_id": str(sandbox.partner_id), "timestamp": at}
        signed["sign"] = public_sign(sandbox.partner_key, signed["partner_id"], API + path, at)
        body = {"code": sandbox.auth_code(STORE.name), "partner_id": sandbox.partner_id, "shop_id": settings.shop_id}
        for _ in range(uses):
            async with connection.http.post(f"{sandbox.base_url}{API}{path}", params=signed, json=body) as response:
                answer = await response.json()
        return answer["error"]

    assert error == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize(
    ("pre_order", "error"),
    [
        ({"is_pre_order": True, "days_to_ship": 7}, ""),
        ({"is_pre_order": True, "days_to_ship": 6}, "error_invalid_days_to_ship"),
        ({"is_pre_order": True, "days_to_ship": 31}, "error_invalid_days_to_ship"),
        ({"is_pre_order": True}, "product.error_param"),
        ({"is_pre_order": "yes", "days_to_ship": 7}, "product.error_param"),
        ({"is_pre_order": False, "days_to_ship": 2}, ""),
        ({"is_pre_order": False, "days_to_ship": 7}, "error_invalid_days_to_ship"),
        (None, ""),
    ],
)
def test_preorder_keeps_to_the_days_of_its_category(in_sandbox: Any, pre_order: object, error: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        body = {"item_id": 1000, "pre_order": pre_order}
        return (await post(sandbox, connection, "product/update_item", body))["error"]

    assert error == in_sandbox.run(talk, STORE, LISTINGS)


def test_preorder_does_not_open_in_a_promotion(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-1", "", 9, reserved=4))
        body = {"item_id": 1000, "pre_order": {"is_pre_order": True, "days_to_ship": 7}}
        return (await post(sandbox, connection, "product/update_item", body))["error"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "error_cannt_edit_pre_order_in_promotion"


@pytest.mark.parametrize("extra", ["&item_id_list=1000,3000,7", "&item_id_list=1000&item_id_list=3000&item_id_list=7"])
def test_lists_come_with_commas_or_with_the_key_repeated(in_sandbox: Any, extra: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        items = await get(sandbox, connection, "product/get_item_base_info", extra)
        sandbox.show(STORE.name, Shown("SKU-0", "", 9, reserved=4))
        promotions = (await get(sandbox, connection, "product/get_item_promotion", extra))["response"]
        reserved = [
            promotion["promotion_stock_info_v2"]["summary_info"]["total_reserved_stock"]
            for listed in promotions["success_list"]
            for promotion in listed["promotion"]
        ]
        found = [(item["item_id"], item["has_model"]) for item in items["response"]["item_list"]]
        return found, reserved, [failed["item_id"] for failed in promotions["failure_list"]]

    assert in_sandbox.run(talk, STORE, LISTINGS) == ([(1000, True), (3000, False)], [4], [7])


@pytest.mark.parametrize("extra", ["", "&item_id_list=mug", f"&item_id_list={','.join(map(str, range(51)))}"])
def test_a_list_has_one_to_fifty_numbers(in_sandbox: Any, extra: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        return (await get(sandbox, connection, "product/get_item_base_info", extra))["error"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "product.error_param"


@pytest.mark.parametrize(("store", "answer"), [(STORE, "warehouse.error_not_in_whitelist"), (TWO, ["IDZ", "IDX"])])
def test_only_a_shop_with_warehouses_has_warehouse_details(in_sandbox: Any, store: Store, answer: object) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        said = await get(sandbox, connection, "shop/get_warehouse_detail")
        return said["error"] or [warehouse["location_id"] for warehouse in said["response"]]

    assert answer == in_sandbox.run(talk, store, LISTINGS)


def test_limits_are_those_of_a_category(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        with_category = await get(sandbox, connection, "product/get_item_limit", "&category_id=7")
        without = await get(sandbox, connection, "product/get_item_limit")
        return with_category["response"]["dts_limit"], without["response"]

    dts = {"days_to_ship_limit": {"min_limit": 7, "max_limit": 30}, "non_pre_order_days_to_ship": 2}
    assert (dts, {"stock_limit": {"min_limit": 0, "max_limit": 10_000_000}}) == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("BANNED", "error_item_uneditable"),
        ("REVIEWING", "error_item_uneditable"),
        ("SELLER_DELETE", "error_item_not_found"),
        ("UNLIST", ""),
    ],
)
def test_an_item_takes_stock_by_its_status(in_sandbox: Any, status: str, error: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.set_status(STORE.name, 1000, status)
        body = {"item_id": 1000, "stock_list": [row(1, ("", 6))]}
        return (await post(sandbox, connection, "product/update_stock", body))["error"]

    assert error == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize(("method", "path"), [("GET", "product/update_stock"), ("GET", "product/no_such")])
def test_an_unknown_address_is_refused(in_sandbox: Any, method: str, path: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        return (await get(sandbox, connection, path, method=method))["message"]

    words = "Permission denied. This API is currently offline or the request path is incorrect."
    assert words == in_sandbox.run(talk, STORE, LISTINGS)


def test_a_body_that_is_no_object_is_not_parsed(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        return (await post(sandbox, connection, "product/update_stock", []))["message"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "parse data failed"


def test_listings_whose_ids_are_no_numbers_are_not_in_the_shop(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        return [shown.store_sku for shown in sandbox.shown(STORE.name)]

    strange = [ListingRef("SKU-9", "mug", "1"), ListingRef("SKU-8", "1000", "red")]
    assert in_sandbox.run(talk, STORE, [*LISTINGS, *strange]) == ["SKU-1", "SKU-2", "SKU-0"]


# Orders and promotions, faults and the day's limit


CELL = CellPush("SKU-1", "1000", "1", "", 9)
HOOK = "https://push.example.test/shopee"


async def pushed(connection: Connection, **changed: Any) -> Outcome:
    [outcome] = await Shopee().push(Batch(connection, (replace(CELL, **changed),)))
    return outcome


async def read(connection: Connection, number: int = 0) -> object:
    [answer] = await Shopee().read(Query(connection, (LISTINGS[number],)))
    return answer


def test_an_order_is_told_in_a_message_that_is_believed(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        [message] = sandbox.sell(STORE.name, "SKU-1", 2, HOOK)
        [event] = Shopee().verify_webhook(connection.settings, message) or []
        assert Shopee().verify_webhook(connection.settings, replace(message, body=message.body + b" ")) is None
        assert json.loads(message.body)["code"] == 3
        return event.kind, event.listings, await read(connection)

    listing = ListingRef("", "1000", "1")
    assert ("order_status", (listing,), Shown("SKU-1", "", 3)) == in_sandbox.run(talk, STORE, LISTINGS)


def test_an_order_in_a_promotion_takes_from_what_it_reserves(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-0", "", 9, reserved=4))
        messages = sandbox.sell(STORE.name, "SKU-0", 3, HOOK)
        events = [Shopee().verify_webhook(connection.settings, message) or () for message in messages]
        told = json.loads(messages[1].body)["data"]
        assert (told["action"], told["changed_values"]) == (
            "place_order",
            [{"name": "reserved_stock", "old": 4, "new": 1}],
        )
        assert len({event.id for [event] in events}) == 2
        return [(event.kind, event.listings) for [event] in events], await read(connection, 2)

    listing = (ListingRef("", "3000", ""),)
    told = [("order_status", listing), ("reserved_stock", listing)]
    assert (told, Shown("SKU-0", "", 6, reserved=1)) == in_sandbox.run(talk, STORE, LISTINGS)


def test_nothing_is_told_of_an_order_that_cannot_be(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        with pytest.raises(ValueError, match="does not show 6"):
            sandbox.sell(STORE.name, "SKU-1", 6, HOOK)
        return await read(connection)

    assert Shown("SKU-1", "", 5) == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize("store", [STORE, TWO])
def test_a_promotion_that_begins_is_met_by_the_floor_and_shown_by_a_read(in_sandbox: Any, store: Store) -> None:
    """It reserves all that the listing shows, so that less is refused and the same again is not."""
    names = [location.name for location in store.locations] or [""]

    def cells(quantity: int) -> tuple[CellPush, ...]:
        return tuple(replace(CELL, location=name, quantity=quantity) for name in names)

    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.fail("promotion_begins")
        refused = await Shopee().push(Batch(connection, cells(4)))
        assert {"locked"} == {outcome.kind for outcome in refused if isinstance(outcome, Refused)}
        shown = await Shopee().read(Query(connection, (LISTINGS[0],)))
        promotions = await get(sandbox, connection, "product/get_item_promotion", "&item_id_list=1000")
        [listed] = promotions["response"]["success_list"]
        reserved = sum(
            p["promotion_stock_info_v2"]["summary_info"]["total_reserved_stock"] for p in listed["promotion"]
        )
        assert {Confirmed()} == set(await Shopee().push(Batch(connection, cells(5))))
        return [answer.reserved for answer in shown if isinstance(answer, Shown)], reserved

    whole = 5 * len(names)
    assert ([whole, 0][: len(names)], whole) == in_sandbox.run(talk, store, LISTINGS)


def test_without_a_promotion_there_are_no_rows(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        said = await get(sandbox, connection, "product/get_item_promotion", "&item_id_list=1000")
        return said["response"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == {
        "success_list": [{"item_id": 1000, "promotion": []}],
        "failure_list": [],
    }


def test_a_slow_answer_comes_after_the_work(in_sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        shown_meanwhile = []

        async def dawdle() -> None:
            shown_meanwhile.append(sandbox.shown(STORE.name)[0].quantity)

        monkeypatch.setattr(sandbox, "dawdle", dawdle)
        sandbox.fail("slow")
        await read(connection)
        assert shown_meanwhile == []
        return await pushed(connection), shown_meanwhile

    assert in_sandbox.run(talk, STORE, LISTINGS) == (Confirmed(), [9])


def test_a_lost_answer_is_unknown(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.fail("drop_after")
        return await pushed(connection), await read(connection)

    outcome, shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(outcome, Unknown)
    assert Shown("SKU-1", "", 9) == shown


def test_ended_tokens_meet_every_call_of_that_shop_alone(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        other = replace(STORE, name="other")
        settings = type(connection.settings).model_validate(sandbox.open_shop(other, LISTINGS, 5))
        sandbox.expire_tokens(STORE.name)
        with pytest.raises(KeyError):
            sandbox.expire_tokens("no_such_store")
        said: list[Any] = [await pushed(connection), await read(connection), await Shopee().locations(connection)]
        assert Confirmed() == await pushed(replace(connection, store=other, settings=settings))
        return [said[0], said[1].outcome, said[2]]

    expired = Unauthorized("refresh", "Invalid access_token, please have a check.", "invalid_acceess_token")
    assert [expired] * 3 == in_sandbox.run(talk, STORE, LISTINGS)


def test_the_days_calls_are_used_up_until_midnight_in_singapore(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.use_up_calls()
        first, shown = await pushed(connection), sandbox.shown(STORE.name)[0].quantity
        assert isinstance(first, Temporary)
        assert (first.code, shown) == ("error_limit", 5)
        assert first.retry_after is not None
        later = connection.now() + timedelta(seconds=first.retry_after)
        sandbox.now = lambda: later - timedelta(seconds=1)
        almost = await pushed(replace(connection, now=lambda: later))
        sandbox.now = lambda: later
        settings: Any = connection.settings
        path, body = "auth/access_token/get", {"shop_id": settings.shop_id, "partner_id": sandbox.partner_id}
        signed = {"partner_id": str(sandbox.partner_id), "timestamp": str(int(later.timestamp()))}
        signed["sign"] = public_sign(sandbox.partner_key, signed["partner_id"], API + path, signed["timestamp"])
        body["refresh_token"] = sandbox.refresh_token(STORE.name)
        async with connection.http.post(f"{sandbox.base_url}{API}{path}", params=signed, json=body) as response:
            answer = await response.json()
        return isinstance(almost, Temporary), answer["error"], answer["shop_id"] == settings.shop_id

    assert in_sandbox.run(talk, STORE, LISTINGS) == (True, "", True)


def test_stock_that_shopee_keeps_is_neither_shown_as_the_sellers_nor_taken_from_the_seller(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        sandbox.keep_stock(STORE.name, 1000)
        other = CellPush("SKU-0", "3000", "", "", 9)
        [beside] = await Shopee().push(Batch(connection, (other,)))
        said: list[Any] = [await pushed(connection), await read(connection)]
        return said[0].code, said[0].kind, said[1].outcome.kind, beside

    code = "error_wms_shop_block_upate_stock"
    assert (code, "blocked", "blocked", Confirmed()) == in_sandbox.run(talk, STORE, LISTINGS)


def test_printed_settings_are_enough_to_refresh(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        authorization = Shopee().authorization
        assert authorization is not None
        grant: Any = await authorization.refresh(connection)
        return sorted(grant.settings), sandbox.refreshes

    assert in_sandbox.run(talk, STORE, LISTINGS) == (["access_token", "refresh_token", "shop_id"], 1)
