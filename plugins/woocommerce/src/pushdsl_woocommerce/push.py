"""Cells in, one outcome for every cell out."""

from __future__ import annotations

from collections.abc import Sequence

from pushdsl.plugins import Batch, CellPush, Confirmed, Failure, Outcome, Refused, Temporary, Unauthorized, Unknown
from pushdsl_woocommerce.addressing import NO_IDS, calls, has_ids, id_of
from pushdsl_woocommerce.errors import of_row
from pushdsl_woocommerce.wire import Rows, call, pieces

QUANTITY_MAX = 1_000_000_000


async def push(batch: Batch) -> Sequence[Outcome]:
    """Turns stock management on with every quantity: where it is off, WooCommerce takes the number and drops it."""
    outcomes: dict[CellPush, Outcome] = {cell: why for cell in batch.cells if (why := _unsendable(cell)) is not None}
    turned_away: Failure | None = None  # then no other call is let in either
    for path, cells in calls(cell for cell in batch.cells if cell not in outcomes):
        rows = [{"id": int(id_of(cell)), "manage_stock": True, "stock_quantity": cell.quantity} for cell in cells]
        answer = turned_away or await call(batch.connection, "POST", f"{path}/batch", {}, {"update": rows})
        turned_away = answer if isinstance(answer, Temporary | Unauthorized) else None
        outcomes |= {cell: _outcome(cell, answer) for cell in cells}
    return [outcomes[cell] for cell in batch.cells]


def _unsendable(cell: CellPush) -> Refused | None:
    if 0 <= cell.quantity <= QUANTITY_MAX:
        return None if has_ids(cell) else NO_IDS
    return Refused("", f"a quantity is 0 to {QUANTITY_MAX}", "out_of_range")  # WooCommerce would take less than 0


def _outcome(cell: CellPush, answer: Rows | Failure) -> Outcome:
    """Never a success that the shop did not state."""
    if not isinstance(answer, dict):
        return answer
    row = answer.get(id_of(cell), {})
    if "error" in row:
        return of_row(row["error"])
    if row.get("manage_stock", True) is not True:
        return Refused("", "the shop leaves this listing's own stock uncounted, whatever is sent", "blocked")
    if pieces(row.get("stock_quantity")) != cell.quantity:
        return Unknown("the shop does not say that it shows what was sent")
    return Confirmed()
