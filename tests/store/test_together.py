"""Transactions that go together on SQLite: kept as one, each undone alone; and the indexes that its questions use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from pushdsl.errors import PushdslError
from pushdsl.ledger import Kind, StockEvent
from pushdsl.model import Reason
from pushdsl.store import Together, Trigger, WorkStore, open_work, work_statements

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'record.db'}"


@pytest.fixture
def record(url: str) -> Iterator[WorkStore]:
    with open_work(url, lambda: AT) as record:
        yield record


@pytest.fixture
def together(record: WorkStore) -> Iterator[Together]:
    together = Together("test")
    together.within = record.grouped
    yield together
    together.shutdown()


def at_once(together: Together, *calls: Callable[[], object]) -> list[Future[object]]:
    """All of them wait while the thread is busy."""
    begun = threading.Event()
    together.submit(begun.wait)
    futures = [together.submit(call) for call in calls]
    begun.set()
    return futures


def stocked(number: int) -> StockEvent:
    return StockEvent(f"e{number}", "erp", number, AT, Reason.STOCK_COUNT, "kl", f"MUG-{number}", Kind.COUNT, number)


def commits_of(record: WorkStore) -> list[object]:
    found: list[object] = []
    event.listen(record._engine, "commit", found.append)
    return found


def test_what_waits_is_committed_together_before_anybody_is_answered(record: WorkStore, together: Together) -> None:
    commits, ledger = commits_of(record), record.ledger()
    seen: list[int] = []
    futures = at_once(together, *(lambda k=k: ledger.take([stocked(k)], at=AT) for k in range(5)))  # type: ignore[misc]
    futures[0].add_done_callback(lambda _: seen.append(len(commits)))

    assert [future.result() is not None for future in futures] == [True] * 5
    assert len(commits) == 2  # theirs, and one that waits for the disk
    assert seen == [2]
    assert sorted(key.sku for key in ledger.all_balances()) == [f"MUG-{k}" for k in range(5)]


def test_a_call_that_fails_undoes_its_own_part_alone(record: WorkStore, together: Together) -> None:
    ledger = record.ledger()

    def spoilt() -> None:
        with record._transaction({"pushdsl_write": True}) as connection:
            connection.execute(text("DELETE FROM balance"))
            raise KeyError("spoilt")

    first, second, third = at_once(
        together, lambda: ledger.take([stocked(1)], at=AT), spoilt, lambda: ledger.take([stocked(2)], at=AT)
    )
    assert [first.result() is not None, third.result() is not None] == [True, True]
    with pytest.raises(KeyError, match="spoilt"):
        second.result()
    assert sorted(key.sku for key in ledger.all_balances()) == ["MUG-1", "MUG-2"]


def test_where_it_cannot_be_kept_all_are_told_so(record: WorkStore, together: Together) -> None:
    ledger = record.ledger()

    def refuse(_: object) -> None:
        raise OSError("no room")

    event.listen(record._engine, "commit", refuse)
    futures = at_once(together, *(lambda k=k: ledger.take([stocked(k)], at=AT) for k in range(3)))  # type: ignore[misc]
    for future in futures:
        with pytest.raises(OSError, match="no room"):
            future.result()
    event.remove(record._engine, "commit", refuse)
    assert ledger.all_balances() == {}


def test_who_is_woken_finds_what_there_is_to_do(url: str) -> None:
    found: list[tuple[str, ...]] = []

    class Looking:
        def in_transaction(self, *_: object) -> None: ...

        def committed(self, *_: object) -> None:
            with open_work(url, lambda: AT) as other:
                found.append(other.awake()[0])

    with open_work(url, lambda: AT, waker=Looking()) as record:
        together = Together("test")
        together.within = record.grouped
        at_once(together, lambda: record.mark([Trigger("MUG", 17)]))[0].result()
        together.shutdown()
    assert found == [("",)]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("EVENTS_OF_IDS", "event_of_id"),
        ("EVENTS_OF_SKU", "event_of_stock"),
        ("HISTORY", "event_of_stock"),
        ("BALANCES_OF_SKUS", "balance_of_sku"),
        ("RECORDS_OF_BATCH", "record_of_batch"),
    ],
)
def test_a_question_about_a_few_rows_does_not_read_all_that_a_tenant_has(
    name: str, index: str, record: WorkStore, url: str
) -> None:
    engine = create_engine(url)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def explain(*given: Any) -> tuple[str, Any]:
        return f"EXPLAIN QUERY PLAN {given[2]}", given[3]

    asked = {"p_tenant": "", "p_ids": ["a"], "p_skus": ["a"], "p_sku": "a", "p_warehouse": "kl", "p_step": 9}
    with engine.connect() as connection:
        plan = connection.execute(getattr(work_statements, name), asked | {"p_batch": 1}).cursor.fetchall()  # type: ignore[union-attr]
    engine.dispose()
    assert any(index in row[3] for row in plan), plan


def test_nobody_is_told_that_it_is_kept_where_a_full_disk_undid_it(record: WorkStore, together: Together) -> None:
    def nearly_full() -> None:
        with record._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 8}")
            connection.exec_driver_sql("PRAGMA cache_size=5")

    ledger = record.ledger()
    too_much = [replace(stocked(number), sku=f"{number}" * 100) for number in range(100, 500)]
    together.submit(nearly_full).result()

    calls = at_once(
        together, *(partial(ledger.take, events, at=AT) for events in ([stocked(1)], too_much, [stocked(2)]))
    )

    assert [type(call.exception(10)) for call in calls] == [PushdslError] * 3
    assert ledger.all_balances() == {}
