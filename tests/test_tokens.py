"""A token that runs out is renewed once, kept before it is used, and never stands anywhere in the clear."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, SecretStr

from pushdsl.calling import Caller, Reach
from pushdsl.errors import PushdslError
from pushdsl.model import Store
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import (
    Batch,
    Capabilities,
    CellPush,
    Confirmed,
    Connection,
    Failure,
    Grant,
    Outcome,
    Query,
    ReadResult,
    ShopLocation,
    Shown,
    Temporary,
    Unauthorized,
    Unknown,
)
from pushdsl.store import open_store
from pushdsl.tokens import PAUSE, RENEWAL, Held, NoSeal, RecordVault, Seal, TokenKeeper, new_key, seed_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
RAW = {"access_token": "access-canary-0", "refresh_token": "refresh-canary-0"}


class App(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(App):
    access_token: SecretStr
    refresh_token: SecretStr


class Marketplace:
    """A platform, its authorization and its server at once: one access token is good, each refresh token for once."""

    name = "marketplace"
    app = App
    refresh_ahead = timedelta(minutes=5)

    def __init__(self, lasts: timedelta | None = timedelta(hours=4)) -> None:
        self.authorization = self
        self.settings = Settings
        self.access, self.refresh_token, self.lasts = "access-canary-0", "refresh-canary-0", lasts
        self.refreshes = self.pushes = 0
        self.answers: list[Failure] = []
        self.at_refresh: list[str | None] = []

    def expire(self) -> None:
        self.access = "another one"

    async def refresh(self, connection: Connection) -> Grant | Failure:
        settings = connection.settings
        assert isinstance(settings, Settings)
        await asyncio.sleep(0)
        if self.answers:
            return self.answers.pop(0)
        if settings.refresh_token.get_secret_value() != self.refresh_token:
            return Unauthorized("reauthorize", "Invalid refresh_token.")
        self.refreshes += 1
        self.access, self.refresh_token = f"access-canary-{self.refreshes}", f"refresh-canary-{self.refreshes}"
        until = None if self.lasts is None else connection.now() + self.lasts
        return Grant({"access_token": self.access, "refresh_token": self.refresh_token}, until)

    async def push(self, batch: Batch) -> Sequence[Outcome]:
        self.pushes += 1
        settings = batch.connection.settings
        assert isinstance(settings, Settings)
        await asyncio.sleep(0)
        if settings.access_token.get_secret_value() != self.access:
            return [Unauthorized("refresh", "the token has run out") for _ in batch.cells]
        return [Confirmed() for _ in batch.cells]

    async def read(self, query: Query) -> ReadResult:
        return [Shown(listing.store_sku, "", 1) for listing in query.listings]


CELL = CellPush("A", "1", "2", "", 5)
STORE = Store("shop", "marketplace", "shop")


class Clock:
    def __init__(self) -> None:
        self.at, self.waited = NOW, 0.0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.waited += seconds
        await asyncio.sleep(0)


def keeper_of(
    shop: Marketplace, vault: RecordVault | None, raw: Mapping[str, str] = RAW, held: Held | None = None
) -> TokenKeeper:
    given = Settings.model_validate({**raw, **(held.settings if held else {})})
    return TokenKeeper(STORE, shop, raw, given, held, vault)  # type: ignore[arg-type]


@asynccontextmanager
async def calling(shop: Marketplace, keeper: TokenKeeper, clock: Clock) -> AsyncIterator[Caller]:
    reach = Reach(STORE, shop, keeper.settings, Capabilities(), keeper)  # type: ignore[arg-type]
    async with reach.caller(None, Gates(), Pace(clock.now, clock.sleep)) as caller:
        yield caller


def push(shop: Marketplace, keeper: TokenKeeper, clock: Clock | None = None, times: int = 1) -> list[Outcome]:
    async def go() -> list[Outcome]:
        async with calling(shop, keeper, clock or Clock()) as caller:
            answers = await asyncio.gather(*(caller.push((CELL,)) for _ in range(times)))
        return [outcome for answer in answers for outcome in answer]

    return asyncio.run(go())


def test_a_token_that_many_calls_find_expired_is_renewed_once(tmp_path: Path) -> None:
    shop = Marketplace()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()

        outcomes = push(shop, keeper, times=20)

    assert outcomes == [Confirmed()] * 20
    assert shop.refreshes == 1


def test_a_new_token_outlives_the_process_and_is_sealed(tmp_path: Path) -> None:
    shop, url, seal = Marketplace(), f"sqlite:///{tmp_path}/record.db", Seal(new_key())
    with open_store(url) as record:
        shop.expire()
        push(shop, keeper_of(shop, RecordVault(record, seal)))

    with open_store(url) as record:
        vault = RecordVault(record, seal)
        held = vault.load("shop")
        assert held is not None
        assert push(shop, keeper_of(shop, vault, held=held)) == [Confirmed()]
        assert "canary" not in repr(held)
    assert shop.refreshes == 1
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"canary" not in written


def test_tokens_are_in_the_clear_only_where_that_is_asked_for(tmp_path: Path) -> None:
    shop = Marketplace()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        shop.expire()
        push(shop, keeper_of(shop, RecordVault(record, NoSeal())))

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"refresh-canary-1" in written


def test_where_a_new_token_could_not_be_kept_none_is_asked_for() -> None:
    shop = Marketplace()
    shop.expire()

    [outcome] = push(shop, keeper_of(shop, None))

    assert isinstance(outcome, Unauthorized)
    assert outcome.action == "reauthorize"
    assert "token_key" in outcome.message
    assert shop.refreshes == 0


def test_a_token_is_renewed_before_its_end(tmp_path: Path) -> None:
    shop, clock = Marketplace(), Clock()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()
        push(shop, keeper, clock)
        calls = shop.pushes

        clock.at += timedelta(hours=3, minutes=54)
        push(shop, keeper, clock)
        assert shop.refreshes == 1
        clock.at += timedelta(minutes=2)
        push(shop, keeper, clock)

    assert (shop.refreshes, shop.pushes - calls) == (2, 2)


def test_a_token_that_is_still_good_is_used_while_it_cannot_be_renewed(tmp_path: Path) -> None:
    shop, clock = Marketplace(), Clock()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()
        push(shop, keeper, clock)
        clock.at += timedelta(hours=3, minutes=58)
        shop.answers = [Temporary("busy")]

        assert push(shop, keeper, clock) == [Confirmed()]
        clock.at += timedelta(minutes=3)
        shop.answers = [Unknown("the answer was lost")]
        [outcome] = push(shop, keeper, clock)

    assert isinstance(outcome, Temporary)


def test_a_renewal_that_failed_while_the_token_is_good_is_tried_again_after_a_pause_and_not_with_every_call(
    tmp_path: Path,
) -> None:
    shop, clock = Marketplace(), Clock()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()
        push(shop, keeper, clock)
        clock.at += timedelta(hours=3, minutes=56)
        shop.answers = [Temporary("busy")] * 4

        assert push(shop, keeper, clock, times=10) == [Confirmed()] * 10
        assert len(shop.answers) == 3, "calls at once try it once"
        clock.at += PAUSE - timedelta(seconds=1)
        assert push(shop, keeper, clock) == [Confirmed()]
        assert len(shop.answers) == 3
        clock.at += timedelta(seconds=1)
        assert push(shop, keeper, clock) == [Confirmed()]
        assert len(shop.answers) == 2

        clock.at += PAUSE
        shop.answers = []
        assert push(shop, keeper, clock) == [Confirmed()]
        assert shop.refreshes == 2


def test_a_token_that_has_run_out_is_renewed_though_that_failed_just_now(tmp_path: Path) -> None:
    shop, clock = Marketplace(), Clock()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()
        push(shop, keeper, clock)
        clock.at += timedelta(hours=4) - timedelta(seconds=1)
        shop.answers = [Temporary("busy")]
        push(shop, keeper, clock)

        clock.at += timedelta(seconds=1)
        assert push(shop, keeper, clock) == [Confirmed()]
        assert shop.refreshes == 2


def test_a_refresh_token_that_is_spent_asks_the_seller_in_again(tmp_path: Path) -> None:
    shop = Marketplace()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        keeper = keeper_of(shop, RecordVault(record, Seal(new_key())))
        shop.expire()
        shop.refresh_token = "spent"

        assert push(shop, keeper) == [Unauthorized("reauthorize", "Invalid refresh_token.")]


def test_two_processes_renew_a_token_once(tmp_path: Path) -> None:
    """Each has a keeper and a record of its own; they meet in the file alone."""
    shop, clock, seal, url = Marketplace(), Clock(), Seal(new_key()), f"sqlite:///{tmp_path}/record.db"
    shop.expire()

    async def go() -> list[Outcome]:
        with open_store(url) as one, open_store(url) as other:
            keepers = [keeper_of(shop, RecordVault(record, seal)) for record in (one, other)]
            async with calling(shop, keepers[0], clock) as first, calling(shop, keepers[1], clock) as second:
                answers = await asyncio.gather(first.push((CELL,)), second.push((CELL,)))
        return [outcome for answer in answers for outcome in answer]

    assert asyncio.run(go()) == [Confirmed(), Confirmed()]
    assert shop.refreshes == 1


def test_a_claim_of_a_process_that_died_is_taken_over(tmp_path: Path) -> None:
    shop, clock = Marketplace(), Clock()
    shop.expire()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, Seal(new_key()))
        assert vault.claim("shop", 0, NOW)
        assert not vault.claim("shop", 0, NOW)

        assert push(shop, keeper_of(shop, vault), clock) == [Confirmed()]

    assert 180 <= clock.waited <= 181


def test_a_renewal_that_came_to_nothing_too_late_leaves_the_claim_of_another(tmp_path: Path) -> None:
    """The other is renewing now; a third that joined in would spend its token."""
    shop, clock = Marketplace(), Clock()
    shop.expire()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, Seal(new_key()))

        async def stalled(connection: Connection) -> Grant | Failure:
            clock.at += RENEWAL
            assert vault.claim("shop", 0, clock.at) is not None
            return Temporary("busy")

        shop.refresh = stalled  # type: ignore[method-assign]
        push(shop, keeper_of(shop, vault), clock)

        assert vault.claim("shop", 0, clock.at) is None


def test_a_renewal_that_ends_too_late_takes_what_was_kept_in_the_meantime(tmp_path: Path) -> None:
    """It lost its claim, and the seller has let the app in anew: the consent's tokens must not be lost."""
    shop, clock = Marketplace(), Clock()
    shop.expire()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, Seal(new_key()))

        async def stalled(connection: Connection) -> Grant | Failure:
            consented = {"access_token": shop.access, "refresh_token": "refresh-canary-9"}
            assert vault.keep("shop", Held(consented, None, None, 1, seed_of(RAW)), clock.at)
            return Grant({"access_token": "late", "refresh_token": "late"})

        shop.refresh = stalled  # type: ignore[method-assign]
        outcomes = push(shop, keeper_of(shop, vault), clock)
        held = vault.load("shop")

    assert outcomes == [Confirmed()]
    assert held is not None
    assert (held.version, held.settings["refresh_token"]) == (1, "refresh-canary-9")


