"""A store in; what it really shows, kept in the store of record, and how that differs from what was known, out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pushdsl.applying import http_session, live_of, reach
from pushdsl.cycle import Inputs, Project
from pushdsl.model import CellKey, Facts, Live
from pushdsl.plugins.platform import Connection, ListingRef, NotShown, Query, Shown
from pushdsl.pusher import Pace, StoreWork
from pushdsl.recorder import told
from pushdsl.store import open_store


@dataclass(frozen=True, slots=True)
class Drift:
    """A cell whose store shows something else than we knew; `unreadable` says why it could not be read."""

    key: CellKey
    known: int | None
    shown: int | None
    unreadable: str = ""


def reconcile(project: Project, inputs: Inputs, store: str, pace: Pace = Pace()) -> list[Drift]:  # noqa: B008  # frozen
    """Reads what a store shows for all its active listings, keeps it, and returns what differed from what was known.

    Raises SettingsError where the store cannot be reached for want of settings.
    """
    work = reach(project, inputs, {store})[store]
    known = {key: live.quantity for key, live in live_of(inputs.facts)}
    with open_store(project.settings.record_url) as record, record.lock():
        began = pace.now()
        results = asyncio.run(_read_all(inputs.facts, work, pace))
        record.observe([_observed(store, shown) for shown in results if isinstance(shown, Shown)], at=began)
    return [drift for result in results if (drift := _drift(store, result, known))]


def _observed(store: str, shown: Shown) -> tuple[CellKey, Live]:
    key = CellKey(store, shown.store_sku, shown.location)
    return key, Live(shown.quantity, shown.mode, shown.days, shown.reserved)


def _drift(store: str, result: Shown | NotShown, known: Mapping[CellKey, int | None]) -> Drift | None:
    if isinstance(result, NotShown):
        return Drift(CellKey(store, result.store_sku, ""), None, None, told(result.outcome).detail)
    key = CellKey(store, result.store_sku, result.location)
    before = known.get(key)
    return Drift(key, before, result.quantity) if before != result.quantity else None


async def _read_all(facts: Facts, work: StoreWork, pace: Pace) -> list[Shown | NotShown]:
    """One query after the other, at the platform's own size."""
    results: list[Shown | NotShown] = []
    async with http_session() as http:
        connection = Connection(work.store, work.settings, http, pace.now)
        for part in _parts(facts, work):
            results.extend(await work.platform.read(Query(connection, part)))
    return results


def _parts(facts: Facts, work: StoreWork) -> Iterator[tuple[ListingRef, ...]]:
    columns = facts.listings
    groups: dict[str, list[ListingRef]] = {}
    for row, store in enumerate(columns.store.tolist()):
        if facts.stores[store] == work.store.name and columns.active[row]:
            item = columns.item_id[row]
            ref = ListingRef(columns.store_sku[row], item, columns.variant_id[row])
            groups.setdefault(item if work.capabilities.batch_by == "item" else "", []).append(ref)
    for group in groups.values():
        for start in range(0, len(group), work.capabilities.batch_size):
            yield tuple(group[start : start + work.capabilities.batch_size])
