"""Quantities in, one outcome for every cell out: the stock of one item in one call, and its pre-order in another.

INVARIANT: what is added for pre-order is never shown in normal mode. So pre-order is opened before the stock rises, and
closed after it has fallen; where the first of the two fails, the second is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pushdsl.plugins import Batch, CellPush, Confirmed, Connection, Outcome, Refused, Unknown
from pushdsl_shopee.errors import Trouble, row_trouble, trouble
from pushdsl_shopee.preorder import close_preorder, conflict, open_preorder
from pushdsl_shopee.read import NOT_FOUND, Listed, base_info, listed, model_rows, seller_stock
from pushdsl_shopee.wire import Answer, Fields, post, rows, whole_number

UPDATE_STOCK_PATH = "/api/v2/product/update_stock"

_BELOW_ZERO = Refused("", "a quantity is not below 0", "out_of_range")
_UNREADABLE = Refused("", "Shopee's answer does not say what the listing's other warehouses show", "bad_request")

Target = tuple[CellPush, Listed]
Stock = Mapping[str, int]
"""Pieces by location_id."""


async def push(batch: Batch) -> Sequence[Outcome]:
    """Sends what can be sent; all cells of a batch are of one item."""
    outcomes: dict[int, Outcome] = {}
    targets: dict[int, Target] = {}
    holders: dict[Listed, str] = {}
    for number, cell in enumerate(batch.cells):
        listing = listed(cell.item_id, cell.variant_id)
        if isinstance(listing, Refused):
            outcomes[number] = listing
        elif (refused := _unsendable(cell, holders.setdefault(listing, cell.store_sku))) is not None:
            outcomes[number] = refused
        else:
            targets[number] = (cell, listing)
    if targets:
        outcomes.update(zip(targets, await _push_item(batch.connection, list(targets.values())), strict=True))
    return [outcomes[number] for number in range(len(batch.cells))]


def _unsendable(cell: CellPush, holder: str) -> Refused | None:
    """`holder` is the listing that this model is sent for: of two quantities for one model only one could be shown."""
    if cell.store_sku != holder:
        return Refused("", f"the listing `{holder}` has the same item_id and variant_id", "bad_request")
    return _BELOW_ZERO if cell.quantity < 0 else None


async def _push_item(connection: Connection, targets: Sequence[Target]) -> Sequence[Outcome]:
    cells = [cell for cell, _ in targets]
    opening = [cell for cell in cells if cell.set_mode and cell.mode == "preorder"]
    closing = [cell for cell in cells if cell.set_mode and cell.mode == "normal"]
    item_id, disagreement = targets[0][1].item_id, conflict(cells)
    said: dict[CellPush, Outcome] = {}
    if opening:
        not_opened = disagreement or await open_preorder(connection, item_id, opening[0].days)
        if not_opened is not None and not isinstance(not_opened, Refused):
            return [not_opened] * len(cells)
        if not_opened is not None:
            # The others need no other mode than the one that is shown, and may have to fall.
            said.update(dict.fromkeys(opening, not_opened))
    left = [(cell, listing) for cell, listing in targets if cell not in said]
    if left:
        # Halves would close the item's pre-order while the other half still shows what was added for it.
        answers = await _set_stock(connection, left, may_split=not closing)
        said.update(zip((cell for cell, _ in left), answers, strict=True))
    if closing and any(isinstance(said[cell], Confirmed) for cell in closing):
        not_closed = disagreement or _not_fallen(closing, said) or await close_preorder(connection, item_id)
        if not_closed is not None:
            said.update(_still_open(closing, said, not_closed))
    return [said[cell] for cell in cells]


def _not_fallen(closing: Sequence[CellPush], said: Mapping[CellPush, Outcome]) -> Outcome | None:
    """Why one of the cells may still show what was added for pre-order; a listing that is gone shows nothing."""
    for cell in closing:
        outcome = said[cell]
        if not isinstance(outcome, Confirmed) and not (isinstance(outcome, Refused) and outcome.kind == "not_found"):
            return replace(outcome, message=f"`{cell.store_sku}` was not set: {outcome.message}")
    return None


def _still_open(
    closing: Sequence[CellPush], said: Mapping[CellPush, Outcome], why: Outcome
) -> Mapping[CellPush, Outcome]:
    """The cells whose quantity is set and whose mode is not. Sending both again does no harm and ends in both."""
    assert not isinstance(why, Confirmed)
    told = replace(why, message=f"the quantity is set, but the item's pre-order is as it was: {why.message}")
    return {cell: told for cell in closing if isinstance(said[cell], Confirmed)}


async def _set_stock(connection: Connection, targets: Sequence[Target], *, may_split: bool) -> Sequence[Outcome]:
    wanted: dict[int, dict[str, int]] = {}
    for cell, listing in targets:
        wanted.setdefault(listing.model_id, {})[cell.location] = cell.quantity
    item_id = targets[0][1].item_id
    others = await _other_locations(connection, item_id, wanted)
    if not isinstance(others, Mapping):
        return [others] * len(targets)
    stock: dict[int, Stock] = {}
    refused: dict[int, Outcome] = {}
    for model, pieces in wanted.items():
        shown = others.get(model, {})
        if isinstance(shown, Refused):
            refused[model] = shown
        else:
            stock[model] = {**shown, **pieces}
    if not stock:
        return [refused[at.model_id] for _, at in targets]
    answer = await post(connection, UPDATE_STOCK_PATH, _body(item_id, stock))
    alone = not may_split or len({cell.store_sku for cell, _ in targets}) == 1
    if not isinstance(answer, Answer):
        return [refused.get(at.model_id) or answer for _, at in targets]
    done, failed = _by_model(answer, "success_list"), _by_model(answer, "failure_list")
    return [
        refused.get(at.model_id)
        or _outcome(cell, done.get(at.model_id, ()), failed.get(at.model_id), answer, connection, alone=alone)
        for cell, at in targets
    ]


async def _other_locations(
    connection: Connection, item_id: int, wanted: Mapping[int, Stock]
) -> Mapping[int, Stock | Refused] | Trouble:
    """What every warehouse shows where some are not pushed: Shopee takes all warehouses of a model or none.

    Empty where there is nothing to add, which is the rule.
    """
    declared = {location.name for location in connection.store.locations if location.name}
    if all(declared <= pieces.keys() for pieces in wanted.values()):
        return {}
    if set(wanted) == {0}:
        item = await base_info(connection, item_id)
        models: Mapping[int, Fields] | Trouble = {0: item} if isinstance(item, Mapping) else item
    else:
        models = await model_rows(connection, item_id)
    if not isinstance(models, Mapping):
        return models
    return {model: _shown(models.get(model)) for model in wanted}


def _shown(row: Fields | None) -> Stock | Refused:
    if row is None:
        return NOT_FOUND
    stock = seller_stock(row)
    return _UNREADABLE if stock is None else stock


def _body(item_id: int, stock: Mapping[int, Stock]) -> Fields:
    return {
        "item_id": item_id,
        "stock_list": [
            {"model_id": model, "seller_stock": [_place(location, number) for location, number in pieces.items()]}
            for model, pieces in stock.items()
        ],
    }


def _place(location: str, pieces: int) -> Fields:
    return {"location_id": location, "stock": pieces} if location else {"stock": pieces}


def _outcome(
    cell: CellPush, done: Sequence[Fields], failed: Sequence[Fields] | None, answer: Answer, connection: Connection,
    *, alone: bool,
) -> Outcome:  # fmt: skip
    """Only what Shopee lists as set is confirmed: a call without an error may still have refused some models.

    `done` and `failed` are the answer's rows about the cell's model.
    """
    if failed:
        reason = failed[0].get("failed_reason")
        return row_trouble(reason if isinstance(reason, str) else "", connection.now)
    set_here = [row for row in done if not cell.location or row.get("location_id") == cell.location]
    if set_here:
        pieces = whole_number(set_here[0].get("stock"))
        return Confirmed() if pieces in (cell.quantity, None) else Unknown(f"Shopee answered that it shows {pieces}")
    if answer.error and not (answer.response.get("success_list") or answer.response.get("failure_list")):
        return trouble(answer, connection.now, alone=alone)
    return Unknown(f"Shopee did not say what became of this listing {answer.message or answer.error}".rstrip())


def _by_model(answer: Answer, name: str) -> Mapping[int, Sequence[Fields]]:
    """The rows of a list of the answer by the model that they are about."""
    found: dict[int, list[Fields]] = {}
    for row in rows(answer.response, name) or []:
        found.setdefault(whole_number(row.get("model_id")) or 0, []).append(row)
    return found
