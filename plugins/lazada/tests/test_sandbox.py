"""The local Lazada answers as the real one is documented or was seen to, to clients of several kinds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    Location,
    Query,
    Refused,
    Shown,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl.plugins.sandbox import Meter
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.sandbox import LazadaSandbox
from pushdsl_lazada.settings import LazadaSettings
from pushdsl_lazada.signing import request_signature

STORE = Store("lazada_my", "lazada", "main", region="MY")
CHOICE = replace(STORE, choice=True)
TWO = replace(STORE, locations=(Location("dropshipping", ("kl",)), Location("WH-02", ("penang",))))
LISTINGS = [ListingRef("SKU-1", "100", "1"), ListingRef("SKU-2", "100", "2"), ListingRef("SKU-3", "300", "3")]
STOCK = "/product/stock/sellable/update"

Answer = Mapping[str, Any]


def params(sandbox: LazadaSandbox, connection: Connection, path: str, **own: str) -> dict[str, str]:
    """Signed parameters; those given go before the usual ones, a `sign` before the right one."""
    at = {
        "app_key": sandbox.app_key,
        "sign_method": "sha256",
        "timestamp": str(int(connection.now().timestamp() * 1000)),
    }
    if not path.startswith("/auth"):
        at["access_token"] = connection.settings.access_token.get_secret_value()  # type: ignore[attr-defined]
    at |= own
    return {"sign": request_signature(sandbox.app_secret, path, at), **at}


async def post(sandbox: LazadaSandbox, connection: Connection, path: str, **own: str) -> Answer:
    """As the Python client does: all in the form."""
    signed = params(sandbox, connection, path, **own)
    async with connection.http.post(f"{sandbox.base_url}/rest{path}", data=signed) as response:
        answer: Answer = await response.json()
    return answer


def payload(*skus: str) -> str:
    return f"<Request><Product><Skus>{''.join(f'<Sku>{sku}</Sku>' for sku in skus)}</Skus></Product></Request>"


def sku(sku_id: int, quantity: object, item_id: int = 100) -> str:
    return f"<ItemId>{item_id}</ItemId><SkuId>{sku_id}</SkuId><SellableQuantity>{quantity}</SellableQuantity>"


@pytest.fixture
def answered(in_sandbox: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    """The answer to one call, and what the shop shows after it."""

    def call(path: str, store: Store = STORE, **own: str) -> tuple[Answer, dict[str, int]]:
        async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
            answer = await post(sandbox, connection, path, **own)
            return answer, {f"{s.store_sku}@{s.location}": s.quantity for s in sandbox.shown(store.name)}

        result: tuple[Answer, dict[str, int]] = in_sandbox.run(talk, store, LISTINGS)
        return result

    return call


# What arrives


def test_the_form_of_the_python_client_is_taken_with_its_own_parameter(answered: Any) -> None:
    answer, shown = answered(STOCK, payload=payload(sku(1, 20)), partner_id="lazop-sdk-python-20181207")

    assert (answer["code"], answer["data"]) == ("0", {})
    assert shown["SKU-1@"] == 20


def test_the_query_of_the_javascript_client_is_taken_with_its_unsigned_body(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        signed = params(sandbox, connection, STOCK, payload=payload(sku(1, 20)))
        body = {"payload": signed["payload"]}
        async with connection.http.post(f"{sandbox.base_url}/rest{STOCK}", params=signed, json=body) as response:
            return await response.json(), sandbox.shown(STORE.name)[0]

    answer, first = in_sandbox.run(talk, STORE, LISTINGS)
    assert (answer["code"], first) == ("0", Shown("SKU-1", "", 20))


def test_the_query_goes_before_the_form(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        signed = params(sandbox, connection, STOCK, payload=payload(sku(1, 20)))
        form = {"payload": payload(sku(1, 99))}
        async with connection.http.post(f"{sandbox.base_url}/rest{STOCK}", params=signed, data=form) as response:
            return (await response.json())["code"], sandbox.shown(STORE.name)[0].quantity

    assert in_sandbox.run(talk, STORE, LISTINGS) == ("0", 20)


@pytest.mark.parametrize("several", [True, False])
def test_a_json_payload_is_taken(answered: Any, several: bool) -> None:
    one = {"ItemId": 100, "SkuId": "1", "SellableQuantity": 20}
    body = json.dumps({"Request": {"Product": {"Skus": {"Sku": [one] if several else one}}}})

    answer, shown = answered(STOCK, payload=body)
    assert (answer["code"], shown["SKU-1@"]) == ("0", 20)


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"sign": "0" * 64}, "IncompleteSignature"),
        ({"sign": ""}, "MissingParameter"),
        ({"app_key": "654321"}, "InvalidAppKey"),
        ({"access_token": "another"}, "IllegalAccessToken"),
        ({"timestamp": "yesterday"}, "InvalidTimestamp"),
    ],
)
def test_a_call_that_is_not_signed_as_it_must_be_does_nothing(answered: Any, own: dict[str, str], code: str) -> None:
    answer, shown = answered(STOCK, payload=payload(sku(1, 20)), **own)

    assert ("ISV", code, 5) == (answer["type"], answer["code"], shown["SKU-1@"])


def test_a_parameter_that_was_not_signed_spoils_the_signature(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        signed = params(sandbox, connection, STOCK, payload=payload(sku(1, 20)))
        query = {"extra": "1"}
        async with connection.http.post(f"{sandbox.base_url}/rest{STOCK}", params=query, data=signed) as response:
            return (await response.json())["code"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "IncompleteSignature"


@pytest.mark.parametrize(
    ("seconds", "code"), [(-7201, "InvalidTimestamp"), (-7200, "0"), (7200, "0"), (7201, "InvalidTimestamp")]
)
def test_a_clock_may_differ_by_two_hours(answered: Any, now: datetime, seconds: int, code: str) -> None:
    sent = str(int((now + timedelta(seconds=seconds)).timestamp() * 1000))
    answer, _ = answered(STOCK, payload=payload(sku(1, 20)), timestamp=sent)

    assert answer["code"] == code


def test_a_write_by_get_is_refused(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        signed = params(sandbox, connection, STOCK, payload=payload(sku(1, 20)))
        async with connection.http.get(f"{sandbox.base_url}/rest{STOCK}", params=signed) as response:
            return (await response.json())["code"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "UnsupportedHTTPMethod"


# What a payload may say


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "6"),
        ("<Request>", "5"),
        ('{"Request": {}}', "5"),
        (payload(), "30"),
        (payload(*[sku(1, 20)] * 51), "204"),
        (payload("<ItemId>100</ItemId><SellerSku>SKU-1</SellerSku><SellableQuantity>1</SellableQuantity>"), "4193"),
        (payload("<ItemId>100</ItemId><SellableQuantity>1</SellableQuantity>"), "4216"),
    ],
)
def test_a_payload_that_is_wrong_as_a_whole_is_refused_as_a_whole(answered: Any, body: str, code: str) -> None:
    answer, shown = answered(STOCK, payload=body)

    assert (answer["code"], shown["SKU-1@"]) == (code, 5)
    assert "detail" not in answer


def test_50_skus_are_not_too_many(answered: Any) -> None:
    answer, _ = answered(STOCK, payload=payload(*[sku(1, 20)] * 50))

    assert answer["code"] == "0"


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (sku(9, 1), "E0207", "SKU not exist"),
        (sku(3, 1), "E0207", "SKU not exist"),
        (sku(1, 1, item_id=999), "E0501", "ITEM_NOT_FOUND"),
        (sku(1, -1), "E4152", "The quantity is negative"),
        (sku(1, 1_000_000), "E0501", "The quantity exceeds the maximum 999999"),
    ],
)
def test_a_row_that_is_wrong_fails_the_call_with_http_200(answered: Any, row: str, code: str, message: str) -> None:
    answer, shown = answered(STOCK, payload=payload(row, sku(2, 20)))

    assert (answer["code"], answer["message"]) == ("501", "E501: Update product failed")
    assert [(code, message)] == [(row["code"], row["message"]) for row in answer["detail"]]
    assert (shown["SKU-1@"], shown["SKU-2@"]) == (5, 20)


def test_a_failed_call_may_be_told_to_set_nothing(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.failed_call_sets_nothing = True
        await post(sandbox, connection, STOCK, payload=payload(sku(9, 1), sku(2, 20)))
        return [s.quantity for s in sandbox.shown(STORE.name)]

    assert in_sandbox.run(talk, STORE, LISTINGS) == [5, 5, 5]


def test_an_element_that_lazada_does_not_know_is_ignored_with_code_0(answered: Any) -> None:
    answer, shown = answered(STOCK, payload=payload("<ItemId>100</ItemId><SkuId>1</SkuId><Stock>7</Stock>"))

    assert (answer["code"], shown["SKU-1@"]) == ("0", 5)


def multi(name: str, code: str = "WH-02") -> str:
    return payload(
        "<ItemId>100</ItemId><SkuId>1</SkuId><MultiWarehouseInventories><MultiWarehouseInventory>"
        f"<WarehouseCode>{code}</WarehouseCode><{name}>7</{name}>"
        "</MultiWarehouseInventory></MultiWarehouseInventories>"
    )


@pytest.mark.parametrize(("name", "quantity"), [("Quantity", 7), ("SellableQuantity", 5)])
def test_the_documented_name_of_a_warehouse_quantity_is_ignored_as_a_live_seller_found(
    answered: Any, name: str, quantity: int
) -> None:
    answer, shown = answered(STOCK, store=TWO, payload=multi(name))

    assert ("0", quantity, 5) == (answer["code"], shown["SKU-1@WH-02"], shown["SKU-1@dropshipping"])


def test_a_seller_with_one_warehouse_must_not_use_the_format_of_several(answered: Any) -> None:
    answer, _ = answered(STOCK, payload=multi("Quantity", "dropshipping"))

    assert [row["field"] for row in answer["detail"]] == ["MultiWarehouseInventories"]


def test_a_warehouse_that_the_seller_has_not_is_refused(answered: Any) -> None:
    answer, _ = answered(STOCK, store=TWO, payload=multi("Quantity", "WH-99"))

    assert [row["field"] for row in answer["detail"]] == ["WarehouseCode"]


# What a push makes of it


def cell(number: int, quantity: int, location: str = "") -> CellPush:
    return CellPush(f"SKU-{number}", "300" if number == 3 else "100", str(number), location, quantity)


@pytest.mark.parametrize("name", ["Quantity", "SellableQuantity"])
def test_a_warehouse_is_set_whichever_name_lazada_understands(in_sandbox: Any, name: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.warehouse_quantity = name
        return list(await Lazada().push(Batch(connection, (cell(1, 7, "dropshipping"), cell(1, 3, "WH-02")))))

    assert in_sandbox.run(talk, TWO, LISTINGS) == [Confirmed(), Confirmed()]


def test_a_quantity_that_lazada_did_not_understand_is_not_confirmed(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.warehouse_quantity = ""
        return list(await Lazada().push(Batch(connection, (cell(1, 7, "dropshipping"), cell(1, 5, "WH-02")))))

    words = "Lazada accepted 7 for warehouse `dropshipping`, but the shop shows 5 there"
    assert in_sandbox.run(talk, TWO, LISTINGS) == [Unknown(words), Confirmed()]


def test_stock_below_the_promotion_is_locked_and_at_it_is_not(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-1", "", 50, reserved=4))
        answers = [await Lazada().push(Batch(connection, (cell(1, quantity),))) for quantity in (3, 4)]
        return [answer[0] for answer in answers], await Lazada().read(Query(connection, (LISTINGS[0],)))

    [below, at], read = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(below, Refused)
    assert ("locked", Confirmed()) == (below.kind, at)
    assert [Shown("SKU-1", "", 4, reserved=4)] == read


@pytest.mark.parametrize("sets_nothing", [True, False])
def test_whatever_a_failed_call_leaves_every_listing_ends_right(in_sandbox: Any, sets_nothing: bool) -> None:
    """Nobody has written down whether the other rows of a failed call are done."""

    async def halves(connection: Connection, cells: tuple[CellPush, ...]) -> list[Any]:
        outcomes = list(await Lazada().push(Batch(connection, cells)))
        if len(cells) == 1 or not any(isinstance(o, Refused) and o.whole_call for o in outcomes):
            return outcomes
        middle = len(cells) // 2
        return await halves(connection, cells[:middle]) + await halves(connection, cells[middle:])

    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.failed_call_sets_nothing = sets_nothing
        wrong = replace(cell(2, 8), variant_id="22")
        outcomes = await halves(connection, (cell(1, 7), wrong, cell(3, 9)))
        return [getattr(o, "kind", o) for o in outcomes], [s.quantity for s in sandbox.shown(STORE.name)]

    outcomes, shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert [Confirmed(), "not_found", Confirmed()] == outcomes
    assert shown == [7, 5, 9]


# Choice


def test_choice_stock_only_rises(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        return list(await Lazada().push(Batch(connection, (cell(1, 4), cell(2, 6))))), sandbox.shown(CHOICE.name)

    [lower, higher], shown = in_sandbox.run(talk, CHOICE, LISTINGS)
    assert isinstance(lower, Refused)
    assert ("locked", Confirmed()) == (lower.kind, higher)
    assert [s.quantity for s in shown] == [5, 6, 5]


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"item_id": "999", "site": "MY", "sku_edit_stock": '{"1":9}'}, "E0208"),
        ({"item_id": "100", "site": "SG", "sku_edit_stock": '{"1":9}'}, "E305"),
        ({"item_id": "100", "site": "MY", "sku_edit_stock": "nine"}, "E305"),
    ],
)
def test_a_choice_call_that_is_wrong_as_a_whole_says_so_beside_code_0(
    answered: Any, own: dict[str, str], code: str
) -> None:
    answer, shown = answered("/choice/stock/edit", store=CHOICE, **own)

    assert ("0", "false", code, 5) == (answer["code"], answer["success"], answer["error_code"], shown["SKU-1@"])


def test_the_bare_keys_of_the_documented_sample_are_read(answered: Any) -> None:
    own = {"item_id": "100", "site": "MY", "sku_edit_stock": "{ 1:10, 9:11 }"}
    answer, shown = answered("/choice/stock/edit", store=CHOICE, **own)

    assert answer["data"] == {"success_sku": [1], "failed_sku": [{"skuId": 9, "reason": "sku not exsits"}]}
    assert shown["SKU-1@"] == 10


def test_the_addresses_of_choice_and_ordinary_shops_are_not_the_same(in_sandbox: Any) -> None:
    async def as_choice(sandbox: LazadaSandbox, connection: Connection) -> object:
        return list(await Lazada().push(Batch(replace(connection, store=CHOICE), (cell(1, 9),))))

    async def as_ordinary(sandbox: LazadaSandbox, connection: Connection) -> object:
        return list(await Lazada().push(Batch(replace(connection, store=STORE), (cell(1, 9),))))

    for talk, shop in ((as_choice, STORE), (as_ordinary, CHOICE)):
        [outcome] = in_sandbox.run(talk, shop, LISTINGS)
        assert isinstance(outcome, Unauthorized)
        assert outcome.action == "reauthorize"


@pytest.mark.parametrize(("only_rises", "shown"), [(True, 5), (False, 4)])
def test_whether_a_choice_shop_only_rises_is_a_setting_of_the_shop(
    in_sandbox: Any, only_rises: bool, shown: int
) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.shop(CHOICE.name).only_rises = only_rises
        await Lazada().push(Batch(connection, (cell(1, 4),)))
        return sandbox.shown(CHOICE.name)[0].quantity

    assert shown == in_sandbox.run(talk, CHOICE, LISTINGS)


def test_a_choice_item_that_lazada_keeps_itself_is_blocked(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.shop(CHOICE.name).kept_by_lazada.add("100")
        pushed = list(await Lazada().push(Batch(connection, (cell(1, 9),))))
        return pushed, await Lazada().read(Query(connection, (LISTINGS[0],))), sandbox.shown(CHOICE.name)[0].quantity

    [pushed], [read], shown = in_sandbox.run(talk, CHOICE, LISTINGS)
    assert (pushed.code, pushed.kind, shown) == ("E1002", "blocked", 5)
    assert read.outcome.kind == "blocked"


# Consent and tokens


async def asked(sandbox: LazadaSandbox, connection: Connection, **query: str) -> tuple[int, str]:
    """Status and redirect of the consent page."""
    usual = {"response_type": "code", "client_id": sandbox.app_key, "redirect_uri": "https://x.test/back"}
    url = f"{sandbox.base_url}/oauth/authorize"
    async with connection.http.get(url, params={**usual, **query}, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", "")


@pytest.mark.parametrize(
    "query",
    [
        {"response_type": "token"},
        {"client_id": "654321"},
        {"redirect_uri": "/back"},
        {"redirect_uri": "javascript:alert(1)"},
        {"uuid": "1"},
    ],
)
def test_the_consent_page_refuses_what_is_no_request_for_a_code(in_sandbox: Any, query: dict[str, str]) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        return await asked(sandbox, connection, **query)

    assert in_sandbox.run(talk, STORE, LISTINGS) == (400, "")


def test_a_seller_is_sent_back_without_a_state_that_was_not_given(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        return await asked(sandbox, connection)

    status, back = in_sandbox.run(talk, STORE, LISTINGS)
    assert (status, back.split("=")[0]) == (302, "https://x.test/back?code")


def test_the_seller_who_consents_can_be_chosen(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        other = replace(STORE, name="lazada_sg", region="SG")
        sandbox.open_shop(other, LISTINGS)
        countries = []
        for sandbox.consenting in ("", STORE.name):
            code = (await asked(sandbox, connection))[1].split("code=")[1]
            countries.append((await post(sandbox, connection, "/auth/token/create", code=code))["country"])
        return countries

    assert in_sandbox.run(talk, STORE, LISTINGS) == ["sg", "my"]


def test_the_settings_of_a_shop_work_with_renewal(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        given = sandbox.open_shop(STORE, LISTINGS)
        answer = await post(sandbox, connection, "/auth/token/refresh", refresh_token=str(given["refresh_token"]))
        return given, sandbox.base_url, answer["access_token"], sandbox.shop(STORE.name).access_token

    given, url, new, current = in_sandbox.run(talk, STORE, LISTINGS)
    assert (f"{url}/rest", url) == (given["base_url"], given["auth_url"])
    assert new == current != given["access_token"]


def test_the_two_token_calls_name_the_sellers_differently(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        code = sandbox.auth_code(STORE.name)
        created = await post(sandbox, connection, "/auth/token/create", code=code)
        token = created["refresh_token"]
        return created, await post(sandbox, connection, "/auth/token/refresh", refresh_token=token)

    created, refreshed = in_sandbox.run(talk, STORE, LISTINGS)
    user = {"country": "my", "seller_id": "1001", "user_id": "2001", "short_code": "MY0001"}
    assert created["country_user_info"] == refreshed["country_user_info_list"] == [user]


@pytest.mark.parametrize(
    ("path", "own", "code"),
    [
        ("/auth/token/create", {"code": "0_never_given"}, "InvalidCode"),
        ("/auth/token/create", {}, "InvalidCode"),
        ("/auth/token/refresh", {"refresh_token": "another"}, "IllegalRefreshToken"),
        ("/auth/token/refresh", {}, "IllegalRefreshToken"),
        ("/auth/token/refresh", {"refresh_token": "another", "sign": "0" * 64}, "IncompleteSignature"),
        ("/auth/token/refresh", {"refresh_token": "another", "sign_method": "md5"}, "IncompleteSignature"),
        ("/auth/token/refresh", {"refresh_token": "another", "timestamp": "1"}, "InvalidTimestamp"),
    ],
)
def test_a_token_call_that_is_wrong_brings_nothing(answered: Any, path: str, own: dict[str, str], code: str) -> None:
    answer, _ = answered(path, **own)

    assert (answer["code"], "access_token" in answer) == (code, False)


def test_tokens_that_cannot_be_refreshed_have_a_horizon_of_0(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.refresh_days = 0
        code = sandbox.auth_code(STORE.name)
        created = await post(sandbox, connection, "/auth/token/create", code=code)
        token = created["refresh_token"]
        return created, await post(sandbox, connection, "/auth/token/refresh", refresh_token=token)

    created, refused = in_sandbox.run(talk, STORE, LISTINGS)
    assert (created["refresh_expires_in"], refused["code"]) == (0, "IllegalRefreshToken")


def test_an_access_token_can_be_ended_from_another_process(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        async with connection.http.post(f"{sandbox.base_url}/sandbox/expire", json={"store": STORE.name}) as response:
            assert response.status == 200
        return list(await Lazada().push(Batch(connection, (cell(1, 9),)))), sandbox.shown(STORE.name)[0].quantity

    [outcome], shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert (outcome.action, outcome.code, shown) == ("refresh", "IllegalAccessToken", 5)


# Limits, campaigns and faults


def test_a_seller_has_50_stock_calls_a_second(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        assert sandbox.meter.per_second == 50
        sandbox.meter = Meter(2)
        other_store = replace(STORE, name="lazada_other")
        given = LazadaSettings.model_validate(sandbox.open_shop(other_store, LISTINGS))
        other = replace(connection, store=other_store, settings=given)
        outcomes = [await Lazada().push(Batch(at, (cell(1, 9),))) for at in (connection, connection, connection, other)]
        return [outcome for [outcome] in outcomes], sandbox.calls

    outcomes, calls = in_sandbox.run(talk, STORE, LISTINGS)
    words = "Api access frequency exceeds the limit. this ban will last 1 seconds"
    assert outcomes == [Confirmed(), Confirmed(), Temporary(words, 1.0, "SellerCallLimit"), Confirmed()]
    assert calls == 4


def test_in_a_mega_campaign_stock_only_rises(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.shop(STORE.name).mega_campaign = ("2018-02-05 00:00:00", "2018-02-06 00:00:00")
        outcomes = [
            await Lazada().push(Batch(connection, cells)) for cells in ((cell(1, 4), cell(2, 6)), (cell(2, 6),))
        ]
        return [list(outcome) for outcome in outcomes], [s.quantity for s in sandbox.shown(STORE.name)]

    [both, [rise]], shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert [(o.code, o.kind, o.whole_call) for o in both] == [("4170", "locked", True)] * 2
    assert (Confirmed(), [5, 6, 5]) == (rise, shown)


@pytest.mark.parametrize("store", [STORE, CHOICE])
def test_a_promotion_that_begins_makes_the_floor_of_the_same_call(in_sandbox: Any, store: Store) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.fail("promotion_begins")
        lower = list(await Lazada().push(Batch(connection, (cell(1, 4),))))
        again = list(await Lazada().push(Batch(connection, (cell(1, 5),))))
        return lower, again, await Lazada().read(Query(connection, (LISTINGS[0],)))

    [lower], [again], read = in_sandbox.run(talk, store, LISTINGS)
    assert isinstance(lower, Refused)
    assert "negative sellable on channel inventory" in lower.message
    assert ("locked", Confirmed()) == (lower.kind, again)
    assert [Shown("SKU-1", "", 5, reserved=5)] == read


def test_a_promotion_can_begin_before_a_read(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.fail("promotion_begins")
        return await Lazada().read(Query(connection, (LISTINGS[0], LISTINGS[1])))

    assert in_sandbox.run(talk, STORE, LISTINGS) == [Shown("SKU-1", "", 5, reserved=5), Shown("SKU-2", "", 5)]


def test_a_campaign_ends_and_its_floor_with_it(in_sandbox: Any, now: datetime) -> None:
    """It is still listed; only its times tell that it is over."""

    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-1", "", 50, reserved=4))
        sandbox.expire_tokens(STORE.name)
        sandbox.shop(STORE.name).access_until = now + timedelta(days=100)
        sandbox.now = lambda: now + timedelta(days=31)
        later = replace(connection, now=sandbox.now)
        listed = (await item(sandbox, later))["data"]["skus"][0]["channelInventories"]
        pushed = list(await Lazada().push(Batch(later, (cell(1, 3),))))
        return len(listed), pushed, await Lazada().read(Query(later, (LISTINGS[0],))), sandbox.shown(STORE.name)[0]

    listed, pushed, read, shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert (listed, pushed) == (1, [Confirmed()])
    assert [Shown("SKU-1", "", 3)] == read == [shown]


async def item(sandbox: LazadaSandbox, connection: Connection, item_id: str = "100") -> Answer:
    signed = params(sandbox, connection, "/product/item/get", item_id=item_id)
    async with connection.http.get(f"{sandbox.base_url}/rest/product/item/get", params=signed) as response:
        answer: Answer = await response.json()
    return answer


@pytest.mark.parametrize("store", [STORE, CHOICE])
def test_a_slow_call_is_worked_on_and_answered_too_late(
    in_sandbox: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dawdled = []

    async def dawdle() -> None:
        dawdled.append(True)

    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        monkeypatch.setattr(sandbox, "dawdle", dawdle)
        sandbox.fail("slow", 2)
        outcomes = list(await Lazada().push(Batch(connection, (cell(1, 9),))))
        return outcomes, await Lazada().read(Query(connection, (LISTINGS[0],)))

    assert in_sandbox.run(talk, store, LISTINGS) == ([Confirmed()], [Shown("SKU-1", "", 9)])
    assert len(dawdled) == 2


def test_nobody_waits_for_a_slow_call_but_its_work_is_done(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.fail("slow")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as impatient:
            outcomes = list(await Lazada().push(Batch(replace(connection, http=impatient), (cell(1, 9),))))
        return outcomes, sandbox.shown(STORE.name)[0].quantity

    [outcome], shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(outcome, Unknown)
    assert shown == 9


# Warehouses


def test_a_warehouse_that_has_nothing_of_a_sku_is_left_out_of_it(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        for place in ("dropshipping", "WH-02"):
            sandbox.show(TWO.name, Shown("SKU-1", place, 0))
        body = (await item(sandbox, connection))["data"]["skus"][0]
        codes = [row["warehouseCode"] for row in body["multiWarehouseInventories"]]
        cells = (cell(1, 0, "dropshipping"), cell(1, 0, "WH-02"))
        return codes, list(await Lazada().push(Batch(connection, cells)))

    assert in_sandbox.run(talk, TWO, LISTINGS) == (["dropshipping"], [Confirmed(), Confirmed()])


@pytest.mark.parametrize(
    ("path", "own", "codes"),
    [
        ("/seller/warehouse/get", {"addressTypes": '["warehouse"]'}, ["dropshipping", "WH-02"]),
        ("/seller/warehouse/get", {}, ["dropshipping"]),
        ("/rc/warehouse/get", {}, ["dropshipping", "WH-02"]),
    ],
)
def test_both_lists_of_warehouses_are_given(answered: Any, path: str, own: dict[str, str], codes: list[str]) -> None:
    answer, _ = answered(path, store=TWO, **own)

    result = answer["result"]
    assert (result["success"], [row["code"] for row in result["module"]]) == (True, codes)


# Messages


def test_an_order_sends_a_signed_trade_order_and_near_the_end_the_stock_level(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.show(STORE.name, Shown("SKU-1", "", 6, reserved=1))
        sent = [sandbox.sell(STORE.name, "SKU-1", pieces, "https://x.test/hook") for pieces in (1, 1)]
        body = (await item(sandbox, connection))["data"]["skus"][0]
        return sent, connection.settings, sandbox.shown(STORE.name)[0], body["multiWarehouseInventories"][0]

    [first, second], settings, shown, inventory = in_sandbox.run(talk, STORE, LISTINGS)
    events = [Lazada().verify_webhook(settings, request) for request in (*first, *second)]
    kinds = [event.kind for [event] in events if event is not None]
    assert kinds == ["order_status", "order_status", "shallow_stock"]
    assert len({event.id for [event] in events}) == 3
    assert (ListingRef("SKU-1", "", "1"),) == events[-1][0].listings
    assert json.loads(first[0].body)["data"]["order_status"] == "unpaid"
    level = json.loads(second[1].body)["data"]
    assert (level["real_quantity"], level["withhold_quantity"], level["warehouse"]) == (6, 2, "dropshipping")
    assert Shown("SKU-1", "", 4, reserved=1) == shown
    assert (inventory["sellableQuantity"], inventory["totalQuantity"], inventory["withholdQuantity"]) == (4, 6, 2)


def test_an_order_of_a_warehouse_is_told_of_that_warehouse(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.show(TWO.name, Shown("SKU-1", "dropshipping", 0))
        return [json.loads(sent.body)["data"] for sent in sandbox.sell(TWO.name, "SKU-1", 2, "https://x.test/hook")]

    _, level = in_sandbox.run(talk, TWO, LISTINGS)
    assert (level["warehouse"], level["real_quantity"]) == ("WH-02", 5)


def test_faults_are_queued_from_another_process(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        async with aiohttp.ClientSession() as other:
            await other.post(f"{sandbox.base_url}/sandbox/faults", json={"fault": "throttle"})
        first, second = [await Lazada().push(Batch(connection, (cell(1, 9),))) for _ in range(2)]
        return first[0], second[0], sandbox.calls

    throttled, done, calls = in_sandbox.run(talk, STORE, LISTINGS)
    assert (throttled.retry_after, done, calls) == (1.0, Confirmed(), 2)


def test_two_shops_share_an_app_and_no_stock() -> None:
    async def talk() -> object:
        sandbox = LazadaSandbox()
        await sandbox.start()
        try:
            sandbox.open_shop(STORE, LISTINGS, 5)
            sandbox.open_shop(replace(STORE, name="lazada_sg"), LISTINGS, 6)
            return [sandbox.shown(name)[0].quantity for name in ("lazada_my", "lazada_sg")]
        finally:
            await sandbox.stop()

    assert asyncio.run(talk()) == [5, 6]
