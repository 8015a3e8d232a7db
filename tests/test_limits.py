"""What a limits profile refuses: on the text alone, on the facts, and by each command, always with the count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pushdsl.checker import diagnose
from pushdsl.cli import main
from pushdsl.errors import Diagnostic, SettingsError
from pushdsl.grammar import parser
from pushdsl.limits import PRESETS, UNLIMITED, LimitsProfile
from pushdsl.loader import load
from pushdsl.settings import read_settings
from tests.test_checker import FakePlatforms

HEAD = "push edition 1\nwarehouse kl\nstore shop on simulated\n"
FREE, VIP = PRESETS["free"], PRESETS["vip"]


def rule(name: str, selector: str, more: str = "") -> str:
    return f'rule "{name}" {{\n  for {selector}\n  to shop\n  take kl\n{more}}}\n'


def literals(count: int, prefix: str = "A") -> str:
    return ",\n    ".join(f'"{prefix}-{number}"' for number in range(count))


def refused(folder: Path, text: str, profile: LimitsProfile) -> list[Diagnostic]:
    path = folder / "rules.push"
    path.write_text(HEAD + text, "utf-8")
    return [said for said in diagnose(load([path]), FakePlatforms(), profile)[1] if said.severity == "error"]


# ---- on the text ------------------------------------------------------------------------------------


def test_a_second_rule_is_more_than_free_allows(tmp_path: Path) -> None:
    one, two = rule("One", '"A"'), rule("Two", '"B"')

    [said] = refused(tmp_path, one + two, FREE)

    assert said.code == "PUSH225"
    assert said.message == "there are 2 rules, and the limits profile `free` allows 1"
    assert said.span is not None
    assert said.span.text == 'rule "Two"'
    assert refused(tmp_path, one, FREE) == []
    assert refused(tmp_path, one + two, VIP) == []


def test_a_disabled_rule_does_not_count(tmp_path: Path) -> None:
    text = rule("One", '"A"') + rule("Two", literals(501, "B"), "  disabled\n")

    assert refused(tmp_path, text, FREE) == []


@pytest.mark.parametrize(("profile", "most"), [(FREE, 500), (VIP, 5_000)])
def test_so_many_skus_are_allowed_and_one_more_is_refused_with_the_count(
    tmp_path: Path, profile: LimitsProfile, most: int
) -> None:
    assert refused(tmp_path, rule("All", literals(most)), profile) == []
    [said] = refused(tmp_path, rule("All", literals(most + 1)), profile)

    assert said.code == "PUSH226"
    assert said.message == f"rule `All` has {most + 1} SKUs, and the limits profile `{profile.preset}` allows {most}"


def test_vip_has_any_number_of_rules(tmp_path: Path) -> None:
    text = "".join(rule(letter, literals(5_000, letter)) for letter in "ABC")

    assert refused(tmp_path, text, VIP) == []


def test_skus_of_lists_and_sets_count_once_and_less_what_except_takes_away(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("A-1\nA-2\nA-3\n", "utf-8")
    text = 'skus some = "A-3", "A-4"\n' + rule("All", 'from "list.csv", some, "A-1", "X" except "X"')

    assert refused(tmp_path, text, LimitsProfile(skus_per_rule=4)) == []
    [said] = refused(tmp_path, text, LimitsProfile(skus_per_rule=3))
    assert said.message == "rule `All` has 4 SKUs, and `[limits]` in `pushdsl.toml` allows 3"


def test_the_text_alone_does_not_count_what_only_facts_know(tmp_path: Path) -> None:
    one = LimitsProfile(skus_per_rule=1)

    assert refused(tmp_path, rule("All", 'category "Beauty", like "A*", "X"'), one) == []
    assert refused(tmp_path, rule("All", '"X", "Y" except category "Beauty"'), one) == []


def test_a_store_on_tokopedia_is_refused_by_name_and_nothing_else_is_said_of_it(tmp_path: Path) -> None:
    text = "store toko on tokopedia\n" + rule("All", '"A"').replace("shop", "toko, shop")

    [said] = refused(tmp_path, text, FREE)

    assert said.code == "PUSH114"
    assert said.message == "`toko` is on `tokopedia`, which the limits profile `free` does not allow"
    assert [said.code for said in refused(tmp_path, text, VIP)] == ["PUSH105"]


def test_an_unknown_edition_names_those_that_are_known_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rules.push"
    path.write_text("push edition 4\nwarehouse kl\n", "utf-8")
    assert [said.help for said in load([path]).diagnostics] == [
        "this pushdsl reads edition 1; a newer one may read more"
    ]

    monkeypatch.setattr(parser, "EDITIONS", (3, 2, 1))

    [said] = load([path]).diagnostics
    assert said.message == "edition 4 of the language is not known here"
    assert said.help == "this pushdsl reads editions 3, 2 and 1; a newer one may read more"


# ---- settings ---------------------------------------------------------------------------------------


def limits_of(folder: Path, text: str) -> LimitsProfile:
    (folder / "pushdsl.toml").write_text(f"[limits]\n{text}\n", "utf-8")
    return read_settings(folder, {}).limits


def test_a_preset_is_what_the_subscription_allows(tmp_path: Path) -> None:
    assert LimitsProfile("free", 1, 500, frozenset(["tokopedia"])) == limits_of(tmp_path, 'preset = "free"')
    assert LimitsProfile("vip", None, 5_000, frozenset()) == limits_of(tmp_path, 'preset = "vip"')
    assert limits_of(tmp_path, "") == UNLIMITED


def test_own_values_go_before_those_of_the_preset(tmp_path: Path) -> None:
    text = 'preset = "free"\nrules = 3\nblocked_platforms = []'

    assert LimitsProfile("free", 3, 500, frozenset()) == limits_of(tmp_path, text)
    assert LimitsProfile("", 2, None, frozenset(["lazada"])) == limits_of(
        tmp_path, 'rules = 2\nblocked_platforms = ["lazada"]'
    )


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ('preset = "fre"', "unknown preset `fre` in [limits]", "did you mean `free`?"),
        ('preset = "gold"', "unknown preset `gold` in [limits]", "presets: free, vip"),
        ("rules = 0", "`rules` in [limits] is not a whole number from 1", "leave it out for any number"),
        ("rules = true", "`rules` in [limits] is not a whole number from 1", "leave it out for any number"),
        ('skus_per_rule = "5"', "`skus_per_rule` in [limits] is not a whole number from 1", "leave it out"),
        ('blocked_platforms = "lazada"', "`blocked_platforms` in [limits] is not a list of names", "tokopedia"),
        ("skus = 5", "unknown setting `skus` in [limits]", ""),
    ],
)
def test_limits_that_cannot_be_read_are_refused(tmp_path: Path, text: str, message: str, help: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        limits_of(tmp_path, text)

    assert refusal.value.message == message
    assert help in refusal.value.help


# ---- on the facts, from the command line -------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two beauty SKUs, one of them named too, and a SKU that no fact knows: three SKUs in one rule."""
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "stock.csv").write_text("warehouse,sku,on_hand\nkl,B-1,5\nkl,B-2,5\nkl,T-1,5\n", "utf-8")
    (facts / "skus.csv").write_text("sku,category\nB-1,Beauty\nB-2,Beauty\nT-1,Toys\n", "utf-8")
    (facts / "listings.csv").write_text("store,store_sku,item_id,variant_id,sku\nshop,B-1,1,1,B-1\n", "utf-8")
    (tmp_path / "rules.push").write_text(HEAD + rule("All", 'category "Beauty", "B-1", "NEW"'), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def limit(folder: Path, text: str) -> None:
    (folder / "pushdsl.toml").write_text(f"[limits]\n{text}\n[push]\nenabled = false\n", "utf-8")


COMMANDS = (["check", "--facts", "facts"], ["plan"], ["apply"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_more_skus_on_the_facts_than_allowed_are_refused_with_the_count(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    limit(project, "skus_per_rule = 2")

    assert main(command) == 3
    shown = "".join(capsys.readouterr())
    assert "rule `All` has 3 SKUs, and `[limits]` in `pushdsl.toml` allows 2" in shown
    assert "PUSH226" in shown


@pytest.mark.parametrize("command", COMMANDS[:2], ids=lambda command: command[0])
def test_as_many_skus_on_the_facts_as_allowed_are_no_error(project: Path, command: list[str]) -> None:
    limit(project, "skus_per_rule = 3")

    assert main(command) == 0


def test_without_facts_check_counts_the_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limit(project, "skus_per_rule = 2")
    assert main(["check"]) == 0

    limit(project, "skus_per_rule = 1")
    assert main(["check", "--json"]) == 3
    *_, document = capsys.readouterr().out.partition("{")
    [said] = json.loads("{" + document)["diagnostics"]
    assert said["message"] == "rule `All` has 2 SKUs, and `[limits]` in `pushdsl.toml` allows 1"


@pytest.mark.parametrize("command", [["check"], ["plan"]], ids=lambda command: command[0])
def test_a_blocked_platform_that_is_none_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    limit(project, 'blocked_platforms = ["tokopeda"]')

    assert main(command) == 1
    assert "names `tokopeda`, which is no platform" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["check"], ["plan"]], ids=lambda command: command[0])
def test_every_command_enforces_what_the_text_tells(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    limit(project, 'blocked_platforms = ["simulated"]')

    assert main(command) == 3
    assert "`shop` is on `simulated`, which `[limits]`" in "".join(capsys.readouterr())
