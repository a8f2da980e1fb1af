"""What this machine has: GPUs, driver, memory, disk. Measured anew at every call, without importing torch."""

from __future__ import annotations

import ast
import csv
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 1 << 20
OLDEST = (7, 5)  # the compute capability bitsandbytes' 4-bit kernels start at
_QUERY = "name,driver_version,compute_cap,memory.total,memory.used,memory.free"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; memory in bytes, ``used`` being what all programs hold at this moment."""

    name: str
    driver: str
    capability: tuple[int, int]
    total: int
    used: int
    free: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """This machine at this moment; memory and disk in bytes.

    ``torch_cuda`` is the CUDA version the installed torch was built for, None for a CPU build or no torch.
    """

    gpus: tuple[Gpu, ...]
    torch_cuda: str | None
    ram: int
    ram_free: int
    cores: int
    folder: Path
    disk: int
    disk_free: int

    @property
    def gpu(self) -> Gpu | None:
        """The GPU Updraft would use: the first that its build of torch and its kernels can run on."""
        if self.torch_cuda is None:
            return None
        return next((gpu for gpu in self.gpus if gpu.capability >= OLDEST), None)

    @property
    def remark(self) -> str:
        """Why a GPU that is there is not used, in a sentence; empty where there is nothing to say."""
        if not self.gpus or self.gpu:
            return ""
        if self.torch_cuda is None:
            return f"The {self.gpus[0].name} is not used, because the installed torch is a build without CUDA."
        return f"The {self.gpus[0].name} is not used, because it is older than Updraft's 4-bit kernels allow."


def probe(folder: Path) -> Hardware:
    """Measure this machine; ``folder`` is on the disk in question and need not exist yet."""
    memory = psutil.virtual_memory()
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    disk = shutil.disk_usage(standing)
    return Hardware(
        gpus=read_gpus(_nvidia_smi()),
        torch_cuda=torch_cuda(),
        ram=memory.total,
        ram_free=memory.available,
        cores=os.cpu_count() or 1,
        folder=folder,
        disk=disk.total,
        disk_free=disk.free,
    )


def _nvidia_smi() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        answer = subprocess.run(  # noqa: S603 - the driver's own program, no outside input
            [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
            creationflags=hidden,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # a driver that hangs or is half removed is as good as none
    return answer.stdout if answer.returncode == 0 else ""


def read_gpus(answer: str) -> tuple[Gpu, ...]:
    """Read nvidia-smi's table; a row it could not fill (“[N/A]”, a GPU that fell off the bus) is left out."""
    gpus = []
    for row in csv.reader(answer.splitlines(), skipinitialspace=True):
        try:
            name, driver, capability, total, used, free = (cell.strip() for cell in row)
            major, minor = capability.split(".")
            sizes = (int(float(size) * MIB) for size in (total, used, free))
            gpus.append(Gpu(name, driver, (int(major), int(minor)), *sizes))
        except ValueError:
            continue
    return tuple(gpus)


def torch_cuda() -> str | None:
    """Return the CUDA version torch was built for, read from its version file instead of importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        source = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
        statements = ast.parse(source).body
    except (OSError, SyntaxError):
        return None
    for statement in statements:
        if isinstance(statement, ast.AnnAssign):
            targets: list[ast.expr] = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == "cuda" for target in targets):
            value = statement.value
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None
