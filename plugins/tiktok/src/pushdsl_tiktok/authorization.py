"""How a seller lets the app into a shop: the page to agree on, then tokens, and new ones for old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from pushdsl.plugins import Connection, Failure, Grant
from pushdsl_tiktok.settings import TikTokApp, TokopediaApp

if TYPE_CHECKING:
    import aiohttp

CONSENT_PATH = "/open/authorize"


class TikTokAuthorization:
    """An access token is good for seven days unless TikTok says otherwise, and it says when each token ends."""

    app: type[BaseModel] = TikTokApp
    refresh_ahead = timedelta(hours=1)

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        """Without `redirect`: TikTok sends the seller to the address that the app is registered with, and no other."""
        app = cast(TikTokApp, app)  # the core validates with our own model
        query = urlencode({"service_id": app.service_id, "state": state}, quote_via=quote)
        return f"{app.consent_url}{CONSENT_PATH}?{query}"

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        from pushdsl_tiktok.tokens import exchange

        return await exchange(cast(TikTokApp, app), answer, http, now)

    async def refresh(self, connection: Connection) -> Grant | Failure:
        from pushdsl_tiktok.tokens import refresh

        return await refresh(connection)


class TokopediaAuthorization(TikTokAuthorization):
    """The same, for a shop that must be Indonesian."""

    app: type[BaseModel] = TokopediaApp
