"""A saved plan is carried out as it was shown, or refused with the reason that holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushdsl import cycle
from pushdsl.applying import refuse_unless_safe
from pushdsl.cli import main
from pushdsl.cycle import open_project, read_inputs
from pushdsl.errors import RefusedPlan
from pushdsl.planner import PlannedCells
from tests.shop import SIMULATED, edit_file, make_project, write_facts

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
CAMPAIGN = """rule "11.11" overrides "Mugs" {
  for "MUG-03"
  to shopee_my
  during "2026-11-11 00:00" to "2026-11-12 00:00" in "UTC"
  take kl
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_project(tmp_path / "shop", SIMULATED + CAMPAIGN)
    monkeypatch.chdir(folder)
    now(monkeypatch, NOON)
    return folder


def now(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(cycle, "utc_now", lambda: moment)


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["apply", "plan.json"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def save(*arguments: str) -> None:
    assert main(["plan", "--at", "2026-11-11T12:00:00Z", "--json", "-o", "plan.json", *arguments]) == 0


def test_a_plan_that_was_applied_is_not_said_to_have_other_facts(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save()
    assert main(["apply", "plan.json"]) == 0

    said = refused(capsys)

    assert "36 cells were pushed or read since it was made" in said
    assert "it may have been applied already, see `pushdsl records`" in said
    assert "facts" not in said


def test_other_stock_is_said_even_after_a_push(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save()
    main(["apply", "plan.json"])
    edit_file(project / "facts/stock.csv", "MUG-00,10", "MUG-00,9")

    assert "the facts have changed since" in refused(capsys)


def test_rules_and_facts_are_named_together(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save()
    edit_file(project / "facts/stock.csv", "MUG-00,10", "MUG-00,9")
    edit_file(project / "rules.push", "keep back 2 units", "keep back 3 units")

    assert "the rules and the facts have changed since" in refused(capsys)


def test_a_change_that_no_cell_shows_is_said_as_what_it_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save()
    write_facts(project, "skus", "sku,name", ["MUG-00,A mug"])

    assert "the facts or the record have changed since, though no cell of it shows another number" in refused(capsys)


def test_a_plan_for_a_time_to_come_waits_for_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save()
    now(monkeypatch, NOON.replace(hour=11))

    said = refused(capsys)

    assert "this plan is for 2026-11-11T12:00:00Z, which is still to come" in said
    assert "apply it then" in said
    now(monkeypatch, NOON)
    assert main(["apply", "plan.json"]) == 0


@pytest.mark.parametrize("moment", [datetime(2026, 11, 12, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC)])
def test_a_plan_of_a_campaign_is_not_carried_out_after_it(
    project: Path, moment: datetime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save()
    now(monkeypatch, moment)

    assert "the window of `11.11` has opened or closed since" in refused(capsys)


def test_a_plan_may_be_carried_out_later_in_the_same_window(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    now(monkeypatch, NOON.replace(hour=23))

    assert main(["apply", "plan.json"]) == 0


def test_a_new_plan_may_be_made_instead_and_the_reason_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save()
    now(monkeypatch, datetime(2026, 11, 13, tzinfo=UTC))

    assert main(["apply", "plan.json", "--replan"]) == 0
    assert "has opened or closed since: planning anew" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['"cells": 5', '"cells": [{}]', '"cells": [5]'])
def test_a_plan_file_whose_cells_are_broken_is_refused_without_a_crash(
    project: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save()
    document = json.loads((project / "plan.json").read_text("utf-8")) | json.loads(f"{{{text}}}")
    (project / "plan.json").write_text(json.dumps(document | {"facts_sha256": "0"}), "utf-8")

    assert "the facts have changed since" in refused(capsys)


def test_the_guard_against_zeroing_looks_at_no_cell_one_by_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_facts(project, "stock", "warehouse,sku,on_hand", [f"kl,MUG-{k:02d},{0 if k < 3 else 20}" for k in range(12)])
    live = [f"shopee_my,MUG-{k:02d},{k * 10}" for k in range(12)]
    write_facts(project, "live", "store,store_sku,quantity", live)
    opened = open_project([project])
    planned = cycle.plan(read_inputs(opened), NOON)
    monkeypatch.setattr(PlannedCells, "_make", lambda *_: pytest.fail("a cell was made"))

    refuse_unless_safe(opened, planned, allow_zeroing=False)
    (project / "pushdsl.toml").write_text("[push]\nzeroing_limit_percent = 4\n", "utf-8")

    with pytest.raises(RefusedPlan, match="30 of the 660 pieces shown would go to 0, more than 4 %"):
        refuse_unless_safe(open_project([project]), planned, allow_zeroing=False)
