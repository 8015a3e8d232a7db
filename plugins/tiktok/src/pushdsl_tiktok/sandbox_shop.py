"""Rows of an inventory update and a shop in; what the shop then shows, and TikTok's error rows, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pushdsl.plugins import Fault

DEFAULT_WAREHOUSE = "7068517275539719942"
QUANTITY_MAX = 999_999
SKUS_MAX = 100

PLATFORM_RUN: Mapping[int, str] = {
    12052144: "Platform warehouses cannot be edited.",
    12052382: "Dilayani Tokopedia warehouse quantity cannot be edited.",
}
"""Why the stock of a warehouse is not the seller's to change."""


@dataclass
class Sku:
    """Pieces by warehouse. Those for campaigns and for creators are among the available ones, the committed are not."""

    store_sku: str
    product_id: str
    available: dict[str, int]
    campaign: dict[str, int] = field(default_factory=dict)
    creator: int = 0
    committed: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.available.values())

    @property
    def locked(self) -> int:
        """For campaigns."""
        return sum(self.campaign.values())


@dataclass
class Seller:
    """Who agrees, and whose tokens let the app into all of the seller's shops."""

    number: int
    access_token: str
    access_until: datetime
    refresh_token: str
    refresh_until: datetime
    code: str = ""
    code_until: datetime | None = None
    replaced: set[str] = field(default_factory=set)
    """Access tokens that a newer one has taken the place of."""


@dataclass
class SandboxShop:
    store: str
    number: int
    region: str
    warehouses: tuple[str, ...]
    named: bool
    seller: Seller
    skus: dict[str, Sku] = field(default_factory=dict)
    not_enabled: dict[str, str] = field(default_factory=dict)
    """`effect_status` of warehouses that sell nothing."""
    platform_run: dict[str, int] = field(default_factory=dict)
    """Warehouses that the platform runs, each with the code that refuses a change there."""

    @property
    def id(self) -> str:
        return f"{7_495_000_000_000_000_000 + self.number}"

    @property
    def cipher(self) -> str:
        return f"ROW_sandbox{self.number}"


@dataclass(frozen=True)
class Refusal:
    """Why a whole call or one row is refused."""

    code: int
    message: str
    extras: tuple[Mapping[str, object], ...] = ()

    @property
    def words(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message}

    def row(self, sku_id: str) -> dict[str, object]:
        detail: dict[str, object] = {"sku_id": sku_id}
        if self.extras:
            detail["extra_errors"] = self.extras
        return {**self.words, "detail": detail}


def refused_call(shop: SandboxShop, product_id: str, rows: object) -> Refusal | None:
    """None where the rows can be looked at one by one."""
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        return Refusal(101000, "Invalid parameter `skus`.")
    if not rows:
        words = "The SKU list is empty. Either omit the list entirely, or provide all required details."
        return Refusal(12052902, words)
    if len(rows) > SKUS_MAX:
        return Refusal(12052050, "The product has more than 100 SKUs.")
    if not all(row.get("id") for row in rows):
        return Refusal(12052036, "SKU ID is necessary.")
    if not any(sku.product_id == product_id for sku in shop.skus.values()):
        return Refusal(12052032, "The product does not exist")
    if max(Counter(row["id"] for row in rows).values()) > 1:
        return Refusal(12052553, "The SKU id is duplicated.")
    return None


def set_rows(
    shop: SandboxShop, product_id: str, rows: Sequence[Mapping[str, object]], fault: Fault | None
) -> list[dict[str, object]]:
    """Sets what can be set; the error rows of the rest."""
    if fault == "promotion_begins" and (sku := shop.skus.get(str(rows[0]["id"]))) is not None:
        sku.campaign = dict(sku.available)
    errors: list[dict[str, object]] = []
    for position, row in enumerate(rows):
        refusal = (_FIRST_ROW.get(fault) if position == 0 else None) or _refused_row(shop, product_id, row)
        if refusal is None:
            _set(shop.skus[str(row["id"])], row["inventory"])
        else:
            errors.append(refusal.row(str(row["id"])))
    return errors


