"""Short runs of the long ones: whatever befalls workers, every store shows the newest quantity, and every trigger ends.

How often something older stood for a moment, and how long all takes, is told by `benchmarks/fire.py` itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import fire
from benchmarks.fire import Figures, Wanted

SHORT = Wanted(listings=30, triggers=150, rate=75)
ON_SERVER = Wanted("postgresql", 2, listings=30, triggers=150, rate=75)


@pytest.fixture
def somewhere(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PostgreSQL for those that want one."""
    monkeypatch.setenv(fire.homes.SERVER, server)


def proved(figures: Figures) -> None:
    assert figures.at_rest, figures.left
    assert (figures.wrong, figures.records, figures.lies, figures.mistakes) == (0, 0, 0, 0), figures
    assert figures.ledger == ""
    assert figures.pushes >= 30, "each listing at least once; what came together is one push"


def test_workers_that_are_killed_at_any_step_leave_nothing_undone(tmp_path: Path) -> None:
    figures = fire.kill(SHORT, tmp_path, often=1, at_least=8)

    proved(figures)
    assert len(figures.kills) >= 5


def test_one_of_two_workers_is_killed_and_the_other_goes_on(somewhere: None, tmp_path: Path) -> None:
    figures = fire.kill(ON_SERVER, tmp_path, often=1, at_least=4)

    proved(figures)
    assert len(figures.kills) >= 2


def test_what_a_frozen_worker_sends_too_late_does_not_stay(somewhere: None, tmp_path: Path) -> None:
    proved(fire.freeze(ON_SERVER, tmp_path, waves=1))


def test_wakes_are_not_needed(somewhere: None) -> None:
    proved(fire.run("wakes-lost", Wanted("postgresql", 1, "procrastinate", 30, 150, rate=75)))


def test_a_clock_that_goes_an_hour_forward_and_back_puts_nothing_off() -> None:
    proved(fire.run("clock", SHORT))


def test_marketplaces_that_fail_now_and_then_end_with_the_newest_quantity() -> None:
    figures = fire.run("faults", Wanted(listings=40, triggers=300, rate=75, share=0.1))

    proved(figures)
    assert figures.notes["met"]
