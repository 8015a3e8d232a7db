"""WooCommerce stores for pushdsl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushdsl.plugins import hookimpl

if TYPE_CHECKING:
    from pushdsl.plugins import Platform


@hookimpl
def pushdsl_platforms() -> list[Platform]:
    from pushdsl_woocommerce.platform import WooCommercePlatform

    return [WooCommercePlatform()]
