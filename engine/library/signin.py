"""The Hub's access token: kept in the operating system's keyring, in no file and no log."""

from __future__ import annotations

import os

from engine.library.connection import Connection
from engine.library.faults import LibraryError
from engine.library.process import ask
from engine.library.protocol import Order, SignedIn

SERVICE, ENTRY = "Updraft", "huggingface.co"


def token() -> str | None:
    """Return the token of the keyring, or of HF_TOKEN; None where there is none or the keyring is locked."""
    import keyring
    from keyring.errors import KeyringError

    try:
        kept = keyring.get_password(SERVICE, ENTRY)
    except KeyringError:
        kept = None
    return kept or os.environ.get("HF_TOKEN") or None


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
        raise LibraryError("signin", "The Hub did not say whose token this is.", "Try again.")
    keep(cleaned)
    return told.account


def keep(text: str) -> None:
    """Put a token into the keyring; raises LibraryError (signin) where the system has none that opens."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, ENTRY, text)
    except KeyringError as error:
        raise LibraryError(
            "signin",
            "This system has no keyring that Updraft could keep the token in.",
            "Unlock or install one (for example GNOME Keyring), or start Updraft with HF_TOKEN set.",
        ) from error


def sign_out() -> None:
    """Forget the token; nothing happens where none is kept."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, ENTRY)
    except KeyringError:
        return
