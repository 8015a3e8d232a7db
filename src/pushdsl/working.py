"""One tenant's work as a daemon does it: what changed is planned, what is due is pushed, and every end is recorded.

Each step is on the disk before the next begins, so whoever dies where, another goes on: see `store/lanes.py`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import numpy as np

from pushdsl.calling import Reach
from pushdsl.model import CellKey, Live, PlannedCell, Reason
from pushdsl.pacing import Gates, Pace, gate_key
from pushdsl.plugins.platform import (
    Confirmed,
    ListingRef,
    Refused,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
)  # fmt: skip
from pushdsl.portion import Catalogue, StockNow
from pushdsl.pusher import FinalOutcome, Job, NotSent, Patience, Result, StoreWork, arrange, push
from pushdsl.recorder import observed, told
from pushdsl.run_settings import RunSettings
from pushdsl.store import (
    PLANNER,
    RULES_SEEN,
    Dirty,
    Ended,
    Lease,
    LedgerStore,
    Push,
    Rate,
    Rest,
    Round,
    State,
    Trigger,
    Want,
    WorkStore,
)

if TYPE_CHECKING:
    import aiohttp

    from pushdsl.cycle import Inputs
    from pushdsl.planner import PlannedCells
    from pushdsl.rules import CheckedRule

T = TypeVar("T")
P = ParamSpec("P")
InThread = Callable[[Callable[[], object]], Awaitable[object]]
"""Carries out what waits for the database, without keeping the event loop waiting."""

PLAN_SKUS = 2_000
"""SKUs planned in one transaction."""
PLAN_SECONDS = 20.0
"""How long one worker may plan for a tenant, at 2,000 SKUs, before another takes it for dead."""
ROUNDS = 20
"""Rounds of one store before the others have their turn."""
REAUTHORIZE_SECONDS = 300.0
TROUBLE_SECONDS_MAX = 60.0
READ_LISTINGS = 50
WINDOWS_SEEN = "windows"
"""The name in the record of when the windows of rules were looked at, in milliseconds since 1970."""
LIVE_UNKNOWN = "live quantity unknown"
"""How the plan begins to say that a listing must be read before it can be pushed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Intended = tuple[Round, dict[int, str]]
"""What is about to be sent, and why not of those that are wanted no longer, by their records."""


class Observer(Protocol):
    """Told what happened, for logs and metrics; must not fail."""

    def planned(self, tenant: str, skus: int, cells: int, seconds: float) -> None: ...
    def pushed(self, tenant: str, store: str, ended: Sequence[Ended], calls_seconds: float, now: datetime) -> None: ...
    def paused(self, tenant: str, store: str, seconds: float, why: str) -> None: ...
    def overtaken(self, tenant: str, store: str, cells: int) -> None: ...
    def swept(self, tenant: str, at: datetime) -> None: ...


