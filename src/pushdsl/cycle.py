"""The round up to the plan, in order: read rules, read facts, ask for limits, plan. `applying` carries it out.

The edges meet here: files, the store of record, installed platforms. Everything that decides anything is below
and pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pushdsl.errors import Diagnostic, Problem, RuleError, SettingsError
from pushdsl.model import Plan, RecordedLive
from pushdsl.settings import FILE, Settings, read_settings, unknown_accounts

if TYPE_CHECKING:  # each stage is loaded when its turn comes: `check` needs no numpy, `plan` no HTTP
    from pushdsl.fixing import Fixed
    from pushdsl.grammar.nodes import File
    from pushdsl.ledger import Balance, StockKey
    from pushdsl.model import Facts
    from pushdsl.planner import Explanation
    from pushdsl.plugins.manager import InstalledPlatforms
    from pushdsl.plugins.platform import Capabilities
    from pushdsl.rules import CheckedRules


@dataclass(frozen=True, slots=True)
class Project:
    """Where everything is: rule files, facts folder, settings, installed platforms."""

    paths: tuple[Path, ...]
    facts: Path
    settings: Settings
    platforms: InstalledPlatforms


def open_project(paths: Sequence[Path], facts: Path | None = None) -> Project:
    """The project around these rule files or folders; `facts` defaults to the project's `facts` folder."""
    from pushdsl.loader import project_folder
    from pushdsl.plugins.manager import InstalledPlatforms

    folder = project_folder(paths)
    settings = read_settings(folder)
    return Project(tuple(paths), facts or folder / "facts", settings, InstalledPlatforms(settings.capabilities))


def check_rules(project: Project) -> tuple[CheckedRules | None, tuple[Diagnostic, ...]]:
    """Every diagnostic of every file; the rules where none of them is an error."""
    from pushdsl.checker import diagnose
    from pushdsl.loader import load

    _check_blocked(project)
    rules, diagnostics = diagnose(load(project.paths), project.platforms, project.settings.limits)
    about_accounts = unknown_accounts(project.settings, rules.stores) if rules is not None else ()
    return rules, (*diagnostics, *about_accounts)


def fix_rules(project: Project) -> Fixed:
    """Every fix of every diagnostic that leaves no more errors, and what the files then hold; nothing is written.

    A file that a `use` leads to is fixed if it lies in the project's folder.
    """
    from pushdsl.checker import diagnose
    from pushdsl.fixing import fixed
    from pushdsl.loader import Loaded, load

    def look(unsaved: Mapping[Path, bytes]) -> tuple[Loaded, tuple[Diagnostic, ...]]:
        loaded = load(project.paths, unsaved)
        return loaded, diagnose(loaded, project.platforms, project.settings.limits)[1]

    _check_blocked(project)
    ours = (project.settings.folder, *(path.resolve() for path in project.paths))
    return fixed(look, lambda path: any(path.is_relative_to(one) for one in ours))


def check_on_facts(project: Project, rules: CheckedRules) -> tuple[tuple[Diagnostic, ...], tuple[Problem, ...]]:
    """What only facts can tell about rules that check: SKUs beyond the limits; and what is odd about the facts."""
    from pushdsl.claims import over_limits
    from pushdsl.facts import read_facts

    facts, warnings = read_facts(project.facts, None)
    return over_limits(rules, facts, project.settings.limits), warnings


def _check_blocked(project: Project) -> None:
    """Raises SettingsError for a blocked platform that is none: misspelt, it would block nothing."""
    known = {*project.platforms.names, *project.platforms.packages}
    for name in sorted(project.settings.limits.blocked_platforms - known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"platforms: {', '.join(sorted(known))}"
        raise SettingsError(f"`blocked_platforms` in [limits] names `{name}`, which is no platform", hint)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a plan needs besides the time. `warnings` are about facts, `limits` are the stores' capabilities."""

    rules: CheckedRules
    facts: Facts
    limits: Mapping[str, Capabilities]
    warnings: tuple[Problem, ...]


def read_inputs(project: Project, recorded: bool = True) -> Inputs:
    """Rules, facts and limits. Raises RuleError, FactsError, SettingsError.

    With `recorded` the store of record, where there is one, says what stores show, and what stock is by the events that
    a daemon took in; else the facts alone do.
    """
    from pushdsl.checker import check
    from pushdsl.claims import over_limits
    from pushdsl.facts import read_facts
    from pushdsl.loader import load

    _check_blocked(project)
    rules = check(load(project.paths), project.platforms, project.settings.limits)
    live, balances = _recorded(project.settings) if recorded else (None, {})
    facts, warnings = read_facts(project.facts, live)
    if balances:
        from pushdsl.facts.balances import with_balances

        facts = with_balances(facts, balances, stock_written(project.facts))
    if over := over_limits(rules, facts, project.settings.limits):
        raise RuleError(over)
    limits = {name: project.platforms.capabilities(store) for name, store in rules.stores.items()}
    return Inputs(rules, facts, limits, (*_of_accounts(project.settings, rules), *warnings))


def _of_accounts(settings: Settings, rules: CheckedRules) -> Iterator[Problem]:
    for said in unknown_accounts(settings, rules.stores):
        line = said.span.line if said.span is not None else None
        yield Problem(said.code, said.message, FILE, line, help=said.help, severity="warning")


def read_rules(project: Project) -> tuple[CheckedRules, tuple[File, ...], dict[str, Capabilities]]:
    """Checked rules, their files as written, and what every store can do; no facts. Raises RuleError."""
    from pushdsl.checker import check
    from pushdsl.loader import load

    _check_blocked(project)
    loaded = load(project.paths)
    rules = check(loaded, project.platforms, project.settings.limits)
    return rules, loaded.files, {name: project.platforms.capabilities(store) for name, store in rules.stores.items()}


def with_rules(project: Project, inputs: Inputs, paths: Sequence[Path]) -> Inputs:
    """The same facts and settings under other rules, to compare two plans. Raises RuleError."""
    from pushdsl.checker import check
    from pushdsl.loader import load

    rules = check(load(paths), project.platforms, project.settings.limits)
    limits = {name: project.platforms.capabilities(store) for name, store in rules.stores.items()}
    return replace(inputs, rules=rules, limits=limits)


def _recorded(settings: Settings) -> tuple[RecordedLive | None, Mapping[StockKey, Balance]]:
    """What the store of record knows; nothing where there is none, which a missing file tells without a database."""
    file = settings.record_url.removeprefix("sqlite:///")
    if file != settings.record_url and not Path(file).exists():
        return None, {}
    from pushdsl.store import open_existing

    record = open_existing(settings.record_url, tenant=settings.tenant)
    if record is None:
        return None, {}
    with record:
        return record.live(), record.ledger().all_balances()


def stock_written(folder: Path) -> int:
    """When the folder's table of stock was written, in nanoseconds since 1970."""
    from pushdsl.facts import stock_files

    return max((path.stat().st_mtime_ns for path in stock_files(folder)), default=0)


def plan(inputs: Inputs, at: datetime) -> Plan:
    from pushdsl import planner

    return planner.plan(inputs.rules, inputs.facts, inputs.limits, at)


def explain(inputs: Inputs, at: datetime, store: str, store_sku: str) -> list[Explanation]:
    from pushdsl import planner

    return planner.explain(inputs.rules, inputs.facts, inputs.limits, at, store, store_sku)


def utc_now() -> datetime:
    """Now, to the second: nothing in a plan is finer."""
    return datetime.now(UTC).replace(microsecond=0)
