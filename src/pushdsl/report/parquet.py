"""Records and a plan in; the same as Parquet files, for those who ask with SQL, out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl

from pushdsl.model import REASON_TEXTS, Plan, PlannedCell, PlanProblem, Reason, Record

ROWS = 100_000
"""Cells in memory at once as values; as columns they need a fraction of that."""

_TIME = pl.Datetime("ms", "UTC")

RECORDS: Mapping[str, pl.DataType] = {
    "id": pl.Int64(),
    "store": pl.String(),
    "store_sku": pl.String(),
    "location": pl.String(),
    "sku": pl.String(),
    "rule": pl.String(),
    "reason": pl.Int32(),
    "reason_text": pl.String(),
    "status": pl.String(),
    "before": pl.Int64(),
    "quantity": pl.Int64(),
    "mode": pl.String(),
    "days": pl.Int32(),
    "code": pl.String(),
    "kind": pl.String(),
    "detail": pl.String(),
    "count": pl.Int64(),
    "created_at": _TIME,
    "finished_at": _TIME,
}
CELLS: Mapping[str, pl.DataType] = {
    "at": _TIME,
    "store": pl.String(),
    "store_sku": pl.String(),
    "location": pl.String(),
    "sku": pl.String(),
    "rule": pl.String(),
    "available": pl.Int64(),
    "quantity": pl.Int64(),
    "mode": pl.String(),
    "days": pl.Int32(),
    "live": pl.Int64(),
    "action": pl.String(),
    "why": pl.String(),
}
PROBLEMS: Mapping[str, pl.DataType] = {
    "at": _TIME,
    "code": pl.String(),
    "message": pl.String(),
    "store": pl.String(),
    "store_sku": pl.String(),
}


def write_parquet(folder: Path, records: Iterable[Sequence[Record]], plan: Plan) -> dict[str, int]:
    """Writes `records.parquet`, `plan.parquet` and `problems.parquet`; returns the rows of each. Raises OSError."""
    frames = {
        "records.parquet": _frame(RECORDS, ([_record(one) for one in some] for some in records)),
        "plan.parquet": _frame(CELLS, _cells(plan)),
        "problems.parquet": _frame(PROBLEMS, [[_problem(plan, one) for one in plan.problems]]),
    }
    for name, frame in frames.items():
        with (folder / name).open("wb") as file:
            _write(frame, file)
            file.flush()
            os.fsync(file.fileno())
    return {name: frame.height for name, frame in frames.items()}


def _write(frame: pl.DataFrame, file: IO[bytes]) -> None:
    try:
        frame.write_parquet(file)
    except pl.exceptions.PolarsError as error:  # a full disk among others
        raise OSError(str(error)) from None


def _frame(schema: Mapping[str, pl.DataType], parts: Iterable[Sequence[Sequence[object]]]) -> pl.DataFrame:
    """The rows of all parts, as columns in the order of the schema."""
    frames = [pl.DataFrame(schema=schema)]
    for rows in parts:
        columns = zip(schema.items(), zip(*rows, strict=True), strict=True) if rows else ()
        frames.append(pl.DataFrame([pl.Series(name, values, kind) for (name, kind), values in columns], schema=schema))
    return pl.concat(frames)


def _record(record: Record) -> tuple[object, ...]:
    key = record.key
    return (
        record.id, key.store, key.store_sku, key.location, record.sku, record.rule or None, record.reason,
        REASON_TEXTS[Reason(record.reason)], record.status.value, record.before, record.quantity, record.mode,
        record.days, record.code, record.kind, record.detail, record.count, record.created_at, record.finished_at,
    )  # fmt: skip


def _cells(plan: Plan) -> Iterator[list[tuple[object, ...]]]:
    cells = iter(plan.cells)
    while some := [_cell(plan, cell) for cell in islice(cells, ROWS)]:
        yield some


def _cell(plan: Plan, cell: PlannedCell) -> tuple[object, ...]:
    return (
        plan.at, cell.store, cell.store_sku, cell.location, cell.sku, cell.rule, cell.available, cell.quantity,
        cell.mode, cell.days, cell.live, cell.action, cell.why,
    )  # fmt: skip


def _problem(plan: Plan, problem: PlanProblem) -> tuple[object, ...]:
    return plan.at, problem.code, problem.message, problem.store or None, problem.store_sku or None
