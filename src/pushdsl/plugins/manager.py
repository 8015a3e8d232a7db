"""Installed distributions in; the platforms they hand over out, and what is wrong with the others.

A distribution has one entry point in the group `pushdsl` for each of its platforms and sources of events, and the entry
point has its name: so the names are known without importing a plugin. Several entry points may lead to one module, and
a platform and a source may share a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pushdsl.errors import PushdslError, SettingsError
from pushdsl.model import Store

if TYPE_CHECKING:  # pydantic takes longer to import than all the names take to find
    import pluggy

    from pushdsl.plugins.platform import Capabilities, LoadedPlatform, Platform
    from pushdsl.plugins.sources import EventSource

known_platforms: Mapping[str, str] = MappingProxyType(
    {
        "akulaku": "pushdsl-akulaku",
        "blibli": "pushdsl-blibli",
        "lazada": "pushdsl-lazada",
        "pgmall": "pushdsl-pgmall",
        "shopee": "pushdsl-shopee",
        "shopify": "pushdsl-shopify",
        "simulated": "pushdsl",
        "tiki": "pushdsl-tiki",
        "tiktok": "pushdsl-tiktok",
        "tokopedia": "pushdsl-tiktok",  # since the merger its stock goes through TikTok Shop
        "woocommerce": "pushdsl-woocommerce",
    }
)
"""Platforms that a rule may well name, each with the package to install for it."""


Adapter = Callable[[Any], "Platform"]
"""A platform as another major of the contract has it in; one of the current major out."""

ADAPTERS: Mapping[int, Adapter] = MappingProxyType({})
"""The older majors that are served beside the current one; there is none before 1."""


@dataclass(frozen=True, slots=True)
class PlatformProblem:
    """Why a distribution's platform cannot be used, or what it would better do otherwise."""

    distribution: str
    message: str
    help: str = ""

    def __str__(self) -> str:
        return f"{self.distribution}: {self.message}"


