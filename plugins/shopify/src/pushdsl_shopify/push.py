"""Quantities in, one outcome for every cell out: what the shop shows is read, then set in one call or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import NAMESPACE_URL, uuid5

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, Outcome, Refused, Temporary, Unknown
from pushdsl_shopify.documents import FIRST_WITH_KEYS, set_quantities
from pushdsl_shopify.errors import Trouble, user_error
from pushdsl_shopify.ids import gid
from pushdsl_shopify.settings import ShopifySettings
from pushdsl_shopify.stock import NO_IDS, NOT_FOUND, NOT_STOCKED, UNTRACKED, Item, items, places
from pushdsl_shopify.wire import Fields, inner, rows, tell, text, whole_number

_NO_PREORDER = Refused("", "Shopify has no pre-order that a push of stock can set", "bad_request")
_ONE_ITEM = Refused("", "two listings of this push are one inventory item, with different quantities", "bad_request")
_UNREADABLE = Unknown("the answer of Shopify to the new quantities cannot be read")


@dataclass(frozen=True, slots=True)
class Row:
    """A quantity for an item at a location, both as Shopify's addresses; `before` is what the shop shows now."""

    item: str
    location: str
    quantity: int
    before: int = 0

    @property
    def pair(self) -> tuple[str, str]:
        return self.item, self.location


async def push(batch: Batch) -> Sequence[Outcome]:
    """Where one row spoils the call, all cells say so, even those that were not sent: the core finds it by halving."""
    outcomes = await _outcomes(batch.connection, batch.cells)
    if len(batch.cells) == 1:
        return [replace(o, whole_call=False) if isinstance(o, Refused) else o for o in outcomes]
    if any(isinstance(outcome, Refused) and outcome.whole_call for outcome in outcomes):
        return [replace(o, whole_call=True) if isinstance(o, Refused) else o for o in outcomes]
    return outcomes


async def _outcomes(connection: Connection, cells: Sequence[CellPush]) -> Sequence[Outcome]:
    found = await places(connection, list(dict.fromkeys(cell.location for cell in cells)))
    if not isinstance(found, Mapping):
        return [found] * len(cells)
    named = _without_contradictions([_row(cell, found[cell.location]) for cell in cells])
    wanted = [row for row in named if isinstance(row, Row)]
    if not wanted:
        return [row for row in named if isinstance(row, Refused)]
    ids, locations = (list(dict.fromkeys(part)) for part in zip(*(row.pair for row in wanted), strict=True))
    stock = await items(connection, ids, locations)
    if not isinstance(stock, Mapping):
        return [stock if isinstance(row, Row) else row for row in named]
    known = [_known(row, stock) if isinstance(row, Row) else row for row in named]
    sent = list(dict.fromkeys(row for row in known if isinstance(row, Row)))
    answered = dict(zip(sent, await _set(connection, sent), strict=True)) if sent else {}
    return [answered[row] if isinstance(row, Row) else row for row in known]


def _row(cell: CellPush, place: str | Refused) -> Row | Refused:
    item = gid("InventoryItem", cell.variant_id)
    if item is None:
        return NO_IDS
    if cell.mode == "preorder":
        return _NO_PREORDER
    return place if isinstance(place, Refused) else Row(item, place, cell.quantity)


def _without_contradictions(named: Sequence[Row | Refused]) -> Sequence[Row | Refused]:
    """Two listings may be one item; where they want different quantities, neither is sent."""
    wanted: dict[tuple[str, str], set[int]] = {}
    for row in named:
        if isinstance(row, Row):
            wanted.setdefault(row.pair, set()).add(row.quantity)
    return [_ONE_ITEM if isinstance(row, Row) and len(wanted[row.pair]) > 1 else row for row in named]


def _known(row: Row, stock: Mapping[str, Item]) -> Row | Refused:
    """The row with what the shop shows now; refused where it cannot be set there."""
    item = stock.get(row.item)
    if item is None:
        return NOT_FOUND
    if not item.tracked:
        return UNTRACKED
    level = item.levels.get(row.location)
    return NOT_STOCKED if level is None else replace(row, before=level.available)


