"""`python -m pushdsl.testing report [TESTS ...] [-o FILE]`: run a platform's contract and write its results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pushdsl.testing.report import report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pushdsl.testing", description="The contract of a platform.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("report", help="run the tests of the contract and write a table of the results")
    command.add_argument("tests", nargs="*", type=Path, default=[Path("tests")], help="where they are (default: tests)")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here (default: the terminal)")
    args = parser.parse_args(arguments)
    text, kept = report(args.tests)
    if args.output is None:
        sys.stdout.write(text)
    else:
        args.output.write_text(text, encoding="utf-8")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
