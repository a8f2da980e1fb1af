"""Updraft's virtual environment: made, completed and kept up to date by the standard library alone.

Three steps, each put on record when it is done: Python itself, torch, Updraft with what it needs. A start
does the steps that are not on record, so an interruption costs one step and a second start costs nothing.
Versions and hashes come from requirements.lock; only torch from an index of one's choice has no hash there.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python meets this line first, and can parse this file
    sys.exit(
        f"Updraft needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}.\n"
        "Hint: install Python 3.12, then start this command with it, for example: python3.12 packaging/run.py"
    )

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sysconfig
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from installing import INDEX, PYTHON, ROOT, TORCH, SetupFailed, carry_out, clean_variables
from locked import NAME as LOCK
from locked import chosen, normal

GET_STARTED = (
    f'set {INDEX} to the address after --index-url on the "Get Started" page of PyTorch\'s site '
    "and run the same command again"
)


@dataclass(frozen=True)
class Machine:
    """What decides which torch is installed: ``sys.platform``, an NVIDIA driver, an index of one's choice."""

    platform: str
    driver: bool
    index: str | None = None

    @classmethod
    def here(cls) -> "Machine":
        """Look at this machine without starting any process."""
        return cls(sys.platform, driver_present(sys.platform, os.environ), os.environ.get(INDEX) or None)


def driver_present(platform: str, variables: Mapping[str, str]) -> bool:
    """Tell whether an NVIDIA driver is installed: its tool on PATH, or its library where drivers put it."""
    places = {
        "linux": ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"),
        "win32": (str(Path(variables.get("SystemRoot", "C:/Windows"), "System32", "nvcuda.dll")),),
    }.get(platform, ())
    tool = shutil.which("nvidia-smi", path=variables.get("PATH", ""))
    return bool(places) and (tool is not None or any(Path(place).exists() for place in places))


def torch_notice(machine: Machine) -> str:
    """Say which torch is about to be installed, and why."""
    if machine.index:
        return f"Installing {TORCH} from the index that {INDEX} names."
    if machine.driver:
        return f"Installing {TORCH} for the NVIDIA driver found here."
    if machine.platform == "linux":
        return (
            f"Installing {TORCH}; no NVIDIA driver was found, so the CPU will do the work.\n"
            "  Where your package index has only the CUDA build, that one comes: several gigabytes that run\n"
            f"  on the CPU as well. For the small CPU build, {GET_STARTED}."
        )
    return f"Installing {TORCH} for the CPU."


def torch_warning(machine: Machine, cuda: str) -> str | None:
    """Say that the GPU will lie idle: a driver is present, torch was built without CUDA (``cuda`` empty)."""
    if not machine.driver or cuda:
        return None
    return f"There is an NVIDIA driver, but this torch is for the CPU.\n  Hint: for the GPU, {GET_STARTED}."


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


def prepare(environment: Environment, machine: Machine, *, checks: bool = False, root: Path = ROOT) -> None:
    """Do the steps that are not on record, each announced first; raises SetupFailed.

    ``checks``: also install what the checks need. Returns at once, starting no process, when nothing is due.
    """
    if environment.done.get("python") != environment.identity or not environment.python.exists():
        make(environment)
    if torch_due(environment.done.get("torch"), machine.index):
        drop_torn(environment.packages)
        install_torch(environment, machine)
    wanted = installation(root) + (" cuda" if machine.driver else "")
    if wanted not in (environment.done.get("check"), None if checks else environment.done.get("project")):
        drop_torn(environment.packages)
        install_project(environment, machine, root, wanted, checks=checks)


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


def torch_due(done: str | None, index: str | None) -> bool:
    """Tell whether torch must be installed: not there, another version, or another index is asked for.

    An index that is no longer named changes nothing: a new terminal must not undo a person's choice.
    """
    return done is None or done.split()[0] != TORCH or bool(index and done != torch_key(index))


def torch_key(index: str | None) -> str:
    """Name an installation of torch; the index only as a digest, for addresses may hold a password."""
    return f"{TORCH} {hashlib.sha256(index.encode()).hexdigest()[:16]}" if index else TORCH


def install_torch(environment: Environment, machine: Machine) -> None:
    """Install torch: the locked file alone, or, from an index of one's choice, the build it has and what that needs."""
    print(torch_notice(machine), flush=True)
    environment.forget("torch")
    if machine.index:  # the same version from another index counts as installed already, hence the force
        pip_install(environment, ["--index-url", machine.index, "--force-reinstall", TORCH])
    else:
        install_locked(environment, ROOT, ["torch-cpu" if cpu_build_offered(environment, machine) else "torch"])
    environment.record(torch=torch_key(machine.index))


def cpu_build_offered(environment: Environment, machine: Machine) -> bool:
    """Tell whether the person's index has torch's small CPU build for Linux, where no GPU would use the large one."""
    if machine.platform != "linux" or machine.driver:
        return False
    command = [
        str(environment.python),
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        *from_lock(environment, ROOT, ["torch-cpu"]),
    ]
    return subprocess.run(command, capture_output=True, check=False, env=clean_variables()).returncode == 0


