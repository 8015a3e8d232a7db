"""One rule as written in; the rule with all its names and numbers resolved, and what is wrong or odd about it, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pushdsl.findings import Findings, listed
from pushdsl.grammar import nodes as n
from pushdsl.model import PPM, WAREHOUSES_MAX
from pushdsl.names import Names, once
from pushdsl.rules import CheckedPreorder, CheckedRule, SkuSet
from pushdsl.selectors import Selectors
from pushdsl.shops import ASKED_FROM, Shops
from pushdsl.source import Span
from pushdsl.statements import WORDS, Statements
from pushdsl.windows import window

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule is checked against, and where what is found goes."""

    names: Names
    selectors: Selectors
    shops: Shops
    findings: Findings


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule, resolved as far as it could be, and which parts of it can be trusted.

    `overrides` of the rule are only those that it names itself.
    """

    node: n.Rule
    said: Statements
    rule: CheckedRule
    skus_known: bool
    stores_known: bool
    take_known: bool
    shares_known: bool
    window_known: bool

    @property
    def comparable(self) -> bool:
        """Whether it is certain what the rule matches, where and when."""
        return self.skus_known and self.stores_known and self.window_known


def rule_on(node: n.Rule, around: Surroundings) -> Ruling:
    said = Statements(node.statements, around.findings)
    ruling = _resolved(node, said, around)
    _check_complete(node, said, around.findings)
    _check_only(ruling, around)
    _check_split(ruling, around)
    _check_preorder(ruling, around)
    _check_choice(ruling, around)
    _check_exactly(ruling, around.findings)
    _check_feeding(ruling, around)
    _check_bounds(ruling, around.findings)
    _check_maximum(ruling, around)
    _check_promised(ruling, around)
    _check_locations(ruling, around)
    return ruling


# ---- resolving --------------------------------------------------------------------------------------


def _resolved(node: n.Rule, said: Statements, around: Surroundings) -> Ruling:
    names = around.names
    selector, to, during, above = said.get(n.For), said.get(n.To), said.get(n.During), said.get(n.Above)
    selected = around.selectors.resolve(selector.selector) if selector else None
    stores = names.store_list(to.stores, "`to`") if to else None
    take, take_known = _take(said, names)
    shares_known, shares = _shares(said, stores.names if stores else (), around)
    active: tuple[datetime, datetime] | None = window(during, around.findings) if during else None
    keep_back, push, below = said.get(n.KeepBack), said.get(n.Push), said.get(n.Below)
    rule = CheckedRule(
        name=node.name.value,
        span=node.head,
        skus=selected.skus if selected else SkuSet((), (), node.head),
        stores=stores.names if stores else (),
        window=active,
        take=take,
        keep_back=_units(keep_back.amount if keep_back else None, names) or 0,
        keep_back_safety=keep_back is not None and keep_back.amount is None,
        shares=shares,
        plus=_units(push.plus if push else None, names) or 0,
        even_at_zero=push is not None and push.even_at_zero,
        exactly=_amount(said.get(n.PushExactly), names),
        at_most=_amount(said.get(n.AtMost), names),
        at_least=_amount(said.get(n.AtLeast), names),
        hide_below=_amount(said.get(n.HideBelow), names),
        below=_units(below.threshold if below else None, names),
        only=frozenset(_only(below, around)),
        preorder=_preorder(said, around),
        increase_only=n.IncreaseOnly in said,
        above=_units(above.threshold if above else None, names),
        every_seconds=(names.seconds(above.every) if above else None) or 0,
        unless_falls_by=names.ppm(above.unless_falls_by) if above and above.unless_falls_by else None,
        disabled=n.Disabled in said,
        overrides=_overrides(node, around),
        spans={WORDS[kind]: statement.span for kind, statement in said.by_kind.items()},
    )
    return Ruling(
        node=node,
        said=said,
        rule=rule,
        skus_known=selected is not None and selected.complete,
        stores_known=stores is not None and stores.complete,
        take_known=take_known,
        shares_known=shares_known,
        window_known=during is None or active is not None,
    )


def _units(value: n.QuantityValue | None, names: Names) -> int | None:
    return None if value is None else names.units(value)


def _amount(statement: n.PushExactly | n.AtMost | n.AtLeast | n.HideBelow | None, names: Names) -> int | None:
    return None if statement is None else names.units(statement.amount)


def _take(said: Statements, names: Names) -> tuple[Mapping[str, int] | None, bool]:
    """Parts per million by warehouse, and whether all of them are known."""
    take = said.get(n.Take)
    if take is None:
        return None, n.PushExactly in said
    include = [share.name for share in take.shares]
    left = names.warehouse_list(include, take.all_warehouses, take.exclude, take.span, "`take`")
    if take.all_warehouses:
        every = _percentage(take.all_percentage, names)
        return dict.fromkeys(left.names, PPM if every is None else every), left.complete and every is not None
    shares = {share.name.text: _percentage(share.percentage, names) for share in take.shares}
    known = {name: PPM if (ppm := shares[name]) is None else ppm for name in left.names}
    return known, left.complete and None not in shares.values()


def _percentage(value: n.PercentageValue | None, names: Names) -> int | None:
    """The percentage, all where none is given; None where its name is unknown."""
    return PPM if value is None else names.ppm(value)


def _shares(said: Statements, stores: tuple[str, ...], around: Surroundings) -> tuple[bool, Mapping[str, int]]:
    """Whether all percentages are known, and each store's parts per million."""
    names = around.names
    push, split = said.get(n.Push), said.get(n.Split)
    if split is None:
        ppm = names.ppm(push.percentage) if push else PPM
        return ppm is not None, dict.fromkeys(stores, PPM if ppm is None else ppm)
    once([share.name for share in split.shares], around.findings, strictly=True)
    shares: dict[str, int] = {}
    known = True
    for share in split.shares:
        ppm = _percentage(share.percentage, names)
        known = names.find(share.name, n.Store) is not None and ppm is not None and known
        shares.setdefault(share.name.text, 0 if ppm is None else ppm)
    return known, {store: shares.get(store, 0) for store in stores}


