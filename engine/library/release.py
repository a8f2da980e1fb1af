"""Asks whether a newer version of Updraft exists: only when a person wants to know, and never by itself."""

from __future__ import annotations

import re

from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.process import ask
from engine.library.protocol import Order, Release
from engine.version import VERSION

# Where the newest release is announced, as GitHub and Forgejo announce it: JSON with a tag_name and an html_url. The
# project has no such place yet; without one nobody can ask.
ADDRESS = ""


def newest(connection: Connection, address: str) -> Release | None:
    """Return the newest release where it is newer than this version. Blocks.

    Raises LibraryError: offline, network.
    """
    told = ask(Order("release", address), connection)
    if not isinstance(told, Release):
        raise LibraryError("network", "Updraft's releases could not be looked up.", "Try again later.")
    return told if numbers(told.version) > numbers(VERSION) else None


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version such as v0.10.2, in which a 0 at the end means nothing.

    Raises ValueError for anything else, a version before its release included.
    """
    if not re.fullmatch(r"v?\d{1,9}(\.\d{1,9}){0,3}", version, flags=re.ASCII):
        raise ValueError(f"{version!r} is no version")
    found = [int(number) for number in version.removeprefix("v").split(".")]
    while found and not found[-1]:
        found.pop()
    return tuple(found)
