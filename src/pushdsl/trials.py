"""Checked rules, the stores' limits and one test in; its columns planned one after the other, and what failed, out.

Nothing is computed here: a column is a plan of the test's facts at the time of its tick, and what it pushes is what the
stores show in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from pushdsl.cells import Limits
from pushdsl.model import ABSENT, CellKey, Facts, ListingColumns, Live, LiveColumns, Plan, PlannedCell, StockColumns
from pushdsl.planner import Explanation, plan, planned_cells
from pushdsl.rules import CheckedExpectation, CheckedRules, CheckedTest, SkuSet, SkuTerm
from pushdsl.source import Span
from pushdsl.why import units


@dataclass(frozen=True, slots=True)
class Column:
    """One tick: what each cell showed before it, its facts, and their plan."""

    at: datetime
    live: Mapping[CellKey, Live]
    facts: Facts
    plan: Plan

    def explained(self) -> Iterator[Explanation]:
        """Every cell with its ladder."""
        return planned_cells(self.plan).explained()


@dataclass(frozen=True, slots=True)
class Failure:
    """One value that did not come: `column` counts from 0, `span` is where the value stands.

    `explanation` is the ladder of the cell, None where there is no such cell.
    """

    expectation: CheckedExpectation
    column: int
    at: datetime
    span: Span
    expected: str
    got: str
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A test that was run. `failures` are in the order of its expectations, then of their columns."""

    test: CheckedTest
    columns: tuple[Column, ...]
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


def run(rules: CheckedRules, limits: Mapping[str, Limits], test: CheckedTest) -> Trial:
    """Plays one test of these rules. `limits` has every store of the rules by name."""
    touching = _narrowed(rules, test)
    unchanging = _unchanging(test, sorted({store for rule in rules.rules for store in rule.stores}))
    columns = tuple(_columns(touching, unchanging, limits, test))
    cells = [{cell.key: (row, cell) for row, cell in enumerate(column.plan.cells)} for column in columns]
    failures = [
        failure
        for expectation in test.expectations
        for number, (column, of_column) in enumerate(zip(columns, cells, strict=True))
        if number < len(expectation.series)
        and (failure := _failure(expectation, number, column, of_column.get(expectation.cell), touching, limits))
    ]
    return Trial(test, columns, tuple(failures))


# ---- playing ----------------------------------------------------------------------------------------


def _columns(
    rules: CheckedRules, unchanging: Facts, limits: Mapping[str, Limits], test: CheckedTest
) -> Iterator[Column]:
    live: Mapping[CellKey, Live] = test.live
    for number in range(test.columns):
        at = test.start + timedelta(seconds=test.tick_seconds * number)
        facts = replace(unchanging, stock=_stock(test, unchanging, number), live=_live(unchanging, live))
        planned = plan(rules, facts, limits, at)
        yield Column(at, live, facts, planned)
        live = _shown_after(planned.cells, live, at)


def _shown_after(cells: Iterable[PlannedCell], live: Mapping[CellKey, Live], at: datetime) -> Mapping[CellKey, Live]:
    """What the stores show once every push has succeeded. What they reserved is not known any longer."""
    kept = {key: replace(shown, reserved=0) for key, shown in live.items()}
    pushed = {
        cell.key: Live(cell.quantity, cell.mode, cell.days, confirmed_at=at) for cell in cells if cell.action == "push"
    }
    return {**kept, **pushed}


def _narrowed(rules: CheckedRules, test: CheckedTest) -> CheckedRules:
    """The same rules as far as they can touch the test's SKUs: a list may have a hundred thousand others."""
    touching = (rule for rule in rules.rules if _may_select(rule.skus, test))
    return replace(rules, rules=tuple(replace(rule, skus=_only(rule.skus, test.skus)) for rule in touching))


def _may_select(selected: SkuSet, test: CheckedTest) -> bool:
    known = {"exact": test.skus, "category": test.categories, "brand": test.brands, "tag": test.tags}
    return any(
        _may_select(term, test)
        if isinstance(term, SkuSet)
        else term.kind not in known or any(value in known[term.kind] for value in term.values)
        for term in selected.terms
    )


