"""CPU of the client for each listing pushed: pushdsl's pusher and plugins beside bare aiohttp in the same run.

    python benchmarks/pushing.py --listings 20000 --reps 5

The stores are the local ones, in a process of their own. What pushdsl sends and is answered is noted in a first run.
The bare client then sends as many requests with bodies of the same sizes, made as JSON from as many rows, over
connections that are kept, as many at once, and decodes the very same answers; it signs nothing and checks nothing. Each
client runs in a process of its own, once to warm up and once for the figure: user and system CPU of that process, all
its threads. Every cell must be confirmed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, web

from pushdsl.calling import Reach, connections
from pushdsl.cli.local_shops import local_shops
from pushdsl.model import PlannedCell, Store
from pushdsl.pacing import Gate, Gates, Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import Confirmed, ListingRef
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.pusher import CALLS_AT_ONCE, Job, Result, StoreWork, push


@dataclass(frozen=True)
class Case:
    """A platform, and how many variants an item has: where calls are by item, that many share one."""

    name: str
    platform: str
    variants: int


CASES = (
    Case("shopee", "shopee", 50),
    Case("shopee, 5 an item", "shopee", 5),
    Case("shopee, 1 an item", "shopee", 1),
    Case("lazada", "lazada", 5),
    Case("tiktok", "tiktok", 100),
    Case("tiktok, 5 an item", "tiktok", 5),
    Case("shopify", "shopify", 5),
)


@dataclass(frozen=True)
class Sent:
    """One request: how long its body was, and the answer."""

    body: int
    answer: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, default=20_000)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=[case.name for case in CASES])
    parser.add_argument("--serve", metavar="CASE", help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=3, metavar=("WHICH", "CASE", "ROUND"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(_case(args.serve), args.listings, args.folder)
    elif args.client:
        which, name, number = args.client
        _measured(which, _case(name), int(number), args.listings, args.folder)
    else:
        print(f"µs of CPU a listing, {args.listings:,} listings, median of {args.reps}")
        print(f"{'':20} {'calls':>7} {'pushdsl':>12} {'bare':>12}   ratio {'µs a call more':>15}")
        for name in args.cases:
            with tempfile.TemporaryDirectory() as folder:
                _compare(_case(name), args.listings, args.reps, Path(folder))


def _case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def _command(*arguments: object) -> list[str]:
    return [sys.executable, __file__, *map(str, arguments)]


def _compare(case: Case, listings: int, reps: int, folder: Path) -> None:
    common = "--listings", listings, "--folder", folder
    serving = _command("--serve", case.name, *common)
    seconds: dict[str, list[float]] = {"pushdsl": [], "bare": []}
    with subprocess.Popen(serving, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        server.stdout.readline()
        settings = json.loads((folder / "settings.json").read_text("utf-8"))
        sent = asyncio.run(_by_pushdsl(case, listings, settings, 0, recorded=True))[1]
        (folder / "sent.json").write_text(json.dumps([[one.body, one.answer] for one in sent]), "utf-8")
        for number in range(1, reps + 1):
            for which, figures in seconds.items():
                done = subprocess.run(
                    _command("--client", which, case.name, 2 * number, *common), capture_output=True, check=True
                )
                figures.append(float(done.stdout))
        server.stdin.close()
    ours, bare = (statistics.median(figures) / listings * 1e6 for figures in seconds.values())
    more = (ours - bare) * listings / len(sent)
    print(f"{case.name:20} {len(sent):7,} {ours:12.1f} {bare:12.1f} {ours / bare:7.2f} {more:15.0f}", flush=True)


def _measured(which: str, case: Case, number: int, listings: int, folder: Path) -> None:
    """In a process of its own: warms up, then prints the seconds of CPU of a second run."""
    sent = [Sent(*row) for row in json.loads((folder / "sent.json").read_text("utf-8"))]
    bare = (folder / "bare").read_text("utf-8")
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    for turn in (number, number + 1):
        if which == "pushdsl":
            seconds = asyncio.run(_by_pushdsl(case, listings, settings, turn))[0]
        else:
            seconds = asyncio.run(_by_hand(bare, sent, listings))
    print(seconds)


# ---- the two clients --------------------------------------------------------------------------------


async def _by_pushdsl(
    case: Case, listings: int, settings: dict[str, object], number: int, recorded: bool = False
) -> tuple[float, list[Sent]]:
    """Seconds of CPU, and what was sent where that is asked for."""
    platforms = InstalledPlatforms({case.platform: {"requests_per_second": 1e9}})
    store = _store(case)
    platform = platforms.get(case.platform).platform
    reach = Reach(store, platform, platform.settings.model_validate(settings), platforms.capabilities(store))
    jobs = [_job(case, row, number) for row in range(listings)]
    ended: list[Result] = []
    sent: list[Sent] = []
    gates: Any = _Recording(sent) if recorded else Gates()
    async with connections() as http:
        began = time.process_time()
        await push([StoreWork(reach, jobs)], ended.extend, http, asyncio.Event(), Pace(), gates)
        seconds = time.process_time() - began
    wrong = [result.outcome for result in ended if not isinstance(result.outcome, Confirmed)]
    assert len(ended) == listings
    assert not wrong, wrong[0]
    return seconds, sent


class _Recording(Gates):
    """Gates that note the sizes of all that passes."""

    def __init__(self, sent: list[Sent]) -> None:
        super().__init__()
        self._sent = sent

    def of(self, *args: Any) -> Gate:
        gate, sent = super().of(*args), self._sent

        async def noting(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            response = await handler(request)
            answer = await response.read()
            body = request.body
            sent.append(Sent(body.size or 0 if body else 0, answer.decode()))
            return response

        gate.middleware = noting  # type: ignore[method-assign]
        return gate


async def _by_hand(url: str, sent: Sequence[Sent], listings: int) -> float:
    rows = max(1, listings // len(sent))
    rest = iter(enumerate(sent))
    headers = {"content-type": "application/json", "authorization": "Bearer 0123456789abcdef0123456789abcdef"}
    began = time.process_time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CALLS_AT_ONCE), headers=headers) as http:

        async def worker() -> None:
            for number, one in rest:
                body = json.dumps([{"sku": f"SKU-{k:06d}", "quantity": k % 500} for k in range(number, number + rows)])
                async with http.post(f"{url}/{number}", data=body.encode().ljust(one.body)) as response:
                    assert isinstance(await response.json(), dict)

        await asyncio.gather(*(worker() for _ in range(CALLS_AT_ONCE)))
    return time.process_time() - began


def _store(case: Case) -> Store:
    return Store("shop", case.platform, case.platform, region="MY")


def _ref(case: Case, row: int) -> ListingRef:
    return ListingRef(f"S{row}", str(1000 + row // case.variants), str(500_000 + row))


def _job(case: Case, row: int, number: int) -> Job:
    ref, quantity = _ref(case, row), 10 + (row + number) % 900
    cell = PlannedCell("shop", ref.store_sku, "", ref.store_sku, "", 0, quantity, "normal", None, None, "push", "")
    return Job(row, cell, ref.item_id, ref.variant_id)


# ---- the stores -------------------------------------------------------------------------------------


def serve(case: Case, listings: int, folder: Path) -> None:
    """The local store of the case, and an address that repeats what was answered; until standard input ends."""
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), case.platform)
        assert isinstance(sandbox, SandboxServer)
        sandbox.bear_any_rate()
        settings = sandbox.open_shop(_store(case), [_ref(case, row) for row in range(listings)], 5)
        (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
        (folder / "bare").write_text(shops._run(_repeating(folder / "sent.json")), "utf-8")
        print("ready", flush=True)
        sys.stdin.read()


async def _repeating(sent: Path) -> str:
    answers: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        if not answers:
            answers.extend(answer for _, answer in json.loads(sent.read_text("utf-8")))
        return web.Response(text=answers[int(request.match_info["number"])], content_type="application/json")

    app = web.Application(client_max_size=2**24)
    app.add_routes([web.post("/{number}", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


if __name__ == "__main__":
    main()
