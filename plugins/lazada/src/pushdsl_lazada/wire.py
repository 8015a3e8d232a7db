"""One signed call to Lazada: a path and parameters in, its answer out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import aiohttp

from pushdsl.plugins import Connection, Refused, Temporary, Unknown
from pushdsl_lazada.settings import LazadaSettings, base_url
from pushdsl_lazada.signing import request_signature

_WORDS_MAX = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lazada said. Code `0` without `rows` is success; `rows` are the objects of `detail`, one for each fault."""

    code: str
    message: str
    body: Mapping[str, object]
    rows: Sequence[Mapping[str, object]] = ()
    retry_after: float | None = None


Failure = Refused | Temporary | Unknown


async def call(
    connection: Connection, method: Literal["GET", "POST"], api_path: str, params: Mapping[str, str]
) -> Answer | Failure:
    """Sends once and never again, whatever happens."""
    settings = cast(LazadaSettings, connection.settings)  # the core validates with our own model
    url = base_url(settings, connection.store)
    if isinstance(url, Refused):
        return url
    signed = _signed(settings, connection, api_path, params)
    try:
        async with connection.http.request(
            method,
            url + api_path,
            params=signed if method == "GET" else None,
            data=signed if method == "POST" else None,
            allow_redirects=False,
        ) as response:
            received = await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return Temporary("no connection to Lazada")
    except TimeoutError:
        return Unknown("no answer from Lazada in time")
    except (aiohttp.ClientError, OSError):
        return Unknown("the connection to Lazada broke before its answer")
    return _answer(response.status, received, _seconds(response.headers.get("Retry-After")), settings)


def _signed(
    settings: LazadaSettings, connection: Connection, api_path: str, params: Mapping[str, str]
) -> Mapping[str, str]:
    signed = {
        **params,
        "app_key": settings.app_key,
        "timestamp": str(int(connection.now().timestamp()) * 1000),
        "access_token": settings.access_token.get_secret_value(),
        "sign_method": "sha256",
    }
    signed["sign"] = request_signature(settings.app_secret.get_secret_value(), api_path, signed)
    return signed


def _answer(status: int, received: bytes, retry_after: float | None, settings: LazadaSettings) -> Answer | Failure:
    body = _parsed(received, settings)
    code, message = text(body, "code"), text(body, "message")
    if status in (429, 503):
        return Temporary(message or f"Lazada answered HTTP {status}", retry_after, code or str(status))
    if status >= 500:
        return Unknown(f"Lazada failed with HTTP {status} {message}".rstrip())
    detail = body.get("detail")
    rows = detail if isinstance(detail, list) else []
    if not code or not all(isinstance(row, dict) for row in rows):
        return Unknown(f"the answer of Lazada, HTTP {status}, cannot be read")
    if code == "0" and str(body.get("success")).lower() == "false":
        # The Choice addresses say it one level lower.
        code, message = text(body, "error_code") or "unnamed", text(body, "error_msg")
    if code == "0" and status != 200:
        return Unknown(f"Lazada answered HTTP {status} and success at once")
    return Answer(code, message, body, rows, retry_after)


def _parsed(received: bytes, settings: LazadaSettings) -> Mapping[str, object]:
    """The object that was sent, without our secrets even where Lazada repeats them; empty where there is none."""
    try:
        written = received.decode()
        for secret in (settings.app_secret, settings.access_token):
            plain = secret.get_secret_value()
            written = written.replace(plain, "…").replace(json.dumps(plain)[1:-1], "…")
        parsed = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def text(row: Mapping[str, object], *names: str) -> str:
    """The first of these fields that says something, numbers as digits."""
    values = (row.get(name) for name in names)
    written = (str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool))
    return next((words[:_WORDS_MAX] for words in written if words), "")


def whole_number(value: object) -> int | None:
    """An integer, or one written as digits; None for all else, `true` included."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    return None


def _seconds(retry_after: str | None) -> float | None:
    """The header in seconds; a date is left to the core's own pace, for our clock may differ."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
