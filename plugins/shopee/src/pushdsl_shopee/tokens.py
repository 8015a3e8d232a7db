"""A code or a refresh token in, tokens of one shop out, or why there are none.

Both are good for one time: after a lost answer only the seller can help, so nothing is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter, ValidationError

from pushdsl.plugins import Connection, Failure, Grant, Refused, Unauthorized, Unknown
from pushdsl_shopee.errors import trouble
from pushdsl_shopee.settings import Id, Secret, ShopeeApp, ShopeeSettings
from pushdsl_shopee.wire import Answer, Fields, Lost, post_for_tokens, whole_number

if TYPE_CHECKING:
    import aiohttp

FIRST_TOKENS_PATH = "/api/v2/auth/token/get"
NEXT_TOKENS_PATH = "/api/v2/auth/access_token/get"

_REFRESH_DAYS = 30
_YEAR_SECONDS = 366 * 24 * 3600

_NO_CODE = Refused("", "the address that Shopee called has no `code`: start again at the link", "bad_request")
_NO_SHOP = Refused(
    "",
    "the address that Shopee called names no `shop_id` and no `main_account_id`: start again at the link",
    "bad_request",
)
_NO_REFRESH_TOKEN = Unauthorized("reauthorize", "the settings have no refresh token")
_UNREADABLE = Unknown("the tokens that Shopee answered with cannot be read")


async def exchange(
    app: ShopeeApp, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
) -> Grant | Failure:
    code, shop_id, main_account = answer.get("code"), _id(answer.get("shop_id")), _id(answer.get("main_account_id"))
    if not code:
        return _NO_CODE
    if shop_id is None and main_account is None:
        return _NO_SHOP
    seller = {"main_account_id": main_account} if shop_id is None else {"shop_id": shop_id}
    at, body = now(), {"code": code, **seller, "partner_id": app.partner_id}
    given = _given(await post_for_tokens(app, http, at, FIRST_TOKENS_PATH, code, body), now)
    if not isinstance(given, Mapping):
        return given
    shop = _only_shop(given) if shop_id is None else shop_id
    return shop if isinstance(shop, Refused) else _grant(given, at, shop)


async def refresh(connection: Connection) -> Grant | Failure:
    settings = cast(ShopeeSettings, connection.settings)  # the core validates with our own model
    if settings.refresh_token is None:
        return _NO_REFRESH_TOKEN
    at, token = connection.now(), settings.refresh_token.get_secret_value()
    body = {"shop_id": settings.shop_id, "partner_id": settings.partner_id, "refresh_token": token}
    said = await post_for_tokens(settings, connection.http, at, NEXT_TOKENS_PATH, token, body)
    given = _given(said, connection.now)
    return _grant(given, at, settings.shop_id) if isinstance(given, Mapping) else given


def _given(said: Answer | Lost, now: Callable[[], datetime]) -> Fields | Failure:
    if not isinstance(said, Answer):
        return said
    if not said.error:
        return said.body
    refused = trouble(said, now)
    # Nothing is left to refresh with.
    return replace(refused, action="reauthorize") if isinstance(refused, Unauthorized) else refused


def _grant(given: Fields, at: datetime, shop_id: int) -> Grant | Unknown:
    """`at` is the time of the call, so that a token never seems to live longer than it does."""
    access, renewed = _token(given, "access_token"), _token(given, "refresh_token")
    if access is None or renewed is None:
        return _UNREADABLE
    seconds = whole_number(given.get("expire_in"))
    return Grant(
        {"access_token": access, "refresh_token": renewed, "shop_id": str(shop_id)},
        access_until=at + timedelta(seconds=seconds) if seconds is not None and 0 <= seconds <= _YEAR_SECONDS else None,
        refresh_until=at + timedelta(days=_REFRESH_DAYS),
    )


def _only_shop(given: Fields) -> int | Refused:
    """A main account lets in all the shops that the seller ticks, and a store is one shop."""
    listed = given.get("shop_id_list")
    shops = [_id(shop) for shop in (listed if isinstance(listed, list) else [listed])]
    if len(shops) == 1 and shops[0] is not None:
        return shops[0]
    named = ", ".join(str(shop) for shop in shops if shop is not None) or "none"
    return Refused(
        "",
        f"the main account did not let in one shop but these: {named}"
        " (go through the link once for each store, and log in as the shop or tick that shop alone)",
        "bad_request",
    )


def _id(value: object) -> int | None:
    number = whole_number(value)
    try:
        return None if number is None else TypeAdapter(Id).validate_python(number)
    except ValidationError:
        return None


def _token(given: Fields, name: str) -> str | None:
    """A token that can be sent again; None for anything else."""
    value = given.get(name)
    try:
        return TypeAdapter(Secret).validate_python(value).get_secret_value() if isinstance(value, str) else None
    except ValidationError:
        return None
