"""A rule in; its statements that can never change anything out, each with the figure that says why.

Proved, not guessed: the ladder's steps run over all the values that they can have, whatever the stock and the pack
size. `Values` bound them from outside, so a statement that changes none of them is dead; where the bounds are too
wide nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pushdsl.findings import listed
from pushdsl.grammar import nodes as n
from pushdsl.model import PPM, QUANTITY_MAX
from pushdsl.rules import CheckedRule
from pushdsl.ruling import Ruling, Surroundings, percent
from pushdsl.shops import ASKED_FROM
from pushdsl.source import Span

ENDLESS = 10**18
"""More than any step can come to."""


@dataclass(frozen=True, slots=True)
class Values:
    """What a step can come to: 0 where `zero`, and anything from `low` to `high`."""

    zero: bool
    low: int
    high: int

    @property
    def least(self) -> int:
        return 0 if self.zero else self.low

    @property
    def constant(self) -> int | None:
        """The only value, where there is only one."""
        return self.high if self.least == self.high else None

    def at_most(self, cap: int) -> Values:
        return Values(self.zero, min(self.low, cap), min(self.high, cap))

    def at_least(self, floor: int) -> Values:
        return self if floor == 0 else Values(False, max(self.least, floor), max(self.high, floor))

    def hide_below(self, threshold: int) -> Values:
        if self.high < threshold:
            return Values(True, 0, 0)
        return Values(self.zero or self.low < threshold, max(self.low, threshold), self.high)


def say_dead(ruling: Ruling, around: Surroundings) -> None:
    """Lints for what has no effect. Of a rule that is broken or not wholly known nothing is said."""
    if not _is_known(ruling, around):
        return
    pushed = [_pushed(ruling.rule, store, around) for store in ruling.rule.stores]
    if _say_always_hidden(ruling, pushed, around):
        return
    _say_bounds(ruling, pushed, around)
    _say_buffer(ruling, around)
    _say_plus(ruling, around)
    _say_below(ruling, around)
    _say_slow_lane(ruling, around)


def _is_known(ruling: Ruling, around: Surroundings) -> bool:
    rule, said = ruling.rule, ruling.said
    known = ruling.stores_known and ruling.take_known and ruling.shares_known and not ruling.node.broken
    if not known or not rule.stores or not all(_is_fed(rule, store, around) for store in rule.stores):
        return False
    ways = sum(kind in said for kind in (n.Push, n.PushExactly, n.Split))
    if ways > 1 or (rule.take is None and rule.exactly is None) or (n.Preorder in said and rule.preorder is None):
        return False
    amounts: list[object] = []
    for statement in said.by_kind.values():
        match statement:
            case n.KeepBack(amount=amount) | n.AtMost(amount=amount) | n.AtLeast(amount=amount):
                amounts.append(amount)
            case n.HideBelow(amount=amount) | n.PushExactly(amount=amount) | n.Push(plus=amount):
                amounts.append(amount)
            case n.Below(threshold=amount) | n.Above(threshold=amount):
                amounts.append(amount)
            case _:
                pass
    named = [amount for amount in amounts if isinstance(amount, n.Name)]
    return all(_is_quantity(name, around) for name in named)


def _is_fed(rule: CheckedRule, store: str, around: Surroundings) -> bool:
    if not around.shops.is_whole(store):
        return False
    return rule.take is None or not around.shops.feeding(store).isdisjoint(rule.take)


def _is_quantity(name: n.Name, around: Surroundings) -> bool:
    let = around.names.values.get(name.text)
    return let is not None and isinstance(let.value, n.Quantity)


# ---- what a step can come to ------------------------------------------------------------------------


def _pushed(rule: CheckedRule, store: str, around: Surroundings, most_available: int = ENDLESS) -> Values:
    """After `push`, with so much available at most, in packs of 1 or more."""
    if rule.exactly is not None:
        return Values(False, rule.exactly, rule.exactly)
    percentages = _percentages_feeding(rule, store, around)
    # a shortfall counts in full, so above 100% one warehouse can be short of what another gives twice
    bounded = len(rule.take or ()) == 1 or max(percentages, default=0) <= PPM
    taken = most_available * max(percentages, default=0) if bounded else ENDLESS * PPM
    kept = max(taken - rule.keep_back * PPM, 0)
    high = kept * rule.shares[store] // PPM // PPM
    plus = rule.plus if taken > 0 or rule.even_at_zero else 0
    if rule.even_at_zero:
        return Values(False, plus, high + plus)
    return Values(True, min(plus, high + plus), high + plus)


def _bounded(rule: CheckedRule, values: Values, hide: bool = True) -> Values:
    """After the bounds."""
    values = values if rule.at_most is None else values.at_most(rule.at_most)
    values = values if rule.at_least is None else values.at_least(rule.at_least)
    return values if rule.hide_below is None or not hide else values.hide_below(rule.hide_below)


def _percentages_feeding(rule: CheckedRule, store: str, around: Surroundings) -> list[int]:
    """Of the warehouses of `take` that feed the store, in parts per million."""
    feeding = around.shops.feeding(store)
    return [ppm for warehouse, ppm in (rule.take or {}).items() if warehouse in feeding]


# ---- bounds -----------------------------------------------------------------------------------------


def _say_always_hidden(ruling: Ruling, pushed: Sequence[Values], around: Surroundings) -> bool:
    """Whether the rule can only show 0, which `push exactly 0 units` would say."""
    rule, findings = ruling.rule, around.findings
    if rule.exactly == 0:
        return True
    help = "`push exactly 0 units` says so, and looks at no stock"
    if all(values.high == 0 for values in pushed):
        if rule.at_least:
            return False
        if rule.preorder is None:
            of_take = not any(ppm for store in rule.stores for ppm in _percentages_feeding(rule, store, around))
            word = "take" if of_take else "split" if n.Split in ruling.said else "push"
            span = rule.spans.get(word, rule.spans["take"])
            findings.lint("PUSH325", f"`{word}` of 0% shows 0 whatever the stock", span, help)
        return True
    before = [_bounded(rule, values, hide=False) for values in pushed]
    most = max(values.high for values in before)
    if most == 0:
        if rule.preorder is None:
            findings.lint("PUSH325", "`at most 0 units` shows 0 whatever the stock", rule.spans["at most"], help)
        return True
    if rule.hide_below is not None and most < rule.hide_below:
        if rule.at_least:  # then `hide below` is above it, which is said already
            return True
        message = f"`hide below` hides everything: at most {_units(most)} can be shown"
        help = f"hide below {_units(most)} or fewer, or raise what is shown"
        findings.lint("PUSH325", message, rule.spans["hide below"], help, related=_there(rule, "at most"))
        return True
    return False


def _say_bounds(ruling: Ruling, pushed: Sequence[Values], around: Surroundings) -> None:
    rule, findings = ruling.rule, around.findings
    capped = list(pushed)
    if rule.at_most is not None:
        _say_cap(rule, pushed, around)
        capped = [values.at_most(rule.at_most) for values in pushed]
    raised = list(capped)
    if rule.at_least is not None:
        least = min(values.least for values in capped)
        if rule.at_least <= least:
            reason = "nothing is below 0" if rule.at_least == 0 else f"at least {_units(least)} are shown without it"
            _say_dead_statement(f"at least {_units(rule.at_least)}", reason, rule.spans["at least"], around)
        raised = [values.at_least(rule.at_least) for values in capped]
    if rule.hide_below is not None:
        hidden = f"hide below {_units(rule.hide_below)}"
        if rule.hide_below <= 1:
            reason = "nothing but 0 is fewer"
            _say_dead_statement(hidden, reason, rule.spans["hide below"], around)
        elif all(values.low >= rule.hide_below or values.high == 0 for values in raised):
            fewest = min(values.low for values in raised if values.high)
            reason = f"what is shown is {_units(fewest)} or more" + (", or 0" if any(v.zero for v in raised) else "")
            span = rule.spans["hide below"]
            findings.lint("PUSH322", f"`{hidden}` changes nothing: {reason}", span, _DELETE)


def _say_cap(rule: CheckedRule, pushed: Sequence[Values], around: Surroundings) -> None:
    cap, most = rule.at_most, max(values.high for values in pushed)
    assert cap is not None
    span, words = rule.spans["at most"], f"`at most {_units(cap)}` never binds"
    if most <= cap:
        around.findings.lint("PUSH323", f"{words}: the most pushed is {_units(most)}", span, _DELETE)
    elif cap >= QUANTITY_MAX:
        around.findings.lint("PUSH323", f"{words}: no store shows more", span, _DELETE)
    elif cap >= ASKED_FROM:
        maxima = [around.shops.maximum(store) for store in rule.stores]
        known = [maximum for maximum in maxima if maximum is not None]
        if len(known) == len(maxima) and max(known) <= cap:
            message = f"{words}: {listed(rule.stores)} {_show(len(rule.stores))} at most {max(known)}"
            help = "delete it, or lower it; only a listing with a higher maximum of its own could need it"
            around.findings.lint("PUSH323", message, span, help)


def _show(stores: int) -> str:
    return "shows" if stores == 1 else "show"


# ---- what comes before and after the bounds ---------------------------------------------------------


def _say_buffer(ruling: Ruling, around: Surroundings) -> None:
    rule = ruling.rule
    if "keep back" not in rule.spans or rule.exactly is not None:
        return
    if rule.keep_back == 0 and not rule.keep_back_safety:
        _say_dead_statement("keep back 0 units", "nothing is kept", rule.spans["keep back"], around)
    elif rule.plus and not any(rule.shares.values()):
        _say_dead_statement("keep back", "0% of the stock is pushed", rule.spans["keep back"], around)


def _say_plus(ruling: Ruling, around: Surroundings) -> None:
    push, rule = ruling.said.get(n.Push), ruling.rule
    if push is None or push.plus is None:
        return
    span = Span(push.span.source, push.plus.span.start, push.span.end)
    if rule.plus == 0:
        _say_dead_statement("plus 0 units", "nothing is added", span, around)
    elif not rule.even_at_zero and not _takes_anything(rule, around):
        _say_dead_statement("plus", "it is not added where nothing is taken, and 0% is", span, around)


def _takes_anything(rule: CheckedRule, around: Surroundings) -> bool:
    return any(ppm for store in rule.stores for ppm in _percentages_feeding(rule, store, around))


def _say_below(ruling: Ruling, around: Surroundings) -> None:
    rule = ruling.rule
    if rule.below is None or rule.take is None or rule.only.issuperset(rule.stores):
        return
    words, span = f"below {_units(rule.below)}", rule.spans["below"]
    if rule.below == 0:
        _say_dead_statement(words, "fewer than 0 are never available", span, around)
        return
    cut = [store for store in rule.stores if store not in rule.only]
    low = [_bounded(rule, _pushed(rule, store, around, rule.below - 1)) for store in cut]
    if all(values.high == 0 for values in low):
        reason = f"with {rule.below - 1} available {listed(cut, 2)} {_show(len(cut))} 0 already"
        _say_dead_statement(words, reason, span, around)


# ---- the slow lane ----------------------------------------------------------------------------------


def _say_slow_lane(ruling: Ruling, around: Surroundings) -> None:
    above, rule = ruling.said.get(n.Above), ruling.rule
    if above is None or rule.above is None or rule.take is None:
        return
    falls = above.unless_falls_by
    if falls is not None and rule.unless_falls_by is not None:
        span = falls.span
        if rule.unless_falls_by > PPM:
            words = f"unless it falls by {percent(rule.unless_falls_by)}"
            _say_dead_statement(words, "nothing falls by more than 100%", span, around)
        elif rule.increase_only:
            _say_dead_statement("unless it falls", "with `increase only` it never falls", span, around)
    if rule.above >= QUANTITY_MAX * len(rule.take):
        reason = f"{len(rule.take)} warehouse{'' if len(rule.take) == 1 else 's'} cannot hold more"
        _say_dead_statement(f"above {_units(rule.above)}", reason, above.span, around)
        return
    shown = {_shown_above(rule, store, around) for store in rule.stores}
    if None not in shown:
        numbers = " or ".join(str(number) for number in sorted(number for number in shown if number is not None))
        message = f"`above {_units(rule.above)}` slows nothing: there the quantity stays at {numbers}"
        help = "it only delays the way up to there; delete it, or begin lower (packs apart: they reach it later)"
        related = _there(rule, "at most") or _there(rule, "push exactly")
        around.findings.lint("PUSH324", message, above.span, help, related=related)


def _shown_above(rule: CheckedRule, store: str, around: Surroundings) -> int | None:
    """The quantity of single pieces wherever so much is available that the slow lane begins; None where it differs.

    No stock is below 0 for it.
    """
    assert rule.above is not None
    if rule.below is not None and rule.below > rule.above + 1 and store not in rule.only:
        return None
    if rule.preorder is not None and rule.preorder.close_above > rule.above:
        return None
    if rule.exactly is not None:
        return _bounded(rule, Values(False, rule.exactly, rule.exactly)).constant
    take = rule.take or {}
    everywhere = all(set(take) <= set(location.warehouses) for location in around.shops.fed(store, take))
    taken = (rule.above + 1) * min(take.values()) if everywhere else 0
    kept = 0 if rule.keep_back_safety else max(taken - rule.keep_back * PPM, 0)
    low = kept * rule.shares[store] // PPM // PPM + (rule.plus if taken > 0 or rule.even_at_zero else 0)
    high = ENDLESS if rule.shares[store] and any(take.values()) else rule.plus
    return _bounded(rule, Values(False, low, max(low, high))).constant


# ---- words ------------------------------------------------------------------------------------------

_DELETE = "delete it, or correct the number"


def _say_dead_statement(words: str, reason: str, span: Span, around: Surroundings) -> None:
    around.findings.lint("PUSH322", f"`{words}` changes nothing: {reason}", span, _DELETE)


def _units(number: int) -> str:
    return "1 unit" if number == 1 else f"{number} units"


def _there(rule: CheckedRule, word: str) -> Iterable[Span]:
    return [rule.spans[word]] if word in rule.spans else []
