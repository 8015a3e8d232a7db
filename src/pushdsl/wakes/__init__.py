"""What rouses workers: lanes that have something to do go in, their handlers are run.

A wake carries no data, may be lost and may come twice. Whoever works looks for itself every second too, so an engine
adds promptness and spread over machines, and never correctness.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from pushdsl.errors import SettingsError
from pushdsl.store import Waker

Handler = Callable[[str, str], Awaitable[None]]
"""Works on a tenant's lane, and returns when the lane has rested; what it raises ends the engine."""


class Wake(Waker, Protocol):
    """An engine: the part that is told of wakes, and the part that runs handlers for them."""

    def found(self, tenant: str, lanes: Iterable[str]) -> None:
        """What whoever works saw when it looked for itself; in any thread.

        Woken in this process, at once and also while the engine is out of reach.
        """

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        """Runs the handler for wakes, many lanes at once, and never one lane twice at once in this process.

        A wake that comes while its lane's handler runs has it run once more. Ends when `stop` is set, after the
        handlers that run by then. Raises what a handler raised, and PushdslError where an engine cannot be reached when
        it starts; one that is lost later is tried again every second.
        """


def wake_of(text: str, record_url: str, concurrency: int) -> Wake:
    """The engine that `wake` under `[run]` names, for so many lanes at once.

    Raises SettingsError, which says what to install, and never repeats an address.
    """
    if text == "own":
        from pushdsl.wakes.own import OwnWake

        return OwnWake(concurrency)
    if text == "procrastinate":
        return _procrastinate(record_url, concurrency)
    if text.startswith(("nats://", "tls://")):
        return _nats(text, concurrency)
    raise SettingsError(
        "`wake` in [run] is no engine that pushdsl knows",
        'write `wake = "own"`, `wake = "procrastinate"`, or `wake = "nats://HOST:4222"`',
    )


def _procrastinate(record_url: str, concurrency: int) -> Wake:
    if not record_url.startswith("postgres"):
        raise SettingsError(
            "`procrastinate` wakes workers through PostgreSQL, and the record is elsewhere",
            'put the record there, or write `wake = "own"`',
        )
    try:
        from pushdsl.wakes.procrastinate import ProcrastinateWake
    except ImportError:
        raise _absent("procrastinate") from None
    return ProcrastinateWake(record_url, concurrency)


def _nats(url: str, concurrency: int) -> Wake:
    try:
        from pushdsl.wakes.nats import NatsWake
    except ImportError:
        raise _absent("nats") from None
    return NatsWake(url, concurrency)


def _absent(extra: str) -> SettingsError:
    return SettingsError(
        f"what `wake` in [run] names needs `{extra}`, which is not installed",
        f"install it with `pip install 'pushdsl[{extra}]'`",
    )
