"""The bytes of an Excel workbook in; the columns of one sheet out, each cell as what it is.

The library turns a whole column into one type. Read as text, as truth values and as times, the three
together tell what every single cell is.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast
from xml.etree import ElementTree

from pushdsl.errors import FactsError, Problem
from pushdsl.facts.raw import Cells, RawTable

if TYPE_CHECKING:
    import polars as pl
    from fastexcel import ExcelReader

_ERROR_CELL = re.compile(rb"""<(?:\w+:)?c\b(?=[^>]*\bt=["']e["'])[^>]*\br=["']([A-Z]+)([0-9]+)["']""")
_FILLED_CELL = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\br=["']([A-Z]+)[0-9]+["'](?:[^>]*[^/>])?>""")
_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


def read_workbook(file: str, content: bytes, known: Collection[str], table: str) -> RawTable:
    """The sheet that is called as the table, else the only one that holds anything. Raises FactsError."""
    import fastexcel

    try:
        book = fastexcel.read_excel(content)
        sheet = _sheet(file, book, table)
        texts: list[list[str | None]] = [column.to_list() for column in _read_as(book, sheet, "string")]
        xml = _sheet_text(content, sheet)
    except (fastexcel.FastExcelError, zipfile.BadZipFile, ElementTree.ParseError, KeyError, StopIteration):
        message = "the file is not a workbook that can be read"
        raise FactsError([Problem("PUSH404", message, file, help="save it again as `.xlsx`")]) from None
    top = next((row for row, cells in enumerate(zip(*texts, strict=True)) if any(cells)), None)
    if top is None:
        help = "write the names of the columns in the first row"
        raise FactsError([Problem("PUSH404", "the sheet is empty", file, help=help)])
    truths: list[list[bool | None]] = [column.to_list() for column in _read_as(book, sheet, "boolean")]
    # a number may be a time before the year 1, which Python does not have: only ask whether there is one
    times: list[list[bool]] = [column.is_not_null().to_list() for column in _read_as(book, sheet, "datetime")]
    header = _header([column[top] for column in texts])
    columns: dict[str, Cells] = {}
    for at, name in enumerate(header):
        if name in known and name not in columns:
            below = slice(top + 1, None)
            columns[name] = list(map(_cell, texts[at][below], truths[at][below], times[at][below]))
    rows = len(texts[0]) - top - 1
    errors = list(_error_cells(file, xml, header, known))
    return RawTable(file, header, columns, rows, lambda row: row + top + 2, top + 1, errors)


def _sheet(file: str, book: ExcelReader, table: str) -> str:
    if table in book.sheet_names:
        return table
    filled = [name for name in book.sheet_names if book.load_sheet(name, header_row=None, dtypes="string").width]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        return book.sheet_names[0]
    names = ", ".join(f"`{name}`" for name in filled)
    help = f"call the sheet to read `{table}`"
    raise FactsError([Problem("PUSH404", f"the workbook has several sheets: {names}", file, help=help)])


def _read_as(book: ExcelReader, sheet: str, kind: Literal["string", "boolean", "datetime"]) -> list[pl.Series]:
    read = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes=kind)
    return read.to_polars().get_columns()


def _header(cells: list[str | None]) -> tuple[str, ...]:
    """The names up to the last; a sheet that was wider once is not wider for that."""
    names = [name or "" for name in cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _cell(text: str | None, truth: bool | None, is_time: bool) -> object:
    """Text is neither truth nor time, a number is all three, a truth value is no time and a time no truth."""
    if truth is not None and text is not None:
        return truth if text in ("true", "false") else _number(text)
    return datetime.fromisoformat(text) if is_time and text else text


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


# ---- cells with an error, which the library reads as blank -------------------------------------------


def _error_cells(file: str, xml: bytes, header: tuple[str, ...], known: Collection[str]) -> Iterator[Problem]:
    errors = _ERROR_CELL.findall(xml)
    if not errors:
        return
    # the library leaves out the columns before the first that holds anything
    first = min(map(_column_number, set(_FILLED_CELL.findall(xml))), default=0)
    for letters, row in errors:
        at = _column_number(letters) - first
        if 0 <= at < len(header) and header[at] in known:
            message = f"cell `{letters.decode()}{row.decode()}` holds an error"
            yield Problem("PUSH425", message, file, int(row), header[at], "mend its formula, or write the value")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _sheet_text(content: bytes, sheet: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).iterfind(".//{*}sheet")
        id = next(s.get(f"{_OFFICE}id") for s in sheets if s.get("name") == sheet)
        links = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
        target = next(cast(str, link.get("Target")) for link in links if link.get("Id") == id)
        return book.read(target.removeprefix("/") if target.startswith("/") else f"xl/{target}")
