"""All declarations of all files in; for a name, what it means, or the nearest that means something.

A name that cannot be found gives one error here and None to the caller, who then draws no conclusions from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from pushdsl.errors import Fix
from pushdsl.findings import Findings
from pushdsl.grammar import nodes as n
from pushdsl.loader import Loaded
from pushdsl.source import Span

Named = n.Warehouse | n.Store | n.Group | n.Skus | n.Let | n.Rule | n.Test
D = TypeVar("D", n.Warehouse, n.Store, n.Group, n.Skus, n.Let, n.Rule, n.Test)

MOST_NESTED = 100
"""Groups in groups, or sets in sets."""

_WORD: Mapping[type[Named], str] = {
    n.Warehouse: "warehouse",
    n.Store: "store",
    n.Group: "group",
    n.Skus: "set of SKUs",
    n.Let: "value",
    n.Rule: "rule",
    n.Test: "test",
}
_DECLARING: Mapping[type[Named], str] = {
    n.Warehouse: "`warehouse {}`",
    n.Store: "`store {} on …`",
    n.Group: "`group {} = …`",
    n.Skus: "`skus {} = …`",
    n.Let: "`let {} = …`",
}
_VALUE_WORD = {n.Quantity: "a quantity", n.Percentage: "a percentage", n.Duration: "a duration"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a list of names comes to, each once, in its order. `complete` is false where one of them is unknown."""

    names: tuple[str, ...]
    complete: bool


