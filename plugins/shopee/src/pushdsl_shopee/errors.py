"""A code and words of Shopee in, one of our outcomes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from pushdsl.plugins import Refused, RefusedKind, Temporary, Unauthorized
from pushdsl_shopee.wire import Answer

Trouble = Refused | Temporary | Unauthorized


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code becomes, whether it is about one row or the whole call, and what to do about it."""

    becomes: RefusedKind | Literal["temporary", "tomorrow", "refresh", "reauthorize"]
    about: Literal["row", "call"] = "row"
    hint: str = ""


def trouble(answer: Answer, now: Callable[[], datetime], *, alone: bool = True) -> Trouble:
    """What a failed call means for each of its cells. `alone`: it can only be about one listing."""
    return _outcome(answer, _meaning(answer.error, answer.message), now(), alone=alone)


def row_trouble(reason: str, now: Callable[[], datetime]) -> Trouble:
    """What the `failed_reason` of one row means for its cells."""
    words = reason or "refused without a reason"
    return _outcome(Answer("", words, {}), _meaning(words, words), now(), alone=True)


def _outcome(answer: Answer, meaning: Meaning, now: datetime, *, alone: bool) -> Trouble:
    said = answer.message or answer.error
    words = f"{said} ({meaning.hint})" if meaning.hint else said
    match meaning.becomes:
        case "temporary":
            return Temporary(words, answer.retry_after, answer.error)
        case "tomorrow":
            return Temporary(words, _seconds_until_reset(now), answer.error)
        case "refresh" | "reauthorize" as action:
            return Unauthorized(action, words, answer.error)
        case kind:
            return Refused(answer.error, words, kind, whole_call=meaning.about == "row" and not alone)


def _seconds_until_reset(now: datetime) -> float:
    """Until midnight in Singapore, when the app's daily count of calls begins anew."""
    there = now.astimezone(timezone(timedelta(hours=8)))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - there).total_seconds()


def _meaning(error: str, message: str) -> Meaning:
    by_code = CODES.get(error)
    if by_code is not None and error not in OVERLOADED:
        return by_code
    by_words = next((meaning for pattern, meaning in WORDS if pattern.search(message)), None)
    # A new code is a refusal of what was sent: final, with Shopee's words, and found by halving among others.
    return by_words or by_code or Meaning("bad_request")


OVERLOADED = frozenset({"error_auth", "error_param", "error_inner", "error_server", "error_busi", "error_data"})
"""Codes that stand for many things: their words are looked at first, and the code only where those say nothing."""

_CREDENTIALS = "check `partner_id` and `partner_key` in the settings"
_APP = "see the app in Shopee's Open Platform console"
_CLOCK = "set the clock of this machine"
_OURS = "please report this as a fault of pushdsl-shopee"
_PROMOTION = "end the promotion or wait for it"
_RESERVE = "a promotion reserves more than this"
_MODELS = "the item's models have changed, take their ids from Shopee again"
_OF_SHOPEE = "Shopee or another system keeps this stock"
_EVERY_LOCATION = "name each warehouse of the shop as a `location` of the store, by Shopee's location_id"
_NO_LOCATION = "write no `location` for this store"
_DAYS = "set the listing's `preorder_days_min` and `preorder_days_max` to the range of its category"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


WORDS: Sequence[tuple[re.Pattern[str], Meaning]] = (
    (_words(r"stock (must be more|should be larger|less) than reserved? stock"), Meaning("locked", "row", _RESERVE)),
    (_words(r"normal stock must be equal to 0"), Meaning("blocked", "call", _OF_SHOPEE)),
    (_words(r"warehouse shop can't update stock"), Meaning("blocked", "call", _OF_SHOPEE)),
    (_words(r"daily API call limit"), Meaning("tomorrow", "call")),
    (_words(r"(try|try again) later|too many requests|interal error|internal error"), Meaning("temporary", "call")),
    (_words(r"parse data failed"), Meaning("temporary", "call")),
    (_words(r"invalid access_token"), Meaning("refresh", "call")),
    (_words(r"invalid refresh_token|invalid partner_id or shop_?id|has no linked"), Meaning("reauthorize", "call")),
    (_words(r"^invalid code|code is expired or used or invalid"), Meaning("reauthorize", "call")),
    (_words(r"wrong sign"), Meaning("bad_request", "call", _CREDENTIALS)),
    (_words(r"timestamp is expired"), Meaning("bad_request", "call", _CLOCK)),
    (_words(r"repeat model_id|model level dts"), Meaning("bad_request", "call", _OURS)),
    (_words(r"no permission to current api|app is deleted|have been restricted"), Meaning("bad_request", "call", _APP)),
    (_words(r"partner_id is invalid|invalid partner_id"), Meaning("bad_request", "call", _CREDENTIALS)),
    (_words(r"item not belong to shop|item_id is not found|product not found"), Meaning("not_found", "call")),
    (_words(r"cnsc shop not upgraded"), Meaning("blocked", "call", _OF_SHOPEE)),
    (_words(r"wrong model_id|model id not exist|item or model doesn't exist"), Meaning("not_found")),
    (_words(r"item_id and model_id are not matched"), Meaning("not_found")),
    (_words(r"shop status doesn't match|status can not support editing"), Meaning("blocked", "call")),
    (_words(r"(item/model|item) is (under )?promotion"), Meaning("locked", "row", _PROMOTION)),
    (_words(r"right to use seller location_id"), Meaning("bad_request", "call", _NO_LOCATION)),
    (_words(r"lack of location_id|location_id input is not matched"), Meaning("bad_request", "row", _EVERY_LOCATION)),
    (_words(r"invalid stock location id"), Meaning("bad_request", "row", _EVERY_LOCATION)),
    (_words(r"multi warehouse, please input location id"), Meaning("bad_request", "call", _EVERY_LOCATION)),
    (_words(r"different stock structure"), Meaning("bad_request", "row", f"{_EVERY_LOCATION}, or {_NO_LOCATION}")),
    (_words(r"stock\b.*(exceed|bigger|limit|out of range|negative)"), Meaning("out_of_range")),
    (_words(r"^update item failed"), Meaning("bad_request")),
)
"""Shopee's words, in the order in which they are looked for."""

