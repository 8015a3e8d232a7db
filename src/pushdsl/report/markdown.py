"""A plan or a difference in; Markdown for a comment on a pull request out, never longer than one may be.

SKUs and names are the sellers' own words: they stand in code spans, and nothing in them is read as Markdown, as HTML,
as the end of a table cell or as a mention of somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from pushdsl.model import Plan, PlannedCell, PlanProblem
from pushdsl.planfile import iso
from pushdsl.planner import PlannedCells, planned_cells
from pushdsl.report.plans import Detail, cell_name, counted, counts_of, mode_text, problem_texts
from pushdsl.report.texts import visible

if TYPE_CHECKING:  # Jinja2 is loaded when something is laid out
    from jinja2 import Environment

COMMENT_MAX = 65_000
"""Characters: GitHub takes 65,536 in a comment, and whoever posts it may want to add a line."""
STORES = 40
"""Stores with a row and a section of their own; so many fit whatever their names."""
ITEMS = 20
TEXT_MAX = 200
"""Characters of one SKU, name or reason: what is longer is cut, and says so with an ellipsis."""
STORE_MAX = 60


@dataclass(frozen=True, slots=True)
class Section:
    """A table that can be folded. `rows` may be many and are taken as far as they fit; `count` is their number."""

    title: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[str, ...]]
    count: int
    open: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A review, all texts escaped: what it says first, a row for each store, folded tables, lists at the end."""

    headline: str
    paragraphs: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    sections: Sequence[Section]
    lists: Sequence[tuple[str, Sequence[str]]]
    hidden: int = 0
    elsewhere: str = ""


def plan_markdown(plan: Plan, detail: Detail = "changes", most: int | None = None) -> str:
    """A plan for a pull request; `most` caps the rows of each store."""
    counts = plan.summary
    total = sum(counts.values())
    stores = [(store, cells, counts_of(cells)) for store, cells in planned_cells(plan).by_store()]
    rows = [
        (
            code(store, STORE_MAX),
            *(f"{n:,}" for n in (c["push"], _emptied(cells), c["unchanged"], c["held"], c["blocked"])),
        )
        for store, cells, c in stores[:STORES]
    ]
    changes = f"{counts['push']:,} to push" if counts["push"] else "nothing to push"
    document = Document(
        headline=f"Plan: {changes}, {counts['blocked']:,} blocked",
        paragraphs=[f"{_cells(total)} at {iso(plan.at)}: {counted(counts)}. Nothing was sent."],
        columns=("store", "to push:", "of them to 0:", "unchanged:", "held:", "blocked:"),  # `:` on numbers
        rows=rows,
        sections=[] if detail == "summary" else _plan_sections(plan, detail, most),
        lists=[("To look at", problem_items(plan.problems, detail))],
        hidden=len(stores) - len(rows),
        elsewhere="; `pushdsl plan --every` shows all",
    )
    return fitted(document)


def _plan_sections(plan: Plan, detail: Detail, most: int | None) -> list[Section]:
    blocked = planned_cells(plan).having("blocked")
    rows = ((code(cell.store, STORE_MAX), code(cell_name(cell)), _live(cell), prose(cell.why)) for cell in blocked)
    sections = [Section(f"Blocked: {len(blocked):,}", ("store", "listing", "shows:", "why"), rows, len(blocked), True)]
    for store, cells in islice(planned_cells(plan).by_store(), STORES):
        told = cells.having("push", "held", "unchanged") if detail == "every" else cells.having("push", "held")
        words = counted({**counts_of(cells), "blocked": 0})
        columns = ("listing", "shows:", "will show:", "why", "rule")
        rows_told = islice(_plan_rows(told), most)
        sections.append(Section(title(store, words), columns, rows_told, len(told)))
    return [section for section in sections if section.count]


def _plan_rows(cells: PlannedCells) -> Iterator[tuple[str, ...]]:
    for cell in cells:
        waits = " (held)" if cell.action == "held" else ""
        mode = f"{mode_text(cell)}; " if cell.mode == "preorder" else ""
        yield (
            code(cell_name(cell)),
            _live(cell),
            f"{cell.quantity}{waits}",
            prose(mode + cell.why),
            code(cell.rule or ""),
        )


