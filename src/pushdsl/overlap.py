"""Two selectors in; what they certainly have in common, or that they certainly have nothing.

What a text says of a SKU is known where the SKU itself is named: literals, globs and lists. Whether it has a
category, brand or tag, or is listed on a store, only the facts know: such a term is a mark that a SKU may bear. So a
selection is asked in a `_World`, which names a SKU or leaves it open, and answers yes, no or None for "who knows".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from pushdsl.globs import Undecided, is_plain, matches, meeting
from pushdsl.rules import SkuSet, SkuTerm

Mark = tuple[str, object]
"""The kind of a term and its value: what a SKU may bear."""

_MOST_TELLING = 16
"""So many globs are told apart from each other at most."""

_ONE_EACH = ("category", "brand")
"""Kinds of which a SKU has at most one."""


@dataclass(frozen=True)
class Union:
    """Terms that are joined by commas, by kind. `lists` are the SKUs of files, `sets` named sets of any shape."""

    skus: tuple[str, ...] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    likes: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    everything: bool = False
    sets: tuple[Selection, ...] = ()

    @cached_property
    def named(self) -> frozenset[str]:
        return frozenset(self.skus).union(*self.lists)

    @cached_property
    def all_marks(self) -> frozenset[Mark]:
        """Of every term that is no literal, to say that a SKU bears none of them."""
        lists, likes, sets = ([("list", s) for s in self.lists], [("like", p) for p in self.likes], self.sets)
        return frozenset([*self.marks, *lists, *likes, *(("set", s) for s in sets)])


@dataclass(frozen=True)
class Selection:
    """A selector made ready to be asked; equal ones select the same SKUs."""

    include: Union
    exclude: Union

    @cached_property
    def parts(self) -> tuple[_Part, ...]:
        return tuple(_parts(self, ()))

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The SKUs that the text names, in its order; `except` may still take some away."""
        return tuple(dict.fromkeys(sku for part in self.parts for sku in part.skus))


EVERYTHING = Selection(Union(everything=True), Union())


def witness(a: Selection, b: Selection) -> str | None:
    """Words for what both certainly match, as "SKU `BTY-1`" or "SKUs of category `Beauty`"; None: nothing is certain.

    Every term is taken to match something that its `except` leaves, else nobody would have written it.
    """
    return _named_sku(a, b) or _sku_of_patterns(a, b) or _kind_within(a, b) or _kind_within(b, a)


def certainly_named(selection: Selection) -> Iterator[str]:
    """The SKUs that the text names and that are selected whatever the facts are, each once."""
    return (sku for sku in selection.named if _selects(selection, _World(sku)) is True)


def may_meet(a: Selection, b: Selection) -> bool:
    """False where no SKU can match both, whatever the facts are."""

    def possible(world: _World) -> bool:
        return _selects(a, world) is not False and _selects(b, world) is not False

    if any(possible(_World(sku)) for sku in (*a.named, *b.named)):
        return True
    for part, other in product(a.parts, b.parts):
        if part.skus or other.skus:  # asked above, one by one
            continue
        assert part.mark is not None
        assert other.mark is not None
        if part.pattern is None or other.pattern is None:
            if not _contradict(part.mark, other.mark) and possible(_World(None, frozenset([part.mark, other.mark]))):
                return True
        else:
            try:
                patterns, likes = [part.pattern, other.pattern], _likes(part, other)
                if meeting(patterns, likes, lambda sku: possible(_World(sku)), _telling(part, other)):
                    return True
            except Undecided:
                return True
    return False


def is_within(inner: Selection, outer: Iterable[Selection]) -> bool:
    """True where every SKU of `inner` is in one of `outer`, whatever the facts are."""
    return not may_meet(_left(inner, outer), EVERYTHING)


def certainly_left(selection: Selection, others: Sequence[Selection]) -> str | None:
    """Words for what is selected and in none of the others, whatever the facts are; None: nothing is certain.

    A category, brand or tag is taken to have more SKUs than those that somebody named.
    """
    left = _left(selection, others)
    if (words := _named_sku(left, EVERYTHING) or _sku_of_patterns(left, EVERYTHING)) is not None:
        return words
    for part in selection.parts:
        if part.mark is not None and not part.skus and part.pattern is None:
            world = _World(None, frozenset([part.mark]), unnamed=True)
            if all(_selects(other, world) is False for other in others):
                return _words(part.mark)
    return None