def _only(below: n.Below | None, around: Surroundings) -> Iterator[str]:
    if below is not None:
        once(below.only, around.findings)
        for name in below.only:
            yield from around.names.stores_of(name).names


def _preorder(said: Statements, around: Surroundings) -> CheckedPreorder | None:
    """The numbers of a `preorder` that has all it needs; what it lacks is said."""
    preorder = said.get(n.Preorder)
    if preorder is None:
        return None
    parts = Statements(preorder.statements, around.findings)
    needed = (n.OpenAt, n.CloseAbove, n.Add)
    missing = [WORDS[kind] for kind in needed if kind not in parts]
    if missing and not preorder.broken:
        message = f"`preorder` lacks {listed(missing)}"
        help = "it says when to open, when to close and how much to add, as `open at 5 units`"
        around.findings.error("PUSH204", message, preorder.span, help)
    open_at, close_above, add = (
        around.names.units(part.amount) if part else None
        for part in (parts.get(n.OpenAt), parts.get(n.CloseAbove), parts.get(n.Add))
    )
    days = _days(parts.get(n.ShipIn), around)
    if open_at is None or close_above is None or add is None:
        return None
    return CheckedPreorder(open_at, close_above, add, days)


def _days(ship_in: n.ShipIn | None, around: Surroundings) -> int | None:
    seconds = around.names.seconds(ship_in.duration) if ship_in else None
    if ship_in is None or seconds is None:
        return None
    if seconds % _DAY:
        help = f"write `{max(1, -(-seconds // _DAY))} days`" if seconds > _DAY else "write `1 day`"
        around.findings.error("PUSH209", "`ship in` counts whole days", ship_in.duration.span, help)
    return seconds // _DAY


def _overrides(node: n.Rule, around: Surroundings) -> frozenset[str]:
    once(node.overrides, around.findings)
    found: set[str] = set()
    for name in node.overrides:
        if name.value == node.name.value:
            help = "leave it out: name the rules that lose against this one"
            around.findings.error("PUSH223", f"rule `{name.value}` overrides itself", name.span, help)
        elif around.names.rule(name) is not None:
            found.add(name.value)
    return frozenset(found)


# ---- checking ---------------------------------------------------------------------------------------


def _check_complete(node: n.Rule, said: Statements, findings: Findings) -> None:
    """`for`, `to` and `take` must be there, and of the ways to push at most one."""
    needed = [n.For, n.To] if n.PushExactly in said else [n.For, n.To, n.Take]
    missing = [WORDS[kind] for kind in needed if kind not in said]
    if missing and not node.broken:
        message = f"rule `{node.name.value}` lacks {listed(missing)}"
        example = {"for": "for everything", "to": "to all stores", "take": "take all warehouses"}[missing[0]]
        findings.error("PUSH202", message, node.head, f"add it, for instance `{example}`")
    ways = [statement for kind in (n.Push, n.PushExactly, n.Split) if (statement := said.by_kind.get(kind))]
    ways.sort(key=lambda statement: statement.span.start)
    for other in ways[1:]:
        message = f"`{WORDS[type(other)]}` stands beside `{WORDS[type(ways[0])]}`"
        help = "a rule has one of `push`, `push exactly` and `split`"
        findings.error("PUSH203", message, other.span, help, related=[ways[0].span])


