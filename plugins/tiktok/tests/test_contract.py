"""TikTok Shop and Tokopedia keep the contract of a platform, in a shop with one warehouse and in one with two."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel

from pushdsl.plugins import Location, Store, WebhookRequest
from pushdsl.testing import PlatformContract, Shop
from pushdsl.testing.contract import REDIRECT
from pushdsl_tiktok.platform import TikTok, Tokopedia
from pushdsl_tiktok.sandbox import TikTokSandbox
from pushdsl_tiktok.settings import TikTokSettings
from pushdsl_tiktok.signing import webhook_signature


class TestTikTokContract(PlatformContract):
    platform = TikTok()
    locations = ("7068517275539719942", "7068517275539719943")

    @pytest.fixture(autouse=True)
    def _one_clock_for_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushdsl_tiktok.sandbox.utc_now", self.clock)

    @asynccontextmanager
    async def opened(self, store: Store) -> AsyncIterator[Shop]:
        """TikTok sends sellers to the address that is registered with the app; the link names none."""
        async with super().opened(store) as shop:
            assert isinstance(shop.sandbox, TikTokSandbox)
            shop.sandbox.redirect_url = REDIRECT
            yield shop

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest:
        assert isinstance(settings, TikTokSettings)
        body = json.dumps({"type": 1, "tts_notification_id": "7327112393057371910", "data": {}}).encode()
        sign = webhook_signature(settings.app_secret.get_secret_value(), settings.app_key, body)
        return WebhookRequest("https://push.example.test/hook", {"Authorization": sign}, body)


class TestTikTokContractWithOneNamedWarehouse(TestTikTokContract):
    """A store may map its only warehouse by id."""

    locations = ("7068517275539719942",)

    @property
    def stores(self) -> list[Store]:
        return [
            Store("contract_store", "tiktok", "contract", locations=(Location(self.locations[0], ("ours",)),)),
        ]


class TestTokopediaContract(TestTikTokContract):
    """Reached through TikTok Shop."""

    platform = Tokopedia()
    region = "ID"
