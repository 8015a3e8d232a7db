"""Every way in which facts can be wrong, and where it is said to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pushdsl.errors import FactsError, Problem
from pushdsl.facts import CODES, read_facts

STOCK = "warehouse,sku,on_hand\nkl,A,5\n"
LISTINGS = "store,store_sku,sku\nshop,a,A\n"

Write = Callable[..., Path]


@pytest.fixture(params=["small", "big"])
def write(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a facts folder that is right but for what the test gives, to be read as small or as big files."""
    if request.param == "big":
        monkeypatch.setattr("pushdsl.facts.delimited.SMALL", 0)

    def written(**tables: str | bytes) -> Path:
        for table, text in ({"stock": STOCK, "listings": LISTINGS} | tables).items():
            content = text if isinstance(text, bytes) else text.encode()
            (tmp_path / f"{table}.csv").write_bytes(content)
        return tmp_path

    return written


def errors(folder: Path) -> list[Problem]:
    with pytest.raises(FactsError) as raised:
        read_facts(folder)
    return [problem for problem in raised.value.problems if problem.severity == "error"]


def places(folder: Path) -> list[tuple[str, str, int | None, str]]:
    return [(p.code, p.file, p.line, p.column) for p in errors(folder)]


def warnings(folder: Path) -> list[Problem]:
    return list(read_facts(folder)[1])


# ---- files ------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    found = errors(tmp_path / "nowhere")

    assert [("PUSH400", str(tmp_path / "nowhere"))] == [(p.code, p.file) for p in found]


def test_both_required_tables_are_asked_for(tmp_path: Path) -> None:
    assert [(p.code, p.file) for p in errors(tmp_path)] == [("PUSH401", "stock.csv"), ("PUSH401", "listings.csv")]


def test_a_misspelt_required_table_is_missing_and_its_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stocks.csv").write_text(STOCK)
    (tmp_path / "listings.csv").write_text(LISTINGS)

    assert [p.help for p in errors(tmp_path)] == ["is it `stocks.csv`?"]


def test_a_table_in_two_formats_is_an_error(write: Write) -> None:
    folder = write()
    (folder / "stock.jsonl").write_text('{"warehouse": "kl", "sku": "A", "on_hand": 5}\n')

    found = errors(folder)

    assert [p.message for p in found] == ["the table `stock` stands in `stock.csv` and `stock.jsonl`"]


def test_a_file_that_is_no_table_is_a_warning_with_the_nearest_name(write: Write) -> None:
    found = warnings(write(stocks=STOCK))

    assert [(p.code, p.file, p.help) for p in found] == [("PUSH403", "stocks.csv", "did you mean `stock.csv`?")]


@pytest.mark.parametrize("name", ["README.md", "notes.txt", ".stock.csv", "~$stock.xlsx", "stock.csv.bak"])
def test_other_files_are_ignored(write: Write, name: str) -> None:
    folder = write()
    (folder / name).write_text("anything")

    assert warnings(folder) == []


def test_a_folder_with_the_name_of_a_table_is_no_table(write: Write) -> None:
    folder = write()
    (folder / "live.csv").mkdir()

    assert warnings(folder) == []


def test_text_that_is_not_utf8_is_an_error_with_its_line(write: Write) -> None:
    assert places(write(stock=STOCK.encode() + b"kl,\xe9,5\n")) == [("PUSH404", "stock.csv", 3, "")]


def test_a_file_saved_with_semicolons_is_one_error(write: Write) -> None:
    assert places(write(stock=STOCK.replace(",", ";"))) == [("PUSH404", "stock.csv", 1, "")]


def test_an_empty_file_is_one_error(write: Write) -> None:
    assert places(write(stock="")) == [("PUSH404", "stock.csv", 1, "")]


def test_an_open_quote_is_an_error_where_its_row_begins(write: Write) -> None:
    assert places(write(stock=STOCK + 'kl,"B,5\nkl,C,5\n')) == [("PUSH404", "stock.csv", 3, "")]


def test_text_after_a_closing_quote_is_an_error(write: Write) -> None:
    assert places(write(stock=STOCK + 'kl,"B"x,5\n')) == [("PUSH404", "stock.csv", 3, "")]


