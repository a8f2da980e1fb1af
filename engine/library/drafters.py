"""The drafters the catalogue knows by name: small networks made for one model, which read its states to guess ahead.

As with the catalogue, the Hub could not be asked; ``seen`` says where each name was found. Nothing here was run on
these models: ``published`` repeats what others measured and says who, and is empty where nobody did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.architecture import Architecture
from engine.architecture.drafters.origin import elsewhere
from engine.architecture.holding import BYTES
from engine.config import Role
from engine.dimensions import layer_weights
from engine.library.shapes import LLAMA31_8B, QWEN3_4B, QWEN3_8B, QWEN3_14B

BESIDES = 1 << 20  # configuration, licence and card
DRAFT_VOCABULARY = 32_000  # tokens that heads of this size know
COMMON = 256  # the rank of DSpark's table of which token follows which


@dataclass(frozen=True, slots=True)
class Drafter:
    """One drafter of the catalogue, for a set whose target it was made for.

    ``role``: as which source it is read. ``weights``: how many of its own, ``also`` those of its target that its files
    repeat. ``published``: how much faster it was, and by whom that was measured.
    """

    repository: str
    role: Role
    weights: int
    also: int
    licence: str
    seen: str
    published: str = ""

    @property
    def download(self) -> int:
        """The size of the download in bytes, computed: 16 bits a weight."""
        return 2 * (self.weights + self.also) + BESIDES

    @property
    def on_gpu(self) -> int:
        """The bytes of a GPU's memory it takes beside its target, about: at 4 bits, without its memory of a chat."""
        return round(BYTES["nf4"] * self.weights)

    @property
    def expected(self) -> str:
        """What it is said to bring, as the end of a sentence; that nobody has said so, where that is so."""
        return self.published or "no figures published"


def _head(target: Architecture, published: str) -> Drafter:
    """Return an EAGLE-3 head in Red Hat's format, as large as such heads of ``target`` are; its embedding comes along.

    Three states and an embedding go into one layer of the target's own width, whose attention reads twice that width.
    """
    width = target.width
    twice = (target.heads + 2 * target.kv_heads) * target.head_dim * width  # what attention reads beside the usual
    weights = 3 * width * width + layer_weights(target) // target.layers + twice + DRAFT_VOCABULARY * width
    seen = "README of the speculators source"
    return Drafter(elsewhere(target), "head", weights, target.vocabulary * width, "Apache 2.0", seen, published)


def _block(target: Architecture, repository: str, published: str) -> Drafter:
    """Return a DSpark drafter as published: five layers like the target's, and copies of its embedding and head."""
    layers = states = 5
    weights = layers * layer_weights(target) // target.layers + states * target.width**2
    weights += 2 * target.vocabulary * COMMON
    seen = "README of the DeepSpec source"
    return Drafter(repository, "block", weights, 2 * target.vocabulary * target.width, "MIT", seen, published)


def _tokens(chat: float, code: float) -> str:
    return f"{chat} tokens a pass in chats and {code} in code, published by DeepSeek"


_RED_HAT = "1.5 to 2.5 times as fast, published by Red Hat"
_LLAMA_8B = (_head(LLAMA31_8B, _RED_HAT),)
_QWEN3_4B = (_block(QWEN3_4B, "deepseek-ai/dspark_qwen3_4b_block7", _tokens(3.6, 5.4)),)
_QWEN3_8B = (
    _head(QWEN3_8B, _RED_HAT),
    _block(QWEN3_8B, "deepseek-ai/dspark_qwen3_8b_block7", _tokens(3.7, 5.5)),
)
_QWEN3_14B = (
    _head(QWEN3_14B, _RED_HAT),
    _block(QWEN3_14B, "deepseek-ai/dspark_qwen3_14b_block7", ""),
)
_MADE_FOR: Mapping[str, tuple[Drafter, ...]] = MappingProxyType(
    {  # the same model, whether its files hold 16 bits or 4
        "unsloth/Qwen3-4B-bnb-4bit": _QWEN3_4B,
        "Qwen/Qwen3-4B": _QWEN3_4B,
        "unsloth/Qwen3-8B-bnb-4bit": _QWEN3_8B,
        "Qwen/Qwen3-8B": _QWEN3_8B,
        "unsloth/Qwen3-14B-bnb-4bit": _QWEN3_14B,
        "Qwen/Qwen3-14B": _QWEN3_14B,
        "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit": _LLAMA_8B,
        "meta-llama/Llama-3.1-8B-Instruct": _LLAMA_8B,
    }
)


def drafters_of(repository: str) -> tuple[Drafter, ...]:
    """Return the drafters made for the model of that repository, the best first."""
    return _MADE_FOR.get(repository, ())


def made_for(repository: str) -> frozenset[str]:
    """Return the repositories of the models that the drafter in ``repository`` was made for."""
    return frozenset(
        target for target, made in _MADE_FOR.items() if any(each.repository == repository for each in made)
    )