class Names:
    """What every name of the files means, and which of them have been used."""

    def __init__(self, loaded: Loaded, findings: Findings) -> None:
        self.warehouses: dict[str, n.Warehouse] = {}
        self.stores: dict[str, n.Store] = {}
        self.groups: dict[str, n.Group] = {}
        self.sets: dict[str, n.Skus] = {}
        self.values: dict[str, n.Let] = {}
        self.rules: dict[str, n.Rule] = {}
        self.tests: dict[str, n.Test] = {}
        self._tables: Mapping[type[Named], Mapping[str, Named]] = {
            n.Warehouse: self.warehouses,
            n.Store: self.stores,
            n.Group: self.groups,
            n.Skus: self.sets,
            n.Let: self.values,
        }
        self._findings = findings
        self._complete = loaded.complete
        self._broken = frozenset[str]().union(*(file.broken_names for file in loaded.files))
        # whether `all stores` and `all warehouses` can be known: a declaration may be among what is broken
        self._all_known = loaded.complete and not self._broken
        self._used: set[int] = set()
        # kinds of which some name meant nothing: it may have meant any that seems unused
        self._sought: set[type[Named]] = set()
        self._members: dict[str, Resolved] = {}
        self._being_resolved: list[str] = []
        self.all_stores: list[n.Store] = []
        self.all_rules: list[n.Rule] = []
        self.all_tests: list[n.Test] = []
        self.all_promises: list[n.Promise] = []
        for file in loaded.files:
            for declaration in file.declarations:
                self._declare(declaration)

    # ---- looking up

    def stores_of(self, name: n.Name) -> Resolved:
        """The store of this name, or the stores of the group."""
        found = self.find(name, n.Store, n.Group)
        if found is None:
            return Resolved((), False)
        return self.members_of(found) if isinstance(found, n.Group) else Resolved((name.text,), True)

    def store_list(self, stores: n.StoreList, what: str) -> Resolved:
        """The stores of a list; `what` is what it is called where its `except` leaves nothing."""
        once(stores.include, self._findings)
        once(stores.exclude, self._findings)
        if stores.all_stores:
            ordinary = tuple(name for name, store in self.stores.items() if not is_choice(store))
            included = Resolved(ordinary, self._all_known)
            self._used.update(id(self.stores[name]) for name in ordinary)
            if not ordinary and self._all_known:
                help = "declare one as `store shopee_my on shopee`; Choice stores are named one by one"
                self._findings.error("PUSH108", "there is no store that `all stores` could mean", stores.span, help)
                return Resolved((), False)
        else:
            included = self._union(stores.include)
        return self._without(included, stores.exclude, [self.stores_of(name) for name in stores.exclude], what)

    def warehouse_list(
        self, include: Sequence[n.Name], every: bool, exclude: Sequence[n.Name], span: Span, what: str
    ) -> Resolved:
        """The warehouses of a list, each of which may stand once; `every`: all that are declared. `span` covers it."""
        once(include, self._findings, strictly=True)
        once(exclude, self._findings, strictly=True)
        if not every:
            parts = [self._warehouse(name) for name in include]
            included = Resolved(
                tuple(dict.fromkeys(name for part in parts for name in part.names)),
                all(part.complete for part in parts),
            )
        else:
            included = Resolved(tuple(self.warehouses), self._all_known)
            self._used.update(id(warehouse) for warehouse in self.warehouses.values())
            if not self.warehouses and self._all_known:
                help = "declare one as `warehouse kl`"
                self._findings.error("PUSH108", "there is no warehouse that `all warehouses` could mean", span, help)
                return Resolved((), False)
        return self._without(included, exclude, [self._warehouse(name) for name in exclude], what)

    def units(self, value: n.QuantityValue) -> int | None:
        if isinstance(value, n.Quantity):
            return value.units
        found = self._value(value, n.Quantity)
        return found.units if isinstance(found, n.Quantity) else None

    def ppm(self, value: n.PercentageValue) -> int | None:
        if isinstance(value, n.Percentage):
            return value.ppm
        found = self._value(value, n.Percentage)
        return found.ppm if isinstance(found, n.Percentage) else None

    def seconds(self, value: n.DurationValue) -> int | None:
        if isinstance(value, n.Duration):
            return value.seconds
        found = self._value(value, n.Duration)
        return found.seconds if isinstance(found, n.Duration) else None

    def rule(self, name: n.Text) -> n.Rule | None:
        if (found := self.rules.get(name.value)) is not None:
            return found
        if self._complete and name.value not in self._broken:
            near = get_close_matches(name.value, list(self.rules), n=2)
            help = f"did you mean `{near[0]}`?" if near else "name a rule as its own line does"
            fix = Fix(name.span, quoted(near[0]), f"write {quoted(near[0])}") if len(near) == 1 else None
            self._findings.error("PUSH101", f"there is no rule `{name.value}`", name.span, help, fix)
        return None

    def resolve_promises(self) -> None:
        """Says which names of the promises mean nothing; the others are used."""
        for promise in self.all_promises:
            if isinstance(promise, n.NeverDecreases | n.ShowsAtMost) and promise.store is not None:
                self.stores_of(promise.store)
            if isinstance(promise, n.ShowsAtMost):
                self.units(promise.amount)

    def find(self, name: n.Name, *kinds: type[Named]) -> Named | None:
        """What the name means among these kinds, now used; an error and None where it means nothing."""
        for kind in kinds:
            if (found := self._tables[kind].get(name.text)) is not None:
                self._used.add(id(found))
                return found
        if self._complete and name.text not in self._broken:
            self._unknown(name, kinds)
        return None

    def in_doubt(self, name: str) -> bool:
        """Whether the line that declares the name, or one that uses it, could not be read."""
        return name in self._broken

    def say_unused(self) -> None:
        """A lint for every name that nothing used, unless something was not read that may use it."""
        if not self._complete:
            return
        for kind, table in self._tables.items():
            for name, declaration in table.items():
                if kind not in self._sought and id(declaration) not in self._used and name not in self._broken:
                    message = f"nothing uses the {_WORD[kind]} `{name}`"
                    self._findings.lint("PUSH301", message, declaration.name.span, "use it or delete it")

    # ---- helpers

    def _declare(self, declaration: n.Declaration) -> None:
        match declaration:
            case n.Warehouse():
                self._add(self.warehouses, declaration, declaration.name.text)
            case n.Store():
                self.all_stores.append(declaration)
                self._add(self.stores, declaration, declaration.name.text, self.groups)
            case n.Group():
                self._add(self.groups, declaration, declaration.name.text, self.stores)
            case n.Skus():
                self._add(self.sets, declaration, declaration.name.text)
            case n.Let():
                self._add(self.values, declaration, declaration.name.text)
            case n.Rule():
                self.all_rules.append(declaration)
                self._add(self.rules, declaration, declaration.name.value)
            case n.Test():
                self.all_tests.append(declaration)
                self._add(self.tests, declaration, declaration.name.value)
            case n.NeverOversell() | n.EveryListingHasARule() | n.NeverDecreases() | n.ShowsAtMost():
                self.all_promises.append(declaration)
            case n.Edition() | n.Use():
                pass

    def _add(self, table: dict[str, D], declaration: D, name: str, beside: Mapping[str, Named] | None = None) -> None:
        first: Named | None = table.get(name) or (beside or {}).get(name)
        if first is None:
            table[name] = declaration
            return
        kind, other = _WORD[type(declaration)], _WORD[type(first)]
        message = f"there are two {kind.replace(' of ', 's of ') if ' of ' in kind else kind + 's'} `{name}`"
        if kind != other:
            message = f"`{name}` is the name of a {other} and of a {kind}"
        help = f"the first stands at {first.name.span}: rename one of them"
        self._findings.error("PUSH103", message, declaration.name.span, help, related=[first.name.span])

    def _unknown(self, name: n.Name, kinds: Sequence[type[Named]]) -> None:
        self._sought.update(kinds)
        wanted = " or ".join(_WORD[kind] for kind in kinds)
        for kind, table in self._tables.items():
            if (other := table.get(name.text)) is not None:
                self._used.add(id(other))
                message = f"`{name.text}` is a {_WORD[kind]}, not a {wanted}"
                self._findings.error("PUSH102", message, name.span, f"name a {wanted} here", related=[other.name.span])
                return
        known = [known for kind in kinds for known in self._tables[kind]]
        near = get_close_matches(name.text, known, n=2)
        help = f"did you mean `{near[0]}`?" if near else f"declare it as {_DECLARING[kinds[0]].format(name.text)}"
        fix = Fix(name.span, near[0], f"write `{near[0]}`") if len(near) == 1 else None
        self._findings.error("PUSH101", f"there is no {wanted} `{name.text}`", name.span, help, fix)

    def _value(self, name: n.Name, wanted: type[n.Quantity | n.Percentage | n.Duration]) -> n.Node | None:
        let = self.find(name, n.Let)
        if not isinstance(let, n.Let) or isinstance(let.value, wanted):
            return let.value if isinstance(let, n.Let) else None
        message = f"`{name.text}` is {_VALUE_WORD[type(let.value)]}, and here stands {_VALUE_WORD[wanted]}"
        self._findings.error("PUSH113", message, name.span, "name a value of that kind", related=[let.value.span])
        return None

    def members_of(self, group: n.Group) -> Resolved:
        name = group.name.text
        if name not in self._members:
            if name in self._being_resolved or len(self._being_resolved) >= MOST_NESTED:
                circle(self._findings, group.name, self._being_resolved, "group")
                return Resolved((), False)
            self._being_resolved.append(name)
            self._members[name] = self.store_list(group.members, f"group `{name}`")
            self._being_resolved.pop()
        return self._members[name]

    def _warehouse(self, name: n.Name) -> Resolved:
        found = self.find(name, n.Warehouse)
        return Resolved((name.text,), True) if found is not None else Resolved((), False)

    def _union(self, names: Iterable[n.Name]) -> Resolved:
        parts = [self.stores_of(name) for name in names]
        every = dict.fromkeys(store for part in parts for store in part.names)
        return Resolved(tuple(every), all(part.complete for part in parts))

    def _without(self, included: Resolved, exclude: Sequence[n.Name], taken: Sequence[Resolved], what: str) -> Resolved:
        """The list after its `except`, with a word on what takes nothing away or leaves nothing."""
        gone = {name for part in taken for name in part.names}
        complete = included.complete and all(part.complete for part in taken)
        left = Resolved(tuple(name for name in included.names if name not in gone), complete)
        if complete and exclude:
            if included.names and not left.names:
                span = spanned(exclude)
                self._findings.error("PUSH109", f"`except` leaves nothing of {what}", span, "leave some of it in")
                return Resolved((), False)
            for name, part in zip(exclude, taken, strict=True):
                if not set(part.names) & set(included.names):
                    help = "it is not in the list before `except`: delete it here"
                    self._findings.lint("PUSH303", f"`except {name.text}` takes nothing away", name.span, help)
        return left


