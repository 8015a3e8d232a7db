"""What `check` says between rules, from text to words, against every SKU, store and moment looked at one by one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.planner import plan
from pushdsl.plugins.platform import Capabilities
from tests.reference import glob
from tests.test_checker import FakePlatforms

DAY = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = range(6)
STORES = ("s0", "s1")
GROUPS = {"s0": ("s0",), "s1": ("s1",), "both": STORES, "both except s0": ("s1",), "all stores": STORES}
# `1` stands for any letter that no pattern has
SKUS = ["".join(letters) for size in (1, 2, 3) for letters in product("ab1", repeat=size)]


@dataclass(frozen=True)
class Term:
    """One way to name SKUs, as the text has it; `inner` is what a named set stands for."""

    text: str
    inner: Selector | None = None

    def selects(self, sku: str) -> bool:
        if self.inner is not None:
            return self.inner.selects(sku)
        if self.text == "everything":
            return True
        pattern = self.text.removeprefix("like ").strip('"')
        return glob(pattern, sku) if self.text.startswith("like") else pattern == sku


@dataclass(frozen=True)
class Selector:
    include: tuple[Term, ...]
    exclude: tuple[Term, ...]

    @property
    def text(self) -> str:
        without = f" except {', '.join(t.text for t in self.exclude)}" if self.exclude else ""
        return ", ".join(t.text for t in self.include) + without

    def selects(self, sku: str) -> bool:
        return any(t.selects(sku) for t in self.include) and not any(t.selects(sku) for t in self.exclude)


@dataclass(frozen=True)
class Rule:
    """`days`: from the start of the first to the start of the second; None for always."""

    name: str
    selector: Selector
    to: str
    days: tuple[int, int] | None
    disabled: bool
    direct: tuple[str, ...]

    @property
    def text(self) -> str:
        overrides = f" overrides {', '.join(map(quoted, self.direct))}" if self.direct else ""
        lines = [f'rule "{self.name}"{overrides} {{', f"for {self.selector.text}", f"to {self.to}", "take kl"]
        if self.days is not None:
            start, end = (f"{DAY + timedelta(days=day):%Y-%m-%d %H:%M}" for day in self.days)
            lines.append(f'during "{start}" to "{end}" in "UTC"')
        return "\n".join([*lines, *(["disabled"] if self.disabled else []), "}"])

    def exists(self, day: int) -> bool:
        return not self.disabled and (self.days is None or self.days[0] <= day < self.days[1])

    def matches(self, sku: str, store: str, day: int) -> bool:
        return self.exists(day) and store in GROUPS[self.to] and self.selector.selects(sku)


def quoted(name: str) -> str:
    return f'"{name}"'


literals = st.text("ab", min_size=1, max_size=2).map(lambda sku: Term(quoted(sku)))
likes = st.text("ab*?", min_size=1, max_size=3).map(lambda pattern: Term(f"like {quoted(pattern)}"))
simple = st.one_of(literals, literals, likes, st.just(Term("everything")))


def selectors(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Selector]:
    include = st.lists(terms, min_size=1, max_size=2).map(tuple)
    return st.builds(Selector, include, st.one_of(st.just(()), st.lists(terms, max_size=2).map(tuple)))


@st.composite
def projects(draw: st.DrawFn) -> tuple[Selector, list[Rule]]:
    """A named set of SKUs, and up to four rules, each of which may override earlier ones."""
    named = draw(selectors(simple))
    terms = st.one_of(simple, simple, simple, st.just(Term("some", named)))
    windows = st.tuples(st.integers(0, 3), st.integers(1, 2)).map(lambda w: (w[0], w[0] + w[1]))
    rules: list[Rule] = []
    for number in range(draw(st.integers(2, 4))):
        above = draw(st.lists(st.sampled_from(rules), max_size=2, unique=True)) if rules else []
        rules.append(
            Rule(
                f"R{number}",
                draw(selectors(terms)),
                draw(st.sampled_from(sorted(GROUPS))),
                draw(st.one_of(st.none(), windows)),
                draw(st.integers(0, 9)) == 0,
                tuple(rule.name for rule in above),
            )
        )
    return named, rules


def said_of(named: Selector, rules: list[Rule]) -> list[Diagnostic]:
    head = "push edition 1\nwarehouse kl\nstore s0 on shopee\nstore s1 on shopee\ngroup both = s0, s1\n"
    text = head + f"skus some = {named.text}\n" + "\n".join(rule.text for rule in rules) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.push"
        path.write_text(text, "utf-8")
        return list(diagnose(load([path]), FakePlatforms())[1])


def all_overridden(rules: list[Rule]) -> dict[str, set[str]]:
    """Rules override only earlier ones, so one pass reaches them all."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        found[rule.name] = set(rule.direct).union(*(found[name] for name in rule.direct))
    return found


def situations(rule: Rule) -> Iterator[tuple[str, str, int]]:
    """Every SKU, store and day on which the rule matches."""
    return (place for place in product(SKUS, STORES, DAYS) if rule.matches(*place))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(projects())