@pytest.mark.parametrize("row", ["kl,B", "kl,B,5,6"])
def test_a_row_with_another_number_of_cells_than_the_header_is_an_error(write: Write, row: str) -> None:
    assert places(write(stock=f"{STOCK}{row}\nkl,C,5\n")) == [("PUSH405", "stock.csv", 3, "")]


def test_short_and_long_rows_do_not_make_up_for_each_other(write: Write) -> None:
    found = places(write(stock=STOCK + "kl,B\nkl,C,5,6\n"))

    assert found == [("PUSH405", "stock.csv", 3, ""), ("PUSH405", "stock.csv", 4, "")]


# ---- columns ----------------------------------------------------------------------------------------


def test_an_unknown_column_is_a_warning_with_the_nearest_name(write: Write) -> None:
    found = warnings(write(stock="warehouse,sku,on_hand,safty\nkl,A,5,x\n"))

    assert [(p.code, p.file, p.line, p.column, p.help) for p in found] == [
        ("PUSH406", "stock.csv", 1, "safty", "did you mean `safety`?")
    ]


def test_a_missing_column_is_an_error_that_names_what_may_be_meant(write: Write) -> None:
    found = errors(write(stock="warehouse,SKU,on_hand\nkl,A,5\n"))

    assert [(p.code, p.column, p.help) for p in found] == [("PUSH407", "sku", "is it what is called `SKU` here?")]


@pytest.mark.parametrize(
    ("table", "header", "missing"),
    [
        ("stock", "x", ["warehouse", "sku", "on_hand"]),
        ("listings", "x", ["store", "store_sku", "sku"]),
        ("live", "x", ["store", "store_sku", "quantity"]),
        ("skus", "x", ["sku"]),
        ("bundles", "x", ["sku", "component", "quantity"]),
    ],
)
def test_only_columns_without_a_default_are_required(write: Write, table: str, header: str, missing: list[str]) -> None:
    assert missing == [p.column for p in errors(write(**{table: header + "\n"}))]


def test_a_column_twice_is_an_error(write: Write) -> None:
    assert places(write(stock="warehouse,sku,on_hand,sku\nkl,A,5,B\n")) == [("PUSH408", "stock.csv", 1, "sku")]


# ---- cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("abc", "PUSH410"),
        ("5.0", "PUSH410"),
        ("5.5", "PUSH410"),
        ('"1,000"', "PUSH410"),
        ("1_000", "PUSH410"),
        ("1.000", "PUSH410"),
        ("1e3", "PUSH410"),
        (" 5", "PUSH410"),
        ("5 ", "PUSH410"),
        (" ", "PUSH410"),
        ("+5", "PUSH410"),
        ("--5", "PUSH410"),
        ("٥", "PUSH410"),
        ("0x10", "PUSH410"),
        ("nan", "PUSH410"),
        ("true", "PUSH410"),
        ("1000000001", "PUSH411"),
        ("-1000000001", "PUSH411"),
        ("9" * 30, "PUSH411"),
        ("", "PUSH409"),
    ],
)
def test_on_hand_is_a_whole_number_between_its_bounds(write: Write, cell: str, code: str) -> None:
    found = places(write(stock=f"{STOCK}kl,B,{cell}\n"))

    assert [(code, "stock.csv", 3, "on_hand")] == found


@pytest.mark.parametrize("cell", ["0", "-0", "007", "-1000000000", "1000000000"])
def test_numbers_at_the_bounds_are_read(write: Write, cell: str) -> None:
    facts, _ = read_facts(write(stock=f"{STOCK}kl,B,{cell}\n"))

    assert int(cell) == facts.stock.quantity[0, facts.sku_index["B"]]


