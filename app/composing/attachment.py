"""Attaches texts to a question: a chip while it is written, part of its text once it is asked. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

LONG = 50_000  # characters from which a text is attached in place of being written into the field
WORD = 10_000  # and of a single word, which Qt breaks into lines by trying every letter
PASTED = "Pasted text"
_HEAD = "Attached: "
_FENCE = "```"
_LANGUAGES = {".md": "markdown", ".py": "python", ".js": "javascript", ".rs": "rust", ".c": "c", ".h": "c",
              ".json": "json"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attached ``text`` and the ``name`` of its file."""

    name: str
    text: str


def joined(typed: str, attached: Sequence[Attachment]) -> str:
    """Return the question: the ``typed`` text, then every attachment under its name."""
    return "\n\n".join(part for part in (typed, *map(_quoted, attached)) if part) if attached else typed


def parted(question: str) -> tuple[str, list[Attachment]]:
    """Split ``question`` into the typed text and the attachments: the inverse of ``joined``.

    A text too long for the field becomes an attachment, too.
    """
    lines, attached = question.split("\n"), list[Attachment]()
    while (found := _last(lines)) is not None:
        start, attachment = found
        attached.insert(0, attachment)
        lines = lines[: max(start - 1, 0)]  # with the empty line above it
    typed = "\n".join(lines)
    return ("", [Attachment(PASTED, typed), *attached]) if too_long(typed) else (typed, attached)


def too_long(text: str) -> bool:
    """Return whether ``text`` is so long that laying it out in a field would be felt."""
    return len(text) > LONG or any(len(word) > WORD for word in text.split())


def _quoted(attachment: Attachment) -> str:
    """Fence the text, so that a model sees where it begins and ends."""
    fence = _FENCE
    while fence in attachment.text:
        fence += "`"
    language = _LANGUAGES.get(PurePath(attachment.name).suffix.lower(), "")
    return f"{_HEAD}{attachment.name}\n{fence}{language}\n{attachment.text}\n{fence}"


def _last(lines: Sequence[str]) -> tuple[int, Attachment] | None:
    """Return the attachment ``lines`` end with and the line it begins at; None if they end otherwise."""
    fence = lines[-1] if lines else ""
    if len(fence) < len(_FENCE) or fence.strip("`"):
        return None
    for at in range(len(lines) - 2, 0, -1):
        if lines[at].startswith(fence) and lines[at - 1].startswith(_HEAD) and not (at > 1 and lines[at - 2]):
            return at - 1, Attachment(lines[at - 1].removeprefix(_HEAD), "\n".join(lines[at + 1 : -1]))
        if fence in lines[at]:
            return None
    return None
