"""A platform in; what it must do, a test for each, out.

A part that a platform need not have (tokens, several locations, pre-order, messages, a promotion's reserve) is skipped
where it has none; all other tests are required.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar, get_args
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from pydantic import BaseModel, ValidationError

from pushdsl.calling import Caller, Reach
from pushdsl.model import Location, PlannedCell, Store
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import (
    CONTRACT,
    Authorization,
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Connection,
    Failure,
    Fault,
    Grant,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Refused,
    ShopLocation,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
    WebhookRequest,
)
from pushdsl.pusher import FinalOutcome, Job, Result, StoreWork, arrange, push
from pushdsl.testing.shop import (
    FixedClock,
    Shop,
    all_are,
    location_names,
    refused_as,
    secrets_of,
    shown_in,
    started,
    wanted,
    with_wrong_secrets,
)
from pushdsl.testing.time import ImpatientLoop
from pushdsl.tokens import RENEWAL, Held, TokenKeeper

QUANTITY_AT_FIRST = 5
"""What every listing of a shop shows, at each location, before a test pushes more than that (some stores only rise)."""
TIMEOUT_SECONDS = 5.0

ANSWERS_TO_A_FAILED_CALL: Mapping[Fault, tuple[type[Outcome], ...]] = {
    "throttle": (Temporary,),
    "server_error": (Temporary, Unknown),
    "malformed": (Temporary, Unknown),
    "drop_before": (Unknown,),
    "drop_after": (Unknown,),
    "slow": (Unknown,),
    "expired_token": (Unauthorized,),
}
"""Faults that meet a whole call, and what may be said of each of its cells."""
WORKED: tuple[Fault, ...] = ("drop_after", "slow")
"""Faults after which the work was done."""
UNANSWERED: tuple[Fault, ...] = (*WORKED, "drop_before", "malformed", "server_error")
REDIRECT = "https://erp.example.test/back"
STATE = "state-of-the-contract-test"


ShopTest = Callable[["PlatformContract", Shop], Coroutine[Any, Any, None]]
Test = TypeVar("Test", bound=Callable[..., Any])


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


def optional(part: str) -> Callable[[Test], Test]:
    """Marks a test of a part that not every platform has."""

    def mark(test: Test) -> Test:
        test.part = part  # type: ignore[attr-defined]
        return test

    return mark


def _named_like(test: ShopTest, run: Callable[[PlatformContract], None]) -> Callable[[PlatformContract], None]:
    # functools.wraps would also pass on the signature, and pytest would look for a fixture `shop`
    run.__name__, run.__qualname__, run.__doc__ = test.__name__, test.__qualname__, test.__doc__
    return optional(test.part)(run) if hasattr(test, "part") else run


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

    no_such_location: ClassVar[str] = "9999999"
    """A name that the platform would take for a warehouse, and that no shop has."""

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
    @optional("pre-order")
    async def test_preorder_is_shown_with_its_days_and_ends_again(self, shop: Shop) -> None:
        capabilities = self.platform.capabilities(shop.store)
        if not capabilities.preorder:
            pytest.skip("no pre-order by a push")
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
    @optional("promotions")
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

    @in_a_shop
    async def test_outcomes_stand_in_the_order_of_the_cells(self, shop: Shop) -> None:
        known = shop.listings[: max(1, self.platform.capabilities(shop.store).batch_size - 1)]
        cells = [*reversed(shop.cells(listings=known)), *shop.cells(listings=[self.unknown_listings()[0]])]
        if len(known) == self.platform.capabilities(shop.store).batch_size:
            pytest.skip("one listing a call")

        for order in (cells, cells[::-1]):
            outcomes = dict(zip((cell.store_sku for cell in order), await shop.push_until_alone(order), strict=True))
            refused = {sku for sku, outcome in outcomes.items() if isinstance(outcome, Refused)}
            assert {self.unknown_listings()[0].store_sku} == refused

    @optional("locations")
    def test_a_location_that_the_shop_does_not_have_is_refused(self) -> None:
        if len(self.stores) == 1 and not self.stores[0].locations:
            pytest.skip("no locations")

        async def push_elsewhere(_: PlatformContract, shop: Shop) -> None:
            before = shop.quantities_shown()
            cells = [replace(cell, location=self.no_such_location) for cell in shop.cells(listings=shop.listings[:1])]
            all_are(Refused, await shop.push(cells[:1]))
            assert before == shop.quantities_shown()

        self.run(push_elsewhere, self.stores[-1])

    @in_a_shop
    @optional("promotions")
    async def test_what_a_promotion_holds_is_never_undercut(self, shop: Shop) -> None:
        """Confirmed means shown; where the store holds stock back, what goes below is refused as locked."""
        first = shop.listings[:1]
        for begin in ("before", "meanwhile"):
            if begin == "before":
                shop.sandbox.show(shop.store.name, Shown(first[0].store_sku, "", 50, reserved=4))
            else:
                shop.sandbox.fail("promotion_begins")
            before = shop.quantities_shown()
            cells = [replace(cell, quantity=0) for cell in shop.cells(listings=first)]
            [outcome] = await shop.push(cells)
            if isinstance(outcome, Confirmed):
                assert (await shop.quantities_read())[first[0].store_sku, ""] == 0
            else:
                refused_as("locked", outcome)
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
            if fault not in WORKED:
                shop.sandbox.fail(fault)
                await shop.push(shop.cells())
                assert before == shop.quantities_shown(), f"`{fault}` must not do the work"

    @in_every_shop
    async def test_a_lost_answer_is_unknown_though_the_work_was_done(self, shop: Shop) -> None:
        for number, fault in enumerate(WORKED):
            cells = shop.cells(100 * (number + 1))
            shop.sandbox.fail(fault)
            all_are(Unknown, await shop.push(cells), f"after `{fault}`")
            assert wanted(cells) == await shop.quantities_read()

    @in_every_shop
    async def test_a_lost_answer_is_settled_by_a_read_and_never_by_trust(self, shop: Shop) -> None:
        """With the core's own pusher: what the store shows decides, whether the work was done or not."""
        for number, fault in enumerate(UNANSWERED):
            cells = shop.cells(100 * (number + 1))
            shop.sandbox.fail(fault)
            all_are(Confirmed, (await self.delivered(shop, cells)).values(), f"after `{fault}`")
            assert wanted(cells) == shop.quantities_shown(), f"after `{fault}`"

    @in_a_shop
    async def test_a_push_never_sleeps(self, shop: Shop) -> None:
        """By the loop's clock, which a pause would move on; only a store that does not answer is waited for."""
        for fault in (None, *get_args(Fault)):
            if fault != "slow":
                if fault is not None:
                    shop.sandbox.fail(fault)
                began = asyncio.get_running_loop().time()
                await shop.push(shop.cells())
                assert asyncio.get_running_loop().time() - began < 1, f"a push took a second and more after `{fault}`"

    @in_every_shop
    async def test_the_rate_and_the_size_of_calls_are_what_it_bears(self, shop: Shop) -> None:
        """Three full batches by the core's own pusher: nothing is throttled, and each listing is in one call."""
        capabilities = self.platform.capabilities(shop.store)
        many = [self.listing(number) for number in range(1, 3 * capabilities.batch_size + 1)]
        full = replace(self.reopened(shop, many), listings=tuple(many))
        cells = full.cells()
        calls = full.sandbox.calls
        throttled: list[Outcome] = []

        outcomes = await self.delivered(full, cells, throttled)
        all_are(Confirmed, outcomes.values())
        assert not throttled, f"throttled: {throttled[:1]}"
        assert wanted(cells) == full.quantities_shown()
        assert full.sandbox.calls > calls

    @in_a_shop
    async def test_an_expired_token_asks_for_a_refresh(self, shop: Shop) -> None:
        shop.sandbox.fail("expired_token")

        outcomes = await shop.push(shop.cells())
        due = "reauthorize" if self.platform.authorization is None else "refresh"
        assert {getattr(outcome, "action", outcome) for outcome in outcomes} <= {due, "refresh"}

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

    # Tokens

    @in_a_shop
    @optional("tokens")
    async def test_many_calls_that_find_a_token_expired_renew_it_once(self, shop: Shop) -> None:
        vault = MemoryVault()
        async with self.calling(shop, vault) as caller:
            shop.sandbox.expire_tokens(shop.store.name)
            before = shop.sandbox.refreshes
            cells = tuple(shop.cells())
            answers = await asyncio.gather(*(caller.push(cells) for _ in range(5)))

        all_are(Confirmed, [outcome for answer in answers for outcome in answer])
        assert before + 1 == shop.sandbox.refreshes
        assert wanted(cells) == shop.quantities_shown()
        assert vault.held is not None, "a token was renewed and not kept"

    @in_a_shop
    @optional("tokens")
    async def test_a_read_renews_a_token_too(self, shop: Shop) -> None:
        async with self.calling(shop, MemoryVault()) as caller:
            shop.sandbox.expire_tokens(shop.store.name)
            answers = await caller.read(shop.listings)

        assert {listing.store_sku for listing in shop.listings} == {
            a.store_sku for a in answers if isinstance(a, Shown)
        }

    @in_a_shop
    @optional("tokens")
    async def test_a_renewed_token_can_be_renewed_again(self, shop: Shop) -> None:
        async with self.calling(shop, MemoryVault()) as caller:
            for _ in range(3):
                shop.sandbox.expire_tokens(shop.store.name)
                all_are(Confirmed, await caller.push(tuple(shop.cells())))

    @in_a_shop
    @optional("tokens")
    async def test_a_sellers_consent_brings_tokens_for_once(self, shop: Shop) -> None:
        """The link leads to the redirect with a code, the code to tokens, and the tokens into the shop."""
        authorization = self.authorization()
        app = authorization.app.model_validate(self.app_settings(shop))
        link = authorization.link(app, REDIRECT, STATE, self.clock)
        assert not shown_in(link, secrets_of(app))
        async with shop.connection.http.get(link, allow_redirects=False) as response:
            assert response.status in (301, 302, 303, 307), f"the consent page answers {response.status}"
            back = urlsplit(response.headers["Location"])
        answer = dict(parse_qsl(back.query))
        assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT
        assert answer.get("state") == STATE, f"the state did not come back: {sorted(answer)}"

        grant = await authorization.exchange(app, answer, shop.connection.http, self.clock)
        assert isinstance(grant, Grant), f"{grant}"
        assert not shown_in(repr(grant), grant.settings.values()), "the grant's repr shows its secrets"
        given = {**self.app_settings(shop), **grant.settings}
        assert not self.complaint_about(given), "what was granted and the app's settings do not make a shop's settings"
        settings = self.platform.settings.model_validate(given)
        let_in = replace(shop, connection=replace(shop.connection, settings=settings))
        all_are(Confirmed, await let_in.push(shop.cells()))
        assert not isinstance(await authorization.exchange(app, answer, shop.connection.http, self.clock), Grant)

    @in_a_shop
    @optional("tokens")
    async def test_tokens_that_cannot_be_had_are_a_failure_and_no_exception(self, shop: Shop) -> None:
        authorization = self.authorization()
        wrong = replace(shop.connection, settings=with_wrong_secrets(shop.connection.settings))
        app = authorization.app.model_validate(self.app_settings(shop))
        refused = [
            await authorization.refresh(wrong),
            await authorization.exchange(app, {"code": "wrong-code", "state": STATE}, shop.connection.http, self.clock),
            await authorization.exchange(app, {}, shop.connection.http, self.clock),
        ]
        await shop.sandbox.stop()
        unreached = await authorization.refresh(shop.connection)

        all_are((Refused, Unauthorized), [answer for answer in refused if not isinstance(answer, Grant)])
        assert not [answer for answer in (*refused, unreached) if isinstance(answer, Grant)]
        assert isinstance(unreached, Temporary | Unknown)
        assert not shown_in(repr([*refused, unreached]), secrets_of(shop.connection.settings))

    # Locations

    @in_every_shop
    async def test_the_locations_of_a_store_are_those_that_it_shows(self, shop: Shop) -> None:
        found = await self.platform.locations(shop.connection)
        assert not isinstance(found, Failure), f"{found}"

        assert all(isinstance(location, ShopLocation) for location in found)
        names = [location.name for location in found]
        assert len(set(names)) == len(names)
        if shop.store.locations:
            assert {location.name for location in shop.store.locations} <= set(names)

    @in_a_shop
    @optional("locations")
    async def test_locations_that_cannot_be_asked_for_are_a_failure_and_no_exception(self, shop: Shop) -> None:
        if not self.platform.capabilities(shop.store).locations:
            pytest.skip("no locations")
        await shop.sandbox.stop()

        found = await self.platform.locations(shop.connection)
        assert isinstance(found, Temporary | Unknown), f"{found}"

    # Messages

    @in_a_shop
    @optional("messages")
    async def test_messages_about_an_order_are_believed_and_a_repeat_is_known(self, shop: Shop) -> None:
        settings, store = shop.connection.settings, shop.store.name
        first = shop.sandbox.sell(store, shop.listings[0].store_sku, 1, "https://push.example.test/hook")
        if not first:
            pytest.skip("the platform sends no messages")
        second = shop.sandbox.sell(store, shop.listings[0].store_sku, 1, "https://push.example.test/hook")

        ids: set[str] = set()
        for message in (*first, *second):
            events = self.platform.verify_webhook(settings, message)
            assert events is not None, f"not believed: {message.body!r}"
            repeated = self.platform.verify_webhook(settings, message)
            assert [e.id for e in events] == [e.id for e in repeated or ()], "a redelivery has another id"
            assert not ids & {event.id for event in events}, "two messages have one id"
            ids |= {event.id for event in events}
            assert self.platform.verify_webhook(settings, replace(message, body=message.body + b" ")) is None
            assert self.platform.verify_webhook(with_wrong_secrets(settings), message) is None
        assert ids, "an order made no event"

    @in_a_shop
    async def test_an_order_lowers_what_is_shown(self, shop: Shop) -> None:
        first = shop.listings[0]
        before = shop.quantities_shown()

        shop.sandbox.sell(shop.store.name, first.store_sku, 2, "")
        assert before[first.store_sku, ""] - 2 == (await shop.quantities_read())[first.store_sku, ""]
        with pytest.raises(ValueError, match=r"\d"):
            shop.sandbox.sell(shop.store.name, first.store_sku, 1_000_000, "")

    # Secrets and signatures

    @in_a_shop
    async def test_a_wrong_secret_is_never_confirmed(self, shop: Shop) -> None:
        before = shop.quantities_shown()
        if not secrets_of(shop.connection.settings):
            pytest.skip("no secrets")

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

        with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
            runner.run(in_shop())

    @asynccontextmanager
    async def opened(self, store: Store) -> AsyncIterator[Shop]:
        """A shop with three listings, or with as many as go into one call."""
        listings = [self.listing(n) for n in range(1, min(3, self.platform.capabilities(store).batch_size) + 1)]
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with started(self.platform.sandbox()) as sandbox, aiohttp.ClientSession(timeout=timeout) as http:
            given = self.adjust(sandbox.open_shop(store, listings, QUANTITY_AT_FIRST))
            settings = self.platform.settings.model_validate(given)
            yield Shop(self.platform, sandbox, Connection(store, settings, http, self.clock), tuple(listings))

    async def delivered(
        self, shop: Shop, cells: Sequence[CellPush], keep: list[Outcome] | None = None
    ) -> dict[tuple[str, str], FinalOutcome]:
        """What the core's own pusher makes of these cells; `keep` gets every Temporary outcome on the way."""
        ended: list[Result] = []
        reach = Reach(
            shop.store, _Watched(self.platform, keep if keep is not None else []), shop.connection.settings,
            self.platform.capabilities(shop.store),
        )  # fmt: skip
        jobs = [
            Job(number, _planned(shop.store, cell), cell.item_id, cell.variant_id) for number, cell in enumerate(cells)
        ]
        assert sum(map(len, arrange(jobs, reach.capabilities))) == len(jobs)
        await push([StoreWork(reach, jobs)], ended.extend, None, asyncio.Event(), Pace(self.clock, asyncio.sleep))
        return {(r.job.cell.store_sku, r.job.cell.location): r.outcome for r in ended}

    @asynccontextmanager
    async def calling(self, shop: Shop, vault: MemoryVault) -> AsyncIterator[Caller]:
        """The store as the core calls it, its tokens renewed into `vault`."""
        self.authorization()
        given = {name: getattr(shop.connection.settings, name) for name in type(shop.connection.settings).model_fields}
        keeper = TokenKeeper(shop.store, self.platform, given, shop.connection.settings, None, vault)
        reach = Reach(
            shop.store, self.platform, shop.connection.settings, self.platform.capabilities(shop.store), keeper
        )
        async with reach.caller(None, Gates(), Pace(self.clock, asyncio.sleep)) as caller:
            yield caller

    def authorization(self) -> Authorization:
        """Skips where the platform has no tokens that run out."""
        if self.platform.authorization is None:
            pytest.skip("no tokens that run out")
        return self.platform.authorization

    def app_settings(self, shop: Shop) -> dict[str, object]:
        """Those settings of the shop that are the app's."""
        settings = shop.connection.settings
        return {name: getattr(settings, name) for name in self.authorization().app.model_fields}

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


