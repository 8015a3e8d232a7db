"""What an operator asks while a daemon runs or does not: `status`, `events`, `verify`, `records`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pushdsl.cli import main
from pushdsl.model import Status
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Confirmed
from pushdsl.store import WorkStore
from tests.shop import SIMULATED, edit_file, make_project
from tests.test_daemon import BUSY, Seller, listen

Ask = Callable[..., Any]
PAGE = Path(__file__).parents[1] / "docs" / "cli.md"


@pytest.fixture
def seller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A seller with a daemon, whose clock the commands go by too."""
    seller = Seller(make_project(tmp_path / "shop", SIMULATED, skus=4))
    listen(seller, monkeypatch)
    monkeypatch.chdir(seller.folder)
    monkeypatch.setattr("pushdsl.cli.status.Pace", lambda: Pace(seller.now))
    return seller


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(arguments) == code
        said = capsys.readouterr().out
        return json.loads(said) if "--json" in arguments else said

    return ask


def of_store(document: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in document["stores"] if one["store"] == name]
    return found


class TestStatus:
    def test_what_waits_at_a_store_that_is_left_alone(self, seller: Seller, ask: Ask) -> None:
        seller.answers["shopee_my"] = lambda _: BUSY
        seller.work(seller.stock(MUG_00=20))
        paused_at = seller.at
        seller.at += timedelta(seconds=3)

        said = ask("status", "--json")

        shopee = of_store(said, "shopee_my")
        assert (shopee["waiting"], shopee["paused_for"]) == (4, "too many calls")
        assert shopee["waiting_since"] is not None
        assert (of_store(said, "lazada_my")["waiting"], of_store(said, "lazada_my")["paused_until"]) == (0, None)
        assert said["to_plan"] == 0
        lines = ask("status").splitlines()
        assert any(line.startswith("shopee_my: 4 cells wait to be pushed, the oldest for ") for line in lines)
        until = (paused_at + timedelta(seconds=7)).strftime("%Y-%m-%dT%H:%M")
        assert any(line.startswith(f"shopee_my: left alone until {until}") for line in lines)

    def test_skus_that_wait_to_be_planned(self, seller: Seller, ask: Ask) -> None:
        def later(store: WorkStore) -> None:
            seller.stock(MUG_00=5)(store)
            seller.at += timedelta(minutes=2, seconds=1)
            assert "1 SKUs wait to be planned, the oldest for 2 min 1 s" in ask("status")
            assert ask("status", "--json")["to_plan"] == 1

        seller.work(lambda _: None, later)

    def test_listings_without_a_merchant_sku_and_blocked_ones(self, seller: Seller, ask: Ask) -> None:
        edit_file(
            seller.folder / "facts/listings.csv", "shopee_my,MUG-02,1000,5002,MUG-02", "shopee_my,MUG-02,1000,5002,"
        )
        edit_file(seller.folder / "facts/stock.csv", "kl,MUG-03,13\n", "")
        with (seller.folder / "facts/listings.csv").open("a", encoding="utf-8") as file:
            file.write("shopee_my,CUP,1001,5009,CUP\n")  # no rule covers it, which is another matter

        said = ask("status", "--json")

        assert {one["store"]: (one["unmapped"], one["blocked"]) for one in said["stores"]} == {
            "shopee_my": (1, 1), "lazada_my": (0, 1), "tiktok_my": (0, 1)
        }  # fmt: skip
        assert "shopee_my: not pushed are 1 mapped to no merchant SKU and 1 blocked of its listings" in ask("status")

    def test_messages_that_were_put_aside(self, seller: Seller, ask: Ask) -> None:
        seller.work(lambda store: store.ledger().note("erp", "m1", '{"name": "Anna"}', "no such SKU", at=seller.at))

        assert ask("status", "--json")["put_aside"] == 1
        assert "1 messages were put aside" in ask("status")

    def test_with_rules_that_cannot_be_read_the_record_is_shown(
        self, seller: Seller, ask: Ask, capsys: pytest.CaptureFixture[str]
    ) -> None:
        seller.work(seller.stock(MUG_00=20))
        edit_file(seller.folder / "rules.push", "keep back", "keep bak")

        assert main(["status", "--json"]) == 0

        printed = capsys.readouterr()
        assert of_store(json.loads(printed.out), "shopee_my")["cells"] == 4
        assert of_store(json.loads(printed.out), "shopee_my")["unmapped"] is None
        assert "warning: 1 error in the rules" in printed.err

    def test_it_writes_nothing_and_makes_no_record(self, seller: Seller, ask: Ask) -> None:
        ask("status")

        assert not (seller.folder / ".pushdsl/record.db").exists()


