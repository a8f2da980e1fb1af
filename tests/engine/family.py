"""A tiny random family with a real tokenizer: target, qualifier and draft, as a person would have them on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from engine.config import ModelSet, models_in
from engine.events import finished

TEXT = "The quick brown fox jumps over the lazy dog. 0123456789 Héllo wörld, naïve café — ¿qué? " * 3
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
finish = finished
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def write_tokenizer(folder: Path, texts: Sequence[str] = (TEXT,), size: int = 300, *, chat: bool = True) -> int:
    """Write a byte-level tokenizer of at most ``size`` ids, learnt from ``texts``; returns how many it has."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"}
    if chat:
        settings["chat_template"] = TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return int(tokenizer.get_vocab_size())


def write_model(folder: Path, layers: int, width: int, vocabulary: int, seed: int, context: int = 256) -> None:
    """Write a random Llama checkpoint with 2 heads into ``folder``; sharp enough that tokens differ in probability."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    draw = torch.Generator().manual_seed(seed)

    def random(*shape: int, scale: float = 0.2) -> Tensor:
        return torch.randn(*shape, generator=draw) * scale

    tensors = {
        "model.embed_tokens.weight": random(vocabulary, width, scale=0.5),
        "model.norm.weight": torch.ones(width),
    }
    for i in range(layers):
        layer = f"model.layers.{i}."
        tensors |= {
            layer + "self_attn.q_proj.weight": random(width, width),
            layer + "self_attn.k_proj.weight": random(width // 2, width),
            layer + "self_attn.v_proj.weight": random(width // 2, width),
            layer + "self_attn.o_proj.weight": random(width, width),
            layer + "mlp.gate_proj.weight": random(2 * width, width),
            layer + "mlp.up_proj.weight": random(2 * width, width),
            layer + "mlp.down_proj.weight": random(width, 2 * width),
            layer + "input_layernorm.weight": torch.ones(width),
            layer + "post_attention_layernorm.weight": torch.ones(width),
        }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_family(root: Path) -> ModelSet:
    """Write a target, a qualifier and a draft that share a tokenizer; returns the set."""
    for role, layers, width, seed in (("target", 8, 32, 1), ("qualifier", 3, 32, 2), ("draft", 1, 16, 3)):
        folder = root / role
        folder.mkdir(parents=True)
        write_model(folder, layers, width, write_tokenizer(folder), seed)
    (root / "target" / "draft_vocabulary.json").write_text(json.dumps(list(range(0, 300, 2))))
    return models_in(root)
