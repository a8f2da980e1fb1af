"""Updraft's virtual environment: made, completed and kept up to date by the standard library alone.

Three steps, each put on record when it is done: Python itself, torch, Updraft with what it needs. A start
does the steps that are not on record, so an interruption costs one step and a second start costs nothing.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Named twice on purpose: alone, so that it may come from an index of its own, and again with everything else,
# so that no dependency can replace it by a newer one of several gigabytes.
TORCH = "torch==2.13.0"
INDEX = "UPDRAFT_TORCH_INDEX"
GET_STARTED = (
    f'set {INDEX} to the address after --index-url on the "Get Started" page of PyTorch\'s site '
    "and run the same command again"
)


class SetupFailed(Exception):  # noqa: N818 - engine.errors' shape, which cannot be imported before anything is installed
    """A foreseen failure: ``sentence`` says what happened, ``hint`` what to do about it."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


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
        install_project(environment, root, wanted, checks=checks, cuda=machine.driver)


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
    """Install torch and see it start; raises SetupFailed. Warns where a GPU would lie idle."""
    print(torch_notice(machine), flush=True)
    environment.forget("torch")
    # The same version from another index counts as installed already, hence the force.
    source = ["--index-url", machine.index, "--force-reinstall"] if machine.index else []
    pip_install(environment, [*source, TORCH])
    proof = [str(environment.python), "-c", "import torch; print(torch.version.cuda or '')"]
    answer = subprocess.run(proof, capture_output=True, text=True, check=False, env=clean_variables())
    if answer.returncode != 0:
        print(answer.stderr, file=sys.stderr)
        raise SetupFailed(
            "torch was installed but does not start; its own words are above.",
            "On Windows, install the Microsoft Visual C++ Redistributable. Elsewhere, delete the folder "
            f"{environment.folder} and run the same command again.",
        )
    environment.record(torch=torch_key(machine.index))
    warning = torch_warning(machine, answer.stdout.strip())
    if warning:
        print(warning, flush=True)


def install_project(environment: Environment, root: Path, wanted: str, *, checks: bool, cuda: bool) -> None:
    """Install Updraft from ``root``, editable, and what it needs; raises SetupFailed.

    ``cuda``: also what our kernels need. ``checks``: also what the checks need, which compile those kernels anyway.
    """
    print("Installing Updraft and what its checks need." if checks else "Installing Updraft.", flush=True)
    environment.forget("project", "check")
    extra = "[check]" if checks else "[cuda]" if cuda else ""
    pip_install(environment, ["--editable", f"{root}{extra}", TORCH])
    environment.record(project=wanted, **({"check": wanted} if checks else {}))


def installation(root: Path) -> str:
    """Digest what an installation depends on: pyproject.toml without the settings of linters and tests."""
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupFailed(
            f"pyproject.toml cannot be read: {error}.", "Bring this checkout back to a complete state."
        ) from error
    hatch = settings.get("tool", {}).get("hatch")
    read = [settings.get("build-system"), settings.get("project"), hatch]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def drop_torn(packages: Path) -> None:
    """Delete the metadata of packages whose unpacking was cut short, or pip would take them for installed.

    RECORD is the last file that pip writes of a package.
    """
    for metadata in packages.glob("*.dist-info"):
        if not (metadata / "RECORD").exists():
            shutil.rmtree(metadata)


def pip_install(environment: Environment, arguments: Sequence[str]) -> None:
    """Run ``pip install`` in the environment; raises SetupFailed with what its messages mean."""
    command = [str(environment.python), "-m", "pip", "install", *arguments]
    carry_out(command, "pip could not install what is needed.")


def carry_out(command: Sequence[str], sentence: str) -> None:
    """Run ``command`` to its end; raises SetupFailed, with ``sentence`` unless its messages tell more.

    Its output, progress bars included, goes straight to the terminal; its errors are shown and kept.
    """
    messages: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=clean_variables(),
    ) as process:
        assert process.stderr is not None  # noqa: S101 - it was asked for
        try:
            for line in process.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                messages.append(line)
        except KeyboardInterrupt:  # the terminal told the command too: let it tidy up
            process.wait()
            raise
    if process.returncode != 0:
        raise diagnosis("".join(messages), sentence)


def clean_variables() -> dict[str, str]:
    """Return this process's variables without those that make a Python look for its packages elsewhere."""
    foreign = ("PYTHONHOME", "PYTHONPATH")
    variables = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**variables, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}


CAUSES = (
    (
        ("No space left on device", "Errno 28", "not enough space on the disk", "Disk quota exceeded"),
        "The disk is full.",
        "Free some space, also where temporary files go (about 3 GB for the CPU, 12 GB for an NVIDIA GPU), "
        "and run the same command again: it goes on where it stopped.",
    ),
    (
        ("SSLError", "CERTIFICATE_VERIFY_FAILED"),
        "The package index could not be trusted: its certificate was refused.",
        "Check the computer's clock; behind a company's proxy, tell pip about its certificate: "
        "pip config set global.cert FILE.",
    ),
    (
        (
            "NewConnectionError",
            "ConnectTimeoutError",
            "ProxyError",
            "NameResolutionError",
            "ConnectionResetError",
            "Temporary failure in name resolution",
            "getaddrinfo failed",
            "Network is unreachable",
            "Connection refused",
            "Read timed out",
            "IncompleteRead",
        ),
        "The package index could not be reached.",
        "Connect to the internet (only installing needs it), check the proxy settings, "
        "and run the same command again: it goes on where it stopped.",
    ),
    (
        (f"No matching distribution found for {TORCH}",),
        f"There is no {TORCH} for this computer's Python {PYTHON}.",
        "Use a 64-bit Python 3.11 or 3.12 on Linux, Windows or a Mac with Apple silicon; "
        f"if {INDEX} is set, see that its address is right.",
    ),
    (
        ("Permission denied", "Access is denied", "WinError 32"),
        "A file could not be written.",
        "Close Updraft's windows, see that this folder belongs to you, and run the same command again.",
    ),
)


def diagnosis(messages: str, otherwise: str) -> SetupFailed:
    """Return the failure that error messages tell of, the first of CAUSES, or one that says ``otherwise``."""
    for signs, sentence, hint in CAUSES:
        if any(sign in messages for sign in signs):
            return SetupFailed(sentence, hint)
    return SetupFailed(otherwise, "Put right what the messages above name, and run the same command again.")


def told(main: Callable[[], int]) -> int:
    """Run ``main`` and return its exit status: 1 after telling a failure and its hint, 130 after Ctrl+C."""
    try:
        return main()
    except SetupFailed as failure:
        complaint = failure
    except OSError as error:
        complaint = diagnosis(str(error), f"The computer refused: {error}.")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    print(f"\nUpdraft: {complaint.sentence}\n  Hint: {complaint.hint}", file=sys.stderr)
    return 1
