"""Comments are found where the tokens leave them aside, and nowhere else."""

import pytest

from pushdsl.grammar.comments import comments
from pushdsl.source import SourceText


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warehouse kl", []),
        ("warehouse kl # one", [("# one", False)]),
        ("# one\n  # two\nwarehouse kl#three", [("# one", True), ("# two", True), ("#three", False)]),
        ('for "A # B" # one', [("# one", False)]),
        (r'for "A \" # B" # one', [("# one", False)]),
        ('for "A # B\n# one', [("# one", True)]),
        ("for 'A # B' # one", [("# one", False)]),
        ("for “A # B” # one", [("# one", False)]),
        ("warehouse kl ＃ one", [("＃ one", False)]),
        ("# it's \"one\"\n# two's", [('# it\'s "one"', True), ("# two's", True)]),
        ("# one\rwarehouse kl", [("# one", True)]),
        ("#", [("#", True)]),
    ],
)
def test_a_comment_runs_from_its_sign_to_the_end_of_the_line(text: str, expected: list[tuple[str, bool]]) -> None:
    assert expected == [(found.span.text, found.alone) for found in comments(SourceText("rules.push", text))]
