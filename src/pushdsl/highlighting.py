"""Rule text in; coloured tokens out, for whatever uses Pygments: documentation, terminals, notebooks.

Pygments finds it by its entry point. Colours need no tree: a broken text is coloured as far as its words are known.
"""

from __future__ import annotations

from typing import ClassVar, Final

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

DECLARATIONS: Final = ("edition", "group", "let", "promise", "rule", "skus", "store", "test", "use", "warehouse")
UNITS: Final = ("day", "days", "hour", "hours", "minute", "minutes", "unit", "units")
STATES: Final = ("blocked", "closed", "held", "off", "pushed", "unchanged", "untracked")
"""What a test says or expects of a cell."""
STATEMENTS: Final = (
    "above", "account", "add", "ago", "all", "at", "back", "below", "brand", "by", "category", "choice", "close",
    "decreases", "disabled", "during", "even", "every", "everything", "exactly", "except", "expect", "falls", "for",
    "from", "has", "hide", "in", "increase", "it", "keep", "least", "like", "listed", "listing", "live", "location",
    "most", "never", "no", "of", "on", "only", "open", "overrides", "oversell", "pack", "plus", "preorder", "push",
    "range", "region", "reserved", "ship", "shows", "split", "start", "stock", "stores", "tag", "take", "tick", "to",
    "unless", "warehouses", "zero",
)  # fmt: skip


class PushLexer(RegexLexer):
    """Colours of the .push language: declarations, statements, units, states, names, texts and numbers."""

    name = "pushdsl"
    aliases: ClassVar = ["push", "pushdsl"]
    filenames: ClassVar = ["*.push"]
    mimetypes: ClassVar = ["text/x-push"]
    url = ""

    tokens: ClassVar = {
        "root": [
            (r"\s+", Text.Whitespace),
            (r"#.*", Comment.Single),
            (r'"', String, "text"),
            (r"(push)([ \t]+)(edition)\b", bygroups(Keyword.Declaration, Text.Whitespace, Keyword.Declaration)),
            (r"-?[0-9][0-9_]*\.[0-9_]+", Number.Float),
            (r"-?[0-9][0-9_]*", Number.Integer),
            (r"->|%|=", Operator),
            (r"[{},]", Punctuation),
            (words(DECLARATIONS, suffix=r"\b"), Keyword.Declaration),
            (words(UNITS, suffix=r"\b"), Keyword.Type),
            (words(STATES, suffix=r"\b"), Keyword.Constant),
            (words(STATEMENTS, suffix=r"\b"), Keyword),
            (r"[^\W\d]\w*", Name),
            # what the language does not know is coloured as an error
        ],
        "text": [
            (r'\\["\\]', String.Escape),
            (r'[^"\\\n]+', String),
            (r'"', String, "#pop"),
            (r"\\", String),
            (r"\n", Text.Whitespace, "#pop"),
        ],
    }
