"""Credentials of an app and of one TikTok shop that let it in, and TikTok's addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

CONSENT_HOSTS: Mapping[str, str] = {
    "world": "https://services.tiktokshop.com",
    "us": "https://services.us.tiktokshop.com",
}
"""Where sellers agree: those of the United States have a page of their own."""

TOKOPEDIA_REGION = "ID"


def _address(url: str) -> str:
    if not url.startswith(("https://", "http://")) or "?" in url or "#" in url or "@" in url:
        raise ValueError("an address starts with https:// and has no query")
    return url.rstrip("/")


def _consent_address(written: str) -> str:
    return _address(CONSENT_HOSTS.get(written, written))


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a secret is not empty and has no space, line break or letter outside ASCII")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sendable)]
Address = Annotated[str, AfterValidator(_address)]
Region = Annotated[str, Field(pattern="^([A-Z]{2})?$")]


class TikTokApp(BaseModel):
    """What a seller's consent and its tokens need. A seller may have several shops: `shop_id` or `region` names one."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    app_key: Annotated[str, Field(min_length=1)]
    app_secret: Secret
    service_id: Annotated[str, Field(min_length=1)]
    """Of the app, from Partner Center; stands in the link that the seller opens."""
    shop_id: str = ""
    region: Region = ""
    tokopedia: bool = False
    """The shop is listed on Tokopedia too, so it is an Indonesian one."""
    base_url: Address = "https://open-api.tiktokglobalshop.com"
    auth_url: Address = "https://auth.tiktok-shops.com"
    """Where a code or a refresh token becomes tokens."""
    consent_url: Annotated[str, AfterValidator(_consent_address)] = CONSENT_HOSTS["world"]
    """A name of `CONSENT_HOSTS` or another address."""

    @model_validator(mode="after")
    def _tokopedia_is_indonesian(self) -> TikTokApp:
        if self.tokopedia and self.region not in ("", TOKOPEDIA_REGION):
            raise ValueError(f"a shop on Tokopedia has the region `{TOKOPEDIA_REGION}`")
        return self

    @property
    def wanted_region(self) -> str:
        """The region that the shop must have; empty where any will do."""
        return TOKOPEDIA_REGION if self.tokopedia else self.region


class TikTokSettings(TikTokApp):
    """One account: an app and one shop that authorised it. Tokens and cipher may come from a seller's consent."""

    service_id: str = ""
    access_token: Secret
    refresh_token: Secret | None = None
    """Without it the access token cannot be renewed."""
    shop_cipher: Annotated[str, Field(min_length=1)]
    """From Get Authorized Shops."""


class TokopediaApp(TikTokApp):
    """The app of a TikTok shop that is Tokopedia's: Indonesian, and nothing else differs."""

    tokopedia: Literal[True] = True


class TokopediaSettings(TokopediaApp, TikTokSettings):
    """One account of a shop on Tokopedia, reached through TikTok Shop."""

    service_id: str = ""
