"""What a rule change does in; lines, Markdown or JSON that show it out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice

from pushdsl.differences import KINDS, Change, Difference, Kind, StoreDifference
from pushdsl.model import PlannedCell
from pushdsl.planfile import iso, problem_dict
from pushdsl.report.markdown import STORE_MAX, STORES, Document, Section, code, fitted, problem_items, prose, title
from pushdsl.report.plans import Detail, cell_name, mode_text, problem_summary
from pushdsl.report.texts import visible

FORMAT = "pushdsl.diff/1"
BIGGEST = 10
"""Cells of each kind that a store's lines show, the biggest changes first."""

WORDS: Mapping[Kind, str] = {
    "lost": "lost",
    "blocked": "now blocked",
    "off_sale": "taken off sale",
    "down": "down",
    "up": "up",
    "gained": "gained",
    "unblocked": "no longer blocked",
    "preorder": "with another pre-order",
    "held": "now held",
    "released": "no longer held",
    "unchanged": "unchanged",
}
HEADS: Mapping[Kind, str] = {
    "lost": "Lost: no rule gives them a number any more. They keep what they show; nothing is pushed",
    "blocked": "Blocked: they keep what they show; nothing is pushed until the reason is gone",
    "off_sale": "Taken off sale: they will show 0",
    "down": "Down",
    "up": "Up",
    "gained": "Gained: no rule gave them a number before",
    "unblocked": "No longer blocked",
    "preorder": "The same quantity, another pre-order",
    "held": "The same quantity, now held: sent less often",
    "released": "The same quantity, no longer held",
}


def difference_lines(difference: Difference, detail: Detail = "changes", most: int | None = None) -> Iterator[str]:
    """Store by store what becomes of its cells, the biggest changes of each kind; totals last."""
    yield f"With the new rules instead of the old, at {iso(difference.at)}"
    if detail == "summary":
        width = max((len(store.store) for store in difference.stores), default=0)
        yield from ("", *(f"{store.store:<{width}}  {counted(store.counts)}" for store in difference.stores))
    else:
        for store in difference.stores:
            yield from ("", f"{store.store}: {counted(store.counts)}", *_marks(store))
            for kind in HEADS:
                yield from _kind_lines(difference, store, kind, most)
        yield from problem_summary(difference.appeared, "New to look at")
        yield from problem_summary(difference.gone, "No longer to look at")
    yield ""
    yield total_line(difference)


def total_line(difference: Difference) -> str:
    cells = sum(difference.counts.values())
    return f"{cells:,} cell{'' if cells == 1 else 's'}: {counted(difference.counts)}"


def counted(counts: Mapping[Kind, int]) -> str:
    """The kinds that there are, what needs a look first: `2 lost, 1 up, 5 unchanged`."""
    return ", ".join(f"{counts[kind]:,} {WORDS[kind]}" for kind in KINDS if counts[kind]) or "nothing"


def _marks(store: StoreDifference) -> Iterator[str]:
    """What happens to cells besides their quantity."""
    marks = ((store.opens, "pre-order opens on"), (store.closes, "pre-order closes on"), (store.waits, "now held:"))
    if words := ", ".join(f"{text} {count:,}" for count, text in marks if count):
        yield f"  {words}"


def _kind_lines(difference: Difference, store: StoreDifference, kind: Kind, most: int | None) -> Iterator[str]:
    count = store.counts[kind]
    if not count or most == 0:
        return
    yield f"  {HEADS[kind]}"
    width = max(len(cell_name(change.cell)) for change in difference.changes(store.store, kind, most))
    for change in difference.changes(store.store, kind, most):
        why, rules = _why(difference, change)
        numbers = f"{_number(change.old, change):>7} → {_after(change):<7}"
        yield f"    {cell_name(change.cell):<{width}}  {numbers}  {visible(why)}  [{visible(rules)}]"
    if most is not None and count > most:
        yield f"    … and {count - most:,} more"


def _number(cell: PlannedCell | None, change: Change) -> str:
    """What a cell shows under rules: their quantity, or what it shows today where they give none."""
    quantity = cell.quantity if cell is not None and cell.quantity is not None else change.cell.live
    return "?" if quantity is None else str(quantity)


def _after(change: Change) -> str:
    if change.kind == "lost":
        return "as is"
    return "blocked" if change.kind == "blocked" else _number(change.new, change)


def _why(difference: Difference, change: Change) -> tuple[str, str]:
    """The reason under the new rules, or why there is no number any more; and the rules, where they differ both."""
    old, new = change.old, change.new
    if new is None:
        shows = "?" if change.cell.live is None else change.cell.live
        why = f"shows {shows} today; {difference.why_lost[change.cell.store, change.cell.store_sku]}"
    else:
        why = "; ".join([*_mode_change(old, new), *(["held"] if new.action == "held" else []), _reason(new)])
    return why, _rules(old, new)


def _reason(cell: PlannedCell) -> str:
    """Why this quantity, without what is done about it: both plans would do their own."""
    return cell.why if cell.action == "blocked" else cell.why.rpartition("; ")[0] or "as the rule says"


def _mode_change(old: PlannedCell | None, new: PlannedCell) -> Iterator[str]:
    if old is None or new.action == "blocked":
        return
    if (old.mode, new.mode) == ("normal", "preorder"):
        yield f"pre-order opens{mode_text(new).removeprefix('pre-order')}"
    elif (old.mode, new.mode) == ("preorder", "normal"):
        yield "pre-order closes"
    elif old.days != new.days:
        yield mode_text(new)


def _rules(old: PlannedCell | None, new: PlannedCell | None) -> str:
    was, now = (None if cell is None else cell.rule or "several rules" for cell in (old, new))
    if was == now:
        return now or ""
    return f"{was or 'no rule'} → {now or 'no rule'}"


