"""A plan in; pushed, every outcome recorded, and how it ended out. The guards stand before the first call."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

import numpy as np

from pushdsl.calling import Reach, connections
from pushdsl.cycle import Inputs, Project
from pushdsl.errors import RefusedPlan
from pushdsl.model import ABSENT, ACTIONS, CellKey, Facts, Live, Plan, PlannedCell, Reason
from pushdsl.pacing import Pace
from pushdsl.planner import PlannedCells, planned_cells
from pushdsl.pusher import Job, StoreWork, push
from pushdsl.reaching import check_settings, reach
from pushdsl.recorder import Applied, OnProgress, Recorder
from pushdsl.store import RecordStore, open_store


def refuse_unless_safe(project: Project, planned: Plan, allow_zeroing: bool) -> None:
    """The guards before the first call: the switch, and no mass zeroing. Raises RefusedPlan."""
    refuse_while_off(project)
    refuse_mass_zeroing(project, planned_cells(planned), allow_zeroing)


def refuse_while_off(project: Project) -> None:
    """Raises RefusedPlan."""
    if not project.settings.push_enabled:
        raise RefusedPlan(
            "pushing is switched off", "set `enabled = true` under `[push]` in `pushdsl.toml` to push again"
        )


def refuse_mass_zeroing(project: Project, cells: PlannedCells, allow_zeroing: bool) -> None:
    """Raises RefusedPlan."""
    shown, gone = _pieces(cells)
    limit = project.settings.zeroing_limit_percent
    if gone * 100 > shown * limit and not allow_zeroing:
        raise RefusedPlan(
            f"{gone:,} of the {shown:,} pieces shown would go to 0, more than {limit} %",
            "look at the plan; if it is right, apply it with `--allow-zeroing`",
        )


def _pieces(cells: PlannedCells) -> tuple[int, int]:
    """How many the stores show as far as known, and how many of them a push takes to 0; over columns."""
    numbers = cells.numbers()
    shown = np.maximum(numbers.live, 0)
    emptied = (numbers.action == ACTIONS.index("push")) & (numbers.quantity == 0)
    return int(shown.sum()), int(shown[emptied].sum())


def apply(
    project: Project,
    inputs: Inputs,
    planned: Plan,
    *,
    now: bool = False,
    only: Collection[CellKey] | None = None,
    reason: Reason | None = None,
    on_progress: OnProgress = lambda _: None,
    pace: Pace = Pace(),  # noqa: B008  # frozen
) -> Applied:
    """Carries out a plan and records every outcome. `now` sends held and unchanged cells too.

    With `only` the plan is carried out for those cells, and nothing is recorded of the others.
    Raises SettingsError before the first call where a store to push lacks its settings.
    """
    cells = planned_cells(planned) if only is None else planned_cells(planned).of(only)
    sending = list(cells.having("push", "held", "unchanged") if now else cells.having("push"))
    stores = [inputs.rules.stores[name] for name in sorted({cell.store for cell in sending})]
    check_settings(project.settings, project.platforms, stores)
    with open_store(project.settings.record_url, tenant=project.settings.tenant) as record, record.lock():
        reaching = reach(project.settings, project.platforms, stores, inputs.limits, record)
        record.interrupted(pace.now())
        why = reason or (Reason.PUSH_NOW if now else Reason.RULE_CHANGE)
        if not now:
            skipped = [(cell, _skip_detail(cell)) for cell in cells.having("held", "unchanged")]
            record.skip(skipped, reason=why, at=pace.now())
        _adopt(record, inputs.facts, sending, pace.now())
        ids = record.begin(sending, reason=why, at=pace.now())
        work = _work(inputs, reaching, sending, ids)
        unbinding = {name for name, one in reaching.items() if one.capabilities.unbinds_on_not_found}
        with Recorder(record, pace, on_progress, unbinding) as recorder:
            asyncio.run(_push_all(work, recorder, pace))
        record.prune(pace.now())
    return recorder.summary()


def _adopt(record: RecordStore, facts: Facts, sending: Sequence[PlannedCell], at: datetime) -> None:
    """Cells that only the `live` table knows enter the record before their first push; if it fails, the mode stays."""
    recorded = record.live()
    known = set(zip(recorded.store, recorded.store_sku, recorded.location, strict=True))
    new = {cell.key for cell in sending if (cell.store, cell.store_sku, cell.location) not in known}
    record.observe([(key, live) for key, live in live_of(facts) if key in new], at=at)


def live_of(facts: Facts) -> Iterator[tuple[CellKey, Live]]:
    """What the facts say that stores show, cell by cell."""
    listings, live = facts.listings, facts.live
    columns = (live.listing, live.quantity, live.preorder, live.days, live.reserved)
    rows = zip(live.location, *(column.tolist() for column in columns), strict=True)
    for location, listing, quantity, preorder, days, reserved in rows:
        store = facts.stores[int(listings.store[listing])]
        yield (
            CellKey(store, listings.store_sku[listing], location),
            Live(
                quantity=None if quantity == ABSENT else quantity,
                mode="preorder" if preorder else "normal",
                days=None if days == ABSENT else days,
                reserved=reserved,
            ),
        )


def _skip_detail(cell: PlannedCell) -> str:
    return "held" if cell.action == "held" else ("increase only" if "increase only" in cell.why else "unchanged")


def _work(
    inputs: Inputs, reaching: Mapping[str, Reach], cells: Sequence[PlannedCell], ids: Sequence[int]
) -> list[StoreWork]:
    rows = listing_rows(inputs.facts, {(cell.store, cell.store_sku) for cell in cells})
    jobs: dict[str, list[Job]] = {name: [] for name in reaching}
    listings = inputs.facts.listings
    for record, cell in zip(ids, cells, strict=True):
        row = rows[cell.store, cell.store_sku]
        jobs[cell.store].append(Job(record, cell, listings.item_id[row], listings.variant_id[row]))
    return [StoreWork(reaching[name], tuple(found)) for name, found in jobs.items()]


def listing_rows(facts: Facts, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The row of each of these listings, by store and store SKU."""
    stores = facts.listings.store.tolist()
    keys = ((facts.stores[s], sku) for s, sku in zip(stores, facts.listings.store_sku, strict=True))
    return {key: row for row, key in enumerate(keys) if key in wanted}


async def _push_all(work: Sequence[StoreWork], recorder: Recorder, pace: Pace) -> None:
    stop = asyncio.Event()
    async with connections() as http:
        with stopped_by(stop, signal.SIGINT):
            await push(work, recorder.add, http, stop, pace)


@contextmanager
def stopped_by(stop: asyncio.Event, *signals: int) -> Iterator[None]:
    """The first of these signals ends the work cleanly; where the loop takes no signals, the default stays."""
    loop = asyncio.get_running_loop()
    for one in signals:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(one, stop.set)
    try:
        yield
    finally:
        for one in signals:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(one)
