"""Checked rules, facts, the stores' limits and a time in; a Plan out.

Columns for many cells, Python integers for one (`explain`): both run the same ladder over the same cells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, overload

import numpy as np

from pushdsl.bounds import prove
from pushdsl.cells import Cells, Columns, Gathered, Limits, cells_of
from pushdsl.claims import CONTESTED, NO_RULE, Claims, claim
from pushdsl.interpreter import BLOCKED, Integers, Shape, Steps, ladder
from pushdsl.model import (
    ABSENT,
    ACTIONS,
    PACK_MAX,
    QUANTITY_MAX,
    Action,
    CellKey,
    Facts,
    Mode,
    Plan,
    PlannedCell,
    PlanProblem,
)  # fmt: skip
from pushdsl.rules import CheckedRule, CheckedRules
from pushdsl.source import Span
from pushdsl.why import (
    ABOVE_MAXIMUM,
    BIT,
    LIVE_MISSING,
    UNKNOWN_STOCK,
    action_text,
    blocked_text,
    contested_text,
    effects_text,
)  # fmt: skip

BLOCK = 16_384
"""Cells a pass of the ladder: small enough that its columns stay in the processor's cache."""


def plan(rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits], at: datetime) -> Plan:
    """The quantity of every cell and what to do about it. `limits` has every store of the rules by name."""
    claims = claim(rules, facts, at)
    planned = plan_claimed(rules, facts, limits, claims, at)
    cells, results = planned._cells, planned._results
    counts = np.bincount(results.action, minlength=len(ACTIONS))
    return Plan(
        at=at,
        rules_sha256=rules.sha256,
        facts_sha256=facts.sha256,
        summary={action: int(counts[k]) for k, action in enumerate(ACTIONS)},
        cells=planned,
        problems=(*claims.problems, *_problems(rules, facts, claims, cells, results)),
    )


def plan_claimed(
    rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits], claims: Claims, at: datetime
) -> PlannedCells:
    """Every cell of these facts, where it is known already which rule has each of their listings."""
    _check_bounds(facts)
    cells = cells_of(rules, facts, limits, claims, at, np.arange(len(facts.listings.sku)))
    return PlannedCells(rules, facts, claims, cells, _run(cells))


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ladder of one cell. `steps` is None where two rules contest the listing; numbers as in `Steps`."""

    cell: PlannedCell
    rule: CheckedRule | None
    steps: Steps | None
    pack: int


def explain(
    rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits], at: datetime, store: str, store_sku: str
) -> list[Explanation]:
    """The ladder of every cell of one listing over Python integers; empty where the listing has no cell."""
    listings = facts.listings
    rows = [
        k for k, sku in enumerate(listings.store_sku)
        if sku == store_sku and facts.stores[int(listings.store[k])] == store
    ]  # fmt: skip
    claims = claim(rules, facts, at)
    cells = cells_of(rules, facts, limits, claims, at, np.array(rows, np.int64))
    return list(PlannedCells(rules, facts, claims, cells, _run(cells)).explained())


def integers_of(cells: Cells, row: int) -> Any:  # the rule's numbers and the cell's facts, as the ladder reads them
    """All that the ladder asks about one cell, as Python integers and truths."""
    return SimpleNamespace(
        **{name: column[cells.axes[axis][row]].item() for name, (column, axis) in cells.columns.items()}
    )


def _check_bounds(facts: Facts) -> None:
    """INVARIANT: no number is outside what `bounds` proved safe for 64 bits. The readers refuse such facts first."""
    if facts.stock.quantity.size:
        assert facts.stock.quantity.min() >= -2 * QUANTITY_MAX
        assert facts.stock.quantity.max() <= QUANTITY_MAX
        assert facts.stock.safety.max() <= QUANTITY_MAX
    if len(facts.listings.pack):
        assert facts.listings.pack.min() >= 1
        assert facts.listings.pack.max() <= PACK_MAX
        assert facts.listings.max_quantity.max() <= QUANTITY_MAX
    if len(facts.live.quantity):
        assert max(facts.live.quantity.max(), facts.live.reserved.max()) <= QUANTITY_MAX


# ---- columns ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Results:
    """The ladder's answers, one row a cell; `effects` are bits of `why.BIT`, `blocked` a reason of `why` or 0."""

    quantity: Any  # numpy columns, as in model
    open: Any
    days: Any
    action: Any
    effects: Any
    blocked: Any


