"""WooCommerce as a platform: its limits, and where each call of the contract goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import BaseModel

from pushdsl.plugins import (
    Authorization,
    Batch,
    Capabilities,
    Connection,
    Event,
    Outcome,
    Query,
    ReadResult,
    Sandbox,
    ShopLocation,
    Store,
    WebhookRequest,
)
from pushdsl_woocommerce.settings import WooCommerceSettings
from pushdsl_woocommerce.webhooks import events


class WooCommercePlatform:
    """Stateless. aiohttp is imported by the first call, for `check` and `plan` need none of it."""

    name = "woocommerce"
    contract = (1, 0)
    settings: type[BaseModel] = WooCommerceSettings
    authorization: Authorization | None = None  # a key holds until the seller revokes it

    def capabilities(self, store: Store) -> Capabilities:
        # The variations of one product share a call. WooCommerce has no rate of its own; a small host bears 5 a second.
        return Capabilities(batch_size=100, batch_by="item", requests_per_second=5.0, unbinds_on_not_found=True)

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        from pushdsl_woocommerce.push import push

        return await push(batch)

    async def read(self, query: Query) -> ReadResult:
        from pushdsl_woocommerce.read import read

        return await read(query)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation]:
        return []  # one stock for each product

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return events(cast(WooCommerceSettings, settings).webhook_secret, request)  # the core validates with our model

    def sandbox(self) -> Sandbox:
        from pushdsl_woocommerce.sandbox import WooCommerceSandbox

        return WooCommerceSandbox()
