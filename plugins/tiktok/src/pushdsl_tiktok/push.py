"""Quantities for the SKUs of one product in, one outcome for every cell out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, ListingRef, Outcome, Refused, Temporary, Unknown
from pushdsl_tiktok.errors import Trouble, trouble
from pushdsl_tiktok.read import NO_IDS, SkuStock, stock
from pushdsl_tiktok.wire import Answer, post, whole_number

_NO_PRESALE = Refused("", "pre-sale on TikTok Shop is set in Seller Center, not with the inventory", "bad_request")


async def push(batch: Batch) -> Sequence[Outcome]:
    """Sends what can be sent in one call, after one read where the shop's other warehouses must be repeated."""
    unsendable = [_unsendable(cell) for cell in batch.cells]
    cells = tuple(cell for cell, why in zip(batch.cells, unsendable, strict=True) if why is None)
    outcomes = iter(await _sent(batch.connection, cells) if cells else ())
    return [why or next(outcomes) for why in unsendable]


def _unsendable(cell: CellPush) -> Refused | None:
    if not (cell.item_id and cell.variant_id):
        return NO_IDS
    return _NO_PRESALE if cell.mode == "preorder" else None


async def _sent(connection: Connection, cells: Sequence[CellPush]) -> Sequence[Outcome]:
    item_id = cells[0].item_id
    assert all(cell.item_id == item_id for cell in cells), "a batch has one product"
    others = await _shown_elsewhere(connection, cells)
    if not isinstance(others, Mapping):
        return [others] * len(cells)
    path = f"/product/202309/products/{quote(item_id, safe='')}/inventory/update"
    answer = await post(connection, path, {"skus": _skus(cells, others)})
    if not isinstance(answer, Answer):
        return [answer] * len(cells)
    return outcomes_of(cells, answer)


async def _shown_elsewhere(
    connection: Connection, cells: Sequence[CellPush]
) -> Mapping[tuple[str, str], SkuStock] | Trouble:
    """What the shop shows at every warehouse of the SKUs that have several; nothing has been written yet.

    TikTok takes a SKU only with all its warehouses (12019028), and only the shop knows which it has: some may be
    in no rule, some cells unchanged. Warehouses that are not in `cells` are sent back as they are shown.
    """
    refs = [ListingRef(cell.store_sku, cell.item_id, cell.variant_id) for cell in cells if cell.location]
    if not refs:
        return {}
    found = await stock(connection, refs)
    if isinstance(found, Unknown):
        return Temporary(f"nothing was sent, for the shop's other warehouses could not be read: {found.message}")
    return found


def _skus(cells: Sequence[CellPush], others: Mapping[tuple[str, str], SkuStock]) -> list[dict[str, object]]:
    """The rows of the body: one for each listing, its own warehouses first and then the ones to be left alone."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for cell in cells:
        rows.setdefault((cell.store_sku, cell.variant_id), {})[cell.location] = cell.quantity
    for (_, sku_id), row in rows.items():
        elsewhere = others.get((cells[0].item_id, sku_id))
        if elsewhere is not None and "" not in row:
            row.update({w: n for w, n in elsewhere.available.items() if w not in row})
    return [
        {"id": sku_id, "inventory": [_warehouse(w, n) for w, n in row.items()]} for (_, sku_id), row in rows.items()
    ]


def _warehouse(warehouse_id: str, quantity: int) -> dict[str, object]:
    """Without an id it is the shop's default warehouse, which is right only where there is no other."""
    return {"warehouse_id": warehouse_id, "quantity": quantity} if warehouse_id else {"quantity": quantity}


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error row; ids are empty where TikTok named none."""

    sku_id: str
    warehouse_id: str
    code: int
    message: str


def outcomes_of(cells: Sequence[CellPush], answer: Answer) -> list[Outcome]:
    """Success is code 0 and no error row that is, or may be, about the cell."""
    rows = answer.data.get("errors")
    faults = None if rows is not None and not isinstance(rows, list) else _faults(rows or [])
    if faults is None:
        return [Unknown("the error rows of TikTok Shop's answer cannot be read")] * len(cells)
    alone = len({cell.store_sku for cell in cells}) == 1
    sku_ids = {cell.variant_id for cell in cells}
    unnamed = [fault for fault in faults if fault.sku_id not in sku_ids]
    return [_named(cell, faults, cells) or _rest(answer, unnamed, alone) for cell in cells]


def _faults(rows: Sequence[object]) -> list[_Fault] | None:
    faults: list[_Fault] = []
    for row in rows:
        if not isinstance(row, dict) or (read := list(_faults_of(row))) == []:
            return None
        faults += read
    return faults


def _faults_of(row: Mapping[str, object]) -> Iterator[_Fault]:
    """The faults of each warehouse where TikTok gives them, else the one of the SKU; none where unreadable."""
    detail = row.get("detail")
    detail = detail if isinstance(detail, dict) else {}
    extras = detail.get("extra_errors")
    readable = [e for e in extras if _is_fault(e)] if isinstance(extras, list) else []
    for fault in readable or [row]:
        code = whole_number(fault.get("code"))
        if code is not None:
            warehouse_id = str(fault.get("warehouse_id") or "")
            yield _Fault(str(detail.get("sku_id") or ""), warehouse_id, code, str(fault.get("message") or ""))


def _is_fault(extra: object) -> bool:
    return isinstance(extra, dict) and whole_number(extra.get("code")) is not None


def _named(cell: CellPush, faults: Sequence[_Fault], cells: Sequence[CellPush]) -> Outcome | None:
    """The outcome of a cell whose SKU is in an error row."""
    own = [fault for fault in faults if fault.sku_id == cell.variant_id]
    if not own:
        return None
    for fault in own:
        if not cell.location or fault.warehouse_id in ("", cell.location):
            return trouble(fault.code, fault.message)
    pushed = {other.location for other in cells if other.variant_id == cell.variant_id}
    if any(fault.warehouse_id in pushed for fault in own):
        # TikTok does not say whether the rest of such a SKU was done, so the shop has to be read again.
        return Unknown("TikTok Shop refused another warehouse of this SKU and did not say whether this one was set")
    return trouble(own[0].code, own[0].message)


def _rest(answer: Answer, unnamed: Sequence[_Fault], alone: bool) -> Outcome:
    """The outcome of a cell that no error row names, where a row that names nothing may yet mean it."""
    if answer.code:
        return trouble(answer.code, answer.message, alone=alone, retry_after=answer.retry_after)
    if not unnamed:
        return Confirmed()
    outcome = trouble(unnamed[0].code, unnamed[0].message, alone=alone)
    if alone or isinstance(outcome, Refused):
        return outcome
    return Unknown(f"TikTok Shop refused a SKU and did not say which: {outcome.message}")
