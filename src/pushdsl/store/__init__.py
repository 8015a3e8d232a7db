"""The store of record: what every cell should show, what it last confirmed, and the history of pushes.

Importing this imports SQLAlchemy; import it where a record is opened, not at start-up.
"""

from __future__ import annotations

from pushdsl.store.lanes import (
    PLANNER,
    RULES_SEEN,
    Dirty,
    Ended,
    Execute,
    LaneSummary,
    Lease,
    NoWaker,
    Push,
    Rate,
    Rest,
    Round,
    State,
    Waker,
    Want,
    WorkStore,
    WorkSummary,
    open_existing_work,
    open_work,
)
from pushdsl.store.ledgers import Asked, Intake, LedgerStore
from pushdsl.store.marking import Trigger
from pushdsl.store.opening import libpq_words
from pushdsl.store.store import Finished, RecordStore, SealedGrant, StoreSummary, open_existing, open_store
from pushdsl.store.together import Together

__all__ = [
    "PLANNER", "RULES_SEEN", "Asked", "Dirty", "Ended", "Execute", "Finished", "Intake", "LaneSummary", "Lease",
    "LedgerStore", "NoWaker", "Push", "Rate", "RecordStore", "Rest", "Round", "SealedGrant", "State", "StoreSummary",
    "Together", "Trigger", "Waker", "Want", "WorkStore", "WorkSummary", "libpq_words", "open_existing",
    "open_existing_work", "open_store", "open_work",
]  # fmt: skip
