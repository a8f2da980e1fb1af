"""Chooses the device: the one GPU that the library judges by and the engine runs on. Imports no torch to look."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.errors import DeviceError

if TYPE_CHECKING:
    import torch

MIB = 1 << 20
LEAST_CAPABILITY = (7, 5)  # the compute capability bitsandbytes' 4-bit kernels start at
ORDER, VISIBLE = "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES"  # what CUDA reads when it starts
CAP = "UPDRAFT_VRAM"  # gigabytes that a GPU is taken to have, where it has more: to try out what a smaller one does
GET_CUDA = "Start Updraft with packaging/run.py again: it installs the one for this GPU, or says what is in the way."
KNOWN = "Use auto, cpu or cuda."
_QUERY = "index,uuid,name,driver_version,compute_cap,memory.total,memory.used,memory.free"
_LINK = "pcie.link.gen.max,pcie.link.width.max"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; memory in bytes, ``used`` being what all programs hold at this moment.

    ``index`` is its place on the bus, by which nvidia-smi counts, ``uuid`` its name for life. ``link``: generation of
    PCI Express and lanes, the most that it and the machine can do; zeros where the driver does not say.
    """

    name: str
    driver: str
    capability: tuple[int, int]
    total: int
    used: int
    free: int
    index: int = 0
    uuid: str = ""
    link: tuple[int, int] = (0, 0)


def cap(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the bytes that CAP lets a GPU have; None where it says nothing, or nothing that is a size."""
    try:
        asked = float(environment.get(CAP, ""))
    except ValueError:
        return None
    return round(asked * 10**9) if 0 < asked < 10**6 else None


def capped(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return ``gpus`` with no more memory than CAP lets them have."""
    most = cap(environment)
    if most is None:
        return tuple(gpus)
    return tuple(replace(gpu, total=min(gpu.total, most), free=min(gpu.free, most)) for gpu in gpus)


def name_of(device: torch.device) -> str:
    """Return what people call ``device``."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def device_of(name: str) -> torch.device:
    """Return the device ``name`` means: "auto" is a CUDA GPU where there is one, else the CPU.

    Raises DeviceError for any but these two, for a GPU that cannot be used, and for one that is not the first.
    """
    import torch  # here, as the library reads this file and starts without it

    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call] # torch leaves it untyped
        settle()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as cause:
        raise DeviceError(f"{name!r} is not a device.", KNOWN) from cause
    if device.type not in {"cpu", "cuda"}:
        raise DeviceError(f"Updraft does not run on {name!r}.", KNOWN)
    if device.type == "cuda" and not torch.cuda.is_available():
        hint = "Check the NVIDIA driver and CUDA_VISIBLE_DEVICES; or use --device cpu."
        raise DeviceError("No CUDA GPU is usable here.", hint if torch.version.cuda else GET_CUDA)
    if device.type == "cuda" and device.index:
        raise DeviceError(f"{name} is not the first GPU.", "Set CUDA_VISIBLE_DEVICES so that it is, and use cuda.")
    return device


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make CUDA number GPUs as the driver's own program does, and begin with the one Updraft uses.

    To be called before CUDA starts, which reads ``environment`` once. What the user has set there is kept: the order
    stays as it is, and of the GPUs that are shown one is chosen, never another. Without this CUDA puts what it takes
    for the fastest first, and the library, which may not start CUDA to ask, would judge another card.
    """
    environment.setdefault(ORDER, "PCI_BUS_ID")
    seen = visible(read_gpus(nvidia_smi()), environment)
    used = chosen(seen)
    if used and used.uuid and used != seen[0]:
        environment[VISIBLE] = used.uuid


def chosen(gpus: Sequence[Gpu]) -> Gpu | None:
    """Return the GPU Updraft uses of those CUDA shows: the first that its kernels can run on."""
    return next((gpu for gpu in gpus if gpu.capability >= LEAST_CAPABILITY), None)


def visible(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA shows to a program with ``environment``, in its order; ``gpus`` are in the bus's.

    Like CUDA it takes numbers and beginnings of names, and stops at the first that is none of them. Its guess at which
    card is fastest, where the user asks for that order, is taken to be the newest, then the largest.
    """
    ordered = sorted(gpus, key=lambda gpu: gpu.index)
    if environment.get(ORDER) == "FASTEST_FIRST":
        ordered.sort(key=lambda gpu: (gpu.capability, gpu.total), reverse=True)
        by_number = dict(enumerate(ordered))
    else:
        by_number = {gpu.index: gpu for gpu in ordered}
    if VISIBLE not in environment:
        return tuple(ordered)
    shown: list[Gpu] = []
    for word in environment[VISIBLE].split(","):
        gpu = _meant(word.strip(), by_number)
        if gpu is None or gpu in shown:
            break
        shown.append(gpu)
    return tuple(shown)


def _meant(word: str, by_number: Mapping[int, Gpu]) -> Gpu | None:
    if word.isascii() and word.isdigit():
        return by_number.get(int(word))
    named = [gpu for gpu in by_number.values() if word.startswith("GPU-") and gpu.uuid.startswith(word)]
    return named[0] if len(named) == 1 else None


def nvidia_smi() -> str:
    """Return the table of the driver's own program; empty where there is none, or it fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        answer = subprocess.run(  # noqa: S603 - the driver's own program, no outside input
            [program, f"--query-gpu={_QUERY},{_LINK}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            errors="replace",
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
            index, uuid, name, driver, capability, *rest = (cell.strip() for cell in row)
            major, minor = capability.split(".")
            total, used, free = (int(float(size) * MIB) for size in rest[:3])
            level = int(major), int(minor)
            gpus.append(Gpu(name, driver, level, total, used, free, int(index), uuid, _link(rest[3:])))
        except (ValueError, OverflowError):
            continue
    return tuple(gpus)


def _link(cells: Sequence[str]) -> tuple[int, int]:
    """Return the generation and the lanes a row ends in; a link that is not PCI Express has none to say."""
    if len(cells) == 2 and all(cell.isascii() and cell.isdigit() for cell in cells):
        return int(cells[0]), int(cells[1])
    return 0, 0
