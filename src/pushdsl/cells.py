"""Claims, rules, facts and limits in; every cell with all that the ladder asks about it out, as columns.

Numbers of a rule stand once for each store of it (a setting), stock once for each SKU under each set of feeding
warehouses (a supply); a cell points to one of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pushdsl.claims import CONTESTED, Claims, ranges
from pushdsl.interpreter import Shape, Slot, Supply, supply
from pushdsl.model import ABSENT, PPM, Facts, Store
from pushdsl.rules import CheckedRule, CheckedRules

if TYPE_CHECKING:
    from pushdsl.model import Flags, Integers


class Limits(Protocol):
    """What the planner asks of a store's capabilities."""

    @property
    def max_quantity(self) -> int: ...
    @property
    def counts_reserved(self) -> bool: ...
    @property
    def preorder(self) -> bool: ...
    @property
    def preorder_days(self) -> tuple[int, int] | None: ...


class Columns:
    """The ladder's operations over int64 and bool columns."""

    choose = staticmethod(np.where)
    smaller = staticmethod(np.minimum)
    larger = staticmethod(np.maximum)
    divide_down = staticmethod(np.floor_divide)
    remainder = staticmethod(np.remainder)
    both = staticmethod(np.logical_and)
    either = staticmethod(np.logical_or)
    negate = staticmethod(np.logical_not)


@dataclass(frozen=True, slots=True)
class Setting:
    """One rule for one store."""

    rule: int
    store: Store
    shape: Shape
    limits: Limits


@dataclass(frozen=True, slots=True)
class Cells:
    """Every cell: its listing row, its location, its setting (ABSENT where two rules contest it) and its supply.

    `columns` names what the ladder reads: each a column and the axis (`setting`, `supply`, `listing`, `live`, `cell`)
    that its rows follow; `axes` gives the row of every cell on each axis.
    """

    settings: Sequence[Setting]
    location_names: Sequence[str]
    listing: Integers
    location: Integers
    setting: Integers
    axes: Mapping[str, Integers]
    columns: Mapping[str, tuple[Integers | Flags, str]]

    def __len__(self) -> int:
        return len(self.listing)


class Gathered:
    """The columns of some cells, each gathered when the ladder first asks for it."""

    def __init__(self, cells: Cells, rows: Integers | int) -> None:
        self._cells = cells
        self._rows = rows

    def __getattr__(self, name: str) -> Integers | Flags:
        column, axis = self._cells.columns[name]
        values: Integers | Flags = column[self._cells.axes[axis][self._rows]]
        setattr(self, name, values)
        return values


def cells_of(
    rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits], claims: Claims, at: datetime, listings: Integers
) -> Cells:
    """The cells of these listing rows, ordered by listing (store, store SKU) and location name."""
    locations = _Locations.of(rules)
    settings, setting_of = _settings(rules, facts, limits, claims, listings)
    layout = _lay_out(rules, facts, locations, settings, setting_of, claims, listings)
    feeds, feed_of = _feeds(rules, locations, settings, layout)
    supplies, supply_of, safety = _supplies(facts, feeds, feed_of, facts.listings.sku[layout.listing])
    live_row = _live_rows(facts, locations, layout)
    columns = {
        **_setting_columns(rules, settings),
        **_supply_columns(supplies, safety, rules, settings, layout.setting, supply_of),
        **_listing_columns(facts),
        **_live_columns(facts, at),
    }
    columns.update(_joined_columns(facts, columns, layout, live_row))
    axes = {
        "setting": layout.setting,
        "supply": supply_of,
        "listing": layout.listing,
        "live": live_row,
        "cell": np.arange(len(layout.listing)),
    }
    return Cells(settings, locations.names, layout.listing, layout.location, layout.setting, axes, columns)


# ---- settings: a rule for a store -------------------------------------------------------------------


