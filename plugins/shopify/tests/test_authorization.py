"""From the link to tokens and on to the next ones: what is sent, what each answer means, and the whole way at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
from pushdsl_shopify.authorization import ShopifyAuthorization
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.sandbox import ShopifySandbox
from pushdsl_shopify.settings import ShopifyApp, ShopifySettings
from pushdsl_shopify.signing import callback_signatures


def midnight() -> datetime:
    """No link of this platform depends on it."""
    return datetime(2026, 1, 5, tzinfo=UTC)


STORE = Store("shopify_my", "shopify", "main")
LISTINGS = [ListingRef("SKU-1", "1000", "2001")]
REDIRECT = "https://erp.example.test/back"
TOKENS = {
    "access_token": "shpat_next",
    "scope": "write_inventory",
    "expires_in": 3600,
    "refresh_token": "shprt_next",
    "refresh_token_expires_in": 7776000,
}
INACTIVE = {"error": "invalid_request", "error_description": "This request requires an active refresh_token"}

allow = ShopifyAuthorization()


def app_of(connection: Connection, **changed: object) -> ShopifyApp:
    given = {name: getattr(connection.settings, name) for name in ShopifyApp.model_fields}
    return ShopifyApp.model_validate({**given, **changed})


def called(secret: str, **changed: str) -> dict[str, str]:
    """The parameters of the redirect as Shopify signs them."""
    answer = {"code": "a-code", "shop": "demo.myshopify.com", "state": "s", "timestamp": "1337178173", **changed}
    return {**answer, "hmac": callback_signatures(secret, answer)[0]}


def exchanging(answer: dict[str, str] | None = None, sign: bool = True, **changed: object):  # type: ignore[no-untyped-def]
    async def talk(connection: Connection) -> object:
        app = app_of(connection, **changed)
        parameters = called(app.client_secret.get_secret_value(), **(answer or {})) if sign else answer or {}
        return await allow.exchange(app, parameters, connection.http, connection.now)

    return talk


async def refreshing(connection: Connection) -> object:
    return await allow.refresh(connection)


def test_it_is_an_authorization() -> None:
    assert isinstance(Shopify().authorization, Authorization)
    assert issubclass(ShopifySettings, allow.app)


def test_the_link_asks_the_shop_for_what_is_needed(shopify_settings: Any) -> None:
    link = urlsplit(allow.link(shopify_settings(), REDIRECT, "a state/&", midnight))

    assert f"{link.scheme}://{link.netloc}{link.path}" == "https://demo.myshopify.com/admin/oauth/authorize"
    assert parse_qsl(link.query) == [
        ("client_id", "an-id"),
        ("scope", "read_products,read_inventory,write_inventory,read_locations"),
        ("redirect_uri", REDIRECT),
        ("state", "a state/&"),
    ]
    assert "shpss_" not in link.query


def test_a_call_back_is_signed_as_the_documentation_says() -> None:
    """The example of Shopify's own manual."""
    answer = {
        "code": "0907a61c0c8d55e99db179b68161bc00",
        "shop": "some-shop.myshopify.com",
        "state": "0.6784241404160823",
        "timestamp": "1337178173",
        "hmac": "not a part of it",
    }

    assert set(callback_signatures("hush", answer)) == {
        "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"
    }


# A code


def test_a_code_is_exchanged_for_tokens_that_run_out(scripted: Any, reply: Any, now: datetime) -> None:
    grant = scripted.run(exchanging(), [reply(TOKENS)])

    tokens = {"access_token": "shpat_next", "refresh_token": "shprt_next"}
    assert grant == Grant(tokens, now + timedelta(seconds=3600), now + timedelta(days=90))
    [request] = scripted.requests
    assert (request.method, request.path) == ("POST", "/admin/oauth/access_token")
    assert request.body == {
        "client_id": "an-id",
        "client_secret": "shpss_client-secret-0123",
        "code": "a-code",
        "expiring": "1",
    }
    assert "shpat_next" not in repr(grant)


