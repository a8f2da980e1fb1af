"""What went wrong with models on disk or on their way there, in words a person can act on."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import UpdraftError
from engine.library import LibraryError


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, as finished sentences; ``kind`` as in LibraryError, or empty."""

    sentence: str
    hint: str = ""
    kind: str = ""

    @classmethod
    def of(cls, error: UpdraftError | OSError) -> Trouble:
        """Return what ``error`` says, of a disk's also what may help."""
        if isinstance(error, OSError):
            return cls(f"{error.strerror or error}.", "Check the folder and its drive, then try again.")
        return cls(error.sentence, error.hint, error.kind if isinstance(error, LibraryError) else "")
