"""Checked rules in; what they do to each store as plain sentences, and as short values for a table, out.

Written for the owner of the shop, who never saw the language: what a rule leaves unsaid is said too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushdsl.grammar import nodes as n
from pushdsl.model import PPM, Location, Store
from pushdsl.rules import CheckedRule, CheckedRules, SkuSet, SkuTerm
from pushdsl.source import Span
from pushdsl.why import percent, units

if TYPE_CHECKING:  # columns bring numpy, and sentences need none
    from pushdsl.cells import Limits


@dataclass(frozen=True, slots=True)
class Names:
    """What only the text knows: the labels of warehouses, each window in its own zone, and the promises."""

    labels: Mapping[str, str]
    windows: Mapping[str, n.During]
    promises: tuple[str, ...]


def names_of(files: Iterable[n.File]) -> Names:
    declarations = [declaration for file in files for declaration in file.declarations]
    labels = {d.name.text: d.label.value for d in declarations if isinstance(d, n.Warehouse) and d.label}
    windows = {
        rule.name.value: statement
        for rule in declarations if isinstance(rule, n.Rule)
        for statement in rule.statements if isinstance(statement, n.During)
    }  # fmt: skip
    promises = [" ".join(d.span.text.split()[1:]) for d in declarations if d.span.text.startswith("promise")]
    return Names(labels, windows, tuple(promises))


@dataclass(frozen=True, slots=True)
class RuleText:
    """One rule: what it is about, what each group of stores that are treated alike shows, and what it leaves unsaid."""

    name: str
    span: Span
    about: tuple[str, ...]
    stores: tuple[tuple[str, tuple[str, ...]], ...]
    unsaid: str


@dataclass(frozen=True, slots=True)
class BookText:
    """All rules as sentences: the stores first, then each rule, then what holds for all of them."""

    stores: tuple[str, ...]
    rules: tuple[RuleText, ...]
    promises: tuple[str, ...]
    general: tuple[str, ...]


def book(rules: CheckedRules, limits: Mapping[str, Limits], names: Names) -> BookText:
    above: dict[str, list[str]] = {}
    for rule in rules.rules:
        for other in () if rule.disabled else rule.overrides:
            above.setdefault(other, []).append(rule.name)
    return BookText(
        tuple(_store_sentence(store, rules, limits[store.name], names) for store in rules.stores.values()),
        tuple(_rule_text(rule, above.get(rule.name, ()), rules, limits, names) for rule in rules.rules),
        names.promises,
        _GENERAL,
    )


_GENERAL = (
    "What a warehouse has is what lies there less what is allocated to orders; a shortfall is taken off in full.",
    "“Available” is what all the warehouses of a rule have together.",
    "Fractions are rounded down, once; a listing that is a pack counts whole packs.",
    "Goods that are not counted, or are sold on when out of stock, show the store's maximum.",
    "Goods that no warehouse of a rule knows are not pushed, rather than shown as 0.",
    "A listing without a rule, or with two rules of which none goes before the other, keeps what it shows.",
)

# ---- stores -----------------------------------------------------------------------------------------


def store_name(store: Store) -> str:
    """`shopee_my (Shopee MY)`."""
    return f"{store.name} ({' '.join([store.platform.capitalize(), *([store.region] if store.region else [])])})"


def _store_sentence(store: Store, rules: CheckedRules, limits: Limits, names: Names) -> str:
    parts = [f"{store_name(store)} shows at most {limits.max_quantity:,} pieces of a listing"]
    if store.choice:
        parts.append("is a Choice store, so its numbers may only rise")
    if limits.counts_reserved:
        parts.append("counts the pieces reserved for promotions inside its number, so they are added on top")
    named = [location for location in store.locations if location.name]
    parts += [f"has a warehouse “{x.name}” that is fed by {_and(_labels(x.warehouses, names))}" for x in named]
    covered = any(store.name in rule.stores for rule in rules.rules if not rule.disabled)
    return f"{_and(parts)}." + ("" if covered else " Nothing is sent there: no rule that is switched on names it.")


# ---- a rule -----------------------------------------------------------------------------------------


def _rule_text(
    rule: CheckedRule, above: Sequence[str], rules: CheckedRules, limits: Mapping[str, Limits], names: Names
) -> RuleText:
    alike: dict[tuple[str, ...], list[Store]] = {}
    for name in rule.stores:
        store = rules.stores[name]
        alike.setdefault(tuple(_sentences(rule, store, limits[name], names)), []).append(store)
    return RuleText(
        rule.name,
        rule.span,
        tuple(_about(rule, above, names)),
        tuple((_and([store_name(store) for store in stores]), told) for told, stores in alike.items()),
        _unsaid(rule),
    )


def _about(rule: CheckedRule, above: Sequence[str], names: Names) -> Iterator[str]:
    if rule.disabled:
        yield "It is switched off and does nothing. Were it on:"
    yield f"It is for {selection(rule.skus)}."
    if rule.window is not None:
        yield f"It holds only {window_text(rule, names)}; before and after it does not exist."
    if rule.overrides:
        yield f"It goes before {_rules(rule.overrides)}: what both are for is this one's."
    if above:
        yield f"It gives way to {_rules(above)}."


def _rules(names: Iterable[str]) -> str:
    return _and([f"“{name}”" for name in sorted(names)])


def window_text(rule: CheckedRule, names: Names) -> str:
    assert rule.window is not None
    written = names.windows.get(rule.name)
    if written is None:
        start, end = rule.window
        return f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} (UTC)"
    return f"from {written.start.value} to {written.end.value} ({written.zone.value})"


def _sentences(rule: CheckedRule, store: Store, limits: Limits, names: Names) -> Iterator[str]:
    """What one store shows under a rule, the quantity first."""
    for number, location in enumerate(store.locations):
        place = f"{'In' if number else 'in'} its warehouse “{location.name}”: " if location.name else ""
        quantity = _quantity(rule, store, location, names)
        yield f"{place}{quantity}." if quantity else f"{place}nothing is sent, no warehouse of this rule feeds it."
    if rule.below is not None:
        others = [name for name in rule.stores if name not in rule.only]
        if store.name not in rule.only:
            yield f"While available is below {units(rule.below)}: 0; only {_and(_only(rule))} may sell on."
        elif others:
            yield f"While available is below {units(rule.below)}: sells on, and 0 is shown on {_and(others)}."
        else:
            yield f"While available is below {units(rule.below)}: sells on, as every store of this rule does."
    if rule.preorder is not None:
        yield from _preorder(rule, limits)
    if rule.increase_only:
        yield "The number shown may rise and never falls; until it is known, nothing is sent."
    if rule.above is not None:
        sooner = f", unless the number falls by {percent(rule.unless_falls_by)} or more" if rule.unless_falls_by else ""
        yield (
            f"While available is above {units(rule.above)}, a new number is sent at most every "
            f"{duration(rule.every_seconds)}{sooner}."
        )


def _quantity(rule: CheckedRule, store: Store, location: Location, names: Names) -> str:
    """The number in one phrase, in the order in which it comes about; empty where nothing feeds the location."""
    feeding = {w: ppm for w, ppm in (rule.take or {}).items() if w in location.warehouses}
    if rule.take is not None and not feeding:
        return ""
    if rule.exactly is not None:
        parts = [f"always {pieces(rule.exactly)}, whatever is in stock"]
    else:
        parts = [_source(rule, store, feeding, names)]
        if rule.plus:
            when = "even when there is no stock" if rule.even_at_zero else "as long as there is any stock"
            parts.append(f"plus {pieces(rule.plus)} ({when})")
    if rule.at_most is not None:
        parts.append(f"at most {pieces(rule.at_most)}")
    if rule.at_least is not None:
        parts.append(f"at least {pieces(rule.at_least)} (even where there are fewer)")
    if rule.hide_below is not None:
        parts.append(f"0 instead of fewer than {pieces(rule.hide_below)}")
    return ", ".join(parts)


def _source(rule: CheckedRule, store: Store, feeding: Mapping[str, int], names: Names) -> str:
    """What is taken, less what is kept back, and how much of that."""
    share = rule.shares.get(store.name, PPM)
    alone = len(feeding) == 1 and next(iter(feeding.values())) == PPM and not _keeps_back(rule)
    if alone and share != PPM and "split" not in rule.spans:
        return f"{percent(share)} of what {_and(_labels(feeding, names))} has"
    taken = " plus ".join(
        f"what {label} has" if ppm == PPM else f"{percent(ppm)} of what {label} has"
        for label, ppm in zip(_labels(feeding, names), feeding.values(), strict=True)
    )
    if rule.keep_back_safety:
        taken += f", less the safety stock of {_and(_labels(feeding, names))}"
    elif rule.keep_back:
        taken += f", less {units(rule.keep_back)} kept back"
    if "split" in rule.spans:
        return f"{taken}; {percent(share)} of that is this store's part"
    return taken if share == PPM else f"{taken}; {percent(share)} of that"


def _keeps_back(rule: CheckedRule) -> bool:
    return rule.keep_back_safety or rule.keep_back > 0


def _preorder(rule: CheckedRule, limits: Limits) -> Iterator[str]:
    assert rule.preorder is not None
    if not limits.preorder:
        yield "It cannot pre-order, so what the rule says of pre-order does nothing here."
        return
    days = rule.preorder.ship_in_days
    ships = "ships in the longest time that the store allows"
    if days:
        ships = f"ships in {_counted(days, 'day')} (or {ships.removeprefix('ships ')}, where it does not allow that)"
    yield (
        f"Pre-order opens when available falls to {units(rule.preorder.open_at)} or below, and closes when it rises "
        f"above {units(rule.preorder.close_above)}; while open, it adds {pieces(rule.preorder.add)} and {ships}."
    )


def _only(rule: CheckedRule) -> list[str]:
    return [name for name in rule.stores if name in rule.only]


def _unsaid(rule: CheckedRule) -> str:
    """The defaults that this rule goes by, in one sentence."""
    says = rule.spans
    defaults = []
    if rule.window is None:
        defaults.append("it always holds")
    if rule.exactly is None and not _keeps_back(rule):
        defaults.append("nothing is kept back")
    if not {"push", "split", "push exactly"} & set(says):
        defaults.append("all of it is shown")
    if rule.at_most is None:
        defaults.append("no upper limit but the listing's or the store's own")
    if rule.at_least is None and rule.hide_below is None:
        defaults.append("small numbers are shown as they are")
    if rule.below is None:
        defaults.append("all its stores sell on when stock is low")
    if rule.preorder is None:
        defaults.append("no pre-order")
    if not rule.increase_only:
        defaults.append("the number may rise and fall")
    if rule.above is None:
        defaults.append("every change is sent at once")
    return f"It says no more, so: {'; '.join(defaults)}." if defaults else ""


# ---- which goods ------------------------------------------------------------------------------------


def selection(skus: SkuSet) -> str:
    """The goods of a selector, with its named sets taken apart."""
    if len(skus.terms) == 1 and not skus.except_ and isinstance(skus.terms[0], SkuSet):
        return selection(skus.terms[0])
    included = _or([_term(term) for term in skus.terms])
    return f"{included}, but not {_or([_term(term) for term in skus.except_])}" if skus.except_ else included


def _term(term: SkuTerm | SkuSet) -> str:
    if isinstance(term, SkuSet):
        return f"({selection(term)})" if term.except_ or len(term.terms) > 1 else selection(term)
    words = {"like": "SKUs like", "category": "category", "brand": "brand", "tag": "tag"}
    if term.kind in words:
        return f"{words[term.kind]} “{term.values[0]}”"
    if term.kind == "listed":
        return f"whatever is listed on {_or(term.values)}"
    if term.kind == "everything":
        return "everything"
    if term.span.text.startswith("from"):
        return f"the {_counted(len(term.values), 'SKU')} in {term.span.text.removeprefix('from').strip()}"
    return f"“{term.values[0]}”"


# ---- a table ----------------------------------------------------------------------------------------

STATEMENTS = (
    "for", "during", "take", "keep back", "push", "at most", "at least", "hide below", "below", "preorder",
    "increase only", "above", "overrides", "disabled",
)  # fmt: skip
"""The rows or columns of a table of rules, in the order of the ladder."""


def statement_values(rule: CheckedRule, store: Store, limits: Limits, names: Names) -> dict[str, str]:
    """What each statement of a rule says for a store, with names and groups resolved; only those that it has."""
    values = {"for": selection(rule.skus)}
    if rule.window is not None:
        values["during"] = window_text(rule, names)
    if rule.take is not None:
        fed = {w for location in store.locations for w in location.warehouses}
        values["take"] = ", ".join(
            (w if ppm == PPM else f"{percent(ppm)} of {w}") + ("" if w in fed else " (feeds nothing here)")
            for w, ppm in rule.take.items()
        )
    if _keeps_back(rule):
        values["keep back"] = "safety stock" if rule.keep_back_safety else units(rule.keep_back)
    values["push"] = _push_value(rule, store)
    for name, amount in (("at most", rule.at_most), ("at least", rule.at_least), ("hide below", rule.hide_below)):
        if amount is not None:
            values[name] = pieces(amount)
    if rule.below is not None:
        values["below"] = f"{units(rule.below)}: {'sells on' if store.name in rule.only else '0'}"
    if rule.preorder is not None:
        values["preorder"] = _preorder_value(rule) if limits.preorder else "cannot pre-order"
    if rule.increase_only:
        values["increase only"] = "yes"
    if rule.above is not None:
        unless = f" unless it falls by {percent(rule.unless_falls_by)}" if rule.unless_falls_by else ""
        values["above"] = f"{units(rule.above)} every {duration(rule.every_seconds)}{unless}"
    if rule.overrides:
        values["overrides"] = ", ".join(sorted(rule.overrides))
    if rule.disabled:
        values["disabled"] = "yes"
    return values


def _push_value(rule: CheckedRule, store: Store) -> str:
    if rule.exactly is not None:
        return f"exactly {pieces(rule.exactly)}"
    share = percent(rule.shares.get(store.name, PPM))
    if "split" in rule.spans:
        return f"{share} of the split"
    return share + (f" plus {pieces(rule.plus)}{' even at zero' if rule.even_at_zero else ''}" if rule.plus else "")


def _preorder_value(rule: CheckedRule) -> str:
    preorder = rule.preorder
    assert preorder is not None
    ships = f", ships in {_counted(preorder.ship_in_days, 'day')}" if preorder.ship_in_days else ""
    return f"opens at {preorder.open_at}, closes above {preorder.close_above}, adds {preorder.add}{ships}"


# ---- words ------------------------------------------------------------------------------------------


def pieces(quantity: int) -> str:
    """Of the listing, which may be packs; `units` are the merchant's own."""
    return _counted(quantity, "piece")


def duration(seconds: int) -> str:
    for length, unit in ((86_400, "day"), (3_600, "hour")):
        if seconds % length == 0:
            return _counted(seconds // length, unit)
    return _counted(seconds // 60, "minute")


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _labels(warehouses: Iterable[str], names: Names) -> list[str]:
    return [names.labels.get(warehouse, warehouse) for warehouse in warehouses]


def _and(words: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _or(words: Sequence[str]) -> str:
    return _and(words, "or")