def test_a_token_that_does_not_run_out_needs_no_other(scripted: Any, reply: Any) -> None:
    given = {"access_token": "shpat_next", "scope": "write_inventory"}

    grant = scripted.run(exchanging(expiring=False), [reply(given)])
    assert grant == Grant({"access_token": "shpat_next", "refresh_token": ""})
    assert "expiring" not in scripted.requests[0].body


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"code": "a-code"},
        {"code": "a-code", "shop": "demo.myshopify.com", "hmac": "0" * 64},
        {"code": "a-code", "shop": "demo.myshopify.com", "hmac": "ä"},
        called("another-secret"),
        {**called("shpss_client-secret-0123"), "code": "another-code"},
        {**called("shpss_client-secret-0123"), "more": "than was signed"},
    ],
)
def test_an_address_that_is_not_signed_brings_nothing(scripted: Any, answer: dict[str, str]) -> None:
    refused = scripted.run(exchanging(answer, sign=False), [])

    assert isinstance(refused, Refused)
    assert refused.kind == "bad_request"


def test_a_signed_address_of_another_shop_brings_nothing(scripted: Any) -> None:
    refused = scripted.run(exchanging({"shop": "other.myshopify.com"}), [])

    assert isinstance(refused, Refused)
    assert "demo.myshopify.com" in refused.message


def test_parameters_are_signed_as_they_came(scripted: Any, reply: Any) -> None:
    strange = {"state": "a b&c=d%", "host": "YWRtaW4="}

    assert isinstance(scripted.run(exchanging(strange), [reply(TOKENS)]), Grant)


# A refresh


def test_a_refresh_token_is_sent_once_and_brings_the_next(scripted: Any, reply: Any, now: datetime) -> None:
    grant = scripted.run(refreshing, [reply({**TOKENS, "expires_in": 3599})])

    assert grant.access_until == now + timedelta(seconds=3599)
    assert scripted.requests[0].body == {
        "client_id": "an-id",
        "client_secret": "shpss_client-secret-0123",
        "grant_type": "refresh_token",
        "refresh_token": "shprt_0123456789abcdef",
    }


def test_without_a_refresh_token_only_the_seller_can_help(scripted: Any) -> None:
    assert scripted.run(refreshing, [], refresh_token=None).action == "reauthorize"


def test_an_app_of_the_same_organisation_asks_with_its_own_credentials(
    scripted: Any, reply: Any, now: datetime
) -> None:
    given = {"access_token": "shpat_next", "scope": "write_inventory", "expires_in": 86399}

    grant = scripted.run(refreshing, [reply(given)], refresh_token=None, client_credentials=True)
    assert grant == Grant({"access_token": "shpat_next", "refresh_token": ""}, now + timedelta(seconds=86399))
    assert scripted.requests[0].body["grant_type"] == "client_credentials"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, INACTIVE, "reauthorize"),
        (400, {"error": "invalid_grant"}, "reauthorize"),
        (400, {"error": "invalid_request", "error_description": "The authorization code was not found"}, "reauthorize"),
        (403, {"error": "access_denied"}, "reauthorize"),
        (400, {"error": "application_cannot_be_found"}, "bad_request"),
        (401, {"error": "invalid_client"}, "bad_request"),
        (404, {"errors": "Not Found"}, "bad_request"),
        (302, "", "bad_request"),
        (429, {}, "temporary"),
        (500, {}, "unknown"),
        (520, "error code: 520", "unknown"),
        (200, "", "unknown"),
        (200, {}, "unknown"),
        (200, {**TOKENS, "access_token": None}, "unknown"),
        (200, {**TOKENS, "access_token": "two words"}, "unknown"),
        (200, {**TOKENS, "refresh_token": "two\nlines"}, "unknown"),
    ],
)
def test_an_answer_without_tokens_becomes(scripted: Any, reply: Any, status: int, body: object, expected: str) -> None:
    failure = scripted.run(refreshing, [reply(body, status)])

    match failure:
        case Unauthorized():
            assert failure.action == expected
        case Refused():
            assert failure.kind == expected
        case Temporary() | Unknown():
            assert type(failure).__name__.lower() == expected
        case _:
            raise AssertionError(f"{failure}")


