"""One declaration or statement in; its words on one line out, a block's head without its braces.

Every node has one form. Where lines break and comments stand is the printer's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from pushdsl.grammar import nodes as n

# Numbers from here on are grouped by thousands: 1000 units, but 10_000 units.
_GROUPED = 10_000


def print_declaration(node: n.Declaration) -> str:
    match node:
        case n.Edition():
            return f"push edition {node.number}"
        case n.Use():
            return f"use {_text(node.path)}"
        case n.Warehouse():
            return f"warehouse {node.name.text}" + (f" {_text(node.label)}" if node.label else "")
        case n.Store():
            return f"store {node.name.text} on {node.platform.text}"
        case n.Group():
            return f"group {node.name.text} = {_stores(node.members)}"
        case n.Skus():
            return f"skus {node.name.text} = {print_selector(node.selector)}"
        case n.Let():
            return f"let {node.name.text} = {_value(node.value)}"
        case n.Rule():
            overrides = f" overrides {', '.join(map(_text, node.overrides))}" if node.overrides else ""
            return f"rule {_text(node.name)}{overrides}"
        case n.NeverOversell():
            exempt = f" except {', '.join(map(_exempt, node.exceptions))}" if node.exceptions else ""
            return f"promise never oversell{exempt}"
        case n.EveryListingHasARule():
            return "promise every listing has a rule"
        case n.NeverDecreases():
            return f"promise {_promised(node.store)} never decreases"
        case n.ShowsAtMost():
            return f"promise {_promised(node.store)} shows at most {_value(node.amount)}"
        case n.Test():
            return f"test {_text(node.name)}"
    assert_never(node)


def print_store_statement(node: n.StoreStatement) -> str:
    match node:
        case n.Account():
            return f"account {_text(node.key)}"
        case n.Region():
            return f"region {_text(node.value)}"
        case n.Choice():
            return "choice"
        case n.LocationMapping():
            names = "all warehouses" if node.all_warehouses else _names(node.warehouses)
            return f"location {names}{_except(node.exclude)} -> {_text(node.location)}"
    assert_never(node)


def print_statement(node: n.RuleStatement | n.PreorderStatement) -> str:
    match node:
        case n.For():
            return f"for {print_selector(node.selector)}"
        case n.To():
            return f"to {_stores(node.stores)}"
        case n.During():
            return f"during {_text(node.start)} to {_text(node.end)} in {_text(node.zone)}"
        case n.Take():
            return f"take {_taken(node)}{_except(node.exclude)}"
        case n.KeepBack():
            return f"keep back {_value(node.amount) if node.amount else 'safety stock'}"
        case n.Push():
            plus = f" plus {_value(node.plus)}" if node.plus else ""
            return f"push {_value(node.percentage)}{plus}" + (" even at zero" if node.even_at_zero else "")
        case n.PushExactly():
            return f"push exactly {_value(node.amount)}"
        case n.Split():
            shares = (f"{share.name.text} {_value(share.percentage)}" for share in node.shares if share.percentage)
            return f"split {', '.join(shares)}"
        case n.AtMost():
            return f"at most {_value(node.amount)}"
        case n.AtLeast():
            return f"at least {_value(node.amount)}"
        case n.HideBelow():
            return f"hide below {_value(node.amount)}"
        case n.Below():
            return f"below {_value(node.threshold)} only {_names(node.only)}"
        case n.Preorder():
            return "preorder"
        case n.OpenAt():
            return f"open at {_value(node.amount)}"
        case n.CloseAbove():
            return f"close above {_value(node.amount)}"
        case n.Add():
            return f"add {_value(node.amount)}"
        case n.ShipIn():
            return f"ship in {_value(node.duration)}"
        case n.IncreaseOnly():
            return "increase only"
        case n.Above():
            unless = f" unless it falls by {_value(node.unless_falls_by)}" if node.unless_falls_by else ""
            return f"above {_value(node.threshold)} every {_value(node.every)}{unless}"
        case n.Disabled():
            return "disabled"
    assert_never(node)


def print_test_statement(node: n.TestStatement) -> str:
    match node:
        case n.StockSeries():
            return f"stock {_text(node.sku)} in {node.warehouse.text} {_series(map(_value, node.amounts))}"
        case n.StockUntracked():
            return f"stock {_text(node.sku)} in {node.warehouse.text} untracked"
        case n.Reserved():
            return f"reserved {_text(node.sku)} {_place(node.place)} {_value(node.amount)}"
        case n.LiveQuantity():
            mode = " preorder" if node.preorder else ""
            ago = f" pushed {_value(node.pushed_ago)} ago" if node.pushed_ago else ""
            return f"live {_text(node.sku)} {_place(node.place)} {_value(node.amount)}{mode}{ago}"
        case n.Pack():
            return f"pack {_text(node.sku)} on {node.store.text} {_value(node.amount)}"
        case n.PreorderRange():
            days = f"{_value(node.fewest)} to {_value(node.most)}"
            return f"range {_text(node.sku)} on {node.store.text} {days}"
        case n.ListingOff():
            return f"listing {_text(node.sku)} on {node.store.text} off"
        case n.SkuFact():
            return f"{node.kind} {_text(node.sku)} {_text(node.value)}"
        case n.StartAt():
            return f"start at {_text(node.time)} in {_text(node.zone)}"
        case n.TickEvery():
            return f"tick every {_value(node.duration)}"
        case n.ExpectQuantity():
            return f"{_expected(node)} {_series(map(_value, node.series))}"
        case n.ExpectPreorder():
            return f"{_expected(node)} preorder {_series('open' if one.open else 'closed' for one in node.series)}"
        case n.ExpectShipIn():
            return f"{_expected(node)} ship in {_series(map(_value, node.series))}"
        case n.ExpectOutcome():
            return f"{_expected(node)} {_series(one.word for one in node.series)}"
        case n.ExpectNoRule():
            return f"{_expected(node)} {_series('no rule' for _ in node.series)}"
    assert_never(node)


def print_selector(node: n.Selector) -> str:
    exclude = f" except {', '.join(map(_term, node.exclude))}" if node.exclude else ""
    return ", ".join(map(_term, node.include)) + exclude


def _term(node: n.SelectorTerm) -> str:
    match node:
        case n.ExactSku():
            return _quoted(node.sku)
        case n.Like():
            return f"like {_quoted(node.pattern)}"
        case n.Category():
            return f"category {_quoted(node.value)}"
        case n.Brand():
            return f"brand {_quoted(node.value)}"
        case n.Tag():
            return f"tag {_quoted(node.value)}"
        case n.ListedOn():
            return f"listed on {node.store.text}"
        case n.FromFile():
            return f"from {_quoted(node.path)}"
        case n.NamedSkus():
            return node.name.text
        case n.Everything():
            return "everything"
    assert_never(node)


def _stores(node: n.StoreList) -> str:
    return ("all stores" if node.all_stores else _names(node.include)) + _except(node.exclude)


def _taken(node: n.Take) -> str:
    if node.all_warehouses:
        return f"{_value(node.all_percentage)} of all warehouses" if node.all_percentage else "all warehouses"
    return ", ".join(
        f"{_value(share.percentage)} of {share.name.text}" if share.percentage else share.name.text
        for share in node.shares
    )


def _exempt(node: n.Exempt) -> str:
    return "above 100%" if node.kind == "above" else node.kind


def _promised(store: n.Name | None) -> str:
    return store.text if store else "all stores"


def _expected(node: n.Expectation) -> str:
    return f"expect {_text(node.sku)} {_place(node.place)}"


def _place(node: n.Place) -> str:
    return f"on {node.store.text}" + (f" at {_text(node.location)}" if node.location else "")


def _series(values: Iterable[str]) -> str:
    return ", ".join(values)


def _names(names: Iterable[n.Name]) -> str:
    return ", ".join(name.text for name in names)


def _except(names: Sequence[n.Name]) -> str:
    return f" except {_names(names)}" if names else ""


def _value(node: n.Quantity | n.Shortfall | n.Percentage | n.Duration | n.Name) -> str:
    match node:
        case n.Name():
            return node.text
        case n.Quantity():
            return _counted(node.units, "unit")
        case n.Shortfall():
            return f"-{_counted(node.units, 'unit')}"
        case n.Percentage():
            whole, decimals = divmod(node.ppm, 10_000)
            return f"{whole}.{decimals:04}".rstrip("0").rstrip(".") + "%"
        case n.Duration():
            for seconds, unit in ((86_400, "day"), (3_600, "hour")):
                if node.seconds % seconds == 0:
                    return _counted(node.seconds // seconds, unit)
            return _counted(node.seconds // 60, "minute")
    assert_never(node)


def _counted(count: int, unit: str) -> str:
    number = f"{count:_}" if count >= _GROUPED else str(count)
    return f"{number} {unit}" if count == 1 else f"{number} {unit}s"


def _text(node: n.Text) -> str:
    return _quoted(node.value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
