"""What is read from config.json: once, for the library and the loader alike."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PretrainedConfig, Qwen2Config

from engine.architecture import FAMILIES, Architecture, architecture_of, read_architecture
from engine.architecture.settings import CHOOSE_ANOTHER
from engine.dimensions import dimensions_of
from engine.errors import CheckpointError, UpdraftError
from engine.library.gguf.reading import OTHER
from tests.engine.model.tiny import CONFIGS, SIZES

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
NESTED = {"rope_type": "default", "rope_theta": 1e4}


def read(family: str = "llama", **changes: object) -> Architecture:
    """Read a tiny description with ``changes``."""
    return architecture_of({**SIZES, "model_type": family, **changes}, "owner/name")


def refusal(family: str = "llama", **changes: object) -> str:
    """Return the sentence with which a tiny description with ``changes`` is refused."""
    with pytest.raises(CheckpointError) as refused:
        read(family, **changes)
    assert refused.value.hint
    return refused.value.sentence


def test_a_head_is_no_model() -> None:
    """One of the oldest calls itself a Llama of one layer, and would write nonsense."""
    assert "is a drafter" in refusal(architectures=["LlamaForCausalLM"], draft_vocab_size=64)


def test_an_old_description_means_the_same(tmp_path: Path) -> None:
    """A checkpoint from the Hub, written years ago, read with default rotations because the spelling changed."""
    scaling = {**LLAMA3, "original_max_position_embeddings": 64}
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
    LlamaConfig(**SIZES, rope_parameters={**scaling, "rope_theta": 500000.0}).save_pretrained(tmp_path)
    found = architecture_of(old, "old")
    assert found == read_architecture(tmp_path)
    assert found.rope[-1] == pytest.approx(500000.0 ** (-14 / 16) / 8)  # the lowest frequency is stretched fully


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_tensors_are_those_of_transformers(config: PretrainedConfig, tmp_path: Path) -> None:
    """A tied head counted twice, a forgotten tensor, a bias the family does not have."""
    import torch

    config.save_pretrained(tmp_path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    found = read_architecture(tmp_path)
    assert found.parameters == model.num_parameters()
    assert found.tensors() == {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}


@pytest.mark.parametrize(
    ("family", "written", "means"),
    [
        ("llama", {"sliding_window": 7, "use_sliding_window": True}, {"windows": (None,) * 5}),  # once a Mistral
        ("mistral", {"sliding_window": 7}, {"windows": (7,) * 5}),
        ("mistral", {"sliding_window": None}, {"windows": (None,) * 5}),
        ("mistral", {}, {"windows": (4096,) * 5}),
        ("qwen2", {"sliding_window": 7}, {"windows": (None,) * 5}),
        ("qwen3", {"sliding_window": "x", "use_sliding_window": False}, {"windows": (None,) * 5}),
        ("qwen3", {"use_sliding_window": True, "max_window_layers": 3}, {"windows": (None,) * 3 + (4096,) * 2}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": None}, {"windows": (None,) * 5}),
        ("mistral", {"attention_bias": True, "mlp_bias": True}, {"parts.qkv.bias": False, "parts.down.bias": False}),
        ("qwen2", {"attention_bias": False}, {"parts.qkv.bias": True, "parts.output.bias": False}),
        ("qwen3", {"attention_bias": True, "mlp_bias": True}, {"parts.qkv.bias": True, "parts.output.bias": True}),
        ("llama", {"attention_bias": None, "mlp_bias": None}, {"parts.qkv.bias": False, "parts.output.bias": False}),
        ("llama", {"num_key_value_heads": None, "head_dim": None}, {"kv_heads": 4, "head_dim": 16}),
        ("mistral", {"num_key_value_heads": None, "head_dim": None}, {"kv_heads": 4, "head_dim": 16}),
        ("qwen3", {"head_dim": 24, "tie_word_embeddings": None}, {"head_dim": 24, "tied_head": False}),
        ("qwen3", {}, {"head_dim": 128}),
        ("qwen3", {"hidden_act": "swish", "rope_scaling": None, "quantization_config": None}, {"head_dim": 128}),
        ("llama", {"early_exits": [3, 1, 3]}, {"exits": (1, 3)}),
        ("llama", {"early_exits": [0, 9]}, {"exits": ()}),
        ("llama", {"early_exits": True}, {"exits": ()}),
        ("llama", {"quantization_config": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}}, {"layers": 5}),
    ],
)  # fmt: skip
def test_keys_mean_what_the_family_reads(family: str, written: dict[str, Any], means: dict[str, Any]) -> None:
    """A key of another family obeyed, or a default that is another family's: wrong text from the first token on."""
    found = read(family, **written)
    assert {key: attrgetter(key)(found) for key in means} == means


