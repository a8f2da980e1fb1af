"""Reads which release of Updraft is the newest, where it is announced. Only the downloader process imports this."""

from __future__ import annotations

from huggingface_hub import get_session
from huggingface_hub.errors import HTTPError as NetworkError  # type: ignore[attr-defined] # httpx's or httpx2's

from engine.library.faults import LibraryError
from engine.library.fetch import Transient
from engine.library.protocol import Release
from engine.library.reach import Guard
from engine.library.release import numbers

LONG = 4  # times the longest silence: how long the answer may take in all


def announced(address: str, silence: float) -> Release:
    """Return the release that the document at ``address`` names; it is told nothing about this computer.

    Raises LibraryError (network) where nothing answers there, or something else does.
    """
    client = get_session()
    client.timeout = silence
    Guard(address, LONG * silence).watch(client)
    try:
        answer = client.get(address, headers={"Accept": "application/json", "User-Agent": "Updraft"})
        answer.raise_for_status()
        told = answer.json()
        version, page = str(told["tag_name"]), str(told["html_url"])
        numbers(version)
    except (NetworkError, Transient, ValueError, LookupError, TypeError) as error:
        raise LibraryError(
            "network",
            "The place where Updraft's releases are announced does not answer as it should.",
            "Check the connection and try again later.",
        ) from error
    if not page.startswith("https://"):
        page = ""
    return Release(version.removeprefix("v"), page)
