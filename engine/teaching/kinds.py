"""The kinds of drafters that can be taught, one value each: how one begins, and what it is once it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.architecture import Architecture
from engine.config import PRESETS, TARGET, Preset, Role
from engine.teaching import beginning
from engine.teaching.block import Block
from engine.teaching.exits import depths_of
from engine.teaching.head import Head
from engine.teaching.learner import SHARE, STEPS
from engine.teaching.pupil import Pupil

Learns = Callable[[Architecture, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it is ``called`` in a sentence, and as which ``role`` a set of models has it.

    ``begin`` returns one before it has learnt anything, of the target and the tokens it is to guess among, int64 in
    order of their numbers; of these there are ``few`` at most, the commonest; 0: it guesses among all. ``preset``: the
    method that it is tried with. ``least``: the layers that a target must have. ``share``: of its layers, those that it
    has itself, where it is a model; ``begin`` takes their number besides.
    ``learns``: how many weights learn, those of matrices below a head and others, of the target's shape, those tokens
    and its own layers. ``rows``: how many of its layers' rows every token of a step leaves for the way back, where it
    is no model.
    """

    called: str
    role: Role
    begin: Callable[..., Pupil]
    preset: Preset
    learns: Learns
    few: int = 8192
    least: int = 7
    share: float = 0.0
    rows: float = 1.0

    @property
    def needs(self) -> frozenset[Role]:
        """What a set of models must have beside it so that its method runs."""
        return self.preset.roles - {self.role, TARGET}

    def layers(self, depth: int) -> int:
        """Return how many layers it has by itself beside a target of ``depth``; 0 for what is no model."""
        return max(2, round(self.share * depth)) if self.share else 0


def layer(shape: Architecture, reads: int = 1) -> int:
    """Return the weights of a layer like those of ``shape`` whose attention reads so many states side by side."""
    heads = shape.heads + 2 * shape.kv_heads
    return shape.width * (shape.head_dim * (reads * heads + shape.heads) + 3 * shape.mlp)


def _head(shape: Architecture, few: int, _: int) -> tuple[int, int]:
    return layer(shape, 2) + 3 * shape.width**2, few * shape.width


def _block(shape: Architecture, few: int, _: int) -> tuple[int, int]:
    markov = beginning.RANK * (few + shape.vocabulary)
    return beginning.LAYERS * layer(shape) + 5 * shape.width**2, few * shape.width + markov


def _model(shape: Architecture, _: int, layers: int) -> tuple[int, int]:
    return layers * layer(shape), 0


def _exits(shape: Architecture, _: int, __: int) -> tuple[int, int]:
    return len(depths_of(shape.layers)) * layer(shape), 0


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "head": Kind("a head", "head", beginning.head, PRESETS["head"], _head, rows=STEPS * SHARE[Head]),
        "block": Kind(
            "a block", "block", beginning.block, PRESETS["block"], _block, rows=beginning.LAYERS * SHARE[Block]
        ),
        "draft": Kind("a draft", "draft", beginning.draft, PRESETS["draft"], _model, few=16_384, least=4, share=1 / 6),
        "qualifier": Kind(
            "a qualifier", "qualifier", beginning.qualifier, PRESETS["hsd"], _model, least=4, share=1 / 3
        ),
        "exits": Kind("early exits", "exits", beginning.exits, PRESETS["hispec"], _exits, few=0, least=3),
    }
)
