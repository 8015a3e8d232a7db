"""A Shopify shop in, read again and again; what it says is on hand and allocated, as snapshots, out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

from pydantic import BaseModel, Field, model_validator

from pushdsl.plugins import EventIntake, PushdslError, Snapshot, StockLine
from pushdsl_shopify.settings import ShopifySettings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SHOWN = 3
"""Variants that are named where more are left out."""


class ShopifySourceSettings(ShopifySettings):
    """`[sources.NAME]` with `kind = "shopify"`: what an account has, and which locations are read how often."""

    warehouses: Annotated[dict[str, Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """Our warehouse for each of Shopify's locations; all others are left out."""
    seconds: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """Between two readings."""

    @model_validator(mode="before")
    @classmethod
    def _first_token_is_asked_for(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("client_credentials") is True:
            return {"access_token": "none-yet", **given}
        return given


class ShopifySource:
    """Reads the whole shop and hands it in as what it was when the reading began."""

    name = "shopify"
    settings: type[BaseModel] = ShopifySourceSettings

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._now, self._sleep = now, sleep

    async def run(self, settings: BaseModel, intake: EventIntake) -> None:
        known = cast(ShopifySourceSettings, settings)  # the core validates with our own model
        while True:
            await self._read(known, intake)
            await self._sleep(known.seconds)

    async def _read(self, settings: ShopifySourceSettings, intake: EventIntake) -> None:
        from pushdsl_shopify.source import Omitted, SourceError, take

        source, begun = f"shopify/{settings.shop}", self._now()
        try:
            found = await take(settings, settings.shop, settings.warehouses, "")
        except SourceError as error:
            raise PushdslError(f"`{settings.shop}` was not read: {error}", "what was known of it stays") from None
        lines = tuple(
            StockLine(row.warehouse, row.sku, row.on_hand, row.allocated, None, row.tracked and not row.sell_when_out)
            for row in found.stock
        )
        sequence = (begun - _EPOCH) // _MICROSECOND
        await intake.snapshot(Snapshot(source, sequence, begun, lines))
        omitted: Sequence[Omitted] = found.omitted
        if omitted:
            body = "\n".join(f"{one.variant_id} `{one.sku}`: {one.reason}" for one in omitted)
            digest = hashlib.sha256(body.encode()).hexdigest()[:8]
            named = ", ".join(f"{one.variant_id} ({one.reason})" for one in omitted[:SHOWN])
            more = f" and {len(omitted) - SHOWN} more" if len(omitted) > SHOWN else ""
            await intake.put_aside(source, f"left out#{digest}", body, f"variants were left out: {named}{more}")
