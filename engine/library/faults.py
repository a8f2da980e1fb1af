"""The error of the model library, with a kind that a window can pair with a button."""

from __future__ import annotations

from typing import Literal

from engine.errors import UpdraftError

Kind = Literal[
    "offline",  # the offline switch is on: offer to switch it off
    "network",  # nothing answers: offer to try again
    "signin",  # no token, or one the Hub does not accept: offer to sign in
    "licence",  # gated: offer the model page
    "missing",  # no such model or version: offer the search box
    "unsupported",  # an architecture or a format Updraft does not run
    "vocabulary",  # the levels of a set do not belong together
    "space",  # the disk is full: offer another folder
    "damaged",  # bytes that do not hash to what was promised
    "folder",  # a folder is missing or cannot be written
    "busy",  # another Updraft is at it
]


class LibraryError(UpdraftError):
    """The model library could not do what was asked; ``kind`` says why."""

    def __init__(self, kind: Kind, sentence: str, hint: str) -> None:
        super().__init__(sentence, hint)
        self.kind: Kind = kind
