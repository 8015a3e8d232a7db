"""A source text in; its comments out, which tokens and tree leave aside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pushdsl.grammar.tokens import plain_text
from pushdsl.source import SourceText, Span

# Texts as the tokens have them, the open and the single-quoted ones too: a `#` inside is no comment. What can hold
# neither is passed over in one step.
_COMMENT = re.compile(
    r"""
      [^"'\#]++
    | "[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"
    | "[^\n]*+
    | '[^'"\n]{0,198}+'
    | (\#[^\n]*+)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Comment:
    """From its `#` to the end of its line. `alone`: nothing but blanks stands before it on that line."""

    span: Span
    alone: bool

    @property
    def words(self) -> str:
        """What it says, without the `#` and the blanks around."""
        return self.span.text[1:].strip()


def comments(source: SourceText) -> tuple[Comment, ...]:
    """All comments in the order of the text."""
    if "#" not in source.text and "＃" not in source.text:
        return ()
    text, _ = plain_text(source)
    return tuple(
        Comment(Span(source, *found.span(1)), not text[text.rfind("\n", 0, found.start()) + 1 : found.start()].strip())
        for found in _COMMENT.finditer(text)
        if found[1] is not None
    )
