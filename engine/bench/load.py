"""Other programs that take about half the machine for a while, to see what that does to a plan."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

import torch

BUSY = "while True: pass"
BUSY_ON_A_GPU = """
import torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
while True:
    for _ in range(8):
        a @ a
    torch.cuda.synchronize()
"""


class Load:
    """What keeps half of the cores of ``device`` busy, or a GPU about as much as a reply does, while it is on."""

    def __init__(self, device: torch.device) -> None:
        self._code = BUSY if device.type == "cpu" else BUSY_ON_A_GPU
        self._many = max((os.cpu_count() or 2) // 2, 1) if device.type == "cpu" else 1
        self._running: list[subprocess.Popen[bytes]] = []

    def set(self, *, on: bool) -> None:
        """Begin, or end, unless it is so already."""
        if on and not self._running:
            command = [sys.executable, "-c", self._code]
            self._running = [subprocess.Popen(command) for _ in range(self._many)]  # noqa: S603 - our own interpreter
        elif not on:
            for process in self._running:
                process.kill()
                process.wait()
            self._running = []

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.set(on=False)
