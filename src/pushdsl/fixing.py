"""Diagnostics with fixes in; the files as they stand with every fix applied out, and written.

A fix counts only if it leaves no more errors than there were. Nothing is written before that is known.
"""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pushdsl.errors import Diagnostic, Fix, PushdslError
from pushdsl.loader import Loaded

Look = Callable[[Mapping[Path, bytes]], tuple[Loaded, Sequence[Diagnostic]]]
"""What is read and said where these files have this content instead of their own."""

MAX_PASSES: Final = 20
MAX_LOOKS: Final = 200

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Applied:
    """A fix that was applied, at the place where it then stood."""

    file: str
    line: int
    column: int
    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """Which fixes apply, and what the files then hold, with what they held. `looks` counts how often was checked."""

    applied: tuple[Applied, ...]
    before: Mapping[Path, bytes]
    after: Mapping[Path, bytes]


def fixed(look: Look, may_change: Callable[[Path], bool]) -> Fixed:
    """Apply what does not overlap, look again, and so on until nothing more can be fixed."""
    state = _State(look)
    applied: list[Applied] = []
    before: dict[Path, bytes] = {}
    for _ in range(MAX_PASSES):
        chosen = _apart(state.diagnostics)
        paths = {id(file.source): path for path, file in zip(state.loaded.paths, state.loaded.files, strict=True)}
        chosen = [one for one in chosen if id(_source(one)) in paths and may_change(paths[id(_source(one))])]
        for one in chosen:
            path = paths[id(_source(one))]
            if path not in state.contents and path not in before:
                before[path] = path.read_bytes()
        accepted = state.accept(chosen, paths, before)
        applied += [_applied(one) for one in accepted]
        if not accepted:
            break
    return Fixed(tuple(applied), {path: before[path] for path in state.contents}, state.contents)


class _State:
    """What the files hold by now, and what is said of that."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.looks = 0
        self.contents: dict[Path, bytes] = {}
        self.seen: set[tuple[tuple[Path, bytes], ...]] = set()
        self.loaded, self.diagnostics = look({})

    def accept(
        self, chosen: Sequence[Diagnostic], paths: Mapping[int, Path], originals: Mapping[Path, bytes]
    ) -> list[Diagnostic]:
        """Of these the ones that can be applied; where a part brings up what was hidden, its halves are tried apart."""
        start = {**originals, **self.contents}
        accepted: list[Diagnostic] = []
        waiting = [list(chosen)] if chosen else []
        while waiting and self.looks < MAX_LOOKS:
            part = waiting.pop()
            together = [*accepted, *part]
            # each removes an error of its own; one alone may bring up another in its place
            errors = _errors(self.diagnostics) - (_errors(part) if len(part) > 1 else 0)
            if self._better(_with(together, start, paths), errors):
                accepted = together
            elif len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        return accepted

    def _better(self, changed: Mapping[Path, bytes], errors: int) -> bool:
        contents = {**self.contents, **changed}
        key = tuple(sorted(contents.items()))
        if key in self.seen:
            return False
        self.looks += 1
        loaded, diagnostics = self.look(contents)
        if _errors(diagnostics) > errors:
            return False
        self.seen.add(key)
        self.contents, self.loaded, self.diagnostics = contents, loaded, diagnostics
        return True


def _errors(diagnostics: Iterable[Diagnostic]) -> int:
    return sum(one.severity == "error" for one in diagnostics)


def _source(diagnostic: Diagnostic) -> object:
    assert diagnostic.fix is not None
    return diagnostic.fix.span.source


def _apart(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Those whose fixes do not overlap; an error's fix goes before a lint's."""
    taken: dict[int, list[tuple[int, int]]] = {}
    chosen = []
    for one in sorted(diagnostics, key=lambda one: one.severity != "error"):
        if one.fix is None or one.silenced:
            continue
        stretch = one.fix.span.start, one.fix.span.end
        stretches = taken.setdefault(id(one.fix.span.source), [])
        place = bisect_left(stretches, stretch)
        free = (place == 0 or stretches[place - 1][1] <= stretch[0] != stretches[place - 1][0]) and (
            place == len(stretches) or stretch[1] <= stretches[place][0] != stretch[0]
        )
        if free:
            insort(stretches, stretch)
            chosen.append(one)
    return chosen


def _with(chosen: Sequence[Diagnostic], contents: Mapping[Path, bytes], paths: Mapping[int, Path]) -> dict[Path, bytes]:
    """The content of every file that these fixes change."""
    fixes: dict[Path, list[Fix]] = {}
    for one in chosen:
        assert one.fix is not None
        fixes.setdefault(paths[id(one.fix.span.source)], []).append(one.fix)
    return {path: with_fixes(contents[path], found) for path, found in fixes.items()}


def with_fixes(content: bytes, fixes: Iterable[Fix]) -> bytes:
    """The bytes of a file after these fixes, which do not overlap; its BOM and its line ends stay as they are."""
    bom = _BOM if content.startswith(_BOM) else b""
    text = content.removeprefix(_BOM).decode("utf-8")
    # offsets of a fix count each CRLF as one character
    ends = [place - number for number, place in enumerate(_places(text, "\r\n"))]
    line_end = "\r\n" if 2 * len(ends) > text.count("\n") else "\n"
    for fix in sorted(fixes, key=lambda fix: fix.span.start, reverse=True):
        start, end = (offset + bisect_left(ends, offset) for offset in (fix.span.start, fix.span.end))
        text = text[:start] + fix.text.replace("\n", line_end) + text[end:]
    return bom + text.encode("utf-8")


def _places(text: str, searched: str) -> list[int]:
    places, place = [], text.find(searched)
    while place >= 0:
        places.append(place)
        place = text.find(searched, place + len(searched))
    return places


def _applied(one: Diagnostic) -> Applied:
    assert one.fix is not None
    span = one.span or one.fix.span
    return Applied(span.source.name, span.line, span.column, one.code, one.fix.title)


def write(done: Fixed) -> None:
    """Puts each changed file in the place of the old one at once, with its mode. Raises PushdslError."""
    for path, content in done.after.items():
        if path.read_bytes() != done.before[path]:
            raise PushdslError(f"`{path}` has changed while it was fixed", "run `pushdsl check --fix` again")
        _replace(path, content)


def _replace(path: Path, content: bytes) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, path.stat().st_mode & 0o7777)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise PushdslError(f"cannot write `{path}`: {error.strerror}", "check who may write there") from None


__all__ = ["Applied", "Fixed", "fixed", "with_fixes", "write"]
