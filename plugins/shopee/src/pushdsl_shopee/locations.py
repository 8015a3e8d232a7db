"""A shop in, its warehouses out: none where it is an ordinary shop with one that has no name."""

from __future__ import annotations

from collections.abc import Sequence

from pushdsl.plugins import Connection, Failure, ShopLocation, Temporary
from pushdsl_shopee.errors import trouble
from pushdsl_shopee.wire import Fields, get, rows, whole_number

WAREHOUSES_PATH = "/api/v2/shop/get_warehouse_detail"

_ORDINARY = {"error_not_in_whitelist", "error_can_not_find_warehouse"}
"""What Shopee says of a shop that has one warehouse."""

_PICKUP = 1
"""The `warehouse_type` of places that goods are sent from; 2 is where they come back to."""

_CLOSED = {1, 3}
"""Of `holiday_mode_state`: the holiday is on, or being turned on. In 0 there is none, in 2 it is being turned off."""


async def locations(connection: Connection) -> Sequence[ShopLocation] | Failure:
    answer = await get(connection, WAREHOUSES_PATH, {})
    if isinstance(answer, Temporary):
        return answer
    if answer.error in _ORDINARY:
        return []
    if answer.error:
        return trouble(answer, connection.now)
    warehouses = rows(answer.body, "response")
    if warehouses is None:
        return Temporary("the answer of Shopee cannot be read")
    addresses: dict[str, list[Fields]] = {}
    for warehouse in warehouses:
        name = warehouse.get("location_id")
        if isinstance(name, str) and name and whole_number(warehouse.get("warehouse_type")) in (_PICKUP, None):
            addresses.setdefault(name, []).append(warehouse)
    return [_location(name, found) for name, found in addresses.items()]


def _location(name: str, addresses: Sequence[Fields]) -> ShopLocation:
    """Several addresses may share one stock: it can be sold while one of them is open."""
    labels = [label for address in addresses if isinstance(label := address.get("warehouse_name"), str) and label]
    open_ones = [whole_number(address.get("holiday_mode_state")) not in _CLOSED for address in addresses]
    return ShopLocation(name, ", ".join(dict.fromkeys(labels)), any(open_ones))
