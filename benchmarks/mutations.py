"""One slip in a rule file in; how many errors it gives, and how far from the slip the first one stands.

python benchmarks/mutations.py --mutations 4000
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic
from pushdsl.grammar.nodes import File
from pushdsl.grammar.parser import parse
from pushdsl.loader import Loaded, load
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.source import SourceText

ROOT = Path(__file__).parents[1]
SEED = 1
TOKEN = re.compile(r'"[^"\n]*"|->|[0-9][0-9_.]*|\w+|[^\s\w]')
COMMENT = re.compile(r'("[^"\n]*")|#[^\n]*')
KINDS = ("delete", "replace", "insert", "white space")


class Base(NamedTuple):
    """A rule file without errors, and the pieces that a slip may hit: its tokens outside comments."""

    name: str
    folder: Path | None
    text: str
    tokens: list[tuple[int, int]]


class Slip(NamedTuple):
    """A text with one slip, between `start` and `end`."""

    base: Base
    kind: str
    what: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The errors of a text with a slip, those of reading it alone and those of the whole check."""

    slip: Slip
    read: tuple[Diagnostic, ...]
    checked: tuple[Diagnostic, ...]
    crash: str = ""


# ---- slips --------------------------------------------------------------------------------------------


def bases() -> list[Base]:
    """Every rule file of the examples, and one with every statement of the language."""
    examples = sorted((ROOT / "examples").glob("*/*.push"))
    found = [_base(path, path.parent) for path in examples]
    return [*found, _base(Path(__file__).with_name("every_statement.push"), None)]


def _base(path: Path, folder: Path | None) -> Base:
    text = path.read_text("utf-8")
    code = COMMENT.sub(lambda found: found[1] or " " * len(found[0]), text)
    name = str(path.relative_to(ROOT))
    return Base(name, folder, text, [found.span() for found in TOKEN.finditer(code)])


def slips(count: int, seed: int = SEED) -> Iterator[Slip]:
    """`count` texts with one slip each: four in five delete, replace or insert a token, the rest is white space."""
    chosen = random.Random(seed)
    files = bases()
    weights = [len(base.tokens) ** 0.5 for base in files]
    for _ in range(count):
        (base,) = chosen.choices(files, weights)
        yield slip(base, chosen)


def slip(base: Base, chosen: random.Random) -> Slip:
    place = chosen.randrange(len(base.tokens))
    if chosen.random() < 0.2:
        return _white_space(base, place, chosen)
    return _token(base, place, chosen)


def _token(base: Base, place: int, chosen: random.Random) -> Slip:
    start, end = base.tokens[place]
    other = base.text[slice(*chosen.choice(base.tokens))]
    written = base.text[start:end]
    match chosen.choice(KINDS[:3]):
        case "delete":
            stop = end + (base.text[end : end + 1] == " ")
            return _changed(base, "delete", f"without {written}", start, stop, "")
        case "replace":
            return _changed(base, "replace", f"{other} for {written}", start, end, other)
        case _:
            return _changed(base, "insert", f"{other} before {written}", start, start, f"{other} ")


def _white_space(base: Base, place: int, chosen: random.Random) -> Slip:
    place = min(place, len(base.tokens) - 2)
    start, end = base.tokens[place]
    after = base.tokens[place + 1][0]
    between = base.text[end:after]
    ways: list[Callable[[], Slip]] = [
        lambda: _changed(base, "white space", "line broken", end, after, f"\n{between.strip(' ')}"),
        lambda: _changed(base, "white space", "no-break space", end, after, f"{between}\u00a0"),
    ]
    if "\n" in between and "#" not in between:
        ways.append(lambda: _changed(base, "white space", "lines joined", end, after, " "))
    if between == " ":
        ways.append(lambda: _changed(base, "white space", "space left out", end, after, ""))
    if end - start > 1:
        middle = chosen.randrange(start + 1, end)
        ways.append(lambda: _changed(base, "white space", "word divided", middle, middle, " "))
    return chosen.choice(ways)()


def _changed(base: Base, kind: str, what: str, start: int, end: int, text: str) -> Slip:
    whole = f"{base.text[:start]}{text}{base.text[end:]}"
    return Slip(base, kind, what, whole, start, max(end, start + len(text)))


# ---- what they give -----------------------------------------------------------------------------------


class Checking:
    """The whole check of a text in the place of its file, among the other files of its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.platforms = InstalledPlatforms()

    def errors(self, base: Base, text: str) -> tuple[Diagnostic, ...]:
        place = self.folder / (base.folder.name if base.folder else "alone")
        if not place.exists():
            if base.folder:
                shutil.copytree(base.folder, place, ignore=shutil.ignore_patterns("__pycache__", "*.xlsx"))
            place.mkdir(exist_ok=True)
        file = place / Path(base.name).name
        file.write_text(text, "utf-8", newline="")
        try:
            return self.errors_of(load([file]))
        finally:
            # another file of the folder may use this one
            file.write_text(base.text, "utf-8", newline="")

    def errors_of(self, loaded: Loaded) -> tuple[Diagnostic, ...]:
        return _only_errors(diagnose(loaded, self.platforms)[1])


def read_errors(text: str) -> tuple[Diagnostic, ...]:
    file, diagnostics = parse(SourceText("rules.push", text))
    assert isinstance(file, File)
    return _only_errors(diagnostics)


def _only_errors(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(found for found in diagnostics if found.severity == "error")


def outcomes(made: Iterator[Slip]) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        checking = Checking(Path(folder))
        for one in made:
            try:
                read = read_errors(one.text)
                yield Outcome(one, read, checking.errors(one.base, one.text))
            except Exception as error:
                yield Outcome(one, (), (), f"{type(error).__name__}: {error}")


def near(one: Slip, found: Diagnostic) -> bool:
    """Whether an error stands within a line of the slip, or says that what is wrong stands there."""
    if found.span is None:
        return False
    first = one.text.count("\n", 0, one.start) - 1
    last = one.text.count("\n", 0, one.end) + 1
    return first <= one.text.count("\n", 0, found.span.start) <= last


# ---- five at once -------------------------------------------------------------------------------------


def five_broken(files: int, seed: int = SEED) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Lines of the errors of files in which five statements are broken, and the lines of those statements.

    A statement is broken by a token in the place of another, so that it gives one error where it stands alone. Signs
    that join lines or open and close blocks are left to the single slips: two of them make something else together.
    """
    chosen = random.Random(seed)
    base = _base(Path(__file__).with_name("every_statement.push"), None)
    lines = base.text.split("\n")
    statements = [
        number for number, line in enumerate(lines) if line.startswith("  ") and not line.endswith(("{", "}"))
    ]
    for _ in range(files):
        broken = sorted(chosen.sample(statements, 5))
        mixed = list(lines)
        for number in broken:
            mixed[number] = _broken(base, lines, number, chosen)
        found = tuple(error.span.line for error in read_errors("\n".join(mixed)) if error.span)
        yield found, [number + 1 for number in broken]


