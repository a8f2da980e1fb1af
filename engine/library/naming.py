"""Finds a name for an imported model whose folder does not give one, and the licence that its card names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError
from engine.files import present
from engine.library.faults import LibraryError
from engine.library.paths import is_plain

LONGEST = 80  # characters of a name; more is no name
_NOTHING = re.compile(
    r"[0-9a-f]{7,64}|\d+|((bf|fp|f|int|nf|q)-?\d+|\d+-?bits?)(_\w+)?|hf|main|master|model|models|weights|snapshots?|"
    r"checkpoints?|(checkpoint|step|epoch|global_step)[-_]?\d+|final|latest|best|last|merged|outputs?|safetensors|"
    r"default|original|converted|downloads?|transformers|tmp|new folder|untitled|local|sha256-\w+|"
    r"(ggml-)?model([-.](bf|f|q|iq)\d+(_\w+)?)?",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^# +(.+?) *#*$", re.MULTILINE)
_LICENCE = re.compile(r"^license: *[\"']?([\w. +-]+?)[\"']? *$", re.MULTILINE)
_FIELD = re.compile(r"^ *-? *(?:model_name|name): *[\"']?([\w./ -]+?)[\"']? *$", re.MULTILINE)


def folder_name(source: Path, config: dict[str, Any]) -> str:
    """Return what to call the checkpoint in ``source``: by its folder, unless that says nothing ("bf16", a hash).

    Then by its configuration, by the Hub client's cache that it lies in, by its card, by the folders above.
    """
    path = source.resolve()
    said = str(config.get("_name_or_path") or "").rstrip("/\\")
    cached = (each.name.rpartition("--")[2] for each in path.parents if each.name.startswith("models--"))
    above = (each.name for each in path.parents if not each.name.startswith("models--"))
    for name in (path.name, re.split(r"[/\\]", said)[-1], *cached, *_on_card(path / "README.md"), *above):
        if plain := plain_name(name):
            return plain
    return "model"


def plain_name(name: str) -> str:
    """Return ``name`` as a folder can be called; "" where it says nothing of the model ("bf16", a hash)."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip(".-")
    return plain if is_plain(plain) and not _NOTHING.fullmatch(name.strip()) else ""


def checked_name(text: str) -> str:
    """Return the name a person typed, blanks around it removed; raises LibraryError (folder) if it cannot be one."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise LibraryError(
            "folder", "That cannot be the name of a model.", f"Write letters, digits and blanks, at most {LONGEST}."
        )
    return name


def licence_on_card(source: Path) -> str:
    """Return the licence that the card in ``source`` names in its front matter, "" where it names none."""
    found = _LICENCE.search(_read(source / "README.md")[0])
    return found[1] if found and len(found[1]) <= LONGEST and found[1].isprintable() else ""


def _on_card(card: Path) -> list[str]:
    """Return the names a model's card gives it, the front matter's first."""
    matter, text = _read(card)
    found = [_FIELD.search(matter), _HEADING.search(text)]
    return [each[1].rpartition("/")[2] for each in found if each and len(each[1]) <= LONGEST]


def _read(card: Path) -> tuple[str, str]:
    """Return a card's front matter, and the beginning of it with that; nothing of one that cannot be read."""
    try:
        if not present(card):
            return "", ""
        with card.open(encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 16)
    except (CheckpointError, OSError):
        return "", ""
    _, _, rest = text.partition("---\n") if text.startswith("---\n") else ("", "", "")
    return rest.partition("\n---")[0], text
