"""One signed call to Lazada: a path and parameters in, its answer out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import aiohttp
from pydantic import SecretStr
from yarl import URL

from pushdsl.plugins import Connection, Refused, Temporary, Unknown
from pushdsl_lazada.errors import ban_seconds
from pushdsl_lazada.settings import LazadaApp, LazadaSettings, base_url
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
    """One call in the name of the seller. Sends once and never again, whatever happens."""
    settings = cast(LazadaSettings, connection.settings)  # the core validates with our own model
    url = base_url(settings, connection.store)
    if isinstance(url, Refused):
        return url
    params = {**params, "access_token": settings.access_token.get_secret_value()}
    secrets = (settings.app_secret, settings.access_token)
    return await send(
        connection.http, method, url, api_path, signed(settings, connection.now(), api_path, params), secrets
    )


def signed(app: LazadaApp, now: datetime, api_path: str, params: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters with those that every call has, and their signature."""
    whole = {
        **params,
        "app_key": app.app_key,
        "timestamp": str(int(now.timestamp()) * 1000),
        "sign_method": "sha256",
    }
    return {**whole, "sign": request_signature(app.app_secret.get_secret_value(), api_path, whole)}


async def send(
    http: aiohttp.ClientSession,
    method: Literal["GET", "POST"],
    url: str,
    api_path: str,
    params: Mapping[str, str],
    secrets: Sequence[SecretStr],
) -> Answer | Failure:
    """One request with signed parameters. `secrets` are blanked in the answer, should Lazada repeat them."""
    try:
        async with http.request(
            method,
            url + api_path,
            params=params if method == "GET" else None,
            data=_form(params) if method == "POST" else None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else None,
            allow_redirects=False,
        ) as response:
            received = await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        return Temporary("no connection to Lazada")
    except TimeoutError:
        return Unknown("no answer from Lazada in time")
    except (aiohttp.ClientError, OSError):
        return Unknown("the connection to Lazada broke before its answer")
    return _answer(response.status, _parsed(received, secrets), _seconds(response.headers.get("Retry-After")))


def _form(params: Mapping[str, str]) -> bytes:
    """As a form is encoded; by the HTTP client's own quoting, which takes a twentieth of the time of the library's."""
    return URL.build(query=params).raw_query_string.encode()


def _answer(status: int, body: Mapping[str, object], retry_after: float | None) -> Answer | Failure:
    code, message = text(body, "code"), text(body, "message")
    if status in (429, 503):
        wait = ban_seconds(message) if retry_after is None else retry_after
        return Temporary(message or f"Lazada answered HTTP {status}", wait, code or str(status))
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


def _parsed(received: bytes, secrets: Sequence[SecretStr]) -> Mapping[str, object]:
    """The object that was sent, without our secrets; empty where there is none."""
    try:
        written = received.decode()
        for secret in secrets:
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
