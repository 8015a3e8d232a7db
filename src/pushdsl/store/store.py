"""What was desired, what was confirmed and what happened in; what every store shows and the history of pushes out.

For every cell the newest desired quantity and the last confirmed one are kept; work is the difference. An intent is
on the disk before its push, so a killed apply leaves Pending records, and their cells count as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from sqlalchemy import Connection, Engine, inspect

from pushdsl.errors import PushdslError
from pushdsl.model import CellKey, Live, Mode, PlannedCell, Reason, Record, RecordedLive, Status
from pushdsl.store import opening, statements, work_statements
from pushdsl.store.ledgers import LedgerStore
from pushdsl.store.session import ROWS, Session, milliseconds, time_of
from pushdsl.store.tables import missing, token

LATEST = 100
"""Records kept of a listing, at all its locations together."""
DAYS = 30
STEP = 100
"""Listings cleaned, and records of each deleted, in one transaction; others can write between two of them."""
UNBINDING_MILLISECONDS = 10 * 60 * 1000
"""A listing must be missing for this long before its mapping ends (BEHAVIOURS A19)."""
INTERRUPTED = "stopped before the answer was known"


@dataclass(frozen=True, slots=True)
class Finished:
    """How one push ended. `live` is what is now known of the store.

    confirmed: it shows what was sent. unknown: it may show either. keep: nothing was sent, it shows what it did.
    """

    record_id: int
    key: CellKey
    quantity: int
    mode: Mode
    days: int | None
    status: Status
    at: datetime
    live: Literal["confirmed", "unknown", "keep"]
    code: str = ""
    kind: str = ""
    detail: str = ""
    missing: bool = False
    """The store has no such listing, and its platform unbinds those."""


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """How one store stands. `statuses` and `failures` (by kind) count the newest record of each cell.

    What was skipped because nothing had to be sent does not hide a success before it.

    `cells` are those of which anything is known, `unknown` those of them whose quantity is not. `unbound` are listings
    that the store said twice it does not have.
    """

    store: str
    cells: int = 0
    unknown: int = 0
    last_success: datetime | None = None
    statuses: Mapping[Status, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    unbound: int = 0


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """The tokens of an account as they are kept; `version` grows with every renewal."""

    sealed: str
    access_until: datetime | None
    refresh_until: datetime | None
    version: int
    seed: str


def open_store(url: str, *, create: bool = True, tenant: str = "") -> RecordStore:
    """The store of record at `url`, such as `sqlite:///.pushdsl/record.db`; made if it is absent and `create` allows.

    Raises PushdslError where it is not ours, from a newer version, locked, or cannot be reached or written.
    """
    database = opening.database_at(url)
    if not create and not database.exists():
        raise PushdslError(f"there is no record at `{database.name}`", "`pushdsl apply` makes it with the first push")
    return RecordStore(database, opening.connect(database, create=create), tenant)


def open_existing(url: str, *, tenant: str = "") -> RecordStore | None:
    """As `open_store`, to look at and not to make: None where there is no record yet."""
    database = opening.database_at(url)
    return RecordStore(database, opening.connect(database, create=False), tenant) if database.exists() else None


class RecordStore(Session):
    """An open record; every method is one transaction unless it says otherwise, and raises PushdslError."""

    def __init__(self, database: opening.Database, engine: Engine, tenant: str) -> None:
        super().__init__(database, engine, tenant)
        dialect: Any = engine.dialect.name  # opening lets only dialects through that have upserts
        self._desire = statements.desire(dialect)
        self._observe = statements.observe(dialect)
        self._skip = statements.skip(dialect)
        self._first_claim = statements.first_claim(dialect)
        self._miss = statements.miss(dialect, UNBINDING_MILLISECONDS)
        self._keep_token = statements.keep_token(dialect)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    def lock(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Keeps every other apply off this record while it lasts; raises PushdslError that says who has it.

        `shared` lets other workers in, on PostgreSQL.
        """
        return self._database.lock(shared=shared)

    def ledger(self) -> LedgerStore:
        """The stock events of the same record; open as long as it is."""
        return LedgerStore(self._database, self._engine, self._tenant)

    # ---- state --------------------------------------------------------------------------------------

    def live(self) -> RecordedLive:
        """What is known of every cell, by store, store SKU, location; unknown while a push of it is under way."""
        columns: list[list[Any]] = [[] for _ in range(8)]
        with self._transaction() as connection:
            for rows in connection.execute(statements.LIVE, self._ours()).partitions(ROWS):
                for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                    column.extend(values)
            unbound = [tuple(row) for row in self._unbound(connection)]
        store, store_sku, location, quantity, reserved, preorder, days, confirmed_at = columns
        return RecordedLive(
            store, store_sku, location, quantity, reserved, list(map(bool, preorder)), days, confirmed_at, unbound
        )

    def _unbound(self, connection: Connection) -> Sequence[Any]:
        """Store and store SKU of every unbound listing."""
        if not inspect(connection).has_table(missing.name):  # an older record that nothing was written to since
            return []
        return connection.execute(statements.UNBOUND, self._ours()).fetchall()

    def unbound(self) -> list[tuple[str, str]]:
        """Store and store SKU of every listing that its store said twice it does not have."""
        with self._transaction() as connection:
            return [(row[0], row[1]) for row in self._unbound(connection)]

    def observe(self, shown: Sequence[tuple[CellKey, Live]], *, at: datetime) -> None:
        """Keeps what was read from the stores; another quantity than was pushed ends what the push holds.

        `at` is when the reading began: a push confirmed after it knows better.
        """
        if not shown:
            return
        began = {"p_read_at": milliseconds(at)}
        with self._transaction(opening.WRITE) as connection:
            read = [self._key(key) | _read(live) | began for key, live in shown]
            self._many(connection, self._observe, read)
            self._found(connection, read)

    # ---- tokens -------------------------------------------------------------------------------------

    def grant(self, account: str) -> SealedGrant | None:
        """The newest tokens of an account; None where none were kept."""
        with self._transaction() as connection:
            if not inspect(connection).has_table(token.name):  # an older record that nothing was written to since
                return None
            row = connection.execute(statements.READ_TOKEN, self._ours() | {"p_account": account}).first()
        if row is None:
            return None
        return SealedGrant(row.sealed, time_of(row.access_until), time_of(row.refresh_until), row.version, row.seed)

    def claim_grant(self, account: str, version: int, now: datetime, until: datetime) -> bool:
        """Whether the caller alone may renew this version until then. Version 0: nothing was kept yet."""
        claim = {
            "p_account": account,
            "p_version": version,
            "p_now": milliseconds(now),
            "p_until": milliseconds(until),
        }
        with self._transaction(opening.DURABLE) as connection:
            if version == 0:
                empty = {"account": account, "version": 0, "sealed": "", "seed": "", "changed_at": milliseconds(now)}
                connection.execute(self._first_claim, {"tenant": self._tenant} | empty)
            return connection.execute(statements.CLAIM_TOKEN, self._ours() | claim).rowcount == 1

    def release_grant(self, account: str, until: datetime) -> None:
        """Gives back the claim that was to last until then and came to nothing; another's that followed it stays."""
        claim = {"p_account": account, "p_until": milliseconds(until)}
        with self._transaction(opening.WRITE) as connection:
            connection.execute(statements.RELEASE_TOKEN, self._ours() | claim)

    def keep_grant(self, account: str, grant: SealedGrant, *, at: datetime) -> bool:
        """Keeps new tokens in place of older ones and ends the claim; on the disk before it returns.

        False, and nothing is changed, where this version or a newer one is kept already.
        """
        row = {
            "tenant": self._tenant,
            "account": account,
            "version": grant.version,
            "sealed": grant.sealed,
            "seed": grant.seed,
            "access_until": None if grant.access_until is None else milliseconds(grant.access_until),
            "refresh_until": None if grant.refresh_until is None else milliseconds(grant.refresh_until),
            "claimed_until": None,
            "changed_at": milliseconds(at),
        }
        with self._transaction(opening.DURABLE) as connection:
            return connection.execute(self._keep_token, row).first() is not None

    # ---- pushes -------------------------------------------------------------------------------------

    def begin(self, cells: Sequence[PlannedCell], *, reason: int, at: datetime) -> list[int]:
        """Notes that these quantities are about to be sent; returns the numbers of their Pending records, in order.

        It is on the disk before this returns. A cell may stand in `cells` once.
        """
        why, when = _reason(reason), milliseconds(at)
        if not cells:
            return []
        assert _distinct(cells), "a cell is pushed once at a time"
        with self._transaction(opening.DURABLE) as connection:
            ids = self._numbers(connection, len(cells))
            intents = (self._intent(i, cell, why, when) for i, cell in zip(ids, cells, strict=True))
            self._many(connection, statements.BEGIN, intents)
            self._many(connection, self._desire, map(self._wanted, cells))
        return list(ids)

    def finish(self, results: Sequence[Finished]) -> None:
        """Keeps how pushes ended, each in its record and in what is known of its cell; call it with 50 and more."""
        if not results:
            return
        answers = [self._answer(result) for result in results]
        with self._transaction(opening.WRITE) as connection:
            done = self._many(connection, statements.FINISH, answers)
            assert done == len(results), "every push that ends was begun"
            for live in ("confirmed", "unknown", "keep"):
                self._settle(connection, live, [a for a, r in zip(answers, results, strict=True) if r.live == live])
            self._note_missing(connection, results, answers)

    def _note_missing(
        self, connection: Connection, results: Sequence[Finished], answers: list[dict[str, object]]
    ) -> None:
        missed = [a for a, result in zip(answers, results, strict=True) if result.missing]
        # of several locations of a listing one is enough
        lost = {
            (a["p_store"], a["p_store_sku"]): _of_listing(a) | {"p_finished_at": a["p_finished_at"]} for a in missed
        }
        if lost:
            self._many(connection, self._miss, lost.values())
        confirmed = [a for a, result in zip(answers, results, strict=True) if result.live == "confirmed"]
        self._found(connection, confirmed)

    def _found(self, connection: Connection, rows: Sequence[dict[str, object]]) -> None:
        """What a store shows is not missing."""
        if rows and connection.execute(statements.MISSES, self._ours()).scalar_one():
            connection.execute(statements.FOUND, [_of_listing(row) for row in rows])

    def _settle(self, connection: Connection, live: str, answers: list[dict[str, object]]) -> None:
        if not answers:
            return
        match live:
            case "confirmed":
                newest = self._many(connection, statements.CONFIRM, answers)
                if newest < len(answers):
                    self._many(connection, statements.LOSE_OVERTAKEN, answers)
            case "unknown":
                self._many(connection, statements.LOSE, answers)
            case _:
                self._many(connection, statements.LEAVE, answers)

    def skip(self, cells: Sequence[tuple[PlannedCell, str]], *, reason: int, at: datetime) -> None:
        """Keeps that these cells were not sent, and why; the same again is counted in the record that says so."""
        why, when = _reason(reason), milliseconds(at)
        for some in _each_cell_once(cells):
            with self._transaction(opening.WRITE) as connection:
                ids = self._numbers(connection, len(some))
                skipped = (
                    self._intent(i, cell, why, when) | {"p_before": cell.live, "p_detail": _text(detail), "p_count": 1}
                    for i, (cell, detail) in zip(ids, some, strict=True)
                )
                self._many(connection, self._skip, skipped)

    def interrupted(self, at: datetime) -> int:
        """Ends the pushes of an apply that died: Failed, their cells unknown; returns how many. Hold the lock."""
        with self._transaction(opening.WRITE) as connection:
            count = connection.execute(statements.COUNT_PENDING, self._ours()).scalar_one()
            if count:
                connection.execute(statements.LOSE_PENDING, self._ours())
                ended = {"p_finished_at": milliseconds(at), "p_kind": "unknown", "p_detail": INTERRUPTED}
                connection.execute(statements.FAIL_PENDING, self._ours() | ended)
        return count

    # ---- history ------------------------------------------------------------------------------------

    def records(
        self,
        *,
        store: str | None = None,
        store_sku: str | None = None,
        sku: str | None = None,
        status: Status | None = None,
        reason: int | None = None,
        kind: str | None = None,
        last: bool = False,
        limit: int | None = 100,
    ) -> list[Record]:
        """The newest records first, at most `limit`, of those that have every value that is given.

        With `last` only those that are the newest of their cell.
        """
        asked = {"store": store, "store_sku": store_sku, "sku": sku, "reason": reason, "kind": kind}
        filters = {name: value for name, value in asked.items() if value is not None}
        with self._transaction() as connection:
            rows = connection.execute(statements.records(filters, status, limit, last), self._ours()).fetchall()
        return [_record(row._mapping) for row in rows]

    def summary(self) -> list[StoreSummary]:
        """How every store stands, by name."""
        with self._transaction() as connection:
            cells = connection.execute(statements.CELLS_BY_STORE, self._ours()).fetchall()
            newest = connection.execute(statements.NEWEST_BY_STORE, self._ours()).fetchall()
            unbound = Counter(store for store, _ in self._unbound(connection))
        known = {store: (count, unknown, time_of(success)) for store, count, unknown, success in cells}
        names = sorted({*known, *(row[0] for row in newest)})
        return [
            replace(
                _summary(name, known.get(name, (0, 0, None)), [r[1:] for r in newest if r[0] == name]),
                unbound=unbound[name],
            )
            for name in names
        ]

    def prune(self, at: datetime) -> int:
        """Deletes history beyond the latest 100 records of a listing and 30 days, in small steps; returns how many.

        What a store shows is not history and stays; so does a push whose end is not known. Messages that were heard are
        forgotten with them, and those that were put aside are not.
        """
        before = self._ours() | {"p_created_at": milliseconds(at - timedelta(days=DAYS)), "p_step": STEP * STEP}
        count = 0
        self._delete(work_statements.FORGET_MESSAGES, [self._ours() | {"p_received_at": before["p_created_at"]}])
        while deleted := self._delete(statements.DELETE_OLDER, [before]):
            count += deleted
        for listings in self._crowded():
            while deleted := self._delete(statements.DELETE_CROWD, listings):
                count += deleted
        return count

    def _crowded(self) -> Iterator[list[dict[str, object]]]:
        """Listings with more records than are kept, some at a time."""
        limits = self._ours() | {"p_keep": LATEST, "p_step": STEP}
        last = {"p_store": "", "p_store_sku": ""}
        while True:
            with self._transaction() as connection:
                rows = connection.execute(statements.CROWDED, limits | last).fetchall()
            if not rows:
                return
            listings = [{"p_store": store, "p_store_sku": store_sku} for store, store_sku in rows]
            yield [limits | listing for listing in listings]
            last = listings[-1]

    def records_after(self, number: int, *, since: datetime) -> list[Record]:
        """The next records by their numbers, some at a time, of those that were begun or ended since then."""
        asked = self._ours() | {"p_id": number, "p_created_at": milliseconds(since), "p_step": ROWS}
        with self._transaction() as connection:
            rows = connection.execute(statements.RECORDS_AFTER, asked).fetchall()
        return [_record(row._mapping) for row in rows]

    # ---- below --------------------------------------------------------------------------------------

    def _key(self, key: CellKey | PlannedCell) -> dict[str, object]:
        return {
            "p_tenant": self._tenant,
            "p_store": key.store,
            "p_store_sku": key.store_sku,
            "p_location": key.location,
        }

    def _wanted(self, cell: PlannedCell) -> dict[str, object]:
        preorder = int(cell.mode == "preorder")
        return self._key(cell) | {
            "p_desired_quantity": cell.quantity, "p_desired_preorder": preorder, "p_desired_days": cell.days
        }  # fmt: skip

    def _intent(self, number: int, cell: PlannedCell, reason: int, created_at: int) -> dict[str, object]:
        assert cell.quantity is not None, "a blocked cell is never sent"
        return {
            "p_tenant": self._tenant,
            "p_id": number,
            "p_store": cell.store,
            "p_store_sku": cell.store_sku,
            "p_location": cell.location,
            "p_sku": cell.sku,
            "p_rule": cell.rule or "",
            "p_reason": reason,
            "p_before": cell.available if cell.live is None else cell.live,
            "p_quantity": cell.quantity,
            "p_preorder": int(cell.mode == "preorder"),
            "p_days": cell.days,
            "p_created_at": created_at,
        }

    def _answer(self, result: Finished) -> dict[str, object]:
        assert result.status is not Status.PENDING, "what has ended is not pending"
        at = milliseconds(result.at)
        return {
            "p_tenant": self._tenant,
            "p_id": result.record_id,
            "p_store": result.key.store,
            "p_store_sku": result.key.store_sku,
            "p_location": result.key.location,
            "p_quantity": result.quantity,
            "p_preorder": int(result.mode == "preorder"),
            "p_days": result.days,
            "p_status": Status(result.status).value,
            "p_finished_at": at,
            "p_confirmed_at": at,
            "p_code": _text(result.code),
            "p_kind": result.kind,
            "p_detail": _text(result.detail),
        }


