"""Checked rules in; plain sentences, a table of stores and statements, Markdown or JSON out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import wrap
from typing import TYPE_CHECKING

from pushdsl.report.texts import visible
from pushdsl.rules import CheckedRules
from pushdsl.sentences import STATEMENTS, BookText, Names, RuleText, statement_values, store_name

if TYPE_CHECKING:  # columns bring numpy, and rules need none
    from pushdsl.cells import Limits

FORMAT = "pushdsl.render/1"
NARROWEST = 24
"""Characters of a table's column below which its texts are no longer read with ease."""


@dataclass(frozen=True, slots=True)
class StoreTable:
    """What each rule says for one store: a value for each statement that some rule of the table has."""

    store: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def tables_of(rules: CheckedRules, limits: Mapping[str, Limits], names: Names) -> list[StoreTable]:
    """A table for each store, in the order of the rule files."""
    tables = []
    for store in rules.stores.values():
        found = {
            rule.name: statement_values(rule, store, limits[store.name], names)
            for rule in rules.rules
            if store.name in rule.stores
        }
        columns = tuple(name for name in STATEMENTS if any(name in values for values in found.values()))
        rows = tuple((name, tuple(values.get(c, "") for c in columns)) for name, values in found.items())
        tables.append(StoreTable(store_name(store), columns, rows))
    return tables


def table_lines(tables: Sequence[StoreTable], width: int) -> Iterator[str]:
    """Store by store, rules below one another; where that is too wide, statements below one another instead."""
    for table in tables:
        yield ""
        yield table.store
        if not table.rows:
            yield "  no rule names this store"
        elif _fits(table, width):
            yield from _grid(["rule", *table.columns], [[name, *values] for name, values in table.rows], width)
        else:
            yield from _transposed(table, width)


def _fits(table: StoreTable, width: int) -> bool:
    """Whether every column can have its own width, or at least one that can be read."""
    columns = zip(*([name, *values] for name, values in (("rule", table.columns), *table.rows)), strict=True)
    return sum(min(max(map(len, column)), NARROWEST) + 2 for column in columns) <= width


def _transposed(table: StoreTable, width: int) -> Iterator[str]:
    """A column for each rule, as many beside one another as can be read."""
    label = max(map(len, table.columns))
    beside = max(1, (width - label - 2) // (NARROWEST + 2))
    for start in range(0, len(table.rows), beside):
        if start:
            yield ""
        some = table.rows[start : start + beside]
        rows = [[column, *(values[k] for _, values in some)] for k, column in enumerate(table.columns)]
        kept = [row for row in rows if any(row[1:])]
        yield from _grid(["", *(name for name, _ in some)], kept, width)


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(Text(visible(column)), overflow="fold", no_wrap=number == 0 and not column)
    for row in rows:
        table.add_row(*(Text(visible(value)) for value in row))
    text = StringIO()
    Console(file=text, width=width, highlight=False, color_system=None).print(table)
    yield from (line.rstrip() for line in text.getvalue().splitlines())


def sentence_lines(book: BookText, width: int) -> Iterator[str]:
    yield "Stores"
    yield from _bullets(book.stores, width)
    for rule in book.rules:
        yield ""
        yield from _rule_lines(rule, width)
    if book.promises:
        yield from ("", "Promised", *_bullets(book.promises, width))
    yield from ("", "Everywhere", *_bullets(book.general, width))


def _rule_lines(rule: RuleText, width: int) -> Iterator[str]:
    head = visible(f"Rule “{rule.name}”  {rule.span}")
    yield from (
        (head,) if len(head) <= width else (*_paragraph(f"Rule “{rule.name}”", width, "", "  "), f"  {rule.span}")
    )
    yield from _paragraph(" ".join(rule.about), width, "  ", "  ")
    yield from _bullets([f"On {stores}: {' '.join(sentences)}" for stores, sentences in rule.stores], width)
    yield from _paragraph(rule.unsaid, width, "  ", "  ")


def _bullets(texts: Sequence[str], width: int) -> Iterator[str]:
    for text in texts:
        yield from _paragraph(text, width, "  - ", "    ")


def _paragraph(text: str, width: int, first: str, rest: str) -> Iterator[str]:
    yield from wrap(visible(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def rules_markdown(book: BookText, tables: Sequence[StoreTable]) -> str:
    """The sentences, and below them the tables."""
    from pushdsl.report.markdown import environment

    shown = [table for table in tables if table.rows]
    return environment().get_template("rules.md.j2").render(book=book, tables=shown)


def rules_json(book: BookText, tables: Sequence[StoreTable]) -> str:
    document = {
        "format": FORMAT,
        "stores": [
            {
                "store": table.store,
                "rules": [
                    {"rule": name, **{c: value for c, value in zip(table.columns, values, strict=True) if value}}
                    for name, values in table.rows
                ],
            }
            for table in tables
        ],
        "sentences": {
            "stores": book.stores,
            "rules": [
                {
                    "rule": rule.name,
                    "about": rule.about,
                    "stores": [{"stores": stores, "sentences": told} for stores, told in rule.stores],
                    "unsaid": rule.unsaid,
                }
                for rule in book.rules
            ],
            "promises": book.promises,
            "general": book.general,
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