def _left(selection: Selection, others: Iterable[Selection]) -> Selection:
    return Selection(Union(sets=(selection,)), Union(sets=tuple(others)))


@dataclass(frozen=True, slots=True)
class _Part:
    """One term of a selection on its own, and all that is taken away from it.

    Literals together make one part without a `mark`; `pattern` is there where the term is a glob or `everything`.
    """

    term: Union
    excludes: tuple[Union, ...]
    mark: Mark | None = None
    pattern: str | None = None

    @property
    def skus(self) -> tuple[str, ...]:
        """The SKUs of a literal or a list."""
        return self.term.skus or next(iter(self.term.lists), ())

    @property
    def selection(self) -> Selection:
        left = Selection(self.term, Union())
        for excluded in self.excludes:
            left = Selection(Union(sets=(left,)), excluded)
        return left


def _parts(selection: Selection, outer: tuple[Union, ...]) -> Iterator[_Part]:
    include = selection.include
    excludes = outer if selection.exclude == Union() else (*outer, selection.exclude)
    if include.skus:
        yield _Part(Union(skus=include.skus), excludes)
    yield from (_Part(Union(lists=(skus,)), excludes, ("list", skus)) for skus in include.lists)
    yield from (_Part(Union(likes=(like,)), excludes, ("like", like), like) for like in include.likes)
    yield from (_Part(Union(marks=(mark,)), excludes, mark) for mark in include.marks)
    if include.everything:
        yield _Part(Union(everything=True), excludes, ("everything", ""), "*")
    for selected in include.sets:
        yield from _parts(selected, excludes)


# ---- asking -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _World:
    """What is taken as given: the SKU (None: any), marks that it bears, marks that it lacks.

    `unnamed`: no text names the SKU as a literal. A category has more SKUs than the few that somebody wrote down.
    """

    sku: str | None
    bears: frozenset[Mark] = frozenset()
    lacks: frozenset[Mark] = frozenset()
    unnamed: bool = False


def _selects(selection: Selection, world: _World) -> bool | None:
    included = _in_union(selection.include, world)
    if included is False:
        return False
    excluded = _in_union(selection.exclude, world)
    if excluded is True:
        return False
    return True if included is True and excluded is False else None


def _in_union(union: Union, world: _World) -> bool | None:
    if union.everything:
        return True
    if world.sku is not None and (
        world.sku in union.named or any(matches(pattern, world.sku) for pattern in union.likes)
    ):
        return True
    answers = [_bears(mark, world) for mark in union.marks]
    if world.sku is None:
        if union.skus and not world.unnamed:
            answers.append(None)
        answers += [_bears(("like", pattern), world) for pattern in union.likes]
        answers += [_bears(("list", skus), world) for skus in union.lists]
    if True in answers:
        return True
    for selected in union.sets:
        answers.append(_selects(selected, world) if ("set", selected) not in world.lacks else False)
    return True if True in answers else None if None in answers else False


def _bears(mark: Mark, world: _World) -> bool | None:
    if mark in world.bears:
        return True
    if mark in world.lacks or any(_contradict(mark, other) for other in world.bears):
        return False
    return None


def _contradict(a: Mark, b: Mark) -> bool:
    return a[0] == b[0] and a[0] in _ONE_EACH and a[1] != b[1]


# ---- what is certain --------------------------------------------------------------------------------


def _named_sku(a: Selection, b: Selection) -> str | None:
    """A SKU that one of the texts names."""
    if all(part.skus for part in (*a.parts, *b.parts)):
        known = frozenset(b.named)
        candidates: Iterable[str] = (sku for sku in a.named if sku in known)
    else:
        candidates = (*a.named, *b.named)
    return next((f"SKU `{sku}`" for sku in candidates if _both_select(a, b, sku)), None)


def _sku_of_patterns(a: Selection, b: Selection) -> str | None:
    """A SKU made up to match a glob, or `everything`, of both."""
    for part, other in product(a.parts, b.parts):
        if part.pattern is None or other.pattern is None:
            continue
        if part.pattern == other.pattern == "*" and not (part.excludes or other.excludes):
            return "every SKU"
        if any(union.marks for union in (*part.excludes, *other.excludes)):
            continue
        try:
            patterns, likes = [part.pattern, other.pattern], _likes(part, other)
            sku = meeting(patterns, likes, lambda sku: _both_select(a, b, sku), _telling(part, other))
        except Undecided:
            continue
        if sku is not None:
            return f"SKU `{sku}`"
    return None


