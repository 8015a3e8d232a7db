"""The cases in conformance/, read and run: what pushdsl makes of each, in the words of the case files.

`python -m tests.conformance_runner` counts the cases that pass and the alternatives of the grammar that they use.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pushdsl.checker import diagnose
from pushdsl.claims import over_limits
from pushdsl.errors import Diagnostic, FactsError, Problem
from pushdsl.facts import read_facts
from pushdsl.grammar.parser import read_source
from pushdsl.grammar.tokens import tokenize
from pushdsl.limits import LimitsProfile
from pushdsl.loader import load
from pushdsl.model import Plan, PlannedCell, PlanProblem, Store
from pushdsl.planner import plan

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "conformance"
NOON = datetime.fromisoformat("2026-05-04T12:00:00+00:00")
HEADER = ("store", "store_sku", "location", "sku", "rule", "available", "quantity", "mode", "days", "action")
INSTRUCTIONS = frozenset({"clock", "platforms", "limits", "plan", "errors", "lints", "problems"})
_PART = re.compile(r"-- (\S+)( escaped)? --")
_ESCAPE = re.compile(rb"<U\+([0-9A-F]{4,6})>|<byte ([0-9A-F]{2})>|(<END>\n)")

Row = tuple[str, ...]
"""A line of a plan, of diagnostics or of problems, by its columns."""


@dataclass(frozen=True, slots=True)
class Platform:
    max_quantity: int
    counts_reserved: bool
    preorder: bool
    preorder_days: tuple[int, int] | None
    locations: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its files by name, and its instructions as they stand there."""

    name: str
    title: str
    covers: str
    files: Mapping[str, bytes]
    instructions: Mapping[str, str] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.instructions["clock"].strip()) if "clock" in self.instructions else NOON

    @property
    def platforms(self) -> dict[str, Platform]:
        rows = (*_PLATFORMS, *columns(self.instructions.get("platforms", "")))
        return {row[0]: _platform(row) for row in rows}

    @property
    def limits(self) -> LimitsProfile:
        said = {row[0]: row[1] for row in columns(self.instructions.get("limits", ""))}
        blocked = frozenset(name for name in said.get("blocked", "").split(", ") if name)
        return LimitsProfile("", _whole(said.get("rules")), _whole(said.get("skus")), blocked)

    def expected(self, part: str) -> list[Row] | None:
        if part not in self.instructions:
            return None
        rows = columns(self.instructions[part])
        if part == "plan":
            assert rows[0] == HEADER, rows[0]
            rows = rows[1:]
        return sorted(rows) if part == "problems" else rows


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


_PLATFORMS: tuple[Row, ...] = (
    ("shopee", "10000000", "yes", "yes", "7-30", "no"),
    ("lazada", "999999", "no", "no", "-", "no"),
    ("tiktok", "999999", "no", "no", "-", "yes"),
)
LINTS = frozenset({"PUSH040", *(f"PUSH{number}" for number in range(301, 320))})
"""The lints that the language names; an implementation may have others, and no case asks about them."""
_NOT_INSTALLED = ("tokopedia", "blibli", "tiki", "shopify", "woocommerce", "pgmall", "akulaku")


def _platform(row: Row) -> Platform:
    _, maximum, reserved, preorder, days, locations = row
    low, _, high = days.partition("-")
    return Platform(
        int(maximum), reserved == "yes", preorder == "yes", (int(low), int(high)) if low else None, locations == "yes"
    )


# ---- reading ----------------------------------------------------------------------------------------


def all_cases() -> list[Case]:
    return [read_case(path) for path in sorted(FOLDER.glob("*.push.txt"))]


def read_case(path: Path) -> Case:
    head, *lines = path.read_text("utf-8").splitlines(keepends=True)
    assert (head[:7], lines[0][:8]) == ("title: ", "covers: "), f"{path}: title and covers come first"
    parts: dict[str, str] = {}
    escaped = set()
    name = ""
    for line in lines[1:]:
        if begins := _PART.fullmatch(line.rstrip("\n")):
            name = begins[1]
            assert name not in parts, f"{path}: two parts `{name}`"
            parts[name] = ""
            if begins[2]:
                escaped.add(name)
        elif name:
            parts[name] += line
        else:
            assert not line.strip(), f"{path}: `{line}` stands before the first part"
    files = {
        name: _unescaped(text.encode()) if name in escaped else text.encode()
        for name, text in parts.items() if "." in name.rpartition("/")[2]
    }  # fmt: skip
    others = {name: text for name, text in parts.items() if name not in files}
    assert set(others) <= {"clock", "platforms", "limits", "plan", "errors", "lints", "problems"}, (
        f"{path}: {set(others)}"
    )
    title, covers = head.removeprefix("title: ").strip(), lines[0].removeprefix("covers: ").strip()
    return Case(path.name.removesuffix(".push.txt"), title, covers, files, others)


