"""The local Shopify does not flatter: it checks what a shop checks, in Shopify's words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pushdsl.plugins import Connection, ListingRef, Location, Shown, Store
from pushdsl_shopify import documents
from pushdsl_shopify.sandbox import ShopifySandbox

STORE = Store("shopify_my", "shopify", "main", locations=(Location("1001", ("kl",)), Location("1002", ("jb",))))
LISTINGS = [ListingRef(f"SKU-{number}", "1000", str(2000 + number)) for number in (1, 2)]
ITEM, PLACE = "gid://shopify/InventoryItem/2001", "gid://shopify/Location/1001"
PLAIN_SET = """
mutation Set($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) { inventoryAdjustmentGroup { id } userErrors { field message code } }
}
"""


class Client:
    """Calls of a client that is not the plugin."""

    def __init__(self, connection: Connection, version: str) -> None:
        self._connection, self._version = connection, version

    async def request(self, method: str, path: str, *, token: str | None = None, **body: Any) -> tuple[int, Any, Any]:
        settings: Any = self._connection.settings
        headers = {"X-Shopify-Access-Token": settings.access_token.get_secret_value() if token is None else token}
        url = f"{settings.address}/admin/api/{self._version}/{path}"
        async with self._connection.http.request(method, url, headers=headers, **body) as response:
            return response.status, await response.json(), response.headers

    async def graphql(self, query: str, **variables: object) -> Any:
        status, answer, _ = await self.request("POST", "graphql.json", json={"query": query, "variables": variables})
        assert status == 200
        return answer

    async def set(self, *rows: dict[str, object], query: str = "", key: str = "a-key", **more: object) -> Any:
        given = {"name": "available", "reason": "correction", "quantities": list(rows), **more}
        keyed = {"key": key} if "$key" in (query or documents.set_quantities(self._version)) else {}
        return await self.graphql(query or documents.set_quantities(self._version), input=given, **keyed)


def row(quantity: int = 7, item: str = ITEM, place: str = PLACE, **more: object) -> dict[str, object]:
    return {"inventoryItemId": item, "locationId": place, "quantity": quantity, **more}


@pytest.fixture
def talk(in_sandbox: Any):  # type: ignore[no-untyped-def]  # a function, typed by its use
    def run(work: Any, version: str = "2026-04", listings: list[ListingRef] = LISTINGS) -> Any:
        async def talked(sandbox: ShopifySandbox, connection: Connection) -> object:
            return await work(sandbox, Client(connection, version))

        return in_sandbox.run(talked, STORE, listings)

    return run


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer["data"]["inventorySetQuantities"]["userErrors"]]


def beside(answer: Any) -> tuple[str, str]:
    [error] = answer["errors"]
    return error["extensions"]["code"], error["message"]


# Who is calling


@pytest.mark.parametrize(("path", "method"), [("graphql.json", "POST"), ("inventory_levels.json", "GET")])
@pytest.mark.parametrize("token", ["", "shpat_wrong"])
def test_a_token_that_is_not_known_is_refused(talk: Any, path: str, method: str, token: str) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.request(method, path, token=token)

    status, answer, _ = talk(work)
    assert status == 401
    assert answer == {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


@pytest.mark.parametrize(
    ("asked", "spoken"), [("2024-10", "2025-10"), ("2026-04", "2026-04"), ("2027-01", "2026-10"), ("unknown", None)]
)
def test_a_version_that_is_not_there_becomes_the_nearest(talk: Any, asked: str, spoken: str | None) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.request("POST", "graphql.json", json={"query": "{ shop { name } }"})

    status, _, headers = talk(work, asked)
    assert (status, headers.get("X-Shopify-API-Version")) == (200 if spoken else 404, spoken)


def test_the_method_and_the_path_count(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        settings: Any = client._connection.settings
        async with client._connection.http.get(f"{settings.address}/admin/api/2026-04/graphql.json") as response:
            return response.status

    assert talk(work) == 405


# Queries


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ shop { name }", "SYNTAX_ERROR"),
        ("{ shop { nickname } }", "VALIDATION_FAILED"),
        ("query A { shop { name } } query B { shop { name } }", "BAD_REQUEST"),
        ("query ($id: ID!) { location(id: $id) { name } }", "INVALID_VARIABLE"),
        ("{ productVariants { nodes { id } } }", "BAD_REQUEST"),
        ('{ productVariants(first: 1, after: "x") { nodes { id } } }', "BAD_REQUEST"),
        ('{ node(id: "1001") { id } }', "RESOURCE_NOT_FOUND"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(talk: Any, query: str, code: str) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.graphql(query)

    assert beside(talk(work))[0] == code


def test_what_another_version_knows_is_unknown(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.set(row(changeFromQuantity=5), query=documents.set_quantities("2026-01"))

    assert {error["extensions"]["code"] for error in talk(work, "2025-10")["errors"]} == {"VALIDATION_FAILED"}


def test_a_connection_has_pages_in_both_forms(talk: Any) -> None:
    query = """
    query ($after: String) {
      productVariants(first: 1, after: $after) {
        edges { cursor node { ...sku } } nodes { ...sku }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
    fragment sku on ProductVariant { sku }
    """

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        first = (await client.graphql(query))["data"]["productVariants"]
        return first, (await client.graphql(query, after=first["pageInfo"]["endCursor"]))["data"]["productVariants"]

    first, last = talk(work)
    assert (first["nodes"], last["nodes"]) == ([{"sku": "SKU-1"}], [{"sku": "SKU-2"}])
    assert first["edges"] == [{"cursor": first["pageInfo"]["startCursor"], "node": {"sku": "SKU-1"}}]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)


def test_things_are_found_by_their_addresses(talk: Any) -> None:
    level = "gid://shopify/InventoryLevel/1002?inventory_item_id=2001"
    query = f"""{{
      item: inventoryItem(id: "{ITEM}") {{ sku inventoryLevels(first: 3) {{ nodes {{ location {{ name }} }} }} }}
      level: inventoryLevel(id: "{level}") {{
        id item {{ sku }} quantities(names: ["on_hand", "nothing"]) {{ quantity }}
      }}
      place: location(id: "{PLACE}") {{ legacyResourceId }}
      none: node(id: "gid://shopify/Location/9") {{ id }}
    }}"""

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return (await client.graphql(query))["data"]

    found = talk(work)
    assert [node["location"]["name"] for node in found["item"]["inventoryLevels"]["nodes"]] == [
        "Location 1001",
        "Location 1002",
    ]
    assert found["level"] == {"id": level, "item": {"sku": "SKU-1"}, "quantities": [{"quantity": 5}]}
    assert (found["place"], found["none"]) == ({"legacyResourceId": 1001}, None)


# The mutation


@pytest.mark.parametrize(
    ("rows", "more", "code", "path"),
    [
        ([row()], {"name": "reserved"}, "INVALID_NAME", ["input", "name"]),
        ([row()], {"reason": "because"}, "INVALID_REASON", ["input", "reason"]),
        ([row()], {"referenceDocumentUri": "42"}, "INVALID_REFERENCE_DOCUMENT", ["input", "referenceDocumentUri"]),
        ([row(-1)], {}, "INVALID_QUANTITY_NEGATIVE", ["input", "quantities", "0", "quantity"]),
        ([row(10**9 + 1)], {}, "INVALID_QUANTITY_TOO_HIGH", ["input", "quantities", "0", "quantity"]),
        (
            [row(item="gid://shopify/InventoryItem/9")],
            {},
            "INVALID_INVENTORY_ITEM",
            ["input", "quantities", "0", "inventoryItemId"],
        ),
        (
            [row(), row(place="gid://shopify/Location/9")],
            {},
            "INVALID_LOCATION",
            ["input", "quantities", "1", "locationId"],
        ),
        (
            [row(), row()],
            {},
            "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
            ["input", "quantities", "1", "locationId"],
        ),
        (
            [row(changeFromQuantity=4)],
            {},
            "CHANGE_FROM_QUANTITY_STALE",
            ["input", "quantities", "0", "changeFromQuantity"],
        ),
    ],
)
def test_a_wrong_row_refuses_the_whole_call(
    talk: Any, rows: list[dict[str, object]], more: dict[str, object], code: str, path: list[str]
) -> None:
    given = [{"changeFromQuantity": None, **one} for one in rows]

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.set(*given, **more), sandbox.shown(STORE.name)

    answer, shown = talk(work)
    payload = answer["data"]["inventorySetQuantities"]
    assert payload["inventoryAdjustmentGroup"] is None
    assert (codes(answer), payload["userErrors"][0]["field"]) == ([code], path)
    assert {one.quantity for one in shown} == {5}


def test_a_bundle_is_not_set(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.shop(STORE.name).variant("SKU-1").is_bundle = True
        return await client.set(row(changeFromQuantity=5))

    assert codes(talk(work)) == ["NON_MUTABLE_INVENTORY_ITEM"]


@pytest.mark.parametrize(("version", "code"), [("2026-07", ["ITEM_NOT_STOCKED_AT_LOCATION"]), ("2026-10", [])])
def test_an_item_that_is_not_stocked_is_refused_until_the_error_is_gone(
    talk: Any, version: str, code: list[str]
) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.shop(STORE.name).variant("SKU-1").levels.pop(1001)
        return await client.set(row(changeFromQuantity=None))

    assert codes(talk(work, version)) == code


def test_the_stock_of_an_item_that_is_not_tracked_stays_in_silence(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.shop(STORE.name).variant("SKU-1").tracked = False
        return await client.set(row(changeFromQuantity=None)), sandbox.shown(STORE.name)[0]

    answer, shown = talk(work)
    assert answer["data"]["inventorySetQuantities"] == {"inventoryAdjustmentGroup": None, "userErrors": []}
    assert shown == Shown("SKU-1", "1001", 5)


def test_on_hand_can_be_set_too(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.show(STORE.name, Shown("SKU-1", "1001", 5, reserved=2))
        answer = await client.set(row(10, changeFromQuantity=None), name="on_hand")
        return answer, sandbox.shown(STORE.name)[0]

    answer, shown = talk(work)
    [change] = answer["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]["changes"]
    assert (change["name"], change["quantityAfterChange"]) == ("available", 8)
    assert shown == Shown("SKU-1", "1001", 8, reserved=2)


def test_more_than_250_rows_are_refused(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.set(*[row(changeFromQuantity=None)] * 251), await client.graphql(
            "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[ITEM] * 251
        )

    written, read = talk(work)
    said = "The input array size of 251 is greater than the maximum allowed of 250."
    assert beside(written) == beside(read) == ("MAX_INPUT_SIZE_EXCEEDED", said)


# Keys and comparisons, version by version


def test_from_2026_04_on_a_key_and_a_comparison_must_be_given(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        keyless = await client.set(row(changeFromQuantity=5), query=PLAIN_SET)
        return keyless, await client.set(row())

    keyless, incomparable = talk(work)
    required = "The @idempotent directive is required for this mutation but was not provided."
    assert beside(keyless) == ("BAD_REQUEST", required)
    said = "InventoryQuantityInput must include the following argument: changeFromQuantity."
    assert beside(incomparable) == ("INVALID_FIELD_ARGUMENTS", said)
    assert incomparable["data"] == {"inventorySetQuantities": None}


def test_in_2026_01_a_key_is_optional_and_both_comparisons_are_there(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return [
            await client.set(row(7, compareQuantity=5), query=PLAIN_SET),
            await client.set(row(8, changeFromQuantity=7), query=PLAIN_SET),
            await client.set(row(9, compareQuantity=5), query=PLAIN_SET),
            await client.set(row(9), query=PLAIN_SET),
            await client.set(row(9), query=PLAIN_SET, ignoreCompareQuantity=True),
        ]

    assert [codes(answer) for answer in talk(work, "2026-01")] == [
        [],
        [],
        ["COMPARE_QUANTITY_STALE"],
        ["COMPARE_QUANTITY_REQUIRED"],
        [],
    ]


def test_a_key_makes_a_change_happen_once(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        first = await client.set(row(7, changeFromQuantity=None), key="k")
        sandbox.show(STORE.name, Shown("SKU-1", "1001", 2))
        again = await client.set(row(7, changeFromQuantity=None), key="k")
        other = await client.set(row(8, changeFromQuantity=None), key="k")
        await client.set(row(-1, changeFromQuantity=None), key="failed")
        failed = await client.set(row(-1, changeFromQuantity=None), key="failed")
        return first["data"] == again["data"], codes(other), codes(failed), sandbox.shown(STORE.name)[0].quantity

    expected = (True, ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"], ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"], 2)
    assert talk(work) == expected


# Points


def test_every_answer_says_what_it_cost(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        query, at = documents.levels(2), {"l0": PLACE, "l1": "gid://shopify/Location/1002"}
        read = await client.graphql(query, items=[ITEM, "gid://shopify/InventoryItem/9"], **at)
        written = await client.set(row(changeFromQuantity=5))
        return read["extensions"]["cost"], written["extensions"]["cost"]

    read, written = talk(work)
    assert (read["requestedQueryCost"], read["actualQueryCost"]) == (10, 5)
    assert read["throttleStatus"] == {"maximumAvailable": 2000, "currentlyAvailable": 1995, "restoreRate": 100}
    assert (written["requestedQueryCost"], written["actualQueryCost"]) == (10, 10)


def test_a_query_may_cost_a_thousand_points_and_no_more(talk: Any) -> None:
    query = """query ($first: Int!) { productVariants(first: $first) { nodes {
      product { title } inventoryItem { inventoryLevels(first: 10) { nodes { location { name } } } }
    } } }"""

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return await client.graphql(query, first=43), await client.graphql(query, first=44)

    fits, too_dear = talk(work)
    assert fits["extensions"]["cost"]["requestedQueryCost"] == 989
    assert beside(too_dear)[0] == "MAX_COST_EXCEEDED"
    assert too_dear["errors"][0]["extensions"]["cost"] == 1012


@pytest.mark.parametrize("status", [200, 429])
def test_points_run_out_and_come_back(talk: Any, status: int) -> None:
    """A shop of the cheapest plan: 2,000 points, 100 a second."""
    query, many = documents.levels(1), [ListingRef(f"SKU-{n}", "1000", str(2000 + n)) for n in range(1, 251)]

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.throttle_status = status
        asked = {
            "query": query,
            "variables": {"items": [f"gid://shopify/InventoryItem/{n}" for n in range(2001, 2251)]},
        }
        asked["variables"]["l0"] = PLACE  # type: ignore[index]
        answers = [await client.request("POST", "graphql.json", json=asked) for _ in range(3)]
        cost = answers[2][1]["extensions"]["cost"]
        lacking = cost["requestedQueryCost"] - cost["throttleStatus"]["currentlyAvailable"]
        await asyncio.sleep(lacking / cost["throttleStatus"]["restoreRate"])
        return answers, await client.request("POST", "graphql.json", json=asked)

    answers, later = talk(work, listings=many)
    assert [answer[0] for answer in answers] == [200, 200, status]
    assert beside(answers[2][1]) == ("THROTTLED", "Throttled")
    assert "data" not in answers[2][1]
    assert answers[2][1]["extensions"]["cost"]["actualQueryCost"] is None
    assert len(later[1]["data"]["nodes"]) == 250


# The older addresses


def test_the_older_addresses_count_calls(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return [await client.request("GET", "locations.json") for _ in range(41)]

    answers = talk(work)
    assert answers[0][2]["X-Shopify-Shop-Api-Call-Limit"] == "1/40"
    assert {answer[0] for answer in answers[:40]} == {200}
    assert (answers[40][0], answers[40][2]["Retry-After"]) == (429, "2.0")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"inventory_item_id": 9, "location_id": 1001, "available": 1}, 404),
        ({"inventory_item_id": 2001, "location_id": 9, "available": 1}, 404),
        ({"inventory_item_id": 2001, "location_id": 1001}, 422),
        ({"inventory_item_id": 2001, "location_id": 1001, "available": 10**10}, 422),
        ([], 400),
    ],
)
def test_a_level_that_cannot_be_set_is_refused(talk: Any, body: object, status: int) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        return (await client.request("POST", "inventory_levels/set.json", json=body))[0], sandbox.shown(STORE.name)

    answered, shown = talk(work)
    assert answered == status
    assert {one.quantity for one in shown} == {5}


def test_levels_are_asked_for_by_items_or_locations(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        bare = await client.request("GET", "inventory_levels.json")
        return bare[0], (await client.request("GET", "inventory_levels.json?location_ids=1002"))[1]

    status, found = talk(work)
    assert status == 422
    assert [(one["inventory_item_id"], one["available"]) for one in found["inventory_levels"]] == [(2001, 5), (2002, 5)]


@pytest.mark.parametrize(
    ("fault", "status"), [("throttle", 429), ("server_error", 500), ("expired_token", 401), ("refuse_row", 422)]
)
def test_faults_meet_the_older_addresses_too(talk: Any, fault: Any, status: int) -> None:
    body = {"inventory_item_id": 2001, "location_id": 1001, "available": 1}

    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.fail(fault)
        return (await client.request("POST", "inventory_levels/set.json", json=body))[0], sandbox.shown(STORE.name)[0]

    assert talk(work) == (status, Shown("SKU-1", "1001", 5))


# Consent


@pytest.mark.parametrize(
    "query",
    [
        "",
        "client_id=wrong&redirect_uri=https://a.test/&scope=read_products",
        "client_id=0123456789abcdef0123456789abcdef&redirect_uri=javascript:alert(1)",
    ],
)
def test_a_wrong_link_leads_nowhere(talk: Any, query: str) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        settings: Any = client._connection.settings
        url = f"{settings.address}/admin/oauth/authorize?{query}"
        async with client._connection.http.get(url, allow_redirects=False) as response:
            return response.status

    assert talk(work) == 400


def test_a_reserve_that_begins_takes_from_what_is_available(talk: Any) -> None:
    async def work(sandbox: ShopifySandbox, client: Client) -> Any:
        sandbox.fail("promotion_begins")
        await client.set(row(changeFromQuantity=5))
        return sandbox.shown(STORE.name)[:2]

    assert talk(work) == [Shown("SKU-1", "1001", 2, reserved=3), Shown("SKU-1", "1002", 2, reserved=3)]
