"""Where a thing stands: a file's text, a stretch of it, and that stretch shown underlined."""

from __future__ import annotations

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

    def underlined(self) -> str:
        """The first line of the span with its part underlined, under a gutter of line numbers.

        A span over several lines is underlined to the end of its first line.
        """
        line, column = self.source.position(self.start)
        content = self.source.lines[line - 1]
        width = max(1, min(self.end - self.start, len(content) - column + 1))
        gutter = " " * len(str(line))
        shown = content.replace("\t", " ")
        return f"{gutter} |\n{line} | {shown}\n{gutter} | {' ' * (column - 1)}{'^' * width}"
