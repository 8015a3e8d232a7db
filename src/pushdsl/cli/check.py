"""`pushdsl check`: every error and lint of every rule file; with `--fix` what is certain is mended first."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pushdsl.cli.inputs import add_rules, project_of, show_warnings
from pushdsl.cycle import Project, check_on_facts, check_rules, fix_rules
from pushdsl.errors import Diagnostic
from pushdsl.fixing import Applied, write
from pushdsl.report.diagnostics import diagnostic_dict, diagnostic_line, diagnostic_lines
from pushdsl.report.terminal import print_lines

FORMATS = ("human", "plain", "json", "sarif")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    help = "count each rule's SKUs on these fact tables too, against `[limits]` (default: the text alone)"
    parser.add_argument("--facts", type=Path, metavar="DIR", help=help)
    parser.add_argument("--fix", action="store_true", help="write every fix that is certain into the files, then check")
    help = "how to print it: underlined, a line each, or for programs (default: human)"
    parser.add_argument("--format", choices=FORMATS, default="human", help=help)
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def run(args: argparse.Namespace) -> int:
    project = project_of(args)
    applied = _fix(project) if args.fix else ()
    rules, diagnostics = check_rules(project)
    if rules is not None and args.facts is not None:
        on_facts, warnings = check_on_facts(project, rules)
        diagnostics = (*diagnostics, *on_facts)
        show_warnings(warnings)
    spoken = [one for one in diagnostics if not one.silenced]
    errors = sum(one.severity == "error" for one in spoken)
    match args.format:
        case "json":
            print(json.dumps(_document(diagnostics, applied), ensure_ascii=False, indent=1))
        case "sarif":
            from pushdsl.report.sarif import sarif

            sys.stderr.writelines(f"{line}\n" for line in _applied_lines(applied))
            print(json.dumps(sarif(diagnostics), ensure_ascii=False, indent=1))
        case style:
            print_lines(_applied_lines(applied))
            for one in spoken:
                print_lines([diagnostic_line(one)] if style == "plain" else [*diagnostic_lines(one), ""])
            if fixable := sum(one.fix is not None for one in spoken):
                print(f"`pushdsl check --fix` mends {fixable} of these")
            print(_total(diagnostics, len(rules.rules) if rules is not None else None))
    return 3 if errors else 0


def _fix(project: Project) -> tuple[Applied, ...]:
    done = fix_rules(project)
    write(done)
    return done.applied


def _applied_lines(applied: Sequence[Applied]) -> Iterator[str]:
    """What was fixed, file by file."""
    for file, fixes in groupby(sorted(applied, key=lambda one: one.file), lambda one: one.file):
        found = list(fixes)
        yield f"fixed {file}: {_count(len(found), 'fix', 'es')}"
        yield from (f"  {file}:{one.line}:{one.column}: {one.code}: {one.title}" for one in found)
    if applied:
        yield ""


def _document(diagnostics: Sequence[Diagnostic], applied: Sequence[Applied]) -> dict[str, object]:
    errors, lints, silenced = _counts(diagnostics)
    return {
        "format": "pushdsl.check/1", "errors": errors, "lints": lints, "silenced": silenced,
        "fixed": [
            {"file": one.file, "line": one.line, "column": one.column, "code": one.code, "title": one.title}
            for one in applied
        ],
        "diagnostics": [diagnostic_dict(one) for one in diagnostics],
    }  # fmt: skip


def _total(diagnostics: Sequence[Diagnostic], rules: int | None) -> str:
    errors, lints, silenced = _counts(diagnostics)
    parts = [_count(errors, "error"), _count(lints, "lint")]
    if silenced:
        parts.append(f"{silenced} silenced")
    if rules is not None:
        parts.append(_count(rules, "rule"))
    return ", ".join(parts)


def _counts(diagnostics: Sequence[Diagnostic]) -> tuple[int, int, int]:
    silenced = sum(bool(one.silenced) for one in diagnostics)
    errors = sum(one.severity == "error" for one in diagnostics)
    return errors, len(diagnostics) - errors - silenced, silenced


def _count(number: int, word: str, plural: str = "s") -> str:
    return f"{number} {word}{'' if number == 1 else plural}"