def inventory(skus: Mapping[str, Sku]) -> list[dict[str, object]]:
    """What a search answers with, by product."""
    products = dict.fromkeys(sku.product_id for sku in skus.values())
    return [
        {"product_id": product, "skus": [_shown(i, sku) for i, sku in skus.items() if sku.product_id == product]}
        for product in products
    ]


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("id", ""), str):
        return False
    inventory = row.get("inventory")
    return isinstance(inventory, list) and all(
        isinstance(w, dict) and type(w.get("quantity")) is int and isinstance(w.get("warehouse_id", ""), str)
        for w in inventory
    )


_LOCKED = Refusal(12052393, "Product locked for Promotion and stock can't be updated below current stock")
_BELOW_LOCKED = Refusal(12052146, "The quantity cannot be lower than the locked quantity.")
_FIRST_ROW: Mapping[Fault | None, Refusal] = {
    "refuse_row": Refusal(12052037, "Inventory is automatically allocated and cannot be modified manually"),
    "promotion_lock": _LOCKED,
}
"""What the first row of a call is told, right or wrong."""


def _refused_row(shop: SandboxShop, product_id: str, row: Mapping[str, object]) -> Refusal | None:
    """Why a SKU cannot be set, None where it can; it is set at all its warehouses or at none."""
    sku = shop.skus.get(str(row["id"]))
    if sku is None or sku.product_id != product_id:
        return Refusal(12052556, "The SKU id not exist.")
    inventory = row["inventory"]
    assert isinstance(inventory, list)
    sent = [w.get("warehouse_id") or _only(sku) for w in inventory]
    extras = [extra for name in sent if name and (extra := _refused_warehouse(shop, name)) is not None]
    if extras:
        return Refusal(12052990, "The check failed.", tuple(extras))
    if sorted(sent) != sorted(sku.available):
        return Refusal(12019028, "Multiple warehouses detected. Include all warehouse IDs and their details.")
    if not all(0 <= w["quantity"] <= QUANTITY_MAX for w in inventory):
        return Refusal(12019024, f"The SKU stock must be between [0,{QUANTITY_MAX}]")
    total = sum(w["quantity"] for w in inventory)
    if total < sku.locked:
        return _LOCKED
    return _BELOW_LOCKED if total < sku.locked + sku.creator else None


def _refused_warehouse(shop: SandboxShop, name: str) -> Mapping[str, object] | None:
    if name not in shop.warehouses:
        return {"warehouse_id": name, **Refusal(12052097, "The warehouse does not exist").words}
    if (code := shop.platform_run.get(name)) is not None:
        return {"warehouse_id": name, **Refusal(code, PLATFORM_RUN[code]).words}
    return None


def _only(sku: Sku) -> str:
    """The warehouse that may stay unnamed: the SKU's only one."""
    return next(iter(sku.available)) if len(sku.available) == 1 else ""


def _set(sku: Sku, inventory: object) -> None:
    assert isinstance(inventory, list)
    for warehouse in inventory:
        sku.available[warehouse.get("warehouse_id") or _only(sku)] = warehouse["quantity"]


def _shown(sku_id: str, sku: Sku) -> dict[str, object]:
    distribution: dict[str, object] = {"in_shop_inventory": {"quantity": max(0, sku.total - sku.locked - sku.creator)}}
    if sku.locked:
        distribution["campaign_inventory"] = [{"quantity": sku.locked, "campaign_name": "Sandbox campaign"}]
    if sku.creator:
        distribution["creator_inventory"] = [{"quantity": sku.creator, "creator_name": "Sandbox creator"}]
    return {
        "id": sku_id,
        "seller_sku": sku.store_sku,
        "total_available_quantity": sku.total,
        "total_committed_quantity": sum(sku.committed.values()),
        "warehouse_inventory": [
            {"warehouse_id": name, "available_quantity": pieces, "committed_quantity": sku.committed.get(name, 0)}
            for name, pieces in sku.available.items()
        ],
        "total_available_inventory_distribution": distribution,
    }
