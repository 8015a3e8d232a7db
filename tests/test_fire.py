"""Short runs of the long ones: whatever befalls workers, every store shows the newest quantity, and every trigger ends.

What may be backward for a moment, and how long it all takes, is told by `benchmarks/fire.py` itself.
"""

from __future__ import annotations

from benchmarks import fire
from benchmarks.fire import Figures, Wanted

SHORT = Wanted(listings=30, triggers=450, rate=75)


def proved(figures: Figures) -> None:
    assert figures.at_rest, figures.left
    assert (figures.wrong, figures.records, figures.lies, figures.mistakes) == (0, 0, 0, 0), figures
    assert figures.ledger == ""
    assert figures.triggers >= 480


def test_a_worker_that_is_killed_at_any_step_leaves_nothing_undone() -> None:
    figures = fire.run("kill", SHORT)

    proved(figures)
    assert sum(figures.kills.values()) >= 3
