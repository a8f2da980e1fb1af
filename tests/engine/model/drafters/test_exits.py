"""Adapters at early exits as they are loaded: their memory, and files that end early."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
import torch

from engine.architecture.drafters import ExitsShape, read_drafter
from engine.architecture.holding import Holding
from engine.config import TARGET, Exit, ModelSet
from engine.decoding.sources import making
from engine.decoding.sources.adapted import Adapters
from engine.decoding.sources.making import Home
from engine.errors import CheckpointError
from engine.model import Transformer, load
from engine.model.drafters.exits import load_exits
from tests.engine.adapters import write_exits
from tests.engine.family import finish


@pytest.fixture(scope="module")
def target(family: ModelSet) -> Transformer:
    return finish(load(family.target, torch.device("cpu")))


def test_what_is_counted_is_what_is_loaded(target: Transformer, tmp_path: Path) -> None:
    """Weights, caches, and how positions are turned."""
    write_exits(tmp_path, target.architecture, (2, 5))
    source, home = Exit(0.25, adapted=True), Home({TARGET: target}, Holding("cpu", "exact"), 64)
    own, shape = making(source).load(tmp_path, home), read_drafter(tmp_path, target.architecture)
    assert isinstance(own, Adapters)
    assert isinstance(shape, ExitsShape)
    taken = 0
    for adapter in own.adapters.values():
        model, (block,) = adapter.model, adapter.model.blocks
        matrices = shape.decoder.parts.tensors().values()
        norms = [model.norm, block.attention_norm, block.mlp_norm]
        turns = [model.rotation.cosine[:64], model.rotation.sine[:64]]
        taken += adapter.cache.bytes + sum(each.nbytes for each in (*norms, *turns))
        taken += sum(4 * prod(matrix) for matrix in matrices if len(matrix) == 2)
        assert model.head is target.head
    assert making(source).memory(tmp_path, home) == taken


def test_a_file_that_ends_early_is_said(target: Transformer, tmp_path: Path) -> None:
    """Between reading its header and its weights."""
    write_exits(tmp_path, target.architecture, (2,))
    shape = read_drafter(tmp_path, target.architecture)
    assert isinstance(shape, ExitsShape)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="Reading"):
        load_exits(tmp_path, shape, target, Holding("cpu", "exact"))
