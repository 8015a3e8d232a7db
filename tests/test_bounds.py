"""No rule of any shape, over any facts within their bounds, can leave 64 bits."""

from dataclasses import fields
from itertools import product

import pytest

from pushdsl import bounds
from pushdsl.bounds import OverflowPossible, Range, Ranges, prove
from pushdsl.interpreter import Shape

SHAPES = [Shape(*flags) for flags in product((False, True), repeat=len(fields(Shape)))]


def test_every_shape_of_rule_stays_within_64_bits() -> None:
    assert len(SHAPES) == 2048

    for shape in SHAPES:
        prove(shape)


def test_larger_quantities_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STOCK", Range(-2 * 10**10, 10**10))

    with pytest.raises(OverflowPossible):
        prove(Shape(take=True))


def test_a_range_operation_holds_every_result() -> None:
    a, b = Range(-3, 5), Range(2, 4)

    for x, y in product(range(-3, 6), range(2, 5)):
        for got, exact in (
            (a + b, x + y), (a - b, x - y), (a * b, x * y), (Ranges.divide_down(a, b), x // y),
            (Ranges.smaller(a, b), min(x, y)), (Ranges.larger(a, b), max(x, y)), (Ranges.remainder(a, b), x % y),
        ):  # fmt: skip
            assert got.low <= exact <= got.high
