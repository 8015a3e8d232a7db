"""A plan in; the lines that show what changes and why out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

import numpy as np

from pushdsl.model import ACTIONS, Action, Plan, PlannedCell, PlanProblem
from pushdsl.planfile import iso
from pushdsl.planner import PlannedCells, planned_cells
from pushdsl.report.texts import visible

Detail = Literal["summary", "changes", "every"]
"""How much of a plan is shown: a line for each store; what changes too; every cell with its reason."""


def plan_lines(plan: Plan, most: int | None = None, detail: Detail = "changes") -> Iterator[str]:
    """A plan grouped by store, totals last. `most` caps the lines of each store and says what it hid.

    Lines come one by one: a million cells are never in memory together.
    """
    yield f"Plan at {iso(plan.at)}"
    if detail == "summary":
        yield from ("", *_store_heads(plan), *_problem_count(plan.problems))
    else:
        for store, cells in planned_cells(plan).by_store():
            yield ""
            yield f"{store}: {counted(counts_of(cells))}"
            yield from _cell_lines(cells if detail == "every" else cells.having("push", "held", "blocked"), most)
        yield from problem_summary(plan.problems, "To look at")
    yield ""
    yield total_line(plan.summary)


def _store_heads(plan: Plan) -> Iterator[str]:
    heads = {store: counted(counts_of(cells)) for store, cells in planned_cells(plan).by_store()}
    width = max(map(len, heads), default=0)
    yield from (f"{store:<{width}}  {words}" for store, words in heads.items())


def _problem_count(problems: Sequence[PlanProblem]) -> Iterator[str]:
    if problems:
        yield f"{len(problems):,} to look at: `pushdsl plan` names them"


def counts_of(cells: PlannedCells) -> dict[Action, int]:
    """How many cells of each action."""
    counts = np.bincount(cells.numbers().action, minlength=len(ACTIONS)).tolist()
    return dict(zip(ACTIONS, counts, strict=True))


def counted(counts: Mapping[Action, int]) -> str:
    """The counts that are not 0 as words: `4 to push, 1 held`."""
    words = ", ".join(f"{counts[action]:,} {_WORDS[action]}" for action in _WORDS if counts[action])
    unchanged = counts["unchanged"]
    return ", ".join([words or "nothing to push", *([f"{unchanged:,} unchanged"] if unchanged else [])])


def _cell_lines(cells: PlannedCells, most: int | None) -> Iterator[str]:
    shown = cells if most is None else cells.at(varied(cells, most))
    width = max((len(_named(*name)) for name in shown.names()), default=0)
    for cell in shown:
        yield f"  {cell_name(cell):<{width}}  {_change(cell)}  {_because(cell)}"
    if len(shown) < len(cells):
        yield f"  … and {len(cells) - len(shown):,} more"


def varied(cells: Iterable[PlannedCell], most: int) -> list[int]:
    """The places of at most so many cells, in order: first one of every kind of reason, then whatever comes first."""
    kinds: dict[tuple[str | None, str, str], int] = {}
    count = 0
    for place, cell in enumerate(cells):
        kinds.setdefault((cell.rule, cell.action, _NUMBER.sub("", cell.why)), place)
        count += 1
    chosen = list(kinds.values())[:most]
    taken = set(chosen)
    rest = (place for place in range(count) if place not in taken)
    return sorted([*chosen, *islice(rest, most - len(chosen))])


_NUMBER = re.compile(r"\d+")
_WORDS: Mapping[Action, str] = {"push": "to push", "held": "held", "blocked": "blocked"}


def cell_name(cell: PlannedCell) -> str:
    return _named(cell.store_sku, cell.location)


def _named(store_sku: str, location: str) -> str:
    return visible(f"{store_sku} @ {location}" if location else store_sku)


def _change(cell: PlannedCell) -> str:
    live = "?" if cell.live is None else f"{cell.live}"
    if cell.action == "blocked":
        return f"{live:>7}   blocked"
    return f"{live:>7} {ARROWS[cell.action]} {cell.quantity:<7}"


ARROWS: Mapping[Action, str] = {"push": "→", "held": "·", "unchanged": "="}


def _because(cell: PlannedCell) -> str:
    mode = f"{mode_text(cell)}; " if cell.mode == "preorder" and cell.action != "blocked" else ""
    rule = f"  [{cell.rule}]" if cell.rule else ""
    return visible(f"{mode}{cell.why}{rule}")


def mode_text(cell: PlannedCell) -> str:
    """`pre-order, ships in 7 days`, or `normal`."""
    if cell.mode == "normal":
        return "normal"
    return "pre-order" if cell.days is None else f"pre-order, ships in {cell.days} day{'' if cell.days == 1 else 's'}"


def problem_summary(problems: Sequence[PlanProblem], title: str) -> Iterator[str]:
    """Problems of the same kind together: their count, and the first three by name."""
    if problems:
        yield from ("", title, *(f"  {line}" for line in problem_texts(problems)))


def problem_texts(problems: Sequence[PlanProblem]) -> Iterator[str]:
    """A line for each kind of problem."""
    kinds: dict[tuple[str, str], list[PlanProblem]] = {}
    for problem in problems:
        kinds.setdefault((problem.code, problem.message), []).append(problem)
    for (code, message), alike in kinds.items():
        named = [f"{p.store} {p.store_sku}".strip() for p in alike if p.store_sku]
        count = f"{len(alike):,} listings: " if len(named) > 1 else ""
        examples = f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})" if named else ""
        yield visible(f"{code} {count}{message}{examples}")


def total_line(summary: Mapping[Action, int]) -> str:
    """The last line of a plan: how many cells, and what happens to them."""
    cells = sum(summary.values())
    return (
        f"{cells:,} cell{'s' if cells != 1 else ''}: {summary['push']:,} to push, {summary['unchanged']:,} unchanged, "
        f"{summary['held']:,} held, {summary['blocked']:,} blocked"
    )
