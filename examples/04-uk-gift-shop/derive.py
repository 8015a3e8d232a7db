"""The order lines of the Online Retail data set in; the fact tables of this example out.

    python derive.py online_retail_2010_2011.parquet

Stock is what a shop would hold on 1 March 2011 if it had bought, for each SKU, what it sold in the three months
before. Orders of the last day are allocated and not yet shipped. Everything is a plain function of the data:
the same file gives the same tables.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

FACTS = Path(__file__).parent / "facts"
STOCK_DAY = datetime(2011, 3, 1)  # the data set has no time zone
LAST_DAY = datetime(2011, 2, 28)
CATEGORIES = (
    ("Christmas", r"CHRISTMAS|XMAS|ADVENT|SANTA|REINDEER|SNOW"),
    ("Easter", r"EASTER|\bEGG|CHICK|RABBIT|BUNNY"),
    ("Jewellery", r"NECKLACE|EARRING|BRACELET|\bRING\b|CHARM|BROOCH|DIAMANTE|HAIR"),
    ("Lighting", r"T-LIGHT|CANDLE|LANTERN|LIGHT|LAMP"),
    ("Bags", r"\bBAG|PURSE|LUGGAGE|SUITCASE"),
    ("Kitchen", r"MUG|\bCUP|TEA|CAKE|BOWL|PLATE|KITCHEN|CUTLERY|JAR|BOTTLE|JUG|LUNCH|BAKING|TRAY|COOK"),
    ("Stationery", r"CARD|WRAP|PAPER|NOTEBOOK|PENCIL|\bPEN\b|STICKER|RIBBON|TAPE|CHALK"),
    ("Garden", r"GARDEN|PLANT|FLOWER POT|WATERING|BIRD|PARASOL|HERB"),
    ("Home", r"CUSHION|CLOCK|FRAME|MIRROR|HOOK|SIGN|DRAWER|DOOR|WALL|DECORATION|CABINET|TIN|BOX|METAL|ZINC|HANGING"),
)
TIKTOK_CATEGORIES = {"Christmas", "Easter", "Jewellery", "Lighting", "Bags", "Kitchen", "Stationery", "Home"}


def main(parquet: str) -> None:
    goods = pl.read_parquet(parquet).filter(pl.col("sku").str.contains(r"^\d{5}[A-Za-z]{0,2}$"))
    names = dict(
        goods.drop_nulls("description")
        .filter(pl.col("description").str.contains(r"^[A-Z0-9]"))
        .group_by("sku", "description").len()
        .sort("len", "description", descending=[True, False])
        .unique("sku", keep="first")
        .select("sku", "description").rows()
    )  # fmt: skip
    skus = sorted(goods["sku"].unique())
    category = {sku: _category(names.get(sku, "")) for sku in skus}
    sold = _pieces(goods.filter(pl.col("at") < STOCK_DAY))
    today = _pieces(goods.filter((pl.col("at") >= LAST_DAY) & (pl.col("at") < STOCK_DAY)))
    loved = sorted(skus, key=lambda sku: (-sold.get(sku, 0), sku))[:150]

    _write("skus", ("sku", "name", "category", "tags"), _sku_rows(skus, names, category, set(loved)))
    _write("stock", ("warehouse", "sku", "on_hand", "allocated", "safety"), _stock_rows(skus, sold, today))
    _write(
        "listings",
        ("store", "store_sku", "item_id", "variant_id", "sku", "pack", "preorder_days_min", "preorder_days_max"),
        _listing_rows(skus, category, loved),
    )
    _write("live", ("store", "store_sku", "quantity", "reserved"), _live_rows(loved))


def _category(name: str) -> str:
    return next((title for title, pattern in CATEGORIES if re.search(pattern, name)), "Gifts")


def _pieces(lines: pl.DataFrame) -> dict[str, int]:
    """Pieces by SKU, cancellations and corrections taken off."""
    return dict(lines.group_by("sku").agg(pl.col("quantity").sum()).rows())


def _sku_rows(
    skus: Iterable[str], names: dict[str, str], category: dict[str, str], loved: set[str]
) -> Iterable[tuple[object, ...]]:
    for sku in skus:
        yield sku, names.get(sku, "").strip().title(), category[sku], "bestseller" if sku in loved else ""


def _stock_rows(skus: Iterable[str], sold: dict[str, int], today: dict[str, int]) -> Iterable[tuple[object, ...]]:
    """Felixstowe holds the bulk of what sells by the hundred; Leeds packs everything else."""
    for sku in skus:
        pieces, allocated = sold.get(sku, 0), max(0, today.get(sku, 0))
        bulk = pieces // 2 if pieces > 200 else 0
        yield "leeds", sku, pieces - bulk, min(allocated, max(0, pieces - bulk)), min(10, max(0, pieces) // 50)
        if bulk:
            yield "felixstowe", sku, bulk, 0, 0


def _listing_rows(skus: list[str], category: dict[str, str], loved: list[str]) -> Iterable[tuple[object, ...]]:
    """SKUs of one stem (85123A, 85123B) are variants of one item. Lazada also sells the best in packs of six."""
    for number, sku in enumerate(skus, start=1):
        item = int(sku[:5])
        yield "shopee_my", sku, 200_000_000 + item, 900_000_000 + number, sku, 1, 7, 30
        yield "lazada_my", sku, 3_000_000_000 + item, 12_000_000_000 + number, sku, 1, "", ""
        if category[sku] in TIKTOK_CATEGORIES:
            yield "tiktok_my", sku, 1_729_300_000_000_000_000 + item, 1_729_500_000_000_000_000 + number, sku, 1, "", ""
    for number, sku in enumerate(loved, start=1):
        yield "lazada_my", f"{sku}-X6", 3_100_000_000 + int(sku[:5]), 12_100_000_000 + number, sku, 6, "", ""


def _live_rows(loved: list[str]) -> Iterable[tuple[object, ...]]:
    """A flash sale on Shopee keeps a few pieces of the best sellers."""
    for number, sku in enumerate(loved[:40]):
        yield "shopee_my", sku, 20, 3 + number % 5


def _write(table: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with (FACTS / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1])
