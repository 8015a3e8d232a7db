"""Coverage-guided fuzzing with atheris: any bytes in; the parser, the checker and the printer must not crash.

python benchmarks/fuzz.py -max_total_time=180 -timeout=10 CORPUS_FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pushdsl.grammar", "pushdsl.checker", "pushdsl.names", "pushdsl.ruling"]):
    from pushdsl.checker import diagnose
    from pushdsl.grammar.nodes import File
    from pushdsl.grammar.parser import parse, read_source
    from pushdsl.grammar.printer import print_file
    from pushdsl.loader import Loaded
    from pushdsl.plugins.manager import InstalledPlatforms
    from pushdsl.source import SourceText

ROOT = Path(__file__).parents[1]
PLATFORMS = InstalledPlatforms()


def try_one(content: bytes) -> None:
    source, unreadable = read_source("rules.push", content)
    if unreadable:
        return
    file, said = parse(source)
    assert isinstance(file, File)
    for found in said:
        assert found.span is not None
        assert 0 <= found.span.start <= found.span.end <= len(source.text), found
        if found.fix is not None:
            parse(
                SourceText("rules.push", _fixed(source.text, found.fix.span.start, found.fix.span.end, found.fix.text))
            )
    diagnose(Loaded((file,), {}, said, ""), PLATFORMS)
    printed = print_file(file)
    if not said:
        again, problems = parse(SourceText("rules.push", printed))
        assert not problems, problems
        assert again.declarations == file.declarations


def _fixed(text: str, start: int, end: int, replacement: str) -> str:
    assert 0 <= start <= end <= len(text)
    return text[:start] + replacement + text[end:]


def write_seeds(folder: Path) -> None:
    """Every rule file of the repository, so that the search begins at what rule files look like."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted(ROOT.glob("*/**/*.push"))):
        if not any(part.startswith(".") for part in path.parts):
            for place, chunk in enumerate(path.read_text("utf-8").split("\n---\n")):
                (folder / f"seed-{number}-{place}").write_text(chunk, "utf-8")


def write_words(file: Path) -> None:
    """The words and signs of the language, in the form that libFuzzer reads."""
    grammar = (ROOT / "src/pushdsl/grammar/push.lark").read_text("utf-8")
    words = sorted({part for part in grammar.split('"')[1::2] if part.isascii() and "\n" not in part})
    file.write_text("".join(f'"{word}"\n' for word in words), "utf-8")


def main() -> None:
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    arguments = [sys.argv[0], *sys.argv[1:]]
    if folders:
        write_seeds(Path(folders[0]))
        words = Path(folders[0]).with_name("push-words.txt")
        write_words(words)
        arguments += [f"-dict={words}", f"-artifact_prefix={Path(folders[0])}-"]
    atheris.Setup(arguments, try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
