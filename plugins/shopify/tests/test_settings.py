"""What an account's settings may say, and what Shopify's limits are without any."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pushdsl.plugins import Location, Store
from pushdsl_shopify.platform import Shopify
from pushdsl_shopify.settings import ShopifyApp, ShopifySettings

GIVEN = {"shop": "demo", "client_id": "an-id", "client_secret": "a-client-secret", "access_token": "an-access-token"}


def given(**changed: object) -> ShopifySettings:
    return ShopifySettings.model_validate({**GIVEN, **changed})


@pytest.mark.parametrize(
    "shop", ["demo", "Demo", "demo.myshopify.com", "https://demo.myshopify.com/", "https://demo.myshopify.com"]
)
def test_a_shop_is_its_own_domain(shop: str) -> None:
    assert (given(shop=shop).shop, given(shop=shop).address) == ("demo.myshopify.com", "https://demo.myshopify.com")


def test_another_address_is_taken_as_it_stands() -> None:
    assert given(base_url="http://127.0.0.1:8801/demo/").address == "http://127.0.0.1:8801/demo"


def test_the_defaults_are_the_safe_ones() -> None:
    settings = given()

    assert (settings.version, settings.compare, settings.expiring) == ("2026-10", True, True)
    assert (settings.client_credentials, settings.refresh_token) == (False, None)
    assert given(refresh_token="").refresh_token is None


def test_settings_are_those_of_the_app_and_more() -> None:
    assert issubclass(ShopifySettings, ShopifyApp)
    assert set(ShopifyApp.model_fields) < set(ShopifySettings.model_fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shop": "shop.example.com"},
        {"shop": "demo.myshopify.com.evil.test"},
        {"shop": "evil.test/demo.myshopify.com"},
        {"shop": ""},
        {"shop": "-demo"},
        {"base_url": "ftp://demo"},
        {"base_url": "https://user@demo"},
        {"base_url": "https://demo/?a=1"},
        {"version": "2025-07"},
        {"version": "2026-05"},
        {"version": "unstable"},
        {"client_id": ""},
        {"client_secret": "two words"},
        {"access_token": "two\nlines"},
        {"access_token": ""},
        {"refresh_token": "a b"},
        {"reason": ""},
        {"token": "a"},
    ],
)
def test_a_wrong_setting_is_an_error_that_does_not_print_secrets(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as error:
        given(**wrong)

    assert "a-client-secret" not in str(error.value)
    assert "an-access-token" not in str(error.value)


def test_secrets_are_not_in_the_text_of_the_settings() -> None:
    assert not [word for word in ("a-client-secret", "an-access-token") if word in f"{given()!r} {given()}"]


def test_a_call_has_so_many_rows_whatever_the_locations() -> None:
    locations = tuple(Location(str(number), ("kl",)) for number in range(1, 4))
    plain, several = Store("s", "shopify", "s"), Store("s", "shopify", "s", locations=locations)
    many = Store("s", "shopify", "s", locations=locations * 90)

    sizes = [Shopify().capabilities(store).batch_size for store in (plain, several, many)]
    assert sizes == [250, 83, 1]
    assert (Shopify().capabilities(plain).max_quantity, Shopify().capabilities(plain).preorder) == (10**9, False)