@pytest.mark.parametrize("config", [LlamaConfig(**SIZES), Qwen2Config(**SIZES)], ids=["llama", "qwen2"])
def test_what_is_left_out_has_the_default_of_transformers(config: PretrainedConfig) -> None:
    """A context or an epsilon of our own invention where the file gives none."""
    written = {k: v for k, v in SIZES.items() if k != "max_position_embeddings"}
    found = architecture_of({**written, "model_type": config.model_type}, "x")
    default = type(config)()
    assert (found.context, found.norm_eps) == (default.max_position_embeddings, default.rms_norm_eps)


@pytest.mark.parametrize(
    ("table", "context"),
    [
        (None, 128),
        ({"rope_type": "default"}, 128),
        ({"type": "linear", "factor": 4.0}, 512),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}, 512),  # as Qwen's cards say
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}, 128),  # the length after
        ({"rope_type": "yarn", "factor": 2.5}, 320),
        ({**LLAMA3, "original_max_position_embeddings": 16}, 128),  # has the factor in it already
        ({"rope_type": "dynamic", "factor": 4.0}, 128),  # beyond, every token would change all angles
        ({"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8, "factor": 2.0}, 128),
    ],
)
def test_context_is_as_long_as_the_positions_reach(table: dict[str, object] | None, context: int) -> None:
    """A model stretched to four times its length refused at the old one, or one credited with its factor twice."""
    assert read(rope_scaling=table).context == context
    assert dimensions_of({**SIZES, "model_type": "qwen2", "rope_parameters": table}, "x").context == context


def test_rotations_may_be_given_layer_by_layer() -> None:
    """A KeyError for the way transformers 5 writes rotations of layers that slide and layers that do not."""
    plain = read("qwen2", rope_parameters={**NESTED, "rope_theta": 5e5})
    both = {"full_attention": {**NESTED, "rope_theta": 5e5}, "sliding_attention": {**NESTED, "rope_theta": 5e5}}
    assert read("qwen2", rope_parameters=both) == plain
    assert read("qwen2", rope_parameters={**both, "sliding_attention": NESTED}) == plain  # no layer slides
    slides = {"use_sliding_window": True, "max_window_layers": 2}
    assert "rope_parameters" in refusal("qwen2", rope_parameters={**both, "sliding_attention": NESTED}, **slides)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "gpt2"}, "“gpt2”"),
        ({"model_type": None}, "of no architecture"),
        ({"model_type": []}, "of no architecture"),
        ({"architectures": ["LlamaModel"]}, "“LlamaModel”, a model that reads text but does not write it"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "does not write it"),
        ({"hidden_act": "gelu"}, "hidden_act as 'gelu'"),
        ({"rope_parameters": {"rope_type": "mrope"}}, r"rope_parameters.rope_type as 'mrope'"),
        ({"rope_scaling": {"type": "su", "factor": 2.0}}, r"rope_scaling.type as 'su'"),
        ({"rope_parameters": {**NESTED, "partial_rotary_factor": 0.5}}, "partial_rotary_factor as 0.5"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor as 0.5"),
        ({"rope_parameters": {**LLAMA3, "factor": None}}, r"lacks rope_parameters.factor"),
        ({"rope_parameters": {**LLAMA3, "low_freq_factor": 4}}, "has to be above low_freq_factor"),
        ({"rope_scaling": {"type": "linear"}}, r"lacks rope_scaling.factor"),
        ({"rope_scaling": {"type": "dynamic"}}, r"lacks rope_scaling.factor"),
        ({"rope_scaling": {"type": "yarn"}}, r"lacks rope_scaling.factor"),
        ({"rope_scaling": {"type": "linear", "factor": "2"}}, r"rope_scaling.factor as '2'"),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1.0] * 7}}, r"a list of 8 numbers"),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1.0] * 7 + ["x"]}}, r"rope_scaling.short_factor.7 as"),
        ({"rope_scaling": [1]}, r"rope_scaling as \[1\]"),
        ({"rope_theta": "abc"}, "rope_theta as 'abc'"),
        ({"rope_theta": float("nan")}, "rope_theta as nan"),
        ({"rope_theta": -5}, "rope_theta as -5"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps as nan"),
        ({"hidden_size": "large"}, "hidden_size as 'large'"),
        ({"hidden_size": 64.0}, "hidden_size as 64.0"),
        ({"hidden_size": True}, "hidden_size as True"),
        ({"vocab_size": None}, "lacks vocab_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers as 0"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers as 1000000000"),
        ({"num_key_value_heads": 3}, r"over 3 key heads \(num_key_value_heads\), which no model has"),
        ({"hidden_size": 10**9}, "heads .* of 250,000,000"),
        ({"num_attention_heads": 3, "num_key_value_heads": 3}, "do not divide hidden_size"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings as 'false'"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(changes: dict[str, Any], words: str) -> None:
    """A model of another kind run as if it were ours, or failing far from its cause."""
    with pytest.raises(CheckpointError, match=words) as refused:
        read(**changes)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "with GPTQ"),
        ({"quantization_config": {"quant_method": "awq"}}, "with AWQ"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "with compressed-tensors"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "to 8 bits by bitsandbytes"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "as FP4, not as NF4"),
        ({"quantization_config": {"group_size": 64, "bits": 4}, "quantization": {"bits": 4}}, "for MLX"),
        ({"quantization": {"group_size": 64, "bits": 4}}, "for MLX"),
        ({"quantization_config": "nf4"}, "quantization_config as 'nf4'"),
        ({"quantization_config": {"quant_method": 7}}, "a method it does not name"),
    ],
)
def test_quantisations_are_called_by_their_names(config: dict[str, Any], words: str) -> None:
    """Everything that is no NF4 called bitsandbytes, which sends people to the wrong file."""
    assert words in refusal(**config)


