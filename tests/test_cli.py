"""The commands as a user meets them: what they print, what they refuse, how they exit."""

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from pushdsl.settings import read_settings
from tests.shop import RULES, SIMULATED, make_project, write_facts

AT = "2026-05-04T12:00:00Z"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on the simulated platform, and the test standing in its folder."""
    folder = make_project(tmp_path / "shop", SIMULATED)
    monkeypatch.chdir(folder)
    return folder


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


# ---- init, check, plan ------------------------------------------------------------------------------


def test_init_writes_a_project_that_checks_and_plans_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["init", "my-shop"]) == 0
    monkeypatch.chdir(tmp_path / "my-shop")
    assert main(["check"]) == 0
    assert out(capsys).endswith("0 errors, 0 lints, 1 rule\n")
    assert main(["plan", "--exit-code"]) == 2
    assert out(capsys).endswith("6 cells: 6 to push, 0 unchanged, 0 held, 0 blocked\n")


def test_init_overwrites_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "rules.push").read_text("utf-8")

    assert main(["init"]) == 1
    assert (project / "rules.push").read_text("utf-8") == before
    assert "exists already" in capsys.readouterr().err


def test_check_shows_every_error_and_exits_with_3(
    project: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    edit(project / "rules.push", "take kl", "take ky")
    edit(project / "rules.push", "keep back 2 units", "keep back 2")

    assert main(["check"]) == 3
    assert out(capsys) == snapshot


def test_check_as_json_names_file_line_and_column(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project / "rules.push", "take kl", "take ky")

    assert main(["check", "--json"]) == 3
    document = json.loads(out(capsys))

    assert document["errors"] == 1
    (found,) = [d for d in document["diagnostics"] if d["severity"] == "error"]
    assert (found["file"], found["line"], found["column"]) == ("rules.push", 12, 8)


def test_the_same_rules_facts_and_time_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        assert main(["plan", "--at", AT, "--format", "json", "-o", str(file)]) == 0

    one, two = (file.read_bytes() for file in files)

    assert one == two


def test_plan_json_has_the_published_shape(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--at", AT, "--json"])

    document = json.loads(out(capsys))

    assert list(document) == ["format", "at", "rules_sha256", "facts_sha256", "summary", "cells", "problems"]
    assert (document["format"], document["at"]) == ("pushdsl.plan/1", AT)
    assert document["summary"] == {"cells": 36, "push": 36, "unchanged": 0, "held": 0, "blocked": 0}
    assert document["cells"][0] == {
        "store": "lazada_my", "store_sku": "MUG-00", "location": "", "sku": "MUG-00", "rule": "Mugs", "available": 10,
        "quantity": 8, "mode": "normal", "days": None, "live": None, "action": "push",
        "why": "10 available; keep back 2 units; live unknown",
    }  # fmt: skip


def test_a_time_without_a_zone_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["plan", "--at", "2026-05-04T12:00:00"])

    assert exit.value.code == 1
    assert "no time zone" in capsys.readouterr().err


def test_explain_prints_the_ladder_as_a_receipt(
    project: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    assert main(["explain", "shopee_my", "MUG-03", "--at", AT]) == 0
    assert out(capsys) == snapshot


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["shopee_mi", "MUG-03"], "did you mean `shopee_my`?"), (["shopee_my", "MUG-3"], "did you mean `MUG-03`?")],
)
def test_explain_offers_the_nearest_name(
    project: Path, arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 1
    assert hint in capsys.readouterr().err


# ---- apply ------------------------------------------------------------------------------------------


def test_after_an_apply_the_plan_is_empty_and_the_records_tell(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply"]) == 0
    assert out(capsys).endswith("36 confirmed, 0 failed, 0 not sent\n")
    assert main(["plan", "--exit-code"]) == 0
    assert out(capsys).endswith("36 cells: 0 to push, 36 unchanged, 0 held, 0 blocked\n")

    main(["records", "--json", "--sku", "MUG-03"])
    records = json.loads(out(capsys))

    found = sorted((r["store"], r["status"], r["quantity"], r["reason"]) for r in records)
    assert found == [(store, "Successfully", 11, 101) for store in ("lazada_my", "shopee_my", "tiktok_my")]

    main(["status", "--json"])
    status = json.loads(out(capsys))

    assert status["push_enabled"] is True
    assert [(s["store"], s["cells"], s["statuses"]["Successfully"]) for s in status["stores"]] == [
        ("lazada_my", 12, 12), ("shopee_my", 12, 12), ("tiktok_my", 12, 12),
    ]  # fmt: skip


def test_a_saved_plan_is_applied_as_it_was_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--json", "-o", "plan.json"])

    assert main(["apply", "plan.json"]) == 0


@pytest.mark.parametrize("changed", ["rules", "facts"])
def test_a_plan_is_refused_once_rules_or_facts_have_changed(
    project: Path, changed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", "--json", "-o", "plan.json"])
    if changed == "rules":
        edit(project / "rules.push", "keep back 2 units", "keep back 3 units")
    else:
        edit(project / "facts/stock.csv", "MUG-00,10", "MUG-00,9")

    assert main(["apply", "plan.json"]) == 1
    assert f"the {changed} have changed since" in capsys.readouterr().err
    assert main(["records"]) == 0
    assert out(capsys) == "no records\n"
    assert main(["apply", "plan.json", "--replan"]) == 0


def test_a_plan_file_changed_by_hand_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--json", "-o", "plan.json"])
    edit(project / "plan.json", '"quantity": 8,', '"quantity": 800,')

    assert main(["apply", "plan.json"]) == 1
    assert "the plan file itself was changed" in capsys.readouterr().err


def test_a_plan_file_that_is_none_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "plan.json").write_text('{"format": "other"}', "utf-8")

    assert main(["apply", "plan.json"]) == 1
    assert main(["apply", "absent.json"]) == 1
    assert "pushdsl plan --format json -o plan.json" in capsys.readouterr().err


def test_an_apply_that_would_empty_the_stores_stops_before_the_first_call(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["apply"])
    write_facts(project, "stock", "warehouse,sku,on_hand", [f"kl,MUG-{k:02d},0" for k in range(12)])
    capsys.readouterr()

    assert main(["apply"]) == 1
    error = capsys.readouterr().err
    assert "would go to 0, more than 20 %" in error
    assert "--allow-zeroing" in error
    assert main(["plan", "--exit-code"]) == 2
    assert main(["apply", "--allow-zeroing"]) == 0


def test_the_switch_stops_every_push(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pushdsl.toml").write_text("[push]\nenabled = false\n", "utf-8")

    assert main(["apply"]) == 1
    assert "switched off" in capsys.readouterr().err
    main(["status"])
    assert "OFF" in out(capsys)


def test_apply_now_sends_unchanged_cells_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["apply"])
    capsys.readouterr()

    assert main(["apply", "--now"]) == 0
    assert out(capsys).endswith("36 confirmed, 0 failed, 0 not sent\n")
    main(["records", "--json", "--reason", "16", "--limit", "100"])
    assert len(json.loads(out(capsys))) == 36


def test_an_unchanged_cell_is_recorded_as_skipped_once_with_a_count(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        main(["apply"])
    capsys.readouterr()

    main(["records", "--json", "--status", "Skipped", "--store", "shopee_my", "--store-sku", "MUG-00"])
    records = json.loads(out(capsys))

    assert [(r["detail"], r["count"]) for r in records] == [("unchanged", 2)]


# ---- what is wrong is said clearly ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "said"),
    [("blibli", "pushdsl-blibli"), ("shopie", "shopee"), ("tiki", "pushdsl-tiki")],
)
def test_a_platform_that_is_not_installed_is_named_with_what_to_do(
    project: Path, platform: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "rules.push", "store shopee_my on simulated", f"store shopee_my on {platform}")

    assert main(["plan"]) == 3
    error = capsys.readouterr().err
    assert platform in error
    assert said in error


def test_a_store_without_credentials_is_refused_before_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make_project(tmp_path / "shop", RULES))

    assert main(["plan"]) == 0
    assert main(["apply"]) == 1
    error = capsys.readouterr().err
    assert "store `lazada_my` has no `app_key`" in error
    assert "[accounts.lazada_my]" in error
    assert main(["records"]) == 0
    assert out(capsys).endswith("no records\n")


def test_a_missing_environment_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project(tmp_path / "shop", RULES)
    monkeypatch.chdir(folder)
    (folder / "pushdsl.toml").write_text('[accounts.lazada_my]\napp_secret = { env = "NO_SUCH_SECRET" }\n', "utf-8")

    assert main(["plan"]) == 0
    assert main(["apply"]) == 1
    assert "NO_SUCH_SECRET" in capsys.readouterr().err


def test_the_records_address_comes_from_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pushdsl.toml").write_text('[record]\nurl = { env = "SHOP_RECORD" }\n', "utf-8")
    monkeypatch.setenv("SHOP_RECORD", "sqlite:///elsewhere.db")

    assert main(["apply"]) == 0
    assert (project / "elsewhere.db").exists()
    assert not (project / ".pushdsl" / "record.db").exists()
    monkeypatch.setenv("SHOP_RECORD", "mysql://anna:hunter2@db.example.com/shop")
    assert main(["status"]) == 1
    said = "".join(capsys.readouterr()) + repr(read_settings(project))
    assert "records cannot be kept in `mysql`" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("command", ["plan", "apply", "status", "records"])
def test_where_the_variable_of_the_records_address_is_absent_all_that_needs_no_record_works(
    project: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pushdsl.toml").write_text('[record]\nurl = { env = "NO_SUCH_RECORD" }\n', "utf-8")

    assert main(["check"]) == 0
    assert main([command]) == 1
    assert "`url` under `[record]` takes `NO_SUCH_RECORD`" in capsys.readouterr().err
    assert not (project / ".pushdsl").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[push]\nenabld = true\n", "did you mean `enabled`?"),
        ("[push]\nenabled = 1\n", "must be `true` or `false`"),
        ('[push]\nenabled = "no"\n', "write `enabled = true` or `enabled = false`, without quotes"),
        ('[push]\nzeroing_limit_percent = "5"\n', "must be a whole number"),
        ("[record]\nurl = 1\n", "must be a text"),
        ('[record]\nurl = { file = "record.db" }\n', 'write a value or { env = "NAME" }'),
        ("[accounts]\nfirst_shop = 3\n", "write `[accounts.first_shop]` and its settings below it"),
        ("[accounts.a]\ncapabilities = 3\n", "write `[accounts.a.capabilities]`"),
        ("[push\n", "cannot read"),
        ("[accounts.shopee_my.capabilities]\nmax_quantity = -1\n", "max_quantity"),
    ],
)
def test_wrong_settings_are_said_clearly(
    project: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pushdsl.toml").write_text(text, "utf-8")

    assert main(["plan"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "old", "new", "place"),
    [
        ("stock", "warehouse,sku,on_hand", "warehouse,sku,onhand", "stock.csv"),
        ("stock", "MUG-03,13", "MUG-03,many", "stock.csv:5"),
        ("stock", "MUG-03,13", "MUG-03,13.0", "stock.csv:5"),
        ("stock", "MUG-03,13", "MUG-02,13", "stock.csv:5"),
    ],
)
def test_wrong_facts_are_named_with_file_and_line(
    project: Path, table: str, old: str, new: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / f"facts/{table}.csv", old, new)

    assert main(["plan"]) == 1
    assert place in capsys.readouterr().err


def test_leading_zeros_and_commas_of_a_sku_stay(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(project, "stock", "warehouse,sku,on_hand", ["kl,00123,5", 'kl,"MUG-A,B",7'])
    write_facts(
        project, "listings", "store,store_sku,item_id,variant_id,sku",
        ["shopee_my,00123,1,1,00123", 'shopee_my,"MUG-A,B",1,2,"MUG-A,B"'],
    )  # fmt: skip
    edit(project / "rules.push", 'like "MUG-*"', 'like "MUG-*", "00123"')

    main(["plan", "--json"])
    cells = json.loads(out(capsys))["cells"]

    assert [(cell["sku"], cell["quantity"]) for cell in cells] == [("00123", 3), ("MUG-A,B", 5)]


def test_a_rule_file_that_is_not_utf_8_is_one_clear_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rules.push").write_bytes(RULES.replace("Mugs", "Tèe").encode("latin-1"))

    assert main(["check"]) == 3
    printed = out(capsys)
    assert "UTF-8" in printed
    assert printed.endswith("1 error, 0 lints\n")


def test_a_rule_file_of_fifty_megabytes_is_refused_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rules.push").write_bytes(b"# padding\n" * 5_000_000)

    assert main(["check"]) == 3
    assert out(capsys).endswith("1 error, 0 lints\n")


def test_a_thousand_braces_are_an_error_and_no_crash(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rules.push").write_text("push edition 1\n" + "rule {" * 1000, "utf-8")

    assert main(["check"]) == 3
    assert "error[" in out(capsys)


def test_rules_that_do_not_exist_are_said_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "rule.push"]) == 1
    assert "rules.push" in capsys.readouterr().err


def test_a_broken_project_leaves_no_record_behind(project: Path) -> None:
    edit(project / "rules.push", "take kl", "take ky")

    assert main(["apply"]) == 3
    assert not (project / ".pushdsl").exists()


def test_platforms_lists_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["platforms", "--json"]) == 0
    document = json.loads(out(capsys))

    assert {"lazada", "shopee", "simulated", "tiktok"} <= {p["name"] for p in document["platforms"]}
    assert document["problems"] == []
