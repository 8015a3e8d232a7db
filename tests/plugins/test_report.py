"""`python -m pushdsl.testing report` says of every test of the contract whether a platform keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pushdsl.testing import PlatformContract
from pushdsl.testing.__main__ import main

TESTS = """\
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.testing import PlatformContract

class Deaf(SimulatedPlatform):
    async def locations(self, connection):
        return []

class TestContract(PlatformContract):
    platform = {platform}()

def test_of_something_else():
    assert False
"""


def report_of(platform: str, folder: Path) -> tuple[int, dict[str, list[str]]]:
    tests = folder / f"test_{platform.lower()}.py"
    tests.write_text(TESTS.format(platform=platform))
    code = main(["report", str(tests), "-o", str(folder / "CONTRACT.md")])
    rows = [line.strip("| ").split(" | ") for line in (folder / "CONTRACT.md").read_text().splitlines() if "|" in line]
    return code, {row[0]: row[1:] for row in rows[2:]}


def test_what_is_kept_and_what_is_not_there_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = report_of("SimulatedPlatform", tmp_path)

    assert code == 0
    assert rows["what was confirmed is what a read returns"] == ["required", "kept"]
    assert rows["many calls that find a token expired renew it once"] == ["tokens", "not there"]
    assert "of something else" not in rows
    assert {row[1] for row in rows.values()} == {"kept", "not there"}


def test_a_broken_test_is_told_and_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = report_of("Deaf", tmp_path)

    assert code == 1
    assert rows["the locations of a store are those that it shows"] == ["required", "**broken**"]


def test_the_results_that_are_kept_here_are_of_every_test_of_the_contract() -> None:
    """Written anew by `python -m pushdsl.testing report plugins/*/tests/test_contract.py -o plugins/CONTRACT.md`."""
    lines = (Path(__file__).parents[2] / "plugins" / "CONTRACT.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    tests = [name.removeprefix("test_").replace("_", " ") for name in vars(PlatformContract) if name[:5] == "test_"]

    assert [row[0] for row in rows] == tests
    assert "**broken**" not in {cell for row in rows for cell in row}
