"""`pushdsl locations STORE`: the warehouses that a store has, beside those that the rules map."""

from __future__ import annotations

import argparse
import json

from pushdsl import cycle
from pushdsl.cli.inputs import add_json, add_rules_option, project_of
from pushdsl.errors import PushdslError
from pushdsl.report.terminal import print_lines, print_table
from pushdsl.report.texts import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the store's name in the rules")
    add_rules_option(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pushdsl.locating import locate

    project = project_of(args)
    rules, _, limits = cycle.read_rules(project)
    if args.store not in rules.stores:
        raise PushdslError(f"there is no store `{args.store}`", f"the rules have: {', '.join(sorted(rules.stores))}")
    located = locate(project, rules.stores[args.store], limits)
    if args.json:
        rows = [
            {"name": p.name, "label": p.label, "active": p.active, "fed_by": list(p.fed_by)} for p in located.places
        ]
        print(json.dumps({"locations": rows, "problems": list(located.problems)}, ensure_ascii=False, indent=1))
    else:
        if located.places:
            shown = [
                (visible(p.name), visible(p.label), "yes" if p.active else "no", ", ".join(p.fed_by) or "-")
                for p in located.places
            ]
            print_table(args.store, ("location", "called", "active", "fed by"), shown)
        else:
            print_lines([f"`{args.store}` has one warehouse without a name: its rules need no `location`"])
        print_lines(visible(f"error: {problem}") for problem in located.problems)
    return 3 if located.problems else 0
