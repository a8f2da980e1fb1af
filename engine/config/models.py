"""Sets of models: which folder holds which, and how a folder is read as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.config.sources import DRAFTERS, INNER, TARGET, Role

if TYPE_CHECKING:
    from engine.config import Preset


@dataclass(frozen=True, slots=True)
class ModelSet:
    """Models that share one vocabulary: the folder of each, by role. There is always a target."""

    name: str
    models: Mapping[Role, Path]

    def __post_init__(self) -> None:
        if TARGET not in self.models:
            raise ValueError(f"the set {self.name} has no target")
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))  # it is frozen

    @classmethod
    def alone(cls, name: str, folder: Path) -> ModelSet:
        """Return the set that the model in ``folder`` is by itself."""
        return cls(name, {TARGET: folder})

    def __hash__(self) -> int:
        return hash((self.name, frozenset(self.models.items())))

    @property
    def target(self) -> Path:
        """Where the model lies whose answers these are."""
        return self.models[TARGET]

    @property
    def smaller(self) -> frozenset[Role]:
        """The roles of its models beside the target that are models by themselves."""
        return frozenset(self.models) - {TARGET} - DRAFTERS - INNER.keys()

    def runs(self, preset: Preset) -> bool:
        """Tell whether the set has every model ``preset`` needs."""
        return preset.roles <= self.models.keys()


def holds_model(folder: Path) -> bool:
    """Tell whether ``folder`` looks like one with a model in it."""
    try:
        return (folder / "config.json").is_file() or (folder / TARGET).is_dir()
    except OSError:
        return False


def models_in(folder: Path) -> ModelSet:
    """Read ``folder`` as a model set: subfolders named by role, or one checkpoint that becomes the target.

    Drafters that lie in the checkpoint's own folder go with it.
    """
    inside = {config.parent.name: config.parent for config in sorted(folder.glob("*/config.json"))}
    if (folder / TARGET).is_dir():
        return ModelSet(folder.name, {TARGET: folder / TARGET} | inside)
    return ModelSet(folder.name, {TARGET: folder} | {role: inside[role] for role in sorted(inside.keys() & DRAFTERS)})
