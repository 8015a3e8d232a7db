"""What the local Lazada reads and says: payloads in XML or JSON in, answers in Lazada's own shape out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from aiohttp import web

Row = Mapping[str, object]
"""One object of `detail`, or one `Sku` of a payload."""


def success(body: Mapping[str, object]) -> web.Response:
    return reply({"code": "0", **body})


def error(kind: str, code: str, message: str, detail: Sequence[Row] = ()) -> web.Response:
    return reply({"type": kind, "code": code, "message": message, **({"detail": detail} if detail else {})})


def expired_token() -> web.Response:
    return error("ISV", "IllegalAccessToken", "The specified access token is invalid or expired")


def throttled(code: str) -> web.Response:
    return error("ISV", code, "Api access frequency exceeds the limit. this ban will last 1 seconds")


def choice_error(code: str, message: str) -> web.Response:
    return success({"data": {}, "success": "false", "error_code": code, "error_msg": message})


def reply(body: Mapping[str, object]) -> web.Response:
    return web.json_response({**body, "request_id": "0be6e79215428302067761952"})


def skus_of(payload: str) -> list[Row] | None:
    """The `Sku` objects of an XML or a JSON payload; None where it cannot be read."""
    try:
        if payload.lstrip().startswith("<"):
            root = ElementTree.fromstring(payload)
            return [_of_xml(sku) for sku in root.findall("./Product/Skus/Sku")]
        request = json.loads(payload)["Request"]
        return [sku for sku in listed(request["Product"]["Skus"]["Sku"]) if isinstance(sku, dict)]
    except (ElementTree.ParseError, ValueError, KeyError, TypeError):
        return None


def _of_xml(element: ElementTree.Element) -> dict[str, object]:
    """Children by name, those of one name as a list where they have children of their own."""
    row: dict[str, object] = {}
    for child in element:
        if len(child):
            before = row.get(child.tag)
            row[child.tag] = [*(before if isinstance(before, list) else []), _of_xml(child)]
        else:
            row[child.tag] = child.text or ""
    return row


def warehouses_of(sku: Row) -> list[Row]:
    return [
        warehouse
        for group in listed(sku.get("MultiWarehouseInventories"))
        if isinstance(group, dict)
        for warehouse in listed(group.get("MultiWarehouseInventory"))
        if isinstance(warehouse, dict)
    ]


def listed(value: object) -> list[object]:
    """JSON and XML may give one object where there could be several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(row: Row, name: str) -> str:
    value = row.get(name)
    return str(value) if isinstance(value, str | int) else ""


def number(digits: str) -> int | str:
    return int(digits) if digits.isdecimal() else digits


def is_quantity(words: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}", words) is not None


async def form(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
