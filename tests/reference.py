"""A second, slow reading of the language: files of a project in, the lines of its plan out.

Written from the language's reference and not from the code: it shares the parser's tree with the product and nothing
else. It resolves names, groups, sets, lists, `use`, overriding and windows by itself, reads the tables by itself, and
goes through one listing at a time in exact fractions. Where it and the planner differ, one of them is wrong.

It takes rules that check, facts without errors, and says nothing about either.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from posixpath import dirname, join, normpath
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from pushdsl.grammar import nodes as n
from pushdsl.grammar.parser import parse, read_source

Row = tuple[str, ...]
N = TypeVar("N", bound=n.Node)


class Platform(Protocol):
    """What a store can do."""

    @property
    def max_quantity(self) -> int: ...
    @property
    def counts_reserved(self) -> bool: ...
    @property
    def preorder(self) -> bool: ...
    @property
    def preorder_days(self) -> tuple[int, int] | None: ...


def evaluate(files: Mapping[str, bytes], platforms: Mapping[str, Platform], at: datetime) -> list[Row]:
    """Every cell as a line of a plan, as conformance/README.md describes it."""
    return plan(Rules(files), Facts(files), platforms, at)


def plan(rules: Rules, facts: Facts, platforms: Mapping[str, Platform], at: datetime) -> list[Row]:
    lines: list[Line] = []
    for listing in sorted(facts.listings, key=lambda one: (one["store"], one["store_sku"])):
        lines += cells_of(listing, rules, facts, platforms, at)
    return [tuple("-" if part in (None, "") else str(part) for part in line) for line in lines]


Line = tuple[object, ...]


def cells_of(
    listing: Mapping[str, str], rules: Rules, facts: Facts, platforms: Mapping[str, Platform], at: datetime
) -> Iterable[Line]:
    name = listing["store"]
    if name not in rules.stores or not listing["sku"] or listing.get("status", "") not in ("", "active"):
        return
    matching = [
        rule for rule in rules.rules.values()
        if exists(rule, at) and name in rules.stores_of(statement(rule, n.To).stores)
        and rules.selects(statement(rule, n.For).selector, listing["sku"], rule, facts)
    ]  # fmt: skip
    unbeaten = [rule for rule in matching if not any(rules.is_above(other, rule) for other in matching)]
    if not unbeaten:
        return
    enabled = listing.get("locations", "")
    for location, warehouses in sorted(rules.locations(name).items()):
        if enabled and location not in enabled.split("|"):
            continue
        live = facts.live(name, listing["store_sku"], location)
        if len(unbeaten) > 1:
            names = ", ".join(rule.name.value for rule in unbeaten)
            decided = Decided(None, None, live.mode, None, f"blocked: contested {names}")
            yield (name, listing["store_sku"], location, listing["sku"], None, *decided.columns)
            continue
        rule = Ladder(unbeaten[0], rules, facts, listing, live, warehouses, platforms[rules.platform(name)], at)
        if rule.take is None or any(warehouse in warehouses for warehouse in rule.take):
            yield (name, listing["store_sku"], location, listing["sku"], unbeaten[0].name.value, *rule.climb().columns)


# ---- rules --------------------------------------------------------------------------------------------


def statement(rule: n.Rule, kind: type[N]) -> N:
    found = maybe(rule, kind)
    assert found is not None
    return found


def maybe(rule: n.Rule, kind: type[N]) -> N | None:
    return next((one for one in rule.statements if isinstance(one, kind)), None)


def exists(rule: n.Rule, at: datetime) -> bool:
    """Not disabled, and in its half-open window."""
    if maybe(rule, n.Disabled):
        return False
    during = maybe(rule, n.During)
    if during is None:
        return True
    zone = ZoneInfo(during.zone.value)
    start, end = (
        datetime.strptime(text.value, "%Y-%m-%d %H:%M").replace(tzinfo=zone).astimezone(UTC)
        for text in (during.start, during.end)
    )
    return start <= at < end


class Rules:
    """All files that `rules.push` reaches, and what their names mean."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.warehouses: list[str] = []
        self.stores: dict[str, n.Store] = {}
        self.groups: dict[str, n.Group] = {}
        self.sets: dict[str, tuple[n.Skus, str]] = {}
        self.lets: dict[str, n.Let] = {}
        self.rules: dict[str, n.Rule] = {}
        self.file_of: dict[str, str] = {}
        waiting = [file for file in files if file.rpartition("/")[2] == "rules.push"]
        for file in waiting:
            tree, _ = parse(read_source(file, files[file])[0])
            for one in tree.declarations:
                if isinstance(one, n.Use):
                    used = normpath(join(dirname(file), one.path.value))
                    waiting += [used] if used not in waiting else []
                self.declare(one, file)

    def declare(self, one: n.Node, file: str) -> None:
        match one:
            case n.Warehouse():
                self.warehouses.append(one.name.text)
            case n.Store():
                self.stores[one.name.text] = one
            case n.Group():
                self.groups[one.name.text] = one
            case n.Skus():
                self.sets[one.name.text] = (one, file)
            case n.Let():
                self.lets[one.name.text] = one
            case n.Rule():
                self.rules[one.name.value] = one
                self.file_of[one.name.value] = file

    # numbers

    def units(self, value: n.Quantity | n.Name) -> int:
        found = self.lets[value.text].value if isinstance(value, n.Name) else value
        assert isinstance(found, n.Quantity)
        return found.units

    def share(self, value: n.Percentage | n.Name | None) -> Fraction:
        if value is None:
            return Fraction(1)
        found = self.lets[value.text].value if isinstance(value, n.Name) else value
        assert isinstance(found, n.Percentage)
        return Fraction(found.ppm, 1_000_000)

    def time(self, value: n.Duration | n.Name) -> timedelta:
        found = self.lets[value.text].value if isinstance(value, n.Name) else value
        assert isinstance(found, n.Duration)
        return timedelta(seconds=found.seconds)

    # stores

    def named(self, name: n.Name) -> set[str]:
        return self.stores_of(self.groups[name.text].members) if name.text in self.groups else {name.text}

    def stores_of(self, stores: n.StoreList) -> set[str]:
        """`all stores` leaves Choice stores out."""
        if stores.all_stores:
            included = {name for name, one in self.stores.items() if not any(map(is_choice, one.statements))}
        else:
            included = set[str]().union(*map(self.named, stores.include))
        return included.difference(*map(self.named, stores.exclude))

    def platform(self, store: str) -> str:
        return self.stores[store].platform.text

    def locations(self, store: str) -> dict[str, set[str]]:
        """Each location with the warehouses that feed it; one without a name where there is no `location`."""
        mapped = [one for one in self.stores[store].statements if isinstance(one, n.LocationMapping)]
        if not mapped:
            return {"": set(self.warehouses)}
        return {
            one.location.value: (set(self.warehouses) if one.all_warehouses else {w.text for w in one.warehouses})
            - {w.text for w in one.exclude}
            for one in mapped
        }

    def take(self, rule: n.Rule) -> dict[str, Fraction] | None:
        take = maybe(rule, n.Take)
        if take is None:
            return None
        if take.all_warehouses:
            shares = dict.fromkeys(self.warehouses, self.share(take.all_percentage))
        else:
            shares = {one.name.text: self.share(one.percentage) for one in take.shares}
        return {name: share for name, share in shares.items() if name not in {w.text for w in take.exclude}}

    # selectors

    def selects(self, selector: n.Selector, sku: str, rule: n.Rule, facts: Facts) -> bool:
        return self.selects_from(selector, sku, self.file_of[rule.name.value], facts)

    def selects_from(self, selector: n.Selector, sku: str, file: str, facts: Facts) -> bool:
        def named(term: n.SelectorTerm) -> bool:
            match term:
                case n.ExactSku():
                    return sku == term.sku
                case n.Like():
                    return glob(term.pattern, sku)
                case n.Category():
                    return facts.skus.get(sku, {}).get("category", "") == term.value
                case n.Brand():
                    return facts.skus.get(sku, {}).get("brand", "") == term.value
                case n.Tag():
                    return term.value in facts.skus.get(sku, {}).get("tags", "").split("|")
                case n.ListedOn():
                    return facts.is_listed(sku, self.named(term.store))
                case n.FromFile():
                    return sku in listed_in(self.files[normpath(join(dirname(file), term.path))])
                case n.NamedSkus():
                    declared, where = self.sets[term.name.text]
                    return self.selects_from(declared.selector, sku, where, facts)
                case n.Everything():
                    return True

        return any(map(named, selector.include)) and not any(map(named, selector.exclude))

    # overriding

    def is_above(self, one: n.Rule, other: n.Rule) -> bool:
        """Transitive as written, through any rule."""
        above = {one.name.value}
        while more := {name.value for over in above for name in self.rules[over].overrides} - above:
            above |= more
        return other.name.value in above - {one.name.value}


