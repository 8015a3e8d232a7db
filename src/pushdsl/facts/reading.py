"""A facts folder in; facts and warnings out, or every error of every table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from pushdsl.errors import FactsError, Problem
from pushdsl.facts.assembly import all_skus, facts_of, listing_order
from pushdsl.facts.checks import bundle_problems, spaced_skus, twin_skus
from pushdsl.facts.columns import KEPT
from pushdsl.facts.live import ListingRows, live_columns, lost_rows
from pushdsl.facts.raw import RawTable
from pushdsl.facts.table import Table, empty_table, read_table
from pushdsl.facts.tables import FORMATS, TABLES, TableKind
from pushdsl.model import ABSENT, Facts, RecordedLive


def read_facts(folder: Path, recorded: RecordedLive | None = None) -> tuple[Facts, tuple[Problem, ...]]:
    """Reads the tables of a folder; what the store of record knows replaces their `live`. Returns warnings too.

    Raises FactsError with every problem of every table, the first thousand where there are more.
    """
    files, problems = _table_files(folder)
    tables: dict[str, Table] = {}
    digests: dict[str, bytes] = {}
    for kind in TABLES:
        if path := files.get(kind.name):
            try:
                content = path.read_bytes()
                digests[path.name] = hashlib.sha256(content).digest()
                tables[kind.name] = read_table(kind, raw_table(kind, path.name, content))
                problems += tables[kind.name].problems
            except FactsError as error:
                problems += error.problems
            except OSError as error:
                problems.append(unreadable(path, error))
    problems += _bundle_problems(tables)
    if any(problem.severity == "error" for problem in problems):
        raise FactsError(_cut(problems, sum(table.left_out for table in tables.values())))
    complete = {kind.name: tables.get(kind.name) or empty_table(kind) for kind in TABLES}
    return _assembled(complete, recorded, problems, digests)


# ---- files ------------------------------------------------------------------------------------------


def _table_files(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """The file of each table; what is wrong with the folder. A table in two files is in neither."""
    if not folder.is_dir():
        help = "write the tables `stock` and `listings` there, or name their folder with `--facts`"
        raise FactsError([Problem("PUSH400", "there is no such folder of facts", str(folder), help=help)])
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "~$")))
    of_table = {kind.name: [name for name in names if name in _file_names(kind)] for kind in TABLES}
    strange = [name for name in names if not any(name in found for found in of_table.values())]
    problems = [*_missing(of_table, strange), *_doubled(of_table), *_strange(strange)]
    return {table: folder / found[0] for table, found in of_table.items() if len(found) == 1}, problems


def _file_names(kind: TableKind) -> list[str]:
    return [kind.name + format for format in FORMATS]


def _missing(of_table: Mapping[str, Sequence[str]], strange: Sequence[str]) -> Iterator[Problem]:
    for kind in TABLES:
        if kind.required and not of_table[kind.name]:
            columns = ", ".join(column.name for column in kind.columns if column.required)
            near = get_close_matches(f"{kind.name}.csv", strange, n=1)
            help = f"is it `{near[0]}`?" if near else f"write it with the columns {columns}"
            yield Problem("PUSH401", f"the table `{kind.name}` is missing", f"{kind.name}.csv", help=help)


def _doubled(of_table: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for table, found in of_table.items():
        if len(found) > 1:
            message = f"the table `{table}` stands in {' and '.join(f'`{name}`' for name in found)}"
            yield Problem("PUSH402", message, found[0], help="keep one of the files")


def _strange(strange: Sequence[str]) -> Iterator[Problem]:
    for name in strange:
        if name.lower().endswith(FORMATS):
            stem, format = name.rsplit(".", 1)
            near = get_close_matches(stem.lower(), [kind.name for kind in TABLES], n=1)
            tables = ", ".join(f"`{kind.name}`" for kind in TABLES)
            help = f"did you mean `{near[0]}.{format.lower()}`?" if near else f"the tables are {tables}"
            yield Problem("PUSH403", f"`{name}` is no table, so it is not read", name, help=help, severity="warning")


def raw_table(kind: TableKind, file: str, content: bytes) -> RawTable:
    known = [column.name for column in kind.columns]
    match file.rsplit(".", 1)[1]:
        case "csv":
            from pushdsl.facts.delimited import read_csv

            return read_csv(file, content, known)
        case "jsonl":
            from pushdsl.facts.jsonl import read_jsonl

            return read_jsonl(file, content, known)
        case "parquet":
            from pushdsl.facts.parquet import read_parquet

            return read_parquet(file, content, known)
        case _:
            from pushdsl.facts.workbook import read_workbook

            return read_workbook(file, content, known, kind.name)


def unreadable(path: Path, error: OSError) -> Problem:
    message = f"the file cannot be read: {error.strerror}"
    return Problem("PUSH404", message, path.name, help="look at its permissions and whether another program has it")


# ---- tables together --------------------------------------------------------------------------------


def _bundle_problems(tables: Mapping[str, Table]) -> Iterator[Problem]:
    bundles, stock = tables.get("bundles"), tables.get("stock")
    if bundles is not None and bundles.sound:
        yield from bundle_problems(bundles, stock if stock is not None and stock.sound else None)


def _cut(problems: Sequence[Problem], left_out: int) -> Sequence[Problem]:
    left_out += max(len(problems) - KEPT, 0)
    if not left_out:
        return problems
    rest = f"there are {left_out:,} more problems"
    return [*problems[:KEPT], Problem("PUSH424", rest, problems[0].file, help="mend these, then read again")]


def _assembled(
    tables: Mapping[str, Table], recorded: RecordedLive | None, warnings: list[Problem], digests: Mapping[str, bytes]
) -> tuple[Facts, tuple[Problem, ...]]:
    stock, listings, skus, bundles = (tables[name] for name in ("stock", "listings", "skus", "bundles"))
    order = listing_order(listings)
    rows = ListingRows(listings, order)
    shows = rows.of_table(tables["live"])
    live, recorded_digest = live_columns(tables["live"], shows, recorded, rows)
    if recorded is not None and recorded.unbound:
        recorded_digest += repr(recorded.unbound).encode()
    names = all_skus(stock, listings, skus, bundles)
    sha256 = _covering(digests, recorded_digest)
    facts = facts_of(stock, listings, skus, bundles, live, order, names, sha256)
    if recorded is not None and recorded.unbound:
        facts = _without(facts, rows.of(*map(list, zip(*recorded.unbound, strict=True))).tolist())
    warnings += lost_rows(tables["live"], shows)
    for table in (stock, listings, skus, bundles):
        warnings += spaced_skus(table)
    warnings += twin_skus(names, (stock, listings, skus, bundles))
    return facts, tuple(warnings)


def _without(facts: Facts, rows: Sequence[int]) -> Facts:
    """The facts with these listings inactive, where they are there and were active."""
    unbound = frozenset(row for row in rows if row != ABSENT and facts.listings.active[row])
    facts.listings.active[list(unbound)] = False
    return replace(facts, unbound=unbound)


def _covering(digests: Mapping[str, bytes], recorded: bytes) -> str:
    covered = hashlib.sha256()
    for file in sorted(digests):
        covered.update(file.encode() + b"\0" + digests[file])
    covered.update(recorded)
    return covered.hexdigest()
