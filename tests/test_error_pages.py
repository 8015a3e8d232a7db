"""Every code of the checker has a page, and what the page tells to avoid and to prefer is what the checker says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pushdsl import checker, settings, silencing
from pushdsl.checker import diagnose
from pushdsl.loader import load
from pushdsl.settings import read_settings
from tests.test_checker import FakePlatforms

PAGES = Path(__file__).parents[1] / "docs" / "errors"
CODES = {**checker.CODES, **silencing.CODES, **settings.CODES}

ALONG: dict[str, set[str]] = {
    "PUSH060": {"PUSH309"},
    "PUSH061": {"PUSH309"},
    "PUSH312": {"PUSH311"},
    "PUSH313": {"PUSH311"},
}
"""What cannot be avoided beside a code, as its page says."""


def codes_of(page: str, heading: str, folder: Path) -> set[str]:
    """What is said of the page's rules under this heading, with the settings there or anywhere on the page."""
    text = (PAGES / page).read_text("utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.search(r"^```push\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None, page
    path = folder / "rules.push"
    path.write_text(found[1], "utf-8")
    toml = re.compile(r"^```toml pushdsl.toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    if written := toml.search(section) or toml.search(text):
        (folder / "pushdsl.toml").write_text(written[1], "utf-8")
    project = read_settings(folder, {})
    rules, diagnostics = diagnose(load([path]), FakePlatforms(), project.limits)
    about_accounts = settings.unknown_accounts(project, rules.stores) if rules is not None else ()
    return {said.code for said in (*diagnostics, *about_accounts) if not said.silenced}


def test_every_code_of_the_checker_has_a_page() -> None:
    pages = {page.stem for pattern in ("PUSH06*.md", "PUSH[1236]*.md") for page in PAGES.glob(pattern)}

    assert set(CODES) == pages


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_page_has_the_title_of_its_code(code: str) -> None:
    title = (PAGES / f"{code}.md").read_text("utf-8").splitlines()[0]

    assert f"# {code}: {CODES[code]}" == title


@pytest.mark.parametrize("code", sorted(CODES))
def test_what_to_avoid_gives_this_code_and_no_other(code: str, tmp_path: Path) -> None:
    assert {code} | ALONG.get(code, set()) == codes_of(f"{code}.md", "Avoid", tmp_path)


@pytest.mark.parametrize("code", sorted(CODES))
def test_of_what_to_prefer_nothing_is_said(code: str, tmp_path: Path) -> None:
    assert set() == codes_of(f"{code}.md", "Prefer", tmp_path)
