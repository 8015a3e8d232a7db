"""Lazada's signatures: over a path and its parameters, and over the body of a webhook."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


def request_signature(app_secret: str, api_path: str, params: Mapping[str, str]) -> str:
    """Upper-case hex over path and parameters, sorted by name and run together; `api_path` is without `/rest`."""
    signed = api_path + "".join(name + params[name] for name in sorted(params) if name != "sign")
    return hmac.digest(app_secret.encode(), signed.encode(), "sha256").hex().upper()


def webhook_signature(app_secret: str, app_key: str, body: bytes) -> str:
    """Lower-case hex over the app's key and the raw body."""
    return hmac.digest(app_secret.encode(), app_key.encode() + body, "sha256").hex()
