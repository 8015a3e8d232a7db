"""The store of record: what every cell should show, what it last confirmed, and the history of pushes.

Importing this imports SQLAlchemy; import it where a record is opened, not at start-up.
"""

from __future__ import annotations

from pushdsl.store.ledgers import Asked, Intake, LedgerStore, Trigger
from pushdsl.store.store import Finished, RecordStore, SealedGrant, StoreSummary, open_existing, open_store

__all__ = [
    "Asked", "Finished", "Intake", "LedgerStore", "RecordStore", "SealedGrant", "StoreSummary", "Trigger",
    "open_existing", "open_store",
]  # fmt: skip
