"""The Hub's access token: kept in the operating system's keyring, in no file and no log."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator

from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.process import Downloader, ask
from engine.library.protocol import DeviceCode, Failure, Order, SignedIn, Told

SERVICE, ENTRY = "Updraft", "huggingface.co"
BEAT = 0.2  # seconds between two steps of a sign-in that waits for its owner


def token() -> str | None:
    """Return the token of the keyring, or of HF_TOKEN; None where there is none or the keyring is locked.

    One that has run out counts for nothing: with it the Hub would refuse even what is open to everybody.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        kept = keyring.get_password(SERVICE, ENTRY)
    except KeyringError:
        kept = None
    text, _, until = (kept or "").partition(" ")
    if until and float(until) < time.time():
        text = ""
    return text or os.environ.get("HF_TOKEN") or None


def sign_in(text: str, connection: Connection) -> str:
    """Have the Hub check a token, keep it in the keyring and return its account's name. Blocks.

    Raises LibraryError: signin (refused, or no keyring to keep it in), network, offline.
    """
    cleaned = text.strip()
    if not cleaned.isascii() or not cleaned.startswith("hf_") or " " in cleaned:
        raise LibraryError(
            "signin", "That is not an access token.", "A token begins with hf_; make one on the Hub's settings page."
        )
    told = ask(Order("signin", "sign in", token=cleaned), connection)
    if not isinstance(told, SignedIn):
        raise _no_answer()
    keep(cleaned)
    return told.account


def sign_in_by_browser(connection: Connection) -> Iterator[DeviceCode | SignedIn | None]:
    """Have a sign-in confirmed on the Hub's page; yields None before there is a code, then the code, then the account.

    The token is in the keyring by then. Closing the iterator ends the sign-in. Raises LibraryError as ``sign_in`` does.
    """
    heard: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
    asked = Downloader(Order("browser", "sign in"), connection, heard.put, lambda _: heard.put(None))
    latest: DeviceCode | None = None
    try:
        while True:
            try:
                told = heard.get(timeout=BEAT)
            except queue.Empty:
                yield latest  # so that it can be stopped meanwhile
                continue
            if isinstance(told, SignedIn):
                keep(told.token, told.seconds)
                yield told
                return
            if not isinstance(told, DeviceCode):
                raise told.error() if isinstance(told, Failure) else _no_answer()
            latest = told
            yield told
    finally:
        asked.stop()


def _no_answer() -> LibraryError:
    return LibraryError("signin", "The Hub did not say whose token this is.", "Try again.")


def keep(text: str, seconds: float = 0) -> None:
    """Put a token into the keyring, good for ``seconds`` (0: for ever).

    Raises LibraryError (signin) where the system has none that opens.
    """
    import keyring
    from keyring.errors import KeyringError

    kept = f"{text} {time.time() + seconds:.0f}" if seconds else text
    try:
        keyring.set_password(SERVICE, ENTRY, kept)
        there = keyring.get_password(SERVICE, ENTRY) == kept  # some keep nothing and say nothing
    except KeyringError:
        there = False
    if not there:
        raise LibraryError(
            "signin",
            "This system has no keyring that Updraft could keep the token in.",
            "Unlock or install one (for example GNOME Keyring), or start Updraft with HF_TOKEN set.",
        )


def sign_out() -> None:
    """Forget the token; nothing happens where none is kept."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, ENTRY)
    except KeyringError:
        return
