"""Listings in, what the shop shows for each at every warehouse out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pushdsl.plugins import Connection, ListingRef, NotShown, Query, ReadResult, Refused, Shown, Unknown
from pushdsl_tiktok.errors import Trouble, trouble
from pushdsl_tiktok.wire import Answer, post, whole_number

_SEARCH = "/product/202309/inventory/search"
_KEPT_FOR = ("campaign_inventory", "creator_inventory")

NO_IDS = Refused(
    "", "the listing needs TikTok's product id as its item_id and the SKU id as its variant_id", "bad_request"
)


@dataclass(frozen=True, slots=True)
class SkuStock:
    """What the shop shows for one SKU: pieces at each warehouse id, and how many of all are kept for others.

    `reserved` are pieces for campaigns and for creators, inside the available ones.
    """

    available: Mapping[str, int]
    total: int | None
    reserved: int


async def read(query: Query) -> ReadResult:
    wanted = [ref for ref in query.listings if ref.item_id and ref.variant_id]
    found = await stock(query.connection, wanted) if wanted else {}
    mapped = [location.name for location in query.connection.store.locations if location.name]
    shown: list[Shown | NotShown] = []
    for ref in query.listings:
        if not (ref.item_id and ref.variant_id):
            shown.append(NotShown(ref.store_sku, NO_IDS))
        elif not isinstance(found, Mapping):
            shown.append(NotShown(ref.store_sku, found))
        else:
            shown.extend(_shown(ref, found.get((ref.item_id, ref.variant_id)), mapped))
    return shown


async def stock(connection: Connection, listings: Sequence[ListingRef]) -> Mapping[tuple[str, str], SkuStock] | Trouble:
    """By product id and SKU id; a SKU that the shop does not have is left out."""
    sku_ids = list(dict.fromkeys(ref.variant_id for ref in listings))
    answer = await post(connection, _SEARCH, {"sku_ids": sku_ids})
    if not isinstance(answer, Answer):
        return answer
    if answer.code:
        return trouble(answer.code, answer.message, alone=len(sku_ids) == 1, retry_after=answer.retry_after)
    try:
        return dict(_products(answer.data))
    except _UnreadableError:
        return Unknown("the inventory that TikTok Shop answered with cannot be read")


def _shown(ref: ListingRef, sku: SkuStock | None, mapped: Sequence[str]) -> Iterator[Shown | NotShown]:
    if sku is None:
        yield NotShown(ref.store_sku, Refused("", f"TikTok Shop shows no SKU `{ref.variant_id}`", "not_found"))
    elif mapped and sku.available:
        # TikTok gives the reserve for the SKU as a whole; it is told once, at a warehouse that is pushed.
        teller = next((name for name in mapped if name in sku.available), min(sku.available))
        for warehouse, available in sku.available.items():
            yield Shown(ref.store_sku, warehouse, available, sku.reserved if warehouse == teller else 0)
    elif not mapped and len(sku.available) == 1:
        yield Shown(ref.store_sku, "", sum(sku.available.values()), sku.reserved)
    elif not mapped and not sku.available and sku.total is not None:
        yield Shown(ref.store_sku, "", sku.total, sku.reserved)
    elif mapped:
        yield NotShown(ref.store_sku, Refused("", "TikTok Shop shows no warehouse for this SKU", "bad_request"))
    else:
        yield NotShown(
            ref.store_sku,
            Refused("", "the shop has several warehouses, map each with `location` in its store", "bad_request"),
        )


class _UnreadableError(Exception):
    """A field of the answer has another shape than documented; never leaves this module."""


def _products(data: Mapping[str, object]) -> Iterator[tuple[tuple[str, str], SkuStock]]:
    for product in _objects(data.get("inventory")):
        for sku in _objects(product.get("skus")):
            yield (str(product.get("product_id")), str(sku.get("id"))), _sku_stock(sku)


def _sku_stock(sku: Mapping[str, object]) -> SkuStock:
    distribution = sku.get("total_available_inventory_distribution") or {}
    if not isinstance(distribution, dict):
        raise _UnreadableError
    kept = [share for name in _KEPT_FOR for share in _objects(distribution.get(name))]
    return SkuStock(
        {
            str(w.get("warehouse_id")): _pieces(w, "available_quantity")
            for w in _objects(sku.get("warehouse_inventory"))
        },
        whole_number(sku.get("total_available_quantity")),
        sum(_pieces(share, "quantity") for share in kept),
    )


def _objects(value: object) -> Iterable[Mapping[str, object]]:
    """The objects of a list that may be absent."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
        raise _UnreadableError
    return value


def _pieces(value: Mapping[str, object], field: str) -> int:
    pieces = whole_number(value.get(field))
    if pieces is None or pieces < 0:
        raise _UnreadableError
    return pieces
