"""The syntax tree: one frozen dataclass a construct, an example of its text above each.

Spans do not count when trees are compared. Quantities are whole units, percentages parts per million,
durations seconds; a named value (`let`) stands as a `Name` until the checker resolves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pushdsl.source import SourceText, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


# kl
@dataclass(frozen=True, slots=True)
class Name(Node):
    text: str


# "Beauty"
@dataclass(frozen=True, slots=True)
class Text(Node):
    value: str


# 20 units
@dataclass(frozen=True, slots=True)
class Quantity(Node):
    units: int


# 12.5%
@dataclass(frozen=True, slots=True)
class Percentage(Node):
    ppm: int


# 12 hours
@dataclass(frozen=True, slots=True)
class Duration(Node):
    seconds: int


QuantityValue = Quantity | Name
PercentageValue = Percentage | Name
DurationValue = Duration | Name

# ---- selectors --------------------------------------------------------------------------------------


# "BTY-0001"
@dataclass(frozen=True, slots=True)
class ExactSku(Node):
    sku: str


# like "BTY-*"
@dataclass(frozen=True, slots=True)
class Like(Node):
    pattern: str


# category "Beauty"
@dataclass(frozen=True, slots=True)
class Category(Node):
    value: str


# brand "Acme"
@dataclass(frozen=True, slots=True)
class Brand(Node):
    value: str


# tag "summer"
@dataclass(frozen=True, slots=True)
class Tag(Node):
    value: str


# listed on shopee_my
@dataclass(frozen=True, slots=True)
class ListedOn(Node):
    store: Name


# from "lists/clearance.csv"
@dataclass(frozen=True, slots=True)
class FromFile(Node):
    path: str


# beauty
@dataclass(frozen=True, slots=True)
class NamedSkus(Node):
    name: Name


# everything
@dataclass(frozen=True, slots=True)
class Everything(Node):
    pass


SelectorTerm = ExactSku | Like | Category | Brand | Tag | ListedOn | FromFile | NamedSkus | Everything


# category "Beauty", "X-1" except like "*-OLD"
@dataclass(frozen=True, slots=True)
class Selector(Node):
    include: tuple[SelectorTerm, ...]
    exclude: tuple[SelectorTerm, ...]


# shopee_my, malaysia except lazada_my
@dataclass(frozen=True, slots=True)
class StoreList(Node):
    """`include` is empty for `all stores`."""

    include: tuple[Name, ...]
    exclude: tuple[Name, ...]
    all_stores: bool = False


# ---- declarations -----------------------------------------------------------------------------------


# push edition 1
@dataclass(frozen=True, slots=True)
class Edition(Node):
    number: int


# use "shared/warehouses.push"
@dataclass(frozen=True, slots=True)
class Use(Node):
    path: Text


# warehouse kl "Kuala Lumpur"
@dataclass(frozen=True, slots=True)
class Warehouse(Node):
    name: Name
    label: Text | None


# account "main"
@dataclass(frozen=True, slots=True)
class Account(Node):
    key: Text


# region "MY"
@dataclass(frozen=True, slots=True)
class Region(Node):
    value: Text


# choice
@dataclass(frozen=True, slots=True)
class Choice(Node):
    pass


# location kl, jb -> "MY-01"    location all warehouses -> "MY-01"
@dataclass(frozen=True, slots=True)
class LocationMapping(Node):
    """`warehouses` is empty and `all_warehouses` set for `all warehouses`; `exclude` holds what `except` takes away."""

    warehouses: tuple[Name, ...]
    exclude: tuple[Name, ...]
    all_warehouses: bool
    location: Text


StoreStatement = Account | Region | Choice | LocationMapping


# store shopee_my on shopee { region "MY" }
@dataclass(frozen=True, slots=True)
class Store(Node):
    """`broken`: something in its text is a syntax error, so what seems to be missing may only be misspelled."""

    name: Name
    platform: Name
    statements: tuple[StoreStatement, ...]
    broken: bool = field(default=False, compare=False)


# group malaysia = shopee_my, lazada_my
@dataclass(frozen=True, slots=True)
class Group(Node):
    name: Name
    members: StoreList


# skus beauty = category "Beauty"
@dataclass(frozen=True, slots=True)
class Skus(Node):
    name: Name
    selector: Selector


# let safety = 20 units
@dataclass(frozen=True, slots=True)
class Let(Node):
    name: Name
    value: Quantity | Percentage | Duration


# ---- rule statements --------------------------------------------------------------------------------


# for category "Beauty"
@dataclass(frozen=True, slots=True)
class For(Node):
    selector: Selector


# to shopee_my, malaysia except lazada_my
@dataclass(frozen=True, slots=True)
class To(Node):
    stores: StoreList


# during "2026-11-11 00:00" to "2026-11-12 00:00" in "Asia/Manila"
@dataclass(frozen=True, slots=True)
class During(Node):
    start: Text
    end: Text
    zone: Text


# 50% of jb    kl
@dataclass(frozen=True, slots=True)
class Share(Node):
    """`percentage` is None where only the name stands (100%)."""

    percentage: PercentageValue | None
    name: Name


# take 100% of kl, 50% of jb    take 50% of all warehouses except hub
@dataclass(frozen=True, slots=True)
class Take(Node):
    """For `all warehouses` the shares are empty and `all_percentage` holds its percentage (None: 100%)."""

    shares: tuple[Share, ...]
    all_warehouses: bool
    all_percentage: PercentageValue | None
    exclude: tuple[Name, ...]


# keep back 5 units    keep back safety stock
@dataclass(frozen=True, slots=True)
class KeepBack(Node):
    """`amount` is None for `safety stock`."""

    amount: QuantityValue | None


# push 80%    push 100% plus 200 units even at zero
@dataclass(frozen=True, slots=True)
class Push(Node):
    percentage: PercentageValue
    plus: QuantityValue | None
    even_at_zero: bool


# push exactly 999 units
@dataclass(frozen=True, slots=True)
class PushExactly(Node):
    amount: QuantityValue


# split shopee_my 60%, lazada_my 40%
@dataclass(frozen=True, slots=True)
class Split(Node):
    shares: tuple[Share, ...]


# at most 500 units
@dataclass(frozen=True, slots=True)
class AtMost(Node):
    amount: QuantityValue


# at least 3 units
@dataclass(frozen=True, slots=True)
class AtLeast(Node):
    amount: QuantityValue


# hide below 3 units
@dataclass(frozen=True, slots=True)
class HideBelow(Node):
    amount: QuantityValue


# below 10 units only shopee_my
@dataclass(frozen=True, slots=True)
class Below(Node):
    threshold: QuantityValue
    only: tuple[Name, ...]


# open at 5 units
@dataclass(frozen=True, slots=True)
class OpenAt(Node):
    amount: QuantityValue


# close above 50 units
@dataclass(frozen=True, slots=True)
class CloseAbove(Node):
    amount: QuantityValue


# add 30 units
@dataclass(frozen=True, slots=True)
class Add(Node):
    amount: QuantityValue


# ship in 7 days
@dataclass(frozen=True, slots=True)
class ShipIn(Node):
    duration: DurationValue


PreorderStatement = OpenAt | CloseAbove | Add | ShipIn


# preorder { open at 5 units ... }
@dataclass(frozen=True, slots=True)
class Preorder(Node):
    """The statements as written: the checker names what is missing or stands twice. `broken` as for a store."""

    statements: tuple[PreorderStatement, ...]
    broken: bool = field(default=False, compare=False)


# increase only
@dataclass(frozen=True, slots=True)
class IncreaseOnly(Node):
    pass


# above 1000 units every 12 hours unless it falls by 10%
@dataclass(frozen=True, slots=True)
class Above(Node):
    threshold: QuantityValue
    every: DurationValue
    unless_falls_by: PercentageValue | None


# disabled
@dataclass(frozen=True, slots=True)
class Disabled(Node):
    pass


RuleStatement = (
    For | To | During | Take | KeepBack | Push | PushExactly | Split | AtMost | AtLeast | HideBelow | Below | Preorder
    | IncreaseOnly | Above | Disabled
)  # fmt: skip


# rule "A" overrides "B", "C" { ... }
@dataclass(frozen=True, slots=True)
class Rule(Node):
    """`head` covers `rule "A"` and its overrides, for messages about the rule as a whole. `broken` as for a store."""

    name: Text
    overrides: tuple[Text, ...]
    statements: tuple[RuleStatement, ...]
    head: Span = field(compare=False, repr=False)
    broken: bool = field(default=False, compare=False)


# ---- promises ---------------------------------------------------------------------------------------


# preorder    plus    at least    push exactly    above 100%
@dataclass(frozen=True, slots=True)
class Exempt(Node):
    """What a promise leaves out: `kind` is the words as written, `above` for `above 100%`."""

    kind: Literal["preorder", "plus", "at least", "push exactly", "above"]


# promise never oversell except preorder, plus
@dataclass(frozen=True, slots=True)
class NeverOversell(Node):
    exceptions: tuple[Exempt, ...]


# promise every listing has a rule
@dataclass(frozen=True, slots=True)
class EveryListingHasARule(Node):
    pass


# promise choice_my never decreases
@dataclass(frozen=True, slots=True)
class NeverDecreases(Node):
    """`store` is a store or a group; None for `all stores`."""

    store: Name | None


# promise shopee_my shows at most 500 units
@dataclass(frozen=True, slots=True)
class ShowsAtMost(Node):
    """`store` is a store or a group; None for `all stores`."""

    store: Name | None
    amount: QuantityValue


Promise = NeverOversell | EveryListingHasARule | NeverDecreases | ShowsAtMost

# ---- facts of a test --------------------------------------------------------------------------------


# on shopee_my at "MY-01"
@dataclass(frozen=True, slots=True)
class Place(Node):
    store: Name
    location: Text | None


# -5 units
@dataclass(frozen=True, slots=True)
class Shortfall(Node):
    """Stock below 0; `units` are how far below, above 0."""

    units: int


# stock "BTY-0100" in kl 15 units, 8 units, -5 units
@dataclass(frozen=True, slots=True)
class StockSeries(Node):
    """One amount a tick; the last one lasts."""

    sku: Text
    warehouse: Name
    amounts: tuple[QuantityValue | Shortfall, ...]


# stock "BTY-0100" in kl untracked
@dataclass(frozen=True, slots=True)
class StockUntracked(Node):
    sku: Text
    warehouse: Name


# reserved "BTY-0100" on shopee_my 4 units
@dataclass(frozen=True, slots=True)
class Reserved(Node):
    sku: Text
    place: Place
    amount: QuantityValue


# live "BTY-0100" on shopee_my 30 units preorder pushed 3 hours ago
@dataclass(frozen=True, slots=True)
class LiveQuantity(Node):
    """`pushed_ago` is None where the quantity was only read from the store."""

    sku: Text
    place: Place
    amount: QuantityValue
    preorder: bool
    pushed_ago: DurationValue | None


# pack "BTY-0100" on shopee_my 6 units
@dataclass(frozen=True, slots=True)
class Pack(Node):
    sku: Text
    store: Name
    amount: QuantityValue


# range "BTY-0100" on shopee_my 7 days to 30 days
@dataclass(frozen=True, slots=True)
class PreorderRange(Node):
    sku: Text
    store: Name
    fewest: DurationValue
    most: DurationValue


# listing "BTY-0100" on shopee_my off
@dataclass(frozen=True, slots=True)
class ListingOff(Node):
    sku: Text
    store: Name


# category "BTY-0100" "Beauty"    brand "BTY-0100" "Acme"    tag "BTY-0100" "summer"
@dataclass(frozen=True, slots=True)
class SkuFact(Node):
    kind: Literal["category", "brand", "tag"]
    sku: Text
    value: Text


# start at "2026-11-11 00:00" in "Asia/Manila"
@dataclass(frozen=True, slots=True)
class StartAt(Node):
    time: Text
    zone: Text


# tick every 12 hours
@dataclass(frozen=True, slots=True)
class TickEvery(Node):
    duration: DurationValue


TestFact = (
    StockSeries | StockUntracked | Reserved | LiveQuantity | Pack | PreorderRange | ListingOff | SkuFact | StartAt
    | TickEvery
)  # fmt: skip

# ---- expectations of a test -------------------------------------------------------------------------


# open    closed
@dataclass(frozen=True, slots=True)
class PreorderState(Node):
    open: bool


# pushed    unchanged    held    blocked
@dataclass(frozen=True, slots=True)
class Outcome(Node):
    word: Literal["pushed", "unchanged", "held", "blocked"]


# no rule
@dataclass(frozen=True, slots=True)
class NoRule(Node):
    pass


# expect "BTY-0100" on shopee_my at "MY-01" 14 units, 7 units
@dataclass(frozen=True, slots=True)
class ExpectQuantity(Node):
    sku: Text
    place: Place
    series: tuple[QuantityValue, ...]


# expect "BTY-0100" on shopee_my preorder closed, open
@dataclass(frozen=True, slots=True)
class ExpectPreorder(Node):
    sku: Text
    place: Place
    series: tuple[PreorderState, ...]


# expect "BTY-0100" on shopee_my ship in 7 days
@dataclass(frozen=True, slots=True)
class ExpectShipIn(Node):
    sku: Text
    place: Place
    series: tuple[DurationValue, ...]


# expect "BTY-0100" on shopee_my pushed, unchanged
@dataclass(frozen=True, slots=True)
class ExpectOutcome(Node):
    sku: Text
    place: Place
    series: tuple[Outcome, ...]


# expect "BTY-0100" on shopee_my no rule
@dataclass(frozen=True, slots=True)
class ExpectNoRule(Node):
    sku: Text
    place: Place
    series: tuple[NoRule, ...]


Expectation = ExpectQuantity | ExpectPreorder | ExpectShipIn | ExpectOutcome | ExpectNoRule
TestStatement = TestFact | Expectation


# test "low stock goes to Shopee" { ... }
@dataclass(frozen=True, slots=True)
class Test(Node):
    """`head` covers `test "..."`. `broken` as for a store."""

    name: Text
    statements: tuple[TestStatement, ...]
    head: Span = field(compare=False, repr=False)
    broken: bool = field(default=False, compare=False)


Declaration = Edition | Use | Warehouse | Store | Group | Skus | Let | Rule | Promise | Test


@dataclass(frozen=True, slots=True)
class File:
    """All declarations of one file, in their order.

    `broken_names` are the names and texts in statements that could not be read: they may be declared or used there,
    so nothing should be said about them as unknown or unused.
    """

    source: SourceText
    declarations: tuple[Declaration, ...]
    broken_names: frozenset[str] = field(default=frozenset(), compare=False)
