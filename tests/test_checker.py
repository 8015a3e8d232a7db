from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushdsl.checker import diagnose
from pushdsl.errors import Diagnostic, PushdslError
from pushdsl.loader import load
from pushdsl.model import Store

CASES = Path(__file__).parent / "cases" / "check"


@dataclass(frozen=True)
class Can:
    preorder: bool = False
    locations: bool = False


class FakePlatforms:
    """Shopee can pre-order, TikTok has locations, both as the real ones; `broken` is installed and cannot be used."""

    names = ("broken", "lazada", "outdated", "shopee", "simulated", "tiktok")
    packages: Mapping[str, str] = {
        "lazada": "pushdsl-lazada",
        "shopee": "pushdsl-shopee",
        "simulated": "pushdsl",
        "tiki": "pushdsl-tiki",
        "tiktok": "pushdsl-tiktok",
        "tokopedia": "pushdsl-tiktok",
    }

    def __init__(self) -> None:
        self.asked: list[str] = []

    def capabilities(self, store: Store) -> Can:
        self.asked.append(store.name)
        if store.platform in ("broken", "outdated"):
            raise PushdslError(f"platform `{store.platform}` cannot be used: it is too old", "upgrade it")
        return {
            "shopee": Can(preorder=True, locations=True),
            "tiktok": Can(locations=True),
            "simulated": Can(True, True),
        }.get(store.platform, Can())


# ---- the case files ---------------------------------------------------------------------------------
# Chunks between `---`, each a rule file without its `push edition 1`. What is said of a line stands after `###` at its
# end: a pattern in quotes for every diagnostic, matched against its code and message.

_MARK = re.compile(r'"((?:[^"\\]|\\.)*)"')


def chunks() -> Iterator[object]:
    for path in sorted(CASES.glob("*.push")):
        line = 1
        for text in path.read_text("utf-8").split("---\n"):
            yield pytest.param(text, id=f"{path.name}:{line}")
            line += text.count("\n") + 1


def expected_in(text: str) -> set[tuple[int, str]]:
    """Line and pattern of every mark; the first line of the text is line 2 of the file."""
    return {
        (number, mark)
        for number, line in enumerate(text.splitlines(), 2)
        if "###" in line
        for mark in _MARK.findall(line.partition("###")[2])
    }


def said_of(folder: Path, text: str) -> tuple[Diagnostic, ...]:
    path = folder / "rules.push"
    path.write_text("push edition 1\n" + text, "utf-8")
    return diagnose(load([path]), FakePlatforms())[1]


@pytest.mark.parametrize("text", list(chunks()))
def test_every_line_gets_what_is_marked_on_it_and_nothing_else(tmp_path: Path, text: str) -> None:
    expected = expected_in(text)

    actual = set()
    for said in said_of(tmp_path, text):
        assert said.span is not None
        line, words = said.span.line, f"{said.code}: {said.message}"
        actual.add((line, next((mark for at, mark in expected if at == line and re.search(mark, words)), words)))

    assert expected == actual
