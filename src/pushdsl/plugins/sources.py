"""The contract of a source of events: what happened to stock in; the same, handed to the intake, out.

A source reads what its system says and hands it in. It decides no quantity and keeps no stock; what it hands in twice
counts once, so after a restart it begins again where it is not sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, assert_never, runtime_checkable

from pushdsl.ledger import StockEvent
from pushdsl.snapshots import Snapshot
from pushdsl.told import OrderTold, RefreshTold, StockTold, Told, read_one

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Turned:
    """Something that cannot be true and was put aside for a person: its id, why, and how to mend it."""

    id: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of what was handed in: events, messages and SKUs counted. All but `refused` is on the disk."""

    taken: int = 0
    repeated: int = 0
    refused: tuple[Turned, ...] = ()
    vanished: int = 0
    """SKUs in warehouses that earlier snapshots of the source had and this one lacks; what was known of them stays."""


@runtime_checkable
class EventIntake(Protocol):
    """Where a source hands in. Each method returns when all is on the disk; many at once cost little more than one.

    What cannot be true is not raised but told in the answer. PushdslError: nothing was taken, for the record cannot be
    written; hand it in again.
    """

    async def events(self, events: Sequence[StockEvent]) -> Taken:
        """What happened to stock; an event that is known already changes nothing."""

    async def order(self, told: OrderTold) -> Taken:
        """What is asked of an order, with the order itself where it may not be known yet."""

    async def refresh(self, skus: Iterable[str]) -> Taken:
        """Has the listings of these SKUs looked at, though nothing happened to them."""

    async def snapshot(self, snapshot: Snapshot) -> Taken:
        """What a source sees of all its stock now: the differences become events, counted here."""

    async def put_aside(self, source: str, id: str, body: str, why: str) -> bool:
        """Keeps what cannot be read for a person; False where it is kept already."""


@runtime_checkable
class EventSource(Protocol):
    """One kind of place that tells of stock. Stateless: everything a run needs comes in its arguments."""

    name: str
    """What stands after `kind =` in `[sources.NAME]`."""
    settings: type[BaseModel]
    """What else may stand there; secrets are `SecretStr`. Unknown keys are an error."""

    async def run(self, settings: BaseModel, intake: EventIntake) -> None:
        """Hands in until it is cancelled, or returns where there can be no more.

        Raises PushdslError where only a person can help; anything else is a fault of the plugin.
        """


async def hand_in(intake: EventIntake, said: str | bytes | Told) -> Taken:
    """Hands in one JSON object, as `docs/events.md` has them; raises PushdslError where it cannot be read."""
    told = read_one(said) if isinstance(said, str | bytes) else said
    match told:
        case StockTold(events):
            return await intake.events(events)
        case OrderTold():
            return await intake.order(told)
        case RefreshTold(skus):
            return await intake.refresh(skus)
        case _:
            assert_never(told)
