"""What the local Shopee reads of a request, and the envelope, refusals and page that it answers with."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from html import escape

from aiohttp import web

from pushdsl_shopee.wire import Fields, whole_number

LIST_MAX = 50
"""Most models of a write, and most items of a read."""

REQUEST_ID = "2069ce4ad9f2d91ffb1a3db40d2b6502"


class RefusedError(Exception):
    """A refusal in Shopee's words; never leaves the sandbox."""

    def __init__(self, error: str, message: str, status: int = 200) -> None:
        super().__init__(error)
        self.error, self.message, self.status = error, message, status


def reply(response: object, error: str = "", message: str = "", status: int = 200) -> web.Response:
    envelope = {"request_id": REQUEST_ID, "error": error, "message": message, "warning": ""}
    return web.json_response(envelope if error else {**envelope, "response": response}, status=status)


def expired_token() -> RefusedError:
    return RefusedError("invalid_acceess_token", "Invalid access_token, please have a check.", 403)


def check_sign(given: str, expected: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise RefusedError("error_sign", "Wrong sign.", 403)


async def body_of(request: web.Request) -> Fields:
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError("error_data", "parse data failed")
    return body


def ids_of(request: web.Request) -> list[int]:
    """Of `item_id_list`: with commas as one client sends it, or the key repeated as another does."""
    written = [part for value in request.query.getall("item_id_list", []) for part in value.split(",")]
    numbers = [whole_number(part) for part in written]
    ids = [number for number in numbers if number is not None]
    if len(ids) != len(written) or not 1 <= len(ids) <= LIST_MAX:
        raise RefusedError("product.error_param", "Wrong parameters, detail: item_id_list.")
    return ids


def stock_of(body: Fields) -> dict[int, dict[str, int]]:
    """Pieces by model and location, of a request whose shape is right."""
    stock_list = body.get("stock_list")
    if not isinstance(stock_list, list) or not 1 <= len(stock_list) <= LIST_MAX:
        words = f"Parameter is not match the constraints, stock_list length should be between 1 and {LIST_MAX}."
        raise RefusedError("error_param", words)
    wanted: dict[int, dict[str, int]] = {}
    for row in stock_list:
        model_id, stock = _stock_of_row(row)
        if model_id in wanted:
            raise RefusedError("error_param", "Repeat model_id.")
        wanted[model_id] = stock
    return wanted


def _stock_of_row(row: object) -> tuple[int, dict[str, int]]:
    wrong = RefusedError("product.error_param", "Wrong parameters, detail: stock_list.")
    if not isinstance(row, dict) or type(row.get("model_id", 0)) is not int:
        raise wrong
    places = row.get("seller_stock")
    if not isinstance(places, list) or not places:
        raise wrong
    stock: dict[str, int] = {}
    for place in places:
        if not isinstance(place, dict) or type(place.get("stock")) is not int:
            raise wrong
        location = place.get("location_id", "")
        if not isinstance(location, str) or location in stock:
            raise wrong
        stock["" if location == "-" else location] = place["stock"]
    return row.get("model_id", 0), stock


def sellers_page(address: str, shops: Iterable[tuple[int, str]]) -> web.Response:
    """Asks which shop's seller opened the address; `shops` are ids and names."""
    links = "<br>".join(f'<a href="{escape(address)}&amp;shop_id={id}">{escape(name)}</a>' for id, name in shops)
    page = f"<!doctype html><title>Log in</title><p>Whose seller are you?</p><p>{links}</p>"
    return web.Response(text=page, content_type="text/html")
