"""What is called dead is dead: without it, the slow reading of the language gives the same for any stock."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic
from pushdsl.loader import load
from tests.conformance_runner import Platform, Row
from tests.reference import Facts, Rules, plan

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
MAXIMUM = 100_001
HEAD = """push edition 1
warehouse a
warehouse b
store s0 on one
store s1 on one
store s2 on one {
  location a -> "A"
  location b -> "B"
}
"""
PLACES = {"s0": ("",), "s1": ("",), "s2": ("A", "B")}


@dataclass(frozen=True)
class Stock:
    on_hand: int
    tracked: bool
    safety: int


@dataclass(frozen=True)
class Live:
    quantity: int | None
    reserved: int
    mode: str
    confirmed_at: datetime | None


@dataclass(frozen=True)
class Shop:
    """Stock by warehouse, the pack size by store, and what is shown by store and location: of one SKU."""

    stock: Mapping[str, Stock]
    packs: Mapping[str, int]
    live: Mapping[tuple[str, str], Live]


class Platforms:
    names = ("one",)
    packages: Mapping[str, str] = {}

    def capabilities(self, store: object) -> SimpleNamespace:
        return SimpleNamespace(preorder=True, preorder_days=None, locations=True, max_quantity=MAXIMUM)


# ---- rules of small numbers, which often meet ---------------------------------------------------------

few = st.integers(0, 6)
percentages = st.sampled_from(["100%", "100%", "50%", "20%", "0%", "150%"])


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    def sometimes(words: str, numbers: st.SearchStrategy[int] = few) -> list[str]:
        return [words.format(draw(numbers))] if draw(st.booleans()) else []

    stores = draw(st.sampled_from([["s0"], ["s0", "s1"], ["s2"], ["s0", "s2"]]))
    lines = ["for everything", f"to {', '.join(stores)}"]
    exactly = draw(st.integers(0, 4)) == 0
    take = not exactly or draw(st.booleans())
    if take:
        warehouses = draw(st.sampled_from([["a"], ["a", "b"]]))
        lines.append("take " + ", ".join(f"{draw(percentages)} of {w}" for w in warehouses))
    if exactly:
        lines.append(f"push exactly {draw(few)} units")
    else:
        lines += draw(st.sampled_from([[], ["keep back safety stock"], [f"keep back {draw(few)} units"]]))
        plus = draw(st.sampled_from(["", f" plus {draw(few)} units", f" plus {draw(few)} units even at zero"]))
        lines.append(f"push {draw(percentages)}{plus}")
    lines += sometimes("at most {} units", st.sampled_from([0, 3, 5, 6, 8, 100_000, MAXIMUM, 10**9]))
    lines += sometimes("at least {} units") + sometimes("hide below {} units")
    if take and draw(st.booleans()):
        lines.append(f"below {draw(few)} units only {draw(st.sampled_from(stores))}")
    if take and draw(st.integers(0, 3)) == 0:
        opens = draw(few)
        lines.append(
            f"preorder {{\nopen at {opens} units\nclose above {opens + draw(few)} units\nadd {draw(few)} units\n}}"
        )
    if draw(st.integers(0, 4)) == 0:
        lines.append("increase only")
    if take and draw(st.booleans()):
        falls = draw(st.sampled_from(["", " unless it falls by 50%", " unless it falls by 150%"]))
        lines.append(f"above {draw(few)} units every 12 hours{falls}")
    return HEAD + 'rule "R" {\n' + "\n".join(lines) + "\n}\n"


def shops(seed: int, count: int) -> list[Shop]:
    """Stock and what is shown at random, near the rules' numbers. Hypothesis would take ten times as long."""
    random = Random(seed)

    def quantity() -> int:
        return random.choice([random.randint(0, 6), random.randint(0, 12), random.choice([100_000, MAXIMUM, 10**9])])

    def shop() -> Shop:
        stock = {
            warehouse: Stock(
                random.choice([quantity(), quantity(), -random.randint(1, 8)]),
                tracked=random.random() > 0.1,
                safety=random.randint(0, 3),
            )
            for warehouse in "ab"
            if random.random() > 0.1
        }
        packs = {store: random.choice([1, 1, 2, 6]) for store in PLACES}
        live = {
            (store, place): Live(
                random.choice([None, quantity(), quantity()]),
                random.choice([0, 0, 4]),
                random.choice(["normal", "preorder"]),
                random.choice([None, AT - timedelta(hours=1), AT - timedelta(hours=20)]),
            )
            for store, places in PLACES.items()
            for place in places
        }
        return Shop(stock, packs, live)

    return [shop() for _ in range(count)]


# ---- taking away what is called dead ------------------------------------------------------------------