def _check_only(ruling: Ruling, around: Surroundings) -> None:
    below = ruling.said.get(n.Below)
    if below is None or not ruling.stores_known:
        return
    named: set[str] = set()
    known = True
    for name in below.only:
        if name.text not in around.names.stores and name.text not in around.names.groups:
            known = False
            continue
        stores = around.names.stores_of(name)
        known = known and stores.complete
        named.update(stores.names)
        if outside := [store for store in stores.names if store not in ruling.rule.stores]:
            _not_in_to(name, outside, ruling, around.findings)
            known = False
    if known and named.issuperset(ruling.rule.stores):
        help = "then `below` changes nothing: name fewer stores, or delete it"
        span = Span(below.span.source, below.only[0].span.start, below.span.end)
        around.findings.lint("PUSH314", "`only` names every store of the rule", span, help)


def _not_in_to(name: n.Name, outside: list[str], ruling: Ruling, findings: Findings) -> None:
    to = ruling.said.get(n.To)
    assert to is not None
    message = f"`{name.text}` is not in `to`"
    if outside != [name.text]:
        message = f"{listed(outside)} of `{name.text}` {'is' if len(outside) == 1 else 'are'} not in `to`"
    help = f"add it to `to`, or name one of {listed(ruling.rule.stores)}"
    findings.error("PUSH210", message, name.span, help, related=[to.span])


def _check_split(ruling: Ruling, around: Surroundings) -> None:
    split, rule = ruling.said.get(n.Split), ruling.rule
    if split is None:
        return
    named = {share.name.text: share.name for share in split.shares if share.name.text in around.names.stores}
    if ruling.stores_known:
        for text, name in named.items():
            if text not in rule.stores:
                _not_in_to(name, [text], ruling, around.findings)
        left_out = [store for store in rule.stores if store not in named]
        if left_out and len(named) == len(split.shares):
            message = f"`split` leaves out {listed(left_out)}"
            help = f"give it a share as `{left_out[0]} 10%`, `0%` to send none, or take it out of `to`"
            around.findings.error("PUSH211", message, split.span, help)
    if ruling.shares_known:
        total = sum(ppm for share in split.shares if (ppm := _percentage(share.percentage, around.names)) is not None)
        if total > PPM:
            help = "the shares come to 100% at most"
            around.findings.error("PUSH212", f"`split` gives away {percent(total)}", split.span, help)


def _check_preorder(ruling: Ruling, around: Surroundings) -> None:
    preorder, rule, findings = ruling.said.get(n.Preorder), ruling.rule, around.findings
    if preorder is None:
        return
    span = Span(preorder.span.source, preorder.span.start, preorder.span.start + len("preorder"))
    parts = {type(part): part for part in reversed(preorder.statements)}
    if (numbers := rule.preorder) is not None:
        open_at, close_above = parts[n.OpenAt].span, parts[n.CloseAbove].span
        if numbers.close_above < numbers.open_at:
            help = "close above more units than open it, or it would open and close at once"
            message = "`close above` is less than `open at`"
            findings.error("PUSH213", message, close_above, help, related=[open_at])
        elif numbers.close_above == numbers.open_at:
            help = "one unit more or less opens and closes it: leave some room between the two"
            findings.lint("PUSH305", "`close above` equals `open at`", close_above, help, related=[open_at])
        if rule.below is not None and rule.below > numbers.open_at:
            help = "stores that `only` does not name are cut to 0, and pre-order adds to that"
            message = "the threshold of `below` is above `open at`"
            findings.lint("PUSH315", message, rule.spans["below"], help, related=[open_at])
    if ruling.stores_known and rule.stores:
        cannot = [store for store in rule.stores if around.shops.can_preorder(store) is False]
        if len(cannot) == len(rule.stores):
            help = "delete `preorder`, or send to a store whose platform has it"
            findings.error("PUSH220", f"{listed(cannot)} cannot pre-order", span, help)
        elif cannot:
            help = "there the quantity stays what the stock gives, without pre-order"
            findings.lint("PUSH306", f"{listed(cannot)} cannot pre-order", span, help)
        if numbers is not None and numbers.ship_in_days is not None:
            _check_days(numbers.ship_in_days, parts[n.ShipIn].span, rule.stores, around)


