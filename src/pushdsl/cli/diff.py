"""`pushdsl diff OLD NEW`: what a rule change does to today's facts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pushdsl import cycle
from pushdsl.cli.inputs import add_at, add_facts, time_of, warn_about_facts, whole_number
from pushdsl.cli.plan import add_detail
from pushdsl.differences import Difference, compare
from pushdsl.errors import PushdslError, RuleError
from pushdsl.report.differences import BIGGEST, difference_json, difference_lines, difference_markdown
from pushdsl.report.terminal import print_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="a rule file or folder as it was")
    parser.add_argument("new", type=Path, metavar="NEW", help="a rule file or folder as it shall be")
    add_facts(parser)
    add_at(parser)
    add_detail(parser, "every cell that differs")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="how to print it")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument(
        "--limit", type=whole_number, metavar="N", help=f"at most N cells of a kind for each store (default: {BIGGEST})"
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where some cell differs")


def run(args: argparse.Namespace) -> int:
    if args.format == "json" and (args.detail != "changes" or args.limit is not None):
        option = "--limit" if args.limit is not None else f"--{args.detail}"
        raise PushdslError(f"`{option}` is for text and Markdown; JSON has every cell", f"leave `{option}` out")
    difference = _difference(args)
    if args.format == "json":
        sys.stdout.writelines(difference_json(difference))
    elif args.format == "markdown":
        sys.stdout.write(difference_markdown(difference, args.detail, args.limit))
    else:
        every = args.detail == "every"
        most = args.limit if args.limit is not None or every else BIGGEST
        print_lines(difference_lines(difference, args.detail, most))
    return 2 if args.exit_code and difference.differs else 0


def _difference(args: argparse.Namespace) -> Difference:
    """Both plans: the project, its facts, its settings and what the stores show are those of NEW."""
    new = cycle.read_inputs(cycle.open_project((args.new,), args.facts))
    warn_about_facts(new)
    try:
        old = cycle.with_rules(cycle.open_project((args.new,), args.facts), new, (args.old,))
    except RuleError as error:
        error.message += f": the old ones, `{args.old}`"
        raise
    at = time_of(args)
    return compare(cycle.plan(old, at), cycle.plan(new, at))
