"""The tutorial, played from its first line to its last: every file is written and every command says what is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pushdsl import cycle, trials
from pushdsl.cli import main

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOW = re.compile(r"(?<=[Aa]t )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# when the page says it was written, in the place of when the test runs
SHOWN = "2026-11-21T09:00:00Z"


def shown_commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console block with what it prints."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    return [(command, printed.rstrip("\n")) for command, printed in zip(parts[1::2], parts[2::2], strict=True)]


def test_the_tutorial_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    said, printed = [], []
    for language, name, text in BLOCK.findall((DOCS / "tutorial.md").read_text("utf-8")):
        if language != "console":
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text, "utf-8")
            continue
        for command, expected in shown_commands(text):
            main(shlex.split(command)[1:])
            captured = capsys.readouterr()
            said.append((command, expected))
            printed.append((command, NOW.sub(SHOWN, (captured.out + captured.err).rstrip("\n"))))

    assert printed == said


def test_the_rules_of_the_cheat_sheet_do_what_its_test_expects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ((_, _, text),) = BLOCK.findall((DOCS / "cheatsheet.md").read_text("utf-8"))
    Path("rules.push").write_text(text, "utf-8")

    rules, _, limits = cycle.read_rules(cycle.open_project([Path("rules.push")]))

    assert [(test.name, trials.run(rules, limits, test).failures) for test in rules.tests] == [
        ("low stock goes to Shopee", ())
    ]
