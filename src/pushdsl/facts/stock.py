"""The `stock` table of a folder of facts alone in, as a snapshot of its source; or what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pushdsl.errors import FactsError, Problem
from pushdsl.facts.columns import Names
from pushdsl.facts.raw import RawTable
from pushdsl.facts.reading import raw_table, unreadable
from pushdsl.facts.table import blanks, read_table, without_blank_rows
from pushdsl.facts.tables import FORMATS, STOCK
from pushdsl.snapshots import StockLine

if TYPE_CHECKING:
    from pushdsl.model import Flags


def stock_files(folder: Path) -> list[Path]:
    """Every file that the table may stand in and that is there, sorted."""
    return sorted(path for format in FORMATS if (path := folder / f"{STOCK.name}{format}").is_file())


def read_stock(folder: Path) -> tuple[StockLine, ...]:
    """What the table says. A blank cell, or a column that is not there, says nothing, so what is known stays.

    Raises FactsError with every problem of the table.
    """
    files = stock_files(folder)
    if len(files) != 1:
        raise FactsError([_no_one_file(folder, files)])
    path = files[0]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FactsError([unreadable(path, error)]) from None
    raw = without_blank_rows(STOCK, raw_table(STOCK, path.name, content))
    table = read_table(STOCK, raw)
    if not table.sound:
        raise FactsError([problem for problem in table.problems if problem.severity == "error"])
    untracked = ~table.flags("tracked") | table.flags("sell_when_out")
    says_tracked = _said(raw, "tracked") | _said(raw, "sell_when_out")
    rows = zip(
        _texts(table.names("warehouse")),
        _texts(table.names("sku")),
        table.numbers("on_hand").tolist(),
        _where(table.numbers("allocated"), _said(raw, "allocated")),
        _where(table.numbers("safety"), _said(raw, "safety")),
        _where(~untracked, says_tracked),
        strict=True,
    )
    return tuple(StockLine(*row) for row in rows)


def _no_one_file(folder: Path, files: list[Path]) -> Problem:
    if files:
        names = " and ".join(f"`{path.name}`" for path in files)
        return Problem("PUSH402", f"the table `stock` stands in {names}", files[0].name, help="keep one of the files")
    help = f"write it into `{folder}`, with the columns warehouse, sku and on_hand"
    return Problem("PUSH401", "the table `stock` is missing", "stock.csv", help=help)


def _said(raw: RawTable, column: str) -> Flags:
    """Which rows have something in this column."""
    cells = raw.columns.get(column)
    return np.zeros(raw.rows, bool) if cells is None else ~blanks(cells)


def _where(values: np.ndarray, said: Flags) -> list[object]:
    return [value if given else None for value, given in zip(values.tolist(), said.tolist(), strict=True)]


def _texts(names: Names) -> list[str]:
    return [names.values[code] for code in names.codes.tolist()]
