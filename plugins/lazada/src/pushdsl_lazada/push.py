"""Quantities in, one outcome for every cell out: by the sellable update, or by the Choice edit for a Choice store."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, ListingRef, Outcome, Query, Refused, Shown, Unknown
from pushdsl_lazada.errors import Trouble, row_trouble, trouble
from pushdsl_lazada.payload import is_writable, stock_payload
from pushdsl_lazada.read import read, wrong_ids
from pushdsl_lazada.settings import choice_site
from pushdsl_lazada.wire import Answer, call, text, whole_number

STOCK_PATH = "/product/stock/sellable/update"
CHOICE_PATH = "/choice/stock/edit"

_PREORDER = Refused("", "pre-order on Lazada is a product attribute, which pushdsl does not change", "bad_request")
_BELOW_ZERO = Refused("", "a quantity is not below 0", "out_of_range")


async def push(batch: Batch) -> Sequence[Outcome]:
    """Sends what can be sent in one call."""
    first = {cell.variant_id: cell.store_sku for cell in reversed(batch.cells)}
    unsendable = [_unsendable(cell, first[cell.variant_id]) for cell in batch.cells]
    cells = [cell for cell, why in zip(batch.cells, unsendable, strict=True) if why is None]
    send = _choice if batch.connection.store.choice else _sellable
    outcomes = iter(await send(batch.connection, cells) if cells else ())
    return [why or next(outcomes) for why in unsendable]


def _unsendable(cell: CellPush, first: str) -> Refused | None:
    """`first` is the listing that this SkuId is sent for: of two quantities for one SKU only one could be shown."""
    if (wrong := wrong_ids(cell.item_id, cell.variant_id)) is not None:
        return wrong
    if cell.store_sku != first:
        return Refused("", f"the listing `{first}` has the same variant_id", "bad_request")
    if not is_writable(cell.location):
        return Refused("", "the location's name has a control character, which no warehouse code has", "bad_request")
    if cell.quantity < 0:
        return _BELOW_ZERO
    return _PREORDER if cell.mode == "preorder" else None


async def _sellable(connection: Connection, cells: Sequence[CellPush]) -> Sequence[Outcome]:
    answer = await call(connection, "POST", STOCK_PATH, {"payload": stock_payload(cells)})
    if not isinstance(answer, Answer):
        return [answer] * len(cells)
    if answer.code == "0" and not answer.rows:
        if any(cell.location for cell in cells):
            return await _read_back(connection, cells)
        return [Confirmed()] * len(cells)
    return _refusals(answer, cells)


async def _read_back(connection: Connection, cells: Sequence[CellPush]) -> list[Outcome]:
    """Whether the shop shows what it said yes to.

    Lazada answers success even where it did not understand how the quantity of a warehouse was written, so its word
    is not enough there.
    """
    refs = dict.fromkeys(ListingRef(cell.store_sku, cell.item_id, cell.variant_id) for cell in cells)
    answers = await read(Query(connection, tuple(refs)))
    shown = {(a.store_sku, a.location): a.quantity for a in answers if isinstance(a, Shown)}
    return [_seen(shown.get((cell.store_sku, cell.location)), cell) for cell in cells]


def _seen(quantity: int | None, cell: CellPush) -> Outcome:
    if quantity == cell.quantity:
        return Confirmed()
    shows = "nothing could be read" if quantity is None else f"the shop shows {quantity}"
    return Unknown(f"Lazada accepted {cell.quantity} for warehouse `{cell.location}`, but {shows} there")


def _refusals(answer: Answer, cells: Sequence[CellPush]) -> list[Outcome]:
    """Refused alone where every listing is known to have a row of its own; else the core halves the call.

    Lazada does not say whether the rest of a failed call was done, and a row may name only an item of several SKUs.
    """
    listings = dict.fromkeys(cell.store_sku for cell in cells)
    alone = len(listings) == 1
    if not answer.rows:
        return [trouble("stock", answer.code, answer.message, alone=alone, retry_after=answer.retry_after)] * len(cells)
    if alone:
        return [_of_row(answer, answer.rows[0], alone=True)] * len(cells)
    rows = {sku: row for row in answer.rows if (sku := _listing_of(row, cells)) is not None}
    if len(rows) == len(listings):
        return [_of_row(answer, rows[cell.store_sku], alone=True) for cell in cells]
    return [_of_row(answer, answer.rows[0], alone=False)] * len(cells)


_REASON = re.compile(r"[A-Z]+(_[A-Z]+)+")


def _of_row(answer: Answer, row: Mapping[str, object], *, alone: bool) -> Trouble:
    row_code, row_message = text(row, "code"), text(row, "message", "field")
    # Some rows have their reason, such as INV_NEGATIVE_SELLABLE, in the field that others name the SKU in.
    if _REASON.fullmatch(misplaced := text(row, "seller_sku")) and misplaced not in row_message:
        row_message = f"{row_message} {misplaced}".strip()
    return row_trouble("stock", answer.code, answer.message, row_code, row_message, alone=alone)


def _listing_of(row: Mapping[str, object], cells: Sequence[CellPush]) -> str | None:
    """The store SKU that a row is about; None where it may be about several, or about none of these."""
    names = {text(row, "sku_id", "skuId", "SkuId"), text(row, "seller_sku", "SellerSku"), text(row, "sku")} - {""}
    item_id = text(row, "item_id", "itemId", "ItemId")
    found = {cell.store_sku for cell in cells if names & {cell.variant_id, cell.store_sku}}
    found = found or {cell.store_sku for cell in cells if item_id == cell.item_id}
    return found.pop() if len(found) == 1 else None


async def _choice(connection: Connection, cells: Sequence[CellPush]) -> Sequence[Outcome]:
    item_id = cells[0].item_id
    assert all(cell.item_id == item_id for cell in cells), "a batch of a Choice store has one item"
    site = choice_site(connection.store)
    if isinstance(site, Refused):
        return [site] * len(cells)
    stock = json.dumps({cell.variant_id: cell.quantity for cell in cells}, separators=(",", ":"))
    answer = await call(connection, "POST", CHOICE_PATH, {"item_id": item_id, "site": site, "sku_edit_stock": stock})
    if not isinstance(answer, Answer):
        return [answer] * len(cells)
    return _choice_outcomes(answer, cells)


def _choice_outcomes(answer: Answer, cells: Sequence[CellPush]) -> list[Outcome]:
    """By SKU where Lazada lists it as done or failed, else by what it said of the call.

    Its sample of a success has an `error_code` too; only `success` counts.
    """
    rest: Outcome = Unknown("Lazada listed this SKU neither as done nor as failed")
    if answer.code != "0":
        alone = len(cells) == 1
        rest = trouble("choice", answer.code, answer.message, alone=alone, retry_after=answer.retry_after)
    data = answer.body.get("data")
    data = data if isinstance(data, dict) else {}
    done = {whole_number(sku_id) for sku_id in _list(data, "success_sku", "successSku")}
    failed = [row for row in _list(data, "failed_sku", "failedSku") if isinstance(row, dict)]
    reasons = {text(row, "skuId", "sku_id"): text(row, "reason") or "no reason was given" for row in failed}
    return [_choice_outcome(cell, done, reasons.get(cell.variant_id)) or rest for cell in cells]


def _choice_outcome(cell: CellPush, done: set[int | None], reason: str | None) -> Outcome | None:
    if reason is not None:
        return row_trouble("choice", "", "", "", reason, alone=True)
    return Confirmed() if int(cell.variant_id) in done else None


def _list(data: Mapping[str, object], *names: str) -> Sequence[object]:
    return next((value for name in names if isinstance(value := data.get(name), list)), [])
