"""The ladder: stock, a rule's numbers and a cell's facts in; the quantity, every step of it, and what to do out.

Written once over any kind of number (LANGUAGE section 5). A number need only bear `+ - * < <=`; everything else goes
through `Numbers`. Python integers explain one cell, columns plan a million, `bounds` runs it over ranges to prove
that no step leaves 64 bits.

Units: m are merchant units, p pieces of the listing; `take` and `keep back` are m in parts per million, so that
nothing is rounded before the one rounding. A quantity that may be absent is ABSENT (−1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pushdsl.model import ABSENT, PPM

Number = Any  # an int, an int64 column, a range or a solver term: the ladder asks only + - * < <= of it
Truth = Any  # a bool, a column of them, a three-valued truth or a solver formula

PUSH, UNCHANGED, HELD, BLOCKED = range(4)
"""Codes of `Steps.action`, in the order of `model.ACTIONS`."""


class Numbers(Protocol):
    """The operations that differ between kinds of number."""

    def choose(self, condition: Truth, then: Number, otherwise: Number) -> Number: ...
    def smaller(self, a: Number, b: Number) -> Number: ...
    def larger(self, a: Number, b: Number) -> Number: ...
    def divide_down(self, a: Number, b: Number) -> Number:
        """The largest whole number not above a ÷ b; b is above 0."""

    def remainder(self, a: Number, b: Number) -> Number:
        """a less the multiple of b that `divide_down` counts; never below 0."""

    def both(self, a: Truth, b: Truth) -> Truth: ...
    def either(self, a: Truth, b: Truth) -> Truth: ...
    def negate(self, a: Truth) -> Truth: ...


@dataclass(frozen=True, slots=True)
class Slot:
    """One warehouse of the rule, for one SKU: `percentage` in parts per million, `stock` 0 where not `present`."""

    stock: Number
    percentage: Number
    feeds: Truth
    present: Truth
    unlimited: Truth


@dataclass(frozen=True, slots=True)
class Supply:
    """What the rule's warehouses give one SKU at one location: `available` in m, `take` in m per million."""

    available: Number
    take: Number
    known: Truth
    unlimited: Truth


@dataclass(frozen=True, slots=True)
class Shape:
    """Which statements a rule has. Steps of statements that it lacks do not run."""

    take: bool = False
    keep_back: bool = False
    plus: bool = False
    exactly: bool = False
    at_most: bool = False
    at_least: bool = False
    hide_below: bool = False
    below: bool = False
    preorder: bool = False
    increase_only: bool = False
    above: bool = False


class RuleNumbers(Protocol):
    """The numbers of one rule for one store; those its shape lacks are never read."""

    share: Number
    plus: Number
    even_at_zero: Truth
    exactly: Number
    at_most: Number
    at_least: Number
    hide_below: Number
    below: Number
    named: Truth
    open_at: Number
    close_above: Number
    add: Number
    ship_in: Number
    above: Number
    every: Number
    falls_by: Number


class CellFacts(Protocol):
    """What is known of one cell. `age` is milliseconds since the last confirmed push, meant only where `confirmed`."""

    available: Number
    take: Number
    known: Truth
    unlimited: Truth
    keep_back: Number
    pack: Number
    can_preorder: Truth
    days_min: Number
    days_max: Number
    was_open: Truth
    live: Number
    live_known: Truth
    live_days: Number
    reserved: Number
    maximum: Number
    confirmed: Truth
    age: Number


@dataclass(frozen=True, slots=True)
class Steps:
    """Every step's value, in the order of the ladder; a step that did not run repeats the one before it."""

    available: Number
    take: Number
    keep_back: Number
    push: Number
    at_most: Number
    at_least: Number
    hide_below: Number
    low_stock: Number
    preorder: Number
    reserve: Number
    platform: Number
    quantity: Number
    open: Truth
    days: Number
    unlimited: Truth
    live_missing: Truth
    above_maximum: Truth
    action: Number


def supply(n: Numbers, slots: Iterable[Slot]) -> Supply:
    """The first two steps. A shortfall counts in full, from any warehouse of the rule and at every location."""
    available = take = 0
    known = unlimited = False
    for slot in slots:
        short = slot.stock < 0
        given = n.choose(slot.feeds, slot.stock * slot.percentage, 0)
        take = take + n.choose(short, slot.stock * PPM, given)
        available = available + slot.stock
        known = n.either(known, slot.present)
        sells_on = n.both(slot.unlimited, n.both(slot.feeds, slot.percentage > 0))
        unlimited = n.either(unlimited, sells_on)
    return Supply(n.larger(available, 0), n.larger(take, 0), known, unlimited)


