"""A source text in; its tree and every syntax error in it out.

Lark turns push.lark into an LALR table; this module walks the table itself, because that gives nodes exact spans
and lets the parser go on after an error.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from pushdsl.errors import Diagnostic, Fix
from pushdsl.grammar.blocks import mend_blocks
from pushdsl.grammar.build import Builder
from pushdsl.grammar.doubts import names_in_doubt
from pushdsl.grammar.nodes import Edition, File
from pushdsl.grammar.reading import MAX_BYTES, read_source, too_large
from pushdsl.grammar.recovery import VirtualToken, fits, mend
from pushdsl.grammar.table import Table, load_table
from pushdsl.grammar.tokens import DECLARATIONS, MAX_ERRORS, Tokens, tokenize
from pushdsl.source import SourceText, Span

__all__ = ["CODES", "EDITION", "MAX_BYTES", "MAX_ERRORS", "collector_paused", "parse", "read_source"]

CODES: dict[str, str] = {
    "PUSH001": "the file is not UTF-8",
    "PUSH002": "the file is too large",
    "PUSH003": "the file has too many errors",
    "PUSH004": "a character that means nothing",
    "PUSH005": "a line ends with a lone carriage return",
    "PUSH006": "a space that is not a plain one",
    "PUSH007": "quotes that are not the quotes of a text",
    "PUSH008": "full-width punctuation",
    "PUSH009": "a text without its closing quote",
    "PUSH010": "a backslash that is no escape",
    "PUSH011": "a number that is not written as one",
    "PUSH012": "something unexpected",
    "PUSH013": "no space before a unit",
    "PUSH014": "a space before `%`",
    "PUSH015": "a name that is not written as one",
    "PUSH016": "a word of the language as a name",
    "PUSH017": "`{` on the next line",
    "PUSH018": "`{` that is never closed",
    "PUSH019": "`}` that closes nothing",
    "PUSH020": "a list that ends in `,`",
    "PUSH021": "a number without a unit",
    "PUSH022": "a quantity out of range",
    "PUSH023": "a percentage out of range",
    "PUSH024": "a duration out of range",
    "PUSH025": "no statement starts like this",
    "PUSH026": "a text without quotes",
    "PUSH027": "a name in quotes",
    "PUSH028": "two statements on a line",
    "PUSH029": "a number below 0",
    "PUSH030": "a statement outside its block",
    "PUSH038": "an edition that is not known",
    "PUSH039": "`push edition` is not the first statement",
    "PUSH040": "no edition",
    "PUSH041": "a unit that means nothing here",
}

EDITION: Final = 1
"""What a file that names none is read as."""

EDITIONS: tuple[int, ...] = (1,)
"""All that are known here, the newest first."""

# Above this length the collector is paused.
_MANY_CHARACTERS = 100_000

_GRAMMAR = Path(__file__).with_name("push.lark")
_METHOD = {"for": "for_"}

# How many tokens before an error are looked at to see whether something was said about its line.
_LINE_SEEN = 100

# The tokens that stand for a head which cannot be read, so that its block can.
_BARE_HEADS = {
    "rule": ("rule", "STRING"),
    "test": ("test", "STRING"),
    "store": ("store", "NAME", "on", "NAME"),
    "preorder": ("preorder",),
}


def parse(source: SourceText) -> tuple[File, tuple[Diagnostic, ...]]:
    """The tree of `source` without the statements that have errors, and the errors in the order of the text."""
    if len(source.text) > MAX_BYTES:
        return File(source, ()), (too_large(source),)
    table = _table()
    with collector_paused(source):
        text, tokens, said = tokenize(source, table.words)
        builder = Builder(source, text, said)
        file = _Parsing(table, tokens, builder).read()
        if file is None:
            tokens, about_blocks = mend_blocks(table, source, tokens)
            said += about_blocks
            builder = Builder(source, text, said)
            file = _Parsing(table, tokens, builder).recover()
        if said or builder.diagnostics:
            doubtful = names_in_doubt(file, text, tokens, (*said, *builder.diagnostics))
            file = replace(file, broken_names=file.broken_names | doubtful)
    said = _first_errors(source, _one_a_place(said + builder.diagnostics))
    return file, _about_edition(file, tokens, said)


@contextmanager
def collector_paused(source: SourceText) -> Iterator[None]:
    """For a long source: there the collector would spend as much time again on trees that only grow."""
    if len(source.text) <= _MANY_CHARACTERS or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def _table() -> Table:
    return load_table(_GRAMMAR.read_text("utf-8"), _build_table)


def _build_table(grammar: str) -> dict[str, Any]:
    """Lark's table as plain lists and mappings, terminals by the text that stands for them."""
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(grammar, parser="lalr", lexer="basic")
    # not documented by Lark: a test says so if it moves
    table: Any = lark.parser.parser._parse_table
    text_of = {terminal.name: terminal.pattern.value for terminal in lark.terminals if terminal.pattern is not None}
    symbols = {rule.origin.name for rule in lark.rules}
    number_of = {state: number for number, state in enumerate(table.states)}
    reductions: dict[Any, int] = {}
    moves: list[dict[str, int]] = [{} for _ in number_of]
    follow: list[dict[str, int]] = [{} for _ in number_of]
    for number, row in enumerate(table.states.values()):
        for symbol, (kind, argument) in row.items():
            if symbol in symbols:
                follow[number][symbol] = number_of[argument]
            elif kind is Shift:
                moves[number][text_of.get(symbol, symbol)] = number_of[argument]
            else:
                moves[number][text_of.get(symbol, symbol)] = ~reductions.setdefault(argument, len(reductions))
    return {
        "moves": moves,
        "follow": follow,
        "reductions": [_reduction(rule) for rule in reductions],
        "first": number_of[table.start_states["start"]],
        "last": number_of[table.end_states["start"]],
        "words": sorted(text for text in text_of.values() if text.isalpha()),
    }


