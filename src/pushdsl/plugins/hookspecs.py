"""The two hooks: a distribution hands over its platforms, its sources of events, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pushdsl.plugins.platform import Platform
    from pushdsl.plugins.sources import EventSource

hookspec = pluggy.HookspecMarker("pushdsl")
hookimpl = pluggy.HookimplMarker("pushdsl")


@hookspec
def pushdsl_platforms() -> list[Platform]:  # type: ignore[empty-body]  # a specification has no body
    """The platforms of this distribution. Called once a process; nothing may be fetched or opened here."""


@hookspec
def pushdsl_sources() -> list[EventSource]:  # type: ignore[empty-body]  # a specification has no body
    """The sources of this distribution. Called once a process; nothing may be fetched or opened here."""