class MemoryVault:
    """Keeps one grant, for as long as a test lasts."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self._claimed = False

    def load(self, account: str) -> Held | None:
        return self.held

    def claim(self, account: str, version: int, now: datetime) -> datetime | None:
        claimed, self._claimed = self._claimed, True
        return None if claimed else now + RENEWAL

    def release(self, account: str, claim: datetime) -> None:
        self._claimed = False

    def keep(self, account: str, held: Held, now: datetime) -> bool:
        newer = self.held is None or self.held.version < held.version
        if newer:
            self.held, self._claimed = held, False
        return newer


class _Watched:
    """A platform whose Temporary outcomes are kept."""

    def __init__(self, platform: Platform, keep: list[Outcome]) -> None:
        self._platform, self._keep = platform, keep

    def __getattr__(self, name: str) -> Any:  # whatever the platform has
        return getattr(self._platform, name)

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        outcomes = await self._platform.push(batch)
        self._keep.extend(outcome for outcome in outcomes if isinstance(outcome, Temporary))
        return outcomes


def _planned(store: Store, cell: CellPush) -> PlannedCell:
    return PlannedCell(
        store.name, cell.store_sku, cell.location, cell.store_sku, "", cell.quantity, cell.quantity, cell.mode,
        cell.days, None, "push", "", cell.set_mode,
    )  # fmt: skip
