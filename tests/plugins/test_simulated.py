"""The simulated platform keeps the contract, and is kind where a marketplace would be strict."""

from __future__ import annotations

import json
from typing import cast

from pydantic import BaseModel

from pushdsl.plugins import WebhookRequest
from pushdsl.plugins.simulated import SimulatedPlatform, SimulatedSettings, signature
from pushdsl.testing import PlatformContract


class TestSimulated(PlatformContract):
    platform = SimulatedPlatform()

    def signed_webhook(self, settings: BaseModel) -> WebhookRequest | None:
        token = cast(SimulatedSettings, settings).token
        assert token is not None
        body = json.dumps({"id": "1", "kind": "stock", "listings": [["SKU-1", "1000", "2001"]]}).encode()
        return WebhookRequest("simulated://hook", {"X-Simulated-Signature": signature(token, body)}, body)