def _settings(
    rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits], claims: Claims, listings: Integers
) -> tuple[list[Setting], Integers]:
    """The settings that these listings use, and the setting of every one of them (ABSENT without a rule)."""
    owner, store = claims.owner[listings], facts.listings.store[listings]
    owned = owner >= 0
    keys, inverse = np.unique(owner[owned] * len(facts.stores) + store[owned], return_inverse=True)
    setting_of = np.full(len(listings), ABSENT, np.int64)
    setting_of[owned] = inverse
    made = []
    for key in keys.tolist():
        rule, store_index = divmod(key, len(facts.stores))
        name = facts.stores[store_index]
        made.append(Setting(rule, rules.stores[name], shape_of(rules.rules[rule]), limits[name]))
    return made, setting_of


def shape_of(rule: CheckedRule) -> Shape:
    return Shape(
        take=rule.take is not None,
        keep_back=rule.keep_back > 0 or rule.keep_back_safety,
        plus=rule.plus > 0,
        exactly=rule.exactly is not None,
        at_most=rule.at_most is not None,
        at_least=rule.at_least is not None,
        hide_below=rule.hide_below is not None,
        below=rule.below is not None,
        preorder=rule.preorder is not None,
        increase_only=rule.increase_only,
        above=rule.above is not None,
    )


def _setting_columns(rules: CheckedRules, settings: Sequence[Setting]) -> dict[str, tuple[Integers | Flags, str]]:
    """The numbers of each rule for each store, and a last row of nothing for cells without a setting.

    What a rule lacks is 0 and never read: its shape says so.
    """
    rows = [_numbers(rules.rules[s.rule], s) for s in settings] + [_NOTHING]
    return {
        name: (np.array([row[name] for row in rows], bool if isinstance(nothing, bool) else np.int64), "setting")
        for name, nothing in _NOTHING.items()
    }


def _numbers(rule: CheckedRule, setting: Setting) -> dict[str, int]:
    preorder, days = rule.preorder, setting.limits.preorder_days
    ship_in = preorder.ship_in_days if preorder else None
    return {
        "share": rule.shares.get(setting.store.name, PPM),
        "plus": rule.plus,
        "even_at_zero": rule.even_at_zero,
        "exactly": rule.exactly or 0,
        "at_most": rule.at_most or 0,
        "at_least": rule.at_least or 0,
        "hide_below": rule.hide_below or 0,
        "below": rule.below or 0,
        "named": setting.store.name in rule.only,
        "open_at": preorder.open_at if preorder else 0,
        "close_above": preorder.close_above if preorder else 0,
        "add": preorder.add if preorder else 0,
        "ship_in": ABSENT if ship_in is None else ship_in,
        "above": rule.above or 0,
        "every": rule.every_seconds * 1000,
        "falls_by": ABSENT if rule.unless_falls_by is None else rule.unless_falls_by,
        "can_preorder": setting.limits.preorder,
        "counts_reserved": setting.limits.counts_reserved,
        "platform_maximum": setting.limits.max_quantity,
        "platform_days_min": days[0] if days else ABSENT,
        "platform_days_max": days[1] if days else ABSENT,
    }


_NOTHING: dict[str, int] = {
    **dict.fromkeys(
        ("share", "plus", "exactly", "at_most", "at_least", "hide_below", "below", "open_at", "close_above", "add",
         "ship_in", "above", "every", "falls_by", "platform_maximum", "platform_days_min", "platform_days_max"), 0
    ),
    **dict.fromkeys(("even_at_zero", "named", "can_preorder", "counts_reserved"), False),
}  # fmt: skip


# ---- cells: listings at their locations -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Locations:
    """All locations of all stores, numbered by store and name."""

    names: list[str]
    warehouses: list[frozenset[str]]
    of_store: Mapping[str, tuple[int, ...]]

    @staticmethod
    def of(rules: CheckedRules) -> _Locations:
        names: list[str] = []
        warehouses: list[frozenset[str]] = []
        of_store: dict[str, tuple[int, ...]] = {}
        for store in rules.stores.values():
            mapped = sorted(store.locations, key=lambda location: location.name)
            of_store[store.name] = tuple(range(len(names), len(names) + len(mapped)))
            names.extend(location.name for location in mapped)
            warehouses.extend(frozenset(location.warehouses) for location in mapped)
        return _Locations(names, warehouses, of_store)

    def fed_by(self, rule: CheckedRule, store: str) -> tuple[int, ...]:
        """Where this rule may push in this store: all its locations that a warehouse of the `take` feeds."""
        mapped = self.of_store[store]
        return mapped if rule.take is None else tuple(x for x in mapped if not self.warehouses[x].isdisjoint(rule.take))


