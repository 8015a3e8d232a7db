"""Shopify's ids, which are written as a number or as an address such as `gid://shopify/Location/24826418`."""

from __future__ import annotations

from typing import Literal

Kind = Literal["InventoryItem", "Location", "Product", "ProductVariant"]

_DIGITS_MAX = 20


def gid(kind: Kind, written: str) -> str | None:
    """The address of a thing of this kind; None where that is no id of one."""
    number = written.removeprefix(f"gid://shopify/{kind}/")
    return f"gid://shopify/{kind}/{number}" if _is_number(number) else None


def number_in(written: object, kind: Kind) -> str:
    """The number of an address; empty where it is none of this kind."""
    prefix = f"gid://shopify/{kind}/"
    number = written.removeprefix(prefix) if isinstance(written, str) and written.startswith(prefix) else ""
    return number if _is_number(number) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
