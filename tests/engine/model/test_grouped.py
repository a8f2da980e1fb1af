"""Matrices stored in groups of 32: what they are worth, and every way in which they can be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.account import account
from engine.architecture import read_architecture
from engine.architecture.checking import Bits
from engine.architecture.form import RECIPE
from engine.architecture.holding import Holding
from engine.bench.rivals import transformers_model
from engine.dimensions import read_dimensions
from engine.errors import CheckpointError
from engine.model import open_checkpoint
from tests.engine.model.tiny import (
    change_config,
    change_tensors,
    group,
    grouped,
    loaded,
    logits,
    worth_of,
    write_tensors,
)

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.arange(0, 90, 3)
UP = "model.layers.2.mlp.up_proj.weight"
EMBEDDING = "model.embed_tokens.weight"


@pytest.mark.parametrize("bits", [4, 8])
def test_a_matrix_is_worth_its_codes(bits: Bits) -> None:
    """Nibbles swapped, or a scale applied to its neighbour's group."""
    weight = torch.randn(6, 96, generator=torch.Generator().manual_seed(3))
    matrix = grouped(weight, bits)
    torch.testing.assert_close(matrix.dequantised(), worth_of(matrix), atol=1e-6, rtol=0)
    assert (matrix.dequantised() - weight).abs().max() < (0.2 if bits == 4 else 0.02)


@pytest.mark.parametrize(("bits", "embedding"), [(4, 8), (8, 4), (4, None)])
@pytest.mark.parametrize("leave", [(), ("k_proj.weight", "down_proj.weight")])
@pytest.mark.parametrize("variant", ["llama", "qwen2"])
def test_a_model_is_loaded_as_it_is_stored(
    checkpoint_of: CheckpointOf,
    tmp_path: Path,
    variant: str,
    bits: Bits,
    embedding: Bits | None,
    leave: tuple[str, ...],
) -> None:
    """A grouped matrix, embedding, tied or written head taken for another; one kept at 16 bits beside them misread."""
    checkpoint_of(variant)[1].save_pretrained(tmp_path)
    worth = group(tmp_path, bits, embedding=embedding, leave=leave)
    model = loaded(tmp_path)
    said = account(read_dimensions(tmp_path), 128, Holding("cpu"), has_exits=False)
    assert model.embedding.nbytes == said.embedding
    change_config(tmp_path, quantization_config=None)
    write_tensors(tmp_path, worth)
    torch.testing.assert_close(logits(model, TEXT), logits(loaded(tmp_path), TEXT), atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no scale", "as (U8|I8)|explain"),
        ("scale too short", "group_scale of .*up_proj.weight as F16"),
        ("scale of another dtype", "group_scale of .*up_proj.weight as F32"),
        ("codes too few", "codes of .*up_proj.weight as"),
        ("codes of another dtype", "in groups of 32 as F16"),
        ("stray minimum", "group_min"),
    ],
)
def test_a_damaged_one_is_refused_by_name(llama: Path, bits: Bits, damage: str, words: str) -> None:
    """Scales or codes of another matrix, applied all the same or failing without a name."""
    group(llama, bits)
    stored = load_file(llama / "model.safetensors")
    scale, minimum = f"{UP}.group_scale", f"{UP}.group_min"
    changes: dict[str, dict[str, Tensor | None]] = {
        "no scale": {scale: None},
        "scale too short": {scale: stored[scale][:, :-1].contiguous()},
        "scale of another dtype": {scale: stored[scale].float()},
        "codes too few": {UP: stored[UP][:-1]},
        "codes of another dtype": {UP: stored[UP].half()},
        "stray minimum": {minimum: None if bits == 4 else stored[scale]},
    }
    change_tensors(llama, changes[damage])
    with pytest.raises(CheckpointError, match=words) as refused:
        open_checkpoint(llama)
    assert "model.safetensors" in refused.value.sentence
    assert UP in refused.value.sentence
    assert refused.value.hint


def test_rows_hold_whole_groups(checkpoint_of: CheckpointOf, tmp_path: Path) -> None:
    """A matrix whose rows end within a group, opened and failing when its weights are read."""
    checkpoint_of("wide_heads")[1].save_pretrained(tmp_path)
    change_config(tmp_path, hidden_size=80, intermediate_size=128)
    config = {name: torch.zeros(shape).half() for name, shape in open_shapes(tmp_path).items()}
    write_tensors(tmp_path, {**config, EMBEDDING: torch.zeros(96, 80, dtype=torch.int8)})
    change_tensors(tmp_path, {f"{EMBEDDING}.group_scale": torch.zeros(96, 2).half()})
    with pytest.raises(CheckpointError, match="in groups of 32 as I8"):
        open_checkpoint(tmp_path)


def open_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the config.json in ``folder`` asks for."""
    return read_architecture(folder).tensors()


def test_groups_of_another_size_are_refused(llama: Path) -> None:
    """A file of a later Updraft read with the wrong groups."""
    group(llama, 4)
    change_config(llama, quantization_config={**RECIPE, "group_size": 64})
    with pytest.raises(CheckpointError, match="groups of 32 only"):
        open_checkpoint(llama)


@pytest.mark.parametrize("bits", [4, 8])
def test_transformers_does_not_misread_it(llama: Path, bits: Bits) -> None:
    """Codes loaded as if they were weights by a program that does not know them."""
    group(llama, bits)
    with pytest.raises(ValueError, match="quant_method"):
        AutoModelForCausalLM.from_pretrained(llama)


@torch.inference_mode()
@pytest.mark.parametrize("variant", ["llama", "qwen2"])
def test_transformers_is_lent_it_for_a_race(checkpoint_of: CheckpointOf, tmp_path: Path, variant: str) -> None:
    """Guards: a benchmark that ends with a traceback, or times another model: rows cut elsewhere, biases left out."""
    checkpoint_of(variant)[1].save_pretrained(tmp_path)
    group(tmp_path, 4, embedding=8)
    theirs = transformers_model(tmp_path, torch.device("cpu"))(TEXT[None]).logits[0]
    torch.testing.assert_close(logits(loaded(tmp_path), TEXT), theirs, atol=1e-3, rtol=1e-3)
