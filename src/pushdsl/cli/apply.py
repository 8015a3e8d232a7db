"""`pushdsl apply`: the plan carried out, after the guards."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pushdsl import cycle
from pushdsl.applying import apply, refuse_unless_safe
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, project_of, warn_about_facts
from pushdsl.cycle import Inputs, Project
from pushdsl.errors import RefusedPlan
from pushdsl.model import CellKey, Plan
from pushdsl.planfile import SavedPlan, changed_cells, iso, plan_json, read_plan
from pushdsl.planner import planned_cells
from pushdsl.recorder import Applied, OnProgress
from pushdsl.report.plans import plan_lines
from pushdsl.report.terminal import print_lines

SHOWN = 20
"""Lines of each store shown before an apply; `plan` shows them all."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", nargs="?", type=Path, metavar="PLAN", help="a saved plan (default: a new one, now)")
    add_rules_option(parser)
    add_facts(parser)
    parser.add_argument("--now", action="store_true", help="send held and unchanged cells too")
    parser.add_argument("--replan", action="store_true", help="where rules or facts have changed, plan anew and apply")
    parser.add_argument("--allow-zeroing", action="store_true", help="allow a plan that empties much of the stores")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    warn_about_facts(inputs)
    planned = _plan(args, inputs)
    refuse_unless_safe(project, planned, args.allow_zeroing)
    if not args.json:
        print_lines(plan_lines(planned, SHOWN))
    applied = carry_out(project, inputs, planned, now=args.now)
    if args.json:
        print(json.dumps(_dict(planned, applied), ensure_ascii=False, indent=1))
    else:
        print_lines(["", *applied_lines(applied)])
    return 0 if applied.complete else 6


def carry_out(
    project: Project, inputs: Inputs, planned: Plan, *, now: bool = False, only: Collection[CellKey] | None = None
) -> Applied:
    """Pushes, with a progress bar on a terminal."""
    cells = planned_cells(planned) if only is None else planned_cells(planned).of(only)
    total = len(cells.having("push", "held", "unchanged") if now else cells.having("push"))
    with _progress(total) as on_progress:
        return apply(project, inputs, planned, now=now, only=only, on_progress=on_progress)


def applied_lines(applied: Applied) -> Iterator[str]:
    """What came of it: the failures first, grouped by what was said, then the totals."""
    said: dict[str, list[str]] = {}
    for cell, detail in applied.failures:
        said.setdefault(detail, []).append(f"{cell.store} {cell.store_sku}")
    for detail, cells in said.items():
        examples = ", ".join(cells[:3]) + (", …" if len(cells) > 3 else "")
        yield f"failed: {len(cells):,} × {detail} ({examples})"
    if applied.not_sent:
        yield f"{applied.not_sent:,} not sent; a further `pushdsl apply` sends them"
    yield f"{applied.confirmed:,} confirmed, {applied.failed:,} failed, {applied.not_sent:,} not sent"


def _dict(planned: Plan, applied: Applied) -> dict[str, object]:
    return {"format": "pushdsl.apply/1", "planned": dict(planned.summary), **applied_dict(applied)}


def applied_dict(applied: Applied) -> dict[str, object]:
    """What came of it, for a program."""
    failures = [
        {"store": c.store, "store_sku": c.store_sku, "location": c.location, "detail": d} for c, d in applied.failures
    ]
    return {
        "confirmed": applied.confirmed,
        "failed": applied.failed,
        "not_sent": applied.not_sent,
        "failures": failures,
    }


def _plan(args: argparse.Namespace, inputs: Inputs) -> Plan:
    """A new plan, or the saved one made again and found the same; raises RefusedPlan."""
    now = cycle.utc_now()
    if args.plan is None:
        return cycle.plan(inputs, now)
    saved = read_plan(args.plan)
    planned = cycle.plan(inputs, saved.at)
    reason = _out_of_date(saved, planned, inputs, now)
    if reason is None:
        return planned
    if args.replan:
        print(f"{reason.message}: planning anew", file=sys.stderr)
        return cycle.plan(inputs, now)
    raise reason


def _out_of_date(saved: SavedPlan, planned: Plan, inputs: Inputs, now: datetime) -> RefusedPlan | None:
    """Why a saved plan is not the one to carry out now; the first reason that is certain."""
    anew = "look at a new plan, or apply with `--replan`"
    if saved.at > now:
        help = "apply it then, or make a plan without `--at`; `--replan` plans for now"
        return RefusedPlan(f"this plan is for {iso(saved.at)}, which is still to come", help)
    rules_changed, facts_changed = saved.rules_sha256 != inputs.rules.sha256, saved.facts_sha256 != inputs.facts.sha256
    if rules_changed:
        what = "the rules and the facts" if facts_changed else "the rules"
        return RefusedPlan(f"this plan is out of date: {what} have changed since", anew)
    if facts_changed:
        return _other_facts(saved, planned, anew)
    if names := _other_windows(inputs, saved.at, now):
        listed = ", ".join(f"`{name}`" for name in names)
        return RefusedPlan(f"this plan is out of date: the window of {listed} has opened or closed since", anew)
    if "".join(plan_json(planned)) != saved.text:
        what = "the plan file itself was changed, or another version of pushdsl made it"
        return RefusedPlan(f"this plan is out of date: {what}", anew)
    return None


def _other_facts(saved: SavedPlan, planned: Plan, help: str) -> RefusedPlan:
    """Facts are the tables and what the record knows of the stores; a plan that was applied changes only the latter."""
    shown, otherwise = changed_cells(saved, planned)
    if otherwise:
        return RefusedPlan("this plan is out of date: the facts have changed since", help)
    if shown:
        cells = "1 cell was" if shown == 1 else f"{shown:,} cells were"
        applied = "it may have been applied already, see `pushdsl records`; "
        return RefusedPlan(f"this plan is out of date: {cells} pushed or read since it was made", applied + help)
    what = "the facts or the record have changed since, though no cell of it shows another number"
    return RefusedPlan(f"this plan is out of date: {what}", help)


def _other_windows(inputs: Inputs, then: datetime, now: datetime) -> list[str]:
    """The rules that are in force at one of the two times only."""
    return [
        rule.name
        for rule in inputs.rules.rules
        if rule.window is not None
        and not rule.disabled
        and (rule.window[0] <= then < rule.window[1]) != (rule.window[0] <= now < rule.window[1])
    ]


@contextmanager
def _progress(total: int) -> Iterator[OnProgress]:
    if not total or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("pushing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
