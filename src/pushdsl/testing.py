"""The contract of a platform as tests: inherit `PlatformContract`, name the platform, run pytest.

    class TestShopee(PlatformContract):
        platform = ShopeePlatform()

Every test starts the platform's own sandbox, opens a shop in it with `QUANTITY_AT_FIRST` of each listing, and pushes
and reads over HTTP as the core would. The tests' names are the contract; needs the extra `pushdsl[testing]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from typing import Any, ClassVar, get_args

import aiohttp
import pytest
from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from pushdsl.model import Location, Store
from pushdsl.plugins.platform import (
    CONTRACT,
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Connection,
    Fault,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    ReadResult,
    Refused,
    Sandbox,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
    WebhookRequest,
)

QUANTITY_AT_FIRST = 5
"""What every listing of a shop shows, at each location, before a test pushes more than that (some stores only rise)."""
TIMEOUT_SECONDS = 5.0

ANSWERS_TO_A_FAILED_CALL: Mapping[Fault, tuple[type[Outcome], ...]] = {
    "throttle": (Temporary,),
    "server_error": (Temporary, Unknown),
    "malformed": (Temporary, Unknown),
    "drop_before": (Unknown,),
    "drop_after": (Unknown,),
    "expired_token": (Unauthorized,),
}
"""Faults that meet a whole call, and what may be said of each of its cells."""


class FixedClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Shop:
    """A shop in a started sandbox, and the platform under test pointed at it."""

    platform: Platform
    sandbox: Sandbox
    connection: Connection
    listings: tuple[ListingRef, ...]

    @property
    def store(self) -> Store:
        return self.connection.store

    def cells(self, quantity: int = 100, listings: Sequence[ListingRef] | None = None) -> list[CellPush]:
        """Every listing at every location, each with a number of its own from `quantity` up."""
        places = [(listing, name) for listing in listings or self.listings for name in location_names(self.store)]
        return [
            CellPush(at.store_sku, at.item_id, at.variant_id, name, quantity + number)
            for number, (at, name) in enumerate(places)
        ]

    async def push(self, cells: Iterable[CellPush]) -> list[Outcome]:
        """One call of `push`; asserts one outcome for every cell."""
        batch = Batch(self.connection, tuple(cells))
        outcomes = list(await self.platform.push(batch))
        assert len(batch.cells) == len(outcomes), f"{len(outcomes)} outcomes for {len(batch.cells)} cells"
        assert all(isinstance(outcome, Outcome) for outcome in outcomes), f"not all are outcomes: {outcomes}"
        return outcomes

    async def push_until_alone(self, cells: list[CellPush], fault: Fault | None = None) -> list[Outcome]:
        """Pushes as the core does: halves a call that was refused as a whole until the bad row stands alone.

        `fault` meets every call that holds the first row.
        """
        if fault is not None:
            self.sandbox.fail(fault)
        outcomes = await self.push(cells)
        if len(cells) == 1 or not all(isinstance(outcome, Refused) and outcome.whole_call for outcome in outcomes):
            return outcomes
        middle = len(cells) // 2
        return [*await self.push_until_alone(cells[:middle], fault), *await self.push_until_alone(cells[middle:])]

    async def read(self, listings: Iterable[ListingRef] | None = None) -> ReadResult:
        return await self.platform.read(Query(self.connection, tuple(listings or self.listings)))

    async def shown_on_read(self, listing: ListingRef) -> Shown:
        """What a read returns for one listing at the only location."""
        [answer] = await self.read([listing])
        assert isinstance(answer, Shown), f"reading {listing} gave {answer}"
        return answer

    async def quantities_read(self) -> dict[tuple[str, str], int]:
        """What a read returns, by store SKU and location; asserts that every listing can be read."""
        answers = await self.read()
        assert not [a for a in answers if isinstance(a, NotShown)], f"listings that cannot be read: {answers}"
        return quantities(a for a in answers if isinstance(a, Shown))

    def with_wrong_secrets(self) -> Shop:
        """The same shop, reached with secrets that are not its own."""
        return replace(self, connection=replace(self.connection, settings=with_wrong_secrets(self.connection.settings)))

    def quantities_shown(self) -> dict[tuple[str, str], int]:
        """What the shop itself shows, by store SKU and location."""
        return quantities(self.sandbox.shown(self.store.name))


ShopTest = Callable[["PlatformContract", Shop], Coroutine[Any, Any, None]]


def in_a_shop(test: ShopTest) -> Callable[[PlatformContract], None]:
    """Runs the test in a shop with one unnamed location."""

    def run(self: PlatformContract) -> None:
        self.run(test, self.store)

    return _named_like(test, run)


def in_every_shop(test: ShopTest) -> Callable[[PlatformContract], None]:
    """Runs the test as `in_a_shop`, and again in a shop with two warehouses where the platform has them."""

    def run(self: PlatformContract) -> None:
        for store in self.stores:
            self.run(test, store)

    return _named_like(test, run)


def _named_like(test: ShopTest, run: Callable[[PlatformContract], None]) -> Callable[[PlatformContract], None]:
    # functools.wraps would also pass on the signature, and pytest would look for a fixture `shop`
    run.__name__, run.__qualname__, run.__doc__ = test.__name__, test.__qualname__, test.__doc__
    return run


class PlatformContract:
    """What every platform must do. A subclass sets `platform`, and the rest where the platform is particular."""

    platform: ClassVar[Platform]
    region: ClassVar[str] = ""
    locations: ClassVar[tuple[str, ...]] = ("1001", "1002")
    """Names of two warehouses of a store as the platform writes them."""
    clock: ClassVar[FixedClock] = FixedClock()
    """The time that the platform is given; another one where the sandbox compares it with its own."""

    def listing(self, number: int) -> ListingRef:
        """The listing of this number; all are of one item, so that they may share a call on every platform."""
        return ListingRef(f"SKU-{number}", "1000", str(2000 + number))

    def unknown_listings(self) -> list[ListingRef]:
        """Listings that no shop has: another variant of a known item, and another item."""
        return [self.listing(9999), ListingRef("NO-SUCH-SKU", "999999", "999998")]

    def adjust(self, settings: dict[str, object]) -> dict[str, object]:
        """The settings that the sandbox gave, changed where a test must not use them as they are."""
        return settings

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest | None:
        """A message as the platform would send and sign it; None where the platform has no webhooks."""
        return None

    # What a platform says about itself

    def test_it_is_a_platform_of_a_contract_version_that_is_served(self) -> None:
        major, minor = self.platform.contract

        assert isinstance(self.platform, Platform), f"{type(self.platform).__name__} lacks members of Platform"
        assert CONTRACT[0] == major, f"written for contract {major}, served is {CONTRACT[0]}"
        assert CONTRACT[1] >= minor, f"written for contract {major}.{minor}, served is {CONTRACT[0]}.{CONTRACT[1]}"

    def test_its_entry_point_has_its_name_and_hands_it_over(self) -> None:
        found = entry_points(group="pushdsl", name=self.platform.name)

        assert [self.platform.name] == [point.name for point in found], "no entry point (or several) of that name"
        handed_over = found[self.platform.name].load().pushdsl_platforms()
        assert type(self.platform) in [type(platform) for platform in handed_over], f"the hook gives {handed_over}"

    def test_capabilities_need_no_credentials(self) -> None:
        capabilities = self.platform.capabilities(self.store)

        assert isinstance(capabilities, Capabilities), f"the capabilities are {type(capabilities).__name__}"
        assert capabilities == self.platform.capabilities(self.store), "they differ from one question to the next"

    def test_an_unknown_setting_is_an_error(self) -> None:
        with pytest.raises(ValidationError):
            self.platform.settings.model_validate({**self.settings_given(), "no_such_setting": "1"})

    def test_settings_that_do_not_fit_are_refused_without_showing_a_secret(self) -> None:
        """Asks for `hide_input_in_errors=True`: else pydantic prints what it was given, secrets included."""
        given = self.settings_given()
        secrets = secrets_of(self.platform.settings.model_validate(given))
        wrong: list[dict[str, object]] = [{k: v for k, v in given.items() if k != key} for key in given]
        wrong += [{**given, key: [value]} for key, value in given.items()]

        for settings in wrong:
            said = self.complaint_about(settings)
            assert not shown_in(said, secrets), "set hide_input_in_errors=True in the settings model"

    # Pushes that succeed

    @in_every_shop
    async def test_what_was_confirmed_is_what_a_read_returns(self, shop: Shop) -> None:
        cells = shop.cells()

        all_are(Confirmed, await shop.push(cells))
        assert wanted(cells) == await shop.quantities_read()
        assert wanted(cells) == shop.quantities_shown()

    @in_every_shop
    async def test_pushing_twice_is_harmless(self, shop: Shop) -> None:
        cells = shop.cells()
        await shop.push(cells)

        all_are(Confirmed, await shop.push(cells))
        assert wanted(cells) == shop.quantities_shown()

    @in_every_shop
    async def test_what_is_not_pushed_stays(self, shop: Shop) -> None:
        cells = shop.cells(listings=shop.listings[:1])
        before = shop.quantities_shown()

        all_are(Confirmed, await shop.push(cells))
        assert before | wanted(cells) == shop.quantities_shown()

    @in_every_shop
    async def test_pushing_what_is_shown_changes_nothing_beside_promotion_stock(self, shop: Shop) -> None:
        first = shop.listings[0]
        for name in location_names(shop.store):
            shop.sandbox.show(shop.store.name, Shown(first.store_sku, name, 50, reserved=4))
        before = await shop.quantities_read()
        cells = [replace(c, quantity=before[c.store_sku, c.location]) for c in shop.cells(listings=[first])]

        all_are(Confirmed, await shop.push(cells))
        assert before == await shop.quantities_read()

    @in_a_shop
    async def test_preorder_is_shown_with_its_days_and_ends_again(self, shop: Shop) -> None:
        capabilities = self.platform.capabilities(shop.store)
        if not capabilities.preorder:
            return
        days = capabilities.preorder_days[0] if capabilities.preorder_days else 10
        plain = [replace(cell, set_mode=True) for cell in shop.cells(listings=shop.listings[:1])]
        preorder = [replace(cell, mode="preorder", days=days) for cell in plain]

        all_are(Confirmed, await shop.push(preorder))
        shown = await shop.shown_on_read(shop.listings[0])
        assert shown.mode == "preorder"
        assert shown.days in (days, None), f"pushed {days} days, a read returns {shown.days}"
        all_are(Confirmed, await shop.push(plain))
        assert (await shop.shown_on_read(shop.listings[0])).mode == "normal"

    @in_every_shop
    async def test_a_full_batch_goes_through(self, shop: Shop) -> None:
        many = [self.listing(number) for number in range(1, self.platform.capabilities(shop.store).batch_size + 1)]
        full = replace(self.reopened(shop, many), listings=tuple(many))
        cells = full.cells()

        all_are(Confirmed, await full.push(cells))
        assert wanted(cells) == full.quantities_shown()
        assert wanted(cells) == await full.quantities_read()

    @in_a_shop
    async def test_two_shops_at_once_do_not_meet(self, shop: Shop) -> None:
        other = self.reopened(shop, shop.listings, replace(shop.store, name="another_store", account="another"))
        cells, other_cells = shop.cells(100), other.cells(200)

        outcomes = await asyncio.gather(shop.push(cells), other.push(other_cells))
        all_are(Confirmed, [*outcomes[0], *outcomes[1]])
        assert (wanted(cells), wanted(other_cells)) == (shop.quantities_shown(), other.quantities_shown())

    # Rows that are refused

    @in_a_shop
    async def test_one_refused_row_refuses_no_other(self, shop: Shop) -> None:
        """Said of the row alone, or of the whole call (`whole_call`): then the row stands alone after halving."""
        cells = shop.cells()
        before = shop.quantities_shown()

        first, *others = await shop.push_until_alone(cells, fault="refuse_row")
        all_are(Refused, [first])
        all_are(Confirmed, others)
        assert before | wanted(cells[1:]) == shop.quantities_shown()

    @in_a_shop
    async def test_a_promotion_lock_is_refused_as_locked(self, shop: Shop) -> None:
        before = shop.quantities_shown()

        first, *others = await shop.push_until_alone(shop.cells(), fault="promotion_lock")
        refused_as("locked", first)
        all_are(Confirmed, others)
        assert before[shop.listings[0].store_sku, ""] == shop.quantities_shown()[shop.listings[0].store_sku, ""]

    @in_a_shop
    async def test_an_unknown_listing_is_refused_as_not_found(self, shop: Shop) -> None:
        for unknown in self.unknown_listings():
            [outcome] = await shop.push(shop.cells(listings=[unknown]))
            refused_as("not_found", outcome)

    @in_a_shop
    async def test_an_unknown_listing_in_a_batch_refuses_no_other(self, shop: Shop) -> None:
        known = shop.listings[: self.platform.capabilities(shop.store).batch_size - 1]
        cells = shop.cells(listings=[*known, self.unknown_listings()[0]])

        *others, last = await shop.push_until_alone(cells)
        all_are(Confirmed, others)
        refused_as("not_found", last)

    @in_a_shop
    async def test_an_unknown_listing_cannot_be_read(self, shop: Shop) -> None:
        for unknown in self.unknown_listings():
            [answer] = await shop.read([unknown])
            assert isinstance(answer, NotShown), f"reading {unknown} gave {answer}"
            assert unknown.store_sku == answer.store_sku
            refused_as("not_found", answer.outcome)

    @in_a_shop
    async def test_a_quantity_out_of_range_is_refused_and_never_clamped(self, shop: Shop) -> None:
        before = shop.quantities_shown()
        above = self.platform.capabilities(shop.store).max_quantity + 1

        for quantity in (-1, above):
            [outcome] = await shop.push(shop.cells(quantity, listings=shop.listings[:1]))
            refused_as("out_of_range", outcome)
        assert before == shop.quantities_shown()

    # Calls that fail

    @in_every_shop
    async def test_a_failed_call_is_told_for_every_cell_and_not_tried_again(self, shop: Shop) -> None:
        """The core decides what is tried again and when; it counts every call."""
        cells = shop.cells()
        await shop.push(cells)
        calls_of_a_push = shop.sandbox.calls

        for fault, kinds in ANSWERS_TO_A_FAILED_CALL.items():
            calls = shop.sandbox.calls
            shop.sandbox.fail(fault)
            all_are(kinds, await shop.push(cells), f"after `{fault}`")
            used = shop.sandbox.calls - calls
            assert 1 <= used <= calls_of_a_push, f"after `{fault}`: {used} calls, a push that succeeds takes fewer"

    @in_every_shop
    async def test_a_call_that_failed_before_the_work_left_all_as_it_was(self, shop: Shop) -> None:
        before = shop.quantities_shown()

        for fault in ANSWERS_TO_A_FAILED_CALL:
            if fault != "drop_after":
                shop.sandbox.fail(fault)
                await shop.push(shop.cells())
                assert before == shop.quantities_shown(), f"`{fault}` must not do the work"

    @in_every_shop
    async def test_a_lost_answer_is_unknown_though_the_work_was_done(self, shop: Shop) -> None:
        cells = shop.cells()
        shop.sandbox.fail("drop_after")

        all_are(Unknown, await shop.push(cells))
        assert wanted(cells) == await shop.quantities_read()

    @in_a_shop
    async def test_an_expired_token_asks_for_a_refresh(self, shop: Shop) -> None:
        shop.sandbox.fail("expired_token")

        outcomes = await shop.push(shop.cells())
        assert {"refresh"} == {getattr(outcome, "action", outcome) for outcome in outcomes}

    @in_a_shop
    async def test_a_platform_that_cannot_be_reached_raises_nothing(self, shop: Shop) -> None:
        await shop.sandbox.stop()

        all_are((Temporary, Unknown), await shop.push(shop.cells()))
        answers = await shop.read()
        all_are((Temporary, Unknown), [answer.outcome for answer in answers if isinstance(answer, NotShown)])
        assert {listing.store_sku for listing in shop.listings} == {answer.store_sku for answer in answers}

    @in_a_shop
    async def test_a_read_that_fails_says_so_of_every_listing(self, shop: Shop) -> None:
        """A sandbox may let its faults meet writes alone; then the read shows every listing."""
        for fault, kinds in ANSWERS_TO_A_FAILED_CALL.items():
            shop.sandbox.fail(fault)
            answers = await shop.read()
            kinds_of_read = (*kinds, Temporary) if fault.startswith("drop") else kinds  # a read changes nothing
            all_are(kinds_of_read, [a.outcome for a in answers if isinstance(a, NotShown)], f"reading after `{fault}`")
            assert {listing.store_sku for listing in shop.listings} == {answer.store_sku for answer in answers}

    # Secrets and signatures

    @in_a_shop
    async def test_a_wrong_secret_is_never_confirmed(self, shop: Shop) -> None:
        before = shop.quantities_shown()
        if not secrets_of(shop.connection.settings):
            return

        for outcome in await shop.with_wrong_secrets().push(shop.cells()):
            assert isinstance(outcome, Unauthorized) or getattr(outcome, "kind", "") == "bad_request", f"{outcome}"
        assert before == shop.quantities_shown()

    def test_secrets_are_in_no_log_and_no_outcome(
        self, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level("DEBUG")
        said: list[str] = []

        async def meet_every_fault(_: PlatformContract, shop: Shop) -> None:
            secrets = secrets_of(shop.connection.settings)
            assert not [s for s in secrets if len(s) < 8], "too short to be searched for: give 8 characters or more"
            for fault in (None, *get_args(Fault)):
                if fault is not None:
                    shop.sandbox.fail(fault)
                said.extend([repr(await shop.push(shop.cells())), repr(await shop.read())])
            said.append(repr(await shop.with_wrong_secrets().push(shop.cells())))
            said.extend([repr(shop.connection), str(shop.connection.settings), repr(self.platform)])
            said.extend([caplog.text, *capsys.readouterr()])
            assert not shown_in("\n".join(said), secrets)

        self.run(meet_every_fault, self.store)

    def test_a_forged_webhook_is_not_believed(self) -> None:
        settings = self.platform.settings.model_validate(self.settings_given())
        forged = {"Authorization": "0" * 64, "Content-Type": "application/json"}

        for headers in (forged, {}):
            for body in (b'{"code": 3, "data": {}}', b"", b"\xff"):
                request = WebhookRequest("https://push.example.test/hook", headers, body)
                assert self.platform.verify_webhook(settings, request) is None, f"{body!r} with {headers}"

    def test_a_signed_webhook_is_believed_as_it_stands(self) -> None:
        settings = self.platform.settings.model_validate(self.settings_given())
        signed = self.signed_webhook(settings)
        if signed is None:
            return

        assert self.platform.verify_webhook(settings, signed) is not None
        assert self.platform.verify_webhook(settings, replace(signed, body=signed.body + b" ")) is None
        assert self.platform.verify_webhook(with_wrong_secrets(settings), signed) is None

    # How the tests come to their shops

    @property
    def store(self) -> Store:
        return Store("contract_store", self.platform.name, "contract", region=self.region)

    @property
    def stores(self) -> list[Store]:
        """The store with one unnamed location, and one with two warehouses where the platform has them."""
        several = replace(self.store, locations=tuple(Location(name, ("ours",)) for name in self.locations))
        return [self.store, several] if self.platform.capabilities(several).locations else [self.store]

    def run(self, test: ShopTest, store: Store) -> None:
        """Runs an asynchronous test in a new shop of this store, in an event loop of its own."""

        async def in_shop() -> None:
            async with self.opened(store) as shop:
                await test(self, shop)

        asyncio.run(in_shop())

    @asynccontextmanager
    async def opened(self, store: Store) -> AsyncIterator[Shop]:
        """A shop with three listings, or with as many as go into one call."""
        listings = [self.listing(n) for n in range(1, min(3, self.platform.capabilities(store).batch_size) + 1)]
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with started(self.platform.sandbox()) as sandbox, aiohttp.ClientSession(timeout=timeout) as http:
            given = self.adjust(sandbox.open_shop(store, listings, QUANTITY_AT_FIRST))
            settings = self.platform.settings.model_validate(given)
            yield Shop(self.platform, sandbox, Connection(store, settings, http, self.clock), tuple(listings))

    def reopened(self, shop: Shop, listings: Sequence[ListingRef], store: Store | None = None) -> Shop:
        """Another shop in the same sandbox: with these listings, of the same store unless another is given."""
        store = store or shop.store
        given = self.adjust(shop.sandbox.open_shop(store, listings, QUANTITY_AT_FIRST))
        settings = self.platform.settings.model_validate(given)
        return replace(shop, connection=replace(shop.connection, store=store, settings=settings))

    def settings_given(self) -> dict[str, object]:
        """The settings of a shop in a sandbox that is stopped again."""

        async def ask() -> dict[str, object]:
            async with started(self.platform.sandbox()) as sandbox:
                return self.adjust(sandbox.open_shop(self.store, [self.listing(1)]))

        return asyncio.run(ask())

    def complaint_about(self, settings: Mapping[str, object]) -> str:
        """What the settings model says of these settings; empty where it takes them."""
        try:
            self.platform.settings.model_validate(settings)
        except ValidationError as error:
            return str(error)
        return ""


@asynccontextmanager
async def started(sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """The sandbox, listening on a free local port until the block ends."""
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


def location_names(store: Store) -> tuple[str, ...]:
    return tuple(location.name for location in store.locations) or ("",)


def quantities(shown: Iterable[Shown]) -> dict[tuple[str, str], int]:
    return {(row.store_sku, row.location): row.quantity for row in shown}


def wanted(cells: Iterable[CellPush]) -> dict[tuple[str, str], int]:
    return {(cell.store_sku, cell.location): cell.quantity for cell in cells}


def all_are(
    kinds: type[Outcome] | tuple[type[Outcome], ...], outcomes: Iterable[Outcome], when: str = "outcomes"
) -> None:
    others = [outcome for outcome in outcomes if not isinstance(outcome, kinds)]
    assert not others, f"{when}: {others} where {kinds} was due"


def refused_as(kind: str, outcome: Outcome) -> None:
    assert isinstance(outcome, Refused), f"{outcome} where a refusal as `{kind}` was due"
    assert kind == outcome.kind, f"{outcome} where `{kind}` was due"


def secrets_of(settings: BaseModel) -> list[str]:
    """The text of every secret in the settings, those of models inside included."""
    return [secret for name in type(settings).model_fields for secret in _secrets_in(getattr(settings, name))]


def _secrets_in(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case SecretBytes():
            yield value.get_secret_value().decode(errors="replace")
        case BaseModel():
            yield from secrets_of(value)
        case _:
            return


def with_wrong_secrets(settings: BaseModel) -> BaseModel:
    """The settings with every secret replaced by zeros of the same length."""
    wrong: dict[str, object] = {}
    for name in type(settings).model_fields:
        match getattr(settings, name):
            case SecretStr() as secret:
                wrong[name] = SecretStr("0" * len(secret))
            case SecretBytes() as secret:
                wrong[name] = SecretBytes(b"0" * len(secret))
            case BaseModel() as inner:
                wrong[name] = with_wrong_secrets(inner)
    return settings.model_copy(update=wrong)


def shown_in(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in the text, by their first two letters only: this goes into a test's report."""
    return [f"{secret[:2]}…" for secret in secrets if secret and secret in text]
