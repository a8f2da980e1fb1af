"""Drafters that read a target, of the shapes in which they are published, with random weights and planted agreement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.architecture import Architecture
from engine.architecture.drafters.block import usual_layers
from engine.architecture.holding import Holding
from engine.bench.report import Share
from engine.config import PRESETS, Preset, Role
from engine.decoding.facts import Drafted, Fact
from engine.decoding.sources import Home, Own, making
from engine.model import Transformer

SPOKEN = 32_000  # tokens an EAGLE-3 head speaks of
LAYERS, ROWS, RANK = 5, 7, 256  # of a DSpark drafter: its layers, the tokens of its block, the rank of its Markov head
SMALL = 0.02  # how far random weights lie from 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the target keeps a drafter's tokens, by their place in the window, all before them kept.

    ``rates``: those of EAGLE-3 are assumed. Of DSpark only the tokens of a round are published (3.6 in chat, 5.4 for
    code, of blocks of 7): rates alike at every place that come to as many.
    """

    what: str
    rates: tuple[float, ...]

    @property
    def tokens(self) -> float:
        """The tokens of a round to expect."""
        expected = reached = 1.0
        for rate in self.rates:
            reached *= rate
            expected += reached
        return expected


def alike(tokens: float, places: int) -> tuple[float, ...]:
    """Return a rate, the same at each of so many ``places``, that comes to ``tokens`` a round."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        rate = (low + high) / 2
        low, high = (rate, high) if Agreement("", (rate,) * places).tokens < tokens else (low, rate)
    return (high,) * places


@dataclass(frozen=True, slots=True)
class Drafter:
    """A kind of published drafter: the preset that runs it, and how often targets agree with such.

    ``trims``: it reads the target's head, which may be cut to the frequent tokens; measured both ways.
    """

    preset: Preset
    agreements: tuple[Agreement, ...]
    trims: bool = False

    @property
    def ways(self) -> dict[str, Preset]:
        """How it can run, by what is added to its name."""
        if not self.trims:
            return {"": self.preset}
        bottom, *above = self.preset.stages
        cut = replace(self.preset, stages=(replace(bottom, trimmed=True), *above))
        return {"": replace(cut, stages=(replace(bottom, trimmed=False), *above)), ", frequent tokens": cut}

    @property
    def role(self) -> Role:
        """The role of its weights."""
        return next(iter(self.preset.roles - self.preset.whole))

    def load(self, target: Transformer, room: int) -> Own:
        """Draw one for ``target`` and load it as any other, for conversations of ``room`` tokens."""
        write = {"head": write_eagle3, "block": write_dspark}[self.role]
        source, on_gpu = self.preset.stages[0].source, target.device.type == "cuda"
        home = Home({"target": target}, Holding("cuda" if on_gpu else "cpu"), room)
        with TemporaryDirectory() as folder:
            write(Path(folder), target)
            return making(source).load(Path(folder), home)


DRAFTERS: Mapping[str, Drafter] = {
    "eagle3": Drafter(PRESETS["head"], (Agreement("chat", (0.72, 0.68, 0.65, 0.62)),)),
    "dspark": Drafter(
        PRESETS["block"], (Agreement("chat", alike(3.6, ROWS)), Agreement("code", alike(5.4, ROWS))), trims=True
    ),
}


def write_eagle3(folder: Path, target: Transformer) -> None:
    """Write a head as SafeAILab does: three layers of the target are read, one layer of its sizes follows."""
    shape, spoken = target.architecture, min(SPOKEN, target.vocabulary)
    config = {**_sizes(shape), "architectures": ["LlamaForCausalLMEagle3"], "model_type": "llama"}
    config |= {"num_hidden_layers": 1, "draft_vocab_size": spoken}
    width = shape.width
    shapes = {"fc.weight": (width, 3 * width), "norm.weight": (width,), "lm_head.weight": (spoken, width)}
    shapes |= {f"midlayer.{name}": size for name, size in _layer(shape, 2 * width).items()}
    shapes["midlayer.hidden_norm.weight"] = (width,)
    tokens = {"d2t": torch.zeros(spoken, dtype=torch.int64)} if spoken < target.vocabulary else {}
    _write(folder, config, {**_drawn(shapes, target.device), **tokens})


def write_dspark(folder: Path, target: Transformer) -> None:
    """Write a drafter of blocks as DeepSpec does: layers of the target's sizes, a Markov head, a confidence head."""
    shape = target.architecture
    width, vocabulary = shape.width, target.vocabulary
    config = {**_sizes(shape), "architectures": ["Qwen3DSparkModel"], "model_type": "qwen3"}
    config |= {"num_hidden_layers": LAYERS, "block_size": ROWS, "mask_token_id": vocabulary - 1}
    config |= {"target_layer_ids": usual_layers(shape.layers, LAYERS), "num_target_layers": shape.layers}
    config |= {"markov_rank": RANK, "markov_head_type": "vanilla"}
    config |= {"enable_confidence_head": True, "confidence_head_with_markov": True}
    shapes = {"fc.weight": (width, LAYERS * width), "hidden_norm.weight": (width,), "norm.weight": (width,)}
    for index in range(LAYERS):
        shapes |= {f"layers.{index}.{name}": size for name, size in _layer(shape, width, head_norms=True).items()}
    shapes |= {f"markov_head.markov_w{one}.weight": (vocabulary, RANK) for one in (1, 2)}
    shapes |= {"confidence_head.proj.weight": (1, width + RANK), "confidence_head.proj.bias": (1,)}
    _write(folder, config, _drawn(shapes, target.device))


