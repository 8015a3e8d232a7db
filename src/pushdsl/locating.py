"""A store in; the warehouses that it has, which of ours feed them, and what is wrong with the rules' mapping, out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushdsl.calling import Reach, connections
from pushdsl.cycle import Project
from pushdsl.errors import PushdslError
from pushdsl.model import Store
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import Failure, ShopLocation
from pushdsl.reaching import check_settings, reach
from pushdsl.store import open_store

if TYPE_CHECKING:
    from pushdsl.plugins.platform import Capabilities


@dataclass(frozen=True, slots=True)
class MappedLocation:
    """A warehouse of the store; `fed_by` are ours, by the rules."""

    name: str
    label: str
    active: bool
    fed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Located:
    places: tuple[MappedLocation, ...]
    problems: tuple[str, ...]


def locate(
    project: Project,
    store: Store,
    limits: Mapping[str, Capabilities],
    pace: Pace = Pace(),  # noqa: B008  # frozen
) -> Located:
    """Asks the store. Raises SettingsError, and PushdslError with the platform's words where it does not say."""
    check_settings(project.settings, project.platforms, [store])
    with open_store(project.settings.record_url, tenant=project.settings.tenant) as record:
        reaching = reach(project.settings, project.platforms, [store], limits, record)
        found = asyncio.run(_found(reaching[store.name], pace))
    if isinstance(found, Failure):
        raise PushdslError(f"`{store.name}` does not say which locations it has: {found.message}")
    return mapped(store, found)


def mapped(store: Store, found: Sequence[ShopLocation]) -> Located:
    """What the rules say beside what there is: a mapped location must be there and active."""
    fed_by = {location.name: location.warehouses for location in store.locations if location.name}
    places = tuple(MappedLocation(p.name, p.label, p.active, fed_by.get(p.name, ())) for p in found)
    problems = []
    for name in fed_by:
        there = next((place for place in found if place.name == name), None)
        if there is None:
            near = get_close_matches(name, [place.name for place in found], n=1)
            hint = f", did you mean `{near[0]}`?" if near else ""
            problems.append(f"the rules map `{name}`, which `{store.name}` does not have{hint}")
        elif not there.active:
            problems.append(f"the rules map `{name}`, where `{store.name}` sells nothing now: it is not active")
    if not fed_by and len(found) > 1:
        names = ", ".join(f"`{place.name}`" for place in found)
        problems.append(f"`{store.name}` has several locations ({names}), and the rules map none of them")
    return Located(places, tuple(problems))


async def _found(reaching: Reach, pace: Pace) -> Sequence[ShopLocation] | Failure:
    async with connections() as http, reaching.caller(http, Gates(), pace) as caller:
        return await caller.locations()
