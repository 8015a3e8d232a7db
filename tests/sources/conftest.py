"""An intake on a record of its own, for sources to hand in to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushdsl.intake import Intake
from pushdsl.ledger import StockKey
from pushdsl.pacing import Pace
from pushdsl.store.ledgers import LedgerStore
from pushdsl.store.store import open_store

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class Desk:
    """The intake and, behind it, the record."""

    intake: Intake
    ledger: LedgerStore

    def on_hand(self, sku: str, warehouse: str = "kl") -> int:
        return self.ledger.balances([sku])[StockKey(warehouse, sku)].on_hand


Run = Callable[[Callable[[Desk], Awaitable[object]]], Desk]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs work with an intake, at NOW by its clock."""
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:

        def run(work: Callable[[Desk], Awaitable[object]]) -> Desk:
            async def worked() -> Desk:
                with ThreadPoolExecutor(1) as executor:
                    intake = Intake(record.ledger(), executor, lambda skus: None, Pace(now=lambda: NOW))
                    desk = Desk(intake, record.ledger())
                    await work(desk)
                    await intake.close()
                    return desk

            return asyncio.run(worked())

        yield run
