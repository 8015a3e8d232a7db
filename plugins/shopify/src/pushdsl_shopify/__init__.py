"""Shopify stores for pushdsl, several locations too; `source` takes facts from a Shopify shop, `polling` events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushdsl.plugins import hookimpl

if TYPE_CHECKING:
    from pushdsl.plugins import EventSource, Platform


@hookimpl
def pushdsl_platforms() -> list[Platform]:
    from pushdsl_shopify.platform import Shopify

    return [Shopify()]


@hookimpl
def pushdsl_sources() -> list[EventSource]:
    from pushdsl_shopify.polling import ShopifySource

    return [ShopifySource()]
