"""`pushdsl events SKU`: what happened to a SKU's stock, newest first, and what it came to."""

from __future__ import annotations

import argparse
import json
from datetime import datetime

from pushdsl.cli.inputs import add_json, add_rules_option, project_of, whole_number
from pushdsl.cli.verify import balance_dict
from pushdsl.errors import PushdslError
from pushdsl.ledger import Balance, StockEvent
from pushdsl.model import REASON_TEXTS, Reason
from pushdsl.planfile import iso
from pushdsl.report.terminal import print_table
from pushdsl.report.texts import visible
from pushdsl.store import LedgerStore, open_existing


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sku", nargs="?", metavar="SKU", help="the merchant SKU")
    parser.add_argument("--put-aside", action="store_true", help="messages that a person has to look at, oldest first")
    add_rules_option(parser)
    parser.add_argument("--limit", type=whole_number, default=50, metavar="N", help="at most N of them (default: 50)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if (args.sku is None) is not args.put_aside:
        raise PushdslError("events are shown of one SKU", "write `pushdsl events SKU`, or `pushdsl events --put-aside`")
    settings = project_of(args).settings
    record = open_existing(settings.record_url, tenant=settings.tenant)
    if record is None:
        print("[]" if args.json else "no events")
        return 0
    with record:
        show = _put_aside if args.put_aside else _events
        show(record.ledger(), args)
    return 0


def _events(ledger: LedgerStore, args: argparse.Namespace) -> None:
    found = ledger.events(args.sku, args.limit)
    if args.json:
        print(json.dumps([_dict(*one) for one in found], ensure_ascii=False, indent=1))
    elif not found:
        print("no events")
    else:
        columns = ("when (UTC)", "warehouse", "what", "quantity", "on hand", "allocated", "reason", "source", "event")
        print_table("", columns, [_row(*one) for one in found])
        for reason in sorted({event.reason for _, event, _ in found}):
            print(f"reason {int(reason)}: {REASON_TEXTS[Reason(reason)]}")


def _row(_: int, event: StockEvent, balance: Balance) -> tuple[object, ...]:
    when, quantity = _short(event.occurred_at), event.quantity
    source, id, warehouse = visible(event.source), visible(event.id), visible(event.warehouse)
    what = event.kind.value
    return when, warehouse, what, quantity, balance.on_hand, balance.allocated, int(event.reason), source, id


def _dict(number: int, event: StockEvent, balance: Balance) -> dict[str, object]:
    return {
        "number": number,
        "id": event.id,
        "source": event.source,
        "sequence": event.sequence,
        "occurred_at": iso(event.occurred_at),
        "warehouse": event.warehouse,
        "sku": event.sku,
        "kind": event.kind.value,
        "quantity": event.quantity,
        "phantom": event.phantom,
        "reason": int(event.reason),
        "reason_text": REASON_TEXTS[Reason(event.reason)],
        "after": balance_dict(balance),
    }


def _put_aside(ledger: LedgerStore, args: argparse.Namespace) -> None:
    """Their text may hold what is nobody's business, so only `--json` prints it."""
    found = ledger.put_aside()[: args.limit]
    if args.json:
        said = [
            {"source": source, "id": id, "received_at": iso(at), "why": why, "text": text}
            for source, id, at, text, why in found
        ]
        print(json.dumps(said, ensure_ascii=False, indent=1))
    elif not found:
        print("no messages were put aside")
    else:
        rows = [(_short(at), visible(source), visible(id), visible(why)) for source, id, at, _, why in found]
        print_table("", ("when (UTC)", "source", "message", "why"), rows)


def _short(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
