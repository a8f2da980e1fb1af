"""Describes what decides how much memory a model takes: its architecture, and how its files hold it. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from engine.architecture import Architecture, architecture_of, read_architecture
from engine.architecture.form import Form, form_of
from engine.architecture.settings import Settings
from engine.architecture.shape import HEAD, TABLE
from engine.architecture.stored import Kept, kept_as, names_in
from engine.errors import CheckpointError
from engine.files import read_value

DRAFT_VOCABULARY = "draft_vocabulary.json"  # beside the weights: a list of token ids


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A model as its files hold it: ``kept`` names the form of every matrix of fewer than 16 bits.

    ``own_head``: they hold a head beside the embedding; tools write out tied ones, too. ``frequent``: the tokens of its
    own draft vocabulary, 0 where it has none.
    """

    architecture: Architecture
    kept: frozenset[tuple[str, Kept]] = frozenset()
    own_head: bool = False
    frequent: int = 0

    @property
    def context(self) -> int:
        """The most tokens the model can hold."""
        return self.architecture.context

    @property
    def parameters(self) -> int:
        """All weights, a tied head counted once."""
        return self.architecture.parameters

    @property
    def embedding(self) -> int:
        """Weights of the embedding, as many as the LM head has."""
        return self.architecture.vocabulary * self.architecture.width

    def reaching(self, context: int) -> Dimensions:
        """Return the same for as many tokens as ``context``."""
        return replace(self, architecture=replace(self.architecture, context=context))

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by its name."""
        shapes = self.architecture.tensors()
        return {**shapes, HEAD: shapes[TABLE]} if self.own_head else shapes


def held_in(architecture: Architecture, names: Collection[str]) -> Dimensions:
    """Return the dimensions of a model whose files hold the tensors ``names``."""
    return Dimensions(
        architecture, frozenset(kept_as(names).items()), own_head=not architecture.tied_head or HEAD in names
    )


def read_dimensions(folder: Path) -> Dimensions:
    """Read the checkpoint in ``folder``; raises CheckpointError where the loader would."""
    return replace(held_in(read_architecture(folder), names_in(folder)), frequent=_frequent(folder))


def _frequent(folder: Path) -> int:
    """Return how many tokens the draft vocabulary in ``folder`` lists; what is wrong with one is said when it loads."""
    try:
        listed = read_value(folder / DRAFT_VOCABULARY)
    except (CheckpointError, OSError, ValueError):
        return 0
    return len(listed) if isinstance(listed, list) else 0


def dimensions_of(config: Mapping[str, Any], name: str) -> Dimensions:
    """Read a checkpoint's ``config.json``; ``name`` is what an error calls the model.

    Of NF4 all matrices of the layers are taken to be so, of groups none: only their files tell. Raises CheckpointError
    for whatever the loader would refuse, before anything is fetched or copied.
    """
    architecture = architecture_of(config, name)
    return as_nf4(architecture) if form_in(config, name) == "nf4" else held_in(architecture, ())


def as_nf4(architecture: Architecture) -> Dimensions:
    """Return the dimensions of a model all of whose layers are stored as NF4."""
    matrices = (name for name, shape in architecture.tensors().items() if len(shape) == 2)
    kept: frozenset[tuple[str, Kept]] = frozenset((name, "nf4") for name in matrices if name not in (TABLE, HEAD))
    return Dimensions(architecture, kept, own_head=not architecture.tied_head)


def layer_weights(architecture: Architecture) -> int:
    """Return the weights of the matrices of all layers."""
    tensors = architecture.parts.tensors().values()
    return architecture.layers * sum(prod(shape) for shape in tensors if len(shape) == 2)


def form_in(config: Mapping[str, Any], name: str) -> Form:
    """Return how a checkpoint's linears are stored; raises CheckpointError where Updraft cannot read them."""
    return form_of(Settings(config, name))
