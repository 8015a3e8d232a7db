"""Shopify as a platform: its limits, and where each call of the contract goes."""

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
from pushdsl_shopify.authorization import ShopifyAuthorization
from pushdsl_shopify.settings import ShopifySettings

ROWS = 250
"""Of one call, Shopify's limit of any list."""


class Shopify:
    """Stateless. aiohttp is imported by the first call, for `check` and `plan` need none of it."""

    name = "shopify"
    contract = (1, 0)
    settings: type[BaseModel] = ShopifySettings
    authorization: Authorization | None = ShopifyAuthorization()

    def capabilities(self, store: Store) -> Capabilities:
        return Capabilities(
            max_quantity=1_000_000_000,
            locations=True,
            # A listing is a row for each of its locations.
            batch_size=max(1, ROWS // max(1, len(store.locations))),
            # A full push reads for some 750 points and writes for 10; the cheapest plan restores 100 a second, up to
            # 2,000: two full pushes at once, and then one in nine seconds.
            requests_per_second=0.25,
            requests_burst=4,
            unbinds_on_not_found=True,
        )

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        from pushdsl_shopify.push import push

        return await push(batch)

    async def read(self, query: Query) -> ReadResult:
        from pushdsl_shopify.read import read

        return await read(query)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        from pushdsl_shopify.locations import locations

        return await locations(connection)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        from pushdsl_shopify.webhooks import events

        return events(cast(ShopifySettings, settings), request)  # the core validates with our own model

    def sandbox(self) -> Sandbox:
        try:
            from pushdsl_shopify.sandbox import ShopifySandbox
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("a local Shopify needs graphql-core: `pushdsl-shopify[sandbox]`") from error

        return ShopifySandbox()
