"""The part of Shopify's Admin schema that the local Shopify serves: names and types as published, by version."""

from __future__ import annotations

from functools import cache

from graphql import GraphQLSchema, build_schema

VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")

_ERROR_CODES = (
    "COMPARE_QUANTITY_REQUIRED COMPARE_QUANTITY_STALE INVALID_INVENTORY_ITEM INVALID_LOCATION INVALID_NAME"
    " INVALID_QUANTITY_NEGATIVE INVALID_QUANTITY_TOO_HIGH INVALID_QUANTITY_TOO_LOW INVALID_REASON"
    " INVALID_REFERENCE_DOCUMENT NON_MUTABLE_INVENTORY_ITEM NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
)
_ERROR_CODES_WITH_KEYS = (
    "CHANGE_FROM_QUANTITY_STALE IDEMPOTENCY_CONCURRENT_REQUEST IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    " IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
)


@cache
def schema(version: str) -> GraphQLSchema:
    """Builds it once; `version` is one of VERSIONS."""
    assert version in VERSIONS
    return build_schema(sdl(version))


def sdl(version: str) -> str:
    keyed, compares = version >= "2026-01", version < "2026-04"
    codes = f"{_ERROR_CODES} {_ERROR_CODES_WITH_KEYS}" if keyed else _ERROR_CODES
    if version < "2026-10":
        codes += " ITEM_NOT_STOCKED_AT_LOCATION"
    inactive = "" if compares else ", includeInactive: Boolean = false"
    return f"""
schema {{ query: QueryRoot mutation: Mutation }}
{"directive @idempotent(key: String!) on FIELD" if keyed else ""}
scalar DateTime
scalar UnsignedInt64
interface Node {{ id: ID! }}
interface DisplayableError {{ field: [String!] message: String! }}
enum ProductStatus {{ ACTIVE ARCHIVED DRAFT UNLISTED }}
enum ProductVariantInventoryPolicy {{ CONTINUE DENY }}
type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}

type QueryRoot {{
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  shop: Shop!
  location(id: ID): Location
  locations(
    first: Int, after: String, includeInactive: Boolean = false, includeLegacy: Boolean = false
  ): LocationConnection!
  inventoryItem(id: ID!): InventoryItem
  inventoryLevel(id: ID!): InventoryLevel
  productVariants(first: Int, after: String, query: String): ProductVariantConnection!
}}
type Shop implements Node {{ id: ID! name: String! myshopifyDomain: String! }}

type Location implements Node {{
  id: ID!
  legacyResourceId: UnsignedInt64!
  name: String!
  isActive: Boolean!
  fulfillsOnlineOrders: Boolean!
  shipsInventory: Boolean!
}}
type LocationConnection {{ edges: [LocationEdge!]! nodes: [Location!]! pageInfo: PageInfo! }}
type LocationEdge {{ cursor: String! node: Location! }}

type Product implements Node {{
  id: ID!
  title: String!
  status: ProductStatus!
  vendor: String!
  productType: String!
  tags: [String!]!
}}
type ProductVariant implements Node {{
  id: ID!
  sku: String
  title: String!
  displayName: String!
  availableForSale: Boolean!
  inventoryPolicy: ProductVariantInventoryPolicy!
  inventoryQuantity: Int
  sellableOnlineQuantity: Int!
  product: Product!
  inventoryItem: InventoryItem!
}}
type ProductVariantConnection {{ edges: [ProductVariantEdge!]! nodes: [ProductVariant!]! pageInfo: PageInfo! }}
type ProductVariantEdge {{ cursor: String! node: ProductVariant! }}

type InventoryItem implements Node {{
  id: ID!
  sku: String
  tracked: Boolean!
  inventoryLevel(locationId: ID!{inactive}): InventoryLevel
  inventoryLevels(first: Int, after: String{inactive}): InventoryLevelConnection!
}}
type InventoryLevelConnection {{ edges: [InventoryLevelEdge!]! nodes: [InventoryLevel!]! pageInfo: PageInfo! }}
type InventoryLevelEdge {{ cursor: String! node: InventoryLevel! }}
type InventoryLevel implements Node {{
  id: ID!
  {"" if compares else "isActive: Boolean!"}
  item: InventoryItem!
  location: Location!
  quantities(names: [String!]!): [InventoryQuantity!]!
  updatedAt: DateTime!
}}
type InventoryQuantity {{ id: ID! name: String! quantity: Int! updatedAt: DateTime }}

type Mutation {{
  inventorySetQuantities(input: InventorySetQuantitiesInput!): InventorySetQuantitiesPayload
}}
input InventorySetQuantitiesInput {{
  name: String!
  reason: String!
  referenceDocumentUri: String
  quantities: [InventoryQuantityInput!]!
  {"ignoreCompareQuantity: Boolean = false" if compares else ""}
}}
input InventoryQuantityInput {{
  inventoryItemId: ID!
  locationId: ID!
  quantity: Int!
  {"compareQuantity: Int" if compares else ""}
  {"changeFromQuantity: Int" if keyed else ""}
}}
type InventorySetQuantitiesPayload {{
  inventoryAdjustmentGroup: InventoryAdjustmentGroup
  userErrors: [InventorySetQuantitiesUserError!]!
}}
type InventorySetQuantitiesUserError implements DisplayableError {{
  field: [String!]
  message: String!
  code: InventorySetQuantitiesUserErrorCode
}}
enum InventorySetQuantitiesUserErrorCode {{ {codes} }}
type InventoryAdjustmentGroup implements Node {{
  id: ID!
  createdAt: DateTime!
  reason: String!
  referenceDocumentUri: String
  changes(inventoryItemIds: [ID!], locationIds: [ID!], quantityNames: [String!]): [InventoryChange!]!
}}
type InventoryChange {{
  name: String!
  delta: Int!
  quantityAfterChange: Int
  item: InventoryItem
  location: Location
}}
"""
