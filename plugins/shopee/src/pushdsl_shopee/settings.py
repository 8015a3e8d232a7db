"""Credentials of an app and of one Shopee shop that let it in, and the host that the app is registered at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter

HOSTS: Mapping[str, str] = {
    "sg": "https://partner.shopeemobile.com",
    "cn": "https://openplatform.shopee.cn",
    "br": "https://openplatform.shopee.com.br",
    "test-sg": "https://openplatform.sandbox.test-stable.shopee.sg",
    "test-cn": "https://openplatform.sandbox.test-stable.shopee.cn",
}
"""Shopee's own addresses: live ones by the place where the app is registered, and those for trying."""


def _address(written: str) -> str:
    url = HOSTS.get(written, written)
    if not url.startswith(("https://", "http://")) or "?" in url or "#" in url or "@" in url:
        raise ValueError(f"base_url is one of {', '.join(HOSTS)}, or starts with https:// and has no query")
    TypeAdapter(HttpUrl).validate_python(url)
    return url.rstrip("/")


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a secret is not empty and has no space, line break or letter outside ASCII")
    return secret


Id = Annotated[int, Field(ge=0, le=4_294_967_295)]
Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class ShopeeApp(BaseModel):
    """What a seller's consent and its tokens need. `base_url` is a name of `HOSTS` or another address."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    partner_id: Id
    partner_key: Secret
    base_url: Annotated[str, AfterValidator(_address)] = HOSTS["sg"]
    """Shopee has consent, tokens and everything else at one address."""


class ShopeeSettings(ShopeeApp):
    """One account: an app and one shop that authorised it. The tokens may come from a seller's consent instead."""

    shop_id: Id
    access_token: Secret
    refresh_token: Secret | None = None
    """Good for one refresh within 30 days; without it the access token cannot be renewed."""
