"""HTTP requests in; events handed in, webhooks verified and told of, and an answer for each out.

Only routes and handlers: whoever runs them starts the server, and decides who can reach it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

from pushdsl.errors import PushdslError
from pushdsl.plugins.platform import Event, ListingRef, WebhookRequest
from pushdsl.plugins.sources import EventIntake, Taken, Turned, hand_in
from pushdsl.told import Told, read_many

if TYPE_CHECKING:
    from pydantic import BaseModel, SecretStr

    from pushdsl.plugins.platform import Platform

BODY_MAX: Final = 4 * 1024 * 1024
"""Bytes in one request."""

OnWebhook = Callable[[str, Sequence[ListingRef]], Awaitable[None]]
"""Hears the store and the listings that a platform's message is about; none where it names none."""


class MessageIntake(EventIntake, Protocol):
    """An intake that also remembers messages."""

    async def noted(self, source: str, ids: Sequence[str]) -> set[str]:
        """Which messages of a source are known already."""

    async def note(self, source: str, id: str, body: str) -> bool:
        """Keeps that a message was heard; False where it is kept already."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A store that may send webhooks: its platform, and its settings as they are now, tokens included."""

    platform: Platform
    settings: Callable[[], BaseModel]


def event_routes(
    intake: EventIntake, token: SecretStr, *, prefix: str = "", body_max: int = BODY_MAX
) -> list[web.RouteDef]:
    """`POST /events`: one object, a list, or a line for each; callers send `token` as `Authorization: Bearer …`.

    200 says that all of it is on the disk, 400 that some or all of it is wrong: the answer has each for itself.
    """
    if not token.get_secret_value():
        raise PushdslError("events over HTTP need a token", "set `events_token` under `[run]`")

    async def post(request: web.Request) -> web.Response:
        if not _has_token(request, token):
            return _no(401, "the token is missing or wrong", "send `Authorization: Bearer` and the token")
        if (body := await _body(request, body_max)) is None:
            return _too_large(body_max)
        try:
            told = read_many(body)
        except PushdslError as error:
            return _no(400, error.message, error.help)
        answers = await asyncio.gather(*(_handed_in(intake, one) for one in told), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, PushdslError):  # the record cannot be written
                return _no(503, answer.message, "send all of it again: what was taken counts once")
            if isinstance(answer, BaseException):
                raise answer
        return _each([answer for answer in answers if isinstance(answer, Taken)])

    return [web.post(f"{prefix}/events", post)]


def webhook_routes(
    intake: MessageIntake,
    shops: Mapping[str, Shop],
    on_webhook: OnWebhook,
    *,
    prefix: str = "",
    public_url: str = "",
    body_max: int = BODY_MAX,
) -> list[web.RouteDef]:
    """`POST /webhooks/STORE`: what a platform says of a store, once for each of its messages.

    `public_url` is what stands before `prefix` where the platform sends to, which some platforms sign; empty: as the
    request has it. A message counts as heard when `on_webhook` has returned.
    """

    async def post(request: web.Request) -> web.Response:
        store = request.match_info["store"]
        if (shop := shops.get(store)) is None:
            return _no(404, f"there is no store `{store}`", "use the store's name in the rules")
        if (body := await _body(request, body_max)) is None:
            return _too_large(body_max)
        url = f"{public_url.rstrip('/')}{request.path_qs}" if public_url else str(request.url)
        try:
            events = shop.platform.verify_webhook(shop.settings(), WebhookRequest(url, dict(request.headers), body))
        except Exception as error:  # a guest may raise anything; its text may have a secret
            return _no(500, f"the platform's plugin failed: {type(error).__name__}", "tell its author")
        if events is None:
            return _no(401, "the signature is wrong", "compare the app's secret in the settings with the platform's")
        try:
            news = await _news(intake, store, events)
            for event in news:
                await on_webhook(store, event.listings)
                await intake.note(_webhooks(store), event.id, event.kind)
        except PushdslError as error:
            return _no(503, error.message, "send it again")
        return web.json_response({"heard": len(news), "repeated": len(events) - len(news)})

    return [web.post(prefix + "/webhooks/{store}", post)]


async def _news(intake: MessageIntake, store: str, events: Sequence[Event]) -> list[Event]:
    """Those that were not heard before, each once."""
    different = {event.id: event for event in events}
    heard = await intake.noted(_webhooks(store), [*different])
    return [event for id, event in different.items() if id not in heard]


def _webhooks(store: str) -> str:
    return f"webhooks/{store}"


async def _handed_in(intake: EventIntake, told: Told | PushdslError) -> Taken:
    if isinstance(told, PushdslError):
        return Taken(refused=(Turned("", told.message, told.help),))
    return await hand_in(intake, told)


def _each(answers: Sequence[Taken]) -> web.Response:
    items = [_item(answer) for answer in answers]
    counts = {word: sum(item["outcome"] == word for item in items) for word in ("taken", "repeated", "refused")}
    return web.json_response({**counts, "items": items}, status=400 if counts["refused"] else 200)


def _item(answer: Taken) -> dict[str, str]:
    if not answer.refused:
        return {"outcome": "taken" if answer.taken else "repeated"}
    turned = answer.refused[0]
    return {"outcome": "refused", "error": turned.message, "help": turned.help}


def _has_token(request: web.Request, token: SecretStr) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(errors="replace"), token.get_secret_value().encode())
    return right and scheme.lower() == "bearer"


async def _body(request: web.Request, body_max: int) -> bytes | None:
    """The raw body; None where it is too large, and then not all of it is read."""
    if (request.content_length or 0) > body_max:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > body_max:
            return None
    return bytes(body)


def _too_large(body_max: int) -> web.Response:
    return _no(413, f"the body is larger than {body_max:,} bytes", "send it in several requests")


def _no(status: int, error: str, help: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return web.json_response({"error": error, "help": help}, status=status, headers=headers)
