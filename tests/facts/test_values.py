"""What the tables mean: defaults, order, indexes, and what the store of record replaces."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.facts import read_facts
from pushdsl.model import ABSENT, Bundle, Facts, RecordedLive

STOCK = "warehouse,sku,on_hand\nkl,A,5\n"
EVERY = (
    "store,store_sku,item_id,variant_id,sku,pack,status,locations,max_quantity,preorder_days_min,preorder_days_max\n"
)
LISTINGS = "store,store_sku,sku\nshop,a,A\n"


def written(folder: Path, **tables: str) -> Path:
    for table, text in ({"stock": STOCK, "listings": LISTINGS} | tables).items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return folder


def facts(folder: Path, **tables: str) -> Facts:
    return read_facts(written(folder, **tables))[0]


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


# ---- stock ------------------------------------------------------------------------------------------


def test_stock_is_on_hand_less_allocated_in_each_warehouse(tmp_path: Path) -> None:
    found = facts(tmp_path, stock="warehouse,sku,on_hand,allocated\nkl,B,5,2\njb,B,-3,\nkl,A,7,9\n")

    assert (found.warehouses, found.skus) == (["jb", "kl"], ["A", "B"])
    assert found.stock.quantity.tolist() == [[0, -3], [-2, 3]]
    assert found.stock.present.tolist() == [[False, True], [True, True]]


def test_stock_is_unlimited_where_untracked_or_sold_when_out(tmp_path: Path) -> None:
    head = "warehouse,sku,on_hand,tracked,sell_when_out\n"
    found = facts(tmp_path, stock=head + "kl,A,5,,\nkl,B,5,FALSE,\nkl,C,5,,True\nkl,D,5,true,false\n")

    assert found.stock.unlimited.tolist() == [[False, True, True, False]]


def test_safety_is_0_where_blank(tmp_path: Path) -> None:
    found = facts(tmp_path, stock="warehouse,sku,on_hand,safety\nkl,A,5,\nkl,B,5,3\n")

    assert found.stock.safety.tolist() == [[0, 3]]


@pytest.mark.parametrize("sku", ["00123", "1.0", "TRUE", "null", "NaN", " A ", "a,b", 'a"b', "a\nb", "é", "😀", "-"])
def test_a_sku_is_kept_exactly_as_written(tmp_path: Path, sku: str) -> None:
    quoted = sku.replace('"', '""')
    found = facts(tmp_path, stock=f'warehouse,sku,on_hand\nkl,"{quoted}",5\n')

    assert found.skus == sorted(["A", sku])


def test_skus_are_sorted_by_code_point(tmp_path: Path) -> None:
    names = ["a", "B", "é", "\uffff", "😀", "10", "9"]
    found = facts(tmp_path, stock="warehouse,sku,on_hand\n" + "".join(f"kl,{name},1\n" for name in names))

    assert found.skus == sorted([*names, "A"])
    assert [found.sku_index[name] for name in found.skus] == list(range(8))


def test_skus_of_every_table_are_known(tmp_path: Path) -> None:
    found = facts(tmp_path, skus="sku\nC\n", bundles="sku,component,quantity\nSET,PART,2\n")

    assert found.skus == ["A", "C", "PART", "SET"]


# ---- listings ---------------------------------------------------------------------------------------


def test_listings_are_sorted_by_store_and_store_sku(tmp_path: Path) -> None:
    found = facts(tmp_path, listings="store,store_sku,sku\nz,a,A\nb,b,A\nb,B,A\nb,10,A\n")

    assert found.stores == ["b", "z"]
    assert list(zip(found.listings.store.tolist(), found.listings.store_sku, strict=True)) == [
        (0, "10"), (0, "B"), (0, "b"), (1, "a"),
    ]  # fmt: skip


def test_blank_cells_of_a_listing_are_its_defaults(tmp_path: Path) -> None:
    listings = facts(tmp_path, listings=EVERY + "shop,a,,,A,,,,,,\n").listings

    assert (listings.item_id, listings.variant_id, listings.locations) == ([""], [""], [None])
    assert (listings.pack.tolist(), listings.active.tolist()) == ([1], [True])
    assert listings.max_quantity.tolist() == [ABSENT]
    assert [ABSENT] == listings.preorder_days_min.tolist() == listings.preorder_days_max.tolist()


def test_columns_that_are_not_there_are_all_default(tmp_path: Path) -> None:
    blank = facts(tmp_path, listings=EVERY + "shop,a,,,A,,,,,,\n").listings
    absent = facts(tmp_path, listings=LISTINGS).listings

    assert str(blank) == str(absent)


def test_cells_of_a_listing_are_read(tmp_path: Path) -> None:
    listings = facts(tmp_path, listings=EVERY + "shop,a,0101,202,A,6,inactive,MY-02|MY-01|MY-02,0,7,30\n").listings

    assert (listings.item_id, listings.variant_id, listings.locations) == (["0101"], ["202"], [("MY-02", "MY-01")])
    assert (listings.pack.tolist(), listings.active.tolist(), listings.max_quantity.tolist()) == ([6], [False], [0])
    assert (listings.preorder_days_min.tolist(), listings.preorder_days_max.tolist()) == ([7], [30])


def test_a_listing_without_a_sku_is_not_mapped(tmp_path: Path) -> None:
    found = facts(tmp_path, listings="store,store_sku,sku\nshop,a,\nshop,b,A\n")

    assert (found.listings.sku.tolist(), found.skus) == ([ABSENT, 0], ["A"])


def test_tables_without_rows_are_read(tmp_path: Path) -> None:
    found = facts(
        tmp_path, stock="warehouse,sku,on_hand\n", listings="store,store_sku,sku\n", live="store,store_sku,quantity"
    )

    assert (found.skus, found.warehouses, found.stores, found.live.location) == ([], [], [], [])
    assert found.stock.quantity.shape == (0, 0)


def test_rows_that_are_wholly_blank_are_left_out(tmp_path: Path) -> None:
    found = facts(tmp_path, stock="warehouse,sku,on_hand\n,,\nkl,A,5\n\n,,\n")

    assert found.stock.quantity.tolist() == [[5]]


def test_columns_may_stand_in_any_order_after_a_byte_order_mark(tmp_path: Path) -> None:
    found = facts(tmp_path, stock="\ufeffon_hand,sku,warehouse\r\n5,A,kl\r\n")

    assert (found.skus, found.stock.quantity.tolist()) == (["A"], [[5]])


# ---- skus and bundles -------------------------------------------------------------------------------


def test_categories_brands_and_tags_name_their_skus_in_order(tmp_path: Path) -> None:
    head = "sku,name,category,brand,tags\n"
    found = facts(tmp_path, skus=head + 'C,,Beauty,Acme,new|old\nB,"x, y",Beauty,,old\nA,,,acme,new|new\nD,,,,\n')

    assert {name: rows.tolist() for name, rows in found.categories.items()} == {"Beauty": [1, 2]}
    assert {name: rows.tolist() for name, rows in found.brands.items()} == {"Acme": [2], "acme": [0]}
    assert {name: rows.tolist() for name, rows in found.tags.items()} == {"new": [0, 2], "old": [1, 2]}


def test_a_bundle_has_its_components_in_the_order_of_the_skus(tmp_path: Path) -> None:
    found = facts(tmp_path, bundles="sku,component,quantity\nSET,Z,2\nSET,A,1\n")

    assert found.skus == ["A", "SET", "Z"]
    assert found.bundles == {1: Bundle((0, 2), (1, 2))}


# ---- live -------------------------------------------------------------------------------------------


def test_live_rows_are_sorted_by_listing_and_location(tmp_path: Path) -> None:
    live = facts(
        tmp_path,
        listings="store,store_sku,sku\nshop,b,A\nshop,a,A\n",
        live="store,store_sku,location,quantity\nshop,b,L2,1\nshop,a,,2\nshop,b,L1,3\nshop,b,,4\n",
    ).live

    assert list(zip(live.listing.tolist(), live.location, live.quantity.tolist(), strict=True)) == [
        (0, "", 2), (1, "", 4), (1, "L1", 3), (1, "L2", 1),
    ]  # fmt: skip


def test_blank_live_cells_are_unknown_or_default(tmp_path: Path) -> None:
    head = "store,store_sku,location,quantity,reserved,mode,days,confirmed_at\n"
    live = facts(tmp_path, live=head + "shop,a,,,,,,\n").live

    assert (live.quantity.tolist(), live.reserved.tolist(), live.preorder.tolist()) == ([ABSENT], [0], [False])
    assert (live.days.tolist(), live.confirmed_at.tolist()) == ([ABSENT], [ABSENT])


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-05-04T11:00:00Z", datetime(2026, 5, 4, 11, tzinfo=UTC)),
        ("2026-05-04T11:00Z", datetime(2026, 5, 4, 11, tzinfo=UTC)),
        ("2026-05-04 11:00:00+08:00", datetime(2026, 5, 4, 3, tzinfo=UTC)),
        ("2026-05-04T11:00:00-03:30", datetime(2026, 5, 4, 14, 30, tzinfo=UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_milliseconds_since_1970(tmp_path: Path, cell: str, moment: datetime) -> None:
    live = facts(tmp_path, live=f"store,store_sku,quantity,confirmed_at\nshop,a,5,{cell}\n").live

    assert live.confirmed_at.tolist() == [milliseconds(moment)]


def test_less_than_a_millisecond_is_cut_off(tmp_path: Path) -> None:
    live = facts(tmp_path, live="store,store_sku,quantity,confirmed_at\nshop,a,5,1970-01-01T00:00:01.9999Z\n").live

    assert live.confirmed_at.tolist() == [1999]


# ---- the store of record ----------------------------------------------------------------------------


def recorded(*rows: tuple[str, str, int | None, int | None, bool, int | None, int | None]) -> RecordedLive:
    """Rows of store SKU in `shop`, location, quantity, reserved, pre-order, days, confirmed at."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    return RecordedLive(["shop"] * len(rows), *columns)  # type: ignore[arg-type]  # the columns have the rows' types


