"""Orders and what is asked of them as JSON text and back: for the record, and for whoever tells of orders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, get_args

from pushdsl.errors import PushdslError
from pushdsl.orders import (
    Ask,
    Cancel,
    ChangeMapping,
    ChangeWarehouse,
    Line,
    Message,
    MoveToPack,
    Order,
    Pack,
    Return,
    Revert,
    Ship,
    ShippedInSellerCenter,
    State,
    Sync,
    Void,
)  # fmt: skip

ASKS: Mapping[str, type[Ask]] = MappingProxyType(
    {
        "sync": Sync,
        "move_to_pack": MoveToPack,
        "pack": Pack,
        "ship": Ship,
        "shipped_in_seller_center": ShippedInSellerCenter,
        "void": Void,
        "revert": Revert,
        "cancel": Cancel,
        "change_mapping": ChangeMapping,
        "change_warehouse": ChangeWarehouse,
        "return": Return,
    }
)
"""What may be asked of an order, by the word that stands for it."""
assert set(ASKS.values()) == set(get_args(Ask))
_WORDS = {kind: word for word, kind in ASKS.items()}


def ask_of(word: str, given: Mapping[str, object]) -> Ask:
    """What is asked, from its word and fields; raises PushdslError where a field is missing, unknown or wrong."""
    if (kind := ASKS.get(word)) is None:
        raise PushdslError(f"`{word}` is nothing that an order can be asked", f"asks are {', '.join(ASKS)}")
    known = {field.name: _KINDS[str(field.type)] for field in fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise PushdslError(f"`{word}` has no field `{name}`", f"its fields: {', '.join(known) or 'none'}")
        if type(value) is not known[name]:
            raise PushdslError(f"`{name}` of `{word}` is no {_NAMES[known[name]]}")
    optional = {"paid", "confirmed"}
    if missing := [name for name in known if name not in given and name not in optional]:
        raise PushdslError(f"`{word}` lacks `{missing[0]}`")
    if given.get("signed", "before") not in ("before", "after"):
        raise PushdslError("`signed` of `return` is neither `before` nor `after`")
    return kind(**given)  # type: ignore[arg-type]  # each value was compared with its field


_KINDS: Mapping[str, type] = {"bool": bool, "str": str, "int": int, "Signed": str}
_NAMES: Mapping[type, str] = {bool: "`true` or `false`", str: "text", int: "whole number"}


def order_text(order: Order) -> str:
    """The whole order, with every message that it has had."""
    body = asdict(order)
    body["taken"] = [
        {"id": m.id, "source": m.source, "sequence": m.sequence, "at": m.at.isoformat(), "ask": asked(m.ask)}
        for m in order.taken
    ]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def order_of(text: str) -> Order:
    """An order from its text; the text is one that `order_text` wrote."""
    body: dict[str, Any] = json.loads(text)
    taken = tuple(
        Message(m["id"], m["source"], m["sequence"], datetime.fromisoformat(m["at"]), _ask(m["ask"]))
        for m in body["taken"]
    )
    return Order(
        store=body["store"],
        id=body["id"],
        payment=body["payment"],
        warehouse=body["warehouse"],
        lines=tuple(Line(**line) for line in body["lines"]),
        state=State(body["state"]),
        taken=taken,
        returned=tuple(Return(**back) for back in body["returned"]),
    )


def asked(ask: Ask) -> dict[str, object]:
    """The word of what is asked under `ask`, and its fields beside it."""
    return {"ask": _WORDS[type(ask)], **asdict(ask)}


def _ask(asked: dict[str, Any]) -> Ask:
    return ask_of(asked.pop("ask"), asked)
