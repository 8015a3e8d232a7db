"""A Shopify shop as a source of events: what it shows becomes snapshots, and its faults change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pushdsl.plugins import EventSource, ListingRef, Location, PushdslError, Snapshot, StockLine, Store, Taken
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl_shopify.polling import ShopifySource, ShopifySourceSettings
from pushdsl_shopify.sandbox import ShopifySandbox

STORE = Store("shopify_my", "shopify", "main", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
LISTINGS = [ListingRef(f"SKU-{number}", "1000", str(2000 + number)) for number in (1, 2)]
PLACES = {"1001": "kl", "gid://shopify/Location/1002": "jb"}


class Notes:
    """An intake that keeps what it was given."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.aside: list[tuple[str, str, str]] = []

    async def snapshot(self, snapshot: Snapshot) -> Taken:
        self.snapshots.append(snapshot)
        return Taken()

    async def put_aside(self, source: str, id: str, body: str, why: str) -> bool:
        self.aside.append((source, id, why))
        return True

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def polled(in_sandbox: Any, now: datetime, *changes: Callable[[ShopifySandbox], None], **changed: object) -> Notes:
    """Reads the shop once, and once more after each change, a minute later."""
    notes = Notes()

    async def talk(sandbox: ShopifySandbox, connection: Any) -> None:
        to_do = list(changes)

        async def sleep(seconds: float) -> None:
            assert seconds == 60
            if not to_do:
                raise asyncio.CancelledError
            to_do.pop(0)(sandbox)

        given = {**dict(connection.settings), "warehouses": PLACES, "seconds": 60, **changed}
        source = ShopifySource(lambda: now + timedelta(minutes=len(notes.snapshots)), sleep)
        with pytest.raises(asyncio.CancelledError):
            await source.run(ShopifySourceSettings.model_validate(given), notes)

    in_sandbox.run(talk, STORE, LISTINGS)
    return notes


def test_what_the_shop_shows_is_handed_in_each_time_as_of_when_the_reading_began(
    in_sandbox: Any, now: datetime
) -> None:
    def sell(sandbox: ShopifySandbox) -> None:
        shop = sandbox.shop(STORE.name)
        shop.variant("SKU-1").levels[1001].update(available=3, committed=2)
        shop.variant("SKU-2").policy = "CONTINUE"

    first, second = polled(in_sandbox, now, sell).snapshots

    assert first.lines[0] == StockLine("kl", "SKU-1", 5, 0, None, tracked=True)
    assert [(line.warehouse, line.sku) for line in first.lines] == [
        ("kl", "SKU-1"), ("jb", "SKU-1"), ("kl", "SKU-2"), ("jb", "SKU-2"),
    ]  # fmt: skip
    assert second.lines[0] == StockLine("kl", "SKU-1", 5, 2, None, tracked=True)
    assert [line.tracked for line in second.lines] == [True, True, False, False]
    assert first.source == second.source
    assert first.source.startswith("shopify/")
    assert (first.at, second.at) == (now, now + timedelta(minutes=1))
    assert second.sequence > first.sequence


def test_variants_without_a_sku_of_their_own_are_left_out_and_put_aside(in_sandbox: Any, now: datetime) -> None:
    def share(sandbox: ShopifySandbox) -> None:
        sandbox.shop(STORE.name).variant("SKU-2").sku = "SKU-1"

    notes = polled(in_sandbox, now, share)

    assert notes.snapshots[1].lines == ()
    [(source, id, why)] = notes.aside
    assert source == notes.snapshots[1].source
    assert id.startswith("left out#")
    assert why.startswith("variants were left out: ")
    assert "several variants have this SKU" in why


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"warehouses": {"1003": "kl"}}, "the shop has no location `1003`"),
        ({"access_token": "wrong-canary"}, "was not read: Shopify"),
    ],
)
def test_a_shop_that_cannot_be_read_is_an_error_and_hands_in_nothing(
    in_sandbox: Any, now: datetime, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(PushdslError) as caught:
        polled(in_sandbox, now, **changed)

    assert said in caught.value.message
    assert "canary" not in caught.value.message


def test_an_app_of_the_same_organisation_needs_no_token(in_sandbox: Any, now: datetime) -> None:
    given = ShopifySourceSettings.model_validate(
        {"shop": "demo", "client_id": "i", "client_secret": "s", "client_credentials": True, "warehouses": PLACES}
    )
    notes = polled(in_sandbox, now, client_credentials=True, access_token="none-yet", refresh_token=None)

    assert given.access_token.get_secret_value() == "none-yet"
    assert len(notes.snapshots) == 1


@pytest.mark.parametrize("wrong", [{"warehouses": {}}, {"warehouses": {"1": ""}}, {"seconds": 1}, {"second": 60}])
def test_settings_that_do_not_fit_are_refused(shopify_settings: Any, wrong: dict[str, object]) -> None:
    good = {**dict(shopify_settings()), "warehouses": PLACES}
    assert ShopifySourceSettings.model_validate(good).seconds == 300

    with pytest.raises(ValidationError):
        ShopifySourceSettings.model_validate({**good, **wrong})


def test_it_is_found_beside_the_platform() -> None:
    found = InstalledPlatforms().source("shopify")

    assert isinstance(found, EventSource)
    assert found.settings is ShopifySourceSettings
