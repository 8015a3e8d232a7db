"""What an operator sees of a daemon: metrics, health, log lines; asked over HTTP while it works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from pushdsl.cli.run import _watch
from pushdsl.plugins.platform import Confirmed, Unauthorized
from pushdsl.standings import Incident, Limits, incidents
from pushdsl.store import WorkStore
from pushdsl.watching import Watch, routes
from tests.shop import SIMULATED, make_project
from tests.test_daemon import BUSY, GONE, LOCKED, Seller, listen

Samples = dict[tuple[str, str, str], float]


@pytest.fixture
def seller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    seller = Seller(make_project(tmp_path / "shop", SIMULATED, skus=4))
    listen(seller, monkeypatch)
    return seller


def watched(seller: Seller, *steps: Callable[[WorkStore], object], then: Callable[[Watch], object]) -> None:
    """Each step is done and worked off; `then` is awaited with what watched it."""

    async def main() -> None:
        daemon = seller.daemon()
        watch = _watch(daemon)
        async with daemon.opened():
            tenant = await daemon.add(seller.spec(), allow_zeroing=True)
            for step in steps:
                step(tenant.store)
                await daemon.run_once(asyncio.Event())
            answer = then(watch)
            if asyncio.iscoroutine(answer):
                await answer

    asyncio.run(main())


def metrics(seller: Seller, *steps: Callable[[WorkStore], object]) -> Samples:
    """By name, store, and whatever else tells samples apart."""
    found: Samples = {}

    async def read(watch: Watch) -> None:
        for family in text_string_to_metric_families((await watch.exposition()).decode()):
            for sample in family.samples:
                rest = {k: v for k, v in sample.labels.items() if k not in ("tenant", "store")}
                found[sample.name, sample.labels.get("store", ""), " ".join(rest.values())] = sample.value

    watched(seller, *steps, then=read)
    return found


def found_incidents(seller: Seller, *steps: Callable[[WorkStore], object]) -> dict[str, Incident]:
    """By kind and store, a quarter of an hour later."""
    found: dict[str, Incident] = {}

    async def look(watch: Watch) -> None:
        later = seller.at + timedelta(minutes=20)
        for one in incidents(await watch.stand(), later, Limits(900)).values():
            found[f"{one.kind} {one.store}"] = one

    watched(seller, *steps, then=look)
    return found


class TestMetrics:
    def test_pushes_are_counted_by_store_and_end(self, seller: Seller) -> None:
        seller.answers["shopee_my"] = lambda sku: LOCKED if sku == "MUG-01" else Confirmed()

        found = metrics(seller, seller.stock(MUG_00=10, MUG_01=11))

        assert found["pushdsl_pushes_total", "shopee_my", "confirmed "] == 3
        assert found["pushdsl_pushes_total", "shopee_my", "failed locked"] == 1
        assert found["pushdsl_pushes_total", "lazada_my", "confirmed "] == 4

    def test_the_seconds_from_the_trigger_to_the_confirmed_push(self, seller: Seller) -> None:
        """The window is one second, and only a sleep moves the clock."""
        found = metrics(seller, seller.stock(MUG_00=10))

        count = found["pushdsl_push_seconds_count", "shopee_my", ""]
        assert count == found["pushdsl_pushes_total", "shopee_my", "confirmed "]
        assert count <= found["pushdsl_push_seconds_sum", "shopee_my", ""] <= count * 1.5

    def test_what_waits_at_a_store_that_asked_for_a_pause(self, seller: Seller) -> None:
        seller.answers["shopee_my"] = lambda _: BUSY

        found = metrics(seller, seller.stock(MUG_00=20))

        assert found["pushdsl_cells_waiting", "shopee_my", ""] == 4
        assert found["pushdsl_store_paused", "shopee_my", ""] == 1
        assert found["pushdsl_pauses_total", "shopee_my", ""] >= 1
        assert found["pushdsl_oldest_trigger_seconds", "shopee_my", ""] >= 1
        assert found["pushdsl_cells_waiting", "lazada_my", ""] == 0
        assert found["pushdsl_store_paused", "lazada_my", ""] == 0

    def test_events_are_counted_by_what_became_of_them(self, seller: Seller) -> None:
        """The daemon takes in the four mugs of the facts folder as it starts."""
        assert metrics(seller)["pushdsl_events_total", "", "taken"] == 4

    def test_planning_is_timed(self, seller: Seller) -> None:
        assert metrics(seller, seller.stock(MUG_00=1))["pushdsl_plan_seconds_count", "", ""] >= 1

    def test_two_daemons_in_one_process_count_apart(self, seller: Seller) -> None:
        metrics(seller, seller.stock(MUG_00=10))

        assert ("pushdsl_pushes_total", "shopee_my", "confirmed ") not in metrics(seller)


class TestHttp:
    def asked(self, seller: Seller, path: str, *, swept: bool) -> tuple[int, str]:
        answers: list[tuple[int, str]] = []

        async def ask(watch: Watch) -> None:
            if swept:
                watch.swept("", seller.at)
            app = web.Application()
            app.add_routes(routes(watch))
            async with TestClient(TestServer(app)) as client:
                answer = await client.get(path)
                answers.append((answer.status, await answer.text()))

        watched(seller, then=ask)
        return answers[0]

    def test_a_daemon_that_works_answers_200(self, seller: Seller) -> None:
        status, said = self.asked(seller, "/health", swept=True)

        assert (status, '"working": true' in said) == (200, True)

    def test_one_that_never_looked_at_its_work_answers_503(self, seller: Seller) -> None:
        assert self.asked(seller, "/health", swept=False)[0] == 503

    def test_prometheus_reads_the_metrics(self, seller: Seller) -> None:
        status, said = self.asked(seller, "/metrics", swept=True)

        assert (status, "# TYPE pushdsl_cells_waiting gauge" in said) == (200, True)


class TestIncidents:
    def test_a_store_whose_token_ran_out_needs_its_seller(self, seller: Seller) -> None:
        seller.answers["shopee_my"] = lambda _: Unauthorized("reauthorize", "the token has run out")

        found = found_incidents(seller, seller.stock(MUG_00=20))

        assert set(found) == {"token shopee_my", "stuck shopee_my"}
        assert found["token shopee_my"].text == "the store does not let us in: the token has run out"

    def test_a_token_that_was_renewed_is_no_incident_any_more(self, seller: Seller) -> None:
        ran_out = Unauthorized("reauthorize", "the token has run out")
        seller.answers["shopee_my"] = lambda _: ran_out if seller.at < until else Confirmed()
        until = seller.at + timedelta(minutes=1)

        def later(store: WorkStore) -> None:
            seller.at += timedelta(minutes=10)

        assert found_incidents(seller, seller.stock(MUG_00=20), later) == {}

    def test_a_listing_that_was_unbound(self, seller: Seller) -> None:
        (seller.folder / "pushdsl.toml").write_text(
            "[accounts.shopee_my.capabilities]\nunbinds_on_not_found = true\n", "utf-8"
        )
        seller.answers["shopee_my"] = lambda sku: GONE if sku == "MUG-01" else Confirmed()

        def again(store: WorkStore) -> None:
            seller.at += timedelta(minutes=11)
            seller.stock(MUG_01=30)(store)

        found = found_incidents(seller, seller.stock(MUG_01=20), again)

        assert set(found) == {"unbound shopee_my"}

    @pytest.mark.parametrize(("messages", "kinds"), [(["too many"], {"drift"}), (["too many", ""], set())])
    def test_what_was_noticed_ends_with_an_empty_message(
        self, seller: Seller, messages: list[str], kinds: set[str]
    ) -> None:
        async def look(watch: Watch) -> None:
            for message in messages:
                watch.alarm("", "drift", "shopee_my", message)
            found = incidents(await watch.stand(), seller.at, Limits(900))
            assert {one.kind for one in found.values()} == kinds

        watched(seller, then=look)

    def test_what_holds_a_tenant_up_is_told_by_the_tenant_alone(self, seller: Seller) -> None:
        async def look(watch: Watch) -> None:
            watch.alarm("", "held up", "", "the facts are old")
            assert incidents(await watch.stand(), seller.at, Limits(900)) == {}

        watched(seller, then=look)

    def test_while_pushing_is_switched_off_that_is_the_one_incident(self, seller: Seller) -> None:
        (seller.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n", "utf-8")

        assert set(found_incidents(seller, seller.stock(MUG_00=10))) == {"held_up "}


class TestLog:
    def lines(self, seller: Seller, caplog: pytest.LogCaptureFixture) -> set[tuple[str, str, str]]:
        with caplog.at_level(logging.INFO, "pushdsl.run"):
            watched(seller, seller.stock(MUG_00=10), then=lambda _: None)
        fields = [record.__dict__ for record in caplog.records]
        return {(f.get("event", ""), f.get("store", ""), record.getMessage().split(" in ")[0])
                for f, record in zip(fields, caplog.records, strict=True)}  # fmt: skip

    def test_each_round_is_a_line_with_its_store_and_how_it_ended(
        self, seller: Seller, caplog: pytest.LogCaptureFixture
    ) -> None:
        seller.answers["shopee_my"] = lambda sku: LOCKED if sku == "MUG-01" else Confirmed()

        found = self.lines(seller, caplog)

        assert ("pushed", "shopee_my", "3 confirmed, 1 failed") in found
        assert ("pushed", "lazada_my", "4 confirmed") in found
        assert any(event == "push failed" and said.startswith("MUG-01 failed: ") for event, _, said in found)

    def test_a_pause_says_why(self, seller: Seller, caplog: pytest.LogCaptureFixture) -> None:
        seller.answers["shopee_my"] = lambda _: BUSY

        assert ("paused", "shopee_my", "left alone for 7 seconds: too many calls") in self.lines(seller, caplog)