@pytest.mark.parametrize(
    ("table", "column", "low", "high"),
    [
        ("stock", "allocated", 0, 10**9),
        ("stock", "safety", 0, 10**9),
        ("listings", "pack", 1, 100_000),
        ("listings", "max_quantity", 0, 10**9),
        ("listings", "preorder_days_min", 0, 365),
        ("listings", "preorder_days_max", 0, 365),
        ("live", "quantity", 0, 10**9),
        ("live", "reserved", 0, 10**9),
        ("live", "days", 0, 365),
        ("bundles", "quantity", 1, 100_000),
    ],
)
def test_every_number_has_its_bounds(write: Write, table: str, column: str, low: int, high: int) -> None:
    start = {
        "stock": ("warehouse,sku,on_hand", "kl,{},5"),
        "listings": ("store,store_sku,sku", "shop,{},A"),
        "live": ("store,store_sku,location,quantity", "shop,a,{},5"),
        "bundles": ("sku,component,quantity", "B,{},5"),
    }[table]
    header, row = start
    if column == "quantity":
        header, row = header.removesuffix(",quantity"), row.removesuffix(",5")
    rows = "".join(f"{row.format(f'r{n}')},{n}\n" for n in (low, high, low - 1, high + 1))

    found = places(write(**{table: f"{header},{column}\n{rows}"}))

    assert [("PUSH411", f"{table}.csv", 4, column), ("PUSH411", f"{table}.csv", 5, column)] == found


def test_a_negative_pack_is_an_error_that_says_what_may_stand_there(write: Write) -> None:
    [found] = errors(write(listings="store,store_sku,sku,pack\nshop,a,A,-1\n"))

    assert (found.message, found.help) == ("`-1` is not between 1 and 100,000", "write a whole number from 1 to 100000")


@pytest.mark.parametrize(
    ("row", "column"), [(",B,5", "warehouse"), ("kl,,5", "sku"), ("kl, ,5", "sku"), ("kl,B,", "on_hand")]
)
def test_a_blank_required_cell_is_an_error(write: Write, row: str, column: str) -> None:
    assert [("PUSH409", "stock.csv", 3, column)] == places(write(stock=f"{STOCK}{row}\n"))


@pytest.mark.parametrize("cell", ["yes", "1", "0", "t", " true", "wahr"])
def test_a_flag_is_true_or_false_and_nothing_else(write: Write, cell: str) -> None:
    found = places(write(stock=f"warehouse,sku,on_hand,tracked\nkl,A,5,true\nkl,B,5,{cell}\n"))

    assert found == [("PUSH413", "stock.csv", 3, "tracked")]


@pytest.mark.parametrize("cell", ["Active", "off", "deleted", "1"])
def test_a_status_is_one_of_two_words(write: Write, cell: str) -> None:
    [found] = errors(write(listings=f"store,store_sku,sku,status\nshop,a,A,{cell}\n"))

    assert (found.code, found.column, found.help) == ("PUSH414", "status", "write `active` or `inactive`")


def test_a_mode_is_one_of_two_words(write: Write) -> None:
    [found] = errors(write(live="store,store_sku,quantity,mode\nshop,a,5,pre-order\n"))

    assert (found.code, found.column, found.help) == ("PUSH414", "mode", "write `normal` or `preorder`")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-05-04", "2026-05-04T11:00:00", "2026-05-04 11:00", "yesterday", "1777892400", "2026-02-30T11:00:00Z",
        "2026-05-04T24:00:00Z", "2026-05-04T11:60:00Z", "04/05/2026 11:00Z", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+08:00", "20260504T110000Z", " 2026-05-04T11:00:00Z", "2026-05-04T11:00:00z",
    ],
)  # fmt: skip
def test_a_time_without_its_zone_or_in_another_form_is_an_error(write: Write, cell: str) -> None:
    found = places(write(live=f"store,store_sku,quantity,confirmed_at\nshop,a,5,{cell}\n"))

    assert found == [("PUSH415", "live.csv", 2, "confirmed_at")]


@pytest.mark.parametrize("cell", ["MY-01||MY-02", "|", "MY-01|", "|MY-01"])
def test_a_list_with_an_empty_name_is_an_error(write: Write, cell: str) -> None:
    found = places(write(listings=f"store,store_sku,sku,locations\nshop,a,A,{cell}\n"))

    assert found == [("PUSH420", "listings.csv", 2, "locations")]


def test_a_list_of_tags_with_an_empty_tag_is_an_error(write: Write) -> None:
    assert places(write(skus="sku,tags\nA,new||old\n")) == [("PUSH420", "skus.csv", 2, "tags")]


