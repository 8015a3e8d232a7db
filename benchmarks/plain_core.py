"""The least that keeps what pushdsl keeps: a level-triggered core in plain SQL and threads, for `continuous.py`.

A trigger overwrites the wanted quantity of a listing and adds a record. Whoever is woken leases a store, writes an
intent for up to 50 listings, calls, and records how it ended. It plans nothing, has no rates, no held cells, no forced
pushes, no order of falls and rises, one reason a record and one error: what pushdsl has more is what the ratio buys.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

HTTP_TIMEOUT = 2.0
MARGIN = 0.5
LEASE = 6.0
BATCH = 50
SWEEP = 1.0
WINDOW = 0.0

TABLES = """
CREATE TABLE store (id INTEGER PRIMARY KEY, token BIGINT NOT NULL, lease_until FLOAT NOT NULL, wake_at FLOAT);
CREATE TABLE listing (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, want_qty INTEGER NOT NULL,
  want_gen BIGINT NOT NULL, have_gen BIGINT NOT NULL, dirty INTEGER NOT NULL, due_at FLOAT);
CREATE INDEX listing_due ON listing (store, due_at) WHERE dirty = 1;
CREATE TABLE record (listing INTEGER NOT NULL, gen BIGINT NOT NULL, qty INTEGER NOT NULL, reason INTEGER NOT NULL,
  at FLOAT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (listing, gen));
CREATE TABLE batch (id {serial} PRIMARY KEY, store INTEGER NOT NULL, token BIGINT NOT NULL, deadline FLOAT NOT NULL,
  status TEXT NOT NULL);
