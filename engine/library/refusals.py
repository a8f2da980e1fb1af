"""What Hugging Face refuses and what goes wrong on the way there, said in sentences a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)
from huggingface_hub.errors import HTTPError as NetworkError  # type: ignore[attr-defined] # httpx's or httpx2's

from engine.library.checkpoint_files import not_a_checkpoint
from engine.library.faults import LibraryError
from engine.library.fetch import STRANGE, RangeRefused, Transient


@contextmanager
def in_words(repository: str, *, signed_in: bool) -> Iterator[None]:
    """Raise what the library's client raises as Transient, for trouble that may pass, or as LibraryError."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise LibraryError(
            "offline",
            "Updraft is offline.",
            "Switch off “Stay offline” in Settings > Network, or unset HF_HUB_OFFLINE.",
        ) from error
    except GatedRepoError as error:  # before its parent, RepositoryNotFoundError
        raise _gated(repository, signed_in) from error
    except (RevisionNotFoundError, EntryNotFoundError) as error:
        raise LibraryError(
            "missing",
            f"This version of {repository} is no longer on Hugging Face.",
            "The present version can be had instead; files that are equal are not fetched again.",
        ) from error
    except RepositoryNotFoundError as error:
        raise _missing(repository, signed_in) from error
    except HFValidationError as error:
        raise _missing(repository, signed_in=True) from error
    except SafetensorsParsingError as error:
        raise not_a_checkpoint(repository, "has weights that are not in the safetensors format") from error
    except HfHubHTTPError as error:
        raise _refused(error, repository, signed_in) from error
    except NetworkError as error:
        raise Transient(_network(error)) from error
    except ValueError as error:  # HTML, where the client expected JSON
        raise Transient(STRANGE) from error


def _gated(repository: str, signed_in: bool) -> LibraryError:
    if signed_in:
        return LibraryError(
            "licence",
            f"Your account has no access to {repository} yet.",
            "Open the model's page, accept its licence, and wait for the approval if it asks for one.",
        )
    return LibraryError(
        "signin",
        f"{repository} asks for a sign-in.",
        "Accept the licence on the model's page, then sign in.",
    )


def _missing(repository: str, signed_in: bool) -> LibraryError:
    if signed_in:
        return LibraryError(
            "missing",
            f"Hugging Face has no model named “{repository}”.",
            "Check the spelling: owner/name, as in its address.",
        )
    return LibraryError(
        "missing",
        f"Hugging Face shows no model named “{repository}” without a sign-in.",
        "Check the spelling, or sign in if the model is private.",
    )


def _refused(error: HfHubHTTPError, repository: str, signed_in: bool) -> Exception:
    status = error.response.status_code
    if status == 416:
        return RangeRefused(f"The server has no more of this file of {repository}")
    if status in {408, 429} or status >= 500:
        trouble = "asks for fewer requests" if status == 429 else f"has trouble of its own ({status})"
        reason = f"Hugging Face {trouble}"
        return Transient(reason, _wait(error.response.headers))
    if status == 401:
        rejected = "Hugging Face did not accept the access token" if signed_in else f"{repository} asks for a sign-in"
        return LibraryError("signin", f"{rejected}.", "Sign in with a token made on Hugging Face's settings page.")
    if status == 403:
        return LibraryError(
            "licence",
            f"The access token may not read {repository}.",
            "Give the token the permission to read gated repositories, or use another one.",
        )
    return LibraryError("missing", f"Hugging Face refused {repository} ({status}).", "Try again later.")


def _wait(headers: Any) -> float | None:
    value = str(headers.get("Retry-After", "")).strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _network(error: Exception) -> str:
    name = type(error).__name__
    if "Timeout" in name:
        return "Nothing has arrived for a while"
    if name == "ProxyError":
        return "The proxy does not let Updraft through"
    if "certificate" in str(error).lower():
        return "The connection is not secure: a certificate could not be checked"
    astray = name == "RemoteProtocolError" and "location" in str(error)
    if astray or name in {"UnsupportedProtocol", "TooManyRedirects", "InvalidURL"}:
        return "Hugging Face sends Updraft on to an address that leads nowhere"
    if name == "ConnectError":
        return "There is no connection to Hugging Face"
    return "The connection was cut"
