"""The help of every command, as printed and as documented; and what a wrong word is answered with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pushdsl import __version__
from pushdsl.cli import COMMANDS, main
from tests.shop import SIMULATED, make_project

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
HELP = re.compile(r"^```text\n(usage: .*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred columns and no colour, whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit:
        main([*([command] if command else []), "--help"])
    assert exit.value.code == 0
    return capsys.readouterr().out


def plain(text: str) -> str:
    """The help without what differs between versions of Python: where lines break, and a metavar said twice."""
    usage, _, rest = text.partition("\n\n")
    rest = re.sub(r"\n {5,}", "  ", rest)
    rest = re.sub(r"(-\w) ([A-Z]+), (--[\w-]+) \2", r"\1, \3 \2", rest)
    rest = re.sub(r"(?<=\S) {2,}", "  ", rest)
    return f"{' '.join(usage.split())}\n\n{rest}"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_of(command: str, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    assert plain(help_of(command, capsys)) == snapshot


def documented() -> dict[str, str]:
    """The help texts of the page, by command."""
    texts = HELP.findall(PAGE.read_text("utf-8"))
    return {text.removeprefix("usage: pushdsl").split()[0].strip("[]"): text for text in texts}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_page_has_the_help_as_it_is_printed(
    command: str, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    """`--snapshot-update` renews the text of a command that the page has."""
    printed, shown = help_of(command, capsys), documented()[command or "-h"]
    if pytestconfig.getoption("update_snapshots") and plain(shown) != plain(printed):
        PAGE.write_text(PAGE.read_text("utf-8").replace(shown, printed), "utf-8")
        shown = printed

    assert plain(shown) == plain(printed)


def test_the_page_has_no_other_help() -> None:
    assert sorted(documented()) == sorted(["-h", *COMMANDS])


def test_no_help_is_wider_than_the_terminal() -> None:
    assert [line for text in documented().values() for line in text.splitlines() if len(line) > 100] == []


def test_every_command_has_a_section() -> None:
    sections = re.findall(r"^## `pushdsl ([\w-]+)`$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert sections == list(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--json"],
        ["plan", "--json"],
        ["diff", "rules.push", "rules.push", "--json"],
        ["explain", "shopee_my", "MUG-03", "--json"],
        ["why-not", "shopee_my", "MUG-03", "--json"],
        ["render", "--json"],
        ["apply", "--json"],
        ["push-now", "--json"],
        ["retry", "--json"],
        ["records", "--json"],
        ["status", "--json"],
        ["verify", "--json"],
        ["export", "--out", "taken", "--json"],
        ["platforms", "--json"],
    ],
    ids=lambda command: command[0],
)
def test_the_page_names_every_key_of_the_json(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make_project(tmp_path / "shop", SIMULATED))
    if command[0] in ("records", "status"):
        assert main(["apply"]) == 0
        capsys.readouterr()

    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    page = PAGE.read_text("utf-8")
    section = page[page.index(f"## `pushdsl {command[0]}`") :].split("\n## ")[0]
    if command[0] == "explain":
        printed = {key: printed[0][key] for key in ("pack", "steps")}
    first = printed[0] if isinstance(printed, list) else printed
    assert [key for key in first if not re.search(rf'["`]{key}["`]', section)] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--version"])

    assert exit.value.code == 0
    assert capsys.readouterr().out == f"pushdsl {__version__}\n"


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert capsys.readouterr().out == help_of("", capsys)


def test_an_unknown_command_is_named_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["plam"])

    assert exit.value.code == 1
    said = capsys.readouterr().err
    assert "there is no command `plam`\nhelp: did you mean `plan`?" in said
    assert [command for command in COMMANDS if command not in said] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_exits_with_1_and_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    needed = {
        "explain": ["shopee_my", "MUG-03"],
        "why-not": ["shopee_my", "MUG-03"],
        "reconcile": ["shopee_my"],
        "locations": ["shopee_my"],
        "diff": ["old", "new"],
        "new-plugin": ["acme"],
        "export": ["--out", "taken"],
        "push-now": ["shopee_my"],
        "replay": ["orders.csv"],
    }.get(command, [])

    with pytest.raises(SystemExit) as exit:
        main([command, *needed, "--wrong-option"])

    assert exit.value.code == 1
    assert "--wrong-option" in capsys.readouterr().err
