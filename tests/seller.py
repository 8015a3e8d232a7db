"""A seller with a daemon, on a clock that tests set: what the tests of everything continuous start from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushdsl.cycle import open_project
from pushdsl.daemon import Daemon, Spec
from pushdsl.ledger import Kind, StockEvent
from pushdsl.model import Reason, Record
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import (
    Batch,
    Confirmed,
    NotShown,
    Outcome,
    Query,
    Refused,
    Shown,
    Temporary,
    Unknown,
)  # fmt: skip
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.run_settings import RunSettings
from pushdsl.store import WorkStore

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
GONE = Refused("207", "SKU not exist", "not_found")
LOCKED = Refused("promotion", "a promotion holds this listing", "locked")
BROKEN = Temporary("the store answers with error 500")
BUSY = Temporary("too many calls", 7.0)
STORES = ("lazada_my", "shopee_my", "tiktok_my")


def confirm(_: str) -> Outcome:
    return Confirmed()


@dataclass
class Seller:
    """A project of four mugs in three stores that answer what a test wants, and a daemon for it."""

    folder: Path
    at: datetime = BEGAN
    name: str = ""
    settings: RunSettings = field(default_factory=lambda: RunSettings(window=1.0))
    answers: dict[str, Callable[[str], Outcome]] = field(default_factory=dict)
    sent: list[tuple[str, str, int, datetime]] = field(default_factory=list)
    shelves: dict[tuple[str, str], int] = field(default_factory=dict)
    """What each store shows: what it confirmed last, or what a test puts there."""
    reserved: dict[tuple[str, str], int] = field(default_factory=dict)
    read: list[tuple[str, str]] = field(default_factory=list)
    alarms: list[tuple[str, str, str]] = field(default_factory=list)
    _number: int = 0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def daemon(self) -> Daemon:
        url = f"sqlite:///{self.folder}/.pushdsl/record.db"
        return Daemon(self.settings, url, pace=Pace(self.now, self.sleep), alarm=self._hear)

    def _hear(self, tenant: str, kind: str, store: str, message: str) -> None:
        self.alarms.append((kind, store, message))

    def spec(self) -> Spec:
        return Spec(open_project([self.folder]), self.name)

    def event(
        self, sku: str, quantity: int, kind: Kind = Kind.COUNT, reason: Reason = Reason.STOCK_COUNT
    ) -> StockEvent:
        self._number += 1
        return StockEvent(f"e{self._number}", "erp", self._number, self.at, reason, "kl", sku, kind, quantity)

    def work(self, *steps: Callable[[WorkStore], object], allow_zeroing: bool = True) -> list[bool]:
        """Each step is done to the record, and then all is pushed that can be; whether nothing was left after each."""

        async def main() -> list[bool]:
            async with self.running(allow_zeroing=allow_zeroing) as daemon:
                done = []
                for step in steps:
                    step(daemon.tenants[self.name].store)
                    done.append(await daemon.run_once(asyncio.Event()))
                return done

        return asyncio.run(main())

    @asynccontextmanager
    async def running(self, *, allow_zeroing: bool = True) -> AsyncIterator[Daemon]:
        """A daemon that has taken the seller on and does nothing by itself."""
        daemon = self.daemon()
        async with daemon.opened():
            await daemon.add(self.spec(), allow_zeroing=allow_zeroing)
            self.at += timedelta(seconds=1)  # what is told from now on is newer than the folder's own table
            yield daemon

    def stock(self, **counts: int) -> Callable[[WorkStore], object]:
        """A count of some mugs."""
        return lambda store: store.ledger().take(
            [self.event(sku.replace("_", "-"), count) for sku, count in counts.items()], at=self.at
        )

    def shows(self) -> dict[tuple[str, str], int]:
        """What was sent last."""
        return {(store, sku): quantity for store, sku, quantity, _ in self.sent}

    def records(self, **filters: object) -> list[Record]:
        from pushdsl.store import open_store

        with open_store(f"sqlite:///{self.folder}/.pushdsl/record.db", tenant=self.name) as record:
            return record.records(**filters)  # type: ignore[arg-type]

    def counts(self, **filters: object) -> dict[tuple[str, str], int]:
        """Triggers by status and detail."""
        found: dict[tuple[str, str], int] = {}
        for one in self.records(**filters):
            key = one.status.value, one.detail
            found[key] = found.get(key, 0) + one.count
        return found


def listen(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def push(_: object, batch: Batch) -> Sequence[Outcome]:
        store = batch.connection.store.name
        seller.sent.extend((store, cell.store_sku, cell.quantity, seller.at) for cell in batch.cells)
        answer = seller.answers.get(store, confirm)
        answers = [answer(cell.store_sku) for cell in batch.cells]
        taken = [cell for cell, said in zip(batch.cells, answers, strict=True) if isinstance(said, Confirmed)]
        seller.shelves |= {(store, cell.store_sku): cell.quantity for cell in taken}
        return answers

    async def read(_: object, query: Query) -> list[Shown | NotShown]:
        store = query.connection.store.name
        seller.read.extend((store, listing.store_sku) for listing in query.listings)
        return [
            Shown(x.store_sku, "", seller.shelves[store, x.store_sku], seller.reserved.get((store, x.store_sku), 0))
            if (store, x.store_sku) in seller.shelves
            else NotShown(x.store_sku, Unknown("no answer"))
            for x in query.listings
        ]

    monkeypatch.setattr(SimulatedPlatform, "push", push)
    monkeypatch.setattr(SimulatedPlatform, "read", read)


def begun(seller: Seller) -> Seller:
    """With ten to thirteen of each mug counted and pushed."""
    assert seller.work(seller.stock(MUG_00=10, MUG_01=11, MUG_02=12, MUG_03=13)) == [True]
    seller.sent.clear()
    seller.at += timedelta(minutes=1)
    return seller
