"""Kills, freezes and faults while stock changes; then every store shows the newest quantity, and every trigger ended.

    python benchmarks/fire.py kill --home postgresql --workers 3 --wake nats
    python benchmarks/fire.py all --short

Each campaign has a shop, a process that stays alive and keeps every quantity that landed; workers, which are real
daemons with short times, and are restarted at once where they die; and a source of stock events with ids, some told
twice, none given up before it is acknowledged. After it, when all is at rest:

- each listing shows what follows from the newest event of its SKU (`wrong` counts those that do not);
- each trigger has exactly one end on record, and nothing is pending, waiting, under way or leased (`records`).

`backward` counts older quantities that landed after newer ones, and were repaired. p50 and p99 are seconds from an
event's acknowledgement to the first landing that knows of it, for each listing; triggers are events times stores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.firing import homes  # noqa: E402
from benchmarks.firing.check import Books, Landed, Left, judge, share, unequal  # noqa: E402
from benchmarks.firing.markets import PLATFORMS, Markets  # noqa: E402
from benchmarks.firing.shop import PLATFORM, Faults, KilnPlatform  # noqa: E402
from benchmarks.firing.source import KEPT_BACK, Source, sku_name  # noqa: E402
from benchmarks.firing.worker import STEPS, Orders, open_kiln, order_text, utc_now  # noqa: E402

from pushdsl.daemon import Daemon, Spec  # noqa: E402
from pushdsl.run_settings import RunSettings  # noqa: E402
from pushdsl.store import NoWaker, Waker, open_work  # noqa: E402
from pushdsl.wakes import wake_of  # noqa: E402

DRAIN_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command asks for. `rate`: events a second."""

    home: str = "sqlite"
    workers: int = 1
    wake: str = "own"
    listings: int = 60
    triggers: int = 6000
    seed: int = 1
    repair: bool = True
    rate: float = 50.0
    share: float = 0.0
    """Of the calls to local marketplaces that fail; 0: the stores are on the shop."""

    @property
    def stores(self) -> int:
        if self.share:
            return len(PLATFORMS)
        return 3 if self.listings < 300 else 10

    @property
    def skus(self) -> int:
        return max(1, self.listings // self.stores)

    @property
    def events(self) -> int:
        return self.triggers // self.stores

    @property
    def store_names(self) -> tuple[str, ...]:
        return PLATFORMS if self.share else tuple(f"shop_{number}" for number in range(self.stores))


@dataclass(slots=True)
class Figures:
    """What a campaign came to. `records`: listings whose triggers have not exactly one end each."""

    fault: str
    home: str
    workers: int
    wake: str
    triggers: int = 0
    pushes: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    backward: int = 0
    wrong: int = 0
    records: int = 0
    repaired: int = 0
    lies: int = 0
    p50: float = 0.0
    p99: float = 0.0
    seconds: float = 0.0
    left: Left | None = None
    ledger: str = ""
    mistakes: int = 0
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def at_rest(self) -> bool:
        return self.left is not None and self.left.nothing

    @property
    def proved(self) -> bool:
        return self.at_rest and not any((self.wrong, self.records, self.lies, self.mistakes, self.ledger))

    def row(self) -> list[str]:
        return [
            self.fault, self.home, str(self.workers), self.wake, f"{self.triggers:,}", f"{self.pushes:,}",
            str(sum(self.kills.values())), str(self.backward), str(self.wrong), str(self.records), f"{self.p50:.2f}",
            f"{self.p99:.2f}", f"{self.seconds:.0f}",
        ]  # fmt: skip


HEAD = (
    "fault", "home", "workers", "wake", "triggers", "pushes", "kills", "backward", "wrong", "records", "p50 s", "p99 s",
    "seconds",
)  # fmt: skip


# ---- who takes part ---------------------------------------------------------------------------------


class ShopProcess:
    """The shop, alive through everything."""

    def __init__(self, seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.firing.shop", str(seed)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def fail(self, faults: Faults) -> None:
        body = json.dumps(asdict(faults)).encode()
        self._ask(urllib.request.Request(f"{self.url}/faults", body, {"Content-Type": "application/json"}))

    def history(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask(urllib.request.Request(f"{self.url}/history")))
        return found

    def _ask(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def close(self) -> None:
        self._process.communicate(timeout=10)


class Workers:
    """The nursery and what it says."""

    def __init__(self, orders: Orders) -> None:
        self.kills: Counter[str] = Counter()
        self.broken = 0
        self.frozen = 0
        self.thawed = 0
        self.born = 0
        self._began = time.monotonic()
        self.births: list[Any] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.firing.worker", order_text(orders)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self.births.append((round(time.monotonic() - self._began, 2), *told.items()))
            self.born += "born" in told
            self.frozen += "froze" in told
            self.thawed += "thawed" in told
            if "ended" in told and told["signal"]:
                self.kills[told["step"] if told["signal"] == 9 else "anywhere"] += 1
            elif "ended" in told:
                self.broken += 1

    def calm(self) -> None:
        self._tell("calm")

    def freeze(self) -> None:
        self._tell("freeze")

    def await_frozen(self, number: int, seconds: float) -> None:
        """Until so many have been frozen since the beginning."""
        _until(lambda: self.frozen >= number, seconds)

    def await_thawed(self, seconds: float) -> None:
        _until(lambda: self.frozen == self.thawed, seconds)

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        before = self.broken
        with suppress(BrokenPipeError):
            self._tell("stop")
        self._process.wait(60)
        self._listening.join(5)
        self.broken = before


@dataclass(slots=True)
class Field:
    """All that a campaign has; `wake` is the engine's address as the settings have it."""

    wanted: Wanted
    folder: Path
    url: str
    wake: str
    shop: ShopProcess | Markets
    source: Source
    books: Books

    def orders(self, **more: Any) -> Orders:
        return Orders(
            str(self.folder), self.url, self.wanted.workers, self.wake, seed=self.wanted.seed,
            repair=self.wanted.repair, **more,
        )  # fmt: skip

    def fail(self, faults: Faults) -> None:
        assert isinstance(self.shop, ShopProcess)
        self.shop.fail(faults)


@contextmanager
def field_of(wanted: Wanted, url: str, folder: Path, wake: str, share: float | None = None) -> Iterator[Field]:
    """A project with stock, its rules planned once, so that each listing has one trigger besides its events.

    `share`: its stores are on local marketplaces, of whose calls so many fail.
    """
    with ExitStack() as stack:
        shop: ShopProcess | Markets
        if share is None:
            shop = ShopProcess(wanted.seed)
            make_project(folder, wanted, shop.url)
        else:
            make_project(folder, wanted, None)
            shop = Markets(folder, wanted.seed, share)
        stack.callback(shop.close)
        engine: Waker = wake_of(wake, url, 1) if wake != "own" else NoWaker()
        store = stack.enter_context(open_work(url, utc_now, waker=engine))
        if hasattr(engine, "close"):
            stack.callback(engine.close)
        source = Source(store.ledger(), engine, wanted.skus, random.Random(wanted.seed))
        source.begin()
        asyncio.run(_begin(folder, url))
        books = Books(url)
        stack.callback(books.close)
        yield Field(wanted, folder, url, wake, shop, source, books)


async def _begin(folder: Path, url: str) -> None:
    daemon = Daemon(RunSettings(), url)
    async with daemon.opened():
        await daemon.add(Spec(open_kiln(folder, KilnPlatform())))


def make_project(folder: Path, wanted: Wanted, shop: str | None) -> None:
    """Rules, settings to reach the shop, and a listing of every SKU in every store."""
    (folder / "facts").mkdir(parents=True)
    if shop is not None:
        stores = "\n".join(f"store {name} on {PLATFORM}" for name in wanted.store_names)
    else:
        stores = "\n".join(f'store {name} on {name} {{\n  region "MY"\n}}' for name in wanted.store_names)
    rule = f'rule "Cups" {{\n  for like "CUP-*"\n  to {", ".join(wanted.store_names)}\n  take kl\n'
    (folder / "rules.push").write_text(
        f"push edition 1\n\nwarehouse kl\n\n{stores}\n\n{rule}  keep back {KEPT_BACK} units\n}}\n", "utf-8"
    )
    accounts = "".join(f'[accounts.{name}]\nurl = "{shop}"\n' for name in wanted.store_names)
    (folder / "pushdsl.toml").write_text("" if shop is None else accounts, "utf-8")
    names = [sku_name(number) for number in range(wanted.skus)]
    listings = [f"{store},{name},{1000 + number},{5000 + number},{name}" for store in wanted.store_names
                for number, name in enumerate(names)]  # fmt: skip
    (folder / "facts" / "stock.csv").write_text("warehouse,sku,on_hand\n", "utf-8")
    (folder / "facts" / "listings.csv").write_text(
        "\n".join(["store,store_sku,item_id,variant_id,sku", *listings]) + "\n", "utf-8"
    )


@contextmanager
def workers_of(orders: Orders) -> Iterator[Workers]:
    workers = Workers(orders)
    try:
        assert _until(lambda: workers.born >= orders.workers, 60), "no worker began"
        yield workers
    finally:
        workers.close()


@contextmanager
def ground(wanted: Wanted, folder: Path) -> Iterator[Field]:
    """A field on the home and with the engine that are wanted."""
    with ExitStack() as stack:
        url = stack.enter_context(home(wanted, folder))
        wake = stack.enter_context(homes.nats_server(folder)) if wanted.wake == "nats" else wanted.wake
        yield stack.enter_context(field_of(wanted, url, folder / "project", wake, wanted.share or None))


@contextmanager
def home(wanted: Wanted, folder: Path) -> Iterator[str]:
    if wanted.home == "sqlite":
        yield f"sqlite:///{folder}/record.db"
        return
    with homes.postgresql() as server, homes.in_schema(server) as url:
        yield url


# ---- campaigns --------------------------------------------------------------------------------------


def kill(wanted: Wanted, folder: Path, often: int = 4, at_least: int = 0) -> Figures:
    """Workers are killed at each step in turn, while the shop fails now and then; stock changes until enough were."""
    with ground(wanted, folder) as field:
        field.fail(Faults.at(0.01))
        orders = field.orders(kill=STEPS, often=often)
        with workers_of(orders) as workers, _timed(wanted, "kill") as figures:
            field.source.at_rate(wanted.events, wanted.rate)
            while sum(workers.kills.values()) < at_least:
                field.source.at_rate(10, wanted.rate)
            workers.calm()
            field.fail(Faults())
            _finish(field, figures, workers)
    return figures


def freeze(wanted: Wanted, folder: Path, waves: int = 4) -> Figures:
    """A worker stands still just before a push leaves, for longer than its lease; meanwhile stock changes.

    The push leaves when the worker goes on, and lands on top of newer ones.
    """
    name = "freeze" if wanted.repair else "freeze, unrepaired"
    with ground(wanted, folder) as field:
        orders = field.orders(freeze=5.0)
        with workers_of(orders) as workers, _timed(wanted, name) as figures:
            for _ in range(waves):
                workers.freeze()
                before = workers.frozen
                field.source.tell_all()
                workers.await_frozen(before + 1, 5)
                field.source.tell_all()
                workers.await_thawed(20)
                field.books.drained(20)
            workers.calm()
            workers.await_thawed(20)
            _finish(field, figures, workers)
            figures.notes["frozen"] = workers.frozen
    return figures


def wakes_lost(wanted: Wanted, folder: Path) -> Figures:
    """Every wake is lost: whoever works finds by itself what there is to do."""
    with ExitStack() as stack:
        field = stack.enter_context(ground(wanted, folder))
        lost = stack.enter_context(_losing(field))
        workers = stack.enter_context(workers_of(field.orders(deaf=True)))
        figures = stack.enter_context(_timed(wanted, "wakes lost"))
        field.source.at_rate(wanted.events, wanted.rate)
        _finish(field, figures, workers)
        figures.notes["wakes deleted"] = lost()
    return figures


def database_killed(wanted: Wanted, folder: Path, kills: int = 4) -> Figures:
    """The first process of PostgreSQL is killed under load, and started again two seconds later."""
    with ExitStack() as stack:
        server = stack.enter_context(homes.OwnServer())
        wake = stack.enter_context(homes.nats_server(folder)) if wanted.wake == "nats" else wanted.wake
        url = stack.enter_context(homes.in_schema(server.url))
        field = stack.enter_context(field_of(wanted, url, folder / "project", wake))
        workers = stack.enter_context(workers_of(field.orders()))
        figures = stack.enter_context(_timed(replace(wanted, home="postgresql"), "database killed"))
        field.fail(Faults(slow=0.2))
        per_second = wanted.rate
        telling = threading.Thread(target=field.source.at_rate, args=(wanted.events, per_second), daemon=True)
        telling.start()
        for _ in range(kills):
            time.sleep(max(1.0, wanted.events / per_second / (kills + 1)))
            server.kill()
            time.sleep(1.0)
            server.restart()
        telling.join()
        _finish(field, figures, workers)
        figures.kills["database"] = kills
        figures.notes["refused to the source"] = field.source.failures
    return figures


def faults(wanted: Wanted, folder: Path) -> Figures:
    """The local marketplaces fail while stock changes; then they are well, and every SKU's stock changes once more."""
    wanted = replace(wanted, share=wanted.share or 0.01)
    with ExitStack() as stack:
        field = stack.enter_context(ground(wanted, folder))
        workers = stack.enter_context(workers_of(field.orders(send=2.0, answer=1.0)))
        figures = stack.enter_context(_timed(wanted, f"faults {wanted.share:.0%}"))
        field.source.at_rate(wanted.events, wanted.rate)
        assert isinstance(field.shop, Markets)
        field.shop.calm()
        field.source.tell_all()
        _finish(field, figures, workers)
    return figures


def clock(wanted: Wanted, folder: Path) -> Figures:
    """The workers' clocks go an hour forward, back, an hour back, and right again, over and over."""
    with ground(wanted, folder) as field:
        seconds = wanted.events / wanted.rate
        steps = (0.0, 3600.0, 0.0, -3600.0) * max(1, round(seconds / 6))
        every = max(0.5, seconds / len(steps))
        orders = field.orders(clock=(*steps, 0.0), clock_every=every)
        with workers_of(orders) as workers, _timed(wanted, "clock") as figures:
            field.source.at_rate(wanted.events, wanted.rate)
            _finish(field, figures, workers)
            figures.notes["steps"] = len(steps)
    return figures


def disk_full(wanted: Wanted, folder: Path) -> Figures:
    """The record's disk is filled up under load, and has room again later."""
    if wanted.home != "sqlite":
        raise SystemExit("disk-full is for --home sqlite")
    with homes.small_disk(folder, 8) as disk:
        if disk is None:
            raise SystemExit("disk-full needs a right to mount a file system in memory")
        with field_of(wanted, f"sqlite:///{disk}/record.db", folder / "project", "own") as field:
            return _on_full_disk(field, disk)


def _on_full_disk(field: Field, disk: Path) -> Figures:
    wanted = field.wanted
    with workers_of(field.orders()) as workers, _timed(wanted, "disk full") as figures:
        telling = threading.Thread(target=field.source.at_rate, args=(wanted.events, wanted.rate), daemon=True)
        telling.start()
        for _ in range(3):
            time.sleep(max(0.5, wanted.events / wanted.rate / 5))
            _fill(disk / "filler")
            time.sleep(2.0)
            (disk / "filler").unlink()
        telling.join()
        _finish(field, figures, workers)
        figures.notes["refused to the source"] = field.source.failures
    return figures


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out, suppress(OSError):
        while True:
            for size in (65536, 4096):
                with suppress(OSError):
                    while True:
                        out.write(b"x" * size)
            raise OSError


@contextmanager
def _losing(field: Field) -> Iterator[Callable[[], int]]:
    """Deletes all wakes all the time; how many they were, where that can be known."""
    stop, count = threading.Event(), [0]
    losers: Mapping[str, Callable[[], int]] = {
        "procrastinate": lambda: homes.delete_jobs(field.url),
        "nats": lambda: homes.purge(field.wake),
    }
    loser = losers.get(field.wanted.wake)

    def lose() -> None:
        while loser is not None and not stop.wait(0.05):
            with suppress(Exception):  # before the first worker there is nothing to delete from
                count[0] += loser()

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    try:
        yield lambda: count[0]
    finally:
        stop.set()
        thread.join()


# ---- the end ----------------------------------------------------------------------------------------


@contextmanager
def _timed(wanted: Wanted, fault: str) -> Iterator[Figures]:
    began = time.monotonic()
    figures = Figures(fault, wanted.home, wanted.workers, wanted.wake)
    yield figures
    figures.seconds = time.monotonic() - began


def _until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def _finish(field: Field, figures: Figures, workers: Workers) -> None:
    """Waits until all is at rest, and then counts."""
    figures.left = field.books.drained(DRAIN_SECONDS)
    stores = field.wanted.store_names
    history = field.shop.history()
    landed: Landed = history["landed"]
    shown = judge(landed, stores, field.source)
    file = field.folder / "overtaken"
    overtaken = [line.split() for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    figures.repaired = sum(int(cells) for _, cells in overtaken)
    figures.triggers = field.source.told * len(stores)
    figures.pushes, figures.backward, figures.wrong = shown.pushes, shown.backward, shown.wrong + shown.strange
    figures.records = unequal(field.books.triggers(), stores, field.source, figures.repaired)
    figures.lies = sum(
        1 for (store, name), claimed in field.books.claims().items()
        if claimed is not None and [claimed] != [quantity for _, quantity in landed.get(store, {}).get(name, [])][-1:]
    )  # fmt: skip
    figures.kills, figures.p50, figures.p99 = workers.kills, share(shown.delays, 0.5), share(shown.delays, 0.99)
    difference = field.source.ledger.verify()
    figures.ledger = f"{difference}" if difference is not None else ""
    figures.mistakes = field.source.wrong_answers + workers.broken
    figures.notes |= {"repaired": figures.repaired, "told twice": field.source.repeats, "calls": history["calls"]}
    figures.notes |= {"met": history["met"], "statuses": field.books.statuses(), "log": _log(field.folder / "log")}


def _log(file: Path) -> dict[str, int]:
    """What the workers said, and how often."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    said = Counter(line[:100] for line in lines if line and not line.startswith(" "))
    return dict(said.most_common(6))


# ---- the command ------------------------------------------------------------------------------------

CAMPAIGNS: Mapping[str, Callable[[Wanted, Path], Figures]] = {
    "kill": kill, "freeze": freeze, "wakes-lost": wakes_lost, "database-killed": database_killed, "faults": faults,
    "clock": clock, "disk-full": disk_full,
}  # fmt: skip


def run(name: str, wanted: Wanted) -> Figures:
    with tempfile.TemporaryDirectory(prefix="fire-") as folder:
        return CAMPAIGNS[name](wanted, Path(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("campaign", choices=[*CAMPAIGNS, "all"])
    parser.add_argument("--home", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--wake", choices=["own", "procrastinate", "nats"], default="own")
    parser.add_argument("--listings", type=int, default=60)
    parser.add_argument("--triggers", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.0, help="of the calls that fail in `faults`; 0.01 if absent")
    parser.add_argument("--no-repair", action="store_true", help="show that the check of `freeze` can fail")
    parser.add_argument("--short", action="store_true", help="600 triggers")
    parser.add_argument("-v", "--verbose", action="store_true", help="and what the workers logged")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.CRITICAL)  # a server that is killed says a lot
    triggers = 600 if args.short else args.triggers
    wanted = Wanted(
        args.home, args.workers, args.wake, args.listings, triggers, args.seed, not args.no_repair,
        share=args.share if args.campaign == "faults" else 0.0,
    )  # fmt: skip
    rows, good = [], True
    for name, one in _all(wanted) if args.campaign == "all" else [(args.campaign, wanted)]:
        figures = run(name, one)
        rows.append(figures.row())
        _tell(figures, verbose=args.verbose)
        good = good and (figures.proved if wanted.repair or name != "freeze" else figures.wrong > 0)
    print(table(rows))
    return 0 if good else 1


def _all(wanted: Wanted) -> Iterator[tuple[str, Wanted]]:
    """Every campaign on every home that it is for."""
    file = replace(wanted, home="sqlite", workers=1, wake="own")
    server = replace(wanted, home="postgresql")
    engines = ("own", "procrastinate", "nats")
    yield "kill", file
    for wake in engines:
        for workers in (1, 3):
            yield "kill", replace(server, workers=workers, wake=wake)
    for wake in engines:
        yield "freeze", replace(server, workers=3, wake=wake)
        yield "wakes-lost", replace(server, workers=2, wake=wake)
    yield "wakes-lost", file
    for workers in (1, 3):
        yield "database-killed", replace(server, workers=workers, wake="own")
    yield "database-killed", replace(server, workers=3, wake="procrastinate")
    for share_of_calls in (0.01, 0.2):
        yield "faults", replace(file, share=share_of_calls)
        yield "faults", replace(server, workers=3, wake="own", share=share_of_calls)
    yield "clock", file
    yield "clock", replace(server, workers=3, wake="own")
    yield "disk-full", file


def _tell(figures: Figures, *, verbose: bool) -> None:
    if not figures.at_rest:
        print(f"{figures.fault}: not at rest in {DRAIN_SECONDS:.0f} seconds: {figures.left}")
    if figures.lies or figures.mistakes or figures.ledger:
        print(f"{figures.fault}: {figures.lies} lies, {figures.mistakes} mistakes, ledger {figures.ledger or 'right'}")
    if verbose:
        print(" | ".join(figures.row()), flush=True)
        print(f"{figures.fault}: kills {dict(figures.kills)}; {figures.notes}")


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    lines = [HEAD, *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in lines)


if __name__ == "__main__":
    raise SystemExit(main())