@dataclass(slots=True)
class Tenant:
    """All that is needed to work for one seller. `held_up` says why nothing may be pushed just now, if so."""

    name: str
    inputs: Inputs
    catalogue: Catalogue
    store: WorkStore
    ledger: LedgerStore
    reaching: Mapping[str, Reach]
    settings: RunSettings
    in_thread: InThread
    owner: str
    gates: Gates
    pace: Pace
    observer: Observer
    http: aiohttp.BaseConnector | None = None
    held_up: str = ""
    rules: int | None = None
    """Tells rules and catalogue from others; what is planned from others is planned elsewhere. Absent: not asked."""
    outdated: bool = False
    """Whether these are no longer what the record is planned from."""
    looks: dict[tuple[str, str], int] = field(default_factory=dict)
    """Listings to be read, by store and store SKU, each with the reason for what may come of it."""
    at_step: Callable[[str], None] = lambda step: None
    """Called at each named step of the work; a test may end the process there."""
    ids: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Item and variant id of each listing, by store and store SKU."""
    _of_item: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    _of_variant: Mapping[tuple[str, str, str], Sequence[str]] = field(default_factory=dict)
    _rows: Mapping[tuple[str, str], int] = field(default_factory=dict)
    _looked_at: datetime = _EPOCH
    _troubles: dict[str, int] = field(default_factory=dict)
    _rules: Mapping[str, CheckedRule] = field(default_factory=dict)
    _components: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        facts = self.inputs.facts
        self._looked_at = self.pace.now()
        rows = zip(
            facts.listings.store.tolist(), facts.listings.store_sku, facts.listings.item_id, facts.listings.variant_id,
            strict=True,
        )  # fmt: skip
        self.ids = {(facts.stores[store], sku): (item, variant) for store, sku, item, variant in rows}
        places = zip(facts.listings.store.tolist(), facts.listings.store_sku, strict=True)
        self._rows = {(facts.stores[store], sku): row for row, (store, sku) in enumerate(places)}
        self._of_item, self._of_variant = _by_ids(self.ids)
        self._rules = {rule.name: rule for rule in self.inputs.rules.rules}
        self._components = {
            facts.skus[sku]: frozenset(facts.skus[c] for c in bundle.components)
            for sku, bundle in facts.bundles.items()
        }

    async def db(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Does something with the record, where that may be waited for."""
        return await self.in_thread(partial(work, *args, **named))  # type: ignore[return-value]  # what `work` gives

    # ---- planning -----------------------------------------------------------------------------------

    async def plan(self, stop: asyncio.Event) -> bool:
        """Plans all that is to be planned; False where another worker does, or nothing may be pushed."""
        more: bool | None = True
        while more and not stop.is_set() and not self.held_up:
            more = await self.db(self._plan_due)
        return more is not None and not self.held_up and not self.outdated

    def _plan_due(self) -> bool | None:
        """Plans some of what is to be planned; whether there is more, or None where another worker plans."""
        if self.rules is not None:
            self.outdated = self.store.number(RULES_SEEN) != self.rules
            if self.outdated:
                return False
        lease = self.store.lease(PLANNER, self.owner, seconds=PLAN_SECONDS)
        if isinstance(lease, Rest):
            return None
        self.at_step("plan")
        dirty = self.store.due(PLAN_SKUS)
        if dirty and not self._plan_some(lease, dirty):
            return None
        self.store.leave(lease)
        return len(dirty) == PLAN_SKUS

    def planned(self, skus: Sequence[str], at: datetime) -> PlannedCells:
        """What all listings of these SKUs shall show, by the record's stock; nothing is done about it."""
        touched = self.catalogue.touched(skus)
        live = self.store.state(touched.listings).live
        return self.catalogue.plan(skus, self._stock(touched.stocked), live, at)

    def _stock(self, skus: Iterable[str]) -> dict[tuple[str, str], StockNow]:
        return {
            (key.warehouse, key.sku): StockNow(b.on_hand, max(b.allocated, 0), b.safety, b.tracked)
            for key, b in self.ledger.balances(skus).items()
        }

    def _plan_some(self, lease: Lease, dirty: Sequence[Dirty]) -> bool:
        began = self.pace.now()
        skus = {one.sku for one in dirty}
        touched = self.catalogue.touched(skus)
        state = self.store.state(touched.listings)
        cells = self.catalogue.plan(skus, self._stock(touched.stocked), state.live, began)
        wants = self._wants(cells, dirty, state)
        self.at_step("desire")
        kept = self.store.desire(lease, dirty, wants, window=timedelta(seconds=self.settings.window), rules=self.rules)
        self.at_step("desired")
        self.observer.planned(self.name, len(skus), len(wants), (self.pace.now() - began).total_seconds())
        return kept

    def _wants(self, cells: Iterable[PlannedCell], dirty: Sequence[Dirty], state: State) -> list[Want]:
        """What the plan wants of each cell that has a trigger; the newest of its triggers says why."""
        by_sku: dict[str, list[Dirty]] = {}
        for one in dirty:
            by_sku.setdefault(one.sku, []).append(one)
        confirmed = {
            (store, store_sku, location): at
            for store, store_sku, location, at in zip(
                state.live.store, state.live.store_sku, state.live.location, state.live.confirmed_at, strict=True
            )
        }
        wants = []
        for cell in cells:
            skus = (cell.sku, *self._components.get(cell.sku, ()))
            triggers = [
                one
                for sku in skus
                for one in by_sku.get(sku, ())
                if not one.store or (one.store, one.store_sku) == (cell.store, cell.store_sku)
            ]
            if not triggers:
                continue
            place = cell.store, cell.store_sku, cell.location
            if cell.action == "blocked" and cell.why.startswith(LIVE_UNKNOWN):
                self.looks[cell.store, cell.store_sku] = int(Reason.REFRESH_INVENTORY)
            newest = max(triggers, key=lambda one: one.generation)
            wants.append(
                Want(
                    cell,
                    state.versions.get(place, (0, 0)),
                    sum(one.count for one in triggers),
                    newest.reason,
                    min(one.first_at for one in triggers),
                    any(one.forced for one in triggers),
                    self._held_until(cell, confirmed.get(place)),
                )
            )
        return wants

    def _held_until(self, cell: PlannedCell, confirmed_at: int | None) -> datetime | None:
        """When the slow lane lets the cell through."""
        if cell.action != "held" or cell.rule is None or confirmed_at is None:
            return None
        every = timedelta(seconds=self._rules[cell.rule].every_seconds)
        return _EPOCH + timedelta(milliseconds=confirmed_at) + every

    def begin_windows(self) -> None:
        """Goes on from where this record's windows were looked at last, before this process perhaps."""
        now = _milliseconds(self.pace.now())
        seen = self.store.number(WINDOWS_SEEN)
        if seen is None:
            self.store.keep_number(WINDOWS_SEEN, now)
        self._looked_at = _EPOCH + timedelta(milliseconds=min(now if seen is None else seen, now))

    async def windows_moved(self, now: datetime) -> int:
        """Has the SKUs planned anew whose rule is another since the last look at the clock; returns how many."""
        if (change := self.catalogue.next_change(self._looked_at)) is None or change > now:
            return 0
        moved = await self.db(self._mark_moved, now)
        self._looked_at = now  # only now it is kept that they are planned
        return moved

    def _mark_moved(self, now: datetime) -> int:
        before, after = self.catalogue.claims_at(self._looked_at).owner, self.catalogue.claims_at(now).owner
        facts = self.inputs.facts
        rows = np.flatnonzero(before != after)
        skus = sorted({facts.skus[sku] for sku in facts.listings.sku[rows].tolist() if sku >= 0})
        self.store.mark([Trigger(sku, Reason.RULE_CHANGE) for sku in skus])
        self.store.keep_number(WINDOWS_SEEN, _milliseconds(now))
        return len(skus)

    # ---- pushing ------------------------------------------------------------------------------------

    async def serve(self, store: str, stop: asyncio.Event) -> None:
        """Pushes what is due to a store, round after round, until nothing is or others have their turn."""
        if self.held_up or self.outdated:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        intended = await self.db(self._open, store)
        for left in range(ROUNDS - 1, -1, -1):
            if intended is None:
                return
            done, unwanted = intended
            self.at_step("intended")
            ended, pause = await self._send(store, done, unwanted, began + self.settings.send, stop)
            self.at_step("sent")
            sent_from, began = began, loop.time()
            go_on = bool(left) and pause is None and not (stop.is_set() or self.held_up or self.outdated)
            kept, intended = await self.db(self._close, done, ended, pause, go_on=go_on)
            self.at_step("recorded")
            if not kept:
                self.observer.overtaken(self.name, store, len(ended))
                return
            self.observer.pushed(self.name, store, ended, began - sent_from, self.pace.now())
            if pause is not None:
                self.observer.paused(self.name, store, *pause)

    def _open(self, store: str) -> _Intended | None:
        """The first round of a store whose lane is free; None where there is nothing to send."""
        lease = self.store.lease(store, self.owner, seconds=self.settings.lease)
        if isinstance(lease, Rest):
            return None
        self.at_step("leased")
        return self._intended(lease)

    def _close(
        self, done: Round, ended: Sequence[Ended], pause: tuple[float, str] | None, *, go_on: bool
    ) -> tuple[bool, _Intended | None]:
        """Whether the lane was still ours; and the next round, if there is to be one and something to send."""
        if not self.store.finish_round(done, ended, pause=pause):
            return False, None
        if go_on:
            return True, self._intended(done.lease)
        self.store.leave(done.lease, wake_at=_milliseconds(self.pace.now()))
        return True, None

    def _intended(self, lease: Lease) -> _Intended | None:
        done, unwanted = self._intend(lease, lease.store)
        return None if isinstance(done, Rest) else (done, unwanted)

    def _intend(self, lease: Lease, store: str) -> tuple[Round | Rest, dict[int, str]]:
        """What is about to be sent, and why not of those that are wanted no longer, by their records."""
        reach, settings = self.reaching.get(store), self.settings
        rate = Rate(1.0)  # of a store that is gone nothing is sent
        if reach is not None:
            capabilities = reach.capabilities
            key = gate_key(reach.store, reach.platform, reach.settings, capabilities)
            app = "/".join(key) if capabilities.requests_scope == "app" else ""
            rate = Rate(capabilities.requests_per_second, app)

        def calls(pushes: Sequence[Push]) -> int:
            return sum(1 for _ in arrange([self._job(one) for one in pushes], capabilities)) if reach else 0

        done = self.store.intend(
            lease,
            limit=settings.round,
            send_seconds=settings.send,
            answer_seconds=settings.answer,
            lease_seconds=settings.lease,
            rate=rate,
            calls=calls,
        )
        if isinstance(done, Rest):
            return done, {}
        unwanted = {one.record_id: why for one in done.pushes if (why := self._why_unwanted(one))}
        if unwanted and self.rules is not None:
            self.outdated = self.store.number(RULES_SEEN) != self.rules
        return done, unwanted

    def _why_unwanted(self, one: Push) -> str:
        """Why a push that waited is sent no longer; empty where it is."""
        place, listings = (one.key.store, one.key.store_sku), self.inputs.facts.listings
        if one.key.store not in self.reaching:
            return "not sent: the store is no longer in the rules"
        if (row := self._rows.get(place)) is None:
            return "not sent: the listing is no longer in the facts"
        sku = int(listings.sku[row])
        if sku < 0 or self.inputs.facts.skus[sku] != one.sku:
            return "not sent: the listing is no longer mapped to this SKU"
        return "" if self._has_rule(one, row) else "not sent: no rule has the listing any more"

    def _has_rule(self, one: Push, row: int) -> bool:
        """What is unbound by now may give another listing a rule that it has not in the catalogue: that is planned."""
        now = self.pace.now()
        if self.catalogue.claims_at(now).owner[row] >= 0:
            return True
        return any(cell.key == one.key and cell.rule is not None for cell in self.planned([one.sku], now))

    async def _send(
        self, store: str, done: Round, unwanted: Mapping[int, str], until: float, stop: asyncio.Event
    ) -> tuple[list[Ended], tuple[float, str] | None]:
        """Calls the store; every push ends, and what to wait for before the next round."""
        reach, outcomes = self.reaching.get(store), dict[int, FinalOutcome]()

        def keep(results: Sequence[Result]) -> None:
            outcomes.update((result.job.record, result.outcome) for result in results)

        jobs = [self._job(one) for one in done.pushes if one.record_id not in unwanted]
        if jobs and reach is not None:
            patience = Patience(tries=1, until=until)
            await push([StoreWork(reach, jobs)], keep, self.http, stop, self.pace, self.gates, patience)
        ended = [
            self._ended(one, outcomes[one.record_id], reach)
            if reach is not None and one.record_id in outcomes
            else self._not_sent(one, unwanted.get(one.record_id, "not sent"))
            for one in done.pushes
        ]
        return ended, self._pause(store, list(outcomes.values()))

    def _not_sent(self, one: Push, why: str) -> Ended:
        """A process with older rules than the others leaves it to them."""
        return Ended(one, "unsent" if self.outdated else "failed", "keep", "", "not_sent", why)

    def _job(self, one: Push) -> Job:
        item_id, variant_id = self.ids.get((one.key.store, one.key.store_sku), ("", ""))
        rule = self._rules.get(one.rule)
        set_mode = one.differs or (one.unknown and rule is not None and rule.preorder is not None)
        cell = PlannedCell(
            one.key.store, one.key.store_sku, one.key.location, one.sku, one.rule, None, one.quantity, one.mode,
            one.days, None if one.unknown else one.before, "push", "", set_mode,
        )  # fmt: skip
        return Job(one.record_id, cell, item_id, variant_id)

    def _ended(self, one: Push, outcome: FinalOutcome, reach: Reach) -> Ended:
        what = told(outcome)
        match outcome:
            case Confirmed():
                return Ended(one, "confirmed", "confirmed")
            case Refused():
                missing = what.kind == "not_found" and reach.capabilities.unbinds_on_not_found
                return Ended(one, "failed", "unknown", what.code, what.kind, what.detail, missing)
            case Temporary() if outcome.retry_after is not None:  # too many calls: no fault of the listing
                return Ended(one, "unsent", "keep", what.code, what.kind, what.detail)
            case Temporary():
                return Ended(one, "again", "keep", what.code, what.kind, what.detail)
            case Unknown():
                return Ended(one, "again", "unknown", what.code, what.kind, what.detail)
            case Unauthorized() | NotSent():
                return Ended(one, "unsent", "keep", what.code, what.kind, what.detail)

    def _pause(self, store: str, outcomes: Sequence[FinalOutcome]) -> tuple[float, str] | None:
        """For how long the store is left alone, and why: it said so, its token ran out, or it answers nobody."""
        for outcome in outcomes:
            if isinstance(outcome, Unauthorized) and outcome.action == "reauthorize":
                return REAUTHORIZE_SECONDS, outcome.message
        asked = [o for o in outcomes if isinstance(o, Temporary) and o.retry_after is not None]
        if asked:
            return max(o.retry_after or 0 for o in asked), asked[0].message
        if any(isinstance(o, Confirmed | Refused) for o in outcomes) or not outcomes:
            self._troubles.pop(store, None)
            return None
        trouble = self._troubles[store] = self._troubles.get(store, 0) + 1
        said = next((o.message for o in outcomes if isinstance(o, Temporary | Unknown | Unauthorized)), "no answer")
        return min(2.0 ** (trouble - 1), TROUBLE_SECONDS_MAX), said

    # ---- reading ------------------------------------------------------------------------------------

    def listings_of(self, store: str, ref: ListingRef) -> Sequence[str]:
        """The store SKUs that a platform speaks of: by its name, by item and variant, or all of the item."""
        if ref.store_sku:
            return (ref.store_sku,)
        of_item = self._of_item.get((store, ref.item_id), ())
        return self._of_variant.get((store, ref.item_id, ref.variant_id), of_item)

    async def look_all(self) -> int:
        """Reads what is to be read; what cannot be read now is left for the next time. Returns how many changed.

        What is said of a listing while it is read has it read once more.
        """
        wanted, found = dict(self.looks), 0
        for place in wanted:
            self.looks.pop(place, None)
        try:
            for store in sorted({store for store, _ in wanted} & self.reaching.keys()):
                for reason in sorted({why for (name, _), why in wanted.items() if name == store}):
                    skus = [sku for (name, sku), why in wanted.items() if name == store and why == reason]
                    read, changed = await self._look(store, skus, reason)
                    found += changed
                    for sku in read:
                        del wanted[store, sku]
        finally:
            for (store, sku), reason in wanted.items():
                if store in self.reaching and (store, sku) in self.ids:
                    self.looks.setdefault((store, sku), reason)
        return found

    async def read(self, store: str, refs: Sequence[ListingRef]) -> list[Shown]:
        """What a store shows of these listings, as far as they can be read."""
        shown: list[Shown] = []
        async with self.reaching[store].caller(self.http, self.gates, self.pace) as caller:
            for start in range(0, len(refs), READ_LISTINGS):
                answers = await caller.read(tuple(refs[start : start + READ_LISTINGS]))
                shown += [answer for answer in answers if isinstance(answer, Shown)]
        return shown

    async def _look(self, store: str, store_skus: Sequence[str], reason: int) -> tuple[set[str], int]:
        """Reads listings, and plans those anew that show more than we know, or another reserve: those read, how many.

        One that shows less has sold: it is not filled up again before our own stock says so.
        """
        refs = tuple(ListingRef(sku, *self.ids[store, sku]) for sku in store_skus if (store, sku) in self.ids)
        known = await self.db(self.store.state, [(store, ref.store_sku) for ref in refs])
        at = self.pace.now()
        shown = await self.read(store, refs)
        live = known.live
        before = {
            (sku, location): (quantity, reserved)
            for sku, location, quantity, reserved in zip(
                live.store_sku, live.location, live.quantity, live.reserved, strict=True
            )
        }
        news = []
        for one in shown:
            quantity, reserved = before.get((one.store_sku, one.location), (None, None))
            if quantity is None or one.quantity > quantity or (one.reserved or 0) != (reserved or 0):
                news.append(one)
        skus = self._skus_of({(store, one.store_sku) for one in news})
        triggers = [Trigger(sku, reason, store, name) for (_, name), sku in skus.items()]
        await self.db(self.store.observe, [observed(store, one) for one in news], at=at)
        if triggers:
            await self.db(self.store.mark, triggers)
        return {one.store_sku for one in shown}, len(triggers)

    async def confirmed(self, store: str) -> dict[CellKey, int]:
        """What a store last confirmed of each cell that nothing is under way for."""
        listings = [place for place in self.ids if place[0] == store]
        live = (await self.db(self.store.state, listings)).live
        cells = zip(live.store, live.store_sku, live.location, live.quantity, live.confirmed_at, strict=True)
        return {CellKey(name, sku, x): q for name, sku, x, q, at in cells if q is not None and at is not None}

    async def correct(self, shown: Sequence[tuple[CellKey, Live]], *, at: datetime) -> None:
        """Has cells pushed again that show something else; `at` is when the reading began."""
        await self.db(self.store.observe, shown, at=at)
        skus = self._skus_of({(key.store, key.store_sku) for key, _ in shown})
        await self.db(self.store.mark, [Trigger(sku, Reason.RECONCILE, *place) for place, sku in skus.items()])

    def _skus_of(self, listings: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        facts = self.inputs.facts
        rows = {place: self._rows[place] for place in sorted(listings & self._rows.keys())}
        return {place: facts.skus[sku] for place, row in rows.items() if (sku := int(facts.listings.sku[row])) >= 0}


def _by_ids(
    ids: Mapping[tuple[str, str], tuple[str, str]],
) -> tuple[dict[tuple[str, str], list[str]], dict[tuple[str, str, str], list[str]]]:
    """Store SKUs by store and item, and by store, item and variant."""
    of_item: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    of_variant: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (store, sku), (item, variant) in ids.items():
        of_item[store, item].append(sku)
        of_variant[store, item, variant].append(sku)
    return dict(of_item), dict(of_variant)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
