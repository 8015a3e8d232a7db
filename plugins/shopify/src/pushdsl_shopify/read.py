"""Listings in, what the shop shows for each at every location of the store out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pushdsl.plugins import ListingRef, NotShown, Query, ReadResult, Refused, Shown
from pushdsl_shopify.ids import gid
from pushdsl_shopify.stock import NO_IDS, NOT_FOUND, NOT_STOCKED, UNTRACKED, Item, items, places


async def read(query: Query) -> ReadResult:
    names = [location.name for location in query.connection.store.locations] or [""]
    found = await places(query.connection, names)
    if not isinstance(found, Mapping):
        return [NotShown(ref.store_sku, found) for ref in query.listings]
    addresses = {name: place for name, place in found.items() if isinstance(place, str)}
    if not addresses:
        reason = next(place for place in found.values() if isinstance(place, Refused))
        return [NotShown(ref.store_sku, reason) for ref in query.listings]
    ids = list(dict.fromkeys(item for ref in query.listings if (item := gid("InventoryItem", ref.variant_id))))
    stock = await items(query.connection, ids, list(addresses.values())) if ids else {}
    if not isinstance(stock, Mapping):
        return [NotShown(ref.store_sku, stock) for ref in query.listings]
    return [answer for ref in query.listings for answer in _answers(ref, stock, addresses)]


def _answers(ref: ListingRef, stock: Mapping[str, Item], addresses: Mapping[str, str]) -> Iterator[Shown | NotShown]:
    address = gid("InventoryItem", ref.variant_id)
    item = stock.get(address) if address else None
    if item is None:
        yield NotShown(ref.store_sku, NOT_FOUND if address else NO_IDS)
    elif not item.tracked:
        yield NotShown(ref.store_sku, UNTRACKED)
    elif not item.levels:
        yield NotShown(ref.store_sku, NOT_STOCKED)
    else:
        for name, place in addresses.items():
            if (level := item.levels.get(place)) is not None:
                # Oversold stock is below 0 and cannot be pushed; to a buyer it is 0.
                yield Shown(ref.store_sku, name, max(0, level.available), max(0, level.reserved))