def _reduction(rule: Any) -> tuple[str, int, list[tuple[int, bool]], str | None, bool]:
    """A rule of the grammar as the fields of a `Reduction`."""
    symbol = rule.origin.name
    picks = [
        (place, not part.is_term and part.name.startswith("_"))
        for place, part in enumerate(rule.expansion)
        if not (part.is_term and (part.filter_out or part.name.startswith("_")))
    ]
    lone = bool(rule.options.expand1 and not rule.alias)
    action = rule.alias or (None if lone or symbol.startswith("_") else symbol)
    return symbol, len(rule.expansion), picks, action, lone


class _OpenBrace(NamedTuple):
    start: int
    end: int


class _Parsing:
    """The stacks of one run over a text: one state more than values, each value with where its text starts."""

    def __init__(self, table: Table, tokens: Tokens, builder: Builder) -> None:
        self.table = table
        self.tokens = tokens
        self.builder = builder
        self.states = [table.first]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.end = 0
        self.errors = 0
        self.of_token: dict[str, Callable[[int, int], Any]] = {
            "NAME": builder.name_token,
            "STRING": builder.string_token,
            "NUMBER": builder.span,
            "NEGATIVE": builder.span,
            "{": _OpenBrace,
        }
        actions = (reduction.action for reduction in table.reductions)
        self.actions = [getattr(builder, _METHOD.get(action, action)) if action else None for action in actions]

    def read(self) -> File | None:
        """The file, if nothing is wrong with its sentences."""
        if self._read(self.tokens, 0) < len(self.tokens.kinds):
            return None
        file = self.values[-1]
        assert isinstance(file, File)
        return file

    def recover(self) -> File:
        """The file without the statements that have errors."""
        position = 0
        while (position := self._read(self.tokens, position)) < len(self.tokens.kinds):
            position = self._go_on(position)
        file = self.values[-1]
        assert isinstance(file, File)
        return file

    def _read(self, tokens: Tokens, first: int) -> int:
        """Read tokens from `first` on; the position of the first that does not fit, or past the last."""
        moves, follow, reductions = self.table.moves, self.table.follow, self.table.reductions
        states, values, starts, of_token, actions = self.states, self.values, self.starts, self.of_token, self.actions
        kinds, token_starts, token_ends = tokens.kinds, tokens.starts, tokens.ends
        end, last = self.end, self.table.last
        for position in range(first, len(kinds)):
            kind = kinds[position]
            start = token_starts[position]
            while (move := moves[states[-1]].get(kind)) is not None:
                if move >= 0:
                    end = token_ends[position]
                    make = of_token.get(kind)
                    states.append(move)
                    values.append(make(start, end) if make is not None else None)
                    starts.append(start)
                    break
                symbol, size, picks, _, lone = reductions[~move]
                if lone:
                    states[-1] = follow[states[-2]][symbol]
                    continue
                action = actions[~move]
                if size == 1:
                    # most sentences have one part: they are spared the general case below
                    parts = (values[-1] if picks[0][1] else [values[-1]]) if picks else []
                    values[-1] = parts if action is None else action(parts, starts[-1], end)
                    states[-1] = follow[states[-2]][symbol]
                elif size:
                    del states[-size:], starts[1 - size :]
                    parts = _parts(values, size, picks)
                    values[-size:] = [parts if action is None else action(parts, starts[-1], end)]
                    states.append(follow[states[-1]][symbol])
                else:
                    values.append(action([], start, start) if action is not None else [])
                    starts.append(start)
                    states.append(follow[states[-1]][symbol])
                if states[-1] == last:
                    break
            else:
                self.end = end
                return position
        self.end = end
        return len(kinds)

    def _go_on(self, position: int) -> int:
        """Say what is wrong at `position`, mend it or leave its statement out; the position to read on from."""
        found = mend(self.table, self.states, self._opened(), self.builder.source, self.tokens, position)
        if not ((found.give_up or found.guess) and self._is_said(position)):
            self.builder.say(found.diagnostic)
        self.errors += 1
        if self.errors > MAX_ERRORS:
            return self._stop(position)
        if not found.give_up:
            self._feed(found.feed)
            return found.resume
        resume = self._leave_out(found.resume, found.keep_rest)
        return self._next_declaration(resume) if found.whole_block else resume

    def _is_said(self, position: int) -> bool:
        """Whether something was said about this line already: then the rest of it is not worth another word."""
        kinds, first = self.tokens.kinds, position
        while first and kinds[first - 1] != "_NL" and position - first < _LINE_SEEN:
            first -= 1
        return self.builder.is_broken(self.tokens.starts[first], self.tokens.starts[position])

    def _opened(self) -> int:
        """Where the innermost block that is still open starts, or -1."""
        return next((value.start for value in reversed(self.values) if type(value) is _OpenBrace), -1)

    def _feed(self, virtual: tuple[VirtualToken, ...]) -> None:
        for kind, start, end in virtual:
            read = self._read(Tokens([kind], [start], [end]), 0)
            assert read == 1, kind

    def _leave_out(self, position: int, keep_rest: bool) -> int:
        """Take the statement at `position` back and put an error in its place; the position to read on from."""
        start = self.tokens.starts[position]
        if self.tokens.kinds[position] != "_NL" and fits(self.table, self.states, ("_NL",)):
            # what stands before is whole and stays
            self._feed((("_NL", start, start),))
        while "_ERROR" not in self.table.moves[self.states[-1]]:
            self.states.pop()
            self.values.pop()
            start = self.starts.pop()
        first = bisect_left(self.tokens.starts, start, hi=position)
        if keep_rest:
            stop = position
        else:
            stop = self._skip(position)
        self._note_names(first, stop)
        head = _BARE_HEADS.get(self.tokens.kinds[first], ())
        if fits(self.table, self.states, (*head, "{")) and (brace := self._brace(first, stop)) is not None:
            self._feed(self._bare_head(first, brace))
            return brace
        here = self.tokens.starts[stop]
        self._feed((("_ERROR", here, here),))
        if self.tokens.kinds[stop] == "$END":
            self._feed((("_NL", here, here),))
        elif not fits(self.table, self.states, (self.tokens.kinds[stop],)):
            if keep_rest and fits(self.table, self.states, ("_NL", self.tokens.kinds[stop])):
                self._feed((("_NL", here, here),))
            else:
                return self._skip(stop)
        return stop

    def _skip(self, position: int) -> int:
        """The end of the line of `position`, over whole blocks, or the `}` that closes the block around it."""
        kinds = self.tokens.kinds
        inside = self._opened() >= 0
        depth = 0
        while kinds[position] != "$END":
            kind = kinds[position]
            if kind == "{":
                depth += 1
            elif kind == "}":
                if depth == 0 and inside and kinds[position + 1] in ("_NL", "$END"):
                    break
                depth -= depth > 0
            elif kind == "_NL" and (depth == 0 or kinds[position + 1] in DECLARATIONS):
                break
            position += 1
        return position

    def _next_declaration(self, position: int) -> int:
        """The end of the last line before the next declaration, from the end of a line on."""
        kinds = self.tokens.kinds
        while kinds[position] == "_NL" and kinds[position + 1] not in (*DECLARATIONS, "$END"):
            position += 1
            while kinds[position] not in ("_NL", "$END"):
                position += 1
        return position

    def _note_names(self, first: int, stop: int) -> None:
        """Remember what a lost statement names, so that nobody calls it unknown or unused."""
        for position in range(first, stop):
            kind = self.tokens.kinds[position]
            if kind == "NAME" or kind == "STRING":
                node = self.of_token[kind](self.tokens.starts[position], self.tokens.ends[position])
                self.builder.broken_names.add(node.text if kind == "NAME" else node.value)

    def _brace(self, first: int, stop: int) -> int | None:
        """The `{` that ends the head which starts at `first`."""
        for position in range(first, stop):
            if self.tokens.kinds[position] == "{":
                return position
            if self.tokens.kinds[position] == "_NL":
                return None
        return None

    def _bare_head(self, first: int, brace: int) -> tuple[VirtualToken, ...]:
        """The head between `first` and `brace` with the names it has, or with none."""
        tokens, head = self.tokens, []
        position, end = first, tokens.ends[first]
        for kind in _BARE_HEADS[tokens.kinds[first]]:
            place = position
            while place < brace and tokens.kinds[place] != kind:
                place += 1
            if place < brace:
                end = tokens.ends[place]
                head.append((kind, tokens.starts[place], end))
                position = place + 1
            else:
                head.append((kind, end, end))
        return tuple(head)

    def _stop(self, position: int) -> int:
        """Give the rest of the file up: what is whole at the top level stays."""
        start = self.tokens.starts[position]
        while self._opened() >= 0 or "_ERROR" not in self.table.moves[self.states[-1]]:
            self.states.pop()
            self.values.pop()
            self.starts.pop()
        self._feed((("_ERROR", start, start), ("_NL", start, start)))
        return len(self.tokens.kinds) - 1