def _emptied(cells: PlannedCells) -> int:
    """How many cells show something now and are pushed to 0."""
    numbers = cells.having("push").numbers()
    return int(((numbers.live > 0) & (numbers.quantity == 0)).sum())


def _live(cell: PlannedCell) -> str:
    return "?" if cell.live is None else f"{cell.live}"


def _cells(count: int) -> str:
    return f"{count:,} cell{'' if count == 1 else 's'}"


def problem_items(problems: Sequence[PlanProblem], detail: Detail = "changes") -> list[str]:
    """A line for each kind of problem, the first of them where there are many."""
    if detail == "summary":
        return [f"{len(problems):,} remarks; without `--summary` they are named"] if problems else []
    texts = [prose(text) for text in problem_texts(problems)]
    more = [f"… and {len(texts) - ITEMS:,} more"] if len(texts) > ITEMS else []
    return texts[:ITEMS] + more


# ---- layout -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """A section with the rows that fit."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    more: int
    open: bool


def fitted(document: Document) -> str:
    """The document with as many rows as fit: each section has its share, and what it leaves goes to the rest."""
    skeleton = _laid_out(document, [_Shown(s.title, s.columns, (), s.count, s.open) for s in document.sections])
    heads = sum(_length(" | ".join([*s.columns, *_rules(s.columns)])) + 10 for s in document.sections)
    left = COMMENT_MAX - _length(skeleton) - heads
    shown = []
    for number, section in enumerate(document.sections):
        rows, used = _as_many_as_fit(section.rows, left // (len(document.sections) - number))
        left -= used
        shown.append(_Shown(section.title, section.columns, rows, section.count - len(rows), section.open))
    return _laid_out(document, shown)


def _as_many_as_fit(rows: Iterable[tuple[str, ...]], room: int) -> tuple[list[tuple[str, ...]], int]:
    kept, used = [], 0
    for row in rows:
        length = sum(_length(text) + 3 for text in row) + 2
        if used + length > room:
            break
        kept.append(row)
        used += length
    return kept, used


def _length(text: str) -> int:
    """Characters as a forge counts them, in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _laid_out(document: Document, sections: Sequence[_Shown]) -> str:
    return environment().get_template("comment.md.j2").render(document=document, sections=sections)


@lru_cache(maxsize=1)
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(  # nothing is escaped here: `code` and `prose` did
        loader=PackageLoader("pushdsl", "report/templates"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters |= {"rules": _rules, "names": _names, "code": code, "prose": _whole}
    return made


def _names(columns: Iterable[str]) -> list[str]:
    return [column.rstrip(":") for column in columns]


def _rules(columns: Iterable[str]) -> list[str]:
    """The line below a table's head: a column whose name ends in `:` is of numbers, on the right."""
    return ["---:" if column.endswith(":") else "---" for column in columns]


# ---- escaping ---------------------------------------------------------------------------------------


def code(text: str, most: int = TEXT_MAX) -> str:
    """A SKU or a name, to the letter, as a code span that may stand in a table; nothing for an empty one."""
    if not text:
        return ""
    text = _cut(visible(text), most)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return fence + pad + text.replace("|", "\\|") + pad + fence


def prose(text: str, most: int = TEXT_MAX) -> str:
    """A sentence that holds names: those in backticks become code spans, and nothing else is read as Markdown.

    Nobody is mentioned either, and no issue: forges look for `@name` and `#1` outside code spans.
    """
    parts = re.split(r"`([^`]+)`", _cut(visible(text), most))
    return "".join(code(part, most) if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    text = re.sub(r"[\\`*\[\]<>|~!&]|(?<!\w)_|_(?!\w)", lambda match: f"\\{match[0]}", text)
    return re.sub(r"([@#])(?=\w)", r"\1&#8203;", text)


def _whole(text: str) -> str:
    """A sentence of any length, where there is room."""
    return prose(text, len(text))


def title(store: str, words: str) -> str:
    """The line that a folded section is opened by; it stands in HTML."""
    return f"{escape(_cut(store, STORE_MAX))}: {words}"


def _cut(text: str, most: int = TEXT_MAX) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
