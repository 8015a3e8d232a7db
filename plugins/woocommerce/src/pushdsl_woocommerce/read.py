"""Listings in, what the shop shows for each out."""

from __future__ import annotations

from pushdsl.plugins import Failure, ListingRef, NotShown, Query, ReadResult, Refused, Shown, Unknown
from pushdsl_woocommerce.addressing import NO_IDS, ROWS_MAX, calls, has_ids, id_of
from pushdsl_woocommerce.wire import Rows, call, pieces

NOT_FOUND = Refused("", "the shop has no such product or variation", "not_found")
NOT_COUNTED = Refused("", "the shop does not count this listing's own stock; a push turns that on", "bad_request")


async def read(query: Query) -> ReadResult:
    shown: list[Shown | NotShown] = [NotShown(at.store_sku, NO_IDS) for at in query.listings if not has_ids(at)]
    for path, listings in calls(at for at in query.listings if has_ids(at)):
        wanted = {"include": ",".join(map(id_of, listings)), "per_page": str(ROWS_MAX)}
        answer = await call(query.connection, "GET", path, wanted)
        shown += [_shown(at, answer) for at in listings]
    return shown


def _shown(listing: ListingRef, answer: Rows | Failure) -> Shown | NotShown:
    if not isinstance(answer, dict):
        return NotShown(listing.store_sku, answer)
    if (row := answer.get(id_of(listing))) is None:
        return NotShown(listing.store_sku, NOT_FOUND)
    if row.get("manage_stock") is not True:  # false, or "parent": a variation that shares the stock of its product
        return NotShown(listing.store_sku, NOT_COUNTED)
    if (quantity := pieces(row.get("stock_quantity"))) is None:
        return NotShown(listing.store_sku, Unknown("the quantity in the answer cannot be read"))
    return Shown(listing.store_sku, "", quantity)
