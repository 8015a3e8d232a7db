"""A shop of the local Shopify: its locations and variants, and which quantities it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from pushdsl.plugins import ListingRef, Shown, Store
from pushdsl_shopify.ids import number_in
from pushdsl_shopify.wire import Fields

QUANTITY_MAX = 1_000_000_000
NAMES = ("available", "committed", "damaged", "quality_control", "reserved", "safety_stock")
"""The parts of what is on hand. `incoming` is not there yet."""
REASONS = (
    "correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created", "movement_received",
    "movement_updated", "other", "promotion", "quality_control", "received", "reservation_created",
    "reservation_deleted", "reservation_updated", "restock", "safety_stock", "shrinkage",
)  # fmt: skip

_ONLY_LOCATION = 24_826_418


@dataclass
class Place:
    number: int
    name: str
    is_active: bool = True
    fulfills_online_orders: bool = True


@dataclass
class Variant:
    """A thing for sale. `levels` by the number of the location, each with quantities by NAMES."""

    store_sku: str
    sku: str | None
    product_id: int
    variant_id: int
    item_id: int
    levels: dict[int, dict[str, int]]
    tracked: bool = True
    policy: str = "DENY"
    product_status: str = "ACTIVE"
    tags: tuple[str, ...] = ()
    is_bundle: bool = False


@dataclass
class Tokens:
    """`before` is the refresh token that brought these, good until one of them is used."""

    access: str
    refresh: str = ""
    before: str = ""
    access_until: datetime | None = None
    refresh_until: datetime | None = None


@dataclass
class Shop:
    store: Store
    domain: str
    tokens: Tokens
    scopes: frozenset[str]
    places: dict[int, Place] = field(default_factory=dict)
    variants: list[Variant] = field(default_factory=list)
    by_item: dict[str, Variant] = field(default_factory=dict)
    codes: dict[str, tuple[datetime, frozenset[str]]] = field(default_factory=dict)
    """Codes of consent that were not used yet, each with its end and what was allowed."""
    keys: dict[str, tuple[Fields, Fields | None]] = field(default_factory=dict)
    """Idempotency keys, each with what was asked and, where it succeeded, what was answered."""
    serial: Iterator[int] = field(default_factory=lambda: count(1))

    def open_places(self) -> None:
        """Those of the store, or the only one of a shop that has no others."""
        for location in self.store.locations:
            if not location.name:
                continue
            number = int(number_in(location.name, "Location") or location.name)
            self.places[number] = Place(number, f"Location {location.name}")
        if not self.places:
            self.places[_ONLY_LOCATION] = Place(_ONLY_LOCATION, "Shop location")

    def add(self, listing: ListingRef, quantity: int) -> Variant:
        """Ids that are no numbers get one."""
        serial = next(self.serial)
        written = number_in(listing.variant_id, "InventoryItem") or listing.variant_id
        variant = Variant(
            listing.store_sku,
            listing.store_sku,
            int(listing.item_id) if listing.item_id.isdecimal() else 7_000_000 + serial,
            40_000_000 + serial,
            int(written) if written.isdecimal() else 9_000_000 + serial,
            {number: {**dict.fromkeys(NAMES, 0), "available": quantity} for number in self.places},
        )
        self.variants.append(variant)
        self.by_item.setdefault(str(variant.item_id), variant)
        return variant

    def variant(self, store_sku: str) -> Variant:
        """Raises KeyError where there is none."""
        found = next((variant for variant in self.variants if variant.store_sku == store_sku), None)
        if found is None:
            raise KeyError(store_sku)
        return found

    def item(self, address: str) -> Variant | None:
        return self.by_item.get(number_in(address, "InventoryItem") or "")

    def place(self, address: str) -> Place | None:
        number = number_in(address, "Location")
        return self.places.get(int(number)) if number else None

    def number_of(self, location: str) -> int:
        """Of a location as a rule file names it. Raises KeyError where there is none."""
        if not location:
            return next(iter(self.places))
        number = int(number_in(location, "Location") or location)
        if number not in self.places:
            raise KeyError(location)
        return number

    def shown(self) -> Iterator[Shown]:
        names = [location.name for location in self.store.locations] or [""]
        for variant in self.variants:
            for name in names:
                level = variant.levels.get(self.number_of(name))
                if level is not None:
                    yield Shown(variant.store_sku, name, level["available"], level["reserved"])

    def show(self, shown: Shown) -> None:
        level = self.variant(shown.store_sku).levels[self.number_of(shown.location)]
        level["available"], level["reserved"] = shown.quantity, shown.reserved

    def reserve(self, variant: Variant, number: int) -> None:
        """A draft order takes half of what is available."""
        level = variant.levels[number]
        pieces = (max(0, level["available"]) + 1) // 2
        level["available"] -= pieces
        level["reserved"] += pieces

    def set_quantities(self, version: str, asked: Fields, refused: Mapping[int, str]) -> Fields:
        """The payload of the mutation. `refused`: codes for rows that are refused whatever they ask."""
        rows: Sequence[Fields] = asked["quantities"]  # type: ignore[assignment]  # the schema checked it
        errors = [*self._errors(version, asked, rows)]
        errors += [error(refused[n], n, "inventoryItemId") for n in range(len(rows)) if n in refused]
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        changes = [change for row in rows for change in self._set(str(asked["name"]), row)]
        return {"inventoryAdjustmentGroup": self._group(asked, changes) if changes else None, "userErrors": []}

    def _group(self, asked: Fields, changes: Sequence[Fields]) -> Fields:
        return {
            "__typename": "InventoryAdjustmentGroup",
            "id": f"gid://shopify/InventoryAdjustmentGroup/{next(self.serial)}",
            "reason": asked["reason"],
            "referenceDocumentUri": asked.get("referenceDocumentUri"),
            "changes": changes,
        }

    def _errors(self, version: str, asked: Fields, rows: Sequence[Fields]) -> Iterator[Fields]:
        if asked["name"] not in ("available", "on_hand"):
            yield error("INVALID_NAME", None, "name")
        if asked["reason"] not in REASONS:
            yield error("INVALID_REASON", None, "reason")
        if "://" not in str(asked.get("referenceDocumentUri") or "scheme://none"):
            yield error("INVALID_REFERENCE_DOCUMENT", None, "referenceDocumentUri")
        seen = set()
        for number, row in enumerate(rows):
            if (pair := (row["inventoryItemId"], row["locationId"])) in seen:
                yield error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", number, "locationId")
            seen.add(pair)
            yield from self._row_errors(version, asked, row, number)

    def _row_errors(self, version: str, asked: Fields, row: Fields, number: int) -> Iterator[Fields]:
        quantity: int = row["quantity"]  # type: ignore[assignment]  # the schema checked it
        if quantity < 0:
            yield error("INVALID_QUANTITY_NEGATIVE", number, "quantity")
        if quantity > QUANTITY_MAX:
            yield error("INVALID_QUANTITY_TOO_HIGH", number, "quantity")
        variant, place = self.item(str(row["inventoryItemId"])), self.place(str(row["locationId"]))
        if variant is None:
            yield error("INVALID_INVENTORY_ITEM", number, "inventoryItemId")
        if place is None:
            yield error("INVALID_LOCATION", number, "locationId")
        if variant is None or place is None:
            return
        if variant.is_bundle:
            yield error("NON_MUTABLE_INVENTORY_ITEM", number, "inventoryItemId")
        level = variant.levels.get(place.number)
        if level is None:
            if version < "2026-10":
                yield error("ITEM_NOT_STOCKED_AT_LOCATION", number, "locationId")
            return
        yield from _comparison_errors(asked, row, number, level[str(asked["name"])] if asked["name"] in level else 0)

    def _set(self, name: str, row: Fields) -> Iterator[Fields]:
        variant, place = self.item(str(row["inventoryItemId"])), self.place(str(row["locationId"]))
        assert variant is not None, "checked before"
        assert place is not None, "checked before"
        if not variant.tracked:
            return
        level = variant.levels.setdefault(place.number, dict.fromkeys(NAMES, 0))
        quantity: int = row["quantity"]  # type: ignore[assignment]  # the schema checked it
        delta = quantity - (level["available"] if name == "available" else sum(level.values()))
        if delta:
            level["available"] += delta
            for changed, after in (("available", level["available"]), ("on_hand", sum(level.values()))):
                yield {
                    "name": changed,
                    "delta": delta,
                    "quantityAfterChange": after,
                    "variant": variant,
                    "place": place,
                }


def _comparison_errors(asked: Fields, row: Fields, number: int, now: int) -> Iterator[Fields]:
    """By `changeFromQuantity` where it is given, even as null; else by the older field, where there is one."""
    if "changeFromQuantity" in row:
        if row["changeFromQuantity"] not in (None, now):
            yield error("CHANGE_FROM_QUANTITY_STALE", number, "changeFromQuantity")
    elif not asked.get("ignoreCompareQuantity"):
        if row.get("compareQuantity") is None:
            yield error("COMPARE_QUANTITY_REQUIRED", number, "compareQuantity")
        elif row["compareQuantity"] != now:
            yield error("COMPARE_QUANTITY_STALE", number, "compareQuantity")


WORDS: Mapping[str, str] = {
    "CHANGE_FROM_QUANTITY_STALE": "The changeFromQuantity argument no longer matches the persisted quantity.",
    "COMPARE_QUANTITY_REQUIRED": (
        "The compareQuantity argument must be given to each quantity or ignored using ignoreCompareQuantity."
    ),
    "COMPARE_QUANTITY_STALE": "The compareQuantity argument no longer matches the persisted quantity.",
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": (
        "The same idempotency key cannot be used with different operation parameters."
    ),
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": (
        "A previous request with this idempotency key failed. Retry with a new idempotency key."
    ),
    "INVALID_INVENTORY_ITEM": "The specified inventory item could not be found.",
    "INVALID_LOCATION": "The specified location could not be found.",
    "INVALID_NAME": "The quantity name must be either 'available' or 'on_hand'.",
    "INVALID_QUANTITY_NEGATIVE": "The quantity can't be negative.",
    "INVALID_QUANTITY_TOO_HIGH": "The total quantity can't be higher than 1,000,000,000.",
    "INVALID_REASON": f"The specified reason is invalid. Valid values are: {', '.join(REASONS)}.",
    "INVALID_REFERENCE_DOCUMENT": "The specified reference document is invalid.",
    "ITEM_NOT_STOCKED_AT_LOCATION": "The specified inventory item is not stocked at the location.",
    "NON_MUTABLE_INVENTORY_ITEM": (
        "The specified inventory item is not allowed to be adjusted via API. Example: if the inventory item is a"
        " parent bundle."
    ),
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR": "The combination of inventoryItemId and locationId must be unique.",
}


def error(code: str, number: int | None, name: str) -> Fields:
    """A user error about a field of a row, or of the input where there is no number."""
    path = ["input", name] if number is None else ["input", "quantities", str(number), name]
    return {"field": path, "message": WORDS[code], "code": code}
