"""The values that travel between the stages: stores, facts as columns, planned cells, outcomes, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # numpy takes longer to import than `check` takes to run
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

Mode = Literal["normal", "preorder"]
Action = Literal["push", "unchanged", "held", "blocked"]
ACTIONS: tuple[Action, ...] = ("push", "unchanged", "held", "blocked")

QUANTITY_MAX = 10**9
"""The largest quantity anywhere: in facts, in rules, in a platform's limits. The 64-bit bound rests on it."""
PACK_MAX = 100_000
WAREHOUSES_MAX = 20
PPM = 1_000_000
"""Parts per million: a percentage of the language is a whole number of these (100% is 1,000,000)."""
PPM_MAX = 20 * PPM
ABSENT = -1
"""In a column of quantities that cannot be negative: no value."""


@dataclass(frozen=True, slots=True)
class Location:
    """A warehouse of the store (`name`, empty for the one unnamed location) and which of ours feed it."""

    name: str
    warehouses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A store as the rules declare it. `account` is the key of its settings."""

    name: str
    platform: str
    account: str
    region: str = ""
    choice: bool = False
    locations: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True)
class StockColumns:
    """Merchant units of every SKU in every warehouse: arrays of shape (warehouses, skus).

    `quantity` is on hand − allocated; `present` says where a row exists (elsewhere all else is 0);
    `unlimited` is untracked, or selling on when out of stock.
    """

    present: Flags
    quantity: Integers
    unlimited: Flags
    safety: Integers


@dataclass(frozen=True, slots=True)
class ListingColumns:
    """Every listing, sorted by store name and store SKU; SKUs and stores are indexes, ABSENT where there is none.

    `locations` is None for all. Quantities are pieces of the listing; `pack` is merchant units a piece.
    """

    store: Integers
    store_sku: list[str]
    item_id: list[str]
    variant_id: list[str]
    sku: Integers
    pack: Integers
    active: Flags
    locations: list[tuple[str, ...] | None]
    max_quantity: Integers
    preorder_days_min: Integers
    preorder_days_max: Integers


@dataclass(frozen=True, slots=True)
class LiveColumns:
    """What the stores show, one row for a listing at a location: `listing` is its row in ListingColumns.

    `quantity` is ABSENT where unknown, `days` where unknown; `confirmed_at` is milliseconds since 1970 UTC,
    ABSENT where the quantity was only read and never confirmed by a push.
    """

    listing: Integers
    location: list[str]
    quantity: Integers
    reserved: Integers
    preorder: Flags
    days: Integers
    confirmed_at: Integers


@dataclass(frozen=True, slots=True)
class Bundle:
    """Indexes of the components of one SKU, and how many merchant units of each it needs."""

    components: tuple[int, ...]
    needed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a plan looks at besides rules and time, as columns.

    `skus`, `warehouses` and `stores` are sorted; every index elsewhere points into them.
    `categories`, `brands` and `tags` map each value to the sorted indexes of the SKUs that have it.
    """

    skus: list[str]
    warehouses: list[str]
    stores: list[str]
    stock: StockColumns
    listings: ListingColumns
    live: LiveColumns
    categories: Mapping[str, Integers]
    brands: Mapping[str, Integers]
    tags: Mapping[str, Integers]
    bundles: Mapping[int, Bundle]
    sha256: str
    sku_index: Mapping[str, int] = field(repr=False, default_factory=dict)
    unbound: frozenset[int] = frozenset()
    """Rows of listings that their store said twice it does not have; they are not active."""


@dataclass(frozen=True, slots=True)
class CellKey:
    """Which number in which shop: one listing at one of its locations (empty: the unnamed one)."""

    store: str
    store_sku: str
    location: str


class PlannedCell(NamedTuple):
    """One cell of a plan. `quantity` is None and `why` names the reason where it is blocked.

    `set_mode` is true where the store may show another mode or other days than these. A tuple, because a plan makes
    a million of them.
    """

    store: str
    store_sku: str
    location: str
    sku: str
    rule: str | None
    available: int | None
    quantity: int | None
    mode: Mode
    days: int | None
    live: int | None
    action: Action
    why: str
    set_mode: bool = False

    @property
    def key(self) -> CellKey:
        return CellKey(self.store, self.store_sku, self.location)


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """Something a person should know about the plan as a whole or about one listing of it."""

    code: str
    message: str
    store: str = ""
    store_sku: str = ""


