"""Shopee keeps the contract of a platform: in a shop with one warehouse and in one with two."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from pushdsl.plugins import ListingRef, WebhookRequest
from pushdsl.testing import PlatformContract
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.settings import ShopeeSettings
from pushdsl_shopee.signing import webhook_sign


class TestShopeeContract(PlatformContract):
    platform = Shopee()
    region = "ID"
    locations = ("IDZ", "IDZ-2")

    @pytest.fixture(autouse=True)
    def _one_clock_for_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushdsl_shopee.sandbox.utc_now", self.clock)

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest:
        assert isinstance(settings, ShopeeSettings)
        url, body = "https://push.example.test/shopee", json.dumps({"shop_id": 1, "code": 3, "data": {}}).encode()
        sign = webhook_sign(settings.partner_key.get_secret_value(), url, body)
        return WebhookRequest(url, {"Authorization": sign}, body)

    def unknown_listings(self) -> list[ListingRef]:
        return [*super().unknown_listings(), ListingRef("NO-MODEL", "999999", "")]
