"""The simulated platform keeps the contract, and is kind where a marketplace would be strict."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import cast

from pydantic import BaseModel

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    NotShown,
    Outcome,
    Query,
    Refused,
    Shown,
    Store,
    Unauthorized,
    WebhookRequest,
)
from pushdsl.plugins.simulated import SimulatedPlatform, SimulatedSettings, signature
from pushdsl.testing import FixedClock, PlatformContract


class TestSimulated(PlatformContract):
    platform = SimulatedPlatform()

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest | None:
        token = cast(SimulatedSettings, settings).token
        assert token is not None
        body = json.dumps({"id": "1", "kind": "stock", "listings": [["SKU-1", "1000", "2001"]]}).encode()
        return WebhookRequest("simulated://hook", {"X-Simulated-Signature": signature(token, body)}, body)


def cell(quantity: int, sku: str = "MUG", **members: object) -> CellPush:
    return replace(CellPush(sku, "1", "1", "", quantity), **members)  # type: ignore[arg-type]


def push(platform: SimulatedPlatform, *cells: CellPush, account: str = "main", **settings: object) -> list[Outcome]:
    batch = Batch(connection(account, settings), cells)
    return list(asyncio.run(platform.push(batch)))


def read(platform: SimulatedPlatform, sku: str = "MUG", account: str = "main") -> Shown | NotShown:
    [answer] = asyncio.run(platform.read(Query(connection(account, {}), (ListingRef(sku, "1", "1"),))))
    return answer


def connection(account: str, settings: dict[str, object]) -> Connection:
    # no call leaves the process, so there is no session
    store = Store("shop", "simulated", account)
    return Connection(store, SimulatedSettings.model_validate(settings), None, FixedClock())  # type: ignore[arg-type]


def test_without_settings_the_first_push_makes_the_listing() -> None:
    platform = SimulatedPlatform()

    assert [Confirmed()] == push(platform, cell(7))
    assert Shown("MUG", "", 7) == read(platform)


def test_a_strict_shop_makes_no_listing() -> None:
    platform = SimulatedPlatform()

    assert [Refused("not_found", "the shop has no such listing", "not_found")] == push(platform, cell(7), strict=True)
    assert isinstance(read(platform), NotShown)


def test_two_accounts_have_two_shops() -> None:
    platform = SimulatedPlatform()
    push(platform, cell(7), account="one")
    push(platform, cell(8), account="two")

    assert [Shown("MUG", "", 7), Shown("MUG", "", 8)] == [read(platform, account=name) for name in ("one", "two")]


def test_two_accounts_may_name_one_shop() -> None:
    platform = SimulatedPlatform()
    push(platform, cell(7), account="one", shop="two")

    assert Shown("MUG", "", 7) == read(platform, account="two")


def test_every_instance_has_shops_of_its_own() -> None:
    push(SimulatedPlatform(), cell(7))

    assert isinstance(read(SimulatedPlatform()), NotShown)


def test_preorder_outside_its_days_is_refused() -> None:
    platform = SimulatedPlatform()

    outcomes = [push(platform, cell(1, mode="preorder", days=days, set_mode=True))[0] for days in (6, 7, 30, 31)]
    assert [Refused, Confirmed, Confirmed, Refused] == [type(outcome) for outcome in outcomes]


def test_mode_and_days_stay_where_a_push_does_not_set_them() -> None:
    platform = SimulatedPlatform()
    push(platform, cell(1, mode="preorder", days=9, set_mode=True))
    push(platform, cell(2))

    assert Shown("MUG", "", 2, mode="preorder", days=9) == read(platform)


def test_a_lost_answer_to_a_stranger_does_no_work() -> None:
    platform = SimulatedPlatform()
    sandbox = platform.sandbox()
    asyncio.run(sandbox.start())
    settings = sandbox.open_shop(Store("shop", "simulated", "main"), [ListingRef("MUG", "1", "1")], 5)
    sandbox.fail("drop_after")

    [outcome] = push(platform, cell(7), **{**settings, "token": "another"})
    assert isinstance(outcome, Unauthorized)
    assert [Shown("MUG", "", 5)] == sandbox.shown("shop")
