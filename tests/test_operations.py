"""What operators ask for: push what failed once more, say why a store shows what it shows, take the records along."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pushdsl import cycle
from pushdsl.applying import apply
from pushdsl.cli import main
from pushdsl.model import Live, Reason, Status
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Batch, Confirmed, Outcome, Refused, Unauthorized
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.store import RecordStore, open_store
from tests.shop import SIMULATED, edit_file, make_project, open_for_business, shown, write_facts

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
GONE = Refused("207", "SKU not exist", "not_found")
LOCKED = Refused("promotion", "a promotion holds this listing", "locked")
EXPIRED = Unauthorized("reauthorize", "the token has run out", code="token_expired")


@dataclass
class Shop:
    """A project of four mugs in three stores, which answer what a test wants, at the time that it wants."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    answers: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    at: datetime = BEGAN

    def now(self) -> datetime:
        return self.at

    def run(self, *arguments: str, code: int = 0) -> str:
        self.sent.clear()
        self.capsys.readouterr()
        assert main(arguments) == code
        return self.capsys.readouterr().out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def refused(self, *arguments: str) -> str:
        """What is said where a command is refused; it has sent nothing."""
        self.sent.clear()
        self.capsys.readouterr()
        assert main(arguments) == 1
        assert self.sent == []
        return self.capsys.readouterr().err

    def why_not(self, store_sku: str, store: str = "shopee_my") -> str:
        (line,) = self.run("why-not", store, store_sku).splitlines()
        return line

    def stock(self, *rows: str) -> None:
        write_facts(self.folder, "stock", "warehouse,sku,on_hand", list(rows))

    def edit(self, file: str, old: str, new: str) -> None:
        edit_file(self.folder / file, old, new)

    def record(self) -> RecordStore:
        return open_store(f"sqlite:///{self.folder}/.pushdsl/record.db", create=False)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    shop = Shop(make_project(tmp_path / "shop", SIMULATED, skus=4), capsys)

    async def push(_: object, batch: Batch) -> list[Outcome]:
        store = batch.connection.store.name
        shop.sent.extend((store, cell.store_sku, cell.quantity) for cell in batch.cells)
        return [shop.answers.get((store, cell.store_sku), Confirmed()) for cell in batch.cells]

    async def sleep(_: float) -> None:
        """Nothing waits."""

    monkeypatch.chdir(shop.folder)
    monkeypatch.setattr(SimulatedPlatform, "push", push)
    monkeypatch.setattr("pushdsl.cli.apply.apply", partial(apply, pace=Pace(shop.now, sleep)))
    monkeypatch.setattr(cycle, "utc_now", shop.now)
    return shop


THREE = {
    ("shopee_my", "MUG-00"): LOCKED,
    ("shopee_my", "MUG-01"): GONE,
    ("tiktok_my", "MUG-01"): LOCKED,
}


def failed(shop: Shop, answers: Mapping[tuple[str, str], Outcome] = THREE) -> None:
    """An apply of which these cells failed; afterwards the stores take everything."""
    shop.answers = dict(answers)
    shop.run("apply", code=6)
    shop.answers = {}


# ---- retry ------------------------------------------------------------------------------------------


def test_what_failed_is_pushed_again_and_nothing_else(shop: Shop) -> None:
    failed(shop)

    printed = shop.run("retry")

    assert sorted(shop.sent) == [("shopee_my", "MUG-00", 8), ("shopee_my", "MUG-01", 9), ("tiktok_my", "MUG-01", 9)]
    assert printed.splitlines() == [
        "3 failed, 3 to push again, 0 with nothing to send",
        "3 confirmed, 0 failed, 0 not sent",
    ]
    assert shop.run("retry") == "nothing to retry: of no such cell is the newest record Failed\n"
    assert shop.sent == []


