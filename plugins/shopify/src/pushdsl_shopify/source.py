"""A Shopify shop in; the facts tables `stock`, `skus` and, for a store of the rules, `listings` out.

    python -m pushdsl_shopify.source --settings pushdsl.toml --account shopify_my --out facts/ --warehouse 24826418=kl

What Shopify holds back is allocated: allocated is `on_hand` less `available`, so that stock less allocated is what
Shopify itself would sell. Unlike a platform's calls, this waits where Shopify asks for a pause.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import ValidationError

from pushdsl.plugins import Connection, Store, Temporary
from pushdsl_shopify.documents import variants as variants_query
from pushdsl_shopify.errors import Trouble
from pushdsl_shopify.ids import gid, number_in
from pushdsl_shopify.locations import locations
from pushdsl_shopify.settings import ShopifySettings
from pushdsl_shopify.stock import COST_MAX, quantities_of
from pushdsl_shopify.tokens import refresh
from pushdsl_shopify.wire import Fields, ask, inner, rows, text

PAGE_MAX = 250
PAUSES = 7
"""How often one page is asked for again."""
_PAUSE_SECONDS = 2.0
_ANSWER_SECONDS = 60.0

Wait = Callable[[float], Awaitable[object]]


class SourceError(Exception):
    """Why there are no facts, for the person at the console."""


@dataclass(frozen=True, slots=True)
class StockRow:
    """`on_hand` less `allocated` is what Shopify calls available, below 0 where more was sold than there was."""

    warehouse: str
    sku: str
    on_hand: int
    allocated: int
    tracked: bool
    sell_when_out: bool


@dataclass(frozen=True, slots=True)
class SkuRow:
    sku: str
    name: str
    category: str
    brand: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListingRow:
    store: str
    store_sku: str
    item_id: str
    variant_id: str
    sku: str
    status: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant with its stock at every warehouse where it is stocked; `sku` is empty where the seller gave none."""

    variant_id: str
    sku: str
    stock: tuple[StockRow, ...]
    described: SkuRow
    listing: ListingRow


@dataclass(frozen=True, slots=True)
class Omitted:
    """A variant that is in no table, and why."""

    variant_id: str
    sku: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """Each table has no key twice."""

    stock: tuple[StockRow, ...]
    skus: tuple[SkuRow, ...]
    listings: tuple[ListingRow, ...]
    omitted: tuple[Omitted, ...]


async def read_facts(
    connection: Connection, warehouses: Mapping[str, str], store: str = "", wait: Wait = asyncio.sleep
) -> ShopFacts:
    """All of the shop. `warehouses`: our warehouse for each of Shopify's locations; `store` names the listings.

    Variants that share a SKU are all left out: whether they share its stock, Shopify does not say. Raises SourceError.
    """
    found = [variant async for variant in variants(connection, warehouses, store, wait)]
    times = Counter(variant.sku for variant in found)
    taken = [variant for variant in found if variant.sku and times[variant.sku] == 1]
    return ShopFacts(
        tuple(row for variant in taken for row in variant.stock),
        tuple(variant.described for variant in taken),
        tuple(variant.listing for variant in taken),
        tuple(_omitted(variant) for variant in found if not variant.sku or times[variant.sku] > 1),
    )


def _omitted(variant: Variant) -> Omitted:
    reason = "several variants have this SKU" if variant.sku else "the variant has no SKU"
    return Omitted(variant.variant_id, variant.sku, reason)


