"""Reads text files for a question, refusing those that are too large or no text."""

from __future__ import annotations

import codecs
from pathlib import Path

from app.composing.attachment import Attachment
from app.desktop.files import obstructed
from engine.errors import UpdraftError
from engine.words import size

LARGEST = 10**6  # bytes: some 250,000 tokens, more than nearly every model can hold
NO_PICTURES = ("Pictures cannot be read: Updraft's models know only text.", "Describe in words what it shows.")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_PICTURE_NAMES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".ico"}
_DOCUMENTS = {".pdf": "PDF", ".doc": "Word", ".docx": "Word", ".odt": "OpenDocument", ".xlsx": "Excel",
              ".pptx": "PowerPoint", ".epub": "EPUB", ".rtf": "RTF"}  # fmt: skip
_MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileRefused(UpdraftError):  # noqa: N818 - said of a file
    """A file or a text that cannot go into a question."""


def read_attachment(path: Path) -> Attachment:
    """Return the file at ``path`` as an attachment. Raises FileRefused."""
    return Attachment(path.name.replace("\n", " "), read_text_file(path))


def read_text_file(path: Path) -> str:
    """Return the text in ``path``: UTF-8, or what its byte order mark says. Raises FileRefused."""
    try:
        if path.is_dir():
            raise FileRefused(f"{path.name} is a folder.", "Drop single text files.")
        if obstructed(path):
            raise FileRefused(f"{path.name} is not a file.", "Only text files can be attached.")
        require_size(path.stat().st_size, path.name)
        raw = path.read_bytes()
    except OSError as error:
        raise FileRefused(f"{path.name} could not be read: {error.strerror or error}.", "Is it still there?") from error
    return _decode(raw, path)


def require_size(count: int, name: str) -> None:
    """Raise FileRefused if ``count`` bytes are more than a question takes."""
    if count > LARGEST:
        raise FileRefused(
            f"{name} has {size(count)}; a question takes texts of up to {size(LARGEST)}.",
            "Copy the part that matters, and paste it.",
        )


def _decode(raw: bytes, path: Path) -> str:
    name, kind = path.name, path.suffix.lower()
    if raw.startswith(_PICTURES) or (kind in _PICTURE_NAMES and not _is_text(raw)):
        sentence, hint = NO_PICTURES
        raise FileRefused(f"{name} is a picture. {sentence}", hint)
    encoding = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if kind in _DOCUMENTS:
            raise _no_document(name, _DOCUMENTS[kind]) from error
        raise FileRefused(
            f"{name} is not plain text, or not in UTF-8 (its byte {error.start + 1:,} cannot be read).",
            "Open it in the program it was made with, and copy its text from there.",
        ) from error
    if "\0" in text or raw.startswith(b"%PDF"):
        if kind in _DOCUMENTS:
            raise _no_document(name, _DOCUMENTS[kind])
        raise FileRefused(f"{name} is not a text file.", "Only plain text can go into a question.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode()
    except UnicodeDecodeError:
        return False


def _no_document(name: str, kind: str) -> FileRefused:
    return FileRefused(f"{name} is a {kind} file; only plain text can be attached.", "Copy its text and paste it.")
