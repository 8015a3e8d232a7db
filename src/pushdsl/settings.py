"""`pushdsl.toml` in; the switch, the store of record's address, limits and each account's settings out, all checked.

A secret need not stand in the file: `{ env = "SHOPEE_KEY" }` takes it from the environment when it is used.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pushdsl.errors import Diagnostic, SettingsError
from pushdsl.limits import PRESETS, UNLIMITED, LimitsProfile
from pushdsl.run_settings import RunSettings, run_settings
from pushdsl.source import SourceText, Span

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from pushdsl.model import Store
    from pushdsl.plugins.platform import Authorization, Platform

CODES: dict[str, str] = {"PUSH064": "settings for an account that no store has"}

FILE = "pushdsl.toml"
RECORD = "sqlite:///.pushdsl/record.db"

T = TypeVar("T", bool, int, str)


@dataclass(frozen=True, slots=True)
class MissingVariable:
    """An environment variable that a setting names and the environment lacks; an error only where it is needed."""

    name: str

    def error(self, taking: str) -> SettingsError:
        """What to raise where it is needed; `taking` begins the sentence that the variable's name goes on with."""
        return SettingsError(
            f"{taking} `{self.name}`, which the environment does not have",
            f"set the environment variable `{self.name}`",
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project sets. `accounts` are raw until a platform's own model has checked them.

    `zeroing_limit_percent`: an apply that would take more of the shown stock to 0 stops first.
    """

    folder: Path
    push_enabled: bool = True
    zeroing_limit_percent: int = 20
    record: str | MissingVariable = field(default=RECORD, repr=False)
    """The address of the store of record; it may hold a password."""
    tenant: str = ""
    """Whose part of the record it is, where several sellers share one."""
    token_key: str | MissingVariable | None = field(default=None, repr=False)
    """Seals the tokens in the record; several with commas between, the first of them seals."""
    tokens_in_clear: bool = False
    accounts: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    capabilities: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    limits: LimitsProfile = UNLIMITED
    sources: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """Where events come from, by the name that the project gives each; raw but for `kind`, which is text."""
    run: RunSettings = field(default_factory=RunSettings)

    @property
    def record_url(self) -> str:
        """The address of the store of record. Raises SettingsError where its variable is absent."""
        if isinstance(self.record, MissingVariable):
            raise self.record.error("`url` under `[record]` takes")
        return self.record


def read_settings(folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the project in `folder`; all defaults where it has no `pushdsl.toml`. Raises SettingsError."""
    path = folder / FILE
    if not path.is_file():
        return Settings(folder, record=_in_folder(folder, RECORD))
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"cannot read `{path}`: {error}", "mend the file, or start from `pushdsl init`") from None
    _only(table, {"push", "record", "limits", "accounts", "run", "sources"}, FILE)
    push, record = _table(table, "push"), _table(table, "record")
    _only(push, {"enabled", "zeroing_limit_percent"}, "[push]")
    _only(record, {"url", "tenant", "token_key", "tokens"}, "[record]")
    all_accounts = _table(table, "accounts")
    accounts = {name: dict(_table(all_accounts, name, "accounts")) for name in all_accounts}
    capabilities = {name: _table(account, "capabilities", f"accounts.{name}") for name, account in accounts.items()}
    for account in accounts.values():
        account.pop("capabilities", None)
    return Settings(
        folder,
        push_enabled=_typed(push, "enabled", bool, True, "[push]"),
        zeroing_limit_percent=_percentage(push),
        record=_address(folder, record, environment),
        tenant=_tenant(record),
        token_key=_token_key(record, environment),
        tokens_in_clear=_tokens_in_clear(record),
        accounts={name: _resolved(name, account, environment) for name, account in accounts.items()},
        capabilities=capabilities,
        limits=_limits(_table(table, "limits")),
        sources=_sources(_table(table, "sources"), environment),
        run=run_settings(_run_table(_table(table, "run"), environment)),
    )


