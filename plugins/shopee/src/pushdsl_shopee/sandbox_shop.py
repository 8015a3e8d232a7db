"""A shop of the local Shopee: what it shows, and which writes it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pushdsl.plugins import Fault, ListingRef, Mode, Shown, Store
from pushdsl_shopee.sandbox_words import RefusedError, stock_of
from pushdsl_shopee.wire import Fields, whole_number

PROMOTION: Fields = {"promotion_type": "Discount Promotions", "promotion_id": 649_305_216_139_969}

_CATEGORY = 100_017
_WAREHOUSE_OF_SHOPEE = "IDG"


@dataclass(frozen=True)
class Category:
    """The limits of every item."""

    stock_max: int = 10_000_000
    days_to_ship: tuple[int, int] = (7, 30)
    """Fewest and most in pre-order."""
    normal_days_to_ship: int = 2

    def limits(self, named: bool) -> Fields:
        """`named`: the call named a category, and is told of its days too."""
        fewest, most = self.days_to_ship
        dts = {
            "days_to_ship_limit": {"min_limit": fewest, "max_limit": most},
            "non_pre_order_days_to_ship": self.normal_days_to_ship,
        }
        return {"stock_limit": {"min_limit": 0, "max_limit": self.stock_max}, **({"dts_limit": dts} if named else {})}


@dataclass
class Model:
    store_sku: str
    stock: dict[str, int]
    reserved: dict[str, int] = field(default_factory=dict)

    @property
    def reserve(self) -> int:
        return sum(self.reserved.values())


@dataclass
class Item:
    models: dict[int, Model] = field(default_factory=dict)
    status: str = "NORMAL"
    days: int | None = None
    """Days to ship in pre-order; None in normal mode."""
    kept_by_shopee: bool = False
    """Whether its stock lies in Shopee's own warehouse, where the seller cannot set it."""

    @property
    def has_models(self) -> bool:
        return 0 not in self.models

    @property
    def reserve(self) -> int:
        return sum(model.reserve for model in self.models.values())


@dataclass
class Access:
    """The newest code and tokens of a shop, each with its end."""

    code: str
    code_until: datetime
    access_token: str
    access_until: datetime
    refresh_token: str
    refresh_until: datetime


