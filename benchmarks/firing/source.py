"""Where stock events come from during a campaign, and what every listing must show because of them.

What is expected is this module's own sum, and not the ladder's: on hand less a reserve. No SKU ever has the same stock
twice, so each quantity that lands tells which event it was planned after.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pushdsl.errors import PushdslError
from pushdsl.ledger import Kind, StockEvent
from pushdsl.model import Reason
from pushdsl.store import PLANNER, LedgerStore, Waker

KEPT_BACK = 3
TOTAL_MAX = 100_000
AGAIN_SECONDS = 0.1
REPEATED = 0.1
"""The part of all batches that is told twice."""


def sku_name(number: int) -> str:
    return f"CUP-{number:04}"


@dataclass(slots=True)
class Source:
    """Tells of stock until all is acknowledged; what was not is told again, with the same ids.

    `totals`: what each SKU had on hand after each of its events; `acknowledged`: when each of these was on the disk.
    """

    ledger: LedgerStore
    waker: Waker
    skus: int
    random: random.Random
    totals: dict[str, list[int]] = field(default_factory=dict)
    acknowledged: dict[str, list[float]] = field(default_factory=dict)
    told: int = 0
    repeats: int = 0
    failures: int = 0
    wrong_answers: int = 0

    def begin(self) -> None:
        """Counts every SKU once."""
        self.tell([sku_name(number) for number in range(self.skus)])

    def tell_some(self, at_most: int) -> int:
        """Events of a few SKUs that are drawn, some of them more than once; returns how many."""
        some = [sku_name(self.random.randrange(self.skus)) for _ in range(self.random.randint(1, max(1, at_most)))]
        self.tell(some)
        return len(some)

    def tell_all(self) -> None:
        """One event of every SKU."""
        self.begin()

    def tell(self, skus: Sequence[str]) -> None:
        events = [self._event(sku) for sku in skus]
        new = self._insist(events)
        at = time.time()
        for sku in skus:
            self.acknowledged.setdefault(sku, []).append(at)
        if self.random.random() < REPEATED:
            self.repeats += len(events)
            new += self._insist(events)
        self.wrong_answers += new not in (len(events), 0)  # 0: the first answer was lost

    def _event(self, sku: str) -> StockEvent:
        totals = self.totals.setdefault(sku, [])
        total = self._unused(totals)
        counted = not totals or self.random.random() < 0.3
        kind, quantity = (Kind.COUNT, total) if counted else (Kind.ADD, total - totals[-1])
        totals.append(total)
        self.told += 1
        reason = Reason.STOCK_COUNT if counted else Reason.STOCK_OUT_SALE
        return StockEvent(
            f"event {self.told}", "fire", self.told, datetime.now(UTC), reason, "kl", sku, kind, quantity
        )  # fmt: skip

    def _unused(self, totals: Sequence[int]) -> int:
        while (total := self.random.randint(KEPT_BACK, TOTAL_MAX)) in totals:
            pass
        return total

    def _insist(self, events: Sequence[StockEvent]) -> int:
        """How many were new to the last answer."""
        while True:
            try:
                taken = self.ledger.take(events, at=datetime.now(UTC))
                self.waker.committed("", {PLANNER: round(time.time() * 1000)})
                self.wrong_answers += bool(taken.refused)
                return taken.new
            except PushdslError:
                self.failures += 1
                time.sleep(AGAIN_SECONDS)

    def expected(self, sku: str) -> int:
        return self.totals[sku][-1] - KEPT_BACK

    def at_rate(self, triggers: int, per_second: float) -> None:
        """So many events, at most so many a second."""
        began, done = time.monotonic(), 0
        while done < triggers:
            done += self.tell_some(min(20, triggers - done))
            ahead = done / per_second - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)
