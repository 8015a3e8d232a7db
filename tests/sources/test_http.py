"""Over HTTP: what answer a caller gets, that 200 means on the disk, and whose messages are believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel, SecretStr

from pushdsl.errors import PushdslError
from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl.sources.http import Shop, event_routes, webhook_routes

TOKEN = SecretStr("token-canary-0")
RIGHT = {"Authorization": "Bearer token-canary-0"}


def said(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"e{number}", "source": "wms", "sequence": number, "at": "2026-05-04T11:00:00Z", "reason": 2,
        "warehouse": "kl", "sku": "A", "add": 1, **changes,
    }  # fmt: skip


@asynccontextmanager
async def serving(routes: Sequence[web.RouteDef]) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    app.add_routes(routes)
    async with TestClient(TestServer(app)) as client:
        yield client


def posted(run: Any, *bodies: str | bytes, headers: dict[str, str] = RIGHT, **options: Any) -> list[tuple[int, Any]]:
    """Status and answer of each body, and at last the record's desk."""
    answers: list[tuple[int, Any]] = []

    async def work(desk: Any) -> None:
        async with serving(event_routes(desk.intake, TOKEN, **options)) as client:
            for body in bodies:
                async with client.post(f"{options.get('prefix', '')}/events", data=body, headers=headers) as answer:
                    answers.append((answer.status, await answer.json()))

    answers.append((0, run(work)))
    return answers


# ---- events -----------------------------------------------------------------------------------------


def test_events_that_are_answered_with_200_are_on_the_disk(run: Any) -> None:
    one, many, lines, (_, desk) = posted(
        run,
        json.dumps(said(1)),
        json.dumps([said(1), said(2)]),
        "\n".join(json.dumps(said(number)) for number in (3, 4)),
    )

    assert one == (200, {"taken": 1, "repeated": 0, "refused": 0, "items": [{"outcome": "taken"}]})
    assert [item["outcome"] for item in many[1]["items"]] == ["repeated", "taken"]
    assert (lines[0], lines[1]["taken"]) == (200, 2)
    assert desk.on_hand("A") == 4


def test_what_is_wrong_is_told_in_its_place_and_the_rest_is_taken(run: Any) -> None:
    order = {"order": "1", "store": "s", "id": "m", "source": "erp", "sequence": 1, "at": "2026-05-04T11:00:00Z"}
    (status, answer), (_, desk) = posted(
        run, json.dumps([said(1), said(1, add=5), said(2, sku=7), {**order, "ask": "ship"}, said(3)])
    )

    assert status == 400
    assert [item["outcome"] for item in answer["items"]] == ["taken", "refused", "refused", "refused", "taken"]
    assert [item.get("error", "")[:30] for item in answer["items"]][1:4] == [
        "stock event `e1` came twice an", "`sku` is the number 7 and must", "order `1` of `s` is not known",
    ]  # fmt: skip
    assert answer["items"][2]["help"].startswith("put it in quotes")
    assert desk.on_hand("A") == 2


@pytest.mark.parametrize("body", ["", "{", "nonsense", b"\xff"])
def test_a_body_that_cannot_be_read_is_400_with_a_sentence(run: Any, body: str | bytes) -> None:
    (status, answer), _ = posted(run, body)

    assert status == 400
    assert answer["error"].startswith("this is no")


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer token-canary-1", "Basic token-canary-0", "token-canary-0", "Bearer tökén"],
)
def test_without_the_right_token_nothing_is_read(run: Any, given: str) -> None:
    (status, answer), (_, desk) = posted(run, json.dumps(said(1)), headers={"Authorization": given} if given else {})

    assert (status, answer["error"]) == (401, "the token is missing or wrong")
    assert "canary" not in json.dumps(answer)
    assert desk.ledger.all_balances() == {}


def test_a_route_without_a_token_is_never_made(run: Any) -> None:
    async def work(desk: Any) -> None:
        with pytest.raises(PushdslError, match="need a token"):
            event_routes(desk.intake, SecretStr(""))

    run(work)


@pytest.mark.parametrize("streamed", [False, True], ids=["with its length", "in chunks"])
def test_a_body_that_is_too_large_is_413_and_one_that_just_fits_is_taken(run: Any, streamed: bool) -> None:
    body = json.dumps(said(1)).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:10]
        yield body[10:]

    async def work(desk: Any) -> None:
        for most, status in ((len(body) - 1, 413), (len(body), 200)):
            async with (
                serving(event_routes(desk.intake, TOKEN, body_max=most)) as client,
                client.post("/events", data=chunks() if streamed else body, headers=RIGHT) as answer,
            ):
                assert answer.status == status, await answer.text()

    assert run(work).on_hand("A") == 1


