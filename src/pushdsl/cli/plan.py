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
    add_detail(parser, "every cell, unchanged ones too")
    parser.add_argument(
        "--format", choices=("text", "markdown", "json", "jsonl"), default="text", help="how to print it"
    )
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the plan here, to apply it later")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="at most N lines for each store")
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where the plan has changes")


def add_detail(parser: argparse.ArgumentParser, every: str) -> None:
    """How much to show, for people: less than usual or more."""
    detail = parser.add_mutually_exclusive_group()
    detail.add_argument(
        "--summary",
        dest="detail",
        action="store_const",
        const="summary",
        default="changes",
        help="a line for each store",
    )
    detail.add_argument("--every", dest="detail", action="store_const", const="every", help=every)


def run(args: argparse.Namespace) -> int:
    _refuse_for_programs(args)
    inputs = cycle.read_inputs(project_of(args))
    warn_about_facts(inputs)
    planned = cycle.plan(inputs, time_of(args))
    if args.output is not None:
        _write(args.output, _pieces(planned, args))
    elif args.format == "text":
        print_lines(plan_lines(planned, args.limit, args.detail))
    else:
        sys.stdout.writelines(_pieces(planned, args))
    return 2 if args.exit_code and planned.summary["push"] else 0


def _refuse_for_programs(args: argparse.Namespace) -> None:
    """JSON has every cell, always: it can be applied."""
    if args.format in ("json", "jsonl") and (args.detail != "changes" or args.limit is not None):
        option = "--limit" if args.limit is not None else f"--{args.detail}"
        raise PushdslError(f"`{option}` is for text and Markdown; JSON has every cell", f"leave `{option}` out")


def _pieces(planned: Plan, args: argparse.Namespace) -> Iterator[str]:
    match args.format:
        case "json":
            return plan_json(planned)
        case "jsonl":
            return plan_jsonl(planned)
        case "markdown":
            from pushdsl.report.markdown import plan_markdown

            return iter([plan_markdown(planned, args.detail, args.limit)])
        case _:
            return (f"{line}\n" for line in plan_lines(planned, args.limit, args.detail))


def _write(path: Path, pieces: Iterator[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
    except OSError as error:
        raise PushdslError(f"cannot write `{path}`: {error.strerror}", "choose another file for `-o`") from None
