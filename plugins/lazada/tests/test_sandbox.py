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
    Unauthorized,
    Unknown,
)
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.sandbox import LazadaSandbox
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


# Tokens


def test_a_code_brings_a_token_once(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        code = sandbox.auth_code(STORE.name)
        first = await post(sandbox, connection, "/auth/token/create", code=code)
        return first, await post(sandbox, connection, "/auth/token/create", code=code)

    first, second = in_sandbox.run(talk, STORE, LISTINGS)
    assert (first["code"], first["expires_in"], first["country_user_info"][0]["country"]) == ("0", 604_800, "my")
    assert second["code"] == "InvalidCode"


def test_a_refresh_ends_the_old_token_and_prolongs_no_authorisation(in_sandbox: Any, now: datetime) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        answers = []
        for days in (0, 29, 30):
            later = now + timedelta(days=days)
            sandbox.now = lambda later=later: later  # type: ignore[misc]
            timed = replace(connection, now=sandbox.now)
            token = sandbox.shop(STORE.name).refresh_token
            answers.append(await post(sandbox, timed, "/auth/token/refresh", refresh_token=token))
        return answers, list(await Lazada().push(Batch(timed, (cell(1, 9),))))

    answers, [old] = in_sandbox.run(talk, STORE, LISTINGS)
    assert [answer.get("refresh_expires_in") for answer in answers] == [30 * 86_400, 86_400, None]
    assert answers[2]["code"] == "IllegalRefreshToken"
    assert isinstance(old, Unauthorized)
    assert old.action == "refresh"


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