def _run(cells: Cells) -> _Results:
    """Runs the ladder, shape by shape, in blocks."""
    size = len(cells)
    results = _Results(
        np.zeros(size, np.int64), np.zeros(size, bool), np.full(size, ABSENT, np.int64),
        np.full(size, BLOCKED, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64),
    )  # fmt: skip
    shapes = sorted({setting.shape for setting in cells.settings}, key=repr)
    shape_of_setting = np.array([shapes.index(s.shape) for s in cells.settings] + [ABSENT], np.int64)
    shape_of_cell = shape_of_setting[cells.setting]
    for number, shape in enumerate(shapes):
        _prove_once(shape)
        rows = np.flatnonzero(shape_of_cell == number)
        for start in range(0, len(rows), BLOCK):
            _run_block(cells, shape, rows[start : start + BLOCK], results)
    return results


_prove_once = lru_cache(maxsize=None)(prove)


def _run_block(cells: Cells, shape: Shape, rows: Any, results: _Results) -> None:
    gathered = Gathered(cells, rows)
    steps = ladder(Columns, shape, gathered, gathered)
    results.quantity[rows] = steps.quantity
    results.open[rows] = steps.open
    results.days[rows] = steps.days
    results.action[rows] = steps.action
    results.effects[rows] = _effects(shape, steps, gathered)
    results.blocked[rows] = _blocked(shape, steps, gathered)


def _effects(shape: Shape, steps: Steps, cell: Any) -> Any:
    """Which statements changed the number, as bits."""
    effects: Any = 0

    def changed(name: str, before: Any, after: Any) -> None:
        nonlocal effects
        effects = effects + np.where(before != after, BIT[name], 0)

    if shape.take and not shape.exactly:
        changed("take", steps.available * 1_000_000, steps.take)
    if shape.keep_back:
        changed("keep_back", steps.take, steps.keep_back)
    if shape.exactly:
        effects = effects + BIT["push"]
    else:
        whole = np.floor_divide(steps.keep_back, cell.pack * 1_000_000)
        changed("push", whole, steps.push)
    changed("at_most", steps.push, steps.at_most)
    changed("at_least", steps.at_most, steps.at_least)
    changed("hide_below", steps.at_least, steps.hide_below)
    changed("low_stock", steps.hide_below, steps.low_stock)
    changed("preorder", steps.low_stock, steps.preorder)
    changed("reserve", steps.preorder, steps.reserve)
    changed("platform", steps.reserve, steps.platform)
    changed("increase_only", steps.platform, steps.quantity)
    return np.where(steps.unlimited, BIT["unlimited"] + (effects & BIT["increase_only"]), effects)


def _blocked(shape: Shape, steps: Steps, cell: Any) -> Any:
    reason: Any = np.where(steps.above_maximum, ABOVE_MAXIMUM, 0)
    reason = np.where(steps.live_missing, LIVE_MISSING, reason)
    return np.where(np.logical_not(cell.known), UNKNOWN_STOCK, reason) if shape.take else reason


# ---- cells as values --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellNumbers:
    """What a plan's cells show and shall show, as columns in the order of the cells.

    `listing` and `store` are indexes into the facts, `location` into `location_names`, which are sorted, `action` into
    ACTIONS. `quantity` and `days` are ABSENT where there are none, `live` where it is unknown.
    """

    location_names: tuple[str, ...]
    listing: Any  # numpy columns, as in model
    location: Any
    store: Any
    quantity: Any
    preorder: Any
    days: Any
    live: Any
    action: Any


def planned_cells(plan: Plan) -> PlannedCells:
    """The cells of a plan with all that they can tell as columns."""
    assert isinstance(plan.cells, PlannedCells), "a plan is made by `plan`"
    return plan.cells


