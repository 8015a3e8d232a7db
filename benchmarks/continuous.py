"""pushdsl's daemon beside a plain core of tables and threads, one after the other in one run on one computer.

    python benchmarks/continuous.py --postgresql postgresql://…/test --nats nats://127.0.0.1:4222
    python benchmarks/continuous.py --homes sqlite --seconds 5

100 stores, 20,000 listings of as many SKUs; a store answers after 50 ms, which is an asynchronous sleep here and a
thread's there, and no time is waited for more triggers. A trigger is a stock count of one SKU, through the daemon's own
intake; to the plain core (`plain_core.py`) it is the new quantity of one listing, for it plans nothing. Each side of
each home has a process of its own, where triggers come from too. Measured are

- from a trigger to its store's answer on record, at 100 triggers a second (`p50`, `p99`, in ms);
- how many triggers a second are taken in transactions of 200 while a worker works (`taken`), and how long it takes from
  the first to the last answer on record (`drained`);
- where a store takes 400 ms to answer: how long one and two processes need for what was taken before they began.

Homes: `sqlite`, `postgresql` (woken by the process itself), `procrastinate` and `nats` (the same record, other wakes).
PostgreSQL is given a schema of its own, which is dropped afterwards. The plain core is woken by its own threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.plain_core import PlainCore, Threads  # noqa: E402

from pushdsl.cycle import open_project  # noqa: E402
from pushdsl.daemon import Daemon, Quiet, Spec  # noqa: E402
from pushdsl.ledger import Kind, StockEvent  # noqa: E402
from pushdsl.model import Reason  # noqa: E402
from pushdsl.plugins.platform import Batch, Confirmed, Outcome  # noqa: E402
from pushdsl.plugins.simulated import SimulatedPlatform  # noqa: E402
from pushdsl.store import Ended  # noqa: E402
from pushdsl.wakes import wake_of  # noqa: E402

STORES = 100
HOMES = ("sqlite", "postgresql", "procrastinate", "nats")
PER_SECOND = 100
TOGETHER = 200
AT_ONCE = 32
"""Stores that are pushed to at the same time, and threads of the plain core."""
CALL_LISTINGS = 50
ASKED_EVERY = 0.05
SLOW = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--homes", nargs="+", choices=HOMES, default=list(HOMES))
    parser.add_argument("--sides", nargs="+", choices=("pushdsl", "plain"), default=["plain", "pushdsl"])
    parser.add_argument("--postgresql", default="postgresql://root@127.0.0.1:5432/test", metavar="URL")
    parser.add_argument("--nats", default="nats://127.0.0.1:4222", metavar="URL")
    parser.add_argument("--listings", type=int, default=20_000)
    parser.add_argument("--triggers", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long triggers come one by one")
    parser.add_argument("--delay", type=float, default=0.05, help="how long a store takes to answer, in seconds")
    parser.add_argument("--no-workers", action="store_true", help="leave out one and two processes at 400 ms")
    parser.add_argument("--serve", nargs=4, metavar=("SIDE", "HOME", "URL", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=4, metavar=("SIDE", "HOME", "URL", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        print(json.dumps(_side(args, *args.serve).measure()), flush=True)
    elif args.work:
        _side(args, *args.work).work()
    else:
        _compare(args)


def _compare(args: argparse.Namespace) -> None:
    print(f"{args.listings:,} listings in {STORES} stores, answers after {args.delay * 1000:g} ms")
    print(f"{'':24} {'p50':>7} {'p99':>7} {'taken/s':>9} {'drained':>9}   {'1 worker':>8} {'2 workers':>9} at 400 ms")
    plain: dict[str, dict[str, float]] = {}
    for home in args.homes:
        base = "sqlite" if home == "sqlite" else "postgresql"
        for side in args.sides:
            if side == "plain" and base in plain:
                continue
            found = _measured(args, side, home)
            if side == "plain":
                plain[base] = found
            print(_line(f"{side}, {base if side == 'plain' else home}", found), flush=True)
            if side == "pushdsl" and base in plain:
                print(_line("  times the plain core", _ratios(found, plain[base])), flush=True)


def _measured(args: argparse.Namespace, side: str, home: str) -> dict[str, float]:
    found = _in_process(args, side, home, 0)
    if home != "sqlite" and not args.no_workers:
        for workers in (1, 2):
            found[f"workers_{workers}"] = _in_process(args, side, home, workers)["drained"]
    return found


def _in_process(args: argparse.Namespace, side: str, home: str, workers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _database(args, home, Path(folder)) as url:
        done = subprocess.run(
            _command("--serve", side, home, url, folder, args, workers), stdout=subprocess.PIPE, check=True, text=True
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _command(
    what: str, side: str, home: str, url: str, folder: str, args: argparse.Namespace, workers: int
) -> list[str]:
    delay = SLOW if workers else args.delay
    numbers = {"listings": args.listings, "triggers": args.triggers, "seconds": args.seconds, "delay": delay}
    options = [text for name, value in numbers.items() for text in (f"--{name}", str(value))]
    common = ["--workers", str(workers), "--nats", args.nats]
    return [sys.executable, __file__, what, side, home, url, folder, *options, *common]


@contextmanager
def _database(args: argparse.Namespace, home: str, folder: Path) -> Iterator[str]:
    if home == "sqlite":
        yield f"sqlite:///{folder / 'record.db'}"
        return
    import psycopg

    name = f"continuous_{random.SystemRandom().randrange(10**9)}"
    with psycopg.connect(args.postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')
        try:
            yield f"{args.postgresql}?options=-csearch_path%3D{name}"
        finally:
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')


def _line(name: str, found: dict[str, float]) -> str:
    text = f"{name:24} {found['p50']:7.{_places(name)}f} {found['p99']:7.{_places(name)}f}"
    text += f" {found['taken']:9,.{_places(name)}f} {found['drained']:9.2f}"
    if "workers_1" in found:
        text += f"   {found['workers_1']:8.2f} {found['workers_2']:9.2f}"
        text += "" if name.startswith(" ") else f"  ({found['workers_1'] / found['workers_2']:.2f} times as fast)"
    return text


def _places(name: str) -> int:
    return 2 if name.startswith(" ") else 0


def _ratios(ours: dict[str, float], plain: dict[str, float]) -> dict[str, float]:
    return {key: ours[key] / plain[key] for key in ours if key in plain}


def _side(args: argparse.Namespace, side: str, home: str, url: str, folder: str) -> Plain | Ours:
    return (Plain if side == "plain" else Ours)(args, home, url, Path(folder))


def _picks(args: argparse.Namespace, count: int) -> list[int]:
    """Listings that triggers are for, the same for both sides; listing k is in store k modulo STORES."""
    rng = random.Random(20)
    return [rng.randrange(args.listings) for _ in range(count)]


class Latencies:
    """When triggers came and when they were answered, by listing."""

    def __init__(self) -> None:
        self.began: dict[int, float] = {}
        self.seconds: list[float] = []

    def begin(self, listing: int) -> None:
        self.began.setdefault(listing, time.perf_counter())

    def end(self, listing: int) -> None:
        began = self.began.pop(listing, None)
        if began is not None:
            self.seconds.append(time.perf_counter() - began)

    def figures(self) -> dict[str, float]:
        cuts = statistics.quantiles(self.seconds, n=100)
        return {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}


@contextmanager
def _workers(args: argparse.Namespace, side: str, home: str, url: str, folder: Path) -> Iterator[Any]:
    """As many processes as are asked for, ready to begin; what is yielded has them begin."""
    command = _command("--work", side, home, url, str(folder), args, args.workers)
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(args.workers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def go() -> None:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    try:
        yield go
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=60)


# ---- the plain core ---------------------------------------------------------------------------------


class Plain:
    def __init__(self, args: argparse.Namespace, home: str, url: str, folder: Path) -> None:
        self.args, self.home, self.url, self.folder = args, home, url, folder
        self.latencies = Latencies()
        self.core = PlainCore(url, self._call, self._pushed)

    def _call(self, store: int, rows: Sequence[Any]) -> bool:
        time.sleep(self.args.delay)
        return True

    def _pushed(self, listings: Any) -> None:
        for listing in listings:
            self.latencies.end(listing)

    def measure(self) -> dict[str, float]:
        self.core.make(STORES, ((k, k % STORES) for k in range(self.args.listings)))
        if self.args.workers:
            return self._by_workers()
        with Threads(self.core, AT_ONCE).running() as threads:
            self._one_by_one(threads)
            self._drain()
            began = time.perf_counter()
            self._take_all(threads)
            taken = time.perf_counter() - began
            self._drain()
            drained = time.perf_counter() - began
        return self.latencies.figures() | {"taken": self.args.triggers / taken, "drained": drained}

    def _one_by_one(self, threads: Threads) -> None:
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as clients:
            for number, listing in enumerate(_picks(self.args, int(PER_SECOND * self.args.seconds))):
                time.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
                self.latencies.begin(listing)
                clients.submit(self._trigger, [(listing, listing % STORES, 10_000 + number, 1)], threads)

    def _trigger(self, rows: Sequence[tuple[int, int, int, int]], threads: Threads | None) -> None:
        with self.core.engine.begin() as connection:
            stores = self.core.trigger(connection, rows)
        if threads is not None:
            threads.wake(stores)

    def _take_all(self, threads: Threads | None) -> None:
        picks = _picks(self.args, self.args.triggers)
        for start in range(0, len(picks), TOGETHER):
            some = picks[start : start + TOGETHER]
            self._trigger([(k, k % STORES, 50_000 + start + n, 1) for n, k in enumerate(some)], threads)

    def _drain(self) -> None:
        while self.core.left():
            time.sleep(ASKED_EVERY)

    def _by_workers(self) -> dict[str, float]:
        with _workers(self.args, "plain", self.home, self.url, self.folder) as go:
            self._take_all(None)
            go()
            began = time.perf_counter()
            self._drain()
            return {"drained": time.perf_counter() - began}

    def work(self) -> None:
        self.core.awake()
        print("ready", flush=True)
        sys.stdin.readline()
        with Threads(self.core, AT_ONCE).running():
            sys.stdin.read()


# ---- pushdsl ----------------------------------------------------------------------------------------


class Ours(Quiet):
    def __init__(self, args: argparse.Namespace, home: str, url: str, folder: Path) -> None:
        self.args, self.home, self.url, self.folder = args, home, url, folder
        self.latencies = Latencies()
        self.delay = 0.0
        self.number = 0
        side = self

        async def push(_: object, batch: Batch) -> Sequence[Outcome]:
            assert len(batch.cells) <= CALL_LISTINGS
            await asyncio.sleep(side.delay)
            return [Confirmed() for _ in batch.cells]

        SimulatedPlatform.push = push  # type: ignore[assignment,method-assign]  # a store that only takes its time

    def pushed(self, tenant: str, store: str, ended: Sequence[object], seconds: float, now: datetime) -> None:
        for one in ended:
            self.latencies.end(int(cast(Ended, one).push.key.store_sku))

    def daemon(self) -> Daemon:
        project = open_project([self.folder])
        run = project.settings.run
        wakes = {"procrastinate": "procrastinate", "nats": f"{self.args.nats}/{self.folder.name}"}
        wake = wake_of(wakes.get(self.home, "own"), self.url, run.stores_at_once)
        return Daemon(run, self.url, wake, self)

    def measure(self) -> dict[str, float]:
        _write_project(self.folder, self.args.listings, self.url)
        return asyncio.run(self._measure())

    async def _measure(self) -> dict[str, float]:
        daemon, stop = self.daemon(), asyncio.Event()
        async with daemon.opened():
            tenant = await daemon.add(Spec(open_project([self.folder])), allow_zeroing=True)
            await daemon.run_once(stop)
            self.delay = self.args.delay
            if self.args.workers:
                with _workers(self.args, "pushdsl", self.home, self.url, self.folder) as go:
                    await self._take_all(daemon)
                    go()
                    began = time.perf_counter()
                    await self._drain(daemon)
                    return {"drained": time.perf_counter() - began}
            running = asyncio.ensure_future(daemon.run(stop))
            await asyncio.sleep(1.0)
            assert tenant.name == ""
            await self._one_by_one(daemon)
            await self._drain(daemon)
            began = time.perf_counter()
            await self._take_all(daemon)
            taken = time.perf_counter() - began
            await self._drain(daemon)
            drained = time.perf_counter() - began
            stop.set()
            await running
        return self.latencies.figures() | {"taken": self.args.triggers / taken, "drained": drained}

    async def _one_by_one(self, daemon: Daemon) -> None:
        began, taking = time.perf_counter(), set[asyncio.Task[Any]]()
        for number, listing in enumerate(_picks(self.args, int(PER_SECOND * self.args.seconds))):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
            self.latencies.begin(listing)
            task = asyncio.create_task(daemon.besides[""].intake.events([self._event(listing)]))
            taking.add(task)
            task.add_done_callback(taking.discard)
        await asyncio.gather(*taking)

    async def _take_all(self, daemon: Daemon) -> None:
        picks = _picks(self.args, self.args.triggers)
        for start in range(0, len(picks), TOGETHER):
            taken = await daemon.besides[""].intake.events([self._event(k) for k in picks[start : start + TOGETHER]])
            assert taken.taken == TOGETHER

    def _event(self, listing: int) -> StockEvent:
        self.number += 1
        n, at = self.number, datetime.now(UTC)
        return StockEvent(f"e{n}", "erp", n, at, Reason.STOCK_COUNT, "kl", f"{listing}", Kind.COUNT, 50_000 + n)

    async def _drain(self, daemon: Daemon) -> None:
        while await daemon.left(daemon.tenants[""]):
            await asyncio.sleep(ASKED_EVERY)

    def work(self) -> None:
        self.delay = self.args.delay
        asyncio.run(self._work())

    async def _work(self) -> None:
        daemon, stop = self.daemon(), asyncio.Event()
        async with daemon.opened():
            await daemon.add(Spec(open_project([self.folder])), allow_zeroing=True)
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            loop = asyncio.get_running_loop()
            threading.Thread(
                target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
            ).start()
            await daemon.run(stop)


def _write_project(folder: Path, listings: int, url: str) -> None:
    names = [f"s{k:02d}" for k in range(STORES)]
    (folder / "facts").mkdir()
    stores = "\n".join(f"store {name} on simulated" for name in names)
    (folder / "rules.push").write_text(
        f'push edition 1\n\nwarehouse kl "Kuala Lumpur"\n\n{stores}\n\ngroup everywhere = {", ".join(names)}\n\n'
        'rule "All" {\n  for everything\n  to everywhere\n  take kl\n}\n',
        "utf-8",
    )
    limits = "\n".join(f"[accounts.{name}.capabilities]\nbatch_size = {CALL_LISTINGS}" for name in names)
    record = f'[record]\nurl = "{url}"\n\n[run]\nwindow = 0\nstores_at_once = {AT_ONCE}\n\n'
    (folder / "pushdsl.toml").write_text(record + limits + "\n", "utf-8")
    _write(folder, "stock", "warehouse,sku,on_hand", (f"kl,{k},5" for k in range(listings)))
    rows = (f"s{k % STORES:02d},{k},{k},{k},{k}" for k in range(listings))
    _write(folder, "listings", "store,store_sku,item_id,variant_id,sku", rows)


def _write(folder: Path, table: str, head: str, rows: Iterator[str]) -> None:
    (folder / "facts" / f"{table}.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
