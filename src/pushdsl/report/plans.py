"""A plan in; the lines that show what changes and why out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice

from pushdsl.model import Action, Plan, PlannedCell, PlanProblem
from pushdsl.planfile import iso


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
    width = max((len(cell_name(cell)) for cell in shown), default=0)
    for cell in shown:
        yield f"  {cell_name(cell):<{width}}  {_change(cell)}  {_because(cell)}"
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


def cell_name(cell: PlannedCell) -> str:
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
