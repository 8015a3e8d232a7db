"""Shopee as a platform: its limits, and where each call of the contract goes."""

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
    Failure,
    Outcome,
    Query,
    ReadResult,
    Sandbox,
    ShopLocation,
    Store,
    WebhookRequest,
)
from pushdsl_shopee.authorization import ShopeeAuthorization
from pushdsl_shopee.settings import ShopeeSettings


class Shopee:
    """Stateless. aiohttp is imported by the first call, for `check` and `plan` need none of it."""

    name = "shopee"
    contract = (1, 0)
    settings: type[BaseModel] = ShopeeSettings
    authorization: Authorization | None = ShopeeAuthorization()

    def capabilities(self, store: Store) -> Capabilities:
        return Capabilities(
            # A guess: the maximum is set by category, and this is the one in Shopee's documentation.
            max_quantity=10_000_000,
            counts_reserved=True,
            preorder=True,
            # By category too, and the published figures contradict one another.
            preorder_days=None,
            locations=True,
            batch_size=50,
            batch_by="item",
            # A guess: Shopee publishes no figure, only that all shops of an app share it.
            requests_per_second=10.0,
            requests_scope="app",
            unbinds_on_not_found=True,
        )

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        from pushdsl_shopee.push import push

        return await push(batch)

    async def read(self, query: Query) -> ReadResult:
        from pushdsl_shopee.read import read

        return await read(query)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        from pushdsl_shopee.locations import locations

        return await locations(connection)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        from pushdsl_shopee.webhooks import events

        return events(cast(ShopeeSettings, settings), request)  # the core validates with our own model

    def sandbox(self) -> Sandbox:
        from pushdsl_shopee.sandbox import ShopeeSandbox

        return ShopeeSandbox()
