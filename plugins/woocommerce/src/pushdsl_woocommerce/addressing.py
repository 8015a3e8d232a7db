"""Cells or listings in; those that share a call, and the path of their collection, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pushdsl.plugins import CellPush, ListingRef, Refused

T = TypeVar("T", CellPush, ListingRef)
ROWS_MAX = 100

NO_IDS = Refused("", "a listing needs a product's id as item_id, and a variation's as variant_id", "bad_request")


def calls(rows: Iterable[T]) -> Iterator[tuple[str, list[T]]]:
    """The variations of each product by themselves, all simple products together, at most ROWS_MAX at once."""
    by_path: dict[str, list[T]] = {}
    for row in rows:
        by_path.setdefault(f"products/{row.item_id}/variations" if row.variant_id else "products", []).append(row)
    for path, all_rows in by_path.items():
        yield from ((path, all_rows[start : start + ROWS_MAX]) for start in range(0, len(all_rows), ROWS_MAX))


def id_of(row: CellPush | ListingRef) -> str:
    return row.variant_id or row.item_id


def has_ids(row: CellPush | ListingRef) -> bool:
    return all(id.isascii() and id.isdecimal() for id in (row.item_id, id_of(row)))
