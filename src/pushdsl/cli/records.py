"""`pushdsl records`: pushes as they ended, newest first."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from pushdsl.cli.inputs import add_json, add_rules_option, project_of, whole_number
from pushdsl.errors import PushdslError
from pushdsl.model import REASON_TEXTS, Reason, Record, Status
from pushdsl.planfile import iso
from pushdsl.report.terminal import print_table
from pushdsl.report.texts import visible
from pushdsl.store import RecordStore, open_existing


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules_option(parser)
    parser.add_argument("--store", metavar="STORE", help="only this store")
    parser.add_argument("--store-sku", metavar="SKU", help="only this store SKU")
    parser.add_argument("--sku", metavar="SKU", help="only this merchant SKU, in every store")
    parser.add_argument("--status", choices=[s.value for s in Status], help="only this status")
    parser.add_argument("--reason", type=int, metavar="N", help="only this reason's number")
    parser.add_argument("--kind", metavar="KIND", help="only this kind of failure, as not_found")
    parser.add_argument("--limit", type=whole_number, default=50, metavar="N", help="at most N records (default: 50)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    found = _find(args)
    if args.json:
        print(json.dumps([_dict(r) for r in found], ensure_ascii=False, indent=1))
    elif not found:
        print("no records")
    else:
        print_records(found)
    return 0


def print_records(found: Sequence[Record]) -> None:
    """A table that fits a hundred columns: reasons by number, their texts below."""
    columns = ("when (UTC)", "store", "listing", "before", "sent", "status", "reason", "detail")
    print_table("", columns, [_row(record) for record in found])
    for reason in sorted({record.reason for record in found}):
        print(f"reason {reason}: {REASON_TEXTS.get(Reason(reason), '')}")


def _find(args: argparse.Namespace) -> list[Record]:
    known_filters(args)
    settings = project_of(args).settings
    record = open_existing(settings.record_url, tenant=settings.tenant)
    if record is None:
        return []
    with record:
        return _query(record, args)


def known_filters(args: argparse.Namespace) -> None:
    """Raises PushdslError where `--reason` or `--kind` names none that there is."""
    if args.reason is not None and args.reason not in set(Reason):
        numbers = ", ".join(str(r.value) for r in Reason)
        raise PushdslError(f"there is no reason {args.reason}", f"reasons: {numbers}")
    if args.kind is not None:
        _known_kind(args.kind)


def _known_kind(kind: str) -> None:
    from pushdsl.recorder import KINDS

    if kind not in KINDS:
        raise PushdslError(f"there is no kind of failure `{kind}`", f"kinds: {', '.join(KINDS)}")


def _query(record: RecordStore, args: argparse.Namespace) -> list[Record]:
    return record.records(
        store=args.store,
        store_sku=args.store_sku,
        sku=args.sku,
        status=Status(args.status) if args.status else None,
        reason=args.reason,
        kind=args.kind,
        limit=args.limit,
    )


def _row(record: Record) -> tuple[object, ...]:
    when = (record.finished_at or record.created_at).strftime("%Y-%m-%d %H:%M:%S")
    key = record.key
    detail = record.detail + (f" × {record.count}" if record.count > 1 else "")
    listing = f"{key.store_sku} @ {key.location}" if key.location else key.store_sku
    before = "?" if record.before is None else record.before
    sent = f"{record.quantity} pre-order" if record.mode == "preorder" else f"{record.quantity}"
    return when, key.store, visible(listing), before, sent, record.status.value, record.reason, visible(detail)


def _dict(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "store": record.key.store,
        "store_sku": record.key.store_sku,
        "location": record.key.location,
        "sku": record.sku,
        "rule": record.rule,
        "reason": record.reason,
        "reason_text": REASON_TEXTS.get(Reason(record.reason), ""),
        "status": record.status.value,
        "before": record.before,
        "quantity": record.quantity,
        "mode": record.mode,
        "days": record.days,
        "code": record.code,
        "kind": record.kind,
        "detail": record.detail,
        "count": record.count,
        "created_at": iso(record.created_at),
        "finished_at": iso(record.finished_at) if record.finished_at else None,
    }
