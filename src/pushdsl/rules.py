"""What the checker hands on: rules whose names are resolved and whose numbers are whole units.

Quantities are units, percentages parts per million, durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pushdsl.errors import Diagnostic
from pushdsl.model import CellKey, Live, Store
from pushdsl.source import Span


@dataclass(frozen=True, slots=True)
class SkuTerm:
    """One way to name SKUs, with the place where it stands.

    `kind` is `exact` (values: the SKUs, several where they come from a file), `like`, `category`, `brand`, `tag`
    (one value), `listed` (values: store names) or `everything` (none).
    """

    kind: str
    values: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class SkuSet:
    """Union of `terms` less `except_`; a member may be a set of its own (a `skus` name)."""

    terms: tuple[SkuTerm | SkuSet, ...]
    except_: tuple[SkuTerm | SkuSet, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class CheckedPreorder:
    open_at: int
    close_above: int
    add: int
    ship_in_days: int | None


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """One rule. `take` is None without a `take`; in it every warehouse stands once with its parts per million.

    `shares` gives each store's parts per million (`push` or `split`); `keep_back` is None for `safety stock`
    when `keep_back_safety` is set. `overrides` is transitive. `spans` maps a statement's first words
    (`take`, `keep back`, `push`, `split`, `at most`, …) to where it stands.
    """

    name: str
    span: Span
    skus: SkuSet
    stores: tuple[str, ...]
    window: tuple[datetime, datetime] | None
    take: Mapping[str, int] | None
    keep_back: int
    keep_back_safety: bool
    shares: Mapping[str, int]
    plus: int
    even_at_zero: bool
    exactly: int | None
    at_most: int | None
    at_least: int | None
    hide_below: int | None
    below: int | None
    only: frozenset[str]
    preorder: CheckedPreorder | None
    increase_only: bool
    above: int | None
    every_seconds: int
    unless_falls_by: int | None
    disabled: bool
    overrides: frozenset[str]
    spans: Mapping[str, Span]


@dataclass(frozen=True, slots=True)
class CheckedExpectation:
    """One `expect`: the columns of its test, from the first on, with the value that each shall have.

    `kind` is `quantity` (the series are units), `preorder` (open or not), `ship in` (days), `outcome` (actions of the
    plan) or `no rule` (nothing but True). `spans` is where each value stands, `span` the whole line.
    """

    kind: str
    cell: CellKey
    series: tuple[int | bool | str, ...]
    spans: tuple[Span, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class CheckedTest:
    """One test: the facts that it sees, and what it expects of them, column after column.

    `columns` is the length of its longest series of any kind. `stock` has for a SKU in a warehouse one amount a
    column, of which the last lasts, or None where it is untracked. `live` is what stores show before the first column.
    Pairs are (store, SKU); ranges are the fewest and most days. `categories`, `brands` and `tags` give the SKUs of
    each value.
    """

    name: str
    span: Span
    start: datetime
    zone: str
    tick_seconds: int
    columns: int
    skus: frozenset[str]
    stock: Mapping[tuple[str, str], tuple[int, ...] | None]
    live: Mapping[CellKey, Live]
    packs: Mapping[tuple[str, str], int]
    ranges: Mapping[tuple[str, str], tuple[int, int]]
    off: frozenset[tuple[str, str]]
    categories: Mapping[str, frozenset[str]]
    brands: Mapping[str, frozenset[str]]
    tags: Mapping[str, frozenset[str]]
    expectations: tuple[CheckedExpectation, ...]


@dataclass(frozen=True, slots=True)
class CheckedRules:
    """Rules that may be planned. `warehouses` and `stores` are in the order of their declaration.

    `lints` are the remarks that did not stop them. `sha256` covers the text of every file read, lists included.
    """

    rules: tuple[CheckedRule, ...]
    warehouses: tuple[str, ...]
    stores: Mapping[str, Store]
    lints: tuple[Diagnostic, ...]
    sha256: str
    tests: tuple[CheckedTest, ...] = ()
