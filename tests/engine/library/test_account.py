"""The memory account and the fit, against models that really exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from engine.errors import CheckpointError
from engine.library import CATALOGUE, Architecture, Gpu, Hardware, Precision, account, architecture_of, judge
from engine.library.account import CPU, GPU, RUNTIME
from engine.library.fit import LEAST, SPARE, STEP

GB = 10**9
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


def machine(free: int = 0, total: int = 0, ram: int = 16 * GB, cuda: str | None = "12.8") -> Hardware:
    """A machine with one GPU, or none where ``total`` is 0."""
    gpus = (Gpu("RTX", "570", (8, 9), total, total - free, free),) if total else ()
    return Hardware(gpus, cuda, ram, ram, 8, Path(), 500 * GB, 400 * GB)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_those_of_transformers(family: str, tied: bool) -> None:
    """Guards the account's arithmetic: weights counted from the configuration must be those the model has."""
    config = {**CONFIG, "model_type": family, "tie_word_embeddings": tied}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))  # type: ignore[no-untyped-call]
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2)
    read = architecture_of(AutoConfig.for_model(**config).to_dict(), "tiny")
    assert read.parameters == matrices
    assert read.linears + read.embedding * (1 if tied else 2) == matrices


@pytest.mark.parametrize(
    ("name", "role", "billions"),
    [
        ("qwen3-8b", "target", 8.19),
        ("qwen3-8b", "qualifier", 1.72),
        ("qwen3-8b", "draft", 0.596),
        ("qwen3-4b", "target", 4.02),
        ("qwen3-14b", "target", 14.77),
        ("qwen2.5-7b", "target", 7.62),
        ("qwen2.5-7b", "draft", 0.494),
        ("llama-8b", "target", 8.03),
        ("llama-8b", "qualifier", 3.21),
        ("llama-8b", "draft", 1.24),
        ("layerskip-7b", "target", 6.74),
        ("smollm2", "target", 1.71),
        ("smollm2", "qualifier", 0.362),
        ("smollm2", "draft", 0.1345),
    ],
)
def test_catalogue_has_the_published_sizes(name: str, role: Any, billions: float) -> None:
    """Guards against a typing error in the catalogue's architectures: all sizes follow from them."""
    assert CATALOGUE[name].models[role].architecture.parameters / 1e9 == pytest.approx(billions, rel=0.006)


def test_catalogue_is_consistent() -> None:
    """Guards against sets without a target, presets that do not exist, and names claimed to be verified."""
    from engine.config import PRESETS

    for name, entry in CATALOGUE.items():
        assert name == entry.name
        assert next(iter(entry.models)) == "target"
        assert set(entry.presets) <= set(PRESETS)
        for preset in entry.presets:
            assert PRESETS[preset].roles <= set(entry.models)
        assert not any(model.verified for model in entry.models.values())
        sizes = [model.architecture.parameters for model in entry.models.values()]
        assert sizes == sorted(sizes, reverse=True)


def test_account_of_an_8b() -> None:
    """Guards the numbers people choose a GPU by: Llama 3.1 8B in NF4 with 4,096 tokens, part by part."""
    part = account(CATALOGUE["llama-8b"].models["target"].architecture, 4096, GPU)
    assert part.weights == 32 * (4096 * 128 * 80 + 3 * 4096 * 14_336) * 17 // 32  # 17/32 bytes a weight
    assert part.embedding == part.head == 128_256 * 4096 * 2
    assert part.cache == 4096 * 32 * 2 * 8 * 128 * 2
    assert 0.2 * GB < part.workspace < 0.6 * GB
    assert account(CATALOGUE["llama-8b"].models["target"].architecture, 4096, Precision(head=17 / 32)).total < 6 * GB


def test_tied_head_costs_nothing_unless_it_is_stored_differently() -> None:
    """Guards against counting a tied head twice, and against forgetting its 4-bit copy."""
    tied = CATALOGUE["qwen3-8b"].models["draft"].architecture
    assert account(tied, 1, GPU).head == 0
    assert account(tied, 1, replace(GPU, head=0.5)).head == tied.embedding // 2


def test_verdicts() -> None:
    """Guards the three answers and their numbers: what is said to fit must fit by the same account, and no more."""
    levels = CATALOGUE["qwen3-8b"].architectures
    needed = sum(account(level, 8192, GPU).total for level in levels) + RUNTIME
    assert judge(levels, machine(needed + SPARE, 24 * GB), 8192).answer == "fits"
    tight = judge(levels, machine(needed + SPARE - 1, 24 * GB), 8192)
    assert tight.answer == "shorter"
    assert 8192 - STEP <= tight.context < 8192
    assert f"{tight.context:,}" in tight.sentence
    again = sum(account(level, tight.context, GPU).total for level in levels) + RUNTIME
    assert again <= tight.free
    more = sum(account(level, tight.context + STEP, GPU).total for level in levels) + RUNTIME
    assert more > tight.free


def test_does_not_fit_says_why() -> None:
    """Guards against "does not fit" without the reason: the machine is too small, or others hold its memory."""
    levels = CATALOGUE["qwen3-8b"].architectures
    small = judge(levels, machine(5 * GB, 6 * GB), 4096)
    assert (small.answer, small.context) == ("no", 0)
    assert "this machine has" in small.sentence
    crowded = judge(levels, machine(2 * GB, 24 * GB), 4096)
    assert crowded.answer == "no"
    assert "other programs" in crowded.sentence


def test_longer_than_trained() -> None:
    """Guards against offering a context the model was never trained for."""
    verdict = judge(CATALOGUE["layerskip-7b"].architectures, machine(40 * GB, 48 * GB), 100_000)
    assert (verdict.answer, verdict.context) == ("shorter", 4096)
    assert "trained" in verdict.sentence


def test_without_a_usable_gpu_the_cpu_is_judged() -> None:
    """Guards against judging a GPU that the installed torch cannot use, or dense weights at 4-bit size."""
    levels = CATALOGUE["smollm2"].architectures
    verdict = judge(levels, machine(20 * GB, 24 * GB, cuda=None), 1024)
    assert verdict.device == "CPU"
    assert verdict.needed == sum(account(level, 1024, CPU).total for level in levels)
    assert verdict.needed > 8 * GB


def test_least_context_is_a_chat() -> None:
    """Guards against "fits" with a context in which no conversation can be had."""
    level = CATALOGUE["smollm2"].models["draft"].architecture
    fixed = account(level, 0, GPU).total + RUNTIME
    room = fixed + SPARE + account(level, LEAST - 1, GPU).cache
    assert judge([level], machine(room, 24 * GB), 4096).answer == "no"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"hidden_size": "big"}, "hidden_size"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"quantization_config": {"quant_method": "gptq"}}, "gptq"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "bitsandbytes"),
    ],
)
def test_unusable_configurations(change: dict[str, Any], words: str) -> None:
    """Guards against a KeyError where a sentence is due."""
    with pytest.raises(CheckpointError, match=words):
        architecture_of({**CONFIG, "model_type": "llama", **change}, "x")


def test_nf4_configuration_is_accepted() -> None:
    """Guards against refusing the pre-quantised copies the catalogue recommends."""
    recipe = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    read = architecture_of({**CONFIG, "model_type": "llama", "quantization_config": recipe}, "x")
    assert read == Architecture("llama", 3, 64, 160, 4, 2, 16, 100, False, 512)
