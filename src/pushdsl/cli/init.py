"""`pushdsl init`: a small project that checks and plans at once."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from pushdsl.errors import PushdslError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="where (default: here)")


def run(args: argparse.Namespace) -> int:
    folder: Path = args.folder
    template = resources.files("pushdsl.cli") / "project"
    files = {
        "pushdsl.toml": "pushdsl.toml",
        "rules.push": "rules.push",
        "facts/stock.csv": "stock.csv",
        "facts/listings.csv": "listings.csv",
        "facts/skus.csv": "skus.csv",
    }
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise PushdslError(f"`{folder / taken[0]}` exists already", "choose an empty folder: `pushdsl init my-shop`")
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((template / source).read_text("utf-8"), "utf-8")
        print(f"wrote {target}")
    inside = "" if folder == Path() else f"cd {folder} && "
    print(f"\nNow: {inside}pushdsl plan")
    return 0
