"""A second, slow reading of LANGUAGE section 5: one listing at a time, exact fractions, no columns, no shared ladder.

Written from the language's reference and not from the code. Where this and the planner differ, one of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor

from pushdsl.model import PPM, Store
from pushdsl.rules import CheckedRule, CheckedRules, SkuSet, SkuTerm


@dataclass(frozen=True)
class Stock:
    on_hand: int
    allocated: int = 0
    tracked: bool = True
    sell_when_out: bool = False
    safety: int = 0


@dataclass(frozen=True)
class Listing:
    store: str
    store_sku: str
    sku: str | None
    pack: int = 1
    active: bool = True
    locations: tuple[str, ...] | None = None
    max_quantity: int | None = None
    days_min: int | None = None
    days_max: int | None = None


@dataclass(frozen=True)
class Live:
    quantity: int | None
    reserved: int = 0
    mode: str = "normal"
    days: int | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True)
class Limits:
    max_quantity: int = 10**9
    counts_reserved: bool = False
    preorder: bool = False
    preorder_days: tuple[int, int] | None = None


@dataclass(frozen=True)
class Shop:
    """The facts, as plain as they come."""

    stock: dict[tuple[str, str], Stock]
    listings: tuple[Listing, ...]
    live: dict[tuple[str, str, str], Live] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    tags: dict[str, frozenset[str]] = field(default_factory=dict)
    bundles: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    rule: str | None
    available: int | None
    quantity: int | None
    mode: str
    days: int | None
    action: str


UNKNOWN = "unknown"
UNTRACKED = "untracked"


def evaluate(
    rules: CheckedRules, shop: Shop, limits: dict[str, Limits], at: datetime
) -> dict[tuple[str, str, str], Answer]:
    """Every cell by store, store SKU and location."""
    answers = {}
    for listing in shop.listings:
        if listing.sku is None or not listing.active:
            continue
        matching = [
            r for r in rules.rules if exists(r, at) and listing.store in r.stores and selects(r.skus, listing.sku, shop)
        ]
        if not matching:
            continue
        top = [r for r in matching if not any(r.name in other.overrides for other in matching)]
        store = rules.stores[listing.store]
        for location in store.locations:
            if listing.locations is not None and location.name not in listing.locations:
                continue
            key = (listing.store, listing.store_sku, location.name)
            live = shop.live.get(key, Live(None))
            if len(top) != 1:
                answers[key] = Answer(None, None, None, live.mode, None, "blocked")
            elif top[0].take is None or set(top[0].take) & set(location.warehouses):
                feeding = frozenset(location.warehouses)
                answers[key] = cell(top[0], store, feeding, listing, live, shop, limits[listing.store], at)
    return answers


def exists(rule: CheckedRule, at: datetime) -> bool:
    return not rule.disabled and (rule.window is None or rule.window[0] <= at < rule.window[1])


def selects(skus: SkuSet, sku: str, shop: Shop) -> bool:
    def named(term: SkuTerm | SkuSet) -> bool:
        if isinstance(term, SkuSet):
            return selects(term, sku, shop)
        match term.kind:
            case "exact":
                return sku in term.values
            case "like":
                return glob(term.values[0], sku)
            case "category":
                return shop.categories.get(sku) == term.values[0]
            case "tag":
                return term.values[0] in shop.tags.get(sku, frozenset())
            case "listed":
                return any(x.sku == sku and x.active and x.store in term.values for x in shop.listings)
            case "everything":
                return True
        raise AssertionError(term.kind)

    return any(named(term) for term in skus.terms) and not any(named(term) for term in skus.except_)


def glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob(pattern[1:], text[k:]) for k in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and glob(pattern[1:], text[1:])


def stock_in(warehouse: str, sku: str, rule: CheckedRule, shop: Shop) -> int | str | None:
    """Merchant units there; UNTRACKED, UNKNOWN for a bundle of which nothing is known, or None without a row."""
    assert rule.take is not None
    if sku not in shop.bundles:
        row = shop.stock.get((warehouse, sku))
        if row is None:
            return None
        return UNTRACKED if not row.tracked or row.sell_when_out else row.on_hand - row.allocated
    makes = []
    for component, needed in shop.bundles[sku].items():
        if not any((w, component) in shop.stock for w in rule.take):
            return UNKNOWN
        row = shop.stock.get((warehouse, component))
        if row is None:
            makes.append(0)
        elif row.tracked and not row.sell_when_out:
            makes.append(max(row.on_hand - row.allocated, 0) // needed)
    return min(makes) if makes else UNTRACKED


def counted(warehouse: str, sku: str, rule: CheckedRule, shop: Shop) -> int:
    """The number that sums use: an untracked row still has its on hand − allocated, a missing one counts 0."""
    found = stock_in(warehouse, sku, rule, shop)
    if found is UNTRACKED and sku not in shop.bundles:
        row = shop.stock[warehouse, sku]
        return row.on_hand - row.allocated
    return found if isinstance(found, int) else 0


def cell(
    rule: CheckedRule, store: Store, feeding: frozenset[str], listing: Listing, live: Live, shop: Shop, limits: Limits,
    at: datetime,
) -> Answer:  # fmt: skip
    sku = listing.sku
    assert sku is not None
    available = None
    untracked = False
    taken = Fraction(0)
    if rule.take is not None:
        found = {w: stock_in(w, sku, rule, shop) for w in rule.take}
        if all(value is None or value is UNKNOWN for value in found.values()):
            return Answer(rule.name, None, None, live.mode, None, "blocked")
        numbers = {w: counted(w, sku, rule, shop) for w in rule.take}
        available = max(sum(numbers.values()), 0)
        untracked = any(found[w] is UNTRACKED and w in feeding and ppm > 0 for w, ppm in rule.take.items())
        for w, ppm in rule.take.items():
            if numbers[w] < 0:
                taken += numbers[w]
            elif w in feeding:
                taken += numbers[w] * Fraction(ppm, PPM)
        taken = max(taken, Fraction(0))

    maximum = listing.max_quantity if listing.max_quantity is not None else limits.max_quantity
    was_open = live.mode == "preorder"
    is_open = False
    if untracked and rule.exactly is None:
        quantity = maximum
    else:
        if rule.exactly is not None:
            quantity = rule.exactly
        else:
            quantity = floor(
                kept(rule, taken, feeding, sku, shop) * Fraction(rule.shares[store.name], PPM) / listing.pack
            )
            if taken > 0 or rule.even_at_zero:
                quantity += rule.plus
        if rule.at_most is not None:
            quantity = min(quantity, rule.at_most)
        if rule.at_least is not None:
            quantity = max(quantity, rule.at_least)
        if rule.hide_below is not None and quantity < rule.hide_below:
            quantity = 0
        if rule.below is not None and available < rule.below and store.name not in rule.only:
            quantity = 0
        if rule.preorder is not None and limits.preorder:
            if available <= rule.preorder.open_at:
                is_open = True
            elif available > rule.preorder.close_above:
                is_open = False
            else:
                is_open = was_open
            if is_open:
                quantity += rule.preorder.add
        if limits.counts_reserved:
            quantity += live.reserved
        quantity = min(quantity, maximum)
    if rule.increase_only:
        if live.quantity is None or maximum < live.quantity:
            return Answer(rule.name, available, None, live.mode, None, "blocked")
        quantity = max(quantity, live.quantity)

    days = days_to_ship(rule, listing, limits) if is_open else None
    mode = "preorder" if is_open else "normal"
    action = decide(rule, live, quantity, mode, days, available, untracked and rule.exactly is None, at)
    return Answer(rule.name, available, quantity, mode, days, action)


def kept(rule: CheckedRule, taken: Fraction, feeding: frozenset[str], sku: str, shop: Shop) -> Fraction:
    buffer = rule.keep_back
    if rule.keep_back_safety:
        rows = [shop.stock.get((w, sku)) for w in rule.take or () if w in feeding]
        buffer = sum(row.safety for row in rows if row is not None)
    return max(taken - buffer, Fraction(0))


def days_to_ship(rule: CheckedRule, listing: Listing, limits: Limits) -> int | None:
    platform = limits.preorder_days or (None, None)
    fewest = listing.days_min if listing.days_min is not None else platform[0]
    most = listing.days_max if listing.days_max is not None else platform[1]
    if most is None:
        return None
    wanted = rule.preorder.ship_in_days if rule.preorder else None
    return wanted if wanted is not None and (fewest or 0) <= wanted <= most else most


def decide(
    rule: CheckedRule, live: Live, quantity: int, mode: str, days: int | None, available: int | None, untracked: bool,
    at: datetime,
) -> str:  # fmt: skip
    same_days = mode == "normal" or (days == live.days and (days is not None or live.confirmed_at is not None))
    if live.quantity == quantity and live.mode == mode and same_days:
        return "unchanged"
    if live.quantity is None or live.mode != mode:
        return "push"
    if rule.above is not None and available is not None and available > rule.above and not untracked:
        recent = live.confirmed_at is not None and (at - live.confirmed_at).total_seconds() < rule.every_seconds
        fall = live.quantity - quantity
        far = (
            rule.unless_falls_by is not None
            and fall > 0
            and fall >= live.quantity * Fraction(rule.unless_falls_by, PPM)
        )
        if recent and not far:
            return "held"
    return "push"
