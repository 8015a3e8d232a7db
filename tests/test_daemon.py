"""What a daemon does with stock that changes: seen at the stores and in the record, on a clock that tests set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pushdsl import cycle
from pushdsl.daemon import Daemon, Quiet, Spec
from pushdsl.errors import PushdslError, RefusedPlan, RuleError
from pushdsl.model import Reason, Status
from pushdsl.orders import Line, Message, Order, Ship, Sync
from pushdsl.plugins.platform import Confirmed, Outcome, Unauthorized, Unknown
from pushdsl.run_settings import RunSettings
from pushdsl.store import Trigger, WorkStore
from tests.seller import BEGAN, BROKEN, BUSY, GONE, LOCKED, STORES, Seller, begun, listen
from tests.shop import SIMULATED, edit_file, make_project, write_facts


@pytest.fixture
def seller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    seller = Seller(make_project(tmp_path / "shop", SIMULATED, skus=4))
    listen(seller, monkeypatch)
    return seller


def test_what_is_counted_is_pushed_to_every_store(seller: Seller) -> None:
    seller.work(seller.stock(MUG_00=10, MUG_01=1))

    assert {key: quantity for key, quantity in seller.shows().items() if key[0] == "shopee_my"} == {
        ("shopee_my", "MUG-00"): 8, ("shopee_my", "MUG-01"): 0,
        ("shopee_my", "MUG-02"): 10, ("shopee_my", "MUG-03"): 11,
    }  # fmt: skip
    assert {store for store, *_ in seller.sent} == set(STORES)


def test_a_daemon_that_starts_again_pushes_nothing_that_is_shown(seller: Seller) -> None:
    begun(seller)

    assert seller.work(lambda _: None) == [True]

    assert seller.sent == []


def test_a_hundred_triggers_in_a_second_are_one_call_with_the_last_value_and_99_skipped(seller: Seller) -> None:
    start = begun(seller).at

    def burst(store: WorkStore) -> None:
        for left in range(99, -1, -1):
            store.ledger().take([seller.event("MUG-00", 100 + left)], at=seller.at)

    seller.work(burst)

    assert [(store, sku, quantity) for store, sku, quantity, _ in seller.sent] == [
        (store, "MUG-00", 98) for store in sorted(STORES)
    ]
    since = [r for r in seller.records(store="shopee_my", store_sku="MUG-00") if r.reason == Reason.STOCK_COUNT]
    assert {(r.status, r.count) for r in since if r.created_at > start} == {
        (Status.SUCCESSFULLY, 1), (Status.SKIPPED, 99)
    }  # fmt: skip


def test_an_event_that_leaves_available_as_it_was_calls_nobody(seller: Seller) -> None:
    begun(seller)

    seller.work(seller.stock(MUG_00=10))

    assert seller.sent == []
    newest = seller.records(store="shopee_my", store_sku="MUG-00")[0]
    assert (newest.status, newest.detail, newest.reason) == (Status.SKIPPED, "unchanged", Reason.STOCK_COUNT)


def test_while_pushing_is_switched_off_nothing_is_pushed_and_nothing_recorded(seller: Seller) -> None:
    (seller.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n", "utf-8")

    seller.work(seller.stock(MUG_00=10))

    assert (seller.sent, seller.records()) == ([], [])


def test_an_order_is_allocated_pushed_and_shipped(seller: Seller) -> None:
    begun(seller)
    order = Order("shopee_my", "SO-1", "prepaid", "kl", (Line("MUG-00", "MUG-00", 3),))

    def tell(ask: Sync | Ship, number: int) -> Callable[[WorkStore], object]:
        message = Message(f"m{number}", "shopee_my", number, seller.at, ask)
        return lambda store: store.ledger().advance(message, store="shopee_my", id="SO-1", new=order, at=seller.at)

    seller.work(tell(Sync(paid=False), 1))
    assert seller.sent == []
    seller.work(tell(Sync(paid=True), 2))
    assert seller.shows() == {(store, "MUG-00"): 5 for store in STORES}
    seller.sent.clear()
    seller.work(tell(Ship(), 3))

    assert seller.sent == []
    newest = seller.records(store="shopee_my", store_sku="MUG-00")[0]
    assert (newest.status, newest.detail, newest.reason) == (Status.SKIPPED, "unchanged", Reason.STOCK_OUT_SALE)


def test_a_push_for_a_person_beats_the_unchanged_test(seller: Seller) -> None:
    begun(seller)

    seller.work(lambda store: store.mark([Trigger("MUG-00", 16, "shopee_my", "MUG-00", forced=True)]))

    assert [(store, sku, quantity) for store, sku, quantity, _ in seller.sent] == [("shopee_my", "MUG-00", 8)]
    assert seller.records(store="shopee_my", store_sku="MUG-00")[0].reason == Reason.PUSH_NOW


def test_a_plan_knows_the_stock_that_events_told_of(seller: Seller) -> None:
    begun(seller)
    seller.work(seller.stock(MUG_00=6))

    plan = cycle.plan(cycle.read_inputs(seller.spec().project), seller.at)

    cells = {(cell.store, cell.store_sku): (cell.available, cell.action) for cell in plan.cells}
    assert cells["shopee_my", "MUG-00"] == (6, "unchanged")
    assert {action for _, action in cells.values()} == {"unchanged"}


def test_a_folder_that_was_written_since_is_newer_than_the_events(seller: Seller) -> None:
    begun(seller)
    seller.work(seller.stock(MUG_00=6))
    later = max(path.stat().st_mtime_ns for path in (seller.folder / "facts").glob("stock.*")) + 10**9
    write_facts(seller.folder, "stock", "warehouse,sku,on_hand", ["kl,MUG-00,9"])
    os.utime(seller.folder / "facts" / "stock.csv", ns=(later, later))

    plan = cycle.plan(cycle.read_inputs(seller.spec().project), seller.at)

    available = {cell.store_sku: cell.available for cell in plan.cells if cell.store == "shopee_my"}
    assert available == {"MUG-00": 9, "MUG-01": 11, "MUG-02": 12, "MUG-03": 13}


class TestFailures:
    def test_what_is_refused_waits_for_a_person_with_its_reason(self, seller: Seller) -> None:
        seller.answers["shopee_my"] = lambda sku: LOCKED if sku == "MUG-01" else Confirmed()
        begun(seller)

        seller.work(lambda _: None)

        assert seller.sent == []
        [failed] = seller.records(status=Status.FAILED)
        assert (failed.key.store_sku, failed.kind, failed.detail) == ("MUG-01", "locked", LOCKED.message)

    def test_a_failed_push_is_not_taken_for_shown(self, seller: Seller) -> None:
        seller.answers["shopee_my"] = lambda sku: LOCKED if sku == "MUG-01" else Confirmed()
        begun(seller)
        seller.answers.clear()

        seller.work(seller.stock(MUG_01=11))

        assert [(store, sku, quantity) for store, sku, quantity, _ in seller.sent] == [("shopee_my", "MUG-01", 9)]

    def test_one_listing_that_breaks_its_store_is_tried_six_times_with_growing_pauses(self, seller: Seller) -> None:
        begun(seller)
        seller.answers["shopee_my"] = lambda sku: BROKEN if sku == "MUG-01" else Confirmed()

        def more(store: WorkStore) -> None:
            store.ledger().take([seller.event("MUG-01", 50)], at=seller.at)

        seller.work(more)
        for _ in range(12):
            seller.at += timedelta(seconds=20)
            seller.work(lambda _: None)

        tries = [at for store, sku, _, at in seller.sent if (store, sku) == ("shopee_my", "MUG-01")]
        assert len(tries) == 6
        [failed] = seller.records(status=Status.FAILED)
        assert (failed.kind, failed.count) == ("temporary", 1)

        seller.answers.clear()
        seller.at += timedelta(minutes=5)
        seller.work(lambda _: None)

        assert seller.shows()["shopee_my", "MUG-01"] == 48, "no fault of its own: what is wanted is pushed anew"

    def test_a_store_that_asks_for_a_pause_gets_it_and_no_listing_failed(self, seller: Seller) -> None:
        begun(seller)
        seller.answers["shopee_my"] = lambda _: (
            BUSY if seller.at < BEGAN + timedelta(minutes=1, seconds=5) else Confirmed()
        )

        left = seller.work(seller.stock(MUG_00=20))
        seller.at += timedelta(seconds=8)
        seller.work(lambda _: None)

        assert left == [False]
        times = [at for store, _, _, at in seller.sent if store == "shopee_my"]
        assert len(times) == 2
        assert times[1] - times[0] >= timedelta(seconds=7)
        assert seller.records(status=Status.FAILED) == []
        assert len([1 for store, *_ in seller.sent if store != "shopee_my"]) == 2, "the others were not kept waiting"

    def test_a_token_that_ran_out_pauses_only_its_store(self, seller: Seller) -> None:
        begun(seller)
        seller.answers["shopee_my"] = lambda _: Unauthorized("reauthorize", "the token has run out")

        left = seller.work(seller.stock(MUG_00=20))

        assert left == [False]
        assert {store for store, *_ in seller.sent} == set(STORES)
        assert seller.counts(store="shopee_my", status=Status.PENDING) == {("Pending", "the token has run out"): 1}
        assert seller.counts(store="lazada_my", status=Status.PENDING) == {}

    def test_a_token_that_a_store_refuses_once_more_after_its_renewal_is_tried_again_soon(self, seller: Seller) -> None:
        begun(seller)
        answers: list[Outcome] = [Unauthorized("refresh", "the token has run out"), Confirmed()]
        seller.answers["shopee_my"] = lambda _: answers.pop(0)

        seller.work(seller.stock(MUG_00=20))
        seller.at += timedelta(seconds=2)
        seller.work(lambda _: None)

        assert seller.shows()["shopee_my", "MUG-00"] == 18
        assert seller.records(store="shopee_my")[0].status is Status.SUCCESSFULLY

    def test_a_push_without_an_answer_is_sent_again(self, seller: Seller) -> None:
        begun(seller)
        answers: list[Outcome] = [Unknown("no answer"), Confirmed()]
        seller.answers["shopee_my"] = lambda _: answers.pop(0) if answers else Confirmed()

        seller.work(seller.stock(MUG_00=20))
        seller.at += timedelta(seconds=5)
        seller.work(lambda _: None)

        assert [quantity for store, _, quantity, _ in seller.sent if store == "shopee_my"] == [18, 18]
        assert seller.counts(store="shopee_my", store_sku="MUG-00")[("Successfully", "")] == 2

    def test_a_listing_that_its_store_twice_does_not_have_is_unbound(self, seller: Seller) -> None:
        edit_file(
            seller.folder / "pushdsl.toml", "", "[accounts.shopee_my.capabilities]\nunbinds_on_not_found = true\n"
        )
        begun(seller)
        seller.answers["shopee_my"] = lambda sku: GONE if sku == "MUG-01" else Confirmed()
        seller.work(seller.stock(MUG_01=20))
        seller.at += timedelta(minutes=11)
        seller.work(seller.stock(MUG_01=21))
        seller.sent.clear()

        seller.work(seller.stock(MUG_01=22))

        assert {store for store, *_ in seller.sent} == {"lazada_my", "tiktok_my"}


def test_work_that_is_to_end_ends_where_the_record_cannot_be_written(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def intend(*_: object, **__: object) -> None:
        raise PushdslError("the disk of the record is full")

    monkeypatch.setattr(WorkStore, "intend", intend)

    assert seller.work(seller.stock(MUG_00=20)) == [False]

    assert seller.sent == []


class TestSlowLane:
    RULES = SIMULATED.replace("  keep back 2 units\n", "  above 1000 units every 12 hours\n")

    @pytest.fixture
    def large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
        seller = Seller(make_project(tmp_path / "large", self.RULES, skus=1))
        listen(seller, monkeypatch)
        seller.work(seller.stock(MUG_00=1500))
        seller.sent.clear()
        seller.at += timedelta(hours=1)
        return seller

    def test_a_large_stock_is_held_and_goes_out_after_twelve_hours_with_the_value_of_then(self, large: Seller) -> None:
        large.work(large.stock(MUG_00=1499))
        assert large.sent == []
        large.at += timedelta(hours=5)
        large.work(large.stock(MUG_00=1498))
        assert large.sent == []

        large.at = BEGAN + timedelta(hours=12, seconds=5)
        large.work(lambda _: None)

        assert large.shows() == {(store, "MUG-00"): 1498 for store in STORES}
        assert large.records(store="shopee_my")[0].reason == Reason.SCHEDULE

    def test_a_fall_to_a_thousand_goes_out_at_once(self, large: Seller) -> None:
        large.work(large.stock(MUG_00=998))

        assert large.shows() == {(store, "MUG-00"): 998 for store in STORES}


class TestStart:
    def test_changed_rules_are_planned_and_pushed(self, seller: Seller) -> None:
        begun(seller)
        edit_file(seller.folder / "rules.push", "keep back 2 units", "keep back 3 units")

        seller.work(lambda _: None)

        assert seller.shows()[("shopee_my", "MUG-00")] == 7
        assert seller.records()[0].reason == Reason.RULE_CHANGE

    def test_rules_that_would_empty_the_stores_are_refused(self, seller: Seller) -> None:
        begun(seller)
        edit_file(seller.folder / "rules.push", "keep back 2 units", "keep back 20 units")

        with pytest.raises(RefusedPlan, match="would go to 0"):
            seller.work(lambda _: None, allow_zeroing=False)

        assert seller.sent == []

    def test_rules_with_errors_are_refused(self, seller: Seller) -> None:
        edit_file(seller.folder / "rules.push", "keep back", "keep bak")

        with pytest.raises(RuleError):
            seller.work(lambda _: None)


def test_two_sellers_on_one_record_never_touch_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Seller(make_project(tmp_path / "one", SIMULATED, skus=2), name="one")
    other = replace(one, folder=make_project(tmp_path / "other", SIMULATED, skus=2), name="other", sent=one.sent)
    listen(one, monkeypatch)

    async def main() -> None:
        daemon = one.daemon()
        async with daemon.opened():
            first = await daemon.add(one.spec(), allow_zeroing=True)
            second = await daemon.add(other.spec(), allow_zeroing=True)
            one.at += timedelta(seconds=1)
            other.at = one.at
            first.store.ledger().take([one.event("MUG-00", 10)], at=one.at)
            second.store.ledger().take([one.event("MUG-00", 30)], at=one.at)
            await daemon.run_once(asyncio.Event())
            assert {q for store, sku, q, _ in one.sent if sku == "MUG-00"} == {8, 28}
            assert {r.quantity for r in first.store.records(store_sku="MUG-00")} == {8}
            assert {r.quantity for r in second.store.records(store_sku="MUG-00")} == {28}
            assert first.ledger.balances(["MUG-00"]) != second.ledger.balances(["MUG-00"])

    asyncio.run(main())


@dataclass
class Clumsy(Quiet):
    """Makes a mistake when it is first told of a look, and stops the daemon at the second."""

    stop: asyncio.Event
    looks: int = 0

    def swept(self, tenant: str, now: datetime) -> None:
        self.looks += 1
        if self.looks == 1:
            raise KeyError(tenant)
        self.stop.set()


def test_a_mistake_while_looking_for_work_does_not_end_the_looking(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop", SIMULATED)

    async def look_twice() -> int:
        observer = Clumsy(asyncio.Event())
        daemon = Daemon(RunSettings(sweep=0.01), f"sqlite:///{tmp_path}/record.db", observer=observer)
        async with daemon.opened():
            await daemon.add(Spec(cycle.open_project([folder])))
            async with asyncio.timeout(20):
                await daemon.run(observer.stop)
        return observer.looks

    assert asyncio.run(look_twice()) == 2
