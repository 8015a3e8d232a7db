"""Credentials of an app and of one Shopify shop that let it in, and the version of the API that is spoken."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
FIRST_VERSION = "2025-10"
"""The first that is spoken; how stock is compared and keyed differs up to 2026-04."""
SCOPES = "read_products,read_inventory,write_inventory,read_locations"


def _domain(written: str) -> str:
    """`demo`, `demo.myshopify.com` and its address in a browser are the same shop."""
    name = written.strip().lower().removeprefix("https://").rstrip("/")
    domain = name if "." in name else f"{name}.myshopify.com"
    if not DOMAIN.fullmatch(domain):
        raise ValueError("shop is the shop's own domain, such as `demo.myshopify.com`, not the one that buyers see")
    return domain


def _address(written: str) -> str:
    if not written.startswith(("https://", "http://")) or any(mark in written for mark in "?#@"):
        raise ValueError("an address starts with https:// and has no query")
    return written.rstrip("/")


def _version(written: str) -> str:
    if not re.fullmatch(r"20\d\d-(01|04|07|10)", written) or written < FIRST_VERSION:
        raise ValueError(f"version is a quarter from {FIRST_VERSION} on, such as `2026-10`")
    return written


def is_sendable(text: str) -> bool:
    """Whether it can be a secret at all: not empty, no space, line break or letter outside ASCII."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _sendable(secret: SecretStr) -> SecretStr:
    if not is_sendable(secret.get_secret_value()):
        raise ValueError("a secret is not empty and has no space, line break or letter outside ASCII")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class ShopifyApp(BaseModel):
    """An app and the shop that it asks to be let into: consent, tokens and all else are at the shop's address."""

    # A wrong secret must not be printed back by the error that rejects it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    shop: Annotated[str, AfterValidator(_domain)]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Secret
    base_url: Annotated[str, AfterValidator(_address)] | None = None
    """Another address than the shop's own."""
    scopes: str = SCOPES
    """What the seller is asked to allow."""
    expiring: bool = True
    """Asks for tokens that run out after an hour and are renewed. Public apps must; custom apps may do without."""
    client_credentials: bool = False
    """The app and the shop belong to one organisation: tokens come for the app's own credentials, without a seller."""

    @property
    def address(self) -> str:
        return self.base_url or f"https://{self.shop}"


class ShopifySettings(ShopifyApp):
    """One account: an app and one shop. The tokens may come from a seller's consent instead."""

    access_token: Secret
    refresh_token: Annotated[Secret | None, BeforeValidator(lambda given: given or None)] = None
    """Empty where the access token does not run out."""
    version: Annotated[str, AfterValidator(_version)] = "2026-10"
    compare: bool = True
    """Sets a quantity only while the shop shows what was read just before, so that an order in between is kept."""
    reason: Annotated[str, Field(min_length=1)] = "correction"
    """What the shop's inventory history says of our changes, one of Shopify's words for it."""