def test_a_renewal_that_ends_too_late_keeps_to_itself_what_other_tokens_of_the_file_do_not_replace(
    tmp_path: Path,
) -> None:
    shop, clock = Marketplace(), Clock()
    shop.expire()
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, Seal(new_key()))

        async def stalled(connection: Connection) -> Grant | Failure:
            theirs = {"access_token": "theirs", "refresh_token": "theirs"}
            assert vault.keep("shop", Held(theirs, None, None, 1, "of another file"), clock.at)
            return Grant({"access_token": shop.access, "refresh_token": "ours"})

        shop.refresh = stalled  # type: ignore[method-assign]
        outcomes = push(shop, keeper_of(shop, vault), clock)
        held = vault.load("shop")

    assert outcomes == [Confirmed()]
    assert held is not None
    assert held.settings["access_token"] == "theirs"


@pytest.mark.parametrize("answer", [None, 7, ["kl"], [ShopLocation("kl"), {"name": "jb"}], "kl", Confirmed()], ids=repr)
def test_a_plugin_that_answers_with_no_locations_is_a_failure_that_names_it(answer: object) -> None:
    shop, keeper = Marketplace(), keeper_of(Marketplace(), None)

    async def locations(connection: Connection) -> object:
        return answer

    async def go() -> object:
        async with calling(shop, keeper, Clock()) as caller:
            return await caller.locations()

    shop.locations = locations  # type: ignore[attr-defined]
    found = asyncio.run(go())

    assert isinstance(found, Unknown)
    assert "plugin of marketplace" in found.message


