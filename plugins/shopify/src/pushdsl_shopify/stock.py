"""Inventory items and locations in; what the shop shows for each item at each location out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pushdsl.plugins import Connection, Refused, Temporary
from pushdsl_shopify.documents import ACTIVE_LOCATIONS, levels
from pushdsl_shopify.errors import Trouble
from pushdsl_shopify.ids import gid
from pushdsl_shopify.wire import Fields, ask, inner, rows, text, whole_number

COST_MAX = 750
"""Points of one query, well under the 1,000 that Shopify takes: an item is one, and each level of it two."""

NO_IDS = Refused(
    "",
    "the listing needs the number of its inventory item in Shopify as its variant_id (not the variant's own number)",
    "bad_request",
)
NOT_FOUND = Refused("", "Shopify shows no such inventory item", "not_found")
UNTRACKED = Refused(
    "", "Shopify does not track the stock of this item: turn on `Track quantity` there, or leave it out", "blocked"
)
NOT_STOCKED = Refused(
    "ITEM_NOT_STOCKED_AT_LOCATION",
    "the item is not stocked at this location, or the shop has no such location"
    " (stock it there in Shopify first: `inventoryActivate`, or the product's page in the admin)",
    "bad_request",
)
_NO_LOCATION = Refused(
    "", "a location is the number of a Shopify location; `pushdsl locations` lists them", "bad_request"
)
_SEVERAL = Refused(
    "",
    "the shop has several locations that fulfil online orders: map each with `location` in its store;"
    " `pushdsl locations` lists them",
    "bad_request",
)
_NONE = Refused("", "the shop has no active location that fulfils online orders", "bad_request")
_UNREADABLE = Temporary("the stock that Shopify answered with cannot be read")


@dataclass(frozen=True, slots=True)
class Level:
    """Pieces of an item at one location. `available` is below 0 where more was sold than there was."""

    available: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Item:
    """`levels` by the address of the location; a location where the item is not stocked is not there."""

    tracked: bool
    levels: Mapping[str, Level]


async def places(connection: Connection, names: Sequence[str]) -> Mapping[str, str | Refused] | Trouble:
    """The address of each location; the one without a name is the only one that fulfils online orders."""
    found: dict[str, str | Refused] = {name: gid("Location", name) or _NO_LOCATION for name in names if name}
    if "" in names:
        only = await _only_location(connection)
        if not isinstance(only, str | Refused) or (isinstance(only, Refused) and only.whole_call):
            return only
        found[""] = only
    return found


async def _only_location(connection: Connection) -> str | Trouble:
    answer = await ask(connection, ACTIVE_LOCATIONS, {})
    if not isinstance(answer, Mapping):
        return answer
    listed = inner(answer, "locations")
    found = rows(listed, "nodes")
    if found is None:
        return _UNREADABLE
    fulfilling = [
        text(row, "id") for row in found if row.get("isActive") is True and row.get("fulfillsOnlineOrders") is True
    ]
    if len(fulfilling) > 1 or inner(listed, "pageInfo").get("hasNextPage") is True:
        return _SEVERAL
    return fulfilling[0] if fulfilling else _NONE


async def items(connection: Connection, ids: Sequence[str], locations: Sequence[str]) -> Mapping[str, Item] | Trouble:
    """The items that the shop has, by their addresses."""
    query, named = levels(len(locations)), {f"l{number}": location for number, location in enumerate(locations)}
    at_once = max(1, COST_MAX // (1 + 2 * len(locations)))
    found: dict[str, Item] = {}
    for start in range(0, len(ids), at_once):
        answer = await ask(connection, query, {"items": list(ids[start : start + at_once]), **named})
        if not isinstance(answer, Mapping):
            return answer
        nodes = rows(answer, "nodes")
        if nodes is None:
            return _UNREADABLE
        for node in nodes:
            item = _item(node, locations)
            if item is None:
                return _UNREADABLE
            found[text(node, "id")] = item
    return found


def _item(node: Fields, locations: Sequence[str]) -> Item | None:
    """None where it cannot be read. A level that is null is one that the item does not have."""
    tracked, stocked = node.get("tracked"), {}
    for number, location in enumerate(locations):
        level = node.get(f"l{number}")
        if level is None:
            continue
        quantities = quantities_of(level)
        if "available" not in quantities:
            return None
        stocked[location] = Level(quantities["available"], quantities.get("reserved", 0))
    return Item(tracked, stocked) if isinstance(tracked, bool) else None


def quantities_of(level: object) -> Mapping[str, int]:
    """Shopify's quantities of one level by their names; those that are no numbers are left out."""
    found = rows(level, "quantities") if isinstance(level, dict) else None
    numbers = ((text(row, "name"), whole_number(row.get("quantity"))) for row in found or ())
    return {name: number for name, number in numbers if number is not None}
