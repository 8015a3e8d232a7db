"""A platform whose shops live in memory: for trying rules without a marketplace, and as a pattern for plugins.

What a real platform keeps on its servers, `Shops` keeps here; everything else is as a plugin should be: no state
between calls, no retries, one outcome for every cell.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from pydantic import BaseModel, ConfigDict, SecretStr

from pushdsl.model import QUANTITY_MAX, Store
from pushdsl.plugins.hookspecs import hookimpl
from pushdsl.plugins.platform import (
    Authorization,
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Connection,
    Event,
    Failure,
    Fault,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    ReadResult,
    Refused,
    Sandbox,
    ShopLocation,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
    WebhookRequest,
)

PREORDER_DAYS = (7, 30)


@hookimpl
def pushdsl_platforms() -> list[Platform]:
    return [SimulatedPlatform()]


class SimulatedSettings(BaseModel):
    """Nothing has to be set: a store then has a shop of its account's name, which takes every listing."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    shop: str = ""
    """Name of the shop; empty: the store's account."""
    token: SecretStr | None = None
    """What the shop asks for, if it asks."""
    strict: bool = False
    """Refuse a listing that the shop does not have, as a marketplace does, instead of making it."""


class SimulatedPlatform:
    """All stores on `simulated`. Holds the shops because it is the marketplace too; a plugin holds nothing."""

    name = "simulated"
    contract = (1, 0)
    settings: type[BaseModel] = SimulatedSettings
    authorization: Authorization | None = None

    def __init__(self) -> None:
        self._shops: dict[str, Shop] = {}
        self._sandbox_numbers = count(1)

    def capabilities(self, store: Store) -> Capabilities:
        return Capabilities(
            max_quantity=QUANTITY_MAX,
            preorder=True,
            preorder_days=PREORDER_DAYS,
            locations=True,
            batch_size=100,
            requests_per_second=10_000.0,
        )

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        settings = _settings_of(batch.connection.settings)
        return self._shop(batch.connection.store, settings).take(batch.cells, settings)

    async def read(self, query: Query) -> ReadResult:
        settings = _settings_of(query.connection.settings)
        return self._shop(query.connection.store, settings).show(query.listings, settings)

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        settings = _settings_of(connection.settings)
        return self._shop(connection.store, settings).locations(settings)

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        """Messages are `{"id", "kind", "listings": [[store_sku, item_id, variant_id]]}`, signed with the token."""
        token = _settings_of(settings).token
        if token is None or not hmac.compare_digest(
            signature(token, request.body).encode(), request.headers.get("X-Simulated-Signature", "").encode()
        ):
            return None
        message = json.loads(request.body)
        return [Event(message["id"], message["kind"], tuple(ListingRef(*listing) for listing in message["listings"]))]

    def sandbox(self) -> Sandbox:
        return SimulatedSandbox(self._shops, f"sandbox-{next(self._sandbox_numbers)}")

    def _shop(self, store: Store, settings: SimulatedSettings) -> Shop:
        return self._shops.setdefault(settings.shop or store.account, Shop())


@dataclass
class Shop:
    """The marketplace's side of a store: what it shows, whom it lets in, and the sandbox that makes it fail."""

    shown: dict[str, dict[str, Shown]] = field(default_factory=dict)
    """By store SKU, then by location."""
    token: SecretStr | None = None
    sandbox: SimulatedSandbox | None = None

    def take(self, cells: Sequence[CellPush], settings: SimulatedSettings) -> list[Outcome]:
        if (refusal := self._turned_away(settings)) is not None:
            return [refusal for _ in cells]
        fault = self._next_fault()
        failure = FAILED_CALLS.get(fault)
        if failure is not None and fault not in ("drop_after", "slow"):
            return [failure for _ in cells]
        if fault == "promotion_begins":
            self._reserve(cells[0])
        strict = settings.strict or self.sandbox is not None
        outcomes = [_row_fault(fault, cell, cells[0]) or self._take_cell(cell, strict) for cell in cells]
        return outcomes if failure is None else [failure for _ in cells]

    def show(self, listings: Sequence[ListingRef], settings: SimulatedSettings) -> list[Shown | NotShown]:
        failure = self._turned_away(settings) or FAILED_CALLS.get(self._next_fault())
        if failure is not None:
            return [NotShown(listing.store_sku, failure) for listing in listings]
        return [answer for listing in listings for answer in self._show_listing(listing)]

    def locations(self, settings: SimulatedSettings) -> list[ShopLocation] | Temporary | Unauthorized:
        failure = self._turned_away(settings)
        names = {name for locations in self.shown.values() for name in locations if name}
        return failure or [ShopLocation(name) for name in sorted(names)]

    def _turned_away(self, settings: SimulatedSettings) -> Temporary | Unauthorized | None:
        """What is said to every call while the shop is closed or the caller is not let in."""
        if self.sandbox is not None and not self.sandbox.running:
            return Temporary("the shop cannot be reached")
        if self.token is not None and self.token != settings.token:
            return Unauthorized("reauthorize", "the shop does not know this token")
        return None

    def _reserve(self, cell: CellPush) -> None:
        """A promotion begins: it holds a piece of what the listing shows, which is then not for sale outside of it."""
        for name, shown in self.shown.get(cell.store_sku, {}).items():
            self.shown[cell.store_sku][name] = replace(shown, reserved=1)

    def _next_fault(self) -> Fault | None:
        return self.sandbox.next_fault() if self.sandbox is not None else None

    def _take_cell(self, cell: CellPush, strict: bool) -> Outcome:
        locations = self.shown.get(cell.store_sku, {})
        if strict and not locations:
            return NOT_FOUND
        if strict and cell.location not in locations:
            return Refused("unknown_location", f"the shop has no location `{cell.location}`", "bad_request")
        if not 0 <= cell.quantity <= QUANTITY_MAX:
            return Refused("quantity_out_of_range", f"a quantity is 0 to {QUANTITY_MAX}", "out_of_range")
        if cell.mode == "preorder" and not PREORDER_DAYS[0] <= (cell.days or 0) <= PREORDER_DAYS[1]:
            return DAYS_OUT_OF_RANGE
        before = locations.get(cell.location, Shown(cell.store_sku, cell.location, 0))
        mode, days = (cell.mode, cell.days) if cell.set_mode else (before.mode, before.days)
        after = replace(before, quantity=cell.quantity, mode=mode, days=days)
        self.shown.setdefault(cell.store_sku, {})[cell.location] = after
        return Confirmed()

    def _show_listing(self, listing: ListingRef) -> Sequence[Shown | NotShown]:
        return list(self.shown.get(listing.store_sku, {}).values()) or [NotShown(listing.store_sku, NOT_FOUND)]


