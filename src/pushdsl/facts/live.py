"""The `live` table and what the store of record knows in; what the stores show, one row a cell, out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from pushdsl.errors import Problem
from pushdsl.facts.table import Table, combined
from pushdsl.model import ABSENT, LiveColumns, RecordedLive

if TYPE_CHECKING:
    from pushdsl.model import Flags, Integers


@dataclass(frozen=True, slots=True)
class ListingRows:
    """Finds the row of a listing in the order of the facts. `keys` is ascending, one for each listing."""

    stores: dict[str, int]
    store_skus: dict[str, int]
    keys: Integers

    @classmethod
    def of(cls, listings: Table, order: Integers) -> ListingRows:
        stores, store_skus = listings.names("store"), listings.names("store_sku")
        return cls(
            {name: number for number, name in enumerate(stores.values)},
            {name: number for number, name in enumerate(store_skus.values)},
            combined([stores, store_skus])[order],
        )

    def find(self, stores: Integers, store_skus: Integers) -> Integers:
        """Rows of these stores and store SKUs, given by number; ABSENT where there is none."""
        keys = stores * len(self.store_skus) + store_skus
        if not len(self.keys):
            return np.full(len(keys), ABSENT, np.int64)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = (self.keys[rows] == keys) & (stores != ABSENT) & (store_skus != ABSENT)
        return np.where(found, rows, ABSENT)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Live rows of listings that exist, as columns; `location` are numbers of the names of both sources."""

    listing: Integers
    location: Integers
    quantity: Integers
    reserved: Integers
    preorder: Flags
    days: Integers
    confirmed_at: Integers

    def at(self, rows: Integers | Flags) -> _Rows:
        return _Rows(
            self.listing[rows], self.location[rows], self.quantity[rows], self.reserved[rows], self.preorder[rows],
            self.days[rows], self.confirmed_at[rows],
        )  # fmt: skip

    def then(self, other: _Rows) -> _Rows:
        return _Rows(
            np.append(self.listing, other.listing), np.append(self.location, other.location),
            np.append(self.quantity, other.quantity), np.append(self.reserved, other.reserved),
            np.append(self.preorder, other.preorder), np.append(self.days, other.days),
            np.append(self.confirmed_at, other.confirmed_at),
        )  # fmt: skip

    def digest(self) -> bytes:
        """Covers the rows, not the names of the locations."""
        covered = hashlib.sha256()
        for field in fields(self):
            covered.update(getattr(self, field.name).tobytes())
        return covered.digest()


def live_columns(live: Table, recorded: RecordedLive | None, listings: ListingRows) -> tuple[LiveColumns, bytes]:
    """Cells that were recorded replace the table's. The bytes stand for the recorded ones, empty if there are none.

    Rows without a listing are left out. The order is by listing and location.
    """
    locations = sorted({*live.names("location").values, *(recorded.location if recorded else ())})
    shown = _table_rows(live, listings, locations)
    digest = b""
    if recorded is not None and recorded.store:
        known = _recorded_rows(recorded, listings, locations)
        if len(known.listing):
            digest = known.digest() + _digest_of(locations)
        shown = _replaced(shown, known, len(locations))
    shown = shown.at(np.lexsort((shown.location, shown.listing)))
    names = np.array(locations or [""], object)[shown.location].tolist()
    days, reserved = shown.days, np.maximum(shown.reserved, 0)
    columns = LiveColumns(shown.listing, names, shown.quantity, reserved, shown.preorder, days, shown.confirmed_at)
    return columns, digest


def lost_rows(live: Table, listings: ListingRows) -> Iterator[Problem]:
    """One warning for all rows of the table whose listing does not exist."""
    lost = np.flatnonzero(_listing_of(live, listings) == ABSENT)
    if len(lost):
        shown = ", ".join(f"`{live.text('store_sku', r)}` of `{live.text('store', r)}`" for r in lost[:3].tolist())
        rows = f"{len(lost):,} row{'s' if len(lost) > 1 else ''}"
        message = f"{rows} of listings that are not in `listings`, so not read: {shown}{', …' if len(lost) > 3 else ''}"
        help = "add the listings, or delete the rows"
        yield Problem("PUSH421", message, live.file, live.line_of(int(lost[0])), "store_sku", help, "warning")


def _table_rows(live: Table, listings: ListingRows, locations: Sequence[str]) -> _Rows:
    listing = _listing_of(live, listings)
    names = live.names("location")
    number = {name: n for n, name in enumerate(locations)}
    location = np.array([number[name] for name in names.values], np.int64)[names.codes]
    numbers = live.numbers
    rows = _Rows(
        listing, location, numbers("quantity"), numbers("reserved"), live.flags("mode"), numbers("days"),
        numbers("confirmed_at"),
    )  # fmt: skip
    return rows.at(listing != ABSENT)


def _listing_of(live: Table, listings: ListingRows) -> Integers:
    stores, store_skus = live.names("store"), live.names("store_sku")
    store = np.array([listings.stores.get(name, ABSENT) for name in stores.values], np.int64)
    store_sku = np.array([listings.store_skus.get(name, ABSENT) for name in store_skus.values], np.int64)
    return listings.find(store[stores.codes], store_sku[store_skus.codes])


def _recorded_rows(recorded: RecordedLive, listings: ListingRows, locations: Sequence[str]) -> _Rows:
    """What was recorded of listings that exist, in their order; reserved is ABSENT where it is not known."""
    number = {name: n for n, name in enumerate(locations)}
    stores, store_skus = _numbers(recorded.store, listings.stores), _numbers(recorded.store_sku, listings.store_skus)
    listing = listings.find(stores, store_skus)
    rows = _Rows(
        listing, _numbers(recorded.location, number), _or_absent(recorded.quantity), _or_absent(recorded.reserved),
        np.array(recorded.preorder, bool), _or_absent(recorded.days), _or_absent(recorded.confirmed_at),
    )  # fmt: skip
    order = np.lexsort((rows.location, listing))
    return rows.at(order[listing[order] != ABSENT])


def _numbers(names: Sequence[str], number: dict[str, int]) -> Integers:
    return np.fromiter(map(number.get, names, repeat(ABSENT)), np.int64, len(names))


def _or_absent(numbers: Sequence[int | None]) -> Integers:
    return np.array([ABSENT if number is None else number for number in numbers], np.int64)


def _replaced(shown: _Rows, known: _Rows, locations: int) -> _Rows:
    """The recorded rows, then those of the table that are not among them; `known` is in order."""
    known_keys = known.listing * locations + known.location
    keys = shown.listing * locations + shown.location
    if not len(known_keys):
        return shown
    at = np.minimum(np.searchsorted(known_keys, keys), len(known_keys) - 1)
    same = known_keys[at] == keys
    reserved = known.reserved.copy()
    behind = at[same]
    reserved[behind] = np.where(known.reserved[behind] == ABSENT, shown.reserved[same], known.reserved[behind])
    merged = _Rows(
        known.listing, known.location, known.quantity, reserved, known.preorder, known.days, known.confirmed_at
    )
    return merged.then(shown.at(~same))


def _digest_of(names: Sequence[str]) -> bytes:
    return hashlib.sha256("\0".join(f"{len(name)}:{name}" for name in names).encode()).digest()
