"""All that a platform plugin may import of pushdsl.

Each name is loaded when it is first asked for, so that finding plugins does not import pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pushdsl.model import Location, Mode, Store
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

__all__ = [
    "Authorization",
    "Batch",
    "Capabilities",
    "CellPush",
    "Confirmed",
    "Connection",
    "Event",
    "Failure",
    "Fault",
    "Grant",
    "ListingRef",
    "Location",
    "Mode",
    "NotShown",
    "Outcome",
    "Platform",
    "Query",
    "ReadResult",
    "Refused",
    "RefusedKind",
    "Sandbox",
    "ShopLocation",
    "Shown",
    "Store",
    "Temporary",
    "Unauthorized",
    "Unknown",
    "WebhookRequest",
    "hookimpl",
]

_ELSEWHERE = {
    "Location": "pushdsl.model",
    "Mode": "pushdsl.model",
    "Store": "pushdsl.model",
    "hookimpl": "pushdsl.plugins.hookspecs",
}


def __getattr__(name: str) -> Any:  # whatever the name stands for; the imports above give its type
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "pushdsl.plugins.platform")), name)
