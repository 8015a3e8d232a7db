"""TikTok Shop and Tokopedia as platforms: their limits, and where each call of the contract goes."""

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
from pushdsl_tiktok.authorization import TikTokAuthorization, TokopediaAuthorization
from pushdsl_tiktok.settings import TikTokSettings, TokopediaSettings
from pushdsl_tiktok.webhooks import events


class TikTok:
    """Stateless. aiohttp is imported by the first call, for `check` and `plan` need none of it."""

    name = "tiktok"
    contract = (1, 0)
    settings: type[BaseModel] = TikTokSettings
    authorization: Authorization | None = TikTokAuthorization()

    def capabilities(self, store: Store) -> Capabilities:
        return Capabilities(
            # What live shops answer with; some pages of the documentation still say 99,999.
            max_quantity=999_999,
            # Whether campaigns' pieces are in the pushed number is not documented; without them nothing is oversold.
            counts_reserved=False,
            # Neither an ordinary SKU can become a pre-order one by the API, nor the other way round (README).
            preorder=False,
            locations=True,
            batch_size=100,
            batch_by="item",
            # TikTok allows 50 a second for each address, app and shop; the rest is for the seller's other programs.
            requests_per_second=40.0,
            requests_scope="store",
            unbinds_on_not_found=True,
        )

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        from pushdsl_tiktok.push import push

        return await push(batch)

    async def read(self, query: Query) -> ReadResult:
        from pushdsl_tiktok.read import read

        return await read(query)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        from pushdsl_tiktok.locations import locations

        return await locations(connection)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return events(cast(TikTokSettings, settings), request)  # the core validates with our own model

    def sandbox(self) -> Sandbox:
        from pushdsl_tiktok.sandbox import TikTokSandbox

        return TikTokSandbox()


class Tokopedia(TikTok):
    """A shop of Tokopedia, whose stock is one with that of its TikTok Shop and is reached through it."""

    name = "tokopedia"
    settings: type[BaseModel] = TokopediaSettings
    authorization: Authorization | None = TokopediaAuthorization()

    def sandbox(self) -> Sandbox:
        from pushdsl_tiktok.sandbox import TokopediaSandbox

        return TokopediaSandbox()
