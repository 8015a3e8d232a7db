"""Stock events and orders in the record: each once, however they come, and what they come to, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, text

from pushdsl.errors import PushdslError
from pushdsl.ledger import Balance, Kind, Ledger, LedgerError, StockEvent, StockKey, fold, transfer
from pushdsl.model import Reason
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
    Return,
    Revert,
    Ship,
    ShippedInSellerCenter,
    State,
    Sync,
    Void,
)
from pushdsl.snapshots import Snapshot, StockLine
from pushdsl.store.ledgers import Asked, Compared, Intake, LedgerStore, Trigger
from pushdsl.store.store import open_store
from pushdsl.told import OrderTold, RefreshTold, StockTold, read_one

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PAID = Sync(paid=True)
KL = StockKey("kl", "A")


def event(id: str, sequence: int, kind: Kind = Kind.ADD, quantity: int = 1, **changes: Any) -> StockEvent:
    """In kl of A, said by the warehouse system, one minute for each of its sequence."""
    at = NOON + timedelta(minutes=sequence)
    said = StockEvent(id, "wms", sequence, at, Reason.STOCK_IN_MANUAL, "kl", "A", kind, quantity)
    return replace(said, **changes)


def figures(ledger: LedgerStore, key: StockKey = KL) -> tuple[int, int, int]:
    balance = ledger.balances([key.sku])[key]
    return balance.on_hand, balance.allocated, balance.available


def changed(url: str, statement: str, **values: object) -> int:
    """Changes the record behind its back."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        rows = connection.execute(text(statement), values).rowcount
    engine.dispose()
    return rows


@pytest.fixture
def ledger(url: str) -> Iterator[LedgerStore]:
    record = open_store(url)
    yield record.ledger()
    record.close()


# ---- events -----------------------------------------------------------------------------------------


def test_events_are_taken_once_and_their_balance_is_there_after_opening_again(url: str) -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ALLOCATE, 3), event("2", 2, Kind.ALLOCATE, 3)]
    record = open_store(url)
    first = record.ledger().take(told, at=NOON)
    record.close()
    record = open_store(url)

    again = record.ledger().take(told, at=NOON)

    assert (first.new, first.repeated, first.skus) == (2, 1, {"A"})
    assert (again.new, again.repeated, again.skus) == (0, 3, frozenset())
    assert figures(record.ledger()) == (10, 3, 7)
    assert [number for number, _, _ in record.ledger().events("A")] == [2, 1]
    record.close()


def test_an_event_comes_out_of_the_record_as_it_went_in(ledger: LedgerStore) -> None:
    said = event("é/ 1\t", 1, Kind.RELEASE, 3, source="ß", sku=" 00123", warehouse="k l", phantom=True)
    said = replace(said, sequence=2**62, occurred_at=NOON + timedelta(microseconds=1))

    ledger.take([said], at=NOON)

    assert [kept for _, kept, _ in ledger.events(" 00123")] == [said]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_late_events_lead_to_the_same_figures(ledger: LedgerStore, order: tuple[int, ...], together: bool) -> None:
    told = [event("1", 1, Kind.COUNT, 10), event("2", 2, Kind.ADD, 5), event("3", 3, Kind.COUNT, 7)]

    for some in [[told[i] for i in order]] if together else [[told[i]] for i in order]:
        ledger.take(some, at=NOON)

    assert figures(ledger) == (7, 0, 7)
    assert ledger.verify() is None


def test_an_older_count_does_not_undo_newer_facts_of_another_source(ledger: LedgerStore) -> None:
    ledger.take([event("1", 1, Kind.COUNT, 10)], at=NOON)
    ledger.take([event("sale", 9, Kind.ADD, -4, source="pos")], at=NOON)

    ledger.take([event("2", 2, Kind.COUNT, 12)], at=NOON)

    assert figures(ledger) == (8, 0, 8)
    assert ledger.verify() is None