class InstalledPlatforms:
    """The platforms of this installation; each is imported when first asked for, and every answer is kept.

    `overrides` are limits that an account has otherwise than its platform says, by account and capability; raises
    SettingsError where one does not fit. `entry_points` are those of the installation unless others are given;
    `adapters` serve other majors of the contract.
    """

    packages: Mapping[str, str] = known_platforms

    def __init__(
        self,
        overrides: Mapping[str, Mapping[str, object]] | None = None,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
        adapters: Mapping[int, Adapter] = ADAPTERS,
    ) -> None:
        self._overrides = {account: _checked(account, limits) for account, limits in (overrides or {}).items()}
        self._given = entry_points
        self._adapters = adapters
        self._handed_over: dict[tuple[str, str], _HandedOver] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Sorted; nothing is imported for it. A platform that turns out unusable keeps its name here."""
        return tuple(self._points)

    def capabilities(self, store: Store) -> Capabilities:
        """Limits of this store, with its account's overrides; raises PushdslError as `get` does."""
        capabilities = self.get(store.platform).platform.capabilities(store)
        return capabilities.model_copy(update=self._overrides.get(store.account))

    def get(self, name: str) -> LoadedPlatform:
        """The platform of this name; raises PushdslError for the user where there is none, or none that works."""
        if name not in self._points:
            raise PushdslError(f"unknown platform `{name}`", self._help_for_unknown(name))
        found = self._load(name)
        if isinstance(found, PlatformProblem):
            raise PushdslError(f"platform `{name}` cannot be used: {found}", found.help)
        return found

    def all(self) -> list[LoadedPlatform]:
        """Every platform that can be used, sorted by name."""
        return [found for name in self.names if not isinstance(found := self._load(name), PlatformProblem)]

    def source(self, kind: str) -> EventSource:
        """The source of events of this name; raises PushdslError for the user where no plugin brings one that works."""
        points = self._points.get(kind, ())
        if len(points) > 1:
            both = " and ".join(f"`{_distribution(point)[0]}`" for point in points)
            raise PushdslError(f"{both} both bring a source `{kind}`", "uninstall one of them")
        if not points:
            raise PushdslError(f"no plugin brings a source `{kind}`", "install the package that brings it")
        handed_over = self._hand_over(points[0])
        for source in handed_over.sources:
            if source.name == kind:
                return source
        problem = next(iter(handed_over.problems), None)
        if problem is None:
            raise PushdslError(f"`{kind}` is a platform and no source of events", "leave it out of `[sources.…]`")
        raise PushdslError(f"source `{kind}` cannot be used: {problem}", problem.help)

    @property
    def problems(self) -> list[PlatformProblem]:
        """What is wrong with the installed distributions, sorted by distribution; imports them all."""
        found: dict[PlatformProblem, None] = {}
        for name, points in self._points.items():
            if isinstance(problem := self._load(name), PlatformProblem) and not self._is_source(name):
                found[problem] = None
            for point in points:
                found |= dict.fromkeys(self._hand_over(point).problems)
                found |= dict.fromkeys(self._without_entry_point(point))
        return sorted(found, key=lambda problem: (problem.distribution, problem.message))

    def _is_source(self, name: str) -> bool:
        """Whether the name is that of a source of events, and of no platform."""
        return len(self._points[name]) == 1 and any(
            source.name == name for source in self._hand_over(self._points[name][0]).sources
        )

    @cached_property
    def _points(self) -> Mapping[str, Sequence[metadata.EntryPoint]]:
        """Entry points by name, both sorted: the one scan of the installation, 35 ms."""
        given = metadata.entry_points(group="pushdsl") if self._given is None else self._given
        points: dict[str, list[metadata.EntryPoint]] = {}
        for point in sorted(given, key=lambda point: (point.name, _distribution(point)[0])):
            points.setdefault(point.name, []).append(point)
        return points

    def _load(self, name: str) -> LoadedPlatform | PlatformProblem:
        first, *others = self._points[name]
        distribution = _distribution(first)[0]
        if others:
            both = " and ".join(f"`{_distribution(point)[0]}`" for point in (first, *others))
            # which one is meant is not guessed: it decides whose code gets the shop's credentials
            return PlatformProblem(distribution, f"{both} both bring a platform `{name}`", "uninstall one of them")
        handed_over = self._hand_over(first)
        of_name = [loaded for loaded in handed_over.platforms if loaded.platform.name == name]
        match of_name:
            case [loaded]:
                return loaded
            case [] if self._is_source(name):
                said = f"`{name}` is a source of events and no platform"
                return PlatformProblem(distribution, said, f'name it under `[sources.…]`, as `kind = "{name}"`')
            case []:
                return next(iter(handed_over.problems), _no_such_platform(distribution, name, handed_over.platforms))
            case _:
                return PlatformProblem(distribution, f"hands over `{name}` {len(of_name)} times", _tell(distribution))

    def _hand_over(self, point: metadata.EntryPoint) -> _HandedOver:
        """What the entry point's module hands over; its hook is called once, however many entry points lead to it."""
        key = (_distribution(point)[0], point.value)
        if key not in self._handed_over:
            self._handed_over[key] = _hand_over(point, self._adapters)
        return self._handed_over[key]

    def _without_entry_point(self, point: metadata.EntryPoint) -> list[PlatformProblem]:
        """Platforms that the module hands over and that no entry point names: they are not served."""
        distribution = _distribution(point)[0]
        own = {name for name, points in self._points.items() if distribution in [_distribution(p)[0] for p in points]}
        return [
            PlatformProblem(
                distribution,
                f"hands over `{loaded.platform.name}` and has no entry point of that name",
                f'add `{loaded.platform.name} = "{point.value}"` to its entry points in the group `pushdsl`',
            )
            for loaded in self._hand_over(point).platforms
            if loaded.platform.name not in own
        ]

    def _help_for_unknown(self, name: str) -> str:
        package = known_platforms.get(name)
        beside = [other for other, points in self._points.items() if package in [_distribution(p)[0] for p in points]]
        if beside:
            return f"`{package}` is installed and brings {_listed(beside)}"
        if package is not None:
            return f"install `{package}`"
        near = get_close_matches(name, {*self.names, *known_platforms}, n=1)
        return f"did you mean `{near[0]}`?" if near else f"installed platforms are {_listed(self.names)}"


