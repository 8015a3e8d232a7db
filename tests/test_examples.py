"""Every example's plan is the text in its folder, and its README's command is the one that prints it."""

import shlex
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from pushdsl.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(folder for folder in (ROOT / "examples").iterdir() if (folder / "rules.push").exists())


class PlanBesideTheRules(SingleFileSnapshotExtension):
    """Keeps a snapshot as `plan.txt` in the example's own folder."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def dirname(cls, *, test_location: object) -> str:
        return str(ROOT / "examples")

    @classmethod
    def get_snapshot_name(cls, *, test_location: object, index: object = 0) -> str:
        return f"{index}/plan"


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_plan_of_an_example(
    folder: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)

    assert main(command(folder)) == 0
    assert capsys.readouterr().out == snapshot(name=folder.name, extension_class=PlanBesideTheRules)


def command(folder: Path) -> list[str]:
    """The `pushdsl plan …` of the README, as its arguments."""
    lines = (folder / "README.md").read_text("utf-8").splitlines()
    (line,) = [line.strip() for line in lines if line.startswith("    pushdsl plan")]
    return shlex.split(line)[1:]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_rules_of_an_example_check_without_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0


@pytest.mark.parametrize("folder", [f for f in EXAMPLES if (f / "tests.push").exists()], ids=lambda folder: folder.name)
def test_the_tests_of_an_example_pass_and_reach_all_of_its_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(folder), "--coverage-min", "100"]) == 0, capsys.readouterr().out


def test_there_are_at_least_four_examples_under_two_megabytes() -> None:
    sizes = [sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) for folder in EXAMPLES]

    assert len(EXAMPLES) >= 4
    assert max(sizes) < 2_000_000