LIVE = (
    "store,store_sku,location,quantity,reserved,mode,days,confirmed_at\n"
    "shop,a,,5,2,preorder,7,2026-05-04T11:00:00Z\n"
    "shop,b,,6,3,,,\n"
)
TWO = "store,store_sku,sku\nshop,a,A\nshop,b,A\n"


def test_recorded_cells_replace_rows_of_the_live_table(tmp_path: Path) -> None:
    folder = written(tmp_path, listings=TWO, live=LIVE)

    live = read_facts(folder, recorded(("a", "", 9, 4, False, None, 1000)))[0].live

    assert (live.listing.tolist(), live.quantity.tolist(), live.reserved.tolist()) == ([0, 1], [9, 6], [4, 3])
    assert (live.preorder.tolist(), live.days.tolist()) == ([False, False], [ABSENT, ABSENT])
    assert live.confirmed_at.tolist() == [1000, ABSENT]


def test_what_the_record_does_not_know_is_unknown_but_for_reserved(tmp_path: Path) -> None:
    folder = written(tmp_path, listings=TWO, live=LIVE)

    live = read_facts(folder, recorded(("a", "", None, None, True, None, None)))[0].live

    assert (live.quantity.tolist(), live.reserved.tolist(), live.preorder.tolist()) == (
        [ABSENT, 6],
        [2, 3],
        [True, False],
    )
    assert (live.days.tolist(), live.confirmed_at.tolist()) == ([ABSENT, ABSENT], [ABSENT, ABSENT])


