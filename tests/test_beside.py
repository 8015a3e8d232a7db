"""What goes on beside the pushing: facts that change or grow old, webhooks, drift, windows."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from pushdsl.beside import Beside
from pushdsl.correcting import Corrector
from pushdsl.daemon import Daemon
from pushdsl.model import Reason
from pushdsl.plugins.platform import Unknown
from pushdsl.plugins.simulated import signature
from tests.seller import BEGAN, STORES, Seller, begun, confirm, listen
from tests.shop import SIMULATED, edit_file, make_project, write_facts


@pytest.fixture
def seller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    seller = Seller(make_project(tmp_path / "shop", SIMULATED, skus=4))
    listen(seller, monkeypatch)
    return begun(seller)


def while_running(seller: Seller, steps: Callable[[Daemon, Beside], Awaitable[None]]) -> None:
    async def main() -> None:
        async with seller.running() as daemon:
            await daemon.run_once(asyncio.Event())
            seller.sent.clear()
            await steps(daemon, daemon.besides[""])

    asyncio.run(main())


async def push(daemon: Daemon) -> None:
    await daemon.run_once(asyncio.Event())


def write_stock(seller: Seller, *rows: str, later: int = 60) -> None:
    """A new table, written that many seconds after now by the test's clock."""
    write_facts(seller.folder, "stock", "warehouse,sku,on_hand", list(rows))
    at = int((seller.at + timedelta(seconds=later)).timestamp() * 1e9)
    os.utime(seller.folder / "facts" / "stock.csv", ns=(at, at))
    seller.at += timedelta(seconds=later + 1)


class TestFacts:
    def test_a_table_that_changes_is_pushed_as_it_says(self, seller: Seller) -> None:
        async def steps(daemon: Daemon, beside: Beside) -> None:
            write_stock(seller, "kl,MUG-00,50", "kl,MUG-01,11", "kl,MUG-02,12", "kl,MUG-03,13")
            await beside.watch.look()
            await beside.watch.look()
            await push(daemon)

        while_running(seller, steps)

        assert seller.shows() == {(store, "MUG-00"): 48 for store in STORES}
        assert seller.records(store_sku="MUG-00")[0].reason == Reason.REFRESH_INVENTORY

    def test_a_snapshot_older_than_its_limit_pushes_nothing_and_says_so(self, seller: Seller) -> None:
        edit = "[run]\nfacts_max_age = 3600\n"
        (seller.folder / "pushdsl.toml").write_text(edit, "utf-8")

        async def steps(daemon: Daemon, beside: Beside) -> None:
            seller.at += timedelta(hours=2)
            await beside._look_at_facts()
            store = daemon.tenants[""].store
            store.ledger().take([seller.event("MUG-00", 30)], at=seller.at)
            await push(daemon)
            assert seller.sent == []
            assert "the facts are 2 h" in daemon.tenants[""].held_up

            write_stock(seller, "kl,MUG-00,31", "kl,MUG-01,11", "kl,MUG-02,12", "kl,MUG-03,13")
            for _ in range(2):
                await beside._look_at_facts()
            await push(daemon)

        while_running(seller, steps)

        assert seller.shows() == {(store, "MUG-00"): 29 for store in STORES}
        assert [kind for kind, _, _ in seller.alarms] == ["held up", "held up"]

    def test_a_table_that_cannot_be_read_leaves_the_old_state_and_is_told(self, seller: Seller) -> None:
        async def steps(daemon: Daemon, beside: Beside) -> None:
            write_stock(seller, "kl,MUG-00,many")
            for _ in range(2):
                await beside._look_at_facts()
            await push(daemon)

        while_running(seller, steps)

        assert seller.sent == []
        [(kind, _, message)] = seller.alarms
        assert kind == "facts"
        assert "many" in message

    def test_a_new_listing_is_pushed_when_its_table_says_so(self, seller: Seller) -> None:
        async def steps(daemon: Daemon, beside: Beside) -> None:
            with (seller.folder / "facts" / "listings.csv").open("a", encoding="utf-8") as table:
                table.write("shopee_my,MUG-00-SET,77,88,MUG-00\n")
            await beside._look_at_facts()
            await push(daemon)

        while_running(seller, steps)

        assert seller.shows() == {("shopee_my", "MUG-00-SET"): 8}

    def test_wrong_rules_are_not_taken_and_the_old_ones_stay(self, seller: Seller) -> None:
        async def steps(daemon: Daemon, beside: Beside) -> None:
            edit_file(seller.folder / "rules.push", "keep back", "keep bak")
            with pytest.raises(Exception, match="error"):
                await beside.reload()
            daemon.tenants[""].store.ledger().take([seller.event("MUG-00", 30)], at=seller.at)
            await push(daemon)

        while_running(seller, steps)

        assert seller.shows() == {(store, "MUG-00"): 28 for store in STORES}
        assert seller.alarms[0][0] == "reload"

    def test_new_rules_are_taken_on_demand(self, seller: Seller) -> None:
        async def steps(daemon: Daemon, beside: Beside) -> None:
            edit_file(seller.folder / "rules.push", "keep back 2 units", "keep back 1 unit")
            await beside.reload()
            await push(daemon)

        while_running(seller, steps)

        assert seller.shows()["shopee_my", "MUG-00"] == 9


BODY: dict[str, object] = {"id": "w1", "kind": "stock_changed", "listings": [["MUG-00", "1000", "5000"]]}