def is_choice(store: n.Store) -> bool:
    return any(isinstance(statement, n.Choice) for statement in store.statements)


def once(names: Iterable[n.Name | n.Text], findings: Findings, strictly: bool = False) -> None:
    """A lint for every name that stands in the list a second time; an error where that is `strictly` wrong."""
    first: dict[str, Span] = {}
    for name in names:
        text = name.text if isinstance(name, n.Name) else name.value
        if text not in first:
            first[text] = name.span
        elif strictly:
            help = "name it once"
            findings.error("PUSH110", f"`{text}` is named twice", name.span, help, related=[first[text]])
        else:
            help = "it counts once: delete one of the two"
            fix = without(name.span)
            findings.lint("PUSH302", f"`{text}` is named twice", name.span, help, fix, related=[first[text]])


def without(item: Span) -> Fix | None:
    """The fix that takes a later item out of its list, with the comma before it on the same line."""
    before = item.source.text[: item.start].rstrip(" \t")
    if not before.endswith(","):
        return None
    start = len(before.removesuffix(",").rstrip(" \t"))
    return Fix(Span(item.source, start, item.end), "", "delete it here")


def circle(findings: Findings, name: n.Name, way: Sequence[str], kind: str) -> None:
    """The error for a name that leads back to itself, or too deep, along the names of `way`."""
    if name.text not in way:
        message = f"{kind}s stand in each other more than {MOST_NESTED} deep"
        findings.error("PUSH107", message, name.span, "name what is meant directly")
        return
    whole = [*way[way.index(name.text) :], name.text]
    message = f"{kind} `{name.text}` contains itself"
    findings.error("PUSH107", message, name.span, f"{' → '.join(f'`{text}`' for text in whole)}: leave one of them out")


def quoted(text: str) -> str:
    """The text as a rule file writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def spanned(nodes: Sequence[n.Node]) -> Span:
    """From the first to the last of them."""
    return Span(nodes[0].span.source, nodes[0].span.start, nodes[-1].span.end)


__all__ = ["MOST_NESTED", "Names", "Resolved", "circle", "is_choice", "once", "quoted", "spanned"]