@dataclass(frozen=True, slots=True)
class _Layout:
    listing: Integers
    location: Integers
    setting: Integers


def _lay_out(
    rules: CheckedRules, facts: Facts, locations: _Locations, settings: Sequence[Setting], setting_of: Integers,
    claims: Claims, listings: Integers,
) -> _Layout:  # fmt: skip
    """One row a cell. A contested listing gets its cells at every mapped location, without a setting."""
    choices = [locations.fed_by(rules.rules[s.rule], s.store.name) for s in settings]
    contested_stores = sorted(set(facts.listings.store[listings[claims.owner[listings] == CONTESTED]].tolist()))
    choice_of_store = {store: len(choices) + k for k, store in enumerate(contested_stores)}
    choices += [locations.of_store[facts.stores[store]] for store in contested_stores]

    choice = setting_of.copy()
    for k in np.flatnonzero(claims.owner[listings] == CONTESTED).tolist():
        choice[k] = choice_of_store[int(facts.listings.store[listings[k]])]
    kept = np.flatnonzero(choice != ABSENT)
    choice = choice[kept]

    sizes = np.array([len(c) for c in choices], np.int64)
    starts = np.cumsum(sizes) - sizes
    flat = np.array([location for c in choices for location in c], np.int64)
    counts = sizes[choice] if len(choice) else np.empty(0, np.int64)
    at = np.repeat(kept, counts)
    layout = _Layout(listings[at], flat[ranges(starts[choice], counts)] if len(at) else at, setting_of[at])
    return _enabled(facts, locations, layout)


def _enabled(facts: Facts, locations: _Locations, layout: _Layout) -> _Layout:
    """Without the cells at locations that a listing is not enabled at."""
    sets: dict[tuple[str, ...], int] = {}
    set_of = np.zeros(len(facts.listings.locations), np.int64)
    for row, names in enumerate(facts.listings.locations):
        if names is not None:
            set_of[row] = sets.setdefault(names, len(sets) + 1)
    if not sets:
        return layout
    allowed = np.ones((len(sets) + 1, len(locations.names)), bool)
    for names, number in sets.items():
        allowed[number] = [name in names for name in locations.names]
    keep = allowed[set_of[layout.listing], layout.location]
    return _Layout(layout.listing[keep], layout.location[keep], layout.setting[keep])


# ---- supplies: stock under a set of feeding warehouses ----------------------------------------------


@dataclass(frozen=True, slots=True)
class _Feeds:
    """For every feed its warehouses, as arrays of shape (feeds, most warehouses); `warehouse` is ABSENT in the rest."""

    warehouse: Integers
    percentage: Integers
    feeds: Flags


def _feeds(
    rules: CheckedRules, locations: _Locations, settings: Sequence[Setting], layout: _Layout
) -> tuple[list[tuple[tuple[str, int, bool], ...]], Integers]:
    """The distinct sets of (warehouse, percentage, feeds?) that cells draw on, and the one of every cell."""
    feeds: dict[tuple[tuple[str, int, bool], ...], int] = {(): 0}
    keys, inverse = np.unique(layout.setting * len(locations.names) + layout.location, return_inverse=True)
    number = np.zeros(len(keys), np.int64)
    for k, key in enumerate(keys.tolist()):
        setting, location = divmod(key, len(locations.names))
        take = rules.rules[settings[setting].rule].take if setting >= 0 else None
        feed = tuple((w, ppm, w in locations.warehouses[location]) for w, ppm in (take or {}).items())
        number[k] = feeds.setdefault(feed, len(feeds))
    return list(feeds), number[inverse] if len(keys) else number