def _broken(base: Base, lines: list[str], number: int, chosen: random.Random) -> str:
    line = lines[number]
    tokens = [found.span() for found in TOKEN.finditer(line)]
    while True:
        start, end = chosen.choice(tokens)
        other = base.text[slice(*chosen.choice(base.tokens))]
        if other in (",", "=", "{", "}"):
            continue
        changed = f"{line[:start]}{other}{line[end:]}"
        alone = read_errors("\n".join([*lines[:number], changed, *lines[number + 1 :]]))
        if [error.span.line for error in alone if error.span] == [number + 1]:
            return changed


# ---- figures ------------------------------------------------------------------------------------------


def accepted_because(one: Slip) -> str:
    """What a slip made that the check takes for a rule file without errors."""
    before, _ = parse(SourceText("rules.push", one.base.text))
    after, _ = parse(SourceText("rules.push", one.text))
    if before.declarations == after.declarations:
        return "it means the same"
    code = COMMENT.sub(lambda found: found[1] or "", one.text)
    difference = len(TOKEN.findall(code)) - len(one.base.tokens)
    if difference == 0:
        return "another name, text, number or word that may stand there"
    return "something less, and still a sentence" if difference < 0 else "something more, and still a sentence"


def row(name: str, slips_made: int, found: Sequence[tuple[Slip, tuple[Diagnostic, ...]]]) -> str:
    with_errors = [(one, errors) for one, errors in found if errors]
    total = len(with_errors) or 1
    counts = Counter(min(len(errors), 4) for _, errors in with_errors)
    close = sum(near(one, errors[0]) for one, errors in with_errors)
    share = [f"{100 * counts[count] / total:.1f} %" for count in (1, 2, 3, 4)]
    return f"| {name} | {slips_made} | {len(with_errors)} | {' | '.join(share)} | {100 * close / total:.2f} % |"


HEAD = """| {} | slips | with errors | exactly 1 | 2 | 3 | 4 or more | first within a line |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def print_figures(found: Sequence[Outcome], five: Sequence[tuple[tuple[int, ...], list[int]]]) -> None:
    crashes = [outcome for outcome in found if outcome.crash]
    print(f"{len(found)} slips, {len(crashes)} crashes, {len(found) - len(crashes)} trees\n")
    stages: dict[str, Callable[[Outcome], tuple[Diagnostic, ...]]] = {
        "reading": lambda outcome: outcome.read,
        "the whole check": lambda outcome: outcome.checked,
    }
    for stage, errors_of in stages.items():
        print(HEAD.format(stage))
        for kind in (*KINDS, "all"):
            some = [(one.slip, errors_of(one)) for one in found if kind in ("all", one.slip.kind)]
            print(row(kind, len(some), some))
        print()
    print("| accepted without an error | slips |\n| --- | --- |")
    accepted = Counter(accepted_because(outcome.slip) for outcome in found if not (outcome.checked or outcome.crash))
    for reason, count in accepted.most_common():
        print(f"| {reason} | {count} |")
    exact = sum(list(lines) == broken for lines, broken in five)
    print(f"\nfive broken statements: exactly five errors, each on its line, in {exact} of {len(five)} files")


def print_cascades(found: Sequence[Outcome], most: int) -> None:
    """The slips that gave several errors, or one far away, for whoever works on the recovery."""
    for outcome in found:
        errors = outcome.checked
        if outcome.crash or (errors and (len(errors) > 1 or not near(outcome.slip, errors[0]))):
            one = outcome.slip
            line = one.text.count("\n", 0, one.start) + 1
            print(f"\n{one.base.name}:{line} {one.kind}: {one.what}  {outcome.crash}")
            print("    " + "\n    ".join(one.text.split("\n")[max(0, line - 2) : line + 1]))
            for error in errors[:8]:
                stage = "read " if error in outcome.read else "check"
                print(f"  {stage} {error.span.line if error.span else 0}: {error.code} {error.message}")
            if not (most := most - 1):
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutations", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cascades", type=int, default=0, help="print so many of the slips that gave several errors")
    args = parser.parse_args()
    found = list(outcomes(slips(args.mutations, args.seed)))
    if args.cascades:
        print_cascades(found, args.cascades)
    print_figures(found, list(five_broken(500, args.seed)))
    if any(outcome.crash for outcome in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
