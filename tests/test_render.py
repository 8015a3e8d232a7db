"""Rules for those who do not read rule files: plain sentences, a table of stores and statements, Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from pushdsl.sentences import STATEMENTS

ROOT = Path(__file__).parents[1]
HEAD = """push edition 1
warehouse kl "Kuala Lumpur"
warehouse jb "Johor Bahru"
warehouse hub
store shopee_my on shopee {
  region "MY"
}
store lazada_my on lazada
store tiktok_my on tiktok {
  location kl -> "MY-01"
  location hub -> "MY-02"
}
"""
EVERYTHING = """
store lazada_choice on lazada {
  choice
}
group malaysia = shopee_my, lazada_my
skus beauty = category "Beauty", like "BTY-*", brand "Acme" except "BTY-0001", tag "summer"
let safety = 20 units
let half = 50%
let promised = 15 days
rule "11.11" overrides "Beauty" {
  for beauty, from "lists/campaign.csv" except "BTY-9999"
  to malaysia
  during "2026-11-11 00:00" to "2026-11-12 00:00" in "Asia/Manila"
  take kl, half of jb
  keep back safety
  push 80% plus 5 units even at zero
  at most 500 units
  hide below 3 units
  below 10 units only shopee_my
  preorder {
    open at 5 units
    close above 50 units
    add 30 units
    ship in promised
  }
  above 1_000 units every 12 hours unless it falls by 10%
}
rule "Beauty" {
  for beauty
  to malaysia, tiktok_my
  take kl, 12.5% of jb
  keep back safety stock
  push 100% plus 1 unit
  at least 1 unit
  preorder {
    open at 5 units
    close above 50 units
    add 1 unit
  }
  above 10 units every 90 minutes
}
rule "Choice" {
  for tag "choice"
  to lazada_choice
  take hub
  at most 200 units
  increase only
}
rule "Always there" {
  for "GIFT-1"
  to shopee_my
  push exactly 999 units
}
rule "Shared" {
  for listed on malaysia except beauty, "GIFT-1"
  to malaysia
  take kl, jb
  split shopee_my 60%, lazada_my 40%
  below 10 units only malaysia
}
rule "Later" overrides "Shared" {
  for everything except beauty, "GIFT-1", tag "choice"
  to all stores
  take 50% of all warehouses except hub
  disabled
}
promise never oversell except preorder, plus, at least, push exactly, above 100%
promise every listing has a rule
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pushdsl.toml").touch()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/campaign.csv").write_text("sku\nA-1\nA-2\n", "utf-8")
    (tmp_path / "rules.push").write_text(HEAD + EVERYTHING, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def render(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["render", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 100, 240])
@pytest.mark.parametrize("form", ["sentences", "table"])
def test_a_file_with_every_statement(
    shop: Path, form: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    snapshot: SnapshotAssertion,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(width))

    printed = render(capsys, "--as", form)

    assert max(map(len, printed.splitlines())) <= width
    if (form, width) != ("sentences", 240):
        assert printed == snapshot


def test_the_same_as_markdown(shop: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    printed = render(capsys, "--as", "markdown")

    assert printed == snapshot
    html = MarkdownIt("commonmark").enable("table").render(printed)
    assert html.count("<table>") == 4
    assert html.count("<tr>") == printed.count("\n| ") - html.count("<table>")


def test_the_file_has_every_statement_of_the_table(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(render(capsys, "--json"))

    said = {name for store in document["stores"] for rule in store["rules"] for name in rule}
    assert said == {"rule", *STATEMENTS}
    assert document["format"] == "pushdsl.render/1"


def test_names_are_resolved_in_the_table(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stores = {store["store"]: store["rules"] for store in json.loads(render(capsys, "--json"))["stores"]}

    named = "shopee_my (Shopee MY), lazada_my (Lazada), tiktok_my (Tiktok), lazada_choice (Lazada)"
    assert ", ".join(stores) == named
    campaign = stores["lazada_my (Lazada)"][0]
    assert (campaign["keep back"], campaign["take"], campaign["below"], campaign["preorder"]) == (
        "20 units", "kl, 50% of jb", "10 units: 0", "cannot pre-order",
    )  # fmt: skip
    assert [rule["rule"] for rule in stores["tiktok_my (Tiktok)"]] == ["Beauty", "Later"]
    assert stores["tiktok_my (Tiktok)"][0]["take"] == "kl, 12.5% of jb (feeds nothing here)"


# ---- sentences, one statement at a time -------------------------------------------------------------


def sentences(
    shop: Path, capsys: pytest.CaptureFixture[str], *statements: str, take: str = "take kl", stores: str = "shopee_my"
) -> dict[str, str]:
    """What is said of each group of stores under one rule; `about` and `unsaid` of the rule."""
    body = "\n  ".join([line for line in ('for "A"', f"to {stores}", take, *statements) if line])
    (shop / "rules.push").write_text(f'{HEAD}rule "R" {{\n  {body}\n}}\n', "utf-8")
    (rule,) = json.loads(render(capsys, "--json"))["sentences"]["rules"]
    groups = {group["stores"]: " ".join(group["sentences"]) for group in rule["stores"]}
    return {**groups, "about": " ".join(rule["about"]), "unsaid": rule["unsaid"]}


@pytest.mark.parametrize(
    ("take", "statements", "said"),
    [
        ("take kl", (), "what Kuala Lumpur has."),
        ("take 80% of kl", ("keep back 5 units", "at most 500 units"),
         "80% of what Kuala Lumpur has, less 5 units kept back, at most 500 pieces."),
        ("take kl", ("push 80%",), "80% of what Kuala Lumpur has."),
        ("take kl", ("keep back 5 units", "push 80%"),
         "what Kuala Lumpur has, less 5 units kept back; 80% of that."),
        ("take kl, 50% of jb", ("push 80%",), "what Kuala Lumpur has plus 50% of what Johor Bahru has; 80% of that."),
        ("take kl, hub", ("keep back safety stock",),
         "what Kuala Lumpur has plus what hub has, less the safety stock of Kuala Lumpur and hub."),
        ("take kl", ("push 100% plus 200 units",),
         "what Kuala Lumpur has, plus 200 pieces (as long as there is any stock)."),
        ("take kl", ("push 50% plus 1 unit even at zero",),
         "50% of what Kuala Lumpur has, plus 1 piece (even when there is no stock)."),
        ("", ("push exactly 999 units",), "always 999 pieces, whatever is in stock."),
        ("take kl", ("at least 3 units",), "what Kuala Lumpur has, at least 3 pieces (even where there are fewer)."),
        ("take kl", ("hide below 3 units",), "what Kuala Lumpur has, 0 instead of fewer than 3 pieces."),
        ("take kl", ("increase only",),
         "what Kuala Lumpur has. The number shown may rise and never falls; until it is known, nothing is sent."),
        ("take kl", ("above 10 units every 1 day",),
         "what Kuala Lumpur has. While available is above 10 units, a new number is sent at most every 1 day."),
        ("take kl", ("above 10 units every 90 minutes unless it falls by 12.5%",),
         "what Kuala Lumpur has. While available is above 10 units, a new number is sent at most every 90 minutes, "
         "unless the number falls by 12.5% or more."),
        ("take kl", ("preorder {\n open at 5 units\n close above 50 units\n add 30 units\n}",),
         "what Kuala Lumpur has. Pre-order opens when available falls to 5 units or below, and closes when it "
         "rises above 50 units; while open, it adds 30 pieces and ships in the longest time that the store allows."),
        ("take kl", ("preorder {\n open at 5 units\n close above 50 units\n add 1 unit\n ship in 1 day\n}",),
         "what Kuala Lumpur has. Pre-order opens when available falls to 5 units or below, and closes when it "
         "rises above 50 units; while open, it adds 1 piece and ships in 1 day (or in the longest time that the store "
         "allows, where it does not allow that)."),
    ],
)  # fmt: skip
def test_a_statement_as_a_sentence(
    shop: Path, take: str, statements: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentences(shop, capsys, *statements, take=take)["shopee_my (Shopee MY)"] == said


def test_stores_that_are_treated_alike_share_their_sentences_and_others_have_their_own(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alike = sentences(shop, capsys, stores="shopee_my, lazada_my")
    low = sentences(shop, capsys, "below 10 units only shopee_my", stores="shopee_my, lazada_my")
    split = sentences(shop, capsys, "split shopee_my 60%, lazada_my 40%", stores="shopee_my, lazada_my")

    assert alike["shopee_my (Shopee MY) and lazada_my (Lazada)"] == "what Kuala Lumpur has."
    assert low["shopee_my (Shopee MY)"].endswith(" is below 10 units: sells on, and 0 is shown on lazada_my.")
    assert low["lazada_my (Lazada)"].endswith(" is below 10 units: 0; only shopee_my may sell on.")
    assert split["lazada_my (Lazada)"] == "what Kuala Lumpur has; 40% of that is this store's part."


def test_each_location_says_what_feeds_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = sentences(shop, capsys, take="take kl, 50% of hub", stores="tiktok_my")
    one = sentences(shop, capsys, take="take kl, jb", stores="tiktok_my")

    assert both["tiktok_my (Tiktok)"] == (
        "in its warehouse “MY-01”: what Kuala Lumpur has. In its warehouse “MY-02”: 50% of what hub has."
    )
    assert one["tiktok_my (Tiktok)"] == (
        "in its warehouse “MY-01”: what Kuala Lumpur has. "
        "In its warehouse “MY-02”: nothing is sent, no warehouse of this rule feeds it."
    )


def test_what_a_rule_leaves_unsaid_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentences(shop, capsys)["unsaid"] == (
        "It says no more, so: it always holds; nothing is kept back; all of it is shown; no upper limit but the "
        "listing's or the store's own; small numbers are shown as they are; all its stores sell on when stock is low; "
        "no pre-order; the number may rise and fall; every change is sent at once."
    )


@pytest.mark.parametrize(
    ("statement", "default"),
    [
        ('during "2026-11-11 00:00" to "2026-11-12 00:00" in "UTC"', "it always holds"),
        ("keep back 1 unit", "nothing is kept back"),
        ("push 80%", "all of it is shown"),
        ("push 100%", "all of it is shown"),
        ("at most 5 units", "no upper limit"),
        ("at least 5 units", "small numbers"),
        ("hide below 5 units", "small numbers"),
        ("below 5 units only shopee_my", "sell on"),
        ("preorder {\n open at 5 units\n close above 50 units\n add 30 units\n}", "no pre-order"),
        ("increase only", "may rise and fall"),
        ("above 5 units every 1 hour", "sent at once"),
    ],
)
def test_a_default_goes_unsaid_once_the_rule_says_otherwise(
    shop: Path, statement: str, default: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert default in sentences(shop, capsys)["unsaid"]
    assert default not in sentences(shop, capsys, statement)["unsaid"]


def test_windows_keep_their_own_zone_and_a_rule_says_which_it_goes_before(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "rules.push").write_text(HEAD + EVERYTHING, "utf-8")
    told = json.loads(render(capsys, "--json"))["sentences"]["rules"]
    rules = {rule["rule"]: " ".join(rule["about"]) for rule in told}

    assert "It holds only from 2026-11-11 00:00 to 2026-11-12 00:00 (Asia/Manila)" in rules["11.11"]
    assert "It goes before “Beauty”" in rules["11.11"]
    assert "It gives way to “11.11”." in rules["Beauty"]
    assert "gives way" not in rules["Shared"], "a rule that is switched off stands above nothing"
    assert rules["Later"].startswith("It is switched off and does nothing.")
    assert 'or the 2 SKUs in "lists/campaign.csv", but not “BTY-9999”' in rules["11.11"]


EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/rules.push"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_renders_in_80_columns(
    example: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(ROOT / "examples")
    for form in ("sentences", "table"):
        lines = render(capsys, example, "--as", form).splitlines()
        assert max(map(len, lines)) <= 80


def test_a_broken_rule_file_is_said_to_be_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "rules.push").write_text(HEAD + 'rule "R" {\n  for "A"\n  to nowhere\n  take kl\n}\n', "utf-8")

    assert main(["render"]) == 3
    assert "help: declare it as `store nowhere on …`" in capsys.readouterr().err
