"""Sound tables in; facts as columns out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pushdsl.facts.columns import Names
from pushdsl.facts.table import Table
from pushdsl.model import ABSENT, Bundle, Facts, ListingColumns, LiveColumns, StockColumns

if TYPE_CHECKING:
    from pushdsl.model import Integers


def all_skus(stock: Table, listings: Table, skus: Table, bundles: Table) -> list[str]:
    """Every merchant SKU that any table names, sorted."""
    named = [table.names("sku").values for table in (stock, listings, skus, bundles)]
    different = set().union(*named, bundles.names("component").values) - {""}
    # a table that names all of them has them sorted already
    return next((values for values in named if len(values) == len(different) and values[:1] != [""]), sorted(different))


def facts_of(
    stock: Table, listings: Table, skus: Table, bundles: Table, live: LiveColumns, order: Integers, names: list[str],
    sha256: str,
) -> Facts:  # fmt: skip
    """Puts the columns into the order of the facts. `order` is that of the listings, `names` are all SKUs."""
    index = {sku: number for number, sku in enumerate(names)}
    of_sku = _sku_numbers(skus.names("sku"), index)
    return Facts(
        skus=names,
        warehouses=stock.names("warehouse").values,
        stores=listings.names("store").values,
        stock=_stock(stock, index),
        listings=_listings(listings, order, index),
        live=live,
        categories=_members(skus.names("category"), of_sku),
        brands=_members(skus.names("brand"), of_sku),
        tags=_members_of_any(skus.names("tags"), of_sku),
        bundles=_bundles(bundles, index),
        sha256=sha256,
        sku_index=index,
    )


def listing_order(listings: Table) -> Integers:
    """Rows of the table by store and store SKU."""
    return np.lexsort((listings.names("store_sku").codes, listings.names("store").codes))


def _stock(stock: Table, index: Mapping[str, int]) -> StockColumns:
    warehouse = stock.names("warehouse")
    shape = (len(warehouse.values), len(index))
    cell = (warehouse.codes, _sku_numbers(stock.names("sku"), index))
    present, unlimited = np.zeros(shape, bool), np.zeros(shape, bool)
    quantity, safety = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    present[cell] = True
    quantity[cell] = stock.numbers("on_hand") - stock.numbers("allocated")
    unlimited[cell] = ~stock.flags("tracked") | stock.flags("sell_when_out")
    safety[cell] = stock.numbers("safety")
    return StockColumns(present, quantity, unlimited, safety)


def _listings(listings: Table, order: Integers, index: Mapping[str, int]) -> ListingColumns:
    return ListingColumns(
        store=listings.names("store").codes[order],
        store_sku=_in_order(listings.names("store_sku"), order),
        item_id=_texts_in_order(listings.texts("item_id"), order),
        variant_id=_texts_in_order(listings.texts("variant_id"), order),
        sku=_sku_numbers(listings.names("sku"), index)[order],
        pack=listings.numbers("pack")[order],
        active=listings.flags("status")[order],
        locations=_location_lists(listings.names("locations"), order),
        max_quantity=listings.numbers("max_quantity")[order],
        preorder_days_min=listings.numbers("preorder_days_min")[order],
        preorder_days_max=listings.numbers("preorder_days_max")[order],
    )


def _sku_numbers(names: Names, index: Mapping[str, int]) -> Integers:
    """The number of each row's SKU; ABSENT where it is blank."""
    return np.array([index.get(value, ABSENT) for value in names.values], np.int64)[names.codes]


def _in_order(names: Names, order: Integers) -> list[str]:
    return _texts_in_order(names.values, names.codes[order])


def _texts_in_order(texts: Sequence[str], order: Integers) -> list[str]:
    ordered: list[str] = np.array(texts, object)[order].tolist()
    return ordered


def _location_lists(names: Names, order: Integers) -> list[tuple[str, ...] | None]:
    lists = [tuple(dict.fromkeys(value.split("|"))) if value else None for value in names.values]
    return [lists[code] for code in names.codes[order].tolist()]


def _members(names: Names, of_sku: Integers) -> dict[str, Integers]:
    """For each value that is not blank the sorted numbers of the SKUs that have it."""
    order = np.lexsort((of_sku, names.codes))
    ends = np.searchsorted(names.codes[order], np.arange(1, len(names.values)))
    groups = np.split(of_sku[order], ends)
    return {value: group for value, group in zip(names.values, groups, strict=False) if value and len(group)}


def _members_of_any(names: Names, of_sku: Integers) -> dict[str, Integers]:
    """As `_members`, where each text is a list with `|` between its values."""
    found: dict[str, list[Integers]] = {}
    for text, members in _members(names, of_sku).items():
        for value in dict.fromkeys(text.split("|")):
            found.setdefault(value, []).append(members)
    return {value: np.sort(np.concatenate(found[value])) for value in sorted(found)}


def _bundles(bundles: Table, index: Mapping[str, int]) -> dict[int, Bundle]:
    made = _sku_numbers(bundles.names("sku"), index)
    parts = _sku_numbers(bundles.names("component"), index)
    order = np.lexsort((parts, made))
    found: dict[int, list[tuple[int, int]]] = {}
    rows = zip(made[order].tolist(), parts[order].tolist(), bundles.numbers("quantity")[order].tolist(), strict=True)
    for bundle, component, needed in rows:
        found.setdefault(bundle, []).append((component, needed))
    return {bundle: Bundle(*map(tuple, zip(*pairs, strict=True))) for bundle, pairs in found.items()}
