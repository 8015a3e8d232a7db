"""A seller's consent in; tokens in the store of record, and where to find the shop, out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from pushdsl.calling import Reach, connections
from pushdsl.cycle import Project
from pushdsl.errors import PushdslError, SettingsError
from pushdsl.model import Store
from pushdsl.pacing import Gates, Pace
from pushdsl.plugins.platform import Authorization, Failure, Grant, Unknown
from pushdsl.reaching import seal_of, vault_of
from pushdsl.settings import MissingVariable, account_in_file, account_settings, app_settings
from pushdsl.store import RecordStore, open_store
from pushdsl.tokens import WAITS, Held, Vault, seed_of


@dataclass(frozen=True, slots=True)
class Consent:
    """Where the seller agrees, and the word by which the answer is known to be the one that was asked for."""

    link: str
    state: str


@dataclass(frozen=True, slots=True)
class Authorized:
    """A shop that is let in; the names of the settings that the platform granted, and until when."""

    granted: tuple[str, ...]
    access_until: datetime | None
    refresh_until: datetime | None


def authorization_of(project: Project, store: Store) -> Authorization:
    """Raises PushdslError where the platform has none."""
    authorization = project.platforms.get(store.platform).platform.authorization
    if authorization is None:
        raise PushdslError(
            f"`{store.platform}` has no tokens that run out", f"put its credentials under `[accounts.{store.account}]`"
        )
    if seal_of(project.settings) is None:
        raise SettingsError(
            "there is no `token_key`, so tokens could not be kept",
            'put `token_key = { env = "PUSHDSL_TOKEN_KEY" }` under `[record]`; `pushdsl authorize --new-key` makes one',
        )
    return authorization


def ask(project: Project, store: Store, redirect: str, pace: Pace = Pace()) -> Consent:  # noqa: B008  # frozen
    """The address that the seller must open. Raises SettingsError where the app's credentials are missing."""
    authorization = authorization_of(project, store)
    state = secrets.token_urlsafe(16)
    app = app_settings(project.settings, store, authorization)
    return Consent(authorization.link(app, redirect, state, pace.now), state)


def answer_in(address: str, state: str) -> dict[str, str]:
    """The parameters of the address that the seller was sent to. Raises PushdslError where they are not ours."""
    parameters = dict(parse_qsl(urlsplit(address.strip()).query, keep_blank_values=True))
    if not secrets.compare_digest(parameters.get("state", "").encode(), state.encode()):
        raise PushdslError(
            "this is not the answer to the link above: its `state` is another",
            "open the link again and give the whole address that the browser ends at",
        )
    return parameters


def authorize(project: Project, store: Store, answer: Mapping[str, str], pace: Pace = Pace()) -> Authorized:  # noqa: B008
    """Exchanges the answer for tokens and keeps them. Raises PushdslError where the platform refuses."""
    with open_store(project.settings.record_url, tenant=project.settings.tenant) as record:
        return asyncio.run(_exchange(project, store, answer, record, pace))


async def _exchange(
    project: Project, store: Store, answer: Mapping[str, str], record: RecordStore, pace: Pace
) -> Authorized:
    authorization, vault = authorization_of(project, store), vault_of(project.settings, record)
    assert vault is not None, "asked before"
    platform = project.platforms.get(store.platform).platform
    app = app_settings(project.settings, store, authorization)
    reach = Reach(store, platform, app, project.platforms.capabilities(store))
    async with connections() as http, reach.caller(http, Gates(), pace) as caller:
        try:
            grant = await authorization.exchange(app, answer, caller.http, pace.now)
        except Exception as error:  # a plugin is a guest; its error's text may hold the code
            grant = Unknown(f"its plugin failed with {type(error).__name__}")
    if isinstance(grant, Failure):
        raise PushdslError(f"{store.platform} did not let `{store.name}` in: {grant.message}", "open a new link")
    _refuse_another_shop(project, store, grant)
    held = await _kept(project, store, grant, vault, pace)
    account_settings(project.settings, store, platform, held.settings)  # says what the file still lacks
    return Authorized(tuple(sorted(grant.settings)), grant.access_until, grant.refresh_until)


def _refuse_another_shop(project: Project, store: Store, grant: Grant) -> None:
    """Raises PushdslError where the seller was logged in to another shop than the file names.

    It repeats ids alone, for any other field may be a secret.
    """
    for key, value in account_in_file(project.settings, store).items():
        granted = grant.settings.get(key)
        if granted is None or key.endswith("token"):
            continue
        if isinstance(value, MissingVariable):
            raise value.error(f"store `{store.name}` takes `{key}` from")
        if str(value) != granted:
            both = f" is {granted}, and the file says {value}" if key.endswith("_id") else " is not the file's"
            raise PushdslError(
                f"the seller let the app into another shop: its `{key}`{both}",
                f"log in to the right shop and open a new link, or correct `{key}` under `[accounts.{store.account}]`",
            )


async def _kept(project: Project, store: Store, grant: Grant, vault: Vault, pace: Pace) -> Held:
    """A renewal that is under way is waited for: what it brings is older, and would be kept in place of this."""
    version = 0
    for _ in range(WAITS):
        before = vault.load(store.account)
        version = before.version if before is not None else 0
        if vault.claim(store.account, version, pace.now()):
            break
        await pace.sleep(1)
    seed = seed_of(account_in_file(project.settings, store))
    held = Held(dict(grant.settings), grant.access_until, grant.refresh_until, version + 1, seed)
    while not vault.keep(store.account, held, pace.now()):  # by a renewal that outlasted its claim
        held = replace(held, version=held.version + 1)
    return held
