"""Listings in, what the shop shows for each at every warehouse out: one call an item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pushdsl.plugins import Connection, ListingRef, NotShown, Query, ReadResult, Refused, Shown, Unknown
from pushdsl_lazada.errors import Trouble, row_trouble, trouble
from pushdsl_lazada.settings import choice_site
from pushdsl_lazada.wire import Answer, call, text, whole_number

ITEM_PATH = "/product/item/get"
CHOICE_ITEM_PATH = "/choice/product/item/get"

_NO_IDS = Refused(
    "", "the listing needs Lazada's ItemId as its item_id and its SkuId as its variant_id, both numbers", "bad_request"
)
_SEVERAL = Refused("", "the shop has several warehouses, map each with `location` in its store", "bad_request")
_UNREADABLE = Unknown("the stock that Lazada answered with cannot be read")
_KEPT_BY_LAZADA = ("1", "2")
"""Kinds of Choice items; 3 and 4 are just in time."""
_EAST = timedelta(hours=8)
_SECOND = timedelta(seconds=1)

Item = Mapping[str, object]


def wrong_ids(item_id: str, variant_id: str) -> Refused | None:
    sound = all(an_id.isascii() and an_id.isdecimal() for an_id in (item_id, variant_id))
    return None if sound else _NO_IDS


async def read(query: Query) -> ReadResult:
    """In turn, and no further once a call failed: the next would only fail too, or add to a throttle."""
    items: dict[str, Item | Trouble] = {}
    failed: Trouble | None = None
    answers: list[Shown | NotShown] = []
    for ref in query.listings:
        if (wrong := wrong_ids(ref.item_id, ref.variant_id)) is not None:
            answers.append(NotShown(ref.store_sku, wrong))
            continue
        if ref.item_id not in items:
            items[ref.item_id] = failed or await _item(query.connection, ref.item_id)
        item = items[ref.item_id]
        if isinstance(item, Mapping):
            answers.extend(_shown(ref, item, query.connection))
        else:
            failed = failed or (None if isinstance(item, Refused) else item)
            answers.append(NotShown(ref.store_sku, item))
    return answers


async def _item(connection: Connection, item_id: str) -> Item | Trouble:
    path, params = ITEM_PATH, {"item_id": item_id}
    if connection.store.choice:
        site = choice_site(connection.store)
        if isinstance(site, Refused):
            return site
        path, params["site"] = CHOICE_ITEM_PATH, site
    answer = await call(connection, "GET", path, params)
    if not isinstance(answer, Answer):
        return answer
    if answer.rows:
        row = answer.rows[0]
        return row_trouble("read", answer.code, answer.message, text(row, "code"), text(row, "message"), alone=True)
    if answer.code != "0":
        return trouble("read", answer.code, answer.message, retry_after=answer.retry_after)
    item = answer.body.get("data")
    return item if isinstance(item, dict) and _rows(item, "skus") is not None else _UNREADABLE


def _shown(ref: ListingRef, item: Item, connection: Connection) -> Iterator[Shown | NotShown]:
    sku = _sku(item, "skus", ref.variant_id)
    if sku is None or text(sku, "Status").lower() == "deleted":
        yield NotShown(ref.store_sku, _missing(item, ref.variant_id))
        return
    try:
        if connection.store.choice:
            yield _choice_stock(ref, item, sku, connection.now())
        elif names := [location.name for location in connection.store.locations if location.name]:
            yield from _warehouses(ref, sku, names, connection.now())
        else:
            yield _only_stock(ref, sku, connection.now())
    except _UnreadableError:
        yield NotShown(ref.store_sku, _UNREADABLE)


def _missing(item: Item, sku_id: str) -> Refused:
    """A suspended SKU is still the seller's: its mapping must not be given up."""
    if _sku(item, "suspendedSkus", sku_id) is not None:
        return Refused("", f"Lazada suspended the SKU `{sku_id}`", "blocked")
    return Refused("", f"Lazada shows no SKU `{sku_id}` in this item", "not_found")


