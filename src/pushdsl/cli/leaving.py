"""What a command leaves for a running daemon to do: the record has one writer of pushes, and that is the daemon."""

from __future__ import annotations

from collections.abc import Sequence

from pushdsl.cycle import Project
from pushdsl.errors import HeldRecord
from pushdsl.pacing import Pace
from pushdsl.store import Trigger, open_existing, open_work


def daemon_of(project: Project) -> HeldRecord | None:
    """Who it is, if a daemon works with the project's record; raises HeldRecord where another command does."""
    record = open_existing(project.settings.record_url, tenant=project.settings.tenant)
    if record is None:
        return None
    with record:
        try:
            with record.lock():
                return None
        except HeldRecord as held:
            if held.by_daemon:
                return held
            raise


def leave(project: Project, triggers: Sequence[Trigger]) -> None:
    """Has the daemon plan and push these; it looks for what is due every second."""
    with open_work(project.settings.record_url, Pace().now, tenant=project.settings.tenant) as work:
        work.mark(triggers)


def left_line(listings: int, daemon: HeldRecord) -> str:
    them = "1 listing" if listings == 1 else f"{listings:,} listings"
    return f"left {them} to `pushdsl run` ({daemon.holder}); `pushdsl records --reason 16` shows how it ends"
