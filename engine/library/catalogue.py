"""The model sets Updraft knows by name: all levels of a hierarchy together, as data.

The Hub could not be asked when this list was written; ``seen`` says where each name was found instead. A name that is
wrong after all ends in a sentence when it is asked for. Sizes are computed from the architecture; the exact ones come
from the Hub before a download starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from engine.architecture import Architecture
from engine.config import Role
from engine.dimensions import Dimensions, as_nf4, held_in, layer_weights
from engine.library.drafters import Drafter, drafters_of
from engine.library.shapes import (
    CODELLAMA_7B,
    LLAMA2_7B,
    LLAMA3_8B,
    LLAMA31_8B,
    LLAMA32_1B,
    LLAMA32_3B,
    LLAMA33_70B,
    QWEN3_06B,
    QWEN3_4B,
    QWEN3_8B,
    QWEN3_14B,
    QWEN3_17B,
    QWEN3_32B,
    QWEN25_05B,
    QWEN25_7B,
    QWEN25_15B,
    SMOLLM2_17B,
    SMOLLM2_135M,
    SMOLLM2_360M,
)

Form = Literal["16-bit", "nf4"]
NESTED = 0.5 + 1 / 64 + 4 / (64 * 256)  # bytes a weight on disk: NF4 whose scales are quantised to 8 bits in turn
BESIDES = 12 << 20  # tokenizer, configuration, licence and card


@dataclass(frozen=True, slots=True)
class Listed:
    """One checkpoint of the catalogue: its repository on the Hub and what is known of it beforehand."""

    repository: str
    dimensions: Dimensions
    form: Form
    licence: str
    seen: str
    gated: bool = False

    @property
    def download(self) -> int:
        """The size of the download in bytes, computed (within 2 % where the checkpoint is what it says)."""
        d = self.dimensions
        linear = NESTED if self.form == "nf4" else 2
        return round(layer_weights(d.architecture) * linear) + d.embedding * (4 if d.own_head else 2) + BESIDES


@dataclass(frozen=True, slots=True)
class CatalogueSet:
    """A hierarchy's models by role, with what a person needs to choose; it is whole without its ``drafters``."""

    name: str
    title: str
    good_for: str
    presets: tuple[str, ...]
    models: Mapping[Role, Listed]
    chats: bool = True  # False for models that only continue a text

    @property
    def drafters(self) -> tuple[Drafter, ...]:
        """What can guess ahead for its target besides, the best first."""
        return drafters_of(self.models["target"].repository)

    @property
    def download(self) -> int:
        """The bytes to download for all levels."""
        return sum(model.download for model in self.models.values())

    @property
    def gated(self) -> bool:
        """True when at least one model asks for a sign-in and an accepted licence."""
        return any(model.gated for model in self.models.values())

    @property
    def licences(self) -> tuple[str, ...]:
        """The licences of the models, each once."""
        return tuple(dict.fromkeys(model.licence for model in self.models.values()))

    @property
    def dimensions(self) -> tuple[Dimensions, ...]:
        """The dimensions of the levels, the target's first."""
        return tuple(model.dimensions for model in self.models.values())


_TABLE = "model table in the Unsloth source"
_CARD = "model card in public documentation"
_LAYERSKIP = "README of the LayerSkip source"
_APACHE, _LLAMA31, _LLAMA32, _FAIR = (
    "Apache 2.0",
    "Llama 3.1 Community",
    "Llama 3.2 Community",
    "FAIR Noncommercial Research",
)


def _nf4(name: str, architecture: Architecture, licence: str = _APACHE) -> Listed:
    return Listed(f"unsloth/{name}-bnb-4bit", as_nf4(architecture), "nf4", licence, _TABLE)


def _original(repository: str, architecture: Architecture, licence: str = _APACHE, gated: bool = False) -> Listed:
    return Listed(repository, held_in(architecture, ()), "16-bit", licence, _CARD, gated)


