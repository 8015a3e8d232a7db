"""Sources of events that plugins bring, alone or beside platforms, and what `[sources.…]` says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from pushdsl.errors import PushdslError, SettingsError
from pushdsl.plugins import (
    EventIntake,
    EventSource,
    OrderTold,
    RefreshTold,
    StockEvent,
    Taken,
    hand_in,
    hookimpl,
    read_one,
)
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.simulated import SimulatedPlatform
from pushdsl.settings import read_settings, source_settings


class KafkaSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: str
    password: SecretStr = SecretStr("")
    topics: dict[str, str] = {}


class Kafka:
    name = "kafka"
    settings: type[BaseModel] = KafkaSettings

    async def run(self, settings: BaseModel, intake: EventIntake) -> None:
        await hand_in(intake, '{"refresh": "A"}')


def source(**members: object) -> Kafka:
    made = Kafka()
    for name, value in members.items():
        setattr(made, name, value)
    return made


@dataclass
class Point:
    """An entry point of a distribution that is not installed."""

    name: str
    plugin: object
    distribution: str = ""
    value: str = ""

    @property
    def dist(self) -> SimpleNamespace:
        return SimpleNamespace(name=self.distribution or f"pushdsl-{self.name}", version="2.5.0")

    def load(self) -> object:
        return self.plugin


def plugin(sources: object = None, platforms: object = None) -> SimpleNamespace:
    def pushdsl_sources() -> object:
        return sources

    def pushdsl_platforms() -> object:
        return platforms

    hooks = {}
    if sources is not None:
        hooks["pushdsl_sources"] = hookimpl(pushdsl_sources)
    if platforms is not None:
        hooks["pushdsl_platforms"] = hookimpl(pushdsl_platforms)
    return SimpleNamespace(**hooks)


def installed(*points: Point) -> InstalledPlatforms:
    return InstalledPlatforms(entry_points=points)  # type: ignore[arg-type]


def shopify() -> SimulatedPlatform:
    made = SimulatedPlatform()
    made.name = "shopify"
    return made


# ---- being found --------------------------------------------------------------------------------------


def test_a_plugin_with_a_source_alone_is_no_broken_platform() -> None:
    found = installed(Point("kafka", plugin([kafka := source()])))

    assert found.problems == []
    assert found.all() == []
    assert found.source("kafka") is kafka
    assert isinstance(kafka, EventSource)


def test_a_source_and_a_platform_may_share_a_name_and_a_module() -> None:
    both = plugin([source(name="shopify")], [shopify()])
    found = installed(Point("shopify", both))

    assert found.problems == []
    assert [loaded.platform.name for loaded in found.all()] == ["shopify"]
    assert found.source("shopify").name == "shopify"


def test_a_store_on_a_source_is_told_that_it_is_none() -> None:
    with pytest.raises(PushdslError, match="`kafka` is a source of events and no platform") as caught:
        installed(Point("kafka", plugin([source()]))).get("kafka")

    assert "[sources.…]" in caught.value.help


@pytest.mark.parametrize(
    ("points", "kind", "message"),
    [
        ([], "kafka", "no plugin brings a source `kafka`"),
        ([Point("shopify", plugin(None, [shopify()]))], "shopify", "`shopify` is a platform and no source of events"),
        (
            [Point("kafka", plugin([source()]), name) for name in ("one", "two")],
            "kafka",
            "`one` and `two` both bring a source `kafka`",
        ),
        (
            [Point("kafka", plugin([source(settings=dict)]))],
            "kafka",
            "its `settings` is no pydantic model",
        ),
        ([Point("kafka", plugin([source(run=None)]))], "kafka", "it lacks `name` or `run`"),
        ([Point("kafka", plugin([Kafka]))], "kafka", "hands over the class `Kafka`"),
        ([Point("kafka", plugin(5))], "kafka", "its hook `pushdsl_sources` answers int, not a list of sources"),
    ],
)
def test_a_source_that_cannot_be_used_is_told_why(points: list[Point], kind: str, message: str) -> None:
    found = installed(*points)

    with pytest.raises(PushdslError) as caught:
        found.source(kind)

    assert message in caught.value.message
    assert caught.value.help


def test_a_broken_source_is_a_problem_and_the_platform_beside_it_stays() -> None:
    found = installed(Point("shopify", plugin([source(settings=dict)], [shopify()])))

    assert [loaded.platform.name for loaded in found.all()] == ["shopify"]
    assert [problem.message for problem in found.problems] == [
        "`kafka` is no source of events, its `settings` is no pydantic model"
    ]


def test_a_misspelt_hook_is_named() -> None:
    [problem] = installed(Point("kafka", SimpleNamespace(pushdsl_source=hookimpl(lambda: None)))).problems

    assert (problem.message, problem.help) == ("`pushdsl_source` is no hook", "did you mean `pushdsl_sources`?")


# ---- settings -----------------------------------------------------------------------------------------


def settings_of(tmp_path: Path, text: str, **environment: str) -> Any:
    (tmp_path / "pushdsl.toml").write_text(text, "utf-8")
    return read_settings(tmp_path, environment).sources


def test_settings_come_with_values_of_the_environment_also_in_tables(tmp_path: Path) -> None:
    sources = settings_of(
        tmp_path,
        """
        [sources.orders]
        kind = "kafka"
        servers = { env = "SERVERS" }
        password = { env = "PASSWORD" }
        [sources.orders.topics]
        sales = { env = "SALES" }
        returns = "r"
        """,
        SERVERS="a:9092", PASSWORD="canary", SALES="s",
    )  # fmt: skip

    found = source_settings("orders", sources["orders"], KafkaSettings)

    assert found == KafkaSettings(servers="a:9092", password=SecretStr("canary"), topics={"sales": "s", "returns": "r"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[sources.orders]\nservers = "a"', "[sources.orders] has no `kind`"),
        ("[sources.orders]\nkind = 5", "[sources.orders] has no `kind`"),
        ("[sources]\norders = 5", "`orders` in [sources] is a value and must be a table"),
    ],
)
def test_a_table_that_is_no_source_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text)

    assert message in caught.value.message


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('servers = "a"\nserver = "b"', "`server` is no setting of this source, did you mean `servers`"),
        ("", "`servers` is missing"),
        ("servers = 5", "`servers`: input should be a valid string"),
        ('servers = "a"\npassword = ["canary"]', "`password`: input should be a valid string"),
        (
            'servers = "a"\n[sources.orders.topics]\nx = { env = "NOT_THERE" }',
            "takes a setting from `NOT_THERE`, which the environment does not have",
        ),
    ],
)
def test_settings_that_do_not_fit_are_told_without_their_values(tmp_path: Path, raw: str, message: str) -> None:
    sources = settings_of(tmp_path, f'[sources.orders]\nkind = "kafka"\n{raw}')

    with pytest.raises(SettingsError) as caught:
        source_settings("orders", sources["orders"], KafkaSettings)

    assert message in caught.value.message
    assert caught.value.message.startswith("[sources.orders]")
    assert "canary" not in caught.value.message


# ---- handing in ---------------------------------------------------------------------------------------


class Notes:
    """An intake that writes down which of its methods was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    async def events(self, events: Sequence[StockEvent]) -> Taken:
        self.calls.append(("events", [event.id for event in events]))
        return Taken(len(events))

    async def order(self, told: OrderTold) -> Taken:
        self.calls.append(("order", told.order))
        return Taken(1)

    async def refresh(self, skus: Iterable[str]) -> Taken:
        self.calls.append(("refresh", list(skus)))
        return Taken(1)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


