"""Every code of the checker with what it stands for, and the list that its diagnostics are collected in."""

from __future__ import annotations

from collections.abc import Iterable

from pushdsl.errors import Diagnostic, Fix
from pushdsl.source import Span

CODES: dict[str, str] = {
    "PUSH101": "a name that nothing declares",
    "PUSH102": "a name of something else",
    "PUSH103": "a name declared twice",
    "PUSH104": "an unknown platform",
    "PUSH105": "a platform that is not installed",
    "PUSH106": "a platform that cannot be used",
    "PUSH107": "groups or sets that lead in a circle",
    "PUSH108": "a list that names nothing",
    "PUSH109": "an `except` that leaves nothing",
    "PUSH110": "named twice where each may stand once",
    "PUSH111": "a location mapped twice",
    "PUSH112": "locations on a platform that has none",
    "PUSH113": "a value of the wrong kind",
    "PUSH114": "a platform that the limits profile does not allow",
    "PUSH201": "the same statement twice",
    "PUSH202": "a rule without `for`, `to` or `take`",
    "PUSH203": "two ways to push in one rule",
    "PUSH204": "a `preorder` that lacks a statement",
    "PUSH205": "a time that cannot be read",
    "PUSH206": "an unknown time zone",
    "PUSH207": "a local time that does not exist or comes twice",
    "PUSH208": "a window that ends before it starts",
    "PUSH209": "`ship in` of part of a day",
    "PUSH210": "a store that is not in `to`",
    "PUSH211": "a store that `split` leaves out",
    "PUSH212": "a `split` of more than 100%",
    "PUSH213": "`close above` below `open at`",
    "PUSH214": "Choice and other stores in one rule",
    "PUSH215": "a Choice rule without `increase only`",
    "PUSH216": "a Choice rule that would lower a quantity",
    "PUSH217": "a Choice rule of more than 100%",
    "PUSH218": "`push exactly` with `keep back`",
    "PUSH219": "a threshold in a rule without `take`",
    "PUSH220": "`preorder` where no store can",
    "PUSH221": "a `take` that feeds no store",
    "PUSH222": "more than 20 warehouses in a rule",
    "PUSH223": "rules that override each other in a circle",
    "PUSH224": "two rules for the same SKU in the same store",
    "PUSH225": "more rules than the limits profile allows",
    "PUSH226": "more SKUs in a rule than the limits profile allows",
    "PUSH301": "a name that nothing uses",
    "PUSH302": "named twice in a list",
    "PUSH303": "an `except` that takes nothing away",
    "PUSH304": "a warehouse that feeds several locations",
    "PUSH305": "`close above` equal to `open at`",
    "PUSH306": "a store that cannot pre-order in a rule that does",
    "PUSH307": "a `take` that feeds no location of some store",
    "PUSH308": "more than 100%",
    "PUSH309": "the same stock promised to several stores",
    "PUSH310": "a warehouse of a Choice rule that feeds other stores",
    "PUSH311": "`at least`",
    "PUSH312": "`at least` above `at most`",
    "PUSH313": "`hide below` above `at least`",
    "PUSH314": "`only` that names every store",
    "PUSH315": "the threshold of `below` above `open at`",
    "PUSH316": "a number that applies at each of several locations",
    "PUSH317": "`overrides` of a rule that cannot overlap",
    "PUSH318": "SKUs that no rule has once a window closes",
    "PUSH319": "SKUs that differ only by upper and lower case",
    "PUSH320": "a SKU that starts with 0",
    "PUSH321": "a SKU that holds a space",
    "PUSH322": "a statement that changes nothing",
    "PUSH323": "a cap that never binds",
    "PUSH324": "a slow lane above the cap",
    "PUSH325": "a rule that shows 0 whatever the stock",
    "PUSH326": "a rule that never has a listing",
    "PUSH327": "more than a store shows",
    "PUSH328": "`ship in` outside what a store allows",
    "PUSH600": "the same fact twice in a test",
    "PUSH601": "the same expected twice in a test",
    "PUSH602": "a location that the store does not have",
    "PUSH603": "a store of several locations without `at`",
    "PUSH604": "a pack that cannot be",
    "PUSH605": "a range of days that cannot be",
    "PUSH606": "a test that runs too far into the future",
    "PUSH610": "a test that expects nothing",
    "PUSH611": "a SKU without stock that is nearly another",
    "PUSH612": "a store that no rule sends to",
}


class Findings:
    """The diagnostics of one run, in the order in which they were found."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def error(
        self, code: str, message: str, span: Span, help: str = "", fix: Fix | None = None, related: Iterable[Span] = ()
    ) -> None:
        assert code in CODES, code
        self.diagnostics.append(Diagnostic(code, message, span, help, fix, "error", tuple(related)))

    def lint(
        self, code: str, message: str, span: Span, help: str = "", fix: Fix | None = None, related: Iterable[Span] = ()
    ) -> None:
        assert code in CODES, code
        self.diagnostics.append(Diagnostic(code, message, span, help, fix, "lint", tuple(related)))


def listed(names: Iterable[str], most: int = 4) -> str:
    """The names in backticks as one phrase: `a`, `b` and `c`; beyond `most` only their number."""
    shown = [f"`{name}`" for name in names]
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(shown) - most + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
