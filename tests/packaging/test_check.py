"""check.py as a person starts it: in a checkout of its own whose .venv holds stand-ins for the tools."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from check import CHECKS, newer, read
from environment import Environment
from installing import TORCH
from locked import NAME as LOCK
from locked import name_of, requirements
from preparing import installation

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts with a #! line")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with check.py, installed by the record; its tools print their arguments, and mypy fails."""
    (tmp_path / "packaging").mkdir()
    for name in (
        "check.py",
        "environment.py",
        "installing.py",
        "locked.py",
        "machine.py",
        "preparing.py",
        "starter_model.py",
    ):
        shutil.copy(ROOT / "packaging" / name, tmp_path / "packaging")
    for name in ("pyproject.toml", LOCK):
        shutil.copy(ROOT / name, tmp_path)
    environment = Environment(tmp_path / "venv")
    environment.python.parent.mkdir(parents=True)
    for name in ("python", "ruff", "mypy", "lint-imports", "pytest"):
        words = f'"{name} $* $QT_QPA_PLATFORM" "$(pwd)"'  # at once, so that no other tool speaks in between
        script = f"#!/bin/sh\nprintf '%s\\n%s\\n' {words}\nexit {int(name == 'mypy')}\n"
        environment.tool(name).write_text(script, encoding="utf-8")
        environment.tool(name).chmod(0o755)
    environment.record(python=environment.identity, torch=TORCH, check=installation(tmp_path))
    return tmp_path


def check(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run check.py from another folder, on the stand-ins."""
    script, venv = str(checkout / "packaging" / "check.py"), str(checkout / "venv")
    variables = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    return subprocess.run(
        [sys.executable, script, "--venv", venv, *arguments],
        cwd=checkout.parent,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def summary(run: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return name and verdict from the closing lines."""
    return [line.split()[:2] for line in run.stdout.split("\nSummary\n")[1].splitlines()]


def test_every_check_runs_though_one_fails(checkout: Path) -> None:
    """A failing type check that hides a failing test, or a failure that leaves exit status 0."""
    run = check(checkout)
    verdicts = [[name, "FAILED" if name == "mypy" else "passed"] for name in CHECKS]
    assert summary(run) == verdicts
    assert run.returncode == 1
    assert f"{' '.join(CHECKS['pytest'])} offscreen\n{checkout}\n" in run.stdout


def test_one_check_with_arguments_of_its_own(checkout: Path) -> None:
    """A -k that check.py takes for its own, or that never reaches pytest."""
    run = check(checkout, "pytest", "--", "-k", "a name")
    assert summary(run) == [["pytest", "passed"]]
    assert run.returncode == 0
    assert f"{' '.join(CHECKS['pytest'])} -k a name offscreen\n" in run.stdout


def test_a_missing_tool_is_a_failed_check(checkout: Path) -> None:
    """A traceback that leaves the remaining checks undone."""
    Environment(checkout / "venv").tool("ruff").unlink()
    run = check(checkout)
    assert [verdict for _, verdict in summary(run)] == ["FAILED", "FAILED", "FAILED", "passed", "passed"]
    assert "ruff cannot start" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("arguments", [["spelling"], ["--", "-k", "x"], ["ruff", "mypy", "--", "-v"]])
def test_senseless_requests_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt check that passes by doing nothing, or arguments handed to tools that do not know them."""
    with pytest.raises(SystemExit) as leaving:
        read(arguments)
    assert leaving.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_checks_run_in_their_own_order() -> None:
    """Minutes of tests before a style check of a second."""
    assert read(["pytest", "ruff"]).checks == ("ruff", "pytest")
    assert read([]).checks == tuple(CHECKS)


def test_what_is_newer_than_the_lock_is_said_once() -> None:
    """A package that stands in several sections, whose locked version is told twice."""
    every = requirements((ROOT / LOCK).read_text(encoding="utf-8"))
    locked = next(one for one in every if name_of(one) == "nvidia-cuda-nvrtc")
    version = locked.split()[0].partition("==")[2]
    assert newer({"nvidia-cuda-nvrtc": "99.1", "numpy": "0"})[1] == f"  nvidia-cuda-nvrtc 99.1 (locked: {version})"
    assert newer({"nvidia-cuda-nvrtc": version, "pip": "1"}) == []
