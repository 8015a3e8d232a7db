"""`pushdsl replay`: orders of another day, played against local stores that are pushed to meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pushdsl.cli.inputs import add_facts, add_json, moment, project_of
from pushdsl.cli.replay_orders import OrderLine, read_orders
from pushdsl.cli.replay_play import Played, Script, play
from pushdsl.cycle import Project, open_project
from pushdsl.errors import PushdslError
from pushdsl.report.terminal import print_lines
from pushdsl.store import open_existing

SECONDS_MAX = 1e6


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("orders", type=Path, metavar="ORDERS", help="order lines, as a CSV or Parquet file")
    parser.add_argument(
        "rules", nargs="*", type=Path, default=[], metavar="RULES", help="rule files or folders (default: here)"
    )
    add_facts(parser)
    parser.add_argument(
        "--against", type=Path, metavar="RULES", help="play the same under these rules, beside the others"
    )
    parser.add_argument(
        "--speed", type=_seconds, default=0.0, metavar="X",
        help="X times as fast as it was; 0: no waiting, and the same figures each time (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--delay", type=_seconds, default=60.0, metavar="SECONDS",
        help="from an order at its store until our stock hears of it (default: 60)",
    )  # fmt: skip
    parser.add_argument("--from", dest="since", type=moment, metavar="TIME", help="only orders from then on")
    parser.add_argument("--to", dest="until", type=moment, metavar="TIME", help="only orders before then")
    parser.add_argument(
        "--record", metavar="URL", default="", help="an empty record to use, as in PostgreSQL (default: a file for now)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    lines = read_orders(args.orders, args.since, args.until)
    _refuse_used(args)
    project = project_of(args)
    projects = [project] + ([open_project([args.against], project.facts)] if args.against else [])
    played = [_played(one, lines, args) for one in projects]
    names = [_name(one) for one in projects]
    if args.json:
        found = [{"rules": name, **_json(one)} for name, one in zip(names, played, strict=True)]
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_lines(_report(lines, names, played, args))
    return 0 if all(one.shown.right == one.shown.cells for one in played) else 6


def _refuse_used(args: argparse.Namespace) -> None:
    """Raises PushdslError where the record holds something, or would after the first of two plays."""
    if not args.record:
        return
    if args.against:
        raise PushdslError("two plays cannot share one record", "leave out `--record` or `--against`")
    if (used := open_existing(args.record)) is not None:
        used.close()
        raise PushdslError("the record to play on holds something already", "name an empty database or a new file")


def _played(project: Project, lines: Sequence[OrderLine], args: argparse.Namespace) -> Played:
    settings = replace(project.settings.run, sweep=1.0)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(play(project, Script(lines, args.speed, args.delay, settings, args.record), Path(folder)))


def _name(project: Project) -> str:
    return project.paths[0].name or Path.cwd().name


def _report(
    lines: Sequence[OrderLine], names: Sequence[str], played: Sequence[Played], args: argparse.Namespace
) -> Iterator[str]:
    pace = f"{args.speed:g} times as fast as it was" if args.speed else "without waiting"
    yield f"{len(lines):,} order lines from {lines[0].at:%Y-%m-%d %H:%M} to {lines[-1].at:%Y-%m-%d %H:%M}, {pace};"
    yield f"our stock hears of an order {args.delay:g} seconds after its store took it"
    yield ""
    columns = [[name, *_figures(one)] for name, one in zip(names, played, strict=True)]
    wide = max(map(len, LABELS))
    for label, *figures in zip(("", *LABELS), *columns, strict=True):
        cells = (f"{figure:>{max(map(len, column))}}" for figure, column in zip(figures, columns, strict=True))
        yield f"{label:<{wide}}  {'  '.join(cells)}".rstrip()


LABELS = (
    "orders (lines of goods)",
    "  refused: the store showed too few",
    "  listed in no store",
    "  sold",
    "  sold beyond what was there",
    "units sold",
    "units oversold",
    "orders taken back",
    "stock written off",
    "events that our stock took",
    "triggers of listings",
    "  pushed",
    "  skipped",
    "  failed",
    "calls to stores",
    "corrected after reading the stores",
    "event to confirmed push, half within",
    "event to confirmed push, 99 % within",
    "cells that show the plan at the end",
    "triggers a second of work",
)


def _figures(one: Played) -> Iterator[str]:
    """In the order of LABELS."""
    sales = one.sales
    counts = (
        sales.orders, sales.refused, sales.unlisted, sales.sold, sales.oversold, sales.sold_units,
        sales.oversold_units, sales.taken_back, sales.written_off, one.events, one.triggers, one.pushed, one.skipped,
        one.failed, one.calls, one.corrected,
    )  # fmt: skip
    yield from (f"{count:,}" for count in counts)
    yield f"{one.latency(0.5):.1f} s"
    yield f"{one.latency(0.99):.1f} s"
    held = f", {one.shown.held:,} held" if one.shown.held else ""
    yield f"{one.shown.right:,} of {one.shown.cells:,}{held}"
    yield f"{one.triggers / one.seconds:,.0f}"


def _json(one: Played) -> dict[str, object]:
    figures = {key: value for key, value in asdict(one).items() if key != "latencies"}
    return figures | {"latency_p50": one.latency(0.5), "latency_p99": one.latency(0.99)}


def _seconds(text: str) -> float:
    """For argparse: a number from 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"`{text}` is no number from 0 to {SECONDS_MAX:g}")
    return number
