"""A store in; what it really shows, kept in the store of record, and how that differs from what was known, out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from pushdsl.applying import live_of
from pushdsl.calling import Reach, connections
from pushdsl.cycle import Inputs, Project
from pushdsl.model import CellKey, Facts
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import ListingRef, NotShown, Shown
from pushdsl.reaching import check_settings, reach
from pushdsl.recorder import observed, told
from pushdsl.store import open_store


@dataclass(frozen=True, slots=True)
class Drift:
    """A cell whose store shows something else than we knew."""

    key: CellKey
    known: int | None
    shown: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a store: how many cells it shows, those that differ, and why the rest could not be read.

    Of a listing that could not be read nothing is changed: what was known of it stays.
    """

    cells: int
    drifts: tuple[Drift, ...]
    unreadable: tuple[tuple[CellKey, str], ...]


def reconcile(project: Project, inputs: Inputs, store: str, pace: Pace = Pace()) -> Reading:  # noqa: B008  # frozen
    """Reads what a store shows for all its active listings and keeps it.

    A listing that was unbound and is shown is bound again. Raises SettingsError where the store cannot be reached for
    want of settings.
    """
    declared = inputs.rules.stores[store]
    check_settings(project.settings, project.platforms, [declared])
    known = {key: live.quantity for key, live in live_of(inputs.facts)}
    with open_store(project.settings.record_url, tenant=project.settings.tenant) as record, record.lock():
        began = pace.now()
        reaching = reach(project.settings, project.platforms, [declared], inputs.limits, record)
        results = asyncio.run(_read_all(inputs.facts, reaching[store], pace))
        seen = [observed(store, result) for result in results if isinstance(result, Shown)]
        record.observe(seen, at=began)
    missing = [result for result in results if isinstance(result, NotShown)]
    return Reading(
        len(seen),
        tuple(
            Drift(key, known.get(key), live.quantity)
            for key, live in seen
            if live.quantity is not None and live.quantity != known.get(key)
        ),
        tuple((CellKey(store, result.store_sku, ""), told(result.outcome).detail) for result in missing),
    )


async def _read_all(facts: Facts, reaching: Reach, pace: Pace) -> list[Shown | NotShown]:
    """One query after the other, at the platform's own size."""
    results: list[Shown | NotShown] = []
    async with connections() as http, reaching.caller(http, Gates(), pace) as caller:
        for part in _parts(facts, reaching):
            results.extend(await caller.read(part))
    return results


def _parts(facts: Facts, work: Reach) -> Iterator[tuple[ListingRef, ...]]:
    columns = facts.listings
    groups: dict[str, list[ListingRef]] = {}
    for row, store in enumerate(columns.store.tolist()):
        if facts.stores[store] == work.store.name and (columns.active[row] or row in facts.unbound):
            item = columns.item_id[row]
            ref = ListingRef(columns.store_sku[row], item, columns.variant_id[row])
            groups.setdefault(item if work.capabilities.batch_by == "item" else "", []).append(ref)
    for group in groups.values():
        for start in range(0, len(group), work.capabilities.batch_size):
            yield tuple(group[start : start + work.capabilities.batch_size])
