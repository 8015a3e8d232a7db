"""`pushdsl run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pushdsl.alerting import limits, telling
from pushdsl.applying import stopped_by
from pushdsl.cli.inputs import add_facts, add_rules, project_of
from pushdsl.cycle import Project, open_project
from pushdsl.daemon import Daemon, Spec
from pushdsl.errors import PushdslError
from pushdsl.report.logs import formatter
from pushdsl.settings import FILE, Settings, read_settings
from pushdsl.wakes import wake_of
from pushdsl.watching import Watch, routes

log = logging.getLogger("pushdsl.run")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    add_facts(parser)
    parser.add_argument("--once", action="store_true", help="push what there is to push, and end")
    parser.add_argument(
        "--tenants", type=Path, metavar="DIR", help="work for every seller with a project folder in DIR"
    )
    parser.add_argument("--lines", action="store_true", help="read events from standard input, one JSON object a line")
    parser.add_argument("--listen", metavar="HOST:PORT", help="take events, webhooks and questions over HTTP there")
    parser.add_argument("--allow-zeroing", action="store_true", help="allow a start that empties much of the stores")
    parser.add_argument(
        "--log", choices=["text", "json"], default="text", help="how to write what happens (default: text)"
    )


def run(args: argparse.Namespace) -> int:
    shared, specs, refused = _sellers(args)
    settings = replace(shared.run, listen=args.listen or shared.run.listen)
    with _logging(args.log):
        wake = None if args.once else wake_of(settings.wake, shared.record_url, settings.stores_at_once)
        daemon = Daemon(settings, shared.record_url, wake)
        return asyncio.run(_work(daemon, specs, refused, args))


def _sellers(args: argparse.Namespace) -> tuple[Settings, list[Spec], dict[str, PushdslError]]:
    """What all share, whom to work for, and whom not and why. Raises PushdslError where there is nobody."""
    if args.tenants is None:
        project = project_of(args)
        return project.settings, [Spec(project, project.settings.tenant)], {}
    shared = read_settings(args.tenants)
    folders = sorted(folder.parent for folder in args.tenants.glob(f"*/{FILE}"))
    if not folders:
        raise PushdslError(
            f"no folder in `{args.tenants}` has a `{FILE}`", "give each seller a folder with rules, facts and settings"
        )
    specs: list[Spec] = []
    refused: dict[str, PushdslError] = {}
    for folder in folders:
        try:
            specs.append(_seller(open_project([folder]), folder, shared.record_url))
        except PushdslError as error:
            refused[folder.name] = error
    if not specs:
        raise next(iter(refused.values()))
    return shared, specs, refused


def _seller(project: Project, folder: Path, record: str) -> Spec:
    """Raises PushdslError where its own commands would look into another record than the daemon writes."""
    settings = project.settings
    if settings.record_url != record or settings.tenant != folder.name:
        raise PushdslError(
            f"`{folder / FILE}` does not name its part of the record that all sellers share",
            f'write `url` as `{folder.parent / FILE}` has it, and `tenant = "{folder.name}"`, under `[record]`',
        )
    return Spec(project, folder.name)


async def _work(
    daemon: Daemon, specs: list[Spec], refused: Mapping[str, PushdslError], args: argparse.Namespace
) -> int:
    stop, watch = asyncio.Event(), _watch(daemon)
    async with daemon.opened():
        with stopped_by(stop, signal.SIGINT, signal.SIGTERM):
            for name, error in refused.items():
                _tell_refused(daemon, name, error)
            all_there = await _take_on(daemon, specs, alone=args.tenants is None, allow_zeroing=args.allow_zeroing)
            if args.once:
                return 0 if await daemon.run_once(stop) and all_there and not refused else 6
            async with telling(daemon.settings, watch.stand, daemon.pace):
                await daemon.run(stop, lines=args.lines)
    return 0


async def _take_on(daemon: Daemon, specs: list[Spec], *, alone: bool, allow_zeroing: bool) -> bool:
    """Whether all sellers are worked for; of several the faults of one are told and stop no other."""
    all_there = True
    for spec in specs:
        try:
            await daemon.add(spec, allow_zeroing=allow_zeroing)
        except PushdslError as error:
            if alone:
                raise
            all_there = False
            _tell_refused(daemon, spec.name, error)
    return all_there


def _tell_refused(daemon: Daemon, name: str, error: PushdslError) -> None:
    log.error("%s", error.message, extra={"tenant": name, "help": error.help, "event": "not taken on"})
    daemon.alarm(name, "not taken on", "", error.message)


def _watch(daemon: Daemon) -> Watch:
    """Sees all that the daemon does, and answers `/metrics` and `/health`."""
    watch = Watch(daemon.pace.now, limits(daemon.settings), daemon.tenants.values)
    watch.intakes = lambda: {name: beside.intake for name, beside in daemon.besides.items()}
    daemon.observer, daemon.alarm, daemon.routes = watch, watch.alarm, routes(watch)
    return watch


@contextmanager
def _logging(kind: str) -> Iterator[None]:
    log, handler = logging.getLogger("pushdsl"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(kind))
    log.addHandler(handler)
    before, log.level = log.level, logging.INFO
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
