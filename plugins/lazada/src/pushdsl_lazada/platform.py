"""Lazada as a platform: its limits, and where each call of the contract goes."""

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
from pushdsl_lazada.authorization import LazadaAuthorization
from pushdsl_lazada.settings import LazadaSettings
from pushdsl_lazada.webhooks import events


class Lazada:
    """Stateless. aiohttp is imported by the first call, for `check` and `plan` need none of it."""

    name = "lazada"
    contract = (1, 0)
    settings: type[BaseModel] = LazadaSettings
    authorization: Authorization | None = LazadaAuthorization()

    def capabilities(self, store: Store) -> Capabilities:
        several = not store.choice and any(location.name for location in store.locations)
        return Capabilities(
            # A guess: Lazada names no maximum. A listing's own `max_quantity` goes before it.
            max_quantity=999_999,
            increase_only=store.choice,
            # Choice stock has no warehouse of the seller's.
            locations=not store.choice,
            # 50 are allowed, 20 recommended.
            batch_size=20,
            # A Choice call names one item. A write to several warehouses is read back, and a read names one item.
            batch_by="item" if store.choice or several else "call",
            # "10 qps promised for each seller"; with several warehouses a push is two calls.
            requests_per_second=5.0 if several else 10.0,
            requests_scope="store",
            unbinds_on_not_found=True,
        )

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        from pushdsl_lazada.push import push

        return await push(batch)

    async def read(self, query: Query) -> ReadResult:
        from pushdsl_lazada.read import read

        return await read(query)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        from pushdsl_lazada.locations import locations

        return await locations(connection)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return events(cast(LazadaSettings, settings), request)  # the core validates with our own model

    def sandbox(self) -> Sandbox:
        from pushdsl_lazada.sandbox import LazadaSandbox

        return LazadaSandbox()
