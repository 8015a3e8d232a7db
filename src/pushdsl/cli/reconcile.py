"""`pushdsl reconcile STORE`: what a store really shows, read and kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from pushdsl import cycle
from pushdsl.cli.inputs import add_facts, add_json, add_rules, known_store, project_of
from pushdsl.model import CellKey
from pushdsl.reconcile import Drift, Reading, reconcile
from pushdsl.report.terminal import print_lines, print_table
from pushdsl.report.texts import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the store's name in the rules")
    add_rules(parser)
    add_facts(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    known_store(args.store, inputs)
    reading = reconcile(project, inputs, args.store)
    if args.json:
        print(json.dumps(_entries(reading), ensure_ascii=False, indent=1))
    else:
        if reading.drifts:
            print_table(args.store, ("listing", "known", "shows"), [_row(drift) for drift in reading.drifts])
        print_lines(_summary(reading, args.store))
    return 6 if reading.unreadable else 0


def _row(drift: Drift) -> tuple[object, ...]:
    key = drift.key
    listing = f"{key.store_sku} @ {key.location}" if key.location else key.store_sku
    return visible(listing), "?" if drift.known is None else drift.known, drift.shown


def _summary(reading: Reading, store: str) -> Iterator[str]:
    """What could not be read first, grouped by what was said; then what was read."""
    said: dict[str, list[str]] = {}
    for key, detail in reading.unreadable:
        said.setdefault(detail, []).append(key.store_sku)
    for detail, skus in said.items():
        examples = ", ".join(skus[:3]) + (", …" if len(skus) > 3 else "")
        yield visible(f"could not be read: {len(skus):,} × {detail} ({examples})")
    if reading.unreadable:
        yield f"{len(reading.unreadable):,} could not be read: what was known of them stays as it was"
    if reading.cells:
        yield (
            f"{reading.cells:,} read, {len(reading.drifts):,} different from what was known; "
            "the next plan starts from what the store shows"
        )
    elif reading.unreadable:
        yield f"nothing of `{store}` was read, so nothing was learned"
    else:
        yield f"nothing to read: the facts have no active listing of `{store}`"


def _entries(reading: Reading) -> list[dict[str, object]]:
    """The differences, then what could not be read."""
    drifts = [_dict(drift.key, drift.known, drift.shown, "") for drift in reading.drifts]
    return drifts + [_dict(key, None, None, detail) for key, detail in reading.unreadable]


def _dict(key: CellKey, known: int | None, shown: int | None, unreadable: str) -> dict[str, object]:
    return {
        "store": key.store,
        "store_sku": key.store_sku,
        "location": key.location,
        "known": known,
        "shown": shown,
        "unreadable": unreadable,
    }
