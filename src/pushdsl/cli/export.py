"""`pushdsl export`: the records and the plan of now as Parquet files, in a new folder."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pushdsl import cycle
from pushdsl.cli.inputs import add_facts, add_json, add_rules_option, add_since, project_of, warn_about_facts
from pushdsl.cycle import Project
from pushdsl.errors import PushdslError
from pushdsl.model import Plan, Record
from pushdsl.planfile import iso
from pushdsl.report.terminal import print_lines


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that does not exist yet")
    add_since(parser)
    add_rules_option(parser)
    add_facts(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    folder: Path = args.out
    if os.path.lexists(folder):
        raise PushdslError(f"`{folder}` exists already", "name a folder that does not exist yet with `--out`")
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    warn_about_facts(inputs)
    planned = cycle.plan(inputs, cycle.utc_now())
    try:
        rows = _write(folder, _history(project, args.since), planned)
    except OSError as error:
        raise PushdslError(
            f"cannot write `{folder}`: {error.strerror or error}", "choose another folder with `--out`"
        ) from None
    if args.json:
        print(json.dumps(_dict(folder, planned, args.since, rows), ensure_ascii=False, indent=1))
    else:
        print_lines(f"wrote {folder / name}: {count:,} rows" for name, count in rows.items())
    return 0


def _history(project: Project, since: datetime | None) -> Iterator[Sequence[Record]]:
    """All records that were begun or ended since then, by number, some at a time."""
    from pushdsl.store import open_existing

    record = open_existing(project.settings.record_url, tenant=project.settings.tenant)
    if record is None:
        return
    with record:
        last = 0
        while some := record.records_after(last, since=since or datetime(1970, 1, 1, tzinfo=UTC)):
            yield some
            last = some[-1].id


def _write(folder: Path, records: Iterator[Sequence[Record]], planned: Plan) -> dict[str, int]:
    """All files or none: they come under another name first."""
    from pushdsl.report.parquet import write_parquet

    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        rows = write_parquet(unfinished, records, planned)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return rows


def _dict(folder: Path, planned: Plan, since: datetime | None, rows: dict[str, int]) -> dict[str, object]:
    return {
        "format": "pushdsl.export/1",
        "folder": str(folder),
        "at": iso(planned.at),
        "since": iso(since) if since else None,
        "files": [{"file": name, "rows": count} for name, count in rows.items()],
    }
