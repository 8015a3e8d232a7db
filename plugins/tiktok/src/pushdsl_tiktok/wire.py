"""One signed POST to TikTok: a path and a body in, its answer out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import aiohttp

from pushdsl.plugins import Connection, Temporary, Unknown
from pushdsl_tiktok.settings import TikTokSettings
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
    settings = cast(TikTokSettings, connection.settings)  # the core validates with our own model
    sent = json.dumps(body, separators=(",", ":")).encode()
    query = {
        "app_key": settings.app_key,
        "shop_cipher": settings.shop_cipher,
        "timestamp": str(int(connection.now().timestamp())),
    }
    query["sign"] = request_signature(settings.app_secret.get_secret_value(), path, query, sent)
    headers = {"Content-Type": "application/json", "x-tts-access-token": settings.access_token.get_secret_value()}
    try:
        async with connection.http.post(
            settings.base_url + path, params=query, data=sent, headers=headers, allow_redirects=False
        ) as response:
            received = await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return Temporary("no connection to TikTok Shop")
    except TimeoutError:
        return Unknown("no answer from TikTok Shop in time")
    except (aiohttp.ClientError, OSError):
        return Unknown("the connection to TikTok Shop broke before its answer")
    return _answer(response.status, received, _seconds(response.headers.get("Retry-After")), settings)


def _answer(
    status: int, received: bytes, retry_after: float | None, settings: TikTokSettings
) -> Answer | Temporary | Unknown:
    parsed = _parsed(received)
    message = _without_secrets(str(parsed.get("message") or ""), settings)
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


def _without_secrets(message: str, settings: TikTokSettings) -> str:
    """TikTok's words, even where it repeats a secret in them."""
    for secret in (settings.app_secret, settings.access_token):
        message = message.replace(secret.get_secret_value(), "…")
    return message[:_WORDS_MAX]


def _seconds(retry_after: str | None) -> float | None:
    """The header in seconds; a date is left to the core's own pace, for our clock may differ."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
