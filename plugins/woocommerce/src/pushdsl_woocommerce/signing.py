"""A call or a message in, its signature out: OAuth 1.0a with one leg (RFC 5849), and WooCommerce's webhooks."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

HASHES = {"HMAC-SHA256": "sha256", "HMAC-SHA1": "sha1"}


def call_signature(consumer_secret: str, method: str, url: str, query: Mapping[str, str]) -> str:
    """The `oauth_signature` of a call; `url` has its port and no query, `query` names the `oauth_signature_method`."""
    pairs = sorted((encoded(name), encoded(value)) for name, value in query.items() if name != "oauth_signature")
    text = "&".join([method.upper(), encoded(url), encoded("&".join(f"{name}={value}" for name, value in pairs))])
    return _hmac(f"{encoded(consumer_secret)}&", text.encode(), HASHES[query["oauth_signature_method"]])


def message_signature(webhook_secret: str, body: bytes) -> str:
    """The header `X-WC-Webhook-Signature` of a message; `body` are the bytes as they arrived."""
    return _hmac(webhook_secret, body, "sha256")


def encoded(text: str) -> str:
    return quote(text, safe="~")


def _hmac(key: str, message: bytes, digest: str) -> str:
    return b64encode(hmac.digest(key.encode(), message, digest)).decode()
