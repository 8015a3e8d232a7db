"""The same table means the same in every format, and no format guesses a type."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushdsl.errors import FactsError, Problem
from pushdsl.facts import read_facts
from pushdsl.facts.columns import read_column
from pushdsl.facts.tables import TABLES, Column, TableKind
from pushdsl.model import Facts

Row = dict[str, Any]  # a cell is text, a number, true or false, or None
Tables = Mapping[str, Sequence[Row]]
NOON = datetime(2026, 5, 4, 12)  # noqa: DTZ001  # a time without a zone, as spreadsheets have them
KINDS = {kind.name: kind for kind in TABLES}


# ---- writing one table in each format ----------------------------------------------------------------


def write_csv(folder: Path, kind: TableKind, rows: Sequence[Row]) -> None:
    names = [column.name for column in kind.columns]
    with (folder / f"{kind.name}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        table.writerows([_as_text(row.get(name)) for name in names] for row in rows)


def write_jsonl(folder: Path, kind: TableKind, rows: Sequence[Row]) -> None:
    required = {column.name for column in kind.columns if column.required}
    lines = [
        json.dumps({name: cell for name, cell in row.items() if cell is not None or name in required}) for row in rows
    ]
    (folder / f"{kind.name}.jsonl").write_text("\n".join(lines), encoding="utf-8")


def write_parquet(folder: Path, kind: TableKind, rows: Sequence[Row]) -> None:
    schema = {column.name: _parquet_type(column) for column in kind.columns}
    pl.DataFrame(list(rows), schema=schema).write_parquet(folder / f"{kind.name}.parquet")


def write_xlsx(folder: Path, kind: TableKind, rows: Sequence[Row]) -> None:
    names = [column.name for column in kind.columns]
    with xlsxwriter.Workbook(folder / f"{kind.name}.xlsx") as book:
        sheet = book.add_worksheet()
        for at, name in enumerate(names):
            sheet.write_string(0, at, name)
        for line, row in enumerate(rows, start=1):
            for at, name in enumerate(names):
                _write_cell(sheet, line, at, row.get(name))


def _write_cell(sheet: Any, line: int, at: int, cell: object) -> None:  # xlsxwriter has no types
    match cell:
        case None:
            sheet.write_blank(line, at, None)
        case bool():
            sheet.write_boolean(line, at, cell)
        case int() | float():
            sheet.write_number(line, at, cell)
        case _:
            sheet.write_string(line, at, str(cell))


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    return ("true" if cell else "false") if isinstance(cell, bool) else str(cell)


def _parquet_type(column: Column) -> Any:  # polars takes classes and instances
    return {"whole": pl.Int64, "flag": pl.Boolean}.get(column.kind, pl.String)


WRITERS = {".csv": write_csv, ".jsonl": write_jsonl, ".parquet": write_parquet, ".xlsx": write_xlsx}


def written(folder: Path, tables: Tables, format: str) -> Path:
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, rows in tables.items():
        WRITERS[format](folder, KINDS[name], rows)
    return folder


def plain(facts: Facts) -> Any:  # nested lists, to be compared
    """Facts without their digest, which covers the bytes."""

    def of(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return str(value.dtype), value.tolist()
        if isinstance(value, Mapping):
            return {key: of(each) for key, each in value.items()}
        if hasattr(value, "__slots__"):
            return {name: of(getattr(value, name)) for name in value.__slots__ if name != "sha256"}
        return value

    return of(facts)


# ---- any tables, in all formats -----------------------------------------------------------------------

# what an Excel file can hold: no control characters, no halves of surrogate pairs
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]) | st.sampled_from('0,"|\n')
TEXT = st.text(CHARACTERS, min_size=1, max_size=6).filter(str.strip) | st.sampled_from(["00123", "1e3", "true", "NaN"])
NAME = TEXT.map(lambda text: text.replace("|", "¦"))
MAYBE_LIST = st.none() | st.lists(NAME, min_size=1, max_size=3).map("|".join)


def optional(column: Column) -> st.SearchStrategy[Any]:
    match column.kind:
        case "whole":
            return st.none() | st.integers(column.low, column.high)
        case "flag":
            return st.none() | st.booleans()
        case "word":
            return st.none() | st.sampled_from(list(column.words))
        case "moment":
            return st.none() | st.integers(0, 7 * 10**12).map(
                lambda t: datetime.fromtimestamp(t / 1000, UTC).isoformat()
            )
        case _:
            return MAYBE_LIST if column.name in ("locations", "tags") else st.none() | TEXT


def rows_of(kind: TableKind, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    cells = {column.name: optional(column) for column in kind.columns} | given
    return st.lists(
        st.fixed_dictionaries(cells), max_size=6, unique_by=lambda row: tuple(row[k] or "" for k in kind.key)
    )


def whole(table: str, column: str) -> st.SearchStrategy[int]:
    bounds = KINDS[table].column(column)
    return st.integers(bounds.low, bounds.high)


@st.composite
def any_tables(draw: st.DrawFn) -> Tables:
    skus = st.sampled_from(draw(st.lists(NAME, min_size=3, max_size=6, unique=True)))
    made = st.sampled_from(["SET-1", "SET-2"])
    stores, store_skus = st.sampled_from(["shop", "商店"]), st.sampled_from(["a", "A", "b ", "007"])
    row = {"warehouse": st.sampled_from(["kl", "jb"]), "sku": skus}
    listing = {"store": stores, "store_sku": store_skus}
    days = {"preorder_days_min": st.none() | st.integers(0, 9), "preorder_days_max": st.none() | st.integers(9, 365)}
    return {
        "stock": draw(rows_of(KINDS["stock"], **row, on_hand=whole("stock", "on_hand"))),
        "listings": draw(rows_of(KINDS["listings"], **listing, sku=st.none() | skus | made, **days)),
        "live": draw(rows_of(KINDS["live"], **listing)),
        "skus": draw(rows_of(KINDS["skus"], sku=skus)),
        "bundles": draw(rows_of(KINDS["bundles"], sku=made, component=skus, quantity=whole("bundles", "quantity"))),
    }  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_tables())
def test_the_same_tables_are_the_same_facts_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, tables: Tables
) -> None:
    folder = tmp_path_factory.getbasetemp() / "same"
    first, *others = (plain(read_facts(written(folder, tables, format))[0]) for format in WRITERS)

    for other in others:
        assert other == first


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_tables())
def test_a_big_file_is_read_as_a_small_one(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> None:
    folder = written(tmp_path_factory.getbasetemp() / "sizes", tables, ".csv")
    small, warnings = read_facts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pushdsl.facts.delimited.SMALL", 0)
        patch.setattr("pushdsl.facts.delimited._PIECE", 2)
        big, same_warnings = read_facts(folder)

    assert plain(big) == plain(small)
    assert same_warnings == warnings


NEARLY = st.sampled_from(
    ["", " ", "5", "-5", "+5", "05", "5.0", "5 ", "1e3", "1_0", "٥", "-0", "9" * 19, "1000000001", "true", "TRUE",
     "tRue", "True ", "1", "active", "Active", "normal", "preorder", "2026-05-04T11:00:00Z",
     "2026-05-04T11:00:00+00:00",
     "2026-05-04T11:00Z", "2026-05-04 11:00:00Z", "2026-05-04T11:00:60Z", "2026-02-29T11:00:00Z", "2026-05-04T11:00:00",
     "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-05-04T11:00:00.123456Z",
     "2026-05-04T11:00:00.1234567Z", "\u00a0", "\u3000", "A", "a\n", "5\n", "true\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([column for kind in TABLES for column in kind.columns]),
    st.lists(NEARLY | st.text(max_size=4).filter(str.isprintable), max_size=4)
    | st.lists(NEARLY, min_size=1, max_size=1),
)
def test_a_column_means_the_same_at_once_and_cell_by_cell(column: Column, cells: list[str]) -> None:
    at_once = read_column(column, pl.Series(cells, dtype=pl.String), len(cells))
    by_cell = read_column(column, list(cells), len(cells))

    assert str(at_once.values) == str(by_cell.values)
    assert (list(at_once.faults), list(at_once.bad)) == (list(by_cell.faults), list(by_cell.bad))


# ---- one cell of another type -----------------------------------------------------------------------

STOCK: Row = {"warehouse": "kl", "sku": "A", "on_hand": 5}
LISTING: Row = {"store": "shop", "store_sku": "a", "sku": "A"}


def errors(folder: Path) -> list[Problem]:
    with pytest.raises(FactsError) as raised:
        read_facts(folder)
    return [problem for problem in raised.value.problems if problem.severity == "error"]


def one_error(folder: Path) -> tuple[str, str, int | None, str]:
    [problem] = errors(folder)
    return problem.code, problem.file, problem.line, problem.column


@pytest.mark.parametrize("format", [".jsonl", ".xlsx"])
@pytest.mark.parametrize(
    ("table", "column", "cell", "code"),
    [
        ("stock", "sku", 123, "PUSH412"),
        ("stock", "sku", 0.5, "PUSH412"),
        ("stock", "sku", True, "PUSH412"),
        ("stock", "on_hand", 5.5, "PUSH410"),
        ("stock", "on_hand", True, "PUSH410"),
        ("stock", "on_hand", "5.0", "PUSH410"),
        ("stock", "on_hand", "five", "PUSH410"),
        ("stock", "on_hand", 2_000_000_000, "PUSH411"),
        ("stock", "on_hand", None, "PUSH409"),
        ("stock", "sku", None, "PUSH409"),
        ("stock", "tracked", 1, "PUSH413"),
        ("stock", "tracked", "yes", "PUSH413"),
        ("listings", "sku", 123, "PUSH412"),
        ("listings", "item_id", 1729382561553364372, "PUSH412"),
        ("listings", "status", True, "PUSH414"),
        ("live", "mode", 1, "PUSH414"),
        ("live", "confirmed_at", 1777892400, "PUSH415"),
    ],
)
def test_a_cell_of_another_type_is_an_error(
    tmp_path: Path, format: str, table: str, column: str, cell: object, code: str
) -> None:
    tables: dict[str, list[Row]] = {"stock": [STOCK], "listings": [LISTING], "live": [LISTING | {"quantity": 5}]}
    del tables["live"][0]["sku"]
    tables[table].append(tables[table][0] | {KINDS[table].key[1]: "B", column: cell})

    line = 2 if format == ".jsonl" else 3
    assert one_error(written(tmp_path, tables, format)) == (code, f"{table}{format}", line, column)


def test_numbers_all_down_a_text_column_are_one_error_with_their_count(tmp_path: Path) -> None:
    rows = [STOCK | {"sku": number} for number in range(7)]

    [problem] = errors(written(tmp_path, {"stock": rows, "listings": [LISTING]}, ".xlsx"))

    assert (problem.line, problem.column) == (2, "sku")
    assert problem.message == "`0` is a number where text must stand, and so in 6 more rows"
    assert "format the column as text" in problem.help


def test_a_file_may_be_of_another_format_than_its_neighbour(tmp_path: Path) -> None:
    write_xlsx(tmp_path, KINDS["stock"], [STOCK])
    write_jsonl(tmp_path, KINDS["listings"], [LISTING])

    assert read_facts(tmp_path)[0].skus == ["A"]


# ---- JSON Lines -------------------------------------------------------------------------------------


def jsonl(folder: Path, text: str | bytes) -> Path:
    write_csv(folder, KINDS["listings"], [LISTING])
    (folder / "stock.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


GOOD = '{"warehouse": "kl", "sku": "A", "on_hand": 5}\n'


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "5", '"text"', "{'sku': 'A'}", '{"sku": "B", "sku": "C"}', '{"on_hand": NaN}', '{"sku": "\\ud800"}',
     GOOD.strip() * 2, '{"on_hand": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_a_line_that_is_no_object_is_an_error_with_its_line(tmp_path: Path, line: str) -> None:
    [problem] = errors(jsonl(tmp_path, f"{GOOD}\n{line}\n"))

    assert (problem.file, problem.line) == ("stock.jsonl", 3)


def test_a_line_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    assert one_error(jsonl(tmp_path, GOOD.encode() + b'{"sku": "\xff"}\n')) == ("PUSH404", "stock.jsonl", 2, "")


def test_decimals_that_are_whole_are_refused_in_json(tmp_path: Path) -> None:
    assert one_error(jsonl(tmp_path, GOOD.replace("5", "5.0"))) == ("PUSH410", "stock.jsonl", 1, "on_hand")


@pytest.mark.parametrize("cell", ["[]", "{}", '["A"]'])
def test_a_list_is_no_cell(tmp_path: Path, cell: str) -> None:
    assert one_error(jsonl(tmp_path, GOOD.replace('"A"', cell))) == ("PUSH412", "stock.jsonl", 1, "sku")


def test_a_key_that_no_line_has_is_a_missing_column(tmp_path: Path) -> None:
    assert one_error(jsonl(tmp_path, '{"warehouse": "kl", "sku": "A"}\n')) == (
        "PUSH407",
        "stock.jsonl",
        None,
        "on_hand",
    )


def test_a_key_that_one_line_lacks_is_a_blank_cell(tmp_path: Path) -> None:
    text = '{"warehouse": "kl", "sku": "B"}\n' + GOOD

    assert one_error(jsonl(tmp_path, text)) == ("PUSH409", "stock.jsonl", 1, "on_hand")


def test_a_misspelt_key_is_one_warning(tmp_path: Path) -> None:
    text = GOOD.replace("}", ', "safty": 1}') + GOOD.replace("A", "B").replace("}", ', "safty": 2}')

    [warning] = read_facts(jsonl(tmp_path, text))[1]

    assert (warning.code, warning.help) == ("PUSH406", "did you mean `safety`?")


def test_an_empty_json_file_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read_facts(jsonl(tmp_path, ""))[0].warehouses == []


# ---- Parquet ----------------------------------------------------------------------------------------


def parquet(folder: Path, **columns: pl.Series) -> Path:
    write_csv(folder, KINDS["listings"], [LISTING])
    given = {"warehouse": pl.Series(["kl", "kl"]), "sku": pl.Series(["A", "B"]), "on_hand": pl.Series([5, 6])}
    pl.DataFrame(given | columns).write_parquet(folder / "stock.parquet")
    return folder


@pytest.mark.parametrize("type", [pl.Int8, pl.UInt16, pl.Int32, pl.Int64, pl.UInt64, pl.Decimal(18, 0), pl.String])
def test_whole_numbers_of_any_width_are_read(tmp_path: Path, type: Any) -> None:  # polars takes classes and instances
    folder = parquet(tmp_path, on_hand=pl.Series([5, 6]).cast(type))

    assert read_facts(folder)[0].stock.quantity.tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("column", "series", "code", "message"),
    [
        ("on_hand", pl.Series([5.0, 6.0]), "PUSH410", "the column holds decimals"),
        ("on_hand", pl.Series(["5.00", "6.00"]).cast(pl.Decimal(9, 2)), "PUSH410", "the column holds decimals"),
        ("on_hand", pl.Series([True, False]), "PUSH410", "the column holds true or false"),
        ("on_hand", pl.Series([date(2026, 1, 1)] * 2), "PUSH410", "the column holds dates or times"),
        ("sku", pl.Series([1, 2]), "PUSH412", "the column holds numbers where text must stand"),
        ("sku", pl.Series([b"A", b"B"]), "PUSH412", "the column holds bytes where text must stand"),
        ("tracked", pl.Series([0, 1]), "PUSH413", "the column holds numbers"),
    ],
)  # fmt: skip
def test_a_column_of_another_type_is_one_error(
    tmp_path: Path, column: str, series: pl.Series, code: str, message: str
) -> None:
    [problem] = errors(parquet(tmp_path, **{column: series}))

    assert (problem.code, problem.file, problem.column, problem.message) == (code, "stock.parquet", column, message)


def test_numbers_beyond_their_bounds_are_errors_with_their_row(tmp_path: Path) -> None:
    folder = parquet(tmp_path, on_hand=pl.Series([5, 2**64 - 1], dtype=pl.UInt64))

    assert one_error(folder) == ("PUSH411", "stock.parquet", 2, "on_hand")


def test_nulls_are_blank_cells(tmp_path: Path) -> None:
    folder = parquet(
        tmp_path, safety=pl.Series([None, 3]), tracked=pl.Series([None, False]), allocated=pl.Series([None, None])
    )

    stock = read_facts(folder)[0].stock

    assert (stock.safety.tolist(), stock.unlimited.tolist(), stock.quantity.tolist()) == (
        [[0, 3]],
        [[False, True]],
        [[5, 6]],
    )


def test_a_null_in_a_required_column_is_an_error_with_its_row(tmp_path: Path) -> None:
    assert one_error(parquet(tmp_path, on_hand=pl.Series([5, None]))) == ("PUSH409", "stock.parquet", 2, "on_hand")


def test_categorical_text_is_text(tmp_path: Path) -> None:
    folder = parquet(tmp_path, warehouse=pl.Series(["kl", "jb"], dtype=pl.Categorical))

    assert read_facts(folder)[0].warehouses == ["jb", "kl"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Manila"])
def test_times_with_a_zone_are_read(tmp_path: Path, zone: str) -> None:
    parquet(tmp_path)
    times = pl.Series([datetime(2026, 5, 4, 11, tzinfo=UTC)]).dt.convert_time_zone(zone)
    live = {"store": ["shop"], "store_sku": ["a"], "quantity": [5], "confirmed_at": times}
    pl.DataFrame(live).write_parquet(tmp_path / "live.parquet")

    assert read_facts(tmp_path)[0].live.confirmed_at.tolist() == [1777892400000]


def test_times_without_a_zone_are_an_error(tmp_path: Path) -> None:
    parquet(tmp_path)
    live = {"store": ["shop"], "store_sku": ["a"], "quantity": [5], "confirmed_at": [NOON]}
    pl.DataFrame(live).write_parquet(tmp_path / "live.parquet")

    assert one_error(tmp_path) == ("PUSH415", "live.parquet", None, "confirmed_at")


# ---- Excel ------------------------------------------------------------------------------------------


def workbook(folder: Path, change: Callable[[Any, Any], None]) -> Path:  # xlsxwriter has no types
    """A folder whose `stock.xlsx` has one good row and then what `change` writes into book and sheet."""
    write_csv(folder, KINDS["listings"], [LISTING])
    with xlsxwriter.Workbook(folder / "stock.xlsx") as book:
        sheet = book.add_worksheet("Sheet1")
        sheet.write_row(0, 0, ["warehouse", "sku", "on_hand", "safety", "remark"])
        sheet.write_row(1, 0, ["kl", "A", 5])
        change(book, sheet)
    return folder


def test_a_formula_counts_as_its_value(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda _, sheet: sheet.write_formula("C2", "=3+4", None, 7))

    assert read_facts(folder)[0].stock.quantity.tolist() == [[7]]


def test_an_error_in_a_cell_is_never_a_blank(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda _, sheet: sheet.write_formula("D2", "=NA()", None, "#N/A"))

    assert one_error(folder) == ("PUSH425", "stock.xlsx", 2, "safety")


def test_an_error_in_a_required_cell_is_told_once(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda _, sheet: sheet.write_formula("C2", "=1/0", None, "#DIV/0!"))

    assert one_error(folder) == ("PUSH425", "stock.xlsx", 2, "on_hand")


def test_an_error_in_a_column_that_is_not_read_is_no_matter(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda _, sheet: sheet.write_formula("E2", "=NA()", None, "#N/A"))

    assert [warning.code for warning in read_facts(folder)[1]] == ["PUSH406"]


def test_text_that_looks_like_something_else_is_text(tmp_path: Path) -> None:
    names = ["2026-01-01", "2026-01-01 03:00:00", "true", "#N/A", "5", "1e3", " x "]

    def change(_: Any, sheet: Any) -> None:
        for row, name in enumerate(names, start=2):
            sheet.write_string(row, 0, "kl")
            sheet.write_string(row, 1, name)
            sheet.write_number(row, 2, row)

    assert read_facts(workbook(tmp_path, change))[0].skus == sorted([*names, "A"])


def test_a_date_is_no_number_and_no_text(tmp_path: Path) -> None:
    def change(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(2, 0, ["kl"])
        sheet.write_datetime(2, 1, NOON, day)
        sheet.write_datetime(2, 2, NOON, day)

    assert [(p.code, p.line, p.column) for p in errors(workbook(tmp_path, change))] == [
        ("PUSH412", 3, "sku"), ("PUSH410", 3, "on_hand"),
    ]  # fmt: skip


def test_a_time_of_excel_has_no_zone_and_is_refused(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda *_: None)
    with xlsxwriter.Workbook(tmp_path / "live.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["store", "store_sku", "quantity", "confirmed_at"])
        sheet.write_row(1, 0, ["shop", "a", 5])
        sheet.write_datetime(1, 3, NOON, book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))

    [problem] = errors(folder)

    assert (problem.code, problem.line, problem.column) == ("PUSH415", 2, "confirmed_at")
    assert problem.message == "`2026-05-04 12:00:00` has no time zone"
    assert problem.help.endswith("as text")


def test_rows_are_numbered_as_the_sheet_does(tmp_path: Path) -> None:
    write_csv(tmp_path, KINDS["listings"], [LISTING])
    with xlsxwriter.Workbook(tmp_path / "stock.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row("C4", ["warehouse", "sku", "on_hand"])
        sheet.write_row("C6", ["kl", "A", "x"])
        sheet.write_formula("E7", "=NA()", None, "#N/A")

    assert [(p.code, p.line, p.column) for p in errors(tmp_path)] == [
        ("PUSH410", 6, "on_hand"),
        ("PUSH425", 7, "on_hand"),
    ]


def test_of_several_sheets_the_one_with_the_name_of_the_table_is_read(tmp_path: Path) -> None:
    def change(book: Any, sheet: Any) -> None:
        book.add_worksheet("stock").write_column(0, 0, ["warehouse", "jb"])
        book.worksheets()[1].write_column(0, 1, ["sku", "B"])
        book.worksheets()[1].write_column(0, 2, ["on_hand", 9])

    assert read_facts(workbook(tmp_path, change))[0].warehouses == ["jb"]


def test_sheets_without_cells_do_not_count(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda book, _: book.add_worksheet("Sheet2"))

    assert read_facts(folder)[0].warehouses == ["kl"]


def test_which_of_several_sheets_is_meant_is_not_guessed(tmp_path: Path) -> None:
    folder = workbook(tmp_path, lambda book, _: book.add_worksheet("notes").write_string(0, 0, "x"))

    [problem] = errors(folder)

    assert (problem.code, problem.help) == ("PUSH404", "call the sheet to read `stock`")


def test_a_sheet_without_cells_is_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path, KINDS["listings"], [LISTING])
    with xlsxwriter.Workbook(tmp_path / "stock.xlsx") as book:
        book.add_worksheet()

    assert one_error(tmp_path) == ("PUSH404", "stock.xlsx", None, "")


@pytest.mark.parametrize("format", [".xlsx", ".parquet"])
def test_a_file_that_only_has_the_name_of_its_format_is_an_error(tmp_path: Path, format: str) -> None:
    write_csv(tmp_path, KINDS["listings"], [LISTING])
    (tmp_path / f"stock{format}").write_text("warehouse,sku,on_hand\n")

    assert one_error(tmp_path) == ("PUSH404", f"stock{format}", None, "")
