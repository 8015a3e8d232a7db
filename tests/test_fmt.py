"""`pushdsl fmt`: what it writes and what it leaves alone; and its laws over every rule file there is."""

from __future__ import annotations

import io
import os
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pushdsl import formatter
from pushdsl.checker import diagnose
from pushdsl.cli import main
from pushdsl.errors import PushdslError, RuleError
from pushdsl.formatter import format_text
from pushdsl.grammar import nodes as n
from pushdsl.grammar.comments import comments
from pushdsl.grammar.parser import parse
from pushdsl.grammar.printer import print_file
from pushdsl.loader import load
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.source import SourceText

ROOT = Path(__file__).parents[1]

MESSY = 'push edition 1\nrule "A" { # head\n  take kl # stock\n  for  everything\n}'
NEAT = 'push edition 1\n\nrule "A" {   # head\n  for everything\n  take kl   # stock\n}\n'
BROKEN = 'push edition 1\nrule "A" {\n  take  100 of kl\n}\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


# ---- files ------------------------------------------------------------------------------------------


def test_files_are_rewritten_in_place_and_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write(here / "rules.push", MESSY), write(here / "shared" / "two.push", NEAT)

    assert main(["fmt"]) == 0

    assert capsys.readouterr().out == "rules.push\n1 of 2 files changed\n"
    assert one.read_text("utf-8") == two.read_text("utf-8") == NEAT
    assert sorted(path.name for path in here.rglob("*")) == ["rules.push", "shared", "two.push"]

    assert main(["fmt"]) == 0
    assert capsys.readouterr().out == "0 of 2 files changed\n"


def test_only_the_files_and_folders_that_are_named_are_formatted(here: Path) -> None:
    files = [write(here / name, MESSY) for name in ("a.push", "b/b.push", "c.push", ".hidden/d.push")]

    assert main(["fmt", "a.push", "b", "./a.push"]) == 0

    assert [file.read_text("utf-8") for file in files] == [NEAT, NEAT, MESSY, MESSY]


def test_a_file_that_is_neat_is_not_written(here: Path) -> None:
    file = write(here / "rules.push", NEAT)
    before = file.stat()

    assert main(["fmt"]) == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.skipif(os.name == "nt", reason="has no such permissions")
def test_permissions_stay_and_a_link_stays_a_link(here: Path) -> None:
    file = write(here / "real" / "rules.push", MESSY)
    file.chmod(0o640)
    link = here / "link.push"
    link.symlink_to(file)

    assert main(["fmt", "link.push"]) == 0

    assert link.is_symlink()
    assert (file.read_text("utf-8"), file.stat().st_mode & 0o777) == (NEAT, 0o640)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_a_bom_stay(here: Path, bom: bytes, end: str) -> None:
    file = write(here / "rules.push", bom + MESSY.replace("\n", end).encode())

    assert main(["fmt"]) == 0
    assert file.read_bytes() == bom + NEAT.replace("\n", end).encode()
    assert main(["fmt", "--check"]) == 0


def test_mixed_line_ends_become_those_of_the_first_line(here: Path) -> None:
    file = write(here / "rules.push", NEAT.replace("\n", "\r\n", 1))

    assert main(["fmt"]) == 0
    assert file.read_bytes() == NEAT.replace("\n", "\r\n").encode()