COMMON = '"id": "1", "source": "wms", "sequence": 1, "at": "2026-05-04T12:00:00Z"'


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (f'{{{COMMON}, "reason": 2, "warehouse": "kl", "sku": "A", "add": 1}}', ("events", ["1"])),
        (f'{{{COMMON}, "sku": "A", "transfer": 1, "from": "kl", "to": "jb"}}', ("events", ["1/out", "1/in"])),
        (f'{{{COMMON}, "order": "7", "store": "s", "ask": "ship"}}', ("order", "7")),
        ('{"refresh": ["A", "B"]}', ("refresh", ["A", "B"])),
    ],
)
def test_what_is_handed_in_reaches_its_place(text: str, call: tuple[str, object]) -> None:
    for said in (text, text.encode(), read_one(text)):
        notes = Notes()
        asyncio.run(_handed(notes, said))
        assert notes.calls == [call]


async def _handed(notes: Notes, said: Any) -> None:
    await hand_in(notes, said)


def test_what_cannot_be_read_is_raised_and_nothing_is_handed_in() -> None:
    notes = Notes()
    with pytest.raises(PushdslError, match="this is no JSON"):
        asyncio.run(_handed(notes, b"{"))

    assert notes.calls == []
    assert isinstance(read_one('{"refresh": "A"}'), RefreshTold)
