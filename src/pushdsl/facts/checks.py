"""What must hold between rows and between tables: bundles, and SKUs that are easily mistaken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from pushdsl.errors import Problem
from pushdsl.facts.cells import SPACES
from pushdsl.facts.columns import KEPT, Names
from pushdsl.facts.table import Table

SKU_COLUMNS = ("sku", "component")


def bundle_problems(bundles: Table, stock: Table | None) -> Iterator[Problem]:
    """A bundle in a bundle, or with stock of its own. `stock` is None where it is too broken to look at."""
    if bundles.rows:
        yield from _nested(bundles)
        if stock is not None:
            yield from _stocked(bundles, stock)


def _nested(bundles: Table) -> Iterator[Problem]:
    made, parts = bundles.names("sku"), bundles.names("component")
    for row, first in _rows_among(parts, made)[:KEPT]:
        name = bundles.text("component", row)
        message = f"`{name}` is a bundle itself, on line {bundles.line_of(first)}"
        yield bundles.problem("PUSH418", message, row, "component", f"write the components of `{name}` instead")


def _stocked(bundles: Table, stock: Table) -> Iterator[Problem]:
    for row, first in _rows_among(stock.names("sku"), bundles.names("sku"))[:KEPT]:
        message = f"`{stock.text('sku', row)}` is a bundle, on line {bundles.line_of(first)} of {bundles.file}"
        help = "delete this row: a bundle's stock follows from its components; or delete the bundle"
        yield stock.problem("PUSH419", f"{message}, and has stock of its own", row, "sku", help)


def _rows_among(names: Names, others: Names) -> list[tuple[int, int]]:
    """Rows of `names` whose text is among `others` too, each with the first row that has it there."""
    number = {value: code for code, value in enumerate(others.values)}
    same = np.array([number.get(value, -1) for value in names.values], np.int64)[names.codes]
    rows = np.flatnonzero(same >= 0)
    codes, first = np.unique(others.codes, return_index=True)
    return list(zip(rows.tolist(), first[np.searchsorted(codes, same[rows])].tolist(), strict=True))


# ---- SKUs that are easily mistaken -------------------------------------------------------------------


def spaced_skus(table: Table) -> Iterator[Problem]:
    """One warning for each column in which SKUs begin or end with a space."""
    for column in SKU_COLUMNS:
        if column in table.values:
            names = table.names(column)
            spaced = [value for value in names.values if value.strip(SPACES) != value]
            if spaced:
                row = _first_row(names, spaced[0])
                message = f"{_skus(len(spaced), 'begins', 'begin')} or {_s(len(spaced), 'end')} with a space: "
                help = "they are compared exactly; remove the space if it is not meant"
                shown = _some([f"`{sku}`" for sku in spaced])
                yield Problem("PUSH423", message + shown, table.file, table.line_of(row), column, help, "warning")


def twin_skus(skus: Sequence[str], tables: Sequence[Table]) -> Iterator[Problem]:
    """One warning for all SKUs that differ from another only by case."""
    folded = set(map(str.casefold, skus))
    if len(folded) == len(skus):
        return
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for sku in skus:
        groups[sku.casefold()].append(sku)
    twins = [group for group in groups.values() if len(group) > 1]
    several = f"{len(twins):,} SKUs are" if len(twins) > 1 else "1 SKU is"
    message = f"{several} written in several ways that differ only by upper and lower case: "
    shown = _some([" and ".join(f"`{sku}`" for sku in group) for group in twins])
    table, column, row = _place(twins[0][-1], tables)
    help = "they are different SKUs here; correct the one that is not meant"
    yield Problem("PUSH422", message + shown, table.file, table.line_of(row), column, help, "warning")


def _place(sku: str, tables: Sequence[Table]) -> tuple[Table, str, int]:
    for table in tables:
        for column in SKU_COLUMNS:
            if column in table.values and sku in table.names(column).values:
                return table, column, _first_row(table.names(column), sku)
    raise AssertionError("every SKU stands in some table")


def _first_row(names: Names, value: str) -> int:
    return int(np.argmax(names.codes == names.values.index(value)))


def _skus(count: int, one: str, many: str) -> str:
    return f"1 SKU {one}" if count == 1 else f"{count:,} SKUs {many}"


def _s(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def _some(shown: Sequence[str]) -> str:
    return ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")
