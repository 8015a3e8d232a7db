"""`pushdsl check`: every error and lint of every rule file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pushdsl.cli.inputs import add_json, add_rules, project_of, show_warnings
from pushdsl.cycle import check_on_facts, check_rules
from pushdsl.report.diagnostics import diagnostic_dict, diagnostic_lines
from pushdsl.report.terminal import print_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    help = "count each rule's SKUs on these fact tables too, against `[limits]` (default: the text alone)"
    parser.add_argument("--facts", type=Path, metavar="DIR", help=help)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    rules, diagnostics = check_rules(project)
    if rules is not None and args.facts is not None:
        on_facts, warnings = check_on_facts(project, rules)
        diagnostics = (*diagnostics, *on_facts)
        show_warnings(warnings)
    errors = sum(d.severity == "error" for d in diagnostics)
    lints = len(diagnostics) - errors
    if args.json:
        found = [diagnostic_dict(d) for d in diagnostics]
        document = {"format": "pushdsl.check/1", "errors": errors, "lints": lints, "diagnostics": found}
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        for diagnostic in diagnostics:
            print_lines([*diagnostic_lines(diagnostic), ""])
        count = f", {len(rules.rules)} rule{'s' if len(rules.rules) != 1 else ''}" if rules else ""
        print(f"{_count(errors, 'error')}, {_count(lints, 'lint')}{count}")
    return 3 if errors else 0


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
