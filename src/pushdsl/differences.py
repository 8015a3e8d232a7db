"""Two plans of the same facts and time in; what the newer rules change, cell by cell and store by store, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from pushdsl.model import ABSENT, ACTIONS, Plan, PlannedCell, PlanProblem
from pushdsl.planner import CellNumbers, PlannedCells, planned_cells

Kind = Literal[
    "lost", "blocked", "off_sale", "down", "up", "gained", "unblocked", "preorder", "held", "released", "unchanged"
]
KINDS: tuple[Kind, ...] = (
    "lost", "blocked", "off_sale", "down", "up", "gained", "unblocked", "preorder", "held", "released", "unchanged",
)  # fmt: skip
"""What becomes of a cell, each counted once, what needs a look first.

lost: only the old rules have a number for it; it keeps what it shows. blocked: only the new rules block it.
off_sale: it showed something and will show 0. gained: only the new rules have a number for it. unblocked: only the old
rules blocked it. preorder: the same quantity in another mode or with other days. held, released: the same quantity,
sent later or no longer later. What a cell showed is what the old rules give it, and today's live where they give none.
"""
_CODE = {kind: number for number, kind in enumerate(KINDS)}
_BLOCKED, _HELD = ACTIONS.index("blocked"), ACTIONS.index("held")


@dataclass(frozen=True, slots=True)
class Change:
    """One cell under the old and under the new rules; None where they have no number for it and do not block it."""

    kind: Kind
    old: PlannedCell | None
    new: PlannedCell | None

    @property
    def cell(self) -> PlannedCell:
        """Either of the two, for what they share: the listing and what it shows today."""
        cell = self.new or self.old
        assert cell is not None
        return cell


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """How many cells of a store of each kind; and, whatever their kind, where pre-order opens, closes, or a push waits.

    Pre-order opens where the new rules have it open and the old ones closed.
    """

    store: str
    counts: Mapping[Kind, int]
    opens: int
    closes: int
    waits: int

    @property
    def differs(self) -> bool:
        return any(count for kind, count in self.counts.items() if kind != "unchanged")


@dataclass(frozen=True, slots=True)
class Difference:
    """What the new rules change. `appeared` and `gone` are problems of only one plan; `why_lost` is told by listing."""

    at: datetime
    old_sha256: str
    new_sha256: str
    facts_sha256: str
    stores: tuple[StoreDifference, ...]
    appeared: tuple[PlanProblem, ...]
    gone: tuple[PlanProblem, ...]
    why_lost: Mapping[tuple[str, str], str]
    rows: _Rows

    @property
    def counts(self) -> dict[Kind, int]:
        return {kind: sum(store.counts[kind] for store in self.stores) for kind in KINDS}

    @property
    def differs(self) -> bool:
        return any(store.differs for store in self.stores)

    def changes(
        self, store: str | None = None, kind: Kind | None = None, biggest: int | None = None
    ) -> Iterator[Change]:
        """What is not unchanged, by store, store SKU and location; of the `biggest` ones the biggest first."""
        return self.rows.changes(store, kind, biggest)


def compare(old: Plan, new: Plan) -> Difference:
    """Both plans must be made of the same facts, at the same time."""
    assert (old.at, old.facts_sha256) == (new.at, new.facts_sha256)
    rows = _rows(planned_cells(old), planned_cells(new))
    lost = {(change.cell.store, change.cell.store_sku) for change in rows.changes(None, "lost", None)}
    told = {(p.store, p.store_sku): p.message for p in new.problems if p.code in _WHY_NO_CELL}
    before, after = set(old.problems), set(new.problems)
    return Difference(
        at=new.at,
        old_sha256=old.rules_sha256,
        new_sha256=new.rules_sha256,
        facts_sha256=new.facts_sha256,
        stores=rows.by_store(),
        appeared=tuple(p for p in new.problems if p not in before and (p.store, p.store_sku) not in lost),
        gone=tuple(p for p in old.problems if p not in after),
        why_lost={listing: told.get(listing) or told.get((listing[0], "")) or _NOWHERE for listing in lost},
        rows=rows,
    )


_WHY_NO_CELL = {"PUSH500", "PUSH501", "PUSH502", "PUSH503", "PUSH508"}
_NOWHERE = "the rules have no number for it at this location any more"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Every cell of either plan, in order: its places in the two plans (ABSENT: not there), its kind and its size."""

    old: PlannedCells
    new: PlannedCells
    in_old: Any  # numpy columns, as in model
    in_new: Any
    kind: Any
    store: Any
    size: Any
    opens: Any
    closes: Any
    waits: Any
    store_names: Sequence[str]

    def by_store(self) -> tuple[StoreDifference, ...]:
        found = []
        for number, name in enumerate(self.store_names):
            here = self.store == number
            counts = np.bincount(self.kind[here], minlength=len(KINDS)).tolist()
            if sum(counts):
                marks = (int(column[here].sum()) for column in (self.opens, self.closes, self.waits))
                found.append(StoreDifference(name, dict(zip(KINDS, counts, strict=True)), *marks))
        return tuple(found)

    def changes(self, store: str | None, kind: Kind | None, biggest: int | None) -> Iterator[Change]:
        wanted = self.kind != _CODE["unchanged"] if kind is None else self.kind == _CODE[kind]
        if store is not None:
            wanted = wanted & (self.store == self.store_names.index(store))
        rows = np.flatnonzero(wanted)
        if biggest is not None:
            rows = rows[np.argsort(-self.size[rows], kind="stable")][:biggest]
        for start in range(0, len(rows), _PART):
            yield from self._made(rows[start : start + _PART])

    def _made(self, rows: Any) -> Iterator[Change]:
        in_old, in_new = self.in_old[rows], self.in_new[rows]
        old, new = iter(self.old.at(in_old[in_old != ABSENT])), iter(self.new.at(in_new[in_new != ABSENT]))
        for kind, was, now in zip(self.kind[rows].tolist(), in_old.tolist(), in_new.tolist(), strict=True):
            yield Change(KINDS[kind], next(old) if was != ABSENT else None, next(new) if now != ABSENT else None)


