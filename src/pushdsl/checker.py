"""Loaded rule files in; rules that may be planned out, or everything that is wrong with them.

What it says about names is in `names`, about stores in `shops`, about one rule in `ruling`, about statements without
effect in `dead`, about SKUs in `spelling`, about limits in `limits`. Here it is put together, with what only shows
between rules: who overrides whom, which match the same listing (`rivals`), and what nobody has (`coverage`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pushdsl.coverage import shadowed, uncovered
from pushdsl.dead import say_dead
from pushdsl.errors import Diagnostic, RuleError
from pushdsl.findings import CODES, Findings, listed
from pushdsl.grammar import parser
from pushdsl.limits import UNLIMITED, LimitsProfile, say_many_rules, too_many_skus
from pushdsl.loader import CODES as LOADER_CODES
from pushdsl.loader import Loaded
from pushdsl.names import Names, quoted
from pushdsl.overlap import certainly_named, may_meet
from pushdsl.rivals import Claim, rivals, windows_meet
from pushdsl.rules import CheckedRules
from pushdsl.ruling import Ruling, Surroundings, rule_on
from pushdsl.selectors import Selectors
from pushdsl.shops import Capabilities, Platforms, Shops
from pushdsl.silencing import silence
from pushdsl.spelling import say_spelling
from pushdsl.trial_checks import check_tests

__all__ = ["CODES", "Capabilities", "Platforms", "check", "diagnose"]

_MANY = 1_000


def check(loaded: Loaded, platforms: Platforms, profile: LimitsProfile = UNLIMITED) -> CheckedRules:
    """The rules; raises RuleError with every diagnostic of every file where one of them is an error."""
    rules, diagnostics = diagnose(loaded, platforms, profile)
    if rules is None:
        raise RuleError(diagnostics)
    return rules


def diagnose(
    loaded: Loaded, platforms: Platforms, profile: LimitsProfile = UNLIMITED
) -> tuple[CheckedRules | None, tuple[Diagnostic, ...]]:
    """The rules where nothing is an error, and every diagnostic, lints included, in the order of the text.

    Of the `profile` it enforces what the text alone tells: rules, platforms, and the SKUs that a rule names.
    """
    with _collector_paused(sum(len(file.declarations) for file in loaded.files) > _MANY):
        return _diagnose(loaded, platforms, profile)


def _diagnose(
    loaded: Loaded, platforms: Platforms, profile: LimitsProfile
) -> tuple[CheckedRules | None, tuple[Diagnostic, ...]]:
    findings = Findings()
    names = Names(loaded, findings)
    shops = Shops(names, platforms, findings, profile)
    around = Surroundings(names, Selectors(loaded, names, findings), shops, findings)
    _resolve_unused(around)
    rulings = [rule_on(node, around) for node in names.all_rules]
    overrides = _all_overridden(rulings, findings)
    _check_overrides(rulings, overrides, around)
    _check_rivals(rulings, overrides, around)
    _check_choice_warehouses(rulings, around)
    for ruling in rulings:
        say_dead(ruling, around)
    say_spelling(loaded, findings)
    _check_limits(rulings, profile, around)
    names.resolve_promises()
    tests = check_tests(names, shops, _sent_to(rulings), findings)
    names.say_unused()
    diagnostics = _in_order(loaded, findings)
    if any(diagnostic.severity == "error" for diagnostic in diagnostics):
        return None, diagnostics
    rules = CheckedRules(
        tuple(replace(ruling.rule, overrides=overrides[ruling.rule.name]) for ruling in rulings),
        tuple(names.warehouses),
        around.shops.stores,
        tuple(said for said in diagnostics if not said.silenced),
        loaded.sha256,
        tests,
    )
    return rules, diagnostics


@contextmanager
def _collector_paused(pause: bool) -> Iterator[None]:
    """No search for garbage among millions of values that all stay: it would take longer than the checking."""
    if not (pause and gc.isenabled()):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _resolve_unused(around: Surroundings) -> None:
    """Groups and sets are checked whether a rule names them or not."""
    for group in around.names.groups.values():
        around.names.members_of(group)
    for declared in around.names.sets.values():
        around.selectors.declared(declared)


def _sent_to(rulings: Sequence[Ruling]) -> frozenset[str] | None:
    """The stores that some rule names; None where that is not certain."""
    if not all(ruling.stores_known for ruling in rulings):
        return None
    return frozenset(store for ruling in rulings for store in ruling.rule.stores)


# ---- overrides --------------------------------------------------------------------------------------


def _all_overridden(rulings: Sequence[Ruling], findings: Findings) -> Mapping[str, frozenset[str]]:
    """For every rule all that it is above, directly or through others; circles are said."""
    direct = {ruling.rule.name: ruling.rule.overrides for ruling in reversed(rulings)}
    everything: dict[str, frozenset[str]] = {}
    for name in direct:
        found: set[str] = set()
        waiting = list(direct[name])
        while waiting:
            if (other := waiting.pop()) not in found:
                found.add(other)
                waiting += direct[other]
        everything[name] = frozenset(found)
    said: set[str] = set()
    for ruling in rulings:
        name = ruling.rule.name
        if name in everything[name] and name not in said:
            members = [other for other in direct if other in everything[name] and name in everything[other]]
            said.update(members)
            message = f"rule `{name}` overrides itself through {listed(_way_back(name, direct))}"
            help = "take one `overrides` of the circle out, so that one of the rules wins"
            related = [other.node.head for other in rulings if other.rule.name in members and other is not ruling]
            findings.error("PUSH223", message, ruling.node.head, help, related=related)
    return everything


def _way_back(name: str, direct: Mapping[str, frozenset[str]]) -> list[str]:
    """The rules on the shortest way from `name` to itself."""
    came_from: dict[str, str] = {}
    waiting = [name]
    for rule in waiting:
        for other in sorted(direct[rule]):
            if other == name:
                way = [rule]
                while way[-1] != name:
                    way.append(came_from[way[-1]])
                return way[-2::-1]
            if other not in came_from:
                came_from[other] = rule
                waiting.append(other)
    raise AssertionError(name)


def _check_overrides(rulings: Sequence[Ruling], overrides: Mapping[str, frozenset[str]], around: Surroundings) -> None:
    """A lint for every `overrides` of a rule that has no listing in common with this one, nor what it overrides."""
    by_name = {ruling.rule.name: ruling for ruling in reversed(rulings)}
    for ruling in rulings:
        for written in ruling.node.overrides:
            other = by_name.get(written.value)
            if other is None or other is ruling:
                continue
            through = [other, *(by_name[name] for name in overrides[written.value])]
            if not any(_may_overlap(ruling, one, around) for one in through):
                message = f"no listing can match both this rule and `{written.value}`"
                help = "delete it from `overrides`, or correct what the rules match"
                around.findings.lint("PUSH317", message, written.span, help, related=[other.node.head])


def _may_overlap(a: Ruling, b: Ruling, around: Surroundings) -> bool:
    if not a.comparable or not b.comparable:
        return True
    if not set(a.rule.stores) & set(b.rule.stores) or not windows_meet(a.rule.window, b.rule.window):
        return False
    of = around.selectors.selections.of
    return may_meet(of(a.rule.skus), of(b.rule.skus))


# ---- between rules ----------------------------------------------------------------------------------


def _check_rivals(rulings: Sequence[Ruling], overrides: Mapping[str, frozenset[str]], around: Surroundings) -> None:
    claims = [
        Claim(
            place,
            ruling.rule.name,
            around.selectors.selections.of(ruling.rule.skus),
            ruling.rule.stores,
            ruling.rule.window,
            overrides[ruling.rule.name],
        )
        for place, ruling in enumerate(rulings)
        if ruling.comparable and not ruling.rule.disabled and not around.names.in_doubt(ruling.rule.name)
    ]
    _say_coverage(claims, rulings, around)
    for rival in rivals(claims):
        first, second = rival.first, rival.second
        message = f"`{first.name}` and `{second.name}` both match {rival.words} in `{rival.store}`"
        help = f"say which of them wins, as `rule {quoted(second.name)} overrides {quoted(first.name)}`"
        heads = rulings[second.place].node.head, rulings[first.place].node.head
        around.findings.error("PUSH224", message, heads[0], help, related=[heads[1]])


def _say_coverage(claims: Sequence[Claim], rulings: Sequence[Ruling], around: Surroundings) -> None:
    """Lints for rules that others have wholly, and for what nobody has when a window closes."""
    idle: set[int] = set()
    for found in shadowed(claims):
        idle.add(found.claim.place)
        above = [claim.name for claim in found.above]
        message = f"rule `{found.claim.name}` never has a listing: {listed(above)} override{'s' * (len(above) == 1)} it"
        help = "they match all that it matches, wherever and whenever it does: narrow them, or delete this rule"
        heads = [rulings[claim.place].node.head for claim in found.above]
        around.findings.lint("PUSH326", message, rulings[found.claim.place].node.head, help, related=heads[:3])
    if not all(ruling.comparable for ruling in rulings):
        return
    for left in uncovered(claims):
        if left.claim.place not in idle:
            span = rulings[left.claim.place].rule.spans["during"]
            message = f"{left.words} will have no rule in `{left.store}` once the window closes"
            help = "it keeps what it showed last: add a rule for the time after, which this one overrides"
            around.findings.lint("PUSH318", message, span, help)


def _check_choice_warehouses(rulings: Sequence[Ruling], around: Surroundings) -> None:
    """A lint for each Choice rule whose stock other stores can sell: its quantity cannot follow them down."""
    taken_for: dict[str, dict[str, None]] = {}
    for ruling in rulings:
        if not ruling.rule.disabled:
            for warehouse, store in _feeds(ruling, around):
                taken_for.setdefault(warehouse, {})[store] = None
    for ruling in rulings:
        rule = ruling.rule
        if not rule.stores or not all(around.shops.stores[store].choice for store in rule.stores):
            continue
        for warehouse in rule.take or ():
            others = [store for store in taken_for.get(warehouse, ()) if store not in rule.stores]
            if others:
                message = f"`{warehouse}` also feeds {listed(others)}"
                help = "a Choice store keeps what others have sold: give it a warehouse of its own"
                around.findings.lint("PUSH310", message, rule.spans["take"], help)


def _feeds(ruling: Ruling, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Each warehouse that the rule takes from with each store that gets stock of it."""
    for store in ruling.rule.stores:
        for location in around.shops.fed(store, ruling.rule.take or ()):
            yield from (
                (warehouse, store) for warehouse in location.warehouses if warehouse in (ruling.rule.take or ())
            )