def test_the_same_id_with_another_content_is_refused_and_hinders_no_other(ledger: LedgerStore) -> None:
    first, second = event("1", 1, Kind.ADD, 10), event("1", 1, Kind.ADD, 99)

    taken = ledger.take([first, second, event("2", 2)], at=NOON)

    assert (taken.new, taken.repeated, [said for said, _ in taken.refused]) == (2, 0, [second])
    assert "came twice and differs" in str(taken.refused[0][1])
    assert figures(ledger) == (11, 0, 11)


def test_a_source_that_is_told_of_twins_keeps_them_apart(ledger: LedgerStore) -> None:
    ledger.take([event("1", 1, quantity=3, sku="a"), event("2", 1, quantity=5)], at=NOON)

    assert {key.sku: balance.on_hand for key, balance in ledger.all_balances().items()} == {"a": 3, "A": 5}


def test_tenants_do_not_see_one_another(url: str) -> None:
    ours, theirs = open_store(url, tenant="ours"), open_store(url, tenant="theirs")
    ours.ledger().take([event("1", 1, Kind.ADD, 10)], at=NOON)
    theirs.ledger().take([event("1", 1, Kind.ADD, 3)], at=NOON)

    found = [record.ledger().all_balances()[KL].on_hand for record in (ours, theirs)]

    assert found == [10, 3]
    assert ours.ledger().verify() is None
    ours.close()
    theirs.close()


# ---- orders, rows 60 to 73 of the documents -----------------------------------------------------------


class Desk:
    """Asks things of orders in a record, one minute after the other, after the events that a warehouse told."""

    def __init__(self, ledger: LedgerStore, **on_hand: int) -> None:
        self.ledger = ledger
        self.minute = 0
        for sku, quantity in (on_hand or {"A": 10}).items():
            self.tell(Kind.COUNT, quantity, Reason.STOCK_COUNT, sku=sku)

    def tell(self, kind: Kind, quantity: int, reason: Reason, **changes: Any) -> None:
        self.minute += 1
        said = event(f"hand-{self.minute}", self.minute, kind, quantity, reason=reason, **changes)
        assert self.ledger.take([said], at=NOON).new == 1

    def ask(self, ask: Ask, id: str = "1001", new: Order | None = None) -> Asked:
        self.minute += 1
        message = Message(f"m{self.minute}", "shop", self.minute, NOON + timedelta(minutes=self.minute), ask)
        return self.ledger.advance(message, store="shop", id=id, new=new, at=NOON)

    def reasons(self, sku: str = "A") -> list[int]:
        """Of the newest event first."""
        return [int(said.reason) for _, said, _ in self.ledger.events(sku)]


def order(quantity: int = 3, id: str = "1001", sku: str = "A") -> Order:
    return Order("shop", id, "prepaid", "kl", (Line(f"{sku}-RED", sku, quantity),))


@pytest.fixture
def desk(ledger: LedgerStore) -> Desk:
    return Desk(ledger)


def test_row_60_an_order_is_allocated_when_it_is_paid(desk: Desk) -> None:
    waiting = desk.ask(Sync(), new=order())
    before = figures(desk.ledger)
    paid = desk.ask(PAID)

    assert (waiting.order.state, waiting.events, before) == (State.WAITING, 0, (10, 0, 10))
    assert (paid.order.state, paid.events, paid.skus) == (State.ALLOCATED, 1, {"A"})
    assert figures(desk.ledger) == (10, 3, 7)
    assert desk.reasons()[0] == 1


def test_row_61_an_order_without_enough_stock_allocates_nothing(desk: Desk) -> None:
    asked = desk.ask(PAID, new=order(11))

    assert asked.order.state is State.OUT_OF_STOCK
    assert figures(desk.ledger) == (10, 0, 10)


