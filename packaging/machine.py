"""What of this machine decides which torch is installed, and how that is said. Standard library only."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from installing import INDEX, TORCH

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
