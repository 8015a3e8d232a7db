"""Stock events in; what is on hand and allocated of every SKU in every warehouse out, however the events arrive.

Within a source the order of events is their sequence, between sources it is time. A source whose clock goes back is
placed no earlier than what it said before. So the balances follow from the set of events alone: late ones, repeated
ones and any order of delivery lead to the same figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, assert_never

from pushdsl.errors import PushdslError
from pushdsl.model import QUANTITY_MAX, REASON_TEXTS, Reason


class LedgerError(PushdslError):
    """An event that cannot be true, alone or beside another; whoever sent it must look at it."""


class StockKey(NamedTuple):
    """Which stock: one SKU in one warehouse."""

    warehouse: str
    sku: str


class Kind(StrEnum):
    """What an event does. `deduct` takes from what is on hand and from what is allocated: allocated goods left.

    `count` sets what is on hand, `safety` and `tracked` (0 or 1) set what their names say.
    """

    ADD = "add"
    ALLOCATE = "allocate"
    RELEASE = "release"
    DEDUCT = "deduct"
    COUNT = "count"
    SAFETY = "safety"
    TRACKED = "tracked"


@dataclass(frozen=True, slots=True)
class StockEvent:
    """One fact about one SKU in one warehouse, in merchant units. Only `add` and `count` may be below 0.

    `sequence` grows with what its source says of this SKU in this warehouse; parts of one message may share it.
    `phantom` marks a release of goods that have left: available rises, and there is nothing behind it.
    """

    id: str
    source: str
    sequence: int
    occurred_at: datetime
    reason: Reason
    warehouse: str
    sku: str
    kind: Kind
    quantity: int
    phantom: bool = False

    def __post_init__(self) -> None:
        if not (self.id and self.source and self.warehouse and self.sku):
            raise LedgerError(f"stock event `{self.id}` lacks its id, source, warehouse or SKU")
        if self.occurred_at.utcoffset() is None:
            raise LedgerError(f"stock event `{self.id}` has a time without a zone")
        if self.reason not in REASON_TEXTS:
            raise LedgerError(f"stock event `{self.id}` has the unknown reason {self.reason}")
        low, high = _BOUNDS[self.kind]
        if not low <= self.quantity <= high:
            message = f"stock event `{self.id}` wants to {_WORDS[self.kind]} {self.quantity}"
            raise LedgerError(message, f"give a whole number from {low} to {high}")

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse, self.sku)

    def __str__(self) -> str:
        done = f"{_WORDS[self.kind]} {self.quantity} of {self.sku} in {self.warehouse}"
        marked = ", phantom" if self.phantom else ""
        return (
            f"{done} (reason {int(self.reason)}, {self.source} {self.sequence}, {self.occurred_at.isoformat()}{marked})"
        )


_BOUNDS: Final[Mapping[Kind, tuple[int, int]]] = {
    Kind.ADD: (-QUANTITY_MAX, QUANTITY_MAX),
    Kind.ALLOCATE: (1, QUANTITY_MAX),
    Kind.RELEASE: (1, QUANTITY_MAX),
    Kind.DEDUCT: (1, QUANTITY_MAX),
    Kind.COUNT: (-QUANTITY_MAX, QUANTITY_MAX),
    Kind.SAFETY: (0, QUANTITY_MAX),
    Kind.TRACKED: (0, 1),
}
_WORDS: Final[Mapping[Kind, str]] = {
    Kind.ADD: "add",
    Kind.ALLOCATE: "allocate",
    Kind.RELEASE: "release",
    Kind.DEDUCT: "deduct",
    Kind.COUNT: "count",
    Kind.SAFETY: "set safety stock to",
    Kind.TRACKED: "set tracking to",
}


class Mark(NamedTuple):
    """The place of an event in the order of all events of its SKU and warehouse; the smaller was first."""

    at: datetime
    source: str
    sequence: int
    id: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What the events come to. `marks` is the newest event of every source, sorted by source."""

    on_hand: int = 0
    allocated: int = 0
    safety: int = 0
    tracked: bool = True
    marks: tuple[Mark, ...] = ()

    @property
    def available(self) -> int:
        """Below 0 where the source of counts says so. A release that came before its allocation frees nothing."""
        return self.on_hand - max(self.allocated, 0)

    def last_sequence(self, source: str) -> int | None:
        """Of the newest event of this source; None where it has said nothing."""
        return next((mark.sequence for mark in self.marks if mark.source == source), None)


NOTHING: Final = Balance()


