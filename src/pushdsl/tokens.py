"""Tokens that run out in; the settings to use now out. Each token is renewed once, however many calls need it.

A new pair is kept before it is used, for most platforms take the old one back at once. It is kept encrypted, or in the
clear where the project asks for that; where it could not be kept, nothing is renewed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pushdsl.errors import PushdslError
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Connection, Failure, Grant, Platform, Refused, Temporary, Unauthorized, Unknown
from pushdsl.store import SealedGrant

if TYPE_CHECKING:
    import aiohttp
    from pydantic import BaseModel

    from pushdsl.model import Store
    from pushdsl.store import RecordStore

RENEWAL = timedelta(minutes=3)
"""How long one process may take to renew a token before another tries: a pause at the gate, the answer, keeping it."""
WAITS = 190
"""Seconds that another process's renewal is waited for: longer than a claim holds, should that process have died."""
PAUSE = timedelta(seconds=60)
"""After a renewal that failed while the old token is still good: until then calls go on with that."""
KEEPING = 5
"""How often a new token is tried to be kept; the old one is spent, so it is lost if it is not."""

_HOW_TO_KEEP = "set `token_key` under `[record]` in `pushdsl.toml`; `pushdsl authorize --new-key` makes one"


@dataclass(frozen=True, slots=True)
class Held:
    """A grant as it is kept. `seed` tells which tokens of the file it replaced: newer ones in the file count again."""

    settings: Mapping[str, str] = field(repr=False)
    access_until: datetime | None
    refresh_until: datetime | None
    version: int
    seed: str


class Seal:
    """Text in, unreadable text out, and back again. Several keys: the first seals, all can open."""

    def __init__(self, keys: str) -> None:
        from cryptography.fernet import Fernet, MultiFernet

        try:
            self._keys = MultiFernet([Fernet(key.strip()) for key in keys.split(",")])
        except ValueError:
            raise PushdslError("`token_key` is no key", "take one that `pushdsl authorize --new-key` prints") from None

    def seal(self, text: str) -> str:
        return "fernet:" + self._keys.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        from cryptography.fernet import InvalidToken

        if sealed.startswith(_CLEAR):
            return sealed.removeprefix(_CLEAR)
        try:
            return self._keys.decrypt(sealed.removeprefix("fernet:").encode()).decode()
        except InvalidToken:
            raise PushdslError(
                "the tokens in the record were sealed with another key",
                "put the old key behind the new one, after a comma, or authorise the shops again",
            ) from None


class NoSeal:
    """For projects that keep tokens in the clear: `tokens = "clear"`."""

    def seal(self, text: str) -> str:
        return _CLEAR + text

    def open(self, sealed: str) -> str:
        if not sealed.startswith(_CLEAR):
            raise PushdslError("the tokens in the record are sealed", "set `token_key` under `[record]` again")
        return sealed.removeprefix(_CLEAR)


_CLEAR = "clear:"


