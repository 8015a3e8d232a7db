"""Patterns with `*` and `?` in; a text that some of them match and others do not out.

Patterns are run side by side as automata. A state is, for each pattern, the set of places in it that have been
reached, as the bits of an integer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache

_FRESH = "1234567890XYZABCDEFGHIJKLMNOPQRSTUVWxyzabcdefghijklmnopqrstuvw_-§¤"
_MOST_STATES = 4_000


class Undecided(Exception):
    """The search was given up; there may be such a text or not."""


def matches(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


def is_plain(pattern: str) -> bool:
    """Whether the pattern matches itself and nothing else."""
    return "*" not in pattern and "?" not in pattern


def meeting(
    include: Sequence[str],
    exclude: Sequence[str] = (),
    suits: Callable[[str], bool] = lambda text: True,
    telling: Collection[str] = (),
) -> str | None:
    """A text of a letter or more, short and readable, that all of `include` match, none of `exclude`, and that suits.

    None where there is none; raises `Undecided` where that could not be found out. What suits may depend on which of
    the patterns `telling` match: then all that can be told apart by them is tried before it is given up.
    """
    if not all(_ends_agree(a, b) for i, a in enumerate(include) for b in include[:i]):
        return None
    exclude = [pattern for pattern in exclude if all(_ends_agree(pattern, wanted) for wanted in include)]
    letters = {letter for pattern in (*include, *exclude) for letter in pattern} - set("*?")
    fresh = [letter for letter in _FRESH if letter not in letters]
    search = _Search([_collapsed(p) for p in include], [_collapsed(p) for p in exclude], letters=sorted(letters))
    shape = search.shortest(needs_fresh=True)
    if shape is not None:
        # a letter that no pattern has stands for any other, so it can be changed until the text is free
        for letter in fresh:
            if suits(text := shape.replace(_ANY, letter)):
                return text
    else:
        shape = search.shortest(needs_fresh=False)
        if shape is None or suits(shape):
            return shape
    return _told_apart(include, exclude, suits, telling)


def _told_apart(
    include: Sequence[str], exclude: Sequence[str], suits: Callable[[str], bool], telling: Collection[str]
) -> str | None:
    letters = {letter for pattern in (*include, *exclude, *telling) for letter in pattern} - set("*?")
    fresh = next((letter for letter in _FRESH if letter not in letters), None)
    if not telling or fresh is None:
        raise Undecided
    collapsed = ([_collapsed(pattern) for pattern in patterns] for patterns in (include, exclude, telling))
    texts = _Search(*collapsed, letters=sorted(letters)).texts(needs_fresh=False)
    return next((text for shape in texts if suits(text := shape.replace(_ANY, fresh))), None)


def fixed_ends(pattern: str) -> tuple[str, str]:
    """The text before the first wildcard and after the last; a text that matches begins and ends so."""
    if is_plain(pattern):
        return pattern, pattern
    pieces = re.split(r"[*?]", pattern)
    return pieces[0], pieces[-1]


def _ends_agree(a: str, b: str) -> bool:
    """False where no text can begin, or end, as both patterns say."""
    (begin_a, end_a), (begin_b, end_b) = fixed_ends(a), fixed_ends(b)
    return _one_begins(begin_a, begin_b) and _one_begins(end_a[::-1], end_b[::-1])


def _one_begins(a: str, b: str) -> bool:
    return a.startswith(b) or b.startswith(a)


_ANY = "\0"
_Places = tuple[int, ...]


class _Search:
    """The product of the automata of all patterns, searched breadth first for the shortest texts that are not empty.

    `telling` are patterns that a text may match or not.
    """

    def __init__(
        self, include: Sequence[str], exclude: Sequence[str], telling: Sequence[str] = (), *, letters: Sequence[str]
    ) -> None:
        self.patterns = [*include, *exclude, *telling]
        self.wanted = len(include)
        self.looked_at = len(include) + len(exclude)
        self.letters = [_ANY, *letters]

    def shortest(self, needs_fresh: bool) -> str | None:
        return next(self.texts(needs_fresh), None)

    def texts(self, needs_fresh: bool) -> Iterator[str]:
        """The shortest text of each state that is accepted."""
        start = (tuple(_reached(p, 1) for p in self.patterns), False)
        came_from: dict[tuple[_Places, bool], tuple[tuple[_Places, bool], str] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            state = waiting.popleft()
            places, done = state
            if done and self._accepts(places):
                yield _text(came_from, state)
            for letter in self.letters:
                following = tuple(map(_step, self.patterns, places, letter * len(places)))
                then = (following, done or letter == _ANY or not needs_fresh)
                if all(following[: self.wanted]) and then not in came_from:
                    came_from[then] = (state, letter)
                    waiting.append(then)
            if len(came_from) > _MOST_STATES:
                raise Undecided

    def _accepts(self, places: _Places) -> bool:
        ends = [bool(place >> len(pattern) & 1) for pattern, place in zip(self.patterns, places, strict=True)]
        return all(ends[: self.wanted]) and not any(ends[self.wanted : self.looked_at])


def _text(
    came_from: dict[tuple[_Places, bool], tuple[tuple[_Places, bool], str] | None], state: tuple[_Places, bool]
) -> str:
    letters: list[str] = []
    while (step := came_from[state]) is not None:
        state, letter = step
        letters.append(letter)
    return "".join(reversed(letters))


@lru_cache(maxsize=50_000)
def _step(pattern: str, places: int, letter: str) -> int:
    """The places of the pattern that are reached by one more letter."""
    after = 0
    for place, wanted in enumerate(pattern):
        if places >> place & 1:
            if wanted == "*":
                after |= 1 << place
            elif wanted in ("?", letter):
                after |= 1 << place + 1
    return _reached(pattern, after)


def _reached(pattern: str, places: int) -> int:
    """`places` and those that follow without a letter, because a `*` may stand for nothing."""
    for place, wanted in enumerate(pattern):
        if wanted == "*" and places >> place & 1:
            places |= 1 << place + 1
    return places


def _collapsed(pattern: str) -> str:
    return re.sub(r"\*+", "*", pattern)


@lru_cache(maxsize=50_000)
def _expression(pattern: str) -> re.Pattern[str]:
    parts: Iterable[str] = ({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in _collapsed(pattern))
    return re.compile("".join(parts), re.DOTALL)
