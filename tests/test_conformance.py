"""The conformance suite: pushdsl passes every case, and so does the reference every plan of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pushdsl import trials
from pushdsl.checker import check
from pushdsl.loader import load
from tests.conformance_runner import (
    Case,
    Installed,
    all_cases,
    alternatives_used,
    grammar_alternatives,
    is_error,
    run,
    write_files,
)
from tests.reference import evaluate

CASES = all_cases()
PLANS = [case for case in CASES if "plan" in case.instructions]
WITH_TESTS = [case for case in PLANS if b"\ntest " in case.files["rules.push"]]

# The rows of the required behaviours and the decisions on their ambiguities that are about what rules mean. The others
# are about when pushes happen, their records, and other parts of a shop.
ROWS = {str(row) for row in (*range(1, 39), *range(40, 45), 59, 60, 68, 70, 71, 73, 74, 79, 83)} | {
    f"A{row}" for row in (*range(1, 10), *range(11, 19), 20, 21, 22, *range(26, 33), 35, 37, 38)
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert run(case).differences(case) == {}


@pytest.mark.parametrize("case", PLANS, ids=lambda case: case.name)
def test_the_reference_agrees(case: Case) -> None:
    assert evaluate(case.files, case.platforms, case.at) == case.expected("plan")


@pytest.mark.parametrize("case", WITH_TESTS, ids=lambda case: case.name)
def test_the_tests_in_a_case_hold(case: Case, tmp_path: Path) -> None:
    rules = check(load([write_files(case, tmp_path)]), Installed(case.platforms))
    limits: dict[str, Any] = {store.name: case.platforms[store.platform] for store in rules.stores.values()}

    assert [failure for test in rules.tests for failure in trials.run(rules, limits, test).failures] == []


def test_there_are_500_cases_and_a_third_of_them_are_errors() -> None:
    assert len(CASES) >= 500
    assert sum(map(is_error, CASES)) * 3 >= len(CASES)


def test_every_case_says_what_it_shows() -> None:
    assert [case.name for case in CASES if not re.fullmatch("[a-z0-9-]+", case.name)] == []
    assert [case.name for case in CASES if not case.title or not covered(case)] == []
    assert [case.name for case in CASES if not {"plan", "errors", "lints", "problems"} & set(case.instructions)] == []


def test_every_row_about_rules_is_shown_by_some_case() -> None:
    shown = {row for case in CASES for section, rows in covered(case) if section == "BEHAVIOURS" for row in rows}

    assert sorted(ROWS - shown) == []


def test_every_section_of_the_language_is_shown_by_some_case() -> None:
    shown = {rows[0].split()[0] for case in CASES for section, rows in covered(case) if section == "LANGUAGE"}

    assert shown == {"0", "1", "2", "3", "4", "5", "6", "7", "8"}


def test_every_alternative_of_the_grammar_is_used_by_some_case() -> None:
    used = frozenset[str]().union(*map(alternatives_used, CASES))

    assert sorted(grammar_alternatives() - used) == []


def covered(case: Case) -> list[tuple[str, list[str]]]:
    """What a case is evidence of: `LANGUAGE` with one entry, `BEHAVIOURS` with its rows."""
    parts = [part.strip().partition(" ") for part in case.covers.split(";")]
    assert {section for section, _, _ in parts} <= {"LANGUAGE", "BEHAVIOURS"}, case.name
    return [(section, rows.split(", ") if section == "BEHAVIOURS" else [rows]) for section, _, rows in parts]
