"""A raw column in; the same as numbers, flags or encoded names out, with what is wrong in it.

Big columns are read all at once where every cell is written the plain way. Where one is not, the column is
read cell by cell: `cells` alone decides what is right, and this module must never be more lenient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from pushdsl.facts.cells import SPACES, Fault, reader, wrong_kind
from pushdsl.facts.raw import Cells
from pushdsl.facts.tables import Column

if TYPE_CHECKING:
    import polars as pl

    from pushdsl.model import Flags, Integers

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_PLAIN_MOMENT = rf"^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_CLOCK}))?$"

KEPT = 1000
"""Problems told of one column, and of all tables together."""


@dataclass(frozen=True, slots=True)
class Names:
    """Text as numbers: row r holds `values[codes[r]]`. `values` is sorted and holds each text once."""

    values: list[str]
    codes: Integers


Values: TypeAlias = "Names | list[str] | Integers | Flags"


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column's values, with the default where a cell is wrong. A fault without a row is about all rows.

    `bad` has every row that is wrong, `faults` the first of them.
    """

    values: Values
    faults: Sequence[tuple[int | None, Fault]] = ()
    bad: Sequence[int] = ()


def read_column(column: Column, cells: Cells | None, rows: int) -> ColumnRead:
    """Reads one column; `cells` is None where the file does not have it."""
    if cells is None:
        return ColumnRead(_constant(column, rows))
    if isinstance(cells, list):
        return _cell_by_cell(column, cells)
    if fault := _wrong_type(column, cells):
        return ColumnRead(_constant(column, rows), ((None, fault),), range(rows))
    values = _at_once(column, cells)
    return ColumnRead(values) if values is not None else _cell_by_cell(column, cells.to_list())


def encoded(texts: Sequence[str]) -> Names:
    """Gives each text the number of its place among the sorted different ones."""
    values = sorted(set(texts))
    number = {value: n for n, value in enumerate(values)}
    return Names(values, np.fromiter(map(number.__getitem__, texts), np.int64, len(texts)))


# ---- cell by cell -----------------------------------------------------------------------------------


def _cell_by_cell(column: Column, cells: Iterable[object]) -> ColumnRead:
    read, filler = reader(column), _filler(column)
    values: list[str | int] = []
    faults: list[tuple[int | None, Fault]] = []
    bad: list[int] = []
    for row, cell in enumerate(cells):
        value = read(column, cell)
        if isinstance(value, Fault):
            bad.append(row)
            if len(faults) < KEPT:
                faults.append((row, value))
            value = filler
        values.append(value)
    return ColumnRead(_collected(column, values), _gathered(faults, bad), bad)


def _gathered(faults: Sequence[tuple[int | None, Fault]], bad: Sequence[int]) -> Sequence[tuple[int | None, Fault]]:
    """Numbers in a text column are one slip, in how the column is formatted: told once, with their count."""
    numbers = [(row, fault) for row, fault in faults if fault.code == "PUSH412"]
    if len(numbers) < 2:
        return faults
    row, first = numbers[0]
    more = len(bad) - len(faults) + len(numbers) - 1
    message = f"{first.message}, and so in {more:,} more row{'s' if more > 1 else ''}"
    return [(row, Fault(first.code, message, first.help)), *(f for f in faults if f[1].code != "PUSH412")]


def _filler(column: Column) -> str | int:
    """What stands for a cell that is wrong, so that the rest of the table can still be looked at."""
    if column.default is not None:
        return column.default
    return "" if column.kind in ("name", "text") else max(column.low, 0)


def _collected(column: Column, values: list[str | int]) -> Values:
    match column.kind:
        case "name":
            return encoded(cast("list[str]", values))  # the reader of a name gives text
        case "text":
            return cast("list[str]", values)
        case "flag" | "word":
            return np.array(values, bool)
        case "whole" | "moment":
            return np.array(values, np.int64)


def _constant(column: Column, rows: int) -> Values:
    filler = _filler(column)
    match column.kind:
        case "name":
            return Names([str(filler)] if rows else [], np.zeros(rows, np.int64))
        case "text":
            return [str(filler)] * rows
        case "flag" | "word":
            return np.full(rows, filler, bool)
        case "whole" | "moment":
            return np.full(rows, filler, np.int64)


# ---- all at once ------------------------------------------------------------------------------------


