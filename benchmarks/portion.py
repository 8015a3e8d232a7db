"""The cells of a few SKUs planned alone, beside the plan of their whole catalogue in the same run.

    python benchmarks/portion.py --listings 1000000 --rules 200 --reps 200

One SKU has a listing in each of ten stores. What is planned alone is compared with the whole plan, cell by cell, before
anything is timed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from pushdsl import cycle
from pushdsl.model import Facts, RecordedLive
from pushdsl.planner import PlannedCells, planned_cells
from pushdsl.portion import Catalogue, StockNow, Touched

STORES = 10
BUNDLES = 1000
AT = datetime(2026, 5, 4, tzinfo=UTC)
COUNTS = (1, 10, 100, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--reps", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), args.listings // STORES, args.rules)
        project = cycle.open_project([Path(folder) / "rules.push"], Path(folder) / "facts")
        inputs = cycle.read_inputs(project)
    measure(inputs, args.reps)


def make(folder: Path, listed: int, rules: int) -> None:
    """Seeded stock of two warehouses, every SKU listed in every store; every rule has a category and a statement.

    A thousand of the SKUs are bundles of two; each of the first 200 other SKUs is in five of them.
    """
    random = np.random.default_rng(7)
    single, bundles = [f"SKU-{k:07d}" for k in range(listed - BUNDLES)], [f"PACK-{k:04d}" for k in range(BUNDLES)]
    facts = folder / "facts"
    facts.mkdir()
    stock = [
        pl.DataFrame(
            {"warehouse": warehouse, "sku": single, "on_hand": random.gamma(0.7, 60, len(single)).astype(np.int64),
             "allocated": random.integers(0, 6, len(single))}
        )
        for warehouse in ("a", "b")
    ]  # fmt: skip
    pl.concat(stock).write_parquet(facts / "stock.parquet")
    parts = [{"sku": sku, "component": single[k // 5 + place], "quantity": 1 + place // 200}
             for k, sku in enumerate(bundles) for place in (0, 200)]  # fmt: skip
    pl.DataFrame(parts).write_parquet(facts / "bundles.parquet")
    names = [*bundles, *single]
    store_sku = np.tile(np.array(names, dtype=object), STORES)
    places = {"store": np.repeat([f"s{k}" for k in range(STORES)], listed), "store_sku": store_sku}
    pl.DataFrame({**places, "item_id": store_sku, "variant_id": "1", "sku": store_sku}).write_parquet(
        facts / "listings.parquet"
    )
    shown = random.integers(0, 60, listed * STORES)
    pl.DataFrame({**places, "quantity": shown}).write_parquet(facts / "live.parquet")
    pl.DataFrame({"sku": names, "category": [f"c{k % rules}" for k in range(listed)]}).write_parquet(
        facts / "skus.parquet"
    )
    (folder / "rules.push").write_text(_rules(rules), "utf-8")


STATEMENTS = ("at most 80 units", "below 5 units only s0", "keep back 3 units", "at least 1 unit", "increase only")


def _rules(rules: int) -> str:
    lines = ["push edition 1", "warehouse a", "warehouse b"]
    lines += [f"store s{k} on simulated" for k in range(STORES)]
    for rule in range(rules):
        during = ['  during "2026-05-01 00:00" to "2026-06-01 00:00" in "UTC"'] if rule % 10 == 0 else []
        lines += [f'rule "r{rule}" {{', f'  for category "c{rule}"', "  to all stores", "  take a, 50% of b"]
        lines += [f"  push {50 + rule % 50}%", f"  {STATEMENTS[rule % len(STATEMENTS)]}", *during, "}"]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Asked:
    """Some SKUs with all that a plan of them needs, as it comes from a database."""

    skus: Sequence[str]
    stock: Mapping[tuple[str, str], StockNow]
    live: RecordedLive


def measure(inputs: cycle.Inputs, reps: int) -> None:
    facts = inputs.facts
    catalogue = Catalogue(inputs.rules, facts, inputs.limits)
    whole = planned_cells(cycle.plan(inputs, AT))
    print(f"\n### {len(facts.listings.sku):,} listings, {len(inputs.rules.rules)} rules; median of up to {reps}\n")
    print("| what | cells | microseconds | slowest in twenty | a cell |\n| --- | --- | --- | --- | --- |")
    for name, selections in choices(facts, reps).items():
        asked = [ask(inputs, catalogue, skus) for skus in selections]
        agree(inputs, catalogue, whole, asked[0])
        cells = len(planned(catalogue, asked[0]))
        report(f"{name}: looked up what is touched", cells, timed(catalogue.touched, [one.skus for one in asked]))
        report(f"{name}: planned", cells, timed(partial(planned, catalogue), asked))
        report(f"{name}: planned, each cell a value", cells, timed(lambda one: list(planned(catalogue, one)), asked))
    report("the whole plan", len(whole), timed(lambda at: cycle.plan(inputs, at), [AT] * 5))
    report("the catalogue made", len(whole), timed(lambda _: Catalogue(inputs.rules, facts, inputs.limits), range(5)))
    windows = [AT, AT + timedelta(days=60)] * 3
    report("its claims, when a window opens or closes", len(whole), timed(catalogue.claims_at, windows))


def choices(facts: Facts, reps: int) -> dict[str, list[list[str]]]:
    random = np.random.default_rng(11)
    single = [sku for sku in facts.skus if sku.startswith("SKU")]
    found = {
        f"{count:,} SKU{'s' if count > 1 else ''}": [
            [single[k] for k in random.choice(len(single), count, replace=False).tolist()]
            for _ in range(max(5, reps // count))
        ]
        for count in COUNTS
    }
    return {**found, "1 SKU of five bundles": [[sku] for sku in single[:200]][:reps]}


def ask(inputs: cycle.Inputs, catalogue: Catalogue, skus: Sequence[str]) -> Asked:
    touched = catalogue.touched(skus)
    return Asked(skus, stock_of(inputs.facts, touched), live_of(inputs.facts, touched))


def planned(catalogue: Catalogue, asked: Asked) -> PlannedCells:
    return catalogue.plan(asked.skus, asked.stock, asked.live, AT)


def agree(inputs: cycle.Inputs, catalogue: Catalogue, whole: PlannedCells, asked: Asked) -> None:
    facts = inputs.facts
    numbers = [facts.sku_index[sku] for sku in catalogue.touched(asked.skus).skus]
    # every listing has one cell here, so listings and cells are in the same rows
    if list(planned(catalogue, asked)) != list(whole.at(np.flatnonzero(np.isin(facts.listings.sku, numbers)))):
        raise SystemExit("planned alone, the cells are others than in the plan of everything")


T = TypeVar("T")


def timed(work: Callable[[T], object], of: Sequence[T]) -> list[float]:
    """Seconds of each, in order of length."""
    work(of[0])
    gc.collect()
    seconds = []
    for one in of:
        started = time.perf_counter()
        work(one)
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)


def report(name: str, cells: int, seconds: list[float]) -> None:
    median, slow = statistics.median(seconds) * 1e6, seconds[-1 - len(seconds) // 20] * 1e6
    print(f"| {name} | {cells:,} | {median:,.0f} | {slow:,.0f} | {median / cells:,.2f} |")


def stock_of(facts: Facts, touched: Touched) -> dict[tuple[str, str], StockNow]:
    return {
        (warehouse, sku): StockNow(int(facts.stock.quantity[number, facts.sku_index[sku]]))
        for sku in touched.stocked
        for number, warehouse in enumerate(facts.warehouses)
        if facts.stock.present[number, facts.sku_index[sku]]
    }


def live_of(facts: Facts, touched: Touched) -> RecordedLive:
    stores, store_skus = zip(*touched.listings, strict=True)
    # every store lists every SKU under its own name
    rows = [
        int(store[1:]) * len(facts.skus) + facts.sku_index[sku] for store, sku in touched.listings
    ]  # fmt: skip
    nothing: list[int | None] = [None] * len(rows)
    return RecordedLive(
        list(stores), list(store_skus), [""] * len(rows), facts.live.quantity[rows].tolist(), nothing,
        [False] * len(rows), nothing, nothing,
    )  # fmt: skip


if __name__ == "__main__":
    main()
