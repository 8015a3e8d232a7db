"""`pushdsl push-now [STORE [STORE_SKU …]]`: listings are pushed at once, whatever would hold them back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from pushdsl import cycle
from pushdsl.applying import refuse_unless_safe, refuse_while_off
from pushdsl.cli.apply import applied_dict, applied_lines, carry_out
from pushdsl.cli.explain import no_listing
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, known_store, project_of, warn_about_facts
from pushdsl.cli.leaving import daemon_of, leave, left_line
from pushdsl.cli.retry import Nothing, key_dict, nothing_lines, nothing_to_send
from pushdsl.cycle import Inputs, Project
from pushdsl.errors import HeldRecord
from pushdsl.model import CellKey, Reason
from pushdsl.planner import planned_cells
from pushdsl.recorder import Applied
from pushdsl.report.terminal import print_lines
from pushdsl.store import Trigger

Chosen = Mapping[tuple[str, str], str]
"""Listings by store and store SKU, each with its merchant SKU, empty where it has none."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", nargs="?", metavar="STORE", help="the store's name in the rules (default: all)")
    parser.add_argument(
        "store_skus", nargs="*", metavar="STORE_SKU", help="a listing's SKU in that store (default: all of them)"
    )
    add_rules_option(parser)
    add_facts(parser)
    parser.add_argument("--allow-zeroing", action="store_true", help="allow a plan that empties much of the stores")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    refuse_while_off(project)
    inputs = cycle.read_inputs(project)
    warn_about_facts(inputs)
    chosen = _chosen(inputs, args)
    daemon = daemon_of(project)
    if daemon is not None:
        return _leave(project, chosen, daemon, args)
    return _push(project, inputs, chosen, args)


def _chosen(inputs: Inputs, args: argparse.Namespace) -> Chosen:
    """Raises PushdslError where there is no such store or listing."""
    if args.store is not None:
        known_store(args.store, inputs)
    facts, wanted = inputs.facts, set(args.store_skus)
    rows = zip(facts.listings.store.tolist(), facts.listings.store_sku, facts.listings.sku.tolist(), strict=True)
    found = {
        (facts.stores[store], store_sku): facts.skus[sku] if sku >= 0 else ""
        for store, store_sku, sku in rows
        if (args.store in (None, facts.stores[store])) and (not wanted or store_sku in wanted)
    }
    for store_sku in args.store_skus:
        if (args.store, store_sku) not in found:
            raise no_listing(inputs, args.store, store_sku)
    return {key: sku for key, sku in found.items() if key[0] in inputs.rules.stores}


def _push(project: Project, inputs: Inputs, chosen: Chosen, args: argparse.Namespace) -> int:
    planned = cycle.plan(inputs, cycle.utc_now())
    refuse_unless_safe(project, planned, args.allow_zeroing)
    cells = [cell for cell in planned_cells(planned) if (cell.store, cell.store_sku) in chosen]
    keys = {cell.key for cell in cells if cell.action != "blocked"}
    with_cell = {(cell.store, cell.store_sku) for cell in cells}
    # of a whole store, what no rule covers is not asked for; of a listing by name it is
    without = [CellKey(*key, "") for key in chosen if args.store_skus and key not in with_cell]
    nothing = nothing_to_send(inputs, planned, cells, [*(cell.key for cell in cells), *without])
    if not args.json:
        print_lines([*nothing_lines(nothing), f"{len(keys):,} to push, {len(nothing):,} with nothing to send"])
    applied = carry_out(project, inputs, planned, now=True, only=keys) if keys else Applied(0, 0, 0, ())
    if args.json:
        print(json.dumps(_dict(applied, nothing, {}), ensure_ascii=False, indent=1))
    elif keys:
        print_lines(applied_lines(applied))
    return 0 if applied.complete else 6


def _leave(project: Project, chosen: Chosen, daemon: HeldRecord, args: argparse.Namespace) -> int:
    """What a daemon would send, and whether there is something, it knows by its own stock."""
    mapped = {key: sku for key, sku in chosen.items() if sku}
    leave(project, [Trigger(sku, Reason.PUSH_NOW, *key, forced=True) for key, sku in mapped.items()])
    nothing = [
        (CellKey(*key, ""), "mapped to no merchant SKU, so not pushed")
        for key in sorted(chosen.keys() - mapped.keys())
        if args.store_skus
    ]
    if args.json:
        print(json.dumps(_dict(Applied(0, 0, 0, ()), nothing, mapped), ensure_ascii=False, indent=1))
    else:
        print_lines([*nothing_lines(nothing), left_line(len(mapped), daemon)])
    return 0


def _dict(applied: Applied, nothing: Nothing, left: Chosen) -> dict[str, object]:
    return {
        "format": "pushdsl.push-now/1",
        **applied_dict(applied),
        "left": [{"store": store, "store_sku": store_sku} for store, store_sku in left],
        "nothing_to_send": [key_dict(key) | {"why": why} for key, why in nothing],
    }
