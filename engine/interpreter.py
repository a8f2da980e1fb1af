"""This very Python once more, for a process of our own: as shut off from a person's packages and folder as this one."""

from __future__ import annotations

import sys


def python(*words: str) -> list[str]:
    """Return the command that runs this interpreter with ``words``, isolated and leaving no bytecode where this one is.

    Python does not hand such options on: without them what a bundle starts would import a person's own torch.
    """
    flags = sys.flags
    path = "-I" if flags.isolated else "-P" if flags.safe_path else None
    bytecode = "-B" if flags.dont_write_bytecode else None
    return [sys.executable, *(option for option in (path, bytecode) if option is not None), *words]