# ---- Markdown ---------------------------------------------------------------------------------------


def difference_markdown(difference: Difference, detail: Detail = "changes", most: int | None = None) -> str:
    """The same as a comment on a pull request."""
    kinds = [kind for kind in KINDS if difference.counts[kind]]
    rows = [
        (code(store.store, STORE_MAX), *(f"{store.counts[kind]:,}" for kind in kinds)) for store in difference.stores
    ]
    changed = sum(count for kind, count in difference.counts.items() if kind != "unchanged")
    cells = sum(difference.counts.values())
    document = Document(
        headline=f"Rule change: {changed:,} of {cells:,} cells differ" if changed else "Rule change: no cell differs",
        paragraphs=[
            f"The same facts under both rules, at {iso(difference.at)}: {counted(difference.counts)}.",
            *_alarms(difference),
        ],
        columns=("store", *(f"{WORDS[kind]}:" for kind in kinds)),
        rows=rows[:STORES],
        sections=[] if detail == "summary" else _sections(difference, most),
        lists=[
            ("New to look at", problem_items(difference.appeared, detail)),
            ("No longer to look at", problem_items(difference.gone, detail)),
        ],
        hidden=max(0, len(rows) - STORES),
        elsewhere="; `pushdsl diff --every` shows all",
    )
    return fitted(document)


def _alarms(difference: Difference) -> Iterator[str]:
    """What a reviewer must not overlook, in bold."""
    counts = difference.counts
    if counts["lost"]:
        cells = "cell" if counts["lost"] == 1 else "cells"
        yield f"**{counts['lost']:,} {cells} lost:** they keep what they show, and nothing is pushed any more."
    if counts["off_sale"]:
        yield f"**{counts['off_sale']:,} taken off sale:** shown now, 0 with the new rules."


def _sections(difference: Difference, most: int | None) -> list[Section]:
    """Those that need a look over all stores, unfolded; then store by store the rest."""
    columns = ("listing", "old:", "new:", "why", "rule")
    sections = []
    urgent: tuple[Kind, ...] = ("lost", "blocked", "off_sale")
    for kind in urgent:
        if count := difference.counts[kind]:
            rows = islice(_markdown_rows(difference, difference.changes(kind=kind, biggest=count), True), most)
            name = f"{HEADS[kind].partition(':')[0]}: {count:,}"
            sections.append(Section(name, ("store", *columns), rows, count, True))
    for store in difference.stores[:STORES]:
        rest = {kind: 0 if kind in {*urgent, "unchanged"} else count for kind, count in store.counts.items()}
        count = sum(rest.values())
        if count:
            rows = islice(_markdown_rows(difference, _rest(difference, store.store, rest), False), most)
            sections.append(Section(title(store.store, counted(rest)), columns, rows, count))
    return sections


def _rest(difference: Difference, store: str, counts: Mapping[Kind, int]) -> Iterator[Change]:
    """The changes of these kinds in a store, the biggest of each first."""
    for kind in HEADS:
        if counts[kind]:
            yield from difference.changes(store, kind, counts[kind])


def _markdown_rows(difference: Difference, changes: Iterator[Change], with_store: bool) -> Iterator[tuple[str, ...]]:
    for change in changes:
        why, rules = _why(difference, change)
        texts = (code(cell_name(change.cell)), _number(change.old, change), _after(change), prose(why), code(rules))
        yield (code(change.cell.store, STORE_MAX), *texts) if with_store else texts


# ---- JSON -------------------------------------------------------------------------------------------


def difference_json(difference: Difference) -> Iterator[str]:
    """The whole difference as one JSON document, a line for each cell that is not unchanged."""
    summary: dict[str, int] = {"cells": sum(difference.counts.values()), **_by_name(difference.counts)}
    head = {
        "format": FORMAT,
        "at": iso(difference.at),
        "old_rules_sha256": difference.old_sha256,
        "new_rules_sha256": difference.new_sha256,
        "facts_sha256": difference.facts_sha256,
        "summary": summary,
        "stores": [_store_dict(store) for store in difference.stores],
    }
    yield json.dumps(head, ensure_ascii=False)[:-1]
    yield ', "changes": ['
    separator = "\n"
    for change in difference.changes():
        yield separator + json.dumps(_change_dict(difference, change), ensure_ascii=False)
        separator = ",\n"
    problems = {
        "appeared": [problem_dict(problem) for problem in difference.appeared],
        "gone": [problem_dict(problem) for problem in difference.gone],
    }
    yield f'\n], "problems": {json.dumps(problems, ensure_ascii=False)}}}\n'


def _store_dict(store: StoreDifference) -> dict[str, object]:
    marks = {"preorder_opens": store.opens, "preorder_closes": store.closes, "now_held": store.waits}
    return {"store": store.store, "cells": sum(store.counts.values()), **_by_name(store.counts), **marks}


def _by_name(counts: Mapping[Kind, int]) -> dict[str, int]:
    return {str(kind): count for kind, count in counts.items()}


def _change_dict(difference: Difference, change: Change) -> dict[str, object]:
    cell = change.cell
    return {
        "store": cell.store, "store_sku": cell.store_sku, "location": cell.location, "sku": cell.sku,
        "change": change.kind, "available": cell.available, "live": cell.live,
        "old": _side(change.old), "new": _side(change.new),
        "why": difference.why_lost[cell.store, cell.store_sku] if change.new is None else _reason(change.new),
    }  # fmt: skip


def _side(cell: PlannedCell | None) -> dict[str, object] | None:
    if cell is None:
        return None
    return {"rule": cell.rule, "quantity": cell.quantity, "mode": cell.mode, "days": cell.days, "action": cell.action}
