"""What a query costs, in Shopify's points, and the bucket that they are taken from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_argument_values,
    get_named_type,
)

MUTATION_POINTS = 10
QUERY_POINTS_MAX = 1000


class Bucket:
    """Points of one app in one shop. They come back by the event loop's time."""

    def __init__(self, restored_a_second: float) -> None:
        self.rate = restored_a_second
        self.maximum = 20 * restored_a_second
        self._there = self.maximum
        self._at: float | None = None

    @property
    def there(self) -> float:
        now = asyncio.get_running_loop().time()
        self._there = min(self.maximum, self._there + (now - (self._at if self._at is not None else now)) * self.rate)
        self._at = now
        return self._there

    def take(self, points: float) -> bool:
        """Whether there were so many; none are taken otherwise. A negative number gives points back."""
        if points > self.there:
            return False
        self._there = min(self.maximum, self._there - points)
        return True

    def status(self) -> dict[str, float]:
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": float(int(self.there)),
            "restoreRate": self.rate,
        }


def cost(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Any) -> int:
    """The most that it may cost: an object is one, a list as many as were asked for, a mutation ten."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    assert root is not None, "validated before"
    if operation.operation is OperationType.MUTATION:
        return MUTATION_POINTS * len(operation.selection_set.selections)
    return _Costs(schema, fragments, variables).of(operation.selection_set, root)


def spent(data: Mapping[str, Any]) -> int:
    """What an answer's data did cost, counted as `cost` does."""
    return sum(_spent(name, value) for name, value in data.items())


def _spent(name: str, value: Any) -> int:
    match value:
        case dict() if name != "pageInfo":
            is_around = "nodes" in value or "edges" in value
            return (0 if is_around else 1) + spent(value)
        case list() if name == "nodes":
            return sum(_spent("", node) for node in value)
        case list() if name == "edges":
            return sum(_spent("", edge.get("node")) for edge in value)
        case list():
            return max((_spent("", one) for one in value), default=0)
        case _:
            return 0


@dataclass(frozen=True)
class _Costs:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Any

    def of(self, selected: SelectionSetNode, parent: Any) -> int:
        """Fields add up; of fragments on different types the dearest counts."""
        points, dearest = 0, 0
        for node in selected.selections:
            match node:
                case FieldNode():
                    points += self._field(node, parent)
                case InlineFragmentNode():
                    on = node.type_condition
                    kind = self.schema.get_type(on.name.value) if on is not None else parent
                    dearest = max(dearest, self.of(node.selection_set, kind))
                case FragmentSpreadNode():
                    fragment = self.fragments[node.name.value]
                    kind = self.schema.get_type(fragment.type_condition.name.value)
                    dearest = max(dearest, self.of(fragment.selection_set, kind))
        return points + dearest

    def _field(self, node: FieldNode, parent: GraphQLObjectType | GraphQLInterfaceType) -> int:
        definition = parent.fields.get(node.name.value)
        if definition is None or node.selection_set is None:
            return 0
        kind = get_named_type(definition.type)
        given = get_argument_values(definition, node, self.variables)
        below = self.of(node.selection_set, kind)
        if kind.name == "PageInfo":
            return 0
        if kind.name.endswith("Connection"):
            return int(given.get("first") or 0) * below
        if kind.name.endswith("Edge"):
            return below
        return len(given.get("ids", (None,))) * (1 + below)
