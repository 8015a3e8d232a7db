"""What a campaign left behind: read from the record's tables and from what landed in the shop, and counted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.firing.homes import driver_url
from benchmarks.firing.source import KEPT_BACK, Source
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import DBAPIError

from pushdsl.model import Status
from pushdsl.store.tables import batch, cell, dirty, lane, record

Landed = Mapping[str, Mapping[str, Sequence[tuple[float, int]]]]
"""By store and store SKU: time in seconds, and quantity."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is not at rest yet."""

    dirty: int
    batches: int
    waiting: int
    under_way: int
    leases: int
    pending: int

    @property
    def nothing(self) -> bool:
        return not any((self.dirty, self.batches, self.waiting, self.under_way, self.leases, self.pending))


@dataclass(frozen=True, slots=True)
class Shown:
    """Against what was expected. `backward`: an older quantity landed after a newer one; `wrong`: it stayed so."""

    wrong: int
    backward: int
    strange: int
    """Quantities that no event led to."""
    pushes: int
    delays: tuple[float, ...]
    """Seconds from the acknowledgement of each event to the first landing that knows of it, sorted."""


class Books:
    """The record, as one sees it who knows its tables."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(driver_url(url), pool_pre_ping=True)

    def close(self) -> None:
        self._engine.dispose()

    def left(self) -> Left:
        asked = {
            "dirty": select(func.count()).select_from(dirty),
            "batches": select(func.count()).select_from(batch),
            "waiting": select(func.count()).where(cell.c.due_at.is_not(None) | cell.c.waiting.is_not(None)),
            "under_way": select(func.count()).where((cell.c.generation > cell.c.settled) | (cell.c.again > 0)),
            "leases": select(func.count()).where(lane.c.lease_until > 0),
            "pending": select(func.count()).where(record.c.status == Status.PENDING.value),
        }
        with self._engine.connect() as connection:
            return Left(**{name: connection.execute(question).scalar_one() for name, question in asked.items()})

    def drained(self, seconds: float) -> Left:
        """Waits until all is at rest, and still is a moment later; what is left when the time is over."""
        end, calm, left = time.monotonic() + seconds, 0, Left(-1, -1, -1, -1, -1, -1)
        while time.monotonic() < end and calm < 4:
            try:
                left = self.left()
            except DBAPIError:
                left = Left(-1, -1, -1, -1, -1, -1)
            calm = calm + 1 if left.nothing else 0
            time.sleep(0.15)
        return left

    def triggers(self) -> dict[tuple[str, str], int]:
        """How many triggers have an end on record, by store and store SKU."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(record.c.store, record.c.store_sku, func.sum(record.c.count))
                .where(record.c.status != Status.PENDING.value)
                .group_by(record.c.store, record.c.store_sku)
            )
            return {(store, name): int(count) for store, name, count in rows}

    def statuses(self) -> dict[str, int]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(record.c.status, func.sum(record.c.count)).group_by(record.c.status))
            return {status: int(count) for status, count in rows}

    def claims(self) -> dict[tuple[str, str], int | None]:
        """What the record says is shown."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(cell.c.store, cell.c.store_sku, cell.c.quantity).where(cell.c.known == 1))
            return {(store, name): quantity for store, name, quantity in rows}


def judge(landed: Landed, stores: Sequence[str], source: Source) -> Shown:
    """Every landing of every listing against the events of its SKU; store SKUs are named like SKUs here."""
    wrong = backward = strange = pushes = 0
    delays: list[float] = []
    for store in stores:
        for sku, totals in source.totals.items():
            versions = {total - KEPT_BACK: number for number, total in enumerate(totals)}
            landings = landed.get(store, {}).get(sku, [])
            pushes += len(landings)
            numbers = [(at, versions.get(quantity)) for at, quantity in landings]
            strange += sum(1 for _, number in numbers if number is None)
            known = [(at, number) for at, number in numbers if number is not None]
            newest = -1
            for _, number in known:
                backward += int(number < newest)
                newest = max(newest, number)
            wrong += int(not landings or landings[-1][1] != source.expected(sku))
            delays += _delays(known, source.acknowledged[sku])
    return Shown(wrong, backward, strange, pushes, tuple(sorted(delays)))


def _delays(landings: Sequence[tuple[float, int]], acknowledged: Sequence[float]) -> list[float]:
    delays, event = [], 0
    for at, number in landings:
        while event <= number and event < len(acknowledged):
            delays.append(max(0.0, at - acknowledged[event]))
            event += 1
    return delays


def unequal(
    triggers: Mapping[tuple[str, str], int], stores: Sequence[str], source: Source, repairs: int
) -> int:  # fmt: skip
    """Listings whose ends on record are not as many as their triggers: each event, and once the new rules.

    A push that was overtaken is a trigger too; so many repairs, at most, may be there besides.
    """
    wrong = more = 0
    for store in stores:
        for sku, totals in source.totals.items():
            excess = triggers.get((store, sku), 0) - len(totals) - 1
            wrong += int(excess < 0)
            more += max(0, excess)
    return wrong + max(0, more - repairs)


def share(sorted_values: Sequence[float], part: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))] if sorted_values else 0.0
