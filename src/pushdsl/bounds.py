"""The ladder over ranges of numbers: proof that no step of any cell leaves 64 bits.

Runs `interpreter` with the widest ranges that facts and rules may hold and refuses the first intermediate
result that could exceed an int64, whatever the values are.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pushdsl.interpreter import Shape, Slot, Steps, Supply, ladder, supply
from pushdsl.model import ABSENT, PACK_MAX, PPM_MAX, QUANTITY_MAX, WAREHOUSES_MAX

INT64_MAX = 2**63 - 1
AGE_MAX = 10**15
"""Milliseconds; thirty thousand years."""
TRUTH = None
"""A truth that may be either: ranges decide nothing."""


class OverflowPossible(AssertionError):
    """An intermediate result could leave 64 bits; a bound in `model` has grown beyond what the ladder bears."""


@dataclass(frozen=True, slots=True)
class Range:
    """All whole numbers from `low` to `high`."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low < -INT64_MAX or self.high > INT64_MAX:
            raise OverflowPossible(f"{self.low} … {self.high}")

    def __add__(self, other: Range | int) -> Range:
        other = as_range(other)
        return Range(self.low + other.low, self.high + other.high)

    __radd__ = __add__

    def __sub__(self, other: Range | int) -> Range:
        other = as_range(other)
        return Range(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Range | int) -> Range:
        other = as_range(other)
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Range(min(corners), max(corners))

    __rmul__ = __mul__

    def __lt__(self, other: Range | int) -> None:
        return TRUTH

    __le__ = __gt__ = __ge__ = __lt__


def as_range(value: Range | int) -> Range:
    return value if isinstance(value, Range) else Range(value, value)


class Ranges:
    """Operations on ranges: each result holds every value that its arguments can give."""

    @staticmethod
    def choose(condition: Any, then: Range | int, otherwise: Range | int) -> Range:  # any truth: both sides count
        then, otherwise = as_range(then), as_range(otherwise)
        return Range(min(then.low, otherwise.low), max(then.high, otherwise.high))

    @staticmethod
    def smaller(a: Range | int, b: Range | int) -> Range:
        a, b = as_range(a), as_range(b)
        return Range(min(a.low, b.low), min(a.high, b.high))

    @staticmethod
    def larger(a: Range | int, b: Range | int) -> Range:
        a, b = as_range(a), as_range(b)
        return Range(max(a.low, b.low), max(a.high, b.high))

    @staticmethod
    def divide_down(a: Range | int, b: Range | int) -> Range:
        a, b = as_range(a), as_range(b)
        corners = [x // y for x in (a.low, a.high) for y in (b.low, b.high)]
        return Range(min(corners), max(corners))

    @staticmethod
    def remainder(a: Range | int, b: Range | int) -> Range:
        return Range(0, as_range(b).high - 1)

    @staticmethod
    def both(a: Any, b: Any) -> None:
        return TRUTH

    either = both

    @staticmethod
    def negate(a: Any) -> None:
        return TRUTH


STOCK = Range(-2 * QUANTITY_MAX, QUANTITY_MAX)
"""On hand −10⁹…10⁹ less allocated 0…10⁹; a bundle's stock lies inside."""


def prove(shape: Shape) -> Steps:
    """Runs the ladder of `shape` over all that facts and rules may hold; raises OverflowPossible."""
    n = Ranges()
    slot = Slot(STOCK, Range(0, PPM_MAX), TRUTH, TRUTH, TRUTH)
    given: Supply = supply(n, [slot] * WAREHOUSES_MAX)
    quantity = Range(0, QUANTITY_MAX)
    optional = Range(ABSENT, QUANTITY_MAX)
    rule = SimpleNamespace(
        share=Range(0, PPM_MAX), plus=quantity, even_at_zero=TRUTH, exactly=quantity, at_most=quantity,
        at_least=quantity, hide_below=quantity, below=quantity, named=TRUTH, open_at=quantity, close_above=quantity,
        add=quantity, ship_in=optional, above=quantity, every=Range(0, AGE_MAX), falls_by=Range(ABSENT, PPM_MAX),
    )  # fmt: skip
    cell = SimpleNamespace(
        available=given.available, take=given.take, known=TRUTH, unlimited=TRUTH,
        keep_back=Range(0, WAREHOUSES_MAX * QUANTITY_MAX), pack=Range(1, PACK_MAX), can_preorder=TRUTH,
        days_min=optional, days_max=optional, was_open=TRUTH, live=quantity, live_known=TRUTH, live_days=optional,
        reserved=quantity, maximum=quantity, confirmed=TRUTH, age=Range(-AGE_MAX, AGE_MAX),
    )  # fmt: skip
    return ladder(n, shape, rule, cell)
