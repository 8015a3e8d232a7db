"""How `check` shows what it finds, in every format; the pages of the codes; what is said where settings meet rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from pushdsl.errors import FactsError, Problem
from pushdsl.report.pages import codes
from pushdsl.source import SourceText, Span, width

RULES = """\
push edition 1
warehouse kl
warehouse jb
store shopee_my on shopee
store lazada_my on lazada
rule "Beauty" {
  for category "Beauty"
  to shopee_my, lazada_my, shopee_my
  take kl   # allow PUSH309 because the hub ships for both
  keep back 5
  below 10 units only shope_my
}
"""

Check = Callable[..., str]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `check` with these options on a file with this text, in a folder of its own; the exit code is checked."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, *options: str, exits: int = 3, name: str = "rules.push") -> str:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, "utf-8")
        assert main(["check", *options, name]) == exits
        return capsys.readouterr().out

    return run


def sarif_of(check: Check, text: str = RULES, **more: Any) -> dict[str, Any]:
    document = json.loads(check(text, "--format", "sarif", **more))
    assert isinstance(document, dict)
    return document


# ---- human ------------------------------------------------------------------------------------------


def test_a_diagnostic_is_underlined_with_what_else_belongs_to_it_and_where_to_read_more(
    check: Check, snapshot: SnapshotAssertion
) -> None:
    assert check(RULES) == snapshot


def span_of(text: str, marked: str) -> Span:
    start = text.index(marked)
    return Span(SourceText("rules.push", text), start, start + len(marked))


@pytest.mark.parametrize(
    ("text", "marked", "shown"),
    [
        ("take ky", "ky", "  |\n1 | take ky\n  |      ^^"),
        ("\ttake ky", "ky", "  |\n1 |     take ky\n  |          ^^"),
        ("a\tky", "ky", "  |\n1 | a   ky\n  |     ^^"),
        ('for "口红", x', "x", '  |\n1 | for "口红", x\n  |             ^'),
        ('for "口红"', '"口红"', '  |\n1 | for "口红"\n  |     ^^^^^^'),
        ("cafe\u0301 ky", "ky", "  |\n1 | cafe\u0301 ky\n  |      ^^"),
        ("ＡＢ ky", "ky", "  |\n1 | ＡＢ ky\n  |      ^^"),
        ("\x1b[31m ky", "ky", "  |\n1 | �[31m ky\n  |       ^^"),
        ("\u202eab ky", "ky", "  |\n1 | �ab ky\n  |     ^^"),
    ],
)
def test_the_underline_stands_under_its_text_whatever_the_characters_take(text: str, marked: str, shown: str) -> None:
    assert span_of(text, marked).underlined() == shown


def test_a_width_is_what_a_terminal_takes() -> None:
    for text in ("abc", "口红", "สวัสดี", "e\u0301", "ｱﾊﾟｰﾄ", "한국어", "😀", "“x”", "", "…"):
        assert width(text) == cell_len(text)


def test_a_span_over_lines_is_underlined_on_each_and_its_middle_is_left_out() -> None:
    text = "x {\n  one\n\n  two\n  three\n}\n"

    assert span_of(text, "one\n\n  two").underlined() == "  |\n2 |   one\n  |   ^^^\n4 |   two\n  |   ^^^"
    assert span_of(text, text[:-1]).underlined("-") == "  |\n1 | x {\n  | ---\n2 |   one\n  |   ---\n…\n6 | }\n  | -"


def test_the_end_of_a_text_is_underlined_too() -> None:
    source = SourceText("rules.push", "abc")

    assert Span(source, 3, 3).underlined() == "  |\n1 | abc\n  |    ^"
    assert Span(SourceText("rules.push", ""), 0, 0).underlined() == "  |\n1 |\n  | ^"


def test_of_a_long_line_only_what_is_near_is_shown() -> None:
    text = "for " + ", ".join(f'"SKU-{number}"' for number in range(100_000))

    lines = span_of(text, '"SKU-50000"').underlined().split("\n")

    assert max(map(len, lines)) < 120
    assert lines[1][lines[2].index("^") : lines[2].rindex("^") + 1] == '"SKU-50000"'


# ---- plain ------------------------------------------------------------------------------------------


def test_plain_is_a_line_for_each_diagnostic_without_drawing(check: Check) -> None:
    *lines, total = check(RULES, "--format", "plain").splitlines()

    assert lines == [
        "rules.push:3:11: lint[PUSH301]: nothing uses the warehouse `jb`; help: use it or delete it",
        "rules.push:8:28: lint[PUSH302]: `shopee_my` is named twice; help: it counts once: delete one of the two; "
        "fix: delete it here; see also rules.push:8:6",
        "rules.push:10:13: error[PUSH021]: `5` has no unit; help: write `5 units`",
        "rules.push:11:23: error[PUSH101]: there is no store or group `shope_my`; help: did you mean `shopee_my`?; "
        "fix: write `shopee_my`",
        "`pushdsl check --fix` mends 3 of these",
    ]
    assert total == "2 errors, 2 lints, 1 silenced"


@pytest.mark.parametrize("style", ["human", "plain"])
def test_nothing_that_a_terminal_obeys_is_printed(style: str, check: Check) -> None:
    said = check("push edition 1\nwarehouse \x1b]0;x\x07\x9b31m\u202ekl\n", "--format", style)

    assert {character for character in said if not character.isprintable()} == {"\n"}


# ---- json -------------------------------------------------------------------------------------------


def test_json_names_the_place_of_a_fix_so_that_an_editor_can_apply_it(check: Check) -> None:
    document = json.loads(check(RULES, "--format", "json"))
    lines = RULES.split("\n")
    for found in reversed(document["diagnostics"]):
        if fix := found["fix"]:
            assert (fix["file"], fix["line"]) == ("rules.push", fix["end_line"])
            line = lines[fix["line"] - 1]
            lines[fix["line"] - 1] = line[: fix["column"] - 1] + fix["text"] + line[fix["end_column"] - 1 :]

    assert json.loads(check("\n".join(lines), "--json", exits=0))["errors"] == 0


def test_json_carries_related_places_and_the_silenced_with_their_reason(check: Check) -> None:
    document = json.loads(check(RULES, "--json"))
    by_code = {found["code"]: found for found in document["diagnostics"]}

    assert (document["errors"], document["lints"], document["silenced"]) == (2, 2, 1)
    assert by_code["PUSH309"]["silenced"] == "the hub ships for both"
    assert by_code["PUSH302"]["silenced"] is None
    assert by_code["PUSH302"]["related"] == [
        {"file": "rules.push", "line": 8, "column": 6, "end_line": 8, "end_column": 15}
    ]


# ---- sarif ------------------------------------------------------------------------------------------


def test_sarif_has_the_structure_that_version_2_1_0_requires(check: Check) -> None:
    document = sarif_of(check)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    assert set(run) == {"tool", "columnKind", "invocations", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["tool"]["driver"]["name"] == "pushdsl"
    assert [rule["id"] for rule in rules] == sorted({result["ruleId"] for result in run["results"]})
    for rule in rules:
        assert set(rule) == {"id", "shortDescription", "help", "defaultConfiguration"}
        assert rule["shortDescription"]["text"] in rule["help"]["text"]
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}: ")
    for result in run["results"]:
        assert {"ruleId", "ruleIndex", "level", "message", "locations", "suppressions"} <= set(result)
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == result["level"]
        assert set(result) <= {
            "ruleId", "ruleIndex", "level", "message", "locations", "suppressions", "relatedLocations", "fixes",
        }  # fmt: skip


def test_sarif_maps_severities_places_and_related_places(check: Check) -> None:
    results = {result["ruleId"]: result for result in sarif_of(check)["runs"][0]["results"]}

    assert {code: result["level"] for code, result in results.items()} == {
        "PUSH301": "warning", "PUSH302": "warning", "PUSH309": "warning", "PUSH021": "error", "PUSH101": "error",
    }  # fmt: skip
    (place,) = results["PUSH101"]["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "rules.push", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 11, "startColumn": 23, "endLine": 11, "endColumn": 31},
    }
    assert results["PUSH101"]["message"]["text"] == ("there is no store or group `shope_my`; did you mean `shopee_my`?")
    (related,) = results["PUSH302"]["relatedLocations"]
    assert related["physicalLocation"]["region"]["startColumn"] == 6


def test_sarif_has_fixes_as_replacements(check: Check) -> None:
    results = {result["ruleId"]: result for result in sarif_of(check)["runs"][0]["results"]}

    (fix,) = results["PUSH101"]["fixes"]
    (change,) = fix["artifactChanges"]
    assert fix["description"] == {"text": "write `shopee_my`"}
    assert change["artifactLocation"]["uri"] == "rules.push"
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 11, "startColumn": 23, "endLine": 11, "endColumn": 31},
            "insertedContent": {"text": "shopee_my"},
        }
    ]


def test_sarif_marks_what_a_comment_silences_as_suppressed_and_nothing_else(check: Check) -> None:
    results = sarif_of(check)["runs"][0]["results"]

    assert {result["ruleId"]: result["suppressions"] for result in results if result["suppressions"]} == {
        "PUSH309": [{"kind": "inSource", "status": "accepted", "justification": "the hub ships for both"}]
    }


def test_sarif_names_files_by_relative_uris_and_counts_characters(check: Check) -> None:
    text = 'push edition 1\nskus 口红 = "😀口红", like "a" 口\n'

    (result,) = [
        result
        for result in sarif_of(check, text, name="my rules/日 & #1.push")["runs"][0]["results"]
        if result["level"] == "error"
    ]

    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20rules/%E6%97%A5%20%26%20%231.push"
    assert place["region"]["startColumn"] == 27


def test_sarif_of_clean_rules_has_no_results(check: Check) -> None:
    (run,) = sarif_of(check, "push edition 1\n", exits=0)["runs"]

    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


# ---- explain a code ---------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["PUSH012", "push012", "12", "012", "Push12"])
def test_explain_prints_the_page_of_a_code(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs/errors/PUSH012.md").read_text("utf-8")

    assert main(["explain", written]) == 0
    assert capsys.readouterr().out == page


def test_explain_prints_a_page_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "PUSH012", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert (document["code"], document["title"]) == ("PUSH012", "something unexpected")
    assert document["page"].startswith("# PUSH012")


@pytest.mark.parametrize(("written", "near"), [("PUSH4077", "PUSH407"), ("pushO12", "PUSH012"), ("PUSH555", "PUSH")])
def test_an_unknown_code_is_answered_with_the_nearest(
    written: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", written]) == 1
    said = capsys.readouterr().err
    assert f"there is no code `{written.upper()}`" in said
    assert f"did you mean `{near}" in said


def test_a_missing_sku_is_said_and_nothing_else_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "shopee_my"]) == 1
    said = capsys.readouterr().err
    assert "the SKU of a listing in `shopee_my` is missing" in said
    assert "pushdsl explain shopee_my STORE_SKU" in said

    with pytest.raises(SystemExit):
        main(["reconcile"])
    assert "RULES" not in capsys.readouterr().err.split("error:")[1]


def test_the_pages_come_with_the_package() -> None:
    import tomllib

    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))

    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["docs/errors"] == "pushdsl/pages"
    assert set(codes()) == {page.stem for page in (root / "docs/errors").glob("PUSH*.md")}


# ---- settings and facts -----------------------------------------------------------------------------

SHOP = """\
push edition 1
warehouse kl
store shopee_my on simulated
rule "All" {
  for everything
  to shopee_my
  take kl
}
"""


def test_an_account_that_no_store_has_is_named_with_the_nearest(check: Check) -> None:
    Path("pushdsl.toml").write_text('# settings\n[accounts.shopee_mi]\nkey = "S3cret"\n', "utf-8")

    said = check(SHOP, "--format", "plain", exits=0)

    assert said.splitlines()[0] == (
        "pushdsl.toml:2:2: lint[PUSH064]: `[accounts.shopee_mi]` belongs to no store; "
        "help: did you mean `[accounts.shopee_my]`?"
    )


def test_an_account_is_no_line_that_may_hold_a_secret(check: Check) -> None:
    Path("pushdsl.toml").write_text('[accounts]\nshopee_mi = { key = "S3cret" }\n', "utf-8")

    said = check(SHOP, exits=0)

    assert "PUSH064" in said
    assert "S3cret" not in said


def test_a_plan_warns_about_an_account_that_no_store_has(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pushdsl.toml").write_text("[accounts.shopee_mi]\n", "utf-8")
    check(SHOP, exits=0)
    Path("facts").mkdir()
    Path("facts/stock.csv").write_text("warehouse,sku,on_hand\nkl,A,1\n", "utf-8")
    Path("facts/listings.csv").write_text("store,store_sku,item_id,variant_id,sku\nshopee_my,A,1,1,A\n", "utf-8")

    assert main(["plan"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("warning[PUSH064]: pushdsl.toml:1: `[accounts.shopee_mi]` belongs to no store\n")


def test_an_account_of_a_store_is_known_by_its_own_name(check: Check) -> None:
    Path("pushdsl.toml").write_text("[accounts.main]\n", "utf-8")

    said = check(SHOP.replace("on simulated", 'on simulated { account "main" }'), exits=0)

    assert said == "0 errors, 0 lints, 1 rule\n"


def test_a_problem_of_facts_names_its_column_once() -> None:
    missing = Problem("PUSH407", "column `sku` is missing", "stock.csv", 1, "sku")
    blank = Problem("PUSH409", "the cell is blank", "stock.csv", 2, "sku")

    assert str(missing) == "stock.csv:1: column `sku` is missing"
    assert str(blank) == "stock.csv:2: the cell is blank (column `sku`)"


def test_more_errors_than_are_named_are_not_counted(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    check(SHOP, exits=0)
    Path("facts").mkdir()
    rows = "".join(f"kl,S{number},many\n" for number in range(1_500))
    Path("facts/stock.csv").write_text(f"warehouse,sku,on_hand\n{rows}", "utf-8")
    Path("facts/listings.csv").write_text("store,store_sku,item_id,variant_id,sku\nshopee_my,A,1,1,A\n", "utf-8")

    assert main(["plan"]) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[-1] == "error: more than 1,000 errors in the facts"
    assert len(re.findall("PUSH410", said)) == 1_000


def test_few_errors_are_counted() -> None:
    problems = [Problem("PUSH409", "the cell is blank", "stock.csv")]

    assert str(FactsError(problems)) == "1 error in the facts"
