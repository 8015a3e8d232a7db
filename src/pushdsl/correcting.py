"""What stores show beside what they confirmed: the drift, told and, within bounds, pushed away.

A store that shows more than we pushed sells what is not there: it is corrected at once. One that shows less has
probably sold, and our own stock will say so soon: it is corrected only if it shows the same the next time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pushdsl.model import CellKey
from pushdsl.plugins.platform import ListingRef
from pushdsl.recorder import observed
from pushdsl.working import Tenant


@dataclass(frozen=True, slots=True)
class Drift:
    """One cell that shows another quantity than its store last confirmed."""

    key: CellKey
    shown: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Drifted:
    """What one look at a store came to; `unread` are listings that could not be read.

    `capped`: more was to be corrected than may be, so nothing was, and a person has to look.
    """

    store: str
    cells: int
    unread: int
    drifts: tuple[Drift, ...]
    corrected: tuple[Drift, ...] = ()
    capped: bool = False


@dataclass(slots=True)
class Corrector:
    """Looks at a tenant's stores, and remembers what it saw until the next time."""

    tenant: Tenant
    most: int
    _seen: dict[CellKey, int] = field(default_factory=dict)

    async def reconcile(self, store: str) -> Drifted:
        """Reads a store as a whole. Cells with work of their own under way are left alone."""
        tenant = self.tenant
        at = tenant.pace.now()
        refs = [ListingRef(sku, *ids) for (name, sku), ids in sorted(tenant.ids.items()) if name == store]
        shown = await tenant.read(store, refs)
        unread = len(refs) - len({one.store_sku for one in shown})
        known = await tenant.confirmed(store)
        drifts = tuple(
            Drift(key, one.quantity, known[key])
            for one in shown
            if (key := CellKey(store, one.store_sku, one.location)) in known and one.quantity != known[key]
        )
        due = [d for d in drifts if d.shown > d.confirmed or self._seen.get(d.key) == d.shown]
        self._seen = {key: q for key, q in self._seen.items() if key.store != store} | {d.key: d.shown for d in drifts}
        if len(due) > self.most:
            return Drifted(store, len(shown), unread, drifts, capped=True)
        if due:
            live = dict(observed(store, one) for one in shown)
            await tenant.correct([(d.key, live[d.key]) for d in due], at=at)
        return Drifted(store, len(shown), unread, drifts, tuple(due))


def told(drifted: Drifted, examples: int = 3) -> str:
    """In one sentence, for a log or an alert."""
    some = ", ".join(f"{d.key.store_sku} shows {d.shown} for {d.confirmed}" for d in drifted.drifts[:examples])
    more = ", …" if len(drifted.drifts) > examples else ""
    done = "too many to correct" if drifted.capped else f"{len(drifted.corrected)} corrected"
    cells = f"{len(drifted.drifts):,} of {drifted.cells:,} cells"
    return f"{cells} show another quantity than was confirmed, {done}: {some}{more}"
