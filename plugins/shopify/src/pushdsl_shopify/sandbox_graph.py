"""A GraphQL request to a shop of the local Shopify in, its answer as Shopify writes it out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_directive_values,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from pushdsl_shopify.sandbox_cost import QUERY_POINTS_MAX, cost
from pushdsl_shopify.sandbox_schema import schema
from pushdsl_shopify.sandbox_shop import Place, Shop, Variant, error
from pushdsl_shopify.wire import Fields

_Info = GraphQLResolveInfo[Any]
INPUT_MAX = 250
STOCK = ("nodes", "node", "inventoryItem", "inventoryLevel", "productVariants")
"""Queries for stock; those for locations and the shop are none."""


@dataclass(frozen=True)
class Asked:
    """A request that was understood; `points` is the most that it may cost."""

    schema: GraphQLSchema
    version: str
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Fields
    points: int

    @property
    def writes(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    @property
    def is_about_stock(self) -> bool:
        fields = [node.name.value for node in self.operation.selection_set.selections if isinstance(node, FieldNode)]
        return self.writes or any(name in STOCK for name in fields)


def understood(version: str, body: Fields) -> Asked | Fields:
    """The request, or the answer where it cannot be executed."""
    query, given, name = body.get("query"), body.get("variables") or {}, body.get("operationName")
    if not isinstance(query, str) or not isinstance(given, dict):
        return failed("Required parameter missing or invalid", "BAD_REQUEST")
    served = schema(version)
    try:
        document = parse(query)
    except GraphQLError as wrong:
        return failed(wrong.message, "SYNTAX_ERROR")
    wrongs = validate(served, document)
    if wrongs:
        return {"errors": [dict(wrong.formatted, extensions={"code": "VALIDATION_FAILED"}) for wrong in wrongs]}
    operation = get_operation_ast(document, name if isinstance(name, str) else None)
    if operation is None:
        return failed("An operation name is required", "BAD_REQUEST")
    coerced = get_variable_values(served, operation.variable_definitions or (), given)
    if isinstance(coerced, list):
        return {"errors": [dict(wrong.formatted, extensions={"code": "INVALID_VARIABLE"}) for wrong in coerced]}
    points = cost(served, document, operation, coerced)
    if points > QUERY_POINTS_MAX:
        said = f"Query cost is {points}, which exceeds the single query max cost limit ({QUERY_POINTS_MAX})."
        return failed(said, "MAX_COST_EXCEEDED", cost=points, maxCost=QUERY_POINTS_MAX)
    return Asked(served, version, document, operation, given, points)


def failed(message: str, code: str, **more: object) -> Fields:
    return {"errors": [{"message": message, "extensions": {"code": code, **more}}]}


def answered(asked: Asked, shop: Shop, now: datetime, refused: Mapping[int, str]) -> dict[str, Any]:
    """The result of the request. `refused`: codes for rows of a write that are refused whatever they ask."""
    root = _Root(shop, asked.version, now.isoformat(), refused)
    result = execute_sync(asked.schema, asked.document, root, variable_values=dict(asked.variables))
    return dict(result.formatted)


@dataclass(frozen=True)
class _Root:
    """Resolves fields by their names; arguments keep Shopify's spelling."""

    _shop: Shop
    _version: str
    _now: str
    _refused: Mapping[int, str]

    # Queries

    def shop(self, info: _Info) -> Fields:
        handle = self._shop.domain.partition(".")[0]
        return _node("Shop", 1, name=handle, myshopifyDomain=self._shop.domain)

    def node(self, info: _Info, id: str) -> Fields | None:  # Shopify's name for it
        return self._found(id)

    def nodes(self, info: _Info, ids: Sequence[str]) -> list[Fields | None]:
        _few_enough(ids)
        return [self._found(address) for address in ids]

    def location(self, info: _Info, id: str | None = None) -> Fields | None:
        place = self._shop.place(id) if id else next(iter(self._shop.places.values()))
        return self._place(place) if place is not None else None

    def locations(self, info: _Info, includeInactive: bool = False, **page: Any) -> Fields:
        page.pop("includeLegacy", None)
        places = [place for place in self._shop.places.values() if place.is_active or includeInactive]
        return _page([self._place(place) for place in places], **page)

    def inventoryItem(self, info: _Info, id: str) -> Fields | None:
        return self._found(id)

    def inventoryLevel(self, info: _Info, id: str) -> Fields | None:
        place, _, item = id.removeprefix("gid://shopify/InventoryLevel/").partition("?inventory_item_id=")
        variant = self._shop.item(f"gid://shopify/InventoryItem/{item}")
        return self._level(variant, int(place)) if variant is not None and place.isdecimal() else None

    def productVariants(self, info: _Info, query: str | None = None, **page: Any) -> Fields:
        """Of the search only `sku:` is known."""
        wanted = (query or "").removeprefix("sku:").strip("'\"")
        found = [variant for variant in self._shop.variants if not wanted or variant.sku == wanted]
        return _page([self._variant(variant) for variant in found], **page)

    # The mutation

    def inventorySetQuantities(self, info: _Info, input: Any) -> Fields:
        """Checks come in the order in which Shopify was seen to make them."""
        asked = {**input, "quantities": [dict(row) for row in input["quantities"]]}
        if "write_inventory" not in self._shop.scopes:
            message = "Access denied for inventorySetQuantities field. Required access: `write_inventory` access scope."
            raise GraphQLError(message, extensions={"code": "ACCESS_DENIED"})
        _few_enough(asked["quantities"])
        key = self._key(info)
        if self._version >= "2026-04" and key is None:
            message = "The @idempotent directive is required for this mutation but was not provided."
            raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})
        if self._version >= "2026-04" and any("changeFromQuantity" not in row for row in asked["quantities"]):
            message = "InventoryQuantityInput must include the following argument: changeFromQuantity."
            raise GraphQLError(message, extensions={"code": "INVALID_FIELD_ARGUMENTS"})
        return self._payload(self._once(key, asked))

    def _key(self, info: _Info) -> str | None:
        directive = info.schema.get_directive("idempotent")
        given = get_directive_values(directive, info.field_nodes[0], info.variable_values) if directive else None
        return given["key"] if given else None

    def _once(self, key: str | None, asked: Fields) -> Fields:
        """The work, or what is known of the call that had the same key."""
        if key is None:
            return self._shop.set_quantities(self._version, asked, self._refused)
        if key in self._shop.keys:
            before, payload = self._shop.keys[key]
            if json.dumps(before, sort_keys=True) != json.dumps(asked, sort_keys=True):
                return _refusal("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
            return payload or _refusal("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        payload = self._shop.set_quantities(self._version, asked, self._refused)
        self._shop.keys[key] = asked, None if payload["userErrors"] else payload
        return payload

    def _payload(self, payload: Fields) -> Fields:
        group = payload["inventoryAdjustmentGroup"]
        return {**payload, "inventoryAdjustmentGroup": self._group(group) if isinstance(group, dict) else None}

    def _group(self, group: Fields) -> Fields:
        def changes(info: _Info, quantityNames: Sequence[str] | None = None, **only: Any) -> Any:
            done: Any = group["changes"]
            return [self._change(change) for change in done if not quantityNames or change["name"] in quantityNames]

        return {**group, "createdAt": self._now, "changes": changes}

    def _change(self, change: Mapping[str, Any]) -> Fields:
        return {**change, "item": self._item(change["variant"]), "location": self._place(change["place"])}

    # Things

    def _found(self, address: str) -> Fields | None:
        if not address.startswith("gid://shopify/") or not address.partition("?")[0].rpartition("/")[2].isdecimal():
            raise GraphQLError(f"Invalid global id '{address}'", extensions={"code": "RESOURCE_NOT_FOUND"})
        variant, place = self._shop.item(address), self._shop.place(address)
        return self._item(variant) if variant is not None else self._place(place) if place is not None else None

    def _place(self, place: Place) -> Fields:
        return _node(
            "Location",
            place.number,
            legacyResourceId=place.number,
            name=place.name,
            isActive=place.is_active,
            fulfillsOnlineOrders=place.fulfills_online_orders,
            shipsInventory=True,
        )

    def _variant(self, variant: Variant) -> Fields:
        available = sum(level["available"] for level in variant.levels.values())
        for_sale = not variant.tracked or available > 0 or variant.policy == "CONTINUE"
        return _node(
            "ProductVariant",
            variant.variant_id,
            sku=variant.sku,
            title="Default Title",
            displayName=f"Product {variant.product_id} - Default Title",
            availableForSale=for_sale,
            inventoryPolicy=variant.policy,
            inventoryQuantity=available,
            sellableOnlineQuantity=available,
            inventoryItem=lambda info: self._item(variant),
            product=_node(
                "Product",
                variant.product_id,
                title=f"Product {variant.product_id}",
                status=variant.product_status,
                vendor="Sandbox",
                productType="Samples",
                tags=list(variant.tags),
            ),
        )

    def _item(self, variant: Variant) -> Fields:
        def at(info: _Info, locationId: str, includeInactive: bool = False) -> Fields | None:
            place = self._shop.place(locationId)
            return self._level(variant, place.number) if place is not None else None

        def levels(info: _Info, includeInactive: bool = False, **page: Any) -> Fields:
            return _page([self._level(variant, number) for number in variant.levels], **page)

        return _node(
            "InventoryItem",
            variant.item_id,
            sku=variant.sku,
            tracked=variant.tracked,
            inventoryLevel=at,
            inventoryLevels=levels,
        )

    def _level(self, variant: Variant, number: int) -> Fields | None:
        parts = variant.levels.get(number)
        if parts is None:
            return None
        known = {**parts, "on_hand": sum(parts.values()), "incoming": 0}
        address = f"gid://shopify/InventoryLevel/{number}?inventory_item_id={variant.item_id}"

        def quantities(info: _Info, names: Sequence[str]) -> list[Fields]:
            return [
                {"id": f"{address}&name={name}", "name": name, "quantity": known[name], "updatedAt": None}
                for name in names
                if name in known
            ]

        return {
            "__typename": "InventoryLevel",
            "id": address,
            "isActive": True,
            "item": lambda info: self._item(variant),
            "location": self._place(self._shop.places[number]),
            "quantities": quantities,
            "updatedAt": self._now,
        }


def _refusal(code: str) -> Fields:
    return {"inventoryAdjustmentGroup": None, "userErrors": [{**error(code, None, "key"), "field": None}]}


def _node(kind: str, number: int, **fields: object | Callable[..., object]) -> Fields:
    return {"__typename": kind, "id": f"gid://shopify/{kind}/{number}", **fields}


def _few_enough(given: Sequence[object]) -> None:
    if len(given) > INPUT_MAX:
        message = f"The input array size of {len(given)} is greater than the maximum allowed of {INPUT_MAX}."
        raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})


def _page(found: Sequence[Fields | None], first: int | None = None, after: str | None = None) -> Fields:
    if first is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not 0 <= first <= INPUT_MAX:
        raise GraphQLError(f"first must be between 0 and {INPUT_MAX}", extensions={"code": "BAD_REQUEST"})
    start = _position(after) + 1 if after else 0
    here = found[start : start + first]
    cursors = [_cursor(number) for number in range(start, start + len(here))]
    return {
        "nodes": here,
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, here, strict=True)],
        "pageInfo": {
            "hasNextPage": start + first < len(found),
            "hasPreviousPage": start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _cursor(number: int) -> str:
    return base64.b64encode(json.dumps({"last_id": number}).encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(json.loads(base64.b64decode(cursor))["last_id"])
    except (ValueError, LookupError, TypeError):
        raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"}) from None
