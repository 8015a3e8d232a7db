"""How a seller lets the app in, and how his tokens are renewed: by the two token calls, signed like all others.

A refresh gives a new access token its full time, but moves the day on which the seller has to agree again by nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from pydantic import BaseModel

from pushdsl.plugins import Connection, Failure, Grant, Unauthorized, Unknown
from pushdsl_lazada.errors import trouble
from pushdsl_lazada.settings import BASE_URLS, LazadaApp, LazadaSettings, is_sendable

if TYPE_CHECKING:
    import aiohttp

CONSENT_PATH = "/oauth/authorize"
CREATE_PATH = "/auth/token/create"
REFRESH_PATH = "/auth/token/refresh"

_TEN_YEARS_SECONDS = 10 * 365 * 86_400


class LazadaAuthorization:
    """Stateless. A code is good for 30 minutes and one time."""

    app: type[BaseModel] = LazadaApp
    # As Lazada recommends.
    refresh_ahead = timedelta(minutes=30)

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        """`redirect` must be the app's callback address to the letter, so the state stands beside it."""
        asked = cast(LazadaApp, app)  # the core validates with our own model
        query = {
            "response_type": "code",
            "force_auth": "true",
            "redirect_uri": redirect,
            "client_id": asked.app_key,
            "state": state,
        }
        return f"{asked.auth_url}{CONSENT_PATH}?{urlencode(query)}"

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        if not answer.get("code"):
            return Unauthorized("reauthorize", "Lazada called back without a code: the seller did not agree")
        return await _granted(cast(LazadaApp, app), CREATE_PATH, {"code": answer["code"]}, "", http, now())

    async def refresh(self, connection: Connection) -> Grant | Failure:
        settings = cast(LazadaSettings, connection.settings)
        if settings.refresh_token is None:
            return Unauthorized("reauthorize", "the settings have no refresh token: the seller has to agree again")
        params = {"refresh_token": settings.refresh_token.get_secret_value()}
        country = connection.store.region or settings.country
        return await _granted(settings, REFRESH_PATH, params, country, connection.http, connection.now())


async def _granted(
    app: LazadaApp, api_path: str, params: Mapping[str, str], country: str, http: aiohttp.ClientSession, now: datetime
) -> Grant | Failure:
    from pushdsl_lazada.wire import Answer, send, signed

    # The new tokens may equal the old ones, so only the app's secret is blanked in what came.
    url = f"{app.auth_url}/rest"
    answer = await send(http, "POST", url, api_path, signed(app, now, api_path, params), [app.app_secret])
    if not isinstance(answer, Answer):
        return _without(answer, params)
    if answer.code != "0" or answer.rows:
        return _without(trouble("auth", answer.code, answer.message, retry_after=answer.retry_after), params)
    return _grant(answer.body, country, now) or Unknown("Lazada's answer has no tokens that can be used")


def _without(failure: Failure, params: Mapping[str, str]) -> Failure:
    """The failure without the code or token that was sent, should Lazada repeat it.

    A token that a token call refuses cannot be refreshed in its turn.
    """
    message = failure.message
    for sent in params.values():
        message = message.replace(sent, "…")
    if isinstance(failure, Unauthorized):
        return replace(failure, action="reauthorize", message=message)
    return replace(failure, message=message)


def _grant(body: Mapping[str, object], country: str, now: datetime) -> Grant | None:
    """None where the answer is no pair of tokens. `now` is the time of asking, so that no time is told too long."""
    from pushdsl_lazada.wire import whole_number

    access, refresh = _token(body, "access_token"), _token(body, "refresh_token")
    lasts, refresh_lasts = whole_number(body.get("expires_in")), whole_number(body.get("refresh_expires_in"))
    if not access:
        return None
    settings = {"access_token": access, **dict(_seller(body, country))}
    if refresh_lasts == 0:
        # Lazada's way to say that this access cannot be refreshed
        return Grant({**settings, "refresh_token": ""}, _until(now, lasts), now)
    if refresh:
        settings["refresh_token"] = refresh
    return Grant(settings, _until(now, lasts), _until(now, refresh_lasts))


def _token(body: Mapping[str, object], name: str) -> str:
    given = body.get(name)
    return given if isinstance(given, str) and is_sendable(given) else ""


def _until(now: datetime, seconds: int | None) -> datetime | None:
    if seconds is None or not 0 < seconds <= _TEN_YEARS_SECONDS:
        return None
    return now + timedelta(seconds=seconds)


def _seller(body: Mapping[str, object], country: str) -> Iterator[tuple[str, str]]:
    """Country and id of the seller, as far as they are certain: a cross-border seller has six of each.

    The list of them has one name where a code was given and another where a token was refreshed.
    """
    from pushdsl_lazada.wire import text

    listed = body.get("country_user_info", body.get("country_user_info_list"))
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    of_country = {text(row, "country").upper(): text(row, "seller_id") for row in rows}
    named = (country or text(body, "country")).upper()
    if named not in of_country and len(of_country) == 1:
        named = next(iter(of_country))
    if named in BASE_URLS:
        yield "country", named.lower()
    if of_country.get(named):
        yield "seller_id", of_country[named]
