from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushdsl.checker import check, diagnose
from pushdsl.errors import Diagnostic, PushdslError, RuleError
from pushdsl.loader import load
from pushdsl.model import Location, Store
from pushdsl.rules import CheckedPreorder, CheckedRules, SkuSet, SkuTerm

CASES = Path(__file__).parent / "cases" / "check"


@dataclass(frozen=True)
class Can:
    preorder: bool = False
    locations: bool = False
    max_quantity: int = 999_999
    preorder_days: tuple[int, int] | None = None


class FakePlatforms:
    """Shopee can pre-order, TikTok has locations, both as the real ones; `broken` is installed and cannot be used."""

    names = ("broken", "lazada", "outdated", "shopee", "simulated", "tiktok")
    packages: Mapping[str, str] = {
        "lazada": "pushdsl-lazada",
        "shopee": "pushdsl-shopee",
        "simulated": "pushdsl",
        "tiki": "pushdsl-tiki",
        "tiktok": "pushdsl-tiktok",
        "tokopedia": "pushdsl-tiktok",
    }

    def __init__(self) -> None:
        self.asked: list[str] = []

    def capabilities(self, store: Store) -> Can:
        self.asked.append(store.name)
        if store.platform in ("broken", "outdated"):
            raise PushdslError(f"platform `{store.platform}` cannot be used: it is too old", "upgrade it")
        return {
            "shopee": Can(preorder=True, locations=True),
            "tiktok": Can(locations=True),
            "simulated": Can(True, True, preorder_days=(7, 30)),
        }.get(store.platform, Can())


# ---- the case files ---------------------------------------------------------------------------------
# Chunks between `---`, each a rule file without its `push edition 1`. What is said of a line stands after `###` at its
# end: a pattern in quotes for every diagnostic, matched against its code and message.

_MARK = re.compile(r'"((?:[^"\\]|\\.)*)"')


def chunks() -> Iterator[object]:
    for path in sorted(CASES.glob("*.push")):
        line = 1
        for text in path.read_text("utf-8").split("---\n"):
            yield pytest.param(text, id=f"{path.name}:{line}")
            line += text.count("\n") + 1


def expected_in(text: str) -> set[tuple[int, str]]:
    """Line and pattern of every mark; the first line of the text is line 2 of the file."""
    return {
        (number, mark)
        for number, line in enumerate(text.splitlines(), 2)
        if "###" in line
        for mark in _MARK.findall(line.partition("###")[2])
    }


def said_of(folder: Path, text: str) -> tuple[Diagnostic, ...]:
    path = folder / "rules.push"
    path.write_text("push edition 1\n" + text, "utf-8")
    return diagnose(load([path]), FakePlatforms())[1]


@pytest.mark.parametrize("text", list(chunks()))
def test_every_line_gets_what_is_marked_on_it_and_nothing_else(tmp_path: Path, text: str) -> None:
    expected = expected_in(text)

    actual = set()
    for said in said_of(tmp_path, text):
        assert said.span is not None
        line, words = said.span.line, f"{said.code}: {said.message}"
        actual.add((line, next((mark for at, mark in expected if at == line and re.search(mark, words)), words)))

    assert expected == actual


@pytest.mark.parametrize("text", list(chunks()))
def test_a_fix_removes_what_it_fixes(tmp_path: Path, text: str) -> None:
    for said in said_of(tmp_path, text):
        if said.fix is None or said.code.startswith("PUSH0"):
            continue
        assert said.span is not None
        source, start, end = said.span.source.text, said.fix.span.start, said.fix.span.end
        mended = (source[:start] + said.fix.text + source[end:]).removeprefix("push edition 1\n")

        after = [(left.code, left.span.start) for left in said_of(tmp_path, mended) if left.span]

        assert (said.code, said.span.start) not in after


# ---- what is handed on ------------------------------------------------------------------------------


def checked(folder: Path, text: str) -> CheckedRules:
    path = folder / "rules.push"
    path.write_text("push edition 1\n" + text, "utf-8")
    return check(load([path]), FakePlatforms())


