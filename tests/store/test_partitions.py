"""A record on PostgreSQL that is divided by tenant works as any other, and looks at one part for each tenant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, make_url, text

from pushdsl.errors import PushdslError
from pushdsl.model import PlannedCell
from pushdsl.store import PLANNER, Lease, Rate, Round, Trigger, Want, open_work
from pushdsl.store.lanes import Ended
from pushdsl.store.partitions import divide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_sellers_of_a_divided_record_work_as_in_any_other(on_postgresql: Callable[[], str]) -> None:
    url = on_postgresql()
    divide(url, 4)

    with open_work(url, lambda: NOON) as record:
        for name in ("anna", "ben", "chen"):
            work = record.of_tenant(name)
            work.mark([Trigger("MUG", 15)])
            dirty = work.due(10)
            cell = PlannedCell("shop", "MUG", "", "MUG", "R", 5, 5, "normal", None, None, "push", "why")
            lease = work.lease(PLANNER, "me", seconds=30)
            assert isinstance(lease, Lease)
            work.desire(lease, dirty, [Want(cell, (0, 0), 1, 15, dirty[0].first_at)], window=timedelta())
            lane = work.lease("shop", "me", seconds=30)
            assert isinstance(lane, Lease)
            done = work.intend(lane, limit=10, send_seconds=1, answer_seconds=1, lease_seconds=5, rate=Rate(10))
            assert isinstance(done, Round)
            assert work.finish_round(done, [Ended(done.pushes[0], "confirmed", "confirmed")])
            assert [r.quantity for r in work.records()] == [5]

    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        plan = "\n".join(
            row[0]
            for row in connection.execute(text("EXPLAIN SELECT * FROM cell WHERE tenant = 'anna' AND store = 'x'"))
        )
    engine.dispose()
    assert plan.count("cell_") >= 1
    assert len({part for part in range(4) if f"on cell_{part} " in plan}) == 1


def test_what_holds_something_or_is_divided_is_left_as_it_is(on_postgresql: Callable[[], str]) -> None:
    url = on_postgresql()
    with open_work(url, lambda: NOON) as work:
        work.mark([Trigger("MUG", 15)])
    with pytest.raises(PushdslError, match="holds something in `dirty`"):
        divide(url, 4)

    other = on_postgresql()
    divide(other, 2)
    with pytest.raises(PushdslError, match="divided already"):
        divide(other, 2)


def test_a_file_is_not_divided(tmp_path: object) -> None:
    with pytest.raises(PushdslError, match="only a record in PostgreSQL"):
        divide(f"sqlite:///{tmp_path}/record.db", 4)
