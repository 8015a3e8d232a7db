"""The older addresses for stock, which apps still call: levels and locations as JSON, and one level to be set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from pushdsl.plugins import Fault
from pushdsl_shopify.sandbox_cost import Bucket
from pushdsl_shopify.sandbox_shop import NAMES, QUANTITY_MAX, Shop, Variant
from pushdsl_shopify.wire import Fields, whole_number

if TYPE_CHECKING:
    from pushdsl_shopify.sandbox import ShopifySandbox

_CALLS_A_SECOND = 2.0
_TOO_MANY = (
    "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
)  # fmt: skip
_PLACES = "inventory_levels"


class Rest:
    """Shares shops, tokens and faults with the server."""

    def __init__(self, server: ShopifySandbox) -> None:
        self._server = server
        self._buckets: dict[str, Bucket] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        api = "/{shop}/admin/api/{version}"
        return [
            web.get(f"{api}/{_PLACES}.json", self._levels),
            web.post(f"{api}/{_PLACES}/set.json", self._set),
            web.get(f"{api}/locations.json", self._locations),
        ]

    def level(self, variant: Variant, number: int) -> Fields:
        """As a message about it shows it too. An item that is not tracked has no number."""
        return {
            "inventory_item_id": variant.item_id,
            "location_id": number,
            "available": variant.levels[number]["available"] if variant.tracked else None,
            "updated_at": self._server.now().isoformat(),
            "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{number}?inventory_item_id={variant.item_id}",
        }

    async def _levels(self, request: web.Request) -> web.Response:
        shop = self._known(request)
        if isinstance(shop, web.Response):
            return shop
        fault = self._server.fault_of(writes=False)
        if (failed := self._failed(request, fault)) is not None:
            return failed
        items, places = (
            set(request.query.get(f"{name}_ids", "").split(",")) - {""} for name in ("inventory_item", "location")
        )
        if not items and not places:
            message = "location_ids or inventory_item_ids must be given"
            return web.json_response({"errors": {"base": [message]}}, status=422)
        found = [
            self.level(variant, number)
            for variant in shop.variants
            for number in variant.levels
            if (not items or str(variant.item_id) in items) and (not places or str(number) in places)
        ]
        return self._reply(shop, {"inventory_levels": found})

    async def _set(self, request: web.Request) -> web.Response:
        from pushdsl_shopify.sandbox import json_of

        shop, body = self._known(request), await json_of(request)
        if isinstance(shop, web.Response):
            return shop
        if body is None:
            return web.json_response({"errors": {"base": ["Required parameter missing or invalid"]}}, status=400)
        fault = self._server.fault_of(writes=True)
        if (failed := self._failed(request, fault)) is not None:
            return failed
        refused = self._server.prepared(shop, fault, writes=True)
        answer = self._worked(shop, body) if not refused else _unprocessable(f"{refused[0]}")
        if fault == "slow":
            await self._server.dawdle()
        return self._server.drop(request) if fault == "drop_after" else answer

    def _worked(self, shop: Shop, body: Fields) -> web.Response:
        """Stocks the item at the location where it is not yet."""
        item, place, available = (
            whole_number(body.get(name)) for name in ("inventory_item_id", "location_id", "available")
        )
        variant = next((variant for variant in shop.variants if variant.item_id == item), None)
        if variant is None or place not in shop.places:
            return web.json_response({"errors": "Not Found"}, status=404)
        if not variant.tracked:
            return _unprocessable("Inventory item does not have inventory tracking enabled")
        if available is None or abs(available) > QUANTITY_MAX:
            return _unprocessable("available is not a number or too large")
        variant.levels.setdefault(place, dict.fromkeys(NAMES, 0))["available"] = available
        return self._reply(shop, {"inventory_level": self.level(variant, place)})

    async def _locations(self, request: web.Request) -> web.Response:
        shop = self._known(request)
        if isinstance(shop, web.Response):
            return shop
        places = [{"id": p.number, "name": p.name, "active": p.is_active} for p in shop.places.values()]
        return self._reply(shop, {"locations": places})

    def _known(self, request: web.Request) -> Shop | web.Response:
        shop = self._server.known(request)
        if isinstance(shop, web.Response):
            return shop
        bucket = self._buckets.setdefault(shop.domain, Bucket(_CALLS_A_SECOND))
        if self._server.version(request) is None:
            return web.json_response({"errors": "Not Found"}, status=404)
        return shop if bucket.take(1) else _too_many()

    def _failed(self, request: web.Request, fault: Fault | None) -> web.Response | None:
        return _too_many() if fault == "throttle" else self._server.failure(request, fault)

    def _reply(self, shop: Shop, answer: Fields) -> web.Response:
        bucket = self._buckets[shop.domain]
        used = f"{math.ceil(bucket.maximum - bucket.there)}/{int(bucket.maximum)}"
        return web.json_response(answer, headers={"X-Shopify-Shop-Api-Call-Limit": used})


def _too_many() -> web.Response:
    return web.json_response({"errors": _TOO_MANY}, status=429, headers={"Retry-After": "2.0"})


def _unprocessable(message: str) -> web.Response:
    return web.json_response({"errors": [message]}, status=422)
