"""The texts of a `during` or a `start at` in; the instants that they mean out, in UTC, or what is wrong with them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushdsl.errors import Fix

if TYPE_CHECKING:
    from pushdsl.findings import Findings
    from pushdsl.grammar.nodes import During, Text

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)", re.ASCII)


def window(during: During, findings: Findings) -> tuple[datetime, datetime] | None:
    """Start and end, the end excluded; None where something is wrong, which is then among the findings."""
    zone = _zone(during.zone, findings)
    start, end = _local(during.start, findings), _local(during.end, findings)
    if zone is None or start is None or end is None:
        return None
    first = _instant(start, zone, during.start, during.zone, findings)
    last = _instant(end, zone, during.end, during.zone, findings)
    if first is None or last is None:
        return None
    if last <= first:
        message = "the window ends when it starts" if first == last else "the window ends before it starts"
        help = "give an end that comes after the start"
        findings.error("PUSH208", message, during.end.span, help, related=[during.start.span])
        return None
    return first, last


def moment(time: Text, zone: Text, findings: Findings) -> datetime | None:
    """One local time as an instant; None where something is wrong, which is then among the findings."""
    known = _zone(zone, findings)
    local = _local(time, findings)
    return None if known is None or local is None else _instant(local, known, time, zone, findings)


def _zone(name: Text, findings: Findings) -> tzinfo | None:
    if name.value == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, available_timezones  # reading the zones takes longer than checking a rule

    try:
        return ZoneInfo(name.value)
    except (LookupError, ValueError, OSError):
        pass
    zones = sorted(available_timezones())
    if not zones:
        findings.error("PUSH206", "this computer has no time zones", name.span, "install the package `tzdata`")
        return None
    by_lower = {zone.lower(): zone for zone in zones} | {zone.rpartition("/")[2].lower(): zone for zone in zones}
    near = get_close_matches(name.value.lower(), by_lower, n=1)
    help = f"did you mean `{by_lower[near[0]]}`?" if near else "write a zone as `Asia/Manila` or `UTC`"
    fix = Fix(name.span, f'"{by_lower[near[0]]}"', f"write `{by_lower[near[0]]}`") if near else None
    findings.error("PUSH206", f"unknown time zone `{name.value}`", name.span, help, fix)
    return None


def _local(text: Text, findings: Findings) -> datetime | None:
    if matched := _TIME.fullmatch(text.value):
        year, month, day, hour, minute = map(int, matched.groups())
        try:
            time = datetime(year, month, day, hour, minute)  # noqa: DTZ001, its zone is asked for apart
        except ValueError as error:
            message = f"`{text.value}` is not a time: {error}"
            findings.error("PUSH205", message, text.span, "correct the date or the hour")
            return None
        if 1 < year < 9999:  # so that no zone carries it out of the calendar
            return time
    help = "write year, month, day, hour and minute as `2026-11-11 00:00`"
    findings.error("PUSH205", f"`{text.value}` is not a time", text.span, help)
    return None


def _instant(local: datetime, zone: tzinfo, text: Text, name: Text, findings: Findings) -> datetime | None:
    """The instant of a local time that comes exactly once."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    said = f"`{text.value}` in `{name.value}`"
    early, late = sorted((first, second))
    if early.astimezone(zone).replace(tzinfo=None) == local:
        message = f"{said} comes twice"
        help = f"it is {early:%Y-%m-%d %H:%M} or {late:%Y-%m-%d %H:%M} in UTC: write one of them, and in `UTC`"
    else:
        message = f"{said} does not exist, the clock skips it"
        shown = [f"{time.astimezone(zone):%Y-%m-%d %H:%M} ({time:%Y-%m-%d %H:%M} in UTC)" for time in (early, late)]
        help = f"write {shown[0]} or {shown[1]}"
    findings.error("PUSH207", message, text.span, help)
    return None
