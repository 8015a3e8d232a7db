"""Rules in; the pairs of them that certainly match one listing, neither above the other, out.

Comparing 20,000 rules with each other would take 200 million looks. So equal selectors are taken together, and an
index finds the few selectors that another can have a SKU in common with: those that name the same SKU or mark, and
globs whose fixed beginning and end agree. Only then is asked whether they certainly meet.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from pushdsl.globs import fixed_ends
from pushdsl.overlap import Mark, Selection, witness

Window = tuple[datetime, datetime] | None
MOST_RIVALS = 3
"""So many earlier rivals are named for one rule: more would only repeat what is wrong with it."""

ENOUGH = 2_000
"""So many pairs are looked for: rules that all overlap would give millions, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one rule claims: its place among all rules, what it selects, where, when, and whom it is above."""

    place: int
    name: str
    selection: Selection
    stores: tuple[str, ...]
    window: Window
    overrides: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two claims that certainly meet, the earlier first; `words` says in what, `store` where."""

    first: Claim
    second: Claim
    words: str
    store: str


def windows_meet(a: Window, b: Window) -> bool:
    return a is None or b is None or (a[0] < b[1] and b[0] < a[1])


def rivals(claims: Sequence[Claim]) -> list[Rivals]:
    """All pairs by the later claim, at most `MOST_RIVALS` for each, and not many more than `ENOUGH` together."""
    by_selection: dict[Selection, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_selection[claim.selection].append(claim)
    masks = _masks(claims)
    found: dict[int, dict[int, Rivals]] = defaultdict(dict)
    count = 0
    for a, b in _pairs_to_compare(list(by_selection)):
        words: str | None = None
        for first, second in _claim_pairs(by_selection[a], by_selection[b], a is b):
            if not masks[first.place] & masks[second.place] or not _contest(first, second):
                continue
            if words is None and (words := witness(a, b)) is None:
                break
            store = next(store for store in second.stores if store in first.stores)
            found[second.place][first.place] = Rivals(first, second, words, store)
            count += 1
            if count >= ENOUGH:
                break
        if count >= ENOUGH:
            break
    return [found[place][first] for place in sorted(found) for first in sorted(found[place])[:MOST_RIVALS]]


def _masks(claims: Sequence[Claim]) -> Mapping[int, int]:
    """The stores of every claim as bits, so that a look at two claims is one operation."""
    bits: dict[str, int] = {}
    for claim in claims:
        for store in claim.stores:
            bits.setdefault(store, 1 << len(bits))
    return {claim.place: sum(bits[store] for store in claim.stores) for claim in claims}


def _claim_pairs(a: Sequence[Claim], b: Sequence[Claim], same: bool) -> Iterator[tuple[Claim, Claim]]:
    pairs = combinations(a, 2) if same else ((one, other) for one in a for other in b)
    for one, other in pairs:
        yield (one, other) if one.place < other.place else (other, one)


def _contest(a: Claim, b: Claim) -> bool:
    return windows_meet(a.window, b.window) and a.name not in b.overrides and b.name not in a.overrides


# ---- which selections to compare --------------------------------------------------------------------


def _pairs_to_compare(selections: Sequence[Selection]) -> Iterator[tuple[Selection, Selection]]:
    """Every pair that can meet for certain, once, and each selection with itself."""
    broad = [number for number, selection in enumerate(selections) if _is_broad(selection)]
    for number in broad:
        yield from ((selections[number], other) for other in selections[number + 1 :])
        yield from ((other, selections[number]) for other in selections[:number] if not _is_broad(other))
    yield from ((selection, selection) for selection in selections)
    yield from _near([selection for selection in selections if not _is_broad(selection)])


def _is_broad(selection: Selection) -> bool:
    return any(part.pattern == "*" for part in selection.parts)


def _near(selections: Sequence[Selection]) -> Iterator[tuple[Selection, Selection]]:
    """Pairs that name the same SKU or mark, or have globs whose ends agree with each other or with a named SKU."""
    globs = _Globs()
    naming: dict[str | Mark, list[int]] = defaultdict(list)
    for number, selection in enumerate(selections):
        for key in _keys(selection):
            naming[key].append(number)
        for pattern in _patterns(selection):
            globs.add(pattern, number)
    for number, selection in enumerate(selections):
        near = {other for key in _keys(selection) for other in naming[key] if other < number}
        for pattern in (*selection.named, *_patterns(selection)):
            near.update(globs.agreeing(pattern))
        yield from ((selections[other], selection) for other in sorted(near) if other != number)


def _keys(selection: Selection) -> list[str | Mark]:
    return [*selection.named, *(part.mark for part in selection.parts if part.mark and not part.pattern)]


def _patterns(selection: Selection) -> list[str]:
    return [part.pattern for part in selection.parts if part.pattern]


class _Globs:
    """Globs by their fixed beginning, and within it by their fixed end, read backwards."""

    def __init__(self) -> None:
        self._by_begin: dict[str, dict[str, list[int]]] = {}
        self._ends: dict[str, list[str]] = {}

    def add(self, pattern: str, number: int) -> None:
        begin, end = fixed_ends(pattern)
        self._by_begin.setdefault(begin, {}).setdefault(end[::-1], []).append(number)
        self._ends.clear()

    def agreeing(self, pattern: str) -> Iterator[int]:
        """Globs whose beginning begins that of `pattern`, and one of whose ends ends the other.

        Of two globs one has the shorter beginning, so asking for each of them finds every pair.
        """
        begin, end = fixed_ends(pattern)
        backwards = end[::-1]
        for length in range(len(begin) + 1):
            if (by_end := self._by_begin.get(begin[:length])) is not None:
                for shorter in range(len(backwards)):
                    yield from by_end.get(backwards[:shorter], ())
                ends = self._sorted_ends(begin[:length])
                for place in range(bisect_left(ends, backwards), len(ends)):
                    if not ends[place].startswith(backwards):
                        break
                    yield from by_end[ends[place]]

    def _sorted_ends(self, begin: str) -> list[str]:
        if begin not in self._ends:
            self._ends[begin] = sorted(self._by_begin[begin])
        return self._ends[begin]