def _check_limits(rulings: Sequence[Ruling], profile: LimitsProfile, around: Surroundings) -> None:
    """Rules and SKUs beyond what the profile allows; a disabled rule selects nothing and does not count."""
    enabled = [ruling for ruling in rulings if not ruling.rule.disabled]
    say_many_rules([ruling.node.head for ruling in enabled], profile, around.findings)
    most = profile.skus_per_rule
    for ruling in enabled if most is not None else ():
        selection = around.selectors.selections.of(ruling.rule.skus)
        if most is not None and ruling.skus_known and len(selection.named) > most:
            count = sum(1 for _ in certainly_named(selection))
            if (said := too_many_skus(ruling.rule.name, ruling.node.head, count, profile)) is not None:
                around.findings.diagnostics.append(said)


# ---- what is said -----------------------------------------------------------------------------------


def _in_order(loaded: Loaded, findings: Findings) -> tuple[Diagnostic, ...]:
    """All diagnostics in the order of files and text, less those about a line that could not be read.

    What a comment silences stays among them, with its reason.
    """
    place = {id(file.source): number for number, file in enumerate(loaded.files)}
    broken = {
        (id(said.span.source), said.span.line)
        for said in loaded.diagnostics
        if said.span is not None and said.severity == "error"
    }
    spoken = [
        said
        for said in findings.diagnostics
        if said.span is None or (id(said.span.source), said.span.line) not in broken
    ]

    def key(said: Diagnostic) -> tuple[int, int]:
        return (place.get(id(said.span.source), len(place)), said.span.start) if said.span is not None else (-1, 0)

    sources = [file.source for file in loaded.files]
    known = {**parser.CODES, **LOADER_CODES, **CODES}
    return tuple(sorted(silence(sources, (*loaded.diagnostics, *spoken), known), key=key))