def is_choice(part: n.Node) -> bool:
    return isinstance(part, n.Choice)


def glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob(pattern[1:], text[k:]) for k in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and glob(pattern[1:], text[1:])


def listed_in(content: bytes) -> set[str]:
    """The column `sku` if the first line has one, else the first column, first line included."""
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]
    if "sku" in rows[0]:
        column = rows[0].index("sku")
        return {row[column] for row in rows[1:] if len(row) > column}
    return {row[0] for row in rows}


# ---- facts --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """What a store shows. `quantity` is None where unknown, `confirmed` where no push was ever confirmed."""

    quantity: int | None
    reserved: int
    mode: str
    days: int | None
    confirmed: datetime | None


@dataclass(frozen=True)
class Found:
    """Merchant units in one warehouse; `endless` is untracked, or selling on when out of stock."""

    units: int
    endless: bool = False


class Facts:
    """The tables, row by row as they stand there."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        def rows(table: str) -> list[dict[str, str]]:
            text = files.get(f"facts/{table}.csv", b"").decode("utf-8-sig")
            return list(csv.DictReader(io.StringIO(text, newline="")))

        self.listings = rows("listings")
        self.stock = {(row["warehouse"], row["sku"]): row for row in rows("stock")}
        self.skus = {row["sku"]: row for row in rows("skus")}
        self._live = {(row["store"], row["store_sku"], row.get("location", "")): row for row in rows("live")}
        self.bundles: dict[str, dict[str, int]] = {}
        for row in rows("bundles"):
            self.bundles.setdefault(row["sku"], {})[row["component"]] = int(row["quantity"])

    def is_listed(self, sku: str, stores: set[str]) -> bool:
        return any(
            one["sku"] == sku and one["store"] in stores and one.get("status", "") in ("", "active")
            for one in self.listings
        )

    def live(self, store: str, store_sku: str, location: str) -> Live:
        row = self._live.get((store, store_sku, location), {})
        confirmed = row.get("confirmed_at", "")
        return Live(
            number(row, "quantity"),
            number(row, "reserved") or 0,
            row.get("mode", "") or "normal",
            number(row, "days"),
            datetime.fromisoformat(confirmed) if confirmed else None,
        )

    def found(self, warehouse: str, sku: str, of: Iterable[str]) -> Found | None:
        """What is there of the SKU, `of` the warehouses of a rule; None without a row, or where nobody knows."""
        if sku in self.bundles:
            return self._bundles(warehouse, self.bundles[sku], of)
        row = self.stock.get((warehouse, sku))
        if row is None:
            return None
        units = (number(row, "on_hand") or 0) - (number(row, "allocated") or 0)
        return Found(units, row.get("tracked", "") == "false" or row.get("sell_when_out", "") == "true")

    def _bundles(self, warehouse: str, needs: Mapping[str, int], of: Iterable[str]) -> Found | None:
        """As many as the scarcest component allows; a component without a row counts 0 if it has one elsewhere."""
        makes = []
        for component, needed in needs.items():
            if not any((other, component) in self.stock for other in of):
                return None
            found = self.found(warehouse, component, of) or Found(0)
            if not found.endless:
                makes.append(max(found.units, 0) // needed)
        return Found(min(makes)) if makes else Found(0, endless=True)

    def safety(self, warehouse: str, sku: str) -> int:
        return number(self.stock.get((warehouse, sku), {}), "safety") or 0


def number(row: Mapping[str, str], column: str) -> int | None:
    return int(row[column]) if row.get(column, "") else None


# ---- the ladder ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """How a cell ends: the last columns of its line."""

    available: int | None
    quantity: int | None
    mode: str
    days: int | None
    action: str

    @property
    def columns(self) -> Line:
        return self.available, self.quantity, self.mode, self.days, self.action


class Ladder:
    """One cell under its rule; a method a step, as in the table of the reference."""

    def __init__(
        self, rule: n.Rule, rules: Rules, facts: Facts, listing: Mapping[str, str], live: Live, fed_by: set[str],
        platform: Platform, at: datetime,
    ) -> None:  # fmt: skip
        self.rule, self.rules, self.facts, self.listing, self.live = rule, rules, facts, listing, live
        self.platform, self.at = platform, at
        self.sku = listing["sku"]
        self.take = rules.take(rule)
        self.feeding = {w: share for w, share in (self.take or {}).items() if w in fed_by}
        self.exactly = maybe(rule, n.PushExactly)
        self.stock = {w: facts.found(w, self.sku, self.take or ()) for w in self.take or ()}

    def climb(self) -> Decided:
        if self.take is not None and not any(self.stock.values()):
            return self.blocked("unknown stock", None)
        available = self.available
        maximum = self.own_or("max_quantity", self.platform.max_quantity)
        assert maximum is not None
        if self.endless:
            quantity, is_open = maximum, False
        else:
            quantity = self.bounded(self.pushed())
            quantity = 0 if self.is_cut() else quantity
            is_open = self.is_open()
            quantity += self.added() if is_open else 0
            quantity += self.live.reserved if self.platform.counts_reserved else 0
            quantity = min(quantity, maximum)
        if maybe(self.rule, n.IncreaseOnly):
            if self.live.quantity is None:
                return self.blocked("unknown live", available)
            if maximum < self.live.quantity:
                return self.blocked("maximum", available)
            quantity = max(quantity, self.live.quantity)
        mode = "preorder" if is_open else "normal"
        days = self.days() if is_open else None
        return Decided(available, quantity, mode, days, self.action(quantity, mode, days))

    def blocked(self, reason: str, available: int | None) -> Decided:
        return Decided(available, None, self.live.mode, None, f"blocked: {reason}")

    @property
    def available(self) -> int | None:
        if self.take is None:
            return None
        return max(sum(found.units for found in self.stock.values() if found), 0)

    @property
    def endless(self) -> bool:
        """Sold without counting, where such a warehouse feeds this location with more than 0%."""
        if self.exactly:
            return False
        found = {w: self.stock[w] for w, share in self.feeding.items() if share > 0}
        return any(one is not None and one.endless for one in found.values())

    def pushed(self) -> int:
        """Take, keep back, push or split: the pieces of the listing."""
        if self.exactly:
            return self.rules.units(self.exactly.amount)
        take = self.taken()
        kept = max(take - self.buffer(), Fraction(0))
        push, split = maybe(self.rule, n.Push), maybe(self.rule, n.Split)
        share = self.rules.share(push.percentage if push else None)
        if split:
            share = next(self.rules.share(s.percentage) for s in split.shares if s.name.text == self.listing["store"])
        pieces = floor(kept * share / int(self.listing.get("pack", "") or 1))
        if push and push.plus and (take > 0 or push.even_at_zero):
            pieces += self.rules.units(push.plus)
        return pieces

    def taken(self) -> Fraction:
        """A shortfall counts in full, from any warehouse of the rule and at every location."""
        take = Fraction(0)
        for warehouse, found in self.stock.items():
            if found and found.units < 0:
                take += found.units
            elif found:
                take += found.units * self.feeding.get(warehouse, Fraction(0))
        return max(take, Fraction(0))

    def buffer(self) -> int:
        keep_back = maybe(self.rule, n.KeepBack)
        if keep_back is None:
            return 0
        if keep_back.amount is None:
            return sum(self.facts.safety(warehouse, self.sku) for warehouse in self.feeding)
        return self.rules.units(keep_back.amount)

    def bounded(self, quantity: int) -> int:
        if at_most := maybe(self.rule, n.AtMost):
            quantity = min(quantity, self.rules.units(at_most.amount))
        if at_least := maybe(self.rule, n.AtLeast):
            quantity = max(quantity, self.rules.units(at_least.amount))
        hide = maybe(self.rule, n.HideBelow)
        return 0 if hide and quantity < self.rules.units(hide.amount) else quantity

    def is_cut(self) -> bool:
        below = maybe(self.rule, n.Below)
        if below is None or self.available is None:
            return False
        keep_selling = set[str]().union(*map(self.rules.named, below.only))
        return self.available < self.rules.units(below.threshold) and self.listing["store"] not in keep_selling

    def preorder(self, kind: type[N]) -> N | None:
        preorder = maybe(self.rule, n.Preorder)
        return next((one for one in preorder.statements if isinstance(one, kind)), None) if preorder else None

    def is_open(self) -> bool:
        """The latch."""
        open_at, close_above = self.preorder(n.OpenAt), self.preorder(n.CloseAbove)
        if open_at is None or close_above is None or self.available is None or not self.platform.preorder:
            return False
        if self.available <= self.rules.units(open_at.amount):
            return True
        if self.available > self.rules.units(close_above.amount):
            return False
        return self.live.mode == "preorder"

    def added(self) -> int:
        add = self.preorder(n.Add)
        assert add is not None
        return self.rules.units(add.amount)

    def days(self) -> int | None:
        """Inside the range as written, else the most of it; None where no range is known."""
        fewest, most = self.platform.preorder_days or (0, None)
        most = self.own_or("preorder_days_max", most)
        fewest = self.own_or("preorder_days_min", fewest) or 0
        ship_in = self.preorder(n.ShipIn)
        if most is None or ship_in is None:
            return most
        wanted = self.rules.time(ship_in.duration).days
        return wanted if fewest <= wanted <= most else most

    def own_or(self, column: str, platform: int | None) -> int | None:
        """The listing's own limit goes before the platform's."""
        own = number(self.listing, column)
        return platform if own is None else own

    # ---- what is done about it

    def action(self, quantity: int, mode: str, days: int | None) -> str:
        if self.is_shown(quantity, mode, days):
            return "unchanged"
        if self.live.quantity is None or mode != self.live.mode:
            return "push"
        return "held" if self.waits(quantity) else "push"

    def is_shown(self, quantity: int, mode: str, days: int | None) -> bool:
        if self.live.quantity != quantity or self.live.mode != mode:
            return False
        if mode == "normal":
            return True
        if days is None and self.live.days is None:
            return self.live.confirmed is not None  # pushed without days, it is shown without days
        return self.live.days == days

    def waits(self, quantity: int) -> bool:
        """The slow lane."""
        above = maybe(self.rule, n.Above)
        if above is None or self.endless or self.available is None or self.live.confirmed is None:
            return False
        if self.available <= self.rules.units(above.threshold):
            return False
        if self.at - self.live.confirmed >= self.rules.time(above.every):
            return False
        assert self.live.quantity is not None
        fall = self.live.quantity - quantity
        if above.unless_falls_by is None or fall <= 0:
            return True
        return fall < self.live.quantity * self.rules.share(above.unless_falls_by)


__all__ = ["Facts", "Platform", "Row", "Rules", "evaluate", "plan"]
