"""The pages of the codes of this stage: what to avoid has the code, what to prefer has no error of reading."""

import re
from pathlib import Path

import pytest

from pushdsl import loader
from pushdsl.grammar import parser
from pushdsl.loader import load

PAGES = Path(__file__).parents[2] / "docs" / "errors"
TITLES = {**parser.CODES, **loader.CODES}
BLOCK = re.compile(r"^```(?P<language>\w+) ?(?P<file>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# bytes, sizes and carriage returns that a page cannot show
UNSHOWN = {"PUSH001", "PUSH002", "PUSH003", "PUSH005", "PUSH035"}


def codes_of(section: str, folder: Path) -> list[str]:
    folder.mkdir()
    for block in BLOCK.finditer(section):
        file = folder / (block["file"] or "rules.push")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block["text"], "utf-8")
    return [found.code for found in load([folder / "rules.push"]).diagnostics]


@pytest.mark.parametrize("code", TITLES)
def test_a_page_shows_its_code_and_how_to_be_rid_of_it(code: str, tmp_path: Path) -> None:
    title, avoid, prefer = re.split(r"^## (?:Avoid|Prefer)$", (PAGES / f"{code}.md").read_text("utf-8"), flags=re.M)

    assert title.startswith(f"# {code}: {TITLES[code]}\n")
    assert codes_of(prefer, tmp_path / "prefer") == []
    if code not in UNSHOWN:
        assert codes_of(avoid, tmp_path / "avoid") == [code]
