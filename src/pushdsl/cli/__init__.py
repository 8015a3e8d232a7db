"""The command line: one file a command, loaded when it is called; one door from errors to exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from pushdsl import __version__
from pushdsl.errors import FactsError, PushdslError, RuleError

COMMANDS = {
    "init": "write a small project that plans at once",
    "check": "check rule files and show every error",
    "fmt": "write rule files in the one style",
    "test": "run the tests in rule files",
    "plan": "show what every store shall show, and why",
    "diff": "show what a rule change does to today's facts",
    "explain": "show how one listing's quantity comes about",
    "why-not": "say in a line why a store does not show something else",
    "render": "show rules as plain sentences, or as a table",
    "apply": "push the differences to the stores",
    "run": "push what changes, as long as it runs",
    "push-now": "push listings at once, whatever would hold them back",
    "retry": "push what failed once more, as it is planned now",
    "reconcile": "read what a store shows and keep it",
    "authorize": "let the app into a seller's shop and keep its tokens",
    "locations": "show which warehouses a store has",
    "records": "list what was pushed and how it ended",
    "status": "show how every store stands",
    "events": "list what happened to a SKU's stock, and what it came to",
    "verify": "recompute all stock from its events and compare",
    "export": "write the records and the plan of now as Parquet files",
    "platforms": "list the installed platforms",
    "sandbox": "run local stores that speak the platforms' real APIs",
    "new-plugin": "write a platform of your own that keeps the contract at once",
    "replay": "play a shop's orders against local stores that are pushed to meanwhile",
    "demo": "play a whole example against local stores",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in arguments if not a.startswith("-")), "")
    parser = _parser(chosen)
    if chosen and chosen not in COMMANDS:
        parser.error(_unknown(chosen))
    args = parser.parse_args(arguments)
    if not args.command:
        parser.print_help()
        return 1
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except PushdslError as error:
        show(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of a pipe went away: nothing is left to say
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _unknown(command: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean `{near[0]}`? the" if near else "the"
    return f"there is no command `{command}`\nhelp: {hint} commands are {', '.join(COMMANDS)}"


class _Parser(argparse.ArgumentParser):
    """Wrong use exits with 1; argparse's 2 means a plan with changes here."""

    def error(self, message: str) -> None:  # type: ignore[override]  # exits, as argparse's own does
        self.print_usage(sys.stderr)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The parser, with the arguments of the chosen command only: the other modules stay unloaded."""
    parser = _Parser(prog="pushdsl", description="Rules for inventory push: planned, explained, carried out.")
    parser.add_argument("--version", action="version", version=f"pushdsl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        if name == chosen:
            module = importlib.import_module(f"pushdsl.cli.{name.replace('-', '_')}")
            module.arguments(command)
            command.set_defaults(run=module.run)
    return parser


def show(error: PushdslError) -> None:
    """Tells the user on standard error what is wrong and what to do."""
    from pushdsl.report.diagnostics import diagnostic_lines, problem_lines

    if isinstance(error, RuleError):
        for diagnostic in error.diagnostics:
            print("\n".join(diagnostic_lines(diagnostic)), end="\n\n", file=sys.stderr)
    if isinstance(error, FactsError):
        for problem in error.problems:
            print("\n".join(problem_lines(problem)), file=sys.stderr)
    print(f"error: {error.message}", file=sys.stderr)
    if error.help:
        print(f"help: {error.help}", file=sys.stderr)
