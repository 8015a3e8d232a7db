"""`pushdsl new-plugin`: a platform of one's own, as a distribution that keeps the contract before a line is written."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from importlib import resources
from keyword import iskeyword
from pathlib import Path

from pushdsl import __version__
from pushdsl.errors import PushdslError
from pushdsl.plugins.manager import InstalledPlatforms, known_platforms

_NAME_LENGTH_MAX = 20  # the templates' lines are laid out for names up to this length

# The sources are Jinja2, kept apart from Python files so that no tool takes them for such.
_FILES = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    "LICENSE": "LICENSE.j2",
    ".gitignore": "gitignore.j2",
    "src/{module}/__init__.py": "src/__init__.py.j2",
    "src/{module}/py.typed": "src/py.typed.j2",
    "src/{module}/platform.py": "src/platform.py.j2",
    "src/{module}/settings.py": "src/settings.py.j2",
    "src/{module}/signing.py": "src/signing.py.j2",
    "src/{module}/wire.py": "src/wire.py.j2",
    "src/{module}/errors.py": "src/errors.py.j2",
    "src/{module}/stock.py": "src/stock.py.j2",
    "src/{module}/webhooks.py": "src/webhooks.py.j2",
    "src/{module}/sandbox.py": "src/sandbox.py.j2",
    "tests/conftest.py": "tests/conftest.py.j2",
    "tests/test_contract.py": "tests/test_contract.py.j2",
    "tests/test_errors.py": "tests/test_errors.py.j2",
    "tests/test_signing.py": "tests/test_signing.py.j2",
    "tests/test_sandbox.py": "tests/test_sandbox.py.j2",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the platform's name in rules, as in `store acme_my on acme`")
    parser.add_argument("--title", metavar="NAME", help="how the platform writes itself, as in WooCommerce")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where (default: pushdsl-NAME)")


def run(args: argparse.Namespace) -> int:
    name = _checked(args.name)
    folder: Path = args.folder or Path(_distribution(name))
    if folder.exists():
        raise PushdslError(f"`{folder}` exists already", "name a folder that does not exist yet with `--folder`")
    if name in known_platforms:
        print(f"note: look for `{known_platforms[name]}` first, it may be there to install", file=sys.stderr)
    texts = distribution(name, _title(name) if args.title is None else _checked_title(args.title))
    try:
        _write(folder, texts)
    except OSError as error:
        raise PushdslError(
            f"cannot write `{folder}`: {error.strerror}", "choose another folder with `--folder`"
        ) from None
    for path in texts:
        print(f"wrote {folder / path}")
    print(f'\nNow: cd {folder} && pip install -e ".[testing]" && pytest')
    return 0


def distribution(name: str, title: str) -> dict[str, str]:
    """Every file of the new distribution, by its path inside; its classes are named after `title`."""
    from jinja2 import Environment, StrictUndefined

    templates = resources.files("pushdsl") / "templates" / "new_plugin"
    jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    words = {
        "name": name,
        "module": f"pushdsl_{name}",
        "distribution": _distribution(name),
        "title": title,
        "host": f"{name.replace('_', '-')}.example",
        "pushdsl_version": __version__,
    }
    return {
        path.format(**words): jinja.from_string((templates / source).read_text("utf-8")).render(words)
        for path, source in _FILES.items()
    }


def _distribution(name: str) -> str:
    return f"pushdsl-{name.replace('_', '-')}"


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or iskeyword(name) or len(name) > _NAME_LENGTH_MAX:
        raise PushdslError(
            f"`{name}` is no name for a platform",
            f"use small letters, digits and single underscores, at most {_NAME_LENGTH_MAX}, and no word of Python",
        )
    if name in InstalledPlatforms().names:
        raise PushdslError(f"a platform `{name}` is installed already", "choose another name, or change that plugin")
    return name


def _checked_title(title: str) -> str:
    if not re.fullmatch("[A-Z][A-Za-z0-9]*", title) or len(title) > _NAME_LENGTH_MAX:
        raise PushdslError(
            f"`{title}` cannot name the platform's classes",
            f"use letters and digits, at most {_NAME_LENGTH_MAX}, with a capital first, as in `--title WooCommerce`",
        )
    return title


def _write(folder: Path, texts: dict[str, str]) -> None:
    """All files or none: they come under another name first."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for path, text in texts.items():
            target = unfinished / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8", newline="\n")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
