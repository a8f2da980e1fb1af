"""Whether the engine can answer."""

from __future__ import annotations

from enum import Enum


class Engine(Enum):
    """How it stands with the models opened last."""

    LOADING = "loading"
    READY = "ready"
    DOWN = "down"
    LENT = "lent"  # unloaded, for something else to have the memory: the next question brings them back
