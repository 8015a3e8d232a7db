"""The planner against the reference: columns, integers and fractions give the same cells, from text and tables on."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.model import Plan
from pushdsl.planner import explain, plan
from pushdsl.rules import CheckedRules
from tests.ladder_reference import Answer, Limits, Listing, Live, Shop, Stock, evaluate

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
WAREHOUSES = ("a", "b", "c")
STORES = {"s0": ("",), "s1": ("",), "s2": ("A", "B")}
SKUS = ("K0", "K1", "K2", "K3", "PACK-1", "BUNDLE-1", "BUNDLE-2")
HEAD = """push edition 1
warehouse a
warehouse b
warehouse c
store s0 on one
store s1 on one
store s2 on one {
  location a -> "A"
  location b, c -> "B"
}
"""


class Platforms:
    """Names enough for the checker; limits are the test's own."""

    names = ("one",)
    packages: Mapping[str, str] = {}

    def capabilities(self, store: object) -> SimpleNamespace:
        return SimpleNamespace(preorder=True, locations=True, increase_only=False, max_quantity=10**9)


# ---- what is generated ------------------------------------------------------------------------------

# Small numbers meet at their boundaries often; the largest show that nothing overflows.
units = st.one_of(st.integers(0, 9), st.integers(0, 9), st.sampled_from([1000, 10**9]))
percentages = st.one_of(
    st.just("100%"), st.just("50%"), st.sampled_from(["0%", "12.5%", "33.3333%", "0.0001%", "150%", "2000%"])
)


def quantity(number: int) -> str:
    return f"{number} unit{'' if number == 1 else 's'}"


@st.composite
def rule_bodies(draw: st.DrawFn) -> list[str]:
    """Statements that check without an error, in any combination."""
    lines = [f"to {', '.join(draw(st.sampled_from([('s0', 's1', 's2'), ('s0', 's2'), ('s0',), ('s0', 's1')])))}"]
    stores = lines[0].removeprefix("to ").split(", ")
    take = draw(st.integers(0, 7)) > 0
    exactly = not take or draw(st.integers(0, 9)) == 0
    if take:
        chosen = draw(st.lists(st.sampled_from(WAREHOUSES), min_size=1, max_size=3, unique=True))
        lines.append("take " + ", ".join(f"{draw(percentages)} of {w}" for w in chosen))
    if exactly:
        lines.append(f"push exactly {quantity(draw(units))}")
    else:
        keep = draw(st.sampled_from(["", "amount", "safety"]))
        if keep:
            lines.append(f"keep back {'safety stock' if keep == 'safety' else quantity(draw(units))}")
        share = draw(st.sampled_from(["", "push", "plus", "even", "split"]))
        if share == "split":
            parts = {1: ["100%"], 2: ["62.5%", "37.5%"], 3: ["50%", "30%", "20%"]}[len(stores)]
            lines.append("split " + ", ".join(f"{s} {p}" for s, p in zip(stores, parts, strict=True)))
        elif share:
            plus = f" plus {quantity(draw(units))}" if share != "push" else ""
            lines.append(f"push {draw(percentages)}{plus}{' even at zero' if share == 'even' else ''}")
    for words in ("at most", "at least", "hide below"):
        if draw(st.integers(0, 3)) == 0:
            lines.append(f"{words} {quantity(draw(units))}")
    if take and draw(st.booleans()):
        lines.append(f"below {quantity(draw(units))} only {draw(st.sampled_from(stores))}")
    if take and draw(st.booleans()):
        opens = draw(st.integers(0, 9))
        ship = draw(
            st.sampled_from(["", "; ship in 7 days", "; ship in 15 days", "; ship in 30 days", "; ship in 45 days"])
        )
        closes = opens + draw(st.integers(0, 6))
        inside = f"open at {quantity(opens)}; close above {quantity(closes)}; add {quantity(draw(units))}{ship}"
        lines.append("preorder {\n" + inside.replace("; ", "\n") + "\n}")
    if draw(st.integers(0, 6)) == 0:
        lines.append("increase only")
    if take and draw(st.booleans()):
        unless = draw(st.sampled_from(["", " unless it falls by 10%", " unless it falls by 50%"]))
        lines.append(f"above {quantity(draw(st.integers(0, 9)))} every 12 hours{unless}")
    if draw(st.integers(0, 9)) == 0:
        lines.append("disabled")
    if draw(st.integers(0, 5)) == 0:
        start, end = draw(
            st.sampled_from([("04 20:00", "05 00:00"), ("03 00:00", "04 20:00"), ("01 00:00", "02 00:00")])
        )
        lines.append(f'during "2026-05-{start}" to "2026-05-{end}" in "Asia/Manila"')
    return lines


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    """Up to three rules; the third may contest or override the others, which only the facts can tell."""
    selectors = [
        'category "c0"',
        draw(st.sampled_from(['category "c1"', 'category "c1" except like "K?"', "listed on s1"])),
    ]
    rules = [f'rule "R{k}" {{\nfor {selector}\n' for k, selector in enumerate(selectors)]
    if draw(st.booleans()):
        above = draw(st.sampled_from(["", ' overrides "R0"', ' overrides "R0", "R1"']))
        rules.append(f'rule "R2"{above} {{\nfor tag "t", tag "t2" except "K3"\n')
    return HEAD + "".join(head + "\n".join(draw(rule_bodies())) + "\n}\n" for head in rules)


