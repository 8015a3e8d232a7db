"""Tests in the language: what they compute, how they fail, what they reach, and how the command tells it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from pushdsl import cycle
from pushdsl.checker import diagnose
from pushdsl.cli import _parser, main
from pushdsl.cli.test import watch
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.model import PlannedCell
from pushdsl.planner import plan
from pushdsl.trial_coverage import Coverage, covered
from pushdsl.trials import Trial, run

CASES = Path(__file__).parent / "cases" / "trials"
LANGUAGE = Path(__file__).parents[1] / "docs" / "language.md"
EXAMPLE = re.search(r"^## Tests$.*?^```push\n(.*?)^```$", LANGUAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]


def played(folder: Path, text: str) -> list[Trial]:
    """All tests of one rule file, on the installed platforms."""
    (folder / "rules.push").write_text(text, "utf-8")
    rules, _, limits = cycle.read_rules(cycle.open_project([folder / "rules.push"]))
    return [run(rules, limits, test) for test in rules.tests]


# ---- what they compute ------------------------------------------------------------------------------


def test_the_example_of_the_language_number_by_number(tmp_path: Path) -> None:
    [trial] = played(tmp_path, EXAMPLE)

    by_store: dict[str, list[tuple[int | None, str, str]]] = {}
    for column in trial.columns:
        for cell in column.plan.cells:
            by_store.setdefault(cell.store, []).append((cell.quantity, cell.mode, cell.action))
    assert trial.passed
    assert [column.at.isoformat() for column in trial.columns] == [
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T01:00:00+00:00",
        "2026-01-01T02:00:00+00:00",
        "2026-01-01T03:00:00+00:00",
    ]
    assert by_store == {
        "shopee_my": [
            (14, "normal", "push"), (7, "normal", "push"), (31, "preorder", "push"), (41, "preorder", "push")
        ],
        "lazada_my": [
            (14, "normal", "push"), (0, "normal", "push"), (0, "normal", "unchanged"), (11, "normal", "push")
        ],
    }  # fmt: skip


def chunks(name: str) -> Iterator[object]:
    line = 1
    for text in (CASES / name).read_text("utf-8").split("---\n"):
        yield pytest.param(text, id=f"{name}:{line}")
        line += text.count("\n") + 1


_MARK = re.compile(r'"((?:[^"\\]|\\.)*)"')


@pytest.mark.parametrize("text", [*chunks("language.push"), *chunks("failing.push")])
def test_each_expectation_fails_as_it_is_marked_and_no_other(tmp_path: Path, text: str) -> None:
    marked = {
        (number, mark)
        for number, line in enumerate(text.splitlines(), 2)
        for mark in _MARK.findall(line.partition("###")[2])
    }

    came = set()
    for trial in played(tmp_path, "push edition 1\n" + text):
        for failure in trial.failures:
            line = failure.span.line
            words = f"{failure.column + 1}: expected {failure.expected}, got {failure.got}"
            came.add((line, next((mark for at, mark in marked if at == line and words.startswith(mark)), words)))
    assert marked == came


def test_a_list_names_the_skus_of_a_test(tmp_path: Path) -> None:
    (tmp_path / "sale.csv").write_text("sku\n" + "".join(f"S-{k}\n" for k in range(50_000)), "utf-8")
    text = """push edition 1
