"""The contract finds the platform that breaks it: each fault of a platform fails the test that names it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr
from tests.plugins.lettered import Lettered, LetteredAuthorization

from pushdsl.plugins import (
    Batch,
    Confirmed,
    Connection,
    Event,
    Failure,
    Grant,
    ListingRef,
    NotShown,
    Outcome,
    Query,
    ReadResult,
    Refused,
    ShopLocation,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
    WebhookRequest,
)
from pushdsl.plugins.simulated import SimulatedPlatform, SimulatedSettings
from pushdsl.testing import PlatformContract

Push = Callable[[Batch], Awaitable[Sequence[Outcome]]]


class Pushing(SimulatedPlatform):
    """The simulated platform, with something between it and its caller."""

    def __init__(self, push: Callable[[Push, Batch], Awaitable[Sequence[Outcome]]]) -> None:
        super().__init__()
        self._between = push

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        return await self._between(super().push, batch)


class Reading(SimulatedPlatform):
    """The simulated platform, with its answers to a read changed."""

    def __init__(self, answer: Callable[[Shown | NotShown], Shown | NotShown | None]) -> None:
        super().__init__()
        self._answer = answer

    async def read(self, query: Query) -> ReadResult:
        changed = [self._answer(answer) for answer in await super().read(query)]
        return [answer for answer in changed if answer is not None]


class Adding(SimulatedPlatform):
    """Takes a quantity for a difference."""

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        shown = {(s.store_sku, s.location): s.quantity for s in await self._shown(batch)}
        cells = (replace(c, quantity=c.quantity + shown.get((c.store_sku, c.location), 0)) for c in batch.cells)
        return await super().push(replace(batch, cells=tuple(cells)))

    async def _shown(self, batch: Batch) -> list[Shown]:
        listings = tuple({ListingRef(cell.store_sku, cell.item_id, cell.variant_id): None for cell in batch.cells})
        return [s for s in await self.read(Query(batch.connection, listings)) if isinstance(s, Shown)]


def each(change: Callable[[Outcome], Outcome]) -> SimulatedPlatform:
    async def push(push: Push, batch: Batch) -> list[Outcome]:
        return [change(outcome) for outcome in await push(batch)]

    return Pushing(push)


def said_of_all(kind: type[Outcome], instead: Outcome) -> SimulatedPlatform:
    return each(lambda outcome: instead if isinstance(outcome, kind) else outcome)


async def confirms_without_pushing(push: Push, batch: Batch) -> list[Outcome]:
    return [Confirmed() for _ in batch.cells]


async def clamps(push: Push, batch: Batch) -> Sequence[Outcome]:
    cells = tuple(replace(cell, quantity=min(max(cell.quantity, 0), 10**9)) for cell in batch.cells)
    return await push(replace(batch, cells=cells))


async def tries_again(push: Push, batch: Batch) -> Sequence[Outcome]:
    outcomes = await push(batch)
    return outcomes if all(isinstance(outcome, Confirmed) for outcome in outcomes) else await push(batch)


async def forgets_a_cell(push: Push, batch: Batch) -> Sequence[Outcome]:
    return list(await push(batch))[1:]


async def takes_two(push: Push, batch: Batch) -> Sequence[Outcome]:
    left_out = [Refused("too_many", "two rows a call", "bad_request") for _ in batch.cells[2:]]
    return [*await push(replace(batch, cells=batch.cells[:2])), *left_out]


async def ignores_locations(push: Push, batch: Batch) -> Sequence[Outcome]:
    locations = batch.connection.store.locations
    name = locations[0].name if locations else ""
    return await push(replace(batch, cells=tuple(replace(cell, location=name) for cell in batch.cells)))


async def forgets_preorder(push: Push, batch: Batch) -> Sequence[Outcome]:
    return await push(replace(batch, cells=tuple(replace(cell, set_mode=False) for cell in batch.cells)))


async def refuses_all_rows_for_one(push: Push, batch: Batch) -> Sequence[Outcome]:
    outcomes = await push(batch)
    refused = next((outcome for outcome in outcomes if isinstance(outcome, Refused)), None)
    return outcomes if refused is None else [refused for _ in outcomes]


async def raises_when_unreachable(push: Push, batch: Batch) -> Sequence[Outcome]:
    outcomes = await push(batch)
    if any(isinstance(outcome, Temporary) for outcome in outcomes):
        raise ConnectionError("refused")
    return outcomes


async def logs_its_settings(push: Push, batch: Batch) -> Sequence[Outcome]:
    logging.getLogger("plugin").debug("with %s", secret_of(batch))
    return await push(batch)


async def says_its_secret(push: Push, batch: Batch) -> Sequence[Outcome]:
    said = Unknown(f"no answer to {secret_of(batch)}")
    return [said if isinstance(outcome, Unknown) else outcome for outcome in await push(batch)]


def secret_of(batch: Batch) -> str:
    settings = batch.connection.settings
    assert isinstance(settings, SimulatedSettings)
    assert settings.token is not None
    return settings.token.get_secret_value()


async def needs_no_secret(push: Push, batch: Batch) -> Sequence[Outcome]:
    outcomes = await push(batch)
    return [Confirmed() if isinstance(o, Unauthorized) and o.action == "reauthorize" else o for o in outcomes]


def with_the_reserve(answer: Shown | NotShown) -> Shown | NotShown:
    return answer if isinstance(answer, NotShown) else replace(answer, quantity=answer.quantity + answer.reserved)


class TellingSettings(BaseModel):
    """Prints what it was given where it does not fit."""

    model_config = ConfigDict(extra="forbid")
    shop: str
    token: SecretStr


class LenientSettings(SimulatedSettings):
    model_config = ConfigDict(extra="ignore")


class Believing(SimulatedPlatform):
    def verify_webhook(self, settings: BaseModel, request: WebhookRequest) -> Sequence[Event] | None:
        return []


async def sleeps(push: Push, batch: Batch) -> Sequence[Outcome]:
    await asyncio.sleep(5)
    return await push(batch)


def throttles_the_second_call() -> Callable[[Push, Batch], Awaitable[Sequence[Outcome]]]:
    calls = count(1)

    async def push_or_throttle(push: Push, batch: Batch) -> Sequence[Outcome]:
        return [Temporary("too fast") for _ in batch.cells] if next(calls) == 2 else await push(batch)

    return push_or_throttle


async def answers_in_its_own_order(push: Push, batch: Batch) -> Sequence[Outcome]:
    return sorted(await push(batch), key=lambda outcome: isinstance(outcome, Refused))


async def knows_no_location(connection: Connection) -> list[ShopLocation]:
    return []


def without_the_state(app: Any, *_: object) -> str:
    return f"{app.base_url}/consent"


async def gives_nothing(*_: object) -> Grant:
    return Grant({})


async def keeps_the_refresh_token(connection: Connection) -> Grant | Failure:
    grant = await LetteredAuthorization().refresh(connection)
    assert isinstance(grant, Grant)
    return Grant({"access_token": grant.settings["access_token"]})


class Granting(Lettered):
    """With one member of its authorization changed."""

    def __init__(self, **members: object) -> None:
        super().__init__()
        for name, value in members.items():
            setattr(self.authorization, name, value)


class ReadsBlocked(Lettered):
    """Says of a read with an expired token that the listing is blocked."""

    async def read(self, query: Query) -> ReadResult:
        answers = await super().read(query)
        return [replace(a, outcome=Refused("", "", "blocked")) if isinstance(a, NotShown) else a for a in answers]


def having(**members: object) -> SimulatedPlatform:
    platform = SimulatedPlatform()
    for name, value in members.items():
        setattr(platform, name, value)
    return platform


BROKEN: list[tuple[str, SimulatedPlatform]] = [
    ("it_is_a_platform_of_a_contract_version_that_is_served", having(contract=(2, 0))),
    ("it_is_a_platform_of_a_contract_version_that_is_served", having(contract=(1, 99))),
    ("its_entry_point_has_its_name_and_hands_it_over", having(name="nameless")),
    ("its_entry_point_has_its_name_and_hands_it_over", Believing()),
    ("capabilities_need_no_credentials", having(capabilities=lambda store: {"batch_size": 1})),
    ("an_unknown_setting_is_an_error", having(settings=LenientSettings)),
    ("settings_that_do_not_fit_are_refused_without_showing_a_secret", having(settings=TellingSettings)),
    ("what_was_confirmed_is_what_a_read_returns", Pushing(confirms_without_pushing)),
    ("what_was_confirmed_is_what_a_read_returns", Pushing(ignores_locations)),
    ("what_was_confirmed_is_what_a_read_returns", Pushing(forgets_a_cell)),
    ("what_was_confirmed_is_what_a_read_returns", Reading(lambda a: replace(a, quantity=1))),  # type: ignore[call-arg]
    ("pushing_twice_is_harmless", Adding()),
    ("pushing_what_is_shown_changes_nothing_beside_promotion_stock", Reading(with_the_reserve)),
    ("what_is_not_pushed_stays", Pushing(confirms_without_pushing)),
    ("preorder_is_shown_with_its_days_and_ends_again", Pushing(forgets_preorder)),
    ("a_full_batch_goes_through", Pushing(takes_two)),
    ("two_shops_at_once_do_not_meet", Pushing(confirms_without_pushing)),
    ("one_refused_row_refuses_no_other", Pushing(refuses_all_rows_for_one)),
    ("one_refused_row_refuses_no_other", said_of_all(Refused, Confirmed())),
    ("a_promotion_lock_is_refused_as_locked", said_of_all(Refused, Refused("", "", "blocked"))),
    ("an_unknown_listing_is_refused_as_not_found", said_of_all(Refused, Refused("", "", "bad_request"))),
    ("an_unknown_listing_is_refused_as_not_found", said_of_all(Refused, Confirmed())),
    ("an_unknown_listing_in_a_batch_refuses_no_other", Pushing(refuses_all_rows_for_one)),
    ("an_unknown_listing_cannot_be_read", Reading(lambda a: Shown(a.store_sku, "", 0))),
    ("a_quantity_out_of_range_is_refused_and_never_clamped", Pushing(clamps)),
    ("a_failed_call_is_told_for_every_cell_and_not_tried_again", Pushing(tries_again)),
    ("a_failed_call_is_told_for_every_cell_and_not_tried_again", said_of_all(Unknown, Confirmed())),
    ("a_failed_call_is_told_for_every_cell_and_not_tried_again", said_of_all(Temporary, Unknown("throttled"))),
    ("a_call_that_failed_before_the_work_left_all_as_it_was", Pushing(tries_again)),
    ("a_lost_answer_is_unknown_though_the_work_was_done", said_of_all(Unknown, Temporary("closed"))),
    ("an_expired_token_asks_for_a_refresh", said_of_all(Unauthorized, Temporary("expired"))),
    ("a_platform_that_cannot_be_reached_raises_nothing", said_of_all(Temporary, Refused("", "", "blocked"))),
    ("a_read_that_fails_says_so_of_every_listing", Reading(lambda a: None if isinstance(a, NotShown) else a)),
    ("a_wrong_secret_is_never_confirmed", Pushing(needs_no_secret)),
    ("a_forged_webhook_is_not_believed", Believing()),
    ("a_signed_webhook_is_believed_as_it_stands", Believing()),
    ("a_lost_answer_is_settled_by_a_read_and_never_by_trust", said_of_all(Unknown, Confirmed())),
    ("a_lost_answer_is_settled_by_a_read_and_never_by_trust", said_of_all(Unknown, Refused("", "", "blocked"))),
    ("a_push_never_sleeps", Pushing(sleeps)),
    ("the_rate_and_the_size_of_calls_are_what_it_bears", Pushing(takes_two)),
    ("the_rate_and_the_size_of_calls_are_what_it_bears", Pushing(throttles_the_second_call())),
    ("outcomes_stand_in_the_order_of_the_cells", Pushing(answers_in_its_own_order)),
    ("a_location_that_the_shop_does_not_have_is_refused", said_of_all(Refused, Confirmed())),
    ("what_a_promotion_holds_is_never_undercut", Pushing(confirms_without_pushing)),
    ("what_a_promotion_holds_is_never_undercut", said_of_all(Confirmed, Refused("", "", "bad_request"))),
    ("the_locations_of_a_store_are_those_that_it_shows", having(locations=knows_no_location)),
    ("locations_that_cannot_be_asked_for_are_a_failure_and_no_exception", having(locations=knows_no_location)),
    ("messages_about_an_order_are_believed_and_a_repeat_is_known", Believing()),
    ("an_order_lowers_what_is_shown", Reading(lambda a: replace(a, quantity=1))),  # type: ignore[call-arg]
    ("many_calls_that_find_a_token_expired_renew_it_once", Granting(refresh=gives_nothing)),
    ("a_read_renews_a_token_too", ReadsBlocked()),
    ("a_renewed_token_can_be_renewed_again", Granting(refresh=keeps_the_refresh_token)),
    ("a_sellers_consent_brings_tokens_for_once", Granting(link=without_the_state)),
    ("a_sellers_consent_brings_tokens_for_once", Granting(exchange=gives_nothing)),
    ("tokens_that_cannot_be_had_are_a_failure_and_no_exception", Granting(refresh=gives_nothing)),
]


def contract_of(broken: SimulatedPlatform) -> PlatformContract:
    class Contract(PlatformContract):
        platform = broken

        def signed_webhook(self, settings: BaseModel) -> WebhookRequest | None:
            return WebhookRequest("", {}, b"{}")

    return Contract()


@pytest.mark.parametrize(("test", "platform"), BROKEN, ids=[f"{n}-{test}" for n, (test, _) in enumerate(BROKEN)])
def test_a_platform_that_breaks_the_contract_fails_its_test(test: str, platform: SimulatedPlatform) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(contract_of(platform), f"test_{test}")()


def test_a_platform_that_raises_fails_every_test_that_meets_it() -> None:
    with pytest.raises(ConnectionError):
        contract_of(Pushing(raises_when_unreachable)).test_a_platform_that_cannot_be_reached_raises_nothing()


@pytest.mark.parametrize("leak", [logs_its_settings, says_its_secret])
def test_a_secret_in_a_log_or_an_outcome_is_found_and_not_repeated(
    leak: Callable[[Push, Batch], Awaitable[Sequence[Outcome]]],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(AssertionError) as raised:
        contract_of(Pushing(leak)).test_secrets_are_in_no_log_and_no_outcome(caplog, capsys)

    assert "token of sandbox" not in str(raised.value)


def test_every_test_of_the_contract_is_known_to_fail() -> None:
    tests = {name.removeprefix("test_") for name in dir(PlatformContract) if name.startswith("test_")}

    elsewhere = {"secrets_are_in_no_log_and_no_outcome"}
    assert tests == {test for test, _ in BROKEN} | elsewhere


class TestLetteredKeepsTheContract(PlatformContract):
    """The platform that the faults above are planted in is right without them."""

    platform = Lettered()

    def test_its_entry_point_has_its_name_and_hands_it_over(self) -> None:
        """It has none: it is a part of these tests."""
