"""The demo, as a stranger runs it: once, once more, and after changing a number."""

import re
from pathlib import Path

import pytest

from pushdsl.cli import main


def test_the_demo_pushes_once_then_nothing_then_what_a_changed_number_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"

    assert main(["demo", str(folder)]) == 0
    first = capsys.readouterr().out
    assert "11,080 cells: 11,080 to push, 0 unchanged, 0 held, 0 blocked" in first
    assert "11,080 confirmed, 0 failed, 0 not sent" in first
    for store, cells in (("shopee_my", "4,037"), ("lazada_my", "4,187"), ("tiktok_my", "2,856")):
        assert f"{store} shows the planned quantity for {cells} of {cells} cells" in first
    assert re.search(r"shopee_my .* Successfully +101$", first, re.MULTILINE)
    assert "reason 101: Rule or facts changed" in first

    assert main(["demo", str(folder)]) == 0
    second = capsys.readouterr().out
    assert "Nothing to push: every store shows what the rules say." in second

    rules = folder / "rules.push"
    rules.write_text(rules.read_text("utf-8").replace("at most 200 units", "at most 150 units"), "utf-8")
    assert main(["demo", str(folder)]) == 0
    third = capsys.readouterr().out
    pushed = int(re.search(r"cells: ([\d,]+) to push", third)[1].replace(",", ""))  # type: ignore[index]
    assert 0 < pushed < 2_000
    assert f"{pushed:,} confirmed, 0 failed, 0 not sent" in third
    assert "200 → 150" in third
    assert all(line.endswith("[Fragile]") for line in third.splitlines() if "→" in line)


def test_the_demo_overwrites_no_folder_that_is_not_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep", "utf-8")

    assert main(["demo", str(tmp_path)]) == 1
    assert "exists and is no demo" in capsys.readouterr().err
