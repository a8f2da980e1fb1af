"""What config.json files of DFlash and DSpark say, in every published layout; what is refused, and in which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.architecture import Architecture, architecture_of
from engine.architecture.drafters import BlockShape, read_drafter
from engine.architecture.drafters.block import usual_layers
from engine.errors import CheckpointError
from tests.engine.drafters import MASK, RANK, ROWS, TAPS, Layout, block_config, block_tensors

VOCABULARY = 300
TARGET: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 8,
    "num_attention_heads": 2,
}
LAYOUTS: list[tuple[Layout, bool]] = [
    ("z-lab", False),
    ("deepspec", False),
    ("deepspec", True),
    ("speculators", False),
    ("speculators", True),
]
Change = Callable[[dict[str, Any], dict[str, Tensor]], None]


@pytest.fixture
def target() -> Architecture:
    return architecture_of(TARGET, "target")


def read(folder: Path, target: Architecture, config: dict[str, Any], tensors: dict[str, Tensor]) -> BlockShape:
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    shape = read_drafter(folder, target)
    assert isinstance(shape, BlockShape)
    return shape


@pytest.mark.parametrize(("layout", "dspark"), LAYOUTS)
def test_every_layout_says_the_same(layout: Layout, dspark: bool, tmp_path: Path, target: Architecture) -> None:
    """Layers numbered alike, the same masks and rows; only DFlash of z-lab and speculators leaves the first row out."""
    config = block_config(layout, VOCABULARY, dspark=dspark)
    tensors = block_tensors(config)
    shape = read(tmp_path, target, config, tensors)
    anchored = dspark or layout == "deepspec"
    assert (shape.taps, shape.rows, shape.mask, shape.anchored) == (TAPS, ROWS, MASK, anchored)
    assert shape.tokens == (ROWS if anchored else ROWS - 1)
    assert (shape.markov, shape.confidence) == ((RANK, 32 + RANK) if dspark else (0, 0))
    assert (shape.decoder.layers, shape.decoder.head_dim, shape.decoder.vocabulary) == (2, 16, VOCABULARY)
    loaded = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shape.tensors() == {
        name: loaded[name] for name in loaded if name not in ("embed_tokens.weight", "lm_head.weight")
    }


def test_a_head_of_its_own(tmp_path: Path, target: Architecture) -> None:
    config = block_config("speculators", VOCABULARY, dspark=True, spoken=100)
    shape = read(tmp_path, target, config, block_tensors(config))
    assert shape.mapped
    assert shape.decoder.vocabulary == 100
    assert shape.tensors()["lm_head.weight"] == (100, 32)
    assert shape.tensors()["markov_head.markov_w2.weight"] == (100, RANK)
    assert shape.tensors()["markov_head.markov_w1.weight"] == (VOCABULARY, RANK)


def test_published_numbers() -> None:
    """Qwen3-4B and 8B have 36 layers; their drafters of five layers read the outputs of these."""
    assert usual_layers(36, 5) == [1, 9, 17, 25, 33]
    assert usual_layers(28, 1) == [14]


def test_what_z_lab_leaves_out_or_puts_inside(tmp_path: Path, target: Architecture) -> None:
    """Newer files have the block size in the inner table; which layers are read may be left to a rule."""
    config = block_config("z-lab", VOCABULARY, dspark=False)
    tensors = block_tensors(config)
    config["dflash_config"] |= {"block_size": config.pop("block_size")}
    del config["dflash_config"]["target_layer_ids"]
    tensors["fc.weight"] = tensors["fc.weight"][:, :64].clone()
    shape = read(tmp_path, target, config, tensors)
    assert (shape.rows, shape.taps) == (ROWS, (2, 6))


def dropped(name: str) -> Change:
    return lambda _, tensors: tensors.__delitem__(name)


def given(**values: Any) -> Change:
    return lambda config, _: config.update(values)


def inside(**values: Any) -> Change:
    return lambda config, _: config["transformer_layer_config"].update(values)


REFUSED: list[tuple[Layout, Change, str]] = [
    ("deepspec", given(hidden_size=64), "made for another model, with 64 numbers"),
    ("deepspec", given(vocab_size=128), "made for another model, with 128 tokens; this one has 300"),
    ("deepspec", given(num_target_layers=36), "made for another model, with 36 layers"),
    ("deepspec", given(target_layer_ids=[1, 9, 17]), "reads what enters layers 2, 10, 18"),
    ("deepspec", given(target_layer_ids=[-1, 3, 5]), "reads what enters layers 0, 4, 6"),
    ("deepspec", given(target_layer_ids=[1, 3, 7]), "nothing behind the last"),
    ("deepspec", given(target_layer_ids="all"), "a list of the target's layers"),
    ("deepspec", given(markov_head_type="rnn"), "the plain kind"),
    ("deepspec", given(markov_head_type="gated"), "the plain kind"),
    ("deepspec", given(block_size=17), "from 2 to 16"),
    ("deepspec", given(mask_token_id=300), "from 0 to 299"),
    ("deepspec", given(mask_token_id=None), "lacks mask_token_id"),
    ("deepspec", given(layer_types=["sliding_attention"] * 2), "look back on everything only"),
    ("deepspec", given(use_sliding_window=True, max_window_layers=0, layer_types=None), "look back on everything only"),
    ("deepspec", given(model_type="gemma4_text"), "a kind of layer"),
    ("deepspec", given(is_causal=True), "do not see those behind them"),
    ("z-lab", lambda config, _: config["dflash_config"].update(use_swa=True), "on a window only"),
    ("speculators", inside(hidden_size=64), "made for another model"),
    ("speculators", given(draft_vocab_size=100), "lacks the tensor d2t"),
    ("deepspec", dropped("markov_head.markov_w2.weight"), "lacks the tensor markov_head.markov_w2.weight"),
    ("deepspec", dropped("layers.1.self_attn.k_norm.weight"), "lacks the tensor layers.1.self_attn.k_norm.weight"),
    ("deepspec", lambda _, tensors: tensors.update(mask_embedding=torch.zeros(32)), "does not explain"),
    ("deepspec", lambda _, tensors: tensors.update({"fc.weight": torch.zeros(32, 64)}), r"\[32, 64\]"),
]


@pytest.mark.parametrize(("layout", "change", "words"), REFUSED)
def test_what_is_refused(layout: Layout, change: Change, words: str, tmp_path: Path, target: Architecture) -> None:
    config = block_config(layout, VOCABULARY, dspark=layout != "z-lab")
    tensors = block_tensors(config)
    change(config, tensors)
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path, target, config, tensors)


def test_pickles_are_refused(tmp_path: Path, target: Architecture) -> None:
    (tmp_path / "config.json").write_text(json.dumps(block_config("z-lab", VOCABULARY, dspark=False)))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(CheckpointError, match="a pickle"):
        read_drafter(tmp_path, target)
