"""`pushdsl reconcile STORE`: what a store really shows, read and kept."""

from __future__ import annotations

import argparse
import json

from pushdsl import cycle
from pushdsl.cli.inputs import add_facts, add_json, add_rules, known_store, project_of
from pushdsl.reconcile import Drift, reconcile
from pushdsl.report.terminal import print_table


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the store's name in the rules")
    add_rules(parser)
    add_facts(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    known_store(args.store, inputs)
    drifts = reconcile(project, inputs, args.store)
    if args.json:
        print(json.dumps([_dict(drift) for drift in drifts], ensure_ascii=False, indent=1))
        return 0
    if drifts:
        rows = [
            (d.key.store_sku, d.key.location, "?" if d.known is None else d.known, d.unreadable or d.shown)
            for d in drifts
        ]
        print_table(args.store, ("store SKU", "location", "known", "shows"), rows)
    print(f"{len(drifts)} different from what was known; the next plan starts from what the store shows")
    return 0


def _dict(drift: Drift) -> dict[str, object]:
    return {
        "store": drift.key.store,
        "store_sku": drift.key.store_sku,
        "location": drift.key.location,
        "known": drift.known,
        "shown": drift.shown,
        "unreadable": drift.unreadable,
    }
