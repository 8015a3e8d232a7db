"""Clients that others wrote, run against the sandboxes: those for Node are installed once a test run, where npm is."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NODE_PACKAGES = (
    "lazada-api@2.6.0",
    "@congminh1254/shopee-sdk@2.7.0",
    "@woocommerce/woocommerce-rest-api@1.0.2",
    "tiktok-shop-sdk@1.0.3",
)

RunNode = Callable[[str], Any]
"""A program for Node in; what it printed last, read as JSON, out. It may `require` the packages."""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages; skips where npm or the way to its registry is missing."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    folder = tmp_path_factory.mktemp("node")
    options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(
        [npm, "install", *options, *NODE_PACKAGES], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install the clients: {done.stderr[-200:]}")
    return folder


@pytest.fixture
def node(node_modules: Path) -> RunNode:
    def run(program: str) -> Any:
        done = subprocess.run(
            ["node", "-e", program], cwd=node_modules, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    return run
