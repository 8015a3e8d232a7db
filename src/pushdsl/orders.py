"""An order and what is asked of it in; the order as it then stands, and the stock events of that, out.

An order holds stock from when it may be fulfilled until it ships, is voided or is cancelled; what it holds follows
from its state alone, so nothing is held or released twice, whatever is repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never

from pushdsl.errors import PushdslError
from pushdsl.ledger import Kind, StockEvent, StockKey
from pushdsl.model import Reason

Payment = Literal["prepaid", "cod"]
Signed = Literal["before", "after"]


class State(StrEnum):
    """Where an order stands. `allocated` and `packed` hold stock; `shipped` has deducted it.

    `waiting` is not paid or not confirmed yet. `shipped elsewhere` left by the seller center without being packed
    here: its goods are gone, and on hand still counts them.
    """

    WAITING = "waiting"
    OUT_OF_STOCK = "out of stock"
    ALLOCATED = "allocated"
    PACKED = "packed"
    SHIPPED = "shipped"
    SHIPPED_ELSEWHERE = "shipped elsewhere"
    VOIDED = "voided"
    CANCELLED = "cancelled"


HOLDING = frozenset([State.ALLOCATED, State.PACKED])
GONE = frozenset([State.SHIPPED, State.SHIPPED_ELSEWHERE])
NEW = frozenset([State.WAITING, State.OUT_OF_STOCK, State.ALLOCATED])
"""Orders that a change of mapping for all new orders reaches."""


@dataclass(frozen=True, slots=True)
class Line:
    """One item of an order; `quantity` is merchant units, packs multiplied out. `sku` is empty while unmapped."""

    store_sku: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sync:
    """The store tells of the order, again and again; one that is out of stock tries again."""

    paid: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class MoveToPack:
    """Moved to the list of orders to pack; one that is out of stock tries again."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Packed here."""


@dataclass(frozen=True, slots=True)
class Ship:
    """Shipped here."""


@dataclass(frozen=True, slots=True)
class ShippedInSellerCenter:
    """The store tells that the order has left."""


@dataclass(frozen=True, slots=True)
class Void:
    """Set aside here; its stock is for others."""


@dataclass(frozen=True, slots=True)
class Revert:
    """Taken up again after it was voided."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The buyer or the store gives the order up."""


@dataclass(frozen=True, slots=True)
class ChangeMapping:
    """The lines of this store SKU are another merchant SKU from now on."""

    store_sku: str
    sku: str


@dataclass(frozen=True, slots=True)
class ChangeWarehouse:
    """The order is to go out from another warehouse."""

    warehouse: str


@dataclass(frozen=True, slots=True)
class Return:
    """Goods of a shipped order are back: scanned `before` it was signed for, or listed by hand `after`."""

    sku: str
    quantity: int
    signed: Signed


