"""Which warehouses a seller has, as Lazada lists them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pushdsl.plugins import Connection, ListingRef, Location, ShopLocation, Store, Temporary, Unauthorized, Unknown
from pushdsl_lazada.platform import Lazada
from pushdsl_lazada.sandbox import LazadaSandbox

STORE = Store("lazada_my", "lazada", "main", region="MY")
CHOICE = replace(STORE, choice=True)
TWO = replace(STORE, locations=(Location("dropshipping", ("kl",)), Location("MY10RV7-WH-10002", ("penang",))))
LISTINGS = [ListingRef("SKU-1", "100", "1")]


def warehouse(code: str, name: str = "", status: str = "ACTIVE") -> dict[str, object]:
    return {"code": code, "name": name, "detailAddress": "somewhere", "defaultAddress": False, "status": status}


def answer(*module: object, **more: object) -> dict[str, object]:
    return {"code": "0", "result": {"success": True, "module": list(module), "error_code": {}, **more}}


@pytest.fixture
def listed(scripted: Any, reply: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    def ask(*bodies: object, store: Store = STORE) -> object:
        async def talk(connection: Connection) -> object:
            return await Lazada().locations(connection)

        return scripted.run(talk, [reply(body) for body in bodies], store)

    return ask


def test_several_warehouses_are_listed_by_code_with_the_sellers_names(listed: Any) -> None:
    body = answer(warehouse("dropshipping", "MultiWH"), warehouse("MY10RV7-WH-10002", "ceshis ", "INACTIVE"))

    expected = [ShopLocation("dropshipping", "MultiWH"), ShopLocation("MY10RV7-WH-10002", "ceshis", active=False)]
    assert expected == listed(body)


@pytest.mark.parametrize("module", [[warehouse("dropshipping")], warehouse("dropshipping"), []])
def test_the_only_warehouse_has_no_name_to_write(listed: Any, module: object) -> None:
    assert listed(answer(module=module)) == []


def test_warehouses_are_asked_for_with_their_kind_of_address(listed: Any, scripted: Any) -> None:
    listed(answer())

    [(method, path, sent)] = scripted.requests
    assert (method, path) == ("GET", "/rest/seller/warehouse/get")
    assert sent["addressTypes"] == '["warehouse"]'


def test_a_choice_store_has_no_warehouses_of_its_own(listed: Any) -> None:
    assert listed(store=CHOICE) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": "IllegalAccessToken", "message": "The specified access token is invalid or expired"}, Unauthorized),
        ({"code": "SellerCallLimit", "message": "this ban will last 3 seconds"}, Temporary),
        ({"code": "501", "detail": [{"message": "SYSTEM_TIMEOUT"}]}, Unknown),
        (answer(success=False, error_code="F001"), Unknown),
        (answer({"name": "no code"}, warehouse("WH-02")), Unknown),
        (answer("dropshipping", "WH-02"), Unknown),
        ({"code": "0"}, Unknown),
        ({"code": "0", "result": {"success": True}}, Unknown),
        ("<html/>", Unknown),
    ],
)
def test_a_list_that_cannot_be_had_is_a_failure(listed: Any, body: object, kind: type) -> None:
    assert isinstance(listed(body), kind)


@pytest.mark.parametrize("store", [STORE, TWO])
def test_the_local_lazada_lists_the_warehouses_of_the_store(in_sandbox: Any, store: Store) -> None:
    async def talk(sandbox: LazadaSandbox, connection: Connection) -> object:
        sandbox.shop(store.name).inactive.add("MY10RV7-WH-10002")
        return await Lazada().locations(connection)

    expected = [
        ShopLocation("dropshipping", "Warehouse 1"),
        ShopLocation("MY10RV7-WH-10002", "Warehouse 2", active=False),
    ]
    assert (expected if store.locations else []) == in_sandbox.run(talk, store, LISTINGS)