# ---- rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "text", "column"),
    [
        ("stock", "warehouse,sku,on_hand\nkl,A,5\njb,A,5\nkl,A,6\n", "warehouse"),
        ("listings", "store,store_sku,sku\nshop,a,A\nshop,b,A\nshop,a,B\n", "store"),
        ("live", "store,store_sku,location,quantity\nshop,a,L,5\nshop,a,,5\nshop,a,L,6\n", "store"),
        ("skus", "sku,name\nA,x\nB,x\nA,y\n", "sku"),
        ("bundles", "sku,component,quantity\nB,A,1\nB,C,1\nB,A,2\n", "sku"),
    ],
)
def test_the_same_row_twice_is_an_error_that_names_both_lines(write: Write, table: str, text: str, column: str) -> None:
    [found] = errors(write(**{table: text}))

    assert (found.code, found.line) == ("PUSH416", 4)
    assert "line 2" in found.message


def test_a_row_three_times_is_told_twice_with_the_line_of_the_first(write: Write) -> None:
    found = errors(write(stock=STOCK + "kl,A,6\nkl,A,7\n"))

    assert [(p.line, p.message) for p in found] == [
        (3, "`kl`, `A` stands on line 2 already"),
        (4, "`kl`, `A` stands on line 2 already"),
    ]


def test_skus_that_differ_by_case_or_a_space_are_not_the_same_row(write: Write) -> None:
    facts, _ = read_facts(write(stock="warehouse,sku,on_hand\nkl,A,5\nkl,a,5\nkl,A ,5\n"))

    assert facts.skus == ["A", "A ", "a"]


def test_broken_rows_are_not_compared(write: Write) -> None:
    found = places(write(stock=STOCK + ",A,5\n,A,5\n"))

    assert found == [("PUSH409", "stock.csv", 3, "warehouse"), ("PUSH409", "stock.csv", 4, "warehouse")]


def test_a_preorder_range_that_ends_before_it_begins_is_an_error(write: Write) -> None:
    head = "store,store_sku,sku,preorder_days_min,preorder_days_max\n"
    found = places(write(listings=head + "shop,a,A,7,7\nshop,b,A,8,7\nshop,c,A,8,\nshop,d,A,,7\n"))

    assert found == [("PUSH417", "listings.csv", 3, "preorder_days_min")]


def test_lines_are_counted_as_an_editor_shows_them(write: Write) -> None:
    stock = 'warehouse,sku,on_hand\r\n\r\n"k\nl",A,5\r\nkl,"A""\n\nB",5\r\nkl,C,x\r\n'

    assert places(write(stock=stock)) == [("PUSH410", "stock.csv", 8, "on_hand")]


def test_every_error_of_every_table_is_told_at_once(write: Write) -> None:
    found = places(
        write(
            stock="warehouse,sku,on_hand,tracked\nkl,A,x,maybe\nkl,B,5,true\nkl,B,5,true\n",
            listings="store,store_sku\nshop,a\n",
            live="store,store_sku,quantity\nshop,a,-1\n",
            skus=b"sku\n\xff\n",
        )
    )

    assert [(code, file, line, "warehouse" if code == "PUSH416" else column) for code, file, line, column in found] == [
        ("PUSH410", "stock.csv", 2, "on_hand"),
        ("PUSH413", "stock.csv", 2, "tracked"),
        ("PUSH416", "stock.csv", 4, "warehouse"),
        ("PUSH407", "listings.csv", 1, "sku"),
        ("PUSH411", "live.csv", 2, "quantity"),
        ("PUSH404", "skus.csv", 2, ""),
    ]


def test_after_a_thousand_problems_the_rest_is_counted(write: Write) -> None:
    rows = "".join(f"kl,S{n},x\n" for n in range(1500))

    found = errors(write(stock="warehouse,sku,on_hand\n" + rows))

    assert len(found) == 1001
    assert (found[-1].code, found[-1].message) == ("PUSH424", "there are 500 more problems")


