"""Values in, words out: diagnostics, plans, receipts and tables as a shop operator reads them.

The functions that return lines are pure; those named `print_…` and `table` write to the terminal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING

from pushdsl.errors import Diagnostic, Problem
from pushdsl.model import PPM, Action, Plan, PlannedCell, PlanProblem
from pushdsl.planfile import iso
from pushdsl.why import statement_text, units

if TYPE_CHECKING:
    from pushdsl.planner import Explanation
    from pushdsl.rules import CheckedRule


# ---- rules and facts --------------------------------------------------------------------------------


def diagnostic_lines(diagnostic: Diagnostic) -> Iterator[str]:
    """One diagnostic: what is wrong, where, underlined, and what to do."""
    yield f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    if diagnostic.span is not None:
        yield f"  --> {diagnostic.span}"
        yield from (f"  {line}" for line in diagnostic.span.underlined().split("\n"))
    for span in diagnostic.related:
        yield f"  see {span}"
        yield from (f"  {line}" for line in span.underlined().split("\n"))
    if diagnostic.help:
        yield f"  help: {diagnostic.help}"
    if diagnostic.fix is not None and diagnostic.fix.title != diagnostic.help:
        yield f"  fix: {diagnostic.fix.title}"


def diagnostic_dict(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic for a program; lines and columns count from 1, the end is excluded."""
    place: dict[str, object] = {}
    if (span := diagnostic.span) is not None:
        end_line, end_column = span.source.position(span.end)
        place = {
            "file": span.source.name, "line": span.line, "column": span.column, "end_line": end_line,
            "end_column": end_column,
        }  # fmt: skip
    fix = diagnostic.fix and {"title": diagnostic.fix.title, "text": diagnostic.fix.text}
    return {
        "code": diagnostic.code, "severity": diagnostic.severity, "message": diagnostic.message, **place,
        "help": diagnostic.help, "fix": fix,
    }  # fmt: skip


def problem_lines(problem: Problem) -> Iterator[str]:
    yield f"{problem.severity}[{problem.code}]: {problem}"
    if problem.help:
        yield f"  help: {problem.help}"


# ---- plan -------------------------------------------------------------------------------------------


def plan_lines(plan: Plan, most: int | None = None) -> Iterator[str]:
    """What changes and why, grouped by store, totals last. `most` caps the lines of each store and says what it hid."""
    yield f"Plan at {iso(plan.at)}"
    for store, cells in groupby(plan.cells, key=lambda cell: cell.store):
        yield ""
        yield from _store_lines(store, list(cells), most)
    yield from _problem_summary(plan.problems)
    yield ""
    yield total_line(plan.summary)


def _store_lines(store: str, cells: Sequence[PlannedCell], most: int | None) -> Iterator[str]:
    notable = [cell for cell in cells if cell.action != "unchanged"]
    counts = {action: sum(cell.action == action for cell in cells) for action in ("push", "held", "blocked")}
    words = ", ".join(f"{count:,} {_WORDS[action]}" for action, count in counts.items() if count)
    unchanged = len(cells) - len(notable)
    parts = [words or "nothing to push", *([f"{unchanged:,} unchanged"] if unchanged else [])]
    yield f"{store}: {', '.join(parts)}"
    shown = notable if most is None else _varied(notable, most)
    width = max((len(_name(cell)) for cell in shown), default=0)
    for cell in shown:
        yield f"  {_name(cell):<{width}}  {_change(cell)}  {_because(cell)}"
    if len(shown) < len(notable):
        yield f"  … and {len(notable) - len(shown):,} more"


def _varied(cells: Sequence[PlannedCell], most: int) -> list[PlannedCell]:
    """At most so many cells, in their order: first one of every kind of reason, then whatever comes first."""
    kinds: dict[tuple[str | None, str, str], int] = {}
    for place, cell in enumerate(cells):
        kinds.setdefault((cell.rule, cell.action, _NUMBER.sub("", cell.why)), place)
    chosen = list(kinds.values())[:most]
    taken = set(chosen)
    rest = (place for place in range(len(cells)) if place not in taken)
    return [cells[place] for place in sorted([*chosen, *islice(rest, most - len(chosen))])]


_NUMBER = re.compile(r"\d+")
_WORDS = {"push": "to push", "held": "held", "blocked": "blocked"}


def _name(cell: PlannedCell) -> str:
    return f"{cell.store_sku} @ {cell.location}" if cell.location else cell.store_sku


def _change(cell: PlannedCell) -> str:
    live = "?" if cell.live is None else f"{cell.live}"
    if cell.action == "blocked":
        return f"{live:>7}   blocked"
    arrow = "→" if cell.action == "push" else "·"
    return f"{live:>7} {arrow} {cell.quantity:<7}"


def _because(cell: PlannedCell) -> str:
    mode = ""
    if cell.mode == "preorder" and cell.action != "blocked":
        mode = f"pre-order, ships in {cell.days} days; " if cell.days is not None else "pre-order; "
    rule = f"  [{cell.rule}]" if cell.rule else ""
    return f"{mode}{cell.why}{rule}"


