"""A shop in a sandbox, with a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from pushdsl.plugins import Connection, ListingRef, Store
from pushdsl.testing import FixedClock
from pushdsl_woocommerce.sandbox import WooCommerceSandbox
from pushdsl_woocommerce.settings import WooCommerceSettings

STORE = Store("woo_my", "woocommerce", "main")
RED, BLUE = ListingRef("MUG-RED", "799", "801"), ListingRef("MUG-BLUE", "799", "802")
CUP = ListingRef("CUP", "900", "")


@dataclass
class Visit:
    """A shop that shows 5 pieces of a product with two variations and of a simple product, and a way to call it."""

    sandbox: WooCommerceSandbox
    connection: Connection

    @property
    def settings(self) -> WooCommerceSettings:
        assert isinstance(self.connection.settings, WooCommerceSettings)
        return self.connection.settings

    @property
    def quantities(self) -> dict[str, int]:
        return {row.store_sku: row.quantity for row in self.sandbox.shown(STORE.name)}


InShop = Callable[[Callable[[Visit], Awaitable[Any]]], Any]


@pytest.fixture
def clock() -> FixedClock:
    """The shop's clock; the platform's stands still."""
    return FixedClock()


@pytest.fixture
def in_shop(clock: FixedClock) -> InShop:
    async def visit(test: Callable[[Visit], Awaitable[Any]]) -> Any:
        sandbox = WooCommerceSandbox()
        sandbox.now = clock
        await sandbox.start()
        try:
            settings = WooCommerceSettings.model_validate(sandbox.open_shop(STORE, (RED, BLUE, CUP), 5))
            async with aiohttp.ClientSession() as http:
                return await test(Visit(sandbox, Connection(STORE, settings, http, FixedClock())))
        finally:
            await sandbox.stop()

    return lambda test: asyncio.run(visit(test))
