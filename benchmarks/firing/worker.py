"""Workers that die: one process with all imports done, which begets a worker at once whenever one has ended.

    python -m benchmarks.firing.worker '{…}'

It is told on its input `freeze` (all but one stand still at their next call), `calm` (who comes now lives on), and
`stop` (all end in peace), and says in lines of JSON who began, ended and froze.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.firing.shop import EntryPoint, KilnPlatform

from pushdsl import working
from pushdsl.cycle import Project, open_project, read_inputs
from pushdsl.daemon import Daemon, Quiet, Spec
from pushdsl.pacing import Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.run_settings import RunSettings
from pushdsl.store import Execute, open_work
from pushdsl.wakes import Handler, Wake, wake_of

STEPS = (
    "plan", "desire", "desired", "leased", "intended", "calling", "answered", "sent", "recorded", "anywhere",
)  # fmt: skip
"""Where a worker may be killed; `anywhere` is at a time, wherever it is then."""
POLL_SECONDS = 0.02


class ShortSettings(RunSettings):
    """A lease that is as short as it may be."""

    @property
    def lease(self) -> float:
        return self.send + self.answer + 0.5


@dataclass(frozen=True, slots=True)
class Orders:
    """What workers are told. Times are seconds.

    `kill`: the steps at which they are killed in turn, each time the n-th time that they come there, n at most `often`;
    who is not there in `kill_within`, times the workers, is killed wherever it is.
    `freeze`: for how long one stands still just before a push leaves, when it was told to. `clock`: how far each
    worker's clock is off, one step after the other, each for `clock_every`; after the last it is right.
    """

    folder: str
    url: str
    workers: int = 1
    wake: str = "own"
    deaf: bool = False
    repair: bool = True
    seed: int = 1
    kill: tuple[str, ...] = ()
    often: int = 4
    kill_within: float = 2.0
    freeze: float = 0.0
    clock: tuple[float, ...] = ()
    clock_every: float = 1.0
    window: float = 0.2
    send: float = 0.5
    answer: float = 0.5
    plan: float = 0.7
    sweep: float = 0.2

    @property
    def settings(self) -> ShortSettings:
        return ShortSettings(window=self.window, send=self.send, answer=self.answer, sweep=self.sweep, round=50)


def read_orders(text: str) -> Orders:
    told = json.loads(text)
    values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in told.items()}
    return Orders(**values)


def order_text(orders: Orders) -> str:
    return json.dumps(asdict(orders))


def open_kiln(folder: Path, platform: KilnPlatform) -> Project:
    """The project; with its own platforms, or the shop's where its stores are on that."""
    project = open_project([folder])
    if " on kiln" not in (folder / "rules.push").read_text("utf-8"):
        return project
    platforms = InstalledPlatforms(entry_points=[EntryPoint(platform)])  # type: ignore[list-item]  # as good as one
    return replace(project, platforms=platforms)


class DeafWake:
    """An engine that loses every wake."""

    def __init__(self, engine: Wake) -> None:
        self._engine = engine

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        pass

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        pass

    def found(self, tenant: str, lanes: Iterable[str]) -> None:
        self._engine.found(tenant, lanes)

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        await self._engine.run(handler, stop)


