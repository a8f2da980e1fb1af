"""Tells whether a drafter's folder suits a model, and as what it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.architecture import Architecture, read_architecture
from engine.architecture.drafters import BlockShape, DrafterShape, ExitsShape, HeadShape, kind_of, read_drafter
from engine.architecture.settings import Settings
from engine.config import Role
from engine.errors import CheckpointError
from engine.files import read_object

ROLES: Mapping[type[DrafterShape], Role] = {HeadShape: "head", BlockShape: "block", ExitsShape: "exits"}


def role_for(drafter: Path, target: Path) -> Role:
    """Return the role of the drafter in one folder for the model in another.

    Raises CheckpointError where it is none, is damaged or not all there, or was made for another model.
    """
    return role_beside(drafter, read_architecture(target))


def role_beside(drafter: Path, target: Architecture) -> Role:
    """Return what role_for does, for a model of that architecture."""
    return ROLES[type(read_drafter(drafter, target))]


def is_drafter(folder: Path) -> bool:
    """Tell whether the config.json in ``folder`` is that of a drafter, whatever it was made for."""
    try:
        return kind_of(Settings(read_object(folder / "config.json"), str(folder))) is not None
    except CheckpointError:
        return False
