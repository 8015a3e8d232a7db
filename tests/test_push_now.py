"""`push-now`, and what `retry` does, with and without a daemon that holds the record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from pushdsl.cycle import open_project
from pushdsl.daemon import Daemon, Spec
from pushdsl.model import Reason
from pushdsl.pacing import Pace
from pushdsl.run_settings import RunSettings
from pushdsl.store import open_store
from tests.test_operations import LOCKED, THREE, Shop, shop

__all__ = ["shop"]


@pytest.fixture
def pushed(shop: Shop) -> Shop:
    """What is planned is shown."""
    shop.run("apply")
    return shop


@contextmanager
def a_daemon_holds(shop: Shop) -> Iterator[None]:
    with open_store(f"sqlite:///{shop.folder}/.pushdsl/record.db") as record, record.lock(shared=True):
        yield


def let_the_daemon_work(shop: Shop) -> list[tuple[str, str, int]]:
    """What it sends."""

    async def sleep(seconds: float) -> None:
        shop.at += timedelta(seconds=seconds)

    async def main() -> None:
        daemon = Daemon(
            RunSettings(window=0), f"sqlite:///{shop.folder}/.pushdsl/record.db", pace=Pace(shop.now, sleep)
        )
        async with daemon.opened():
            await daemon.add(Spec(open_project([shop.folder])))
            await daemon.run_once(asyncio.Event())

    shop.sent.clear()
    asyncio.run(main())
    return sorted(shop.sent)


class TestWithoutADaemon:
    def test_a_listing_goes_out_though_its_store_shows_the_number_already(self, pushed: Shop) -> None:
        assert pushed.run("push-now", "shopee_my", "MUG-00").splitlines() == [
            "1 to push, 0 with nothing to send", "1 confirmed, 0 failed, 0 not sent",
        ]  # fmt: skip

        assert pushed.sent == [("shopee_my", "MUG-00", 8)]
        assert pushed.json("records", "--limit", "1")[0]["reason"] == Reason.PUSH_NOW

    def test_a_slow_lane_is_beaten(self, shop: Shop) -> None:
        shop.edit("rules.push", "  keep back 2 units", "  above 1_000 units every 12 hours")
        shop.stock("kl,MUG-00,1500")
        shop.run("apply")
        shop.stock("kl,MUG-00,1400")

        shop.run("push-now", "shopee_my", "MUG-00")

        assert shop.sent == [("shopee_my", "MUG-00", 1400)]

    def test_a_store_and_all_stores(self, pushed: Shop) -> None:
        pushed.run("push-now", "shopee_my")
        assert sorted(pushed.sent) == [("shopee_my", f"MUG-0{k}", 8 + k) for k in range(4)]

        pushed.run("push-now")
        assert len(pushed.sent) == 12

    def test_what_is_blocked_is_named_with_why(self, pushed: Shop) -> None:
        pushed.stock("kl,MUG-01,11", "kl,MUG-02,12", "kl,MUG-03,13")

        said = pushed.json("push-now", "shopee_my")

        [nothing] = said["nothing_to_send"]
        assert (nothing["store_sku"], nothing["why"].split(":")[0]) == ("MUG-00", "blocked")
        assert (said["confirmed"], said["left"]) == (3, [])

    def test_a_listing_that_no_rule_covers_is_named_where_it_was_asked_for(self, shop: Shop) -> None:
        shop.edit("facts/listings.csv", "shopee_my,MUG-02,1000,5002,MUG-02", "shopee_my,MUG-02,1000,5002,")

        [nothing] = shop.json("push-now", "shopee_my", "MUG-02")["nothing_to_send"]

        assert (nothing["store_sku"], nothing["why"]) == ("MUG-02", "mapped to no merchant SKU, so not pushed")
        assert shop.json("push-now", "shopee_my")["nothing_to_send"] == []

    def test_a_failure_exits_as_an_apply_does(self, pushed: Shop) -> None:
        pushed.answers = {("shopee_my", "MUG-00"): LOCKED}

        assert "1 failed" in pushed.run("push-now", "shopee_my", "MUG-00", code=6)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["shopee_mi"], "did you mean `shopee_my`?"),
            (["shopee_my", "MUG-0"], "store `shopee_my` has no listing `MUG-0` in the facts"),
        ],
    )
    def test_a_name_that_is_none_is_refused(self, shop: Shop, arguments: list[str], said: str) -> None:
        assert said in shop.refused("push-now", *arguments)

    def test_a_plan_that_empties_the_stores_is_refused(self, pushed: Shop) -> None:
        pushed.stock(*(f"kl,MUG-0{k},0" for k in range(4)))

        assert "pieces shown would go to 0" in pushed.refused("push-now", "shopee_my", "MUG-00")

    @pytest.mark.parametrize("command", ["push-now", "retry"])
    def test_while_another_command_works_it_is_refused(self, pushed: Shop, command: str) -> None:
        with pushed.record() as record, record.lock():
            assert "is working with the same record\nhelp: wait until it ends" in pushed.refused(command)


class TestBesideADaemon:
    def test_it_is_left_to_the_daemon_which_pushes_what_is_shown_already(self, pushed: Shop) -> None:
        let_the_daemon_work(pushed)
        with a_daemon_holds(pushed):
            said = pushed.run("push-now", "shopee_my", "MUG-00")

        assert said.startswith("left 1 listing to `pushdsl run` (process ")
        assert pushed.sent == []
        assert let_the_daemon_work(pushed) == [("shopee_my", "MUG-00", 8)]
        assert pushed.json("records", "--limit", "1")[0]["reason"] == Reason.PUSH_NOW
        assert let_the_daemon_work(pushed) == []

    def test_a_retry_leaves_what_failed_and_nothing_else(self, shop: Shop) -> None:
        shop.answers = dict(THREE)
        let_the_daemon_work(shop)
        shop.answers = {}
        shop.sent.clear()
        with a_daemon_holds(shop):
            said = shop.json("retry", "--kind", "locked")

        old = {r["id"]: (r["store"], r["store_sku"]) for r in shop.json("records", "--status", "Failed")}
        left = [(one["store"], one["store_sku"]) for one in said["left"]]
        assert sorted(left) == [("shopee_my", "MUG-00"), ("tiktok_my", "MUG-01")]
        assert [old[one["record"]] for one in said["left"]] == left
        assert (said["matched"], said["retried"], shop.sent) == (2, [], [])
        assert [(store, sku) for store, sku, _ in let_the_daemon_work(shop)] == sorted(left)
        assert {(r["store"], r["store_sku"]) for r in shop.json("records", "--reason", "16")} == set(left)

    def test_where_nothing_failed_nothing_is_left(self, pushed: Shop) -> None:
        with a_daemon_holds(pushed):
            assert pushed.run("retry") == "nothing to retry: of no such cell is the newest record Failed\n"

    @pytest.mark.parametrize("command", ["push-now", "retry"])
    def test_while_pushing_is_switched_off_nothing_is_left(self, pushed: Shop, command: str) -> None:
        (pushed.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n")
        with a_daemon_holds(pushed):
            assert "pushing is switched off" in pushed.refused(command)

    def test_an_apply_is_refused_and_says_what_can_be_done(self, pushed: Shop) -> None:
        with a_daemon_holds(pushed):
            said = pushed.refused("apply")

        assert "is working with the same record" in said
        assert "`pushdsl push-now`" in said