class PlannedCells(Sequence[PlannedCell]):
    """The cells of a plan. Kept as columns; a PlannedCell is made when one is looked at."""

    def __init__(
        self, rules: CheckedRules, facts: Facts, claims: Claims, cells: Cells, results: _Results, rows: Any = None
    ) -> None:
        self._rules, self._facts, self._claims = rules, facts, claims
        self._cells, self._results = cells, results
        self._rows = np.arange(len(cells)) if rows is None else rows
        self._texts: dict[tuple[int, int], str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> PlannedCell: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PlannedCell]: ...
    def __getitem__(self, index: int | slice) -> PlannedCell | Sequence[PlannedCell]:
        if isinstance(index, slice):
            return self._part(self._rows[index])
        return next(self._make(self._rows[index : index + 1 or None]))

    def __iter__(self) -> Iterator[PlannedCell]:
        for start in range(0, len(self._rows), BLOCK):
            yield from self._make(self._rows[start : start + BLOCK])

    def having(self, *actions: Action) -> PlannedCells:
        """The cells with one of these actions, without looking at the others one by one."""
        codes = [ACTIONS.index(action) for action in actions]
        return self._part(self._rows[np.isin(self._results.action[self._rows], codes)])

    def at(self, rows: Any) -> PlannedCells:
        """The cells at these places."""
        return self._part(self._rows[rows])

    def of(self, keys: Collection[CellKey]) -> PlannedCells:
        """The cells of these keys; a key without a cell is left out."""
        wanted = {(key.store, key.store_sku, key.location) for key in keys}
        stores, names = self._facts.listings.store[self._cells.listing[self._rows]].tolist(), self._facts.stores
        named = enumerate(zip(stores, self.names(), strict=True))
        return self.at(np.array([k for k, (store, name) in named if (names[store], *name) in wanted], np.int64))

    @property
    def store_names(self) -> Sequence[str]:
        """All stores of the facts; `numbers` speaks of them by their place here."""
        return self._facts.stores

    def by_store(self) -> Iterator[tuple[str, PlannedCells]]:
        """The cells of each store that has some, in the order of the stores' names."""
        stores = self._facts.listings.store[self._cells.listing[self._rows]]
        ends = np.searchsorted(stores, np.arange(len(self._facts.stores)), side="right").tolist()
        for store, start, end in zip(self._facts.stores, [0, *ends], ends, strict=False):
            if start < end:
                yield store, self._part(self._rows[start:end])

    def explained(self) -> Iterator[Explanation]:
        """Each cell with its ladder, run again over Python integers."""
        for row, cell in zip(self._rows.tolist(), self, strict=True):
            if (number := int(self._cells.setting[row])) == ABSENT:
                yield Explanation(cell, None, None, 1)
                continue
            setting, numbers = self._cells.settings[number], integers_of(self._cells, row)
            steps = ladder(Integers, setting.shape, numbers, numbers)
            yield Explanation(cell, self._rules.rules[setting.rule], steps, numbers.pack)

    def names(self) -> Iterator[tuple[str, str]]:
        """Store SKU and location of every cell, at a tenth of the price of the whole cells."""
        store_skus, locations = self._facts.listings.store_sku, self._cells.location_names
        listing, location = self._cells.listing[self._rows].tolist(), self._cells.location[self._rows].tolist()
        return ((store_skus[k], locations[x]) for k, x in zip(listing, location, strict=True))

    def numbers(self) -> CellNumbers:
        """The same cells as columns."""
        results, rows, names = self._results, self._rows, self._cells.location_names
        order = {name: k for k, name in enumerate(sorted(set(names)))}
        blocked = results.action[rows] == BLOCKED

        def asked(name: str) -> Any:
            values, axis = self._cells.columns[name]
            return values[self._cells.axes[axis][rows]]

        return CellNumbers(
            location_names=tuple(order),
            listing=self._cells.listing[rows],
            location=np.array([order[name] for name in names] or [0], np.int64)[self._cells.location[rows]],
            store=self._facts.listings.store[self._cells.listing[rows]],
            quantity=np.where(blocked, ABSENT, results.quantity[rows]),
            preorder=np.where(blocked, asked("was_open"), results.open[rows]),
            days=np.where(blocked, ABSENT, results.days[rows]),
            live=np.where(asked("live_known"), asked("live"), ABSENT),
            action=results.action[rows],
        )

    def _part(self, rows: Any) -> PlannedCells:
        return PlannedCells(self._rules, self._facts, self._claims, self._cells, self._results, rows)

    def _make(self, rows: Any) -> Iterator[PlannedCell]:
        cells, listings, results = self._cells, self._facts.listings, self._results
        listing = cells.listing[rows]

        def asked(name: str) -> Any:
            values, axis = cells.columns[name]
            return values[cells.axes[axis][rows]]

        columns = (
            listing, listings.store[listing], cells.location[rows], listings.sku[listing], cells.setting[rows],
            asked("available"), results.quantity[rows], results.open[rows], results.days[rows],
            asked("live"), asked("live_known"), asked("was_open"), asked("live_days"),
            results.action[rows], results.effects[rows], results.blocked[rows],
        )  # fmt: skip
        return map(self._cell, *(column.tolist() for column in columns))

    def _cell(
        self, listing: int, store: int, location: int, sku: int, setting: int,
        available: int, quantity: int, is_open: bool, days: int,
        live: int, live_known: bool, was_open: bool, live_days: int,
        action: int, effects: int, blocked: int,
    ) -> PlannedCell:  # fmt: skip
        """One row of the columns as a value; a blocked cell keeps the mode that the store shows."""
        name: Action = ACTIONS[action]
        shown = live if live_known else None
        mode: Mode = "preorder" if (was_open if name == "blocked" else is_open) else "normal"
        rule = self._rules.rules[self._cells.settings[setting].rule] if setting >= 0 else None
        if rule is None:
            why = contested_text(self._claims.contested[listing])
        elif name == "blocked":
            why = blocked_text(blocked, self._facts.stores[store])
        else:
            why = self._why(rule, setting, effects, available) + action_text(name, shown, was_open, is_open)
        with_take = rule is not None and rule.take is not None and blocked != UNKNOWN_STOCK
        return PlannedCell(
            store=self._facts.stores[store],
            store_sku=self._facts.listings.store_sku[listing],
            location=self._cells.location_names[location],
            sku=self._facts.skus[sku],
            rule=rule.name if rule else None,
            available=available if with_take else None,
            quantity=None if name == "blocked" else quantity,
            mode=mode,
            days=None if days == ABSENT or name == "blocked" else days,
            live=shown,
            action=name,
            why=why,
            set_mode=is_open != was_open
            or (is_open and days != live_days)
            or (not live_known and rule is not None and rule.preorder is not None),
        )

    def _why(self, rule: CheckedRule, setting: int, effects: int, available: int) -> str:
        key = (setting, effects)
        text = self._texts.get(key)
        if text is None:
            words = effects_text(rule, self._cells.settings[setting], effects)
            text = self._texts[key] = f"{words}; " if words else ""
        return f"{available} available; {text}" if rule.take is not None else text


