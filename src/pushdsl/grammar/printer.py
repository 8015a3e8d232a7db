"""A tree in; the text of its file in the one canonical form out, with the comments of its source.

Statements of a rule stand in the order of the ladder. Printing what the parser made and parsing it again gives the
same tree, but for that order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from pushdsl.grammar import nodes as n
from pushdsl.grammar.comments import comments
from pushdsl.grammar.words import print_declaration, print_statement, print_store_statement, print_test_statement
from pushdsl.source import SourceText

# A longer line is broken after each of its commas.
WIDTH: Final = 100

_INDENT = "  "
_CONTINUED = "    "
_BEFORE_COMMENT = "   "

# The order in which statements act on a quantity; a rule's conditions come first, its switch last.
_LADDER: tuple[type[n.RuleStatement], ...] = (
    n.For, n.To, n.During, n.Take, n.KeepBack, n.Push, n.PushExactly, n.Split, n.AtMost, n.AtLeast, n.HideBelow,
    n.Below, n.Preorder, n.IncreaseOnly, n.Above, n.Disabled,
)  # fmt: skip
_PREORDER: tuple[type[n.PreorderStatement], ...] = (n.OpenAt, n.CloseAbove, n.Add, n.ShipIn)
_STORE: tuple[type[n.StoreStatement], ...] = (n.Account, n.Region, n.Choice, n.LocationMapping)
_ORDER: dict[type[Statement], int] = {kind: place for place, kind in enumerate(chain(_LADDER, _PREORDER, _STORE))}

Statement = n.RuleStatement | n.PreorderStatement | n.StoreStatement | n.TestStatement
Block = n.Rule | n.Store | n.Test | n.Preorder

# Texts and comments, where no mark counts, or the mark after which a line may go on.
_MARKS = re.compile(r'"(?:[^"\\\n]|\\.)*+"|\#[^\n]*+|([,=])')
_BLANK_OR_COMMENT = re.compile(r"(?:[ \t\n]|\#[^\n]*+)*+")
_SILENCES = re.compile(r"[ \t]*\#[ \t]*allow[ \t]", re.IGNORECASE)


def print_file(file: n.File) -> str:
    """The text of `file`, LF line ends, with its comments: each stays beside or above what it stood beside or above.

    One blank line stands around blocks and between declarations of different kinds; otherwise the author's stay.
    """
    page = _Page(file.source)
    lines: list[str] = []
    before: n.Declaration | None = None
    for declaration in file.declarations:
        gap = page.is_gap(declaration.span.start)
        printed = page.declaration(declaration)
        if before is not None and (gap or not _alike(before, declaration) or _is_block(lines) or _is_block(printed)):
            lines.append("")
        lines += printed
        before = declaration
    gap = page.is_gap(len(file.source.text))
    if rest := page.last_comments(len(file.source.text), ""):
        if before is not None and (gap or _is_block(lines)):
            lines.append("")
        lines += rest
    return "".join(f"{line}\n" for line in lines)


def _alike(one: n.Declaration, other: n.Declaration) -> bool:
    return type(one) is type(other) or (isinstance(one, n.Promise) and isinstance(other, n.Promise))


def _is_block(lines: Sequence[str]) -> bool:
    return lines[-1].startswith("}")


class _Break(NamedTuple):
    """Where a statement goes on in the next line: the comment at the end of the line, and the lines between."""

    beside: str
    between: list[str]


class _Page:
    """Prints the nodes of a text in the order in which they stand there, and takes its comments along."""

    def __init__(self, source: SourceText) -> None:
        self.text = source.text
        self.comments = [(found.span.start, found.span.end) for found in comments(source)]
        self.comments.append((len(self.text) + 1, len(self.text) + 1))
        self.taken = 0
        # the next comment starts here; what was printed last ended there
        self.next = self.comments[0][0]
        self.last = 0

    # ---- declarations and blocks

    def declaration(self, node: n.Declaration) -> list[str]:
        match node:
            case n.Rule() | n.Test():
                return self.block(node, print_declaration(node), node.head.end, "")
            case n.Store():
                if node.statements or self.next < node.span.end:
                    return self.block(node, print_declaration(node), node.platform.span.end, "")
                return self.statement(node, print_declaration(node), "")
            case _:
                return self.statement(node, print_declaration(node), "")

    def block(self, node: Block, head: str, head_end: int, indent: str) -> list[str]:
        above = self.comments_above(node.span.start, indent)
        keep = any(map(_SILENCES.match, above))
        if self._stays_on_one_line(node, keep):
            self.last = node.span.end
            return [*above, f"{indent}{_on_one_line(node)}{self.comment_beside(node.span.end)}"]
        brace = self.text.find("{", head_end, node.span.end) + 1
        lines = [*above, *self.phrase(node.span.start, head_end, f"{head} {{", indent, keep, brace)]
        pieces = []
        for statement in node.statements:
            gap = isinstance(node, n.Test) and self.is_gap(statement.span.start)
            pieces.append((_ORDER.get(type(statement), 0), gap, self._inside(statement, indent + _INDENT)))
        for place, (_, gap, piece) in enumerate(sorted(pieces, key=lambda piece: piece[0])):
            if gap and place:
                lines.append("")
            lines += piece
        gap = isinstance(node, n.Test) and bool(pieces) and self.is_gap(node.span.end)
        if rest := self.last_comments(node.span.end, indent + _INDENT):
            lines += ["", *rest] if gap else rest
        self.last = node.span.end
        lines.append(f"{indent}}}{self.comment_beside(node.span.end)}")
        return lines

    def _stays_on_one_line(self, node: Block, keep: bool) -> bool:
        if not node.statements or self.text.find("\n", node.span.start, node.span.end) >= 0:
            return False
        return keep or self.is_beside(node.span.end)

    def _inside(self, node: Statement, indent: str) -> list[str]:
        if isinstance(node, n.Preorder):
            return self.block(node, print_statement(node), node.span.start, indent)
        return self.statement(node, _words(node), indent)

    # ---- statements

    def statement(self, node: n.Node, words: str, indent: str) -> list[str]:
        above = self.comments_above(node.span.start, indent) if self.next < node.span.start else []
        keep = any(map(_SILENCES.match, above))
        return [*above, *self.phrase(node.span.start, node.span.end, words, indent, keep, node.span.end)]

    def phrase(self, start: int, end: int, words: str, indent: str, keep: bool, last: int) -> list[str]:
        """`words`, which stand from `start` to `end`, as lines. Their line's last word or brace ends at `last`.

        Without comments they stand on one line, or on one for each comma. With some, the lines stay as they are:
        only the author knows which of several words on a line a comment is about. `keep` says so beforehand.
        """
        if keep or self.next < end or self.is_beside(last):
            marks = [mark.end() for mark in _MARKS.finditer(self.text, start, end) if mark[1]]
            pieces = _pieces(words)
            breaks: list[_Break | None] = [None] * (len(pieces) - 1)
            if len(marks) == len(breaks):
                # in a text with errors they may differ: a full-width comma was read as the plain one that is printed
                breaks = [self._break(mark, end, indent + _CONTINUED) for mark in marks]
            self.last = max(end, last)
            return _broken(pieces, breaks, indent, self.comment_beside(last))
        self.last = max(end, last)
        line = f"{indent}{words}"
        if len(line) <= WIDTH or "," not in line:
            return [line]
        pieces = _pieces(words)
        return _broken(pieces, [_Break("", [])] * (len(pieces) - 1), indent, "") if len(pieces) > 1 else [line]

    def _break(self, start: int, end: int, indent: str) -> _Break | None:
        """What stands between a mark and the next word; None where that is on the same line."""
        found = _BLANK_OR_COMMENT.match(self.text, start, end)
        if found is None or "\n" not in found[0]:
            return None
        return _Break(self.comment_beside(start), self.comments_above(found.end(), indent))

    # ---- comments

    def is_gap(self, before: int) -> bool:
        """Whether a blank line stands between what was printed last and what comes next, at `before` or sooner."""
        return self.text.count("\n", self.last, min(self.next, before)) > 1

    def is_beside(self, end: int) -> bool:
        """Whether a comment stands on the line of `end`, with nothing but closing braces between."""
        if self.next > len(self.text) or self.text.find("\n", end, self.next) >= 0:
            return False
        return self.next >= end and not self.text[end : self.next].strip(" \t}")

    def comment_beside(self, end: int) -> str:
        return f"{_BEFORE_COMMENT}{self._take()}" if self.is_beside(end) else ""

    def comments_above(self, before: int, indent: str) -> list[str]:
        """The comments up to `before`, each on its line. A blank line below one stays: it is not about the next."""
        lines = []
        while self.next < before:
            lines.append(f"{indent}{self._take()}")
            if self.is_gap(before):
                lines.append("")
        return lines

    def last_comments(self, before: int, indent: str) -> list[str]:
        lines = self.comments_above(before, indent)
        return lines[:-1] if lines and not lines[-1] else lines

    def _take(self) -> str:
        start, self.last = self.comments[self.taken]
        self.taken += 1
        self.next = self.comments[self.taken][0]
        return self.text[start : self.last].rstrip(" \t")


def _broken(pieces: Sequence[str], breaks: Sequence[_Break | None], indent: str, beside: str) -> list[str]:
    lines, line = list[str](), indent + pieces[0]
    for piece, found in zip(pieces[1:], breaks, strict=True):
        if found is None:
            line += f" {piece}"
        else:
            lines += [line + found.beside, *found.between]
            line = f"{indent}{_CONTINUED}{piece}"
    return [*lines, line + beside]


def _pieces(words: str) -> list[str]:
    """The words up to each mark after which the line may go on."""
    ends = [mark.end() for mark in _MARKS.finditer(words) if mark[1]]
    return [words[start:end].strip(" ") for start, end in zip([0, *ends], [*ends, len(words)], strict=True)]


def _words(node: Statement) -> str:
    if isinstance(node, n.StoreStatement):
        return print_store_statement(node)
    if isinstance(node, n.TestStatement):
        return print_test_statement(node)
    return print_statement(node)


def _on_one_line(node: Block) -> str:
    """A block with its one statement, which may be a block itself."""
    head = print_statement(node) if isinstance(node, n.Preorder) else print_declaration(node)
    (inside,) = node.statements
    return f"{head} {{ {_on_one_line(inside) if isinstance(inside, n.Preorder) else _words(inside)} }}"