CREATE INDEX batch_open ON batch (store) WHERE status = 'INTENT';
"""

Rows = Sequence[tuple[int, int, int, int]]
"""Listing, store, quantity, reason."""
CallApi = Callable[[int, Sequence[Any]], bool]
"""A store and its listings in; whether it was answered."""


@dataclass
class PlainCore:
    """The core on one database. `on_pushed` is told of listings and generations that a store confirmed."""

    url: str
    call_api: CallApi
    on_pushed: Callable[[Iterable[int]], None] = lambda ids: None
    engine: Engine = field(init=False)
    lock: str = field(init=False)

    def __post_init__(self) -> None:
        self.sqlite = self.url.startswith("sqlite")
        if self.sqlite:
            self.engine = create_engine(self.url, connect_args={"timeout": 30}, pool_size=64)
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
            self.lock = ""
        else:
            self.engine = create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"), pool_size=64)
            self.lock = " FOR UPDATE"

    def make(self, stores: int, listings: Iterable[tuple[int, int]]) -> None:
        serial = "INTEGER" if self.sqlite else "BIGINT GENERATED ALWAYS AS IDENTITY"
        with self.engine.begin() as c:
            for statement in TABLES.replace("{serial}", serial).split(";"):
                if statement.strip():
                    c.exec_driver_sql(statement)
            c.execute(text("INSERT INTO store VALUES (:s, 0, 0, NULL)"), [{"s": s} for s in range(stores)])
            rows = [{"l": listing, "s": store} for listing, store in listings]
            c.execute(text("INSERT INTO listing VALUES (:l, :s, 0, 0, 0, 0, NULL)"), rows)

    # ---- triggers -----------------------------------------------------------------------------------

    def trigger(self, c: Connection, rows: Rows) -> list[int]:
        """In the caller's transaction; the stores to be woken."""
        now = time.time()
        stores = sorted({store for _, store, _, _ in rows})
        c.execute(  # first: this locks the stores' rows
            text("UPDATE store SET wake_at = CASE WHEN wake_at < :w THEN wake_at ELSE :w END WHERE id = :s"),
            [{"s": s, "w": now + WINDOW} for s in stores],
        )
        ids = sorted({listing for listing, _, _, _ in rows})
        found = c.execute(text(f"SELECT id, want_gen FROM listing WHERE id IN ({_list(ids)}) ORDER BY id{self.lock}"))
        gens = {row.id: row.want_gen for row in found}
        records, wants = [], dict[int, dict[str, object]]()
        for listing, _, qty, reason in rows:
            gens[listing] += 1
            records.append({"l": listing, "g": gens[listing], "q": qty, "r": reason, "n": now})
            wants[listing] = {"l": listing, "q": qty, "g": gens[listing], "d": now + WINDOW}
        c.execute(
            text(
                "UPDATE listing SET want_qty = :q, want_gen = :g, due_at = CASE WHEN dirty = 1 THEN due_at ELSE :d END,"
                " dirty = 1 WHERE id = :l"
            ),
            list(wants.values()),
        )
        c.execute(text("INSERT INTO record VALUES (:l, :g, :q, :r, :n, 'PENDING')"), records)
        return stores

    # ---- work ---------------------------------------------------------------------------------------

    def reconcile(self, store: int) -> None:
        with self.engine.begin() as c:
            now = time.time()
            s = self._store(c, store)
            if s is None or s.lease_until > now:
                return  # the holder will see whatever we came for
            token = s.token + 1
            self._set(c, store, token=token, lease_until=now + LEASE, wake_at=now + LEASE)
            open_ = c.execute(
                text("SELECT id, deadline FROM batch WHERE store = :s AND status = 'INTENT'"), {"s": store}
            )
            batches = open_.fetchall()
        wait = max((b.deadline for b in batches), default=0.0)
        if wait > time.time():
            self._release(store, token, wait)
            return
        if batches:
            with self.engine.begin() as c:
                c.execute(text("UPDATE batch SET status = 'UNKNOWN' WHERE id = :b"), [{"b": b.id} for b in batches])
        while self._round(store, token):
            pass

    def _round(self, store: int, token: int) -> bool:
        with self.engine.begin() as c:
            now = time.time()
            if self._store(c, store, token) is None:
                return False
            due = {"s": store, "n": now, "k": BATCH}
            rows = c.execute(
                text(
                    "SELECT id, want_qty, want_gen FROM listing WHERE store = :s AND dirty = 1 AND due_at <= :n"
                    " ORDER BY due_at LIMIT :k"
                ),
                due,
            ).fetchall()
            if not rows:
                at = c.execute(text("SELECT min(due_at) FROM listing WHERE store = :s AND dirty = 1"), {"s": store})
                self._set(c, store, token=token, lease_until=0.0, wake_at=at.scalar())
                return False
            deadline = now + HTTP_TIMEOUT + MARGIN
            batch = c.execute(
                text("INSERT INTO batch (store, token, deadline, status) VALUES (:s, :t, :d, 'INTENT') RETURNING id"),
                {"s": store, "t": token, "d": deadline},
            ).scalar_one()
            c.execute(
                text("UPDATE record SET status = 'SKIPPED' WHERE listing = :l AND gen < :g AND status = 'PENDING'"),
                [{"l": r.id, "g": r.want_gen} for r in rows],
            )
            self._set(c, store, token=token, lease_until=now + LEASE, wake_at=now + LEASE)
        if time.time() > deadline - HTTP_TIMEOUT:
            return False
        answered = self.call_api(store, rows)
        with self.engine.begin() as c:
            now = time.time()
            ids = [{"l": r.id, "g": r.want_gen, "n": now} for r in rows]
            if self._store(c, store, token) is None:  # our late call may have overwritten a newer quantity
                c.execute(text("UPDATE store SET wake_at = :n WHERE id = :s"), {"s": store, "n": now})
                c.execute(text("UPDATE listing SET dirty = 1, have_gen = -1, due_at = :n WHERE id = :l"), ids)
                return False
            if not answered:  # unknown: the intent stays until its deadline
                self._set(c, store, token=token, lease_until=0.0, wake_at=deadline)
                return False
            c.execute(
                text(
                    "UPDATE listing SET have_gen = :g, dirty = CASE WHEN want_gen > :g THEN 1 ELSE 0 END WHERE id = :l"
                ),
                ids,
            )
            c.execute(text("UPDATE record SET status = 'PUSHED' WHERE listing = :l AND gen = :g"), ids)
            c.execute(text("UPDATE batch SET status = 'DONE' WHERE id = :b"), {"b": batch})
        self.on_pushed(r.id for r in rows)
        return True

    def _store(self, c: Connection, store: int, token: int | None = None) -> Any:
        of = "" if token is None else " AND token = :t"
        return c.execute(
            text(f"SELECT token, lease_until FROM store WHERE id = :s{of}{self.lock}"), {"s": store, "t": token}
        ).first()

    def _set(self, c: Connection, store: int, *, token: int, lease_until: float, wake_at: float | None) -> None:
        c.execute(
            text("UPDATE store SET token = :t, lease_until = :u, wake_at = :w WHERE id = :s"),
            {"s": store, "t": token, "u": lease_until, "w": wake_at},
        )

    def _release(self, store: int, token: int, wake_at: float) -> None:
        with self.engine.begin() as c:
            if self._store(c, store, token) is not None:
                self._set(c, store, token=token, lease_until=0.0, wake_at=wake_at)

    # ---- what is left -------------------------------------------------------------------------------

    def awake(self) -> list[int]:
        with self.engine.connect() as c:
            asked = text("SELECT id FROM store WHERE wake_at <= :n AND lease_until <= :n")
            return list(c.execute(asked, {"n": time.time()}).scalars())

    def left(self) -> int:
        with self.engine.connect() as c:
            return int(c.execute(text("SELECT count(*) FROM listing WHERE dirty = 1")).scalar_one())


class Threads:
    """Wakes for a pool of threads in this process; stores that nobody was told of are swept up every second."""

    def __init__(self, core: PlainCore, threads: int) -> None:
        self._core, self._due, self._running = core, dict[int, None](), set[int]()
        self._changed, self._ended = threading.Condition(), False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        self._threads.append(threading.Thread(target=self._sweep, daemon=True))

    @contextmanager
    def running(self) -> Any:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            for thread in self._threads:
                thread.join()

    def wake(self, stores: Iterable[int]) -> None:
        with self._changed:
            self._due.update(dict.fromkeys(stores))
            self._changed.notify_all()

    def _work(self) -> None:
        while (store := self._next()) is not None:
            self._core.reconcile(store)
            with self._changed:
                self._running.discard(store)
                self._changed.notify_all()

    def _next(self) -> int | None:
        with self._changed:
            while not self._ended:
                store = next((s for s in self._due if s not in self._running), None)
                if store is not None:
                    del self._due[store]
                    self._running.add(store)
                    return store
                self._changed.wait()
        return None

    def _sweep(self) -> None:
        while not self._ended:
            self.wake(self._core.awake())
            with self._changed:
                self._changed.wait_for(lambda: self._ended, SWEEP)


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _list(ids: Sequence[int]) -> str:
    return ",".join(map(str, ids))
