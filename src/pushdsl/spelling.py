"""The SKUs that rule files and their lists name in; those that are easily mistaken out.

SKUs are compared exactly, so what a spreadsheet or an eye takes for the same is another SKU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from pushdsl.findings import Findings, listed
from pushdsl.grammar import nodes as n
from pushdsl.loader import Loaded
from pushdsl.source import Span

Place = tuple[str, Span]
"""A SKU and where it is named; all SKUs of a list stand at its `from`."""


def say_spelling(loaded: Loaded, findings: Findings) -> None:
    """Lints for SKUs that start with 0, hold spaces, differ by case, or stand twice in a list."""
    # a SKU and the place of the first that is written so, by how it is written in small letters
    first: dict[str, Place] = {}
    said: set[str] = set()
    for selector in _selectors(loaded):
        places: list[Place] = []
        for term in (*selector.include, *selector.exclude):
            if isinstance(term, n.ExactSku):
                places.append((term.sku, term.span))
            elif isinstance(term, n.FromFile):
                skus = loaded.lists.get((term.span.source.name, term.path), ())
                _say_doubles(skus, term, findings)
                places += [(sku, term.span) for sku in skus]
        _say_zeros(places, findings)
        _say_spaces(places, findings)
        _say_twins(places, first, said, findings)


def _selectors(loaded: Loaded) -> Iterator[n.Selector]:
    for file in loaded.files:
        for declaration in file.declarations:
            if isinstance(declaration, n.Skus):
                yield declaration.selector
            elif isinstance(declaration, n.Rule):
                yield from (s.selector for s in declaration.statements if isinstance(s, n.For))


def _say_zeros(places: Sequence[Place], findings: Findings) -> None:
    help = "spreadsheets drop it: keep such SKUs as text, or give them others"
    _say(places, lambda sku: sku.startswith("0"), "PUSH320", ("starts", "start"), "with 0", help, findings)


def _say_spaces(places: Sequence[Place], findings: Findings) -> None:
    help = "it is compared exactly, with its spaces: take them out where they are not meant"
    _say(places, _holds_space, "PUSH321", ("holds", "hold"), "a space", help, findings)


def _holds_space(sku: str) -> bool:
    return any(map(str.isspace, sku))


def _say(
    places: Sequence[Place],
    fits: Callable[[str], bool],
    code: str,
    verb: tuple[str, str],
    what: str,
    help: str,
    findings: Findings,
) -> None:
    """One lint for a selector, at the first such SKU."""
    found = {sku: span for sku, span in reversed(places) if fits(sku)}
    if found:
        skus = [sku for sku in dict.fromkeys(sku for sku, _ in places) if sku in found]
        message = f"{listed(skus, 3)} {verb[len(skus) > 1]} {what}"
        findings.lint(code, message, found[skus[0]], help, related=_others(found[skus[0]], found.values()))


def _say_twins(places: Iterable[Place], first: dict[str, Place], said: set[str], findings: Findings) -> None:
    """One lint for each place with SKUs that were written otherwise before, and each way of writing once."""
    twins: dict[Span, list[tuple[str, Place]]] = {}
    for sku, span in places:
        other = first.setdefault(sku.casefold(), (sku, span))
        if other[0] != sku and sku not in said:
            said.add(sku)
            twins.setdefault(span, []).append((sku, other))
    for span, found in twins.items():
        sku, (other_sku, other_span) = found[0]
        more = len(dict(found)) - 1
        message = f"`{sku}` and `{other_sku}` differ only by upper and lower case"
        if more:
            message += f", and so {'does' if more == 1 else 'do'} {more} more"
        help = "they are different SKUs: write the same one where the same is meant"
        findings.lint("PUSH319", message, span, help, related=_others(span, [other_span]))


def _say_doubles(skus: Sequence[str], term: n.FromFile, findings: Findings) -> None:
    if len(set(skus)) < len(skus):
        twice = [sku for sku, count in Counter(skus).items() if count > 1]
        message = f"{listed(twice, 3)} {'stands' if len(twice) == 1 else 'stand'} twice in `{term.path}`"
        findings.lint("PUSH302", message, term.span, "it counts once: delete the second line")


def _others(here: Span, spans: Iterable[Span]) -> list[Span]:
    return [span for span in dict.fromkeys(spans) if span != here][:3]
