"""Credentials of an app and of one seller who let it in, and the address that his country's calls go to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

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
        raise ValueError("an address starts with https:// and has no query")
    return url.rstrip("/")


def is_sendable(text: str) -> bool:
    """Whether it can be a secret at all: not empty, no space, line break or letter outside ASCII."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _sendable(secret: SecretStr) -> SecretStr:
    if not is_sendable(secret.get_secret_value()):
        raise ValueError("a secret is not empty and has no space, line break or letter outside ASCII")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sendable)]
Url = Annotated[str, AfterValidator(_without_slash)]


class LazadaApp(BaseModel):
    """One app. `base_url` and `auth_url` are for other addresses than Lazada's own."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    app_key: Annotated[str, Field(min_length=1)]
    app_secret: Secret
    base_url: Url | None = None
    auth_url: Url = "https://auth.lazada.com"
    """Where sellers agree and tokens come from, in every country."""


class LazadaSettings(LazadaApp):
    """One account: an app and one seller who let it in."""

    access_token: Secret
    refresh_token: Annotated[Secret | None, BeforeValidator(lambda given: given or None)] = None
    """Empty where Lazada gave one that cannot refresh."""
    country: str = ""
    """Of the seller as Lazada writes it, such as `my`; it counts where the store has no region."""
    seller_id: str = ""
    """Messages about other sellers are passed over where it is known."""


def base_url(settings: LazadaSettings, store: Store) -> str | Refused:
    """Where to call; refused where neither the settings nor the store's region say it."""
    url = settings.base_url or BASE_URLS.get((store.region or settings.country).upper())
    return url or Refused("", f"Lazada has no region `{store.region}`: {_REGIONS}", "bad_request")


def choice_site(store: Store) -> str | Refused:
    """The country that every Choice call names."""
    site = store.region.upper()
    return site if site in BASE_URLS else Refused("", f"a Choice store needs its country: {_REGIONS}", "bad_request")
