"""A token that does not fit in; what to say about it and how to go on out.

A slip that can be mended for certain is: the parser then reads what was meant. Everything else costs its statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pushdsl.errors import Diagnostic, Fix
from pushdsl.grammar.blocks import unclosed
from pushdsl.grammar.table import Table
from pushdsl.grammar.tokens import DECLARATIONS, SHORT_UNITS, UNITS, Tokens, brief
from pushdsl.source import SourceText, Span

_SPOKEN = {
    "NAME": "a name",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "NEGATIVE": "a number",
    "_NL": "the end of the line",
}
_SAME_WORDS = ({"unit", "units"}, {"minute", "minutes"}, {"hour", "hours"}, {"day", "days"})
# How many tokens of a line are looked at to see whether it belongs to another block.
_LINE_SEEN = 40

_TERMS = ("like", "category", "brand", "tag", "from")

# What one may think to stand before a SKU.
_NEEDLESS = ("sku", "item", "product", "seller_sku")

VirtualToken = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Mend:
    """`feed` is read in place of what stands there, then the tokens from `resume` on.

    With `give_up` the statement is left out instead; its rest is skipped from `resume` on, unless `keep_rest`; with
    `whole_block` all that follows up to the next declaration is skipped too. A `guess` may well be wrong.
    """

    diagnostic: Diagnostic
    resume: int
    feed: tuple[VirtualToken, ...] = ()
    give_up: bool = False
    keep_rest: bool = False
    whole_block: bool = False
    guess: bool = False


def mend(table: Table, states: Sequence[int], opened: int, source: SourceText, tokens: Tokens, position: int) -> Mend:
    """How to go on at the token at `position`; `opened` is the offset of the innermost open `{`, or -1."""
    slip = _Slip(table, states, opened, source, tokens, position)
    for attempt in (
        slip.end_of_file,
        slip.unclosed_block,
        slip.outside,
        slip.closes_nothing,
        slip.trailing_comma,
        slip.short_unit,
        slip.no_unit,
        slip.negative,
        slip.unreadable,
        slip.divided_word,
        slip.reserved_word,
        slip.misspelt_word,
        slip.misspelt_term,
        slip.no_quotes,
        slip.needless_quotes,
        slip.two_statements,
        slip.one_too_many,
        slip.broken_line,
        slip.one_missing,
    ):
        if found := attempt():
            return found
    return slip.anything_else()


def fits(table: Table, states: Sequence[int], kinds: Iterable[str]) -> bool:
    """Whether `kinds` can be read next."""
    return table.after(states, kinds) is not None


class _Slip:
    """What is known about the place of an error."""

    def __init__(
        self, table: Table, states: Sequence[int], opened: int, source: SourceText, tokens: Tokens, position: int
    ) -> None:
        self.table = table
        self.states = states
        self.opened = opened
        self.source = source
        self.position = position
        self.tokens = tokens
        self.kind = tokens.kinds[position]
        self.start = tokens.starts[position]
        self.end = tokens.ends[position]
        self.text = source.text[self.start : self.end]
        self.before = tokens.kinds[position - 1] if position else ""
        self.before_end = tokens.ends[position - 1] if position else 0
        self.next = tokens.kinds[position + 1] if self.kind != "$END" else ""
        # sorted, because the order of a table's row differs from build to build
        candidates = sorted(kind for kind in table.moves[states[-1]] if kind not in ("_ERROR", "$END"))
        self.expected = [kind for kind in candidates if fits(table, states, (kind,))]

    # ---- what each slip looks like; the order is that of `mend`

    def end_of_file(self) -> Mend | None:
        if self.kind != "$END":
            return None
        return Mend(self._unclosed(), self.position, self._closing())

    def unclosed_block(self) -> Mend | None:
        if self.opened < 0 or self.before != "_NL":
            return None
        if self.kind in DECLARATIONS:
            closing, following = self._closing(), self._line()
        else:
            closing, following = self._virtual("}", "_NL"), self._line()
        return Mend(self._unclosed(), self.position, closing) if self.fit((*_kinds(closing), *following)) else None

    def outside(self) -> Mend | None:
        """Where a block was not opened or closed too early, its statements cost one error together."""
        if self.opened >= 0 or self.before not in ("_NL", "") or not self._is_inner_word():
            return None
        if self._nearest_word():
            return None
        message = f"`{self.text}` stands outside a block"
        return Mend(self.say("PUSH030", message, self._block_help()), self.position, give_up=True, whole_block=True)

    def _is_inner_word(self) -> bool:
        return self.kind in self.table.words and self.kind not in DECLARATIONS

    def _block_help(self) -> str:
        return "it belongs between the `{` and the `}` of a rule, a store or a test"

    def closes_nothing(self) -> Mend | None:
        if self.kind != "}" or self.opened >= 0 or not (self.before in ("_NL", "") or "_NL" in self.expected):
            return None
        fix = Fix(self.span(), "", "delete `}`")
        diagnostic = self.say("PUSH019", "this `}` closes nothing", "delete it", fix)
        alone = self.before in ("_NL", "") and self.next == "_NL"
        return Mend(diagnostic, self.position + (2 if alone else 1))

    def trailing_comma(self) -> Mend | None:
        if self.before != "," or not (self.kind in self.table.words or self.kind in ("}", "_NL")):
            return None
        between = self.source.text[self.before_end : self.start]
        if self.kind not in ("}", "_NL") and "\n" not in between:
            return None
        comma = Span(self.source, self.before_end - 1, self.before_end)
        help = "delete the comma, or name one thing more"
        diagnostic = Diagnostic("PUSH020", "a list does not end in `,`", comma, help, Fix(comma, "", "delete the `,`"))
        return Mend(diagnostic, self.position, give_up=True, keep_rest=True)

    def short_unit(self) -> Mend | None:
        """`12h` for `12 hours`."""
        unit = SHORT_UNITS.get(self.text.lower()) if self.before == "NUMBER" and self.kind == "NAME" else None
        if unit not in self.expected:
            return None
        number = Span(self.source, self.tokens.starts[self.position - 1], self.before_end)
        if unit != "units" and number.text == "1":
            unit = unit.removesuffix("s")
        span = Span(self.source, number.start, self.end)
        meant = f"{number.text} {unit}"
        fix = Fix(span, meant, f"write `{brief(meant)}`")
        diagnostic = Diagnostic("PUSH041", f"`{brief(self.text)}` is no unit", span, f"write `{brief(meant)}`", fix)
        return Mend(diagnostic, self.position + 1, ((unit, self.start, self.end),))

    def no_unit(self) -> Mend | None:
        if self.before != "NUMBER" or not {"%", *UNITS} & set(self.expected):
            return None
        if self.kind == "_NL" and (found := self.broken_line()):
            return found
        number = Span(self.source, self.tokens.starts[self.position - 1], self.before_end)
        written = brief(number.text)
        unit = self._certain_unit(number.text)
        message = f"`{written}` has no unit"
        if unit is None:
            units = [word for word in ("units", "%", "minutes", "hours", "days") if word in self.expected]
            examples = [f"`{written}{word}`" if word == "%" else f"`{written} {word}`" for word in units]
            diagnostic = Diagnostic("PUSH021", message, number, f"write {_either(examples)}")
            return Mend(diagnostic, self.position, give_up=True)
        with_unit = number.text + (unit if unit == "%" else f" {unit}")
        if self.kind == "%" and self.fit((unit, self.next)):
            # `keep back 5%`: a share is meant, and nothing says of what; no fix is certain
            span = Span(self.source, number.start, self.end)
            diagnostic = Diagnostic(
                "PUSH041", f"`%` is no unit here: {unit} are counted", span, f"write `{brief(with_unit)}`"
            )
            return Mend(diagnostic, self.position + 1, ((unit, self.start, self.end),))
        if self.kind == "NAME" and self.fit((unit, "of", self.kind, self.next)):
            # `take 50 kl`
            fix = Fix(number, f"{with_unit} of", f"write `{brief(with_unit)} of`")
            help = f"write `{brief(f'{with_unit} of {self.text}', 60)}`"
            return Mend(Diagnostic("PUSH021", message, number, help, fix), self.position, self._virtual(unit, "of"))
        if self.kind in ("STRING", "BAD") or (self.kind == "NAME" and not self.fit((unit, self.kind))):
            # another word stands where the unit should: it may be a misspelt one
            return self.misspelt_word()
        fix = Fix(number, with_unit, f"write `{brief(with_unit)}`")
        diagnostic = Diagnostic("PUSH021", message, number, f"write `{brief(with_unit)}`", fix)
        feed = ((unit, self.before_end, self.before_end),)
        return Mend(diagnostic, self.position, feed, give_up=not self.fit((unit, self.kind)))

    def negative(self) -> Mend | None:
        if self.kind != "NEGATIVE" or "NUMBER" not in self.expected:
            return None
        fix = Fix(self.span(), self.text[1:], "leave out the `-`")
        diagnostic = self.say("PUSH029", "a number is not below 0 here", "only the stock of a test may be", fix)
        return Mend(diagnostic, self.position + 1, (("NUMBER", self.start + 1, self.end),))

    def unreadable(self) -> Mend | None:
        if self.kind != "BAD":
            return None
        if self.text in ("{", "}"):
            return self._stray_brace()
        message = (
            f"`{brief(self.text)}` means nothing here"
            if self.text.isprintable()
            else "this is no character of the language"
        )
        if self.next in self.expected and self.fit((self.next,)):
            diagnostic = self.say("PUSH004", message, "delete it", Fix(self.span(), "", "delete it"))
            return Mend(diagnostic, self.position + 1, guess=True)
        return Mend(self.say("PUSH004", message, self._expectation()), self.position, give_up=True)

    def _stray_brace(self) -> Mend:
        """A brace of which it turned out that its block is better without."""
        code = "PUSH019" if self.text == "}" else "PUSH012"
        fix = Fix(self.span(), "", f"delete `{self.text}`")
        diagnostic = self.say(code, f"this `{self.text}` is one too many", "delete it", fix)
        alone = self.before in ("_NL", "{") and self.next == "_NL"
        follows = self.tokens.kinds[self.position + 2] if alone else self.next
        if not self.fit((follows,)):
            return Mend(diagnostic, self.position, give_up=True)
        return Mend(diagnostic, self.position + (2 if alone else 1), guess=True)

    def divided_word(self) -> Mend | None:
        """`a t` for `at`."""
        if not self._is_word(self.kind) or not self._is_word(self.next):
            return None
        end = self.tokens.ends[self.position + 1]
        pieces = self.source.text[self.start : end].split()
        word = "".join(pieces)
        if len(pieces) != 2 or word not in self.expected or not self.fit((word, self.tokens.kinds[self.position + 2])):
            return None
        span = Span(self.source, self.start, end)
        fix = Fix(span, word, f"write `{word}`")
        diagnostic = Diagnostic("PUSH012", f"unexpected `{brief(span.text)}`", span, f"did you mean `{word}`?", fix)
        return Mend(diagnostic, self.position + 2, ((word, self.start, end),))

    def _is_word(self, kind: str) -> bool:
        return kind == "NAME" or kind in self.table.words

    def reserved_word(self) -> Mend | None:
        if self.kind not in self.table.words or "NAME" not in self.expected or "NUMBER" in self.expected:
            return None
        if not self.fit(("NAME", self.next)):
            return None
        if self._nearest_word() and self.before not in ("warehouse", "store", "group", "skus", "let"):
            return None
        fix = Fix(self.span(), f"{self.text}_", f"write `{self.text}_`")
        message = f"`{self.text}` is a word of the language, so it cannot be a name"
        diagnostic = self.say("PUSH016", message, f"choose another name, such as `{self.text}_`", fix)
        return Mend(diagnostic, self.position + 1, (("NAME", self.start, self.end),))

    def misspelt_word(self) -> Mend | None:
        if not self._is_word(self.kind):
            return None
        words = [word for word in self.expected if word in self.table.words]
        word = self._nearest_word() or (words[0] if len(self.expected) == 1 and words else None)
        if word is None:
            return None
        # the first word of a statement decides what the line is: the whole line must bear out that it is this one
        decides = self._at_start() and word not in DECLARATIONS
        if not self.fit((word, *(self._line()[1:] if decides else (self.next,)))):
            return None
        fix = Fix(self.span(), word, f"write `{word}`")
        help = f"did you mean `{word}`?"
        diagnostic = self._no_statement(help, fix) if self._at_start() else self._unexpected(help, fix)
        return Mend(diagnostic, self.position + 1, ((word, self.start, self.end),))

    def misspelt_term(self) -> Mend | None:
        """`categroy "Beauty"` reads as the name of a set of SKUs until the text comes."""
        if self.kind != "STRING" or self.before != "NAME":
            return None
        name = Span(self.source, self.tokens.starts[self.position - 1], self.before_end)
        if name.text.lower() in _NEEDLESS:
            fix = Fix(Span(self.source, name.start, self.start), "", f"delete `{name.text}`")
            message = f"no `{name.text}` stands before a SKU"
            diagnostic = Diagnostic("PUSH012", message, name, f"write `{brief(self.text)}` alone", fix)
            return Mend(diagnostic, self.position, give_up=True)
        near = get_close_matches(name.text.lower()[:30], _TERMS, 1, 0.6)
        if not near:
            return None
        fix = Fix(name, near[0], f"write `{near[0]}`")
        message = f"unexpected `{brief(name.text)}`"
        return Mend(
            Diagnostic("PUSH012", message, name, f"did you mean `{near[0]}`?", fix), self.position, give_up=True
        )

    def no_quotes(self) -> Mend | None:
        bare = self.kind in ("NAME", "NUMBER") or self.kind in self.table.words
        if not bare or "STRING" not in self.expected or not self.fit(("STRING", self.next)):
            return None
        fix = Fix(self.span(), f'"{self.text}"', f'write `"{self.text}"`')
        diagnostic = self.say("PUSH026", f"`{brief(self.text)}` must stand in quotes", f'write `"{self.text}"`', fix)
        return Mend(diagnostic, self.position + 1, (("STRING", self.start - 1, self.end + 1),))

    def needless_quotes(self) -> Mend | None:
        name = self.text[1:-1]
        if self.kind != "STRING" or "NAME" not in self.expected or not self.fit(("NAME", self.next)):
            return None
        usable = name.isidentifier() and name not in self.table.words
        fix = Fix(self.span(), name, f"write `{brief(name)}`") if usable else None
        help = f"write `{brief(name)}`" if usable else "name it with letters, digits and `_`"
        diagnostic = self.say("PUSH027", "a name stands without quotes", help, fix)
        return Mend(diagnostic, self.position + 1, (("NAME", self.start + 1, max(self.start + 1, self.end - 1)),))

    def two_statements(self) -> Mend | None:
        if "_NL" not in self.expected or self.kind == "_NL" or not self.fit(("_NL", self.kind, self.next)):
            return None
        line_start = self.source.text.rfind("\n", 0, self.start) + 1
        line = self.source.text[line_start : self.start]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        fix = Fix(Span(self.source, self.before_end, self.start), f"\n{indent}", "start a new line")
        message = f"`{brief(self.text)}` starts on a line of its own"
        diagnostic = self.say("PUSH028", message, "write one statement a line", fix)
        return Mend(diagnostic, self.position, (("_NL", self.start, self.start),))

    def one_too_many(self) -> Mend | None:
        if self.kind not in (",", "=", "%", "->", "}") or not self.fit((self.next,)):
            return None
        fix = Fix(self.span(), "", f"delete `{self.kind}`")
        said = self._unexpected(f"delete it, or write {self._expected_words()}", fix)
        return Mend(said, self.position + 1, guess=True)

    def broken_line(self) -> Mend | None:
        """A statement that goes on in the next line, without the `,` or `=` that would allow it."""
        if self.kind != "_NL" or self.next == "$END" or not self.fit(self._line(self.position + 1)):
            return None
        fix = Fix(Span(self.source, self.before_end, self.tokens.starts[self.position + 1]), " ", "join the lines")
        help = "a statement goes on in the next line only after `,` or `=`"
        diagnostic = Diagnostic("PUSH012", "the line ends too early", self._line_end_span(), help, fix)
        return Mend(diagnostic, self.position + 1)

    def one_missing(self) -> Mend | None:
        if self.kind == "BAD" or {"NAME", "STRING", "NUMBER"} & set(self.expected):
            return None
        if self.before in ("", "_NL", "{") and self.kind != "{":
            return None
        following = (self.kind,) if self.kind == "_NL" else (self.kind, self.next)
        words = [kind for kind in self.expected if kind not in _SPOKEN and kind != "%" and kind not in UNITS]
        missing = [word for word in words if self.fit((word, *following))]
        if len(missing) != 1:
            return None
        word = missing[0]
        before = "" if word == "," else " "
        place = Span(self.source, self.before_end, self.before_end)
        fix = Fix(place, f"{before}{word}", f"add `{word}`")
        span = self._line_end_span() if self.kind == "_NL" else self.span()
        diagnostic = Diagnostic("PUSH012", f"`{word}` is missing here", span, self._expectation(), fix)
        return Mend(diagnostic, self.position, ((word, self.before_end, self.before_end),))

    def anything_else(self) -> Mend:
        if self.kind == "_NL":
            span = self._line_end_span()
            diagnostic = Diagnostic("PUSH012", "the line ends too early", span, self._expectation())
        else:
            near = self._nearest_word()
            help = f"did you mean `{near}`?" if near else self._expectation()
            diagnostic = self._no_statement(help) if self._at_start() else self._unexpected(help)
        return Mend(diagnostic, self.position, give_up=True)

    # ---- what they have in common

    def fit(self, kinds: Iterable[str]) -> bool:
        return fits(self.table, self.states, kinds)

    def span(self) -> Span:
        return Span(self.source, self.start, self.end)

    def say(self, code: str, message: str, help: str, fix: Fix | None = None) -> Diagnostic:
        return Diagnostic(code, message, self.span(), help, fix)

    def _unexpected(self, help: str, fix: Fix | None = None) -> Diagnostic:
        return self.say("PUSH012", f"unexpected `{brief(self.text)}`", help, fix)

    def _at_start(self) -> bool:
        return self.before in ("", "_NL", "{") and self._is_word(self.kind)

    def _no_statement(self, help: str, fix: Fix | None = None) -> Diagnostic:
        return self.say("PUSH025", f"no statement here starts with `{brief(self.text)}`", help, fix)

    def _unclosed(self) -> Diagnostic:
        end = self.before_end if self.before != "_NL" else self.tokens.ends[self.position - 2]
        return unclosed(self.source, self.opened, end)

    def _closing(self) -> tuple[VirtualToken, ...]:
        """As many `}` as it takes to be at the top level again, each with the end of its line."""
        closing: tuple[VirtualToken, ...] = ()
        while True:
            closing += self._virtual("}", "_NL")
            if self.fit((*_kinds(closing), "warehouse")) or len(closing) > 8:
                return closing

    def _line(self, first: int | None = None) -> list[str]:
        """The kinds of a line from here or from `first` on, with its end or the `{` in it."""
        first = self.position if first is None else first
        stop = first
        while stop < first + _LINE_SEEN and self.tokens.kinds[stop] not in ("_NL", "$END", "{"):
            stop += 1
        return self.tokens.kinds[first : stop + 1]

    def _virtual(self, *kinds: str) -> tuple[VirtualToken, ...]:
        return tuple((kind, self.before_end, self.before_end) for kind in kinds)

    def _certain_unit(self, number: str) -> str | None:
        units = {"%", *UNITS} & set(self.expected)
        if units == {"%"}:
            return "%"
        if units == {"unit", "units"}:
            return "unit" if number == "1" else "units"
        return None

    def _nearest_word(self) -> str | None:
        """The word that could stand here and is spelt nearly like the one that does."""
        if len(self.text) > 30 or not self.text.isidentifier():
            return None
        words = [word for word in self.expected if word in self.table.words]
        near = get_close_matches(self.text.lower(), words, 1, 0.65)
        return near[0] if near else None

    def _line_end_span(self) -> Span:
        return Span(self.source, self.before_end, self.before_end)

    def _expectation(self) -> str:
        return f"expected {self._expected_words()}"

    def _expected_words(self) -> str:
        kinds = self.expected
        for same in _SAME_WORDS:
            if same <= set(kinds):
                kinds = [kind for kind in kinds if kind != min(same, key=len)]
        spoken = dict.fromkeys(_SPOKEN.get(kind, f"`{kind}`") for kind in kinds)
        return _either(sorted(spoken, key=lambda words: (words.startswith("`"), words)))


def _kinds(tokens: Iterable[VirtualToken]) -> tuple[str, ...]:
    return tuple(kind for kind, _, _ in tokens)


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else "nothing more"


__all__ = ["Mend", "fits", "mend"]