def test_a_retry_is_a_new_record_for_reason_16_linked_to_the_old(shop: Shop) -> None:
    failed(shop)
    old = {(r["store"], r["store_sku"]): r["id"] for r in shop.json("records", "--status", "Failed")}

    report = shop.json("retry", "--kind", "locked")

    links = {(one["store"], one["store_sku"]): one["record"] for one in report["retried"]}
    assert links == {key: old[key] for key in [("shopee_my", "MUG-00"), ("tiktok_my", "MUG-01")]}
    new = shop.json("records", "--reason", "16")
    assert {(r["store"], r["store_sku"], r["status"]) for r in new} == {(*key, "Successfully") for key in links}
    assert min(r["id"] for r in new) > max(old.values())
    assert len(shop.json("records", "--status", "Failed")) == 3, "the old ones stay as they ended"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--store", "shopee_my"], ["shopee_my MUG-00", "shopee_my MUG-01"]),
        (["--kind", "locked"], ["shopee_my MUG-00", "tiktok_my MUG-01"]),
        (["--kind", "not_found"], ["shopee_my MUG-01"]),
        (["--sku", "MUG-01"], ["shopee_my MUG-01", "tiktok_my MUG-01"]),
        (["--store-sku", "MUG-00"], ["shopee_my MUG-00"]),
        (["--reason", "101"], ["shopee_my MUG-00", "shopee_my MUG-01", "tiktok_my MUG-01"]),
        (["--reason", "16"], []),
        (["--kind", "locked", "--store", "tiktok_my"], ["tiktok_my MUG-01"]),
        (["--kind", "temporary"], []),
    ],
)
def test_a_filter_chooses_among_what_failed(shop: Shop, filters: list[str], expected: list[str]) -> None:
    failed(shop)

    shop.run("retry", *filters)

    assert sorted(f"{store} {sku}" for store, sku, _ in shop.sent) == expected


def test_what_was_confirmed_since_has_not_failed(shop: Shop) -> None:
    failed(shop)
    shop.answers = {("tiktok_my", "MUG-01"): LOCKED}
    shop.run("apply", code=6)

    assert [one["store"] for one in shop.json("retry", code=6)["retried"]] == ["tiktok_my"]


def test_the_quantity_is_the_one_that_is_planned_now(shop: Shop) -> None:
    failed(shop)
    shop.stock("kl,MUG-00,10", "kl,MUG-01,31", "kl,MUG-02,12", "kl,MUG-03,50")

    shop.run("retry")

    assert sorted(shop.sent) == [("shopee_my", "MUG-00", 8), ("shopee_my", "MUG-01", 29), ("tiktok_my", "MUG-01", 29)]
    with shop.record() as record:
        assert [r.quantity for r in record.records(sku="MUG-03")] == [11, 11, 11], "nothing is recorded of the others"


def test_what_fails_again_is_told_and_can_be_retried_again(shop: Shop) -> None:
    failed(shop)
    shop.answers = {("shopee_my", "MUG-01"): GONE}

    report = shop.json("retry", code=6)

    assert (report["matched"], report["confirmed"], report["failed"]) == (3, 2, 1)
    assert report["failures"] == [
        {"store": "shopee_my", "store_sku": "MUG-01", "location": "", "detail": "SKU not exist"}
    ]
    assert [one["store_sku"] for one in shop.json("retry", "--reason", "16", code=6)["retried"]] == ["MUG-01"]


def test_what_shows_the_number_already_is_sent_all_the_same(shop: Shop) -> None:
    failed(shop)
    with shop.record() as record:
        (old,) = record.records(store="tiktok_my", status=Status.FAILED)
        record.observe([(old.key, Live(9))], at=BEGAN)
    cells = shop.json("plan")["cells"]
    assert [c["action"] for c in cells if (c["store"], c["store_sku"]) == ("tiktok_my", "MUG-01")] == ["unchanged"]

    shop.run("retry", "--store", "tiktok_my")

    assert shop.sent == [("tiktok_my", "MUG-01", 9)]


