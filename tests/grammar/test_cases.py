"""The files in tests/cases/syntax: every marked line has the error of its mark, and no other line has any."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pushdsl.errors import Diagnostic
from pushdsl.grammar.parser import CODES, parse
from pushdsl.source import SourceText

CASES = Path(__file__).parents[1] / "cases" / "syntax"
MARK = re.compile(r' *### "([^"]*)"')


class Chunk(NamedTuple):
    name: str
    text: str
    marks: list[tuple[int, str]]


def chunks(path: Path) -> Iterator[Chunk]:
    """The parts of a file between `---` lines, without marks, and the marks with their lines within the part."""
    first = 1
    for part in path.read_text("utf-8").split("\n---\n"):
        lines = part.split("\n")
        marks = [(number, mark) for number, line in enumerate(lines, 1) for mark in MARK.findall(line)]
        yield Chunk(f"{path.stem}:{first}", "\n".join(MARK.sub("", line) for line in lines), marks)
        first += len(lines) + 1


ALL = [chunk for path in sorted(CASES.glob("*.push")) for chunk in chunks(path)]


def errors(text: str) -> list[Diagnostic]:
    return [found for found in parse(SourceText("case.push", text))[1] if found.severity == "error"]


@pytest.mark.parametrize("chunk", ALL, ids=[chunk.name for chunk in ALL])
def test_each_marked_line_has_its_error_and_no_other_line_has_one(chunk: Chunk) -> None:
    found = [(error.span.line, f"{error.code}: {error.message}") for error in errors(chunk.text) if error.span]

    assert [line for line, _ in chunk.marks] == [line for line, _ in found], found
    assert [(m, f) for (_, m), (_, f) in zip(chunk.marks, found, strict=True) if not re.search(m, f)] == []


@pytest.mark.parametrize("chunk", ALL, ids=[chunk.name for chunk in ALL])
def test_a_fix_removes_its_error(chunk: Chunk) -> None:
    for error in errors(chunk.text):
        if error.fix and error.fix.span.source.text == chunk.text:
            fixed = chunk.text[: error.fix.span.start] + error.fix.text + chunk.text[error.fix.span.end :]
            still = [(found.code, found.span.start) for found in errors(fixed) if found.span]

            assert error.span is not None
            assert (error.code, error.span.start) not in still, (error, fixed)
            assert len(still) < len(errors(chunk.text)), (error, fixed)


@pytest.mark.parametrize("chunk", ALL, ids=[chunk.name for chunk in ALL])
def test_an_error_is_one_short_line_with_a_help(chunk: Chunk) -> None:
    for error in errors(chunk.text):
        assert len(error.message) < 80
        assert "\n" not in error.message + error.help
        assert not error.message.endswith(".")
        assert error.help


def test_the_cases_show_every_error_that_a_text_of_a_few_lines_can_have() -> None:
    shown = {error.code for chunk in ALL for error in errors(chunk.text)}

    # not a text of a few lines: another encoding, 8 MB, a thousand errors, a lone CR; 040 is a lint
    assert set(CODES) - {"PUSH001", "PUSH002", "PUSH003", "PUSH005", "PUSH040"} == shown
