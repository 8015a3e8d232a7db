"""Order lines in; what stores sell and refuse, and what the seller's stock hears of it, out.

Here is what nobody in the trade sees whole: what really lies in the warehouses, and what every store shows just now.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pushdsl.applying import live_of
from pushdsl.cli.local_shops import LocalShops
from pushdsl.cli.replay_orders import OrderLine
from pushdsl.ledger import Kind, StockEvent, StockKey
from pushdsl.model import CellKey, Facts, PlannedCell, Reason, Store
from pushdsl.plugins.platform import Shown

SOURCE: Final = "orders"


@dataclass(slots=True)
class Sales:
    """What came of the order lines so far; an order is a line of an invoice, quantities are merchant units."""

    orders: int = 0
    unlisted: int = 0
    sold: int = 0
    sold_units: int = 0
    refused: int = 0
    oversold: int = 0
    oversold_units: int = 0
    taken_back: int = 0
    written_off: int = 0


@dataclass(slots=True)
class Market:
    """Buyers, stores and warehouses. What is sold leaves the warehouses in the order of their names."""

    facts: Facts
    stores: Mapping[str, Store]
    shops: LocalShops
    sales: Sales = field(default_factory=Sales)
    _left: dict[str, dict[str, int]] = field(default_factory=dict)
    """What is there and promised to nobody, by SKU and warehouse; below 0 what was oversold."""
    _unlimited: set[str] = field(default_factory=set)
    _listings: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    """By store and SKU the store SKU that buyers find, and its pack."""
    _held: dict[tuple[str, str], list[dict[StockKey, int]]] = field(default_factory=dict)
    """What is held for each order that was taken, by buyer and SKU; the newest is last."""
    _reserved: dict[CellKey, int] = field(default_factory=dict)
    _sequence: int = 0

    def __post_init__(self) -> None:
        stock, facts = self.facts.stock, self.facts
        for place, warehouse in enumerate(facts.warehouses):
            rows = zip(facts.skus, stock.present[place], stock.quantity[place].tolist(), strict=True)
            for sku, present, quantity in rows:
                if present:
                    self._left.setdefault(sku, {})[warehouse] = quantity
        self._unlimited = {sku for k, sku in enumerate(facts.skus) if stock.unlimited[:, k].any()}
        self._reserved = {key: live.reserved or 0 for key, live in live_of(facts)}
        self._listings = {store: _listings(facts, store) for store in self.stores}

    def play(self, lines: Sequence[OrderLine]) -> list[StockEvent]:
        """One invoice, on the stores' own event loop; the stock events that it comes to."""
        return self.shops.do(lambda: list(self._play(lines)))

    def fill(self, planned: Iterable[PlannedCell]) -> dict[CellKey, Shown]:
        """Has every store show what is planned; what they then show."""
        self.shops.do(lambda: self._fill(planned))
        return self.shown()

    def _fill(self, planned: Iterable[PlannedCell]) -> None:
        for cell in planned:
            if cell.quantity is not None and cell.action == "push":
                platform = self.stores[cell.store].platform
                reserved = self._reserved.get(cell.key, 0)
                shown = Shown(cell.store_sku, cell.location, cell.quantity, reserved, cell.mode, cell.days)
                self.shops.sandboxes[platform].show(cell.store, shown)

    def shown(self) -> dict[CellKey, Shown]:
        """What every store shows."""
        return self.shops.do(
            lambda: {
                CellKey(name, one.store_sku, one.location): one
                for name, store in self.stores.items()
                for one in self.shops.sandboxes[store.platform].shown(name)
            }
        )

    # ---- buying -------------------------------------------------------------------------------------

    def _play(self, lines: Sequence[OrderLine]) -> Iterator[StockEvent]:
        shelves: dict[str, dict[str, list[Shown]]] = {}
        for line in lines:
            yield from self._take_back(line) if line.quantity < 0 else self._order(line, shelves)

    def _order(self, line: OrderLine, shelves: dict[str, dict[str, list[Shown]]]) -> Iterable[StockEvent]:
        """`shelves` is what the stores show of all that they list, as far as this invoice has looked."""
        self.sales.orders += 1
        store = self._store_for(line)
        if store is None:
            self.sales.unlisted += 1
            return ()
        if store not in shelves:
            shelves[store] = self._shelf(store)
        store_sku, pack = self._listings[store][line.sku]
        pieces = -(-line.quantity // pack)
        if not self._buy(store, shelves[store].get(store_sku, []), pieces):
            self.sales.refused += 1
            return ()
        return self._ship(line, pieces * pack)

    def _store_for(self, line: OrderLine) -> str | None:
        """An invoice belongs to one store, by a sum over its number; what that does not list, to the next that does."""
        names = list(self.stores)
        first = zlib.crc32(line.invoice.encode()) % len(names)
        turned = names[first:] + names[:first]
        return next((name for name in turned if line.sku in self._listings[name]), None)

    def _shelf(self, store: str) -> dict[str, list[Shown]]:
        shelf: dict[str, list[Shown]] = {}
        for one in self.shops.sandboxes[self.stores[store].platform].shown(store):
            shelf.setdefault(one.store_sku, []).append(one)
        return shelf

    def _buy(self, store: str, places: list[Shown], pieces: int) -> bool:
        """A store takes an order if one of its places shows enough, and shows so much less from then on."""
        for k, shown in enumerate(places):
            if shown.quantity >= pieces:
                places[k] = replace(shown, quantity=shown.quantity - pieces)
                self.shops.sandboxes[self.stores[store].platform].show(store, places[k])
                return True
        return False

    # ---- what lies in the warehouses ----------------------------------------------------------------

    def _ship(self, line: OrderLine, units: int) -> Iterable[StockEvent]:
        """Held in the warehouses that have it; what none has is oversold, and owed by the first."""
        self.sales.sold += 1
        self.sales.sold_units += units
        missing, held = 0, dict[StockKey, int]()
        for sku, needed in self._components(line.sku).items():
            short = self._hold(sku, needed * units, held)
            missing = max(missing, -(-short // needed))
        if missing:
            self.sales.oversold += 1
            self.sales.oversold_units += missing
        self._held.setdefault((line.customer, line.sku), []).append(held)
        for key, quantity in held.items():
            yield self._event(line, key, Kind.ALLOCATE, quantity, Reason.SYNC_ORDER)

    def _components(self, sku: str) -> Mapping[str, int]:
        bundle = self.facts.bundles.get(self.facts.sku_index[sku])
        if bundle is None:
            return {sku: 1}
        return {self.facts.skus[c]: n for c, n in zip(bundle.components, bundle.needed, strict=True)}

    def _hold(self, sku: str, units: int, held: dict[StockKey, int]) -> int:
        """Returns what was not there."""
        places = self._left.setdefault(sku, dict.fromkeys(self.facts.warehouses[:1], 0))
        owing, short = next(iter(places)), units
        for warehouse, left in places.items():
            taken = min(short, max(left, 0))
            if taken:
                held[StockKey(warehouse, sku)] = taken
                short -= taken
        if short:
            key = StockKey(owing, sku)
            held[key] = held.get(key, 0) + short
        for warehouse in places:
            places[warehouse] -= held.get(StockKey(warehouse, sku), 0)
        return 0 if sku in self._unlimited else short

    def _take_back(self, line: OrderLine) -> Iterable[StockEvent]:
        """A cancellation releases what the same buyer bought last; any other line below 0 is written off."""
        if line.sku not in self.facts.sku_index:
            return
        if line.cancels:
            released: dict[StockKey, int] = {}
            for sku, needed in self._components(line.sku).items():
                self._release(line, sku, -line.quantity * needed, released)
            self.sales.taken_back += bool(released)
            for key, quantity in released.items():
                yield self._event(line, key, Kind.RELEASE, quantity, Reason.VOID_ORDER)
        elif line.sku in self._left:
            key = StockKey(next(iter(self._left[line.sku])), line.sku)
            self._left[line.sku][key.warehouse] += line.quantity
            self.sales.written_off += 1
            yield self._event(line, key, Kind.ADD, line.quantity, Reason.STOCK_OUT_MANUAL)

    def _release(self, line: OrderLine, sku: str, units: int, released: dict[StockKey, int]) -> None:
        for held in reversed(self._held.get((line.customer, line.sku), [])):
            for key, quantity in held.items():
                freed = min(quantity, units) if key.sku == sku else 0
                if freed:
                    held[key] -= freed
                    self._left[sku][key.warehouse] += freed
                    released[key] = released.get(key, 0) + freed
                    units -= freed

    def _event(self, line: OrderLine, key: StockKey, kind: Kind, quantity: int, reason: Reason) -> StockEvent:
        self._sequence += 1
        id = f"{line.invoice}/{line.row}/{key.warehouse}/{key.sku}"
        return StockEvent(id, SOURCE, self._sequence, line.at, reason, key.warehouse, key.sku, kind, quantity)


def _listings(facts: Facts, store: str) -> dict[str, tuple[str, int]]:
    """By SKU the listing that its buyers find: store SKU and pack, the smallest pack and then the first name."""
    found: dict[str, tuple[str, int]] = {}
    columns = facts.listings
    rows = zip(columns.store.tolist(), columns.store_sku, columns.sku.tolist(), columns.pack.tolist(), strict=True)
    for row, (place, store_sku, sku, pack) in enumerate(rows):
        if sku >= 0 and columns.active[row] and facts.stores[place] == store:
            name = facts.skus[sku]
            if name not in found or pack < found[name][1]:
                found[name] = store_sku, pack
    return found