def _both_select(a: Selection, b: Selection, sku: str) -> bool:
    return _selects(a, _World(sku)) is True and _selects(b, _World(sku)) is True


def _likes(*parts: _Part) -> list[str]:
    """The globs that are taken away from any of the parts, whole."""
    waiting = [union for part in parts for union in part.excludes]
    found: list[str] = []
    while waiting:
        union = waiting.pop()
        found += ("*",) if union.everything else union.likes
        waiting += [selected.include for selected in union.sets if selected.exclude == Union()]
    return found


def _telling(*parts: _Part) -> list[str]:
    """All globs and literals of what is taken away; an `except` in it may give some back.

    Empty where they are too many to be told apart, or where a literal would be a glob.
    """
    waiting = [union for part in parts for union in part.excludes]
    found: dict[str, None] = {}
    while waiting:
        union = waiting.pop()
        if len(union.named) > _MOST_TELLING or not all(map(is_plain, union.named)):
            return []
        found |= dict.fromkeys((*union.likes, *sorted(union.named)))
        if len(found) > _MOST_TELLING:
            return []
        waiting += [inner for selected in union.sets for inner in (selected.include, selected.exclude)]
    return list(found)


def _kind_within(a: Selection, b: Selection) -> str | None:
    """A term of `a` that matches, after what is taken away from it, only SKUs that `b` matches too."""
    for part in a.parts:
        lacks = frozenset[Mark]().union(*(union.all_marks for union in part.excludes))
        if part.mark is None:
            worlds = [(_World(sku, lacks=lacks), f"SKU `{sku}`") for sku in part.skus if part.excludes]
        else:
            # globs and sets that are taken away can leave so little that a literal is all of it
            unnamed = not part.skus and not any(union.likes or union.sets for union in part.excludes)
            worlds = [(_World(None, frozenset([part.mark]), lacks, unnamed), _words(part.mark))]
        for world, words in worlds:
            if _selects(b, world) is True and _is_left(part, world.sku):
                return words
    return None


def _is_left(part: _Part, sku: str | None) -> bool:
    """Whether what is taken away can leave the SKU, or anything where none is given."""
    if not part.excludes:
        return True
    return may_meet(part.selection, EVERYTHING if sku is None else Selection(Union(skus=(sku,)), Union()))


def _words(mark: Mark) -> str:
    kind, value = mark
    match kind:
        case "category" | "brand":
            return f"SKUs of {kind} `{value}`"
        case "tag":
            return f"SKUs with tag `{value}`"
        case "listed":
            return f"SKUs listed on `{value}`"
        case "like":
            return f"SKUs like `{value}`"
        case "list":
            return "SKUs of the same list"
        case _:
            return "all that `everything` matches"


# ---- making selections ------------------------------------------------------------------------------


class Selections:
    """Makes selections of SkuSets; a set that several rules name is made once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[SkuSet, Selection]] = {}

    def of(self, skus: SkuSet) -> Selection:
        # the SkuSet is kept beside its selection, so that no other can get its id
        if id(skus) not in self._made:
            self._made[id(skus)] = (skus, self._make(skus))
        return self._made[id(skus)][1]

    def of_terms(self, terms: Iterable[SkuTerm | SkuSet]) -> Selection:
        return Selection(self._union(terms), Union())

    def _make(self, skus: SkuSet) -> Selection:
        if not skus.except_ and len(skus.terms) == 1 and isinstance(skus.terms[0], SkuSet):
            return self.of(skus.terms[0])
        return Selection(self._union(skus.terms), self._union(skus.except_))

    def _union(self, terms: Iterable[SkuTerm | SkuSet]) -> Union:
        skus: dict[str, None] = {}
        lists: dict[tuple[str, ...], None] = {}
        likes: dict[str, None] = {}
        marks: dict[Mark, None] = {}
        sets: dict[Selection, None] = {}
        everything = False
        for term in terms:
            if isinstance(term, SkuSet):
                sets[self.of(term)] = None
            elif term.kind == "everything":
                everything = True
            elif term.kind == "like" and not is_plain(term.values[0]):
                likes[term.values[0]] = None
            elif term.kind in ("exact", "like"):
                # one SKU is a literal even where it comes from a file: nothing is uncertain about it
                if len(term.values) == 1:
                    skus[term.values[0]] = None
                else:
                    lists[term.values] = None
            else:
                marks.update({(term.kind, value): None for value in term.values})
        return Union(tuple(skus), tuple(lists), tuple(likes), tuple(marks), everything, tuple(sets))
