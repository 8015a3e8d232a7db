"""Paths of rule files in; their trees, the files they use, and their SKU lists out."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from pushdsl.errors import Diagnostic, Fix, PushdslError
from pushdsl.grammar.nodes import File, For, FromFile, Rule, Selector, Skus, Use
from pushdsl.grammar.parser import MAX_BYTES, parse, read_source
from pushdsl.source import Span

CODES: dict[str, str] = {
    "PUSH031": "a file that `use` names cannot be read",
    "PUSH032": "files use each other in a circle",
    "PUSH033": "a path leaves the project folder",
    "PUSH034": "a list cannot be read",
    "PUSH035": "a list is not UTF-8",
    "PUSH036": "a list is empty",
}

# How many files are looked at to find the one that a wrong path probably meant.
_MAX_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """All rule files of a run. `lists` holds the SKUs of each `from` file by (name of the rule file, path as written).

    `diagnostics` are the errors of reading and parsing; `sha256` covers every byte that was read. `complete` is
    false where a whole file is missing or unreadable: then a name that seems unknown may be declared there. `paths`
    are the real paths of `files`, in their order.
    """

    files: tuple[File, ...]
    lists: Mapping[tuple[str, str], tuple[str, ...]]
    diagnostics: tuple[Diagnostic, ...]
    sha256: str
    complete: bool = True
    paths: tuple[Path, ...] = ()


def load(paths: Sequence[Path], unsaved: Mapping[Path, bytes] | None = None) -> Loaded:
    """Read the files and folders of `paths` and all that they use; raises `PushdslError` where a path leads nowhere.

    `unsaved` has the content of rule files, by real path, that are not read from the disk.
    """
    roots = rule_files(paths)
    loading = _Loading(project_folder(paths), unsaved or {})
    loading.read_files(roots)
    loading.find_circles()
    loading.read_lists()
    return Loaded(
        tuple(loading.files.values()),
        loading.lists,
        tuple(loading.diagnostics),
        _sha256(loading.folder, loading.contents),
        loading.complete,
        tuple(loading.files),
    )


def project_folder(paths: Sequence[Path]) -> Path:
    """The nearest folder around the first path that has a `pushdsl.toml`, else the first path's own; links followed."""
    first = Path(os.path.realpath(paths[0])) if paths else Path.cwd()
    folder = first if first.is_dir() else first.parent
    for candidate in (folder, *folder.parents):
        if (candidate / "pushdsl.toml").is_file():
            return candidate
    return folder


def rule_files(paths: Sequence[Path]) -> list[Path]:
    """The files that `paths` stand for: themselves, or all `*.push` below a folder, hidden ones left out."""
    if not paths:
        raise PushdslError("no rule files were given", "name a `.push` file or a folder that holds some")
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(_files_below(path, ".push"))
            if not found:
                raise PushdslError(f"there are no rule files in `{path}`", "rule files end in `.push`")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise PushdslError(f"there is no file or folder `{path}`", _help_for_missing(path))
    return files


def _files_below(folder: Path, suffix: str) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if name.endswith(suffix) and not name.startswith("."))


def _help_for_missing(path: Path) -> str:
    try:
        near = get_close_matches(path.name, sorted(os.listdir(path.parent)), 1)
    except OSError:
        near = []
    return f"did you mean `{path.parent / near[0]}`?" if near else "check the spelling and the current folder"