def test_cells_that_have_nothing_to_send_are_named_with_why(shop: Shop) -> None:
    shop.answers = {(store, f"MUG-0{k}"): LOCKED for store in ("shopee_my", "lazada_my") for k in range(4)}
    shop.run("apply", code=6)
    shop.answers = {}
    shop.stock("kl,MUG-01,11", "kl,MUG-02,12", "kl,MUG-03,13")
    shop.edit("facts/listings.csv", "shopee_my,MUG-01,1000,5001,MUG-01\n", "")
    shop.edit("facts/listings.csv", "shopee_my,MUG-02,1000,5002,MUG-02", "shopee_my,MUG-02,1000,5002,")
    shop.edit("rules.push", "store lazada_my on simulated\n", "")
    shop.edit("rules.push", "to shopee_my, lazada_my, tiktok_my", "to shopee_my, tiktok_my")

    printed = shop.run("retry")

    assert shop.sent == [("shopee_my", "MUG-03", 11)]
    lines = printed.splitlines()
    assert lines[:4] == [
        f"nothing to send: lazada_my MUG-0{k}: the rules declare no such store any more" for k in range(4)
    ]
    assert lines[4:] == [
        "nothing to send: shopee_my MUG-00: blocked: unknown stock: no row in any warehouse of the rule",
        "nothing to send: shopee_my MUG-01: the facts have no such listing any more",
        "nothing to send: shopee_my MUG-02: mapped to no merchant SKU, so not pushed",
        "8 failed, 1 to push again, 7 with nothing to send",
        "1 confirmed, 0 failed, 0 not sent",
    ]
    again = shop.json("retry")
    assert (again["matched"], again["retried"], shop.sent) == (7, [], [])
    assert [f"{one['store_sku']}: {one['why']}" for one in again["nothing_to_send"][-1:]] == [
        "MUG-02: mapped to no merchant SKU, so not pushed"
    ]


def test_a_listing_that_the_store_does_not_have_is_not_pushed_again(shop: Shop) -> None:
    (shop.folder / "pushdsl.toml").write_text("[accounts.shopee_my.capabilities]\nunbinds_on_not_found = true\n")
    failed(shop, {("shopee_my", "MUG-01"): GONE})
    shop.at += timedelta(minutes=20)
    shop.answers = {("shopee_my", "MUG-01"): GONE}
    shop.run("retry", code=6)

    report = shop.json("retry")

    assert shop.sent == []
    assert [one["why"] for one in report["nothing_to_send"]] == [
        "the store said twice that it has no such listing, so it is unbound and not pushed"
    ]


def test_a_location_that_is_mapped_no_more_is_named(shop: Shop) -> None:
    mapped = 'store shopee_my on simulated {\n  location kl -> "B"\n  location kl -> "C"\n}'
    shop.edit("rules.push", "store shopee_my on simulated", mapped)
    failed(shop, {("shopee_my", "MUG-00"): LOCKED})
    shop.edit("rules.push", '  location kl -> "C"\n', "")

    report = shop.json("retry")

    assert [(one["location"], one["why"]) for one in report["nothing_to_send"]] == [
        ("C", "it has no location `C` in rules and facts any more")
    ]
    assert [one["location"] for one in report["retried"]] == ["B"]


def test_what_a_crash_cut_off_has_failed(shop: Shop) -> None:
    shop.run("apply")
    with shop.record() as record:
        inputs = cycle.read_inputs(cycle.open_project([shop.folder]))
        cells = [cell for cell in cycle.plan(inputs, BEGAN).cells if cell.key.store_sku == "MUG-02"]
        record.begin(cells, reason=Reason.RULE_CHANGE, at=BEGAN)

    assert shop.json("retry", "--kind", "unknown")["confirmed"] == 3