def test_row_62_shipping_deducts_and_leaves_what_is_available(desk: Desk) -> None:
    for ask in (PAID, MoveToPack(), Pack(), Ship()):
        asked = desk.ask(ask, new=order())

    assert asked.order.state is State.SHIPPED
    assert figures(desk.ledger) == (7, 0, 7)
    assert desk.reasons()[0] == 8


@pytest.mark.parametrize(
    ("asks", "state", "expected", "reason"),
    [
        ((PAID, Cancel()), State.CANCELLED, (10, 0, 10), 10),
        ((PAID, Pack(), Ship(), Cancel()), State.SHIPPED, (7, 0, 7), 8),
        ((PAID, Pack(), ShippedInSellerCenter()), State.SHIPPED, (7, 0, 7), 8),
        ((PAID, ShippedInSellerCenter()), State.SHIPPED_ELSEWHERE, (10, 0, 10), 1),
        ((PAID, Void()), State.VOIDED, (10, 0, 10), 10),
        ((PAID, Void(), Revert()), State.ALLOCATED, (10, 3, 7), 11),
        ((PAID, Pack(), Ship(), Return("A", 2, "before")), State.SHIPPED, (9, 0, 9), 3),
        ((PAID, Pack(), Ship(), Return("A", 2, "after")), State.SHIPPED, (9, 0, 9), 4),
    ],
    ids=["63", "64", "65 packed", "65 not packed", "66 void", "66 revert", "67 scan", "67 list"],
)
def test_rows_63_to_67(
    desk: Desk, asks: tuple[Ask, ...], state: State, expected: tuple[int, int, int], reason: int
) -> None:
    for ask in asks:
        asked = desk.ask(ask, new=order())

    assert (asked.order.state, figures(desk.ledger), desk.reasons()[0]) == (state, expected, reason)
    assert desk.ledger.order("shop", "1001") == asked.order
    assert desk.ledger.verify() is None


def test_row_64_goods_of_a_cancelled_order_come_back_by_hand(desk: Desk) -> None:
    for ask in (PAID, Pack(), Ship(), Cancel()):
        desk.ask(ask, new=order())

    desk.tell(Kind.ADD, 3, Reason.STOCK_IN_MANUAL)

    assert figures(desk.ledger) == (10, 0, 10)


def test_row_65_goods_that_left_elsewhere_are_marked_phantom(desk: Desk) -> None:
    desk.ask(PAID, new=order())
    asked = desk.ask(ShippedInSellerCenter())

    assert asked.order.phantom
    assert desk.ledger.events("A")[0][1].phantom


def test_row_69_a_change_of_mapping_touches_both_skus(ledger: LedgerStore) -> None:
    desk = Desk(ledger, A=10, B=5)
    desk.ask(PAID, new=order())

    asked = desk.ask(ChangeMapping("A-RED", "B"))

    assert asked.skus == {"A", "B"}
    assert (figures(ledger), figures(ledger, StockKey("kl", "B"))) == ((10, 0, 10), (5, 3, 2))
    assert (desk.reasons("A")[0], desk.reasons("B")[0]) == (12, 12)


def test_a_change_of_warehouse_takes_the_stock_of_the_new_one(ledger: LedgerStore) -> None:
    desk = Desk(ledger)
    desk.tell(Kind.COUNT, 4, Reason.STOCK_COUNT, warehouse="jb")
    desk.ask(PAID, new=order())

    desk.ask(ChangeWarehouse("jb"))

    assert (figures(ledger), figures(ledger, StockKey("jb", "A"))) == ((10, 0, 10), (4, 3, 1))


def test_row_73_safety_stock_of_one_warehouse_changes_only_that_one(ledger: LedgerStore) -> None:
    ledger.take([event(w, 1, Kind.COUNT, 9, warehouse=w) for w in ("kl", "jb")], at=NOON)

    ledger.take([event("s", 2, Kind.SAFETY, 4)], at=NOON)

    assert {key.warehouse: balance.safety for key, balance in ledger.balances(["A"]).items()} == {"kl": 4, "jb": 0}


