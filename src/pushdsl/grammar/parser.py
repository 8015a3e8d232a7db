"""A source text in; its tree and every syntax error in it out.

Lark turns push.lark into an LALR table; this module walks the table itself, because that gives nodes exact spans
and lets the parser go on after an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pushdsl.errors import Diagnostic
from pushdsl.grammar.build import Builder
from pushdsl.grammar.nodes import File
from pushdsl.grammar.reading import MAX_BYTES, read_source, too_large
from pushdsl.grammar.tokens import Tokens, tokenize
from pushdsl.source import SourceText, Span

__all__ = ["MAX_BYTES", "parse", "read_source"]

_METHOD = {"for": "for_"}
_GRAMMAR = Path(__file__).with_name("push.lark")


def parse(source: SourceText) -> tuple[File, tuple[Diagnostic, ...]]:
    """The tree of `source` without the statements that have errors, and the errors in the order of the text."""
    if len(source.text) > MAX_BYTES:
        return File(source, ()), (too_large(source),)
    table = _table()
    tokens, diagnostics = tokenize(source, table.words)
    builder = Builder(source)
    parsing = _Parsing(table, tokens, builder)
    file = parsing.run()
    diagnostics += parsing.diagnostics + builder.diagnostics
    return file, tuple(sorted(diagnostics, key=lambda found: found.span.start if found.span else 0))


# A reduction takes `size` values off the stack. `picks` are those that become parts, with whether each is a list
# of parts itself; `action` makes a node of them, no action hands the list on, `lone` hands on the only part.
class _Reduction(NamedTuple):
    symbol: str
    size: int
    picks: tuple[tuple[int, bool], ...]
    action: str | None
    lone: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """`moves[state][token]`: the next state, or ~i for reduction i. `follow[state][symbol]`: the state after it."""

    moves: list[dict[str, int]]
    follow: list[dict[str, int]]
    reductions: list[_Reduction]
    first: int
    last: int
    words: frozenset[str]


@cache
def _table() -> _Table:
    stored = json.loads(json.dumps(_build_table()))
    reductions = [
        _Reduction(symbol, size, tuple((i, splice) for i, splice in picks), action, lone)
        for symbol, size, picks, action, lone in stored["reductions"]
    ]
    return _Table(stored["moves"], stored["follow"], reductions, stored["first"], stored["last"],
                  frozenset(word for word in stored["words"] if word.isalpha()))  # fmt: skip


def _build_table() -> dict[str, Any]:
    """Lark's table as plain lists and mappings, terminals by the text that stands for them."""
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    lark = Lark.open(str(_GRAMMAR), parser="lalr", lexer="basic")
    table = lark.parser.parser._parse_table
    text_of = {t.name: t.pattern.value for t in lark.terminals if t.pattern is not None}
    number_of = {state: number for number, state in enumerate(table.states)}
    rules: dict[Any, int] = {}
    moves: list[dict[str, int]] = []
    follow: list[dict[str, int]] = []
    nonterminals = {rule.origin.name for rule in lark.rules}
    for row in table.states.values():
        move: dict[str, int] = {}
        then: dict[str, int] = {}
        for symbol, (kind, argument) in row.items():
            if symbol in nonterminals:
                then[symbol] = number_of[argument]
            elif kind is Shift:
                move[text_of.get(symbol, symbol)] = number_of[argument]
            else:
                move[text_of.get(symbol, symbol)] = ~rules.setdefault(argument, len(rules))
        moves.append(move)
        follow.append(then)
    return {
        "moves": moves,
        "follow": follow,
        "reductions": [_reduction(rule) for rule in rules],
        "first": number_of[table.start_states["start"]],
        "last": number_of[table.end_states["start"]],
        "words": sorted(text_of.values()),
    }


def _reduction(rule: Any) -> list[Any]:
    picks = [
        (position, not symbol.is_term and symbol.name.startswith("_"))
        for position, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and (symbol.filter_out or symbol.name.startswith("_")))
    ]
    symbol = rule.origin.name
    lone = bool(rule.options.expand1 and not rule.alias)
    assert not lone or len(picks) == 1, rule
    action = rule.alias or (None if lone or symbol.startswith("_") else symbol)
    return [symbol, len(rule.expansion), picks, action, lone]


