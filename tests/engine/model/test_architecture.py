"""What is read from config.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from engine.errors import CheckpointError
from engine.model.architecture import read_architecture
from tests.engine.model.tiny import SIZES, change_config


def test_an_old_description_means_the_same(tmp_path: Path) -> None:
    """A checkpoint from the Hub, written years ago, read with default rotations because the spelling changed."""
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaling["original_max_position_embeddings"] = 64
    old = {
        **SIZES,
        "architectures": ["LlamaForCausalLM"],
        "auto_map": {"AutoConfig": "remote--configuration_remote.RemoteConfig"},
        "model_type": "llama",
        "rope_scaling": scaling,
        "rope_theta": 500000.0,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.43.0",
    }
    new = LlamaConfig(**SIZES, rope_parameters={**scaling, "rope_theta": 500000.0})
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps(old))
    new.save_pretrained(tmp_path / "new")
    found = read_architecture(tmp_path / "old")
    assert found == read_architecture(tmp_path / "new")
    assert found.rope[-1] == pytest.approx(500000.0 ** (-14 / 16) / 8)  # the lowest frequency is stretched fully


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_as_transformers_does(tmp_path: Path, tied: bool) -> None:
    """A tied head counted twice, or a forgotten tensor."""
    config = LlamaConfig(**SIZES, tie_word_embeddings=tied, attention_bias=True)
    config.save_pretrained(tmp_path)
    assert read_architecture(tmp_path).parameters == LlamaForCausalLM(config).num_parameters()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt2"}, "'gpt2'"),
        ({"model_type": "mixtral"}, "'mixtral'"),
        ({"model_type": None}, "None"),
        ({"hidden_act": "gelu"}, "'gelu'"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "'dynamic'"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "rotary"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "not a valid model description"),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": "2"}}, "'linear' rotary positions"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "'gptq'"),
        ({"quantization_config": {"quant_method": "awq"}}, "'awq'"),
        ({"quantization_config": {"quant_method": "fp8"}}, "'fp8'"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "8 bits"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "'fp4'"),
        ({"hidden_size": "large"}, "not a valid model description"),
        ({"num_hidden_layers": 0}, "num_hidden_layers as 0"),
        ({"num_key_value_heads": 3}, "do not divide"),
    ],
)
def test_what_cannot_be_run_is_refused(llama: Path, changes: dict[str, object], reason: str) -> None:
    """A model of another kind run as if it were ours, or failing far from its cause."""
    change_config(llama, **changes)
    with pytest.raises(CheckpointError, match=reason) as refusal:
        read_architecture(llama)
    assert "config.json" in refusal.value.sentence
    assert refusal.value.hint


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\x00\x01"])
def test_a_damaged_description_is_refused(llama: Path, text: str) -> None:
    """A traceback from the JSON parser instead of the file's name."""
    (llama / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_architecture(llama)
