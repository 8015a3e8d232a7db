"""pytest's side of pushdsl: the tests of rule files as tests of pytest, and dry runs as snapshots.

pytest finds it by its entry point. What is heavy is imported when a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pushdsl.errors import PushdslError
    from pushdsl.model import Plan
    from pushdsl.rules import CheckedRules, CheckedTest
    from pushdsl.trials import Trial

# ---- tests of rule files ----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    help = "patterns of the rule files whose tests pytest runs (default: *.push)"
    parser.addini("push_files", help, type="args", default=["*.push"])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".push" or not any(map(file_path.match, parent.config.getini("push_files"))):
        return None
    # a file without the word has no tests, and need not be read as rules
    return PushFile.from_parent(parent, path=file_path) if b"test" in file_path.read_bytes() else None


class PushFile(pytest.File):
    """A rule file with its tests. All rules of its project apply: of the folder with `pushdsl.toml`, or of the file."""

    def collect(self) -> Iterator[pytest.Item]:
        from pushdsl.errors import PushdslError

        try:
            rules, limits = _rules_around(self.path, self.config)
        except PushdslError as error:
            raise self.CollectError("\n".join(_error_lines(error))) from None
        here = os.path.realpath(self.path)
        for test in rules.tests:
            if os.path.realpath(test.span.source.name) == here:
                yield PushTest.from_parent(self, name=test.name, play=lambda test=test: _play(rules, limits, test))


class PushTest(pytest.Item):
    """One `test` of a rule file."""

    def __init__(self, play: Callable[[], Trial], **rest: Any) -> None:
        super().__init__(**rest)
        self._play = play

    def runtest(self) -> None:
        if not (trial := self._play()).passed:
            raise _Failed(trial)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if not isinstance(excinfo.value, _Failed):
            return super().repr_failure(excinfo, style)
        from pushdsl.report.trials import failure_lines

        return "\n".join(failure_lines(excinfo.value.trial))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class _Failed(Exception):
    """A test with expectations that did not come true."""

    def __init__(self, trial: Trial) -> None:
        failures = len(trial.failures)
        super().__init__(f"{failures} value{'' if failures == 1 else 's'} did not come")
        self.trial = trial


def _play(rules: CheckedRules, limits: Mapping[str, Any], test: CheckedTest) -> Trial:
    from pushdsl import trials

    return trials.run(rules, limits, test)


_PROJECTS = pytest.StashKey[dict[Path, tuple[Any, Any]]]()


def _rules_around(file: Path, config: pytest.Config) -> tuple[CheckedRules, Mapping[str, Any]]:
    """The rules that the tests of `file` are about, and what their stores can do; read once for a whole project."""
    from pushdsl import cycle
    from pushdsl.loader import project_folder

    folder = project_folder([file])
    around = folder if (folder / "pushdsl.toml").is_file() else file
    known = config.stash.setdefault(_PROJECTS, {})
    if around not in known:
        shown = Path(os.path.relpath(around)) if around.is_relative_to(Path.cwd()) else around
        rules, _, limits = cycle.read_rules(cycle.open_project([shown]))
        known[around] = rules, limits
    return known[around]


# ---- dry runs as snapshots --------------------------------------------------------------------------

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a dry run is planned if the test does not say: a fixed time, so that the plan says the same tomorrow."""

PushPlan = Callable[..., "DryRun"]
"""`push_plan(rules, facts="facts", at=None)`: see the fixture of that name."""


