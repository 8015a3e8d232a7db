"""The canonical form of a file, and that it means what was printed."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.formatter import format_text
from pushdsl.grammar import nodes as n
from pushdsl.grammar import parser
from pushdsl.grammar.comments import comments
from pushdsl.grammar.parser import parse
from pushdsl.grammar.printer import print_file
from pushdsl.grammar.tokens import UNITS, tokenize
from pushdsl.grammar.words import print_declaration, print_statement, print_store_statement, print_test_statement
from pushdsl.source import SourceText, Span

NOWHERE = Span(SourceText("", ""), 0, 0)
WORDS = parser._table().words


def parsed(text: str) -> n.File:
    file, diagnostics = parse(SourceText("rules.push", text))
    assert [found.code for found in diagnostics if found.severity == "error"] == [], (text, diagnostics)
    return file


def formatted(text: str) -> str:
    return print_file(parsed(text))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("let x = 1 units", "let x = 1 unit\n"),
        ("let x = 1_000 units", "let x = 1000 units\n"),
        ("let x = 10000 units", "let x = 10_000 units\n"),
        ("let x = 1000000000 units", "let x = 1_000_000_000 units\n"),
        ("let x = 12.5000%", "let x = 12.5%\n"),
        ("let x = 120 minutes", "let x = 2 hours\n"),
        ('warehouse  kl   "Kuala \\"L\\""', 'warehouse kl "Kuala \\"L\\""\n'),
        ("store a on shopee { }", "store a on shopee\n"),
        ('rule "A" { }', 'rule "A" {\n}\n'),
        (
            'rule "A" { disabled\n preorder { add 3 units\n open at 1 unit }\n\n take a,\n b\n for everything }',
            'rule "A" {\n  for everything\n  take a, b\n  preorder {\n    open at 1 unit\n    add 3 units\n  }\n'
            "  disabled\n}\n",
        ),
        (
            'push edition 1\nwarehouse a\nwarehouse b\nlet x = 1%\nstore a on b\nstore c on d { choice }',
            "push edition 1\n\nwarehouse a\nwarehouse b\n\nlet x = 1%\n\nstore a on b\n\nstore c on d {\n  choice\n}\n",
        ),
        ("", ""),
        ("\n \n", ""),
        ("store a on b\nstore c on d", "store a on b\nstore c on d\n"),
        ("warehouse a\n\n\n\nwarehouse b\nwarehouse c", "warehouse a\n\nwarehouse b\nwarehouse c\n"),
        (
            "promise every listing has a rule\npromise a never decreases",
            "promise every listing has a rule\npromise a never decreases\n",
        ),
        (
            'test "T" { expect "A" on a 1 units\n\n\n stock "A" in kl -1 units }',
            'test "T" {\n  expect "A" on a 1 unit\n\n  stock "A" in kl -1 unit\n}\n',
        ),
    ],
)  # fmt: skip
def test_a_file_is_printed_in_one_form(written: str, expected: str) -> None:
    assert expected == formatted(written)


LONG = [f'"{"X" * 30}-{number}"' for number in range(3)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"skus x = {', '.join(LONG)}", "skus x =\n    " + ",\n    ".join(LONG) + "\n"),
        (f"skus x = {LONG[0]} except {LONG[1]}", f"skus x = {LONG[0]} except {LONG[1]}\n"),
        ('skus x =\n  "A, B",\n\n  "C"', 'skus x = "A, B", "C"\n'),
        (
            f'rule "A" overrides {", ".join(LONG)} {{ disabled }}',
            'rule "A" overrides ' + ",\n    ".join(LONG) + " {\n  disabled\n}\n",
        ),
    ],
    ids=["broken", "nowhere to break", "joined", "head"],
)
def test_a_list_stands_on_one_line_or_else_on_one_for_each_element(written: str, expected: str) -> None:
    assert expected == formatted(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("# only", "# only\n"),
        ("\n\n# one  \n\n\n# two\n\n", "# one\n\n# two\n"),
        ("# licence\n\n\npush edition 1\n# a\nwarehouse a", "# licence\n\npush edition 1\n\n# a\nwarehouse a\n"),
        ("warehouse a#one\nwarehouse b  \t # two\n# end", "warehouse a   #one\nwarehouse b   # two\n# end\n"),
        ('warehouse a "# no" # yes', 'warehouse a "# no"   # yes\n'),
        ("store a on b { # one\n# two\n} # three", "store a on b {   # one\n  # two\n}   # three\n"),
        ("store a on b { } # one", "store a on b   # one\n"),
        ("store a on b { choice } # one", "store a on b { choice }   # one\n"),
        ('rule "A" {} # one', 'rule "A" {   # one\n}\n'),
        (
            'rule "A" {\n# switch\ndisabled # off\n# which\n\nfor "A" # this\n\n# end\n\n}',
            'rule "A" {\n  # which\n\n  for "A"   # this\n  # switch\n  disabled   # off\n  # end\n}\n',
        ),
        (
            'rule "A" { preorder { # head\nadd 1 units # add\nopen at 2 units } } # open',
            'rule "A" {\n  preorder {   # head\n    open at 2 units   # open\n    add 1 unit   # add\n  }\n}\n',
        ),
        (
            'rule "A" overrides "B", # b\n # c\n "C" { # head\n}',
            'rule "A" overrides "B",   # b\n    # c\n    "C" {   # head\n}\n',
        ),
        (
            'skus x = # all\n"A", # a\n\n# b\n\n"B", "C"',
            'skus x =   # all\n    "A",   # a\n    # b\n\n    "B", "C"\n',
        ),
        ('rule "A" {\n}\n# end', 'rule "A" {\n}\n\n# end\n'),
        (
            'test "T" {\ntick every 1 hour\n# one\nexpect "A" on a held\n\n# end\n}',
            'test "T" {\n  tick every 1 hour\n  # one\n  expect "A" on a held\n\n  # end\n}\n',
        ),
    ],
)
def test_a_comment_stays_beside_or_above_what_it_stood_beside_or_above(written: str, expected: str) -> None:
    assert expected == formatted(written) == formatted(expected)


@pytest.mark.parametrize("comment", ["# a remark", "# allow PUSH309 because"])
def test_a_list_with_a_comment_at_its_end_keeps_its_lines(comment: str) -> None:
    """Joined or broken, the comment would stand beside other words."""
    written = f'skus x = "A",\n    "B"   {comment}\nskus y = {", ".join(LONG)}   {comment}\n'

    assert written == formatted(written)


def test_what_stands_below_a_comment_that_silences_keeps_its_lines() -> None:
    kept = (
        f"# allow PUSH309 because\nskus x = {', '.join(LONG)}\n\n# allow PUSH110 because\nstore a on b {{ choice }}\n"
    )

    assert kept == formatted(kept)
    assert kept != formatted(kept.replace("allow", "see"))


def test_printing_twice_changes_nothing_and_keeps_the_meaning() -> None:
    whole = (Path(__file__).parent / "whole.push").read_text("utf-8")
    once = formatted(whole)

    assert once == formatted(once)
    assert parsed(whole).declarations == parsed(once).declarations


# ---- any tree


def nodes(kind: type[Any], *parts: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda *args, **rest: kind(*args, **rest, span=NOWHERE), *parts, **more)


def tuples(of: st.SearchStrategy[Any], least: int = 1, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def usable(text: str) -> bool:
    return text.isidentifier() and text not in WORDS and unicodedata.is_normalized("NFC", text)


name = nodes(
    n.Name,
    st.one_of(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.text("äé倉庫ß_", min_size=1)).filter(usable),
)
value = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12)
text = nodes(n.Text, value)
quantity = nodes(n.Quantity, st.integers(0, 1_000_000_000))
percentage = nodes(n.Percentage, st.integers(0, 20_000_000))
duration = nodes(n.Duration, st.integers(1, 365 * 24 * 60).map(lambda minutes: minutes * 60))
amount = quantity | name
term = st.one_of(
    nodes(n.ExactSku, value), nodes(n.Like, value), nodes(n.Category, value), nodes(n.Brand, value),
    nodes(n.Tag, value), nodes(n.ListedOn, name), nodes(n.FromFile, value), nodes(n.NamedSkus, name),
    nodes(n.Everything),
)  # fmt: skip
selector = nodes(n.Selector, tuples(term), tuples(term, 0, 2))
some_stores = nodes(n.StoreList, tuples(name), tuples(name, 0, 2))
stores = some_stores | nodes(n.StoreList, st.just(()), tuples(name, 0, 2), st.just(True))
take = nodes(
    n.Take, tuples(nodes(n.Share, st.none() | percentage | name, name)), st.just(False), st.none(), tuples(name, 0, 2)
) | nodes(n.Take, st.just(()), st.just(True), st.none() | percentage | name, tuples(name, 0, 2))
push = nodes(n.Push, percentage | name, st.none(), st.just(False)) | nodes(
    n.Push, percentage | name, amount, st.booleans()
)
PREORDER = (
    nodes(n.OpenAt, amount), nodes(n.CloseAbove, amount), nodes(n.Add, amount), nodes(n.ShipIn, duration | name),
)  # fmt: skip
preorder = nodes(n.Preorder, st.tuples(*PREORDER))
STATEMENTS = (
    nodes(n.For, selector), nodes(n.To, stores), nodes(n.During, text, text, text), take,
    nodes(n.KeepBack, st.none() | amount), push, nodes(n.PushExactly, amount),
    nodes(n.Split, tuples(nodes(n.Share, percentage | name, name))), nodes(n.AtMost, amount), nodes(n.AtLeast, amount),
    nodes(n.HideBelow, amount), nodes(n.Below, amount, tuples(name)), preorder, nodes(n.IncreaseOnly),
    nodes(n.Above, amount, duration | name, st.none() | percentage | name), nodes(n.Disabled),
)  # fmt: skip
statements = st.tuples(*STATEMENTS)
location = nodes(n.LocationMapping, tuples(name), tuples(name, 0, 2), st.just(False), text) | nodes(
    n.LocationMapping, st.just(()), tuples(name, 0, 2), st.just(True), text
)
rule = nodes(n.Rule, text, tuples(text, 0, 2), statements, head=st.just(NOWHERE))
EXEMPT = ["preorder", "plus", "at least", "push exactly", "above"]
place = nodes(n.Place, name, st.none() | text)
shortfall = nodes(n.Shortfall, st.integers(0, 1_000_000_000))
days = duration | name
promise = st.one_of(
    nodes(n.NeverOversell, tuples(nodes(n.Exempt, st.sampled_from(EXEMPT)), 0)),
    nodes(n.EveryListingHasARule), nodes(n.NeverDecreases, st.none() | name),
    nodes(n.ShowsAtMost, st.none() | name, amount),
)  # fmt: skip
test_statement = st.one_of(
    nodes(n.StockSeries, text, name, tuples(amount | shortfall)), nodes(n.StockUntracked, text, name),
    nodes(n.Reserved, text, place, amount),
    nodes(n.LiveQuantity, text, place, amount, st.booleans(), st.none() | days),
    nodes(n.Pack, text, name, amount), nodes(n.PreorderRange, text, name, days, days),
    nodes(n.ListingOff, text, name),
    nodes(n.SkuFact, st.sampled_from(["category", "brand", "tag"]), text, text), nodes(n.StartAt, text, text),
    nodes(n.TickEvery, days), nodes(n.ExpectQuantity, text, place, tuples(amount)),
    nodes(n.ExpectPreorder, text, place, tuples(nodes(n.PreorderState, st.booleans()))),
    nodes(n.ExpectShipIn, text, place, tuples(days)),
    nodes(
        n.ExpectOutcome, text, place,
        tuples(nodes(n.Outcome, st.sampled_from(["pushed", "unchanged", "held", "blocked"]))),
    ),
    nodes(n.ExpectNoRule, text, place, tuples(nodes(n.NoRule))),
)  # fmt: skip
tried = nodes(n.Test, text, tuples(test_statement, 0, 6), head=st.just(NOWHERE))
declaration = st.one_of(
    nodes(n.Use, text), nodes(n.Warehouse, name, st.none() | text), nodes(n.Group, name, some_stores),
    nodes(n.Store, name, name, st.tuples(nodes(n.Account, text), nodes(n.Region, text), nodes(n.Choice), location)),
    nodes(n.Skus, name, selector), nodes(n.Let, name, quantity | percentage | duration), rule, promise, tried,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(tuples(declaration, 0, 3))
def test_what_is_printed_is_read_back(declarations: tuple[n.Declaration, ...]) -> None:
    source = SourceText("rules.push", "")
    printed = print_file(n.File(source, (n.Edition(1, span=NOWHERE), *declarations)))

    assert declarations == parsed(printed).declarations[1:]


# ---- any text


@dataclass(frozen=True)
class Written:
    """A text with comments that are numbered, so that each can be told apart."""

    text: str

    @property
    def places(self) -> dict[str, tuple[str, str]]:
        """By comment: for one beside something, what it stands beside; for one above, what comes next."""
        source = SourceText("rules.push", self.text)
        _, tokens, _ = tokenize(source, WORDS)
        words = [
            (start, end, _plain(kind, self.text[start:end]))
            for kind, start, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True)
            if kind != "_NL"
        ]
        places = dict[str, tuple[str, str]]()
        for found in comments(source):
            line = source.lines[found.span.line - 1].lstrip()
            if found.alone:
                places[found.span.text] = "above", next(word for start, _, word in words if start >= found.span.end)
            elif line.startswith("}"):
                places[found.span.text] = "beside", "}"
            else:
                before = [word for _, end, word in words if end <= found.span.start and word not in ("{", "}")]
                places[found.span.text] = "beside", before[-1]
        return places


def _plain(kind: str, text: str) -> str:
    """A word as it stands; a number and its unit may be printed as others."""
    return "unit" if kind in UNITS else "" if kind in ("NUMBER", "NEGATIVE") else text


class Scribe:
    """Writes canonical words the way people do: other blanks, comments, blank lines, lists over several lines."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.comments = 0
        self.text = ""

    def often(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def spaces(self) -> str:
        return self.random.choice(["", " ", "  ", "\t"])

    def comment(self) -> str:
        self.comments += 1
        sort = self.random.choice(["", " ", " allow ", ' "', " {", " a, b = "])
        return f"#{sort}{self.comments}"

    def line_end(self) -> None:
        self.text += self.spaces() + (self.comment() if self.often(20) else "") + "\n"
        self.between()

    def between(self) -> None:
        while self.often(25):
            self.text += self.spaces() + (self.comment() if self.often(60) else "") + "\n"

    def words(self, line: str) -> None:
        """One statement, whose tokens are those of `line`."""
        source = SourceText("", line)
        _, tokens, _ = tokenize(source, WORDS)
        for kind, start, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True):
            if kind in ("_NL", "$END"):
                continue
            glued = kind in (",", "%") or start == 0 or self.text.endswith("\n")
            self.text += ("" if glued else self.random.choice([" ", " ", "  ", " \t"])) + line[start:end]
            if kind in (",", "=") and self.often(30):
                self.line_end()

    def block(self, head: str, inside: Sequence[n.Node]) -> None:
        self.words(head)
        self.text += self.spaces() + "{"
        if self.often(70) or not inside:
            self.line_end()
        for place, node in enumerate(inside):
            if place:
                self.line_end()
            self.text += self.spaces()
            self.write(node)
        if self.often(70):
            self.line_end()
        self.text += self.spaces() + "}"

    def write(self, node: Any) -> None:
        match node:
            case n.Rule() | n.Test():
                self.block(print_declaration(node), node.statements)
            case n.Store():
                if node.statements:
                    self.block(print_declaration(node), node.statements)
                else:
                    self.words(print_declaration(node))
                    self.text += self.random.choice(["", " { }"])
            case n.Preorder():
                self.block(print_statement(node), node.statements)
            case _ if isinstance(node, n.Declaration):
                self.words(print_declaration(node))
            case _ if isinstance(node, n.StoreStatement):
                self.words(print_store_statement(node))
            case _ if isinstance(node, n.TestStatement):
                self.words(print_test_statement(node))
            case _:
                self.words(print_statement(node))