# ---- problems ---------------------------------------------------------------------------------------


def _problems(
    rules: CheckedRules, facts: Facts, claims: Claims, cells: Cells, results: _Results
) -> Iterator[PlanProblem]:
    """What a person should know and no cell says, in the order of the listings."""
    yield from _about_warehouses(rules, facts)
    yield from _about_stores(rules, facts)
    with_cells = np.zeros(len(facts.listings.sku), bool)
    with_cells[cells.listing] = True
    declared = np.array([store in rules.stores for store in facts.stores] or [True], bool)
    for row in np.flatnonzero(~with_cells & declared[facts.listings.store]).tolist():
        code, message = _why_no_cell(facts, claims, rules, row)
        store = facts.stores[int(facts.listings.store[row])]
        yield PlanProblem(code, message, store, facts.listings.store_sku[row])
    yield from _about_days(facts, cells, results)
    yield from _about_what_stores_cannot(rules, cells, results)
    yield from _about_locations(rules, facts)


WITHOUT_CELL = frozenset({"PUSH500", "PUSH501", "PUSH502", "PUSH503", "PUSH513"})
"""The codes of the problems that say why a listing has no cell."""


def _why_no_cell(facts: Facts, claims: Claims, rules: CheckedRules, row: int) -> tuple[str, str]:
    if facts.listings.sku[row] == ABSENT:
        return "PUSH501", "mapped to no merchant SKU, so not pushed"
    if row in facts.unbound:
        return "PUSH513", "the store said twice that it has no such listing, so it is unbound and not pushed"
    if not facts.listings.active[row]:
        return "PUSH502", "not active, so not pushed"
    if claims.owner[row] == NO_RULE:
        return "PUSH500", "no rule covers this listing, so not pushed"
    if claims.owner[row] == CONTESTED:
        return "PUSH503", contested_text(claims.contested[row]) + ", and no location of it is mapped"
    rule = rules.rules[int(claims.owner[row])].name
    return "PUSH503", f"enabled at no location that the warehouses of rule `{rule}` feed, so not pushed"