def install_project(environment: Environment, machine: Machine, root: Path, wanted: str, *, checks: bool) -> None:
    """Install Updraft from ``root``, editable, and what it needs; raises SetupFailed. Warns where a GPU would lie idle.

    ``checks``: also what the checks need. The checks compile our kernels on any machine, so these need come along.
    """
    print("Installing Updraft and what its checks need." if checks else "Installing Updraft.", flush=True)
    environment.forget("project", "check")
    names = ["run"]
    if needs_cuda_libraries(environment.packages, machine):
        names.append("torch-cuda")
    if machine.driver or checks:
        names.append("cuda")
    install_locked(environment, root, [*names, "check"] if checks else names)
    pip_install(environment, ["--no-deps", "--no-build-isolation", "--editable", str(root)])
    see_torch_start(environment, machine)
    environment.record(project=wanted, **({"check": wanted} if checks else {}))


def prepare_newest(environment: Environment, machine: Machine, root: Path = ROOT) -> None:
    """Install Updraft and its checks in the newest versions that pyproject.toml allows, whatever the lock file says."""
    make(environment)
    install_torch(environment, machine)
    pip_install(environment, ["--upgrade", "--upgrade-strategy", "eager", "--editable", f"{root}[check]"])


def versions(environment: Environment) -> dict[str, str]:
    """Return the version of every package that is installed, by its normal name."""
    listing = [str(environment.python), "-m", "pip", "list", "--format", "json"]
    found = json.loads(subprocess.check_output(listing, text=True, env=clean_variables()))
    return {normal(each["name"]): each["version"] for each in found}


def needs_cuda_libraries(packages: Path, machine: Machine) -> bool:
    """Tell whether the torch in ``packages`` is the CUDA build for Linux that the lock file knows the libraries of."""
    if machine.platform != "linux" or machine.index:
        return False
    metadata = (found.read_text(encoding="utf-8") for found in packages.glob("torch-*.dist-info/METADATA"))
    return any("\nRequires-Dist: nvidia-" in text for text in metadata)


def install_locked(environment: Environment, root: Path, names: Sequence[str]) -> None:
    """Install the packages of these sections of the lock file, and nothing that it does not name."""
    pip_install(environment, from_lock(environment, root, names))


def from_lock(environment: Environment, root: Path, names: Sequence[str]) -> list[str]:
    """Write these sections of the lock file beside the record, and return what makes pip install just them."""
    part = environment.folder / "requirements.txt"
    part.write_text(chosen((root / LOCK).read_text(encoding="utf-8"), names), encoding="utf-8")
    return ["--no-deps", "--require-hashes", "--requirement", str(part)]


def see_torch_start(environment: Environment, machine: Machine) -> None:
    """Import torch once; raises SetupFailed where it does not start."""
    proof = [str(environment.python), "-c", "import torch; print(torch.version.cuda or '')"]
    answer = subprocess.run(proof, capture_output=True, text=True, check=False, env=clean_variables())
    if answer.returncode != 0:
        print(answer.stderr, file=sys.stderr)
        environment.forget("torch")
        raise SetupFailed(
            "torch was installed but does not start; its own words are above.",
            "On Windows, install the Microsoft Visual C++ Redistributable. Elsewhere, delete the folder "
            f"{environment.folder} and run the same command again.",
        )
    warning = torch_warning(machine, answer.stdout.strip())
    if warning:
        print(warning, flush=True)


def pip_install(environment: Environment, arguments: Sequence[str]) -> None:
    """Run ``pip install`` in the environment; raises SetupFailed with what its messages mean.

    Python compiles each module when it is first imported. pip would compile all of torch and transformers beforehand,
    which takes longer than all else, and most of that is never imported.
    """
    command = [str(environment.python), "-m", "pip", "install", "--no-compile", *arguments]
    carry_out(command, "pip could not install what is needed.")


def installation(root: Path) -> str:
    """Digest what an installation depends on: the lock file, and pyproject.toml but for linters' settings."""
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        lock = (root / LOCK).read_bytes()
    except (OSError, ValueError) as error:
        raise SetupFailed(
            f"pyproject.toml or {LOCK} cannot be read: {error}.", "Bring this checkout back to a complete state."
        ) from error
    hatch = settings.get("tool", {}).get("hatch")
    read = [settings.get("build-system"), settings.get("project"), hatch]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode() + lock).hexdigest()


def drop_torn(packages: Path) -> None:
    """Delete the metadata of packages whose unpacking was cut short, or pip would take them for installed.

    RECORD is the last file that pip writes of a package.
    """
    for metadata in packages.glob("*.dist-info"):
        if not (metadata / "RECORD").exists():
            shutil.rmtree(metadata)