warehouse kl
store s on lazada
rule "Sale" {
  for from "sale.csv"
  to s
  take kl
}
test "only what is in the list" {
  stock "S-7" in kl 4 units
  stock "T-7" in kl 4 units
  expect "S-7" on s 4 units
  expect "T-7" on s no rule
}
"""
    [trial] = played(tmp_path, text)

    assert trial.failures == ()


def test_rules_and_tests_may_lie_in_different_files(tmp_path: Path) -> None:
    head, test = EXAMPLE.split("test ", 1)
    (tmp_path / "shop.push").write_text(head, "utf-8")
    (tmp_path / "pushdsl.toml").write_text("", "utf-8")

    [trial] = played(tmp_path, f'push edition 1\nuse "shop.push"\ntest {test}')

    assert trial.passed


# ---- against plans of facts folders -----------------------------------------------------------------

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
PLACES = (("s0", ""), ("s1", ""), ("s2", "A"), ("s2", "B"))
LIMITS = {
    "s0": SimpleNamespace(max_quantity=1000, counts_reserved=True, preorder=True, preorder_days=(7, 30)),
    "s1": SimpleNamespace(max_quantity=10**9, counts_reserved=False, preorder=False, preorder_days=None),
    "s2": SimpleNamespace(max_quantity=50, counts_reserved=True, preorder=True, preorder_days=None),
}
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
Place = tuple[str, str, str]  # store, SKU, location


def amount(number: int) -> str:
    return f"{number} unit{'' if number == 1 else 's'}"


class Platforms:
    """Names enough for the checker; limits are the test's own."""

    names = ("one",)
    packages: Mapping[str, str] = {}

    def capabilities(self, store: object) -> SimpleNamespace:
        return SimpleNamespace(
            preorder=True, preorder_days=None, locations=True, increase_only=False, max_quantity=10**9
        )


percentages = st.sampled_from(["100%", "50%", "0%", "12.5%", "33.3333%", "150%"])


@st.composite
def rule_bodies(draw: st.DrawFn) -> list[str]:
    """Statements that check without an error, in any combination."""
    units = st.integers(0, 9).map(amount)
    stores = draw(st.sampled_from([("s0", "s1", "s2"), ("s0", "s2"), ("s0",), ("s0", "s1")]))
    lines = [f"to {', '.join(stores)}"]
    chosen = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    lines.append("take " + ", ".join(f"{draw(percentages)} of {w}" for w in {"a": "a", **dict.fromkeys(chosen)}))
    if draw(st.integers(0, 9)) == 0:
        lines.append(f"push exactly {draw(units)}")
    else:
        lines += draw(st.sampled_from([[], ["keep back 2 units"], ["keep back safety stock"]]))
        share = draw(percentages)
        lines += draw(st.sampled_from([[], [f"push {share}"], [f"push {share} plus 3 units"]]))
    for words in ("at most", "at least", "hide below"):
        if draw(st.integers(0, 3)) == 0:
            lines.append(f"{words} {draw(units)}")
    if draw(st.booleans()):
        lines.append(f"below {draw(units)} only {draw(st.sampled_from(stores))}")
    if draw(st.booleans()):
        opens = draw(st.integers(0, 9))
        ship = draw(st.sampled_from(["", "ship in 7 days\n", "ship in 45 days\n"]))
        closes = opens + draw(st.integers(0, 6))
        inside = f"open at {amount(opens)}\nclose above {amount(closes)}\nadd {draw(units)}\n{ship}"
        lines.append("preorder {\n" + inside + "}")
    if draw(st.integers(0, 6)) == 0:
        lines.append("increase only")
    if draw(st.booleans()):
        unless = draw(st.sampled_from(["", " unless it falls by 10%"]))
        lines.append(f"above {draw(units)} every 12 hours{unless}")
    if draw(st.integers(0, 3)) == 0:
        lines.append('during "2026-05-04 20:00" to "2026-05-05 07:00" in "Asia/Manila"')
    return lines


