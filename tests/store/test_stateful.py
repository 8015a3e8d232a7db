"""The store of record against a plain dictionary, through any series of pushes, reads, kills and clean-ups."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pushdsl.model import CellKey, Live, Mode, PlannedCell, Status
from pushdsl.store import Finished, open_store

KEYS = [CellKey(store, sku, place) for store in ("x", "y") for sku in ("a", "A") for place in ("", "north")]
DETAILS = ("unchanged", "held")
keys = st.lists(st.sampled_from(KEYS), unique=True, min_size=1, max_size=4)
quantities = st.integers(0, 3)
modes = st.sampled_from([("normal", None), ("preorder", 7), ("preorder", None)])


@dataclass
class Known:
    """What a cell shows, as the dictionary has it."""

    live: Live = field(default_factory=lambda: Live(None))
    known: bool = False
    pushed: int | None = None
    succeeded_at: datetime | None = None


@dataclass
class Kept:
    """A record, as the dictionary has it."""

    key: CellKey
    status: Status
    before: int | None
    quantity: int
    mode: Mode
    days: int | None
    created_at: datetime
    detail: str = ""
    count: int = 1


@dataclass
class Plain:
    cells: dict[CellKey, Known] = field(default_factory=lambda: {key: Known() for key in KEYS})
    history: dict[int, Kept] = field(default_factory=dict)

    def under_way(self, key: CellKey) -> bool:
        return any(kept.status is Status.PENDING and kept.key == key for kept in self.history.values())

    def newest(self, key: CellKey) -> Kept | None:
        return next((self.history[n] for n in sorted(self.history, reverse=True) if self.history[n].key == key), None)

    def telling(self, key: CellKey) -> Kept | None:
        """The newest record, or the success before it where nothing but skips came since."""
        kept = [self.history[n] for n in sorted(self.history, reverse=True) if self.history[n].key == key]
        ended = [record for record in kept if record.status is not Status.SKIPPED]
        return ended[0] if ended and ended[0].status is Status.SUCCESSFULLY else next(iter(kept), None)

    def shown(self, key: CellKey) -> Live | None:
        cell = self.cells[key]
        if self.under_way(key):
            return replace(cell.live, quantity=None)
        return cell.live if cell.known else None


class Store(RuleBasedStateMachine):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.record = open_store(self.url)
        self.plain = Plain()
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def teardown(self) -> None:
        self.record.close()

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @rule(chosen=keys, quantity=quantities, mode=modes, live=st.none() | quantities)
    def begin(self, chosen: list[CellKey], quantity: int, mode: tuple[Mode, int | None], live: int | None) -> None:
        at = self.tick()
        free = [key for key in chosen if not self.plain.under_way(key)]
        numbers = self.record.begin([cell(key, quantity, mode, live) for key in free], reason=1, at=at)
        for number, key in zip(numbers, free, strict=True):
            known = self.plain.cells[key]
            first = 99 if live is None else live
            before = known.live.quantity if known.known else first
            assert number not in self.plain.history
            self.plain.history[number] = Kept(key, Status.PENDING, before, quantity, *mode, at)

    @rule(outcome=st.sampled_from(["confirmed", "unknown", "keep"]), share=st.integers(1, 3))
    def finish(self, outcome: str, share: int) -> None:
        at = self.tick()
        pending = [n for n, kept in self.plain.history.items() if kept.status is Status.PENDING][::share]
        status = {"confirmed": Status.SUCCESSFULLY, "unknown": Status.FAILED, "keep": Status.SKIPPED}[outcome]
        self.record.finish([
            Finished(n, kept.key, kept.quantity, kept.mode, kept.days, status, at, outcome, detail=outcome)  # type: ignore[arg-type]
            for n in pending
            for kept in [self.plain.history[n]]
        ])  # fmt: skip
        for n in pending:
            kept = self.plain.history[n] = replace(self.plain.history[n], status=status, detail=outcome)
            self.settle(kept, outcome, at)

    def settle(self, kept: Kept, outcome: str, at: datetime) -> None:
        cell = self.plain.cells[kept.key]
        if outcome == "confirmed":
            live = replace(cell.live, quantity=kept.quantity, mode=kept.mode, days=kept.days, confirmed_at=at)
            self.plain.cells[kept.key] = Known(live, True, kept.quantity, at)
        elif outcome == "unknown":
            self.plain.cells[kept.key] = replace(cell, live=replace(cell.live, quantity=None), known=True)

    @rule(chosen=keys, quantity=quantities, detail=st.sampled_from(DETAILS))
    def skip(self, chosen: list[CellKey], quantity: int, detail: str) -> None:
        at = self.tick()
        before = {record.id for record in self.record.records(limit=10_000)}
        self.record.skip(
            [(cell(key, quantity, ("normal", None), 5), detail) for key in chosen], reason=1, at=at
        )  # fmt: skip
        added = {r.key: r.id for r in self.record.records(limit=10_000) if r.id not in before}
        for key in chosen:
            newest = self.plain.newest(key)
            if newest is not None and newest.status is Status.SKIPPED and newest.detail == detail:
                assert key not in added
                newest.count += 1
                newest.before, newest.quantity, newest.created_at = 5, quantity, at
                newest.mode, newest.days = "normal", None
            else:
                self.plain.history[added[key]] = Kept(
                    key, Status.SKIPPED, 5, quantity, "normal", None, at, detail
                )  # fmt: skip

    @rule(chosen=keys, quantity=quantities, reserved=quantities, mode=modes)
    def observe(self, chosen: list[CellKey], quantity: int, reserved: int, mode: tuple[Mode, int | None]) -> None:
        read = Live(quantity, *mode, reserved)
        self.record.observe([(key, read) for key in chosen], at=self.tick())
        for key in chosen:
            known = self.plain.cells[key]
            at = known.live.confirmed_at if known.pushed == quantity else None
            self.plain.cells[key] = replace(known, live=replace(read, confirmed_at=at), known=True)

    @rule()
    def kill_and_reopen(self) -> None:
        self.record.close()
        self.record = open_store(self.url)
        count = self.record.interrupted(self.tick())
        pending = [n for n, kept in self.plain.history.items() if kept.status is Status.PENDING]
        for n in pending:
            detail = "stopped before the answer was known"
            kept = self.plain.history[n] = replace(self.plain.history[n], status=Status.FAILED, detail=detail)
            self.settle(kept, "unknown", self.now)

        assert count == len(pending)

    @rule(days=st.sampled_from([0, 29, 30, 31]))
    def prune(self, days: int) -> None:
        at = self.tick() + timedelta(days=days)
        self.now = at
        old = [
            n for n, kept in self.plain.history.items()
            if kept.status is not Status.PENDING and kept.created_at < at - timedelta(days=30)
        ]  # fmt: skip
        for n in old:
            del self.plain.history[n]

        assert self.record.prune(at) == len(old)

    @invariant()
    def what_is_shown_is_the_same(self) -> None:
        live = self.record.live()
        found = {
            CellKey(*place): (quantity, reserved or 0, preorder, days, at)
            for *place, quantity, reserved, preorder, days, at in zip(
                live.store, live.store_sku, live.location, live.quantity, live.reserved, live.preorder, live.days,
                live.confirmed_at, strict=True,
            )
        }  # fmt: skip
        expected = {
            key: (
                shown.quantity,
                shown.reserved,
                shown.mode == "preorder",
                shown.days,
                milliseconds(shown.confirmed_at),
            )
            for key in KEYS
            if (shown := self.plain.shown(key)) is not None
        }

        assert found == expected

    @invariant()
    def history_is_the_same_and_newest_first(self) -> None:
        records = self.record.records(limit=10_000)
        found = {
            r.id: Kept(r.key, r.status, r.before, r.quantity, r.mode, r.days, r.created_at, r.detail, r.count)
            for r in records
        }

        assert found == self.plain.history
        assert [r.created_at for r in records] == sorted((r.created_at for r in records), reverse=True)

    @invariant()
    def the_summary_adds_up(self) -> None:
        shown = {key: live for key in KEYS if (live := self.plain.shown(key)) is not None}
        for summary in self.record.summary():
            mine = [live for key, live in shown.items() if key.store == summary.store]
            newest = [kept for key in KEYS if key.store == summary.store and (kept := self.plain.telling(key))]
            successes = [c.succeeded_at for k, c in self.plain.cells.items() if k.store == summary.store]

            assert (summary.cells, summary.unknown) == (len(mine), sum(live.quantity is None for live in mine))
            assert sum(summary.statuses.values()) == len(newest)
            assert all(summary.statuses.get(s, 0) == sum(kept.status is s for kept in newest) for s in Status)
            assert summary.last_success == max(filter(None, successes), default=None)


def cell(key: CellKey, quantity: int, mode: tuple[Mode, int | None], live: int | None) -> PlannedCell:
    return PlannedCell(
        key.store, key.store_sku, key.location, "M-1", None, 99, quantity, *mode, live, "push", "why"
    )  # fmt: skip


def milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) * 1000


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 40), ("postgresql", 8)])
def test_any_series_ends_as_in_a_dictionary(request: pytest.FixtureRequest, database: str, examples: int) -> None:
    new_url = request.getfixturevalue(f"on_{database}")
    run_state_machine_as_test(
        lambda: Store(new_url()),
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