WITHOUT: Mapping[str, str] = {
    "keep back": r"keep back .*",
    "plus": r" plus .*",
    "at most": r"at most .*",
    "at least": r"at least .*",
    "hide below": r"hide below .*",
    "below": r"^below .*",
    "preorder": r"preorder \{[^}]*\}",
    "increase only": r"increase only",
    "above": r"^above .*",
    "unless": r" unless .*",
}


def without(text: str, *statements: str) -> str:
    for statement in statements:
        text = re.sub(WITHOUT[statement], "", text, flags=re.MULTILINE)
    return text


def said_of(text: str) -> tuple[Diagnostic, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.push"
        path.write_text(text, "utf-8")
        rules, said = diagnose(load([path]), Platforms())
    assert rules is not None, [one.message for one in said]
    return said


@lru_cache(maxsize=10)
def rules_of(text: str) -> Rules:
    return Rules({"rules.push": text.encode()})


def cells(text: str, shop: Shop) -> list[Row]:
    able = Platform(MAXIMUM, counts_reserved=True, preorder=True, preorder_days=None, locations=True)
    return plan(rules_of(text), Facts(tables(shop)), {"one": able}, AT)


def tables(shop: Shop) -> dict[str, bytes]:
    def table(head: str, rows: Iterable[Iterable[object]]) -> bytes:
        return "\n".join(
            [head, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
        ).encode()

    stock = ((w, "X", s.on_hand, str(s.tracked).lower(), s.safety) for w, s in shop.stock.items())
    listings = ((store, "L", "X", pack) for store, pack in shop.packs.items())
    live = (
        (
            store,
            "L",
            place,
            "" if one.quantity is None else one.quantity,
            one.reserved,
            one.mode,
            one.confirmed_at or "",
        )
        for (store, place), one in shop.live.items()
    )
    return {
        "facts/stock.csv": table("warehouse,sku,on_hand,tracked,safety", stock),
        "facts/listings.csv": table("store,store_sku,sku,pack", listings),
        "facts/live.csv": table("store,store_sku,location,quantity,reserved,mode,confirmed_at", live),
    }


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_texts(), st.integers(0, 10**6))
def test_what_is_said_of_a_statement_holds_for_any_stock(text: str, seed: int) -> None:
    for one in said_of(text):
        if one.code in HOLDS:
            event(one.code)
            for shop in shops(seed, 20):
                assert HOLDS[one.code](text, one.message, shop), (one.message, shop)


def changes_nothing(text: str, message: str, shop: Shop) -> bool:
    statement = next(name for name in WITHOUT if message.removeprefix("`").startswith(name))
    return cells(text, shop) == cells(without(text, statement), shop)


def shows_0(text: str, message: str, shop: Shop) -> bool:
    """Of stock that is tracked; pre-order and what is shown already come after it."""
    plain = without(text, "preorder", "increase only")
    return {quantity for *_, quantity, _, _, _ in cells(plain, simple(shop))} <= {"0", "-"}


def stays(text: str, message: str, shop: Shop) -> bool:
    """Above the threshold, of single pieces and where no stock is below 0."""
    found = re.search(r"^above (\d+)", text, re.MULTILINE)
    assert found is not None
    numbers = {str(min(int(number), MAXIMUM)) for number in message.rpartition(" at ")[2].split(" or ")}
    stock = {key: replace(row, on_hand=max(row.on_hand, 0)) for key, row in shop.stock.items()}
    single = replace(shop, packs=dict.fromkeys(shop.packs, 1), stock=stock)
    rows = cells(without(text, "increase only"), simple(single))
    return {row[6] for row in rows if row[5] != "-" and int(row[5]) > int(found[1])} <= numbers


def simple(shop: Shop) -> Shop:
    """All stock tracked, and nothing reserved."""
    stock = {key: replace(row, tracked=True) for key, row in shop.stock.items()}
    return replace(shop, stock=stock, live={key: replace(live, reserved=0) for key, live in shop.live.items()})


HOLDS: Mapping[str, Callable[[str, str, Shop], bool]] = {
    "PUSH322": changes_nothing,
    "PUSH323": changes_nothing,
    "PUSH324": stays,
    "PUSH325": shows_0,
}


@pytest.mark.parametrize("statement", ["hide below 3 units", "at most 3 units", "below 3 units only s0"])
def test_a_statement_that_changes_something_is_not_called_dead(statement: str) -> None:
    said = said_of(HEAD + f'rule "R" {{\nfor everything\nto s0, s1\ntake a\nsplit s0 50%, s1 50%\n{statement}\n}}\n')

    assert {one.code for one in said} <= {"PUSH301"}
