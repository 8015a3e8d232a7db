"""Rules, facts and a time in; which rule has each listing out: selectors, windows, overriding, blocked listings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import numpy as np

from pushdsl.errors import Diagnostic
from pushdsl.limits import LimitsProfile, too_many_skus
from pushdsl.model import ABSENT, Facts, PlanProblem
from pushdsl.overlap import Selections, certainly_named
from pushdsl.rules import CheckedRule, CheckedRules, SkuSet, SkuTerm

if TYPE_CHECKING:
    from pushdsl.model import Integers

NO_RULE, CONTESTED = -1, -2

MOST_COMPARED = 100
"""So many SKUs that the facts lack are compared with those that they have; more are a list of other SKUs."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The rule of every listing row, as an index into the rules; or NO_RULE, or CONTESTED (names in `contested`)."""

    owner: Integers
    contested: Mapping[int, tuple[str, ...]]
    problems: tuple[PlanProblem, ...]


def claim(rules: CheckedRules, facts: Facts, at: datetime) -> Claims:
    """Gives each active, mapped listing to the one rule above all others that match it."""
    index = _ListingsBySku.of(facts)
    rows, claimants = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    problems: list[PlanProblem] = []
    nearest = _Nearest(facts)
    for number, rule in enumerate(rules.rules):
        if rule.disabled or not _in_window(rule, at):
            continue
        claimed = index.rows_of(_select(rule.skus, facts, index), rule.stores)
        rows.append(claimed)
        claimants.append(np.full(len(claimed), number, np.int64))
        problems.extend(_missing_names(rule, facts, nearest))
    owner, contested = _settle(np.concatenate(rows), np.concatenate(claimants), rules.rules, len(facts.listings.sku))
    problems.extend(_left_at_close(rules, facts, at, owner, index))
    return Claims(owner, contested, tuple(dict.fromkeys(problems)))


def _left_at_close(
    rules: CheckedRules, facts: Facts, at: datetime, owner: Integers, index: _ListingsBySku
) -> Iterable[PlanProblem]:
    """One for each rule in its window whose listings, some of them, no rule has when that closes."""
    windows = {k: window for k in np.unique(owner).tolist() if k >= 0 and (window := rules.rules[k].window) is not None}
    if not windows:
        return
    ends = sorted({end for _, end in windows.values()})
    end_of_rule = np.full(len(rules.rules) + 2, ABSENT, np.int64)  # the last two are for NO_RULE and CONTESTED
    for number, (_, end) in windows.items():
        end_of_rule[number] = bisect_left(ends, end)
    # for each listing the end of its rule's window, until a rule is found that has it then
    waiting = end_of_rule[owner]
    for rule in rules.rules:
        start, end = rule.window or (ends[0], None)
        since, until = bisect_left(ends, start), len(ends) if end is None else bisect_left(ends, end)
        if since < until and not rule.disabled and (waiting != ABSENT).any():
            rows = index.rows_of(_select(rule.skus, facts, index), rule.stores)
            waiting[rows[(waiting[rows] >= since) & (waiting[rows] < until)]] = ABSENT
    left = np.flatnonzero(waiting != ABSENT)
    owned, first, count = np.unique(owner[left], return_index=True, return_counts=True)
    for number, row, listings in zip(owned.tolist(), left[first].tolist(), count.tolist(), strict=True):
        message = (
            f"{listings} listing{'s' if listings != 1 else ''} of rule `{rules.rules[number].name}` will have no rule "
            f"once its window closes, {windows[number][1]:%Y-%m-%d %H:%M} UTC, "
            f"and keep{'s' if listings == 1 else ''} what is shown then"
        )
        store = facts.stores[int(facts.listings.store[row])]
        yield PlanProblem("PUSH510", message, store, facts.listings.store_sku[row])