CODES: Mapping[str, Meaning] = {
    # worth another try
    "error_network": Meaning("temporary", "call"),
    "error_inner": Meaning("temporary", "call"),
    "error_system_busy": Meaning("temporary", "call"),
    "error_server": Meaning("temporary", "call"),
    "error_get_shop_fail": Meaning("temporary", "call"),
    "error_rate_limit": Meaning("temporary", "call"),
    "error_limit": Meaning("tomorrow", "call"),
    # the token; the first is Shopee's own spelling
    "invalid_acceess_token": Meaning("refresh", "call"),
    "invalid_access_token": Meaning("refresh", "call"),
    "refresh_token_expired": Meaning("reauthorize", "call"),
    "shop_access_expired": Meaning("reauthorize", "call"),
    "shop_no_linked": Meaning("reauthorize", "call"),
    "partner_shop_no_link": Meaning("reauthorize", "call"),
    "error_shop_refresh_token": Meaning("reauthorize", "call"),
    "invalid_code": Meaning("reauthorize", "call"),
    "invalid_shop_id": Meaning("reauthorize", "call"),
    "invalid_main_acount_id": Meaning("reauthorize", "call"),
    "invalid_main_account_id": Meaning("reauthorize", "call"),
    # the app and its settings
    "error_sign": Meaning("bad_request", "call", _CREDENTIALS),
    "invalid_partner_id": Meaning("bad_request", "call", _CREDENTIALS),
    "error_partner_key_expired": Meaning("bad_request", "call", "reset the partner key in Shopee's console"),
    "error_auth": Meaning("bad_request", "call"),
    "error_shop": Meaning("bad_request", "call", "check `shop_id` in the settings"),
    "error_api_permission": Meaning("bad_request", "call", _APP),
    "error_api_call_restricted": Meaning("bad_request", "call", _APP),
    "error_perm_non_admin": Meaning("bad_request", "call", _APP),
    "source_ip_undeclared": Meaning("bad_request", "call", _APP),
    "api_suspended": Meaning("bad_request", "call", _OURS),
    # the listing is not there, or not in this shape
    "error_item_not_found": Meaning("not_found", "call"),
    "error_item_not_belong_shop": Meaning("not_found", "call"),
    "error_item_or_variation_not_found": Meaning("not_found"),
    "error_edit_item_stock_for_item_has_model": Meaning("bad_request", "row", _MODELS),
    "error_in_item_promotion_nomodel_to_models": Meaning("bad_request", "row", _MODELS),
    # the listing or the shop takes no stock from us
    "error_item_uneditable": Meaning("blocked", "call"),
    "error_busi_item_status_invalid": Meaning("blocked", "call"),
    "error_wms_shop_block_upate_stock": Meaning("blocked", "call", _OF_SHOPEE),
    "error_busi_cannot_edit_vsku": Meaning("blocked", "call", _OF_SHOPEE),
    "error_auth_product_is_pff": Meaning("blocked", "call", _OF_SHOPEE),
    "error_ashop_api_permission": Meaning("blocked", "call", _OF_SHOPEE),
    "shop_banned": Meaning("blocked", "call"),
    "error_seller_under_penalty": Meaning("blocked", "call"),
    "error_kyc_auth": Meaning("blocked", "call"),
    "error_holiday_mode_change_stock": Meaning("blocked", "call"),
    "error_busi_invalid_shop_status": Meaning("blocked", "call"),
    # promotions
    "error_cannt_edit_stock_in_promotion": Meaning("locked", "row", _PROMOTION),
    "error_promotion_cantnot_update_stock": Meaning("locked", "row", _PROMOTION),
    "error_model_update_stock_model_in_promotion": Meaning("locked", "row", _PROMOTION),
    "error_cannt_edit_pre_order_in_promotion": Meaning("locked", "call", _PROMOTION),
    "error_cannt_edit_estimated_days_in_promotion": Meaning("locked", "call", _PROMOTION),
    "error_flash_sale_days_to_ship_lock": Meaning("locked", "call", _PROMOTION),
    # quantities and days
    "error_stock_bigger_then_limit": Meaning("out_of_range"),
    "error_stock_less_then_min_limit": Meaning("out_of_range"),
    "error_stock_limit_no_pass": Meaning("out_of_range"),
    "error_invalid_days_to_ship": Meaning("bad_request", "call", _DAYS),
    "error_param_dts_exceeds_max_limit": Meaning("bad_request", "call", _DAYS),
    "error_estimated_days_limit": Meaning("bad_request", "call", _DAYS),
    "error_category_dts": Meaning("bad_request", "call", _DAYS),
    "error_param_category_not_support_pre_order": Meaning("bad_request", "call", "its category has no pre-order"),
}
"""Codes whose words say nothing of their own, without the module before the dot."""
