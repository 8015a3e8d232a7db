"""`pushdsl plan`: the dry run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pushdsl import cycle
from pushdsl.cli.inputs import add_at, add_facts, add_rules, project_of, time_of, warn_about_facts, whole_number
from pushdsl.errors import PushdslError
from pushdsl.model import Plan
from pushdsl.planfile import plan_json, plan_jsonl
from pushdsl.report.plans import plan_lines
from pushdsl.report.terminal import print_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    add_facts(parser)
    add_at(parser)
    parser.add_argument("--format", choices=("text", "json", "jsonl"), default="text", help="how to print it")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the plan here, to apply it later")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="at most N lines for each store (text only)")
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where the plan has changes")


def run(args: argparse.Namespace) -> int:
    inputs = cycle.read_inputs(project_of(args))
    warn_about_facts(inputs)
    planned = cycle.plan(inputs, time_of(args))
    if args.output is not None:
        _write(args.output, _pieces(planned, args))
    elif args.format == "text":
        print_lines(plan_lines(planned, args.limit))
    else:
        sys.stdout.writelines(_pieces(planned, args))
    return 2 if args.exit_code and planned.summary["push"] else 0


def _pieces(planned: Plan, args: argparse.Namespace) -> Iterator[str]:
    match args.format:
        case "json":
            return plan_json(planned)
        case "jsonl":
            return plan_jsonl(planned)
        case _:
            return (f"{line}\n" for line in plan_lines(planned, args.limit))


def _write(path: Path, pieces: Iterator[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
    except OSError as error:
        raise PushdslError(f"cannot write `{path}`: {error.strerror}", "choose another file for `-o`") from None
