"""What is told as JSON: every shape in, and for every fault a sentence that says what and how to mend it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushdsl.errors import PushdslError
from pushdsl.ledger import Kind, StockEvent, transfer
from pushdsl.model import QUANTITY_MAX, REASON_TEXTS, Reason
from pushdsl.order_text import ASKS
from pushdsl.orders import (
    Ask,
    Cancel,
    ChangeMapping,
    ChangeWarehouse,
    Line,
    Message,
    MoveToPack,
    Order,
    OrderError,
    Pack,
    Return,
    Ship,
    Sync,
)
from pushdsl.told import (
    SEQUENCE_MAX,
    TEXT_MAX,
    OrderTold,
    RefreshTold,
    StockTold,
    event_text,
    order_told_text,
    read_many,
    read_one,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MANUAL = (Path(__file__).parents[1] / "docs" / "events.md").read_text("utf-8")
STOCK = {
    "id": "1", "source": "wms", "sequence": 7, "at": "2026-05-04T20:00:00+08:00", "reason": 2, "warehouse": "kl",
    "sku": "00123", "add": 5,
}  # fmt: skip
TRANSFER = {
    "id": "t", "source": "wms", "sequence": 7, "at": "2026-05-04T12:00:00Z", "sku": "A", "transfer": 4, "from": "kl",
    "to": "jb",
}  # fmt: skip
ORDER = {
    "order": "1001", "store": "shop", "id": "m", "source": "erp", "sequence": 1, "at": "2026-05-04T12:00:00Z",
    "ask": "sync", "paid": True,
}  # fmt: skip
NEW = {"payment": "cod", "warehouse": "kl", "lines": [{"store_sku": "A-RED", "sku": "A", "quantity": 3}]}


def changed(of: dict[str, Any], **changes: Any) -> str:
    """`of` as JSON with other values; `...` leaves a key out."""
    return json.dumps({key: value for key, value in {**of, **changes}.items() if value is not ...})


def fault(text: str | bytes) -> tuple[str, str]:
    with pytest.raises(PushdslError) as caught:
        read_one(text)
    return caught.value.message, caught.value.help


# ---- shapes -----------------------------------------------------------------------------------------


def test_a_stock_event_is_what_it_says_and_its_sku_stays_text() -> None:
    assert read_one(json.dumps(STOCK)) == StockTold(
        (StockEvent("1", "wms", 7, NOON, Reason.STOCK_IN_MANUAL, "kl", "00123", Kind.ADD, 5),)
    )


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_event_has_its_key(kind: Kind) -> None:
    told = read_one(changed(STOCK, **{"add": ..., kind.value: True if kind is Kind.TRACKED else 1}))

    assert isinstance(told, StockTold)
    assert [(event.kind, event.quantity) for event in told.events] == [(kind, 1)]


def test_a_transfer_is_two_events() -> None:
    expected = transfer("t", "wms", 7, NOON, "A", 4, origin="kl", target="jb")

    assert read_one(json.dumps(TRANSFER)) == StockTold(expected)


def test_a_refresh_names_one_sku_or_several() -> None:
    assert read_one('{"refresh": "A"}') == RefreshTold(("A",))
    assert read_one('{"refresh": ["A", "00123"]}') == RefreshTold(("A", "00123"))


def test_an_order_that_is_known_and_one_that_is_not() -> None:
    message = Message("m", "erp", 1, NOON, Sync(paid=True))

    assert read_one(json.dumps(ORDER)) == OrderTold("shop", "1001", message)
    assert read_one(json.dumps({**ORDER, **NEW})) == OrderTold(
        "shop", "1001", message, Order("shop", "1001", "cod", "kl", (Line("A-RED", "A", 3),))
    )


def test_an_unmapped_line_has_no_sku_or_an_empty_one() -> None:
    for line in ({"store_sku": "a", "quantity": 1}, {"store_sku": "a", "sku": "", "quantity": 1}):
        told = read_one(json.dumps({**ORDER, **NEW, "lines": [line]}))
        assert isinstance(told, OrderTold)
        assert told.new is not None
        assert told.new.lines == (Line("a", "", 1),)


@pytest.mark.parametrize(
    ("word", "fields", "ask"),
    [
        ("sync", {}, Sync()),
        ("sync", {"confirmed": True}, Sync(confirmed=True)),
        ("move_to_pack", {}, MoveToPack()),
        ("pack", {}, Pack()),
        ("ship", {}, Ship()),
        ("cancel", {}, Cancel()),
        ("change_mapping", {"store_sku": "a", "sku": "B"}, ChangeMapping("a", "B")),
        ("change_warehouse", {"warehouse": "jb"}, ChangeWarehouse("jb")),
        ("return", {"sku": "A", "quantity": 2, "signed": "after"}, Return("A", 2, "after")),
    ],
)
def test_every_ask_comes_with_its_fields(word: str, fields: dict[str, object], ask: Ask) -> None:
    told = read_one(changed(ORDER, paid=..., ask=word, **fields))

    assert isinstance(told, OrderTold)
    assert told.message.ask == ask


# ---- faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        (changed(STOCK, add=..., alocate=3), "a stock event has no key `alocate`", "did you mean `allocate`?"),
        (changed(STOCK, sku=..., SKU="A"), "a stock event has no key `SKU`", "a stock event has `id`, `source`"),
        (changed(STOCK, add=...), "a stock event has nothing that happened", "give it exactly one of `add`, `alloc"),
        (changed(STOCK, count=5), "a stock event has `add` and `count`", "give it exactly one of"),
        (changed(STOCK, add=1.5), "`add` is the number 1.5 and must be a whole number", "without quotes, point"),
        (changed(STOCK, add="5"), "`add` is text and must be a whole number", "without quotes"),
        (changed(STOCK, add=True), "`add` is true and must be a whole number", ""),
        (changed(STOCK, add=None), "`add` is null and must be a whole number", ""),
        (changed(STOCK, add=10**10), "`add` is 10000000000", "from -1000000000 to 1000000000"),
        (changed(STOCK, add=..., allocate=0), "wants to allocate 0", "from 1 to"),
        (changed(STOCK, add=..., tracked=1), "`tracked` is the number 1 and must be `true` or `false`", ""),
        (changed(STOCK, sku=123), "`sku` is the number 123 and must be text", '`"00123"` and `"123"` are different'),
        (changed(STOCK, sku=""), "`sku` is empty", ""),
        (changed(STOCK, sku=...), "`sku` is missing", "give `sku` text"),
        (changed(STOCK, sku="A\n"), "`sku` has a character that is no letter", ""),
        (changed(STOCK, sku="A\x00"), "`sku` has a character that is no letter", ""),
        (changed(STOCK, sku="\ud800"), "`sku` has a character that is no letter", ""),
        (changed(STOCK, id="x" * (TEXT_MAX + 1)), f"`id` has {TEXT_MAX + 1} characters", f"at most {TEXT_MAX}"),
        (changed(STOCK, sequence=SEQUENCE_MAX + 1), f"`sequence` is {SEQUENCE_MAX + 1}", "from 0 to"),
        (changed(STOCK, sequence=-1), "`sequence` is -1", "from 0 to"),
        (changed(STOCK, reason=18), "`reason` is 18", "reasons are 1 to 17, and 101 to"),
        (changed(STOCK, reason=0), "`reason` is 0", ""),
        (changed(STOCK, at="2026-05-04T12:00:00"), "`at` has no zone", "+08:00"),
        (changed(STOCK, at="2026-05-04"), "`at` has no zone", ""),
        (changed(STOCK, at="yesterday"), "`at` is no time", "2026-05-04T12:00:00+08:00"),
        (changed(STOCK, at="0001-01-01T00:00:00+14:00"), "`at` is in the year 1", ""),
        (changed(STOCK, at=1767182400), "`at` is the number 1767182400 and must be text", ""),
        (changed(TRANSFER, to="kl"), "transfer `t` moves 4 of A from `kl` to `kl`", "from one warehouse to another"),
        (changed(TRANSFER, transfer=0), "`transfer` is 0", "from 1 to"),
        (changed(TRANSFER, warehouse="kl"), "a transfer has no key `warehouse`", ""),
        ('{"refresh": []}', "`refresh` names no SKU", ""),
        ('{"refresh": ["A", 5]}', "`refresh` is the number 5 and must be text", ""),
        ('{"refresh": "A", "sku": "A"}', "a refresh has no key `sku`", ""),
        (changed(ORDER, ask="shipp", paid=...), "`shipp` is nothing that an order can", "did you mean `ship`?"),
        (changed(ORDER, ask=...), "`ask` is missing", ""),
        (changed(ORDER, paid=..., payd=True), "an order's `sync` has no key `payd`", "did you mean"),
        (changed(ORDER, ask="ship"), "an order's `ship` has no key `paid`", ""),
        (changed(ORDER, paid="yes"), "`paid` of `sync` is no `true` or `false`", ""),
        (changed(ORDER, paid=..., ask="return", sku="A", quantity=1), "`return` lacks `signed`", ""),
        (changed(ORDER, store=...), "`store` is missing", ""),
        (changed({**ORDER, **NEW}, lines=...), "`lines` is missing", ""),
        (changed({**ORDER, **NEW}, lines=[]), "it needs lines", ""),
        (changed({**ORDER, **NEW}, lines=["A"]), "a line of the order is text", "store_sku"),
        (changed({**ORDER, **NEW}, lines=[{"store_sku": "a", "qty": 1}]), "a line of an order has no key `qty`", ""),
        (changed({**ORDER, **NEW}, payment="card"), "`payment` is `card`", "an order is `prepaid` or `cod`"),
        (
            changed({**ORDER, **NEW}, paid=..., ask="change_warehouse"),
            "order `1001` is told of and moved at once",
            "tell of it with `sync` first",
        ),
        ("[]", "this is a list and must be an object", ""),
        ("5", "this is the number 5 and must be an object", ""),
        ("", "this is no JSON", ""),
        ("{", "this is no JSON", "send one object"),
        ('{"id": "1", "id": "2"}', "the key `id` stands twice in one object", "leave one of the two out"),
        (b'{"id": "\xff"}', "this is not in UTF-8", ""),
        ("[" * 100_000, "far too large", ""),
        ('{"add": ' + "9" * 5000 + "}", "far too large", ""),
        ('{"refresh": NaN}', "`refresh` is the number NaN and must be text", ""),
    ],
)  # fmt: skip
def test_every_fault_says_what_is_wrong_and_how_to_mend_it(text: str | bytes, message: str, help: str) -> None:
    said, helped = fault(text)

    assert message in said
    assert help in helped


def test_a_text_in_the_bounds_of_every_value_is_taken() -> None:
    told = read_one(changed(STOCK, sku="é" * TEXT_MAX, sequence=SEQUENCE_MAX, add=..., count=-QUANTITY_MAX))

    assert isinstance(told, StockTold)
    assert told.events[0].sequence == SEQUENCE_MAX


# ---- many -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        (json.dumps(STOCK), [1]),
        (json.dumps(STOCK, indent=1), [1]),
        (json.dumps([STOCK, TRANSFER]), [1, 2]),
        (json.dumps([STOCK, TRANSFER], indent=1), [1, 2]),
        (f"{json.dumps(STOCK)}\n\n{json.dumps(TRANSFER)}\r\n", [1, 2]),
        (f"\ufeff{json.dumps(STOCK)}".encode(), [1]),
        ("[]", []),
    ],
)
def test_one_object_a_list_or_a_line_for_each(text: str | bytes, sizes: list[int]) -> None:
    assert [len(told.events) for told in read_many(text) if isinstance(told, StockTold)] == sizes
    assert len(read_many(text)) == len(sizes)


def test_what_is_wrong_with_one_of_many_hinders_no_other() -> None:
    for text in (json.dumps([STOCK, {"id": 1}, STOCK]), f'{json.dumps(STOCK)}\n{{"id": 1}}\n{json.dumps(STOCK)}'):
        assert [type(told) for told in read_many(text)][::2] == [StockTold, StockTold]
        assert isinstance(read_many(text)[1], PushdslError)


@pytest.mark.parametrize("text", [json.dumps([STOCK], indent=1)[:-4], json.dumps(STOCK, indent=1)[:-4], "{}{}", ""])
def test_what_cannot_be_read_as_a_whole_is_one_fault(text: str) -> None:
    with pytest.raises(PushdslError, match="this is no JSON"):
        read_many(text)


# ---- there and back -----------------------------------------------------------------------------------

NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20)
TIMES = st.datetimes(
    datetime(1972, 1, 1),  # noqa: DTZ001  # the zone comes from the strategy
    datetime(9990, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]),
)
QUANTITIES = {
    Kind.ADD: st.integers(-QUANTITY_MAX, QUANTITY_MAX),
    Kind.COUNT: st.integers(-QUANTITY_MAX, QUANTITY_MAX),
    Kind.SAFETY: st.integers(0, QUANTITY_MAX),
    Kind.TRACKED: st.integers(0, 1),
}
SEQUENCES = st.integers(0, SEQUENCE_MAX)


@given(st.data())
def test_a_stock_event_survives_its_text(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(Kind))
    event = StockEvent(
        data.draw(NAMES), data.draw(NAMES), data.draw(SEQUENCES), data.draw(TIMES),
        data.draw(st.sampled_from([*REASON_TEXTS])), data.draw(NAMES), data.draw(NAMES), kind,
        data.draw(QUANTITIES.get(kind, st.integers(1, QUANTITY_MAX))),
    )  # fmt: skip

    assert read_one(event_text(event)) == StockTold((event,))


@pytest.mark.parametrize(
    ("ask", "new"),
    [
        (Sync(paid=True), Order("shop", "1", "cod", "kl", (Line("a", "", 2), Line("b", "B", 1)))),
        (ChangeWarehouse("jb"), None),
        (Return("A", 2, "before"), None),
    ],
)
def test_a_message_about_an_order_survives_its_text(ask: Ask, new: Order | None) -> None:
    told = OrderTold("shop", "1", Message("m", "erp", 3, NOON, ask), new)

    assert read_one(order_told_text(told)) == told


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*STOCK, *TRANSFER, *ORDER, *NEW, "refresh"]), inner, max_size=12)
        ),
        max_leaves=20,
    )
)
def test_nothing_but_an_error_for_the_user_is_ever_raised(said: object) -> None:
    with suppress(PushdslError):
        read_many(json.dumps(said))


# ---- the manual -------------------------------------------------------------------------------------

EXAMPLES = [line for block in re.findall(r"^```json\n(.*?)^```$", MANUAL, re.M | re.S) for line in block.splitlines()]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_of_the_manual_is_read(line: str) -> None:
    assert read_one(line)


def test_the_manual_shows_every_shape() -> None:
    said = [json.loads(line) for line in EXAMPLES]
    keys = {key for one in said for key in one}

    assert {*STOCK, *TRANSFER, *ORDER, *NEW, "refresh", *(kind.value for kind in Kind)} <= keys
    assert {one["ask"] for one in said if "ask" in one} == set(ASKS)


@pytest.mark.parametrize("number", [int(reason) for reason in REASON_TEXTS])
def test_the_manual_has_every_reason(number: int) -> None:
    assert f"| {number} | {REASON_TEXTS[Reason(number)]} |" in MANUAL


def test_what_an_order_cannot_be_is_an_error_of_the_order() -> None:
    with pytest.raises(OrderError):
        read_one(changed({**ORDER, **NEW}, lines=[]))
