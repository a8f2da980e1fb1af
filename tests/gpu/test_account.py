"""The memory account on a GPU, against what the device's allocator says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

from engine.account import account
from engine.dimensions import read_dimensions
from tests.engine.model.tiny import group, loaded, random_model

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CONTEXT = 1024


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("tied", "vocabulary"), [(False, 8192), (True, 8192), (True, 1 << 17)])
def test_account_is_what_a_gpu_holds(tied: bool, vocabulary: int, grouped: bool, tmp_path: Path) -> None:
    """Guards the promise that a set said to fit does fit: untied, tied and large tied heads are kept differently."""
    config = LlamaConfig(
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=2,
        vocab_size=vocabulary,
        max_position_embeddings=4096,
        tie_word_embeddings=tied,
    )
    random_model(config).save_pretrained(tmp_path)
    if grouped:
        group(tmp_path, 4)
    loaded(tmp_path, "cuda")  # what the kernels keep for themselves is there now
    before = torch.cuda.memory_allocated()
    model = loaded(tmp_path, "cuda")
    cache = model.new_cache(CONTEXT)
    frequent = model.head_of(torch.arange(vocabulary // 4)) if vocabulary >= 65_536 else None
    held = torch.cuda.memory_allocated() - before
    assert held == pytest.approx(account(read_dimensions(tmp_path), CONTEXT).total, rel=0.03)
    del model, cache, frequent