def over_limits(rules: CheckedRules, facts: Facts, profile: LimitsProfile) -> tuple[Diagnostic, ...]:
    """An error for each rule with more SKUs than the profile allows, counted on the facts, each SKU once.

    Windows make no difference: a rule is as large out of its own as in it. A disabled rule selects nothing.
    """
    if profile.skus_per_rule is None:
        return ()
    index = _ListingsBySku.of(facts)
    selections = Selections()
    found = []
    for rule in rules.rules:
        if rule.disabled:
            continue
        # SKUs that the text names and the facts do not have yet are SKUs of the rule all the same
        absent = sum(sku not in facts.sku_index for sku in certainly_named(selections.of(rule.skus)))
        count = len(_select(rule.skus, facts, index)) + absent
        found.append(too_many_skus(rule.name, rule.span, count, profile))
    return tuple(said for said in found if said is not None)


def _in_window(rule: CheckedRule, at: datetime) -> bool:
    return rule.window is None or rule.window[0] <= at < rule.window[1]


@dataclass(frozen=True, slots=True)
class _ListingsBySku:
    """Rows of the active, mapped listings in SKU order: those of SKU `i` are `rows[starts[i]:starts[i + 1]]`."""

    facts: Facts
    rows: Integers
    starts: Integers

    @staticmethod
    def of(facts: Facts) -> _ListingsBySku:
        listings = facts.listings
        eligible = np.flatnonzero(listings.active & (listings.sku != ABSENT))
        rows = eligible[np.argsort(listings.sku[eligible], kind="stable")]
        starts = np.searchsorted(listings.sku[rows], np.arange(len(facts.skus) + 1))
        return _ListingsBySku(facts, rows, starts)

    def rows_of(self, skus: Integers, stores: Iterable[str]) -> Integers:
        """Rows of the listings of these SKUs in these stores."""
        counts = self.starts[skus + 1] - self.starts[skus]
        rows = self.rows[ranges(self.starts[skus], counts)]
        wanted = np.isin(np.array(self.facts.stores, dtype=object), list(stores))
        kept: Integers = rows[wanted[self.facts.listings.store[rows]]] if len(rows) else rows
        return kept

    def skus_listed_on(self, stores: Iterable[str]) -> Integers:
        everything = np.arange(len(self.facts.skus))
        return np.unique(self.facts.listings.sku[self.rows_of(everything, stores)])


