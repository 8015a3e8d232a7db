"""Shopify keeps the contract of a platform: in a shop with one location and in one with two."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from pushdsl.plugins import Confirmed, Refused, WebhookRequest
from pushdsl.testing import PlatformContract, Shop
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.settings import ShopifySettings
from pushdsl_shopify.signing import webhook_signature


class TestShopifyContract(PlatformContract):
    platform = Shopify()

    @pytest.fixture(autouse=True)
    def _one_clock_for_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushdsl_shopify.sandbox.utc_now", self.clock)

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest:
        assert isinstance(settings, ShopifySettings)
        body = json.dumps({"inventory_item_id": 2001, "location_id": 1001, "available": 7}).encode()
        headers = {
            "X-Shopify-Topic": "inventory_levels/update",
            "X-Shopify-Shop-Domain": settings.shop,
            "X-Shopify-Hmac-Sha256": webhook_signature(settings.client_secret.get_secret_value(), body),
        }
        return WebhookRequest("https://push.example.test/hook", headers, body)

    def test_a_promotion_lock_is_refused_as_locked(self) -> None:
        """Shopify has no promotions that lock stock; its nearest is an item that no app may change: `blocked`."""

        async def push_the_bundle(_: PlatformContract, shop: Shop) -> None:
            before = shop.quantities_shown()

            first, *others = await shop.push_until_alone(shop.cells(), fault="promotion_lock")
            assert isinstance(first, Refused)
            assert first.kind == "blocked"
            assert [type(outcome) for outcome in others] == [Confirmed] * len(others)
            assert before[shop.listings[0].store_sku, ""] == shop.quantities_shown()[shop.listings[0].store_sku, ""]

        self.run(push_the_bundle, self.store)
