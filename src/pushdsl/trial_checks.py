"""Tests as written in; the same with names resolved and numbers whole out, and what is wrong or odd about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import assert_never

from pushdsl.errors import Fix
from pushdsl.findings import Findings, listed
from pushdsl.grammar import nodes as n
from pushdsl.model import PACK_MAX, CellKey, Live
from pushdsl.names import Names, quoted
from pushdsl.rules import CheckedExpectation, CheckedTest
from pushdsl.shops import Shops
from pushdsl.source import Span
from pushdsl.windows import moment

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When a test starts that does not say: a fixed time, so that it says the same tomorrow."""
TICK_SECONDS = 3600

_DAY = 86_400
_ACTION = {"pushed": "push", "unchanged": "unchanged", "held": "held", "blocked": "blocked"}


def check_tests(
    names: Names, shops: Shops, sent_to: Collection[str] | None, findings: Findings
) -> tuple[CheckedTest, ...]:
    """All tests of all files. `sent_to` are the stores that some rule names, None where not all are known."""
    return tuple(_Reading(node, names, shops, sent_to, findings).read() for node in names.all_tests)


@dataclass(slots=True)
class _Reading:
    """One test, and what has been gathered of it so far."""

    node: n.Test
    names: Names
    shops: Shops
    sent_to: Collection[str] | None
    findings: Findings
    seen: dict[tuple[object, ...], Span] = field(default_factory=dict)
    skus: dict[str, list[n.Text]] = field(default_factory=dict)
    start: datetime = START
    zone: str = "UTC"
    tick_seconds: int = TICK_SECONDS
    stock: dict[tuple[str, str], tuple[int, ...] | None] = field(default_factory=dict)
    quantities: dict[CellKey, tuple[int, bool, int | None]] = field(default_factory=dict)
    reserved: dict[CellKey, int] = field(default_factory=dict)
    packs: dict[tuple[str, str], int] = field(default_factory=dict)
    ranges: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    off: set[tuple[str, str]] = field(default_factory=set)
    tagged: dict[str, dict[str, set[str]]] = field(default_factory=lambda: {"category": {}, "brand": {}, "tag": {}})
    expectations: list[CheckedExpectation] = field(default_factory=list)

    def read(self) -> CheckedTest:
        for statement in self.node.statements:
            self._read(statement)
        expects = [s for s in self.node.statements if isinstance(s, n.Expectation)]
        if not expects and not self.node.broken:
            help = 'say what shall come of it, as `expect "BTY-0100" on shopee_my 14 units`'
            message = f"test `{self.node.name.value}` expects nothing"
            self.findings.lint("PUSH610", message, self.node.head, help)
        self._say_misspelt(expects)
        columns = self._columns(expects)
        return CheckedTest(
            name=self.node.name.value,
            span=self.node.head,
            start=self.start,
            zone=self.zone,
            tick_seconds=self.tick_seconds,
            columns=columns,
            skus=frozenset(self.skus),
            stock=self.stock,
            live=dict(self._live()),
            packs=self.packs,
            ranges=self.ranges,
            off=frozenset(self.off),
            categories=_frozen(self.tagged["category"]),
            brands=_frozen(self.tagged["brand"]),
            tags=_frozen(self.tagged["tag"]),
            expectations=tuple(self.expectations),
        )

    # ---- statements

    def _read(self, statement: n.TestStatement) -> None:
        names = self.names
        match statement:
            case n.StockSeries(sku=sku, warehouse=warehouse, amounts=amounts):
                names.find(warehouse, n.Warehouse)
                units = [-a.units if isinstance(a, n.Shortfall) else names.units(a) or 0 for a in amounts]
                if self._first(statement, "stock", self._sku(sku), warehouse.text):
                    self.stock[sku.value, warehouse.text] = tuple(units)
            case n.StockUntracked(sku=sku, warehouse=warehouse):
                names.find(warehouse, n.Warehouse)
                if self._first(statement, "stock", self._sku(sku), warehouse.text):
                    self.stock[sku.value, warehouse.text] = None
            case n.Reserved(sku=sku, place=place, amount=amount):
                cell, given = self._cell(sku, place), names.units(amount)
                if self._first(statement, "reserved", cell) and given is not None:
                    self.reserved[cell] = given
            case n.LiveQuantity(sku=sku, place=place, amount=amount, preorder=preorder, pushed_ago=pushed_ago):
                cell, given = self._cell(sku, place), names.units(amount)
                ago = names.seconds(pushed_ago) if pushed_ago is not None else None
                if self._first(statement, "live", cell) and given is not None:
                    self.quantities[cell] = given, preorder, ago
            case n.Pack(sku=sku, store=store, amount=amount):
                listing, given = self._listing(sku, store), names.units(amount)
                if self._first(statement, "pack", listing) and given is not None:
                    self._say_pack(amount, given)
                    self.packs[listing] = given
            case n.PreorderRange(sku=sku, store=store):
                listing, days = self._listing(sku, store), self._range(statement)
                if self._first(statement, "range", listing) and days is not None:
                    self.ranges[listing] = days
            case n.ListingOff(sku=sku, store=store):
                listing = self._listing(sku, store)
                if self._first(statement, "listing", listing):
                    self.off.add(listing)
            case n.SkuFact(kind=kind, sku=sku, value=value):
                # a SKU has one category and one brand, and any number of tags
                which = (value.value,) if kind == "tag" else ()
                if self._first(statement, kind, self._sku(sku), *which):
                    self.tagged[kind].setdefault(value.value, set()).add(sku.value)
            case n.StartAt(time=time, zone=zone):
                instant = moment(time, zone, self.findings)
                if self._first(statement, "start") and instant is not None:
                    self.start, self.zone = instant, zone.value
            case n.TickEvery(duration=duration):
                seconds = names.seconds(duration)
                if self._first(statement, "tick") and seconds is not None:
                    self.tick_seconds = seconds
            case n.ExpectQuantity() | n.ExpectPreorder() | n.ExpectShipIn() | n.ExpectOutcome() | n.ExpectNoRule():
                self._expect(statement)
            case _:
                assert_never(statement)

    def _expect(self, statement: n.Expectation) -> None:
        cell = self._cell(statement.sku, statement.place, expects_nothing=isinstance(statement, n.ExpectNoRule))
        kind, series = self._series(statement)
        if self._first(statement, "expect", kind, cell):
            spans = tuple(value.span for value in statement.series)
            self.expectations.append(CheckedExpectation(kind, cell, series, spans, statement.span))

    def _series(self, statement: n.Expectation) -> tuple[str, tuple[int | bool | str, ...]]:
        match statement:
            case n.ExpectQuantity(series=amounts):
                return "quantity", tuple(self.names.units(amount) or 0 for amount in amounts)
            case n.ExpectPreorder(series=states):
                return "preorder", tuple(state.open for state in states)
            case n.ExpectShipIn(series=durations):
                return "ship in", tuple(self._days(duration) for duration in durations)
            case n.ExpectOutcome(series=outcomes):
                return "outcome", tuple(_ACTION[outcome.word] for outcome in outcomes)
            case n.ExpectNoRule(series=nothing):
                return "no rule", (True,) * len(nothing)
            case _:
                assert_never(statement)

    def _days(self, duration: n.DurationValue) -> int:
        seconds = self.names.seconds(duration)
        if seconds is not None and seconds % _DAY:
            self.findings.error("PUSH209", "`ship in` counts whole days", duration.span, _whole_days(seconds))
        return (seconds or 0) // _DAY

    def _range(self, statement: n.PreorderRange) -> tuple[int, int] | None:
        fewest, most = self.names.seconds(statement.fewest), self.names.seconds(statement.most)
        if fewest is None or most is None:
            return None
        for duration, seconds in ((statement.fewest, fewest), (statement.most, most)):
            if seconds % _DAY:
                self.findings.error("PUSH605", "a range counts whole days", duration.span, _whole_days(seconds))
                return None
        if most < fewest:
            help = "the fewest days come first, as `7 days to 30 days`"
            self.findings.error("PUSH605", "the range ends before it begins", statement.most.span, help)
            return None
        return fewest // _DAY, most // _DAY

    def _say_pack(self, amount: n.QuantityValue, units: int) -> None:
        if not 1 <= units <= PACK_MAX:
            help = f"write from 1 unit to {PACK_MAX:_} units"
            self.findings.error("PUSH604", f"a pack cannot hold {units} units", amount.span, help)

    def _first(self, statement: n.TestStatement, *key: object) -> bool:
        """Whether this is said for the first time; an error where it is not."""
        first = self.seen.setdefault(key, statement.span)
        if first is statement.span:
            return True
        if isinstance(statement, n.Expectation):
            message, help = "the same is expected twice", "put the values into one series"
            self.findings.error("PUSH601", message, statement.span, help, related=[first])
        else:
            message, help = "the same fact stands twice", "leave one of the two"
            self.findings.error("PUSH600", message, statement.span, help, related=[first])
        return False

    # ---- what a statement is about

    def _sku(self, sku: n.Text) -> str:
        self.skus.setdefault(sku.value, []).append(sku)
        return sku.value

    def _listing(self, sku: n.Text, store: n.Name) -> tuple[str, str]:
        self._store(store)
        return store.text, self._sku(sku)

    def _cell(self, sku: n.Text, place: n.Place, expects_nothing: bool = False) -> CellKey:
        known = self._store(place.store, expects_nothing)
        written = place.location.value if place.location is not None else ""
        return CellKey(place.store.text, self._sku(sku), self._location(place) if known else written)

    def _store(self, name: n.Name, expects_nothing: bool = False) -> bool:
        if self.names.find(name, n.Store) is None:
            return False
        if self.sent_to is not None and name.text not in self.sent_to and not expects_nothing:
            help = "name a store that stands in the `to` of some rule"
            self.findings.lint("PUSH612", f"no rule sends to `{name.text}`", name.span, help)
        return True

    def _location(self, place: n.Place) -> str:
        """The location that is meant; where that is unknown, what is written."""
        store, written = self.shops.stores[place.store.text], place.location
        mapped = [location.name for location in store.locations]
        if written is None:
            if len(mapped) > 1:
                message = f"`{store.name}` has several locations"
                help = f'name one of them, as `on {store.name} at "{mapped[0]}"`'
                self.findings.error("PUSH603", message, place.span, help)
            return mapped[0] if len(mapped) == 1 else ""
        if (written.value and written.value in mapped) or self.names.stores[store.name].broken:
            return written.value
        if mapped == [""]:
            message, help = f"`{store.name}` has no locations", "leave `at` and the name out"
            fix: Fix | None = Fix(Span(place.span.source, place.store.span.end, place.span.end), "", "leave it out")
        else:
            near = get_close_matches(written.value, mapped, n=1)
            message = f"`{store.name}` has no location `{written.value}`"
            help = f"did you mean `{near[0]}`?" if near else f"its locations are {listed(mapped)}"
            fix = Fix(written.span, quoted(near[0]), f"write {quoted(near[0])}") if near else None
        self.findings.error("PUSH602", message, written.span, help, fix)
        return written.value

    # ---- the whole

    def _live(self) -> Iterator[tuple[CellKey, Live]]:
        """What stores show before the first column; days are never known."""
        for cell in {**self.quantities, **self.reserved}:
            quantity, preorder, ago = self.quantities.get(cell, (None, False, None))
            confirmed = None if ago is None else self.start - timedelta(seconds=ago)
            yield (
                cell,
                Live(quantity, "preorder" if preorder else "normal", None, self.reserved.get(cell, 0), confirmed),
            )

    def _columns(self, expects: Sequence[n.Expectation]) -> int:
        """As many as the longest series of any kind has."""
        lengths = [len(units) for units in self.stock.values() if units is not None]
        columns = max([1, *lengths, *(len(expected.series) for expected in expects)])
        try:
            self.start + timedelta(seconds=self.tick_seconds * columns)
        except OverflowError:
            help = "start earlier, tick more often or have fewer columns"
            self.findings.error("PUSH606", "the test runs beyond the year 9999", self.node.head, help)
        return columns

    def _say_misspelt(self, expects: Sequence[n.Expectation]) -> None:
        """A lint for a SKU without stock that is nearly one with stock, unless a test wants it to be without."""
        stocked = {sku for sku, _ in self.stock}
        meant = {e.sku.value for e in expects if isinstance(e, n.ExpectNoRule) or _is_blocked(e)}
        for sku, mentions in self.skus.items():
            if sku in stocked or sku in meant or not (near := get_close_matches(sku, stocked, n=1, cutoff=0.75)):
                continue
            message = f"no stock of `{sku}` in this test"
            help = f"did you mean `{near[0]}`?"
            fix = Fix(mentions[0].span, quoted(near[0]), f"write {quoted(near[0])}") if len(mentions) == 1 else None
            self.findings.lint("PUSH611", message, mentions[0].span, help, fix)


def _is_blocked(expectation: n.Expectation) -> bool:
    return isinstance(expectation, n.ExpectOutcome) and any(said.word == "blocked" for said in expectation.series)


def _whole_days(seconds: int) -> str:
    return f"write `{-(-seconds // _DAY)} days`" if seconds > _DAY else "write `1 day`"


def _frozen(members: Mapping[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return {value: frozenset(skus) for value, skus in sorted(members.items())}