def _text(said: str) -> str:
    """What a platform said, without the one character that PostgreSQL does not keep."""
    return said.replace("\0", "\ufffd")


def _of_listing(row: Mapping[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("p_tenant", "p_store", "p_store_sku")}


def _reason(reason: int) -> int:
    """The number of a reason there is; raises PushdslError."""
    try:
        return int(Reason(reason))
    except ValueError:
        ours = [int(r) for r in Reason if r > Reason.STOCK_COUNT]
        raise PushdslError(
            f"`{reason}` is no reason for a push", f"reasons are 1 to 17 and {min(ours)} to {max(ours)}"
        ) from None


def _distinct(cells: Iterable[PlannedCell]) -> bool:
    keys = [(cell.store, cell.store_sku, cell.location) for cell in cells]
    return len(set(keys)) == len(keys)


def _each_cell_once(cells: Sequence[tuple[PlannedCell, str]]) -> Iterable[Sequence[tuple[PlannedCell, str]]]:
    """The cells in lists that hold no cell twice, since a list is written as a whole; nearly always it is the one."""
    if _distinct(cell for cell, _ in cells):
        return [cells] if cells else []
    rounds: dict[int, list[tuple[PlannedCell, str]]] = {}
    seen = Counter[CellKey]()
    for cell, detail in cells:
        rounds.setdefault(seen[cell.key], []).append((cell, detail))
        seen[cell.key] += 1
    return rounds.values()


def _read(live: Live) -> dict[str, object]:
    assert live.quantity is not None, "what was read is known"
    preorder = int(live.mode == "preorder")
    return {
        "p_quantity": live.quantity, "p_reserved": live.reserved, "p_preorder": preorder, "p_days": live.days
    }  # fmt: skip


def _record(row: Mapping[Any, Any]) -> Record:  # Any: SQLAlchemy's rows are untyped
    created_at, finished_at = time_of(row["created_at"]), time_of(row["finished_at"])
    assert created_at is not None
    return Record(
        id=row["id"],
        key=CellKey(row["store"], row["store_sku"], row["location"]),
        sku=row["sku"],
        rule=row["rule"],
        reason=row["reason"],
        status=Status(row["status"]),
        before=row["before"],
        quantity=row["quantity"],
        mode="preorder" if row["preorder"] else "normal",
        days=row["days"],
        detail=row["detail"],
        code=row["code"],
        kind=row["kind"],
        created_at=created_at,
        finished_at=finished_at,
        count=row["count"],
    )


def _summary(store: str, known: tuple[int, int, datetime | None], newest: Sequence[Sequence[Any]]) -> StoreSummary:
    statuses: dict[Status, int] = {}
    failures: dict[str, int] = {}
    for status, kind, count in newest:
        statuses[Status(status)] = statuses.get(Status(status), 0) + count
        if status == Status.FAILED.value:
            failures[kind] = failures.get(kind, 0) + count
    return StoreSummary(store, *known, statuses, failures)