def test_nothing_is_retried_while_pushing_is_switched_off(shop: Shop) -> None:
    failed(shop)
    (shop.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n")

    assert "pushing is switched off" in shop.refused("retry")


def test_nothing_is_retried_from_a_plan_that_empties_the_stores(shop: Shop) -> None:
    failed(shop)
    shop.stock(*(f"kl,MUG-0{k},0" for k in range(4)))

    said = shop.refused("retry")
    assert "pieces shown would go to 0, more than 20 %" in said
    shop.run("retry", "--allow-zeroing")
    assert sorted(shop.sent) == [("shopee_my", "MUG-00", 0), ("shopee_my", "MUG-01", 0), ("tiktok_my", "MUG-01", 0)]


def test_nothing_is_retried_while_an_apply_is_running(shop: Shop) -> None:
    failed(shop)
    with shop.record() as record, record.lock():
        assert "is working with the same record" in shop.refused("retry")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kind", "nonsense"], "there is no kind of failure `nonsense`"),
        (["--kind", "not_sent"], "what was not sent has not failed"),
        (["--reason", "18"], "there is no reason 18"),
        (["--store", "shopee_mi"], "did you mean `shopee_my`?"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(shop: Shop, arguments: list[str], expected: str) -> None:
    failed(shop)

    assert expected in shop.refused("retry", *arguments)


def test_before_the_first_apply_nothing_has_failed_and_no_record_is_made(shop: Shop) -> None:
    assert shop.json("retry")["matched"] == 0
    assert not (shop.folder / ".pushdsl").exists()


def test_a_real_store_shows_the_planned_numbers_after_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_project(tmp_path / "shop", skus=4)
    monkeypatch.chdir(folder)
    with open_for_business(folder) as shops:
        shops.sandboxes["shopee"].fail("promotion_lock", 1)
        assert main(["apply"]) == 6
        assert shown(shops, "shopee", "shopee_my") != {f"MUG-0{k}": 8 + k for k in range(4)}
        others = shops.sandboxes["lazada"].calls, shops.sandboxes["tiktok"].calls

        assert main(["retry", "--kind", "locked"]) == 0
        assert shown(shops, "shopee", "shopee_my") == {f"MUG-0{k}": 8 + k for k in range(4)}
        assert (shops.sandboxes["lazada"].calls, shops.sandboxes["tiktok"].calls) == others


# ---- why-not ----------------------------------------------------------------------------------------

PLANNED = "planned 8 by rule `Mugs`: 10 available; keep back 2 units"


def test_what_is_shown_as_planned_is_unchanged_since_it_was_confirmed(shop: Shop) -> None:
    shop.run("apply")
    shop.at += timedelta(hours=3)

    line = shop.why_not("MUG-00")
    assert line == f"shopee_my MUG-00: unchanged since 2026-05-04T12:00:00Z; shows 8, {PLANNED}; already shown"


def test_what_was_only_read_is_unchanged_without_a_time(shop: Shop) -> None:
    write_facts(shop.folder, "live", "store,store_sku,quantity", ["shopee_my,MUG-00,8"])

    assert "MUG-00: unchanged, as last read; shows 8, " in shop.why_not("MUG-00")


def test_what_was_never_pushed_waits_for_an_apply(shop: Shop) -> None:
    expected = f"waits for the next `pushdsl apply`; what it shows is unknown, {PLANNED}; live unknown"
    assert shop.why_not("MUG-00") == f"shopee_my MUG-00: {expected}"


def test_what_changed_since_the_last_apply_waits_for_the_next(shop: Shop) -> None:
    shop.run("apply")
    shop.run("apply")
    shop.stock("kl,MUG-00,31")

    assert "waits for the next `pushdsl apply`; shows 8, planned 29 " in shop.why_not("MUG-00")


@pytest.mark.parametrize(("minutes", "expected"), [(719, "held until 2026-05-05T00:00:00Z"), (720, "waits for the")])
def test_a_big_number_is_held_until_its_time(shop: Shop, minutes: int, expected: str) -> None:
    shop.edit("rules.push", "  keep back 2 units", "  keep back 2 units\n  above 1_000 units every 12 hours")
    shop.stock("kl,MUG-00,1500")
    shop.run("apply")
    shop.stock("kl,MUG-00,1490")
    shop.at += timedelta(minutes=minutes)

    assert f"MUG-00: {expected}" in shop.why_not("MUG-00")
    assert "shows 1498, planned 1488 " in shop.why_not("MUG-00")
    assert shop.json("why-not", "shopee_my", "MUG-00")[0]["until"] == (
        "2026-05-05T00:00:00Z" if minutes == 719 else None
    )


def test_a_blocked_cell_says_because_of_what(shop: Shop) -> None:
    shop.run("apply")
    shop.stock("kl,MUG-01,11")

    assert shop.why_not("MUG-00") == (
        "shopee_my MUG-00: blocked because unknown stock: no row in any warehouse of the rule; shows 8"
    )


def test_two_rules_for_one_listing_are_both_named(shop: Shop) -> None:
    with (shop.folder / "rules.push").open("a") as file:
        file.write('\nrule "More" {\n  for category "Red"\n  to shopee_my\n  take kl\n}\n')

    write_facts(shop.folder, "skus", "sku,category", ["MUG-00,Red"])

    assert "blocked because claimed by rules `Mugs` and `More`, neither overrides the other" in shop.why_not("MUG-00")


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("shopee_my,X,1,1,MUG-00,inactive", "not active, so not pushed"),
        ("shopee_my,X,1,1,,active", "mapped to no merchant SKU, so not pushed"),
        ("shopee_my,X,1,1,CUP,active", "no rule covers this listing, so not pushed"),
    ],
)
def test_a_listing_without_a_cell_says_why(shop: Shop, listing: str, expected: str) -> None:
    write_facts(shop.folder, "listings", "store,store_sku,item_id,variant_id,sku,status", [listing])
    shop.stock("kl,MUG-00,10", "kl,CUP,10")

    assert shop.why_not("X") == f"shopee_my X: {expected}"


