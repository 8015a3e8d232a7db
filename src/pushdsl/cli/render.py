"""`pushdsl render`: rules as plain sentences or as a table, for those who do not read rule files."""

from __future__ import annotations

import argparse
import shutil
import sys

from pushdsl import cycle
from pushdsl.cli.inputs import add_rules, project_of
from pushdsl.report.rendering import rules_json, rules_markdown, sentence_lines, table_lines, tables_of
from pushdsl.report.terminal import print_lines
from pushdsl.sentences import book, names_of


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    forms = ("sentences", "table", "markdown", "json")
    parser.add_argument("--as", dest="form", choices=forms, default=forms[0], help="in which form (default: sentences)")
    parser.add_argument("--json", dest="form", action="store_const", const="json", help="the same as --as json")


def run(args: argparse.Namespace) -> int:
    rules, files, limits = cycle.read_rules(project_of(args))
    names = names_of(files)
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    match args.form:
        case "sentences":
            print_lines(sentence_lines(book(rules, limits, names), width))
        case "table":
            print_lines(table_lines(tables_of(rules, limits, names), width))
        case "markdown":
            sys.stdout.write(rules_markdown(book(rules, limits, names), tables_of(rules, limits, names)))
        case _:
            sys.stdout.write(rules_json(book(rules, limits, names), tables_of(rules, limits, names)))
    return 0
