"""Outcomes in, records out: gathers what the pusher learns and writes it to the store of record in groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pushdsl.model import CellKey, Live, PlannedCell, Status
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Confirmed, Refused, RefusedKind, Shown, Temporary, Unauthorized, Unknown
from pushdsl.pusher import FinalOutcome, NotSent, Result
from pushdsl.store import Finished, RecordStore

GROUP = 200
"""Outcomes recorded in one transaction."""

OnProgress = Callable[[int], None]
"""Told how many cells have ended since it was last told."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply ended: cells by status, and what was said of each that failed."""

    confirmed: int
    failed: int
    not_sent: int
    failures: tuple[tuple[PlannedCell, str], ...]

    @property
    def complete(self) -> bool:
        return not self.failed and not self.not_sent


class Recorder:
    """Keeps outcomes as they come; on leaving, whatever the reason, all that is known has been written."""

    def __init__(
        self, record: RecordStore, pace: Pace, on_progress: OnProgress, unbinding: Collection[str] = ()
    ) -> None:
        """`unbinding` are the stores whose platform wants a listing unbound that it does not have."""
        self._record, self._pace, self._on_progress, self._unbinding = record, pace, on_progress, unbinding
        self._waiting: list[Result] = []
        self._counts = dict.fromkeys(Status, 0)
        self._failures: list[tuple[PlannedCell, str]] = []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()

    def add(self, results: Sequence[Result]) -> None:
        self._waiting.extend(results)
        if len(self._waiting) >= GROUP:
            self._flush()
        self._on_progress(len(results))

    def summary(self) -> Applied:
        counts = self._counts
        return Applied(
            counts[Status.SUCCESSFULLY], counts[Status.FAILED], counts[Status.SKIPPED], tuple(self._failures)
        )

    def _flush(self) -> None:
        self._record.finish([self._finished(result) for result in self._waiting])
        self._waiting.clear()

    def _finished(self, result: Result) -> Finished:
        cell, what = result.job.cell, told(result.outcome)
        self._counts[what.status] += 1
        if what.status is Status.FAILED:
            self._failures.append((cell, what.detail))
        assert cell.quantity is not None, "a blocked cell is never sent"
        return Finished(
            record_id=result.job.record,
            key=cell.key,
            quantity=cell.quantity,
            mode=cell.mode,
            days=cell.days,
            status=what.status,
            at=self._pace.now(),
            live=what.live,
            code=what.code,
            kind=what.kind,
            detail=what.detail,
            missing=what.kind == "not_found" and cell.store in self._unbinding,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """How an outcome is kept; `live` is what we now know of the store: LANGUAGE section 5, `live`."""

    status: Status
    live: Literal["confirmed", "unknown", "keep"]
    code: str = ""
    kind: str = ""
    detail: str = ""


def observed(store: str, shown: Shown) -> tuple[CellKey, Live]:
    """What a read of a store showed, as it is kept."""
    return CellKey(store, shown.store_sku, shown.location), Live(shown.quantity, shown.mode, shown.days, shown.reserved)


KINDS = (*get_args(RefusedKind), "temporary", "unauthorized", "unknown", "not_sent")
"""How a push may fail, as it is recorded."""


def told(outcome: FinalOutcome) -> Told:
    match outcome:
        case Confirmed():
            return Told(Status.SUCCESSFULLY, "confirmed")
        case Refused():
            return Told(Status.FAILED, "unknown", outcome.code, outcome.kind, outcome.message)
        case Temporary():
            return Told(Status.FAILED, "unknown", outcome.code, "temporary", outcome.message)
        case Unauthorized():
            return Told(Status.FAILED, "unknown", outcome.code, "unauthorized", outcome.message)
        case Unknown():
            return Told(Status.FAILED, "unknown", "", "unknown", outcome.message)
        case NotSent():
            return Told(Status.SKIPPED, "keep", "", "not_sent", outcome.message)
