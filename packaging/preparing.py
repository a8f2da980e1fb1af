"""Completes Updraft's virtual environment and keeps it up to date, by the standard library alone.

Three steps, each put on record when it is done: Python itself, torch, Updraft with what it needs. A start
does the steps that are not on record, so an interruption costs one step and a second start costs nothing.
Versions and hashes come from requirements.lock; only torch from an index of one's choice has no hash there.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from environment import Environment, drop_torn, make
from installing import ROOT, TORCH, SetupFailed, carry_out, clean_variables
from locked import NAME as LOCK
from locked import chosen
from machine import Machine, torch_notice, torch_warning


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


def prepare_newest(environment: Environment, machine: Machine, root: Path = ROOT) -> None:
    """Install Updraft and its checks in the newest versions that pyproject.toml allows, whatever the lock file says."""
    make(environment)
    install_torch(environment, machine)
    pip_install(environment, ["--upgrade", "--upgrade-strategy", "eager", *asked(root)])
    put_on_path(environment, root)


def asked(root: Path) -> list[str]:
    """Return everything that pyproject.toml asks for: the program, its kernels and its checks."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]


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
    """Install what Updraft needs, and let it run from ``root``; raises SetupFailed. Warns where a GPU would lie idle.

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
    put_on_path(environment, root)
    see_torch_start(environment, machine)
    environment.record(project=wanted, **({"check": wanted} if checks else {}))


def put_on_path(environment: Environment, root: Path) -> None:
    """Let the environment's Python import Updraft from ``root``, wherever it is started.

    A line that is run, in ASCII: how Python decodes a line that is a path differs between systems and versions.
    """
    environment.packages.mkdir(parents=True, exist_ok=True)
    line = f"import sys; sys.path.append({str(root)!a})\n"
    (environment.packages / "updraft.pth").write_text(line, encoding="ascii")


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
    """Digest what an installation depends on: the lock file, and what pyproject.toml says of the project."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project")
        lock = (root / LOCK).read_bytes()
    except (OSError, ValueError) as error:
        raise SetupFailed(
            f"pyproject.toml or {LOCK} cannot be read: {error}.", "Bring this checkout back to a complete state."
        ) from error
    return hashlib.sha256(json.dumps(project, sort_keys=True).encode() + lock).hexdigest()