def test_reserved_is_0_where_neither_knows_it(tmp_path: Path) -> None:
    live = read_facts(written(tmp_path), recorded(("a", "L", 9, None, False, None, None)))[0].live

    assert (live.location, live.reserved.tolist()) == (["L"], [0])


def test_recorded_cells_at_other_locations_stand_beside_the_table(tmp_path: Path) -> None:
    folder = written(tmp_path, listings=TWO, live=LIVE)

    live = read_facts(folder, recorded(("b", "L", 1, None, False, None, None), ("a", "K", 2, 1, True, 7, 5)))[0].live

    assert list(zip(live.listing.tolist(), live.location, live.quantity.tolist(), strict=True)) == [
        (0, "", 5), (0, "K", 2), (1, "", 6), (1, "L", 1),
    ]  # fmt: skip


def test_recorded_cells_without_a_listing_are_ignored(tmp_path: Path) -> None:
    folder = written(tmp_path)
    gone = RecordedLive(["shop", "other"], ["b", "a"], ["", ""], [1, 2], [3, 4], [False] * 2, [None] * 2, [None] * 2)

    found, warnings = read_facts(folder, gone)

    assert (found.live.location, warnings) == ([], ())


def test_a_record_without_cells_changes_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path, live=LIVE.replace("shop,b", "shop,c"), listings=TWO.replace(",b", ",c"))

    assert str(read_facts(folder, recorded())[0]) == str(read_facts(folder)[0])


