"""Reads a config.json by the file of its family: for the library, which judges by it, and for the loader alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.architecture.families import FAMILIES
from engine.architecture.family import Family
from engine.architecture.form import form_of
from engine.architecture.settings import CHOOSE_ANOTHER, Settings
from engine.architecture.shape import Architecture
from engine.errors import CheckpointError
from engine.files import read_object

IMPORT = "Import the file, in the window under Models, or with “python -m engine models import” and its name."
WRITES = "ForCausalLM"  # how the name of every architecture ends that writes text


def read_architecture(folder: Path) -> Architecture:
    """Read ``folder``/config.json; no network, no code from the folder.

    Raises CheckpointError when the file is missing or damaged, or describes something Updraft does not run.
    """
    require_folder(folder)
    return architecture_of(read_object(folder / "config.json"), str(folder))


def require_folder(folder: Path) -> None:
    """Raise CheckpointError unless ``folder`` is a folder; for GGUF files, in one or alone, say how to import them."""
    if folder.is_file():
        if folder.suffix.lower() == ".gguf":
            raise CheckpointError(f"{folder} is a GGUF file, which has to be imported before it runs.", IMPORT)
        raise CheckpointError(f"{folder} is a file, not a model folder.", "Choose the folder it lies in.")
    if not folder.is_dir():
        raise CheckpointError(f"There is no model folder {folder}.", "Choose a folder that holds a model.")
    packed = next(folder.glob("*.[gG][gG][uU][fF]"), None)
    if packed and not any(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"{folder} holds a GGUF model ({packed.name}), which has to be imported before it runs.", IMPORT
        )


def architecture_of(config: Mapping[str, Any], name: str) -> Architecture:
    """Read the values of a ``config.json``; ``name`` is what an error calls the model. Raises CheckpointError."""
    settings = Settings(config, name)
    family = _family(settings)
    form_of(settings)
    return family.read(settings)


def _family(settings: Settings) -> Family:
    """Return the model's family; raises CheckpointError for one that is not ours, or that does not write text."""
    if settings.has("draft_vocab_size"):  # the oldest heads call themselves what their layer is
        raise CheckpointError(
            f"{settings.name} is a drafter, which guesses ahead for a model and is none by itself.",
            "Choose the model it was made for, and add the drafter to it.",
        )
    named = settings.values.get("model_type")
    family = FAMILIES.get(named) if isinstance(named, str) else None
    if family is None:
        kind = f"of the architecture “{named:.40}”" if isinstance(named, str) else "of no architecture its file names"
        raise CheckpointError(f"{settings.name} is {kind}, which Updraft does not run.", CHOOSE_ANOTHER)
    listed = settings.values.get("architectures")
    listed = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    if listed and not any(each.endswith(WRITES) for each in listed):
        raise CheckpointError(
            f"{settings.name} is a “{listed[0]:.60}”, a model that reads text but does not write it.",
            "Choose a model made for chat or for text generation.",
        )
    return family
