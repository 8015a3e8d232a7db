"""A code and words of Lazada in, one of our outcomes out.

Lazada uses the same four-digit numbers for different things at different addresses, so the words are looked at
first, and numbers only within the address that answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pushdsl.plugins import Refused, RefusedKind, Temporary, Unauthorized, Unknown

Trouble = Refused | Temporary | Unauthorized | Unknown
"""Every outcome but success."""
Endpoint = Literal["stock", "choice", "read", "auth"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code becomes, whether it is about one row or the whole call, and what to do about it."""

    becomes: RefusedKind | Literal["temporary", "unknown", "refresh", "reauthorize", "fewer"]
    about: Literal["row", "call"] = "row"
    hint: str = ""


def trouble(
    endpoint: Endpoint, code: str, message: str, *, alone: bool = True, retry_after: float | None = None
) -> Trouble:
    """What an answer without rows means for a cell. `alone`: it can only be about one listing."""
    # Lazada's list of codes is not complete, and one it does not list may be a failure after the work was done.
    meaning = _meaning(endpoint, code, message) or Meaning("unknown", "call")
    return _outcome(meaning, code, message, alone=alone, retry_after=retry_after)


def row_trouble(
    endpoint: Endpoint, code: str, message: str, row_code: str, row_message: str, *, alone: bool
) -> Trouble:
    """What one row of an answer's `detail` means; `code` and `message` are the answer's own.

    A row is a refusal of the seller's numbers, not a failure of Lazada, unless its words say otherwise. `alone`: all
    rows of the call are known to be about what they are asked of.
    """
    meaning = _meaning(endpoint, row_code, row_message) or _meaning(endpoint, code, message) or Meaning("bad_request")
    words = row_message or message
    if not alone and meaning.becomes not in ("refresh", "reauthorize"):
        # What became of the other rows of a failed call is not known: they are sent again, or read back.
        if meaning.becomes in ("temporary", "unknown"):
            return Unknown(f"Lazada answered {row_code or code}: {words}")
        return Refused(row_code or code, words, _kind(meaning), whole_call=True)
    return _outcome(meaning, row_code or code, words, alone=alone, retry_after=None)


def _outcome(meaning: Meaning, code: str, message: str, *, alone: bool, retry_after: float | None) -> Trouble:
    words = f"{message or code} ({meaning.hint})" if meaning.hint else message or code
    match meaning.becomes:
        case "temporary":
            wait = ban_seconds(message) if retry_after is None else retry_after
            # "please retry in the next second", says the documentation of 901 where the message does not
            return Temporary(words, 1.0 if wait is None and _number(code) == "901" else wait, code)
        case "unknown":
            return Unknown(f"Lazada answered {code}: {words}")
        case "refresh" | "reauthorize" as action:
            return Unauthorized(action, words, code)
        case "fewer" if alone:
            return Temporary(words, retry_after, code)
        case _:
            return Refused(code, words, _kind(meaning), whole_call=meaning.about == "row" and not alone)


def _kind(meaning: Meaning) -> RefusedKind:
    match meaning.becomes:
        case "not_found" | "out_of_range" | "locked" | "blocked" as kind:
            return kind
        case _:
            return "bad_request"


_BAN = re.compile(r"ban will last (\d{1,6}) seconds?", re.IGNORECASE)


def ban_seconds(message: str) -> float | None:
    """The wait that a throttle names; None where it names none."""
    if found := _BAN.search(message):
        return float(found[1])
    return 1.0 if "next second" in message else None


def _meaning(endpoint: Endpoint, code: str, message: str) -> Meaning | None:
    """None for what is not listed, and for the numbers that only wrap rows."""
    words = f"{code} {message}"
    for pattern, meaning in WORDS:
        if pattern.search(words):
            return meaning
    return NUMBERS[endpoint].get(_number(code))


def _number(code: str) -> str:
    """`E0501`, `E501` and `501` are written for the same."""
    return re.sub(r"^E?0*(?=\d)", "", code)


_CREDENTIALS = "check `app_key` and `app_secret` in the settings"
_CLOCK = "set the clock of this machine"
_OURS = "please report this as a fault of pushdsl-lazada"
_PROMOTION = "end the promotion or wait for it"
_CHOICE_AUTHORIZATION = "authorise the shop again and choose the `country - choice` option"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


