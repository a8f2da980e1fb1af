"""The probe, on what drivers really print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.gpus import read_gpus
from engine.library import Gpu, probe
from engine.library.hardware import torch_cuda

TWO = """0, GPU-1111aaaa-1, NVIDIA GeForce RTX 4090, 570.86.15, 8.9, 24564, 1337, 22789
1, GPU-2222aaaa-1, Tesla P40, 570.86.15, 6.1, 23040, [N/A], 23000
2, GPU-3333aaaa-1, NVIDIA GeForce GTX 1080, 570.86.15, 6.1, 8192, 512, 7600
"""


def test_reads_what_nvidia_smi_prints() -> None:
    """Guards against one GPU without numbers hiding the others, and against MiB taken for bytes."""
    mib = 1 << 20
    assert read_gpus(TWO) == (
        Gpu("NVIDIA GeForce RTX 4090", "570.86.15", (8, 9), 24564 * mib, 1337 * mib, 22789 * mib, 0, "GPU-1111aaaa-1"),
        Gpu("NVIDIA GeForce GTX 1080", "570.86.15", (6, 1), 8192 * mib, 512 * mib, 7600 * mib, 2, "GPU-3333aaaa-1"),
    )
    assert read_gpus("") == ()
    assert read_gpus("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.") == ()


def test_torch_build_is_read_without_importing_it() -> None:
    """Guards against a wizard that takes seconds to appear because torch is imported to ask for its version."""
    assert torch_cuda() == torch.version.cuda
    code = "import sys, engine.library as l; from pathlib import Path; l.probe(Path()); print('torch' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert out.stdout == "False\n"


def test_this_machine(tmp_path: Path) -> None:
    """Guards the probe end to end on whatever machine this is; the folder need not exist yet."""
    found = probe(tmp_path / "not" / "yet")
    assert found.ram >= found.ram_free > 0
    assert found.disk >= found.disk_free > 0
    assert found.cores >= 1


@pytest.mark.skipif(os.name != "posix", reason="the stand-in driver is a shell script")
def test_a_driver_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a broken driver taking the wizard down with it."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe(tmp_path).gpus == ()
    program.write_text("#!/bin/sh\necho '0, GPU-1, RTX, 570, 8.9, 1000, 100, 900'\n")
    assert probe(tmp_path).gpus[0].name == "RTX"
