"""A code, a refresh token or the app's own credentials in, tokens of one shop out, or why there are none."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import aiohttp as http_client

from pushdsl.plugins import Connection, Failure, Grant, Refused, Temporary, Unauthorized, Unknown
from pushdsl_shopify.settings import ShopifyApp, ShopifySettings, is_sendable
from pushdsl_shopify.signing import callback_signatures
from pushdsl_shopify.wire import Fields, lost, parsed_object, seconds, text, whole_number

if TYPE_CHECKING:
    import aiohttp

TOKENS_PATH = "/admin/oauth/access_token"

_TEN_YEARS_SECONDS = 10 * 365 * 86_400
_CREDENTIALS = "check `shop`, `client_id` and `client_secret` in the settings"

_NO_CODE = Refused("", "the address that Shopify called has no `code`: start again at the link", "bad_request")
_NOT_SIGNED = Refused(
    "", "the address that Shopify called is not signed with the `client_secret` of the settings", "bad_request"
)
_NO_REFRESH_TOKEN = Unauthorized("reauthorize", "the settings have no refresh token: the seller has to agree again")
_UNREADABLE = Unknown("the tokens that Shopify answered with cannot be read")


async def exchange(
    app: ShopifyApp, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
) -> Grant | Failure:
    """The signature is checked first: anyone can call a redirect."""
    code = answer.get("code")
    if not code:
        return _NO_CODE
    if not _is_signed(app, answer):
        return _NOT_SIGNED
    if answer.get("shop") != app.shop:
        return Refused("", f"the seller let the app into another shop than `{app.shop}`", "bad_request")
    asked = {"code": code, **({"expiring": "1"} if app.expiring else {})}
    return await _granted(app, asked, http, now(), reuses=False)


def _is_signed(app: ShopifyApp, answer: Mapping[str, str]) -> bool:
    given = answer.get("hmac", "").lower().encode(errors="replace")
    expected = callback_signatures(app.client_secret.get_secret_value(), answer)
    return any(hmac.compare_digest(signature.encode(), given) for signature in expected)


async def refresh(connection: Connection) -> Grant | Failure:
    """A refresh token is good until the one that it brought is first used, so a lost answer loses nothing."""
    settings = cast(ShopifySettings, connection.settings)  # the core validates with our own model
    if settings.client_credentials:
        asked = {"grant_type": "client_credentials"}
    elif settings.refresh_token is not None:
        asked = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token.get_secret_value()}
    else:
        return _NO_REFRESH_TOKEN
    return await _granted(settings, asked, connection.http, connection.now(), reuses=settings.client_credentials)


async def _granted(
    app: ShopifyApp, asked: Mapping[str, str], http: aiohttp.ClientSession, at: datetime, *, reuses: bool
) -> Grant | Failure:
    """`at` is the time of asking, so that no token seems to live longer than it does."""
    secret = app.client_secret.get_secret_value()
    form = {"client_id": app.client_id, "client_secret": secret, **asked}
    headers = {"Accept": "application/json"}
    try:
        async with http.post(app.address + TOKENS_PATH, data=form, headers=headers, allow_redirects=False) as response:
            received = await response.read()
    except (http_client.ClientError, OSError, TimeoutError) as error:
        return lost(error)
    if response.status == 200:
        return _grant(parsed_object(received, ()), at)
    sent = [secret, *(asked[name] for name in ("code", "refresh_token") if name in asked)]
    body, retry_after = parsed_object(received, sent), seconds(response.headers.get("Retry-After"))
    return _refused(response.status, body, retry_after, reuses=reuses)


def _refused(status: int, body: Fields, retry_after: float | None, *, reuses: bool) -> Failure:
    code = text(body, "error")
    words = text(body, "error_description") or text(body, "errors") or code or f"HTTP {status}"
    if status == 429:
        return Temporary(words, retry_after, str(status))
    if status >= 500:
        return Unknown(f"Shopify failed with HTTP {status} {words}")
    if code in ("invalid_client", "application_cannot_be_found") or reuses or status not in (400, 401, 403):
        return Refused(code or str(status), f"{words} ({_CREDENTIALS})", "bad_request")
    return Unauthorized("reauthorize", words, code or str(status))


def _grant(given: Fields, at: datetime) -> Grant | Unknown:
    """Without an end the token does not run out, and an earlier refresh token is of no use any more."""
    access, renewed = text(given, "access_token"), text(given, "refresh_token")
    if not is_sendable(access) or (renewed and not is_sendable(renewed)):
        return _UNREADABLE
    return Grant(
        {"access_token": access, "refresh_token": renewed},
        _until(at, given.get("expires_in")),
        _until(at, given.get("refresh_token_expires_in")),
    )


def _until(at: datetime, lasts: object) -> datetime | None:
    number = whole_number(lasts)
    return at + timedelta(seconds=number) if number is not None and 0 <= number <= _TEN_YEARS_SECONDS else None