def _supplies(
    facts: Facts, feeds: Sequence[tuple[tuple[str, int, bool], ...]], feed_of: Integers, sku_of: Integers
) -> tuple[Supply, Integers, Integers]:
    """One supply for each SKU under each feed, the supply of every cell, and the safety stock of each supply."""
    keys, supply_of = np.unique(feed_of * len(facts.skus) + sku_of, return_inverse=True)
    feed, sku = np.divmod(keys, max(1, len(facts.skus)))
    table = _feed_table(facts, feeds)
    slots = [_slot(facts, table, feed, sku, k) for k in range(table.warehouse.shape[1])]
    if facts.bundles:
        slots = _with_bundles(facts, table, feed, sku, slots)
    safety = np.zeros(len(keys), np.int64)
    for k, slot in enumerate(slots if facts.warehouses else ()):
        own = np.where(slot.feeds & slot.present, facts.stock.safety[table.warehouse[feed, k], sku], 0)
        safety += own
    return supply(Columns(), slots), supply_of, safety


def _feed_table(facts: Facts, feeds: Sequence[tuple[tuple[str, int, bool], ...]]) -> _Feeds:
    index = {name: k for k, name in enumerate(facts.warehouses)}
    shape = (len(feeds), max(1, *map(len, feeds)))
    table = _Feeds(np.full(shape, ABSENT, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool))
    for row, feed in enumerate(feeds):
        for k, (warehouse, percentage, feeding) in enumerate(feed):
            table.warehouse[row, k] = index.get(warehouse, ABSENT)
            table.percentage[row, k] = percentage
            table.feeds[row, k] = feeding
    return table


def _slot(facts: Facts, table: _Feeds, feed: Integers, sku: Integers, k: int) -> Slot:
    warehouse = table.warehouse[feed, k]
    there = warehouse != ABSENT
    if not len(facts.warehouses):
        nothing = np.zeros(len(sku), bool)
        return Slot(np.zeros(len(sku), np.int64), table.percentage[feed, k], table.feeds[feed, k], nothing, nothing)
    present = facts.stock.present[warehouse, sku] & there
    return Slot(
        stock=np.where(present, facts.stock.quantity[warehouse, sku], 0),
        percentage=table.percentage[feed, k],
        feeds=table.feeds[feed, k],
        present=present,
        unlimited=facts.stock.unlimited[warehouse, sku] & present,
    )


def _with_bundles(facts: Facts, table: _Feeds, feed: Integers, sku: Integers, slots: Sequence[Slot]) -> list[Slot]:
    """The slots with each bundle's stock: in a warehouse the smallest floor(max(stock, 0) ÷ needed) of its components.

    A component without a row counts 0 where another warehouse of the rule has one; untracked ones are left out.
    """
    at = np.flatnonzero(np.isin(sku, np.fromiter(facts.bundles, np.int64, len(facts.bundles))))
    if not len(at):
        return list(slots)
    recipes = [facts.bundles[b] for b in sku[at].tolist()]
    sizes = np.array([len(r.components) for r in recipes], np.int64)
    starts = np.cumsum(sizes) - sizes
    component = np.array([c for r in recipes for c in r.components], np.int64)
    needed = np.array([n for r in recipes for n in r.needed], np.int64)
    feed_of_part = np.repeat(feed[at], sizes)

    parts = [_slot(facts, table, feed_of_part, component, k) for k in range(len(slots))]
    somewhere = np.logical_or.reduce([part.present for part in parts])
    known = np.logical_and.reduceat(somewhere, starts)
    return [_bundle_slot(slot, part, at, starts, needed, known) for slot, part in zip(slots, parts, strict=True)]