def _unescaped(content: bytes) -> bytes:
    def character(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return chr(int(found[1], 16)).encode()
        return bytes([int(found[2], 16)]) if found[2] else b""

    return _ESCAPE.sub(character, content)


def columns(text: str) -> list[Row]:
    return [tuple(re.split(" {2,}", line.strip())) for line in text.splitlines() if line.strip()]


# ---- running ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case. `plan` is None where rules or facts have an error."""

    errors: list[Row]
    lints: list[Row]
    problems: list[Row]
    plan: list[Row] | None

    def differences(self, case: Case) -> dict[str, tuple[object, object]]:
        """Each part that is not as the case says, with what was expected and what came."""
        got = {"lints": [row for row in self.lints if row[1] in LINTS]}
        expected = {part: case.expected(part) for part in ("errors", "lints", "problems", "plan")}
        if expected["errors"] is None:
            expected["errors"] = []
        return {
            part: (rows, came)
            for part, rows in expected.items()
            if rows is not None and rows != (came := got.get(part, getattr(self, part)))
        }


class Installed:
    """The platforms of a case, as the checker asks for them."""

    def __init__(self, platforms: Mapping[str, Platform]) -> None:
        self._platforms = platforms
        self.names = tuple(platforms)
        self.packages = {name: f"pushdsl-{name}" for name in (*platforms, *_NOT_INSTALLED)}

    def capabilities(self, store: Store) -> Any:
        return self._platforms[store.platform]


def run(case: Case) -> Outcome:
    """Check and plan the case in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = write_files(case, folder)
        rules, said = diagnose(load([first]), Installed(case.platforms), case.limits)
        spoken = {
            severity: [_diagnostic_row(one, first.parent) for one in said if one.severity == severity]
            for severity in ("error", "lint")
        }
        if rules is None or not (folder / "facts").is_dir():
            return Outcome(spoken["error"], spoken["lint"], [], None)
        try:
            facts, warnings = read_facts(folder / "facts")
        except FactsError as error:
            return Outcome([], spoken["lint"], sorted(map(_problem_row, error.problems)), None)
        if over := over_limits(rules, facts, case.limits):
            return Outcome([_diagnostic_row(one, first.parent) for one in over], spoken["lint"], [], None)
    limits: dict[str, Any] = {store.name: case.platforms[store.platform] for store in rules.stores.values()}
    planned = plan(rules, facts, limits, case.at)
    problems = sorted([*map(_problem_row, warnings), *map(_plan_problem_row, planned.problems)])
    return Outcome([], spoken["lint"], problems, plan_rows(planned))


def write_files(case: Case, folder: Path) -> Path:
    """The first rule file of the project that is now in the folder."""
    for file, content in case.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    return next(folder / file for file in case.files if file.rpartition("/")[2] == "rules.push")


def plan_rows(planned: Plan) -> list[Row]:
    return [_cell_row(cell) for cell in planned.cells]


def _cell_row(cell: PlannedCell) -> Row:
    values = (
        cell.store, cell.store_sku, cell.location, cell.sku, cell.rule, cell.available, cell.quantity, cell.mode,
        cell.days,
    )  # fmt: skip
    action = f"blocked: {_reason(cell.why)}" if cell.action == "blocked" else cell.action
    return (*("-" if value in (None, "") else str(value) for value in values), action)


def _reason(why: str) -> str:
    """The reason in the words of the suite."""
    if why.startswith("claimed by rules"):
        return "contested " + ", ".join(re.findall("`([^`]*)`", why))
    for words, reason in (
        ("unknown stock", "unknown stock"),
        ("live quantity unknown", "unknown live"),
        ("the store shows more than its maximum", "maximum"),
    ):
        if why.startswith(words):
            return reason
    raise AssertionError(why)


def _diagnostic_row(said: Diagnostic, folder: Path) -> Row:
    assert said.span is not None
    file = said.span.source.name.removeprefix(f"{folder.as_posix()}/")
    place = f"{said.span.line}:{said.span.column}"
    return (place if file == "rules.push" else f"{file}:{place}", said.code, kind_of(said.code))


def _problem_row(said: Problem) -> Row:
    file = "-" if said.line is None and not said.file.endswith(".csv") else f"facts/{said.file}"
    place = file if said.line is None else f"{file}:{said.line}"
    return (said.severity, said.code, place, kind_of(said.code))


def _plan_problem_row(said: PlanProblem) -> Row:
    place = f"{said.store}/{said.store_sku}" if said.store_sku else said.store or "-"
    return ("warning", said.code, place, kind_of(said.code))


@cache
def kind_of(code: str) -> str:
    """What a code stands for, from the title of its page."""
    page = ROOT / "docs" / "errors" / f"{code}.md"
    return page.read_text("utf-8").split("\n", 1)[0].partition(": ")[2] if page.exists() else "a code without a page"


# ---- the sentences of the grammar --------------------------------------------------------------------


def grammar_alternatives() -> frozenset[str]:
    """Every alternative of the grammar, without those that stand for a broken statement."""
    return frozenset(_written(rule) for rule in _table().rules if not _is_about_errors(rule))


def alternatives_used(case: Case) -> frozenset[str]:
    """The alternatives that the rule files of a case are read by, each file up to its first syntax error."""
    used: set[str] = set()
    for name, content in case.files.items():
        source, unreadable = read_source(name, content)
        if name.endswith(".push") and not unreadable:
            _, tokens, _ = tokenize(source, {word: word for word in _table().words})
            used.update(map(_written, _reductions(tokens.kinds)))
    return frozenset(used)


@dataclass(frozen=True, slots=True)
class _Grammar:
    rules: Sequence[Any]  # Lark's own values, untyped
    table: Any
    text_of: Mapping[str, str]
    words: Iterable[str]


@cache
def _table() -> _Grammar:
    from lark import Lark

    text = (ROOT / "src" / "pushdsl" / "grammar" / "push.lark").read_text("utf-8")
    lark = Lark(text, parser="lalr", lexer="basic")
    text_of = {terminal.name: terminal.pattern.value for terminal in lark.terminals if terminal.pattern is not None}
    parser: Any = lark.parser
    words = [text for text in text_of.values() if text.isalpha()]
    return _Grammar(lark.rules, parser.parser._parse_table, text_of, words)


def _reductions(kinds: Iterable[str]) -> Iterator[Any]:
    """The rules by which a run of tokens is read."""
    from lark.parsers.lalr_analysis import Shift

    grammar = _table()
    name_of = {text: name for name, text in grammar.text_of.items()}
    states = [grammar.table.start_states["start"]]
    for kind in kinds:
        terminal = name_of.get(kind, kind)
        while True:
            move, argument = grammar.table.states[states[-1]].get(terminal, (None, None))
            if move is None:
                return
            if move is Shift:
                states.append(argument)
                break
            yield argument
            if argument.expansion:
                del states[-len(argument.expansion) :]
            states.append(grammar.table.states[states[-1]][argument.origin.name][1])
            if states[-1] == grammar.table.end_states["start"]:
                return


def _written(rule: Any) -> str:
    text_of = _table().text_of
    parts = [text_of.get(part.name, part.name) for part in rule.expansion]
    return f"{rule.origin.name}: {' '.join(parts)}" + (f" -> {rule.alias}" if rule.alias else "")


def _is_about_errors(rule: Any) -> bool:
    return any(part.name == "_ERROR" for part in rule.expansion)


# ---- by hand ----------------------------------------------------------------------------------------


def main() -> int:
    cases = all_cases()
    failed = 0
    for case in cases:
        for part, (expected, got) in run(case).differences(case).items():
            failed += 1
            print(f"{case.name}: {part}\n  expected {expected}\n  got      {got}")
    used = frozenset[str]().union(*map(alternatives_used, cases))
    every = grammar_alternatives()
    for missing in sorted(every - used):
        print(f"no case uses {missing}")
    errors = sum(is_error(case) for case in cases)
    print(f"{len(cases)} cases, {errors} of them errors, {failed} differences")
    print(f"{len(every & used)} of {len(every)} alternatives of the grammar")
    return 1 if failed else 0


def is_error(case: Case) -> bool:
    problems = case.expected("problems") or ()
    return bool(case.expected("errors")) or any(row[0] == "error" for row in problems)


if __name__ == "__main__":
    sys.exit(main())
