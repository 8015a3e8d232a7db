"""A shop in a started sandbox, as the tests of the contract see it, and what they look for in answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, SecretBytes, SecretStr

from pushdsl.model import Store
from pushdsl.plugins.platform import (
    Batch,
    CellPush,
    Connection,
    Fault,
    ListingRef,
    NotShown,
    Outcome,
    Platform,
    Query,
    ReadResult,
    Refused,
    Sandbox,
    Shown,
)


class FixedClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, at: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Shop:
    """A shop in a started sandbox, and the platform under test pointed at it."""

    platform: Platform
    sandbox: Sandbox
    connection: Connection
    listings: tuple[ListingRef, ...]

    @property
    def store(self) -> Store:
        return self.connection.store

    def cells(self, quantity: int = 100, listings: Sequence[ListingRef] | None = None) -> list[CellPush]:
        """Every listing at every location, each with a number of its own from `quantity` up."""
        places = [(listing, name) for listing in listings or self.listings for name in location_names(self.store)]
        return [
            CellPush(at.store_sku, at.item_id, at.variant_id, name, quantity + number)
            for number, (at, name) in enumerate(places)
        ]

    async def push(self, cells: Iterable[CellPush]) -> list[Outcome]:
        """One call of `push`; asserts one outcome for every cell."""
        batch = Batch(self.connection, tuple(cells))
        outcomes = list(await self.platform.push(batch))
        assert len(batch.cells) == len(outcomes), f"{len(outcomes)} outcomes for {len(batch.cells)} cells"
        assert all(isinstance(outcome, Outcome) for outcome in outcomes), f"not all are outcomes: {outcomes}"
        return outcomes

    async def push_until_alone(self, cells: list[CellPush], fault: Fault | None = None) -> list[Outcome]:
        """Pushes as the core does: halves a call that was refused as a whole until the bad row stands alone.

        `fault` meets every call that holds the first row.
        """
        if fault is not None:
            self.sandbox.fail(fault)
        outcomes = await self.push(cells)
        if len(cells) == 1 or not all(isinstance(outcome, Refused) and outcome.whole_call for outcome in outcomes):
            return outcomes
        middle = len(cells) // 2
        return [*await self.push_until_alone(cells[:middle], fault), *await self.push_until_alone(cells[middle:])]

    async def read(self, listings: Iterable[ListingRef] | None = None) -> ReadResult:
        return await self.platform.read(Query(self.connection, tuple(listings or self.listings)))

    async def shown_on_read(self, listing: ListingRef) -> Shown:
        """What a read returns for one listing at the only location."""
        [answer] = await self.read([listing])
        assert isinstance(answer, Shown), f"reading {listing} gave {answer}"
        return answer

    async def quantities_read(self) -> dict[tuple[str, str], int]:
        """What a read returns, by store SKU and location; asserts that every listing can be read."""
        answers = await self.read()
        assert not [a for a in answers if isinstance(a, NotShown)], f"listings that cannot be read: {answers}"
        return quantities(a for a in answers if isinstance(a, Shown))

    def with_wrong_secrets(self) -> Shop:
        """The same shop, reached with secrets that are not its own."""
        return replace(self, connection=replace(self.connection, settings=with_wrong_secrets(self.connection.settings)))

    def quantities_shown(self) -> dict[tuple[str, str], int]:
        """What the shop itself shows, by store SKU and location."""
        return quantities(self.sandbox.shown(self.store.name))


@asynccontextmanager
async def started(sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """The sandbox, listening on a free local port until the block ends."""
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


def location_names(store: Store) -> tuple[str, ...]:
    return tuple(location.name for location in store.locations) or ("",)


def quantities(shown: Iterable[Shown]) -> dict[tuple[str, str], int]:
    return {(row.store_sku, row.location): row.quantity for row in shown}


def wanted(cells: Iterable[CellPush]) -> dict[tuple[str, str], int]:
    return {(cell.store_sku, cell.location): cell.quantity for cell in cells}


def all_are(
    kinds: type[Outcome] | tuple[type[Outcome], ...], outcomes: Iterable[object], when: str = "outcomes"
) -> None:
    others = [outcome for outcome in outcomes if not isinstance(outcome, kinds)]
    assert not others, f"{when}: {others} where {kinds} was due"


def refused_as(kind: str, outcome: Outcome) -> None:
    assert isinstance(outcome, Refused), f"{outcome} where a refusal as `{kind}` was due"
    assert kind == outcome.kind, f"{outcome} where `{kind}` was due"


def secrets_of(settings: BaseModel) -> list[str]:
    """The text of every secret in the settings, those of models inside included."""
    return [secret for name in type(settings).model_fields for secret in _secrets_in(getattr(settings, name))]


def _secrets_in(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case SecretBytes():
            yield value.get_secret_value().decode(errors="replace")
        case BaseModel():
            yield from secrets_of(value)
        case _:
            return


def with_wrong_secrets(settings: BaseModel) -> BaseModel:
    """The settings with every secret replaced by zeros of the same length."""
    wrong: dict[str, object] = {}
    for name in type(settings).model_fields:
        match getattr(settings, name):
            case SecretStr() as secret:
                wrong[name] = SecretStr("0" * len(secret))
            case SecretBytes() as secret:
                wrong[name] = SecretBytes(b"0" * len(secret))
            case BaseModel() as inner:
                wrong[name] = with_wrong_secrets(inner)
    return settings.model_copy(update=wrong)


def shown_in(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in the text, by their first two letters only: this goes into a test's report."""
    return [f"{secret[:2]}…" for secret in secrets if secret and secret in text]
