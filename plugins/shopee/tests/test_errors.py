"""What each answer of Shopee means; the rows are those of its own lists of errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pushdsl.plugins import Refused, Temporary, Unauthorized
from pushdsl_shopee.errors import row_trouble, trouble
from pushdsl_shopee.wire import Answer


@pytest.fixture
def means(now: datetime) -> Callable[..., Any]:
    def trouble_of(error: str, message: str = "", alone: bool = True) -> object:
        return trouble(Answer(error, message, {}), lambda: now, alone=alone)

    return trouble_of


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("error_network", "Inner http call failed"),
        ("error_inner", "Our system is taking some time to respond, please try later."),
        ("error_inner", "System error, please try again later or contact the OpenAPI support team."),
        ("error_inner", ""),
        ("error_system_busy", "Our system is taking some time to respond, please try later."),
        ("error_server", "Something wrong. Please try later."),
        ("error_server", "Interal error, please contact openapi team."),
        ("error_data", "parse data failed"),
        ("error_rate_limit", "Too many requests. You have reached the rate limit. Please try again later."),
        ("error_auth", "System error, please try again later."),
        ("error_auth", "Please wait for the holiday mode set then to edit item. Please try later."),
        ("error_get_shop_fail", "Get shop failed. please try later."),
    ],
)
def test_a_passing_failure_is_temporary(means: Callable[..., Any], error: str, message: str) -> None:
    assert Temporary(message or error, None, error) == means(error, message, alone=False)


@pytest.mark.parametrize(
    ("now_utc", "seconds"),
    [
        (datetime(2026, 1, 5, 12, 0, tzinfo=UTC), 4 * 3600),
        (datetime(2026, 1, 5, 15, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 1, 5, 16, 0, tzinfo=UTC), 24 * 3600),
    ],
)
def test_the_daily_limit_lasts_until_midnight_in_singapore(now_utc: datetime, seconds: int) -> None:
    message = "The total API call number made by your APP has reached the daily API call limit, please try again after"

    for words in (message, f"{message} 00: 00 (UTC+08:00)", "Please try again later.", ""):
        outcome = trouble(Answer("error_limit", words, {}), lambda: now_utc)
        assert Temporary(words or "error_limit", seconds, "error_limit") == outcome


@pytest.mark.parametrize(
    ("error", "message", "kind"),
    [
        ("shop_banned", "The shop account has been banned. Please try again later.", "blocked"),
        ("error_item_not_found", "System error, please try again later.", "not_found"),
        ("error_cannt_edit_stock_in_promotion", "Stock limit: item is under promotion.", "locked"),
    ],
)
def test_a_code_that_means_one_thing_goes_before_its_words(
    means: Callable[..., Any], error: str, message: str, kind: str
) -> None:
    assert kind == means(error, message).kind


@pytest.mark.parametrize(
    "error", ["error_auth", "error_param", "error_inner", "error_server", "error_busi", "error_data"]
)
def test_the_words_of_a_code_that_means_many_things_go_before_it(means: Callable[..., Any], error: str) -> None:
    assert means(error, "Item not belong to shop.").kind == "not_found"
    assert means(error, "Stock should be larger than reserved stock.").kind == "locked"
    assert isinstance(means(error, "Invalid access_token."), Unauthorized)
    assert isinstance(means(error, "System error, please try again later."), Temporary)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("invalid_acceess_token", "Invalid access_token, please have a check."),
        ("invalid_access_token", ""),
        ("error_auth", "Invalid access_token."),
    ],
)
def test_an_expired_token_asks_for_a_refresh(means: Callable[..., Any], error: str, message: str) -> None:
    assert Unauthorized("refresh", message or error, error) == means(error, message)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("refresh_token_expired", ""),
        ("shop_access_expired", ""),
        ("shop_no_linked", "Partner and shop has no linked."),
        ("partner_shop_no_link", "Invalid partner_id or shop_id, please have a check."),
        ("error_auth", "Invalid partner_id or shopid."),
        ("error_auth", "Invalid refresh_token."),
        ("error_shop_refresh_token", ""),
        ("error_auth", "Invalid code"),
        ("invalid_code", "The code is expired or used or invalid, please check the code."),
        ("invalid_shop_id", "The code or shop_id is wrong, please check the code or the shop_id."),
        ("invalid_main_acount_id", "The code or main_accoount_id is wrong, please check the code or the"),
    ],
)
def test_a_lost_consent_asks_for_a_new_one(means: Callable[..., Any], error: str, message: str) -> None:
    assert Unauthorized("reauthorize", message or error, error) == means(error, message)


_FULL_FBS, _NO_STOCK = "The current item belong to the full FBS", "so normal stock must be equal to 0"

REFUSALS = [
    ("bad_request", "call", "error_sign", "Wrong sign."),
    ("bad_request", "call", "error_param", "Timestamp is expired."),
    ("bad_request", "call", "error_param", "Repeat model_id."),
    ("bad_request", "call", "invalid_partner_id", "Invalid partner_id, please have a check."),
    ("bad_request", "call", "error_partner_key_expired", "Your API partner key has expired, please reset"),
    ("bad_request", "call", "error_api_permission", "This app type has no permission to this API."),
    ("bad_request", "call", "error_api_call_restricted", "The App permission for api call have been restricted."),
    ("bad_request", "call", "api_suspended", "The API is offline. Please call v2 API instead."),
    ("bad_request", "call", "source_ip_undeclared", "Request Source IP (1.2.3.4) is undeclared."),
    ("bad_request", "call", "error_perm_non_admin", "Don't have permission."),
    ("bad_request", "call", "error_auth", "No permission to current api."),
    ("not_found", "call", "error_item_not_found", "Item_id is not found."),
    ("not_found", "call", "error_item_not_found", "Product not found"),
    ("not_found", "call", "error_item_not_belong_shop", "Item not belong to shop."),
    ("not_found", "row", "error_param", "Wrong model_id."),
    ("not_found", "row", "error_param", "Input item_id and model_id are not matched"),
    ("bad_request", "row", "error_edit_item_stock_for_item_has_model", "Can't to edit item stock directly while item"),
    ("bad_request", "row", "error_in_item_promotion_nomodel_to_models", "Can't to edit item stock directly while item"),
    ("blocked", "call", "error_item_uneditable", "Can't edit this item. item status can not support editing."),
    ("blocked", "call", "error_auth", "Shop status doesn't match"),
    ("blocked", "call", "error_wms_shop_block_upate_stock", "Warehouse shop can't update stock."),
    ("blocked", "call", "error_server", f"{_FULL_FBS} shop, {_NO_STOCK}"),
    ("blocked", "call", "error_auth", f"{_FULL_FBS} or B2C shop, {_NO_STOCK}"),
    ("blocked", "call", "error_auth", "cnsc shop not upgraded, can not edit item."),
    ("blocked", "call", "error_busi_cannot_edit_vsku", "Can not use OpenAPI to edit/create VSKU"),
    ("blocked", "call", "error_auth_product_is_pff", ""),
    ("blocked", "call", "error_ashop_api_permission", "The shop is Affiliate shop has no permission to call this API."),
    ("blocked", "call", "shop_banned", "The shop account has been banned."),
    ("blocked", "call", "error_seller_under_penalty", "The shop is under penalty."),
    ("blocked", "call", "error_kyc_auth", "No permission. Please inform the seller to complete the Seller"),
    ("blocked", "call", "error_holiday_mode_change_stock", "Cannot change stock in holiday mode."),
    ("bad_request", "row", "error_auth", "Lack of location_id, please double check."),
    ("bad_request", "row", "error_auth", "The location_id input is not matched the shop's location_id(more/wrong)."),
    ("bad_request", "call", "error_auth", "You do not have right to use seller location_id, please only fill"),
    ("bad_request", "row", "error_inner", "Invalid stock location ID"),
    ("bad_request", "call", "error_busi", "The merchant/shop has multi warehouse, please input location id"),
    ("bad_request", "row", "error_param", "Can not update item with different stock structure. Can only update seller"),
    ("locked", "row", "error_auth", "Total stock must be more than reserved stock."),
    ("locked", "row", "error_auth", "Stock should be larger than reserved stock."),
    ("locked", "row", "error_param", "Can not update item with stock less than reserved stock"),
    ("locked", "row", "error_param", "Can not update item with stock less than reserve stock"),
    ("locked", "row", "error_cannt_edit_stock_in_promotion", "Normal_stock cannot be edited when item is under"),
    ("locked", "row", "error_promotion_cantnot_update_stock", "Cannot change stock when item is under promotion."),
    ("locked", "row", "error_model_update_stock_model_in_promotion", "Model stock cannot be editted"),
    ("out_of_range", "row", "error_stock_bigger_then_limit", ""),
    ("out_of_range", "row", "error_stock_less_then_min_limit", ""),
    ("out_of_range", "row", "error_stock_limit_no_pass", ""),
    ("bad_request", "call", "error_invalid_days_to_ship", "Invalid days_to_ship."),
    ("bad_request", "call", "error_param_dts_exceeds_max_limit", "Days_to_ship exceeds max limit"),
    ("bad_request", "call", "error_category_dts", "The current day_to_ship is bigger than category's max"),
    ("bad_request", "call", "error_param_category_not_support_pre_order", "Category does not support pre-order."),
    ("bad_request", "call", "error_auth", "Your shop can not use model level dts"),
    ("locked", "call", "error_cannt_edit_pre_order_in_promotion", "Item cannot be changed to pre-order when item is"),
    ("locked", "call", "error_cannt_edit_estimated_days_in_promotion", "Item's estimated days cannot be changed"),
    ("bad_request", "row", "error_busi_update_stock_failed", "Update stock failed, please check failure_list"),
    ("locked", "call", "error_flash_sale_days_to_ship_lock", "Days_to ship cannot be changed when item is under"),
    ("bad_request", "row", "error_inner", "Update item failed for a reason"),
    ("bad_request", "row", "error_of_next_year", "something new"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "about", "error", "message"), REFUSALS)
def test_a_refusal_has_its_kind_and_halves_the_call_only_where_a_row_is_at_fault(
    means: Callable[..., Any], kind: str, about: str, error: str, message: str
) -> None:
    alone, among_others = means(error, message), means(error, message, alone=False)

    assert isinstance(alone, Refused)
    assert (error, kind, False) == (alone.code, alone.kind, alone.whole_call)
    assert alone.message.startswith(message or error)
    assert (about == "row") == among_others.whole_call


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("model ID not exist in sku", "not_found"),
        ("Total stock must be more than reserved stock.", "locked"),
        ("Input item_id and model_id are not matched", "not_found"),
        ("Can not update item with stock less than reserve stock", "locked"),
        ("Model stock cannot be editted when item/model is promotion.", "locked"),
        ("Lack of location_id, please double check.", "bad_request"),
        ("error_item_uneditable", "blocked"),
        ("a reason that nobody has seen", "bad_request"),
        ("", "bad_request"),
    ],
)
def test_a_row_is_refused_for_its_own_reason(now: datetime, reason: str, kind: str) -> None:
    refused = row_trouble(reason, lambda: now)

    assert isinstance(refused, Refused)
    assert (kind, False) == (refused.kind, refused.whole_call)


def test_a_row_that_may_pass_is_temporary(now: datetime) -> None:
    words = "System error, please try again later."

    assert Temporary(words) == row_trouble(words, lambda: now)