_PART = 10_000
"""Changes in memory at once."""


def _rows(old: PlannedCells, new: PlannedCells) -> _Rows:
    a, b = old.numbers(), new.numbers()
    names = sorted({*a.location_names, *b.location_names})
    keys_a, keys_b = _keys(a, names), _keys(b, names)
    keys = np.union1d(keys_a, keys_b)
    in_old, in_new = _places(keys_a, keys), _places(keys_b, keys)
    was, now = _at(a, in_old), _at(b, in_new)
    shown = np.where(was.quantity != ABSENT, was.quantity, np.where(in_old != ABSENT, was.live, now.live))
    return _Rows(
        old, new, in_old, in_new,
        kind=_kinds(in_old, in_new, was, now, shown),
        store=np.where(in_new != ABSENT, now.store, was.store),
        size=np.where(now.quantity != ABSENT, np.abs(now.quantity - np.maximum(shown, 0)), np.maximum(shown, 0)),
        opens=(in_old != ABSENT) & (in_new != ABSENT) & now.preorder & ~was.preorder,
        closes=(in_old != ABSENT) & (in_new != ABSENT) & was.preorder & ~now.preorder,
        waits=(now.action == _HELD) & (was.action != _HELD),
        store_names=new.store_names,
    )  # fmt: skip


def _kinds(in_old: Any, in_new: Any, was: CellNumbers, now: CellNumbers, shown: Any) -> Any:
    """The first that fits."""
    both = (in_old != ABSENT) & (in_new != ABSENT)
    was_blocked, is_blocked = was.action == _BLOCKED, now.action == _BLOCKED
    fits: list[tuple[Kind, Any]] = [
        ("lost", (in_new == ABSENT) & ~was_blocked),
        ("unchanged", (in_new == ABSENT) | (is_blocked & was_blocked)),
        ("blocked", is_blocked),
        ("off_sale", (now.quantity == 0) & (shown > 0)),
        ("gained", in_old == ABSENT),
        ("unblocked", was_blocked),
        ("down", now.quantity < was.quantity),
        ("up", now.quantity > was.quantity),
        ("preorder", both & ((now.preorder != was.preorder) | (now.days != was.days))),
        ("held", (now.action == _HELD) & (was.action != _HELD)),
        ("released", (was.action == _HELD) & (now.action != _HELD)),
    ]
    return np.select([fit for _, fit in fits], [_CODE[kind] for kind, _ in fits], _CODE["unchanged"])


def _keys(numbers: CellNumbers, names: Sequence[str]) -> Any:
    """One number for each cell, the same in both plans, in the order of the cells."""
    of_name = np.array([names.index(name) for name in numbers.location_names] or [0], np.int64)
    return numbers.listing * max(1, len(names)) + of_name[numbers.location]


def _places(own: Any, keys: Any) -> Any:
    """Where each key stands among a plan's own; ABSENT where it does not."""
    place = np.searchsorted(own, keys)
    found = np.append(own, ABSENT)[place] == keys
    return np.where(found, place, ABSENT)


def _at(numbers: CellNumbers, places: Any) -> CellNumbers:
    """The numbers at these places; nothing at all where ABSENT."""
    there = places != ABSENT

    def picked(column: Any, nothing: int | bool) -> Any:
        return np.where(there, np.append(column, nothing)[places], nothing)

    return CellNumbers(
        location_names=numbers.location_names,
        listing=picked(numbers.listing, ABSENT),
        location=picked(numbers.location, ABSENT),
        store=picked(numbers.store, ABSENT),
        quantity=picked(numbers.quantity, ABSENT),
        preorder=picked(numbers.preorder.astype(bool), False),
        days=picked(numbers.days, ABSENT),
        live=picked(numbers.live, ABSENT),
        action=picked(numbers.action, ABSENT),
    )