def test_a_listing_that_lost_its_cell_says_what_was_confirmed_before(shop: Shop) -> None:
    shop.run("apply")
    shop.edit("facts/listings.csv", "shopee_my,MUG-02,1000,5002,MUG-02", "shopee_my,MUG-02,1000,5002,")

    assert shop.why_not("MUG-02") == (
        "shopee_my MUG-02: mapped to no merchant SKU, so not pushed; the store confirmed 10 at 2026-05-04T12:00:00Z"
    )


def test_an_unbound_listing_says_so_and_how_it_came_about(shop: Shop) -> None:
    (shop.folder / "pushdsl.toml").write_text("[accounts.shopee_my.capabilities]\nunbinds_on_not_found = true\n")
    failed(shop, {("shopee_my", "MUG-01"): GONE})
    shop.at += timedelta(minutes=20)
    failed(shop, {("shopee_my", "MUG-01"): GONE})

    assert shop.why_not("MUG-01") == (
        "shopee_my MUG-01: the store said twice that it has no such listing, so it is unbound and not pushed; "
        "failed at 2026-05-04T12:20:00Z with 207 SKU not exist (not_found)"
    )


def test_a_failure_is_told_with_its_time_words_and_kind(shop: Shop) -> None:
    failed(shop)

    assert shop.why_not("MUG-01", "tiktok_my").startswith(
        "tiktok_my MUG-01: failed at 2026-05-04T12:00:00Z with promotion a promotion holds this listing (locked); "
        "what it shows is unknown, planned 9 by rule `Mugs`"
    )


def test_a_failure_that_was_mended_is_not_told(shop: Shop) -> None:
    failed(shop)
    shop.at += timedelta(hours=1)
    shop.run("retry")

    assert "MUG-01: unchanged since 2026-05-04T13:00:00Z; shows 9" in shop.why_not("MUG-01")


def test_what_was_not_sent_says_because_of_what(shop: Shop) -> None:
    (shop.folder / "pushdsl.toml").write_text("[accounts.shopee_my.capabilities]\nbatch_size = 1\n")
    failed(shop, {("shopee_my", f"MUG-0{k}"): EXPIRED for k in range(4)})
    unsent = shop.json("records", "--kind", "not_sent")

    assert unsent
    assert "not sent at 2026-05-04T12:00:00Z because the token has run out; " in shop.why_not(unsent[0]["store_sku"])


def test_a_push_whose_end_nobody_knows_is_told(shop: Shop) -> None:
    shop.run("apply")
    with shop.record() as record:
        inputs = cycle.read_inputs(cycle.open_project([shop.folder]))
        cells = [cell for cell in cycle.plan(inputs, BEGAN).cells if cell.store_sku == "MUG-02"]
        record.begin(cells, reason=Reason.RULE_CHANGE, at=BEGAN)

    assert "MUG-02: sent at 2026-05-04T12:00:00Z, and no answer is known yet; " in shop.why_not("MUG-02")