def _run_table(table: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    """With the values that the environment has."""
    values = {name: _from_environment("[run]", name, value, environment) for name, value in table.items()}
    for name, value in values.items():
        if isinstance(value, MissingVariable):
            raise SettingsError(
                f"`{name}` in [run] takes `{value.name}`, which the environment does not have",
                f"set the environment variable `{value.name}`",
            )
    return values


def _sources(table: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for name in table:
        where = f"[sources.{name}]"
        values = {key: _in_tables(where, key, v, environment) for key, v in _table(table, name, "sources").items()}
        if not isinstance(values.get("kind"), str):
            raise SettingsError(f"{where} has no `kind`", 'write which kind of source it is, like `kind = "folder"`')
        found[name] = values
    return found


def _in_tables(where: str, key: str, value: object, environment: Mapping[str, str]) -> object:
    """As `_from_environment`, and a table may be a value, with values from the environment in it."""
    if isinstance(value, dict) and set(value) != {"env"}:
        return {inner: _in_tables(where, f"{key}.{inner}", v, environment) for inner, v in value.items()}
    return _from_environment(where, key, value, environment)


def source_settings(name: str, raw: Mapping[str, object], model: type[BaseModel]) -> BaseModel:
    """What `[sources.NAME]` says besides `kind`, checked by its source's own model. Raises SettingsError."""
    from pydantic import ValidationError

    where = f"[sources.{name}]"
    values = {key: value for key, value in raw.items() if key != "kind"}
    if (missing := _missing_in(values)) is not None:
        raise missing.error(f"{where} takes a setting from")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = "; ".join(_told_of_source(model, item) for item in _items(error))
        raise SettingsError(f"{where}: {told}", f"correct it in `{FILE}`") from None


def _missing_in(value: object) -> MissingVariable | None:
    if isinstance(value, dict):
        return next((found for inner in value.values() if (found := _missing_in(inner)) is not None), None)
    return value if isinstance(value, MissingVariable) else None


def _items(error: ValidationError) -> list[tuple[str, str, str]]:
    """Key, kind and words of each fault; never the values, which may be secrets."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [(".".join(str(part) for part in item["loc"]), item["type"], item["msg"]) for item in found]


def _told_of_source(model: type[BaseModel], item: tuple[str, str, str]) -> str:
    key, kind, words = item
    if kind == "missing":
        return f"`{key}` is missing"
    if kind == "extra_forbidden":
        near = get_close_matches(key, model.model_fields, n=1)
        return f"`{key}` is no setting of this source" + (f", did you mean `{near[0]}`" if near else "")
    return f"`{key}`: {words.lower()}" if key else words.lower()


def _percentage(push: Mapping[str, object]) -> int:
    percentage = _typed(push, "zeroing_limit_percent", int, 20, "[push]")
    if not 0 <= percentage <= 100:
        raise SettingsError(f"`zeroing_limit_percent` is {percentage}", "give a whole number from 0 to 100")
    return percentage


def _address(folder: Path, record: Mapping[str, object], environment: Mapping[str, str]) -> str | MissingVariable:
    written = _from_environment("[record]", "url", record.get("url", RECORD), environment)
    if isinstance(written, MissingVariable):
        return written
    return _in_folder(folder, _typed({"url": written}, "url", str, RECORD, "[record]"))


def _token_key(record: Mapping[str, object], environment: Mapping[str, str]) -> str | MissingVariable | None:
    if "token_key" not in record:
        return None
    key = _from_environment("[record]", "token_key", record["token_key"], environment)
    if not isinstance(key, str | MissingVariable) or not key:
        raise SettingsError("`token_key` in [record] is no text", 'write { env = "PUSHDSL_TOKEN_KEY" }')
    return key


def _tenant(record: Mapping[str, object]) -> str:
    name = _typed(record, "tenant", str, "", "[record]")
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", name):
        help = "use letters, digits, `.`, `_` and `-`, 64 at most"
        raise SettingsError(f"`tenant` in [record] is `{name}`", help)
    return name


def _tokens_in_clear(record: Mapping[str, object]) -> bool:
    written = _typed(record, "tokens", str, "sealed", "[record]")
    if written not in ("sealed", "clear"):
        raise SettingsError(f"`tokens` in [record] is `{written}`", 'write `tokens = "clear"`, or leave it out')
    return written == "clear"


def _limits(table: Mapping[str, object]) -> LimitsProfile:
    """The preset with the project's own values in place of its; no limit where there is neither."""
    _only(table, {"preset", "rules", "skus_per_rule", "blocked_platforms"}, "[limits]")
    profile = UNLIMITED
    if "preset" in table:
        name = _typed(table, "preset", str, "", "[limits]")
        if name not in PRESETS:
            near = get_close_matches(name, PRESETS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"presets: {', '.join(sorted(PRESETS))}"
            raise SettingsError(f"unknown preset `{name}` in [limits]", hint)
        profile = PRESETS[name]
    return replace(
        profile,
        rules=_limit(table, "rules", profile.rules),
        skus_per_rule=_limit(table, "skus_per_rule", profile.skus_per_rule),
        blocked_platforms=_blocked_platforms(table, profile.blocked_platforms),
    )


def _limit(table: Mapping[str, object], key: str, preset: int | None) -> int | None:
    value = table.get(key, preset)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise SettingsError(f"`{key}` in [limits] is not a whole number from 1", "leave it out for any number")
    return value


def _blocked_platforms(table: Mapping[str, object], preset: frozenset[str]) -> frozenset[str]:
    value = table.get("blocked_platforms")
    if value is None:
        return preset
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        help = 'write `blocked_platforms = ["tokopedia"]`, or `[]` for none'
        raise SettingsError("`blocked_platforms` in [limits] is not a list of names", help)
    return frozenset(value)


def unknown_accounts(settings: Settings, stores: Mapping[str, Store]) -> tuple[Diagnostic, ...]:
    """A lint for each account in `pushdsl.toml` that none of the stores has: misspelt, it would set nothing."""
    names = {store.account for store in stores.values()}
    unknown = [name for name in settings.accounts if name not in names]
    if not names or not unknown:
        return ()
    source = SourceText(_file_name(settings), (settings.folder / FILE).read_text("utf-8").replace("\r\n", "\n"))
    return tuple(_unknown_account(name, names, settings, source) for name in unknown)


def _unknown_account(name: str, names: set[str], settings: Settings, source: SourceText) -> Diagnostic:
    # an account that has settings already was not meant
    near = get_close_matches(name, sorted(names - set(settings.accounts)), n=1)
    help = f"did you mean `[accounts.{near[0]}]`?" if near else f"the rules have: {', '.join(sorted(names))}"
    # a line that only has the head of the table: others may hold secrets
    head = re.search(rf'^[ \t]*\[(accounts\."?{re.escape(name)}"?)\][ \t]*$', source.text, re.MULTILINE)
    span = Span(source, *head.span(1)) if head else None
    return Diagnostic("PUSH064", f"`[accounts.{name}]` belongs to no store", span, help, severity="lint")


def _file_name(settings: Settings) -> str:
    path = settings.folder / FILE
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def account_settings(
    settings: Settings, store: Store, platform: Platform, granted: Mapping[str, str] | None = None
) -> BaseModel:
    """This store's settings, checked by its platform; raises SettingsError that names what is missing or wrong.

    `granted` are settings that the platform granted, such as tokens: they count before those of the file.
    """
    return _checked(settings, store, platform.settings, {**account_in_file(settings, store), **(granted or {})})


def app_settings(settings: Settings, store: Store, authorization: Authorization) -> BaseModel:
    """What the file says of the app alone, to authorise a shop that has no tokens yet. Raises SettingsError."""
    app = authorization.app
    in_file = account_in_file(settings, store)
    return _checked(settings, store, app, {key: value for key, value in in_file.items() if key in app.model_fields})


def account_in_file(settings: Settings, store: Store) -> Mapping[str, object]:
    """What the file says of this store's account, unchecked."""
    return settings.accounts.get(store.account, {})


def _checked(settings: Settings, store: Store, model: type[BaseModel], raw: Mapping[str, object]) -> BaseModel:
    from pydantic import ValidationError

    missing = [value for value in raw.values() if isinstance(value, MissingVariable)]
    if missing:
        raise missing[0].error(f"store `{store.name}` takes a setting from")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(_told(store, model, error), _advice(settings, store, error)) from None


def _told(store: Store, model: type[BaseModel], error: ValidationError) -> str:
    """One sentence of what pydantic found; never the values, which may be secrets."""
    absent, wrong = [], []
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "missing":
            absent.append(f"`{key}`")
        elif item["type"] == "extra_forbidden":
            near = get_close_matches(key, model.model_fields, n=1)
            wrong.append(f"`{key}` is no setting of {store.platform}" + (f", did you mean `{near[0]}`" if near else ""))
        else:
            wrong.append(f"`{key}`: {item['msg'].lower()}")
    parts = [f"has no {', '.join(absent)}"] if absent else []
    return f"store `{store.name}` " + "; ".join([*parts, *wrong])


def _advice(settings: Settings, store: Store, error: ValidationError) -> str:
    missing = {str(item["loc"][0]) for item in error.errors(include_input=False) if item["type"] == "missing"}
    in_file = f"put it under `[accounts.{store.account}]` in `{settings.folder / FILE}`"
    if "access_token" not in missing:
        return in_file
    seller = f"let the seller in with `pushdsl authorize {store.name}`"
    return seller if missing == {"access_token"} else f"{in_file}; tokens come with `pushdsl authorize {store.name}`"


def _resolved(account: str, raw: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    return {key: _from_environment(f"[accounts.{account}]", key, value, environment) for key, value in raw.items()}


def _from_environment(where: str, key: str, value: object, environment: Mapping[str, str]) -> object:
    if not isinstance(value, dict):
        return value
    name = value.get("env")
    if set(value) != {"env"} or not isinstance(name, str):
        raise SettingsError(f"`{key}` in `{where}` is a table", 'write a value or { env = "NAME" }')
    return environment[name] if name in environment else MissingVariable(name)


def _in_folder(folder: Path, url: str) -> str:
    """A relative SQLite file stands in the project's folder, wherever the command runs."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not Path(url.removeprefix(prefix)).is_absolute():
        return prefix + str((folder / url.removeprefix(prefix)).resolve())
    return url


def _table(parent: Mapping[str, object], name: str, where: str = "") -> dict[str, object]:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        place, table = (f" in [{where}]", f"{where}.{name}") if where else ("", name)
        help = f"write `[{table}]` and its settings below it"
        raise SettingsError(f"`{name}`{place} is a value and must be a table", help)
    return value


def _only(table: Mapping[str, object], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
            raise SettingsError(f"unknown setting `{key}` in {where}", hint)


def _typed(table: Mapping[str, object], key: str, kind: type[T], default: T, where: str) -> T:
    value = table.get(key, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words, help = _KINDS[kind]
        raise SettingsError(f"`{key}` in {where} must be {words}", help.format(key))
    return value


_KINDS: Mapping[type, tuple[str, str]] = {
    bool: ("`true` or `false`", "write `{0} = true` or `{0} = false`, without quotes"),
    int: ("a whole number", "write it like `{0} = 20`, without quotes"),
    str: ("a text", 'write it in quotes, like `{0} = "…"`'),
}
