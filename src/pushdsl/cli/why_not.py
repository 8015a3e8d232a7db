"""`pushdsl why-not STORE STORE_SKU`: in one line for each cell, why the store does not show something else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pushdsl import cycle
from pushdsl.cli.explain import no_listing
from pushdsl.cli.inputs import add_facts, add_json, add_rules, known_store, project_of
from pushdsl.cycle import Inputs, Project
from pushdsl.model import ABSENT, CellKey, PlannedCell, Record, Status
from pushdsl.planfile import iso
from pushdsl.report.terminal import print_lines
from pushdsl.report.texts import visible

if TYPE_CHECKING:
    from pushdsl.planner import Explanation

WITHOUT_CELL = {
    "PUSH500": "no_rule",
    "PUSH501": "unmapped",
    "PUSH502": "not_active",
    "PUSH503": "no_location",
    "PUSH513": "unbound",
}
"""The answer behind each problem that leaves a listing without a cell."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """Why one cell is as it is. `reasons` are words by their name for programs, the weightiest first."""

    key: CellKey
    reasons: Mapping[str, str]
    cell: PlannedCell | None
    record: Record | None
    until: datetime | None = None

    @property
    def line(self) -> str:
        name = f"{self.key.store_sku} @ {self.key.location}" if self.key.location else self.key.store_sku
        return visible(f"{self.key.store} {name}: {'; '.join([*self.reasons.values(), *_planned(self.cell)])}")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the store's name in the rules")
    parser.add_argument("store_sku", metavar="STORE_SKU", help="the listing's SKU in that store")
    add_rules(parser)
    add_facts(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    known_store(args.store, inputs)
    answers = list(_answers(project, inputs, args.store, args.store_sku))
    if args.json:
        print(json.dumps([_dict(answer) for answer in answers], ensure_ascii=False, indent=1))
    else:
        print_lines(answer.line for answer in answers)
    return 0


def _answers(project: Project, inputs: Inputs, store: str, store_sku: str) -> Iterator[Answer]:
    at = cycle.utc_now()
    explanations = cycle.explain(inputs, at, store, store_sku)
    newest = _newest(project, store, store_sku)
    if not explanations:
        yield _without_cell(inputs, at, store, store_sku, newest)
        return
    confirmed = _confirmed(inputs, store, store_sku)
    for explanation in explanations:
        location = explanation.cell.location
        enabled = project.settings.push_enabled
        yield _answer(explanation, newest.get(location), confirmed.get(location), enabled)


def _newest(project: Project, store: str, store_sku: str) -> dict[str, Record]:
    """The newest record of each cell of the listing, by location, the newest of all first."""
    from pushdsl.store import open_existing

    record = open_existing(project.settings.record_url, tenant=project.settings.tenant)
    if record is None:
        return {}
    with record:
        found = record.records(store=store, store_sku=store_sku, last=True, limit=None)
    return {one.key.location: one for one in found}


def _confirmed(inputs: Inputs, store: str, store_sku: str) -> dict[str, datetime]:
    """When the store last confirmed what it shows, by location."""
    listings, live = inputs.facts.listings, inputs.facts.live
    rows = {
        k for k, sku in enumerate(listings.store_sku)
        if sku == store_sku and inputs.facts.stores[int(listings.store[k])] == store
    }  # fmt: skip
    times = zip(live.listing.tolist(), live.location, live.confirmed_at.tolist(), strict=True)
    return {
        location: _EPOCH + timedelta(milliseconds=at)
        for listing, location, at in times
        if listing in rows and at != ABSENT
    }


def _without_cell(inputs: Inputs, at: datetime, store: str, store_sku: str, newest: Mapping[str, Record]) -> Answer:
    """No number is planned for the listing: the plan says why, the record what became of the last one."""
    last = next(iter(newest.values()), None)
    for problem in cycle.plan(inputs, at).problems:
        if (problem.store, problem.store_sku) == (store, store_sku) and problem.code in WITHOUT_CELL:
            reasons = {WITHOUT_CELL[problem.code]: problem.message} | _last_push(last)
            return Answer(CellKey(store, store_sku, ""), reasons, None, last)
    raise no_listing(inputs, store, store_sku)


def _answer(explanation: Explanation, record: Record | None, confirmed: datetime | None, enabled: bool) -> Answer:
    cell, reasons, until = explanation.cell, {}, None
    if not enabled and cell.action in ("push", "held"):
        reasons["switched_off"] = "pushing is switched off"
    if cell.action != "unchanged":
        reasons |= _not_confirmed(record)
    match cell.action:
        case "unchanged":
            reasons["unchanged"] = f"unchanged since {_time(confirmed)}" if confirmed else "unchanged, as last read"
        case "held":
            assert confirmed is not None, "only what was confirmed is held"
            assert explanation.rule is not None, "a rule holds it"
            # the record's times are finer than a second: no sooner than this
            until = confirmed + timedelta(seconds=explanation.rule.every_seconds, milliseconds=999)
            until = until.replace(microsecond=0)
            reasons["held"] = f"held until {iso(until)}"
        case "blocked":
            reasons["blocked"] = f"blocked because {cell.why}"
        case "push" if not reasons:
            reasons["waiting"] = "waits for the next `pushdsl apply`"
    return Answer(cell.key, reasons, cell, record, until)


def _last_push(record: Record | None) -> dict[str, str]:
    if record is not None and record.status is Status.SUCCESSFULLY:
        return {"confirmed": f"the store confirmed {record.quantity} at {_ended(record)}"}
    return _not_confirmed(record)


def _not_confirmed(record: Record | None) -> dict[str, str]:
    """What became of the newest push, unless the store confirmed it or nothing had to be sent."""
    if record is None:
        return {}
    match record.status:
        case Status.FAILED:
            said = " ".join(part for part in (record.code, record.detail) if part)
            return {"failed": f"failed at {_ended(record)} with {said} ({record.kind})"}
        case Status.PENDING:
            return {"pending": f"sent at {_time(record.created_at)}, and no answer is known yet"}
        case Status.SKIPPED if record.kind == "not_sent":
            return {"not_sent": f"not sent at {_ended(record)} because {record.detail.removeprefix('not sent: ')}"}
        case _:
            return {}


def _ended(record: Record) -> str:
    return _time(record.finished_at or record.created_at)


def _time(moment: datetime) -> str:
    return iso(moment.replace(microsecond=0))


def _planned(cell: PlannedCell | None) -> Iterator[str]:
    """What the store shows, and what the plan says beside it."""
    if cell is None:
        return
    shows = "what it shows is unknown" if cell.live is None else f"shows {cell.live}"
    if cell.action == "blocked":
        yield shows
    else:
        mode = " in pre-order" if cell.mode == "preorder" else ""
        yield f"{shows}, planned {cell.quantity}{mode} by rule `{cell.rule}`: {cell.why}"


def _dict(answer: Answer) -> dict[str, object]:
    cell, record = answer.cell, answer.record
    return {
        "store": answer.key.store,
        "store_sku": answer.key.store_sku,
        "location": answer.key.location,
        "reasons": list(answer.reasons),
        "text": "; ".join(answer.reasons.values()),
        "until": iso(answer.until) if answer.until else None,
        "live": cell.live if cell else None,
        "quantity": cell.quantity if cell else None,
        "rule": cell.rule if cell else None,
        "why": cell.why if cell else None,
        "record": record.id if record else None,
    }
