"""Starts Updraft from this checkout; the first time, installs it into .venv.

python packaging/run.py                     the window
python packaging/run.py ask "a question"    an answer in the terminal; likewise chat, bench, teach and models
python packaging/run.py ... --help          what each of them understands
python packaging/run.py --version           which version this checkout is

Everything after run.py goes to the program. The variable UPDRAFT_TORCH_INDEX names the package index that
torch is to come from, where yours has no build for your GPU.
"""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from environment import Environment
from installing import ROOT, SetupFailed, clean_variables, told
from machine import Machine
from preparing import prepare
from starter_model import see_to_starter

TERMINAL = ("ask", "chat", "bench", "teach", "models")


def display_present(platform: str, variables: Mapping[str, str]) -> bool:
    """Tell whether a window could be shown; only Linux says so beforehand, in its variables."""
    if platform in ("win32", "darwin"):
        return True
    return any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def program(arguments: Sequence[str]) -> list[str]:
    """Return what Python is to run for ``arguments``: the engine for a terminal's word, else the window.

    -P: a file named like one of our packages in the person's folder is not taken for it.
    """
    module = "engine" if arguments and arguments[0] in TERMINAL else "app"
    return ["-P", "-m", module, *arguments]


def start(arguments: Sequence[str]) -> int:
    """Install what is missing and run the program in the person's own folder; raises SetupFailed."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if arguments and arguments[0] == "--version":
        print("Updraft", runpy.run_path(str(ROOT / "engine" / "version.py"))["VERSION"])
        return 0
    running = program(arguments)
    if "app" in running[:3] and not display_present(sys.platform, os.environ):
        raise SetupFailed(
            "There is no display here to show a window on.",
            'Ask in the terminal instead: python packaging/run.py ask "Why is the sky blue?"',
        )
    environment = Environment(ROOT / ".venv")
    prepare(environment, Machine.here())
    see_to_starter(environment)
    return become([str(environment.python), *running])


def become(command: list[str]) -> int:
    """Let ``command`` take this process's place, so that Ctrl+C and other signals are for it alone."""
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, clean_variables())  # noqa: S606 - no shell is the point
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows would hand the prompt back, so wait there instead
    return subprocess.call(command, env=clean_variables())


if __name__ == "__main__":
    sys.exit(told(lambda: start(sys.argv[1:])))
