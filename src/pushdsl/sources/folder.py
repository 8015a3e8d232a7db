"""A folder of facts in, looked at again and again; each new state of its stock table, as a snapshot, out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pushdsl.errors import FactsError
from pushdsl.facts import read_stock, stock_files
from pushdsl.pacing import Pace
from pushdsl.plugins.sources import EventIntake, Taken
from pushdsl.snapshots import Snapshot, StockLine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN = 5
"""Problems of a table that are told at once."""

Stamps = Mapping[Path, tuple[int, int]]
"""Time of the last writing, in nanoseconds, and size of each file of the table."""


class FolderSettings(BaseModel):
    """`[sources.NAME]` with `kind = "folder"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 2.0
    """Between two looks."""
    source: Annotated[str, Field(min_length=1)] = "facts"
    """The name that its events have."""


class FolderSource:
    """Takes what the table `stock` says now for what is there, whenever the file has changed and rests again."""

    name = "folder"
    settings: type[BaseModel] = FolderSettings

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()

    async def run(self, settings: BaseModel, intake: EventIntake) -> None:
        assert isinstance(settings, FolderSettings)
        watch = Watch(settings.folder, intake, settings.source, self._pace)
        while True:
            await watch.look()
            await self._pace.sleep(settings.seconds)


@dataclass(slots=True)
class Watch:
    """A folder that is being watched. `taken_at` is when the newest state that is in the record was written.

    `problem` is why the newest state of the file was not taken; what was known before it stays. Empty: it was.
    """

    folder: Path
    intake: EventIntake
    source: str = "facts"
    pace: Pace = field(default_factory=Pace)
    taken_at: datetime | None = None
    problem: str = ""
    _before: Stamps | None = None
    _done: Stamps | None = None
    _sequence: int = 0

    async def look(self) -> Taken | None:
        """What became of the table, where it changed and was the same at the last look; else None.

        A file that is being written is left until it rests. Raises PushdslError where the record cannot be written.
        """
        stamps = self._stamps()
        rests, self._before = stamps == self._before, stamps
        if not rests or stamps == self._done:
            return None
        try:
            lines = await asyncio.to_thread(read_stock, self.folder)
            self.problem = ""
        except FactsError as error:
            self.problem = _told(error)
        if self._stamps() != stamps:  # written while it was read: what was read may be half of it
            return None
        written = max((time for time, _ in stamps.values()), default=0)
        if self.problem:
            await self.intake.put_aside(self.source, f"stock/{written}", "", self.problem)
            taken = None
        else:
            taken = await self._take(lines, written)
        self._done = stamps
        return taken

    def age(self) -> timedelta | None:
        """How old what is in the record is; None where nothing of this folder is in it since the start."""
        return None if self.taken_at is None else max(self.pace.now() - self.taken_at, timedelta())

    async def _take(self, lines: tuple[StockLine, ...], written: int) -> Taken:
        sequence = max(written, self._sequence + 1)  # an older file put back is newer than what it replaced
        at = min(_EPOCH + timedelta(microseconds=written // 1000), self.pace.now())
        taken = await self.intake.snapshot(Snapshot(self.source, sequence, at, lines))
        self._sequence, self.taken_at = sequence, at
        return taken

    def _stamps(self) -> Stamps:
        found = {}
        for path in stock_files(self.folder):
            try:
                stat = path.stat()
            except OSError:  # gone between two looks
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
        return found


def _told(error: FactsError) -> str:
    """The first problems, in one line."""
    problems = [str(problem) + (f" ({problem.help})" if problem.help else "") for problem in error.problems]
    more = f"; and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
    return f"the stock table cannot be used: {'; '.join(problems[:SHOWN])}{more}"
