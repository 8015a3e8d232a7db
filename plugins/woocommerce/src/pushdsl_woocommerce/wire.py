"""One call to the shop: a path and what goes with it in, the rows of the answer by id out, or why there are none."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError

from pushdsl.plugins import Connection, Failure, Temporary, Unknown
from pushdsl_woocommerce.errors import failure
from pushdsl_woocommerce.settings import WooCommerceSettings
from pushdsl_woocommerce.signing import call_signature

Rows = dict[str, Mapping[str, Any]]


async def call(
    connection: Connection, method: str, path: str, query: Mapping[str, str], body: object = None
) -> Rows | Failure:
    """Sends once and never again, whatever happens."""
    settings = cast(WooCommerceSettings, connection.settings)  # the core validates with our own model
    url = f"{settings.base_url.rstrip('/')}/wp-json/wc/v3/{path}"
    key, secret = settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value()
    headers = {}
    if url.startswith("https://"):
        headers["Authorization"] = f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"
    else:
        query = {**query, "oauth_consumer_key": key, "oauth_signature_method": "HMAC-SHA256"}
        query |= {"oauth_timestamp": str(int(connection.now().timestamp())), "oauth_nonce": secrets.token_hex(16)}
        query["oauth_signature"] = call_signature(secret, method, url, query)
    try:
        async with connection.http.request(
            method, url, params=query, json=body, headers=headers, allow_redirects=False
        ) as response:
            status, received = response.status, (await response.read()).decode(errors="replace")
            wait = response.headers.get("Retry-After", "")  # a date is left to the core's own pace
    except (ClientConnectorError, ConnectionTimeoutError):
        return Temporary("the shop cannot be reached")  # nothing was sent
    except (ClientError, TimeoutError, OSError) as error:
        return Unknown(f"no usable answer: {type(error).__name__}")  # the error's own text may hold the key
    try:
        answer = json.loads(received.replace(key, "…").replace(secret, "…"))  # some shops repeat them in their words
        if status == 200:
            return {str(row["id"]): row for row in (answer if method == "GET" else answer["update"])}
        code, message = str(answer["code"]), str(answer["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        code, message = "", "an answer that cannot be read"
    return failure(status, code, message[:400], float(wait) if re.fullmatch("[0-9]{1,6}", wait) else None)


def pieces(value: object) -> int | None:
    """A whole number, which a shop that sells by weight writes as 5.0; None for all else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