def _about_warehouses(rules: CheckedRules, facts: Facts) -> Iterator[PlanProblem]:
    taken = {w: rule.name for rule in rules.rules if not rule.disabled for w in rule.take or {}}
    for warehouse in sorted(set(taken) - set(facts.warehouses)):
        yield PlanProblem("PUSH507", f"no stock row for warehouse `{warehouse}`, which rule `{taken[warehouse]}` takes")
    for warehouse in sorted(set(facts.warehouses) - set(rules.warehouses)):
        yield PlanProblem("PUSH507", f"warehouse `{warehouse}` of the facts is not declared in the rules")


def _about_stores(rules: CheckedRules, facts: Facts) -> Iterator[PlanProblem]:
    for number, store in enumerate(facts.stores):
        if store not in rules.stores:
            count = int((facts.listings.store == number).sum())
            listings = f"{count} listing{'s' if count != 1 else ''}"
            yield PlanProblem("PUSH508", f"{listings} of store `{store}`, which the rules do not declare", store)


def _about_days(facts: Facts, cells: Cells, results: _Results) -> Iterator[PlanProblem]:
    unknown = results.open & (results.days == ABSENT) & (results.action != BLOCKED)
    for row in np.flatnonzero(unknown):
        listing = int(cells.listing[row])
        store = facts.stores[int(facts.listings.store[listing])]
        message = "in pre-order without days to ship: no range is known for this listing"
        yield PlanProblem("PUSH504", message, store, facts.listings.store_sku[listing])


def _about_what_stores_cannot(rules: CheckedRules, cells: Cells, results: _Results) -> Iterator[PlanProblem]:
    """What a rule wants and a store cannot: once for each rule and store, with the line that wants it."""
    cut = (results.action != BLOCKED) & (results.effects & (BIT["platform"] | BIT["unlimited"]) == BIT["platform"])
    cut_at = np.bincount(cells.setting[cut], minlength=len(cells.settings)).tolist()
    all_at = np.bincount(cells.setting[cells.setting != ABSENT], minlength=len(cells.settings)).tolist()
    for setting, cut_here, all_here in zip(cells.settings, cut_at, all_at, strict=True):
        rule, store = rules.rules[setting.rule], setting.store.name
        if cut_here:
            wants = f"rule `{rule.name}` ({_line(rule.span)}) wants more than it shows"
            yield PlanProblem("PUSH511", f"{wants}: {_counted(cut_here)} of `{store}` cut to the maximum", store)
        if all_here and rule.preorder is not None and not setting.limits.preorder:
            wants = f"rule `{rule.name}` ({_line(rule.spans['preorder'])}) wants pre-order"
            yield PlanProblem("PUSH512", f"{wants}, which `{store}` cannot: {_counted(all_here)} without it", store)


def _line(span: Span) -> str:
    # the file alone: the same rules give the same plan, whatever the folder that they are read from
    return f"{PurePath(span.source.name).name}:{span.line}"


def _counted(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"


def _about_locations(rules: CheckedRules, facts: Facts) -> Iterator[PlanProblem]:
    """Location names in the facts that the store does not map: never written, and said so once for each name."""
    mapped = {store.name: {location.name for location in store.locations} for store in rules.stores.values()}
    named = {
        (store, name)
        for store, names in set(zip(facts.listings.store.tolist(), facts.listings.locations, strict=True))
        for name in names or ()
    }
    named.update(zip(facts.listings.store[facts.live.listing].tolist(), facts.live.location, strict=True))
    for store, name in sorted((facts.stores[store], name) for store, name in named):
        if store in mapped and name not in mapped[store]:
            shown = f"location `{name}`" if name else "the unnamed location"
            yield PlanProblem(
                "PUSH509", f"{shown} is in the facts and not mapped in the rules, so never written", store
            )
