"""A fix removes what it is offered for and adds nothing; `check --fix` applies what is certain, and only that."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushdsl import checker, loader, silencing
from pushdsl.checker import diagnose
from pushdsl.cli import main
from pushdsl.errors import Diagnostic, Fix
from pushdsl.fixing import with_fixes
from pushdsl.grammar import parser
from pushdsl.grammar.reading import read_source
from pushdsl.loader import load
from pushdsl.settings import read_settings
from pushdsl.source import SourceText, Span
from tests.test_checker import FakePlatforms

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<language>\w+) ?(?P<file>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r' *###( "([^"\\]|\\.)*")+')


KNOWN = {**parser.CODES, **loader.CODES, **checker.CODES}
ERRORS = frozenset(code for code in KNOWN if not silencing.is_lint(code, KNOWN))
SYNTAX = ERRORS & frozenset(parser.CODES)


class Example(NamedTuple):
    """Files of a page's section, or a chunk of a case file; `errors` are the codes that no fix there may bring up.

    The texts that show the syntax declare no names, so what is said of names there tells nothing; and the chunks of
    cases hold slips on purpose that others hide.
    """

    name: str
    files: Mapping[str, str]
    errors: frozenset[str]


def examples() -> Iterator[Example]:
    for page in sorted((ROOT / "docs/errors").glob("PUSH[01236]*.md")):
        errors = SYNTAX if page.stem in parser.CODES else ERRORS
        for section in re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            found = list(BLOCK.finditer(section))
            files = {block["file"] or "rules.push": block["text"] for block in found if block["language"] != "text"}
            if "rules.push" in files:
                yield Example(f"{page.stem} {section.split()[0]}", files, errors)
    for path in sorted((ROOT / "tests/cases").glob("*/*.push")):
        edition = "push edition 1\n" if path.parent.name == "check" else ""
        for number, chunk in enumerate(re.split(r"^---\n", path.read_text("utf-8"), flags=re.MULTILINE)):
            yield Example(f"{path.stem} {number}", {"rules.push": edition + MARK.sub("", chunk)}, SYNTAX)


EXAMPLES = list(examples())


def said_of(folder: Path, files: Mapping[str, str | bytes]) -> tuple[Diagnostic, ...]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    profile = read_settings(folder, {}).limits
    return diagnose(load([folder / "rules.push"]), FakePlatforms(), profile)[1]


def counted(said: tuple[Diagnostic, ...]) -> Counter[tuple[str, str]]:
    return Counter((one.code, one.message) for one in said)


# ---- laws -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_fix_removes_its_diagnostic_and_adds_none(example: Example, tmp_path: Path) -> None:
    said = said_of(tmp_path, example.files)
    for one in said:
        if one.fix is None:
            continue
        name = Path(one.fix.span.source.name).relative_to(tmp_path).as_posix()
        mended = with_fixes(example.files[name].encode(), [one.fix])
        after = said_of(tmp_path, {**example.files, name: mended})
        said_of(tmp_path, example.files)

        assert counted(after)[(one.code, one.message)] < counted(said)[(one.code, one.message)], (one, mended)
        # an error that is gone may let a lint be seen, or in the cases an error, that was there before
        added = {code for code, _ in counted(after) - counted(said)}
        assert {code for code in added if one.severity == "lint" or code in example.errors} == set(), (one, mended)
        if one.code not in SYNTAX:
            assert sum(it.severity == "error" for it in after) <= sum(it.severity == "error" for it in said)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_diagnostic_is_one_short_sentence_in_plain_words_with_a_help(example: Example, tmp_path: Path) -> None:
    for one in said_of(tmp_path, example.files):
        words = re.sub(r"`[^`]*`", "`…`", one.message)
        assert len(one.message) < 80, one
        assert "\n" not in one.message + one.help
        assert not re.search(r"[.!?:;]$|[.!?] ", words), one
        assert not words[0].isupper() or re.match(r"[A-Z]+s?\b|Choice", words), one
        assert one.help, one
        assert not one.help.endswith("."), one
        assert not re.search(r"\b(bool|int|str|None|True|False|[A-Z][a-z]+(Error|Node))\b", words), one
        lint = silencing.is_lint(one.code, KNOWN) or one.code in silencing.CODES
        assert (one.severity == "lint") == lint, one


def test_a_message_stays_short_however_long_the_names_are(tmp_path: Path) -> None:
    long = "shop_" * 40
    text = f"push edition 1\nwarehouse kl\nstore {long} on shopee\n" + "".join(
        f'rule "{name * 90}" {{\n  for "X"\n  to {long}\n  take {take}\n}}\n'
        for name, take in (("A", "kl"), ("B", "kl"), ("C", long))
    )
    said = said_of(tmp_path, {"rules.push": text})

    assert {"PUSH102", "PUSH224"} <= {one.code for one in said}
    assert [one for one in said if len(one.message) >= 80 or one.message.count("`") % 2] == []


# ---- bytes ------------------------------------------------------------------------------------------


def fix(text: str, start: int, end: int, new: str) -> Fix:
    return Fix(Span(SourceText("rules.push", text), start, end), new, "")


@given(
    st.text(st.sampled_from("ab\ncé口"), max_size=30),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["", "x", "x\ny", "\n"]),
)
def test_a_fix_changes_its_stretch_and_no_byte_beside_it(
    text: str, line_end: str, mark: bytes, a: int, b: int, new: str
) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    content = mark + text.replace("\n", line_end).encode()

    mended = with_fixes(content, [fix(text, start, end, new)])

    assert read_source("rules.push", mended)[0].text == text[:start] + new + text[end:]
    assert mended.startswith(mark + text[:start].replace("\n", line_end).encode())
    assert mended.endswith(text[end:].replace("\n", line_end).encode())
    if "\n" in text and line_end == "\r\n":
        assert mended.count(b"\n") == mended.count(b"\r\n")


# ---- the command ------------------------------------------------------------------------------------

GOOD = """\
push edition 1
warehouse kl
store shopee_my on shopee
rule "Mugs" {
  for like "MUG-*"
  to shopee_my
  take kl
  keep back 5 units
  at most 1_000 units
}
"""
BAD = GOOD.replace("5 units", "5").replace("1_000", "1,000").replace("take kl", "tkae kl")

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `check --fix` with these arguments in a folder of its own; the exit code is checked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pushdsl.toml").touch()

    def check(*arguments: str, exits: int = 0) -> str:
        assert main(["check", "--fix", *arguments]) == exits
        return capsys.readouterr().out

    return check


def write(**files: str | bytes) -> None:
    for name, content in files.items():
        Path(f"{name}.push").write_bytes(content if isinstance(content, bytes) else content.encode())


def read(name: str = "rules") -> str:
    return Path(f"{name}.push").read_bytes().decode()


def test_every_certain_fix_is_written_and_named(run: Run) -> None:
    write(rules=BAD)

    said = run()

    assert read() == GOOD
    assert said == (
        "fixed rules.push: 3 fixes\n"
        "  rules.push:7:3: PUSH025: write `take`\n"
        "  rules.push:8:13: PUSH021: write `5 units`\n"
        "  rules.push:9:11: PUSH011: write `1_000`\n"
        "\n"
        "0 errors, 0 lints, 1 rule\n"
    )


def test_what_one_fix_brings_to_light_is_fixed_too(run: Run) -> None:
    """A misspelt word hides a misspelt name: the second pass finds it."""
    write(rules=GOOD.replace("to shopee_my", "too shopee_mi"))

    said = run()

    assert read() == GOOD
    assert "PUSH101" in said


def test_line_ends_mark_and_mode_stay(run: Run) -> None:
    write(rules=b"\xef\xbb\xbf" + BAD.replace("\n", "\r\n").encode())
    os.chmod("rules.push", 0o640)

    run()

    assert Path("rules.push").read_bytes() == b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert os.stat("rules.push").st_mode & 0o777 == 0o640
    assert sorted(os.listdir()) == ["pushdsl.toml", "rules.push"]


def test_a_link_stays_a_link(run: Run) -> None:
    Path("real").mkdir()
    write(**{"real/rules": BAD})
    os.symlink("real/rules.push", "rules.push")

    run("rules.push")

    assert Path("rules.push").is_symlink()
    assert read("real/rules") == GOOD


def test_a_file_without_a_fix_is_not_touched(run: Run) -> None:
    write(rules=GOOD.replace("take kl", "take 50 boxes of kl"))
    before = os.stat("rules.push")

    said = run(exits=3)

    after = os.stat("rules.push")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert "fixed" not in said


def test_what_is_left_is_shown_and_decides_the_exit_code(run: Run) -> None:
    write(rules=BAD.replace("to shopee_my", "to nowhere"))

    said = run("--format", "plain", exits=3)

    assert "fixed rules.push: 3 fixes" in said
    assert "error[PUSH101]" in said
    assert "PUSH021" not in said.split("\n\n")[1]
    assert said.splitlines()[-1].startswith("1 error, ")


# While a used file cannot be found, no name is unknown: it may be declared there. Once it is found, two are.
HIDING = GOOD.replace("\n", '\nuse "sharde.push"\n', 1).replace("to shopee_my", "to one, two")


def test_a_fix_that_would_bring_up_more_errors_is_not_written(run: Run) -> None:
    write(rules=HIDING, shared="push edition 1\n")

    said = run("--format", "plain", "rules.push", exits=3)

    assert read() == HIDING
    assert "fixed" not in said
    assert said.splitlines()[-1].startswith("1 error")


def test_one_refused_fix_does_not_hold_up_the_others(run: Run) -> None:
    write(rules=HIDING.replace("5 units", "5").replace("1_000", "1,000"), shared="push edition 1\n")

    run("rules.push", exits=3)

    assert read() == HIDING


def test_a_used_file_of_the_project_is_fixed_and_named(run: Run) -> None:
    Path("shared").mkdir()
    head, rule = GOOD.split("rule ", 1)
    write(
        **{
            "rules": f'push edition 1\nuse "shared/stores.push"\nrule {rule}',
            "shared/stores": head.replace(" on ", " onn "),
        }
    )

    said = run("rules.push")

    assert read("shared/stores") == head
    assert "fixed shared/stores.push: 1 fix\n" in said


def test_a_silenced_lint_is_not_fixed(run: Run) -> None:
    text = GOOD.replace("push edition 1\n", "").replace("kl\n", "kl # allow PUSH040 because it is old\n", 1)
    write(rules=text)

    said = run()

    assert read() == text
    assert said == "0 errors, 0 lints, 1 silenced, 1 rule\n"


def test_a_write_that_fails_leaves_the_file_and_no_other_behind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write(rules=BAD)
    monkeypatch.setattr("pushdsl.fixing.os.replace", full)

    run(exits=1)

    assert read() == BAD
    assert sorted(os.listdir()) == ["pushdsl.toml", "rules.push"]


def test_json_names_what_was_fixed(run: Run) -> None:
    import json

    write(rules=BAD)

    fixed = json.loads(run("--json"))["fixed"]

    assert fixed[0] == {"file": "rules.push", "line": 7, "column": 3, "code": "PUSH025", "title": "write `take`"}
    assert len(fixed) == 3


def test_fixing_twice_changes_nothing_more(run: Run) -> None:
    write(rules=BAD)
    run()

    assert run() == "0 errors, 0 lints, 1 rule\n"


def test_hundreds_of_slips_are_fixed_in_few_passes(run: Run) -> None:
    rules = [GOOD.split("rule ", 1)[1].replace('"Mugs"', f'"R{n}"').replace("MUG-*", f"M{n}-*") for n in range(200)]
    text = GOOD.split("rule ", 1)[0] + "".join(f"rule {rule}" for rule in rules)
    write(rules=text.replace("5 units", "5").replace("1_000", "1,000"))

    said = run()

    assert read() == text
    assert said.startswith("fixed rules.push: 400 fixes\n")