class Witness(Quiet):
    """Writes down how many pushes were found to have been overtaken, so that it outlives the worker."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def overtaken(self, tenant: str, store: str, cells: int) -> None:
        with self._file.open("a", encoding="utf-8") as out:
            out.write(f"{store} {cells}\n")


@dataclass(slots=True)
class Fate:
    """Ends or freezes its own process at a step, when it is there for the n-th time."""

    step: str = ""
    times: int = 1
    to_freeze: bool = False

    def be_told(self) -> None:
        self.to_freeze = True

    def __call__(self, step: str) -> None:
        if step == "calling" and self.to_freeze:
            self.to_freeze = False
            os.kill(os.getpid(), signal.SIGSTOP)
        if step == self.step:
            self.times -= 1
            if self.times <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def work(orders: Orders, fate: Fate, began: float) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, fate.be_told)
    working.PLAN_SECONDS = orders.plan
    wake: Wake | None = None
    if orders.wake != "own" or orders.deaf:
        wake = wake_of(orders.wake, orders.url, orders.settings.stores_at_once)
    if wake is not None and orders.deaf and orders.wake == "own":
        wake = DeafWake(wake)
    folder = Path(orders.folder)
    daemon = Daemon(
        orders.settings, orders.url, wake=wake, observer=Witness(folder / "overtaken"),
        pace=Pace(_clock(orders, began)), repair=orders.repair, at_step=fate,
    )  # fmt: skip
    async with daemon.opened():
        await daemon.add(Spec(open_kiln(folder, KilnPlatform(fate))))
        await daemon.run(stop)


def _clock(orders: Orders, began: float) -> Callable[[], datetime]:
    def now() -> datetime:
        step = int((time.monotonic() - began) / orders.clock_every)
        off = orders.clock[step] if step < len(orders.clock) else 0.0
        return datetime.now(UTC) + timedelta(seconds=off)

    return now


def utc_now() -> datetime:
    return datetime.now(UTC)


# ---- who begets them --------------------------------------------------------------------------------


@dataclass(slots=True)
class Nursery:
    """All workers of a campaign. They are children of this process, which never dies itself."""

    orders: Orders
    calm: bool = False
    stopping: bool = False
    born: int = 0
    began: float = 0.0

    def run(self) -> None:
        # all that a worker imports
        read_inputs(open_kiln(Path(self.orders.folder), KilnPlatform()), recorded=False)
        open_work(self.orders.url, utc_now).close()
        self.began = time.monotonic()
        living: dict[int, str] = {}
        frozen: dict[int, float] = {}
        for _ in range(self.orders.workers):
            self._beget(living)
        while living or not self.stopping:
            self._listen(living, frozen)
            self._thaw(frozen, time.monotonic())
            for pid, status in _changes(living):
                if os.WIFSTOPPED(status):
                    frozen[pid] = time.monotonic() + self.orders.freeze
                    _say(froze=pid)
                    continue
                step = living.pop(pid)
                _say(ended=pid, step=step, signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
                if not self.stopping:
                    self._beget(living)

    def _listen(self, living: Mapping[int, str], frozen: dict[int, float]) -> None:
        ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if not ready:
            return
        told = sys.stdin.readline().strip()
        if told == "freeze":
            for pid in list(living)[: max(1, len(living) - 1)]:
                os.kill(pid, signal.SIGUSR1)
            return
        self.calm = True
        if told != "calm":  # or the end: whoever gave orders is gone
            self.stopping = True
            self._thaw(frozen, float("inf"))
            for pid in living:
                os.kill(pid, signal.SIGTERM)

    def _thaw(self, frozen: dict[int, float], now: float) -> None:
        for pid in [pid for pid, until in frozen.items() if until <= now]:
            del frozen[pid]
            os.kill(pid, signal.SIGCONT)
            _say(thawed=pid)

    def _beget(self, living: dict[int, str]) -> None:
        self.born += 1
        step = "" if self.calm or not self.orders.kill else self.orders.kill[(self.born - 1) % len(self.orders.kill)]
        drawn = random.Random(f"{self.orders.seed} {self.born}")
        pid = os.fork()
        if pid == 0:
            self._live(step, drawn)
        living[pid] = step
        _say(born=pid, step=step)

    def _live(self, step: str, drawn: random.Random) -> None:
        logging.basicConfig(filename=Path(self.orders.folder) / "log", level=logging.WARNING)
        orders = self.orders
        if step:
            longest = orders.kill_within * orders.workers
            within = drawn.random() * longest if step == "anywhere" else longest
            signal.setitimer(signal.ITIMER_REAL, max(within, 0.3))  # SIGALRM, which nobody handles
        fate = Fate(step, drawn.randint(1, orders.often))
        try:
            asyncio.run(work(orders, fate, self.began))
        except BaseException:
            with (Path(orders.folder) / "log").open("a", encoding="utf-8") as out:
                traceback.print_exc(file=out)
            time.sleep(0.2)
            os._exit(1)
        os._exit(0)


def _changes(living: Mapping[int, str]) -> Sequence[tuple[int, int]]:
    changes = []
    for pid in living:
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if found:
            changes.append((pid, status))
    return changes


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    Nursery(read_orders(sys.argv[1])).run()
