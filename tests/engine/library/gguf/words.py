"""Vocabularies as GGUF files hold them."""

from __future__ import annotations

import json
from typing import Any

from tests.engine.vocabularies import backend_of

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def _letters() -> list[str]:
    """Return the 256 characters that GPT-2's tokenizers write bytes as, by byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(rest)) for byte in range(256)]


def _tiny() -> dict[str, Any]:
    tokens = [*_letters(), "th", "the", "Ġthe", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"]
    kinds = [NORMAL] * 259 + [CONTROL] * 3 + [USER]
    padding = [f"[PAD{id_}]" for id_ in range(len(tokens), 280)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens + padding,
        "tokenizer.ggml.token_type": kinds + [UNUSED] * len(padding),
        "tokenizer.ggml.merges": ["t h", "th e", "Ġ the"],
        "tokenizer.ggml.bos_token_id": 259,
        "tokenizer.ggml.eos_token_id": 261,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}",
    }


TINY = _tiny()


def smollm() -> dict[str, Any]:
    """Return SmolLM2's vocabulary, cut short, as its GGUF file holds it."""
    state = json.loads(backend_of("smollm2").to_str())
    special = {token["id"] for token in state["added_tokens"]}
    tokens = sorted(state["model"]["vocab"], key=state["model"]["vocab"].__getitem__)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [CONTROL if id_ in special else NORMAL for id_ in range(len(tokens))],
        "tokenizer.ggml.merges": [
            merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]
        ],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
    }


def sentencepiece() -> dict[str, Any]:
    """Return a vocabulary as Llama 2's: scores instead of merges, bytes for what is not known."""
    state = json.loads(backend_of("llama2").to_str())
    tokens = sorted(state["model"]["vocab"], key=state["model"]["vocab"].__getitem__)
    ranks = {"".join(merge): rank for rank, merge in reversed(list(enumerate(state["model"]["merges"])))}
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * (len(tokens) - 259)]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.scores": [-float(ranks.get(token, len(tokens) + id_)) for id_, token in enumerate(tokens)],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
