"""Rules and catalogue that change while work waits or is under way: what was wanted before is not done by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from pushdsl.correcting import Corrector
from pushdsl.daemon import Daemon
from pushdsl.errors import PushdslError
from pushdsl.model import Reason, Status
from pushdsl.plugins.platform import ListingRef, NotShown, Query, Shown
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.store import PLANNER, WorkStore
from pushdsl.working import Tenant
from tests.seller import BEGAN, STORES, Seller, begun, listen
from tests.shop import SIMULATED, edit_file, make_project


@pytest.fixture
def seller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    seller = Seller(make_project(tmp_path / "shop", SIMULATED, skus=4))
    listen(seller, monkeypatch)
    return begun(seller)


def store_goes(seller: Seller) -> None:
    edit_file(seller.folder / "rules.push", "store tiktok_my on simulated\n", "")
    edit_file(seller.folder / "rules.push", ", tiktok_my", "")


def rule_goes(seller: Seller) -> None:
    edit_file(seller.folder / "rules.push", ", tiktok_my", "")


def mapping_goes(seller: Seller) -> None:
    edit_file(seller.folder / "facts" / "listings.csv", "tiktok_my,MUG-00,1000,5000,MUG-00", "tiktok_my,MUG-00,,,")


def listing_goes(seller: Seller) -> None:
    edit_file(seller.folder / "facts" / "listings.csv", "tiktok_my,MUG-00,1000,5000,MUG-00\n", "")


@pytest.mark.parametrize(
    ("goes", "why"),
    [
        (store_goes, "the store is no longer in the rules"),
        (rule_goes, "no rule has the listing any more"),
        (mapping_goes, "the listing is no longer mapped to this SKU"),
        (listing_goes, "the listing is no longer in the facts"),
    ],
)
def test_what_waits_is_not_sent_where_nobody_wants_it_any_more(
    seller: Seller, goes: Callable[[Seller], None], why: str
) -> None:
    async def main() -> None:
        async with seller.running() as daemon:
            daemon.tenants[""].ledger.take([seller.event("MUG-00", 30)], at=seller.at)
            await daemon.tenants[""].plan(asyncio.Event())
        goes(seller)
        async with seller.running() as daemon, asyncio.timeout(20):
            assert await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows() == {(store, "MUG-00"): 28 for store in STORES if store != "tiktok_my"}
    newest = seller.records(store="tiktok_my", store_sku="MUG-00")[0]
    assert (newest.status, newest.detail) == (Status.FAILED, f"not sent: {why}")


def planned_by(old: Tenant) -> None:
    """By someone who began before rules were taken anew, as on another machine or in another thread."""
    lease = old.store.lease(PLANNER, "old", seconds=60)
    assert not old._plan_some(lease, old.store.due(100))  # type: ignore[arg-type]
    old.store.leave(lease)  # type: ignore[arg-type]


def test_a_plan_by_old_rules_does_not_count_for_new_ones(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Daemon._begin

    async def main() -> None:
        async with seller.running() as daemon:
            old = daemon.tenants[""]

            def and_then_an_old_plan(*arguments: object) -> None:
                begin(*arguments)  # type: ignore[arg-type]
                planned_by(old)

            monkeypatch.setattr(Daemon, "_begin", and_then_an_old_plan)
            edit_file(seller.folder / "rules.push", "keep back 2", "keep back 5")
            await daemon.besides[""].reload()
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows()["shopee_my", "MUG-00"] == 5


def test_a_process_with_other_rules_plans_and_pushes_nothing_and_says_so(seller: Seller) -> None:
    async def main() -> None:
        async with seller.running() as daemon:
            tenant = daemon.tenants[""]
            assert tenant.rules is not None
            tenant.store.plan_from(tenant.rules + 1, [])  # as another process on the same record does
            tenant.ledger.take([seller.event("MUG-00", 30)], at=seller.at)
            await daemon.serve_in(asyncio.Event())("", PLANNER)
            assert not await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.sent == []
    assert [kind for kind, _, _ in seller.alarms] == ["outdated"]


def test_a_webhook_while_a_listing_is_read_has_it_read_once_more(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [1]

    async def main() -> None:
        async with seller.running() as daemon:
            tenant, beside = daemon.tenants[""], daemon.besides[""]
            read = SimulatedPlatform.read

            async def and_it_sells(platform: SimulatedPlatform, query: Query) -> Sequence[Shown | NotShown]:
                answer = await read(platform, query)
                if said:
                    said.pop()
                    seller.shelves["shopee_my", "MUG-00"] = 50
                    await beside._heard("shopee_my", [ListingRef("MUG-00")])
                return answer

            monkeypatch.setattr(SimulatedPlatform, "read", and_it_sells)
            tenant.looks["shopee_my", "MUG-00"] = int(Reason.REFRESH_INVENTORY)
            await tenant.look_all()
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows() == {("shopee_my", "MUG-00"): 8}


def test_what_is_to_be_read_is_read_though_rules_are_taken_anew(seller: Seller) -> None:
    async def main() -> None:
        async with seller.running() as daemon:
            seller.shelves["shopee_my", "MUG-00"] = 50
            daemon.tenants[""].looks["shopee_my", "MUG-00"] = int(Reason.REFRESH_INVENTORY)
            await daemon.besides[""].reload()
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows() == {("shopee_my", "MUG-00"): 8}


def test_a_listing_that_is_new_is_compared_with_its_store(seller: Seller) -> None:
    async def main() -> None:
        async with seller.running() as daemon:
            beside = daemon.besides[""]
            corrector = Corrector(beside.tenant, 100)
            with (seller.folder / "facts" / "listings.csv").open("a", encoding="utf-8") as table:
                table.write("shopee_my,MUG-00-SET,77,88,MUG-00\n")
            await beside._look_at_facts()
            await daemon.run_once(asyncio.Event())
            seller.shelves["shopee_my", "MUG-00-SET"] = 50
            seller.sent.clear()
            await beside._reconcile(corrector)
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows() == {("shopee_my", "MUG-00-SET"): 8}


SALE = """
rule "Sale" overrides "Mugs" {
  for "MUG-00"
  to shopee_my
  take kl
  push 50%
  during "2026-05-04 13:00" to "2026-05-04 14:00" in "UTC"
}
"""


@pytest.fixture
def sale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    seller = Seller(make_project(tmp_path / "sale", SIMULATED + SALE, skus=1))
    listen(seller, monkeypatch)
    return begun(seller)


def test_a_window_that_opens_while_no_daemon_runs_is_pushed_by_the_next(sale: Seller) -> None:
    sale.at = BEGAN + timedelta(hours=1, minutes=5)

    sale.work(lambda store: None)

    assert sale.shows() == {("shopee_my", "MUG-00"): 5}


def test_a_window_that_opens_while_the_record_cannot_be_written_is_pushed_when_it_can(
    sale: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise PushdslError("the disk is full", "make room on it")

    async def main() -> None:
        async with sale.running() as daemon:
            tenant = daemon.tenants[""]
            sale.at = BEGAN + timedelta(hours=1, minutes=5)
            with monkeypatch.context() as now:
                now.setattr(WorkStore, "mark", full)
                with pytest.raises(PushdslError):
                    await tenant.windows_moved(sale.at)
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert sale.shows() == {("shopee_my", "MUG-00"): 5}


def test_a_catalogue_that_could_not_be_taken_for_the_record_is_taken_later(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise PushdslError("the disk is full", "make room on it")

    async def main() -> None:
        async with seller.running() as daemon:
            with (seller.folder / "facts" / "listings.csv").open("a", encoding="utf-8") as table:
                table.write("shopee_my,MUG-00-SET,77,88,MUG-00\n")
            with monkeypatch.context() as now:
                now.setattr(WorkStore, "plan_from", full)
                with pytest.raises(PushdslError):
                    await daemon.besides[""]._look_at_facts()
            await daemon.besides[""]._look_at_facts()
            await daemon.run_once(asyncio.Event())

    asyncio.run(main())

    assert seller.shows() == {("shopee_my", "MUG-00-SET"): 8}