@pytest.mark.parametrize("lasts", [None, -1, True, "3600", 10**12])
def test_a_time_that_makes_no_sense_is_none(scripted: Any, reply: Any, lasts: object) -> None:
    assert scripted.run(refreshing, [reply({**TOKENS, "expires_in": lasts})]).access_until is None


def test_secrets_that_shopify_repeats_are_not_passed_on(scripted: Any, reply: Any) -> None:
    said = "no shprt_0123456789abcdef, no shpss_client-secret-0123, no a-code"
    body = {"error": "invalid_request", "error_description": said}

    refreshed = scripted.run(refreshing, [reply(body, 400)])
    exchanged = scripted.run(exchanging(), [reply(body, 400)])
    assert "shprt_" not in repr(refreshed)
    assert "shpss_" not in repr(refreshed) + repr(exchanged)
    assert "a-code" not in repr(exchanged)


# The whole way, in the local Shopify


async def let_in(connection: Connection, **changed: object) -> Grant | object:
    """Follows the link as a seller does, and exchanges what comes back."""
    app = app_of(connection, **changed)
    async with connection.http.get(allow.link(app, REDIRECT, "s", midnight), allow_redirects=False) as response:
        assert response.status == 302
        back = dict(parse_qsl(urlsplit(response.headers["Location"]).query))
    return await allow.exchange(app, back, connection.http, connection.now)


def with_grant(connection: Connection, grant: Any) -> Connection:
    given = {**dict(connection.settings), **grant.settings}
    return replace(connection, settings=ShopifySettings.model_validate(given))


async def push_one(connection: Connection, quantity: int) -> object:
    [outcome] = await Shopify().push(Batch(connection, (CellPush("SKU-1", "1000", "2001", "", quantity),)))
    return outcome


def test_a_seller_lets_the_app_in_for_good(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> None:
        grant: Any = await let_in(connection, expiring=False)
        assert (grant.access_until, grant.settings["refresh_token"]) == (None, "")
        own = with_grant(connection, grant)
        assert await push_one(own, 8) == Confirmed()
        assert isinstance(await push_one(connection, 9), Unauthorized)
        assert isinstance(await allow.refresh(own), Unauthorized)

    in_sandbox.run(talk, STORE, LISTINGS)


def test_without_the_scope_nothing_is_written_and_the_seller_is_asked(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        return await push_one(with_grant(connection, await let_in(connection, scopes="read_inventory")), 8)

    outcome = in_sandbox.run(talk, STORE, LISTINGS)
    assert isinstance(outcome, Unauthorized)
    assert (outcome.action, outcome.code) == ("reauthorize", "ACCESS_DENIED")
    assert "write_inventory" in outcome.message


def test_a_lost_refresh_is_asked_for_again_until_the_new_token_is_used(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> None:
        lost = await allow.refresh(connection)
        again = await allow.refresh(connection)
        assert isinstance(lost, Grant)
        assert isinstance(again, Grant)
        assert await push_one(with_grant(connection, again), 8) == Confirmed()
        late = await allow.refresh(connection)
        assert isinstance(late, Unauthorized)
        assert late.action == "reauthorize"
        assert sandbox.refreshes == 2

    in_sandbox.run(talk, STORE, LISTINGS)


def test_tokens_end_when_they_say(in_sandbox: Any, now: datetime) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> None:
        grant: Any = await let_in(connection)
        own = with_grant(connection, grant)
        sandbox.now = lambda: grant.access_until - timedelta(seconds=1)
        assert await push_one(own, 8) == Confirmed()
        sandbox.now = lambda: grant.access_until
        assert isinstance(await push_one(own, 9), Unauthorized)
        sandbox.now = lambda: grant.refresh_until
        assert isinstance(await allow.refresh(own), Unauthorized)

    in_sandbox.run(talk, STORE, LISTINGS)


def test_the_apps_own_credentials_bring_a_token_into_the_local_shop(in_sandbox: Any) -> None:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        grant = await allow.refresh(connection)
        return await push_one(with_grant(connection, grant), 8)

    outcome = in_sandbox.run(talk, STORE, LISTINGS, client_credentials=True, access_token="none-yet", refresh_token="")
    assert outcome == Confirmed()
