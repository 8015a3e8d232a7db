"""A shop in, its locations out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pushdsl.plugins import Connection, Failure, ShopLocation, Temporary
from pushdsl_shopify.documents import LOCATIONS
from pushdsl_shopify.ids import number_in
from pushdsl_shopify.wire import ask, inner, rows, text

_PAGES_MAX = 100


async def locations(connection: Connection) -> Sequence[ShopLocation] | Failure:
    """Named by their numbers. One that does not fulfil online orders may sell in a shop of bricks, so it is active."""
    found: list[ShopLocation] = []
    after: str | None = None
    for _ in range(_PAGES_MAX):
        answer = await ask(connection, LOCATIONS, {"after": after})
        if not isinstance(answer, Mapping):
            return answer
        listed = inner(answer, "locations")
        nodes = rows(listed, "nodes")
        if nodes is None or not all(number_in(node.get("id"), "Location") for node in nodes):
            return Temporary("the locations that Shopify answered with cannot be read")
        found += [
            ShopLocation(number_in(node["id"], "Location"), text(node, "name").strip(), node.get("isActive") is True)
            for node in nodes
        ]
        page = inner(listed, "pageInfo")
        after = text(page, "endCursor")
        if page.get("hasNextPage") is not True or not after:
            break
    return found
