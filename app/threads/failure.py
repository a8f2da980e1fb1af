"""What went wrong, as a person reads it: a sentence, a hint, and the buttons that may help. No Qt."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

from engine.errors import CheckpointError, ContextFull, DeviceError, ModelSetError, NoModel, TemplateError, UpdraftError

# What a person can do about a failure; the banner has a button for each.
Remedy = Literal[
    "retry", "trim", "shorten", "new chat", "model", "folder", "data folder", "save again", "make folder", "report",
    "settings", "get", "present",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong and what to do about it, as finished sentences; ``remedies`` get a button each.

    ``kind`` is the error's, as in engine.errors. ``down``: the engine holds no model any more. ``calm``: nothing
    failed, but it should be known.
    """

    sentence: str
    hint: str = ""
    _: KW_ONLY
    remedies: tuple[Remedy, ...] = ()
    kind: str = ""
    down: bool = False
    calm: bool = False

    @classmethod
    def of(cls, error: UpdraftError | OSError, *, down: bool = False) -> Failure:
        """Return what ``error`` says, with the remedies for errors of its type."""
        if isinstance(error, OSError):
            return cls(f"{error.strerror or error}.", "Check the folder and its drive, then try again.")
        found = next((means for type_, means in _REMEDIES if isinstance(error, type_)), ())
        remedies = dict.fromkeys((*found, "retry", "folder") if down else found or ("retry",))
        return cls(error.sentence, error.hint, remedies=tuple(remedies), kind=error.kind, down=down)


_REMEDIES: tuple[tuple[type[UpdraftError], tuple[Remedy, ...]], ...] = (
    (ContextFull, ("trim", "shorten", "new chat")),
    (DeviceError, ("new chat", "model", "retry")),
    (CheckpointError, ("retry", "folder")),
    (NoModel, ("get",)),
    (ModelSetError, ("model",)),
    (TemplateError, ("new chat", "model")),
)