def test_a_record_that_cannot_be_written_is_503(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(desk: Any) -> None:
        def full(*told: object, **options: object) -> None:
            raise PushdslError("the disk is full")

        monkeypatch.setattr(type(desk.ledger), "together", full)
        async with (
            serving(event_routes(desk.intake, TOKEN)) as client,
            client.post("/events", json=[said(1), said(2)], headers=RIGHT) as answer,
        ):
            assert answer.status == 503
            assert (await answer.json())["error"] == "the disk is full"

    run(work)


def test_tenants_have_addresses_of_their_own(run: Any) -> None:
    (status, _), _ = posted(run, json.dumps(said(1)), prefix="/ours")

    assert status == 200


# ---- webhooks ---------------------------------------------------------------------------------------


class Settings(BaseModel):
    secret: str = "right"


class Marketplace:
    """Believes what is signed with the secret; the body says which events it is about."""

    def __init__(self) -> None:
        self.asked: list[WebhookRequest] = []

    def verify_webhook(self, settings: Settings, request: WebhookRequest) -> Sequence[Event] | None:
        self.asked.append(request)
        if request.headers.get("X-Signature") != settings.secret:
            return None
        if request.body == b"broken":
            raise ValueError("secret-canary")
        return [Event(id, "stock", (ListingRef(f"SKU-{id}", "", ""),)) for id in request.body.decode().split()]


class Hears:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.fails = False

    async def __call__(self, store: str, listings: Sequence[ListingRef]) -> None:
        if self.fails:
            raise PushdslError("busy")
        self.heard += [(store, listing.store_sku) for listing in listings]


async def told(client: Any, body: bytes, store: str = "shop", signature: str = "right") -> tuple[int, Any]:
    async with client.post(f"/webhooks/{store}?a=b", data=body, headers={"X-Signature": signature}) as answer:
        return answer.status, await answer.json()


def test_a_message_is_told_of_once_whatever_is_delivered_again(run: Any) -> None:
    platform, hears = Marketplace(), Hears()
    shops = {"shop": Shop(platform, Settings), "other": Shop(platform, Settings)}  # type: ignore[arg-type]

    async def work(desk: Any) -> None:
        async with serving(webhook_routes(desk.intake, shops, hears)) as client:
            assert await told(client, b"1 2 1") == (200, {"heard": 2, "repeated": 1})
            assert await told(client, b"2 3") == (200, {"heard": 1, "repeated": 1})
            assert await told(client, b"3", "other") == (200, {"heard": 1, "repeated": 0})
            assert await told(client, b"") == (200, {"heard": 0, "repeated": 0})

    desk = run(work)

    assert hears.heard == [("shop", "SKU-1"), ("shop", "SKU-2"), ("shop", "SKU-3"), ("other", "SKU-3")]
    assert desk.ledger.put_aside() == []


def test_a_platform_gets_the_raw_body_its_headers_and_the_public_address(run: Any) -> None:
    platform = Marketplace()
    shops = {"shop": Shop(platform, Settings)}  # type: ignore[arg-type]

    async def work(desk: Any) -> None:
        routes = webhook_routes(desk.intake, shops, Hears(), public_url="https://push.example/")
        async with serving(routes) as client:
            await told(client, b" 1\n")

    run(work)

    [request] = platform.asked
    assert (request.url, request.body) == ("https://push.example/webhooks/shop?a=b", b" 1\n")
    assert request.headers["X-Signature"] == "right"


def test_wrong_signatures_unknown_stores_large_bodies_and_faulty_plugins(run: Any) -> None:
    hears = Hears()
    shops = {"shop": Shop(Marketplace(), Settings)}  # type: ignore[arg-type]

    async def work(desk: Any) -> None:
        async with serving(webhook_routes(desk.intake, shops, hears, body_max=10)) as client:
            wrong = await told(client, b"1", signature="wrong")
            unknown = await told(client, b"1", store="nobody")
            large = await told(client, b"1" * 11)
            faulty = await told(client, b"broken")

        assert (wrong[0], wrong[1]["error"]) == (401, "the signature is wrong")
        assert (unknown[0], unknown[1]["error"]) == (404, "there is no store `nobody`")
        assert large[0] == 413
        assert (faulty[0], faulty[1]["error"]) == (500, "the platform's plugin failed: ValueError")

    run(work)

    assert hears.heard == []


def test_a_message_that_could_not_be_told_of_is_heard_when_it_comes_again(run: Any) -> None:
    hears = Hears()
    shops = {"shop": Shop(Marketplace(), Settings)}  # type: ignore[arg-type]

    async def work(desk: Any) -> None:
        async with serving(webhook_routes(desk.intake, shops, hears)) as client:
            hears.fails = True
            assert (await told(client, b"1"))[0] == 503
            hears.fails = False
            assert await told(client, b"1") == (200, {"heard": 1, "repeated": 0})

    run(work)

    assert hears.heard == [("shop", "SKU-1")]
