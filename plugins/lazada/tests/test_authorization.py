"""From the link that a seller opens to tokens, and from those to the next; every way in which that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from pushdsl.plugins import (
    Authorization,
    Batch,
    CellPush,
    Confirmed,
    Connection,
    Failure,
    Grant,
    ListingRef,
    Outcome,
    Refused,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.sandbox import LazadaSandbox
from pushdsl_lazada.settings import LazadaApp, LazadaSettings
from pushdsl_lazada.signing import request_signature


def midnight() -> datetime:
    """No link of this platform depends on it."""
    return datetime(2026, 1, 5, tzinfo=UTC)


STORE = Store("lazada_my", "lazada", "main", region="MY")
LISTINGS = [ListingRef("SKU-1", "100", "1")]
CELL = CellPush("SKU-1", "100", "1", "", 9)
REDIRECT = "https://push.example.test/lazada"
TOKENS = {
    "code": "0",
    "access_token": "access-2",
    "refresh_token": "refresh-2",
    "expires_in": 604_800,
    "refresh_expires_in": 2_592_000,
    "country": "my",
    "account_platform": "seller_center",
}
USERS = [{"country": "my", "seller_id": "2001", "user_id": 20101, "short_code": "MY2001"}]
CROSS_BORDER = [{"country": "sg", "seller_id": "1001"}, {"country": "my", "seller_id": "2001"}]


def authorization() -> Authorization:
    found = Lazada().authorization
    assert found is not None
    return found


def app_of(connection: Connection) -> LazadaApp:
    settings = connection.settings
    assert isinstance(settings, LazadaSettings)
    given = settings.model_dump(include=set(LazadaApp.model_fields))
    return LazadaApp.model_validate(given)


async def exchange(connection: Connection, code: str = "0_code") -> Grant | Failure:
    return await authorization().exchange(app_of(connection), {"code": code}, connection.http, connection.now)


async def refresh(connection: Connection) -> Grant | Failure:
    return await authorization().refresh(connection)


def with_grant(connection: Connection, grant: object) -> Connection:
    """As the core does: the fields of the grant laid over the settings."""
    assert isinstance(grant, Grant), f"{grant} where a grant was due"
    assert isinstance(connection.settings, LazadaSettings)
    settings = {**connection.settings.model_dump(), **grant.settings}
    return replace(connection, settings=LazadaSettings.model_validate(settings))


async def push(connection: Connection) -> Outcome:
    [outcome] = await Lazada().push(Batch(connection, (CELL,)))
    return outcome


# The link


def test_the_link_is_the_documented_one_with_the_state_beside_the_redirect() -> None:
    app = LazadaApp.model_validate({"app_key": "123456", "app_secret": "helloworld"})
    link = urlsplit(authorization().link(app, f"{REDIRECT}?a=b", "st&te", midnight))

    assert (link.scheme, link.netloc, link.path) == ("https", "auth.lazada.com", "/oauth/authorize")
    assert dict(parse_qsl(link.query)) == {
        "response_type": "code",
        "force_auth": "true",
        "redirect_uri": f"{REDIRECT}?a=b",
        "client_id": "123456",
        "state": "st&te",
    }


def test_the_link_goes_where_the_settings_say() -> None:
    app = LazadaApp.model_validate(
        {"app_key": "1", "app_secret": "helloworld", "auth_url": "http://127.0.0.1:80/", "base_url": "http://x.test"}
    )

    assert authorization().link(app, REDIRECT, "s", midnight).startswith("http://127.0.0.1:80/oauth/authorize?")


def test_the_link_shows_no_secret() -> None:
    app = LazadaApp.model_validate({"app_key": "123456", "app_secret": "helloworld"})

    assert "helloworld" not in authorization().link(app, REDIRECT, "s", midnight)


async def consent(connection: Connection, state: str = "st&te") -> Mapping[str, str]:
    """What the seller's browser is sent back with."""
    link = authorization().link(app_of(connection), f"{REDIRECT}?shop=1", state, midnight)
    async with connection.http.get(link, allow_redirects=False) as response:
        assert response.status == 302
        back = urlsplit(response.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT
    return dict(parse_qsl(back.query))


def test_from_the_link_to_a_push(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.expire_tokens(STORE.name)
        before = await push(connection)
        answer = await consent(connection)
        grant = await authorization().exchange(app_of(connection), answer, connection.http, connection.now)
        return before, answer, await push(with_grant(connection, grant)), sandbox.shown(STORE.name)[0].quantity

    before, answer, after, shown = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(before, Unauthorized)
    assert (before.action, before.code) == ("refresh", "IllegalAccessToken")
    assert (answer["state"], answer["shop"]) == ("st&te", "1")
    assert (Confirmed(), 9) == (after, shown)


# A code for tokens


def test_tokens_are_asked_for_with_a_signed_form_and_no_access_token(scripted: Any, reply: Any) -> None:
    scripted.run(exchange, [reply(TOKENS)], STORE)

    [(method, path, sent)] = scripted.requests
    assert (method, path) == ("POST", "/rest/auth/token/create")
    assert set(sent) == {"app_key", "timestamp", "sign_method", "sign", "code"}
    assert request_signature("helloworld", "/auth/token/create", sent) == sent["sign"]


def test_a_grant_has_both_tokens_the_seller_and_absolute_times(scripted: Any, reply: Any, now: datetime) -> None:
    grant = scripted.run(exchange, [reply({**TOKENS, "country_user_info": USERS})], STORE)

    expected = {"access_token": "access-2", "refresh_token": "refresh-2", "country": "my", "seller_id": "2001"}
    assert Grant(expected, now + timedelta(days=7), now + timedelta(days=30)) == grant


def test_a_grant_shows_no_token(scripted: Any, reply: Any) -> None:
    assert "access-2" not in repr(scripted.run(exchange, [reply(TOKENS)], STORE))


def test_a_cross_border_grant_names_no_seller_until_the_store_says_its_country(scripted: Any, reply: Any) -> None:
    created = {**TOKENS, "country": "cb", "country_user_info": CROSS_BORDER}
    refreshed = {**TOKENS, "country": "cb", "country_user_info_list": CROSS_BORDER}

    first = scripted.run(exchange, [reply(created)], STORE)
    second = scripted.run(refresh, [reply(refreshed)], STORE)
    assert {"access_token", "refresh_token"} == set(first.settings)
    assert (second.settings["country"], second.settings["seller_id"]) == ("my", "2001")


def test_an_access_that_cannot_be_refreshed_says_so_when_it_ends(scripted: Any, reply: Any, now: datetime) -> None:
    """0 is Lazada's way to say it: not the documented token is missing, but its time."""

    async def talk(connection: Connection) -> object:
        grant = await exchange(connection)
        return grant, await refresh(with_grant(connection, grant))

    grant, after = scripted.run(talk, [reply({**TOKENS, "refresh_expires_in": 0})], STORE)
    assert (grant.settings["refresh_token"], grant.refresh_until) == ("", now)
    assert isinstance(after, Unauthorized)
    assert after.action == "reauthorize"
    assert len(scripted.requests) == 1, "a refresh without a refresh token must not be sent"


def test_a_seller_who_does_not_agree_brings_no_code(scripted: Any) -> None:
    async def talk(connection: Connection) -> object:
        answer = {"error": "access_denied", "state": "s"}
        return await authorization().exchange(app_of(connection), answer, connection.http, connection.now)

    outcome = scripted.run(talk, [], STORE)
    assert isinstance(outcome, Unauthorized)
    assert outcome.action == "reauthorize"


def test_a_code_is_good_once_and_for_30_minutes(in_sandbox: Any, now: datetime) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        used, late = sandbox.auth_code(STORE.name), sandbox.auth_code(STORE.name)
        outcomes = [await exchange(connection, used), await exchange(connection, used)]
        sandbox.now = lambda: now + timedelta(minutes=30)
        return *outcomes, await exchange(replace(connection, now=sandbox.now), late)

    first, *others = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(first, Grant)
    assert [(outcome.action, outcome.code) for outcome in others] == [("reauthorize", "InvalidCode")] * 2


# The next tokens


def test_a_refresh_sends_the_refresh_token_and_no_access_token(scripted: Any, reply: Any) -> None:
    scripted.run(refresh, [reply(TOKENS)], STORE)

    [(method, path, sent)] = scripted.requests
    assert (method, path, sent["refresh_token"]) == ("POST", "/rest/auth/token/refresh", "RT-of-a-seller")
    assert "access_token" not in sent
    assert request_signature("helloworld", "/auth/token/refresh", sent) == sent["sign"]


def test_a_refresh_renews_the_access_and_not_the_time_in_which_it_can_be_renewed(
    in_sandbox: Any, now: datetime
) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        until = []
        for days in (6, 12, 29):
            sandbox.now = lambda days=days: now + timedelta(days=days)  # type: ignore[misc]
            connection = replace(connection, now=sandbox.now)
            grant = await refresh(connection)
            connection = with_grant(connection, grant)
            until.append((grant.access_until - now, grant.refresh_until - now))  # type: ignore[union-attr, operator]
        worked = await push(connection)
        sandbox.now = lambda: now + timedelta(days=30)
        return until, worked, await refresh(replace(connection, now=sandbox.now)), sandbox.refreshes

    until, worked, ended, refreshes = in_sandbox.run(talk, STORE, LISTINGS)
    horizon = timedelta(days=30)
    assert [(timedelta(days=days + 7), horizon) for days in (6, 12, 29)] == until
    assert Confirmed() == worked
    assert (ended.action, ended.code, refreshes) == ("reauthorize", "IllegalRefreshToken", 3)


def test_a_refresh_token_is_good_once(in_sandbox: Any) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        return await refresh(connection), await refresh(connection), sandbox.refreshes

    first, second, refreshes = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(first, Grant)
    assert ((second.action, second.code), refreshes) == (("reauthorize", "IllegalRefreshToken"), 1)


def test_an_access_token_ends_with_its_time(in_sandbox: Any, now: datetime) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        outcomes = []
        for time in (now + timedelta(days=7, seconds=-1), now + timedelta(days=7)):
            sandbox.now = lambda time=time: time  # type: ignore[misc]
            outcomes.append(await push(replace(connection, now=sandbox.now)))
        return outcomes

    in_time, late = in_sandbox.run(talk, STORE, LISTINGS)
    assert Confirmed() == in_time
    assert isinstance(late, Unauthorized)
    assert late.action == "refresh"


def test_a_refresh_that_gives_the_old_tokens_back_keeps_them(scripted: Any, reply: Any) -> None:
    again = {**TOKENS, "access_token": "test", "refresh_token": "RT-of-a-seller"}
    grant = scripted.run(refresh, [reply(again)], STORE)

    assert (grant.settings["access_token"], grant.settings["refresh_token"]) == ("test", "RT-of-a-seller")


def test_a_refresh_that_names_no_refresh_token_leaves_the_old_one(scripted: Any, reply: Any) -> None:
    body = {name: value for name, value in TOKENS.items() if name != "refresh_token"}

    assert "refresh_token" not in scripted.run(refresh, [reply(body)], STORE).settings


@pytest.mark.parametrize("seconds", ["soon", None, 0, -1, 10**17, True])
def test_a_time_that_cannot_be_one_is_not_told(scripted: Any, reply: Any, seconds: object) -> None:
    assert scripted.run(refresh, [reply({**TOKENS, "expires_in": seconds})], STORE).access_until is None


# What goes wrong

ASKS: list[Callable[[Connection], Any]] = [exchange, refresh]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidCode", "Invalid authorization code"),
        ("IllegalRefreshToken", "The specified refresh token is invalid or expired"),
        ("AUTH_TYPE_UNSUPPORTED", "123456 can only be authorized by market, not support refresh"),
        ("SellerNotActive", ""),
        ("IllegalAccessToken", "The specified access token is invalid or expired"),
    ],
)
def test_only_the_seller_can_help(scripted: Any, reply: Any, ask: Any, code: str, message: str) -> None:
    outcome = scripted.run(ask, [reply({"type": "ISV", "code": code, "message": message})], STORE)

    assert isinstance(outcome, Unauthorized)
    assert ("reauthorize", code) == (outcome.action, outcome.code)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": "IncompleteSignature", "message": "does not conform to lazop standards"}, Refused),
        ({"code": "MissingParameter", "message": "code"}, Refused),
        ({"code": "ApiCallLimit", "message": "this ban will last 2 seconds"}, Temporary),
        ({"code": "901", "message": "E901: The request is too frequent"}, Temporary),
        ({"code": "ServiceTimeout", "message": ""}, Unknown),
        ({"code": "31337", "message": "a code that nobody listed"}, Unknown),
        ({"code": "0"}, Unknown),
        ({**TOKENS, "detail": [{"message": "of a kind that nobody has seen here"}]}, Unknown),
        ({**TOKENS, "access_token": ""}, Unknown),
        ({**TOKENS, "access_token": "two words"}, Unknown),
        ({**TOKENS, "access_token": 12345678}, Unknown),
        ("<html>Bad gateway</html>", Unknown),
        ("", Unknown),
    ],
)
def test_other_failures_are_told_as_of_any_call(scripted: Any, reply: Any, ask: Any, body: object, kind: type) -> None:
    assert isinstance(scripted.run(ask, [reply(body)], STORE), kind)


