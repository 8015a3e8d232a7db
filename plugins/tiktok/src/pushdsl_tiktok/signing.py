"""A request or a message in, its signature out: lower-case hexadecimal HMAC-SHA256."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

_UNSIGNED = frozenset({"sign", "access_token"})


def request_signature(app_secret: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
    """The `sign` of a call. `body` are the bytes as sent (empty for multipart); `query` may hold `sign` already."""
    parameters = "".join(name + query[name] for name in sorted(query) if name not in _UNSIGNED)
    return _hmac(app_secret, (app_secret + path + parameters).encode() + body + app_secret.encode())


def webhook_signature(app_secret: str, app_key: str, body: bytes) -> str:
    """The `Authorization` header of a message whose raw bytes are `body`."""
    return _hmac(app_secret, app_key.encode() + body)


def _hmac(key: str, message: bytes) -> str:
    return hmac.new(key.encode(), message, sha256).hexdigest()