def _problem_summary(problems: Sequence[PlanProblem]) -> Iterator[str]:
    """Problems of the same kind together: their count, and the first three by name."""
    if not problems:
        return
    yield ""
    yield "To look at"
    kinds: dict[tuple[str, str], list[PlanProblem]] = {}
    for problem in problems:
        kinds.setdefault((problem.code, problem.message), []).append(problem)
    for (code, message), alike in kinds.items():
        named = [f"{p.store} {p.store_sku}".strip() for p in alike if p.store_sku]
        count = f"{len(alike):,} listings: " if len(named) > 1 else ""
        examples = f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})" if named else ""
        yield f"  {code} {count}{message}{examples}"


def total_line(summary: Mapping[Action, int]) -> str:
    """The last line of a plan: how many cells, and what happens to them."""
    cells = sum(summary.values())
    return (
        f"{cells:,} cell{'s' if cells != 1 else ''}: {summary['push']:,} to push, {summary['unchanged']:,} unchanged, "
        f"{summary['held']:,} held, {summary['blocked']:,} blocked"
    )


# ---- explain ----------------------------------------------------------------------------------------


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The ladder of one cell as a till receipt: every step that ran, with the rule line behind it."""
    cell, rule, steps = explanation.cell, explanation.rule, explanation.steps
    yield f"{cell.store} {_name(cell)}  (SKU {cell.sku})"
    if rule is None or steps is None:
        yield f"  blocked: {cell.why}"
        return
    yield f'  rule "{rule.name}"  {rule.span}'
    if cell.available is None and rule.take is not None:
        yield f"  blocked: {cell.why}"
        return
    rows = list(_receipt(explanation, rule))
    wide = max(len(label) for label, _, _ in rows)
    deep = max(len(value) for _, value, _ in rows)
    for label, value, place in rows:
        yield f"  {label:<{wide}}  {value:>{deep}}  {place}".rstrip()
    days = f", ships in {cell.days} days" if cell.days is not None else ""
    mode = f" in pre-order{days}" if cell.mode == "preorder" else ""
    shown = "unknown" if cell.live is None else str(cell.live)
    if cell.action == "blocked":
        yield f"  blocked: {cell.why}"
    else:
        yield f"  shows {shown}, shall show {cell.quantity}{mode}: {_DONE[cell.action]}"


_DONE = {"push": "to be pushed", "unchanged": "nothing to send", "held": "held, big numbers are sent less often"}


def _receipt(explanation: Explanation, rule: CheckedRule) -> Iterator[tuple[str, str, str]]:
    """Label, value and place of each step that the rule has or that changed the number."""
    steps, store = explanation.steps, explanation.cell.store
    assert steps is not None

    def line(statement: str) -> str:
        span = rule.spans.get(statement)
        return f"{span.source.name}:{span.line}" if span else ""

    if rule.take is not None:
        yield "available", units(int(steps.available)), ""
    if steps.unlimited:
        yield "sold without counting: the maximum", _pieces(steps.platform), ""
    else:
        if rule.take is not None and rule.exactly is None:
            yield statement_text("take", rule, store), _exact_units(int(steps.take)), line("take")
            if rule.keep_back or rule.keep_back_safety:
                yield statement_text("keep_back", rule, store), _exact_units(int(steps.keep_back)), line("keep back")
        pack = f", packs of {explanation.pack}" if explanation.pack != 1 else ""
        push = next((s for s in ("push exactly", "split", "push") if s in rule.spans), "push")
        yield statement_text("push", rule, store) + pack, _pieces(steps.push), line(push)
        for name, statement in _STATEMENTS:
            if statement in rule.spans:
                yield statement_text(name, rule, store), _pieces(getattr(steps, name)), line(statement)
        if rule.preorder is not None:
            state = "open" if steps.open else "closed"
            opens, closes = rule.preorder.open_at, rule.preorder.close_above
            words = f"pre-order {state} (opens at {opens}, closes above {closes}, adds {rule.preorder.add})"
            yield words, _pieces(steps.preorder), line("preorder")
        if steps.reserve != steps.preorder:
            yield "plus reserved for promotions", _pieces(steps.reserve), ""
        if steps.platform != steps.reserve:
            yield "not above the store's maximum", _pieces(steps.platform), ""
    if rule.increase_only:
        yield "increase only", _pieces(steps.quantity), line("increase only")


_STATEMENTS = (
    ("at_most", "at most"), ("at_least", "at least"), ("hide_below", "hide below"), ("low_stock", "below"),
)  # fmt: skip


def _pieces(value: object) -> str:
    return f"{value} pcs" if value != 1 else "1 pc"


def _exact_units(ppm: int) -> str:
    """Merchant units before the one rounding, exact: 3_500_000 → `3.5 units`."""
    whole, broken = divmod(ppm, PPM)
    text = f"{whole}.{broken:06d}".rstrip("0").rstrip(".")
    return f"{text} unit{'' if text == '1' else 's'}"


# ---- terminal ---------------------------------------------------------------------------------------


def print_lines(lines: Iterable[str]) -> None:
    """Writes lines to standard output; on a terminal, falls to 0, blocked cells and errors stand out."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(line, style=_style(line)))


def _style(line: str) -> str:
    if line.startswith("error") or "   blocked  " in line or "→ 0 " in line:
        return "red"
    if line.startswith(("lint", "warning")):
        return "yellow"
    return "" if line.startswith(" ") else "bold"


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for reading; plain text where the output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
