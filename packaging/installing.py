"""Runs the commands that install Updraft, and says in a sentence what their failures mean. Standard library only."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from locked import pinned

ROOT = Path(__file__).resolve().parent.parent
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
TORCH = pinned(ROOT, "torch") or "torch"  # a checkout without its lock file is refused where one installs
INDEX = "UPDRAFT_TORCH_INDEX"


class SetupFailed(Exception):  # noqa: N818 - engine.errors' shape, which cannot be imported before anything is installed
    """A foreseen failure: ``sentence`` says what happened, ``hint`` what to do about it."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


def carry_out(command: Sequence[str], sentence: str) -> None:
    """Run ``command`` to its end; raises SetupFailed, with ``sentence`` unless its messages tell more.

    Its output, progress bars included, goes straight to the terminal; its errors are shown and kept.
    """
    messages: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=clean_variables(),
    ) as process:
        assert process.stderr is not None  # noqa: S101 - it was asked for
        try:
            for line in process.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                messages.append(line)
        except KeyboardInterrupt:  # the terminal told the command too: let it tidy up
            process.wait()
            raise
    if process.returncode != 0:
        raise diagnosis("".join(messages), sentence)


def clean_variables() -> dict[str, str]:
    """Return this process's variables without those that make a Python look elsewhere for packages or compiled ones.

    pip compiles nothing (preparing.py): a Python that may not keep what it compiles would compile torch at each start,
    for 5 s in place of 2, and the tests start dozens.
    """
    foreign = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    variables = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**variables, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}


CAUSES = (
    (
        ("No space left on device", "Errno 28", "not enough space on the disk", "Disk quota exceeded"),
        "The disk is full.",
        "Free some space, also where temporary files go (about 3 GB for the CPU, 12 GB for an NVIDIA GPU), "
        "and run the same command again: it goes on where it stopped.",
    ),
    (
        ("SSLError", "CERTIFICATE_VERIFY_FAILED"),
        "The package index could not be trusted: its certificate was refused.",
        "Check the computer's clock; behind a company's proxy, tell pip about its certificate: "
        "pip config set global.cert FILE.",
    ),
    (
        (
            "NewConnectionError",
            "ConnectTimeoutError",
            "ProxyError",
            "NameResolutionError",
            "ConnectionResetError",
            "Temporary failure in name resolution",
            "getaddrinfo failed",
            "Network is unreachable",
            "Connection refused",
            "Read timed out",
            "IncompleteRead",
        ),
        "The package index could not be reached.",
        "Connect to the internet (only installing needs it), check the proxy settings, "
        "and run the same command again: it goes on where it stopped.",
    ),
    (
        (f"No matching distribution found for {TORCH}",),
        f"There is no {TORCH} for this computer's Python {PYTHON}.",
        "Use a 64-bit Python 3.11 or 3.12 on Linux, Windows or a Mac with Apple silicon; "
        f"if {INDEX} is set, see that its address is right.",
    ),
    (
        ("Permission denied", "Access is denied", "WinError 32"),
        "A file could not be written.",
        "Close Updraft's windows, see that this folder belongs to you, and run the same command again.",
    ),
)


def diagnosis(messages: str, otherwise: str) -> SetupFailed:
    """Return the failure that error messages tell of, the first of CAUSES, or one that says ``otherwise``."""
    for signs, sentence, hint in CAUSES:
        if any(sign in messages for sign in signs):
            return SetupFailed(sentence, hint)
    return SetupFailed(otherwise, "Put right what the messages above name, and run the same command again.")


def told(main: Callable[[], int]) -> int:
    """Run ``main`` and return its exit status: 1 after telling a failure and its hint, 130 after Ctrl+C."""
    try:
        return main()
    except SetupFailed as failure:
        complaint = failure
    except OSError as error:
        complaint = diagnosis(str(error), f"The computer refused: {error}.")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    print(f"\nUpdraft: {complaint.sentence}\n  Hint: {complaint.hint}", file=sys.stderr)
    return 1
