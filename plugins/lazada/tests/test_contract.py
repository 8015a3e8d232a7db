"""Lazada keeps the contract of a platform: in a shop with one warehouse, in one with two, and in a Choice shop."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import BaseModel

from pushdsl.plugins import Store, WebhookRequest
from pushdsl.testing import PlatformContract, Shop
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.settings import LazadaSettings
from pushdsl_lazada.signing import webhook_signature


class TestLazadaContract(PlatformContract):
    platform = Lazada()
    region = "MY"
    locations = ("dropshipping", "WH-02")

    @pytest.fixture(autouse=True)
    def _one_clock_for_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushdsl_lazada.sandbox.utc_now", self.clock)

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest:
        assert isinstance(settings, LazadaSettings)
        body = json.dumps({"seller_id": "1234567", "message_type": 0, "data": {"order_status": "unpaid"}}).encode()
        sign = webhook_signature(settings.app_secret.get_secret_value(), settings.app_key, body)
        return WebhookRequest("https://push.example.test/hook", {"Authorization": sign}, body)


class TestLazadaChoiceContract(TestLazadaContract):
    @property
    def store(self) -> Store:
        return replace(super().store, choice=True)

    def test_locations_that_cannot_be_asked_for_are_a_failure_and_no_exception(self) -> None:
        """None are asked for: the warehouses of Choice are Lazada's."""

        async def list_them(_: PlatformContract, shop: Shop) -> None:
            await shop.sandbox.stop()
            assert await self.platform.locations(shop.connection) == []

        self.run(list_them, self.store)
