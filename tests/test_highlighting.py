"""Colours of rule text: every word of the language has one, and no valid text has a part without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Text

from pushdsl import highlighting
from pushdsl.grammar import parser

ROOT = Path(__file__).parents[1]
FILES = [*sorted(ROOT.glob("examples/**/*.push")), ROOT / "tests" / "grammar" / "whole.push"]
PAGES = sorted(ROOT.glob("docs/*.md"))
CASES = sorted(ROOT.glob("conformance/*.push.txt"))


def coloured(text: str) -> list[tuple[object, str]]:
    return [token for token in get_lexer_by_name("push").get_tokens(text) if token[0] is not Text.Whitespace]


def test_every_word_of_the_language_has_one_colour() -> None:
    groups = [highlighting.DECLARATIONS, highlighting.UNITS, highlighting.STATES, highlighting.STATEMENTS]

    assert sorted(word for group in groups for word in group) == sorted(parser._table().words)


def test_a_rule_is_coloured() -> None:
    text = 'rule "A\\"" {   # why\n  take 12.5% of kl, 1_000 units -> off\n}\npush edition 1'

    assert coloured(text) == [
        (Keyword.Declaration, "rule"), (String, '"'), (String, "A"), (String.Escape, '\\"'), (String, '"'),
        (Punctuation, "{"), (Comment.Single, "# why"),
        (Keyword, "take"), (Number.Float, "12.5"), (Operator, "%"), (Keyword, "of"), (Name, "kl"), (Punctuation, ","),
        (Number.Integer, "1_000"), (Keyword.Type, "units"), (Operator, "->"), (Keyword.Constant, "off"),
        (Punctuation, "}"), (Keyword.Declaration, "push"), (Keyword.Declaration, "edition"), (Number.Integer, "1"),
    ]  # fmt: skip


def test_words_inside_names_texts_and_comments_are_not_words() -> None:
    assert coloured('stores_my "rule" # rule') == [
        (Name, "stores_my"), (String, '"'), (String, "rule"), (String, '"'), (Comment.Single, "# rule"),
    ]  # fmt: skip
    assert coloured("倉庫 ärzte") == [(Name, "倉庫"), (Name, "ärzte")]


def test_a_text_without_its_closing_quote_ends_with_its_line() -> None:
    assert coloured('rule "A\ntake kl')[-2:] == [(Keyword, "take"), (Name, "kl")]


def test_what_the_language_does_not_know_is_an_error() -> None:
    assert (Error, ";") in coloured("take kl;")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rule_files_are_coloured_whole(path: Path) -> None:
    assert type(get_lexer_for_filename(path.name)).__name__ == "PushLexer"
    text = path.read_text("utf-8")
    tokens = list(get_lexer_for_filename(path.name).get_tokens(text))

    assert [value for kind, value in tokens if kind is Error] == []
    assert "".join(value for _, value in tokens).strip("\n") == text.strip("\n")


def test_every_rule_of_the_conformance_suite_and_the_manual_is_coloured() -> None:
    texts = [block for page in PAGES for block in re.findall(r"^```push[^\n]*\n(.*?)^```$", text_of(page), re.M | re.S)]
    for case in CASES:
        parts = re.split(r"^-- (.+) --$", text_of(case), flags=re.M)
        named = dict(zip(parts[1::2], parts[2::2], strict=True))
        if "errors" not in named and "\\u" not in text_of(case):
            texts += [text for name, text in named.items() if name.endswith(".push")]

    assert len(texts) > 500
    assert [(text, value) for text in texts for kind, value in coloured(text) if kind is Error] == []


def text_of(path: Path) -> str:
    return path.read_text("utf-8")
