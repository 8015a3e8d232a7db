"""A listing that its store does not have is unbound by a second such answer, and bound again when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushdsl import cycle
from pushdsl.applying import apply
from pushdsl.model import Plan
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Confirmed, Outcome, Refused, Shown, Temporary, Unauthorized, Unknown
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.reconcile import reconcile

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
GONE = Refused("207", "SKU not exist", "not_found")
RULES = """\
push edition 1
warehouse kl
store shop on simulated
rule "All" {
  for everything
  to shop
  take kl
}
"""


class Shop:
    """A project of two listings whose store answers what a test wants for `GHOST`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, unbinds: bool) -> None:
        (folder / "facts").mkdir()
        (folder / "rules.push").write_text(RULES)
        (folder / "pushdsl.toml").write_text(
            f"[accounts.shop.capabilities]\nunbinds_on_not_found = {str(unbinds).lower()}\n"
        )
        (folder / "facts" / "stock.csv").write_text("warehouse,sku,on_hand\nkl,A,7\n")
        (folder / "facts" / "listings.csv").write_text("store,store_sku,sku\nshop,GHOST,A\nshop,HERE,A\n")
        self.project = cycle.open_project([folder / "rules.push"])
        self.answer: Outcome = GONE
        self.at = BEGAN
        self.sent: list[str] = []
        platform = self.project.platforms.get("simulated").platform
        assert isinstance(platform, SimulatedPlatform)

        async def push(batch: object) -> list[Outcome]:
            cells = batch.cells  # type: ignore[attr-defined]
            self.sent += [cell.store_sku for cell in cells]
            return [self.answer if cell.store_sku == "GHOST" else Confirmed() for cell in cells]

        async def read(query: object) -> list[Shown]:
            return [Shown(listing.store_sku, "", 7) for listing in query.listings]  # type: ignore[attr-defined]

        monkeypatch.setattr(platform, "push", push)
        monkeypatch.setattr(platform, "read", read)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Nothing waits."""

    @property
    def pace(self) -> Pace:
        return Pace(self.now, self.sleep)

    def plan(self) -> Plan:
        return cycle.plan(cycle.read_inputs(self.project), self.at)

    def apply(self, answer: Outcome = GONE, minutes: float = 0) -> None:
        self.at += timedelta(minutes=minutes)
        self.answer = answer
        inputs = cycle.read_inputs(self.project)
        apply(self.project, inputs, cycle.plan(inputs, self.at), pace=self.pace)

    @property
    def is_unbound(self) -> bool:
        plan = self.plan()
        said = "PUSH513" in [problem.code for problem in plan.problems]
        assert said != ("GHOST" in [cell.store_sku for cell in plan.cells])
        return said


MakeShop = Callable[..., Shop]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch, unbinds=True)


def test_the_second_answer_ten_minutes_later_unbinds_and_nothing_is_sent_any_more(shop: Shop) -> None:
    shop.apply()
    assert not shop.is_unbound
    shop.apply(minutes=9.9)
    assert not shop.is_unbound
    shop.apply(minutes=0.1)
    assert shop.is_unbound

    sent = len(shop.sent)
    shop.apply(minutes=60)
    assert len(shop.sent) == sent


@pytest.mark.parametrize(
    "between",
    [Temporary("busy"), Unknown("no answer"), Unauthorized("reauthorize", "expired"), Refused("1", "", "blocked")],
)
def test_no_other_answer_counts(shop: Shop, between: Outcome) -> None:
    shop.apply(between)
    shop.apply(between, minutes=20)
    shop.apply(GONE, minutes=20)
    shop.apply(between, minutes=20)
    assert not shop.is_unbound


def test_a_confirmed_push_in_between_begins_anew(shop: Shop) -> None:
    shop.apply(GONE)
    shop.apply(Confirmed(), minutes=20)
    (shop.project.facts / "stock.csv").write_text("warehouse,sku,on_hand\nkl,A,8\n")
    shop.apply(GONE, minutes=20)
    assert not shop.is_unbound
    shop.apply(GONE, minutes=20)
    assert shop.is_unbound


def test_a_read_that_shows_the_listing_binds_it_again(shop: Shop) -> None:
    shop.apply(GONE)
    shop.apply(GONE, minutes=20)
    assert shop.is_unbound

    reading = reconcile(shop.project, cycle.read_inputs(shop.project), "shop", shop.pace)

    assert reading.cells == 2
    assert not shop.is_unbound


def test_a_platform_that_does_not_unbind_keeps_the_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path, monkeypatch, unbinds=False)
    shop.apply(GONE)
    shop.apply(GONE, minutes=20)

    assert not shop.is_unbound


def test_status_counts_unbound_listings(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pushdsl.cli import main

    shop.apply(GONE)
    shop.apply(GONE, minutes=20)
    monkeypatch.chdir(shop.project.settings.folder)

    assert main(["status", "--json"]) == 0
    assert [store["unbound"] for store in json.loads(capsys.readouterr().out)["stores"]] == [1]
