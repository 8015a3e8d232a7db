"""A small project on disk, and local stores for it: what several tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushdsl.cli.local_shops import LocalShops, local_shops, open_shops, settings_lines
from pushdsl.cycle import open_project, read_inputs

RULES = """push edition 1

warehouse kl "Kuala Lumpur"

store shopee_my on shopee
store lazada_my on lazada {
  region "MY"
}
store tiktok_my on tiktok

rule "Mugs" {
  for like "MUG-*"
  to shopee_my, lazada_my, tiktok_my
  take kl
  keep back 2 units
}
"""
SIMULATED = RULES.replace(' on lazada {\n  region "MY"\n}', " on simulated")
for _platform in ("shopee", "tiktok"):
    SIMULATED = SIMULATED.replace(f" on {_platform}", " on simulated")
STORES = ("shopee_my", "lazada_my", "tiktok_my")


def make_project(folder: Path, rules: str = RULES, skus: int = 12) -> Path:
    """Rules, twelve mugs in stock and a listing of each in three stores."""
    (folder / "facts").mkdir(parents=True)
    (folder / "pushdsl.toml").write_text("", "utf-8")
    (folder / "rules.push").write_text(rules, "utf-8")
    stock = [f"kl,MUG-{k:02d},{10 + k}" for k in range(skus)]
    write_facts(folder, "stock", "warehouse,sku,on_hand", stock)
    listings = [f"{store},MUG-{k:02d},{1000 + k // 4},{5000 + k},MUG-{k:02d}" for store in STORES for k in range(skus)]
    write_facts(folder, "listings", "store,store_sku,item_id,variant_id,sku", listings)
    return folder


def write_facts(folder: Path, table: str, head: str, rows: list[str]) -> None:
    (folder / "facts" / f"{table}.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")


def edit_file(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@contextmanager
def open_for_business(folder: Path) -> Iterator[LocalShops]:
    """Local stores for the project's rules; the settings to reach them are written to `pushdsl.toml`."""
    project = open_project([folder / "rules.push"])
    inputs = read_inputs(project)
    with local_shops() as shops:
        accounts = open_shops(shops, project.platforms, inputs.rules.stores, inputs.facts)
        lines = [line for account, settings in accounts.items() for line in settings_lines(account, settings)]
        (folder / "pushdsl.toml").write_text("\n".join(lines) + "\n", "utf-8")
        yield shops


def shown(shops: LocalShops, platform: str, store: str) -> dict[str, int]:
    """What a local store shows, by store SKU."""
    return {item.store_sku: item.quantity for item in shops.sandboxes[platform].shown(store)}
