"""Incidents in; a program run or an address called for each that begins or ends, once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

import aiohttp

from pushdsl.errors import PushdslError
from pushdsl.pacing import Pace
from pushdsl.run_settings import RunSettings
from pushdsl.standings import Incident, IncidentKey, Limits, Standing, after, alert, changes, incidents, shrunk

log = logging.getLogger("pushdsl.run")

ALERT_SECONDS = 30.0
"""How long a program or an address may take for one alert."""
CHECK_SECONDS = 10.0
"""From one look for incidents to the next."""

Teller = Callable[[Mapping[str, object]], Awaitable[None]]
"""Tells a person; raises PushdslError where that failed."""


@dataclass(slots=True)
class Channel:
    """One way to a person, and what went that way. What could not be told is tried again at the next check."""

    tell: Teller
    told: dict[IncidentKey, Incident] = field(default_factory=dict)

    async def check(self, found: Mapping[IncidentKey, Incident], now: datetime) -> None:
        self.told = shrunk(self.told, found)
        for change in changes(self.told, found):
            try:
                await self.tell(alert(change, now))
            except PushdslError as error:
                one = change.incident
                log.error(
                    "%s", error.message,
                    extra={"event": "alert failed", "tenant": one.tenant, "store": one.store, "help": error.help},
                )  # fmt: skip
                return
            self.told = after(self.told, change)


@dataclass(slots=True)
class Alerts:
    """Tells of every incident once on every channel, and again when it is over."""

    limits: Limits
    channels: Sequence[Channel]

    async def check(self, standings: Sequence[Standing], now: datetime) -> None:
        found = incidents(standings, now, self.limits)
        await asyncio.gather(*(channel.check(found, now) for channel in self.channels))

    async def run(
        self, stand: Callable[[], Awaitable[Sequence[Standing]]], pace: Pace, every: float = CHECK_SECONDS
    ) -> NoReturn:
        """Looks again and again, until it is cancelled. `stand` tells how all work stands."""
        while True:
            try:
                await self.check(await stand(), pace.now())
            except Exception:
                log.exception("a mistake of pushdsl", extra={"event": "mistake"})
            await pace.sleep(every)


@asynccontextmanager
async def telling(
    settings: RunSettings, stand: Callable[[], Awaitable[Sequence[Standing]]], pace: Pace
) -> AsyncIterator[None]:
    """Meanwhile a person is told of what they have to know, if the settings say how."""
    async with aiohttp.ClientSession() as http:
        alerting = alerts(settings, http)
        if not alerting.channels:
            yield
            return
        task = asyncio.ensure_future(alerting.run(stand, pace))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def alerts(settings: RunSettings, http: aiohttp.ClientSession | None = None) -> Alerts:
    """What the settings ask for: a program, an address, both, or nothing. `http` is needed for an address."""
    channels = []
    if settings.alert_command:
        channels.append(Channel(command(settings.alert_command)))
    if settings.alert_url and http is not None:
        channels.append(Channel(address(settings.alert_url, http)))
    return Alerts(limits(settings), channels)


def limits(settings: RunSettings) -> Limits:
    return Limits(settings.alert_after, settings.facts_max_age, max(30.0, 10 * settings.sweep))


def command(parts: Sequence[str], seconds: float = ALERT_SECONDS) -> Teller:
    """Runs a program with the alert on its standard input. What it says on standard error stands among our own."""
    name = parts[0]

    async def tell(said: Mapping[str, object]) -> None:
        text = json.dumps(said, ensure_ascii=False).encode() + b"\n"
        try:
            process = await asyncio.create_subprocess_exec(
                *parts, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise _failed(f"`{name}` cannot be run: {(error.strerror or '').lower()}") from None
        try:
            async with asyncio.timeout(seconds):
                with suppress(BrokenPipeError, ConnectionResetError):  # a program need not read what it is told
                    await process.communicate(text)
                code = await process.wait()
        except TimeoutError:
            raise _failed(f"`{name}` did not end within {seconds:g} seconds") from None
        finally:
            with suppress(ProcessLookupError):
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if code != 0:
            raise _failed(f"`{name}` ended with {code}")

    return tell


def address(url: str, http: aiohttp.ClientSession, seconds: float = ALERT_SECONDS) -> Teller:
    """Sends the alert there. The address may be a secret, so nothing repeats it."""

    async def tell(said: Mapping[str, object]) -> None:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with http.post(url, json=said, timeout=timeout, allow_redirects=False) as answer:
                status = answer.status
        except TimeoutError:
            raise _failed(f"`alert_url` did not answer within {seconds:g} seconds") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise _failed(f"`alert_url` cannot be reached ({type(error).__name__})") from None
        if status >= 300:
            raise _failed(f"`alert_url` answered with {status}")

    return tell


def _failed(why: str) -> PushdslError:
    return PushdslError(
        f"an alert was not told: {why}", "correct it under `[run]` in `pushdsl.toml`; it is tried again"
    )
