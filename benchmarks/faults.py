"""Many listings pushed to four local marketplaces that fail in every way they can, until each store shows the plan.

    python benchmarks/faults.py --listings 100000 --share 0.01

A stock call meets each kind of fault with this probability, drawn from a fixed seed; every shop's token ends once in
the middle. After every apply each cell whose quantity the record claims to know must show it (else the record lies).
Then the faults end, promotions with them, and pushdsl reads every store and applies until nothing is left. At the end
every listing must show exactly the planned quantity, and no record may be pending.

The waits between tries are shortened and the rates lifted, so that the run takes minutes; what is sent, refused, lost,
read back and recorded is what it is with them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pushdsl import cycle, pacing
from pushdsl.applying import apply
from pushdsl.cli.local_shops import LocalShops, local_shops, open_shops
from pushdsl.model import Plan, Status
from pushdsl.pacing import Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import Fault, Sandbox, Shown
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.reconcile import reconcile
from pushdsl.store import open_store

LOCATIONS = {
    "shopee": ("IDZ", "IDZ-2"),
    "lazada": ("dropshipping", "WH-02"),
    "tiktok": ("7068517275539719942", "7068517275539719943"),
    "shopify": ("655441491", "24826418"),
}
FAULTS: tuple[Fault, ...] = (
    "throttle", "server_error", "malformed", "drop_before", "drop_after", "expired_token", "refuse_row",
    "promotion_lock", "promotion_begins", "slow",
)  # fmt: skip
VARIANTS = 5
"""Variants of one item: how many listings may share a call where a platform calls by item."""
ROUNDS = 30


@dataclass
class Injector:
    """Decides for each stock call of a sandbox what befalls it."""

    sandbox: Any  # a sandbox whose method is replaced
    share: float
    stores: tuple[str, ...]
    expire_at: int
    random: random.Random
    injected: Counter[str] = field(default_factory=Counter)
    on: bool = True

    def __post_init__(self) -> None:
        self._next_fault = self.sandbox.next_fault
        self.sandbox.next_fault = self.next_fault

    def next_fault(self) -> Fault | None:
        if self.on:
            drawn = self.random.random()
            if drawn < self.share * len(FAULTS):
                fault = FAULTS[int(drawn / self.share) % len(FAULTS)]
                self.injected[fault] += 1
                self.sandbox.fail(fault)
            if self.sandbox.calls == self.expire_at:
                for store in self.stores:
                    self.sandbox.expire_tokens(store)
        found: Fault | None = self._next_fault()
        return found


@dataclass(frozen=True)
class Figures:
    """What a run came to. `lies`: cells recorded as shown and not shown. `wrong`: not as planned in the end."""

    listings: int
    cells: int
    calls: int
    refreshes: int
    faults: Mapping[str, int]
    applies: int
    lies: int
    wrong: int
    pending: int
    statuses: Mapping[str, int]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.01, help="of the stock calls, for each kind of fault")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), args.listings, args.share, args.seed)
    print(f"{figures.listings:,} listings, {figures.cells:,} cells at {', '.join(sorted(LOCATIONS))}")
    print(f"{figures.calls:,} stock calls, {figures.applies} applies, {figures.seconds:.0f} seconds")
    print("faults: " + ", ".join(f"{count} {fault}" for fault, count in sorted(figures.faults.items())))
    print(f"{figures.refreshes} tokens renewed")
    print("newest records: " + ", ".join(f"{count:,} {status}" for status, count in figures.statuses.items()))
    print(f"recorded as shown and not shown: {figures.lies}")
    print(f"not as planned in the end: {figures.wrong}; pending: {figures.pending}")
    raise SystemExit(0 if figures.lies == figures.wrong == figures.pending == 0 else 1)


def run(folder: Path, listings: int, share: float, seed: int, answer_seconds: float = 2.0) -> Figures:
    """Makes the project, plays the faults, then the calm after them."""
    started = time.perf_counter()
    make(folder, listings)
    with _impatient(answer_seconds), local_shops() as shops:
        project = _project(folder, shops)
        injectors = _injectors(project, shops, share, seed, listings)
        lies = applies = 0
        for _ in range(3):
            _apply(project)
            applies += 1
            lies += _lies(project, shops)
        for injector in injectors:
            injector.on = False
            injector.sandbox._faults.clear()
        _end_promotions(project, shops)
        while applies < ROUNDS:
            inputs = cycle.read_inputs(project)
            for store in inputs.rules.stores:
                reconcile(project, inputs, store, _PACE)
            if not _apply(project):
                break
            applies += 1
            lies += _lies(project, shops)
        plan = _plan(project)
        wrong = sum(quantity != shown for quantity, shown in _pairs(plan, shops))
        statuses = _newest(project)
        return Figures(
            listings=listings,
            cells=len(plan.cells),
            calls=sum(sandbox.calls for sandbox in shops.sandboxes.values()),
            refreshes=sum(sandbox.refreshes for sandbox in shops.sandboxes.values()),
            faults=dict(sum((injector.injected for injector in injectors), Counter[str]())),
            applies=applies,
            lies=lies,
            wrong=wrong,
            pending=statuses.pop(Status.PENDING.value, 0),
            statuses=statuses,
            seconds=time.perf_counter() - started,
        )


# ---- the project ------------------------------------------------------------------------------------


def make(folder: Path, listings: int) -> None:
    """Two stores a platform, one of them with two locations; every SKU is listed in each."""
    rules = ["push edition 1", "", "warehouse kl", "warehouse jb", ""]
    for platform, (first, second) in LOCATIONS.items():
        rules += [f"store {platform}_one on {platform} {{", '  region "ID"', "}", ""]
        rules += [f"store {platform}_two on {platform} {{", '  region "ID"']
        rules += [f'  location kl -> "{first}"', f'  location jb -> "{second}"', "}", ""]
    rules += ['rule "Everything" {', "  for everything", "  to all stores", "  take kl, jb", "  keep back 3 units"]
    rules += ["  push 80%", "}", ""]
    stores = [f"{platform}_{which}" for platform in LOCATIONS for which in ("one", "two")]
    skus = listings // len(stores)
    facts = folder / "facts"
    facts.mkdir(parents=True)
    (folder / "rules.push").write_text("\n".join(rules), "utf-8")
    stock = [
        f"{warehouse},S{n:06},{n % 900 + extra}" for n in range(skus) for warehouse, extra in (("kl", 7), ("jb", 5))
    ]
    (facts / "stock.csv").write_text("\n".join(["warehouse,sku,on_hand", *stock]) + "\n", "utf-8")
    rows = [f"{store},S{n:06},{1000 + n // VARIANTS},{500000 + n},S{n:06}" for store in stores for n in range(skus)]
    (facts / "listings.csv").write_text("\n".join(["store,store_sku,item_id,variant_id,sku", *rows]) + "\n", "utf-8")


def _project(folder: Path, shops: LocalShops) -> cycle.Project:
    project = cycle.open_project([folder / "rules.push"])
    inputs = cycle.read_inputs(project)
    accounts = open_shops(shops, project.platforms, inputs.rules.stores, inputs.facts)
    for sandbox in shops.sandboxes.values():
        assert isinstance(sandbox, SandboxServer)
        sandbox.bear_any_rate()
    faster = {account: {"requests_per_second": 5000.0} for account in accounts}
    settings = replace(project.settings, accounts=accounts, capabilities=faster, tokens_in_clear=True)
    return replace(project, settings=settings, platforms=InstalledPlatforms(faster))


def _injectors(project: cycle.Project, shops: LocalShops, share: float, seed: int, listings: int) -> list[Injector]:
    expire_at = max(3, listings // len(LOCATIONS) // 60)
    return [
        Injector(sandbox, share, (f"{name}_one", f"{name}_two"), expire_at, random.Random(f"{seed} {name}"))
        for name, sandbox in sorted(shops.sandboxes.items())
    ]


# ---- rounds -----------------------------------------------------------------------------------------


async def _short(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.02))


_PACE = Pace(sleep=_short)


@contextmanager
def _impatient(seconds: float) -> Iterator[None]:
    """An answer is waited for a moment only; stores that dawdle take two minutes."""
    before, pacing.ANSWER_SECONDS = pacing.ANSWER_SECONDS, seconds
    try:
        yield
    finally:
        pacing.ANSWER_SECONDS = before


def _plan(project: cycle.Project) -> Plan:
    return cycle.plan(cycle.read_inputs(project), cycle.utc_now())


def _apply(project: cycle.Project) -> int:
    """How many cells had to be pushed."""
    inputs = cycle.read_inputs(project)
    plan = cycle.plan(inputs, cycle.utc_now())
    if plan.summary["push"]:
        apply(project, inputs, plan, pace=_PACE)
    return plan.summary["push"]


def _shown(shops: LocalShops, store: str) -> dict[tuple[str, str], int]:
    sandbox: Sandbox = shops.sandboxes[store.partition("_")[0]]
    return {(row.store_sku, row.location): row.quantity for row in sandbox.shown(store)}


def _pairs(plan: Plan, shops: LocalShops) -> Iterator[tuple[int | None, int | None]]:
    """Planned and shown quantity of every cell."""
    shown: dict[str, dict[tuple[str, str], int]] = {}
    for cell in plan.cells:
        of_store = shown.setdefault(cell.store, _shown(shops, cell.store) if cell.store not in shown else {})
        yield cell.quantity, of_store.get((cell.store_sku, cell.location))


def _lies(project: cycle.Project, shops: LocalShops) -> int:
    """Cells of which the record says what is shown, and something else is shown.

    But for those that a promotion holds: some stores take its pieces away by themselves, as an order does.
    """
    with open_store(project.settings.record_url) as record:
        live = record.live()
    shown: dict[str, dict[tuple[str, str], Shown]] = {}
    lies = 0
    for store, store_sku, location, quantity in zip(
        live.store, live.store_sku, live.location, live.quantity, strict=True
    ):
        if store not in shown:
            rows = shops.sandboxes[store.partition("_")[0]].shown(store)
            shown[store] = {(row.store_sku, row.location): row for row in rows}
        row = shown[store].get((store_sku, location))
        lies += quantity is not None and (row is None or (row.quantity != quantity and not row.reserved))
    return lies


def _end_promotions(project: cycle.Project, shops: LocalShops) -> None:
    """What promotions held is for sale again, and shown as before."""
    for store in cycle.read_inputs(project).rules.stores:
        sandbox = shops.sandboxes[store.partition("_")[0]]
        for row in sandbox.shown(store):
            if row.reserved:
                sandbox.show(store, replace(row, reserved=0))


def _newest(project: cycle.Project) -> Counter[str]:
    with open_store(project.settings.record_url) as record:
        counts: Counter[str] = Counter()
        for summary in record.summary():
            counts.update({status.value: count for status, count in summary.statuses.items()})
        return counts


if __name__ == "__main__":
    main()
