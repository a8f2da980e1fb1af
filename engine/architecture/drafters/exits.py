"""Adapters at early exits: a layer and a norm by which a model that was never trained for it can be left early.

Nobody publishes such files, so the form is ours, and simple. ``exit_layers`` of config.json says after how many of the
target's layers there is one, rising. For each, the files hold a decoder layer of the target's own form, its tensors
named as the target names a layer's behind ``exits.DEPTH.``, and ``exits.DEPTH.norm.weight``. What they give is read by
the target's head; positions are turned as the target turns them. The other entries tell which model that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from engine.architecture.checking import Stored, check_tensors
from engine.architecture.drafters.origin import made_for_another
from engine.architecture.holding import BYTES, Holding
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.stored import Kept

NAME, DEPTHS, MODEL_LAYERS = "UpdraftExits", "exit_layers", "num_target_layers"
NORM = "norm.weight"
WORDS = {
    MODEL_LAYERS: "layers",
    "hidden_size": "numbers in a hidden state",
    "intermediate_size": "numbers inside a layer",
    "num_attention_heads": "heads",
    "num_key_value_heads": "heads of keys",
    "head_dim": "numbers in a head",
    "vocab_size": "tokens",
}


@dataclass(frozen=True, slots=True)
class ExitsShape:
    """The shape of adapters. ``decoder``: one layer of the target; ``depths``: the layers that each comes behind.

    ``layers``: of the target.
    """

    decoder: Architecture
    depths: tuple[int, ...]
    layers: int

    @property
    def taps(self) -> tuple[int, ...]:
        """What is read of the target, as "the input of layer k"."""
        return self.depths

    def layer(self, depth: int) -> str:
        """Return what the names of the tensors of the adapter behind ``depth`` layers begin with."""
        return f"exits.{depth}."

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by its name."""
        one = {**self.decoder.parts.tensors(), NORM: (self.decoder.width,)}
        return {self.layer(depth) + name: shape for depth in self.depths for name, shape in one.items()}

    def bytes(self, kept: Mapping[str, Kept], holding: Holding, room: int) -> int:
        """Return the memory they take with ``room`` tokens, of which files hold matrices as ``kept`` says."""
        held, a = holding.of(self.decoder), self.decoder
        weights = sum(
            prod(shape) * BYTES[held.form(name, len(shape), kept.get(name, "16-bit"))]
            for name, shape in self.tensors().items()
        )
        number = 2 if holding.device == "cuda" else 4
        return round(weights) + number * len(self.depths) * 2 * (a.kv_heads + 1) * a.head_dim * room


def description(target: Architecture, depths: tuple[int, ...]) -> dict[str, object]:
    """Return what config.json says of adapters of ``target`` behind so many of its layers."""
    return {"architectures": [NAME], DEPTHS: list(depths), **_sizes(target)}


def read_exits(settings: Settings, stored: Mapping[str, Stored], target: Architecture) -> ExitsShape:
    """Read adapters whose files hold ``stored``; raises CheckpointError for damaged ones or another target's."""
    for name, size in _sizes(target).items():
        if settings.size(name) != size:
            raise made_for_another(settings, WORDS[name], settings.size(name), size)
    shape = ExitsShape(
        decoder=replace(target, layers=1, windows=(None,), exits=()),
        depths=_depths(settings, target.layers),
        layers=target.layers,
    )
    check_tensors(stored, shape.tensors(), settings.name)
    return shape


def _sizes(target: Architecture) -> dict[str, int]:
    return {
        MODEL_LAYERS: target.layers,
        "hidden_size": target.width,
        "intermediate_size": target.mlp,
        "num_attention_heads": target.heads,
        "num_key_value_heads": target.kv_heads,
        "head_dim": target.head_dim,
        "vocab_size": target.vocabulary,
    }


def _depths(settings: Settings, layers: int) -> tuple[int, ...]:
    named = settings.values.get(DEPTHS)
    if not isinstance(named, list) or not named or any(type(each) is not int for each in named):
        raise settings.refused(DEPTHS, "where a list of the target's layers belongs")
    if named != sorted(set(named)) or not 0 < named[0] <= named[-1] < layers:
        raise settings.refused(DEPTHS, f"which are not rising depths of a model of {layers} layers")
    return tuple(named)
