"""From the link to tokens and on to the next ones: what is sent, what each answer means, and the whole way at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
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
from pushdsl_tiktok.authorization import TikTokAuthorization
from pushdsl_tiktok.platform import TikTok, Tokopedia
from pushdsl_tiktok.settings import TikTokApp, TikTokSettings, TokopediaApp
from pushdsl_tiktok.signing import request_signature

if TYPE_CHECKING:
    from conftest import Reply, Scripted

    from pushdsl_tiktok.sandbox import TikTokSandbox


def midnight() -> datetime:
    """No link of this platform depends on it."""
    return datetime(2026, 1, 5, tzinfo=UTC)


NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
APP = TikTokApp.model_validate({"app_key": "29a39d", "app_secret": "e59af819cc", "service_id": "7172122430166336261"})
STORE = Store("tiktok_my", "tiktok", "main", region="MY")
LISTINGS = [ListingRef("MUG-RED", "1729", "31")]
CALLED = {"app_key": "29a39d", "code": "ROW_a-code", "locale": "en", "shop_region": "MY", "state": "s"}
ACCESS_UNTIL, REFRESH_UNTIL = NOW + timedelta(days=7), datetime(2125, 5, 25, 14, 47, 56, tzinfo=UTC)
MY, SG, ID = (
    {"id": f"749{n}", "cipher": f"ROW_{region}", "region": region, "name": f"Mugs {region}", "seller_type": "LOCAL"}
    for n, region in enumerate(("MY", "SG", "ID"))
)

allow = TikTokAuthorization()


def tokens(**changed: object) -> dict[str, object]:
    data = {
        "access_token": "ROW_next-access",
        "access_token_expire_in": int(ACCESS_UNTIL.timestamp()),
        "refresh_token": "ROW_next-refresh",
        "refresh_token_expire_in": int(REFRESH_UNTIL.timestamp()),
        "open_id": "7010736057180325637",
        "seller_name": "Mugs",
        "seller_base_region": "MY",
        "user_type": 0,
        "granted_scopes": ["seller.product.basic"],
    }
    return {"code": 0, "message": "success", "data": {**data, **changed}, "request_id": "x"}


def shops(*listed: object) -> dict[str, object]:
    return {"code": 0, "message": "Success", "data": {"shops": list(listed)}, "request_id": "x"}


def refused(code: int, message: str = "") -> dict[str, object]:
    return {"code": code, "message": message, "request_id": "x"}


def exchange(called: dict[str, str] | None = None, **named: object) -> Callable[[Connection], Awaitable[object]]:
    """An exchange for the app at the server that the connection leads to; `named` is what the settings add."""

    async def talk(connection: Connection) -> object:
        at = connection.settings.base_url  # type: ignore[attr-defined]
        app = APP.model_copy(update={"base_url": at, "auth_url": at, **named})
        return await allow.exchange(app, CALLED if called is None else called, connection.http, connection.now)

    return talk


BOTH: list[Callable[[Connection], Awaitable[object]]] = [exchange(), allow.refresh]


@pytest.mark.parametrize("platform", [TikTok(), Tokopedia()], ids=lambda platform: platform.name)
def test_it_is_an_authorization(platform: TikTok) -> None:
    assert isinstance(platform.authorization, Authorization)
    assert timedelta(minutes=5) <= platform.authorization.refresh_ahead < timedelta(days=1)


# The link


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ({}, "https://services.tiktokshop.com/open/authorize"),
        ({"consent_url": "us"}, "https://services.us.tiktokshop.com/open/authorize"),
    ],
)
def test_the_link_names_service_and_state_and_nothing_else(given: dict[str, str], page: str) -> None:
    app = TikTokApp.model_validate(
        {"app_key": "29a39d", "app_secret": "e59af819cc", "service_id": "7172122430166336261", **given}
    )

    address = urlsplit(allow.link(app, "https://erp.example.test/back", "a state/&", midnight))
    assert page == f"{address.scheme}://{address.netloc}{address.path}"
    assert parse_qsl(address.query) == [("service_id", "7172122430166336261"), ("state", "a state/&")]


# What is sent


def test_a_code_becomes_tokens_and_the_tokens_a_shop(scripted: Scripted, reply: type[Reply]) -> None:
    grant = scripted.run(exchange(), [reply(tokens()), reply(shops(MY))])

    given = {
        "access_token": "ROW_next-access",
        "refresh_token": "ROW_next-refresh",
        "shop_cipher": "ROW_MY",
        "shop_id": "7490",
    }
    assert Grant(given, ACCESS_UNTIL, REFRESH_UNTIL) == grant
    first, second = scripted.calls
    assert (first.method, first.path, first.body) == ("GET", "/api/v2/token/get", b"")
    assert first.query == {
        "app_key": "29a39d",
        "app_secret": "e59af819cc",
        "auth_code": "ROW_a-code",
        "grant_type": "authorized_code",
    }
    assert (second.method, second.path, second.body) == ("GET", "/authorization/202309/shops", b"")
    asked = {"app_key": "29a39d", "timestamp": str(int(NOW.timestamp()))}
    assert {**asked, "sign": request_signature("e59af819cc", second.path, asked)} == second.query
    assert (second.headers["x-tts-access-token"], second.headers["Content-Type"]) == (
        "ROW_next-access",
        "application/json",
    )


def test_a_refresh_token_becomes_the_next_ones(scripted: Scripted, reply: type[Reply]) -> None:
    grant = scripted.run(allow.refresh, [reply(tokens())])

    given = {"access_token": "ROW_next-access", "refresh_token": "ROW_next-refresh"}
    assert Grant(given, ACCESS_UNTIL, REFRESH_UNTIL) == grant
    [call] = scripted.calls
    assert (call.method, call.path, call.body) == ("GET", "/api/v2/token/refresh", b"")
    assert call.query == {
        "app_key": "29a39d",
        "app_secret": "e59af819cc",
        "refresh_token": "ROW_refresh-token",
        "grant_type": "refresh_token",
    }


def test_settings_without_a_refresh_token_need_the_seller(scripted: Scripted) -> None:
    def talk(connection: Connection) -> Any:
        settings = connection.settings.model_copy(update={"refresh_token": None})
        return allow.refresh(replace(connection, settings=settings))

    assert Unauthorized("reauthorize", "the settings have no refresh token") == scripted.run(talk, [])


@pytest.mark.parametrize("called", [{}, {"code": ""}, {"code": "null"}, {"state": "s", "shop_region": "MY"}])
def test_without_a_code_nothing_is_sent(scripted: Scripted, called: dict[str, str]) -> None:
    outcome = scripted.run(exchange(called), [])

    assert isinstance(outcome, Refused)
    assert "start again at the link" in outcome.message


def test_a_seller_who_does_not_agree_is_asked_again_by_a_new_link_alone(scripted: Scripted) -> None:
    outcome = scripted.run(exchange({"code": "null", "error": "auth_denied", "state": "s"}), [])

    assert Unauthorized("reauthorize", "the seller did not agree, only a new link helps", "auth_denied") == outcome


# Which shop


@pytest.mark.parametrize(
    ("named", "listed", "cipher"),
    [
        ({}, [SG], "ROW_SG"),
        ({"region": "SG"}, [MY, SG, ID], "ROW_SG"),
        ({"shop_id": "7490"}, [MY, SG, ID], "ROW_MY"),
        ({"shop_id": "7490", "region": "MY"}, [MY, SG], "ROW_MY"),
        ({"tokopedia": True}, [MY, SG, ID], "ROW_ID"),
        ({}, [MY, {"id": "7499", "region": "SG"}], "ROW_MY"),
    ],
)
def test_the_shop_is_the_only_one_or_the_one_that_the_settings_name(
    scripted: Scripted, reply: type[Reply], named: dict[str, object], listed: list[object], cipher: str
) -> None:
    grant = scripted.run(exchange(**named), [reply(tokens()), reply(shops(*listed))])

    assert isinstance(grant, Grant)
    assert grant.settings["shop_cipher"] == cipher


@pytest.mark.parametrize(
    ("named", "listed", "words"),
    [
        (
            {},
            [MY, SG],
            "lets in several shops; TikTok lists: 7490 MY “Mugs MY”, 7491 SG “Mugs SG” (name one with `shop",
        ),
        ({"region": "MY"}, [MY, {**MY, "id": "7"}, SG], "lists: 7490 MY “Mugs MY”, 7 MY “Mugs MY” (name one"),
        ({"shop_id": "1"}, [MY], "does not let in the shop 1; TikTok lists: 7490 MY “Mugs MY” (correct `shop_id`"),
        ({"shop_id": "7490", "region": "SG"}, [MY], "does not let in the shop 7490"),
        ({"region": "TH"}, [MY], "lets in no shop of the region TH"),
        ({"tokopedia": True}, [MY, SG], "lets in no shop of the region ID"),
        ({}, [], "lets in no shop; TikTok lists: none"),
        ({}, [{"id": 5, "name": "two\nlines"}], "TikTok lists: 5 (log in"),
    ],
)
def test_a_shop_that_cannot_be_told_is_refused_with_those_that_there_are(
    scripted: Scripted, reply: type[Reply], named: dict[str, object], listed: list[object], words: str
) -> None:
    outcome = scripted.run(exchange(**named), [reply(tokens()), reply(shops(*listed))])

    assert isinstance(outcome, Refused)
    assert (outcome.kind, words in outcome.message) == ("bad_request", True), outcome.message


def test_a_tokopedia_app_looks_for_an_indonesian_shop(scripted: Scripted, reply: type[Reply]) -> None:
    async def talk(connection: Connection) -> object:
        at = connection.settings.base_url  # type: ignore[attr-defined]
        app = TokopediaApp.model_validate({**APP.model_dump(exclude={"tokopedia"}), "base_url": at, "auth_url": at})
        authorization = Tokopedia().authorization
        assert authorization is not None
        return await authorization.exchange(app, CALLED, connection.http, connection.now)

    grant = scripted.run(talk, [reply(tokens()), reply(shops(MY, ID))])
    assert isinstance(grant, Grant)
    assert grant.settings["shop_cipher"] == "ROW_ID"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 429, "body": refused(36009002, "slow down")}, Unauthorized),
        ({"status": 500, "body": ""}, Unauthorized),
        ({"body": refused(105005, "scope")}, Unauthorized),
        ({"body": refused(106001, "sign")}, Refused),
        ({"body": {"code": 0, "data": {"shops": "?"}}}, Unknown),
        ({"body": {"code": 0, "data": {"shops": ["?"]}}}, Unknown),
    ],
)
def test_a_code_is_used_up_where_the_shops_cannot_be_listed(
    scripted: Scripted, reply: type[Reply], answer: dict[str, Any], expected: type
) -> None:
    """Trying again with it would be refused, so no failure says that it is worth a try."""
    outcome = scripted.run(exchange(), [reply(tokens()), reply(**answer)])

    assert type(outcome) is expected
    assert getattr(outcome, "action", "reauthorize") == "reauthorize"


# What the answers mean


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (36004004, "invalid auth code"),
        (36004005, "can not find related auth record"),
        (105001, "Your Authorization has Expired"),
        (105002, "access token is expired"),
        (36009004, "Invalid credentials. The `access_token` is invalid."),
        (40102, ""),
    ],
)
def test_what_only_the_seller_can_mend_asks_for_the_seller(
    scripted: Scripted, reply: type[Reply], talk: Any, code: int, message: str
) -> None:
    assert Unauthorized("reauthorize", message, str(code)) == scripted.run(talk, [reply(refused(code, message))])


@pytest.mark.parametrize("talk", BOTH)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"body": refused(98001004, "invalid params")}, Refused("98001004", "invalid params", "bad_request")),
        (
            {"status": 429, "body": refused(36009002, "slow down"), "headers": {"Retry-After": "2"}},
            Temporary("slow down", 2.0, "36009002"),
        ),
        ({"status": 503, "body": ""}, Temporary("TikTok Shop is overloaded", None, "503")),
        ({"status": 500, "body": ""}, Unknown("TikTok Shop failed with HTTP 500")),
        ({"status": 404, "body": "404 page not found"}, Unknown("the answer of TikTok Shop, HTTP 404, cannot be read")),
        ({"drop": True}, Unknown("the connection to TikTok Shop broke before its answer")),
        ({"status": 302, "body": tokens()}, Unknown("TikTok Shop answered HTTP 302 and success at once")),
        ({"body": "<html>"}, Unknown("the answer of TikTok Shop, HTTP 200, cannot be read")),
        ({"body": {"code": 0, "data": {}}}, Unknown("the tokens that TikTok answered with cannot be read")),
        ({"body": tokens(access_token="")}, Unknown("the tokens that TikTok answered with cannot be read")),
        ({"body": tokens(access_token=7)}, Unknown("the tokens that TikTok answered with cannot be read")),
        ({"body": tokens(refresh_token=None)}, Unknown("the tokens that TikTok answered with cannot be read")),
        ({"body": tokens(refresh_token="a\r\nb")}, Unknown("the tokens that TikTok answered with cannot be read")),
    ],
    ids=str,
)
def test_a_token_call_that_fails(
    scripted: Scripted, reply: type[Reply], talk: Any, answer: dict[str, Any], expected: object
) -> None:
    assert expected == scripted.run(talk, [reply(**answer)])


@pytest.mark.parametrize(
    ("told", "until"),
    [
        (1767787200, datetime(2026, 1, 7, 12, 0, tzinfo=UTC)),
        ("1767787200", datetime(2026, 1, 7, 12, 0, tzinfo=UTC)),
        (4903858076, datetime(2125, 5, 25, 14, 47, 56, tzinfo=UTC)),
        (604800, None),  # a duration, which TikTok does not mean
        (int(NOW.timestamp()), None),
        (10**17, None),
        (-5, None),
        (None, None),
        ("soon", None),
        (1767787200.5, None),
    ],
)
def test_the_end_of_a_token_is_a_point_in_time(
    scripted: Scripted, reply: type[Reply], told: object, until: datetime | None
) -> None:
    answer = reply(tokens(access_token_expire_in=told, refresh_token_expire_in=told))

    grant = scripted.run(allow.refresh, [answer])
    assert isinstance(grant, Grant)
    assert (until, until) == (grant.access_until, grant.refresh_until)


@pytest.mark.parametrize(("talk", "secret"), [(exchange(), "ROW_a-code"), (allow.refresh, "ROW_refresh-token")])
@pytest.mark.parametrize(
    "answer",
    [
        {"body": refused(98001004, "no SECRET of e59af819cc")},
        {"status": 500, "body": refused(1, "?app_secret=e59af819cc&auth_code=SECRET")},
        {"status": 302, "body": "", "headers": {"Location": "/?app_secret=e59af819cc"}},
        {"body": "<html>"},
        {"drop": True},
    ],
    ids=str,
)
def test_the_address_of_a_token_call_is_in_no_outcome_and_no_log(
    scripted: Scripted,
    reply: type[Reply],
    caplog: pytest.LogCaptureFixture,
    talk: Any,
    secret: str,
    answer: dict[str, Any],
) -> None:
    caplog.set_level("DEBUG")
    body = answer.get("body", "")
    if isinstance(body, dict):
        answer = {**answer, "body": {**body, "message": body["message"].replace("SECRET", secret)}}

    said = repr(scripted.run(talk, [reply(**answer)])) + caplog.text
    assert not [s for s in ("e59af819cc", secret, "token/get", "token/refresh") if s in said]


class _Broken:
    """A session whose every call fails with an error that names the address."""

    def request(self, method: str, url: str, *, params: dict[str, str], **_: object) -> Any:
        import aiohttp

        raise aiohttp.InvalidURL(f"{url}?{params}")


@pytest.mark.parametrize("talk", BOTH)
def test_an_error_that_names_the_address_is_not_passed_on(scripted: Scripted, talk: Any) -> None:
    outcome = scripted.run(lambda connection: talk(replace(connection, http=_Broken())), [])

    assert Unknown("the connection to TikTok Shop broke before its answer") == outcome


def test_tokens_are_not_in_the_repr_of_a_grant(scripted: Scripted, reply: type[Reply]) -> None:
    assert "ROW_next" not in repr(scripted.run(allow.refresh, [reply(tokens())]))


# The whole way


async def agreed(connection: Connection, link: str) -> dict[str, str]:
    """What the seller's browser is sent back with."""
    async with connection.http.get(link, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        address = urlsplit(response.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://127.0.0.1:8765/"
    return dict(parse_qsl(address.query))


def app_of(connection: Connection, **named: object) -> TikTokApp:
    given = connection.settings.model_dump(include=set(TikTokApp.model_fields) - {"shop_id"})
    return TikTokApp.model_validate({**given, **named})


def with_tokens(connection: Connection, grant: object) -> Connection:
    """As the core lays a grant over the settings of the file."""
    assert isinstance(grant, Grant), grant
    settings = TikTokSettings.model_validate({**connection.settings.model_dump(), **grant.settings})
    return replace(connection, settings=settings)


async def pushed(connection: Connection) -> object:
    return (await TikTok().push(Batch(connection, (CellPush("MUG-RED", "1729", "31", "", 9),))))[0]


def test_from_the_link_to_a_push_to_a_refresh(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        app = app_of(connection)
        called = await agreed(connection, allow.link(app, "http://127.0.0.1:8765/", "the state", midnight))
        assert (called["state"], called["shop_region"]) == ("the state", "MY")
        granted = await allow.exchange(app, called, connection.http, connection.now)
        assert isinstance(granted, Grant)
        assert granted.access_until == NOW + timedelta(days=7)
        first = with_tokens(connection, granted)
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


def test_a_seller_who_refuses_sends_no_code(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        app = app_of(connection)
        called = await agreed(connection, f"{allow.link(app, '', 's', midnight)}&refuse=1")
        assert called == {"code": "null", "error": "auth_denied", "state": "s"}
        return await allow.exchange(app, called, connection.http, connection.now)

    assert in_sandbox.run(talk, STORE, LISTINGS).code == "auth_denied"


def test_one_of_a_sellers_shops_is_chosen_by_its_region(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        other = sandbox.open_shop(Store("tiktok_sg", "tiktok", "sg", region="SG"), LISTINGS)
        sandbox.give_to_seller_of(STORE.name, "tiktok_sg")
        chosen = []
        for named in ({}, {"region": "SG"}):
            app = app_of(connection, **named)
            called = await agreed(connection, allow.link(app, "", "s", midnight))
            chosen.append(await allow.exchange(app, called, connection.http, connection.now))
        several, grant = chosen
        assert isinstance(several, Refused)
        assert "tiktok_my" in several.message
        assert "tiktok_sg" in several.message
        assert isinstance(grant, Grant)
        return grant.settings["shop_cipher"] == other["shop_cipher"]

    assert in_sandbox.run(talk, STORE, LISTINGS) is True


def test_where_several_sellers_are_open_the_page_asks_who_it_is(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        other = sandbox.open_shop(Store("<other>", "tiktok", "other"), LISTINGS)
        app = app_of(connection)
        link = allow.link(app, "", "s", midnight)
        async with connection.http.get(link) as response:
            page = await response.text()
        assert "&lt;other&gt;" in page
        href = page.split('href="')[-2 if page.index("&lt;other") < page.index("tiktok_my") else -1].split('"')[0]
        called = await agreed(connection, sandbox.base_url + href.replace("&amp;", "&"))
        grant = await allow.exchange(app, called, connection.http, connection.now)
        assert isinstance(grant, Grant)
        return grant.settings["shop_id"] == other["shop_id"]

    assert in_sandbox.run(talk, STORE, LISTINGS) is True


@pytest.mark.parametrize(("minutes", "kind"), [(29, Grant), (30, Unauthorized)])
def test_a_code_is_good_for_half_an_hour(in_sandbox: Any, minutes: int, kind: type) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        code, later = sandbox.auth_code(STORE.name), NOW + timedelta(minutes=minutes)
        sandbox.now = lambda: later
        return await allow.exchange(app_of(connection), {"code": code}, connection.http, lambda: later)

    assert type(in_sandbox.run(talk, STORE, LISTINGS)) is kind


@pytest.mark.parametrize(("days", "kind"), [(364, Grant), (365, Unauthorized)])
def test_a_refresh_token_ends_when_tiktok_said_so(in_sandbox: Any, days: int, kind: type) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        later = NOW + timedelta(days=days)
        sandbox.now = lambda: later
        return await allow.refresh(replace(connection, now=lambda: later))

    assert type(in_sandbox.run(talk, STORE, LISTINGS)) is kind


@pytest.mark.parametrize(("hours", "outcome"), [(167, Confirmed), (168, Unauthorized)])
def test_an_access_token_ends_after_seven_days(in_sandbox: Any, hours: int, outcome: type) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        later = NOW + timedelta(hours=hours)
        sandbox.now = lambda: later
        return await pushed(replace(connection, now=lambda: later))

    assert type(in_sandbox.run(talk, STORE, LISTINGS)) is outcome


def test_a_wrong_secret_lets_nobody_in(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        wrong = connection.settings.model_copy(update={"app_secret": APP.app_secret})
        code = sandbox.auth_code(STORE.name)
        exchanged = await allow.exchange(wrong, {"code": code}, connection.http, connection.now)
        return [await allow.refresh(replace(connection, settings=wrong)), exchanged]

    assert [outcome.code for outcome in in_sandbox.run(talk, STORE, LISTINGS)] == ["98001004", "98001004"]


def test_another_service_has_no_page(in_sandbox: Any) -> None:
    async def talk(sandbox: TikTokSandbox, connection: Connection) -> object:
        async with connection.http.get(allow.link(app_of(connection, service_id="1"), "", "s", midnight)) as response:
            return response.status

    assert in_sandbox.run(talk, STORE, LISTINGS) == 404
