"""A source text in; its tokens out, and a diagnostic for each character that cannot stand where it does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pushdsl.errors import Diagnostic, Fix
from pushdsl.source import SourceText, Span

UNITS = frozenset({"units", "unit", "minutes", "minute", "hours", "hour", "days", "day"})

# What people write for a unit, by the unit it stands for.
SHORT_UNITS = {
    "pc": "unit", "pcs": "units",
    "m": "minutes", "min": "minutes", "mins": "minutes",
    "h": "hours", "hr": "hours", "hrs": "hours",
    "d": "days",
}  # fmt: skip

# So many errors are said about a file, then no more: a file that has them is not a rule file.
MAX_ERRORS: Final = 1_000

# What stands at the top level only: seen inside a block, the block was never closed.
DECLARATIONS = frozenset({"use", "warehouse", "store", "group", "skus", "let", "rule", "promise", "test"})

# What has a block after it.
HEADS = frozenset({"rule", "store", "test", "preorder"})

_TOKEN = re.compile(
    r"""[ \t]*+(?:
      ([A-Za-z_][A-Za-z0-9_]*+)(?![^\x00-\x7f])           # 1 word
    | (->|[{}=,%])                                        # 2 punctuation
    | (\n(?:[ \t]*+(?:\#[^\n]*+)?\n)*+)                   # 3 line ends, over blank and comment lines
    | (-?[0-9][0-9_]*+(?:,[0-9][0-9_]*+)*+(?:\.[0-9]*+)?) # 4 number
    | ("[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+")               # 5 text
    | (\#[^\n]*+)                                         # 6 comment
    | (.)                                                 # 7 anything else
    )""",
    re.VERBOSE,
)
_WORD, _PUNCTUATION, _LINE_END, _NUMBER, _TEXT, _COMMENT = range(1, 7)
_NUMBER_FORM = re.compile(r"-?[0-9]+(_[0-9]+)*(\.[0-9]+)?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")

_WORD_CHARACTERS = re.compile(r"\w+")

# A run of characters that the language does not know.
_MEANINGLESS = re.compile(r"""(?:[^\w\s"'{}=,%#.-]|-(?![>\w]))+""")

_MAX_SINGLE_QUOTED = 200

# What word processors and chats put in the place of plain characters, outside comments and texts.
_QUOTES = "“”„‟«»＂"
_TYPOGRAPHY = re.compile(
    rf"""
      (?:\#|(＃))[^\n]*+
    | "[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"
    | ([{_QUOTES}])[^{_QUOTES}"\n]*+([{_QUOTES}"]?)
    | ([\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]++)
    | ((?<!\w)[０-９]++|[！-／：-＠［-＾｀｛-～、]++)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Kinds and offsets side by side. A word of the language and punctuation are their own kind; the rest are
    `NAME`, `STRING`, `NUMBER`, `NEGATIVE`, `_NL`, `BAD` (nothing the language knows) and, last, `$END`.
    """

    kinds: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(source: SourceText, words: Mapping[str, str]) -> tuple[str, Tokens, list[Diagnostic]]:
    """Tokens of `source`, where `words` are the reserved ones, and the text they are read from.

    That text is the source's with plain characters for typographic ones, at the same offsets. The last line ends
    even if its line end is missing.
    """
    text, diagnostics = plain_text(source)
    tokenizer = _Tokenizer(source, text, words, diagnostics)
    return text, tokenizer.run(), diagnostics


def plain_text(source: SourceText) -> tuple[str, list[Diagnostic]]:
    """The text with plain characters for typographic ones, at the same offsets, and what is said of each."""
    text, diagnostics = source.text, list[Diagnostic]()
    if "\r" in text:
        first, last = text.index("\r"), text.rindex("\r") + 1
        fix = Fix(Span(source, first, last), text[first:last].replace("\r", "\n"), "write line feeds")
        span = Span(source, first, first + 1)
        help = "save the file with LF or CRLF line ends"
        diagnostics.append(Diagnostic("PUSH005", "a line ends with a lone carriage return", span, help, fix))
        text = text.replace("\r", "\n")
    if text.isascii():
        return text, diagnostics

    def plain(found: re.Match[str]) -> str:
        piece = found[0]
        if found.lastindex is None or len(diagnostics) > MAX_ERRORS:
            return piece
        return _REPLACE[found.lastindex](source, found, diagnostics)

    return _TYPOGRAPHY.sub(plain, text), diagnostics


def _plain_comment(source: SourceText, found: re.Match[str], diagnostics: list[Diagnostic]) -> str:
    diagnostics.append(_full_width(source, found.start(), "＃", "#"))
    return "#" + found[0][1:]


def _plain_quotes(source: SourceText, found: re.Match[str], diagnostics: list[Diagnostic]) -> str:
    written = found[0]
    plain = '"' + (written[1:-1] + '"' if found[3] else written[1:])
    span = Span(source, found.start(), found.end() if found[3] else found.start() + 1)
    diagnostics.append(_quotes(span, plain if found[3] else '"'))
    return plain


def _plain_spaces(source: SourceText, found: re.Match[str], diagnostics: list[Diagnostic]) -> str:
    span = Span(source, *found.span())
    fix = Fix(span, " ", "write a plain space")
    message = "this is not a plain space, although it looks like one"
    diagnostics.append(Diagnostic("PUSH006", message, span, "replace it with a plain space", fix))
    return " " * len(found[0])


def _plain_punctuation(source: SourceText, found: re.Match[str], diagnostics: list[Diagnostic]) -> str:
    plain = "".join("," if character == "、" else chr(ord(character) - 0xFEE0) for character in found[0])
    diagnostics.append(_full_width(source, found.start(), found[0], plain))
    return plain


# By the last group of _TYPOGRAPHY that took part.
_REPLACE: dict[int, Callable[[SourceText, re.Match[str], list[Diagnostic]], str]] = {
    1: _plain_comment,
    3: _plain_quotes,
    4: _plain_spaces,
    5: _plain_punctuation,
}


def _full_width(source: SourceText, start: int, written: str, plain: str) -> Diagnostic:
    span = Span(source, start, start + len(written))
    fix = Fix(span, plain, f"write `{brief(plain)}`")
    return Diagnostic("PUSH008", f"`{brief(written)}` is full-width", span, f"write `{brief(plain)}`", fix)


def _quotes(span: Span, plain: str) -> Diagnostic:
    help = 'a text stands in straight double quotes: `"`'
    return Diagnostic("PUSH007", "these are not the quotes of a text", span, help, Fix(span, plain, f"write {plain}"))


def brief(text: str, length: int = 30) -> str:
    """`text` on one line and short enough to stand in a message."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


class _Tokenizer:
    def __init__(self, source: SourceText, text: str, words: Mapping[str, str], diagnostics: list[Diagnostic]) -> None:
        self.source = source
        self.text = text
        self.words = words
        self.diagnostics = diagnostics
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def run(self) -> Tokens:
        text, kinds = self.text, self.kinds
        match, word = _TOKEN.match, self.words.get
        add_kind, add_start, add_end = kinds.append, self.starts.append, self.ends.append
        position, length = 0, len(text)
        diagnostics = self.diagnostics
        while (found := match(text, position)) and len(diagnostics) <= MAX_ERRORS:
            group = found.lastindex
            assert group is not None
            start, position = found.span(group)
            if group == _WORD:
                kind = word(found[group], "NAME")
            elif group == _PUNCTUATION:
                kind = found[group]
                if kind == "%":
                    self._check_percent(start)
                elif kind == "{":
                    self._join_brace(start)
            elif group == _LINE_END:
                if kinds and kinds[-1] in (",", "="):
                    continue
                kind = "_NL"
            elif group == _NUMBER:
                kind, start, position = self._number(start, position)
            elif group == _TEXT:
                kind = "STRING"
            elif group == _COMMENT:
                continue
            else:
                kind, start, position = self._unusual(start)
            add_kind(kind)
            add_start(start)
            add_end(position)
        # past too many errors nothing is read
        end = length if found is None else position
        if kinds and kinds[-1] != "_NL":
            self._add("_NL", end, end)
        self._add("$END", end, end)
        return Tokens(kinds, self.starts, self.ends)

    def _add(self, kind: str, start: int, end: int) -> None:
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)

    def _say(self, code: str, message: str, start: int, end: int, help: str, replacement: str | None = None) -> None:
        span = Span(self.source, start, end)
        fix = Fix(span, replacement, f"write `{brief(replacement)}`") if replacement is not None else None
        self._add_diagnostic(Diagnostic(code, message, span, help, fix))

    def _add_diagnostic(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)

    def _check_percent(self, start: int) -> None:
        if self.kinds and self.kinds[-1] == "NUMBER" and self.ends[-1] < start:
            if self.source.text[self.ends[-1] : start].strip(" \t"):
                # something was said about that space already
                return
            number = self.text[self.starts[-1] : self.ends[-1]]
            message = "no space stands before `%`"
            self._say("PUSH014", message, self.starts[-1], start + 1, f"write `{brief(number)}%`", f"{number}%")

    def _join_brace(self, start: int) -> None:
        """Take `{` at the start of a line to the head above it, where there is one without."""
        if not self.kinds or self.kinds[-1] != "_NL":
            return
        first = len(self.kinds) - 1
        while first and self.kinds[first - 1] not in ("_NL", "{", "}"):
            first -= 1
        if self.kinds[first] not in HEADS:
            return
        for column in (self.kinds, self.starts, self.ends):
            column.pop()
        between = self.source.text[self.ends[-1] : start].rstrip()
        span = Span(self.source, start, start + 1)
        fix = Fix(Span(self.source, self.ends[-1], start + 1), f" {{{between}", "move `{` up")
        help = "put `{` at the end of the line above"
        self._add_diagnostic(Diagnostic("PUSH017", "`{` stands on the line of its head", span, help, fix))

    def _number(self, start: int, end: int) -> tuple[str, int, int]:
        text = self.text
        written = text[start:end]
        if self._glued(start) and self.kinds[-1] == "NAME":
            return self._not_a_name(end)
        if (following := text[end : end + 1]).isidentifier():
            stop = _word_end(text, end)
            if text[end:stop] in SHORT_UNITS and self.kinds and self.kinds[-1] not in DECLARATIONS:
                # what the two mean is said where a unit is expected
                return "NUMBER", start, end
            if text[end:stop] not in UNITS:
                self._add("NAME", start, end)
                return self._not_a_name(stop)
            apart = f"{written} {text[end:stop]}"
            message = f"a space stands before `{text[end:stop]}`"
            self._say("PUSH013", message, start, stop, f"write `{brief(apart)}`", apart)
        elif following == "-" and text[end + 1 : end + 2].isidentifier():
            self._add("NAME", start, end)
            return self._not_a_name(end)
        if not _NUMBER_FORM.fullmatch(written):
            self._misspelt_number(written, start, end)
        return "NEGATIVE" if written[0] == "-" else "NUMBER", start, end

    def _misspelt_number(self, written: str, start: int, end: int) -> None:
        if _THOUSANDS.fullmatch(written):
            better = written.replace(",", "_")
        elif self.text[end : end + 1] == "%" and written.count(",") == 1:
            better = written.replace(",", ".")
        else:
            better = re.sub("_+", "_", written).rstrip(".").rstrip("_").replace("_.", ".")
        if not _NUMBER_FORM.fullmatch(better):
            self._say("PUSH011", f"`{brief(written)}` is not a number", start, end, "write it like `1_000` or `12.5`")
            return
        self._say("PUSH011", f"`{brief(written)}` is not a number", start, end, f"write `{brief(better)}`", better)

    def _unusual(self, start: int) -> tuple[str, int, int]:
        """The token at `start`, which is no everyday one: its kind, start and end."""
        text = self.text
        character = text[start]
        if (end := _word_end(text, start)) > start:
            return self.words.get(unicodedata.normalize("NFC", text[start:end]), "NAME"), start, end
        if character == '"':
            return self._open_text(start)
        if character == "'" and (end := _single_quoted(text, start)):
            self._add_diagnostic(_quotes(Span(self.source, start, end), f'"{text[start + 1 : end - 1]}"'))
            return "STRING", start, end
        if character in "-." and self._glued(start) and text[start + 1 : start + 2].isidentifier():
            return self._not_a_name(start)
        found = _MEANINGLESS.match(text, start)
        return "BAD", start, found.end() if found else start + 1

    def _open_text(self, start: int) -> tuple[str, int, int]:
        """A text whose closing quote is missing: it reaches to the end of the line or to a `{` there."""
        rest = self.text[start : _line_end(self.text, start)].rstrip()
        end = start + len(rest.removesuffix("{").rstrip())
        if not self._said(start):
            span = Span(self.source, start, end)
            fix = Fix(Span(self.source, end, end), '"', 'add `"`')
            message = "the closing quote of this text is missing"
            self._add_diagnostic(Diagnostic("PUSH009", message, span, 'a text ends with `"` on its line', fix))
        return "STRING", start, end

    def _said(self, start: int) -> bool:
        """Whether something was said about the character at `start` already, as about curly quotes."""
        return any(found.span is not None and found.span.start == start for found in self.diagnostics[-50:])

    def _glued(self, start: int) -> bool:
        return (
            bool(self.kinds) and self.ends[-1] == start and (self.kinds[-1] == "NAME" or self.kinds[-1] in self.words)
        )

    def _not_a_name(self, end: int) -> tuple[str, int, int]:
        """Take what the last token began, as in `shopee-my` or `3kl`, for one name."""
        text = self.text
        self.kinds.pop()
        self.ends.pop()
        start = self.starts.pop()
        while end < len(text) and (text[end] in "-." or ("a" + text[end]).isidentifier()):
            end += 1
        written = brief(text[start:end])
        self._say("PUSH015", f"`{written}` is not a name", start, end, _NAME_HELP)
        return "NAME", start, end


_NAME_HELP = "a name has letters, digits and `_` and starts with no digit; a SKU stands in quotes"


def _word_end(text: str, start: int) -> int:
    """Where the identifier that starts at `start` ends; `start` if none does."""
    if not text[start].isidentifier():
        return start
    found = _WORD_CHARACTERS.match(text, start)
    end = start + 1
    if found and found[0].isidentifier():
        end = found.end()
    while end < len(text) and ("a" + text[end]).isidentifier():
        end += 1
    return end


def _single_quoted(text: str, start: int) -> int:
    """Where the text that `'` opens at `start` ends, if it does so nearby on its line; else 0."""
    end = text.find("'", start + 1, start + _MAX_SINGLE_QUOTED)
    return end + 1 if end > 0 and not {"\n", '"'} & set(text[start:end]) else 0


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
