"""Tokens of a file with errors in; the same with the `{` and `}` that were meant, and what is said about those, out.

A brace that is missing or one too many shows far from where it was forgotten, and drags the statements between into
errors of their own. So before the parser recovers, each declaration is weighed: which one brace more, or less, makes
most of its lines stand in a block that knows them?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pushdsl.errors import Diagnostic, Fix
from pushdsl.grammar.table import Table
from pushdsl.grammar.tokens import DECLARATIONS, HEADS, MAX_ERRORS, Tokens, brief
from pushdsl.source import SourceText, Span

# How many marks are weighed in a file. A rule takes some hundreds; a file that takes more is broken beyond guessing.
_MOST_WEIGHED = 1_000_000
# A declaration with more than these has too many ways to be mended.
_MOST_MARKS = 500
# So many braces are mended in one declaration.
_MOST_EDITS = 3

# What each oddity weighs. An edit must be worth at least one that is certain.
_MISFIT, _CLOSES_NOTHING, _UNCLOSED, _NO_HEAD, _ODD_PLACE, _ODD_INDENT = 4, 6, 6, 4, 2, 1
_WORTH = 4
# Another word for a head is believed only if more than one statement of its block speaks for it.
_REWORDED = 2

_OUTSIDE, _ANY = "", "?"
# What leads into each block, as far as the words at the start of its statements depend on it.
_LEADING = {
    _OUTSIDE: (),
    "store": ("store", "NAME", "on", "NAME", "{"),
    "rule": ("rule", "STRING", "{"),
    "test": ("test", "STRING", "{"),
    "preorder": ("rule", "STRING", "{", "preorder", "{"),
}
_HEADS_IN = {_OUTSIDE: HEADS - {"preorder"}, "rule": frozenset({"preorder"}), _ANY: HEADS}


class _Mark(NamedTuple):
    """The start of a statement (`word`), or a brace. `first` and `last` tell its place on the line."""

    kind: str
    position: int
    indent: int
    first: bool
    last: bool


class _Edit(NamedTuple):
    """`what` happens at the mark `place`: `drop`, `turn`, `open`, `close`, or the word that the head should be."""

    what: str
    place: int


def mend_blocks(table: Table, source: SourceText, tokens: Tokens) -> tuple[Tokens, list[Diagnostic]]:
    """The tokens to parse instead. A brace that means nothing becomes `BAD`, of which the parser has more to say."""
    blocks = _Blocks(table, source, tokens)
    changes: list[_Change] = []
    for start, stop in blocks.declarations():
        changes += blocks.mended(start, stop)
        if blocks.weighed > _MOST_WEIGHED or len(changes) > MAX_ERRORS:
            break
    return _changed(tokens, changes), [change.said for change in changes if change.said is not None]


@dataclass(frozen=True, slots=True)
class _Change:
    """The tokens `kinds`, each over the same stretch, instead of those between two positions."""

    position: int
    until: int
    kinds: tuple[str, ...]
    start: int
    end: int
    said: Diagnostic | None


def _changed(tokens: Tokens, changes: Sequence[_Change]) -> Tokens:
    kinds, starts, ends = list[str](), list[int](), list[int]()
    done = 0
    for change in sorted(changes, key=lambda change: (change.position, change.until)):
        for new, old in ((kinds, tokens.kinds), (starts, tokens.starts), (ends, tokens.ends)):
            new += old[done : change.position]  # type: ignore[operator]
        kinds += change.kinds
        starts += [change.start] * len(change.kinds)
        ends += [change.end] * len(change.kinds)
        done = max(done, change.until)
    return Tokens(kinds + tokens.kinds[done:], starts + tokens.starts[done:], ends + tokens.ends[done:])


class _Blocks:
    def __init__(self, table: Table, source: SourceText, tokens: Tokens) -> None:
        self.table = table
        self.source = source
        self.tokens = tokens
        self.words = {block: _words_in(table, leading) for block, leading in _LEADING.items()}
        self.known = frozenset[str]().union(*self.words.values())
        self.weighed = 0

    # ---- declarations

    def declarations(self) -> Iterator[tuple[int, int]]:
        """From one line that starts a declaration to the next."""
        kinds, starts = self.tokens.kinds, self.tokens.starts
        first = int(kinds[0] == "_NL")
        base = self._indent(first)
        begin = first
        for position in range(first + 1, len(kinds) - 1):
            if kinds[position] in DECLARATIONS and kinds[position - 1] == "_NL":
                outermost = self._indent(position) <= base and kinds[position + 1] not in ("_NL", "}")
                if outermost or self._is_declaration(position):
                    yield begin, position
                    begin = position
        if starts[begin] < len(self.source.text):
            yield begin, len(kinds) - 1

    def _is_declaration(self, position: int) -> bool:
        return self.table.after([self.table.first], self._line(position)) is not None

    def _line(self, position: int, most: int = 40) -> list[str]:
        """The kinds of a line, with its end or the `{` in it."""
        kinds, stop = self.tokens.kinds, position
        while stop < position + most and kinds[stop] not in ("_NL", "$END", "{"):
            stop += 1
        return kinds[position : stop + 1]

    def _indent(self, position: int) -> int:
        start = self.tokens.starts[position]
        return start - (self.source.text.rfind("\n", 0, start) + 1)

    # ---- one declaration

    def mended(self, start: int, stop: int) -> list[_Change]:
        changes: list[_Change] = []
        marks = self._marks(start, stop)
        weight = self._weigh(marks)
        for _ in range(_MOST_EDITS):
            if weight < _WORTH or self.weighed > _MOST_WEIGHED:
                break
            edits = list(self._edits(marks))
            if len(edits) * len(marks) > _MOST_WEIGHED - self.weighed:
                break
            edited = [
                (self._weigh(_edited(marks, edit)) + _REWORDED * (edit.what in HEADS), number)
                for number, edit in enumerate(edits)
            ]
            least, number = min(edited, default=(weight, 0))
            if least > weight - _WORTH:
                break
            changes.append(self._change(marks, edits[number], start, stop))
            marks, weight = _edited(marks, edits[number]), least
        return changes

    def _marks(self, start: int, stop: int) -> list[_Mark]:
        kinds = self.tokens.kinds
        marks = list[_Mark]()
        indent, first, begins = 0, True, True
        for position in range(start, stop):
            kind = kinds[position]
            if len(marks) > _MOST_MARKS:
                return []
            if kind == "_NL":
                first = begins = True
                continue
            if first:
                indent = self._indent(position)
            if kind in ("{", "}"):
                marks.append(_Mark(kind, position, indent, first, kinds[position + 1] in ("_NL", "$END")))
                begins = True
            elif begins:
                marks.append(_Mark(kind, position, indent, first, kinds[position + 1] in ("_NL", "$END")))
                begins = False
            first = False
        return marks

    def _weigh(self, marks: Sequence[_Mark]) -> int:
        """How odd the blocks of a declaration look."""
        self.weighed += len(marks)
        words, known, weight = self.words, self.known, 0
        open_blocks: list[tuple[str, int]] = []
        block, block_indent, head = _OUTSIDE, marks[0].indent - 1 if marks else 0, ""
        for number, mark in enumerate(marks):
            kind = mark.kind
            if kind == "{":
                open_blocks.append((block, block_indent))
                if head in _HEADS_IN.get(block, ()):
                    block = head
                else:
                    deeper = mark.last and number + 1 < len(marks) and marks[number + 1].indent > mark.indent
                    # a head that is misspelt still has its block
                    weight += _NO_HEAD + (0 if deeper and head not in known else _ODD_PLACE)
                    block = _ANY
                if not mark.last and (number + 1 == len(marks) or marks[number + 1].kind not in known | {"}"}):
                    weight += _ODD_PLACE
                block_indent, head = mark.indent, ""
            elif kind == "}":
                if not open_blocks:
                    weight += _CLOSES_NOTHING
                else:
                    weight += _ODD_INDENT * (mark.first and mark.indent != block_indent)
                    block, block_indent = open_blocks.pop()
                weight += _ODD_PLACE * (not mark.last)
                head = ""
            else:
                if block != _ANY and kind not in words[block] and kind in known:
                    weight += _MISFIT
                if mark.first and mark.indent <= block_indent:
                    weight += _ODD_INDENT
                elif mark.first and block == _OUTSIDE and number:
                    weight += _ODD_INDENT * (mark.indent > marks[0].indent)
                head = kind
        return weight + _UNCLOSED * len(open_blocks)

    def _edits(self, marks: Sequence[_Mark]) -> Iterator[_Edit]:
        yield from (_Edit("drop", place) for place in range(len(marks) - 1, -1, -1) if marks[place].kind in ("{", "}"))
        yield from (_Edit("turn", place) for place, mark in enumerate(marks) if mark.kind in ("{", "}") and mark.last)
        for place, mark in enumerate(marks):
            if mark.kind in HEADS and not (place + 1 < len(marks) and marks[place + 1].kind == "{"):
                yield _Edit("open", place)
        for place, mark in enumerate(marks):
            if mark.first and mark.kind not in ("{", "}"):
                yield from (_Edit(head, place) for head in sorted(HEADS - {mark.kind}) if self._has_block(marks, place))
        inside = [bool(depth) for depth in _depths(marks)]
        for place in range(len(marks), 0, -1):
            if inside[place] and (place == len(marks) or marks[place].first):
                yield _Edit("close", place)

    def _has_block(self, marks: Sequence[_Mark], place: int) -> bool:
        following = marks[place + 1] if place + 1 < len(marks) else marks[place]
        return marks[place].kind in self.known and following.kind == "{" and not following.first

    # ---- what an edit does to the tokens and what is said of it

    def _change(self, marks: Sequence[_Mark], edit: _Edit, start: int, stop: int) -> _Change:
        match edit.what:
            case "drop":
                return self._instead(marks[edit.place].position, "BAD", None)
            case "turn":
                position = marks[edit.place].position
                kind = "{" if marks[edit.place].kind == "}" else "}"
                return self._instead(position, kind, self._unexpected(position, kind))
            case "open":
                return self._opening(marks[edit.place].position)
            case "close":
                return self._closing(marks, edit.place, stop)
            case head:
                position = marks[edit.place].position
                fits = self.table.after(self._before(head), (head, *self._line(position)[1:])) is not None
                return self._instead(position, head, self._unexpected(position, head) if fits else None)

    def _before(self, head: str) -> list[int]:
        leading = _LEADING["rule"] if head == "preorder" else ()
        found = self.table.after([self.table.first], leading)
        assert found is not None
        return found

    def _instead(self, position: int, kind: str, said: Diagnostic | None) -> _Change:
        return _Change(position, position + 1, (kind,), self.tokens.starts[position], self.tokens.ends[position], said)

    def _unexpected(self, position: int, meant: str) -> Diagnostic:
        span = Span(self.source, self.tokens.starts[position], self.tokens.ends[position])
        fix = Fix(span, meant, f"write `{meant}`")
        return Diagnostic("PUSH012", f"unexpected `{brief(span.text)}`", span, f"did you mean `{meant}`?", fix)

    def _opening(self, head: int) -> _Change:
        """The `{` at the end of a line; what else is wrong with the line is the parser's to say."""
        kinds, position = self.tokens.kinds, head
        while kinds[position] not in ("_NL", "$END", "}"):
            position += 1
        end = self.tokens.ends[position - 1]
        said = None
        if self.table.after(self._before(kinds[head]), (*kinds[head:position], "{")) is not None:
            place = Span(self.source, end, end)
            said = Diagnostic(
                "PUSH012",
                "`{` is missing here",
                place,
                "the block starts at the end of this line",
                Fix(place, " {", "add `{`"),
            )
        return _Change(position, position, ("{",), end, end, said)

    def _closing(self, marks: Sequence[_Mark], place: int, stop: int) -> _Change:
        """The `}` before the line of a mark, or instead of a lone token there that is no statement."""
        opened = _innermost(marks[:place])
        for other in (place - 1, place):
            if 0 < other < len(marks) and self._is_junk(marks[other]):
                position = marks[other].position
                return self._instead(position, "}", self._unexpected(position, "}"))
        position = marks[place].position if place < len(marks) else stop
        end = (
            self.tokens.ends[position - 2]
            if self.tokens.kinds[position - 1] == "_NL"
            else self.tokens.ends[position - 1]
        )
        said = unclosed(self.source, self.tokens.starts[opened], end)
        return _Change(position, position, ("}", "_NL"), end, end, said)

    def _is_junk(self, mark: _Mark) -> bool:
        if not (mark.first and mark.last) or mark.kind in ("{", "}"):
            return False
        line = (mark.kind, "_NL")
        return all(
            (states := self.table.after([self.table.first], leading)) is None or self.table.after(states, line) is None
            for leading in _LEADING.values()
        )


