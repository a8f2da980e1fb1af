"""A target of a few numbers and prompts for it, as the starter's recipes want them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import stories
import tokenizer as words
import torch
from llama import Llama, Shape
from safetensors.torch import save_file
from torch import Tensor

VOCABULARY, WIDTH, LAYERS, MLP = 320, 64, 4, 64


def grouped(weight: Tensor) -> dict[str, Tensor]:
    """Return the parts of ``weight`` [N, K] at 4 bits in groups of 32, by the last word of their name."""
    groups = weight.view(len(weight), -1, 32)
    low = groups.amin(-1).half()
    scale = ((groups.amax(-1) - low.float()) / 15).half()
    codes = ((groups - low.float()[..., None]) / scale.float()[..., None]).round().clamp(0, 15).to(torch.uint8)
    codes = codes.view(weight.shape)
    return {"": codes[:, 0::2] | codes[:, 1::2] << 4, "group_scale": scale, "group_min": low}


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target")
    chance = random.Random(0)
    words.save(words.learn((stories.tell(chance).text for _ in range(60)), size=VOCABULARY), folder, 256)
    settings: dict[str, object] = {
        "head_dim": 64,
        "rms_norm_eps": 1e-5,
        "num_hidden_layers": LAYERS,
        "hidden_size": WIDTH,
    }
    settings |= {"num_attention_heads": 1, "num_key_value_heads": 1, "intermediate_size": MLP}
    settings |= {"vocab_size": VOCABULARY, "rope_parameters": {"rope_theta": 1e5}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1]}))
    torch.manual_seed(1)
    stored = {}
    with torch.no_grad():
        for name, weight in Llama(Shape(LAYERS, WIDTH, 1, 1, MLP), VOCABULARY).named_parameters():
            if weight.ndim == 1:
                stored[f"model.{name}"] = torch.ones_like(weight)
            else:
                parts = grouped(0.2 * torch.randn_like(weight))
                stored |= {f"model.{name}.{part}" if part else f"model.{name}": each for part, each in parts.items()}
    save_file(stored, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    asked = [{"prompt": f"Tell me about {n} cats.", **({"held": True} if n < 3 else {})} for n in range(20)]
    file.write_text("\n".join(map(json.dumps, asked)))
    return file
