"""What a sentence of the grammar becomes: one method a sentence, named as in push.lark, parts in, node out."""

from __future__ import annotations

import unicodedata
from typing import Any

from pushdsl.errors import Diagnostic
from pushdsl.grammar import nodes as n
from pushdsl.source import SourceText, Span

# Parts are what the grammar says they are, in its order: a type checker cannot see that, hence `Any`.
Parts = list[Any]


class Builder:
    """Makes nodes of `source`; `diagnostics` are of values that are out of range."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    # ---- tokens

    def name_token(self, start: int, end: int) -> n.Name:
        text = self.source.text[start:end]
        return n.Name(
            text if text.isascii() else unicodedata.normalize("NFC", text), span=Span(self.source, start, end)
        )

    def string_token(self, start: int, end: int) -> n.Text:
        text = self.source.text[start + 1 : end - 1]
        if "\\" in text:
            text = text.replace('\\"', '"').replace("\\\\", "\\")
        return n.Text(text, span=Span(self.source, start, end))

    # ---- declarations

    def start(self, parts: Parts, start: int, end: int) -> n.File:
        return n.File(self.source, tuple(part for part in parts if part is not None))

    def edition(self, parts: Parts, start: int, end: int) -> n.Edition:
        return n.Edition(_whole(parts[0]), span=self.span(start, end))

    def use(self, parts: Parts, start: int, end: int) -> n.Use:
        return n.Use(parts[0], span=self.span(start, end))

    def warehouse(self, parts: Parts, start: int, end: int) -> n.Warehouse:
        return n.Warehouse(parts[0], parts[1] if len(parts) > 1 else None, span=self.span(start, end))

    def store(self, parts: Parts, start: int, end: int) -> n.Store:
        return n.Store(parts[0], parts[1], tuple(parts[2:]), span=self.span(start, end))

    def group(self, parts: Parts, start: int, end: int) -> n.Group:
        return n.Group(parts[0], parts[1], span=self.span(start, end))

    def skus(self, parts: Parts, start: int, end: int) -> n.Skus:
        return n.Skus(parts[0], parts[1], span=self.span(start, end))

    def let(self, parts: Parts, start: int, end: int) -> n.Let:
        return n.Let(parts[0], parts[1], span=self.span(start, end))

    def promise(self, parts: Parts, start: int, end: int) -> n.Later:
        return n.Later("promise", span=self.span(start, end))

    def test(self, parts: Parts, start: int, end: int) -> n.Later:
        return n.Later("test", span=self.span(start, end))

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
        return n.Quantity(_whole(parts[0]), span=self.span(start, end))

    def percentage(self, parts: Parts, start: int, end: int) -> n.Percentage:
        whole, _, decimals = parts[0].text.replace("_", "").partition(".")
        return n.Percentage(int(whole) * 10_000 + int(decimals.ljust(4, "0")[:4] or 0), span=self.span(start, end))

    def minutes(self, parts: Parts, start: int, end: int) -> n.Duration:
        return n.Duration(_whole(parts[0]) * 60, span=self.span(start, end))

    def hours(self, parts: Parts, start: int, end: int) -> n.Duration:
        return n.Duration(_whole(parts[0]) * 3_600, span=self.span(start, end))

    def days(self, parts: Parts, start: int, end: int) -> n.Duration:
        return n.Duration(_whole(parts[0]) * 86_400, span=self.span(start, end))

    # ---- rules

    def rule(self, parts: Parts, start: int, end: int) -> n.Rule:
        name, overrides, head = parts[0]
        return n.Rule(name, overrides, tuple(parts[1:]), head=head, span=self.span(start, end))

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
        return n.Preorder(tuple(parts), span=self.span(start, end))

    def open_at(self, parts: Parts, start: int, end: int) -> n.OpenAt:
        return n.OpenAt(parts[0], span=self.span(start, end))

    def close_above(self, parts: Parts, start: int, end: int) -> n.CloseAbove:
        return n.CloseAbove(parts[0], span=self.span(start, end))

    def add(self, parts: Parts, start: int, end: int) -> n.Add:
        return n.Add(parts[0], span=self.span(start, end))

    def ship_in(self, parts: Parts, start: int, end: int) -> n.ShipIn:
        return n.ShipIn(parts[0], span=self.span(start, end))


Names = tuple[n.Name, ...]


def _names(parts: Parts) -> tuple[Names, Names]:
    """The names of a list and those that its `except` takes away."""
    exclude = parts.pop() if parts and type(parts[-1]) is tuple else ()
    return tuple(parts), exclude


def _whole(number: Span) -> int:
    return int(number.text.replace("_", "").partition(".")[0])
