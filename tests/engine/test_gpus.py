"""One choice of GPU for the library and the engine, on what drivers really print."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine import gpus
from engine.errors import DeviceError
from engine.gpus import ORDER, VISIBLE, chosen, device_of, read_gpus, settle, visible
from engine.library.hardware import probe

# An old card on the first slot, for the screen, and two that compute.
TABLE = """0, GPU-1f0aaaaa-0001, NVIDIA GeForce GTX 1080, 570.86.15, 6.1, 8192, 512, 7600
1, GPU-2f0bbbbb-0002, NVIDIA GeForce RTX 3060, 570.86.15, 8.6, 12288, 10, 12000, [N/A], [N/A]
2, GPU-2f0ccccc-0003, NVIDIA GeForce RTX 4090, 570.86.15, 8.9, 24564, 20, 24000, 4, 16
"""
THREE = read_gpus(TABLE)


@pytest.mark.parametrize(
    ("environment", "order"),
    [
        ({}, [0, 1, 2]),
        ({ORDER: "PCI_BUS_ID"}, [0, 1, 2]),
        ({ORDER: "FASTEST_FIRST"}, [2, 1, 0]),
        ({ORDER: "FASTEST_FIRST", VISIBLE: "0"}, [2]),
        ({VISIBLE: "2,0"}, [2, 0]),
        ({VISIBLE: "1, 7, 0"}, [1]),  # CUDA stops at the first number that is none
        ({VISIBLE: ""}, []),
        ({VISIBLE: "-1"}, []),
        ({VISIBLE: "NoDevFiles"}, []),
        ({VISIBLE: "GPU-2f0ccccc-0003,GPU-1f0"}, [2, 0]),
        ({VISIBLE: "GPU-2f0"}, []),  # two begin like that
        ({VISIBLE: "GPU-ffff,0"}, []),
    ],
)
def test_cuda_shows_what_its_variables_say(environment: dict[str, str], order: list[int]) -> None:
    """The library judging a card that the engine is not allowed to see, or never picks."""
    assert [gpu.index for gpu in visible(THREE, environment)] == order


@pytest.mark.parametrize(
    ("environment", "after"),
    [
        ({}, {ORDER: "PCI_BUS_ID", VISIBLE: "GPU-2f0bbbbb-0002"}),  # the first is too old for our kernels
        ({ORDER: "FASTEST_FIRST"}, {ORDER: "FASTEST_FIRST"}),
        ({VISIBLE: "2"}, {ORDER: "PCI_BUS_ID", VISIBLE: "2"}),
        ({VISIBLE: "0,2"}, {ORDER: "PCI_BUS_ID", VISIBLE: "GPU-2f0ccccc-0003"}),
        ({VISIBLE: "0"}, {ORDER: "PCI_BUS_ID", VISIBLE: "0"}),
    ],
)
def test_the_engine_runs_on_the_card_the_library_judges(
    environment: dict[str, str], after: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """cuda:0 being another card than the one whose memory was counted."""
    judged = chosen(visible(THREE, environment))
    monkeypatch.setattr(gpus, "nvidia_smi", lambda: TABLE)
    settle(environment)
    assert environment == after
    assert chosen(visible(THREE, environment)) == judged
    assert visible(THREE, environment)[0] == (judged or THREE[0])


def test_a_link_is_read_where_the_driver_says_it() -> None:
    """A card lost for a number that is only good for a guess."""
    assert [gpu.link for gpu in THREE] == [(0, 0), (0, 0), (4, 16)]


def test_a_card_without_numbers_keeps_its_place() -> None:
    """A card that fell off the bus shifting the numbers of those behind it."""
    broken = TABLE.replace("12288, 10, 12000", "[N/A], [N/A], [N/A]")
    assert [gpu.index for gpu in visible(read_gpus(broken), {VISIBLE: "2,0"})] == [2, 0]


@pytest.mark.skipif(os.name != "posix", reason="the stand-in driver is a shell script")
def test_a_card_that_is_not_used_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that lies idle without a word about why, or what to do."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{TABLE}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in (VISIBLE, ORDER):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    found = replace(probe(tmp_path), torch_cuda="13.0")
    assert found.gpu == THREE[1]
    assert found.remark == ""
    assert "packaging/run.py" in replace(found, torch_cuda=None).remark
    monkeypatch.setenv(VISIBLE, "0")
    assert "is older than" in replace(probe(tmp_path), torch_cuda="13.0").remark
    monkeypatch.setenv(VISIBLE, "")
    assert "GTX 1080 is not used, because CUDA_VISIBLE_DEVICES hides it" in probe(tmp_path).remark
    assert device_of("cpu").type == "cpu"
    assert os.environ[ORDER] == "PCI_BUS_ID"


def test_a_gpu_that_cannot_be_used_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """No word about how to get a build of torch that uses the GPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", None)
    with pytest.raises(DeviceError, match="No CUDA GPU") as refused:
        device_of("cuda")
    assert "packaging/run.py" in refused.value.hint
