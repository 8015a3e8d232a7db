"""The bytes of a JSON Lines file in, one object a line; its columns out."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection
from typing import NoReturn

from pushdsl.errors import Problem
from pushdsl.facts.raw import Cells, RawTable


def read_jsonl(file: str, content: bytes, known: Collection[str]) -> RawTable:
    """A key that a line does not have is a blank cell. A line that is no JSON object is a problem of its own."""
    header: dict[str, None] = {}
    columns: dict[str, list[object]] = {}
    lines = array("q")
    problems: list[Problem] = []
    for number, text in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            row = _object(text)
        except ValueError as error:
            problems.append(_not_an_object(file, number, error))
            continue
        header |= dict.fromkeys(row)
        for name in row.keys() - columns.keys():
            if name in known:
                columns[name] = [None] * len(lines)
        lines.append(number)
        for name, cells in columns.items():
            cells.append(row.get(name))
    if not lines and not problems:
        header = dict.fromkeys(known)  # a table without rows names no columns
    cells_of: dict[str, Cells] = {name: columns[name] for name in header if name in columns}
    return RawTable(file, tuple(header), cells_of, len(lines), lines.__getitem__, None, problems)


def _object(text: bytes) -> dict[str, object]:
    row = _DECODER.decode(text.decode())
    if not isinstance(row, dict):
        raise ValueError("the line is no JSON object")
    if b"\\ud" in text.lower():
        for part in (*row, *row.values()):
            str(part).encode()  # half a surrogate pair is no text: raises UnicodeEncodeError
    return row


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("the line has a key twice")
    return row


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _not_an_object(file: str, line: int, error: ValueError) -> Problem:
    if isinstance(error, UnicodeError):
        return Problem("PUSH404", "the line is not UTF-8 text", file, line, help="save the file as UTF-8")
    message = f"the line is not JSON: {error.msg.lower()}" if isinstance(error, json.JSONDecodeError) else str(error)
    return Problem("PUSH405", message, file, line, help='write one object a line, as in `{"sku": "A", "on_hand": 5}`')
