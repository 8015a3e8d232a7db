"""Why SKUs are to be planned anew, in; the record of what is to be planned out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pushdsl.store import opening, work_statements
from pushdsl.store.session import Session

LAST_GENERATION = "last generation"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a SKU is to be planned anew: for all its listings, or for one. `forced`: sent even if it is shown already."""

    sku: str
    reason: int
    store: str = ""
    store_sku: str = ""
    count: int = 1
    forced: bool = False


class Marking(Session):
    """A part of a record where something may have SKUs planned anew."""

    def __init__(self, database: opening.Database, engine: Any, tenant: str) -> None:  # Any: as the record has it
        super().__init__(database, engine, tenant)
        self._mark = work_statements.mark(engine.dialect.name)

    def _mark_all(self, connection: Connection, triggers: Sequence[Trigger], first_at: int) -> None:
        """Has them planned; `first_at` is now, in milliseconds. What was marked already is counted with them."""
        if not triggers:
            return
        [generation] = self._numbers(connection, 1, LAST_GENERATION)
        rows = (
            {
                "p_tenant": self._tenant, "p_sku": t.sku, "p_store": t.store, "p_store_sku": t.store_sku,
                "p_generation": generation, "p_first_at": first_at, "p_reason": int(t.reason), "p_count": t.count,
                "p_forced": int(t.forced),
            }
            for t in triggers
        )  # fmt: skip
        self._many(connection, self._mark, rows)
