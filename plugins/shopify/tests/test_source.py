"""Facts from a Shopify shop: what becomes a row, what is left out, and the tables that are written."""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pushdsl.facts import read_facts as read_tables
from pushdsl.plugins import Connection, ListingRef, Location, Store
from pushdsl_shopify.sandbox import ShopifySandbox
from pushdsl_shopify.source import (
    ListingRow,
    Omitted,
    ShopFacts,
    SkuRow,
    SourceError,
    StockRow,
    main,
    read_facts,
    variants,
    write_tables,
)

STORE = Store("shopify_my", "shopify", "main", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
LISTINGS = [ListingRef(f"SKU-{number}", "1000", str(2000 + number)) for number in (1, 2, 3)]
PLACES = {"1001": "kl", "gid://shopify/Location/1002": "jb"}


def facts(in_sandbox: Any, change: Any, places: dict[str, str] = PLACES, store: str = "") -> ShopFacts:
    async def talk(sandbox: ShopifySandbox, connection: Connection) -> ShopFacts:
        change(sandbox)
        return await read_facts(connection, places, store)

    found: ShopFacts = in_sandbox.run(talk, STORE, LISTINGS)
    return found


def nothing(sandbox: ShopifySandbox) -> None:
    return None


def test_each_sku_has_a_row_at_each_warehouse_and_one_that_describes_it(in_sandbox: Any) -> None:
    found = facts(in_sandbox, lambda sandbox: setattr(sandbox.shop(STORE.name).variants[0], "tags", ("new", "a|b")))

    assert [(row.warehouse, row.sku) for row in found.stock] == [
        (place, f"SKU-{number}") for number in (1, 2, 3) for place in ("kl", "jb")
    ]
    assert found.stock[0] == StockRow("kl", "SKU-1", 5, 0, tracked=True, sell_when_out=False)
    assert found.skus[0] == SkuRow("SKU-1", "Product 1000 - Default Title", "Samples", "Sandbox", ("new",))
    assert found.listings[0] == ListingRow("", "SKU-1", "1000", "2001", "SKU-1", "active")


def test_what_shopify_holds_back_is_allocated(in_sandbox: Any) -> None:
    def sell(sandbox: ShopifySandbox) -> None:
        level = sandbox.shop(STORE.name).variant("SKU-1").levels[1001]
        level.update(available=7, committed=3, reserved=2, safety_stock=4, damaged=1)
        oversold = sandbox.shop(STORE.name).variant("SKU-2").levels[1001]
        oversold.update(available=-3, committed=5)

    found = facts(in_sandbox, sell)
    by_key = {(row.sku, row.warehouse): (row.on_hand, row.allocated) for row in found.stock}
    assert by_key["SKU-1", "kl"] == (17, 10)
    assert by_key["SKU-2", "kl"] == (2, 5)  # available is −3


def test_untracked_stock_and_selling_on_are_told(in_sandbox: Any) -> None:
    def change(sandbox: ShopifySandbox) -> None:
        shop = sandbox.shop(STORE.name)
        shop.variant("SKU-1").tracked = False
        shop.variant("SKU-2").policy = "CONTINUE"
        shop.variant("SKU-3").product_status = "DRAFT"

    found = facts(in_sandbox, change, store="shopify_my")
    at_kl = {row.sku: (row.tracked, row.sell_when_out) for row in found.stock if row.warehouse == "kl"}
    assert at_kl == {"SKU-1": (False, False), "SKU-2": (True, True), "SKU-3": (True, False)}
    assert [row.status for row in found.listings] == ["active", "active", "inactive"]
    assert {row.store for row in found.listings} == {"shopify_my"}


def test_where_an_item_is_not_stocked_there_is_no_row(in_sandbox: Any) -> None:
    found = facts(in_sandbox, lambda sandbox: sandbox.shop(STORE.name).variant("SKU-1").levels.pop(1002))

    assert [row.warehouse for row in found.stock if row.sku == "SKU-1"] == ["kl"]


def test_locations_that_are_not_named_are_left_out(in_sandbox: Any) -> None:
    assert {row.warehouse for row in facts(in_sandbox, nothing, {"1002": "jb"}).stock} == {"jb"}


def test_two_locations_of_one_warehouse_are_added_up(in_sandbox: Any) -> None:
    def sell(sandbox: ShopifySandbox) -> None:
        sandbox.shop(STORE.name).variant("SKU-1").levels[1002].update(available=1, committed=4)

    found = facts(in_sandbox, sell, {"1001": "kl", "1002": "kl"})
    assert [(row.warehouse, row.on_hand, row.allocated) for row in found.stock if row.sku == "SKU-1"] == [("kl", 10, 4)]


@pytest.mark.parametrize("missing", [None, ""])
def test_variants_without_a_sku_and_with_anothers_are_left_out_and_named(in_sandbox: Any, missing: str | None) -> None:
    def change(sandbox: ShopifySandbox) -> None:
        shop = sandbox.shop(STORE.name)
        shop.variants[0].sku = missing
        shop.add(ListingRef("SKU-3", "1000", "2009"), 1)

    found = facts(in_sandbox, change)
    assert {row.sku for row in found.stock} == {row.sku for row in found.skus} == {"SKU-2"}
    assert found.omitted == (
        Omitted("40000001", "", "the variant has no SKU"),
        Omitted("40000003", "SKU-3", "several variants have this SKU"),
        Omitted("40000004", "SKU-3", "several variants have this SKU"),
    )


def test_a_large_shop_is_read_by_pages_and_pauses_where_shopify_asks_for_them(in_sandbox: Any) -> None:
    """Two locations make 107 variants a page, and ten pages cost more points than there are at once."""
    many = [ListingRef(f"SKU-{number:04}", "1000", str(2000 + number)) for number in range(1000)]
    paused: list[float] = []

    async def talk(sandbox: ShopifySandbox, connection: Connection) -> object:
        async def pause(seconds: float) -> None:
            paused.append(seconds)
            await asyncio.sleep(seconds)

        found = [variant.sku async for variant in variants(connection, PLACES, wait=pause)]
        return found, sandbox.calls

    found, calls = in_sandbox.run(talk, STORE, many)
    assert found == [listing.store_sku for listing in many]
    assert paused
    assert all(seconds < 8 for seconds in paused)
    assert calls == 10 + len(paused)


@pytest.mark.parametrize("fault", ["server_error", "malformed"])
def test_a_lost_page_is_asked_for_again(in_sandbox: Any, fault: Any) -> None:
    found = facts(in_sandbox, lambda sandbox: sandbox.fail(fault, 2))

    assert len(found.skus) == 3


def test_it_gives_up_in_the_end(in_sandbox: Any) -> None:
    with pytest.raises(SourceError, match="HTTP 500"):
        facts(in_sandbox, lambda sandbox: sandbox.fail("server_error", 9))


def test_an_expired_token_is_told(in_sandbox: Any) -> None:
    with pytest.raises(SourceError, match="Invalid API key"):
        facts(in_sandbox, lambda sandbox: sandbox.expire_tokens(STORE.name))


VARIANT = {
    "id": "gid://shopify/ProductVariant/1",
    "sku": "SKU-1",
    "inventoryPolicy": "DENY",
    "inventoryItem": {"id": "gid://shopify/InventoryItem/2", "tracked": True, "l0": None},
}


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"nodes": [{}]},
        {"nodes": [{**VARIANT, "inventoryPolicy": None}]},
        {"nodes": [{**VARIANT, "inventoryItem": {**VARIANT["inventoryItem"], "tracked": None}}]},  # type: ignore[dict-item]
        {"nodes": [{**VARIANT, "inventoryItem": {**VARIANT["inventoryItem"], "l0": {"quantities": "?"}}}]},  # type: ignore[dict-item]
        {"nodes": [VARIANT], "pageInfo": {"hasNextPage": True, "endCursor": None}},
    ],
)
def test_what_cannot_be_read_makes_no_facts(scripted: Any, reply: Any, page: object) -> None:
    async def talk(connection: Connection) -> object:
        with pytest.raises(SourceError):
            await read_facts(connection, {"1001": "kl"})
        return None

    scripted.run(talk, [reply({"data": {"productVariants": page, "other": 1}})])