def _check_days(days: int, span: Span, stores: Sequence[str], around: Surroundings) -> None:
    """A range of the platform that holds for all listings; one of a listing is known only from the facts."""
    ranges = {store: found for store in stores if (found := around.shops.days_to_ship(store)) is not None}
    outside = [store for store, (fewest, most) in ranges.items() if not fewest <= days <= most]
    if outside:
        fewest, most = ranges[outside[0]]
        message = f"`{outside[0]}` ships in {fewest} to {most} days, not in {days}"
        help = f"{most} days are sent there, unless the listing has a range of its own"
        around.findings.lint("PUSH328", message, span, help)


def _check_choice(ruling: Ruling, around: Surroundings) -> None:
    rule, said, findings = ruling.rule, ruling.said, around.findings
    choice = [store for store in rule.stores if around.shops.stores[store].choice]
    to = said.get(n.To)
    if not choice or to is None:
        return
    if len(choice) < len(rule.stores):
        others = [store for store in rule.stores if store not in choice]
        message = f"{listed(choice)} {'is a' if len(choice) == 1 else 'are'} Choice, {listed(others, 2)} not"
        help = "give Choice stores a rule of their own: their quantity may only rise"
        findings.error("PUSH214", message, to.span, help)
        return
    if n.IncreaseOnly not in said and not ruling.node.broken:
        help = "add `increase only`"
        findings.error("PUSH215", "a rule for a Choice store says `increase only`", ruling.node.head, help)
    for cut in (said.get(n.Below), said.get(n.HideBelow)):
        if cut is not None:
            message = f"`{WORDS[type(cut)]}` cannot lower the quantity of a Choice store"
            findings.error("PUSH216", message, cut.span, "delete it from this rule")
    for statement, ppm in _percentages(ruling):
        if ppm > PPM:
            message = f"`{WORDS[type(statement)]}` gives a Choice store {percent(ppm)}"
            help = "a Choice store can never take a quantity back: 100% at most"
            findings.error("PUSH217", message, statement.span, help)


def _percentages(ruling: Ruling) -> Iterator[tuple[n.Push | n.Take, int]]:
    """`push` and `take` with their largest percentage."""
    push, take = ruling.said.get(n.Push), ruling.said.get(n.Take)
    if push is not None and ruling.shares_known:
        yield push, max(ruling.rule.shares.values(), default=0)
    if take is not None and ruling.rule.take:
        yield take, max(ruling.rule.take.values())


def _check_exactly(ruling: Ruling, findings: Findings) -> None:
    said = ruling.said
    exactly = said.get(n.PushExactly)
    if exactly is None:
        return
    if (keep_back := said.get(n.KeepBack)) is not None:
        help = "`push exactly` looks at no stock: delete one of the two"
        message = "`keep back` has no effect with `push exactly`"
        findings.error("PUSH218", message, keep_back.span, help, related=[exactly.span])
    if n.Take not in said and not ruling.node.broken:
        for statement in (said.get(n.Below), said.get(n.Preorder), said.get(n.Above)):
            if statement is not None:
                word = WORDS[type(statement)]
                span = Span(statement.span.source, statement.span.start, statement.span.start + len(word))
                help = "add a `take`: its stock is what the threshold looks at"
                findings.error("PUSH219", f"`{word}` has no stock to look at without `take`", span, help)


def _check_feeding(ruling: Ruling, around: Surroundings) -> None:
    take, rule = ruling.said.get(n.Take), ruling.rule
    if take is None or not ruling.take_known or rule.take is None:
        return
    if len(rule.take) > WAREHOUSES_MAX:
        message = f"the rule takes from {len(rule.take)} warehouses"
        around.findings.error("PUSH222", message, take.span, f"take from {WAREHOUSES_MAX} at most")
    if not ruling.stores_known or not all(around.shops.is_whole(store) for store in rule.stores):
        return
    unfed = [store for store in rule.stores if not around.shops.fed(store, rule.take)]
    if unfed and len(unfed) == len(rule.stores):
        help = "see the `location` lines of the store: take from a warehouse that stands there"
        around.findings.error("PUSH221", f"no warehouse of `take` feeds {listed(unfed)}", take.span, help)
    elif unfed:
        help = "the rule sends nothing there: take from a warehouse that feeds it, or take it out of `to`"
        around.findings.lint("PUSH307", f"no warehouse of `take` feeds {listed(unfed)}", take.span, help)


