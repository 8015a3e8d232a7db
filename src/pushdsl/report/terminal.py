"""Lines and tables onto standard output."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence


def print_lines(lines: Iterable[str]) -> None:
    """Writes lines to standard output; on a terminal, falls to 0, blocked cells and errors stand out."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(line, style=_style(line)))


def _style(line: str) -> str:
    if (
        line.startswith(("error", "FAILED", "  FAILED", "  Lost", "  Taken off sale"))
        or "   blocked  " in line
        or "→ 0 " in line
    ):
        return "red"
    if line.startswith(("lint", "warning")):
        return "yellow"
    return "" if line.startswith(" ") else "bold"


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for reading; plain text where the output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    console = Console(highlight=False, width=shutil.get_terminal_size((160, 24)).columns)
    with console.capture() as printed:
        console.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
