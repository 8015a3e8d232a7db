"""A code in; its page out: what it means, what to avoid, what to prefer."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def page_of(code: str) -> str | None:
    """The page in Markdown; None where there is no such code."""
    page = _folder() / f"{code}.md"
    return page.read_text("utf-8") if code in codes() else None


def title_of(code: str) -> str:
    """The page's title without the code; the code itself where there is no page."""
    page = page_of(code)
    return page.partition("\n")[0].partition(": ")[2] if page else code


@cache
def codes() -> tuple[str, ...]:
    """All codes that have a page, in order."""
    names = (item.name.removesuffix(".md") for item in _folder().iterdir() if item.name.startswith("PUSH"))
    return tuple(sorted(names))


@cache
def _folder() -> Traversable:
    """The pages inside the installed package, or in the source tree that the package runs from."""
    inside = resources.files("pushdsl") / "pages"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "docs" / "errors"