def _check_maximum(ruling: Ruling, around: Surroundings) -> None:
    """A number that some store of the rule cannot show: there it is cut."""
    rule = ruling.rule
    for words, number in (("push exactly", rule.exactly), ("at least", rule.at_least)):
        if number is None or number < ASKED_FROM:
            continue
        maxima = ((store, around.shops.maximum(store)) for store in rule.stores)
        less = [(store, most) for store, most in maxima if most is not None and most < number]
        if less:
            message = f"{listed([store for store, _ in less])} cannot show {number} of a listing"
            each = ", ".join(f"`{store}` {most}" for store, most in less)
            help = f"the most that is shown: {each}"
            around.findings.lint("PUSH327", message, rule.spans[words], help)


def _check_bounds(ruling: Ruling, findings: Findings) -> None:
    rule = ruling.rule
    if rule.at_least:
        help = "it may be sold although it does not exist: keep it only if that is meant"
        findings.lint("PUSH311", "`at least` can show stock that does not exist", rule.spans["at least"], help)
    if rule.at_least is not None and rule.at_most is not None and rule.at_least > rule.at_most:
        help = f"`at least` wins: always {rule.at_least} units are shown"
        message = "`at least` is above `at most`"
        findings.lint("PUSH312", message, rule.spans["at least"], help, related=[rule.spans["at most"]])
    if rule.at_least and rule.hide_below is not None and rule.hide_below > rule.at_least:
        help = "what `at least` raises is hidden again: raise to more, or hide below fewer"
        message = "`hide below` is above `at least`"
        findings.lint("PUSH313", message, rule.spans["hide below"], help, related=[rule.spans["at least"]])


def _check_promised(ruling: Ruling, around: Surroundings) -> None:
    """More than 100% to one store, or of one warehouse to several stores together."""
    rule, said, findings = ruling.rule, ruling.said, around.findings
    if any(around.shops.stores[store].choice for store in rule.stores):
        return
    for statement, ppm in _percentages(ruling):
        if ppm > PPM:
            help = "it promises more than there is: keep it only if that is meant"
            message = f"`{WORDS[type(statement)]}` of {percent(ppm)} sells stock that does not exist"
            findings.lint("PUSH308", message, statement.span, help)
    known = ruling.stores_known and ruling.take_known and ruling.shares_known
    if n.PushExactly in said or not known or rule.take is None or len(rule.stores) < 2:
        return
    if n.Split in said and sum(rule.shares.values()) > PPM:
        return
    promised = {warehouse: _promised(warehouse, ppm, ruling, around) for warehouse, ppm in rule.take.items()}
    warehouse = max(promised, key=promised.__getitem__, default="")
    if promised and promised[warehouse] > PPM:
        message = f"{percent(promised[warehouse])} of `{warehouse}` is promised to {len(rule.stores)} stores together"
        help = "each may sell it before the others are told; `split` gives every store a share of its own"
        span = rule.spans.get("split") or rule.spans.get("push") or rule.spans["take"]
        findings.lint("PUSH309", message, span, help)


def _promised(warehouse: str, ppm: int, ruling: Ruling, around: Surroundings) -> int:
    """What the rule promises of a warehouse to all its stores together, in parts per million."""
    fed = {
        store: sum(warehouse in location.warehouses for location in around.shops.stores[store].locations)
        for store in ruling.rule.stores
    }
    return sum(fed[store] * ruling.rule.shares[store] for store in fed) * ppm // PPM


def _check_locations(ruling: Ruling, around: Surroundings) -> None:
    """Numbers that apply at every location of a store that has several."""
    rule, said = ruling.rule, ruling.said
    several = [store for store in rule.stores if len(around.shops.fed(store, rule.take)) > 1]
    if not several:
        return
    places: list[tuple[str, Span]] = []
    if (keep_back := said.get(n.KeepBack)) is not None:
        places.append(("keep back", keep_back.span))
    if (push := said.get(n.Push)) is not None and push.plus is not None:
        places.append(("plus", push.span))
    if (exactly := said.get(n.PushExactly)) is not None:
        places.append(("push exactly", exactly.span))
    if (preorder := said.get(n.Preorder)) is not None:
        places += [("add", part.span) for part in preorder.statements if isinstance(part, n.Add)]
    for word, span in places:
        message = f"`{word}` applies at each location of {listed(several)}"
        around.findings.lint("PUSH316", message, span, "give the number for one location")


def percent(ppm: int) -> str:
    """Parts per million as the language writes them: 1_255_000 is `125.5%`."""
    whole, rest = divmod(ppm, PPM // 100)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + "%"
