"""`pushdsl verify`: whether the stock in the record is what its events come to."""

from __future__ import annotations

import argparse
import json

from pushdsl.cli.inputs import add_json, add_rules_option, project_of
from pushdsl.ledger import Balance, Difference
from pushdsl.report.texts import visible
from pushdsl.store import open_existing


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules_option(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    settings = project_of(args).settings
    record = open_existing(settings.record_url, tenant=settings.tenant)
    difference = None
    if record is not None:
        with record:
            difference = record.ledger().verify()
    if args.json:
        print(json.dumps({"right": difference is None, "difference": _dict(difference)}, ensure_ascii=False, indent=1))
    elif difference is None:
        print("the stock in the record is what its events come to")
    else:
        print(visible(f"the stock in the record is not what its events come to: {difference}"))
        print("help: do not push by it; put back a copy of the record, or count the SKU anew")
    return 0 if difference is None else 1


def _dict(difference: Difference | None) -> dict[str, object] | None:
    if difference is None:
        return None
    return {
        "event": difference.event,
        "expected": balance_dict(difference.expected),
        "recorded": balance_dict(difference.recorded),
    }


def balance_dict(balance: Balance | None) -> dict[str, object] | None:
    if balance is None:
        return None
    return {
        "on_hand": balance.on_hand,
        "allocated": balance.allocated,
        "available": balance.available,
        "safety": balance.safety,
        "tracked": balance.tracked,
    }
