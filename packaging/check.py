"""Runs Updraft's checks from this checkout; the first time, installs what they need into .venv.

python packaging/check.py                       every check
python packaging/check.py ruff mypy             only these
python packaging/check.py pytest -- -k name     what follows -- goes to the one check named
python packaging/check.py pytest -- -m slow     the tests that are left out above for their length
python packaging/check.py --newest              with the newest versions pyproject.toml allows, not the locked ones
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from environment import Environment, versions
from installing import ROOT, clean_variables, told
from locked import NAME as LOCK
from locked import requirements
from machine import Machine
from preparing import prepare, prepare_newest
from starter_model import see_to_starter

CHECKS = {  # a program of the environment and its arguments
    "ruff": ("ruff", "check"),
    "format": ("ruff", "format", "--check"),
    "mypy": ("mypy",),
    "imports": ("lint-imports",),
    # Two at a time: more only wait for memory on the machines this is meant for. A file's tests stay together, and
    # files keep the order that pyproject.toml gives them.
    "pytest": ("pytest", "-n2", "--dist=loadfile", "--no-loadscope-reorder", "-m", "not slow"),
}


@dataclass(frozen=True)
class Outcome:
    """How one check ended, after how many seconds."""

    name: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        """One line of the summary."""
        return f"{self.name:8} {'passed' if self.passed else 'FAILED'} {self.seconds:7.1f} s"


@dataclass(frozen=True)
class Request:
    """What the command line asks for: checks in their order, arguments for a single one, the environment."""

    checks: tuple[str, ...]
    extra: tuple[str, ...]
    venv: Path
    newest: bool = False


def read(arguments: Sequence[str]) -> Request:
    """Read the command line; leaves with status 2 and a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="check.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checks", nargs="*", metavar="check", help=", ".join(CHECKS))
    parser.add_argument("--venv", type=Path, help="the virtual environment to use")
    parser.add_argument("--newest", action="store_true", help="say what breaks with the newest versions allowed")
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    found = parser.parse_args(arguments[:cut])
    unknown = [name for name in found.checks if name not in CHECKS]
    if unknown:
        parser.error(f"there is no check {unknown[0]}; choose from {', '.join(CHECKS)}")
    extra = tuple(arguments[cut + 1 :])
    if extra and len(found.checks) != 1:
        parser.error("arguments after -- need exactly one check named before it")
    names = tuple(name for name in CHECKS if name in found.checks or not found.checks)
    venv = found.venv or ROOT / ("build/newest" if found.newest else ".venv")
    return Request(names, extra, venv.absolute(), found.newest)


def carry_out(name: str, environment: Environment, extra: Sequence[str] = (), *, whole: bool = False) -> Outcome:
    """Run one check in the checkout; a check that cannot be started has failed.

    ``whole``: what it prints is shown when it has ended, so that it is not mixed with another's.
    """
    tool, *arguments = CHECKS[name]
    title = f"\n{name}: {' '.join([tool, *arguments, *extra])}"
    # Tests open windows of their own; they need no display and should not flicker over a person's.
    variables = {"QT_QPA_PLATFORM": "offscreen", **clean_variables()}
    begun = time.monotonic()
    into = subprocess.PIPE if whole else None
    if not whole:
        print(title, flush=True)
    try:
        run = subprocess.run(
            [environment.tool(tool), *arguments, *extra],
            cwd=ROOT,
            env=variables,
            check=False,
            stdout=into,
            stderr=subprocess.STDOUT if whole else None,
            text=True,
        )
        status = run.returncode
        if whole:
            print(f"{title}\n{run.stdout}", flush=True)
    except OSError as error:
        print(f"{name} cannot start: {error}. Delete {environment.folder} to install anew.", file=sys.stderr)
        status = 127
    return Outcome(name, status == 0, time.monotonic() - begun)


def newer(installed: Mapping[str, str]) -> list[str]:
    """Return a line for each installed package whose version is none that the lock file knows."""
    known: dict[str, dict[str, None]] = {}  # a package may stand in several sections
    for one in requirements((ROOT / LOCK).read_text(encoding="utf-8")):
        name, _, version = one.split()[0].partition("==")
        known.setdefault(name, {})[version] = None
    return [
        f"  {name} {version} (locked: {', '.join(known.get(name, ['none']))})"
        for name, version in sorted(installed.items())
        if version.split("+")[0] not in known.get(name, ()) and name != "pip"
    ]


def check(arguments: Sequence[str]) -> int:
    """Install what is missing, run the checks asked for, all of them, and sum up; 1 where one failed."""
    request = read(arguments)
    environment = Environment(request.venv)
    if request.newest:
        prepare_newest(environment, Machine.here())
    else:
        prepare(environment, Machine.here(), checks=True)
        see_to_starter(environment)
    *quick, longest = request.checks
    with ThreadPoolExecutor(1) as beside:  # all others together take a tenth of pytest's time, on another core
        waiting = [beside.submit(carry_out, name, environment, whole=True) for name in quick]
        last = carry_out(longest, environment, request.extra)
    outcomes = [*(each.result() for each in waiting), last]
    if request.newest:
        print("\nNewer than requirements.lock", *newer(versions(environment)), sep="\n")
    print("\nSummary", *outcomes, sep="\n", flush=True)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(told(lambda: check(sys.argv[1:])))
