"""One shop of the local Lazada: its stock, its campaigns and tokens, and the rules by which Lazada takes a quantity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pushdsl.plugins import Fault, Store
from pushdsl_lazada.sandbox_words import Row, is_quantity, number, text, warehouses_of

DEFAULT_WAREHOUSE = "dropshipping"
QUANTITY_MAX = 999_999

# Of the site: Malaysia, Singapore and the Philippines.
_SITE_TIME = timedelta(hours=8)
_CAMPAIGN_DAYS = 30


@dataclass(frozen=True)
class Campaign:
    """Stock that a campaign locks while it runs. It is listed after its end, too."""

    quantity: int
    begins: datetime
    ends: datetime

    def runs(self, now: datetime) -> bool:
        return self.begins <= now <= self.ends

    def body(self) -> Row:
        begins, ends = (f"{time + _SITE_TIME:%Y-%m-%d %H:%M:%S}" for time in (self.begins, self.ends))
        name = "37ce3f43-f59b-4608-b8b1-773882bd7212"
        return {"channelName": name, "startTime": begins, "endTime": ends, "sellableQuantity": self.quantity}


@dataclass
class Sku:
    store_sku: str
    item_id: str
    sellable: dict[str, int]
    withheld: dict[str, int] = field(default_factory=dict)
    """By orders that are not paid yet."""
    campaigns: dict[str, Campaign] = field(default_factory=dict)

    def reserved(self, warehouse: str, now: datetime) -> int:
        campaign = self.campaigns.get(warehouse)
        return campaign.quantity if campaign is not None and campaign.runs(now) else 0

    def floor(self, now: datetime) -> int:
        """What all warehouses together cannot fall below."""
        return sum(self.reserved(warehouse, now) for warehouse in self.campaigns)

    def reserve(self, warehouse: str, quantity: int, now: datetime) -> None:
        """A campaign that begins now; 0 pieces end the one that runs."""
        if quantity:
            self.campaigns[warehouse] = Campaign(quantity, now, now + timedelta(days=_CAMPAIGN_DAYS))
        else:
            self.campaigns.pop(warehouse, None)


@dataclass
class Shop:
    """Set a field of the second half to make the shop particular."""

    store: Store
    number: int
    warehouses: tuple[str, ...]
    access_token: str
    refresh_token: str
    access_until: datetime
    refresh_until: datetime
    skus: dict[str, Sku] = field(default_factory=dict)

    only_rises: bool = True
    """Whether a Choice shop refuses less than it shows."""
    kept_by_lazada: set[str] = field(default_factory=set)
    """Items of a Choice shop that are not just in time: Lazada keeps their stock."""
    mega_campaign: tuple[str, str] | None = None
    """Beginning and end, in Lazada's words, of a time in which stock may only rise."""
    inactive: set[str] = field(default_factory=set)
    """Warehouses that are switched off."""

    @property
    def named(self) -> bool:
        return any(location.name for location in self.store.locations)

    @property
    def site(self) -> str:
        return self.store.region.upper() or "SG"

    @property
    def seller_id(self) -> str:
        return str(1000 + self.number)

    def has_item(self, item_id: str) -> bool:
        return any(sku.item_id == item_id for sku in self.skus.values())

    def refusal(self, row: Row, understood: str, fault: Fault | None, now: datetime) -> Row | None:
        """Why a `Sku` of a payload cannot be set, as a row of `detail`; None where it can."""
        item_id, sku_id = text(row, "ItemId"), text(row, "SkuId")
        sku = self.skus.get(sku_id)
        about: dict[str, object] = {"item_id": number(item_id)}
        if not self.has_item(item_id):
            return {"code": "E0501", "field": "ItemId", **about, "message": "ITEM_NOT_FOUND"}
        if sku is None or sku.item_id != item_id:
            return {"code": "E0207", "field": "SkuId", **about, "sku_id": number(sku_id), "message": "SKU not exist"}
        named = {**about, "seller_sku": sku.store_sku, "sku_id": number(sku_id)}
        if fault == "refuse_row":
            return {"code": "E4155", "field": "Product", **named, "message": "The product is locked"}
        wanted = self.wanted(row, understood)
        if warehouses_of(row) and self.warehouses == (DEFAULT_WAREHOUSE,):
            words = "a seller with one warehouse must not use MultiWarehouseInventories"
            return {"code": "E0501", "field": "MultiWarehouseInventories", **named, "message": words}
        if unknown := [code for code in wanted if code not in self.warehouses]:
            return {"code": "E0501", "field": "WarehouseCode", **named, "message": f"warehouse {unknown[0]} is invalid"}
        if any(quantity < 0 for quantity in wanted.values()):
            return {"code": "E4152", "field": "SellableQuantity", **named, "message": "The quantity is negative"}
        if any(quantity > QUANTITY_MAX for quantity in wanted.values()):
            words = f"The quantity exceeds the maximum {QUANTITY_MAX}"
            return {"code": "E0501", "field": "SellableQuantity", **named, "message": words}
        if fault == "promotion_lock" or sum({**sku.sellable, **wanted}.values()) < sku.floor(now):
            # Such a row names the item alone.
            return {"code": "E0501", "field": "bizCheck", **about, "message": below_the_campaign(sku_id)}
        return None

    def falls(self, row: Row, understood: str) -> bool:
        """Whether a `Sku` of a payload is less than shown at one of its warehouses."""
        sku = self.skus.get(text(row, "SkuId"))
        wanted = self.wanted(row, understood)
        return sku is not None and any(pieces < sku.sellable.get(place, 0) for place, pieces in wanted.items())

    def wanted(self, row: Row, understood: str) -> dict[str, int]:
        """What is understood of a row, by warehouse; all else in it is ignored, as Lazada does."""
        wanted = {
            text(warehouse, "WarehouseCode"): int(text(warehouse, understood))
            for warehouse in warehouses_of(row)
            if is_quantity(text(warehouse, understood))
        }
        plain = text(row, "SellableQuantity")
        return {self.warehouses[0]: int(plain), **wanted} if is_quantity(plain) else wanted

    def choice_reason(self, item_id: str, sku_id: str, quantity: int, fault: Fault | None, now: datetime) -> str:
        """Why a Choice SKU cannot be set, empty where it can."""
        sku = self.skus.get(sku_id)
        if sku is None or sku.item_id != item_id:
            return "sku not exsits"
        if fault == "refuse_row":
            return "the product is locked"
        if fault == "promotion_lock" or 0 <= quantity < sku.floor(now):
            return below_the_campaign(sku_id)
        if not 0 <= quantity <= QUANTITY_MAX:
            return f"quantity exceeds the range 0 to {QUANTITY_MAX}"
        if self.only_rises and quantity < sum(sku.sellable.values()):
            return "stock of an active product can only be increased"
        return ""

    def item_body(self, item_id: str) -> dict[str, object]:
        skus = [self._sku_body(sku_id, sku) for sku_id, sku in self.skus.items() if sku.item_id == item_id]
        item = {"item_id": int(item_id), "status": "Active", "skus": skus, "suspendedSkus": None, "attributes": {}}
        kind = "1" if item_id in self.kept_by_lazada else "4"
        return {**item, "bizSupplement": {"item_type": kind}} if self.store.choice else item

    def _sku_body(self, sku_id: str, sku: Sku) -> dict[str, object]:
        inventories = list(self._inventories(sku))
        sellable = sum(sku.sellable.values())
        return {
            "Status": "active",
            "SkuId": int(sku_id),
            "SellerSku": sku.store_sku,
            "quantity": sellable,
            "Available": sellable,
            "multiWarehouseInventories": [] if self.store.choice else inventories,
            "fblWarehouseInventories": inventories if self.store.choice else [],
            "channelInventories": [campaign.body() for campaign in sku.campaigns.values()],
        }

    def _inventories(self, sku: Sku) -> Iterator[Mapping[str, object]]:
        """A warehouse beside the first that has nothing of the SKU is left out."""
        for place, sellable in sku.sellable.items():
            withheld = sku.withheld.get(place, 0)
            if sellable or withheld or place == self.warehouses[0]:
                yield {
                    "warehouseCode": place,
                    "sellableQuantity": sellable,
                    "quantity": sellable,
                    "totalQuantity": sellable + withheld,
                    "occupyQuantity": 0,
                    "withholdQuantity": withheld,
                }

    def warehouse_bodies(self) -> list[Row]:
        return [
            {
                "code": code,
                "name": f"Warehouse {place}",
                "detailAddress": f"{place} Jalan Contoh",
                "needToUpdate": False,
                "defaultAddress": place == 1,
                "status": "INACTIVE" if code in self.inactive else "ACTIVE",
            }
            for place, code in enumerate(self.warehouses, 1)
        ]


def below_the_campaign(sku_id: str) -> str:
    return f"negative sellable on channel inventory,entityId={sku_id},id=456"
