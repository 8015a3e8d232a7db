"""A raw table and what it should be in; its columns as numbers and names, and every problem of it, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from pushdsl.errors import Problem
from pushdsl.facts.columns import KEPT, Names, Values, read_column
from pushdsl.facts.raw import Cells, RawTable
from pushdsl.facts.tables import Column, TableKind

if TYPE_CHECKING:
    from pushdsl.model import Flags, Integers


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one table. Where a cell is wrong a default stands for it, and `sound` is false.

    `left_out` counts problems beyond those in `problems`.
    """

    kind: TableKind
    file: str
    rows: int
    values: Mapping[str, Values]
    line_of: Callable[[int], int]
    problems: Sequence[Problem]
    left_out: int

    @property
    def sound(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def names(self, column: str) -> Names:
        return cast(Names, self.values[column])

    def texts(self, column: str) -> list[str]:
        return cast("list[str]", self.values[column])

    def numbers(self, column: str) -> Integers:
        return cast("Integers", self.values[column])

    def flags(self, column: str) -> Flags:
        return cast("Flags", self.values[column])

    def text(self, column: str, row: int) -> str:
        names = self.names(column)
        return names.values[int(names.codes[row])]

    def problem(self, code: str, message: str, row: int, column: str = "", help: str = "") -> Problem:
        """A problem of one row."""
        return Problem(code, message, self.file, self.line_of(row), column, help)


def read_table(kind: TableKind, raw: RawTable) -> Table:
    """Reads every column, then looks for rows that do not go together. Nothing is raised."""
    problems = [*raw.problems[:KEPT], *_header_problems(kind, raw)]
    told = {(problem.line, problem.column) for problem in raw.problems}
    raw = without_blank_rows(kind, raw)
    values: dict[str, Values] = {}
    good, left_out = np.ones(raw.rows, bool), len(raw.problems) - len(raw.problems[:KEPT])
    for column in kind.columns:
        read = read_column(column, raw.columns.get(column.name), raw.rows)
        values[column.name] = read.values
        if not read.faults:
            continue
        good[read.bad] = False
        left_out += max(len(read.bad) - KEPT, 0) if len(read.faults) >= KEPT else 0
        for row, fault in read.faults:
            line = None if row is None else raw.line_of(row)
            if row is None or (line, column.name) not in told:
                problems.append(Problem(fault.code, fault.message, raw.file, line, column.name, fault.help))
    table = Table(kind, raw.file, raw.rows, values, raw.line_of, problems, left_out)
    problems += _row_problems(table, good)
    problems.sort(key=lambda problem: problem.line or 0)
    return table


def empty_table(kind: TableKind) -> Table:
    """What stands for a table that is not there."""
    values = {column.name: read_column(column, None, 0).values for column in kind.columns}
    return Table(kind, f"{kind.name}.csv", 0, values, lambda row: row, (), 0)


# ---- columns ----------------------------------------------------------------------------------------


def _header_problems(kind: TableKind, raw: RawTable) -> Iterator[Problem]:
    known = [column.name for column in kind.columns]
    unknown = [name for name in dict.fromkeys(raw.header) if name not in known]
    for at, name in enumerate(raw.header):
        if name in known and name in raw.header[:at]:
            yield _of_header(raw, "PUSH408", f"column `{name}` stands twice", name, "keep one of the two")
    for column in kind.columns:
        if column.required and column.name not in raw.header:
            near = _nearest(column.name, unknown)
            help = f"is it what is called `{near}` here?" if near else f"columns of `{kind.name}`: {', '.join(known)}"
            yield _of_header(raw, "PUSH407", f"column `{column.name}` is missing", column.name, help)
    for name in unknown:
        message = f"column `{name}` is not known, so it is not read" if name else "a column has no name"
        near = _nearest(name, [other for other in known if other not in raw.header] or known)
        help = f"did you mean `{near}`?" if near else f"columns of `{kind.name}`: {', '.join(known)}"
        yield _of_header(raw, "PUSH406", message, name, help, "warning")


def _of_header(
    raw: RawTable, code: str, message: str, column: str, help: str, severity: Literal["error", "warning"] = "error"
) -> Problem:
    return Problem(code, message, raw.file, raw.header_line, column, help, severity)


def _nearest(name: str, others: Sequence[str]) -> str | None:
    plain = {other.strip().casefold().replace(" ", "_"): other for other in others}
    near = get_close_matches(name.strip().casefold().replace(" ", "_"), plain, n=1)
    return plain[near[0]] if near else None


# ---- rows -------------------------------------------------------------------------------------------


def without_blank_rows(kind: TableKind, raw: RawTable) -> RawTable:
    """Leaves out rows in which every known cell is blank: spreadsheets end in such rows."""
    first = next((raw.columns[name] for name in kind.key if name in raw.columns), None)
    if first is None or not blanks(first).any():
        return raw
    blank = np.logical_and.reduce([blanks(cells) for cells in raw.columns.values()])
    if not blank.any():
        return raw
    kept = np.flatnonzero(~blank)
    columns = {name: _kept(cells, kept) for name, cells in raw.columns.items()}
    problems, line_of = raw.problems, raw.line_of
    return RawTable(
        raw.file, raw.header, columns, len(kept), lambda row: line_of(int(kept[row])), raw.header_line, problems
    )


def blanks(cells: Cells) -> Flags:
    if isinstance(cells, list):
        return np.fromiter((cell is None or cell == "" for cell in cells), bool, len(cells))
    import polars as pl

    blank = cells.is_null()
    return (blank | (cells == "").fill_null(False) if cells.dtype == pl.String else blank).to_numpy()


def _kept(cells: Cells, rows: Integers) -> Cells:
    return [cells[row] for row in rows.tolist()] if isinstance(cells, list) else cells.gather(rows)


def _row_problems(table: Table, good: Flags) -> Iterator[Problem]:
    yield from _repeated(table, good)
    for column in table.kind.columns:
        if column.name in _LISTS:
            yield from _empty_names(table, column)
    if table.kind.name == "listings":
        yield from _swapped_days(table, good)


_LISTS = {"locations": "location", "tags": "tag"}


def _repeated(table: Table, good: Flags) -> Iterator[Problem]:
    """Rows with the key of an earlier row; each names the line of the first that has it."""
    rows = np.flatnonzero(good)
    keys = combined([table.names(column) for column in table.kind.key])[rows]
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    again = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    for at in sorted(again.tolist(), key=rows.__getitem__)[:KEPT]:
        row, first = int(rows[at]), int(rows[np.searchsorted(keys, keys[at])])
        shown = ", ".join(f"`{table.text(column, row)}`" for column in table.kind.key if table.text(column, row))
        message = f"{shown} stands on line {table.line_of(first)} already"
        yield table.problem("PUSH416", message, row, table.kind.key[-1], _REPEATED_HELP.get(table.kind.name, _KEEP_ONE))


_KEEP_ONE = "keep one of the two rows"
_REPEATED_HELP = {
    "listings": "keep one of the two rows; what is sold as several SKUs is a bundle, in the table `bundles`",
    "bundles": "keep one row with the quantity of both",
}


def combined(columns: Sequence[Names]) -> Integers:
    """One number for each row, the same exactly where all columns are the same, in the columns' order."""
    keys = columns[0].codes
    for column in columns[1:]:
        if len(keys) and int(keys.max()) * len(column.values) >= 2**62:
            keys = np.unique(keys, return_inverse=True)[1]
        keys = keys * len(column.values) + column.codes
    return keys


def _empty_names(table: Table, column: Column) -> Iterator[Problem]:
    names = table.names(column.name)
    wrong = [code for code, value in enumerate(names.values) if value and "" in value.split("|")]
    for row in np.flatnonzero(np.isin(names.codes, wrong))[:KEPT].tolist() if wrong else ():
        message = f"`{names.values[names.codes[row]]}` has an empty {_LISTS[column.name]}"
        yield table.problem("PUSH420", message, row, column.name, "write the names with one `|` between them")


def _swapped_days(table: Table, good: Flags) -> Iterator[Problem]:
    shortest, longest = table.numbers("preorder_days_min"), table.numbers("preorder_days_max")
    for row in np.flatnonzero(good & (longest >= 0) & (shortest > longest))[:KEPT].tolist():
        message = f"the shortest pre-order is {shortest[row]} days, more than the longest, {longest[row]}"
        yield table.problem("PUSH417", message, row, "preorder_days_min", "make it at most `preorder_days_max`")