@dataclass
class Shop:
    store: Store
    shop_id: int
    access: Access
    category: Category
    items: dict[int, Item] = field(default_factory=dict)
    holidays: dict[str, int] = field(default_factory=dict)
    """The `holiday_mode_state` of warehouses, where it is not 0."""

    @property
    def locations(self) -> tuple[str, ...]:
        return tuple(location.name for location in self.store.locations if location.name)

    def add(self, ref: ListingRef, quantity: int) -> None:
        """A listing whose ids are no numbers cannot exist at Shopee."""
        item_id, model_id = whole_number(ref.item_id), whole_number(ref.variant_id or "0")
        if item_id is not None and model_id is not None:
            stock = dict.fromkeys(self.locations or ("",), quantity)
            self.items.setdefault(item_id, Item()).models[model_id] = Model(ref.store_sku, stock)

    # As its seller sees it

    def shown(self) -> Iterator[Shown]:
        for item in self.items.values():
            mode: Mode = "normal" if item.days is None else "preorder"
            for model in item.models.values():
                for location, pieces in model.stock.items():
                    reserved = model.reserved.get(location, 0)
                    yield Shown(model.store_sku, location, pieces, reserved, mode, item.days)

    def show(self, shown: Shown) -> None:
        item_id, model_id = self.ids_of(shown.store_sku)
        item = self.items[item_id]
        model, location = item.models[model_id], shown.location or next(iter(self.locations), "")
        model.stock[location], model.reserved[location] = shown.quantity, shown.reserved
        item.days = (shown.days or self.category.days_to_ship[1]) if shown.mode == "preorder" else None

    def ids_of(self, store_sku: str) -> tuple[int, int]:
        return next(
            (item_id, model_id)
            for item_id, item in self.items.items()
            for model_id, model in item.models.items()
            if model.store_sku == store_sku
        )

    # Writes

    def update_stock(self, body: Fields, fault: Fault | None) -> Fields:
        item, wanted = self._editable(body), stock_of(body)
        if item.kept_by_shopee:
            raise RefusedError("error_wms_shop_block_upate_stock", "Warehouse shop can't update stock.")
        if fault == "promotion_begins" and (model := item.models.get(next(iter(wanted)))) is not None:
            model.reserved = dict(model.stock)
        if item.has_models and 0 in wanted:
            words = "Can't to edit item stock directly while item has models."
            raise RefusedError("error_edit_item_stock_for_item_has_model", words)
        if fault == "promotion_lock":
            words = "Model stock cannot be editted when item/model is promotion."
            raise RefusedError("error_model_update_stock_model_in_promotion", words)
        for model_id, stock in wanted.items():
            if (model := item.models.get(model_id)) is not None:
                self._check_locations(stock)
                self._check_stock(model, stock)
        failed = {model_id: "model ID not exist in sku" for model_id in wanted if model_id not in item.models}
        if fault == "refuse_row":
            failed.setdefault(next(iter(wanted)), "this model can not be edited")
        done: list[Fields] = []
        for model_id, stock in wanted.items():
            if model_id not in failed:
                item.models[model_id].stock.update(stock)
                done += [{"model_id": model_id, "location_id": at, "stock": pieces} for at, pieces in stock.items()]
        failures = [{"model_id": model_id, "failed_reason": reason} for model_id, reason in failed.items()]
        return {"success_list": done, "failure_list": failures}

    def _check_locations(self, stock: Mapping[str, int]) -> None:
        if not self.locations:
            if any(stock.keys()):
                words = "You do not have right to use seller location_id, please only fill seller_stock filed."
                raise RefusedError("error_auth", words)
            return
        if "" in stock:
            raise RefusedError("error_busi", "The merchant/shop has multi warehouse, please input location id")
        if stock.keys() - set(self.locations):
            words = "The location_id input is not matched the shop's location_id(more/wrong). Please double check."
            raise RefusedError("error_auth", words)
        if set(self.locations) - stock.keys():
            raise RefusedError("error_auth", "Lack of location_id, please double check.")

    def _check_stock(self, model: Model, stock: Mapping[str, int]) -> None:
        """Raises for the whole call: of these refusals Shopee names no model."""
        most = self.category.stock_max
        if any(pieces < 0 for pieces in stock.values()):
            raise RefusedError("error_stock_less_then_min_limit", "Stock is less than the min limit 0.")
        if any(pieces > most for pieces in stock.values()):
            raise RefusedError("error_stock_bigger_then_limit", f"Stock is bigger than the limit {most}.")
        if sum({**model.stock, **stock}.values()) < model.reserve:
            raise RefusedError("error_auth", "Total stock must be more than reserved stock.")

    def update_item(self, body: Fields, _: Fault | None) -> Fields:
        item = self._editable(body)
        pre_order = body.get("pre_order")
        if pre_order is None:
            return {"item_id": body["item_id"]}
        if not isinstance(pre_order, dict) or not isinstance(pre_order.get("is_pre_order"), bool):
            raise RefusedError("product.error_param", "Wrong parameters, detail: pre_order.")
        days = pre_order.get("days_to_ship")
        if type(days) is not int:
            raise RefusedError("product.error_param", "Wrong parameters, detail: days_to_ship is required.")
        fewest, most = self.category.days_to_ship
        if not pre_order["is_pre_order"]:
            if days != self.category.normal_days_to_ship:
                raise RefusedError("error_invalid_days_to_ship", "Invalid days_to_ship.")
            item.days = None
        elif not fewest <= days <= most:
            raise RefusedError("error_invalid_days_to_ship", "Invalid days_to_ship.")
        elif days != item.days and item.reserve:
            words = "Item cannot be changed to pre-order when item is under promotion.."
            raise RefusedError("error_cannt_edit_pre_order_in_promotion", words)
        else:
            item.days = days
        return {"item_id": body["item_id"], "pre_order": self._pre_order(item)}

    def _editable(self, body: Fields) -> Item:
        """The item of a write; its id must be a JSON integer."""
        if type(body.get("item_id")) is not int:
            raise RefusedError("product.error_param", "Wrong parameters, detail: item_id.")
        item = self._known(body["item_id"])
        if item.status in ("BANNED", "REVIEWING"):
            raise RefusedError("error_item_uneditable", "Can't edit this item. item status can not support editing.")
        return item

    def _known(self, item_id: object) -> Item:
        item = self.items.get(item_id) if isinstance(item_id, int) else None
        if item is None or item.status.endswith("_DELETE"):
            raise RefusedError("error_item_not_found", "Item_id is not found.")
        return item

    # Reads

    def base_info(self, ids: Sequence[int]) -> Fields:
        return {"item_list": [self._item(item_id, self.items[item_id]) for item_id in ids if item_id in self.items]}

    def _item(self, item_id: int, item: Item) -> Fields:
        return {
            "item_id": item_id,
            "category_id": _CATEGORY,
            "item_name": f"Item {item_id}",
            "item_status": item.status,
            "has_model": item.has_models,
            "pre_order": self._pre_order(item),
            **({} if item.has_models else {"stock_info_v2": _stock_info(item, item.models[0])}),
        }

    def _pre_order(self, item: Item) -> Fields:
        days = self.category.normal_days_to_ship if item.days is None else item.days
        return {"is_pre_order": item.days is not None, "days_to_ship": days}

    def model_list(self, item_id: int | None) -> Fields:
        item = self._known(item_id)
        rows = [
            {
                "model_id": model_id,
                "model_sku": model.store_sku,
                "model_status": "MODEL_NORMAL",
                "has_promotion": model.reserve > 0,
                "stock_info_v2": _stock_info(item, model),
            }
            for model_id, model in item.models.items()
            if model_id
        ]
        return {"tier_variation": [], "model": rows}

    def promotions(self, ids: Sequence[int], now: datetime) -> Fields:
        known = [(item_id, self.items[item_id]) for item_id in ids if item_id in self.items]
        unknown = [item_id for item_id in ids if item_id not in self.items]
        return {
            "success_list": [{"item_id": item_id, "promotion": _promotions(item, now)} for item_id, item in known],
            "failure_list": [{"item_id": item_id, "failed_reason": "Item_id is not found."} for item_id in unknown],
        }

    def warehouses(self) -> list[Fields]:
        if not self.locations:
            words = "Your shop is not in multi-warehouse whitelist."
            raise RefusedError("warehouse.error_not_in_whitelist", words)
        return [
            {
                "warehouse_id": number,
                "warehouse_name": f"Warehouse {number}",
                "warehouse_type": 1,
                "location_id": name,
                "region": self.store.region,
                "holiday_mode_state": self.holidays.get(name, 0),
            }
            for number, name in enumerate(self.locations, 1)
        ]


def _stock_info(item: Item, model: Model) -> Fields:
    total = sum(model.stock.values())
    of_seller = [
        {**({"location_id": location} if location else {}), "stock": pieces, "if_saleable": True}
        for location, pieces in model.stock.items()
    ]
    return {
        "summary_info": {
            "total_reserved_stock": model.reserve,
            "total_available_stock": max(0, total - model.reserve),
        },
        "seller_stock": [] if item.kept_by_shopee else of_seller,
        "shopee_stock": [{"location_id": _WAREHOUSE_OF_SHOPEE, "stock": total}] if item.kept_by_shopee else [],
        "advance_stock": {"sellable_advance_stock": 0, "in_transit_advance_stock": 0},
    }


def _promotions(item: Item, now: datetime) -> list[Fields]:
    at = int(now.timestamp())
    return [
        {
            **PROMOTION,
            "model_id": model_id,
            "start_time": at - 3600,
            "end_time": at + 3600,
            "promotion_staging": "ongoing",
            "promotion_stock_info_v2": {"summary_info": {"total_reserved_stock": model.reserve}},
        }
        for model_id, model in item.models.items()
        if model.reserve
    ]
