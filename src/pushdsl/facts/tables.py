"""Which tables there are, and for each column what may stand in it, its default and its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pushdsl.model import ABSENT, PACK_MAX, QUANTITY_MAX

FORMATS = (".csv", ".parquet", ".xlsx", ".jsonl")
DAYS_MAX = 365

Kind = Literal["name", "text", "whole", "flag", "word", "moment"]
"""`name` is text that is compared or listed (SKUs, stores, categories), `text` is only carried along."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A blank cell is `default`; where that is None, a blank cell is an error.

    `low` and `high` bound a `whole`; `words` are what a `word` may be and what each stands for.
    """

    name: str
    kind: Kind
    default: str | int | bool | None
    required: bool = False
    low: int = 0
    high: int = QUANTITY_MAX
    words: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableKind:
    """One table. No two of its rows have the same `key`."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _needed(name: str) -> Column:
    return Column(name, "name", None, required=True)


def _days(name: str) -> Column:
    return Column(name, "whole", ABSENT, high=DAYS_MAX)


STOCK = TableKind(
    "stock",
    ("warehouse", "sku"),
    (
        _needed("warehouse"),
        _needed("sku"),
        Column("on_hand", "whole", None, required=True, low=-QUANTITY_MAX),
        Column("allocated", "whole", 0),
        Column("tracked", "flag", True),
        Column("sell_when_out", "flag", False),
        Column("safety", "whole", 0),
    ),
    required=True,
)

LISTINGS = TableKind(
    "listings",
    ("store", "store_sku"),
    (
        _needed("store"),
        _needed("store_sku"),
        Column("item_id", "text", ""),
        Column("variant_id", "text", ""),
        Column("sku", "name", "", required=True),
        Column("pack", "whole", 1, low=1, high=PACK_MAX),
        Column("status", "word", True, words={"active": True, "inactive": False}),
        Column("locations", "name", ""),
        Column("max_quantity", "whole", ABSENT),
        _days("preorder_days_min"),
        _days("preorder_days_max"),
    ),
    required=True,
)

LIVE = TableKind(
    "live",
    ("store", "store_sku", "location"),
    (
        _needed("store"),
        _needed("store_sku"),
        Column("location", "name", ""),
        Column("quantity", "whole", ABSENT, required=True),
        Column("reserved", "whole", 0),
        Column("mode", "word", False, words={"normal": False, "preorder": True}),
        _days("days"),
        Column("confirmed_at", "moment", ABSENT),
    ),
)

SKUS = TableKind(
    "skus",
    ("sku",),
    (
        _needed("sku"),
        Column("name", "text", ""),
        Column("category", "name", ""),
        Column("brand", "name", ""),
        Column("tags", "name", ""),
    ),
)

BUNDLES = TableKind(
    "bundles",
    ("sku", "component"),
    (
        _needed("sku"),
        _needed("component"),
        Column("quantity", "whole", None, required=True, low=1, high=PACK_MAX),
    ),
)

TABLES = (STOCK, LISTINGS, LIVE, SKUS, BUNDLES)
