"""A code or a refresh token in, tokens of one shop out, or why there are none.

Both are good for one time: after a lost answer only the seller can help, so nothing is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr, TypeAdapter, ValidationError

from pushdsl.plugins import Connection, Failure, Grant, Refused, Temporary, Unauthorized, Unknown
from pushdsl_tiktok.errors import trouble
from pushdsl_tiktok.settings import Secret, TikTokApp, TikTokSettings
from pushdsl_tiktok.wire import Answer, get_for_token, get_tokens, whole_number

if TYPE_CHECKING:
    import aiohttp

FIRST_TOKENS_PATH = "/api/v2/token/get"
NEXT_TOKENS_PATH = "/api/v2/token/refresh"
SHOPS_PATH = "/authorization/202309/shops"

_SHOPS_NAMED = 20
_NAME_MAX = 60

_NO_CODE = Refused("", "the address that TikTok called has no `code`: start again at the link", "bad_request")
_NO_REFRESH_TOKEN = Unauthorized("reauthorize", "the settings have no refresh token")
_UNREADABLE = Unknown("the tokens that TikTok answered with cannot be read")


@dataclass(frozen=True, slots=True)
class _Shop:
    """A shop that the token lets in."""

    id: str
    cipher: str
    region: str
    name: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.id, self.region, f"“{self.name}”" if self.name else "")))


async def exchange(
    app: TikTokApp, answer: Mapping[str, str], http: aiohttp.ClientSession, now: Callable[[], datetime]
) -> Grant | Failure:
    if refusal := answer.get("error"):
        return Unauthorized("reauthorize", "the seller did not agree, only a new link helps", refusal[:_NAME_MAX])
    code = answer.get("code")
    if not code or code == "null":
        return _NO_CODE
    first = {"auth_code": code, "grant_type": "authorized_code"}
    tokens = _tokens(await get_tokens(app, http, FIRST_TOKENS_PATH, first, code), now())
    if not isinstance(tokens, Grant):
        return tokens
    shop = await _shop(app, http, now, SecretStr(tokens.settings["access_token"]))
    if not isinstance(shop, _Shop):
        return shop
    of_shop = {"shop_cipher": shop.cipher, "shop_id": shop.id}
    return Grant({**tokens.settings, **of_shop}, tokens.access_until, tokens.refresh_until)


async def refresh(connection: Connection) -> Grant | Failure:
    settings = cast(TikTokSettings, connection.settings)  # the core validates with our own model
    if settings.refresh_token is None:
        return _NO_REFRESH_TOKEN
    token = settings.refresh_token.get_secret_value()
    following = {"refresh_token": token, "grant_type": "refresh_token"}
    answer = await get_tokens(settings, connection.http, NEXT_TOKENS_PATH, following, token)
    return _tokens(answer, connection.now())


def _tokens(answer: Answer | Temporary | Unknown, now: datetime) -> Grant | Failure:
    if not isinstance(answer, Answer) or answer.code:
        failed = _failure(answer)
        # Nothing is left to refresh with.
        return replace(failed, action="reauthorize") if isinstance(failed, Unauthorized) else failed
    access, renewed = _token(answer.data, "access_token"), _token(answer.data, "refresh_token")
    if access is None or renewed is None:
        return _UNREADABLE
    return Grant(
        {"access_token": access, "refresh_token": renewed},
        access_until=_moment(answer.data.get("access_token_expire_in"), now),
        refresh_until=_moment(answer.data.get("refresh_token_expire_in"), now),
    )


def _token(data: Mapping[str, object], name: str) -> str | None:
    """A token that can be sent again; None for anything else."""
    value = data.get(name)
    try:
        return TypeAdapter(Secret).validate_python(value).get_secret_value() if isinstance(value, str) else None
    except ValidationError:
        return None


def _moment(value: object, now: datetime) -> datetime | None:
    """`…_expire_in` are UNIX times for all that their names say; one that is over or out of range is no time."""
    seconds = whole_number(value)
    try:
        moment = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment if moment is not None and moment > now else None


async def _shop(
    app: TikTokApp, http: aiohttp.ClientSession, now: Callable[[], datetime], token: SecretStr
) -> _Shop | Failure:
    """The only shop that the token lets in, or the one that the settings name. The code is used up by now."""
    answer = await get_for_token(app, http, now, token, SHOPS_PATH)
    if isinstance(answer, Answer) and not answer.code:
        shops = _shops(answer.data)
        return Unknown("the shops that TikTok answered with cannot be read") if shops is None else _chosen(app, shops)
    failed = _failure(answer)
    if isinstance(failed, Refused):
        return failed
    words = f"the code is used up and the seller's shops could not be listed, start again at the link: {failed.message}"
    return Unauthorized("reauthorize", words, "" if isinstance(failed, Unknown) else failed.code)


def _failure(answer: Answer | Temporary | Unknown) -> Failure:
    if isinstance(answer, Answer):
        return trouble(answer.code, answer.message, retry_after=answer.retry_after)
    return answer


def _shops(data: Mapping[str, object]) -> list[_Shop] | None:
    listed = data.get("shops") or []
    if not isinstance(listed, list) or not all(isinstance(shop, dict) for shop in listed):
        return None
    return [_Shop(*(_text(shop.get(field)) for field in ("id", "cipher", "region", "name"))) for shop in listed]


def _text(value: object) -> str:
    """What can be said in one line; empty for anything else."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if text.isprintable() else ""


def _chosen(app: TikTokApp, shops: Sequence[_Shop]) -> _Shop | Refused:
    fitting = [
        shop
        for shop in shops
        if shop.cipher and app.shop_id in ("", shop.id) and app.wanted_region in ("", shop.region)
    ]
    if len(fitting) == 1:
        return fitting[0]
    named = ", ".join(str(shop)[: _NAME_MAX * 2] for shop in (fitting or shops)[:_SHOPS_NAMED]) or "none"
    why, advice = _unchosen(app, len(fitting))
    return Refused("", f"the seller {why}; TikTok lists: {named} ({advice}, then open the link again)", "bad_request")


def _unchosen(app: TikTokApp, fitting: int) -> tuple[str, str]:
    if fitting:
        return "lets in several shops", "name one with `shop_id` or `region` in the account's settings"
    if app.shop_id:
        return f"does not let in the shop {app.shop_id}", "correct `shop_id` or `region` in the account's settings"
    if app.wanted_region:
        return f"lets in no shop of the region {app.wanted_region}", "log in as the seller of such a shop"
    return "lets in no shop", "log in as a seller who has one"
