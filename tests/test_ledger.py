"""What is on hand and allocated follows from the set of stock events alone, and a record that differs is found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushdsl.ledger import (
    NOTHING,
    Balance,
    Kind,
    Ledger,
    LedgerError,
    StockEvent,
    StockKey,
    after,
    balance_of,
    fold,
    transfer,
    verify,
)
from pushdsl.model import QUANTITY_MAX, REASON_TEXTS, Reason

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WAREHOUSES = ("kl", "penang")


def event(id: str, sequence: int, kind: Kind, quantity: int, **changes: Any) -> StockEvent:
    """In kl of A, said by the warehouse system, one minute for each of its sequence."""
    at = NOON + timedelta(minutes=sequence)
    said = StockEvent(id, "wms", sequence, at, Reason.STOCK_IN_MANUAL, "kl", "A", kind, quantity)
    return replace(said, **changes)


def figures(balance: Balance) -> tuple[int, int, int]:
    return balance.on_hand, balance.allocated, balance.available


# ---- what events do -----------------------------------------------------------------------------------


def test_goods_come_in_are_allocated_and_leave() -> None:
    told = [
        event("1", 1, Kind.ADD, 10),
        event("2", 2, Kind.ALLOCATE, 3),
        event("3", 3, Kind.ALLOCATE, 2),
        event("4", 4, Kind.RELEASE, 2),
        event("5", 5, Kind.DEDUCT, 3),
    ]

    series = [figures(fold(told[: count + 1]).balance("kl", "A")) for count in range(len(told))]

    assert series == [(10, 0, 10), (10, 3, 7), (10, 5, 5), (10, 3, 7), (7, 0, 7)]


def test_a_count_sets_what_is_on_hand_and_leaves_what_is_allocated() -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ALLOCATE, 3), event("3", 3, Kind.COUNT, 8)]

    assert figures(fold(told).balance("kl", "A")) == (8, 3, 5)


def test_safety_stock_and_tracking_are_set_and_zero_is_a_value() -> None:
    ledger = fold([event("1", 1, Kind.SAFETY, 5), event("2", 2, Kind.TRACKED, 0)])
    later = fold([event("3", 3, Kind.SAFETY, 0), event("4", 4, Kind.TRACKED, 1)], ledger)

    assert (ledger.balance("kl", "A").safety, ledger.balance("kl", "A").tracked) == (5, False)
    assert (later.balance("kl", "A").safety, later.balance("kl", "A").tracked) == (0, True)


def test_row_73_safety_stock_of_one_warehouse_changes_only_that_one() -> None:
    ledger = fold(event(sku, 1, Kind.SAFETY, 4, sku=sku) for sku in ("A", "B", "C"))

    assert {key: balance.safety for key, balance in ledger.balances.items()} == {
        StockKey("kl", "A"): 4,
        StockKey("kl", "B"): 4,
        StockKey("kl", "C"): 4,
    }
    assert ledger.balance("penang", "A") == NOTHING


def test_a_count_below_zero_is_kept_as_the_source_says_it() -> None:
    assert fold([event("1", 1, Kind.COUNT, -5)]).balance("kl", "A").available == -5


def test_a_release_before_its_allocation_frees_nothing() -> None:
    early = fold([event("1", 1, Kind.ADD, 10), event("3", 3, Kind.RELEASE, 4)])

    assert early.balance("kl", "A").available == 10
    assert figures(fold([event("2", 2, Kind.ALLOCATE, 4)], early).balance("kl", "A")) == (10, 0, 10)


def test_a_transfer_is_two_events_with_one_id_base_and_reasons_9_and_5() -> None:
    out, into = transfer("move-7", "wms", 2, NOON, "A", 4, origin="kl", target="penang")

    ledger = fold([event("1", 1, Kind.ADD, 10), out, into])

    assert (out.id, into.id) == ("move-7/out", "move-7/in")
    assert (int(out.reason), int(into.reason)) == (9, 5)
    assert (ledger.balance("kl", "A").on_hand, ledger.balance("penang", "A").on_hand) == (6, 4)


@pytest.mark.parametrize(("quantity", "target"), [(0, "penang"), (-1, "penang"), (4, "kl")])
def test_a_transfer_of_nothing_or_to_nowhere_is_refused(quantity: int, target: str) -> None:
    with pytest.raises(LedgerError, match="transfer `move-7` moves"):
        transfer("move-7", "wms", 2, NOON, "A", quantity, origin="kl", target=target)


# ---- late, repeated, contradictory --------------------------------------------------------------------


def test_an_older_count_that_arrives_late_does_not_undo_what_came_after_it() -> None:
    sale, count = event("sale", 7, Kind.ADD, -1), event("count", 5, Kind.COUNT, 100)

    assert fold([count, sale]).balance("kl", "A").on_hand == 99
    assert fold([sale, count]).balance("kl", "A").on_hand == 99


def test_an_older_count_does_not_undo_a_newer_count() -> None:
    ledger = fold([event("new", 9, Kind.COUNT, 40), event("old", 5, Kind.COUNT, 100)])

    assert ledger.balance("kl", "A").on_hand == 40
    assert ledger.balance("kl", "A").last_sequence("wms") == 9


def test_what_a_count_has_seen_is_not_taken_off_again_when_it_arrives_late() -> None:
    at = NOON + timedelta(minutes=3)
    sold = event("sold", 1, Kind.DEDUCT, 2, source="shop", occurred_at=at)
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ALLOCATE, 2), event("count", 4, Kind.COUNT, 8), sold]

    assert figures(fold(told).balance("kl", "A")) == (8, 0, 8)


def test_sequence_goes_before_the_clock_within_a_source() -> None:
    back = event("2", 2, Kind.COUNT, 30, occurred_at=NOON - timedelta(hours=1))

    for told in ([event("1", 1, Kind.COUNT, 20), back], [back, event("1", 1, Kind.COUNT, 20)]):
        assert fold(told).balance("kl", "A").on_hand == 30


def test_the_last_sequence_is_kept_for_every_source_of_a_sku_in_a_warehouse() -> None:
    ledger = fold(
        [
            event("1", 4, Kind.ADD, 1),
            event("2", 9, Kind.ADD, 1, source="shop"),
            event("3", 6, Kind.ADD, 1),
            event("4", 8, Kind.ADD, 1, warehouse="penang"),
        ]
    )
    here = ledger.balance("kl", "A")

    assert [here.last_sequence(source) for source in ("wms", "shop", "nobody")] == [6, 9, None]
    assert ledger.balance("penang", "A").last_sequence("wms") == 8


def test_a_repeat_changes_nothing() -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ALLOCATE, 3)]

    assert fold([*told, *told]) == fold(told) == fold(told, fold(told))


def test_the_same_instant_in_another_zone_is_a_repeat() -> None:
    first = event("1", 1, Kind.ADD, 10)
    again = replace(first, occurred_at=first.occurred_at.astimezone(timezone(timedelta(hours=8))))

    assert fold([first, again]).balance("kl", "A").on_hand == 10


@pytest.mark.parametrize(
    ("field", "value"),
    [("quantity", 11), ("sku", "B"), ("warehouse", "penang"), ("sequence", 2), ("kind", Kind.COUNT), ("phantom", True)],
)
def test_an_id_with_other_content_is_an_error_that_names_both(field: str, value: Any) -> None:
    first = event("1", 1, Kind.ADD, 10)
    other = replace(first, **{field: value})

    with pytest.raises(LedgerError) as caught:
        fold([other], fold([first]))

    assert "`1`" in caught.value.message
    assert f"first `{first}`" in caught.value.message
    assert f"now `{other}`" in caught.value.message
    assert str(first) != str(other)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": Kind.ALLOCATE, "quantity": 0}, "wants to allocate 0"),
        ({"kind": Kind.RELEASE, "quantity": -1}, "wants to release -1"),
        ({"kind": Kind.DEDUCT, "quantity": 0}, "wants to deduct 0"),
        ({"kind": Kind.SAFETY, "quantity": -1}, "set safety stock to -1"),
        ({"kind": Kind.TRACKED, "quantity": 2}, "set tracking to 2"),
        ({"kind": Kind.COUNT, "quantity": QUANTITY_MAX + 1}, "wants to count 1000000001"),
        ({"occurred_at": datetime(2026, 5, 4)}, "time without a zone"),  # noqa: DTZ001
        ({"reason": 0}, "unknown reason 0"),
        ({"reason": 18}, "unknown reason 18"),
        ({"sku": ""}, "lacks its id, source, warehouse or SKU"),
        ({"source": ""}, "lacks its id, source, warehouse or SKU"),
    ],
)
def test_an_event_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        replace(event("1", 1, Kind.ADD, 10), **changes)


def test_row_49_the_reasons_are_those_of_the_documents_and_ours_begin_at_101() -> None:
    texts = [
        "Sync Order",
        "Stock-In / Manual",
        "Stock-In / Return-Scan",
        "Stock-In / Return-Manual",
        "Stock-In / Transfer",
        "Stock-In / Purchase",
        "Stock-Out / Manual",
        "Stock-Out / Sale",
        "Stock-Out / Transfer",
        "Void Order",
        "Revert Voided Order",
        "Add/Change Mapping Relationships",
        "Change Warehouse",
        "Move to [To Pack]",
        "Refresh Inventory",
        "Click Push Now/ Push Manually",
        "Stock Count",
    ]

    assert [REASON_TEXTS[Reason(code)] for code in range(1, 18)] == texts
    assert all(reason > 100 for reason in Reason if reason > 17)


# ---- laws ---------------------------------------------------------------------------------------------

SOURCES = ("wms", "shop")
QUANTITIES = {
    Kind.ADD: st.integers(-20, 20),
    Kind.COUNT: st.integers(-5, 30),
    Kind.SAFETY: st.integers(0, 9),
    Kind.TRACKED: st.integers(0, 1),
}


@st.composite
def stories(draw: st.DrawFn) -> list[StockEvent]:
    """Events of two sources whose clocks may jump back and whose sequences may meet, each with an id of its own."""
    told = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(Kind))
        told.append(
            event(
                f"e{number}",
                draw(st.integers(0, 8)),
                kind,
                draw(QUANTITIES.get(kind, st.integers(1, 9))),
                source=draw(st.sampled_from(SOURCES)),
                occurred_at=NOON + timedelta(minutes=draw(st.integers(0, 8))),
                warehouse=draw(st.sampled_from(WAREHOUSES)),
            )
        )
    return told


def by_hand(told: list[StockEvent], warehouse: str) -> tuple[int, int]:
    """On hand and allocated of one source, told in sequence: the last count and what was moved after it."""
    here = [e for e in told if e.warehouse == warehouse]
    counted = max((place for place, e in enumerate(here) if e.kind is Kind.COUNT), default=None)
    moved = {Kind.ADD: 1, Kind.DEDUCT: -1}
    held = {Kind.ALLOCATE: 1, Kind.RELEASE: -1, Kind.DEDUCT: -1}
    start = 0 if counted is None else counted + 1
    on_hand = 0 if counted is None else here[counted].quantity
    on_hand += sum(moved.get(e.kind, 0) * e.quantity for e in here[start:])
    return on_hand, sum(held.get(e.kind, 0) * e.quantity for e in here)


@given(stories(), st.data())
def test_any_order_of_delivery_and_any_repeats_give_the_same_balances(
    told: list[StockEvent], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    delivered = data.draw(st.permutations([*told, *repeats]))

    assert fold(delivered) == fold(told)


@given(stories(), st.data())
def test_a_prefix_and_then_the_rest_is_all(told: list[StockEvent], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(told)))

    assert fold(told[cut:], fold(told[:cut])) == fold(told)


@given(stories(), st.data())
def test_one_source_delivered_in_any_order_is_its_last_count_and_what_moved_since(
    told: list[StockEvent], data: st.DataObject
) -> None:
    said = [replace(one, source="wms", sequence=number) for number, one in enumerate(told)]
    ledger = fold(data.draw(st.permutations(said)))

    for warehouse in WAREHOUSES:
        balance = ledger.balance(warehouse, "A")
        assert (balance.on_hand, balance.allocated) == by_hand(said, warehouse)


@given(stories())
def test_one_event_more_is_the_whole_again_or_says_that_it_is_late(told: list[StockEvent]) -> None:
    known: dict[str, list[StockEvent]] = defaultdict(list)
    for one in told:
        before = balance_of(known[one.warehouse])
        known[one.warehouse].append(one)

        assert after(before, one) in (None, balance_of(known[one.warehouse]))


@given(stories())
def test_events_in_the_order_of_time_and_sequence_are_never_late(told: list[StockEvent]) -> None:
    balances: dict[str, Balance] = defaultdict(Balance)
    for number, one in enumerate(told):
        said = replace(one, sequence=number, occurred_at=NOON + timedelta(minutes=number))
        new = after(balances[one.warehouse], said)

        assert new is not None
        balances[one.warehouse] = new


def recorded(told: list[StockEvent]) -> dict[str, Balance]:
    """What a store would have written down after each event, as they arrived."""
    ledger, written = Ledger(), {}
    for one in told:
        ledger = fold([one], ledger)
        written[one.id] = ledger.balance(one.warehouse, one.sku)
    return written


@given(stories())
def test_verify_finds_nothing_where_nothing_is_wrong(told: list[StockEvent]) -> None:
    assert verify([*told, *told], recorded(told)) is None


@given(stories().filter(bool), st.data())
def test_verify_finds_a_planted_difference_at_exactly_that_event(told: list[StockEvent], data: st.DataObject) -> None:
    planted = data.draw(st.sampled_from(told)).id
    name = data.draw(st.sampled_from(["on_hand", "allocated", "safety", "tracked"]))
    written = recorded(told)
    true = written[planted]
    other: dict[str, Any] = {name: not true.tracked if name == "tracked" else getattr(true, name) + 1}
    wrong = replace(true, **other)

    found = verify(told, {**written, planted: wrong})

    assert found is not None
    assert (found.event, found.expected, found.recorded) == (planted, true, wrong)


@given(stories().filter(bool), st.data())
def test_verify_finds_the_record_that_is_missing(told: list[StockEvent], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(told)).id
    written = recorded(told)
    true = written.pop(gone)

    found = verify(told, written)

    assert found is not None
    assert (found.event, found.expected, found.recorded) == (gone, true, None)


def test_verify_finds_an_event_whose_quantity_was_changed_afterwards() -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ADD, 5), event("3", 3, Kind.ALLOCATE, 2)]
    written = recorded(told)

    found = verify([told[0], replace(told[1], quantity=6), told[2]], written)

    assert str(found) == (
        "after stock event `2` the record says on hand 15, allocated 0, safety stock 0, tracked (wms 2), "
        "the events on hand 16, allocated 0, safety stock 0, tracked (wms 2)"
    )


def test_verify_finds_a_record_whose_event_is_lost() -> None:
    told = [event("1", 1, Kind.ADD, 10), event("2", 2, Kind.ADD, 5)]

    found = verify(told[:1], recorded(told))

    assert found is not None
    assert (found.event, found.expected) == ("2", None)