Ask = (
    Sync
    | MoveToPack
    | Pack
    | Ship
    | ShippedInSellerCenter
    | Void
    | Revert
    | Cancel
    | ChangeMapping
    | ChangeWarehouse
    | Return
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is asked of an order, by whom and when. One delivered twice has the same `id` and is passed over."""

    id: str
    source: str
    sequence: int
    at: datetime
    ask: Ask

    def __str__(self) -> str:
        return f"{told(self.ask)} ({self.source} {self.sequence}, {self.at.isoformat()})"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a store, to be fulfilled from one warehouse. `taken` is every message that it has had."""

    store: str
    id: str
    payment: Payment
    warehouse: str
    lines: tuple[Line, ...]
    state: State = State.WAITING
    taken: tuple[Message, ...] = ()
    returned: tuple[Return, ...] = ()

    def __post_init__(self) -> None:
        if not self.lines or any(line.quantity < 1 for line in self.lines):
            raise OrderError(self, "it needs lines, and each of them at least one unit")

    @property
    def needed(self) -> Mapping[StockKey, int]:
        """What it takes to fulfil all mapped lines."""
        needed: Counter[StockKey] = Counter()
        for line in self.lines:
            if line.sku:
                needed[StockKey(self.warehouse, line.sku)] += line.quantity
        return needed

    @property
    def held(self) -> Mapping[StockKey, int]:
        """What is allocated to it now."""
        return self.needed if self.state in HOLDING else {}

    @property
    def phantom(self) -> bool:
        """Whether its goods have left and on hand still counts them."""
        return self.state is State.SHIPPED_ELSEWHERE


@dataclass(frozen=True, slots=True)
class Step:
    """The order as it stands now, and what its stock went through.

    `touched` is whose listings a push is to be considered for, and `reason` why: also where no stock changed.
    """

    order: Order
    events: tuple[StockEvent, ...] = ()
    reason: Reason | None = None
    touched: tuple[StockKey, ...] = ()


class OrderError(PushdslError):
    """An order cannot do what is asked of it; the message is put aside for a person, the order stays as it is."""

    def __init__(self, order: Order, why: str, asked: Ask | None = None, help: str = "") -> None:
        name = f"order `{order.id}` of `{order.store}` is {order.state}"
        super().__init__(f"{name}: {why}" if asked is None else f"{name} and cannot {told(asked)}: {why}", help)
        self.order = order
        self.state = order.state
        self.asked = asked


def advance(order: Order, message: Message, stock: Mapping[StockKey, int]) -> Step:
    """The order after one message. `stock` is what is available without what the order holds already; absent is 0."""
    for known in order.taken:
        if known.id == message.id:
            if known != message:
                why = f"message `{message.id}` came twice and differs: first `{known}`, now `{message}`"
                raise OrderError(order, why)
            return Step(order)
    step = _answer(order, message, stock)
    return replace(step, order=replace(step.order, taken=(*order.taken, message)))


def change_mapping(
    store: str, orders: Iterable[Order], message: Message, stock: Mapping[StockKey, int]
) -> tuple[Step, ...]:
    """One change of mapping for all new orders of the store that have this store SKU, one after the other.

    Orders whose mapping was changed for themselves alone are among them. Earlier ones have the stock first.
    """
    assert isinstance(message.ask, ChangeMapping)
    left = dict(stock)
    steps: list[Step] = []
    for order in orders:
        concerned = any(line.store_sku == message.ask.store_sku for line in order.lines)
        if order.store == store and order.state in NEW and concerned:
            step = advance(order, message, left)
            for event in step.events:
                change = event.quantity if event.kind is Kind.RELEASE else -event.quantity
                left[event.key] = left.get(event.key, 0) + change
            steps.append(step)
    return tuple(steps)


def told(ask: Ask) -> str:
    """What is asked, in the words of a person."""
    match ask:
        case Sync():
            return f"sync ({'paid' if ask.paid else 'not paid'}, {'confirmed' if ask.confirmed else 'not confirmed'})"
        case MoveToPack():
            return "move to pack"
        case Pack():
            return "pack"
        case Ship():
            return "ship"
        case ShippedInSellerCenter():
            return "have been shipped in the seller center"
        case Void():
            return "be voided"
        case Revert():
            return "be reverted"
        case Cancel():
            return "be cancelled"
        case ChangeMapping():
            return f"map `{ask.store_sku}` to `{ask.sku}`"
        case ChangeWarehouse():
            return f"change to warehouse `{ask.warehouse}`"
        case Return():
            return f"take back {ask.quantity} of `{ask.sku}`, {ask.signed} signing"
        case _:
            assert_never(ask)


def _answer(order: Order, message: Message, stock: Mapping[StockKey, int]) -> Step:
    ask, state = message.ask, order.state
    match ask:
        case Sync():
            return _sync(order, ask, message, stock)
        case MoveToPack():
            if state in (State.OUT_OF_STOCK, State.ALLOCATED):
                return _hold(order, order, message, stock, Reason.MOVE_TO_PACK)
            raise OrderError(order, "only an order that is allocated or out of stock can", ask)
        case Pack():
            if state in HOLDING:
                return Step(replace(order, state=State.PACKED))
            raise OrderError(order, "only an order with stock allocated can", ask)
        case Ship():
            return _ship(order, message)
        case ShippedInSellerCenter():
            return _shipped_elsewhere(order, message)
        case Void():
            if state is State.WAITING or state in GONE or state is State.CANCELLED:
                raise OrderError(order, "only an order that was synced and has not left can", ask)
            return _release(order, message, State.VOIDED, Reason.VOID_ORDER)
        case Revert():
            if state is State.VOIDED:
                return _hold(order, order, message, stock, Reason.REVERT_VOIDED_ORDER)
            raise OrderError(order, "only a voided order can", ask)
        case Cancel():
            # Goods that left do not come back by a word: they are stocked in when they are here.
            return Step(order) if state in GONE else _release(order, message, State.CANCELLED, Reason.VOID_ORDER)
        case ChangeMapping():
            return _change_mapping(order, ask, message, stock)
        case ChangeWarehouse():
            return _change(order, replace(order, warehouse=ask.warehouse), message, stock, Reason.CHANGE_WAREHOUSE)
        case Return():
            return _return(order, ask, message)
        case _:
            assert_never(ask)


def _sync(order: Order, ask: Sync, message: Message, stock: Mapping[StockKey, int]) -> Step:
    ready = ask.paid if order.payment == "prepaid" else ask.confirmed
    if order.state is State.OUT_OF_STOCK or (order.state is State.WAITING and ready):
        return _hold(order, order, message, stock, Reason.SYNC_ORDER)
    return Step(order)


def _ship(order: Order, message: Message) -> Step:
    if order.state is State.SHIPPED:
        return Step(order)
    if order.state not in HOLDING:
        raise OrderError(order, "only an order with stock allocated can", message.ask)
    shipped = replace(order, state=State.SHIPPED)
    return _step(shipped, message, Reason.STOCK_OUT_SALE, [(Kind.DEDUCT, key, q) for key, q in order.held.items()])


def _shipped_elsewhere(order: Order, message: Message) -> Step:
    if order.state in GONE:
        return Step(order)
    if order.state is State.PACKED:
        return _ship(order, message)
    if order.state is State.CANCELLED:
        raise OrderError(order, "its stock is released", message.ask, "find out whether its goods have left")
    return _release(order, message, State.SHIPPED_ELSEWHERE, Reason.SYNC_ORDER, phantom=True)


def _change_mapping(order: Order, ask: ChangeMapping, message: Message, stock: Mapping[StockKey, int]) -> Step:
    if all(line.store_sku != ask.store_sku for line in order.lines):
        raise OrderError(order, "it has no such line", ask)
    lines = (replace(line, sku=ask.sku) if line.store_sku == ask.store_sku else line for line in order.lines)
    return _change(order, replace(order, lines=tuple(lines)), message, stock, Reason.CHANGE_MAPPING)


def _change(order: Order, changed: Order, message: Message, stock: Mapping[StockKey, int], reason: Reason) -> Step:
    """Lines or warehouse changed: what is held follows at once; before that and while voided only the order changes."""
    if order.state not in NEW and order.state is not State.VOIDED:
        help = "void it, change it and revert it" if order.state is State.PACKED else ""
        raise OrderError(order, "only a new or a voided order can", message.ask, help)
    if order.state in (State.WAITING, State.VOIDED):
        return _step(changed, message, reason, touched=_differing(order, changed))
    return _hold(order, changed, message, stock, reason)


def _return(order: Order, ask: Return, message: Message) -> Step:
    if order.state is not State.SHIPPED:
        help = "its goods were never taken from on hand" if order.phantom else ""
        raise OrderError(order, "only an order that was shipped here can", ask, help)
    key = StockKey(order.warehouse, ask.sku)
    left = order.needed.get(key, 0) - sum(back.quantity for back in order.returned if back.sku == ask.sku)
    if not 1 <= ask.quantity <= left:
        raise OrderError(order, f"{left} of it are still with the buyer", ask)
    reason = Reason.STOCK_IN_RETURN_SCAN if ask.signed == "before" else Reason.STOCK_IN_RETURN_MANUAL
    returned = replace(order, returned=(*order.returned, ask))
    return _step(returned, message, reason, [(Kind.ADD, key, ask.quantity)])


def _hold(order: Order, wanted: Order, message: Message, stock: Mapping[StockKey, int], reason: Reason) -> Step:
    """All that the wanted order needs is held, or nothing is and it waits; only what differs becomes an event."""
    enough = all(line.sku for line in wanted.lines) and all(
        stock.get(key, 0) + order.held.get(key, 0) >= quantity for key, quantity in wanted.needed.items()
    )
    held = replace(wanted, state=State.ALLOCATED if enough else State.OUT_OF_STOCK)
    changes = [
        (Kind.ALLOCATE if change > 0 else Kind.RELEASE, key, abs(change))
        for key in order.held.keys() | held.held.keys()
        if (change := held.held.get(key, 0) - order.held.get(key, 0))
    ]
    touched = _differing(order, wanted) if order != wanted else tuple(order.held)
    return _step(held, message, reason, changes, touched)


def _release(order: Order, message: Message, state: State, reason: Reason, *, phantom: bool = False) -> Step:
    changes = [(Kind.RELEASE, key, quantity) for key, quantity in order.held.items()]
    return _step(replace(order, state=state), message, reason, changes, phantom=phantom)


def _differing(order: Order, changed: Order) -> tuple[StockKey, ...]:
    before, now = order.needed, changed.needed
    return tuple(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def _step(
    order: Order,
    message: Message,
    reason: Reason,
    changes: Iterable[tuple[Kind, StockKey, int]] = (),
    touched: Iterable[StockKey] = (),
    *,
    phantom: bool = False,
) -> Step:
    """Ids come from the order, the message and the place among its events, so the same message makes the same ones."""
    events = tuple(
        StockEvent(
            id=f"{order.store}/{order.id}/{message.id}/{place}",
            source=message.source,
            sequence=message.sequence,
            occurred_at=message.at,
            reason=reason,
            warehouse=key.warehouse,
            sku=key.sku,
            kind=kind,
            quantity=quantity,
            phantom=phantom,
        )
        for place, (kind, key, quantity) in enumerate(sorted(changes, key=lambda change: change[1]))
    )
    concerned = tuple(sorted({*touched, *(event.key for event in events)}))
    return Step(order, events, reason if concerned else None, concerned)
