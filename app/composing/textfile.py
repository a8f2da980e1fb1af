"""A file as text for a question: small enough, and really text."""

from __future__ import annotations

import codecs
from pathlib import Path

from engine.errors import UpdraftError

LARGEST = 256 * 1024  # bytes: some 60,000 tokens, more than nearly every model can hold
FENCES = {".md": "markdown", ".py": "python", ".js": "javascript", ".rs": "rust", ".c": "c", ".h": "c", ".json": "json"}
_MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileRefused(UpdraftError):  # noqa: N818 - said of a file
    """A file that cannot go into a question."""


def read_text_file(path: Path) -> str:
    """Return the text in ``path``: UTF-8, or what its byte order mark says. Raises FileRefused."""
    try:
        if path.is_dir():
            raise FileRefused(f"{path.name} is a folder.", "Drop single text files.")
        size = path.stat().st_size
        if size > LARGEST:
            raise FileRefused(
                f"{path.name} has {size / 1024:,.0f} KB; a question takes files up to {LARGEST // 1024} KB.",
                "Copy the part that matters, and paste it.",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise FileRefused(f"{path.name} could not be read: {error.strerror or error}.", "Is it still there?") from error
    return _decode(raw, path.name)


def quoted(path: Path, text: str) -> str:
    """Return ``text`` under its file's name, fenced so that a model sees where it begins and ends."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{path.name}:\n{fence}{FENCES.get(path.suffix.lower(), '')}\n{text.rstrip()}\n{fence}\n"


def _decode(raw: bytes, name: str) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{name} is not text in UTF-8: byte {error.start + 1:,} does not fit.",
            "Save it as UTF-8, or paste its text.",
        ) from error
    if "\0" in text:
        raise FileRefused(f"{name} is not a text file.", "Only plain text can go into a question.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
