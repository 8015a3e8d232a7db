"""What the Shopify plugin sends, and what the local Shopify serves, held against the schema that Shopify publishes."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

graphql = pytest.importorskip("graphql", reason="graphql-core is not installed")

from graphql import (  # noqa: E402  # only where it is there
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    get_variable_values,
    parse,
    validate,
)

from pushdsl_shopify import documents  # noqa: E402
from pushdsl_shopify.errors import USER_ERRORS  # noqa: E402
from pushdsl_shopify.push import Row, inputs  # noqa: E402
from pushdsl_shopify.sandbox_schema import VERSIONS, schema  # noqa: E402
from pushdsl_shopify.settings import ShopifySettings  # noqa: E402

PACKAGE = "@shopify/dev-mcp@1.16.0"
"""Shopify's own, with the Admin schema of each version."""
ITEM, LOCATION = "gid://shopify/InventoryItem/2001", "gid://shopify/Location/1001"


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the schemas. Only the package itself is fetched: its hundreds of dependencies are not used."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("shopify")
    options = ["--silent", "--prefer-offline"]
    done = subprocess.run(
        [npm, "pack", *options, PACKAGE], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {done.stderr[-200:]}")
    with tarfile.open(folder / done.stdout.split()[-1]) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package/dist/data"


@cache
def published(folder: Path, version: str) -> GraphQLSchema:
    """Not checked in itself: its interfaces have deprecated fields, which graphql-core refuses."""
    with gzip.open(folder / f"admin_{version}.json.gz") as file:
        introspection = json.load(file)
    return build_client_schema(introspection.get("data", introspection), assume_valid=True)


def settings(version: str, compare: bool) -> ShopifySettings:
    given = {"shop": "demo", "client_id": "id", "client_secret": "secret", "access_token": "token"}
    return ShopifySettings.model_validate({**given, "version": version, "compare": compare})


def sent(version: str) -> list[tuple[str, dict[str, object]]]:
    """Every query and mutation that the plugin sends, with variables."""
    at = {"l0": LOCATION, "l1": LOCATION}
    rows = [Row(ITEM, LOCATION, 7, -3)]
    key = {"key": "a-key"} if version >= documents.FIRST_WITH_KEYS else {}
    writes = [
        (documents.set_quantities(version), {"input": inputs(settings(version, compare), rows), **key})
        for compare in (True, False)
    ]
    return [
        (documents.LOCATIONS, {"after": None}),
        (documents.ACTIVE_LOCATIONS, {}),
        (documents.levels(2), {"items": [ITEM], **at}),
        (documents.variants(2), {"first": 25, "after": None, **at}),
        *writes,
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_the_plugin_sends_is_valid_in_the_published_schema(schemas: Path, version: str) -> None:
    theirs = published(schemas, version)

    for query, variables in sent(version):
        document = parse(query)
        assert validate(theirs, document) == [], query
        [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        coerced = get_variable_values(theirs, operation.variable_definitions or (), variables)
        assert not isinstance(coerced, list), f"{query}: {coerced}"


@pytest.mark.parametrize(
    ("version", "query"),
    [
        ("2025-10", documents.set_quantities("2026-01")),
        (
            "2026-04",
            "mutation { inventorySetQuantities(input: {ignoreCompareQuantity: true}) { userErrors { code } } }",
        ),
    ],
)
def test_what_another_version_says_is_not_valid(schemas: Path, version: str, query: str) -> None:
    """The check above would find it."""
    assert validate(published(schemas, version), parse(query)) != []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_local_schema_is_a_part_of_the_published_one(schemas: Path, version: str) -> None:
    """Each type, field, argument, input and directive: the same name and the same type."""
    theirs = published(schemas, version)

    for name, kind in schema(version).type_map.items():
        if name.startswith("__"):
            continue
        their_kind = theirs.type_map[name]
        assert type(their_kind) is type(kind), name
        match kind:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field, definition in kind.fields.items():
                    theirs_of_it = their_kind.fields[field]  # type: ignore[union-attr]  # the same kind
                    assert str(theirs_of_it.type) == str(definition.type), f"{name}.{field}"
                    assert {key: str(arg.type) for key, arg in definition.args.items()} == {
                        key: str(theirs_of_it.args[key].type) for key in definition.args
                    }, f"{name}.{field}"
            case GraphQLInputObjectType():
                assert {key: str(arg.type) for key, arg in kind.fields.items()} == {
                    key: str(arg.type)
                    for key, arg in their_kind.fields.items()  # type: ignore[union-attr]
                }, name
            case GraphQLEnumType():
                assert set(kind.values) == set(their_kind.values), name  # type: ignore[union-attr]
    ours = schema(version).get_directive("idempotent")
    directive = theirs.get_directive("idempotent")
    assert (ours is None) == (directive is None)
    if ours is not None and directive is not None:
        assert [(key, str(arg.type)) for key, arg in ours.args.items()] == [
            (key, str(arg.type)) for key, arg in directive.args.items()
        ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_published_error_of_the_mutation_has_a_meaning(schemas: Path, version: str) -> None:
    codes = published(schemas, version).type_map["InventorySetQuantitiesUserErrorCode"]

    assert isinstance(codes, GraphQLEnumType)
    assert set(codes.values) <= set(USER_ERRORS)
