"""The `live` table and what the store of record knows in; what the stores show, one row a cell, out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from pushdsl.errors import Problem
from pushdsl.facts.table import Table, combined
from pushdsl.model import ABSENT, LiveColumns, RecordedLive

if TYPE_CHECKING:
    from pushdsl.model import Flags, Integers


class ListingRows:
    """Finds the row of a listing in the order of the facts."""

    def __init__(self, listings: Table, order: Integers) -> None:
        stores, store_skus = listings.names("store"), listings.names("store_sku")
        self._stores, self._store_skus = _Numbers(stores.values), _Numbers(store_skus.values)
        self._keys = combined([stores, store_skus])[order]

    def of_table(self, live: Table) -> Integers:
        """The listing of each row; ABSENT where there is none."""
        stores, store_skus = live.names("store"), live.names("store_sku")
        store = self._stores.of_sorted(stores.values)[stores.codes]
        return self._find(store, self._store_skus.of_sorted(store_skus.values)[store_skus.codes])

    def of(self, stores: Sequence[str], store_skus: Sequence[str]) -> Integers:
        """The listing of each pair; ABSENT where there is none."""
        return self._find(self._stores.of(stores), self._store_skus.of(store_skus))

    def _find(self, stores: Integers, store_skus: Integers) -> Integers:
        if not len(self._keys):
            return np.full(len(stores), ABSENT, np.int64)
        keys = stores * len(self._store_skus.names) + store_skus
        rows = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found = (self._keys[rows] == keys) & (stores != ABSENT) & (store_skus != ABSENT)
        return np.where(found, rows, ABSENT)


class _Numbers:
    """The place of each name in a sorted list."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    @cached_property
    def _number(self) -> dict[str, int]:
        return dict(zip(self.names, range(len(self.names)), strict=True))

    def of_sorted(self, names: list[str]) -> Integers:
        """As `of`, at once where they are the same names."""
        return np.arange(len(names)) if names == self.names else self.of(names)

    def of(self, names: Sequence[str]) -> Integers:
        """ABSENT where a name is not in the list."""
        return np.fromiter(map(self._number.get, names, repeat(ABSENT)), np.int64, len(names))


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


def live_columns(
    live: Table, shows: Integers, recorded: RecordedLive | None, listings: ListingRows
) -> tuple[LiveColumns, bytes]:
    """Cells that were recorded replace the table's. The bytes stand for the recorded ones, empty if there are none.

    `shows` is the listing of each row of the table. Rows without a listing are left out. The order
    is by listing and location.
    """
    locations = sorted({*live.names("location").values, *(recorded.location if recorded else ())})
    shown = _table_rows(live, shows, locations)
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


def lost_rows(live: Table, shows: Integers) -> Iterator[Problem]:
    """One warning for all rows of the table whose listing does not exist."""
    lost = np.flatnonzero(shows == ABSENT)
    if len(lost):
        shown = ", ".join(f"`{live.text('store_sku', r)}` of `{live.text('store', r)}`" for r in lost[:3].tolist())
        rows = f"{len(lost):,} row{'s' if len(lost) > 1 else ''}"
        message = f"{rows} of listings that are not in `listings`, so not read: {shown}{', …' if len(lost) > 3 else ''}"
        help = "add the listings, or delete the rows"
        yield Problem("PUSH421", message, live.file, live.line_of(int(lost[0])), "store_sku", help, "warning")


def _table_rows(live: Table, listing: Integers, locations: list[str]) -> _Rows:
    names = live.names("location")
    location = _Numbers(locations).of_sorted(names.values)[names.codes]
    numbers = live.numbers
    rows = _Rows(
        listing, location, numbers("quantity"), numbers("reserved"), live.flags("mode"), numbers("days"),
        numbers("confirmed_at"),
    )  # fmt: skip
    return rows.at(listing != ABSENT)


def _recorded_rows(recorded: RecordedLive, listings: ListingRows, locations: list[str]) -> _Rows:
    """What was recorded of listings that exist, in their order; reserved is ABSENT where it is not known."""
    listing = listings.of(recorded.store, recorded.store_sku)
    rows = _Rows(
        listing, _Numbers(locations).of(recorded.location), _or_absent(recorded.quantity),
        _or_absent(recorded.reserved), np.array(recorded.preorder, bool), _or_absent(recorded.days),
        _or_absent(recorded.confirmed_at),
    )  # fmt: skip
    order = np.lexsort((rows.location, listing))
    return rows.at(order[listing[order] != ABSENT])


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
