"""What is sent for which listings, and what is made of answers that are not as they should be."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins import (
    Batch,
    CellPush,
    Confirmed,
    Connection,
    ListingRef,
    NotShown,
    Outcome,
    Query,
    ReadResult,
    Refused,
    ShopLocation,
    Shown,
    Store,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl.testing import FixedClock
from pushdsl_woocommerce.platform import WooCommercePlatform
from pushdsl_woocommerce.settings import WooCommerceSettings

if TYPE_CHECKING:
    from conftest import InShop, Visit

PLATFORM = WooCommercePlatform()
STORE = Store("woo_my", "woocommerce", "main")
RED, BLUE = ListingRef("MUG-RED", "799", "801"), ListingRef("MUG-BLUE", "799", "802")
CUP = ListingRef("CUP", "900", "")


@dataclass
class Reply:
    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Scripted:
    """Answers calls in turn, and keeps what it was sent: method, path, query and body."""

    replies: list[Reply] = field(default_factory=list)
    sent: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.sent.append((request.method, request.path, dict(request.query), json.loads(body) if body else None))
        reply = self.replies.pop(0)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return web.Response(text=text, status=reply.status, headers=reply.headers)

    def run(self, test: Callable[[Connection], Awaitable[Any]], replies: Sequence[Reply]) -> Any:
        self.replies.extend(replies)
        return asyncio.run(self._run(test))

    async def _run(self, test: Callable[[Connection], Awaitable[Any]]) -> Any:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as http:
                settings = WooCommerceSettings.model_validate(
                    {
                        "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}/shop/",
                        "consumer_key": "ck_test-key",
                        "consumer_secret": "cs_test-secret",
                    }
                )
                return await test(Connection(STORE, settings, http, FixedClock()))
        finally:
            await runner.cleanup()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    shop = Scripted()
    yield shop
    assert shop.replies == [], "fewer calls than answers"


def cell(at: ListingRef, quantity: int) -> CellPush:
    return CellPush(at.store_sku, at.item_id, at.variant_id, "", quantity)


def shows(id: int, quantity: object, manage_stock: object = True) -> dict[str, object]:
    return {"id": id, "manage_stock": manage_stock, "stock_quantity": quantity}


def pushed(shop: Scripted, cells: Sequence[CellPush], *replies: Reply) -> Sequence[Outcome]:
    async def test(connection: Connection) -> Sequence[Outcome]:
        return await PLATFORM.push(Batch(connection, tuple(cells)))

    outcomes: Sequence[Outcome] = shop.run(test, replies)
    return outcomes


def read(shop: Scripted, listings: Sequence[ListingRef], *replies: Reply) -> ReadResult:
    async def test(connection: Connection) -> ReadResult:
        return await PLATFORM.read(Query(connection, tuple(listings)))

    answers: ReadResult = shop.run(test, replies)
    return answers


def test_variations_share_a_call_of_their_product_and_simple_products_one_of_theirs(scripted: Scripted) -> None:
    variations = Reply({"update": [shows(802, 2), shows(801, 1)]})
    outcomes = pushed(
        scripted, [cell(RED, 1), cell(CUP, 3), cell(BLUE, 2)], variations, Reply({"update": [shows(900, 3)]})
    )

    assert outcomes == [Confirmed()] * 3
    assert [(method, path, body) for method, path, _, body in scripted.sent] == [
        ("POST", "/shop/wp-json/wc/v3/products/799/variations/batch", {"update": [shows(801, 1), shows(802, 2)]}),
        ("POST", "/shop/wp-json/wc/v3/products/batch", {"update": [shows(900, 3)]}),
    ]


def test_more_than_a_hundred_rows_go_in_several_calls(scripted: Scripted) -> None:
    cells = [cell(ListingRef(f"SKU-{n}", str(n), ""), n) for n in range(1, 151)]
    halves = [Reply({"update": [shows(n, n) for n in part]}) for part in (range(1, 101), range(101, 151))]

    assert set(pushed(scripted, cells, *halves)) == {Confirmed()}
    assert [len(body["update"]) for *_, body in scripted.sent] == [100, 50]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply("slow down", 429, {"Retry-After": "7"}), Temporary("an answer that cannot be read", 7.0, "429")),
        (Reply({"code": "x", "message": "No."}, 401), Unauthorized("reauthorize", "No.", "x")),
    ],
)
def test_after_a_call_that_was_turned_away_no_other_is_made(scripted: Scripted, reply: Reply, outcome: Outcome) -> None:
    assert pushed(scripted, [cell(RED, 1), cell(CUP, 3)], reply) == [outcome, outcome]


def test_a_call_without_a_usable_answer_says_nothing_of_the_next(scripted: Scripted) -> None:
    [first, second] = pushed(
        scripted, [cell(RED, 1), cell(CUP, 3)], Reply("<html>"), Reply({"update": [shows(900, 3)]})
    )

    assert (type(first), second) == (Unknown, Confirmed())


@pytest.mark.parametrize(
    "row",
    [
        shows(801, 7),
        shows(801, None),
        shows(801, "1"),
        shows(801, True),
        {"id": 801},
        {"id": 802},
        shows(801, 1.5),
    ],
)
def test_a_row_that_does_not_say_that_it_shows_what_was_sent_is_unknown(scripted: Scripted, row: object) -> None:
    [outcome] = pushed(scripted, [cell(RED, 1)], Reply({"update": [row]}))

    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize("answer", ["", "{", "[]", "{}", '{"update": 7}', '{"update": [7]}', '{"update": [{}]}', "NaN"])
def test_an_answer_of_another_shape_is_unknown(scripted: Scripted, answer: str) -> None:
    [outcome] = pushed(scripted, [cell(RED, 1)], Reply(answer))

    assert isinstance(outcome, Unknown)


def test_a_shop_that_writes_fractions_is_understood(scripted: Scripted) -> None:
    assert pushed(scripted, [cell(RED, 1)], Reply({"update": [shows(801, 1.0)]})) == [Confirmed()]


@pytest.mark.parametrize("managed", [False, "parent"])
def test_a_listing_that_the_shop_goes_on_not_counting_is_blocked(scripted: Scripted, managed: object) -> None:
    [outcome] = pushed(scripted, [cell(RED, 1)], Reply({"update": [shows(801, 1, managed)]}))

    assert isinstance(outcome, Refused)
    assert outcome.kind == "blocked"


@pytest.mark.parametrize("at", [ListingRef("A", "", ""), ListingRef("A", "1/../2", ""), ListingRef("A", "", "801")])
def test_ids_that_are_no_numbers_are_never_sent(scripted: Scripted, at: ListingRef) -> None:
    [outcome] = pushed(scripted, [cell(at, 1)])
    [answer] = read(scripted, [at])

    assert isinstance(outcome, Refused)
    assert isinstance(answer, NotShown)
    assert (outcome.kind, answer.outcome) == ("bad_request", outcome)


def test_a_read_asks_by_id_once_a_product_and_once_for_simple_products(scripted: Scripted) -> None:
    answers = read(scripted, [RED, CUP, BLUE], Reply([shows(801, 1), shows(802, -2)]), Reply([shows(900, 3)]))

    assert sorted(answers, key=lambda answer: answer.store_sku) == [
        Shown("CUP", "", 3),
        Shown("MUG-BLUE", "", -2),
        Shown("MUG-RED", "", 1),
    ]
    asked = [(method, path, query["include"], query["per_page"]) for method, path, query, _ in scripted.sent]
    assert asked == [
        ("GET", "/shop/wp-json/wc/v3/products/799/variations", "801,802", "100"),
        ("GET", "/shop/wp-json/wc/v3/products", "900", "100"),
    ]


@pytest.mark.parametrize("managed", [False, "parent", None])
def test_a_stock_that_is_not_counted_is_not_shown_as_a_number(scripted: Scripted, managed: object) -> None:
    [answer] = read(scripted, [RED], Reply([shows(801, 7, managed)]))

    assert isinstance(answer, NotShown)
    assert "does not count" in answer.outcome.message


@pytest.mark.parametrize("quantity", [None, "7", True, 1.5])
def test_a_quantity_that_cannot_be_read_is_unknown(scripted: Scripted, quantity: object) -> None:
    [answer] = read(scripted, [RED], Reply([shows(801, quantity)]))

    assert isinstance(answer, NotShown)
    assert isinstance(answer.outcome, Unknown)


def test_a_product_that_is_gone_is_not_found(scripted: Scripted) -> None:
    gone = Reply(
        {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}, 404
    )
    [first, second] = read(scripted, [RED, CUP], gone, Reply([]))

    kinds = [getattr(answer.outcome, "kind", "") for answer in (first, second) if isinstance(answer, NotShown)]
    assert kinds == ["not_found", "not_found"]


def test_a_redirect_is_not_followed(scripted: Scripted) -> None:
    [outcome] = pushed(scripted, [cell(RED, 1)], Reply("", 301, {"Location": "https://shop.example.test/"}))

    assert isinstance(outcome, Refused)
    assert "`base_url`" in outcome.message


def test_words_that_repeat_the_key_are_told_without_it(scripted: Scripted) -> None:
    words = {"code": "x", "message": "no user ck_test-key with cs_test-secret", "data": {"status": 400}}
    rows = {"update": [{"id": 801, "error": words}, shows(802, 2)]}

    said = repr(pushed(scripted, [cell(RED, 1), cell(BLUE, 2)], Reply(rows)))
    assert "no user … with …" in said
    assert "ck_test-key" not in said


def test_the_store_has_no_locations(in_shop: InShop) -> None:
    async def test(visit: Visit) -> Sequence[ShopLocation] | object:
        return await PLATFORM.locations(visit.connection)

    assert in_shop(test) == []


# Over https the key is sent instead of signing


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a local shop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "shop.pem"
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(kept + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("", [Confirmed()]),
        ("consumer_key", "Consumer key is invalid."),
        ("consumer_secret", "Consumer secret is invalid."),
    ],
)
def test_over_https_the_key_is_sent_and_nothing_is_signed(
    in_shop: InShop, certificate: Path, field: str, said: object
) -> None:
    async def test(visit: Visit) -> object:
        app = web.Application()
        app.add_routes(visit.sandbox.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=certificate)
        server.load_cert_chain(certificate)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server).start()
        try:
            settings = visit.settings.model_dump() | {"base_url": f"https://127.0.0.1:{runner.addresses[0][1]}"}
            if field:
                settings[field] = "of-somebody-else"
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http:
                connection = Connection(STORE, PLATFORM.settings.model_validate(settings), http, visit.connection.now)
                outcomes = await PLATFORM.push(Batch(connection, (cell(RED, 7),)))
            assert visit.quantities["MUG-RED"] == (5 if field else 7)
            return outcomes
        finally:
            await runner.cleanup()

    outcomes = in_shop(test)
    assert outcomes == said or outcomes[0].message == said
