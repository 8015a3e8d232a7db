"""Many listings pushed to four local marketplaces that fail in every way they can, until each store shows the plan.

    python benchmarks/faults.py --listings 100000 --share 0.01

A stock call meets each kind of fault with this probability, drawn from a fixed seed; every shop's token ends once in
the middle, and the stock of a third of the SKUs changes between the applies, so that quantities fall and rise. One
listing in two hundred is one that its shop does not have, which no apply can mend; some are unbound after ten minutes.
After every apply

- each cell whose quantity the record claims to know must show it (else the record lies), and none of those that were
  confirmed may show more than was planned (else it is oversold);
- each cell that was sent has exactly one record of it, which is not pending.

What the planned quantity is depends on promotions, of which only a read tells. So there are two ends. First the faults
stop and the promotions go on: pushdsl reads every store, plans again and applies, until an apply confirms nothing more.
Then every cell shows exactly what the newest plan says, save those that the platform refuses because they are below
what its promotion holds. Then the promotions end too, the same is done again, and there is no exception any more.

The shops run in this process on a thread and an event loop of their own. The waits between tries are cut to 20 ms and
the rates lifted, and a store that dawdles is given up after two seconds; what is sent, refused, lost, read back and
recorded is what it is at full length.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pushdsl import cycle, pacing
from pushdsl.applying import apply
from pushdsl.cli.local_shops import LocalShops, listing_refs, local_shops
from pushdsl.model import Plan
from pushdsl.pacing import Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import Fault, Shown
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.reconcile import reconcile
from pushdsl.recorder import Applied
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
STRANGERS = 200
"""One listing in so many is one that its shop does not have."""
STRANGER = "GONE"
"""How its store SKU begins."""
STORMS = 3
"""Applies that meet faults."""
ROUNDS = 9
"""Applies that the calm may need."""


@dataclass
class Injector:
    """Decides for each stock call of a sandbox what befalls it."""

    sandbox: Any  # a sandbox whose method is replaced
    share: float
    stores: tuple[str, ...]
    expire_at: int
    random: random.Random
    injected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._next_fault = self.sandbox.next_fault
        self.sandbox.next_fault = self.next_fault

    def next_fault(self) -> Fault | None:
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

    def stop(self) -> None:
        """No more faults, not even those that wait for a write."""
        self.sandbox.next_fault = self._next_fault
        self.sandbox._faults.clear()


@dataclass
class Figures:
    """What a run came to, counted as it goes.

    `strangers`: cells of listings that their shop does not have. Those that were refused again ten minutes later are
    `unbound`, and no longer in the plan.
    `lies`: recorded as shown and not shown. `oversold`: confirmed, and more is shown than planned. `wrong`: not as
    planned in the end. `doubtful`: sent, and without exactly one record that tells the end. `held`: below what a
    promotion holds, so refused while it lasted. `found_right`: the last push failed, and a read found all as planned.
    """

    listings: int
    cells: int = 0
    strangers: int = 0
    unbound: int = 0
    calls: int = 0
    refreshes: int = 0
    retries: int = 0
    applies: int = 0
    pushed: int = 0
    failed: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    lies: int = 0
    oversold: int = 0
    doubtful: int = 0
    held: int = 0
    found_right: int = 0
    wrong: int = 0
    wrong_strangers: int = 0
    pending: int = 0
    seconds: float = 0.0

    @property
    def proved(self) -> bool:
        wrong = self.lies, self.oversold, self.doubtful, self.wrong, self.wrong_strangers, self.pending
        return not any(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.01, help="of the stock calls, for each kind of fault")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), args.listings, args.share, args.seed)
    known = figures.cells - figures.strangers
    print(f"{figures.listings:,} listings, {known:,} cells at {', '.join(sorted(LOCATIONS))}")
    print(
        f"and {figures.strangers:,} cells of listings that their shop does not have; {figures.unbound} unbound besides"
    )
    print(f"{figures.calls:,} stock calls, {figures.applies} applies, {figures.seconds:.0f} seconds")
    print(f"{figures.pushed:,} cells pushed, {figures.failed:,} of them failed, and later or at last came right")
    print("faults: " + ", ".join(f"{count} {fault}" for fault, count in sorted(figures.faults.items())))
    print(f"{figures.retries:,} retries, {figures.refreshes} tokens renewed")
    print(f"{figures.held} cells below what a promotion held, refused while it lasted")
    print(f"{figures.found_right} cells whose last push failed, and which a read found as planned")
    print(f"recorded as shown and not shown: {figures.lies}; oversold: {figures.oversold}")
    print(f"not as planned in the end: {figures.wrong}; strangers that show something: {figures.wrong_strangers}")
    print(f"sent without exactly one end on record: {figures.doubtful}; pending: {figures.pending}")
    raise SystemExit(0 if figures.proved else 1)


def run(folder: Path, listings: int, share: float, seed: int, answer_seconds: float = 2.0) -> Figures:
    """Makes the project, plays the faults, then the calm after them."""
    started, figures = time.perf_counter(), Figures(listings)
    make(folder, listings)
    with _impatient(answer_seconds), local_shops() as shops:
        project = _project(folder, shops)
        injectors = _injectors(shops, share, seed, listings)
        for storm in range(STORMS):
            write_stock(folder, listings, storm)
            _apply(project, shops, figures)
        for injector in injectors:
            injector.stop()
        _settle(project, shops, figures)
        _compare(project, shops, figures, promotions=True)
        _end_promotions(project, shops)
        _settle(project, shops, figures)
        _compare(project, shops, figures, promotions=False)
        figures.calls = sum(sandbox.calls for sandbox in shops.sandboxes.values())
        figures.refreshes = sum(sandbox.refreshes for sandbox in shops.sandboxes.values())
    figures.faults = dict(sum((injector.injected for injector in injectors), Counter[str]()))
    figures.seconds = time.perf_counter() - started
    return figures


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
    (folder / "facts").mkdir(parents=True)
    (folder / "rules.push").write_text("\n".join(rules), "utf-8")
    write_stock(folder, listings, 0)
    rows = [
        f"{store},{_store_sku(n)},{1000 + n // VARIANTS},{500000 + n},S{n:06}"
        for store in stores
        for n in range(_skus(listings))
    ]
    header = "store,store_sku,item_id,variant_id,sku"
    (folder / "facts" / "listings.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")


def write_stock(folder: Path, listings: int, day: int) -> None:
    """The stock of a day: a third of the SKUs has another than the day before, more or less."""
    rows = [
        f"{warehouse},S{n:06},{(n + 331 * ((day + n) // 3)) % 900 + extra}"
        for n in range(_skus(listings))
        for warehouse, extra in (("kl", 7), ("jb", 5))
    ]
    (folder / "facts" / "stock.csv").write_text("\n".join(["warehouse,sku,on_hand", *rows]) + "\n", "utf-8")


def _skus(listings: int) -> int:
    return listings // (2 * len(LOCATIONS))


def _store_sku(number: int) -> str:
    return f"{STRANGER if number % STRANGERS == 7 else 'S'}{number:06}"


def _project(folder: Path, shops: LocalShops) -> cycle.Project:
    project = cycle.open_project([folder / "rules.push"])
    inputs = cycle.read_inputs(project)
    listings = listing_refs(inputs.facts)
    accounts = {}
    for name, store in inputs.rules.stores.items():
        sandbox = shops.start(project.platforms, store.platform)
        known = [ref for ref in listings[name] if not ref.store_sku.startswith(STRANGER)]
        accounts[store.account] = sandbox.open_shop(store, known)
    for sandbox in shops.sandboxes.values():
        assert isinstance(sandbox, SandboxServer)
        sandbox.bear_any_rate()
    faster = {account: {"requests_per_second": 5000.0} for account in accounts}
    settings = replace(project.settings, accounts=accounts, capabilities=faster, tokens_in_clear=True)
    return replace(project, settings=settings, platforms=InstalledPlatforms(faster))


def _injectors(shops: LocalShops, share: float, seed: int, listings: int) -> list[Injector]:
    expire_at = max(3, listings // len(LOCATIONS) // 60)
    return [
        Injector(sandbox, share, (f"{name}_one", f"{name}_two"), expire_at, random.Random(f"{seed} {name}"))
        for name, sandbox in sorted(shops.sandboxes.items())
    ]


# ---- rounds -----------------------------------------------------------------------------------------


def _apply(project: cycle.Project, shops: LocalShops, figures: Figures) -> Applied | None:
    """Plans, applies and checks what the stores show; None where nothing was to be pushed."""
    inputs = cycle.read_inputs(project)
    plan = cycle.plan(inputs, cycle.utc_now())
    if not plan.summary["push"]:
        return None
    before = _last_record(project)
    applied = apply(project, inputs, plan, pace=_counted(figures))
    figures.applies += 1
    figures.pushed += plan.summary["push"]
    figures.failed += applied.failed
    figures.doubtful += abs(_ended(project, before) - plan.summary["push"])
    _check_record(project, shops, plan, figures)
    return applied


def _settle(project: cycle.Project, shops: LocalShops, figures: Figures) -> None:
    """Reads every store, then plans and applies until an apply confirms nothing more."""
    inputs = cycle.read_inputs(project)
    for store in inputs.rules.stores:
        reconcile(project, inputs, store, _counted(figures))
    for _ in range(ROUNDS):
        applied = _apply(project, shops, figures)
        if applied is None or not applied.confirmed:
            return
    raise AssertionError(f"still something to push after {ROUNDS} applies")


def _counted(figures: Figures) -> Pace:
    """A pace that hardly waits, and counts how often it should have."""

    async def short(seconds: float) -> None:
        figures.retries += 1
        await asyncio.sleep(min(seconds, 0.02))

    return Pace(sleep=short)


@contextmanager
def _impatient(seconds: float) -> Iterator[None]:
    """An answer is waited for a moment only; stores that dawdle take two minutes."""
    before, pacing.ANSWER_SECONDS = pacing.ANSWER_SECONDS, seconds
    try:
        yield
    finally:
        pacing.ANSWER_SECONDS = before


def _end_promotions(project: cycle.Project, shops: LocalShops) -> None:
    """What promotions held is for sale again, and shown as before."""
    for store in cycle.read_inputs(project).rules.stores:
        for row in _shown(shops, store).values():
            if row.reserved:
                shops.sandboxes[_platform(store)].show(store, replace(row, reserved=0))


# ---- what is there, and what should be --------------------------------------------------------------


def _platform(store: str) -> str:
    return store.partition("_")[0]


def _shown(shops: LocalShops, store: str) -> dict[tuple[str, str], Shown]:
    return {(row.store_sku, row.location): row for row in shops.sandboxes[_platform(store)].shown(store)}


def _all_shown(project: cycle.Project, shops: LocalShops) -> dict[tuple[str, str, str], Shown]:
    stores = cycle.read_rules(project)[0].stores
    return {(store, *place): row for store in stores for place, row in _shown(shops, store).items()}


def _check_record(project: cycle.Project, shops: LocalShops, plan: Plan, figures: Figures) -> None:
    """What the record claims is shown must be shown, and be no more than planned where that was sent."""
    shown = _all_shown(project, shops)
    planned = {(cell.store, cell.store_sku, cell.location): cell.quantity for cell in plan.cells}
    with open_store(project.settings.record_url) as record:
        live = record.live()
    for place in zip(live.store, live.store_sku, live.location, live.quantity, strict=True):
        key, claimed = place[:3], place[3]
        if claimed is None:
            continue
        row = shown.get(key)
        # What a promotion has just taken from the shelf nobody can know before the next read.
        if row is None or claimed not in (row.quantity, row.quantity + row.reserved):
            figures.lies += 1
        if row is not None and claimed == planned[key] and row.quantity > claimed:
            figures.oversold += 1


def _compare(project: cycle.Project, shops: LocalShops, figures: Figures, *, promotions: bool) -> None:
    """Every cell of a new plan with what is shown, and how the last push of each ended."""
    plan, shown = cycle.plan(cycle.read_inputs(project), cycle.utc_now()), _all_shown(project, shops)
    figures.cells, figures.strangers = len(plan.cells), 0
    for cell in plan.cells:
        row = shown.get((cell.store, cell.store_sku, cell.location))
        if cell.store_sku.startswith(STRANGER):
            figures.strangers += 1
            figures.wrong_strangers += row is not None
        elif row is None or row.quantity != cell.quantity:
            is_held = promotions and row is not None and row.reserved > (cell.quantity or 0)
            figures.held += is_held
            figures.wrong += not is_held
    if not promotions:
        ends = _newest(project)
        figures.pending = _pending(project)
        figures.found_right = sum(ends[key] != _expected(key[1]) for key in ends)
        planned = {(cell.store, cell.store_sku, cell.location) for cell in plan.cells}
        unbound = {key for key in ends.keys() - planned if key[1].startswith(STRANGER)}
        figures.unbound = len(unbound)
        figures.doubtful += len((ends.keys() ^ planned) - unbound)
        figures.doubtful += sum(sku.startswith(STRANGER) for (_, sku, _), end in ends.items() if end != _expected(sku))


def _expected(store_sku: str) -> tuple[str, str]:
    """How the last push of a listing ends, unless a read after it found that nothing was left to be pushed."""
    return ("Failed", "not_found") if store_sku.startswith(STRANGER) else ("Successfully", "")


# ---- the record, read from outside ------------------------------------------------------------------


def _ask(project: cycle.Project, question: str, *values: object) -> list[tuple[Any, ...]]:
    file = project.settings.record_url.removeprefix("sqlite:///")
    if not Path(file).exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(question, values).fetchall()


_SENT = "status <> 'Skipped'"


def _last_record(project: cycle.Project) -> int:
    return int((_ask(project, "SELECT coalesce(max(id), 0) FROM record") or [(0,)])[0][0])


def _ended(project: cycle.Project, before: int) -> int:
    """Cells of which this apply has one record with an end; less where one has two or none."""
    asked = f"""
        SELECT count(*) FROM (
            SELECT 1 FROM record WHERE id > ? GROUP BY store, store_sku, location
            HAVING sum({_SENT} OR kind = 'not_sent') = 1 AND sum(status = 'Pending') = 0
        )
    """
    return int(_ask(project, asked, before)[0][0])


def _newest(project: cycle.Project) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Status and kind of the last push of every cell; skips are none."""
    asked = f"""
        SELECT store, store_sku, location, status, kind FROM record
        WHERE id IN (SELECT max(id) FROM record WHERE {_SENT} GROUP BY store, store_sku, location)
    """
    return {(store, sku, at): (status, kind) for store, sku, at, status, kind in _ask(project, asked)}


def _pending(project: cycle.Project) -> int:
    """Records without an end, and cells whose newest push has none."""
    records = _ask(project, "SELECT count(*) FROM record WHERE status = 'Pending'")[0][0]
    return int(records + _ask(project, "SELECT count(*) FROM cell WHERE settled < generation")[0][0])


if __name__ == "__main__":
    main()