async def variants(
    connection: Connection, warehouses: Mapping[str, str], store: str = "", wait: Wait = asyncio.sleep
) -> AsyncIterator[Variant]:
    """Page by page, as Shopify lists them. Raises SourceError; what was yielded before it is not the whole shop."""
    places = {_address(location): warehouse for location, warehouse in warehouses.items()}
    query, named = variants_query(len(places)), {f"l{number}": place for number, place in enumerate(places)}
    # A variant, its product and its item are a point each, a level is two.
    first = max(1, min(PAGE_MAX, COST_MAX // (3 + 2 * len(places))))
    after: str | None = None
    while True:
        asked = {"first": first, "after": after, **named}
        page = inner(await _answered(connection, query, asked, wait), "productVariants")
        nodes = rows(page, "nodes")
        if nodes is None:
            raise SourceError("the variants that Shopify answered with cannot be read")
        for node in nodes:
            yield _variant(node, list(places.values()), store)
        info = inner(page, "pageInfo")
        following = text(info, "endCursor")
        if info.get("hasNextPage") is not True:
            return
        if not following or following == after:
            raise SourceError("Shopify has more variants and does not say how to ask for them")
        after = following


def _address(location: str) -> str:
    address = gid("Location", location)
    if address is None:
        raise SourceError(f"`{location}` is no number of a Shopify location")
    return address


async def _answered(connection: Connection, query: str, asked: Fields, wait: Wait) -> Fields:
    """The answer, after as many pauses as Shopify asks for. Raises SourceError where there is none in the end."""
    answer = await ask(connection, query, asked)
    for _ in range(PAUSES):
        if not isinstance(answer, Temporary):
            break
        await wait(answer.retry_after if answer.retry_after is not None else _PAUSE_SECONDS)
        answer = await ask(connection, query, asked)
    if isinstance(answer, Trouble):
        raise SourceError(f"Shopify: {answer.message}")
    return answer


def _variant(node: Fields, warehouses: Sequence[str], store: str) -> Variant:
    item, product, sku = inner(node, "inventoryItem"), inner(node, "product"), text(node, "sku")
    variant_id, tracked = number_in(node.get("id"), "ProductVariant"), item.get("tracked")
    item_id, policy = number_in(item.get("id"), "InventoryItem"), node.get("inventoryPolicy")
    if not variant_id or not item_id or not isinstance(tracked, bool) or policy not in ("CONTINUE", "DENY"):
        raise SourceError("a variant that Shopify answered with cannot be read")
    counted = {
        number: _counted(level) for number in range(len(warehouses)) if (level := item.get(f"l{number}")) is not None
    }
    stock = [
        StockRow(warehouses[number], sku, *pieces, tracked, policy == "CONTINUE") for number, pieces in counted.items()
    ]
    status = "active" if product.get("status") == "ACTIVE" else "inactive"
    return Variant(
        variant_id,
        sku,
        tuple(_by_warehouse(stock)),
        SkuRow(sku, text(node, "displayName"), text(product, "productType"), text(product, "vendor"), _tags(product)),
        ListingRow(store, sku, number_in(product.get("id"), "Product"), item_id, sku, status),
    )


def _counted(level: object) -> tuple[int, int]:
    """On hand and allocated; where Shopify says that less is on hand than available, what is available counts."""
    quantities = quantities_of(level)
    available = quantities.get("available")
    if available is None:
        raise SourceError("the stock of a variant that Shopify answered with cannot be read")
    allocated = max(0, quantities.get("on_hand", available) - available)
    return available + allocated, allocated


def _by_warehouse(stock: Iterable[StockRow]) -> Iterable[StockRow]:
    """Several locations may be one warehouse: their stock is added up."""
    found: dict[str, StockRow] = {}
    for row in stock:
        one = found.get(row.warehouse)
        found[row.warehouse] = row if one is None else replace(
            one, on_hand=one.on_hand + row.on_hand, allocated=one.allocated + row.allocated
        )  # fmt: skip
    return found.values()


def _tags(product: Fields) -> tuple[str, ...]:
    """Without those that the table cannot hold."""
    tags = product.get("tags")
    found = [tag.strip() for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return tuple(dict.fromkeys(tag for tag in found if tag and "|" not in tag))


# Tables


def write_tables(folder: Path, tables: Mapping[str, Sequence[object]]) -> None:
    """Writes each as a whole or not at all, so that nobody reads half a table. `tables`: rows by the table's name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".taking-", dir=folder) as beside:
        for name, table in tables.items():
            _write(Path(beside) / f"{name}.csv", _COLUMNS[name], table)
        for name in tables:
            (Path(beside) / f"{name}.csv").replace(folder / f"{name}.csv")


_COLUMNS: Mapping[str, type] = {"stock": StockRow, "skus": SkuRow, "listings": ListingRow}


def _write(path: Path, kind: type, table: Sequence[object]) -> None:
    columns = [column.name for column in fields(kind)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(getattr(row, column)) for column in columns] for row in table)
        file.flush()
        os.fsync(file.fileno())


def _cell(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return "|".join(value)
        case _:
            return str(value)


# The console


def account(path: Path, name: str, environment: Mapping[str, str] = os.environ) -> ShopifySettings:
    """The settings under `[accounts.NAME]`. Raises SourceError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SourceError(f"cannot read `{path}`: {error}") from None
    accounts = table.get("accounts")
    given = accounts.get(name) if isinstance(accounts, dict) else None
    if not isinstance(given, dict):
        raise SourceError(f"`{path}` has no `[accounts.{name}]`")
    values = {key: _resolved(key, value, environment) for key, value in given.items() if key != "capabilities"}
    if values.get("client_credentials") is True:
        values.setdefault("access_token", "none-yet")  # the first one is asked for below
    try:
        return ShopifySettings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors(include_input=False))
        raise SourceError(f"`[accounts.{name}]` does not fit: {wrong}") from None


def _resolved(key: str, value: object, environment: Mapping[str, str]) -> object:
    if not (isinstance(value, dict) and value.keys() == {"env"}):
        return value
    variable = str(value["env"])
    if variable not in environment:
        raise SourceError(f"`{key}` is to come from `{variable}`, which is not set")
    return environment[variable]


async def take(settings: ShopifySettings, name: str, warehouses: Mapping[str, str], store: str) -> ShopFacts:
    """Checks the locations first, for a wrong number would give no stock and no error. Raises SourceError."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as http:
        connection = Connection(Store(name, "shopify", name), settings, http, lambda: datetime.now(UTC))
        if settings.client_credentials:
            connection = await _let_in(connection)
        listed = await locations(connection)
        if not isinstance(listed, Sequence):
            raise SourceError(f"Shopify: {listed.message}")
        numbers = {location.name for location in listed}
        known = "; ".join(f"{location.name} is {location.label}" for location in listed)
        missing = [place for place in warehouses if number_in(gid("Location", place), "Location") not in numbers]
        if missing or not warehouses:
            said = f"the shop has no location `{missing[0]}`" if missing else "no `--warehouse` is given"
            raise SourceError(f"{said}; its locations: {known}")
        return await read_facts(connection, warehouses, store)


async def _let_in(connection: Connection) -> Connection:
    grant = await refresh(connection)
    given = getattr(grant, "settings", None)
    if given is None:
        raise SourceError(f"Shopify: {getattr(grant, 'message', 'no token')}")
    settings: Any = connection.settings  # our own model
    granted = type(settings).model_validate({**dict(settings), **given})
    return replace(connection, settings=granted)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pushdsl_shopify.source", description="Writes stock.csv and skus.csv from a Shopify shop."
    )
    parser.add_argument("--settings", type=Path, default=Path("pushdsl.toml"), help="where the account's settings are")
    parser.add_argument("--account", required=True, help="the name under [accounts.…]")
    parser.add_argument("--out", type=Path, default=Path("facts"), help="the folder of the facts")
    parser.add_argument(
        "--warehouse", action="append", default=[], metavar="LOCATION=NAME",
        help="our warehouse for one of Shopify's locations; once for each, all others are left out",
    )  # fmt: skip
    parser.add_argument("--store", default="", help="writes listings.csv too, for this store of the rules")
    given = parser.parse_args(arguments)
    try:
        warehouses = dict(_pair(written) for written in given.warehouse)
        found = asyncio.run(take(account(given.settings, given.account), given.account, warehouses, given.store))
        tables: dict[str, Sequence[object]] = {"stock": found.stock, "skus": found.skus}
        if given.store:
            tables["listings"] = found.listings
        write_tables(given.out, tables)
    except (SourceError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    for one in found.omitted:
        sys.stderr.write(f"left out: variant {one.variant_id} `{one.sku}`: {one.reason}\n")
    sys.stdout.write("".join(f"{name}.csv: {len(table)} rows\n" for name, table in tables.items()))
    return 0


def _pair(written: str) -> tuple[str, str]:
    location, equals, warehouse = written.partition("=")
    if not equals or not warehouse.strip() or gid("Location", location.strip()) is None:
        raise SourceError(f"`--warehouse {written}` is not written as LOCATION=NAME, such as 24826418=kl")
    return location.strip(), warehouse.strip()


if __name__ == "__main__":
    sys.exit(main())