@st.composite
def worlds(draw: st.DrawFn) -> SimpleNamespace:
    """One rule, and a test of three columns without expectations but for their number."""
    small = st.integers(0, 12)
    stock: dict[tuple[str, str], list[int] | None] = {}
    for sku in ("K0", "K1"):
        for warehouse in ("a", "b", "c"):
            kind = draw(st.sampled_from(["row", "row", "none", "untracked"]))
            if kind == "row":
                stock[sku, warehouse] = draw(st.lists(st.integers(-3, 12) | st.just(1500), min_size=1, max_size=3))
            elif kind == "untracked":
                stock[sku, warehouse] = None
    places = [(store, sku, location) for store, location in PLACES for sku in ("K0", "K1")]
    chosen = draw(st.sets(st.sampled_from(places)))
    live = {p: (draw(small), draw(st.booleans()), draw(st.none() | st.integers(1, 14))) for p in sorted(chosen)}
    reserved = {p: draw(small) for p in sorted(draw(st.sets(st.sampled_from(places))))}
    listings = [(store, sku) for store in ("s0", "s1", "s2") for sku in ("K0", "K1")]
    pack = {p: draw(st.integers(1, 3)) for p in sorted(draw(st.sets(st.sampled_from(listings))))}
    days = {p: (draw(st.integers(1, 9)), draw(st.integers(9, 40))) for p in draw(st.sets(st.sampled_from(listings)))}
    off = draw(st.sets(st.sampled_from(listings), max_size=1))
    body = draw(rule_bodies())
    tick = draw(st.integers(1, 13))
    return SimpleNamespace(
        body=body, stock=stock, live=live, reserved=reserved, pack=pack, days=days, off=off, tick=tick
    )


def text_of(world: SimpleNamespace) -> str:
    def at(place: Place) -> str:
        store, sku, location = place
        return f'"{sku}" on {store}' + (f' at "{location}"' if location else "")

    lines = [
        'start at "2026-05-04 12:00" in "UTC"',
        f"tick every {world.tick} hours".replace("every 1 hours", "every 1 hour"),
    ]
    for (sku, warehouse), series in world.stock.items():
        shown = "untracked" if series is None else ", ".join(map(amount, series)).replace("-1 units", "-1 unit")
        lines.append(f'stock "{sku}" in {warehouse} {shown}')
    for place, (quantity, preorder, ago) in world.live.items():
        hours = f" pushed {ago} hour{'' if ago == 1 else 's'} ago" if ago else ""
        lines.append(f"live {at(place)} {amount(quantity)}{' preorder' if preorder else ''}{hours}")
    lines += [f"reserved {at(place)} {amount(quantity)}" for place, quantity in world.reserved.items()]
    lines += [f'pack "{sku}" on {store} {amount(size)}' for (store, sku), size in world.pack.items()]
    for (store, sku), (fewest, most) in world.days.items():
        lines.append(f'range "{sku}" on {store} {fewest} day{"" if fewest == 1 else "s"} to {most} days')
    lines += [f'listing "{sku}" on {store} off' for store, sku in world.off]
    lines += ['category "K0" "c"', 'expect "K0" on s0 1 unit, 1 unit, 1 unit', 'expect "K1" on s0 1 unit']
    body = "\n".join(["for everything", *world.body])
    return f'{HEAD}rule "R" {{\n{body}\n}}\ntest "T" {{\n' + "\n".join(lines) + "\n}\n"


