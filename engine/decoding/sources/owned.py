"""What a source loaded for itself, as the kind of thing that it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from engine.architecture import Architecture
from engine.architecture.drafters import read_drafter
from engine.config import Role
from engine.decoding.sources.making import Own
from engine.errors import CheckpointError

S = TypeVar("S")
T = TypeVar("T", bound=Own)


def shape_of(kind: type[S], folder: Path, target: Architecture, wanted: str) -> S:
    """Return the shape of the drafter in ``folder`` for ``target``; raises CheckpointError where it is not of ``kind``.

    ``wanted``: what it has to be, in a few words.
    """
    shape = read_drafter(folder, target)
    if not isinstance(shape, kind):
        raise CheckpointError(f"{folder} holds no {wanted}.", "Choose one that was made for this model.")
    return shape


def own_of(kind: type[T], own: Mapping[Role, Own], role: Role) -> T:
    """Return what was loaded for ``role``, which is of ``kind``."""
    found = own[role]
    if not isinstance(found, kind):
        raise TypeError(f"{found} is no {kind.__name__}")
    return found
