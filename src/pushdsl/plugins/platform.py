"""The contract of a platform: a batch of quantities in, one outcome for every cell out.

A platform states its limits as data and carries out pushes. It decides no quantity, keeps no state between
calls, retries nothing and never sleeps: batching, rate limits, retries and records are the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pushdsl.model import QUANTITY_MAX, Mode, Store

if TYPE_CHECKING:
    import aiohttp

CONTRACT = (1, 0)
"""Version of this contract: a minor only adds, a major may break."""


class Capabilities(BaseModel):
    """What a store can do and bear, known before any call. Quantities are pieces of the listing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_quantity: int = Field(default=QUANTITY_MAX, ge=0, le=QUANTITY_MAX)
    counts_reserved: bool = False
    """The pushed quantity includes the stock that the store reserved for promotions."""
    increase_only: bool = False
    """The store refuses a quantity below the one it shows."""
    preorder: bool = False
    preorder_days: tuple[int, int] | None = None
    """Fewest and most days to ship in pre-order, where the platform has one range for all listings."""
    locations: bool = False
    """The store may have several warehouses, each with a quantity of its own."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Most listings in one call."""
    batch_by: Literal["item", "call"] = "call"
    """`item`: all listings of a call share one item; `call`: any listings may go together."""
    requests_per_second: Annotated[float, Field(gt=0)] = 10.0
    requests_burst: Annotated[int, Field(ge=1)] = 1
    """Requests that may go at once after a pause, where the platform counts over longer than a second."""
    requests_scope: Literal["store", "app"] = "store"
    unbinds_on_not_found: bool = False

    @model_validator(mode="after")
    def _days_in_order(self) -> Capabilities:
        if self.preorder_days is not None and not 0 <= self.preorder_days[0] <= self.preorder_days[1]:
            raise ValueError("preorder_days must be [fewest, most], neither below 0")
        return self


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one store: its declaration, its validated settings, an HTTP session, and the time.

    `http` is shared by all stores of an apply and has the time-out set; a platform never closes it.
    `settings` is an instance of the platform's own `settings` model.
    """

    store: Store
    settings: BaseModel
    http: aiohttp.ClientSession
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class CellPush:
    """One quantity to set, absolute, in pieces of the listing, at `location` (empty: the store's only one).

    `set_mode` is true where mode or days may differ from what the store shows; otherwise both can be left alone.
    """

    store_sku: str
    item_id: str
    variant_id: str
    location: str
    quantity: int
    mode: Mode = "normal"
    days: int | None = None
    set_mode: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Cells for one call, within `batch_size` and `batch_by`; cells of one listing stand together."""

    connection: Connection
    cells: tuple[CellPush, ...]


@dataclass(frozen=True, slots=True)
class ListingRef:
    """A listing to read, at all its locations."""

    store_sku: str
    item_id: str
    variant_id: str


@dataclass(frozen=True, slots=True)
class Query:
    """Listings to read; at most `batch_size` of them, of one item where `batch_by` says so."""

    connection: Connection
    listings: tuple[ListingRef, ...]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The store said that it shows what was sent."""


RefusedKind = Literal["not_found", "out_of_range", "locked", "blocked", "bad_request"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Final: sending the same again gives the same answer. `code` and `message` are the platform's own words.

    `whole_call`: the platform refused the call without saying which row is at fault; the core sends the halves again
    until the bad row stands alone.
    """

    code: str
    message: str
    kind: RefusedKind
    whole_call: bool = False


@dataclass(frozen=True, slots=True)
class Temporary:
    """Certainly not done; worth trying again. `retry_after` is the platform's own hint in seconds."""

    message: str
    retry_after: float | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Certainly not done: the token must be refreshed, or the seller must authorise the shop again."""

    action: Literal["refresh", "reauthorize"]
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and no usable answer: the store may show the old or the new quantity."""

    message: str


Outcome = Confirmed | Refused | Temporary | Unauthorized | Unknown


@dataclass(frozen=True, slots=True)
class Shown:
    """What the store shows for a listing at one location: what a push of the same number would leave unchanged."""

    store_sku: str
    location: str
    quantity: int
    reserved: int = 0
    mode: Mode = "normal"
    days: int | None = None


@dataclass(frozen=True, slots=True)
class NotShown:
    """A listing that could not be read, and why."""

    store_sku: str
    outcome: Refused | Temporary | Unauthorized | Unknown


ReadResult = Sequence[Shown | NotShown]


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as it arrived; `url` is the public address it was sent to."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A verified message of a platform: what happened to which listings. `id` is the same on a redelivery."""

    id: str
    kind: str
    listings: tuple[ListingRef, ...] = ()


Fault = Literal[
    "throttle",  # refuse the next call, with the platform's words for too many requests
    "server_error",  # HTTP 500
    "malformed",  # a body that cannot be read, the work not done
    "drop_before",  # close the connection before the work
    "drop_after",  # close the connection after the work
    "expired_token",  # answer as if the access token had run out
    "refuse_row",  # refuse the first row of the next call, take the others
    "promotion_lock",  # answer as if the first listing were locked by a promotion
    "promotion_begins",  # a promotion reserves stock of the first listing just before the next call is worked on
    "slow",  # do the work and answer only after SLOW_SECONDS
]
"""What a sandbox can be told to do to its next calls."""

SLOW_SECONDS = 120.0
"""Longer than any call is waited for."""


Failure = Refused | Temporary | Unauthorized | Unknown
"""Why a call has no result."""


@dataclass(frozen=True, slots=True)
class ShopLocation:
    """A warehouse of a store; `name` is what `location "…"` in a rule file calls it."""

    name: str
    label: str = ""
    """What the seller calls it."""
    active: bool = True
    """Whether stock there can be sold; a rule that maps an inactive one is wrong."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an authorisation or a refresh gave: settings of the account that hold from now on.

    `settings` are fields of the platform's `settings` model, such as `access_token`, `refresh_token` and `shop_id`. The
    core keeps them encrypted and lays them over those of the file; a field that is not named stays as it was. The
    times are absolute; None where the platform names none.
    """

    settings: Mapping[str, str] = field(repr=False)
    access_until: datetime | None = None
    refresh_until: datetime | None = None


@runtime_checkable
class Authorization(Protocol):
    """How a seller lets the app into a shop, where the platform works with tokens that run out."""

    app: type[BaseModel]
    """Credentials and addresses of the app alone; the platform's `settings` model is derived from it."""
    refresh_ahead: timedelta
    """How long before the end of an access token the core asks for a new one."""

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        """Where the seller agrees; the shop then calls `redirect`, with `state` among its parameters."""

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        """Turns the parameters of the call to `redirect` into tokens. The code in them is good for one time."""

    async def refresh(self, connection: Connection) -> Grant | Failure:
        """New tokens for those in the settings, asked for once. The core never asks twice at the same time.

        Unauthorized("reauthorize") where only the seller can help, so too where the settings have no refresh token;
        Unknown where the answer was lost: the old refresh token may be used up.
        """


@runtime_checkable
class Sandbox(Protocol):
    """A local server that speaks the platform's wire format and checks signatures over what really arrived.

    Start it, open shops, push against it with the settings it gives, look at what it shows.
    """

    calls: int
    """Calls to push or read stock so far, faults included."""
    refreshes: int
    """Tokens that were refreshed so far."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens and returns the base URL; port 0 picks a free one."""

    async def stop(self) -> None: ...

    def open_shop(self, store: Store, listings: Sequence[ListingRef], quantity: int = 0) -> dict[str, object]:
        """A shop with these listings, `quantity` at each location of `store`; returns the settings to reach it.

        A store without locations gets the platform's one unnamed location. Call after `start`.
        """

    def shown(self, store: str) -> list[Shown]:
        """What the shop of this store shows now, in any order."""

    def show(self, store: str, shown: Shown) -> None:
        """Sets one listing at one location, as the seller would by hand; `reserved` becomes promotion stock."""

    def fail(self, fault: Fault, times: int = 1) -> None:
        """Lets the next `times` stock calls fail this way; calls of several kinds queue up."""

    def expire_tokens(self, store: str) -> None:
        """Ends the access token of this shop now: only a refresh or a new authorisation helps."""

    def sell(self, store: str, store_sku: str, pieces: int, url: str) -> Sequence[WebhookRequest]:
        """An order for one listing: what it shows falls, and the messages about it that the platform sends to `url`.

        Raises ValueError where it shows fewer pieces. Empty where the platform sends no messages.
        """


@runtime_checkable
class Platform(Protocol):
    """One marketplace. Stateless: everything a call needs comes in its argument."""

    name: str
    """The word after `on` in `store shopee_my on shopee`."""
    contract: tuple[int, int]
    """The version of this contract that the platform was written for."""
    settings: type[BaseModel]
    """Credentials and addresses of one account; secrets are `SecretStr`. Unknown keys are an error."""
    authorization: Authorization | None
    """How tokens come and are renewed; None where the credentials of the settings do not run out."""

    def capabilities(self, store: Store) -> Capabilities:
        """Limits of this store; needs no credentials and no network."""

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        """Sets the quantities; one outcome for every cell, in order, whatever happens."""

    async def read(self, query: Query) -> ReadResult:
        """What the store shows for the listings, at every location of each."""

    async def locations(self, connection: Connection) -> Sequence[ShopLocation] | Failure:
        """The store's warehouses as the platform lists them; empty where it has only one that is not named."""

    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        """Events of a message whose signature is right over its raw bytes; None where it is not."""

    def sandbox(self) -> Sandbox:
        """A new local server of this platform, not yet started."""


@dataclass(frozen=True, slots=True)
class LoadedPlatform:
    """A platform and the distribution it came from. `contract` is what it was written for, adapted or not."""

    platform: Platform
    distribution: str
    version: str
    contract: tuple[int, int] = CONTRACT
