"""What a family of models says of itself: how its config.json is read, and how GGUF files hold it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture


@dataclass(frozen=True, slots=True)
class GgufTraits:
    """How GGUF files that name this family hold its models.

    ``config`` returns the entries of a config.json that only the family's own code knows, model_type among them; it is
    given the matrices of a layer that have a bias, by their names in the file, and the sliding window. ``paired``: the
    two numbers of a head that are turned together lie beside each other. ``splitting``: how text is split where an old
    file does not say, "" where that cannot be known.
    """

    config: Callable[[Collection[str], int | None], Mapping[str, Any]]
    paired: bool = False
    splitting: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A family by its ``name``, the model_type of its files; ``class_name`` as transformers' classes begin.

    ``read`` raises CheckpointError for what Updraft does not run. ``gguf``: None where GGUF files never name it.
    """

    name: str
    class_name: str
    read: Callable[[Settings], Architecture]
    gguf: GgufTraits | None = None
