"""`pushdsl retry`: what failed is pushed once more, with the quantity that is planned now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from pushdsl import cycle
from pushdsl.applying import listing_rows, refuse_unless_safe, refuse_while_off
from pushdsl.cli.apply import applied_dict, applied_lines, carry_out
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, known_store, project_of, warn_about_facts
from pushdsl.cli.leaving import daemon_of, leave, left_line
from pushdsl.cli.records import known_filters
from pushdsl.cycle import Inputs, Project
from pushdsl.errors import HeldRecord, PushdslError
from pushdsl.model import CellKey, Plan, PlannedCell, PlanProblem, Reason, Record, Status
from pushdsl.pacing import Pace
from pushdsl.planner import WITHOUT_CELL, planned_cells
from pushdsl.recorder import Applied
from pushdsl.report.terminal import print_lines
from pushdsl.report.texts import visible
from pushdsl.store import RecordStore, Trigger, open_existing, open_store

SHOWN = 20
"""Cells named that have nothing to send; `--json` names them all."""

Nothing = Sequence[tuple[CellKey, str]]
"""Cells that have nothing to send, each with why."""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules_option(parser)
    add_facts(parser)
    parser.add_argument("--store", metavar="STORE", help="only this store")
    parser.add_argument("--kind", metavar="KIND", help="only this kind of failure, as locked")
    parser.add_argument("--reason", type=int, metavar="N", help="only what was pushed for this reason's number")
    parser.add_argument("--sku", metavar="SKU", help="only this merchant SKU, in every store")
    parser.add_argument("--store-sku", metavar="SKU", help="only this store SKU")
    parser.add_argument("--allow-zeroing", action="store_true", help="allow a plan that empties much of the stores")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    known_filters(args)
    if args.kind == "not_sent":
        raise PushdslError("what was not sent has not failed", "`pushdsl apply` sends it")
    project = project_of(args)
    refuse_while_off(project)
    if (daemon := daemon_of(project)) is not None:
        return _leave(project, args, daemon)
    failed = {record.key: record for record in _failed(project, args)}
    inputs = cycle.read_inputs(project)
    warn_about_facts(inputs)
    if not failed and args.store is not None:
        known_store(args.store, inputs)
    planned = cycle.plan(inputs, cycle.utc_now())
    if failed:
        refuse_unless_safe(project, planned, args.allow_zeroing)
    cells = planned_cells(planned).of(failed)
    sending, nothing = cells.having("push", "held", "unchanged"), nothing_to_send(inputs, planned, cells, failed)
    if not args.json:
        print_lines(_before(len(failed), len(sending), nothing))
    applied = carry_out(project, inputs, planned, now=True, only=failed) if sending else Applied(0, 0, 0, ())
    if args.json:
        print(json.dumps(_dict(applied, sending, nothing, failed), ensure_ascii=False, indent=1))
    elif sending:
        print_lines(applied_lines(applied))
    return 0 if applied.complete else 6


def _failed(project: Project, args: argparse.Namespace) -> list[Record]:
    """The newest record of every cell where that one failed; a push that a crash cut off has failed too."""
    record = open_existing(project.settings.record_url, tenant=project.settings.tenant)
    if record is None:
        return []
    with record, record.lock():
        record.interrupted(Pace().now())
        return _matching(record, args)


def _matching(record: RecordStore, args: argparse.Namespace) -> list[Record]:
    return record.records(
        store=args.store, store_sku=args.store_sku, sku=args.sku, status=Status.FAILED, reason=args.reason,
        kind=args.kind, last=True, limit=None,
    )  # fmt: skip


def _leave(project: Project, args: argparse.Namespace, daemon: HeldRecord) -> int:
    """A daemon pushes what failed; what it has under way has no end yet, and is its own affair."""
    with open_store(project.settings.record_url, tenant=project.settings.tenant) as record:
        failed = _matching(record, args)
    if not failed and args.store is not None:
        known_store(args.store, cycle.read_inputs(project))
    triggers = [
        Trigger(one.sku, Reason.PUSH_NOW, one.key.store, one.key.store_sku, forced=True)
        for one in {(one.key.store, one.key.store_sku): one for one in failed}.values()
    ]
    leave(project, triggers)
    if args.json:
        left = [key_dict(one.key) | {"record": one.id} for one in failed]
        said = _dict(Applied(0, 0, 0, ()), (), (), {one.key: one for one in failed})
        print(json.dumps(said | {"left": left}, ensure_ascii=False, indent=1))
    else:
        print_lines([left_line(len(triggers), daemon)] if failed else _before(0, 0, ()))
    return 0


def nothing_to_send(
    inputs: Inputs, planned: Plan, cells: Sequence[PlannedCell], keys: Collection[CellKey]
) -> list[tuple[CellKey, str]]:
    """Which of these cells have nothing to send by now, by name, and why; `cells` are those that are planned."""
    why = {cell.key: f"blocked: {cell.why}" for cell in cells if cell.action == "blocked"}
    why |= _gone(inputs, planned.problems, set(keys) - {cell.key for cell in cells})
    return sorted(why.items(), key=lambda one: (one[0].store, one[0].store_sku, one[0].location))


def _gone(inputs: Inputs, problems: Sequence[PlanProblem], keys: Collection[CellKey]) -> dict[CellKey, str]:
    """Why there is no such cell any more."""
    there = listing_rows(inputs.facts, {(key.store, key.store_sku) for key in keys})
    said = {(one.store, one.store_sku): one.message for one in problems if one.code in WITHOUT_CELL}

    def why(key: CellKey) -> str:
        if key.store not in inputs.rules.stores:
            return "the rules declare no such store any more"
        if (key.store, key.store_sku) not in there:
            return "the facts have no such listing any more"
        return said.get((key.store, key.store_sku), f"it has no location `{key.location}` in rules and facts any more")

    return {key: why(key) for key in keys}


def _before(failed: int, sending: int, nothing: Nothing) -> Iterator[str]:
    if not failed:
        yield "nothing to retry: of no such cell is the newest record Failed"
        return
    yield from nothing_lines(nothing)
    yield f"{failed:,} failed, {sending:,} to push again, {len(nothing):,} with nothing to send"


def nothing_lines(nothing: Nothing) -> Iterator[str]:
    for key, why in islice(nothing, SHOWN):
        yield visible(f"nothing to send: {key.store} {_listing(key)}: {why}")
    if len(nothing) > SHOWN:
        yield f"nothing to send: … and {len(nothing) - SHOWN:,} more; `--json` names them all"


def _listing(key: CellKey) -> str:
    return f"{key.store_sku} @ {key.location}" if key.location else key.store_sku


def _dict(
    applied: Applied, sending: Sequence[PlannedCell], nothing: Nothing, failed: Mapping[CellKey, Record]
) -> dict[str, object]:
    return {
        "format": "pushdsl.retry/1",
        "matched": len(failed),
        **applied_dict(applied),
        "left": [],
        "retried": [
            key_dict(cell.key) | {"quantity": cell.quantity, "record": failed[cell.key].id} for cell in sending
        ],
        "nothing_to_send": [key_dict(key) | {"why": why, "record": failed[key].id} for key, why in nothing],
    }


def key_dict(key: CellKey) -> dict[str, object]:
    return {"store": key.store, "store_sku": key.store_sku, "location": key.location}