def test_a_message_twice_holds_stock_once(desk: Desk) -> None:
    message = Message("m", "shop", 9, NOON, PAID)
    first = desk.ledger.advance(message, store="shop", id="1001", new=order(), at=NOON)

    again = desk.ledger.advance(message, store="shop", id="1001", new=order(), at=NOON)

    assert (first.repeated, again.repeated, again.events, again.skus) == (False, True, 0, frozenset())
    assert figures(desk.ledger) == (10, 3, 7)


def test_what_an_order_cannot_do_changes_nothing(desk: Desk) -> None:
    with pytest.raises(OrderError, match="only an order with stock allocated can"):
        desk.ask(Ship(), new=order())
    with pytest.raises(PushdslError, match="order `1002` of `shop` is not known"):
        desk.ask(PAID, id="1002")

    assert desk.ledger.order("shop", "1001") is None
    assert figures(desk.ledger) == (10, 0, 10)


def test_an_order_whose_event_is_another_elses_changes_nothing(desk: Desk) -> None:
    two = Order("shop", "1001", "prepaid", "kl", (Line("a", "A", 1), Line("b", "B", 1)))
    desk.tell(Kind.COUNT, 4, Reason.STOCK_COUNT, sku="B")
    desk.ledger.take([event("shop/1001/m3/1", 1, sku="C")], at=NOON)

    with pytest.raises(LedgerError, match="came twice and differs"):
        desk.ask(PAID, new=two)

    assert (figures(desk.ledger), desk.ledger.order("shop", "1001")) == ((10, 0, 10), None)


# ---- what many tell -----------------------------------------------------------------------------------


def told_order(id: str, message: str, ask: Ask, minute: int, new: Order | None = None) -> OrderTold:
    return OrderTold("shop", id, Message(message, "shop", minute, NOON + timedelta(minutes=minute), ask), new)


def test_what_many_tell_is_answered_each_for_itself_and_in_order(ledger: LedgerStore) -> None:
    answers = ledger.together(
        [
            StockTold((event("1", 1, Kind.COUNT, 10),)),
            StockTold((event("1", 1, Kind.COUNT, 10), event("1", 1, Kind.COUNT, 11))),
            StockTold(transfer("t", "wms", 2, NOON + timedelta(minutes=2), "A", 4, origin="kl", target="jb")),
            told_order("1001", "m", PAID, 3, order()),
            told_order("1002", "m", PAID, 4),
            RefreshTold(("A", "Z", "A")),
        ],
        at=NOON,
    )

    one, two, three, four, five, six = answers
    assert one == Intake(1, 0, (), frozenset({"A"}))
    assert isinstance(two, Intake)
    assert (two.new, two.repeated, len(two.refused)) == (0, 1, 1)
    assert three == Intake(2, 0, (), frozenset({"A"}))
    assert isinstance(four, Asked)
    assert (four.order.state, four.skus) == (State.ALLOCATED, {"A"})
    assert isinstance(five, PushdslError)
    assert six == Intake(skus=frozenset({"A", "Z"}))
    assert (figures(ledger), figures(ledger, StockKey("jb", "A"))) == ((6, 3, 3), (4, 0, 4))


def test_what_cannot_be_true_is_put_aside_once_with_its_reason(ledger: LedgerStore) -> None:
    wrong = StockTold((event("1", 1, Kind.COUNT, 11),))
    ledger.take([event("1", 1, Kind.COUNT, 10)], at=NOON)

    for told in (wrong, wrong, told_order("1002", "m", PAID, 4), StockTold((event("1", 1, Kind.COUNT, 12),))):
        ledger.together([told], at=NOON)

    aside = ledger.put_aside()
    assert sorted((source, at) for source, _, at, _, _ in aside) == [("shop", NOON), ("wms", NOON), ("wms", NOON)]
    assert {why for *_, why in aside if "not known" in why} == {"order `1002` of `shop` is not known"}
    assert StockTold((event("1", 1, Kind.COUNT, 12),)) in [read_one(body) for *_, body, _ in aside]
    assert figures(ledger) == (10, 0, 10)