@dataclass(frozen=True, slots=True)
class Ledger:
    """All events taken in, by id, and what they come to."""

    events: Mapping[str, StockEvent] = field(default_factory=lambda: MappingProxyType({}))
    balances: Mapping[StockKey, Balance] = field(default_factory=lambda: MappingProxyType({}))

    def balance(self, warehouse: str, sku: str) -> Balance:
        return self.balances.get(StockKey(warehouse, sku), NOTHING)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a record leaves the events. None is a record that is missing, or an event that is; both: it is gone."""

    event: str
    expected: Balance | None
    recorded: Balance | None

    def __str__(self) -> str:
        if self.recorded is None and self.expected is None:
            return f"stock event {self.event} is gone from the record"
        recorded, expected = _told(self.recorded), _told(self.expected)
        return f"after stock event `{self.event}` the record says {recorded}, the events {expected}"


def fold(events: Iterable[StockEvent], ledger: Ledger | None = None) -> Ledger:
    """The ledger with these events as well; an event that it has is passed over.

    This looks at every event of the ledger: it is for the beginning and for checks. For one event, see `after`.
    """
    ledger = Ledger() if ledger is None else ledger
    taken = dict(ledger.events)
    touched: dict[StockKey, list[StockEvent]] = {}
    for event in events:
        if not is_repeat(event, taken.get(event.id)):
            taken[event.id] = event
            touched[event.key] = []
    for event in taken.values():
        if event.key in touched:
            touched[event.key].append(event)
    balances = {key: balance_of(history) for key, history in touched.items()}
    return Ledger(MappingProxyType(taken), MappingProxyType({**ledger.balances, **balances}))


def is_repeat(event: StockEvent, known: StockEvent | None) -> bool:
    """Whether the event was taken in already; `known` is the one with its id."""
    if known is None or event == known:
        return known is not None
    message = f"stock event `{event.id}` came twice and differs: first `{known}`, now `{event}`"
    raise LedgerError(message, "give every event an id of its own, and never change one that was sent")


def balance_of(events: Iterable[StockEvent]) -> Balance:
    """What all events of one SKU in one warehouse come to, each given once, in any order."""
    balance = NOTHING
    for mark, event in _in_order(events):
        balance = _step(balance, event, mark)
    return balance


def balance_before(events: Iterable[StockEvent], mark: Mark) -> Balance:
    """What the events of one SKU in one warehouse came to just before this place in their order."""
    balance = NOTHING
    for place, event in _in_order(events):
        if place < mark:
            balance = _step(balance, event, place)
    return balance


def after(balance: Balance, event: StockEvent) -> Balance | None:
    """The balance with one event more that it has not; None where the event is late, and `balance_of` must decide."""
    last = next((mark for mark in balance.marks if mark.source == event.source), None)
    if last is not None and (event.sequence, event.id) <= (last.sequence, last.id):
        return None
    at = event.occurred_at if last is None else max(last.at, event.occurred_at)
    mark = Mark(at, event.source, event.sequence, event.id)
    if balance.marks and mark < max(balance.marks):
        return None
    return _step(balance, event, mark)


def verify(events: Iterable[StockEvent], balances: Mapping[str, Balance]) -> Difference | None:
    """The first event, as they arrived, after which the recorded balance is not what the events come to.

    `balances` holds for every event what was recorded after it of its SKU in its warehouse.
    """
    taken: dict[str, StockEvent] = {}
    history: dict[StockKey, list[StockEvent]] = {}
    current: dict[StockKey, Balance] = {}
    for event in events:
        if is_repeat(event, taken.get(event.id)):
            continue
        taken[event.id] = event
        history.setdefault(event.key, []).append(event)
        expected = after(current.get(event.key, NOTHING), event) or balance_of(history[event.key])
        current[event.key] = expected
        if balances.get(event.id) != expected:
            return Difference(event.id, expected, balances.get(event.id))
    lost = min(balances.keys() - taken.keys(), default=None)
    return None if lost is None else Difference(lost, None, balances[lost])


def transfer(
    id: str, source: str, sequence: int, at: datetime, sku: str, quantity: int, *, origin: str, target: str
) -> tuple[StockEvent, StockEvent]:
    """Goods that go from one warehouse to another: out there and in here, known by one id and what it ends with."""
    if origin == target or quantity < 1:
        message = f"transfer `{id}` moves {quantity} of {sku} from `{origin}` to `{target}`"
        raise LedgerError(message, "a transfer moves at least one unit from one warehouse to another")
    return (
        StockEvent(f"{id}/out", source, sequence, at, Reason.STOCK_OUT_TRANSFER, origin, sku, Kind.ADD, -quantity),
        StockEvent(f"{id}/in", source, sequence, at, Reason.STOCK_IN_TRANSFER, target, sku, Kind.ADD, quantity),
    )


def _in_order(events: Iterable[StockEvent]) -> list[tuple[Mark, StockEvent]]:
    placed: list[tuple[Mark, StockEvent]] = []
    latest: dict[str, datetime] = {}
    for event in sorted(events, key=lambda event: (event.sequence, event.id)):
        at = max(event.occurred_at, latest.get(event.source, event.occurred_at))
        latest[event.source] = at
        placed.append((Mark(at, event.source, event.sequence, event.id), event))
    return sorted(placed, key=lambda pair: pair[0])


def _step(balance: Balance, event: StockEvent, mark: Mark) -> Balance:
    marks = tuple(sorted([*(m for m in balance.marks if m.source != mark.source), mark], key=lambda m: m.source))
    quantity = event.quantity
    match event.kind:
        case Kind.ADD:
            return replace(balance, marks=marks, on_hand=balance.on_hand + quantity)
        case Kind.ALLOCATE:
            return replace(balance, marks=marks, allocated=balance.allocated + quantity)
        case Kind.RELEASE:
            return replace(balance, marks=marks, allocated=balance.allocated - quantity)
        case Kind.DEDUCT:
            allocated = balance.allocated - quantity
            return replace(balance, marks=marks, on_hand=balance.on_hand - quantity, allocated=allocated)
        case Kind.COUNT:
            return replace(balance, marks=marks, on_hand=quantity)
        case Kind.SAFETY:
            return replace(balance, marks=marks, safety=quantity)
        case Kind.TRACKED:
            return replace(balance, marks=marks, tracked=bool(quantity))
        case _:
            assert_never(event.kind)


def _told(balance: Balance | None) -> str:
    if balance is None:
        return "nothing"
    told = f"on hand {balance.on_hand}, allocated {balance.allocated}, safety stock {balance.safety}"
    places = ", ".join(f"{mark.source} {mark.sequence}" for mark in balance.marks)
    return f"{told}, {'tracked' if balance.tracked else 'untracked'} ({places})"
