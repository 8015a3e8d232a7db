"""How a seller lets the app into a shop, and how the tokens are renewed; the calls themselves are in `tokens`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from pydantic import BaseModel

from pushdsl.plugins import Connection, Failure, Grant
from pushdsl_shopify.settings import ShopifyApp

if TYPE_CHECKING:
    import aiohttp

CONSENT_PATH = "/admin/oauth/authorize"


class ShopifyAuthorization:
    """Stateless. An access token that runs out lives an hour, its refresh token ninety days."""

    app: type[BaseModel] = ShopifyApp
    refresh_ahead = timedelta(minutes=5)

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        """`redirect` must be among the app's allowed addresses to the letter, so the state stands beside it."""
        asked = cast(ShopifyApp, app)  # the core validates with our own model
        query = {"client_id": asked.client_id, "scope": asked.scopes, "redirect_uri": redirect, "state": state}
        return f"{asked.address}{CONSENT_PATH}?{urlencode(query)}"

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        from pushdsl_shopify.tokens import exchange

        return await exchange(cast(ShopifyApp, app), answer, http, now)

    async def refresh(self, connection: Connection) -> Grant | Failure:
        from pushdsl_shopify.tokens import refresh

        return await refresh(connection)