def test_the_rest_is_counted_over_all_columns_and_tables(write: Write) -> None:
    rows = "".join(f"kl,S{n},x,y\n" for n in range(1500))

    found = errors(write(stock="warehouse,sku,on_hand,tracked\n" + rows, skus="sku\nA\nA\n"))

    assert found[-1].message == "there are 2,001 more problems"


# ---- tables together --------------------------------------------------------------------------------


def test_a_bundle_in_a_bundle_is_an_error(write: Write) -> None:
    [found] = errors(write(bundles="sku,component,quantity\nSET,A,1\nBIG,SET,2\n"))

    assert (
        found.code, found.line, found.column, found.message
    ) == ("PUSH418", 3, "component", "`SET` is a bundle itself, on line 2")  # fmt: skip


def test_a_bundle_of_itself_is_an_error(write: Write) -> None:
    assert places(write(bundles="sku,component,quantity\nSET,SET,1\n")) == [("PUSH418", "bundles.csv", 2, "component")]


def test_a_bundle_with_stock_of_its_own_is_an_error(write: Write) -> None:
    [found] = errors(write(bundles="sku,component,quantity\nSET,B,1\nA,B,1\n"))

    assert (
        found.code, found.file, found.line, found.message
    ) == ("PUSH419", "stock.csv", 2, "`A` is a bundle, on line 3 of bundles.csv, and has stock of its own")  # fmt: skip


def test_live_rows_without_a_listing_are_one_warning(write: Write) -> None:
    rows = "".join(f"shop,gone{n},5\n" for n in range(5))

    [found] = warnings(write(live=f"store,store_sku,quantity\nshop,a,5\n{rows}"))

    assert (found.code, found.file, found.line) == ("PUSH421", "live.csv", 3)
    assert found.message == (
        "5 rows of listings that are not in `listings`, so not read: `gone0` of `shop`, `gone1` of `shop`, "
        "`gone2` of `shop`, …"
    )


def test_skus_that_differ_only_by_case_are_one_warning(write: Write) -> None:
    rows = "".join(f"kl,{sku},5\n" for n in range(4) for sku in (f"B{n}", f"b{n}"))

    [found] = warnings(write(stock=STOCK + rows))

    assert found.message == (
        "4 SKUs are written in several ways that differ only by upper and lower case: "
        "`B0` and `b0`, `B1` and `b1`, `B2` and `b2`, …"
    )
    assert (found.code, found.file, found.line) == ("PUSH422", "stock.csv", 4)


def test_a_sku_that_ends_with_a_space_is_a_warning(write: Write) -> None:
    [found] = warnings(write(stock=STOCK + "kl,B ,5\n"))

    assert (
        found.code, found.file, found.line, found.message
    ) == ("PUSH423", "stock.csv", 3, "1 SKU begins or ends with a space: `B `")  # fmt: skip


def test_warnings_are_told_with_the_errors(write: Write) -> None:
    with pytest.raises(FactsError) as raised:
        read_facts(write(stock="warehouse,sku,on_hand,safty\nkl,A,x,\n"))

    assert [p.code for p in raised.value.problems] == ["PUSH406", "PUSH410"]
    assert str(raised.value) == "1 error in the facts"


# ---- how it is said ---------------------------------------------------------------------------------


def test_every_code_has_its_page() -> None:
    pages = Path(__file__).parents[2] / "docs" / "errors"

    assert [code for code in CODES if not (pages / f"{code}.md").is_file()] == []


def test_every_page_of_facts_is_about_a_code() -> None:
    pages = Path(__file__).parents[2] / "docs" / "errors"

    assert sorted(CODES) == sorted(path.stem for path in pages.glob("PUSH4[0-4]?.md"))


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_to_avoid_and_what_to_prefer(code: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "errors" / f"{code}.md").read_text()

    assert page.startswith(f"# {code}: {CODES[code]}\n")
    assert "## Avoid\n" in page
    assert "## Prefer\n" in page


def test_a_problem_reads_as_one_sentence_with_its_place(write: Write) -> None:
    [found] = errors(write(stock=STOCK + "kl,B,5.0\n"))

    assert str(found) == "stock.csv:3: `5.0` is not a whole number (column `on_hand`)"
    assert found.help == "write `5`"