def _only(selected: SkuSet, skus: frozenset[str]) -> SkuSet:
    def narrowed(term: SkuTerm | SkuSet) -> SkuTerm | SkuSet:
        if isinstance(term, SkuSet):
            return _only(term, skus)
        return replace(term, values=tuple(v for v in term.values if v in skus)) if term.kind == "exact" else term

    return replace(selected, terms=tuple(map(narrowed, selected.terms)), except_=tuple(map(narrowed, selected.except_)))


# ---- facts of a column ------------------------------------------------------------------------------


def _unchanging(test: CheckedTest, stores: Sequence[str]) -> Facts:
    """What is the same in every column, stock and live left empty: each SKU is listed on every store."""
    skus = sorted(test.skus)
    index = {sku: number for number, sku in enumerate(skus)}
    warehouses = sorted({warehouse for _, warehouse in test.stock})
    pairs = [(store, sku) for store in stores for sku in skus]
    ranges = [test.ranges.get(pair, (ABSENT, ABSENT)) for pair in pairs]
    nothing = [""] * len(pairs)
    listings = ListingColumns(
        store=np.repeat(np.arange(len(stores)), len(skus)),
        store_sku=[sku for _, sku in pairs],
        item_id=nothing,
        variant_id=nothing,
        sku=np.tile(np.arange(len(skus)), len(stores)),
        pack=np.array([test.packs.get(pair, 1) for pair in pairs], np.int64),
        active=np.array([pair not in test.off for pair in pairs], bool),
        locations=[None] * len(pairs),
        max_quantity=np.full(len(pairs), ABSENT, np.int64),
        preorder_days_min=np.array([fewest for fewest, _ in ranges], np.int64),
        preorder_days_max=np.array([most for _, most in ranges], np.int64),
    )

    def members(tagged: Mapping[str, frozenset[str]]) -> Mapping[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {value: np.array(sorted(index[sku] for sku in skus), np.int64) for value, skus in tagged.items()}

    shape = (len(warehouses), len(skus))
    empty = np.zeros(shape, np.int64)
    return Facts(
        skus=skus,
        warehouses=warehouses,
        stores=list(stores),
        stock=StockColumns(np.zeros(shape, bool), empty, np.zeros(shape, bool), empty),
        listings=listings,
        live=_live_columns([], [], []),
        categories=members(test.categories),
        brands=members(test.brands),
        tags=members(test.tags),
        bundles={},
        sha256="",
        sku_index=index,
    )


def _stock(test: CheckedTest, facts: Facts, column: int) -> StockColumns:
    quantity = np.zeros((len(facts.warehouses), len(facts.skus)), np.int64)
    present, unlimited = np.zeros(quantity.shape, bool), np.zeros(quantity.shape, bool)
    warehouse_index = {warehouse: number for number, warehouse in enumerate(facts.warehouses)}
    for (sku, warehouse), series in test.stock.items():
        at = warehouse_index[warehouse], facts.sku_index[sku]
        present[at] = True
        unlimited[at] = series is None
        quantity[at] = 0 if series is None else series[min(column, len(series) - 1)]
    return StockColumns(present, quantity, unlimited, np.zeros_like(quantity))


def _live(facts: Facts, live: Mapping[CellKey, Live]) -> LiveColumns:
    store_index = {store: number for number, store in enumerate(facts.stores)}
    of_listings = {key: shown for key, shown in live.items() if key.store in store_index}
    rows = [store_index[key.store] * len(facts.skus) + facts.sku_index[key.store_sku] for key in of_listings]
    return _live_columns(rows, [key.location for key in of_listings], list(of_listings.values()))


def _live_columns(rows: Sequence[int], locations: list[str], shown: Sequence[Live]) -> LiveColumns:
    def column(values: Iterable[int | None]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([ABSENT if value is None else value for value in values], np.int64)

    return LiveColumns(
        listing=np.array(rows, np.int64),
        location=locations,
        quantity=column(live.quantity for live in shown),
        reserved=column(live.reserved for live in shown),
        preorder=np.array([live.mode == "preorder" for live in shown], bool),
        days=column(live.days for live in shown),
        confirmed_at=column(_milliseconds(live.confirmed_at) for live in shown),
    )


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


# ---- comparing --------------------------------------------------------------------------------------


def _failure(
    expectation: CheckedExpectation, number: int, column: Column, found: tuple[int, PlannedCell] | None,
    rules: CheckedRules, limits: Mapping[str, Limits],
) -> Failure | None:  # fmt: skip
    """What is wrong with one value, if anything."""
    wanted = expectation.series[number]
    row, cell = found if found is not None else (None, None)
    if cell is not None:
        right, got = _compared(expectation.kind, wanted, cell, limits[cell.store].preorder)
    else:
        without_rule, got = _without_cell(expectation.cell, column, rules, limits)
        right = without_rule and expectation.kind == "no rule"
    if right:
        return None
    explanation = next(planned_cells(column.plan).at([row]).explained()) if row is not None else None
    expected = expected_text(expectation.kind, wanted)
    return Failure(expectation, number, column.at, expectation.spans[number], expected, got, explanation)


def _compared(kind: str, wanted: int | bool | str, cell: PlannedCell, can_preorder: bool) -> tuple[bool, str]:
    """Whether the cell is as wanted, and in the same words what it is."""
    match kind:
        case "outcome":
            right, got = cell.action == wanted, expected_text(kind, cell.action)
            return right, f"{got}: {cell.why}" if cell.action == "blocked" else got
        case "preorder":
            is_open = cell.mode == "preorder"
            why = "" if can_preorder else f", `{cell.store}` cannot pre-order"
            return is_open == wanted, expected_text(kind, is_open) + why
        case "no rule":
            return False, f"rule `{cell.rule}`" if cell.rule is not None else f"blocked: {cell.why}"
        case _ if cell.action == "blocked":
            return False, f"blocked: {cell.why}"
        case "quantity":
            assert cell.quantity is not None
            return cell.quantity == wanted, expected_text(kind, cell.quantity)
        case "ship in":
            if cell.days is None:
                return False, "no days to ship, no range is known" if cell.mode == "preorder" else "no pre-order"
            return cell.days == wanted, expected_text(kind, cell.days)
        case _:
            raise AssertionError(kind)


def expected_text(kind: str, value: int | bool | str) -> str:
    """A value of an expectation as a rule file writes it."""
    match kind:
        case "quantity":
            return units(int(value))
        case "preorder":
            return "preorder open" if value else "preorder closed"
        case "ship in":
            return f"ship in {value} day{'' if value == 1 else 's'}"
        case "outcome":
            return "pushed" if value == "push" else str(value)
        case _:
            return "no rule"


def _without_cell(key: CellKey, column: Column, rules: CheckedRules, limits: Mapping[str, Limits]) -> tuple[bool, str]:
    """Whether no rule has the listing, and why there is no such cell."""
    if key.store not in column.facts.stores:
        return True, f"no rule sends to `{key.store}`"
    of_listing = (key.store, key.store_sku)
    said = {p.code: p.message for p in column.plan.problems if (p.store, p.store_sku) == of_listing}
    if "PUSH502" in said:
        return True, "the listing is off"
    if "PUSH500" in said:
        return True, "".join(["no rule", *_out_of_window(key, column, rules, limits)])
    unfed = f"no warehouse of the rule feeds `{key.location}`"
    return False, said.get("PUSH503", unfed).removesuffix(", so not pushed")


def _out_of_window(key: CellKey, column: Column, rules: CheckedRules, limits: Mapping[str, Limits]) -> Iterator[str]:
    """The rules that would have the cell at another time: a plan at the start of their windows tells."""
    for rule in rules.rules:
        if rule.window is not None and not rule.disabled and key.store in rule.stores:
            then = plan(rules, column.facts, limits, rule.window[0])
            if any(cell.key == key and cell.rule == rule.name for cell in then.cells):
                yield f", `{rule.name}` is out of its window"
