"""run.py as a person starts it: in a checkout of its own whose .venv holds a stand-in for Python."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from environment import Environment
from installing import PYTHON, TORCH
from locked import NAME as LOCK
from preparing import installation
from run import display_present, program

from engine.version import VERSION

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a script with a #! line")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with run.py, installed by the record; its Python prints what it is asked to run, and where."""
    (tmp_path / "packaging").mkdir()
    for name in (
        "run.py",
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
    environment = Environment(tmp_path / ".venv")
    environment.python.parent.mkdir(parents=True)
    answer(environment, 'printf "%s|" "$@"; pwd; exit 7')
    environment.record(python=environment.identity, torch=TORCH, project=installation(tmp_path))
    (tmp_path / "config.json").touch()
    environment.record(starter=str(tmp_path))
    return tmp_path


def answer(environment: Environment, script: str) -> None:
    """Let the environment's Python run a line of shell."""
    environment.python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    environment.python.chmod(0o755)


def begin(checkout: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start run.py in a session of its own, without a display, so that it and its children can be killed."""
    kept = {name: value for name, value in os.environ.items() if name == "PATH"}
    return subprocess.Popen(
        [sys.executable, checkout / "packaging" / "run.py", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=checkout.parent,
        env={**kept, **variables},
        start_new_session=True,
    )


def test_arguments_status_and_folder_pass_through(checkout: Path) -> None:
    """A question split at its spaces, --json FILE written elsewhere, a failure that exits with 0."""
    process = begin(checkout, "ask", "two words", "--json", "log")
    out, err = process.communicate(timeout=20)
    assert (out, err) == (f"-P|-m|engine|ask|two words|--json|log|{checkout.parent}\n", "")
    assert process.returncode == 7


def test_words_of_the_terminal_go_to_the_engine() -> None:
    """A window opened for a terminal's word, or a window's option handed to the terminal."""
    assert [program([word])[2] for word in ("ask", "chat", "bench", "teach", "models")] == ["engine"] * 5
    assert program([])[2] == program(["--preset", "ask"])[2] == "app"


def test_its_version_is_said_before_anything_is_installed() -> None:
    """A version for which torch has to be downloaded first."""
    script = ROOT / "packaging" / "run.py"
    said = subprocess.check_output([sys.executable, "-ES", script, "--version"], text=True)
    assert said == f"Updraft {VERSION}\n"


def test_without_a_display_it_says_how_to_ask(checkout: Path) -> None:
    """Minutes of installing on a server, and then Qt's abort."""
    (checkout / ".venv" / "updraft.json").unlink()
    process = begin(checkout)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == ""
    assert "no display" in err
    assert "packaging/run.py ask" in err


def test_a_display_is_what_the_platform_says() -> None:
    """Wayland without X, or a Mac, refused a window."""
    assert not display_present("linux", {"DISPLAY": ""})
    assert display_present("linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert display_present("linux", {"DISPLAY": ":0"})
    assert display_present("darwin", {})
    assert display_present("win32", {})


def test_with_a_display_the_window_starts(checkout: Path) -> None:
    """The window's own options lost on the way."""
    out, _ = begin(checkout, "--model", "x", DISPLAY=":0").communicate(timeout=20)
    assert out.startswith("-P|-m|app|--model|x|")


PIP = 'case "$*" in *pip*) echo pip >> log; sleep 60;; *version_info*) echo {python};; *cuda*) ;; *) echo "$@";; esac'


def interrupt(checkout: Path, signum: signal.Signals) -> tuple[int, str, str]:
    """Start with torch still to be installed, send ``signum`` to all of it while pip works."""
    environment = Environment(checkout / ".venv")
    environment.forget("torch")
    answer(environment, PIP.format(python=PYTHON))
    log = checkout.parent / "log"
    log.unlink(missing_ok=True)
    process = begin(checkout, "ask", "x")
    while process.poll() is None and not log.exists():
        time.sleep(0.01)
    os.killpg(process.pid, signum)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_ctrl_c_is_clean_and_the_next_start_goes_on(checkout: Path) -> None:
    """A traceback at Ctrl+C, pip left running, or an installation that was cut short taken for done."""
    status, _, err = interrupt(checkout, signal.SIGINT)
    assert status == 130
    assert "goes on from here" in err
    assert "Traceback" not in err
    answer(Environment(checkout / ".venv"), PIP.format(python=PYTHON).replace("sleep 60", "true"))
    out, _ = begin(checkout, "ask", "x").communicate(timeout=20)
    assert out.endswith("-P -m engine ask x\n")
    assert Environment(checkout / ".venv").done["torch"] == TORCH


def test_a_kill_leaves_nothing_on_record(checkout: Path) -> None:
    """kill -9 amid pip, and a record that says torch is installed."""
    assert interrupt(checkout, signal.SIGKILL)[0] == -signal.SIGKILL
    assert set(Environment(checkout / ".venv").done) == {"python", "project", "starter"}


def test_an_old_python_is_told(checkout: Path) -> None:
    """An old Python's ImportError or SyntaxError instead of what to install."""
    script = (
        "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); sys.path.insert(0, 'packaging');"
        "runpy.run_path('packaging/run.py', run_name='__main__')"
    )
    old = subprocess.run([sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, check=False)
    assert old.returncode == 1
    assert old.stderr.startswith("Updraft needs Python 3.11 or newer, and this is 3.8.\nHint: ")
