"""Cells in, the XML of a sellable-quantity update out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from pushdsl.plugins import CellPush

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def stock_payload(cells: Sequence[CellPush]) -> str:
    """One `Sku` for each listing, in the order of the cells, whose cells stand together."""
    listings = groupby(cells, key=lambda cell: (cell.item_id, cell.variant_id, cell.store_sku))
    skus = "".join(_sku(item_id, sku_id, list(of_sku)) for (item_id, sku_id, _), of_sku in listings)
    return f"<Request><Product><Skus>{skus}</Skus></Product></Request>"


def is_writable(words: str) -> bool:
    """XML has no way to write most control characters, not even escaped."""
    return _NOT_XML.search(words) is None


def _sku(item_id: str, sku_id: str, cells: Sequence[CellPush]) -> str:
    if cells[0].location:
        stock = _element("MultiWarehouseInventories", "".join(map(_warehouse, cells)))
    else:
        stock = _element("SellableQuantity", str(cells[0].quantity))
    return _element("Sku", _element("ItemId", _text(item_id)) + _element("SkuId", _text(sku_id)) + stock)


def _warehouse(cell: CellPush) -> str:
    """Both names of the quantity: the documentation has one, a live seller needed the other, a wrong one is ignored."""
    quantity = str(cell.quantity)
    return _element(
        "MultiWarehouseInventory",
        _element("WarehouseCode", _text(cell.location))
        + _element("Quantity", quantity)
        + _element("SellableQuantity", quantity),
    )


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(words: str) -> str:
    # A parser would turn a bare carriage return into a line feed.
    return escape(words, {"\r": "&#13;"})
