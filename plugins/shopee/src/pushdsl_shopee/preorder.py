"""An item and the mode it shall have in; nothing out, or why it does not have it.

Shopee keeps pre-order for a whole item and wants days to ship with either mode, within a range of its category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pushdsl.plugins import CellPush, Connection, Refused, Temporary, Unknown
from pushdsl_shopee.errors import Trouble, trouble
from pushdsl_shopee.read import base_info
from pushdsl_shopee.wire import Answer, Fields, get, inner, post, whole_number

UPDATE_ITEM_PATH = "/api/v2/product/update_item"
ITEM_LIMIT_PATH = "/api/v2/product/get_item_limit"

_NO_RANGE = Refused(
    "",
    "Shopee names no days to ship for this category:"
    " give the listing's `preorder_days_min` and `preorder_days_max`, or `preorder_days` in the account's capabilities",
    "bad_request",
)


def conflict(cells: Sequence[CellPush]) -> Refused | None:
    """Refused where cells of one item want different modes or days."""
    first, *others = cells
    other = next((cell for cell in others if (cell.mode, cell.days) != (first.mode, first.days)), None)
    if other is None:
        return None
    return Refused(
        "",
        f"Shopee keeps pre-order for a whole item: {_named(first)} and {_named(other)} want different ones"
        " (leave listings of items with several models out of the rule's pre-order, or give them all the same)",
        "bad_request",
    )


def _named(cell: CellPush) -> str:
    return f"`{cell.store_sku}` at `{cell.location}`" if cell.location else f"`{cell.store_sku}`"


async def open_preorder(connection: Connection, item_id: int, days: int | None) -> Trouble | Unknown | None:
    """Without `days` the longest that the item's category allows."""
    if days is None:
        limits = await _limits_of(connection, item_id)
        if not isinstance(limits, Mapping):
            return limits
        days = whole_number(inner(limits, "days_to_ship_limit").get("max_limit"))
    if days is None:
        return _NO_RANGE
    return await _update(connection, item_id, {"is_pre_order": True, "days_to_ship": days})


async def close_preorder(connection: Connection, item_id: int) -> Trouble | Unknown | None:
    """Leaves an item alone that is not in pre-order."""
    item = await base_info(connection, item_id)
    if not isinstance(item, Mapping):
        return item
    if inner(item, "pre_order").get("is_pre_order") is False:
        return None
    limits = await _limits(connection, item)
    if not isinstance(limits, Mapping):
        return limits
    days = whole_number(limits.get("non_pre_order_days_to_ship"))
    return await _update(
        connection, item_id, {"is_pre_order": False, **({} if days is None else {"days_to_ship": days})}
    )


async def _limits_of(connection: Connection, item_id: int) -> Fields | Trouble:
    item = await base_info(connection, item_id)
    return await _limits(connection, item) if isinstance(item, Mapping) else item


async def _limits(connection: Connection, item: Fields) -> Fields | Trouble:
    """The days to ship of the item's category; empty where Shopee names none."""
    category = whole_number(item.get("category_id"))
    answer = await get(connection, ITEM_LIMIT_PATH, {} if category is None else {"category_id": str(category)})
    if isinstance(answer, Temporary):
        return answer
    return trouble(answer, connection.now) if answer.error else inner(answer.response, "dts_limit")


async def _update(connection: Connection, item_id: int, pre_order: Fields) -> Trouble | Unknown | None:
    answer = await post(connection, UPDATE_ITEM_PATH, {"item_id": item_id, "pre_order": pre_order})
    if not isinstance(answer, Answer):
        return answer
    return trouble(answer, connection.now) if answer.error else None
