"""A table as a file gives it, before anything is known of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pushdsl.errors import Problem

if TYPE_CHECKING:
    import polars as pl

Cells: TypeAlias = "list[object] | pl.Series"
"""One column: the values of a small table, or a polars Series of a big one."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """`header` is every column name in the file's order; `columns` holds those that the table knows.

    Blank cells are None or empty text. `line_of` gives the line of a row counted from 0 (in a workbook the
    sheet's row, in Parquet the row counted from 1); `header_line` is None where there is no such line.
    """

    file: str
    header: tuple[str, ...]
    columns: Mapping[str, Cells]
    rows: int
    line_of: Callable[[int], int]
    header_line: int | None = 1
    problems: Sequence[Problem] = ()
