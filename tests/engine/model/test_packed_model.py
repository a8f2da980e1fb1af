"""A whole model packed for a CPU: near the float32 one, and the same however its passes are cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from engine.bench.stages import WIDTHS, stage_costs
from engine.config import Weights
from engine.model import Transformer, load
from engine.model.cpu.layout import EIGHT, NF4
from engine.model.packed import Packed
from engine.model.steps import ROWS
from tests.engine.family import finish
from tests.engine.model.tiny import CONFIGS, change_tensors, logits, quantise

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.arange(0, 90, 3)


def held(folder: Path, weights: Weights) -> Transformer:
    return finish(load(folder, torch.device("cpu"), weights=weights))


def apart(a: Tensor, b: Tensor) -> float:
    """Return how far ``a`` is from ``b``, as a share."""
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("variant", CONFIGS)
def test_a_packed_model_is_near_the_exact_one(checkpoint_of: CheckpointOf, variant: str) -> None:
    """Guards: biases, norms of heads, windows, tied and untied heads lost or mixed up on the way."""
    folder, _ = checkpoint_of(variant)
    exact = logits(held(folder, "exact"), TEXT)
    eight = held(folder, "8 bits")
    assert isinstance(eight.table, Packed)
    assert apart(logits(eight, TEXT), exact) < 0.15  # random weights, which make much of a little


@pytest.mark.parametrize("weights", ["stored", "8 bits"])
@pytest.mark.parametrize("nested", [False, True])
def test_nf4_is_packed_from_what_it_is_worth(llama: Path, nested: bool, weights: Weights) -> None:
    """Guards: blocks of NF4 cut wrongly where rows are packed a few at a time."""
    quantise(llama, nested=nested, leave=("down_proj.weight",))
    model = held(llama, weights)
    forms = [each.form for each in (model.blocks[1].qkv, model.blocks[1].down) if isinstance(each, Packed)]
    assert forms == [NF4 if weights == "stored" else EIGHT, EIGHT]
    assert apart(logits(model, TEXT), logits(held(llama, "exact"), TEXT)) < 0.15


@pytest.mark.parametrize("variant", CONFIGS)
def test_a_state_does_not_depend_on_how_passes_are_cut(checkpoint_of: CheckpointOf, variant: str) -> None:
    """Guards exact decoding: tokens one by one, a prompt and verifications of any width agree bit for bit.

    So do layers run in one go and in spans, as early exits run them, and a cache that grows on the way.
    """
    folder, _ = checkpoint_of(variant)
    agree(held(folder, "8 bits"))


def test_nor_does_one_of_nf4(llama: Path) -> None:
    """Guards the same where codes are looked up in a table."""
    quantise(llama, nested=True)
    agree(held(llama, "stored"))


def agree(model: Transformer) -> None:
    """Check that ``model`` says the same bit for bit however its passes are cut."""
    if model.steps is None:
        pytest.skip("heads that the kernels do not know")
    whole = logits(model, TEXT)
    for width in (1, 2, 3, 5, 16):
        cache = model.new_cache(len(TEXT))
        made = []
        for part in torch.split(TEXT, width):
            between = model.run(model.embed(part), range(2), cache)
            made.append(model.read(model.run(between, range(2, model.layers), cache)))
        assert torch.equal(torch.cat(made), whole), width


@pytest.mark.parametrize("variant", CONFIGS)
def test_our_kernels_compute_what_torch_composes(checkpoint_of: CheckpointOf, variant: str) -> None:
    """Guards rotation, windows, shared heads and gates in the kernels, against the same weights layer by layer."""
    folder, _ = checkpoint_of(variant)
    model = held(folder, "8 bits")
    ours = logits(model, TEXT)
    model.steps = None
    assert apart(ours, logits(model, TEXT)) < 0.1


def test_what_is_no_number_reaches_the_logits(llama: Path) -> None:
    """Guards: an overflow inside a layer that the kernels turn into ordinary numbers."""
    change_tensors(llama, {"model.layers.1.input_layernorm.weight": torch.full((64,), torch.nan)})
    assert not logits(held(llama, "8 bits"), TEXT).isfinite().any()


def test_long_passes_go_in_parts(checkpoint_of: CheckpointOf) -> None:
    """Guards: positions or rows that go wrong where a pass is longer than the kernels' buffers."""
    folder, _ = checkpoint_of("llama")
    model = held(folder, "4 bits")
    ids = torch.arange(ROWS + 40) % 96
    cache = model.new_cache(len(ids))
    parts = [model.read(model.run(model.embed(part), range(model.layers), cache)) for part in torch.split(ids, 30)]
    assert torch.equal(torch.cat(parts), logits(model, ids))


def test_every_stage_of_a_pass_is_timed(checkpoint_of: CheckpointOf) -> None:
    """Guards the table kernels are tuned by: stages left out, or timed for another width than its heading says."""
    folder, _ = checkpoint_of("llama")
    model = held(folder, "8 bits")
    assert model.steps is not None
    costs = stage_costs(model, 20)
    shapes = [each.shape for each in model.blocks[0].matrices if isinstance(each, Packed)]
    sizes = {f"{rows} x {columns}" for rows, columns in shapes}
    assert costs.keys() == {*sizes, "norm", "rotate", "attend", "quantise", "gate", "head"}
    assert all(len(times) == len(WIDTHS) and min(times) > 0 for times in costs.values())
    assert model.steps.rows == max(WIDTHS)
