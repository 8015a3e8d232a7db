"""What a sentence of the grammar becomes: one method a sentence, named as in push.lark, parts in, node out."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from pushdsl.errors import Diagnostic, Fix
from pushdsl.grammar import nodes as n
from pushdsl.grammar.tokens import MAX_ERRORS, brief
from pushdsl.source import SourceText, Span

# Parts are what the grammar says they are, in its order: a type checker cannot see that, hence `Any`.
Parts = list[Any]

_MAX_UNITS = 1_000_000_000
_MAX_PPM = 20_000_000
_WHOLE_PPM = 1_000_000
_MIN_SECONDS, _MAX_SECONDS = 60, 365 * 86_400
_RANGE_HELP = {
    "PUSH022": "write 0 to 1_000_000_000 units, without decimals",
    "PUSH023": "write 0% to 2000%, such as `12.5%`",
    "PUSH024": "write whole minutes, hours or days, such as `12 hours`",
}

_QUOTES = ('"', "'", *"“”„‟«»＂")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = ('"', "\\")
_DECIMAL_COMMA = re.compile(r"^([0-9]+),([0-9]{1,2})$")


class Builder:
    """Makes nodes of `source`, whose tokens were read from `text`; `said` is what was said about it before.

    `diagnostics` gather what is wrong with values and, from the parser, with statements.
    """

    def __init__(self, source: SourceText, text: str, said: Sequence[Diagnostic]) -> None:
        self.source = source
        self.text = text
        self.diagnostics: list[Diagnostic] = []
        self.broken_names: set[str] = set()
        self._said = sorted(found.span.start for found in said if found.span is not None)
        self._furthest = -1

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def say(self, diagnostic: Diagnostic) -> None:
        if len(self.diagnostics) <= MAX_ERRORS:
            self.diagnostics.append(diagnostic)
        if diagnostic.span is not None:
            self._furthest = max(self._furthest, diagnostic.span.start)

    def is_broken(self, start: int, end: int) -> bool:
        """Whether something was said about this stretch; nothing after it can have been read yet."""
        if self._furthest >= start:
            return True
        return bool(self._said) and bisect_left(self._said, start) < bisect_left(self._said, end)

    # ---- tokens

    def name_token(self, start: int, end: int) -> n.Name:
        text = self.text[start:end]
        return n.Name(
            text if text.isascii() else unicodedata.normalize("NFC", text), span=Span(self.source, start, end)
        )

    def string_token(self, start: int, end: int) -> n.Text:
        return n.Text(self._string_value(start, end), span=Span(self.source, start, end))

    def _string_value(self, start: int, end: int) -> str:
        quote = self.text[start]
        closed = quote not in _QUOTES or (self.text[end - 1] == quote and end - start > 1)
        value = self.text[start + 1 : end - 1 if closed else end]
        if "\\" not in value:
            return value
        for found in _ESCAPE.finditer(self.text, start + 1, end):
            if len(self.diagnostics) > MAX_ERRORS:
                break
            if found[1] not in _ESCAPED:
                span = self.span(*found.span())
                help = 'write `\\\\` for a backslash, `\\"` for a quote'
                fix = Fix(span, f"\\{found[0]}", "write the backslash twice")
                self.say(Diagnostic("PUSH010", f"`{found[0]}` is no escape", span, help, fix))
        return _ESCAPE.sub(lambda found: found[1] if found[1] in _ESCAPED else found[0], value)

    # ---- declarations

    def start(self, parts: Parts, start: int, end: int) -> n.File:
        declarations = tuple(part for part in parts if part is not None)
        return n.File(self.source, declarations, frozenset(self.broken_names))

    def edition(self, parts: Parts, start: int, end: int) -> n.Edition:
        return n.Edition(_int(self._number(parts[0]).partition(".")[0]), span=self.span(start, end))

    def use(self, parts: Parts, start: int, end: int) -> n.Use:
        return n.Use(parts[0], span=self.span(start, end))

    def warehouse(self, parts: Parts, start: int, end: int) -> n.Warehouse:
        return n.Warehouse(parts[0], parts[1] if len(parts) > 1 else None, span=self.span(start, end))

    def store(self, parts: Parts, start: int, end: int) -> n.Store | None:
        if not (parts[0].text and parts[1].text):
            return None
        return n.Store(parts[0], parts[1], tuple(parts[2:]), self.is_broken(start, end), span=self.span(start, end))

    def group(self, parts: Parts, start: int, end: int) -> n.Group:
        return n.Group(parts[0], parts[1], span=self.span(start, end))

    def skus(self, parts: Parts, start: int, end: int) -> n.Skus:
        return n.Skus(parts[0], parts[1], span=self.span(start, end))

    def let(self, parts: Parts, start: int, end: int) -> n.Let:
        return n.Let(parts[0], parts[1], span=self.span(start, end))

    # ---- stores

    def account(self, parts: Parts, start: int, end: int) -> n.Account:
        return n.Account(parts[0], span=self.span(start, end))

    def region(self, parts: Parts, start: int, end: int) -> n.Region:
        return n.Region(parts[0], span=self.span(start, end))

    def choice(self, parts: Parts, start: int, end: int) -> n.Choice:
        return n.Choice(span=self.span(start, end))

    def location(self, parts: Parts, start: int, end: int) -> n.LocationMapping:
        (names, exclude, every), location = parts
        return n.LocationMapping(names, exclude, every, location, span=self.span(start, end))

    def warehouses(self, parts: Parts, start: int, end: int) -> tuple[Names, Names, bool]:
        return (*_names(parts), False)

    def all_warehouses(self, parts: Parts, start: int, end: int) -> tuple[Names, Names, bool]:
        return (*_names(parts), True)

    def stores(self, parts: Parts, start: int, end: int) -> n.StoreList:
        return n.StoreList(*_names(parts), span=self.span(start, end))

    def all_stores(self, parts: Parts, start: int, end: int) -> n.StoreList:
        return n.StoreList(*_names(parts), all_stores=True, span=self.span(start, end))

    def except_names(self, parts: Parts, start: int, end: int) -> Names:
        return tuple(parts)

    # ---- selectors

    def selector(self, parts: Parts, start: int, end: int) -> n.Selector:
        exclude = parts.pop() if type(parts[-1]) is tuple else ()
        return n.Selector(tuple(parts), exclude, span=self.span(start, end))

    def except_terms(self, parts: Parts, start: int, end: int) -> tuple[n.SelectorTerm, ...]:
        return tuple(parts)

    def exact_sku(self, parts: Parts, start: int, end: int) -> n.ExactSku:
        return n.ExactSku(parts[0].value, span=self.span(start, end))

    def like(self, parts: Parts, start: int, end: int) -> n.Like:
        return n.Like(parts[0].value, span=self.span(start, end))

    def category(self, parts: Parts, start: int, end: int) -> n.Category:
        return n.Category(parts[0].value, span=self.span(start, end))

    def brand(self, parts: Parts, start: int, end: int) -> n.Brand:
        return n.Brand(parts[0].value, span=self.span(start, end))

    def tag(self, parts: Parts, start: int, end: int) -> n.Tag:
        return n.Tag(parts[0].value, span=self.span(start, end))

    def listed_on(self, parts: Parts, start: int, end: int) -> n.ListedOn:
        return n.ListedOn(parts[0], span=self.span(start, end))

    def from_file(self, parts: Parts, start: int, end: int) -> n.FromFile:
        return n.FromFile(parts[0].value, span=self.span(start, end))

    def named_skus(self, parts: Parts, start: int, end: int) -> n.NamedSkus:
        return n.NamedSkus(parts[0], span=self.span(start, end))

    def everything(self, parts: Parts, start: int, end: int) -> n.Everything:
        return n.Everything(span=self.span(start, end))

    # ---- values

    def quantity(self, parts: Parts, start: int, end: int) -> n.Quantity:
        units = self._whole(parts[0], "a quantity", "PUSH022")
        if units > _MAX_UNITS:
            self._out_of_range("PUSH022", "a quantity is at most 1_000_000_000 units", start, end)
        return n.Quantity(min(units, _MAX_UNITS), span=self.span(start, end))

    def percentage(self, parts: Parts, start: int, end: int) -> n.Percentage:
        whole, _, decimals = self._number(parts[0]).partition(".")
        decimals = decimals.rstrip("0")
        if len(decimals) > 4:
            self._out_of_range("PUSH023", "a percentage has at most four decimals", start, end)
        ppm = _int(whole) * 10_000 + int(decimals[:4].ljust(4, "0"))
        if ppm > _MAX_PPM:
            self._out_of_range("PUSH023", "a percentage is at most 2000%", start, end)
        return n.Percentage(min(ppm, _MAX_PPM), span=self.span(start, end))

    def minutes(self, parts: Parts, start: int, end: int) -> n.Duration:
        return self._duration(parts[0], 60, start, end)

    def hours(self, parts: Parts, start: int, end: int) -> n.Duration:
        return self._duration(parts[0], 3_600, start, end)

    def days(self, parts: Parts, start: int, end: int) -> n.Duration:
        return self._duration(parts[0], 86_400, start, end)

    def _duration(self, number: Span, unit_seconds: int, start: int, end: int) -> n.Duration:
        seconds = self._whole(number, "a duration", "PUSH024") * unit_seconds
        if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
            self._out_of_range("PUSH024", "a duration is 1 minute to 365 days", start, end)
        return n.Duration(min(max(seconds, _MIN_SECONDS), _MAX_SECONDS), span=self.span(start, end))

    def _whole(self, number: Span, what: str, code: str) -> int:
        whole, _, decimals = self._number(number).partition(".")
        if decimals.strip("0"):
            self._out_of_range(code, f"{what} is a whole number", number.start, number.end)
        return _int(whole)

    def _number(self, number: Span) -> str:
        """The digits of a number, where a slip may have left more than them."""
        written = self.text[number.start : number.end].replace("_", "")
        return _DECIMAL_COMMA.sub(r"\1.\2", written).replace(",", "") if "," in written else written

    def _out_of_range(self, code: str, message: str, start: int, end: int) -> None:
        self.say(Diagnostic(code, message, self.span(start, end), _RANGE_HELP[code]))

    def _expect(self, name: n.Name, word: str) -> None:
        if name.text != word:
            fix = Fix(name.span, word, f"write `{word}`")
            self.say(Diagnostic("PUSH012", f"unexpected `{brief(name.text)}`", name.span, f"expected `{word}`", fix))

    # ---- rules

    def rule(self, parts: Parts, start: int, end: int) -> n.Rule | None:
        name, overrides, head = parts[0]
        if name.span.start == name.span.end:
            # the parser put it there so that the block of a broken head is read
            return None
        broken = self.is_broken(start, end)
        return n.Rule(name, overrides, tuple(parts[1:]), head=head, broken=broken, span=self.span(start, end))

    def rule_head(self, parts: Parts, start: int, end: int) -> tuple[n.Text, tuple[n.Text, ...], Span]:
        return parts[0], tuple(parts[1:]), self.span(start, end)

    # `for` is a word of Python too: the table of sentences finds this method as `for`
    def for_(self, parts: Parts, start: int, end: int) -> n.For:
        return n.For(parts[0], span=self.span(start, end))

    def to(self, parts: Parts, start: int, end: int) -> n.To:
        return n.To(parts[0], span=self.span(start, end))

    def during(self, parts: Parts, start: int, end: int) -> n.During:
        return n.During(*parts, span=self.span(start, end))

    def take(self, parts: Parts, start: int, end: int) -> n.Take:
        exclude = parts.pop() if type(parts[-1]) is tuple else ()
        return n.Take(tuple(parts), False, None, exclude, span=self.span(start, end))

    def take_all(self, parts: Parts, start: int, end: int) -> n.Take:
        exclude = parts.pop() if parts and type(parts[-1]) is tuple else ()
        return n.Take((), True, parts[0] if parts else None, exclude, span=self.span(start, end))

    def whole(self, parts: Parts, start: int, end: int) -> n.Share:
        return n.Share(None, parts[0], span=self.span(start, end))

    def share(self, parts: Parts, start: int, end: int) -> n.Share:
        return n.Share(parts[0], parts[1], span=self.span(start, end))

    def keep_back(self, parts: Parts, start: int, end: int) -> n.KeepBack:
        return n.KeepBack(parts[0], span=self.span(start, end))

    def keep_back_safety_stock(self, parts: Parts, start: int, end: int) -> n.KeepBack:
        self._expect(parts[0], "safety")
        return n.KeepBack(None, span=self.span(start, end))

    def push(self, parts: Parts, start: int, end: int) -> n.Push:
        plus = parts[1] if len(parts) > 1 else None
        return n.Push(parts[0], plus, len(parts) > 2, span=self.span(start, end))

    def even_at_zero(self, parts: Parts, start: int, end: int) -> bool:
        return True

    def push_exactly(self, parts: Parts, start: int, end: int) -> n.PushExactly:
        return n.PushExactly(parts[0], span=self.span(start, end))

    def split(self, parts: Parts, start: int, end: int) -> n.Split:
        return n.Split(tuple(parts), span=self.span(start, end))

    def split_share(self, parts: Parts, start: int, end: int) -> n.Share:
        return n.Share(parts[1], parts[0], span=self.span(start, end))

    def at_most(self, parts: Parts, start: int, end: int) -> n.AtMost:
        return n.AtMost(parts[0], span=self.span(start, end))

    def at_least(self, parts: Parts, start: int, end: int) -> n.AtLeast:
        return n.AtLeast(parts[0], span=self.span(start, end))

    def hide_below(self, parts: Parts, start: int, end: int) -> n.HideBelow:
        return n.HideBelow(parts[0], span=self.span(start, end))

    def below(self, parts: Parts, start: int, end: int) -> n.Below:
        return n.Below(parts[0], tuple(parts[1:]), span=self.span(start, end))

    def increase_only(self, parts: Parts, start: int, end: int) -> n.IncreaseOnly:
        return n.IncreaseOnly(span=self.span(start, end))

    def above(self, parts: Parts, start: int, end: int) -> n.Above:
        return n.Above(parts[0], parts[1], parts[2] if len(parts) > 2 else None, span=self.span(start, end))

    def disabled(self, parts: Parts, start: int, end: int) -> n.Disabled:
        return n.Disabled(span=self.span(start, end))

    def preorder(self, parts: Parts, start: int, end: int) -> n.Preorder:
        return n.Preorder(tuple(parts), self.is_broken(start, end), span=self.span(start, end))

    def open_at(self, parts: Parts, start: int, end: int) -> n.OpenAt:
        return n.OpenAt(parts[0], span=self.span(start, end))

    def close_above(self, parts: Parts, start: int, end: int) -> n.CloseAbove:
        return n.CloseAbove(parts[0], span=self.span(start, end))

    def add(self, parts: Parts, start: int, end: int) -> n.Add:
        return n.Add(parts[0], span=self.span(start, end))

    def ship_in(self, parts: Parts, start: int, end: int) -> n.ShipIn:
        return n.ShipIn(parts[0], span=self.span(start, end))

    # ---- promises

    def promise_never_oversell(self, parts: Parts, start: int, end: int) -> n.NeverOversell:
        return n.NeverOversell(tuple(parts), span=self.span(start, end))

    def preorder_exception(self, parts: Parts, start: int, end: int) -> n.Exempt:
        return n.Exempt("preorder", span=self.span(start, end))

    def plus_exception(self, parts: Parts, start: int, end: int) -> n.Exempt:
        return n.Exempt("plus", span=self.span(start, end))

    def at_least_exception(self, parts: Parts, start: int, end: int) -> n.Exempt:
        return n.Exempt("at least", span=self.span(start, end))

    def push_exactly_exception(self, parts: Parts, start: int, end: int) -> n.Exempt:
        return n.Exempt("push exactly", span=self.span(start, end))

    def above_exception(self, parts: Parts, start: int, end: int) -> n.Exempt:
        if parts[0].ppm != _WHOLE_PPM:
            span = parts[0].span
            fix = Fix(span, "100%", "write `100%`")
            self.say(Diagnostic("PUSH012", f"unexpected `{brief(span.text)}`", span, "expected `100%`", fix))
        return n.Exempt("above", span=self.span(start, end))

    def promise_every_listing(self, parts: Parts, start: int, end: int) -> n.EveryListingHasARule:
        self._expect(parts[0], "a")
        return n.EveryListingHasARule(span=self.span(start, end))

    def promise_never_decreases(self, parts: Parts, start: int, end: int) -> n.NeverDecreases:
        return n.NeverDecreases(parts[0], span=self.span(start, end))

    def promise_shows_at_most(self, parts: Parts, start: int, end: int) -> n.ShowsAtMost:
        return n.ShowsAtMost(parts[0], parts[1], span=self.span(start, end))

    def promised_all_stores(self, parts: Parts, start: int, end: int) -> None:
        return None

    # ---- tests

    def test(self, parts: Parts, start: int, end: int) -> n.Test | None:
        name, head = parts[0]
        if name.span.start == name.span.end:
            # the parser put it there so that the block of a broken head is read
            return None
        return n.Test(name, tuple(parts[1:]), head=head, broken=self.is_broken(start, end), span=self.span(start, end))

    def test_head(self, parts: Parts, start: int, end: int) -> tuple[n.Text, Span]:
        return parts[0], self.span(start, end)

    def stock(self, parts: Parts, start: int, end: int) -> n.StockSeries:
        return n.StockSeries(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def shortfall(self, parts: Parts, start: int, end: int) -> n.Shortfall:
        number = self.span(parts[0].start + 1, parts[0].end)
        units = self._whole(number, "a quantity", "PUSH022")
        if units > _MAX_UNITS:
            self._out_of_range("PUSH022", "a quantity is at least -1_000_000_000 units", start, end)
        return n.Shortfall(min(units, _MAX_UNITS), span=self.span(start, end))

    def stock_untracked(self, parts: Parts, start: int, end: int) -> n.StockUntracked:
        return n.StockUntracked(*parts, span=self.span(start, end))

    def reserved(self, parts: Parts, start: int, end: int) -> n.Reserved:
        return n.Reserved(*parts, span=self.span(start, end))

    def live(self, parts: Parts, start: int, end: int) -> n.LiveQuantity:
        sku, place, amount, *more = parts
        preorder = bool(more) and more[0] is True
        ago = more[-1] if more and more[-1] is not True else None
        return n.LiveQuantity(sku, place, amount, preorder, ago, span=self.span(start, end))

    def in_preorder(self, parts: Parts, start: int, end: int) -> bool:
        return True

    def pushed_ago(self, parts: Parts, start: int, end: int) -> n.Duration | n.Name:
        duration: n.Duration | n.Name = parts[0]
        return duration

    def pack(self, parts: Parts, start: int, end: int) -> n.Pack:
        return n.Pack(*parts, span=self.span(start, end))

    def preorder_range(self, parts: Parts, start: int, end: int) -> n.PreorderRange:
        return n.PreorderRange(*parts, span=self.span(start, end))

    def listing_off(self, parts: Parts, start: int, end: int) -> n.ListingOff:
        return n.ListingOff(*parts, span=self.span(start, end))

    def sku_category(self, parts: Parts, start: int, end: int) -> n.SkuFact:
        return n.SkuFact("category", *parts, span=self.span(start, end))

    def sku_brand(self, parts: Parts, start: int, end: int) -> n.SkuFact:
        return n.SkuFact("brand", *parts, span=self.span(start, end))

    def sku_tag(self, parts: Parts, start: int, end: int) -> n.SkuFact:
        return n.SkuFact("tag", *parts, span=self.span(start, end))

    def start_at(self, parts: Parts, start: int, end: int) -> n.StartAt:
        return n.StartAt(*parts, span=self.span(start, end))

    def tick_every(self, parts: Parts, start: int, end: int) -> n.TickEvery:
        return n.TickEvery(parts[0], span=self.span(start, end))

    def place(self, parts: Parts, start: int, end: int) -> n.Place:
        return n.Place(parts[0], parts[1] if len(parts) > 1 else None, span=self.span(start, end))

    def expect_quantity(self, parts: Parts, start: int, end: int) -> n.ExpectQuantity:
        return n.ExpectQuantity(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def expect_preorder(self, parts: Parts, start: int, end: int) -> n.ExpectPreorder:
        return n.ExpectPreorder(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def expect_ship_in(self, parts: Parts, start: int, end: int) -> n.ExpectShipIn:
        return n.ExpectShipIn(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def expect_outcome(self, parts: Parts, start: int, end: int) -> n.ExpectOutcome:
        return n.ExpectOutcome(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def expect_no_rule(self, parts: Parts, start: int, end: int) -> n.ExpectNoRule:
        return n.ExpectNoRule(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def open(self, parts: Parts, start: int, end: int) -> n.PreorderState:
        return n.PreorderState(True, span=self.span(start, end))

    def closed(self, parts: Parts, start: int, end: int) -> n.PreorderState:
        return n.PreorderState(False, span=self.span(start, end))

    def pushed(self, parts: Parts, start: int, end: int) -> n.Outcome:
        return n.Outcome("pushed", span=self.span(start, end))

    def unchanged(self, parts: Parts, start: int, end: int) -> n.Outcome:
        return n.Outcome("unchanged", span=self.span(start, end))

    def held(self, parts: Parts, start: int, end: int) -> n.Outcome:
        return n.Outcome("held", span=self.span(start, end))

    def blocked(self, parts: Parts, start: int, end: int) -> n.Outcome:
        return n.Outcome("blocked", span=self.span(start, end))

    def no_rule(self, parts: Parts, start: int, end: int) -> n.NoRule:
        return n.NoRule(span=self.span(start, end))


Names = tuple[n.Name, ...]


def _names(parts: Parts) -> tuple[Names, Names]:
    """The names of a list and those that its `except` takes away."""
    exclude = parts.pop() if parts and type(parts[-1]) is tuple else ()
    return tuple(parts), exclude


def _int(digits: str) -> int:
    # more digits than any range allows need not be read, and Python refuses to read very many
    return int(digits[:20] or 0)
