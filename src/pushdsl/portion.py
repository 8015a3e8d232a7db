"""A catalogue, the SKUs that changed, their stock and what stores show in; the cells that they touch out.

The cost follows from these SKUs and not from the catalogue. Nothing is computed here: the planner plans facts that are
small, under the claims of the large ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pushdsl.cells import Limits
from pushdsl.claims import CONTESTED, Claims, claim, ranges
from pushdsl.model import ABSENT, Bundle, Facts, ListingColumns, Live, LiveColumns, RecordedLive, StockColumns
from pushdsl.planner import PlannedCells, plan_claimed
from pushdsl.rules import CheckedRules

if TYPE_CHECKING:
    from pushdsl.model import Integers


@dataclass(frozen=True, slots=True)
class StockNow:
    """Merchant units of one SKU in one warehouse, within the bounds of the `stock` table."""

    on_hand: int
    allocated: int = 0
    safety: int = 0
    tracked: bool = True
    sell_when_out: bool = False


LiveRow = tuple[str, str, str, Live]
"""Store, store SKU and location, and what is shown there; one row a cell."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What to look up before some SKUs are planned, each sorted.

    `skus` are those given and the bundles that contain them, `stocked` these and all components of the bundles among
    them. `listings` (store and store SKU) are the listings of `skus` that have a cell, or may have under these rules
    at another time.
    """

    skus: tuple[str, ...]
    listings: tuple[tuple[str, str], ...]
    stocked: tuple[str, ...]


class Portion(NamedTuple):
    """Facts with some SKUs and all of their listings, and which rule has each of those.

    The claims are without problems: those are about the whole catalogue, and `claims_at` has them.
    """

    facts: Facts
    claims: Claims


class Catalogue:
    """Rules and facts that stay, ready to plan any few SKUs of them.

    The stock of the facts and what they say that stores show are never looked at: both come with each call. What
    changes the rules or any other table makes another catalogue. SKUs that the facts do not have are left out.
    """

    def __init__(self, rules: CheckedRules, facts: Facts, limits: Mapping[str, Limits]) -> None:
        """`limits` has every store of the rules by name."""
        self._rules, self._facts, self._limits = rules, facts, limits
        self._rows, self._starts = _rows_by_sku(facts)
        self._bundles_with = _bundles_by_component(facts.bundles)
        windows = [rule.window for rule in rules.rules if rule.window is not None and not rule.disabled]
        self._changes = sorted({moment for window in windows for moment in window})
        self._claimed: tuple[int, Claims] | None = None

    def claims_at(self, at: datetime) -> Claims:
        """Which rule has each listing of the whole catalogue; found anew where a window opened or closed since."""
        period, claimed = bisect_right(self._changes, at), self._claimed
        if claimed is None or claimed[0] != period:
            claimed = self._claimed = period, claim(self._rules, self._facts, at)
        return claimed[1]

    def next_change(self, after: datetime) -> datetime | None:
        """When the next window opens or closes; None where none does. Until then the claims stay as they are."""
        following = bisect_right(self._changes, after)
        return self._changes[following] if following < len(self._changes) else None

    def touched(self, skus: Collection[str]) -> Touched:
        concerned, needed = self._concerned(skus)
        listings, stores = self._facts.listings, self._facts.stores
        rows = [row for row in self._rows_of(concerned).tolist() if listings.active[row]]
        named = [(stores[int(listings.store[row])], listings.store_sku[row]) for row in rows]
        return Touched(
            skus=tuple(self._facts.skus[sku] for sku in concerned),
            listings=tuple(pair for pair in named if pair[0] in self._rules.stores),
            stocked=tuple(self._facts.skus[sku] for sku in needed),
        )

    def plan(
        self, skus: Collection[str], stock: Mapping[tuple[str, str], StockNow], live: RecordedLive | Iterable[LiveRow],
        at: datetime,
    ) -> PlannedCells:  # fmt: skip
        """The cells that these SKUs touch, as a plan of everything has them and in its order. See `portion`."""
        small, claims = self.portion(skus, stock, live, at)
        return plan_claimed(self._rules, small, self._limits, claims, at)

    def portion(
        self, skus: Collection[str], stock: Mapping[tuple[str, str], StockNow], live: RecordedLive | Iterable[LiveRow],
        at: datetime,
    ) -> Portion:  # fmt: skip
        """The facts about all that these SKUs touch.

        `stock` is by warehouse and SKU, of all SKUs that `touched` calls stocked: what it lacks has no row. `live` is
        all that is known of the listings touched; listings that it calls unbound are so besides those of the facts.
        Stock and listings that are not touched are left out, so both may hold more.
        """
        concerned, needed = self._concerned(skus)
        rows = self._rows_of(concerned)
        local = {sku: number for number, sku in enumerate(needed)}
        names = [self._facts.skus[sku] for sku in needed]
        index = {name: number for number, name in enumerate(names)}
        warehouses = sorted({warehouse for warehouse, _ in stock})
        listings = _listings_at(self._facts.listings, rows, local)
        stores = [self._facts.stores[store] for store in listings.store.tolist()]
        listing_of = {pair: row for row, pair in enumerate(zip(stores, listings.store_sku, strict=True))}
        shown = _recorded_cells(live) if isinstance(live, RecordedLive) else map(_shown_cell, live)
        facts = Facts(
            skus=names,
            warehouses=warehouses,
            stores=self._facts.stores,
            stock=_stock(stock, warehouses, index),
            listings=listings,
            live=_live_columns(shown, listing_of),
            categories={},
            brands={},
            tags={},
            bundles={local[sku]: _bundle_at(b, local) for sku in concerned if (b := self._facts.bundles.get(sku))},
            sha256="",
            sku_index=index,
            unbound=frozenset(row for row, large in enumerate(rows.tolist()) if large in self._facts.unbound),
        )
        unbound = live.unbound if isinstance(live, RecordedLive) else ()
        lost = [row for pair in unbound if (row := listing_of.get(pair)) is not None and listings.active[row]]
        if lost:
            return self._without(facts, lost, np.array(needed, np.int64), at)
        return Portion(facts, _claims_at(self.claims_at(at), rows))

    def _without(self, facts: Facts, lost: Sequence[int], needed: Integers, at: datetime) -> Portion:
        """The portion with these listings unbound too. Claimed anew: a rule may ask where else a SKU is listed."""
        facts.listings.active[lost] = False
        selectable = replace(
            facts,
            categories=_members_among(needed, self._facts.categories),
            brands=_members_among(needed, self._facts.brands),
            tags=_members_among(needed, self._facts.tags),
            unbound=facts.unbound.union(lost),
        )
        return Portion(selectable, replace(claim(self._rules, selectable, at), problems=()))

    def _concerned(self, skus: Collection[str]) -> tuple[list[int], list[int]]:
        """The SKUs whose cells may change and those whose stock they need, by their sorted numbers in the facts."""
        numbers, bundles = self._facts.sku_index, self._facts.bundles
        given = [numbers[sku] for sku in skus if sku in numbers]
        concerned = set(given).union(*(self._bundles_with.get(sku, ()) for sku in given))
        needed = concerned.union(*(bundles[sku].components for sku in concerned if sku in bundles))
        return sorted(concerned), sorted(needed)

    def _rows_of(self, skus: Sequence[int]) -> Integers:
        """Rows of all listings of these SKUs, in the order of the facts."""
        wanted = np.array(skus, np.int64)
        starts = self._starts[wanted]
        return np.sort(self._rows[ranges(starts, self._starts[wanted + 1] - starts)])


def _rows_by_sku(facts: Facts) -> tuple[Integers, Integers]:
    """Rows of mapped listings in SKU order; those of SKU `i` are from `starts[i]` to `starts[i + 1]`."""
    mapped = np.flatnonzero(facts.listings.sku != ABSENT)
    rows = mapped[np.argsort(facts.listings.sku[mapped], kind="stable")]
    return rows, np.searchsorted(facts.listings.sku[rows], np.arange(len(facts.skus) + 1))


def _bundles_by_component(bundles: Mapping[int, Bundle]) -> Mapping[int, Sequence[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for sku, bundle in bundles.items():
        for component in bundle.components:
            found[component].append(sku)
    return found


# ---- small facts ------------------------------------------------------------------------------------


def _listings_at(listings: ListingColumns, rows: Integers, local: Mapping[int, int]) -> ListingColumns:
    places = rows.tolist()
    return ListingColumns(
        store=listings.store[rows],
        store_sku=[listings.store_sku[row] for row in places],
        item_id=[listings.item_id[row] for row in places],
        variant_id=[listings.variant_id[row] for row in places],
        sku=np.array([local[sku] for sku in listings.sku[rows].tolist()], np.int64),
        pack=listings.pack[rows],
        active=listings.active[rows],
        locations=[listings.locations[row] for row in places],
        max_quantity=listings.max_quantity[rows],
        preorder_days_min=listings.preorder_days_min[rows],
        preorder_days_max=listings.preorder_days_max[rows],
    )


def _bundle_at(bundle: Bundle, local: Mapping[int, int]) -> Bundle:
    return Bundle(tuple(local[component] for component in bundle.components), bundle.needed)


def _stock(
    stock: Mapping[tuple[str, str], StockNow], warehouses: Sequence[str], index: Mapping[str, int]
) -> StockColumns:
    shape = (len(warehouses), len(index))
    present, unlimited = np.zeros(shape, bool), np.zeros(shape, bool)
    quantity, safety = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    number = {warehouse: row for row, warehouse in enumerate(warehouses)}
    for (warehouse, sku), now in stock.items():
        if sku in index:
            cell = number[warehouse], index[sku]
            present[cell] = True
            quantity[cell] = now.on_hand - now.allocated
            unlimited[cell] = not now.tracked or now.sell_when_out
            safety[cell] = now.safety
    return StockColumns(present, quantity, unlimited, safety)


_Shown = tuple[str, str, str, int | None, int | None, bool, int | None, int | None]
"""Store, store SKU, location, quantity, reserved, pre-order, days, and milliseconds since 1970 of the last push."""


def _recorded_cells(live: RecordedLive) -> Iterator[_Shown]:
    return zip(
        live.store, live.store_sku, live.location, live.quantity, live.reserved, live.preorder, live.days,
        live.confirmed_at, strict=True,
    )  # fmt: skip


def _shown_cell(row: LiveRow) -> _Shown:
    store, store_sku, location, live = row
    confirmed_at = None if live.confirmed_at is None else round(live.confirmed_at.timestamp() * 1000)
    return store, store_sku, location, live.quantity, live.reserved, live.mode == "preorder", live.days, confirmed_at


def _live_columns(shown: Iterable[_Shown], listing_of: Mapping[tuple[str, str], int]) -> LiveColumns:
    cells = [
        (row, location, *numbers)
        for store, store_sku, location, *numbers in shown
        if (row := listing_of.get((store, store_sku))) is not None
    ]
    listing, locations, quantity, reserved, preorder, days, confirmed_at = (
        zip(*cells, strict=True) if cells else [()] * 7
    )
    return LiveColumns(
        listing=np.array(listing, np.int64),
        location=list(locations),
        quantity=_or(ABSENT, quantity),
        reserved=_or(0, reserved),
        preorder=np.array(preorder, bool),
        days=_or(ABSENT, days),
        confirmed_at=_or(ABSENT, confirmed_at),
    )


def _or(otherwise: int, numbers: Iterable[int | None]) -> Integers:
    return np.array([otherwise if number is None else number for number in numbers], np.int64)


def _claims_at(claims: Claims, rows: Integers) -> Claims:
    owner = claims.owner[rows]
    contested = np.flatnonzero(owner == CONTESTED).tolist()
    return Claims(owner, {row: claims.contested[int(rows[row])] for row in contested}, ())


def _members_among(skus: Integers, members: Mapping[str, Integers]) -> dict[str, Integers]:
    """For each value the places among these sorted SKUs of those that have it."""
    found: dict[str, Integers] = {}
    for value, having in members.items():
        nearest = having[np.minimum(np.searchsorted(having, skus), len(having) - 1)]
        found[value] = np.flatnonzero(nearest == skus)
    return found
