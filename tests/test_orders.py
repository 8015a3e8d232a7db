"""What an order does to the stock behind the push, from its first sync to its return."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushdsl.ledger import Kind, Ledger, StockEvent, StockKey, fold, transfer
from pushdsl.model import Live, Reason
from pushdsl.orders import (
    Ask,
    Cancel,
    ChangeMapping,
    ChangeWarehouse,
    Line,
    Message,
    MoveToPack,
    Order,
    OrderError,
    Pack,
    Payment,
    Return,
    Revert,
    Ship,
    ShippedInSellerCenter,
    State,
    Step,
    Sync,
    Void,
    advance,
    change_mapping,
    told,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PAID = Sync(paid=True)


def order(quantity: int = 3, id: str = "1001", payment: Payment = "prepaid", sku: str = "A") -> Order:
    return Order("shop", id, payment, "kl", (Line(f"{sku}-RED", sku, quantity),))


@dataclass
class Shop:
    """Warehouses with a ledger, and orders that are asked one thing after the other."""

    ledger: Ledger = field(default_factory=Ledger)
    orders: dict[str, Order] = field(default_factory=dict)
    sequence: int = 0
    released: Counter[str] = field(default_factory=Counter)

    def stock(self) -> dict[StockKey, int]:
        return {key: balance.available for key, balance in self.ledger.balances.items()}

    def tell(self, kind: Kind, quantity: int, reason: Reason, sku: str = "A", warehouse: str = "kl") -> None:
        self.sequence += 1
        at = NOON + timedelta(minutes=self.sequence)
        id = f"hand-{self.sequence}"
        said = StockEvent(id, "wms", self.sequence, at, reason, warehouse, sku, kind, quantity)
        self.ledger = fold([said], self.ledger)

    def message(self, ask: Ask) -> Message:
        self.sequence += 1
        return Message(f"m{self.sequence}", "shop", self.sequence, NOON + timedelta(minutes=self.sequence), ask)

    def ask(self, ask: Ask, id: str = "1001") -> Step:
        return self.deliver(self.message(ask), id)

    def deliver(self, message: Message, id: str = "1001") -> Step:
        return self.keep(advance(self.orders[id], message, self.stock()))

    def keep(self, step: Step) -> Step:
        self.orders[step.order.id] = step.order
        self.ledger = fold(step.events, self.ledger)
        return step

    def available(self, sku: str = "A", warehouse: str = "kl") -> int:
        return self.ledger.balance(warehouse, sku).available

    def figures(self, sku: str = "A", warehouse: str = "kl") -> tuple[int, int, int]:
        balance = self.ledger.balance(warehouse, sku)
        return balance.on_hand, balance.allocated, balance.available


def shop(*orders: Order, **on_hand: int) -> Shop:
    """A shop with these orders, and 10 of A in kl unless it is told otherwise."""
    opened = Shop(orders={one.id: one for one in orders or (order(),)})
    for sku, quantity in (on_hand or {"A": 10}).items():
        opened.tell(Kind.COUNT, quantity, Reason.STOCK_COUNT, sku)
    return opened


def did(step: Step) -> list[tuple[str, str, int, int]]:
    return [(event.kind.value, event.sku, event.quantity, int(event.reason)) for event in step.events]


# ---- the documents' rows ------------------------------------------------------------------------------


def test_row_60_a_new_order_is_allocated_and_available_goes_from_10_to_7() -> None:
    here = shop()

    step = here.ask(PAID)

    assert step.order.state is State.ALLOCATED
    assert did(step) == [("allocate", "A", 3, 1)]
    assert (step.reason, step.touched) == (Reason.SYNC_ORDER, (StockKey("kl", "A"),))
    assert here.figures() == (10, 3, 7)


@pytest.mark.parametrize(
    ("payment", "sync", "allocated"),
    [
        ("prepaid", Sync(), 0),
        ("prepaid", Sync(confirmed=True), 0),
        ("prepaid", Sync(paid=True), 3),
        ("cod", Sync(), 0),
        ("cod", Sync(paid=True), 0),
        ("cod", Sync(confirmed=True), 3),
    ],
)
def test_row_60_prepaid_waits_for_the_payment_and_cod_for_the_buyer(
    payment: Payment, sync: Sync, allocated: int
) -> None:
    here = shop(order(payment=payment))

    step = here.ask(sync)

    assert step.order.state is (State.ALLOCATED if allocated else State.WAITING)
    assert here.figures() == (10, allocated, 10 - allocated)
    assert step.reason is (Reason.SYNC_ORDER if allocated else None)


def test_row_60_an_order_synced_again_and_again_is_allocated_once() -> None:
    here = shop()

    steps = [here.ask(sync) for sync in (Sync(), PAID, PAID, PAID)]

    assert [len(step.events) for step in steps] == [0, 1, 0, 0]
    assert here.figures() == (10, 3, 7)


def test_row_61_an_order_of_3_with_2_available_waits_out_of_stock_and_pushes_nothing() -> None:
    here = shop(A=2)

    step = here.ask(PAID)

    assert step.order.state is State.OUT_OF_STOCK
    assert (step.events, step.reason, step.touched) == ((), None, ())
    assert here.figures() == (2, 0, 2)


def test_row_61_stock_of_another_warehouse_does_not_help() -> None:
    here = shop(A=2)
    here.tell(Kind.ADD, 50, Reason.STOCK_IN_PURCHASE, warehouse="penang")

    assert here.ask(PAID).order.state is State.OUT_OF_STOCK


def test_row_61_stock_below_zero_allocates_nothing() -> None:
    here = shop(order(quantity=1), A=-5)

    assert here.ask(PAID).order.state is State.OUT_OF_STOCK
    assert here.available() == -5


def test_row_61_an_order_is_allocated_whole_or_not_at_all() -> None:
    both = replace(order(), lines=(Line("A-RED", "A", 3), Line("B-RED", "B", 1)))
    here = shop(both, A=10, B=0)

    assert here.ask(PAID).order.state is State.OUT_OF_STOCK
    assert (here.available("A"), here.available("B")) == (10, 0)


def test_row_61_two_lines_of_one_sku_need_both_quantities() -> None:
    twice = replace(order(), lines=(Line("A-RED", "A", 3), Line("A-BOX", "A", 3)))

    assert shop(twice, A=5).ask(PAID).order.state is State.OUT_OF_STOCK
    assert did(shop(twice, A=6).ask(PAID)) == [("allocate", "A", 6, 1)]


@pytest.mark.parametrize(("ask", "reason"), [(Sync(), 1), (MoveToPack(), 14)])
def test_row_61_an_order_out_of_stock_is_allocated_when_there_is_enough(ask: Ask, reason: int) -> None:
    here = shop(A=2)
    here.ask(PAID)
    assert here.ask(ask).order.state is State.OUT_OF_STOCK

    here.tell(Kind.ADD, 1, Reason.STOCK_IN_PURCHASE)

    assert did(here.ask(ask)) == [("allocate", "A", 3, reason)]
    assert here.figures() == (3, 3, 0)


def test_moving_an_allocated_order_to_pack_triggers_reason_14_and_changes_no_stock() -> None:
    here = shop()
    here.ask(PAID)

    step = here.ask(MoveToPack())

    assert (step.events, step.reason, step.touched) == ((), Reason.MOVE_TO_PACK, (StockKey("kl", "A"),))
    assert here.figures() == (10, 3, 7)


def test_an_order_that_has_the_last_pieces_keeps_them() -> None:
    both = replace(order(), lines=(Line("A-RED", "A", 3), Line("B-RED", "B", 1)))
    here = shop(both, A=3, B=1, C=1)
    here.ask(PAID)

    assert here.ask(MoveToPack()).order.state is State.ALLOCATED
    assert did(here.ask(ChangeMapping("B-RED", "C"))) == [("release", "B", 1, 12), ("allocate", "C", 1, 12)]
    assert here.figures() == (3, 3, 0)


def test_row_62_shipping_deducts_and_available_stays_7() -> None:
    here = shop()
    here.ask(PAID)

    step = here.ask(Ship())

    assert step.order.state is State.SHIPPED
    assert did(step) == [("deduct", "A", 3, 8)]
    assert here.figures() == (7, 0, 7)


@pytest.mark.parametrize("packed", [False, True])
def test_row_63_cancelling_an_allocated_order_releases_it_and_available_goes_from_7_to_10(packed: bool) -> None:
    here = shop()
    here.ask(PAID)
    if packed:
        here.ask(Pack())
    assert here.figures() == (10, 3, 7)

    step = here.ask(Cancel())

    assert step.order.state is State.CANCELLED
    assert did(step) == [("release", "A", 3, 10)]
    assert here.figures() == (10, 0, 10)


def test_row_64_cancelling_a_shipped_order_changes_nothing_and_the_goods_are_stocked_in_by_hand() -> None:
    here = shop()
    here.ask(PAID)
    shipped = here.ask(Ship()).order

    step = here.ask(Cancel())

    assert replace(step.order, taken=()) == replace(shipped, taken=())
    assert (step.events, step.reason) == ((), None)
    assert here.figures() == (7, 0, 7)
    here.tell(Kind.ADD, 3, Reason(2))
    assert here.figures() == (10, 0, 10)


def test_row_65_packed_here_and_shipped_in_the_seller_center_is_deducted() -> None:
    here = shop()
    here.ask(PAID)
    here.ask(Pack())

    step = here.ask(ShippedInSellerCenter())

    assert (step.order.state, step.order.phantom) == (State.SHIPPED, False)
    assert did(step) == [("deduct", "A", 3, 8)]
    assert not any(event.phantom for event in step.events)
    assert here.figures() == (7, 0, 7)


def test_row_65_shipped_in_the_seller_center_alone_is_released_and_marked_phantom() -> None:
    here = shop()
    here.ask(PAID)

    step = here.ask(ShippedInSellerCenter())

    assert (step.order.state, step.order.phantom) == (State.SHIPPED_ELSEWHERE, True)
    assert did(step) == [("release", "A", 3, 1)]
    assert all(event.phantom for event in step.events)
    assert here.figures() == (10, 0, 10)


@pytest.mark.parametrize("before", [[], [PAID], [PAID, Void()]])
def test_row_65_goods_that_left_without_being_allocated_are_phantom_too_and_release_nothing(before: list[Ask]) -> None:
    here = shop(A=2) if before == [PAID] else shop()
    for ask in before:
        here.ask(ask)

    step = here.ask(ShippedInSellerCenter())

    assert (step.order.phantom, step.events) == (True, ())


def test_row_66_voiding_gives_3_back_and_reverting_takes_them_again() -> None:
    here = shop()
    here.ask(PAID)

    voided = here.ask(Void())
    after_void = here.figures()
    reverted = here.ask(Revert())

    assert (voided.order.state, did(voided), after_void) == (State.VOIDED, [("release", "A", 3, 10)], (10, 0, 10))
    assert (reverted.order.state, did(reverted)) == (State.ALLOCATED, [("allocate", "A", 3, 11)])
    assert here.figures() == (10, 3, 7)


def test_row_66_a_voided_order_whose_stock_was_sold_meanwhile_waits_out_of_stock() -> None:
    here = shop(order(), order(quantity=9, id="1002"))
    here.ask(PAID)
    here.ask(Void())
    here.ask(PAID, "1002")

    assert here.ask(Revert()).order.state is State.OUT_OF_STOCK
    assert here.figures() == (10, 9, 1)


def test_row_66_a_voided_order_that_is_synced_again_stays_voided() -> None:
    here = shop()
    here.ask(PAID)
    here.ask(Void())

    assert here.ask(PAID).order.state is State.VOIDED
    assert here.figures() == (10, 0, 10)


@pytest.mark.parametrize(("signed", "reason"), [("before", 3), ("after", 4)])
def test_row_67_returned_goods_are_stocked_in(signed: Literal["before", "after"], reason: int) -> None:
    here = shop()
    here.ask(PAID)
    here.ask(Ship())

    step = here.ask(Return("A", 2, signed))

    assert did(step) == [("add", "A", 2, reason)]
    assert here.figures() == (9, 0, 9)


def test_row_67_no_more_comes_back_than_went_out() -> None:
    here = shop()
    here.ask(PAID)
    here.ask(Ship())
    here.ask(Return("A", 2, "before"))

    for back in (Return("A", 2, "after"), Return("A", 0, "after"), Return("B", 1, "after")):
        with pytest.raises(OrderError, match="still with the buyer"):
            here.ask(back)
    here.ask(Return("A", 1, "after"))
    assert here.figures() == (10, 0, 10)


def test_row_67_goods_of_a_phantom_order_are_not_counted_a_second_time() -> None:
    here = shop()
    here.ask(PAID)
    here.ask(ShippedInSellerCenter())

    with pytest.raises(OrderError) as caught:
        here.ask(Return("A", 3, "before"))

    assert caught.value.help == "its goods were never taken from on hand"
    assert here.figures() == (10, 0, 10)


def test_row_68_no_promotion_reserve_is_made_up() -> None:
    here = shop()
    here.ask(PAID)

    on_hand, allocated, available = here.figures()

    assert Live(quantity=7).reserved == 0
    assert on_hand == allocated + available + Live(quantity=7).reserved


def test_row_69_a_changed_mapping_of_one_order_moves_its_stock_with_reason_12_for_both_skus() -> None:
    here = shop(order(), order(id="1002"), A=10, B=5)
    here.ask(PAID)
    here.ask(PAID, "1002")

    step = here.ask(ChangeMapping("A-RED", "B"))

    assert did(step) == [("release", "A", 3, 12), ("allocate", "B", 3, 12)]
    assert (step.reason, step.touched) == (Reason.CHANGE_MAPPING, (StockKey("kl", "A"), StockKey("kl", "B")))
    assert (here.figures("A"), here.figures("B")) == ((10, 3, 7), (5, 3, 2))
    assert here.orders["1002"].lines == (Line("A-RED", "A", 3),)


def test_row_69_a_changed_mapping_reaches_all_new_orders_of_that_store_sku() -> None:
    reached = [order(id="a"), order(id="b"), replace(order(id="own"), lines=(Line("A-RED", "B", 1),))]
    packed, shipped, other = order(id="packed"), order(id="shipped"), order(id="other", sku="C")
    elsewhere = replace(order(id="elsewhere"), store="shop two")
    here = shop(*reached, packed, shipped, other, elsewhere, A=20, B=5, C=5, D=4)
    for id in here.orders:
        here.ask(PAID, id)
    here.ask(Pack(), "packed")
    here.ask(Ship(), "shipped")

    steps = change_mapping("shop", here.orders.values(), here.message(ChangeMapping("A-RED", "D")), here.stock())
    for step in steps:
        here.keep(step)

    assert [(step.order.id, step.order.state) for step in steps] == [
        ("a", State.ALLOCATED),
        ("b", State.OUT_OF_STOCK),
        ("own", State.ALLOCATED),
    ]
    assert {event.reason for step in steps for event in step.events} == {Reason(12)}
    assert {key.sku for step in steps for key in step.touched} == {"A", "B", "D"}
    assert (here.figures("A"), here.figures("B"), here.figures("D")) == ((17, 6, 11), (5, 0, 5), (4, 4, 0))


@pytest.mark.parametrize("state", [State.WAITING, State.OUT_OF_STOCK, State.VOIDED])
def test_row_69_reason_12_fires_for_both_skus_also_where_no_stock_is_held(state: State) -> None:
    here = shop(A=2, B=2) if state is State.OUT_OF_STOCK else shop(A=10, B=10)
    for ask in PATHS[state]:
        here.ask(ask)
    assert here.orders["1001"].state is state

    step = here.ask(ChangeMapping("A-RED", "B"))

    assert (step.order.state, step.events, step.reason) == (state, (), Reason(12))
    assert step.touched == (StockKey("kl", "A"), StockKey("kl", "B"))


def test_row_69_a_mapping_to_a_sku_without_enough_releases_the_order_and_it_waits() -> None:
    here = shop(A=10, B=2)
    here.ask(PAID)

    step = here.ask(ChangeMapping("A-RED", "B"))

    assert (step.order.state, did(step)) == (State.OUT_OF_STOCK, [("release", "A", 3, 12)])
    assert (here.figures("A"), here.figures("B")) == ((10, 0, 10), (2, 0, 2))


def test_an_item_without_a_merchant_sku_keeps_the_order_waiting_until_it_is_mapped() -> None:
    unmapped = replace(order(), lines=(Line("A-RED", "A", 3), Line("NEW", "", 1)))
    here = shop(unmapped, A=10, B=5)
    assert here.ask(PAID).order.state is State.OUT_OF_STOCK

    step = here.ask(ChangeMapping("NEW", "B"))

    assert did(step) == [("allocate", "A", 3, 12), ("allocate", "B", 1, 12)]


def test_a_changed_warehouse_moves_the_stock_with_reason_13_in_both() -> None:
    here = shop()
    here.tell(Kind.ADD, 4, Reason.STOCK_IN_PURCHASE, warehouse="penang")
    here.ask(PAID)

    step = here.ask(ChangeWarehouse("penang"))

    assert did(step) == [("release", "A", 3, 13), ("allocate", "A", 3, 13)]
    assert step.touched == (StockKey("kl", "A"), StockKey("penang", "A"))
    assert (here.figures(), here.figures(warehouse="penang")) == ((10, 0, 10), (4, 3, 1))


def test_a_parcel_packed_with_the_wrong_sku_is_voided_changed_and_reverted() -> None:
    here = shop(A=10, B=10)
    here.ask(PAID)
    here.ask(Pack())
    with pytest.raises(OrderError) as caught:
        here.ask(ChangeMapping("A-RED", "B"))
    assert caught.value.help == "void it, change it and revert it"

    for ask in (Void(), ChangeMapping("A-RED", "B"), Revert()):
        here.ask(ask)

    assert (here.figures("A"), here.figures("B")) == ((10, 0, 10), (10, 3, 7))


# ---- repeats and what cannot be -----------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "state"), [(Void(), State.VOIDED), (Cancel(), State.CANCELLED)])
def test_void_and_cancel_release_once_whatever_is_repeated(ask: Ask, state: State) -> None:
    here = shop()
    here.ask(PAID)
    first = here.message(ask)

    steps = [here.deliver(first), here.deliver(first), here.ask(ask), here.ask(PAID), here.deliver(first)]

    assert [len(step.events) for step in steps] == [1, 0, 0, 0, 0]
    assert here.orders["1001"].state is state
    assert here.figures() == (10, 0, 10)


def test_a_void_delivered_again_after_the_revert_does_not_void_again() -> None:
    here = shop()
    here.ask(PAID)
    void = here.message(Void())
    here.deliver(void)
    here.ask(Revert())

    assert here.deliver(void).order.state is State.ALLOCATED
    assert here.figures() == (10, 3, 7)


def test_an_order_that_was_voided_and_then_cancelled_is_released_once() -> None:
    here = shop()
    here.ask(PAID)

    steps = [here.ask(Void()), here.ask(Cancel()), here.ask(Cancel())]

    assert [len(step.events) for step in steps] == [1, 0, 0]
    assert here.orders["1001"].state is State.CANCELLED
    assert here.figures() == (10, 0, 10)


def test_the_same_step_made_twice_makes_the_same_events() -> None:
    here = shop()
    message = here.message(PAID)
    events = [event for _ in range(2) for event in advance(here.orders["1001"], message, here.stock()).events]

    assert fold(events, here.ledger).balance("kl", "A").allocated == 3


def test_a_message_whose_content_changed_is_an_error_that_names_both() -> None:
    here = shop()
    message = here.message(PAID)
    here.deliver(message)

    with pytest.raises(OrderError) as caught:
        here.deliver(replace(message, ask=Void()))

    assert "came twice and differs: first `sync (paid, not confirmed) (shop 2," in caught.value.message
    assert "now `be voided (shop 2," in caught.value.message


PATHS: dict[State, list[Ask]] = {
    State.WAITING: [],
    State.OUT_OF_STOCK: [PAID],
    State.ALLOCATED: [PAID],
    State.PACKED: [PAID, Pack()],
    State.SHIPPED: [PAID, Ship()],
    State.SHIPPED_ELSEWHERE: [PAID, ShippedInSellerCenter()],
    State.VOIDED: [PAID, Void()],
    State.CANCELLED: [PAID, Cancel()],
}
ASKS: list[Ask] = [
    PAID,
    MoveToPack(),
    Pack(),
    Ship(),
    ShippedInSellerCenter(),
    Void(),
    Revert(),
    Cancel(),
    ChangeMapping("A-RED", "B"),
    ChangeWarehouse("penang"),
    Return("A", 1, "after"),
]
# In the order of ASKS, where each leads; `.` stays as it is, `!` is an error. B and penang have stock for all.
TABLE = {
    State.WAITING: "allocated, !, !, !, shipped elsewhere, !, !, cancelled, ., ., !",
    State.OUT_OF_STOCK: "., ., !, !, shipped elsewhere, voided, !, cancelled, allocated, allocated, !",
    State.ALLOCATED: "., ., packed, shipped, shipped elsewhere, voided, !, cancelled, ., ., !",
    State.PACKED: "., !, ., shipped, shipped, voided, !, cancelled, !, !, !",
    State.SHIPPED: "., !, !, ., ., !, !, ., !, !, .",
    State.SHIPPED_ELSEWHERE: "., !, !, !, ., !, !, ., !, !, !",
    State.VOIDED: "., !, !, !, shipped elsewhere, ., allocated, cancelled, ., ., !",
    State.CANCELLED: "., !, !, !, !, !, !, ., !, !, !",
}


@pytest.mark.parametrize(
    ("state", "ask", "leads"),
    [(state, ask, leads) for state in State for ask, leads in zip(ASKS, TABLE[state].split(", "), strict=True)],
    ids=lambda value: told(value) if not isinstance(value, str) else value.replace(" ", "-"),
)
def test_every_state_answers_everything_that_can_be_asked(state: State, ask: Ask, leads: str) -> None:
    here = shop(A=2 if state is State.OUT_OF_STOCK else 10, B=10)
    here.tell(Kind.COUNT, 10, Reason.STOCK_COUNT, warehouse="penang")
    for earlier in PATHS[state]:
        here.ask(earlier)
    before = here.orders["1001"]
    assert before.state is state

    if leads != "!":
        assert here.ask(ask).order.state == (state if leads == "." else leads)
        return
    with pytest.raises(OrderError) as caught:
        here.ask(ask)
    assert f"order `1001` of `shop` is {state} and cannot {told(ask)}: " in caught.value.message
    assert (caught.value.order, caught.value.state, caught.value.asked) == (before, state, ask)
    assert here.orders["1001"] == before


@pytest.mark.parametrize("lines", [(), (Line("A-RED", "A", 0),), (Line("A-RED", "A", -1),)])
def test_an_order_of_nothing_is_refused(lines: tuple[Line, ...]) -> None:
    with pytest.raises(OrderError, match="it needs lines"):
        Order("shop", "1001", "prepaid", "kl", lines)


def test_a_mapping_of_an_item_that_the_order_does_not_have_is_refused() -> None:
    with pytest.raises(OrderError, match="cannot map `B-RED` to `C`: it has no such line"):
        shop().ask(ChangeMapping("B-RED", "C"))


# ---- laws ---------------------------------------------------------------------------------------------

SKUS = ("A", "B")
WAREHOUSES = ("kl", "penang")
asks = st.one_of(
    st.sampled_from([Sync(), PAID, MoveToPack(), Pack(), Ship(), ShippedInSellerCenter(), Void(), Revert(), Cancel()]),
    st.builds(ChangeMapping, st.sampled_from(["A-RED", "B-RED"]), st.sampled_from([*SKUS, ""])),
    st.builds(ChangeWarehouse, st.sampled_from(WAREHOUSES)),
    st.builds(Return, st.sampled_from(SKUS), st.integers(1, 3), st.sampled_from(["before", "after"])),
)


class Lives(RuleBasedStateMachine):
    """Three orders that are asked anything, in any order, with repeats, over stock that comes and moves."""

    def __init__(self) -> None:
        super().__init__()
        lines = (Line("A-RED", "A", 2), Line("B-RED", "B", 1))
        orders = [Order("shop", id, "prepaid", "kl", lines) for id in ("1", "2")]
        self.shop = shop(*orders, order(id="3"), A=5, B=2)
        self.sent: list[tuple[str, Message]] = []
        self.put_in = Counter({StockKey("kl", "A"): 5, StockKey("kl", "B"): 2})
        self.sold: Counter[StockKey] = Counter()
        self.events: list[StockEvent] = []

    @rule(id=st.sampled_from(["1", "2", "3"]), ask=asks)
    def ask(self, id: str, ask: Ask) -> None:
        message = self.shop.message(ask)
        self.sent.append((id, message))
        self.deliver(id, message)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.deliver(*data.draw(st.sampled_from(self.sent)))

    @rule(sku=st.sampled_from(SKUS), warehouse=st.sampled_from(WAREHOUSES), quantity=st.integers(1, 4))
    def goods_come_in(self, sku: str, warehouse: str, quantity: int) -> None:
        self.shop.tell(Kind.ADD, quantity, Reason.STOCK_IN_PURCHASE, sku, warehouse)
        self.put_in[StockKey(warehouse, sku)] += quantity

    @rule(sku=st.sampled_from(SKUS))
    def goods_move(self, sku: str) -> None:
        if self.shop.available(sku) < 1:
            return
        self.shop.sequence += 1
        at = NOON + timedelta(minutes=self.shop.sequence)
        number = self.shop.sequence
        both = transfer(f"move-{number}", "wms", number, at, sku, 1, origin="kl", target="penang")
        self.shop.ledger = fold(both, self.shop.ledger)
        self.put_in[StockKey("kl", sku)] -= 1
        self.put_in[StockKey("penang", sku)] += 1

    def deliver(self, id: str, message: Message) -> None:
        before = self.shop.orders[id]
        repeated = message in before.taken
        try:
            step = self.shop.deliver(message, id)
        except OrderError:
            assert self.shop.orders[id] == before
            return
        if repeated:
            assert (step.order, step.events) == (before, ())
        if step.order.state is State.SHIPPED and before.state is not State.SHIPPED:
            self.sold.update(before.needed)
        if len(step.order.returned) > len(before.returned):
            back = step.order.returned[-1]
            self.sold[StockKey(step.order.warehouse, back.sku)] -= back.quantity
        self.events += step.events

    @invariant()
    def what_is_allocated_is_what_orders_hold_and_never_below_zero(self) -> None:
        held: Counter[StockKey] = Counter()
        for one in self.shop.orders.values():
            held.update(one.held)
        for key, balance in self.shop.ledger.balances.items():
            assert balance.allocated == held[key] >= 0

    @invariant()
    def nothing_is_sold_that_is_not_there(self) -> None:
        assert all(balance.available >= 0 for balance in self.shop.ledger.balances.values())

    @invariant()
    def what_is_on_hand_is_what_came_in_less_what_was_shipped_and_stayed_away(self) -> None:
        for key, balance in self.shop.ledger.balances.items():
            assert balance.on_hand == self.put_in[key] - self.sold[key]

    @invariant()
    def the_events_may_arrive_backwards_and_twice(self) -> None:
        everything = list(self.shop.ledger.events.values())

        assert fold([*reversed(everything), *everything]) == self.shop.ledger

    @invariant()
    def only_orders_shipped_elsewhere_have_phantom_releases(self) -> None:
        marked = {event.id.split("/")[1] for event in self.events if event.phantom}

        assert marked <= {one.id for one in self.shop.orders.values() if one.phantom}


TestLives = Lives.TestCase


@given(
    quantity=st.integers(1, 12),
    path=st.sampled_from(
        [
            ([PAID, Ship()], 1, 0),
            ([PAID, Pack(), Ship()], 1, 0),
            ([PAID, Pack(), ShippedInSellerCenter()], 1, 0),
            ([PAID, Void(), Revert(), Ship(), Cancel()], 1, 0),
            ([PAID, Cancel()], 0, 0),
            ([PAID, Pack(), Cancel()], 0, 0),
            ([PAID, Void(), Cancel()], 0, 0),
            ([PAID, ShippedInSellerCenter()], 0, 0),
            ([PAID, Pack()], 0, 1),
        ]
    ),
    repeats=st.integers(1, 3),
)
def test_a_whole_life_ends_where_the_documents_say(
    quantity: int, path: tuple[list[Ask], int, int], repeats: int
) -> None:
    asked, gone, held = path
    here = shop(order(quantity=quantity), A=12)

    for ask in asked:
        message = here.message(ask)
        for _ in range(repeats):
            here.deliver(message)

    assert here.figures() == (12 - gone * quantity, held * quantity, 12 - (gone + held) * quantity)
