"""The TextMate grammar over lines of rules, as an editor runs it: leftmost match, of two the first pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pushdsl.grammar import parser

FOLDER = Path(__file__).parents[1] / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "push.tmLanguage.json").read_text("utf-8"))
Pieces = list[tuple[str, str]]


def included(patterns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The patterns with the repository's in the place of their names."""
    return [GRAMMAR["repository"][p["include"].removeprefix("#")] if "include" in p else p for p in patterns]


def scoped(line: str) -> Pieces:
    """Each piece of a line that has a scope, without the grammar's suffix."""
    return [(piece, scope.removesuffix(".push")) for piece, scope in pieces(line)]


def pieces(line: str) -> Iterator[tuple[str, str]]:
    position = 0
    while found := leftmost(included(GRAMMAR["patterns"]), line, position):
        pattern, match = found
        if "begin" in pattern:
            position = end_of(pattern, line, match.end())
            yield line[match.start() : position], pattern["name"]
            continue
        for group, capture in pattern.get("captures", {"0": pattern}).items():
            yield match[int(group)], capture["name"]
        position = match.end()


def leftmost(patterns: list[dict[str, Any]], line: str, position: int) -> tuple[dict[str, Any], re.Match[str]] | None:
    found = [(p, m) for p in patterns if (m := re.compile(p.get("match") or p["begin"]).search(line, position))]
    return min(found, key=lambda pair: pair[1].start(), default=None)


def end_of(pattern: dict[str, Any], line: str, position: int) -> int:
    """Where a text ends, over the escapes inside it."""
    while True:
        end = re.compile(pattern["end"]).search(line, position)
        inner = leftmost(included(pattern["patterns"]), line, position)
        assert end is not None
        if inner is None or end.start() <= inner[1].start():
            return end.end()
        position = inner[1].end()


def test_every_word_of_the_language_is_in_one_pattern() -> None:
    words = []
    for name in ("declaration", "unit", "state", "statement"):
        words += GRAMMAR["repository"][name]["match"].removeprefix(r"\b(?:").removesuffix(r")\b").split("|")

    assert sorted(words) == sorted(parser._table().words)


def test_a_rule_is_coloured() -> None:
    assert scoped("push edition 1") == [("push edition", "keyword.declaration"), ("1", "constant.numeric")]
    assert scoped('warehouse kl "Kuala \\"L\\" # no"  # yes') == [
        ("warehouse", "keyword.declaration"), ("kl", "entity.name"), ('"Kuala \\"L\\" # no"', "string.quoted.double"),
        ("# yes", "comment.line.number-sign"),
    ]  # fmt: skip
    assert scoped("  take 12.5% of kl, stores_my") == [
        ("take", "keyword.control"), ("12.5", "constant.numeric"), ("%", "keyword.operator"), ("of", "keyword.control"),
        ("kl", "variable.other"), ("stores_my", "variable.other"),
    ]  # fmt: skip
    assert scoped("  location all warehouses -> off") == [
        ("location", "keyword.control"), ("all", "keyword.control"), ("warehouses", "keyword.control"),
        ("->", "keyword.operator"), ("off", "constant.language"),
    ]  # fmt: skip
    assert scoped("let safety = 1_000 units") == [
        ("let", "keyword.declaration"), ("safety", "entity.name"), ("=", "keyword.operator"),
        ("1_000", "constant.numeric"), ("units", "support.type.unit"),
    ]  # fmt: skip
    assert scoped("-5 units") == [("-5", "constant.numeric"), ("units", "support.type.unit")]


def test_a_text_without_its_closing_quote_ends_with_its_line() -> None:
    assert scoped('rule "A') == [("rule", "keyword.declaration"), ('"A', "string.quoted.double")]


def test_names_in_any_script_are_names() -> None:
    assert scoped("store 倉庫 on shopee")[1] == ("倉庫", "entity.name")


def test_the_extension_names_files_that_are_there() -> None:
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))["contributes"]
    (language,), (grammar,) = package["languages"], package["grammars"]

    assert (language["id"], language["extensions"]) == (grammar["language"], [".push"])
    assert grammar["scopeName"] == GRAMMAR["scopeName"]
    assert (FOLDER / grammar["path"]).is_file()
    assert json.loads((FOLDER / language["configuration"]).read_text("utf-8"))["comments"] == {"lineComment": "#"}