def test_a_message_is_noted_once_and_only_what_has_a_reason_is_put_aside(ledger: LedgerStore) -> None:
    noted = [ledger.note("webhooks/x", id, "stock", at=NOON) for id in ("1", "1", "2")]
    ledger.note("lines", "7", "{", "this is no JSON", at=NOON)

    assert noted == [True, False, True]
    assert ledger.noted("webhooks/x", ["1", "3", "2"]) == {"1", "2"}
    assert ledger.noted("webhooks/y", ["1"]) == set()
    assert ledger.put_aside() == [("lines", "7", NOON, "{", "this is no JSON")]


def test_skus_are_marked_to_be_planned_anew(ledger: LedgerStore, url: str) -> None:
    ledger.together([StockTold((event("1", 1),)), StockTold((event("2", 2),)), RefreshTold(("B",))], at=NOON)
    ledger.mark([Trigger("C", 16, "shop", "C-RED")], at=NOON)

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT sku, store, reason, count FROM dirty ORDER BY sku")).fetchall()
    engine.dispose()
    assert [tuple(row) for row in rows] == [("A", "", 2, 2), ("B", "", 15, 1), ("C", "shop", 16, 1)]


# ---- snapshots ----------------------------------------------------------------------------------------


def snapshot(sequence: int, *lines: StockLine, source: str = "facts") -> Snapshot:
    return Snapshot(source, sequence, NOON + timedelta(minutes=sequence), lines)


def compared(ledger: LedgerStore, told: Snapshot) -> Compared:
    [answer] = ledger.together([told], at=NOON)
    assert isinstance(answer, Compared)
    return answer


def did(ledger: LedgerStore, sku: str = "A") -> list[tuple[str, int]]:
    return [(said.kind.value, said.quantity) for _, said, _ in reversed(ledger.events(sku))]


def test_a_snapshot_becomes_what_differs(ledger: LedgerStore) -> None:
    first = compared(ledger, snapshot(1, StockLine("kl", "A", 10, 3, 2, tracked=True), StockLine("kl", "B", 0)))
    second = compared(ledger, snapshot(2, StockLine("kl", "A", 9, 1, 2, tracked=False), StockLine("kl", "B", 0)))

    assert first.intake.new == 4
    assert did(ledger) == [
        ("allocate", 3), ("count", 10), ("safety", 2), ("count", 9), ("release", 2), ("tracked", 0),
    ]  # fmt: skip
    assert did(ledger, "B") == [("count", 0)]  # known from the first on, and known to be nothing
    assert second.intake.skus == {"A"}
    assert {int(said.reason) for _, said, _ in ledger.events("A")} == {15}


def test_the_same_snapshot_again_changes_nothing_whatever_came_since(ledger: LedgerStore) -> None:
    told = snapshot(5, StockLine("kl", "A", 10, 0))
    compared(ledger, told)
    ledger.take([event("sale", 9, Kind.ADD, -4)], at=NOON)

    again = compared(ledger, told)

    assert again.intake.new == 0
    assert figures(ledger) == (6, 0, 6)


def test_the_same_snapshot_again_is_not_refused_after_a_late_event(ledger: LedgerStore) -> None:
    told = snapshot(5, StockLine("kl", "A", 10, 2))
    compared(ledger, told)
    ledger.take([event("late", 3, Kind.ALLOCATE, 1, source="pos")], at=NOON)

    again = compared(ledger, told)

    assert (again.intake.new, again.intake.refused) == (0, ())


def test_an_order_that_came_after_the_snapshot_was_taken_keeps_its_stock(ledger: LedgerStore) -> None:
    compared(ledger, snapshot(1, StockLine("kl", "A", 10, 0)))
    ledger.together([told_order("1001", "m", PAID, 9, order())], at=NOON)

    answer = compared(ledger, snapshot(5, StockLine("kl", "A", 12, 0)))

    assert answer.intake.new == 1
    assert figures(ledger) == (12, 3, 9)
    assert ledger.verify() is None


