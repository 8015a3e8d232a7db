"""Rules in; those that can never have a listing, and what no rule has once a window closes, out.

Said only where the text alone is certain; the plan counts on the facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from pushdsl.overlap import Selection, certainly_left, is_within
from pushdsl.rivals import Claim, Window

MOST_ABOVE = 100
"""So many rules above one are looked at together."""

MOST_TRIED = 20
"""So many SKUs are tried that other rules turn out to name."""

ENOUGH = 20_000
"""So many comparisons are made for windows that close; beyond it the plan tells."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A claim, and those above it that have every listing that it could have."""

    claim: Claim
    above: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A claim whose window leaves `words` without a rule in `store` when it closes."""

    claim: Claim
    words: str
    store: str


def shadowed(claims: Sequence[Claim]) -> Iterator[Shadowed]:
    """Every claim that others, which override it, cover wholly: in each of its stores and all of its time."""
    above: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        for name in claim.overrides:
            above[name].append(claim)
    for claim in claims:
        if claim.name in claim.overrides:  # a circle is an error of its own
            continue
        if over := _covering(claim, [one for one in above[claim.name] if one is not claim]):
            yield Shadowed(claim, over)


def _covering(claim: Claim, above: Sequence[Claim]) -> tuple[Claim, ...]:
    """The fewest that cover the claim: one for a store where one is enough. Empty where they do not."""
    lasting = [one for one in above if _outlasts(one.window, claim.window)]
    if not _is_narrow(claim.selection):  # no few SKUs are all of a category, or all that a glob matches
        lasting = [one for one in lasting if not _is_narrow(one.selection)]
    found: dict[str, Claim] = {}
    for store in claim.stores:
        there = [one for one in lasting if store in one.stores]
        if not there or len(there) > MOST_ABOVE:
            return ()
        alone = next((one for one in there if is_within(claim.selection, [one.selection])), None)
        if alone is None and not is_within(claim.selection, [one.selection for one in there]):
            return ()
        found |= {one.name: one for one in ([alone] if alone is not None else there)}
    return tuple(found.values())


def _outlasts(window: Window, other: Window) -> bool:
    """Whether the first is open whenever the second is."""
    return window is None or (other is not None and window[0] <= other[0] and other[1] <= window[1])


def _is_narrow(selection: Selection) -> bool:
    """Whether it names all its SKUs one by one."""
    return all(part.skus for part in selection.parts)


# ---- windows that close -----------------------------------------------------------------------------


def uncovered(claims: Sequence[Claim]) -> Iterator[Uncovered]:
    """Every claim with a window at whose end certainly no other claim is open for some of its SKUs."""
    if not any(claim.window for claim in claims):
        return
    stores = _Stores(claims)
    left = ENOUGH
    for claim in claims:
        if claim.window is None:
            continue
        for store in claim.stores:
            others = list(stores.open_near(claim, store, claim.window[1]))
            left -= max(1, len(claim.selection.named)) * (len(others) + 1)
            if left < 0:
                return
            if (words := _left_by(claim, others, store, stores)) is not None:
                yield Uncovered(claim, words, store)
                break


def _left_by(claim: Claim, others: list[Selection], store: str, stores: _Stores) -> str | None:
    assert claim.window is not None
    for _ in range(MOST_TRIED):
        words = certainly_left(claim.selection, others)
        if words == "every SKU":
            return "most SKUs"
        if words is None or not words.startswith("SKU `"):
            return words
        # a SKU that a glob gave may be one that a rule names
        found = stores.open_naming(words[5:-1], store, claim, claim.window[1])
        naming = [selection for selection in found if all(selection is not other for other in others)]
        if not naming:
            return words
        others += naming
    return None


class _Stores:
    """The claims of each store: those that name all their SKUs by SKU, the others together."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._naming: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        self._wide: dict[str, list[Claim]] = defaultdict(list)
        self._wide_at: dict[tuple[str, datetime], list[Claim]] = {}
        for claim in claims:
            narrow = _is_narrow(claim.selection)
            for store in claim.stores:
                if not narrow:
                    self._wide[store].append(claim)
                for sku in claim.selection.named if narrow else ():
                    self._naming[store, sku].append(claim)

    def open_near(self, claim: Claim, store: str, at: datetime) -> Iterator[Selection]:
        """Each once, what the other claims that are open then select, but for those that name none of its SKUs."""
        if (store, at) not in self._wide_at:  # campaigns mostly close together
            self._wide_at[store, at] = [other for other in self._wide[store] if _is_open(other, at)]
        near = (other for sku in claim.selection.named for other in self._naming.get((store, sku), ()))
        return _open(chain(self._wide_at[store, at], near), claim, at)

    def open_naming(self, sku: str, store: str, claim: Claim, at: datetime) -> Iterator[Selection]:
        return _open(self._naming.get((store, sku), ()), claim, at)


def _open(claims: Iterable[Claim], but: Claim, at: datetime) -> Iterator[Selection]:
    found: dict[int, Selection] = {}
    for claim in claims:
        if claim is not but and _is_open(claim, at):
            found[id(claim.selection)] = claim.selection
    return iter(found.values())


def _is_open(claim: Claim, at: datetime) -> bool:
    return claim.window is None or claim.window[0] <= at < claim.window[1]
