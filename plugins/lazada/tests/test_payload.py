"""The XML says what the cells say, whatever characters a warehouse's code has."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from pushdsl.plugins import CellPush
from pushdsl_lazada.payload import is_writable, stock_payload


def test_skus_of_several_items_share_a_payload() -> None:
    cells = [CellPush("A", "11", "1", "", 7), CellPush("B", "12", "2", "", 0)]

    expected = (
        "<Request><Product><Skus>"
        "<Sku><ItemId>11</ItemId><SkuId>1</SkuId><SellableQuantity>7</SellableQuantity></Sku>"
        "<Sku><ItemId>12</ItemId><SkuId>2</SkuId><SellableQuantity>0</SellableQuantity></Sku>"
        "</Skus></Product></Request>"
    )
    assert expected == stock_payload(cells)


def test_warehouses_of_a_sku_stand_together_with_both_names_of_the_quantity() -> None:
    cells = [CellPush("A", "11", "1", "dropshipping", 7), CellPush("A", "11", "1", "WH-02", 3)]

    expected = (
        "<Request><Product><Skus><Sku><ItemId>11</ItemId><SkuId>1</SkuId><MultiWarehouseInventories>"
        "<MultiWarehouseInventory><WarehouseCode>dropshipping</WarehouseCode><Quantity>7</Quantity>"
        "<SellableQuantity>7</SellableQuantity></MultiWarehouseInventory>"
        "<MultiWarehouseInventory><WarehouseCode>WH-02</WarehouseCode><Quantity>3</Quantity>"
        "<SellableQuantity>3</SellableQuantity></MultiWarehouseInventory>"
        "</MultiWarehouseInventories></Sku></Skus></Product></Request>"
    )
    assert expected == stock_payload(cells)


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1).filter(is_writable))
def test_a_warehouse_code_arrives_as_it_was(code: str) -> None:
    payload = stock_payload([CellPush("A", "11", "1", code, 7)])

    arrived = ElementTree.fromstring(payload.encode()).findtext(".//WarehouseCode")
    assert code == arrived


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1))
def test_what_xml_cannot_write_is_known_before(code: str) -> None:
    try:
        ElementTree.fromstring(stock_payload([CellPush("A", "11", "1", code, 7)]).encode())
        read = True
    except (ElementTree.ParseError, UnicodeEncodeError):
        read = False

    # U+FFFE and U+FFFF are no XML characters, though this parser lets them pass.
    assert is_writable(code) in (read, read and not {"\ufffe", "\uffff"} & set(code))
