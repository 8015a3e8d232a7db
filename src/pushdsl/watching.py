"""What the daemon does, as metrics, as log lines and as the answer to how it stands.

Importing this imports prometheus_client; import it where the daemon runs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pushdsl.errors import PushdslError
from pushdsl.standings import Limits, Standing, age, health
from pushdsl.store import Ended, WorkStore

log = logging.getLogger("pushdsl.run")

PUSH_BUCKETS = (0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600)
PLAN_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
FAILURES_TOLD = 3
"""Failed pushes of one round that have a line of their own in the log."""
RESULTS = ("taken", "repeated", "refused")
HELD_UP = "held up"
_ANSWERED = frozenset({"confirmed", "failed", "again"})


class Counted(Protocol):
    """What an intake took since the start."""

    @property
    def taken(self) -> int: ...
    @property
    def repeated(self) -> int: ...
    @property
    def refused(self) -> int: ...


class WatchedIntake(Protocol):
    @property
    def counts(self) -> Counted: ...
    @property
    def snapshots(self) -> Mapping[str, datetime]: ...


class Watched(Protocol):
    """A tenant as far as it is watched."""

    @property
    def name(self) -> str: ...
    @property
    def held_up(self) -> str: ...
    @property
    def store(self) -> WorkStore: ...
    @property
    def in_thread(self) -> Callable[[Callable[[], object]], Awaitable[object]]: ...


@dataclass(slots=True)
class Watch:
    """The daemon's observer. `tenants` are asked for at every look; `intakes` by the name of their tenant."""

    now: Callable[[], datetime]
    limits: Limits
    tenants: Callable[[], Iterable[Watched]] = tuple
    intakes: Callable[[], Mapping[str, WatchedIntake]] = dict
    _metrics: _Metrics = field(default_factory=lambda: _Metrics())
    _swept: dict[str, datetime] = field(default_factory=dict)
    _alarms: dict[tuple[str, str, str], str] = field(default_factory=dict)

    # ---- told by the daemon -------------------------------------------------------------------------

    def planned(self, tenant: str, skus: int, cells: int, seconds: float) -> None:
        self._metrics.planning.labels(tenant).observe(seconds)
        log.debug("%d SKUs planned, %d cells", skus, cells, extra={"event": "planned", "tenant": tenant})

    def pushed(self, tenant: str, store: str, ended: Sequence[Ended], seconds: float, now: datetime) -> None:
        """`seconds`: how long the round took."""
        for one in ended:
            self._metrics.pushes.labels(tenant, store, one.end, one.kind).inc()
            if one.end == "confirmed" and one.push.since:
                waited = now.timestamp() - one.push.since / 1000
                self._metrics.seconds.labels(tenant, store).observe(max(0.0, waited))
        self._note_token(tenant, store, ended)
        self._tell_pushed(tenant, store, ended, seconds)

    def paused(self, tenant: str, store: str, seconds: float, why: str) -> None:
        self._metrics.pauses.labels(tenant, store).inc()
        where = {"event": "paused", "tenant": tenant, "store": store}
        log.warning("left alone for %g seconds: %s", seconds, why, extra=where)

    def overtaken(self, tenant: str, store: str, cells: int) -> None:
        self._metrics.overtaken.labels(tenant, store).inc()
        where = {"event": "overtaken", "tenant": tenant, "store": store}
        log.warning("took too long, another worker went on: %d cells are pushed again", cells, extra=where)

    def swept(self, tenant: str, at: datetime) -> None:
        """All lanes of the tenant were looked at, or need not be because it is held up."""
        self._swept[tenant] = at

    def alarm(self, tenant: str, kind: str, store: str, message: str) -> None:
        """Something that a person should know; no message where it is over."""
        if kind == HELD_UP:
            return  # the tenant itself says so, for as long as it is
        self._alarms.pop((tenant, kind, store), None)
        if message:
            self._alarms[tenant, kind, store] = message

    # ---- asked from outside -------------------------------------------------------------------------

    async def stand(self) -> list[Standing]:
        """How the work of every tenant stands now."""
        return [await self._stand(tenant) for tenant in self.tenants()]

    async def health(self) -> dict[str, object]:
        return health(await self.stand(), self.now(), self.limits)

    async def exposition(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        self._metrics.standings.now, self._metrics.standings.stand = self.now(), await self.stand()
        return generate_latest(self._metrics.registry)

    # ---- below --------------------------------------------------------------------------------------

    async def _stand(self, tenant: Watched) -> Standing:
        name, store = tenant.name, tenant.store
        intake = self.intakes().get(name)
        counts = intake.counts if intake is not None else None
        standing = Standing(
            tenant=name,
            held_up=tenant.held_up,
            swept_at=self._swept.get(name),
            alarms={(kind, store): text for (of, kind, store), text in self._alarms.items() if of == name},
            taken={result: getattr(counts, result) for result in RESULTS} if counts is not None else {},
            snapshots=intake.snapshots if intake is not None else {},
        )
        try:
            asked = await tenant.in_thread(partial(_asked, standing, store))
        except PushdslError as error:
            log.error("%s", error.message, extra={"event": "failed", "tenant": name, "help": error.help})
            return standing
        assert isinstance(asked, Standing)
        return asked

    def _note_token(self, tenant: str, store: str, ended: Sequence[Ended]) -> None:
        """Only the seller can help a token that ran out; whatever the store answers later shows that they did."""
        said = next((one.detail for one in ended if one.kind == "unauthorized"), "")
        if said:
            self.alarm(tenant, "token", store, f"the store does not let us in: {said}")
        elif any(one.end in _ANSWERED for one in ended):
            self.alarm(tenant, "token", store, "")

    def _tell_pushed(self, tenant: str, store: str, ended: Sequence[Ended], seconds: float) -> None:
        where = {"event": "pushed", "tenant": tenant, "store": store}
        failed = [one for one in ended if one.end == "failed"]
        for one in failed[:FAILURES_TOLD]:
            log.warning("%s failed: %s", one.push.key.store_sku, one.detail, extra=where | {"event": "push failed"})
        counts = {end: sum(1 for one in ended if one.end == end) for end in ("confirmed", "failed", "again", "unsent")}
        words = {"confirmed": "confirmed", "failed": "failed", "again": "to be tried again", "unsent": "not sent"}
        told = ", ".join(f"{count} {words[end]}" for end, count in counts.items() if count)
        log.info("%s in %.1f seconds", told or "nothing sent", seconds, extra=where)


def routes(watch: Watch) -> list[web.RouteDef]:
    """`/metrics` and `/health`, which answers with 503 where the daemon itself does not work."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await watch.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def how(_: web.Request) -> web.Response:
        said = await watch.health()
        return web.json_response(said, status=200 if said["working"] else 503)

    return [web.get("/metrics", metrics), web.get("/health", how)]


class _Metrics:
    """The metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        place = ("tenant", "store")
        self.pushes = Counter(
            "pushdsl_pushes", "Pushes by how they ended", (*place, "end", "kind"), registry=self.registry
        )
        self.seconds = Histogram(
            "pushdsl_push_seconds", "From the first trigger of a cell to its confirmed push", place,
            buckets=PUSH_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.pauses = Counter(
            "pushdsl_pauses", "Times a store was left alone for a while", place, registry=self.registry
        )
        self.overtaken = Counter(
            "pushdsl_overtaken_rounds", "Rounds that another worker went on with", place, registry=self.registry
        )
        self.planning = Histogram(
            "pushdsl_plan_seconds", "Planning some SKUs", ("tenant",), buckets=PLAN_BUCKETS, registry=self.registry
        )
        self.standings = _Standings()
        self.registry.register(self.standings)


@dataclass(slots=True, eq=False)
class _Standings(Collector):
    """What is counted at a look, and not before."""

    now: datetime | None = None
    stand: Sequence[Standing] = ()

    def collect(self) -> Iterator[Metric]:
        place = ("tenant", "store")
        waiting = GaugeMetricFamily("pushdsl_cells_waiting", "Cells that wait to be pushed", labels=place)
        since = GaugeMetricFamily(
            "pushdsl_oldest_trigger_seconds", "Age of the oldest trigger that is not pushed", labels=place
        )
        paused = GaugeMetricFamily("pushdsl_store_paused", "1 while a store is left alone", labels=place)
        to_plan = GaugeMetricFamily("pushdsl_skus_to_plan", "SKUs that wait to be planned", labels=("tenant",))
        held_up = GaugeMetricFamily("pushdsl_held_up", "1 while nothing may be pushed", labels=("tenant",))
        unbound = GaugeMetricFamily("pushdsl_listings_unbound", "Listings their store does not have", labels=place)
        aside = GaugeMetricFamily("pushdsl_messages_put_aside", "Messages for a person to look at", labels=("tenant",))
        events = CounterMetricFamily("pushdsl_events", "Events by what became of them", labels=("tenant", "result"))
        for one in self.stand:
            for lane in one.work.lanes if one.work is not None else ():
                where = (one.tenant, lane.store)
                waiting.add_metric(where, lane.waiting)
                since.add_metric(where, age(lane.since, self.now) or 0 if self.now is not None else 0)
                paused.add_metric(where, lane.paused_until is not None)
            if one.work is not None:
                to_plan.add_metric((one.tenant,), one.work.to_plan)
            held_up.add_metric((one.tenant,), bool(one.held_up))
            for store in sorted({store for store, _ in one.unbound}):
                unbound.add_metric((one.tenant, store), sum(1 for name, _ in one.unbound if name == store))
            aside.add_metric((one.tenant,), one.put_aside)
            for result, count in one.taken.items():
                events.add_metric((one.tenant, result), count)
        yield from (waiting, since, paused, to_plan, held_up, unbound, aside, events)


def _asked(standing: Standing, store: WorkStore) -> Standing:
    """With what only the record knows; waits for the database."""
    return replace(
        standing,
        work=store.work(),
        unbound=tuple(store.unbound()),
        put_aside=store.ledger().count_put_aside(),
    )
