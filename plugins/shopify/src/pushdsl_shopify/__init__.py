"""Shopify stores for pushdsl, several locations too; `pushdsl_shopify.source` takes facts from a Shopify shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushdsl.plugins import hookimpl

if TYPE_CHECKING:
    from pushdsl.plugins import Platform


@hookimpl
def pushdsl_platforms() -> list[Platform]:
    from pushdsl_shopify.platform import Shopify

    return [Shopify()]
