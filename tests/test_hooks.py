"""The pre-commit hooks and the GitHub Action: what they run is run here, in a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
TEST = """test "mugs" {
  stock "MUG-RED" in main 12 units
  expect "MUG-RED" on first_shop 6 units
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    ran(tmp_path, "pushdsl init .")
    return tmp_path


def ran(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell runs it, with this environment's `pushdsl` in front."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
    )


def hooked(folder: Path, hook: str) -> int:
    files = " ".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*.push")))
    return ran(
        folder, HOOKS[hook]["entry"] + (f" {files}" if HOOKS[hook].get("pass_filenames", True) else "")
    ).returncode


def stepped(folder: Path, step: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """One step of the action, with its inputs' defaults but for `inputs`."""
    values = {name: str(said["default"]) for name, said in ACTION["inputs"].items()} | inputs
    given = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], text)
        for name, text in STEPS[step].get("env", {}).items()
    }
    return ran(folder, STEPS[step]["run"], **given, GITHUB_STEP_SUMMARY="summary.md")


def edit(folder: Path, old: str, new: str) -> None:
    rules = folder / "rules.push"
    rules.write_text(rules.read_text("utf-8").replace(old, new), "utf-8")


def test_every_hook_passes_a_good_project_and_stops_a_bad_one(project: Path) -> None:
    edit(project, 'rule "Everything"', TEST + '\nrule "Everything"')

    assert {hook: hooked(project, hook) for hook in HOOKS} == {
        "pushdsl-fmt": 0, "pushdsl-check": 0, "pushdsl-test": 0,
    }  # fmt: skip
    edit(project, "6 units", "7 units")
    assert hooked(project, "pushdsl-test") == 4
    edit(project, "take main", "take man")
    assert hooked(project, "pushdsl-check") == 3


def test_the_formatting_hook_writes_so_that_the_commit_shows_it(project: Path) -> None:
    before = (project / "rules.push").read_text("utf-8")
    edit(project, "  take main", "     take   main")

    assert hooked(project, "pushdsl-fmt") == 0
    assert (project / "rules.push").read_text("utf-8") == before


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_look_at_rule_files(hook: str) -> None:
    assert HOOKS[hook]["language"] == "python"
    assert re.search(HOOKS[hook]["files"], "shops/rules.push")
    assert not re.search(HOOKS[hook]["files"], "README.md")


def test_the_steps_of_the_action_pass_a_good_project(project: Path) -> None:
    edit(project, 'rule "Everything"', TEST + '\nrule "Everything"')

    assert {step: stepped(project, step).returncode for step in ("check", "format", "test")} == {
        "check": 0, "format": 0, "test": 0,
    }  # fmt: skip
    assert stepped(project, "plan", facts="facts").returncode == 0
    assert "first_shop" in (project / "summary.md").read_text("utf-8")


def test_the_steps_of_the_action_stop_a_bad_project(project: Path) -> None:
    edit(project, 'rule "Everything"', TEST.replace("6 units", "7 units") + '\nrule "Everything"')
    assert stepped(project, "test").returncode == 4

    edit(project, "  take main", "     take main")
    told = stepped(project, "format")
    assert (told.returncode, "-     take main" in told.stdout) == (3, True)

    edit(project, "take main", "take man")
    told = stepped(project, "check", sarif="found.sarif")
    assert (told.returncode, "error[PUSH101]" in told.stdout) == (3, True)
    assert '"PUSH101"' in (project / "found.sarif").read_text("utf-8")


def test_the_action_uses_only_inputs_that_it_declares() -> None:
    used = set(re.findall(r"inputs\.(\w+)", (ROOT / "action.yml").read_text("utf-8")))

    assert used == set(ACTION["inputs"])
    assert all(step["shell"] == "bash" for step in STEPS.values())


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, "install --quiet pushdsl"),
        ({"version": "0.1.0", "platforms": "pushdsl-shopee pushdsl-tiktok"},
         "install --quiet pushdsl==0.1.0 pushdsl-shopee pushdsl-tiktok"),
    ],
)  # fmt: skip
def test_the_action_installs_what_is_asked_for(inputs: dict[str, Any], expected: str, tmp_path: Path) -> None:
    """`pip` is a shell function here that says what it was asked."""
    values = {"VERSION": "", "PLATFORMS": "", **{name.upper(): value for name, value in inputs.items()}}

    said = ran(tmp_path, 'pip() { echo "$@"; }\n' + STEPS["install"]["run"], **values)

    assert said.stdout.strip() == expected
