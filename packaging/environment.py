"""Updraft's virtual environment: where it is, and the record of the steps that were completed in it.

Made by the standard library alone; preparing.py says what the steps are.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python meets this line first, and can parse this file
    sys.exit(
        f"Updraft needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}.\n"
        "Hint: install Python 3.12, then start this command with it, for example: python3.12 packaging/run.py"
    )

import importlib.util
import json
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from installing import PYTHON, SetupFailed, carry_out, clean_variables
from locked import normal


@dataclass(frozen=True)
class Environment:
    """A virtual environment in ``folder`` and the record of the steps that were completed in it."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter of this environment."""
        return self.tool("python")

    @property
    def packages(self) -> Path:
        """Where its packages are unpacked."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))

    @property
    def done(self) -> dict[str, str]:
        """The completed steps: what was installed, by step. Empty when there is no readable record."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    @property
    def identity(self) -> str:
        """Python's version and the environment's place: with another of either it has to be made anew."""
        return f"{PYTHON} in {self.folder}"

    @property
    def _record(self) -> Path:
        return self.folder / "updraft.json"

    def tool(self, name: str) -> Path:
        """Return the path of a program of this environment, whether or not it is there."""
        suffix = ".exe" if os.name == "nt" else ""
        return Path(sysconfig.get_path("scripts", "venv", {"base": str(self.folder)}), name + suffix)

    def record(self, **steps: str) -> None:
        """Add completed steps; a crash leaves either the old record or the new one."""
        draft = self._record.with_suffix(".part")
        draft.write_text(json.dumps({**self.done, **steps}, indent=1), encoding="utf-8")
        draft.replace(self._record)

    def forget(self, *steps: str) -> None:
        """Take steps off the record before they are done again."""
        kept = {step: what for step, what in self.done.items() if step not in steps}
        self._record.unlink(missing_ok=True)
        if kept:
            self.record(**kept)


def make(environment: Environment) -> None:
    """Make the environment, complete one half made, or replace one of another Python; raises SetupFailed."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupFailed(
                f"This Python cannot make virtual environments: its module {module} is missing.",
                f"On Debian and Ubuntu, sudo apt install python{PYTHON}-venv, then start again.",
            )
    # One that was moved is no use: its programs name the place where they were installed.
    moved = environment.done.get("python", environment.identity) != environment.identity
    usable = not moved and version_of(environment.python) == PYTHON
    environment.forget("python", "torch", "project", "check")
    if usable:
        print(f"Completing the virtual environment in {environment.folder}.", flush=True)
        drop_torn(environment.packages)
    elif environment.folder.exists():
        print(f"Making the virtual environment in {environment.folder} anew (Python {PYTHON}).", flush=True)
    else:
        print(f"Making a virtual environment in {environment.folder}.", flush=True)
    command = [sys.executable, "-m", "venv", *(() if usable else ("--clear",)), str(environment.folder)]
    carry_out(command, "The virtual environment could not be made.")
    environment.record(python=environment.identity)


def version_of(python: Path) -> str | None:
    """Ask an interpreter for its version, as "3.11"; None where it is missing or does not run."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.check_output([python, "-c", question], text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions(environment: Environment) -> dict[str, str]:
    """Return the version of every package that is installed, by its normal name."""
    listing = [str(environment.python), "-m", "pip", "list", "--format", "json"]
    found = json.loads(subprocess.check_output(listing, text=True, env=clean_variables()))
    return {normal(each["name"]): each["version"] for each in found}


def drop_torn(packages: Path) -> None:
    """Delete the metadata of packages whose unpacking was cut short, or pip would take them for installed.

    RECORD is the last file that pip writes of a package.
    """
    for metadata in packages.glob("*.dist-info"):
        if not (metadata / "RECORD").exists():
            shutil.rmtree(metadata)