WORDS: Sequence[tuple[re.Pattern[str], Meaning]] = (
    (_words(r"negative sellable on (channel )?inventory"), Meaning("locked", "row", _PROMOTION)),
    (_words(r"INV_NEGATIVE_SELLABLE|sellable inventory cannot be negative"), Meaning("locked", "row", _PROMOTION)),
    (_words(r"may not decrease stocks"), Meaning("locked", "row", "a campaign lets stock only rise")),
    (_words(r"only be increased|not be (reduced|decreased)"), Meaning("locked", "row", "Choice stock can only rise")),
    (_words(r"THD_IC_ERR_F_IC_ABILITY_PG_00[34]"), Meaning("locked", "row", _PROMOTION)),
    (_words(r"AccessToken|access token is invalid|access token (is |has )?expired"), Meaning("refresh", "call")),
    (_words(r"IllegalRefreshToken"), Meaning("reauthorize", "call")),
    (_words(r"InvalidCode\b"), Meaning("reauthorize", "call", "a code is good for 30 minutes and one time")),
    (
        _words(r"SellerNotActive|SellerNotVerified|InsufficientPermission|AUTH_TYPE_UNSUPPORTED"),
        Meaning("reauthorize", "call"),
    ),
    (_words(r"not jit seller"), Meaning("reauthorize", "call", _CHOICE_AUTHORIZATION)),
    (_words(r"not jit product"), Meaning("blocked", "call", "Lazada keeps the stock of this Choice item itself")),
    (_words(r"IncompleteSignature|InvalidAppKey"), Meaning("bad_request", "call", _CREDENTIALS)),
    (_words(r"(Invalid|Illegal)Timestamp"), Meaning("bad_request", "call", _CLOCK)),
    (_words(r"MissingParameter|UnsupportedHTTPMethod"), Meaning("bad_request", "call", _OURS)),
    (_words(r"(Api|Seller|App|AppApi)CallLimit|frequency exceeds the limit"), Meaning("temporary", "call")),
    (_words(r"SYS_REQUEST_TOO_FAST|HOT_KEY_BLOCK_EXCEPTION"), Meaning("temporary", "call")),
    # A time-out or a fault inside Lazada may come after the work; only a throttle certainly comes before it.
    (_words(r"SYSTEM_TIMEOUT|ServiceTimeout|SYS_ERROR|IC_EXCEPTION"), Meaning("unknown", "call")),
    (_words(r"SELLER_NOT_PERMITTED"), Meaning("blocked", "row")),
    (_words(r"EDIT_ITEM_NOT_BELONG_SELLER"), Meaning("not_found")),
    (
        _words(r"\b(seller_?)?(sku|item|product)([ _]?id)?[ _](does[ _]|do[ _]|is[ _])?not[ _](exist|exsit|found)"),
        Meaning("not_found"),
    ),
    (_words(r"quantity.*(negative|less than 0)"), Meaning("out_of_range")),
    (_words(r"quantity.*(exceed|too (large|big)|out of range)"), Meaning("out_of_range")),
)
"""Lazada's words, in the order in which they are looked for in code and message."""

_EVERYWHERE: Mapping[str, Meaning] = {
    "901": Meaning("temporary", "call"),
    "4154": Meaning("temporary", "call"),
    "6": Meaning("unknown", "call"),
    "506": Meaning("unknown", "call"),
    "1000": Meaning("unknown", "call"),
    "207": Meaning("not_found"),
    "208": Meaning("not_found"),
}
NUMBERS: Mapping[Endpoint, Mapping[str, Meaning]] = {
    "stock": {
        **_EVERYWHERE,
        "5": Meaning("bad_request", "call", _OURS),
        "30": Meaning("bad_request", "call", _OURS),
        "204": Meaning("bad_request"),
        "212": Meaning("locked", "row", _PROMOTION),
        "513": Meaning("fewer", "row"),
        "998": Meaning("blocked", "call", "Lazada switched this off during a campaign"),
        "4128": Meaning("blocked", "call"),
        "4132": Meaning("bad_request"),
        "4136": Meaning("not_found"),
        "4147": Meaning("temporary", "call"),
        "4152": Meaning("out_of_range"),
        "4155": Meaning("blocked"),
        "4170": Meaning("locked", "row", "a campaign lets stock only rise"),
        "4193": Meaning("bad_request", "row", _OURS),
        "4216": Meaning("bad_request", "row", "the listing needs Lazada's SkuId as its variant_id"),
        "4218": Meaning("blocked", "call"),
    },
    "choice": {
        **_EVERYWHERE,
        "305": Meaning("bad_request", "call", _OURS),
        "1001": Meaning("reauthorize", "call", _CHOICE_AUTHORIZATION),
        "1002": Meaning("blocked", "call", "Lazada keeps the stock of this Choice item itself"),
    },
    "read": {**_EVERYWHERE, "200": Meaning("bad_request", "call", _OURS), "4136": Meaning("not_found")},
    "auth": _EVERYWHERE,
}
"""Numbers by address. 500, 501 and 503 wrap rows and mean nothing of themselves; 4137 is told by its words alone."""
