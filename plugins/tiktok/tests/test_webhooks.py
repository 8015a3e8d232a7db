"""Messages of TikTok: believed only with the right signature over their raw bytes."""

from __future__ import annotations

import json

import pytest

from pushdsl.plugins import Event, ListingRef, WebhookRequest
from pushdsl_tiktok.platform import TikTok
from pushdsl_tiktok.settings import TikTokSettings
from pushdsl_tiktok.signing import webhook_signature

SETTINGS = TikTokSettings.model_validate(
    {"app_key": "29a39d", "app_secret": "e59af819cc", "access_token": "ROW_access", "shop_cipher": "ROW_xyz"}
)
PUBLISHED = "72be2b2d87ad7ba394f304cbc5b2c2b9a8982dc91867ec4174f9703b53e41f49"


def verified(body: bytes, sign: str | None = None, header: str = "Authorization") -> object:
    sign = webhook_signature("e59af819cc", "29a39d", body) if sign is None else sign
    request = WebhookRequest("https://push.example.test/tiktok", {header: sign}, body)
    return TikTok().verify_webhook(SETTINGS, request)


def message(number: int, **content: object) -> bytes:
    return json.dumps({"type": number, "tts_notification_id": "73271", "shop_id": "7", "data": content}).encode()


@pytest.mark.parametrize("header", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_published_signature_is_believed(header: str) -> None:
    [event] = verified(b'{"type":1}', PUBLISHED, header)  # type: ignore[misc]

    assert event.kind == "order_status"


@pytest.mark.parametrize(
    "sign", ["", "0" * 64, PUBLISHED.upper(), PUBLISHED[:-1], f"{PUBLISHED} ", "é" * 64, "\ud800" * 64]
)
def test_any_other_signature_is_not(sign: str) -> None:
    assert verified(b'{"type":1}', sign) is None


@pytest.mark.parametrize("body", [b'{"type": 1}', b'{"type":2}', b'{"type":1}\n', b""])
def test_a_signature_of_another_body_is_not(body: bytes) -> None:
    assert verified(body, PUBLISHED) is None


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1, "order_status"),
        (3, "recipient_address"),
        (4, "package"),
        (5, "product_status"),
        (6, "deauthorized"),
        (7, "authorization_ends_soon"),
        (11, "cancellation"),
        (12, "return"),
        (15, "product_information"),
        (16, "product_created"),
        (18, "product_category"),
        (24, "platform_inventory"),
        (27, "inventory_status"),
        (35, "tokopedia_mirror"),
        (37, "product_audit"),
        (39, "activity"),
        (50, "sku_status"),
        (63, "activity"),
        (71, "inventory_changed"),
        (999, "tiktok_999"),
    ],
)
def test_a_message_is_an_event_of_its_kind(number: int, kind: str) -> None:
    assert (Event("73271", kind),) == verified(message(number, order_id="5"))


def test_a_stock_change_names_its_listing() -> None:
    changed = message(71, product_id="1729", sku_id="31", quantity_snapshot_after_change={"total_quantity": 4})

    assert (Event("73271", "inventory_changed", (ListingRef("", "1729", "31"),)),) == verified(changed)


def test_ids_may_be_numbers_and_a_change_of_stock_has_an_id_of_its_own() -> None:
    content = {"event_id": "E-1", "product_id": 1729382561353664372, "sku_id": 31}

    [event] = verified(message(71, **content))  # type: ignore[misc]
    assert (event.id, event.listings) == ("E-1", (ListingRef("", "1729382561353664372", "31"),))


@pytest.mark.parametrize(
    "content", [{"product_id": None}, {"product_id": True}, {"product_id": ["1"]}, {"sku_id": "3"}]
)
def test_a_message_without_a_product_names_no_listing(content: dict[str, object]) -> None:
    assert verified(message(71, **content)) == (Event("73271", "inventory_changed"),)


@pytest.mark.parametrize(("shop_id", "events"), [("", 1), ("7", 1), ("8", 0)])
def test_a_message_about_another_shop_of_the_app_is_passed_over(shop_id: str, events: int) -> None:
    settings = SETTINGS.model_copy(update={"shop_id": shop_id})
    body = message(1, order_id="5")
    headers = {"Authorization": webhook_signature("e59af819cc", "29a39d", body)}

    found = TikTok().verify_webhook(settings, WebhookRequest("https://push.example.test/tiktok", headers, body))
    assert found is not None
    assert events == len(found)


def test_a_redelivery_of_a_message_without_an_id_is_the_same_event() -> None:
    first, again, other = (verified(body) for body in (b'{"type":1}', b'{"type":1}', b'{"type":1 }'))

    assert first == again
    assert first != other


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b"[" * 100_000])
def test_a_signed_body_that_is_no_message_has_no_events(body: bytes) -> None:
    assert verified(body) == ()