def test_check_names_what_would_change_writes_nothing_and_exits_with_3(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(here / "rules.push", MESSY)
    write(here / "two.push", NEAT)

    assert main(["fmt", "--check"]) == 3
    assert capsys.readouterr().out == "rules.push\n1 of 2 files would change\n"
    assert file.read_text("utf-8") == MESSY

    assert main(["fmt", "--check", "two.push"]) == 0
    assert capsys.readouterr().out == "0 of 1 file would change\n"


def test_diff_prints_what_would_change_and_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(here / "rules.push", 'push edition 1\n\nrule "A" {\n  for  everything\n}')

    assert main(["fmt", "--diff"]) == 0

    assert capsys.readouterr().out == (
        '--- rules.push\n+++ rules.push\n@@ -1,5 +1,5 @@\n push edition 1\n \n rule "A" {\n-  for  everything\n'
        "-}\n\\ No newline at end of file\n+  for everything\n+}\n"
    )
    assert "for  everything" in file.read_text("utf-8")
    assert main(["fmt", "--diff", "--check"]) == 3


def test_a_file_with_errors_is_left_alone_and_the_others_are_formatted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, bytes_, good = (
        write(here / "a.push", BROKEN),
        write(here / "b.push", b"\xff"),
        write(here / "c.push", MESSY),
    )

    assert main(["fmt"]) == 3

    printed = capsys.readouterr()
    assert printed.out == "c.push\n1 of 3 files changed\n"
    assert "--> a.push:3:" in printed.err
    assert "--> b.push:1:" in printed.err
    assert printed.err.endswith("error: 2 files with errors are left as before\n")
    assert (broken.read_text("utf-8"), bytes_.read_bytes()) == (BROKEN, b"\xff")
    assert good.read_text("utf-8") == NEAT


def test_what_only_the_checker_would_refuse_is_formatted(here: Path) -> None:
    file = write(here / "rules.push", 'rule "A" { push 80% \n for nothing_known\n for everything }\n')

    assert main(["fmt"]) == 0
    assert file.read_text("utf-8") == 'rule "A" {\n  for nothing_known\n  for everything\n  push 80%\n}\n'


def test_a_file_that_cannot_be_written_stays_and_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(here / "rules.push", MESSY)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)

    assert main(["fmt"]) == 1
    assert "cannot write `rules.push`: no space left on device" in capsys.readouterr().err
    assert file.read_text("utf-8") == MESSY
    assert [path.name for path in here.iterdir()] == ["rules.push"]


# ---- standard input ---------------------------------------------------------------------------------


def type_in(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode("utf-8"))))


def test_a_hyphen_formats_standard_input_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    type_in(monkeypatch, MESSY.replace("\n", "\r\n"))

    assert main(["fmt", "-"]) == 0
    assert capsysbinary.readouterr().out == NEAT.replace("\n", "\r\n").encode()


def test_standard_input_with_errors_prints_nothing_but_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, BROKEN)

    assert main(["fmt", "-"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "--> standard input:3:" in printed.err


def test_check_and_diff_work_on_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, MESSY)
    assert main(["fmt", "-", "--check"]) == 3
    assert capsys.readouterr().out == "standard input\n"

    type_in(monkeypatch, MESSY)
    assert main(["fmt", "-", "--diff"]) == 0
    assert "+  take kl   # stock\n" in capsys.readouterr().out

    type_in(monkeypatch, NEAT)
    assert main(["fmt", "-", "--check"]) == 0


def test_a_hyphen_stands_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "-", "rules.push"]) == 1
    assert "`-` stands alone" in capsys.readouterr().err


# ---- what a formatter promises ----------------------------------------------------------------------


def without_a_statement(file: n.File) -> str:
    return print_file(file).replace("  for everything\n", "")


def without_a_comment(file: n.File) -> str:
    return print_file(file).replace("# stock", "")


def never_done(file: n.File) -> str:
    return file.source.text + "\n"


def unreadable(file: n.File) -> str:
    return print_file(file) + "}\n"


@pytest.mark.parametrize(
    ("printer", "reason"),
    [
        (without_a_statement, "the rules would change"),
        (without_a_comment, "a comment would be lost"),
        (never_done, "formatting twice would give something else"),
        (unreadable, "the result could not be read again"),
    ],
)
def test_nothing_is_written_where_the_result_is_wrong(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], printer: object, reason: str
) -> None:
    file = write(here / "rules.push", MESSY)
    monkeypatch.setattr(formatter, "print_file", printer)

    assert main(["fmt"]) == 1

    error = capsys.readouterr().err
    assert f"error: `rules.push` was not formatted, because {reason}" in error
    assert "please report it with the file" in error
    assert file.read_text("utf-8") == MESSY