def _early_exit(name: str, architecture: Architecture) -> Listed:
    dimensions = held_in(architecture, ())
    return Listed(f"facebook/layerskip-{name}", dimensions, "16-bit", _FAIR, _LAYERSKIP, gated=True)


_THREE = ("hsd", "draft", "pyramid", "lookup")
_HEAD, _BLOCK = ("head", *_THREE), ("block", *_THREE)
_DRAFTERS = ("block", "head", *_THREE)  # a block first: of what is published its guesses stand most often
_TWO = ("draft", "lookup")
_EXITS = ("hispec", "lookup")

CATALOGUE: Mapping[str, CatalogueSet] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            CatalogueSet(
                "smollm2",
                "SmolLM2 1.7B",
                "Small machines and a first try: quick to fetch, runs without a GPU, simple answers.",
                _THREE,
                {
                    "target": _original("HuggingFaceTB/SmolLM2-1.7B-Instruct", SMOLLM2_17B),
                    "qualifier": _original("HuggingFaceTB/SmolLM2-360M-Instruct", SMOLLM2_360M),
                    "draft": _original("HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2_135M),
                },
            ),
            CatalogueSet(
                "smollm2-360m",
                "SmolLM2 360M",
                "For 8 GB of memory without a GPU: very quick, short and simple answers.",
                _TWO,
                {
                    "target": _original("HuggingFaceTB/SmolLM2-360M-Instruct", SMOLLM2_360M),
                    "draft": _original("HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2_135M),
                },
            ),
            CatalogueSet(
                "smollm2-135m",
                "SmolLM2 135M",
                "The smallest real chat model: fits nearly everywhere, often wrong.",
                ("lookup",),
                {"target": _original("HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2_135M)},
            ),
            CatalogueSet(
                "qwen3-4b",
                "Qwen3 4B",
                "Good answers in many languages on a modest GPU. Compressed to 4 bits, a quarter of the size.",
                _BLOCK,
                {
                    "target": _nf4("Qwen3-4B", QWEN3_4B),
                    "qualifier": _nf4("Qwen3-1.7B", QWEN3_17B),
                    "draft": _nf4("Qwen3-0.6B", QWEN3_06B),
                },
            ),
            CatalogueSet(
                "qwen3-8b",
                "Qwen3 8B",
                "The all-rounder: reasoning, code, many languages. Compressed to 4 bits, a quarter of the size.",
                _DRAFTERS,
                {
                    "target": _nf4("Qwen3-8B", QWEN3_8B),
                    "qualifier": _nf4("Qwen3-1.7B", QWEN3_17B),
                    "draft": _nf4("Qwen3-0.6B", QWEN3_06B),
                },
            ),
            CatalogueSet(
                "qwen3-8b-original",
                "Qwen3 8B, original weights",
                "The same models uncompressed from their makers: a larger download that is compressed on a GPU.",
                _DRAFTERS,
                {
                    "target": _original("Qwen/Qwen3-8B", QWEN3_8B),
                    "qualifier": _original("Qwen/Qwen3-1.7B", QWEN3_17B),
                    "draft": _original("Qwen/Qwen3-0.6B", QWEN3_06B),
                },
            ),
            CatalogueSet(
                "qwen3-14b",
                "Qwen3 14B",
                "Better answers, for a 16 GB GPU. Compressed to 4 bits, a quarter of the size.",
                _DRAFTERS,
                {
                    "target": _nf4("Qwen3-14B", QWEN3_14B),
                    "qualifier": _nf4("Qwen3-4B", QWEN3_4B),
                    "draft": _nf4("Qwen3-0.6B", QWEN3_06B),
                },
            ),
            CatalogueSet(
                "qwen3-32b",
                "Qwen3 32B",
                "For a 24 GB GPU, or slowly for a smaller one with 32 GB of memory beside it. Compressed to 4 bits.",
                _THREE,
                {
                    "target": _nf4("Qwen3-32B", QWEN3_32B),
                    "qualifier": _nf4("Qwen3-1.7B", QWEN3_17B),
                    "draft": _nf4("Qwen3-0.6B", QWEN3_06B),
                },
            ),
            CatalogueSet(
                "qwen2.5-7b",
                "Qwen2.5 7B",
                "Direct answers without a thinking phase. Compressed to 4 bits, a quarter of the size.",
                _THREE,
                {
                    "target": _nf4("Qwen2.5-7B-Instruct", QWEN25_7B),
                    "qualifier": _nf4("Qwen2.5-1.5B-Instruct", QWEN25_15B),
                    "draft": _nf4("Qwen2.5-0.5B-Instruct", QWEN25_05B),
                },
            ),
            CatalogueSet(
                "llama-8b-nf4",
                "Llama 3.1 8B, 4 bits",
                "Llama in three sizes, made for each other. Compressed to 4 bits; needs no sign-in.",
                _HEAD,
                {
                    "target": _nf4("Meta-Llama-3.1-8B-Instruct", LLAMA31_8B, _LLAMA31),
                    "qualifier": _nf4("Llama-3.2-3B-Instruct", LLAMA32_3B, _LLAMA32),
                    "draft": _nf4("Llama-3.2-1B-Instruct", LLAMA32_1B, _LLAMA32),
                },
            ),
            CatalogueSet(
                "llama-70b",
                "Llama 3.3 70B, 4 bits",
                "The best answers, slowly: for a GPU of 16 GB or more and 64 GB of memory beside it. Needs no sign-in.",
                _THREE,
                {
                    "target": _nf4("Llama-3.3-70B-Instruct", LLAMA33_70B, "Llama 3.3 Community"),
                    "qualifier": _nf4("Meta-Llama-3.1-8B-Instruct", LLAMA31_8B, _LLAMA31),
                    "draft": _nf4("Llama-3.2-1B-Instruct", LLAMA32_1B, _LLAMA32),
                },
            ),
            CatalogueSet(
                "llama-8b",
                "Llama 3.1 8B, original weights",
                "The same models uncompressed from their makers, who ask for a sign-in.",
                _HEAD,
                {
                    "target": _original("meta-llama/Llama-3.1-8B-Instruct", LLAMA31_8B, _LLAMA31, gated=True),
                    "qualifier": _original("meta-llama/Llama-3.2-3B-Instruct", LLAMA32_3B, _LLAMA32, gated=True),
                    "draft": _original("meta-llama/Llama-3.2-1B-Instruct", LLAMA32_1B, _LLAMA32, gated=True),
                },
            ),
            CatalogueSet(
                "layerskip-1b",
                "LayerSkip Llama 3.2 1B",
                "For studying a model whose first layers guess ahead (HiSpec). It continues text, it does not chat.",
                _EXITS,
                {"target": _early_exit("llama3.2-1B", LLAMA32_1B)},
                chats=False,
            ),
            CatalogueSet(
                "layerskip-8b",
                "LayerSkip Llama 3 8B",
                "The same at 8 billion parameters, as in the paper on HiSpec. It continues text, it does not chat.",
                _EXITS,
                {"target": _early_exit("llama3-8B", LLAMA3_8B)},
                chats=False,
            ),
            CatalogueSet(
                "layerskip-7b",
                "LayerSkip Llama 2 7B",
                "The same with a small vocabulary, which makes guessing ahead cheap. It continues text, too.",
                _EXITS,
                {"target": _early_exit("llama2-7B", LLAMA2_7B)},
                chats=False,
            ),
            CatalogueSet(
                "layerskip-code-7b",
                "LayerSkip CodeLlama 7B",
                "The same for code, which is easy to guess ahead. It continues text, too.",
                _EXITS,
                {"target": _early_exit("codellama-7B", CODELLAMA_7B)},
                chats=False,
            ),
        )
    }
)