class TestWebhooks:
    def told(self, seller: Seller, *bodies: dict[str, object], right: bool = True) -> list[int]:
        """What a platform says of `shopee_my`, and the answers' statuses; what comes of it is pushed."""
        (seller.folder / "pushdsl.toml").write_text('[accounts.shopee_my]\ntoken = "of the shop"\n', "utf-8")
        statuses: list[int] = []

        async def steps(daemon: Daemon, beside: Beside) -> None:
            app, token = web.Application(), SecretStr("of the shop")
            app.add_routes(beside.routes())
            async with TestClient(TestServer(app)) as client:
                for body in bodies:
                    raw = json.dumps(body).encode()
                    signed = signature(token, raw if right else raw + b" ")
                    answer = await client.post(
                        "/webhooks/shopee_my", data=raw, headers={"X-Simulated-Signature": signed}
                    )
                    statuses.append(answer.status)
            await push(daemon)

        while_running(seller, steps)
        return statuses

    def test_a_store_that_shows_more_than_it_should_is_corrected(self, seller: Seller) -> None:
        seller.shelves["shopee_my", "MUG-00"] = 30

        assert self.told(seller, BODY) == [200]

        assert seller.read == [("shopee_my", "MUG-00")]
        assert seller.shows() == {("shopee_my", "MUG-00"): 8}

    def test_a_store_that_sold_is_not_filled_up_again(self, seller: Seller) -> None:
        seller.shelves["shopee_my", "MUG-00"] = 6

        assert self.told(seller, BODY) == [200]

        assert seller.read == [("shopee_my", "MUG-00")]
        assert seller.sent == []

    def test_the_same_message_again_is_harmless(self, seller: Seller) -> None:
        assert self.told(seller, BODY, BODY) == [200, 200]

        assert seller.read == [("shopee_my", "MUG-00")]

    def test_a_wrong_signature_is_refused(self, seller: Seller) -> None:
        assert self.told(seller, BODY, right=False) == [401]

        assert seller.read == []


class TestDrift:
    def reconciled(self, seller: Seller, most: int = 100, times: int = 1) -> list[tuple[int, int, bool]]:
        """Drifts, corrections and whether there were too many, of each look at `shopee_my`."""
        found = []

        async def steps(daemon: Daemon, beside: Beside) -> None:
            corrector = Corrector(daemon.tenants[""], most)
            for _ in range(times):
                drifted = await corrector.reconcile("shopee_my")
                beside._tell_drift(drifted)
                found.append((len(drifted.drifts), len(drifted.corrected), drifted.capped))
                await push(daemon)

        while_running(seller, steps)
        return found

    def test_what_shows_more_is_corrected_at_once(self, seller: Seller) -> None:
        seller.shelves["shopee_my", "MUG-00"] = 30

        assert self.reconciled(seller) == [(1, 1, False)]

        assert seller.shows() == {("shopee_my", "MUG-00"): 8}
        assert seller.records(store_sku="MUG-00")[0].reason == Reason.RECONCILE

    def test_what_shows_less_is_corrected_if_it_does_so_again(self, seller: Seller) -> None:
        seller.shelves["shopee_my", "MUG-00"] = 3

        assert self.reconciled(seller, times=2) == [(1, 0, False), (1, 1, False)]

        assert seller.shows() == {("shopee_my", "MUG-00"): 8}

    def test_more_than_may_be_corrected_is_left_for_a_person(self, seller: Seller) -> None:
        seller.shelves |= {("shopee_my", f"MUG-0{n}"): 30 for n in range(3)}

        assert self.reconciled(seller, most=2) == [(3, 0, True)]

        assert seller.sent == []
        [(kind, store, message)] = seller.alarms
        assert (kind, store) == ("drift", "shopee_my")
        assert message.startswith("3 of 4 cells show another quantity than was confirmed, too many to correct")


def test_a_window_that_opens_is_pushed_when_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sale = """
rule "Sale" overrides "Mugs" {
  for "MUG-00"
  to shopee_my
  take kl
  push 50%
  during "2026-05-04 13:00" to "2026-05-04 14:00" in "UTC"
}
"""
    rules = SIMULATED + sale
    seller = Seller(make_project(tmp_path / "sale", rules, skus=1))
    listen(seller, monkeypatch)
    begun(seller)

    async def steps(daemon: Daemon, beside: Beside) -> None:
        seller.at = BEGAN + timedelta(hours=1, seconds=2)
        await push(daemon)
        assert seller.shows()["shopee_my", "MUG-00"] == 5
        seller.at = BEGAN + timedelta(hours=2, seconds=2)
        await push(daemon)

    while_running(seller, steps)

    assert seller.shows()["shopee_my", "MUG-00"] == 8


def test_a_choice_store_that_gave_no_answer_is_read_before_it_is_pushed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = SIMULATED.replace("store shopee_my on simulated\n", "store shopee_my on simulated {\n  choice\n}\n")
    rules = rules.replace("to shopee_my, lazada_my, tiktok_my", "to lazada_my, tiktok_my") + (
        'rule "Choice" {\n  for like "MUG-*"\n  to shopee_my\n  take kl\n  increase only\n}\n'
    )
    seller = Seller(make_project(tmp_path / "choice", rules, skus=1))
    listen(seller, monkeypatch)
    seller.shelves["shopee_my", "MUG-00"] = 4
    begun(seller)
    answers = [Unknown("no answer")]
    seller.answers["shopee_my"] = lambda sku: answers.pop() if answers else confirm(sku)
    seller.work(seller.stock(MUG_00=20))
    seller.at += timedelta(seconds=10)

    seller.work(seller.stock(MUG_00=25))

    assert seller.shows()["shopee_my", "MUG-00"] == 25