def test_an_allocation_that_the_snapshot_does_not_see_any_more_is_released(ledger: LedgerStore) -> None:
    ledger.take([event("1", 1, Kind.COUNT, 10), event("2", 2, Kind.ALLOCATE, 3)], at=NOON)

    compared(ledger, snapshot(5, StockLine("kl", "A", 10, 0)))

    assert figures(ledger) == (10, 0, 10)


def test_what_a_snapshot_says_nothing_of_stays(ledger: LedgerStore) -> None:
    compared(ledger, snapshot(1, StockLine("kl", "A", 10, 3, 2, tracked=False)))

    compared(ledger, snapshot(2, StockLine("kl", "A", 11)))

    balance = ledger.balances(["A"])[KL]
    assert (balance.on_hand, balance.allocated, balance.safety, balance.tracked) == (11, 3, 2, False)


def test_what_vanished_from_a_snapshot_is_told_and_stays(ledger: LedgerStore) -> None:
    ledger.take([event("1", 1, sku="Z", warehouse="jb")], at=NOON)
    compared(ledger, snapshot(2, StockLine("kl", "A", 10), StockLine("kl", "B", 7)))

    answer = compared(ledger, snapshot(3, StockLine("kl", "A", 10)))

    assert (answer.intake.new, answer.vanished) == (0, (StockKey("kl", "B"),))
    assert figures(ledger, StockKey("kl", "B")) == (7, 0, 7)


def test_a_snapshot_whose_clock_went_back_is_what_its_source_sees_now(ledger: LedgerStore) -> None:
    compared(ledger, snapshot(9, StockLine("kl", "A", 10, 2), StockLine("kl", "B", 1)))

    compared(ledger, snapshot(4, StockLine("kl", "A", 6, 1), StockLine("kl", "B", 1)))

    assert figures(ledger) == (6, 1, 5)
    assert ledger.balances(["A"])[KL].last_sequence("facts") == 10
    assert ledger.verify() is None


def test_two_sources_and_slashes_in_names_never_share_an_id(ledger: LedgerStore) -> None:
    one = compared(ledger, snapshot(1, StockLine("a/b", "c", 1), StockLine("a", "b/c", 2), source="x"))
    two = compared(ledger, snapshot(1, StockLine("a", "b/c", 3), source="x/a"))

    assert (one.intake.new, two.intake.new, two.intake.refused) == (2, 1, ())


# ---- checking -----------------------------------------------------------------------------------------


@pytest.fixture
def filled(url: str) -> Iterator[LedgerStore]:
    record = open_store(url)
    ledger = record.ledger()
    ledger.take([event("1", 1, Kind.ADD, 10), event("3", 3, Kind.COUNT, 7), event("2", 2, Kind.ADD, 1)], at=NOON)
    ledger.take([event("b", 1, Kind.ADD, 2, sku="B")], at=NOON)
    assert ledger.verify() is None
    yield ledger
    record.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE balance SET on_hand = 8 WHERE sku = 'A'", "2"),
        ("UPDATE balance SET safety = 1 WHERE sku = 'B'", "b"),
        ("DELETE FROM balance WHERE sku = 'B'", "b"),
        ("UPDATE event SET quantity = 11 WHERE id = '1'", "1"),
        ("UPDATE event SET on_hand = 8 WHERE id = '3'", "3"),
        ("UPDATE event SET sku = 'C' WHERE id = 'b'", "kl B"),
        ("DELETE FROM event WHERE id = '3'", "number 2"),
    ],
)
def test_verify_finds_what_was_changed_behind_the_back(
    filled: LedgerStore, url: str, statement: str, found: str
) -> None:
    assert changed(url, statement) == 1

    difference = filled.verify()

    assert difference is not None
    assert difference.event == found


