"""All that a plugin, a platform or a source of events, may import of pushdsl.

Each name is loaded when it is first asked for, so that finding plugins does not import pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pushdsl.errors import PushdslError
    from pushdsl.ledger import Kind, StockEvent
    from pushdsl.model import Location, Mode, Reason, Store
    from pushdsl.plugins.hookspecs import hookimpl
    from pushdsl.plugins.platform import (
        Authorization,
        Batch,
        Capabilities,
        CellPush,
        Confirmed,
        Connection,
        Event,
        Failure,
        Fault,
        Grant,
        ListingRef,
        NotShown,
        Outcome,
        Platform,
        Query,
        ReadResult,
        Refused,
        RefusedKind,
        Sandbox,
        ShopLocation,
        Shown,
        Temporary,
        Unauthorized,
        Unknown,
        WebhookRequest,
    )
    from pushdsl.plugins.sources import EventIntake, EventSource, Taken, Turned, hand_in
    from pushdsl.snapshots import Snapshot, StockLine
    from pushdsl.told import OrderTold, RefreshTold, StockTold, Told, read_one

__all__ = [
    "Authorization",
    "Batch",
    "Capabilities",
    "CellPush",
    "Confirmed",
    "Connection",
    "Event",
    "EventIntake",
    "EventSource",
    "Failure",
    "Fault",
    "Grant",
    "Kind",
    "ListingRef",
    "Location",
    "Mode",
    "NotShown",
    "OrderTold",
    "Outcome",
    "Platform",
    "PushdslError",
    "Query",
    "ReadResult",
    "Reason",
    "RefreshTold",
    "Refused",
    "RefusedKind",
    "Sandbox",
    "ShopLocation",
    "Shown",
    "Snapshot",
    "StockEvent",
    "StockLine",
    "StockTold",
    "Store",
    "Taken",
    "Temporary",
    "Told",
    "Turned",
    "Unauthorized",
    "Unknown",
    "WebhookRequest",
    "hand_in",
    "hookimpl",
    "read_one",
]

_PLACES = {
    "pushdsl.errors": ("PushdslError",),
    "pushdsl.ledger": ("Kind", "StockEvent"),
    "pushdsl.model": ("Location", "Mode", "Reason", "Store"),
    "pushdsl.plugins.hookspecs": ("hookimpl",),
    "pushdsl.plugins.sources": ("EventIntake", "EventSource", "Taken", "Turned", "hand_in"),
    "pushdsl.snapshots": ("Snapshot", "StockLine"),
    "pushdsl.told": ("OrderTold", "RefreshTold", "StockTold", "Told", "read_one"),
}
_ELSEWHERE = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever the name stands for; the imports above give its type
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "pushdsl.plugins.platform")), name)