def new_key() -> str:
    """A key for `token_key`."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


class Vault(Protocol):
    """Where grants are kept, by account."""

    def load(self, account: str) -> Held | None: ...
    def claim(self, account: str, version: int, now: datetime) -> datetime | None:
        """Until when this process alone may renew the grant of this version; None while another may."""

    def release(self, account: str, claim: datetime) -> None:
        """Gives this claim back, and no other."""

    def keep(self, account: str, held: Held, now: datetime) -> bool:
        """On the disk when it returns; False where this version or a newer one was kept before and stays."""


class RecordVault:
    """Grants in the store of record."""

    def __init__(self, record: RecordStore, seal: Seal | NoSeal) -> None:
        self._record, self._seal = record, seal

    def load(self, account: str) -> Held | None:
        kept = self._record.grant(account)
        return _opened(kept, self._seal) if kept is not None else None

    def claim(self, account: str, version: int, now: datetime) -> datetime | None:
        until = now + RENEWAL
        return until if self._record.claim_grant(account, version, now, until) else None

    def release(self, account: str, claim: datetime) -> None:
        self._record.release_grant(account, claim)

    def keep(self, account: str, held: Held, now: datetime) -> bool:
        sealed = self._seal.seal(json.dumps(dict(held.settings)))
        grant = SealedGrant(sealed, held.access_until, held.refresh_until, held.version, held.seed)
        return self._record.keep_grant(account, grant, at=now)


def _opened(kept: SealedGrant, seal: Seal | NoSeal) -> Held:
    settings = json.loads(seal.open(kept.sealed))
    return Held(settings, kept.access_until, kept.refresh_until, kept.version, kept.seed)


def seed_of(raw: Mapping[str, object]) -> str:
    """What tells whether the tokens in the file have changed; nothing can be read from it."""
    tokens = sorted((key, str(value)) for key, value in raw.items() if key.endswith("token"))
    return hashlib.sha256(json.dumps(tokens).encode()).hexdigest()


class TokenKeeper:
    """The newest settings of one account, for all calls of its stores. `settings` is what to use now."""

    def __init__(
        self, store: Store, platform: Platform, raw: Mapping[str, object], settings: BaseModel, held: Held | None,
        vault: Vault | None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._store, self._platform, self._raw, self._held, self._vault = store, platform, raw, held, vault
        self._renewing = asyncio.Lock()
        self._not_before = datetime.min.replace(tzinfo=UTC)

    async def due(self, http: aiohttp.ClientSession, pace: Pace) -> BaseModel | Failure:
        """The settings to use; renewed first where their time is nearly over.

        A token that is still good is used while it cannot be renewed.
        """
        rules, until = self._platform.authorization, self._held.access_until if self._held else None
        if rules is None or until is None or pace.now() < until - rules.refresh_ahead or self._vault is None:
            return self.settings
        used = self.settings
        async with self._renewing:
            if pace.now() < min(until, self._not_before):
                return self.settings
            renewed = await self._newer(used, http, pace)
            if isinstance(renewed, Failure):
                self._not_before = pace.now() + PAUSE
        return self.settings if pace.now() < until and isinstance(renewed, Failure) else renewed

    async def renewed(self, used: BaseModel, http: aiohttp.ClientSession, pace: Pace) -> BaseModel | Failure:
        """Settings newer than `used`, with which a call was told that its token has run out."""
        async with self._renewing:
            return await self._newer(used, http, pace)

    async def _newer(self, used: BaseModel, http: aiohttp.ClientSession, pace: Pace) -> BaseModel | Failure:
        """Hold the lock."""
        if self.settings is not used:
            return self.settings
        if self._platform.authorization is None:
            return Unauthorized("reauthorize", f"{self._platform.name} does not take these credentials")
        if self._vault is None:
            message = f"the access token of `{self._store.account}` has run out, and a new one could not be kept"
            return Unauthorized("reauthorize", f"{message}: {_HOW_TO_KEEP}")
        return await self._renew(self._vault, http, pace)

    async def _renew(self, vault: Vault, http: aiohttp.ClientSession, pace: Pace) -> BaseModel | Failure:
        account, version = self._store.account, self._held.version if self._held else 0
        for _ in range(WAITS):
            kept = vault.load(account)
            if kept is not None and kept.version > version and kept.seed == seed_of(self._raw):
                return self._adopt(kept)  # another process was first
            version = kept.version if kept is not None else version
            if claim := vault.claim(account, version, pace.now()):
                break
            await pace.sleep(1)
        else:
            return Temporary("another process renews the token")
        return await _to_its_end(self._claimed(vault, version, claim, http, pace))

    async def _claimed(
        self, vault: Vault, version: int, claim: datetime, http: aiohttp.ClientSession, pace: Pace
    ) -> BaseModel | Failure:
        assert self._platform.authorization is not None, "asked before"
        try:
            answer: object = await self._platform.authorization.refresh(
                Connection(self._store, self.settings, http, pace.now)
            )
        except Exception as error:  # a plugin is a guest; its error's text may hold the token
            answer = Unknown(f"the plugin of {self._platform.name} failed with {type(error).__name__}")
        if isinstance(answer, Grant):
            return await self._keep(vault, answer, version, pace)
        vault.release(self._store.account, claim)
        match answer:
            case Unknown():
                return Temporary(f"the token could not be renewed: {answer.message}")
            case Refused():
                return Unauthorized("reauthorize", f"the token could not be renewed: {answer.message}", answer.code)
            case Temporary() | Unauthorized():
                return answer
            case _:
                return Temporary(f"the plugin of {self._platform.name} renewed no token and said no reason")

    async def _keep(self, vault: Vault, grant: Grant, version: int, pace: Pace) -> BaseModel | Failure:
        before = self._held.settings if self._held else {}
        until = grant.refresh_until or (self._held.refresh_until if self._held else None)
        held = Held({**before, **grant.settings}, grant.access_until, until, version + 1, seed_of(self._raw))
        for left in reversed(range(KEEPING)):
            try:
                kept = vault.keep(self._store.account, held, pace.now())
                break
            except PushdslError:
                if not left:
                    raise
                await pace.sleep(1)
        return self._adopt(held if kept else self._overtaking(vault, held))

    def _overtaking(self, vault: Vault, held: Held) -> Held:
        """What was kept while this renewal took longer than its claim; our own where that is of other tokens."""
        newer = vault.load(self._store.account)
        return newer if newer is not None and newer.seed == held.seed else held

    def _adopt(self, held: Held) -> BaseModel | Failure:
        try:
            self.settings = self._platform.settings.model_validate({**self._raw, **held.settings})
        except ValueError:  # its text may hold the token
            message = f"the plugin of {self._platform.name} was granted what its own settings do not take"
            return Unauthorized("reauthorize", message)
        self._held = held
        return self.settings


async def _to_its_end(renewal: Coroutine[Any, Any, BaseModel | Failure]) -> BaseModel | Failure:
    """Its result; a caller that is cancelled waits for it too, for the old token may be spent already."""
    task = asyncio.ensure_future(renewal)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