# The console


@dataclass(frozen=True)
class Running:
    """A shop on another thread, and a project whose settings lead to it."""

    sandbox: ShopifySandbox
    given: dict[str, object]
    folder: Path

    def settings(self, **changed: object) -> Path:
        lines = [
            f"{key} = {value if isinstance(value, bool) else repr(value)}"
            for key, value in {**self.given, **changed}.items()
        ]
        path = self.folder / "pushdsl.toml"
        path.write_text(
            "\n".join(["[accounts.main]", *lines, "[accounts.main.capabilities]", "batch_size = 5"]).replace(
                "True", "true"
            )
        )
        return path

    def run(self, *arguments: str, **changed: object) -> int:
        return main(
            ["--settings", str(self.settings(**changed)), "--account", "main", "--out", str(self.out), *arguments]
        )

    @property
    def out(self) -> Path:
        return self.folder / "facts"

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.out / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    loop, sandbox = asyncio.new_event_loop(), ShopifySandbox()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(10)
    yield Running(sandbox, sandbox.open_shop(STORE, LISTINGS, 5), tmp_path)
    asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def test_the_command_writes_tables_that_pushdsl_reads(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert running.run("--warehouse", "1001=kl", "--warehouse", "1002=jb", "--store", "shopify_my") == 0
    assert capsys.readouterr().out == "stock.csv: 6 rows\nskus.csv: 3 rows\nlistings.csv: 3 rows\n"
    assert running.table("stock")[0] == {
        "warehouse": "kl", "sku": "SKU-1", "on_hand": "5", "allocated": "0",
        "tracked": "true", "sell_when_out": "false",
    }  # fmt: skip
    assert running.table("listings")[0]["variant_id"] == "2001"
    read, problems = read_tables(running.out)
    assert (problems, list(read.listings.variant_id)) == ((), ["2001", "2002", "2003"])


def test_nothing_is_left_beside_the_tables(running: Running) -> None:
    running.run("--warehouse", "1001=kl")

    assert sorted(path.name for path in running.out.iterdir()) == ["skus.csv", "stock.csv"]


def test_a_table_that_cannot_be_written_leaves_the_old_ones(tmp_path: Path) -> None:
    class Unwritable:
        @property
        def warehouse(self) -> str:
            raise OSError("full")

    write_tables(tmp_path, {"stock": [StockRow("kl", "A", 1, 0, True, False)]})
    with pytest.raises(OSError, match="full"):
        write_tables(tmp_path, {"skus": [], "stock": [Unwritable()]})
    assert (tmp_path / "stock.csv").read_text().splitlines()[1] == "kl,A,1,0,true,false"
    assert [path.name for path in tmp_path.iterdir()] == ["stock.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no `--warehouse` is given; its locations: 1001 is Location 1001; 1002 is Location 1002"),
        (("--warehouse", "1003=kl"), "the shop has no location `1003`"),
        (("--warehouse", "kl=1001"), "is not written as LOCATION=NAME"),
    ],
)
def test_a_wrong_location_writes_nothing(
    running: Running, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert running.run(*arguments) == 2
    assert said in capsys.readouterr().err
    assert not running.out.exists()


def test_an_app_of_the_same_organisation_needs_no_token_in_the_file(running: Running) -> None:
    running.given.pop("access_token")
    running.given.pop("refresh_token")

    assert running.run("--warehouse", "1001=kl", client_credentials=True) == 0
    assert len(running.table("stock")) == 3


def test_wrong_settings_are_told_without_their_secrets(
    running: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running.run("--warehouse", "1001=kl", version="2024-01") == 2
    said = capsys.readouterr().err
    assert "`version`" in said
    assert str(running.given["access_token"]) not in said
    running.settings()
    path, token = running.folder / "pushdsl.toml", running.given["access_token"]
    path.write_text(path.read_text().replace(f"'{token}'", '{ env = "NO_TOKEN" }'))
    monkeypatch.delenv("NO_TOKEN", raising=False)
    arguments = ["--settings", str(path), "--out", str(running.out), "--warehouse", "1001=kl"]
    assert main([*arguments, "--account", "main"]) == 2
    assert "`NO_TOKEN`, which is not set" in capsys.readouterr().err
    monkeypatch.setenv("NO_TOKEN", str(running.given["access_token"]))
    assert main([*arguments, "--account", "main"]) == 0
    assert main([*arguments, "--account", "other"]) == 2
    assert "no `[accounts.other]`" in capsys.readouterr().err