class _Parsing:
    """The stacks of one run over a text."""

    def __init__(self, table: _Table, tokens: Tokens, builder: Builder) -> None:
        self.table = table
        self.tokens = tokens
        self.builder = builder
        self.diagnostics: list[Diagnostic] = []
        self.states = [table.first]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.end = 0
        self.of_token: dict[str, Callable[[int, int], Any]] = {
            "NAME": builder.name_token,
            "STRING": builder.string_token,
            "NUMBER": builder.span,
            "NEGATIVE": builder.span,
        }
        self.actions = [
            getattr(Builder, _METHOD.get(r.action, r.action)) if r.action else None for r in table.reductions
        ]

    def run(self) -> File:
        position = 0
        while (position := self._feed(self.tokens, position)) < len(self.tokens.kinds):
            position = self._recover(position)
        file = self.values[-1]
        assert isinstance(file, File)
        return file

    def _feed(self, tokens: Tokens, first: int) -> int:
        """Read tokens from `first` on; the position of the first that does not fit, or past the last."""
        moves, follow, reductions = self.table.moves, self.table.follow, self.table.reductions
        states, values, starts, of_token, actions = self.states, self.values, self.starts, self.of_token, self.actions
        kinds, token_starts, token_ends = tokens.kinds, tokens.starts, tokens.ends
        end, last = self.end, self.table.last
        for position in range(first, len(kinds)):
            kind = kinds[position]
            start = token_starts[position]
            while True:
                move = moves[states[-1]].get(kind)
                if move is None:
                    self.end = end
                    return position
                if move >= 0:
                    end = token_ends[position]
                    make = of_token.get(kind)
                    states.append(move)
                    values.append(make(start, end) if make is not None else None)
                    starts.append(start)
                    break
                symbol, size, picks, _, lone = reductions[~move]
                action = actions[~move]
                if not size:
                    values.append(action(self.builder, [], start, start) if action is not None else [])
                    starts.append(start)
                else:
                    if size > 1:
                        del states[1 - size :], starts[1 - size :]
                    if lone:
                        value = values[picks[0][0] - size]
                    else:
                        parts = _parts(values, size, picks)
                        value = parts if action is None else action(self.builder, parts, starts[-1], end)
                    del values[-size:]
                    values.append(value)
                    states.pop()
                states.append(follow[states[-1]][symbol])
                if states[-1] == last:
                    break
        self.end = end
        return len(kinds)

    def _recover(self, position: int) -> int:
        """Say what is wrong at `position`, leave the statement out, and the position to go on from."""
        kinds, starts, ends = self.tokens.kinds, self.tokens.starts, self.tokens.ends
        span = Span(self.builder.source, starts[position], max(ends[position], starts[position] + 1))
        self.diagnostics.append(Diagnostic("PUSH012", f"unexpected `{span.text}`", span))
        if kinds[position] == "$END":
            at = [starts[position]]
            for kind in ("_NL", "}") * 3:
                self._feed(Tokens([kind], at, at), 0)
            return position
        while "_ERROR" not in self.table.moves[self.states[-1]]:
            self.states.pop()
            self.values.pop()
            self.starts.pop()
        depth = 0
        while kinds[position] != "$END":
            if kinds[position] == "{":
                depth += 1
            elif kinds[position] == "}":
                depth -= 1
                if depth < 0 and len(self.states) > 4:
                    break
            elif kinds[position] == "_NL" and depth <= 0:
                break
            position += 1
        here = [starts[position]]
        self._feed(Tokens(["_ERROR"], here, here), 0)
        return position


def _parts(values: list[Any], size: int, picks: tuple[tuple[int, bool], ...]) -> list[Any]:
    """The parts of a sentence whose values are the last `size`; a list that comes first is taken over, not copied."""
    parts: list[Any] | None = None
    for place, is_list in picks:
        value = values[place - size]
        if not is_list:
            if parts is None:
                parts = [value]
            else:
                parts.append(value)
        elif parts is None:
            parts = value
        else:
            parts += value
    return parts if parts is not None else []
