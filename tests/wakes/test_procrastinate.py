"""What is particular to wakes in the record's own database."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import text
from tests.wakes.conftest import Procrastinate, make_tables, milliseconds, working
from tests.wakes.test_engines import Seen

from pushdsl.model import Reason
from pushdsl.store import PLANNER, Trigger, open_existing, open_work
from pushdsl.wakes import procrastinate as engine

WORKER = """
import asyncio, sys
from pushdsl.wakes.procrastinate import ProcrastinateWake

async def handler(tenant, lane):
    print(lane, flush=True)
    await asyncio.Event().wait()

asyncio.run(ProcrastinateWake(sys.argv[1]).run(handler, asyncio.Event()))
"""
JOBS = "SELECT args->>'lane', status::text FROM procrastinate_jobs ORDER BY id"


def jobs(tested: Procrastinate) -> list[tuple[str, str]]:
    return [tuple(row) for row in tested.ask(JOBS)]


def test_a_transaction_that_is_rolled_back_leaves_no_wake(procrastinate: Procrastinate) -> None:
    wake = procrastinate.another()
    with procrastinate.engine.connect() as connection:
        wake.in_transaction("", lambda sql, values: connection.execute(text(sql), dict(values)), {"a": 0})
        connection.rollback()
    assert jobs(procrastinate) == []

    procrastinate.write(wake, "a")
    assert jobs(procrastinate) == [("a", "todo")]


def test_a_wake_that_waits_already_is_enough_and_the_transaction_goes_on(procrastinate: Procrastinate) -> None:
    wake = procrastinate.another()
    procrastinate.write(wake, "a")
    with procrastinate.engine.begin() as connection:
        wake.in_transaction(
            "", lambda sql, values: connection.execute(text(sql), dict(values)), {"a": 0, "b": 0, PLANNER: 0}
        )
        connection.execute(text("CREATE TABLE written_after (id int)"))

    assert sorted(jobs(procrastinate)) == [("", "todo"), ("a", "todo"), ("b", "todo")]
    assert procrastinate.ask("SELECT count(*) FROM written_after") == [(0,)]


def test_all_lanes_of_a_transaction_are_one_statement_of_writing(procrastinate: Procrastinate) -> None:
    wake, statements = procrastinate.another(), []
    with procrastinate.engine.begin() as connection:

        def execute(sql: str, values: object) -> object:
            statements.append(sql)
            return connection.execute(text(sql), values)  # type: ignore[call-overload]

        wake.in_transaction("", execute, {f"lane {number}": 0 for number in range(500)})

    assert sum("INSERT" in sql for sql in statements) == 1
    assert len(jobs(procrastinate)) == 500


def test_before_a_worker_made_the_tables_nothing_is_written_and_nothing_breaks(
    on_postgresql: Callable[[], str],
) -> None:
    tested = Procrastinate(on_postgresql())
    wake = tested.another()
    tested.write(wake, "a")
    assert tested.ask("SELECT to_regclass('procrastinate_jobs')") == [(None,)]

    asyncio.run(make_tables(tested))
    tested.write(wake, "a")

    assert jobs(tested) == [("a", "todo")]
    tested.engine.dispose()


def test_workers_that_begin_together_make_the_tables_once(on_postgresql: Callable[[], str]) -> None:
    tested = Procrastinate(on_postgresql())

    async def go() -> None:
        await asyncio.gather(*(make_tables(tested) for _ in range(5)))

    asyncio.run(go())

    [[schema, here]] = tested.ask(
        "SELECT relnamespace::regnamespace::text, current_schema() FROM pg_class"
        " WHERE oid = to_regclass('procrastinate_jobs')"
    )
    assert schema == here
    tested.engine.dispose()


def test_tables_of_an_earlier_version_are_brought_up_to_date(on_postgresql: Callable[[], str]) -> None:
    tested = Procrastinate(on_postgresql())
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    earlier = [file for file in files if file.name < "03.04"]
    assert len(earlier) < len(files)
    connection = tested.engine.raw_connection()
    for file in earlier:
        connection.cursor().execute(file.read_text("utf-8"))
    connection.cursor().execute(f"COMMENT ON TABLE procrastinate_jobs IS 'pushdsl {earlier[-1].name[:11]}'")
    connection.commit()
    connection.close()
    newer = (
        "SELECT count(*) FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'"
        " AND pronamespace = current_schema()::regnamespace"
    )
    assert tested.ask(newer) == [(0,)]

    asyncio.run(make_tables(tested))

    assert tested.ask(newer) == [(1,)]
    asyncio.run(make_tables(tested))
    tested.engine.dispose()


def test_tables_that_others_made_are_left_as_they_are(on_postgresql: Callable[[], str]) -> None:
    tested = Procrastinate(on_postgresql())
    asyncio.run(make_tables(tested))
    tested.ask("COMMENT ON TABLE procrastinate_jobs IS 'of another program'")

    asyncio.run(make_tables(tested))

    about = "SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"
    assert tested.ask(about) == [("of another program",)]
    tested.engine.dispose()


def test_a_worker_that_is_killed_while_a_wake_of_its_lane_waits_wedges_nothing(procrastinate: Procrastinate) -> None:
    wake = procrastinate.another()
    with subprocess.Popen([sys.executable, "-c", WORKER, procrastinate.url], stdout=subprocess.PIPE) as worker:
        try:
            procrastinate.write(wake, "a")
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"a\n"
            os.kill(worker.pid, signal.SIGSTOP)
            procrastinate.write(wake, "a")
        finally:
            worker.kill()
    assert jobs(procrastinate) == [("a", "doing"), ("a", "todo")]

    async def go() -> None:
        seen = Seen()
        async with working(procrastinate.another(), seen):
            await seen.begun("a")

    asyncio.run(go())
    assert jobs(procrastinate) == [("a", "doing")]

    procrastinate.ask("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    reap(procrastinate)
    assert jobs(procrastinate) == []


def reap(tested: Procrastinate) -> None:
    async def go() -> None:
        async with tested.another().app().open_async() as app:  # type: ignore[attr-defined]
            await engine.reap(app)

    asyncio.run(go())


@pytest.mark.parametrize(("beats", "left"), [(0, True), (3, True), (5, False)])
def test_the_reaper_takes_what_the_dead_had_begun_and_nothing_of_the_living(
    procrastinate: Procrastinate, beats: int, left: bool
) -> None:
    seconds = beats * engine.HEARTBEAT_SECONDS
    procrastinate.write(procrastinate.another(), "a", "waiting")
    procrastinate.ask(f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '{seconds} s')")
    procrastinate.ask(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)"
        " WHERE args->>'lane' = 'a'"
    )

    reap(procrastinate)

    assert (("a", "doing") in jobs(procrastinate)) == left
    assert ("waiting", "todo") in jobs(procrastinate)


def test_the_reaper_leaves_the_jobs_of_other_queues(procrastinate: Procrastinate) -> None:
    procrastinate.ask("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('mail', 'send', 'doing')")

    reap(procrastinate)

    assert jobs(procrastinate) == [(None, "doing")]


def test_what_is_done_is_deleted(procrastinate: Procrastinate) -> None:
    async def go() -> None:
        seen, wake = Seen(), procrastinate.another()
        async with working(wake, seen):
            await asyncio.to_thread(procrastinate.write, wake, "a", "b")
            await seen.begun("a")
            await seen.begun("b")

    asyncio.run(go())

    assert procrastinate.ask("SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    assert procrastinate.ask("SELECT count(*) FROM procrastinate_events") == [(0,)]
    assert procrastinate.ask("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_later_wakes_of_a_lane_that_are_near_one_another_are_one_job(procrastinate: Procrastinate) -> None:
    wake, at = procrastinate.another(), (milliseconds() // 1000 + 100) * 1000
    with procrastinate.engine.begin() as connection:
        for later in (1, 50, 100, 101):
            wake.in_transaction(
                "", lambda sql, values: connection.execute(text(sql), dict(values)), {"a": at + later}
            )  # fmt: skip

    times = procrastinate.ask("SELECT extract(epoch FROM scheduled_at) * 1000 FROM procrastinate_jobs ORDER BY id")

    assert [int(row[0]) - at for row in times] == [100, 200]


def test_a_worker_whose_record_is_out_of_reach_still_serves_what_it_found_and_can_be_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def go() -> None:
        seen = Seen()
        wake = engine.ProcrastinateWake("postgresql://anna:hunter2@127.0.0.1:1/shop")
        async with working(wake, seen):
            wake.found("", ["a"])
            await seen.begun("a")

    asyncio.run(go())

    assert "hunter2" not in caplog.text


def test_a_record_with_these_tables_in_it_is_a_record_still(on_postgresql: Callable[[], str]) -> None:
    url = on_postgresql()
    tested = Procrastinate(url)
    wake = tested.another()
    with open_work(url, lambda: datetime(2026, 3, 1, tzinfo=UTC), waker=wake) as record:
        asyncio.run(make_tables(tested))
        record.mark([Trigger("MUG", Reason.STOCK_OUT_SALE)])
    assert jobs(tested) == [(PLANNER, "todo")]

    with open_work(url, lambda: datetime(2026, 3, 1, tzinfo=UTC), waker=wake) as record:
        assert record.awake()[0] == (PLANNER,)
    found = open_existing(url)
    assert found is not None
    found.close()
    tested.engine.dispose()