WHOLE = """
warehouse kl
warehouse jb
let few = 5 units
let half = 50%
store shopee_my on shopee { region "MY" }
store tiktok_my on tiktok {
  account "main"
  location kl, jb -> "MY-01"
  location all warehouses except kl -> "MY-02"
}
store choice_my on lazada { choice }
group malaysia = shopee_my, tiktok_my
rule "All" overrides "Rest" {
  for everything except "X", "Y"
  to malaysia
  take half of kl, jb
  during "2026-11-11 00:00" to "2026-11-12 00:00" in "Asia/Manila"
  keep back few
  push 12.5% plus 2 units even at zero
  at most 500 units
  at least 3 units
  hide below 2 units
  below 4 units only shopee_my
  preorder { open at few
    close above 50 units
    add 30 units
    ship in 7 days }
  increase only
  above 1000 units every 12 hours unless it falls by 10%
}
rule "Rest" overrides "Last" {
  for everything
  to all stores
  take 80% of all warehouses except jb
  keep back safety stock
  split tiktok_my 40%, shopee_my 60%
}
rule "Last" {
  for everything
  to shopee_my
  push exactly 9 units
  disabled
}
rule "Choice" {
  for "C-1"
  to choice_my
  take kl
  increase only
}
"""


def test_a_rule_is_handed_on_with_names_and_numbers_resolved(tmp_path: Path) -> None:
    rules = {rule.name: rule for rule in checked(tmp_path, WHOLE).rules}
    all_, rest, last = rules["All"], rules["Rest"], rules["Last"]

    assert ("shopee_my", "tiktok_my") == all_.stores == rest.stores
    assert all_.take == {"kl": 500_000, "jb": 1_000_000}
    assert (datetime(2026, 11, 10, 16, tzinfo=UTC), datetime(2026, 11, 11, 16, tzinfo=UTC)) == all_.window
    assert all_.shares == {"shopee_my": 125_000, "tiktok_my": 125_000}
    assert (all_.keep_back, all_.keep_back_safety, all_.plus, all_.even_at_zero) == (5, False, 2, True)
    assert (all_.at_most, all_.at_least, all_.hide_below, all_.below) == (500, 3, 2, 4)
    assert frozenset(["shopee_my"]) == all_.only
    assert CheckedPreorder(5, 50, 30, 7) == all_.preorder
    assert (all_.increase_only, all_.above, all_.every_seconds, all_.unless_falls_by) == (True, 1000, 43_200, 100_000)
    assert (rest.take, rest.keep_back, rest.keep_back_safety) == ({"kl": 800_000}, 0, True)
    assert rest.shares == {"shopee_my": 600_000, "tiktok_my": 400_000}
    assert (last.take, last.exactly, last.disabled) == (None, 9, True)


def test_overriding_reaches_through_a_disabled_rule(tmp_path: Path) -> None:
    rules = {rule.name: rule.overrides for rule in checked(tmp_path, WHOLE).rules}

    assert {"All": {"Rest", "Last"}, "Rest": {"Last"}, "Last": set(), "Choice": set()} == rules


def test_stores_are_handed_on_with_their_locations(tmp_path: Path) -> None:
    rules = checked(tmp_path, WHOLE)

    places = Location("MY-01", ("kl", "jb")), Location("MY-02", ("jb",))
    everywhere = (Location("", ("kl", "jb")),)
    expected = [
        Store("shopee_my", "shopee", "shopee_my", "MY", locations=everywhere),
        Store("tiktok_my", "tiktok", "main", locations=places),
        Store("choice_my", "lazada", "choice_my", choice=True, locations=everywhere),
    ]
    assert expected == list(rules.stores.values())
    assert rules.warehouses == ("kl", "jb")


def test_every_statement_knows_where_it_stands(tmp_path: Path) -> None:
    [rule, *_] = checked(tmp_path, WHOLE).rules

    texts = {words: span.text.split(" ")[: words.count(" ") + 1] for words, span in rule.spans.items()}
    assert {words: words.split(" ") for words in texts} == texts
    assert {
        "for", "to", "take", "during", "keep back", "push", "at most", "at least", "hide below", "below", "preorder",
        "increase only", "above",
    } == set(texts)  # fmt: skip
    assert rule.span.text == 'rule "All" overrides "Rest"'


