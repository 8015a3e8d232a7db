"""A code, words or an HTTP status of Shopify in, one of our outcomes out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pushdsl.plugins import Refused, RefusedKind, Temporary, Unauthorized, Unknown

Trouble = Refused | Temporary | Unauthorized | Unknown


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code becomes, and what to do about it. `whole_call`: it may be about one row, and does not say which."""

    becomes: RefusedKind | Literal["temporary", "lost", "refresh", "reauthorize"]
    hint: str = ""
    whole_call: bool = False


def meant(meaning: Meaning, code: str, message: str, retry_after: float | None = None) -> Trouble:
    said = message or code
    words = f"{said} ({meaning.hint})" if meaning.hint else said
    match meaning.becomes:
        case "temporary":
            return Temporary(words, retry_after, code)
        case "lost":
            return Unknown(words)
        case "refresh" | "reauthorize" as action:
            return Unauthorized(action, words, code)
        case kind:
            return Refused(code, words, kind, whole_call=meaning.whole_call)


def user_error(code: str, message: str) -> Trouble:
    """What one of `userErrors` means. Words go first: Shopify is known to leave the code out."""
    by_words = next((meaning for pattern, meaning in WORDS if pattern.search(message)), None)
    return meant(by_words or USER_ERRORS.get(code) or Meaning("bad_request"), code, message)


_OURS = "please report this as a fault of pushdsl-shopify"
_NOT_STOCKED = "stock the item at the location in Shopify first: `inventoryActivate`, or its page in the admin"
_MAP = "name the location by its Shopify id; `pushdsl locations` lists them"
_BUNDLE = "Shopify works out the stock of a bundle from its parts: push those"
_STALE = "the stock changed between reading and setting, by an order perhaps"
_SCOPES = "let the app in again, with the scopes read_products, read_inventory, write_inventory and read_locations"
_SHOP = "check `shop`, `base_url` and `version` in the settings"

USER_ERRORS: Mapping[str, Meaning] = {
    "CHANGE_FROM_QUANTITY_STALE": Meaning("temporary", _STALE),
    "COMPARE_QUANTITY_STALE": Meaning("temporary", _STALE),
    "COMPARE_QUANTITY_REQUIRED": Meaning("bad_request", _OURS),
    # The call with the same key that is at work may yet succeed.
    "IDEMPOTENCY_CONCURRENT_REQUEST": Meaning("lost"),
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": Meaning("bad_request", _OURS),
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": Meaning("temporary"),
    "INVALID_INVENTORY_ITEM": Meaning("not_found"),
    "INVALID_LOCATION": Meaning("bad_request", _MAP),
    "INVALID_NAME": Meaning("bad_request", _OURS),
    "INVALID_QUANTITY_NEGATIVE": Meaning("out_of_range"),
    "INVALID_QUANTITY_TOO_HIGH": Meaning("out_of_range"),
    "INVALID_QUANTITY_TOO_LOW": Meaning("out_of_range"),
    "INVALID_REASON": Meaning("bad_request", "check `reason` in the settings"),
    "INVALID_REFERENCE_DOCUMENT": Meaning("bad_request", _OURS),
    "ITEM_NOT_STOCKED_AT_LOCATION": Meaning("bad_request", _NOT_STOCKED),
    "NON_MUTABLE_INVENTORY_ITEM": Meaning("blocked", _BUNDLE),
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR": Meaning("bad_request", "two listings are one inventory item"),
}
"""The codes of `inventorySetQuantities`."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


WORDS: Sequence[tuple[re.Pattern[str], Meaning]] = (
    (_words(r"no longer matches the persisted quantity|does not match persisted"), Meaning("temporary", _STALE)),
    (_words(r"not stocked at the location"), Meaning("bad_request", _NOT_STOCKED)),
    (_words(r"inventory tracking (is not|not) enabled|not have inventory tracking"), Meaning("blocked")),
    (_words(r"active at more than one location if one of them is a fulfillment service"), Meaning("blocked")),
)
"""Shopify's words in `userErrors`, in the order in which they are looked for."""

CODES: Mapping[str, Meaning] = {
    "THROTTLED": Meaning("temporary"),
    "ACCESS_DENIED": Meaning("reauthorize", _SCOPES),
    "UNAUTHORIZED": Meaning("reauthorize", _SCOPES),
    "FORBIDDEN": Meaning("reauthorize", _SCOPES),
    "SHOP_INACTIVE": Meaning("blocked"),
    "INTERNAL_SERVER_ERROR": Meaning("lost"),
    "TIMEOUT": Meaning("lost"),
    "MAX_COST_EXCEEDED": Meaning("bad_request", "set a lower `batch_size` in the account's capabilities", True),
    "MAX_INPUT_SIZE_EXCEEDED": Meaning("bad_request", "set a lower `batch_size` in the account's capabilities", True),
    "INVALID_VARIABLE": Meaning("bad_request", _SHOP, True),
    "RESOURCE_NOT_FOUND": Meaning("bad_request", _MAP, True),
}
"""`extensions.code` of an error that stands beside the data. Any other is about the query itself."""
OTHER_CODE = Meaning("bad_request", _SHOP)

STATUSES: Mapping[int, Meaning] = {
    402: Meaning("blocked", "the shop is frozen until its owner pays Shopify"),
    403: Meaning("reauthorize", f"{_SCOPES}; a public app needs `expiring = true`"),
    404: Meaning("bad_request", _SHOP),
    422: Meaning("bad_request", "", True),
    423: Meaning("blocked", "Shopify locked the shop"),
    429: Meaning("temporary"),
}
"""HTTP statuses; 401 depends on what there is to renew the token with, and from 500 on nothing is certain."""
OTHER_STATUS = Meaning("bad_request", _SHOP)