def _only_stock(ref: ListingRef, sku: Mapping[str, object], now: datetime) -> Shown | NotShown:
    """The sellable quantity of the only warehouse, else the one of the SKU."""
    warehouses = _rows(sku, "multiWarehouseInventories") or []
    if len(warehouses) > 1:
        return NotShown(ref.store_sku, _SEVERAL)
    quantity = _sellable(warehouses[0]) if warehouses else _pieces(sku, "Available", "quantity")
    return Shown(ref.store_sku, "", quantity, reserved=_reserved(sku, now))


def _warehouses(
    ref: ListingRef, sku: Mapping[str, object], names: Sequence[str], now: datetime
) -> Iterator[Shown | NotShown]:
    """Lazada leaves out a warehouse that has nothing of the SKU, so one of `names` that is not listed shows 0."""
    listed = _rows(sku, "multiWarehouseInventories")
    quantities = {text(warehouse, "warehouseCode"): _sellable(warehouse) for warehouse in listed or []}
    if listed is None or (not listed and _pieces(sku, "Available", "quantity")):
        yield NotShown(ref.store_sku, Refused("", "Lazada shows no warehouse for this SKU", "bad_request"))
        return
    # Campaign stock is given for the SKU as a whole; it is told once, so that the sum stays right.
    reserved = _reserved(sku, now)
    for number, (code, quantity) in enumerate({**quantities, **{n: 0 for n in names if n not in quantities}}.items()):
        yield Shown(ref.store_sku, code, quantity, reserved=0 if number else reserved)


def _choice_stock(ref: ListingRef, item: Item, sku: Mapping[str, object], now: datetime) -> Shown | NotShown:
    """What the seller keeps just in time for Choice; other platform warehouses beside it are Lazada's own."""
    supplement = item.get("bizSupplement")
    if isinstance(supplement, dict) and text(supplement, "item_type") in _KEPT_BY_LAZADA:
        return NotShown(ref.store_sku, Refused("", "Lazada keeps the stock of this Choice item itself", "blocked"))
    warehouses = _rows(sku, "fblWarehouseInventories") or []
    just_in_time = [w for w in warehouses if "JIT" in text(w, "warehouseCode").upper()] or warehouses
    if not just_in_time:
        return NotShown(ref.store_sku, Refused("", "Lazada shows no Choice warehouse for this SKU", "bad_request"))
    return Shown(ref.store_sku, "", sum(map(_sellable, just_in_time)), reserved=_reserved(sku, now))


def _reserved(sku: Mapping[str, object], now: datetime) -> int:
    """Stock of the campaigns that run now, which is part of the sellable quantity and cannot be undercut."""
    campaigns = _rows(sku, "channelInventories") or []
    return sum(_sellable(campaign) for campaign in campaigns if _runs(campaign, now))


def _runs(campaign: Mapping[str, object], now: datetime) -> bool:
    """Whether it may run now; one whose times cannot be read may.

    Lazada names no time zone. Its countries are at UTC+7 and UTC+8, so a campaign is taken to begin as if the time
    were UTC+8 and to end as if it were UTC: some hours too long, but never too short.
    """
    begins, ends = _time(campaign, "startTime"), _time(campaign, "endTime")
    return (begins is None or begins <= now + _EAST) and (ends is None or now - _SECOND < ends)


def _time(campaign: Mapping[str, object], field: str) -> datetime | None:
    try:
        return datetime.strptime(text(campaign, field), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


class _UnreadableError(Exception):
    """A quantity of the answer has another shape than documented; never leaves this module."""


def _sellable(inventory: Mapping[str, object]) -> int:
    return _pieces(inventory, "sellableQuantity", "quantity")


def _pieces(row: Mapping[str, object], *names: str) -> int:
    pieces = next((row[name] for name in names if row.get(name) is not None), None)
    number = whole_number(pieces)
    if number is None or number < 0:
        raise _UnreadableError
    return number


def _sku(item: Item, field: str, sku_id: str) -> Mapping[str, object] | None:
    return next((sku for sku in _rows(item, field) or [] if text(sku, "SkuId", "skuId") == sku_id), None)


def _rows(value: Mapping[str, object], field: str) -> Sequence[Mapping[str, object]] | None:
    """The objects of a list; None where there is no such list."""
    rows = value.get(field)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None