async def _set(connection: Connection, sent: Sequence[Row]) -> Sequence[Outcome]:
    settings = cast(ShopifySettings, connection.settings)  # the core validates with our own model
    asked = inputs(settings, sent)
    variables: dict[str, object] = {"input": asked}
    if settings.version >= FIRST_WITH_KEYS:
        variables["key"] = key_of(asked, settings.shop, connection.now())
    answer = await tell(connection, set_quantities(settings.version), variables)
    if not isinstance(answer, Mapping):
        return [answer] * len(sent)
    payload = inner(answer, "inventorySetQuantities")
    errors = payload.get("userErrors")
    if not isinstance(errors, list):
        return [_UNREADABLE] * len(sent)
    return _refused(errors, payload, len(sent)) if errors else _taken(payload, sent)


def inputs(settings: ShopifySettings, sent: Sequence[Row]) -> dict[str, object]:
    """`InventorySetQuantitiesInput` in the words of the version. From 2026-04 on null says that nothing is compared."""
    asked: dict[str, object] = {"name": "available", "reason": settings.reason}
    compare = "changeFromQuantity"
    if settings.version < FIRST_WITH_KEYS:
        asked["ignoreCompareQuantity"] = not settings.compare
        compare = "compareQuantity"
    asked["quantities"] = [
        {
            "inventoryItemId": row.item,
            "locationId": row.location,
            "quantity": row.quantity,
            compare: row.before if settings.compare else None,
        }
        for row in sent
    ]
    return asked


def key_of(asked: Mapping[str, object], shop: str, at: datetime) -> str:
    """The same for the same quantities at the same moment, so that a call which the network doubles works once."""
    return str(uuid5(NAMESPACE_URL, json.dumps([shop, at.isoformat(), asked], sort_keys=True)))


def _refused(errors: Sequence[object], payload: Fields, rows_sent: int) -> Sequence[Outcome]:
    """Shopify sets all rows or none. Where rows are named as refused, none can be taken until they are gone."""
    if payload.get("inventoryAdjustmentGroup") is not None:
        return [_UNREADABLE] * rows_sent
    read = [(_index(error), user_error(text(error, "code"), text(error, "message"))) for error in _objects(errors)]
    lost = next((trouble for _, trouble in read if isinstance(trouble, Unknown)), None)
    if lost is not None or len(read) < len(errors):
        return [lost or _UNREADABLE] * rows_sent
    refused = {index: trouble for index, trouble in reversed(read) if isinstance(trouble, Refused)}
    if not refused:
        return [_first_of(read)] * rows_sent
    first = next(trouble for _, trouble in read if isinstance(trouble, Refused))
    others = replace(first, message=f"nothing of this call was set: {first.message}", whole_call=True)
    return [replace(refused[n], whole_call=True) if n in refused else others for n in range(rows_sent)]


def _objects(errors: Sequence[object]) -> Sequence[Fields]:
    return [error for error in errors if isinstance(error, dict)]


def _first_of(read: Sequence[tuple[int | None, Trouble]]) -> Trouble:
    """All were temporary; the longest wait that was asked for counts."""
    return max((trouble for _, trouble in read), key=lambda t: t.retry_after or 0 if isinstance(t, Temporary) else 0)


def _index(error: Fields) -> int | None:
    """The row that an error is about, from `["input", "quantities", "3", "quantity"]`; None where it names none."""
    path = error.get("field")
    if not isinstance(path, list) or len(path) < 3 or path[:2] != ["input", "quantities"]:
        return None
    return int(path[2]) if isinstance(path[2], str) and path[2].isdecimal() and len(path[2]) < 9 else None


def _taken(payload: Fields, sent: Sequence[Row]) -> Sequence[Outcome]:
    group = payload.get("inventoryAdjustmentGroup")
    if group is not None and not isinstance(group, dict):
        return [_UNREADABLE] * len(sent)
    changes = rows(group, "changes") if group else []
    after = {
        (text(inner(change, "item"), "id"), text(inner(change, "location"), "id")): change.get("quantityAfterChange")
        for change in changes or ()
        if change.get("name") == "available"
    }
    return [_settled(row, after) for row in sent]


def _settled(row: Row, after: Mapping[tuple[str, str], object]) -> Outcome:
    """Shopify lists what it changed, and is known to pass over rows in silence: only what it lists is believed."""
    if row.pair not in after:
        return Confirmed() if row.before == row.quantity else Unknown("Shopify named neither an error nor a change")
    now = whole_number(after[row.pair])
    return Confirmed() if now in (None, row.quantity) else Unknown(f"Shopify says that it shows {now} now")
