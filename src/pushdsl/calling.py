"""One store as the core calls it: at its rate, with tokens that are good, and a plugin's faults kept apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from pushdsl.pacing import Gate, Gates, Pace
from pushdsl.plugins.platform import (
    Batch,
    Capabilities,
    CellPush,
    Connection,
    Failure,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    ReadResult,
    ShopLocation,
    Shown,
    Unauthorized,
    Unknown,
)  # fmt: skip

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pushdsl.model import Store
    from pushdsl.tokens import TokenKeeper


def connections() -> aiohttp.TCPConnector:
    """For all stores of a process; how many go to one host is bounded by store, so that none waits for another's."""
    return aiohttp.TCPConnector(limit=0, limit_per_host=0)


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach one store. `tokens` absent: the settings hold nothing that runs out."""

    store: Store
    platform: Platform
    settings: BaseModel
    capabilities: Capabilities
    tokens: TokenKeeper | None = None

    @asynccontextmanager
    async def caller(
        self, http: aiohttp.BaseConnector | None, gates: Gates, pace: Pace, until: float | None = None
    ) -> AsyncIterator[Caller]:
        """For as many calls as are to be made; none is sent after `until`, a time of the event loop."""
        gate = gates.of(self.store, self.platform, self.settings, self.capabilities)
        # no time for the whole call: waiting at the gate would count
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        through = gate.middleware if until is None else gate.until(until)
        async with aiohttp.ClientSession(
            connector=http,
            connector_owner=http is None,
            timeout=timeout,
            middlewares=(through,),
        ) as session:
            yield Caller(self.store, self.platform, self.settings, self.tokens, session, gate, pace)


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls to one store. Every answer is one for each cell or listing, whatever the plugin does."""

    store: Store
    platform: Platform
    settings: BaseModel
    tokens: TokenKeeper | None
    http: aiohttp.ClientSession
    gate: Gate
    pace: Pace

    async def push(self, cells: tuple[CellPush, ...]) -> Sequence[Outcome]:
        """Where a token has run out it is renewed, and what that kept from being done is sent once more."""
        settings = await self._settings()
        if isinstance(settings, Failure):
            return [settings] * len(cells)
        outcomes = list(await self._push(settings, cells))
        expired = [number for number, outcome in enumerate(outcomes) if _is_expired(outcome)]
        if expired and self.tokens is not None:
            renewed = await self._renewed(settings)
            cut_off = tuple(cells[number] for number in expired)
            again = [renewed] * len(expired) if isinstance(renewed, Failure) else await self._push(renewed, cut_off)
            for number, outcome in zip(expired, again, strict=True):
                outcomes[number] = outcome
        return outcomes

    async def read(self, listings: tuple[ListingRef, ...]) -> ReadResult:
        """As `push` does."""
        settings = await self._settings()
        if isinstance(settings, Failure):
            return [NotShown(listing.store_sku, settings) for listing in listings]
        results = await self._read(settings, listings)
        expired = {r.store_sku for r in results if isinstance(r, NotShown) and _is_expired(r.outcome)}
        if not expired or self.tokens is None:
            return results
        renewed = await self._renewed(settings)
        cut_off = tuple(listing for listing in listings if listing.store_sku in expired)
        others = [result for result in results if result.store_sku not in expired]
        if isinstance(renewed, Failure):
            return [*others, *(NotShown(listing.store_sku, renewed) for listing in cut_off)]
        return [*others, *await self._read(renewed, cut_off)]

    async def locations(self) -> Sequence[ShopLocation] | Failure:
        """As `push` does."""
        settings = await self._settings()
        if isinstance(settings, Failure):
            return settings
        found = await self._locations(settings)
        if self.tokens is None or not _is_expired(found):
            return found
        renewed = await self._renewed(settings)
        return renewed if isinstance(renewed, Failure) else await self._locations(renewed)

    # ---- one call, without a second look

    async def _settings(self) -> BaseModel | Failure:
        return self.settings if self.tokens is None else await self.tokens.due(self.http, self.pace)

    async def _renewed(self, used: BaseModel) -> BaseModel | Failure:
        assert self.tokens is not None, "asked before"
        return await self.tokens.renewed(used, self.http, self.pace)

    def _connection(self, settings: BaseModel) -> Connection:
        return Connection(self.store, settings, self.http, self.pace.now)

    async def _push(self, settings: BaseModel, cells: tuple[CellPush, ...]) -> Sequence[Outcome]:
        try:
            outcomes = list(await self.platform.push(Batch(self._connection(settings), cells)))
        except Exception as error:
            return [self._broken(error)] * len(cells)
        if not all(isinstance(outcome, Outcome) for outcome in outcomes):
            return [Unknown(f"the plugin of {self.platform.name} gave what is no outcome")] * len(cells)
        if len(outcomes) != len(cells):
            message = f"the plugin of {self.platform.name} gave {len(outcomes)} outcomes for {len(cells)} cells"
            return [Unknown(message)] * len(cells)
        return outcomes

    async def _read(self, settings: BaseModel, listings: tuple[ListingRef, ...]) -> ReadResult:
        try:
            results = list(await self.platform.read(Query(self._connection(settings), listings)))
        except Exception as error:
            results = [NotShown(listing.store_sku, self._broken(error)) for listing in listings]
        results = [result for result in results if isinstance(result, Shown | NotShown)]
        answered = {result.store_sku for result in results}
        forgotten = Unknown(f"the plugin of {self.platform.name} said nothing of this listing")
        return [*results, *(NotShown(x.store_sku, forgotten) for x in listings if x.store_sku not in answered)]

    async def _locations(self, settings: BaseModel) -> Sequence[ShopLocation] | Failure:
        try:
            answer = await self.platform.locations(self._connection(settings))
            found = answer if isinstance(answer, Failure) else list(answer)
        except Exception as error:
            return self._broken(error)
        if isinstance(found, list) and not all(isinstance(place, ShopLocation) for place in found):
            return Unknown(f"the plugin of {self.platform.name} gave what is no location")
        return found

    def _broken(self, error: Exception) -> Unknown:
        # a plugin is a guest: its faults end here, named without their text, which may hold secrets
        return Unknown(f"the plugin of {self.platform.name} failed with {type(error).__name__}")


def _is_expired(answer: object) -> bool:
    return isinstance(answer, Unauthorized) and answer.action == "refresh"
