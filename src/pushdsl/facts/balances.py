"""Facts and what the ledger of stock events comes to in; the same facts with the stock of now out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pushdsl.ledger import Balance, StockKey
from pushdsl.model import QUANTITY_MAX, Facts, StockColumns

FOLDER = "facts"
"""The source that a folder's own table is taken in as."""


def with_balances(facts: Facts, balances: Mapping[StockKey, Balance], written: int) -> Facts:
    """The facts with the ledger's stock, where the folder's table is part of that; else its rows are newer and stay.

    `written` is when the folder's table was, in nanoseconds since 1970. SKUs that the facts do not have are left out.
    """
    taken = max((mark.sequence for b in balances.values() for mark in b.marks if mark.source == FOLDER), default=0)
    warehouses = sorted({*facts.warehouses, *(key.warehouse for key in balances)})
    stock = _widened(facts, warehouses)
    number = {name: row for row, name in enumerate(warehouses)}
    covered = hashlib.sha256(facts.sha256.encode())
    for key in sorted(balances):
        sku = facts.sku_index.get(key.sku)
        if sku is None:
            continue
        cell = number[key.warehouse], sku
        if stock.present[cell] and written > taken:
            continue
        balance = balances[key]
        stock.present[cell] = True
        stock.quantity[cell] = min(max(balance.available, -2 * QUANTITY_MAX), QUANTITY_MAX)
        stock.unlimited[cell] = not balance.tracked
        stock.safety[cell] = min(balance.safety, QUANTITY_MAX)
        covered.update(
            f"{key.warehouse}\0{key.sku}\0{stock.quantity[cell]} {balance.tracked} {balance.safety};".encode()
        )
    return replace(facts, warehouses=warehouses, stock=stock, sha256=covered.hexdigest())


def _widened(facts: Facts, warehouses: list[str]) -> StockColumns:
    """Room for all warehouses; a copy."""
    shape = (len(warehouses), len(facts.skus))
    old = facts.stock
    rows = [warehouses.index(name) for name in facts.warehouses]
    present, unlimited = np.zeros(shape, bool), np.zeros(shape, bool)
    quantity, safety = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    present[rows], unlimited[rows], quantity[rows], safety[rows] = (
        old.present, old.unlimited, old.quantity, old.safety
    )  # fmt: skip
    return StockColumns(present, quantity, unlimited, safety)
