"""Tests that were run and what they reached in; the lines and the JSON that tell of them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING

from pushdsl.planfile import iso
from pushdsl.report.receipts import explanation_lines

if TYPE_CHECKING:
    from pushdsl.trial_coverage import Coverage, Part
    from pushdsl.trials import Failure, Trial

# ---- text -------------------------------------------------------------------------------------------


def result_lines(trials: Iterable[Trial]) -> Iterator[str]:
    """A line for each test under the name of its file, as they come."""
    for file, of_file in groupby(trials, key=lambda trial: trial.test.span.source.name):
        yield file
        for trial in of_file:
            yield f"  {'passed' if trial.passed else 'FAILED'}  {trial.test.name}"


def failure_lines(trial: Trial) -> Iterator[str]:
    """What failed in a test: for each expectation its first wrong value with the cell's ladder, then the others."""
    for _, of_line in groupby(trial.failures, key=lambda failure: failure.expectation.span.start):
        first, *others = of_line
        yield f'FAILED: test "{trial.test.name}"'
        yield f"  --> {first.span}"
        yield from (f"  {line}" for line in first.span.underlined().split("\n"))
        yield f"  column {first.column + 1} of {trial.test.columns}, {_time(trial, first)}"
        yield f"  expected  {first.expected}"
        yield f"  got       {first.got}"
        if first.explanation is not None:
            yield ""
            yield from (f"  {line}" for line in explanation_lines(first.explanation))
        if others:
            yield ""
        for other in others:
            yield f"  column {other.column + 1}: expected {other.expected}, got {other.got}"
        yield ""


def total_line(trials: Sequence[Trial], not_selected: int) -> str:
    failed = sum(not trial.passed for trial in trials)
    counts = [f"{len(trials) - failed} passed", f"{failed} failed"]
    return ", ".join([*counts, *([f"{not_selected} not selected"] if not_selected else [])])


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """What no test reached, rule by rule, each with its line; the totals last."""
    for rule, of_rule in groupby(coverage.parts, key=lambda part: part.rule):
        parts = list(of_rule)
        missing = [part for part in parts if not part.tests]
        if missing and len(missing) == len(parts):
            yield f'rule "{rule}"  no test reaches it'
            yield f"  {_place(parts[0])}"
        elif missing:
            yield f'rule "{rule}"'
            rows = [(_place(part), part.statement, _never(part)) for part in missing]
            wide, deep = max(len(place) for place, _, _ in rows), max(len(words) for _, words, _ in rows)
            yield from (f"  {place:<{wide}}  {words:<{deep}}  {never}" for place, words, never in rows)
    yield f"{coverage.reached} of {len(coverage.parts)} parts of the rules reached, {coverage.percent}%"


def _place(part: Part) -> str:
    return f"{part.span.source.name}:{part.span.line}"


def _never(part: Part) -> str:
    return _NEVER.get((part.statement, part.edge), "never changed the number")


_NEVER = {
    ("for", ""): "never matched",
    ("to", ""): "never matched",
    ("during", ""): "never in its window",
    ("take", ""): "never took anything",
    ("push", ""): "never computed the number",
    ("push exactly", ""): "never computed the number",
    ("split", ""): "never computed the number",
    ("keep back", ""): "never kept anything back",
    ("at most", ""): "never cut the number",
    ("at least", ""): "never raised the number",
    ("hide below", ""): "never hid the number",
    ("below", "cut"): "never cut a store to 0",
    ("below", "not cut"): "never left a store as it is",
    ("preorder", "opened"): "never opened",
    ("preorder", "closed"): "never closed",
    ("preorder", "kept"): "never stayed open between its two numbers",
    ("preorder", "ship in"): "never shipped in the days of `ship in`",
    ("increase only", ""): "never held a number up",
    ("above", ""): "never held a push back",
}


def _time(trial: Trial, failure: Failure) -> str:
    zone = trial.test.zone
    return f"{failure.at.astimezone(_zone(zone)):%Y-%m-%d %H:%M} {zone}"


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


# ---- JSON -------------------------------------------------------------------------------------------


def trials_dict(trials: Sequence[Trial], not_selected: int, coverage: Coverage | None) -> dict[str, object]:
    """The document `pushdsl.test/1`; lines and columns of the text and columns of a test count from 1."""
    failed = sum(not trial.passed for trial in trials)
    return {
        "format": "pushdsl.test/1",
        "passed": len(trials) - failed,
        "failed": failed,
        "not_selected": not_selected,
        "tests": [_trial_dict(trial) for trial in trials],
        "coverage": None if coverage is None else _coverage_dict(coverage),
    }


def _trial_dict(trial: Trial) -> dict[str, object]:
    test = trial.test
    return {
        "name": test.name,
        "file": test.span.source.name,
        "line": test.span.line,
        "passed": trial.passed,
        "columns": [iso(column.at) for column in trial.columns],
        "failures": [_failure_dict(failure) for failure in trial.failures],
    }


def _failure_dict(failure: Failure) -> dict[str, object]:
    span, cell, explanation = failure.span, failure.expectation.cell, failure.explanation
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name, "line": span.line, "column": span.column, "end_line": end_line,
        "end_column": end_column,
        "store": cell.store, "sku": cell.store_sku, "location": cell.location,
        "kind": failure.expectation.kind,
        "test_column": failure.column + 1,
        "at": iso(failure.at),
        "expected": failure.expected,
        "got": failure.got,
        "ladder": list(explanation_lines(explanation)) if explanation is not None else [],
    }  # fmt: skip


def _coverage_dict(coverage: Coverage) -> dict[str, object]:
    parts = [
        {
            "rule": part.rule, "statement": part.statement, "edge": part.edge, "file": part.span.source.name,
            "line": part.span.line, "tests": list(part.tests),
        }
        for part in coverage.parts
    ]  # fmt: skip
    return {"reached": coverage.reached, "of": len(coverage.parts), "percent": coverage.percent, "parts": parts}