def _bundle_slot(slot: Slot, part: Slot, at: Integers, starts: Integers, needed: Integers, known: Flags) -> Slot:
    most = np.iinfo(np.int64).max
    makes = np.where(part.unlimited, most, np.maximum(part.stock, 0) // needed)
    smallest = np.minimum.reduceat(makes, starts)
    unlimited = known & (smallest == most)
    stock, present, endless = slot.stock.copy(), slot.present.copy(), slot.unlimited.copy()
    stock[at] = np.where(known & ~unlimited, smallest, 0)
    present[at] = known
    endless[at] = unlimited
    return replace(slot, stock=stock, present=present, unlimited=endless)


def _supply_columns(
    given: Supply, safety: Integers, rules: CheckedRules, settings: Sequence[Setting], setting: Integers, of: Integers
) -> dict[str, tuple[Integers | Flags, str]]:
    uses_safety = np.array([rules.rules[s.rule].keep_back_safety for s in settings] + [False], bool)
    fixed = np.array([rules.rules[s.rule].keep_back for s in settings] + [0], np.int64)
    keep_back = np.where(uses_safety[setting], safety[of] if len(of) else 0, fixed[setting])
    size = len(safety)
    return {
        "available": (np.broadcast_to(np.asarray(given.available, np.int64), size), "supply"),
        "take": (np.broadcast_to(np.asarray(given.take, np.int64), size), "supply"),
        "known": (np.broadcast_to(np.asarray(given.known, bool), size), "supply"),
        "unlimited": (np.broadcast_to(np.asarray(given.unlimited, bool), size), "supply"),
        "keep_back": (keep_back, "cell"),
    }


# ---- what listings and stores say -------------------------------------------------------------------


def _listing_columns(facts: Facts) -> dict[str, tuple[Integers | Flags, str]]:
    return {"pack": (facts.listings.pack, "listing")}


def _live_rows(facts: Facts, locations: _Locations, layout: _Layout) -> Integers:
    """The row of `live` for every cell; one past the last where there is none."""
    live = facts.live
    number = {name: k for k, name in enumerate(sorted(set(locations.names)))}
    strange = len(number)
    named = np.fromiter((number.get(name, strange) for name in live.location), np.int64, len(live.location))
    keys = live.listing * (strange + 1) + named
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    location = np.array([number[name] for name in locations.names] or [0], np.int64)[layout.location]
    wanted = layout.listing * (strange + 1) + location
    found = np.searchsorted(keys, wanted)
    hit = np.append(keys, -1)[found] == wanted
    rows: Integers = np.where(hit, np.append(order, len(keys))[found], len(keys))
    return rows


def _live_columns(facts: Facts, at: datetime) -> dict[str, tuple[Integers | Flags, str]]:
    """What stores show, with a last row for cells of which nothing is known."""
    live = facts.live
    quantity, confirmed_at = np.append(live.quantity, ABSENT), np.append(live.confirmed_at, ABSENT)
    now = round(at.timestamp() * 1000)
    return {
        "live": (np.maximum(quantity, 0), "live"),
        "live_known": (quantity != ABSENT, "live"),
        "was_open": (np.append(live.preorder, False), "live"),
        "live_days": (np.append(live.days, ABSENT), "live"),
        "confirmed": (confirmed_at != ABSENT, "live"),
        "age": (now - confirmed_at, "live"),
        "live_reserved": (np.append(live.reserved, 0), "live"),
    }


def _joined_columns(
    facts: Facts, columns: Mapping[str, tuple[Integers | Flags, str]], layout: _Layout, live_row: Integers
) -> dict[str, tuple[Integers | Flags, str]]:
    """What two tables decide together: the listing's own limit or the platform's, the reserve where it counts."""
    listings = facts.listings

    def own_or_platform(own: Integers, platform: str) -> Integers:
        mine = own[layout.listing]
        chosen: Integers = np.where(mine != ABSENT, mine, columns[platform][0][layout.setting])
        return chosen

    days_max = own_or_platform(listings.preorder_days_max, "platform_days_max")
    days_min = own_or_platform(listings.preorder_days_min, "platform_days_min")
    counts = columns["counts_reserved"][0][layout.setting]
    return {
        "maximum": (own_or_platform(listings.max_quantity, "platform_maximum"), "cell"),
        "days_max": (days_max, "cell"),
        "days_min": (np.maximum(days_min, 0), "cell"),
        "reserved": (np.where(counts, columns["live_reserved"][0][live_row], 0), "cell"),
    }
