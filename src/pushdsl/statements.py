"""The statements of a block in; each once, by its kind, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pushdsl.findings import Findings
from pushdsl.grammar import nodes as n

Statement = n.StoreStatement | n.RuleStatement | n.PreorderStatement
S = TypeVar("S", bound=n.Node)


class Statements:
    """The first statement of every kind, with an error for each that stands a second time. Locations may."""

    def __init__(self, statements: Iterable[Statement], findings: Findings) -> None:
        self.by_kind: dict[type[n.Node], Statement] = {}
        for statement in statements:
            first = self.by_kind.setdefault(type(statement), statement)
            if first is not statement and not isinstance(statement, n.LocationMapping):
                message = f"`{WORDS[type(statement)]}` stands twice"
                findings.error("PUSH201", message, statement.span, "leave one of the two", related=[first.span])

    def get(self, kind: type[S]) -> S | None:
        statement = self.by_kind.get(kind)
        assert statement is None or isinstance(statement, kind)
        return statement

    def __contains__(self, kind: type[n.Node]) -> bool:
        return kind in self.by_kind


WORDS: Mapping[type[n.Node], str] = {
    n.Account: "account",
    n.Region: "region",
    n.Choice: "choice",
    n.LocationMapping: "location",
    n.For: "for",
    n.To: "to",
    n.During: "during",
    n.Take: "take",
    n.KeepBack: "keep back",
    n.Push: "push",
    n.PushExactly: "push exactly",
    n.Split: "split",
    n.AtMost: "at most",
    n.AtLeast: "at least",
    n.HideBelow: "hide below",
    n.Below: "below",
    n.Preorder: "preorder",
    n.IncreaseOnly: "increase only",
    n.Above: "above",
    n.Disabled: "disabled",
    n.OpenAt: "open at",
    n.CloseAbove: "close above",
    n.Add: "add",
    n.ShipIn: "ship in",
}
"""The words that each statement begins with."""
