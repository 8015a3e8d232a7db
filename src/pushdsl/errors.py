"""What can go wrong and whom it is told: diagnostics for rule authors, one tree of exceptions for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pushdsl.source import Span

Severity = Literal["error", "lint"]

LEFT_OUT: Final = "PUSH424"
"""The code of the problem that stands for all those that are no longer named."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement that is certain to remove the diagnostic: `text` instead of what `span` covers."""

    span: Span
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to say about a rule file. `span` is absent only where no file could be read.

    `message` stays below 80 characters, however long the names are that it repeats.
    `silenced` is the reason that a comment gives for letting a lint be, empty where none does.
    """

    code: str
    message: str
    span: Span | None
    help: str = ""
    fix: Fix | None = None
    severity: Severity = "error"
    related: tuple[Span, ...] = ()
    silenced: str = ""

    def __post_init__(self) -> None:
        if len(self.message) > _LONGEST:
            object.__setattr__(self, "message", _shortened(self.message))


def _shortened(message: str) -> str:
    """The message with its longest names cut until it fits; the underlined source shows them whole."""
    parts = message.split("`")
    while (excess := len("`".join(parts)) - _LONGEST) > 0:
        place = max(range(1, len(parts), 2), key=lambda k: len(parts[k]), default=0)
        if len(parts[place]) <= _SHORTEST or not place:
            return "`".join(parts)[: _LONGEST - 1] + "…"
        parts[place] = parts[place][: max(_SHORTEST, len(parts[place]) - excess) - 1] + "…"
    return "`".join(parts)


_LONGEST: Final = 79
_SHORTEST: Final = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with facts: the table's file, its line and column name where they are known."""

    code: str
    message: str
    file: str
    line: int | None = None
    column: str = ""
    help: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        named = not self.column or f"`{self.column}`" in self.message
        return f"{place}: {self.message}" + ("" if named else f" (column `{self.column}`)")


class PushdslError(Exception):
    """Anything a user can act on; the command line prints it and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class RuleError(PushdslError):
    """The rules do not check; carries every diagnostic of every file but what a comment silences."""

    exit_code = 3

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        count = sum(d.severity == "error" for d in diagnostics)
        super().__init__(f"{count} error{'s' if count != 1 else ''} in the rules")
        self.diagnostics = tuple(said for said in diagnostics if not said.silenced)


class FactsError(PushdslError):
    """The facts cannot be used; carries every problem of every table."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = sum(p.severity == "error" for p in problems)
        cut = any(p.code == LEFT_OUT for p in problems)
        number = f"more than {count - 1:,}" if cut else f"{count:,}"
        super().__init__(f"{number} error{'s' if count != 1 else ''} in the facts")
        self.problems = tuple(problems)


class SettingsError(PushdslError):
    """`pushdsl.toml` or an environment variable it names is wrong or lacks something."""


class HeldRecord(PushdslError):
    """Another process works with the same record, for as long as a daemon runs or until a command ends."""

    def __init__(self, holder: str, *, by_daemon: bool) -> None:
        help = (
            "`pushdsl run` pushes what changes, until it is stopped; `pushdsl push-now` leaves listings for it to push"
            if by_daemon
            else "wait until it ends, then make a new plan and apply that"
        )
        super().__init__(f"{holder} is working with the same record", help)
        self.holder = holder
        self.by_daemon = by_daemon


class RefusedPlan(PushdslError):
    """`apply` will not carry out this plan: it is out of date, would empty the shops, or pushing is off."""
