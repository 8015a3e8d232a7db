"""What the store of record promises on both databases, seen through its methods only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pushdsl.errors import PushdslError
from pushdsl.model import CellKey, Live, PlannedCell, Reason, Record, RecordedLive, Status
from pushdsl.store import Finished, RecordStore, SealedGrant, open_existing, open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EMPTY = RecordedLive([], [], [], [], [], [], [], [])


def milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000


@pytest.fixture
def record(url: str) -> Iterator[RecordStore]:
    with open_store(url) as opened:
        yield opened


def planned(store_sku: str = "MUG", quantity: int | None = 28, *, store: str = "shopee_my", location: str = "",
            sku: str = "M-1", rule: str | None = "Beauty", live: int | None = None, mode: str = "normal",
            days: int | None = None, available: int | None = None) -> PlannedCell:  # fmt: skip
    return PlannedCell(
        store, store_sku, location, sku, rule, available, quantity, mode, days, live, "push", "why"  # type: ignore[arg-type]
    )  # fmt: skip


def begin(record: RecordStore, *cells: PlannedCell, at: datetime = NOON, reason: int = Reason.RULE_CHANGE) -> list[int]:
    return record.begin(cells, reason=reason, at=at)


def answer(number: int, cell: PlannedCell, at: datetime = NOON) -> Finished:
    assert cell.quantity is not None
    return Finished(number, cell.key, cell.quantity, cell.mode, cell.days, Status.SUCCESSFULLY, at, "confirmed")


def lost(number: int, cell: PlannedCell, at: datetime = NOON, kind: str = "unknown", detail: str = "") -> Finished:
    assert cell.quantity is not None
    return Finished(
        number, cell.key, cell.quantity, cell.mode, cell.days, Status.FAILED, at, "unknown", kind=kind, detail=detail
    )


def unsent(number: int, cell: PlannedCell, at: datetime = NOON) -> Finished:
    assert cell.quantity is not None
    return Finished(
        number, cell.key, cell.quantity, cell.mode, cell.days, Status.SKIPPED, at, "keep", "", "not_sent", "stopped"
    )


def push(record: RecordStore, *cells: PlannedCell, at: datetime = NOON) -> list[int]:
    """Begun and confirmed."""
    numbers = begin(record, *cells, at=at)
    record.finish([answer(number, cell, at) for number, cell in zip(numbers, cells, strict=True)])
    return numbers


def fail(record: RecordStore, cell: PlannedCell, at: datetime = NOON, kind: str = "unknown", detail: str = "") -> None:
    [number] = begin(record, cell, at=at)
    record.finish([lost(number, cell, at, kind, detail)])


def shown(record: RecordStore) -> dict[CellKey, Live]:
    live = record.live()
    rows = zip(live.store, live.store_sku, live.location, live.quantity, live.reserved, live.preorder, live.days,
               live.confirmed_at, strict=True)  # fmt: skip
    return {
        CellKey(store, store_sku, location): Live(
            quantity, "preorder" if preorder else "normal", days, reserved or 0,
            None if at is None else datetime.fromtimestamp(at / 1000, UTC),
        )
        for store, store_sku, location, quantity, reserved, preorder, days, at in rows
    }  # fmt: skip


def only(found: list[Record]) -> Record:
    [one] = found
    return one


MUG = CellKey("shopee_my", "MUG", "")


class TestLive:
    def test_an_empty_record_knows_no_cell(self, record: RecordStore) -> None:
        live = record.live()

        assert live == EMPTY

    def test_a_confirmed_push_is_shown_with_its_time(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        assert shown(record) == {MUG: Live(28, "normal", None, 0, NOON)}

    def test_cells_come_by_store_then_store_sku_then_location(self, record: RecordStore) -> None:
        push(record, planned("b", store="x"), planned("a", location="2"), planned("a", location="1"), planned("c"))

        live = record.live()

        assert live.store == ["shopee_my", "shopee_my", "shopee_my", "x"]
        assert live.store_sku == ["a", "a", "c", "b"]
        assert live.location == ["1", "2", "", ""]

    def test_the_columns_have_the_models_own_types(self, record: RecordStore) -> None:
        push(record, planned(quantity=28, mode="preorder", days=7))

        live = record.live()

        assert RecordedLive(["shopee_my"], ["MUG"], [""], [28], [None], [True], [7], [milliseconds(NOON)]) == live
        assert live.preorder[0] is True

    def test_skus_are_told_apart_by_case_and_kept_to_the_letter(self, record: RecordStore) -> None:
        push(record, planned("00123", 1), planned("85123a", 2), planned("85123A", 3), planned(" é ", 4))

        quantities = {key.store_sku: live.quantity for key, live in shown(record).items()}

        assert quantities == {"00123": 1, "85123a": 2, "85123A": 3, " é ": 4}

    def test_a_cell_is_unknown_while_its_push_is_under_way(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        begin(record, planned(quantity=30))

        assert shown(record)[MUG] == Live(None, "normal", None, 0, NOON)

    def test_a_failed_push_leaves_the_quantity_unknown(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        fail(record, planned(quantity=30), NOON + MINUTE)

        assert shown(record)[MUG].quantity is None

    def test_a_failed_push_of_a_new_cell_makes_it_known_as_unknown(self, record: RecordStore) -> None:
        fail(record, planned())

        assert shown(record) == {MUG: Live(None)}

    def test_the_latch_is_kept_through_failures(self, record: RecordStore) -> None:
        push(record, planned(quantity=35, mode="preorder", days=7))

        fail(record, planned(quantity=70, mode="normal"), NOON + MINUTE)
        fail(record, planned(quantity=71, mode="normal"), NOON + 2 * MINUTE)

        assert shown(record)[MUG] == Live(None, "preorder", 7, 0, NOON)

    def test_a_push_that_was_never_sent_changes_nothing(self, record: RecordStore) -> None:
        push(record, planned(quantity=35, mode="preorder", days=7))

        [number] = begin(record, planned(quantity=70))
        record.finish([unsent(number, planned(quantity=70))])

        assert shown(record)[MUG] == Live(35, "preorder", 7, 0, NOON)

    def test_a_new_cell_that_was_never_sent_stays_for_the_facts_to_say(self, record: RecordStore) -> None:
        [number] = begin(record, planned())
        record.finish([unsent(number, planned())])

        assert record.live() == EMPTY

    def test_a_never_sent_push_does_not_make_a_failed_one_known(self, record: RecordStore) -> None:
        fail(record, planned())

        [number] = begin(record, planned())
        record.finish([unsent(number, planned())])

        assert shown(record)[MUG].quantity is None

    def test_an_older_answer_that_comes_last_leaves_the_quantity_unknown(self, record: RecordStore) -> None:
        [first] = begin(record, planned(quantity=10))
        [second] = begin(record, planned(quantity=8))

        record.finish([answer(second, planned(quantity=8))])
        record.finish([answer(first, planned(quantity=10))])

        assert shown(record)[MUG].quantity is None

    def test_an_older_answer_that_comes_first_gives_way_to_the_newer(self, record: RecordStore) -> None:
        [first] = begin(record, planned(quantity=10))
        [second] = begin(record, planned(quantity=8))

        record.finish([answer(first, planned(quantity=10))])
        under_way = shown(record)[MUG].quantity
        record.finish([answer(second, planned(quantity=8))])

        assert under_way is None
        assert shown(record)[MUG].quantity == 8

    def test_the_same_answers_twice_are_harmless(self, record: RecordStore) -> None:
        [number] = begin(record, planned(quantity=28))

        record.finish([answer(number, planned(quantity=28))])
        record.finish([answer(number, planned(quantity=28))])

        assert shown(record)[MUG].quantity == 28


class TestObserve:
    def test_what_was_read_is_shown_and_never_holds(self, record: RecordStore) -> None:
        record.observe([(MUG, Live(12, "preorder", 9, 4))], at=NOON)

        assert shown(record) == {MUG: Live(12, "preorder", 9, 4, None)}

    def test_another_quantity_than_the_confirmed_one_clears_its_time(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        record.observe([(MUG, Live(10))], at=NOON + MINUTE)

        assert shown(record)[MUG] == Live(10, confirmed_at=None)

    def test_the_confirmed_quantity_keeps_its_time(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        record.observe([(MUG, Live(28, reserved=3))], at=NOON + MINUTE)

        assert shown(record)[MUG] == Live(28, reserved=3, confirmed_at=NOON)

    def test_a_time_once_cleared_does_not_come_back_with_the_quantity(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))

        record.observe([(MUG, Live(10))], at=NOON + MINUTE)
        record.observe([(MUG, Live(28))], at=NOON + 2 * MINUTE)

        assert shown(record)[MUG] == Live(28, confirmed_at=None)

    def test_a_read_after_a_failure_finds_whether_the_last_confirmed_push_still_stands(
        self, record: RecordStore
    ) -> None:
        push(record, planned("old", 28), planned("new", 28))
        fail(record, planned("old", 30), NOON + MINUTE)
        fail(record, planned("new", 30), NOON + MINUTE)

        reads = {"old": 28, "new": 30}
        keys = {name: CellKey("shopee_my", name, "") for name in reads}
        record.observe([(keys[name], Live(quantity)) for name, quantity in reads.items()], at=NOON + 2 * MINUTE)

        assert shown(record) == {keys["old"]: Live(28, confirmed_at=NOON), keys["new"]: Live(30, confirmed_at=None)}

    def test_a_read_that_began_before_a_push_was_confirmed_is_too_old_to_keep(self, record: RecordStore) -> None:
        push(record, planned(quantity=28), at=NOON + MINUTE)

        record.observe([(MUG, Live(10))], at=NOON)

        assert shown(record)[MUG].quantity == 28

    def test_a_push_keeps_the_reserved_stock_that_was_read(self, record: RecordStore) -> None:
        record.observe([(MUG, Live(12, reserved=4))], at=NOON)

        push(record, planned(quantity=28), at=NOON + MINUTE)

        assert shown(record)[MUG].reserved == 4

    def test_a_read_makes_no_record(self, record: RecordStore) -> None:
        record.observe([(MUG, Live(12))], at=NOON)

        assert record.records() == []


class TestRecords:
    def test_a_push_that_has_begun_is_pending(self, record: RecordStore) -> None:
        [number] = begin(record, planned(quantity=35, mode="preorder", days=7, live=30), reason=Reason.SYNC_ORDER)

        expected = Record(
            number, MUG, "M-1", "Beauty", 1, Status.PENDING, 30, 35, "preorder", 7, "", "", "", NOON, None, 1
        )
        assert record.records() == [expected]

    def test_a_confirmed_push_is_successful(self, record: RecordStore) -> None:
        [number] = begin(record, planned())

        record.finish([answer(number, planned(), NOON + MINUTE)])

        found = only(record.records())
        assert (found.status, found.created_at, found.finished_at) == (Status.SUCCESSFULLY, NOON, NOON + MINUTE)

    def test_a_failed_push_says_why(self, record: RecordStore) -> None:
        [number] = begin(record, planned())

        record.finish([
            Finished(number, MUG, 28, "normal", None, Status.FAILED, NOON, "unknown", "E77", "not_found", "invalid SKU")
        ])  # fmt: skip

        found = only(record.records())
        assert (found.status, found.code, found.kind, found.detail) == (
            Status.FAILED, "E77", "not_found", "invalid SKU",
        )  # fmt: skip

    def test_one_trigger_to_ten_stores_makes_ten_records_with_numbers_in_order(self, record: RecordStore) -> None:
        cells = [planned(store=f"store_{i}") for i in range(10)]

        numbers = begin(record, *cells)

        by_number = {found.id: found.key.store for found in record.records()}
        assert [by_number[number] for number in numbers] == [cell.store for cell in cells]

    def test_before_is_the_previous_after(self, record: RecordStore) -> None:
        for quantity in (30, 28, 25):
            push(record, planned(quantity=quantity, available=99))

        assert [(r.before, r.quantity) for r in record.records()] == [(28, 25), (30, 28), (99, 30)]

    def test_before_of_a_first_push_is_what_the_facts_say_is_shown(self, record: RecordStore) -> None:
        begin(record, planned(live=12, available=99))

        assert only(record.records()).before == 12

    def test_before_of_a_first_push_of_an_unknown_cell_is_its_available_stock(self, record: RecordStore) -> None:
        begin(record, planned(live=None, available=99))

        assert only(record.records()).before == 99

    def test_before_is_what_was_read_since(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))
        record.observe([(MUG, Live(10))], at=NOON)

        begin(record, planned(quantity=28, live=28))

        assert record.records()[0].before == 10

    def test_before_is_unknown_after_a_failure_and_while_a_push_is_under_way(self, record: RecordStore) -> None:
        fail(record, planned("failed", available=99))
        begin(record, planned("sent", available=99))

        begin(record, planned("failed", available=99), planned("sent", available=99), at=NOON + MINUTE)

        assert [r.before for r in record.records(limit=2)] == [None, None]

    def test_a_cell_without_a_rule_is_kept(self, record: RecordStore) -> None:
        begin(record, planned(rule=None))

        assert only(record.records()).rule == ""

    def test_only_four_statuses_can_be_stored(self, record: RecordStore) -> None:
        [number] = begin(record, planned())

        with pytest.raises(ValueError, match="Partly"):
            record.finish([
                Finished(number, MUG, 28, "normal", None, "Partly", NOON, "confirmed")  # type: ignore[arg-type]
            ])  # fmt: skip

        assert only(record.records()).status is Status.PENDING

    @pytest.mark.parametrize("reason", [*range(1, 18), 101, 102, 103])
    def test_every_reason_is_kept_as_its_number(self, record: RecordStore, reason: int) -> None:
        begin(record, planned(), reason=reason)

        assert only(record.records()).reason == reason

    @pytest.mark.parametrize("reason", [0, 18, 100, 104, -1])
    def test_a_number_that_is_no_reason_is_rejected_and_nothing_kept(self, record: RecordStore, reason: int) -> None:
        with pytest.raises(PushdslError, match=f"`{reason}` is no reason") as begun:
            begin(record, planned(), reason=reason)
        with pytest.raises(PushdslError, match=f"`{reason}` is no reason"):
            record.skip([(planned(), "held")], reason=reason, at=NOON)

        assert begun.value.help == "reasons are 1 to 17 and 101 to 103"
        assert record.records() == []

    def test_an_answer_to_a_push_that_never_began_is_our_mistake_and_keeps_nothing(self, record: RecordStore) -> None:
        [number] = begin(record, planned("a"))

        with pytest.raises(AssertionError):
            record.finish([answer(number, planned("a")), answer(number + 1, planned("b"))])

        assert only(record.records()).status is Status.PENDING

    def test_a_cell_twice_in_one_begin_is_our_mistake(self, record: RecordStore) -> None:
        with pytest.raises(AssertionError):
            begin(record, planned(quantity=1), planned(quantity=2))

    def test_nothing_to_do_is_nothing_done(self, record: RecordStore) -> None:
        record.finish([])
        record.observe([], at=NOON)
        record.skip([], reason=1, at=NOON)

        assert begin(record) == []
        assert record.records() == []


class TestFinding:
    @pytest.fixture(autouse=True)
    def history(self, record: RecordStore) -> None:
        record.skip([(planned("MUG"), "held")], reason=Reason.STOCK_COUNT, at=NOON)
        push(record, planned("MUG", sku="M-1"), at=NOON + MINUTE)
        fail(record, planned("CUP", sku="M-1"), NOON + 2 * MINUTE, "not_found")
        fail(record, planned("MUG", sku="M-2", store="lazada_ph"), NOON + 3 * MINUTE, "unauthorized")
        begin(record, planned("PAN", sku="M-2", store="lazada_ph"), at=NOON + 4 * MINUTE)

    @staticmethod
    def names(found: list[Record]) -> list[str]:
        return [f"{r.key.store} {r.key.store_sku} {r.status}" for r in found]

    def test_the_newest_come_first(self, record: RecordStore) -> None:
        assert self.names(record.records()) == [
            "lazada_ph PAN Pending",
            "lazada_ph MUG Failed",
            "shopee_my CUP Failed",
            "shopee_my MUG Successfully",
            "shopee_my MUG Skipped",
        ]

    def test_a_limit_keeps_the_newest(self, record: RecordStore) -> None:
        assert self.names(record.records(limit=1)) == ["lazada_ph PAN Pending"]

    def test_by_store(self, record: RecordStore) -> None:
        assert self.names(record.records(store="lazada_ph")) == ["lazada_ph PAN Pending", "lazada_ph MUG Failed"]

    def test_by_store_sku_in_one_store(self, record: RecordStore) -> None:
        assert self.names(record.records(store="lazada_ph", store_sku="MUG")) == ["lazada_ph MUG Failed"]

    def test_a_merchant_sku_joins_the_lists_of_its_store_skus(self, record: RecordStore) -> None:
        push(record, planned("MUG", sku="M-1", store="tiktok_id"), at=NOON + 5 * MINUTE)

        assert self.names(record.records(sku="M-1")) == [
            "tiktok_id MUG Successfully",
            "shopee_my CUP Failed",
            "shopee_my MUG Successfully",
            "shopee_my MUG Skipped",
        ]

    def test_by_status(self, record: RecordStore) -> None:
        assert self.names(record.records(status=Status.FAILED)) == ["lazada_ph MUG Failed", "shopee_my CUP Failed"]
        assert self.names(record.records(status=Status.SKIPPED)) == ["shopee_my MUG Skipped"]

    def test_by_reason(self, record: RecordStore) -> None:
        assert self.names(record.records(reason=Reason.STOCK_COUNT)) == ["shopee_my MUG Skipped"]

    def test_by_kind_of_failure(self, record: RecordStore) -> None:
        assert self.names(record.records(status=Status.FAILED, kind="not_found")) == ["shopee_my CUP Failed"]

    def test_the_last_of_a_cell_hides_what_ended_otherwise_before(self, record: RecordStore) -> None:
        push(record, planned("CUP", sku="M-1"), at=NOON + 5 * MINUTE)
        fail(record, planned("MUG", sku="M-1"), NOON + 6 * MINUTE, "locked")

        failed = record.records(status=Status.FAILED, last=True)
        assert self.names(failed) == ["shopee_my MUG Failed", "lazada_ph MUG Failed"]
        assert self.names(record.records(store="shopee_my", kind="not_found", last=True)) == []
        assert self.names(record.records(store="shopee_my", last=True)) == [
            "shopee_my MUG Failed",
            "shopee_my CUP Successfully",
        ]

    def test_records_by_number_begin_after_one_and_leave_out_what_ended_before(self, record: RecordStore) -> None:
        everything = record.records_after(0, since=NOON)
        assert [r.id for r in everything] == [1, 2, 3, 4, 5]
        assert everything == sorted(record.records(), key=lambda r: r.id)

        assert [r.id for r in record.records_after(3, since=NOON)] == [4, 5]
        assert [r.id for r in record.records_after(0, since=NOON + 3 * MINUTE)] == [4, 5]
        record.finish([answer(5, planned("PAN", sku="M-2", store="lazada_ph"), NOON + 9 * MINUTE)])
        assert [r.id for r in record.records_after(0, since=NOON + 9 * MINUTE)] == [5]

    def test_what_is_asked_for_is_a_value_and_never_sql(self, record: RecordStore) -> None:
        assert record.records(store="' OR 1=1 --") == []


class TestSkip:
    def test_a_skip_says_why_and_what_it_held_back(self, record: RecordStore) -> None:
        record.skip([(planned(quantity=28, live=30), "held")], reason=8, at=NOON)

        found = only(record.records())
        assert (found.status, found.detail, found.before, found.quantity, found.reason, found.count) == (
            Status.SKIPPED, "held", 30, 28, 8, 1,
        )  # fmt: skip
        assert (found.created_at, found.finished_at) == (NOON, NOON)

    def test_a_skip_of_an_unknown_cell_has_no_before(self, record: RecordStore) -> None:
        record.skip([(planned(live=None, available=99), "held")], reason=8, at=NOON)

        assert only(record.records()).before is None

    def test_the_same_skip_again_is_counted_and_not_added(self, record: RecordStore) -> None:
        for minute in range(99):
            record.skip([(planned(), "unchanged")], reason=1, at=NOON + minute * MINUTE)

        found = only(record.records())
        assert (found.count, found.created_at) == (99, NOON + 98 * MINUTE)

    def test_a_hundred_triggers_at_once_are_one_push_and_99_skips(self, record: RecordStore) -> None:
        push(record, planned(quantity=100))
        record.skip([(planned(quantity=n), "newer trigger") for n in range(99)], reason=1, at=NOON)

        assert [(r.status, r.count, r.quantity) for r in record.records()] == [
            (Status.SKIPPED, 99, 98),
            (Status.SUCCESSFULLY, 1, 100),
        ]

    def test_a_counted_skip_shows_what_was_skipped_last(self, record: RecordStore) -> None:
        record.skip([(planned(quantity=1500, live=1600), "held")], reason=1, at=NOON)
        record.skip([(planned(quantity=1499, live=1600), "held")], reason=8, at=NOON + MINUTE)

        found = only(record.records())
        assert (found.quantity, found.reason, found.finished_at) == (1499, 8, NOON + MINUTE)

    def test_another_detail_begins_another_record(self, record: RecordStore) -> None:
        for detail in ("held", "unchanged", "unchanged", "held"):
            record.skip([(planned(), detail)], reason=1, at=NOON)

        assert [(r.detail, r.count) for r in record.records()] == [("held", 1), ("unchanged", 2), ("held", 1)]

    def test_two_details_of_one_cell_in_one_call_are_two_records(self, record: RecordStore) -> None:
        record.skip([(planned(), "held"), (planned(), "unchanged"), (planned("CUP"), "held")], reason=1, at=NOON)

        assert sorted((r.key.store_sku, r.detail, r.count) for r in record.records()) == [
            ("CUP", "held", 1), ("MUG", "held", 1), ("MUG", "unchanged", 1),
        ]  # fmt: skip

    def test_a_push_between_two_skips_parts_them(self, record: RecordStore) -> None:
        record.skip([(planned(), "unchanged")], reason=1, at=NOON)
        push(record, planned())
        record.skip([(planned(), "unchanged")], reason=1, at=NOON)

        assert [r.status for r in record.records()] == [Status.SKIPPED, Status.SUCCESSFULLY, Status.SKIPPED]

    def test_cells_are_counted_apart(self, record: RecordStore) -> None:
        cells = [planned(), planned(location="north"), planned(store="lazada_ph"), planned("CUP")]

        record.skip([(cell, "unchanged") for cell in cells], reason=1, at=NOON)
        record.skip([(cells[0], "unchanged")], reason=1, at=NOON)

        assert {r.key: r.count for r in record.records()} == {c.key: 2 if c is cells[0] else 1 for c in cells}

    def test_a_skip_says_nothing_of_what_is_shown(self, record: RecordStore) -> None:
        record.skip([(planned(live=30), "unchanged")], reason=1, at=NOON)

        assert record.live() == EMPTY


class TestInterrupted:
    def test_a_killed_apply_leaves_failed_records_and_unknown_cells(self, url: str) -> None:
        with open_store(url) as record:
            push(record, planned("SENT", 5, mode="preorder", days=7), planned("DONE", 6))
            begin(record, planned("SENT", 50), planned("NEW", 7), at=NOON + MINUTE)

        with open_store(url) as record:
            count = record.interrupted(NOON + DAY)

            assert count == 2
            assert {key.store_sku: live for key, live in shown(record).items()} == {
                "DONE": Live(6, confirmed_at=NOON),
                "NEW": Live(None),
                "SENT": Live(None, "preorder", 7, 0, NOON),
            }
            failed = record.records(status=Status.FAILED)
            assert {r.detail for r in failed} == {"stopped before the answer was known"}
            assert {(r.key.store_sku, r.kind, r.finished_at) for r in failed} == {
                ("SENT", "unknown", NOON + DAY), ("NEW", "unknown", NOON + DAY),
            }  # fmt: skip
            assert record.records(status=Status.PENDING) == []

    def test_a_plan_after_a_kill_already_takes_the_cells_for_unknown(self, url: str) -> None:
        with open_store(url) as record:
            push(record, planned(quantity=28))
            begin(record, planned(quantity=30))

        reopened = open_existing(url)

        assert reopened is not None
        with reopened:
            assert shown(reopened)[MUG].quantity is None

    def test_without_a_killed_apply_nothing_changes(self, record: RecordStore) -> None:
        push(record, planned())
        fail(record, planned("CUP"), detail="locked")
        before = (record.live(), record.records())

        count = record.interrupted(NOON + DAY)

        assert count == 0
        assert (record.live(), record.records()) == before

    def test_an_answer_lost_behind_a_newer_one_makes_the_cell_unknown(self, record: RecordStore) -> None:
        begin(record, planned(quantity=10))
        push(record, planned(quantity=8))

        record.interrupted(NOON + DAY)

        assert shown(record)[MUG].quantity is None

    def test_an_answer_that_comes_after_all_counts(self, record: RecordStore) -> None:
        [number] = begin(record, planned(quantity=10))
        record.interrupted(NOON)

        record.finish([answer(number, planned(quantity=10))])

        assert shown(record)[MUG].quantity == 10
        assert only(record.records()).status is Status.SUCCESSFULLY

    def test_the_next_push_makes_the_cell_known_again(self, record: RecordStore) -> None:
        begin(record, planned(quantity=10))
        record.interrupted(NOON)

        push(record, planned(quantity=8), at=NOON + MINUTE)

        assert shown(record)[MUG] == Live(8, confirmed_at=NOON + MINUTE)


class TestPrune:
    def test_of_101_records_of_a_listing_the_oldest_goes(self, record: RecordStore) -> None:
        numbers = [push(record, planned(), at=NOON + n * MINUTE)[0] for n in range(101)]

        gone = record.prune(NOON + 101 * MINUTE)

        assert gone == 1
        assert sorted(r.id for r in record.records(limit=200)) == numbers[1:]

    def test_the_locations_of_a_listing_share_its_hundred(self, record: RecordStore) -> None:
        for n in range(60):
            push(record, planned(location="north"), planned(location="south"), at=NOON + n * MINUTE)

        gone = record.prune(NOON + DAY)

        assert gone == 20
        assert min(r.created_at for r in record.records(limit=200)) == NOON + 10 * MINUTE

    def test_many_listings_are_cleaned_each_by_itself(self, record: RecordStore) -> None:
        crowded = [planned(f"SKU-{n:03}", store=f"store_{n % 3}") for n in range(230)]
        for n in range(101):
            record.skip([(cell, str(n)) for cell in crowded], reason=1, at=NOON + n * MINUTE)
        push(record, planned("LONELY"))

        gone = record.prune(NOON + DAY)

        assert gone == 230
        assert len(record.records(limit=100_000)) == 230 * 100 + 1
        assert min(r.created_at for r in record.records(limit=100_000) if r.detail) == NOON + MINUTE

    def test_a_record_of_31_days_goes_and_one_of_30_days_stays(self, record: RecordStore) -> None:
        now = NOON + 31 * DAY
        push(record, planned("31 days"), at=now - 31 * DAY)
        push(record, planned("30 days and a millisecond"), at=now - 30 * DAY - timedelta(milliseconds=1))
        push(record, planned("30 days"), at=now - 30 * DAY)
        push(record, planned("29 days"), at=now - 29 * DAY)

        gone = record.prune(now)

        assert gone == 2
        assert [r.key.store_sku for r in record.records()] == ["29 days", "30 days"]

    def test_a_counted_skip_is_as_young_as_its_last_trigger(self, record: RecordStore) -> None:
        record.skip([(planned(), "unchanged")], reason=1, at=NOON)
        record.skip([(planned(), "unchanged")], reason=1, at=NOON + 30 * DAY)

        gone = record.prune(NOON + 40 * DAY)

        assert gone == 0

    def test_a_pending_record_stays_however_old_and_crowded(self, record: RecordStore) -> None:
        [number] = begin(record, planned())
        for n in range(100):
            push(record, planned(), at=NOON + n * MINUTE)

        crowded = record.prune(NOON + DAY)
        aged = record.prune(NOON + 100 * DAY)

        assert (crowded, aged) == (0, 100)
        assert [r.id for r in record.records()] == [number]

    def test_what_is_shown_is_never_lost_with_its_history(self, record: RecordStore) -> None:
        push(record, planned(quantity=35, mode="preorder", days=7))
        before = record.live()

        gone = record.prune(NOON + 400 * DAY)

        assert gone == 1
        assert record.live() == before
        assert record.summary()[0].last_success == NOON

    def test_a_number_is_not_given_again_after_its_record_is_gone(self, record: RecordStore) -> None:
        [gone] = push(record, planned())
        record.prune(NOON + 400 * DAY)

        [number] = begin(record, planned(), at=NOON + 400 * DAY)

        assert number > gone

    def test_more_than_one_step_of_old_records_goes_in_one_prune(self, record: RecordStore) -> None:
        record.skip([(planned(f"SKU-{n}"), "held") for n in range(10_001)], reason=1, at=NOON)

        gone = record.prune(NOON + 31 * DAY)

        assert gone == 10_001


class TestSummary:
    def test_an_empty_record_has_no_stores(self, record: RecordStore) -> None:
        assert record.summary() == []

    def test_a_store_counts_its_cells_by_their_newest_record(self, record: RecordStore) -> None:
        push(record, planned("a"), planned("b"), planned("c"), planned("d"))
        fail(record, planned("a"), NOON + MINUTE, "not_found")
        fail(record, planned("b"), NOON + MINUTE, "unauthorized")
        fail(record, planned("e"), NOON + MINUTE, "not_found")
        record.skip([(planned("c"), "unchanged")], reason=1, at=NOON + MINUTE)
        begin(record, planned("f"), at=NOON + MINUTE)

        [summary] = record.summary()

        assert (summary.store, summary.cells, summary.unknown, summary.last_success) == ("shopee_my", 6, 4, NOON)
        assert summary.statuses == {Status.FAILED: 3, Status.SUCCESSFULLY: 2, Status.PENDING: 1}
        assert summary.failures == {"not_found": 2, "unauthorized": 1}

    def test_a_skip_hides_no_success_but_a_failure_that_a_read_has_mended(self, record: RecordStore) -> None:
        push(record, planned("a"))
        fail(record, planned("b"), NOON, "temporary")
        for minute in (1, 2):
            skipped = [(planned(sku), "unchanged") for sku in ("a", "b", "c")]
            record.skip(skipped, reason=1, at=NOON + minute * MINUTE)

        [summary] = record.summary()

        assert (summary.statuses, summary.failures) == ({Status.SUCCESSFULLY: 1, Status.SKIPPED: 2}, {})

    def test_a_failure_that_was_mended_is_counted_no_more(self, record: RecordStore) -> None:
        fail(record, planned(), NOON, "temporary")
        push(record, planned(), at=NOON + MINUTE)

        [summary] = record.summary()

        assert (summary.failures, summary.unknown, summary.last_success) == ({}, 0, NOON + MINUTE)

    def test_a_read_does_not_take_away_the_last_success(self, record: RecordStore) -> None:
        push(record, planned(quantity=28))
        record.observe([(MUG, Live(3))], at=NOON + MINUTE)

        assert record.summary()[0].last_success == NOON

    def test_stores_stand_apart_and_by_name(self, record: RecordStore) -> None:
        fail(record, planned(store="shopee_my"), kind="locked")
        push(record, planned(store="lazada_ph"), at=NOON + MINUTE)
        record.skip([(planned(store="tiktok_id"), "held")], reason=1, at=NOON)

        assert [(s.store, s.cells, s.unknown, s.last_success, dict(s.failures)) for s in record.summary()] == [
            ("lazada_ph", 1, 0, NOON + MINUTE, {}),
            ("shopee_my", 1, 1, None, {"locked": 1}),
            ("tiktok_id", 0, 0, None, {}),
        ]


def sealed(text: str, version: int) -> SealedGrant:
    return SealedGrant(text, None, None, version, "seed")


class TestGrants:
    def test_a_claim_that_is_released_is_free_at_once(self, record: RecordStore) -> None:
        assert record.claim_grant("ben", 0, NOON, NOON + MINUTE)
        assert not record.claim_grant("ben", 0, NOON, NOON + 2 * MINUTE)

        record.release_grant("ben", NOON + MINUTE)

        assert record.claim_grant("ben", 0, NOON, NOON + 2 * MINUTE)

    def test_a_claim_that_took_too_long_releases_none_but_itself(self, record: RecordStore) -> None:
        assert record.claim_grant("ben", 0, NOON, NOON + MINUTE)
        assert record.claim_grant("ben", 0, NOON + MINUTE, NOON + 2 * MINUTE)

        record.release_grant("ben", NOON + MINUTE)

        assert not record.claim_grant("ben", 0, NOON + MINUTE, NOON + 3 * MINUTE)

    @pytest.mark.parametrize("version", [1, 2])
    def test_an_older_grant_never_takes_the_place_of_a_newer_one(self, record: RecordStore, version: int) -> None:
        assert record.keep_grant("ben", sealed("newer", 2), at=NOON)
        assert record.claim_grant("ben", 2, NOON, NOON + MINUTE)

        assert not record.keep_grant("ben", sealed("older", version), at=NOON)

        assert record.grant("ben") == sealed("newer", 2)
        assert not record.claim_grant("ben", 2, NOON, NOON + 2 * MINUTE)

    def test_a_newer_grant_takes_the_place_of_an_older_one_and_ends_its_claim(self, record: RecordStore) -> None:
        assert record.keep_grant("ben", sealed("older", 1), at=NOON)
        assert record.claim_grant("ben", 1, NOON, NOON + MINUTE)

        assert record.keep_grant("ben", sealed("newer", 2), at=NOON)

        assert record.grant("ben") == sealed("newer", 2)
        assert record.claim_grant("ben", 2, NOON, NOON + MINUTE)


class TestIsolation:
    def test_the_same_sku_in_two_stores_is_two_cells(self, record: RecordStore) -> None:
        push(record, planned(quantity=28, store="x"), planned(quantity=5, store="y"))

        fail(record, planned(quantity=30, store="x"), NOON + MINUTE)

        assert {key.store: live.quantity for key, live in shown(record).items()} == {"x": None, "y": 5}

    def test_two_records_know_nothing_of_each_other(self, record: RecordStore, urls: Callable[[], str]) -> None:
        push(record, planned())

        with open_store(urls()) as another:
            assert another.live() == EMPTY
            assert another.records() == []

    def test_two_tenants_of_one_file_know_nothing_of_each_other(self, url: str) -> None:
        with open_store(url, tenant="anna") as anna, open_store(url, tenant="ben") as ben:
            [hers] = push(anna, planned(quantity=1))
            [his] = begin(ben, planned(quantity=2), at=NOON - 400 * DAY)
            ben.skip([(planned("CUP"), "held")], reason=1, at=NOON - 400 * DAY)

            assert (anna.interrupted(NOON), anna.prune(NOON)) == (0, 0)
            assert (hers, his) == (1, 1)
            assert shown(anna) == {MUG: Live(1, confirmed_at=NOON)}
            assert shown(ben) == {MUG: Live(None)}
            assert [r.quantity for r in anna.records()] == [1]
            assert [s.cells for s in ben.summary()] == [1]
            assert len(ben.records()) == 2
