"""What is sent to Shopify in GraphQL: each query as text, by the version of the API where they differ."""

from __future__ import annotations

FIRST_WITH_KEYS = "2026-01"
"""From here on a change carries a key that makes it happen once; before, the directive is unknown."""
FIRST_WITHOUT_COMPARE = "2026-04"

LOCATIONS = """\
query Locations($after: String) {
  locations(first: 50, after: $after, includeInactive: true) {
    nodes { id name isActive fulfillsOnlineOrders }
    pageInfo { hasNextPage endCursor }
  }
}
"""

ACTIVE_LOCATIONS = """\
query ActiveLocations {
  locations(first: 50) {
    nodes { id isActive fulfillsOnlineOrders }
    pageInfo { hasNextPage }
  }
}
"""


def levels(locations: int) -> str:
    """Items by their ids, each at so many locations: `l0`, `l1` … in the variables and in the answer."""
    return f"""\
query Levels($items: [ID!]!{_declared(locations)}) {{
  nodes(ids: $items) {{
    id
    ... on InventoryItem {{
      tracked
{_levels(locations, "available reserved", 6)}
    }}
  }}
}}
"""


def variants(locations: int) -> str:
    """A page of the shop's variants, each with its stock at so many locations."""
    return f"""\
query Variants($first: Int!, $after: String{_declared(locations)}) {{
  productVariants(first: $first, after: $after) {{
    nodes {{
      id
      sku
      displayName
      inventoryPolicy
      product {{ id status vendor productType tags }}
      inventoryItem {{
        id
        tracked
{_levels(locations, "available on_hand", 8)}
      }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


def set_quantities(version: str) -> str:
    keyed = version >= FIRST_WITH_KEYS
    return f"""\
mutation SetQuantities($input: InventorySetQuantitiesInput!{", $key: String!" if keyed else ""}) {{
  inventorySetQuantities(input: $input){" @idempotent(key: $key)" if keyed else ""} {{
    inventoryAdjustmentGroup {{
      id
      changes(quantityNames: ["available"]) {{ name quantityAfterChange item {{ id }} location {{ id }} }}
    }}
    userErrors {{ field message code }}
  }}
}}
"""


def _declared(locations: int) -> str:
    return "".join(f", $l{number}: ID!" for number in range(locations))


def _levels(locations: int, names: str, indent: int) -> str:
    """An alias for each location: asked for so, a level costs the same however many locations the shop has."""
    quoted = ", ".join(f'"{name}"' for name in names.split())
    return "\n".join(
        f"{' ' * indent}l{number}: inventoryLevel(locationId: $l{number})"
        f" {{ quantities(names: [{quoted}]) {{ name quantity }} }}"
        for number in range(locations)
    )
