"""`pushdsl explain STORE STORE_SKU`: one listing's ladder as a till receipt. `pushdsl explain PUSH012`: that page."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushdsl import cycle
from pushdsl.cli.inputs import add_at, add_facts, add_json, add_rules, known_store, project_of, time_of
from pushdsl.cycle import Inputs
from pushdsl.errors import PushdslError
from pushdsl.report.pages import codes, page_of, title_of
from pushdsl.report.terminal import print_lines

if TYPE_CHECKING:  # a page needs no planner
    from pushdsl.planner import Explanation

_CODE = re.compile(r"push\w+|\d{1,3}", re.IGNORECASE)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE|CODE", help="the store's name in the rules; or a code, as PUSH012")
    parser.add_argument("store_sku", nargs="?", metavar="STORE_SKU", help="the listing's SKU in that store")
    add_rules(parser)
    add_facts(parser)
    add_at(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if args.store_sku is None:
        if not _CODE.fullmatch(args.store):
            hint = f"write `pushdsl explain {args.store} STORE_SKU`, or a code: `pushdsl explain PUSH012`"
            raise PushdslError(f"the SKU of a listing in `{args.store}` is missing", hint)
        return _explain_code(args.store, args.json)
    from pushdsl.report.receipts import explanation_lines

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


def _explain_code(written: str, as_json: bool) -> int:
    """The page of a code, as `docs/errors` has it."""
    number = re.fullmatch(r"(?:push)?(\d{1,3})", written, re.IGNORECASE)
    code = f"PUSH{number[1]:>03}" if number else written.upper()
    page = page_of(code)
    if page is None:
        near = get_close_matches(code.replace("O", "0"), codes(), n=1)
        raise PushdslError(
            f"there is no code `{code}`", f"did you mean `{near[0]}`?" if near else "`docs/errors` lists them"
        )
    if as_json:
        print(json.dumps({"code": code, "title": title_of(code), "page": page}, ensure_ascii=False, indent=1))
    else:
        print_lines(page.splitlines())
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
    return no_listing(inputs, store, store_sku)


def no_listing(inputs: Inputs, store: str, store_sku: str) -> PushdslError:
    """The facts have no such listing; with the nearest that they have."""
    listings = inputs.facts.listings
    there = [
        sku
        for number, sku in zip(listings.store.tolist(), listings.store_sku, strict=True)
        if inputs.facts.stores[number] == store
    ]
    near = get_close_matches(store_sku, there, n=1) if len(there) < 20_000 else []
    hint = f"did you mean `{near[0]}`?" if near else "the listings table names every store SKU"
    return PushdslError(f"store `{store}` has no listing `{store_sku}` in the facts", hint)