stocks = st.builds(
    Stock,
    on_hand=st.one_of(st.integers(-3, 9), st.integers(0, 9), st.integers(0, 9), st.sampled_from([10**9, -(10**9)])),
    allocated=st.sampled_from([0] * 9 + [1, 2, 10**9]),
    tracked=st.sampled_from([True, True, True, True, False]),
    sell_when_out=st.sampled_from([False, False, False, False, True]),
    safety=st.integers(0, 9),
)
lives = st.builds(
    Live,
    quantity=st.one_of(st.none(), st.integers(0, 12), st.integers(0, 12), st.just(10**9)),
    reserved=st.sampled_from([0, 0, 0, 4]),
    mode=st.sampled_from(["normal", "normal", "preorder"]),
    days=st.sampled_from([None, 7, 15, 30]),
    confirmed_at=st.sampled_from([None, *(AT - timedelta(hours=h) for h in (0, 1, 12, 13))]),
)
limits = st.builds(
    Limits,
    max_quantity=st.sampled_from([10**9, 999_999, 9]),
    counts_reserved=st.booleans(),
    preorder=st.sampled_from([True, True, False]),
    preorder_days=st.sampled_from([None, (7, 30)]),
)


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    rows = [(w, sku) for w in WAREHOUSES for sku in SKUS if not sku.startswith("BUNDLE")]
    stock = draw(st.dictionaries(st.sampled_from(rows), stocks, min_size=9))
    listings = [
        Listing(
            store=store,
            store_sku=sku,
            sku=draw(st.sampled_from([sku] * 9 + [None])),
            pack=6 if sku == "PACK-1" else 1,
            active=draw(st.integers(0, 9)) > 0,
            locations=draw(st.sampled_from([None, None, ("A",), ("B", "Z")])) if store == "s2" else None,
            max_quantity=draw(st.sampled_from([None, None, None, 8])),
            days_min=draw(st.sampled_from([None, None, 7])),
            days_max=draw(st.sampled_from([None, None, 30])),
        )
        for store in STORES for sku in SKUS if draw(st.integers(0, 4))
    ]  # fmt: skip
    cells = [(x.store, x.store_sku, place) for x in listings for place in STORES[x.store]]
    live = {key: draw(lives) for key in cells if draw(st.integers(0, 4))}
    categories = {sku: draw(st.sampled_from(["c0", "c1", "other"])) for sku in SKUS}
    tags = {sku: draw(st.sampled_from([frozenset(), frozenset({"t"}), frozenset({"t2"})])) for sku in SKUS}
    bundles = {"BUNDLE-1": {"K0": 2}, "BUNDLE-2": {"K1": 1, "K2": 3}}
    return Shop(stock, tuple(listings), live, categories, tags, bundles)


# ---- the two readings -------------------------------------------------------------------------------


def write_tables(shop: Shop, folder: Path) -> None:
    def table(name: str, head: str, rows: Iterable[tuple[object, ...]]) -> None:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(head.split(","))
            writer.writerows([["" if cell is None else cell for cell in row] for row in rows])

    def truth(value: bool) -> str:
        return "true" if value else "false"

    table("stock", "warehouse,sku,on_hand,allocated,tracked,sell_when_out,safety", (
        (w, sku, s.on_hand, s.allocated, truth(s.tracked), truth(s.sell_when_out), s.safety)
        for (w, sku), s in shop.stock.items()
    ))  # fmt: skip
    table("listings", "store,store_sku,item_id,variant_id,sku,pack,status,locations,max_quantity,preorder_days_min,"
          "preorder_days_max", (
        (x.store, x.store_sku, "1", "1", x.sku, x.pack, "active" if x.active else "inactive",
         "|".join(x.locations or ()), x.max_quantity, x.days_min, x.days_max)
        for x in shop.listings
    ))  # fmt: skip
    table("live", "store,store_sku,location,quantity,reserved,mode,days,confirmed_at", (
        (*key, x.quantity, x.reserved, x.mode, x.days, x.confirmed_at and x.confirmed_at.isoformat())
        for key, x in shop.live.items()
    ))  # fmt: skip
    table("skus", "sku,category,tags", ((s, shop.categories[s], "|".join(shop.tags[s])) for s in shop.categories))
    table(
        "bundles", "sku,component,quantity", ((b, c, n) for b, parts in shop.bundles.items() for c, n in parts.items())
    )


