"""A short run of the long one: four marketplaces that fail in every way end with exactly the planned quantities."""

from __future__ import annotations

from pathlib import Path

from benchmarks.faults import FAULTS, run


def test_whatever_fails_every_store_ends_with_the_plan_and_no_record_lies(tmp_path: Path) -> None:
    figures = run(tmp_path, listings=800, share=0.01, seed=3, answer_seconds=0.5)

    assert (figures.lies, figures.wrong, figures.pending) == (0, 0, 0)
    assert figures.statuses == {"Successfully": figures.cells}
    assert figures.cells == 1_200
    assert len(set(figures.faults) & set(FAULTS)) >= 5, "the seed no longer meets most faults: choose another"
    assert figures.refreshes >= 8, "two shops a platform, each token ended once"
