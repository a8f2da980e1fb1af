"""The numbers of a model that decide how much memory it takes, out of all its config.json says. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from engine.architecture import Architecture, architecture_of, read_architecture
from engine.architecture.form import Form, form_of
from engine.architecture.settings import Settings
from engine.architecture.shape import HEAD, TABLE
from engine.architecture.stored import Kept, kept_in


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes of a decoder-only transformer, all counts; ``context``: the most tokens it can hold.

    ``nf4``, ``fours`` and ``eights``: how many of the layers' weights its files hold as NF4, and in groups at 4 and at
    8 bits; ``table`` and ``head``: in which form they hold embedding and head.
    """

    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool  # the LM head is the embedding
    context: int
    nf4: int = 0
    fours: int = 0
    eights: int = 0
    table: Kept = "16-bit"
    head: Kept = "16-bit"

    @property
    def linears(self) -> int:
        """Weights of the layers' seven matrices, all layers together."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embedding(self) -> int:
        """Weights of the embedding, as many as the LM head has."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights, a tied head counted once; norms and biases (well below 0.1 %) are left out."""
        return self.linears + self.embedding * (1 if self.tied else 2)


def read_dimensions(folder: Path) -> Dimensions:
    """Read the numbers of the checkpoint in ``folder``; raises CheckpointError where the loader would."""
    architecture = read_architecture(folder)
    kept = kept_in(folder)
    counts = Counter[Kept]()
    for name, shape in architecture.tensors().items():
        if name.startswith("model.layers."):
            counts[kept.get(name, "16-bit")] += prod(shape)
    return replace(
        _dimensions(architecture),
        nf4=counts["nf4"],
        fours=counts["4 bits"],
        eights=counts["8 bits"],
        table=kept.get(TABLE, "16-bit"),
        head=kept.get(HEAD, "16-bit"),
    )


def dimensions_of(config: Mapping[str, Any], name: str) -> Dimensions:
    """Read the numbers from a checkpoint's ``config.json``; ``name`` is what an error calls the model.

    Of NF4 all matrices of the layers are taken to be so, of groups none: only their files tell. Raises CheckpointError
    for whatever the loader would refuse, before anything is fetched or copied.
    """
    read = _dimensions(architecture_of(config, name))
    return replace(read, nf4=read.linears) if stored(config, name) == "nf4" else read


def stored(config: Mapping[str, Any], name: str) -> Form:
    """Return how a checkpoint's linears are stored; raises CheckpointError where Updraft cannot read them."""
    return form_of(Settings(config, name))


def _dimensions(architecture: Architecture) -> Dimensions:
    return Dimensions(
        family=architecture.family,
        layers=architecture.layers,
        hidden=architecture.width,
        intermediate=architecture.mlp,
        heads=architecture.heads,
        kv_heads=architecture.kv_heads,
        head_dim=architecture.head_dim,
        vocabulary=architecture.vocabulary,
        tied=architecture.tied_head,
        context=architecture.context,
    )
