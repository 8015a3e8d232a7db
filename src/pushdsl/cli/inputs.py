"""Arguments that several commands share, and the project that they name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pushdsl.cycle import Inputs, Project, open_project, utc_now
from pushdsl.errors import Problem, PushdslError


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Rule files as positional arguments."""
    parser.add_argument(
        "rules", nargs="*", type=Path, default=[], metavar="RULES", help="rule files or folders (default: here)"
    )


def add_rules_option(parser: argparse.ArgumentParser) -> None:
    """Rule files as an option, for commands whose positional arguments name something else."""
    parser.add_argument(
        "--rules", action="append", type=Path, metavar="RULES", help="a rule file or folder, may repeat (default: here)"
    )


def add_facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--facts", type=Path, metavar="DIR", help="folder of fact tables (default: the project's facts)"
    )


def add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="plan as of this time, as in 2026-11-11T00:00:00Z (default: now)"
    )


def add_since(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="only records from then on, as in 2026-11-11T00:00:00Z"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for a program")


def project_of(args: argparse.Namespace) -> Project:
    """The project that the arguments name, or the one in this folder."""
    return open_project(tuple(args.rules or [Path()]), getattr(args, "facts", None))


def time_of(args: argparse.Namespace) -> datetime:
    at: datetime | None = args.at
    return at if at is not None else utc_now()


def warn_about_facts(inputs: Inputs) -> None:
    """What is odd about the facts and does not stop a plan, on standard error."""
    show_warnings(inputs.warnings)


def show_warnings(warnings: Iterable[Problem]) -> None:
    from pushdsl.report.diagnostics import problem_lines

    for problem in warnings:
        print("\n".join(problem_lines(problem)), file=sys.stderr)


def whole_number(text: str) -> int:
    """For argparse: a number of lines or records."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number from 0")
    return int(text)


def moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no time; write it as 2026-11-11T00:00:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"`{text}` has no time zone; write it as 2026-11-11T00:00:00Z or …+08:00")
    return moment


def known_store(name: str, inputs: Inputs) -> None:
    """Raises PushdslError with the nearest name where the rules declare no such store."""
    from difflib import get_close_matches

    if name not in inputs.rules.stores:
        near = get_close_matches(name, inputs.rules.stores, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"stores: {', '.join(sorted(inputs.rules.stores))}"
        raise PushdslError(f"the rules declare no store `{name}`", hint)
