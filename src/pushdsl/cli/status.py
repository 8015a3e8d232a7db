"""`pushdsl status`: how every store stands."""

from __future__ import annotations

import argparse
import json

from pushdsl.cli.inputs import add_json, add_rules_option, project_of
from pushdsl.model import Status
from pushdsl.planfile import iso
from pushdsl.report.terminal import print_table
from pushdsl.store import StoreSummary, open_existing


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules_option(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    settings = project_of(args).settings
    record = open_existing(settings.record_url)
    stores: list[StoreSummary] = []
    if record is not None:
        with record:
            stores = list(record.summary())
    if args.json:
        document = {"push_enabled": settings.push_enabled, "stores": [_dict(store) for store in stores]}
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return 0
    print("pushing is on" if settings.push_enabled else "pushing is switched OFF: `[push] enabled` in pushdsl.toml")
    if stores:
        statuses = (status.value for status in _STATUSES)
        columns = ("store", "cells", "unknown", "last success", *statuses, "failures by kind", "unbound")
        print_table("", columns, [_row(store) for store in stores])
    else:
        print("nothing was pushed yet")
    return 0


_STATUSES = tuple(Status)


def _row(store: StoreSummary) -> tuple[object, ...]:
    last = store.last_success.strftime("%Y-%m-%d %H:%M") if store.last_success else "never"
    failures = ", ".join(f"{count} {kind}" for kind, count in sorted(store.failures.items()))
    counts = (store.statuses.get(status, 0) for status in _STATUSES)
    return store.store, store.cells, store.unknown, last, *counts, failures, store.unbound or ""


def _dict(store: StoreSummary) -> dict[str, object]:
    return {
        "store": store.store,
        "cells": store.cells,
        "unknown": store.unknown,
        "last_success": iso(store.last_success) if store.last_success else None,
        "statuses": {status.value: store.statuses.get(status, 0) for status in _STATUSES},
        "failures": dict(sorted(store.failures.items())),
        "unbound": store.unbound,
    }
