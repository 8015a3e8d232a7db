"""A connection in, the seller's warehouses as Lazada lists them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pushdsl.plugins import Connection, Failure, ShopLocation, Unknown
from pushdsl_lazada.errors import row_trouble, trouble
from pushdsl_lazada.wire import Answer, call, text

WAREHOUSES_PATH = "/seller/warehouse/get"

_UNREADABLE = Unknown("the warehouses that Lazada answered with cannot be read")


async def locations(connection: Connection) -> Sequence[ShopLocation] | Failure:
    """Empty for a seller with one warehouse, who must not name it, and for Choice, whose warehouses are Lazada's."""
    if connection.store.choice:
        return []
    # Without the kind of address Lazada's list "may be inaccurate".
    answer = await call(connection, "GET", WAREHOUSES_PATH, {"addressTypes": '["warehouse"]'})
    if not isinstance(answer, Answer):
        return answer
    if answer.rows:
        row = answer.rows[0]
        return row_trouble("read", answer.code, answer.message, text(row, "code"), text(row, "message"), alone=True)
    if answer.code != "0":
        return trouble("read", answer.code, answer.message, retry_after=answer.retry_after)
    return _listed(answer.body.get("result"))


def _listed(result: object) -> Sequence[ShopLocation] | Failure:
    if not isinstance(result, dict):
        return _UNREADABLE
    if str(result.get("success")).lower() != "true":
        return Unknown(f"Lazada lists no warehouses: {text(result, 'error_code') or 'no reason was given'}")
    rows = result.get("module")
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) and text(row, "code") for row in rows):
        return _UNREADABLE
    return [_location(row) for row in rows] if len(rows) > 1 else []


def _location(row: Mapping[str, object]) -> ShopLocation:
    return ShopLocation(text(row, "code"), text(row, "name").strip(), text(row, "status").upper() == "ACTIVE")
