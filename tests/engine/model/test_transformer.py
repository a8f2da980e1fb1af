"""The forward pass against transformers' own, and against itself split in every way it may be split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from torch import Tensor
from transformers import MinistralConfig, PreTrainedModel

from engine.model import Cache, Transformer
from tests.engine.model.tiny import CONFIGS, SIZES, change_config, loaded, logits, random_model

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.randint(0, 96, (40,), generator=torch.Generator().manual_seed(1))


def append(model: Transformer, ids: Tensor, cache: Cache) -> Tensor:
    return model.read(model.run(model.embed(ids), range(model.layers), cache))


def same(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, atol=3e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", CONFIGS)
def test_logits_equal_transformers(variant: str, checkpoint_of: CheckpointOf) -> None:
    """A wrong rotation, norm, bias, window, head grouping or tensor order in any family."""
    folder, reference = checkpoint_of(variant)
    with torch.no_grad():
        expected = reference(TEXT[None]).logits[0]
    assert expected.std() > 0.5  # laws that differ from one another, not noise around zero
    same(logits(loaded(folder), TEXT), expected)


def test_a_mistral_may_slide_in_some_layers(tmp_path: Path) -> None:
    """The window of all layers taken for that of those which layer_types names; transformers runs it as Ministral."""
    kinds = ["full_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    reference = random_model(MinistralConfig(**SIZES, head_dim=16, sliding_window=7, layer_types=kinds))
    reference.save_pretrained(tmp_path)
    change_config(tmp_path, model_type="mistral", architectures=["MistralForCausalLM"])
    with torch.no_grad():
        expected = reference(TEXT[None]).logits[0]
    same(logits(loaded(tmp_path), TEXT), expected)


def test_a_stretched_model_is_right_beyond_its_first_length(checkpoint_of: CheckpointOf) -> None:
    """A context of four times the length, and positions out there that are turned otherwise than transformers does."""
    folder, reference = checkpoint_of("yarn_beyond")
    model, text = loaded(folder), TEXT.repeat(5)
    assert len(text) > SIZES["max_position_embeddings"]
    assert model.context == 4 * SIZES["max_position_embeddings"]
    with torch.no_grad():
        same(logits(model, text), reference(text[None]).logits[0])


@pytest.mark.parametrize("variant", ["llama", "yarn", "qwen2_window", "qwen3", "mistral_window"])
@pytest.mark.parametrize("sizes", [[1] * 40, [3, 1, 16, 2, 18], [39, 1]])
def test_grouping_does_not_matter(variant: str, sizes: list[int], checkpoint_of: CheckpointOf) -> None:
    """Wrong positions, masks or cache rows when a pass starts in the middle of the text."""
    model = loaded(checkpoint_of(variant)[0])
    cache = model.new_cache()
    pieces = torch.cat([append(model, piece, cache) for piece in torch.split(TEXT, sizes)])
    same(pieces, logits(model, TEXT))


@pytest.mark.parametrize("variant", ["llama", "mistral_window"])
def test_layers_may_run_in_spans(variant: str, checkpoint_of: CheckpointOf) -> None:
    """An early exit that reads the wrong layer's cache, or a verification that recomputes or skips a layer."""
    model = loaded(checkpoint_of(variant)[0])
    whole, cache = model.new_cache(), model.new_cache()
    expected = model.run(model.embed(TEXT), range(model.layers), whole)
    low = torch.cat([model.run(model.embed(token), range(2), cache) for token in torch.split(TEXT, 1)])
    middle = torch.cat([model.run(part, range(2, 4), cache) for part in torch.split(low, 7)])
    assert cache.lengths == [40, 40, 40, 40, 0]
    same(model.run(middle, range(4, model.layers), cache), expected)
    for ours, theirs in zip(cache.layers, whole.layers, strict=True):
        for kept, expected in zip(ours.held, theirs.held, strict=True):
            same(kept[:, :40], expected[:, :40])


@pytest.mark.parametrize("variant", ["llama", "mistral_window"])
def test_rewinding_leaves_no_trace(variant: str, checkpoint_of: CheckpointOf) -> None:
    """A rejected draft whose keys or positions leak into the tokens that replace it."""
    model = loaded(checkpoint_of(variant)[0])
    cache = model.new_cache()
    append(model, TEXT[:20], cache)
    append(model, TEXT[30:], cache)
    cache.rewind(18)
    assert cache.lengths == [18] * model.layers
    same(append(model, TEXT[18:], cache), logits(model, TEXT)[18:])


def test_an_early_exit_reads_that_layers_hidden_state(checkpoint_of: CheckpointOf) -> None:
    """An exit that stops a layer off, or forgets the final norm before the head."""
    folder, reference = checkpoint_of("llama")
    with torch.no_grad():
        states = reference.model(TEXT[None], output_hidden_states=True).hidden_states
        expected = reference.lm_head(reference.model.norm(states[2][0]))
    model = loaded(folder)
    same(model.read(model.run(model.embed(TEXT), range(2), model.new_cache())), expected)


def test_an_interrupted_run_can_be_repeated(checkpoint_of: CheckpointOf) -> None:
    """Layers left at different lengths after a failure, so that the conversation cannot go on."""
    model = loaded(checkpoint_of("llama")[0])
    cache = model.new_cache()
    append(model, TEXT[:5], cache)
    good = model.blocks[3].down

    def out_of_memory(_: Tensor) -> NoReturn:
        raise torch.OutOfMemoryError

    model.blocks[3].down = out_of_memory  # type: ignore[assignment]
    with pytest.raises(torch.OutOfMemoryError):
        append(model, TEXT[5:9], cache)
    assert cache.lengths == [5] * model.layers
    model.blocks[3].down = good
    same(append(model, TEXT[5:9], cache), logits(model, TEXT[:9])[5:])


def test_uneven_layers_are_refused(checkpoint_of: CheckpointOf) -> None:
    """Positions silently taken from the first layer while a later one is behind."""
    model = loaded(checkpoint_of("llama")[0])
    cache = model.new_cache()
    model.run(model.embed(TEXT[:3]), range(2), cache)
    with pytest.raises(RuntimeError, match="different numbers of tokens"):
        append(model, TEXT[3:5], cache)


def test_nothing_to_run_changes_nothing(checkpoint_of: CheckpointOf) -> None:
    """An empty span or an empty pass that fails or moves the cache."""
    model = loaded(checkpoint_of("llama")[0])
    cache = model.new_cache()
    hidden = model.embed(TEXT[:4])
    assert torch.equal(model.run(hidden, range(2, 2), cache), hidden)
    assert model.run(hidden[:0], range(model.layers), cache).shape == (0, model.width)
    assert cache.lengths == [0] * model.layers
