"""Processors that our kernels do not run on: float32 in their place, whatever the weights are stored as."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import torch

from engine.config import Weights
from engine.diagnosis import describe_engine
from engine.events import finished
from engine.loaded import Loaded
from engine.model import Transformer, load
from engine.model.cpu.compiled import kernels
from engine.model.packing import refusal
from tests.engine.family import write_family
from tests.engine.model.tiny import group, logits, quantise

TEXT = torch.arange(0, 60, 2)
WHY = {
    "old": "The processor lacks AVX2.",
    "ARM": "Our CPU kernels are made for x86.",
    "no compiler": "Our CPU kernels cannot be compiled",
}


@pytest.fixture(params=WHY)
def why(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Plant what is missing, one thing at a time; gives how the reason begins."""
    if request.param == "old":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    elif request.param == "ARM":
        monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    else:
        monkeypatch.setitem(sys.modules, "llvmlite", None)
    forget()
    yield WHY[request.param]
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Make the kernels be looked for again."""
    kernels.cache_clear()
    refusal.cache_clear()


@pytest.mark.parametrize("form", ["16-bit", "NF4", "4 bits", "8 bits"])
def test_every_form_runs_in_float32_and_says_why(llama: Path, form: str, why: str) -> None:
    """Guards: a checkpoint that only our kernels can run, and a slow model that nobody can explain."""
    if form == "NF4":
        quantise(llama, nested=True)
    elif form != "16-bit":
        group(llama, 4 if form == "4 bits" else 8)
    exact = held(llama, "exact")
    for weights in get_args(Weights):
        model = held(llama, weights)
        assert model.dtype == torch.float32
        assert torch.equal(logits(model, TEXT), logits(exact, TEXT))
    said = dict(describe_engine(torch.device("cpu"), {"target": exact}))["Model: target"]
    assert f"torch.float32 - {why}" in said


def held(folder: Path, weights: Weights) -> Transformer:
    return finished(load(folder, torch.device("cpu"), weights=weights))


def test_the_account_knows(tmp_path: Path, why: str) -> None:
    """Guards: a set that fits by the account of packed weights, and is loaded with four times as much."""
    assert refusal().startswith(why)
    loaded = Loaded(write_family(tmp_path), torch.device("cpu"), "auto", 2048, dense_head=False, weights="stored")
    assert loaded.weights == "exact"
