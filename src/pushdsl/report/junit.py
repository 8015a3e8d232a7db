"""Tests that were run in; JUnit's XML, as build servers read it, out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from pushdsl.report.trials import failure_lines

if TYPE_CHECKING:
    from pushdsl.trials import Trial

_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit_xml(trials: Sequence[Trial]) -> str:
    """A test suite for each file. Times are 0, so that the same tests give the same bytes."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_counts('pushdsl', trials)}>"]
    for file, of_file in groupby(trials, key=lambda trial: trial.test.span.source.name):
        suite = list(of_file)
        lines += [f"  <testsuite{_counts(file, suite)}>", *(line for trial in suite for line in _case(trial))]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _counts(name: str, trials: Sequence[Trial]) -> str:
    failed = sum(not trial.passed for trial in trials)
    return _attributes(name=name, tests=len(trials), failures=failed, errors=0, skipped=0, time=0)


def _case(trial: Trial) -> Iterator[str]:
    span = trial.test.span
    file = span.source.name
    named = _attributes(name=trial.test.name, classname=file, file=file, line=span.line, time=0)
    if trial.passed:
        yield f"    <testcase{named}/>"
        return
    first = trial.failures[0]
    message = f"{first.span}: expected {first.expected}, got {first.got}"
    yield f"    <testcase{named}>"
    told = escape(_spoken("\n".join(failure_lines(trial))))
    yield f"      <failure{_attributes(message=message, type='expectation')}>{told}</failure>"
    yield "    </testcase>"


def _attributes(**values: object) -> str:
    return "".join(f" {name}={quoteattr(_spoken(str(value)))}" for name, value in values.items())


def _spoken(text: str) -> str:
    return _UNSPEAKABLE.sub("\N{REPLACEMENT CHARACTER}", text)
