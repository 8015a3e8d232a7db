"""The planner against the reference: columns, integers and fractions give the same cells, from text and tables on."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushdsl.checker import check
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.planner import explain
from tests.conformance_runner import NOON, Case, Installed, Row, columns, run, write_files
from tests.reference import evaluate

WAREHOUSES = ("a", "b", "c")
STORES = {"s0": ("",), "s1": ("",), "s2": ("A", "B")}
SKUS = ("K0", "K1", "K2", "K3", "PACK-1", "BUNDLE-1", "BUNDLE-2")
HEAD = """push edition 1
use "names.push"
warehouse a
warehouse b
warehouse c
store s0 on p0
store s1 on p1
store s2 on p2 {
  location a -> "A"
  location b, c -> "B"
}
"""
NAMES = """push edition 1
group pair = s0, s1
group trio = pair, s2
let half = 50%
let few = 3 units
let long = 12 hours
skus oddly = like "*-?", from "lists/odd.csv" except "K3"
"""

# ---- rules --------------------------------------------------------------------------------------------

# Small numbers meet at their boundaries often; the largest show that nothing overflows.
numbers = st.one_of(st.integers(0, 9), st.integers(0, 9), st.sampled_from([1000, 10**9]))
units = st.one_of(numbers.map(lambda n: f"{n} unit{'' if n == 1 else 's'}"), st.just("few"))
percentages = st.one_of(
    st.just("100%"), st.sampled_from(["half", "0%", "12.5%", "33.3333%", "0.0001%", "150%", "2000%"])
)
TO = {
    "s0, s1, s2": ("s0", "s1", "s2"),
    "trio": ("s0", "s1", "s2"),
    "all stores except s1": ("s0", "s2"),
    "s0": ("s0",),
    "pair": ("s0", "s1"),
}
SPLITS = {1: ("100%",), 2: ("62.5%", "37.5%"), 3: ("half", "30%", "20%")}
WINDOWS = (
    ("04 20:00", "05 00:00", "Asia/Manila"),  # from noon on
    ("03 00:00", "04 20:00", "Asia/Manila"),  # till noon
    ("01 00:00", "05 00:00", "UTC"),
)


@st.composite
def bodies(draw: st.DrawFn, able: frozenset[str]) -> list[str]:
    """Statements that check without an error, in any combination and order; `able` are stores that pre-order."""
    to = draw(st.sampled_from(list(TO)))
    stores = TO[to]
    take = draw(st.integers(0, 7)) > 0
    lines = [f"to {to}"]
    if take:
        lines.append(draw(takes()))
    if not take or draw(st.integers(0, 9)) == 0:
        lines.append(f"push exactly {draw(units)}")
    else:
        lines += draw(shares(stores))
    lines += [
        f"{bound} {draw(units)}" for bound in ("at most", "at least", "hide below") if draw(st.integers(0, 3)) == 0
    ]
    if take and draw(st.booleans()):
        named = draw(st.sampled_from([*stores, "pair"] if "s1" in stores else stores))
        lines.append(f"below {draw(units)} only {named}")
    if take and not able.isdisjoint(stores) and draw(st.booleans()):
        lines.append(draw(preorders()))
    if draw(st.integers(0, 6)) == 0:
        lines.append("increase only")
    if take and draw(st.booleans()):
        unless = draw(st.sampled_from(["", " unless it falls by 10%", " unless it falls by half"]))
        every = draw(st.sampled_from(["long", "12 hours", "60 minutes"]))
        lines.append(f"above {draw(st.integers(0, 9))} units every {every}{unless}")
    if draw(st.integers(0, 9)) == 0:
        lines.append("disabled")
    if draw(st.integers(0, 5)) == 0:
        start, end, zone = draw(st.sampled_from(WINDOWS))
        lines.append(f'during "2026-05-{start}" to "2026-05-{end}" in "{zone}"')
    return draw(st.permutations(lines))


@st.composite
def preorders(draw: st.DrawFn) -> str:
    opens = draw(st.integers(0, 9))
    closes = opens + draw(st.integers(0, 6))
    days = draw(st.sampled_from(["", *(f"ship in {days} days\n" for days in (7, 15, 30, 45))]))
    return f"preorder {{\nopen at {opens} units\nclose above {closes} units\nadd {draw(units)}\n{days}}}"


@st.composite
def takes(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 4)) == 0:
        return draw(
            st.sampled_from(["take all warehouses", "take half of all warehouses except b", "take a, b except b"])
        )
    chosen = draw(st.lists(st.sampled_from(WAREHOUSES), min_size=1, max_size=3, unique=True))
    return "take " + ", ".join(f"{draw(percentages)} of {w}" for w in chosen)


@st.composite
def shares(draw: st.DrawFn, stores: tuple[str, ...]) -> list[str]:
    """`keep back`, and `push` or `split`."""
    lines = []
    if draw(st.booleans()):
        lines.append(f"keep back {draw(st.one_of(units, st.just('safety stock')))}")
    share = draw(st.sampled_from(["", "push", "plus", "even", "split"]))
    if share == "split":
        lines.append("split " + ", ".join(f"{s} {p}" for s, p in zip(stores, SPLITS[len(stores)], strict=True)))
    elif share:
        plus = f" plus {draw(units)}" if share != "push" else ""
        lines.append(f"push {draw(percentages)}{plus}{' even at zero' if share == 'even' else ''}")
    return lines


@st.composite
def rule_texts(draw: st.DrawFn, able: frozenset[str]) -> str:
    """Up to four rules; the later may contest or override the others, which only the facts can tell."""
    selectors = [
        'category "c0"',
        draw(st.sampled_from(['category "c1"', 'category "c1" except like "K?"', "listed on pair"])),
        draw(st.sampled_from(['tag "t", tag "t2" except "K3"', "oddly", 'brand "x", brand "y" except oddly'])),
        'tag "t3"',
    ]
    above = ("", "", draw(st.sampled_from(["", ' overrides "R0"', ' overrides "R0", "R1"'])), ' overrides "R2"')
    count = draw(st.integers(1, 4))
    return HEAD + "".join(
        f'rule "R{k}"{above[k]} {{\nfor {selectors[k]}\n' + "\n".join(draw(bodies(able))) + "\n}\n"
        for k in range(count)
    )


# ---- facts --------------------------------------------------------------------------------------------

blanks = st.just("")
on_hand = st.one_of(st.integers(-3, 9), st.integers(0, 9), st.integers(0, 9), st.sampled_from([10**9, -(10**9)]))
confirmed = st.sampled_from(["", *((NOON - timedelta(hours=hours)).isoformat() for hours in (0, 1, 12, 13))])


@st.composite
def facts(draw: st.DrawFn) -> dict[str, bytes]:
    def one(*values: object) -> object:
        return draw(st.sampled_from(values))

    plain = [sku for sku in SKUS if not sku.startswith("BUNDLE")]
    stocked = draw(st.sets(st.sampled_from([(w, sku) for w in WAREHOUSES for sku in plain]), min_size=9))
    listings = [
        (
            store, sku, "" if draw(st.integers(0, 9)) == 0 else sku, 6 if sku == "PACK-1" else 1,
            "inactive" if draw(st.integers(0, 9)) == 0 else "active",
            one("", "", "A", "B|Z") if store == "s2" else "", one("", "", "", 8), one("", "", 7), one("", "", 30),
        )
        for store in STORES for sku in SKUS if draw(st.integers(0, 4))
    ]  # fmt: skip
    places = [(store, sku, place) for store, sku, *_ in listings for place in STORES[store] if draw(st.integers(0, 4))]
    return {
        "facts/stock.csv": table("warehouse,sku,on_hand,allocated,tracked,sell_when_out,safety", (
            (*row, draw(on_hand), one(*[0] * 9, 1, 2, 10**9), one("", "", "", "", "false"),
             one("", "", "", "", "true"), draw(st.integers(0, 9)))
            for row in sorted(stocked)
        )),
        "facts/listings.csv": table(
            "store,store_sku,sku,pack,status,locations,max_quantity,preorder_days_min,preorder_days_max", listings
        ),
        "facts/live.csv": table("store,store_sku,location,quantity,reserved,mode,days,confirmed_at", (
            (*place, draw(st.one_of(blanks, st.integers(0, 12), st.integers(0, 12), st.just(10**9))), one(0, 0, 0, 4),
             one("normal", "normal", "preorder"), one("", 7, 15, 30), draw(confirmed))
            for place in places
        )),
        "facts/skus.csv": table("sku,category,brand,tags", (
            (sku, one("c0", "c1", "other"), one("", "x"), one("", "t", "t2", "t|t3", "t3")) for sku in SKUS
        )),
        "facts/bundles.csv": b"sku,component,quantity\nBUNDLE-1,K0,2\nBUNDLE-2,K1,1\nBUNDLE-2,K2,3\n",
    }  # fmt: skip


@st.composite
def platforms(draw: st.DrawFn) -> str:
    return "".join(
        f"p{k}  {draw(st.sampled_from([10**9, 999_999, 9]))}  {draw(st.sampled_from(['yes', 'no']))}"
        f"  {draw(st.sampled_from(['yes', 'yes', 'no']))}  {draw(st.sampled_from(['-', '7-30']))}  yes\n"
        for k in range(3)
    )


def table(head: str, rows: Iterable[tuple[object, ...]]) -> bytes:
    return "".join(line + "\n" for line in (head, *(",".join(map(str, row)) for row in rows))).encode()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    limits = draw(platforms())
    able = frozenset(f"s{row[0][1:]}" for row in columns(limits) if row[3] == "yes")
    files = {
        "rules.push": draw(rule_texts(able)).encode(),
        "names.push": NAMES.encode(),
        "lists/odd.csv": b"sku\nK1\nK3\n",
        **draw(facts()),
    }
    return Case("made", "made", "", files, {"platforms": limits})


# ---- the two readings ---------------------------------------------------------------------------------

slow = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(slow, max_examples=300)
@given(cases())
def test_columns_and_integers_agree_with_the_reference(case: Case) -> None:
    outcome = run(case)
    expected = evaluate(case.files, case.platforms, NOON)

    assert outcome.errors == []
    assert outcome.plan == expected
    assert explained(case) == {row[:3]: row[6] for row in expected if not row[-1].startswith("blocked")}


@settings(slow, max_examples=60)
@given(cases())
def test_after_an_apply_the_plan_is_empty(case: Case) -> None:
    live = {tuple(row[:3]): row for row in csv.reader(io.StringIO(case.files["facts/live.csv"].decode()))}
    for store, store_sku, location, *_, quantity, mode, days, action in run(case).plan or ():
        if action == "push":
            key = (store, store_sku, location.replace("-", ""))
            reserved = live[key][4] if key in live else "0"
            live[key] = [*key, quantity, reserved, mode, days.replace("-", ""), NOON.isoformat()]
    head, *rows = live.values()
    applied = {**case.files, "facts/live.csv": table(",".join(head), map(tuple, rows))}

    assert [row for row in run(replace(case, files=applied)).plan or () if row[-1] == "push"] == []


def explained(case: Case) -> dict[Row, str]:
    """What `explain` computes over Python integers for every cell that is not blocked."""
    with tempfile.TemporaryDirectory() as name:
        rules = check(load([write_files(case, Path(name))]), Installed(case.platforms))
        tables, _ = read_facts(Path(name) / "facts")
    limits: dict[str, Any] = {store.name: case.platforms[store.platform] for store in rules.stores.values()}
    return {
        (one.cell.store, one.cell.store_sku, one.cell.location or "-"): str(one.steps.quantity)
        for row, store_sku in enumerate(tables.listings.store_sku)
        for one in explain(rules, tables, limits, NOON, tables.stores[int(tables.listings.store[row])], store_sku)
        if one.steps is not None and one.cell.action != "blocked"
    }
