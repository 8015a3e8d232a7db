"""Settings of a shop, what they refuse, and what the platform says of itself without them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pushdsl.plugins import Store
from pushdsl_tiktok.platform import TikTok
from pushdsl_tiktok.settings import TikTokSettings

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
        {"tokopedia": "yes"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as error:
        TikTokSettings.model_validate({**GIVEN, **wrong})

    assert not [secret for secret in (*GIVEN.values(), "Injected") if secret in str(error.value)]


def test_a_secret_is_not_printed() -> None:
    settings = TikTokSettings.model_validate(GIVEN)

    assert not [
        s for s in ("e59af819cc", "ROW_access-token") if s in f"{settings!r} {settings} {settings.model_dump()}"
    ]


def test_the_limits_of_a_store() -> None:
    limits = TikTok().capabilities(Store("tiktok_my", "tiktok", "main"))

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
