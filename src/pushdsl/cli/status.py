"""`pushdsl status`: how every store stands, with or without a daemon that works on it."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pushdsl import cycle
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, project_of
from pushdsl.cycle import Project
from pushdsl.errors import PushdslError
from pushdsl.model import Status
from pushdsl.pacing import Pace
from pushdsl.planfile import iso
from pushdsl.planner import planned_cells
from pushdsl.report.terminal import print_lines, print_table
from pushdsl.report.texts import visible
from pushdsl.store import LaneSummary, StoreSummary, WorkSummary, open_existing, open_existing_work

UNMAPPED = "PUSH501"


@dataclass(frozen=True, slots=True)
class Standing:
    """One store: what the record has of it, what waits for it, and its listings that no number can be planned for.

    `unmapped` and `blocked` are None where rules or facts cannot be read.
    """

    summary: StoreSummary
    lane: LaneSummary
    unmapped: int | None = None
    blocked: int | None = None


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Listings by store: without a merchant SKU, and with a cell that is blocked."""

    unmapped: Mapping[str, int] = field(default_factory=dict)
    blocked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record says; of an empty one nothing."""

    stores: tuple[StoreSummary, ...] = ()
    work: WorkSummary = field(default_factory=lambda: WorkSummary((), 0, None, 0))
    put_aside: int = 0


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules_option(parser)
    add_facts(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    recorded, unplanned = _recorded(project), _unplanned(project)
    standings = list(_standings(recorded, unplanned))
    enabled = project.settings.push_enabled
    if args.json:
        print(json.dumps(_document(enabled, recorded, standings), ensure_ascii=False, indent=1))
        return 0
    print("pushing is on" if enabled else "pushing is switched OFF: `[push] enabled` in pushdsl.toml")
    if recorded.stores:
        statuses = (status.value for status in _STATUSES)
        columns = ("store", "cells", "unknown", "last success", *statuses, "failures by kind", "unbound")
        print_table("", columns, [_row(store) for store in recorded.stores])
    else:
        print("nothing was pushed yet")
    print_lines(_lines(recorded, standings, Pace().now()))
    return 0


_STATUSES = tuple(Status)


def _recorded(project: Project) -> Recorded:
    url, tenant = project.settings.record_url, project.settings.tenant
    if (work := open_existing_work(url, Pace().now, tenant=tenant)) is not None:
        with work:
            return Recorded(tuple(work.summary()), work.work(), work.ledger().count_put_aside())
    if (record := open_existing(url, tenant=tenant)) is not None:  # of a version that had no daemon
        with record:
            return Recorded(tuple(record.summary()))
    return Recorded()


def _unplanned(project: Project) -> Unplanned | None:
    """None, and why on standard error, where rules or facts cannot be read: the record is shown all the same."""
    try:
        inputs = cycle.read_inputs(project)
    except PushdslError as error:
        print(f"warning: {error.message}; `pushdsl plan` shows them", file=sys.stderr)
        return None
    planned = cycle.plan(inputs, cycle.utc_now())
    unmapped = Counter(one.store for one in planned.problems if one.code == UNMAPPED)
    blocked = {(cell.store, cell.store_sku) for cell in planned_cells(planned).having("blocked")}
    return Unplanned(unmapped, Counter(store for store, _ in blocked))


def _standings(recorded: Recorded, unplanned: Unplanned | None) -> Iterator[Standing]:
    summaries = {store.store: store for store in recorded.stores}
    lanes = {lane.store: lane for lane in recorded.work.lanes}
    known = unplanned or Unplanned()
    for name in sorted({*summaries, *lanes, *known.unmapped, *known.blocked}):
        summary, lane = summaries.get(name, StoreSummary(name)), lanes.get(name, LaneSummary(name))
        if unplanned is None:
            yield Standing(summary, lane)
        else:
            yield Standing(summary, lane, known.unmapped.get(name, 0), known.blocked.get(name, 0))


# ---- in words ---------------------------------------------------------------------------------------


def _row(store: StoreSummary) -> tuple[object, ...]:
    last = store.last_success.strftime("%Y-%m-%d %H:%M") if store.last_success else "never"
    failures = ", ".join(f"{count} {kind}" for kind, count in sorted(store.failures.items()))
    counts = (store.statuses.get(status, 0) for status in _STATUSES)
    return store.store, store.cells, store.unknown, last, *counts, failures, store.unbound or ""


def _lines(recorded: Recorded, standings: list[Standing], now: datetime) -> Iterator[str]:
    """What waits, and what a person should look at."""
    for one in standings:
        name, lane = one.summary.store, one.lane
        if lane.waiting:
            yield f"{name}: {lane.waiting:,} cells wait to be pushed, {_oldest(lane.since, now)}"
        if lane.paused_until is not None:
            yield visible(f"{name}: left alone until {_time(lane.paused_until)}: {lane.paused_for}")
        if one.unmapped or one.blocked:
            said = [f"{one.unmapped:,} mapped to no merchant SKU"] if one.unmapped else []
            said += [f"{one.blocked:,} blocked"] if one.blocked else []
            yield f"{name}: not pushed are {' and '.join(said)} of its listings; `pushdsl plan` names them"
    work = recorded.work
    if work.to_plan:
        yield f"{work.to_plan:,} SKUs wait to be planned, {_oldest(work.to_plan_since, now)}"
    if recorded.put_aside:
        yield f"{recorded.put_aside:,} messages were put aside; `pushdsl events --put-aside` lists them"


def _oldest(since: datetime | None, now: datetime) -> str:
    seconds = max(0, int((now - since).total_seconds())) if since is not None else 0
    return f"the oldest for {_long(seconds)}"


def _long(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _time(moment: datetime) -> str:
    return iso(moment.replace(microsecond=0))


# ---- for programs -----------------------------------------------------------------------------------


def _document(enabled: bool, recorded: Recorded, standings: list[Standing]) -> dict[str, object]:
    work = recorded.work
    return {
        "push_enabled": enabled,
        "to_plan": work.to_plan,
        "to_plan_since": _or_none(work.to_plan_since),
        "in_flight": work.in_flight,
        "put_aside": recorded.put_aside,
        "stores": [_dict(one) for one in standings],
    }


def _dict(one: Standing) -> dict[str, object]:
    store, lane = one.summary, one.lane
    return {
        "store": store.store,
        "cells": store.cells,
        "unknown": store.unknown,
        "last_success": iso(store.last_success) if store.last_success else None,
        "statuses": {status.value: store.statuses.get(status, 0) for status in _STATUSES},
        "failures": dict(sorted(store.failures.items())),
        "unbound": store.unbound,
        "waiting": lane.waiting,
        "waiting_since": _or_none(lane.since),
        "paused_until": _or_none(lane.paused_until),
        "paused_for": lane.paused_for,
        "unmapped": one.unmapped,
        "blocked": one.blocked,
    }


def _or_none(moment: datetime | None) -> str | None:
    return iso(moment) if moment is not None else None