@dataclass(slots=True)
class _Loading:
    """What has been read so far: everything by real path, in the order of reading."""

    folder: Path
    unsaved: Mapping[Path, bytes]
    files: dict[Path, File] = field(default_factory=dict)
    contents: dict[Path, bytes] = field(default_factory=dict)
    uses: dict[Path, list[tuple[Path, Span]]] = field(default_factory=dict)
    lists: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    complete: bool = True

    def read_files(self, roots: Sequence[Path]) -> None:
        """Parse each file once, the roots first, then what they use in the order of finding it."""
        waiting = [(Path(os.path.realpath(root)), _display_name(root.as_posix())) for root in roots]
        for real, name in waiting:
            if real not in self.files:
                self._read_file(real, name)
                waiting += self._used_files(real)

    def _read_file(self, real: Path, name: str) -> None:
        content = self.unsaved[real] if real in self.unsaved else _content(real, name)
        source, errors = read_source(name, content)
        self.contents[real] = content
        if errors:
            self.complete = False
            self.files[real] = File(source, ())
        else:
            self.files[real], errors = parse(source)
        self.diagnostics += errors

    def _used_files(self, real: Path) -> list[tuple[Path, str]]:
        file = self.files[real]
        self.uses[real] = []
        found = []
        for use in file.declarations:
            if isinstance(use, Use) and (target := self._target(use.path.value, use.path.span, real, "PUSH031")):
                self.uses[real].append((target, use.span))
                found.append((target, _beside(file.source.name, use.path.value)))
        return found

    def _target(self, path: str, span: Span, user: Path, code: str) -> Path | None:
        """The file that a rule file names by `path`, or a diagnostic at `span`."""
        try:
            target = Path(os.path.realpath(user.parent / path))
            if target.is_relative_to(self.folder):
                if target.is_file():
                    with target.open("rb"):
                        return target
                problem = self._missing(path, span, user, code)
            else:
                help = f"move the file into `{self.folder.name}`, or put a `pushdsl.toml` into a folder around both"
                problem = Diagnostic("PUSH033", f"`{_short(path)}` leaves the project folder", span, help)
        except (OSError, ValueError) as error:
            reason = _reason(error)
            problem = Diagnostic(code, f"cannot read `{_short(path)}`: {reason}", span, "check who may read the file")
        self.complete = self.complete and code != "PUSH031"
        self.diagnostics.append(problem)
        return None

    def _missing(self, path: str, span: Span, user: Path, code: str) -> Diagnostic:
        message = f"there is no file `{_short(path)}`"
        suffix = Path(path).suffix or ".push"
        candidates = [
            Path(os.path.relpath(found, user.parent)).as_posix()
            for found in islice(_files_below(self.folder, suffix), _MAX_CANDIDATES)
            if found != user
        ]
        near = get_close_matches(path, candidates, 1, 0.7)
        near = near or [name for name in candidates if Path(name).name == Path(path).name][:1]
        if not near:
            return Diagnostic(code, message, span, "paths are relative to the file they stand in")
        # a term covers its `from` too, which stays
        start = span.end - len(span.text.removeprefix("from").lstrip())
        quoted = f'"{near[0]}"'
        fix = Fix(Span(span.source, start, span.end), quoted, f"write {quoted}")
        return Diagnostic(code, message, span, f"did you mean `{near[0]}`?", fix)

    def find_circles(self) -> None:
        """Report each `use` that closes a circle, with the other uses of the circle beside it."""
        done: set[Path] = set()
        for root in self.uses:
            # the trail: a file, the `use` that led to it, and the uses it still has to follow
            trail: list[tuple[Path, Span | None, Iterator[tuple[Path, Span]]]] = []
            if root not in done:
                trail.append((root, None, iter(self.uses[root])))
            while trail:
                on_trail = [file for file, _, _ in trail]
                for target, span in trail[-1][2]:
                    if target in on_trail:
                        self._report_circle(trail[on_trail.index(target) :], span)
                    elif target not in done:
                        trail.append((target, span, iter(self.uses[target])))
                        break
                else:
                    done.add(trail.pop()[0])

    def _report_circle(
        self, circle: list[tuple[Path, Span | None, Iterator[tuple[Path, Span]]]], closing: Span
    ) -> None:
        names = [self.files[file].source.name for file, _, _ in circle]
        if len(names) == 1:
            message = f"`{_short(names[0])}` uses itself"
        else:
            message = "these files use each other in a circle"
        way = " → ".join(f"`{name}`" for name in (*names, names[0]))
        related = tuple(span for _, span, _ in circle[1:] if span is not None)
        help = f"{way}: move what they share into a file of its own"
        self.diagnostics.append(Diagnostic("PUSH032", message, closing, help, related=related))

    def read_lists(self) -> None:
        """Read the SKUs of every `from` in a rule or a `skus`; a file named several times is read once."""
        for real, file in tuple(self.files.items()):
            for term in _lists_of(file):
                key = (file.source.name, term.path)
                if target := self._target(term.path, term.span, real, "PUSH034"):
                    if target not in self.contents:
                        self.contents[target] = target.read_bytes()
                    problem, self.lists[key] = _skus_of(self.contents[target], term)
                    self.diagnostics += problem


def _content(real: Path, name: str) -> bytes:
    """The bytes of a rule file; one more than allowed is enough to know that it is too large."""
    try:
        with real.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PushdslError(f"cannot read `{name}`: {_reason(error)}", "check who may read the file") from error


def _display_name(path: str) -> str:
    """`path` relative to the current folder where it lies below it."""
    here = Path.cwd()
    return Path(path).relative_to(here).as_posix() if Path(path).is_relative_to(here) else path


def _beside(name: str, path: str) -> str:
    """What messages call the file that the file called `name` names by `path`."""
    return _display_name(Path(os.path.normpath(Path(name).parent / path)).as_posix())


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"…{text[-39:]}"


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or "it is not readable").lower() if isinstance(error, OSError) else "it is not a path"


def _lists_of(file: File) -> Iterator[FromFile]:
    for declaration in file.declarations:
        if isinstance(declaration, Skus):
            yield from _lists_in(declaration.selector)
        elif isinstance(declaration, Rule):
            for statement in declaration.statements:
                if isinstance(statement, For):
                    yield from _lists_in(statement.selector)


def _lists_in(selector: Selector) -> Iterator[FromFile]:
    return (term for term in (*selector.include, *selector.exclude) if isinstance(term, FromFile))


def _skus_of(content: bytes, term: FromFile) -> tuple[list[Diagnostic], tuple[str, ...]]:
    """The SKUs of a list as they stand there: the column `sku` if the first line has one, else the first column."""
    name = _short(term.path)
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Diagnostic("PUSH035", f"`{name}` is not UTF-8: line {line}", term.span, "save it as UTF-8")], ()
    except csv.Error as error:
        return [Diagnostic("PUSH034", f"`{name}` is not a CSV file", term.span, str(error))], ()
    header = bool(rows) and "sku" in rows[0]
    column = rows[0].index("sku") if header else 0
    skus = tuple(row[column] for row in rows[header:] if len(row) > column and row[column].strip())
    if not skus:
        return [Diagnostic("PUSH036", f"`{name}` lists no SKUs", term.span, "put one SKU on each line")], ()
    return [], skus


def _sha256(folder: Path, contents: Mapping[Path, bytes]) -> str:
    """Names within the project and bytes of all that was read, so that the same rules elsewhere give the same hash."""
    digest = hashlib.sha256()
    for name, content in sorted((Path(os.path.relpath(p, folder)).as_posix(), c) for p, c in contents.items()):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


__all__ = ["CODES", "Loaded", "load", "project_folder", "rule_files"]
