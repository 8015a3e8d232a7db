"""Where a thing stands: a file's text, a stretch of it, and that stretch shown underlined."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True)
class SourceText:
    """One rule file as read. `name` is what messages call it; line ends are LF, a leading BOM is gone."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.lines)]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1; columns count characters."""
        line = bisect_right(self._line_starts, offset, hi=len(self.lines)) - 1
        return line + 1, offset - self._line_starts[line] + 1


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` (included) to `end` (excluded) of a source."""

    source: SourceText
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def underlined(self, mark: str = "^") -> str:
        """The lines of the span with its part underlined by `mark`, under a gutter of line numbers.

        Of more than three lines the first two and the last are shown. Columns are those of a terminal: a tab goes to
        the next multiple of four, wide characters take two, combining ones none.
        """
        first, last = self.line, self.source.position(max(self.start, self.end - 1))[0]
        shown = range(first, last + 1) if last - first < _LINES else (first, first + 1, last)
        gutter = len(str(last))
        rows = [f"{'':{gutter}} |"]
        for number in shown:
            if number != first and not self.source.lines[number - 1].strip():
                continue
            if number == last and last - first >= _LINES:
                rows.append("…".rjust(gutter))
            line, covered = _row(self.source.lines[number - 1], *self._columns_on(number))
            rows += [f"{number:{gutter}} | {line}".rstrip(), f"{'':{gutter}} | {covered.replace('^', mark)}".rstrip()]
        return "\n".join(rows)

    def _columns_on(self, number: int) -> tuple[int, int]:
        """From which to which character of this line the span reaches; blanks around the text are left out."""
        content = self.source.lines[number - 1]
        line, column = self.source.position(self.start)
        start = column - 1 if number == line else len(content) - len(content.lstrip())
        line, column = self.source.position(max(self.start, self.end))
        end = column - 1 if number == line else len(content.rstrip())
        return start, max(end, start)


_LINES = 3
_TAB = 4
_WIDEST = 100
"""A line longer than this many columns is shown from near the place that matters."""

_BEFORE = 40


def _row(content: str, start: int, end: int) -> tuple[str, str]:
    """A line as a terminal shows it, and `^` under the characters from `start` to `end`, at least one."""
    if len(content) > _WIDEST:
        content, start, end = _cut(content, start, end)
    pieces: list[str] = []
    at, under = [], 0
    for character in content:
        at.append(under)
        piece = " " * (_TAB - under % _TAB) if character == "\t" else visible(character)
        pieces.append(piece)
        under += width(piece)
    at.append(under)
    marks = max(1, at[min(end, len(content))] - at[start])
    return "".join(pieces), " " * at[start] + "^" * marks


def _cut(content: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around `start`, with `…` for what is left out."""
    first = max(0, min(start - _BEFORE, len(content) - _WIDEST))
    part = content[first : first + _WIDEST]
    head, tail = "…" if first else "", "…" if first + _WIDEST < len(content) else ""
    start -= first
    return head + part + tail, start + len(head), min(end - first, len(part)) + len(head)


def visible(text: str) -> str:
    """Without what a terminal would obey: control characters and those that turn the direction of text are `�`."""
    if text.isprintable():
        return text
    return "".join("�" if unicodedata.category(c) == "Cc" or c in _TURNING else c for c in text)


_TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
