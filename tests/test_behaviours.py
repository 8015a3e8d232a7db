"""The quantity rows of the required behaviours, 19 to 38, and the cases of LANGUAGE section 8: each from rule text."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from pushdsl.checker import diagnose
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.planner import plan
from tests.ladder_reference import Limits, Listing, Live, Shop, Stock, evaluate
from tests.test_ladder_reference import answers, write_tables

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR_AGO = AT - timedelta(hours=1)
HEAD = """push edition 1
warehouse a
warehouse b
store shopee_ph on shopee
store shopee_my on shopee
store lazada_ph on lazada
store lazada_choice on lazada {
  choice
}
store tiktok_ph on tiktok
store tiktok_alpha on tiktok {
  location all warehouses -> "alpha"
}
store tiktok_beta on tiktok {
  location a -> "beta"
}
store tiktok_two on tiktok {
  location a -> "WH1"
  location b -> "WH2"
}
"""
SHOPEE = Limits(10_000_000, counts_reserved=True, preorder=True)
OTHERS = Limits(999_999)
STORES = (
    "shopee_ph", "shopee_my", "lazada_ph", "lazada_choice", "tiktok_ph", "tiktok_alpha", "tiktok_beta", "tiktok_two",
)  # fmt: skip
LIMITS = {store: SHOPEE if store.startswith("shopee") else OTHERS for store in STORES}
PREORDER = "preorder {\nopen at 5 units\nclose above 50 units\nadd 30 units\n%s}"


class Platforms:
    names = ("shopee", "lazada", "tiktok")
    packages: Mapping[str, str] = {}

    def capabilities(self, store: object) -> SimpleNamespace:
        shopee = getattr(store, "platform", "") == "shopee"
        return SimpleNamespace(preorder=shopee, locations=True, increase_only=False, max_quantity=10**9)


@dataclass(frozen=True)
class Case:
    """One rule for SKU `S`; `expected` gives (quantity, action) by store, or by `store@location`.

    A store in pre-order is written (quantity, action, days).
    """

    name: str
    rule: str
    stock: Mapping[str, Stock | int]
    expected: Mapping[str, tuple[object, ...]]
    live: Mapping[str, Live] = field(default_factory=dict)
    locations: tuple[str, ...] | None = None
    days: tuple[int | None, int | None] = (None, None)


def case(name: str, rule: str, stock: object, expected: object, **more: object) -> Case:
    rows = stock if isinstance(stock, dict) else {"a": stock}
    return Case(name, rule, rows, expected, **more)  # type: ignore[arg-type]


def push(*quantities: int) -> tuple[tuple[int, str], ...]:
    return tuple((quantity, "push") for quantity in quantities)


def preorder_series(close: int = 50) -> list[Case]:
    """What the store shows after one push is live for the next."""
    rule = "to shopee_ph\ntake a\n" + PREORDER.replace("50", str(close)) % "ship in 15 days\n"
    shown = Live(1, mode="preorder", days=15, confirmed_at=HOUR_AGO)
    return [
        case("35: 25 between the thresholds stays open", rule, 25, {"shopee_ph": (55, "push", 15)},
             live={"shopee_ph": shown}, days=(7, 30)),
        case("35: at exactly the closing number it stays open", rule, 50, {"shopee_ph": (80, "push", 15)},
             live={"shopee_ph": shown}, days=(7, 30)),
        case("35: 70 exceeds 50 and closes", rule, 70, {"shopee_ph": (70, "push")},
             live={"shopee_ph": shown}, days=(7, 30)),
        case("36: 60, then 25: never opened, stays closed", rule, 25, {"shopee_ph": (25, "push")},
             live={"shopee_ph": Live(60, confirmed_at=HOUR_AGO)}, days=(7, 30)),
    ]  # fmt: skip


CASES = [
    case("19: no ratio given is 100%", "to tiktok_ph\ntake a", 40, {"tiktok_ph": (40, "push")}),
    case("20: 985 at 80% is 788", "to tiktok_ph\ntake a\npush 80%", 985, {"tiktok_ph": (788, "push")}),
    case("21: stock of a warehouse that is not taken does not count", "to tiktok_ph\ntake a", {"a": 100, "b": 200},
         {"tiktok_ph": (100, "push")}),
    case("22: untracked gives the maximum, not 80% of it", "to tiktok_ph\ntake a\npush 80%", Stock(3, tracked=False),
         {"tiktok_ph": (999_999, "push")}),
    case("22: selling on when out gives the maximum", "to tiktok_ph\ntake a", Stock(0, sell_when_out=True),
         {"tiktok_ph": (999_999, "push")}),
    case("24: both to alpha is 300", "to tiktok_alpha\ntake a, b", {"a": 100, "b": 200},
         {"tiktok_alpha@alpha": (300, "push")}),
    case("25: 80% of A to beta is 80", "to tiktok_beta\ntake 80% of a", {"a": 100, "b": 200},
         {"tiktok_beta@beta": (80, "push")}),
    case("26: 100 at 90% and 50%, enabled in warehouse 1 only, is 45",
         "to tiktok_two\ntake 90% of a, 90% of b\npush 50%", {"a": 100, "b": 40},
         {"tiktok_two@WH1": (45, "push")}, locations=("WH1",)),
    case("27: enabled nowhere pushes nothing, not 0", "to tiktok_two\ntake a, b", {"a": 100}, {}, locations=("WH3",)),
    case("28: a disabled location is not written", "to tiktok_two\ntake a, b", {"a": 9, "b": 7},
         {"tiktok_two@WH1": (9, "push")}, live={"tiktok_two@WH2": Live(7)}, locations=("WH1",)),
    case("29: 9 is below 10, only Shopee PH sells",
         "to shopee_ph, lazada_ph, tiktok_ph\ntake a\nbelow 10 units only shopee_ph", 9,
         dict(zip(("shopee_ph", "lazada_ph", "tiktok_ph"), push(9, 0, 0), strict=True))),
    case("30: at 49 of 50 only the priority store sells",
         "to shopee_ph, lazada_ph, tiktok_ph\ntake a\nbelow 50 units only shopee_ph", 49,
         dict(zip(("shopee_ph", "lazada_ph", "tiktok_ph"), push(49, 0, 0), strict=True))),
    case("30: at 50 all sell",
         "to shopee_ph, lazada_ph, tiktok_ph\ntake a\nbelow 50 units only shopee_ph", 50,
         dict(zip(("shopee_ph", "lazada_ph", "tiktok_ph"), push(50, 50, 50), strict=True))),
    case("31: without a priority store all show 9", "to shopee_ph, lazada_ph, tiktok_ph\ntake a", 9,
         dict(zip(("shopee_ph", "lazada_ph", "tiktok_ph"), push(9, 9, 9), strict=True))),
    case("32: the promotion reserve instead of 0",
         "to shopee_ph, shopee_my, lazada_ph\ntake a\nbelow 10 units only shopee_ph", 9,
         dict(zip(("shopee_ph", "shopee_my", "lazada_ph"), push(9, 4, 0), strict=True)),
         live={"shopee_my": Live(None, reserved=4)}),
    case("33: Shopee shows available and reserved", "to shopee_ph, lazada_ph\ntake a", 20,
         dict(zip(("shopee_ph", "lazada_ph"), push(25, 20), strict=True)), live={"shopee_ph": Live(None, reserved=5)}),
    case("33: the reserve comes after the share", "to shopee_ph\ntake a\npush 80%", 100, {"shopee_ph": (85, "push")},
         live={"shopee_ph": Live(None, reserved=5)}),
    case("34: at 5 pre-order opens and adds 30", "to shopee_ph\ntake a\n" + PREORDER % "", 5,
         {"shopee_ph": (35, "push", 30)}, days=(7, 30)),
    case("34: at 6 it stays closed", "to shopee_ph\ntake a\n" + PREORDER % "", 6, {"shopee_ph": (6, "push")}),
    *preorder_series(),
    *(case(f"37: {wanted or 'no'} days in 7 to 30 gives {days}",
           "to shopee_ph\ntake a\n" + PREORDER % (f"ship in {wanted} days\n" if wanted else ""), 5,
           {"shopee_ph": (35, "push", days)}, days=(7, 30))
      for wanted, days in ((15, 15), (45, 30), (3, 30), (None, 30))),
    case("38: pre-order for Shopee only", "to shopee_ph, lazada_ph\ntake a\n" + PREORDER % "", 5,
         {"shopee_ph": (35, "push", 30), "lazada_ph": (5, "push")}, days=(7, 30)),
    case("8: 1000 at 50%", "to tiktok_ph\ntake a\npush 50%", 1000, {"tiktok_ph": (500, "push")}),
    case("8: 100 at 57% is 57, as no float says", "to tiktok_ph\ntake a\npush 57%", 100, {"tiktok_ph": (57, "push")}),
    case("8: 100 at 29% is 29", "to tiktok_ph\ntake a\npush 29%", 100, {"tiktok_ph": (29, "push")}),
    case("8: 7 taken 50% at 150% is 5, rounded once", "to tiktok_ph\ntake 50% of a\npush 150%", 7,
         {"tiktok_ph": (5, "push")}),
    case("8: 5 at 80% with add 30 is 34", "to shopee_ph\ntake a\npush 80%\n" + PREORDER % "", 5,
         {"shopee_ph": (34, "push", 30)}, days=(7, 30)),
    case("8: Choice at 10 stays at 10 for 8", "to lazada_choice\ntake a\nincrease only", 8,
         {"lazada_choice": (10, "unchanged")}, live={"lazada_choice": Live(10)}),
    case("8: Choice rises to 12", "to lazada_choice\ntake a\nincrease only", 12, {"lazada_choice": (12, "push")},
         live={"lazada_choice": Live(10)}),
    *(case(f"8: slow lane, {live} to {stock} is {action}", "to tiktok_ph\ntake a\nabove 1000 units every 12 hours",
           stock, {"tiktok_ph": (stock, action)}, live={"tiktok_ph": Live(live, confirmed_at=HOUR_AGO)})
      for live, stock, action in ((1500, 1499, "held"), (1500, 1000, "push"), (1001, 998, "push"))),
    case("8: a live that was only read never holds", "to tiktok_ph\ntake a\nabove 1000 units every 12 hours", 1499,
         {"tiktok_ph": (1499, "push")}, live={"tiktok_ph": Live(1500)}),
    case("8: unchanged at 28", "to tiktok_ph\ntake a", 28, {"tiktok_ph": (28, "unchanged")},
         live={"tiktok_ph": Live(28)}),
    case("8: a shortfall of 5 and 20 is 15", "to tiktok_ph\ntake a, b", {"a": -5, "b": 20},
         {"tiktok_ph": (15, "push")}),
    case("8: a shortfall counts in full at 10%", "to tiktok_ph\ntake 10% of a, b", {"a": -5, "b": 20},
         {"tiktok_ph": (15, "push")}),
]  # fmt: skip


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_row(one: Case) -> None:
    shop = shop_of(one)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.push").write_text(f'{HEAD}rule "R" {{\nfor "S"\n{one.rule}\n}}\n', "utf-8")
        rules, diagnostics = diagnose(load([folder / "rules.push"]), Platforms())
        assert rules is not None, [d.message for d in diagnostics if d.severity == "error"]
        write_tables(shop, folder)
        planned = plan(rules, read_facts(folder)[0], LIMITS, AT)

    got = {
        f"{c.store}@{c.location}" if c.location else c.store: (c.quantity, c.action, *([c.days] if c.days else []))
        for c in planned.cells
    }
    assert got == one.expected
    assert answers(planned) == evaluate(rules, shop, LIMITS, AT)


def shop_of(one: Case) -> Shop:
    """The SKU in stock, listed in every store that the rule names."""
    stores = one.rule.split("\n")[0].removeprefix("to ").split(", ")
    stock = {(w, "S"): row if isinstance(row, Stock) else Stock(row) for w, row in one.stock.items()}
    listings = tuple(
        Listing(s, "S", "S", locations=one.locations, days_min=one.days[0], days_max=one.days[1]) for s in stores
    )
    live = {(key.partition("@")[0], "S", key.partition("@")[2]): row for key, row in one.live.items()}
    return Shop(stock, listings, live)