class TestEvents:
    def test_newest_first_with_what_they_came_to(self, seller: Seller, ask: Ask) -> None:
        seller.work(seller.stock(MUG_00=20), seller.stock(MUG_00=18))

        newest, before, *_ = ask("events", "MUG-00", "--json")

        assert (newest["kind"], newest["quantity"], newest["after"]["on_hand"]) == ("count", 18, 18)
        assert (before["quantity"], before["after"]["available"]) == (20, 20)
        assert newest["reason_text"] == "Stock Count"
        assert "reason 17: Stock Count" in ask("events", "MUG-00")

    def test_the_page_names_every_key_of_the_json(self, seller: Seller, ask: Ask) -> None:
        seller.work(seller.stock(MUG_00=20))
        page = PAGE.read_text("utf-8")
        section = page[page.index("## `pushdsl events`") :].split("\n## ")[0]

        [first, *_] = ask("events", "MUG-00", "--json")

        assert [key for key in (*first, *first["after"]) if f'"{key}"' not in section] == []

    def test_at_most_so_many(self, seller: Seller, ask: Ask) -> None:
        seller.work(seller.stock(MUG_00=20), seller.stock(MUG_00=18))

        assert len(ask("events", "MUG-00", "--json", "--limit", "1")) == 1

    def test_what_was_put_aside_is_told_without_its_text(self, seller: Seller, ask: Ask) -> None:
        seller.work(lambda store: store.ledger().note("erp", "m1", '{"name": "Anna"}', "no such SKU", at=seller.at))

        said = ask("events", "--put-aside")

        assert "no such SKU" in said
        assert "Anna" not in said
        assert ask("events", "--put-aside", "--json")[0]["text"] == '{"name": "Anna"}'

    def test_of_what_nothing_happened_to_there_are_none(self, seller: Seller, ask: Ask) -> None:
        assert ask("events", "MUG-00") == "no events\n"
        assert ask("events", "MUG-00", "--json") == []

    @pytest.mark.parametrize("arguments", [["events"], ["events", "MUG-00", "--put-aside"]])
    def test_it_is_asked_of_a_sku_or_of_what_was_put_aside(
        self, seller: Seller, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == 1
        assert "`pushdsl events --put-aside`" in capsys.readouterr().err


class TestVerify:
    def test_stock_that_is_what_its_events_come_to(self, seller: Seller, ask: Ask) -> None:
        seller.work(seller.stock(MUG_00=20))

        assert ask("verify") == "the stock in the record is what its events come to\n"
        assert ask("verify", "--json") == {"right": True, "difference": None}

    def test_without_a_record_nothing_is_wrong(self, seller: Seller, ask: Ask) -> None:
        assert ask("verify", "--json")["right"] is True

    def test_stock_that_somebody_changed_is_named_with_its_event(self, seller: Seller, ask: Ask) -> None:
        seller.work(seller.stock(MUG_00=20), seller.stock(MUG_00=18))
        newest = ask("events", "MUG-00", "--json")[0]
        with sqlite3.connect(seller.folder / ".pushdsl/record.db") as database:
            database.execute("UPDATE event SET on_hand = 19 WHERE number = ?", (newest["number"],))
        database.close()

        said = ask("verify", "--json", code=1)

        assert said["difference"]["event"] == newest["id"]
        found = said["difference"]
        assert (found["expected"]["on_hand"], found["recorded"]["on_hand"]) == (18, 19)
        assert "is not what its events come to: after stock event" in ask("verify", code=1)


class TestRecords:
    def test_before_is_what_the_last_push_left_and_on_the_first_what_was_available(
        self, seller: Seller, ask: Ask
    ) -> None:
        seller.work(seller.stock(MUG_00=20), seller.stock(MUG_00=30), seller.stock(MUG_00=25))

        found = ask("records", "--store", "shopee_my", "--store-sku", "MUG-00", "--status", "Successfully", "--json")

        assert [(r["before"], r["quantity"]) for r in found][:2] == [(28, 23), (18, 28)]

    def test_one_trigger_to_three_stores_makes_three_records_of_the_merchant_sku(
        self, seller: Seller, ask: Ask
    ) -> None:
        seller.work(lambda _: None, seller.stock(MUG_00=20))

        found = ask("records", "--sku", "MUG-00", "--reason", "17", "--status", "Successfully", "--json")

        assert sorted(r["store"] for r in found) == ["lazada_my", "shopee_my", "tiktok_my"]
        assert len({r["id"] for r in found}) == 3

    def test_a_failed_one_has_its_reason_and_what_waits_is_pending(self, seller: Seller, ask: Ask) -> None:
        seller.answers["shopee_my"] = lambda sku: BUSY if sku == "MUG-01" else Confirmed()
        seller.work(seller.stock(MUG_01=30))

        [pending] = ask("records", "--status", "Pending", "--json")

        assert (pending["store_sku"], pending["detail"]) == ("MUG-01", "too many calls")
        assert seller.records(status=Status.FAILED) == []
