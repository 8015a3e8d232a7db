"""How the work of each seller stands: what is well, and what a person has to be told. No clock, no database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pushdsl.planfile import iso
from pushdsl.store import LaneSummary, WorkSummary

EXAMPLES = 3
"""Listings that an incident names."""

IncidentKey = tuple[str, str, str]
"""Kind, tenant, store."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the work of one tenant stands.

    `work` is None where the record could not be asked. `swept_at`: when all its lanes were last looked at. `alarms` are
    what was noticed and is not over, by kind and store. `taken`: events by what became of them, since the start.
    `snapshots`: when each source's newest was taken.
    """

    tenant: str
    work: WorkSummary | None = None
    held_up: str = ""
    swept_at: datetime | None = None
    unbound: tuple[tuple[str, str], ...] = ()
    put_aside: int = 0
    alarms: Mapping[tuple[str, str], str] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    snapshots: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is told, in seconds. `snapshot`: None where a snapshot may be of any age."""

    stuck: float
    snapshot: float | None = None
    swept: float = 30.0


@dataclass(frozen=True, slots=True)
class Incident:
    """What a person has to be told once. It is told again when it has grown."""

    kind: str
    tenant: str
    store: str
    text: str
    since: datetime | None = None
    size: int = 1

    @property
    def key(self) -> IncidentKey:
        return self.kind, self.tenant, self.store


@dataclass(frozen=True, slots=True)
class Change:
    """An incident that began, or one that is over."""

    incident: Incident
    over: bool


def oldest(work: WorkSummary) -> datetime | None:
    """The oldest trigger that is not pushed yet."""
    times = [lane.since for lane in work.lanes if lane.since is not None]
    return min([*times, *([work.to_plan_since] if work.to_plan_since else [])], default=None)


def age(since: datetime | None, now: datetime) -> float | None:
    """In seconds, never below 0: the record's clock may be ahead of ours."""
    return None if since is None else max(0.0, (now - since).total_seconds())


# ---- health -----------------------------------------------------------------------------------------


def health(standings: Sequence[Standing], now: datetime, limits: Limits) -> dict[str, object]:
    """For whoever asks whether the daemon works. What holds one seller up is told, and is no fault of the process."""
    return {
        "working": all(_works(one, now, limits) for one in standings),
        "at": iso(now.replace(microsecond=0)),
        "tenants": {one.tenant: _health_of(one, now, limits) for one in standings},
    }


def _works(standing: Standing, now: datetime, limits: Limits) -> bool:
    since = age(standing.swept_at, now)
    return standing.work is not None and since is not None and since <= limits.swept


def _health_of(standing: Standing, now: datetime, limits: Limits) -> dict[str, object]:
    work = standing.work
    lanes = work.lanes if work is not None else ()
    return {
        "ok": _works(standing, now, limits) and not standing.held_up,
        "held_up": standing.held_up,
        "swept_at": _iso(standing.swept_at),
        "waiting": sum(lane.waiting for lane in lanes),
        "to_plan": work.to_plan if work is not None else None,
        "oldest_trigger_seconds": age(oldest(work), now) if work is not None else None,
        "paused": [
            {"store": lane.store, "until": _iso(lane.paused_until), "why": lane.paused_for}
            for lane in lanes
            if lane.paused_until is not None
        ],
    }


def _iso(at: datetime | None) -> str | None:
    return iso(at.replace(microsecond=0)) if at is not None else None


# ---- incidents --------------------------------------------------------------------------------------


def incidents(standings: Sequence[Standing], now: datetime, limits: Limits) -> dict[IncidentKey, Incident]:
    """All that a person has to be told now."""
    return {found.key: found for one in standings for found in _of(one, now, limits)}


def _of(standing: Standing, now: datetime, limits: Limits) -> Iterator[Incident]:
    tenant = standing.tenant
    if standing.held_up:
        yield Incident("held_up", tenant, "", f"nothing is pushed: {standing.held_up}")
    elif standing.work is not None:
        yield from _stuck(standing, standing.work, now, limits)
    for (kind, store), text in standing.alarms.items():
        yield Incident(kind, tenant, store, text)
    if limits.snapshot is not None:
        for source, taken_at in standing.snapshots.items():
            if (old := age(taken_at, now)) is not None and old > limits.snapshot:
                text = f"the newest stock of source `{source}` is older than {limits.snapshot:g} seconds"
                yield Incident("snapshot", tenant, source, text, taken_at)
    yield from _unbound(tenant, standing.unbound)


def _stuck(standing: Standing, work: WorkSummary, now: datetime, limits: Limits) -> Iterator[Incident]:
    """Work that waits without an end. What waits at all is younger than the limit as a rule, so it is no fault yet."""
    for lane in work.lanes:
        if lane.waiting and _too_long(lane, now, limits.stuck):
            last = f"nothing was confirmed since {_iso(lane.last_success)}" if lane.last_success else "never confirmed"
            why = f"; paused: {lane.paused_for}" if lane.paused_for else ""
            text = f"{lane.waiting:,} cells wait to be pushed, {last}{why}"
            yield Incident("stuck", standing.tenant, lane.store, text, lane.since)
    waited = age(work.to_plan_since, now)
    if waited is not None and waited >= limits.stuck:
        text = f"{work.to_plan:,} SKUs wait to be planned"
        yield Incident("stuck", standing.tenant, "", text, work.to_plan_since)


def _too_long(lane: LaneSummary, now: datetime, seconds: float) -> bool:
    waited, quiet = age(lane.since, now), age(lane.last_success, now)
    return waited is not None and waited >= seconds and (quiet is None or quiet >= seconds)


def _unbound(tenant: str, listings: Collection[tuple[str, str]]) -> Iterator[Incident]:
    for store in sorted({store for store, _ in listings}):
        names = sorted(sku for name, sku in listings if name == store)
        some = ", ".join(names[:EXAMPLES]) + (", …" if len(names) > EXAMPLES else "")
        text = f"the store said twice that it does not have {some}: {len(names):,} unbound, nothing is pushed to them"
        yield Incident("unbound", tenant, store, text, size=len(names))


def changes(told: Mapping[IncidentKey, Incident], found: Mapping[IncidentKey, Incident]) -> list[Change]:
    """What is to be told of now, after what was told before: what is over first."""
    over = [Change(was, over=True) for key, was in told.items() if key not in found]
    begun = [Change(now, over=False) for key, now in found.items() if key not in told or now.size > told[key].size]
    return over + begun


def after(told: Mapping[IncidentKey, Incident], change: Change) -> dict[IncidentKey, Incident]:
    """What is known to a person once they were told of this."""
    rest = {key: one for key, one in told.items() if key != change.incident.key}
    return rest if change.over else rest | {change.incident.key: change.incident}


def shrunk(told: Mapping[IncidentKey, Incident], found: Mapping[IncidentKey, Incident]) -> dict[IncidentKey, Incident]:
    """What was told, no larger than it is now: if it grows again it is told again."""
    return {key: min(one, found.get(key, one), key=lambda incident: incident.size) for key, one in told.items()}


def alert(change: Change, now: datetime) -> dict[str, object]:
    """What an alert says, for a program."""
    one = change.incident
    return {
        "format": "pushdsl.alert/1",
        "kind": one.kind,
        "state": "over" if change.over else "begun",
        "at": _iso(now),
        "tenant": one.tenant,
        "store": one.store,
        "text": one.text,
        "since": _iso(one.since),
    }