def test_overlaps_and_their_witnesses_are_those_of_every_sku_store_and_day(
    project: tuple[Selector, list[Rule]],
) -> None:
    named, rules = project
    said = said_of(named, rules)
    if any(one.code == "PUSH109" for one in said):  # of a rule without SKUs nothing else is said
        return
    by_name, below = {rule.name: rule for rule in rules}, all_overridden(rules)
    pattern = re.compile(
        r"(?:rules )?`(\w+)` and `(\w+)` both match (every SKU|SKU `(.+)`|SKUs like `(.+)`|.+) in `(\w+)`"
    )
    found = {}
    for one in said:
        if one.code == "PUSH224":
            match = pattern.fullmatch(one.message)
            assert match is not None, one.message
            found[match[1], match[2]] = (match[4], match[6])

    expected = {
        (a.name, b.name)
        for a, b in combinations(rules, 2)
        if a.name not in below[b.name] and any(b.matches(*place) for place in situations(a))
    }

    event(f"{len(expected)} overlaps")
    assert expected <= set(found)
    for (first, second), (sku, store) in found.items():
        a, b = by_name[first], by_name[second]
        assert first not in below[second]
        tried = [sku] if sku is not None else SKUS
        assert any(a.matches(x, store, day) and b.matches(x, store, day) for x in tried for day in DAYS)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(projects())
def test_a_rule_that_is_said_to_have_no_listing_never_has_one(project: tuple[Selector, list[Rule]]) -> None:
    named, rules = project
    below = all_overridden(rules)
    for one in said_of(named, rules):
        if one.code == "PUSH326":
            event("PUSH326")
            rule = next(rule for rule in rules if one.message.startswith(f"rule `{rule.name}` never"))
            above = [other for other in rules if rule.name in below[other.name]]
            assert all(any(other.matches(*place) for other in above) for place in situations(rule))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(projects())
def test_what_no_rule_has_once_a_window_closes_is_what_a_look_at_everything_finds(
    project: tuple[Selector, list[Rule]],
) -> None:
    named, rules = project
    said = said_of(named, rules)
    if any(one.code in ("PUSH109", "PUSH326") for one in said):
        return
    left = {one.span.line: one.message for one in said if one.code == "PUSH318" and one.span is not None}
    line = 7
    for rule in rules:
        lines = rule.text.split("\n")
        place = line + next((k for k, text in enumerate(lines) if text.startswith("during")), 0)
        line += len(lines)
        if rule.days is None or rule.disabled:
            continue
        end = rule.days[1]
        open_then = [other for other in rules if other is not rule and other.exists(end)]
        uncovered = [
            (sku, store)
            for sku, store in product(SKUS, GROUPS[rule.to])
            if rule.selector.selects(sku) and not any(other.matches(sku, store, end) for other in open_then)
        ]
        event(f"{'nothing' if not uncovered else 'something'} left")
        assert place in left or not uncovered
        if place in left and not left[place].startswith("most SKUs"):
            match = re.match(r"SKU `(.+)` will have no rule in `(\w+)`", left[place])
            assert match is not None, left[place]
            assert rule.selector.selects(match[1])
            assert match[2] in GROUPS[rule.to]
            assert not any(other.matches(match[1], match[2], end) for other in open_then)


# ---- on the facts ------------------------------------------------------------------------------------


def test_a_plan_counts_the_listings_that_no_rule_has_once_a_window_closes(tmp_path: Path) -> None:
    (tmp_path / "rules.push").write_text(
        "push edition 1\nwarehouse kl\nstore s0 on shopee\nstore s1 on shopee\n"
        'rule "Now" overrides "Always" {\n  for like "A*"\n  to s0\n  take kl\n'
        '  during "2026-05-01 00:00" to "2026-05-03 00:00" in "UTC"\n}\n'
        'rule "Next" {\n  for tag "next"\n  to s0\n  take kl\n'
        '  during "2026-05-03 00:00" to "2026-05-04 00:00" in "UTC"\n}\n'
        'rule "Always" {\n  for tag "always"\n  to s0, s1\n  take kl\n  split s0 50%, s1 50%\n}\n'
        'rule "Off" {\n  for everything\n  to s0\n  take kl\n  disabled\n}\n',
        "utf-8",
    )
    facts = tmp_path / "facts"
    facts.mkdir()
    tags = {"A1": "always", "A2": "next", "A3": "", "A4": "", "B1": ""}
    (facts / "skus.csv").write_text("sku,tags\n" + "".join(f"{sku},{tag}\n" for sku, tag in tags.items()), "utf-8")
    (facts / "stock.csv").write_text("warehouse,sku,on_hand\n" + "".join(f"kl,{sku},5\n" for sku in tags), "utf-8")
    rows = "".join(f"s0,{sku},1,{sku},{sku}\n" for sku in tags)
    (facts / "listings.csv").write_text(f"store,store_sku,item_id,variant_id,sku\n{rows}", "utf-8")
    rules, _ = diagnose(load([tmp_path / "rules.push"]), FakePlatforms())
    assert rules is not None

    def told(day: int) -> list[str]:
        planned = plan(
            rules, read_facts(facts, None)[0], dict.fromkeys(STORES, Capabilities()), DAY + timedelta(days=day, hours=6)
        )
        return [f"{p.store_sku}: {p.message}" for p in planned.problems if p.code == "PUSH510"]

    assert told(1) == [
        "A3: 2 listings of rule `Now` will have no rule once its window closes, 2026-05-03 00:00 UTC, "
        "and keep what is shown then"
    ]
    assert told(2) == [
        "A2: 1 listing of rule `Next` will have no rule once its window closes, 2026-05-04 00:00 UTC, "
        "and keeps what is shown then"
    ]
    assert told(3) == []
