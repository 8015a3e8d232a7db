"""A cell's steps in; one line of words out: what was available, which statements changed it, what is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pushdsl.model import PPM, Action
from pushdsl.rules import CheckedRule

if TYPE_CHECKING:  # columns bring numpy, and words need none
    from pushdsl.cells import Setting

EFFECTS = (
    "take", "keep_back", "push", "at_most", "at_least", "hide_below", "low_stock", "preorder", "reserve", "platform",
    "increase_only", "unlimited",
)  # fmt: skip
"""What can change a number on its way, in ladder order; bit `k` of a cell's effects stands for the k-th."""
BIT: Mapping[str, int] = {name: 1 << k for k, name in enumerate(EFFECTS)}

UNKNOWN_STOCK, LIVE_MISSING, ABOVE_MAXIMUM = 1, 2, 3
"""Why the ladder blocks a cell."""


def effects_text(rule: CheckedRule, setting: Setting, effects: int) -> str:
    """The statements behind these effects, in ladder order."""
    return "; ".join(_effect(name, rule, setting) for name in EFFECTS if effects & BIT[name])


def _effect(name: str, rule: CheckedRule, setting: Setting) -> str:
    if name == "unlimited":
        return "sold without counting: the maximum"
    if name == "platform":
        return "the store's maximum"
    if name == "reserve":
        return "plus reserved for promotions"
    return statement_text(name, rule, setting.store.name)


def statement_text(name: str, rule: CheckedRule, store: str) -> str:
    """A rule's statement with its numbers, as the formatter would write it for this store."""
    match name:
        case "take":
            return "take " + ", ".join(f"{percent(ppm)} of {w}" for w, ppm in (rule.take or {}).items())
        case "keep_back":
            return f"keep back {'safety stock' if rule.keep_back_safety else units(rule.keep_back)}"
        case "push":
            return _push_text(rule, store)
        case "at_most":
            return f"at most {units(rule.at_most)}"
        case "at_least":
            return f"at least {units(rule.at_least)}"
        case "hide_below":
            return f"hide below {units(rule.hide_below)}"
        case "low_stock":
            return f"below {units(rule.below)} only {', '.join(s for s in rule.stores if s in rule.only)}"
        case "preorder":
            return f"pre-order adds {units(rule.preorder.add if rule.preorder else 0)}"
        case "increase_only":
            return "increase only"
        case _:
            raise AssertionError(name)


def _push_text(rule: CheckedRule, store: str) -> str:
    if rule.exactly is not None:
        return f"push exactly {units(rule.exactly)}"
    share = percent(rule.shares.get(store, PPM))
    if "split" in rule.spans:
        return f"split {share}"
    plus = f" plus {units(rule.plus)}{' even at zero' if rule.even_at_zero else ''}" if rule.plus else ""
    return f"push {share}{plus}"


def blocked_text(reason: int, store: str) -> str:
    match reason:
        case 1:
            return "unknown stock: no row in any warehouse of the rule"
        case 2:
            return f"live quantity unknown and it may only rise: run `pushdsl reconcile {store}` to read the store"
        case _:
            return "the store shows more than its maximum and may only rise"


def contested_text(rules: tuple[str, ...]) -> str:
    names = " and ".join([", ".join(f"`{name}`" for name in rules[:-1]), f"`{rules[-1]}`"])
    return f"claimed by rules {names}, neither overrides the other"


def action_text(action: Action, live: int | None, was_preorder: bool, is_preorder: bool) -> str:
    """What is done and why: the last part of a line."""
    if action == "unchanged":
        return "already shown"
    if action == "held":
        return "held: big numbers are sent less often"
    if was_preorder != is_preorder:
        return "pre-order opens" if is_preorder else "pre-order closes"
    return "live unknown" if live is None else f"shows {live}"


def percent(ppm: int) -> str:
    """125_000 → `12.5%`: exact, without a float."""
    whole, broken = divmod(ppm, PPM // 100)
    return f"{whole}.{broken:04d}".rstrip("0").rstrip(".") + "%"


def units(quantity: int | None) -> str:
    return f"{quantity} unit{'' if quantity == 1 else 's'}"
