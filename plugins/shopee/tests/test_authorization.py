"""From the link to tokens and on to the next ones: what is sent, what each answer means, and the whole way at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest

from pushdsl.plugins import (
    Authorization,
    Batch,
    CellPush,
    Confirmed,
    Connection,
    Grant,
    ListingRef,
    Refused,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_shopee.authorization import ShopeeAuthorization
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.sandbox import ShopeeSandbox
from pushdsl_shopee.settings import ShopeeApp, ShopeeSettings

APP = ShopeeApp.model_validate({"partner_id": 2001887, "partner_key": "partnerkey-0123456789abcdef"})
STORE = Store("shopee_my", "shopee", "main", region="MY")
LISTINGS = [ListingRef("SKU-1", "1000", "1")]
CALLED = {"code": "a-code", "shop_id": "14701711", "state": "s"}
REFRESH = "a-refresh-token"
TOKENS = {
    "access_token": "next-access",
    "refresh_token": "next-refresh",
    "expire_in": 14400,
    "error": "",
    "message": "",
}
GIVEN = {"access_token": "next-access", "refresh_token": "next-refresh", "shop_id": "14701711"}

allow = ShopeeAuthorization()


def tokens(**changed: object) -> str:
    return json.dumps({"request_id": "x", **TOKENS, **changed})


async def exchanged(connection: Connection, called: dict[str, str] | None = None) -> object:
    app = APP.model_copy(update={"base_url": connection.settings.base_url})  # type: ignore[attr-defined]
    return await allow.exchange(app, CALLED if called is None else called, connection.http, connection.now)


async def refreshed(connection: Connection) -> object:
    given = {**connection.settings.model_dump(), "refresh_token": REFRESH}
    return await allow.refresh(replace(connection, settings=ShopeeSettings.model_validate(given)))


def test_it_is_an_authorization() -> None:
    assert isinstance(Shopee().authorization, Authorization)
    assert issubclass(ShopeeSettings, allow.app)


# The link


@pytest.fixture
def link(now: datetime) -> Callable[..., str]:
    return lambda redirect="https://example.test/back": allow.link(APP, redirect, "a state/&", lambda: now)


def test_the_link_is_signed_as_other_clients_sign_it(link: Callable[..., str]) -> None:
    address = urlsplit(link())

    assert f"https://{address.netloc}{address.path}" == "https://partner.shopeemobile.com/api/v2/shop/auth_partner"
    assert parse_qsl(address.query) == [
        ("partner_id", "2001887"),
        ("timestamp", "1655714431"),
        ("sign", "d5e4b4ba69502d0038557b1bbd5533d8712a07cc59140e1e834829cd150b617c"),
        ("redirect", "https://example.test/back?state=a+state%2F%26"),
    ]


def test_the_state_stands_after_what_the_redirect_has_already(link: Callable[..., str]) -> None:
    [redirect] = parse_qs(urlsplit(link("http://127.0.0.1:8000/?store=my#top")).query)["redirect"]

    assert redirect == "http://127.0.0.1:8000/?store=my&state=a+state%2F%26#top"


def test_the_key_is_not_in_the_link(link: Callable[..., str]) -> None:
    assert APP.partner_key.get_secret_value() not in link()


# What is sent, and what comes of it


def test_a_code_is_sent_as_other_clients_send_it(scripted: Any, reply: Any, now: datetime) -> None:
    """Ids are numbers in the body, though the address that was called has text."""
    grant = scripted.run(exchanged, [reply(tokens(expire_in=14312))])

    assert Grant(GIVEN, now + timedelta(seconds=14312), now + timedelta(days=30)) == grant
    [request] = scripted.requests
    assert (request.method, request.path) == ("POST", "/api/v2/auth/token/get")
    assert request.query == [
        ("partner_id", "2001887"),
        ("timestamp", "1655714431"),
        ("sign", "e2628072e2f410554690e339db0f257247d3816b6f3b814ac901d0e5afdb47b3"),
    ]
    assert request.body == {"code": "a-code", "shop_id": 14701711, "partner_id": 2001887}


def test_a_refresh_token_is_sent_as_other_clients_send_it(scripted: Any, reply: Any, now: datetime) -> None:
    grant = scripted.run(refreshed, [reply(tokens(partner_id=2001887, shop_id=14701711))])

    assert Grant(GIVEN, now + timedelta(hours=4), now + timedelta(days=30)) == grant
    [request] = scripted.requests
    assert (request.method, request.path) == ("POST", "/api/v2/auth/access_token/get")
    assert request.query == [
        ("partner_id", "2001887"),
        ("timestamp", "1655714431"),
        ("sign", "6c8c4fd39fe317dc0b99725a41d88afc3b00b01976056e1c8e4ec464132475e9"),
    ]
    assert request.body == {"shop_id": 14701711, "partner_id": 2001887, "refresh_token": REFRESH}


def test_settings_without_a_refresh_token_need_the_seller(scripted: Any) -> None:
    outcome = scripted.run(allow.refresh, [])

    assert isinstance(outcome, Unauthorized)
    assert outcome.action == "reauthorize"


@pytest.mark.parametrize(
    "called",
    [
        {},
        {"shop_id": "14701711"},
        {"code": "", "shop_id": "14701711"},
        {"code": "a-code"},
        {"code": "a-code", "shop_id": "mine"},
        {"code": "a-code", "shop_id": str(2**32)},
    ],
)
def test_a_call_without_code_or_seller_sends_nothing(scripted: Any, called: dict[str, str]) -> None:
    outcome = scripted.run(lambda connection: exchanged(connection, called), [])

    assert isinstance(outcome, Refused)
    assert outcome.kind == "bad_request"


@pytest.mark.parametrize("listed", [[14701711], ["14701711"], 14701711])
def test_a_main_account_that_lets_in_one_shop_is_that_shop(scripted: Any, reply: Any, listed: object) -> None:
    called = {"code": "a-code", "main_account_id": "77"}

    grant = scripted.run(
        lambda connection: exchanged(connection, called), [reply(tokens(shop_id_list=listed, merchant_id_list=[]))]
    )
    assert grant.settings == GIVEN
    assert scripted.requests[0].body == {"code": "a-code", "main_account_id": 77, "partner_id": 2001887}


@pytest.mark.parametrize(("listed", "named"), [([1, 2], "1, 2"), ([], "none"), (None, "none"), (["x"], "none")])
def test_a_main_account_that_lets_in_no_or_several_shops_is_refused_by_their_names(
    scripted: Any, reply: Any, listed: object, named: str
) -> None:
    called = {"code": "a-code", "main_account_id": "77"}

    outcome = scripted.run(lambda connection: exchanged(connection, called), [reply(tokens(shop_id_list=listed))])
    assert isinstance(outcome, Refused)
    assert f"did not let in one shop but these: {named} (" in outcome.message


BOTH: list[Callable[[Connection], Awaitable[object]]] = [exchanged, refreshed]


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("error_auth", "Invalid code"),
        ("invalid_code", "The code is expired or used or invalid, please check the code."),
        ("invalid_shop_id", "The code or shop_id is wrong, please check the code or the shop_id."),
        ("invalid_main_acount_id", "The code or main_accoount_id is wrong, please check the code or the"),
        ("error_auth", "Invalid refresh_token."),
        ("refresh_token_expired", "Your refresh_token expired."),
        ("error_shop_refresh_token", "Your refresh token is error ,please check refresh token or shopid."),
        ("shop_access_expired", "Your access to shop has expired."),
        ("shop_no_linked", "Partner and shop has no linked."),
        ("error_auth", "Invalid partner_id or shopid."),
        ("invalid_acceess_token", "Invalid access_token, please have a check."),
    ],
)
def test_what_only_the_seller_can_mend_asks_for_the_seller(
    scripted: Any, reply: Any, talk: Any, error: str, message: str
) -> None:
    outcome = scripted.run(talk, [reply(error=error, message=message, status=403)])

    assert Unauthorized("reauthorize", message, error) == outcome


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize(
    ("error", "message", "kind", "code"),
    [
        ("error_sign", "Wrong sign.", "bad_request", "error_sign"),
        ("error_param", "Timestamp is expired.", "bad_request", "error_param"),
        ("invalid_partner_id", "Invalid partner_id, please have a check.", "bad_request", "invalid_partner_id"),
        ("error_partner_key_expired", "Your API partner key has expired", "bad_request", "error_partner_key_expired"),
        ("shop_banned", "The shop account has been banned.", "blocked", "shop_banned"),
    ],
)
def test_what_a_new_consent_does_not_mend_is_refused(
    scripted: Any, reply: Any, talk: Any, error: str, message: str, kind: str, code: str
) -> None:
    outcome = scripted.run(talk, [reply(error=error, message=message, status=403)])

    assert (kind, code) == (outcome.kind, outcome.code)


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize("status", [200, 429])
def test_a_throttle_leaves_code_and_refresh_token_good(scripted: Any, reply: Any, talk: Any, status: int) -> None:
    words = "Too many requests. You have reached the rate limit. Please try again later."

    outcome = scripted.run(talk, [reply(error="error_rate_limit", message=words, status=status)])
    assert Temporary(words, None, "error_rate_limit") == outcome


@pytest.mark.parametrize("talk", BOTH)
def test_the_daily_limit_holds_for_tokens_too(scripted: Any, reply: Any, talk: Any) -> None:
    outcome = scripted.run(talk, [reply(error="error_limit", message="daily API call limit", status=429)])

    assert Temporary("daily API call limit", 7 * 3600 + 1169, "error_limit") == outcome


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("<html/>", 200),
        ("", 500),
        ("{}", 200),
        (tokens(access_token=""), 200),
        (tokens(access_token=None), 200),
        (tokens(refresh_token="two\nlines"), 200),
        (tokens(refresh_token=7), 200),
        (tokens(), 302),
    ],
)
def test_an_answer_without_tokens_is_unknown(scripted: Any, reply: Any, talk: Any, body: str, status: int) -> None:
    """What was sent may be used up, and nobody has what came for it."""
    assert isinstance(scripted.run(talk, [reply(body, status=status)]), Unknown)


@pytest.mark.parametrize("talk", BOTH)
def test_a_lost_answer_is_unknown_and_asked_for_once(shopee_settings: Any, now: datetime, talk: Any) -> None:
    asked: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.close()

    async def lost() -> object:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, aiohttp.ClientSession() as http:
            return await talk(Connection(STORE, shopee_settings(url), http, lambda: now))

    assert Unknown("the connection to Shopee broke before its answer") == asyncio.run(lost())
    assert len(asked) == 1


@pytest.mark.parametrize("talk", BOTH)
def test_a_shopee_that_cannot_be_reached_has_used_up_nothing(shopee_settings: Any, now: datetime, talk: Any) -> None:
    async def unreached() -> object:
        async with aiohttp.ClientSession() as http:
            return await talk(Connection(STORE, shopee_settings("http://127.0.0.1:1"), http, lambda: now))

    assert Temporary("no connection to Shopee") == asyncio.run(unreached())


@pytest.mark.parametrize("expire_in", [None, "soon", -1, 10**12])
def test_a_time_that_makes_no_sense_is_no_time(scripted: Any, reply: Any, expire_in: object) -> None:
    grant = scripted.run(refreshed, [reply(tokens(expire_in=expire_in))])

    assert (grant.settings, grant.access_until) == (GIVEN, None)


@pytest.mark.parametrize(("talk", "secret"), [(exchanged, "a-code"), (refreshed, REFRESH)])
def test_a_secret_that_shopee_repeats_is_not_passed_on(scripted: Any, reply: Any, talk: Any, secret: str) -> None:
    message = f"no {secret} of {APP.partner_key.get_secret_value()}"

    assert scripted.run(talk, [reply(error="error_param", message=message)]).message == "no … of …"
    assert secret not in repr(scripted.run(talk, [reply(message, status=500)]))


def test_tokens_are_not_in_the_repr_of_a_grant(scripted: Any, reply: Any) -> None:
    assert "next-" not in repr(scripted.run(refreshed, [reply(tokens())]))


# The whole way


async def agreed(connection: Connection, link: str) -> dict[str, str]:
    """What the seller's browser is sent back with."""
    async with connection.http.get(link, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        address = urlsplit(response.headers["Location"])
    assert address.netloc == "127.0.0.1:8000"
    return dict(parse_qsl(address.query))


def with_tokens(connection: Connection, grant: object) -> Connection:
    """As the core lays a grant over the settings of the file."""
    assert isinstance(grant, Grant), grant
    given = {**connection.settings.model_dump(), **grant.settings}
    return replace(connection, settings=ShopeeSettings.model_validate(given))


async def pushed(connection: Connection) -> object:
    return (await Shopee().push(Batch(connection, (CellPush("SKU-1", "1000", "1", "", 9),))))[0]


def test_from_the_link_to_a_push_to_a_refresh(in_sandbox: Any, link: Callable[..., str]) -> None:
    """The core keeps the app's settings and the grant; each code and each refresh token is good for one time."""

    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        app = ShopeeApp.model_validate(
            connection.settings.model_dump(include={"partner_id", "partner_key", "base_url"})
        )
        called = await agreed(connection, allow.link(app, "http://127.0.0.1:8000/back", "the-state", connection.now))
        assert called["state"] == "the-state"
        first = with_tokens(connection, await allow.exchange(app, called, connection.http, connection.now))
        said = [await pushed(connection), await pushed(first)]
        again = await allow.exchange(app, called, connection.http, connection.now)
        sandbox.expire_tokens(STORE.name)
        said.append(await pushed(first))
        second = with_tokens(first, await allow.refresh(first))
        said += [await pushed(second), await allow.refresh(first), again]
        assert sandbox.refreshes == 1
        return [getattr(outcome, "action", outcome) for outcome in said]

    everything = ["refresh", Confirmed(), "refresh", Confirmed(), "reauthorize", "reauthorize"]
    assert everything == in_sandbox.run(talk, STORE, LISTINGS)


@pytest.mark.parametrize(("days", "kind"), [(29, Grant), (30, Unauthorized)])
def test_a_refresh_token_is_good_for_thirty_days(in_sandbox: Any, days: int, kind: type) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        later = connection.now() + timedelta(days=days)
        sandbox.now = lambda: later
        return await allow.refresh(replace(connection, now=lambda: later))

    assert isinstance(in_sandbox.run(talk, STORE, LISTINGS), kind)


def test_a_wrong_key_lets_nobody_in(in_sandbox: Any, link: Callable[..., str]) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        wrong = connection.settings.model_copy(update={"partner_key": APP.partner_key})
        async with connection.http.get(allow.link(wrong, "http://127.0.0.1:8000/", "s", connection.now)) as response:
            page = (await response.json())["error"]
        return page, (await allow.refresh(replace(connection, settings=wrong))).code  # type: ignore[union-attr]

    assert in_sandbox.run(talk, STORE, LISTINGS) == ("error_sign", "error_sign")


def test_a_link_is_good_for_five_minutes(in_sandbox: Any, link: Callable[..., str]) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        later = connection.now() + timedelta(seconds=301)
        sandbox.now = lambda: later
        async with connection.http.get(
            allow.link(connection.settings, "http://127.0.0.1:8000/", "s", connection.now)
        ) as response:
            return (await response.json())["message"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "Timestamp is expired."


@pytest.mark.parametrize("redirect", ["", "/back", "javascript:alert(1)"])
def test_a_seller_is_sent_back_to_an_address_alone(in_sandbox: Any, link: Callable[..., str], redirect: str) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        async with connection.http.get(allow.link(connection.settings, redirect, "s", connection.now)) as response:
            return (await response.json())["message"]

    assert in_sandbox.run(talk, STORE, LISTINGS) == "Wrong parameters, detail: redirect."


def test_where_several_shops_are_open_the_page_asks_whose_seller_it_is(
    in_sandbox: Any, link: Callable[..., str]
) -> None:
    async def talk(sandbox: ShopeeSandbox, connection: Connection) -> object:
        other = sandbox.open_shop(replace(STORE, name="<other>"), LISTINGS)
        address = allow.link(connection.settings, "http://127.0.0.1:8000/", "s", connection.now)
        async with connection.http.get(address) as response:
            page = await response.text()
        assert "&lt;other&gt;" in page
        assert f"&amp;shop_id={other['shop_id']}" in page
        called = await agreed(connection, f"{address}&shop_id={other['shop_id']}")
        return called["shop_id"] == str(other["shop_id"])

    assert in_sandbox.run(talk, STORE, LISTINGS) is True
