"""`pushdsl apply`: the plan carried out, after the guards."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushdsl import cycle
from pushdsl.applying import apply, refuse_unless_safe
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, project_of, warn_about_facts
from pushdsl.cycle import Inputs, Project
from pushdsl.errors import RefusedPlan
from pushdsl.model import Plan
from pushdsl.planfile import SavedPlan, plan_json, read_plan
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


def carry_out(project: Project, inputs: Inputs, planned: Plan, *, now: bool = False) -> Applied:
    """Pushes, with a progress bar on a terminal."""
    total = len(planned.cells) - planned.summary["blocked"] if now else planned.summary["push"]
    with _progress(total) as on_progress:
        return apply(project, inputs, planned, now=now, on_progress=on_progress)


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
    failures = [
        {"store": c.store, "store_sku": c.store_sku, "location": c.location, "detail": d} for c, d in applied.failures
    ]
    return {
        "format": "pushdsl.apply/1",
        "planned": dict(planned.summary),
        "confirmed": applied.confirmed,
        "failed": applied.failed,
        "not_sent": applied.not_sent,
        "failures": failures,
    }


def _plan(args: argparse.Namespace, inputs: Inputs) -> Plan:
    """A new plan, or the saved one made again and found the same; raises RefusedPlan."""
    if args.plan is None:
        return cycle.plan(inputs, cycle.utc_now())
    saved = read_plan(args.plan)
    changed = _changed(saved, inputs)
    if not changed:
        planned = cycle.plan(inputs, saved.at)
        if "".join(plan_json(planned)) == saved.text:
            return planned
        changed = "the plan file itself was changed, or another version of pushdsl made it"
    if args.replan:
        print(f"{changed}: planning anew", file=sys.stderr)
        return cycle.plan(inputs, cycle.utc_now())
    raise RefusedPlan(f"this plan is out of date: {changed}", "look at a new plan, or apply with `--replan`")


def _changed(saved: SavedPlan, inputs: Inputs) -> str:
    what = [
        name
        for name, then, now in (
            ("rules", saved.rules_sha256, inputs.rules.sha256),
            ("facts", saved.facts_sha256, inputs.facts.sha256),
        )
        if then != now
    ]
    return f"the {' and the '.join(what)} have changed since" if what else ""


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
