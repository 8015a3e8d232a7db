"""A plan in, its JSON out (DESIGN section 4): the same plan gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring
from pathlib import Path

from pushdsl.errors import PushdslError
from pushdsl.model import Plan, PlannedCell, PlanProblem

FORMAT = "pushdsl.plan/1"


def plan_json(plan: Plan) -> Iterator[str]:
    """The plan as one JSON document, a line for each cell."""
    head: dict[str, object] = {
        "format": FORMAT,
        "at": iso(plan.at),
        "rules_sha256": plan.rules_sha256,
        "facts_sha256": plan.facts_sha256,
        "summary": {"cells": len(plan.cells), **{str(action): count for action, count in plan.summary.items()}},
    }
    yield json.dumps(head, ensure_ascii=False)[:-1]
    yield ', "cells": ['
    yield from _lines(_cell(cell) for cell in plan.cells)
    yield '], "problems": ['
    yield from _lines(json.dumps(problem_dict(problem), ensure_ascii=False) for problem in plan.problems)
    yield "]}\n"


def plan_jsonl(plan: Plan) -> Iterator[str]:
    """The cells alone, one JSON object a line."""
    for cell in plan.cells:
        yield _cell(cell)
        yield "\n"


def problem_dict(problem: PlanProblem) -> dict[str, str]:
    return {
        "code": problem.code, "message": problem.message, "store": problem.store, "store_sku": problem.store_sku,
    }  # fmt: skip


def _lines(items: Iterator[str]) -> Iterator[str]:
    separator = "\n"
    for item in items:
        yield separator
        yield item
        separator = ",\n"
    if separator != "\n":
        yield "\n"


def _cell(cell: PlannedCell) -> str:
    """One cell as json.dumps would write it; a million of them are why this is written out."""
    text = encode_basestring
    return (
        f'{{"store": {text(cell.store)}, "store_sku": {text(cell.store_sku)}, "location": {text(cell.location)}, '
        f'"sku": {text(cell.sku)}, "rule": {"null" if cell.rule is None else text(cell.rule)}, '
        f'"available": {_number(cell.available)}, "quantity": {_number(cell.quantity)}, "mode": "{cell.mode}", '
        f'"days": {_number(cell.days)}, "live": {_number(cell.live)}, "action": "{cell.action}", '
        f'"why": {text(cell.why)}}}'
    )


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def iso(moment: datetime) -> str:
    """UTC in ISO form with a `Z`; a fraction of a second only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What a plan file says of itself. `text` is the whole of it, to be compared with the plan made anew."""

    at: datetime
    rules_sha256: str
    facts_sha256: str
    text: str


def read_plan(path: Path) -> SavedPlan:
    """The plan in a file that `pushdsl plan --format json -o FILE` wrote; raises PushdslError where it is none."""
    try:
        text = path.read_text("utf-8")
        document = json.loads(text)
    except FileNotFoundError:
        raise PushdslError(f"there is no plan file `{path}`", _ADVICE) from None
    except (OSError, ValueError):
        raise PushdslError(f"`{path}` is not a plan file: it cannot be read as JSON", _ADVICE) from None
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise PushdslError(f"`{path}` is not a plan file of format `{FORMAT}`", _ADVICE)
    try:
        return SavedPlan(
            datetime.fromisoformat(document["at"]), str(document["rules_sha256"]), str(document["facts_sha256"]), text
        )
    except (KeyError, TypeError, ValueError):
        raise PushdslError(f"`{path}` lacks its time or its checksums", _ADVICE) from None


_ADVICE = "make one with `pushdsl plan --format json -o plan.json`"


def changed_cells(saved: SavedPlan, planned: Plan) -> tuple[int, int]:
    """How many cells of a saved plan show something else in the store by now, and how many differ in something else.

    `planned` is the same plan made again. A cell that only one of them has differs.
    """
    try:
        then = {
            (cell["store"], cell["store_sku"], cell["location"]): (cell["live"], cell["available"], cell["rule"])
            for cell in json.loads(saved.text)["cells"]
        }
    except (KeyError, TypeError):  # a file that somebody mended by hand: nothing certain can be said
        return 0, len(planned.cells)
    shown = otherwise = 0
    for cell in planned.cells:
        before = then.pop((cell.store, cell.store_sku, cell.location), None)
        if before is None:
            otherwise += 1
            continue
        shown += before[0] != cell.live
        otherwise += before[1:] != (cell.available, cell.rule)
    return shown, otherwise + len(then)