@pytest.mark.parametrize("answer", [[], [ShopLocation("kl")], (ShopLocation("kl"),), Temporary("busy")])
def test_what_a_plugin_says_of_its_locations_is_passed_on(answer: Failure | Sequence[ShopLocation]) -> None:
    shop, keeper = Marketplace(), keeper_of(Marketplace(), None)

    async def locations(connection: Connection) -> object:
        return answer

    async def go() -> object:
        async with calling(shop, keeper, Clock()) as caller:
            return await caller.locations()

    shop.locations = locations  # type: ignore[attr-defined]

    assert asyncio.run(go()) == (answer if isinstance(answer, Failure) else list(answer))


def test_newer_tokens_in_the_file_count_again() -> None:
    held = Held({"access_token": "granted"}, None, None, 1, seed_of(RAW))

    assert seed_of({**RAW, "partner_id": 7}) == held.seed
    assert seed_of({**RAW, "access_token": "pasted by hand"}) != held.seed


def test_another_key_does_not_open_what_was_sealed_and_an_old_one_behind_it_does() -> None:
    old, new = new_key(), new_key()
    sealed = Seal(old).seal(json.dumps(RAW))

    with pytest.raises(PushdslError, match="sealed with another key"):
        Seal(new).open(sealed)
    assert json.loads(Seal(f"{new}, {old}").open(sealed)) == RAW
    with pytest.raises(PushdslError, match="no key"):
        Seal("hunter2")


