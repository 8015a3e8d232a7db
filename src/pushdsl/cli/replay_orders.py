"""A shop's order lines in; what its buyers want, who hands back what, and what its warehouses write off, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pushdsl.errors import PushdslError

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("invoice", "sku", "quantity", "at")
CANCELLED = "C"
"""What the number of an invoice begins with that takes lines of an earlier one back."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`quantity` is merchant units; below 0 where a line takes back, or was written off. `row` counts from 1."""

    row: int
    invoice: str
    sku: str
    quantity: int
    at: datetime
    customer: str = ""

    @property
    def cancels(self) -> bool:
        return self.invoice.startswith(CANCELLED)


def read_orders(path: Path, since: datetime | None = None, until: datetime | None = None) -> list[OrderLine]:
    """The lines from `since` until before `until`, by time and then as they stand. A time without a zone is UTC.

    Raises PushdslError.
    """
    frame = _read(path)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        help = f"its columns are {', '.join(COLUMNS)} and, if it is known, customer"
        raise PushdslError(f"`{path}` has no column `{missing[0]}`", help)
    lines = [
        OrderLine(row, invoice or "", sku or "", quantity, _moment(path, row, at), customer or "")
        for row, (invoice, sku, quantity, at, customer) in enumerate(_rows(path, frame), start=1)
        if quantity
    ]
    lines = [line for line in lines if (not since or line.at >= since) and (not until or line.at < until)]
    if not lines:
        raise PushdslError(f"`{path}` has no order lines in that time", "look at `--from` and `--to`")
    return sorted(lines, key=lambda line: line.at)


def by_invoice(lines: Sequence[OrderLine]) -> Iterator[list[OrderLine]]:
    """Lines of one invoice and one moment that stand together."""
    for _, some in groupby(lines, key=lambda line: (line.at, line.invoice)):
        yield list(some)


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise PushdslError(
            f"the orders in `{path}` cannot be read: {why.lower()}", "give a CSV or Parquet file of order lines"
        ) from None


def _rows(path: Path, frame: pl.DataFrame) -> list[tuple[str, str, int, object, str]]:
    import polars as pl

    customer = pl.col("customer").cast(pl.String) if "customer" in frame.columns else pl.lit("")
    text = [pl.col(name).cast(pl.String) for name in ("invoice", "sku")]
    try:
        columns = [*text, pl.col("quantity").cast(pl.Int64), pl.col("at"), customer.alias("customer")]
        found: list[tuple[str, str, int, object, str]] = frame.select(columns).rows()
    except pl.exceptions.PolarsError:
        raise PushdslError(f"a quantity in `{path}` is no whole number", "write it as `12`, or `-12`") from None
    return found


def _moment(path: Path, row: int, at: object) -> datetime:
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    except ValueError:
        raise PushdslError(f"row {row} of `{path}` has no time", "write it as 2011-03-01T08:26:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
