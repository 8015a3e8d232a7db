"""Listings in, what the shop shows for each at every warehouse out; and the parts of it that a push needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pushdsl.plugins import (
    Connection,
    ListingRef,
    Mode,
    NotShown,
    Query,
    ReadResult,
    Refused,
    Shown,
    Store,
    Temporary,
    Unknown,
)
from pushdsl_shopee.errors import Trouble, trouble
from pushdsl_shopee.wire import Fields, get, inner, rows, whole_number

BASE_INFO_PATH = "/api/v2/product/get_item_base_info"
MODEL_LIST_PATH = "/api/v2/product/get_model_list"

NOT_FOUND = Refused("", "Shopee shows no such item or model", "not_found")
_NO_IDS = Refused(
    "",
    "the listing needs Shopee's item id as its item_id, and its model id as its variant_id where it has models",
    "bad_request",
)
_HAS_MODELS = Refused("", "the item has models: the listing needs a model id as its variant_id", "bad_request")
_SEVERAL = Refused("", "the shop has several warehouses: map each with `location` in its store", "bad_request")
_OF_SHOPEE = Refused("", "Shopee keeps this stock in its own warehouses", "blocked")
_UNREADABLE = Unknown("the stock that Shopee answered with cannot be read")
_NO_LIST = Temporary("the answer of Shopee cannot be read")


@dataclass(frozen=True, slots=True)
class Listed:
    """A listing by Shopee's numbers; model 0 stands for an item without models."""

    item_id: int
    model_id: int


def listed(item_id: str, variant_id: str) -> Listed | Refused:
    """Refused where an id is no number: Shopee takes them as JSON integers only."""
    item, model = whole_number(item_id), whole_number(variant_id or "0")
    return _NO_IDS if item is None or model is None else Listed(item, model)


async def read(query: Query) -> ReadResult:
    """In turn, and no further once a call failed: the next would only fail too, or add to a throttle."""
    items: dict[int, _Item | Refused] = {}
    failed: Trouble | None = None
    answers: list[Shown | NotShown] = []
    for ref in query.listings:
        listing = listed(ref.item_id, ref.variant_id)
        if isinstance(listing, Refused):
            answers.append(NotShown(ref.store_sku, listing))
            continue
        if listing.item_id not in items and failed is None:
            item = await _item(query.connection, listing.item_id)
            if isinstance(item, _Item | Refused):
                items[listing.item_id] = item
            else:
                failed = item
        answers.extend(_answers(ref, listing, items, failed, query.connection.store))
    return answers


@dataclass(frozen=True, slots=True)
class _Item:
    """`stocks` are the rows with `stock_info_v2`, by model."""

    base: Fields
    stocks: Mapping[int, Fields]


async def _item(connection: Connection, item_id: int) -> _Item | Trouble:
    base = await base_info(connection, item_id)
    if not isinstance(base, Mapping):
        return base
    if not base.get("has_model"):
        return _Item(base, {0: base})
    models = await model_rows(connection, item_id)
    return _Item(base, models) if isinstance(models, Mapping) else models


async def base_info(connection: Connection, item_id: int) -> Fields | Trouble:
    """What Shopee says of the item; refused where it can neither be sold nor written to."""
    answer = await get(connection, BASE_INFO_PATH, {"item_id_list": str(item_id)})
    if isinstance(answer, Temporary):
        return answer
    if answer.error:
        return trouble(answer, connection.now)
    items = rows(answer.response, "item_list")
    if items is None:
        return _NO_LIST
    item = next((item for item in items if whole_number(item.get("item_id")) == item_id), None)
    return NOT_FOUND if item is None else _by_status(item)


def _by_status(item: Fields) -> Fields | Refused:
    match item.get("item_status"):
        case "SELLER_DELETE" | "SHOPEE_DELETE":
            return NOT_FOUND
        case "BANNED" | "REVIEWING" as status:
            return Refused(status, f"the item has the status {status}", "blocked")
        case _:
            return item


async def model_rows(connection: Connection, item_id: int) -> Mapping[int, Fields] | Trouble:
    """The item's models by their ids."""
    answer = await get(connection, MODEL_LIST_PATH, {"item_id": str(item_id)})
    if isinstance(answer, Temporary):
        return answer
    if answer.error:
        return trouble(answer, connection.now)
    models = rows(answer.response, "model")
    if models is None:
        return _NO_LIST
    numbered = ((whole_number(model.get("model_id")), model) for model in models)
    return {number: model for number, model in numbered if number is not None}


def seller_stock(row: Fields) -> Mapping[str, int] | None:
    """The seller's own stock by location_id, empty where there is none to speak of; None where it cannot be read."""
    found = rows(inner(row, "stock_info_v2"), "seller_stock")
    if found is None:
        return None
    stock: dict[str, int] = {}
    for place in found:
        location, pieces = place.get("location_id") or "", whole_number(place.get("stock"))
        if pieces is None or pieces < 0 or not isinstance(location, str):
            return None
        stock["" if location == "-" else location] = pieces
    return stock


def _answers(
    ref: ListingRef,
    listing: Listed,
    items: Mapping[int, _Item | Refused],
    failed: Trouble | None,
    store: Store,
) -> Iterator[Shown | NotShown]:
    item = items.get(listing.item_id, failed)
    assert item is not None, "every item was read, or a call failed"
    if not isinstance(item, _Item):
        yield NotShown(ref.store_sku, item)
        return
    row = item.stocks.get(listing.model_id)
    if row is None:
        yield NotShown(ref.store_sku, NOT_FOUND if listing.model_id else _HAS_MODELS)
        return
    yield from _shown(ref, row, item.base, store)


def _shown(ref: ListingRef, row: Fields, base: Fields, store: Store) -> Iterator[Shown | NotShown]:
    stock, reserved = seller_stock(row), _reserved(row)
    places = [location.name for location in store.locations if location.name]
    if stock is None or reserved is None:
        yield NotShown(ref.store_sku, _UNREADABLE)
    elif not stock:
        yield NotShown(ref.store_sku, _OF_SHOPEE if _shopee_stock(row) else _UNREADABLE)
    elif not places and len(stock) > 1:
        yield NotShown(ref.store_sku, _SEVERAL)
    else:
        mode, days = _mode(row, base)
        # Reserve is told for the model as a whole; it is passed on once, so that the sum over warehouses stays right.
        bearer = next((place for place in places if place in stock), next(iter(stock)))
        for place, pieces in stock.items():
            name = place if places else ""
            yield Shown(ref.store_sku, name, pieces, reserved if place == bearer else 0, mode, days)


def _reserved(row: Fields) -> int | None:
    """What the seller's stock must not fall below for promotions; stock in Shopee's warehouses counts towards it."""
    total = whole_number(inner(inner(row, "stock_info_v2"), "summary_info").get("total_reserved_stock"))
    return None if total is None else max(0, total - _shopee_stock(row))


def _shopee_stock(row: Fields) -> int:
    found: Sequence[Fields] = rows(inner(row, "stock_info_v2"), "shopee_stock") or []
    return sum(whole_number(place.get("stock")) or 0 for place in found)


def _mode(row: Fields, base: Fields) -> tuple[Mode, int | None]:
    """Pre-order where model or item says so: only some shops have it by model."""
    for pre_order in (inner(row, "pre_order"), inner(base, "pre_order")):
        if pre_order.get("is_pre_order") is True:
            return "preorder", whole_number(pre_order.get("days_to_ship"))
    return "normal", None