def test_a_plugin_that_fails_to_renew_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Marketplace()
    shop.expire()

    async def broken(connection: Connection) -> Grant | Failure:
        raise RuntimeError("POST /token?refresh_token=refresh-canary-0")

    monkeypatch.setattr(shop, "refresh", broken)
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        [outcome] = push(shop, keeper_of(shop, RecordVault(record, Seal(new_key()))))

    assert isinstance(outcome, Temporary)
    assert "canary" not in repr(outcome)


def test_requests_wait_at_the_gate_while_the_platform_asked_for_quiet() -> None:
    passed: list[int] = []

    async def go() -> None:
        gate = Gates().of(STORE, Marketplace(), Settings.model_validate(RAW), Capabilities(requests_per_second=1000))  # type: ignore[arg-type]
        with gate.closed():
            waiting = asyncio.create_task(gate.passed())
            waiting.add_done_callback(lambda _: passed.append(1))
            for _ in range(5):
                await asyncio.sleep(0)
            assert passed == []
        await waiting

    asyncio.run(go())


def test_a_request_whose_connection_is_lost_is_sent_once() -> None:
    """aiohttp by itself sends a GET again on a connection that it kept, and would spend a token twice."""
    arrived: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        arrived.append(request.path)
        if request.path == "/lost" and request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def go() -> None:
        app = web.Application()
        app.add_routes([web.get("/{path:.*}", answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        shop = Marketplace()
        async with calling(shop, keeper_of(shop, None), Clock()) as caller:
            async with caller.http.get(f"{base}/kept"):
                pass
            with pytest.raises(aiohttp.ClientConnectionError):
                await caller.http.get(f"{base}/lost")
        await runner.cleanup()

    asyncio.run(go())
    assert arrived == ["/kept", "/lost"]


class Nowhere(aiohttp.TCPConnector):
    """Connections that are never made: the network swallows everything."""

    async def connect(self, *_: object, **__: object) -> Connection:  # type: ignore[override]
        raise TimeoutError


def test_a_connection_that_is_not_made_in_time_is_told_apart_and_its_error_names_no_secret() -> None:
    async def go() -> aiohttp.ClientConnectorError:
        shop = Marketplace()
        reach = Reach(STORE, shop, Settings.model_validate(RAW), Capabilities())  # type: ignore[arg-type]
        async with Nowhere() as http, reach.caller(http, Gates(), Pace()) as caller:
            with pytest.raises(aiohttp.ClientConnectorError) as raised:
                await caller.http.get("http://shop.example.test/?access_token=access-canary-0")
        return raised.value

    error = asyncio.run(go())
    assert "canary" not in f"{error} {error!r} {error.__cause__!r} {error.os_error!r}"


def test_a_grant_that_the_settings_do_not_take_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    shop = Marketplace()
    shop.expire()

    async def odd(connection: Connection) -> Grant | Failure:
        return Grant({"acess_token": "access-canary-1"})

    shop.refresh = odd  # type: ignore[method-assign]
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        outcomes = push(shop, keeper_of(shop, RecordVault(record, Seal(new_key()))), times=2)

    assert {type(outcome) for outcome in outcomes} == {Unauthorized}
    assert "canary" not in repr(outcomes)


def test_a_plugin_that_renews_with_no_answer_is_a_failure(tmp_path: Path) -> None:
    shop = Marketplace()
    shop.expire()
    shop.answers = [None]  # type: ignore[list-item]
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        [outcome] = push(shop, keeper_of(shop, RecordVault(record, Seal(new_key()))))

    assert isinstance(outcome, Temporary)


def test_a_renewal_that_is_interrupted_is_finished_first_since_its_old_token_is_spent(tmp_path: Path) -> None:
    shop = Marketplace()
    shop.expire()
    asked = asyncio.Event()

    async def slow(connection: Connection) -> Grant | Failure:
        asked.set()
        await asyncio.sleep(0.01)
        return await Marketplace.refresh(shop, connection)

    shop.refresh = slow  # type: ignore[method-assign]

    async def go(keeper: TokenKeeper) -> None:
        async with calling(shop, keeper, Clock()) as caller:
            pushing = asyncio.create_task(caller.push((CELL,)))
            await asked.wait()
            pushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pushing

    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, Seal(new_key()))
        asyncio.run(go(keeper_of(shop, vault)))
        held = vault.load("shop")

    assert held is not None
    assert held.settings["refresh_token"] == shop.refresh_token


def test_a_new_token_is_kept_though_the_record_is_busy_at_first(tmp_path: Path) -> None:
    shop, clock, busy = Marketplace(), Clock(), [1, 2]
    shop.expire()

    class Busy(RecordVault):
        def keep(self, account: str, held: Held, now: datetime) -> bool:
            if busy:
                busy.pop()
                raise PushdslError("`record.db` is locked by another process")
            return super().keep(account, held, now)

    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = Busy(record, Seal(new_key()))
        assert push(shop, keeper_of(shop, vault), clock) == [Confirmed()]
        held = vault.load("shop")

    assert (held is not None, clock.waited > 0) == (True, True)
