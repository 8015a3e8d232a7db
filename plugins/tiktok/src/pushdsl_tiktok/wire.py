"""One call to TikTok: what to ask in, its answer out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, Unpack, cast

import aiohttp
from pydantic import SecretStr

from pushdsl.plugins import Connection, Temporary, Unknown
from pushdsl_tiktok.settings import TikTokApp, TikTokSettings
from pushdsl_tiktok.signing import request_signature

_WORDS_MAX = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What TikTok said. `code` 0 is success of the call, not of every row; `data` is empty where there was none."""

    code: int
    message: str
    data: Mapping[str, object]
    retry_after: float | None = None


async def post(connection: Connection, path: str, body: Mapping[str, object]) -> Answer | Temporary | Unknown:
    """Sends once and never again, whatever happens; `path` is already quoted and is signed as it stands."""
    sent = json.dumps(body, separators=(",", ":")).encode()
    return await _of_shop(connection, "POST", path, sent)


async def get(connection: Connection, path: str) -> Answer | Temporary | Unknown:
    """The same without a body."""
    return await _of_shop(connection, "GET", path, b"")


async def get_for_token(
    app: TikTokApp, http: aiohttp.ClientSession, now: Callable[[], datetime], token: SecretStr, path: str
) -> Answer | Temporary | Unknown:
    """A signed call that is about no shop."""
    return await _signed(app, http, now, token, "GET", path, {}, b"")


async def get_tokens(
    app: TikTokApp, http: aiohttp.ClientSession, path: str, parameters: Mapping[str, str], secret: str
) -> Answer | Temporary | Unknown:
    """Not signed: app and seller are known by the secrets in the address, which therefore is in no outcome."""
    query = {"app_key": app.app_key, "app_secret": app.app_secret.get_secret_value(), **parameters}
    secrets = [query["app_secret"], secret]
    return await _exchanged(http, "GET", app.auth_url + path, query, {}, None, secrets, middlewares=(_once,))


async def _of_shop(connection: Connection, method: str, path: str, body: bytes) -> Answer | Temporary | Unknown:
    settings = cast(TikTokSettings, connection.settings)  # the core validates with our own model
    shop = {"shop_cipher": settings.shop_cipher}
    return await _signed(settings, connection.http, connection.now, settings.access_token, method, path, shop, body)


async def _signed(
    app: TikTokApp,
    http: aiohttp.ClientSession,
    now: Callable[[], datetime],
    access_token: SecretStr,
    method: str,
    path: str,
    parameters: Mapping[str, str],
    body: bytes,
) -> Answer | Temporary | Unknown:
    secret, token = app.app_secret.get_secret_value(), access_token.get_secret_value()
    query = {"app_key": app.app_key, "timestamp": str(int(now().timestamp())), **parameters}
    query["sign"] = request_signature(secret, path, query, body)
    headers = {"Content-Type": "application/json", "x-tts-access-token": token}
    return await _exchanged(http, method, app.base_url + path, query, headers, body or None, [secret, token])


class _Options(TypedDict, total=False):
    middlewares: Sequence[aiohttp.ClientMiddlewareType]


class _LostError(aiohttp.ClientError):
    """A lost connection, by a name that the HTTP client does not answer with a second try."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """The HTTP client would send a GET again by itself, and what is sent here is good for one time."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise _LostError from None


async def _exchanged(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes | None,
    secrets: Sequence[str],
    **options: Unpack[_Options],
) -> Answer | Temporary | Unknown:
    # No error of the client is passed on: its text may hold the address, and the address a secret.
    try:
        async with http.request(
            method, url, params=query, data=body, headers=headers, allow_redirects=False, **options
        ) as response:
            received = await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return Temporary("no connection to TikTok Shop")
    except TimeoutError:
        return Unknown("no answer from TikTok Shop in time")
    except (aiohttp.ClientError, OSError):
        return Unknown("the connection to TikTok Shop broke before its answer")
    return _answer(response.status, received, _seconds(response.headers.get("Retry-After")), secrets)


def _answer(
    status: int, received: bytes, retry_after: float | None, secrets: Sequence[str]
) -> Answer | Temporary | Unknown:
    parsed = _parsed(received)
    message = _without(secrets, str(parsed.get("message") or ""))
    code = whole_number(parsed.get("code"))
    if status == 429:
        return Temporary(message or "too many requests", retry_after, str(code or 429))
    if status == 503:
        return Temporary(message or "TikTok Shop is overloaded", retry_after, str(code or 503))
    if status >= 500:
        return Unknown(f"TikTok Shop failed with HTTP {status} {message}".rstrip())
    data = parsed.get("data")
    if code is None or not (data is None or isinstance(data, dict)):
        return Unknown(f"the answer of TikTok Shop, HTTP {status}, cannot be read")
    if code == 0 and not 200 <= status < 300:
        return Unknown(f"TikTok Shop answered HTTP {status} and success at once")
    return Answer(code, message, data or {}, retry_after)


def _parsed(received: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(received)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def whole_number(value: object) -> int | None:
    """An integer, or one written as digits; None for all else, `true` included."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    return None


def _without(secrets: Sequence[str], message: str) -> str:
    """TikTok's words, even where it repeats a secret in them."""
    for secret in secrets:
        message = message.replace(secret, "…")
    return message[:_WORDS_MAX]


def _seconds(retry_after: str | None) -> float | None:
    """The header in seconds; a date is left to the core's own pace, for our clock may differ."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
