"""An event loop that does not wait: where nothing is left to do but to wait for a time, that time has come."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

PATIENCE = 0.005
"""Seconds that are really waited for a socket before the loop's time jumps to the next timer."""


class ImpatientLoop(asyncio.SelectorEventLoop):
    """For tests whose two sides both run in it; its `time()` is real time and what was skipped.

    A time-out, a pause or a rate limit takes as long as ever by the loop's clock, and next to nothing by the wall's.
    """

    def __init__(self) -> None:
        self._skipped = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Moves the loop's clock on."""
        self._skipped += seconds


class _Selector(selectors.BaseSelector):
    """The system's selector, which waits for at most PATIENCE and then lets the loop skip the rest."""

    def __init__(self, loop: ImpatientLoop) -> None:
        self._loop, self._real = loop, selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= PATIENCE:
            return self._real.select(timeout)
        ready = self._real.select(PATIENCE)
        if not ready:
            self._loop.skip(timeout - PATIENCE)
        return ready