@pytest.mark.parametrize("ask", ASKS)
def test_a_server_that_fails_leaves_it_unknown_whether_the_token_is_used_up(
    scripted: Any, reply: Any, ask: Any
) -> None:
    assert isinstance(scripted.run(ask, [reply("", status=500)], STORE), Unknown)


@pytest.mark.parametrize("ask", ASKS)
def test_a_lost_answer_is_unknown(lazada_settings: Any, now: datetime, ask: Any) -> None:
    async def talk() -> object:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = lazada_settings(auth_url=url, refresh_token="RT-of-a-seller")
        try:
            async with aiohttp.ClientSession() as http:
                return await ask(Connection(STORE, settings, http, lambda: now))
        finally:
            server.close()

    assert isinstance(asyncio.run(talk()), Unknown)


@pytest.mark.parametrize("ask", ASKS)
def test_a_server_that_cannot_be_reached_has_used_nothing_up(lazada_settings: Any, now: datetime, ask: Any) -> None:
    async def talk() -> object:
        settings = lazada_settings(auth_url="http://127.0.0.1:9", refresh_token="RT-of-a-seller")
        async with aiohttp.ClientSession() as http:
            return await ask(Connection(STORE, settings, http, lambda: now))

    assert isinstance(asyncio.run(talk()), Temporary)


@pytest.mark.parametrize("code", ["IllegalRefreshToken", "ServiceTimeout", "ApiCallLimit", "IncompleteSignature"])
def test_a_secret_that_lazada_repeats_goes_no_further(scripted: Any, reply: Any, code: str) -> None:
    words = "not good: helloworld RT-of-a-seller"
    outcome = scripted.run(refresh, [reply({"code": code, "message": words})], STORE)

    assert not [secret for secret in ("helloworld", "RT-of-a-seller") if secret in repr(outcome)]


def test_tokens_are_renewed_30_minutes_ahead() -> None:
    assert timedelta(minutes=30) == authorization().refresh_ahead
