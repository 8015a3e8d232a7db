"""Store declarations in; stores with their platform and locations checked, and what each of them can do, out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from pushdsl.errors import Fix, PushdslError
from pushdsl.findings import Findings, listed
from pushdsl.grammar import nodes as n
from pushdsl.limits import UNLIMITED, LimitsProfile, say_blocked_platform
from pushdsl.model import Location, Store
from pushdsl.names import Names, is_choice
from pushdsl.statements import Statements

ASKED_FROM = 100_000
"""A number below this is below what marketplaces show at most, and to ask a platform it must be loaded first."""


class Capabilities(Protocol):
    """What the checker asks of a platform's capabilities."""

    @property
    def preorder(self) -> bool: ...
    @property
    def locations(self) -> bool: ...
    @property
    def max_quantity(self) -> int: ...
    @property
    def preorder_days(self) -> tuple[int, int] | None: ...


class Platforms(Protocol):
    """The platforms of an installation."""

    @property
    def names(self) -> Collection[str]:
        """Those that are installed."""

    @property
    def packages(self) -> Mapping[str, str]:
        """Known platforms, installed or not, each with the package that brings it."""

    def capabilities(self, store: Store) -> Capabilities:
        """What this store can do; imports its platform, and raises PushdslError where that cannot be used."""


class Shops:
    """The declared stores, and their platforms as far as a rule needs to know."""

    def __init__(
        self, names: Names, platforms: Platforms, findings: Findings, profile: LimitsProfile = UNLIMITED
    ) -> None:
        self._names = names
        self._platforms = platforms
        self._findings = findings
        self._unusable: set[str] = set()
        self._asked: dict[str, Capabilities | None] = {}
        self._partial: set[str] = set()
        self._feeding: dict[str, frozenset[str]] = {}
        self.stores: dict[str, Store] = {}
        for declared in names.all_stores:
            store = self._store(declared)
            if say_blocked_platform(store.name, store.platform, declared.platform.span, profile, findings):
                self._unusable.add(store.platform)
            else:
                self._check_platform(declared.platform)
            if self.stores.setdefault(declared.name.text, store) is store:
                self._check_locations(declared, store)

    def fed(self, store: str, take: Collection[str] | None) -> list[Location]:
        """The locations of the store that some warehouse of the take feeds; all of them without a take."""
        return [
            location
            for location in self.stores[store].locations
            if take is None or any(warehouse in take for warehouse in location.warehouses)
        ]

    def feeding(self, store: str) -> frozenset[str]:
        """The warehouses that feed some location of the store."""
        if store not in self._feeding:
            locations = self.stores[store].locations
            self._feeding[store] = frozenset(warehouse for place in locations for warehouse in place.warehouses)
        return self._feeding[store]

    def is_whole(self, store: str) -> bool:
        """Whether all is known about which warehouses feed the store."""
        return store not in self._partial

    def can_preorder(self, store: str) -> bool | None:
        """None where the platform cannot be asked."""
        capabilities = self._capabilities(store)
        return None if capabilities is None else capabilities.preorder

    def maximum(self, store: str) -> int | None:
        """The most that the store shows of any listing; None where its platform cannot be asked."""
        capabilities = self._capabilities(store)
        return None if capabilities is None else capabilities.max_quantity

    def days_to_ship(self, store: str) -> tuple[int, int] | None:
        """Fewest and most in pre-order; None where it has none, or none for all listings, or cannot be asked."""
        capabilities = self._capabilities(store)
        return None if capabilities is None or not capabilities.preorder else capabilities.preorder_days

    # ---- helpers

    def _store(self, declared: n.Store) -> Store:
        name = declared.name.text
        said = Statements(declared.statements, self._findings)
        account, region = said.get(n.Account), said.get(n.Region)
        return Store(
            name,
            declared.platform.text,
            account.key.value if account else name,
            region.value.value if region else "",
            is_choice(declared),
            tuple(self._locations(declared)),
        )

    def _locations(self, declared: n.Store) -> Iterator[Location]:
        mappings = [statement for statement in declared.statements if isinstance(statement, n.LocationMapping)]
        if declared.broken:
            self._partial.add(declared.name.text)
        elif not mappings:
            yield Location("", tuple(self._names.warehouses))
        first: dict[str, n.Text] = {}
        for mapping in mappings:
            fed_by = self._names.warehouse_list(
                mapping.warehouses, mapping.all_warehouses, mapping.exclude, mapping.span, "the list"
            )
            if not fed_by.complete:
                self._partial.add(declared.name.text)
            location = mapping.location
            if location.value not in first:
                first[location.value] = location
                yield Location(location.value, fed_by.names)
            else:
                message = f"the location `{location.value}` is mapped twice"
                help = "name all warehouses that feed it in one `location`"
                self._findings.error("PUSH111", message, location.span, help, related=[first[location.value].span])

    def _check_platform(self, name: n.Name) -> None:
        if name.text in self._platforms.names:
            return
        self._unusable.add(name.text)
        package = self._platforms.packages.get(name.text)
        if package is None:
            known = sorted({*self._platforms.names, *self._platforms.packages})
            near = get_close_matches(name.text, known, n=1)
            help = f"did you mean `{near[0]}`?" if near else f"installed platforms are {listed(self._platforms.names)}"
            fix = Fix(name.span, near[0], f"write `{near[0]}`") if near else None
            self._findings.error("PUSH104", f"there is no platform `{name.text}`", name.span, help, fix)
            return
        brought = [other for other in self._platforms.names if self._platforms.packages.get(other) == package]
        help = f"`{package}` is installed and brings {listed(brought)}" if brought else f"install `{package}`"
        self._findings.error("PUSH105", f"the platform `{name.text}` is not installed", name.span, help)

    def _check_locations(self, declared: n.Store, store: Store) -> None:
        mappings = [statement for statement in declared.statements if isinstance(statement, n.LocationMapping)]
        if len(mappings) == len(store.locations):
            self._say_shared(mappings, store)
        if mappings and (capabilities := self._capabilities(store.name)) is not None and not capabilities.locations:
            reason = "it is a Choice store" if store.choice else f"`{store.platform}` knows none"
            message = f"`{store.name}` cannot have locations: {reason}"
            help = "delete `location`; which warehouses to use says `take` in the rules"
            self._findings.error("PUSH112", message, mappings[0].span, help)

    def _say_shared(self, mappings: Sequence[n.LocationMapping], store: Store) -> None:
        """A lint for each location that shares a warehouse with one before it."""
        fed: dict[str, str] = {}
        for location, mapping in zip(store.locations, mappings, strict=True):
            if both := [warehouse for warehouse in location.warehouses if warehouse in fed]:
                others = dict.fromkeys(fed[warehouse] for warehouse in both)
                message = f"{listed(both)} also feed{'s' if len(both) == 1 else ''} {listed(others)}"
                help = "the same stock is shown at each of these locations"
                self._findings.lint("PUSH304", message, mapping.span, help)
            fed |= dict.fromkeys(location.warehouses, location.name)

    def _capabilities(self, name: str) -> Capabilities | None:
        store = self.stores[name]
        if store.platform in self._unusable:
            return None
        if name not in self._asked:
            self._asked[name] = self._ask(store)
        return self._asked[name]

    def _ask(self, store: Store) -> Capabilities | None:
        try:
            return self._platforms.capabilities(store)
        except PushdslError as error:
            self._unusable.add(store.platform)
            self._findings.error("PUSH106", error.message, self._names.stores[store.name].platform.span, error.help)
            return None
