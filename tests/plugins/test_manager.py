"""Which platforms an installation has, and what it says of distributions that do not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from pushdsl.errors import PushdslError, SettingsError
from pushdsl.model import Store
from pushdsl.plugins import hookimpl
from pushdsl.plugins.manager import InstalledPlatforms, PlatformProblem, known_platforms
from pushdsl.plugins.platform import CONTRACT
from pushdsl.plugins.simulated import SimulatedPlatform


@dataclass
class FakeEntryPoint:
    """An entry point of a distribution that is not installed; `loads` counts its imports."""

    name: str
    plugin: object
    distribution: str = ""
    value: str = ""
    loads: list[str] = field(default_factory=list)

    @property
    def dist(self) -> SimpleNamespace:
        return SimpleNamespace(name=self.distribution or f"pushdsl-{self.name}", version="2.5.0")

    def load(self) -> object:
        self.loads.append(self.name)
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


def plugin_of(answer: Callable[[], object]) -> SimpleNamespace:
    def pushdsl_platforms() -> object:
        return answer()

    return SimpleNamespace(pushdsl_platforms=hookimpl(pushdsl_platforms))


def platform(name: str, **members: object) -> SimulatedPlatform:
    made = SimulatedPlatform()
    for member, value in {"name": name, **members}.items():
        setattr(made, member, value)
    return made


def brings(name: str, **members: object) -> FakeEntryPoint:
    return FakeEntryPoint(name, plugin_of(lambda: [platform(name, **members)]))


def installed(*points: FakeEntryPoint, **arguments: Any) -> InstalledPlatforms:
    return InstalledPlatforms(entry_points=points, **arguments)  # type: ignore[arg-type]


def store(on: str, account: str = "main") -> Store:
    return Store("shop", on, account)


def names_of(platforms: InstalledPlatforms) -> list[str]:
    return [loaded.platform.name for loaded in platforms.all()]


# Names and loading


def test_the_ten_platforms_of_the_documents_are_known() -> None:
    ten = "shopee lazada tokopedia blibli tiki tiktok shopify woocommerce pgmall akulaku"

    assert {*ten.split(), "simulated"} == set(known_platforms)


def test_names_are_sorted_and_known_without_importing_a_plugin() -> None:
    points = [brings("tiki"), brings("blibli")]

    assert (installed(*points).names, [load for point in points for load in point.loads]) == (("blibli", "tiki"), [])


def test_no_plugin_is_imported_for_the_names_of_this_installation() -> None:
    lines = (
        "import sys",
        "from pushdsl.plugins.manager import InstalledPlatforms",
        "print('simulated' in InstalledPlatforms().names, 'pushdsl.plugins.simulated' in sys.modules)",
    )
    ran = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["True", "False"]


def test_simulated_comes_in_by_the_same_door_as_every_other() -> None:
    loaded = InstalledPlatforms().get("simulated")

    assert (loaded.platform.name, loaded.distribution) == ("simulated", "pushdsl")


def test_the_capabilities_of_a_store_import_its_platform_alone() -> None:
    shopee, tiki = brings("shopee"), brings("tiki")

    capabilities = installed(shopee, tiki).capabilities(store("shopee"))
    assert (SimulatedPlatform().capabilities(store("shopee")), ["shopee"], []) == (
        capabilities,
        shopee.loads,
        tiki.loads,
    )


def test_a_platform_is_imported_once() -> None:
    point = brings("shopee")
    platforms = installed(point)

    assert platforms.get("shopee") is platforms.get("shopee")
    assert platforms.problems == []
    assert point.loads == ["shopee"]


def test_all_platforms_come_sorted_by_name_with_their_distribution_and_version() -> None:
    found = installed(brings("tiki"), brings("blibli")).all()

    assert [(loaded.platform.name, loaded.distribution, loaded.version) for loaded in found] == [
        ("blibli", "pushdsl-blibli", "2.5.0"),
        ("tiki", "pushdsl-tiki", "2.5.0"),
    ]


def test_one_module_may_bring_two_platforms_and_is_asked_once() -> None:
    asked: list[int] = []

    def both() -> list[SimulatedPlatform]:
        asked.append(1)
        return [platform("tiktok"), platform("tokopedia")]

    plugin = plugin_of(both)
    points = [FakeEntryPoint(name, plugin, "pushdsl-tiktok", "module") for name in ("tiktok", "tokopedia")]
    platforms = installed(*points)

    assert names_of(platforms) == ["tiktok", "tokopedia"]
    assert (asked, platforms.problems) == ([1], [])


# Problems: each names the distribution, and the others go on


def problem_beside_shopee(broken: FakeEntryPoint) -> PlatformProblem:
    """The only problem of an installation with a sound platform and this one, which is left out."""
    platforms = installed(broken, brings("shopee"))
    assert names_of(platforms) == ["shopee"]
    [problem] = platforms.problems
    with pytest.raises(PushdslError) as raised:
        platforms.get(broken.name)
    assert raised.value.message == f"platform `{broken.name}` cannot be used: {problem}"
    return problem


def test_a_plugin_that_fails_to_import_is_named_with_its_exception() -> None:
    problem = problem_beside_shopee(FakeEntryPoint("tiki", ImportError("No module named 'tikilib'")))

    assert str(problem) == "pushdsl-tiki: cannot be loaded: ImportError: No module named 'tikilib'"
    assert problem.help == "upgrade `pushdsl-tiki`, or tell its author"


def test_a_hook_that_raises_is_named_with_its_exception() -> None:
    def fail() -> object:
        raise ZeroDivisionError("oh")

    assert (
        str(problem_beside_shopee(FakeEntryPoint("tiki", plugin_of(fail))))
        == "pushdsl-tiki: cannot be loaded: ZeroDivisionError: oh"
    )


def test_a_misspelt_hook_is_named_with_the_right_spelling() -> None:
    def pushdsl_platfroms() -> list[object]:
        return []

    plugin = SimpleNamespace(pushdsl_platfroms=hookimpl(pushdsl_platfroms))
    problem = problem_beside_shopee(FakeEntryPoint("tiki", plugin))

    assert (
        str(problem),
        problem.help,
    ) == ("pushdsl-tiki: `pushdsl_platfroms` is no hook", "did you mean `pushdsl_platforms`?")


def test_a_misspelt_hook_beside_the_right_one_is_told_and_the_platform_stays() -> None:
    point = brings("tiki")
    point.plugin.pushdsl_platform = plugin_of(list).pushdsl_platforms  # type: ignore[attr-defined]
    platforms = installed(point)

    assert names_of(platforms) == ["tiki"]
    assert [str(problem) for problem in platforms.problems] == ["pushdsl-tiki: `pushdsl_platform` is no hook"]


def test_a_hook_without_its_mark_is_named() -> None:
    problem = problem_beside_shopee(FakeEntryPoint("tiki", SimpleNamespace(pushdsl_platforms=list)))

    assert (
        str(problem),
        problem.help,
    ) == ("pushdsl-tiki: `pushdsl_platforms` is not marked as a hook", "put `@hookimpl` above it")


def test_a_plugin_without_a_hook_is_named() -> None:
    problem = problem_beside_shopee(FakeEntryPoint("tiki", SimpleNamespace()))

    assert str(problem) == "pushdsl-tiki: has no hook `pushdsl_platforms`"


@pytest.mark.parametrize(("answer", "kind"), [(None, "NoneType"), (platform("tiki"), "SimulatedPlatform")])
def test_a_hook_that_answers_no_list_is_named(answer: object, kind: str) -> None:
    problem = problem_beside_shopee(FakeEntryPoint("tiki", plugin_of(lambda: answer)))

    assert f"pushdsl-tiki: its hook `pushdsl_platforms` answers {kind}, not a list of platforms" == str(problem)


def test_what_is_no_platform_is_named_with_what_it_lacks() -> None:
    half = SimpleNamespace(name="tiki", contract=(1, 0), settings=SimulatedPlatform.settings, push=1, read=1)
    problem = problem_beside_shopee(FakeEntryPoint("tiki", plugin_of(lambda: [half])))

    lacking = "`authorization`, `capabilities`, `locations`, `verify_webhook`, `sandbox`"
    assert str(problem) == f"pushdsl-tiki: `tiki` is no platform, it lacks {lacking}"


def test_a_class_instead_of_an_instance_is_named() -> None:
    problem = problem_beside_shopee(FakeEntryPoint("tiki", plugin_of(lambda: [SimulatedPlatform])))

    assert (
        str(problem),
        problem.help,
    ) == ("pushdsl-tiki: hands over the class `SimulatedPlatform`", "hand over an instance")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"settings": dict}, "`settings` is no pydantic model"),
        ({"contract": "1.0"}, "`contract` is not two whole numbers"),
        ({"contract": (1, 0, 0)}, "`contract` is not two whole numbers"),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(members: dict[str, object], said: str) -> None:
    problem = problem_beside_shopee(brings("tiki", **members))

    assert f"pushdsl-tiki: `tiki` is no platform, its {said}" == str(problem)


def test_two_majors_are_served_where_there_is_an_adapter() -> None:
    """A platform of an older major, without what came later, beside one of the current."""
    old = SimpleNamespace(name="tiki", contract=(0, 9), settings=SimulatedPlatform.settings)

    def from_0(candidate: Any) -> SimulatedPlatform:
        return platform(candidate.name)

    platforms = installed(FakeEntryPoint("tiki", plugin_of(lambda: [old])), brings("shopee"), adapters={0: from_0})

    assert names_of(platforms) == ["shopee", "tiki"]
    assert platforms.problems == []
    assert platforms.get("tiki").contract == (0, 9)
    assert platforms.get("shopee").contract == CONTRACT
    assert platforms.capabilities(store("tiki")).batch_size == 100


@pytest.mark.parametrize(
    ("contract", "help"),
    [((2, 0), "upgrade `pushdsl`"), ((0, 9), "upgrade `pushdsl-tiki`"), ((1, 99), "upgrade `pushdsl`")],
)
def test_a_contract_that_is_not_served_is_named_with_what_to_upgrade(contract: tuple[int, int], help: str) -> None:
    problem = problem_beside_shopee(brings("tiki", contract=contract))

    written = f"{contract[0]}.{contract[1]}"
    assert (f"pushdsl-tiki: `tiki` is written for contract {written}, and 1.0 is served", help) == (
        str(problem),
        problem.help,
    )


def test_of_two_distributions_with_one_platform_neither_is_guessed() -> None:
    points = [FakeEntryPoint("tiki", brings("tiki").plugin, name) for name in ("tiki-two", "tiki-one")]
    platforms = installed(*points, brings("shopee"))

    [problem] = platforms.problems
    assert problem.message == "`tiki-one` and `tiki-two` both bring a platform `tiki`"
    assert names_of(platforms) == ["shopee"]
    with pytest.raises(PushdslError, match="both bring a platform `tiki`"):
        platforms.get("tiki")


def test_a_platform_handed_over_twice_is_named() -> None:
    twice = FakeEntryPoint("tiki", plugin_of(lambda: [platform("tiki"), platform("tiki")]))

    assert str(problem_beside_shopee(twice)) == "pushdsl-tiki: hands over `tiki` 2 times"


def test_a_platform_without_an_entry_point_of_its_name_is_not_served_and_named() -> None:
    point = FakeEntryPoint("tiki", plugin_of(lambda: [platform("tiki"), platform("tiki_two")]), value="tiki.plugin")
    platforms = installed(point)

    [problem] = platforms.problems
    assert str(problem) == "pushdsl-tiki: hands over `tiki_two` and has no entry point of that name"
    assert problem.help == 'add `tiki_two = "tiki.plugin"` to its entry points in the group `pushdsl`'
    assert names_of(platforms) == ["tiki"]


def test_an_entry_point_without_a_platform_of_its_name_is_named() -> None:
    platforms = installed(FakeEntryPoint("tiki", plugin_of(lambda: [platform("tikki")])))

    assert "pushdsl-tiki: has an entry point `tiki` and hands over no such platform, only `tikki`" in [
        str(problem) for problem in platforms.problems
    ]
    assert names_of(platforms) == []


# What a person is told who names a platform that is not there


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("lazada", "install `pushdsl-lazada`"),
        ("shopie", "did you mean `shopee`?"),
        ("Shopie", "did you mean `shopee`?"),
        ("tokopedia", "`pushdsl-tiktok` is installed and brings `tiktok`"),
        ("etsy", "installed platforms are `tiktok`"),
    ],
)
def test_an_unknown_platform_is_answered_with_what_to_do(name: str, help: str) -> None:
    with pytest.raises(PushdslError) as raised:
        installed(brings("tiktok")).get(name)

    assert (f"unknown platform `{name}`", help) == (raised.value.message, raised.value.help)


# Limits that an account has otherwise


def test_an_override_holds_for_the_stores_of_its_account_alone() -> None:
    platforms = installed(brings("shopee"), overrides={"big": {"batch_size": 7, "preorder_days": [5, 10]}})
    plain = platforms.capabilities(store("shopee", "main"))

    assert plain.model_copy(update={"batch_size": 7, "preorder_days": (5, 10)}) == platforms.capabilities(
        store("shopee", "big")
    )
    assert plain == SimulatedPlatform().capabilities(store("shopee"))


@pytest.mark.parametrize(
    ("limits", "message", "help"),
    [
        (
            {"max_quantiti": 5},
            "account `big` overrides `max_quantiti`, which is no capability",
            "did you mean `max_quantity`?",
        ),
        (
            {"batch_size": 0},
            "account `big` overrides `batch_size` with `0`: input should be greater than or equal to 1",
            "correct it under `[accounts.big.capabilities]`, or leave it out to have what the platform says",
        ),
        (
            {"preorder_days": [9, 3]},
            "account `big` overrides `preorder_days` with `[9, 3]`: preorder_days must be [fewest, most], "
            "neither below 0",
            "correct it under `[accounts.big.capabilities]`, or leave it out to have what the platform says",
        ),
    ],
)
def test_an_override_that_does_not_fit_is_an_error_of_the_settings(
    limits: dict[str, object], message: str, help: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        installed(overrides={"big": limits})

    assert (message, help) == (raised.value.message, raised.value.help)