def test_while_pushing_is_switched_off_only_what_would_be_sent_says_so(shop: Shop) -> None:
    failed(shop)
    (shop.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n")

    assert "MUG-01: pushing is switched off; failed at 2026-05-04T12:00:00Z with 207 " in shop.why_not("MUG-01")
    assert "MUG-03: unchanged since " in shop.why_not("MUG-03")


def test_every_cell_of_a_listing_has_a_line(shop: Shop) -> None:
    mapped = 'store shopee_my on simulated {\n  location kl -> "B"\n  location kl -> "C"\n}'
    shop.edit("rules.push", "store shopee_my on simulated", mapped)

    lines = shop.run("why-not", "shopee_my", "MUG-00").splitlines()
    assert [line.split(":")[0] for line in lines] == ["shopee_my MUG-00 @ B", "shopee_my MUG-00 @ C"]


def test_a_program_gets_the_reasons_by_name(shop: Shop) -> None:
    failed(shop)
    (old,) = shop.json("records", "--store", "shopee_my", "--store-sku", "MUG-01")

    assert shop.json("why-not", "shopee_my", "MUG-01") == [
        {
            "store": "shopee_my",
            "store_sku": "MUG-01",
            "location": "",
            "reasons": ["failed"],
            "text": "failed at 2026-05-04T12:00:00Z with 207 SKU not exist (not_found)",
            "until": None,
            "live": None,
            "quantity": 9,
            "rule": "Mugs",
            "why": "11 available; keep back 2 units; live unknown",
            "record": old["id"],
        }
    ]


@pytest.mark.parametrize(
    ("store", "sku", "expected"),
    [("shopee_mi", "MUG-00", "did you mean `shopee_my`?"), ("shopee_my", "MUG-0", "did you mean `MUG-0")],
)
def test_a_name_that_there_is_not_is_answered_with_the_nearest(shop: Shop, store: str, sku: str, expected: str) -> None:
    assert expected in shop.refused("why-not", store, sku)


# ---- export -----------------------------------------------------------------------------------------

FILES = ("records", "plan", "problems")


def exported(folder: Path) -> dict[str, pl.DataFrame]:
    """What another program reads there."""
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in FILES}


def test_an_export_has_every_record_as_records_shows_it(shop: Shop) -> None:
    failed(shop)
    shop.at += timedelta(hours=1)
    shop.run("retry")
    shop.run("apply")

    shop.run("export", "--out", "taken")

    rows = exported(shop.folder / "taken")["records"].to_dicts()
    listed = shop.json("records", "--limit", "1000")
    assert len(rows) == len(listed) > 12
    assert [row["id"] for row in rows] == sorted(one["id"] for one in listed)
    by_id = {one["id"]: one for one in listed}
    for row in rows:
        for name in ("created_at", "finished_at"):
            row[name] = row[name].isoformat().replace("+00:00", "Z")
        assert row == by_id[row["id"]]


def test_an_export_has_the_plan_of_now_and_what_it_says_of_listings_without_a_number(shop: Shop) -> None:
    shop.run("apply")
    shop.stock("kl,MUG-00,31", "kl,MUG-01,11", "kl,MUG-02,12")
    shop.edit("facts/listings.csv", "shopee_my,MUG-02,1000,5002,MUG-02", "shopee_my,MUG-02,1000,5002,")

    shop.run("export", "--out", "taken")

    frames, plan = exported(shop.folder / "taken"), shop.json("plan")
    assert frames["plan"].drop("at").to_dicts() == plan["cells"]
    assert {cell["action"] for cell in plan["cells"]} == {"push", "unchanged", "blocked"}
    assert frames["plan"]["at"].unique().to_list() == [BEGAN]
    found = frames["problems"].drop("at").to_dicts()
    assert [{k: v or "" for k, v in one.items()} for one in found] == plan["problems"]
    assert "PUSH501" in [one["code"] for one in found]


def test_times_are_utc_and_numbers_are_whole_even_where_there_are_no_rows(shop: Shop) -> None:
    shop.run("export", "--out", "before")
    shop.run("apply")
    shop.run("export", "--out", "after")

    before, after = exported(shop.folder / "before"), exported(shop.folder / "after")
    assert (before["records"].height, after["records"].height) == (0, 12)
    for name in FILES:
        assert before[name].schema == after[name].schema
        for column, kind in after[name].schema.items():
            assert kind in (pl.String, pl.Int32, pl.Int64, pl.Datetime("ms", "UTC")), f"{name} {column}"
    assert after["records"]["created_at"].to_list() == [BEGAN] * 12
    assert not (shop.folder / "before").samefile(shop.folder / "after")


@pytest.mark.parametrize(
    ("since", "expected"),
    [("2026-05-04T12:00:00Z", 12), ("2026-05-04T21:00:01+08:00", 0), ("2026-05-04T21:00:00+08:00", 3)],
)
def test_since_leaves_older_records_out(shop: Shop, since: str, expected: int) -> None:
    shop.run("apply")
    shop.at += timedelta(hours=1)
    shop.stock("kl,MUG-00,31")
    shop.run("apply")

    shop.run("export", "--out", "taken", "--since", since)

    first, later = 12, 3
    wanted = first + later if expected == first else expected
    assert exported(shop.folder / "taken")["records"].height == wanted


