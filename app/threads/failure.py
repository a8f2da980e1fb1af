"""What went wrong, as a person reads it: a sentence, a hint, and the buttons that may help. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import CheckpointError, ContextFull, DeviceError, ModelSetError, TemplateError, UpdraftError

# What a person can do about a failure; the banner has a button for each.
Remedy = Literal[
    "retry", "trim", "shorten", "new chat", "model", "folder", "data folder", "save again", "make folder", "report",
    "settings", "get", "present",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as finished sentences, and what can be done. ``down``: the engine holds no model any more.

    ``calm``: nothing failed, but it should be known.
    """

    sentence: str
    hint: str
    down: bool = False
    remedies: tuple[Remedy, ...] = ("retry",)
    calm: bool = False

    @classmethod
    def of(cls, error: UpdraftError, *, down: bool = False) -> Failure:
        """Return what ``error`` says, with the remedies for errors of its kind."""
        found = next((means for kind, means in _REMEDIES if isinstance(error, kind)), ())
        remedies = dict.fromkeys((*found, "retry", "folder") if down else found or ("retry",))
        return cls(error.sentence, error.hint, down, tuple(remedies))


_REMEDIES: tuple[tuple[type[UpdraftError], tuple[Remedy, ...]], ...] = (
    (ContextFull, ("trim", "shorten", "new chat")),
    (DeviceError, ("new chat", "model", "retry")),
    (CheckpointError, ("retry", "folder")),
    (ModelSetError, ("model",)),
    (TemplateError, ("new chat", "model")),
)
