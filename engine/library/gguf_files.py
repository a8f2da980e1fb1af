"""GGUF files among others: told by how they begin, and what to call the model in one. Nothing of them is read here."""

from __future__ import annotations

from pathlib import Path

from engine.library.naming import plain_name

MAGIC = b"GGUF"
SEEING = "mmproj"  # how files begin that hold the part of a model that sees pictures


def is_gguf(path: Path) -> bool:
    """Tell whether ``path`` is a GGUF file, by its name or by how it begins; Ollama's have no ending."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return path.suffix.lower() == ".gguf" or file.read(len(MAGIC)) == MAGIC


def gguf_in(source: Path) -> Path | None:
    """Return the GGUF file that ``source`` is, or the only model in it where it is a folder of such files."""
    if is_gguf(source):
        return source
    if not source.is_dir() or any(source.glob("*.safetensors")):
        return None
    files = [path for path in source.iterdir() if path.suffix.lower() == ".gguf" and not path.is_dir()]
    files = [path for path in files if not path.name.lower().startswith(SEEING)] or files
    return files[0] if len(files) == 1 else None


def gguf_name(source: Path, said: object) -> str:
    """Return what to call the model in ``source``: by its file, unless that says nothing, then as it calls itself."""
    stem = source.stem if source.suffix.lower() == ".gguf" else ""
    names = (stem, said if isinstance(said, str) else "", source.parent.name)
    return next(filter(None, map(plain_name, names)), "model")
