"""What the text alone says of two selectors, held against every world it could be read in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.globs import Undecided, matches, meeting
from pushdsl.overlap import Selections, may_meet, witness
from pushdsl.rivals import MOST_RIVALS, Claim, rivals, windows_meet
from pushdsl.rules import SkuSet, SkuTerm
from pushdsl.source import SourceText, Span

SPAN = Span(SourceText("rules.push", ""), 0, 0)


def term(kind: str, *values: str) -> SkuTerm:
    return SkuTerm(kind, values, SPAN)


def sku_set(*terms: SkuTerm | SkuSet, without: tuple[SkuTerm | SkuSet, ...] = ()) -> SkuSet:
    return SkuSet(terms, without, SPAN)


# ---- a slow reading to compare with -----------------------------------------------------------------

SKUS = ["".join(letters) for size in (1, 2, 3) for letters in product("ab", repeat=size)]
CATEGORIES, BRANDS, TAGS, STORES = ("", "c", "d"), ("", "x", "y"), ("", "t"), ("", "s")


def selects(skus: SkuSet, sku: str, marks: tuple[str, str, str, str]) -> bool:
    """Whether a SKU with this category, brand, tag and store is selected."""
    return any(_matches(t, sku, marks) for t in skus.terms) and not any(_matches(t, sku, marks) for t in skus.except_)


def _matches(term: SkuTerm | SkuSet, sku: str, marks: tuple[str, str, str, str]) -> bool:
    if isinstance(term, SkuSet):
        return selects(term, sku, marks)
    if term.kind == "everything":
        return True
    if term.kind == "exact":
        return sku in term.values
    if term.kind == "like":
        expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in term.values[0])
        return re.fullmatch(expression, sku) is not None
    return marks[("category", "brand", "tag", "listed").index(term.kind)] in term.values


patterns = st.text("ab*?", min_size=1, max_size=4)
unmarked = st.one_of(
    st.sampled_from(SKUS).map(lambda sku: term("exact", sku)),
    st.lists(st.sampled_from(SKUS), min_size=2, max_size=4).map(lambda skus: term("exact", *skus)),
    patterns.map(lambda pattern: term("like", pattern)),
    st.just(term("everything")),
)
terms = st.one_of(
    unmarked,
    st.sampled_from(CATEGORIES[1:]).map(lambda value: term("category", value)),
    st.sampled_from(BRANDS[1:]).map(lambda value: term("brand", value)),
    st.just(term("tag", "t")),
    st.just(term("listed", "s")),
)


def sets_of(members: st.SearchStrategy[SkuTerm | SkuSet]) -> st.SearchStrategy[SkuSet]:
    include = st.lists(members, min_size=1, max_size=3)
    return st.builds(
        lambda terms, without: sku_set(*terms, without=tuple(without)), include, st.lists(members, max_size=3)
    )


selectors = sets_of(st.one_of(terms, sets_of(terms)))


@settings(max_examples=400, deadline=None)
@given(selectors, selectors)
def test_what_cannot_meet_meets_in_no_world(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of
    if may_meet(of(a), of(b)):
        return

    both = [
        (sku, marks)
        for sku in SKUS
        for marks in product(CATEGORIES, BRANDS, TAGS, STORES)
        if selects(a, sku, marks) and selects(b, sku, marks)
    ]

    assert both == []


@settings(max_examples=600, deadline=None)
@given(selectors, selectors)
def test_a_named_witness_is_selected_by_both(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of
    words = witness(of(a), of(b)) or ""
    if not words.startswith("SKU `"):
        return

    worlds = list(product(CATEGORIES, BRANDS, TAGS, STORES))
    by_a, by_b = ({marks for marks in worlds if selects(skus, words[5:-1], marks)} for skus in (a, b))

    # where marks decide, an `except` is taken to leave the SKU; then both select it
    assert by_a & by_b or not by_a or not by_b


nested = sets_of(st.one_of(unmarked, sets_of(unmarked)))


@settings(max_examples=300, deadline=None)
@given(nested, nested)
def test_what_an_except_gives_back_is_found(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of
    words = witness(of(a), of(b)) or ""
    both = [sku for sku in SKUS if all(selects(skus, sku, ("", "", "", "")) for skus in (a, b))]
    if words.startswith("SKU `"):
        assert all(selects(skus, words[5:-1], ("", "", "", "")) for skus in (a, b))
    elif not words:
        assert both == []
    assert may_meet(of(a), of(b)) or both == []


@settings(max_examples=300, deadline=None)
@given(sets_of(unmarked), sets_of(unmarked))
def test_where_no_mark_decides_a_witness_is_certain(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of
    words = witness(of(a), of(b)) or ""
    if words.startswith("SKU `"):
        assert all(selects(skus, words[5:-1], ("", "", "", "")) for skus in (a, b))
    elif not words:
        assert not [sku for sku in SKUS if all(selects(skus, sku, ("", "", "", "")) for skus in (a, b))]


@settings(max_examples=400, deadline=None)
@given(selectors, selectors)
def test_what_is_certain_may_be_so(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of

    assert may_meet(of(a), of(b)) or witness(of(a), of(b)) is None


@settings(max_examples=300, deadline=None)
@given(selectors, selectors)
def test_the_order_of_two_selectors_does_not_matter(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of

    assert (witness(of(a), of(b)) is None) == (witness(of(b), of(a)) is None)
    assert may_meet(of(a), of(b)) == may_meet(of(b), of(a))


# ---- certain or not ---------------------------------------------------------------------------------

everything, beauty, food, old = (
    term("everything"),
    term("category", "Beauty"),
    term("category", "Food"),
    term("tag", "old"),
)


@pytest.mark.parametrize(
    ("words", "a", "b"),
    [
        ("SKU `X-1`", sku_set(term("exact", "X-1")), sku_set(term("like", "X-*"))),
        ("SKU `X-1`", sku_set(term("exact", "Y", "X-1")), sku_set(term("exact", "X-1", "Z"))),
        ("SKU `A1Z`", sku_set(term("like", "A*")), sku_set(term("like", "*Z"))),
        ("SKU `AB1`", sku_set(term("like", "A*"), without=(term("like", "A?"),)), sku_set(term("like", "?B*"))),
        ("SKU `1`", sku_set(everything, without=(term("like", "X*"),)), sku_set(everything)),
        ("SKU `2`", sku_set(everything, without=(term("exact", "1"),)), sku_set(everything)),
        ("every SKU", sku_set(everything), sku_set(everything)),
        ("SKUs of category `Beauty`", sku_set(beauty), sku_set(beauty, food)),
        ("SKUs of category `Beauty`", sku_set(beauty, without=(food,)), sku_set(beauty)),
        ("SKUs of category `Beauty`", sku_set(beauty, without=(old,)), sku_set(everything)),
        ("SKUs of category `Beauty`", sku_set(beauty), sku_set(everything, without=(term("exact", "X"),))),
        ("SKUs with tag `old`", sku_set(old), sku_set(sku_set(old))),
        ("SKU `X`", sku_set(term("exact", "X"), without=(old,)), sku_set(everything)),
    ],
)
def test_two_selectors_certainly_meet(words: str, a: SkuSet, b: SkuSet) -> None:
    of = Selections().of

    assert words == witness(of(a), of(b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (sku_set(beauty), sku_set(term("brand", "Acme"))),
        (sku_set(beauty), sku_set(term("exact", "BTY-1"))),
        (sku_set(beauty), sku_set(term("like", "BTY-*"))),
        (sku_set(beauty), sku_set(everything, without=(term("like", "BTY-*"),))),
        (sku_set(beauty, without=(old,)), sku_set(beauty, without=(term("tag", "new"),))),
        (sku_set(everything, without=(beauty,)), sku_set(everything, without=(food,))),
        (sku_set(everything, without=(beauty,)), sku_set(term("exact", "X"))),
        (sku_set(beauty, without=(term("exact", "X", "Y"),)), sku_set(beauty, without=(term("exact", "Z", "Y"),))),
        (sku_set(term("like", "X-*"), without=(old,)), sku_set(term("like", "*-1"))),
    ],
)
def test_only_the_facts_can_tell(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of

    assert witness(of(a), of(b)) is None
    assert may_meet(of(a), of(b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (sku_set(term("exact", "A")), sku_set(term("exact", "B"))),
        (sku_set(term("like", "A*")), sku_set(term("like", "B*"))),
        (sku_set(term("like", "AB")), sku_set(term("exact", "ABC"))),
        (sku_set(term("like", "A?")), sku_set(term("like", "A??*"))),
        (sku_set(beauty), sku_set(food)),
        (sku_set(beauty), sku_set(everything, without=(beauty,))),
        (sku_set(old, beauty), sku_set(everything, without=(sku_set(old, beauty),))),
        (sku_set(term("like", "A*")), sku_set(everything, without=(term("like", "A*"),))),
        (sku_set(term("like", "AB*")), sku_set(everything, without=(term("like", "A*"),))),
        (sku_set(term("exact", "AB", "AC")), sku_set(everything, without=(term("like", "A?"),))),
    ],
)
def test_two_selectors_cannot_meet(a: SkuSet, b: SkuSet) -> None:
    of = Selections().of

    assert not may_meet(of(a), of(b))
    assert witness(of(a), of(b)) is None


# ---- globs ------------------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(st.lists(patterns, min_size=1, max_size=3), st.lists(patterns, max_size=2))
def test_a_meeting_text_is_what_was_asked_for(include: list[str], exclude: list[str]) -> None:
    try:
        text = meeting(include, exclude)
    except Undecided:
        return
    if text is None:
        fits = [s for s in SKUS if all(matches(p, s) for p in include) and not any(matches(p, s) for p in exclude)]
        assert fits == []
    else:
        assert all(matches(pattern, text) for pattern in include)
        assert not any(matches(pattern, text) for pattern in exclude)


def test_globs_that_take_long_to_tell_apart_are_given_up() -> None:
    with pytest.raises(Undecided):
        meeting(["*a?????????????b*"], ["*a?????????????b*", "*b?????????????a*", "?" * 40 + "*"])


# ---- many rules -------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def claim(place: int, skus: SkuSet, stores: str = "a", overrides: str = "") -> Claim:
    return Claim(place, str(place), Selections().of(skus), tuple(stores), None, frozenset(overrides))


def pairs(claims: list[Claim]) -> list[tuple[int, int]]:
    return [(rival.first.place, rival.second.place) for rival in rivals(claims)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(selectors, st.sampled_from(["a", "b", "ab"])), min_size=2, max_size=4))
def test_the_index_finds_what_comparing_all_finds(rules: list[tuple[SkuSet, str]]) -> None:
    claims = [claim(place, skus, stores) for place, (skus, stores) in enumerate(rules)]

    expected = [
        (a.place, b.place)
        for a, b in combinations(claims, 2)
        if set(a.stores) & set(b.stores) and witness(a.selection, b.selection) is not None
    ]

    assert sorted(expected) == sorted(pairs(claims))


def test_a_rule_that_overlaps_with_many_names_the_first_few() -> None:
    claims = [claim(place, sku_set(term("exact", str(place)))) for place in range(10)]

    assert [(n, 10) for n in range(MOST_RIVALS)] == pairs([*claims, claim(10, sku_set(everything))])


def test_a_rule_above_another_is_no_rival() -> None:
    same = sku_set(term("exact", "A"))

    assert pairs([claim(0, same, overrides="12"), claim(1, same), claim(2, same)]) == [(1, 2)]


def test_windows_that_touch_do_not_meet() -> None:
    assert not windows_meet((NOON, NOON + HOUR), (NOON + HOUR, NOON + 2 * HOUR))
    assert windows_meet((NOON, NOON + HOUR), (NOON, NOON + 2 * HOUR))
    assert windows_meet(None, (NOON, NOON + HOUR))
