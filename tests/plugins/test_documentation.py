"""The manual for plugin authors says what the code says."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import pushdsl.plugins
from pushdsl.plugins import Capabilities, Fault, Platform, RefusedKind, Sandbox

MANUAL = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", MANUAL, re.MULTILINE | re.DOTALL)


def in_code(word: str) -> bool:
    """Whether the word stands in backticks or in a block of code."""
    return any(re.search(rf"\b{re.escape(word)}\b", code) for code in [*BLOCKS, *re.findall(r"`([^`\n]+)`", MANUAL)])


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_compiles(block: str) -> None:
    compile(block, "docs/plugins.md", "exec")


def imported(block: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pushdsl":
            yield from ((str(node.module), alias.name) for alias in node.names)


def test_every_name_that_an_example_imports_exists() -> None:
    names = [name for block in BLOCKS for name in imported(block)]

    assert [(module, name) for module, name in names if not hasattr(importlib.import_module(module), name)] == []
    assert len(names) > 5


@pytest.mark.parametrize("name", pushdsl.plugins.__all__)
def test_every_public_name_is_in_the_manual(name: str) -> None:
    assert in_code(name)


@pytest.mark.parametrize("protocol", [Platform, Sandbox])
def test_the_manual_has_the_exact_signatures(protocol: type) -> None:
    methods = [member for name, member in vars(protocol).items() if inspect.isfunction(member) and name[0] != "_"]
    signatures = [inspect.getsource(method).splitlines()[0].strip().removesuffix(":") for method in methods]

    assert [signature for signature in signatures if f"{signature.removesuffix(': ...')}: ..." not in MANUAL] == []
    assert len(signatures) > 4


@pytest.mark.parametrize(
    "word",
    [
        *Capabilities.model_fields,
        *get_args(Fault),
        *get_args(RefusedKind),
        *("region", "locations", "clock", "listing", "unknown_listings", "adjust", "signed_webhook"),
    ],
)
def test_every_field_and_word_of_the_contract_is_in_the_manual(word: str) -> None:
    assert in_code(word)


def test_the_manual_has_every_default_of_the_capabilities() -> None:
    section = MANUAL[MANUAL.index("### Capabilities") : MANUAL.index("### Push")]
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+)`? \|", section, re.MULTILINE))

    shown = {name: rows[name].strip().strip('"').replace(",", "") for name in Capabilities.model_fields}
    assert {name: str(value) for name, value in Capabilities().model_dump().items()} == shown
