"""What the library holds, read at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.config import ModelSet
from engine.library import Installed, Library, probe


@dataclass(frozen=True, slots=True)
class Listing:
    """What the library holds: ``sets`` by catalogue name or repository, ``unfinished`` as (repository, bytes).

    ``connected`` is False while its drive is away.
    """

    folder: Path
    connected: bool
    models: tuple[Installed, ...]
    sets: Mapping[str, ModelSet]
    unfinished: tuple[tuple[str, int], ...]
    free: int

    @classmethod
    def of(cls, library: Library) -> Listing:
        """Read what ``library`` holds now."""
        return cls(
            folder=library.folder,
            connected=library.connected,
            models=library.models(),
            sets=library.model_sets(),
            unfinished=library.unfinished() if library.connected else (),
            free=probe(library.folder).disk_free,
        )
