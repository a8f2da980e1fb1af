"""What this machine has: GPUs, driver, memory, disk. Measured at every call, without importing torch."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.architecture.holding import Device
from engine.bandwidth import Bandwidth, kept, usual_file
from engine.gpus import GET_CUDA, Gpu, capped, chosen, nvidia_smi, read_gpus, visible


@dataclass(frozen=True, slots=True)
class Hardware:
    """This machine at this moment; memory and disk in bytes.

    ``gpus`` are those CUDA shows, in its order, ``hidden`` those that CUDA_VISIBLE_DEVICES keeps from it.
    ``bandwidth``: what was measured of the GPU used, None before anything was.
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
    hidden: tuple[Gpu, ...] = ()
    bandwidth: Bandwidth | None = None

    @property
    def gpu(self) -> Gpu | None:
        """The GPU Updraft would use, as the engine chooses it; None where its build of torch can use none."""
        return chosen(self.gpus) if self.torch_cuda else None

    @property
    def remark(self) -> str:
        """Why a GPU that is there is not used, and what to do about it; empty where there is nothing to say."""
        if self.gpu or not (self.gpus or self.hidden):
            return ""
        name = (self.gpus or self.hidden)[0].name
        if not self.gpus:
            return f"The {name} is not used, because CUDA_VISIBLE_DEVICES hides it."
        if self.torch_cuda is None:
            return f"The {name} is not used, because the installed torch is a build without CUDA. {GET_CUDA}"
        return f"The {name} is not used, because it is older than Updraft's 4-bit kernels allow."


def probe(folder: Path) -> Hardware:
    """Measure this machine; ``folder`` is on the disk in question and need not exist yet."""
    memory = psutil.virtual_memory()
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    disk = shutil.disk_usage(standing)
    there = read_gpus(nvidia_smi())
    shown = visible(there, os.environ)
    used = chosen(shown)
    return Hardware(
        gpus=capped(shown, os.environ),
        hidden=tuple(gpu for gpu in there if gpu not in shown),
        torch_cuda=torch_cuda(),
        ram=memory.total,
        ram_free=memory.available,
        cores=os.cpu_count() or 1,
        folder=folder,
        disk=disk.total,
        disk_free=disk.free,
        bandwidth=kept(usual_file(), used.name) if used else None,
    )


def likely_device() -> Device:
    """Return the device the engine will most likely run on, at once: neither torch nor the driver's program is asked.

    Wrong where CUDA_VISIBLE_DEVICES hides every GPU, or where they are too old: good enough to begin with something.
    """
    return "cuda" if shutil.which("nvidia-smi") and torch_cuda() else "cpu"


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
