"""A code and a message of TikTok in, one of our outcomes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pushdsl.plugins import Refused, RefusedKind, Temporary, Unauthorized, Unknown

Trouble = Refused | Temporary | Unauthorized | Unknown
"""Every outcome but success."""


def trouble(code: int, message: str, *, alone: bool = True, retry_after: float | None = None) -> Trouble:
    """What the code means for a cell. `alone`: the words can only be about one listing, the row at fault is known."""
    meaning = _by_message(code, message.lower()) or MEANINGS.get(code, _UNHEARD_OF)
    words = f"{message} ({meaning.hint})" if meaning.hint else message
    match meaning.becomes:
        case "temporary":
            return Temporary(words, retry_after, str(code))
        case "unknown":
            return Unknown(f"TikTok answered {code}: {words}")
        case "refresh" | "reauthorize" as action:
            return Unauthorized(action, words, str(code))
        case kind:
            return Refused(str(code), words, kind, whole_call=meaning.about == "row" and not alone)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code becomes, whether it is about one row, the product or the whole call, and what to do about it."""

    becomes: RefusedKind | Literal["temporary", "unknown", "refresh", "reauthorize"]
    about: Literal["row", "product", "call"] = "row"
    hint: str = ""


_OVERLOADED = 36009004
_NOT_EDITABLE = 12052037
_UNHEARD_OF = Meaning("bad_request")
_CLOCK = "set the clock of this machine"
_CREDENTIALS = "check `app_key` and `app_secret` in the settings"
_OURS = "please report this as a fault of pushdsl-tiktok"
_WAREHOUSES = (
    "map `location` to the shop's warehouse ids; the store may not be whitelisted for several warehouses, "
    "or must be authorised again after it was"
)
_PLATFORM_RUN = "TikTok or another shop keeps this stock, take the listing out of the rules"
_PRE_SALE = "pre-sale is set in Seller Center, when the product is made"
_MAXIMUM = "if the number is right, set a lower `max_quantity` for this account"


def _by_message(code: int, words: str) -> Meaning | None:
    """Codes that stand for several faults are told apart by TikTok's words, and so is a code that is not known."""
    if code == _OVERLOADED:
        return _of_credentials(words)
    if code == _NOT_EDITABLE and "automatically allocated" not in words and "warehouse" in words:
        return Meaning("bad_request", "row", _WAREHOUSES)
    if code in MEANINGS:
        return None
    return next((meaning for fragment, meaning in _WORDS.items() if fragment in words), None)


def _of_credentials(words: str) -> Meaning:
    if "access_token" in words or "access-token" in words or "access token" in words:
        return Meaning("refresh", "call")
    if "timestamp" in words:
        return Meaning("bad_request", "call", _CLOCK)
    if "app_key" in words:
        return Meaning("bad_request", "call", _CREDENTIALS)
    if "shop_cipher" in words or "shop_id" in words:
        return Meaning("bad_request", "call", "check `shop_cipher` in the settings")
    return Meaning("bad_request", "call", _OURS if "signature" in words else "")


_WORDS: Mapping[str, Meaning] = {
    "fbt products don't support": Meaning("blocked", "row", _PLATFORM_RUN),
    "stock must be between": Meaning("out_of_range", "row", _MAXIMUM),
    "authorization has expired": Meaning("reauthorize", "call"),
}
"""Of sellers' reports, in which the code is missing."""


def _each(codes: tuple[int, ...], meaning: Meaning) -> dict[int, Meaning]:
    return dict.fromkeys(codes, meaning)


MEANINGS: Mapping[int, Meaning] = {
    105002: Meaning("refresh", "call"),
    # The last two are of the token server: no such code, no such refresh token.
    **_each((105001, 40100, 40102, 40103, 36004004, 36004005), Meaning("reauthorize", "call")),
    105005: Meaning("reauthorize", "call", "the app needs the product and logistics scopes"),
    106001: Meaning("bad_request", "call", _CREDENTIALS),
    106013: Meaning("bad_request", "call", "check `shop_cipher` in the settings"),
    36009033: Meaning("bad_request", "call", "allow this machine's address in Partner Center"),
    **_each((36009009, 36009014), Meaning("bad_request", "call", _OURS)),
    101000: Meaning("bad_request"),
    12052036: Meaning("bad_request", "row", "the listing needs TikTok's SKU id as its variant_id"),
    12052553: Meaning("bad_request", "row", "two listings have the same variant_id"),
    12052902: Meaning("bad_request", "call", _OURS),
    12052050: Meaning("bad_request", "product"),
    **_each((36009002, 12001000, 12052881, 33001002, 12052109), Meaning("temporary", "call")),
    # A time-out or a fault inside TikTok may come after the work; only a throttle certainly comes before it.
    **_each((36009003, 36009007), Meaning("unknown", "call")),
    **_each((12052031, 12052032, 12052260, 12052048, 12052034, 12019150), Meaning("not_found", "product")),
    **_each((12052556, 12052557), Meaning("not_found")),
    **_each((12019024, 12052055), Meaning("out_of_range", "row", _MAXIMUM)),
    **_each((12052393, 12052146), Meaning("locked", "row", "end the promotion or wait for it")),
    **_each(
        (
            *(12019022, 12019028, 12052094, 12052097, 12052115, 12052364, 12052403),
            *(12052516, 12052530, 12052531, 12052532, 12052533),
        ),
        Meaning("bad_request", "row", _WAREHOUSES),
    ),
    **_each((12052901, 12052308, 12052371, 12052141), Meaning("blocked", "product")),
    **_each((12052700, 12052704), Meaning("blocked", "call")),
    **_each((12052144, 12052382, 12052921, 12052850, 12052708), Meaning("blocked", "row", _PLATFORM_RUN)),
    _NOT_EDITABLE: Meaning("blocked", "row", f"{_PLATFORM_RUN}, or {_WAREHOUSES}"),
    **_each(
        (*range(12019094, 12019101), 12052273, 12052315, 12052329, 12052702, 12052712),
        Meaning("blocked", "row", _PRE_SALE),
    ),
    12052990: Meaning("bad_request"),
}
"""Every code that a call of ours is known to answer with; 36009004 is read by its message."""
