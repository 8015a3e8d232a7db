"""One slip gives one error, near it; five give five; and no text takes more steps than its length is worth."""

import sys
from collections import Counter
from collections.abc import Callable

import pytest
from benchmarks.mutations import Outcome, five_broken, near, outcomes, slips

from pushdsl.errors import Diagnostic
from pushdsl.grammar.parser import MAX_ERRORS, parse
from pushdsl.source import SourceText


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    return list(outcomes(slips(300, seed=7)))


READ: Callable[[Outcome], tuple[Diagnostic, ...]] = lambda outcome: outcome.read  # noqa: E731
CHECKED: Callable[[Outcome], tuple[Diagnostic, ...]] = lambda outcome: outcome.checked  # noqa: E731


def test_no_slip_crashes_the_check(found: list[Outcome]) -> None:
    assert [outcome.crash for outcome in found if outcome.crash] == []


@pytest.mark.parametrize("errors_of", [READ, CHECKED], ids=["reading", "the whole check"])
def test_one_slip_gives_one_error_near_it(
    found: list[Outcome], errors_of: Callable[[Outcome], tuple[Diagnostic, ...]]
) -> None:
    broken = [outcome for outcome in found if errors_of(outcome)]
    counts = Counter(len(errors_of(outcome)) for outcome in broken)
    close = sum(near(outcome.slip, errors_of(outcome)[0]) for outcome in broken)

    assert len(broken) > 250
    assert counts[1] >= 0.95 * len(broken)
    assert close >= 0.99 * len(broken)


def test_five_broken_statements_give_five_errors_on_their_lines() -> None:
    assert [(lines, broken) for lines, broken in five_broken(20, seed=7) if list(lines) != broken] == []


RULE = (
    'push edition 1\nwarehouse kl\nrule "A" {\n  for everything\n  take kl\n  preorder {\n    open at 5 units\n  }\n}\n'
)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("  }\n}\n", "  }\n", 8),
        ("    open at 5 units\n  }\n", "    open at 5 units\n", 7),
        ("preorder {", "preorder", 6),
        ("preorder {", "preorder }", 6),
        ("  take kl\n", "  } take kl\n", 5),
        ("  take kl\n", "  take { kl\n", 5),
        ('rule "A"', 'test "A"', 3),
        ("units\n  }", "units\n  at", 8),
    ],
)
def test_a_brace_or_a_head_that_is_wrong_is_one_error_where_it_went_wrong(before: str, after: str, line: int) -> None:
    _, (error,) = parse(SourceText("rules.push", RULE.replace(before, after)))

    assert error.span is not None
    assert error.span.line == line


def test_a_name_that_its_declaration_lost_is_not_said_to_be_unknown() -> None:
    file, _ = parse(SourceText("rules.push", RULE.replace("warehouse kl", "warehouse = 5")))

    assert "kl" in file.broken_names


@pytest.mark.parametrize(
    "piece", ['rule "A" {\n', "{", "}\n", "{ }", "'", "-", "\0", "“", "foo\n", "1,", 'warehouse a "x\n', "\\", "5 %\n"]
)
def test_a_hostile_file_says_no_more_than_a_thousand_errors(piece: str) -> None:
    _, diagnostics = parse(SourceText("rules.push", piece * 8_000))

    assert any(found.severity == "error" for found in diagnostics)
    assert len(diagnostics) <= MAX_ERRORS + 2


LONG = [
    "{",
    "{\n",
    "}\n",
    "{ }",
    'rule "A" {\n',
    "{ preorder ",
    "rule { } }\n",
    "a b c {\n  to a\n",
    "'",
    "-",
    "a-",
    "9a",
    "foo\n",
    "1,",
    "9 ",
    "\\",
    "é ",
    "“",
    "5 %\n",
    "store a on b { choice }\n",
    "  at most 5 units\n",
    "push 5% ",
]


def calls_of(text: str) -> int:
    """How many functions are called to parse a text: what a clock would say, without the clock."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        parse(SourceText("rules.push", text))
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("piece", LONG)
def test_a_text_twice_as_long_is_no_more_than_twice_the_work(piece: str) -> None:
    once, twice = calls_of('rule "A" {\n' + piece * 2_000), calls_of('rule "A" {\n' + piece * 4_000)

    assert twice < 2.3 * once + 1_000