def test_a_named_set_and_a_list_are_handed_on_as_skus(tmp_path: Path) -> None:
    (tmp_path / "sale.csv").write_text("sku\nA-1\nA-2\n", "utf-8")
    text = (
        'warehouse kl\nstore a on shopee\nskus sale = from "sale.csv"\n'
        'rule "A" {\n  for sale, listed on a except "A-2"\n  to a\n  take kl\n}\n'
    )

    [rule] = checked(tmp_path, text).rules

    named, listed = rule.skus.terms
    assert isinstance(named, SkuSet)
    assert [(t.kind, t.values) for t in named.terms if isinstance(t, SkuTerm)] == [("exact", ("A-1", "A-2"))]
    assert isinstance(listed, SkuTerm)
    assert (listed.kind, listed.values) == ("listed", ("a",))
    assert [(t.kind, t.values) for t in rule.skus.except_ if isinstance(t, SkuTerm)] == [("exact", ("A-2",))]


def test_odd_skus_of_a_list_are_said_once_where_the_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "sale.csv").write_text("sku\n0012\n0013\nA-1\na-1\nb-1\nB-1\nA 2\nA-1\n0012\nC-1\n", "utf-8")
    text = 'warehouse kl\nstore a on shopee\nrule "A" {\n  for "C-2", from "sale.csv"\n  to a\n  take kl\n}\n'

    said = [(one.code, one.message, one.span.text) for one in said_of(tmp_path, text) if one.span]

    place = 'from "sale.csv"'
    assert said == [
        ("PUSH302", "`0012` and `A-1` stand twice in `sale.csv`", place),
        ("PUSH320", "`0012` and `0013` start with 0", place),
        ("PUSH321", "`A 2` holds a space", place),
        ("PUSH319", "`a-1` and `A-1` differ only by upper and lower case, and so does 1 more", place),
    ]


# ---- all files together -----------------------------------------------------------------------------


def test_names_reach_across_files_and_everything_is_said_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.push").write_text('push edition 1\nuse "b.push"\nwarehouse hub\nwarehouse kl\n', "utf-8")
    (tmp_path / "b.push").write_text(
        "push edition 1\nwarehouse kl\nstore s on shopee\n"
        'rule "A" {\n  for everything\n  to s\n  take kl\n  keep 5 units\n  at least 3 units\n}\n',
        "utf-8",
    )

    _, said = diagnose(load([tmp_path / "a.push"]), FakePlatforms())

    places = [(d.code, Path(d.span.source.name).name, d.span.line) for d in said if d.span]
    assert places == [
        ("PUSH301", "a.push", 3),
        ("PUSH103", "b.push", 2),
        ("PUSH012", "b.push", 8),
        ("PUSH311", "b.push", 9),
    ]


def test_a_missing_file_makes_no_name_unknown_and_none_unused(tmp_path: Path) -> None:
    text = 'use "stores.push"\nwarehouse kl\nwarehouse jb\nrule "A" {\n  for everything\n  to shopee_my\n  take kl\n}\n'

    assert [said.code for said in said_of(tmp_path, text)] == ["PUSH031"]


def test_an_error_stops_the_rules_and_carries_everything_that_was_said(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as raised:
        checked(tmp_path, 'warehouse kl\nrule "A" {\n  for everything\n  to s\n  take kll\n  at least 1 unit\n}\n')

    assert [said.code for said in raised.value.diagnostics] == ["PUSH101", "PUSH101", "PUSH311"]
    assert raised.value.message == "2 errors in the rules"


def test_lints_do_not_stop_the_rules(tmp_path: Path) -> None:
    rules = checked(tmp_path, WHOLE)

    assert rules.lints
    assert {"lint"} == {said.severity for said in rules.lints}


def test_a_platform_is_asked_only_where_a_rule_needs_to_know(tmp_path: Path) -> None:
    platforms = FakePlatforms()
    path = tmp_path / "rules.push"
    path.write_text(f"push edition 1\n{WHOLE}", "utf-8")

    diagnose(load([path]), platforms)

    assert platforms.asked == ["tiktok_my", "shopee_my"]


def test_checking_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "rules.push").write_text(f"push edition 1\n{WHOLE}", "utf-8")
    program = (
        "import sys\nfrom pathlib import Path\nfrom pushdsl.checker import diagnose\nfrom pushdsl.loader import load\n"
        "class Can:\n  preorder = locations = True\n  preorder_days = None\n"
        "class Platforms:\n  names = ('shopee', 'tiktok', 'lazada')\n  packages = {}\n"
        "  def capabilities(self, store): return Can\n"
        "assert diagnose(load([Path('rules.push')]), Platforms())[0]\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & "
        "{'numpy', 'polars', 'pydantic', 'sqlalchemy', 'aiohttp', 'asyncio', 'pluggy'})"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
