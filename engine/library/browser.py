"""Signing in with a browser: the Hub's device code (RFC 8628), confirmed by its owner on the Hub's own page.

Only the downloader process imports this. The client library has the steps, but in public only one function that prints
them and keeps the token in a file; so its parts are called here, and a version without them is told to paste a token.
"""

from __future__ import annotations

from collections.abc import Callable

from huggingface_hub.errors import HTTPError as NetworkError  # type: ignore[attr-defined] # httpx's or httpx2's

from engine.library.faults import LibraryError
from engine.library.hub import Hub
from engine.library.protocol import DeviceCode, SignedIn


def confirmed(tell: Callable[[DeviceCode], None], silence: float) -> SignedIn:
    """Tell the code to be confirmed, wait until it is, and return whose token the Hub made for it.

    Raises LibraryError: signin (refused, run out, not offered) or network; Transient while the Hub cannot be reached.
    """
    try:
        from huggingface_hub.errors import DeviceCodeError
        from huggingface_hub.utils._oauth_device import poll_device_token, request_device_code
    except ImportError as error:
        raise LibraryError(
            "signin", "The installed client of the Hub has no sign-in by browser.", "Paste an access token instead."
        ) from error
    try:
        asked = request_device_code()
        tell(DeviceCode(asked["verification_uri_complete"], asked["user_code"], asked["expires_in"]))
        given = poll_device_token(asked)
    except DeviceCodeError as error:
        if isinstance(error.__cause__, NetworkError):
            raise LibraryError(
                "network", "Hugging Face does not answer to a sign-in by browser.", "Try again, or paste a token."
            ) from error
        raise LibraryError(
            "signin", "The sign-in was not confirmed on Hugging Face's page.", "Try again, or paste an access token."
        ) from error
    token = given["access_token"]
    return SignedIn(Hub(token, silence).account(), token, given.get("expires_in", 0))
