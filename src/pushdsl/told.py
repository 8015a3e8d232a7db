"""What somebody tells of stock and orders, as JSON, in; stock events, messages about orders and SKUs to refresh out.

Whoever tells it, and however it comes, it is read here: `docs/events.md` has the shapes. Numbers are exact, and SKUs
are text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from typing import Final, NoReturn, TypeVar, get_args

from pushdsl.errors import PushdslError
from pushdsl.ledger import Kind, StockEvent, transfer
from pushdsl.model import QUANTITY_MAX, REASON_TEXTS, Reason
from pushdsl.order_text import ASKS, ask_of, asked
from pushdsl.orders import Line, Message, Order, Payment

TEXT_MAX: Final = 255
"""Characters of an id, a SKU or any other name."""
SEQUENCE_MAX: Final = 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StockTold:
    """What happened to stock: one event, or the two of a transfer."""

    events: tuple[StockEvent, ...]


@dataclass(frozen=True, slots=True)
class OrderTold:
    """A message about an order of a store; `new` is the order as it is if nobody told of it before."""

    store: str
    order: str
    message: Message
    new: Order | None = None


@dataclass(frozen=True, slots=True)
class RefreshTold:
    """SKUs whose listings are to be looked at, though nothing is said to have happened to them (reason 15)."""

    skus: tuple[str, ...]


Told = StockTold | OrderTold | RefreshTold


def read_one(text: str | bytes) -> Told:
    """What one JSON object tells; raises PushdslError."""
    return told_in(_json(text))


def read_many(text: str | bytes) -> list[Told | PushdslError]:
    """What an object, a list of objects, or a line for each object tells: each, or what is wrong with it.

    Raises PushdslError where the whole cannot be read.
    """
    try:
        found = _json(text)
    except PushdslError:
        lines = [line.strip() for line in _decoded(text).split("\n") if line.strip()]
        if len(lines) < 2 or not (lines[0].startswith("{") and lines[0].endswith("}")):
            raise  # one object or list over several lines, and not a line for each object
        return [_or_error(read_one, line) for line in lines]
    if isinstance(found, list):
        return [_or_error(told_in, one) for one in found]
    return [_or_error(told_in, found)]


def told_in(said: object) -> Told:
    """What one object of JSON tells, its keys and values as Python has them; raises PushdslError."""
    if not isinstance(said, dict):
        raise PushdslError(f"this is {_kind_of(said)} and must be an object", 'write it as `{ "id": "…", … }`')
    if "refresh" in said:
        return _refresh(said)
    if "order" in said or "ask" in said:
        return _order_told(said)
    if "transfer" in said:
        return _transfer(said)
    return _stock(said)


def event_text(event: StockEvent) -> str:
    """A stock event as JSON, in the shape that is read here."""
    quantity = bool(event.quantity) if event.kind is Kind.TRACKED else event.quantity
    return _text({
        "id": event.id, "source": event.source, "sequence": event.sequence, "at": event.occurred_at.isoformat(),
        "reason": int(event.reason), "warehouse": event.warehouse, "sku": event.sku, event.kind.value: quantity,
    })  # fmt: skip


def order_told_text(told: OrderTold) -> str:
    """A message about an order as JSON, in the shape that is read here."""
    message, new = told.message, told.new
    body: dict[str, object] = {
        "order": told.order, "store": told.store, "id": message.id, "source": message.source,
        "sequence": message.sequence, "at": message.at.isoformat(), **asked(message.ask),
    }  # fmt: skip
    if new is not None:
        lines = [{"store_sku": x.store_sku, "sku": x.sku, "quantity": x.quantity} for x in new.lines]
        body |= {"payment": new.payment, "warehouse": new.warehouse, "lines": lines}
    return _text(body)


# ---- shapes -----------------------------------------------------------------------------------------

_COMMON = ("id", "source", "sequence", "at")
_KINDS = tuple(kind.value for kind in Kind)
_STOCK = (*_COMMON, "reason", "warehouse", "sku", *_KINDS)
_TRANSFER = (*_COMMON, "sku", "transfer", "from", "to")
_ORDER = ("order", "store", *_COMMON, "ask")
_NEW_ORDER = ("payment", "warehouse", "lines")
_LINE = ("store_sku", "sku", "quantity")


def _stock(said: Mapping[str, object]) -> StockTold:
    _only(said, _STOCK, "a stock event")
    kinds = [kind for kind in _KINDS if kind in said]
    if len(kinds) != 1:
        have = " and ".join(f"`{kind}`" for kind in kinds) or "nothing that happened"
        raise PushdslError(f"a stock event has {have}", f"give it exactly one of {_listed(_KINDS)}")
    kind = Kind(kinds[0])
    event = StockEvent(
        id=_name(said, "id"),
        source=_name(said, "source"),
        sequence=_whole(said, "sequence", 0, SEQUENCE_MAX),
        occurred_at=_moment(said, "at"),
        reason=_reason(said),
        warehouse=_name(said, "warehouse"),
        sku=_name(said, "sku"),
        kind=kind,
        quantity=int(_flag(said, "tracked")) if kind is Kind.TRACKED else _whole(said, kind.value),
    )
    return StockTold((event,))


def _transfer(said: Mapping[str, object]) -> StockTold:
    _only(said, _TRANSFER, "a transfer")
    events = transfer(
        _name(said, "id"),
        _name(said, "source"),
        _whole(said, "sequence", 0, SEQUENCE_MAX),
        _moment(said, "at"),
        _name(said, "sku"),
        _whole(said, "transfer", 1, QUANTITY_MAX),
        origin=_name(said, "from"),
        target=_name(said, "to"),
    )
    return StockTold(events)


def _refresh(said: Mapping[str, object]) -> RefreshTold:
    _only(said, ("refresh",), "a refresh")
    skus = said["refresh"]
    if not isinstance(skus, list):
        return RefreshTold((_name(said, "refresh"),))
    if not skus:
        raise PushdslError("`refresh` names no SKU", "name one, or leave the whole message out")
    return RefreshTold(tuple(_name({"refresh": sku}, "refresh") for sku in skus))


def _order_told(said: Mapping[str, object]) -> OrderTold:
    word = _text_in(said, "ask")
    if word not in ASKS:
        near = get_close_matches(word, ASKS, n=1)
        help = f"did you mean `{near[0]}`?" if near else f"asks are {_listed(ASKS)}"
        raise PushdslError(f"`{word}` is nothing that an order can be asked", help)
    of_ask = tuple(field.name for field in fields(ASKS[word]))
    of_new = tuple(key for key in _NEW_ORDER if key not in of_ask)
    _only(said, (*_ORDER, *of_ask, *of_new), f"an order's `{word}`")
    for key in of_ask:
        if isinstance(said.get(key), str) and key != "signed":
            _name(said, key, empty=key == "sku")
    message = Message(
        id=_name(said, "id"),
        source=_name(said, "source"),
        sequence=_whole(said, "sequence", 0, SEQUENCE_MAX),
        at=_moment(said, "at"),
        ask=ask_of(word, {key: said[key] for key in of_ask if key in said}),
    )
    store, id = _name(said, "store"), _name(said, "order")
    if not any(key in said for key in of_new):
        return OrderTold(store, id, message)
    if "warehouse" in of_ask:
        raise PushdslError(f"order `{id}` is told of and moved at once", "tell of it with `sync` first, then move it")
    return OrderTold(store, id, message, _new_order(said, store, id))


def _new_order(said: Mapping[str, object], store: str, id: str) -> Order:
    payment = _text_in(said, "payment")
    if payment not in get_args(Payment):
        raise PushdslError(f"`payment` is `{payment}`", f"an order is {_listed(get_args(Payment), 'or')}")
    lines = said.get("lines")
    if not isinstance(lines, list):
        raise _wrong("lines", lines, "a list", said)
    return Order(store, id, payment, _name(said, "warehouse"), tuple(map(_line, lines)))  # type: ignore[arg-type]  # one of both


def _line(said: object) -> Line:
    if not isinstance(said, dict):
        raise PushdslError(
            f"a line of the order is {_kind_of(said)}", 'write it as `{ "store_sku": "…", "sku": "…", "quantity": 1 }`'
        )
    _only(said, _LINE, "a line of an order")
    sku = _name(said, "sku", empty=True) if "sku" in said else ""
    return Line(_name(said, "store_sku"), sku, _whole(said, "quantity", 1, QUANTITY_MAX))


# ---- values -----------------------------------------------------------------------------------------


def _name(said: Mapping[str, object], key: str, *, empty: bool = False) -> str:
    text = _text_in(said, key)
    if not text and not empty:
        raise PushdslError(f"`{key}` is empty", f"give `{key}` a text")
    if len(text) > TEXT_MAX:
        raise PushdslError(f"`{key}` has {len(text)} characters", f"give it at most {TEXT_MAX}")
    if any(letter < " " or "\ud800" <= letter <= "\udfff" for letter in text):
        raise PushdslError(f"`{key}` has a character that is no letter, such as a line break", "leave it out")
    return text


def _text_in(said: Mapping[str, object], key: str) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise _wrong(key, value, "text", said, 'put it in quotes: `"00123"` and `"123"` are different SKUs')
    return value


def _whole(said: Mapping[str, object], key: str, low: int = -QUANTITY_MAX, high: int = QUANTITY_MAX) -> int:
    value = said.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(key, value, "a whole number", said, "write it without quotes, point or exponent")
    if not low <= value <= high:
        raise PushdslError(f"`{key}` is {_short(value)}", f"give a whole number from {low} to {high}")
    return value


def _flag(said: Mapping[str, object], key: str) -> bool:
    value = said.get(key)
    if not isinstance(value, bool):
        raise _wrong(key, value, "`true` or `false`", said)
    return value


def _reason(said: Mapping[str, object]) -> Reason:
    number = _whole(said, "reason")
    if number not in set(REASON_TEXTS):
        ours = [int(reason) for reason in REASON_TEXTS if reason > 100]
        raise PushdslError(f"`reason` is {number}", f"reasons are 1 to 17, and {min(ours)} to {max(ours)}")
    return Reason(number)


def _moment(said: Mapping[str, object], key: str) -> datetime:
    written = _text_in(said, key)
    try:
        at = datetime.fromisoformat(written)
        zone = at.utcoffset()
    except ValueError:
        raise PushdslError(f"`{key}` is no time", "write it like `2026-05-04T12:00:00+08:00`") from None
    if zone is None:
        raise PushdslError(f"`{key}` has no zone", "write it like `2026-05-04T12:00:00+08:00`, or with `Z` for UTC")
    if not 1971 <= at.year <= 9998:
        raise PushdslError(f"`{key}` is in the year {at.year}", "give the time at which it happened")
    return at


def _only(said: Mapping[str, object], known: Sequence[str], what: str) -> None:
    for key in said:
        if key not in known:
            near = get_close_matches(key, [other for other in known if other not in said] or known, n=1)
            help = f"did you mean `{near[0]}`?" if near else f"{what} has {_listed(known)}"
            raise PushdslError(f"{what} has no key `{_short(key)}`", help)


def _wrong(key: str, value: object, wanted: str, said: Mapping[str, object], help: str = "") -> PushdslError:
    if key not in said:
        near = get_close_matches(key, [other for other in said if other not in _STOCK], n=1)
        return PushdslError(f"`{key}` is missing", f"is it `{near[0]}`?" if near else f"give `{key}` {wanted}")
    return PushdslError(f"`{key}` is {_kind_of(value)} and must be {wanted}", help or f"give `{key}` {wanted}")


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the number {_short(value)}"
        case _Fraction():
            return f"the number {_short(value.written)}"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _short(value: object) -> str:
    try:
        text = str(value)
    except ValueError:  # thousands of digits
        return "far too large"
    return text if len(text) <= 40 else f"{text[:40]}…"


def _listed(names: Sequence[str] | Mapping[str, object], word: str = "") -> str:
    quoted = [f"`{name}`" for name in names]
    return f" {word} ".join(quoted) if word else ", ".join(quoted)


# ---- JSON -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fraction:
    """A number with a point or an exponent: kept as it was written, to be refused by its key's name."""

    written: str


def _json(text: str | bytes) -> object:
    try:
        return json.loads(
            _decoded(text), parse_float=_Fraction, parse_constant=_Fraction, object_pairs_hook=_each_key_once
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, character {error.colno}" if error.lineno > 1 else f"character {error.colno}"
        raise PushdslError(f"this is no JSON: {error.msg.lower()} at {place}", "send one object, or a list") from None
    except (ValueError, RecursionError):
        raise PushdslError(
            "this JSON has a number or a nesting that is far too large", "send objects as `docs/events.md` has them"
        ) from None


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PushdslError("this is not in UTF-8", "send JSON in UTF-8") from None


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _twice([key for key, _ in pairs])
    return found


def _twice(keys: Sequence[str]) -> NoReturn:
    twice = next(key for place, key in enumerate(keys) if key in keys[:place])
    raise PushdslError(f"the key `{_short(twice)}` stands twice in one object", "leave one of the two out")


def _or_error(read: Callable[[T], Told], said: T) -> Told | PushdslError:
    try:
        return read(said)
    except PushdslError as error:
        return error


def _text(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
