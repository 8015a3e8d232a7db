"""The canonical form of a file, and that it means what was printed."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.grammar import nodes as n
from pushdsl.grammar import parser
from pushdsl.grammar.parser import parse
from pushdsl.grammar.printer import print_file
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
    ],
)  # fmt: skip
def test_a_file_is_printed_in_one_form(written: str, expected: str) -> None:
    assert expected == formatted(written)


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
preorder = nodes(
    n.Preorder,
    st.tuples(
        nodes(n.OpenAt, amount), nodes(n.CloseAbove, amount), nodes(n.Add, amount), nodes(n.ShipIn, duration | name)
    ),
)
statements = st.tuples(
    nodes(n.For, selector), nodes(n.To, stores), nodes(n.During, text, text, text), take,
    nodes(n.KeepBack, st.none() | amount), push, nodes(n.PushExactly, amount),
    nodes(n.Split, tuples(nodes(n.Share, percentage | name, name))), nodes(n.AtMost, amount), nodes(n.AtLeast, amount),
    nodes(n.HideBelow, amount), nodes(n.Below, amount, tuples(name)), preorder, nodes(n.IncreaseOnly),
    nodes(n.Above, amount, duration | name, st.none() | percentage | name), nodes(n.Disabled),
)  # fmt: skip
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