@pytest.mark.parametrize("statement", ["disabled", "    open at 2 units\n", 'test "T" {\n'])
def test_a_second_statement_of_a_kind_is_no_excuse(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """What stands twice is an error of the rules, and still not the formatter's to drop or to change."""
    text = 'rule "A" {\n  disabled\n  disabled\n  preorder { open at 1 unit\nopen at 2 units }\n}\ntest "T" { }\n'
    assert statement in format_text(SourceText("rules.push", text))

    monkeypatch.setattr(formatter, "print_file", lambda file: print_file(file).replace(statement, "# gone\n", 1))
    with pytest.raises(PushdslError):
        format_text(SourceText("rules.push", text))


# ---- comments that silence --------------------------------------------------------------------------

# With how many lints the comment silences: those that are said of words on its line, or on the line below.
SILENCED = [
    ("hide below 5 units   # allow PUSH313 because we say so\n  at least 3 units", 1),
    ("# allow PUSH313 because we say so\n  hide below 5 units\n  at least 3 units", 1),
    ("# allow PUSH313 because we say so\n  # and so do they\n  hide below 5 units\n  at least 3 units", 1),
    ("# allow PUSH313 because we say so\n\n  hide below 5 units\n  at least 3 units", 0),
    ('for "A-1", "A-1",   # allow PUSH302 because twice is safe\n    "A-2"', 1),
    ('for "A-1",\n    "A-1", "A-2"   # allow PUSH302 because twice is safe', 1),
    ('for "A-1", "A-1",\n    "A-2"   # allow PUSH302 because twice is safe', 0),
    ('# allow PUSH302 because twice is safe\n  for "A-1", "A-1",\n   "A-2"', 1),
    ('# allow PUSH302 because twice is safe\n  for "A-1",\n   "A-1", "A-2"', 0),
]


@pytest.mark.parametrize(("statements", "silenced"), SILENCED)
def test_the_same_lints_are_silenced_after_statements_were_sorted(
    tmp_path: Path, statements: str, silenced: int
) -> None:
    needed = "" if "for " in statements else "  for everything\n"
    text = (
        "push edition 1\nwarehouse kl\nstore a on simulated\n"
        f'rule "A" {{\n  push 80%\n  take kl\n  {statements}\n  to a\n{needed}}}\n'
    )
    printed = format_text(SourceText("rules.push", text))

    assert printed.index("to a") < printed.index("push 80%")
    found = said(tmp_path, text)
    assert sum(reason != "" for _, _, reason in found.elements()) == silenced
    assert found == said(tmp_path, printed)


def said(folder: Path, text: str) -> Counter[tuple[str, str, str]]:
    path = write(folder / "rules.push", text)
    _, diagnostics = diagnose(load([path]), InstalledPlatforms({}))
    assert [found for found in diagnostics if found.severity == "error"] == []
    return Counter((found.code, found.span.text if found.span else "", found.silenced) for found in diagnostics)


# ---- every rule file there is -----------------------------------------------------------------------


def rule_texts() -> dict[str, str]:
    """Every rule file, and every fenced rule of the documentation."""
    files = [*ROOT.glob("examples/**/*.push"), *ROOT.glob("src/**/*.push"), *ROOT.glob("tests/**/*.push")]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files}
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for found in re.finditer(r"^```push.*\n((?s:.*?))^```$", page.read_text("utf-8"), re.MULTILINE):
            texts[f"{page.relative_to(ROOT)}:{found.start()}"] = found[1]
    return {
        f"{name}:{place}": part
        for name, text in texts.items()
        for place, part in enumerate(text.split("\n---\n") if name.startswith("tests/cases") else [text])
    }


def test_the_laws_hold_for_every_rule_text_of_the_project() -> None:
    formatted = 0
    for name, text in rule_texts().items():
        source = SourceText(name, text)
        try:
            printed = SourceText(name, format_text(source))
        except RuleError:
            continue
        formatted += 1
        assert format_text(printed) == printed.text
        assert remarks(source) == remarks(printed)
        assert parts(source) == parts(printed)

    assert formatted > 200


def remarks(source: SourceText) -> list[str]:
    return sorted(found.span.text.rstrip() for found in comments(source))


def parts(source: SourceText) -> Counter[n.Node]:
    """Every declaration without its statements, and every statement."""
    found = Counter[n.Node]()
    waiting: list[n.Node] = list(parse(source)[0].declarations)
    while waiting:
        node = waiting.pop()
        if isinstance(node, n.Rule | n.Store | n.Preorder | n.Test):
            waiting += node.statements
            node = replace(node, statements=cast("Any", ()))
        found[node] += 1
    return found


def test_the_rule_files_that_we_hand_out_are_formatted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(ROOT / "examples"), str(ROOT / "src" / "pushdsl")]) == 0, capsys.readouterr().out