@dataclass(frozen=True, slots=True)
class _HandedOver:
    platforms: tuple[LoadedPlatform, ...]
    problems: tuple[PlatformProblem, ...]
    sources: tuple[EventSource, ...] = ()


def _hand_over(point: metadata.EntryPoint, adapters: Mapping[int, Adapter]) -> _HandedOver:
    from pushdsl.plugins.platform import LoadedPlatform

    distribution, version = _distribution(point)
    try:
        plugin = point.load()
        answer, sources, problems = _ask(plugin, distribution)
    except Exception as error:  # a guest may raise anything; the other platforms go on
        said = f"cannot be loaded: {type(error).__name__}: {error}"
        return _HandedOver((), (PlatformProblem(distribution, said, _tell(distribution)),))
    platforms: list[LoadedPlatform] = []
    for handed_over in answer:
        candidate = _adapted(handed_over, adapters)
        if (fault := _fault_of(candidate, distribution)) is not None:
            problems.append(fault)
        else:
            platforms.append(LoadedPlatform(candidate, distribution, version, handed_over.contract))
    good = [source for source in sources if (fault := _fault_of_source(source, distribution)) is None]
    problems += [fault for source in sources if (fault := _fault_of_source(source, distribution)) is not None]
    return _HandedOver(tuple(platforms), tuple(problems), tuple(good))


def _adapted(candidate: object, adapters: Mapping[int, Adapter]) -> Any:  # whatever a guest hands over
    """The candidate as the current major has it, where its own is served by an adapter."""
    major = getattr(candidate, "contract", (None,))
    adapter = adapters.get(major[0]) if isinstance(major, tuple) and major else None
    return candidate if adapter is None else adapter(candidate)


def _ask(plugin: object, distribution: str) -> tuple[Sequence[Platform], Sequence[EventSource], list[PlatformProblem]]:
    """What the plugin's hooks answer, and which of its functions look like a hook and are none."""
    import pluggy

    from pushdsl.plugins import hookspecs

    # one manager for each plugin: a wrong hook of one is then not taken for another's
    manager = pluggy.PluginManager("pushdsl")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    problems = _misspelt(manager, plugin, distribution)
    answers: dict[str, Sequence[Any]] = {}  # Any: whatever a guest hands over
    for name, what in (("pushdsl_platforms", "platforms"), ("pushdsl_sources", "sources")):
        hook = getattr(manager.hook, name)
        if not hook.get_hookimpls():
            continue
        [answer] = hook() or [None]
        if not isinstance(answer, list | tuple):
            said = f"its hook `{name}` answers {type(answer).__name__}, not a list of {what}"
            problems.append(PlatformProblem(distribution, said, _tell(distribution)))
            answer = ()
        answers[name] = answer
    if not answers and not problems:
        problems = [PlatformProblem(distribution, "has no hook `pushdsl_platforms`", _tell(distribution))]
    return answers.get("pushdsl_platforms", ()), answers.get("pushdsl_sources", ()), problems


def _misspelt(manager: pluggy.PluginManager, plugin: object, distribution: str) -> list[PlatformProblem]:
    """Functions named like a hook that pluggy would pass over in silence."""
    callers = {name: caller for name, caller in vars(manager.hook).items() if not name.startswith("_")}
    hooks = [name for name, caller in callers.items() if caller.has_spec()]
    implemented = [name for name, caller in callers.items() if caller.get_hookimpls()]
    optional = [n for n in implemented if all(impl.optionalhook for impl in callers[n].get_hookimpls())]
    alike = [n for n in dir(plugin) if n.startswith("pushdsl_") and callable(getattr(plugin, n))]
    problems = []
    for name in sorted({*implemented, *alike} - {*optional}):
        if name not in hooks:
            near = get_close_matches(name, hooks, n=1, cutoff=0) or hooks
            said, help = f"`{name}` is no hook", f"did you mean `{near[0]}`?"
        elif name not in implemented:
            said, help = f"`{name}` is not marked as a hook", "put `@hookimpl` above it"
        else:
            continue
        problems.append(PlatformProblem(distribution, said, help))
    return problems


