"""The bytes of a Parquet file in; its columns, typed as the file has them, out."""

from __future__ import annotations

import io
from collections.abc import Collection

from pushdsl.errors import FactsError, Problem
from pushdsl.facts.raw import Cells, RawTable


def read_parquet(file: str, content: bytes, known: Collection[str]) -> RawTable:
    """Raises FactsError where it is none. What other tools number from 0 or 1 is row 1 here."""
    import polars as pl

    try:
        header = tuple(pl.read_parquet_schema(io.BytesIO(content)))
        frame = pl.read_parquet(io.BytesIO(content), columns=[name for name in header if name in known])
    except (pl.exceptions.PolarsError, OSError) as error:
        message = f"the file is not a Parquet file that can be read: {str(error).splitlines()[0]}"
        raise FactsError([Problem("PUSH404", message, file, help="write it again")]) from None
    columns: dict[str, Cells] = {}
    for name in frame.columns:
        texts = frame[name].dtype in (pl.Categorical, pl.Enum)
        columns[name] = frame[name].cast(pl.String) if texts else frame[name]
    return RawTable(file, header, columns, frame.height, lambda row: row + 1, None)
