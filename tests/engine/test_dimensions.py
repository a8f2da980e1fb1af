"""What config.json says of a model's size, against transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from engine.dimensions import as_nf4, dimensions_of, layer_weights, read_dimensions
from engine.errors import CheckpointError

CONFIG: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
}


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_those_of_transformers(family: str, tied: bool) -> None:
    """Guards the account's arithmetic: weights counted from the configuration must be those the model has."""
    config = {**CONFIG, "model_type": family, "tie_word_embeddings": tied}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    read = dimensions_of(AutoConfig.for_model(**config).to_dict(), "tiny")
    assert read.parameters == model.num_parameters()
    assert read.tensors() == {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    assert layer_weights(read.architecture) == sum(
        tensor.numel() for name, tensor in model.named_parameters() if tensor.dim() == 2 and "layers" in name
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"hidden_size": "big"}, "hidden_size"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"quantization_config": {"quant_method": "gptq"}}, "GPTQ"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "bitsandbytes"),
    ],
)
def test_unusable_configurations(change: dict[str, Any], words: str) -> None:
    """Guards against a KeyError where a sentence is due."""
    with pytest.raises(CheckpointError, match=words):
        dimensions_of({**CONFIG, "model_type": "llama", **change}, "x")


def test_nf4_configuration_is_accepted() -> None:
    """Guards against refusing the pre-quantised copies the catalogue recommends."""
    recipe = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    read = dimensions_of({**CONFIG, "model_type": "llama", "quantization_config": recipe}, "x")
    assert (len(read.kept), {form for _, form in read.kept}) == (3 * 7, {"nf4"})
    assert read == as_nf4(read.architecture)


@pytest.mark.parametrize("content", [None, "not json", "[]"])
def test_a_folder_that_is_no_model(tmp_path: Path, content: str | None) -> None:
    """Guards against a traceback for a folder without a configuration, or with a damaged one."""
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError) as caught:
        read_dimensions(tmp_path)
    assert caught.value.hint


def test_a_folder_is_read(tmp_path: Path) -> None:
    """Guards against a folder read differently from what the Hub shows."""
    config = {**CONFIG, "model_type": "llama"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_dimensions(tmp_path) == dimensions_of(config, "x")
