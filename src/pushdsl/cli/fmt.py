"""`pushdsl fmt`: rule files in the one style."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path

from pushdsl.errors import Diagnostic, PushdslError, RuleError
from pushdsl.formatter import format_text
from pushdsl.grammar.reading import MAX_BYTES, read_source
from pushdsl.loader import rule_files
from pushdsl.report.diagnostics import diagnostic_lines

_BOM = b"\xef\xbb\xbf"
_STANDARD_INPUT = "standard input"


def arguments(parser: argparse.ArgumentParser) -> None:
    help = "rule files or folders (default: here); `-` for standard input to standard output"
    parser.add_argument("rules", nargs="*", type=Path, metavar="RULES", help=help)
    help = "write nothing; name the files that would change, and exit with 3 if there are any"
    parser.add_argument("--check", action="store_true", help=help)
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")


def run(args: argparse.Namespace) -> int:
    if Path("-") in args.rules:
        return _run_on_input(args)
    files = _each_once(rule_files(args.rules or [Path()]))
    changed = failed = broken = 0
    for path in files:
        name = path.as_posix()
        try:
            before = _content(path)
            after = _formatted(name, before)
            if after != before and not (args.check or args.diff):
                _write(path, after)
        except RuleError as error:
            broken += 1
            _show_errors(error.diagnostics)
        except PushdslError as error:
            failed += 1
            print(f"error: {error.message}\nhelp: {error.help}", file=sys.stderr)
        else:
            changed += after != before
            _show(name, before, after, args)
    if not args.diff:
        would = " would change" if args.check else " changed"
        print(f"{changed} of {len(files)} {'file' if len(files) == 1 else 'files'}{would}")
    if broken:
        left = "a file with errors is" if broken == 1 else f"{broken} files with errors are"
        print(f"error: {left} left as before", file=sys.stderr)
    return 1 if failed else 3 if broken or (changed and args.check) else 0


def _run_on_input(args: argparse.Namespace) -> int:
    if len(args.rules) > 1:
        raise PushdslError("`-` stands alone", "format standard input, or files")
    before = sys.stdin.buffer.read(MAX_BYTES + 1)
    after = _formatted(_STANDARD_INPUT, before)
    if args.check or args.diff:
        _show(_STANDARD_INPUT, before, after, args)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(after)
        sys.stdout.buffer.flush()
    return 3 if args.check and after != before else 0


def _each_once(paths: Iterable[Path]) -> list[Path]:
    """Without those that lead to a file which was named before."""
    return list({os.path.realpath(path): path for path in reversed(list(paths))}.values())[::-1]


def _show(name: str, before: bytes, after: bytes, args: argparse.Namespace) -> None:
    if after == before:
        return
    if args.diff:
        sys.stdout.writelines(_diff(name, before.decode("utf-8"), after.decode("utf-8")))
        if args.check:
            print(name, file=sys.stderr)
    else:
        print(name)


def _show_errors(diagnostics: Sequence[Diagnostic]) -> None:
    for diagnostic in diagnostics:
        print("\n".join(diagnostic_lines(diagnostic)), end="\n\n", file=sys.stderr)


# ---- bytes ------------------------------------------------------------------------------------------


def _formatted(name: str, content: bytes) -> bytes:
    """`content` in the one style; its BOM and its kind of line end, the first line's, stay."""
    source, errors = read_source(name, content)
    if errors:
        raise RuleError(errors)
    text = format_text(source)
    first, end, _ = content.partition(b"\n")
    if end and first.endswith(b"\r"):
        text = text.replace("\n", "\r\n")
    return (_BOM if content.startswith(_BOM) else b"") + text.encode("utf-8")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PushdslError(f"cannot read `{path}`: {_reason(error)}", "check who may read the file") from error


def _write(path: Path, content: bytes) -> None:
    """Puts `content` in the place of the file in one step, with the same permissions; a link stays a link."""
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, target.stat().st_mode)
        os.replace(temporary, target)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise PushdslError(f"cannot write `{path}`: {_reason(error)}", "check who may write there") from error


def _reason(error: OSError) -> str:
    return (error.strerror or "it is not possible").lower()


def _diff(name: str, before: str, after: str) -> Iterator[str]:
    for line in unified_diff(_lines(before), _lines(after), name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    ends = [place + 1 for place, character in enumerate(text) if character == "\n"]
    return [text[start:end] for start, end in pairwise([0, *ends, len(text)]) if start < end]
