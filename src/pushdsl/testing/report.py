"""Tests of the contract in; a table of what a platform kept, for its README, out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from pushdsl.plugins.platform import CONTRACT
from pushdsl.testing.contract import PlatformContract

KEPT, OWN_WAY, BROKEN, NOT_THERE = "kept", "own test", "**broken**", "not there"


@dataclass(frozen=True, slots=True)
class Result:
    """One test of one platform; `part` is empty for what every platform must do."""

    platform: str
    test: str
    part: str
    outcome: str


class Collector:
    """A pytest plugin that keeps how the tests of the contract ended, by class and test."""

    def __init__(self) -> None:
        self.platforms: dict[str, str] = {}
        self._items: dict[str, tuple[str, str, str]] = {}
        self._outcomes: dict[str, str] = {}
        self._own: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        own = {name for name in vars(PlatformContract) if name.startswith("test_")}
        for item in items:
            of = getattr(item, "cls", None)
            if isinstance(of, type) and issubclass(of, PlatformContract) and item.name in own:
                part = getattr(inspect.getattr_static(PlatformContract, item.name), "part", "")
                self._items[item.nodeid] = (of.platform.name, item.name, part)
                if getattr(of, item.name) is not getattr(PlatformContract, item.name):
                    self._own.add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self._items:
            return
        if report.failed:
            self._outcomes[report.nodeid] = BROKEN
        elif report.skipped:
            self._outcomes.setdefault(report.nodeid, NOT_THERE)
        elif report.when == "call":
            self._outcomes.setdefault(report.nodeid, OWN_WAY if report.nodeid in self._own else KEPT)

    def results(self) -> list[Result]:
        """In the order of the contract. Several classes of one platform: broken in one is broken."""
        found: dict[tuple[str, str], Result] = {}
        for node, (platform, test, part) in self._items.items():
            outcome = self._outcomes.get(node, BROKEN)
            before = found.get((platform, test))
            if before is None or _RANK[outcome] > _RANK[before.outcome]:
                found[platform, test] = Result(platform, test, part, outcome)
        order = list(vars(PlatformContract))
        return sorted(found.values(), key=lambda result: (result.platform, order.index(result.test)))


_RANK: Mapping[str, int] = {NOT_THERE: 0, KEPT: 1, OWN_WAY: 2, BROKEN: 3}


def report(paths: Iterable[Path]) -> tuple[str, bool]:
    """The results as Markdown, and whether every test that ran was kept."""
    collector = Collector()
    pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *map(str, paths)], plugins=[collector])
    results = collector.results()
    return text_of(results), bool(results) and all(result.outcome != BROKEN for result in results)


def text_of(results: Iterable[Result]) -> str:
    """A table: a row a test, a column a platform. Nothing in it changes from one run to the next."""
    by_test: dict[tuple[str, str], dict[str, str]] = {}
    for result in results:
        by_test.setdefault((result.test, result.part), {})[result.platform] = result.outcome
    platforms = sorted({name for outcomes in by_test.values() for name in outcomes})
    contract = ".".join(map(str, CONTRACT))
    lines = [
        f"Contract {contract}, pushdsl {version('pushdsl')}. {KEPT.capitalize()}: the test passed. "
        f"{OWN_WAY.capitalize()}: the platform put a test of its own in its place, which passed. "
        f"{NOT_THERE.capitalize()}: it has no such part.",
        "",
        f"| test | part | {' | '.join(platforms)} |",
        f"| --- | --- |{' --- |' * len(platforms)}",
    ]
    for (test, part), outcomes in by_test.items():
        said = test.removeprefix("test_").replace("_", " ")
        cells = " | ".join(outcomes.get(name, NOT_THERE) for name in platforms)
        lines.append(f"| {said} | {part or 'required'} | {cells} |")
    return "\n".join(lines) + "\n"
