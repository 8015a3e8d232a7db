"""How a seller lets the app into a shop: the page to agree on, then tokens, and new ones for old ones.

Shopee has no parameter for a state, so it is carried in the address that the seller is sent back to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel

from pushdsl.plugins import Connection, Failure, Grant
from pushdsl_shopee.settings import ShopeeApp
from pushdsl_shopee.signing import public_sign

if TYPE_CHECKING:
    import aiohttp

CONSENT_PATH = "/api/v2/shop/auth_partner"


class ShopeeAuthorization:
    """A token is good for four hours, and so is a refresh token for one refresh within thirty days."""

    app: type[BaseModel] = ShopeeApp
    refresh_ahead = timedelta(minutes=5)

    def link(self, app: BaseModel, redirect: str, state: str, now: Callable[[], datetime]) -> str:
        """Good for five minutes: the time is signed with it."""
        app = cast(ShopeeApp, app)  # the core validates with our own model
        partner_id, timestamp = str(app.partner_id), str(int(now().timestamp()))
        sign = public_sign(app.partner_key.get_secret_value(), partner_id, CONSENT_PATH, timestamp)
        query = {
            "partner_id": partner_id,
            "timestamp": timestamp,
            "sign": sign,
            "redirect": with_parameters(redirect, {"state": state}),
        }
        return f"{app.base_url}{CONSENT_PATH}?{urlencode(query)}"

    async def exchange(
        self, app: BaseModel, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> Grant | Failure:
        from pushdsl_shopee.tokens import exchange

        return await exchange(cast(ShopeeApp, app), answer, http, now)

    async def refresh(self, connection: Connection) -> Grant | Failure:
        from pushdsl_shopee.tokens import refresh

        return await refresh(connection)


def with_parameters(address: str, parameters: Mapping[str, str]) -> str:
    """The address with these after those that it has already."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(parameters)) if part)
    return parts._replace(query=query).geturl()
