"""A project's stores in; how to reach each of them out: settings, tokens as the record has them, limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pushdsl.calling import Reach
from pushdsl.errors import SettingsError
from pushdsl.settings import MissingVariable, Settings, account_in_file, account_settings
from pushdsl.store import RecordStore, open_existing
from pushdsl.tokens import Held, NoSeal, RecordVault, Seal, TokenKeeper, Vault, seed_of

if TYPE_CHECKING:
    from pushdsl.model import Store
    from pushdsl.plugins.manager import InstalledPlatforms
    from pushdsl.plugins.platform import Capabilities


def seal_of(settings: Settings) -> Seal | NoSeal | None:
    """How this project keeps tokens; None where it does not say. Raises SettingsError, PushdslError."""
    match settings.token_key:
        case MissingVariable() as variable:
            raise variable.error("`token_key` takes")
        case str(keys):
            return Seal(keys)
        case None:
            return NoSeal() if settings.tokens_in_clear else None


def vault_of(settings: Settings, record: RecordStore) -> RecordVault | None:
    seal = seal_of(settings)
    return None if seal is None else RecordVault(record, seal)


def check_settings(settings: Settings, platforms: InstalledPlatforms, stores: Iterable[Store]) -> None:
    """Raises SettingsError where a store cannot be reached for want of settings; makes no record."""
    record = open_existing(settings.record_url, tenant=settings.tenant)
    if record is None:
        for store in stores:
            account_settings(settings, store, platforms.get(store.platform).platform)
        return
    with record:
        for store in stores:
            held = _held(settings, store, vault_of(settings, record))
            account_settings(settings, store, platforms.get(store.platform).platform, held.settings if held else None)


def reach(
    settings: Settings, platforms: InstalledPlatforms, stores: Iterable[Store],
    limits: Mapping[str, Capabilities], record: RecordStore,
) -> dict[str, Reach]:  # fmt: skip
    """How to reach each store, by name; stores of one account share its tokens. Raises SettingsError."""
    vault = vault_of(settings, record)
    keepers: dict[str, TokenKeeper] = {}
    reaching: dict[str, Reach] = {}
    for store in stores:
        platform = platforms.get(store.platform).platform
        held = _held(settings, store, vault)
        given = account_settings(settings, store, platform, held.settings if held else None)
        if platform.authorization is not None and store.account not in keepers:
            raw = account_in_file(settings, store)
            keepers[store.account] = TokenKeeper(store, platform, raw, given, held, vault)
        reaching[store.name] = Reach(store, platform, given, limits[store.name], keepers.get(store.account))
    _refuse_one_shop_twice(reaching.values(), platforms)
    return reaching


def _refuse_one_shop_twice(reaching: Iterable[Reach], platforms: InstalledPlatforms) -> None:
    """Two platforms of one distribution may lead to one shop with one inventory, as TikTok Shop and Tokopedia do.

    Raises SettingsError: each store would overwrite what the other set.
    """
    shops: dict[tuple[object, ...], Store] = {}
    for reach in reaching:
        if (authorization := reach.platform.authorization) is None:
            continue
        of_shop = [
            (name, repr(value)) for name, value in reach.settings
            if name not in authorization.app.model_fields and not isinstance(value, SecretStr | bool | None)
        ]  # fmt: skip
        server = repr(getattr(reach.settings, "base_url", ""))
        shop = (platforms.get(reach.platform.name).distribution, server, *of_shop)
        other = shops.setdefault(shop, reach.store)
        if of_shop and other.platform != reach.store.platform:
            raise SettingsError(
                f"`{other.name}` on {other.platform} and `{reach.store.name}` on {reach.store.platform} are one shop,"
                " which has one inventory",
                "keep one of the two stores in the rules: its quantities are shown on both",
            )


def _held(settings: Settings, store: Store, vault: Vault | None) -> Held | None:
    """What was granted, unless the file has newer tokens than those that it replaced."""
    held = vault.load(store.account) if vault is not None else None
    return held if held is not None and held.seed == seed_of(account_in_file(settings, store)) else None