def ladder(n: Numbers, shape: Shape, rule: RuleNumbers, cell: CellFacts) -> Steps:
    """All steps of one cell. Without a `take` in the shape, `available` and `take` must be 0 and are not meant."""
    available, take = cell.available, cell.take
    unlimited = n.both(cell.unlimited, not shape.exactly)

    keep_back = n.larger(take - cell.keep_back * PPM, 0) if shape.keep_back else take
    push = rule.exactly if shape.exactly else _share(n, shape, rule, take, keep_back, cell.pack)

    at_most = n.smaller(push, rule.at_most) if shape.at_most else push
    at_least = n.larger(at_most, rule.at_least) if shape.at_least else at_most
    hide_below = n.choose(at_least < rule.hide_below, 0, at_least) if shape.hide_below else at_least

    low_stock = hide_below
    if shape.below:
        low = n.both(available < rule.below, n.negate(rule.named))
        low_stock = n.choose(low, 0, hide_below)

    is_open, preorder, days = False, low_stock, ABSENT
    if shape.preorder:
        is_open = n.both(_latch(n, rule, cell), n.negate(unlimited))
        preorder = n.choose(is_open, low_stock + rule.add, low_stock)
        days = n.choose(is_open, _days_to_ship(n, rule, cell), ABSENT)

    reserve = preorder + cell.reserved
    platform = n.choose(unlimited, cell.maximum, n.smaller(reserve, cell.maximum))

    quantity, live_missing, above_maximum = platform, False, False
    if shape.increase_only:
        quantity = n.choose(cell.live_known, n.larger(platform, cell.live), platform)
        live_missing = n.negate(cell.live_known)
        above_maximum = n.both(cell.live_known, cell.maximum < cell.live)

    blocked = n.either(live_missing, above_maximum)
    if shape.take:
        blocked = n.either(blocked, n.negate(cell.known))
    action = _action(n, shape, rule, cell, quantity, is_open, days, unlimited, blocked)
    return Steps(
        available, take, keep_back, push, at_most, at_least, hide_below, low_stock, preorder, reserve, platform,
        quantity, is_open, days, unlimited, live_missing, above_maximum, action,
    )  # fmt: skip


def _share(n: Numbers, shape: Shape, rule: RuleNumbers, take: Number, kept: Number, pack: Number) -> Number:
    """The one rounding: floor(kept × share ÷ pack), in p, and what `plus` adds.

    Whole and broken units apart, because their product with the share would not fit 64 bits together.
    """
    whole = n.divide_down(kept, PPM)
    broken = n.remainder(kept, PPM)
    shared = whole * rule.share + n.divide_down(broken * rule.share, PPM)
    pushed = n.divide_down(shared, pack * PPM)
    if shape.plus:
        pushed = pushed + n.choose(n.either(take > 0, rule.even_at_zero), rule.plus, 0)
    return pushed


def _latch(n: Numbers, rule: RuleNumbers, cell: CellFacts) -> Truth:
    """Opens at or below one number, closes above the other, between them stays as the store was last confirmed."""
    stays = n.both(cell.was_open, cell.available <= rule.close_above)
    return n.both(cell.can_preorder, n.either(cell.available <= rule.open_at, stays))


def _days_to_ship(n: Numbers, rule: RuleNumbers, cell: CellFacts) -> Number:
    """`ship in` inside the range, else the most that the range allows; ABSENT where no range is known."""
    inside = n.both(cell.days_min <= rule.ship_in, rule.ship_in <= cell.days_max)
    return n.choose(inside, rule.ship_in, cell.days_max)


def _action(
    n: Numbers, shape: Shape, rule: RuleNumbers, cell: CellFacts,
    quantity: Number, is_open: Truth, days: Number, unlimited: Truth, blocked: Truth,
) -> Number:  # fmt: skip
    """What happens to the cell: the first that fits of blocked, unchanged, push for a new mode, held, push."""
    same_mode = _same_truth(n, is_open, cell.was_open)
    same = n.both(cell.live_known, n.both(same_mode, _same(n, quantity, cell.live)))
    if shape.preorder:
        same = n.both(same, n.either(n.negate(is_open), _same_days(n, days, cell)))

    action: Number = PUSH
    if shape.above:
        action = n.choose(_waits(n, rule, cell, quantity, same_mode, unlimited), HELD, PUSH)
    return n.choose(blocked, BLOCKED, n.choose(same, UNCHANGED, action))


def _same_days(n: Numbers, days: Number, cell: CellFacts) -> Truth:
    """Days that a store was only read to show, and that nobody knows, are never the same; a push that sent none is."""
    return n.both(_same(n, days, cell.live_days), n.either(days >= 0, cell.confirmed))


def _waits(
    n: Numbers, rule: RuleNumbers, cell: CellFacts, quantity: Number, same_mode: Truth, unlimited: Truth
) -> Truth:
    """The slow lane: a big number whose store confirmed a push within the interval, unless it falls too far."""
    fall = cell.live - quantity
    falls = n.both(rule.falls_by >= 0, n.both(fall > 0, cell.live * rule.falls_by <= fall * PPM))
    recent = n.both(cell.confirmed, cell.age < rule.every)
    slow = n.both(rule.above < cell.available, n.both(recent, n.negate(n.either(falls, unlimited))))
    return n.both(slow, n.both(cell.live_known, same_mode))


def _same(n: Numbers, a: Number, b: Number) -> Truth:
    return n.both(a <= b, b <= a)


def _same_truth(n: Numbers, a: Truth, b: Truth) -> Truth:
    return n.either(n.both(a, b), n.both(n.negate(a), n.negate(b)))


class Integers:
    """Python integers: one cell at a time."""

    @staticmethod
    def choose(condition: bool, then: int, otherwise: int) -> int:
        return then if condition else otherwise

    smaller = staticmethod(min)
    larger = staticmethod(max)

    @staticmethod
    def divide_down(a: int, b: int) -> int:
        return a // b

    @staticmethod
    def remainder(a: int, b: int) -> int:
        return a % b

    @staticmethod
    def both(a: bool, b: bool) -> bool:
        return a and b

    @staticmethod
    def either(a: bool, b: bool) -> bool:
        return a or b

    @staticmethod
    def negate(a: bool) -> bool:
        return not a
