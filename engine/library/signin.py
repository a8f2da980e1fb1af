"""The Hub's access token: in the operating system's keyring, or in memory for one run; in no file of ours, no log."""

from __future__ import annotations

import os
import queue
import re
import time
from collections.abc import Iterator

from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.process import Downloader, ask
from engine.library.protocol import DeviceCode, Failure, Order, SignedIn, Told

SERVICE, ENTRY = "Updraft", "huggingface.co"
_TOKEN = re.compile(r"[!-~]+")  # what an HTTP header can carry, without blanks
BEAT = 0.2  # seconds between two steps of a sign-in that waits for its owner
_HERE: dict[str, str] = {}  # a token for this run only, as the keyring would keep it


def token() -> str | None:
    """Return this run's token, the keyring's, or that of HF_TOKEN; None where there is none or the keyring is locked.

    One that has run out counts for nothing: with it the Hub would refuse even what is open to everybody.
    Raises LibraryError (signin) where HF_TOKEN holds what cannot be a token.
    """
    return _current(_HERE.get(ENTRY, "")) or _current(_kept()) or _from_environment()


def _current(kept: str) -> str:
    """Return the token in what is kept, "" for one that has run out or makes no sense."""
    text, _, until = kept.partition(" ")
    try:
        over = bool(until) and float(until) < time.time()
    except ValueError:
        over = True
    return text if _TOKEN.fullmatch(text) and not over else ""


def _kept() -> str:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, ENTRY) or ""
    except KeyringError:
        return ""


def _from_environment() -> str | None:
    text = os.environ.get("HF_TOKEN", "").strip()
    if text and not _TOKEN.fullmatch(text):
        raise LibraryError(
            "signin",
            "HF_TOKEN is set, but what it holds cannot be an access token.",
            "It has a blank, a line end or a letter that no token has. Set it again, or unset it.",
        )
    return text or None


def sign_in(text: str, connection: Connection, *, for_now: bool = False) -> str:
    """Have the Hub check a token, keep it and return its account's name. Blocks.

    It is kept in the keyring, or ``for_now`` in this process only. Raises LibraryError: signin (refused, or no
    keyring to keep it in), network, offline.
    """
    cleaned = text.strip()
    if not cleaned.isascii() or not cleaned.startswith("hf_") or " " in cleaned:
        raise LibraryError(
            "signin", "That is not an access token.", "It begins with hf_; make one on Hugging Face's settings page."
        )
    told = ask(Order("signin", "sign in", token=cleaned), connection)
    if not isinstance(told, SignedIn):
        raise _no_answer()
    keep(cleaned, for_now=for_now)
    return told.account


def sign_in_by_browser(connection: Connection, *, for_now: bool = False) -> Iterator[DeviceCode | SignedIn | None]:
    """Have a sign-in confirmed on the Hub's page; yields None before there is a code, then the code, then the account.

    The token is in the keyring by then, or ``for_now`` only in this process. Closing the iterator ends the sign-in.
    Raises LibraryError as ``sign_in`` does.
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
                keep(told.token, told.seconds, for_now=for_now)
                yield told
                return
            if not isinstance(told, DeviceCode):
                raise told.error() if isinstance(told, Failure) else _no_answer()
            latest = told
            yield told
    finally:
        asked.stop()


def _no_answer() -> LibraryError:
    return LibraryError("signin", "Hugging Face did not say whose token this is.", "Try again.")


def keep(text: str, seconds: float = 0, *, for_now: bool = False) -> None:
    """Put a token into the keyring, good for ``seconds`` (0: for ever); ``for_now`` keeps it in no place but here.

    Raises LibraryError (signin) where the system has none that opens.
    """
    import keyring
    from keyring.errors import KeyringError

    kept = f"{text} {time.time() + seconds:.0f}" if seconds else text
    _HERE.clear()
    if for_now:
        _HERE[ENTRY] = kept
        return
    try:
        keyring.set_password(SERVICE, ENTRY, kept)
        there = keyring.get_password(SERVICE, ENTRY) == kept  # some keep nothing and say nothing
    except KeyringError:
        there = False
    if not there:
        raise LibraryError(
            "signin",
            "This system has no keyring that Updraft could keep the token in.",
            "Use it for this run only, unlock or install a keyring (for example GNOME Keyring), or start Updraft with "
            "HF_TOKEN set.",
        )


def sign_out() -> None:
    """Forget the token; nothing happens where none is kept."""
    import keyring
    from keyring.errors import KeyringError

    _HERE.clear()
    try:
        keyring.delete_password(SERVICE, ENTRY)
    except KeyringError:
        return
