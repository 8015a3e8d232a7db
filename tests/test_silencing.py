"""A lint is silenced by a comment with a reason; the comment itself is held to doing so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pushdsl.checker import check
from pushdsl.errors import Diagnostic, RuleError
from pushdsl.loader import load
from tests.test_checker import FakePlatforms, said_of

HEAD = "warehouse kl\nstore shopee_my on shopee\nstore lazada_my on lazada\n"
RULE = 'rule "Mugs" {\n  for everything\n  to shopee_my, lazada_my\n  take kl\n}\n'
BECAUSE = "because the hub ships for both"


def rules(comment: str = "", above: str = "") -> str:
    """Rules that promise the same stock to two stores, with these comments at that line and above it."""
    return HEAD + RULE.replace("  take kl", f"{above}  take kl {comment}".rstrip())


def spoken(said: tuple[Diagnostic, ...]) -> list[str]:
    return [one.code for one in said if not one.silenced]


def fixed(folder: Path, text: str, code: str) -> str:
    """The text after the fix of its only diagnostic of this code."""
    (found,) = [one for one in said_of(folder, text) if one.code == code]
    assert found.fix is not None
    source = found.fix.span.source.text.removeprefix("push edition 1\n")
    moved = len(found.fix.span.source.text) - len(source)
    return source[: found.fix.span.start - moved] + found.fix.text + source[found.fix.span.end - moved :]


@pytest.mark.parametrize(
    "text",
    [
        rules(f"# allow PUSH309 {BECAUSE}"),
        rules(f"#allow PUSH309 {BECAUSE}   "),
        rules("# Allow PUSH309 Because the hub ships for both"),
        rules(above=f"  # allow PUSH309 {BECAUSE}\n"),
        rules(above=f"# allow PUSH309 {BECAUSE}\n  # not on a line that a comment stands on\n"),
    ],
)
def test_a_lint_is_silenced_at_the_end_of_its_line_or_right_above(text: str, tmp_path: Path) -> None:
    said = said_of(tmp_path, text)

    assert spoken(said) == []
    assert [(one.code, one.silenced) for one in said] == [("PUSH309", "the hub ships for both")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rules(above=f"  # allow PUSH309 {BECAUSE}\n\n"), ["PUSH063", "PUSH309"]),
        (rules() + f"# allow PUSH309 {BECAUSE}\n", ["PUSH309", "PUSH063"]),
        (rules().replace("store lazada", f"# allow PUSH309 {BECAUSE}\nstore lazada"), ["PUSH063", "PUSH309"]),
    ],
)
def test_a_comment_elsewhere_silences_nothing(text: str, expected: list[str], tmp_path: Path) -> None:
    assert spoken(said_of(tmp_path, text)) == expected


def test_several_codes_are_parted_by_commas_and_each_is_silenced(tmp_path: Path) -> None:
    text = rules().replace("take kl", f"take 150% of kl # allow PUSH308, PUSH309 {BECAUSE}")

    assert sorted((one.code, one.silenced) for one in said_of(tmp_path, text)) == [
        ("PUSH308", "the hub ships for both"),
        ("PUSH309", "the hub ships for both"),
    ]


def test_a_statement_over_several_lines_is_silenced_at_its_first_or_last(tmp_path: Path) -> None:
    first = HEAD + RULE.replace("take kl", f"take 60% of kl, # allow PUSH309 {BECAUSE}\n    60% of jb")
    last = HEAD + RULE.replace("take kl", f"take 60% of kl,\n    60% of jb # allow PUSH309 {BECAUSE}")

    for text in (first, last):
        assert spoken(said_of(tmp_path, "warehouse jb\n" + text)) == []


@pytest.mark.parametrize(
    ("comment", "code", "message", "help"),
    [
        (
            "# allow PUSH309",
            "PUSH060",
            "a lint is silenced with a reason, and here is none",
            "`# allow PUSH309 because …`",
        ),
        ("# allow PUSH309 because", "PUSH060", "a lint is silenced with a reason, and here is none", "say why"),
        ("# allow PUSH309 the hub", "PUSH060", "the reason follows `because`", "`# allow PUSH309 because …`"),
        (f"# allow PUSH399 {BECAUSE}", "PUSH061", "no lint has the code `PUSH399`", "did you mean `PUSH309`?"),
        (f"# allow PUSH999 {BECAUSE}", "PUSH061", "no lint has the code `PUSH999`", "did you mean"),
        (f"# allow push309 {BECAUSE}", "PUSH061", "no lint has the code `push309`", "did you mean `PUSH309`?"),
        (f"# allow PUSH224 {BECAUSE}", "PUSH062", "`PUSH224` is no lint, so it cannot be silenced", "only lints"),
        (f"# allow PUSH063 {BECAUSE}", "PUSH062", "`PUSH063` is no lint, so it cannot be silenced", "only lints"),
        (f"# allow PUSH301 {BECAUSE}", "PUSH063", "this comment silences nothing", "delete it"),
    ],
)
def test_a_comment_that_cannot_silence_is_a_lint_and_leaves_the_other_spoken(
    comment: str, code: str, message: str, help: str, tmp_path: Path
) -> None:
    (about,) = [one for one in said_of(tmp_path, rules(comment)) if one.code != "PUSH309"]

    assert (about.code, about.severity, about.message) == (code, "lint", message)
    assert help in about.help
    assert "PUSH309" in spoken(said_of(tmp_path, rules(comment)))


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("# allow PUSH309: the hub ships for both", "PUSH060"),
        ("# allow PUSH309 - the hub ships for both", "PUSH060"),
        (f"# allow PUSH390 {BECAUSE}", "PUSH061"),
        (f"# allow push309 {BECAUSE}", "PUSH061"),
        (f"# allow PUSH309, PUSH301 {BECAUSE}", "PUSH063"),
        (f"# allow PUSH301, PUSH309 {BECAUSE}", "PUSH063"),
    ],
)
def test_the_fix_of_a_comment_makes_it_silence(comment: str, code: str, tmp_path: Path) -> None:
    mended = fixed(tmp_path, rules(comment), code)

    assert mended == rules(f"# allow PUSH309 {BECAUSE}")
    assert spoken(said_of(tmp_path, mended)) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("kl\n", f"kl  # allow PUSH309 {BECAUSE}\n"),
        HEAD.replace("store l", f"# allow PUSH309 {BECAUSE}\nstore l"),
        HEAD + f"# allow PUSH309 {BECAUSE}",
    ],
)
def test_the_fix_of_an_idle_comment_deletes_it(text: str, tmp_path: Path) -> None:
    rule = RULE.replace("take kl", "take 50% of kl")
    mended = fixed(tmp_path, rule + text, "PUSH063")

    assert mended == rule + HEAD


def test_a_colon_is_no_fix_where_the_lint_is_not_said(tmp_path: Path) -> None:
    """It would only turn one remark into another."""
    text = HEAD.replace("kl\n", "kl # allow PUSH309: the hub\n") + RULE.replace("take kl", "take 50% of kl")

    (found,) = said_of(tmp_path, text)

    assert (found.code, found.fix) == ("PUSH060", None)


def test_an_idle_comment_is_not_said_among_errors(tmp_path: Path) -> None:
    """Where there are errors some lints are not looked for."""
    text = rules(f"# allow PUSH301 {BECAUSE}").replace("for everything", "for everithing")

    assert spoken(said_of(tmp_path, text)) == ["PUSH101", "PUSH309"]


@pytest.mark.parametrize(
    "comment", ["# allow push to all stores", "# see PUSH309", "# allow 3 units", "# we allow PUSH309 because"]
)
def test_other_comments_are_left_alone(comment: str, tmp_path: Path) -> None:
    assert spoken(said_of(tmp_path, rules(comment))) == ["PUSH309"]


def test_a_text_is_no_comment(tmp_path: Path) -> None:
    text = rules().replace("for everything", f'for "# allow PUSH309 {BECAUSE}"')

    assert spoken(said_of(tmp_path, text)) == ["PUSH321", "PUSH309"]


def test_a_silenced_lint_is_handed_on_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "rules.push"
    path.write_text("push edition 1\n" + rules(f"# allow PUSH309 {BECAUSE}"), "utf-8")
    assert check(load([path]), FakePlatforms()).lints == ()

    path.write_text(path.read_text("utf-8") + "group none = nobody\n", "utf-8")
    with pytest.raises(RuleError) as error:
        check(load([path]), FakePlatforms())
    assert "PUSH309" not in [one.code for one in error.value.diagnostics]
