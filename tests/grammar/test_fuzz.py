"""Any text, and texts made from the grammar: the parser, the checker and the printer do not crash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic
from pushdsl.grammar import parser
from pushdsl.grammar.nodes import File
from pushdsl.grammar.parser import parse
from pushdsl.grammar.printer import print_file
from pushdsl.loader import Loaded
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.source import SourceText

TABLE = parser._table()
WORDS = sorted(TABLE.words)
PLATFORMS = InstalledPlatforms()

NAMES = st.sampled_from(["kl", "jb", "shopee_my", "shopee", "lazada", "beauty", "few", "safety", "a", "cafe\u0301"])
STRINGS = st.sampled_from(['"A"', '"B-*"', '""', '"a\\"b"', '"Asia/Manila"', '"2026-11-11 00:00"', '"x/y.csv"'])
NUMBERS = st.sampled_from(["0", "1", "5", "12.5", "1_000", "100", "2000", "99999999999", "1,000", "0.12345"])
TOKEN_OF = {"NAME": NAMES, "STRING": STRINGS, "NUMBER": NUMBERS, "NEGATIVE": NUMBERS.map("-{}".format)}
TYPED = ["“", "”", "’", "，", "\u00a0", "\t", "\r", "\\", "'", '"', "#", ";", "½", "-", "{", "}", ",", "=", "\n", "😀"]


@st.composite
def sentences(draw: st.DrawFn) -> str:
    """A walk through the table of the grammar: each token is one that may stand there."""
    states, pieces = [TABLE.first], list[str]()
    for _ in range(draw(st.integers(1, 120))):
        fitting = [(kind, after) for kind in sorted(TABLE.moves[states[-1]]) if (after := TABLE.after(states, (kind,)))]
        fitting = [(kind, after) for kind, after in fitting if kind not in ("$END", "_ERROR")]
        kind, states = draw(st.sampled_from(fitting))
        pieces.append("\n" if kind == "_NL" else draw(TOKEN_OF[kind]) if kind in TOKEN_OF else kind)
    return " ".join(pieces).replace(" %", "%")


PIECES = st.one_of(st.sampled_from(WORDS), NAMES, STRINGS, NUMBERS, st.sampled_from(TYPED))


@st.composite
def slipped(draw: st.DrawFn) -> str:
    pieces = draw(sentences()).split(" ")
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(pieces)))
        pieces[place : place + draw(st.integers(0, 2))] = draw(st.lists(PIECES, max_size=2))
    return " ".join(pieces)


TEXTS = st.one_of(
    sentences(),
    slipped(),
    st.lists(PIECES, max_size=60).map(" ".join),
    st.text(st.characters(codec="utf-8"), max_size=200),
)


def holds(text: str) -> tuple[File, tuple[Diagnostic, ...]]:
    """Parse, check and print a text; the tree and all that is said of it."""
    source = SourceText("rules.push", text)
    file, said = parse(source)
    assert isinstance(file, File)
    rules, diagnostics = diagnose(Loaded((file,), {}, said, ""), PLATFORMS)
    assert (rules is None) == any(found.severity == "error" for found in diagnostics)
    printed = print_file(file)
    if not said:
        assert parse(SourceText("rules.push", printed))[0].declarations == file.declarations
    return file, diagnostics


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_any_text_is_parsed_checked_and_printed(text: str) -> None:
    _, diagnostics = holds(text)

    for found in diagnostics:
        assert found.span is not None
        assert 0 <= found.span.start <= found.span.end <= len(text)
        assert found.span.underlined()
        assert "\n" not in found.message + found.help


def test_a_comment_beside_a_comma_that_was_mended_is_printed() -> None:
    file, said = parse(SourceText("rules.push", "push edition 1\ngroup g = a， b # both\n"))

    assert [found.code for found in said] == ["PUSH008"]
    assert print_file(file) == "push edition 1\n\ngroup g = a, b   # both\n"


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_a_fix_lies_in_the_text_and_what_it_makes_can_be_parsed(text: str) -> None:
    for found in parse(SourceText("rules.push", text))[1]:
        if found.fix is not None:
            span = found.fix.span
            assert 0 <= span.start <= span.end <= len(text)
            assert isinstance(
                parse(SourceText("rules.push", text[: span.start] + found.fix.text + text[span.end :]))[0], File
            )
