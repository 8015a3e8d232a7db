"""pytest in a project of its own that has nothing but pushdsl: tests of rule files, and snapshots of dry runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# loaded before the tests below: each of them forgets what it has loaded, and numpy loads only once in a process
import pushdsl.facts
import pushdsl.plugins.simulated
import pushdsl.report.plans  # noqa: F401

pytest_plugins = ["pytester"]

RULES = """push edition 1
warehouse kl
store first_shop on simulated
rule "Everything" {
  for everything
  to first_shop
  take kl
  push 80%
}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".push", rules=RULES)
    facts = Path(pytester.mkdir("facts"))
    facts.joinpath("stock.csv").write_text("warehouse,sku,on_hand\nkl,MUG-1,10\n", "utf-8")
    facts.joinpath("listings.csv").write_text("store,store_sku,sku\nfirst_shop,mug,MUG-1\n", "utf-8")
    pytester.makepyfile('def test_plan(push_plan, snapshot):\n    assert push_plan("rules.push") == snapshot\n')
    return pytester


def accepted(project: pytest.Pytester) -> Path:
    project.runpytest("--snapshot-update").assert_outcomes(passed=1)
    (kept,) = project.path.rglob("*.plan.txt")
    return kept


def test_a_dry_run_is_kept_as_readable_text_and_compared(project: pytest.Pytester) -> None:
    kept = accepted(project)

    assert kept.read_text("utf-8") == (
        "Plan at 2026-01-01T00:00:00Z\n\n"
        "first_shop: 1 to push\n"
        "  mug        ? → 8        10 available; push 80%; live unknown  [Everything]\n\n"
        "1 cell: 1 to push, 0 unchanged, 0 held, 0 blocked\n"
    )
    project.runpytest().assert_outcomes(passed=1)


def test_a_changed_rule_fails_with_the_lines_that_differ(project: pytest.Pytester) -> None:
    accepted(project)
    project.makefile(".push", rules=RULES.replace("80%", "70%"))

    result = project.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*the plan is not the one of the snapshot (`pytest --snapshot-update` accepts it)",
            "*-  mug *→ 8 *",
            "*+  mug *→ 7 *",
        ]
    )


def test_a_plan_without_a_snapshot_fails(project: pytest.Pytester) -> None:
    result = project.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no such snapshot yet"])


def test_two_plans_of_one_test_are_two_snapshots(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_plan(push_plan, snapshot):
            assert push_plan("rules.push") == snapshot
            assert push_plan("rules.push", at="2026-11-11T00:00:00+08:00") == snapshot
            assert push_plan(["rules.push"], facts="facts") == push_plan("rules.push")
            assert push_plan("rules.push").plan.summary["push"] == 1
        """
    )
    project.runpytest("--snapshot-update").assert_outcomes(passed=1)

    assert sorted(path.read_text("utf-8")[:28] for path in project.path.rglob("*.plan.txt")) == [
        "Plan at 2026-01-01T00:00:00Z",
        "Plan at 2026-11-10T16:00:00Z",
    ]
    project.runpytest().assert_outcomes(passed=1)


def test_rules_that_do_not_check_fail_the_test_with_their_errors(project: pytest.Pytester) -> None:
    project.makefile(".push", rules=RULES.replace("take kl", "take kk"))

    result = project.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error[[]PUSH101[]]: *`kk`*", "error: 1 error in the rules"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_time_without_a_zone_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile('def test_plan(push_plan):\n    push_plan("rules.push", at="2026-11-11 00:00")\n')

    result = project.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*`2026-11-11 00:00` has no time zone*"])


# ---- tests of rule files ----------------------------------------------------------------------------

PASSES = """test "four fifths are shown" {
  stock "MUG-1" in kl 10 units, 5 units
  expect "MUG-1" on first_shop 8 units, 4 units
}
"""
FAILS = PASSES.replace("four fifths", "all pieces").replace("8 units, 4 units", "8 units, 5 units")


def test_tests_of_rule_files_are_tests_of_pytest(pytester: pytest.Pytester) -> None:
    pytester.makefile(".push", rules=RULES + PASSES + FAILS)

    result = pytester.runpytest("-v")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "rules.push::four fifths are shown PASSED*",
            "rules.push::all pieces are shown FAILED*",
            "  --> rules.push:*",
            "  column 2 of 2, *",
            "  expected  5 units",
            "  got       4 units",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_one_test_of_a_rule_file_can_be_chosen(pytester: pytest.Pytester) -> None:
    pytester.makefile(".push", rules=RULES + PASSES + FAILS)

    pytester.runpytest("-k", "fifths").assert_outcomes(passed=1, deselected=1)
    pytester.runpytest("rules.push::four fifths are shown").assert_outcomes(passed=1)


def test_in_a_project_the_rules_of_all_its_files_apply(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("pushdsl.toml").touch()
    pytester.makefile(".push", rules=RULES, mugs="push edition 1\n" + PASSES)

    pytester.runpytest().assert_outcomes(passed=1)


def test_rules_that_do_not_check_are_an_error_of_collection(pytester: pytest.Pytester) -> None:
    pytester.makefile(".push", rules=RULES.replace("take kl", "take kk") + PASSES)

    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["error[[]PUSH101[]]: *`kk`*", "error: 1 error in the rules"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_which_rule_files_are_collected_is_a_setting(pytester: pytest.Pytester) -> None:
    pytester.makefile(".push", rules=RULES + FAILS, test_rules=RULES + PASSES)
    pytester.makeini("[pytest]\npush_files = test_*.push")

    pytester.runpytest().assert_outcomes(passed=1)


# ---- the manual's page ------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[1] / "docs" / "pytest.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_what_the_manual_shows_is_what_happens(pytester: pytest.Pytester) -> None:
    for name, text in BLOCKS.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")

    pytester.runpytest("--snapshot-update").assert_outcomes(passed=3)
    (kept,) = pytester.path.rglob("*.plan.txt")
    assert kept.relative_to(pytester.path) == Path("__snapshots__", "test_plan", "test_the_plan.plan.txt")
    assert kept.read_text("utf-8") == BLOCKS["snapshot"]

    rules = pytester.path / "rules.push"
    rules.write_text(BLOCKS["rules.push"].replace("80%", "70%"), "utf-8")
    told = pytester.runpytest("-k", "test_the_plan", "-vv").stdout.str()
    assert [line for line in BLOCKS["difference"].splitlines() if line not in told] == []
