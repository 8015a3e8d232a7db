"""Where calls go, what the settings take, and what a store can bear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pushdsl.plugins import Location, Refused, Store
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.settings import LazadaApp, LazadaSettings, base_url

STORE = Store("lazada_my", "lazada", "main", region="MY")
Settings = Callable[..., LazadaSettings]


@pytest.mark.parametrize(
    ("region", "host"),
    [("SG", "sg"), ("my", "com.my"), ("TH", "co.th"), ("VN", "vn"), ("PH", "com.ph"), ("ID", "co.id")],
)
def test_the_region_says_where_to_call(lazada_settings: Settings, region: str, host: str) -> None:
    assert f"https://api.lazada.{host}/rest" == base_url(lazada_settings(), replace(STORE, region=region))


def test_an_address_in_the_settings_goes_first(lazada_settings: Settings) -> None:
    assert base_url(lazada_settings("http://127.0.0.1:80/rest/"), STORE) == "http://127.0.0.1:80/rest"


def test_the_country_of_the_grant_says_where_to_call_for_a_store_without_a_region(lazada_settings: Settings) -> None:
    settings, nowhere = lazada_settings(country="vn"), replace(STORE, region="")

    assert base_url(settings, nowhere) == "https://api.lazada.vn/rest"
    assert base_url(settings, STORE) == "https://api.lazada.com.my/rest"


def test_an_empty_refresh_token_is_none(lazada_settings: Settings) -> None:
    given = {"app_key": "1", "app_secret": "s", "access_token": "t"}

    assert LazadaSettings.model_validate({**given, "refresh_token": ""}).refresh_token is None
    assert lazada_settings().refresh_token is None


def test_the_settings_are_those_of_the_app_and_more() -> None:
    assert issubclass(LazadaSettings, LazadaApp)
    assert {"app_key", "app_secret", "base_url", "auth_url"} == set(LazadaApp.model_fields)


@pytest.mark.parametrize("region", ["", "BR"])
def test_no_address_is_guessed(lazada_settings: Settings, region: str) -> None:
    refused = base_url(lazada_settings(), replace(STORE, region=region))

    assert isinstance(refused, Refused)
    assert "write one of SG, MY, TH, VN, PH, ID" in refused.message


@pytest.mark.parametrize("wrong", ["api.lazada.sg/rest", "https://api.lazada.sg/rest?a=b", "ftp://api.lazada.sg"])
def test_an_address_that_is_none_is_an_error(lazada_settings: Settings, wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"(?s)base_url.*an address starts with https://"):
        lazada_settings(wrong)


@pytest.mark.parametrize("wrong", ["", "two words", "line\n", "ümlaut"])
def test_a_secret_that_cannot_be_right_is_an_error_that_does_not_show_it(wrong: str) -> None:
    with pytest.raises(ValidationError) as error:
        LazadaSettings.model_validate({"app_key": "1", "app_secret": "s", "access_token": wrong})

    assert not wrong or wrong not in str(error.value)


def test_settings_show_no_secret(lazada_settings: Settings) -> None:
    assert "helloworld" not in repr(lazada_settings())


def test_an_ordinary_store_mixes_items_in_a_call() -> None:
    capabilities = Lazada().capabilities(STORE)

    assert (
        capabilities.batch_size,
        capabilities.batch_by,
        capabilities.requests_per_second,
        capabilities.increase_only,
    ) == (20, "call", 10.0, False)


def test_a_store_with_warehouses_writes_and_reads_one_item_at_half_the_pace() -> None:
    capabilities = Lazada().capabilities(replace(STORE, locations=(Location("dropshipping", ("kl",)),)))

    assert (
        capabilities.batch_by,
        capabilities.requests_per_second,
        capabilities.locations,
    ) == ("item", 5.0, True)


def test_a_choice_store_only_rises_and_has_no_warehouses() -> None:
    capabilities = Lazada().capabilities(replace(STORE, choice=True))

    assert (capabilities.batch_by, capabilities.increase_only, capabilities.locations) == ("item", True, False)
