"""Credentials of one Lazada seller, and the address that his country's calls go to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from pushdsl.plugins import Refused, Store

BASE_URLS: Mapping[str, str] = {
    "SG": "https://api.lazada.sg/rest",
    "MY": "https://api.lazada.com.my/rest",
    "TH": "https://api.lazada.co.th/rest",
    "VN": "https://api.lazada.vn/rest",
    "PH": "https://api.lazada.com.ph/rest",
    "ID": "https://api.lazada.co.id/rest",
}
_REGIONS = f"write one of {', '.join(BASE_URLS)} as the store's `region`"


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


class LazadaSettings(BaseModel):
    """One account: an app and one seller who authorised it. `base_url` is for other addresses than Lazada's own."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    app_key: Annotated[str, Field(min_length=1)]
    app_secret: Secret
    access_token: Secret
    base_url: Annotated[str, AfterValidator(_without_slash)] | None = None


def base_url(settings: LazadaSettings, store: Store) -> str | Refused:
    """Where to call; refused where neither the settings nor the store's region say it."""
    url = settings.base_url or BASE_URLS.get(store.region.upper())
    return url or Refused("", f"Lazada has no region `{store.region}`: {_REGIONS}", "bad_request")


def choice_site(store: Store) -> str | Refused:
    """The country that every Choice call names."""
    site = store.region.upper()
    return site if site in BASE_URLS else Refused("", f"a Choice store needs its country: {_REGIONS}", "bad_request")
