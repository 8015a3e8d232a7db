"""Selectors as written in; the same with names resolved and lists read out, and what is odd about them said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from pushdsl.findings import Findings
from pushdsl.grammar import nodes as n
from pushdsl.loader import Loaded
from pushdsl.names import MOST_NESTED, Names, circle, spanned, without
from pushdsl.overlap import EVERYTHING, Selections, may_meet
from pushdsl.rules import SkuSet, SkuTerm
from pushdsl.source import Span


@dataclass(frozen=True, slots=True)
class Selected:
    """A selector's SKUs. `complete` is false where part of it is unknown: nothing should be concluded from it."""

    skus: SkuSet
    complete: bool


class Selectors:
    """Resolves selectors; every named set once."""

    def __init__(self, loaded: Loaded, names: Names, findings: Findings) -> None:
        self.selections = Selections()
        self._lists = loaded.lists
        self._names = names
        self._findings = findings
        self._sets: dict[str, Selected | None] = {}
        self._being_resolved: list[str] = []

    def resolve(self, selector: n.Selector) -> Selected:
        self._once(selector.include)
        self._once(selector.exclude)
        include, exclude = self._terms(selector.include), self._terms(selector.exclude)
        skus = SkuSet(tuple(t for t in include if t), tuple(t for t in exclude if t), selector.span)
        complete = all((*include, *exclude))
        if complete and exclude:
            complete = self._except(skus, selector.exclude)
        return Selected(skus, complete)

    def named(self, name: n.Name) -> Selected | None:
        """The set of this name; None where there is none, or where it contains itself."""
        declared = self._names.find(name, n.Skus)
        if not isinstance(declared, n.Skus):
            return None
        return self.declared(declared)

    def declared(self, declared: n.Skus) -> Selected | None:
        name = declared.name.text
        if name not in self._sets:
            if name in self._being_resolved or len(self._being_resolved) >= MOST_NESTED:
                circle(self._findings, declared.name, self._being_resolved, "set")
                return None
            self._being_resolved.append(name)
            self._sets[name] = self.resolve(declared.selector)
            self._being_resolved.pop()
        return self._sets[name]

    # ---- helpers

    def _terms(self, terms: Sequence[n.SelectorTerm]) -> list[SkuTerm | SkuSet | None]:
        return [self._term(term) for term in terms]

    def _term(self, term: n.SelectorTerm) -> SkuTerm | SkuSet | None:
        """None where a name or a file in it is unknown."""
        match term:
            case n.ExactSku(sku=sku):
                return SkuTerm("exact", (sku,), term.span)
            case n.Like(pattern=pattern):
                return SkuTerm("like", (pattern,), term.span)
            case n.Category(value=value):
                return SkuTerm("category", (value,), term.span)
            case n.Brand(value=value):
                return SkuTerm("brand", (value,), term.span)
            case n.Tag(value=value):
                return SkuTerm("tag", (value,), term.span)
            case n.Everything():
                return SkuTerm("everything", (), term.span)
            case n.ListedOn(store=store):
                stores = self._names.stores_of(store)
                return SkuTerm("listed", stores.names, term.span) if stores.complete else None
            case n.FromFile(path=path):
                skus = self._lists.get((term.span.source.name, path))
                return SkuTerm("exact", skus, term.span) if skus else None
            case n.NamedSkus(name=name):
                found = self.named(name)
                return found.skus if found is not None and found.complete else None
            case _:
                assert_never(term)

    def _once(self, terms: Sequence[n.SelectorTerm]) -> None:
        if len(terms) == 1:
            return
        first: dict[n.SelectorTerm, Span] = {}
        for term in terms:
            if term not in first:
                first[term] = term.span
                continue
            help = "it counts once: delete one of the two"
            message = f"`{term.span.text}` is named twice"
            self._findings.lint("PUSH302", message, term.span, help, without(term.span), related=[first[term]])

    def _except(self, skus: SkuSet, written: Sequence[n.SelectorTerm]) -> bool:
        """Whether `except` leaves something; says so where not, and where a term of it takes nothing away."""
        included = self.selections.of_terms(skus.terms)
        if not may_meet(self.selections.of(skus), EVERYTHING):
            if may_meet(included, EVERYTHING):
                self._findings.error("PUSH109", "`except` leaves nothing", spanned(written), "leave some of it in")
            return False
        for term, node in zip(skus.except_, written, strict=True):
            if not may_meet(included, self.selections.of_terms([term])):
                message = f"`except {node.span.text}` takes nothing away"
                help = "nothing before `except` can match it: delete it here"
                self._findings.lint("PUSH303", message, node.span, help)
        return True
