"""The parse table of the grammar, built once and kept in the user's cache folder.

Building takes a hundred times as long as a small file's parse, and imports Lark; reading the kept table does neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pushdsl


class Reduction(NamedTuple):
    """What happens when a sentence is complete: the last `size` values become one.

    `picks` are the places of the values that become parts, with whether each is a list of parts itself. `action`
    makes a node of the parts; without one they are handed on as a list, or, where `lone`, as the only part.
    """

    symbol: str
    size: int
    picks: tuple[tuple[int, bool], ...]
    action: str | None
    lone: bool


@dataclass(frozen=True, slots=True)
class Table:
    """`moves[state][token]`: the next state, or ~i for reduction i. `follow[state][symbol]`: the state after it."""

    moves: list[dict[str, int]]
    follow: list[dict[str, int]]
    reductions: list[Reduction]
    first: int
    last: int
    # every word of the language by itself, so that tokens share the table's own strings
    words: dict[str, str]

    def after(self, states: Sequence[int], kinds: Iterable[str]) -> list[int] | None:
        """The stack of states once `kinds` are read, from the stack `states` on; None where they cannot be."""
        stack = list(states)
        for kind in kinds:
            while True:
                move = self.moves[stack[-1]].get(kind)
                if move is None:
                    return None
                if move >= 0:
                    stack.append(move)
                    break
                reduction = self.reductions[~move]
                if reduction.size:
                    del stack[-reduction.size :]
                stack.append(self.follow[stack[-1]][reduction.symbol])
                if stack[-1] == self.last:
                    break
        return stack


def load_table(grammar: str, build: Callable[[str], dict[str, Any]]) -> Table:
    """The table of `grammar`, from the cache where one can be trusted, else from `build`."""
    file = _cache_file(grammar)
    if file is not None:
        with suppress(OSError, ValueError, LookupError, TypeError):
            return _table(json.loads(file.read_bytes()))
    plain = build(grammar)
    if file is not None:
        with suppress(OSError):
            _write(file, json.dumps(plain, separators=(",", ":")).encode())
    return _table(plain)


def _cache_file(grammar: str) -> Path | None:
    """Where the table of `grammar` is kept; None where no folder belongs to this user alone."""
    version = f"{pushdsl.__version__} {sys.version_info[:2]} {grammar}"
    name = f"grammar-{hashlib.sha256(version.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, RuntimeError):
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pushdsl")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            return folder / name
    return None


def _is_private(folder: Path) -> bool:
    """Whether nobody else can plant a file: a wrong table would change what rules mean."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _write(file: Path, content: bytes) -> None:
    """Write under another name and rename, so that nobody ever reads half a table."""
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, file)
    except OSError:
        os.unlink(temporary)
        raise


def _table(plain: dict[str, Any]) -> Table:
    reductions = [
        Reduction(symbol, size, tuple((place, is_list) for place, is_list in picks), action, lone)
        for symbol, size, picks, action, lone in plain["reductions"]
    ]
    own = {token: token for row in plain["moves"] for token in row}
    words = {own[word]: own[word] for word in plain["words"]}
    return Table(plain["moves"], plain["follow"], reductions, plain["first"], plain["last"], words)
