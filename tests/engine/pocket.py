"""The pocket family: models of random numbers that behave like a trained family, made in a moment where a test runs.

``pocket_models()`` is the door: a set of target, qualifier and draft on disk, in the Hub's layout, with a tokenizer
that writes any text, a chat template, and early exits named in the target's config.json. ``wide=True`` gives the one
for a GPU, whose kernels want more to do. Both are made once for a process and removed at its end: copy what you
damage.

What a trained family has and random models have not is that its members agree, partly: the smaller models here are
cut out of the target's own numbers (its first layers, the first of its coordinates), and every later layer moves the
target less, so exits and smaller models are right about as often as real ones, and drafted tokens are kept and refused
in one reply. Laws are sharp and depend on the whole text. Replies end, after some tens of tokens. None of it means
anything: no test may look for a word.
"""

from __future__ import annotations

import atexit
import json
import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.config import PRESETS, ModelSet, Role, models_in
from engine.prompts import PROMPTS
from tests.engine.family import SPECIAL, TEXT, write_tokenizer

CONTEXT = 2048
SHARP = 2.8  # standard deviation of logits: the likeliest token has about half of the law
ENDING = 1.3  # how much wider the end token's logits vary: it ends one reply in thirty to seventy tokens
DECAY = 1.5  # a layer adds to the text's states as its number to minus this
BEYOND = 0.15  # what a column beyond those of the smallest model is worth beside one of them
END, ANSWER = SPECIAL.index("<|end|>"), SPECIAL.index("<|assistant|>")


@dataclass(frozen=True)
class Shape:
    """The sizes of a model with heads of 64."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    mlp: int


SMALL: dict[Role, Shape] = {
    "target": Shape(8, 128, 2, 1, 256),
    "qualifier": Shape(4, 128, 2, 1, 256),
    "draft": Shape(2, 64, 2, 1, 256),
}
WIDE: dict[Role, Shape] = {
    "target": Shape(16, 512, 8, 4, 1408),
    "qualifier": Shape(8, 384, 8, 4, 1408),
    "draft": Shape(3, 192, 8, 4, 1408),
}
RUNS = [name for name, preset in PRESETS.items() if preset.roles <= WIDE.keys()]  # presets the family has all of


@cache
def pocket_models(*, wide: bool = False) -> ModelSet:
    """Return the family, made the first time it is asked for."""
    kept = TemporaryDirectory(prefix="pocket-")
    atexit.register(kept.cleanup)
    return write_pocket(Path(kept.name), WIDE if wide else SMALL, torch.bfloat16 if wide else torch.float32)


def write_pocket(root: Path, shapes: dict[Role, Shape], dtype: torch.dtype = torch.float32) -> ModelSet:
    """Write a family of such ``shapes`` into ``root``, its tensors as ``dtype``; returns the set."""
    (first := root / "target").mkdir()
    tokens, target = write_tokenizer(first, [TEXT, *PROMPTS], 512), shapes["target"]
    whole = _numbers(target, tokens, _unsaid(first), min(shape.width for shape in shapes.values()))
    for role, shape in shapes.items():
        folder = first if role == "target" else Path(shutil.copytree(first, root / role))
        config = _config(shape, tokens, dtype)
        if role == "target":
            config["early_exits"] = [target.layers // 8, target.layers // 4, target.layers // 2]
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": END}))
        (folder / "draft_vocabulary.json").write_text(json.dumps([*range(399), tokens - 1]))
    for role, shape in shapes.items():
        tensors = {name: each.to(dtype) for name, each in _cut(whole, shape).items()}
        save_file(tensors, root / role / "model.safetensors", {"format": "pt"})
    return replace(models_in(root), name="Pocket")


def _unsaid(folder: Path) -> list[int]:
    """Return the tokens that no trained model says: roles, and bytes that control a terminal or begin what does.

    One of these begins spaces that do not break, too, which Qt gives back as others.
    """
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    controls = [chr(256 + byte) for byte in (*range(10), *range(11, 32))]  # as byte-level BPE writes them
    return [words[word] for word in (*controls, "\xc2", *SPECIAL) if words[word] != END]


def _config(shape: Shape, tokens: int, dtype: torch.dtype) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokens,
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": 64,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": str(dtype).removeprefix("torch."),
        "eos_token_id": END,
    }


def _numbers(shape: Shape, tokens: int, unsaid: list[int], least: int) -> dict[str, Tensor]:
    """Return the target's tensors: what a layer adds is less the later it comes, and less beyond ``least`` columns.

    Tokens that are ``unsaid`` are next to never likely. Random signs in the last norm keep a tied head from repeating
    what it reads. Column 0 is the two tokens' own that must not follow each other: no reply is empty.
    """
    draw = torch.Generator().manual_seed(5)
    worth = torch.ones(shape.width)
    worth[least:] = BEYOND
    worth[0] = 0

    def random(rows: int, columns: int, scale: float) -> Tensor:
        spread: float = scale * columns**-0.5
        return torch.randn(rows, columns, generator=draw) * spread

    table = random(tokens, shape.width, SHARP) * worth
    table[END] *= ENDING
    table[unsaid] *= 0.1
    signs = torch.randint(0, 2, (shape.width,), generator=draw) * 2.0 - 1
    signs[0], table[[ANSWER, END], 0] = -1, SHARP
    found = {"model.embed_tokens.weight": table, "model.norm.weight": signs}
    for i in range(shape.layers):
        layer, adds = f"model.layers.{i}.", 2 * SHARP * shape.width**-0.5 * (i + 1) ** -DECAY
        found |= {
            layer + "self_attn.q_proj.weight": random(64 * shape.heads, shape.width, 1.5),
            layer + "self_attn.k_proj.weight": random(64 * shape.kv_heads, shape.width, 1.5),
            layer + "self_attn.v_proj.weight": random(64 * shape.kv_heads, shape.width, 1.0),
            layer + "self_attn.o_proj.weight": random(shape.width, 64 * shape.heads, adds) * worth[:, None],
            layer + "mlp.gate_proj.weight": random(shape.mlp, shape.width, 1.0),
            layer + "mlp.up_proj.weight": random(shape.mlp, shape.width, 1.0),
            layer + "mlp.down_proj.weight": random(shape.width, shape.mlp, adds) * worth[:, None],
            layer + "input_layernorm.weight": torch.ones(shape.width),
            layer + "post_attention_layernorm.weight": torch.ones(shape.width),
        }
    return found


def _cut(whole: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Return the part of ``whole`` that a smaller model of ``shape`` has: its first layers and columns."""
    table = whole["model.embed_tokens.weight"]
    louder = table.square().mean(-1) / table[:, : shape.width].square().mean(-1)  # what its norms miss
    found = {}
    for name, tensor in whole.items():
        if name.startswith("model.layers.") and int(name.split(".")[2]) >= shape.layers:
            continue
        writes = name.endswith(("o_proj.weight", "down_proj.weight"))
        part = tensor[: shape.width] if writes else tensor[..., : shape.width]
        found[name] = part * louder.mean() ** -0.5 if "norm" in name else part.clone()
    return found