def folder_of(
    folder: Path, world: SimpleNamespace, column: int, live: Mapping[Place, list[object]], stores: set[str]
) -> None:
    """The facts of one column as tables."""

    def write(table: str, *rows: list[object]) -> None:
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)

    stock = [
        [
            warehouse,
            sku,
            0 if series is None else series[min(column, len(series) - 1)],
            "false" if series is None else "true",
        ]
        for (sku, warehouse), series in world.stock.items()
    ]
    write("stock", ["warehouse", "sku", "on_hand", "tracked"], *stock)

    def status(listing: tuple[str, str]) -> str:
        return "inactive" if listing in world.off else "active"

    pairs = [(store, sku) for store in sorted(stores) for sku in ("K0", "K1")]
    listings: list[list[object]] = [
        [*pair, "1", "1", pair[1], world.pack.get(pair, 1), status(pair), *world.days.get(pair, ("", ""))]
        for pair in pairs
    ]
    write(
        "listings",
        [
            "store",
            "store_sku",
            "item_id",
            "variant_id",
            "sku",
            "pack",
            "status",
            "preorder_days_min",
            "preorder_days_max",
        ],
        *listings,
    )
    rows = [[*place, *shown] for place, shown in live.items() if place[0] in stores]
    write("live", ["store", "store_sku", "location", "quantity", "mode", "days", "confirmed_at", "reserved"], *rows)
    write("skus", ["sku", "category"], ["K0", "c"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_each_column_is_the_plan_of_its_facts(world: SimpleNamespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.push").write_text(text_of(world), "utf-8")
        rules, diagnostics = diagnose(load([folder / "rules.push"]), Platforms())
        errors = [said for said in diagnostics if said.severity == "error"]
        assume(not errors or all("PUSH2" in said.code for said in errors))
        if rules is None:
            return
        stores = set(rules.rules[0].stores)

        [trial] = [run(rules, LIMITS, test) for test in rules.tests]

        live: dict[Place, list[object]] = {}
        for place in {**world.live, **world.reserved}:
            quantity, preorder, ago = world.live.get(place, ("", False, None))
            confirmed = "" if ago is None else (AT - timedelta(hours=ago)).isoformat()
            mode = "preorder" if preorder else "normal"
            live[place] = [quantity, mode, "", confirmed, world.reserved.get(place, 0)]
        for number, column in enumerate(trial.columns):
            at = AT + timedelta(hours=world.tick * number)
            folder_of(folder, world, number, live, stores)
            cells: list[PlannedCell] = list(plan(rules, read_facts(folder)[0], LIMITS, at).cells)
            assert list(column.plan.cells) == cells
            live = {place: [*shown[:-1], 0] for place, shown in live.items()}
            for cell in cells:
                if cell.action == "push":
                    days = "" if cell.days is None else cell.days
                    live[cell.store, cell.store_sku, cell.location] = [
                        cell.quantity,
                        cell.mode,
                        days,
                        at.isoformat(),
                        0,
                    ]
        assert len(trial.columns) == 3


# ---- what they reach --------------------------------------------------------------------------------


def reached(folder: Path, text: str) -> Coverage:
    trials = played(folder, text)
    return covered(cycle.read_rules(cycle.open_project([folder / "rules.push"]))[0], trials)


WAYS = """push edition 1
warehouse kl
store a on simulated
store b on simulated
rule "R" {{
  for like "S-*"
  to a, b
  during "2026-01-01 00:00" to "2026-02-01 00:00" in "UTC"
  take kl
  keep back 1 unit
  push 50%
  at most 20 units
  at least 3 units
  hide below 5 units
  below 10 units only a
  preorder {{
    open at 5 units
    close above 9 units
    add 30 units
    ship in 9 days
  }}
  above 1000 units every 12 hours
}}
test "T" {{
  stock "S-1" in kl {stock}
  range "S-1" on a 7 days to 10 days
  tick every 1 hour
  expect "S-1" on a pushed
}}
"""
ALWAYS = {"for", "to", "during", "take", "push"}


@pytest.mark.parametrize(
    ("stock", "parts"),
    [
        ("19 units", {"keep back", "below: not cut"}),
        ("31 units", {"keep back", "below: not cut"}),
        ("49 units", {"keep back", "at most", "below: not cut"}),
        # 8 less 1, halved is 3: raised by nothing, hidden
        ("8 units", {"keep back", "hide below"}),
        ("6 units", {"keep back", "at least", "hide below"}),
        ("0 units", {"at least", "hide below", "preorder: opened", "preorder: ship in"}),
        (
            "5 units, 7 units, 10 units",
            {"keep back", "at least", "hide below", "preorder: opened", "preorder: kept", "preorder: closed",
             "preorder: ship in"},
        ),
        # open, and no more available than opens it: nothing had to be kept
        ("5 units, 5 units", {"keep back", "at least", "hide below", "preorder: opened", "preorder: ship in"}),
        ("9_000 units, 8_990 units", {"keep back", "at most", "below: not cut"}),
    ],
)  # fmt: skip
def test_a_statement_is_reached_where_it_did_something(tmp_path: Path, stock: str, parts: set[str]) -> None:
    coverage = reached(tmp_path, WAYS.format(stock=stock))

    names = {f"{p.statement}: {p.edge}" if p.edge else p.statement: p.tests for p in coverage.parts}
    assert {name for name, tests in names.items() if tests} == ALWAYS | parts
    assert set(names) == {
        *ALWAYS, "keep back", "at most", "at least", "hide below", "below: cut", "below: not cut", "preorder: opened",
        "preorder: closed", "preorder: kept", "preorder: ship in", "above",
    }  # fmt: skip


def rule_and_test(rule: str, facts: str) -> str:
    head = "push edition 1\nwarehouse kl\nstore a on simulated\nstore b on simulated\n"
    return f'{head}rule "R" {{\n{rule}\n}}\ntest "T" {{\n{facts}\nexpect "S" on a pushed\n}}\n'


@pytest.mark.parametrize(
    ("rule", "facts", "parts"),
    [
        (
            "for everything\nto a\ntake kl\nincrease only",
            'live "S" on a 9 units\nstock "S" in kl 3 units',
            "increase only",
        ),
        ("for everything\nto a\ntake kl\nincrease only", 'live "S" on a 9 units\nstock "S" in kl 12 units', ""),
        ("for everything\nto a\ntake kl\nincrease only", 'stock "S" in kl 12 units', "increase only"),
        ("for everything\nto a\ntake kl\nbelow 9 units only a", 'stock "S" in kl 3 units', "below"),
        ("for everything\nto a, b\ntake kl\nbelow 9 units only a", 'stock "S" in kl 3 units', "below below"),
        ("for everything\nto a, b\ntake kl\nsplit a 50%, b 50%", 'stock "S" in kl 3 units', "split"),
        ("for everything\nto a\npush exactly 3 units", "", "push exactly"),
        ("for everything\nto a\ntake kl\npush 50%\nat least 2 units", 'stock "S" in kl untracked', ""),
        (
            "for everything\nto a\ntake kl\nabove 2 units every 1 hour",
            'live "S" on a 9 units pushed 30 minutes ago\nstock "S" in kl 3 units',
            "above",
        ),
        # without a stock row the rule matches, and nothing else happens
        ("for everything\nto a\ntake kl\nkeep back 1 unit", 'live "S" on a 9 units', "-take"),
    ],
)  # fmt: skip
def test_reached(tmp_path: Path, rule: str, facts: str, parts: str) -> None:
    coverage = reached(tmp_path, rule_and_test(rule, facts))

    found = [p.statement for p in coverage.parts if p.tests]
    always = ["for", "to"] + (["take"] if "take" in rule and parts != "-take" else [])
    assert sorted(found) == sorted(always + re.findall(r"[a-z]+(?: (?!below)[a-z]+)?", parts.removeprefix("-take")))


def test_a_part_names_the_tests_that_reached_it_and_a_disabled_rule_has_no_parts(tmp_path: Path) -> None:
    text = rule_and_test("for everything\nto a\ntake kl\nat most 2 units", 'stock "S" in kl 3 units')
    text += 'test "U" {\nstock "S" in kl 1 unit\nexpect "S" on a pushed\n}\n'
    text += 'rule "off" {\nfor everything\nto b\ntake kl\ndisabled\n}\n'

    coverage = reached(tmp_path, text)

    assert [(p.rule, p.statement, p.tests) for p in coverage.parts] == [
        ("R", "for", ("T", "U")),
        ("R", "to", ("T", "U")),
        ("R", "take", ("T", "U")),
        ("R", "at most", ("T",)),
    ]
    assert (coverage.reached, coverage.percent) == (4, 100)


# ---- the command ------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five tests, of which every one fails in its own way."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rules.push"
    path.write_text((CASES / "shop.push").read_text("utf-8"), "utf-8")
    return path


def test_failures_as_they_are_printed(
    shop: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    assert main(["test"]) == 4
    assert capsys.readouterr().out == snapshot


def test_coverage_as_it_is_printed(shop: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    assert main(["test", "-k", "TOYS are", "--coverage", "--coverage-min", "90"]) == 4
    assert capsys.readouterr().out == snapshot


def test_the_example_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.push").write_text(EXAMPLE, "utf-8")

    assert main(["test", str(tmp_path), "--coverage-min", "80"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  passed  low stock goes to Shopee, then pre-order opens and stays open",
        "",
        "coverage: 8 of 10 parts of the rules reached, 80%, at least 80% wanted",
        "1 passed, 0 failed",
    ]
    assert main(["test", str(tmp_path), "--coverage-min", "81"]) == 4


def test_tests_are_chosen_by_a_part_of_their_name(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "-k", "NUMBERS wait", "--json"]) == 4

    printed = json.loads(capsys.readouterr().out)
    assert [test["name"] for test in printed["tests"]] == ["big numbers wait"]
    assert (printed["passed"], printed["failed"], printed["not_selected"]) == (0, 1, 4)


def test_where_nothing_is_chosen_that_is_wrong_use(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "-k", "shoes"]) == 1
    assert capsys.readouterr().err == (
        "error: no test has `shoes` in its name\nhelp: there are 5 tests, one is `low stock stays at Shopee`\n"
    )


def test_where_there_are_no_tests_that_is_wrong_use(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write_text(EXAMPLE.split("test ")[0], "utf-8")

    assert main(["test"]) == 1
    assert capsys.readouterr().err.startswith("error: there are no tests in these rule files\n")


def test_an_error_of_the_rules_is_shown_and_nothing_is_run(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write_text(EXAMPLE.replace("in kl 15", "in kk 15"), "utf-8")

    assert main(["test"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error[PUSH101]: there is no warehouse `kk`" in printed.err


def test_json_has_each_failure_with_its_place_and_its_ladder(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--json", "--coverage"]) == 4

    printed = json.loads(capsys.readouterr().out)
    test = printed["tests"][2]
    failure = test["failures"][0]
    assert printed["format"] == "pushdsl.test/1"
    assert test["columns"] == ["2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z", "2026-01-01T12:00:00Z"]
    assert failure.pop("ladder")[-1] == "  shows 1499, shall show 1499: nothing to send"
    line = next(number for number, text in enumerate(shop.read_text().splitlines(), 1) if "held, pushed" in text)
    assert failure == {
        "file": "rules.push", "line": line, "column": 40, "end_line": line, "end_column": 46,
        "store": "shopee_my", "sku": "BTY-0100", "location": "", "kind": "outcome", "test_column": 2,
        "at": "2026-01-01T06:00:00Z", "expected": "pushed", "got": "unchanged",
    }  # fmt: skip
    coverage = printed["coverage"]
    assert coverage["of"] == len(coverage["parts"])
    assert coverage["reached"] == sum(bool(part["tests"]) for part in coverage["parts"])


def test_the_manual_names_every_key_of_the_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["test", "--json", "--coverage"])
    printed = json.loads(capsys.readouterr().out)
    page = (LANGUAGE.parent / "cli.md").read_text("utf-8")
    section = page[page.index("## `pushdsl test`") :].split("\n## ")[0]

    test = printed["tests"][0]
    keys = {*printed, *test, *test["failures"][0], *printed["coverage"], *printed["coverage"]["parts"][0]}
    assert [key for key in keys if not re.search(rf'["`]{key}["`]', section)] == []


def test_junit_is_well_formed_whatever_a_test_is_called(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLE.replace('test "low', "test \"<a> & \x01 'b' ]]> \U0001f600\ufffe low").replace(
        "41 units", "40 units"
    )
    shop.write_text(text.replace("tick every", "tick  every"), "utf-8")
    (shop.parent / "more.push").write_text(
        'push edition 1\ntest "more" {\n  expect "X" on shopee_my no rule\n}\n', "utf-8"
    )

    assert main(["test", "--junit", "out.xml"]) == 4

    suites = ElementTree.parse("out.xml").getroot()
    more, rules = sorted(suites, key=lambda suite: suite.attrib["name"])
    assert (suites.tag, suites.attrib["tests"], suites.attrib["failures"]) == ("testsuites", "2", "1")
    assert (more.tag, more.attrib["name"], more.attrib["failures"]) == ("testsuite", "more.push", "0")
    case = rules.find("testcase")
    assert case is not None
    assert case.attrib["name"].startswith("<a> & \ufffd 'b' ]]> \U0001f600\ufffd low stock")
    assert (case.attrib["file"], case.attrib["line"]) == ("rules.push", "18")
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"].endswith("expected 40 units, got 41 units")
    assert "available" in (failure.text or "")


def test_a_results_file_that_cannot_be_written_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--junit", "nowhere/out.xml"]) == 1
    assert "error: cannot write `nowhere/out.xml`" in capsys.readouterr().err


def test_watching_is_for_reading(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--watch", "--json"]) == 1
    assert capsys.readouterr().err.startswith("error: `--watch` is for reading, and `--json` is for a program\n")


def test_watching_runs_again_after_every_change(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.parent / "list.csv").write_text("sku\nA\n", "utf-8")
    listed = 'rule "L" {\nfor from "list.csv"\nto shopee_my\ntake kl\n}\n'
    test = 'test "l" {\nstock "A" in kl 1 unit\nstock "B" in kl 1 unit\nexpect "B" on shopee_my no rule\n}\n'
    looks = 0

    def change() -> None:
        """What happens between two looks: nothing, a change, nothing, a change, …"""
        nonlocal looks
        looks += 1
        match looks:
            case 2:
                shop.write_text(EXAMPLE.replace("41 units", "4 units"), "utf-8")
            case 4:
                shop.write_text(EXAMPLE.replace("take kl", "tke kl"), "utf-8")
            case 6:
                shop.write_text(EXAMPLE, "utf-8")
            case 8:
                (shop.parent / "new.push").write_text("push edition 1\n" + listed + test, "utf-8")
            case 10:
                (shop.parent / "list.csv").write_text("sku\nA\nB\n", "utf-8")
            case 12:
                (shop.parent / "new.push").unlink()
            case 13:
                raise KeyboardInterrupt

    shop.write_text(EXAMPLE, "utf-8")
    with pytest.raises(KeyboardInterrupt):
        watch(_parser("test").parse_args(["test", "--watch"]), change)

    printed = capsys.readouterr()
    totals = [line for line in printed.out.splitlines() if line.endswith("failed") and "passed," in line]
    assert totals == [
        "1 passed, 0 failed",
        "0 passed, 1 failed",
        "1 passed, 0 failed",
        "2 passed, 0 failed",
        "1 passed, 1 failed",
        "1 passed, 0 failed",
    ]
    assert printed.err.count("error: 1 error in the rules") == 1
    assert printed.out.count("watching, Ctrl-C ends") == 7


def test_checking_tests_needs_none_of_what_running_them_does(tmp_path: Path) -> None:
    (tmp_path / "rules.push").write_text(EXAMPLE.replace("shopee\n", "simulated\n"), "utf-8")
    code = (
        "import sys\nfrom pathlib import Path\nfrom pushdsl.checker import check\nfrom pushdsl.loader import load\n"
        "from tests.test_checker import FakePlatforms\n"
        f"rules = check(load([Path({str(tmp_path)!r}) / 'rules.push']), FakePlatforms())\n"
        "assert len(rules.tests) == 1\n"
        "print(sorted({'numpy', 'polars', 'pushdsl.planner', 'pushdsl.trials'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=LANGUAGE.parents[1])

    assert (ran.stdout, ran.stderr) == ("[]\n", "")