def _sizes(shape: Architecture) -> dict[str, Any]:
    return {
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocabulary,
        "rms_norm_eps": shape.norm_eps,
        "max_position_embeddings": shape.context,
    }


def _layer(shape: Architecture, inputs: int, *, head_norms: bool = False) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a layer of the sizes of ``shape`` whose attention takes so many ``inputs``."""
    queries, values = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    tensors: dict[str, tuple[int, ...]] = {
        "self_attn.q_proj.weight": (queries, inputs),
        "self_attn.k_proj.weight": (values, inputs),
        "self_attn.v_proj.weight": (values, inputs),
        "self_attn.o_proj.weight": (shape.width, queries),
        "mlp.gate_proj.weight": (shape.mlp, shape.width),
        "mlp.up_proj.weight": (shape.mlp, shape.width),
        "mlp.down_proj.weight": (shape.width, shape.mlp),
        "input_layernorm.weight": (shape.width,),
        "post_attention_layernorm.weight": (shape.width,),
    }
    if head_norms:
        tensors |= {f"self_attn.{part}_norm.weight": (shape.head_dim,) for part in "qk"}
    return tensors


def _drawn(shapes: Mapping[str, tuple[int, ...]], device: torch.device) -> dict[str, Tensor]:
    """Return random matrices, and vectors of ones, as files hold them."""
    return {
        name: torch.ones(shape).bfloat16()
        if len(shape) == 1
        else (torch.randn(shape, device=device, dtype=torch.bfloat16) * SMALL).cpu()
        for name, shape in shapes.items()
    }


def _write(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def shares(facts: Sequence[Fact], step: float) -> list[Share]:
    """Return what the parts of a round took, each from the end of the one before; ``step``: seconds of c(1).

    The first draft of a round holds what brings the drafter up to date, too.
    """
    taken: dict[str, list[float]] = {}
    for before, fact in pairwise(facts):
        seconds = fact.began + fact.seconds - before.began - before.seconds
        follows = isinstance(before, Drafted)
        what = "the target's pass"
        if isinstance(fact, Drafted):
            what = "a block" if len(fact.tokens) > 1 else "a token" if follows else "the first token"
        taken.setdefault(what, []).append(seconds)
    return [Share(what, 1e3 * median(each), median(each) / step) for what, each in taken.items()]
