"""A short run of the long one: four marketplaces that fail in every way end with exactly the planned quantities."""

from __future__ import annotations

from pathlib import Path

from benchmarks.faults import FAULTS, run


def test_whatever_fails_every_store_ends_with_the_plan_and_no_record_lies(tmp_path: Path) -> None:
    figures = run(tmp_path, listings=800, share=0.01, seed=3, answer_seconds=0.5)

    assert (figures.lies, figures.oversold, figures.doubtful) == (0, 0, 0)
    assert (figures.wrong, figures.wrong_strangers, figures.pending) == (0, 0, 0)
    assert figures.cells == 1_200
    assert figures.strangers == 12, "one of 100 SKUs, in eight stores, of which four have two locations"
    assert len(figures.faults) >= len(FAULTS) - 1, "the seed no longer meets most faults: choose another"
    assert figures.refreshes >= 8, "two shops a platform, each token ended once"
    assert figures.retries > 0