class Reason(IntEnum):
    """Why a push was triggered. 1 to 17 are the source documents' own numbers; ours begin at 101."""

    SYNC_ORDER = 1
    STOCK_IN_MANUAL = 2
    STOCK_IN_RETURN_SCAN = 3
    STOCK_IN_RETURN_MANUAL = 4
    STOCK_IN_TRANSFER = 5
    STOCK_IN_PURCHASE = 6
    STOCK_OUT_MANUAL = 7
    STOCK_OUT_SALE = 8
    STOCK_OUT_TRANSFER = 9
    VOID_ORDER = 10
    REVERT_VOIDED_ORDER = 11
    CHANGE_MAPPING = 12
    CHANGE_WAREHOUSE = 13
    MOVE_TO_PACK = 14
    REFRESH_INVENTORY = 15
    PUSH_NOW = 16
    STOCK_COUNT = 17
    RULE_CHANGE = 101
    SCHEDULE = 102
    RECONCILE = 103


REASON_TEXTS: Mapping[Reason, str] = {
    Reason.SYNC_ORDER: "Sync Order",
    Reason.STOCK_IN_MANUAL: "Stock-In / Manual",
    Reason.STOCK_IN_RETURN_SCAN: "Stock-In / Return-Scan",
    Reason.STOCK_IN_RETURN_MANUAL: "Stock-In / Return-Manual",
    Reason.STOCK_IN_TRANSFER: "Stock-In / Transfer",
    Reason.STOCK_IN_PURCHASE: "Stock-In / Purchase",
    Reason.STOCK_OUT_MANUAL: "Stock-Out / Manual",
    Reason.STOCK_OUT_SALE: "Stock-Out / Sale",
    Reason.STOCK_OUT_TRANSFER: "Stock-Out / Transfer",
    Reason.VOID_ORDER: "Void Order",
    Reason.REVERT_VOIDED_ORDER: "Revert Voided Order",
    Reason.CHANGE_MAPPING: "Add/Change Mapping Relationships",
    Reason.CHANGE_WAREHOUSE: "Change Warehouse",
    Reason.MOVE_TO_PACK: "Move to [To Pack]",
    Reason.REFRESH_INVENTORY: "Refresh Inventory",
    Reason.PUSH_NOW: "Click Push Now/ Push Manually",
    Reason.STOCK_COUNT: "Stock Count",
    Reason.RULE_CHANGE: "Rule or facts changed (plan applied)",
    Reason.SCHEDULE: "Schedule",
    Reason.RECONCILE: "Reconcile",
}


class Status(StrEnum):
    """How a push stands; the four words of the source documents, and never a fifth."""

    SUCCESSFULLY = "Successfully"
    FAILED = "Failed"
    PENDING = "Pending"
    SKIPPED = "Skipped"


@dataclass(frozen=True, slots=True)
class Live:
    """What a store shows for one cell as far as we know; `quantity` None is unknown, as is `days` in pre-order.

    `confirmed_at` is the time of the last push the store confirmed; None: the quantity was only read.
    """

    quantity: int | None
    mode: Mode = "normal"
    days: int | None = None
    reserved: int = 0
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordedLive:
    """What the store of record knows of every cell, as parallel lists; facts that it knows replace the `live` table's.

    `quantity`, `reserved`, `days` and `confirmed_at` (milliseconds since 1970 UTC) are None where unknown.
    `unbound` names listings that their store does not have, by store and store SKU: nothing is pushed to them.
    """

    store: list[str]
    store_sku: list[str]
    location: list[str]
    quantity: list[int | None]
    reserved: list[int | None]
    preorder: list[bool]
    days: list[int | None]
    confirmed_at: list[int | None]
    unbound: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Record:
    """One push of one cell, as kept. `before` and `quantity` are pieces of the listing; times are UTC.

    `count` is how many triggers this record stands for: skipped ones of the same cause are folded into one.
    """

    id: int
    key: CellKey
    sku: str
    rule: str
    reason: int
    status: Status
    before: int | None
    quantity: int
    mode: Mode
    days: int | None
    detail: str
    code: str
    kind: str
    created_at: datetime
    finished_at: datetime | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What every cell shall show, why, and what will be done about it; `cells` by store, store SKU, location."""

    at: datetime
    rules_sha256: str
    facts_sha256: str
    summary: Mapping[Action, int]
    cells: Sequence[PlannedCell]
    problems: tuple[PlanProblem, ...]
