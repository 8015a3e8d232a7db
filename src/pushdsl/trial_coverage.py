"""Rules and the trials of their tests in; what of each rule some test has reached, and what none has, out.

A rule's statement is reached where a test's cell was computed by the rule and the statement did something to it: it
changed the number, or decided. That is read from the steps of the ladder; nothing is computed a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pushdsl.interpreter import Steps
from pushdsl.model import Live
from pushdsl.planner import Explanation
from pushdsl.rules import CheckedRule, CheckedRules
from pushdsl.source import Span
from pushdsl.trials import Trial

EDGES = {"below": ("cut", "not cut"), "preorder": ("opened", "closed", "kept", "ship in")}
"""Statements that can go several ways, each of which is reached by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """A statement of a rule, or one way that it can go: `edge` is empty or one of `EDGES`. `tests` have reached it."""

    rule: str
    statement: str
    edge: str
    span: Span
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """All parts of all rules that are not disabled, in the order of the text."""

    parts: tuple[Part, ...]

    @property
    def reached(self) -> int:
        return sum(bool(part.tests) for part in self.parts)

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 means all."""
        return 100 * self.reached // len(self.parts) if self.parts else 100


def covered(rules: CheckedRules, trials: Iterable[Trial]) -> Coverage:
    """What these trials have reached, each part with the names of the tests that reached it."""
    tests: dict[tuple[str, str, str], dict[str, None]] = {}
    for trial in trials:
        for part in _reached_by(trial):
            tests.setdefault(part, {})[trial.test.name] = None
    parts = [
        Part(rule.name, statement, edge, span, tuple(tests.get((rule.name, statement, edge), ())))
        for rule in rules.rules
        if not rule.disabled
        for statement, edge, span in _parts_of(rule)
    ]
    return Coverage(tuple(parts))


def _parts_of(rule: CheckedRule) -> Iterator[tuple[str, str, Span]]:
    for statement, span in sorted(rule.spans.items(), key=lambda item: item[1].start):
        for edge in EDGES.get(statement, ("",)):
            if edge != "ship in" or (rule.preorder is not None and rule.preorder.ship_in_days is not None):
                yield statement, edge, span


def _reached_by(trial: Trial) -> Iterator[tuple[str, str, str]]:
    for column in trial.columns:
        for explanation in column.explained():
            if (rule := explanation.rule) is not None:
                shown = column.live.get(explanation.cell.key)
                yield from ((rule.name, statement, edge) for statement, edge in _reached(rule, explanation, shown))


def _reached(rule: CheckedRule, explanation: Explanation, shown: Live | None) -> Iterator[tuple[str, str]]:
    """The statements that did something to this cell, and which way they went."""
    steps = explanation.steps
    assert steps is not None
    yield from ((statement, "") for statement in ("for", "to", "during"))
    if rule.take is not None and explanation.cell.available is None:
        return  # unknown stock: no other statement had anything to work on
    yield "take", ""
    if not steps.unlimited:
        yield from _on_the_way(rule, steps)
        yield from _latched(rule, explanation, steps, shown)
    if steps.quantity != steps.platform or steps.live_missing or steps.above_maximum:
        yield "increase only", ""
    if explanation.cell.action == "held":
        yield "above", ""


def _on_the_way(rule: CheckedRule, steps: Steps) -> Iterator[tuple[str, str]]:
    if steps.keep_back != steps.take:
        yield "keep back", ""
    yield from ((way, "") for way in ("push", "push exactly", "split") if way in rule.spans)
    if steps.at_most != steps.push:
        yield "at most", ""
    if steps.at_least != steps.at_most:
        yield "at least", ""
    if steps.hide_below != steps.at_least:
        yield "hide below", ""
    if steps.low_stock != steps.hide_below:
        yield "below", "cut"
    elif steps.hide_below > 0:
        yield "below", "not cut"


def _latched(
    rule: CheckedRule, explanation: Explanation, steps: Steps, shown: Live | None
) -> Iterator[tuple[str, str]]:
    """Which way the latch went, from the mode before; `kept` is open although more is available than opens it."""
    was_open = shown is not None and shown.mode == "preorder"
    if rule.preorder is None:
        return
    if steps.open and not was_open:
        yield "preorder", "opened"
    elif was_open and not steps.open:
        yield "preorder", "closed"
    elif was_open and steps.available > rule.preorder.open_at:
        yield "preorder", "kept"
    if steps.open and explanation.cell.days == rule.preorder.ship_in_days:
        yield "preorder", "ship in"
