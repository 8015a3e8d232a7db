"""One cell in; its value, or what is wrong with it. This is what a cell means; `columns` only does it faster."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pushdsl.facts.tables import Column

SPACES = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff"
"""What looks blank at the end of a cell. Listed, so that Python and polars mean the same."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_HUGE = re.compile(r"-?[0-9]+")
_SEPARATED = re.compile(r"-?[0-9]{1,3}(?:[,_' .][0-9]{3})+")
_DECIMAL = re.compile(r"-?[0-9]*[.,][0-9]*")
_EXPONENT = re.compile(r"-?[0-9.]+[eE][+-]?[0-9]+")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(?P<zone>Z|[+-]([01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_HELP = "write it as `2026-11-11T00:00:00Z` or `2026-11-11T08:00:00+08:00`"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell."""

    code: str
    message: str
    help: str


def reader(column: Column) -> Callable[[Column, object], str | int | Fault]:
    """The function that reads a cell of this column."""
    match column.kind:
        case "name" | "text":
            return _text
        case "whole":
            return _whole
        case "flag":
            return _flag
        case "word":
            return _word
        case "moment":
            return _moment


def wrong_kind(column: Column, kind: str) -> Fault:
    """What to say of a whole column whose type cannot hold what the table needs."""
    match column.kind:
        case "name" | "text":
            return _not_text(f"the column holds {kind} where text must stand")
        case "whole":
            return Fault("PUSH410", f"the column holds {kind}", "write whole numbers")
        case "flag":
            return Fault("PUSH413", f"the column holds {kind}", "write `true` or `false`")
        case "word":
            return Fault("PUSH414", f"the column holds {kind}", _one_of(column))
        case "moment":
            return Fault("PUSH415", f"the column holds {kind}", _MOMENT_HELP)


def shown(value: object) -> str:
    """A value as its author wrote it, shortened where it is long."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = value.replace("\n", "⏎")
        case _:
            text = str(value)
    return f"`{text[:57]}…`" if len(text) > 60 else f"`{text}`"


# ---- one function a kind ----------------------------------------------------------------------------


def _text(column: Column, value: object) -> str | Fault:
    match value:
        case str():
            if column.default is None and not value.strip(SPACES):
                return _blank(column)
            return value
        case None:
            return _blank(column) if column.default is None else ""
        case bool():
            return _not_text(f"{shown(value)} is a true or false where text must stand")
        case int() | float():
            return _not_text(f"{shown(value)} is a number where text must stand")
        case _:
            return _not_text(f"{shown(value)} is {_called(value)} where text must stand")


def _whole(column: Column, value: object) -> int | Fault:
    match value:
        case None | "":
            return _default(column)
        case bool():
            return _not_whole(value, "is not a number", _whole_help(column))
        case int():
            return _bounded(column, value, value)
        case float():
            return _not_whole(value, "is not a whole number", _without_decimals(str(value)))
        case str():
            return _bounded(column, int(value), value) if _WHOLE.fullmatch(value) else _why_not_whole(column, value)
        case _:
            return _not_whole(value, f"is {_called(value)}, not a number", _whole_help(column))


def _flag(column: Column, value: object) -> int | Fault:
    match value:
        case None | "":
            return _default(column)
        case bool():
            return value
        case str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case _:
            return Fault("PUSH413", f"{shown(value)} is neither `true` nor `false`", "write `true` or `false`")


def _word(column: Column, value: object) -> int | Fault:
    match value:
        case None | "":
            return _default(column)
        case str() if value in column.words:
            return column.words[value]
        case _:
            return Fault("PUSH414", f"{shown(value)} may not stand here", _one_of(column))


def _moment(column: Column, value: object) -> int | Fault:
    """Milliseconds since 1970 UTC; what is finer is cut off."""
    match value:
        case None | "":
            return _default(column)
        case datetime():
            return _since_1970(value) if value.tzinfo else _no_zone(value)
        case str():
            return _moment_of(value)
        case _:
            return Fault("PUSH415", f"{shown(value)} is {_called(value)}, not a time with its zone", _MOMENT_HELP)


def _moment_of(text: str) -> int | Fault:
    found = _MOMENT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Fault("PUSH415", f"{shown(text)} is no time", _MOMENT_HELP)
    if moment.tzinfo is None:
        return _no_zone(text)
    if not found:
        return Fault("PUSH415", f"{shown(text)} is written in a way that is not read here", _MOMENT_HELP)
    return _since_1970(moment)


def _since_1970(moment: datetime) -> int | Fault:
    elapsed = (moment - _EPOCH) // timedelta(milliseconds=1)
    if elapsed < 0:
        return Fault("PUSH415", f"{shown(moment.isoformat())} is before 1970", _MOMENT_HELP)
    return elapsed


# ---- what is wrong ----------------------------------------------------------------------------------


def _default(column: Column) -> int | Fault:
    if column.default is None:
        return _blank(column)
    assert isinstance(column.default, int)
    return column.default


def _blank(column: Column) -> Fault:
    return Fault("PUSH409", f"`{column.name}` is blank", f"write a `{column.name}` in every row")


def _bounded(column: Column, number: int, written: object) -> int | Fault:
    if column.low <= number <= column.high:
        return number
    return _out_of_bounds(column, written)


def _out_of_bounds(column: Column, written: object) -> Fault:
    return Fault("PUSH411", f"{shown(written)} is not between {column.low:,} and {column.high:,}", _whole_help(column))


def _why_not_whole(column: Column, text: str) -> Fault:
    trimmed = text.strip(SPACES)
    if _HUGE.fullmatch(text):
        return _out_of_bounds(column, text)
    if trimmed != text:
        return _not_whole(text, "has spaces around the number" if trimmed else "is only spaces", "remove the spaces")
    if _SEPARATED.fullmatch(text):  # `1.000` is one here and a thousand there: say neither
        return _not_whole(text, "has separators or decimals in it", "write the digits alone, as in `1000`")
    if _DECIMAL.fullmatch(text):
        return _not_whole(text, "is not a whole number", _without_decimals(text))
    if _EXPONENT.fullmatch(text):
        return _not_whole(text, "is not written as a whole number", "write all its digits")
    return _not_whole(text, "is not a number", _whole_help(column))


def _without_decimals(text: str) -> str:
    whole, _, rest = text.replace(",", ".").partition(".")
    return f"write `{whole}`" if whole.lstrip("-") and not rest.strip("0") else "write a number without decimals"


def _not_whole(value: object, what: str, help: str) -> Fault:
    return Fault("PUSH410", f"{shown(value)} {what}", help)


def _whole_help(column: Column) -> str:
    return f"write a whole number from {column.low} to {column.high}"


def _not_text(message: str) -> Fault:
    return Fault(
        "PUSH412",
        message,
        "make it text, else leading zeros are lost: format the column as text, in JSON put it in quotes",
    )


def _one_of(column: Column) -> str:
    return "write " + " or ".join(f"`{word}`" for word in column.words)


def _no_zone(value: object) -> Fault:
    return Fault("PUSH415", f"{shown(value)} has no time zone", f"{_MOMENT_HELP}, as text")


def _called(value: object) -> str:
    match value:
        case date() | time():  # a datetime is a date
            return "a date or time"
        case bool():
            return "a true or false"
        case int() | float():
            return "a number"
        case list() | dict():
            return "a list or an object"
        case _:
            return "something else"