def _parts(values: list[Any], size: int, picks: tuple[tuple[int, bool], ...]) -> list[Any]:
    """The parts of a sentence whose values are the last `size`; a list that comes first is taken over, not copied."""
    parts: list[Any] | None = None
    for place, is_list in picks:
        value = values[place - size]
        if parts is None:
            parts = value if is_list else [value]
        elif is_list:
            parts += value
        else:
            parts.append(value)
    return parts if parts is not None else []


def _about_edition(file: File, tokens: Tokens, said: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """What was `said` and what there is to say about the edition; in an unknown one no other error counts."""
    editions = [declaration for declaration in file.declarations if isinstance(declaration, Edition)]
    source = file.source
    for edition in editions:
        if edition.number not in EDITIONS:
            message = f"edition {edition.number} of the language is not known here"
            *others, last = map(str, EDITIONS)
            known = f"editions {', '.join(others)} and {last}" if others else f"edition {last}"
            help = f"this pushdsl reads {known}; a newer one may read more"
            return (Diagnostic("PUSH038", message, edition.span, help),)
    first = int(tokens.kinds[0] == "_NL")
    if not editions and tokens.kinds[first] != "push":
        fix = Fix(Span(source, 0, 0), f"push edition {EDITION}\n", "add the edition")
        help = f"write `push edition {EDITION}` as the first statement"
        place = Span(source, tokens.starts[first], tokens.ends[first])
        lint = Diagnostic("PUSH040", "the file does not name its edition", place, help, fix, "lint")
        return (lint, *said)
    for edition in editions:
        if edition.span.start != tokens.starts[first]:
            help = "put it at the top of the file, once"
            said.append(Diagnostic("PUSH039", "`push edition` is the first statement of its file", edition.span, help))
    return tuple(sorted(said, key=_offset))


def _offset(diagnostic: Diagnostic) -> int:
    return diagnostic.span.start if diagnostic.span is not None else 0


def _one_a_place(said: list[Diagnostic]) -> list[Diagnostic]:
    """In the order of the text, one for each place: what a name lacks to be one matters less than missing quotes."""
    by_place: dict[int, Diagnostic] = {}
    for found in sorted(said, key=_offset):
        known = by_place.setdefault(_offset(found), found)
        if known.code == "PUSH015" and found.code == "PUSH026":
            by_place[_offset(found)] = found
    return list(by_place.values())


def _first_errors(source: SourceText, said: list[Diagnostic]) -> list[Diagnostic]:
    """What was said, or as much as anyone wants to read."""
    if len(said) <= MAX_ERRORS:
        return said
    message = f"the file has more than {MAX_ERRORS:_} errors"
    start = _offset(said[MAX_ERRORS])
    many = Diagnostic("PUSH003", message, Span(source, start, start + 1), "mend the first ones, then check again")
    return [*said[:MAX_ERRORS], many]
