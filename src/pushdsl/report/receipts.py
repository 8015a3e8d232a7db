"""How one cell's quantity came about, as a till receipt: every step that ran, with the rule line behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pushdsl.model import PPM
from pushdsl.report.plans import cell_name, mode_text
from pushdsl.why import statement_text, units

if TYPE_CHECKING:
    from pushdsl.planner import Explanation
    from pushdsl.rules import CheckedRule


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The ladder of one cell as a till receipt: every step that ran, with the rule line behind it."""
    cell, rule, steps = explanation.cell, explanation.rule, explanation.steps
    yield f"{cell.store} {cell_name(cell)}  (SKU {cell.sku})"
    if rule is None or steps is None:
        yield f"  blocked: {cell.why}"
        return
    yield f'  rule "{rule.name}"  {rule.span}'
    if cell.available is None and rule.take is not None:
        yield f"  blocked: {cell.why}"
        return
    rows = list(_receipt(explanation, rule))
    wide = max(len(label) for label, _, _ in rows)
    deep = max(len(value) for _, value, _ in rows)
    for label, value, place in rows:
        yield f"  {label:<{wide}}  {value:>{deep}}  {place}".rstrip()
    mode = f" in {mode_text(cell)}" if cell.mode == "preorder" else ""
    shown = "unknown" if cell.live is None else str(cell.live)
    if cell.action == "blocked":
        yield f"  blocked: {cell.why}"
    else:
        yield f"  shows {shown}, shall show {cell.quantity}{mode}: {_DONE[cell.action]}"


_DONE = {"push": "to be pushed", "unchanged": "nothing to send", "held": "held, big numbers are sent less often"}


def _receipt(explanation: Explanation, rule: CheckedRule) -> Iterator[tuple[str, str, str]]:
    """Label, value and place of each step that the rule has or that changed the number."""
    steps, store = explanation.steps, explanation.cell.store
    assert steps is not None

    def line(statement: str) -> str:
        span = rule.spans.get(statement)
        return f"{span.source.name}:{span.line}" if span else ""

    if rule.take is not None:
        yield "available", units(int(steps.available)), ""
    if steps.unlimited:
        yield "sold without counting: the maximum", _pieces(steps.platform), ""
    else:
        if rule.take is not None and rule.exactly is None:
            yield statement_text("take", rule, store), _exact_units(int(steps.take)), line("take")
            if rule.keep_back or rule.keep_back_safety:
                yield statement_text("keep_back", rule, store), _exact_units(int(steps.keep_back)), line("keep back")
        pack = f", packs of {explanation.pack}" if explanation.pack != 1 else ""
        push = next((s for s in ("push exactly", "split", "push") if s in rule.spans), "push")
        yield statement_text("push", rule, store) + pack, _pieces(steps.push), line(push)
        for name, statement in _STATEMENTS:
            if statement in rule.spans:
                yield statement_text(name, rule, store), _pieces(getattr(steps, name)), line(statement)
        if rule.preorder is not None:
            state = "open" if steps.open else "closed"
            opens, closes = rule.preorder.open_at, rule.preorder.close_above
            words = f"pre-order {state} (opens at {opens}, closes above {closes}, adds {rule.preorder.add})"
            yield words, _pieces(steps.preorder), line("preorder")
        if steps.reserve != steps.preorder:
            yield "plus reserved for promotions", _pieces(steps.reserve), ""
        if steps.platform != steps.reserve:
            yield "not above the store's maximum", _pieces(steps.platform), ""
    if rule.increase_only:
        yield "increase only", _pieces(steps.quantity), line("increase only")


_STATEMENTS = (
    ("at_most", "at most"), ("at_least", "at least"), ("hide_below", "hide below"), ("low_stock", "below"),
)  # fmt: skip


def _pieces(value: object) -> str:
    return f"{value} pcs" if value != 1 else "1 pc"


def _exact_units(ppm: int) -> str:
    """Merchant units before the one rounding, exact: 3_500_000 → `3.5 units`."""
    whole, broken = divmod(ppm, PPM)
    text = f"{whole}.{broken:06d}".rstrip("0").rstrip(".")
    return f"{text} unit{'' if text == '1' else 's'}"
