"""`pushdsl explain STORE STORE_SKU`: one listing's ladder as a till receipt."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from difflib import get_close_matches

from pushdsl import cycle
from pushdsl.cli.inputs import add_at, add_facts, add_json, add_rules, known_store, project_of, time_of
from pushdsl.cycle import Inputs
from pushdsl.errors import PushdslError
from pushdsl.planner import Explanation
from pushdsl.report.receipts import explanation_lines
from pushdsl.report.terminal import print_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the store's name in the rules")
    parser.add_argument("store_sku", metavar="STORE_SKU", help="the listing's SKU in that store")
    add_rules(parser)
    add_facts(parser)
    add_at(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    inputs = cycle.read_inputs(project_of(args))
    known_store(args.store, inputs)
    at = time_of(args)
    explanations = cycle.explain(inputs, at, args.store, args.store_sku)
    if not explanations:
        raise _nothing(inputs, cycle.plan(inputs, at).problems, args.store, args.store_sku)
    if args.json:
        print(json.dumps([_dict(e) for e in explanations], ensure_ascii=False, indent=1))
    else:
        for explanation in explanations:
            print_lines([*explanation_lines(explanation), ""])
    return 0


def _dict(explanation: Explanation) -> dict[str, object]:
    """The cell as in a plan, and every step's value; `take` and `keep back` in parts per million of a unit."""
    steps = explanation.steps
    cell = {key: value for key, value in explanation.cell._asdict().items() if key != "set_mode"}
    return {**cell, "steps": asdict(steps) if steps is not None else None, "pack": explanation.pack}


def _nothing(inputs: Inputs, problems: tuple[object, ...], store: str, store_sku: str) -> PushdslError:
    """Why this listing has no cell."""
    from pushdsl.model import PlanProblem

    for problem in problems:
        if isinstance(problem, PlanProblem) and (problem.store, problem.store_sku) == (store, store_sku):
            return PushdslError(f"`{store_sku}` in `{store}`: {problem.message}", "there is no quantity to explain")
    listings = inputs.facts.listings
    there = [
        sku
        for number, sku in zip(listings.store.tolist(), listings.store_sku, strict=True)
        if inputs.facts.stores[number] == store
    ]
    near = get_close_matches(store_sku, there, n=1) if len(there) < 20_000 else []
    hint = f"did you mean `{near[0]}`?" if near else "the listings table names every store SKU"
    return PushdslError(f"store `{store}` has no listing `{store_sku}` in the facts", hint)
