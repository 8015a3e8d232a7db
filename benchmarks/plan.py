"""A whole plan, facts read to plan written: pushdsl beside the same ladder by hand in polars and in DuckDB SQL.

    python benchmarks/plan.py --cells 100000 1000000 --reps 5

The peers compute what this benchmark's rules need and nothing else: no explanation, no check of the facts, no blocked
cells. Quantities and actions are compared with pushdsl's before anything is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from pushdsl import cycle
from pushdsl.planfile import plan_jsonl

STORES = 10
RULES = 20
AT = datetime(2026, 5, 4, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[100_000])
    parser.add_argument("--reps", type=int, default=5)
    args = parser.parse_args()
    for cells in args.cells:
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder), cells, args.reps)


def _measure(folder: Path, cells: int, reps: int) -> None:
    make(folder, cells // STORES)
    candidates: dict[str, Callable[[], None]] = {
        "pushdsl": lambda: by_pushdsl(folder),
        "polars, joins": lambda: by_polars(folder),
        "DuckDB SQL": lambda: by_duckdb(folder),
    }
    for run in candidates.values():
        run()
    _agree(folder)
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(reps):
        for name, run in candidates.items():
            gc.collect()
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["pushdsl"])
    print(f"\n### {cells:,} cells, facts read (Parquet) to plan written (JSON lines); median of {reps}\n")
    print("| candidate | seconds | cells a second | time against pushdsl |\n| --- | --- | --- | --- |")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {median:.2f} | {cells / median:,.0f} | {median / base:.2f} |")


# ---- workload ---------------------------------------------------------------------------------------


def make(folder: Path, skus: int) -> None:
    """Seeded stock of two warehouses, every SKU listed in every store, nine in ten already shown right or nearly."""
    random = np.random.default_rng(7)
    names = [f"SKU-{k:07d}" for k in range(skus)]
    facts = folder / "facts"
    facts.mkdir()
    stock = [
        pl.DataFrame(
            {"warehouse": warehouse, "sku": names, "on_hand": random.gamma(0.7, 60, skus).astype(np.int64),
             "allocated": random.integers(0, 6, skus)}
        )
        for warehouse in ("a", "b")
    ]  # fmt: skip
    pl.concat(stock).write_parquet(facts / "stock.parquet")
    stores = np.repeat([f"s{k}" for k in range(STORES)], skus)
    store_sku = np.tile(np.array(names, dtype=object), STORES)
    pl.DataFrame({"store": stores, "store_sku": store_sku, "item_id": store_sku, "variant_id": "1", "sku": store_sku}
    ).write_parquet(facts / "listings.parquet")  # fmt: skip
    pl.DataFrame(
        {"store": stores, "store_sku": store_sku, "quantity": random.integers(0, 60, skus * STORES)}
    ).write_parquet(facts / "live.parquet")
    pl.DataFrame({"sku": names, "category": [f"c{k % RULES}" for k in range(skus)]}).write_parquet(
        facts / "skus.parquet"
    )
    (folder / "rules.push").write_text(_rules(), "utf-8")


def _numbers(rule: int) -> tuple[int, int, int, int]:
    """Percentage, buffer, cap and threshold of a rule."""
    return 50 + 5 * (rule % 11), rule % 6, 20 + 40 * (rule % 5), 3 + rule % 12


def _rules() -> str:
    lines = ["push edition 1", "warehouse a", "warehouse b"]
    lines += [f"store s{k} on simulated" for k in range(STORES)]
    for rule in range(RULES):
        percentage, buffer, cap, threshold = _numbers(rule)
        lines += [
            f'rule "r{rule}" {{', f'  for category "c{rule}"', "  to all stores", "  take a, 50% of b",
            *([f"  keep back {buffer} unit{'s' if buffer != 1 else ''}"] if buffer else []), f"  push {percentage}%",
            f"  at most {cap} units", f"  below {threshold} units only s0", "}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


# ---- candidates -------------------------------------------------------------------------------------


def by_pushdsl(folder: Path) -> None:
    project = cycle.open_project([folder / "rules.push"], folder / "facts")
    planned = cycle.plan(cycle.read_inputs(project), AT)
    with (folder / "pushdsl.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(plan_jsonl(planned))


def _parameters() -> pl.DataFrame:
    rows = [(f"c{k}", *_numbers(k)) for k in range(RULES)]
    return pl.DataFrame(rows, schema=["category", "percentage", "buffer", "cap", "threshold"], orient="row")


def by_polars(folder: Path) -> None:
    facts = folder / "facts"
    free = pl.col("on_hand") - pl.col("allocated")
    share = pl.when(pl.col("warehouse") == "a").then(100).otherwise(50)
    supply = (
        pl.scan_parquet(facts / "stock.parquet")
        .with_columns(free=free, taken=pl.when(free < 0).then(free * 100).otherwise(free * share))
        .group_by("sku")
        .agg(available=pl.max_horizontal(pl.col("free").sum(), 0), taken=pl.max_horizontal(pl.col("taken").sum(), 0))
    )
    kept = pl.max_horizontal(pl.col("taken") - pl.col("buffer") * 100, 0)
    quantity = pl.min_horizontal(kept * pl.col("percentage") // 10_000, "cap")
    action = pl.when(pl.col("quantity") == pl.col("live")).then(pl.lit("unchanged")).otherwise(pl.lit("push"))
    low = (pl.col("available") < pl.col("threshold")) & (pl.col("store") != "s0")
    (
        pl.scan_parquet(facts / "listings.parquet")
        .join(pl.scan_parquet(facts / "skus.parquet"), on="sku")
        .join(_parameters().lazy(), on="category")
        .join(supply, on="sku")
        .join(pl.scan_parquet(facts / "live.parquet").rename({"quantity": "live"}), on=["store", "store_sku"])
        .with_columns(quantity=pl.when(low).then(0).otherwise(quantity))
        .with_columns(action=action)
        .select("store", "store_sku", "sku", "available", "quantity", "live", "action")
        .sort("store", "store_sku")
        .collect()
        .write_ndjson(folder / "polars.jsonl")
    )  # fmt: skip


def by_duckdb(folder: Path) -> None:
    connection = duckdb.connect()
    connection.register("parameters", _parameters().to_arrow())
    connection.execute(f"""
        COPY (
            WITH free AS (
                SELECT sku, warehouse, on_hand - allocated AS free FROM '{folder}/facts/stock.parquet'
            ), supply AS (
                SELECT sku, greatest(sum(free), 0)::BIGINT AS available,
                    greatest(sum(free * CASE WHEN free < 0 OR warehouse = 'a' THEN 100 ELSE 50 END), 0)::BIGINT AS taken
                FROM free GROUP BY sku
            ), cells AS (
                SELECT l.store, l.store_sku, l.sku, available, v.quantity AS live,
                    CASE WHEN available < threshold AND l.store <> 's0' THEN 0
                        ELSE least(greatest(taken - buffer * 100, 0) * percentage // 10000, cap) END AS quantity
                FROM '{folder}/facts/listings.parquet' l
                JOIN '{folder}/facts/skus.parquet' USING (sku)
                JOIN parameters USING (category)
                JOIN supply USING (sku)
                JOIN '{folder}/facts/live.parquet' v ON v.store = l.store AND v.store_sku = l.store_sku
            )
            SELECT store, store_sku, sku, available, quantity, live,
                CASE WHEN quantity = live THEN 'unchanged' ELSE 'push' END AS action
            FROM cells ORDER BY store, store_sku
        ) TO '{folder}/duckdb.jsonl' (FORMAT json)
    """)
    connection.close()


def _agree(folder: Path) -> None:
    def rows(name: str) -> list[tuple[object, ...]]:
        keys = ("store", "store_sku", "available", "quantity", "live", "action")
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        return [tuple(json.loads(line)[key] for key in keys) for line in lines]

    ours = rows("pushdsl")
    for peer in ("polars", "duckdb"):
        if rows(peer) != ours:
            raise SystemExit(f"{peer} and pushdsl disagree")


if __name__ == "__main__":
    main()
