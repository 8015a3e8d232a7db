"""Settings of a shop, what they refuse, and what the platform says of itself without them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pushdsl.plugins import Store
from pushdsl_tiktok.platform import TikTok, Tokopedia
from pushdsl_tiktok.settings import TikTokApp, TikTokSettings, TokopediaApp, TokopediaSettings

GIVEN = {"app_key": "29a39d", "app_secret": "e59af819cc", "access_token": "ROW_access-token", "shop_cipher": "ROW_xyz"}


def test_the_address_is_tiktoks_unless_another_is_given() -> None:
    assert TikTokSettings.model_validate(GIVEN).base_url == "https://open-api.tiktokglobalshop.com"
    other = {**GIVEN, "base_url": "http://127.0.0.1:8080/"}
    assert TikTokSettings.model_validate(other).base_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "wrong",
    [
        {"app_key": ""},
        {"app_secret": ""},
        {"access_token": "ROW_access\r\nX-Injected: 1"},
        {"access_token": "ROW access token"},
        {"shop_cipher": ""},
        {"base_url": "open-api.tiktokglobalshop.com"},
        {"base_url": "https://open-api.tiktokglobalshop.com?a=1"},
        {"app_secret": "two words"},
        {"refresh_token": ""},
        {"region": "Malaysia"},
        {"region": "my"},
        {"tokopedia": "perhaps"},
        {"tokopedia": True, "region": "MY"},
        {"auth_url": "https://user@auth.tiktok-shops.com"},
        {"consent_url": "eu"},
        {"listing_platforms": ["TOKOPEDIA"]},
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as error:
        TikTokSettings.model_validate({**GIVEN, **wrong})

    assert not [secret for secret in (*GIVEN.values(), "Injected") if secret in str(error.value)]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "https://services.tiktokshop.com"),
        ({"consent_url": "world"}, "https://services.tiktokshop.com"),
        ({"consent_url": "us"}, "https://services.us.tiktokshop.com"),
        ({"consent_url": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080"),
    ],
)
def test_sellers_of_the_united_states_agree_elsewhere(given: dict[str, str], address: str) -> None:
    settings = TikTokSettings.model_validate({**GIVEN, **given})

    assert (settings.consent_url, settings.auth_url) == (address, "https://auth.tiktok-shops.com")


@pytest.mark.parametrize("model", [TikTokApp, TokopediaApp])
def test_an_app_needs_its_service_id_to_ask_a_seller(model: type[TikTokApp]) -> None:
    given = {"app_key": "29a39d", "app_secret": "e59af819cc"}

    with pytest.raises(ValidationError, match="service_id"):
        model.model_validate(given)
    assert model.model_validate({**given, "service_id": 7172122430166336261}).service_id == "7172122430166336261"


@pytest.mark.parametrize(
    ("model", "given", "region"),
    [
        (TikTokSettings, {}, ""),
        (TikTokSettings, {"region": "MY"}, "MY"),
        (TikTokSettings, {"tokopedia": True}, "ID"),
        (TikTokSettings, {"tokopedia": True, "region": "ID"}, "ID"),
        (TokopediaSettings, {}, "ID"),
    ],
)
def test_a_shop_on_tokopedia_is_indonesian(model: type[TikTokSettings], given: dict[str, object], region: str) -> None:
    assert region == model.model_validate({**GIVEN, **given}).wanted_region


def test_a_tokopedia_store_is_not_taken_off_tokopedia() -> None:
    for wrong in ({"tokopedia": False}, {"region": "MY"}):
        with pytest.raises(ValidationError):
            TokopediaSettings.model_validate({**GIVEN, **wrong})


def test_settings_are_those_of_the_app_and_more() -> None:
    for platform in (TikTok(), Tokopedia()):
        assert platform.authorization is not None
        assert issubclass(platform.settings, platform.authorization.app)
        assert isinstance(platform.settings.model_validate(GIVEN), TikTokSettings)


def test_a_secret_is_not_printed() -> None:
    settings = TikTokSettings.model_validate(GIVEN)

    assert not [
        s for s in ("e59af819cc", "ROW_access-token") if s in f"{settings!r} {settings} {settings.model_dump()}"
    ]


@pytest.mark.parametrize("platform", [TikTok(), Tokopedia()], ids=lambda platform: platform.name)
@pytest.mark.parametrize("region", ["", "US", "GB", "MY", "ID", "JP", "MX"])
def test_the_limits_of_a_store_are_the_same_in_every_region(platform: TikTok, region: str) -> None:
    limits = platform.capabilities(Store("shop", platform.name, "main", region=region))

    assert (
        limits.max_quantity,
        limits.locations,
        limits.batch_size,
        limits.batch_by,
    ) == (999_999, True, 100, "item")
    assert (
        limits.preorder,
        limits.counts_reserved,
        limits.increase_only,
        limits.unbinds_on_not_found,
    ) == (False, False, False, True)
    assert (limits.requests_scope, limits.requests_per_second < 50) == ("store", True)


def test_loading_the_platform_loads_no_http_client() -> None:
    program = "import sys, pushdsl_tiktok as t; t.pushdsl_platforms(); sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_both_platforms_are_handed_over_by_one_hook() -> None:
    from pushdsl_tiktok import pushdsl_platforms

    assert [platform.name for platform in pushdsl_platforms()] == ["tiktok", "tokopedia"]