def _fault_of(candidate: object, distribution: str) -> PlatformProblem | None:
    """Why what was handed over is no platform that can be served, if so."""
    from pushdsl.plugins.platform import CONTRACT, Platform

    if isinstance(candidate, type):
        return PlatformProblem(distribution, f"hands over the class `{candidate.__name__}`", "hand over an instance")
    shown = f"`{getattr(candidate, 'name', type(candidate).__name__)}`"
    members = [*Platform.__annotations__, *(n for n, v in vars(Platform).items() if callable(v) and n[0] != "_")]
    if missing := [name for name in members if not hasattr(candidate, name)]:
        said = f"{shown} is no platform, it lacks {_listed(missing)}"
        return PlatformProblem(distribution, said, _tell(distribution))
    assert isinstance(candidate, Platform)
    if wrong := _wrong_kind(candidate):
        return PlatformProblem(distribution, f"{shown} is no platform, its {wrong}", _tell(distribution))
    if candidate.contract[0] != CONTRACT[0] or candidate.contract > CONTRACT:
        written, served = (".".join(map(str, version)) for version in (candidate.contract, CONTRACT))
        older = "pushdsl" if candidate.contract > CONTRACT else distribution
        said = f"{shown} is written for contract {written}, and {served} is served"
        return PlatformProblem(distribution, said, f"upgrade `{older}`")
    return None


def _fault_of_source(candidate: object, distribution: str) -> PlatformProblem | None:
    """Why what was handed over is no source of events, if so."""
    from pydantic import BaseModel

    if isinstance(candidate, type):
        return PlatformProblem(distribution, f"hands over the class `{candidate.__name__}`", "hand over an instance")
    name, settings = getattr(candidate, "name", None), getattr(candidate, "settings", None)
    shown = f"`{name or type(candidate).__name__}`"
    if not isinstance(name, str) or not callable(getattr(candidate, "run", None)):
        return PlatformProblem(
            distribution, f"{shown} is no source of events, it lacks `name` or `run`", _tell(distribution)
        )
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        said = f"{shown} is no source of events, its `settings` is no pydantic model"
        return PlatformProblem(distribution, said, _tell(distribution))
    return None


def _wrong_kind(platform: Platform) -> str:
    """Which member is not of the kind that the protocol asks for; empty where all are."""
    from pydantic import BaseModel

    name, contract, settings = platform.name, platform.contract, platform.settings
    if not isinstance(name, str):
        return "`name` is no text"
    if not (isinstance(contract, tuple) and [type(part) for part in contract] == [int, int]):
        return "`contract` is not two whole numbers"
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        return "`settings` is no pydantic model"
    return ""


def _no_such_platform(distribution: str, name: str, brought: Iterable[LoadedPlatform]) -> PlatformProblem:
    names = _listed([loaded.platform.name for loaded in brought]) or "none"
    said = f"has an entry point `{name}` and hands over no such platform, only {names}"
    return PlatformProblem(distribution, said, _tell(distribution))


def _checked(account: str, limits: Mapping[str, object]) -> dict[str, object]:
    """The overrides of one account as the capabilities take them; raises SettingsError."""
    from pydantic import ValidationError

    from pushdsl.plugins.platform import Capabilities

    known = list(Capabilities.model_fields)
    for key in limits:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            help = f"did you mean `{near[0]}`?" if near else f"capabilities are {_listed(known)}"
            raise SettingsError(f"account `{account}` overrides `{key}`, which is no capability", help)
    try:
        checked = Capabilities.model_validate(limits)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        key = str(first["loc"][0]) if first["loc"] else "preorder_days"  # the only rule over a whole model
        given = limits.get(key)
        raise SettingsError(
            f"account `{account}` overrides `{key}` with `{given}`: {said[:1].lower()}{said[1:]}",
            f"correct it under `[accounts.{account}.capabilities]`, or leave it out to have what the platform says",
        ) from None
    return {key: getattr(checked, key) for key in limits}


def _distribution(point: metadata.EntryPoint) -> tuple[str, str]:
    """Name and version of what the entry point was installed with."""
    return (point.dist.name, point.dist.version) if point.dist is not None else (point.value, "unknown")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tell(distribution: str) -> str:
    return f"upgrade `{distribution}`, or tell its author"
