"""A few SKUs planned alone have exactly the cells that the plan of everything has for them."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from pushdsl.checker import check
from pushdsl.claims import Claims, claim
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.model import Facts, Live, Mode, PlannedCell, RecordedLive
from pushdsl.planner import plan
from pushdsl.portion import Catalogue, LiveRow, StockNow, Touched
from pushdsl.rules import CheckedRules
from tests.conformance_runner import NOON, Case, Installed, write_files
from tests.test_reference import SKUS, cases, slow, table

TIMES = (NOON, NOON - timedelta(seconds=1), NOON - timedelta(days=5), NOON + timedelta(hours=12), NOON + timedelta(9))
Pair = tuple[str, str]

chosen_skus = st.sets(st.sampled_from([*SKUS, "UNHEARD-OF"]))
times = st.sampled_from([NOON, *TIMES])


# ---- a project, whole and by the piece ----------------------------------------------------------------


@dataclass(frozen=True)
class Project:
    """`full` are all facts; `lasting` the same with other stock, in a warehouse nobody knows, and other live rows."""

    rules: CheckedRules
    limits: dict[str, Any]
    full: Facts
    lasting: Facts
    files: dict[str, bytes]

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.rules, self.lasting, self.limits)

    def planned(self, at: datetime) -> list[PlannedCell]:
        return list(plan(self.rules, self.full, self.limits, at).cells)

    def stock(self, skus: Collection[str]) -> dict[Pair, StockNow]:
        """Rows of the stock table, as a database would give them."""
        return {
            (row["warehouse"], row["sku"]): StockNow(
                int(row["on_hand"]), int(row["allocated"]), int(row["safety"]), row["tracked"] != "false",
                row["sell_when_out"] == "true",
            )
            for row in rows_of(self.files, "stock") if row["sku"] in skus
        }  # fmt: skip

    def live(self, listings: Collection[Pair]) -> list[LiveRow]:
        return [
            (row["store"], row["store_sku"], row["location"], _live(row))
            for row in rows_of(self.files, "live") if (row["store"], row["store_sku"]) in listings
        ]  # fmt: skip


def rows_of(files: Mapping[str, bytes], name: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(files[f"facts/{name}.csv"].decode()))


def _live(row: dict[str, str]) -> Live:
    def number(text: str) -> int | None:
        return int(text) if text else None

    confirmed = datetime.fromisoformat(row["confirmed_at"]) if row["confirmed_at"] else None
    mode: Mode = "preorder" if row["mode"] == "preorder" else "normal"
    return Live(number(row["quantity"]), mode, number(row["days"]), int(row["reserved"]), confirmed)


def project(case: Case, unbound: Sequence[Pair] = (), unbound_since: Sequence[Pair] = ()) -> Project:
    """All of the unbound listings are so in the full facts, the later ones are not yet in those that last."""
    others = {
        "facts/stock.csv": b"warehouse,sku,on_hand\nz,K0,5\n",
        "facts/live.csv": table(
            "store,store_sku,quantity", [("s0", sku, 77) for sku in SKUS]
        ),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other:
        rules = check(load([write_files(case, Path(name))]), Installed(case.platforms))
        write_files(replace(case, files={**case.files, **others}), Path(other))
        full, _ = read_facts(Path(name) / "facts", recorded([], [*unbound, *unbound_since]))
        lasting, _ = read_facts(Path(other) / "facts", recorded([], unbound))
    limits = {store.name: case.platforms[store.platform] for store in rules.stores.values()}
    return Project(rules, limits, full, lasting, dict(case.files))


def recorded(rows: Sequence[LiveRow], unbound: Sequence[Pair]) -> RecordedLive:
    shown = [live for *_, live in rows]
    return RecordedLive(
        [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows],
        [live.quantity for live in shown], [live.reserved for live in shown],
        [live.mode == "preorder" for live in shown], [live.days for live in shown],
        [None if live.confirmed_at is None else round(live.confirmed_at.timestamp() * 1000) for live in shown],
        list(unbound),
    )  # fmt: skip


def small(rule_text: str, listings: bytes, **facts: bytes) -> Project:
    """Stores `s0` and `s1` on Shopee, warehouse `a` with 9 of every SKU."""
    files = {
        "rules.push": f"push edition 1\nwarehouse a\nstore s0 on shopee\nstore s1 on shopee\n{rule_text}".encode(),
        "facts/listings.csv": listings,
        "facts/stock.csv": table("warehouse,sku,on_hand,allocated,safety,tracked,sell_when_out", (
            ("a", sku, 9, 0, 0, "", "") for sku in SKUS if not sku.startswith("BUNDLE")
        )),
        **{f"facts/{name}.csv": content for name, content in facts.items()},
    }  # fmt: skip
    return project(Case("small", "small", "", files))


# ---- cells --------------------------------------------------------------------------------------------


@settings(slow, max_examples=100)
@given(cases(), chosen_skus, times, st.data())
def test_a_portion_has_the_cells_of_the_full_plan(
    case: Case, skus: set[str], at: datetime, data: st.DataObject
) -> None:
    listed = [(row["store"], row["store_sku"]) for row in rows_of(case.files, "listings")]
    few = st.lists(st.sampled_from(listed), max_size=3, unique=True) if listed else st.just([])
    unbound, since = data.draw(few), data.draw(few)
    of_record = data.draw(st.booleans())
    one = project(case, unbound, since if of_record else ())
    everything, catalogue = one.planned(at), one.catalogue

    for action in {"contested" if cell.rule is None else cell.action for cell in everything}:
        event(action)
    for some in (skus, *({sku} for sku in SKUS)):
        touched = catalogue.touched(some)
        stock, rows = one.stock(touched.stocked), one.live(touched.listings)
        alone = list(catalogue.plan(some, stock, recorded(rows, since) if of_record else rows, at))
        assert alone == [cell for cell in everything if cell.sku in touched.skus]
        assert {(cell.store, cell.store_sku) for cell in alone} <= set(touched.listings)


@settings(slow, max_examples=25)
@given(cases(), st.sampled_from(["K0", "K1", "K2"]))
def test_no_stock_of_a_sku_changes_a_cell_that_it_does_not_touch(case: Case, sku: str) -> None:
    lines = case.files["facts/stock.csv"].decode().splitlines(keepends=True)
    without = "".join(line for line in lines if line.split(",")[1] != sku).encode()
    before = project(case)
    after = project(replace(case, files={**case.files, "facts/stock.csv": without}))
    touched = before.catalogue.touched([sku])

    changed = set(before.planned(NOON)) ^ set(after.planned(NOON))

    assert {(cell.store, cell.store_sku) for cell in changed} <= set(touched.listings)


@settings(slow, max_examples=15)
@given(cases(), chosen_skus, times)
def test_more_stock_and_live_rows_than_needed_change_nothing(case: Case, skus: set[str], at: datetime) -> None:
    one = project(case)
    catalogue = one.catalogue
    touched = catalogue.touched(skus)
    every_listing = {(row["store"], row["store_sku"]) for row in rows_of(case.files, "listings")}

    needed = catalogue.plan(skus, one.stock(touched.stocked), one.live(touched.listings), at)
    more = catalogue.plan(skus, one.stock(SKUS), one.live(every_listing), at)

    assert list(needed) == list(more)


def test_the_ladder_of_a_cell_can_be_explained_from_a_portion() -> None:
    one = small(TO_BOTH, b"store,store_sku,sku,pack\ns0,x,K1,2\n")
    [explanation] = one.catalogue.plan(["K1"], one.stock(["K1"]), [], NOON).explained()

    assert explanation.steps is not None
    assert (explanation.cell.available, explanation.steps.quantity, explanation.pack) == (9, 4, 2)


def test_a_recent_push_holds_a_cell_from_either_form_of_live_rows() -> None:
    text = 'rule "slow" {\nfor everything\nto s0\ntake a\nabove 5 units every 12 hours\n}\n'
    one = small(text, b"store,store_sku,sku\ns0,x,K1\n")

    def planned(confirmed_at: datetime | None) -> list[str]:
        rows: list[LiveRow] = [("s0", "x", "", Live(8, confirmed_at=confirmed_at))]
        forms = (rows, recorded(rows, []))
        return [one.catalogue.plan(["K1"], one.stock(["K1"]), form, NOON)[0].action for form in forms]

    assert planned(NOON - timedelta(hours=11)) == ["held", "held"]
    assert planned(NOON - timedelta(hours=12)) == ["push", "push"]
    assert planned(None) == ["push", "push"]


TO_BOTH = 'rule "all" {\nfor everything\nto s0, s1\ntake a\n}\n'


# ---- what is touched ----------------------------------------------------------------------------------


def test_a_component_touches_its_bundles_and_needs_the_stock_of_their_other_components() -> None:
    one = small(
        TO_BOTH,
        b"store,store_sku,sku\ns0,one,K1\ns0,two,K2\ns1,both,BUNDLE-2\ns1,other,BUNDLE-1\n",
        bundles=b"sku,component,quantity\nBUNDLE-1,K0,2\nBUNDLE-2,K1,1\nBUNDLE-2,K2,3\n",
    )
    listings = (("s0", "one"), ("s1", "both"))

    assert Touched(("BUNDLE-2", "K1"), listings, ("BUNDLE-2", "K1", "K2")) == one.catalogue.touched(["K1"])
    assert Touched(("BUNDLE-2",), listings[1:], ("BUNDLE-2", "K1", "K2")) == one.catalogue.touched(["BUNDLE-2"])
    assert Touched((), (), ()) == one.catalogue.touched(["UNHEARD-OF"])


def test_listings_without_a_cell_at_any_time_are_not_touched() -> None:
    one = small(TO_BOTH, b"store,store_sku,sku,status\ns0,on,K1,active\ns0,off,K1,inactive\nmarket,on,K1,active\n")

    assert one.catalogue.touched(["K1"]).listings == (("s0", "on"),)


# ---- unbound listings ---------------------------------------------------------------------------------


def test_a_listing_unbound_since_is_not_planned_nor_counted_as_listed() -> None:
    text = 'rule "elsewhere" {\nfor listed on s1\nto s0, s1\ntake a\n}\n'
    one = small(text, b"store,store_sku,sku\ns0,x,K1\ns1,y,K1\ns0,z,K2\ns1,z,K2\n")
    catalogue, stock = one.catalogue, one.stock(["K1", "K2"])

    def planned(live: RecordedLive) -> list[Pair]:
        return [(cell.store, cell.store_sku) for cell in catalogue.plan(["K1", "K2"], stock, live, NOON)]

    assert planned(recorded([], [])) == [("s0", "x"), ("s0", "z"), ("s1", "y"), ("s1", "z")]
    assert planned(recorded([], [("s1", "y"), ("s1", "gone long ago")])) == [("s0", "z"), ("s1", "z")]
    assert ("s1", "y") in catalogue.touched(["K1"]).listings
    assert planned(recorded([], [])) == [("s0", "x"), ("s0", "z"), ("s1", "y"), ("s1", "z")]


# ---- windows ------------------------------------------------------------------------------------------


@settings(slow, max_examples=25)
@given(cases(), st.lists(times, min_size=1, max_size=4))
def test_claims_are_those_of_everything_whichever_times_are_asked_for(case: Case, asked: list[datetime]) -> None:
    one = project(case)
    catalogue = one.catalogue

    for at in asked:
        assert told(catalogue.claims_at(at)) == told(claim(one.rules, one.lasting, at))


def told(claims: Claims) -> tuple[object, ...]:
    return claims.owner.tolist(), dict(claims.contested), claims.problems


WINDOWS = """
rule "early" {
for "K1"
to s0
push exactly 1 unit
during "2026-05-01 00:00" to "2026-05-03 00:00" in "UTC"
}
rule "late" {
for "K2"
to s0
push exactly 1 unit
during "2026-05-02 00:00" to "2026-05-03 00:00" in "UTC"
}
rule "never" {
for "K3"
to s0
push exactly 1 unit
during "2026-05-02 12:00" to "2026-05-09 00:00" in "UTC"
disabled
}
"""


def may(day: int) -> datetime:
    return datetime(2026, 5, day, tzinfo=UTC)


def test_every_opening_and_closing_is_told_once_and_those_of_disabled_rules_are_not() -> None:
    catalogue = small(WINDOWS, b"store,store_sku,sku\ns0,x,K1\n").catalogue

    assert may(1) == catalogue.next_change(may(1) - timedelta(seconds=1))
    assert may(2) == catalogue.next_change(may(1))
    assert may(3) == catalogue.next_change(may(2))
    assert catalogue.next_change(may(3)) is None


def test_claims_are_found_anew_only_where_a_window_opened_or_closed() -> None:
    catalogue = small(WINDOWS, b"store,store_sku,sku\ns0,x,K1\n").catalogue
    first = catalogue.claims_at(may(1))

    assert first is catalogue.claims_at(may(2) - timedelta(seconds=1))
    assert first is not catalogue.claims_at(may(2))
    assert catalogue.claims_at(may(2)).owner.tolist() == [0]
    assert catalogue.claims_at(may(3)).owner.tolist() == [-1]
