"""One GraphQL call to Shopify: a query and its variables in, the data out, or why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

import aiohttp

from pushdsl.plugins import Connection, Temporary, Unauthorized, Unknown
from pushdsl_shopify.errors import CODES, OTHER_CODE, OTHER_STATUS, STATUSES, Trouble, meant
from pushdsl_shopify.settings import ShopifySettings

TOKEN_HEADER = "X-Shopify-Access-Token"
_WORDS_MAX = 400

Fields = Mapping[str, object]
"""A JSON object as it came."""


async def ask(connection: Connection, query: str, variables: Fields) -> Fields | Trouble:
    """Asks once. A query changes nothing, so a lost answer is temporary."""
    answer = await _call(connection, query, variables)
    return Temporary(answer.message) if isinstance(answer, Unknown) else answer


async def tell(connection: Connection, mutation: str, variables: Fields) -> Fields | Trouble:
    """Sends once and never again, whatever happens."""
    return await _call(connection, mutation, variables)


async def _call(connection: Connection, document: str, variables: Fields) -> Fields | Trouble:
    settings = cast(ShopifySettings, connection.settings)  # the core validates with our own model
    token = settings.access_token.get_secret_value()
    url = f"{settings.address}/admin/api/{settings.version}/graphql.json"
    headers = {TOKEN_HEADER: token, "Accept": "application/json"}
    body = {"query": document, "variables": variables}
    try:
        async with connection.http.post(url, json=body, headers=headers, allow_redirects=False) as response:
            received = await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return lost(error)
    parsed = parsed_object(received, (token, settings.client_secret.get_secret_value()))
    if response.status == 401:
        can_renew = settings.refresh_token is not None or settings.client_credentials
        return Unauthorized("refresh" if can_renew else "reauthorize", _said(parsed) or "HTTP 401", "401")
    return _data(response.status, parsed, seconds(response.headers.get("Retry-After")))


def lost(error: Exception) -> Temporary | Unknown:
    """What aiohttp says may hold the address and headers: only the kind of error is told."""
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Temporary("no connection to Shopify")
        case TimeoutError():
            return Unknown("no answer from Shopify in time")
        case _:
            return Unknown("the connection to Shopify broke before its answer")


def _data(status: int, body: Fields, retry_after: float | None) -> Fields | Trouble:
    code, message = _code(body), _said(body)
    if code == "THROTTLED" or status == 429:
        return Temporary(message or f"HTTP {status}", _until_restored(body, retry_after), code or str(status))
    if status >= 500:
        # It may have failed after the work.
        return Unknown(f"Shopify failed with HTTP {status} {message}".rstrip())
    if status != 200:
        return meant(STATUSES.get(status, OTHER_STATUS), code or str(status), message or f"HTTP {status}")
    found = body.get("data")
    data = found if isinstance(found, dict) else {}
    if body.get("errors"):
        if any(value is not None for value in data.values()):
            return Unknown(f"Shopify answered a result and an error at once: {message}")
        return meant(CODES.get(code, OTHER_CODE), code, message)
    return data or Unknown("the answer of Shopify cannot be read")


def parsed_object(received: bytes, secrets: Sequence[str]) -> Fields:
    """The object that was sent, without our secrets even where Shopify repeats them; empty where there is none."""
    try:
        written = received.decode()
        for secret in secrets:
            written = written.replace(secret, "…")
        parsed = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _errors(body: Fields) -> list[Fields]:
    found = body.get("errors")
    return [error for error in found if isinstance(error, dict)] if isinstance(found, list) else []


def _code(body: Fields) -> str:
    """Of the first error that has one, a throttle before all others."""
    codes = [code for error in _errors(body) if isinstance(code := inner(error, "extensions").get("code"), str)]
    return "THROTTLED" if "THROTTLED" in codes else next(iter(codes), "")


def _said(body: Fields) -> str:
    """Errors are a list of objects in GraphQL, and text or a list of texts outside it."""
    found = body.get("errors")
    said = [text for error in _errors(body) if isinstance(text := error.get("message"), str)]
    said += [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str)]
    return "; ".join(said).strip()[:_WORDS_MAX]


def _until_restored(body: Fields, retry_after: float | None) -> float | None:
    """Seconds until the points that the query costs are there again, where Shopify says enough to tell."""
    cost = inner(inner(body, "extensions"), "cost")
    status = inner(cost, "throttleStatus")
    asked, there, rate = (
        _number(of.get(name))
        for of, name in ((cost, "requestedQueryCost"), (status, "currentlyAvailable"), (status, "restoreRate"))
    )
    if asked is None or there is None or rate is None or rate <= 0:
        return retry_after
    return max(0.0, (asked - there) / rate)


def seconds(retry_after: str | None) -> float | None:
    """The header in seconds; a date is left to the core's own pace, for our clock may differ."""
    try:
        return _number(float(retry_after or ""))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def whole_number(value: object) -> int | None:
    """An integer; None for all else, `true` included."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def rows(fields: Fields, name: str) -> list[Fields] | None:
    """The objects of a list; None where there is no such list."""
    found = fields.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else None


def inner(fields: Fields, name: str) -> Fields:
    """The object of this name; empty where there is none."""
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
