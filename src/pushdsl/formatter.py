"""The text of a rule file in; the same rules in the one canonical form out, held to what a formatter promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from pushdsl.errors import PushdslError, RuleError
from pushdsl.grammar import nodes as n
from pushdsl.grammar.comments import comments
from pushdsl.grammar.parser import collector_paused, parse
from pushdsl.grammar.printer import print_file
from pushdsl.source import SourceText

S = TypeVar("S")


def format_text(source: SourceText) -> str:
    """The canonical text of `source`, with LF line ends.

    Raises `RuleError` where it cannot be read, and plain `PushdslError` where the result would mean something else,
    lack a comment, or change when it is formatted again.
    """
    with collector_paused(source):
        file = _parsed(source)
        text = print_file(file)
        if text != source.text:
            _hold(file, SourceText(source.name, text))
    return text


def _parsed(source: SourceText) -> n.File:
    file, diagnostics = parse(source)
    errors = [found for found in diagnostics if found.severity == "error"]
    if errors:
        raise RuleError(errors)
    return file


def _hold(file: n.File, printed: SourceText) -> None:
    name = file.source.name
    try:
        again = _parsed(printed)
    except RuleError:
        raise _unsafe(name, "the result could not be read again") from None
    if _meaning(file) != _meaning(again):
        raise _unsafe(name, "the rules would change")
    if _remarks(file.source) != _remarks(printed):
        raise _unsafe(name, "a comment would be lost")
    if print_file(again) != printed.text:
        raise _unsafe(name, "formatting twice would give something else")


def _unsafe(name: str, reason: str) -> PushdslError:
    help = "this is a defect of pushdsl: please report it with the file; nothing was written"
    return PushdslError(f"`{name}` was not formatted, because {reason}", help)


def _remarks(source: SourceText) -> Counter[str]:
    return Counter(found.span.text.rstrip(" \t") for found in comments(source))


def _meaning(file: n.File) -> list[n.Declaration]:
    """The declarations, their statements in an order that does not depend on how they were written."""
    return [_ordered(declaration) for declaration in file.declarations]


def _ordered(declaration: n.Declaration) -> n.Declaration:
    match declaration:
        case n.Rule():
            return replace(declaration, statements=tuple(map(_ordered_inside, _by_kind(declaration.statements))))
        case n.Store():
            return replace(declaration, statements=_by_kind(declaration.statements))
        case _:
            return declaration


def _ordered_inside(statement: n.RuleStatement) -> n.RuleStatement:
    if isinstance(statement, n.Preorder):
        return replace(statement, statements=_by_kind(statement.statements))
    return statement


def _by_kind(statements: Iterable[S]) -> tuple[S, ...]:
    return tuple(sorted(statements, key=_kind))


def _kind(statement: object) -> str:
    return type(statement).__name__
