"""Wakes as jobs of Procrastinate, in the database of the record: written by the transaction that has something done.

Only `queueing_lock` is used, which is held while a job waits. Never `lock`: a worker that is killed leaves its job as
being done, and putting that one back into the queue breaks on the one that waits by then. The lease of a lane serves.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager
from psycopg_pool import PoolTimeout

from pushdsl.store import Execute, libpq_words
from pushdsl.wakes import Handler
from pushdsl.wakes.own import CONCURRENCY, OwnWake, step_after
from pushdsl.wakes.turns import Turns, turns_of, unless

QUEUE = "pushdsl"
TASK = "pushdsl.wake"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 40.0
"""A worker that has not been heard of for so long is dead. INVARIANT: more than three heartbeats, or living ones are
taken for dead."""
POLL_SECONDS = 0.2
"""How often a worker looks for jobs whose time has come; those of now are told to it."""
STEP_MILLISECONDS = 100
"""Later wakes of a lane that are nearer to one another than this become one, at the end of the step."""
AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)

HAS_TABLES = "SELECT to_regclass(format('%I.procrastinate_jobs', current_schema())) IS NOT NULL"
# What procrastinate_defer_jobs_v1 does, but for a wake that waits already: that one is enough, and no error.
DEFER = """
INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, scheduled_at)
SELECT :queue, :task, wake.name, wake.args, to_timestamp(wake.at / 1000.0)
  FROM jsonb_to_recordset(CAST(:wakes AS jsonb)) AS wake(name text, args jsonb, at bigint)
 ORDER BY wake.name
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
"""
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now"
REAP = """
DELETE FROM procrastinate_jobs AS job
 WHERE status = 'doing' AND queue_name = %(queue)s
   AND NOT EXISTS (SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id
                      AND worker.last_heartbeat > now() - make_interval(secs => %(seconds)s))
"""
KNOWN = """
SELECT obj_description(to_regclass(format('%%I.procrastinate_jobs', current_schema())), 'pg_class') AS version
"""


class ProcrastinateWake:
    """For records in PostgreSQL. The first `run` on a record makes Procrastinate's tables beside the record's; before
    that nobody listens, and no wakes are written."""

    def __init__(self, record_url: str, concurrency: int = CONCURRENCY) -> None:
        self._words, self._concurrency = libpq_words(record_url), concurrency
        self._has_tables = False
        self._found = OwnWake(concurrency)

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        if not self._has_tables:
            self._has_tables = bool(_scalar(execute(HAS_TABLES, {})))
        if not self._has_tables or not lanes:
            return
        now = int(_scalar(execute(NOW, {})))
        wakes = [_wake(tenant, lane, at, now) for lane, at in lanes.items()]
        execute(DEFER, {"queue": QUEUE, "task": TASK, "wakes": json.dumps(wakes)})

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        pass

    def found(self, tenant: str, lanes: Iterable[str]) -> None:
        self._found.found(tenant, lanes)

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        async with turns_of(handler, stop, self._concurrency, self._found) as turns:
            while not turns.ended.is_set():
                try:
                    await self._work(turns)
                except (ConnectorException, PoolTimeout):
                    _log.warning("waking by Procrastinate stopped, and is tried again: the record is out of reach")
                    await unless(turns.ended, asyncio.sleep(AGAIN_SECONDS))

    async def _work(self, turns: Turns) -> None:
        app = self.app()
        app.task(name=TASK, queue=QUEUE)(turns.take)
        try:
            await unless(turns.ended, _open(app))
            if not turns.ended.is_set():
                await unless(turns.ended, self._worker(app))  # one that is cancelled waits for its handlers
        finally:
            await app.close_async()

    async def _worker(self, app: procrastinate.App) -> None:
        reaper = asyncio.create_task(_reap_now_and_then(app))
        try:
            await app.run_worker_async(
                queues=[QUEUE], name=QUEUE, concurrency=self._concurrency, delete_jobs="always",
                fetch_job_polling_interval=POLL_SECONDS, update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALE_SECONDS, install_signal_handlers=False,
            )  # fmt: skip
        finally:
            reaper.cancel()
            await asyncio.gather(reaper, return_exceptions=True)

    def app(self) -> procrastinate.App:
        """Connections of its own, so that a handler never waits for one of these."""
        connector = procrastinate.PsycopgConnector(
            kwargs=self._words | {"application_name": "pushdsl wakes"}, min_size=1, max_size=4
        )
        return procrastinate.App(connector=connector)


async def _open(app: procrastinate.App) -> None:
    await app.open_async()
    await make_tables(app)


async def _reap_now_and_then(app: procrastinate.App) -> None:
    while True:
        with suppress(ConnectorException):  # the worker tells of it
            await reap(app)
        await asyncio.sleep(STALE_SECONDS)


async def reap(app: procrastinate.App) -> None:
    """Deletes the jobs that dead workers had begun; whoever works looks for itself for what they left."""
    await app.connector.execute_query_async(REAP, queue=QUEUE, seconds=STALE_SECONDS)


async def make_tables(app: procrastinate.App) -> None:
    """Procrastinate's tables as this version of it wants them; once, however many workers begin at the same time.

    Tables that pushdsl did not make are left as they are.
    """
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    newest = _version(files[-1])
    row = await app.connector.execute_query_one_async(KNOWN)
    if row["version"] == newest:
        return
    updates = [
        f"IF known < '{_version(file)}' THEN EXECUTE {_quoted(file.read_text('utf-8'))}; END IF;"
        for file in files
        if row["version"] is not None and row["version"] < _version(file)
    ]
    script = f"""
DO $pushdsl$
DECLARE
    jobs text := format('%I.procrastinate_jobs', current_schema());
    known text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pushdsl wakes ' || current_schema(), 0));
    -- by a look at the rows, because what was looked up by name is remembered, and another has made it meanwhile
    known := (SELECT coalesce(obj_description(pg_class.oid, 'pg_class'), 'of others')
                FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE nspname = current_schema() AND relname = 'procrastinate_jobs');
    IF known IS NULL THEN
        EXECUTE {_quoted(SchemaManager.get_schema())};
        known := 'pushdsl';
    ELSIF known LIKE 'pushdsl %' THEN
        {" ".join(updates) or "NULL;"}
    END IF;
    IF known LIKE 'pushdsl%' THEN
        EXECUTE format('COMMENT ON TABLE %s IS %L', jobs, '{newest}');
    END IF;
END
$pushdsl$
"""
    await app.connector.execute_query_async(cast(Any, script.replace("%", "%%")))  # Any: made of Procrastinate's own


def _version(migration: Path) -> str:
    return f"pushdsl {migration.name[:11]}"  # as 03.04.00_50


def _quoted(sql: str) -> str:
    return f"$pushdsl_schema${sql}$pushdsl_schema$"


def _wake(tenant: str, lane: str, at: int, now: int) -> dict[str, object]:
    """A job; one of now and a later one have different names, so that a later one keeps none of now away."""
    name = f"{QUEUE} {json.dumps([tenant, lane])}"
    wake: dict[str, object] = {"name": name, "args": {"tenant": tenant, "lane": lane}, "at": None}
    if at > now:
        later = step_after(at, STEP_MILLISECONDS)
        wake |= {"name": f"{name} {later}", "at": later}
    return wake


def _scalar(result: object) -> Any:  # Any: a value of the database
    return cast(Any, result).scalar()
