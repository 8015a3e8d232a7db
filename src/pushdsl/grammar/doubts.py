"""A tree and the errors beside it in; the names of which nobody should say that they are unknown or unused, out.

One slip gives one error: what stands on a line with an error may be meant otherwise, and a declaration that lost its
name may have declared any name that nothing else declares.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Iterator

from pushdsl.errors import Diagnostic
from pushdsl.grammar import nodes as n
from pushdsl.grammar.tokens import DECLARATIONS, Tokens

_DECLARED = (n.Warehouse, n.Store, n.Group, n.Skus, n.Let)
# What declares a name that is a text, not a word.
_TITLED = ("rule", "test")


def names_in_doubt(file: n.File, text: str, tokens: Tokens, errors: Iterable[Diagnostic]) -> frozenset[str]:
    """The names and texts on the lines of `errors`, and those that may be declared there."""
    places = {error.span.start: error.code for error in errors if error.span is not None}
    doubtful: set[str] = set()
    lost_name = lost_title = False
    used: Counter[str] | None = None
    for first, stop in _lines(tokens, places):
        doubtful.update(_names(text, tokens, first, stop, ("NAME", "STRING")))
        doubtful.update(
            text[tokens.starts[position] : tokens.ends[position]]
            for position in range(first, stop)
            if places.get(tokens.starts[position]) == "PUSH016"
        )
        kind, start = tokens.kinds[first], tokens.starts[first]
        if kind in _TITLED:
            lost_title = lost_title or "STRING" not in tokens.kinds[first:stop]
        elif kind in DECLARATIONS or text[max(0, start - 1) : start] in ("", "\n"):
            if used is None:
                used = Counter(_names(text, tokens, 0, len(tokens.kinds), ("NAME",)))
            declared_here = _names(text, tokens, first, min(stop, first + 2), ("NAME",))
            lost_name = lost_name or not any(used[name] > 1 for name in declared_here)
    if lost_name:
        declared = {found.name.text for found in file.declarations if isinstance(found, _DECLARED)}
        doubtful.update(name for name in used or () if name not in declared)
    if lost_title:
        doubtful.update(name.value for rule in file.declarations if isinstance(rule, n.Rule) for name in rule.overrides)
    return frozenset(doubtful)


def _lines(tokens: Tokens, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The tokens of each line that one of the places is on."""
    kinds, done = tokens.kinds, -1
    for place in sorted(places):
        position = max(0, bisect_right(tokens.starts, place) - 1)
        if position and kinds[position] == "_NL" and tokens.starts[position] > place - 1:
            position -= 1
        if position < done:
            continue
        first = stop = position
        while first and kinds[first - 1] != "_NL":
            first -= 1
        while stop < len(kinds) - 1 and kinds[stop] != "_NL":
            stop += 1
        done = stop
        yield first, stop


def _names(text: str, tokens: Tokens, first: int, stop: int, kinds: Container[str]) -> Iterator[str]:
    """What the tokens of these kinds between two places say."""
    for position in range(first, stop):
        if tokens.kinds[position] in kinds:
            written = text[tokens.starts[position] : tokens.ends[position]]
            yield written[1:-1] if tokens.kinds[position] == "STRING" else unicodedata.normalize("NFC", written)


__all__ = ["names_in_doubt"]
