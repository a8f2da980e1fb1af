"""A damaged model on a CUDA device: a sentence, no id outside the vocabulary, and the next session works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

from engine.config import PRESETS, ModelSet, Sampling
from engine.errors import NoNumbers
from engine.session import Session
from tests.engine.family import finish
from tests.engine.pocket import pocket_models

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=str)
def test_no_numbers_are_one_sentence(tmp_path: Path, bad: float) -> None:
    """A NaN that is drawn as an id past the vocabulary, which ends every CUDA program of the process."""
    whole = pocket_models(wide=True)
    folder = tmp_path / "target"
    shutil.copytree(whole.target, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][5] = bad
    save_file(weights, folder / "model.safetensors")
    session = finish(Session.open(ModelSet("damaged", {**whole.models, "target": folder}), "cuda"))
    for preset in ("plain", "hispec", "hsd"):
        for temperature in (0.0, 0.8):
            sampling = Sampling(temperature)
            with pytest.raises(NoNumbers):
                list(session.reply([("user", "Hi")], preset=PRESETS[preset], sampling=sampling, max_tokens=8))
    session.close()
    torch.cuda.synchronize()
    session = finish(Session.open(whole, "cuda"))
    assert list(session.reply([("user", "Hi")], preset=PRESETS["plain"], sampling=Sampling(0.0), max_tokens=8))
    session.close()
