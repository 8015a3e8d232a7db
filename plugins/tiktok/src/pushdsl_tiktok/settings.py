"""Credentials and address of one TikTok shop."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _without_slash(url: str) -> str:
    if not url.startswith(("https://", "http://")) or "?" in url or "#" in url:
        raise ValueError("base_url starts with https:// and has no query")
    return url.rstrip("/")


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a secret is not empty and has no space, line break or letter outside ASCII")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class TikTokSettings(BaseModel):
    """One account: an app and one shop that authorised it. `shop_cipher` is from Get Authorized Shops."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    app_key: Annotated[str, Field(min_length=1)]
    app_secret: Secret
    access_token: Secret
    shop_cipher: Annotated[str, Field(min_length=1)]
    base_url: Annotated[str, AfterValidator(_without_slash)] = "https://open-api.tiktokglobalshop.com"
