"""Reads the name of a model, or the address of its page on the Hub."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from engine.library.faults import LibraryError

_NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_OTHERS = {"datasets": "a dataset", "spaces": "a space", "collections": "a collection", "papers": "a paper"}
_VIEWS = frozenset({"tree", "blob", "resolve", "raw", "commit"})


def read_address(text: str) -> tuple[str, str | None]:
    """Return (owner/name, revision or None) from a name or a page's address; raises LibraryError (missing)."""
    cleaned = re.sub(r"\s*/\s*", "/", text.strip().strip("<>\"'").strip())
    path = urlsplit(cleaned).path if "://" in cleaned else cleaned
    if "://" not in cleaned and re.match(r"(www\.)?(huggingface\.co|hf\.co)/", cleaned):
        path = cleaned.partition("/")[2]
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["models"]:
        parts = parts[1:]
    revision = parts[3] if len(parts) > 3 and parts[2] in _VIEWS else None
    name = "/".join(parts[:2])
    plain = len(parts) == 2 or (len(parts) > 2 and "://" in cleaned) or revision is not None
    if parts and parts[0] in _OTHERS:
        raise LibraryError(
            "missing",
            f"“{text.strip()}” is the address of {_OTHERS[parts[0]]}, not of a model.",
            "Updraft runs models. The page of this one may name a model that belongs to it.",
        )
    if not plain or not _NAME.fullmatch(name) or ".." in name:
        raise LibraryError(
            "missing",
            f"“{text.strip()}” is not the name of a model.",
            "Write owner/name, for example Qwen/Qwen3-0.6B, or paste the address of the model's page.",
        )
    return name, revision
