"""One signed call to Shopee: a path and fields in, its answer out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import aiohttp

from pushdsl.plugins import Connection, Temporary, Unknown
from pushdsl_shopee.settings import ShopeeApp, ShopeeSettings
from pushdsl_shopee.signing import public_sign, shop_sign

_WORDS_MAX = 400

Fields = Mapping[str, object]
"""A JSON object as it came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Shopee said. `error` is empty on success, else its code without the module that may stand before it."""

    error: str
    message: str
    body: Fields
    """The whole answer; what was asked for stands under `response`, save that tokens stand beside it."""
    retry_after: float | None = None

    @property
    def response(self) -> Fields:
        return inner(self.body, "response")


Lost = Temporary | Unknown
"""Why there is no answer."""


async def get(connection: Connection, path: str, params: Mapping[str, str]) -> Answer | Temporary:
    """Asks once. A read changes nothing, so whatever goes wrong with it is temporary."""
    answer = await _shop_call(connection, "GET", path, params, None)
    return Temporary(answer.message) if isinstance(answer, Unknown) else answer


async def post(connection: Connection, path: str, body: Fields) -> Answer | Lost:
    """Sends once and never again, whatever happens."""
    return await _shop_call(connection, "POST", path, {}, body)


async def post_for_tokens(
    app: ShopeeApp, http: aiohttp.ClientSession, at: datetime, path: str, secret: str, body: Fields
) -> Answer | Lost:
    """Sends once what the app alone may send; `secret` stands in the body and is not repeated in any message."""
    fields = {"partner_id": str(app.partner_id), "timestamp": str(int(at.timestamp()))}
    key = app.partner_key.get_secret_value()
    sign = public_sign(key, fields["partner_id"], path, fields["timestamp"])
    return await _call(http, "POST", app.base_url + path, {**fields, "sign": sign}, body, (key, sign, secret))


async def _shop_call(
    connection: Connection, method: str, path: str, params: Mapping[str, str], body: Fields | None
) -> Answer | Lost:
    settings = cast(ShopeeSettings, connection.settings)  # the core validates with our own model
    signed = _signed(settings, connection, path)
    secrets = (settings.partner_key.get_secret_value(), signed["access_token"], signed["sign"])
    return await _call(connection.http, method, settings.base_url + path, {**signed, **params}, body, secrets)


async def _call(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    query: Mapping[str, str],
    body: Fields | None,
    secrets: Sequence[str],
) -> Answer | Lost:
    try:
        async with http.request(method, url, params=query, json=body, allow_redirects=False) as response:
            received = await response.read()
    # What aiohttp says may hold the URL, and with it the token: only the kind of error is told.
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return Temporary("no connection to Shopee")
    except TimeoutError:
        return Unknown("no answer from Shopee in time")
    except (aiohttp.ClientError, OSError):
        return Unknown("the connection to Shopee broke before its answer")
    return _answer(response.status, _parsed(received, secrets), _seconds(response.headers.get("Retry-After")))


def _signed(settings: ShopeeSettings, connection: Connection, path: str) -> dict[str, str]:
    """The fields of every call for a shop, in the order in which known clients send them."""
    fields = {
        "partner_id": str(settings.partner_id),
        "timestamp": str(int(connection.now().timestamp())),
        "access_token": settings.access_token.get_secret_value(),
        "shop_id": str(settings.shop_id),
    }
    key = settings.partner_key.get_secret_value()
    sign = shop_sign(key, fields["partner_id"], path, fields["timestamp"], fields["access_token"], fields["shop_id"])
    return {**fields, "sign": sign}


def _answer(status: int, body: Fields, retry_after: float | None) -> Answer | Lost:
    written, message = body.get("error"), _text(body.get("message"))
    error = _without_module(written) if isinstance(written, str) else ""
    if status in (429, 503) and error != "error_limit":
        return Temporary(message or f"Shopee answered HTTP {status}", retry_after, error or str(status))
    if status >= 500:
        # It may have failed after the work.
        return Unknown(f"Shopee failed with HTTP {status} {message}".rstrip())
    if not isinstance(written, str):
        return Unknown(f"the answer of Shopee, HTTP {status}, cannot be read")
    if not error and status != 200:
        return Unknown(f"Shopee answered HTTP {status} and success at once")
    return Answer(error, message, body, retry_after)


def _without_module(error: str) -> str:
    """`product.error_param` is `error_param`; the literal `error.param` is the same word and has no module."""
    written = error.strip()
    if written.startswith("error."):
        return written.replace(".", "_", 1)
    return written.partition(".")[2] or written


def _parsed(received: bytes, secrets: Sequence[str]) -> Fields:
    """The object that was sent, without our secrets even where Shopee repeats them; empty where there is none."""
    try:
        written = received.decode()
        for secret in secrets:
            written = written.replace(secret, "…").replace(json.dumps(secret)[1:-1], "…")
        parsed = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(value: object) -> str:
    return value.strip()[:_WORDS_MAX] if isinstance(value, str) else ""


def _seconds(retry_after: str | None) -> float | None:
    """The header in seconds; a date is left to the core's own pace, for our clock may differ."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def whole_number(value: object) -> int | None:
    """An integer, or one written as digits; None for all else, `true` included."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    return None


def rows(fields: Fields, name: str) -> list[Fields] | None:
    """The objects of a list; None where there is no such list."""
    found = fields.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else None


def inner(fields: Fields, name: str) -> Fields:
    """The object of this name; empty where there is none."""
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
