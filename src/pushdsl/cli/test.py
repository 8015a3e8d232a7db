"""`pushdsl test`: the tests in rule files."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pushdsl import cycle
from pushdsl.cli.inputs import add_json, add_rules, project_of
from pushdsl.errors import PushdslError
from pushdsl.report.terminal import print_lines

if TYPE_CHECKING:  # numpy comes with them, and is loaded after the rules have been checked
    from pushdsl.trial_coverage import Coverage
    from pushdsl.trials import Trial

BETWEEN_LOOKS_SECONDS = 0.5


def arguments(parser: argparse.ArgumentParser) -> None:
    add_rules(parser)
    parser.add_argument("-k", metavar="TEXT", help="run only the tests whose name has this text, in any case")
    parser.add_argument("--coverage", action="store_true", help="show what of the rules no test reached")
    parser.add_argument(
        "--coverage-min", type=_percent, metavar="PERCENT", help="fail where less of the rules is reached than this"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the results here too, as JUnit's XML")
    parser.add_argument("--watch", action="store_true", help="run again whenever a rule file or a list changes")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if args.watch and args.json:
        raise PushdslError("`--watch` is for reading, and `--json` is for a program", "leave one of the two out")
    if args.watch:
        return watch(args, lambda: time.sleep(BETWEEN_LOOKS_SECONDS))
    return run_once(args)


def run_once(args: argparse.Namespace) -> int:
    """Runs the tests and tells of them; 4 where one failed or too little is covered."""
    rules, _, limits = cycle.read_rules(project_of(args))
    selected = [test for test in rules.tests if args.k is None or args.k.casefold() in test.name.casefold()]
    if not selected:
        raise _nothing_to_run(args.k, [test.name for test in rules.tests])
    from pushdsl import trials
    from pushdsl.report.trials import result_lines, trials_dict
    from pushdsl.trial_coverage import covered

    played: list[Trial] = []

    def play() -> Iterator[Trial]:
        for test in selected:
            played.append(trials.run(rules, limits, test))
            yield played[-1]

    if args.json:
        played.extend(trials.run(rules, limits, test) for test in selected)
    else:
        print_lines(result_lines(play()))
    wants_coverage = args.coverage or args.coverage_min is not None
    reached = covered(rules, played) if wants_coverage else None
    not_selected = len(rules.tests) - len(selected)
    if args.junit is not None:
        _write_junit(args.junit, played)
    if args.json:
        print(json.dumps(trials_dict(played, not_selected, reached), ensure_ascii=False, indent=1))
    else:
        print_lines(_tell(args, played, not_selected, reached))
    enough = args.coverage_min is None or reached is None or reached.percent >= args.coverage_min
    return 0 if enough and all(trial.passed for trial in played) else 4


def _tell(args: argparse.Namespace, played: list[Trial], not_selected: int, reached: Coverage | None) -> Iterator[str]:
    """Everything after the names: what failed, what was not reached, the totals last."""
    from pushdsl.report.trials import coverage_lines, failure_lines, total_line

    yield ""
    for trial in played:
        yield from failure_lines(trial)
    if reached is not None:
        told = list(coverage_lines(reached))
        yield from (*told[:-1], "") if args.coverage and told[:-1] else ()
        least = "" if args.coverage_min is None else f", at least {args.coverage_min}% wanted"
        yield f"coverage: {told[-1]}{least}"
    yield total_line(played, not_selected)


def _nothing_to_run(text: str | None, names: list[str]) -> PushdslError:
    if not names:
        help = 'write one as `test "low stock goes to Shopee" { … }`'
        return PushdslError("there are no tests in these rule files", help)
    count = f"{len(names)} test" + ("" if len(names) == 1 else "s")
    return PushdslError(f"no test has `{text}` in its name", f"there are {count}, one is `{names[0]}`")


def _write_junit(path: Path, played: list[Trial]) -> None:
    from pushdsl.report.junit import junit_xml

    try:
        path.write_text(junit_xml(played), "utf-8", newline="\n")
    except OSError as error:
        raise PushdslError(f"cannot write `{path}`: {error.strerror}", "choose another file for `--junit`") from None


def _percent(text: str) -> int:
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number from 0 to 100")
    return int(text)


# ---- watching ---------------------------------------------------------------------------------------


def watch(args: argparse.Namespace, wait: Callable[[], None]) -> int:
    """Runs the tests now and after every change, until Ctrl-C; `wait` passes the time between two looks."""
    from pushdsl.cli import show

    while True:
        files = _files(args)
        before = _stamps(args, files)
        try:
            run_once(args)
        except PushdslError as error:  # a rule file is often wrong for a while when it is being written
            show(error)
        print("\nwatching, Ctrl-C ends", flush=True)
        while _stamps(args, files) == before:
            wait()
        print()


def _files(args: argparse.Namespace) -> frozenset[Path]:
    """Every file that the tests look at."""
    from pushdsl.loader import load, project_folder

    paths = _paths(args)
    try:
        loaded = load(paths)
    except PushdslError:
        return frozenset(paths)
    places = dict(zip((file.source.name for file in loaded.files), loaded.paths, strict=True))
    lists = {places[name].parent / path for name, path in loaded.lists}
    return frozenset({*loaded.paths, *lists, project_folder(paths) / "pushdsl.toml"})


def _stamps(args: argparse.Namespace, files: frozenset[Path]) -> Mapping[Path, tuple[int, int]]:
    """When each of these files was written last, and its size; new rule files in the folders come with them."""
    new = (found for path in _paths(args) if path.is_dir() for found in path.rglob("*.push"))
    return {path: _stamp(path) for path in (*files, *new)}


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _paths(args: argparse.Namespace) -> tuple[Path, ...]:
    return tuple(args.rules or [Path()])
