"""A shop in, its warehouses that goods are sold from out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pushdsl.plugins import Connection, Failure, ShopLocation, Temporary, Unknown
from pushdsl_tiktok.errors import trouble
from pushdsl_tiktok.wire import Answer, get

WAREHOUSES_PATH = "/logistics/202309/warehouses"

_SALES = "SALES_WAREHOUSE"
_ENABLED = "ENABLED"
"""Of `effect_status`; what is DISABLED, or RESTRICTED for a holiday or by TikTok, sells nothing."""

_UNREADABLE = Temporary("the warehouses that TikTok Shop answered with cannot be read")


async def locations(connection: Connection) -> Sequence[ShopLocation] | Failure:
    answer = await get(connection, WAREHOUSES_PATH)
    if isinstance(answer, Unknown):
        return Temporary(answer.message)  # nothing was to be done
    if not isinstance(answer, Answer):
        return answer
    if answer.code:
        return trouble(answer.code, answer.message, retry_after=answer.retry_after)
    warehouses = answer.data.get("warehouses") or []
    if not isinstance(warehouses, list) or not all(isinstance(warehouse, dict) for warehouse in warehouses):
        return _UNREADABLE
    sales = [warehouse for warehouse in warehouses if warehouse.get("type") == _SALES]
    if not all(_name(warehouse) for warehouse in sales):
        return _UNREADABLE
    return [_location(warehouse) for warehouse in sales]


def _location(warehouse: Mapping[str, object]) -> ShopLocation:
    label = warehouse.get("name")
    words = [label if isinstance(label, str) else "", "(default)" if warehouse.get("is_default") is True else ""]
    return ShopLocation(_name(warehouse), " ".join(filter(None, words)), warehouse.get("effect_status") == _ENABLED)


def _name(warehouse: Mapping[str, object]) -> str:
    name = warehouse.get("id")
    return name if isinstance(name, str) else ""