def unclosed(source: SourceText, opened: int, end: int) -> Diagnostic:
    """A block that starts at `opened` and is not closed where its last statement ends, at `end`."""
    line_start = source.text.rfind("\n", 0, opened) + 1
    line = source.text[line_start:opened]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    place = Span(source, end, end)
    head = brief(line.strip()) or "{"
    fix = Fix(place, f"\n{indent}}}", "add `}`")
    help = f"write `}}` after the last statement of `{head}`"
    return Diagnostic(
        "PUSH018", "the `}` of this block is missing", place, help, fix, related=(Span(source, opened, opened + 1),)
    )


def _edited(marks: Sequence[_Mark], edit: _Edit) -> list[_Mark]:
    place, new = edit.place, list(marks)
    match edit.what:
        case "drop":
            del new[place]
        case "turn":
            new[place] = marks[place]._replace(kind="{" if marks[place].kind == "}" else "}")
        case "open":
            new.insert(place + 1, marks[place]._replace(kind="{", first=False, last=True))
        case "close":
            indent = marks[_head_of(marks[:place])].indent
            new.insert(place, marks[place - 1]._replace(kind="}", indent=indent, first=True, last=True))
        case head:
            new[place] = marks[place]._replace(kind=head)
    return new


def _depths(marks: Sequence[_Mark]) -> Iterator[int]:
    """How many blocks are open before each mark, and at the end."""
    depth = 0
    yield depth
    for mark in marks:
        depth = max(0, depth + (mark.kind == "{") - (mark.kind == "}"))
        yield depth


def _head_of(marks: Sequence[_Mark]) -> int:
    """The `{` of the innermost open block among the marks, or -1."""
    depth = 0
    for number in range(len(marks) - 1, -1, -1):
        if marks[number].kind == "}":
            depth += 1
        elif marks[number].kind == "{":
            if depth == 0:
                return number
            depth -= 1
    return -1


def _innermost(marks: Sequence[_Mark]) -> int:
    return marks[_head_of(marks)].position


def _words_in(table: Table, leading: Sequence[str]) -> frozenset[str]:
    """The words that a statement starts with after the tokens of `leading`."""
    states = table.after([table.first], leading)
    assert states is not None
    return frozenset(word for word in table.words if table.after(states, (word,)) is not None)


__all__ = ["mend_blocks", "unclosed"]