class DryRun:
    """A plan as text that a snapshot can keep. `plan` is the value behind it, for assertions of your own.

    Compared with syrupy's `snapshot` it is kept in a text file of its own, `__snapshots__/<test file>/<test>.plan.txt`.
    """

    __hash__ = None  # type: ignore[assignment]  # equal to a snapshot, which is not hashed either

    def __init__(self, plan: Plan, text: str, snapshots: dict[int, Any]) -> None:
        self.plan = plan
        self.text = text
        self._snapshots = snapshots
        self._compared: Any = None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DryRun):
            return self.text == other.text
        if isinstance(other, str):
            return self.text == other
        if not hasattr(other, "use_extension"):
            return NotImplemented
        self._compared = self._in_a_file(other)
        return bool(self._compared == self.text)

    def _in_a_file(self, snapshot: Any) -> Any:
        """The same snapshot in a file of its own; one for each, because it counts the plans of its test."""
        if id(snapshot) not in self._snapshots:
            self._snapshots[id(snapshot)] = snapshot.use_extension(_plan_files())
        return self._snapshots[id(snapshot)]

    def difference(self) -> list[str]:
        """The lines that the last snapshot has (`-`) and this plan has (`+`); empty where they are equal."""
        if self._compared is None:
            return []
        result = self._compared.executions[self._compared.num_executions - 1]
        if result.success:
            return []
        if result.recalled_data is None:
            return ["there is no such snapshot yet"]
        kept, now = result.recalled_data.splitlines(), self.text.splitlines()
        return list(unified_diff(kept, now, "snapshot", "plan", lineterm="", n=0))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


@cache
def _plan_files() -> type[Any]:
    from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

    class PlanFiles(SingleFileSnapshotExtension):
        """A plan as it is printed, in a file of its own: a change of rules shows as changed lines in a review."""

        _write_mode = WriteMode.TEXT
        file_extension = "plan.txt"

    return PlanFiles


@pytest.fixture
def push_plan(request: pytest.FixtureRequest) -> PushPlan:
    """`push_plan(rules, facts="facts", at=None)`: what `pushdsl plan` would say, every cell with its reason.

    Paths are relative to the test file; `rules` is a rule file, a folder, or several in a list. What a store shows
    comes from the `live` table of the facts alone, never from a store of record. `at` is a datetime with its zone
    or text such as `2026-11-11T00:00:00Z`; without it the first moment of 2026. Rules or facts that cannot be used
    fail the test with what is wrong with them.
    """
    folder = request.path.parent
    snapshots: dict[int, Any] = {}

    def push_plan(
        rules: str | Path | Sequence[str | Path], facts: str | Path = "facts", at: datetime | str | None = None
    ) -> DryRun:
        __tracebackhide__ = True
        several = [rules] if isinstance(rules, (str, Path)) else rules
        return _dry_run([folder / path for path in several], folder / facts, _moment(at), snapshots)

    return push_plan


def _dry_run(rules: Sequence[Path], facts: Path, at: datetime, snapshots: dict[int, Any]) -> DryRun:
    __tracebackhide__ = True
    from pushdsl import cycle
    from pushdsl.errors import PushdslError
    from pushdsl.report.plans import plan_lines

    try:
        inputs = cycle.read_inputs(cycle.open_project(rules, facts), recorded=False)
        plan = cycle.plan(inputs, at)
    except PushdslError as error:
        pytest.fail("\n".join(_error_lines(error)), pytrace=False)
    text = "".join(f"{line}\n" for line in plan_lines(plan, detail="every"))
    return DryRun(plan, text, snapshots)


def _moment(at: datetime | str | None) -> datetime:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at or AT
    if moment.tzinfo is None:
        raise ValueError(f"`{at}` has no time zone; write it as 2026-11-11T00:00:00Z or …+08:00")
    return moment


@pytest.hookimpl(wrapper=True)
def pytest_assertrepr_compare(left: object) -> Generator[None, list[list[str]], list[list[str]]]:
    if not (isinstance(left, DryRun) and (difference := left.difference())):
        return (yield)
    # syrupy looks for a comparison that `snapshot` made itself, and finds none: the file of its own made it
    with suppress(LookupError):
        yield
    return [["the plan is not the one of the snapshot (`pytest --snapshot-update` accepts it)", *difference]]


# ---- both -------------------------------------------------------------------------------------------


def _error_lines(error: PushdslError) -> list[str]:
    """What is wrong as `pushdsl` itself would show it."""
    from pushdsl.errors import FactsError, RuleError
    from pushdsl.report.diagnostics import diagnostic_lines, problem_lines

    lines: list[str] = []
    if isinstance(error, RuleError):
        for diagnostic in error.diagnostics:
            lines += [*diagnostic_lines(diagnostic), ""]
    if isinstance(error, FactsError):
        for problem in error.problems:
            lines += problem_lines(problem)
    return [*lines, f"error: {error.message}", *([f"help: {error.help}"] if error.help else [])]
