"""The two signatures of Shopify, both with the app's client secret."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlencode


def webhook_signature(client_secret: str, body: bytes) -> str:
    """Of a message: base64, over the bytes as they came."""
    return base64.b64encode(hmac.digest(client_secret.encode(), body, sha256)).decode()


def callback_signatures(client_secret: str, parameters: Mapping[str, str]) -> tuple[str, str]:
    """Of the address that a seller is sent back to: hexadecimal, over its parameters in order, without `hmac`.

    The two differ only where a value has letters that an address must write otherwise: Shopify's own clients leave
    them as they are (the first) or write them as an address does (the second).
    """
    pairs = sorted((name, value) for name, value in parameters.items() if name != "hmac")
    plain = "&".join(
        f"{_escaped(name).replace('=', '%3D')}={_escaped(value)}".replace("&", "%26") for name, value in pairs
    )
    key = client_secret.encode()
    first, second = (hmac.new(key, text.encode(), sha256).hexdigest() for text in (plain, urlencode(pairs)))
    return first, second


def _escaped(text: str) -> str:
    return text.replace("%", "%25")
