"""The bytes of a CSV file in; its columns as text out.

Small files are read by the csv module. Big ones go to polars where nothing in them is quoted, else to the
csv module in pieces. All ways give the same cells.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from pushdsl.errors import FactsError, Problem
from pushdsl.facts.raw import Cells, RawTable

if TYPE_CHECKING:
    import polars as pl

SMALL = 500_000
"""Bytes up to which reading in Python takes less time than importing polars."""
_PIECE = 50_000
_BOM = b"\xef\xbb\xbf"


def read_csv(file: str, content: bytes, known: Collection[str]) -> RawTable:
    """Raises FactsError where the file is no UTF-8 or its quotes do not close."""
    content = content.removeprefix(_BOM)
    if len(content) > SMALL:
        frame = _unquoted(content, known)
        if frame is not None:
            header = _names(_head(content).decode())
            columns: dict[str, Cells] = {name: frame[name] for name in frame.columns}
            return RawTable(file, header, columns, frame.height, _line_finder(file, content))
    return _in_python(file, content, known)


# ---- by the csv module ------------------------------------------------------------------------------


def _in_python(file: str, content: bytes, known: Collection[str]) -> RawTable:
    rows = _rows(file, _decoded(file, content))
    header_line, first = next(rows, (1, []))
    if not first:
        raise _unreadable(file, 1, "the file is empty", "write the names of the columns in its first line")
    header = tuple(first)
    _refuse_other_separator(file, header)
    problems: list[Problem] = []
    wanted = [(header.index(name), name) for name in dict.fromkeys(header) if name in known]
    big = len(content) > SMALL
    pieces: dict[str, list[Cells]] = {name: [] for _, name in wanted}
    count = 0
    fitting = _fitting(file, rows, header, problems)
    while piece := list(islice(fitting, _PIECE if big else None)):
        count += len(piece)
        by_column: list[list[object]] = list(map(list, zip(*piece, strict=True)))
        for at, name in wanted:
            pieces[name].append(_series(by_column[at]) if big else by_column[at])
    columns = {name: _joined(parts, big) for name, parts in pieces.items()}
    return RawTable(file, header, columns, count, _line_finder(file, content), header_line, problems)


def _rows(file: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not a blank line, with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(file, line, *_csv_fault(str(error))) from None
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _csv_fault(error: str) -> tuple[str, str]:
    if "field larger" in error:
        return "a cell is longer than 131,072 characters", "look for a quote that does not close"
    if "unexpected end" in error:
        return "a quote that opens in this row does not close", 'close it; a quote inside quotes is written `""`'
    return "a cell in quotes goes on after its closing quote", 'a quote inside quotes is written `""`'


def _fitting(
    file: str, rows: Iterator[tuple[int, list[str]]], header: tuple[str, ...], problems: list[Problem]
) -> Iterator[list[str]]:
    """The rows that have as many cells as the header; the others become problems."""
    for line, cells in rows:
        if len(cells) == len(header):
            yield cells
            continue
        counts = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}, the first line {len(header)}"
        help = "put a cell with a comma in quotes" if len(cells) > len(header) else "write a comma for each blank cell"
        problems.append(Problem("PUSH405", f"the row has {counts}", file, line, help=help))


def _series(cells: list[object]) -> pl.Series:
    import polars as pl

    return pl.Series(cells, dtype=pl.String)


def _joined(pieces: list[Cells], big: bool) -> Cells:
    if not big:
        return pieces[0] if pieces else []
    import polars as pl

    return pl.concat(pieces) if pieces else pl.Series([], dtype=pl.String)  # type: ignore[type-var]  # all are Series


def _decoded(file: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        help = "save it as `CSV UTF-8`"
        raise FactsError([Problem("PUSH404", "the file is not UTF-8 text", file, line, help=help)]) from None


def _refuse_other_separator(file: str, header: tuple[str, ...]) -> None:
    if len(header) > 1:
        return
    for separator, called in ((";", "`;`"), ("\t", "tabs")):
        if separator in header[0]:
            raise _unreadable(file, 1, f"the cells are separated by {called}", "save it with commas between the cells")


def _unreadable(file: str, line: int, message: str, help: str) -> FactsError:
    return FactsError([Problem("PUSH404", message, file, line, help=help)])


def _line_finder(file: str, content: bytes) -> Callable[[int], int]:
    """Lines are looked up only for messages, so they are counted when the first is asked for."""

    @cache
    def lines() -> array[int]:
        return array("q", (line for line, cells in rows_that_fit()))

    def rows_that_fit() -> Iterator[tuple[int, list[str]]]:
        rows = _rows(file, content.decode())
        _, header = next(rows)
        return (row for row in rows if len(row[1]) == len(header))

    return lambda row: lines()[row]


# ---- by polars --------------------------------------------------------------------------------------


def _unquoted(content: bytes, known: Collection[str]) -> pl.DataFrame | None:
    """The known columns, where every line is a row, no cell is quoted and every row fits the header."""
    if b'"' in content or content.count(b"\r") != content.count(b"\r\n") or _has_blank_line(content):
        return None
    try:
        header = _names(_head(content).decode())
    except UnicodeDecodeError:
        return None
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    wanted = [name for name in header if name in known]
    # polars refuses rows that are too long and fills up those that are too short: then commas are missing
    if len(set(header)) < len(header) or content.count(b",") != lines * (len(header) - 1) or not wanted:
        return None
    return _parsed(content, wanted)


def _has_blank_line(content: bytes) -> bool:
    return b"\n\n" in content or (b"\r" in content and b"\n\r\n" in content) or content.startswith((b"\n", b"\r\n"))


def _head(content: bytes) -> bytes:
    end = content.find(b"\n")
    return content if end < 0 else content[:end]


def _names(head: str) -> tuple[str, ...]:
    return tuple(head.removesuffix("\r").split(","))


def _parsed(content: bytes, wanted: list[str]) -> pl.DataFrame | None:
    import polars as pl

    try:
        return pl.read_csv(content, columns=wanted, infer_schema=False, quote_char=None)
    except pl.exceptions.PolarsError:  # not UTF-8, or rows that are too long: read it again to say where
        return None