def test_many_records_leave_in_steps_and_all_of_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run("apply")
    monkeypatch.setattr("pushdsl.store.store.ROWS", 5)
    monkeypatch.setattr("pushdsl.report.parquet.ROWS", 5)

    shop.run("export", "--out", "taken")

    frames = exported(shop.folder / "taken")
    assert frames["records"]["id"].to_list() == list(range(1, 13))
    assert frames["plan"].drop("at").to_dicts() == shop.json("plan")["cells"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), pl.exceptions.ComputeError("No space left")])
def test_nothing_is_there_where_something_went_wrong(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    written: list[object] = []
    original = pl.DataFrame.write_parquet

    def write_parquet(frame: pl.DataFrame, file: Any) -> None:
        if written:
            raise error
        written.append(file)
        original(frame, file)

    shop.run("apply")
    there = sorted(shop.folder.iterdir())
    monkeypatch.setattr(pl.DataFrame, "write_parquet", write_parquet)

    assert "cannot write `taken`: No space left" in shop.refused("export", "--out", "taken")
    assert written
    assert sorted(shop.folder.iterdir()) == there


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_there_already_is_left_alone(shop: Shop, make: Any) -> None:
    make(shop.folder / "taken")

    assert "`taken` exists already" in shop.refused("export", "--out", "taken")
    assert (shop.folder / "taken").is_symlink() or not list((shop.folder / "taken").glob("*"))


def test_rules_with_an_error_leave_no_folder(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.edit("rules.push", "take kl", "take kk")

    assert main(["export", "--out", "taken"]) == 3
    assert not (shop.folder / "taken").exists()


def test_an_export_changes_nothing_and_can_be_made_while_an_apply_runs(shop: Shop) -> None:
    failed(shop)
    before = shop.json("status")
    (shop.folder / "pushdsl.toml").write_text("[push]\nenabled = false\n")

    with shop.record() as record, record.lock():
        report = shop.json("export", "--out", "deep/down/taken")

    assert report["files"][0] == {"file": "records.parquet", "rows": 12}
    assert sorted(path.name for path in (shop.folder / "deep/down/taken").iterdir()) == sorted(
        f"{name}.parquet" for name in FILES
    )
    assert shop.json("status")["stores"] == before["stores"]
    assert shop.sent == []


def test_an_export_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project(tmp_path / "shop", skus=4)
    monkeypatch.chdir(folder)
    with open_for_business(folder) as shops:
        shops.sandboxes["shopee"].fail("refuse_row", 1)
        shops.sandboxes["lazada"].fail("expired_token", 5)
        assert main(["apply"]) == 6
        assert main(["export", "--out", "taken"]) == 0

    lines = [line.partition(" = ") for line in (folder / "pushdsl.toml").read_text("utf-8").splitlines()]
    secrets = [value.strip('"') for key, _, value in lines if re.search("secret|token|partner_key", key)]
    assert len(secrets) >= 3
    frames = exported(folder / "taken")
    assert "Failed" in frames["records"]["status"].to_list()
    everything = "\n".join(frame.write_json() for frame in frames.values())
    assert [secret for secret in secrets if secret in everything] == []


def test_the_operations_page_describes_every_column(shop: Shop) -> None:
    shop.run("export", "--out", "taken")
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")
    section = page[page.index("\n## Taking the records along") :].split("\n## ")[1]

    for name, frame in exported(shop.folder / "taken").items():
        table = section[section.index(f"\n`{name}.parquet`") + 2 :].split(".parquet`,")[1]
        described = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([\w ]+) \|", table, re.MULTILINE)
        kinds = {column: kind for columns, kind in described for column in re.findall(r"\w+", columns)}
        words = {pl.String: "text", pl.Int32: "whole number", pl.Int64: "whole number"}
        assert {c: kinds.get(c) for c in frame.columns} == {
            column: words.get(type(kind), "time") for column, kind in frame.schema.items()
        }, name


def test_only_an_export_that_writes_loads_polars(tmp_path: Path) -> None:
    run = "import sys, pushdsl.cli.export, pushdsl.cli.retry, pushdsl.cli.why_not; print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
