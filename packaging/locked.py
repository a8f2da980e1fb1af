"""Reads requirements.lock: every package Updraft installs, by section, with the hashes of its files.

A section is a line "# [name]" and the requirements below it, as pip reads them:
torch-cpu (its small build for Linux), torch, torch-cuda (what only its CUDA build for Linux needs), run (the program),
cuda (our kernels), check (the checks), starter (what carries the starter model; fetched, never installed).
"""

import re
from collections.abc import Iterable
from pathlib import Path

NAME = "requirements.lock"


def sections(text: str) -> dict[str, str]:
    """Return the requirements of each section."""
    _, *parts = re.split(r"^# \[(.+)\]\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def requirements(text: str) -> list[str]:
    """Cut a section into its requirements: a line and the indented lines that belong to it."""
    return [found.strip() for found in re.findall(r"^[^\s#].*\n(?:[ \t]+.*\n)*", text, flags=re.MULTILINE)]


def name_of(requirement: str) -> str:
    """Return the package that a requirement is about."""
    return re.split(r"[=<>~! ;\[]", requirement, maxsplit=1)[0]


def normal(name: str) -> str:
    """Return the spelling of a package's name that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def chosen(text: str, names: Iterable[str]) -> str:
    """Return the requirements of these sections, each once."""
    found = sections(text)
    each = dict.fromkeys(one for name in names for one in requirements(found[name]))
    return "".join(f"{one}\n" for one in each)


def pinned(folder: Path, package: str) -> str | None:
    """Return ``package==version`` as the lock file in ``folder`` has it, if it has."""
    try:
        text = (folder / NAME).read_text(encoding="utf-8")
    except OSError:
        return None
    return next(
        (one.split()[0] for one in requirements(text) if name_of(one) == package and "+" not in one.split()[0]), None
    )
