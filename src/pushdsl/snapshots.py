"""What a source sees of stock as a whole, and what the ledger has, in; the events that make the two agree out.

A snapshot is no series of events: it says what is there, not what happened. So only what differs becomes an event, and
what is not in the snapshot stays as it is: missing is never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pushdsl.errors import PushdslError
from pushdsl.ledger import NOTHING, Balance, Kind, Mark, StockEvent, StockKey
from pushdsl.model import Reason


@dataclass(frozen=True, slots=True)
class StockLine:
    """One SKU in one warehouse, in merchant units. None: the source says nothing of it, and what is known stays."""

    warehouse: str
    sku: str
    on_hand: int
    allocated: int | None = None
    safety: int | None = None
    tracked: bool | None = None
    """False: it sells on without stock, whether because nobody counts it or because the seller wants it so."""

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse, self.sku)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `source` saw at `at`, no key twice. `sequence` grows from one snapshot of a source to the next."""

    source: str
    sequence: int
    at: datetime
    lines: tuple[StockLine, ...]

    def __post_init__(self) -> None:
        seen: set[StockKey] = set()
        for line in self.lines:
            if line.key in seen:
                message = f"{self.source} tells of `{line.sku}` in `{line.warehouse}` twice at once"
                raise PushdslError(message, "give every SKU one row in a warehouse")
            seen.add(line.key)

    @property
    def mark(self) -> Mark:
        """Its place in the order of all events: what is before it was there when it was taken."""
        return Mark(self.at, self.source, self.sequence, "")


def differences(snapshot: Snapshot, balances: Mapping[StockKey, Balance]) -> Iterator[StockEvent]:
    """Events, in the order of the lines, after which the ledger says what the snapshot says.

    `balances` are those of its place in the order (`Snapshot.mark`), not of now: what happened since stays on top. A
    key that the source tells of for the first time is counted even where nothing differs, so that it is known.
    """
    for line in snapshot.lines:
        balance = balances.get(line.key, NOTHING)
        changes = _changes(line, balance, first=balance.last_sequence(snapshot.source) is None)
        for kind, quantity in sorted(changes):  # as their ids are, so that none of them is late
            yield StockEvent(
                id="/".join([_part(snapshot.source), _part(line.warehouse), line.sku, kind, str(snapshot.sequence)]),
                source=snapshot.source,
                sequence=snapshot.sequence,
                occurred_at=snapshot.at,
                reason=Reason.REFRESH_INVENTORY,
                warehouse=line.warehouse,
                sku=line.sku,
                kind=kind,
                quantity=quantity,
            )


def vanished(snapshot: Snapshot, balances: Mapping[StockKey, Balance]) -> tuple[StockKey, ...]:
    """What the source told of before and does not any more, sorted."""
    there = {line.key for line in snapshot.lines}
    known = (key for key, balance in balances.items() if balance.last_sequence(snapshot.source) is not None)
    return tuple(sorted(key for key in known if key not in there))


def vanished_text(snapshot: Snapshot, gone: Iterable[StockKey]) -> str:
    """Why a person should look at what vanished, in one sentence."""
    names = [f"`{key.sku}` in `{key.warehouse}`" for key in gone]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
    return (
        f"{snapshot.source} no longer tells of {shown}; what was known of it stays: give it a row with 0 if it is gone"
    )


_SHOWN: Final = 3


def _changes(line: StockLine, balance: Balance, *, first: bool) -> Iterator[tuple[Kind, int]]:
    if first or line.on_hand != balance.on_hand:
        yield Kind.COUNT, line.on_hand
    if line.allocated is not None and (change := line.allocated - balance.allocated):
        yield (Kind.ALLOCATE, change) if change > 0 else (Kind.RELEASE, -change)
    if line.safety is not None and line.safety != balance.safety:
        yield Kind.SAFETY, line.safety
    if line.tracked is not None and line.tracked != balance.tracked:
        yield Kind.TRACKED, int(line.tracked)


def _part(name: str) -> str:
    """With no `/`, so that no two names of an id are taken for one another."""
    return name.replace("%", "%25").replace("/", "%2F")
