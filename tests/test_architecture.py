"""The floors hold, and a breach would be seen."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ("shopee", "lazada", "tiktok", "woocommerce")
PACKAGES = ("src/pushdsl", *(f"plugins/{name}/src/pushdsl_{name}" for name in PLUGINS))


LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=folder,
        env={"PYTHONPATH": ":".join(str(folder / Path(package).parent) for package in PACKAGES), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source trees alone, to plant something in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(file: Path, statement: str) -> None:
    """An import hidden inside a function."""
    file.write_text(file.read_text("utf-8") + f"\n\ndef planted() -> None:\n    {statement}\n", "utf-8")


def test_every_module_imports_only_from_the_floors_below_it(copy: Path) -> None:
    result = lint(copy)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "statement", "contract"),
    [
        ("src/pushdsl/interpreter.py", "import pushdsl.planner", "Each module imports only from the floors below it"),
        ("src/pushdsl/checker.py", "import lark", "Only the parser knows Lark"),
        ("src/pushdsl/planner.py", "import sqlalchemy", "Only the store of record knows SQLAlchemy"),
        ("src/pushdsl/pusher.py", "import pushdsl_shopee", "The core imports no platform"),
        ("plugins/lazada/src/pushdsl_lazada/signing.py", "import pushdsl.model", "A platform imports pushdsl.plugins"),
        ("plugins/lazada/src/pushdsl_lazada/signing.py", "import pushdsl_shopee", "Platforms do not know one another"),
    ],
)
def test_a_planted_breach_is_caught(copy: Path, file: str, statement: str, contract: str) -> None:
    plant(copy / file, statement)

    result = lint(copy)

    assert result.returncode == 1
    assert any(contract in line and "BROKEN" in line for line in result.stdout.splitlines()), result.stdout


def test_a_module_without_a_floor_is_caught(copy: Path) -> None:
    (copy / "src/pushdsl/stray.py").write_text("", "utf-8")

    result = lint(copy)

    assert result.returncode == 1
    assert "stray" in result.stdout


def test_constraints_and_pyproject_pin_the_same_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.rstrip(" \\") for line in lines if line[:1].isalnum()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = set(project["tool"]["uv"]["constraint-dependencies"])

    assert named == pinned


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--version"], {"lark", "numpy", "pydantic", "polars", "sqlalchemy", "aiohttp", "rich", "asyncio", "pluggy"}),
        (["--help"], {"lark", "numpy", "pydantic", "polars", "sqlalchemy", "aiohttp", "rich", "asyncio", "pluggy"}),
        (["check", "rules.push"], {"numpy", "polars", "sqlalchemy", "aiohttp", "rich"}),
        (["plan", "rules.push"], {"sqlalchemy", "aiohttp", "jinja2"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: list[str], forbidden: set[str], tmp_path: Path) -> None:
    run = "import sys; from pushdsl.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    report = "print('LOADED', *sorted(m for m in sys.modules if '.' not in m))"
    subprocess.run([sys.executable, "-m", "pushdsl", "init", "."], cwd=tmp_path, check=True, capture_output=True)
    result = subprocess.run(
        [sys.executable, "-c", run + report, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.splitlines()[-1].split()[1:])

    assert loaded & forbidden == set()