def answers(planned: Plan) -> dict[tuple[str, str, str], Answer]:
    return {
        (c.store, c.store_sku, c.location): Answer(c.rule, c.available, c.quantity, c.mode, c.days, c.action)
        for c in planned.cells
    }


def checked(text: str, folder: Path) -> CheckedRules:
    (folder / "rules.push").write_text(text, "utf-8")
    rules, diagnostics = diagnose(load([folder / "rules.push"]), Platforms())
    errors: list[Diagnostic] = [d for d in diagnostics if d.severity == "error"]
    assert rules is not None, [(d.message, d.span and d.span.text) for d in errors]
    return rules


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rule_texts(), shops(), st.fixed_dictionaries(dict.fromkeys(STORES, limits)))
def test_columns_and_integers_agree_with_the_reference(text: str, shop: Shop, of: dict[str, Limits]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = checked(text, folder)
        write_tables(shop, folder)
        facts, _ = read_facts(folder)

    planned = plan(rules, facts, of, AT)
    expected = evaluate(rules, shop, of, AT)

    assert answers(planned) == expected
    for listing in shop.listings:
        for one in explain(rules, facts, of, AT, listing.store, listing.store_sku):
            if one.steps is not None and one.cell.action != "blocked":
                assert one.steps.quantity == one.cell.quantity
                assert one.steps.available == (one.cell.available or 0)
                assert bool(one.steps.open) == (one.cell.mode == "preorder")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rule_texts(), shops(), st.fixed_dictionaries(dict.fromkeys(STORES, limits)))
def test_after_an_apply_the_plan_is_empty(text: str, shop: Shop, of: dict[str, Limits]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = checked(text, folder)
        write_tables(shop, folder)
        planned = plan(rules, read_facts(folder)[0], of, AT)
        live = dict(shop.live)
        for cell in planned.cells:
            if cell.action == "push":
                key = (cell.store, cell.store_sku, cell.location)
                reserved = live[key].reserved if key in live else 0
                live[key] = Live(cell.quantity, reserved, cell.mode, cell.days, AT)
        write_tables(Shop(shop.stock, shop.listings, live, shop.categories, shop.tags, shop.bundles), folder)
        again = plan(rules, read_facts(folder)[0], of, AT)

    assert [cell for cell in again.cells if cell.action == "push"] == []


def test_three_rivals_of_one_listing_and_two_of_another_are_kept_apart() -> None:
    """R2 is above R0 only: where R1 matches too, nobody has the listing; where it does not, R2 has it."""
    bodies = "to s0, s1\ntake a\n}\n"
    text = HEAD + "".join(
        f"rule {head} {{\nfor {selector}\n{bodies}"
        for head, selector in (
            ('"R0"', 'category "c0"'), ('"R1"', 'brand "x", tag "t2"'), ('"R2" overrides "R0"', 'tag "t"'),
        )
    )  # fmt: skip
    tags = {"K0": frozenset({"t", "t2"}), "K1": frozenset({"t"})}
    shop = Shop(
        {("a", "K0"): Stock(5), ("a", "K1"): Stock(6)},
        tuple(Listing(store, sku, sku) for store in ("s0", "s1") for sku in ("K0", "K1")),
        categories=dict.fromkeys(SKUS, "c0"),
        tags={sku: tags.get(sku, frozenset()) for sku in SKUS},
    )
    with tempfile.TemporaryDirectory() as name:
        rules = checked(text, Path(name))
        write_tables(shop, Path(name))
        planned = plan(rules, read_facts(Path(name))[0], dict.fromkeys(STORES, Limits()), AT)

    assert {(c.store_sku, c.rule) for c in planned.cells} == {("K0", None), ("K1", "R2")}
    assert {c.why for c in planned.cells if c.rule is None} == {
        "claimed by rules `R1` and `R2`, neither overrides the other"
    }
