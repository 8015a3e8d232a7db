"""`new-plugin` writes a distribution that passes ruff, the type checker and the contract before a line is changed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pushdsl.cli import main
from pushdsl.cli.new_plugin import distribution
from pushdsl.testing import PlatformContract

NAME, SHORTEST, LONGEST = "acme", "a", "acme_all_of_it_and_1"
CACHE = Path(__file__).parents[1] / ".mypy_cache" / "new-plugin"


def project_of(folder: Path) -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return project


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new distribution, with what an installer would note of it from its `pyproject.toml` beside it."""
    folder = tmp_path_factory.mktemp("plugin") / "new"
    assert main(["new-plugin", NAME, "--folder", str(folder)]) == 0
    project = project_of(folder)
    noted = folder.parent / "installed" / f"{str(project['name']).replace('-', '_')}-{project['version']}.dist-info"
    noted.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    noted.joinpath("METADATA").write_text(metadata, "utf-8")
    entry_points = project["entry-points"]
    assert isinstance(entry_points, dict)
    lines = [
        line
        for group, points in entry_points.items()
        for line in (f"[{group}]", *(f"{name} = {module}" for name, module in points.items()))
    ]
    noted.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def run_in(folder: Path, *words: str) -> str:
    """What the tool says; it must find nothing wrong."""
    path = os.pathsep.join([str(folder / "src"), str(folder.parent / "installed")])
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [NAME, SHORTEST, LONGEST])
def test_it_passes_ruff_however_long_the_name_is(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert main(["new-plugin", name, "--folder", str(folder)]) == 0

    run_in(folder, "ruff", "check", "--no-cache", ".")
    run_in(folder, "ruff", "format", "--no-cache", "--check", ".")


def test_it_passes_the_strict_type_checker(written: Path) -> None:
    assert "no issues found in 14 source files" in run_in(written, "mypy", "--strict", "--cache-dir", str(CACHE))


def test_it_keeps_the_contract(written: Path) -> None:
    said = run_in(written, "pytest", "-p", "no:cacheprovider")

    assert int(said.rsplit(" passed", 1)[0].split()[-1]) > len(vars(PlatformContract)) / 2
    assert "failed" not in said


def test_pushdsl_finds_it(written: Path) -> None:
    assert f" {NAME} " in run_in(written, "pushdsl", "platforms")


def test_it_is_a_whole_distribution(written: Path) -> None:
    project = project_of(written)

    assert (project["name"], project["license"]) == ("pushdsl-acme", "MIT")
    assert "MIT License" in (written / "LICENSE").read_text("utf-8")
    assert "## Results of the contract kit" in (written / "README.md").read_text("utf-8")
    assert (written / "src" / "pushdsl_acme" / "py.typed").is_file()
    assert "hatchling" in (written / "pyproject.toml").read_text("utf-8")


def test_what_is_made_up_cannot_be_published_by_mistake(written: Path) -> None:
    assert "Private :: Do Not Upload" in str(project_of(written)["classifiers"])


def test_no_template_is_left_out() -> None:
    templates = Path(__file__).parents[1] / "src" / "pushdsl" / "templates" / "new_plugin"

    assert len(distribution(NAME, "Acme")) == len(list(templates.rglob("*.j2")))


@pytest.mark.parametrize("name", ["Acme", "acme shop", "1st", "acme__my", "../acme", "é", "class", LONGEST + "2", ""])
def test_a_name_that_rules_or_python_would_not_take_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["new-plugin", name]) == 1
    assert f"`{name}` is no name for a platform\nhelp: use small letters" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_an_installed_platform_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["new-plugin", "simulated"]) == 1
    assert "a platform `simulated` is installed already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_known_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["new-plugin", "pgmall"]) == 0
    assert "look for `pushdsl-pgmall` first" in capsys.readouterr().err


def test_classes_are_named_as_the_platform_writes_itself(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    assert main(["new-plugin", NAME, "--title", "ACMEShop", "--folder", str(folder)]) == 0
    assert "class ACMEShopPlatform:" in (folder / "src" / "pushdsl_acme" / "platform.py").read_text("utf-8")


@pytest.mark.parametrize("title", ["acme", "Acme Shop", "A" * 21, ""])
def test_a_title_that_no_class_can_have_is_refused(
    title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-plugin", NAME, "--title", title, "--folder", str(tmp_path / "new")]) == 1
    assert f"`{title}` cannot name the platform's classes" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert main(["new-plugin", NAME, "--folder", str(tmp_path)]) == 1
    assert f"`{tmp_path}` exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)

    assert main(["new-plugin", NAME, "--folder", str(tmp_path / "new")]) == 1
    assert f"cannot write `{tmp_path / 'new'}`: No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_named_like_the_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["new-plugin", "acme_shop"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["pushdsl-acme-shop"]
    assert (tmp_path / "pushdsl-acme-shop" / "src" / "pushdsl_acme_shop" / "platform.py").is_file()
