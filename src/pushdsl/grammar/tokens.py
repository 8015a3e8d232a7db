"""A source text in; its tokens out, and a diagnostic for each character that cannot stand where it does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass

from pushdsl.errors import Diagnostic
from pushdsl.source import SourceText

UNITS = frozenset({"units", "unit", "minutes", "minute", "hours", "hour", "days", "day"})

_TOKEN = re.compile(
    r"""[ \t]*+(?:
      ([A-Za-z_][A-Za-z0-9_]*+)(?![^\x00-\x7f])      # 1 word
    | (->|[{}=,%])                                   # 2 punctuation
    | (\n(?:[ \t]*+(?:\#[^\n]*+)?\n)*+)              # 3 line ends, over blank and comment lines
    | (-?[0-9][0-9_]*+(?:,[0-9_]++)*+(?:\.[0-9_]*+)?)  # 4 number
    | ("[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+")          # 5 string
    | (\#[^\n]*+)                                    # 6 comment
    | ([^\x00-\x7f]|[A-Za-z_])                       # 7 a word that is not all ASCII, perhaps
    | (")                                            # 8 a string that does not end
    | (.)                                            # 9 anything else
    )""",
    re.VERBOSE,
)
_WORD, _PUNCTUATION, _LINE_END, _NUMBER, _STRING, _COMMENT, _FOREIGN_WORD, _OPEN_STRING = range(1, 9)

_HEADS = frozenset({"rule", "store", "test", "preorder"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Kinds and offsets side by side. A word of the language and punctuation are their own kind; the rest are
    `NAME`, `STRING`, `NUMBER`, `NEGATIVE`, `_NL`, `BAD` (nothing the language knows) and, last, `$END`.
    """

    kinds: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(source: SourceText, words: Set[str]) -> tuple[Tokens, list[Diagnostic]]:
    """Tokens of `source`, where `words` are the reserved ones. The last line ends even if its line end is missing."""
    return _Tokenizer(source, words).run()


class _Tokenizer:
    def __init__(self, source: SourceText, words: Set[str]) -> None:
        self.source = source
        self.kind_of_word = {word: word for word in words}
        self.diagnostics: list[Diagnostic] = []
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def run(self) -> tuple[Tokens, list[Diagnostic]]:
        text = self.source.text
        position, length = 0, len(text)
        match = _TOKEN.match
        kind_of_word = self.kind_of_word
        add_kind, add_start, add_end = self.kinds.append, self.starts.append, self.ends.append
        while found := match(text, position):
            group = found.lastindex
            assert group is not None
            start = found.start(group)
            position = found.end()
            if group == _WORD:
                kind = kind_of_word.get(found[group], "NAME")
            elif group == _PUNCTUATION:
                kind = found[group]
            elif group == _LINE_END:
                if self.kinds and self.kinds[-1] in (",", "="):
                    continue
                kind = "_NL"
            elif group == _NUMBER:
                kind = "NEGATIVE" if text[start] == "-" else "NUMBER"
            elif group == _STRING:
                kind = "STRING"
            elif group == _COMMENT:
                continue
            else:
                kind, position = self._unusual(group, start)
            add_kind(kind)
            add_start(start)
            add_end(position)
        if self.kinds and self.kinds[-1] != "_NL":
            self._add("_NL", length, length)
        self._add("$END", length, length)
        return Tokens(self.kinds, self.starts, self.ends), self.diagnostics

    def _add(self, kind: str, start: int, end: int) -> None:
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)

    def _unusual(self, group: int, start: int) -> tuple[str, int]:
        """The token that starts at `start` and is not everyday ASCII: its kind and end."""
        text = self.source.text
        if group == _FOREIGN_WORD:
            end = _word_end(text, start)
            if end > start:
                return self.kind_of_word.get(unicodedata.normalize("NFC", text[start:end]), "NAME"), end
        if group == _OPEN_STRING:
            return "BAD", len(text) if (stop := text.find("\n", start)) < 0 else stop
        return "BAD", start + 1


def _word_end(text: str, start: int) -> int:
    """Where the identifier that starts at `start` ends; `start` if none does."""
    if not text[start].isidentifier():
        return start
    end = start + 1
    while end < len(text) and ("a" + text[end]).isidentifier():
        end += 1
    return end
