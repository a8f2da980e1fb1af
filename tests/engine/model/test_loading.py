"""The same weights arrive whatever they were stored as."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from engine.architecture import FAMILIES, Architecture
from engine.architecture.families.llama import LLAMA
from engine.architecture.family import Family
from engine.architecture.settings import Settings
from engine.errors import CheckpointError
from engine.model import load
from tests.engine.model.tiny import change_config, change_tensors, loaded, logits, quantise, write_tensors

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.arange(0, 90, 3)
UP = "model.layers.2.mlp.up_proj.weight"
STATE = f"{UP}.quant_state.bitsandbytes__nf4"


def as_bytes(state: dict[str, object]) -> Tensor:
    """Return ``state`` the way bitsandbytes stores it."""
    return torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)


def test_progress_rises_to_one(llama: Path) -> None:
    """A bar that jumps back, stands still or never fills."""
    fractions = list(load(llama, torch.device("cpu")))
    assert fractions == sorted(set(fractions))
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len(fractions) > 5


def test_shards_hold_the_same_model(checkpoint_of: CheckpointOf, tmp_path: Path) -> None:
    """A tensor looked up in the wrong shard."""
    folder, reference = checkpoint_of("llama")
    reference.save_pretrained(tmp_path, max_shard_size="200KB")
    assert torch.equal(logits(loaded(tmp_path), TEXT), logits(loaded(folder), TEXT))


def test_sixteen_bits_are_widened(checkpoint_of: CheckpointOf, llama: Path) -> None:
    """bfloat16 and float16 weights misread on the CPU."""
    tensors = load_file(llama / "model.safetensors")
    for dtype in (torch.bfloat16, torch.float16):
        change_tensors(llama, {name: tensor.to(dtype) for name, tensor in tensors.items()})
        narrow = loaded(llama)
        assert narrow.dtype == torch.float32
        change_tensors(llama, {name: tensor.to(dtype).float() for name, tensor in tensors.items()})
        assert torch.equal(logits(narrow, TEXT), logits(loaded(llama), TEXT))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("leave", [(), ("k_proj.weight", "down_proj.weight")])
def test_four_bits_are_worth_what_bitsandbytes_says(llama: Path, nested: bool, leave: tuple[str, ...]) -> None:
    """Nibbles swapped, scales shifted or not de-nested; a matrix left in 16 bits beside packed ones misread."""
    worth = quantise(llama, nested=nested, leave=leave)
    packed = logits(loaded(llama), TEXT)
    change_config(llama, quantization_config=None)
    write_tensors(llama, worth)
    torch.testing.assert_close(packed, logits(loaded(llama), TEXT), atol=1e-5, rtol=1e-6)


def test_codes_may_be_stored_under_another_dtype(llama: Path) -> None:
    """Checkpoints whose packed bytes are declared bfloat16, as sharded training writes them."""
    quantise(llama, nested=True)
    expected = logits(loaded(llama), TEXT)
    packed = load_file(llama / "model.safetensors")[UP]
    change_tensors(llama, {UP: packed.flatten().view(torch.bfloat16)[:, None]})
    assert torch.equal(logits(loaded(llama), TEXT), expected)


@pytest.mark.parametrize(
    "damage", ["blocksize", "shape", "text", "scales", "codes", "meaning", "outer", "nothing nested"]
)
def test_a_contradictory_four_bit_matrix_is_refused(llama: Path, damage: str) -> None:
    """Scales or codes that belong to another matrix, applied all the same or failing without a name."""
    quantise(llama, nested=True)
    tensors = load_file(llama / "model.safetensors")
    state = json.loads(bytes(tensors[STATE].tolist()))
    changes: dict[str, dict[str, Tensor | None]] = {
        "blocksize": {STATE: as_bytes({**state, "blocksize": 128})},
        "shape": {STATE: as_bytes({**state, "shape": [64, 128]})},
        "text": {STATE: torch.zeros(4, dtype=torch.uint8)},
        "scales": {f"{UP}.absmax": tensors[f"{UP}.absmax"][:-1]},
        "codes": {f"{UP}.quant_map": torch.zeros(8)},
        "meaning": {f"{UP}.quant_map": tensors[f"{UP}.quant_map"] * 2},
        "outer": {f"{UP}.nested_absmax": torch.zeros(9)},
        "nothing nested": {f"{UP}.nested_absmax": None},
    }
    change_tensors(llama, changes[damage])
    with pytest.raises(CheckpointError, match=r"model\.safetensors describes the 4-bit matrix .*up_proj"):
        loaded(llama)


def test_the_folder_may_go_once_loaded(llama: Path) -> None:
    """Weights that still live in the mapped file, so that deleting the model fails or crashes the chat."""
    model = loaded(llama)
    before = logits(model, TEXT)
    file = llama / "model.safetensors"
    file.write_bytes(b"\0" * file.stat().st_size)
    assert torch.equal(logits(model, TEXT), before)


def test_a_family_is_a_file(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader, the check of a checkpoint or the block asking which family it is, instead of what it is made of."""
    expected = logits(loaded(llama), TEXT)

    def read(settings: Settings) -> Architecture:
        found = LLAMA.read(settings)
        qkv = tuple((f"attention.{name}", rows) for name, (_, rows) in zip("qkv", found.parts.qkv.parts, strict=True))
        parts = replace(found.parts, qkv=replace(found.parts.qkv, parts=qkv), attention_norm="first_norm")
        return replace(found, parts=parts)

    monkeypatch.setitem(FAMILIES, "toy", Family("toy", "Toy", read))
    change_config(llama, model_type="toy", architectures=["ToyForCausalLM"])
    renamed = {"input_layernorm.weight": "first_norm"} | {
        f"self_attn.{name}_proj": f"attention.{name}" for name in "qkv"
    }
    tensors = load_file(llama / "model.safetensors")
    for old, new in renamed.items():
        tensors = {name.replace(old, new): tensor for name, tensor in tensors.items()}
    write_tensors(llama, tensors)
    assert torch.equal(logits(loaded(llama), TEXT), expected)
