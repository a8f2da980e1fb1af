"""A snapshot of what the library holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import ModelSet, Role
from engine.errors import UpdraftError
from engine.library import CATALOGUE, Installed, Library, depending_on, drafters_for, if_alone, probe, set_named

CONTEXT = 4096  # tokens of conversation for which it is said how a set runs


@dataclass(frozen=True, slots=True)
class Listing:
    """What the library holds: ``sets`` by catalogue name or repository, ``unfinished`` as (repository, bytes).

    ``connected`` is False while its drive is away. ``lacking`` has the sets of the catalogue of which a model is gone
    or was never fetched, with the repositories that lack; ``notes`` a sentence for every folder that cannot be read.
    """

    folder: Path
    connected: bool
    models: tuple[Installed, ...]
    sets: Mapping[str, ModelSet]
    unfinished: tuple[tuple[str, int], ...]
    free: int
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    larger: Mapping[Path, str] = field(default_factory=dict)

    def find(self, name: str) -> ModelSet | None:
        """Return what ``name`` means, also a model that is offered only as a level of a set, or was renamed."""
        try:
            return set_named(name, self.models)
        except UpdraftError:
            return None

    def needed_by(self, model: Installed) -> tuple[str, ...]:
        """Return the titles of the sets that could no longer be loaded without ``model``."""
        return depending_on(model, self.models)

    def left_of(self, model: Installed) -> tuple[str, ...]:
        """Return what those sets have besides ``model``, by name."""
        titles = self.needed_by(model)
        entries = (entry for entry in CATALOGUE.values() if entry.title in titles)
        levels = {level.repository for entry in entries for level in entry.models.values()}
        ready = (each for each in self.models if each.present and each.whole and each.key != model.key)
        return tuple(each.name for each in ready if each.repository in levels)

    def drafters_for(self, model: Installed) -> dict[Role, Installed]:
        """Return the drafters that guess ahead for ``model``, by role."""
        return drafters_for(model.repository, self.models)

    def served_by(self, drafter: Installed) -> tuple[str, ...]:
        """Return the models that ``drafter`` guesses ahead for: those that are there by name, or else all it serves."""
        here = tuple(each.name for each in self.models if each.repository in drafter.serves)
        return here or drafter.serves

    @classmethod
    def of(cls, library: Library) -> Listing:
        """Read what ``library`` holds now."""
        hardware, sets = probe(library.folder), library.model_sets()
        how = {models.target: if_alone(models, hardware, CONTEXT) for models in sets.values()}
        return cls(
            folder=library.folder,
            connected=library.connected,
            models=library.models(),
            sets=sets,
            unfinished=library.unfinished() if library.connected else (),
            free=hardware.disk_free,
            lacking=library.lacking() if library.connected else {},
            notes=library.unreadable() if library.connected else (),
            larger={target: said for target, said in how.items() if said},
        )