def _wrong_type(column: Column, cells: pl.Series) -> Fault | None:
    """Whether the type of a typed column (Parquet) says that none of its cells can be right."""
    import polars as pl

    kind = cells.dtype
    whole = kind.is_integer() or (isinstance(kind, pl.Decimal) and kind.scale == 0)
    fits = {
        "name": False,
        "text": False,
        "whole": whole,
        "flag": kind == pl.Boolean,
        "word": False,
        "moment": isinstance(kind, pl.Datetime) and kind.time_zone is not None,
    }
    if kind == pl.String or fits[column.kind] or cells.null_count() == len(cells):
        return None
    return wrong_kind(column, _called(kind, whole))


def _called(kind: pl.DataType, whole: bool) -> str:
    import polars as pl

    if whole:
        return "numbers"
    if kind.is_float() or kind.is_decimal():
        return "decimals"
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        return "times without a zone"
    if kind.is_temporal():
        return "dates or times"
    if kind == pl.Boolean:
        return "true or false"
    return "bytes" if kind == pl.Binary else "something else than text and numbers"


def _at_once(column: Column, cells: pl.Series) -> Values | None:
    """The values where every cell is right and written the plain way, else None."""
    import polars as pl

    if cells.null_count() == len(cells):
        return None if column.default is None else _constant(column, len(cells))
    match column.kind:
        case "name":
            return _names(column, cells)
        case "text":
            return cast("list[str]", cells.fill_null("").to_list())
        case "whole":
            return _wholes(column, cells)
        case "flag":
            return _flags(column, cells, {"true": True, "false": False}, cells.dtype == pl.String)
        case "word":
            return _flags(column, cells, column.words, False)
        case "moment":
            return _moments(column, cells)


def _names(column: Column, cells: pl.Series) -> Names | None:
    import polars as pl

    filled = cells.fill_null("")
    values = filled.unique().sort()
    if column.default is None and (values.str.strip_chars(SPACES) == "").any():
        return None
    numbered = pl.DataFrame({"value": values, "code": pl.int_range(len(values), dtype=pl.Int64, eager=True)})
    codes = pl.DataFrame({"value": filled}).join(numbered, on="value", how="left", maintain_order="left")["code"]
    return Names(values.to_list(), codes.to_numpy())


def _wholes(column: Column, cells: pl.Series) -> Integers | None:
    import polars as pl

    blank = cells.is_null()
    if cells.dtype == pl.String:
        if not cells.str.contains("^(-?[0-9]{1,18})?$").fill_null(True).all():
            return None
        blank |= (cells == "").fill_null(False)
    numbers = cells.cast(pl.Int64, strict=False)
    if numbers.null_count() != blank.sum():  # beyond 64 bits
        return None
    return _filled(column, numbers)


def _moments(column: Column, cells: pl.Series) -> Integers | None:
    import polars as pl

    blank = cells.is_null()
    if cells.dtype == pl.String:
        if not cells.str.contains(_PLAIN_MOMENT).fill_null(True).all():
            return None
        blank |= (cells == "").fill_null(False)
        zoned = cells.str.replace("Z$", "+00:00")
        cells = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    elapsed = cells.dt.epoch("us") // 1000
    if elapsed.null_count() != blank.sum() or ((least := elapsed.min()) is not None and cast(int, least) < 0):
        return None
    return elapsed.fill_null(column.default).to_numpy()


def _filled(column: Column, numbers: pl.Series) -> Integers | None:
    least, most = numbers.min(), numbers.max()
    if least is not None and not (column.low <= cast(int, least) and cast(int, most) <= column.high):
        return None
    if column.default is None:
        return None if numbers.null_count() else numbers.to_numpy()
    return numbers.fill_null(column.default).to_numpy()


def _flags(column: Column, cells: pl.Series, words: Mapping[str, bool], any_case: bool) -> Flags | None:
    import polars as pl

    if cells.dtype == pl.Boolean:
        return cells.fill_null(column.default).to_numpy()
    written = cells.fill_null("")
    if any_case:
        written = written.str.to_lowercase()
    if not written.is_in([*words, ""]).all() or (column.default is None and (written == "").any()):
        return None
    true = [word for word, meaning in {**words, "": column.default}.items() if meaning]
    return written.is_in(true).to_numpy()
