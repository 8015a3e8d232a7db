"""WooCommerce keeps the contract of a platform: with variations of one product, and with simple products."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from pushdsl.plugins import ListingRef, Unauthorized, WebhookRequest
from pushdsl.testing import PlatformContract, Shop
from pushdsl_woocommerce.platform import WooCommercePlatform
from pushdsl_woocommerce.settings import WooCommerceSettings
from pushdsl_woocommerce.signing import message_signature


class TestVariations(PlatformContract):
    platform = WooCommercePlatform()

    @pytest.fixture(autouse=True)
    def _one_clock_for_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushdsl_woocommerce.sandbox.utc_now", self.clock)

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest:
        assert isinstance(settings, WooCommerceSettings)
        assert settings.webhook_secret is not None
        body = json.dumps({"id": 727, "line_items": [{"product_id": 1000, "variation_id": 2001}]}).encode()
        signature = message_signature(settings.webhook_secret.get_secret_value(), body)
        headers = {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signature}
        return WebhookRequest("https://push.example.test/hook", headers, body)

    def test_an_expired_token_asks_for_a_refresh(self) -> None:
        """A key does not run out and cannot be refreshed: one that is refused must be entered again."""

        async def expire(_: PlatformContract, shop: Shop) -> None:
            shop.sandbox.fail("expired_token")
            expected = Unauthorized("reauthorize", "Consumer key is invalid.", "woocommerce_rest_authentication_error")
            assert {expected} == set(await shop.push(shop.cells()))

        self.run(expire, self.store)

    def test_locations_that_cannot_be_asked_for_are_a_failure_and_no_exception(self) -> None:
        """Nothing is asked, for there are none."""

        async def ask(_: PlatformContract, shop: Shop) -> None:
            await shop.sandbox.stop()
            assert await self.platform.locations(shop.connection) == []

        self.run(ask, self.store)


class TestSimpleProducts(TestVariations):
    """Listings without a variant, each a product of its own; here they share a call."""

    def listing(self, number: int) -> ListingRef:
        return ListingRef(f"SKU-{number}", str(1000 + number), "")

    def unknown_listings(self) -> list[ListingRef]:
        return [self.listing(9999), ListingRef("NO-SUCH-SKU", "999999", "999998")]