# ---- the digest -------------------------------------------------------------------------------------


def test_the_digest_follows_the_bytes_of_the_tables_and_nothing_else(tmp_path: Path) -> None:
    before = facts(tmp_path).sha256
    (tmp_path / "README.md").write_text("about these tables")

    assert facts(tmp_path).sha256 == before
    assert facts(tmp_path, stock=STOCK.replace("5", "6")).sha256 != before
    assert facts(tmp_path).sha256 == before
    assert facts(tmp_path, live=LIVE.replace("shop,b", "shop,c")).sha256 != before


def test_the_digest_covers_every_recorded_value_in_any_order(tmp_path: Path) -> None:
    folder = written(tmp_path, listings=TWO)
    row = ("a", "", 9, 4, False, 7, 1000)
    other = ("b", "L", 1, None, True, None, None)
    changed = [
        ("a", "K", 9, 4, False, 7, 1000),
        ("a", "", 8, 4, False, 7, 1000),
        ("a", "", 9, 5, False, 7, 1000),
        ("a", "", 9, 4, True, 7, 1000),
        ("a", "", 9, 4, False, 8, 1000),
        ("a", "", 9, 4, False, 7, 1001),
    ]
    digests = [read_facts(folder, recorded(first, other))[0].sha256 for first in [row, *changed]]

    assert read_facts(folder, recorded(other, row))[0].sha256 == digests[0]
    assert len(set(digests)) == len(digests)


Cell = tuple[str, str, str]
CELLS = st.tuples(st.sampled_from(["shop", "z"]), st.sampled_from(["a", "b", "gone"]), st.sampled_from(["", "L", "K"]))
MAYBE = st.none() | st.integers(0, 5)
SHOWN = st.tuples(MAYBE, MAYBE, st.booleans(), MAYBE, MAYBE)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(CELLS, SHOWN, max_size=8), st.dictionaries(CELLS, SHOWN, max_size=8))
def test_the_record_and_the_table_are_joined_cell_by_cell(
    tmp_path_factory: pytest.TempPathFactory, table: dict[Cell, tuple[Any, ...]], known: dict[Cell, tuple[Any, ...]]
) -> None:
    listed = [("shop", "a"), ("shop", "b"), ("z", "a")]
    rows = "".join(",".join([*cell, *_live_cells(*shown)]) + "\n" for cell, shown in table.items())
    folder = written(
        tmp_path_factory.getbasetemp(),
        listings="store,store_sku,sku\n" + "".join(f"{store},{store_sku},A\n" for store, store_sku in listed),
        live="store,store_sku,location,quantity,reserved,mode,days,confirmed_at\n" + rows,
    )
    columns = [list(column) for column in zip(*(cell + shown for cell, shown in known.items()), strict=True)]

    live = read_facts(folder, RecordedLive(*(columns or [[] for _ in range(8)])))[0].live

    expected = {}
    for store, store_sku, location in sorted({*table, *known}):
        cell = (store, store_sku, location)
        if (store, store_sku) in listed:
            quantity, reserved, preorder, days, confirmed_at = known.get(cell) or table[cell]
            if reserved is None:
                reserved = table[cell][1] if cell in table else None
            expected[listed.index((store, store_sku)), location] = (
                *(ABSENT if n is None else n for n in (quantity, days, confirmed_at)), reserved or 0, preorder
            )  # fmt: skip
    keys = list(zip(live.listing.tolist(), live.location, strict=True))
    numbers = (live.quantity, live.days, live.confirmed_at, live.reserved, live.preorder)
    assert dict(zip(keys, zip(*(column.tolist() for column in numbers), strict=True), strict=True)) == expected
    assert keys == sorted(keys)


def _live_cells(
    quantity: int | None, reserved: int | None, preorder: bool, days: int | None, at: int | None
) -> list[str]:
    numbers = ["" if number is None else str(number) for number in (quantity, reserved, days)]
    moment = "" if at is None else f"1970-01-01T00:00:00.{at:03d}Z"
    return [numbers[0], numbers[1], "preorder" if preorder else "normal", numbers[2], moment]