class SimulatedSandbox:
    """A sandbox without HTTP: opens strict shops in the platform's own memory, counts calls and makes them fail."""

    def __init__(self, shops: dict[str, Shop], name: str) -> None:
        self.calls = 0
        self.refreshes = 0
        self.running = False
        self._shops = shops
        self._name = name
        self._orders = count(1)
        self._faults: deque[Fault] = deque()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Opens for business; the address is empty, for no other process can come here."""
        self.running = True
        return ""

    async def stop(self) -> None:
        self.running = False

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        names = [location.name for location in store.locations] or [""]
        shown = {at.store_sku: {name: Shown(at.store_sku, name, quantity) for name in names} for at in listings}
        token = f"token of {self._name}/{store.name}"
        self._shops[self._key(store.name)] = Shop(shown, SecretStr(token), self)
        return {"shop": self._key(store.name), "token": token}

    def shown(self, store: str) -> list[Shown]:
        return [row for locations in self._shops[self._key(store)].shown.values() for row in locations.values()]

    def show(self, store: str, shown: Shown) -> None:
        self._shops[self._key(store)].shown.setdefault(shown.store_sku, {})[shown.location] = shown

    def fail(self, fault: Fault, times: int = 1) -> None:
        self._faults.extend([fault] * times)

    def expire_tokens(self, store: str) -> None:
        """Nothing: what a shop asks for does not run out."""

    def sell(self, store: str, store_sku: str, pieces: int, url: str) -> Sequence[WebhookRequest]:
        rows = [row for row in self.shown(store) if row.store_sku == store_sku and row.quantity >= pieces]
        if not rows:
            raise ValueError(f"`{store}` does not show {pieces} of `{store_sku}`")
        self.show(store, replace(rows[0], quantity=rows[0].quantity - pieces))
        token = self._shops[self._key(store)].token
        assert token is not None, "a shop of a sandbox asks for a token"
        order = {"id": f"order-{next(self._orders)}", "kind": "order", "listings": [[store_sku, "", ""]]}
        body = json.dumps(order).encode()
        return [WebhookRequest(url, {"X-Simulated-Signature": signature(token, body)}, body)]

    def next_fault(self) -> Fault | None:
        """The fault of the call that has just arrived, if one is due; counts the call."""
        self.calls += 1
        return self._faults.popleft() if self._faults else None

    def _key(self, store: str) -> str:
        return f"{self._name}/{store}"


def signature(token: SecretStr, body: bytes) -> str:
    """HMAC-SHA256 of the raw body under the token, in hexadecimal."""
    return hmac.new(token.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


FAILED_CALLS: Mapping[Fault | None, Temporary | Unauthorized | Unknown] = {
    "throttle": Temporary("too many requests", retry_after=1.0, code="throttled"),
    "server_error": Unknown("the shop failed while it worked"),
    "malformed": Unknown("the shop's answer cannot be read"),
    "drop_before": Unknown("the connection closed without an answer"),
    "drop_after": Unknown("the connection closed without an answer"),
    "slow": Unknown("no answer in time"),
    "expired_token": Unauthorized("refresh", "the token has run out", code="token_expired"),
}
NOT_FOUND = Refused("not_found", "the shop has no such listing", "not_found")
DAYS_OUT_OF_RANGE = Refused(
    "days_out_of_range", f"pre-order ships in {PREORDER_DAYS[0]} to {PREORDER_DAYS[1]} days", "bad_request"
)


def _row_fault(fault: Fault | None, cell: CellPush, first: CellPush) -> Refused | None:
    if fault == "refuse_row" and cell is first:
        return Refused("row_refused", "the shop does not take this row", "blocked")
    if fault == "promotion_lock" and cell.store_sku == first.store_sku:
        return Refused("promotion", "a promotion holds this listing", "locked")
    return None


def _settings_of(settings: BaseModel) -> SimulatedSettings:
    # the contract hands a platform its own settings model; the protocol can only say BaseModel
    assert isinstance(settings, SimulatedSettings)
    return settings
