"""`pushdsl platforms`: what is installed, what it can do, and what failed to load."""

from __future__ import annotations

import argparse
import json
import sys

from pushdsl.cli.inputs import add_json
from pushdsl.model import Store
from pushdsl.plugins.manager import InstalledPlatforms, known_platforms
from pushdsl.plugins.platform import Capabilities, LoadedPlatform
from pushdsl.report.terminal import print_table


def arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    installed = InstalledPlatforms()
    loaded = installed.all()
    problems = [str(problem) for problem in installed.problems]
    if args.json:
        print(json.dumps({"platforms": [_dict(p) for p in loaded], "problems": problems}, indent=1))
    else:
        columns = ("platform", "package", "version", "contract", "most", "batch", "can")
        print_table("", columns, [_row(p) for p in loaded])
        missing = sorted(set(known_platforms.values()) - {p.distribution for p in loaded})
        if missing:
            print(f"known and not installed: {', '.join(missing)}")
        for problem in problems:
            print(f"warning: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _capabilities(loaded: LoadedPlatform) -> Capabilities:
    """Those of an ordinary store, without any setting."""
    name = loaded.platform.name
    return loaded.platform.capabilities(Store(name=name, platform=name, account=name))


def _row(loaded: LoadedPlatform) -> tuple[object, ...]:
    can = _capabilities(loaded)
    words = [
        *(["pre-order"] if can.preorder else []),
        *(["several locations"] if can.locations else []),
        *(["promotion reserve"] if can.counts_reserved else []),
        *(["token renewal"] if loaded.platform.authorization is not None else []),
        *(["unbinding"] if can.unbinds_on_not_found else []),
    ]
    contract = ".".join(map(str, loaded.contract))
    batch = f"{can.batch_size} a{'n item' if can.batch_by == 'item' else ' call'}"
    return (
        loaded.platform.name,
        loaded.distribution,
        loaded.version,
        contract,
        can.max_quantity,
        batch,
        ", ".join(words),
    )


def _dict(loaded: LoadedPlatform) -> dict[str, object]:
    return {
        "name": loaded.platform.name,
        "package": loaded.distribution,
        "version": loaded.version,
        "contract": ".".join(map(str, loaded.contract)),
        "capabilities": _capabilities(loaded).model_dump(),
    }