def ranges(starts: Integers, counts: Integers) -> Integers:
    """start, start + 1, … for each start, `count` of them, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - counts), counts) + np.arange(total)


def _select(skus: SkuSet, facts: Facts, index: _ListingsBySku) -> Integers:
    """Sorted indexes of the SKUs that a selector names."""
    chosen = _union(skus.terms, facts, index)
    return np.setdiff1d(chosen, _union(skus.except_, facts, index), assume_unique=True) if skus.except_ else chosen


def _union(terms: Sequence[SkuTerm | SkuSet], facts: Facts, index: _ListingsBySku) -> Integers:
    parts = [_select(t, facts, index) if isinstance(t, SkuSet) else _term(t, facts, index) for t in terms]
    return reduce(np.union1d, parts) if parts else np.empty(0, np.int64)


def _term(term: SkuTerm, facts: Facts, index: _ListingsBySku) -> Integers:
    empty: Integers = np.empty(0, np.int64)
    match term.kind:
        case "exact":
            return np.unique(np.array([facts.sku_index[v] for v in term.values if v in facts.sku_index], np.int64))
        case "like":
            return _matching(term.values[0], facts.skus)
        case "category":
            return facts.categories.get(term.values[0], empty)
        case "brand":
            return facts.brands.get(term.values[0], empty)
        case "tag":
            return facts.tags.get(term.values[0], empty)
        case "listed":
            return index.skus_listed_on(term.values)
        case "everything":
            return np.arange(len(facts.skus), dtype=np.int64)
        case _:
            raise AssertionError(term.kind)


def _matching(pattern: str, skus: Sequence[str]) -> Integers:
    """Indexes of the SKUs that a glob matches; only those with its literal beginning are looked at."""
    beginning = re.split(r"[*?]", pattern, maxsplit=1)[0]
    first = bisect_left(skus, beginning)
    last = bisect_left(skus, beginning + chr(0x10FFFF)) if beginning else len(skus)
    expression = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in pattern)
    matches = re.compile(expression, re.DOTALL).fullmatch
    return np.array([i for i in range(first, last) if matches(skus[i])], np.int64)


def _settle(
    rows: Integers, claimants: Integers, rules: Sequence[CheckedRule], listings: int
) -> tuple[Integers, dict[int, tuple[str, ...]]]:
    """The owner of every listing. Listings that the same rules claim are settled together."""
    owner = np.full(listings, NO_RULE, np.int64)
    order = np.argsort(rows, kind="stable")
    rows, claimants = rows[order], claimants[order]
    claimed, first, count = np.unique(rows, return_index=True, return_counts=True)
    owner[claimed] = claimants[first]

    several = count > 1
    claimed, first, count = claimed[several], first[several], count[several]
    company = claimants[first]
    depth = 1
    while (more := count > depth).any():
        pair = company * (len(rules) + 1) + np.where(more, claimants[np.minimum(first + depth, len(rows) - 1)] + 1, 0)
        _, company = np.unique(pair, return_inverse=True)
        depth += 1

    contested: dict[int, tuple[str, ...]] = {}
    _, example, members = np.unique(company, return_index=True, return_inverse=True)
    for kind, at in enumerate(example):
        rivals = [int(r) for r in claimants[first[at] : first[at] + count[at]]]
        together = claimed[members == kind]
        winners = _undefeated(rivals, rules)
        owner[together] = winners[0] if len(winners) == 1 else CONTESTED
        if len(winners) > 1:
            names = tuple(rules[w].name for w in winners)
            contested.update((int(row), names) for row in together)
    return owner, contested


def _undefeated(rivals: Sequence[int], rules: Sequence[CheckedRule]) -> list[int]:
    """The rules that no other of these overrides; a single one is above all the rest."""
    beaten = frozenset().union(*(rules[r].overrides for r in rivals))
    return [r for r in rivals if rules[r].name not in beaten]


def _missing_names(rule: CheckedRule, facts: Facts, nearest: _Nearest) -> Iterable[PlanProblem]:
    """Literal SKUs, categories, brands and tags that the facts do not have, with the nearest that they do."""
    for term in _terms(rule.skus):
        match term.kind:
            case "exact":
                for sku in term.values:
                    if sku not in facts.sku_index:
                        yield _missing("PUSH505", "SKU", sku, nearest.sku(sku), term, rule)
            case "category" | "brand" | "tag" as kind:
                known = {"category": facts.categories, "brand": facts.brands, "tag": facts.tags}[kind]
                if term.values[0] not in known:
                    near = get_close_matches(term.values[0], known, n=1)
                    yield _missing("PUSH506", kind, term.values[0], near, term, rule)
            case _:
                pass


def _missing(code: str, kind: str, name: str, near: Sequence[str], term: SkuTerm, rule: CheckedRule) -> PlanProblem:
    hint = f", did you mean `{near[0]}`?" if near else ""
    return PlanProblem(code, f"no {kind} `{name}` in the facts (rule `{rule.name}`, {term.span}){hint}")


class _Nearest:
    """The SKU of the facts that a missing one probably means: written otherwise, or nearly the same."""

    def __init__(self, facts: Facts) -> None:
        self._skus = facts.skus
        self._compared = 0

    def sku(self, sku: str) -> Sequence[str]:
        if (twin := self._by_small_letters.get(sku.casefold())) is not None:
            return [twin]
        self._compared += 1
        return get_close_matches(sku, self._neighbours(sku), n=1) if self._compared <= MOST_COMPARED else []

    @cached_property
    def _by_small_letters(self) -> Mapping[str, str]:
        return {sku.casefold(): sku for sku in reversed(self._skus)}

    def _neighbours(self, sku: str) -> Sequence[str]:
        """SKUs around the place where this one would stand: comparing with all of a million would take seconds."""
        at = bisect_left(self._skus, sku)
        return self._skus[max(0, at - 500) : at + 500]


def _terms(skus: SkuSet) -> Iterable[SkuTerm]:
    for term in (*skus.terms, *skus.except_):
        if isinstance(term, SkuSet):
            yield from _terms(term)
        else:
            yield term
