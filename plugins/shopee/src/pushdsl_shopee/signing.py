"""Shopee's signatures: over the address of a call, in three recipes, and over the body of a push message.

Nothing is sorted, and neither a call's body nor its other query fields are covered.
"""

from __future__ import annotations

import hmac


def shop_sign(partner_key: str, partner_id: str, path: str, timestamp: str, access_token: str, shop_id: str) -> str:
    """Of a call for one shop; `path` begins with `/api/v2/`, `timestamp` is in seconds."""
    return _hex(partner_key, f"{partner_id}{path}{timestamp}{access_token}{shop_id}".encode())


def merchant_sign(
    partner_key: str, partner_id: str, path: str, timestamp: str, access_token: str, merchant_id: str
) -> str:
    """Of a call for a merchant of several shops, such as `/api/v2/global_product/update_stock`."""
    return _hex(partner_key, f"{partner_id}{path}{timestamp}{access_token}{merchant_id}".encode())


def public_sign(partner_key: str, partner_id: str, path: str, timestamp: str) -> str:
    """Of a call before there is a token: consent and tokens."""
    return _hex(partner_key, f"{partner_id}{path}{timestamp}".encode())


def webhook_sign(partner_key: str, url: str, body: bytes) -> str:
    """Of a push message; `url` is the public address as the app's console has it."""
    return _hex(partner_key, url.encode() + b"|" + body)


def _hex(partner_key: str, signed: bytes) -> str:
    return hmac.digest(partner_key.encode(), signed, "sha256").hex()