def test_verify_tells_of_a_balance_that_no_event_explains(filled: LedgerStore, url: str) -> None:
    changed(url, "UPDATE balance SET warehouse = 'jb' WHERE sku = 'B'")

    difference = filled.verify()

    assert difference is not None
    assert (difference.event, difference.expected) == ("jb B", None)


def test_a_message_is_remembered_for_a_month_and_one_that_was_put_aside_for_ever(url: str) -> None:
    with open_store(url) as record:
        ledger = record.ledger()
        assert ledger.note("webhooks/shop", "w1", "stock_changed", at=NOON)
        assert ledger.note("erp", "x", "{}", "it cannot be read", at=NOON)

        record.prune(NOON + timedelta(days=30))
        assert not ledger.note("webhooks/shop", "w1", "stock_changed", at=NOON)
        record.prune(NOON + timedelta(days=31))

        assert ledger.note("webhooks/shop", "w1", "stock_changed", at=NOON)
        assert [id for _, id, *_ in ledger.put_aside()] == ["x"]


# ---- against the ledger in memory ---------------------------------------------------------------------

KINDS = st.sampled_from([*Kind])
EVENTS = st.builds(
    lambda id, source, sequence, minute, warehouse, sku, kind, quantity: StockEvent(
        f"{source}-{sequence}-{id}", source, sequence, NOON + timedelta(minutes=minute), Reason.STOCK_COUNT,
        warehouse, sku, kind, quantity,
    ),
    st.integers(0, 1), st.sampled_from(["wms", "pos"]), st.integers(0, 5), st.integers(0, 5),
    st.sampled_from(["kl", "jb"]), st.sampled_from(["A", "a"]), KINDS, st.integers(1, 1),
)  # fmt: skip
TOLD = st.lists(EVENTS, min_size=1, max_size=6)


class Told(RuleBasedStateMachine):
    """Any events in any order and any grouping: the record comes to what `fold` comes to."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.record = open_store(url)
        self.ledger = self.record.ledger()
        self.plain = Ledger()

    def teardown(self) -> None:
        self.record.close()

    def expect(self, events: list[StockEvent]) -> tuple[int, int, int]:
        """New, repeated and refused."""
        counts = [0, 0, 0]
        for said in events:
            known = said.id in self.plain.events
            try:
                self.plain = fold([said], self.plain)
                counts[1 if known else 0] += 1
            except LedgerError:
                counts[2] += 1
        return counts[0], counts[1], counts[2]

    @rule(events=TOLD)
    def take(self, events: list[StockEvent]) -> None:
        taken = self.ledger.take(events, at=NOON)

        assert (taken.new, taken.repeated, len(taken.refused)) == self.expect(events)

    @rule(groups=st.lists(TOLD, min_size=1, max_size=4))
    def together(self, groups: list[list[StockEvent]]) -> None:
        answers = self.ledger.together([StockTold(tuple(events)) for events in groups], at=NOON)

        for events, answer in zip(groups, answers, strict=True):
            assert isinstance(answer, Intake)
            assert (answer.new, answer.repeated, len(answer.refused)) == self.expect(events)

    @invariant()
    def agree(self) -> None:
        assert self.ledger.all_balances() == dict(self.plain.balances)
        assert self.ledger.verify() is None


def test_the_record_comes_to_what_the_ledger_in_memory_comes_to(urls: Any) -> None:
    run_state_machine_as_test(
        lambda: Told(urls()),
        settings=settings(max_examples=10, stateful_step_count=8, deadline=None, suppress_health_check=[*HealthCheck]),
    )


def test_a_balance_read_back_is_the_one_that_was_kept(ledger: LedgerStore) -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 9, Kind.TRACKED, 0, source="pos")]
    ledger.take(told, at=NOON)

    expected: Balance = fold(told).balance("kl", "A")

    assert ledger.balances(["A"]) == {KL: expected}