loose_preorder = nodes(n.Preorder, tuples(st.one_of(*PREORDER), 0, 3))
loose_statement = st.one_of(*STATEMENTS[:12], *STATEMENTS[13:], loose_preorder)
loose_store = st.one_of(nodes(n.Account, text), nodes(n.Region, text), nodes(n.Choice), location)
loose = st.one_of(
    declaration,
    nodes(n.Rule, text, tuples(text, 0, 2), tuples(loose_statement, 0, 5), head=st.just(NOWHERE)),
    nodes(n.Store, name, name, tuples(loose_store, 0, 4)),
)


@settings(max_examples=100, deadline=None)
@given(tuples(loose, 0, 3), st.integers(0))
def test_any_text_keeps_its_meaning_and_its_comments_in_one_form(
    declarations: tuple[n.Declaration, ...], seed: int
) -> None:
    scribe = Scribe(Random(seed))
    scribe.between()
    for node in declarations:
        scribe.write(node)
        scribe.line_end()
    written = scribe.text.rstrip("\n") if scribe.often(30) else scribe.text

    printed = format_text(SourceText("rules.push", written))

    # the formatter holds itself to tree, comments and fixed point; here once more, by other means
    assert printed == format_text(SourceText("rules.push", printed))
    assert sorted(statements_of(parsed(written))) == sorted(statements_of(parsed(printed)))
    assert Written(written).places == Written(printed).places
    assert "\n\n\n" not in f"\n{printed}\n"
    assert [line for line in printed.split("\n") if line != line.rstrip(" \t")] == []


def statements_of(file: n.File) -> Iterator[str]:
    """Each declaration and statement with where it stands, as text."""
    for place, node in enumerate(file.declarations):
        yield f"{place} {print_declaration(node)}"
        for number, statement in enumerate(node.statements if isinstance(node, n.Rule | n.Store | n.Test) else ()):
            where = f"{place}.{number}" if isinstance(node, n.Test) else f"{place}"
            yield f"{where} {replace(statement, statements=()) if isinstance(statement, n.Preorder) else statement}"
            for inside in statement.statements if isinstance(statement, n.Preorder) else ():
                yield f"{where} preorder {inside}"
