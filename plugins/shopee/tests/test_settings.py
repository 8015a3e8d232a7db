"""What an account's settings may say, and what Shopee's limits are without any."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pushdsl.plugins import Store
from pushdsl_shopee.platform import Shopee
from pushdsl_shopee.settings import ShopeeSettings

GIVEN = {"partner_id": 2001887, "partner_key": "a-partner-key", "shop_id": 14701711, "access_token": "an-access-token"}


def base_url(**changed: object) -> str:
    return ShopeeSettings.model_validate({**GIVEN, **changed}).base_url


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("sg", "https://partner.shopeemobile.com"),
        ("cn", "https://openplatform.shopee.cn"),
        ("br", "https://openplatform.shopee.com.br"),
        ("test-sg", "https://openplatform.sandbox.test-stable.shopee.sg"),
        ("http://127.0.0.1:8801/", "http://127.0.0.1:8801"),
    ],
)
def test_the_host_is_a_name_or_an_address(written: str, address: str) -> None:
    assert address == base_url(base_url=written)


def test_the_live_host_is_the_default() -> None:
    assert base_url() == "https://partner.shopeemobile.com"


def test_numbers_from_the_environment_are_numbers() -> None:
    assert ShopeeSettings.model_validate({**GIVEN, "partner_id": "2001887"}).partner_id == 2001887


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "my"},
        {"base_url": "https://"},
        {"base_url": "https://user@host"},
        {"base_url": "https://host/?a=1"},
        {"partner_id": 2**32},
        {"shop_id": "main"},
        {"partner_key": ""},
        {"access_token": "two\nlines"},
        {"refresh_token": "a b"},
        {"merchant_id": 1},
    ],
)
def test_a_wrong_setting_is_an_error_that_does_not_print_secrets(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as error:
        ShopeeSettings.model_validate({**GIVEN, **wrong})

    assert "a-partner-key" not in str(error.value)
    assert "an-access-token" not in str(error.value)


def test_limits_of_a_store() -> None:
    limits = Shopee().capabilities(Store("shopee_my", "shopee", "main"))

    assert (limits.counts_reserved, limits.preorder, limits.locations, limits.unbinds_on_not_found) == (True,) * 4
    assert (limits.batch_size, limits.batch_by, limits.requests_scope) == (50, "item", "app")
    assert (limits.max_quantity, limits.preorder_days, limits.increase_only) == (10_000_000, None, False)