def test_hints_name_every_family() -> None:
    """A family that people are not told to choose."""
    assert all(family.class_name in hint for family in FAMILIES.values() for hint in (CHOOSE_ANOTHER, OTHER))


ODD: list[Any] = [
    None, True, False, 0, -1, 1, 3, 10**9, 10**400, 0.0, 1.5, -2.5, float("nan"), float("inf"), 1e308, "", "64", "abc",
    "\ud800", [], [1], [None] * 5, {}, {"a": 1}, {"full_attention": None}, {"full_attention": {"rope_type": "yarn"}},
]  # fmt: skip
TABLES: list[dict[str, Any]] = [
    LLAMA3,
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1,
     "mscale": 1.0, "mscale_all_dim": 0.5, "truncate": False, "attention_factor": None},
    {"rope_type": "longrope", "factor": 2.0, "short_factor": [1.0] * 8, "attention_factor": 1.0, "rope_theta": 1e4,
     "original_max_position_embeddings": 64},
]  # fmt: skip
KEYS = (
    *SIZES, "model_type", "architectures", "head_dim", "hidden_act", "rms_norm_eps", "rope_theta", "rope_scaling",
    "rope_parameters", "partial_rotary_factor", "original_max_position_embeddings", "sliding_window", "layer_types",
    "use_sliding_window", "max_window_layers", "attention_bias", "mlp_bias", "tie_word_embeddings", "early_exits",
    "quantization_config", "quantization",
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_any_value_is_read_or_refused_in_a_sentence(family: str) -> None:
    """A traceback for a value no sane file has; each key gets each odd value, and so does each key of a rotation."""
    base = {**SIZES, "model_type": family, "head_dim": 16, "use_sliding_window": True}
    odd = [{**base, key: value} for key in KEYS for value in ODD]
    odd += [{**base, "rope_scaling": {**table, key: v}} for table in TABLES for key in table for v in ODD]
    found: list[Architecture] = []
    refused: list[UpdraftError] = []
    for config in odd:
        try:
            found.append(architecture_of(config, "x"))
        except UpdraftError as error:
            refused.append(error)
    assert all(error.sentence.endswith(".") and len(error.sentence) < 400 and error.hint for error in refused)
    assert all(len(each.rope) * 2 == each.head_dim and all(0 <= a < 1e7 for a in each.rope) for each in found)
    assert min(len(found), len(refused)) > len(odd) / 10


@pytest.mark.parametrize("raw", [b"", b"{", b"[1, 2]", b"\x00\x01", b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 100_000])
def test_a_damaged_description_is_refused(tmp_path: Path, raw: bytes) -> None:
    """A traceback from the JSON parser instead of the file's name."""
    (tmp_path / "config.json").write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_architecture(tmp_path)


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    """A file saved by an editor on Windows refused."""
    text = json.dumps({**SIZES, "model_type": "llama"})
    (tmp_path / "config.json").write_text(text, encoding="utf-8-sig")
    assert read_architecture(tmp_path) == read()


def test_parameters_of_a_tied_model() -> None:
    """A tied head counted twice."""
    config = LlamaConfig(**SIZES, tie_word_embeddings=True)
    assert read(tie_word_embeddings=True).parameters == LlamaForCausalLM(config).num_parameters()


def test_what_a_person_may_choose_by_mistake(tmp_path: Path) -> None:
    """A GGUF file, or a file of a model, said not to be there although it is."""

    def said(chosen: Path) -> tuple[str, str]:
        with pytest.raises(CheckpointError) as refused:
            read_architecture(chosen)
        return refused.value.sentence, refused.value.hint

    weights, packed = tmp_path / "model.safetensors", tmp_path / "tiny-Q4.GGUF"
    assert "There is no model folder" in said(tmp_path / "away.gguf")[0]
    packed.write_bytes(b"GGUF")
    assert "is a GGUF file, which has to be imported before it runs." in said(packed)[0]
    assert "holds a GGUF model (tiny-Q4.GGUF)" in said(tmp_path)[0]
    assert "models import" in said(tmp_path)[1]
    weights.touch()
    assert "is a file, not a model folder." in said(weights)[0]
    assert "it has no config.json" in said(tmp_path)[0]
